"""Contrasts people ask for: team, site, channel, new against loyal, value bands; always of what customers say.

Internal figures are not contrasted here: they enter only as the diagnosis of an open problem (``diagnosis``).
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtr

from analytics.contrast.clocks import name_groups
from analytics.measures.discoveries import discovery_threshold, mark_differences
from analytics.measures.estimate import Estimate
from analytics.measures.intervals import Sample, difference_bounds, skewed_p_value, z_score
from analytics.measures.scores import customer_effort, net_promoter_score, perceived_points, share, top_box_share
from analytics.measures.summarise import NOT_STATED
from analytics.measures.suppress import count_people, number_people, suppress
from analytics.tables.schema import require

PERCEIVED: dict[str, tuple[str, Callable[..., Estimate]]] = {  # column: what it says, its measure
    "csat": ("satisfied customers", top_box_share), "nps": ("net promoter score", net_promoter_score),
    "ces": ("ease score", customer_effort), "disputed": ("answers disputed", share),
}  # fmt: skip
PERCEPTIONS = ("csat", "nps", "ces")
WITHIN = ("reason", "channel", "segment")  # kinds of case that are compared like with like
MARGINS = {"csat": 0.05, "nps": 10.0, "ces": 0.3}  # a difference under this counts as none, where equality is asked
APART = 0.1  # p-value, over the number of groups, under which one stands apart and the others are judged without it
DISAGREE = 0.001  # p-value under which even the groups that are left do not agree
BANDS = ("lowest third", "middle third", "highest third")
TURNS, VANISHES, ALONE = "turns", "vanishes", "alone"  # what becomes of a difference among cases of the same kind


def contrast_groups(
    cases: pd.DataFrame, measure: str, by: str, *, goal: float | None = None,
    within: tuple[str, ...] = WITHIN, confidence: float = 0.95, minimum: int = 10, cut: float | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Compare what customers say between groups of cases, and check the difference among cases of the same kind.

    The difference is the group's figure minus a declared `goal`, or else that of the other groups,
    without those that stand apart where more than half do not, so that one odd group does not make its
    neighbours look odd. Its interval is combined from two intervals (MOVER); p-values come from the
    pooled-variance z test and are Benjamini-Hochberg controlled. The adjusted difference is the mean of the differences
    inside strata of reason, channel and segment, weighted by n1 n0 / (n1 + n0) (Mantel-Haenszel); a difference that
    turns round or vanishes there is flagged.

    Parameters
    ----------
    cases
        From `build_cases`.
    measure
        What customers say: 'csat', 'nps', 'ces' or 'disputed'.
    by
        Group column: team, site, channel, loyalty ('new' or 'loyal') and so on; a numeric column with many
        values, such as value_per_year, is cut into thirds. A missing group is 'not stated', and none of the others
        that a named group is compared with where there are two named ones.
    goal
        A declared figure to compare with instead, in the measure's unit.
    within
        Columns that tell kinds of case: the adjusted difference compares like with like; () compares all.
    confidence
        Level of the groups' own intervals; 1 - confidence is the rate of false findings. Groups that stand apart are
        told for it, and have the level of their differences.
    minimum
        Groups of fewer customers are suppressed.
    cut
        Largest p-value that stands, where more tests than these are controlled together; None controls these alone.
        Intervals of differences are at the level of one less this, and agree with `differs`.

    Returns
    -------
    DataFrame
        One row per group: measure, value, low, high, n, unit, source; `difference` from the comparison with its
        interval, `error` (its standard error), `p_value`, `differs`; `adjusted` difference among cases of the same kind
        with its interval and `adjusted_p`; `mix` where the two disagree: 'turns', 'vanishes', 'alone' (no such
        cases elsewhere) or ''; `people`; `withheld`, why the group is suppressed, or ''.

    Raises
    ------
    NotMeasured
        If the measure or the group column has no value.
    ValueError
        If `measure` is not said by customers.

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
    columns = [*dict.fromkeys([measure, by, "customer_id", *within])]
    answered = number_people(cases.filter(columns)[cases[measure].notna()].reset_index(drop=True))
    answered = answered.assign(_group=_bands(answered[by]), _points=perceived_points(answered[measure]))
    groups = sorted(answered["_group"].unique(), key=str)
    strata = number_strata(answered, [column for column in within if column != by])[0]
    answered = answered.filter([measure, "customer_id", "_group", "_points"])
    named = answered["_group"].ne(NOT_STATED)
    named |= answered.loc[named, "_group"].nunique() < 2
    reference = None if goal is not None else _typical(answered[named], minimum)
    sides = [_sides(answered["_group"], g, reference, named) for g in groups]
    tests = pd.DataFrame([_test(answered, *side, goal) for side in sides])
    tests["people"] = [count_people(answered[inside]) for inside, _ in sides]
    if cut is None:
        cut = discovery_threshold(tests.loc[tests["people"] >= minimum, "p_value"], 1 - confidence)
    levels = [(max(confidence, 1 - cut) if p <= cut else confidence, 1 - cut) for p in tests["p_value"]]
    pairs = zip(sides, levels, strict=True)
    figures = [_figures(answered, measure, side, strata, goal, level) for side, level in pairs]
    frame = pd.concat([pd.DataFrame({by: groups}), tests, pd.DataFrame(figures)], axis=1)
    bounds = ("difference_low", "difference_high")
    frame = mark_differences(suppress(frame, minimum, by=[by]), cut, bounds=bounds)
    return frame.assign(mix="" if goal is not None else _mix(frame))


def _sides(
    group: pd.Series, name: str, reference: list | None, named: pd.Series
) -> tuple[pd.Series, pd.Series]:  # fmt: skip
    """Which rows are of a group, and with which it is compared: all others named where the reference is few of them."""
    inside = group.eq(name)
    others, beside = named & ~inside, group.isin(reference or []) & ~inside
    return inside, beside if reference is None or beside.sum() >= others.sum() / 2 else others


def check_score(perception: str) -> None:
    """Refuse a perception that is no score of the customers' own."""
    if perception not in PERCEPTIONS:
        raise ValueError(f"perception {perception!r} is no score that customers give. Expected 'csat', 'nps' or 'ces'.")


