"""The fast sentiment model: a calibrated linear model over words, negated words, word pairs and lexicon valence.

Holds the features (`Vectoriser`), the fitted model (`LinearModel`), its fitting (`fit_linear`) and its file format. Its
scikit-learn face is `sentiment.SentimentClassifier`; the shipped one is trained in ``training.fast``.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np

from analytics.text import linear
from analytics.text.adapt import SentimentModel
from analytics.text.clean import BRAND, data_text, rounds, word_lists

ROUND = 1_250_000  # characters, 5,000 usual texts: bounds memory, long enough for numpy to pay off

_TURNS = word_lists("fast")["turns"]  # words that begin another clause
_BREAKS = frozenset(".,;:()!?-") | _TURNS
_NEGATORS = word_lists("fast")["negators"]
_FACES = {":)": " facegood ", ":(": " facebad ", ":-)": " facegood ", ":-(": " facebad ", "<3": " facegood "}
_FACE = re.compile("|".join(map(re.escape, _FACES)))
_SCOPE = 4  # words a negation reaches within its clause
_TURNED = -0.74  # share of its valence that a negated word keeps (Hutto & Gilbert 2014)


@cache
def lexicon() -> dict[str, float]:
    """Return the valence (-4 to 4) of each word of the VADER lexicon (Hutto & Gilbert 2014).

    Left out are words that it praises, but that in service texts are names, courtesies or terms of trade.
    """
    rows = (line.split("\t")[:2] for line in data_text("vader_lexicon.txt").splitlines() if line.strip())
    words = {word.lower().replace("'", ""): float(valence) for word, valence in rows}
    silent = word_lists("fast")["no_valence"]
    words = {word: valence for word, valence in words.items() if word.isalpha() and word not in silent}
    return words | {"facegood": 2.0, "facebad": -2.0}


@cache
def _tokens() -> re.Pattern[str]:
    r"""What counts as a token; the letters listed one by one, as ``[^\W_]`` takes half as long again."""
    spoken = enumerate(code for code in range(0x10000) if chr(code).isalnum())
    runs = (list(run) for _, run in groupby(spoken, lambda pair: pair[1] - pair[0]))
    letters = "".join(f"{chr(run[0][1])}-{chr(run[-1][1])}" for run in runs)
    return re.compile(rf"[{letters}]+|[!?.,;:()\n-]")


def tokenise(text: str) -> list[str]:
    """Split normalised text into lower-case words and the punctuation that ends clauses.

    Examples
    --------
    >>> tokenise("They DON'T care, at all! :(")
    ['they', 'dont', 'care', ',', 'at', 'all', '!', 'facebad']
    """
    if ":" in text or "<3" in text:
        text = _FACE.sub(lambda face: _FACES[face.group()], text)
    return _tokens().findall(text.lower().replace("'", ""))


class _Numbers(dict[str, int]):
    """Number of each known word; an unknown one has the number after the last word."""

    def __missing__(self, word: str) -> int:
        return len(self) - 1


class Vectoriser:
    """Texts to sparse rows: words (negated ones apart), word pairs, and eight figures of the valence lexicon.

    Parameters
    ----------
    words
        Known words, sorted.
    pairs
        Known pairs of words that stand side by side, as ``first * (len(words) + 1) + second``, sorted.
    """

    def __init__(self, words: Sequence[str], pairs: np.ndarray) -> None:
        self.words, self.pairs = list(words), pairs
        self._end = len(self.words) + 1  # stands between texts, which hold no line breaks once normalised
        self._ids = _Numbers({word: position for position, word in enumerate(self.words)} | {"\n": self._end})
        valence, every = lexicon(), [*self.words, ""]
        self._valence = np.array([valence.get(word, 0.0) for word in every])
        self._negates = np.array([word in _NEGATORS for word in every])
        self._breaks = np.array([word in _BREAKS for word in every])
        silent = _BREAKS - _TURNS - {"!", "?"} | {BRAND, ""}
        self._speaks = np.array([word not in silent for word in every])

    @classmethod
    def fit(cls, texts: Sequence[str], minimum: int = 2) -> "Vectoriser":
        """Learn the words and pairs that at least `minimum` texts use; lexicon words are always known."""
        counts = Counter(chain.from_iterable(set(tokenise(text)) for text in texts))
        seen = {word for word, count in counts.items() if count >= minimum}
        words = sorted(seen | _NEGATORS | _BREAKS | lexicon().keys())
        bare = cls(words, np.empty(0, np.int64))
        pairs, counts_of_pairs = np.unique(bare._pairs_of(*bare._read(texts))[0], return_counts=True)
        return cls(words, pairs[counts_of_pairs >= minimum])

    @property
    def width(self) -> int:
        """Number of columns."""
        return 2 * (len(self.words) + 1) + len(self.pairs) + 8

    def transform(self, texts: Sequence[str]) -> Any:  # noqa: ANN401  # scipy.sparse has no types
        """Return a CSR matrix, one row per text; words and pairs scaled to unit length together."""
        from scipy.sparse import csr_matrix, hstack

        return csr_matrix(hstack(self.split(texts)))

    def split(self, texts: Sequence[str]) -> tuple[Any, np.ndarray]:
        """Return the two parts of `transform`: words and pairs as a CSR matrix, the lexicon's figures as an array."""
        from scipy.sparse import csr_matrix

        ids, text_of = self._read(texts)
        negated = self._negated(ids, text_of)
        size = len(self.words) + 1
        spoken = self._speaks[ids]
        pairs, pair_text = self._pairs_of(ids, text_of)
        place = np.searchsorted(self.pairs, pairs)
        familiar = np.zeros(len(pairs), bool)
        if len(self.pairs):
            place[place == len(self.pairs)] = 0
            familiar = self.pairs[place] == pairs
        columns = np.concatenate([(ids + size * negated)[spoken], 2 * size + place[familiar]])
        rows = np.concatenate([text_of[spoken], pair_text[familiar]])
        shape = len(texts), 2 * size + len(self.pairs)
        matrix = csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape)
        matrix.data[:] = 1.0
        entries = np.diff(matrix.indptr)
        matrix.data /= np.repeat(np.sqrt(entries), entries).astype(np.float32)
        return matrix, self._figures(ids, text_of, negated, len(texts))

    def _read(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return word numbers of all texts in a row, and the text each belongs to."""
        words = tokenise("\n".join(texts))
        ids = np.fromiter(map(self._ids.__getitem__, words), np.int64, len(words))
        ends = ids == self._end
        text_of = np.cumsum(ends)
        return ids[~ends], text_of[~ends]

    def _pairs_of(self, ids: np.ndarray, text_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        spoken = self._speaks[ids]
        beside = spoken[:-1] & spoken[1:] & (text_of[:-1] == text_of[1:])
        return (ids[:-1] * (len(self.words) + 1) + ids[1:])[beside], text_of[:-1][beside]

    def _negated(self, ids: np.ndarray, text_of: np.ndarray) -> np.ndarray:
        """Whether a negation stands before each word, at most four words back in the same clause."""
        if not len(ids):
            return np.zeros(0, bool)
        position = np.arange(len(ids))
        ends = self._breaks[ids] | np.concatenate([[True], text_of[1:] != text_of[:-1]])
        clause = np.maximum.accumulate(np.where(ends, position, 0))
        negator = np.maximum.accumulate(np.where(self._negates[ids], position, -_SCOPE - 1))
        before = np.concatenate([[-_SCOPE - 1], negator[:-1]])
        return np.asarray((position - before <= _SCOPE) & (before >= clause) & ~self._breaks[ids])

    def _figures(self, ids: np.ndarray, text_of: np.ndarray, negated: np.ndarray, n: int) -> np.ndarray:
        """Lexicon figures of each text: praise, blame and their balance, counts of both, length, negations."""
        valence = self._valence[ids] * np.where(negated, _TURNED, 1.0)

        def total(values: np.ndarray) -> np.ndarray:
            return np.bincount(text_of, values, minlength=n)

        praise, blame = total(np.maximum(valence, 0)), total(np.maximum(-valence, 0))
        balance, length = praise - blame, np.maximum(np.bincount(text_of, minlength=n), 1)
        root = np.sqrt(length)
        figures = (
            praise / np.sqrt(praise**2 + 8),
            blame / np.sqrt(blame**2 + 8),
            balance / np.sqrt(balance**2 + 15),  # VADER's own normalisation
            balance / length,
            total(valence > 0) / root / 2,
            total(valence < 0) / root / 2,
            np.log1p(length) / 6,
            total(negated) / root,
        )
        return np.column_stack(figures).astype(np.float32) / 2


@dataclass(frozen=True, eq=False)
class LinearModel(SentimentModel):
    """A fitted linear text classifier with calibrated probabilities.

    Parameters
    ----------
    vectoriser
        Features.
    coefficients, intercepts
        Shapes (k, features) and (k,): one row per class.
    calibration
        Shape (k, k + 1): linear map of the k scores to calibrated scores, the constant last.
    classes_
        Class names in the order of the probability columns.
    card
        Figures measured at training: ``version``, ``errors`` and more; empty for a model fitted by a user.
    """

    vectoriser: Vectoriser
    coefficients: np.ndarray
    intercepts: np.ndarray
    calibration: np.ndarray
    classes_: np.ndarray
    card: dict[str, Any]

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """Return calibrated scores (log probabilities up to a constant) of normalised texts, shape (n, k)."""
        return np.concatenate([self._scores(texts[part]) for part in rounds(texts, ROUND)])

    def _scores(self, texts: Sequence[str]) -> np.ndarray:
        words, figures = self.vectoriser.split(texts)
        raw = words @ self._weights[: words.shape[1]] + figures @ self._weights[words.shape[1] :] + self.intercepts
        return np.asarray(raw @ self.calibration[:, :-1].T + self.calibration[:, -1])

    @cached_property
    def _weights(self) -> np.ndarray:
        return np.ascontiguousarray(self.coefficients.T, dtype=np.float32)

    def predict_proba_normalised(self, texts: Sequence[str]) -> np.ndarray:
        """As `predict_proba`, for normalised texts, shape (n, k)."""
        return linear.softmax(self.scores(texts))

    def reader(self, texts: Sequence[str]) -> Callable[[Sequence[str]], Any]:
        """Return words and pairs of an organisation's own texts, as they are written there."""
        return Vectoriser.fit(texts).transform


@cache
def load_fast_model(folder: Path = linear.MODELS) -> LinearModel:
    """Load the fast model that ships with the package, or another as training wrote it."""
    arrays = linear.read_arrays(folder / "fast.npz")
    vectoriser = Vectoriser(arrays["words"], arrays["pairs"])
    fitted = arrays["coefficients"].astype(np.float32), arrays["intercepts"], arrays["calibration"]
    return LinearModel(vectoriser, *fitted, np.array(linear.CLASSES), linear.read_card(folder / "fast.json"))


def fit_linear(
    texts: Sequence[str], labels: Sequence[Any] | np.ndarray, *, groups: Sequence[Any] | None = None,
    weights: np.ndarray | None = None, calibrate_on: np.ndarray | None = None, penalty: float = 2.0,
) -> tuple[LinearModel, np.ndarray]:  # fmt: skip
    """Fit a calibrated linear model, and say what it predicts of texts it was not fitted on.

    Multinomial logistic regression; the calibration is a second, small one on scores of held-out folds. Texts of one
    group (by default: equal texts) stay in one fold. With too few texts for folds the scores are left as they are.

    Parameters
    ----------
    texts, labels
        Normalised texts, brands masked, and a label for each.
    groups
        Texts held out together.
    weights
        Weight of each text; equal if not given.
    calibrate_on
        Mask of the texts whose held-out scores calibrate; all if not given.
    penalty
        Inverse of the regularisation strength.

    Returns
    -------
    tuple
        The model, and held-out calibrated scores, shape (n, k); NaN where there were too few texts.
    """
    vectoriser = Vectoriser.fit(texts, minimum=2 if len(texts) >= 500 else 1)
    matrix = vectoriser.transform(texts)
    classes, codes = np.unique(np.asarray(labels), return_inverse=True)
    weights = np.ones(len(codes)) if weights is None else weights

    def fit(features: Any, rows: np.ndarray, strength: float) -> linear.Head:  # noqa: ANN401
        return linear.fit_classes(features, codes[rows], len(classes), weights[rows], strength=strength, tolerance=1e-3)

    held_out = np.full((len(codes), len(classes)), np.nan)
    for train, test in _folds(codes, np.asarray(texts if groups is None else groups)):
        held_out[test] = fit(matrix[train], train, penalty).scores(matrix[test])
    head = fit(matrix, np.arange(len(codes)), penalty)
    usable = np.flatnonzero(~np.isnan(held_out).any(axis=1) & (True if calibrate_on is None else calibrate_on))
    calibration = np.eye(len(classes), len(classes) + 1)
    if len(usable) >= 30 and len(np.unique(codes[usable])) == len(classes):
        second = fit(held_out[usable], usable, 1.0)
        calibration = np.column_stack([second.coefficients, second.intercepts])
    model = LinearModel(vectoriser, head.coefficients, head.intercepts, calibration, classes, {})
    return model, held_out @ calibration[:, :-1].T + calibration[:, -1]


def _folds(codes: np.ndarray, groups: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return folds that share no group and all train on every class; none where a class stands in one group."""
    group_of = np.unique(groups, return_inverse=True)[1]
    number = min(linear.FOLDS, *(len(np.unique(group_of[codes == code])) for code in range(codes.max() + 1)))
    folds = linear.split_folds(codes, group_of, number) if number > 1 else []
    return [fold for fold in folds if len(np.unique(codes[fold[0]])) == codes.max() + 1]
