import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri, stdtrit

from analytics.contrast.signals import (
    CANNOT_TELL,
    FELL,
    LIMITS,
    NO_CHANGE,
    ROSE,
    Rule,
    detect_group_signals,
    detect_signals,
)
from analytics.measures.discoveries import control_false_discoveries
from analytics.measures.intervals import wilson_bounds

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


def test_a_new_baseline_begins_where_it_is_moved_and_nowhere_else():
    stepped = series(*STEADY, *[value + 20 for value in STEADY])
    start = stepped.index[len(STEADY)]
    assert detect_signals(stepped[: len(STEADY) + 4]).word == ROSE
    for later in range(4, len(STEADY)):
        signal = detect_signals(stepped[: len(STEADY) + later], starts=[start])
        assert (signal.word, signal.measured) == (NO_CHANGE, later)
    means = signal.points["mean"]
    assert means.iloc[len(STEADY) - 1] < 32 < 49 < means.iloc[-1] and means[start:].isna().sum() == 3
    assert detect_signals(pd.concat([stepped, series(20.0)], ignore_index=True), starts=[len(STEADY)]).word == FELL


def test_soon_after_a_moved_baseline_nothing_can_be_told():
    stepped = series(*STEADY, 50, 51, 50)
    signal = detect_signals(stepped, starts=[stepped.index[len(STEADY)]])
    assert (signal.word, signal.rule, signal.measured) == (CANNOT_TELL, Rule.RENEWED, 3)


def test_limits_without_sampling_errors_are_students():
    last = detect_signals(series(*STEADY, 30)).points.iloc[-1]
    mean, sd = np.mean(STEADY), np.std(STEADY, ddof=1)
    half = sd * np.sqrt(13 / 12) * stdtrit(11, 1 - 0.004 / 2)  # four fifths of a chance of half a percent
    assert last["mean"] == pytest.approx(mean)
    assert last["high limit"] - last["mean"] == pytest.approx(half, rel=0.02)
    assert last["mean"] - last["low limit"] == pytest.approx(last["high limit"] - last["mean"])


def test_limits_with_sampling_errors_lie_between_those_of_chance_alone_and_of_a_wide_true_movement():
    values, n = series(*STEADY, 30), pd.Series(600, index=series(*STEADY, 30).index)
    widths = [
        detect_signals(values, n, se=n * 0 + 3.2, wobble=w).points.iloc[-1][LIMITS].diff().iloc[-1]
        for w in (0.01, 0.6, 5)
    ]
    by_chance_alone = 2 * 3.2 * np.sqrt(13 / 12) * -ndtri(0.002)
    assert widths[0] == pytest.approx(by_chance_alone, rel=0.001)
    assert widths[0] < widths[1] < min(1.05 * widths[0], widths[2])


def test_three_months_together_are_a_change_where_none_of_them_is_alone():
    values = series(*STEADY, 36, 35.5, 36)
    found = detect_signals(values, se=values * 0 + 2)
    assert (found.word, found.rule) == (ROSE, Rule.SHIFT)
    assert found.change.size == pytest.approx(107.5 / 3 - 30.5)
    assert detect_signals(values[:-2], se=values[:-2] * 0 + 2).word == NO_CHANGE


@pytest.mark.parametrize("months", [8, 14, 24, 36])
def test_a_slow_fall_is_called_one_within_its_first_year_or_two(months):
    rng = np.random.default_rng(months)
    words = []
    for _ in range(20):
        level = 30 - np.linspace(0, 24, months)
        values = pd.Series(level + rng.normal(0, 3.2, months))
        words.append(detect_signals(values, se=pd.Series(3.2, index=values.index)).word)
    assert words.count(FELL) >= 17
    assert ROSE not in words


@pytest.mark.parametrize(("slope", "word"), [(-1.0, FELL), (0.8, ROSE)])
def test_the_size_of_a_slow_movement_is_that_of_its_whole_way_not_of_a_month(slope, word):
    rng = np.random.default_rng(2)
    whole = []
    for _ in range(20):
        values = pd.Series(30 + slope * np.arange(14) + rng.normal(0, 2.2, 14))
        signal = detect_signals(values, se=values * 0 + 2.2)
        if (signal.word, signal.rule) == (word, Rule.TREND):
            whole.append((signal.change.size, *signal.change.bounds))
    size, low, high = np.mean(whole, axis=0)
    assert len(whole) >= 3 and low < 13 * slope < high
    assert abs(size - 13 * slope) < 4


def test_a_lasting_step_stays_a_change_against_the_old_level():
    assert word_of(*STEADY, *[v + 15 for v in STEADY]) == ROSE


@pytest.mark.parametrize("length", [1, 2, 3])
def test_short_series_cannot_tell(length):
    found = detect_signals(series(*STEADY[: length - 1], 99))
    assert found.word == CANNOT_TELL
    assert (found.rule, found.measured) == (Rule.SHORT, length)
    assert np.isnan(found.p_value)


