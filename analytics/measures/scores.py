"""What customers say, as figures with intervals: one function per measure, a Series in and an `Estimate` out.

Corrected shares of a classifier's labels, churn, promises and recovery live in their own modules. Missing answers are
left out of every measure here; who is missing is the subject of `response`. Where `clusters` say whose answers they
are, intervals allow for several by one person (see `clustered_n`) and `n` counts people.
"""

import numpy as np
import pandas as pd

from analytics.measures.estimate import OBSERVED, SAID, Estimate
from analytics.measures.intervals import Sample, beside, bootstrap_mean, wilson_bounds, z_score


class NoAnswersError(ValueError):
    """No usable answer is left to measure: a table shows NaN with n = 0, a direct call raises."""


def net_promoter_score(
    s: pd.Series, *, weights: pd.Series | None = None, clusters: pd.Series | None = None, confidence: float = 0.95
) -> Estimate:
    """Share of promoters (9-10) less share of detractors (0-6), in points.

    NPS = 100 (p - d). The interval is the adjusted Wald AW(3, T): three answers are added, 3/4 promoter, 3/4
    detractor and 1 1/2 passive, before the Wald formula is applied with variance p + d - (p - d)^2.

    Parameters
    ----------
    s
        Answers to "how likely are you to recommend us", whole numbers 0 to 10; missing answers are left out.
    weights
        Design weights on the same index, zero or more; their cost in certainty enters as Kish's effective n.
    clusters
        Whose answer each is, on the same index (such as customer_id); a missing one is a person of its own.
    confidence
        Level of the interval, between 0 and 1.

    Returns
    -------
    Estimate
        Unit 'points' (-100 to 100); `n` counts answers, weighted or not; people where `clusters` are given.

    Raises
    ------
    ValueError
        If no answer is left, or an answer is not a whole number from 0 to 10.

    References
    ----------
    Reichheld (2003), Harvard Business Review 81(12). Rocks (2016), The American Statistician 70(4), 365-372.
    Kish (1965), Survey Sampling, section 11.7.

    Examples
    --------
    >>> score = net_promoter_score(pd.Series([10, 9, 9, 8, 3, None]))
    >>> score.value, score.n
    (40.0, 5)
    >>> round(score.low, 1), round(score.high, 1)
    (-29.8, 79.8)
    """
    answers, sample = _answers(s, weights, clusters, 0, 10)
    if (off := answers[answers % 1 != 0]).size:
        raise ValueError(f"net promoter answers are whole numbers from 0 to 10; found {_listed(off)}.")
    return _net_share(answers >= 9, answers <= 6, sample, confidence)


def net_sentiment(
    s: pd.Series, *, weights: pd.Series | None = None, clusters: pd.Series | None = None, confidence: float = 0.95
) -> Estimate:
    """Share of positive less share of negative texts, in points, texts of unknown sentiment left out.

    NSS = 100 (positive - negative) over positive, neutral and negative; interval as for `net_promoter_score`. It
    counts a classifier's labels: where error rates are known, `corrected_share` is the figure to publish.

    Parameters
    ----------
    s
        'positive', 'neutral', 'negative' or 'unknown'; 'unknown' and missing are left out.
    weights
        Design weights on the same index.
    clusters
        Whose answer each is, on the same index (such as customer_id); a missing one is a person of its own.
    confidence
        Level of the interval, between 0 and 1.

    Returns
    -------
    Estimate
        Unit 'points' (-100 to 100); `n` counts the texts with a known sentiment.

    Raises
    ------
    ValueError
        If no known sentiment is left, or another label is found.

    References
    ----------
    Rocks (2016), The American Statistician 70(4), 365-372, for the interval.

    Examples
    --------
    >>> net_sentiment(pd.Series(["positive", "negative", "negative", "neutral", "unknown"])).value
    -25.0
    """
    s = pd.Series(s)
    if odd := sorted(set(s.dropna()) - {"positive", "neutral", "negative", "unknown"}, key=str):
        raise ValueError(f"sentiment has labels {odd[:5]}. Expected 'positive', 'neutral', 'negative' or 'unknown'.")
    polarity = s.astype("object").map({"positive": 1.0, "neutral": 0.0, "negative": -1.0}).astype("float64")
    answers, sample = _answers(polarity, weights, clusters, -1, 1)
    return _net_share(answers > 0, answers < 0, sample, confidence)


