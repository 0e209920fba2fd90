"""The sentences about what explains a problem, each made from the facts of a comparison."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analytics.config import Config, Organisation, Source, Target
from analytics.contrast.diagnosis import Account, Problem, diagnose
from analytics.contrast.drivers import BETWEEN, WITHIN
from analytics.contrast.groups import contrast_groups
from analytics.contrast.watermelon import REVERSE, WATERMELON, find_watermelons
from analytics.measures.estimate import SAID, Estimate
from analytics.publish.collect import refuse_unfounded
from analytics.report import explanation, exploring, tested
from analytics.report.bands import tell_bands
from analytics.report.story import Story
from analytics.report.words import UNTIMELY, contrast_sentences
from analytics.tables.periods import parse_period
from analytics.tables.schema import ReadLog, Tables

MONTH = parse_period("2025-03").localise("UTC")
HAS = Estimate(0.3, 0.25, 0.35, 400, "share", SAID)
CAUSES = ("because", "cause", "due to", "leads to", "drives")


def story(cases: pd.DataFrame, complaints: pd.DataFrame | None = None, **settings) -> Story:
    config = Config(organisation=Organisation(name="Acme"), sources={"contacts": Source(path="x.csv")}, **settings)
    built = Story(config, MONTH, Tables(complaints=complaints), ReadLog())
    dated = cases if "started_at" in cases else cases.assign(started_at=MONTH.start)
    built.__dict__.update(cases=dated, cases_recent=dated)
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
    blocks = explanation._diagnosis(world, "disputed", [])
    text = told(blocks)
    assert "Customers say: answers that customers dispute, 50 % (45–55) of 400 in March 2025." in text
    assert "all 200 cases that customers dispute are compared with 200 cases of the same reason whose" in text
    assert (
        "100 % of the former were solved, half of these within 3.0 hours; their customers have confirmed 100 %." in text
    )
    assert "Number of times reopened differs: on average" in text
    assert "No difference is shown in handle time per contact" in text
    assert "Not measured: time to the first answer" in text
    assert not any(word in text.lower().replace("leads to disputes", "") for word in CAUSES)
    assert [block.data["people"] for block in blocks if block.kind == "finding"] == [400]


def test_the_caution_about_untimely_cases_stands_beside_disputes(cases, complaints):
    assert UNTIMELY in told(explanation._diagnosis(story(cases, complaints), "disputed", []))


def test_where_nothing_differs_no_internal_figure_explains_it(cases):
    has = pd.Series(np.arange(400) % 2 == 0, cases["case_id"])
    found = diagnose(Problem("waiting", has, HAS), cases, ["handle_time_s"])
    (sentence,) = explanation._differences(found.frame)
    assert sentence.startswith(
        "No internal figure is shown to explain it: no difference is shown in handle time per contact (a higher figure"
    )
    assert "of 100 pairs would have been seen" in sentence
    assert explanation._company_says(replace(found, n=9, account=None)).endswith("no case has a closing stamp.")
    account = Account(0.5, 2.25, 0.25)
    assert "half of these within 2.2 hours" in explanation._company_says(replace(found, n=9, account=account))


def test_disputes_of_few_people_are_no_problem_however_many_their_complaints(cases, complaints):
    assert tested.disputes(story(cases, complaints.assign(customer_id="one"))) is None
    assert tested.disputes(story(cases, complaints)).key == "disputed"


def test_relief_is_told_by_its_kind_and_of_two_kinds_once(cases):
    cases["remedy"] = np.where(cases["disputed"], "none", "full")
    stakes = []
    world = story(cases)
    world.__dict__["cases_now"] = cases
    (block,) = explanation._relief(world, stakes)
    assert [stake.touched >= stake.more >= stake.low > 100 for stake in stakes] == [True]
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
    block = explanation._watermelon(table, "csat")
    sentence = block.data["sentence"]
    assert sentence.count("Satisfied customers:") == 1 and ", in other teams that do not stand out 50 %; " in sentence
    met = "met" if inside else "missed"
    assert f"'Fast' is {met} (" in sentence and f"goal 80 %, n = 200); 'Low' is {met} (" in sentence
    assert sentence.endswith("Ask whether it is the right target.") == (not inside) and block.data["people"] == n
    refuse_unfounded([block.as_json()])


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
    assert exploring._refusal(tests, {}).endswith(
        ": slopes differ between segments (number of contacts needed and handle time per contact); "
        "the pooled slope is not the one within segments (number of contacts needed)."
    )
    assert exploring._refusal(tests.assign(stands=False), {}) == ""


def test_a_segment_of_few_people_is_left_out_of_the_drivers_however_many_their_cases(cases):
    rng = np.random.default_rng(1)
    cases["csat"], cases["segment"] = (
        rng.integers(1, 6, 400).astype(float),
        np.where(np.arange(400) < 60, "one", "many"),
    )
    cases.loc[cases["segment"] == "one", "customer_id"] = "p0"
    table = exploring.show_drivers(story(cases)).blocks[-1].data
    assert set(table["people"]) == {340}
    lack = exploring.show_drivers(story(cases.head(60))).answer.data
    assert "fewer than 100 scored cases" in lack["sentence"]


def test_a_small_teams_clock_shows_nothing_of_it():
    frame = pd.DataFrame({"customer_clock_h": [5.0] * 34, "ended": ["confirmed"] * 30 + ["censored"] * 4})
    frame["team"], frame["customer_id"] = ["a"] * 15 + ["b"] * 15 + ["c"] * 4, range(34)
    table = exploring.show_clocks(story(frame)).answer.data
    cells = {row[0]: row[1:] for row in table["rows"]}
    assert cells["c"] == [None, None, "too few"]
    assert table["people"].count(None) == 2  # a second team hides the first from subtraction


def scored(n: int = 1200, seed: int = 0, gap: float = 0.4) -> Story:
    """Customers who are answered late are less often satisfied, by `gap`; handle time goes with nothing."""
    rng = np.random.default_rng(seed)
    hours = rng.choice([0.04, 1.5, 30.0], n, p=[0.5, 0.3, 0.2])
    happy = rng.random(n) < 0.9 - gap * (hours > 24) - gap / 4 * (hours > 1)
    frame = pd.DataFrame({"case_id": range(n), "customer_id": [f"p{i}" for i in range(n)], "first_response_h": hours})
    frame = frame.assign(csat=np.where(happy, 5.0, 1.0), handle_time_s=rng.gamma(4, 100, n), ended="censored")
    frame["started_at"] = pd.Timestamp("2025-03-10", tz="UTC")
    surveys = frame[["customer_id", "csat"]].assign(response_id=frame["case_id"].astype(str))
    world = story(frame)
    tables = Tables(surveys=surveys.assign(responded_at=frame["started_at"]))
    built = Story(world.config, MONTH, tables, ReadLog())
    built.__dict__.update(cases=frame, cases_recent=frame, cases_now=frame)
    return built


def test_a_low_score_is_set_beside_what_is_recorded_though_nobody_wrote():
    section = explanation.show_explanation(scored())
    text = told(section.blocks)
    assert "answers on satisfaction in March 2025 were 2 or lower." in text
    assert "where time to the first answer is up to 2.4 minutes" in text
    assert "where it is more than 1.5 hours" in text and "points less (" in text
    assert "No difference is shown by handle time per contact; a gap of less than " in text
    assert [block.kind for block in section.blocks].count("figure") == 1
    assert not any(word in text.lower() for word in CAUSES)
    (stake,) = section.stakes
    truth = 0.5 * 240 * 30.44 / 31  # a fifth of 1,200 customers are answered late, half of them are worse off for it
    assert stake.low < truth < 1.5 * stake.more
    refuse_unfounded([block.as_json() for block in [*section.blocks, stake.finding]])


@pytest.mark.parametrize("seed", range(4))
def test_a_score_that_goes_with_nothing_is_told_with_what_would_have_been_seen(seed):
    section = explanation.show_explanation(scored(seed=seed, gap=0.0))
    text = told(section.blocks)
    assert not section.stakes and "points less" not in text
    assert "would have been seen)" in text or "may have stayed unseen" in text


def test_every_difference_told_stands_under_one_control():
    world = scored()
    threshold = tested.cut(world)
    assert threshold <= tested.RATE
    assert [table.p_value <= threshold for table in tested.bands(world, threshold)] == [True, False]
    assert all(table.low <= 0 <= table.high for table in tested.bands(world, threshold) if not table.differs)


def test_where_nobody_is_unhappy_no_internal_figure_is_set_beside_the_score():
    world = scored()
    world.tables.surveys["csat"] = 5.0
    assert tell_bands(world, []) == []
