import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta
from statsmodels.stats.proportion import proportion_confint

from analytics.measures.estimate import OBSERVED, SAID
from analytics.measures.intervals import effective_n, wilson_bounds
from analytics.measures.scores import (
    NoAnswersError,
    customer_effort,
    mean_score,
    net_promoter_score,
    net_sentiment,
    response_rate,
    share,
    top_box_share,
)

MEASURES = [net_promoter_score, top_box_share, customer_effort, mean_score]


def answers(promoters, passives, detractors):
    return pd.Series([10] * promoters + [8] * passives + [3] * detractors)


def test_net_promoter_score_by_hand_with_its_adjusted_wald_interval():
    score = net_promoter_score(answers(50, 30, 20))
    # p + d = 71.5 / 103, p - d = 30 / 103; half = 1.95996 * sqrt((.694175 - .084834) / 103) = .150752
    assert score.value == 30
    assert score.low == pytest.approx(100 * (30 / 103 - 0.150752), abs=1e-3)
    assert score.high == pytest.approx(100 * (30 / 103 + 0.150752), abs=1e-3)
    assert (score.n, score.unit, score.source) == (100, "points", SAID)


@pytest.mark.parametrize(("n", "margin"), [(100, 15), (400, 7.6), (1000, 4.8)])
def test_margins_of_a_score_of_thirty(n, margin):
    score = net_promoter_score(answers(n // 2, 3 * n // 10, n // 5))
    assert (score.high - score.low) / 2 == pytest.approx(margin, abs=0.1)


def test_net_promoter_score_of_all_passives_is_zero_but_not_certain():
    score = net_promoter_score(answers(0, 10, 0))
    assert score.value == 0
    assert score.low < -10 < 10 < score.high


def test_a_single_promoter_proves_almost_nothing():
    score = net_promoter_score(pd.Series([10]))
    assert (score.value, score.high) == (100, 100)
    assert score.low < -40


def test_cut_points_of_promoters_and_detractors():
    assert [net_promoter_score(pd.Series([a])).value for a in (0, 6, 7, 8, 9, 10)] == [-100, -100, 0, 0, 100, 100]


@pytest.mark.parametrize("probabilities", [(0.2, 0.3, 0.5), (0.05, 0.15, 0.8), (0.5, 0.4, 0.1)])
@pytest.mark.parametrize("n", [20, 100])
def test_net_promoter_interval_covers_near_ninety_five_per_cent(n, probabilities):
    rng = np.random.default_rng(5)
    truth = 100 * (probabilities[2] - probabilities[0])
    covered = 0
    for counts in rng.multinomial(n, probabilities, size=600):
        score = net_promoter_score(answers(counts[2], counts[1], counts[0]))
        covered += score.low <= truth <= score.high
    assert 0.925 <= covered / 600 <= 0.99


def test_plain_wald_would_have_covered_too_little_where_ours_does_not():
    rng = np.random.default_rng(0)
    n, p, d = 20, 0.85, 0.05
    ours = wald = 0
    for promoters, passives, detractors in rng.multinomial(n, (p, 1 - p - d, d), size=1_000):
        score = net_promoter_score(answers(promoters, passives, detractors))
        net = (promoters - detractors) / n
        half = 1.96 * np.sqrt(((promoters + detractors) / n - net**2) / n)
        ours += score.low <= 100 * (p - d) <= score.high
        wald += abs(net - (p - d)) <= half
    assert wald / 1_000 < 0.91 < 0.93 < ours / 1_000


def test_top_box_is_a_wilson_share():
    satisfied = top_box_share(pd.Series([5, 4, 4, 2, 1, None, 3, 5, 5, 5]))
    low, high = proportion_confint(6, 9, method="wilson")
    assert (satisfied.value, satisfied.n, satisfied.unit) == (6 / 9, 9, "share")
    assert (satisfied.low, satisfied.high) == pytest.approx((low, high))


def test_top_box_can_be_the_top_answer_only():
    assert top_box_share(pd.Series([5, 4, 4, 5]), top=5).value == 0.5


def test_wilson_bounds_of_newcombe():
    # Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3: 81/263, 15/148, 0/20, 1/29
    low, high = wilson_bounds([81 / 263, 15 / 148, 0 / 20, 1 / 29], [263, 148, 20, 29])
    assert low == pytest.approx([0.2553, 0.0624, 0.0, 0.0061], abs=5e-5)
    assert high == pytest.approx([0.3662, 0.1605, 0.1611, 0.1718], abs=5e-5)


def test_wilson_bounds_of_nobody_are_unknown():
    assert np.isnan(wilson_bounds(np.nan, 0)).all()


def test_customer_effort_by_hand():
    effort = customer_effort(pd.Series([7, 6, 5, 2, None]))
    assert (effort.value, effort.n, effort.unit) == (5.0, 4, "score")
    assert 1 <= effort.low < 5 < effort.high <= 7


def test_alike_answers_leave_the_certainty_of_clopper_and_pearson():
    effort = customer_effort(pd.Series([7] * 10))
    unseen = beta.ppf(0.975, 1, 10)  # largest share of other answers compatible with none in ten
    assert effort.low == pytest.approx(7 - 6 * unseen, abs=0.1)
    assert effort.high == 7


def test_the_bootstrap_gives_the_same_interval_twice():
    s = pd.Series([1, 4, 4, 6, 7, 7])
    assert customer_effort(s) == customer_effort(s)


@pytest.mark.parametrize("n", [10, 60])
def test_mean_interval_covers_a_skewed_answer_pattern(n):
    rng = np.random.default_rng(11)
    shape = [0.03, 0.02, 0.05, 0.1, 0.8]
    truth = float(np.arange(1, 6) @ shape)
    found = [mean_score(pd.Series(rng.choice(np.arange(1, 6), n, p=shape))) for _ in range(250)]
    assert np.mean([e.low <= truth <= e.high for e in found]) >= 0.93


def test_mean_of_many_different_values_uses_the_normal_limit():
    values = pd.Series(np.random.default_rng(1).exponential(10, 5_000))
    hours = mean_score(values, scale=None)
    assert hours.high - hours.value == pytest.approx(1.96 * values.std() / np.sqrt(5_000), rel=0.01)


def test_one_answer_on_an_open_scale_has_no_interval():
    hours = mean_score(pd.Series([12.0]), scale=None)
    assert hours.value == 12
    assert np.isnan([hours.low, hours.high]).all()


def test_net_sentiment_leaves_unknown_out():
    mood = net_sentiment(pd.Series(["positive", "negative", "negative", "neutral", "unknown", None]))
    assert (mood.value, mood.n, mood.unit) == (-25, 4, "points")


def test_net_sentiment_of_unknown_only_is_undefined():
    with pytest.raises(NoAnswersError, match="no answer to measure"):
        net_sentiment(pd.Series(["unknown", None]))


def test_net_sentiment_names_a_strange_label():
    with pytest.raises(ValueError, match=r"labels \['angry'\]"):
        net_sentiment(pd.Series(["angry", "positive"]))


def test_response_rate_counts_the_silent():
    rate = response_rate(pd.Series(pd.to_datetime(["2025-03-01", None, None, None], utc=True)))
    assert (rate.value, rate.n, rate.source) == (0.25, 4, OBSERVED)
    assert response_rate(pd.Series([True, False, None, True], dtype="boolean")).value == pytest.approx(2 / 3)


def test_share_keeps_its_source():
    assert share(pd.Series([True, False]), source=OBSERVED).source == OBSERVED


@pytest.mark.parametrize("measure", MEASURES)
def test_no_answer_is_refused_not_zero(measure):
    with pytest.raises(ValueError, match="no answer to measure: all 2 values are missing"):
        measure(pd.Series([None, np.nan]))
    with pytest.raises(ValueError, match="no answer to measure"):
        measure(pd.Series([], dtype=float))


@pytest.mark.parametrize("measure", MEASURES)
def test_values_off_the_scale_are_named(measure):
    with pytest.raises(ValueError, match=r"column 'score' has 2 values outside .*: -1, 11"):
        measure(pd.Series([5, 11, -1, None], name="score"))


def test_half_a_promoter_answer_is_refused():
    with pytest.raises(ValueError, match="whole numbers from 0 to 10; found 8.5"):
        net_promoter_score(pd.Series([8.5, 9]))


def test_text_is_refused():
    with pytest.raises(ValueError, match="Unable to parse"):
        net_promoter_score(pd.Series(["very likely", "9"]))


def test_confidence_outside_its_range_is_refused():
    with pytest.raises(ValueError, match="confidence is 95"):
        net_promoter_score(pd.Series([9]), confidence=95)


def test_weights_shift_the_value_and_cost_certainty():
    s = pd.Series([10, 10, 0, 0])
    weighted = net_promoter_score(s, weights=pd.Series([3, 3, 1, 1]))
    assert weighted.value == pytest.approx(50)
    assert weighted.n == 4
    assert effective_n(np.array([3, 3, 1, 1])) == pytest.approx(3.2)


def test_equal_weights_change_nothing():
    s = pd.Series([10, 9, 8, 2, None])
    assert net_promoter_score(s, weights=pd.Series([2.0] * 5)) == net_promoter_score(s)
    assert customer_effort(s[3:], weights=pd.Series([0.1, 0.1], index=[3, 4])).value == 2


def test_weights_that_do_not_add_up_exactly_stay_on_the_scale():
    s, w = pd.Series([10] * 7), pd.Series([0.1, 0.7, 1 / 3, 0.9, 1e-9, 3.3, 0.2])
    assert net_promoter_score(s, weights=w).value <= 100
    assert top_box_share(s / 2, weights=w).high <= 1
    assert mean_score(s / 2, weights=w).value == 5


def test_weights_of_missing_answers_do_not_count():
    score = net_promoter_score(pd.Series([10, None, 0]), weights=pd.Series([1.0, 99.0, 1.0]))
    assert (score.value, score.n) == (0, 2)


def test_faulty_weights_are_refused():
    s = pd.Series([10, 0])
    with pytest.raises(ValueError, match="another index"):
        net_promoter_score(s, weights=pd.Series([1, 1], index=[5, 6]))
    with pytest.raises(ValueError, match="finite numbers of zero or more"):
        net_promoter_score(s, weights=pd.Series([1, -1]))
    with pytest.raises(ValueError, match="weights of all answers are zero"):
        net_promoter_score(s, weights=pd.Series([0, 0]))


def test_weighted_interval_covers_the_population_under_unequal_sampling():
    rng = np.random.default_rng(8)
    covered = 0
    for _ in range(400):  # stratum a is a fifth of the population and half of the sample
        s = pd.Series(
            np.r_[rng.choice([10, 8, 2], 60, p=[0.2, 0.3, 0.5]), rng.choice([10, 8, 2], 60, p=[0.6, 0.3, 0.1])]
        )
        score = net_promoter_score(s, weights=pd.Series([0.4] * 60 + [1.6] * 60))
        covered += score.low <= 0.2 * -30 + 0.8 * 50 <= score.high
    assert 0.93 <= covered / 400 <= 0.99


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 10), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_properties_of_the_net_promoter_score(values, random):
    s = pd.Series(values)
    before = s.copy()
    score = net_promoter_score(s)
    shuffled = values.copy()
    random.shuffle(shuffled)
    assert -100 <= score.low <= score.value <= score.high <= 100
    assert net_promoter_score(pd.Series(shuffled)).value == pytest.approx(score.value)
    assert net_promoter_score(s, confidence=0.8).low >= score.low
    pd.testing.assert_series_equal(s, before)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=40))
