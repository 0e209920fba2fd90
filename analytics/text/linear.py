"""What every linear head shares: the classes, logistic regression, folds, calibration's arithmetic, and its files.

Belongs here: whatever two heads need. Not here: what a head reads of a text (``fast``, ``churn_intent``, ``themes``,
``encoder``), and how the shipped heads are trained.
"""

import json
import os
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analytics.files import refuse_endless

CLASSES = ("negative", "neutral", "positive")
"""What a text may say, in the order of every probability's columns."""
PROBABILITIES = [f"p_{name}" for name in CLASSES]
MODELS = Path(__file__).parent / "models"
"""Folder of the shipped models and their cards."""
FOLDS = 5
Features = Any  # an array or a sparse matrix, a row a text; scipy.sparse has no types


@dataclass(frozen=True, eq=False)
class Head:
    """A logistic regression: a row of coefficients and an intercept per class, or one of each for yes against no.

    Parameters
    ----------
    coefficients
        Shape (k, features).
    intercepts
        Shape (k,); minus infinity for a class that cannot be.
    """

    coefficients: np.ndarray
    intercepts: np.ndarray

    def scores(self, features: Features) -> np.ndarray:
        """Log odds up to a constant, shape (n, k)."""
        return np.asarray(features @ self.coefficients.T + self.intercepts)


def fit_head(
    features: Features, labels: np.ndarray, weights: np.ndarray | None = None, *,
    strength: float = 1.0, tolerance: float = 1e-4,
) -> Head:  # fmt: skip
    """Fit a ridge-penalised logistic regression; `strength` is the inverse of the penalty's."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=2000, tol=tolerance).fit(features, labels, sample_weight=weights)
    return Head(model.coef_, model.intercept_)


def fit_classes(x: Features, codes: np.ndarray, k: int, weights: np.ndarray | None = None, **options: float) -> Head:
    """Fit a head with a row for each of `k` classes, coded 0 to k - 1; one that no row shows gets probability 0.

    Examples
    --------
    >>> head = fit_classes(np.array([[0.0], [1.0], [0.1], [0.9]]), np.array([0, 2, 0, 2]), 3)
    >>> softmax(head.scores(np.array([[0.5]]))).round(2).tolist()
    [[0.5, 0.0, 0.5]]
    """
    present = np.unique(codes)
    coefficients, intercepts = np.zeros((k, x.shape[1])), np.full(k, -np.inf)
    if len(present) == 1:
        intercepts[present] = 0.0
        return Head(coefficients, intercepts)
    head = fit_head(x, codes, weights, **options)
    if len(present) == 2:  # scikit-learn keeps one row, that of the second
        halves = head.coefficients / 2, head.intercepts / 2
        head = Head(np.vstack([-halves[0], halves[0]]), np.concatenate([-halves[1], halves[1]]))
    coefficients[present], intercepts[present] = head.coefficients, head.intercepts
    return Head(coefficients, intercepts)


def split_folds(
    codes: np.ndarray, groups: np.ndarray | None = None, number: int = FOLDS, seed: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the rows to train on and to test on, classes spread evenly, no group on both sides."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    splitter = (StratifiedKFold if groups is None else StratifiedGroupKFold)(number, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer members than folds
        yield from splitter.split(codes, codes, groups)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Probabilities proportional to the exponential of each row's scores.

    Examples
    --------
    >>> softmax(np.array([[0.0, np.log(3.0)]])).round(2).tolist()
    [[0.25, 0.75]]
    """
    weights = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def sigmoid(scores: np.ndarray) -> np.ndarray:
    """Probability of yes from the log odds of yes against no."""
    return np.asarray(1 / (1 + np.exp(-scores)))


def logs(probabilities: np.ndarray, floor: float = 1e-7) -> np.ndarray:
    """Logarithms, of nothing smaller than `floor`."""
    return np.asarray(np.log(np.maximum(probabilities, floor)))


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray | list[str]]) -> None:
    """Write a head's numbers and the names of its features as ``.npz`` in one step, without pickle.

    Names hold no line break.
    """
    names = {name: "\n".join(value).encode() for name, value in arrays.items() if isinstance(value, list)}
    plain = {name: np.frombuffer(text, np.uint8) for name, text in names.items()}
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    with draft.open("wb") as file:
        np.savez_compressed(file, **{**arrays, **plain})  # type: ignore[arg-type]
    draft.replace(path)


def read_arrays(path: Path) -> dict[str, Any]:
    """Read what `write_arrays` wrote: arrays by name, bytes as a list of names."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = dict(stored)
    names = {name: array.tobytes().decode().split("\n") for name, array in arrays.items() if array.dtype == np.uint8}
    return arrays | names


def read_kept(path: Path) -> dict[str, Any] | None:
    """The same of a file in the derived data; None of one that is absent or damaged, which is to be made again."""
    try:
        refuse_endless(path)
        return read_arrays(path)
    except (OSError, ValueError, EOFError, MemoryError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        return None


def read_card(path: Path) -> dict[str, Any]:
    """Read what was measured at training."""
    card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return card
