"""Page one: the whole story for a reader with sixty seconds, from the sections' own answers."""

from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.report.perception import judge, score_chart
from analytics.report.score import Score
from analytics.report.story import Story
from analytics.report.words import (
    Section,
    coverage_sentence,
    estimate_of,
    movement_note,
)
from analytics.tables.schema import NotMeasured


def build_page_one(story: Story, perceive: Section, hurts: Section, leaving: Section, unknowns: Section) -> Block:
    """The whole story on one page, from the sections' own answers."""
    numbers, notes = {}, {}
    for score in _scores_or_none(story)[:3]:
        series = story.over_time(score)
        if series["n"].iloc[-1] < story.k:
            continue
        numbers[score.name] = estimate_of(series.iloc[-1])
        notes[score.name] = movement_note(judge(story, series))
    known = [s.answer for s in (hurts, leaving) if s.answer.data["level"] == "finding"]
    scored = next(block for block in perceive.blocks if block.kind == "finding")
    headline = scored if scored.data["level"] == "finding" or not known else known[0]
    others = (b for b in hurts.blocks if b.kind == "finding" and b.data["level"] == "finding" and b is not headline)
    hurt = hurts.answer if headline is scored else next(others, hurts.answer)  # never the headline twice
    return blocks.page_one(
        headline, numbers, notes=notes, perceive=perceive.answer, hurts=hurt, leaving=_both(leaving),
        unknown=unknowns.answer, trend=_trend(story), basis=coverage_sentence(story.coverage, story.period.label),
    )  # fmt: skip


def _both(leaving: Section) -> Block | str:
    """The said and the silent in one answer, where both are known."""
    known = [b.data for b in leaving.blocks if b.kind == "finding" and b.data["level"] == "finding"]
    if len(known) < 2:
        return leaving.answer
    first, second = known[0], known[1]
    joined = f"{first['sentence']} {second['sentence'].split('. ')[0].rstrip('.')}."
    return Block("finding", first | {"sentence": joined, "evidence": first["evidence"] + second["evidence"]})


def _trend(story: Story) -> Block | None:
    """The leading score over time, low enough for page one."""
    scores = _scores_or_none(story)
    if not scores:
        return None
    series = story.over_time(scores[0])
    charts = score_chart(story, scores[0], series, judge(story, series), height=1.6)
    return charts[0] if charts and series["n"].iloc[-1] >= story.k else None


def _scores_or_none(story: Story) -> list[Score]:
    try:
        return story.scores
    except NotMeasured:
        return []
