"""An organisation's own list of themes: shipped ones renamed, joined or left out, and heads taught by its examples.

What the settings mean is ``analytics.theme_settings``; the shipped heads are ``themes``. No head holds a text: words
are kept as places of a hash.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import numpy as np

from analytics.config import Config
from analytics.text.clean import normalise
from analytics.text.encoder import Encoder, Memory, unit_rows
from analytics.text.linear import CLASSES, read_kept, write_arrays
from analytics.text.themes import THEMES, WHOLE, ThemeTag, load_heads, own_clauses, stems
from analytics.theme_settings import Theme

FOLDER = "themes"  # in the derived data: heads as fitted
BESIDE = 1_000  # of the organisation's own texts, which mostly name something else
WEIGHT = 10.0  # of an example or counter-example against one of those; this and the next three were chosen on
RIDGE = 3.0  # half of the classes of two sets (METHODS.md)
ON_MEANING = 2.0  # weight of either layer of the embedding against words
DOUBTED = 0.05  # weight of a text that is tagged itself, in the second fit
USUAL = 0.02  # least share of texts that name a theme, as assumed where the cut is chosen
LEAST = 0.02  # score beyond that of a text which has nothing in common with any other
STEPS, AS_GOOD = 400, 0.98  # cuts tried; of those nearly as good as the best the middle one is taken
PLACES = 2**15  # of hashed words and pairs
HALVINGS = 4  # ways to halve the examples where a theme is examined
METHOD = "3"  # raised whenever a head fitted on the same texts may change
Reads = Literal["accurate", "fast"]


@dataclass(frozen=True, eq=False)
class OwnTheme:
    """A linear head for one own theme, on hashed words and, where it is accurate, on the embedding.

    Parameters
    ----------
    idf, words
        Shape (places,): weight of each hashed word or pair, and its coefficient.
    middle, meaning
        Shape (2 width,): mean of the organisation's embeddings, and coefficients, of both layers; empty in a fast head.
    numbers
        Constant; cut from which a text names the theme; and recall and share of texts tagged, both held out.
    version
        Of the definition, the encoder and the texts beside which it was fitted.
    """

    idf: np.ndarray
    words: np.ndarray
    middle: np.ndarray
    meaning: np.ndarray
    numbers: np.ndarray
    version: str

    def score(self, texts: Sequence[str], encoder: Encoder | None = None) -> np.ndarray:
        """Score of each normalised text; one at or above `cut` names the theme.

        That of more than 40 words is the mean of the whole text's and of its nearest clause's.
        """
        return self._heed_clauses(texts, self._score(texts, encoder), encoder)

    def _score(self, texts: Sequence[str], encoder: Encoder | None) -> np.ndarray:
        if not texts:
            return np.empty(0)
        scores = _words(texts, self.idf)[0] @ self.words + self.numbers[0]
        if len(self.meaning):
            scores = scores + _meaning(_embed(texts, encoder), self.middle) @ self.meaning
        return np.asarray(scores).round(6)

    def _heed_clauses(self, texts: Sequence[str], scores: np.ndarray, encoder: Encoder | None) -> np.ndarray:
        """Scores of whole texts, those of long ones averaged with their nearest clauses'."""
        long = [row for row, text in enumerate(texts) if text.count(" ") >= WHOLE]
        if long:
            scores[long] = (scores[long] + self._nearest([texts[row] for row in long], encoder)[1]) / 2
        return scores

    def _nearest(self, texts: Sequence[str], encoder: Encoder | None) -> tuple[list[str], np.ndarray]:
        """The clause of each text that comes nearest to the theme, and its score."""
        clauses = [own_clauses(text) for text in texts]
        flat = self._score([clause for of_one in clauses for clause in of_one], encoder)
        scores = np.split(flat, np.cumsum([len(of_one) for of_one in clauses])[:-1])
        nearest = [of_one[int(near.argmax())] for of_one, near in zip(clauses, scores, strict=True)]
        return nearest, np.array([near.max() for near in scores])

    @property
    def cut(self) -> float:
        """The score from which a text names the theme."""
        return float(self.numbers[1])

    def tag(self, name: str, texts: Sequence[str], encoder: Encoder | None = None) -> list[list[ThemeTag]]:
        """The tag of each normalised text, or none.

        The polarity is that of the clause that comes nearest to the theme.
        """
        scores, model = self.score(texts, encoder), "accurate" if len(self.meaning) else "fast"
        named, tags = np.flatnonzero(scores >= self.cut), [list[ThemeTag]() for _ in texts]
        if not len(named):
            return tags
        telling, _ = self._nearest([texts[int(row)] for row in named], encoder)
        polarity = load_heads().predict_proba_normalised(telling, model, encoder)[:, -len(CLASSES) :].round(6)
        for row, likely in zip(named, polarity, strict=True):
            sure = float(np.clip(0.5 + (scores[row] - self.cut) / 2, 0.5, 1))
            tags[row].append(ThemeTag(name, CLASSES[int(likely.argmax())], sure))
        return tags


