"""Page one: the whole story for a reader with sixty seconds, from the sections' own answers."""

from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.report.movement import shown_scores
from analytics.report.perception import score_chart
from analytics.report.score import Score
from analytics.report.story import Story
from analytics.report.tested import moved
from analytics.report.words import Section, coverage_sentence, estimate_of, loss_sentences, movement_note
from analytics.tables.schema import NotMeasured


def build_page_one(story: Story, perceive: Section, hurts: Section, leaving: Section, unknowns: Section) -> Block:
    """The whole story on one page, from the sections' own answers."""
    numbers, notes = {}, {}
    scores = _scores_or_none(story)
    for score in scores[:3]:
        numbers[score.name] = estimate_of(story.over_time(score).iloc[-1])
        notes[score.name] = movement_note(moved(story, score))
    answers = [s.answer for s in (hurts, leaving) if s.answer.data["level"] == "finding"]
    scored = next(block for block in perceive.blocks if block.kind == "finding")
    headline = scored if scored.data["level"] == "finding" or not answers else answers[0]
    hurt = [] if headline is scored else [b for b in _findings(hurts) if b is not headline]  # never the headline twice
    cautions = [coverage_sentence(story.coverage, story.period.label), *loss_sentences(story.log.losses)]
    return blocks.page_one(
        headline, numbers, notes=notes, perceive=perceive.answers, hurts=(hurt or hurts.answers)[0],
        leaving=_findings(leaving)[:2] or leaving.answers, unknown=unknowns.answers, trend=_trend(story, scores),
        basis=" ".join(filter(None, cautions)),
    )  # fmt: skip


def _findings(part: Section) -> list[Block]:
    """What a section knows, in order."""
    return [block for block in part.blocks if block.kind == "finding" and block.data["level"] == "finding"]


def _trend(story: Story, scores: list[Score]) -> Block | None:
    """The leading score over time, low enough for page one."""
    if not scores or scores[0] is not story.scores[0]:
        return None
    return next(iter(score_chart(story, scores[0], height=1.6)), None)


def _scores_or_none(story: Story) -> list[Score]:
    try:
        return shown_scores(story)
    except NotMeasured:
        return []
