"""What matters most is told by the lower bound of customers worse or better off, each kind and each people once."""

from dataclasses import replace
from itertools import permutations
from types import SimpleNamespace

import pandas as pd
import pytest

from analytics.measures.estimate import SAID, Estimate
from analytics.publish.blocks import finding, tagged
from analytics.report import page_one
from analytics.report.cutoff import Coverage
from analytics.report.page_one import BLAME, LEAVING, MATTERS, TOLD, _rank, build_page_one, rank_stakes
from analytics.report.section import Section, Stake, open_question, placed


def stake(key, low, *, p=0.001, good=False, people=()):
    sentence = finding("62 % (58–66).", [Estimate(0.62, 0.58, 0.66, 1204, "share", SAID)], key=key)
    return Stake(sentence, 2 * low, low, 4 * low, p, good, frozenset(people))


def keys(stakes, cut=0.01):
    return [told.finding.data["key"] for told in rank_stakes(stakes, cut)]


def test_the_largest_lower_bounds_are_told_first_good_and_bad_whatever_their_order():
    stakes = [stake("a:1", 10), stake("b:1", 300), stake("c:1", 40, good=True), stake("d:1", 90)]
    for order in permutations(stakes):
        assert keys(order) == ["b:1", "d:1", "c:1", "a:1"]


def test_no_more_than_four_are_told():
    assert len(keys([stake(f"{kind}:1", 10 + i) for i, kind in enumerate("abcdefg")])) == TOLD == 4


@pytest.mark.parametrize("weak", [stake("a:1", 900, p=0.02), stake("a:1", 0), stake("a:1", 900, p=float("nan"))])
def test_what_does_not_stand_or_may_touch_nobody_is_not_told(weak):
    assert keys([weak, stake("b:1", 5)]) == ["b:1"]


def test_nothing_is_told_where_no_test_of_the_report_stands():
    assert keys([stake("a:1", 900, p=0.0004)], cut=0.0) == []


def test_of_the_same_people_or_of_one_kind_where_they_are_not_known_the_largest_is_told_once():
    assert keys([stake("team:north", 50), stake("team:south", 80)]) == ["team:south"]
    apart = [stake("team:north", 50, people="abc"), stake("team:south", 80, people="def")]
    assert keys(apart) == ["team:south", "team:north"], "two teams are two findings"
    assert keys([stake("group:team", 50, people="abc"), stake("group:team", 80, people="def")]) == ["group:team"]
    same = [stake("a:1", 50, people="abcd"), stake("b:1", 80, people="abc"), stake("c:1", 20, people="xyz")]
    assert keys(same) == ["b:1", "c:1"]


def test_the_largest_of_each_kind_comes_before_a_second_one_of_any():
    ours = {"leaving:a": 90, "leaving:b": 80, "target:north": 12, "leaving:c": 70, "recovery:gesture": 5}
    stakes = [stake(key, low, people=[key]) for key, low in ours.items()]
    assert keys(stakes) == ["leaving:a", "leaving:b", "target:north", "recovery:gesture"]


def test_what_has_no_weight_comes_last_by_the_people_whom_it_touches():
    unweighed = [
        replace(stake(key, 1), low=float("nan"), touched=n) for key, n in (("promise:a", 40), ("problem:b", 90))
    ]
    assert keys([*unweighed, stake("band:c", 2)]) == ["band:c", "problem:b", "promise:a"]
    assert keys([replace(each, p_value=0.5) for each in unweighed]) == []


def test_one_recorded_figure_is_told_once_whatever_goes_with_it():
    both = [
        replace(stake(key, low, people=[key]), figure="reopens") for key, low in (("leaving:a", 90), ("band:b", 60))
    ]
    assert keys(both) == ["leaving:a"]
    assert keys([both[0], replace(both[1], figure="transfers")]) == ["leaving:a", "band:b"]


def test_a_sentence_points_to_its_own_finding_or_else_to_its_section():
    own, other = finding("Waiting hurts.", key="problem:waiting"), finding("Nobody calls back.")
    part = Section([own], own, place="problems")
    assert [block.data["places"] for block in placed([own, other], part)] == [
        ["problem-waiting", "problems"],
        ["problems"],
    ]
    led = tagged(finding("Reopened cases hurt.", key="band:reopens"), places=["problem-waiting"])
    assert placed([led], part)[0].data["places"] == ["problem-waiting", "problems"]


