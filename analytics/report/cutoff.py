"""What was known at a moment: tables cut off at a period's end, or at its beginning.

Nothing that a report says of a period may rest on what came after it.
"""

import pandas as pd

from analytics.tables.schema import Tables

STAMPS = {"contacts": "started_at", "surveys": "invited_at", "complaints": "received_at"}
SAID_LATER = ("nps", "csat", "ces", "comment")  # what an answer brings; before it, the customer was silent


def dated_by(table: str, frame: pd.DataFrame | None) -> str | None:
    """The column that dates a row of a table: for surveys the invitation, or the answer where that is not recorded."""
    choices = (STAMPS[table], "responded_at") if table == "surveys" else (STAMPS[table],)
    return next((c for c in choices if frame is not None and c in frame and frame[c].notna().any()), None)


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
    later = {
        c: frame[c] >= (moment if frame[c].dt.tz is not None else moment.tz_localize(None)) for c in times_of(frame)
    }
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