def top_box_share(
    s: pd.Series, top: float = 4, *, scale: tuple[float, float] = (1, 5), weights: pd.Series | None = None,
    clusters: pd.Series | None = None, confidence: float = 0.95,
) -> Estimate:  # fmt: skip
    """Share of answers in the top boxes of a satisfaction scale (CSAT): those at `top` or above.

    Parameters
    ----------
    s
        Satisfaction answers on `scale`; missing answers are left out.
    top
        Lowest answer that counts as satisfied; 4 on a scale of 1 to 5.
    scale
        Lowest and highest possible answer.
    weights
        Design weights on the same index; Kish's effective n enters the interval.
    clusters
        Whose answer each is, on the same index (such as customer_id); a missing one is a person of its own.
    confidence
        Level of the interval, between 0 and 1.

    Returns
    -------
    Estimate
        Unit 'share' (0 to 1), Wilson interval.

    Raises
    ------
    ValueError
        If no answer is left, or an answer lies outside `scale`.

    References
    ----------
    Wilson (1927), JASA 22, 209-212. Kish (1965), Survey Sampling, section 11.7.

    Examples
    --------
    >>> satisfied = top_box_share(pd.Series([5, 4, 4, 2, None]))
    >>> satisfied.value, round(satisfied.low, 2), round(satisfied.high, 2)
    (0.75, 0.3, 0.95)
    """
    s = pd.Series(s)
    _answers(s, None, None, *scale)
    satisfied = pd.to_numeric(s).ge(top).astype("Float64").mask(s.isna())
    return share(satisfied, weights=weights, clusters=clusters, confidence=confidence)


def mean_score(
    s: pd.Series, *, scale: tuple[float, float] | None = (1, 5), weights: pd.Series | None = None,
    clusters: pd.Series | None = None, confidence: float = 0.95,
) -> Estimate:  # fmt: skip
    """Mean answer, with a bootstrap interval that stays honest when few answers are all alike.

    The Bayesian bootstrap draws Dirichlet weights for the answers; for each bound the end of the scale joins the
    sample once, as the answer that might have been missed. On answers of two kinds this is the Clopper-Pearson
    interval. Above 2,000 different values the normal limit of the same bootstrap is used.

    Parameters
    ----------
    s
        Answers; missing ones are left out.
    scale
        Lowest and highest possible answer; None for an open scale, whose observed ends then stand in (a single
        answer has no interval).
    weights
        Design weights on the same index; Kish's effective n enters the interval.
    clusters
        Whose answer each is, on the same index (such as customer_id); a missing one is a person of its own.
    confidence
        Level of the interval, between 0 and 1.

    Returns
    -------
    Estimate
        Unit 'score', bootstrap interval, the same every time.

    Raises
    ------
    ValueError
        If no answer is left, or an answer lies outside `scale`.

    References
    ----------
    Rubin (1981), Annals of Statistics 9, 130-134. Gaffke (2005), three test statistics for a nonparametric one-sided
    hypothesis on the mean of a nonnegative variable, Mathematical Methods of Statistics 14, 451-467.

    Examples
    --------
    >>> score = mean_score(pd.Series([5, 5, 5]))
    >>> score.value, round(score.low, 1), score.high
    (5.0, 2.2, 5.0)
    """
    ends = scale if scale is not None else (-np.inf, np.inf)
    answers, sample = _answers(s, weights, clusters, *ends)
    w = sample.weigh(answers, confidence)
    value = float(np.clip(w @ answers / w.sum(), answers.min(), answers.max()))
    if scale is None and len(answers) == 1:
        return Estimate(value, np.nan, np.nan, 1, "score", SAID)
    lowest, highest = scale if scale is not None else (answers.min(), answers.max())
    low, high = bootstrap_mean(answers, w, float(lowest), float(highest), confidence, np.random.default_rng(0))
    return Estimate(value, min(low, value), max(high, value), sample.n, "score", SAID)


