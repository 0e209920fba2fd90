"""The accurate sentiment model: a calibrated logistic head on the sentence encoder, blended with the fast model.

Belongs here: turning embeddings into class probabilities, and the figures measured when the model was trained.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from analytics.text.encoder import MODELS, Encoder
from analytics.text.fast import LinearModel, softmax

CLASSES = ("negative", "neutral", "positive")
FAST_SHARE = 0.4  # of the fast model in the blend: of 0, .2, .3 … .7 the best on sets left out whole


@dataclass(frozen=True)
class AccurateModel:
    """Sentiment of customer texts, from the shipped encoder and head; make one with `AccurateModel.load`.

    Parameters
    ----------
    encoder
        Sentence encoder the head was fitted on.
    coefficients
        Shape (3, width): one row per class, in the order of ``classes_``.
    intercepts
        Shape (3,).
    fast
        Fast model, which speaks with a weight of 0.6.
    card
        Figures measured at training: ``version``, ``errors`` (rows true, columns predicted), ``held_out``.

    Examples
    --------
    >>> model = AccurateModel.load()
    >>> model.predict(["Nobody called me back.", "They fixed it on the spot."]).tolist()
    ['negative', 'positive']
    """

    encoder: Encoder
    coefficients: np.ndarray
    intercepts: np.ndarray
    fast: LinearModel
    card: dict

    @classmethod
    def load(cls, folder: Path = MODELS) -> "AccurateModel":
        """Load the model that ships with the package.

        Raises
        ------
        ValueError
            If the head was fitted on another encoder than the one in the folder.
        """
        encoder = Encoder.load() if folder == MODELS else Encoder(folder)
        card = json.loads((folder / "accurate.json").read_text(encoding="utf-8"))
        if card["encoder"] != encoder.version:
            raise ValueError(
                f"{folder / 'accurate_head.npz'} was fitted on encoder {card['encoder']}, but encoder.onnx is"
                f" {encoder.version}. Run `make train` to write both together."
            )
        with np.load(folder / "accurate_head.npz", allow_pickle=False) as head:
            return cls(encoder, head["coefficients"], head["intercepts"], LinearModel.load(folder), card)

    @property
    def classes_(self) -> np.ndarray:
        """Class names in the order of the probability columns."""
        return np.array(CLASSES)

    @property
    def version(self) -> str:
        """Name of the model's exact state: changes whenever a probability may."""
        return f"{self.card['version']}-{self.fast.version}"

    @cached_property
    def errors(self) -> np.ndarray:
        """Counts on sets left out whole, rows the true class, columns the predicted: what `corrected_share` inverts."""
        return np.array(self.card["errors"])

    def predict_proba(self, texts: Iterable[str]) -> np.ndarray:
        """Calibrated probability of each class, the encoder's and the fast model's answers blended.

        Parameters
        ----------
        texts
            Customer texts, brands masked where known; whether a text should be scored at all is
            `clean.abstain_reason`'s question.

        Returns
        -------
        numpy.ndarray
            Shape (n, 3), rows sum to 1.
        """
        listed = list(texts)
        return blend(self.proba_of(self.encoder.embed(listed)), self.fast.predict_proba(listed))

    def proba_of(self, embeddings: np.ndarray) -> np.ndarray:
        """Class probabilities by the encoder alone, of texts it has embedded already."""
        return softmax(embeddings @ self.coefficients.T + self.intercepts)

    def adapt(self, texts: Iterable[str], ratings: Iterable[float], groups: Iterable[Any] | None = None) -> Any:  # noqa: ANN401
        """Learn this organisation's language from its customers' own scores; see `adapt.adapt`."""
        from analytics.text.adapt import adapt

        return adapt(texts, ratings, groups=groups, model=self)

    def predict(self, texts: Iterable[str]) -> np.ndarray:
        """Most probable class of each text."""
        return np.asarray(self.classes_[self.predict_proba(texts).argmax(axis=1)])


def blend(encoder: np.ndarray, fast: np.ndarray) -> np.ndarray:
    """Weighted geometric mean of two models' probabilities, rows scaled to 1.

    Examples
    --------
    >>> blend(np.array([[0.5, 0.0, 0.5]]), np.array([[0.9, 0.0, 0.1]])).round(2).tolist()
    [[0.71, 0.0, 0.29]]
    """
    return softmax((1 - FAST_SHARE) * logs(encoder) + FAST_SHARE * logs(fast))


def logs(probabilities: np.ndarray) -> np.ndarray:
    """Logarithms, of nothing smaller than one in ten million."""
    return np.asarray(np.log(np.maximum(probabilities, 1e-7)))
