"""Rows in a file that are no rows of its table: headers that come again, notes under the table, totals, blank rows."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from analytics.tables.layout import NUMBER, Rows
from analytics.tables.spelling import WORDS

HEADER_AGAIN = "repeats the header"
NOTE = "stands under the table: a note, not a row of it"
BLANK = "is blank"

_LABEL = WORDS["totals"]
_LONGEST = 80  # characters of a label
_OFTEN = 0.95  # share of rows in which a column of ids is filled, with a digit
_FEW = 1_000_000  # cells that are cheap to copy
_TAIL = 60  # rows at the end among which notes are looked for


def find_asides(frame: pd.DataFrame, header: Rows, ragged: Sequence[tuple[int, int, str]]) -> dict[int, str]:
    """Rows that a file holds beside its table, by their number, with the reason.

    Parameters
    ----------
    frame
        Rows of text, one column a field, whose index is the row's number.
    header
        The header rows as they stand in the file.
    ragged
        Rows with a wrong number of fields: number, fields, text.
    """
    reasons = dict.fromkeys(_blank_rows(frame), BLANK)
    reasons |= dict.fromkeys(_headers_again(frame, header), HEADER_AGAIN)
    rest = frame.drop(index=list(reasons)) if reasons else frame
    notes = _notes(rest, ragged)
    reasons |= dict.fromkeys(notes, NOTE)
    inside = [number for number in notes if number in rest.index]
    return reasons | _totals(rest.drop(index=inside) if inside else rest)


def _blank_rows(frame: pd.DataFrame) -> list[int]:
    rest = frame
    for c in range(frame.shape[1]):
        blank = (rest.iloc[:, c].str.strip() == "").to_numpy(dtype=bool)
        if not blank.any():
            return []
        rest = rest if blank.all() else rest[blank]
    return [int(number) for number in rest.index]


def _headers_again(frame: pd.DataFrame, header: Rows) -> list[int]:
    """Rows that say what a header row says, cell by cell, as in exports laid end to end."""
    again: list[int] = []
    for row in header:
        cells = [(c, cell) for c, cell in enumerate(row[: frame.shape[1]]) if cell.strip()]
        rest = frame if len(cells) >= min(2, frame.shape[1]) else frame.iloc[:0]
        for c, cell in cells:
            same = rest.iloc[:, c].isin([cell, f"\ufeff{cell}"]).to_numpy(dtype=bool)
            rest = rest[same] if same.any() else rest.iloc[:0]
            if rest.empty:
                break
        again += [int(number) for number in rest.index]
    return again


def _notes(frame: pd.DataFrame, ragged: Sequence[tuple[int, int, str]]) -> list[int]:
    """Rows at the end of the file with one or two fields of words, below the last row of the table."""
    fields = min(2, frame.shape[1] // 2)
    short = {number for number, found, _ in ragged if found <= fields}
    tail = frame.iloc[-_TAIL:]
    short |= _wordy_rows(tail, fields)
    notes: list[int] = []
    for number in sorted({*(int(n) for n in tail.index), *(n for n, _, _ in ragged)}, reverse=True):
        if number not in short:
            break
        notes.append(number)
    return notes


def _wordy_rows(tail: pd.DataFrame, fields: int) -> set[int]:
    """Rows with nothing beyond their first fields, and there no id of the kind that the other rows have."""
    if not fields or tail.empty:
        return set()
    filled = np.array([[bool(cell.strip()) for cell in row] for row in tail.to_numpy(dtype=object)])
    short = ~filled[:, fields:].any(axis=1)
    first = tail.iloc[:, 0].str.strip()
    words = first.str.contains(r"\s|[:©]|^\D+$", regex=True).to_numpy(dtype=bool) & filled[:, 0]
    if short.all() or words[~short].mean() > 0.5:
        return set()
    return {int(number) for number in tail.index[short & words]}


def _totals(frame: pd.DataFrame) -> dict[int, str]:
    """Rows whose label stands where an id should, or beside no id, or whose values sum up the rows above them."""
    labels: dict[int, tuple[int, str]] = {}
    for c, place in _label_cells(frame):
        labels.setdefault(int(frame.index[place]), (c, str(frame.iat[place, c]).strip()))
    if not labels or 2 * len(labels) > len(frame):
        return {}
    ordinary = frame.drop(index=list(labels))
    key, numbers, places, last = _find_ids(ordinary), _number_columns(ordinary), ordinary.index.to_numpy(), 0
    reasons: dict[int, str] = {}
    for number, (c, label) in sorted(labels.items()):
        row = [str(cell).strip() for cell in frame.loc[number]]
        nameless = key is not None and (c == key or not row[key])
        above = places < number
        blocks = (above & (places > last), above, np.isfinite(places))  # since the last total, above this one, all
        if nameless or any(_sums_up(numbers, block, row, label) for block in blocks if block.sum() > 1):
            reasons[number] = f"sums up other rows: its label is {label!r}"
            last = number
    return reasons


def _label_cells(frame: pd.DataFrame) -> list[tuple[int, int]]:
    """Column and row of the cells that read as the label of a total, in one pass over all columns."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = (pa.array(frame.iloc[:, c], type=pa.large_string()) for c in range(frame.shape[1]))
    chunks = [chunk for column in columns for chunk in getattr(column, "chunks", [column])]
    values = pa.chunked_array(chunks, type=pa.large_string())
    if frame.size < _FEW:  # a pattern is made anew for each chunk
        values = pa.chunked_array([pa.concat_arrays(chunks)]) if chunks else values
    labels = pc.match_substring_regex(values, _LABEL, ignore_case=True)
    places = pc.indices_nonzero(labels).to_pylist()
    return [divmod(place, len(frame)) for place in places if len(values[place].as_py()) <= _LONGEST]


def _find_ids(rows: pd.DataFrame) -> int | None:
    """Place of the first column that is nearly always filled, with digits and without words: ids, or else stamps."""
    for c in range(rows.shape[1]):
        column = rows.iloc[:, c].str.strip()
        if column.str.contains(r"\d", regex=True).mean() >= _OFTEN and not column.str.contains(r"[^\W\d]{2,}\s").any():
            return c
    return None


def _number_columns(rows: pd.DataFrame) -> dict[int, np.ndarray]:
    """Columns of numbers, by their place; what is no number is NaN."""
    columns = {c: rows.iloc[:, c].str.strip() for c in range(rows.shape[1])}
    return {
        c: pd.to_numeric(column, errors="coerce").to_numpy(dtype="float64")
        for c, column in columns.items()
        if len(column) and any(NUMBER.fullmatch(value) for value in column.iloc[:20])
    }


def _sums_up(numbers: dict[int, np.ndarray], block: np.ndarray, row: Sequence[str], label: str) -> bool:
    """Whether a row states the sum, mean or count of a block of others."""
    if str(int(block.sum())) in re.findall(r"\d+", label):
        return True
    for c, column in numbers.items():
        values = column[block]
        values = values[~np.isnan(values)]
        stated = pd.to_numeric(row[c], errors="coerce")
        if not len(values) or np.isnan(stated):
            continue
        decimals = len(row[c].partition(".")[2])
        if stated > values.max() and round(float(values.sum()), decimals) == stated:
            return True
        # A mean with decimals among whole numbers; a whole one could be an answer.
        if stated % 1 and not (values % 1).any() and round(float(values.mean()), decimals) == stated:
            return True
    return False