def test_more_answers_alike_are_never_less_certain(values):
    few, many = mean_score(pd.Series(values)), mean_score(pd.Series(values * 9))
    assert 1 <= few.low <= few.value <= few.high <= 5
    assert many.high - many.low < few.high - few.low


def test_airport_survey_uses_its_design_weights_and_leaves_blanks_out(datasets):
    survey = pd.read_csv(datasets / "sfo-survey" / "fact_survey.csv", low_memory=False)
    with pytest.raises(ValueError, match=r"values outside 0-10: 11"):
        net_promoter_score(survey["NETPRO"])
    recommend = survey["NETPRO"].where(survey["NETPRO"] <= 10)
    weighted = net_promoter_score(recommend, weights=survey["WEIGHT"])
    plain = net_promoter_score(recommend)
    assert weighted.n == plain.n == recommend.notna().sum()
    assert weighted.high - weighted.low > plain.high - plain.low
    w = survey["WEIGHT"].where(recommend.notna())
    by_hand = 100 * (w[recommend >= 9].sum() - w[recommend <= 6].sum()) / w.sum()
    assert weighted.value == pytest.approx(by_hand)


def _several_by_one(rng, people=60, share=0.3, alike=0.9):
    """Answers of people with skewed counts; a person's answers are alike to the degree `alike`."""
    counts = 1 + np.floor(rng.lognormal(0, 1, people)).astype(int)
    scale = 1 / alike - 1
    own = rng.beta(share * scale, (1 - share) * scale, people)
    who = np.repeat(np.arange(people), counts)
    return pd.Series(rng.random(len(who)) < own[who]), pd.Series(who)


