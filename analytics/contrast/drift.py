"""Cost against perception: whether the service gets cheaper while customers think less of it.

A figure about cost is never good news by itself here: the verdict is about what customers say, and 'cannot tell' is the
answer for a short series.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from analytics.contrast.diagnosis import measured_values
from analytics.contrast.groups import check_score
from analytics.measures.estimate import OBSERVED, SAID, Estimate
from analytics.measures.scores import perceived_points
from analytics.tables.periods import Frequency, period_of
from analytics.tables.schema import require

SHORTEST = 24  # periods; two years of months, so that a season is not taken for a trend
RACE, PERCEPTION_FELL, PERCEPTION_ROSE = "slow race to the bottom", "perception fell", "perception rose"
NO_CHANGE, CANNOT_TELL = "no change in perception", "cannot tell"


@dataclass(frozen=True)
class Drift:
    """Cost and perception over time, and what may be said about them.

    Parameters
    ----------
    word
        'slow race to the bottom' (cost and perception both fell), 'perception fell', 'perception rose', 'no change in
        perception' or 'cannot tell'.
    cost_change, perception_change
        Change along the straight line from the first to the last period: relative for cost, in points for perception.
    p_value
        Of a change in perception; NaN when the series is short.
    """

    word: str
    cost_change: Estimate
    perception_change: Estimate
    p_value: float


def find_drift(
    cases: pd.DataFrame, cost: str = "handle_time_s", perception: str = "csat", frequency: Frequency = "month",
    *, confidence: float = 0.95,
) -> Drift:  # fmt: skip
    """Set cost beside perception, period by period, and say whether both are sliding down.

    Each series gets a straight line; the interval of its change allows for the errors being related from one period to
    the next (first-order autocorrelation, corrected for its small-sample bias, shrinks the effective number of
    periods). With fewer than 24 periods, or when a line's interval includes no change, nothing is claimed of it.

    Parameters
    ----------
    cases
        From `build_cases`; a case belongs to the period in which it started.
    cost
        'handle_time_s' (per contact) or 'cost', or another time per contact.
    perception
        'csat', 'nps' or 'ces'.
    frequency
        'week', 'month' or 'quarter'.
    confidence
        Level of the intervals.

    Returns
    -------
    Drift
        Verdict and changes.

    Raises
    ------
    NotMeasured
        If cost, perception or started_at has no value.

    References
    ----------
    Kendall (1954), Biometrika 41, 403-404, for the bias of autocorrelation. Santer et al. (2000),
    J. Geophysical Research 105, 7337-7356, for the effective number.

    Examples
    --------
    >>> months = pd.date_range("2024-01-01", periods=8, freq="MS")
    >>> cases = pd.DataFrame({"started_at": months, "csat": 4.0, "cost": 2.0})
    >>> find_drift(cases, "cost").word
    'cannot tell'
    """
    check_score(perception)
    require(cases, ["started_at", cost, perception], "cost against perception")
    points = _points(cases, cost, perception, frequency)
    whole = points.dropna()
    cost_line, felt_line = (_line(whole[name].to_numpy(), confidence) for name in ("cost", "perception"))
    change, low, high = (value / cost_line[3] for value in cost_line[:3])
    cost_change = Estimate(change, low, high, len(whole), "share", OBSERVED)
    felt_change = Estimate(*felt_line[:3], int(points["n"].sum()), "score" if perception == "ces" else "points", SAID)
    word = _word(cost_change, felt_change, len(whole))
    p_value = felt_line[4] if len(whole) >= SHORTEST else np.nan
    return Drift(word, cost_change, felt_change, p_value)


def _points(cases: pd.DataFrame, cost: str, perception: str, frequency: Frequency) -> pd.DataFrame:
    """Mean cost and perception of the cases that started in each period; perception on a scale of points."""
    spent = measured_values(cases, cost)
    felt = perceived_points(cases[perception]) * (100 if perception == "csat" else 1)
    grouped = pd.DataFrame({"cost": spent, "perception": felt}).groupby(period_of(cases["started_at"], frequency))
    return grouped.mean().assign(n=grouped["perception"].count()).rename_axis("period").reset_index()


def _line(values: np.ndarray, confidence: float) -> tuple[float, float, float, float, float]:
    """Change along a straight line with its bounds, where the line starts, and the p-value of no change."""
    n = len(values)
    if n < 5:
        return (np.nan,) * 5
    time = np.arange(n) - (n - 1) / 2
    slope, centre = float(time @ values / (time @ time)), float(values.mean())
    residual = values - centre - slope * time
    rho = _autocorrelation(residual)
    effective = max(n * (1 - rho) / (1 + rho), 4.0)
    error = np.sqrt(residual @ residual / (effective - 2) / (time @ time))
    half = float(stdtrit(effective - 2, (1 + confidence) / 2) * error) * (n - 1)
    change = slope * (n - 1)
    p_value = 2 * float(stdtr(effective - 2, -abs(slope) / error)) if error > 0 else float(slope == 0)
    return change, change - half, change + half, centre + slope * time[0], p_value


def _autocorrelation(residual: np.ndarray) -> float:
    """First-order autocorrelation with its small-sample bias (two fitted coefficients) taken out; never below 0."""
    power = float(residual @ residual)
    if power <= 1e-12 * len(residual):
        return 0.0
    raw, n = float(residual[1:] @ residual[:-1]) / power, len(residual)
    return float(np.clip((raw * n + 2) / (n - 4), 0.0, 0.9))


def _word(cost: Estimate, felt: Estimate, periods: int) -> str:
    """The verdict is about perception; cost only turns a fall into a race to the bottom."""
    if periods < SHORTEST:
        return CANNOT_TELL
    if felt.high < 0:
        return RACE if cost.high < 0 else PERCEPTION_FELL
    return PERCEPTION_ROSE if felt.low > 0 else NO_CHANGE
