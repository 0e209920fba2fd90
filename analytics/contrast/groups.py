"""Contrasts people ask for: team, site, channel, new against loyal, value bands; always of what customers say.

Internal figures are not contrasted here: they enter only as the diagnosis of an open problem (``diagnosis``).
"""

from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
import pandas as pd

from analytics.contrast.clocks import name_groups
from analytics.measures.discoveries import control_false_discoveries
from analytics.measures.estimate import Estimate
from analytics.measures.intervals import clustered_n, difference_bounds, number_clusters, z_score
from analytics.measures.scores import customer_effort, net_promoter_score, share, top_box_share
from analytics.measures.suppress import count_people, suppress
from analytics.tables.schema import require

PERCEIVED: dict[str, tuple[str, Callable[..., Estimate]]] = {  # column: what it says, its measure
    "csat": ("satisfied customers", top_box_share), "nps": ("net promoter score", net_promoter_score),
    "ces": ("ease score", customer_effort), "disputed": ("answers disputed", share),
    "confirmed": ("cases that customers confirmed", share),
    "confirmed_fixed": ("complaints that customers say are fixed", share),
}  # fmt: skip
PERCEPTIONS = ("csat", "nps", "ces")
WITHIN = ("reason", "channel", "segment")  # kinds of case that are compared like with like
BANDS = ("lowest third", "middle third", "highest third")
TURNS, VANISHES, ALONE = "turns", "vanishes", "alone"  # what becomes of a difference among cases of the same kind


def contrast_groups(
    cases: pd.DataFrame,
    measure: str,
    by: str,
    baseline: object = None,
    *,
    within: tuple[str, ...] = WITHIN,
    confidence: float = 0.95,
    minimum: int = 10,
) -> pd.DataFrame:
    """Compare what customers say between groups of cases, and check the difference among cases of the same kind.

    The difference is the group's figure minus that of `baseline` (or of all other groups), its interval combined from
    the two intervals (MOVER); p-values come from the pooled-variance z test and are Benjamini-Hochberg controlled.
    The adjusted difference is the mean of the differences inside strata of reason, channel and segment, weighted by
    n1 n0 / (n1 + n0) (Mantel-Haenszel); a difference that turns round or vanishes there is flagged.

    Parameters
    ----------
    cases
        From `build_cases`.
    measure
        What customers say: 'csat', 'nps', 'ces', 'disputed', 'confirmed' or 'confirmed_fixed'.
    by
        Group column: team, site, channel, loyalty ('new' or 'loyal') and so on; a numeric column with many
        values, such as value_per_year, is cut into thirds. A missing group is 'not stated'.
    baseline
        The group to compare with; None compares each group with all others.
    within
        Columns that tell kinds of case: the adjusted difference compares like with like; () compares all.
    confidence
        Level of the intervals; 1 - confidence is the rate of false findings.
    minimum
        Groups of fewer customers are suppressed.

    Returns
    -------
    DataFrame
        One row per group: measure, value, low, high, n, unit, source; `difference` from the comparison with its
        interval, `p_value`, `differs` (after Benjamini-Hochberg over the groups); `adjusted` difference among cases of
        the same kind with its interval; `mix` where the two disagree: 'turns', 'vanishes', 'alone' (no such
        cases elsewhere) or ''; `people`; `withheld`, why the group is suppressed, or ''.

    Raises
    ------
    NotMeasured
        If the measure or the group column has no value.
    ValueError
        If `measure` is not said by customers, or `baseline` is not a group.

    References
    ----------
    Zou & Donner (2008), Statistics in Medicine 27, 1693-1702, for MOVER. Mantel & Haenszel (1959), JNCI 22, 719-748.
    Benjamini & Hochberg (1995), JRSS B 57, 289-300. Simpson (1951), JRSS B 13, 238-241.

    Examples
    --------
    >>> cases = pd.DataFrame({"csat": [5.0] * 30 + [1.0] * 30, "team": ["a"] * 30 + ["b"] * 30})
    >>> contrast_groups(cases, "csat", "team")[["team", "value", "difference", "differs"]].to_numpy().tolist()
    [['a', 1.0, 1.0, True], ['b', 0.0, -1.0, True]]
    """
    if measure not in PERCEIVED:
        raise ValueError(
            f"contrast_groups compares what customers say ({', '.join(PERCEIVED)}), not {measure!r}. An internal "
            "figure belongs to diagnose(), for a problem that customers named."
        )
    require(cases, [measure, by], f"{PERCEIVED[measure][0]} by {by}")
    answered = cases[cases[measure].notna()].reset_index(drop=True)
    answered = answered.assign(_group=_bands(answered[by]), _points=perceived_points(answered[measure]))
    groups = sorted(answered["_group"].unique(), key=str)
    if baseline is not None and baseline not in groups:
        raise ValueError(f"baseline {baseline!r} is not a value of {by!r}. Found: {', '.join(map(repr, groups))}.")
    strata = number_strata(answered, [column for column in within if column != by])[0]
    rows = []
    for group in groups:
        inside = answered["_group"].eq(group)
        against = answered["_group"].isin([baseline]) if baseline is not None else ~inside
        row = _compare(answered, measure, inside, against & ~inside, strata, confidence)
        rows.append({by: group, "people": count_people(answered[inside])} | row)
    frame = suppress(pd.DataFrame(rows), minimum, by=[by])
    differs = control_false_discoveries(frame["p_value"], 1 - confidence)
    return frame.assign(differs=differs, mix=_mix(frame, differs))