def customer_effort(
    s: pd.Series, *, scale: tuple[float, float] = (1, 7), weights: pd.Series | None = None,
    clusters: pd.Series | None = None, confidence: float = 0.95,
) -> Estimate:  # fmt: skip
    """Mean customer effort score: agreement that the company made it easy, 1 to 7, higher is easier.

    The mean and interval are those of `mean_score` on that scale.

    Parameters
    ----------
    s
        Answers on the scale; missing answers are left out.
    scale
        Lowest and highest answer, where it was asked on another scale.
    weights
        Design weights on the same index.
    clusters
        Whose answer each is, on the same index (such as customer_id); a missing one is a person of its own.
    confidence
        Level of the interval, between 0 and 1.

    Returns
    -------
    Estimate
        Unit 'score' (on the scale), bootstrap interval.

    Raises
    ------
    ValueError
        If no answer is left, or an answer lies outside the scale.

    References
    ----------
    Dixon, Freeman & Toman (2010), Harvard Business Review 88(7-8).

    Examples
    --------
    >>> customer_effort(pd.Series([7, 6, 2, None])).value
    5.0
    """
    return mean_score(s, scale=scale, weights=weights, clusters=clusters, confidence=confidence)


def response_rate(
    s: pd.Series, *, weights: pd.Series | None = None, clusters: pd.Series | None = None, confidence: float = 0.95
) -> Estimate:
    """Share of invitations that were answered; here a missing stamp is the finding, so it counts as silence.

    Parameters
    ----------
    s
        One value per invitation: the time of the answer (missing = silent), or True/False (missing is left out).
    weights
        Design weights on the same index.
    clusters
        Whose answer each is, on the same index (such as customer_id); a missing one is a person of its own.
    confidence
        Level of the interval, between 0 and 1.

    Returns
    -------
    Estimate
        Unit 'share' (0 to 1), Wilson interval, source 'observed'.

    Raises
    ------
    ValueError
        If there is no invitation.

    References
    ----------
    AAPOR (2023), Standard Definitions, response rate RR1.

    Examples
    --------
    >>> response_rate(pd.Series(pd.to_datetime(["2025-03-01", None, None, "2025-03-04"]))).value
    0.5
    """
    s = pd.Series(s)
    flags = s if pd.api.types.is_bool_dtype(s) else s.notna()
    return share(flags, source=OBSERVED, weights=weights, clusters=clusters, confidence=confidence)


def share(
    s: pd.Series, *, source: str = SAID, weights: pd.Series | None = None, clusters: pd.Series | None = None,
    confidence: float = 0.95,
) -> Estimate:  # fmt: skip
    """Share of rows that are true.

    Parameters
    ----------
    s
        True/False or 1/0; missing values are left out.
    source
        Who says so: 'said by customers', 'observed' or 'asserted by company'.
    weights
        Design weights on the same index; Kish's effective n enters the interval.
    clusters
        Whose answer each is, on the same index (such as customer_id); a missing one is a person of its own.
    confidence
        Level of the interval, between 0 and 1.

    Returns
    -------
    Estimate
        Unit 'share' (0 to 1), Wilson interval.

    Raises
    ------
    ValueError
        If no value is left, or a value is neither true nor false.

    References
    ----------
    Wilson (1927), JASA 22, 209-212.

    Examples
    --------
    >>> share(pd.Series([True, False, None, True, True])).value
    0.75
    """
    flags, sample = _answers(pd.Series(s).astype("Float64"), weights, clusters, 0, 1)
    if ((flags > 0) & (flags < 1)).any():
        raise ValueError("a share is taken of true and false; found values between 0 and 1.")
    w = sample.weigh(flags, confidence)
    value = float(min(w @ flags / w.sum(), 1))
    low, high = wilson_bounds(value, w.sum(), confidence)
    return Estimate(value, float(low), float(high), sample.n, "share", source)


