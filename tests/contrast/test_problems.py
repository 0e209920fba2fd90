"""Problems named per period: shares as readers would count them, and one false-discovery rate for all movement."""

import numpy as np
import pandas as pd
import pytest

from analytics.contrast.problems import leading, measure_problems
from analytics.measures.estimate import Estimate
from analytics.measures.intervals import wilson_bounds
from analytics.measures.read_shares import CheckedShare
from analytics.training.set_errors import fit_set_errors

HISTORY = [f"{year}-{month:02d}" for year in (2025, 2026) for month in range(1, 13)][:22]
NOW = HISTORY[-1]
THEMES = ["waiting", "courtesy", "billing_price", "transferred", "no_human"]


def errors(read=0.2, counted=0.2, spread=0.0):
    """Six sets in which readers named each theme in about one share of texts, and the classifier in another."""
    rows = [
        (f"set {i}", theme, round(400 * (read + spread * (i - 2.5) / 2.5)), 400, counted)
        for i in range(6)
        for theme in THEMES
    ]
    return fit_set_errors(pd.DataFrame(rows, columns=["set", "label", "named", "read", "counted"]))


def month(period, written, **named):
    """Comments of a month of which the first `count` name each theme."""
    themes = [[theme for theme, count in named.items() if i < count] for i in range(written)]
    return pd.DataFrame({"period": period, "negative_themes": themes})


def simulate(rng, shares, written=300, last=None):
    """Labels of every month: each theme named with its share."""
    months = []
    for period in HISTORY:
        now = shares | (last or {}) if period == NOW else shares
        seen = {theme: rng.random(written) < share for theme, share in now.items()}
        labels = [[theme for theme in seen if seen[theme][i]] for i in range(written)]
        months.append(pd.DataFrame({"period": period, "negative_themes": labels}))
    return pd.concat(months, ignore_index=True)


def judged(comments, **error):
    now = comments[comments["period"] == NOW]
    counts = {theme: now["negative_themes"].map(lambda names, t=theme: t in names).mean() for theme in THEMES}
    unknown = CheckedShare(Estimate(np.nan, np.nan, np.nan, 0, "share", "said by customers"), "not known")
    sets = errors(**error)
    shares = {t: sets.share(count, len(now), t) if len(now) else unknown for t, count in counts.items()}
    return measure_problems(now, comments, HISTORY, shares).set_index("theme")


def test_where_readers_agreed_with_the_count_the_share_is_the_count():
    table = judged(month(NOW, 200, waiting=50, courtesy=10))
    assert table.loc["waiting", ["value", "counted", "method"]].tolist() == [pytest.approx(0.25), 0.25, "counted"]
    assert table.loc["courtesy", "counted"] == 0.05
    assert table["n"].eq(200).all()


def test_counts_that_differ_from_what_readers_found_elsewhere_widen_the_interval():
    comments = month(NOW, 200, waiting=50)
    sure, unsure = judged(comments), judged(comments, spread=0.08)
    width = unsure.loc["waiting", "high"] - unsure.loc["waiting", "low"]
    assert width > 1.3 * (sure.loc["waiting", "high"] - sure.loc["waiting", "low"])
    assert unsure.loc["waiting", "low"] <= 0.25 <= unsure.loc["waiting", "high"]


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


def test_a_month_without_comments_in_between_is_a_gap_not_a_fall_to_zero():
    months = [month(period, 200, waiting=20 + i % 3) for i, period in enumerate(HISTORY) if period != HISTORY[-2]]
    assert judged(pd.concat(months))["word"]["waiting"] in ("no change", "cannot tell yet")


def test_a_period_without_comments_is_refused():
    with pytest.raises(ValueError, match="2026-10: no comment to read problems from"):
        judged(month(HISTORY[0], 50, waiting=5))


def test_a_share_that_other_sets_leave_open_is_not_known():
    table = judged(month(NOW, 200, waiting=80), read=0.3, spread=0.25)
    assert table.loc["waiting", ["value", "low", "high"]].isna().all()
    assert table.loc["waiting", ["counted", "n", "method"]].tolist() == [0.4, 200, "not known"]
    assert not table.loc["waiting", "open"]


def shares_of(*rows):
    table = pd.DataFrame(rows, columns=["value", "low", "high", "counted"])
    return leading(table).tolist()


def test_a_theme_leads_alone_only_where_its_difference_to_every_other_is_shown():
    assert shares_of((0.3, 0.25, 0.36, 0.3), (0.1, 0.07, 0.14, 0.1)) == [True, False]
    assert shares_of((0.2, 0.14, 0.27, 0.2), (0.15, 0.1, 0.22, 0.15), (0.02, 0.01, 0.05, 0.02)) == [True, True, False]


def test_a_theme_whose_share_is_not_known_may_lead_where_it_is_tagged_as_often():
    nan = float("nan")
    assert shares_of((0.3, 0.25, 0.36, 0.2), (nan, nan, nan, 0.25), (nan, nan, nan, 0.1)) == [True, True, False]
    assert shares_of((nan, nan, nan, 0.3), (nan, nan, nan, 0.1)) == [True, True]


def test_of_two_themes_named_alike_one_is_seldom_said_to_lead():
    rng, alone = np.random.default_rng(3), 0
    for _ in range(400):
        first, second, _ = rng.multinomial(150, [0.2, 0.2, 0.6])
        rows = [(k / 150, *wilson_bounds(k / 150, 150), k / 150) for k in (first, second)]
        alone += sum(shares_of(*rows)) == 1
    assert alone <= 28  # 5 % of 400 and two standard errors
