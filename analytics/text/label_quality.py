"""What labels are worth: whether two labellers agree, and what more labels would add.

Drawing texts and keeping labels is ``label``'s job.
"""

import math
import warnings
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analytics.text.adapt import _features, _head, _three
from analytics.text.fast import CLASSES
from analytics.text.label import RANDOM, agreed_labels

FEWEST_SHARED = 30  # texts labelled by both; with fewer the interval of kappa, which rests on large samples, misleads
FEWEST_TESTED = 40  # texts drawn at random: with fewer a curve moves with every single text
FEWEST_OF_CLASS = 8  # of negative and of positive among them
FOLDS = 5
REPEATS = 6
RESAMPLES = 1_000
WIDEST = 0.10  # of the interval of a gain in macro-F1; a wider one tells nothing that helps to decide
WORTH = 0.01  # macro-F1: less than this from `MORE` labels is not worth an afternoon
MORE = 100


@dataclass(frozen=True)
class Agreement:
    """How far two people gave the same labels beyond what chance would do.

    Parameters
    ----------
    first, second
        The labellers.
    kappa, low, high
        Cohen's kappa, -1 to 1, and its 95 % interval; NaN where it is undefined.
    n
        Texts both labelled; skipped ones are left out.
    table
        Counts; rows what the first said, columns what the second said.
    """

    first: str
    second: str
    kappa: float
    low: float
    high: float
    n: int
    table: pd.DataFrame

    @property
    def sentence(self) -> str:
        """The agreement in words."""
        who = f"{self.first} and {self.second}"
        if self.n == 0:
            return f"{who} have labelled no text in common: agreement is not known."
        if math.isnan(self.kappa):
            return f"{who} gave all {self.n} texts one and the same label: kappa is undefined."
        same = int(np.trace(self.table.to_numpy()))
        text = f"{who} gave the same label to {same} of {self.n} texts."
        if self.n < FEWEST_SHARED:
            return f"{text} Cannot tell yet how far beyond chance: both need to label at least {FEWEST_SHARED} texts."
        interval = f"{_two(self.kappa)} ({_two(self.low)} to {_two(self.high)})"
        return f"{text} Cohen's kappa is {interval}; 1 is full agreement, 0 is chance."


def measure_agreement(labels: pd.DataFrame) -> list[Agreement]:
    """Cohen's kappa of every two labellers, over the texts both of them labelled.

    kappa = (po - pe) / (1 - pe), po the share of texts with equal labels, pe the share that chance would give with the
    same use of each label. The interval is the large-sample one.

    Parameters
    ----------
    labels
        Rows of a `LabelStore`: text_hash, label, labeller.

    Returns
    -------
    list of Agreement
        One for every two labellers, in order of name; none with fewer than two labellers.

    References
    ----------
    Cohen 1960, Educational and Psychological Measurement 20, 37-46; Fleiss, Cohen & Everitt 1969, Psychological
    Bulletin 72, 323-327, for the standard error.

    Examples
    --------
    >>> labels = pd.DataFrame({"text_hash": list("wxyz") * 2, "labeller": ["Ann"] * 4 + ["Ben"] * 4})
    >>> labels["label"] = [{"n": "negative", "p": "positive"}[said] for said in "nppn" + "npnn"]
    >>> [(found.n, found.kappa) for found in measure_agreement(labels)]  # po = 3/4, pe = 1/2 * 3/4 + 1/2 * 1/4
    [(4, 0.5)]
    """
    said = labels[labels["label"].isin(CLASSES)].pivot_table(
        index="text_hash", columns="labeller", values="label", aggfunc="last"
    )
    return [_agreement(said, first, second) for first, second in combinations(sorted(said.columns), 2)]


def describe_agreement(labels: pd.DataFrame) -> str:
    """Every two labellers' agreement in words, or that a second labeller is needed."""
    found = measure_agreement(labels)
    return (
        " ".join(each.sentence for each in found) or "Agreement is not known: it takes two labellers of the same texts."
    )


