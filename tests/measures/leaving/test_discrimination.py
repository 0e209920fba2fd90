"""The figures of a risk against values by hand and scikit-learn's, and the coverage of their intervals."""

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import roc_auc_score

from analytics.measures.leaving.discrimination import calibration_table, compare_auc, evaluate_risk


def some_risks(n=3_000, seed=0, decimals=2):
    rng = np.random.default_rng(seed)
    left = rng.random(n) < 0.1
    return left, np.clip(rng.normal(0.1 + 0.05 * left, 0.05), 0, 1).round(decimals)


def test_auc_equals_scikit_learns_with_ties():
    left, risk = some_risks()
    assert evaluate_risk(left, risk)["auc"].value == pytest.approx(roc_auc_score(left, risk))


def test_delongs_interval_by_hand():
    """Leavers beat 2, 1 and 1 of 2 stayers: mean 2/3, variance 1/12; stayers lie below 3 and 1 of 3: variance 2/9."""
    left, risk = np.array([1, 1, 1, 0, 0], bool), np.array([0.9, 0.5, 0.4, 0.3, 0.6])
    auc = evaluate_risk(left, risk)["auc"]
    half = t.ppf(0.975, 1) * np.sqrt(1 / 12 / 3 + 2 / 9 / 2)
    assert (auc.value, auc.low, auc.high) == pytest.approx((2 / 3, max(2 / 3 - half, 0), min(2 / 3 + half, 1)))


def test_lift_by_hand_and_ties_at_the_edge_count_in_proportion():
    """Twenty customers, four left. The two with the highest risk both left: (2/4) / 0.1 = 5."""
    left = np.zeros(20, bool)
    left[[0, 1, 5, 9]] = True
    assert evaluate_risk(left, np.linspace(0.95, 0.0, 20))["top_decile_lift"].value == pytest.approx(5)
    tied = np.where(np.arange(20) < 4, 0.9, 0.1)  # two of these four have room, two of them left
    assert evaluate_risk(left, tied)["top_decile_lift"].value == pytest.approx(1 / 4 / 0.1)


def some_outcomes(rng, n, base):
    risk = 1 / (1 + np.exp(-rng.normal(np.log(base / (1 - base)), 0.8, n)))
    return risk, rng.random(n)


@pytest.mark.parametrize(("n", "base"), [(500, 0.05), (1_000, 0.1), (5_000, 0.02)])
def test_a_perfect_model_passes_the_calibration_error_and_one_off_by_half_does_not(n, base):
    rng = np.random.default_rng(n)
    passed, caught, held = [], [], []
    for _ in range(150):
        risk, draw = some_outcomes(rng, n, base)
        passed.append(evaluate_risk(draw < risk, risk)["calibration_error"].low == 0)
        error = evaluate_risk(draw < 2 * risk, risk)["calibration_error"]
        groups = np.array_split(np.sort(risk), 10)
        truth = np.sqrt(np.mean([np.minimum(group, 1 - group).mean() ** 2 for group in groups]))
        held.append(error.low <= truth <= error.high)
        caught.append(error.low > 0)
    assert np.mean(passed) >= 0.95
    assert np.mean(held) >= 0.92
    assert np.mean(caught) >= (0.9 if n * base >= 50 else 0.7)


def test_a_perfect_and_a_constant_risk():
    left = np.array([True, False] * 50)
    assert evaluate_risk(left, left.astype(float))["auc"].value == 1
    same = evaluate_risk(left, np.full(100, 0.5))
    assert same["auc"].value == 0.5
    assert same["top_decile_lift"].value == pytest.approx(1)
    assert same["calibration_error"].value == pytest.approx(0)


def test_the_difference_of_a_risk_with_itself_is_nought_and_it_is_antisymmetric():
    left, risk = some_risks()
    other = risk[::-1].copy()
    gain, auc = compare_auc(left, risk, risk)
    assert gain.high == 0
    assert auc == evaluate_risk(left, risk)["auc"]
    one, two = compare_auc(left, risk, other)[0], compare_auc(left, other, risk)[0]
    assert (one.value, one.low) == pytest.approx((-two.value, -two.high))


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """The AUC of two normal samples a standard deviation apart is Phi(1 / sqrt 2) = .760."""
    held = []
    for seed in range(120):
        rng = np.random.default_rng(1_000 + seed)
        left = rng.random(400) < 0.25
        held.append(not evaluate_risk(left, rng.normal(left, 1))["auc"].excludes(0.760))
    assert 0.89 <= np.mean(held) <= 0.99


def test_the_calibration_table_counts_everybody_in_order_of_risk():
    left, risk = some_risks(n=1_005)
    table = calibration_table(left, risk)
    assert table["n"].sum() == 1_005
    assert table["predicted"].is_monotonic_increasing
    assert (table["value"] * table["n"]).sum() == pytest.approx(left.sum())


def test_without_leavers_nothing_can_be_judged():
    with pytest.raises(ValueError, match="nobody left, or nobody stayed"):
        evaluate_risk(np.zeros(10), np.linspace(0, 1, 10))
