"""How well a risk tells those who left from those who stayed, with bootstrap intervals over customers.

Four figures of one list of risks and outcomes; what made the risks is not known here.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from analytics.measures.estimate import OBSERVED, Estimate
from analytics.measures.intervals import wilson_bounds

DRAWS = 300  # bootstrap draws: the Monte Carlo error of a 95 % bound is about a tenth of the interval's half width
BINS = 10  # groups of customers of equal size, by risk, in which predicted and observed shares are compared
TOP = 0.10  # the top decile
UNITS = {"auc": "share", "average_precision": "share", "top_decile_lift": "times", "calibration_error": "share"}


class _Ranking:
    """Customers in falling order of risk, ties taken together, so that each bootstrap draw is a cumulative sum."""

    def __init__(self, left: np.ndarray, risk: np.ndarray) -> None:
        risk = risk.round(9)  # equal customers are equal, whatever the last bits say
        self.order = np.argsort(-risk, kind="stable")
        self.left, self.risk = left[self.order].astype(float), risk[self.order]
        self.ties = np.flatnonzero(np.r_[True, np.diff(self.risk) != 0])
        self.bins = np.unique(np.linspace(0, len(left), BINS + 1).astype(int)[:-1])

    def auc(self, weights: np.ndarray) -> float:
        """AUC with each customer counted `weights` times."""
        w = weights[self.order]
        return _auc(*(np.add.reduceat(v, self.ties) for v in (w * self.left, w)))

    def measure(self, weights: np.ndarray) -> tuple[float, ...]:
        """All four figures, in the order of `UNITS`."""
        w = weights[self.order]
        left, all_ = np.add.reduceat(w * self.left, self.ties), np.add.reduceat(w, self.ties)
        caught, seen = np.cumsum(left), np.cumsum(all_)
        leavers, n = caught[-1], seen[-1]
        if not 0 < leavers < n:
            return (np.nan,) * len(UNITS)
        precision = (left * np.divide(caught, seen, out=np.zeros(len(seen)), where=seen > 0)).sum() / leavers
        top = np.interp(TOP * n, np.r_[0, seen], np.r_[0, caught]) / leavers
        gaps = np.add.reduceat(w * (self.left - self.risk), self.bins)
        return _auc(left, all_), float(precision), float(top / TOP), float(np.abs(gaps).sum() / n)


def _auc(left: np.ndarray, all_: np.ndarray) -> float:
    """AUC from leavers and customers at each risk, highest risk first; NaN without both outcomes."""
    stayed = all_ - left
    pairs = left.sum() * stayed.sum()
    return float(1 - (left * (np.cumsum(stayed) - stayed / 2)).sum() / pairs) if pairs else np.nan


def evaluate_risk(left: np.ndarray, risk: np.ndarray, confidence: float = 0.95, seed: int = 0) -> dict[str, Estimate]:
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
    ValueError
        If nobody left, or nobody stayed.

    References
    ----------
    Fawcett (2006), Pattern Recognition Letters 27, for AUC. Naeini, Cooper and Hauskrecht (2015), AAAI, for the
    calibration error. Efron and Tibshirani (1993), chapter 13, for percentile intervals.

    Examples
    --------
    >>> found = evaluate_risk(np.array([1, 0, 1, 0, 0] * 20), np.array([0.9, 0.2, 0.4, 0.4, 0.1] * 20))
    >>> round(found["auc"].value, 3), round(found["top_decile_lift"].value, 1)
    (0.917, 2.5)
    """
    ranking = _Ranking(np.asarray(left, bool), np.asarray(risk, float))
    n = len(ranking.left)
    exact = ranking.measure(np.ones(n))
    if np.isnan(exact[0]):
        raise ValueError("nobody left, or nobody stayed: a risk cannot be judged. Choose a cut-off with both.")
    draws = zip(*(ranking.measure(w) for w in _weights(n, seed)), strict=True)
    return {
        name: _estimate(value, drawn, confidence, n, unit)
        for (name, unit), value, drawn in zip(UNITS.items(), exact, draws, strict=True)
    }


def compare_auc(
    left: np.ndarray, risk: np.ndarray, other: np.ndarray, confidence: float = 0.95, seed: int = 0
) -> Estimate:
    """AUC of one risk less that of another, for the same customers: the interval is that of the paired difference.

    Parameters
    ----------
    left, risk, other
        Outcome and two risks, in the same order.
    confidence, seed
        As for `evaluate_risk`.

    Returns
    -------
    Estimate
        Difference of two shares, -1 to 1; positive where `risk` ranks more leavers above stayers.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.

    Examples
    --------
    >>> left = np.array([1, 0, 0, 1] * 25)
    >>> compare_auc(left, np.array([0.9, 0.1, 0.2, 0.8] * 25), np.array([0.1, 0.9, 0.8, 0.2] * 25)).value
    1.0
    """
    one, two = (_Ranking(np.asarray(left, bool), np.asarray(r, float)) for r in (risk, other))
    n = len(one.left)
    value = one.auc(np.ones(n)) - two.auc(np.ones(n))
    return _estimate(value, [one.auc(w) - two.auc(w) for w in _weights(n, seed)], confidence, n, "share")


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
    order = np.argsort(np.round(risk, 9), kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    table = pd.DataFrame(
        {
            "predicted": [risk[part].mean() for part in parts],
            "value": [left[part].mean() for part in parts],
            "n": [len(part) for part in parts],
        }
    )
    table["low"], table["high"] = wilson_bounds(table["value"], table["n"], confidence)
    return table[["predicted", "value", "low", "high", "n"]]


def _weights(n: int, seed: int) -> Iterator[np.ndarray]:
    """Poisson weights, each customer drawn once on average, looked up in a table of 65,536 quantiles for speed."""
    chances = np.cumsum(np.exp(-1) / np.cumprod(np.r_[1.0, np.arange(1, 12)]))
    table = np.searchsorted(chances, (np.arange(2**16) + 0.5) / 2**16).astype(float)
    rng = np.random.default_rng(seed)
    for _ in range(DRAWS):
        yield table[rng.integers(0, 2**16, n, dtype=np.uint16)]


def _estimate(value: float, draws: Iterable[float], confidence: float, n: int, unit: str) -> Estimate:
    """A figure with the percentiles of its draws, widened to hold the figure itself."""
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(list(draws), [tail, 1 - tail])
    return Estimate(value, min(float(low), value), max(float(high), value), n, unit, OBSERVED)
