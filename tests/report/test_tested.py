"""One rate of false findings: what counts towards it, and which words stand under it."""

from types import SimpleNamespace

import pandas as pd
import pytest

from analytics.contrast.signals import CANNOT_TELL, FELL, NO_CHANGE, ROSE
from analytics.report import tested

QUIET = [0.004, *(i / 61 for i in range(1, 61))]


def test_figures_that_stand_against_their_bound_let_no_difference_in(monkeypatch):
    monkeypatch.setattr(tested, "TESTS", (lambda story: QUIET,))
    monkeypatch.setattr(tested, "LEVELS", (lambda story: [1e-9] * 40, lambda story: [0.03, 0.6]))
    story = SimpleNamespace(facts={})
    assert tested.cut(story) == pytest.approx(tested.RATE / len(QUIET))
    assert tested.level_cut(story) == pytest.approx(tested.RATE * 41 / 42)


def test_a_theme_moved_only_where_its_test_stands_among_all_others():
    table = pd.DataFrame({"word": [ROSE, FELL, NO_CHANGE, CANNOT_TELL], "moved_p": [1e-6, 0.004, 0.5, float("nan")]})
    story = SimpleNamespace(facts={("cut",): 0.001}, problem_table=table)
    assert tested.problems(story)["word"].tolist() == [ROSE, NO_CHANGE, NO_CHANGE, CANNOT_TELL]


def test_one_cause_that_shows_in_ten_tests_of_a_kind_lets_no_other_kind_in(monkeypatch):
    causes, others = lambda story: [1e-9] * 10, lambda story: [0.004, *(i / 61 for i in range(1, 51))]  # noqa: E731
    monkeypatch.setattr(tested, "TESTS", (causes, others))
    story = SimpleNamespace(facts={})
    assert 1e-9 < tested.cut(story) < 0.004 < 0.05 * 11 / 61  # the last: where all ten count
    assert tested.bar(story) == pytest.approx(0.05 * 4 / 61)


def test_groups_that_are_named_are_counted_and_those_asked_hardly_less_than_others_let_no_finding_in():
    p_values = {"invited_p": [0.01, 0.02, 1e-12], "answered_p": [0.03, 0.04, float("nan")]}
    shares = {"invited_share": [0.5, 0.5, 0.98], "answered_share": [0.5, 0.5, float("nan")]}
    expected = {"invited_expected": 1.0, "answered_expected": 0.7}
    table = pd.DataFrame({"by": ["team", "agent_id", "outcome"]} | p_values | shares | expected)
    story = SimpleNamespace(facts={("asked",): SimpleNamespace(table=table)})
    assert tested._p_values(story, tested._of_invitations).tolist() == [0.01, 1.0, 0.03]
    assert tested._of_invitations in tested.TESTS


def test_however_many_groups_of_texts_there_are_they_count_as_few_tests():
    groups = pd.DataFrame({"p_value": [1e-7, 1e-5, *(i / 61 for i in range(1, 59))], "people": 40, "praise": False})
    story = SimpleNamespace(facts={("cut",): 0.0005}, new_themes=groups, k=10)
    counted = list(tested.TESTS[-1](story))
    assert len(counted) == tested.ROOM and min(counted) == pytest.approx(6e-7)
    thanks = SimpleNamespace(new_themes=groups.assign(praise=True))
    assert min(tested.TESTS[-1](thanks)) == 1  # never told, so no finding
    assert tested.new_themes(story)["p_value"].tolist() == [1e-7, 1e-5]
    story.new_themes = groups.assign(p_value=groups["p_value"].replace(1e-5, 1e-4))
    assert tested.new_themes(story)["p_value"].tolist() == [1e-7]  # where it alone was tested, 1e-4 would stand


def test_where_no_group_of_texts_is_left_nothing_counts_towards_the_other_tests():
    assert tested._as_few(pd.Series([], dtype=object)).nsmallest(3).empty
