"""What we changed: each declared action, and whether customers noticed."""

import pandas as pd

from analytics.config import Action
from analytics.measures.actions import LEAVING, Verdict
from analytics.measures.estimate import OBSERVED, SAID, Estimate
from analytics.publish import blocks
from analytics.publish.format import write_interval
from analytics.report import tested
from analytics.report.story import Story
from analytics.report.words import SCORE_WORDS, THEME_WORDS, Section, section
from analytics.tables.maps import SCALES
from analytics.tables.schema import NotMeasured

NOUNS = {
    **SCORE_WORDS, LEAVING: "the share of customers leaving", "customer_clock_h": "the time until customers confirm",
    "company_clock_h": "the time until we close a case", "first_response_h": "the time to a first reply",
}  # fmt: skip
SETTLE = "six periods of this figure before the action, with {k} people in each, and two after it"


@section
def show_actions(story: Story) -> Section:
    """What we changed: each declared action, noticed or not, or why it cannot be told."""
    if not story.config.actions:
        raise NotMeasured("no action is declared", needed_for="whether customers noticed what we changed")
    judged, actions = tested.actions(story), {action.id: action for action in story.config.actions}
    lines = [_tell(actions[row["action"]], row, story) for _, row in judged.iterrows()]
    return Section(lines, lines[0], [line for line in lines if line.data["level"] == "unknown"])


def _tell(action: Action, row: pd.Series, story: Story) -> blocks.Block:
    """One action in a sentence or two."""
    head = f"“{action.what}” (since {action.on:%-d %B %Y})"
    noun = NOUNS.get(row["outcome"]) or f"the share naming {THEME_WORDS.get(row['outcome'], row['outcome'])}"
    if row["verdict"] == Verdict.TOO_EARLY:
        more = f"{row['needed']} more {story.period.frequency}{'s' * (row['needed'] > 1)}"
        return blocks.unknown(f"{head}: too early to tell.", f"{more} of answers")
    if row["verdict"] == Verdict.UNKNOWN or row["people"] < story.k:
        return blocks.unknown(f"{head}: whether it moved {noun} is not known.", SETTLE.format(k=story.k))
    said = row["outcome"] in SCALES or row["outcome"] in THEME_WORDS
    step = _step_of(row, said)
    if row["verdict"] == Verdict.NOT_SHOWN or row["p_value"] > tested.cut(story):
        unseen = write_interval(row["unseen"] * _scale(row), float("nan"), float("nan"), step.unit)
        sentence = f"{head}: no change in {noun} is shown; one of less than {unseen} would not have been seen."
        return blocks.finding(sentence, [step], "no change", key=f"action:{action.id}", people=int(row["people"]))
    rose = row["value"] > (row["unit"] == "ratio")
    size = write_interval(step.value, step.low, step.high, step.unit)
    if row["unit"] == "ratio":
        change = f"{noun} is {size} of what it was{', set against cases elsewhere' if row['compared'] else ''}"
    else:
        beside = ", set against where it was not done" if row["compared"] else ""
        change = f"{noun} is {'higher' if rose else 'lower'} by {size} than before{beside}"
    unsure = "" if row["compared"] else " What else changed then is not known."
    return blocks.finding(
        f"{head}: {change}.{unsure}", [step], "rose" if rose else "fell", key=f"action:{action.id}",
        people=int(row["people"]),
    )  # fmt: skip


def _scale(row: pd.Series) -> float:
    """What turns a step into the unit in which it is told: shares into points."""
    return 100.0 if row["unit"] == "share" else 1.0


def _step_of(row: pd.Series, said: bool) -> Estimate:
    """The step as an estimate: points of a share or score, or how many times as long."""
    values = sorted(abs(row[name]) * _scale(row) for name in ("low", "high"))
    crosses = row["low"] < 0 < row["high"] and row["unit"] != "ratio"
    low, high = (row["low"] * _scale(row), row["high"] * _scale(row)) if crosses else values
    value = row["value"] * _scale(row) if crosses else abs(row["value"]) * _scale(row)
    unit = {"share": "points", "ratio": "times"}.get(row["unit"], row["unit"])
    return Estimate(value, low, high, int(row["people"]), unit, SAID if said else OBSERVED)
