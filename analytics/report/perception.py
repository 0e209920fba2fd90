"""What customers perceive: the leading score, whether it moved, who answered, how far the silent could move it."""

import numpy as np
import pandas as pd

from analytics.contrast.signals import Signals, detect_signals
from analytics.measures.estimate import OBSERVED, SAID, Estimate
from analytics.measures.intervals import z_score
from analytics.measures.invitations import InvitationAudit, audit_invitations
from analytics.measures.response import bound_score
from analytics.measures.scores import response_rate
from analytics.publish import blocks, figures
from analytics.publish.blocks import Block
from analytics.report.score import DISPUTED, Score
from analytics.report.story import Story
from analytics.report.words import (
    Section,
    estimate_of,
    figure_of,
    movement_note,
    movement_sentence,
    not_known,
    section,
)
from analytics.tables.schema import NotMeasured

SCALE_ENDS = {"nps": (0.0, 10.0), "csat": (1.0, 5.0), "ces": (1.0, 7.0)}
VALUE_ENDS = {"points": (-100.0, 100.0), "share": (0.0, 1.0), "score": (1.0, 7.0)}
MIDDLE = {"nps": 0.0, "csat": 0.5, "ces": 4.0}  # the side of it decides what a headline says; disputes have none


@section
def show_perception(story: Story) -> Section:
    """What customers perceive: the leading score, whether it moved, who answered, how far the silent could move it."""
    lead = story.scores[0]
    series = story.over_time(lead)
    signal = judge(story, series)
    now = estimate_of(series.iloc[-1])
    if now.n < story.k:
        few = blocks.unknown(
            f"Fewer than {story.k} customers answered in {story.period.label}, too few to show.", settle="more answers"
        )
        return Section([few], few, [few])
    told = blocks.finding(
        f"{lead.subject} was {figure_of(now)} among the {now.n:,} {lead.who}{_of_those_asked(story)} in "
        f"{story.period.label}{', weighted as the survey was drawn' if story.weighted else ''}. "
        f"{movement_sentence(signal)}{_side_open(now, lead)}",
        [now],
        signal.word,
        better="lower" if lead is DISPUTED else "higher",
        key=f"score:{lead.column}",
    )
    shown = [told, *score_chart(story, lead, series, signal), _score_table(story)]
    answers, unknowns = _who_answered(story, lead)
    return Section([*shown, *answers], _other_scores(story) or answers[0], unknowns)


def _other_scores(story: Story) -> Block | None:
    """The scores beside the leading one in a sentence, for page one's short answer; None where there is no other."""
    rows = [(score, story.over_time(score)) for score in story.scores[1:]]
    shown = [(score, estimate_of(series.iloc[-1]), judge(story, series)) for score, series in rows]
    shown = [found for found in shown if found[1].n >= story.k]
    if not shown:
        return None
    parts = [f"{score.name}: {figure_of(e)}, {movement_note(signal)}" for score, e, signal in shown]
    words = {signal.word for _, _, signal in shown}
    return blocks.finding(f"{'; '.join(parts)}.", [e for _, e, _ in shown], words.pop() if len(words) == 1 else None)


def _of_those_asked(story: Story) -> str:
    try:
        return f", {story.invitations['responded_at'].notna().mean():.0%} of those asked,"
    except NotMeasured:
        return ""


def _side_open(now: Estimate, lead: Score) -> str:
    """That the sign of a score is open, where its own interval leaves it so."""
    middle = MIDDLE.get(lead.column)
    if middle is None or now.excludes(middle):
        return ""
    return f" Whether it lies above or below {middle:.0%} is not known." if now.unit == "share" else (
        f" Whether it lies above or below {middle:g} is not known.")  # fmt: skip


def judge(story: Story, series: pd.DataFrame) -> Signals:
    """The rule about a score's latest period, sampling error and response rate taken into account."""
    indexed = series.set_index("period")
    error = (indexed["high"] - indexed["low"]) / (2 * z_score(story.confidence))
    return detect_signals(
        indexed["value"],
        indexed["n"],
        se=error,
        answered=story.response_rates.reindex(indexed.index) if story.response_rates is not None else None,
        scale=VALUE_ENDS[indexed["unit"].iloc[-1]],
    )


def score_chart(story: Story, score: Score, series: pd.DataFrame, signal: Signals, height: float = 2.6) -> list[Block]:
    """A score over time with its limits; nothing where there is only one period."""
    if len(series) < 2:
        return []
    limits = signal.points if signal.points["mean"].notna().any() else None
    last = estimate_of(series.iloc[-1])
    return [
        blocks.figure(
            figures.plot_series(series, unit=last.unit, label=score.name, limits=limits, height=height),
            alt=f"{score.name}, {len(series)} periods up to {story.period.label}; latest {figure_of(last)}.",
            caption=f"{score.name}: {movement_note(signal)} in {story.period.label}.",
            source=SAID,
            n=int(series["n"].sum()),
            note=f"{score.meaning[:1].upper()}{score.meaning[1:]}. The band is the {story.confidence:.0%} interval"
            + ("; dashed lines hold the usual movement." if limits is not None else "."),
        )
    ]


