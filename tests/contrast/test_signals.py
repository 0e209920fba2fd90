import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.contrast.signals import (
    CANNOT_TELL,
    FELL,
    NO_CHANGE,
    ROSE,
    Rule,
    detect_group_signals,
    detect_signals,
)
from analytics.report.words import reason_of

STEADY = [30.0, 32, 31, 29, 30, 31, 30, 32, 31, 30, 29, 31]


def series(*values):
    return pd.Series(values, index=pd.period_range("2023-01", periods=len(values), freq="M"), dtype=float)


def word_of(*values, **options):
    return detect_signals(series(*values), **options).word


def test_a_month_far_outside_is_a_change_and_a_month_inside_is_not():
    assert word_of(*STEADY, 45) == ROSE
    assert word_of(*STEADY, 15) == FELL
    assert word_of(*STEADY, 32) == NO_CHANGE


def test_only_the_latest_month_decides_the_word():
    assert word_of(*STEADY, 45, 30, 31) == NO_CHANGE
    points = detect_signals(series(*STEADY, 45, 30, 31)).points
    assert points["rule"].iloc[12] == Rule.OUTSIDE
    assert points["rule"].iloc[-1] == Rule.NONE


def test_limits_by_hand():
    last = detect_signals(series(*STEADY, 30)).points.iloc[-1]
    # moving ranges of the twelve earlier months: 2 1 2 1 1 1 2 1 1 1 2 = 15/11, sigma 1.2089; Student's 1 % point at
    # .62 * 11 = 6.82 degrees of freedom is 3.5312, times sqrt(1 + 1/12)
    assert last["mean"] == pytest.approx(366 / 12)
    assert last["high limit"] - last["mean"] == pytest.approx(15 / 11 / 1.128 * 3.5312 * np.sqrt(13 / 12), rel=1e-3)
    assert last["mean"] - last["low limit"] == pytest.approx(last["high limit"] - last["mean"])


def test_eight_months_on_one_side_are_a_change_seven_are_not():
    high = [32.4, 32.2, 32.5, 32.3, 32.6, 32.4, 32.2, 32.5]
    found = detect_signals(series(*STEADY, *high))
    assert found.rule == Rule.SHIFT and reason_of(found).startswith("8 or more on one side: 32.5 against ")
    assert word_of(*STEADY, *high) == ROSE
    assert word_of(*STEADY, *high[:6]) == NO_CHANGE


def test_seven_months_falling_are_a_change():
    found = detect_signals(series(*[30.0, 36] * 6, 34, 33.5, 33, 32.5, 32, 31.5, 31))
    assert found.word == FELL
    assert found.rule == Rule.TREND and reason_of(found).startswith("7 or more in one direction")


def test_a_lasting_step_stays_a_change_against_the_old_level():
    assert word_of(*STEADY, *[v + 15 for v in STEADY]) == ROSE


@pytest.mark.parametrize("length", [1, 3, 7])
def test_short_series_cannot_tell(length):
    found = detect_signals(series(*STEADY[: length - 1], 99))
    assert found.word == CANNOT_TELL
    assert (found.rule, found.measured) == (Rule.SHORT, length)
    periods = "1 period" if length == 1 else f"{length} periods"
    assert reason_of(found) == f"only {periods} measured, 8 are needed"
    assert np.isnan(found.p_value)


def test_an_unmeasured_latest_month_cannot_tell():
    found = detect_signals(series(*STEADY, np.nan))
    assert (found.word, found.rule) == (CANNOT_TELL, Rule.UNMEASURED)
    assert reason_of(found) == "nothing was measured in the latest period"


def test_gaps_are_left_out_and_kept_in_the_chart():
    found = detect_signals(series(*STEADY[:5], np.nan, *STEADY[5:], 45))
    assert found.word == ROSE
    assert len(found.points) == 14
    assert np.isnan(found.points["value"].iloc[5])
    assert found.points.iloc[-1, 1:4].to_list() == detect_signals(series(*STEADY, 45)).points.iloc[-1, 1:4].to_list()


def test_a_series_of_nothing_but_gaps_cannot_tell():
    assert word_of(np.nan, np.nan) == CANNOT_TELL


def test_a_small_month_gets_wider_limits_and_a_large_one_no_narrower():
    values = series(*STEADY, 38)
    usual = pd.Series(400, index=values.index)
    assert detect_signals(values, usual).word == ROSE
    small, large = usual.copy(), usual.copy()
    small.iloc[-1], large.iloc[-1] = 25, 40_000
    assert detect_signals(values, small).word == NO_CHANGE
    widths = [
        detect_signals(values, n).points.iloc[-1][["low limit", "high limit"]].diff().iloc[-1]
        for n in (usual, small, large)
    ]
    assert widths[1] == pytest.approx(4 * widths[0])
    assert widths[2] == pytest.approx(widths[0])


