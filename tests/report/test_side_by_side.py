"""Two periods or groups side by side: intervals that hold the difference, one rate of false findings, honest gaps."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analytics import report
from analytics.config import Config
from analytics.measures.scores import net_promoter_score, perceived_points
from analytics.report import side_by_side
from analytics.report.side_by_side import _clock, _Figure, _row, set_side_by_side
from analytics.report.story import Story
from analytics.tables.periods import parse_period
from analytics.tables.schema import ReadLog, Tables
from analytics.text.own_themes import SHIPPED

LEVEL = SimpleNamespace(themes=SHIPPED, k=10, confidence=0.95)


def survey(month, people, ratings, touchpoint="call"):
    at = pd.Timestamp(f"{month}-10", tz="UTC")
    ids = [f"{month} {i} {touchpoint}" for i in range(len(people))]
    frame = pd.DataFrame({"response_id": ids, "customer_id": people, "nps": ratings, "touchpoint": touchpoint})
    return frame.assign(responded_at=at, invited_at=at)


def story_of(*surveys, period="2026-10"):
    config = Config(organisation={"name": "Acme"}, sources={"surveys": {"path": "x.csv"}})
    tables = Tables(surveys=pd.concat(surveys, ignore_index=True))
    return Story(config, parse_period(period).localise("UTC"), tables, ReadLog())


def panel(seed, people, shared, shift):
    """Two sides of answers whose people, or as many of them as are shared, lean the same way both times."""
    rng = np.random.default_rng(seed)
    leaning = rng.normal(0, 1, 2 * people)
    sides = []
    for first, gain in ((0, 0.0), (people - shared, shift)):
        who = np.repeat(np.arange(first, first + people), 1 + rng.integers(0, 2, people))
        ratings = np.clip(np.round(7.2 + 2.2 * (leaning[who] + rng.normal(0, 1, len(who)) + gain)), 0, 10)
        sides.append(pd.DataFrame({"response_id": rng.random(len(who)), "customer_id": who, "nps": ratings}))
    return sides


def figure(rows):
    estimate = net_promoter_score(rows["nps"], clusters=rows["customer_id"])
    return _Figure("Net Promoter Score", estimate, perceived_points(rows["nps"]), rows)


@pytest.mark.parametrize("shared", [0, 60, 120])
def test_the_interval_of_a_difference_holds_it_whoever_answered_both_times(shared):
    truth = np.mean(
        [np.subtract(*[figure(s).estimate.value for s in panel(9_000 + i, 9_000, 0, 0.3)[::-1]]) for i in range(9)]
    )
    rows = [_row(*map(figure, panel(seed, 120, shared, 0.3)), LEVEL) for seed in range(300)]
    assert np.mean([row["low"] <= truth <= row["high"] for row in rows]) >= 0.93
    if shared == 120:
        apart = [_row(*map(figure, panel(seed, 120, 0, 0.3)), LEVEL)["error"] for seed in range(30)]
        assert np.mean([row["error"] for row in rows]) < 0.9 * np.mean(apart), "the same people tell a change better"


def test_cases_of_the_same_customer_do_not_make_a_clock_more_certain_than_it_is():
    hits = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        pair = []
        for scale in (10, 14):
            slow, who = rng.normal(0, 0.8, 80), np.repeat(np.arange(80), 1 + rng.poisson(2, 80))
            hours = scale * np.exp(slow[who] + rng.normal(0, 0.6, len(who)))
            cases = pd.DataFrame({"case_id": rng.random(len(who)), "customer_id": who, "customer_clock_h": hours})
            side = SimpleNamespace(themes=SHIPPED, cases_now=cases.assign(ended="confirmed"), confidence=0.95)
            pair.append(next(_clock(side, "customer_clock_h")))
        row = _row(*pair, LEVEL)
        hits.append(row["low"] <= 4 <= row["high"])
    assert np.mean(hits) >= 0.9


def test_two_months_differ_where_they_do_and_the_rest_says_what_it_would_have_seen():
    people = [f"c{i}" for i in range(200)]
    story = story_of(
        survey("2026-09", people, [9.0] * 150 + [3.0] * 50), survey("2026-10", people, [9.0] * 90 + [3.0] * 110)
    )
    row = set_side_by_side(story, "2026-09", "2026-10").iloc[0]
    assert (row["a"], row["b"], row["difference"], row["differs"]) == (50.0, -10.0, -60.0, True)
    assert row["low"] < -60 < row["high"] < 0
    same = story_of(survey("2026-09", people, [9.0, 3.0] * 100), survey("2026-10", people[::-1], [9.0, 3.0] * 100))
    row = set_side_by_side(same, "2026-09", "2026-10").iloc[0]
    assert not row["differs"]
    assert row["unseen"] > row["high"] > 0
    sentence = report.compare(same).blocks[0].data["sentence"]
    assert sentence.startswith("No difference between 2026-09 and 2026-10 is shown")


def test_groups_of_a_file_without_dates_are_set_side_by_side():
    calls = survey("2026-10", [f"c{i}" for i in range(60)], [9.0] * 60)
    chats = survey("2026-10", [f"d{i}" for i in range(60)], [2.0] * 60, touchpoint="chat")
    story = story_of(
        calls.assign(responded_at=pd.NaT, invited_at=pd.NaT), chats.assign(responded_at=pd.NaT), period="all"
    )
    rows = set_side_by_side(story, "touchpoint = call", "touchpoint = chat")
    assert rows.loc[0, ["a", "b", "differs"]].tolist() == [100.0, -100.0, True]
    assert "name two groups" in report.compare(story).blocks[0].data["sentence"]


def test_a_single_month_says_that_there_is_none_before():
    story = story_of(survey("2026-10", [f"c{i}" for i in range(30)], [9.0] * 30))
    assert "2026-09: no survey" in report.compare(story).blocks[0].data["sentence"]


def test_sides_that_are_one_or_lie_in_the_future_or_hold_few_are_refused():
    story = story_of(
        survey("2026-10", [f"c{i}" for i in range(30)], [9.0] * 30), survey("2026-10", ["x"] * 9, [1.0] * 9, "fax")
    )
    with pytest.raises(ValueError, match="both sides are '2026-10'"):
        report.compare(story, "2026-10", "2026-10")
    with pytest.raises(ValueError, match="ends later than October 2026"):
        report.compare(story, "2026-10", "2026-11")
    with pytest.raises(ValueError, match="leaves out 1 people"):
        report.compare(story, "touchpoint = call", "touchpoint = fax")


def test_where_nothing_differs_hardly_any_comparison_says_so(monkeypatch):
    def figures(seed):
        rng = np.random.default_rng(seed)
        rows = [pd.DataFrame({"response_id": rng.random(150), "nps": rng.choice([10.0, 8, 3], 150)}) for _ in range(20)]
        return {
            str(i): figure(part.assign(customer_id=part["response_id"]))._replace(name=str(i))
            for i, part in enumerate(rows)
        }

    monkeypatch.setattr(side_by_side, "side_of", lambda story, side: side)
    monkeypatch.setattr(side_by_side, "_figures", lambda side: figures(int(side)))
    told = [set_side_by_side(LEVEL, str(2 * i), str(2 * i + 1))["differs"].any() for i in range(40)]
    assert np.mean(told) <= 0.15
