"""Columns that know the outcome: what a model of leaving must not see.

One column at a time is examined, as an honest figure seldom tells by itself who left; which columns are features is not
decided here.
"""

from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analytics.tables.schema import plain

# Empirical: on two public churn files the strongest honest column has an AUC of .74 and the weakest leak .94.
NEAR_PERFECT = 0.90
PURITY = 50  # one side of a value is empty when the other outcome is this many times rarer than among all
LEAVERS_HELD, STAYERS_HELD = 0.10, 0.20  # share of that side which such values must hold
EXPECTED = 30  # rows of the missing outcome that chance would have put there
BINS, RARE, COMMON = 20, 10, 0.005  # quantile bins of a number; rows of a level of its own; share of an own value
SEED = 7_046_029  # not one that made-up data are likely to be drawn with: the halves must not follow the outcome
PREFIX = 1_000  # rows looked at before all are
ROWS = 100_000  # more are sampled: the verdict does not need them


class LeakageError(ValueError):
    """Columns know the outcome; `report` is the frame of `leakage_report`."""

    def __init__(self, report: pd.DataFrame) -> None:
        self.report = report
        rows = zip(report["column"], report["reason"], report["strength"], strict=True)
        lines = [f"- {column}: {reason.replace('_', ' ')}, {strength:.3f}" for column, reason, strength in rows]
        noun = "1 column knows" if len(report) == 1 else f"{len(report)} columns know"
        super().__init__("\n".join([f"{noun} who left. Remove before a model is fitted:", *lines]))


class Leak(StrEnum):
    """How a column gives the outcome away."""

    LATE_STAMP = "late_stamp"
    IDENTIFIER = "identifier"
    TELLS_BY_ITSELF = "tells_by_itself"
    FILLED_IN_FOR_LEAVERS = "filled_in_for_leavers"
    FILLED_IN_FOR_STAYERS = "filled_in_for_stayers"
    VALUES_OF_LEAVERS = "values_of_leavers"
    VALUES_OF_STAYERS = "values_of_stayers"


Verdict = tuple[Leak, float] | None  # how a column gives the outcome away and how strongly, or not at all


def leakage_report(
    frame: pd.DataFrame, outcome: str | ArrayLike, cutoff: str | ArrayLike | pd.Timestamp | None = None
) -> pd.DataFrame:
    """Find columns that give the outcome away: one row per suspect, with the reason.

    A column is suspect if its values, binned and cross-fitted, rank leavers above stayers with an AUC of .90 or more
    (missing is a value like any other); if some of its values are held by one side alone, for at least a tenth of the
    leavers or a fifth of the stayers; if a stamp lies after the cut-off; if it differs in every row (an id); or if it
    never changes over a customer's rows and separates those who leave in any of them (frozen at leaving).

    Parameters
    ----------
    frame
        One row per customer, or per customer and cut-off; `customer_id` tells them apart and is never a suspect.
    outcome
        Column of the frame, or one value per row: flags, 0/1, two words (the rarer one means left), or stamps of
        leaving (missing means stayed). Rows without an outcome are left out.
    cutoff
        Column, one stamp per row, or one for all; stamps are only checked where it is given.

    Returns
    -------
    DataFrame
        column, reason (a `Leak`), strength (0 to 1: the AUC, or the share of rows, leavers or stayers given away),
        frozen (whether the value is the same at each of a customer's cut-offs, and tells of the customer as a whole),
        strongest first; empty where nothing is suspect.

    Raises
    ------
    ValueError
        If the outcome has not exactly two values.

    References
    ----------
    Kaufman, Rosset, Perlich and Stitelman (2012), Leakage in data mining, ACM TKDD 6(4).

    Examples
    --------
    >>> frame = pd.DataFrame({"age": [30, 41, 52, 63, 41, 30, 63, 52] * 25, "left": [0, 0, 0, 1] * 50})
    >>> frame["exit_survey"] = frame["left"].map({0: None, 1: "price"})
    >>> leakage_report(frame, "left")[["column", "reason"]].values.tolist()
    [['exit_survey', 'filled_in_for_leavers']]
    """
    frame = plain(frame)
    left = _outcome(frame, outcome)
    moments = None if cutoff is None else moments_of(frame, cutoff).to_numpy("datetime64[us]")
    rows = np.flatnonzero(left.notna())
    if len(rows) > ROWS:
        rows = np.sort(np.random.default_rng(SEED).permutation(rows)[:ROWS])
    half = np.random.default_rng(SEED).random(len(rows)) < 0.5
    keys = {"customer_id", *(c for c in (outcome, cutoff) if isinstance(c, str))}
    first = None  # of each customer's rows, where customers have several
    if "customer_id" in frame and frame["customer_id"].duplicated().any():
        who = pd.factorize(frame["customer_id"].iloc[rows])[0]
        order = np.argsort(who, kind="stable")
        rows, half, first = rows[order], half[order], np.flatnonzero(np.r_[True, np.diff(who[order]) != 0])
    y = left.iloc[rows].to_numpy(bool)
    if y.all() or not y.any():
        raise ValueError(f"the outcome is {'always' if y.all() else 'never'} true: expected leavers and stayers.")
    suspects = []
    for name in (c for c in frame.columns if c not in keys):
        column = frame[name].iloc[rows]
        late = _stamped_late(column, moments[rows]) if moments is not None else None
        frozen = _frozen(column, y, first) if first is not None and not late else None
        if verdict := late or frozen or _separates(column, y, half) or _identifies(column):
            suspects.append((name, *verdict, frozen is not None))
    report = pd.DataFrame(suspects, columns=["column", "reason", "strength", "frozen"])
    return report.sort_values("strength", ascending=False, kind="stable", ignore_index=True)


