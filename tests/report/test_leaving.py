"""The section on who may leave says what the model knows and what it cannot know, and never names a customer."""

import json
from copy import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analytics import report
from analytics.config import Config
from analytics.measures.estimate import OBSERVED, Estimate
from analytics.measures.leaving import churn, churn_views, ratios
from analytics.measures.leaving.churn_views import Listening
from analytics.measures.leaving.leakage import Leak
from analytics.publish.claims import check_claims
from analytics.publish.collect import refuse_unfounded
from analytics.report import tested
from analytics.report.leaving import describe_model, listening_sentence, model_sentence
from analytics.report.story import Story
from analytics.report.study import WORDS, fit_model
from analytics.tables.demo.simulate import simulate
from analytics.tables.periods import parse_period
from analytics.tables.schema import NotMeasured, ReadLog, Tables


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
    return tested.leaving_study(story)


@pytest.fixture(scope="module")
def section(story):
    return report.show_leaving(story)


def sentences(section):
    return [block.data["sentence"] for block in section.blocks if block.kind == "finding"]


def publishable(section):
    heading = {"kind": "markdown", "text": "## Who may leave"}
    refuse_unfounded([heading, *[b.as_json() for b in section.blocks]], 10, parse_period("2026-10").localise("UTC"))
    return section


def test_the_section_tells_said_silent_who_leaves_oftener_and_whom_to_call_and_no_more(section):
    told = sentences(publishable(section))
    for words, line in zip(("say that they are leaving", "had neither complained nor answered", "days more often who",
                            "a call is worth its cost"), told, strict=True):  # fmt: skip
        assert words in line, words
    assert {block.kind for block in section.blocks} == {"finding"}
    assert section.answer.data["level"] == "finding"


def test_silent_leavers_name_their_window_and_why_they_left_stands_with_what_would_settle_it(section):
    told = [block.data for block in section.blocks if block.kind == "finding"]
    (silent,) = [data for data in told if data["key"] == "leaving:silent"]
    assert "customers who left in the 90 days to 31 October 2026 had neither" in silent["sentence"]
    assert "in the 12 months before" in silent["sentence"]
    assert "not known" not in silent["sentence"]  # page one tells it as an answer
    (why,) = [b.data for b in section.unknowns if b.data["sentence"].startswith("Why the silent left")]
    assert (why["level"], why["settle"]) == ("unknown", "asking a sample of those who left")


def test_silent_leavers_are_one_figure_and_the_notebook_says_why_its_groups_differ(story, section):
    silent = next(b.data for b in section.blocks if b.data.get("key") == "leaving:silent")
    count = silent["sentence"].split()[0]
    table = next(b for b in report.show_said_against_silent(story).blocks if b.kind == "table")
    assert f"before leaving: in all, {count} left without a word" in table.data["note"]


def test_every_finding_about_what_goes_with_leaving_is_a_stake_and_stands_under_the_one_control(story, section):
    after = [stake for stake in section.stakes if stake.finding.data["key"].startswith("leaving:after:")]
    assert after and all(stake.p_value <= tested.cut(story) for stake in after)
    assert all(0 < stake.low <= stake.more <= stake.touched for stake in after)
    assert any("came back about a case we had closed" in stake.finding.data["sentence"] for stake in after)
    assert all(len(stake.finding.data["sentence"].split()) <= 30 for stake in after)
    assert not any("longer contacts" in stake.finding.data["sentence"] for stake in after)  # planted: no effect
    publishable(report.section.Section([stake.finding for stake in after], after[0].finding))


def test_a_short_history_gives_no_share_of_silent_leavers(tables, tmp_path):
    start = pd.Timestamp("2026-05-01", tz="UTC")
    short = {name: frame[pd.to_datetime(frame[stamp], utc=True) >= start] for name, stamp, frame in
             (("complaints", "received_at", tables.complaints), ("surveys", "invited_at", tables.surveys))}  # fmt: skip
    section = publishable(report.show_leaving(story_of(replace(tables, **short), tmp_path)))
    assert not any("had neither complained" in sentence for sentence in sentences(section))
    assert any("are on record from" in b.data["sentence"] for b in section.unknowns)


@pytest.mark.parametrize("missing", [["customers"], ["surveys", "complaints"]])
def test_what_is_not_recorded_is_said_without_a_name_of_a_table_or_column(tables, tmp_path, missing):
    section = publishable(report.show_leaving(story_of(replace(tables, **dict.fromkeys(missing)), tmp_path)))
    lines = [block.data["sentence"] + block.data["settle"] for block in section.unknowns]
    assert lines and not any(word in line for line in lines for word in ("_at", "customer_id", "table", "column"))
    assert len(lines) == len(set(lines))


