"""Texts read once: what to abstain from, which models read the rest, and what they said of each before.

The models live in `sentiment`, `churn_intent` and `themes`, the files of what was read in `pages`; this module only
brings their answers together.
"""

import functools
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from analytics.text.adapt import name_classes
from analytics.text.clean import LONGEST, mask_brands, normalise, one_or_more, reason_to_abstain, rounds
from analytics.text.encoder import ACCURATE_LIMIT, effort
from analytics.text.linear import CLASSES, MODELS, PROBABILITIES
from analytics.text.pages import Pages, Part, key_of
from analytics.text.thread import read_own_words

if TYPE_CHECKING:
    from analytics.text.encoder import Encoder
    from analytics.text.own_themes import ThemeList
    from analytics.text.themes import ThemeTag

ROUND = 5_000_000  # characters of distinct texts in memory at once beside the result
COLUMNS = ["sentiment", "reason", "valence", *PROBABILITIES, "churn_intent", "themes", "model"]


class Model(Protocol):
    """A sentiment model: the shipped ones, or one that `adapt` returned."""

    @property
    def version(self) -> str:
        """Name of the model's exact state."""

    @property
    def classes_(self) -> np.ndarray:
        """'negative', 'neutral', 'positive', in this order."""

    def predict_proba(self, texts: Iterable[str], /) -> np.ndarray:
        """Probabilities, shape (n, 3)."""


def score_texts(
    texts: Iterable[Any], brands: Iterable[str] = (), model: str | Model = "auto",
    cache: str | Path | Pages | None = None, *,
    accurate_limit: int = ACCURATE_LIMIT, themes: "ThemeList | None" = None,
) -> pd.DataFrame:  # fmt: skip
    """Score what customers wrote: sentiment, churn intent and themes, or why a text cannot be scored.

    Only the customer's own new words are read (see `own_words`): quoted mail, signatures, notices and other speakers
    are taken out first. Equal texts are scored once. Brand names and @handles are masked before sentiment is read. Of
    a text over 10,000 characters stretches at even places are read (see ``clean.normalise``).

    Parameters
    ----------
    texts
        Comments; a Series keeps its index; missing values abstain as 'empty'.
    brands
        The organisation's own names: masked, and the target of churn intent.
    model
        'accurate', 'fast', 'auto' (accurate for up to `accurate_limit` new texts, else fast), or a fitted model.
    cache
        Folder that keeps what was read, by text and models' versions (see `pages`); only new texts are read.
    accurate_limit
        Number of new texts above which 'auto' takes the fast model; a long one counts once for every 90 words.
    themes
        The organisation's own list (`fit_themes`); the shipped themes if not given.

    Returns
    -------
    pandas.DataFrame
        Index as the input; ``sentiment`` ('negative', 'neutral', 'positive', 'unknown'), ``reason`` (why unknown,
        else ''; 'opt-out', 'non-answer', 'automatic reply' or 'nothing of their own' for texts that are no answer),
        ``valence`` -1 to 1 (p_positive - p_negative), ``p_negative``, ``p_neutral``, ``p_positive``,
        ``churn_intent`` 0 to 1, ``themes`` (list of `ThemeTag`, strings that carry their polarity), ``model``
        (version of the one that spoke). Numbers of an unknown are NaN.

    Raises
    ------
    ValueError
        If `model` is a name that is not known.

    References
    ----------
    The model cards in ``analytics/text/models``.

    Examples
    --------
    >>> scores = score_texts(["Excellent", "", "waiting three weeks, nobody called back"], model="fast")
    >>> scores[["sentiment", "reason"]].to_numpy().tolist()
    [['positive', ''], ['unknown', 'empty'], ['negative', '']]
    """
    if isinstance(texts, str):
        raise TypeError("score_texts takes a list or a Series of texts; found one str. Put it into a list.")
    series = texts if isinstance(texts, pd.Series) else pd.Series(list(texts), dtype=object)
    return score_own_words(read_own_words(series), brands, model, cache, accurate_limit=accurate_limit, themes=themes)


def score_own_words(
    own: pd.DataFrame, brands: Iterable[str] = (), model: str | Model = "auto",
    cache: str | Path | Pages | None = None, *,
    accurate_limit: int = ACCURATE_LIMIT, themes: "ThemeList | None" = None,
) -> pd.DataFrame:  # fmt: skip
    """As `score_texts`, for own words that were read before: the columns text and no_answer of `read_own_words`."""
    words = own[["text", "no_answer"]]
    codes = words.groupby([*words], sort=False).ngroup().to_numpy()
    different = words.drop_duplicates()
    pages = Pages(Path(cache)) if isinstance(cache, str | Path) else cache
    reader = Reader(pages, one_or_more(brands), themes=themes)
    plain, reasons = clean_own(different["text"].tolist(), different["no_answer"].tolist())
    reader = replace(reader, model=_choose(model, plain, reasons, reader, accurate_limit))
    scores = [reader.score(plain[part], reasons[part]) for part in rounds(plain, ROUND)]
    result = pd.concat(scores, ignore_index=True).take(codes).set_axis(own.index)
    result["themes"] = pd.Series([list(themes) for themes in result["themes"]], result.index, dtype=object)
    return result


