"""The declared strategy against what customers name: verdicts worked by hand."""

import pandas as pd
import pytest

from analytics.config import load_config
from analytics.contrast.strategy import ARCHETYPES, CONGRUENT, NOT_CONGRUENT, UNKNOWN, judge_strategy
from analytics.text.themes import THEMES


def problems(**bounds):
    rows = [{"theme": theme, "value": sum(b) / 2, "low": b[0], "high": b[1], "n": 300} for theme, b in bounds.items()]
    return pd.DataFrame(rows, columns=["theme", "value", "low", "high", "n"])


def verdicts(**bounds):
    judged = judge_strategy("keep_the_line_moving", problems(**bounds))
    return dict(zip(judged["theme"], judged["verdict"], strict=True))


@pytest.mark.parametrize(
    ("bounds", "verdict"),
    [
        ((0.15, 0.25), NOT_CONGRUENT),
        ((0.0, 0.019), CONGRUENT),
        ((0.01, 0.03), UNKNOWN),
        ((0.02, 0.03), UNKNOWN),  # the bound touches 2 %: not all of it lies above
        ((0.0, 0.02), UNKNOWN),
    ],
)
def test_a_theme_is_judged_only_when_its_whole_interval_lies_on_one_side_of_two_percent(bounds, verdict):
    assert verdicts(waiting=bounds)["waiting"] == verdict


def test_a_theme_that_was_not_measured_is_unknown_and_listed():
    assert verdicts(waiting=(0.15, 0.25)) == {
        "waiting": NOT_CONGRUENT, "repeat_contact": UNKNOWN, "transferred": UNKNOWN,
    }  # fmt: skip


def test_themes_outside_the_strategy_are_not_judged():
    assert "courtesy" not in verdicts(courtesy=(0.3, 0.4))


def test_an_unknown_strategy_is_refused_with_the_choice():
    with pytest.raises(ValueError, match="strategy 'please_all' is not known. Expected one of: delight, keep_the_line"):
        judge_strategy("please_all", problems())


def test_every_strategy_lives_by_known_themes_that_no_other_strategy_shares_whole():
    lists = [frozenset(themes) for themes in ARCHETYPES.values()]
    assert all(themes <= set(THEMES) for themes in lists)
    assert len(set(lists)) == len(lists)


@pytest.mark.parametrize("archetype", ARCHETYPES)
def test_every_strategy_may_be_declared(tmp_path, archetype):
    file = tmp_path / "perception.toml"
    file.write_text(
        '[organisation]\nname = "Acme"\n[sources.surveys]\npath = "surveys.csv"\n'
        f'[strategy]\narchetype = "{archetype}"\n'
    )
    assert load_config(file).strategy.archetype == archetype


def test_the_table_handed_in_stays_as_it_was():
    table = problems(waiting=(0.1, 0.2))
    judge_strategy("keep_the_line_moving", table)
    assert table.columns.tolist() == ["theme", "value", "low", "high", "n"]