def test_an_unmeasured_latest_month_cannot_tell():
    found = detect_signals(series(*STEADY, np.nan))
    assert (found.word, found.rule) == (CANNOT_TELL, Rule.UNMEASURED)


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
    assert 2 * widths[0] < widths[1] < 4 * widths[0]
    assert widths[2] == pytest.approx(widths[0], rel=0.1)


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
    assert (found.rule, found.answered) == (Rule.OUTSIDE, pytest.approx((0.2, 0.3)))


@pytest.mark.parametrize("rate", [0.20, 0.45])
def test_a_fall_beside_another_response_rate_is_called_and_its_bound_is_said(rate):
    values = series(*STEADY, 10.0)
    rates = pd.Series([0.30] * 12 + [rate], index=values.index)
    found = detect_signals(values, answered=rates)
    assert found.word == FELL
    # a third is missing and may be all promoters: (10 + 0.5 * 100) / 1.5; a third is new and may be all detractors
    assert found.answered == pytest.approx((rate, 0.3))
    assert found.even == pytest.approx((10 + 0.5 * 100) / 1.5 if rate < 0.3 else (10 + 100 / 3) / (2 / 3))
    assert detect_signals(values, answered=rates * 0 + 0.3).answered is None


def test_quiet_series_of_two_years_speak_in_at_most_two_per_cent():
    rng = np.random.default_rng(2024)
    counts = rng.multinomial(200, [0.5, 0.2, 0.3], size=(400, 24))  # a score of 30 from 200 answers a month
    scores = (counts[:, :, 0] - counts[:, :, 1]) / 2
    words = [detect_signals(pd.Series(row)).word for row in scores]
    assert np.mean([word != NO_CHANGE for word in words]) <= 0.02


def test_a_jump_of_four_sigma_is_called_more_often_than_not():
    rng = np.random.default_rng(7)
    jumps = rng.normal(size=(100, 24))
    jumps[:, -1] += 4
    words = [detect_signals(pd.Series(row)).word for row in jumps]
    assert words.count(ROSE) / 100 >= 0.6
    assert FELL not in words


def monthly(rng, n, months, fall=0.0):
    """Quiet months of n answers with a score of 30, the latest lower; score, standard error and number of answers."""
    p = np.tile([0.5, 0.3, 0.2], (months, 1))
    p[-1] += np.array([-fall, 0, fall]) / 200
    counts = rng.multinomial(n, p) / n
    score = counts[:, 0] - counts[:, 2]
    se = np.sqrt((counts[:, 0] + counts[:, 2] - score**2) / n)
    return pd.Series(100 * score), pd.Series(n, index=range(months)), pd.Series(100 * se)


def judged(rng, n, months, fall=0.0):
    values, size, se = monthly(rng, n, months, fall)
    return detect_signals(values, size, se=se)


@pytest.mark.parametrize(
    ("n", "months"), [(n, months) for n in (60, 150, 600, 3_000) for months in (4, 15, 25) if (n, months) != (3_000, 4)]
)
def test_power_comes_within_ten_points_of_an_oracle_that_knows_the_variance(n, months):
    rng = np.random.default_rng([n, months])
    spread = 100 * np.sqrt((0.7 - 0.09) / n * (1 + 1 / (months - 1)))
    fall = spread * (-ndtri(0.0025) + 0.84)  # of which the oracle tells four in five
    words = [judged(rng, n, months, fall).word for _ in range(100)]
    assert words.count(FELL) / 100 >= 0.70 - 0.10  # two standard errors of 100 draws
    assert ROSE not in words


@pytest.mark.parametrize(("n", "months"), [(60, 4), (150, 15), (600, 25), (3_000, 6)])
def test_a_quiet_score_with_sampling_errors_hardly_ever_moves(n, months):
    rng = np.random.default_rng([n, months, 1])
    words = [judged(rng, n, months).word for _ in range(200)]
    assert np.mean([word != NO_CHANGE for word in words]) <= 0.02  # half a percent, and chance in 200 draws


def test_a_fall_of_ten_points_at_3000_answers_is_called_with_three_months_before():
    rng = np.random.default_rng(31)  # a smaller one cannot be told from a score that moves by two points each month
    assert sum(judged(rng, 3_000, 4, fall=10).word == FELL for _ in range(60)) >= 50


def test_limits_are_wider_where_earlier_months_scatter_by_more_than_chance():
    moving = series(32, 29, 33, 28, 30, 34, 27, 31, 23)
    assert detect_signals(moving, se=moving * 0 + 1.4).word == NO_CHANGE  # 3 times the scatter, 5 times the error
    quiet = series(31, 30, 32, 29, 30, 32, 29, 31, 23)
    assert detect_signals(quiet, se=quiet * 0 + 1.4).word == FELL


@pytest.mark.parametrize("months", [9, 25])
def test_a_score_that_moves_by_two_points_each_month_hardly_ever_speaks(months):
    rng = np.random.default_rng([months, 2])
    words = []
    for _ in range(150):
        values, size, se = monthly(rng, 1_500, months)
        words.append(detect_signals(values + rng.normal(0, 2, months), size, se=se).word)
    assert np.mean([word != NO_CHANGE for word in words]) <= 0.03  # about one in a hundred, and chance in 150 draws


