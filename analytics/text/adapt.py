"""Learning an organisation's own language from comments that came with a score.

Holds the reading of scales, the honest comparison with the shipped model, and the adapted model itself.
"""

import hashlib
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from analytics.text.clean import abstain_reason, mask_brands, normalise
from analytics.text.encoder import Memory
from analytics.text.fast import CLASSES, LinearModel, Vectoriser

# scale -> (lowest, highest, most that is negative, least that is positive)
SCALES = {"csat": (1, 5, 2, 4), "ces": (1, 7, 3, 5), "nps": (0, 10, 6, 9)}
FEWEST = 50  # rated comments: the least at which a trial on real comments gained (README of the models)
FEWEST_OF_CLASS = 10  # comments of each of negative and positive
FOLDS = 5
NEEDED_GAIN = 1.64  # standard errors by which log loss must fall: one-sided 5 %


class AdaptationRefused(ValueError):
    """The shipped model stays, because these ratings do not teach a better one; the message says why."""


@dataclass(frozen=True, eq=False)
class AdaptedModel:
    """A shipped model with a head learnt from one organisation's rated comments; made by `adapt`.

    Parameters
    ----------
    base
        The shipped model.
    own
        Features of the organisation's own words, for a linear base; None for an encoder.
    head
        scikit-learn classifier over the base's scores and its features.
    card
        ``version``, ``errors`` (held-out counts, rows true), ``n``, ``log_loss`` and ``auc``, each for this model and
        the shipped one.
    """

    base: Any
    own: Vectoriser | None
    head: Any
    card: dict[str, Any]

    @property
    def version(self) -> str:
        """Name of the model's exact state: changes whenever a probability may."""
        return str(self.card["version"])

    @property
    def classes_(self) -> np.ndarray:
        """Class names in the order of the probability columns."""
        return np.array(CLASSES)

    @cached_property
    def errors(self) -> np.ndarray:
        """Held-out counts, rows the true class, columns the predicted one: what `corrected_share` inverts."""
        return np.array(self.card["errors"])

    def predict_proba(self, texts: Iterable[str]) -> np.ndarray:
        """Return the probability of negative, neutral and positive, shape (n, 3)."""
        texts = list(texts)
        if not texts:
            return np.empty((0, len(CLASSES)))
        return _three(self.head, _features(self.base, self.own, texts)[0])

    def predict(self, texts: Iterable[str]) -> np.ndarray:
        """Return the most probable class of each text."""
        return np.asarray(self.classes_[self.predict_proba(texts).argmax(axis=1)])

    def adapt(
        self, texts: Iterable[str], ratings: Iterable[float], groups: Iterable[Any] | None = None
    ) -> "AdaptedModel":
        """Learn again from the shipped model, with other ratings."""
        return adapt(texts, ratings, groups=groups, model=self.base)


def rate_sentiment(ratings: Iterable[float], scale: str | None = None) -> np.ndarray:
    """Read ratings as sentiment: CSAT 1-2 / 3 / 4-5, NPS 0-6 / 7-8 / 9-10, CES 1-3 / 4 / 5-7 (7 = easy).

    Parameters
    ----------
    ratings
        Scores; missing ones give ''.
    scale
        'csat', 'ces' or 'nps'. If not given: the shortest of the three that holds every rating; name it where
        a scale was not used in full.

    Raises
    ------
    ValueError
        If the scale is not known, or a rating lies outside it.

    Examples
    --------
    >>> rate_sentiment([0, 7, 10, float("nan")]).tolist()
    ['negative', 'neutral', 'positive', '']
    """
    values = pd.to_numeric(pd.Series(list(ratings), dtype=object), errors="coerce").astype(float)
    if scale is None:
        fits = [name for name, (low, high, _, _) in SCALES.items() if values.dropna().between(low, high).all()]
        scale = next(iter(fits), "nps")
    if scale not in SCALES:
        raise ValueError(f"scale {scale!r} is not known. Expected one of: {', '.join(SCALES)}.")
    low, high, negative, positive = SCALES[scale]
    outside = values[(values < low) | (values > high)]
    if len(outside):
        raise ValueError(
            f"{len(outside)} ratings lie outside the {scale} scale {low}-{high}, the first is {outside.iloc[0]:g}."
        )
    return np.select([values.isna(), values <= negative, values >= positive], ["", *CLASSES[::2]], CLASSES[1])


