"""Interval arithmetic shared by the measures: Wilson's bounds, Kish's effective n, the bootstrap of a mean."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analytics.measures.estimate import Estimate

DRAWS = 4_000  # bootstrap draws: the Monte Carlo error of a 95 % bound is then about 3 % of the interval's width
NORMAL = 1e-3  # skewness below which a law counts as normal
DISTINCT = 2_000  # more different values than this and the bootstrap's normal limit is used instead


def effective_n(weights: np.ndarray) -> float:
    """Kish's effective sample size, (sum w)^2 / sum w^2: the rows an unweighted sample of equal certainty would have.

    Parameters
    ----------
    weights
        Weights, zero or more, not all zero.

    Returns
    -------
    float
        Between 1 and the number of weights.

    References
    ----------
    Kish (1965), Survey Sampling, section 11.7.

    Examples
    --------
    >>> effective_n(np.array([1, 1, 2]))
    2.6666666666666665
    """
    w = np.asarray(weights, dtype=float)
    return float(w.sum() ** 2 / (w @ w))


def clustered_n(points: np.ndarray, w: np.ndarray, clusters: np.ndarray, confidence: float = 0.95) -> float:
    """Effective sample size of a mean of clustered answers: several of one person are worth less than several people's.

    The smaller of two estimates. The first takes the design effect from the intraclass correlation of an analysis of
    variance; with answers all alike the correlation is 1. The second compares the variance of the answers with the
    delete-one-cluster jackknife variance of their mean, and allows for few or uneven clusters by Student's t.

    Parameters
    ----------
    points
        Values whose mean is measured.
    w
        Weights, zero or more, not all zero.
    clusters
        Number of each value's cluster, 0 to G - 1, none left out.
    confidence
        Level of the interval that uses it.

    Returns
    -------
    float
        Between 1 and `effective_n` of the weights; that very number where no two values share a cluster.

    References
    ----------
    Kish (1965), Survey Sampling, section 5.4. Korn & Graubard (1998), Survey Methodology 24, 193-201, for the t factor.

    Examples
    --------
    >>> clustered_n(np.array([1.0, 1, 0, 0]), np.ones(4), np.array([0, 0, 1, 1])) < 2.5
    True
    """
    sizes = np.bincount(clusters)
    most = effective_n(w)
    if sizes.max() == 1:
        return most
    total, within = w.sum(), np.bincount(clusters, weights=w)
    squares = within @ within
    mean = w @ points / total
    variance = w @ (points - mean) ** 2 / total
    if len(sizes) == 1 or variance == 0:
        return float(min(most, total**2 / squares))
    by_correlation = total**2 / (w @ w + _intraclass(points, clusters, sizes) * (squares - w @ w))
    off = np.bincount(clusters, weights=w * (points - mean)) / np.maximum(total - within, total / 20)
    jackknife = off @ off * (len(sizes) - 1) / len(sizes)
    allowance = _few_clusters(max(total**2 / squares - 1, 1), confidence)
    by_jackknife = variance / jackknife * allowance if jackknife else most
    return float(max(min(most, by_correlation, by_jackknife), 1))


def number_clusters(clusters: pd.Series) -> np.ndarray | None:
    """Number of each row's cluster, a missing one alone; None where no two rows share one.

    Examples
    --------
    >>> number_clusters(pd.Series(["a", "a", None])).tolist(), number_clusters(pd.Series(["a", "b"]))
    ([0, 0, 1], None)
    """
    codes, different = pd.factorize(clusters)
    alone = codes < 0
    codes = np.where(alone, len(different) + np.cumsum(alone) - 1, codes)
    return None if codes.size == len(different) + alone.sum() else codes


@dataclass(frozen=True)
class Sample:
    """Weights of some answers, and whose they are where somebody gave several.

    Examples
    --------
    >>> Sample.of(np.ones(3), pd.Series(["a", "a", "b"])).n
    2
    """

    weights: np.ndarray
    clusters: np.ndarray | None

    @classmethod
    def of(cls, weights: np.ndarray, clusters: pd.Series | None) -> "Sample":
        """The sample of answers with these weights by these people, a missing one a person of its own."""
        return cls(weights, None if clusters is None else number_clusters(clusters))

    @property
    def n(self) -> int:
        """People, or answers where nobody gave several."""
        return len(self.weights) if self.clusters is None else int(self.clusters.max()) + 1

    def size(self, points: np.ndarray, confidence: float = 0.95) -> float:
        """Answers of as many different people that would be as certain of the mean of some points."""
        if self.clusters is None:
            return effective_n(self.weights)
        return clustered_n(points, self.weights, self.clusters, confidence)

    def weigh(self, points: np.ndarray, confidence: float) -> np.ndarray:
        """Weights that sum to that size."""
        w = self.weights
        alike = self.clusters is None and (w == 1).all()
        return w if alike else np.asarray(w * (self.size(points, confidence) / w.sum()))


def beside(s: pd.Series, other: pd.Series, name: str) -> pd.Series:
    """What is known of each answer, refused where it belongs to other answers."""
    if isinstance(other, pd.Series) and not other.index.equals(s.index):
        raise ValueError(f"{name} have another index than the answers: give both from the same frame.")
    if np.shape(other) != (len(s),):
        raise ValueError(f"{name} must be {len(s)} values, one for each answer; found {np.size(other)}.")
    return pd.Series(other)


def _intraclass(points: np.ndarray, clusters: np.ndarray, sizes: np.ndarray) -> float:
    """Intraclass correlation by analysis of variance, 0 to 1."""
    n, groups = len(points), len(sizes)
    means = np.bincount(clusters, weights=points) / sizes
    between = sizes @ (means - points.mean()) ** 2 / (groups - 1)
    inside = ((points - means[clusters]) ** 2).sum() / (n - groups)
    typical = (n - sizes @ sizes / n) / (groups - 1)
    spread = between + (typical - 1) * inside
    return float(np.clip((between - inside) / spread, 0, 1)) if spread > 0 else 1.0


def _few_clusters(freedom: float, confidence: float) -> float:
    """What an estimate of variance from few clusters costs: the square of the normal quantile over Student's."""
    from scipy.special import stdtrit

    return float((z_score(confidence) / stdtrit(freedom, (1 + confidence) / 2)) ** 2)


