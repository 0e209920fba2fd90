"""What was known at a moment: tables cut off at a period's end, or at its beginning.

Nothing that a report says of a period may rest on what came after it.
"""

from dataclasses import replace
from datetime import tzinfo
from typing import NamedTuple

import pandas as pd

from analytics.tables.periods import Period, period_of
from analytics.tables.schema import STAMPS, Tables

SAID_LATER = ("nps", "csat", "ces", "comment")  # what an answer brings; before it, the customer was silent
COVERED = 0.1  # share of the period that may lie before the first or after the last row without a caution


class EmptyPeriodError(ValueError):
    """The period holds no customer's answer, complaint or contact: there is nothing to report."""


class UnfinishedPeriodError(ValueError):
    """The period is not over: what is known of it is not the whole of it."""


class Coverage(NamedTuple):
    """The first and last day that the data cover of the period; None where they reach to that end of it."""

    first: pd.Timestamp | None
    last: pd.Timestamp | None


def dated_by(table: str, frame: pd.DataFrame | None) -> str | None:
    """The column that dates a row of a table: for surveys the invitation, or the answer where that is not recorded."""
    return next((c for c in STAMPS[table] if frame is not None and c in frame and frame[c].notna().any()), None)


def stamps_of(tables: Tables) -> pd.Series:
    """When each dated row came in, all tables in one column."""
    columns = [(frame, dated_by(name, frame)) for name in STAMPS for frame in (getattr(tables, name),)]
    stamps = [frame[column].dropna() for frame, column in columns if column is not None]
    return pd.concat(stamps) if stamps else pd.Series(dtype="datetime64[us, UTC]")


def days_covered(tables: Tables, period: Period) -> Coverage:
    """The first and last day of a period that the data cover, where they miss more than a tenth of it at that end."""
    times = stamps_of(tables)
    inside = times[period.contains(times)]
    slack = max((period.end - period.start) * COVERED, pd.Timedelta(days=1))
    first = inside.min() if times.min() - period.start > slack else None
    pause = times.sort_values().diff().nlargest(2).min()  # that came twice before
    return Coverage(first, inside.max() if period.end - inside.max() > max(slack, pause) else None)


def refuse_unfinished(period: Period, zone: tzinfo) -> None:
    """Stop where the period is not over."""
    if period.status(pd.Timestamp.now(zone)) != "complete":
        last = period.end - pd.Timedelta(days=1)
        raise UnfinishedPeriodError(f"{period.name} is not over: its last day is {last:%-d %B %Y}. Report a past one.")


def refuse_empty(tables: Tables, period: Period, organisation: str) -> None:
    """Stop where nothing of a customer lies in the period."""
    times = stamps_of(tables)
    if times.empty:
        raise EmptyPeriodError(
            f"{period.name}: no survey, complaint or contact carries a date. Map a date column, or report the whole "
            "file: --period all."
        )
    if not period.contains(times).any():
        last = period_of(times.sort_values().tail(1), period.frequency).iloc[0]
        raise EmptyPeriodError(
            f"{period.name}: no survey, complaint or contact lies in it. The data of {organisation} "
            f"run from {times.min():%Y-%m-%d} to {times.max():%Y-%m-%d}; "
            f"the last {period.frequency} with data is {last}."
        )


def spanning(period: Period, tables: Tables) -> Period:
    """The period of a whole file, from its first day to the end of its last; as it is where nothing has a date."""
    times = stamps_of(tables)
    if times.empty:
        return period
    return replace(period, start=times.min().normalize(), end=times.max().normalize() + pd.DateOffset(days=1))


def since(tables: Tables, start: pd.Timestamp) -> Tables:
    """What came in from a moment on, and rows without a date; customers whole."""
    cut: dict[str, pd.DataFrame | None] = {}
    for name in STAMPS:
        frame = getattr(tables, name)
        stamp = dated_by(name, frame)
        cut[name] = frame if stamp is None else _without(frame, frame[stamp] < start)
    return Tables(cut["contacts"], cut["surveys"], cut["complaints"], tables.customers)


def tables_at(tables: Tables, end: pd.Timestamp) -> Tables:
    """The tables as they stood at a moment: later rows gone, later stamps and answers not yet there."""
    cut: dict[str, pd.DataFrame] = {}
    for name in (*STAMPS, "customers"):
        frame = getattr(tables, name)
        if frame is None:
            continue
        stamp = dated_by(name, frame) if name in STAMPS else "joined_at" if "joined_at" in frame else None
        cut[name] = known_at(frame if stamp is None else _without(frame, frame[stamp] >= end), end)
    return Tables(**cut, log=tables.log)


def known_at(frame: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    """Rows without the stamps, and the answers, that came at an aware moment or after it."""
    naive = moment.tz_localize(None)
    later = {c: frame[c] >= (naive if frame[c].dt.tz is None else moment) for c in times_of(frame)}
    blank = {c: c for c in later}
    if "responded_at" in later:
        blank |= {c: "responded_at" for c in SAID_LATER if c in frame}
    return frame.assign(**{c: frame[c].mask(later[by]) for c, by in blank.items() if later[by].any()})


def _without(frame: pd.DataFrame, rows: pd.Series) -> pd.DataFrame:
    """The frame less some rows; itself, and no copy, where there are none."""
    return frame[~rows] if rows.any() else frame


def times_of(frame: pd.DataFrame) -> list[str]:
    """Names of the columns that hold stamps."""
    return [str(c) for c in frame.select_dtypes(["datetime", "datetimetz"])]
