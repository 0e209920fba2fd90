"""Shares of labels checked by readers: of the organisation's own texts, or of other organisations' texts.

Labels of a classifier alone do not say how many texts name a thing: its errors differ from one organisation to the
next. A random sample read by people mends this for the texts it was drawn from; sets of texts read elsewhere say how
far off a count may be where nobody read.
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from analytics.measures.estimate import SAID, Estimate
from analytics.measures.intervals import wilson_bounds

UNSEEN = 1.0  # reading added that contradicts the classifier: none among few is no proof that it never errs
TELLABLE = 0.15  # half an interval wider than this tells nothing that a reader could use


def share_with_readings(pred: pd.Series, read: pd.Series, *, confidence: float = 0.95) -> Estimate:
    """Share of texts that readers would give a label, from all of a classifier's labels and a random sample read.

    Prediction-powered inference with power tuning: the mean of the readings, moved by lambda (0 to 1, as useful as
    the classifier proves on the texts read) times what the classifier says of the texts not read less what it says of
    those read. It holds whatever the classifier's errors are, for readings that are a random sample. The interval is
    the wider of Wilson's and Jeffreys' at either end, for as many readings as would count as precisely; one reading
    that contradicts the classifier is added, so that a few without error are no proof. It is not wider than that of
    the readings alone, which speak alone where the labels do not help.

    Parameters
    ----------
    pred
        What the classifier says of every text: 1 or True where it gives the label, 0 or False, or a probability;
        missing where it could not read.
    read
        What a reader says: 1 or 0, missing or absent for texts not read. Same index as `pred`.
    confidence
        Level of the interval, 0 to 1.

    Returns
    -------
    Estimate
        Unit 'share', 0 to 1; n counts the texts read; source 'said by customers'.

    Raises
    ------
    ValueError
        If nothing was read, a reading is not 0 or 1, a prediction lies outside 0 to 1, an index occurs twice, or
        texts were read that `pred` does not hold.

    References
    ----------
    Angelopoulos, Duchi & Zrnic (2023), PPI++: Efficient prediction-powered inference, arXiv:2311.01453. Brown, Cai &
    DasGupta (2001), Statistical Science 16, 101-133, for the intervals.

    Examples
    --------
    The classifier names 40 of 100 texts; readers agree on all ten they read but one, which it had missed:

    >>> pred = pd.Series([1] * 40 + [0] * 60)
    >>> read = pd.Series([1, 1, 1, 1, 1, 0, 0, 0, 0], index=[0, 1, 2, 3, 40, 41, 42, 43, 44])
    >>> share = share_with_readings(pred, read)
    >>> round(share.value, 2), share.n
    (0.52, 9)
    """
    labels, everyone = _checked(pred, read)
    seen = everyone.reindex(labels.index).to_numpy()
    unread = everyone.drop(labels.index).to_numpy()
    y, n = labels.to_numpy(), len(labels)
    alone = _bounds(float(y.mean()), n, confidence)
    if not len(unread) or np.ptp(seen) == 0:
        return Estimate(float(y.mean()), *alone, n, "share", SAID)
    spread = float(everyone.to_numpy().var())
    gain = float(np.mean((y - y.mean()) * (seen - seen.mean()))) / (spread * (1 + n / len(unread)))
    tuned = float(np.clip(gain, 0, 1)) * n / (n + UNSEEN)
    value = float(np.clip(y.mean() - tuned * (seen.mean() - unread.mean()), 0, 1))
    doubt = (n * float(np.var(y - tuned * seen)) + UNSEEN) / (n + UNSEEN)
    variance = doubt / n + tuned**2 * spread / len(unread)
    inner = float(np.clip(value, 0.5 / n, 1 - 0.5 / n))
    low, high = _bounds(value, max(n, inner * (1 - inner) / variance), confidence)
    if high - low > alone[1] - alone[0]:
        value, (low, high) = float(y.mean()), alone
    return Estimate(value, low, high, n, "share", SAID)


def share_with_earlier_readings(
    now: pd.Series, seen: pd.Series, read: pd.Series, *, confidence: float = 0.95
) -> Estimate:
    """Share of this period's texts that readers would give a label, from readings of texts of earlier periods.

    The share read, moved by what the classifier says of the texts now less what it says of those read, times a factor.
    Between the least and the largest factor lies every change that leaves either the meaning of its labels or its
    chance to find what is there as it was: the first is the slope of the readings on the labels, the second is
    one over the difference between the rates of labels among texts named and not named. The interval spans those of
    both, so a classifier that tells little cannot vouch that the readings still hold.

    Parameters
    ----------
    now
        What the classifier says of the period's texts: 1, 0 or missing.
    seen, read
        What it says of the texts read, and what readers say of them (1, 0, missing), with the same index.
    confidence
        Level of the interval, 0 to 1.

    Returns
    -------
    Estimate
        Unit 'share', 0 to 1; n counts the texts read.

    Raises
    ------
    ValueError
        If nothing was read, or no text of the period has a label.

    References
    ----------
    Angelopoulos, Duchi & Zrnic (2023), arXiv:2311.01453, for the estimate; Lipton, Wang & Smola (2018),
    arXiv:1802.03916, for labels whose shares move; Buck & Gart (1966), American Journal of Epidemiology 83, 586-592.

    Examples
    --------
    Of 100 texts read the classifier finds each of the 20 named; now it names twice as many:

    >>> read = pd.Series([1] * 20 + [0] * 80)
    >>> share = share_with_earlier_readings(pd.Series([1] * 200 + [0] * 300), read, read)
    >>> round(share.value, 2), share.low < 0.4 < share.high
    (0.4, True)
    """
    labels, before = _checked(seen, read)
    before = before[labels.index]
    today = now.dropna().astype(float)
    if today.empty:
        raise ValueError("share_with_earlier_readings: no text of the period has a label.")
    y, f, n = labels.to_numpy(), before.to_numpy(), len(labels)
    together = float(np.mean((y - y.mean()) * (f - f.mean())))
    if together <= 0:
        return Estimate(float(y.mean()), 0.0, 1.0, n, "share", SAID)
    slope = together / float(f.var())
    told = max(together / float(y.var()) - UNSEEN / float(y.sum()), 0.02)
    spans = []
    for factor in (slope, 1 / told):
        value = float(np.clip(y.mean() + factor * (today.mean() - f.mean()), 0, 1))
        unseen = UNSEEN * max(1.0, factor**2)
        doubt = (n * float(np.var(y - factor * f)) + unseen) / (n + UNSEEN) / n
        doubt += factor**2 * float(today.var(ddof=0)) / len(today)
        inner = float(np.clip(value, 0.5 / n, 1 - 0.5 / n))
        spans.append((value, *_bounds(value, inner * (1 - inner) / doubt, confidence)))
    values, lows, highs = zip(*spans, strict=True)
    return Estimate(values[0], min(lows), max(highs), n, "share", SAID)


def share_alike(now: pd.Series, before: pd.Series) -> float:
    """Share of texts that fall into kinds as those of before did: 1 less half the distance of the kinds' shares.

    What chance alone would make of the distance is taken off it.

    Examples
    --------
    >>> share_alike(pd.Series(["late", "rude"] * 50), pd.Series(["late"] * 100)) < 0.6
    True
    """
    shares = pd.DataFrame({0: now.value_counts(normalize=True), 1: before.value_counts(normalize=True)}).fillna(0)
    both = shares.mean(axis=1)
    chance = np.sqrt(2 / np.pi * both * (1 - both) * (1 / len(now) + 1 / len(before))).sum()
    return float(np.clip(1 - (shares[0] - shares[1]).abs().sum() / 2 + chance / 2, 0, 1))


def _checked(pred: pd.Series, read: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Readings and predictions as numbers, missing ones left out; ValueError where they do not fit together."""
    pred, read = pd.Series(pred), pd.Series(read)
    if pred.index.has_duplicates or read.index.has_duplicates:
        raise ValueError("share_with_readings: an index occurs twice. Give each text one row, by its own id.")
    everyone, labels = pred.dropna().astype(float), read.dropna().astype(float)
    if stray := sorted(set(labels[~labels.isin([0, 1])])):
        raise ValueError(f"share_with_readings: a reading is {stray[0]:g}. Expected 0, 1 or missing.")
    if not everyone.between(0, 1).all():
        raise ValueError("share_with_readings: a prediction lies outside 0 to 1. Give labels (0, 1) or probabilities.")
    if foreign := len(labels.index.difference(pred.index)):
        raise ValueError(f"share_with_readings: {foreign} texts were read that `pred` does not hold. Align the two.")
    labels = labels[labels.index.isin(everyone.index)]
    if labels.empty:
        raise ValueError("share_with_readings: no text was read. Read a random sample first, 150 texts or more.")
    return labels, everyone


