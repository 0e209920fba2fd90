"""Contrasts people ask for: team, site, channel, new against loyal, value bands; always of what customers say.

Internal figures are not contrasted here: they enter only as the diagnosis of an open problem (``diagnosis``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from analytics.contrast.clocks import count_people, name_groups
from analytics.contrast.signals import control_false_discoveries
from analytics.measures.estimate import Estimate, span
from analytics.measures.scores import customer_effort, net_promoter_score, share, top_box_share
from analytics.measures.suppress import suppress
from analytics.tables.schema import require

PERCEIVED: dict[str, tuple[str, Callable[..., Estimate]]] = {  # column: what it says, its measure
    "csat": ("satisfied customers", top_box_share),
    "nps": ("net promoter score", net_promoter_score),
    "ces": ("ease score (1 to 7)", customer_effort),
    "disputed": ("answers disputed", share),
    "confirmed": ("cases that customers confirmed", share),
    "confirmed_fixed": ("complaints that customers say are fixed", share),
}
WITHIN = ("reason", "channel", "segment")  # kinds of case that are compared like with like
BANDS = ("lowest third", "middle third", "highest third")
TURNS = "turns round among cases of the same kind: do not rank these groups on the pooled figure"
VANISHES = "not seen among cases of the same kind"
ALONE = "no cases of the same kind elsewhere to compare with"
UNTIMELY = (
    "Caution: an untimely case often cannot be disputed, so this comparison cannot show whether answering late "
    "leads to disputes."
)


@dataclass(frozen=True)
class Contrast:
    """Groups of cases side by side in what customers say.

    Parameters
    ----------
    frame
        One row per group: value, low, high, n; `difference` from the comparison with its interval, `p_value`,
        `differs` (after Benjamini-Hochberg over the groups); `adjusted` difference among cases of the same kind with
        its interval; `note` where the two disagree; `withheld` where the group is suppressed.
    sentences
        The same in plain words, cautions included; no causes.
    """

    frame: pd.DataFrame
    sentences: list[str]


def contrast_groups(
    cases: pd.DataFrame,
    measure: str,
    by: str,
    baseline: object = None,
    *,
    within: Sequence[str] = WITHIN,
    confidence: float = 0.95,
    minimum: int = 10,
) -> Contrast:
    """Compare what customers say between groups of cases, and check the difference among cases of the same kind.

    The difference is the group's figure minus that of `baseline` (or of all other groups), its interval combined from
    the two intervals (MOVER); p-values come from the pooled-variance z test and are Benjamini-Hochberg controlled.
    The adjusted difference is the mean of the differences inside strata of `within`, weighted by n1 n0 / (n1 + n0)
    (Mantel-Haenszel); a difference that turns round or vanishes there is flagged.

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
        Columns that say which cases are of the same kind; those absent are left out.
    confidence
        Level of the intervals; 1 - confidence is the rate of false findings.
    minimum
        Groups of fewer customers are suppressed.

    Returns
    -------
    Contrast
        Frame and sentences.

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
    >>> contrast_groups(cases, "csat", "team").frame[["team", "value", "difference", "differs"]].to_numpy().tolist()
    [['a', 1.0, 1.0, True], ['b', 0.0, -1.0, True]]
    """
    if measure not in PERCEIVED:
        raise ValueError(
            f"contrast_groups compares what customers say ({', '.join(PERCEIVED)}), not {measure!r}. An internal "
            "figure belongs to diagnose(), for a problem that customers named."
        )
    require(cases, [measure, by], f"{PERCEIVED[measure][0]} by {by}")
    known = cases[cases[measure].notna()].reset_index(drop=True)
    known = known.assign(_group=_bands(known[by]), _points=perceived_points(known[measure]))
    groups = sorted(known["_group"].unique(), key=str)
    if baseline is not None and baseline not in groups:
        raise ValueError(f"baseline {baseline!r} is not a value of {by!r}. Found: {', '.join(map(repr, groups))}.")
    strata = _strata(known, [column for column in within if column != by])
    rows = []
    for group in groups:
        inside = known["_group"].eq(group)
        against = known["_group"].isin([baseline]) if baseline is not None else ~inside
        rows.append({by: group} | _compare(known, measure, inside, against & ~inside, strata, confidence))
    frame = pd.DataFrame(rows)
    frame = suppress(
        frame.assign(people=[count_people(known[known["_group"].eq(g)]) for g in groups]), minimum, by=[by]
    )
    stands = control_false_discoveries(frame["p_value"], 1 - confidence)
    frame["differs"], frame["note"] = stands, _mix_note(frame, stands)
    frame = frame.drop(columns="people")
    return Contrast(frame, _sentences(frame, measure, by, baseline))


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
    known: pd.DataFrame, measure: str, inside: pd.Series, against: pd.Series, strata: pd.Series, confidence: float
) -> dict[str, object]:
    """One group's figure and its difference from the comparison, crude and among cases of the same kind."""
    summary = PERCEIVED[measure][1]
    mine = summary(known.loc[inside, measure], confidence=confidence)
    row = {"measure": measure, "value": mine.value, "low": mine.low, "high": mine.high, "n": mine.n, "unit": mine.unit}
    empty = dict.fromkeys(("difference", "difference_low", "difference_high", "p_value"), np.nan)
    empty |= dict.fromkeys(("adjusted", "adjusted_low", "adjusted_high"), np.nan)
    if not against.any():
        return row | empty
    theirs = summary(known.loc[against, measure], confidence=confidence)
    difference = mine.value - theirs.value
    low = difference - np.hypot(mine.value - mine.low, theirs.high - theirs.value)
    high = difference + np.hypot(mine.high - mine.value, theirs.value - theirs.low)
    points = known["_points"]
    variance = float(points[inside | against].var(ddof=0))
    error = np.sqrt(variance * (1 / mine.n + 1 / theirs.n))
    shift = float(points[inside].mean() - points[against].mean())
    p_value = 2 * NormalDist().cdf(-abs(shift) / error) if error > 0 else 1.0
    crude = dict(zip(empty, (difference, low, high, p_value), strict=False))
    return row | empty | crude | _adjusted(points, inside, against, strata, variance, confidence)


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
    half = NormalDist().inv_cdf((1 + confidence) / 2) * float(np.sqrt(variance / weight.sum()))
    return {"adjusted": value, "adjusted_low": value - half, "adjusted_high": value + half}


