"""Watermelons: green inside, red to customers; and the reverse, red inside while customers are no less content.

A target that is met says nothing about quality; this test asks customers. Why a queue is red to them is the subject of
``diagnosis``.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from analytics.config import Target
from analytics.contrast.clocks import name_groups
from analytics.contrast.groups import MARGINS, check_score, contrast_groups
from analytics.measures.discoveries import discovery_threshold
from analytics.measures.intervals import wilson_bounds
from analytics.tables.schema import require

WATERMELON = "watermelon"
REVERSE = "reverse watermelon"
TABLE = [
    "target", "by", "group", "goal", "inside", "inside_low", "inside_high", "inside_n", "inside_verdict",
    "perceived", "low", "high", "n", "people", "against", "declared", "gap", "gap_low", "gap_high", "mix",
    "perceived_verdict", "absent",
]  # fmt: skip
HALVES = ["p_green", "p_red", "p_not_green", "p_content"]
COLUMNS = [*TABLE, "p_value", "finding"]


def find_watermelons(
    cases: pd.DataFrame, targets: Sequence[Target], perception: str = "csat", *, contacts: pd.DataFrame | None = None,
    confidence: float = 0.95, minimum: int = 10, cut: float | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Find groups that meet a target while their customers are worse off, and the other way round.

    Inside is the share meeting the target: green when its whole interval lies above the goal's share, red when
    below. Perceived is what customers say, against the perceived goal that the target declares, or else against the
    other groups, those that stand apart left out (`contrast_groups`): red when it is lower, content when it is no worse
    by more than a margin (5 points of satisfied customers, 10 points of NPS, 0.3 of ease: a test of non-inferiority). A
    watermelon is green inside and red to customers; the reverse is red inside while customers are content. Both halves
    must hold, so a candidate's p-value is the larger of the two, and Benjamini-Hochberg controls them over all targets,
    groups and both directions.

    Parameters
    ----------
    cases
        From `build_cases`.
    targets
        As configured; one whose column is not measured gives one row that names it in `absent`.
    perception
        'csat', 'nps' or 'ces'.
    contacts
        The period's contacts: a target about one of their columns is then judged contact by contact, as the
        company does; without them by the case's figure (sums over its contacts).
    confidence
        Level of the intervals; 1 - confidence is the rate of false findings.
    minimum
        Groups with fewer customers inside or answering are suppressed: their figures are missing.
    cut
        Largest p-value that stands, where more tests than these are controlled together; gaps then have the level of
        one less this.

    Returns
    -------
    DataFrame
        One row per target and group: both figures with intervals and n, both verdicts ('green', 'red', 'unclear';
        'red', 'content', 'unclear'), `people` (customers who answered), `against` (the perceived figure compared with)
        and whether it is `declared`, `gap` (how far the group lies from it, among cases of the same kind where there
        are any) with its interval and `mix` (see `contrast_groups`), `absent` (the column that is not measured, or
        ''), `p_value` and `finding` ('watermelon', 'reverse watermelon' or '').

    Raises
    ------
    NotMeasured
        If the perception has no value.
    ValueError
        If `perception` is not a score that customers give.

    References
    ----------
    Wilson (1927), JASA 22, 209-212. Berger (1982), Technometrics 24, 295-300, for the larger of two p-values.
    Wellek (2010), Testing Statistical Hypotheses of Equivalence and Noninferiority, 2nd ed., chapter 6. Benjamini &
    Hochberg (1995), JRSS B 57, 289-300.

    Examples
    --------
    >>> cases = pd.DataFrame({"team": ["a"] * 40 + ["b"] * 40, "wait_time_s": 30.0, "csat": [1.0] * 40 + [5.0] * 40})
    >>> target = Target(name="Answered in a minute", column="wait_time_s", at_most=60, share=0.8)
    >>> find_watermelons(cases, [target])[["group", "inside_verdict", "perceived_verdict", "finding"]].values.tolist()
    [['a', 'green', 'red', 'watermelon'], ['b', 'green', 'content', '']]
    """
    check_score(perception)
    require(cases, [perception], "watermelons")
    cases = cases.reset_index(drop=True)
    contacts = None if contacts is None else contacts.reset_index(drop=True)
    options: dict[str, Any] = {"confidence": confidence, "minimum": minimum, "cut": cut or 1 - confidence}
    parts = [_judge(cases, contacts, target, perception, **options) for target in targets]
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    table = pd.concat(parts, ignore_index=True)
    both = {WATERMELON: HALVES[:2], REVERSE: HALVES[2:]}
    p = pd.DataFrame({name: table[halves].max(axis=1, skipna=False) for name, halves in both.items()})
    stands = p <= (cut or discovery_threshold(p.to_numpy().ravel().tolist(), 1 - confidence))
    inside, felt = table["inside_verdict"], table["perceived_verdict"]
    halves = {WATERMELON: inside.eq("green") & felt.eq("red"), REVERSE: inside.eq("red") & felt.eq("content")}
    finding = np.select([stands[name] & hold for name, hold in halves.items()], list(halves), "")
    return table.assign(p_value=p.min(axis=1), finding=finding)[COLUMNS]


