"""Whether a customer is leaving these brands: a linear model on n-grams seen from the brand asked about.

"Switching from A to B" is a loss for A and a gain for B, so the text is rewritten before it is read: the brands asked
about become one marker, other companies another, and the words around the markers carry their place. Belongs here:
the marking, the model, its training. The lines it learns from are ``data/churn_intent.csv``; its card is
``models/churn_intent.md``. Not here: whether a customer left in fact (``measures.churn``).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from analytics.text.clean import english_words, normalise

MODELS = Path(__file__).parent / "models"
REMARK_WEIGHTS = {1: 0.3, 0: 0.05}  # of a remark that leaves and one that does not, in folds
COMPANIES = Path(__file__).parent / "data" / "companies.txt"
CONDITIONAL = 0.7  # a threat with a condition ("next time I am gone") counts as seven tenths of leaving: our judgement

_TARGET, _OTHER, _QUIT = "xtarget", "xother", "xquit"
_HANDLE = re.compile(r"(?<![\w.@])[@]\w{2,40}")
_TOKEN = re.compile(r"[^\W_]+(?:['-][^\W_]+)*|->|[.!?,;:>%£$€]")
_STOP = frozenset(".!?;")
_ELSE = re.compile(  # another company, not by name
    r"\b(?:(?:another|other|a new|new|a different|different|cheaper|better) (?:[a-z]+ )?"
    r"(?:provider|operator|supplier|bank|insurer|carrier|gym|company|network|airline|shop|service|platform|tool)s?"
    r"|(?:your|the) (?:competitors?|competition|others)|(?:some|any)(?:one|body|where) else|elsewhere)\b"
)
_IDIOM = re.compile(  # ways to say that one goes, beside the plain verbs
    r"\b(?:so long|never again|had enough|enough is enough|had it with|no longer|no more|used to be|good riddance"
    r"|(?:the |my |our |was |is )?(?:last|final) (?:time|flight|booking|year|order|month|chance|straw)"
    r"|(?:look|looking|shop|shopping) (?:around|elsewhere)|(?:lost|lose|losing) (?:a|another|me|my|our|us)\b"
    r"|(?:gave|give|giving|given) (?:up|notice)|(?:pull|pulling|pulled) the plug|(?:jump|jumped|jumping) ship"
    r"|(?:get|getting|got|want|wants) (?:me |us )?(?:out|away|rid)|break(?:ing)? up|pac code|notice period|exit fee"
    r"|(?:take|taking|took) (?:my|our) (?:business|custom|money|number|savings)|seen the last"
    r"|(?:won't|will not|not) (?:be )?(?:back|coming back|renew|renewing|extend|extending)"
    r"|(?:i am|i'm|im|we're|we are|and|then|or) (?:off|out|done|gone|through|walk|going)(?= [.!,;]|$| with| xtarget))"
)
_ROLES = {
    "LEAVE": "leave leaving leaves left quit quits quitting cancel cancels cancelled canceled cancelling canceling "
    "cancellation terminate terminated terminating termination ditch ditched ditching dump dumped dumping drop dropped "
    "dropping unsubscribe unsubscribed unsubscribing close closing closed closure abandon abandoned abandoning escape "
    "escaped resign withdraw goodbye bye farewell adios finished end ends ended ending rid delete deleting deleted "
    "uninstall uninstalled stop stops stopped stopping bin former ex " + _QUIT,
    "MOVE": "switch switched switching switches change changed changing move moved moving swap swapped swapping "
    "transfer transferred transferring migrate migrated migrating port ported porting trade trading replace replaced "
    "replacing go going goes went",
    "JOIN": "join joined joining sign signed signing signup subscribe subscribed subscribing become becoming open "
    "opened opening buy get getting take taking come coming came chose choose insure connect install",
    "STAY": "stay staying stays stayed keep keeping kept remain remaining stick sticking renew renewed renewing loyal",
    "NOT": "not no never dont didnt wont cant cannot isnt arent wasnt havent hasnt wouldnt shouldnt doesnt nobody "
    "none neither nor nothing without hardly",
    "IF": "if unless should until otherwise",
    "FROM": "from off away out instead than",
    "TO": "to onto into hello towards",
    "WITH": "with at by",
    "ME": "i im ive ill id my me mine",
    "WE": "we our us we'll we're we've",
    "THINK": "thinking think consider considering might maybe tempted wonder wondering debating weighing probably",
    "OFFER": "offer free save discount click deal sale limited weekend £ $ € %",
    "WHO": "you your u ur yours",
    "HOW": "how where what which when who can could",
    "CONTRACT": "contract contracts subscription membership account accounts plan policy policies licence agreement "
    "tariff everything sub provider supplier operator customer",
    "ITEM": "order booking flight appointment card newsletter add-on addon roaming pass seat seats delivery class spot "
    "session sessions pack voicemail insurance scheme sim landline emails profile trip parcel scheme standing item",
    "GOOD": "love best happy great glad satisfied thank thanks brilliant lovely impressed grateful heroes better",
    "BAD": "worst hate awful disgusted useless terrible disgrace disappointed unhappy sucks unacceptable outrageous",
}
_ROLE = {word: role for role, words in _ROLES.items() for word in words.split()}
_ACTIONS = frozenset({"LEAVE", "MOVE", "JOIN", "STAY"})
_OBJECTS = frozenset({_TARGET, _OTHER, "CONTRACT", "ITEM"})
_BEFORE_NAME = frozenset(
    "to from with than vs or for off and instead of join joined leave leaving left ditch ditching quit at hello "
    "bye".split()
)
_CALENDAR = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august "
    "september october november december christmas easter english british".split()
)


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
    return frozenset(COMPANIES.read_text(encoding="utf-8").split())


def _is_name(word: str, first: bool, before: str) -> bool:
    """Whether a token is some company's name: a capital inside a sentence, or an unknown word after "to" or "from"."""
    lower = word.lower()
    if len(word) < 2 or lower in _CALENDAR or lower.startswith("i'"):
        return False
    if lower in _companies():  # many are words as well ("orange", "three")
        return word[0].isupper() or before in _BEFORE_NAME
    known = lower in english_words() or lower in _ROLE or "'" in lower
    if word[0].isupper() and not word.isupper():
        return not known or (not first and before in _BEFORE_NAME)
    return not known and before in _BEFORE_NAME