@pytest.mark.parametrize(("share_of_all", "people"), [(0.5, 40), (0.3, 60), (0.15, 120)])
def test_intervals_cover_where_few_people_give_many_answers(share_of_all, people):
    rng = np.random.default_rng(people)
    scores = {"share": share, "nps": net_promoter_score, "mean": customer_effort}
    values = {"share": (True, False), "nps": (10, 0), "mean": (7, 1)}
    truth = {"share": share_of_all, "nps": 200 * share_of_all - 100, "mean": 1 + 6 * share_of_all}
    held, held_before = dict.fromkeys(scores, 0), 0
    for _ in range(300):
        yes, who = _several_by_one(rng, people, share_of_all)
        for name, measure in scores.items():
            e = measure(yes.map(dict(zip((True, False), values[name], strict=True))), clusters=who)
            held[name] += e.low <= truth[name] <= e.high
        before = share(yes)
        held_before += before.low <= share_of_all <= before.high
    assert min(held.values()) / 300 >= 0.93
    assert held_before / 300 < 0.8, "answers taken for people are far too certain"


def test_answers_of_different_people_keep_their_interval_to_the_last_digit():
    answers = pd.Series([10, 9, 9, 8, 3, 0, None, 7])
    ids = pd.Series([*"abcdefgh"])
    weights = pd.Series([1.0, 2, 1, 1, 3, 1, 1, 1])
    assert net_promoter_score(answers, clusters=ids) == net_promoter_score(answers)
    assert net_promoter_score(answers, weights=weights, clusters=ids) == net_promoter_score(answers, weights=weights)
    assert net_promoter_score(answers, clusters=ids.mask(ids > "c")) == net_promoter_score(answers), (
        "nobody named twice"
    )