def _agreement(said: pd.DataFrame, first: str, second: str) -> Agreement:
    both = said[[first, second]].dropna()
    table = pd.crosstab(both[first], both[second]).reindex(index=CLASSES, columns=CLASSES, fill_value=0)
    counts = table.to_numpy()
    used = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    if len(used) < 2:
        return Agreement(first, second, math.nan, math.nan, math.nan, len(both), table)
    from statsmodels.stats.inter_rater import cohens_kappa

    found = cohens_kappa(counts[np.ix_(used, used)])
    low, high = max(-1.0, found.kappa_low), min(1.0, found.kappa_upp)
    return Agreement(first, second, float(found.kappa), float(low), float(high), len(both), table)


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
    sentence
        All this in words.
    """

    points: pd.DataFrame
    gain: float
    low: float
    high: float
    n: int
    sentence: str


def measure_learning_curve(labels: pd.DataFrame, model: Any = None) -> LearningCurve:  # noqa: ANN401
    """How well a head learnt from so many labels reads texts it has not seen, and what 100 more labels would add.

    Five folds, six times over: the head that `adapt` fits learns from growing parts of four folds and is tested on the
    fifth, only on texts drawn at random, because those drawn to teach are harder than the rest. macro-F1 is taken over
    the labels given to at least 8 of these. The gain is the mean of two laws, a - b / sqrt(labels) and
    a + b log(labels), fitted by least squares; its interval resamples the texts tested and spans both laws, and is
    written out rounded outwards. On two real exports of ratings, 100 and 200 labels drawn 16
    times each, it held the gain that 800 further texts showed in 62 of 64 draws; at 100 labels the gain was put too
    high (.030 for .016, .011 for .006).

    Parameters
    ----------
    labels
        Rows of a `LabelStore`. Where labellers differ on a text it is left out.
    model
        A model with an encoder; if not given, the shipped accurate one.

    Returns
    -------
    LearningCurve
        Says "cannot tell yet" with fewer than 40 texts drawn at random, fewer than 8 of them negative or positive, or
        an interval wider than .10.

    References
    ----------
    Figueroa, Zeng-Treitler, Kandula & Ngo 2012, BMC Medical Informatics and Decision Making 12:8, for extrapolating
    an inverse power law.

    Examples
    --------
    >>> empty = pd.DataFrame(columns=["text_hash", "text", "label", "labeller", "labelled_at", "drawn", "period"])
    >>> measure_learning_curve(empty).sentence
    'Cannot tell yet what more labels would add: label at least 80 texts in all.'
    """
    agreed = agreed_labels(labels)
    tested = agreed["drawn"].eq(RANDOM).to_numpy()
    needed = _needed(agreed["label"], tested)
    if needed > len(agreed):
        return _cannot_tell(needed, int(tested.sum()))
    from analytics.text.sentiment import load_sentiment_model

    base = load_sentiment_model("accurate") if model is None else model
    features, shipped = _features(base, None, agreed["text"].tolist())
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
    return _curve(points, laws @ scores[1:], bounds, len(codes), len(truth))


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
    from sklearn.model_selection import StratifiedKFold

    most = len(codes) - math.ceil(len(codes) / FOLDS)
    sizes = np.unique(
        [round(most * part) for part in (0.25, 0.5, 0.75, 1)]
    )  # fewer would teach the law of the first few
    share = np.zeros((len(sizes), len(codes), 3))
    rng = np.random.default_rng(0)
    for repeat in range(REPEATS):
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=repeat)
        for train, test in _split(folds, codes * 2 + tested):
            order = rng.permutation(train)
            asked = test[tested[test]]
            for place, size in enumerate(sizes):
                share[place, asked, _predict(features, codes, order[:size], asked)] += 1 / REPEATS
    return sizes, share


def _predict(features: Any, codes: np.ndarray, learnt: np.ndarray, asked: np.ndarray) -> np.ndarray:  # noqa: ANN401
    if len(np.unique(codes[learnt])) == 1:
        return np.full(len(asked), codes[learnt[0]])
    return np.asarray(_three(_head(features[learnt], codes[learnt]), features[asked]).argmax(axis=1))


def _split(folds: Any, strata: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:  # noqa: ANN401
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # fewer texts of a kind than folds
        return list(folds.split(strata, strata))


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
    """Return how many labels in all are likely to be enough for a curve, judged by the shares so far."""
    counts = label[tested].value_counts().reindex(CLASSES, fill_value=0)
    wanted = [(FEWEST_TESTED, int(tested.sum())), *((FEWEST_OF_CLASS, int(counts[name])) for name in CLASSES[::2])]
    short = [math.ceil(max(len(label), 1) * least / max(found, 1)) for least, found in wanted if found < least]
    return _round_up(max([2 * FEWEST_TESTED, len(label) + 1, *short])) if short else 0


def _round_up(number: float) -> int:
    return 10 * math.ceil(number / 10)


def _two(number: float) -> str:
    """Return a figure with two decimals and no leading zero: .62, -.05, 1.00."""
    return f"{number + 0.0:.2f}".replace("0.", ".", 1) if abs(round(number, 2)) < 1 else f"{number:.2f}"


def _cannot_tell(needed: int, n: int, points: pd.DataFrame | None = None) -> LearningCurve:
    sentence = f"Cannot tell yet what more labels would add: label at least {needed} texts in all."
    points = pd.DataFrame(columns=["labels", "macro_f1", "low", "high", "accuracy"]) if points is None else points
    return LearningCurve(points, math.nan, math.nan, math.nan, n, sentence)


def _curve(points: pd.DataFrame, gains: np.ndarray, bounds: np.ndarray, labels: int, n: int) -> LearningCurve:
    gain = max(float(gains.mean()), 0.0)
    low, high = max(float(bounds[0].min()), 0.0), max(float(bounds[1].max()), 0.0)
    if high - low > WIDEST:
        return _cannot_tell(_round_up(labels * ((high - low) / WIDEST) ** 2), n, points)
    now, shipped = points.iloc[-1], points.iloc[0]
    interval = f"({_two(now['low'])} to {_two(now['high'])}, {n} texts)"
    sentence = (
        f"With {now['labels']:.0f} labels macro-F1 is {_two(now['macro_f1'])} {interval}, with none"
        f" {_two(shipped['macro_f1'])}. {MORE} more would add about {_two(gain)}"
        f" ({_two(math.floor(100 * low) / 100)} to {_two(math.ceil(100 * high - 1e-9) / 100)})"
    )
    return LearningCurve(points, gain, low, high, n, sentence + (": hardly worth it." if high < WORTH else "."))
