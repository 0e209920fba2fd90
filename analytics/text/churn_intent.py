"""Whether a customer is leaving these brands: a linear model on n-grams seen from the brand asked about.

"Switching from A to B" is a loss for A and a gain for B, so the text is rewritten before it is read: the brands asked
about become one marker, other companies another, and the words around the markers carry their place. Belongs here:
the marking and the model; its card is ``models/churn_intent.md``. Not here: its training (``training.churn``), and
whether a customer left in fact (``measures.leaving``).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from analytics.text.clean import choice_of, data_text, english_words, normalise, one_or_more, word_lists
from analytics.text.linear import MODELS, read_arrays, sigmoid

_TARGET, _OTHER, _QUIT = "xtarget", "xother", "xquit"
_HANDLE = re.compile(r"(?<![\w.@])[@]\w{2,40}")
_TOKEN = re.compile(r"[^\W_]+(?:['-][^\W_]+)*|->|[.!?,;:>%£$€]")
_STOP = frozenset(".!?;")
_ELSE = re.compile(rf"\b(?:{choice_of('churn', 'elsewhere')})\b")
_IDIOM = re.compile(rf"\b(?:{choice_of('churn', 'idiom')})")
_ROLE = {word: role for role, words in word_lists("churn_roles").items() for word in words}
_ACTIONS = frozenset({"LEAVE", "MOVE", "JOIN", "STAY"})
_OBJECTS = frozenset({_TARGET, _OTHER, "CONTRACT", "ITEM"})
_BEFORE_NAME = word_lists("churn")["before_name"]
_SPEAKER, _OTHERS, _POINTING = (word_lists("churn")[name] for name in ("speaker", "others", "pointing"))
_NO_NAMES = word_lists("calendar")["words"] | word_lists("churn")["nationalities"]


@lru_cache(maxsize=64)
def _target_pattern(brands: tuple[str, ...]) -> re.Pattern[str] | None:
    names = sorted({" ".join(name.split()) for name in brands if name.strip()}, key=len, reverse=True)
    if not names:
        return None
    forms = "|".join(r"[\s_-]*".join(map(re.escape, name.split())) for name in names)
    return re.compile(rf"[@#]\w*(?:{forms})\w*|(?<!\w)(?:{forms})(?:'s)?(?!\w)", re.IGNORECASE)


@cache
def _companies() -> frozenset[str]:
    """Companies that customers often name, in lower case."""
    return frozenset(data_text("companies.txt").split())


def _is_name(word: str, first: bool, before: str) -> bool:
    """Whether a token is some company's name: a capital inside a sentence, or an unknown word after "to" or "from"."""
    lower = word.lower()
    if len(word) < 2 or lower in _NO_NAMES or lower.startswith("i'"):
        return False
    if lower in _companies():  # many are words as well ("orange", "three")
        return word[0].isupper() or before in _BEFORE_NAME
    ordinary = lower in english_words() or lower in _ROLE or "'" in lower
    if word[0].isupper() and not word.isupper():
        return not ordinary or (not first and before in _BEFORE_NAME)
    return not ordinary and before in _BEFORE_NAME


def mark(text: str, brands: Sequence[str]) -> list[str]:
    """Rewrite a normalised text as lower-case tokens in which names are markers.

    Parameters
    ----------
    text
        One comment, normalised.
    brands
        The names asked about; every other company is "the other".

    Returns
    -------
    list of str
        Tokens; 'xtarget' for these brands, 'xother' for other names.

    Examples
    --------
    >>> mark("Switching from Alba to @Brio!", ["Brio"])
    ['switching', 'from', 'xother', 'to', 'xtarget', '!']
    """
    pattern = _target_pattern(tuple(brands))
    if pattern is not None:
        text = pattern.sub(f" {_TARGET} ", text)
    if "@" in text:
        text = _HANDLE.sub(f" {_OTHER} ", text)
    tokens: list[str] = []
    before = "."
    for word in _TOKEN.findall(text):
        lower = word.lower()
        if lower not in (_TARGET, _OTHER) and word[0].isalpha() and _is_name(word, before in _STOP, before):
            lower = _OTHER
        if not (lower == before and lower in (_TARGET, _OTHER)):
            tokens.append(lower)
        before = lower
    line = _IDIOM.sub(_QUIT, _ELSE.sub(_OTHER, " ".join(tokens)))
    return line.split()


def _roles(tokens: Sequence[str]) -> Iterator[str]:
    """Role of each token ('' for none); an action within four words after a negation is marked as negated."""
    negated = 0
    for token in tokens:
        role = _ROLE.get(token, "NOT" if token.endswith("n't") else "ME" if token.startswith("i'") else "")
        if token in _STOP:
            negated, role = 0, "?" if token == "?" else "|"
        elif token in (_TARGET, _OTHER):
            role = token
        elif role == "NOT":
            negated = 5
        elif role in _ACTIONS and negated:
            role = "no" + role
        negated -= negated > 0
        yield role