def adapt(
    texts: Iterable[str],
    ratings: Iterable[float],
    *,
    groups: Iterable[Any] | None = None,
    model: Any = "accurate",  # noqa: ANN401
    scale: str | None = None,
) -> AdaptedModel:
    """Fit a head to the organisation's rated comments, if that beats the shipped model on comments held out.

    The head is a logistic regression on the shipped model's scores with the encoder's embedding (accurate) or the
    organisation's own words and pairs (fast). Five folds; equal texts and comments of one customer stay in one fold.
    It must lower the log loss by 1.64 standard errors, both against the shipped model and against always giving
    the shares of the ratings.

    Parameters
    ----------
    texts
        Comments; those no model can read are left out.
    ratings
        CSAT 1-5, NPS 0-10 or CES 1-7 given with the comment; missing ones are left out.
    groups
        Customer of each comment.
    model
        'accurate', 'fast' or a shipped model.
    scale
        See `rate_sentiment`.

    Returns
    -------
    AdaptedModel
        Scores like the shipped model; `score_texts` takes it as ``model``.

    Raises
    ------
    AdaptationRefused
        If there are fewer than 50 usable comments or 10 of a kind, or the shipped model is not beaten.

    References
    ----------
    Held-out comparison of paired losses: Bates, Hastie & Tibshirani 2023, JASA.

    Examples
    --------
    >>> adapt(["too slow", "very good"], [1, 5], model="fast")
    Traceback (most recent call last):
    analytics.text.adapt.AdaptationRefused: 2 rated comments that can be read: at least 50 are needed to learn from.
    """
    from analytics.text.sentiment import load_sentiment_model

    base = load_sentiment_model(model) if isinstance(model, str) else model
    frame = _usable(texts, ratings, groups, scale)
    codes = frame["label"].map(CLASSES.index).to_numpy()
    plain = frame["text"].tolist()
    own = (
        Vectoriser.fit([mask_brands(normalise(text), ()) for text in plain]) if isinstance(base, LinearModel) else None
    )
    features, shipped = _features(base, own, plain)
    held_out, shares = np.zeros((len(codes), 3)), np.zeros((len(codes), 3))
    for train, test in _folds(codes, frame):
        held_out[test] = _three(_head(features[train], codes[train]), features[test])
        shares[test] = np.bincount(codes[train], minlength=3) / len(train)
    losses = [-np.log(np.clip(each[np.arange(len(codes)), codes], 1e-6, 1)) for each in (held_out, shipped, shares)]
    figures = {"n": len(codes), "log_loss": _pair(losses[0].mean(), losses[1].mean())}
    figures["auc"] = _pair(_auc(held_out, codes), _auc(shipped, codes))
    _refuse_unless_better(losses, figures)
    errors = np.zeros((3, 3), int)
    np.add.at(errors, (codes, held_out.argmax(axis=1)), 1)
    digest = hashlib.sha256("\0".join([*plain, *frame["label"]]).encode()).hexdigest()[:8]
    card = {"version": f"{base.version}+adapted-{digest}", "errors": errors.tolist(), **figures}
    return AdaptedModel(base, own, _head(features, codes), card)


