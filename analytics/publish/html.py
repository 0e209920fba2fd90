"""A block as HTML, for JupyterLab and the HTML copy of a report. Every text is escaped; nothing here reads data."""

import base64
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from analytics.publish.cells import PROVENANCE_HEADS
from analytics.publish.format import format_interval, format_value, join_answers, write_interval

ACCENT, INK, MUTED, RULE = "#0b5c75", "#1b2126", "#5b656e", "#d8dde1"  # one accent; all else is a shade of one grey
PAGE_STYLE = f"""
.perception {{font-family: "Fira Sans", "Segoe UI", system-ui, sans-serif; color: {INK}; line-height: 1.45;
  max-width: 46rem; margin: 1rem 0; overflow-wrap: anywhere}}
.perception p {{margin: .3rem 0}}
.perception .small {{font-size: .82rem; color: {MUTED}}}
.perception .caption {{font-weight: 600; margin: .8rem 0 .4rem}}
.perception .headline {{font-size: 1.7rem; font-weight: 600; line-height: 1.2; margin: .4rem 0}}
.perception .grid {{display: flex; flex-wrap: wrap; gap: 1rem 2rem; margin: 1rem 0}}
.perception .grid > div {{flex: 1 1 12rem; border-top: 1px solid {RULE}; padding-top: .5rem}}
.perception .grid .answer {{flex-basis: 18rem}}
.perception .number {{font-size: 2.2rem; line-height: 1.1}}
.perception .question {{color: {ACCENT}; font-weight: 600}}
.perception .unknown {{border-left: 3px solid {INK}; padding-left: .8rem}}
.perception table {{border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums}}
.perception th, .perception td {{text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid {RULE};
  vertical-align: top; white-space: normal}}
.perception th {{font-weight: 600; border-bottom-color: {INK}; overflow-wrap: normal}}
.perception .right {{text-align: right}}
.perception blockquote {{border-left: 2px solid {ACCENT}; margin: .6rem 0; padding: 0 0 0 .8rem}}
.perception img {{width: 100%; max-width: 46rem}}
"""


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
    body = _DRAW[block["kind"]](block)
    return f'<div class="perception tex2jax_ignore mathjax_ignore"><style>{PAGE_STYLE}</style>{body}</div>'


def origin(block: Mapping[str, Any]) -> str:
    """Source line of a figure, table or set of quotes.

    Parameters
    ----------
    block
        With source, n and note.

    Returns
    -------
    str
        Such as 'Said by customers · n = 1,204 · a note'.

    Examples
    --------
    >>> origin({"source": "observed", "n": 1204, "note": ""})
    'Observed · n = 1,204'
    """
    source = block["source"]
    return " · ".join(filter(None, [source[:1].upper() + source[1:], f"n = {block['n']:,}", block["note"]]))


def evidence_line(block: Mapping[str, Any]) -> str:
    """What carries a finding, in one line: figures, n, source, signal.

    Parameters
    ----------
    block
        A finding's data.

    Returns
    -------
    str
        '' when there is nothing behind it.

    Examples
    --------
    >>> share = {"value": 0.62, "low": 0.58, "high": 0.66, "n": 1204, "unit": "share", "source": "said by customers"}
    >>> evidence_line({"evidence": [share], "signal": "no change"})
    '62 % (58–66), n = 1,204, said by customers · no change'
    """
    parts = [
        f"{write_interval(e['value'], e['low'], e['high'], e['unit'])}, n = {e['n']:,}, {e['source']}"
        for e in block["evidence"]
    ]
    return " · ".join([*parts, *([block["signal"]] if block["signal"] else [])])


def cell_text(value: object, style: str) -> str:
    """Write a table cell, an estimate with its interval.

    Parameters
    ----------
    value
        As JSON holds it: a number, text, None, or a dict of value, low, high and unit.
    style
        One of ``formats.FORMATS``.

    Returns
    -------
    str
        Plain text.

    Examples
    --------
    >>> cell_text({"value": 0.62, "low": 0.58, "high": 0.66, "unit": "share"}, "number"), cell_text(None, "share")
    ('62 % (58–66)', 'not known')
    """
    if isinstance(value, dict):
        return write_interval(value["value"], value["low"], value["high"], value["unit"], value.get("places"))
    return format_value(value, style)