def _bounds(share: float, n: float, confidence: float) -> tuple[float, float]:
    """The outer of Wilson's and Jeffreys' bounds: each alone covers too seldom at some small share."""
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    low, high = (float(bound) for bound in wilson_bounds(share, n, confidence))
    hits, others = share * n + 0.5, (1 - share) * n + 0.5
    return min(low, float(betaincinv(hits, others, tail))), max(high, float(betaincinv(hits, others, 1 - tail)))


class CheckedShare(NamedTuple):
    """A share, and who checked it: readers of these texts, or of others (corrected by them, or counted with a margin).

    The estimate's value is NaN, and `method` 'not known', where the interval is wider than 15 points either way.
    `read` counts the texts read, of these `periods`; `alike` is the share of the period's texts like those read earlier
    (NaN where its own were read).
    """

    estimate: Estimate
    method: Literal["read", "corrected", "counted", "not known"]
    read: int = 0
    periods: tuple[str, ...] = ()
    alike: float = np.nan


def told(
    estimate: Estimate, method: Literal["read", "corrected", "counted"], read: int = 0, periods: tuple[str, ...] = (),
    alike: float = np.nan,
) -> CheckedShare:  # fmt: skip
    """The share, or that it is not known where its interval is too wide; beside either what was read."""
    if estimate.high - estimate.low <= 2 * TELLABLE:
        return CheckedShare(estimate, method, read, periods, alike)
    unknown = Estimate(np.nan, np.nan, np.nan, estimate.n, "share", SAID)
    return CheckedShare(unknown, "not known", read, periods, alike)