@dataclass(frozen=True)
class ThemeList:
    """Which themes an organisation has.

    Parameters
    ----------
    settings
        Of the configuration, by name.
    heads
        Fitted heads of own themes, by name and model; none where nothing is to be tagged.
    """

    settings: Mapping[str, Theme] = field(default_factory=dict)
    heads: Mapping[tuple[str, str], OwnTheme] = field(default_factory=dict)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Shipped themes first, then joined and own ones; those left out or joined into others do not count."""
        gone = {*self._joined, *(name for name, theme in self.settings.items() if theme.off)}
        further = (name for name in self.settings if name not in THEMES)
        return tuple(name for name in (*THEMES, *further) if name not in gone)

    @cached_property
    def own(self) -> tuple[str, ...]:
        """Themes with examples, whether or not they are joined into others."""
        return tuple(name for name, theme in self.settings.items() if theme.examples)

    @cached_property
    def _joined(self) -> dict[str, str]:
        return {part: name for name, theme in self.settings.items() for part in theme.join}

    def parts(self, name: str) -> tuple[str, ...]:
        """What a theme is made of: itself, or those that it joins."""
        return tuple(self.settings[name].join) or (name,) if name in self.settings else (name,)

    def rename(self, tags: Iterable[ThemeTag]) -> list[ThemeTag]:
        """Tags under the organisation's names, most probable first, each theme once."""
        result: dict[str, ThemeTag] = {}
        for tag in sorted(tags, key=lambda tag: -tag.probability):
            name = self._joined.get(tag, tag.theme)
            if name in self.names:
                result.setdefault(name, ThemeTag(name, tag.polarity, tag.probability))
        return list(result.values())


SHIPPED = ThemeList()


def fit_themes(config: Config, texts: Iterable[str], part: str = "") -> ThemeList:
    """The themes of an organisation, its own taught by their examples.

    A head is fitted once, beside the first 1,000 different texts, and kept in the derived data until its definition or
    the encoder changes: tags of different periods compare.

    Parameters
    ----------
    config
        Themes and brands, and where derived data lie.
    texts
        The organisation's own texts, the earliest first, so that whichever period is read first gives the same head;
        asked for only where one is to be fitted.
    part
        Of which part of the organisation they are, where each has a report of its own.

    Returns
    -------
    ThemeList
        With heads for both models, as far as the encoder is at hand.

    References
    ----------
    METHODS.md, "Your own themes".
    """
    themes = ThemeList(config.themes)
    if not themes.own:
        return themes
    models: tuple[Reads, ...] = ("fast", "accurate")
    beside, heads, encoder = list[str](), dict[tuple[str, str], OwnTheme](), Memory(Encoder.load())
    for name, model in [(name, model) for name in themes.own for model in models]:
        key = definition_key(config.themes[name], model)
        file = config.derived(FOLDER) / quote(part, safe="") / f"{name}-{model}-{key}.npz"
        head = _load(file)
        if head is None:
            beside = beside or draw_beside(texts)
            head = fit_theme(config.themes[name], beside, model, key, encoder)
            _keep(file, head)
        heads[name, model] = head
    return ThemeList(config.themes, heads)


