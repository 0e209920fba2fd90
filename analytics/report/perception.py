"""What customers perceive: the leading score and the others, and whether they moved."""

from dataclasses import replace

import pandas as pd

from analytics.contrast.signals import CANNOT_TELL, FELL, ROSE, Change, Signals
from analytics.measures.estimate import SAID
from analytics.measures.suppress import count_people, names_people
from analytics.publish import blocks, figures
from analytics.publish.blocks import Block
from analytics.report.answers import who_answered
from analytics.report.groups import group_stakes, name_groups, pooled_sentence
from analytics.report.history import shown_over_time
from analytics.report.movement import declared_changes, not_unhappy, people_over_time, shown_scores
from analytics.report.score import DISPUTED, Score
from analytics.report.section import Section, Stake, open_question, section, weigh
from analytics.report.story import Story
from analytics.report.tested import COMPLAINTS, apart, cut, moved, movements
from analytics.report.words import capital, estimate_of, figure_of, movement_note, movement_sentence, say, size_of
from analytics.tables.schema import NotMeasured


@section
def show_perception(story: Story) -> Section:
    """What customers perceive: the leading score, whether it moved, who answered, how far the silent could move it."""
    lead = story.scores[0]
    now = estimate_of(story.over_time(lead).iloc[-1])
    people = people_over_time(story, lead)[story.period.name]
    if people < story.k:
        who = "customers answered" if names_people(story.answers) else "answers came"
        few = say("perception.few", k=story.k, who=who, period=story.period.label)
        return open_question(few, "more answers")
    signal, facts = moved(story, lead), {"subject": lead.subject, "now": now, "period": story.period.label}
    weighted = ", weighted as the survey was drawn" if story.weighted else ""
    said = say("perception.lead", basis=_basis(story, lead, now.n), weighted=weighted, **facts)
    sentence = f"{said}{_of_those_asked(story)}. {_moved(story, lead, signal)}{pooled_sentence(story)}"
    key = f"score:{lead.column}"
    headline = blocks.finding(sentence, [now], signal.word, better=lead.better, key=key, people=people)
    answers, unknowns = who_answered(story, lead)
    groups, charts = name_groups(story, lead)
    others = [name_score(story, score) for score in shown_scores(story)[1:]]
    beside = [*_against_earlier(story, lead, signal), *_carried_otherwise(story, lead, signal)]
    answer, *further = [*groups[:1], *others] or answers[:1]
    content = [headline, *score_chart(story, lead), *beside, *others, *groups, *charts, *answers]
    return Section(content, answer, unknowns, [*further, *beside], [*_stakes(story), *group_stakes(story, lead)])


def name_score(story: Story, score: Score) -> Block:
    """A score and its movement in a few words, with the rule that allows them."""
    now, signal = estimate_of(story.over_time(score).iloc[-1]), moved(story, score)
    sentence = f"{score.name}: {figure_of(now)}, {movement_note(signal)}."
    return blocks.finding(sentence, [now], signal.word, key=f"score:{score.column}")


def _against_earlier(story: Story, score: Score, signal: Signals) -> list[Block]:
    """The period before and the same a year ago, where the score differs from them and the whole history says less."""
    now = estimate_of(story.over_time(score).iloc[-1])
    if signal.word == CANNOT_TELL or signal.answered is not None:
        return []
    findings = []
    for back, change in apart(story, score).items():
        word, earlier = ROSE if change.size > 0 else FELL, story.period.previous(back).label
        sentence = f"Against {earlier} it {word} by {size_of(change, now.unit)}."
        findings += [blocks.finding(sentence, [now], word, better=score.better)] if word != signal.word else []
    return findings


def _carried_otherwise(story: Story, lead: Score, signal: Signals) -> list[Block]:
    """What got worse where the leading score shows no fall: more unhappy answers, more complaints."""
    if signal.word == (ROSE if lead is DISPUTED else FELL):
        return []
    return [*_more_unhappy(story, not_unhappy(lead)), *_more_complaints(story)]


def _more_unhappy(story: Story, watched: Score) -> list[Block]:
    signal = moved(story, watched) if watched.name in movements(story) else None
    if signal is None or signal.word != FELL or signal.change is None:
        return []
    calm = estimate_of(story.over_time(watched).iloc[-1])
    share = replace(calm, value=1 - calm.value, low=1 - calm.high, high=1 - calm.low)
    sentence = f"Unhappy answers rose to {figure_of(share)}, by {size_of(signal.change, share.unit)}."
    return [blocks.finding(sentence, [share], ROSE, better="lower")]