def _p(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{escape(text)}</p>' if text else ""


def _kpis(block: Mapping[str, Any]) -> str:
    cards = []
    for number in block["numbers"]:
        figure, bounds = format_interval(number["value"], number["low"], number["high"], number["unit"])
        below = " · ".join(filter(None, [bounds, f"n = {number['n']:,}"]))
        lines = _p(number["label"], "small") + _p(figure, "number") + _p(below, "small") + _p(number["note"])
        cards.append(f"<div>{lines}</div>")
    return f'<div class="grid">{"".join(cards)}</div>' if cards else ""


def _finding(block: Mapping[str, Any]) -> str:
    kind = "unknown" if block["level"] == "unknown" else ""
    body = (
        _p("We do not know" if kind else "", "small")
        + _p(block["sentence"], "caption")
        + _p(evidence_line(block), "small")
        + _p(_settle(block), "small")
    )
    return f'<div class="{kind}">{body}</div>'


def _settle(finding: Mapping[str, Any]) -> str:
    return f"What would settle it: {finding['settle']}" if finding["settle"] else ""


def _page_one(block: Mapping[str, Any]) -> str:
    answers = "".join(
        f'<div class="answer">{_p(a["question"], "question")}{_p(a["sentence"])}{_p(_settle(a), "small")}</div>'
        for a in join_answers(block["answers"])
    )
    trend = _figure(block["trend"]) if block["trend"] else ""
    top = _p(block["headline"]["sentence"], "headline") + _p(block["basis"], "small")
    return f'{top}{_kpis(block)}{trend}<div class="grid">{answers}</div>'


def _figure(block: Mapping[str, Any]) -> str:
    image = base64.b64encode(block["outlined"].encode()).decode()
    drawn = f'<img alt="{escape(block["alt"])}" src="data:image/svg+xml;base64,{image}">'
    return _p(block["caption"], "caption") + drawn + _p(origin(block), "small")


def _rows(heads: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]]) -> str:
    sides = ["right" if right else "" for _, right in heads]
    top = "".join(f'<th scope="col" class="{s}">{escape(h)}</th>' for (h, _), s in zip(heads, sides, strict=True))
    body = "".join(
        "<tr>" + "".join(f'<td class="{s}">{escape(c)}</td>' for c, s in zip(row, sides, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _table(block: Mapping[str, Any]) -> str:
    heads = [(c["label"], c["right"]) for c in block["columns"]]
    rows = [[cell_text(v, c["format"]) for v, c in zip(row, block["columns"], strict=True)] for row in block["rows"]]
    return _p(block["caption"], "caption") + _rows(heads, rows) + _p(origin(block), "small")


def _quotes(block: Mapping[str, Any]) -> str:
    said = "".join(f"<blockquote>{_p(q['text'])}{_p(q['context'], 'small')}</blockquote>" for q in block["quotes"])
    return _p(block["caption"], "caption") + said + _p(origin(block), "small")


def _prose(block: Mapping[str, Any]) -> str:
    import mistune

    return str(mistune.create_markdown(escape=True)(block["text"]))


def _provenance(block: Mapping[str, Any]) -> str:
    drawn = ""
    for name, frame in block.items():
        if name != "kind":
            rows = [[format_value(value, "count") for value in row] for row in frame["rows"]]
            heads = [(PROVENANCE_HEADS.get(column, column.capitalize()), False) for column in frame["columns"]]
            drawn += _p(name.capitalize(), "caption") + (_rows(heads, rows) if rows else _p("None."))
    return drawn


_DRAW: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "kpis": _kpis,
    "finding": _finding,
    "page_one": _page_one,
    "figure": _figure,
    "table": _table,
    "quotes": _quotes,
    "prose": _prose,
    "provenance": _provenance,
}
