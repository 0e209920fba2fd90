"""Sentiment of customer texts: the shipped models by name, and the estimator that learns from labelled texts.

The linear model behind the estimator lives in `fast`, the encoder's in `accurate`.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from analytics.text.accurate import AccurateModel
from analytics.text.clean import mask_brands, normalise, one_or_more
from analytics.text.fast import LinearModel, fit_linear, load_fast_model


class SentimentClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Linear text classifier over words, negated words, word pairs and lexicon valence, with calibrated probabilities.

    Any labels may be learnt; the shipped fast model is this estimator fitted on the package's training sets. Equal
    texts are kept in one fold when probabilities are calibrated.

    Parameters
    ----------
    penalty
        Inverse of the regularisation strength, above 0.
    brands
        Names masked before a text is read.

    References
    ----------
    Hutto & Gilbert 2014 (lexicon); Platt 1999 (calibration on held-out scores).

    Examples
    --------
    >>> texts = ["never again", "love it", "no reply", "so helpful", "awful wait", "great team"]
    >>> model = SentimentClassifier().fit(texts, ["bad", "good"] * 3)
    >>> model.predict(["awful, no reply", "great and helpful"]).tolist()
    ['bad', 'good']
    """

    def __init__(self, penalty: float = 1.0, brands: Iterable[str] = ()) -> None:
        self.penalty = penalty
        self.brands = brands

    def fit(self, X: Iterable[str], y: Iterable[Any]) -> Self:
        """Learn from texts and their labels.

        Raises
        ------
        ValueError
            If there is no text, the lengths differ, a label is missing, or all labels are the same.
        """
        texts, labels = self._plain(X), np.asarray(y)
        if len(texts) != len(labels):
            raise ValueError(f"SentimentClassifier.fit got {len(texts)} texts but {len(labels)} labels.")
        if pd.isna(pd.Series(y, dtype=object)).any():
            raise ValueError("SentimentClassifier.fit: a label is missing. Leave its text out.")
        classes = np.unique(labels)
        if len(classes) < 2:
            raise ValueError(
                f"SentimentClassifier.fit needs at least 2 classes, found {len(classes)}: {classes.tolist()}."
                " Add texts of another class."
            )
        self.model_, _ = fit_linear(texts, labels, penalty=self.penalty)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X: Iterable[str]) -> np.ndarray:
        """Return calibrated probabilities, one column per class of ``classes_``."""
        check_is_fitted(self)
        return self.model_.predict_proba_normalised(self._plain(X))

    def predict(self, X: Iterable[str]) -> np.ndarray:
        """Return the most probable class of each text."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def _plain(self, texts: Iterable[Any]) -> list[str]:
        if isinstance(texts, str):
            raise ValueError("SentimentClassifier takes a list of texts, not one string. Put it in a list: [text].")
        names = one_or_more(self.brands)
        return [mask_brands(normalise(text), names) if isinstance(text, str) else "" for text in np.ravel(list(texts))]


@cache
def load_sentiment_model(name: str = "accurate") -> LinearModel | AccurateModel:
    """Load a sentiment model that ships with the package.

    Parameters
    ----------
    name
        'accurate' (a small sentence encoder, for up to some ten thousand texts) or 'fast' (linear, for millions).

    Returns
    -------
    LinearModel or AccurateModel
        Object with ``predict_proba(texts)`` of shape (n, 3), ``classes_`` ('negative', 'neutral', 'positive'),
        ``version``, ``errors`` (held-out counts, rows true) and ``adapt(texts, ratings, groups=None)``.

    Raises
    ------
    ValueError
        If there is no model of that name.

    References
    ----------
    ``analytics/text/models/fast.md`` and ``accurate.md``.

    Examples
    --------
    >>> load_sentiment_model("fast").classes_.tolist()
    ['negative', 'neutral', 'positive']
    """
    if name == "fast":
        return load_fast_model()
    if name != "accurate":
        raise ValueError(f"there is no sentiment model {name!r}. Expected 'accurate' or 'fast'.")
    return AccurateModel.load()
