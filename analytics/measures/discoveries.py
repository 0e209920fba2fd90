"""One rate of false findings for all tests whose result may be told."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

Error = TypeVar("Error", float, pd.Series)
ALIKE = 3  # findings of one kind that count towards the others'
FAR = 6  # standard errors beyond the threshold from which on a size is told as measured
POWER = 0.8  # chance with which a difference called "would have been seen" is seen


def control_false_discoveries(p_values: pd.Series | Mapping | Sequence[float], rate: float = 0.05) -> pd.Series:
    """Tell which findings of a report stand when all its comparisons are counted (Benjamini-Hochberg).

    With m p-values in order, the largest i with p(i) <= i / m * rate and all smaller ones stand.

    Parameters
    ----------
    p_values
        Every p-value of the report, missing where a comparison could not be made (it neither stands nor counts).
    rate
        Share of false findings accepted among those that stand.

    Returns
    -------
    Series
        True where the finding stands, on the index of `p_values`.

    Raises
    ------
    ValueError
        If a p-value lies outside 0 to 1.

    References
    ----------
    Benjamini & Hochberg (1995), JRSS B 57(1), 289-300, procedure (1).

    Examples
    --------
    >>> control_false_discoveries([0.001, 0.04, 0.02, 0.6]).to_list()
    [True, False, True, False]
    """
    p = _checked(p_values)
    return p <= discovery_threshold(p, rate)


def discovery_threshold(
    p_values: pd.Series | Mapping | Sequence[float], rate: float = 0.05, kinds: Sequence[object] | None = None
) -> float:
    """Level at which each of several tests may be told: those with p at most this stand (Benjamini-Hochberg).

    It is R / m * rate with R findings among m tests, and rate / m where none stands. An interval at the level of one
    less this agrees with its test, and such intervals of the findings hold the truth in at least 1 - rate of them
    (Benjamini & Yekutieli 2005, JASA 100, 71-81, for false coverage).

    With the `kinds` of the tests R counts three findings of a kind at most, so that one cause which shows in ten tests
    of a kind does not let false findings of other kinds in (any R that is no larger and falls as p-values grow keeps
    the rate: Blanchard & Roquain 2008, Electronic Journal of Statistics 2, 963-992).

    Examples
    --------
    >>> discovery_threshold([0.001, 0.04, 0.02, 0.6]), discovery_threshold([0.5, 0.9])
    (0.025, 0.025)
    >>> round(discovery_threshold([0.001, 0.001, 0.001, 0.001, 0.035], kinds=[*"aaaab"]), 6)
    0.04
    """
    p = _checked(p_values).reset_index(drop=True).dropna().sort_values(kind="stable")
    counted = np.ones(len(p), dtype=bool)
    if kinds is not None:
        counted = p.groupby(np.asarray(kinds, dtype=object)[p.index]).cumcount().to_numpy() < ALIKE
    steps = np.cumsum(counted) / max(len(p), 1) * rate
    return float(steps[p <= steps].max(initial=rate / max(len(p), 1)))


def detectable(error: Error, threshold: float) -> Error:
    """The least difference that a two-sided test at the threshold sees four times in five, from its standard error."""
    return error * float(ndtri(POWER) - ndtri(threshold / 2))


def shrink(size: ArrayLike, p_value: ArrayLike, threshold: float) -> np.ndarray:
    """Sizes of differences as they are told: where a test stands, the mean of what the true size may be.

    What stands was picked for its error as well as its size. The mean is taken over the likelihood of the statistic z,
    given that it passes the threshold; far beyond it, nothing changes.

    References
    ----------
    Ghosh, Zou & Wright (2008), American Journal of Human Genetics 82(5), 1064-1074, second estimator.

    Examples
    --------
    >>> shrink([10.0, 10.0, 1.0], [0.004, 1e-12, 0.3], 0.005).round(1).tolist()
    [5.0, 10.0, 1.0]
    """
    z, least = -ndtri(np.asarray(p_value, dtype=float) / 2), -float(ndtri(threshold / 2))
    told = (z >= least) & (z < least + FAR)
    near, true = np.where(told, z, least), np.linspace(-least, least + 2 * FAR, 4_001)
    likelihood = np.exp(-np.square(np.subtract.outer(near, true)) / 2) / (ndtr(true - least) + ndtr(-true - least))
    mean = likelihood @ true / likelihood.sum(axis=-1)
    return np.asarray(size) * np.where(told, mean / near, 1)


def mark_differences(
    table: pd.DataFrame, threshold: float, same: float = 0.0, bounds: tuple[str, str] = ("low", "high")
) -> pd.DataFrame:
    """A table with `differs`: p at most the threshold, and an interval that leaves out "no difference".

    Where a row does not differ its interval is widened, if need be, until it holds `same`: a test and an interval may
    part by a hair, and no drawn interval may contradict its sentence.
    """
    low, high = (table[bound] for bound in bounds)
    apart = (low > same) | (high < same)
    differs = table["p_value"].le(threshold).fillna(False).astype(bool) & apart
    widened = {
        bounds[0]: low.clip(upper=same).where(~differs, low),
        bounds[1]: high.clip(lower=same).where(~differs, high),
    }
    return table.assign(**widened, differs=differs)


def _checked(p_values: pd.Series | Mapping | Sequence[float]) -> pd.Series:
    p = pd.Series(p_values, dtype="float64")
    if ((p < 0) | (p > 1)).any():
        raise ValueError(f"p-values lie between 0 and 1; found {p[(p < 0) | (p > 1)].to_list()[:5]}.")
    return p
