"""Where a table stands in its file: the rows above the header, the header itself, and the names of the columns.

Works on the first rows as lists of cells, so that text and workbooks are told apart by one set of rules. Rows below
the header that are no rows of the table are for `asides`.
"""

import html
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from zoneinfo import available_timezones

from analytics.tables.spelling import WORDS

Rows = Sequence[Sequence[str]]

MAX_COLUMNS = 20_000  # a worksheet ends at 16,384; more is a table on its side or a wrong separator
LOOKED_AT = 200  # rows from the top that show how a file is laid out
FEW = 6  # filled rows below which nothing tells a second header from a first answer
_ABOVE = 50  # rows from the top among which a header is looked for
_ZONE = re.compile(r"""["']timeZone["']\s*:\s*["']([^"']+)["']""")
_INVISIBLE = re.compile("[\ufeff\u200b-\u200f\u2060\u00ad]")
NUMBER, STAMP, _TAG, _IMPORT_ID = (
    re.compile(WORDS["cells"][shape], re.IGNORECASE) for shape in ("number", "stamp", "tag", "import_id")
)


class Place(NamedTuple):
    """Where a map says that the header stands: how many rows, at which row from 1, how many at the top to pass over."""

    header_rows: int = 1
    header_row: int | None = None
    skip_rows: int = 0


@dataclass(frozen=True)
class Header:
    """The header of a table: its rows as they stand, where the data begin, counted from 0, and the lines above it."""

    rows: tuple[tuple[str, ...], ...]
    first: int
    end: int
    warnings: tuple[str, ...] = ()
    above: tuple[str, ...] = ()

    @property
    def zone(self) -> str | None:
        """The time zone that a row of import ids names."""
        zones = (match[1] for row in self.rows[2:] for cell in row if (match := _ZONE.search(cell)))
        return next((zone for zone in zones if zone in available_timezones()), None)

    def pad(self, width: int) -> "Header":
        """The header with as many cells as the table has columns."""
        rows = tuple((*row[:width], *[""] * (width - len(row))) for row in self.rows)
        return replace(self, rows=rows)

    def fit(self, data: Rows) -> "Header":
        """The header as wide as most rows under it, where only blank cells make the difference."""
        widths = Counter(len(row) for row in data if any(cell.strip() for cell in row))
        width = max(widths, key=lambda w: (widths[w], w), default=len(self.rows[0]))
        beyond = [*self.rows, *(row for row in data if len(row) == width)]
        filled = any(cell.strip() for row in beyond for cell in row[min(width, len(self.rows[0])) :])
        return self if filled or 2 * widths[width] < widths.total() else self.pad(width)


def tidy(cell: object) -> str:
    """A header or value as one line without stray spaces; a missing one is ''."""
    return "" if cell is None or cell != cell else " ".join(str(cell).split())


def tidy_header(cell: object) -> str:
    """A header as a reader sees it: no tags, entities or invisible characters.

    Examples
    --------
    >>> tidy_header("<p>How likely&nbsp;are<br>you&hellip;</p>")
    'How likely are you…'
    """
    text = tidy(cell)
    if "&" in text or "<" in text:
        text = tidy(html.unescape(_TAG.sub(" ", text)))
    return text if text.isascii() else tidy(_INVISIBLE.sub("", text))


def name_columns(header: Rows) -> tuple[list[str], dict[str, str]]:
    """Name each column by its first header row; a blank one takes its neighbour's name with the second row's.

    The second name is what a column answers to as well: the two rows joined, and the lower one alone where no other
    column has it.

    Examples
    --------
    >>> name_columns([["Id", "How was it?", ""], ["", "Speed", "Tone"]])[0]
    ['Id', 'How was it?', 'How was it? / Tone']
    >>> name_columns([["Id", "How was it?", ""], ["", "Speed", "Tone"]])[1]["Speed"]
    'How was it?'
    """
    first = [tidy_header(cell) for cell in header[0]]
    second = [tidy_header(cell) for cell in header[1]] if len(header) > 1 else []
    second = (second + [""] * len(first))[: len(first)]
    names: dict[str, None] = {}
    aliases: dict[str, str] = {}
    question = ""
    for position, (top, below) in enumerate(zip(first, second, strict=True)):
        question = top or question
        full = f"{question} / {below}" if question and below else top or below or f"column {position + 1}"
        name, twin = top or full, 2
        while name in names:
            name, twin = f"{top or full} ({twin})", twin + 1
        names[name] = None
        if full != name:
            aliases.setdefault(full, name)
    lone = {below for below in second if below and second.count(below) == 1} if len(second) <= MAX_COLUMNS else set()
    for name, below in zip(names, second, strict=True):
        if below in lone and below not in names:
            aliases.setdefault(below, name)
    return list(names), aliases