def definition_key(theme: Theme, model: Reads) -> str:
    """Checksum of all that a head is fitted on but the organisation's texts."""
    positive, negative = _taught(theme)
    parts = [METHOD, Encoder.load().version if model == "accurate" else "", *positive, "", *negative]
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()


def draw_beside(texts: Iterable[str]) -> list[str]:
    """The first 1,000 different texts, normalised, in the order of a hash that has nothing to do with what they say."""
    distinct = dict[str, None]()
    for text in map(normalise, map(str, texts)):
        if len(distinct) == BESIDE:
            break
        if any(map(str.isalpha, text)):
            distinct[text] = None
    return sorted(distinct, key=lambda text: hashlib.blake2b(text.encode(), digest_size=8).digest())


def fit_theme(
    theme: Theme, beside: Sequence[str], model: Reads, key: str = "", encoder: Encoder | None = None
) -> OwnTheme:  # fmt: skip
    """Fit one head by ridge regression: examples against counter-examples and the texts beside them.

    The texts beside are not labelled, and some name the theme: those that a first fit tags hardly count in the second.
    The cut has the highest expected F1 of held-out examples, were the theme named by 2 % of texts, or by twice as many
    as score like the better half of the examples where these are more.

    Raises
    ------
    ValueError
        If there are no texts beside.

    References
    ----------
    Elkan & Noto (2008), KDD, 213-220, on learning from positive and unlabelled texts; Rifkin & Lippert (2007), MIT
    CSAIL TR-2007-025, for the held-out scores of ridge regression.
    """
    positive, negative = ([*map(normalise, texts)] for texts in _taught(theme))
    known, taught = {*positive, *negative}, len(positive) + len(negative)
    texts = [*positive, *negative, *(text for text in beside if text not in known)]
    if len(texts) == taught:
        raise ValueError("an own theme needs some of the organisation's own texts beside its examples. None was found.")
    words, idf = _words(texts)
    kernel, middle, rows = (words @ words.T).toarray() + 1.0, np.empty(0), np.empty((len(texts), 0))
    if model == "accurate":
        embedding = _embed(texts, encoder)
        middle = embedding[taught:].mean(axis=0)
        rows = _meaning(embedding, middle)
        kernel += rows @ rows.T
    target = np.repeat([1.0, 0.0], [len(positive), len(texts) - len(positive)])
    weights = np.repeat([WEIGHT, 1.0], [taught, len(texts) - taught])
    alone = slice(taught, None)
    dual, held_out = _solve(kernel, target, weights)
    cut, _, tagged = _choose_cut(held_out[: len(positive)], held_out[alone], dual.sum())
    if tagged < USUAL / 4:  # so few that those beside which name the theme must have spoilt the fit
        cut = round(float(np.median(held_out[: len(positive)]) + np.median(held_out[alone])) / 2, 6)
    weights[alone] = np.where(held_out[alone] >= cut, DOUBTED, 1.0)
    dual, held_out = _solve(kernel, target, weights)
    digest = hashlib.blake2b("\0".join([key, *texts]).encode(), digest_size=8).hexdigest()
    head = OwnTheme(idf, np.asarray(words.T @ dual), middle, rows.T @ dual, np.array([dual.sum()]), digest)
    others = head._heed_clauses(texts[taught:], held_out[alone], encoder)
    return replace(head, numbers=np.array([dual.sum(), *_choose_cut(held_out[: len(positive)], others, dual.sum())]))


def _taught(theme: Theme) -> tuple[list[str], list[str]]:
    """Examples with the definition as one more, and counter-examples: distinct, in an order of their own."""
    own = {*theme.examples, *filter(None, [theme.definition])} - {*theme.counter_examples}
    return sorted(own), sorted({*theme.counter_examples})


