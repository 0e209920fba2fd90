"""Rows that were cut into too many fields, put together again where the other columns show how."""

import csv
import re
from collections.abc import Callable, Sequence

import pandas as pd

from analytics.tables.layout import NUMBER, STAMP

_SAMPLE = 2_000  # rows that show what the columns hold
_SURE = 0.98  # share of a column's values that must have a shape before the shape decides
_FEW = 25  # words of a column that takes one of a list

Shape = Callable[[str], object] | None  # a test, or free text


def repair_rows(
    rows: pd.DataFrame, ragged: Sequence[tuple[int, int, str]], separator: str
) -> dict[int, tuple[list[str], bool]]:
    """Join the pieces of the one free-text column where every other field has the shape of its column.

    Parameters
    ----------
    rows
        The rows that have the right number of fields; a column is judged by its first few thousand.
    ragged
        Number, fields and text of the others.
    separator
        What stands between the fields, and is put back between joined pieces.

    Returns
    -------
    dict
        Fields of the rows that can be repaired, by number, and whether pieces of a text were joined for it.

    Examples
    --------
    >>> rows = pd.DataFrame({"id": ["a1", "a2", "a3"], "why": ["Fine", "", "So so"], "nps": ["9", "8", "7"]})
    >>> repair_rows(rows, [(4, 4, "a4,Late, rude,2")], ",")
    {4: (['a4', 'Late, rude', '2'], True)}
    """
    if not ragged or rows.empty:
        return {}
    shapes = [_find_shape(rows.iloc[:_SAMPLE, c]) for c in range(rows.shape[1])]
    lists = [c for c, shape in enumerate(shapes) if isinstance(shape, frozenset) and len(shape) > 1]
    if None not in shapes and len(lists) == 1:  # short answers only: the long ones are those cut up
        shapes[lists[0]] = None
    long = {number: _repair(text, shapes, separator) for number, fields, text in ragged if fields > len(shapes)}
    return {number: whole for number, whole in long.items() if whole is not None}


def _repair(text: str, shapes: Sequence[Shape], separator: str) -> tuple[list[str], bool] | None:
    """The fields of a row as the table has them, and whether some were joined; None where that is not plain."""
    try:
        fields = next(csv.reader([text], delimiter=separator), [])
    except (csv.Error, ValueError):
        return None
    width = len(shapes)
    while len(fields) > width and not fields[-1].strip():
        fields.pop()
    if len(fields) == width:
        return fields, False
    free = [c for c, shape in enumerate(shapes) if shape is None]
    if len(fields) < width or len(free) != 1:
        return None
    start, stop = free[0], free[0] + len(fields) - width + 1
    whole = [*fields[:start], separator.join(fields[start:stop]), *fields[stop:]]
    fits = all(shape is None or shape(field.strip()) for shape, field in zip(shapes, whole, strict=True))
    return (whole, True) if fits else None


def _find_shape(values: pd.Series) -> Shape:
    """What a column's values look like; None for free text."""
    filled = [text for value in values if (text := str(value).strip())]
    blank_fits = len(filled) < len(values) or not filled
    if not filled:
        return lambda text: not text
    outlines, words = {_outline(text) for text in filled}, frozenset(filled)
    tests: list[Callable[[str], object]] = [
        pattern.fullmatch
        for pattern in (STAMP, NUMBER)
        if sum(pattern.fullmatch(text) is not None for text in filled) >= _SURE * len(filled)
    ]
    if len(outlines) <= 3 and all("9" in outline and " " not in outline for outline in outlines):
        tests.append(lambda text: _outline(text) in outlines)
    if tests:
        return lambda text: tests[0](text) or (blank_fits and not text)
    few = not blank_fits and len(words) <= max(1, min(_FEW, len(filled) // 4)) and max(map(len, words)) <= 40
    return words.__contains__ if few and not (len(words) == 1 and " " in filled[0]) else None


def _outline(text: str) -> str:
    """An id by the kinds of its characters, runs made one: 'AB-1207' is 'A-9'."""
    return re.sub(r"[A-Za-z]+", "A", re.sub(r"\d+", "9", text))
