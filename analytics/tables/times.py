"""Stamps as programs and people write them: which moment a cell names, and in which order day and month stand.

One column is read one way. Where its cells show two orders of day and month, nothing is read.
"""

import re
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd

from analytics.tables.periods import parse_period
from analytics.tables.spelling import NO_VALUE, WORDS, Reading, as_text, fold, invert, is_one_of, unify

FIRST_YEAR, LAST_YEAR = 1900, 2100
EPOCH_RANGE = (946_684_800, 4_102_444_800)  # seconds of 2000 to 2100
SERIAL_RANGE = (36_526, 73_051)  # days of 2000 to 2100 as a spreadsheet counts them, from 30 December 1899
YEARS = 6  # different two-digit numbers in the place of a year that may as well be days
MONTHS = {name: int(number) for name, number in invert(WORDS["months"]).items()}

_SECONDS = invert(WORDS["seconds"])
_HALVES = {half: "|".join(map(re.escape, words)) for half, words in WORDS["halves"].items()}
_DATES, _CLOCK = WORDS["stamps"]["dates"], WORDS["stamps"]["clock"]
_OFFSET = re.compile(r"(?:gmt|utc|z)? ?([+-]\d{1,2})(?::?(\d\d))?(?: ?\(.*)?")
_ISO = r"^\d{4}(?:[-/]\d{1,2}[-/]\d{1,2}(?:[ T].+)?|\d{4}(?:T.+)?)$"
_STAMP, _PLAIN_OFFSET = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?", r"(?:Z|[+-]\d\d:?\d\d)"
_AWARE = r":\d\d.*(?:Z|[+-]\d\d(?::?\d\d)?)$"


# Moments in UTC; why a cell is bad, missing where it is not; which fell into an hour that clocks change; notes.
Times = tuple[pd.Series, pd.Series, np.ndarray, tuple[str, ...]]


def read_times(cells: pd.Series, written: Reading) -> Times:
    """Read the stamps of a column.

    Parameters
    ----------
    cells
        Its values, text or stamps or numbers.
    written
        How they are written.

    Raises
    ------
    ValueError
        If day and month can be read two ways, or stand in two orders that the rows do not tell apart.
    """
    notes: list[str] = []
    reason = "is not a time that exists"
    if pd.api.types.is_datetime64_any_dtype(cells):
        present, parts = cells.notna(), [cells]
    else:
        text = as_text(cells)
        text = text.mask(is_one_of(text, NO_VALUE))
        counted, note, hint = _read_counts(text, written)
        notes += [note] if note else []
        reason += hint
        rest = text.drop(counted.index).dropna()
        period, starts = read_periods(rest) if written.periods and not written.formats else ("", rest)
        notes += [f"each {period} was read as its first day"] if period else []
        present = text.notna()
        back = _count_back(rest[:0] if period else rest, written, notes)
        rest = rest.drop(back.index)
        parts = [counted, back, *([starts] if period else _parse(rest, written))]
    read = pd.Series(pd.NaT, index=cells.index, dtype="datetime64[us, UTC]")
    shifted = np.zeros(len(cells), dtype=bool)
    for part in parts:
        part = part.dropna().astype("datetime64[us, UTC]" if part.dt.tz is not None else "datetime64[us]")
        if part.dt.tz is None:
            part, moved = _localise(part, written.zone_in)
            shifted[moved] = True
        read[part.index] = part.dt.tz_convert("UTC")
    read = read.where(read.dt.year.between(FIRST_YEAR, LAST_YEAR))
    reasons = pd.Series(reason, index=cells.index).where(present & read.isna()).astype("str")
    return read, reasons, shifted, tuple(notes)


