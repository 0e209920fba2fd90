"""Problems named per period: shares as readers would count them, and one false-discovery rate for all movement."""

import numpy as np
import pandas as pd
import pytest

from analytics.contrast.problems import measure_problems
from analytics.measures.read_shares import SetErrors

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
    return SetErrors.fit(pd.DataFrame(rows, columns=["set", "label", "named", "read", "counted"]))


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
    table = measure_problems(now, comments, HISTORY, THEMES, errors(**error))
    return table.set_index("theme")


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