def mark(text: str, brands: Sequence[str]) -> list[str]:
    """Rewrite a text as lower-case tokens in which names are markers.

    Parameters
    ----------
    text
        One comment.
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
    text = normalise(text)
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
    """Features of one text as seen from the brands asked about, as strings (a TF-IDF analyser)."""
    tokens = mark(text, brands)
    named, other = _TARGET in tokens, _OTHER in tokens
    if not named and not other:  # no company is named: the speaker addresses these brands
        tokens = [_TARGET if token in ("you", "u") else token for token in tokens]
    roles = list(_roles(tokens))
    found = [f"{'named' if named else 'implied'}{'+other' if other else ''}"]
    found += tokens
    found += [f"{a} {b}" for a, b in zip(tokens, tokens[1:], strict=False)]
    line = [role for role in roles if role]
    for size in (1, 2, 3, 4):
        found += ["R:" + " ".join(line[i : i + size]) for i in range(len(line) - size + 1)]
    for i, token in enumerate(tokens):
        if token == _TARGET:
            found += _around(tokens, roles, i)
    found += _governed(tokens, roles, found[0])
    return found


def _around(tokens: Sequence[str], roles: Sequence[str], i: int) -> Iterator[str]:
    """Words within two places of the target at place `i`, by place."""
    for k in range(max(0, i - 2), min(len(tokens), i + 3)):
        if k != i:
            yield f"{k - i}:{roles[k] or tokens[k]}"


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
        before = roles[max(0, i - 6) : i]
        yield "B:" + ":".join(found if found in before else "" for found in ("IF", "HOW", "ME")) + ":" + role


class ChurnIntentModel:
    """Target-marked n-grams and a calibrated logistic regression.

    Parameters
    ----------
    penalty
        Inverse strength of the ridge penalty is ``1 / penalty``.

    References
    ----------
    Amiri & Daumé III (2015), Target-dependent churn classification in microblogs, AAAI; Platt (1999) for the
    calibration.

    Examples
    --------
    >>> names = ["Alba", "Brio", "Cosy", "Dune", "Echo"]
    >>> lines = [f"leaving {name}" for name in names] + [f"love {name}" for name in names]
    >>> model = ChurnIntentModel().fit(lines, [[name] for name in names * 2], [1] * 5 + [0] * 5)
    >>> (model.predict_proba(["leaving Fern", "love Fern"], brands=["Fern"]) > 0.5).tolist()
    [True, False]
    """

    def __init__(self, penalty: float = 0.1) -> None:
        self.penalty = penalty

    def fit(
        self,
        texts: Iterable[str],
        brands: Sequence[Sequence[str]],
        churn: Iterable[float],
        weights: np.ndarray | None = None,
        judged: np.ndarray | None = None,
    ) -> Self:
        """Learn from texts, the brands each is asked about, and how far each says they are being left (0 to 1).

        `weights` says how much each text counts (1 if not given), `judged` which texts `errors` are about (all).
        """
        # `held_out`: each text's figure by folds not trained on it; `errors`: its counts, rows the truth (staying,
        # leaving), columns the prediction
        from sklearn.feature_extraction.text import TfidfVectorizer

        texts, share = list(texts), np.asarray(list(churn), dtype=float)
        weights = np.ones(len(texts)) if weights is None else weights
        vectorizer = TfidfVectorizer(analyzer=_unique, min_df=2)
        matrix = vectorizer.fit_transform([features(*pair) for pair in zip(texts, brands, strict=True)])
        scores = _held_out_scores(matrix, share, weights, texts, self.penalty)
        regression = _regression(matrix, share, weights, self.penalty)
        self.idf = dict(zip(vectorizer.get_feature_names_out(), vectorizer.idf_, strict=True))
        self.weight = dict(zip(self.idf, regression.coef_[0] * vectorizer.idf_, strict=True))
        self.slope, offset = _platt(scores, share, weights)
        self.held_out = 1 / (1 + np.exp(-(self.slope * scores + offset)))
        judged = np.ones(len(texts), dtype=bool) if judged is None else judged
        self.errors = _counts(share[judged] > 0.5, self.held_out[judged] > 0.5)
        self.offset = self.slope * float(regression.intercept_[0]) + offset
        return self

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
        scores = np.array([self._score(features(text, brands)) for text in texts], dtype=float)
        return 1 / (1 + np.exp(-(self.slope * scores + self.offset)))

    def _score(self, found: list[str]) -> float:
        """Dot product of the weights with the unit-length TF-IDF vector of a text."""
        if len(found) == 1:  # only the feature that says whether a brand was named
            return float("nan")
        idf, weight = self.idf, self.weight
        known = [name for name in set(found) if name in idf]
        length = sum([idf[name] ** 2 for name in known]) ** 0.5
        return sum([weight[name] for name in known]) / length if known else 0.0

    def save(self, folder: Path = MODELS) -> None:
        """Write the model as ``churn_intent.npz`` (numbers) with the names of its features, without pickle."""
        np.savez_compressed(
            folder / "churn_intent.npz",
            names=np.frombuffer("\n".join(self.idf).encode(), dtype=np.uint8),
            idf=np.fromiter(self.idf.values(), np.float32),
            weight=np.fromiter(self.weight.values(), np.float32),
            calibration=np.array([self.slope, self.offset]),
            errors=self.errors,
        )


def _counts(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Held-out counts, rows the truth (not leaving, leaving), columns the prediction."""
    return np.bincount(2 * truth + predicted, minlength=4).reshape(2, 2)


