"""The diagnosis gate: customers first, like with like, no causes, and nothing found in nothing."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom, mannwhitneyu

from analytics.contrast.diagnosis import Account, Problem, diagnose, name_measure
from analytics.contrast.ranks import superiority
from analytics.measures.estimate import ASSERTED, OBSERVED, SAID, Estimate
from analytics.measures.scores import share
from analytics.tables.cases import case_ids
from analytics.tables.schema import NotMeasured

SAID_BY_MANY = Estimate(0.3, 0.25, 0.35, 400, "share", SAID)


def problem(has: pd.Series, name: str = "unresolved", **how) -> Problem:
    return Problem(name, has, **({"evidence": SAID_BY_MANY} | how))


def dissatisfied(cases: pd.DataFrame) -> Problem:
    low = cases["csat"].le(2).astype("boolean").where(cases["csat"].notna())
    has = pd.Series(low.to_numpy(), index=cases["case_id"])
    return problem(has, "dissatisfied", evidence=share(has))


@pytest.fixture
def cases() -> pd.DataFrame:
    """Half have the problem: reopened more often, of one reason; handle time is the same."""
    rng, n = np.random.default_rng(7), 400
    frame = pd.DataFrame({"case_id": [f"k{i}" for i in range(n)], "reason": rng.choice(["bill", "fault"], n)})
    frame["_has"] = np.arange(n) < 200
    frame["reopens"] = rng.poisson(np.where(frame["_has"], 1.0, 0.2)).astype(float)
    frame["handle_time_s"] = rng.gamma(4, 100, n)
    frame["company_clock_h"], frame["customer_clock_h"] = 3.0, 50.0
    frame["contacts"], frame["ended"] = 1, "confirmed"
    return frame


def named(cases: pd.DataFrame) -> pd.Series:
    return cases.set_index("case_id")["_has"]


@pytest.mark.parametrize("source", [OBSERVED, ASSERTED])
def test_a_problem_that_customers_did_not_name_is_refused(cases, source):
    with pytest.raises(ValueError, match="diagnose starts from what customers say"):
        diagnose(problem(named(cases), evidence=Estimate(0.3, 0.2, 0.4, 50, "share", source)), cases)


def test_a_problem_that_nobody_has_or_that_is_closed_is_refused(cases):
    with pytest.raises(ValueError, match="no customer names 'unresolved'"):
        diagnose(problem(named(cases), evidence=Estimate(0.0, 0.0, 0.1, 50, "share", SAID)), cases)
    with pytest.raises(ValueError, match="'unresolved' is not open now"):
        diagnose(problem(named(cases), is_open=False), cases)


def test_what_differs_is_said_and_what_does_not_is_said_too(cases):
    found = diagnose(problem(named(cases)), cases)
    frame = found.frame.set_index("measure")
    assert frame.loc["reopens", "differs"] and frame.loc["reopens", "low"] > 0.5
    assert abs(frame.loc["handle_time_s", "superiority"] - 0.5) < 0.1
    assert frame.loc["handle_time_s", "low"] < 0.5 < frame.loc["handle_time_s", "high"]
    assert (found.n, found.compared, found.others, found.by) == (200, 200, 200, ("reason",))


def test_both_accounts_stand_side_by_side(cases):
    assert diagnose(problem(named(cases)), cases).account == Account(solved=1.0, hours=3.0, confirmed=1.0)
    cases["ended"] = np.where(np.arange(len(cases)) < 50, "confirmed", "censored")
    assert diagnose(problem(named(cases)), cases).account == Account(solved=1.0, hours=3.0, confirmed=0.25)
    assert diagnose(problem(named(cases)), cases.drop(columns="company_clock_h")).account is None


def test_measures_without_values_are_listed_as_not_measured(cases):
    cases["wait_time_s"] = np.where(np.arange(len(cases)) < 12, 5.0, np.nan)
    found = diagnose(problem(named(cases)), cases)
    lack = found.frame.set_index("measure")["lack"]
    assert lack[["hold_time_s", "wait_time_s", "contacts", "reopens"]].tolist() == ["no column", "few", "constant", ""]


def test_a_figure_of_few_customers_is_not_compared_however_many_their_cases(cases):
    cases["customer_id"] = [f"p{i}" for i in range(len(cases))]
    cases["wait_time_s"] = np.where(np.arange(len(cases)) % 200 < 50, np.arange(len(cases)), np.nan)
    row = diagnose(problem(named(cases)), cases).frame.set_index("measure").loc["wait_time_s"]
    assert (row["lack"], row["people"]) == ("", 50)
    cases.loc[:49, "customer_id"] = "one"
    row = diagnose(problem(named(cases)), cases).frame.set_index("measure").loc["wait_time_s"]
    assert (row["lack"], row["people"], row["n_with"]) == ("few", 1, 50)


def test_cases_whose_customers_said_nothing_are_not_compared(cases):
    has = named(cases).astype("boolean")
    has.iloc[250:] = pd.NA
    assert diagnose(problem(has), cases).frame.set_index("measure").loc["reopens", "n_without"] == 50


def test_few_customers_on_either_side_are_not_diagnosed(cases):
    has = named(cases)
    has.iloc[5:200] = False
    with pytest.raises(NotMeasured, match="fewer than 10 customers with the problem 'unresolved', or comparable ones"):
        diagnose(problem(has), cases, by=())


def test_like_is_compared_with_like():
    # waits are long for one reason, and only that reason has the problem often: nothing differs inside a reason
    rng, n = np.random.default_rng(1), 2000
    fault = rng.random(n) < 0.5
    frame = pd.DataFrame({"case_id": np.arange(n), "reason": np.where(fault, "fault", "bill")})
    frame["wait_time_s"] = rng.exponential(np.where(fault, 500, 50))
    has = pd.Series(rng.random(n) < np.where(fault, 0.6, 0.1))
    crude = diagnose(problem(has), frame, ["wait_time_s"], by=())
    alike = diagnose(problem(has), frame, ["wait_time_s"])
    assert crude.frame.loc[0, "superiority"] > 0.65 and crude.frame.loc[0, "differs"]
    assert not alike.frame.loc[0, "differs"]


def compare_ranks(values, has, stratum):
    row = superiority(values, has, stratum, None)
    low, high = row.pop("interval")(0.95)
    return row | {"low": low, "high": high}


def test_handle_time_is_taken_per_contact():
    frame = pd.DataFrame(
        {"case_id": range(40), "contacts": [2] * 20 + [1] * 20, "handle_time_s": [600.0] * 20 + [300.0] * 20}
    )
    found = diagnose(problem(pd.Series([True] * 20 + [False] * 20)), frame, ["handle_time_s", "contacts"])
    assert found.frame["lack"].tolist() == ["constant", ""]


def test_one_stratum_agrees_with_mann_whitney():
    rng = np.random.default_rng(2)
    values, has = pd.Series(rng.integers(0, 6, 90).astype(float)), pd.Series(np.arange(90) < 40)
    reference = mannwhitneyu(values[has], values[~has], use_continuity=False, method="asymptotic")
    found = compare_ranks(values, has, pd.Series(0, index=values.index))
    assert found["superiority"] == pytest.approx(reference.statistic / (40 * 50))
    assert found["p_value"] == pytest.approx(reference.pvalue, abs=1e-12)


def test_turning_the_groups_round_turns_the_result_round():
    rng = np.random.default_rng(3)
    values, has = pd.Series(rng.normal(size=120)), pd.Series(rng.random(120) < 0.4)
    stratum = pd.Series(rng.integers(0, 6, 120))
    there, back = compare_ranks(values, has, stratum), compare_ranks(values, ~has, stratum)
    assert there["superiority"] == pytest.approx(1 - back["superiority"])
    assert (there["low"], there["p_value"]) == pytest.approx((1 - back["high"], back["p_value"]))


@pytest.mark.parametrize(("shift", "truth"), [(0.0, 0.5), (0.7, 0.6897)])  # Phi(shift / sqrt 2)
def test_the_interval_holds_the_true_superiority_in_95_percent(shift, truth):
    rng, hits = np.random.default_rng(4), 0
    for _ in range(200):
        stratum, has = pd.Series(rng.integers(0, 12, 240)), pd.Series(rng.random(240) < 0.3)
        found = compare_ranks(pd.Series(rng.normal(stratum + shift * has)), has, stratum)
        hits += found["low"] <= truth <= found["high"]
    assert 0.91 <= hits / 200 <= 0.985


@pytest.fixture(scope="module")
def demo_comments(demo):
    """Comments on cases with the themes that the demo planted in them."""
    tables, truth = demo
    case = case_ids(tables)["surveys"].to_numpy()
    comments = truth.comments.join(pd.Series(case, index=tables.surveys["response_id"].to_numpy(), name="case_id"))
    return comments[comments["case_id"].notna()]


def planted(comments: pd.DataFrame, *themes: str) -> Problem:
    bad = comments["polarity"].eq("negative") & comments[["theme", "second_theme"]].isin(themes).any(axis=1)
    return problem(bad.groupby(comments["case_id"]).any(), themes[0], evidence=share(bad))


def test_in_the_demo_unresolved_cases_were_reopened_which_says_far_more_than_handle_time(demo_cases, demo_comments):
    frame = diagnose(planted(demo_comments, "unresolved", "repeat_contact"), demo_cases).frame.set_index("measure")
    assert frame.loc["reopens", "differs"] and frame.loc["reopens", "low"] > 0.6
    assert frame.loc["handle_time_s", "high"] < frame.loc["reopens", "low"]  # more contacts take more time in all
    assert abs(frame.loc["qa_score", "superiority"] - 0.5) < 0.1


def test_in_the_demo_transferred_cases_were_transferred(demo_cases, demo_comments):
    frame = diagnose(planted(demo_comments, "transferred"), demo_cases).frame.set_index("measure")
    assert frame.loc["transfers", "differs"] and frame.loc["transfers", "low"] > 0.7
    assert abs(frame.loc["handle_time_s", "superiority"] - 0.5) < 0.1


def test_a_shuffled_problem_has_no_explanation_in_the_demo(demo_cases, demo_comments):
    rng, alarms = np.random.default_rng(6), 0
    true = planted(demo_comments, "unresolved")
    for _ in range(10):
        has = pd.Series(rng.permutation(true.has.to_numpy()), index=true.has.index)
        alarms += diagnose(problem(has), demo_cases).frame["differs"].any()
    assert alarms <= 3  # half a one expected; more than three in about 0.1 % of quiet worlds


def test_on_a_real_export_response_lag_differs_inside_categories_and_handle_time_is_not_measured(ecommerce_cases):
    found = diagnose(dissatisfied(ecommerce_cases), ecommerce_cases)
    frame = found.frame.set_index("measure")
    assert frame.loc["first_response_h", "differs"] and frame.loc["first_response_h", "low"] > 0.6
    assert frame.loc["handle_time_s", "lack"] == "few"
    rho = ecommerce_cases[["first_response_h", "csat"]].corr("spearman").iloc[0, 1]
    assert rho == pytest.approx(-0.19, abs=0.01)
    large = ecommerce_cases["reason"].value_counts().loc[lambda n: n > 1000].index
    for reason in large:
        inside = ecommerce_cases[ecommerce_cases["reason"].eq(reason)]
        assert diagnose(dissatisfied(inside), inside, ["first_response_h"]).frame.loc[0, "low"] > 0.55


def test_on_real_complaints_timeliness_explains_nothing(cfpb_cases):
    has = cfpb_cases.set_index("case_id")["disputed"]
    found = diagnose(problem(has, "disputed", evidence=share(has)), cfpb_cases)
    assert not found.frame["differs"].any()


@pytest.mark.parametrize("name", ["call_centre_cases", "ticket_cases"])
def test_nothing_is_found_where_there_is_nothing(name, request):
    frame = request.getfixturevalue(name)
    found = diagnose(dissatisfied(frame), frame)
    assert found.frame["p_value"].notna().any() and not found.frame["differs"].any()


@pytest.mark.parametrize("rate", [0.02, 0.1])
def test_the_interval_of_a_rare_flag_holds_the_truth_with_twelve_cases(rate):
    rng, hits = np.random.default_rng(8), 0
    for _ in range(300):
        has = pd.Series(np.arange(400) < 12)
        flag = pd.Series((rng.random(400) < np.where(has, 3 * rate, rate)).astype(float))
        if flag.nunique() > 1:
            found = compare_ranks(flag, has, pd.Series(0, index=flag.index))
            hits += found["low"] <= 0.5 + rate <= found["high"]
        else:
            hits += 1
    assert hits / 300 >= 0.92


@pytest.mark.parametrize(
    ("cases", "mine", "share"), [(600, 12, 0.02), (600, 12, 0.1), (600, 40, 0.02), (2_000, 60, 0.03)]
)
def test_a_rare_flag_is_as_seldom_unusual_as_its_p_value_says(cases, mine, share):
    """Over all ways to deal the flags out (hypergeometric law); normal tails are passed up to forty times as often."""
    flags, has = int(cases * share), pd.Series(np.arange(cases) < mine)
    among = np.arange(min(mine, flags) + 1)
    hits = [np.r_[np.arange(mine) < i, np.arange(cases - mine) < flags - i].astype(float) for i in among]
    p = np.array([superiority(pd.Series(flag), has, pd.Series(0, has.index), None)["p_value"] for flag in hits])
    for level in (0.05, 0.005, 0.0005, 0.0001):
        assert hypergeom.pmf(among, cases, flags, mine)[p <= level].sum() <= 1.1 * level


def test_two_figures_that_say_the_same_are_compared_once(cases):
    cases["contacts"], cases["updates"] = cases["reopens"] + 1, cases["handle_time_s"]
    frame = diagnose(problem(named(cases)), cases, ["reopens", "contacts", "updates"]).frame
    assert frame["measure"].tolist() == ["reopens", "updates"]
    assert frame["alike"].tolist() == [["number of contacts needed"], []]


def test_each_value_of_a_column_of_words_is_compared_and_of_two_one(cases):
    cases["site"] = np.where(cases["_has"] & (np.arange(400) % 2 == 0), "abroad", "at home")
    frame = diagnose(problem(named(cases)), cases, ["site"]).frame
    assert frame[["name", "differs"]].values.tolist() == [["site “abroad”", True]]


def test_what_goes_with_any_criticism_is_told_apart_from_what_goes_with_this_problem(cases):
    angry = ~cases["_has"] & (np.arange(400) < 300)
    reopened = np.arange(400) % 10 > 0  # nine of ten who criticise anything were reopened, and nobody else
    cases["reopens"] = np.where((cases["_has"] | angry) & reopened, 1.0, 0.0)
    critical = pd.Series((cases["_has"] | angry).to_numpy(), cases["case_id"])
    row = diagnose(problem(named(cases), critical=critical), cases, ["reopens"]).frame.iloc[0]
    assert row["differs"] and row["apart_low"] < 0.5 < row["apart_high"] and row["apart_p"] > 0.1


def test_no_interval_contradicts_its_verdict_and_one_control_holds_for_all(cases):
    rng = np.random.default_rng(3)
    for draw in range(12):
        cases[f"noise_{draw}"] = rng.normal(size=400) + 0.15 * cases["_has"]
    frame = diagnose(problem(named(cases)), cases, [f"noise_{draw}" for draw in range(12)]).frame
    excludes = (frame["low"] > 0.5) | (frame["high"] < 0.5)
    assert excludes.tolist() == frame["differs"].tolist()


def test_many_cases_of_one_customer_are_no_difference():
    rng, alarms = np.random.default_rng(2), 0
    for _ in range(40):
        person = np.repeat(np.arange(20), 10)
        frame = pd.DataFrame({"case_id": np.arange(200), "customer_id": person, "cost": rng.normal(size=20)[person]})
        has = pd.Series(rng.permutation(20)[person] < 10)
        alarms += diagnose(problem(has), frame, ["cost"]).frame["differs"].any()
    assert alarms <= 7  # two are meant; each case for itself gives over twenty


def test_a_column_that_the_operation_brought_is_named_in_words_with_its_unit():
    assert name_measure("callback_late_h", {}) == ("callback late", "hours")
    assert name_measure("queue_time_s", {}) == ("queue time", "seconds")
    assert name_measure("qa_score", {"qa_score": "our own marks"}) == ("our own marks", "")
