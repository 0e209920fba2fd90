"""Facts made by a process beside the report's: the same, each made once, and a fault of it is the report's."""

import os
import pickle

import pytest

from analytics import report
from analytics.measures.leaving.churn import TooFewLeaversError
from analytics.measures.leaving.leavers import NobodyLeftError
from analytics.report.beside import begin, keep
from analytics.report.story import load_story
from analytics.tables.schema import NotMeasured

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no process is forked here")


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


def process_of(facts, name):
    return keep(facts, (name,), os.getpid)


def test_a_fact_begun_is_made_by_another_process_with_all_it_needed(two_cores):
    facts = {("there",): 1}
    begin(facts, {"first": lambda: process_of(facts, "first") and process_of(facts, "needed")})
    other = process_of(facts, "first")
    assert other != os.getpid() and facts[("needed",)] == other and facts[("there",)] == 1


def test_a_fact_made_here_meanwhile_stays(two_cores):
    facts = {}
    begin(facts, {"first": lambda: process_of(facts, "first") and process_of(facts, "needed")})
    here = process_of(facts, "needed")
    assert here == os.getpid() != process_of(facts, "first") and facts[("needed",)] == here


def test_what_is_not_measured_there_is_not_measured_here(two_cores):
    def refuse():
        raise TooFewLeaversError(3, 50, "in all")

    facts = {}
    begin(facts, {"first": lambda: keep(facts, ("first",), refuse)})
    with pytest.raises(TooFewLeaversError, match="3 customers left in all") as refusal:
        keep(facts, ("first",), lambda: pytest.fail("made again"))
    assert (refusal.value.left, refusal.value.needed) == (3, 50)


@pytest.mark.parametrize(
    ("work", "message"),
    [(lambda: {}["no such key"], "KeyError: 'no such key'"), (lambda: os._exit(9), "killed, or out of memory")],
)
def test_a_fault_or_the_end_of_the_process_is_raised_wherever_its_facts_are_asked_for(two_cores, work, message):
    facts = {}
    begin(facts, {"first": work, "second": lambda: 2})
    for name in ("first", "second", "second"):
        with pytest.raises(RuntimeError, match=message):
            process_of(facts, name)


def test_what_cannot_be_sent_is_a_fault(two_cores):
    facts = {}
    begin(facts, {"first": lambda: keep(facts, ("first",), lambda: lambda: 1)})
    with pytest.raises(RuntimeError, match="pickle"):
        process_of(facts, "first")


def test_on_one_core_nothing_is_begun(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    facts = {}
    begin(facts, {"first": lambda: pytest.fail("made too early")})
    assert process_of(facts, "first") == os.getpid()


@pytest.mark.parametrize(
    "lack",
    [NotMeasured("a", table="b", columns=["c"], needed_for="d"), NobodyLeftError(), TooFewLeaversError(1, 2, "x")],
)
def test_a_lack_keeps_its_kind_and_words_between_processes(lack):
    again = pickle.loads(pickle.dumps(lack))
    assert type(again) is type(lack) and str(again) == str(lack) and vars(again) == vars(lack)


def test_a_report_prepared_on_two_cores_says_the_same(two_cores, demo_organisation):
    there, here = report.prepare(load_story(demo_organisation, "2026-10")), load_story(demo_organisation, "2026-10")
    for show in (report.show_perception, report.show_problems, report.show_leaving, report.show_actions):
        blocks = [[block.as_json() for block in show(story).blocks] for story in (there, here)]
        assert blocks[0] == blocks[1]
