"""How far counts of labels were from what people read: the lines that `measures.read_shares` predicts by."""

from typing import Any

import numpy as np
import pandas as pd

from analytics.measures.read_shares import Line, SetErrors, angle

PRIOR = 4.0  # sets that the spread common to all labels counts for beside a label's own
LEAST_SPREAD = 0.25  # of the common variance: few sets that agree by chance do not make a label certain
POOLED = 3  # labels from which on a common line is fitted


def fit_set_errors(sets: pd.DataFrame) -> SetErrors:
    """Learn from sets that were read.

    Parameters
    ----------
    sets
        One row per set and label: set, label, named (texts that readers gave the label), read (texts they read),
        and counted (share of labels among all the set's texts, 0 to 1).

    Returns
    -------
    SetErrors
        With a common line where there are three labels or more.

    Raises
    ------
    ValueError
        If a label stands in fewer than three sets: their spread cannot be told.
    """
    per_label = sets.groupby("label")["set"].nunique()
    if per_label.empty or per_label.min() < 3:
        few = "no label at all" if per_label.empty else f"{per_label.idxmin()!r} in {per_label.min()}"
        raise ValueError(f"the spread between sets needs three sets with each label. Found: {few}.")
    sampling = (1 / (4 * sets["read"])).to_numpy(float)
    truth = angle((sets["named"] / sets["read"]).to_numpy(float))
    count = angle(sets["counted"].to_numpy(float))
    labels = sets["label"].astype(str).to_numpy()
    design = np.column_stack([np.ones(len(count)), count])
    corrected = None
    if len(per_label) >= POOLED and np.ptp(count) > 0:
        corrected = _line(*_random_effects(truth, sampling, design), truth, sampling, design, labels)
    _, between = _random_effects(truth - count, sampling, design[:, :0])
    unmoved = _line(np.array([0.0, 1.0]), between, truth, sampling, design, labels, shifted=False)
    return SetErrors(corrected, unmoved)


def as_numbers(errors: SetErrors) -> dict[str, Any]:
    """The lines as the file of counts keeps them; see `text.read_sets.load_set_lines`."""
    return {
        name: line
        and [line.intercept, line.slope, {str(k): [*row] for k, row in line.labels.T.to_dict("list").items()}]
        for name, line in vars(errors).items()
    }


def _random_effects(values: np.ndarray, sampling: np.ndarray, design: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients and variance between sets, by moments, repeated until they agree."""
    between, coefficients = 0.0, np.zeros(design.shape[1])
    for _ in range(50):
        weights = 1 / (sampling + between)
        if design.shape[1]:
            coefficients = np.linalg.solve((design.T * weights) @ design, (design.T * weights) @ values)
        excess = weights @ (values - design @ coefficients) ** 2 - (len(values) - design.shape[1])
        between = max(between + float(excess / weights.sum()), 1e-6)
    return coefficients, between


def _line(
    coefficients: np.ndarray, between: float, truth: np.ndarray, sampling: np.ndarray, design: np.ndarray,
    labels: np.ndarray, *, shifted: bool = True,
) -> Line:  # fmt: skip
    """Each label's shift and variance about a line, drawn towards those common to all labels."""
    left = truth - design @ coefficients
    rows = pd.DataFrame({"left": left, "sampling": sampling, "noise": sampling + between})
    groups = rows.groupby(labels, sort=False)
    k, means, noise = groups.size(), groups["left"].mean(), groups["noise"].mean() / groups.size()
    common = max(float(means.var(ddof=0) - noise.mean()), 0.0) if shifted else 0.0
    shift = means * common / (common + noise)
    prior = PRIOR if len(k) >= POOLED else 0.0
    own = ((rows["left"] - shift.loc[labels].to_numpy()) ** 2 - rows["sampling"]).groupby(labels, sort=False).sum()
    spread = ((prior * between + own) / (prior + k)).clip(lower=LEAST_SPREAD * between)
    variance = spread * (1 + 1 / k) if shifted else spread
    table = pd.DataFrame({"shift": shift, "variance": variance, "freedom": prior + k})
    return Line(float(coefficients[0]), float(coefficients[1]), table)
