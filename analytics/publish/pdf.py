"""From blocks to a PDF: what the template needs, as strings that every font covers, and one call of the compiler.

The data reaches Typst as one JSON value: no text of a customer or an author is ever read as markup.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from analytics.publish import format as fmt
from analytics.publish.html import COLOURS, evidence_line, number_lines, origin, provenance_grids, written_rows

TEMPLATE = Path(__file__).parent / "report.typ"
PAPERS = ("a4", "us-letter")
Json = Mapping[str, Any]
SCALES = {"share": (0.0, 1.0, "0", "100 %"), "points": (-100.0, 100.0, "−100", "+100")}


@dataclass(frozen=True)
class Cover:
    """What stands around the blocks: on page one, in the header and in the file's metadata."""

    title: str
    organisation: str = ""
    period: str = ""


def compile_pdf(blocks: Sequence[Json], path: Path, cover: Cover, *, paper: str = "a4") -> None:
    """Lay out blocks as a tagged PDF (PDF/UA-1) with embedded fonts and no date; the same blocks give the same bytes.

    Parameters
    ----------
    blocks
        As ``Block.as_json`` returns them, and ``{'kind': 'markdown', 'text': …}`` for a notebook's own cells.
    path
        File to write.
    cover
        Title, organisation and period.
    paper
        'a4' or 'us-letter'.

    Raises
    ------
    ValueError
        If the paper is not known.

    References
    ----------
    ISO 14289-1 (PDF/UA-1), as checked by the Typst compiler.
    """
    import typst

    if paper not in PAPERS:
        raise ValueError(f"paper {paper!r} is not known. Expected one of: {', '.join(PAPERS)}.")
    title = " · ".join(filter(None, [cover.title, cover.organisation, cover.period]))
    report = {**vars(cover), "title": title, "name": cover.title, "paper": paper}
    report |= {"colours": COLOURS, "words": fmt.WORDS, "blocks": lay_out(blocks, cover.title)}
    # only these folders: no system font can enter, and a file looks the same on every machine
    paths = [str(fmt.FONTS), str(fmt.fallback_folder())]
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=paths)
    for charts_move in (True, False):  # to the next page, unless their places and those of the text then never settle
        inputs = {"report": json.dumps(_clean(report | {"charts_move": charts_move}), allow_nan=False)}
        pdf, unsettled = typst.compile_with_warnings(
            TEMPLATE.read_bytes(),
            font_paths=fonts, ignore_system_fonts=True, sys_inputs=inputs, pdf_standards=["ua-1"],
        )  # fmt: skip
        if not unsettled:
            break
    path.write_bytes(pdf)


def lay_out(blocks: Sequence[Json], title: str) -> list[dict[str, Any]]:
    """Put blocks in the order and form in which the template draws them.

    Parameters
    ----------
    blocks
        As for `compile_pdf`.
    title
        Stands above a report without a page one.

    Returns
    -------
    list of dict
        Page one first, wherever it stands, in place of the opening words under the notebook's title; then the rest
        in order, every number already written as text. Below a page one, what the HTML copy or another place of the
        report shows is left out, and so is a heading under which nothing is left.

    Examples
    --------
    >>> [block["kind"] for block in lay_out([{"kind": "markdown", "text": "Hello *you*"}], "Report")]
    ['title', 'flow']
    """
    first = [block for block in blocks if block["kind"] == "page_one"][:1]
    opening = bool(first) and blocks[0]["kind"] == "markdown" and "\n##" not in blocks[0]["text"]
    rest = [block for block in blocks[opening:] if block["kind"] != "page_one"]
    pieces: list[dict[str, Any]] = _present(first[0]) if first else [{"kind": "title", "text": title}]
    depth = 2 if first else 0
    last = {block.get("sentence"): i for i, block in enumerate(rest)} if first else {}
    trend = (first[0]["trend"] or {}).get("caption") if first else None
    for i, block in enumerate(rest):
        if "anchor" in block and pieces[-1]["kind"] == "flow":
            pieces[-1]["nodes"][-1]["anchor"] = block["anchor"]
        if first and (block.get("appendix") or (block.get("level") == "unknown" and last[block["sentence"]] > i)):
            continue  # stands elsewhere: in the HTML copy and the workbook, or among what we do not know
        if "text" not in block:
            marks = {"first": pieces[-1]["kind"] == "flow", "again": block.get("caption", "") == trend}
            pieces += [piece | marks for piece in _present(block)]
            continue
        nodes, depth = flow(block["text"], depth)
        if nodes and nodes[-1]["type"] == "paragraph":
            nodes[-1]["leads"] = True  # it introduces what follows and moves to the next page with it
        pieces.append({"kind": "flow", "nodes": nodes})
    return _joined(_headed(pieces))


