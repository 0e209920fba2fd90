"""How a value is written for a reader: numbers, intervals, dates, and the characters of foreign text.

Frames keep their numbers; these functions are called only where something is drawn.
"""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from numbers import Number
from pathlib import Path
from typing import Any
from zlib import crc32

from analytics.measures.estimate import span

# the report's furniture: the only words for readers in this room, all others are handed in
NOT_KNOWN = "not known"
NOTHING = ("", "–", NOT_KNOWN, "too few")  # cells that show nothing
WORDS = {"unknown": "We do not know", "settle": "What would settle it:", "page": "Page", "of": "of"}
WORDS |= {"more": "more", "limits": "usual range", "whole": "no difference", "listed": "sort as before"}
PROVENANCE = {"inputs": "Files and queries read", "rows": "Rows read, kept and set aside", "faults": "What was wrong"}
# columns of the lists of what was read; the others by their own names
PROVENANCE_HEADS = {"sha256": "SHA-256 (start)", "n": "Rows", "left_out": "Left out by the map"}
PROVENANCE_HEADS |= {"quarantined": "Set aside", "cells": "Values set to missing"}
LONGEST_TEXT = 6_000  # characters; a longer text is cut with a visible note, or one cell could fill a report
# Control characters, halves of surrogate pairs, non-characters, and marks that reorder the text around them: none has
# a shape of its own, and each can break XML, JSON or the reading order.
_UNSHOWN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\u202a-\u202e\u2066-\u2069\u200e\u200f]"
)
FONTS = Path(__file__).parent / "fonts"  # Fira Sans: text and charts
LONG_WORD, BREAK_EVERY = 25, 12  # characters: a longer word gets invisible places to break, or it leaves the page
_SHAPELESS = "\ufe0e\ufe0f\u200d\u00ad\u200b"  # joiners, variants and break points: left out where no font has them
FORMATS = ("text", "count", "number", "number1", "number2", "share", "share1", "points", "hours", "date", "yes/no")


def visible(text: object) -> str:
    r"""Text with every character that has no shape replaced by U+FFFD, and cut where it is longer than a page.

    Parameters
    ----------
    text
        Anything; it is taken as plain text, never as markup.

    Returns
    -------
    str
        At most `LONGEST_TEXT` characters and a note of how many were left out.

    Examples
    --------
    >>> visible("ab\x00c")
    'ab�c'
    """
    written = unicodedata.normalize("NFC", _UNSHOWN.sub("\ufffd", str(text)))
    if len(written) <= LONGEST_TEXT:
        return written
    return f"{written[:LONGEST_TEXT]}… ({len(written) - LONGEST_TEXT:,} more characters)"


def worded(text: object) -> str:
    """A sentence of our own, made `visible`, with percent and minus signs as in every figure of a report.

    Examples
    --------
    >>> worded("Met in 98% of cases (-3 to +2 points) of 2026-10")
    'Met in 98 % of cases (−3 to +2 points) of 2026-10'
    """
    return re.sub(r"(?<![\w-])-(?=\d)", "−", re.sub(r"(?<=\d)%", " %", visible(text)))


def head_of(column: str) -> str:
    """A column of the lists of what was read, as a reader sees it."""
    return PROVENANCE_HEADS.get(column, column.capitalize())


def is_missing(value: object) -> bool:
    """Whether a cell holds nothing: None, NaN, NaT or NA."""
    unlike_itself = isinstance(value, Number) and value != value
    return value is None or unlike_itself or type(value).__name__ in ("NAType", "NaTType")


