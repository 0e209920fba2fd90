"""What every sentiment model can do, and what comments that came with a score teach about an organisation's language.

Holds the base of the sentiment models, the reading of scales, the honest comparison of an adapted model with the
shipped one, the adapted model itself, and the trial of a report's scores. The shipped models are ``fast`` and
``accurate``.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from analytics.text.clean import mask_brands, normalise, reason_to_abstain
from analytics.text.linear import CLASSES, FOLDS, PROBABILITIES, Head, fit_classes, logs, softmax
from analytics.text.thread import read_own_words

# scale -> (lowest, highest, most that is negative, least that is positive)
SCALES = {"csat": (1, 5, 2, 4), "ces": (1, 7, 3, 5), "nps": (0, 10, 6, 9)}
FEWEST = 50  # rated comments: the least at which a trial on real comments gained (README of the models)
FEWEST_OF_CLASS = 10  # comments of each of negative and positive
NEEDED_GAIN = 1.64  # standard errors by which log loss must fall: one-sided 5 %
STRENGTHS = {True: 0.03, False: 0.3}  # of the head: a dense embedding needs more restraint than words


Read = Callable[[Sequence[str]], Any]  # normalised texts to features, one row a text


class AdaptationRefused(ValueError):
    """The shipped model stays, because these ratings do not teach a better one; the message says why."""


class SentimentModel(ABC):
    """A model of what texts say: probabilities of ``classes_``, and figures measured at training in ``card``."""

    classes_: np.ndarray
    card: dict[str, Any]

    @abstractmethod
    def predict_proba_normalised(self, texts: Sequence[str]) -> np.ndarray:
        """As `predict_proba`, for texts that `clean.normalise` has cleaned and whose names are masked."""

    @abstractmethod
    def reader(self, texts: Sequence[str]) -> Read:
        """Return what turns normalised texts into features that an adapted head learns from, fitted on `texts`."""

    @property
    def version(self) -> str:
        """Name of the model's exact state: changes whenever a probability may."""
        return str(self.card.get("version", "own"))

    @cached_property
    def errors(self) -> np.ndarray:
        """Held-out counts, rows the true class, columns the predicted one: what `corrected_share` inverts."""
        return np.array(self.card["errors"])

    def predict_proba(self, texts: Iterable[str]) -> np.ndarray:
        """Calibrated probability of each class.

        Parameters
        ----------
        texts
            Customer texts, brands masked where known; whether a text should be scored at all is
            `clean.abstain_reason`'s question.

        Returns
        -------
        numpy.ndarray
            Shape (n, k), rows sum to 1.
        """
        return self.predict_proba_normalised([mask_brands(normalise(text), ()) for text in texts])

    def predict(self, texts: Iterable[str]) -> np.ndarray:
        """Return the most probable class of each text."""
        return np.asarray(self.classes_[self.predict_proba(texts).argmax(axis=1)])

    def adapt(
        self, texts: Iterable[str], ratings: Iterable[float], groups: Iterable[Any] | None = None,
        scale: str | None = None,
    ) -> "AdaptedModel":  # fmt: skip
        """Fit a head to the organisation's rated comments, if that beats this model on comments held out.

        The head is a logistic regression on this model's scores with the encoder's embedding (accurate) or the
        organisation's own words and pairs (fast). Five folds; equal texts and comments of one customer stay in one
        fold. It must lower the log loss by 1.64 standard errors, both against this model and against always giving
        the shares of the ratings.

        Parameters
        ----------
        texts
            Comments; those no model can read are left out.
        ratings
            CSAT 1-5, NPS 0-10 or CES 1-7 given with the comment; missing ones are left out.
        groups
            Customer of each comment.
        scale
            See `rate_sentiment`.

        Returns
        -------
        AdaptedModel
            Scores like this model; `score_texts` takes it as ``model``.

        Raises
        ------
        AdaptationRefused
            If there are fewer than 50 usable comments or 10 of a kind, or this model is not beaten.

        References
        ----------
        Held-out comparison of paired losses: Bates, Hastie & Tibshirani 2023, JASA.
        """
        if isinstance(self, AdaptedModel):  # it learns again from the shipped model
            return self.base.adapt(texts, ratings, groups, scale)
        frame = _usable(texts, ratings, groups, scale)
        codes, plain = frame["label"].map(CLASSES.index).to_numpy(), frame["plain"].tolist()
        read = self.reader(plain)
        features, shipped = read_features(self, read, plain)
        texts = pd.factorize(frame["text"].str.lower().str.strip())[0]
        _, held_out, shares = _fit_by_fold(features, codes, _writers(frame), texts, fit_adapted)
        rows = np.arange(len(codes))
        losses = [-logs(each[rows, codes], 1e-6) for each in (held_out, shipped, shares)]
        _refuse_unless_better(*losses)
        adapted, before = (round(float(loss.mean()), 4) for loss in losses[:2])
        errors = np.zeros((3, 3), int)
        np.add.at(errors, (codes, held_out.argmax(axis=1)), 1)
        mark = hashlib.sha256("\0".join([*frame["text"], *frame["label"]]).encode()).hexdigest()[:8]
        card = {"version": f"{self.version}+adapted-{mark}", "errors": errors.tolist(), "n": len(codes)}
        card["log_loss"] = {"adapted": adapted, "shipped": before}
        return AdaptedModel(self, read, fit_adapted(features, codes), card)