def clean_own(texts: list[str], no_answer: list[str]) -> tuple[list[str], list[str]]:
    """Texts normalised, and why each cannot be read ('' where it can)."""
    plain = [normalise(text) if len(text) <= LONGEST else text for text in texts]
    reasons = [why or reason_to_abstain(*pair) for why, *pair in zip(no_answer, texts, plain, strict=True)]
    return plain, reasons


def _choose(model: "str | Model", plain: list[str], reasons: list[str], reader: "Reader", limit: int) -> "Model":
    from analytics.text.own_model import OwnModel
    from analytics.text.sentiment import load_sentiment_model

    if isinstance(model, OwnModel):
        return replace(model, beside=_choose("auto", plain, reasons, reader, limit))
    if not isinstance(model, str):
        return model
    if model != "auto":
        return load_sentiment_model(model)
    accurate = load_sentiment_model("accurate")
    new = [text for text, reason in zip(plain, reasons, strict=True) if not reason]
    if effort(new) > limit:
        new = replace(reader, model=accurate).unread(new)
    return accurate if effort(new) <= limit else load_sentiment_model("fast")


@dataclass(frozen=True)
class Reader:
    """The models that read one organisation's texts, with what they read before: in pages, and embedded in memory.

    Every method gives one row a text, in their order.

    Parameters
    ----------
    pages
        Where numbers are kept; None keeps none.
    brands
        The organisation's own names.
    model
        The `Model` of sentiment; the theme heads are those that go with it.
    threads
        Cores the encoder uses; as many as it takes if not given.
    themes
        The organisation's own list; the shipped themes if not given.
    """

    pages: Pages | None
    brands: tuple[str, ...] = ()
    model: Any = None
    threads: int | None = None
    themes: "ThemeList | None" = None

    @classmethod
    def accurate(
        cls, pages: Pages | None, brands: Iterable[str] = (), threads: int | None = None,
        themes: "ThemeList | None" = None,
    ) -> "Reader":  # fmt: skip
        """The accurate models, for texts that are counted or quoted one by one."""
        from analytics.text.sentiment import load_sentiment_model

        return cls(pages, tuple(brands), load_sentiment_model("accurate"), threads, themes)

    def score(self, plain: list[str], reasons: list[str]) -> pd.DataFrame:
        """The columns of `score_texts` for normalised texts, of which some carry a reason not to be read."""
        places = [place for place, reason in enumerate(reasons) if not reason]
        readable = [plain[place] for place in places]
        probabilities, intent = np.full((len(plain), 3), np.nan), np.full(len(plain), np.nan)
        probabilities[places] = self.sentiment(readable)
        intent[places] = self._intent(readable)
        tags = dict(zip(places, self.tags(readable), strict=True))
        label = np.where(np.isnan(probabilities[:, 0]), "unknown", name_classes(np.nan_to_num(probabilities)))
        frame = pd.DataFrame({"sentiment": label, "reason": pd.Series(reasons, dtype="str")})
        frame["valence"] = probabilities[:, 2] - probabilities[:, 0]
        frame[PROBABILITIES] = probabilities
        frame["themes"] = pd.Series([tags.get(place, []) for place in range(len(plain))], dtype=object)
        return frame.assign(churn_intent=intent, model=self.model.version)[COLUMNS]

    def unread(self, texts: list[str]) -> list[str]:
        """Texts whose sentiment this model has not read."""
        if self.pages is None:
            return texts
        return [texts[place] for place in self.pages.missing(self._sentiment_part, self.keys(texts))]

    def sentiment(self, texts: list[str]) -> np.ndarray:
        """Probabilities of the three classes, of normalised texts."""
        from analytics.text.accurate import AccurateModel

        model = self.model
        if isinstance(model, AccurateModel):
            model = replace(model, encoder=self._encoder)
        read = getattr(model, "predict_proba_normalised", model.predict_proba)  # one of the user's own cleans itself
        return self._fill(self._sentiment_part, texts, lambda new: read([mask_brands(t, self.brands) for t in new]))

    @property
    def _sentiment_part(self) -> Part:
        version = getattr(self.model, "identity", self.model.version)
        return Part(f"sentiment-{version.split('-')[0]}", version, 3)

    def _intent(self, texts: list[str]) -> np.ndarray:
        from analytics.text.churn_intent import load_churn_intent_model

        def read(new: list[str]) -> np.ndarray:
            intent = load_churn_intent_model().predict_proba_normalised(new, brands=list(self.brands))
            return np.asarray(intent)[:, None]

        return self._fill(Part("intent", _files_version("churn_intent.npz"), 1), texts, read)[:, 0]

    def tags(self, texts: list[str]) -> "list[list[ThemeTag]]":
        """Themes of normalised texts, by the heads that go with the sentiment model, as the organisation calls them."""
        from analytics.text.themes import THEMES, tag_themes_normalised

        name: Any = "accurate" if self.model.version.startswith("accurate") else "fast"
        part = Part(f"themes-{name}", _heads_version(name), 2 * len(THEMES))
        tags = self._tag(part, THEMES, texts, lambda new: tag_themes_normalised(new, name, encoder=self._encoder))
        if self.themes is None:
            return tags
        for (own, model), head in self.themes.heads.items():
            if model == name:
                part = Part(f"theme-{own}-{name}", f"{head.version}-{_heads_version(name)}", 2)
                read = functools.partial(head.tag, own, encoder=self._encoder)
                tags = [a + b for a, b in zip(tags, self._tag(part, (own,), texts, read), strict=True)]
        return [self.themes.rename(of_one) for of_one in tags]

    def _tag(
        self, part: Part, names: Sequence[str], texts: list[str], read: "Callable[[list[str]], list[list[ThemeTag]]]"
    ) -> "list[list[ThemeTag]]":
        """Tags of some themes, most probable first; a page keeps probability and polarity of each, missing if none."""
        from analytics.text.themes import ThemeTag

        def fill(new: list[str]) -> np.ndarray:
            rows = np.full((len(new), 2, len(names)), np.nan)
            for row, tags in zip(rows, read(new), strict=True):
                for tag in tags:
                    row[:, names.index(tag)] = tag.probability, CLASSES.index(tag.polarity)
            return rows.reshape(len(new), -1)

        result = []
        for probability, polarity in self._fill(part, texts, fill).reshape(len(texts), 2, len(names)):
            named = np.flatnonzero(~np.isnan(probability))
            named = named[np.argsort(-probability[named].round(6), kind="stable")]
            tags = [ThemeTag(names[i], CLASSES[int(polarity[i])], float(probability[i])) for i in map(int, named)]
            result.append(tags)
        return result

    def embed(self, texts: list[str]) -> np.ndarray:
        """Embeddings of normalised texts, to three digits."""
        part, read = Part("clauses", self._encoder.version, self._encoder.width, "<f2"), self._encoder.embed_normalised
        return self._fill(part, texts, lambda new: read(new, self.brands)).astype("<f2").astype(float)

    def kinds(self, texts: list[str]) -> list[str]:
        """What complaints ask for, by the accurate heads: see `promise_kind_normalised`."""
        from analytics.text.themes import promise_kind_normalised

        words = ("", "promise_broken", "not_offered")

        def read(new: list[str]) -> np.ndarray:
            kinds = promise_kind_normalised(new, "accurate", encoder=self._encoder)
            return np.array([[words.index(kind)] for kind in kinds])

        part = Part("kinds", _heads_version("accurate"), 1)
        return [words[int(code)] for code in self._fill(part, texts, read)[:, 0]]

    @cached_property
    def _encoder(self) -> "Encoder":
        from analytics.text.encoder import THREADS, Encoder, Memory

        return Memory(Encoder.load(self.threads or THREADS))

    def keys(self, texts: Sequence[str]) -> list[bytes]:
        """Under what the pages keep numbers of normalised texts."""
        salt = "\0".join(sorted(self.brands))
        return [key_of(salt, text) for text in texts]

    def _fill(self, part: Part, texts: list[str], read: Callable[[list[str]], np.ndarray]) -> np.ndarray:
        if not texts:
            return np.empty((0, part.width))
        if self.pages is None:
            return read(texts)
        return self.pages.fill(part, self.keys(texts), lambda new: read([texts[i] for i in new]))


@lru_cache(maxsize=8)
def _files_version(*names: str) -> str:
    """Checksum of model files that ship, so that what earlier ones read is not taken for theirs."""
    return hashlib.blake2b(b"".join((MODELS / name).read_bytes() for name in names), digest_size=8).hexdigest()


def _heads_version(model: str) -> str:
    """Version of the theme heads and of the models that they read through."""
    return _files_version("themes.npz", "themes.json", "fast.npz", *(["encoder.onnx"] if model == "accurate" else []))
