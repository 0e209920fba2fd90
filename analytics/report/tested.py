"""Every test whose result a report may tell, made once, under one rate of false findings.

Facts only: the sections read them here and word them. A test that is told without standing here is a fault.
"""

import functools
from collections.abc import Callable
from typing import Any

import pandas as pd

from analytics.measures.actions import score_actions
from analytics.measures.discoveries import control_false_discoveries
from analytics.report.story import Story
from analytics.tables.schema import NotMeasured

RATE = 0.05  # share of false findings accepted among all that a report tells


def once(make: Callable[..., Any]) -> Callable[..., Any]:
    """Keep a fact with its story, also that it is not measured: two sections that ask for it get the same."""

    @functools.wraps(make)
    def kept(story: Story, *args: Any) -> Any:  # noqa: ANN401
        facts, key = story.facts, (make.__name__, *args)
        if key not in facts:
            try:
                facts[key] = make(story, *args)
            except NotMeasured as lack:
                facts[key] = lack
        if isinstance(facts[key], NotMeasured):
            raise facts[key]
        return facts[key]

    return kept


@once
def actions(story: Story) -> pd.DataFrame:
    """Every declared action with what became of it, as known at the period's end."""
    comments = story.comments if story.has_texts else None
    return score_actions(story.tables, story.config, comments, story.period.end)


def _of_actions(story: Story) -> pd.Series:
    p: pd.Series = actions(story)["p_value"]
    return p


TESTS: tuple[Callable[[Story], pd.Series], ...] = (
    _of_actions,
)  # each gives the p-values of one kind of test, all of them


@once
def cut(story: Story) -> float:
    """Largest p-value that stands when all tests of the report are counted (Benjamini-Hochberg); 0 where none does."""
    p = [*(_p_values(story, test) for test in TESTS)]
    every = pd.concat(p, ignore_index=True) if p else pd.Series(dtype=float)
    standing = every[control_false_discoveries(every, RATE)]
    return float(standing.max()) if len(standing) else 0.0


def _p_values(story: Story, test: Callable[[Story], pd.Series]) -> pd.Series:
    try:
        return test(story).dropna().astype(float)
    except NotMeasured:
        return pd.Series(dtype=float)
