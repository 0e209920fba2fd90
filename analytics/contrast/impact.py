"""What themes in comments go with, shared out so that a point is counted once."""

from collections.abc import Sequence
from math import comb

import numpy as np
import pandas as pd

MOST = 20  # themes whose subsets can all be visited


def theme_impact(
    frame: pd.DataFrame,
    outcome: str,
    themes: str = "themes",
    *,
    confidence: float = 0.95,
    bootstraps: int = 200,
    rng: np.random.Generator | int = 0,
) -> pd.DataFrame:
    """Share out the gap between all answers and the theme-free ones among the themes, each point once.

    Leaving out the comments of a set of themes moves the mean; the Shapley value divides that movement fairly where
    themes meet in one comment, so that the impacts add up to the whole gap. Adding up one-at-a-time differences
    (`alone`) counts shared comments twice. An `nps` outcome is counted in points (promoter 100, detractor -100).

    Parameters
    ----------
    frame
        One row per commented answer.
    outcome
        Numeric column that customers gave; rows without it are left out.
    themes
        Column of lists of themes; empty or missing means none.
    confidence
        Level of the bootstrap interval.
    bootstraps
        Resamples behind the interval.
    rng
        Seed or generator of the bootstrap.

    Returns
    -------
    DataFrame
        Index theme, most harmful first: impact, low, high (in the outcome's unit), alone, share (of answers), n. In
        ``attrs``: total, the whole gap, and baseline, the mean of theme-free answers.

    Raises
    ------
    ValueError
        If no answer is free of themes, there are more than 20 themes, or a column is absent.

    References
    ----------
    Shapley (1953), A value for n-person games, Contributions to the Theory of Games II, 307-317. Efron & Tibshirani
    (1993), An Introduction to the Bootstrap, section 13.3.

    Examples
    --------
    >>> both = pd.DataFrame({"score": [0] * 4 + [100] * 16, "themes": [["waiting", "unresolved"]] * 4 + [[]] * 16})
    >>> theme_impact(both, "score")[["impact", "alone"]].T.to_dict("list")
    {'unresolved': [-10.0, -20.0], 'waiting': [-10.0, -20.0]}
    """
    if absent := [c for c in (outcome, themes) if c not in frame.columns]:
        raise ValueError(f"theme_impact needs columns {absent}, which the frame lacks. Found: {list(frame.columns)}.")
    rows = frame.loc[frame[outcome].notna(), [outcome, themes]]
    score = pd.to_numeric(rows[outcome]).to_numpy(dtype=float)
    if outcome == "nps":
        score = 100.0 * (score >= 9) - 100.0 * (score <= 6)
    tagged = [set(t) if isinstance(t, Sequence) and not isinstance(t, str) else set() for t in rows[themes]]
    names = sorted(set().union(*tagged)) if tagged else []
    if len(names) > MOST:
        raise ValueError(f"{len(names)} themes; up to {MOST} can be told apart. Merge the rare ones.")
    code = np.array([sum(1 << names.index(t) for t in found) for found in tagged], dtype=np.int64)
    if not (code == 0).any():
        raise ValueError("every answer carries a theme: without theme-free answers there is nothing to compare with.")
    patterns, where = np.unique(code, return_inverse=True)
    impact = _shapley(patterns, *_sums(where, score, len(patterns)), len(names))
    draws = _bootstrap(patterns, where, score, len(names), bootstraps, np.random.default_rng(rng))
    tail = (1 - confidence) / 2
    with_theme = (code[:, None] >> np.arange(len(names))) & 1 == 1
    table = pd.DataFrame(
        {
            "impact": impact,
            "low": np.quantile(draws, tail, axis=0) if len(names) else [],
            "high": np.quantile(draws, 1 - tail, axis=0) if len(names) else [],
            "alone": [score.mean() - score[~hit].mean() for hit in with_theme.T],
            "share": with_theme.mean(axis=0),
            "n": with_theme.sum(axis=0),
        },
        index=pd.Index(names, name="theme"),
    ).sort_values("impact", kind="stable")
    baseline = float(score[code == 0].mean())
    table.attrs = {"total": float(score.mean()) - baseline, "baseline": baseline}
    return table


def _sums(where: np.ndarray, score: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Answers and sum of scores of each combination of themes."""
    return np.bincount(where, minlength=size).astype(float), np.bincount(where, score, minlength=size)


def _shapley(patterns: np.ndarray, count: np.ndarray, total: np.ndarray, k: int) -> np.ndarray:
    """Shapley value of each theme in the game 'mean of all less mean without these themes'."""
    left = np.zeros((2, 2**k))  # answers and scores whose themes all lie inside a set
    np.add.at(left[0], patterns, count)
    np.add.at(left[1], patterns, total)
    for j in range(k):
        halves = left.reshape(2, -1, 2, 2**j)
        halves[:, :, 1] += halves[:, :, 0]
    mean = left[1] / left[0]  # every set holds the theme-free answers
    size = np.bitwise_count(np.arange(2**k))
    values = np.empty(k)
    for j in range(k):
        pair = mean.reshape(-1, 2, 2**j)
        inside = size.reshape(-1, 2, 2**j)[:, 0]
        weight = np.array([1 / (k * comb(k - 1, s)) for s in range(k)])[inside]
        values[j] = (weight * (pair[:, 1] - pair[:, 0])).sum()
    return values


def _bootstrap(
    patterns: np.ndarray, where: np.ndarray, score: np.ndarray, k: int, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Shapley values of resampled answers; a draw without a theme-free answer is drawn again."""
    found: list[np.ndarray] = []
    while len(found) < draws:
        pick = rng.integers(0, len(where), len(where))
        count, total = _sums(where[pick], score[pick], len(patterns))
        if count[0]:  # the first pattern is 0: no theme
            found.append(_shapley(patterns, count, total, k))
    return np.array(found)
