"""Who answered, and how far the silent could move the figure: weights and bounds.

Weights repair what is known about the silent (their segment, their channel); they cannot repair that unhappy people
answer less often. That is what the bounds are for, and both are published. Who was asked is in `invitations`,
leavers who never spoke are in `leavers`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import pandas as pd

from analytics.measures.estimate import Estimate
from analytics.measures.intervals import effective_n
from analytics.measures.scores import net_promoter_score

ROUNDS, CLOSE = 200, 1e-8  # raking: sweeps at most, and largest gap of a margin that counts as met
VISIBLE = 0.01  # a share of the weighted answers further than this from its target is said
LIGHTEST, HEAVIEST = 0.2, 5.0  # weights are trimmed to this range around their mean (Potter 1990), and it is said


@dataclass(frozen=True)
class Weighting:
    """Weights for those who answered, with their price and the belief they rest on.

    Parameters
    ----------
    weights
        On the index of the frame, mean 1 over those who answered; missing for the silent.
    design_effect
        Kish's n / effective n: by how much the weights inflate the variance.
    effective_n
        Answers of equal weight that would be as sure.
    by
        Columns within whose values those who answered and the silent are assumed to feel alike.
    trimmed
        How many weights were moved into the trimming range.
    unheard
        Columns and values of which nobody answered, so that no weight can speak for them.
    unmet
        Columns whose weighted answers still differ from the target by more than a hundredth.
    """

    weights: pd.Series
    design_effect: float
    effective_n: float
    by: tuple[str, ...]
    trimmed: int
    unheard: tuple[tuple[str, str], ...]
    unmet: tuple[str, ...]


@dataclass(frozen=True)
class ScoreBounds:
    """How far the silent could move a score.

    Parameters
    ----------
    observed
        The figure of those who answered, with its sampling interval.
    low, high
        The figure if all the silent gave the worst, or the best, answer.
    like_complainers
        The figure if the silent were like those who complained; missing where no complainer answered.
    invited, answered
        Rows asked and rows answered.
    open
        Whether `against` lies between the bounds, chance included: the side is then unknown.
    """

    observed: Estimate
    low: float
    high: float
    like_complainers: float
    invited: int
    answered: int
    open: bool


def weight_responses(frame: pd.DataFrame, by: Sequence[str], *, method: str = "raking") -> Weighting:
    """Weight those who answered so that they look like all who were asked.

    Raking scales the weights to each column's margin in turn until all margins fit. Inverse propensity fits the
    chance of an answer (logistic regression on the columns) and weights by its inverse. Weights are trimmed to 0.2 to
    5 times their mean.

    Parameters
    ----------
    frame
        One row per invitation, the silent included, with `responded_at` filled for those who answered.
    by
        Columns known for everybody asked; numbers are cut into fifths, a missing value is a value of its own.
    method
        'raking' or 'propensity'.

    Returns
    -------
    Weighting
        Hand `weights` to any measure as ``weights=``, restricted to those who answered.

    Raises
    ------
    ValueError
        If nobody answered, a method is unknown, or a column is absent.

    References
    ----------
    Deming & Stephan (1940), Annals of Mathematical Statistics 11, 427-444. Little (1986), International Statistical
    Review 54(2), 139-157. Kish (1965), Survey Sampling, section 11.7. Potter (1990), ASA Survey Research Methods.

    Examples
    --------
    >>> asked = pd.DataFrame({"channel": ["phone"] * 4 + ["chat"] * 4, "responded_at": [1, 1, 1, 1, 1] + [None] * 3})
    >>> weight_responses(asked, ["channel"]).weights.dropna().to_list()
    [0.625, 0.625, 0.625, 0.625, 2.5]
    """
    by = [by] if isinstance(by, str) else list(by)
    if method not in ("raking", "propensity"):
        raise ValueError(f"method is {method!r}. Expected 'raking' or 'propensity'.")
    if absent := [c for c in [*by, "responded_at"] if c not in frame.columns]:
        raise ValueError(f"weight_responses needs columns {absent}, which the frame lacks. Found: {list(frame)}.")
    respondents = frame["responded_at"].notna().to_numpy()
    if not respondents.any():
        raise ValueError("nobody answered: there is nothing to weight.")
    cells = pd.DataFrame({c: _as_category(frame[c]) for c in by}, index=frame.index)
    targets = {c: cells[c].value_counts(normalize=True).sort_index() for c in by}
    rake = method == "raking"
    weights = _rake(cells, respondents, targets) if rake else _inverse_propensity(cells, respondents)
    weights, trimmed = _trim(weights / weights.mean())
    everyone = pd.Series(np.nan, index=frame.index, name="weight")
    everyone[respondents] = weights
    n = effective_n(weights)
    given = cells[respondents]
    gaps = {c: pd.Series(weights).groupby(given[c].to_numpy()).sum() / weights.sum() - targets[c] for c in by}
    unmet = [c for c, gap in gaps.items() if gap.fillna(-targets[c]).abs().max() > VISIBLE]
    unheard = [(c, v) for c in by for v in targets[c].index.difference(given[c].unique().tolist())]
    return Weighting(everyone, len(weights) / n, n, tuple(by), trimmed, tuple(unheard), tuple(unmet))


def bound_score(
    s: pd.Series, measure: Callable[..., Estimate] = net_promoter_score, *, scale: tuple[float, float] = (0, 10),
    against: float = 0.0, complainers: pd.Series | None = None, confidence: float = 0.95,
) -> ScoreBounds:  # fmt: skip
    """Bound a score over everybody who was asked, making no assumption about the silent.

    Missing answers are set to the worst and to the best end of the scale (Manski's bounds).

    Parameters
    ----------
    s
        One value per invitation, missing for the silent.
    measure
        A mean, share or net share: `net_promoter_score`, `top_box_share`, `customer_effort`, `mean_score`.
    scale
        Worst and best possible answer.
    against
        Value that decides the headline, in the measure's unit, such as 0 points or a share of 0.5.
    complainers
        Answers of customers who complained; the silent are then also taken to be like them.
    confidence
        Level of the observed figure's interval.

    Returns
    -------
    ScoreBounds
        Bounds, the complainers' scenario, and whether the side of `against` is open.

    Raises
    ------
    ValueError
        If nobody answered, or an answer lies outside the measure's scale.

    References
    ----------
    Manski (2003), Partial Identification of Probability Distributions, Springer, chapter 1.

    Examples
    --------
    >>> bounds = bound_score(pd.Series([10, 9, 9, 3, None, None]))
    >>> bounds.observed.value, bounds.low, bounds.high, bounds.open
    (50.0, 0.0, 66.66666666666667, True)
    """
    s = pd.to_numeric(pd.Series(s))
    observed = measure(s, confidence=confidence)
    ends = [measure(s.fillna(end), confidence=confidence) for end in scale]
    worst, best = sorted(ends, key=attrgetter("value"))
    silent = float(s.isna().mean())
    complained = complainers is not None and pd.notna(complainers).any()
    like = (1 - silent) * observed.value + silent * measure(complainers).value if complained else np.nan
    undecided = worst.low <= against <= best.high
    return ScoreBounds(observed, worst.value, best.value, like, len(s), observed.n, undecided)


def _as_category(s: pd.Series) -> pd.Series:
    """Values as words: numbers with many values in fifths, missing as a value."""
    if pd.api.types.is_numeric_dtype(s) and not pd.api.types.is_bool_dtype(s) and s.nunique() > 10:
        s = pd.qcut(s, 5, duplicates="drop")
    return s.astype("object").where(s.notna(), "not stated").astype(str)


def _rake(cells: pd.DataFrame, respondents: np.ndarray, targets: dict[str, pd.Series]) -> np.ndarray:
    """Iterative proportional fitting over the answers; values nobody answered for are left out of the margins."""
    weights = np.ones(respondents.sum())
    codes = {c: pd.factorize(cells[c].to_numpy()[respondents], sort=True) for c in targets}
    for _ in range(ROUNDS):
        gap = 0.0
        for column, (code, values) in codes.items():
            wanted = targets[column].reindex(values).to_numpy()
            wanted = wanted / wanted.sum()
            has = np.bincount(code, weights) / weights.sum()
            gap = max(gap, float(np.abs(has - wanted).max()))
            weights *= (wanted / has)[code]
        if gap < CLOSE:
            break
    return weights


def _trim(weights: np.ndarray) -> tuple[np.ndarray, int]:
    """Weights within the trimming range around their mean, and how many were moved there."""
    trimmed = weights
    for _ in range(20):  # trimming moves the mean, and with it the range
        trimmed = np.clip(trimmed, LIGHTEST, HEAVIEST)
        trimmed = trimmed / trimmed.mean()
    return trimmed, int(((weights < LIGHTEST) | (weights > HEAVIEST)).sum())


def _inverse_propensity(cells: pd.DataFrame, respondents: np.ndarray) -> np.ndarray:
    """One over the fitted chance of an answer."""
    from sklearn.linear_model import LogisticRegression

    dummies = pd.get_dummies(cells, dtype=float)
    weights = np.ones(respondents.sum())
    if not respondents.all() and not dummies.empty:
        model = LogisticRegression(C=1e3, max_iter=1_000).fit(dummies, respondents)
        weights = weights / model.predict_proba(dummies)[respondents, 1]
    return weights
