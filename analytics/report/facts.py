"""Facts that sections and the control of false findings (`tested`) both ask for: who was asked, who names what.

Made once for a story, without words, and before other tests count.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact, norm

from analytics.contrast.diagnosis import Problem
from analytics.contrast.problems import OPEN_SHARE
from analytics.contrast.signals import detect_group_signals
from analytics.measures.estimate import OBSERVED
from analytics.measures.intervals import z_score
from analytics.measures.invitations import InvitationAudit, audit_invitations
from analytics.measures.scores import share
from analytics.measures.summarise import summarise
from analytics.measures.suppress import count_people
from analytics.report.score import DISPUTED
from analytics.report.story import Story
from analytics.report.words import people_by
from analytics.tables.periods import period_of
from analytics.tables.schema import NotMeasured, require
from analytics.text.comments import thanked_for

RATE = 0.05  # share of false findings accepted among all that a report tells


def once(make: Callable[..., Any]) -> Callable[..., Any]:
    """Keep a fact with its story, also that it is not measured: two sections that ask for it get the same."""

    @functools.wraps(make)
    def kept(story: Story, *args: Any) -> Any:  # noqa: ANN401
        facts, key = story.facts, (make.__name__, *args)
        if key not in facts:
            try:
                facts[key] = make(story, *args)
            except NotMeasured as lack:
                facts[key] = lack
        if isinstance(facts[key], NotMeasured):
            raise facts[key]
        return facts[key]

    return kept


@once
def asked(story: Story, level: float = RATE) -> InvitationAudit:
    """Who was asked of the period's cases, and who answered."""
    return audit_invitations(story.tables, since=story.period.start, confidence=story.confidence, cut=level)


def people_of(story: Story, problem: Problem) -> int:
    """How many people the share of a problem rests on."""
    complaints = story.tables_now.complaints
    if problem.key == DISPUTED.column and complaints is not None:
        return count_people(complaints.dropna(subset=DISPUTED.column))
    return count_people(story.critical)


@once
def categories(story: Story) -> pd.DataFrame:
    """Share of each recorded category among the period's complaints, with its people, and the word of its movement."""
    complaints = require(story.tables.complaints, ["category", "received_at"], "complaints by category")
    rows = complaints.assign(period=period_of(complaints["received_at"], story.period.frequency))
    rows = rows[rows["period"].isin(story.history) & rows["category"].notna()]
    now = rows[rows["period"] == story.period.name]
    if len(now) < story.k or complaints["category"].nunique() < 2:
        raise NotMeasured("complaints of several categories", needed_for="complaints by category")
    ours, names = functools.partial(share, source=OBSERVED), rows["category"].unique()
    inside = pd.concat([rows.assign(category=name, inside=rows["category"].eq(name)) for name in names])
    shares = summarise(inside, ours, ["category", "period"], column="inside", confidence=story.confidence)
    movement = detect_group_signals(shares, ["category"]).drop(columns=["rule", "unseen"])
    latest = shares[shares["period"] == story.period.name].merge(movement, on="category")
    return latest.assign(people=latest["category"].map(people_by(now, "category")).fillna(0))


@once
def voices(story: Story) -> pd.DataFrame:
    """The period's readable texts of all who wrote, whatever their mark, with the themes each gives thanks for.

    From complaints and surveys, or from contacts where there are neither; `praised` is read by the accurate heads
    where these read every text of the period (`story.closely`), else as the history was.
    """
    now = story.current[story.current["sentiment"].ne("unknown")]
    if story.comments["source"].ne("contacts").any():
        now = now[now["source"].ne("contacts")]
    if now.empty:
        raise NotMeasured(f"nobody wrote anything readable in {story.period.label}", needed_for="what they thank for")
    themes = story.closely.reindex(now.index) if len(story.closely) else now["themes"]
    return now.assign(themes=themes, praised=themes.map(thanked_for))


@once
def blame(story: Story) -> pd.DataFrame:
    """P-values of each theme's share by the interval of `Story.problem_table`: `above` and `below` `OPEN_SHARE`."""
    table = story.problem_table.set_index("theme")
    angle = np.arcsin(np.sqrt(table[["value", "low", "high"]].astype(float).clip(0, 1)))
    gap, z = angle["value"] - np.arcsin(np.sqrt(OPEN_SHARE)), z_score(story.confidence)
    ends = {"above": (angle["value"] - angle["low"]) / z, "below": (angle["high"] - angle["value"]) / z}
    errors = pd.DataFrame({side: error.where(error > 0) for side, error in ends.items()})
    above, below = norm.sf(gap / errors["above"]), norm.cdf(gap / errors["below"])
    return pd.DataFrame({"above": above, "below": below}, table.index)


@once
def thanks_by_team(story: Story) -> pd.DataFrame:
    """How many texts about each team's cases give thanks for anything, beside all others'.

    Index team; thanked, texts, others_thanked, others, people (customers who wrote), p_value (Fisher's exact test).
    """
    texts = require(voices(story), ["case_id"], "which team is thanked").dropna(subset="case_id")
    cases = require(story.cases, ["team"], "which team is thanked").drop_duplicates("case_id")
    teams, thanks = texts["case_id"].map(cases.set_index("case_id")["team"]), texts["praised"].map(bool)
    groups = texts.assign(team=teams, thanks=thanks).dropna(subset="team").groupby("team")
    table = pd.DataFrame(groups["thanks"].agg(thanked="sum", texts="size"))
    table["people"] = [count_people(part) for _, part in groups]
    table = table[table["people"] >= story.k]
    table["others_thanked"] = table["thanked"].sum() - table["thanked"]
    table["others"] = table["texts"].sum() - table["texts"]
    cells = table.assign(rest=table["texts"] - table["thanked"], others_rest=table["others"] - table["others_thanked"])
    squares = cells[["thanked", "rest", "others_thanked", "others_rest"]].to_numpy().reshape(-1, 2, 2)
    return table.assign(p_value=[float(fisher_exact(s, "greater")[1]) for s in squares])