def format_value(value: object, style: str = "text") -> str:
    """Write one value.

    Parameters
    ----------
    value
        A number, flag or text (dates in ISO form); missing values are written 'not known'.
    style
        One of `FORMATS`: 'share' takes 0 to 1 and writes percent, 'points' writes the sign; a trailing digit is
        the number of decimals.

    Returns
    -------
    str
        Never 'nan'.

    Examples
    --------
    >>> format_value(0.617, "share"), format_value(-3.2, "points"), format_value(float("nan"), "share")
    ('62 %', '−3', 'not known')
    """
    if is_missing(value):
        return NOT_KNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if style == "date":
        return visible(value)[:10]
    if isinstance(value, int | float) and style != "text":
        return _number(stored(value), style)
    return visible(f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if isinstance(value, float) else value)


def decimals(width: float, unit: str) -> int:
    """Decimals that an interval of this width supports, in the form in which `unit` is written.

    Parameters
    ----------
    width
        high - low, in `unit`; NaN when undefined.
    unit
        As for `format_interval`.

    Returns
    -------
    int
        0 to 2: a 2-point interval deserves whole points, a narrower one a decimal.

    Examples
    --------
    >>> decimals(0.08, "share"), decimals(0.01, "share"), decimals(0.3, "score")
    (0, 1, 1)
    """
    wide = width * factor_of(unit)
    if math.isnan(wide):
        return 1 if unit == "score" else 0
    return 0 if wide >= 2 and unit != "score" else 1 if wide >= 0.2 or unit == "share" else 2


def factor_of(unit: str) -> int:
    """What a value is multiplied by where it is written: shares are written in percent."""
    return 100 if unit == "share" else 1


def stored(number: float) -> float:
    """A number as claims.json holds it: without its last bits, which are the machine's; written so, too."""
    return number if is_missing(number) else float(f"{number:.12g}")


def format_interval(
    value: float, low: float, high: float, unit: str, places: int | None = None, exact: bool = False
) -> tuple[str, str]:
    """Write an estimate as two strings, the figure and its bounds, with as many decimals as the interval supports.

    Parameters
    ----------
    value, low, high
        In `unit`; NaN is written 'not known'.
    unit
        'share' (0 to 1, written as percent), 'points' (written with its sign), 'hours', 'score', or any other unit,
        which is written after the figure.
    places
        Decimals, where several figures should share them; None asks `decimals`.
    exact
        Keep `places` even where they make the bounds look alike.

    Returns
    -------
    tuple of str
        The figure, and the bounds without their unit ('' when they are undefined).

    Examples
    --------
    >>> format_interval(0.62, 0.58, 0.66, "share")
    ('62 %', '58–66')
    >>> format_interval(-4.2, -12.0, 3.1, "points")
    ('−4', '−12 to +3')
    """
    if is_missing(value):
        return NOT_KNOWN, ""
    value, low, high = map(stored, (value, low, high))
    scale = factor_of(unit)
    bounded = not (is_missing(low) or is_missing(high))
    alike = places is not None and bounded and high > low and round(low * scale, places) == round(high * scale, places)
    if places is None or (alike and not exact):
        # an interval is never written as if it had no width
        places = decimals(high - low if bounded else math.nan, unit)
    if unit == "times" and bounded:  # a bound apart from once as often is never written as it
        finer = range(max(places, int(low < 3)), places + 3)  # 1.5 is not written as 2
        places = next((p for p in finer if (low > 1, high < 1) == (round(low, p) > 1, round(high, p) < 1)), places)
    signed = "+" if unit == "points" else ""
    figure, *ends = (_signed(v * scale, places, signed) for v in ((value, low, high) if bounded else (value,)))
    suffix = {"share": " %", "hours": " h", "points": "", "score": ""}.get(unit, f" {unit}" if unit else "")
    return figure + suffix, span(*ends) if ends else ""


def write_interval(value: float, low: float, high: float, unit: str, places: int | None = None) -> str:
    """Write an estimate in one string, such as '62 % (58–66)'.

    Parameters
    ----------
    value, low, high, unit, places
        As for `format_interval`.

    Returns
    -------
    str
        The figure, and its bounds in brackets where they are defined.

    Examples
    --------
    >>> write_interval(0.62, 0.58, 0.66, "share")
    '62 % (58–66)'
    """
    figure, bounds = format_interval(value, low, high, unit, places)
    return f"{figure} ({bounds})" if bounds else figure


