"""The accurate sentiment model: a calibrated logistic head on the sentence encoder, blended with the fast model.

Belongs here: turning embeddings into class probabilities, and the figures measured when the model was trained.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from analytics.text.adapt import SentimentModel
from analytics.text.encoder import Encoder
from analytics.text.fast import LinearModel, load_fast_model
from analytics.text.linear import CLASSES, MODELS, Head, logs, read_arrays, read_card, softmax

FAST_SHARE = 0.4  # of the fast model in the blend: of 0, .2, .3 … .7 the best on sets left out whole


@dataclass(frozen=True, eq=False)
class AccurateModel(SentimentModel):
    """Sentiment of customer texts, from the shipped encoder and head; make one with `AccurateModel.load`.

    Parameters
    ----------
    encoder
        Sentence encoder the head was fitted on.
    head
        One row per class, in the order of ``classes_``.
    fast
        Fast model, which speaks with a weight of 0.4.
    card
        Figures measured at training: ``version``, ``errors`` (rows true, columns predicted), ``held_out``.

    Examples
    --------
    >>> model = AccurateModel.load()
    >>> model.predict(["Nobody called me back.", "They fixed it on the spot."]).tolist()
    ['negative', 'positive']
    """

    encoder: Encoder
    head: Head
    fast: LinearModel
    card: dict[str, Any]
    classes_: np.ndarray = field(default_factory=lambda: np.array(CLASSES))

    @classmethod
    def load(cls, folder: Path = MODELS) -> "AccurateModel":
        """Load the model that ships with the package.

        Raises
        ------
        ValueError
            If the head was fitted on another encoder than the one in the folder.
        """
        encoder = Encoder.load() if folder == MODELS else Encoder(folder)
        card = read_card(folder / "accurate.json")
        if card["encoder"] != encoder.version:
            raise ValueError(
                f"{folder / 'accurate_head.npz'} was fitted on encoder {card['encoder']}, but encoder.onnx is"
                f" {encoder.version}. Run `make train` to write both together."
            )
        return cls(encoder, Head(**read_arrays(folder / "accurate_head.npz")), load_fast_model(folder), card)

    @property
    def version(self) -> str:
        """Name of the model's exact state: changes whenever a probability may."""
        return f"{self.card['version']}-{self.fast.version}"

    def predict_proba_normalised(self, texts: Sequence[str]) -> np.ndarray:
        """As `predict_proba`, for normalised texts: the encoder's and the fast model's answers blended."""
        by_encoder = softmax(self.head.scores(self.encoder.embed_normalised(texts)))
        return blend(by_encoder, self.fast.predict_proba_normalised(texts))

    def reader(self, texts: Sequence[str]) -> Callable[[Sequence[str]], np.ndarray]:
        """Return the embedding, which learns nothing more."""
        return self.encoder.embed_normalised


def blend(encoder: np.ndarray, fast: np.ndarray) -> np.ndarray:
    """Weighted geometric mean of two models' probabilities, rows scaled to 1.

    Examples
    --------
    >>> blend(np.array([[0.5, 0.0, 0.5]]), np.array([[0.9, 0.0, 0.1]])).round(2).tolist()
    [[0.71, 0.0, 0.29]]
    """
    return softmax((1 - FAST_SHARE) * logs(encoder) + FAST_SHARE * logs(fast))