def _usable(
    texts: Iterable[str], ratings: Iterable[float], groups: Iterable[Any] | None, scale: str | None
) -> pd.DataFrame:
    frame = pd.DataFrame({"text": pd.Series(list(texts), dtype=object)})
    label = rate_sentiment(ratings, scale)
    if len(label) != len(frame):
        raise ValueError(f"adapt got {len(frame)} texts but {len(label)} ratings.")
    frame["label"] = label
    frame["customer"] = np.arange(len(frame)) if groups is None else list(groups)
    read = frame["text"].map(lambda text: isinstance(text, str) and abstain_reason(text) == "")
    frame = frame[read & (frame["label"] != "")].reset_index(drop=True)
    if len(frame) < FEWEST:
        raise AdaptationRefused(
            f"{len(frame)} rated comments that can be read: at least {FEWEST} are needed to learn from."
        )
    counts = frame["label"].value_counts().reindex(CLASSES, fill_value=0)
    for name in CLASSES[::2]:
        if counts[name] < FEWEST_OF_CLASS:
            raise AdaptationRefused(
                f"{counts[name]} {name} comments: at least {FEWEST_OF_CLASS} are needed to learn from."
            )
    return frame


def _folds(codes: np.ndarray, frame: pd.DataFrame) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Yield folds in which no text and no customer stands on both sides."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from sklearn.model_selection import StratifiedGroupKFold

    text = pd.factorize(frame["text"].str.lower().str.strip())[0]
    customer = pd.factorize(frame["customer"], use_na_sentinel=False)[0] + text.max() + 1
    size = customer.max() + 1
    _, component = connected_components(
        coo_matrix((np.ones(len(text)), (text, customer)), (size, size)), directed=False
    )
    groups = component[text]
    if len(np.unique(groups)) < FOLDS:
        raise AdaptationRefused(
            f"the comments come from fewer than {FOLDS} independent customers: nothing can be held out."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # fewer neutral comments than folds
        yield from StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(codes, codes, groups)


def _features(base: Any, own: Vectoriser | None, texts: list[str]) -> tuple[Any, np.ndarray]:  # noqa: ANN401
    """Return what the head reads of each text, and the shipped model's probabilities."""
    if own is None:
        base = replace(base, encoder=Memory(base.encoder))  # what both read is embedded once
    shipped = base.predict_proba(texts)
    if own is None:
        return np.hstack([np.log(np.clip(shipped, 1e-4, 1)), base.encoder.embed(texts)]), shipped
    from scipy.sparse import csr_matrix, hstack

    words = own.transform([mask_brands(normalise(text), ()) for text in texts])
    return csr_matrix(hstack([np.log(np.clip(shipped, 1e-4, 1)), words])), shipped


def _head(features: Any, codes: np.ndarray) -> Any:  # noqa: ANN401
    from sklearn.linear_model import LogisticRegression

    strength = 0.03 if isinstance(features, np.ndarray) else 0.3  # a dense embedding needs more restraint than words
    return LogisticRegression(C=strength, max_iter=2000).fit(features, codes)


def _three(head: Any, features: Any) -> np.ndarray:  # noqa: ANN401
    """Return probabilities of all three classes, 0 for one that the ratings never showed."""
    probabilities = np.zeros((features.shape[0], 3))
    probabilities[:, head.classes_] = head.predict_proba(features)
    return probabilities


def _refuse_unless_better(losses: list[np.ndarray], figures: dict[str, Any]) -> None:
    adapted, shipped, shares = losses
    for other, name in ((shares, "giving every comment the shares of the ratings"), (shipped, "the shipped model")):
        gain = other - adapted
        if gain.mean() <= NEEDED_GAIN * gain.std(ddof=1) / np.sqrt(len(gain)):
            raise AdaptationRefused(
                f"on {figures['n']} held-out comments the adapted model does not clearly beat {name}: log loss"
                f" {adapted.mean():.3f} against {other.mean():.3f}. The shipped model stays."
            )


def _auc(probabilities: np.ndarray, codes: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    ends = codes != 1
    return float(roc_auc_score(codes[ends] == 2, (probabilities[:, 2] - probabilities[:, 0])[ends]))


def _pair(adapted: float, shipped: float) -> dict[str, float]:
    return {"adapted": round(float(adapted), 4), "shipped": round(float(shipped), 4)}
