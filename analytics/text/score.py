"""Scoring texts: what to abstain from, which model reads them, and remembering what was scored before.

The models live in `sentiment`, `churn_intent` and `themes`; this module only brings their answers together.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from analytics.text.clean import LONGEST, mask_brands, normalise, reason_to_abstain
from analytics.text.linear import CLASSES, MODELS, PROBABILITIES

if TYPE_CHECKING:
    from analytics.text.themes import ThemeTag

WINDOW = 90  # words: longer texts are read by the accurate model in windows of about as many
ACCURATE_LIMIT = 20_000  # new texts: about two minutes of the accurate model on two cores
ROUND = 20_000  # distinct texts in memory at once beside the result
Row = tuple[np.ndarray, float, "list[ThemeTag]"]
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
    texts: Iterable[Any],
    brands: Iterable[str] = (),
    model: str | Model = "auto",
    cache: str | Path | None = None,
    *,
    accurate_limit: int = ACCURATE_LIMIT,
) -> pd.DataFrame:
    """Score what customers wrote: sentiment, churn intent and themes, or why a text cannot be scored.

    Equal texts are scored once. Brand names and @handles are masked before sentiment is read.

    Parameters
    ----------
    texts
        Comments; a Series keeps its index; missing values abstain as 'empty'.
    brands
        The organisation's own names: masked, and the target of churn intent.
    model
        'accurate', 'fast', 'auto' (accurate for up to `accurate_limit` new texts, else fast), or a fitted model.
    cache
        Folder or ``.parquet`` file that keeps scores by text and model version; only new texts are scored. A cache
        that cannot be read is rebuilt.
    accurate_limit
        Number of new texts above which 'auto' takes the fast model; a long one counts once for every 90 words.

    Returns
    -------
    pandas.DataFrame
        Index as the input; ``sentiment`` ('negative', 'neutral', 'positive', 'unknown'), ``reason`` (why unknown,
        else ''), ``valence`` -1 to 1 (p_positive - p_negative), ``p_negative``, ``p_neutral``, ``p_positive``,
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
    series = texts if isinstance(texts, pd.Series) else pd.Series(list(texts), dtype=object)
    codes, distinct = pd.factorize(series.fillna("").astype(str), use_na_sentinel=False)
    names = tuple(brands)
    raw = distinct.tolist()
    chosen, known = _choose(model, raw, names, None if cache is None else _Cache(Path(cache)), accurate_limit)
    rounds = [_score(raw[at : at + ROUND], names, chosen, known) for at in range(0, len(raw), ROUND)]
    if known is not None:
        known.write()
    scored = pd.concat(rounds, ignore_index=True) if rounds else _frame([], np.empty((0, 3)), np.empty(0), [], "")
    result = scored.take(codes).set_axis(series.index)
    result["themes"] = pd.Series([list(themes) for themes in result["themes"]], result.index, dtype=object)
    return result


def _choose(
    model: str | Model, raw: Sequence[str], brands: tuple[str, ...], cache: "_Cache | None", limit: int
) -> tuple[Model, "_Cache | None"]:
    from analytics.text.sentiment import accurate_is_at_hand, load_sentiment_model

    if not isinstance(model, str):
        return model, cache
    if model != "auto":
        return load_sentiment_model(model), cache
    if not accurate_is_at_hand():
        return load_sentiment_model("fast"), cache
    accurate = load_sentiment_model("accurate")
    new = raw if cache is None or _effort(raw) <= limit else cache.missing(raw, brands, accurate.version)
    return (accurate if _effort(new) <= limit else load_sentiment_model("fast")), cache


