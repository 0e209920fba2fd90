"""What we do not know: everything that the sections leave open, each with what would settle it."""

from typing import Any

from analytics.publish import blocks
from analytics.report.section import Section, section, unknowns_of
from analytics.report.story import Story
from analytics.report.words import capital, coverage_sentence, listed, loss_sentences

UNSET = "Some things are not set up or not recorded, so this report does not know them."  # where page one has no more


@section
def show_unknowns(story: Story, *sections: Section) -> Section:
    """Everything that the sections leave open, each with what would settle it; the first that page one does not say.

    What is not set up or not recorded stands in one list at the end.
    """
    unknowns = [block for part in sections for block in (*part.unknowns, *unknowns_of(part.blocks))]
    every = list({block.data["sentence"]: block for block in unknowns}.values())
    lacks, open_ends = ([b for b in every if ("lack" in b.data) == lacking] for lacking in (True, False))
    partly = coverage_sentence(story.coverage, story.period.label)
    cautions = [*filter(None, [partly]), *loss_sentences(story.log.losses), *story.log.warnings]
    open_ends += [blocks.unknown(caution) for caution in cautions]
    unset = _list_lacks([block.data["lack"] for block in lacks])
    line = blocks.unknown(UNSET) if unset else blocks.finding("All questions are answered within the intervals.")
    if not open_ends:
        return Section([line, *unset], line)
    answered = {block.data["sentence"] for part in sections for block in part.answers}
    first, *further = _settle_once([b for b in open_ends if b.data["sentence"] not in answered][:2] or open_ends[:1])
    return Section([*_settle_once(open_ends), *unset], first, further=[*further, *([line] if unset else [])])


def _settle_once(lines: list[blocks.Block]) -> list[blocks.Block]:
    """What would settle several in a row is told under the last of them."""
    following = [*(line.data["settle"] for line in lines[1:]), None]
    pairs = zip(lines, following, strict=True)
    return [blocks.tagged(b, settle="") if b.data["settle"] == later else b for b, later in pairs]


def _list_lacks(lacks: list[dict[str, Any]]) -> list[blocks.Block]:
    """What is not set up or not recorded: a line for each thing that would settle it, with all that it would tell."""
    needs: dict[tuple[str, str], list[str]] = {}
    for lack in lacks:
        needs.setdefault((lack["settle"], lack["why"]), []).extend(lack["needs"])
    lines = [
        f"- {capital(listed(list(dict.fromkeys(names))) or 'not told')}: {f'record {settle}' if settle else why}."
        for (settle, why), names in needs.items()
    ]
    return [blocks.prose("\n".join(["### Not set up, or not recorded", *lines]))] if lines else []
