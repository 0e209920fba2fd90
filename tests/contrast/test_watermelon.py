"""The watermelon test, both ways, with its own false-alarm rate."""

import numpy as np
import pandas as pd
import pytest

from analytics.config import Target
from analytics.contrast.watermelon import REVERSE, WATERMELON, find_watermelons
from analytics.tables.schema import NotMeasured

FAST = Target(name="Answered in a minute", column="wait_time_s", at_most=60, share=0.8)


def queue(team: str, waits_short: int, satisfied: int, n: int = 200) -> pd.DataFrame:
    wait = np.where(np.arange(n) < waits_short, 30.0, 300.0)
    score = np.where(np.arange(n) < satisfied, 5.0, 1.0)
    return pd.DataFrame({"team": team, "wait_time_s": wait, "csat": score})


@pytest.fixture(scope="module")
def queues() -> pd.DataFrame:
    parts = [queue("green and red", 190, 90), queue("red and content", 100, 190), queue("both good", 190, 190)]
    return pd.concat([*parts, queue("borderline", 162, 90), queue("tiny", 5, 0, 5)], ignore_index=True)


def test_green_inside_and_red_to_customers_is_found_and_so_is_the_reverse(queues):
    table = find_watermelons(queues, [FAST]).set_index("group")
    assert table["finding"].to_dict() == {
        "green and red": WATERMELON, "red and content": REVERSE, "both good": "", "borderline": "", "tiny": "",
    }  # fmt: skip
    assert table["people"].dropna().eq(200).all()


def test_green_needs_the_whole_interval_above_the_goal(queues):
    row = find_watermelons(queues, [FAST]).set_index("group").loc["borderline"]
    assert row["inside"] == 0.81 and row["inside_low"] < 0.8
    assert (row["inside_verdict"], row["perceived_verdict"]) == ("unclear", "red")


def test_few_people_are_not_shown(queues):
    row = find_watermelons(queues, [FAST]).set_index("group").loc["tiny"]
    assert np.isnan(row["perceived"]) and np.isnan(row["inside"])
    assert row[["low", "high", "n", "people", "inside_n"]].isna().all() and row["finding"] == row["absent"] == ""


def test_a_target_that_is_not_measured_gives_a_row_that_says_so(queues):
    slow = Target(name="Solved today", column="company_clock_h", at_most=8)
    table = find_watermelons(queues, [FAST, slow])
    assert table.loc[table["target"].eq("Solved today"), "absent"].tolist() == ["company_clock_h"]
    with pytest.raises(NotMeasured, match="nps"):
        find_watermelons(queues, [FAST], "nps")


def test_a_target_at_least_is_met_from_above():
    cases = queue("a", 200, 50).assign(qa_score=90.0)
    other = queue("b", 200, 190).assign(qa_score=90.0)
    target = Target(name="Quality score", column="qa_score", at_least=85)
    table = find_watermelons(pd.concat([cases, other]), [target]).set_index("group")
    assert table["inside"].tolist() == [1.0, 1.0]
    assert table.loc["a", "finding"] == WATERMELON


def test_shuffled_answers_find_something_in_at_most_5_percent_and_the_rate_is_stated(queues):
    rng, alarms = np.random.default_rng(5), 0
    shuffled = queues[queues["team"].ne("tiny")].reset_index(drop=True)
    for _ in range(40):
        shuffled["csat"] = rng.permutation(shuffled["csat"].to_numpy())
        table = find_watermelons(shuffled, [FAST], seed=int(rng.integers(1000)))
        alarms += table["finding"].ne("").any()
        assert table["false_alarms"].max() <= 0.1
    assert alarms <= 5


def test_the_planted_queues_of_the_demo_are_found(demo, demo_cases):
    tables, truth = demo
    targets = [
        Target(name=column, column=column, at_most=sla["at_most"], share=sla["share"])
        for column, sla in truth.sla.items()
    ]
    table = find_watermelons(demo_cases, targets, contacts=tables.contacts)
    by_group = table.groupby("group")["finding"].agg(set)
    assert by_group[truth.watermelon_team] == {WATERMELON}
    assert by_group[truth.reverse_watermelon_team] == {REVERSE}
    assert table["false_alarms"].max() <= 0.05


@pytest.mark.parametrize(
    ("cases", "target"),
    [
        ("call_centre_cases", Target(name="a minute", column="wait_time_s", at_most=60, share=0.3)),
        ("ticket_cases", Target(name="12 hours", column="company_clock_h", at_most=12, share=0.3, by="channel")),
    ],
)
def test_nothing_is_found_where_there_is_nothing(cases, target, request):
    table = find_watermelons(request.getfixturevalue(cases), [target])
    assert (table["inside_verdict"] == "green").any()
    assert (table["finding"] == "").all()
