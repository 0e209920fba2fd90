"""The workbook beside a report: every sentence, table and chart with its figures, as numbers, source and n beside them.

It holds what the blocks hold, no more: small groups are withheld in it as in the pages. All words are written as text,
so that no cell of a customer or an export can run as a formula or open an address.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from analytics.publish.collect import findings
from analytics.publish.format import head_of

Json = dict[str, Any]
Sheet = tuple[str, list[str], list[str], list[list[Any]]]  # name, lines above, headings, rows
FIGURE = ("value", "low", "high")
CLAIMS = ("section", "page_one", "sentence", *FIGURE, "unit", "n", "source", "signal", "key")
WIDE, NARROW = 60, 14  # widths of columns in characters
CELL = 32_767  # characters that a cell holds


def write_workbook(blocks: Sequence[Json], path: Path) -> None:
    """Write an Excel workbook: a sheet of all sentences with their evidence, and one for each table and chart.

    Parameters
    ----------
    blocks
        As `collect` returns them.
    path
        File to write; the same blocks give the same bytes.
    """
    claims = [[row[name] for name in CLAIMS] for row in _claim_rows(blocks)]
    sheets: list[Sheet] = [("Sentences", [], [name.replace("_", " ").capitalize() for name in CLAIMS], claims)]
    shown = [block for block in blocks if block["kind"] == "table" or "drawn" in block]
    sheets += [(f"{number} {block['kind']}", *_grid(block)) for number, block in enumerate(shown, start=1)]
    write_sheets(sheets, path)


def write_sheets(sheets: Iterable[Sheet], path: Path) -> None:
    """Write a workbook of sheets, all words as text; one too long for a cell is cut with an ellipsis."""
    from xlsxwriter import Workbook

    safe = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(str(path), safe) as book:
        book.set_properties({"created": datetime(2000, 1, 1)})  # the same on every day
        bold = book.add_format({"bold": True})
        for name, above, heads, rows in sheets:
            sheet = book.add_worksheet(name)
            for at, line in enumerate(above):
                sheet.write_string(at, 0, line)
            sheet.write_row(len(above), 0, heads, bold)
            for at, row in enumerate(rows, start=len(above) + 1):
                for column, cell in enumerate(row):
                    if isinstance(cell, str):
                        sheet.write_string(at, column, cell if len(cell) <= CELL else f"{cell[: CELL - 1]}…")
                    elif cell is not None:
                        sheet.write(at, column, cell)
            sheet.freeze_panes(len(above) + 1, 0)
            for column, head in enumerate(heads):
                longest = max([len(str(row[column])) for row in rows], default=0)
                sheet.set_column(column, column, min(WIDE, max(NARROW, len(head), longest)))


def _claim_rows(blocks: Sequence[Json]) -> Iterator[dict[str, Any]]:
    """A row for each figure behind a sentence, one for a sentence without any."""
    for claim in findings(blocks):
        for figure in claim["evidence"] or [dict.fromkeys((*FIGURE, "unit", "n", "source"))]:
            yield {**claim, **figure}


def _grid(block: Json) -> tuple[list[str], list[str], list[list[Any]]]:
    """What stands above a table or a chart's points, its headings, and its rows, each figure beside its bounds."""
    part = block.get("drawn", block)
    labels = [head_of(head) if isinstance(head, str) else head["label"] for head in part["columns"]]
    whole = [any(isinstance(row[i], dict) for row in part["rows"]) for i in range(len(labels))]
    heads = [
        name for label, bounds in zip(labels, whole, strict=True)
        for name in ([label, f"{label}, low", f"{label}, high"] if bounds else [label])
    ]  # fmt: skip
    rows = [
        [value for cell, bounds in zip(row, whole, strict=True) for value in _spread(cell, bounds)]
        for row in part["rows"]
    ]
    above = [block["caption"], f"{block['source']}, n = {block['n']:,}", block["note"], ""]
    return above, heads, rows


def _spread(cell: object, bounds: bool) -> list[Any]:
    if not bounds:
        return [cell]
    return [cell[key] for key in FIGURE] if isinstance(cell, dict) else [cell, None, None]