def is_value(cell: str) -> bool:
    """Whether a cell reads as a number or a stamp, which names of columns seldom do."""
    cell = cell.strip()
    return bool(cell) and (NUMBER.fullmatch(cell) is not None or STAMP.fullmatch(cell) is not None)


def find_header(rows: Rows, name: str, place: Place) -> Header:
    """Find the header among the first rows of a file, title rows above it passed over.

    Header rows that a map announces and that read as answers are taken for answers.

    Parameters
    ----------
    rows
        Cells of the first rows, blank rows included.
    name
        What messages call the file.
    place
        What the map says of it.

    Raises
    ------
    ValueError
        If the file is shorter than the map says.
    """
    header_rows, header_row, skip_rows = place
    if header_row is not None:
        first = header_row - 1
        if first >= len(rows) or not any(cell.strip() for cell in rows[first]):
            raise ValueError(f"{name}: header_row = {header_row} is a blank row or beyond the end. Correct the map.")
    else:
        first = _first_row(rows, skip_rows, header_rows)
    filled = [i for i in range(first, len(rows)) if any(cell.strip() for cell in rows[i])]
    if not filled or len(filled) < header_rows:
        raise ValueError(f"{name}: has {len(filled)} of the {header_rows} header rows that its map announces.")
    if header_row is None:
        _refuse_values(rows, filled, name)
    count = _count_header_rows(rows, filled, header_rows)
    warnings = []
    above = [" ".join(c for c in rows[i] if c.strip()) for i in range(skip_rows, first) if any(rows[i])]
    if above and header_row is None:
        titles = "; ".join(f"“{line[:60]}”" for line in above[:4])
        warnings.append(
            f"{name}: the header was taken from row {first + 1}; above it: {titles}. "
            "Say header_row in the map if it is another."
        )
    if count != header_rows:
        warnings.append(
            f"{name}: {count} header row{'s' * (count > 1)} found where {header_rows} "
            f"{'was' if header_rows == 1 else 'were'} expected; the rows below were read as data."
        )
    header = tuple(tuple(rows[i]) for i in filled[:count])
    width = max(map(len, header))
    if width > MAX_COLUMNS:
        raise ValueError(
            f"{name}: has {width:,} columns; at most {MAX_COLUMNS:,} are read. Is the table on its side, or the "
            "separator another?"
        )
    return Header(header, first, filled[count - 1] + 1, tuple(warnings), tuple(above)).pad(width)


def _refuse_values(rows: Rows, filled: Sequence[int], name: str) -> None:
    """Raise if the row that should name the columns has a stamp above stamps."""
    top, below = rows[filled[0]], [rows[i] for i in filled[1:4]]
    for column, cell in enumerate(top):
        under = [row[column].strip() for row in below if len(row) > column]
        if under and all(STAMP.fullmatch(value.strip()) for value in (cell, *under)):
            raise ValueError(
                f"{name}: row {filled[0] + 1} reads as data: {cell.strip()[:30]!r} stands where a name should. "
                "Has the file lost its header? Add one, or say header_row in the map."
            )


def extent(row: Sequence[str]) -> int:
    """How many cells a row has up to its last filled one."""
    return max((i + 1 for i, cell in enumerate(row) if cell.strip()), default=0)


