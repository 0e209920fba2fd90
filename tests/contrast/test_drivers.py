import io
import itertools

import numpy as np
import pandas as pd
import pytest

from analytics.contrast.drivers import BETWEEN, WITHIN, rank_drivers
from analytics.contrast.importance import johnson_weights, lmg_shares, sample_orders, sequential_shares

# Swiss fertility and socioeconomic indicators, 47 provinces, 1888: Mosteller & Tukey (1977), data set `swiss` of R.
SWISS = """Fertility,Agriculture,Examination,Education,Catholic,Infant.Mortality
80.2,17.0,15,12,9.96,22.2\n83.1,45.1,6,9,84.84,22.2\n92.5,39.7,5,5,93.40,20.2\n85.8,36.5,12,7,33.77,20.3
76.9,43.5,17,15,5.16,20.6\n76.1,35.3,9,7,90.57,26.6\n83.8,70.2,16,7,92.85,23.6\n92.4,67.8,14,8,97.16,24.9
82.4,53.3,12,7,97.67,21.0\n82.9,45.2,16,13,91.38,24.4\n87.1,64.5,14,6,98.61,24.5\n64.1,62.0,21,12,8.52,16.5
66.9,67.5,14,7,2.27,19.1\n68.9,60.7,19,12,4.43,22.7\n61.7,69.3,22,5,2.82,18.7\n68.3,72.6,18,2,24.20,21.2
71.7,34.0,17,8,3.30,20.0\n55.7,19.4,26,28,12.11,20.2\n54.3,15.2,31,20,2.15,10.8\n65.1,73.0,19,9,2.84,20.0
65.5,59.8,22,10,5.23,18.0\n65.0,55.1,14,3,4.52,22.4\n56.6,50.9,22,12,15.14,16.7\n57.4,54.1,20,6,4.20,15.3
72.5,71.2,12,1,2.40,21.0\n74.2,58.1,14,8,5.23,23.8\n72.0,63.5,6,3,2.56,18.0\n60.5,60.8,16,10,7.72,16.3
58.3,26.8,25,19,18.46,20.9\n65.4,49.5,15,8,6.10,22.5\n75.5,85.9,3,2,99.71,15.1\n69.3,84.9,7,6,99.68,19.8
77.3,89.7,5,2,100.00,18.3\n70.5,78.2,12,6,98.96,19.4\n79.4,64.9,7,3,98.22,20.2\n65.0,75.9,9,9,99.06,17.8
92.2,84.6,3,3,99.46,16.3\n79.3,63.1,13,13,96.83,18.1\n70.4,38.4,26,12,5.62,20.3\n65.7,7.7,29,11,13.79,20.5
72.7,16.7,22,13,11.22,18.9\n64.4,17.6,35,32,16.92,23.0\n77.6,37.6,15,7,4.97,20.0\n67.6,18.7,25,7,8.65,19.5
35.0,1.2,37,53,42.34,18.0\n44.7,46.6,16,29,50.43,18.2\n42.8,27.7,22,29,58.33,19.3
"""
ABC = list("abcdef")


@pytest.fixture(scope="module")
def swiss():
    return pd.read_csv(io.StringIO(SWISS))


def standing(ranked):
    """Tests that say that segments disagree: (driver, kind)."""
    tests = ranked.attrs["disagreements"]
    return set(tests.loc[tests["stands"], ["driver", "kind"]].itertuples(index=False, name=None))


