"""The four figures of a risk against values by hand and scikit-learn's, and the coverage of their intervals."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from analytics.measures.leaving.discrimination import calibration_table, compare_auc, evaluate_risk


def some_risks(n=3_000, seed=0, decimals=2):
    rng = np.random.default_rng(seed)
    left = rng.random(n) < 0.1
    return left, np.clip(rng.normal(0.1 + 0.05 * left, 0.05), 0, 1).round(decimals)


def test_auc_and_average_precision_equal_scikit_learns_with_ties():
    left, risk = some_risks()
    figures = evaluate_risk(left, risk)
    assert figures["auc"].value == pytest.approx(roc_auc_score(left, risk))
    assert figures["average_precision"].value == pytest.approx(average_precision_score(left, risk))


def test_lift_and_calibration_error_by_hand():
    """Twenty customers, four left. The two with the highest risk both left: (2/4) / 0.1 = 5."""
    left = np.zeros(20)
    left[[0, 1, 5, 9]] = 1
    risk = np.linspace(0.95, 0.0, 20)
    figures = evaluate_risk(left, risk)
    assert figures["top_decile_lift"].value == pytest.approx(5)
    pairs = risk.reshape(10, 2).sum(axis=1) - left.reshape(10, 2).sum(axis=1)
    assert figures["calibration_error"].value == pytest.approx(np.abs(pairs).sum() / 20)


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
