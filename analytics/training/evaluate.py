"""How well a sentiment model does: held-out and zero-shot figures with intervals, beside VADER on the same texts.

Belongs here: reading the evaluation sets and measuring a model on them. Nothing here may train or choose a model.
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Protocol

import numpy as np
import pandas as pd

from analytics.text.clean import abstain_reason, english_words
from analytics.text.linear import CLASSES
from analytics.text.sentiment import load_sentiment_model
from analytics.training.places import DATASETS

REPLICATES = 400  # bootstrap replicates of an AUC


class SentimentModel(Protocol):
    """Anything that gives the probabilities of negative, neutral and positive."""

    def predict_proba(self, texts: Iterable[str], /) -> np.ndarray:
        """Probabilities, shape (n, 3)."""


def load_zero_shot_sets(datasets: Path) -> dict[str, pd.DataFrame]:
    """Read sets that never train: distinct English texts whose author's own rating says negative or positive.

    Ratings of 1 or 2 are negative, 4 or 5 positive, 3 is left out. In ijcnlp-feedback the author's rating is not
    given: a complaint stands for negative, a comment for positive (some comments are not).

    Parameters
    ----------
    datasets
        Folder of the data sets; a set that is absent is left out.

    Returns
    -------
    dict
        Set name -> frame with ``text`` and ``label``.
    """
    wanted = {
        "bank-app-reviews": ("bank-app-reviews/reviews.csv", "review", "rating"),
        "csat-ecommerce": ("csat-ecommerce/csat_2023-08-01_to_23.csv", "Customer Remarks", "CSAT Score"),
    }
    sets = {}
    for name, (path, text, rating) in wanted.items():
        if (Path(datasets) / path).is_file():
            data = pd.read_csv(Path(datasets) / path).dropna(subset=[text])
            data = data[data[rating] != 3]
            sets[name] = _labelled(data[text], np.where(data[rating] > 3, "positive", "negative"))
    feedback = Path(datasets) / "ijcnlp-feedback/en.csv"
    if feedback.is_file():
        data = pd.read_csv(feedback).dropna(subset=["text"])
        data = data[data["tag"].isin(["comment", "complaint"])]
        label = np.where(data["tag"] == "complaint", "negative", "positive")
        sets["ijcnlp-feedback, complaint against comment"] = _labelled(data["text"], label)
    return sets


def _labelled(text: pd.Series, label: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame({"text": text.to_numpy(), "label": label}).drop_duplicates("text")
    return frame[frame["text"].map(abstain_reason) == ""].reset_index(drop=True)


def polarity(model: SentimentModel) -> Callable[[pd.Series], np.ndarray]:
    """Score of a model: probability of positive minus probability of negative."""

    def score(texts: pd.Series) -> np.ndarray:
        probabilities = np.asarray(model.predict_proba(list(texts)))
        return np.asarray(probabilities[:, 2] - probabilities[:, 0])

    return score


def vader_score(texts: Iterable[str]) -> np.ndarray:
    """Compound score of stock VADER (Hutto & Gilbert 2014), the baseline to beat."""
    return np.array([_vader().polarity_scores(text)["compound"] for text in texts])


@cache
def _vader():  # type: ignore[no-untyped-def]  # noqa: ANN202
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def measure_polarity(score: np.ndarray, label: pd.Series | np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """AUC and accuracy of telling negative from positive, with 95 % intervals.

    A score above 0 says positive, below 0 negative; a score of exactly 0 says neither and counts as half right.

    Parameters
    ----------
    score
        One score per text, higher is more positive.
    label
        'negative' or 'positive'; texts of other labels are left out.
    rng
        Draws the bootstrap replicates of the AUC's interval.

    Returns
    -------
    dict
        ``n``, ``auc``, ``auc_low``, ``auc_high``, ``accuracy``, ``accuracy_low``, ``accuracy_high`` (Wilson).

    Examples
    --------
    >>> figures = measure_polarity(np.array([-0.5, 0.2, 0.0, 0.9]), np.array(["negative", "negative", "positive",
    ...     "positive"]), np.random.default_rng(0))
    >>> figures["n"], figures["auc"], figures["accuracy"]
    (4, 0.75, 0.625)
    """
    from sklearn.metrics import roc_auc_score
    from statsmodels.stats.proportion import proportion_confint

    label = np.asarray(label)
    chosen = np.isin(label, ["negative", "positive"])
    score, positive = np.asarray(score)[chosen], label[chosen] == "positive"
    right = float(((score > 0) == positive)[score != 0].sum() + 0.5 * (score == 0).sum())
    n = len(score)
    draws = []
    for _ in range(REPLICATES):
        rows = rng.integers(n, size=n)
        if 0 < positive[rows].sum() < n:
            draws.append(roc_auc_score(positive[rows], score[rows]))
    auc_low, auc_high = np.quantile(draws, [0.025, 0.975])
    low, high = proportion_confint(right, n, method="wilson")
    figures = {"auc": roc_auc_score(positive, score), "auc_low": auc_low, "auc_high": auc_high}
    figures |= {"accuracy": right / n, "accuracy_low": low, "accuracy_high": high}
    return {"n": n, **{name: float(value) for name, value in figures.items()}}


def compare(models: dict[str, SentimentModel], sets: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Measure models and VADER on every set.

    Parameters
    ----------
    models
        Name -> model.
    sets
        Name -> frame with ``text`` and ``label``.

    Returns
    -------
    pandas.DataFrame
        One row per set and model: ``set``, ``model`` and the columns of `measure_polarity`.
    """
    scorers: dict[str, Callable[[pd.Series], np.ndarray]] = {name: polarity(model) for name, model in models.items()}
    rows = []
    for name, data in sets.items():
        for model, score in {**scorers, "vader": vader_score}.items():
            figures = measure_polarity(score(data["text"]), data["label"], np.random.default_rng(0))
            rows.append({"set": name, "model": model, **figures})
    return pd.DataFrame(rows)