def test_people_are_counted_and_one_persons_answers_prove_less():
    answers, ids = pd.Series([5, 5, 5, 5, 1, 1, 1, 1]), pd.Series([*"aabbccdd"])
    one_by_one, by_person = top_box_share(answers), top_box_share(answers, clusters=ids)
    assert (one_by_one.n, by_person.n) == (8, 4)
    assert by_person.value == one_by_one.value
    assert by_person.low < one_by_one.low < one_by_one.high < by_person.high
    weighted = top_box_share(answers, weights=pd.Series([1.0, 1, 1, 1, 1, 1, 1, 9]), clusters=ids)
    assert weighted.value == pytest.approx(0.25)
    assert weighted.n == 4


def test_a_person_whose_answers_are_all_there_is_proves_as_little_as_one_answer():
    e = top_box_share(pd.Series([5] * 20), clusters=pd.Series(["a"] * 20))
    assert (e.n, e.low) == (1, pytest.approx(top_box_share(pd.Series([5])).low))


def test_clusters_of_another_index_are_refused():
    with pytest.raises(ValueError, match="another index"):
        share(pd.Series([True, False]), clusters=pd.Series(["a", "b"], index=[4, 5]))


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_only_the_ratios_of_weights_count(size):
    answers, w = pd.Series([10.0, 9, 3, 7, 0]), pd.Series([1.0, 2, 1, 0, 3])
    plain, scaled = (net_promoter_score(answers, weights=weights) for weights in (w, w * size))
    assert scaled.low == pytest.approx(plain.low)


@pytest.mark.parametrize("measure", [net_promoter_score, top_box_share, customer_effort])
def test_true_and_false_are_no_answers_on_a_scale(measure):
    with pytest.raises(ValueError, match="answers are numbers on a scale"):
        measure(pd.Series([True, False, True]))