def write_estimate(cell: Mapping[str, Any]) -> str:
    """Write an estimate as a block carries it: a mapping of value, low, high, unit, and places where a column has them.

    Examples
    --------
    >>> write_estimate({"value": 0.62, "low": 0.58, "high": 0.66, "unit": "share", "places": 1})
    '62.0 % (58.0–66.0)'
    """
    return write_interval(cell["value"], cell["low"], cell["high"], cell["unit"], cell.get("places"))


def _number(value: float, style: str) -> str:
    if math.isinf(value):
        return "no limit"
    places = int(style[-1]) if style[-1].isdigit() else 1 if style == "number" else 0
    style = style.rstrip("0123456789")
    if style == "share":
        return _signed(100 * value, places, "") + " %"
    return _signed(value, places, "+" if style == "points" else "") + (" h" if style == "hours" else "")


def _signed(value: float, places: int, sign: str) -> str:
    """A rounded number with thousands, a true minus, and no minus before zero."""
    rounded = round(value, places) + 0.0
    return f"{rounded:{sign if rounded else ''},.{places}f}".replace("-", "−")


def address(finding: Mapping[str, Any]) -> str:
    """The name by which page one points to a finding: its key, else a checksum of its sentence."""
    return re.sub(r"[^\w-]", "-", finding["key"] or f"{crc32(finding['sentence'].encode()):08x}")


def join_answers(answers: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Answers as page one shows them: by question, in order."""
    joined: dict[str, list[dict[str, Any]]] = {}
    for answer in answers:
        joined.setdefault(answer["question"], []).append(dict(answer))
    return joined


# ---- characters of the report's faces ----------------------------------------------------------------------------


def clean_text(text: str) -> str:
    r"""Text in characters that the fonts have, on one line, with places to break in long words.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    str
        An emoji outside the fonts becomes its name in brackets, any other character U+FFFD.

    Examples
    --------
    >>> clean_text("so\n late \N{PILE OF POO} 漢")
    'so late [pile of poo] �'
    """
    line = " ".join(covered(visible(text)).split())
    return re.sub(rf"[^\s\u200b]{{{LONG_WORD + 1},}}", _breakable, line)


def covered(text: str) -> str:
    """Text with each character that no font of the report has replaced by its name (emoji) or U+FFFD.

    Parameters
    ----------
    text
        Any text; white space is kept.

    Returns
    -------
    str
        Characters the compiler can draw.
    """
    drawable = _coverage()
    return "".join(c if c in drawable or c in "\n\t" else _stand_in(c) for c in text)


def _stand_in(char: str) -> str:
    if char in _SHAPELESS:
        return ""
    name = unicodedata.name(char, "")
    return f"[{name.lower()}]" if name and unicodedata.category(char) == "So" else "\ufffd"


def _breakable(word: re.Match[str]) -> str:
    whole = word.group()
    return "\u200b".join(whole[i : i + BREAK_EVERY] for i in range(0, len(whole), BREAK_EVERY))


def fallback_folder() -> Path:
    """Folder of DejaVu Sans, which Matplotlib carries: symbols, Arabic, Hebrew and other scripts."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


@cache
def _coverage() -> frozenset[str]:
    """Characters that both weights of the text face, or of the fallback face, have."""
    from matplotlib.ft2font import FT2Font

    def common(paths: list[Path]) -> set[int]:
        return set.intersection(*(set(FT2Font(path).get_charmap()) for path in paths))

    fallback = [fallback_folder() / f"DejaVuSans{cut}.ttf" for cut in ("", "-Bold")]
    return frozenset(map(chr, common(sorted(FONTS.glob("*.ttf"))) | common(fallback)))
