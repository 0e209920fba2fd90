"""Every test whose result a report may tell, made once, under one rate of false findings.

Facts only: the sections read them here and word them. A test that is told without standing here is a fault.
"""

import functools
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact, norm

from analytics.contrast.problems import OPEN_SHARE
from analytics.contrast.signals import CHANCE, Change, Signals
from analytics.measures.actions import score_actions
from analytics.measures.discoveries import control_false_discoveries
from analytics.measures.intervals import z_score
from analytics.measures.leaving import leavers, ratios
from analytics.measures.leaving.features import HORIZON_DAYS
from analytics.measures.promises import Verdict, score_promises
from analytics.measures.recovery import Recovery, score_recovery
from analytics.measures.suppress import count_people
from analytics.report import movement
from analytics.report.retest import figures_of, last_claims, retest
from analytics.report.score import DISPUTED, Score
from analytics.report.story import Story
from analytics.report.study import Study
from analytics.tables.schema import NotMeasured, require

COMPLAINTS = "complaints"  # the number of them, among the series that may move
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
def actions(story: Story) -> pd.DataFrame:
    """Every declared action with what became of it, as known at the period's end."""
    comments = story.comments if story.has_texts else None
    return score_actions(story.tables, story.config, comments, story.period.end)


def _of_actions(story: Story) -> pd.Series:
    p: pd.Series = actions(story)["p_value"]
    return p


@once
def promises(story: Story) -> pd.DataFrame:
    """Each promise as it came due in the period (`score_promises`), its verdicts not yet counted among all tests."""
    declared, since = story.config.promises, story.period.start
    if not declared:
        raise NotMeasured("no promise is declared", needed_for="promises")
    comments = story.comments if story.has_texts else None
    return score_promises(declared, story.tables, story.cases, comments, story.confidence, since)


def promise_verdicts(story: Story) -> pd.DataFrame:
    """As `promises`, with the verdicts that stand when all tests of the report are counted."""
    scored: pd.DataFrame = promises(story)
    standing = {
        f"{side}_verdict": scored[f"{side}_verdict"].where(scored[f"{side}_p"] <= cut(story), Verdict.UNKNOWN)
        for side in ("records", "view")
    }
    return scored.assign(**standing)


def _of_promises(story: Story) -> pd.Series:
    told = pd.DataFrame(promises(story)).drop_duplicates("promise")
    return pd.Series(told[["records_p", "view_p"]].to_numpy(float).ravel())


@once
def recovery(story: Story) -> Recovery:
    """Remedy, gestures and what followed, in whole steps of the smallest group."""
    return score_recovery(story.tables, story.period.end, story.confidence, step=story.k)


def _of_recovery(story: Story) -> pd.Series:
    return pd.Series([compared.p_value for compared in recovery(story).leaving[:1]], dtype=float)


@once
def leaving_study(story: Story) -> Study:
    """What is known of customers at past cut-offs, and the model of leaving."""
    return Study(story)


@once
def leaving_ratios(story: Story) -> pd.DataFrame:
    """How many times as often customers leave after each thing that happened to `k` people or more."""
    table = ratios.leaving_ratios(leaving_study(story).features, story.confidence)
    table = table[table["people"] >= story.k].reset_index(drop=True)
    if table.empty:
        raise NotMeasured("nothing recorded of enough customers", needed_for="leaving after something")
    return table


@once
def silent_leavers(story: Story) -> leavers.SilentLeavers:
    """Leavers of the last 90 days who had not spoken in the year before they left."""
    end = story.period.end
    return leavers.estimate_silent_leavers(story.tables, start=end - pd.Timedelta(days=HORIZON_DAYS), end=end)


def _of_leaving(story: Story) -> pd.Series:
    p: pd.Series = leaving_ratios(story)["p_value"]
    return p


def _of_silence(story: Story) -> pd.Series:
    return pd.Series([silent_leavers(story).p_value])


@once
def movements(story: Story) -> dict[str, Signals]:
    """Whether each score, the share of unhappy answers and the number of complaints moved, before other tests count."""
    scores = movement.shown_scores(story)
    watched = [*scores, *(movement.not_unhappy(lead) for lead in scores[:1] if lead is not DISPUTED)]
    signals = {score.name: movement.measure_movement(story, score) for score in watched}
    return signals | ({COMPLAINTS: counts} if (counts := movement.count_complaints(story)) is not None else {})


