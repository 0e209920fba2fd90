"""When a model of the organisation's own speaks in a report, and what its shares of moods rest on."""

import sys

import numpy as np
import pandas as pd
import pytest

from analytics import report
from analytics.config import Config
from analytics.publish.claims import check_claims
from analytics.report.story import Story
from analytics.report.words import say
from analytics.tables.periods import parse_period
from analytics.tables.schema import ReadLog, Tables
from analytics.text.adapt import MoodTrial
from analytics.text.own_themes import ThemeList
from analytics.text.readings import RANDOM, LabelStore, Reading, _row, draw_pool

BAD = ["The router {} was late and nobody called", "Waited {} days, still no answer at all"]
GOOD = ["Thank you, visit {} was great", "Very friendly help on order {}"]


class Contrary:
    """Takes whatever is written for the mood opposite, always."""

    classes_ = np.array(["negative", "neutral", "positive"])
    version = "7"

    def predict_proba(self, texts):
        good = np.array([text.lower().startswith(("thank", "very")) for text in texts])
        return np.where(good[:, None], [0.98, 0.01, 0.01], [0.01, 0.01, 0.98])


@pytest.fixture
def organisation(tmp_path, monkeypatch):
    """260 comments of one month, half of them unhappy, and a model that takes each for its opposite."""
    monkeypatch.setitem(sys.modules, "acme_models", type(sys)("acme_models"))
    sys.modules["acme_models"].mood = Contrary
    words = [(BAD if i % 2 else GOOD)[i // 2 % 2].format(i) for i in range(260)]
    at = pd.Timestamp("2026-10-10", tz="UTC")
    surveys = pd.DataFrame({"response_id": [f"r{i}" for i in range(260)], "comment": words, "nps": 7.0})
    tables = Tables(surveys=surveys.assign(customer_id=surveys["response_id"], invited_at=at, responded_at=at))
    text = {"model": "acme_models:mood", "readings": "read.csv"}
    config = Config(organisation={"name": "Acme"}, sources={"surveys": {"path": "x"}}, text=text, root=tmp_path)

    def read(count):
        pool = draw_pool(tables, parse_period("2026-10").localise("UTC")).head(count)
        moods = ["positive" if text.startswith(("Thank", "Very")) else "negative" for text in pool["text"]]
        pairs = zip(pool["text_hash"], moods, strict=True)
        LabelStore(tmp_path / "read.csv").add(
            *(_row(key, Reading(mood), "Ann", "2026-10", RANDOM, ThemeList(config.themes)) for key, mood in pairs)
        )
        return Story(config, parse_period("2026-10").localise("UTC"), tables, ReadLog())

    return read


def provenance(story):
    return " ".join(str(block.data.get("text", "")) for block in report.show_provenance(story).blocks)


def test_until_two_hundred_texts_are_read_the_shipped_model_speaks_and_the_report_says_so(organisation):
    story = organisation(199)
    assert (
        story.comments["sentiment"].eq("negative") == story.comments["text"].str.contains("late|Waited")
    ).mean() > 0.9
    assert not story.comments["model"].str.contains("own").any()
    assert "does not speak yet: 199 texts drawn at random are read, and it takes 200" in provenance(story)


def test_from_then_on_ones_own_speaks_and_its_errors_on_the_readings_correct_its_shares(organisation):
    story = organisation(200)
    assert (story.comments["sentiment"].eq("positive") == story.comments["text"].str.contains("late|Waited")).all()
    assert story.comments["model"].str.endswith("+own-acme_models:mood-7").all()
    assert "read by your own model acme_models:mood-7" in provenance(story)
    share = story.shares_of(["negative"], story.written)["negative"]
    assert (share.method, share.read) == ("read", 200)
    assert share.estimate.low < 0.5 < share.estimate.high


def test_readings_elsewhere_say_nothing_of_ones_own_errors(organisation):
    story = organisation(200)
    story.__dict__["readings"] = story.readings.iloc[:0]
    assert story.shares_of(["negative"], story.written)["negative"].method == "not known"


PLAIN = ["It arrived on day {}", "I came by bus number {}"]  # neutral by the shipped model, praise in this house


@pytest.fixture
def scored(tmp_path):
    """300 comments with a score beside them; of what kind readers take the plain ones for is the test's."""
    words = [(BAD if i % 2 else PLAIN)[i // 2 % 2].format(i) for i in range(300)]
    at = pd.Timestamp("2026-10-10", tz="UTC")
    surveys = pd.DataFrame({"response_id": [f"r{i}" for i in range(300)], "comment": words, "csat": [5.0, 1.0] * 150})
    tables = Tables(surveys=surveys.assign(customer_id=surveys["response_id"], invited_at=at, responded_at=at))
    text = {"model": "fast", "readings": "read.csv"}
    config = Config(organisation={"name": "Acme"}, sources={"surveys": {"path": "x"}}, text=text, root=tmp_path)

    def read(count, plain):
        pool = draw_pool(tables, parse_period("2026-10").localise("UTC")).head(count)
        moods = ["negative" if "late" in text or "Waited" in text else plain for text in pool["text"]]
        pairs = zip(pool["text_hash"], moods, strict=True)
        rows = [_row(key, Reading(mood), "Ann", "2026-10", RANDOM, ThemeList(config.themes)) for key, mood in pairs]
        LabelStore(tmp_path / "read.csv").add(*rows)
        return Story(config, parse_period("2026-10").localise("UTC"), tables, ReadLog())

    return read


def test_scores_set_the_mood_of_texts_where_those_who_read_them_agree_and_the_report_says_so(scored):
    story = scored(100, "positive")
    plain = story.comments["text"].str.contains("arrived|bus")
    assert story.comments["sentiment"].eq("positive").equals(plain)
    assert story.comments["model"].str.endswith("+scores").all() and story.sentiment_model == "fast"
    assert (
        story.comments["valence"]
        .round(9)
        .equals((story.comments["p_positive"] - story.comments["p_negative"]).round(9))
    )
    assert "as set by your 300 scores" in provenance(story) and "takes 100 of 100 texts" in provenance(story)
    assert story.shares_of(["positive"], story.written)["positive"].method == "read"


def test_scores_do_not_set_the_mood_against_readers_or_without_them(scored):
    assert "known once people have read 50 texts drawn at random" in provenance(scored(0, ""))
    story = scored(100, "neutral")
    assert "it stays as shipped" in provenance(story) and not story.comments["model"].str.endswith("scores").any()


def test_what_is_said_of_the_mood_passes_the_gate_of_claims():
    trial = MoodTrial((), 300, better=True, read=100, agreeing=90, shipped_agreeing=80)
    for verdict in ("shipped", "unread", "other", "set"):
        assert check_claims(say(f"provenance.mood_{verdict}", x=trial, needed=50)) == []
