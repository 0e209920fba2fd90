"""A recorded figure beside what customers say, in bands: how satisfied they are where it is low, and where it is high.

A low score is a problem that customers named, also where no theme is; the figure goes with the score, or does not, and
no cause is told.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from analytics.contrast.diagnosis import measured_values
from analytics.contrast.groups import MARGINS, PERCEIVED, WITHIN, adjusted_difference, check_score, number_strata
from analytics.contrast.ranks import stratified_trend
from analytics.measures.discoveries import detectable
from analytics.measures.intervals import z_score
from analytics.measures.scores import perceived_points
from analytics.measures.summarise import summarise
from analytics.measures.suppress import count_people, number_people
from analytics.tables.schema import NotMeasured, require

QUANTILES = (0.2, 0.4, 0.6, 0.8, 0.95)  # where a figure is cut: fifths, and the worst twentieth of the highest
MINUTE = 1 / 60
STEPS_H = (  # the nearest of these, in hours, is where a time is cut: people think in such
    MINUTE / 4, MINUTE / 2, MINUTE, 2 * MINUTE, 3 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 0.5, 1, 2, 4, 8, 12,
    24, 48, 72, 168, 336, 720,
)  # fmt: skip
OPPOSED = 0.05  # p-value of equal slopes under which segments of both directions disagree
FEWEST = 30  # answers below which a band is joined with its neighbour


@dataclass(frozen=True)
class Bands:
    """What customers say over the range of one recorded figure.

    Parameters
    ----------
    measure, outcome
        The recorded figure, and the score that customers gave.
    frame
        One row per band, lowest first: `above` and `upto` (its ends; the lowest is above -inf), value, low, high, n,
        unit, source, `people`, and the `adjusted` difference from the end where customers are best off, among cases of
        the same kind, with its interval over all bands together and `adjusted_p`; NaN for that end itself.
    difference, low, high
        How far the score of the highest band lies from that of the lowest along the trend within cases of one kind, in
        points of `perceived_points`.
    seen
        The smallest such difference that would have been seen in four of five cases.
    p_value
        Of the trend, stratified.
    differs, alike
        Whether the trend stands; whether the whole interval lies within the margin that counts as none.
    opposed
        Whether segments may disagree about the direction: then nothing is told of all together.
    n, by
        Cases compared, and the columns that say which are of one kind.
    """

    measure: str
    outcome: str
    frame: pd.DataFrame
    difference: float
    low: float
    high: float
    seen: float
    p_value: float
    differs: bool
    alike: bool
    opposed: bool
    n: int
    by: tuple[str, ...]


def contrast_bands(
    cases: pd.DataFrame, measure: str, outcome: str = "csat", within: tuple[str, ...] = WITHIN, *,
    confidence: float = 0.95, minimum: int = 10, cut: float = 0.05,
) -> Bands:  # fmt: skip
    """Set what customers say beside a recorded figure, in bands, and test for a trend among cases of the same kind.

    Times are cut at round values near the fifths and the highest twentieth, figures of up to five values at each; bands
    of few answers are joined. The trend is tested by Mantel's correlation of ranks within strata of reason, channel and
    segment, with a variance that allows for several cases of one customer.

    Parameters
    ----------
    cases
        From `build_cases`.
    measure
        A numeric column of the operation; times of handling, hold and waiting are taken per contact.
    outcome
        'csat', 'nps' or 'ces'.
    within
        Columns that tell kinds of case.
    confidence
        Level of each band's own interval.
    minimum
        Fewest customers of a band.
    cut
        Largest p-value that stands; differences have the level of one less this.

    Returns
    -------
    Bands
        The figure's bands and their trend.

    Raises
    ------
    NotMeasured
        If a column has no value, or fewer than two bands hold enough answers.
    ValueError
        If `outcome` is not a score that customers give.

    References
    ----------
    Mantel (1963), JASA 58, 690-700. Mantel & Haenszel (1959), JNCI 22, 719-748. Wellek (2010), Testing Statistical
    Hypotheses of Equivalence and Noninferiority, 2nd ed.

    Examples
    --------
    >>> cases = pd.DataFrame({"first_response_h": [0.04] * 50 + [30.0] * 50, "csat": [5.0] * 50 + [1.0] * 50})
    >>> bands = contrast_bands(cases, "first_response_h")
    >>> bands.frame[["upto", "value", "n"]].round(2).values.tolist(), bands.differs
    ([[0.04, 1.0, 50.0], [inf, 0.0, 50.0]], True)
    """
    check_score(outcome)
    require(cases, [measure, outcome], f"{PERCEIVED[outcome][0]} by {measure}")
    values = measured_values(cases, measure)
    given = cases[outcome].notna() & values.notna()
    answered = number_people(cases.filter([outcome, "customer_id", *within])[given].reset_index(drop=True))
    values = values[given].reset_index(drop=True)
    edges = _edges(values.to_numpy(), measure)
    codes = np.searchsorted(edges, values, side="left")
    edges, codes = _join_small(answered, edges, codes, max(minimum, FEWEST))
    if len(edges) == 0:
        raise NotMeasured(f"fewer than two bands of {measure} with {max(minimum, FEWEST)} answers", needed_for=measure)
    points = perceived_points(answered[outcome])
    strata, present = number_strata(answered, within)
    people = answered.get("customer_id")

    def trend(rows: pd.Index) -> tuple[float, float, float]:
        whose = None if people is None else people[rows]
        return stratified_trend(values[rows].to_numpy(), points[rows].to_numpy(), strata[rows].to_numpy(), whose)

    slope, error, p_value = trend(answered.index)
    segments = answered.groupby("segment").groups.values() if "segment" in present else []
    opposed = _opposed([trend(rows) for rows in segments])
    ridit = values.rank().to_numpy() / (len(values) + 1)
    reach = float(ridit[codes == len(edges)].mean() - ridit[codes == 0].mean())
    half = z_score(1 - cut) * error * reach
    difference, seen = slope * reach, detectable(error * reach, cut)
    best = len(edges) if slope > 0 else 0
    ends, level = np.concatenate([[-np.inf], edges, [np.inf]]), 1 - cut / len(edges)
    banded = answered.assign(band=codes)
    frame = summarise(banded, PERCEIVED[outcome][1], ["band"], column=outcome, confidence=confidence)
    frame = frame.drop(columns=["band", "measure"]).assign(above=ends[:-1], upto=ends[1:])
    frame["people"] = [count_people(part) for _, part in banded.groupby("band")]
    sides = [banded["band"].eq(band) for band in frame.index]
    gaps = pd.DataFrame([adjusted_difference(points, side, sides[best], strata, level) for side in sides])
    gaps.loc[best] = np.nan
    frame = frame.join(gaps)
    alike = max(abs(difference - half), abs(difference + half)) <= MARGINS[outcome]
    return Bands(
        measure, outcome, frame, difference, difference - half, difference + half, seen, p_value,
        p_value <= cut and not opposed, p_value > cut and alike and not opposed, opposed, len(answered), tuple(present),
    )  # fmt: skip


def _opposed(trends: list[tuple[float, float, float]]) -> bool:
    """Whether slopes of both directions lie further apart between segments than chance has them."""
    b, se = (np.array([trend[i] for trend in trends if trend[1] > 0]) for i in (0, 1))
    if len(b) < 2:
        return False
    mean = (b / se**2).sum() / (1 / se**2).sum()
    return bool(chdtrc(len(b) - 1, (((b - mean) / se) ** 2).sum()) <= OPPOSED and b.min() < 0 < b.max())


def _edges(values: np.ndarray, measure: str) -> np.ndarray:
    """Where a figure is cut, below its highest value."""
    levels = np.unique(values)
    if len(levels) <= len(QUANTILES):
        return levels[:-1]
    edges = np.quantile(values, QUANTILES)
    if (unit := {"_h": 1.0, "_s": 3600.0}.get(measure[-2:])) is not None:
        steps = np.array(STEPS_H) * unit
        near = steps[[np.abs(np.log(steps / max(edge, steps[0]))).round(9).argmin() for edge in edges]]
        edges = np.where(edges > 0, near, 0.0)
    else:
        edges = np.array([float(f"{edge:.2g}") for edge in edges])
    edges = np.unique(edges)
    return np.asarray(edges[(edges >= levels[0]) & (edges < levels[-1])])


def _join_small(rows: pd.DataFrame, edges: np.ndarray, codes: np.ndarray, fewest: int) -> tuple[np.ndarray, np.ndarray]:
    """Join the smallest band with its smaller neighbour until each holds enough people."""
    whose = rows.filter(["customer_id"])
    while len(edges):
        people = [count_people(whose[codes == band]) for band in range(len(edges) + 1)]
        small = int(np.argmin(people))
        if people[small] >= fewest:
            break
        down = small == len(edges) or (small > 0 and people[small - 1] <= people[small + 1])
        gone = small - 1 if down else small
        edges, codes = np.delete(edges, gone), np.where(codes > gone, codes - 1, codes)
    return edges, codes