def _effort(texts: Sequence[str]) -> int:
    """How many texts of `WINDOW` words or fewer take the accurate model as long as these."""
    return sum(1 + min(len(text.split()) // WINDOW, 9) for text in texts)


def _score(raw: list[str], brands: tuple[str, ...], model: Model, cache: "_Cache | None") -> pd.DataFrame:
    plain = [normalise(text) if len(text) <= LONGEST else text for text in raw]
    reasons = [reason_to_abstain(text, clean) for text, clean in zip(raw, plain, strict=True)]
    probabilities = np.full((len(raw), 3), np.nan)
    churn = np.full(len(raw), np.nan)
    themes: list[list[ThemeTag]] = [[] for _ in raw]
    keys = [] if cache is None else _keys(raw, brands, model.version)
    to_do = [i for i, reason in enumerate(reasons) if not reason]
    if cache is not None:
        for i in to_do:
            if keys[i] in cache:
                probabilities[i], churn[i], themes[i] = cache.get(keys[i])
        to_do = [i for i in to_do if keys[i] not in cache]
    if to_do:
        chosen = [plain[i] for i in to_do]
        read = getattr(model, "predict_proba_normalised", model.predict_proba)
        probabilities[to_do] = read([mask_brands(text, brands) for text in chosen])
        churn[to_do] = _churn_intent(chosen, brands)
        for i, found in zip(to_do, _themes(chosen, model.version), strict=True):
            themes[i] = found
    if cache is not None:
        cache.add({keys[i]: (probabilities[i], churn[i], themes[i]) for i in to_do})
    return _frame(reasons, probabilities, churn, themes, model.version)


def _frame(
    reasons: list[str], probabilities: np.ndarray, churn: np.ndarray, themes: list[Any], version: str
) -> pd.DataFrame:
    scored = ~np.isnan(probabilities[:, 0])
    label = np.array([*CLASSES, "unknown"])[np.where(scored, np.nan_to_num(probabilities).round(6).argmax(axis=1), 3)]
    frame = pd.DataFrame({"sentiment": label, "reason": pd.Series(reasons, dtype="str")})
    frame["valence"] = probabilities[:, 2] - probabilities[:, 0]
    frame[PROBABILITIES] = probabilities
    return frame.assign(churn_intent=churn, themes=pd.Series(themes, dtype=object), model=version)[COLUMNS]


def _churn_intent(texts: list[str], brands: tuple[str, ...]) -> np.ndarray:
    from analytics.text.churn_intent import load_churn_intent_model

    return np.asarray(load_churn_intent_model().predict_proba_normalised(texts, brands=list(brands)))


def _themes(texts: list[str], version: str) -> "list[list[ThemeTag]]":
    from analytics.text.themes import tag_themes_normalised

    if not (MODELS / "themes.npz").is_file():  # before `make train`
        return [[] for _ in texts]
    return tag_themes_normalised(texts, model="accurate" if version.startswith("accurate") else "fast")


def _keys(raw: Sequence[str], brands: tuple[str, ...], version: str) -> list[str]:
    salt = "\0".join((version, _heads_version(), *sorted(brands), "")).encode()
    return [hashlib.blake2b(salt + text.encode("utf-8", "replace"), digest_size=16).hexdigest() for text in raw]


@lru_cache(maxsize=1)
def _heads_version() -> str:
    """Which churn intent and theme models ship, so that the scores of earlier ones are not taken for theirs."""
    files = (MODELS / name for name in ("churn_intent.npz", "themes.npz", "themes.json"))
    return hashlib.blake2b(b"".join(f.read_bytes() for f in files if f.is_file()), digest_size=8).hexdigest()


class _Cache:
    """Scores kept in one Parquet file by hash of text, brands and model version; the texts are not kept."""

    def __init__(self, path: Path) -> None:
        self.path = path if path.suffix == ".parquet" else path / "scores.parquet"
        self._rows = self._read()
        self._new: dict[str, Row] = {}

    def _read(self) -> dict[str, Row]:
        try:
            stored = pd.read_parquet(self.path)
            numbers = stored[PROBABILITIES].to_numpy(float)
            rows = zip(numbers, stored["churn_intent"].astype(float), map(_tags, stored["themes"]), strict=True)
            return dict(zip(stored["key"], rows, strict=True))
        except (OSError, ValueError, KeyError):  # absent, or damaged: what it held is scored again
            return {}

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def get(self, key: str) -> Row:
        return self._rows[key]

    def missing(self, raw: Sequence[str], brands: tuple[str, ...], version: str) -> list[str]:
        """Return the texts that this model version has not scored yet."""
        return [text for text, key in zip(raw, _keys(raw, brands, version), strict=True) if key not in self._rows]

    def add(self, rows: dict[str, Row]) -> None:
        self._new |= rows

    def write(self) -> None:
        """Add what is new to the file as it is now, in one step: a reader sees the old file or the new one."""
        from filelock import FileLock

        if not self._new:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.path}.lock"):
            rows = self._read() | self._new
            frame = pd.DataFrame([row[0] for row in rows.values()], columns=PROBABILITIES)
            frame.insert(0, "key", list(rows))
            frame["churn_intent"] = [row[1] for row in rows.values()]
            frame["themes"] = [[f"{tag} {tag.polarity} {tag.probability}" for tag in row[2]] for row in rows.values()]
            part = self.path.with_suffix(f".{os.getpid()}.part")
            frame.to_parquet(part, index=False)
            part.replace(self.path)
        self._rows = rows


def _tags(stored: Iterable[str]) -> "list[ThemeTag]":
    from analytics.text.themes import ThemeTag

    parts = (tag.split() for tag in stored)
    return [ThemeTag(theme, polarity, float(probability)) for theme, polarity, probability in parts]
