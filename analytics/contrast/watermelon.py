"""Watermelons: green inside, red to customers; and the reverse, red inside while customers are content.

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
from analytics.contrast.groups import PERCEIVED, check_score, perceived_points
from analytics.measures.discoveries import control_false_discoveries
from analytics.measures.intervals import wilson_bounds, z_score
from analytics.measures.suppress import count_people
from analytics.tables.schema import require

WATERMELON = "watermelon"
REVERSE = "reverse watermelon"
SHUFFLES = 200
HALVES = ["p_green", "p_not_green", "p_red", "p_content"]
TABLE = [
    "target", "by", "group", "goal", "inside", "inside_low", "inside_high", "inside_n", "inside_verdict",
    "perceived", "low", "high", "n", "people", "against", "perceived_verdict", "absent",
]  # fmt: skip
COLUMNS = [*TABLE, "p_value", "finding", "false_alarms"]


def find_watermelons(
    cases: pd.DataFrame, targets: Sequence[Target], perception: str = "csat", *, contacts: pd.DataFrame | None = None,
    confidence: float = 0.95, minimum: int = 10, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Find groups that meet a target while their customers are worse off than others, and the other way round.

    Inside is the share meeting the target: green when its whole interval lies above the goal's share, red when
    below. Perceived is what customers say: red when the whole interval lies below the
    figure of all other groups, content when above. A watermelon is green inside and red to customers; the reverse
    is red inside while customers are content. Both halves must hold, so a candidate's p-value is the larger of the two
    one-sided ones, and Benjamini-Hochberg controls them over all targets, groups and both directions.

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
    seed
        Of the shuffles behind `false_alarms`.

    Returns
    -------
    DataFrame
        One row per target and group: both figures with intervals and n, both verdicts ('green', 'red', 'unclear';
        'red', 'content', 'unclear'), `people` (customers who answered), `absent` (the column that is not measured, or
        ''), `p_value`, `finding` ('watermelon', 'reverse watermelon' or ''), and `false_alarms`: the share of 200
        tables with the customers' answers shuffled between cases in which this test found anything, the same for every
        row.

    Raises
    ------
    NotMeasured
        If the perception has no value.
    ValueError
        If `perception` is not a score that customers give.

    References
    ----------
    Wilson (1927), JASA 22, 209-212. Berger (1982), Technometrics 24, 295-300, for the larger of two p-values.
    Benjamini & Hochberg (1995), JRSS B 57, 289-300.

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
    points = perceived_points(cases[perception])
    parts = [_judge(cases, contacts, target, points, confidence, minimum) for target in targets]
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    table = pd.concat(parts, ignore_index=True)
    both = {WATERMELON: ["p_green", "p_red"], REVERSE: ["p_not_green", "p_content"]}
    p_values = pd.DataFrame({name: table[halves].max(axis=1, skipna=False) for name, halves in both.items()})
    table["p_value"], table["finding"] = p_values.min(axis=1), _findings(table, p_values, confidence)
    table["false_alarms"] = _false_alarms(cases, table, points, confidence, np.random.default_rng(seed))
    return table[COLUMNS]


def _judge(
    cases: pd.DataFrame, contacts: pd.DataFrame | None, target: Target, points: pd.Series, confidence: float, k: int
) -> pd.DataFrame:
    """Judge one target over all groups: both figures, their verdicts and the one-sided p-values of every half."""
    by = target.by
    rows = contacts if contacts is not None and {target.column, by} <= {*contacts} else cases
    needed = ((target.column, rows), (by, rows), (by, cases))
    absent = sorted(c for c, frame in needed if c not in frame or frame[c].isna().all())
    head: dict[str, Any] = {"target": target.name, "by": by, "goal": target.share, "absent": next(iter(absent), "")}
    if absent:
        return pd.DataFrame([head | {"group": ""}]).reindex(columns=[*TABLE, *HALVES])
    table = _inside(rows, target, confidence).join(_perceived(cases, by, points, confidence), how="outer")
    small = ~(table["people"].ge(k) & table["inside_n"].ge(k))
    table[small] = np.nan
    green, red = table["inside_low"] > target.share, table["inside_high"] < target.share
    table["inside_verdict"] = np.select([small, green, red], ["", "green", "red"], "unclear")
    low, high = table["low"] < table["against"], table["high"] > table["against"]
    table["perceived_verdict"] = np.select([small, low & ~high, high & ~low], ["", "red", "content"], "unclear")
    return table.rename_axis("group").reset_index().assign(**head).reindex(columns=[*TABLE, *HALVES])


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


def _perceived(cases: pd.DataFrame, by: str, points: pd.Series, confidence: float) -> pd.DataFrame:
    """What the customers of each group say, the figure it is compared with, and one-sided p-values."""
    answered = cases[points.notna()]
    groups = name_groups(answered[by])
    codes, names = pd.factorize(groups, sort=True)
    measure = PERCEIVED[str(points.name)][1]
    figures = [measure(part, confidence=confidence) for _, part in answered[points.name].groupby(codes)]
    rows = [(e.value, e.low, e.high, float(e.n)) for e in figures]
    table = pd.DataFrame(rows, names, columns=["perceived", "low", "high", "n"])
    table["people"] = [count_people(part) for _, part in answered.groupby(codes)]
    z, table["against"] = _compare(points[points.notna()].to_numpy(), codes)
    return table.assign(p_red=ndtr(z), p_content=ndtr(-z))


def _compare(points: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pooled-variance z of each group against the threshold or all other groups, and what it is compared with."""
    n, total = np.bincount(codes).astype(float), np.bincount(codes, weights=points)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest_n = n.sum() - n
        rest = (total.sum() - total) / rest_n
        z = (total / n - rest) / np.sqrt(points.var() * (1 / n + 1 / rest_n))
    return np.nan_to_num(z), rest


