"""The cells of an Excel workbook as text, within bounds: which sheet, how far its cells reach, what they hold."""

import datetime as dt
import fnmatch
import glob
import html
import io
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from analytics.tables.encoding import first_line
from analytics.tables.layout import LOOKED_AT, is_value

WORKBOOKS = (".xlsx", ".xlsm")
UNPACKED = 1 << 30  # bytes of a workbook's parts; a million rows of ten columns take half of it
MOST_CELLS = 12_000_000  # of a sheet, blank ones within its used area included
_EXACT = 10**15  # a workbook keeps fifteen digits of a number
_BLOCK = 1 << 22
_CELL = re.compile(rb'<c r="([A-Z]{1,3})(\d{1,7})"[^>]*(?<!/)>')
_PART = re.compile(r"xl/worksheets/[^/]+\.xml")


def find_sheets(file: Path, sheet: str | Sequence[str] | None) -> list[str | None]:
    """Sheets of a file that names or patterns mean; one name, or none, stands for itself."""
    if not isinstance(sheet, str | None):
        return [name for one in sheet for name in find_sheets(file, one)]
    if sheet is None or not glob.has_magic(sheet) or file.suffix.lower() not in WORKBOOKS:
        return [sheet]
    names = [name for name in sheet_names(file) if fnmatch.fnmatchcase(name, sheet)]
    if not names:
        raise ValueError(f"{file.name}: no sheet fits {sheet!r}. Found: {', '.join(map(repr, sheet_names(file)))}.")
    return [*names]


def name_sheet(name: str, sheet: str | None, pattern: str | Sequence[str] | None) -> str:
    """What messages call a sheet: as its file, unless it is one of several."""
    return name if sheet == pattern else f"{sheet} of {name}"


def sheet_names(file: Path) -> list[str]:
    """Names of the sheets of a workbook, in their order; none where it cannot be read."""
    try:
        with zipfile.ZipFile(file) as archive, archive.open("xl/workbook.xml") as stream:
            names = re.findall(rb'<(?:\w+:)?sheet\b[^>]*?\bname="([^"]*)"', stream.read(_BLOCK))
    except (OSError, KeyError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error):
        return []  # reading it then says why
    return [html.unescape(name.decode("utf-8", "replace")) for name in names]


def read_sheet(data: bytes, name: str, sheet: str | None) -> tuple[list[list[str]], tuple[str, ...]]:
    """Rows of one sheet as text, from its first row on, and warnings.

    Where no sheet is named, the one that holds a table is taken.

    Raises
    ------
    ValueError
        If the file is no workbook, unpacks or reaches beyond bounds, lacks the sheet, or has several with a table.
    """
    from python_calamine import CalamineWorkbook

    try:
        warnings = _bound(data, name)
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = [s.name for s in book.sheets_metadata if str(s.typ).endswith("WorkSheet")]
        if sheet is not None and sheet not in names:
            raise _Refusal(f"{name}: has no sheet {sheet!r}. Found: {', '.join(map(repr, names))}.")
        shown = [s.name for s in book.sheets_metadata if s.name in names and str(s.visible).endswith("Visible")]
        wanted = [sheet] if sheet is not None else shown or names
        rows = {n: book.get_sheet_by_name(n).to_python(skip_empty_area=False) for n in wanted}
    except _Refusal:
        raise
    except Exception as error:  # the reader raises whatever the broken zip or XML inside raises
        raise ValueError(f"{name}: is not an Excel workbook that can be read ({first_line(error)}).") from None
    chosen, note = _choose(rows, name)
    return [[cell if type(cell) is str else _to_text(cell) for cell in row] for row in rows[chosen]], (*warnings, *note)


class _Refusal(ValueError):
    """A sentence of our own, told apart from what the reader says."""


def _choose(sheets: Mapping[str, Sequence[Sequence[object]]], name: str) -> tuple[str, tuple[str, ...]]:
    """The sheet that holds a table, and a word on the others."""
    if not any(any(cell != "" for cell in row) for rows in sheets.values() for row in rows):
        raise ValueError(f"{name}: sheet {next(iter(sheets), '')!r} is empty.")
    if len(sheets) == 1:
        return next(iter(sheets)), ()
    tables = [sheet for sheet, rows in sheets.items() if _is_table(rows)]
    if len(tables) > 1:
        raise ValueError(
            f"{name}: the sheets {', '.join(map(repr, tables))} each hold a table. Say sheet = {tables[0]!r} or "
            "another beside the path."
        )
    chosen = tables[0] if tables else next(s for s, rows in sheets.items() if any(c != "" for r in rows for c in r))
    return chosen, (f"{name} has {len(sheets)} sheets; {chosen!r} was read. Say sheet to take another.",)


def _is_table(rows: Sequence[Sequence[object]]) -> bool:
    """Whether a sheet has two columns or more, filled for three rows in a run, with a value below words."""
    top = [[_to_text(cell) for cell in row] for row in rows[:LOOKED_AT]]
    full = [sum(bool(cell.strip()) for cell in row) for row in top]
    widest = max(full, default=0)
    run = [row for row, n in zip(top, full, strict=True) if 2 * n > widest]
    return widest >= 2 and len(run) >= 2 and (widest > 2 or any(is_value(c) for row in run[1:] for c in row))


def _bound(data: bytes, name: str) -> tuple[str, ...]:
    """Look at what unpacking a workbook would take, and at the errors in its cells.

    Raises
    ------
    ValueError
        If it unpacks or reaches beyond bounds.
    """
    archive = zipfile.ZipFile(io.BytesIO(data))
    parts = [part for part in archive.infolist() if part.filename.endswith((".xml", ".rels"))]
    size = sum(part.file_size for part in parts)
    if size > UNPACKED:
        raise _Refusal(
            f"{name}: unpacks to {size / 2**30:.1f} GiB, more than the {UNPACKED / 2**30:.0f} GiB that are read. Save "
            "the sheet as CSV, or as several workbooks."
        )
    scanned = [_scan(archive, part) for part in parts]  # also checks the size and checksum that the archive states
    if (area := max((area for _, area in scanned), default=0)) > MOST_CELLS:
        raise _Refusal(
            f"{name}: a sheet reaches over {area:,} cells. Delete what stands far from its table, or save that as CSV."
        )
    errors = sum(errors for errors, _ in scanned)
    return (f"{name}: {errors:,} cells hold an error such as #N/A and were read as blank.",) * bool(errors)


def _scan(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> tuple[int, int]:
    """Errors and used area of a part that is a sheet; read whole so that its stated size and checksum are tested."""
    errors, rows, columns, rest = 0, set[bytes](), set[bytes](), b""
    with archive.open(part) as stream:
        for block in chain(iter(lambda: stream.read(_BLOCK), b""), [b"<c "]):
            if _PART.fullmatch(part.filename):
                whole, mark, rest = (rest + block).rpartition(b"<c ")
                cells = _CELL.findall(whole)
                columns.update(column for column, _ in cells)
                rows.update(row for _, row in cells)
                errors += whole.count(b't="e"')
                rest = mark + rest
    return errors, max(map(int, rows), default=0) * max(map(_column_number, columns), default=0)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _to_text(value: object) -> str:
    """A cell as the text that a CSV of the sheet would hold; numbers keep no more digits than the workbook has."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
    if isinstance(value, dt.timedelta):
        seconds = round(value.total_seconds())
        return f"{'-' * (seconds < 0)}{abs(seconds) // 3600}:{abs(seconds) // 60 % 60:02}:{abs(seconds) % 60:02}"
    return str(value)
