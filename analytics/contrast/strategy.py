"""The declared service strategy, held against what customers name.

A strategy is judged only by what customers say about the themes it lives by; whether another one would be wiser is
not asked.
"""

import tomllib
from pathlib import Path

import pandas as pd

from analytics.contrast.problems import OPEN_SHARE

CONGRUENT, NOT_CONGRUENT, UNKNOWN = "congruent", "not congruent", "we do not know"

ARCHETYPES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def judge_strategy(archetype: str, problems: pd.DataFrame) -> pd.DataFrame:
    """Hold each theme that a strategy lives by against how many customers name it as a problem.

    Congruent: the whole interval lies below 2 % of those who wrote. Not congruent: all of it lies above. In between we
    do not know.

    Parameters
    ----------
    archetype
        One of `ARCHETYPES`.
    problems
        Table of `measure_problems`.

    Returns
    -------
    pandas.DataFrame
        One row per theme of the strategy: theme, value, low, high, n, unit, source, verdict.

    Raises
    ------
    ValueError
        If the archetype is not known.

    References
    ----------
    The archetypes are this project's own.

    Examples
    --------
    >>> table = pd.DataFrame({"theme": ["waiting"], "value": 0.2, "low": 0.15, "high": 0.25, "n": 300})
    >>> judge_strategy("keep_the_line_moving", table)[["theme", "verdict"]].values.tolist()
    [['waiting', 'not congruent'], ['repeat_contact', 'we do not know'], ['transferred', 'we do not know']]
    """
    if archetype not in ARCHETYPES:
        raise ValueError(f"strategy {archetype!r} is not known. Expected one of: {', '.join(ARCHETYPES)}.")
    rows = pd.DataFrame({"theme": ARCHETYPES[archetype]}).merge(problems, on="theme", how="left", validate="1:1")
    rows["verdict"] = UNKNOWN
    rows.loc[rows["low"] > OPEN_SHARE, "verdict"] = NOT_CONGRUENT
    rows.loc[rows["high"] < OPEN_SHARE, "verdict"] = CONGRUENT
    return rows
