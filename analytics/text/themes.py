"""What customers name: traits of service, what is said about each, complaints, and promises broken or never made.

Belongs here: the closed list of themes, cutting texts into clauses, and the heads that read them (`Heads`). Not here:
how the heads are fitted (``training.heads``) and how good they are (``models/themes.md``).
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any, Literal

import numpy as np

from analytics.text.clean import choice_of, data_text, mask_brands, normalise, rounds, word_lists
from analytics.text.encoder import ACCURATE_LIMIT, Encoder, effort
from analytics.text.fast import load_fast_model
from analytics.text.linear import CLASSES, MODELS, logs, read_arrays, read_card, sigmoid

DEFINITIONS: dict[str, str] = tomllib.loads(data_text("themes.toml"))
"""What each theme is about, in the order of the heads."""
THEMES = tuple(DEFINITIONS)
KINDS = ("complaint", "wants_promised", "wants_unoffered")
HEADS = (*THEMES, *KINDS, *CLASSES)
ROUND = 1_250_000  # characters of texts at once: bounds memory
SMOOTHING = 100.0  # squared weight added to a text's length, about two rare words: one word alone says little
WHOLE = 40  # words: a text up to this long is read as a whole as well as by clauses

_TURN = r",?\s+(?:but|although|though|however|whereas|yet)\s+"
_CLAUSE = re.compile(rf"(?<=[.!?;])\s+|\n+|\s+[-–—]\s+|{_TURN}", re.IGNORECASE)
_GREETING, _OPENING = r"(?:(?:hi|hello|dear \w+|good \w+)\W+)?", choice_of("themes", "openings")
_SUBJECT = re.compile(rf"{_GREETING}(?:{_OPENING})\b(?! time)[^.!?]{{0,60}}[.!?]?$", re.IGNORECASE)
_WORD = re.compile(r"[a-z']+|\d+|[!?:]\)?")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_CALENDAR = word_lists("calendar")["words"]
_EMPTY = word_lists("themes")["empty"]  # words that name nothing by themselves
_ENDING = re.compile(r"(?:ing|edly|ed|ly|es|s|'s)$")
Model = Literal["auto", "accurate", "fast"]


class ThemeTag(str):
    """A theme named in a text: the theme's name, with what is said about it.

    Parameters
    ----------
    theme
        One of `THEMES`; the tag equals it as a string.
    polarity
        'negative', 'neutral' or 'positive'.
    probability
        That the theme is named and so spoken of, 0 to 1.

    Examples
    --------
    >>> tag = ThemeTag("waiting", "negative", 0.9)
    >>> tag == "waiting", tag.polarity
    (True, 'negative')
    """

    polarity: str
    probability: float

    def __new__(cls, theme: str, polarity: str, probability: float) -> "ThemeTag":
        """Make a tag; a string cannot be changed after it is made."""
        tag = super().__new__(cls, theme)
        tag.polarity, tag.probability = polarity, probability
        return tag

    @property
    def theme(self) -> str:
        """Name of the theme, a plain string."""
        return str.__str__(self)

    def __repr__(self) -> str:
        return f"ThemeTag({str.__repr__(self)}, {self.polarity!r}, {self.probability:.2f})"


def split_clauses(text: str) -> list[str]:
    """Cut a text into the stretches that can say different things: sentences, and sides of a "but".

    Examples
    --------
    >>> split_clauses("Kind nurses, but I waited for hours. Awful parking!")
    ['Kind nurses', 'I waited for hours.', 'Awful parking!']
    """
    clauses = [clause for clause in _CLAUSE.split(text) if clause and any(map(str.isalnum, clause))]
    return clauses or [text]


def own_clauses(text: str) -> list[str]:
    """Clauses of a text that do not only say what it is about, such as a greeting or a subject line."""
    every = split_clauses(text)
    return [clause for clause in every if not _SUBJECT.match(clause)] or every


def stems(text: str) -> list[str]:
    """Lower-case words without their endings, and pairs of them; numbers are alike, days and months left out.

    Examples
    --------
    >>> stems("Waited 3 weeks")
    ['wait', '0', 'week', 'wait 0', '0 week']
    """
    words = [word for word in _WORD.findall(_NUMBER.sub("0", text.lower())) if word not in _CALENDAR]
    words = [_ENDING.sub("", word) if len(word) > 4 else word for word in words]
    pairs = [f"{a} {b}" for a, b in zip(words, words[1:], strict=False) if a not in _EMPTY or b not in _EMPTY]
    return [word for word in words if word not in _EMPTY] + pairs


@dataclass(frozen=True, eq=False)
class Heads:
    """Logistic heads for `HEADS`, on n-grams and sentiment ("fast"), or on the encoder's embedding as well.

    Parameters
    ----------
    vocabulary
        Column of each n-gram.
    idf
        Weight of each n-gram.
    fast
        Shape (n-grams + 3, heads): coefficients on n-grams, on the log odds of negative and of positive against
        neutral by the fast sentiment model, and the constant.
    embedding
        Shape (2 width + 1, heads): coefficients on the embedding of both layers, and the constant.
    calibration
        By model, shape (3, heads): weight of the fast score, weight of the embedding's score, constant.
    card
        What was measured at training, by model: ``cut``, ``thresholds``, ``errors`` …; and ``encoder``.
    """

    vocabulary: dict[str, int]
    idf: np.ndarray
    fast: np.ndarray
    embedding: np.ndarray
    calibration: dict[str, np.ndarray]
    card: dict[str, Any]

    def predict_proba_normalised(self, texts: Sequence[str], model: str, encoder: Encoder | None = None) -> np.ndarray:
        """Probability of each head for each normalised text as a whole, shape (n, heads)."""
        on_fast, on_embedding, constant = self.calibration[model]
        scores = on_fast * (self.features(texts) @ self.fast) + constant
        if model == "accurate":
            rows = (encoder or Encoder.load()).embed_layers(texts)
            scores = scores + on_embedding * (rows @ self.embedding[:-1] + self.embedding[-1])
        return sigmoid(scores)

    def features(self, texts: Sequence[str]) -> Any:  # noqa: ANN401  # scipy.sparse has no types
        """Return the n-grams of normalised texts weighted to about unit length, two sentiment log odds and a one."""
        from scipy.sparse import csr_matrix, hstack

        find = self.vocabulary.get
        rows = [{column for column in map(find, stems(text)) if column is not None} for text in texts]
        sizes = np.fromiter(map(len, rows), np.int64, len(rows))
        columns = np.fromiter(chain.from_iterable(rows), np.int64, int(sizes.sum()))
        owner, values = np.repeat(np.arange(len(rows)), sizes), self.idf[columns].astype(float)
        values /= np.sqrt(SMOOTHING + np.bincount(owner, values**2, minlength=len(rows)))[owner]
        ends = np.concatenate([[0], np.cumsum(sizes)])
        ngrams = csr_matrix((values, columns, ends), shape=(len(rows), len(self.idf)))
        return csr_matrix(hstack([ngrams, csr_matrix(_sentiment_odds(texts)), np.ones((len(rows), 1))]))


def _sentiment_odds(texts: Sequence[str]) -> np.ndarray:
    probabilities = load_fast_model().predict_proba_normalised([mask_brands(text, ()) for text in texts])
    odds = logs(probabilities, 1e-4)
    return np.asarray(odds[:, [0, 2]] - odds[:, [1]])


@cache
def load_heads() -> Heads:
    """Load the shipped heads; `tag_themes`, `is_complaint` and `promise_kind_normalised` use them."""
    arrays = read_arrays(MODELS / "themes.npz")
    vocabulary = {name: column for column, name in enumerate(arrays["vocabulary"])}
    calibration = {model: arrays[f"calibration_{model}"] for model in ("fast", "accurate")}
    weights = {name: arrays[name] for name in ("idf", "fast", "embedding")}
    return Heads(vocabulary, **weights, calibration=calibration, card=read_card(MODELS / "themes.json"))


def _choose(model: str, texts: Sequence[str]) -> str:
    """Model to use: by how much there is to read for 'auto', and only with the encoder the heads were fitted on."""
    if model not in ("auto", "accurate", "fast"):
        raise ValueError(f"there is no model of themes called {model!r}. Expected 'auto', 'accurate' or 'fast'.")
    if model == "fast" or (model == "auto" and effort(texts) > ACCURATE_LIMIT):
        return "fast"
    if Encoder.load().version != load_heads().card["encoder"]:
        raise ValueError("the heads for themes were fitted on another encoder. Run `make train`, or use model='fast'.")
    return "accurate"


def tag_themes(texts: Iterable[str], model: Model = "auto", *, encoder: Encoder | None = None) -> list[list[ThemeTag]]:
    """Name the themes of each text, and what is said about each.

    A text is read clause by clause, and as a whole where it has at most 40 words; of one over 10,000 characters
    stretches at even places are read. What is said about a theme is the
    polarity for which some reading is likeliest to name the theme and to speak so; it is told where that probability
    passes one cut, the same for all themes, chosen on real texts that people read.

    Parameters
    ----------
    texts
        Comments; one without words has no themes.
    model
        'accurate' (encoder and n-grams), 'fast' (n-grams), or 'auto': accurate for up to 20,000 texts; a long one
        counts once for every 90 words, ten times at most.
    encoder
        Encoder that embeds for the accurate model; the shipped one if not given.

    Returns
    -------
    list of list of ThemeTag
        For each text its tags, most probable first; a tag equals its theme's name. Counting them misstates shares:
        see `corrected_share` and the errors in `theme_errors`.

    Raises
    ------
    ValueError
        If there is no such model, or the encoder at hand is not the one the heads were fitted on.

    References
    ----------
    The model card ``models/themes.md``.

    Examples
    --------
    >>> [(tag.theme, tag.polarity) for tag in tag_themes(["I was on hold for fifty minutes."], model="fast")[0]]
    [('waiting', 'negative')]
    """
    plain = [normalise(text) if isinstance(text, str) else "" for text in texts]
    return tag_themes_normalised(plain, model, encoder=encoder)


def tag_themes_normalised(
    texts: Sequence[str], model: Model = "auto", *, encoder: Encoder | None = None
) -> list[list[ThemeTag]]:
    """As `tag_themes`, for texts that `clean.normalise` has cleaned."""
    chosen = _choose(model, texts)
    return [tags for part in rounds(texts, ROUND) for tags in _tag(texts[part], chosen, encoder)]


def _tag(texts: Sequence[str], model: str, encoder: Encoder | None) -> list[list[ThemeTag]]:
    heads = load_heads()
    readings, owner = read_texts(texts)
    said = best_said(heads.predict_proba_normalised(readings, model, encoder), owner, len(texts)).round(6)
    polarity, strongest = said.argmax(axis=2), said.max(axis=2)
    result: list[list[ThemeTag]] = [[] for _ in texts]
    for text, theme in zip(*np.nonzero(strongest >= heads.card[model]["cut"]), strict=True):
        tag = ThemeTag(THEMES[theme], CLASSES[polarity[text, theme]], float(strongest[text, theme]))
        result[text].append(tag)
    return [sorted(tags, key=lambda tag: -tag.probability) for tags in result]


def read_texts(texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Readings of normalised texts (clauses; a short text as a whole too), and whose each is."""
    readings: list[str] = []
    owner: list[int] = []
    for number, text in enumerate(texts):
        clauses = own_clauses(text)
        whole = [" ".join(clauses)] if len(clauses) > 1 and text.count(" ") < WHOLE else []
        readings += clauses + whole
        owner += [number] * (len(clauses) + len(whole))
    return readings, np.array(owner, dtype=int)


