"""Problems named per period: shares by hand, the classifier's error taken out, and one false-discovery rate for all."""

import numpy as np
import pandas as pd
import pytest

from analytics.contrast.problems import NAMED, OTHER, measure_problems

HISTORY = [f"{year}-{month:02d}" for year in (2025, 2026) for month in range(1, 13)][:22]
NOW = HISTORY[-1]
THEMES = ["waiting", "courtesy", "billing_price", "transferred", "no_human"]


def errors(sensitivity=1.0, specificity=1.0, held_out=2000):
    rows = [[sensitivity, 1 - sensitivity], [1 - specificity, specificity]]
    return pd.DataFrame(np.array(rows) * held_out, [NAMED, OTHER], [NAMED, OTHER]).round().astype(int)


def month(period, written, **named):
    """Comments of a month of which the first `count` name each theme."""
    themes = [[theme for theme, count in named.items() if i < count] for i in range(written)]
    return pd.DataFrame({"period": period, "negative_themes": themes})


def simulate(rng, shares, written=300, last=None, sensitivity=1.0, specificity=1.0):
    """Labels of every month: each theme named with its share, then seen through a classifier of known error."""
    months = []
    for period in HISTORY:
        now = shares | (last or {}) if period == NOW else shares
        true = {theme: rng.random(written) < share for theme, share in now.items()}
        seen = {
            theme: np.where(named, rng.random(written) < sensitivity, rng.random(written) >= specificity)
            for theme, named in true.items()
        }
        labels = [[theme for theme in seen if seen[theme][i]] for i in range(written)]
        months.append(pd.DataFrame({"period": period, "negative_themes": labels}))
    return pd.concat(months, ignore_index=True)


def judged(comments, **error):
    now = comments[comments["period"] == NOW]
    table = measure_problems(now, comments, HISTORY, {theme: errors(**error) for theme in THEMES})
    return table.set_index("theme")


def test_with_a_faultless_classifier_the_share_is_the_count():
    table = judged(month(NOW, 200, waiting=50, courtesy=10))
    assert table.loc["waiting", ["value", "counted"]].tolist() == [0.25, 0.25]
    assert table.loc["courtesy", "counted"] == 0.05
    assert table["n"].eq(200).all()


def test_a_known_error_is_taken_out_by_hand():
    # 30 % labelled = 0.9 t + 0.1 (1 − t), so t = (0.3 − 0.1) / 0.8 = 25 %
    table = judged(month(NOW, 200, waiting=60), sensitivity=0.9, specificity=0.9)
    assert table.loc["waiting", "value"] == pytest.approx(0.25)
    assert table.loc["waiting", "counted"] == 0.3


def test_labels_that_the_error_alone_explains_are_no_open_problem():
    table = judged(month(NOW, 200, waiting=20), sensitivity=0.9, specificity=0.9)  # 10 % labelled, 10 % false labels
    assert table.loc["waiting", "value"] == pytest.approx(0.0, abs=1e-9)
    assert not table.loc["waiting", "open"]


def test_a_problem_is_open_only_when_its_whole_interval_lies_above_two_percent():
    table = judged(month(NOW, 200, waiting=50, courtesy=4))
    assert table["open"].to_dict() == dict.fromkeys(THEMES, False) | {"waiting": True}


def test_the_most_named_comes_first_and_every_theme_is_listed():
    table = judged(month(NOW, 100, courtesy=30, waiting=20))
    assert table.index.tolist()[:2] == ["courtesy", "waiting"]
    assert set(table.index) == set(THEMES)


def test_a_first_month_cannot_tell_of_movement():
    assert judged(month(NOW, 200, waiting=50))["word"].eq("cannot tell yet").all()


def test_a_planted_rise_of_one_theme_is_found_and_no_other():
    shares = dict(zip(THEMES, [0.1, 0.08, 0.05, 0.05, 0.04], strict=True))
    table = judged(simulate(np.random.default_rng(7), shares, last={"waiting": 0.3}))
    assert table.loc["waiting", "word"] == "rose"
    assert table.drop("waiting")["word"].eq("no change").all()


def test_quiet_months_say_no_change():
    shares = dict(zip(THEMES, [0.1, 0.08, 0.05, 0.05, 0.04], strict=True))
    rng = np.random.default_rng(11)
    words = pd.concat([judged(simulate(rng, shares, written=150))["word"] for _ in range(12)])
    assert words.isin(["rose", "fell"]).sum() <= 1  # 60 quiet themes, one rate of false discoveries per month
    assert (words == "no change").mean() >= 0.9


def test_corrected_shares_recover_the_truth_where_counts_do_not():
    shares = dict(zip(THEMES, [0.3, 0.2, 0.1, 0.05, 0.02], strict=True))
    rng, missed, covered, naive = np.random.default_rng(5), [], [], []
    for _ in range(10):
        comments = simulate(rng, shares, written=600, sensitivity=0.8, specificity=0.93)
        table = judged(comments[comments["period"] == NOW], sensitivity=0.8, specificity=0.93)
        truth = table.index.map(shares).to_numpy()
        missed += (table["value"] - truth).abs().tolist()
        naive += (table["counted"] - truth).abs().tolist()
        covered += (table["low"].le(truth) & table["high"].ge(truth)).tolist()
    assert np.mean(missed) <= 0.02 < np.mean(naive)
    assert np.mean(covered) >= 0.92


def test_a_month_without_comments_in_between_is_a_gap_not_a_fall_to_zero():
    months = [month(period, 200, waiting=20 + i % 3) for i, period in enumerate(HISTORY) if period != HISTORY[-2]]
    assert judged(pd.concat(months))["word"]["waiting"] in ("no change", "cannot tell yet")


def test_a_period_without_comments_is_refused():
    with pytest.raises(ValueError, match="2026-10: no comment to read problems from"):
        judged(month(HISTORY[0], 50, waiting=5))


def test_a_share_beyond_what_the_classifier_can_tell_is_not_known():
    table = judged(month(NOW, 200, waiting=160, courtesy=60), sensitivity=0.6, specificity=0.97, held_out=100)
    assert table.loc["waiting", ["value", "low", "high"]].isna().all()  # it finds 60 % at most, and tags 80 %
    assert table.loc["waiting", "counted"] == 0.8 and table.loc["waiting", "n"] == 200
    assert not table.loc["waiting", "open"]
    assert table.loc["courtesy", "value"] == pytest.approx(27 / 57, abs=0.001)


def test_a_theme_that_the_classifier_hardly_finds_is_not_counted():
    table = judged(month(NOW, 200, waiting=40), sensitivity=0.4, specificity=0.95)
    assert table["value"].isna().all()
    assert judged(month(NOW, 200, waiting=40), sensitivity=0.5, specificity=0.95)["value"].notna().all()
