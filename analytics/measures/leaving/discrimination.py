"""How well a risk tells those who left from those who stayed: three figures of one list of risks and outcomes.

All intervals follow from formulas, so that the same risks give the same figures; what made the risks is not known here.
"""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analytics.measures.estimate import OBSERVED, Estimate
from analytics.measures.intervals import estimate_share, wilson_bounds
from analytics.tables.schema import NotMeasured

BINS = 10  # groups of customers of equal size, by risk, in which predicted and observed shares are compared
TOP = 0.10  # the top decile
DECIMALS = 10  # of a risk that tell customers apart: processors differ in the last bits
Placements = tuple[np.ndarray, np.ndarray]  # of each leaver among the stayers, and of each stayer among the leavers


def evaluate_risk(left: ArrayLike, risk: ArrayLike, confidence: float = 0.95) -> dict[str, Estimate]:
    """Measure how well a risk ranks and how well its level fits.

    AUC: share of pairs of a leaver and a stayer in which the leaver has the higher risk, ties half. Top-decile lift:
    share of leavers among the tenth with the highest risk, over the share among all. Calibration error: root mean
    squared difference of predicted and observed share in ten groups of equal size by risk, less what chance alone
    makes of it.

    Parameters
    ----------
    left
        Whether each customer left, without missing values.
    risk
        Probability of leaving, 0 to 1, in the same order.
    confidence
        Level of the intervals.

    Returns
    -------
    dict of Estimate
        auc (DeLong's interval), top_decile_lift (Wilson's), calibration_error (by the noncentral chi-square of the ten
        groups: from 0 for a risk that fits).

    Raises
    ------
    NotMeasured
        If nobody left, or nobody stayed.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, 837-845. Hosmer and Lemeshow (1980), Communications in
    Statistics 9, and Bröcker (2012), Climate Dynamics 39, for the calibration error.

    Examples
    --------
    >>> figures = evaluate_risk(np.array([1, 0, 1, 0, 0] * 20), np.array([0.9, 0.2, 0.4, 0.4, 0.1] * 20))
    >>> round(figures["auc"].value, 3), round(figures["top_decile_lift"].value, 1)
    (0.917, 2.5)
    """
    left, risk = np.asarray(left, bool), np.round(np.asarray(risk, float), DECIMALS)
    n, leavers = len(left), int(left.sum())
    if not 0 < leavers < n:
        raise NotMeasured("nobody left, or nobody stayed: a risk cannot be judged. Choose a cut-off with both.")
    caught = estimate_share(_caught(left, risk), leavers, OBSERVED, confidence)
    return {
        "auc": _auc(_placements(left, risk), confidence),
        "top_decile_lift": replace(
            caught, value=caught.value / TOP, low=caught.low / TOP, high=caught.high / TOP, n=n, unit="times"
        ),
        "calibration_error": _calibration_error(calibration_table(left, risk), confidence),
    }


def compare_auc(
    left: ArrayLike, risk: ArrayLike, other: ArrayLike, confidence: float = 0.95
) -> tuple[Estimate, Estimate]:
    """AUC of one risk less that of another, for the same customers: the interval is that of the paired difference.

    Parameters
    ----------
    left, risk, other
        Outcome and two risks, in the same order.
    confidence
        As for `evaluate_risk`.

    Returns
    -------
    tuple of Estimate
        Difference of two shares, -1 to 1, positive where `risk` ranks more leavers above stayers; and the AUC of
        `other` by itself.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, 837-845, for correlated curves.

    Examples
    --------
    >>> left = np.array([1, 0, 0, 1] * 25)
    >>> compare_auc(left, np.array([0.9, 0.1, 0.2, 0.8] * 25), np.array([0.1, 0.9, 0.8, 0.2] * 25))[0].value
    1.0
    """
    left = np.asarray(left, bool)
    ours, theirs = (_placements(left, np.round(np.asarray(r, float), DECIMALS)) for r in (risk, other))
    gain = _auc((ours[0] - theirs[0], ours[1] - theirs[1]), confidence, lowest=-1.0)
    return gain, _auc(theirs, confidence)


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


def _placements(left: np.ndarray, risk: np.ndarray) -> Placements:
    """Share of the stayers below each leaver, and of the leavers above each stayer, ties half."""
    from scipy.stats import rankdata

    rank = rankdata(risk)
    below = (rank[left] - rankdata(risk[left])) / (~left).sum()
    return below, 1 - (rank[~left] - rankdata(risk[~left])) / left.sum()


def _auc(placements: Placements, confidence: float, lowest: float = 0.0) -> Estimate:
    """The mean placement; Student's quantile, as either side may be small."""
    from scipy.special import stdtrit

    value, sizes = float(placements[0].mean()), [len(side) for side in placements]
    spread = math.sqrt(sum(side.var(ddof=1) / len(side) if len(side) > 1 else 0.0 for side in placements))
    half = spread * float(stdtrit(max(min(sizes) - 1, 1), (1 + confidence) / 2))
    return Estimate(value, max(value - half, lowest), min(value + half, 1.0), sum(sizes), "share", OBSERVED)


def _caught(left: np.ndarray, risk: np.ndarray) -> float:
    """Leavers among the tenth with the highest risk; those tied at its edge in proportion."""
    room = TOP * len(risk)
    edge = np.sort(risk)[len(risk) - math.ceil(room)]
    sure, tied = risk > edge, risk == edge
    return float(left[sure].sum() + left[tied].mean() * (room - sure.sum()))


def _calibration_error(table: pd.DataFrame, confidence: float) -> Estimate:
    """Root mean squared difference over the groups, its square less that of chance; bounds by inverting its test.

    The squared difference is a scaled noncentral chi-square; scale and degrees of freedom are matched to it.
    """
    from scipy.special import chndtr, chndtrinc

    predicted, observed, n = (table[c].to_numpy(float) for c in ("predicted", "value", "n"))
    chance = np.maximum(predicted * (1 - predicted), observed * (1 - observed)) / n.sum()
    gap = n / n.sum() * (predicted - observed) ** 2
    square, by_chance, tail = gap.sum(), chance.sum(), (1 - confidence) / 2
    low = high = 0.0
    if by_chance > 0:
        scale = max((chance**2).sum() / by_chance, (gap * chance).sum() / square if square else 0.0)
        freedom = by_chance / scale
        if chndtr(square / scale, freedom, 0) > 1 - tail:
            low = scale * chndtrinc(square / scale, freedom, 1 - tail)
        high = scale * chndtrinc(max(square, by_chance) / scale, freedom, tail)
    value = math.sqrt(max(square - by_chance, 0.0))
    bounds = min(math.sqrt(low), value), max(math.sqrt(high), value)
    return Estimate(value, *bounds, int(n.sum()), "share", OBSERVED)