def wilson_bounds(share: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Wilson bounds of a share, elementwise; NaN where n is 0.

    Parameters
    ----------
    share, n
        Share (0 to 1) and the (effective) number of rows behind it: numbers or arrays.
    confidence
        Level of the interval, between 0 and 1.

    Returns
    -------
    tuple
        Low and high, 0 to 1, in the shape of the arguments.

    References
    ----------
    Wilson (1927), JASA 22, 209-212.

    Examples
    --------
    >>> low, high = wilson_bounds(0.0, 20)
    >>> round(float(low), 3), round(float(high), 3)
    (0.0, 0.161)
    """
    z, share, n = z_score(confidence), np.asarray(share, dtype=float), np.asarray(n, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # rounding may leave a bound a hair on the wrong side of the share itself
    return np.clip(np.minimum(centre - half, share), 0, 1), np.clip(np.maximum(centre + half, share), 0, 1)


def estimate_share(hits: float, n: int, source: str, confidence: float = 0.95) -> Estimate:
    """Share of n rows with Wilson's interval; NaN where n is 0.

    Examples
    --------
    >>> estimate_share(0, 20, "observed").value, estimate_share(0, 0, "observed").value
    (0.0, nan)
    """
    value = float(hits / n) if n else math.nan
    low, high = wilson_bounds(value, n, confidence)
    return Estimate(value, float(low), float(high), int(n), "share", source)


def difference_bounds(first: Estimate, second: Estimate, *, together: float = 0.0) -> tuple[float, float, float]:
    """First figure less the second, with bounds from the intervals of both; NaN where either is undefined.

    `together` is the correlation of the two, -1 to 1, where some people stand behind both.

    References
    ----------
    Newcombe (1998), Statistics in Medicine 17, 873-890, method 10, for shares. Zou & Donner (2008), Statistics in
    Medicine 27, 1693-1702, for any two figures.

    Examples
    --------
    >>> difference_bounds(Estimate(9, 6, 12, 50, "points", "observed"), Estimate(5, 1, 9, 50, "points", "observed"))
    (4, -1.0, 9.0)
    """

    def reach(x: float, y: float) -> float:
        return math.sqrt(max(x**2 + y**2 - 2 * together * x * y, 0.0))

    gap = first.value - second.value
    low = gap - reach(first.value - first.low, second.high - second.value)
    return gap, low, gap + reach(first.high - first.value, second.value - second.low)


def compare_shares(first: Estimate, second: Estimate) -> float:
    """P-value of no difference between two observed shares, by Fisher's exact test; 1 where either is undefined.

    Examples
    --------
    >>> round(compare_shares(estimate_share(5, 5, "observed"), estimate_share(0, 5, "observed")), 4)
    0.0079
    """
    from scipy.stats import fisher_exact

    hits = [round(e.value * e.n) if e.n else 0 for e in (first, second)]
    return float(fisher_exact([[hits[0], first.n - hits[0]], [hits[1], second.n - hits[1]]]).pvalue)


def skewed_p_value(z: float, skew: float) -> float:
    """Two-sided p-value of a standardised statistic whose law leans to one side: twice Pearson's type III tail.

    Few cases make normal tails too thin on the side to which the law leans; on the other side they are kept.

    References
    ----------
    Mielke & Berry (2007), Permutation Methods, 2nd ed., section 2.3, for this law under permutation.

    Examples
    --------
    >>> round(skewed_p_value(2.0, 0.0), 3), round(skewed_p_value(2.0, 1.0), 3), round(skewed_p_value(-2.0, 1.0), 3)
    (0.046, 0.085, 0.046)
    """
    from scipy.special import gammaincc, ndtr

    lean = float(np.copysign(skew, skew * z))
    if lean < NORMAL:
        return float(2 * ndtr(-abs(z)))
    shape = 4 / lean**2
    return float(min(2 * gammaincc(shape, shape + abs(z) * math.sqrt(shape)), 1.0))


def z_score(confidence: float) -> float:
    """Two-sided normal quantile."""
    from scipy.special import ndtri

    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}: expected a level between 0 and 1, such as 0.95.")
    return float(ndtri((1 + confidence) / 2))


def bootstrap_mean(
    answers: np.ndarray, w: np.ndarray, lowest: float, highest: float, confidence: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Bound a mean by Bayesian bootstrap quantiles, with the scale's end added once to the sample (Gaffke).

    Parameters
    ----------
    answers, w
        Values without a missing one, and weights that sum to the effective n.
    lowest, highest
        Ends of the scale.
    confidence
        Level of the interval, between 0 and 1.
    rng
        Source of the draws.

    Returns
    -------
    tuple
        Low and high, on the scale; above 2,000 different values the bootstrap's normal limit.

    References
    ----------
    Rubin (1981), Annals of Statistics 9, 130-134. Gaffke (2005), Mathematical Methods of Statistics 14, 451-467.

    Examples
    --------
    >>> low, high = bootstrap_mean(np.array([5.0, 5, 5]), np.ones(3), 1, 5, 0.95, np.random.default_rng(0))
    >>> round(low, 1), high
    (2.2, 5.0)
    """
    values, where = np.unique(answers, return_inverse=True)
    tail = (1 - confidence) / 2
    if len(values) > DISTINCT:
        mean = w @ answers / w.sum()
        half = z_score(confidence) * np.sqrt(w @ (answers - mean) ** 2 / w.sum() / (w.sum() + 1))
        return float(mean - half), float(mean + half)
    z_score(confidence)  # refuses a level outside 0 to 1
    mass = np.bincount(where, weights=w)  # gamma variables with the same value add up to one gamma
    present = mass > 0
    draws = rng.standard_gamma(mass[present], size=(DRAWS, int(present.sum())))
    end = rng.standard_exponential(DRAWS)
    total, size = draws @ values[present], draws.sum(axis=1) + end
    low = np.quantile((total + end * lowest) / size, tail)
    high = np.quantile((total + end * highest) / size, 1 - tail)
    return float(max(low, lowest)), float(min(high, highest))
