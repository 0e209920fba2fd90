"""One rate of false findings for all tests whose result may be told."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtri

Error = TypeVar("Error", float, pd.Series)
ALIKE = 3  # findings of one kind that count towards the others'
FAR, SIZES, STEPS = 10, 81, 20  # standard errors from which on a size is told as measured; sizes tried; steps to them
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


def shrink(size: ArrayLike, p_value: ArrayLike, family: ArrayLike) -> np.ndarray:
    """Sizes of differences as they are told: the mean of what each may truly be, given the tests it was picked from.

    What stands was picked for its error as well as its size. How large true effects are, in standard errors, is learnt
    from the p-values of the whole `family`: the distribution of sizes that makes them likely, by some steps of
    expectation and maximisation from an even one, so that it stays smooth. From 10 standard errors on nothing changes.

    References
    ----------
    Efron (2014), Statistical Science 29(2), 285-301, for the mean given a family. Laird & Louis (1991), Computational
    Statistics & Data Analysis 12(1), 27-37, for smoothing by few steps.

    Examples
    --------
    >>> quiet = np.linspace(0.02, 1, 50)
    >>> shrink([10.0, 10.0], [1e-4, 1e-12], [1e-4, 1e-12, *quiet]).round(1).tolist()
    [8.1, 10.0]
    """
    near, every = (np.minimum(-ndtri(np.asarray(p, dtype=float) / 2), FAR) for p in (p_value, family))
    sizes, spread = np.linspace(-FAR, FAR, SIZES), np.full(SIZES, 1 / SIZES)
    likelihood = np.exp(-np.square(np.subtract.outer(every, sizes)) / 2)
    for _ in range(STEPS):
        posterior = likelihood * spread
        spread = (posterior / posterior.sum(axis=1, keepdims=True)).mean(axis=0)
        spread = (spread + spread[::-1]) / 2  # a p-value does not tell the sign
    posterior = np.exp(-np.square(np.subtract.outer(near, sizes)) / 2) * spread
    part = posterior @ sizes / posterior.sum(axis=-1) / np.where(near > 0, near, 1)
    return np.asarray(np.asarray(size) * np.where((near > 0) & (near < FAR), np.minimum(part, 1), 1))


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
