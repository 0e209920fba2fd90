"""After what customers leave more often: by hand, in planted worlds, in worlds in which nothing goes on."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from analytics.measures.discoveries import control_false_discoveries
from analytics.measures.leaving.features import build_customer_features, choose_cutoffs
from analytics.measures.leaving.ratios import HANDLE_TIME, leaving_ratios
from analytics.tables.schema import NotMeasured

NAMES = ["perception_complaints_90d", "operations_reopens_90d", "operations_transfers_90d", "perception_disputed"]


def world(seed, ratio=1.0, customers=4_000, cutoffs=3, base=0.025):
    """Customers at some cut-offs; those whose case came back leave `ratio` times as often, all else is chance."""
    rng = np.random.default_rng(seed)
    n = customers * cutoffs
    features = pd.DataFrame({name: rng.poisson(0.15, n).astype(float) for name in NAMES})
    features["operations_transfers_90d"] += rng.binomial(1, 0.5, n) * features["operations_reopens_90d"]
    features["operations_contacts"] = features[NAMES[1:3]].sum(axis=1) + rng.poisson(0.5, n)
    features["perception_nps"] = np.where(rng.random(n) < 0.3, rng.integers(0, 11, n), np.nan)
    features[HANDLE_TIME] = np.where(features["operations_contacts"] > 0, rng.lognormal(6, 0.5, n), np.nan)
    features["account_segment"] = rng.choice(["home", "business"], n)
    features["customer_id"] = np.tile(np.arange(customers), cutoffs).astype(str)
    features["cutoff"] = np.repeat(pd.date_range("2026-01-01", periods=cutoffs, freq="90D", tz="UTC"), customers)
    chance = base * np.where(features["operations_reopens_90d"] > 0, ratio, 1.0)
    return features.assign(left_within=rng.random(n) < chance)


def test_a_ratio_by_hand_and_the_leavers_more():
    """One stratum: 30 of 100 left after it, 20 of 200 without; Firth adds half a leaver to each."""
    frame = pd.DataFrame({"perception_complaints_90d": np.repeat([1.0, 0.0], [100, 200])})
    frame["left_within"] = np.r_[np.arange(100) < 30, np.arange(200) < 20]
    frame["customer_id"], frame["cutoff"] = np.arange(300).astype(str), pd.Timestamp("2026-01-01", tz="UTC")
    row = leaving_ratios(frame).iloc[0]
    assert (row["event"], row["value"], row["left"]) == (
        "perception_complaints",
        pytest.approx(30.5 / 100 / (20.5 / 200)),
        30,
    )
    gone, n = np.array([30.5, 20.5]), np.array([100, 200])
    for bound in (row["low"], row["high"]):  # where the profile of the likelihood has fallen by so much
        expected = n * [bound, 1] * gone.sum() / (n @ [bound, 1])
        assert 2 * gone @ np.log(gone / expected) == pytest.approx(1.959964**2, rel=0.03)
    months = 90 / (365.25 / 12)
    assert row["more"] == pytest.approx((30 - 30 / row["value"]) / months) and row["touched"] == pytest.approx(
        100 / months
    )
    assert row["more_low"] == pytest.approx(30 * (1 - 1 / row["low"]) / months)


def test_one_planted_cause_is_told_in_most_worlds_of_three_hundred_leavers_and_alone():
    """What goes with it (being passed on) is not told in its place."""
    told, others, held = [], [], []
    for seed in range(40):
        table = leaving_ratios(world(seed, ratio=2.0, base=0.022))
        stands = control_false_discoveries(table["p_value"]) & (table["value"] > 1)
        names = set(table.loc[stands, "event"])
        told.append("operations_reopens" in names)
        others.append(len(names - {"operations_reopens"}))
        planted = table.set_index("event").loc["operations_reopens"]
        held.append(planted["low"] <= 2 <= planted["high"])
    assert np.mean(told) >= 0.9
    assert np.sum(others) <= 4
    assert np.mean(held) >= 0.875


def test_where_nothing_goes_on_hardly_any_world_tells_anything():
    false = [control_false_discoveries(leaving_ratios(world(100 + seed))["p_value"]).any() for seed in range(60)]
    assert np.mean(false) <= 0.08  # 5 % and the chance of 60 worlds


def test_a_rare_thing_is_as_seldom_unusual_as_its_p_value_says_with_many_leavers_and_with_few():
    """Of 220 to whom it happened five leave by chance: the error of the logarithm alone makes 14 ten times rarer."""
    for left in (0, 14, 17):
        frame = pd.DataFrame({"perception_complaints_90d": np.repeat([1.0, 0.0], [220, 40_000])})
        frame["left_within"] = np.r_[np.arange(220) < left, np.arange(40_000) < 1_000]
        frame["customer_id"], frame["cutoff"] = np.arange(40_220).astype(str), pd.Timestamp("2026-01-01", tz="UTC")
        tail = binom.cdf(left, 220, 0.025) if left < 5 else binom.sf(left - 1, 220, 0.025)
        assert 0.5 < leaving_ratios(frame)["p_value"].item() / (2 * tail) < 2


def test_an_event_without_a_leaver_after_it_has_a_ratio_above_nought():
    frame = world(1)
    frame.loc[frame["perception_complaints_90d"] > 0, "left_within"] = False
    row = leaving_ratios(frame).set_index("event").loc["perception_complaints"]
    assert row["value"] < 0.3 and 0 < row["low"] and row["high"] < 2


def test_row_order_does_not_matter():
    frame = world(2)
    one, two = (leaving_ratios(f) for f in (frame, frame.sample(frac=1, random_state=0)))
    pd.testing.assert_frame_equal(one, two)


def test_the_planted_causes_of_the_demo_are_told_and_handle_time_is_not(demo):
    tables, _ = demo
    features = build_customer_features(tables, choose_cutoffs(tables, most=5))
    table = leaving_ratios(features).set_index("event")
    assert table.index[0] in {"operations_reopens", "perception_complaints"}
    for cause in ("operations_reopens", "perception_complaints", "operations_gesture_without_fix"):
        assert table.loc[cause, "low"] > 1, cause
    assert abs(np.log(table.loc[HANDLE_TIME, "value"])) < 0.15


def test_nobody_left_or_nothing_recorded_is_not_measured():
    frame = world(3)
    for change in ({"left_within": False}, dict.fromkeys(NAMES + [HANDLE_TIME, "perception_nps"], 0.0)):
        with pytest.raises(NotMeasured, match="nothing recorded of enough customers, or no leaver"):
            leaving_ratios(frame.assign(**change).drop(columns=[] if "left_within" in change else ["perception_nps"]))
