"""What we changed: planted steps are noticed, null actions are not, and what cannot be told says so."""

import numpy as np
import pandas as pd
import pytest

from analytics.config import Action, Config, Organisation, Source
from analytics.measures.actions import Verdict, score_actions
from analytics.tables.schema import Tables

SEEDS = range(20)
FOR = {"for": {"team": "Billing"}}


def _config(**action: object) -> Config:
    given = {"id": "slots", "what": "Booked slots", "on": "2025-11-01", "expects": {"csat": "up"}} | action
    organisation = Organisation(name="Acme", timezone="UTC")
    return Config(organisation=organisation, sources={"surveys": Source(path="s.csv")}, actions=[Action(**given)])


def _surveys(seed: int, step: float, months: int = 18, monthly: int = 150, common: float = 0.0) -> Tables:
    """Answers of two teams; from November 2025 on Billing's satisfaction rises by `step`, everybody's by `common`."""
    draw = np.random.default_rng(seed)
    rows, wobble = [], 0.0
    for month in pd.period_range("2025-01", periods=months, freq="M"):
        wobble = 0.3 * wobble + draw.normal(0, 0.02)
        later = month >= pd.Period("2025-11", "M")
        for team in ("Billing", "Repair"):
            chance = 0.6 + wobble * (team == "Billing") + common * later + step * (later and team == "Billing")
            happy = draw.random(monthly) < chance
            days = month.start_time + pd.to_timedelta(draw.integers(0, 28, monthly), "D")
            rows.append(pd.DataFrame({"responded_at": days, "team": team, "csat": np.where(happy, 5.0, 2.0)}))
    surveys = pd.concat(rows, ignore_index=True)
    surveys["responded_at"] = surveys["responded_at"].dt.tz_localize("UTC")
    surveys["customer_id"] = surveys["response_id"] = "c" + surveys.index.astype("str")
    return Tables(surveys=surveys)


def _verdicts(step: float, common: float = 0.0, **action: object) -> list[str]:
    return [score_actions(_surveys(seed, step, common=common), _config(**action))["verdict"].iloc[0] for seed in SEEDS]


def test_an_action_that_worked_is_noticed_and_one_that_did_not_is_not():
    assert np.mean([v == Verdict.NOTICED for v in _verdicts(0.15, **FOR)]) >= 0.9
    assert np.mean([v != Verdict.NOT_SHOWN for v in _verdicts(0.0, **FOR)]) <= 0.1


def test_what_happened_to_everybody_is_not_the_action():
    assert np.mean([v == Verdict.NOT_SHOWN for v in _verdicts(0.0, common=0.15, **FOR)]) >= 0.9


def test_the_interval_holds_the_planted_step():
    scored = [score_actions(_surveys(seed, 0.1), _config(**FOR)).iloc[0] for seed in SEEDS]
    assert np.mean([row["low"] <= 0.1 <= row["high"] for row in scored]) >= 0.9
    assert all(row["compared"] and row["unit"] == "share" for row in scored)


def test_a_step_the_wrong_way_is_told_as_such():
    assert np.mean([v == Verdict.OPPOSITE for v in _verdicts(-0.15, **FOR)]) >= 0.9


def test_too_early_and_too_little_history_are_said():
    early = score_actions(_surveys(0, 0.2, months=11), _config(**FOR)).iloc[0]
    assert (early["verdict"], early["needed"]) == (Verdict.TOO_EARLY, 1)
    assert score_actions(_surveys(0, 0.2), _config(on="2025-04-01", **FOR))["verdict"].iloc[0] == Verdict.UNKNOWN


def test_leaving_and_clocks_are_judged_too():
    draw = np.random.default_rng(1)
    n = 4_000
    left = pd.to_datetime("2025-01-01", utc=True) + pd.to_timedelta(draw.integers(0, 900, n), "D")
    early = left < pd.Timestamp("2025-11-01", tz="UTC")
    leaves = draw.random(n) < np.where(early, 0.8, 0.2)
    ids = pd.Series(range(n)).astype("str")
    customers = pd.DataFrame({"customer_id": ids, "left_at": pd.Series(left).where(leaves)})
    contacts = pd.DataFrame({"contact_id": ids, "customer_id": ids, "started_at": left})
    hours = np.where(early, 30.0, 10.0) * draw.lognormal(0, 0.3, n)
    contacts["confirmed_at"] = contacts["started_at"] + pd.to_timedelta(hours, "h")
    tables = Tables(customers=customers, contacts=contacts)
    gone = score_actions(tables, _config(expects={"leaving": "down"})).iloc[0]
    assert gone["verdict"] == Verdict.NOTICED and gone["high"] < 0
    clock = score_actions(tables, _config(expects={"customer_clock_h": "down"})).iloc[0]
    assert clock["unit"] == "ratio" and 0.2 < clock["value"] < 0.5 and not clock["compared"]


@pytest.mark.parametrize("missing", [{"expects": {"nps": "up"}}, {"for": {"site": "Leeds"}}])
def test_what_is_not_recorded_is_unknown_and_no_fault(missing):
    assert score_actions(_surveys(0, 0.2), _config(**missing))["verdict"].iloc[0] == Verdict.UNKNOWN
