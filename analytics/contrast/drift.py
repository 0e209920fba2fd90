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

YEAR = 12  # periods set beside as many: of months a year, so that a season is not taken for a trend
SHORTEST = 2 * YEAR
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
        The last twelve periods less the first twelve: relative for cost, in points for perception.
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

    The mean of the last twelve periods is set beside that of the first twelve, whatever the way between them. How far
    a period lies from its level is told by the differences of neighbours, which a slow movement hardly touches: it is
    what is looked for, and no error. With fewer than 24 periods, or when an interval includes no change, nothing is
    claimed.

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
    von Neumann, Kent, Bellinson & Hart (1941), Annals of Mathematical Statistics 12, 153-162, for the mean square
    successive difference, whose degrees of freedom are two thirds of its number.

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
    cost_change, felt_change = (_change(whole[name].to_numpy(), confidence) for name in ("cost", "perception"))
    first = float(whole["cost"].head(YEAR).mean())
    value, low, high = (bound / first for bound in cost_change[:3])
    spent = Estimate(value, low, high, len(whole), "share", OBSERVED)
    felt = Estimate(*felt_change[:3], int(points["n"].sum()), "score" if perception == "ces" else "points", SAID)
    return Drift(_word(spent, felt, len(whole)), spent, felt, felt_change[3])


def _points(cases: pd.DataFrame, cost: str, perception: str, frequency: Frequency) -> pd.DataFrame:
    """Mean cost and perception of the cases that started in each period; perception on a scale of points."""
    spent = measured_values(cases, cost)
    felt = perceived_points(cases[perception]) * (100 if perception == "csat" else 1)
    grouped = pd.DataFrame({"cost": spent, "perception": felt}).groupby(period_of(cases["started_at"], frequency))
    return grouped.mean().assign(n=grouped["perception"].count()).rename_axis("period").reset_index()


def _change(values: np.ndarray, confidence: float) -> tuple[float, float, float, float]:
    """The last periods less the first, its bounds, and the p-value of no change; NaN where there are too few."""
    n = len(values)
    if n < SHORTEST:
        return (np.nan,) * 4
    change = float(values[-YEAR:].mean() - values[:YEAR].mean())
    error = float(np.sqrt(np.square(np.diff(values)).mean() / YEAR))  # two means, each of half the square of a step
    free = (n - 1) * 2 / 3
    half = float(stdtrit(free, (1 + confidence) / 2)) * error
    p_value = 2 * float(stdtr(free, -abs(change) / error)) if error > 0 else float(change == 0)
    return change, change - half, change + half, p_value


def _word(cost: Estimate, felt: Estimate, periods: int) -> str:
    """The verdict is about perception; cost only turns a fall into a race to the bottom."""
    if periods < SHORTEST:
        return CANNOT_TELL
    if felt.high < 0:
        return RACE if cost.high < 0 else PERCEPTION_FELL
    return PERCEPTION_ROSE if felt.low > 0 else NO_CHANGE