def _headed(pieces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pieces without headings under which nothing stands."""
    kept: list[dict[str, Any]] = []
    for piece in reversed(pieces):
        level = _level(piece)
        after = _level(kept[-1]) if kept else 1
        if not (level and len(piece["nodes"]) == 1 and after and after <= level):
            kept.append(piece)
    return kept[::-1]


def _level(piece: Json) -> int:
    """Level of the heading with which a piece begins, 0 where it begins otherwise."""
    node = piece["nodes"][0] if piece["kind"] == "flow" and piece["nodes"] else {}
    return int(node["level"]) if node.get("type") == "heading" else 0


def _joined(pieces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbouring things that we do not know as one list of them."""
    out: list[dict[str, Any]] = []
    for is_unknown, group in groupby(pieces, lambda piece: piece.get("level") == "unknown"):
        items = list(group)
        headed = bool(out) and out[-1]["kind"] == "flow" and out[-1]["nodes"][-1]["type"] == "heading"
        out += [{"kind": "unknowns", "items": items, "headed": headed}] if is_unknown else items
    return out


def flow(text: str, depth: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Markdown as a tree of plain nodes; HTML in it becomes text, links other than http and mail lose their target.

    Parameters
    ----------
    text
        Markdown of a notebook's author. A heading of level 1 is the report's title and is left out here.
    depth
        Level of the heading before it: levels never jump, as PDF/UA asks.

    Returns
    -------
    tuple
        The nodes, and the level of the last heading.

    Examples
    --------
    >>> flow("A <b>b</b>")[0][0]["children"][1]
    {'type': 'text', 'text': '<b>'}
    """
    import mistune

    tokens: Any = mistune.create_markdown(renderer=None)(fmt.visible(text))
    nodes = []
    for token in tokens:
        if token["type"] != "heading":
            nodes += _block_node(token)
        elif token["attrs"]["level"] > 1:
            depth = min(token["attrs"]["level"] - 1, depth + 1)
            nodes.append({"type": "heading", "level": depth, "children": _inline(token["children"])})
    return nodes, depth


def _block_node(token: Json) -> list[dict[str, Any]]:
    kind = token["type"]
    if kind in ("paragraph", "block_text", "heading"):
        return [{"type": "paragraph", "children": _inline(token["children"])}]
    if kind == "list":
        items = [[n for child in item["children"] for n in _block_node(child)] for item in token["children"]]
        return [{"type": "list", "ordered": token["attrs"]["ordered"], "items": items}]
    if kind == "block_quote":
        return [{"type": "quote", "children": [n for child in token["children"] for n in _block_node(child)]}]
    if kind in ("block_code", "block_html"):
        return [{"type": "code", "rows": token["raw"].splitlines()}]
    return []


def _inline(tokens: Sequence[Json]) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = []
    for token in tokens:
        kind = token["type"]
        if kind in ("strong", "emphasis"):
            nodes.append({"type": kind, "children": _inline(token["children"])})
        elif kind == "link" and re.match(r"(https?://|mailto:)[^\s]+$", token["attrs"]["url"]):
            nodes.append({"type": "link", "url": token["attrs"]["url"], "children": _inline(token["children"])})
        elif kind in ("link", "image"):
            nodes += _inline(token["children"])
        elif kind == "codespan":
            nodes.append({"type": "code", "text": token["raw"]})
        elif kind in ("softbreak", "linebreak"):
            nodes.append({"type": "text", "text": " "} if kind == "softbreak" else {"type": "break"})
        else:
            nodes.append({"type": "text", "text": token["raw"]})
    return nodes


# ---- blocks as the template draws them -------------------------------------------------------------------------------


def _present(block: Json) -> list[dict[str, Any]]:
    """A block's data with its figures written as text; the lists of what was read become tables."""
    kind, data = block["kind"], {key: value for key, value in block.items() if key not in ("outlined", "drawn")}
    if kind == "finding":
        return [data | {"evidence": evidence_line(block), "address": fmt.address(block)}]
    if kind == "table":
        columns = [{"label": c["label"], "right": c["right"]} for c in block["columns"]]
        return [_grid(block["caption"], columns, written_rows(block), origin(block))]
    if kind == "provenance":
        return [_grid(caption, grid["columns"], grid["rows"], "") for caption, grid in provenance_grids(block)]
    if kind == "page_one":
        answers = [
            {"question": question, "unknown": all(item["level"] == "unknown" for item in items), "items": items}
            for question, items in fmt.join_answers(block["answers"]).items()
        ]
        trend = _present({**block["trend"], "kind": "figure"})[0] if block["trend"] else None
        data |= {"headline": block["headline"]["sentence"], "answers": answers, "trend": trend}
    if "numbers" in block:
        return [data | {"numbers": [_number(n) for n in block["numbers"]]}]
    return [data | {"origin": origin(block)}]


def _number(number: Json) -> dict[str, Any]:
    lines, bar = number_lines(number), None
    if lines["bounds"] and number["unit"] in SCALES:
        low, high, start, end = SCALES[number["unit"]]
        bar = {key: (number[key] - low) / (high - low) for key in ("value", "low", "high")}
        bar |= {"start": start, "end": end}
    return {"label": number["label"], "note": number["note"], "drawn": bar, **lines}


SHORT = 20  # characters that a column may take whole; longer cells share what is left by their length


def _grid(caption: str, columns: list[dict[str, Any]], rows: list[list[str]], source: str) -> dict[str, Any]:
    """A table with a width for each column: figures take what they need, words share the rest by their length."""
    for i, column in enumerate(columns):
        longest = max([*(len(word) for word in column["label"].split()), *(len(row[i]) for row in rows)], default=0)
        column["weight"] = max(6, min(longest, 40)) if longest > SHORT or len(columns) > 7 else None
    if columns and all(column["weight"] is None for column in columns):
        columns[0]["weight"] = 1  # the first takes what is left, so that the table is as wide as the text
    size = 9 if len(columns) <= 6 else 8 if len(columns) <= 9 else 6.5
    return {"kind": "table", "caption": caption, "columns": columns, "rows": rows, "origin": source, "size": size}


def _clean(value: object, key: str = "") -> object:
    """A JSON value with every string cleaned; a drawing keeps its lines and words."""
    if isinstance(value, str):
        clean = fmt.covered if key in ("svg", "url") else _inner if key == "text" else fmt.clean_text
        return clean(value)
    if isinstance(value, dict):
        return {k: _clean(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_clean(v, key) for v in value]
    return value


def _inner(text: str) -> str:
    """A piece of a running sentence: the blanks at its ends count."""
    clean = fmt.clean_text(text)
    return (" " if text[:1].isspace() and clean else "") + clean + (" " if text[-1:].isspace() else "")
