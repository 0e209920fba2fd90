"""What we changed: each declared action, and whether customers noticed."""

import json
from typing import Any

import pandas as pd

from analytics.config import Action
from analytics.measures.actions import Verdict
from analytics.measures.estimate import OBSERVED, SAID, Estimate
from analytics.publish import blocks
from analytics.publish.format import factor_of
from analytics.report import tested
from analytics.report.query import Query, opened
from analytics.report.section import Section, section, section_of, unknowns_of
from analytics.report.story import Story
from analytics.report.words import SCORE_WORDS, WORDS, figure_of, name_blamed, say, write_step
from analytics.tables.maps import SCALES
from analytics.tables.schema import NotMeasured

NOUNS = SCORE_WORDS | WORDS["outcome"]


@section
def show_actions(story: Story) -> Section:
    """What we changed: each declared action, noticed or not, or why it cannot be told."""
    if not story.config.actions:
        raise NotMeasured("no action is declared", needed_for="whether customers noticed what we changed")
    judged, actions = tested.actions(story, tested.cut(story)), {action.id: action for action in story.config.actions}
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
    step = _step_of(row, row["outcome"] in SCALES or row["outcome"] in themes)
    marks: dict[str, Any] = {"key": f"action:{action.id}", "people": int(row["people"])}
    if row["verdict"] == Verdict.NOT_SHOWN:
        unseen = f"{row['unseen']:.1f} times" if row["unit"] == "ratio" else write_step(row["unit"], row["unseen"])
        sentence = say("actions.no_change", head=head, noun=noun, unseen=unseen)
        return _opened(blocks.finding(sentence, [step], "no change", **marks), action, story)
    ratio = row["unit"] == "ratio"
    rose = row["value"] > ratio
    size = figure_of(step) if ratio else write_step(*row[["unit", "value", "low", "high"]])
    beside = ("actions.beside_ratio" if ratio else "actions.beside") if row["compared"] else "actions.unsure"
    kind = "ratio" if ratio else "higher" if rose else "lower"
    sentence = say(f"actions.{kind}", head=head, noun=noun, size=size, beside=say(beside))
    return _opened(blocks.finding(sentence, [step], "rose" if rose else "fell", **marks), action, story)


def _opened(told: blocks.Block, action: Action, story: Story) -> blocks.Block:
    """A sentence about a theme with the call that opens the texts of those whom the action touched."""
    (outcome,) = action.expects
    if outcome not in story.themes.names:
        return told
    group = " and ".join(f"{column} = {json.dumps(value)}" for column, value in action.group.items())
    return opened(told, Query(outcome, "negative", where=group, period="all"))


def _step_of(row: pd.Series, said: bool) -> Estimate:
    """The step as an estimate: points of a share or score, or how many times as long."""
    value, low, high = row[["value", "low", "high"]] * factor_of(row["unit"])
    unit = {"share": "points", "ratio": "times"}.get(row["unit"], row["unit"])
    return Estimate(value, low, high, int(row["people"]), unit, SAID if said else OBSERVED)