def moments_of(frame: pd.DataFrame, cutoff: str | ArrayLike | pd.Timestamp) -> pd.Series:
    """Moment of each row in UTC, from a column, one stamp per row, or one for all."""
    values: Any = frame[cutoff] if isinstance(cutoff, str) and cutoff in frame else cutoff
    stamps = pd.Series([values] * len(frame) if np.ndim(values) == 0 else values)
    return pd.to_datetime(stamps, utc=True).set_axis(frame.index)


def _outcome(frame: pd.DataFrame, outcome: str | ArrayLike) -> pd.Series:
    """The outcome as True, False or missing."""
    if isinstance(outcome, str) and outcome not in frame:
        raise ValueError(f"the frame has no column {outcome!r} as outcome. Found: {', '.join(map(str, frame))}.")
    values = frame[outcome] if isinstance(outcome, str) else pd.Series(outcome)
    if len(values) != len(frame):
        raise ValueError(f"the outcome has {len(values)} values for {len(frame)} rows: give one for each row.")
    if pd.api.types.is_datetime64_any_dtype(values):
        return values.notna().astype("boolean")
    counts = values.value_counts()
    if len(counts) != 2:
        first = list(counts.index)[:5]
        raise ValueError(f"the outcome needs two values, such as 0 and 1. Found {len(counts)}: {first}.")
    positive = max(counts.index) if pd.api.types.is_numeric_dtype(values) else counts.index[-1]
    return values.eq(positive).astype("boolean").mask(values.isna())


def _frozen(column: pd.Series, y: np.ndarray, first: np.ndarray) -> Verdict:
    """A value that stays the same over a customer's rows, yet knows whether they leave in any of them."""
    for stop in (PREFIX, len(column)):  # most columns have changed early
        changed = np.diff(pd.factorize(column.iloc[:stop], use_na_sentinel=False)[0], prepend=0) != 0
        changed[first[first < stop]] = False  # from one customer to the next
        if changed.any():
            return None
    half = np.random.default_rng(SEED).random(len(first)) < 0.5
    return _separates(column.iloc[first], np.logical_or.reduceat(y, first), half)


def _stamped_late(column: pd.Series, moments: np.ndarray) -> Verdict:
    if not pd.api.types.is_datetime64_any_dtype(column):
        words = column.dropna()
        if pd.api.types.is_numeric_dtype(column) or not words.astype(str).str.match(r"\d{4}-\d\d-\d\d").all():
            return None
    stamps = pd.to_datetime(column, utc=True, errors="coerce").to_numpy("datetime64[us]")
    late = float(np.mean(stamps > moments))
    return (Leak.LATE_STAMP, late) if late > 0 else None