def _first_row(rows: Rows, start: int, header_rows: int) -> int:
    """The first row that is no title; the first filled one where that would be a row of values."""
    extents = [extent(row) for row in rows]
    filled = [i for i in range(start, len(rows)) if extents[i]]
    if not filled:
        return len(rows)
    width = sorted(extents[i] for i in filled)[3 * len(filled) // 4]
    for i in filled[:_ABOVE]:
        blank_below = i + 1 < len(rows) and not extents[i + 1]
        if not (_is_title(rows[i], extents[i], width, header_rows) and (width > 2 or blank_below)):
            values = sum(map(is_value, rows[i]))
            words = 2 * values < sum(bool(cell.strip()) for cell in rows[i])
            alike = [len(rows[j]) == len(rows[i]) for j in filled if j > i]
            return i if words and 2 * sum(alike) >= len(alike) else filled[0]
    return filled[0]


def _is_title(row: Sequence[str], length: int, width: int, header_rows: int) -> bool:
    """Whether a row is too short for the table's header: a title, a filter, the day of the export."""
    cells = [cell for cell in row if cell.strip()]
    if width == 2:
        return length == 1 and len(row) == 1
    group = header_rows > 1 and not row[0].strip()  # a name over some columns, as the first has none
    if width < 2 or group or (length >= width and len(cells) > 1):
        return False
    lone = len(cells) == 1 and (header_rows == 1 or length == 1)
    return lone or 2 * length <= width or any(map(is_value, cells))


def _count_header_rows(rows: Rows, filled: Sequence[int], announced: int) -> int:
    """Header rows that the file has: down to a row of import ids, else those announced that do not read as answers."""
    for position, i in enumerate(filled[1:4], 1):
        if any(_IMPORT_ID.match(cell.strip()) for cell in rows[i]):
            return position + 1
    top = rows[filled[0]]
    if announced == 1:
        holes = [c for c, cell in enumerate(top) if not cell.strip()]
        below = rows[filled[1]] if len(filled) > 2 else ()
        grouped = 2 * len(holes) >= len(top) > 2 and sum(bool(c.strip()) for c in top) > 1
        whole = len(below) >= len(top) and all(below[c].strip() for c in holes) and not any(map(is_value, below))
        grouped = grouped and whole and not _reads_as_answers(rows, filled, 1)
        return 2 if grouped or _names_again(rows, filled) else 1
    for position in range(1, announced):
        if _reads_as_answers(rows, filled, position):
            return position
    return announced


def _names_again(rows: Rows, filled: Sequence[int]) -> bool:
    """Whether the row under a header names the columns once more: words in every cell, and above values."""
    if len(filled) < FEW:
        return False
    top, second, later = rows[filled[0]], rows[filled[1]], [rows[i] for i in filled[2:]]
    cells = [cell.strip() for cell in second]
    below = [[r[c] for r in later if len(r) > c and r[c].strip()] for c in range(len(cells))]
    valued = sum(sum(map(is_value, column)) >= 0.8 * len(column) > 0 for column in below)
    whole = all(cells[c] for c, cell in enumerate(top[: len(cells)]) if cell.strip()) and len(cells) >= len(top)
    return valued > 1 and whole and len({*cells}) == len(cells) and not any(map(is_value, cells))


def _reads_as_answers(rows: Rows, filled: Sequence[int], position: int) -> bool:
    """Whether a row under the header has stamps, or values in the columns of values and words that come again."""
    row, later = rows[filled[position]], [rows[i] for i in filled[position + 1 :]]
    if any(STAMP.fullmatch(cell.strip()) and any(map(str.isdigit, cell)) for cell in row):
        return True
    votes = 0
    for column, cell in enumerate(row):
        below = [r[column] for r in later if len(r) > column and r[column].strip()]
        if not cell.strip() or not below:
            continue
        words = set(below)
        if sum(map(is_value, below)) >= 0.8 * len(below):
            votes += 1 if is_value(cell) else -1
        elif 1 < len(words) <= len(below) / 2:  # a list of words; one word alone may be the name of a box to tick
            votes += 1 if cell in words else -1
    return votes > 0
