"""A block as HTML, for JupyterLab and the HTML copy of a report: a template filled with escaped text."""

import base64
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analytics.publish import format as fmt
from analytics.publish.people import RECORDS

if TYPE_CHECKING:
    from jinja2 import Template

ACCENT, INK, MUTED, RULE = "#0b5c75", "#1b2126", "#5b656e", "#d8dde1"  # one accent; all else is a shade of one grey
COLOURS = {"accent": ACCENT, "ink": INK, "muted": MUTED, "rule": RULE}


def block_html(block: Mapping[str, Any]) -> str:
    """Draw a block's data as a self-contained piece of HTML.

    Parameters
    ----------
    block
        As ``Block.as_json`` returns it.

    Returns
    -------
    str
        One ``div``, without scripts or outside addresses; customer text in it is escaped and kept from MathJax.

    Examples
    --------
    >>> "<b>" in block_html({"kind": "prose", "text": "<b>bold</b>"})
    False
    """
    return _template().render(block=block)


@cache
def _template() -> "Template":
    """The template, in which whatever is no markup of its own is escaped."""
    import mistune
    from jinja2 import Environment
    from markupsafe import Markup

    markdown = mistune.create_markdown(escape=True)
    names: dict[str, Any] = {"colours": COLOURS, "WORDS": fmt.WORDS, "markdown": lambda text: Markup(markdown(text))}
    names["sorted_places"] = sorted_places
    names["base64"] = lambda text: base64.b64encode(text.encode()).decode()
    own = (origin, evidence_line, number_lines, written_rows, provenance_grids, fmt.address, fmt.join_answers)
    kept = Environment(autoescape=True, finalize=lambda x: x if isinstance(x, Markup) else Markup(escape(str(x))))
    kept.globals |= names | {function.__name__: function for function in own}
    return kept.from_string((Path(__file__).parent / "templates" / "block.html.j2").read_text(encoding="utf-8"))


def origin(block: Mapping[str, Any]) -> str:
    """Source line of a figure, table or set of quotes.

    Examples
    --------
    >>> origin({"source": "observed", "n": 1204, "note": ""})
    'Observed · n = 1,204'
    """
    source = block["source"]
    return " · ".join(filter(None, [source[:1].upper() + source[1:], f"n = {block['n']:,}", block["note"]]))


def evidence_line(block: Mapping[str, Any]) -> str:
    """What carries a finding, in one line: figures that its sentence does not write, n, source, signal.

    Examples
    --------
    >>> share = {"value": 0.62, "low": 0.58, "high": 0.66, "n": 1204, "unit": "share", "source": "said by customers"}
    >>> evidence_line({"sentence": "Most are satisfied.", "evidence": [share], "signal": "no change"})
    '62 % (58–66) · n = 1,204 · said by customers · no change'
    >>> evidence_line({"sentence": "62 % (58–66) are satisfied.", "evidence": [share], "signal": None})
    'n = 1,204 · said by customers'
    """
    shown = block["evidence"] if block.get("people") != RECORDS else []
    figures = dict.fromkeys(map(fmt.write_estimate, shown))
    unwritten = [figure for figure in figures if figure not in block["sentence"]]
    counts = dict.fromkeys(f"{e['n']:,}" for e in shown)
    sources = dict.fromkeys(e["source"] for e in shown)
    counted = f"n = {', '.join(counts)}" if counts else ""
    return " · ".join(filter(None, ["; ".join(unwritten), counted, ", ".join(sources), block["signal"]]))


def number_lines(number: Mapping[str, Any]) -> dict[str, str]:
    """A figure of page one as it is written: itself, its bounds, and the line below it."""
    figure, bounds = fmt.format_interval(number["value"], number["low"], number["high"], number["unit"])
    return {"figure": figure, "bounds": bounds, "below": " · ".join(filter(None, [bounds, f"n = {number['n']:,}"]))}


def cell_text(value: object, style: str) -> str:
    """Write a table cell, an estimate with its interval.

    Parameters
    ----------
    value
        As JSON holds it: a number, text, None, or a dict of value, low, high and unit.
    style
        One of ``format.FORMATS``.

    Returns
    -------
    str
        Plain text.

    Examples
    --------
    >>> cell_text({"value": 0.62, "low": 0.58, "high": 0.66, "unit": "share"}, "number"), cell_text(None, "share")
    ('62 % (58–66)', 'not known')
    """
    return fmt.write_estimate(value) if isinstance(value, dict) else fmt.format_value(value, style)


def written_rows(table: Mapping[str, Any]) -> list[list[str]]:
    """The cells of a table as text, row by row."""
    styles = [column["format"] for column in table["columns"]]
    return [[cell_text(v, style) for v, style in zip(row, styles, strict=True)] for row in table["rows"]]


def sorted_places(rows: list[list[object]]) -> list[list[int]]:
    """Where each row stands when sorted by each of its columns: numbers from the largest, words from A, unknowns last.

    Examples
    --------
    >>> sorted_places([["Repair", 3], ["Billing", None], ["Visits", 7]])
    [[2, 2], [1, 3], [3, 1]]
    """
    keys = [[_place(value) for value in column] for column in zip(*rows, strict=True)]
    by_column = [sorted(range(len(rows)), key=column.__getitem__) for column in keys]
    return [[order.index(row) + 1 for order in by_column] for row in range(len(rows))]


def _place(value: object) -> tuple[int, float, str]:
    value = value["value"] if isinstance(value, dict) else value
    if isinstance(value, int | float):
        return 0, -value, ""
    return (2, 0, "") if value is None else (1, 0, str(value).casefold())


def provenance_grids(block: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The lists of what was read, each with its caption, without columns in which nothing happened."""
    for name, caption in fmt.PROVENANCE.items():
        keys, rows = block.get(name, {"columns": [], "rows": []}).values()
        told = [i for i in range(len(keys)) if any(row[i] not in (0, None) for row in rows)]
        if {keys[i] for i in told} <= {"table", "read", "kept"}:
            continue  # all that was read was kept, and stands among the files
        columns = [{"label": fmt.head_of(keys[i]), "right": isinstance(rows[0][i], int | float)} for i in told]
        short = [[row[i][:12] if keys[i] == "sha256" and row[i] else row[i] for i in told] for row in rows]
        yield caption, {"columns": columns, "rows": [[fmt.format_value(v, "count") for v in row] for row in short]}
