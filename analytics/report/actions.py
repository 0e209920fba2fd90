"""What we changed: each declared action, and whether customers noticed."""

import pandas as pd

from analytics.config import Action
from analytics.measures.actions import Verdict
from analytics.measures.estimate import OBSERVED, SAID, Estimate
from analytics.publish import blocks
from analytics.publish.format import write_interval
from analytics.report import tested
from analytics.report.section import Section, section, section_of, unknowns_of
from analytics.report.story import Story
from analytics.report.words import SCORE_WORDS, WORDS, name_blamed, say
from analytics.tables.maps import SCALES
from analytics.tables.schema import NotMeasured

NOUNS = SCORE_WORDS | WORDS["outcome"]


@section
def show_actions(story: Story) -> Section:
    """What we changed: each declared action, noticed or not, or why it cannot be told."""
    if not story.config.actions:
        raise NotMeasured("no action is declared", needed_for="whether customers noticed what we changed")
    judged, actions = tested.actions(story), {action.id: action for action in story.config.actions}
    lines = [_tell(actions[row["action"]], row, story) for _, row in judged.iterrows()]
    return section_of(lines, unknowns_of(lines))


def _tell(action: Action, row: pd.Series, story: Story) -> blocks.Block:
    """One action in a sentence or two."""
    head = f"“{action.what}” (since {action.on:%-d %B %Y})"
    themes = name_blamed(story.themes)
    noun = NOUNS.get(row["outcome"]) or f"the share naming {themes.get(row['outcome'], row['outcome'])}"
    if row["verdict"] == Verdict.TOO_EARLY:
        more = f"{row['needed']} more {story.period.frequency}{'s' * (row['needed'] > 1)}"
        return blocks.unknown(f"{head}: too early to tell.", f"{more} of answers")
    if row["verdict"] == Verdict.UNKNOWN or row["people"] < story.k:
        return blocks.unknown(f"{head}: whether it moved {noun} is not known.", say("actions.settle", k=story.k))
    said = row["outcome"] in SCALES or row["outcome"] in themes
    step, key, people = _step_of(row, said), f"action:{action.id}", int(row["people"])
    if row["verdict"] == Verdict.NOT_SHOWN or row["p_value"] > tested.cut(story):
        unseen = write_interval(row["unseen"] * _scale(row), float("nan"), float("nan"), step.unit)
        sentence = say("actions.no_change", head=head, noun=noun, unseen=unseen)
        return blocks.finding(sentence, [step], "no change", key=key, people=people)
    rose = row["value"] > (row["unit"] == "ratio")
    kind = "ratio" if row["unit"] == "ratio" else "higher" if rose else "lower"
    beside = ("actions.beside_ratio" if kind == "ratio" else "actions.beside") if row["compared"] else "actions.unsure"
    sentence = say(f"actions.{kind}", head=head, noun=noun, size=step, beside=say(beside))
    return blocks.finding(sentence, [step], "rose" if rose else "fell", key=key, people=people)


def _scale(row: pd.Series) -> float:
    """What turns a step into the unit in which it is told: shares into points."""
    return 100.0 if row["unit"] == "share" else 1.0


def _step_of(row: pd.Series, said: bool) -> Estimate:
    """The step as an estimate: points of a share or score, or how many times as long."""
    crosses = row["low"] < 0 < row["high"] and row["unit"] != "ratio"
    value, low, high = (row[name] * _scale(row) for name in ("value", "low", "high"))
    if not crosses:
        value, (low, high) = abs(value), sorted((abs(low), abs(high)))
    unit = {"share": "points", "ratio": "times"}.get(row["unit"], row["unit"])
    return Estimate(value, low, high, int(row["people"]), unit, SAID if said else OBSERVED)
