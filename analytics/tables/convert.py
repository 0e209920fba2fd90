"""Text to typed values: ids, numbers, flags and times, and which values could not be understood.

Every function works on the distinct values of a column and never guesses where two readings are possible.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.tables.schema import Field

LONGEST_CELL = 1_000_000  # characters; a longer cell is an export gone wrong, not an answer
MANY = 50_000  # distinct values of a column from which lengths are compared before words
FIRST_YEAR, LAST_YEAR = 1900, 2100
TRUE = {"yes", "y", "true", "t", "1", "1.0"}
FALSE = {"no", "n", "false", "f", "0", "0.0"}
NO_ID = ["", "nan", "null", "<na>", "nat", "#n/a", r"\n"]  # how exports write "nothing" where 'none' could be a word
NO_VALUE = [*NO_ID, "none", "na", "n/a", "-", "--", "."]

_CLOCK = r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d+))?)?\s*([AaPp])?\.?[Mm]?\.?\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)?"
_NUMERIC_DATE = r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d\d)(?:[ T,]+(.+))?$"
_DAY_MONTH = (
    r"^(?:[A-Za-z]{3,9},?\s+)?(\d{1,2})(?:st|nd|rd|th)?[-\s/.]+([A-Za-z]{3,9})[-\s/.,]+(\d{4}|\d\d)(?:[ T,]+(.+))?$"
)
_MONTH_DAY = r"^(?:[A-Za-z]{3,9},\s+)?([A-Za-z]{3,9})\.?[-\s]+(\d{1,2})(?:st|nd|rd|th)?[-\s,]+(\d{4})(?:[ T,]+(.+))?$"
_ISO = r"^\d{4}(?:[-/]\d{1,2}[-/]\d{1,2}(?:[ T].+)?|\d{4}(?:T.+)?)$"
_STAMP, _OFFSET = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?", r"(?:Z|[+-]\d\d:?\d\d)"
_AWARE = r":\d\d.*(?:Z|[+-]\d\d(?::?\d\d)?)$"
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()


@dataclass(frozen=True)
class Reading:
    """How the text of a column is to be read; see the keys of a column map."""

    zone_in: str
    zone_out: str
    day_first: bool | None = None
    formats: Sequence[str] = ()
    decimal: str = "."
    multiply: float | None = None


@dataclass(frozen=True)
class Converted:
    """Typed values, missing where the text was blank or bad; `bad` marks the bad ones, `reason` says why.

    `moved` counts stamps in an hour that clocks repeat (read as the first) or skip (read as the next moment).
    """

    values: pd.Series
    bad: pd.Series
    reason: str
    moved: int = 0


def convert(values: pd.Series, spec: Field, reading: Reading) -> Converted:
    """Give a column the type that its field asks for.

    Examples
    --------
    >>> reading = Reading("UTC", "UTC")
    >>> convert(pd.Series(["9", "", "ten"]), Field("nps", "number", ""), reading).bad.tolist()
    [False, False, True]
    """
    codes, uniques = _distinct(values)
    moved = 0
    if spec.kind == "number":
        read, bad = _numbers(uniques, spec, reading)
        reason = f"is not a number ({spec.unit})" if spec.unit else "is not a number"
    elif spec.kind == "flag":
        read, bad = _flags(uniques)
        reason = "is neither yes nor no"
    elif spec.kind == "time":
        read, bad, shifted = _times(uniques, reading)
        reason = "is not a time that exists"
        moved = int(shifted[codes[codes >= 0]].sum())
    else:
        read, bad = _texts(uniques, spec.kind)
        reason = f"is longer than {LONGEST_CELL:,} characters"
        if spec.allowed:
            read = read.str.lower()
    back, marked = read, bad
    if len(codes) != len(uniques) or (codes < 0).any():
        back, marked = read.reindex(codes), bad.reindex(codes).fillna(False)
    back, marked = (column.set_axis(values.index, axis=0).rename(spec.name) for column in (back, marked.astype(bool)))
    return Converted(back, marked, reason, moved)


def _distinct(values: pd.Series) -> tuple[np.ndarray, pd.Series]:
    """Position of each value among the distinct ones; where a sample hardly repeats itself, all count as distinct."""
    sample = values.iloc[:: max(1, len(values) // 5000)]
    if sample.nunique() > len(sample) / 2:
        return np.arange(len(values)), values.reset_index(drop=True)
    codes, distinct = pd.factorize(values)
    return codes, pd.Series(distinct)


def _as_text(uniques: pd.Series) -> pd.Series:
    """Distinct values as text without surrounding space; whole floats lose their '.0'."""
    if pd.api.types.is_float_dtype(uniques) and (uniques.dropna() % 1 == 0).all():
        uniques = uniques.astype("Int64")
    return uniques.astype("str").str.strip()


def _is_one_of(text: pd.Series, words: Sequence[str]) -> pd.Series:
    """Whether a text is one of some short words, in capitals or not; of many texts only those as short are compared."""
    if len(text) < MANY:
        return text.str.lower().isin(words)
    found = (text.str.len() <= max(map(len, words))).fillna(False).astype(bool)
    if found.any():
        found[found] = text[found].str.lower().isin(words)
    return found


def _texts(uniques: pd.Series, kind: str) -> tuple[pd.Series, pd.Series]:
    text = _as_text(uniques) if kind != "text" else uniques.astype("str")
    bad = text.str.len() > LONGEST_CELL
    if kind == "text":
        return text.mask(bad | (text.str.strip() == "")), bad
    text = text.mask(bad | _is_one_of(text, NO_ID))
    if kind == "id" and text.str.endswith(".0").any() and text.dropna().str.fullmatch(r"\d+\.0").all():
        text = text.str.removesuffix(".0")  # whole numbers that a missing value elsewhere turned into decimals
    return text, bad


def _flags(uniques: pd.Series) -> tuple[pd.Series, pd.Series]:
    text = _as_text(uniques).str.lower()
    read = pd.Series(pd.NA, index=text.index, dtype="boolean")
    read[text.isin(TRUE)] = True
    read[text.isin(FALSE)] = False
    return read, read.isna() & text.notna() & ~_is_one_of(text, NO_VALUE)


def _numbers(uniques: pd.Series, spec: Field, reading: Reading) -> tuple[pd.Series, pd.Series]:
    if pd.api.types.is_timedelta64_dtype(uniques):
        uniques = uniques.dt.total_seconds()
    if pd.api.types.is_numeric_dtype(uniques) or pd.api.types.is_bool_dtype(uniques):
        read, blank = uniques.astype("float64"), uniques.isna()
    else:
        text = _as_text(uniques)
        blank = text.isna() | _is_one_of(text, NO_VALUE)
        plain = (
            text.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
            if reading.decimal == ","
            else text
        )
        read = pd.to_numeric(plain.mask(blank), errors="coerce").astype("float64")
        rest = read.isna() & ~blank
        if rest.any():
            read[rest] = _odd_numbers(plain[rest], spec)
    bad = ~blank & ~np.isfinite(read.fillna(np.nan))
    return read.mask(bad) * (reading.multiply or 1.0), bad


def _odd_numbers(text: pd.Series, spec: Field) -> pd.Series:
    """Numbers as people write them: £1,234.50; 0:12:30 for a duration; '10 - extremely likely' for a score."""
    bare = text.str.replace(r"^[£$€]\s*|\s*[£$€]$", "", regex=True)
    grouped = bare.str.fullmatch(r"-?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
    read = pd.to_numeric(bare.str.replace(",", "", regex=False).where(grouped, bare), errors="coerce").astype("float64")
    if spec.unit == "seconds":
        clock = text.str.extract(r"^(\d+):([0-5]?\d):([0-5]?\d(?:\.\d+)?)$").astype("float64")
        read = read.fillna(clock[0] * 3600 + clock[1] * 60 + clock[2])
    if spec.high is not None:
        read = read.fillna(text.str.extract(r"^(\d{1,2})\s*[-–—:=(.]+\s*[^\d\s].*$")[0].astype("float64"))
    return read


def _times(uniques: pd.Series, reading: Reading) -> tuple[pd.Series, pd.Series, np.ndarray]:
    """Stamps in the zone of the tables; which are bad; which fell into an hour that clocks repeat or skip."""
    if pd.api.types.is_datetime64_any_dtype(uniques):
        present, parts = uniques.notna(), [uniques]
    else:
        text = _as_text(uniques)
        text = text.mask(_is_one_of(text, NO_VALUE))
        present, parts = text.notna(), _parse(text, reading)
    read = pd.Series(pd.NaT, index=uniques.index, dtype="datetime64[us, UTC]")
    shifted = np.zeros(len(uniques), dtype=bool)
    for part in parts:
        part = part.dropna().astype("datetime64[us, UTC]" if part.dt.tz is not None else "datetime64[us]")
        if part.dt.tz is None:
            part, moved = _localise(part, reading.zone_in)
            shifted[moved] = True
        read[part.index] = part.dt.tz_convert("UTC")
    read = read.where(read.dt.year.between(FIRST_YEAR, LAST_YEAR))
    return read.dt.tz_convert(reading.zone_out), present & read.isna(), shifted


def _localise(naive: pd.Series, zone: str) -> tuple[pd.Series, np.ndarray]:
    """Stamps in their zone, and the positions of those that the change of clocks made ambiguous or impossible."""
    local = naive.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    moved = local.index[local.isna()]
    if len(moved):
        first = np.ones(len(moved), dtype=bool)
        local[moved] = naive[moved].dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    return local, moved.to_numpy()


def _parse(text: pd.Series, reading: Reading) -> list[pd.Series]:
    """Parsed stamps, part by part: stated formats, ISO 8601, numeric dates, dates with a month's name."""
    parts: list[pd.Series] = []
    rest = text.dropna()
    for stated in reading.formats:
        parts.append(pd.to_datetime(rest, format=stated, errors="coerce", utc="%z" in stated).dropna())
        rest = rest.drop(parts[-1].index)
    if rest.empty:
        return parts
    for pattern, utc in ((_STAMP, False), (_STAMP + _OFFSET, True)):
        if re.fullmatch(pattern, rest.iloc[0]) and rest.str.fullmatch(pattern).all():  # a column as programs write it
            return [*parts, pd.to_datetime(rest, format="ISO8601", errors="coerce", utc=utc)]
    iso = rest[rest.str.match(_ISO)]
    worded = iso.str.endswith(("UTC", "GMT", "z"))
    iso = iso.mask(worded, iso[worded].str.replace(r"\s*(?:UTC|GMT|z)$", "Z", regex=True))
    aware = iso.str.contains(_AWARE)
    parts.append(pd.to_datetime(iso[aware], format="ISO8601", errors="coerce", utc=True))
    parts.append(pd.to_datetime(iso[~aware], format="ISO8601", errors="coerce"))
    rest = rest.drop(iso.index)
    if len(rest) and reading.day_first is not None and (shape := _shape(rest.iloc[0], reading.day_first)):
        parts.append(pd.to_datetime(rest, format=shape, errors="coerce").dropna())  # most of a column is written alike
        rest = rest.drop(parts[-1].index)
    if rest.empty:
        return parts
    numeric = rest.str.extract(_NUMERIC_DATE).dropna(subset=[0])
    if len(numeric):
        day, month = (0, 1) if _is_day_first(numeric, reading.day_first) else (1, 0)
        parts += _assemble(numeric[2], numeric[month], numeric[day], numeric[3])
    rest = rest.drop(numeric.index)
    for pattern, day, month in ((_DAY_MONTH, 0, 1), (_MONTH_DAY, 1, 0)):
        named = rest.str.extract(pattern).dropna(subset=[0])
        if len(named):
            number = named[month].str[:3].str.lower().map({name: str(i + 1) for i, name in enumerate(_MONTHS)})
            parts += _assemble(named[2], number.fillna("0"), named[day], named[3])
        rest = rest.drop(named.index)
    return parts