@pytest.mark.parametrize("n", [150, 3_000])
def test_a_fall_as_large_as_what_would_have_been_seen_is_seen_in_four_cases_of_five(n):
    rng = np.random.default_rng(n)
    unseen = np.mean([judged(rng, n, 15).unseen for _ in range(20)])
    words = [judged(rng, n, 15, fall=unseen).word for _ in range(100)]
    assert 0.68 <= words.count(FELL) / 100 <= 0.92


def test_a_fall_of_25_points_is_not_denied_at_600_answers_with_few_months():
    rng = np.random.default_rng(8)
    assert all(judged(rng, 600, 4, fall=25).word == FELL for _ in range(40))


def test_single_earlier_months_are_set_beside_the_latest():
    values = series(*STEADY, 20)
    found = detect_signals(values, se=values * 0 + 2.0, back=(1, 12, 30))
    assert set(found.against) == {1, 12}  # thirty months ago nothing was measured
    assert found.against[1].size == pytest.approx(-11) and found.against[12].size == pytest.approx(-10)
    assert found.against[1].p_value < 0.01
    low, high = found.against[1].bounds
    assert low < -11 - 1.9 * 2 * np.sqrt(2) and -11 + 1.9 * 2 * np.sqrt(2) < high < 0


def test_slow_waves_are_not_called_changes_often():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(100, 34))
    waves = sum(0.3**lag * noise[:, 10 - lag : 34 - lag] for lag in range(10))
    assert np.mean([detect_signals(pd.Series(row)).word != NO_CHANGE for row in waves]) <= 0.05


def groups(rng, jump=0.0):
    values = rng.normal(0.3, 0.025, size=(20, 24))
    values[0, -1] += jump
    return pd.DataFrame(
        {
            "segment": np.repeat([f"s{i:02}" for i in range(20)], 24),
            "period": np.tile(np.arange(24), 20),
            "value": values.ravel(),
            "low": values.ravel() - 0.049,
            "high": values.ravel() + 0.049,
            "n": 150,
        }
    )


def moved(rng, jump=0.0):
    judged = detect_group_signals(groups(rng, jump), ["segment"]).set_index("segment")
    return judged["word"].isin([ROSE, FELL]) & control_false_discoveries(judged["p_value"])


def test_twenty_quiet_segments_raise_a_flag_in_at_most_five_per_cent_of_reports():
    rng = np.random.default_rng(12)
    assert np.mean([moved(rng).any() for _ in range(40)]) <= 0.05 + 0.07  # two standard errors of 40


def test_one_moved_segment_among_twenty_is_still_found():
    flagged = moved(np.random.default_rng(1), jump=0.25)
    assert flagged[flagged].index.tolist() == ["s00"]


def first_rows(latest, early=1.0):
    """An export that begins with a handful of rows a month, all of one group, then 400 a month at the latest share."""
    n = np.array([3] * 8 + [400] * 6)
    value = np.array([early] * 8 + latest)
    low, high = wilson_bounds(value, n)
    return pd.DataFrame({"theme": "a", "period": range(14), "value": value, "low": low, "high": high, "n": n})


def test_the_first_handful_of_rows_of_an_export_is_not_what_is_usual():
    steady = [0.2, 0.19, 0.21, 0.2, 0.22, 0.2]
    assert detect_group_signals(first_rows(steady), ["theme"])["word"].tolist() == [NO_CHANGE]
    nothing = first_rows(steady).assign(n=9)
    assert detect_group_signals(nothing, ["theme"])["word"].tolist() == [CANNOT_TELL]


@pytest.mark.parametrize(("latest", "since"), [([0.2] * 5 + [0.5], ""), ([0.2] * 4 + [0.5] * 2, 12)])
def test_a_group_that_stays_where_it_moved_to_says_since_when(latest, since):
    judged = detect_group_signals(first_rows(latest), ["theme"])
    assert judged[["word", "since"]].to_numpy().tolist() == [[ROSE, since]]


def test_a_group_with_a_period_twice_is_refused():
    table = pd.concat([groups(np.random.default_rng(0))] * 2)
    with pytest.raises(ValueError, match="has a period twice"):
        detect_group_signals(table, ["segment"])


def test_p_values_of_quiet_series_keep_their_promise():
    rng = np.random.default_rng(17)
    p = np.array([detect_signals(pd.Series(row)).p_value for row in rng.normal(size=(200, 24))])
    assert np.mean(p <= 0.05) <= 0.09
    assert np.mean(p <= 0.01) <= 0.03


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


@pytest.mark.parametrize(
    ("options", "fault"),
    [({"chance": 0}, "chance is 0"), ({"chance": 2}, "chance is 2"), ({"back": [0]}, r"back \[0\]")],
)
def test_a_chance_or_a_step_back_that_cannot_be_is_refused(options, fault):
    with pytest.raises(ValueError, match=fault):
        detect_signals(series(*range(12)), **options)


@pytest.mark.parametrize("name", ["n", "se", "answered"])
def test_a_negative_error_or_count_is_refused(name):
    values = series(*range(12))
    with pytest.raises(ValueError, match="zero or more"):
        detect_signals(values, **{name: -values - 1})
