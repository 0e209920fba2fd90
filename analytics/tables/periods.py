"""Reporting periods: ISO weeks, calendar months and quarters, by the names that commands and folders carry.

'all' is the whole file, whatever its dates: rows without a date belong to it and to no other period.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Self

import pandas as pd

Frequency = Literal["week", "month", "quarter", "all"]
Status = Literal["complete", "running", "future"]

_OFFSETS = {"week": "W-SUN", "month": "M", "quarter": "Q-DEC"}
_NAME = re.compile(r"((?:19|20|21)\d\d)-(?:(0[1-9]|1[0-2])|Q([1-4])|W(0[1-9]|[1-4]\d|5[0-3]))", re.ASCII)
_FORMS = "'2025-03' (month), '2025-Q1' (quarter), '2025-W07' (ISO week, Monday to Sunday) or 'all' (the whole file)"
ALL, EARLIER = "all", "earlier"


@dataclass(frozen=True)
class Period:
    """A week, month, quarter or whole file: `start` belongs to it, `end` is the start of the next one.

    Both are midnights without a zone until `localise` gives them one.
    """

    name: str
    start: pd.Timestamp
    end: pd.Timestamp

    @property
    def frequency(self) -> Frequency:
        """'week', 'month', 'quarter' or 'all'."""
        if self.name in (ALL, EARLIER):
            return "all"
        return "week" if "W" in self.name else "quarter" if "Q" in self.name else "month"

    @property
    def label(self) -> str:
        """The period in words for a reader: 'March 2025', 'quarter 1 of 2025', 'week of 10 February 2025'."""
        if self.frequency == "all":
            return "the whole file" if self.name == ALL else "an earlier file"
        if self.frequency == "week":
            return f"week of {self.start.day} {self.start:%B %Y}"
        return f"{self.start:%B %Y}" if self.frequency == "month" else f"quarter {self.name[-1]} of {self.start.year}"

    def previous(self, k: int = 1) -> Self:
        """The k-th period before this one, in the same zone; a negative k looks ahead."""
        if self.frequency == "all":
            return replace(self, name=EARLIER, end=self.start)
        bare = self.start.tz_localize(None)
        name = _name(bare.to_period(_OFFSETS[self.frequency]) - k)
        earlier = replace(self, **vars(parse_period(name)))
        return earlier if self.start.tz is None else earlier.localise(str(self.start.tz))

    def localise(self, timezone: str) -> Self:
        """The same period with both midnights in a zone, such as 'Europe/London'.

        Where clocks change at midnight, the day begins with the first moment that exists.
        """
        start, end = (_local_midnight(t.tz_localize(None), timezone) for t in (self.start, self.end))
        return replace(self, start=start, end=end)

    def contains(self, times: pd.Series) -> pd.Series:
        """Which times fall into the period; a missing one only into 'all'. Aware times are read by local clock."""
        if self.name == ALL:
            return pd.Series(True, times.index)
        local = times.dt.tz_localize(None) if self.start.tz is None and times.dt.tz is not None else times
        if self.start.tz is not None and times.dt.tz is None:
            local = times.dt.tz_localize(self.start.tz, ambiguous=True, nonexistent="shift_forward")
        return (local >= self.start) & (local < self.end)

    def status(self, now: datetime) -> Status:
        """Whether the period is over, under way or still to come at `now`; the whole file is as complete as it gets."""
        if self.frequency == "all":
            return "complete"
        moment = _same_clock(pd.Timestamp(now), self.start)
        return "future" if moment < self.start else "running" if moment < self.end else "complete"


def parse_period(name: str) -> Period:
    """Read the name of a period: a month, a quarter or an ISO week.

    Raises
    ------
    ValueError
        If the name has another form, or names a 53rd week that its year lacks. Nothing that could walk through
        folders gets past this.

    References
    ----------
    ISO 8601-1:2019 for weeks: week 1 holds the year's first Thursday.

    Examples
    --------
    >>> parse_period("2025-Q1").end
    Timestamp('2025-04-01 00:00:00')
    >>> parse_period("2025-W01").start  # a Monday in the year before
    Timestamp('2024-12-30 00:00:00')
    """
    if not isinstance(name, str):
        raise TypeError(f"A period is text, not {type(name).__name__}. Write it as {_FORMS}.")
    if name == ALL:
        return Period(name, pd.Timestamp(1900, 1, 1), pd.Timestamp(2200, 1, 1))
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{name[:40]!r} is not a period. Write it as {_FORMS}.")
    year, month, quarter, week = match.groups()
    if week:
        try:
            start = pd.Timestamp(datetime.fromisocalendar(int(year), int(week), 1))
        except ValueError:
            raise ValueError(f"{name!r} is not a period: {year} has 52 ISO weeks. Write it as {_FORMS}.") from None
        return Period(name, start, start + pd.Timedelta(days=7))
    start = pd.Timestamp(int(year), int(month) if month else 3 * int(quarter) - 2, 1)
    return Period(name, start, start + pd.DateOffset(months=1 if month else 3))


def last_complete_period(frequency: Frequency, now: datetime) -> Period:
    """Name the last period that is over at `now`, by the local clock that `now` shows.

    Examples
    --------
    >>> last_complete_period("month", pd.Timestamp("2025-04-01 00:00")).name
    '2025-03'
    """
    bare = pd.Timestamp(now).tz_localize(None)
    return parse_period(_name(bare.to_period(_offset(frequency)) - 1))


def period_of(times: pd.Series, frequency: Frequency) -> pd.Series:
    """Name of the period that each time falls into, by its local clock; a missing time stays missing.

    Examples
    --------
    >>> period_of(pd.Series(pd.to_datetime(["2025-03-31 23:59", None])), "quarter").tolist()
    ['2025-Q1', nan]
    """
    if frequency == "all":
        return pd.Series(ALL, times.index, dtype="str", name=times.name)
    bare = times.dt.tz_localize(None) if times.dt.tz is not None else times
    codes, periods = pd.factorize(bare.dt.to_period(_offset(frequency)))
    names = pd.Series(list(map(_name, periods)), dtype="str").reindex(codes)
    return pd.Series(names.to_numpy(), index=times.index, dtype="str", name=times.name)


def _offset(frequency: str) -> str:
    if frequency not in _OFFSETS:
        raise ValueError(f"frequency {frequency!r} is not known. Expected one of: {', '.join(_OFFSETS)}.")
    return _OFFSETS[frequency]


def _name(period: pd.Period) -> str:
    if period.freqstr.startswith("W"):
        iso = period.start_time.isocalendar()
        return f"{iso.year}-W{iso.week:02d}"
    return f"{period.year}-Q{period.quarter}" if period.freqstr.startswith("Q") else f"{period:%Y-%m}"


def _local_midnight(midnight: pd.Timestamp, timezone: str) -> pd.Timestamp:
    return midnight.tz_localize(timezone, ambiguous=True, nonexistent="shift_forward")


def _same_clock(moment: pd.Timestamp, like: pd.Timestamp) -> pd.Timestamp:
    """Give a moment the zone of another, or take its zone away, so that the two can be compared."""
    if like.tz is None:
        return moment.tz_localize(None)
    return _local_midnight(moment, str(like.tz)) if moment.tz is None else moment.tz_convert(like.tz)