def test_what_is_not_set_up_is_pointed_to_where_the_report_lists_it():
    own = finding("Waiting hurts.", key="problem:waiting")
    lack = open_question("Promises are not known.", needs="x").answer
    part = replace(Section([lack, own], lack), place="promises")
    assert [block.data["places"] for block in placed([lack, own], part)] == [
        ["promises"], ["problem-waiting", "promises"],
    ]  # fmt: skip
    assert placed([lack], replace(part, blocks=[lack]))[0].data["places"] == ["unknowns"]


@pytest.mark.parametrize(("weight", "first"), [(1, "waiting"), (10, "leaving")])
def test_a_customer_who_leaves_counts_as_many_as_the_settings_say(weight, first):
    report = SimpleNamespace(leaver_counts_as=weight)
    story = SimpleNamespace(
        period=SimpleNamespace(frequency="month"), config=SimpleNamespace(report=report), facts={("cut",): 0.01}
    )
    leaves = replace(stake("leaving:after", 20, people="ab"), lost=True)
    parts = [Section([], each.finding, stakes=[each]) for each in (stake("waiting:long", 50, people="cd"), leaves)]
    told = _rank(story, parts, finding("No change is shown.", signal="no change", key="score:nps"))
    assert told[0].finding.data["key"].split(":")[0] == first
    leaving = "at least 20 more leave a month, counted as 200"
    assert told[0].finding.data["weight"] == {"waiting": "at least 50 fewer content a month", "leaving": leaving}[first]


def page_of(monkeypatch, ranked, **sections):
    """Page one of a month without a score, of some findings that weigh and some sections."""
    monkeypatch.setattr(page_one, "_scores_or_none", lambda story: [])
    monkeypatch.setattr(page_one, "_rank", lambda *_: ranked)
    story = SimpleNamespace(
        coverage=Coverage(None, None),
        period=SimpleNamespace(label="May", frequency="month"),
        log=SimpleNamespace(losses=pd.DataFrame({"matters": []})),
        config=SimpleNamespace(report=SimpleNamespace(leaver_counts_as=10)),
    )
    score = Section([told := finding("No change is shown.", signal="no change", key="score:nps")], told)
    parts = {name: open_question("It is not known.") for name in ("hurts", "leaving", "unknowns")} | sections
    page = build_page_one(story, score, parts["hurts"], parts["leaving"], parts["unknowns"])
    return {answer["sentence"]: answer["question"] for answer in page.data["answers"]}


def test_a_figure_of_what_matters_most_is_not_told_again_under_who_may_leave(monkeypatch):
    said = finding("3 % (0–16) say that they leave.", [Estimate(0.03, 0, 0.16, 40, "share", SAID)], key="leaving:said")
    late = Estimate(2.5, 1.2, 6.5, 182, "times", "observed")
    oftener = finding("Those leave more often who were passed on (2.5 times, 1.2–6.5).", [late], key="leaving:oftener")
    above = Stake(finding("Passed on, 2.5 times (1.2–6.5) as many leave.", [late], key="leaving:after:on"), 9, 4, 9, 0)
    leaving = Section([said, oftener], said)
    for ranked, told in (([above], [said]), ([], [said, oftener])):
        lines = page_of(monkeypatch, ranked, leaving=leaving)
        assert [sentence for sentence, question in lines.items() if question == LEAVING] == [
            block.data["sentence"] for block in told
        ]


@pytest.mark.parametrize("ranked", [[], ["team:north"], ["problem:waiting"]])
def test_what_they_name_as_problems_stands_on_page_one_unless_a_finding_there_already_says_it(ranked, monkeypatch):
    named = finding("Waiting is named as a problem by 62 % (58–66).", [Estimate(0.62, 0.58, 0.66, 1204, "share", SAID)])
    order = finding("We cannot tell which is named most.")
    hurts = Section([named, order], named, further=[order], place="problems")
    lines = page_of(monkeypatch, [stake(key, 50) for key in ranked], hurts=hurts)
    question = lines.get(named.data["sentence"])
    assert question == {"": MATTERS, "team:north": BLAME, "problem:waiting": None}["".join(ranked)]
    assert lines.get(order.data["sentence"]) == question and ("Nothing stands out" in str(lines)) == (not ranked)


def test_good_news_of_a_kind_does_not_hide_the_bad():
    assert keys([stake("team:north", 80, good=True), stake("team:south", 50)]) == ["team:north", "team:south"]


def test_findings_without_a_key_are_no_kind_of_their_own():
    assert len(keys([stake("", 50), stake("", 80)])) == 2