def check_score(perception: str) -> None:
    """Refuse a perception that is no score of the customers' own."""
    if perception not in PERCEPTIONS:
        raise ValueError(
            f"perception {perception!r} is not a score that customers give. Expected 'csat', 'nps' or 'ces'."
        )


def perceived_points(answers: pd.Series) -> pd.Series:
    """Turn answers into points whose mean is the measure: satisfied or not, promoter 100 to detractor -100.

    Parameters
    ----------
    answers
        A column of `PERCEIVED`, by its name; missing stays missing.

    Returns
    -------
    Series
        Floats: 0 or 1 for csat (4 and 5 are satisfied) and flags, -100, 0 or 100 for nps, 1 to 7 for ces.

    Examples
    --------
    >>> perceived_points(pd.Series([10, 8, 0], name="nps")).tolist()
    [100.0, 0.0, -100.0]
    """
    values = answers.astype("Float64").astype("float64")
    if answers.name == "csat":
        return values.ge(4).astype("float64").where(values.notna())
    if answers.name == "nps":
        return (100.0 * values.ge(9) - 100.0 * values.le(6)).where(values.notna())
    return values


def _compare(
    answered: pd.DataFrame, measure: str, inside: pd.Series, against: pd.Series, strata: pd.Series, confidence: float
) -> dict[str, object]:
    """One group's figure and its difference from the comparison, crude and among cases of the same kind."""
    summary, points = PERCEIVED[measure][1], answered["_points"]
    mine, n = _side(summary, answered.loc[inside], measure, confidence)
    row = {"measure": measure} | vars(mine)
    keys = ("difference", "difference_low", "difference_high", "p_value", "adjusted", "adjusted_low", "adjusted_high")
    empty = dict.fromkeys(keys, np.nan)
    if not against.any():
        return row | empty
    theirs, others = _side(summary, answered.loc[against], measure, confidence)
    variance = float(points[inside | against].var(ddof=0))
    error = np.sqrt(variance * (1 / n + 1 / others))
    shift = float(points[inside].mean() - points[against].mean())
    p_value = 2 * NormalDist().cdf(-abs(shift) / error) if error > 0 else 1.0
    crude = dict(zip(empty, (*difference_bounds(mine, theirs), p_value), strict=False))
    return row | empty | crude | _adjusted(points, inside, against, strata, variance, confidence)


def _side(
    summary: Callable[..., Estimate], rows: pd.DataFrame, measure: str, confidence: float
) -> tuple[Estimate, float]:
    """The figure of some rows, and the answers of different people that would be as certain."""
    ids = rows.get("customer_id")
    codes = None if ids is None else number_clusters(ids)
    points = rows["_points"].to_numpy()
    n = float(len(rows)) if codes is None else clustered_n(points, np.ones(len(rows)), codes, confidence)
    return summary(rows[measure], clusters=ids, confidence=confidence), n


def _adjusted(
    points: pd.Series, inside: pd.Series, against: pd.Series, strata: pd.Series, variance: float, confidence: float
) -> dict[str, float]:
    """Mantel-Haenszel mean of the differences inside strata."""
    mine, theirs = (points[rows].groupby(strata[rows]).agg(["mean", "size"]) for rows in (inside, against))
    both = mine.add_suffix("_1").join(theirs.add_suffix("_0"), how="inner")
    weight = both["size_1"] * both["size_0"] / (both["size_1"] + both["size_0"])
    if not len(both):
        return {}
    value = float((weight * (both["mean_1"] - both["mean_0"])).sum() / weight.sum())
    half = z_score(confidence) * float(np.sqrt(variance / weight.sum()))
    return {"adjusted": value, "adjusted_low": value - half, "adjusted_high": value + half}


def number_strata(cases: pd.DataFrame, columns: Sequence[str]) -> tuple[pd.Series, list[str]]:
    """The number of each case's kind, one kind when no column tells them apart, and the columns that do."""
    present = [column for column in columns if column in cases and cases[column].notna().any()]
    kinds = cases.groupby(present, dropna=False, sort=False).ngroup() if present else pd.Series(0, index=cases.index)
    return kinds, present


def _bands(column: pd.Series) -> pd.Series:
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if numeric and column.nunique() > 10:
        return name_groups(pd.qcut(column.rank(method="average"), 3, labels=list(BANDS), duplicates="drop"))
    return name_groups(column)


def _mix(frame: pd.DataFrame, differs: pd.Series) -> np.ndarray:
    """Where a difference does not survive the comparison of like with like."""
    turned = frame["difference"] * frame["adjusted"] < 0
    unclear = (frame["adjusted_low"] <= 0) & (frame["adjusted_high"] >= 0)
    alone = frame["adjusted"].isna()
    return np.select([~alone & turned & ~unclear, differs & unclear, differs & alone], [TURNS, VANISHES, ALONE], "")
