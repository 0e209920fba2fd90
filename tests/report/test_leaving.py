"""The section on who may leave says what the model knows and what it cannot know, and never names a customer."""

import json

import numpy as np
import pandas as pd
import pytest

from analytics import report
from analytics.config import Config
from analytics.publish.collect import refuse_unfounded
from analytics.report.story import Story
from analytics.tables.demo.simulate import simulate
from analytics.tables.periods import parse_period
from analytics.tables.schema import ReadLog, Tables


def story_of(tables: Tables, root) -> Story:
    organisation = {"name": "Northwind", "brands": ["Northwind"], "timezone": "Europe/London"}
    settings = {"sources": {"contacts": {"path": "x.csv"}}, "text": {"model": "fast"}, "root": root}
    config = Config(organisation=organisation, **settings)
    return Story(config, parse_period("2026-10").localise("Europe/London"), tables, ReadLog())


@pytest.fixture(scope="module")
def tables(small_demo) -> Tables:
    return small_demo[0]


@pytest.fixture(scope="module")
def story(tables, tmp_path_factory) -> Story:
    return story_of(tables, tmp_path_factory.mktemp("northwind"))


@pytest.fixture(scope="module")
def study(story):
    return report.Study(story)


@pytest.fixture(scope="module")
def section(story):
    return report.show_leaving(story)


def sentences(section):
    return [block.data["sentence"] for block in section.blocks if block.kind == "finding"]


def publishable(section):
    heading = {"kind": "markdown", "text": "## Who may leave"}
    refuse_unfounded([heading, *[b.as_json() for b in section.blocks]], 10, parse_period("2026-10").localise("UTC"))
    return section


def test_the_section_tells_said_silent_model_listening_calibration_calls_and_fairness(section):
    publishable(section)
    told = " ".join(sentences(section))
    for words in ("say that they are leaving", "had neither complained nor answered", "Of two customers", "never spoke",
                  "what customers tell us", "a call is worth its cost", "by segment"):  # fmt: skip
        assert words in told, words
    assert {"figure", "table"} <= {block.kind for block in section.blocks}
    assert section.answer.data["level"] == "finding"


def test_no_customer_is_named_in_the_section(section, tables):
    told = json.dumps([block.as_json() for block in section.blocks])
    assert not any(customer in told for customer in tables.customers["customer_id"].head(2_000))


def test_the_planted_leak_is_named_and_kept_out(story):
    (sentence,) = sentences(publishable(report.show_leaks(story)))
    assert sentence.startswith("Kept out of the model, as the column knows who left: account_status_code (")
    assert "region" not in sentence


@pytest.mark.parametrize(
    "name", ["risk", "said_against_silent", "listening", "time_to_leaving", "call_list", "fairness"]
)
def test_each_question_of_the_notebook_has_an_answer_that_may_be_published(study, name):
    section = publishable(getattr(report, f"show_{name}")(study))
    assert all("nan" not in sentence.lower().split() for sentence in sentences(section))


def test_list_model_and_card_are_kept_beside_the_data(study, story):
    report.keep_call_list(study)
    folder = story.config.resolve("data/derived/leaving/2026-10")
    assert {path.name for path in folder.iterdir()} == {"call_list.csv", "model.skops", "model_card.md"}
    calls = pd.read_csv(folder / "call_list.csv")
    assert list(calls) == ["rank", "customer_id", "risk", "expected_gain", "reasons"]
    assert len(calls) == len(study.calls)


def test_too_few_leavers_give_no_model_and_the_section_says_how_many_are_needed(tmp_path):
    story = story_of(simulate(seed=0, customers=300)[0], tmp_path)
    section = publishable(report.show_leaving(story))
    unknown = [block.data["sentence"] for block in section.unknowns]
    assert any("at least 50 are needed" in sentence for sentence in unknown)
    assert len(unknown) == len(set(unknown))
    assert not any("Of two customers" in sentence for sentence in sentences(section))


def test_without_customer_records_only_what_is_said_is_told(tables, tmp_path):
    section = publishable(report.show_leaving(story_of(Tables(surveys=tables.surveys.head(4_000)), tmp_path)))
    assert section.unknowns
    assert any("not measured" in block.data["sentence"].lower() for block in section.unknowns)


def test_without_a_relation_the_section_says_no_better_than_chance(tables, story, tmp_path):
    customers = tables.customers.assign(left_at=tables.customers["left_at"].sample(frac=1, random_state=3).to_numpy())
    shuffled = story_of(Tables(contacts=tables.contacts, surveys=tables.surveys, customers=customers), tmp_path)
    shuffled.__dict__["comments"] = story.comments  # scored once
    section = publishable(report.show_leaving(shuffled))
    auc = report.Study(shuffled).model.evaluation_["auc"]
    assert np.isfinite(auc.value) and auc.low <= 0.5
    assert any("no better than chance" in sentence for sentence in sentences(section))