def speed(model: SentimentModel, n: int = 1000, seed: int = 0) -> float:
    """Texts per second on ``n`` made-up texts of 24 common words, about 30 tokens.

    The fastest of three rounds, after a warm-up.
    """
    words = np.array(sorted(english_words()))
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(words, 24)) for _ in range(n)]
    model.predict_proba(texts[:50])
    rounds = []
    for _ in range(3):
        start = perf_counter()
        model.predict_proba(texts)
        rounds.append(perf_counter() - start)
    return n / min(rounds)


def error_matrix(label: pd.Series | np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Counts of texts by true class (rows) and predicted class (columns), in the order of `CLASSES`.

    Examples
    --------
    >>> error_matrix(np.array(["negative", "negative", "positive"]), np.array(["negative", "neutral", "positive"]))
    array([[1, 1, 0],
           [0, 0, 0],
           [0, 0, 1]])
    """
    from sklearn.metrics import confusion_matrix

    return np.asarray(confusion_matrix(label, predicted, labels=list(CLASSES)))


def calibration_error(probabilities: np.ndarray, label: pd.Series | np.ndarray, bins: int = 10) -> float:
    """Expected calibration error of the predicted class: mean gap of confidence and accuracy over equal-count bins.

    References
    ----------
    Naeini, Cooper & Hauskrecht 2015, AAAI; equal-count bins as in Nixon et al. 2019.

    Examples
    --------
    >>> calibration_error(np.array([[0.8, 0.1, 0.1]] * 5), np.array(["negative"] * 4 + ["positive"]), bins=1)
    0.0
    """
    confidence = probabilities.max(axis=1)
    right = np.asarray(CLASSES)[probabilities.argmax(axis=1)] == np.asarray(label)
    parts = np.array_split(np.argsort(confidence, kind="stable"), bins)
    gaps = [abs(confidence[part].mean() - right[part].mean()) * len(part) for part in parts if len(part)]
    return round(float(sum(gaps) / len(confidence)), 6)


def main(arguments: list[str] | None = None) -> None:
    """Write the zero-shot figures and the speed of the shipped models to standard output."""
    parser = argparse.ArgumentParser(
        prog="python -m analytics.training.evaluate", description="Measure the shipped models."
    )
    parser.add_argument("--datasets", type=Path, default=DATASETS, help="folder of the evaluation sets")
    sets = load_zero_shot_sets(parser.parse_args(arguments).datasets)
    models: dict[str, SentimentModel] = {name: load_sentiment_model(name) for name in ("fast", "accurate")}
    table = compare(models, sets).round(3).to_string(index=False)
    speeds = [f"{name}: {speed(model):,.0f} texts of 30 tokens a second" for name, model in models.items()]
    sys.stdout.write("\n".join([table, *speeds]) + "\n")


if __name__ == "__main__":
    main()
