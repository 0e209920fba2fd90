"""The sentences about what explains a problem, each made from the facts of a comparison."""

import numpy as np
import pandas as pd
import pytest

from analytics.config import Config, Organisation, Source, Target
from analytics.contrast.diagnosis import Account, Diagnosis, Problem, diagnose
from analytics.contrast.drivers import BETWEEN, WITHIN
from analytics.contrast.groups import contrast_groups
from analytics.contrast.watermelon import REVERSE, WATERMELON, find_watermelons
from analytics.measures.estimate import SAID, Estimate
from analytics.report import explanation
from analytics.report.story import Story
from analytics.report.words import UNTIMELY, contrast_sentences
from analytics.tables.periods import parse_period
from analytics.tables.schema import NotMeasured, ReadLog, Tables

MONTH = parse_period("2025-03").localise("UTC")
HAS = Estimate(0.3, 0.25, 0.35, 400, "share", SAID)
CAUSES = ("because", "cause", "due to", "leads to", "drives")


def story(cases: pd.DataFrame, complaints: pd.DataFrame | None = None, **settings) -> Story:
    config = Config(organisation=Organisation(name="Acme"), sources={"contacts": Source(path="x.csv")}, **settings)
    built = Story(config, MONTH, Tables(complaints=complaints), ReadLog())
    built.__dict__.update(cases=cases, cases_recent=cases)
    return built


@pytest.fixture
def cases() -> pd.DataFrame:
    """Half dispute their answer: reopened more often; handle time is the same; all are the same kind of case."""
    rng, n = np.random.default_rng(7), 400
    frame = pd.DataFrame({"case_id": [f"k{i}" for i in range(n)], "customer_id": [f"p{i}" for i in range(n)]})
    frame["disputed"] = pd.array(np.arange(n) < 200, dtype="boolean")
    frame["reopens"] = rng.poisson(np.where(np.arange(n) < 200, 1.0, 0.2)).astype(float)
    frame["handle_time_s"], frame["timely"] = rng.gamma(4, 100, n), rng.integers(0, 2, n).astype(float)
    frame["company_clock_h"], frame["ended"], frame["reason"] = 3.0, "confirmed", "bill"
    return frame


@pytest.fixture
def complaints(cases) -> pd.DataFrame:
    frame = cases[["case_id", "customer_id", "disputed"]].assign(received_at=pd.Timestamp("2025-03-10", tz="UTC"))
    return frame.assign(complaint_id=frame["case_id"])


def told(blocks) -> str:
    return " ".join(block.data.get("sentence") or block.data.get("text", "") for block in blocks)


def test_a_diagnosis_says_both_accounts_then_what_differs_then_what_does_not(cases, complaints):
    world = story(cases, complaints)
    blocks = explanation._diagnosis(world, explanation._disputes(world))
    text = told(blocks)
    assert "Customers say: answers that customers dispute, 50 % (45–55, n = 400) in March 2025." in text
    assert "all the 200 cases that have the problem are compared with 200 cases of the same reason whose" in text
    assert (
        "100 % of these cases were solved, half of them within 3.0 hours; their customers have confirmed 100 % (n"
        in text
    )
    assert "Number of times reopened differs: on average" in text
    assert "No difference is shown in handle time per contact" in text
    assert "Not measured: time to the first answer" in text
    assert not any(word in text.lower().replace("leads to disputes", "") for word in CAUSES)
    assert [block.data["people"] for block in blocks if block.kind == "finding"] == [400]
    assert set(blocks[-1].data["people"]) == {200}


def test_the_caution_about_untimely_cases_hangs_on_the_key_and_on_nothing_in_the_name(cases, complaints):
    world = story(cases, complaints)
    disputes = explanation._disputes(world)
    assert UNTIMELY in told(explanation._diagnosis(world, disputes))
    world.__dict__["critical"] = complaints
    theme = Problem("bills that customers dispute", disputes.has, HAS, key="billing_price")
    assert UNTIMELY not in told(explanation._diagnosis(world, theme))


def test_where_nothing_differs_no_internal_figure_explains_it(cases):
    has = pd.Series(np.arange(400) % 2 == 0, cases["case_id"])
    found = diagnose(Problem("waiting", has, HAS), cases, ["handle_time_s"])
    assert explanation._differences(found.frame) == [
        "No internal figure explains it: no difference is shown in handle time per contact."
    ]
    assert explanation._company_says(Diagnosis(found.problem, found.frame, 9, 9, 9, (), None)).endswith(
        "no resolved_at."
    )
    account = Account(0.5, 2.25, 0.25)
    assert "half of them within 2.2 hours" in explanation._company_says(
        Diagnosis(found.problem, found.frame, 9, 9, 9, (), account)
    )