@dataclass(frozen=True, eq=False)
class AdaptedModel(SentimentModel):
    """A shipped model with a head learnt from one organisation's rated comments; made by its method ``adapt``.

    Parameters
    ----------
    base
        The shipped model.
    read
        Turns normalised texts into what the head reads beside the base's scores.
    head
        Over the base's scores and these features.
    card
        ``version``, ``errors`` (held-out counts, rows true), ``n``, and ``log_loss`` of this model and the
        shipped one.
    """

    base: SentimentModel
    read: Read
    head: Head
    card: dict[str, Any]
    classes_: np.ndarray = field(default_factory=lambda: np.array(CLASSES))

    def predict_proba_normalised(self, texts: Sequence[str]) -> np.ndarray:
        """As `predict_proba`, for normalised texts."""
        if not len(texts):
            return np.empty((0, len(CLASSES)))
        return softmax(self.head.scores(read_features(self.base, self.read, texts)[0]))

    def reader(self, texts: Sequence[str]) -> Read:
        """Return what the base reads."""
        return self.base.reader(texts)


def read_features(base: SentimentModel, read: Read, texts: Sequence[str]) -> tuple[Any, np.ndarray]:
    """Return what an adapted head reads of each normalised text, and the shipped model's probabilities."""
    shipped, own = base.predict_proba_normalised(texts), read(texts)
    if isinstance(own, np.ndarray):
        return np.hstack([logs(shipped, 1e-4), own]), shipped
    from scipy.sparse import csr_matrix, hstack

    return csr_matrix(hstack([logs(shipped, 1e-4), own])), shipped


def fit_adapted(features: Any, codes: np.ndarray) -> Head:  # noqa: ANN401
    """Fit the head of an adapted model."""
    return fit_classes(features, codes, len(CLASSES), strength=STRENGTHS[isinstance(features, np.ndarray)])


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


def _usable(
    texts: Iterable[str], ratings: Iterable[float], groups: Iterable[Any] | None, scale: str | None
) -> pd.DataFrame:
    """Readable comments with a rating: text, plain (normalised, handles masked), label and customer_id."""
    frame = pd.DataFrame({"text": pd.Series(list(texts), dtype=object)})
    label = rate_sentiment(ratings, scale)
    if len(label) != len(frame):
        raise ValueError(f"adapt got {len(frame)} texts but {len(label)} ratings.")
    frame["label"] = label
    frame["customer_id"] = None if groups is None else list(groups)
    frame = frame[frame["text"].map(lambda text: isinstance(text, str)) & frame["label"].ne("")]
    own = read_own_words(frame["text"])
    plain = [normalise(text) for text in own["text"]]
    reasons = [why or reason_to_abstain(*pair) for why, *pair in zip(own["no_answer"], own["text"], plain, strict=True)]
    readable = [not reason for reason in reasons]
    frame["plain"] = [mask_brands(text, ()) for text in plain]
    frame = frame[readable].reset_index(drop=True)
    _refuse_few(frame["label"])
    return frame


def _refuse_few(labels: pd.Series) -> None:
    if (n := len(labels)) < FEWEST:
        raise AdaptationRefused(f"{n} rated comments that can be read: at least {FEWEST} are needed to learn from.")
    for name in CLASSES[::2]:
        if (n := labels.eq(name).sum()) < FEWEST_OF_CLASS:
            raise AdaptationRefused(f"{n} {name} comments: at least {FEWEST_OF_CLASS} are needed to learn from.")


def _fit_by_fold(
    features: Any, codes: np.ndarray, writers: np.ndarray, texts: np.ndarray, fit: Callable[..., Head]  # noqa: ANN401
) -> tuple[tuple[Head, ...], np.ndarray, np.ndarray]:  # fmt: skip
    """For each fold of people a head learnt from others' other texts, and its classes held out beside their shares."""
    heads: list[Head] = []
    held_out, shares = np.zeros((2, len(codes), len(CLASSES)))
    for fold in range(FOLDS):
        test = writers % FOLDS == fold
        train = np.flatnonzero(~test & ~np.isin(texts, texts[test]))
        if not len(train):
            raise AdaptationRefused("the comments come from one customer, or are one text: nothing can be held out.")
        heads.append(fit(features[train], codes[train]))
        held_out[test] = softmax(heads[-1].scores(features[test])) if test.any() else 0
        shares[test] = np.bincount(codes[train], minlength=len(CLASSES)) / len(train)
    return tuple(heads), held_out, shares


