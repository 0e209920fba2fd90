"""Numbers as people and programs write them: scores with their labels, money, durations, and which comma decides.

Whether "1,234" is a thousand or one and a bit is settled by the map or by the rest of the column, never by habit.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from analytics.tables.schema import Field
from analytics.tables.spelling import NO_VALUE, WORDS, Reading, as_text, fold, invert, is_one_of, unify

UNITS = {name: float(seconds) for name, seconds in invert(WORDS["seconds"]).items()}
DURATIONS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0}
_EDGES = "()[]. "  # around a word
SILENT = frozenset(fold(words).strip(_EDGES) for words in WORDS["no_answer"])
_STARS = frozenset(WORDS["stars"])
_NOUNS = _STARS | {"points", "point", "pts", "pt", "punkte", "punkten", "puntos", "punti", "punten"}
_OF = "|".join(map(re.escape, WORDS["of"]))

_COMMAS, _POINTS, _SPACES = (rf"[1-9]\d{{0,2}}(?:{sign}\d{{3}})+" for sign in (",", "[.]", "[ ']"))
_POINT = rf"[+-]?(?:(?:\d+|{_COMMAS}|{_SPACES})(?:\.\d*)?|\.\d+)"
_COMMA = rf"[+-]?(?:(?:\d+|{_POINTS}|{_SPACES})(?:,\d*)?|,\d+)"
_FIGURE = r"(\d{1,3}(?:[.,]\d+)?)"
_FRACTION = re.compile(rf"{_FIGURE}(?: (?!out )([^\W\d]+))? ?(?:{_OF}) ?(\d{{1,4}})(?: ([^\W\d]+))?", re.IGNORECASE)
_LABEL_LAST = re.compile(r"[\[(]?(\d{1,2}(?:[.,]\d{1,2})?)(?:[\])]? ?[-–—:=(.|]+ ?([^\d\s].*)|[\])]? ([^\W\d]\D*))")
_LABEL_FIRST = re.compile(r"([^\W\d]\D*?)(?: ?[\[(=:] ?| [-–—] ?)(\d{1,2}(?:[.,]\d{1,2})?)[\])]?")
_CLOCK = re.compile(r"(?:(\d{1,6}) ?([^\W\d]+)[, ]*)?(\d{1,4}):([0-5]?\d):([0-5]?\d(?:[.,]\d+)?)")
_ISO = re.compile(r"P(?=.)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_PART = re.compile(r"(\d+(?:[.,]\d{1,2})?) ?([^\W\d_]+)\.?")
_MONEY = r"(?:[A-Z]{0,3}[$£€¥₹₩₺₽]|[A-Z]{3}|[Kk]r\.?|zł|Fr\.)"
_PRICE = rf"^([+-]?)({_MONEY})? ?([+-]?)([\d.,' ]*\d)(?:[.,]-{{0,2}})? ?({_MONEY})?(-?)$"

Numbers = tuple[pd.Series, pd.Series, str]  # values; why a cell is bad, missing where it is not; a note on the column


def read_numbers(cells: pd.Series, spec: Field, reading: Reading) -> Numbers:
    """Numbers in the unit of a field.

    Parameters
    ----------
    cells
        Text, numbers or time spans, each value once or in any order.
    spec
        The field: `high` says that it is a score on a scale, `unit` that it is a duration or money.
    reading
        Its `formats` tell durations such as 12:30, '%H:%M' or '%M:%S'; `decimal` is None to have the column show it;
        `multiply` is for numbers that name no unit of their own.

    Raises
    ------
    ValueError
        If the column can be read two ways, or mixes scales or currencies.
    """
    reasons: pd.Series = pd.Series(np.nan, index=cells.index, dtype="str")
    if pd.api.types.is_timedelta64_dtype(cells):
        return cells.dt.total_seconds() / DURATIONS.get(spec.unit, 1.0), reasons, ""
    no_number = f"is not a number ({spec.unit})" if spec.unit else "is not a number"
    note, stated = "", pd.Series(np.nan, index=cells.index)
    if pd.api.types.is_numeric_dtype(cells) or pd.api.types.is_bool_dtype(cells):
        values, blank = cells.astype("float64"), cells.isna()
    else:
        text = as_text(cells)
        blank = text.isna() | is_one_of(text, NO_VALUE)
        values = pd.to_numeric(text.mask(blank), errors="coerce").astype("float64")
        odd = values.isna() & ~blank
        if reading.decimal == "," or text[odd].str.contains(",").any() or _is_pointed(text):
            odd |= text.str.contains(".", regex=False).fillna(False) & ~blank
        if odd.any():
            figures = unify(text.where(odd))
            blank = blank | is_one_of(figures, NO_VALUE)
            if spec.high is not None:
                figures, reasons, blank = _split_scores(figures, spec, reasons, blank)
            elif spec.unit in DURATIONS:
                stated = _read_durations(figures, reading.formats) / DURATIONS[spec.unit]
                figures = figures.where(stated.isna())
            elif spec.unit.startswith("currency"):
                figures = _strip_currency(figures, reading.decimal)
            values, reasons, note = _read_figures(figures, values, spec, reading.decimal, reasons)
    values = (values * (reading.multiply or 1.0)).fillna(stated).where(reasons.isna())
    bad = ~blank & ~np.isfinite(values)
    general: pd.Series = pd.Series(no_number, index=cells.index, dtype="str").where(bad)
    return values.mask(bad | blank), reasons.where(reasons.notna(), general).mask(blank), note


def _is_pointed(text: pd.Series) -> bool:
    """Whether every point may group thousands: no cell has a point that can only stand before decimals."""
    pointed = text[text.str.contains(".", regex=False).fillna(False)]
    return len(pointed) > 0 and bool(pointed.str.fullmatch(f"[+-]?{_POINTS}").all())


def _read_figures(figures: pd.Series, values: pd.Series, spec: Field, decimal: str | None, why: pd.Series) -> Numbers:
    """Bare figures by the decimal sign of the column; `values` keeps what no figure is given for."""
    point, comma = (figures.str.fullmatch(p).fillna(False).astype(bool) for p in (_POINT, _COMMA))
    marked = figures.str.contains("[.,]").fillna(False).astype(bool)
    by_point = _parse(figures.where(point), ",")
    by_comma = _parse(figures.where(comma), ".", ",")
    if spec.high is not None:  # on a short scale a sign before decimals cannot be taken for another
        read = by_point.where(by_point.abs() <= spec.high, by_comma).fillna(by_point)
        by_point, by_comma = read, read
        point = comma = point | comma
        decimal = decimal or "."
    elif spec.whole:
        either = point & comma & marked & ((by_point % 1 == 0) != (by_comma % 1 == 0))
        point, comma = point & ~(either & (by_point % 1 != 0)), comma & ~(either & (by_comma % 1 != 0))
    either = point & comma & marked
    if decimal is None and either.any() and not ((point ^ comma) & marked).any():
        _refuse_two_ways(figures, either, values, spec)
    sign = decimal or ("," if (comma & ~point).sum() > (point & ~comma & marked).sum() else ".")
    chosen, other = (comma, point & ~comma & marked) if sign == "," else (point, comma & ~point)
    doubtful = other | (either if other.any() else False)
    word = "comma" if sign == "," else "point"
    why = why.mask(doubtful, f"does not fit the decimal {word} {'of the map' if decimal else 'of most values'}")
    read = by_comma.where(comma) if sign == "," else by_point.where(point)
    note = "numbers were read with a decimal comma (decimal = ',')" if sign == "," and decimal is None else ""
    return values.where(figures.isna() | ~(point | comma), read.where(chosen)), why, note


def _parse(figures: pd.Series, group: str, decimal: str = ".") -> pd.Series:
    plain = figures.str.replace(rf"[ '{group}]", "", regex=True).str.replace(decimal, ".", regex=False)
    return pd.to_numeric(plain, errors="coerce").astype("float64")


def _refuse_two_ways(figures: pd.Series, either: pd.Series, values: pd.Series, spec: Field) -> None:
    """Raise if every decimal sign of a column may as well group thousands."""
    pointed = figures[either].str.contains(".", regex=False)
    if not spec.unit and pointed.all() and int(values.notna().sum()) == int(either.sum()):
        return  # a further column without a unit whose every value has three decimals, as programs write them
    sample = figures[either].iloc[0]
    raise ValueError(
        f"numbers such as {sample} can be read two ways ({_parse(figures[either], '.,').iloc[0]:g}, or with decimals); "
        "the column does not tell. Say decimal = '.' or ',' in a map."
    )


def _strip_currency(figures: pd.Series, decimal: str | None) -> pd.Series:
    """Amounts without their currency, which must be one; '(12.50)' and '12.50-' are negative."""
    bracketed = figures.str.fullmatch(r"\(.+\)").fillna(False)
    inner = figures.str.replace(r"^\((.+)\)$", r"\1", regex=True)
    sign, before, second, figure, after, last = (part for _, part in inner.str.extract(_PRICE).items())
    currency = before.fillna(after).replace(_CODES)
    if currency.nunique() > 1:
        samples = inner[currency.notna() & ~currency.duplicated()].head(4)
        raise ValueError(
            f"holds several currencies ({', '.join(map(repr, samples))}), which cannot be added up. "
            "Convert them first, or map a column that holds one currency."
        )
    negative = (sign + second + last).str.contains("-").fillna(False) | bracketed
    commas = figure.str.contains(",") & ~figure.str.contains(".", regex=False)
    english = commas & currency.isin(["GBP", "USD"]) & (decimal is None)  # pounds and dollars group by commas
    amount = negative.map({True: "-", False: ""}) + figure + english.map({True: ".", False: ""})
    return amount.where(figure.notna(), inner.mask(bracketed)).astype("str")


_CODES = {"£": "GBP", "$": "USD", "US$": "USD", "€": "EUR", "¥": "JPY", "₹": "INR"}


def _split_scores(
    cells: pd.Series, spec: Field, reasons: pd.Series, blank: pd.Series
) -> tuple[pd.Series, pd.Series, pd.Series]:
    """The figure of each score without its label, scale or stars; which have none for a reason; which are no answer."""
    filled = cells.dropna()
    parts = [_split_score(cell, spec) for cell in filled]
    tops = {part.top: cell for cell, part in zip(filled, parts, strict=True) if part.top is not None}
    labels: dict[str, set[str]] = {}
    for part in parts:
        if part.label and part.figure:
            labels.setdefault(part.label, set()).add(part.figure)
    if len(tops) > 1:
        raise ValueError(f"mixes scales: {', '.join(map(repr, tops.values()))}. Map one scale, or translate by values.")
    shared = {label for label, numbers in labels.items() if len(numbers) > 1 and label not in SILENT}
    why = [_SHARED if part.label in shared else part.reason for part in parts]
    silent = pd.Series([part.label in SILENT for part in parts], filled.index, dtype=bool)
    figures, causes = (
        pd.Series(values, filled.index, dtype="str").reindex(cells.index)
        for values in ([part.figure for part in parts], why)
    )
    return figures, reasons.where(reasons.notna(), causes), blank | silent.reindex(cells.index, fill_value=False)


_SHARED = "numbers a word that several numbers share"


class _Score(NamedTuple):
    """Figure of a score, its label, why it has no figure, and the top of its scale as far as the cell states it."""

    figure: str | None
    label: str = ""
    reason: str | None = None
    top: int | None = None


def _split_score(cell: str, spec: Field) -> _Score:
    """One score cut into its parts."""
    high = spec.high or 0
    word = fold(cell).strip(_EDGES)
    if word in SILENT:
        return _Score(None, word)
    if re.fullmatch(r"[+-]?\d+(?:[.,]\d+)? ?%", cell):
        return _Score(None, reason=f"is a percentage, not {spec.unit}")
    if fraction := _FRACTION.fullmatch(cell):
        top, nouns = int(fraction[3]), {fold(noun) for noun in (fraction[2], fraction[4]) if noun}
        if top != high or not nouns <= _NOUNS:
            return _Score(None, reason=f"is out of {top}, not {spec.unit}", top=top)
        return _Score(fraction[1], top=top)
    if stars := re.fullmatch(r"(★+)([☆✩]*)", cell):
        return _count_stars(str(len(stars[1])), len(cell) if stars[2] else 5, spec)
    if counted := re.fullmatch(r"(\d) ?★|★ ?(\d)", cell):
        return _count_stars(counted[1] or counted[2], 5, spec)
    if match := _LABEL_LAST.fullmatch(cell):
        label = fold(match[2] or match[3] or "").strip(_EDGES)
        if label in _STARS:
            return _count_stars(match[1], 5, spec)
        if match[3]:
            return _Score(None) if label in UNITS else _Score(match[1], label)
        return _Score(match[1], label if label in SILENT else "")  # '9 - Great service': words of any kind
    if match := _LABEL_FIRST.fullmatch(cell):
        return _Score(match[2], fold(match[1]))
    return _Score(cell)


def _count_stars(figure: str, top: int, spec: Field) -> _Score:
    return _Score(figure, top=top) if top == spec.high else _Score(None, "", f"counts stars, not {spec.unit}", top)


def _read_durations(cells: pd.Series, formats: Sequence[str]) -> pd.Series:
    """Seconds of the cells that state their own unit, by words, by the clock or as ISO 8601; others are missing."""
    short = cells[cells.str.fullmatch(r"\d{1,4}:[0-5]\d").fillna(False)]
    shape = next((f for f in formats if f in {"%H:%M", "%M:%S"}), None)
    if len(short) and shape is None:
        raise ValueError(
            f"durations such as {short.iloc[0]} can be read two ways. Say formats = ['%H:%M'] or ['%M:%S'] in a map."
        )
    seconds = cells.map(lambda cell: _seconds(cell, 60.0 if shape == "%H:%M" else 1.0), na_action="ignore")
    return seconds.astype("float64")


def _seconds(cell: str, unit: float) -> float:
    """Seconds of a duration that names its units; NaN where it names none, or not all. `unit` is that of b in 'a:b'."""
    cell = cell.strip()
    if clock := _CLOCK.fullmatch(cell):
        days = float(clock[1] or 0) * (UNITS.get(fold(clock[2]), np.nan) if clock[2] else 0)
        return days + int(clock[3]) * 3600 + int(clock[4]) * 60 + float(clock[5].replace(",", "."))
    if iso := _ISO.fullmatch(cell.upper()):
        sizes = (604800, 86400, 3600, 60, 1)
        return sum(float(part or 0) * size for part, size in zip(iso.groups(), sizes, strict=True))
    if short := re.fullmatch(r"(\d{1,4}):(\d\d)", cell):
        return (int(short[1]) * 60 + int(short[2])) * unit
    if french := re.fullmatch(r"(\d{1,4}) ?h ?([0-5]\d)", cell, re.IGNORECASE):
        return int(french[1]) * 3600.0 + int(french[2]) * 60
    parts = [(float(n.replace(",", ".")), UNITS.get(fold(word), np.nan)) for n, word in _PART.findall(cell)]
    between = {fold(rest) for rest in re.split(r"[\s,;&]+", _PART.sub(" ", cell))}
    falling = all(big > small for (_, big), (_, small) in zip(parts, parts[1:], strict=False))
    return sum(n * size for n, size in parts) if parts and falling and between <= set(WORDS["joiners"]) else np.nan