def test_disputes_of_few_people_are_no_problem_however_many_their_complaints(cases, complaints):
    assert explanation._disputes(story(cases, complaints.assign(customer_id="one"))) is None
    assert explanation._disputes(story(cases, complaints)).key == "disputed"


def test_relief_is_told_by_its_kind_and_of_two_kinds_once(cases):
    cases["remedy"] = np.where(cases["disputed"], "none", "full")
    (block,) = explanation._relief(story(cases))
    assert block.data["text"].startswith("- Full relief: answers disputed 0 % (0–2, n = 200), 100 points below the oth")
    assert "No relief" not in block.data["text"]


def test_groups_are_told_with_their_difference_and_small_ones_only_counted():
    parts = [("a", 10, 40), ("b", 40, 10), ("c", 2, 3), ("d", 4, 4)]
    frame = pd.DataFrame(
        [{"team": team, "csat": 5.0 if i < happy else 1.0} for team, happy, not_ in parts for i in range(happy + not_)]
    )
    sentences = contrast_sentences(contrast_groups(frame, "csat", "team"), "team")
    assert sentences[-1] == "2 of 4 groups are too small to show."
    assert sentences[0].startswith("team a: satisfied customers 20 % (11–33, n = 50), 53 points below the others (")
    same = contrast_groups(frame[frame["team"].isin(["a"])], "csat", "team")
    assert contrast_sentences(same, "team") == ["No difference in satisfied customers between groups of team is shown."]


@pytest.mark.parametrize(("inside", "verdict"), [(True, WATERMELON), (False, REVERSE)])
def test_a_group_that_several_targets_call_alike_gets_one_sentence_that_names_them_all(inside, verdict):
    n = 200
    frame = pd.DataFrame({"team": ["a"] * n + ["b"] * n, "csat": [1.0 if inside else 5.0] * n + [5.0, 1.0] * (n // 2)})
    frame["wait_time_s"] = frame["qa_score"] = np.where(frame["team"].eq("a") == inside, 10.0, 90.0)
    targets = [
        Target(name="Fast", column="wait_time_s", at_most=60, share=0.8),
        Target(name="Low", column="qa_score", at_most=60, share=0.7),
    ]
    table = find_watermelons(frame, targets).query("group == 'a'")
    assert table["finding"].tolist() == [verdict, verdict]
    block = explanation._watermelon(table, "csat", "share")
    sentence = block.data["sentence"]
    assert sentence.count("Satisfied customers:") == 1 and ", elsewhere 50 %; " in sentence
    assert "'Fast' is met in" in sentence and "(goal 80 %, n = 200); 'Low' is met in" in sentence
    assert ("customers are content." in sentence) == (not inside) and block.data["people"] == n
    assert "stop" not in sentence  # no advice that no evidence carries


def test_segments_that_disagree_are_told_in_a_readers_words_and_agreement_in_none():
    tests = pd.DataFrame(
        [
            ("contacts", BETWEEN, True),
            ("handle_time_s", BETWEEN, True),
            ("contacts", WITHIN, True),
            ("x", WITHIN, False),
        ],
        columns=["driver", "kind", "stands"],
    )
    assert explanation._refusal(tests).endswith(
        ": slopes differ between segments (number of contacts needed and handle time per contact); "
        "the pooled slope is not the one within segments (number of contacts needed)."
    )
    assert explanation._refusal(tests.assign(stands=False)) == ""


def test_a_segment_of_few_people_is_left_out_of_the_drivers_however_many_their_cases(cases):
    rng = np.random.default_rng(1)
    cases["csat"], cases["segment"] = (
        rng.integers(1, 6, 400).astype(float),
        np.where(np.arange(400) < 60, "one", "many"),
    )
    cases.loc[cases["segment"] == "one", "customer_id"] = "p0"
    table = explanation._drivers(story(cases))[-1].data
    assert set(table["people"]) == {340}
    with pytest.raises(NotMeasured, match="fewer than 100 scored cases"):
        explanation._drivers(story(cases.head(60)))


def test_a_small_teams_clock_shows_nothing_of_it():
    frame = pd.DataFrame({"customer_clock_h": [5.0] * 34, "ended": ["confirmed"] * 30 + ["censored"] * 4})
    frame["team"], frame["customer_id"] = ["a"] * 15 + ["b"] * 15 + ["c"] * 4, range(34)
    table = explanation._clocks(story(frame))[1].data
    cells = {row[0]: row[1:] for row in table["rows"]}
    assert cells["c"] == [None, None, "too few"]
    assert table["people"].count(None) == 2  # a second team hides the first from subtraction
