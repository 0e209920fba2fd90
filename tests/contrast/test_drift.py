"""Cost against perception: no good news from cost, no alarm without a fall in perception, 'cannot tell' when short."""

import numpy as np
import pandas as pd
import pytest

from analytics.contrast.drift import (
    CANNOT_TELL,
    NO_CHANGE,
    PERCEPTION_FELL,
    PERCEPTION_ROSE,
    RACE,
    _change,
    find_drift,
)
from analytics.report.explanation import _drift_sentence
from analytics.tables.schema import NotMeasured

POSITIVE = ("improv", "better", "good", "great", "success", "satisfied customers: rose", "benefit", "efficien")


def operation(cost: float, felt: float, months: int = 24, seed: int = 0, each: int = 150) -> pd.DataFrame:
    """Cases whose handle time changes by `cost` (relative) and whose share of satisfied customers changes by `felt`."""
    rng = np.random.default_rng(seed)
    month = np.repeat(np.arange(months), each)
    started = pd.to_datetime("2023-01-15") + pd.to_timedelta(month * 30.4, unit="D")
    along = month / (months - 1)
    happy = rng.random(len(month)) < 0.6 + felt * (along - 0.5)
    seconds = rng.gamma(9, 300 / 9, len(month)) * (1 + cost * along)
    return pd.DataFrame({"started_at": started, "handle_time_s": seconds, "csat": np.where(happy, 5.0, 2.0)})


def test_handle_time_improves_and_perception_is_flat_gives_no_positive_sentence():
    for seed in range(5):
        drift = find_drift(operation(cost=-0.2, felt=0.0, seed=seed))
        assert drift.word == NO_CHANGE
        assert drift.cost_change.high < 0
        sentence = _drift_sentence(drift, "satisfied customers", "handle time per contact", "month")
        assert sentence.startswith("Satisfied customers: no change is shown")
        assert not any(word in sentence.lower() for word in POSITIVE)


def test_handle_time_worsens_and_perception_rises_gives_no_alarm():
    drift = find_drift(operation(cost=0.25, felt=0.3))
    assert drift.word == PERCEPTION_ROSE
    assert drift.cost_change.low > 0
    assert "bottom" not in _drift_sentence(drift, "satisfied customers", "handle time per contact", "month")


def test_both_falling_is_the_slow_race_to_the_bottom():
    drift = find_drift(operation(cost=-0.2, felt=-0.3))
    assert drift.word == RACE
    assert drift.perception_change.high < 0 and drift.perception_change.source == "said by customers"


def test_perception_falling_without_cost_is_not_a_race():
    drift = find_drift(operation(cost=0.0, felt=-0.35))
    assert drift.word == PERCEPTION_FELL


def test_a_short_series_cannot_tell():
    drift = find_drift(operation(cost=-0.4, felt=-0.5, months=23))
    assert drift.word == CANNOT_TELL
    assert _drift_sentence(drift, "satisfied customers", "handle time per contact", "month") == (
        "How satisfied customers and handle time per contact move is not known: "
        "24 months are needed, 23 are measured so far."
    )
    assert np.isnan(drift.p_value)


def test_a_step_is_measured_exactly():
    assert _change(np.r_[np.full(12, 10.0), np.full(12, 8.0)], 0.95)[0] == pytest.approx(-2.0)


@pytest.mark.parametrize("way", ["flat", "line", "bend", "wave"])
def test_the_interval_of_a_change_holds_it_whatever_the_way(way):
    t, rng = np.linspace(0, 1, 26), np.random.default_rng(5)
    level = {"flat": 0 * t, "line": -8 * t, "bend": -80 * np.maximum(t - 0.77, 0), "wave": 3 * np.sin(2 * np.pi * t)}[
        way
    ]
    true = level[-12:].mean() - level[:12].mean()
    hits = 0
    for _ in range(600):
        change, low, high, p_value = _change(70 + level + rng.normal(0, 2, 26), 0.95)
        hits += low <= true <= high
        assert (p_value > 0.05) == (low <= 0 <= high), "the test and the interval agree"
        assert low < change < high
    assert 0.92 <= hits / 600 <= 0.99


def test_a_race_that_customers_felt_only_lately_is_told():
    cases = operation(cost=-0.25, felt=0.0, months=26, each=480)
    month = (cases["started_at"] - cases["started_at"].min()).dt.days / 30.4
    unhappy = np.random.default_rng(1).random(len(cases)) < 0.2 * np.clip((month - 19) / 6, 0, 1)
    assert find_drift(cases.assign(csat=cases["csat"].where(~unhappy, 1.0)), confidence=0.999).word == RACE


def test_what_is_not_measured_is_said_and_internal_scores_are_refused():
    cases = operation(0, 0)
    with pytest.raises(NotMeasured, match="no column cost"):
        find_drift(cases, "cost")
    with pytest.raises(ValueError, match="perception 'qa_score' is no score that customers give"):
        find_drift(cases, perception="qa_score")


def test_the_demos_handle_time_falls_while_perception_does_not_follow(demo, demo_cases):
    drift = find_drift(demo_cases)
    halves = 1 + demo[1].handle_time_change * np.arange(24).reshape(2, 12).mean(axis=1) / 23  # of two years
    assert not drift.cost_change.excludes(halves[1] / halves[0] - 1)
    assert drift.word == NO_CHANGE