def _typical(answered: pd.DataFrame, minimum: int) -> list[object]:
    """The groups without those that stand apart, the furthest left out first; all where no more than half agree."""
    sizes = answered["_group"].value_counts()
    kept = sorted(sizes.index[sizes >= minimum], key=str)
    fewest = max(len(kept) // 2 + 1, 2)
    while len(kept) > 1:
        rows = answered["_group"].isin(kept)
        pairs = [(inside := answered["_group"].eq(group), rows & ~inside) for group in kept]
        p = np.array([_test(answered, inside, rest, None)["p_value"] for inside, rest in pairs])
        if p.min() > (APART / len(kept) if len(kept) > fewest else DISAGREE):
            return kept
        if len(kept) == fewest:
            break
        far = np.array([abs(answered.loc[i, "_points"].mean() - answered.loc[r, "_points"].mean()) for i, r in pairs])
        kept.pop(int(np.lexsort([-far.round(9), p.round(12)])[0]))
    return list(sizes.index)


def _test(answered: pd.DataFrame, inside: pd.Series, against: pd.Series, goal: float | None) -> dict[str, float]:
    """Shift of a group from what it is compared with, its standard error, and the p-value of the skewed z test."""
    points, size = answered["_points"], _effective(answered, inside)
    both = points[inside] if goal is not None else points[inside | against]
    if goal is None and not against.any():
        return {"error": np.nan, "p_value": np.nan}
    other = np.inf if goal is not None else _effective(answered, against)
    shift = float(points[inside].mean()) - (float(points[against].mean()) if goal is None else goal)
    error = float(np.sqrt(both.var(ddof=0) * (1 / size + 1 / other)))
    third = float(((both - both.mean()) ** 3).mean()) * (1 / size**2 - 1 / other**2)
    return {"error": error, "p_value": skewed_p_value(shift / error, third / error**3) if error > 0 else 1.0}


def _effective(answered: pd.DataFrame, side: pd.Series) -> float:
    """The answers of different people that would be as certain as these."""
    part = answered[side]
    return Sample.of(np.ones(len(part)), part.get("customer_id")).size(part["_points"].to_numpy())


def _figures(
    answered: pd.DataFrame, measure: str, side: tuple[pd.Series, pd.Series], strata: pd.Series, goal: float | None,
    levels: tuple[float, float],
) -> dict[str, object]:  # fmt: skip
    """A group's figure, and its difference from the comparison, crude and among cases of the same kind."""
    (inside, against), ids = side, answered.get("customer_id")

    def figure(rows: pd.Series, level: float) -> Estimate:
        clusters = None if ids is None else ids[rows]
        return PERCEIVED[measure][1](answered.loc[rows, measure], clusters=clusters, confidence=level)

    row, wide = {"measure": measure} | vars(figure(inside, levels[0])), figure(inside, levels[1])
    gaps = (np.nan,) * 3
    if goal is not None:
        gaps = (wide.value - goal, wide.low - goal, wide.high - goal)
    elif against.any():
        gaps = difference_bounds(wide, figure(against, levels[1]))
    row |= zip(("difference", "difference_low", "difference_high"), gaps, strict=True)
    size = _effective(answered, inside) / inside.sum()
    return row | adjusted_difference(answered["_points"], inside, against, strata, levels[1], size)


def adjusted_difference(
    points: pd.Series, inside: pd.Series, against: pd.Series, strata: pd.Series, confidence: float, worth: float = 1.0
) -> dict[str, float]:
    """Mantel-Haenszel mean of the differences inside strata; NaN where no stratum holds both sides.

    `worth` is what one of several answers of the same people counts for.
    """
    codes, values, sides = strata.to_numpy(), points.to_numpy(), (inside.to_numpy(), against.to_numpy())
    m, n = (np.bincount(codes[side], minlength=codes.max(initial=-1) + 1) for side in sides)
    mine, theirs = (np.bincount(codes[side], values[side], len(m)) for side in sides)
    both = (m > 0) & (n > 0)
    if not both.any():
        return dict.fromkeys(("adjusted", "adjusted_low", "adjusted_high", "adjusted_p"), np.nan)
    m, n, mine, theirs = (array[both] for array in (m, n, mine, theirs))
    weight = m * n / (m + n)
    value = float((weight * (mine / m - theirs / n)).sum() / weight.sum())
    variance = float(points[inside | against].var(ddof=0)) / worth
    error = float(np.sqrt(variance / weight.sum()))
    half, p_value = z_score(confidence) * error, 2 * float(ndtr(-abs(value) / error)) if error else float(value == 0)
    return {"adjusted": value, "adjusted_low": value - half, "adjusted_high": value + half, "adjusted_p": p_value}


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


def _mix(frame: pd.DataFrame) -> np.ndarray:
    """Where a difference does not survive the comparison of like with like."""
    turned = frame["difference"] * frame["adjusted"] < 0
    unclear = (frame["adjusted_low"] <= 0) & (frame["adjusted_high"] >= 0)
    alone = frame["adjusted"].isna()
    names, differs = [TURNS, VANISHES, ALONE], frame["differs"]
    return np.select([~alone & turned & ~unclear, differs & unclear, differs & alone], names, "")