def _more_complaints(story: Story) -> list[Block]:
    signal, complaints = movements(story).get(COMPLAINTS), story.tables_now.complaints
    if signal is None or signal.change is None or complaints is None:
        return []
    people, now = count_people(complaints), float(signal.points["value"].iloc[-1])
    if signal.word != ROSE or signal.p_value > cut(story) or people < story.k:
        return []
    sentence = f"Complaints rose to {now:,.0f}, where {now - signal.change.size:,.0f} would be usual."
    return [blocks.finding(sentence, signal=ROSE, better="lower", people=people)]


def _stakes(story: Story) -> list[Stake]:
    """Each score that moved, in customers a month: the net change, of those who answered."""
    every = [(score, moved(story, score)) for score in shown_scores(story)]
    return [_stake(story, score, s, s.change) for score, s in every if s.word in (ROSE, FELL) and s.change is not None]


def _stake(story: Story, score: Score, signal: Signals, change: Change) -> Stake:
    now = estimate_of(story.over_time(score).iloc[-1])
    sentence = f"{score.subject} {signal.word} to {figure_of(now)}, by {size_of(change, now.unit)}."
    told = blocks.finding(sentence, [now], signal.word, better=score.better, key=f"score:{score.column}")
    answered = story.answers[story.answers["period"].eq(story.period.name) & story.answers[score.column].notna()]
    contrast = pd.Series([change.size, *change.bounds], ["size", "size_low", "size_high"])
    stake = weigh(story, told, answered, score.column, contrast, signal.p_value, of="size")
    return replace(stake, good=(signal.word == ROSE) is (score is not DISPUTED))


def _basis(story: Story, lead: Score, n: int) -> str:
    """Whom a score is about: people where the answers name them, and how many answers they gave; else answers."""
    rows = story.answers[story.answers["period"] == story.period.name]
    answers = int(rows[lead.column].notna().sum())
    if lead is DISPUTED:
        return f"among the {answers:,} complaints with a known outcome{f' of {n:,} customers' if n < answers else ''}"
    if not names_people(rows):
        return f"among {answers:,} answers"
    return f"among the {n:,} customers who {f'gave {answers:,} answers' if n < answers else 'answered'}"


def _of_those_asked(story: Story) -> str:
    if not knows_asked(story):
        return ""
    return f"; {story.invitations['responded_at'].notna().mean():.0%} of the invitations sent then are answered"


def knows_asked(story: Story) -> bool:
    """Whether it is recorded who was asked: invitations are dated, and not every one in the data is answered."""
    surveys = story.tables.surveys
    try:
        return surveys is not None and not story.invitations.empty and bool(surveys["responded_at"].isna().any())
    except NotMeasured:
        return False


def _moved(story: Story, lead: Score, signal: Signals) -> str:
    """Whether a score moved; a whole file has nothing to move against, and may have no dates."""
    if story.period.frequency != "all":
        unit = story.over_time(lead)["unit"].iloc[-1]
        return movement_sentence(signal, unit, story.period.frequency, worse="rise" if lead is DISPUTED else "fall")
    stamps = [story.answers[c] for c in ("responded_at", "invited_at", "received_at") if c in story.answers]
    if any(stamp.notna().any() for stamp in stamps):
        return "Over the whole file no change can be told."
    return "Dates are not known: no change can be told."


def score_chart(story: Story, score: Score, height: float = 2.6) -> list[Block]:
    """A score over time with its limits, periods of too few people left out; nothing where there is only one period."""
    series = shown_over_time(story, score)
    if len(series) < 2:
        return []
    signal = moved(story, score)
    limits = signal.points if signal.points["mean"].notna().any() else None
    last, people = estimate_of(series.iloc[-1]), series["people"]
    usual = "; dashed lines hold the usual movement" if limits is not None else ""
    changes = declared_changes(story, score)
    if set(changes) & set(series["period"]):
        usual += ", which begins anew at what we changed (upright lines)"
    chart = blocks.figure(
        figures.plot_series(series, unit=last.unit, label=score.name, limits=limits, height=height, marks=changes),
        alt=f"{score.name}, {len(series)} periods up to {story.period.label}; latest {figure_of(last)}.",
        caption=f"{score.name} in {story.period.label}: {movement_note(signal)}.", source=SAID,
        n=int(series["n"].sum()), people=people[people >= story.k],
        note=f"{capital(score.meaning)}. The band is the {story.confidence:.0%} interval{usual}.",
    )  # fmt: skip
    return [blocks.tagged(chart, series=score.column)]