def service(seed, n=1_000):
    """Scores 1 to 5 moved by `a` and by a rare mishap; b to f are noise, b with holes, `team` is noise in words."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 6)), columns=ABC)
    frame["mishap"] = rng.random(n) < 0.02
    frame["team"] = rng.choice(["north", "south", "west"], n)
    frame["csat"] = np.clip(np.round(4.2 - 3 * frame["mishap"] - 0.5 * frame["a"] + rng.normal(size=n)), 1, 5)
    frame.loc[rng.random(n) < 0.1, "b"] = np.nan
    frame["segment"] = rng.integers(0, 20, n).astype(str)
    return frame


def test_lmg_and_johnson_of_the_swiss_data_against_published_software(swiss):
    # LMG as R's relaimpo::calc.relimp gives it (Gromping 2006); Johnson (2000) weights by his equations
    ranked = rank_drivers(swiss, "Fertility", list(swiss.columns[1:]))
    names = ["Agriculture", "Examination", "Education", "Catholic", "Infant.Mortality"]
    lmg = dict(zip(names, [0.05709, 0.17117, 0.26013, 0.10557, 0.11277], strict=True))
    johnson = dict(zip(names, [0.04842, 0.15471, 0.27196, 0.11468, 0.11697], strict=True))
    assert ranked["lmg"].to_dict() == pytest.approx(lmg, abs=5e-6)
    assert ranked["johnson"].to_dict() == pytest.approx(johnson, abs=5e-6)
    assert ranked["lmg"].sum() == pytest.approx(0.70674, abs=5e-6)
    assert ranked["johnson"].sum() == pytest.approx(ranked.attrs["r2"])
    assert ranked.index[0] == "Education"
    assert ranked.loc["Education", "sign"] == -1
    assert (ranked["n"] == 47).all()
    assert ranked.attrs["outcome_scale"] == "as measured"


def r2(correlation, columns):
    columns = list(columns)
    r = correlation[columns, -1]
    return r @ np.linalg.solve(correlation[np.ix_(columns, columns)], r) if columns else 0.0


def test_lmg_is_the_mean_gain_over_all_orders():
    rng = np.random.default_rng(3)
    correlation = np.corrcoef((rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6))).T)
    groups = [np.array([0]), np.array([1, 2]), np.array([3]), np.array([4])]
    gains = np.zeros(4)
    orders = list(itertools.permutations(range(4)))
    for order in orders:
        seen = []
        for j in order:
            gains[j] += r2(correlation, [*seen, *groups[j]]) - r2(correlation, seen)
            seen += list(groups[j])
    assert lmg_shares(correlation, groups, rng) == pytest.approx(gains / len(orders))
    assert sequential_shares(correlation[None], groups, np.array(orders))[0] == pytest.approx(gains / len(orders))


def test_sampled_orders_come_close_to_all_subsets_at_twelve_drivers():
    rng = np.random.default_rng(5)
    correlation = np.corrcoef((rng.normal(size=(300, 13)) @ rng.normal(size=(13, 13))).T)
    groups = [np.array([j]) for j in range(12)]
    exact = lmg_shares(correlation, groups, rng)
    sampled = sequential_shares(correlation[None], groups, sample_orders(12, 500, rng))[0]
    assert exact.sum() == pytest.approx(r2(correlation, range(12)))
    assert sampled == pytest.approx(exact, abs=0.02)


def test_independent_drivers_get_their_squared_correlations():
    correlation = np.eye(4)
    correlation[:3, 3] = correlation[3, :3] = [0.6, -0.3, 0.0]
    groups = [np.array([j]) for j in range(3)]
    assert lmg_shares(correlation, groups, np.random.default_rng(0)) == pytest.approx([0.36, 0.09, 0])
    assert johnson_weights(correlation, groups) == pytest.approx([0.36, 0.09, 0])


def test_two_copies_share_what_one_would_have():
    frame = service(0)
    frame["again"] = frame["a"]
    one = rank_drivers(frame, "csat", ["a", "mishap"], bootstraps=20)
    two = rank_drivers(frame, "csat", ["a", "again", "mishap"], bootstraps=20)
    assert two.attrs["r2"] == pytest.approx(one.attrs["r2"])
    for weight in ("lmg", "johnson"):
        assert two.loc["a", weight] == pytest.approx(two.loc["again", weight])
        assert two.loc[["a", "again"], weight].sum() == pytest.approx(one.loc["a", weight], rel=0.02)


def test_what_moves_the_score_is_found_and_noise_is_not():
    alarms = 0
    for seed in range(20):
        ranked = rank_drivers(service(seed), "csat", [*ABC, "mishap", "team"], bootstraps=60)
        alarms += (ranked.loc[["b", "c", "d", "e", "f", "team"], "low"] > 0).any()
        assert ranked.loc["a", "sign"] == -1 and ranked.loc["a", "low"] > 0
        assert ranked.loc["mishap", "sign"] == -1 and ranked.loc["mishap", "low"] > 0  # 2 % rare, three points
    assert alarms <= 3  # one in twenty rankings is accepted


def test_intervals_hold_the_share_of_the_whole_population():
    population = service(99, n=200_000)
    truth = rank_drivers(population, "csat", ["a", "mishap", "c"], bootstraps=2)["lmg"]
    inside = 0
    for seed in range(60):
        ranked = rank_drivers(population.sample(800, random_state=seed), "csat", ["a", "mishap", "c"], bootstraps=60)
        strong = ["a", "mishap"]
        inside += ((ranked["low"] <= truth) & (truth <= ranked["high"]))[strong].all()
    assert inside / 60 >= 0.88


def test_missing_values_drop_neither_driver_nor_row():
    frame = service(1)
    frame["mishap"] = frame["mishap"].astype("boolean")
    frame.loc[0, "mishap"] = None
    frame.loc[:20, "team"] = None
    ranked = rank_drivers(frame, "csat", ["a", "b", "mishap", "team"], bootstraps=20)
    assert set(ranked.index) == {"a", "b", "mishap", "team"}
    assert ranked.attrs["rows"] == 1_000
    assert ranked.loc["b", "n"] == frame["b"].notna().sum()
    assert ranked.loc["mishap", "n"] == 999
    assert ranked.loc["team", "n"] == 979


def test_only_a_missing_outcome_leaves_a_row_out():
    frame = service(1)
    frame.loc[:99, "csat"] = np.nan
    assert rank_drivers(frame, "csat", ["a", "b"], bootstraps=5).attrs["rows"] == 900


def test_the_share_of_being_missing_is_not_the_driver_s():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"rating": rng.normal(size=900), "y": rng.normal(size=900)})
    frame.loc[:299, "rating"] = np.nan
    frame.loc[:299, "y"] -= 2
    ranked = rank_drivers(frame, "y", ["rating"], bootstraps=40)
    assert ranked.loc["rating", "low"] <= 0
    assert ranked.attrs["missing"] > 0.3
    assert ranked["lmg"].sum() + ranked.attrs["missing"] == pytest.approx(ranked.attrs["r2"])


def test_a_constant_driver_is_unknown_not_zero():
    ranked = rank_drivers(service(1).assign(flat=1), "csat", ["a", "flat"], bootstraps=5)
    assert ranked.loc["flat", ["lmg", "johnson", "low", "high"]].isna().all()
    assert ranked.index[-1] == "flat"


def test_an_outcome_that_never_varies_has_no_drivers():
    assert rank_drivers(service(1).assign(csat=5), "csat", ["a", "b"], bootstraps=5)["lmg"].isna().all()


def test_words_count_as_one_driver_without_a_direction():
    frame = service(2)
    frame["csat"] = frame["csat"] - 1.5 * (frame["team"] == "west")
    ranked = rank_drivers(frame, "csat", ["a", "team"], bootstraps=40)
    assert ranked.loc["team", "low"] > 0
    assert ranked.loc["team", "sign"] == 0


def test_a_value_that_one_row_holds_proves_nothing():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"csat": rng.choice([1, 5, 5, 5], 300), "shift": rng.choice(["day", "night"], 300)})
    frame.loc[frame["csat"].idxmin(), "shift"] = "split"
    frame["once"] = frame["shift"] == "split"
    ranked = rank_drivers(frame, "csat", ["shift", "once"], bootstraps=60)
    assert (ranked["low"] <= 0).all()


def test_many_values_of_a_word_are_gathered():
    frame = service(2).assign(agent=lambda f: (f.index % 40).astype(str))
    ranked = rank_drivers(frame, "csat", ["a", "agent"], bootstraps=20)
    assert ranked.loc["agent", "low"] <= 0


def test_an_ordinal_answer_counts_by_its_order_alone():
    frame = service(3)
    stretched = frame.assign(csat=frame["csat"].map({1: 0, 2: 1, 3: 5, 4: 6, 5: 10}))
    plain = rank_drivers(frame, "csat", ["a", "mishap", "c"], bootstraps=5)
    pd.testing.assert_frame_equal(plain, rank_drivers(stretched, "csat", ["a", "mishap", "c"], bootstraps=5))
    assert plain.attrs["outcome_scale"] == "ranks"


def test_the_same_call_gives_the_same_answer_and_changes_no_input():
    frame = service(4)
    before = frame.copy()
    first = rank_drivers(frame, "csat", ["a", "b", "team"], bootstraps=20)
    pd.testing.assert_frame_equal(first, rank_drivers(frame, "csat", ["a", "b", "team"], bootstraps=20))
    pd.testing.assert_frame_equal(frame, before)


def test_segments_that_agree_are_also_ranked_together():
    frame = service(5).assign(segment=lambda f: np.where(f.index % 2, "private", "business"))
    ranked = rank_drivers(frame, "csat", ["a", "mishap", "c"], by="segment", bootstraps=20)
    assert set(ranked.index.get_level_values("segment")) == {"all", "private", "business"}
    assert standing(ranked) == set()
    assert ranked.loc[("all", "a"), "n"] == 1_000


def test_segments_that_want_opposite_things_are_not_pooled():
    rng = np.random.default_rng(6)
    frame = pd.DataFrame(rng.normal(size=(800, 2)), columns=["speed", "care"]).assign(segment=["new", "loyal"] * 400)
    frame["y"] = np.where(frame["segment"] == "new", frame["speed"], -0.5 * frame["speed"]) + rng.normal(size=800)
    ranked = rank_drivers(frame, "y", ["speed", "care"], by="segment", bootstraps=40)
    assert "all" not in ranked.index.get_level_values("segment")
    assert ("speed", BETWEEN) in standing(ranked)
    assert ranked.loc[("new", "speed"), "sign"] == 1
    assert ranked.loc[("loyal", "speed"), "sign"] == -1


def test_simpson_s_paradox_refuses_the_pooled_ranking():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 3, 900)
    frame = pd.DataFrame({"wait": 3 * group + rng.normal(size=900), "noise": rng.normal(size=900), "segment": group})
    frame["y"] = 4 * group - 0.8 * frame["wait"] + rng.normal(size=900)
    assert rank_drivers(frame, "y", ["wait"], bootstraps=40).loc["wait", "sign"] == 1  # the trap
    ranked = rank_drivers(frame, "y", ["wait", "noise"], by="segment", bootstraps=40)
    assert ("wait", WITHIN) in standing(ranked)
    assert "all" not in ranked.index.get_level_values("segment")
    assert (ranked.xs("wait", level="driver")["sign"] == -1).all()


def test_twenty_segments_of_noise_are_refused_in_at_most_five_per_cent():
    refused = [
        bool(standing(rank_drivers(service(seed, n=1_400), "csat", ["a", "b", "c"], by="segment", bootstraps=2)))
        for seed in range(20)
    ]
    assert np.mean(refused) <= 0.05


def test_segments_too_small_to_rank_are_left_out():
    frame = service(7)
    frame["segment"] = np.where(frame.index < 8, "tiny", "large")
    ranked = rank_drivers(frame, "csat", ["a", "c"], by="segment", bootstraps=5)
    assert "tiny" not in ranked.index.get_level_values("segment")


def test_faulty_calls_are_refused():
    frame = service(8).assign(day=pd.Timestamp("2025-01-01"))
    with pytest.raises(ValueError, match=r"needs columns \['speed'\]"):
        rank_drivers(frame, "csat", ["speed"])
    with pytest.raises(ValueError, match="must be different columns"):
        rank_drivers(frame, "csat", ["csat"])
    with pytest.raises(ValueError, match="driver 'day' holds datetime64"):
        rank_drivers(frame, "csat", ["day"])
    with pytest.raises(ValueError, match="10 rows have an outcome; 2 drivers in 2 columns need 12"):
        rank_drivers(frame.head(10), "csat", ["a", "c"])


def test_twenty_seven_drivers_are_ranked_with_sampled_orders():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(500, 27)), columns=[f"x{i}" for i in range(27)])
    frame["y"] = frame["x3"] + rng.normal(size=500)
    ranked = rank_drivers(frame, "y", [f"x{i}" for i in range(27)], bootstraps=20)
    assert ranked.index[0] == "x3"
    assert not ranked.attrs["exact"]


def test_minutes_at_the_airport_do_not_move_the_rating(datasets):
    survey = pd.read_csv(datasets / "sfo-survey" / "fact_survey.csv", low_memory=False).set_index("RESPNUM_PK")
    ratings = pd.read_csv(datasets / "sfo-survey" / "fact_ratings.csv")
    wide = ratings.pivot_table(index="RESPNUM_FK", columns="question_code", values="rating_value")
    frame = survey.join(wide)
    drivers = ["HOWLONG", "Q7SIGN", "Q7FOOD", "Q7WALKWAYS", "Q7WIFI", "Q9RESTROOM", "Q10SAFE"]
    ranked = rank_drivers(frame, "Q7ALL", drivers, bootstraps=60)
    assert ranked.loc["HOWLONG", "low"] <= 0
    assert ranked.loc["HOWLONG", "sign"] == 0
    assert ranked.loc["HOWLONG", "high"] < 0.01
    assert (ranked.drop("HOWLONG")["sign"] == 1).sum() >= 4


def test_nothing_is_found_where_there_is_nothing(datasets):
    calls = pd.read_excel(datasets / "controls" / "call_center.xlsx")
    calls["talk"] = pd.to_timedelta(calls["AvgTalkDuration"].astype(str)).dt.total_seconds()
    drivers = ["Agent", "Topic", "Resolved", "Speed of answer in seconds", "talk"]
    assert (rank_drivers(calls, "Satisfaction rating", drivers, bootstraps=60)["low"] <= 0).all()
    tickets = pd.read_csv(datasets / "controls" / "support_tickets.csv")
    drivers = [
        "Customer Age",
        "Customer Gender",
        "Product Purchased",
        "Ticket Type",
        "Ticket Priority",
        "Ticket Channel",
    ]
    assert (rank_drivers(tickets, "Customer Satisfaction Rating", drivers, bootstraps=60)["low"] <= 0).all()


def test_the_planted_truths_of_the_demo_are_found(demo_cases):
    cases = demo_cases
    drivers = ["reopens", "transfers", "handle_time_s", "hold_time_s", "qa_score", "updates"]
    ranked = rank_drivers(cases, "csat", drivers, bootstraps=60)
    assert list(ranked.index[:2]) == ["reopens", "transfers"]
    assert (ranked.loc[["reopens", "transfers"], "sign"] == -1).all()
    least = ranked.loc[["reopens", "transfers"], "low"].min()
    assert (ranked.loc[["handle_time_s", "hold_time_s", "qa_score"], "low"] < least / 4).all()
    by_segment = rank_drivers(cases, "csat", drivers, by="segment", bootstraps=60)
    assert "updates" in {driver for driver, _ in standing(by_segment)}
    assert by_segment.loc[("home", "updates"), "sign"] == 1
    assert by_segment.loc[("business", "updates"), "sign"] == -1


def test_neither_the_order_of_rows_nor_what_holds_the_columns_moves_a_ranking():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"late": rng.integers(0, 2, 200), "plan": rng.choice(["a", "b"], 200)})
    frame["csat"] = 3 - frame["late"] + rng.normal(size=200)
    ranked = rank_drivers(frame, "csat", ["late", "plan"])
    for other in (frame.sample(frac=1, random_state=1), frame.convert_dtypes(dtype_backend="pyarrow")):
        pd.testing.assert_frame_equal(rank_drivers(other, "csat", ["late", "plan"]), ranked)
