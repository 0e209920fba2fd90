"""Page one: the whole story for a reader with sixty seconds, from what every section finds."""

import math
from collections.abc import Sequence
from dataclasses import replace

from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.report import tested
from analytics.report.movement import shown_scores
from analytics.report.new_themes import NEW
from analytics.report.perception import knows_asked, score_chart
from analytics.report.problems import THANKED
from analytics.report.score import DISPUTED, Score
from analytics.report.section import Section, Stake, findings_of, placed
from analytics.report.story import Story
from analytics.report.tested import moved
from analytics.report.unknowns import UNSET
from analytics.report.words import coverage_sentence, estimate_of, loss_sentences, movement_note, rate_of, say
from analytics.tables.schema import NotMeasured

MATTERS, MOVED = "What matters most", "What else moved"
BLAME, THANKS = "What they name as problems", "What they thank us for"
LEAVING, UNKNOWN = "Who may leave", "What we do not know"
TOLD = 4  # findings that matter most
SAME_PEOPLE = 0.5  # overlap (Ochiai's coefficient) from which on two findings are about the same people
POWER = 2.8  # standard errors that four tests in five see, at a false alarm in twenty


def build_page_one(
    story: Story, perceive: Section, hurts: Section, leaving: Section, unknowns: Section, *others: Section
) -> Block:
    """The whole story on one page: what is perceived, what matters most in any section, thanks, leaving, what is open.

    Parameters
    ----------
    story
        The period it is about.
    perceive, hurts, leaving, unknowns
        The sections whose own answers it tells.
    others
        Further sections, whose findings are ranked with those of all.
    """
    scores = _scores_or_none(story)[:3]
    numbers = {score.name: estimate_of(story.over_time(score).iloc[-1]) for score in scores}
    notes = {score.name: movement_note(moved(story, score)) for score in scores}
    scored = next(block for block in perceive.blocks if block.kind == "finding")
    known = findings_of([hurts.answer, leaving.answer])
    headline = scored if findings_of([scored]) or not known else known[0]
    lacking = "lack" in headline.data
    if lacking:
        headline = blocks.unknown(say("page_one.no_score", read=_unread(story)), settle=headline.data["settle"])
    cautions = [coverage_sentence(story.coverage, story.period.label), *loss_sentences(story.log.losses)]
    if scores and scores[0] is not DISPUTED and not knows_asked(story):
        cautions.append(say("page_one.asked"))
    labels = placed([block for block in _moved(hurts.blocks) if not block.data["key"]][: TOLD - 1], hurts)
    ranked = _rank(story, [perceive, hurts, leaving, *others], headline)
    blamed = [] if any(_kind(stake) == "problem" for stake in ranked) else placed(findings_of(hurts.answers), hurts)
    new = placed([block for block in findings_of(hurts.blocks) if block.data["key"].startswith(NEW)], hurts)
    above = [cell for stake in ranked for cell in stake.finding.data["evidence"]]
    leavers = [b for b in findings_of(leaving.blocks) if not all(cell in above for cell in b.data["evidence"] or [b])]
    nothing = "nothing_compared" if lacking else "nothing_else" if _moved([headline, *labels]) else "nothing"
    last = say("page_one.last") if any(math.isnan(stake.low) for stake in ranked) else ""
    rate = rate_of(story.period)
    order = say("page_one.order", weight=story.config.report.leaver_counts_as, last=last, rate=rate)
    answers = {
        MATTERS: [stake.finding for stake in ranked]
        or [*blamed, *labels, blocks.finding(say(f"page_one.{nothing}", seen=_seen(story)))],
        MOVED: [*_moved(perceive.answers), *labels],
        BLAME: [*blamed, *new],
        THANKS: [b for b in placed(findings_of(hurts.blocks), hurts) if b.data["key"].startswith(THANKED)],
        LEAVING: placed(leavers[:2] or leaving.answers, leaving),
        UNKNOWN: placed(unknowns.answers, unknowns),
    }
    given = [headline.data["sentence"], *cautions]
    told: dict[str, blocks.Answer] = {}
    for question, found in answers.items():  # nothing twice
        if fresh := [block for block in found if block.data["sentence"] not in given]:
            told[question] = [block for block in fresh if block.data["sentence"] != UNSET] or fresh
            given += [block.data["sentence"] for block in fresh]
    basis = " ".join(filter(None, [*cautions, order if any(stake.lost for stake in ranked) else ""]))
    return blocks.page_one(headline, numbers, told, notes=notes, trend=trend_of(story), basis=basis)


