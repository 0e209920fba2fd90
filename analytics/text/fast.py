"""The fast sentiment model: a calibrated linear model over words, negated words, word pairs and lexicon valence.

Holds the features (`Vectoriser`), the fitted model (`LinearModel`), its fitting (`fit_linear`) and its file format. Its
scikit-learn face is `sentiment.SentimentClassifier`; how the shipped one was trained is `train_fast`.
"""

import json
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np

from analytics.text.clean import BRAND, mask_brands, normalise

MODELS = Path(__file__).parent / "models"
CLASSES = ("negative", "neutral", "positive")
BATCH = 5000  # texts per round: bounds memory, long enough for numpy to pay off

_BREAKS = frozenset(".,;:()!?-") | {"but", "however", "although", "though", "except"}
_NEGATORS = frozenset(
    "no not never none nobody nothing nowhere neither nor cannot cant wont dont didnt doesnt isnt wasnt arent werent "
    "havent hasnt hadnt couldnt wouldnt shouldnt aint without hardly barely lack lacks lacking unable".split()
)
_FACES = {":)": " facegood ", ":(": " facebad ", ":-)": " facegood ", ":-(": " facebad ", "<3": " facegood "}
_FACE = re.compile("|".join(map(re.escape, _FACES)))
# Words that the lexicon praises, but that in service texts are names, courtesies or terms of trade.
_NO_VALENCE = frozenset(
    "please pls help helps support supports supported supporting care united trust trusts promise promised promises "
    "credit interest interests share shares shared security secure hand certain yes matter number energy".split()
)
_SCOPE = 4  # words a negation reaches within its clause
_TURNED = -0.74  # share of its valence that a negated word keeps (Hutto & Gilbert 2014)


