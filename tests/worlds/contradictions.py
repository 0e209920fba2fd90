"""Contradictions inside one report: a sentence against its interval, a figure against another place, a chart's title.

Reads what is published (blocks and claims), and where the report was made in this process also what its charts draw.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from analytics.publish.cells import json_cell

Json = Mapping[str, Any]
FIGURES = ("value", "low", "high", "n", "unit")
SIDES = r"\b(above|below|higher|lower|more|less|worse|better|oftener|rose|fell|differs?)\b"
OPEN = r"\b(no|not|cannot|unknown|whether|may|could|would|unclear)\b"
OWN = "nothing stands out"  # what only page one can say
NUMBER = r"([+−-]?\d[\d,]*(?:\.\d+)?)"
LEVEL = re.compile(rf"\b(?:to|is|was) {NUMBER} \({NUMBER} to {NUMBER}\)")  # where a score stands is no difference
SIGNED = re.compile(rf"\({NUMBER} to {NUMBER}\)")
PAIRS = re.compile(rf"in {NUMBER} of 100 .*\({NUMBER}–{NUMBER}\)")
COUNTED = re.compile(r"(\d[\d,]*) statements? of [^:]+: ([^.]*)\.")
PARTS = re.compile(r"(\d[\d,]*) of the (\d[\d,]*) [^.;%]*, (\d+)\s%\s\(")
USUAL = re.compile(r"\b(rose|fell) to (\d+)\s?%[^,]*, where (\d+)\s?% to (\d+)\s?% (?:is|was) usual")
MOVED = re.compile(r"\b[Ii]t (rose|fell) by")
DENIED = {  # what denies the claims whose keys begin so
    "group:": "No difference by (.+) is shown", "leaving:oftener": "none is shown to go with leaving",
}  # fmt: skip


class Drawn(NamedTuple):
    """A chart of intervals: its title, its rows, and the line of no difference."""

    title: str
    frame: pd.DataFrame
    reference: float | None


def contradictions(blocks: Sequence[Json], claims: Sequence[Json], drawn: Sequence[Drawn] = ()) -> list[str]:
    """Every contradiction, each with both sides; none in a sound report."""
    return [
        *_sentences(blocks, claims),
        *(fault for claim in claims for fault in _words(claim)),
        *_denials(claims),
        *_page_one(blocks, claims, drawn),
        *_keys(claims),
        *_tables(blocks, claims),
        *(fault for chart in drawn for fault in _chart(chart)),
    ]


def _sentences(blocks: Sequence[Json], claims: Sequence[Json]) -> Iterator[str]:
    """A side is taken although the interval beside it leaves the side open; counts that do not add up."""
    lines = [line for block in blocks if block["kind"] == "prose" for line in block["text"].splitlines()]
    for text in dict.fromkeys([*(claim["sentence"] for claim in claims), *lines]):
        for part in re.split(r"(?<=[.;]) ", text):
            if re.search(OPEN, part) or not re.search(SIDES, part):
                continue
            for low, high in SIGNED.findall(LEVEL.sub("", part)):
                if _number(low) < 0 < _number(high):
                    yield f"takes a side that its interval leaves open: {part}"
            for _, low, high in PAIRS.findall(part):
                if _number(low) < 50 < _number(high):
                    yield f"takes a side that its interval leaves open: {part}"
        for total, parts in COUNTED.findall(text):
            if _number(total) != sum(map(_number, re.findall(r"\d[\d,]*", parts))):
                yield f"does not add up: {text}"
    for claim in claims:
        for e in claim["evidence"]:
            if None not in (e["value"], e["low"], e["high"]) and not e["low"] <= e["value"] <= e["high"]:
                yield f"lies outside its own interval: {claim['sentence']}"


def _words(claim: Json) -> Iterator[str]:
    """Parts that are not the share beside them, a movement that is usual, a word of movement against the signal."""
    text = claim["sentence"]
    for part, whole, share in PARTS.findall(text):
        if abs(100 * _number(part) / _number(whole) - _number(share)) > 1:
            yield f"the share is not the part of the whole: {text}"
    for word, now, low, high in USUAL.findall(text):
        if not (_number(now) > _number(high) if word == "rose" else _number(now) < _number(low)):
            yield f"moved within what is usual: {text}"
    if any(word != claim["signal"] for word in MOVED.findall(text)) and claim["signal"]:
        yield f"the rule says {claim['signal']}: {text}"


def _denials(claims: Sequence[Json]) -> Iterator[str]:
    """A sentence denies in general what another one tells."""
    keys = [str(claim["key"]) for claim in claims]
    for begin, pattern in DENIED.items():
        told = {key.removeprefix(begin).replace("_", " ") for key in keys if key.startswith(begin)}
        for text in (claim["sentence"] for claim in claims):
            denied = re.search(pattern, text)
            if denied and told & (set(re.split(", | and ", denied[1])) if denied.groups() else told):
                yield f"denies what is told elsewhere: {text}"


def _number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def _page_one(blocks: Sequence[Json], claims: Sequence[Json], drawn: Sequence[Drawn]) -> Iterator[str]:
    """Page one states only what a section states or draws, figure for figure."""
    first = [claim for claim in claims if _on_page_one(claim)]
    later = [claim for claim in claims if claim["section"] != "Page one"]
    stated = {_figure(e) for claim in later for e in claim["evidence"]}
    stated |= {_figure(cell) for block in blocks if block["kind"] == "table" for cell in _cells(block)}
    rows = [row for chart in drawn for row in chart.frame.to_dict("records") if set(FIGURES) <= {*row}]
    stated |= {tuple(json_cell(row[name]) for name in FIGURES) for row in rows}
    sentences = {claim["sentence"] for claim in later}
    for claim in first:
        new = [e for e in claim["evidence"] if not {_figure(e), _figure({**e, "n": None})} & stated]
        sentence = claim["sentence"]
        if new or (not claim["evidence"] and sentence not in sentences and OWN not in sentence.lower()):
            yield f"stands on page one alone: {sentence}"
    told = stated | {_figure(e) for claim in first for e in claim["evidence"]}
    for page in (block for block in blocks if block["kind"] == "page_one"):
        for number in page["numbers"]:
            if not {_figure(number), _figure({**number, "n": None})} & told:
                yield f"a number of page one stands nowhere else: {number['label']}"


def _on_page_one(claim: Json) -> bool:
    return bool(claim.get("page_one")) or claim["section"] == "Page one"


def _figure(estimate: Json) -> tuple[Any, ...]:
    return tuple(estimate.get(name) for name in FIGURES)


def _cells(table: Json) -> Iterator[Json]:
    """Cells of a table that are figures with an interval."""
    yield from (cell for row in table["rows"] for cell in row if isinstance(cell, Mapping) and "low" in cell)


def _keys(claims: Sequence[Json]) -> Iterator[str]:
    """Two sentences under one key share a figure and the word of movement."""
    seen: dict[str, Json] = {}
    for claim in (claim for claim in claims if claim.get("key") and claim["evidence"]):
        first = seen.setdefault(claim["key"], claim)
        if not {_figure(e) for e in first["evidence"]} & {_figure(e) for e in claim["evidence"]}:
            yield f"two figures under {claim['key']}: {first['sentence']} / {claim['sentence']}"
        if first["signal"] != claim["signal"]:
            yield f"two words of movement under {claim['key']}: {first['sentence']} / {claim['sentence']}"


def _tables(blocks: Sequence[Json], claims: Sequence[Json]) -> Iterator[str]:
    """Cells lie in their intervals, and the table of problems has the figures of the sentences."""
    problems = {claim["key"]: claim for claim in claims if str(claim.get("key")).startswith("problem:")}
    for block in (block for block in blocks if block["kind"] == "table"):
        for cell in _cells(block):
            if (
                None not in (cell["value"], cell["low"], cell["high"])
                and not cell["low"] <= cell["value"] <= cell["high"]
            ):
                yield f"lies outside its own interval: {cell} in {block['caption']}"
        for row in block["rows"] if "problem" in block["caption"].lower() else ():
            for claim in problems.values():
                figures = [cell for cell in row if isinstance(cell, Mapping) and cell.get("value") is not None]
                if figures and claim["sentence"].lower().startswith(f"{str(row[0]).lower()} is named"):
                    said = claim["evidence"][0]
                    if not any(abs(cell["value"] - said["value"]) < 1e-9 for cell in figures):
                        yield f"the table has another figure: {claim['sentence']}"


def _chart(chart: Drawn) -> Iterator[str]:
    """What is drawn as different is called different, and nothing else."""
    if chart.reference is None or chart.frame.empty:
        return
    frame = chart.frame.dropna(subset=["value", "low", "high"])
    apart = (frame["low"] > chart.reference) | (frame["high"] < chart.reference)
    if "differs" in frame:
        for _, row in frame[frame["differs"].astype(bool) != apart].iterrows():
            drawn = f"{row['low']:.3g} to {row['high']:.3g} around {chart.reference:g}"
            yield f"{chart.title} draws {drawn} and calls it {'different' if row['differs'] else 'not different'}"
    if re.search(r"\bno\b.*\bdiffers?\b", chart.title) and apart.any():
        yield f"the title says that nothing differs, {int(apart.sum())} drawn intervals do: {chart.title}"