def features(text: str, brands: Sequence[str]) -> list[str]:
    """Features of one normalised text as seen from the brands asked about, as strings (a TF-IDF analyser)."""
    tokens = mark(text, brands)
    named, other = _TARGET in tokens, _OTHER in tokens
    if not named and not other:  # no company is named: the speaker addresses these brands
        tokens = [_TARGET if token in ("you", "u") else token for token in tokens]
    roles = list(_roles(tokens))
    spoken_to = "named" if named else "implied"
    names = [f"{spoken_to}{'+other' if other else ''}", *tokens]
    names += [f"{a} {b}" for a, b in zip(tokens, tokens[1:], strict=False)]
    line = [role for role in roles if role]
    for size in (1, 2, 3, 4):
        names += ["R:" + " ".join(line[i : i + size]) for i in range(len(line) - size + 1)]
    for i in (place for place, token in enumerate(tokens) if token == _TARGET):  # words within two places of the target
        near = range(max(0, i - 2), min(len(tokens), i + 3))
        names += [f"{k - i}:{roles[k] or tokens[k]}" for k in near if k != i]
    return [*names, *_governed(tokens, roles, names[0])]


def _governed(tokens: Sequence[str], roles: Sequence[str], named: str) -> Iterator[str]:
    """Each action with the object it governs: the next one in its sentence, and the direction between them."""
    for i, role in enumerate(roles):
        if role.removeprefix("no") not in _ACTIONS:
            continue
        direction, governed = "", ""
        for later in roles[i + 1 : i + 9]:
            if later in ("|", "?") or later.removeprefix("no") in _ACTIONS:
                break
            if later in ("FROM", "TO", "WITH"):
                direction = later
            if later in _OBJECTS:
                governed = later
                yield f"G:{role}:{direction}:{later}"
                yield f"G:{role}:{direction}:{later}:{named}"
                yield f"G:{tokens[i]}:{direction}:{later}"
                direction = ""
        if not governed:
            yield f"G:{role}:none"
        doer = f"D:{_doer(tokens[:i])}:{role}"
        yield from (doer, f"{doer}:{governed}")
        before = roles[max(0, i - 6) : i]
        yield "B:" + ":".join(word if word in before else "" for word in ("IF", "HOW", "ME")) + ":" + role


def _doer(before: Sequence[str]) -> str:
    """Who acts, by the words before an action: 'me', 'they' (anybody else, or a passive), 'to', or '' for nobody."""
    if before and before[-1] == "to":
        return "to"
    for place in range(len(before) - 1, max(-1, len(before) - 7), -1):
        word = before[place]
        if word in _STOP:
            break
        if word in _SPEAKER:
            return "me"
        if word in _OTHERS or (place and before[place - 1] in _POINTING):
            return "they"
    return ""


@dataclass(frozen=True, eq=False)
class ChurnIntentModel:
    """A calibrated logistic regression on target-marked n-grams; made by `load_churn_intent_model`.

    Parameters
    ----------
    idf
        Inverse document frequency of each n-gram.
    weight
        Coefficient of each n-gram, times its idf.
    slope, offset
        Platt calibration: log odds from the score.
    errors
        Counts by folds not trained on, rows the truth (staying, leaving), columns the prediction.

    References
    ----------
    Amiri & Daumé III (2015), Target-dependent churn classification in microblogs, AAAI; Platt (1999) for the
    calibration.
    """

    idf: dict[str, float]
    weight: dict[str, float]
    slope: float
    offset: float
    errors: np.ndarray

    def predict_proba(self, texts: Iterable[str], brands: Sequence[str] = ()) -> np.ndarray:
        """P(the customer is leaving these brands), one value a text.

        Parameters
        ----------
        texts
            Comments; a text that names none of `brands` and no other company is taken to address them.
        brands
            The names of one organisation.

        Returns
        -------
        numpy.ndarray
            Shape (n,), 0 to 1; NaN for a text without words.
        """
        return self.predict_proba_normalised(map(normalise, texts), brands)

    def predict_proba_normalised(self, texts: Iterable[str], brands: Sequence[str] = ()) -> np.ndarray:
        """As `predict_proba`, for texts that `clean.normalise` has cleaned; names are not masked."""
        names = one_or_more(brands)
        scores = np.array([self._score(features(text, names)) for text in texts], dtype=float)
        return sigmoid(self.slope * scores + self.offset)

    def _score(self, names: list[str]) -> float:
        """Dot product of the weights with the unit-length TF-IDF vector of a text."""
        if len(names) == 1:  # only the feature that says whether a brand was named
            return float("nan")
        idf, weight = self.idf, self.weight
        learnt = [name for name in dict.fromkeys(names) if name in idf]
        length = sum([idf[name] ** 2 for name in learnt]) ** 0.5
        return sum([weight[name] for name in learnt]) / length if learnt else 0.0


@cache
def load_churn_intent_model() -> ChurnIntentModel:
    """Load the shipped model of churn intent.

    Returns
    -------
    ChurnIntentModel
        Trained on lines written for this project.

    References
    ----------
    The model card ``models/churn_intent.md``.

    Examples
    --------
    >>> model = load_churn_intent_model()
    >>> (model.predict_proba(["Switching from Alba to Brio."], brands=["Alba"]) > 0.5).tolist()
    [True]
    >>> (model.predict_proba(["Switching from Alba to Brio."], brands=["Brio"]) > 0.5).tolist()
    [False]
    """
    arrays = read_arrays(MODELS / "churn_intent.npz")
    idf, weight = (dict(zip(arrays["names"], arrays[name].tolist(), strict=True)) for name in ("idf", "weight"))
    slope, offset = arrays["calibration"].tolist()
    return ChurnIntentModel(idf, weight, slope, offset, arrays["errors"])
