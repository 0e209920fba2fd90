"""What customers perceive: the leading score and the others, and whether they moved."""

import pandas as pd

from analytics.contrast.signals import Signals, detect_signals
from analytics.measures.estimate import SAID, Estimate
from analytics.measures.intervals import z_score
from analytics.measures.suppress import count_people, names_people
from analytics.publish import blocks, figures
from analytics.publish.blocks import Block
from analytics.report.answers import who_answered
from analytics.report.groups import group_stakes, name_groups, pooled_sentence
from analytics.report.score import DISPUTED, Score
from analytics.report.story import Story
from analytics.report.words import Section, capital, estimate_of, figure_of, movement_note, movement_sentence, section
from analytics.tables.schema import NotMeasured

VALUE_ENDS = {"points": (-100.0, 100.0), "share": (0.0, 1.0), "score": (1.0, 7.0)}


@section
def show_perception(story: Story) -> Section:
    """What customers perceive: the leading score, whether it moved, who answered, how far the silent could move it."""
    lead = story.scores[0]
    series = story.over_time(lead)
    signal = judge(story, series)
    now = estimate_of(series.iloc[-1])
    people = people_over_time(story, lead)[story.period.name]
    if people < story.k:
        who = "customers answered" if names_people(story.answers) else "answers came"
        few = blocks.unknown(
            f"Fewer than {story.k} {who} in {story.period.label}, too few to show.", settle="more answers"
        )
        return Section([few], few, [few])
    headline = blocks.finding(
        f"{lead.subject} was {figure_of(now)} {_basis(story, lead, now.n)} in {story.period.label}"
        f"{', weighted as the survey was drawn' if story.weighted else ''}{_of_those_asked(story)}. "
        f"{_moved(story, signal)}{_side_open(now, lead)}{pooled_sentence(story)}",
        [now],
        signal.word,
        better="lower" if lead is DISPUTED else "higher",
        key=f"score:{lead.column}",
        people=people,
    )
    answers, unknowns = who_answered(story, lead)
    groups, shown = name_groups(story, lead)
    others = [name_score(story, score) for score in shown_scores(story)[1:]]
    answer, *further = [*groups[:1], *others] or answers[:1]
    charts = score_chart(story, lead, series, signal)
    return Section(
        [headline, *charts, _score_table(story), *groups, *shown, *answers],
        answer,
        unknowns,
        further,
        group_stakes(story, lead),
    )


def shown_scores(story: Story) -> list[Score]:
    """The scores that enough customers answered in the period, the leading one first."""
    return [score for score in story.scores if people_over_time(story, score)[story.period.name] >= story.k]


def name_score(story: Story, score: Score) -> Block:
    """A score and its movement in a few words, with the rule that allows them."""
    series = story.over_time(score)
    now, signal = estimate_of(series.iloc[-1]), judge(story, series)
    return blocks.finding(f"{score.name}: {figure_of(now)}, {movement_note(signal)}.", [now], signal.word)


def people_over_time(story: Story, score: Score) -> pd.Series:
    """Distinct customers who gave a score, by period of the history."""
    answers = story.answers[story.answers[score.column].notna()]
    people = {period: count_people(part) for period, part in answers.groupby("period")}
    return pd.Series(people, dtype=float).reindex(story.history, fill_value=0)


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
    try:
        return f"; {story.invitations['responded_at'].notna().mean():.0%} of those asked then have answered"
    except NotMeasured:
        return ""


def _moved(story: Story, signal: Signals) -> str:
    """Whether a score moved; a whole file has nothing to move against, and may have no dates."""
    if story.period.frequency != "all":
        return movement_sentence(signal)
    stamps = [story.answers[c] for c in ("responded_at", "invited_at", "received_at") if c in story.answers]
    if any(stamp.notna().any() for stamp in stamps):
        return "Over the whole file no change can be told."
    return "Dates are not known: no change can be told."


def _side_open(now: Estimate, lead: Score) -> str:
    """That the sign of a score is open, where its own interval leaves it so."""
    middle = lead.middle
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
    """A score over time with its limits, periods of too few people left out; nothing where there is only one period."""
    if len(series) < 2:
        return []
    limits = signal.points if signal.points["mean"].notna().any() else None
    last = estimate_of(series.iloc[-1])
    people = people_over_time(story, score).reindex(series["period"]).reset_index(drop=True)
    drawn = series.copy()
    drawn.loc[people < story.k, ["value", "low", "high"]] = float("nan")
    return [
        blocks.figure(
            figures.plot_series(drawn, unit=last.unit, label=score.name, limits=limits, height=height),
            alt=f"{score.name}, {len(series)} periods up to {story.period.label}; latest {figure_of(last)}.",
            caption=f"{score.name} in {story.period.label}: {movement_note(signal)}.",
            source=SAID,
            n=int(series["n"].sum()),
            note=f"{capital(score.meaning)}. The band is the {story.confidence:.0%} interval"
            + ("; dashed lines hold the usual movement." if limits is not None else "."),
            people=people[people >= story.k],
        )
    ]


def _score_table(story: Story) -> Block:
    rows = []
    for score in shown_scores(story):
        series = story.over_time(score)
        people = people_over_time(story, score)[story.period.name]
        words = {"score": score.name, "meaning": score.meaning, "word": judge(story, series).word, "people": people}
        rows.append(series.iloc[-1].to_dict() | words)
    frame = pd.DataFrame(rows)
    who = "Customers" if names_people(story.answers) else "Answers"
    heads = {"score": "Score", "meaning": "What it is", "value": story.period.label, "n": who, "word": "Movement"}
    return blocks.table(
        frame, caption="Every score that customers gave.", source=SAID, n=int(frame["n"].max()), columns=heads,
        note="A word of change needs a passed rule (XmR) against the earlier periods.", people="people",
    )  # fmt: skip
