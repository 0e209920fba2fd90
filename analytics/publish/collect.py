"""What an executed notebook shows: its blocks in order, the findings among them, and whether evidence carries them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analytics.measures.estimate import Estimate
from analytics.publish.blocks import MIME
from analytics.publish.claims import ClaimError, Evidence, Fault, check_claims
from analytics.publish.gates import check_block, check_finding, check_sentences
from analytics.tables.periods import Period

Json = dict[str, Any]


class ReportError(RuntimeError):
    """A report could not be made; nothing was published and the message says why."""


class InputError(ReportError):
    """The notebook found settings or data faulty: another run gives the same until they are put right."""


def collect(nb: Mapping[str, Any]) -> list[Json]:
    """Blocks and Markdown cells of an executed notebook, in order.

    Parameters
    ----------
    nb
        An executed notebook.

    Returns
    -------
    list of dict
        Blocks as JSON; a Markdown cell is ``{'kind': 'markdown', 'text': …}``.

    Raises
    ------
    ReportError
        If any output is an error, even one that its cell was allowed to raise, or no block is shown.
    """
    blocks: list[Json] = []
    for cell in nb["cells"]:
        if cell["cell_type"] == "markdown":
            blocks.append({"kind": "markdown", "text": cell["source"]})
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                raise ReportError(f"a cell shows an error: {output['ename']}: {output['evalue']}")
            if MIME in output.get("data", {}):
                blocks.append(dict(output["data"][MIME]))
    if all(block["kind"] == "markdown" for block in blocks):
        raise ReportError("the notebook shows no block: there is nothing to publish.")
    return blocks


def title_of(blocks: Sequence[Json], default: str) -> str:
    """Text of the first Markdown heading of level 1, or `default`."""
    for block in blocks:
        if block["kind"] == "markdown" and (found := re.search(r"^# +(.+?) *#* *$", block["text"], re.MULTILINE)):
            return found[1]
    return default


def findings(blocks: Sequence[Json]) -> Iterator[Json]:
    """Every finding, those of page one too, with the heading it stands under: what claims.json keeps.

    Parameters
    ----------
    blocks
        As `collect` returns them.

    Yields
    ------
    dict
        section, key, sentence, level, signal, evidence.

    Examples
    --------
    >>> from analytics.publish.blocks import unknown
    >>> blocks = [{"kind": "markdown", "text": "## Why they leave"}, unknown("Not known.").as_json()]
    >>> [(claim["section"], claim["level"]) for claim in findings(blocks)]
    [('Why they leave', 'unknown')]
    """
    for section, block in _sectioned(blocks):
        for claim in _found(block):
            keys = ("key", "sentence", "level", "signal", "better", "evidence")
            yield {"section": section, **{key: claim[key] for key in keys}}


def refuse_unfounded(blocks: Sequence[Json], k: int = 10, period: Period | None = None) -> None:
    """Stop a report that says or shows what it may not.

    A finding answers for itself. Captions and notes rest on the findings under the same heading, prose on its own
    evidence, a heading or other Markdown on none. Customers' own words claim nothing. `gates` add what no
    lexicon sees: false figures, other periods, small groups, gestures counted as fixes, missing source labels.

    Parameters
    ----------
    blocks
        As `collect` returns them.
    k
        Smallest group of people that may be shown.
    period
        What the report is about; None asks nothing about other periods.

    Raises
    ------
    ClaimError
        With every fault, not only the first.
    """
    carried: dict[str, list[Evidence]] = {}
    for section, block in _sectioned(blocks):
        for claim in _found(block):
            carried.setdefault(section, []).extend(_evidence(claim))
    faults: list[Fault] = []
    for section, block in _sectioned(blocks):
        faults += check_block(block, k)
        for claim in _found(block):
            faults += check_finding(claim)
            faults += check_claims(claim["sentence"], _evidence(claim))
            faults += check_claims(claim["settle"])
        if block["kind"] == "prose":
            faults += check_claims(block["text"], _evidence(block))
        for text in _around(block):
            faults += check_claims(text, [] if block["kind"] == "markdown" else carried.get(section, []))
        own = [block["text"]] if block["kind"] == "prose" else [claim["sentence"] for claim in _found(block)]
        for text in (*own, *_around(block)):
            faults += check_sentences(text, period, k)
    if faults:
        raise ClaimError(list(dict.fromkeys(faults)))


def _sectioned(blocks: Sequence[Json]) -> Iterator[tuple[str, Json]]:
    """Each block with the last heading before it; page one is a section of its own."""
    section = ""
    for block in blocks:
        if block["kind"] == "markdown":
            section = next(iter(re.findall(r"^##+ +(.+)$", block["text"], re.MULTILINE)[::-1]), section)
        yield ("Page one" if block["kind"] == "page_one" else section), block


def _found(block: Json) -> list[Json]:
    if block["kind"] == "page_one":
        return [block["headline"], *block["answers"]]
    return [block] if block["kind"] == "finding" else []


def _around(block: Json) -> Iterator[str]:
    """Sentences of the author that stand around figures, tables and quotes."""
    if block["kind"] == "markdown":
        yield block["text"]
    parts = [block, *block.get("numbers", []), *([block["trend"]] if block.get("trend") else [])]
    for part in parts:
        yield from (part[key] for key in ("caption", "note", "label", "basis", "alt") if part.get(key))


def _evidence(claim: Json) -> list[Evidence]:
    """What a finding rests on, as the claim guard reads it."""
    signal, better = claim.get("signal"), claim.get("better")
    pieces = [
        Evidence(estimate, signal, better or ("lower" if estimate.unit in ("hours", "seconds") else "higher"))
        for estimate in map(_estimate, claim["evidence"])
    ]
    return pieces or ([Evidence(signal=signal, better=better or "higher")] if signal else [])


def _estimate(data: Json) -> Estimate:
    value, low, high = (float("nan") if data[key] is None else data[key] for key in ("value", "low", "high"))
    return Estimate(value, low, high, data["n"], data["unit"], data["source"])
