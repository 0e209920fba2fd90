"""Bring a report up to date: build every period that is missing, and revise those whose data changed since.

A row belongs to every period in which one of its times lies. A published report remembers a mark of its period's rows
as they were known at the period's end; when the mark of today's data differs, data came late, and the report is built
again as the next version (see ``versions``). Later periods take late rows in when they are built.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from analytics.config import Config, load_config
from analytics.publish.collect import ReportError
from analytics.publish.run import build_report, find_notebook, parts_to_report, report_name
from analytics.publish.versions import CHANGES, FILES, HeldBackError, read_json, tell_changes, version_of
from analytics.report.cutoff import known_at, times_of
from analytics.tables.parts import only_part
from analytics.tables.periods import Frequency, Period, last_complete_period, parse_period, period_of
from analytics.tables.read import read_tables
from analytics.tables.schema import STAMPS, ReadLog, Tables

Word = Literal["built", "finished", "revised", "no data", "failed"]


@dataclass(frozen=True)
class Step:
    """What became of one period: the word, and why or what changed.

    'revised' is a new version of a published report; 'no data' is a month in which nothing of a customer lies.
    """

    period: str
    word: Word
    detail: str = ""
    part: str = ""

    @property
    def label(self) -> str:
        """The period, and the part it is of where reports are made by part."""
        return f"{self.period} {self.part}".strip()


def catch_up(
    name: str, config: str | Path = "perception.toml", *, since: str | None = None,
    frequency: Frequency | None = None, now: datetime | None = None,
) -> Iterator[Step]:  # fmt: skip
    """Build every missing report in order up to the last complete period, skipping those that are finished.

    One that fails does not keep the later ones from being built; the next call tries it again. Each report is a run of
    its own, so the last costs as much as the first.

    Parameters
    ----------
    name
        As for `build_report`.
    config
        The configuration file.
    since
        First period to look at; None: the first with data.
    frequency
        'week', 'month' or 'quarter'; None: as configured.
    now
        The moment up to which periods are complete; None: the present.

    Yields
    ------
    Step
        One per period, as soon as it is done; nothing is built before it is asked for.

    Raises
    ------
    ValueError
        If settings, name or `since` are faulty, or the data cannot be read; before anything is built.
    """
    settings = load_config(config)
    frequency = frequency or settings.report.frequency
    first = _first(since, frequency)
    report = report_name(find_notebook(name, settings.root))
    tables = read_tables(settings)
    now = now or datetime.now(settings.organisation.zone)
    parts = parts_to_report(settings, tables)
    of_part = {part: only_part(tables, settings.report.by, part) for part in parts}
    marks = {part: mark_periods(rows, frequency, first, now) for part, rows in of_part.items()}
    log = tables.log or ReadLog()
    del tables, of_part  # the kernel reads its own; this process stays small
    inputs = [{str(k): v for k, v in row.items()} for row in log.inputs.to_dict("records")]
    for part in parts:
        build = partial(build_report, name, config=config, part=part)
        for step in _steps(settings, settings.report_folder(report, part), marks[part], inputs, build):
            yield replace(step, part=part)


def _steps(
    settings: Config, top: Path, marks: dict[str, str], inputs: list[dict[str, Any]], build: Callable[..., object]
) -> Iterator[Step]:
    """Bring every period of one report up to date."""
    last = max((period for period, mark in marks.items() if mark), default="")
    for period, mark in marks.items():
        span = parse_period(period).localise(settings.organisation.timezone)
        if mark:
            yield _bring_up(build, top / period, span, mark, inputs)
        elif period > last and period == max(marks):
            yield Step(period, "failed", f"no survey, complaint or contact is later than {last or 'any period'}")
        else:
            yield Step(period, "no data")


def _first(since: str | None, frequency: Frequency) -> Period | None:
    if since is None:
        return None
    first = parse_period(since)
    if first.frequency != frequency:
        raise ValueError(f"since is {since!r}, a {first.frequency}; reports are made by {frequency}.")
    return first


def _bring_up(build: Callable[..., object], folder: Path, span: Period, mark: str, read: list[dict[str, Any]]) -> Step:
    """Build one period unless it is finished."""
    before = version_of(folder)
    if before and _is_finished(folder, span, mark, read):
        return Step(span.name, "finished", f"version {before}")
    try:
        build(period=span.name, data_mark=mark)
    except HeldBackError as held:
        return Step(span.name, "finished", f"version {before}; {held}")
    except (ReportError, OSError, ValueError) as fault:
        return Step(span.name, "failed", str(fault))
    after = version_of(folder)
    if before == 0:
        return Step(span.name, "built", f"version {after}")
    if after == before:
        return Step(span.name, "finished", f"version {before}; late data change nothing in it")
    changes = tell_changes(read_json(folder / CHANGES)) or ["No figure changed."]
    return Step(span.name, "revised", f"version {after}. {' '.join(changes)}")


def _is_finished(folder: Path, span: Period, mark: str, inputs: list[dict[str, Any]]) -> bool:
    """Whether a published report is whole, was made after its period was over, and of the data as they are now."""
    manifest = read_json(folder / "manifest.json")
    if manifest is None or not all((folder / file).is_file() for file in FILES):
        return False
    try:
        over = datetime.fromisoformat(manifest["finished_at"]) >= span.end
    except (KeyError, TypeError, ValueError):
        return False
    # one that catch_up did not build has no mark: the same files are the same data
    same = manifest.get("inputs") == inputs if manifest.get("data_mark") is None else manifest["data_mark"] == mark
    return over and bool(same)


def mark_periods(tables: Tables, frequency: Frequency, first: Period | None, now: datetime) -> dict[str, str]:
    """Mark the data of each complete period, in order, from `first` or the first with data on.

    Parameters
    ----------
    tables
        As read; customers are left out, for what is said of them has no date.
    frequency
        'week', 'month' or 'quarter'.
    first
        None for the first period with data.
    now
        Aware; periods that are over at it are complete.

    Returns
    -------
    dict
        Period name -> SHA-256 of its rows, in any order; '' where no survey, complaint or contact lies in it. Periods
        after the last one with data are left out, but for the last complete one.
    """
    frames = {name: frame for name in STAMPS if (frame := getattr(tables, name)) is not None}
    stamps = [frame[c].dropna() for name, frame in frames.items() for c in STAMPS[name] if c in frame]
    last = last_complete_period(frequency, now)
    if not sum(map(len, stamps)):
        return {last.name: ""}
    times = pd.concat(stamps)
    ends = period_of(pd.Series([times.min(), times.max()]), frequency)
    step, stop = first or parse_period(ends.iloc[0]), min(last.name, ends.iloc[1])
    zone = str(times.dt.tz) if times.dt.tz is not None else "UTC"
    marks: dict[str, str] = {}
    while step.name <= stop:
        marks[step.name] = _mark(frames, step.localise(zone))
        step = step.previous(-1)
    return marks | ({last.name: ""} if last.name > stop else {})


def _mark(frames: dict[str, pd.DataFrame], period: Period) -> str:
    """Digest of the rows with a time in the period, as known at its end; '' where no row arrived in it."""
    digest, arrived = hashlib.sha256(), False
    for name, frame in frames.items():
        times = times_of(frame)
        inside = {c: period.contains(frame[c]) for c in times}
        arrived |= any(inside[c].any() for c in STAMPS[name] if c in inside)
        rows = known_at(frame[pd.DataFrame(inside, index=frame.index).any(axis=1)], period.end)
        rows = rows.dropna(axis=1, how="all").sort_index(axis=1)
        hashes = pd.util.hash_pandas_object(rows, index=False).sort_values()
        digest.update(f"{name}:{','.join(rows.columns)}".encode() + hashes.to_numpy().tobytes())
    return digest.hexdigest() if arrived else ""