class Line(NamedTuple):
    """The angle of a true share by that of its count, with a shift and a spread for each label."""

    intercept: float
    slope: float
    labels: pd.DataFrame  # index label; shift, variance, and degrees of freedom of the variance


@dataclass(frozen=True)
class SetErrors:
    """How far counts of labels were from what readers found, on several organisations' texts.

    Shares are compared as angles (arcsine of the root), on which equal steps are equally uncertain at any share. A
    line leads from the count to the share read, the same for all labels, with a shift and a variance between sets for
    each label, both drawn towards what is common to all; a new organisation is one more draw from it. Beside it stands
    the count itself with the spread of its own errors. Told are the narrower interval of the two and, within it, the
    mean of both: on sets left out it is nearer to what was read than either. The lines ship, fitted by
    ``training.set_errors``.

    References
    ----------
    DerSimonian & Laird (1986), Controlled Clinical Trials 7, 177-188. Higgins, Thompson & Spiegelhalter (2009), JRSS A
    172, 137-159, for prediction in a new set. Bates & Granger (1969), Operational Research Quarterly 20, 451-468, for
    the mean of two predictions.

    Examples
    --------
    >>> line = Line(0.0, 1.0, pd.DataFrame({"shift": 0.0, "variance": 0.001, "freedom": 9.0}, ["waiting"]))
    >>> share = SetErrors(None, line).share(0.2, 500, "waiting")
    >>> round(share.estimate.value, 2), share.method
    (0.2, 'counted')
    """

    corrected: Line | None
    counted: Line

    def share(self, counted: float, n: int, label: str, confidence: float = 0.95) -> CheckedShare:
        """Share of a new organisation's texts that readers would give the label.

        Parameters
        ----------
        counted
            Share of its texts to which the classifier gave the label, 0 to 1.
        n
            Its texts.
        label
            One of those fitted.
        confidence
            Level of the interval, 0 to 1.

        Returns
        -------
        CheckedShare
            NaN with n where it cannot be told within 15 points.

        Raises
        ------
        ValueError
            If there is no text, or the label was not fitted.
        """
        if n < 1:
            raise ValueError(f"{label}: no text, so no share.")
        if label not in self.counted.labels.index:
            raise ValueError(f"{label!r} was not read anywhere. Found: {', '.join(self.counted.labels.index)}.")
        count = _predict(self.counted, counted, n, label, confidence)
        if self.corrected is None:
            return told(count, "counted")
        line = _predict(self.corrected, counted, n, label, confidence)
        better = round(line.high - line.low, 9) < round(count.high - count.low, 9)
        narrower = line if better else count
        both = float(np.clip((line.value + count.value) / 2, narrower.low, narrower.high))
        return told(replace(narrower, value=both), "corrected" if better else "counted")


def angle(share: np.ndarray | float) -> np.ndarray:
    """Arcsine of the root of shares, 0 to pi/2: equal steps of it are equally uncertain at any share."""
    return np.asarray(np.arcsin(np.sqrt(np.clip(share, 0, 1))))


def _predict(line: Line, counted: float, n: int, label: str, confidence: float) -> Estimate:
    """The share at the line, with the spread between sets and the sample's own."""
    from scipy.special import stdtrit

    shift, variance, freedom = line.labels.loc[label].to_numpy(float)
    centre = line.intercept + line.slope * float(angle(counted)) + shift
    error = np.sqrt(variance + line.slope**2 / (4 * n))
    half = float(stdtrit(freedom, (1 + confidence) / 2)) * error
    value, low, high = (float(v) for v in np.sin(np.clip([centre, centre - half, centre + half], 0, np.pi / 2)) ** 2)
    rarest, most = wilson_bounds(np.array([1.0, 0.0]), n, confidence)
    return Estimate(value, min(low, float(rarest[0])), max(high, float(most[1])), n, "share", SAID)
