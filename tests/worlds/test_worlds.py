"""Ten small worlds whose truth is known: what their published reports say is true, and what goes on is told."""

from dataclasses import replace

import pandas as pd
import pytest

from tests.worlds.contradictions import contradictions
from tests.worlds.judge import assertions, expected, intervals, is_told
from tests.worlds.publishing import Report, publish
from tests.worlds.world import World, make
from tests.worlds.worlds import short, whole


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> list[Report]:
    scores = tmp_path_factory.mktemp("scores")
    return [publish(world, tmp_path_factory.mktemp("world"), scores) for world in short()]


def test_every_world_is_published(reports) -> None:
    assert [report.fault for report in reports if report.fault] == []


def test_hardly_a_report_holds_a_false_sentence(reports) -> None:
    false = [(r.world.name, a) for r in reports for a in assertions(r) if a.true is False]
    assert len(dict(false)) <= 1, false


def test_what_goes_on_is_told(reports) -> None:
    untold = [
        (report.world.name, kind)
        for report in reports
        for kind, subject in expected(report)
        if not is_told(kind, subject, list(assertions(report)))
    ]
    assert untold == []


def test_intervals_hold_the_truth(reports) -> None:
    every = [interval for report in reports for interval in intervals(report)]
    outside = [interval for interval in every if not interval.holds]
    assert len(every) > 40
    assert len(outside) <= 0.15 * len(every), outside


def test_no_report_contradicts_itself(reports) -> None:
    assert [fault for r in reports for fault in contradictions(r.blocks, r.claims, r.drawn)] == []


def test_a_world_is_the_same_each_time_it_is_made() -> None:
    world = World("quiet", monthly=60, months=3)
    for first, second in zip(make(world).tables.values(), make(world).tables.values(), strict=True):
        assert first.equals(second)


def test_a_fall_is_as_deep_as_the_world_says() -> None:
    made = make(World("fall", monthly=3_000, months=3, fall=25))
    surveys = made.tables["surveys"]
    last = surveys.loc[surveys["responded_at"] >= pd.Timestamp("2026-10-02", tz="UTC"), "nps"]
    points = 100 * ((last >= 9).mean() - (last <= 6).mean())
    assert points == pytest.approx(3, abs=7)


def test_a_lie_is_told_from_a_truth() -> None:
    evidence = {"value": 3.0, "low": -3.0, "high": 9.0, "n": 600, "unit": "points", "source": "said by customers"}
    claim = {"section": "", "key": "score:nps", "sentence": "It fell.", "level": "finding", "signal": "fell"}
    claims = [claim | {"evidence": [evidence]}]
    quiet, fell = World("quiet"), World("fall", fall=25)
    verdicts = [next(assertions(Report(w, None, [], claims))).true for w in (quiet, fell)]
    assert verdicts == [False, True]
    prose = [{"kind": "prose", "text": "- Team Moves is worse off than others."}]
    assert [a.true for a in assertions(Report(quiet, None, prose, []))] == [False]
    odd = replace(quiet, teams=(("Moves", 30.0),))
    assert [a.true for a in assertions(Report(odd, None, prose, []))] == [True]


def test_the_whole_run_has_quiet_worlds_and_each_strong_one() -> None:
    worlds = list(whole())
    assert sum(world.null for world in worlds) >= 100
    assert len({world.name for world in worlds if not world.null}) >= 15