def test_standard_errors_set_the_floor_of_the_limits():
    values = series(*[30.0] * 12, 31)
    assert detect_signals(values).word == ROSE  # a flat line that moves is a change, if nothing else is known
    assert detect_signals(values, se=pd.Series(1.0, index=values.index)).word == NO_CHANGE


def test_a_flat_line_is_no_change():
    found = detect_signals(series(*[0.1 + 0.2] * 11, 0.3))
    assert (found.word, found.p_value) == (NO_CHANGE, 1.0)


def test_a_rise_made_of_missing_answers_is_not_called_a_rise():
    values = series(*STEADY, 40)
    rate = pd.Series([0.30] * 12 + [0.29], index=values.index)
    assert detect_signals(values, answered=rate).word == ROSE
    rate.iloc[-1] = 0.20  # the third that fell silent may all be detractors
    found = detect_signals(values, answered=rate)
    assert found.word == CANNOT_TELL
    assert (found.unweighed, found.answered) == (ROSE, pytest.approx((0.2, 0.3)))
    assert reason_of(found) == "0.2 answered where 0.3 is usual, which could be all of it"


def test_a_fall_with_more_answers_may_be_newly_heard_detractors():
    values = series(*STEADY, 20)
    rate = pd.Series([0.30] * 12 + [0.45], index=values.index)
    assert detect_signals(values, answered=rate).word == CANNOT_TELL
    assert detect_signals(values, answered=rate * 0 + 0.3).word == FELL


def test_thousand_quiet_series_of_two_years_speak_in_at_most_two_per_cent():
    rng = np.random.default_rng(2024)
    counts = rng.multinomial(200, [0.5, 0.2, 0.3], size=(1000, 24))  # a score of 30 from 200 answers a month
    scores = (counts[:, :, 0] - counts[:, :, 1]) / 2
    words = [detect_signals(pd.Series(row)).word for row in scores]
    assert np.mean([word != NO_CHANGE for word in words]) <= 0.02


def test_a_jump_of_four_sigma_is_called_more_often_than_not():
    rng = np.random.default_rng(7)
    jumps = rng.normal(size=(200, 24))
    jumps[:, -1] += 4
    words = [detect_signals(pd.Series(row)).word for row in jumps]
    assert words.count(ROSE) / 200 >= 0.6
    assert FELL not in words


def test_slow_waves_are_not_called_changes_often():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(300, 34))
    waves = sum(0.3**lag * noise[:, 10 - lag : 34 - lag] for lag in range(10))
    assert np.mean([detect_signals(pd.Series(row)).word != NO_CHANGE for row in waves]) <= 0.05


def groups(rng, jump=0.0):
    values = rng.normal(30, 5, size=(20, 24))
    values[0, -1] += jump
    return pd.DataFrame(
        {
            "segment": np.repeat([f"s{i:02}" for i in range(20)], 24),
            "period": np.tile(np.arange(24), 20),
            "value": values.ravel(),
            "low": values.ravel() - 9.8,
            "high": values.ravel() + 9.8,
            "n": 150,
        }
    )


def test_twenty_quiet_segments_raise_a_flag_in_at_most_five_per_cent_of_reports():
    rng = np.random.default_rng(12)
    flagged = [detect_group_signals(groups(rng), ["segment"])["word"].isin([ROSE, FELL]).any() for _ in range(40)]
    assert np.mean(flagged) <= 0.05


def test_one_moved_segment_among_twenty_is_still_found():
    judged = detect_group_signals(groups(np.random.default_rng(1), jump=50), ["segment"]).set_index("segment")
    assert judged.loc["s00", "word"] == ROSE
    assert (judged.drop("s00")["word"] == NO_CHANGE).all()


def test_a_group_with_a_period_twice_is_refused():
    table = pd.concat([groups(np.random.default_rng(0))] * 2)
    with pytest.raises(ValueError, match="has a period twice"):
        detect_group_signals(table, ["segment"])


def test_p_values_of_quiet_series_keep_their_promise():
    rng = np.random.default_rng(17)
    p = np.array([detect_signals(pd.Series(row)).p_value for row in rng.normal(size=(400, 24))])
    assert np.mean(p <= 0.05) <= 0.075
    assert np.mean(p <= 0.01) <= 0.02


def test_faulty_series_are_refused():
    with pytest.raises(ValueError, match="empty series"):
        detect_signals(pd.Series(dtype=float))
    with pytest.raises(ValueError, match="not in order of time"):
        detect_signals(series(*STEADY).iloc[::-1])
    with pytest.raises(ValueError, match="must cover the same periods"):
        detect_signals(series(*STEADY), pd.Series([1, 2]))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=8, max_size=20))
def test_turning_a_series_upside_down_turns_the_word_around(values):
    turned = {ROSE: FELL, FELL: ROSE, NO_CHANGE: NO_CHANGE}
    assert word_of(*[-v for v in values]) == turned[word_of(*values)]


def test_the_input_stays_unchanged():
    s = series(*STEADY)
    before = s.copy()
    detect_signals(s, s * 10, answered=s)
    pd.testing.assert_series_equal(s, before)