def _strata(cases: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """Number the kinds of case; one kind when no column tells them apart."""
    present = [column for column in columns if column in cases and cases[column].notna().any()]
    if not present:
        return pd.Series(0, index=cases.index)
    return cases.groupby(present, dropna=False, sort=False).ngroup()


def _bands(column: pd.Series) -> pd.Series:
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if numeric and column.nunique() > 10:
        return name_groups(pd.qcut(column.rank(method="average"), 3, labels=list(BANDS), duplicates="drop"))
    return name_groups(column)


def _mix_note(frame: pd.DataFrame, stands: pd.Series) -> np.ndarray:
    """Say where a difference does not survive the comparison of like with like."""
    turned = frame["difference"] * frame["adjusted"] < 0
    unclear = (frame["adjusted_low"] <= 0) & (frame["adjusted_high"] >= 0)
    alone = frame["adjusted"].isna()
    return np.select([~alone & turned & ~unclear, stands & unclear, stands & alone], [TURNS, VANISHES, ALONE], "")


def _sentences(frame: pd.DataFrame, measure: str, by: str, baseline: object) -> list[str]:
    what, scale = PERCEIVED[measure][0], 100 if frame["unit"].eq("share").any() else 1
    other = "the others" if baseline is None else f"{by} {baseline}"
    said = []
    for row in frame[frame["differs"]].to_dict("records"):
        side = "above" if row["difference"] > 0 else "below"
        low, high = (row[bound] * scale for bound in ("difference_low", "difference_high"))
        note = f"; {row['note']}" if row["note"] else ""
        said.append(
            f"{by} {row[by]}: {what} {_figure(row, scale)}, {abs(row['difference']) * scale:.0f} points {side} {other} "
            f"({low:+.0f} to {high:+.0f}){note}."
        )
    if not said:
        said.append(f"No difference in {what} between groups of {by} is shown.")
    said += [f"{by} {row[by]}: {row['note']}." for row in frame[~frame["differs"]].to_dict("records") if row["note"]]
    if hidden := int(frame["withheld"].ne("").sum()):
        said.append(f"{hidden} of {len(frame)} groups are too small to show.")
    return [*said, UNTIMELY] if measure == "disputed" and by == "timely" else said


def _figure(row: dict, scale: int) -> str:
    percent = " %" if scale == 100 else ""
    digits = 1 if row["measure"] == "ces" else 0
    value, low, high = (f"{row[name] * scale:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value}{percent} ({span(low, high)}, n = {row['n']:,.0f})"
