"""Shares of predicted labels, with the classifier's own errors taken out.

A share counted from labels that a model assigned is wrong by the model's error rates, in a direction that depends on
the true share. Shares of observed categories belong to `scores`.
"""

import numpy as np
import pandas as pd

from analytics.measures.estimate import SAID, Estimate
from analytics.measures.intervals import Sample, beside, wilson_bounds

CLIPPED = 1e-6  # a share this near to 0 or 1 was cut off there by the least squares
WHOLE = 1e4  # weight of the equation that shares sum to 1 beside those of the predicted shares
DRAWS = 2000  # of the joint uncertainty of error rates and sample


def corrected_share(
    pred: pd.Series, errors: pd.DataFrame, label: str = "negative", *, clusters: pd.Series | None = None,
    confidence: float = 0.95,
) -> Estimate:  # fmt: skip
    """Share of texts whose true class is `label`, corrected for the classifier's held-out errors.

    The predicted shares q are the error rates times the true shares p: q = M'p, where M holds, for each true class,
    the rates of each predicted class. p is the non-negative least-squares solution that sums to 1. The interval
    draws M's rows and q from their Dirichlet posteriors (prior one half a count) and solves each time, so both the
    sample and the test of the classifier count; it is never narrower than Wilson's for none or for all of n texts.
    Where fewer texts get the label than the classifier's false labels alone would explain, the share is 0, but these
    texts may be easier than those of the test: the upper bound then allows for no false label at all (and the lower
    bound likewise where the share is 1).

    Parameters
    ----------
    pred
        Predicted labels; missing values and labels that `errors` does not know ('unknown') are left out.
    errors
        Held-out counts, index true class, columns predicted class, the same names in both.
    label
        Class whose share is wanted.
    clusters
        Who wrote each text, on the same index; several of one person count as in `clustered_n`, and `n` is of people.
    confidence
        Level of the interval, 0 to 1.

    Returns
    -------
    Estimate
        Unit 'share', 0 to 1; source 'said by customers'.

    Raises
    ------
    ValueError
        If no label is left to count, `label` is not a class, a true class was never tested, or the classifier cannot
        tell the classes apart (its error rates have no inverse).

    References
    ----------
    Rogan & Gladen 1978, Am. J. Epidemiology 107:71; Forman 2008, Data Mining and Knowledge Discovery 17:164.

    Examples
    --------
    A model that finds 80 % of the negatives, and calls 20 % of the others negative, counts 44 % where 40 % is true:

    >>> errors = pd.DataFrame([[800, 200], [200, 800]], ["negative", "other"], ["negative", "other"])
    >>> round(corrected_share(pd.Series(["negative"] * 44 + ["other"] * 56), errors).value, 3)
    0.4
    """
    classes = _classes(errors, label)
    tested = errors.loc[classes, classes].to_numpy(float)
    pred = pd.Series(pred)
    known = pred[counted := pred.isin(classes).to_numpy()]
    counts = known.value_counts().reindex(classes, fill_value=0).to_numpy(float)
    if not counts.sum():
        raise ValueError(f"corrected_share: no label is one of {', '.join(classes)}: there is nothing to count.")
    people = None if clusters is None else beside(pred, clusters, "clusters")[counted]
    sample = Sample.of(np.ones(len(known)), people)
    n = sample.size(known.eq(label).to_numpy(float), confidence)
    counts *= n / counts.sum()
    rates = tested / tested.sum(axis=1, keepdims=True)
    if np.linalg.matrix_rank(rates, tol=0.02) < len(classes):
        raise ValueError(
            "corrected_share: the classifier predicts the same shares whatever the true class is, so its labels say"
            f" nothing about shares. Held-out error rates: {rates.round(2).tolist()}. Use another model, or adapt it."
        )
    wanted = classes.index(label)
    value = _solve(rates[None], (counts / n)[None])[0, wanted]
    rng = np.random.default_rng(0)
    rows = np.stack([rng.dirichlet(row + 0.5, DRAWS) for row in tested], axis=1)
    shares = _solve(rows, rng.dirichlet(counts + 0.5, DRAWS))[:, wanted]
    low, high = np.quantile(shares, [(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = min(low, wilson_bounds(1.0, n, confidence)[0]), max(high, wilson_bounds(0.0, n, confidence)[1])
    recall, others = rates[wanted, wanted], np.delete(1 - rates[:, wanted], wanted).min()
    rarest, most = wilson_bounds(counts[wanted] / n, n, confidence)
    if value < CLIPPED:
        high = max(high, min(1.0, most / max(recall, most)))
    if value > 1 - CLIPPED:
        low = min(low, 1 - (1 - rarest) / max(others, 1 - rarest))
    return Estimate(float(value), float(min(low, value)), float(max(high, value)), sample.n, "share", SAID)


def _classes(errors: pd.DataFrame, label: str) -> list[str]:
    classes = [str(name) for name in errors.index]
    if set(classes) != {str(name) for name in errors.columns}:
        raise ValueError(
            f"errors must have the same classes as index (true) and columns (predicted). Found: {classes} and"
            f" {[str(name) for name in errors.columns]}."
        )
    if label not in classes:
        raise ValueError(f"{label!r} is not a class of the error matrix. Found: {', '.join(classes)}.")
    untested = [name for name in classes if not errors.loc[name].sum() > 0]
    if untested:
        raise ValueError(f"errors holds no held-out text that is truly {', '.join(untested)}: test on some.")
    return classes


def _solve(rates: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return true shares (draws, k) from error rates (draws, k, k) and predicted shares (draws, k).

    The exact inverse where it gives shares; else non-negative least squares, the sum of 1 an equation of great weight.
    """
    from scipy.optimize import nnls

    mixing = rates.transpose(0, 2, 1)
    try:
        shares = np.linalg.solve(mixing, predicted[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        shares = np.full(predicted.shape, -1.0)
    for draw in np.flatnonzero((shares < 0).any(axis=1)):
        equations = np.vstack([mixing[draw], np.full(predicted.shape[1], WHOLE)])
        shares[draw] = nnls(equations, np.append(predicted[draw], WHOLE))[0]
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