def test_no_customer_is_named_in_the_section(section, tables):
    text = json.dumps([block.as_json() for block in section.blocks])
    assert not any(customer in text for customer in tables.customers["customer_id"].head(2_000))


def test_the_planted_leak_is_named_and_kept_out(story):
    (sentence,) = sentences(publishable(report.show_leaks(story)))
    assert sentence.startswith("Kept out of the model, as the column knows who left: account_status_code (")
    assert "region" not in sentence


@pytest.mark.parametrize("name", ["risk", "said_against_silent", "listening", "leaving_after", "fairness"])
def test_each_question_of_the_notebook_has_an_answer_that_may_be_published(story, name):
    section = publishable(getattr(report, f"show_{name}")(story))
    assert all("nan" not in sentence.lower().split() for sentence in sentences(section))
    tables = [block for block in section.blocks if block.kind in ("table", "figure")]
    assert all(min(block.data["people"]) >= 10 for block in tables)


def test_the_call_list_tells_of_one_customer_a_row(story):
    table = report.show_call_list(story).blocks[-1]
    assert set(table.data["people"]) == {1}
    assert "complained" in json.dumps(table.data["rows"])


@pytest.mark.parametrize(("low", "high", "verdict"), [(0.001, 0.02, "helps"), (-0.01, 0.02, "cannot tell"), (-0.03, -0.01, "does not help")])  # fmt: skip  # noqa: E501
def test_the_sentence_about_listening_claims_no_more_than_the_interval(low, high, verdict):
    auc, heard = (Estimate(v, v - 0.03, v + 0.03, 900, "share", OBSERVED) for v in (0.67, 0.36))
    gain = Estimate((low + high) / 2, low, high, 900, "share", OBSERVED)
    sentence = listening_sentence(Listening(auc, auc, gain, heard))
    assert verdict in sentence
    assert f"{100 * gain.value:+.1f} points" in sentence
    assert check_claims(sentence, [gain, auc]) == []


def test_a_model_that_only_ranks_says_so(study, story):
    assert "only ranks" not in model_sentence(study.model)
    loose = copy(study.model)
    loose.calibrated_ = False
    assert "it only ranks" in model_sentence(loose)
    ranked = story_like(story, model=loose, drawn="", now=study.now)
    assert any("is not known" in b.data["sentence"] for b in report.show_risk(ranked).blocks if b.kind == "finding")


def story_like(story, **study):
    """The story, with another study of leaving."""
    other = replace(story)
    other.facts["leaving_study",] = SimpleNamespace(story=other, **study)
    return other


def test_segments_are_said_to_differ_with_the_figure_that_differs(study, story, monkeypatch):
    rows = [{"group": g, "measure": m, "value": v, "low": v - 0.02, "high": v + 0.02, "n": 500, "unit": "share",
             "source": OBSERVED, "differs": m == "in_vain"}
            for m, values in (("missed", (0.6, 0.62)), ("in_vain", (0.2, 0.08))) for g, v in zip("ab", values, strict=True)]  # fmt: skip  # noqa: E501
    monkeypatch.setattr(churn_views, "fairness", lambda *_: pd.DataFrame(rows))
    (sentence,) = sentences(report.show_fairness(story))
    assert sentence.startswith("Calls in vain by segment") and "a 20 % (18–22) and b 8 % (6–10)" in sentence
    assert "60 %" not in sentence and sentence.endswith("Segments differ.")


def test_the_model_card_says_what_it_must_not_be_used_for(study):
    model, card = study.model, describe_model(study.model)
    assert "not to price, refuse or rank people otherwise" in card
    assert ["test", str(len(model.test_)), str(int(model.test_["left"].sum()))] in [
        line.split() for line in card.splitlines()
    ]
    assert model_sentence(model) in card


def test_the_exported_list_cannot_run_as_a_formula(story, monkeypatch):
    row = {"rank": 1, "customer_id": "=1+1", "risk": 0.5, "expected_gain": -2.5, "reasons": ("perception_nps",)}
    monkeypatch.setattr(churn_views, "rank_customers", lambda *_: pd.DataFrame([row]))
    report.keep_call_list(story)
    lines = (story.config.resolve("data/derived/leaving/2026-10") / "call_list.csv").read_text().splitlines()
    assert lines[1] == "1,'=1+1,0.5,-2.5,would not recommend us (0 to 6)"


def test_every_code_of_the_measures_has_its_words():
    assert set(WORDS["leaks"]) == set(Leak)
    assert set(WORDS["events"]) == {*churn_views.REASONS, ratios.UNANSWERED, ratios.HANDLE_TIME}
    assert set(WORDS["errors"]) == set(churn_views.ERRORS)
    assert all(set(WORDS[by]) == set(names) for by, names in churn_views.GROUPED.items())