def _score_table(story: Story) -> Block:
    rows = []
    for score in story.scores:
        series = story.over_time(score)
        if series["n"].iloc[-1] < story.k:
            continue
        rows.append({"score": score.name, "meaning": score.meaning} | series.iloc[-1].to_dict())
        rows[-1]["word"] = judge(story, series).word
    frame = pd.DataFrame(rows)
    heads = {"score": "Score", "meaning": "What it is", "value": story.period.label, "n": "Answers", "word": "Movement"}
    note = "A word of change needs a passed rule (XmR) against the earlier periods."
    return blocks.table(
        frame,
        caption="Every score that customers gave.",
        source=SAID,
        n=int(frame["n"].max()),
        columns=heads,
        note=note,
    )


@section
def show_answers(story: Story) -> Section:
    """Who was asked, who answered, and how far the silent could move the leading score."""
    shown, unknowns = _who_answered(story, story.scores[0])
    return Section(shown, shown[0], unknowns)


def _who_answered(story: Story, lead: Score) -> tuple[list[Block], list[Block]]:
    """Who was asked and who answered, and what the silent could change; what is not recorded is said."""
    try:
        invited = story.invitations
    except NotMeasured as lack:
        line = not_known(lack)
        return line.blocks, line.unknowns
    rate = response_rate(invited["responded_at"], confidence=story.confidence)
    shown = [
        blocks.finding(
            f"{len(invited):,} customers were asked in {story.period.label}; {figure_of(rate)} answered.",
            [rate],
            key="response",
        )
    ]
    unknowns = []
    if lead is not DISPUTED:
        shown.append(_bounded(story, invited, lead))
        unknowns += [block for block in shown[-1:] if block.data["level"] == "unknown"]
    try:
        audit = audit_invitations(story.tables_now, confidence=story.confidence)
    except NotMeasured as lack:
        line = not_known(lack)
        return [*shown, *line.blocks], [*unknowns, *line.unknowns]
    said = [sentence for sentence in audit.sentences if "agent" not in sentence.lower()]
    head, *rest = [s for s in said if all(e.n >= story.k for e in _cited(audit, s))] or [
        f"Whether open cases are asked is not shown: they are fewer than {story.k}."
    ]
    spared = audit.resolved_only and head == said[0]
    asked = blocks.finding(head, _cited(audit, head), level="unknown" if spared else "finding")
    text = "\n".join(f"- {sentence}" for sentence in rest)
    more = [blocks.prose(text, _cited(audit, text))] if rest else []
    return [*shown, asked, *more], [*unknowns, *([asked] if spared else [])]


def _cited(audit: InvitationAudit, text: str) -> list[Estimate]:
    """The audit's shares that a text states."""
    table = audit.table
    shares = [
        Estimate(row[f"{step}_share"], row[f"{step}_low"], row[f"{step}_high"], int(row[people]), "share", OBSERVED)
        for step, people in (("invited", "eligible"), ("answered", "invited"))
        for _, row in table[table[people] > 0].iterrows()
    ]
    return [e for e in shares if f"{e.value:.0%} ({100 * e.low:.0f}–{100 * e.high:.0f})" in text]


def _bounded(story: Story, invited: pd.DataFrame, lead: Score) -> Block:
    """How far those who were asked and stayed silent could move the score."""
    bounds = bound_score(
        invited[lead.column], lead.measure, scale=SCALE_ENDS[lead.column], against=MIDDLE[lead.column],
        complainers=_complainers_answers(story, invited, lead), confidence=story.confidence,
    )  # fmt: skip
    unit = bounds.observed.unit
    low, high, like = (
        figure_of(Estimate(v, np.nan, np.nan, 0, unit, SAID)) if np.isfinite(v) else ""
        for v in (bounds.low, bounds.high, bounds.like_complainers)
    )
    told = f"The silent could put the {lead.name} anywhere from {low} to {high}"
    told += f"; if they feel like those who complained, it is {like}." if like else "."
    if not bounds.open:
        return blocks.finding(told, [bounds.observed])
    settle = _follow_up(bounds.invited - bounds.answered)
    return blocks.unknown(f"{told} What all the customers asked think is not known.", settle=settle)


def _follow_up(silent: int) -> str:
    """How many of the silent to ask again: 96 answers give a margin of ten points for a share."""
    return f"reaching {min(silent, 96):,} of the {silent:,} silent by another way (a margin of ten points either side)"


def _complainers_answers(story: Story, invited: pd.DataFrame, lead: Score) -> pd.Series | None:
    complaints = story.tables.complaints
    if complaints is None or "customer_id" not in complaints or "customer_id" not in invited:
        return None
    since = story.period.previous(11).start
    ids = complaints.loc[complaints["received_at"] >= since, "customer_id"]
    answers = story.answers
    theirs = answers.loc[answers["customer_id"].isin(ids) & (answers["period"] == story.period.name), lead.column]
    return theirs if theirs.notna().sum() >= story.k else None