def _unique(found: list[str]) -> set[str]:
    return set(found)


def _regression(matrix: Any, share: np.ndarray, weights: np.ndarray, penalty: float) -> Any:  # noqa: ANN401
    """Logistic regression on labels that may lie between 0 and 1: each row counts once for each side."""
    from scipy.sparse import vstack
    from sklearn.linear_model import LogisticRegression

    labels, counted = np.repeat([1, 0], len(share)), np.concatenate([share * weights, (1 - share) * weights])
    used = counted > 0
    model = LogisticRegression(C=1 / penalty, max_iter=2000)
    return model.fit(vstack([matrix, matrix]).tocsr()[used], labels[used], counted[used])


def _held_out_scores(
    matrix: Any,  # noqa: ANN401
    share: np.ndarray,
    weights: np.ndarray,
    texts: list[str],
    penalty: float,  # noqa: ANN401
) -> np.ndarray:
    """Score of each row by a model that saw neither it nor another row of the same text."""
    from sklearn.model_selection import GroupKFold

    scores = np.empty(len(texts))
    groups = pd.factorize(np.asarray(texts, dtype=object))[0]
    folds = min(5, groups.max() + 1)
    for train, test in GroupKFold(folds, shuffle=True, random_state=0).split(matrix, groups=groups):
        model = _regression(matrix[train], share[train], weights[train], penalty)
        scores[test] = model.decision_function(matrix[test])
    return scores


def _platt(scores: np.ndarray, share: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Slope and offset that turn held-out scores into probabilities (Platt 1999)."""
    from scipy.sparse import csr_matrix

    calibration = _regression(csr_matrix(scores[:, None]), share, weights, penalty=1e-6)
    return float(calibration.coef_[0, 0]), float(calibration.intercept_[0])


@cache
def load_churn_intent_model() -> ChurnIntentModel:
    """Load the shipped model of churn intent.

    Returns
    -------
    ChurnIntentModel
        Trained on the lines of ``data/churn_intent.csv``; see ``models/churn_intent.md``.

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
    stored = np.load(MODELS / "churn_intent.npz", allow_pickle=False)
    model = ChurnIntentModel()
    names = stored["names"].tobytes().decode().split("\n")
    model.idf = dict(zip(names, stored["idf"].tolist(), strict=True))
    model.weight = dict(zip(names, stored["weight"].tolist(), strict=True))
    model.slope, model.offset = stored["calibration"].tolist()
    model.errors = stored["errors"]
    return model
