"""Contrasts of what customers say, checked by hand, against Simpson's paradox, on real exports and on nothing."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom

from analytics.contrast.groups import ALONE, TURNS, contrast_groups
from analytics.measures.suppress import Withheld
from analytics.report.words import UNTIMELY, contrast_sentences
from analytics.tables.schema import NotMeasured


def answers(satisfied: dict[str, tuple[int, int]], **columns) -> pd.DataFrame:
    """Cases by team: satisfied and unsatisfied customers."""
    rows = [
        (team, score)
        for team, counts in satisfied.items()
        for score, n in ((5.0, counts[0]), (1.0, counts[1]))
        for _ in range(n)
    ]
    return pd.DataFrame(rows, columns=["team", "csat"]).assign(**columns)


def test_the_difference_is_group_minus_the_others_with_its_mover_interval():
    frame = contrast_groups(answers({"a": (80, 20), "b": (30, 70)}), "csat", "team").set_index("team")
    assert frame.loc["a", ["value", "difference"]].tolist() == pytest.approx([0.8, 0.5])
    # Newcombe (1998) method 10 on 80/100 - 30/100: Wilson bounds .7112-.8667 and .2189-.3958
    assert frame.loc["a", ["difference_low", "difference_high"]].tolist() == pytest.approx([0.3695, 0.6050], abs=5e-4)
    assert frame.loc["b", "difference"] == -frame.loc["a", "difference"]
    assert frame["differs"].all()


@pytest.mark.parametrize(("n", "share"), [(10, 0.75), (20, 0.75), (20, 0.95), (40, 0.9)])
def test_a_small_group_stands_apart_as_seldom_as_its_p_value_says(n, share):
    """Over all ways in which its answers may fall, by the hypergeometric law."""
    satisfied, p = int(600 * share), []
    for hits in range(n + 1):
        frame = contrast_groups(
            answers({"a": (hits, n - hits), "b": (satisfied - hits, 600 - n - satisfied + hits)}),
            "csat",
            "team",
            cut=0.01,
        )
        p.append(frame.set_index("team").loc["a", "p_value"])
    chances = hypergeom.pmf(np.arange(n + 1), 600, satisfied, n)
    for level in (0.005, 0.0005, 0.0001):
        assert chances[np.array(p) <= level].sum() <= 1.1 * level


def test_internal_figures_are_refused_and_absent_ones_not_measured():
    cases = answers({"a": (10, 10)}, handle_time_s=300.0)
    with pytest.raises(ValueError, match=r"not 'handle_time_s'.*belongs to diagnose"):
        contrast_groups(cases, "handle_time_s", "team")
    with pytest.raises(NotMeasured, match="site"):
        contrast_groups(cases, "csat", "site")


def test_a_simpson_reversal_is_flagged():
    # b is better for each reason, but gets the hard ones
    parts = [
        answers({"a": (240, 60)}, reason="easy"), answers({"b": (45, 5)}, reason="easy"),
        answers({"a": (10, 40)}, reason="hard"), answers({"b": (105, 195)}, reason="hard"),
    ]  # fmt: skip
    found = contrast_groups(pd.concat(parts, ignore_index=True), "csat", "team")
    row = found.set_index("team").loc["a"]
    assert row["difference"] > 0 > row["adjusted_high"]
    assert row["mix"] == TURNS
    assert any("do not rank these groups" in sentence for sentence in contrast_sentences(found, "team"))


def test_a_difference_without_cases_of_the_same_kind_says_so():
    parts = [answers({"a": (80, 20)}, reason="bill"), answers({"b": (30, 70)}, reason="fault")]
    assert contrast_groups(pd.concat(parts), "csat", "team")["mix"].tolist() == [ALONE, ALONE]


def test_small_groups_are_suppressed_by_customers_not_rows():
    cases = answers({"a": (30, 30), "b": (30, 20), "c": (20, 20)})
    cases["customer_id"] = np.where(cases["team"].eq("c"), 1, np.arange(len(cases)) + 10)
    frame = contrast_groups(cases, "csat", "team").set_index("team")
    assert frame.loc["c", "withheld"] == Withheld.FEW
    assert frame.loc["c", ["value", "difference", "n"]].isna().all()
    assert not frame.loc["c", "differs"]


def test_groups_by_reason_keep_their_names():
    cases = answers({"a": (30, 30), "b": (30, 20)}).rename(columns={"team": "reason"})
    groups = contrast_groups(cases, "csat", "reason")
    assert groups["reason"].tolist() == ["a", "b"] and groups["withheld"].tolist() == ["", ""]


def test_a_numeric_group_is_cut_into_thirds():
    cases = answers({"a": (30, 30)}, value_per_year=np.arange(60.0))
    found = contrast_groups(cases, "csat", "value_per_year")
    assert found["value_per_year"].tolist() == ["highest third", "lowest third", "middle third"]
    assert found["n"].tolist() == [20, 20, 20]


def test_groups_that_do_not_differ_are_called_different_in_at_most_5_percent():
    rng, alarms = np.random.default_rng(4), 0
    for _ in range(30):
        cases = pd.DataFrame(
            {"csat": rng.integers(1, 6, 600).astype(float), "team": rng.integers(0, 20, 600).astype(str)}
        )
        alarms += contrast_groups(cases, "csat", "team")["differs"].any()
    assert alarms <= 4  # 1.5 expected; a binomial(30, .05) exceeds 4 in under 2 %


def test_the_demos_loyal_customers_and_outsourced_site_are_seen(demo_cases):
    loyalty = contrast_groups(demo_cases, "csat", "loyalty").set_index("loyalty")
    site = contrast_groups(demo_cases, "csat", "site").set_index("site")
    assert loyalty.loc["loyal", "difference_high"] < 0
    assert site.loc["outsourced", "difference_high"] < 0


def test_on_a_real_export_shift_and_tenure_are_stated_with_intervals(ecommerce_cases):
    for by in ("shift", "tenure"):
        found = contrast_groups(ecommerce_cases, "csat", by)
        shown = found[found["withheld"].eq("")]
        assert (shown["low"] < shown["value"]).all() and (shown["value"] < shown["high"]).all()
        assert not any("because" in sentence for sentence in contrast_sentences(found, by))


def test_on_real_complaints_relief_separates_disputes_and_timeliness_does_not(cfpb_cases):
    timely = contrast_groups(cfpb_cases, "disputed", "timely")
    assert not timely["differs"].any()
    assert contrast_sentences(timely, "timely")[-1] == UNTIMELY
    relief = contrast_groups(cfpb_cases, "disputed", "relief")
    by_kind = relief.set_index("relief")
    for kind in ("Closed with monetary relief", "Closed with non-monetary relief"):
        assert 0.07 <= by_kind.loc[kind, "value"] <= 0.12
        assert by_kind.loc[kind, "differs"] and by_kind.loc[kind, "difference_high"] < 0


@pytest.mark.parametrize(
    ("cases", "groups"),
    [
        ("call_centre_cases", ["team", "reason", "solved"]),
        ("ticket_cases", ["channel", "reason", "priority", "product"]),
    ],
)
def test_nothing_is_found_where_there_is_nothing(cases, groups, request):
    for by in groups:
        found = contrast_groups(request.getfixturevalue(cases), "csat", by)
        assert contrast_sentences(found, by) == [
            f"No difference in satisfied customers between groups of {by} is shown."
        ]


def test_one_persons_many_answers_are_no_difference_between_groups():
    rng = np.random.default_rng(0)
    found = {"people": 0, "answers": 0}
    for _ in range(60):
        mood = rng.choice([1.0, 5.0], 20)  # twenty people, ten answers each, all alike
        cases = pd.DataFrame({"csat": np.repeat(mood, 10), "team": np.repeat([*"ab"], 100)})
        found["answers"] += bool(contrast_groups(cases, "csat", "team")["differs"].any())
        cases["customer_id"] = np.repeat(np.arange(20), 10)
        found["people"] += bool(contrast_groups(cases, "csat", "team")["differs"].any())
    assert found["people"] <= 6 < 30 < found["answers"]


def test_a_group_that_is_nearly_everybody_is_not_set_beside_a_tiny_one_alone():
    answers = [("en", 5.0, 1_300), ("en", 1.0, 300), ("zh", 5.0, 40), ("zh", 1.0, 60), ("es", 5.0, 15)]
    rows = [{"csat": score, "language": name} for name, score, n in answers for _ in range(n)]
    table = contrast_groups(pd.DataFrame(rows), "csat", "language", within=()).set_index("language")
    assert table.loc["en", "difference"] > 0 > table.loc["zh", "difference"]
