"""Whether scores, unhappy answers and complaints moved: facts over a story's periods, without a word."""

from dataclasses import replace
from functools import partial

import pandas as pd

from analytics.contrast.signals import CHANCE, Signals, detect_signals
from analytics.measures.intervals import z_score
from analytics.measures.scores import top_box_share
from analytics.report.score import Score
from analytics.report.story import Story
from analytics.report.words import people_by
from analytics.tables.periods import parse_period, period_of

VALUE_ENDS = {"points": (-100.0, 100.0), "share": (0.0, 1.0)}
BACK = {"month": (1, 12), "quarter": (1, 4), "week": (1,), "all": ()}  # the period before, and the same a year ago
COMPLAINTS_WOBBLE = 0.1  # typical true movement of a quiet count of complaints, as a share of it


def people_over_time(story: Story, score: Score) -> pd.Series:
    """Distinct customers who gave a score, by period of the history."""
    answers = story.answers[story.answers[score.column].notna()]
    return pd.Series(people_by(answers, "period"), dtype=float).reindex(story.history, fill_value=0)


def shown_scores(story: Story) -> list[Score]:
    """The scores that enough customers answered in the period, the leading one first."""
    return [score for score in story.scores if people_over_time(story, score)[story.period.name] >= story.k]


def scale_of(series: pd.DataFrame, score: Score) -> tuple[float, float]:
    """Ends of the scale on which a score's measure lies."""
    return VALUE_ENDS.get(str(series["unit"].iloc[-1]), score.ends)


def declared_changes(story: Story, score: Score) -> dict[str, str]:
    """The periods in which what was done for everybody moves a score's baseline, and what; '' in the next."""
    changes: dict[str, str] = {}
    if story.period.frequency == "all":
        return changes
    for action in (action for action in story.config.actions if score.column in action.expects and not action.group):
        for day in (pd.Timestamp(day) for day in (action.on, action.until) if day is not None):
            period = parse_period(period_of(pd.Series([day]), story.period.frequency).item())
            changes[period.name] = action.what
            if period.start < day:
                changes.setdefault(period.previous(-1).name, "")
    return changes


def measure_movement(story: Story, score: Score, chance: float = CHANCE) -> Signals:
    """The movement of a score over the history, sampling error and response rate taken into account."""
    series = story.over_time(score)
    indexed, rates = series.set_index("period"), story.response_rates
    enough = people_over_time(story, score).reindex(indexed.index) >= story.k  # of fewer no period is usual
    error = (indexed["high"] - indexed["low"]) / (2 * z_score(story.confidence))
    return detect_signals(
        indexed["value"].where(enough), indexed["n"], se=error, scale=scale_of(series, score),
        answered=None if rates is None else rates.reindex(indexed.index),
        back=BACK[story.period.frequency], chance=chance, starts=declared_changes(story, score),
    )  # fmt: skip


def not_unhappy(lead: Score) -> Score:
    """The share of a score's answers that are not unhappy ones; it falls where more are."""
    calm = partial(top_box_share, top=lead.unhappy + 0.5, scale=lead.ends)
    return replace(lead, name=f"{lead.name}, not unhappy", measure=calm)


def count_complaints(story: Story, chance: float = CHANCE) -> Signals | None:
    """The movement of the number of complaints, from the first period that has any; None where none is dated."""
    complaints = story.tables.complaints
    if complaints is None or complaints["received_at"].isna().all():
        return None
    every = period_of(complaints["received_at"], story.period.frequency).value_counts()
    counts = every.astype(float).reindex(story.history)
    counts = counts.loc[counts.first_valid_index() or story.period.name :].fillna(0.0)
    wobble = COMPLAINTS_WOBBLE * max(float(counts.mean()), 1.0)
    return detect_signals(counts, se=(counts + 1).pow(0.5), wobble=wobble, chance=chance)