def rank_stakes(stakes: Sequence[Stake], cut: float) -> list[Stake]:
    """The findings that matter most, the largest of each kind first, then the next; told by their lower bounds.

    Parameters
    ----------
    stakes
        Of every section.
    cut
        Largest p-value that stands when all tests of the report are counted (`tested.cut`).

    Returns
    -------
    list of Stake
        At most four, good and bad, those without a weight last, the largest group first; of findings about the same
        people or one recorded figure, or with one key and direction, the largest.

    Examples
    --------
    >>> block = blocks.finding("Waiting hurts.", key="problem:waiting")
    >>> weak, strong = Stake(block, 300, 0, 400, 0.2), Stake(block, 90, 40, 200, 0.001)
    >>> [stake.low for stake in rank_stakes([weak, strong], cut=0.01)]
    [40]
    """
    standing = [stake for stake in stakes if not stake.low <= 0 and stake.p_value <= cut]
    ranked = sorted(standing, key=_order)
    kinds = [_kind(stake) for stake in ranked]
    second = [kind != "" and kind in kinds[:i] for i, kind in enumerate(kinds)]
    chosen: list[Stake] = []
    for i in sorted(range(len(ranked)), key=second.__getitem__):
        if len(chosen) < TOLD and not any(_same(ranked[i], other) for other in chosen):
            chosen.append(ranked[i])
    return sorted(chosen, key=_order)


def _order(stake: Stake) -> tuple[bool, float]:
    """The largest weight first; then what has none, by the people whom it touches."""
    unweighed = math.isnan(stake.low)
    return unweighed, -round(stake.touched if unweighed else stake.low, 9)


def _kind(stake: Stake) -> str:
    """What a finding is of, such as 'leaving' or 'promise'; '' where it has no key."""
    return str(stake.finding.data["key"]).split(":")[0]


def _same(one: Stake, other: Stake) -> bool:
    """Whether two findings of one direction share people or a figure, or, where people are not known, the kind."""
    keys = [stake.finding.data["key"] for stake in (one, other)]
    size = math.sqrt(len(one.people) * len(other.people))
    alike = len(one.people & other.people) >= SAME_PEOPLE * size if size else _kind(one) == _kind(other) != ""
    return one.good == other.good and (alike or keys[0] == keys[1] != "" or one.figure == other.figure != "")


def _moved(content: Sequence[Block]) -> list[Block]:
    """What rose or fell and is no finding that weighs."""
    return [block for block in content if block.data.get("signal") in ("rose", "fell")]


def _rank(story: Story, sections: Sequence[Section], headline: Block) -> list[Stake]:
    """The findings that matter most beside the headline, each with its place; customers who leave weigh more."""
    weights, rate = {True: story.config.report.leaver_counts_as, False: 1.0}, rate_of(story.period)
    stakes = [
        replace(stake, finding=_weighty(stake, part, weights[stake.lost], rate), low=stake.low * weights[stake.lost])
        for part in sections for stake in part.stakes if stake.finding.data["key"] != (headline.data["key"] or None)
    ]  # fmt: skip
    return rank_stakes(stakes, tested.cut(story))


def _weighty(stake: Stake, part: Section, counts: float, rate: str) -> Block:
    """A finding with its place, and its weight in words where that is known and one customer a month or more."""
    kind = "better" if stake.good else "lost" if stake.lost else "worse"
    numbers = {"n": math.floor(stake.low), "n_weighed": math.floor(stake.low) * counts} if stake.low >= 1 else {}
    weight = say(f"page_one.{kind}", rate=rate, **numbers) if numbers else ""
    return blocks.tagged(placed([stake.finding], part)[0], weight=weight)


def _unread(story: Story) -> str:
    """That none of the period's texts could be read, where that is so."""
    if not (story.has_texts and story.unread.every):
        return ""
    return say("page_one.unread", n=story.unread.total, period=story.period.label)


def _seen(story: Story) -> str:
    """How large a difference between halves of the answers would have been seen."""
    scores = _scores_or_none(story)
    n = int(story.over_time(scores[0]).iloc[-1]["n"]) if scores else 0
    if not n:
        return ""
    points = math.ceil(100 * POWER / math.sqrt(n))  # halves that answer yes and no alike often: the hardest case
    return say("page_one.seen", points=points)


def trend_of(story: Story) -> Block | None:
    """The leading score over time, low enough for page one."""
    leading = (score for score in _scores_or_none(story)[:1] if score is story.scores[0])
    return next((chart for score in leading for chart in score_chart(story, score, height=1.3)), None)


def _scores_or_none(story: Story) -> list[Score]:
    try:
        return shown_scores(story)
    except NotMeasured:
        return []