@cache
def lexicon() -> dict[str, float]:
    """Return the valence (-4 to 4) of each word of the VADER lexicon (Hutto & Gilbert 2014), less `_NO_VALENCE`."""
    lines = (files("vaderSentiment") / "vader_lexicon.txt").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t")[:2] for line in lines if line.strip())
    words = {word.lower().replace("'", ""): float(valence) for word, valence in rows}
    kept = {word: valence for word, valence in words.items() if word.isalpha() and word not in _NO_VALENCE}
    return kept | {"facegood": 2.0, "facebad": -2.0}


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
        valence = lexicon()
        known = [*self.words, ""]
        self._valence = np.array([valence.get(word, 0.0) for word in known])
        self._negates = np.array([word in _NEGATORS for word in known])
        self._breaks = np.array([word in _BREAKS for word in known])
        silent = _BREAKS - {"!", "?", "but", "however", "although", "though", "except"} | {BRAND, ""}
        self._speaks = np.array([word not in silent for word in known])

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
        known = np.zeros(len(pairs), bool)
        if len(self.pairs):
            place[place == len(self.pairs)] = 0
            known = self.pairs[place] == pairs
        columns = np.concatenate([(ids + size * negated)[spoken], 2 * size + place[known]])
        rows = np.concatenate([text_of[spoken], pair_text[known]])
        matrix = csr_matrix(
            (np.ones(len(rows), np.float32), (rows, columns)), shape=(len(texts), 2 * size + len(self.pairs))
        )
        matrix.data[:] = 1.0
        entries = np.diff(matrix.indptr)
        matrix.data /= np.repeat(np.sqrt(entries), entries).astype(np.float32)
        return matrix, self._figures(ids, text_of, negated, len(texts))

    def _read(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return word numbers of all texts in a row, and the text each belongs to."""
        found = tokenise("\n".join(texts))
        ids = np.fromiter(map(self._ids.__getitem__, found), np.int64, len(found))
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
class LinearModel:
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

    @property
    def version(self) -> str:
        """Name of the model's exact state: changes whenever a probability may."""
        return str(self.card.get("version", "own"))

    @cached_property
    def errors(self) -> np.ndarray:
        """Held-out counts, rows the true class, columns the predicted one: what `corrected_share` inverts."""
        return np.array(self.card["errors"])

    def decision_function(self, texts: Iterable[str]) -> np.ndarray:
        """Return calibrated scores (log probabilities up to a constant), shape (n, k)."""
        plain = [mask_brands(normalise(text), ()) for text in texts]
        rounds = [self._scores(plain[start : start + BATCH]) for start in range(0, len(plain), BATCH)]
        return np.concatenate(rounds) if rounds else np.empty((0, len(self.classes_)))

    def _scores(self, plain: Sequence[str]) -> np.ndarray:
        words, figures = self.vectoriser.split(plain)
        raw = words @ self._weights[: words.shape[1]] + figures @ self._weights[words.shape[1] :] + self.intercepts
        return np.asarray(raw @ self.calibration[:, :-1].T + self.calibration[:, -1])

    @cached_property
    def _weights(self) -> np.ndarray:
        return np.ascontiguousarray(self.coefficients.T, dtype=np.float32)

    def predict_proba(self, texts: Iterable[str]) -> np.ndarray:
        """Return the calibrated probability of each class, shape (n, k), rows sum to 1."""
        return softmax(self.decision_function(texts))

    def predict(self, texts: Iterable[str]) -> np.ndarray:
        """Return the most probable class of each text."""
        return np.asarray(self.classes_[self.predict_proba(texts).argmax(axis=1)])

    def adapt(self, texts: Iterable[str], ratings: Iterable[float], groups: Iterable[Any] | None = None) -> Any:  # noqa: ANN401
        """Learn this organisation's language from its customers' own scores; see `adapt.adapt`."""
        from analytics.text.adapt import adapt

        return adapt(texts, ratings, groups=groups, model=self)

    def save(self, folder: Path = MODELS) -> None:
        """Write ``fast.npz`` (weights) and ``fast.json`` (card): no pickle in either."""
        words = np.frombuffer("\n".join(self.vectoriser.words).encode(), np.uint8)
        arrays: dict[str, Any] = {"pairs": self.vectoriser.pairs, "coefficients": self.coefficients.astype(np.float16)}
        arrays |= {"intercepts": self.intercepts, "calibration": self.calibration, "words": words}
        np.savez_compressed(folder / "fast.npz", **arrays)
        (folder / "fast.json").write_text(json.dumps(self.card, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path = MODELS) -> "LinearModel":
        """Load the model that ships with the package."""
        card = json.loads((folder / "fast.json").read_text(encoding="utf-8"))
        with np.load(folder / "fast.npz", allow_pickle=False) as arrays:
            words = bytes(arrays["words"]).decode().split("\n")
            weights = arrays["coefficients"].astype(np.float32)
            fitted = (weights, arrays["intercepts"], arrays["calibration"], np.array(CLASSES))
            return cls(Vectoriser(words, arrays["pairs"]), *fitted, card)


def fit_linear(
    texts: Sequence[str],
    labels: Sequence[Any] | np.ndarray,
    *,
    groups: Sequence[Any] | None = None,
    weights: np.ndarray | None = None,
    calibrate_on: np.ndarray | None = None,
    penalty: float = 2.0,
) -> tuple[LinearModel, np.ndarray]:
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
    held_out = np.full((len(codes), len(classes)), np.nan)
    for train, test in _folds(codes, np.asarray(texts if groups is None else groups)):
        coefficients, intercepts = _regress(matrix[train], codes[train], weights[train], penalty)
        held_out[test] = matrix[test] @ coefficients.T + intercepts
    coefficients, intercepts = _regress(matrix, codes, weights, penalty)
    known = ~np.isnan(held_out).any(axis=1) & (True if calibrate_on is None else calibrate_on)
    calibration = np.eye(len(classes), len(classes) + 1)
    if known.sum() >= 30 and len(np.unique(codes[known])) == len(classes):
        calibration = np.column_stack(_regress(held_out[known], codes[known], weights[known], 1.0))
    model = LinearModel(vectoriser, coefficients, intercepts, calibration, classes, {})
    return model, held_out @ calibration[:, :-1].T + calibration[:, -1]


def _folds(codes: np.ndarray, groups: np.ndarray) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Yield folds that share no group and all train on every class."""
    from sklearn.model_selection import StratifiedGroupKFold

    group_of = np.unique(groups, return_inverse=True)[1]
    folds = min(5, *(len(np.unique(group_of[codes == code])) for code in range(codes.max() + 1)))
    if folds < 2:
        return
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer members than folds: the check below
        for train, test in splitter.split(codes, codes, group_of):
            if len(np.unique(codes[train])) == codes.max() + 1:
                yield train, test


def _regress(matrix: Any, codes: np.ndarray, weights: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:  # noqa: ANN401
    """Return one row of coefficients and one intercept per class of a logistic regression."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=penalty, max_iter=1000, tol=1e-3).fit(matrix, codes, sample_weight=weights)
    if len(fitted.classes_) > 2:
        return fitted.coef_, fitted.intercept_
    return np.vstack([-fitted.coef_, fitted.coef_]) / 2, np.concatenate([-fitted.intercept_, fitted.intercept_]) / 2


def softmax(scores: np.ndarray) -> np.ndarray:
    """Probabilities proportional to the exponential of each row's scores.

    Examples
    --------
    >>> softmax(np.array([[0.0, np.log(3.0)]])).round(2).tolist()
    [[0.25, 0.75]]
    """
    weights = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