def test_a_leak_stops_the_model_and_is_named_to_the_analyst_only(tables, tmp_path):
    story = story_of(tables, tmp_path)
    study = tested.leaving_study(story)
    leaky = study.features.assign(account_code=study.features["left_within"].map({True: "Z", False: "A"}))
    story.facts[("leaving_study",)] = replace(study, features=leaky, fitted=fit_model(leaky, story))
    unknown = publishable(report.show_risk(story)).unknowns[0].data["sentence"]
    assert "1 column knows who left" in unknown and "account_code: tells by itself who left, AUC 1.000" in unknown
    lines = " ".join(sentences(report.show_leaving(story)))
    assert "the records do not allow a model" in lines and "account_code" not in lines


def test_a_failed_fit_is_not_tried_again(tmp_path, monkeypatch):
    fits = []
    monkeypatch.setattr(churn.ChurnRiskModel, "_fit_parts", lambda self, *_: fits.append(1))
    study = tested.leaving_study(story_of(simulate(seed=0, customers=300)[0], tmp_path))
    for _ in range(2):
        with pytest.raises(NotMeasured, match="at least 50 are needed"):
            _ = study.model
    assert not fits and isinstance(study.fitted, churn.TooFewLeaversError)


def test_list_model_and_card_are_kept_beside_the_data(study, story):
    report.keep_call_list(story)
    folder = story.config.resolve("data/derived/leaving/2026-10")
    assert {path.name for path in folder.iterdir()} == {"call_list.csv", "model.json", "model_card.md"}
    calls = pd.read_csv(folder / "call_list.csv")
    assert list(calls) == ["rank", "customer_id", "risk", "expected_gain", "reasons"]
    assert len(calls) == len(study.calls)


def test_the_list_of_one_part_does_not_replace_that_of_another(story, monkeypatch):
    for part, customer in {"North & East": "c1", "South": "c2"}.items():
        ranked = pd.DataFrame({"customer_id": [customer], "reasons": [()]})
        monkeypatch.setattr(churn_views, "rank_customers", lambda *_, ranked=ranked: ranked)
        monkeypatch.setitem(story.__dict__, "part", part)
        report.keep_call_list(story)
    for part, customer in {"north-east": "c1", "south": "c2"}.items():
        assert customer in (story.config.derived(f"leaving-{part}/2026-10/call_list.csv")).read_text()


def test_too_few_leavers_give_no_model_and_the_section_says_how_many_are_needed(tmp_path):
    story = story_of(simulate(seed=0, customers=300)[0], tmp_path)
    section = publishable(report.show_leaving(story))
    unknown = [block.data["sentence"] for block in section.unknowns]
    assert any("at least 50 are needed" in sentence for sentence in unknown)
    assert len(unknown) == len(set(unknown))
    assert not any("a call is worth" in sentence for sentence in sentences(section))


def test_leavers_fewer_than_the_smallest_group_are_not_counted_in_words_and_do_not_stop_the_report(tables, tmp_path):
    customers = tables.customers.assign(left_at=lambda t: t["left_at"].where(t["left_at"].notna().cumsum() % 150 == 1))
    story = story_of(Tables(contacts=tables.contacts, surveys=tables.surveys, customers=customers), tmp_path)
    assert 0 < tested.leaving_study(story).features.query("left_within == True")["customer_id"].nunique() < story.k
    told = [block.data["sentence"] for show in (report.show_leaving, report.show_risk)
            for block in publishable(show(story)).unknowns]  # fmt: skip
    assert sum(f"fewer than {story.k} customers left in the time looked at" in line for line in told) == 2


def test_without_customer_records_only_what_is_said_is_told(tables, tmp_path):
    section = publishable(report.show_leaving(story_of(Tables(surveys=tables.surveys.head(4_000)), tmp_path)))
    assert section.unknowns
    assert any("when customers left is not recorded" in block.data["sentence"] for block in section.unknowns)


def test_without_a_relation_the_section_says_no_better_than_chance(tables, story, tmp_path):
    customers = tables.customers.assign(left_at=tables.customers["left_at"].sample(frac=1, random_state=3).to_numpy())
    shuffled = story_of(Tables(contacts=tables.contacts, surveys=tables.surveys, customers=customers), tmp_path)
    shuffled.__dict__ |= {
        "comments": story.comments,
        "_texts": story._texts,
        "_scored": story._scored,
    }  # read and scored once
    section = publishable(report.show_leaving(shuffled))
    auc = tested.leaving_study(shuffled).model.evaluation_["auc"]
    assert np.isfinite(auc.value) and auc.low <= 0.5
    assert any("no better than chance" in sentence for sentence in sentences(section))
    assert not any("a call is worth" in sentence or "more often" in sentence for sentence in sentences(section))
