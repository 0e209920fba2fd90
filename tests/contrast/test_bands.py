"""A recorded figure beside the score in bands: shape, trend, like with like, and equality that is shown."""

import numpy as np
import pandas as pd
import pytest

from analytics.contrast.bands import contrast_bands
from analytics.contrast.ranks import stratified_trend
from analytics.tables.schema import NotMeasured


def answers(n: int, seed: int, gap: float = 0.0, **columns) -> pd.DataFrame:
    """Waits of a minute to days; customers who wait more than a day are less often satisfied, by `gap`."""
    rng = np.random.default_rng(seed)
    hours = np.exp(rng.normal(0, 2.5, n))
    happy = rng.random(n) < 0.8 - gap * (hours > 24)
    return pd.DataFrame({"first_response_h": hours, "csat": np.where(happy, 5.0, 2.0)}).assign(**columns)


def test_times_are_cut_at_round_values_and_the_worst_end_is_seen_by_itself():
    bands = contrast_bands(answers(4000, 1, gap=0.3), "first_response_h").frame
    assert bands["above"].tolist()[1:] == bands["upto"].tolist()[:-1]
    assert bands["above"].iloc[-1] in (24.0, 48.0, 72.0)
    assert bands["n"].sum() == 4000 and bands["adjusted_high"].iloc[-1] < -0.15


def test_counts_keep_their_values_and_few_answers_are_joined():
    frame = pd.DataFrame({"transfers": [0.0] * 300 + [1.0] * 100 + [2.0] * 20 + [3.0] * 20, "csat": [5.0, 1.0] * 220})
    bands = contrast_bands(frame, "transfers").frame
    assert bands["n"].tolist() == [300, 100, 40]
    with pytest.raises(NotMeasured, match="fewer than two bands"):
        contrast_bands(frame.assign(transfers=0.0), "transfers")


def test_a_trend_that_the_kind_of_case_makes_is_none_among_cases_of_a_kind():
    rng = np.random.default_rng(0)
    hard = rng.random(4000) < 0.5
    frame = pd.DataFrame({"reason": np.where(hard, "fault", "bill"), "cost": rng.gamma(4, 1, 4000) + 5 * hard})
    frame["csat"] = np.where(rng.random(4000) < np.where(hard, 0.5, 0.9), 5.0, 1.0)
    assert contrast_bands(frame, "cost", within=()).differs
    assert not contrast_bands(frame, "cost", cut=0.001).differs


def test_segments_of_both_directions_forbid_a_pooled_statement():
    rng = np.random.default_rng(0)
    home, cost = rng.random(3000) < 0.7, rng.random(3000)
    happy = rng.random(3000) < 0.6 + np.where(home, 0.5, -0.5) * (cost - 0.5)
    frame = pd.DataFrame(
        {"segment": np.where(home, "home", "business"), "cost": cost, "csat": np.where(happy, 5.0, 1.0)}
    )
    bands = contrast_bands(frame, "cost")
    assert bands.opposed and not bands.differs and not bands.alike


def test_equality_is_shown_with_many_answers_and_not_with_few():
    many, few = (contrast_bands(answers(n, 3), "first_response_h", cut=0.01) for n in (20_000, 300))
    assert many.alike and many.seen < 0.05 and not many.differs
    assert not few.alike and few.seen > 0.1 and not few.differs


def test_a_trend_is_found_where_there_is_none_in_about_one_of_twenty():
    found = sum(contrast_bands(answers(400, seed), "first_response_h").differs for seed in range(100))
    assert found <= 12  # five are meant; more than twelve come in one of 900 such tests


def test_the_trend_of_two_values_is_the_rank_sum_test():
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(2)
    x, y = rng.integers(0, 6, 90).astype(float), np.arange(90) < 40
    reference = mannwhitneyu(x[y], x[~y], use_continuity=False, method="asymptotic")
    assert stratified_trend(x, y.astype(float), np.zeros(90, int))[2] == pytest.approx(reference.pvalue, abs=1e-12)


def test_on_a_real_export_late_answers_go_with_dissatisfaction_inside_categories(ecommerce_cases):
    bands = contrast_bands(ecommerce_cases, "first_response_h", cut=0.001)
    assert bands.differs and bands.high < -0.1 and bands.by == ("reason", "channel")
    assert bands.frame["value"].iloc[0] > 0.87 and bands.frame["value"].iloc[-1] < 0.65


@pytest.mark.parametrize("name", ["call_centre_cases", "ticket_cases"])
def test_nothing_is_found_where_there_is_nothing(name, request):
    frame = request.getfixturevalue(name)
    measures = [
        c for c in ("wait_time_s", "handle_time_s", "company_clock_h") if frame.get(c, pd.Series()).nunique() > 5
    ]
    assert measures and not any(contrast_bands(frame, measure, cut=0.01).differs for measure in measures)
