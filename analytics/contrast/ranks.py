"""Ranks within strata: how often one side lies above the other, its interval, and whether one grows with the other.

Cases are compared with cases of their own kind alone; several cases of one customer are allowed for.
"""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from analytics.measures.estimate import OBSERVED, Estimate
from analytics.measures.intervals import difference_bounds, number_clusters, skewed_p_value, wilson_bounds, z_score


def superiority(values: pd.Series, has: pd.Series, stratum: pd.Series, people: pd.Series | None) -> dict[str, Any]:
    """Stratified probability of superiority, van Elteren's p-value, and the interval for any level.

    Parameters
    ----------
    values
        The measure, without missing values.
    has
        Whether a case has the problem.
    stratum
        Kind of case; only cases of one kind are compared.
    people
        Whose case it is; None where each is of another customer.

    Returns
    -------
    dict
        superiority (0 to 1; 0.5 is no difference), p_value, and interval, a function of the level; NaN when no stratum
        holds both sides.

    References
    ----------
    van Elteren (1960), Bulletin of the ISI 37, 351-361. DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44, 837-845.

    Examples
    --------
    >>> has = pd.Series([True, True, False, False])
    >>> superiority(pd.Series([3.0, 2, 2, 1]), has, pd.Series([0, 0, 0, 0]), None)["superiority"]
    0.875
    """
    x, mine = np.asarray(values, dtype=float), np.asarray(has, dtype=bool)
    codes = pd.factorize(stratum, use_na_sentinel=False)[0]
    m, n = (np.bincount(codes, weights=side, minlength=codes.max(initial=-1) + 1)[codes] for side in (mine, ~mine))
    paired = (m > 0) & (n > 0)
    if not paired.any():
        return {"superiority": np.nan, "p_value": np.nan, "interval": lambda confidence: (np.nan, np.nan)}
    x, mine, codes, m, n = (array[paired] for array in (x, mine, codes, m, n))
    rank, own = (_rank_within(x, kind) for kind in (codes, 2 * codes + mine))
    same, other = np.where(mine, m, n), np.where(mine, n, m)
    below = (rank - own) / other  # share of the other side below this case
    placement = np.where(mine, below, 1 - below)
    shares = m * n / (m + n) / same
    whole = float(shares[mine].sum())
    value = float((shares * placement)[mine].sum() / whole)
    whose = None if people is None else people.reset_index(drop=True)[paired]
    if np.isin(x, (0, 1)).all():
        interval = partial(_flag_interval, x, mine, shares / whole, value)
    else:
        scatter = shares * (placement - value)
        error = float(np.sqrt(max(_clustered_square(scatter, whose), (scatter**2).sum()))) / whole
        interval = partial(_logit_interval, value, error, len(x))
    p_value = stratified_trend(x, mine.astype(float), codes, whose)[2]
    return {"superiority": value, "p_value": p_value, "interval": interval}


def stratified_trend(
    x: np.ndarray, y: np.ndarray, strata: np.ndarray, people: pd.Series | None = None
) -> tuple[float, float, float]:
    """How much y grows from the lowest to the highest rank of x within strata, its standard error and p-value.

    Mantel's correlation test with modified ridits; of a y of two values it is van Elteren's. The larger of two
    variances counts: by permutation within strata, and between customers (`people`). The skewness of the permutations
    counts as well: what is rare on both sides is seldom normal.

    References
    ----------
    Mantel (1963), JASA 58, 690-700. Landis, Heyman & Koch (1978), International Statistical Review 46, 237-254.

    Examples
    --------
    >>> stratified_trend(np.arange(4.0), np.array([0.0, 0, 1, 1]), np.zeros(4, int))[0] > 0
    True
    """
    codes = np.unique(strata, return_inverse=True)[1]
    sizes = np.bincount(codes)
    ridit = _rank_within(x, codes) / (sizes[codes] + 1) - 0.5
    residual = y - (np.bincount(codes, weights=y) / sizes)[codes]
    score = ridit * residual
    spread, rest = (np.bincount(codes, weights=array**2) for array in (ridit, residual))
    variance = max(float((spread * rest / np.maximum(sizes - 1, 1)).sum()), _clustered_square(score, people))
    reach = float(spread.sum())
    if variance <= 0 or reach <= 0:
        return 0.0, 0.0, 1.0
    third = np.bincount(codes, weights=ridit**3) * np.bincount(codes, weights=residual**3)
    skew = float((third * sizes / np.maximum((sizes - 1) * (sizes - 2), 1)).sum() / variance**1.5)
    error, total = np.sqrt(variance), float(score.sum())
    return total / reach, float(error / reach), skewed_p_value(float(total / error), skew)


def _rank_within(x: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Rank of each value among those of its code, from 1; equal values share the mean of theirs."""
    order = np.lexsort((x, codes))
    opens = np.diff(codes[order], prepend=np.nan) != 0  # the first of a code
    tells = opens | (np.diff(x[order], prepend=np.nan) != 0)  # the first of equal values
    starts, run = np.flatnonzero(tells), np.cumsum(tells) - 1
    middle = (starts + np.append(starts[1:], len(x)) + 1) / 2
    ranks = np.empty(len(x))
    ranks[order] = middle[run] - np.flatnonzero(opens)[np.cumsum(opens) - 1]
    return ranks


def _clustered_square(scores: np.ndarray, people: pd.Series | None) -> float:
    """Sum of the squares of each customer's summed scores; 0 where nobody has several."""
    clusters = None if people is None else number_clusters(people)
    return 0.0 if clusters is None else float((np.bincount(clusters, weights=scores) ** 2).sum())


def _logit_interval(value: float, error: float, n: int, confidence: float) -> tuple[float, float]:
    """Interval on the logit scale, so that it stays between 0 and 1 (pulled half a case inwards at the ends)."""
    inner = min(max(value, 0.5 / n), 1 - 0.5 / n)
    reach = z_score(confidence) * max(error, 0.5 / n) / (inner * (1 - inner))
    low, high = expit(logit(inner) + reach * np.array([-1, 1]))
    return float(min(low, value)), float(max(high, value))


def _flag_interval(
    flag: np.ndarray, mine: np.ndarray, shares: np.ndarray, value: float, confidence: float
) -> tuple[float, float]:
    """Interval of the superiority of a flag, half of a difference of shares, from Wilson's bounds of both."""
    rates = []
    for side in (mine, ~mine):
        rate, worth = min(float(shares[side] @ flag[side]), 1.0), 1 / float(shares[side] @ shares[side])
        low, high = wilson_bounds(rate, worth, confidence)
        rates.append(Estimate(rate, float(low), float(high), len(flag), "share", OBSERVED))
    gap, lowest, highest = difference_bounds(*rates)
    return max(value - (gap - lowest) / 2, 0.0), min(value + (highest - gap) / 2, 1.0)