def perceived_points(answers: pd.Series) -> pd.Series:
    """Turn answers into points whose mean is the measure: satisfied or not, promoter 100 to detractor -100.

    Parameters
    ----------
    answers
        A score or flag, by its column's name; missing stays missing.

    Returns
    -------
    Series
        Floats: 0 or 1 for csat (4 and 5 are satisfied) and flags, -100, 0 or 100 for nps, 1 to 7 for ces.

    Examples
    --------
    >>> perceived_points(pd.Series([10, 8, 0], name="nps")).tolist()
    [100.0, 0.0, -100.0]
    """
    values = answers.astype("Float64").astype("float64")
    if answers.name == "csat":
        return values.ge(4).astype("float64").where(values.notna())
    if answers.name == "nps":
        return (100.0 * values.ge(9) - 100.0 * values.le(6)).where(values.notna())
    return values


def _answers(
    s: pd.Series, weights: pd.Series | None, clusters: pd.Series | None, low: float, high: float
) -> tuple[np.ndarray, Sample]:
    """Non-missing answers as floats, range checked, and how they were sampled."""
    s = pd.Series(s)
    if pd.api.types.is_bool_dtype(s) or pd.api.types.is_complex_dtype(s):
        raise ValueError(f"answers are numbers on a scale; found values of type {s.dtype}.")
    values = pd.to_numeric(s).astype("float64")
    keep = values.notna().to_numpy()
    answers = values.to_numpy()[keep]
    if not answers.size:
        raise NoAnswersError(f"no answer to measure: all {len(s)} values are missing.")
    if (outside := answers[~((answers >= low) & (answers <= high) & np.isfinite(answers))]).size:
        name = f"column {s.name!r}" if s.name is not None else "the series"
        raise ValueError(
            f"{name} has {outside.size} values outside {low:g}-{high:g}: {_listed(outside)}. "
            "Correct them, or set them to missing."
        )
    w = np.ones(len(answers)) if weights is None else _weights(s, weights)[keep]
    if not w.sum() > 0:
        raise NoAnswersError("the weights of all answers are zero: nothing to measure.")
    return answers, Sample.of(w, None if clusters is None else beside(s, clusters, "clusters")[keep])


def _weights(s: pd.Series, weights: pd.Series) -> np.ndarray:
    """Weights as floats, checked against the series that they weigh."""
    w = beside(s, weights, "weights").to_numpy(dtype=float)
    if not (w >= 0).all() or not np.isfinite(w).all():
        raise ValueError(f"weights must be {len(s)} finite numbers of zero or more, one for each answer.")
    return np.asarray(np.ldexp(w, 1 - np.frexp(w.max(initial=0))[1]))  # ratios count, squares fit


def _net_share(for_it: np.ndarray, against: np.ndarray, sample: Sample, confidence: float) -> Estimate:
    """Net share in points with the adjusted Wald AW(3, T) interval of Rocks (2016)."""
    w = sample.weigh(for_it.astype(float) - against, confidence)
    n = float(w.sum())
    p, d = float(w @ for_it), float(w @ against)
    value = float(np.clip(100 * (p - d) / n, -100, 100))
    ends, net = (p + d + 1.5) / (n + 3), (p - d) / (n + 3)
    half = float(z_score(confidence) * np.sqrt((ends - net**2) / (n + 3)))
    # at n = 1 the adjusted interval can miss the score itself: it is widened to hold it
    low, high = min(max(100 * (net - half), -100), value), max(min(100 * (net + half), 100), value)
    return Estimate(value, low, high, sample.n, "points", SAID)


def _listed(values: np.ndarray) -> str:
    """Up to five different values, for a message."""
    different = np.unique(values)
    return ", ".join(f"{v:g}" for v in different[:5]) + (", …" if len(different) > 5 else "")
