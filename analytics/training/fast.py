"""Training of the fast model that ships: which texts, with which weights, judged on sets held out whole.

The model itself is ``text.fast``; reading the sets is ``sets``, its card is written by ``cards``.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analytics.text.clean import mask_brands, normalise
from analytics.text.fast import LinearModel, fit_linear
from analytics.text.linear import CLASSES, MODELS, softmax
from analytics.training.evaluate import (
    calibration_error,
    compare,
    error_matrix,
    load_zero_shot_sets,
    measure_polarity,
    vader_score,
)
from analytics.training.files import digest, save_fast
from analytics.training.places import DATASETS, IDIOMS

# How much a text of a set counts (1 if not named): news and films less, lines written for this product more.
SET_WEIGHTS = {"nyt": 0.5, "movie": 0.7, "tweets": 0.8, "cfpb": 0.6, "phrases": 2.5, "idioms": 2.5}
JUDGED_SETS = ("nhs", "uci", "amazon", "tweets")  # people's own words about what they got, both ways
SERVICE_SETS = ("banking77", "phrases", "idioms")  # calibrate too: what is neutral in service language
PRIORS = (0.4, 0.2, 0.4)  # class shares assumed of an organisation never seen; its own scores replace them (adapt)


def training_lines(training: pd.DataFrame) -> pd.DataFrame:
    """Add the hand-written idioms to the training sets, leave the remarks out, clean the texts, and weigh them.

    Sets count as in `SET_WEIGHTS`, and classes are brought to `PRIORS`. The remarks turn on what their words mean
    together: learning from them, a model of words judged every set that it had not seen a little worse.
    """
    training = training[training["source"] != "remarks"]
    lines = pd.concat([training, pd.read_csv(IDIOMS).assign(source="idioms")], ignore_index=True)
    lines["text"] = [mask_brands(normalise(text), ()) for text in lines["text"]]
    weight = lines["source"].map(SET_WEIGHTS).fillna(1.0)
    prior = lines["label"].map(dict(zip(CLASSES, PRIORS, strict=True)))
    lines["weight"] = weight * prior * weight.sum() / weight.groupby(lines["label"]).transform("sum")
    return lines


def train_fast(training: pd.DataFrame, folder: Path = MODELS) -> LinearModel:
    """Train the model that ships and write it with its figures.

    Every figure is about sets held out whole, as another organisation's texts would be: of four folds, each holds
    out one of `JUDGED_SETS` and a quarter of the other texts.

    Parameters
    ----------
    training
        `sets.load_training_sets`: ``text``, ``source``, ``label``.
    folder
        Where ``fast.npz`` and ``fast.json`` go.

    Returns
    -------
    LinearModel
        The model as written.
    """
    from threadpoolctl import threadpool_limits

    lines = training_lines(training)
    judged = lines["source"].isin(JUDGED_SETS).to_numpy()
    spread = pd.Series(np.array(JUDGED_SETS)[np.arange(len(lines)) % len(JUDGED_SETS)], lines.index)
    with threadpool_limits(1):  # sums in one order: the same file every time
        model, scores = fit_linear(
            lines["text"].tolist(),
            lines["label"].tolist(),
            groups=lines["source"].where(judged, spread).tolist(),
            weights=lines["weight"].to_numpy(),
            calibrate_on=lines["source"].isin([*JUDGED_SETS, *SERVICE_SETS]).to_numpy(),
        )
        rounded: dict[str, Any] = {"coefficients": model.coefficients.astype(np.float16).astype(np.float32)}
        rounded |= {name: getattr(model, name).round(5) for name in ("intercepts", "calibration")}
        model = replace(model, **rounded, card={"version": f"fast-{digest(rounded)}", "classes": list(CLASSES)})
        model.card.update(_figures_of(lines[judged], softmax(scores[judged]), model, len(lines)))
    save_fast(model, folder)
    return model


def _figures_of(held_out: pd.DataFrame, probabilities: np.ndarray, model: LinearModel, n: int) -> dict[str, Any]:
    """Measure held-out sets and, where they are at hand, the sets that may not train; VADER beside both."""
    rows: list[Any] = []
    for name in JUDGED_SETS:
        part = (held_out["source"] == name).to_numpy()
        label = held_out["label"][part]
        score = {"fast": probabilities[part, 2] - probabilities[part, 0], "vader": vader_score(held_out["text"][part])}
        rows += [
            {"set": name, "model": m, **measure_polarity(score[m], label, np.random.default_rng(0))} for m in score
        ]
    rows += compare({"fast": model}, load_zero_shot_sets(DATASETS)).to_dict("records")
    predicted = np.array(CLASSES)[probabilities.argmax(axis=1)]
    return {
        "errors": error_matrix(held_out["label"], predicted).tolist(),
        "calibration_error": calibration_error(probabilities, held_out["label"]),
        "training_texts": n,
        "sets": [{key: round(v, 4) if isinstance(v, float) else v for key, v in row.items()} for row in rows],
    }