def best_said(probabilities: np.ndarray, owner: np.ndarray, n: int) -> np.ndarray:
    """Highest probability, over the readings of each of `n` texts, that a theme is named and so spoken of.

    Shape (n, themes, classes of sentiment): the product of a reading's probabilities of the theme and of the class.
    """
    best = np.zeros((n, len(THEMES), len(CLASSES)))
    np.maximum.at(best, owner, probabilities[:, : len(THEMES), None] * probabilities[:, None, -len(CLASSES) :])
    return best


def is_complaint(texts: Iterable[str], model: Model = "auto") -> np.ndarray:
    """P(the text is a complaint): it reports a grievance or wants something put right, beyond mere negativity.

    Parameters
    ----------
    texts
        Comments.
    model
        As in `tag_themes`.

    Returns
    -------
    numpy.ndarray
        Shape (n,), 0 to 1.

    References
    ----------
    The model card ``models/themes.md``.

    Examples
    --------
    >>> grievance, dislike = is_complaint(["You charged me twice and I want it back.", "Not my taste."])
    >>> bool(grievance > dislike)
    True
    """
    return _kinds([normalise(text) for text in texts], model)[:, 0]


def promise_kind_normalised(
    texts: Sequence[str], model: Model = "auto", *, encoder: Encoder | None = None
) -> list[str]:
    """What each normalised text claims: 'promise_broken', 'not_offered' (it wants what never was), or ''."""
    card = load_heads().card[_choose(model, texts)]
    above = _kinds(texts, model, encoder)[:, 1:] / [card["thresholds"][kind] for kind in KINDS[1:]]
    words = np.where(above[:, 0] >= above[:, 1], "promise_broken", "not_offered")
    return [str(word) for word in np.where(above.max(axis=1, initial=0) >= 1, words, "")]


def _kinds(texts: Sequence[str], model: str, encoder: Encoder | None = None) -> np.ndarray:
    """Probability of each of `KINDS` for normalised texts."""
    chosen, heads = _choose(model, texts), load_heads()
    every = (heads.predict_proba_normalised(texts[part], chosen, encoder) for part in rounds(texts, ROUND))
    return np.concatenate(list(every))[:, len(THEMES) : len(THEMES) + len(KINDS)]


def theme_errors(theme: str, model: Literal["accurate", "fast"] = "accurate") -> np.ndarray:
    """Held-out counts of one theme's tags, rows the truth (absent, named), columns the tag: for `corrected_share`.

    Parameters
    ----------
    theme
        One of `THEMES`, or of `KINDS` for what `is_complaint` and `promise_kind_normalised` read.
    model
        The model that tagged.

    Returns
    -------
    numpy.ndarray
        Shape (2, 2), counts of hand-written lines on folds not trained on.

    References
    ----------
    Forman (2008), Quantifying counts and costs via classification, on why counts need correcting.

    Examples
    --------
    >>> theme_errors("waiting").shape
    (2, 2)
    """
    return np.array(load_heads().card[model]["errors"][theme])
