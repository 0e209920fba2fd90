"""What an executed notebook shows: its blocks in order, the findings among them, and whether evidence carries them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analytics.publish.blocks import MIME
from analytics.publish.cells import read_estimate
from analytics.publish.claims import ClaimError, Evidence, Fault, check_claims, good_side
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
        if block["kind"] == "markdown" and (title := re.search(r"^# +(.+?) *#* *$", block["text"], re.MULTILINE)):
            return title[1]
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
        section, page_one, key, sentence, level, signal, better, evidence.

    Examples
    --------
    >>> from analytics.publish.blocks import unknown
    >>> blocks = [{"kind": "markdown", "text": "## Why they leave"}, unknown("Not known.").as_json()]
    >>> [(claim["section"], claim["level"]) for claim in findings(blocks)]
    [('Why they leave', 'unknown')]
    """
    for section, block in _sectioned(blocks):
        for claim in _claims(block):
            keys = ("key", "sentence", "level", "signal", "better", "evidence")
            yield {"section": section, "page_one": block["kind"] == "page_one", **{key: claim[key] for key in keys}}


def refuse_unfounded(blocks: Sequence[Json], k: int = 10, period: Period | None = None) -> None:
    """Stop a report that says or shows what it may not.

    A finding answers for itself. Captions and notes rest on the findings under the same heading, those of a number of
    page one on the findings that state it, prose on its own evidence, a heading or other Markdown on none. Customers'
    own words claim nothing. `gates` add what no lexicon sees: false figures, other periods, small groups, gestures
    counted as fixes, missing source labels.

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
    sectioned = list(_sectioned(blocks))
    carried: dict[str, list[Evidence]] = {}
    for section, block in sectioned:
        carried.setdefault(section, []).extend(piece for claim in _claims(block) for piece in _evidence(claim))
    faults: list[Fault] = []
    for section, block in sectioned:
        faults += check_block(block, k)
        for claim in _claims(block):
            faults += [*check_finding(claim), *check_claims(claim["settle"])]
        around = [] if block["kind"] == "markdown" else carried[section]
        # sentences that answer for themselves, each with its evidence
        texts = [(claim["sentence"], _evidence(claim)) for claim in _claims(block)]
        texts += [(block["text"], _evidence(block))] if block["kind"] == "prose" else []
        texts += [(text, around) for part in _parts(block) for text in _around(part)]
        for number in block.get("numbers", []):  # its words rest on the sentences that state it, in any section
            stating = [piece for pieces in carried.values() for piece in pieces if _states(piece, number)]
            texts += [(text, stating) for text in _around(number)]
        for text, evidence in texts:
            faults += [*check_claims(text, evidence), *check_sentences(text, period, k)]
    if faults:
        raise ClaimError(list(dict.fromkeys(faults)))


def _sectioned(blocks: Sequence[Json]) -> Iterator[tuple[str, Json]]:
    """Each block with the last heading before it; page one is a section of its own."""
    section = ""
    for block in blocks:
        if block["kind"] == "markdown":
            section = next(iter(re.findall(r"^##+ +(.+)$", block["text"], re.MULTILINE)[::-1]), section)
        yield ("Page one" if block["kind"] == "page_one" else section), block


def _claims(block: Json) -> list[Json]:
    if block["kind"] == "page_one":
        return [block["headline"], *block["answers"]]
    return [block] if block["kind"] == "finding" else []


def _parts(block: Json) -> list[Json]:
    """A block, and the chart of page one."""
    return [block, *([block["trend"]] if block.get("trend") else [])]


def _around(part: Json) -> list[str]:
    """Sentences of the author that stand around figures, tables and quotes."""
    own = [part["text"]] if part.get("kind") == "markdown" else []
    return [*own, *(part[key] for key in ("caption", "note", "label", "basis", "alt") if part.get(key))]


def _states(piece: Evidence, number: Json) -> bool:
    """Whether a piece of evidence is a number of page one."""
    return piece.estimate is not None and piece.estimate == read_estimate(number)


def _evidence(claim: Json) -> list[Evidence]:
    """What a finding rests on, as the claim guard reads it."""
    signal, better = claim.get("signal"), claim.get("better")
    estimates = map(read_estimate, claim["evidence"])
    pieces = [Evidence(estimate, signal, better or good_side(estimate)) for estimate in estimates]
    return pieces or ([Evidence(None, signal, better or "higher")] if signal else [])