def _findings(table: pd.DataFrame, p_values: pd.DataFrame, confidence: float) -> np.ndarray:
    """The finding of each row: both verdicts, and a p-value that stands among all."""
    stands = control_false_discoveries(pd.concat(dict(p_values.items())), 1 - confidence)
    inside, felt = table["inside_verdict"], table["perceived_verdict"]
    both = {WATERMELON: inside.eq("green") & felt.eq("red"), REVERSE: inside.eq("red") & felt.eq("content")}
    return np.select([stands[name] & halves for name, halves in both.items()], list(both), "")


def _false_alarms(
    cases: pd.DataFrame, table: pd.DataFrame, points: pd.Series, confidence: float, rng: np.random.Generator
) -> float:
    """Share of tables with shuffled answers in which anything at all is found."""
    from scipy.stats import false_discovery_control

    answers = points.dropna().to_numpy(copy=True)
    z = np.full((SHUFFLES, len(table)), np.nan)
    places = []
    for by in table.loc[table["inside_verdict"].isin(["green", "red"]), "by"].unique():
        codes, names = pd.factorize(name_groups(cases.loc[points.notna(), by]), sort=True)
        rows = np.flatnonzero(table["by"].eq(by))
        at = pd.Index(names).get_indexer(pd.Index(table.loc[rows, "group"]))
        places.append((codes, rows[at >= 0], at[at >= 0]))
    for shuffle in range(SHUFFLES if places else 0):
        rng.shuffle(answers)
        for codes, rows, at in places:
            z[shuffle, rows] = _compare(answers, codes)[0][at]
    tails = (("p_green", ndtr(z)), ("p_not_green", ndtr(-z)))
    p = np.hstack([np.maximum(table[half].to_numpy(), tail) for half, tail in tails])
    reach, inside = z_score(confidence), table["inside_verdict"]
    visible = np.hstack([inside.eq("green").to_numpy() & (z < -reach), inside.eq("red").to_numpy() & (z > reach)])
    tested = ~np.isnan(p).any(axis=0)
    if not tested.any():
        return 0.0
    stands = false_discovery_control(p[:, tested], axis=1) <= 1 - confidence
    return float((stands & visible[:, tested]).any(axis=1).mean())