def _solve(kernel: np.ndarray, target: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dual coefficients of weighted ridge regression, and the score of each row by the fit without it."""
    inverse = np.linalg.inv(kernel + np.diag(RIDGE / weights))
    dual = inverse @ target
    return dual, (target - dual / np.diag(inverse)).round(9)


def _choose_cut(positive: np.ndarray, beside: np.ndarray, constant: float) -> tuple[float, float, float]:
    """The cut with the highest expected F1, and the recall and the share of other texts tagged that it gives.

    It lies above the constant: a text that has nothing in common with any other names no theme.
    """
    from scipy.stats import norm

    low = max(float(np.median(beside)), constant) + LEAST
    cuts = np.linspace(low, max(float(positive.max()), float(beside.max()), low), STEPS)
    width = max(float(positive.std()), 1e-3) * len(positive) ** -0.2  # of a kernel
    recall = norm.sf((cuts[:, None] - positive) / width).mean(axis=1)
    tagged = (beside >= cuts[:, None]).mean(axis=1)
    share = max(USUAL, 2 * float((beside >= np.median(positive)).mean()))
    worth = recall / (share + tagged)
    near = np.flatnonzero(worth >= AS_GOOD * worth.max())
    best = near[len(near) // 2]
    return round(float(cuts[best]), 6), float(recall[best]), float(tagged[best])


def _words(texts: Sequence[str], idf: np.ndarray | None = None) -> tuple[Any, np.ndarray]:
    """Hashed stems and pairs, weighted to unit length; and the weights, fitted here unless given."""
    from scipy.sparse import diags
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.preprocessing import normalize

    counts = HashingVectorizer(analyzer=stems, n_features=PLACES, alternate_sign=False, norm=None, binary=True)
    rows = counts.transform(texts)
    if idf is None:
        idf = np.log((1 + len(texts)) / (1 + np.asarray(rows.sum(axis=0)).ravel())) + 1
    return normalize(rows @ diags(idf)), idf


def _embed(texts: Sequence[str], encoder: Encoder | None) -> np.ndarray:
    return _unit_layers((encoder or Encoder.load()).embed_layers(texts).astype(float))


def _meaning(embedding: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Directions from the middle of the organisation's texts, each layer of the length that `ON_MEANING` gives it."""
    return np.asarray(np.sqrt(ON_MEANING) * _unit_layers(embedding - middle))


def _unit_layers(rows: np.ndarray) -> np.ndarray:
    return np.hstack([unit_rows(layer) for layer in np.split(rows, 2, axis=1)])


def _keep(file: Path, head: OwnTheme) -> None:
    """Write a head, and remove those of the theme's earlier definitions."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_arrays(file, {**vars(head), "version": [head.version]})
    for old in file.parent.glob(f"{file.stem.rpartition('-')[0]}-*.npz"):
        if old != file:
            old.unlink(missing_ok=True)


def _load(file: Path) -> OwnTheme | None:
    """A head as kept; None where it is to be fitted."""
    arrays = read_kept(file)
    if arrays is None or {*arrays} != {part.name for part in fields(OwnTheme)}:
        return None
    return OwnTheme(**{**arrays, "version": arrays["version"][0]})


def examine_theme(theme: Theme, beside: Sequence[str], model: Reads) -> tuple[float, float]:
    """How an own theme would fare on half of its examples, over four ways to halve them.

    Parameters
    ----------
    theme
        With its examples.
    beside
        See `draw_beside`.
    model
        Which head to fit.

    Returns
    -------
    tuple of float
        Agreement of the texts that the heads of the two halves tag (Dice's coefficient, 0 to 1; NaN where neither tags
        any); and the share of either half that the other half's head tags.
    """
    agreed, found, encoder = list[float](), list[float](), Memory(Encoder.load())
    for turn in range(HALVINGS):
        order = sorted(theme.examples, key=lambda text: hashlib.blake2b(f"{turn} {text}".encode()).digest())
        halves = [theme.model_copy(update={"examples": order[side::2]}) for side in (0, 1)]
        heads = [fit_theme(half, beside, model, encoder=encoder) for half in halves]
        one, two = (head.score(beside, encoder) >= head.cut for head in heads)
        agreed.append(2 * float((one & two).sum()) / float(one.sum() + two.sum()) if (one | two).any() else np.nan)
        for head, other in zip(heads, reversed(halves), strict=True):
            found.append(float((head.score([*map(normalise, other.examples)], encoder) >= head.cut).mean()))
    return float(np.mean(agreed)), float(np.mean(found))