def _judge(
    cases: pd.DataFrame, contacts: pd.DataFrame | None, target: Target, perception: str, *,
    confidence: float, minimum: int, cut: float,
) -> pd.DataFrame:  # fmt: skip
    """Judge one target over all groups: both figures, their verdicts and the p-values of every half."""
    by = target.by
    rows = contacts if contacts is not None and {target.column, by} <= {*contacts} else cases
    needed = ((target.column, rows), (by, rows), (by, cases))
    absent = sorted(c for c, frame in needed if c not in frame or frame[c].isna().all())
    head: dict[str, Any] = {"target": target.name, "by": by, "goal": target.share, "absent": next(iter(absent), "")}
    if absent:
        return pd.DataFrame([head | {"group": ""}]).reindex(columns=[*TABLE, *HALVES])
    goal = {str(score): value for score, value in target.perceived.items()}.get(perception)
    felt = contrast_groups(
        cases, perception, by, goal=goal, confidence=confidence, minimum=minimum, cut=cut
    ).set_index(by)  # fmt: skip
    table = _inside(rows, target, confidence).join(_perceived(felt, MARGINS[perception]), how="outer")
    small = ~(table["people"].ge(minimum) & table["inside_n"].ge(minimum))
    table[small] = np.nan
    green, red = table["inside_low"] > target.share, table["inside_high"] < target.share
    table["inside_verdict"] = np.select([small, green, red], ["", "green", "red"], "unclear")
    worse = table["p_red"].le(1 - confidence)
    felt_verdicts = [small, worse, table["p_content"].le(1 - confidence)]
    table["perceived_verdict"] = np.select(felt_verdicts, ["", "red", "content"], "unclear")
    table = table.assign(mix=felt["mix"].reindex(table.index).fillna(""), declared=goal is not None, **head)
    return table.rename_axis("group").reset_index().reindex(columns=[*TABLE, *HALVES])


def _inside(rows: pd.DataFrame, target: Target, confidence: float) -> pd.DataFrame:
    """Share meeting the target in each group, Wilson interval, and exact one-sided p-values against the goal."""
    from scipy.stats import binom

    values = rows[target.column].dropna().astype("float64")
    met = values.le(target.at_most) if target.at_most is not None else values.ge(target.at_least or 0.0)
    grouped = met.astype("float64").groupby(name_groups(rows.loc[met.index, target.by]))
    n, hits = grouped.size(), grouped.sum()
    low, high = wilson_bounds(hits / n, n, confidence)
    table = pd.DataFrame({"inside": hits / n, "inside_low": low, "inside_high": high, "inside_n": n.astype("float64")})
    return table.assign(p_green=binom.sf(hits - 1, n, target.share), p_not_green=binom.cdf(hits, n, target.share))


def _perceived(felt: pd.DataFrame, margin: float) -> pd.DataFrame:
    """What the customers of each group say, the gap to the rest, and the two-sided p-values of worse and no worse."""
    table = felt[["value", "low", "high", "n", "people"]].rename(columns={"value": "perceived"})
    table["against"] = felt["value"] - felt["difference"]
    for end in ("", "_low", "_high"):
        table[f"gap{end}"] = felt[f"adjusted{end}"].fillna(felt[f"difference{end}"])
    content = ndtr(-(felt["difference"] + margin) / felt["error"].where(felt["error"] > 0))
    return table.assign(p_red=felt["p_value"].where(felt["difference"] < 0, 1.0), p_content=np.minimum(2 * content, 1))