def _shape(sample: str, day_first: bool) -> str | None:
    """The strptime format of a plain numeric date such as 31/12/2025 23:59, or None."""
    match = re.fullmatch(r"\d\d?([-/.])\d\d?\1\d{4}( \d\d?:\d\d(:\d\d)?)?", sample)
    if match is None:
        return None
    clock = "" if match[2] is None else " %H:%M" if match[3] is None else " %H:%M:%S"
    return match[1].join(("%d", "%m", "%Y") if day_first else ("%m", "%d", "%Y")) + clock


def _is_day_first(numeric: pd.DataFrame, stated: bool | None) -> bool:
    """Whether 03/04 is the third of April: as stated, else as the column itself proves.

    Raises
    ------
    ValueError
        If nothing in the column decides it.
    """
    if stated is not None:
        return stated
    first, second = (numeric[i].astype("int64") > 12 for i in (0, 1))
    if first.any() != second.any():
        return bool(first.any())
    sample = "/".join(numeric.iloc[0, :3])
    raise ValueError(
        f"dates such as {sample} can be read two ways; the column {'holds both' if first.any() else 'does not tell'}"
        ". Say day_first = true or false, or formats, in a map."
    )


def _assemble(year: pd.Series, month: pd.Series, day: pd.Series, clock: pd.Series) -> list[pd.Series]:
    """Stamps from their parts: those with an offset in UTC, the others naive; a part that cannot be gives NaT."""
    number = year.astype("int64")
    full = number.where(year.str.len() == 4, number + np.where(number < 69, 2000, 1900))  # as POSIX reads two digits
    date = pd.to_datetime(pd.DataFrame({"year": full, "month": month, "day": day}), errors="coerce")
    parts = clock.fillna("0:00").str.strip().str.extract(f"^{_CLOCK}$")
    hour, minute, second = (pd.to_numeric(parts[i]).fillna(0 if i == 2 else np.nan) for i in range(3))
    half = parts[4].str.lower()
    right = (minute < 60) & (second < 60) & (hour < 24) & (half.isna() | hour.between(1, 12))
    hour = (hour % 12 + 12 * (half == "p")).where(half.notna(), hour)
    seconds = (hour * 3600 + minute * 60 + second).where(right)
    stamps = date + pd.to_timedelta(seconds, unit="s")
    zone = parts[5].replace({"Z": "+00:00", "UTC": "+00:00", "GMT": "+00:00"})
    offset = pd.to_timedelta(
        zone.str.replace(":", "").str.replace(r"^([+-])(\d\d)(\d\d)$", r"\g<1>\2:\3:00", regex=True)
    )
    aware = zone.notna()
    return [(stamps - offset)[aware].dt.tz_localize("UTC"), stamps[~aware]]