@dataclass(frozen=True)
class MoodTrial:
    """Whether scores beside comments set the shipped probabilities of mood better, and readers of the texts agree.

    A score tells more and less than the words beside it: whoever writes "not solved yet" may give a 5. So the map that
    tells scores best speaks only where it also agrees with people who read the texts at least as often.

    Parameters
    ----------
    heads
        Of each fold of people, the map from probabilities that no score of theirs taught.
    scored
        Comments with a score.
    better
        Whether the maps tell scores of people held out better (`SentimentModel.adapt`).
    read, agreeing, shipped_agreeing
        Texts whose mood people read, and on how many of them the maps and the shipped model say the same.
    """

    heads: tuple[Head, ...]
    scored: int
    better: bool
    read: int = 0
    agreeing: int = 0
    shipped_agreeing: int = 0

    @property
    def speaks(self) -> bool:
        """Whether the maps, not the shipped probabilities, are to be used."""
        return self.better and self.read >= FEWEST and self.agreeing >= self.shipped_agreeing

    def probabilities(self, comments: pd.DataFrame) -> np.ndarray:
        """Probabilities of the classes, shape (n, 3), by the columns `PROBABILITIES`, customer_id and text."""
        odds, folds = _odds(comments), _writers(comments) % FOLDS
        each = np.stack([softmax(head.scores(odds)) for head in self.heads])
        return np.asarray(each[folds, np.arange(len(folds))])


def try_scores(comments: pd.DataFrame, ratings: pd.Series, scale: str, moods: pd.Series) -> MoodTrial:
    """Fit a map from shipped probabilities to scores, a fold of people left out at a time, and judge it.

    Parameters
    ----------
    comments
        `PROBABILITIES` (0 to 1, no missing ones), customer_id (missing for those who are not named) and text.
    ratings
        The score beside each comment, missing where there is none; same index.
    scale
        See `rate_sentiment`.
    moods
        'negative', 'neutral' or 'positive' as people read some of them, by the same index.

    Raises
    ------
    AdaptationRefused
        If fewer than 50 comments have a score, or fewer than 10 a bad or a good one.

    References
    ----------
    Kull et al. (2019), Beyond temperature scaling: well-calibrated multi-class probabilities with Dirichlet
    calibration, NeurIPS.
    """
    labels = pd.Series(rate_sentiment(ratings, scale), comments.index)
    _refuse_few(labels[labels.ne("")])
    rated = labels.ne("").to_numpy()
    codes, writers = labels[rated].map(CLASSES.index).to_numpy(), _writers(comments)[rated]
    rows, fit = np.arange(len(codes)), partial(fit_classes, k=len(CLASSES))
    heads, mapped, shares = _fit_by_fold(_odds(comments)[rated], codes, writers, rows, fit)
    every = (mapped, comments.loc[rated, PROBABILITIES].to_numpy(), shares)
    losses = pd.DataFrame({i: -logs(each[rows, codes], 1e-6) for i, each in enumerate(every)})
    by_person = losses.groupby(writers).mean()
    better = all(_beats(by_person[0], by_person[other]) for other in (1, 2))
    read, said = comments.loc[moods.index], moods.to_numpy()
    trial = MoodTrial(heads, len(codes), better, len(said))
    named = (name_classes(each) for each in (trial.probabilities(read), read[PROBABILITIES].to_numpy()))
    agreeing, shipped = (int((each == said).sum()) for each in named)
    return replace(trial, agreeing=agreeing, shipped_agreeing=shipped)


def name_classes(probabilities: np.ndarray) -> np.ndarray:
    """The likeliest class of each row, to six digits."""
    return np.asarray(np.array(CLASSES)[probabilities.round(6).argmax(axis=1)])


def _odds(comments: pd.DataFrame) -> np.ndarray:
    """Log odds of negative and of positive against neutral."""
    scores = logs(comments[PROBABILITIES].to_numpy(), 1e-4)
    return np.asarray(scores[:, [0, 2]] - scores[:, [1]])


def _writers(comments: pd.DataFrame) -> np.ndarray:
    """A number for whoever wrote each comment, the same in every table; a text of nobody known is by itself."""
    named = comments["customer_id"]
    names = named.astype(object).where(named.notna(), comments["text"].str.lower().str.strip())
    return np.asarray(pd.util.hash_pandas_object(names.astype("str"), index=False))


def _beats(losses: Any, others: Any) -> bool:  # noqa: ANN401
    """Whether held-out losses are lower than others of the same rows, beyond chance."""
    gain = others - losses
    return bool(gain.mean() > NEEDED_GAIN * gain.std(ddof=1) / np.sqrt(len(gain)))


def _refuse_unless_better(adapted: np.ndarray, shipped: np.ndarray, shares: np.ndarray) -> None:
    for other, name in ((shares, "giving every comment the shares of the ratings"), (shipped, "the shipped model")):
        if not _beats(adapted, other):
            raise AdaptationRefused(
                f"on {len(other)} held-out comments the adapted model does not clearly beat {name}: log loss"
                f" {adapted.mean():.3f} against {other.mean():.3f}. The shipped model stays."
            )