def _identifies(column: pd.Series) -> Verdict:
    """A different word or whole number in every row."""
    if len(column) < EXPECTED or column.isna().any() or pd.api.types.is_datetime64_any_dtype(column):
        return None
    return None if pd.api.types.is_float_dtype(column) or not column.is_unique else (Leak.IDENTIFIER, 1.0)


def _separates(column: pd.Series, y: np.ndarray, half: np.ndarray) -> Verdict:
    """Near-perfect or one-sided separation by the column alone."""
    tallies = _tally(_levels(column), y, half)
    auc = _auc(tallies)
    if auc >= NEAR_PERFECT:
        blank = column.isna().to_numpy()
        if blank.any() and _auc(_tally(blank.astype(int), y, half)) >= NEAR_PERFECT:
            leavers = blank[y].mean() < blank[~y].mean()
            return Leak.FILLED_IN_FOR_LEAVERS if leavers else Leak.FILLED_IN_FOR_STAYERS, auc
        return Leak.TELLS_BY_ITSELF, auc
    if (held := _held_alone(tallies, 1)) >= LEAVERS_HELD:
        return Leak.VALUES_OF_LEAVERS, held
    return (Leak.VALUES_OF_STAYERS, held) if (held := _held_alone(tallies, 0)) >= STAYERS_HELD else None


def _held_alone(tallies: list[np.ndarray], side: int) -> float:
    """Share of stayers (0) or leavers (1) with values nobody else holds, chosen in one half, counted in the other."""
    mine, all_ = sum(t[side].sum() for t in tallies), sum(t.sum() for t in tallies)
    others = 1 - mine / all_
    own = strangers = 0.0
    for here, there in (tallies, tallies[::-1]):
        rows = there.sum(axis=0)
        pure = (rows >= RARE) & (there[1 - side] <= others / PURITY * rows)
        own += here[side][pure].sum()
        strangers += here[1 - side][pure].sum()
    expected = (own + strangers) * others
    return float(own / mine) if expected >= EXPECTED and strangers <= expected / PURITY else 0.0


def _levels(column: pd.Series) -> np.ndarray:
    """Codes from 0: words and few numbers as they are, many numbers in bins, rare words together, missing apart."""
    if pd.api.types.is_datetime64_any_dtype(column):
        column = pd.Series(column.to_numpy("datetime64[s]").astype(float), column.index).mask(column.isna())
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    values = column if numeric else column.astype(object).where(column.isna(), column.astype(str))
    codes, distinct = pd.factorize(values)
    counts = np.bincount(codes[codes >= 0], minlength=len(distinct))
    own = counts >= RARE
    binned = np.zeros(len(codes), dtype=int)
    if numeric and len(distinct) > 2 * BINS:
        own = counts >= max(RARE, COMMON * len(codes))
        numbers = values.to_numpy(float, na_value=np.nan)
        edges = np.unique(np.nanquantile(numbers, np.linspace(0, 1, BINS + 1)[1:-1]))
        binned = np.searchsorted(edges, numbers, side="right")
    own_code = np.where(own, BINS + 2 + np.arange(len(distinct)), -1)
    level = np.where(codes >= 0, np.append(own_code, -1)[codes], BINS + 1)
    level = np.where(level < 0, binned, level)
    present = np.bincount(level) > 0
    return (np.cumsum(present) - 1)[level]


def _tally(levels: np.ndarray, y: np.ndarray, half: np.ndarray) -> list[np.ndarray]:
    """Stayers and leavers per level, in each of two random halves."""
    codes = (half * 2 + y) * (levels.max() + 1) + levels
    return list(np.bincount(codes, minlength=4 * (levels.max() + 1)).reshape(2, 2, -1).astype(float))


def _auc(tallies: list[np.ndarray]) -> float:
    """AUC of ranking each half's rows by their level's share of leavers in the other half."""
    from sklearn.metrics import roc_auc_score

    base = sum(t[1].sum() for t in tallies) / sum(t.sum() for t in tallies)
    scores = np.concatenate([((t[1] + base) / (t.sum(axis=0) + 1)).round(12) for t in tallies[::-1]])
    rows = np.concatenate([t[side] for side in (0, 1) for t in tallies])
    return float(roc_auc_score(np.repeat([0, 1], len(scores)), np.tile(scores, 2), sample_weight=rows))
