"""How well a risk tells those who left from those who stayed, with bootstrap intervals over customers.

Four figures of one list of risks and outcomes; what made the risks is not known here.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analytics.measures.estimate import OBSERVED, Estimate
from analytics.measures.intervals import estimate_share, wilson_bounds
from analytics.tables.schema import NotMeasured

DRAWS = 300  # bootstrap draws: the Monte Carlo error of a 95 % bound is about a tenth of the interval's half width
BINS = 10  # groups of customers of equal size, by risk, in which predicted and observed shares are compared
TOP = 0.10  # the top decile
DECIMALS = 10  # of a risk that tell customers apart: processors differ in the last bits
UNITS = {"auc": "share", "average_precision": "share", "top_decile_lift": "times", "calibration_error": "share"}


class _Ranking:
    """Customers in falling order of risk, ties taken together: what a draw of them gives follows from its leavers."""

    def __init__(self, left: ArrayLike, risk: ArrayLike) -> None:
        risk = np.round(np.asarray(risk, float), DECIMALS)
        self.n, self.order = len(risk), np.argsort(-risk, kind="stable")
        risk, left = risk[self.order], np.asarray(left, bool)[self.order]
        self.gaps, self.leavers = left - risk, np.flatnonzero(left)
        ends = np.append(np.flatnonzero(np.diff(risk)) + 1, self.n)
        self.bounds = np.append(0, ends)  # of each group of ties
        self.caught = np.searchsorted(self.leavers, self.bounds)  # leavers ahead of each bound
        self.group = np.searchsorted(ends, self.leavers, side="right")  # of ties, that each leaver is in
        self.bins = np.unique(np.linspace(0, self.n, BINS + 1).astype(int)[:-1])

    def measure(self, weights: np.ndarray, only_auc: bool = False) -> tuple[float, ...]:
        """All four figures in the order of `UNITS`, or the first, with each customer counted `weights` times."""
        w = weights[self.order]
        mine = w[self.leavers]
        seen = np.append(0, np.cumsum(w, dtype=int))[self.bounds]
        caught = np.append(0, np.cumsum(mine, dtype=int))[self.caught]
        n, leavers = int(seen[-1]), int(caught[-1])
        if not 0 < leavers < n:
            return (np.nan,) * len(UNITS)
        stayed = seen - caught
        above = stayed[self.group] + stayed[self.group + 1]  # twice the stayers ahead, those tied counted once
        auc = 1 - int(mine @ above) / (2 * leavers * (n - leavers))
        if only_auc:
            return (auc,)
        precision = (mine * caught[self.group + 1] / np.maximum(seen[self.group + 1], 1)).sum() / leavers
        top = np.interp(TOP * n, seen, caught) / leavers
        gaps = np.add.reduceat(w * self.gaps, self.bins)
        return auc, float(precision), float(top / TOP), float(np.abs(gaps).sum() / n)


def evaluate_risk(left: ArrayLike, risk: ArrayLike, confidence: float = 0.95, seed: int = 0) -> dict[str, Estimate]:
    """Measure how well a risk ranks and how well its level fits.

    AUC: share of pairs of a leaver and a stayer in which the leaver has the higher risk, ties half. Average precision:
    mean share of leavers among those ranked at least as high as each leaver. Top-decile lift: share of leavers among
    the tenth with the highest risk, over the share among all. Calibration error: in ten groups of equal size by risk,
    the mean absolute difference of predicted and observed share, which chance alone makes larger than 0.

    Parameters
    ----------
    left
        Whether each customer left, without missing values.
    risk
        Probability of leaving, 0 to 1, in the same order.
    confidence
        Level of the intervals.
    seed
        Of the bootstrap; the same seed and number of customers give the same draws, so figures can be paired.

    Returns
    -------
    dict of Estimate
        auc, average_precision, top_decile_lift, calibration_error; percentile intervals of a Poisson bootstrap of
        customers, widened to hold the figure itself.

    Raises
    ------
    NotMeasured
        If nobody left, or nobody stayed.

    References
    ----------
    Fawcett (2006), Pattern Recognition Letters 27, for AUC. Naeini, Cooper and Hauskrecht (2015), AAAI, for the
    calibration error. Efron and Tibshirani (1993), chapter 13, for percentile intervals.

    Examples
    --------
    >>> figures = evaluate_risk(np.array([1, 0, 1, 0, 0] * 20), np.array([0.9, 0.2, 0.4, 0.4, 0.1] * 20))
    >>> round(figures["auc"].value, 3), round(figures["top_decile_lift"].value, 1)
    (0.917, 2.5)
    """
    ranking = _Ranking(left, risk)
    exact = ranking.measure(np.ones(ranking.n, np.uint8))
    if np.isnan(exact[0]):
        raise NotMeasured("nobody left, or nobody stayed: a risk cannot be judged. Choose a cut-off with both.")
    draws = zip(*(ranking.measure(w) for w in _weights(ranking.n, seed)), strict=True)
    return {
        name: _estimate(value, figures, confidence, ranking.n, unit)
        for (name, unit), value, figures in zip(UNITS.items(), exact, draws, strict=True)
    }


def compare_auc(
    left: ArrayLike, risk: ArrayLike, other: ArrayLike, confidence: float = 0.95, seed: int = 0
) -> tuple[Estimate, Estimate]:
    """AUC of one risk less that of another, for the same customers: the interval is that of the paired difference.

    Parameters
    ----------
    left, risk, other
        Outcome and two risks, in the same order.
    confidence, seed
        As for `evaluate_risk`.

    Returns
    -------
    tuple of Estimate
        Difference of two shares, -1 to 1, positive where `risk` ranks more leavers above stayers; and the AUC of
        `other` by itself.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.

    Examples
    --------
    >>> left = np.array([1, 0, 0, 1] * 25)
    >>> compare_auc(left, np.array([0.9, 0.1, 0.2, 0.8] * 25), np.array([0.1, 0.9, 0.8, 0.2] * 25))[0].value
    1.0
    """
    one, two = _Ranking(left, risk), _Ranking(left, other)
    weights = [np.ones(one.n, np.uint8), *_weights(one.n, seed)]
    ours, theirs = (np.array([ranking.measure(w, only_auc=True)[0] for w in weights]) for ranking in (one, two))
    gain, auc = (_estimate(value, draws, confidence, one.n, "share") for value, *draws in (ours - theirs, theirs))
    return gain, auc


def calibration_table(left: np.ndarray, risk: np.ndarray, confidence: float = 0.95) -> pd.DataFrame:
    """Predicted and observed share in ten groups of equal size, lowest risk first.

    Parameters
    ----------
    left, risk
        Outcome and probability of leaving.
    confidence
        Level of the Wilson intervals.

    Returns
    -------
    DataFrame
        predicted, value, low, high (shares 0 to 1), n.

    Examples
    --------
    >>> table = calibration_table(np.array([0, 0, 0, 1] * 25), np.full(100, 0.25))
    >>> table[["predicted", "n"]].iloc[0].tolist()
    [0.25, 10.0]
    """
    order = np.argsort(np.round(risk, DECIMALS), kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    rows = [(risk[part].mean(), left[part].mean(), len(part)) for part in parts]
    table = pd.DataFrame(rows, columns=["predicted", "value", "n"])
    table["low"], table["high"] = wilson_bounds(table["value"], table["n"], confidence)
    return table[["predicted", "value", "low", "high", "n"]]


def share_of(hits: np.ndarray, among: np.ndarray, confidence: float = 0.95) -> Estimate:
    """Share of `among` that are also `hits` (two masks) with Wilson's interval; NaN where there are none."""
    return estimate_share((hits & among).sum(), int(among.sum()), OBSERVED, confidence)


@lru_cache(maxsize=1)
def _weights(n: int, seed: int) -> np.ndarray:
    """Poisson weights of each draw, each customer drawn once on average, from a table of 65,536 quantiles for speed."""
    chances = np.cumsum(np.exp(-1) / np.cumprod(np.r_[1.0, np.arange(1, 12)]))
    table = np.searchsorted(chances, (np.arange(2**16) + 0.5) / 2**16).astype(np.uint8)
    rng = np.random.default_rng(seed)
    return np.stack([table[rng.integers(0, 2**16, n, dtype=np.uint16)] for _ in range(DRAWS)])


def _estimate(value: float, draws: Sequence[float], confidence: float, n: int, unit: str) -> Estimate:
    """A figure with the percentiles of its draws, widened to hold the figure itself."""
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return Estimate(float(value), float(min(low, value)), float(max(high, value)), n, unit, OBSERVED)