def read_periods(cells: pd.Series) -> tuple[str, pd.Series]:
    """What every cell names, 'week', 'month', 'quarter' or 'half' of a year, and its first day; '' where one does not.

    Examples
    --------
    >>> kind, days = read_periods(pd.Series(["Q1/2026", "2026 Q3"]))
    >>> kind, days.dt.strftime("%d %B").tolist()
    ('quarter', ['01 January', '01 July'])
    """
    for kind, patterns in WORDS["periods"].items():
        if not any(unify(cells.iloc[:1]).str.fullmatch(pattern, case=False).any() for pattern in patterns):
            continue
        text, parts = unify(cells), pd.DataFrame(columns=["year", "n", "name"], index=cells.index, dtype="str")
        for pattern in patterns:
            parts = parts.fillna(text.str.extract(f"(?i)^{pattern}$").reindex(columns=parts.columns))
        n = pd.to_numeric(parts["n"]).fillna(parts["name"].map(_month, na_action="ignore").astype("float64"))
        days = pd.DatetimeIndex([_first_day(kind, *named) for named in zip(parts["year"], n, strict=True)])
        if not days.hasnans:
            return kind, pd.Series(days, cells.index)
    return "", cells[:0]


def steps_back(cell: str) -> pd.DateOffset | None:
    """How far a cell such as "2 days ago" or "vor einem Monat" counts back from a day; None where it does not.

    Examples
    --------
    >>> steps_back("2 weeks ago"), steps_back("2 days late")
    (<DateOffset: days=14>, None)
    """
    words = WORDS["back"]
    match = next(filter(None, (re.fullmatch(pattern, fold(cell)) for pattern in words["patterns"])), None)
    parts = match.groupdict() if match else {}
    word, n, unit = (parts.get(part) or "" for part in ("word", "n", "unit"))
    n = "1" if n in words["one"] else n
    if word or not n.isdigit():
        return pd.DateOffset(days=int(word in words["yesterday"])) if word else None
    if unit in words["months"]:
        return pd.DateOffset(months=int(n) * words["months"][unit])
    return pd.DateOffset(days=int(n) * int(_SECONDS[unit]) // 86_400) if unit in _SECONDS else None


def all_steps_back(text: pd.Series) -> pd.Series:
    """How far each cell that counts back does so, on its own row."""
    return unify(text[text.str.contains("[^\\W\\d_]{2}")]).map(steps_back, na_action="ignore").dropna()


def _count_back(text: pd.Series, written: Reading, notes: list[str]) -> pd.Series:
    """The day of each stamp that counts back from the day on which the source was read."""
    steps = all_steps_back(text)
    if steps.empty:
        return pd.Series(dtype="datetime64[us]")
    sample = text[steps.index[0]]
    if written.read_on is None:
        raise ValueError(
            f"stamps such as {sample!r} count back from the day they were read. Say read_on = that day, such as "
            "read_on = 2026-12-31, in the map."
        )
    day = pd.Timestamp(written.read_on)
    notes.append(f"{len(steps):,} stamps such as {sample!r} were counted back from {day:%Y-%m-%d}, months only roughly")
    return steps.map(lambda step: day - step).astype("datetime64[us]")


@cache
def _first_day(kind: str, year: str, n: float) -> pd.Timestamp | None:
    """The first day of a period by its number in the year; None where it names none."""
    names = {"week": f"W{n:02.0f}", "month": f"{n:02.0f}", "quarter": f"Q{n:.0f}", "half": f"Q{2 * n - 1:.0f}"}
    try:
        return parse_period(f"{year}-{names[kind]}").start
    except ValueError:
        return None


def _localise(naive: pd.Series, zone: str) -> tuple[pd.Series, np.ndarray]:
    """Stamps in their zone, and the positions of those that the change of clocks made ambiguous or impossible."""
    local = naive.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    moved = local.index[local.isna()]
    if len(moved):
        first = np.ones(len(moved), dtype=bool)
        local[moved] = naive[moved].dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    return local, moved.to_numpy()


def _read_counts(text: pd.Series, written: Reading) -> tuple[pd.Series, str, str]:
    """Stamps counted in seconds or days; a note where that was not stated; a hint where it may be meant."""
    filled = text.dropna()
    nothing = pd.Series(dtype="datetime64[us]")
    stated = written.epoch is not None or written.excel_serial
    if filled.empty or not (stated or written.workbook or re.fullmatch(r"[\d.,]+", filled.iloc[0])):
        return nothing, "", ""
    if not (numeric := filled[filled.str.fullmatch(r"\d{1,16}(?:\.\d{1,15})?")]).size:
        return nothing, "", ""
    count = numeric.astype("float64")
    if written.epoch is not None:
        return _since_1970(count / (1000 if written.epoch == "ms" else 1)), "", ""
    if written.excel_serial:
        return _since_1899(count), "", ""
    serial = count.between(*SERIAL_RANGE)
    if written.workbook and serial.any():
        days = _since_1899(count[serial])
        return days, "numbers were read as a spreadsheet's days (excel_serial = true)", ""
    if len(numeric) < len(filled):
        return nothing, "", ""
    if serial.all():
        return nothing, "", " (if a spreadsheet counted its days, say excel_serial = true)"
    for unit, factor, word in (("s", 1, "seconds"), ("ms", 1000, "milliseconds")):
        if (count / factor).between(*EPOCH_RANGE).all():
            if pd.to_datetime(filled, format="%Y%m%d%H", errors="coerce").notna().all():
                raise ValueError(f"stamps like {filled.iloc[0]} can be read two ways. Say epoch or formats in a map.")
            return _since_1970(count / factor), f"numbers were read as {word} since 1970 (epoch = '{unit}')", ""
    return nothing, "", ""


def _since_1970(seconds: pd.Series) -> pd.Series:
    whole = seconds.where(seconds.between(-2.3e9, EPOCH_RANGE[1]))  # from 1897: what is outside is no stamp
    return pd.to_datetime((whole * 1e6).round(), unit="us", utc=True)


def _since_1899(days: pd.Series) -> pd.Series:
    milliseconds = (days.where(days.between(1, SERIAL_RANGE[1])) * 86_400_000).round()
    return pd.Timestamp("1899-12-30") + pd.to_timedelta(milliseconds, unit="ms")


def _parse(rest: pd.Series, written: Reading) -> list[pd.Series]:
    """Parsed stamps, part by part: stated formats, ISO 8601, dates of numbers, dates with a month's name."""
    parts: list[pd.Series] = []
    for stated in written.formats:
        parts.append(pd.to_datetime(rest, format=stated, errors="coerce", utc="%z" in stated).dropna())
        rest = rest.drop(parts[-1].index)
    if rest.empty:
        return parts
    for pattern, utc in ((_STAMP, False), (_STAMP + _PLAIN_OFFSET, True)):
        if re.fullmatch(pattern, rest.iloc[0]) and rest.str.fullmatch(pattern).all():  # a column as programs write it
            return [*parts, pd.to_datetime(rest, format="ISO8601", errors="coerce", utc=utc)]
    iso = rest[rest.str.match(_ISO)]
    worded = iso.str.endswith(("UTC", "GMT", "z"))
    iso = iso.mask(worded, iso[worded].str.replace(r"\s*(?:UTC|GMT|z)$", "Z", regex=True))
    aware = iso.str.contains(_AWARE)
    parts.append(pd.to_datetime(iso[aware], format="ISO8601", errors="coerce", utc=True).dropna())
    parts.append(pd.to_datetime(iso[~aware], format="ISO8601", errors="coerce").dropna())
    rest = rest.drop(parts[-1].index).drop(parts[-2].index)
    if rest.empty:
        return parts
    shape = _shape(rest.iloc[0], written.day_first) if written.day_first is not None else None
    quick = pd.to_datetime(rest, format=shape, errors="coerce").dropna() if shape else rest[:0]
    slow = _split(rest.drop(quick.index))
    if shape and not _is_other_order(slow, bool(written.day_first)):  # most of a column is written alike
        parts.append(quick)
    elif shape:
        slow = _split(rest)
    return parts + _assemble(_choose_order(slow, written.day_first), written.zone_in)


def _shape(sample: str, day_first: bool) -> str | None:
    """The strptime format of a plain numeric date such as 31/12/2025 23:59, or None."""
    match = re.fullmatch(r"\d\d?([-/.])\d\d?\1\d{4}( \d\d?:\d\d(:\d\d)?)?", sample)
    if match is None:
        return None
    clock = "" if match[2] is None else " %H:%M" if match[3] is None else " %H:%M:%S"
    return match[1].join(("%d", "%m", "%Y") if day_first else ("%m", "%d", "%Y")) + clock


def _split(cells: pd.Series) -> pd.DataFrame:
    """Dates cut into year, month, day and clock, as text; `first` and `second` instead where their order is open."""
    text = unify(cells).dropna().str.replace(r"^(\d{4})年(\d\d?)月(\d\d?)日 ?", r"\1-\2-\3 ", regex=True).str.strip()
    text = text.str.replace(r"\[[A-Za-z_/]+\]$", "", regex=True)  # 15:04+02:00[Europe/Paris]
    for half, words in _HALVES.items():
        text = text.str.replace(rf"(?:{words}) ?(\d[\d:]+)", rf"\1 {half}", regex=True, case=False)
        text = text.str.replace(rf"(\d) ?(?:{words})(?: |$)", rf"\1 {half} ", regex=True, case=False)
    text = text.str.strip()
    text = text.str.replace(r"^(\d\d?:\d\d(?::\d\d)?)[, ]+(\D*\d.*\d{4})$", r"\2 \1", regex=True)  # the clock first
    frames = []
    for pattern in _DATES:
        if text.empty:
            break
        parts = text.str.extract(pattern)
        named = parts["year"].notna()
        if "month" in parts:
            parts["month"] = parts["month"].map(_month, na_action="ignore")
            named &= parts["month"].notna()
        frames.append(parts[named])
        text = text[~named]
    columns = ["year", "month", "day", "clock", "first", "second", "mark"]
    split = pd.concat(frames).reindex(columns=columns) if frames else pd.DataFrame(columns=columns)
    for name in ("year", "month", "day", "first", "second"):
        split[name] = pd.to_numeric(split[name], errors="coerce").astype("float64")
    return split


def _month(word: str) -> float | None:
    return float(word) if word.isdigit() else MONTHS.get(fold(word).rstrip("."))


def _is_other_order(split: pd.DataFrame, day_first: bool) -> bool:
    """Whether a date among these can only have been written in the other order of day and month."""
    stated, other = _dates(split, day_first), _dates(split, not day_first)
    return bool((stated.isna() & other.notna()).any())


def _dates(split: pd.DataFrame, day_first: bool) -> pd.Series:
    """Dates of the parts, with day and month in one order where it is open; what cannot be is missing."""
    day, month = ("first", "second") if day_first else ("second", "first")
    full = split["year"].where(split["year"] >= 100, split["year"] + np.where(split["year"] < 69, 2000, 1900))  # POSIX
    parts = {"year": full, "month": split["month"].fillna(split[month]), "day": split["day"].fillna(split[day])}
    return pd.to_datetime(pd.DataFrame(parts), errors="coerce")


def _choose_order(split: pd.DataFrame, stated: bool | None) -> tuple[pd.DataFrame, pd.Series]:
    """The parts with the date of each: day first or month first as stated, else as the column proves.

    Raises
    ------
    ValueError
        If nothing decides, or cells prove both orders.
    """
    by_day, by_month = _dates(split, True), _dates(split, False)
    open_ = split["first"].notna()
    only_day, only_month = (open_ & a.notna() & b.isna() for a, b in ((by_day, by_month), (by_month, by_day)))
    both_ways = open_ & by_day.notna() & by_month.notna() & (by_day != by_month)
    pointed = bool((split["mark"] == ".").any())  # no land writes 12.31.2025
    day_first = stated if stated is not None else bool(only_day.any()) or pointed
    agreeing, contrary = (only_day, only_month) if day_first else (only_month, only_day)
    _refuse_year_first(split[open_])
    if both_ways.any() and contrary.any() and not agreeing.any():
        lead, against = "month" if day_first else "day", "their points" if stated is None else "day_first"
        raise ValueError(
            f"dates such as {_sample(split[contrary])} can only begin with the {lead}, against {against}. Correct "
            "day_first in the map, or these dates."
        )
    if contrary.any() and agreeing.any() and (both_ways.any() or stated is None):
        raise ValueError(
            f"dates stand in two orders: {_sample(split[only_day])} can only begin with the day, "
            f"{_sample(split[only_month])} only with the month, so the others can be read two ways. Export them in one "
            "order, best as 2026-12-31."
        )
    if stated is None and not (pointed or agreeing.any()) and both_ways.any():
        raise ValueError(
            f"dates such as {_sample(split[both_ways])} can be read two ways; the column does not tell. Say "
            "day_first = true or false, or formats, in a map."
        )
    return split, by_day if day_first else by_month


def _sample(split: pd.DataFrame) -> str:
    """The first of some dates with an open order, as it is written."""
    row = split.iloc[0]
    return str(row["mark"]).join(f"{int(row[part]):02d}" for part in ("first", "second", "year"))


def _refuse_year_first(split: pd.DataFrame) -> None:
    """Raise if two-digit years may as well stand first: 26-05-02 to 26-05-31."""
    years, firsts = split["year"], split["first"]
    if (years < 32).all() and years.max() >= 28 and years.nunique() >= YEARS and firsts.nunique() <= 2:
        shape = split["mark"].iloc[0].join(("%y", "%m", "%d"))
        raise ValueError(f"dates such as {_sample(split)} may begin with the year. Say formats = ['{shape}'] in a map.")


def _assemble(dated: tuple[pd.DataFrame, pd.Series], zone: str) -> list[pd.Series]:
    """Stamps from dates and clocks: those with an offset in UTC, the others naive; a clock that cannot be gives NaT."""
    split, date = dated
    if split.empty:
        return []
    bare = split["clock"].isna()
    clock = split["clock"].map(fold, na_action="ignore").astype("str").str.extract(_CLOCK)
    hour, minute, second = (pd.to_numeric(clock[part]) for part in ("hour", "minute", "second"))
    half, tail = clock["half"], clock["tail"].fillna("").str.strip()
    timed = minute.notna() | half.notna() | clock["word"].notna()  # a bare 15 after a date is no clock
    minute, second = minute.fillna(0), second.fillna(0)
    right = timed & (minute < 60) & (second < 60) & (hour < 24) & (half.isna() | hour.between(1, 12))
    hour = (hour % 12 + 12 * (half == "p")).where(half.notna(), hour)
    seconds = (hour * 3600 + minute * 60 + second).where(right).mask(bare, 0)
    fraction = pd.to_numeric("0." + clock["fraction"].str.slice(0, 6), errors="coerce").fillna(0)
    stamps = date + pd.to_timedelta(seconds + fraction, unit="s").dt.round("us")
    offsets = {name: _offset(name, zone) for name in tail.unique()}
    places = tail[tail.map(offsets).map(lambda offset: isinstance(offset, str))]
    named = [
        _localise(stamps[rows.index].dropna(), place)[0].dt.tz_convert("UTC")
        for place, rows in places.map(offsets).groupby(places.map(offsets))
    ]
    offset = pd.to_numeric(tail.map({name: o for name, o in offsets.items() if isinstance(o, float)}), errors="coerce")
    aware = offset.notna()
    naive = (tail == "") | bare
    moved = (stamps - pd.to_timedelta(offset, unit="s"))[aware]
    return [*named, moved.dt.tz_localize("UTC"), stamps[naive & ~aware]]


@cache
def _own_names(zone: str) -> dict[str, float]:
    """Offsets in seconds of the names that a zone uses for itself, such as CET and CEST."""
    places = [pd.Timestamp(f"2026-{month:02d}-15", tz=ZoneInfo(zone)) for month in range(1, 13)]
    return {(p.tzname() or "").casefold(): p.utcoffset().total_seconds() for p in places}  # type: ignore[union-attr]


@cache
def _places() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones() if "/" in name}


def _offset(tail: str, zone: str) -> float | str | None:
    """What stands behind a clock: seconds east of Greenwich, the name of a place, or None where it says neither."""
    tail = tail.strip(" ()")
    if match := _OFFSET.fullmatch(tail):
        hours = int(match[1])
        minutes = int(match[2] or 0)
        sign = -1 if match[1].startswith("-") else 1
        return float(hours * 3600 + sign * minutes * 60) if abs(hours) <= 14 and minutes < 60 else None
    own = _own_names(zone)
    if tail in own:
        return own[tail]
    if tail in _places():
        return _places()[tail]
    listed = WORDS["zones"].get(tail)
    return _offset(listed, zone) if listed else None
