"""Medians of both clocks, with cases that nobody confirmed counted as unfinished."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from analytics.contrast.clocks import compare_clocks, median_time, summarise_clock
from analytics.measures.suppress import Withheld
from analytics.tables.schema import NotMeasured


def cases(hours, confirmed, **columns) -> pd.DataFrame:
    ended = np.where(confirmed, "confirmed", "censored")
    return pd.DataFrame({"customer_clock_h": hours, "ended": ended, **columns})


def test_an_unconfirmed_case_counts_as_unfinished_and_not_as_solved_or_absent():
    hours, confirmed = pd.Series([1.0, 2, 4, 5, 6]), pd.Series([True, True, False, True, True])
    # left unfinished: 4/5, 3/5, then 2 at risk: 3/10
    assert median_time(hours, confirmed).value == 5.0
    assert median_time(hours, pd.Series([True] * 5)).value == 4.0


def test_medians_agree_with_statsmodels():
    rng = np.random.default_rng(1)
    for _ in range(20):
        event, leave = rng.exponential(1, 61), rng.uniform(0.5, 3, 61)
        hours, ended = np.minimum(event, leave), event <= leave
        reference = SurvfuncRight(hours, ended)
        found = median_time(pd.Series(hours), pd.Series(ended))
        assert found.value == reference.quantile(0.5)
        with np.errstate(all="ignore"):
            assert (found.low, found.high) == pytest.approx(reference.quantile_ci(0.5))


def test_the_interval_of_the_median_holds_the_true_median_in_95_percent():
    rng, hits = np.random.default_rng(2), 0
    for _ in range(600):
        event, leave = rng.exponential(1, 40), rng.uniform(0, 3, 40)
        found = median_time(pd.Series(np.minimum(event, leave)), pd.Series(event <= leave))
        hits += not found.excludes(np.log(2))
    assert 0.92 <= hits / 600 <= 0.98


def test_a_median_that_fewer_than_half_reached_is_unknown_and_the_time_of_a_quarter_is_given():
    table = summarise_clock(cases([10.0] * 5 + [90.0] * 15, [True] * 5 + [False] * 15).iloc[:-1])
    assert np.isnan(table.loc[0, "value"]) and np.isnan(table.loc[0, "high"])
    assert table.loc[0, ["n", "confirmed"]].tolist() == [19, 5 / 19]
    assert table.loc[0, "quarter"] == 10.0
    assert np.isnan(summarise_clock(cases([10.0] * 12, [True] * 12)).loc[0, "quarter"])


def test_both_clocks_and_their_gap_stand_side_by_side_by_team():
    frame = cases([64.0] * 12, [True] * 12, company_clock_h=1.0, gap_h=63.0, team=["a", "b"] * 6)
    table = compare_clocks(frame, ["team"], minimum=None)
    assert table[["measure", "team", "value"]].to_numpy().tolist() == [
        ["customer_clock_h", "a", 64.0], ["customer_clock_h", "b", 64.0],
        ["company_clock_h", "a", 1.0], ["company_clock_h", "b", 1.0],
        ["gap_h", "a", 63.0], ["gap_h", "b", 63.0],
    ]  # fmt: skip
    assert table["source"].unique().tolist() == ["said by customers", "asserted by company", "observed"]


def test_groups_of_few_customers_are_suppressed():
    frame = cases([5.0] * 34, [True] * 34, team=["a"] * 14 + ["b"] * 16 + ["c"] * 4, customer_id=range(34))
    table = summarise_clock(frame, ["team"]).set_index("team")
    assert table.loc["c", "withheld"] == Withheld.FEW
    assert table.loc["c", ["value", "n", "quarter", "people"]].isna().all()
    assert table["value"].notna().sum() == 1  # a second group hides the first from subtraction


def test_clocks_by_reason_keep_the_names_of_reasons():
    frame = cases([5.0] * 40, [True] * 40, reason=["bill", "fault"] * 20)
    table = summarise_clock(frame, ["reason"])
    assert table[["reason", "withheld"]].to_numpy().tolist() == [["bill", ""], ["fault", ""]]


def test_a_missing_group_is_named_and_a_missing_clock_is_not_measured():
    table = summarise_clock(cases([1.0, 2.0], [True, True], timely=pd.array([True, None])), ["timely"], minimum=None)
    assert table["timely"].tolist() == [True, "not stated"]
    with pytest.raises(NotMeasured, match="company_clock_h"):
        summarise_clock(cases([1.0], [True]), clock="company_clock_h")
    with pytest.raises(ValueError, match="clock 'sla' is not known"):
        summarise_clock(cases([1.0], [True]), clock="sla")


def test_the_demo_customers_wait_longest_where_the_company_looks_fastest(demo_cases, demo):
    table = compare_clocks(demo_cases, ["team"])
    company = table[table["measure"].eq("company_clock_h")].set_index("team")["value"]
    assert company.idxmin() == demo[1].watermelon_team
    confirmed = table[table["measure"].eq("customer_clock_h")].set_index("team")["confirmed"]
    assert confirmed.idxmin() == demo[1].watermelon_team
