"""Training of the shipped model of churn intent."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analytics.text.churn_intent import ChurnIntentModel, features
from analytics.text.clean import normalise
from analytics.text.linear import FOLDS, MODELS, Head, fit_head, sigmoid, write_arrays
from analytics.training.places import DATASETS, LINES, REMARKS
from analytics.training.real import MAY_TRAIN, load_readings

REMARK_WEIGHTS = {1: 0.3, 0: 0.05}  # of a remark that leaves and one that does not, in folds
READING_WEIGHTS = {"1": 1.0, "maybe": 0.3, "0": 0.3}  # of a real text by what its reader said, on sets left out whole
CONDITIONAL = 0.7  # a threat with a condition ("next time I am gone") counts as seven tenths of leaving: our judgement
STRENGTH = 10.0  # inverse of the ridge penalty


def training_lines() -> pd.DataFrame:
    """Read the hand-written lines, `share` being how far each says that the brand is left.

    Those of ``churn_intent.csv`` name a brand and turn on it; those of ``remarks.csv`` are as customers write,
    name none and count less (`REMARK_WEIGHTS`), as there are many and few of them leave.
    """
    lines = pd.read_csv(LINES / "churn_intent.csv", keep_default_na=False)
    threat = (lines["case"] == "conditional_threat") & (lines["churn"] == 1)
    lines = lines.assign(share=lines["churn"].where(~threat, CONDITIONAL).astype(float), weight=1.0)
    remarks = pd.read_csv(REMARKS, keep_default_na=False)
    remarks = remarks.assign(share=remarks["leaving"].astype(float), weight=remarks["leaving"].map(REMARK_WEIGHTS))
    remarks = remarks.assign(brand="", case="remark", churn=remarks["leaving"])
    return pd.concat([lines, remarks[["text", "brand", "churn", "case", "share", "weight"]]], ignore_index=True)


def reading_lines(datasets: Path = DATASETS) -> pd.DataFrame:
    """Real texts of the sets that may train, as `training_lines` gives them, with their `set`.

    A text of which a reader was not sure counts as half leaving.
    """
    every = load_readings(datasets)
    readings = every[every["set"].isin(MAY_TRAIN)].reset_index(drop=True)
    share = readings["leaving"].map({"1": 1.0, "maybe": 0.5, "0": 0.0})
    lines = readings[["set", "text"]].assign(brand="", case="reading", share=share, churn=(share == 1).astype(int))
    return lines.assign(weight=readings["leaving"].map(READING_WEIGHTS))


def fit_churn_intent(
    texts: Iterable[str],
    brands: Sequence[Sequence[str]],
    churn: Iterable[float],
    weights: np.ndarray | None = None,
    judged: np.ndarray | None = None,
) -> tuple[ChurnIntentModel, np.ndarray]:
    """Learn from texts, the brands each is asked about, and how far each says they are being left (0 to 1).

    Parameters
    ----------
    texts, brands, churn
        One of each per text.
    weights
        How much each text counts; equal if not given.
    judged
        Which texts the model's ``errors`` are about; all if not given.

    Returns
    -------
    tuple
        The model, and each text's probability by folds not trained on it.

    Examples
    --------
    >>> names = ["Alba", "Brio", "Cosy", "Dune", "Echo"]
    >>> lines = [f"leaving {name}" for name in names] + [f"love {name}" for name in names]
    >>> model, _ = fit_churn_intent(lines, [[name] for name in names * 2], [1] * 5 + [0] * 5)
    >>> (model.predict_proba(["leaving Fern", "love Fern"], brands=["Fern"]) > 0.5).tolist()
    [True, False]
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts, share = list(texts), np.asarray(list(churn), dtype=float)
    weights = np.ones(len(texts)) if weights is None else weights
    vectorizer = TfidfVectorizer(analyzer=dict.fromkeys, min_df=2)
    pairs = zip(map(normalise, texts), brands, strict=True)
    matrix = vectorizer.fit_transform([features(*pair) for pair in pairs])
    scores = _held_out_scores(matrix, share, weights, texts)
    head = _fit_shares(matrix, share, weights)
    platt = _fit_shares(scores[:, None], share, weights, strength=1e6)
    slope, offset = float(platt.coefficients[0, 0]), float(platt.intercepts[0])
    held_out = sigmoid(slope * scores + offset)
    judged = np.ones(len(texts), dtype=bool) if judged is None else judged
    errors = np.bincount(2 * (share[judged] > 0.5) + (held_out[judged] > 0.5), minlength=4).reshape(2, 2)
    idf = dict(zip(vectorizer.get_feature_names_out(), vectorizer.idf_, strict=True))
    weight = dict(zip(idf, head.coefficients[0] * vectorizer.idf_, strict=True))
    return ChurnIntentModel(idf, weight, slope, slope * float(head.intercepts[0]) + offset, errors), held_out


def _fit_shares(matrix: Any, share: np.ndarray, weights: np.ndarray, strength: float = STRENGTH) -> Head:  # noqa: ANN401
    """Logistic regression on labels that may lie between 0 and 1: each row counts once for each side."""
    from scipy.sparse import csr_matrix, vstack

    labels, counted = np.repeat([1, 0], len(share)), np.concatenate([share * weights, (1 - share) * weights])
    used = counted > 0
    both = csr_matrix(vstack([csr_matrix(matrix)] * 2))
    return fit_head(both[used], labels[used], counted[used], strength=strength)


def _held_out_scores(matrix: Any, share: np.ndarray, weights: np.ndarray, texts: list[str]) -> np.ndarray:  # noqa: ANN401
    """Score of each row by a model that saw neither it nor another row of the same text."""
    from sklearn.model_selection import GroupKFold

    scores = np.empty(len(texts))
    groups = pd.factorize(np.asarray(texts, dtype=object))[0]
    folds = GroupKFold(min(FOLDS, groups.max() + 1), shuffle=True, random_state=0)
    for train, test in folds.split(matrix, groups=groups):
        scores[test] = _fit_shares(matrix[train], share[train], weights[train]).scores(matrix[test])[:, 0]
    return scores


def fit_lines(datasets: Path = DATASETS, without: str = "") -> tuple[ChurnIntentModel, np.ndarray]:
    """Fit the model on hand-written lines and read texts but those of one set; its errors are those on remarks.

    Returns
    -------
    tuple
        As of `fit_churn_intent`, for the rows of `training_lines` followed by those of `reading_lines`.
    """
    read = reading_lines(datasets)
    lines = pd.concat([training_lines(), read[read["set"] != without]], ignore_index=True)
    brands = [[brand] for brand in lines["brand"]]
    weights, remark = lines["weight"].to_numpy(), (lines["case"] == "remark").to_numpy()
    return fit_churn_intent(lines["text"], brands, lines["share"], weights, remark)


def train_churn_intent(folder: Path = MODELS, datasets: Path = DATASETS) -> ChurnIntentModel:
    """Fit the shipped model of churn intent and write it as ``churn_intent.npz``."""
    model, _ = fit_lines(datasets)
    numbers = {name: np.fromiter(getattr(model, name).values(), np.float32) for name in ("idf", "weight")}
    numbers |= {"calibration": np.array([model.slope, model.offset]), "errors": model.errors}
    write_arrays(folder / "churn_intent.npz", numbers | {"names": list(model.idf)})
    return model