def moved(story: Story, score: Score) -> Signals:
    """What may be said about a score's movement when all tests of the report are counted."""
    return movement.measure_movement(story, score, min(CHANCE, bar(story)))


def apart(story: Story, score: Score) -> dict[int, Change]:
    """The earlier periods, by how many back, from which a score's latest figure differs when all tests are counted."""
    against = movements(story)[score.name].against
    return {back: change for back, change in against.items() if change.p_value <= cut(story)}


def _of_movement(story: Story) -> pd.Series:
    """P-values of each series against its past, and of each score against single earlier periods."""
    signals = movements(story).values()
    return pd.Series([p for s in signals for p in (s.p_value, *(c.p_value for c in s.against.values()))], dtype=float)


def _of_last_claims(story: Story) -> pd.Series:
    """P-values of the last report's figures against this period's."""
    last = last_claims(story)
    p = retest(last[1], figures_of(story))["p_value"] if last is not None else pd.Series(dtype=float)
    return pd.to_numeric(p)


# ---- what customers blame and thank for ------------------------------------------------------------------------------


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
    praised = themes.map(lambda tags: [str(tag) for tag in tags if getattr(tag, "polarity", "") == "positive"])
    return now.assign(themes=themes, praised=praised)


@once
def blame(story: Story) -> pd.Series:
    """P-value of each theme's share above `OPEN_SHARE`, by the interval of `Story.problem_table`; index theme."""
    table = story.problem_table.set_index("theme")
    angle = np.arcsin(np.sqrt(table[["value", "low"]].astype(float).clip(0, 1)))
    error = (angle["value"] - angle["low"]) / z_score(story.confidence)
    above = (angle["value"] - np.arcsin(np.sqrt(OPEN_SHARE))) / error.where(error > 0)
    return pd.Series(norm.sf(above), table.index)


@once
def thanks_by_team(story: Story) -> pd.DataFrame:
    """How many texts about each team's cases give thanks for anything, beside all others'.

    Index team; thanked, texts, others_thanked, others, people (customers who wrote), p_value (Fisher's exact test).
    """
    texts = require(voices(story), ["case_id"], "which team is thanked").dropna(subset="case_id")
    cases = require(story.cases, ["team"], "which team is thanked").drop_duplicates("case_id")
    texts = texts.assign(
        team=texts["case_id"].map(cases.set_index("case_id")["team"]), thanks=texts["praised"].map(bool)
    )
    groups = texts.dropna(subset="team").groupby("team")
    table = groups["thanks"].agg(thanked="sum", texts="size")
    table["people"] = [count_people(part) for _, part in groups]
    table = table[table["people"] >= story.k]
    table["others_thanked"] = table["thanked"].sum() - table["thanked"]
    table["others"] = table["texts"].sum() - table["texts"]
    cells = table.assign(rest=table["texts"] - table["thanked"], others_rest=table["others"] - table["others_thanked"])
    squares = cells[["thanked", "rest", "others_thanked", "others_rest"]].to_numpy().reshape(-1, 2, 2)
    return cast("pd.DataFrame", table.assign(p_value=[float(fisher_exact(s, "greater")[1]) for s in squares]))


def _team_tests(story: Story) -> pd.Series:
    return cast("pd.Series", thanks_by_team(story)["p_value"])


TESTS: tuple[Callable[[Story], pd.Series], ...] = (
    _of_actions,
    _of_promises,
    _of_recovery,
    _of_leaving,
    _of_silence,
    _of_movement,
    _of_last_claims,
    blame,
    _team_tests,
)  # each gives the p-values of one kind of test, all of them


@once
def _every(story: Story) -> pd.Series:
    """P-values of all tests of the report."""
    return pd.concat([_p_values(story, test) for test in TESTS], ignore_index=True)


@once
def cut(story: Story) -> float:
    """Largest p-value that stands when all tests of the report are counted (Benjamini-Hochberg); 0 where none does."""
    standing = _every(story)[control_false_discoveries(_every(story), RATE)]
    return float(standing.max()) if len(standing) else 0.0


def bar(story: Story) -> float:
    """The p-value that one finding more would need to stand: every test that stands lies at or under it, none other."""
    every = _every(story)
    return RATE * (int((every <= cut(story)).sum()) + 1) / max(len(every), 1)


def _p_values(story: Story, test: Callable[[Story], pd.Series]) -> pd.Series:
    try:
        return test(story).dropna().astype(float)
    except NotMeasured:
        return pd.Series(dtype=float)
