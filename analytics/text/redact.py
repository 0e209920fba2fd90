"""Taking personal data out of customer text before it is stored, quoted or logged.

Candidates are searched with cheap patterns on a folded copy of the text (compatibility forms, digits of any script,
accents, invisible characters), then validated by check digit, numbering plan or the list of known names. Order and
account numbers carry no check digit: their patterns come from the caller.
"""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from typing import TypeVar, cast

import pandas as pd

from analytics.text.clean import data_text, english_words, one_or_more
from analytics.text.regexes import read_patterns

Texts = TypeVar("Texts", str, list, pd.Series)
Span = tuple[int, int]
Check = Callable[[re.Match[str]], Span | None]

REGIONS = ("GB", "US", "NL", "DE", "FR", "IN", "AU", "ZA", "ES", "IT", "IE", "BE", "CH", "SE", "BR", "PL")
"""Numbering plans tried for a phone number in national form."""

# Look-alikes of Latin letters in Cyrillic and Greek; a name is folded the same way, so real Cyrillic still matches.
_LOOK_ALIKES = str.maketrans("аеорсхуіјѕһԁΑΒΕΖΗΙΚΜΝΟΡΤΥΧо", "aeopcxyijshdABEZHIKMNOPTYXo")
_DASHES = re.compile("[‐-―−・·•]")

_FILE = tomllib.loads(data_text("redact.toml"))
_SEARCH = read_patterns(data_text("redact.toml"))
# of nations: the shape, under the module of python-stdnum that checks the digits
_IDS = {module: re.compile(shape) for module, shape in _FILE["ids"].items()}
_UNCHECKED = "unchecked"  # UK national insurance has no check digit
_WORD = re.compile(r"[^\W_]+")
_TITLES = frozenset("mr mrs ms miss dr prof sir madam mx".split())
_PARTICLES = frozenset("van von de der den da di du la le del al el bin ibn ter ten".split())
_GIVEN = frozenset(data_text("given_names.txt").split())
_NEVER = frozenset("i we you he she it they the a an this that there very not so no yes please thanks thank".split())
_LONGEST_NAME = 4  # words joined when looking for a name written with odd spaces


def redact(texts: Texts, names: Iterable[str] = (), patterns: Iterable[str] = ()) -> Texts:
    """Replace personal data by what it was: ``[e-mail]``, ``[phone]``, ``[card]``, ``[iban]``, ``[id]`` and so on.

    Phone numbers are found in international form, and in the national form of `REGIONS`; nine digits or more in one
    run are taken for an identifier whatever they are. A known name is found whole or by its parts, in any case,
    spacing and script; a part that is an ordinary English word only where it stands capitalised within a sentence.
    Names on no list are found by common given names, after a title or what introduces one, as a signature, and where
    "he" or "she" follows.

    Parameters
    ----------
    texts
        A string, a list or a Series; missing values stay missing.
    names
        Names of customers and employees; entries that are not text are passed over.
    patterns
        Regular expressions of this organisation's order and account numbers; replaced by ``[number]``.

    Returns
    -------
    str, list or pandas.Series
        The same kind as `texts`, the index kept.

    Raises
    ------
    TypeError
        If `texts` is none of the three.
    ValueError
        If a pattern is not a valid regular expression.

    References
    ----------
    Luhn (US patent 2950048); ISO 13616 (IBAN); numbering plans from libphonenumber.

    Examples
    --------
    >>> redact("Ask for JANE  DOE, jane at example dot com or +44 20 7946 0958", names=["Jane Doe"])
    'Ask for [name], [e-mail] or [phone]'
    >>> redact("3 weeks, £1,250.00 on 12/05/2024 at 09:30")
    '3 weeks, £1,250.00 on 12/05/2024 at 09:30'
    """
    people, own = _Names(one_or_more(names)), _compile(one_or_more(patterns))

    def one(text: object) -> object:
        return _redact(text, people, own) if isinstance(text, str) else text

    if isinstance(texts, str):
        return cast(Texts, one(texts))
    if isinstance(texts, list):
        return [one(text) for text in texts]
    if isinstance(texts, pd.Series):
        return pd.Series([one(text) for text in texts], texts.index, texts.dtype, name=texts.name)
    raise TypeError(f"redact takes a str, a list or a Series of texts, not {type(texts).__name__}.")


def _redact(text: str, names: "_Names", own: Sequence[re.Pattern[str]]) -> str:
    folded, origin = (text, None) if text.isascii() else _fold(text)
    spans: list[tuple[int, int, str]] = []

    def take(kind: str, stretches: Iterable[Span]) -> None:
        nonlocal folded
        here: list[tuple[int, int, str]] = []
        for start, end in sorted(stretches):
            if not here or start >= here[-1][1]:
                here.append((start, end, kind))
        if here:
            spans.extend(here)
            folded = _replace(folded, ((start, end, "\0" * (end - start)) for start, end, _ in here))

    for pattern in own:
        take("number", (match.span() for match in pattern.finditer(folded) if match.group()))
    if _SEARCH["may_hold"].search(folded):
        for kind, name in _FILE["order"]["numbered"]:
            take(kind, _ids(folded) if name == "ids" else _find(name, folded))
    for kind, name in _FILE["order"]["worded"]:
        take(kind, _find(name, folded))
    take("name", names.find(folded))
    take("name", _unlisted(folded))
    if origin is not None:
        spans = [(origin[start], origin[end - 1] + 1, kind) for start, end, kind in spans]
    return _replace(text, ((start, end, f"[{kind}]") for start, end, kind in sorted(spans)))


def _replace(text: str, changes: Iterable[tuple[int, int, str]]) -> str:
    """Return the text with each stretch replaced; stretches in order, none overlapping."""
    pieces, at = [], 0
    for start, end, new in changes:
        pieces += [text[at:start], new]
        at = end
    return "".join([*pieces, text[at:]])


def _fold(text: str) -> tuple[str, list[int]]:
    """Return the plain look of a text, and for each of its characters the position it came from."""
    plain: list[str] = []
    origin: list[int] = []
    for position, character in enumerate(text):
        look = character if character.isascii() else _look(character)
        plain.append(look)
        origin.extend([position] * len(look))
    return "".join(plain), origin


@lru_cache(maxsize=4096)
def _look(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    kept = (part for part in unicodedata.normalize("NFKD", character) if unicodedata.category(part) not in ("Mn", "Cf"))
    return _DASHES.sub("-", "".join(kept).replace("ß", "ss").translate(_LOOK_ALIKES))


def _card(match: re.Match[str]) -> Span | None:
    from stdnum import luhn

    return match.span() if luhn.is_valid(re.sub(r"\D", "", match.group())) else None


def _iban(match: re.Match[str]) -> Span | None:
    """The longest stretch from the start of a match that is an IBAN."""
    from stdnum import iban

    characters = [place.start() for place in re.finditer(r"[A-Za-z0-9]", match.group())]
    for end in range(len(characters), 14, -1):
        candidate = "".join(match.group()[place] for place in characters[:end]).upper()
        if iban.is_valid(candidate):
            return match.start(), match.start() + characters[end - 1] + 1
    return None


def _ids(text: str) -> Iterator[Span]:
    for module, pattern in _IDS.items():
        for match in pattern.finditer(text):
            dialled = _SEARCH["dialled"].search(text[max(0, match.start() - 8) : match.start()])
            if not dialled and (module == _UNCHECKED or import_module(f"stdnum.{module}").is_valid(match.group())):
                yield match.span()


def _phone(match: re.Match[str]) -> Span | None:
    """A phone number: in international form, or in a national one that its digits or the words before it bear out."""
    candidate, before = match.group().strip(), match.string[max(0, match.start() - 40) : match.start()]
    digits = re.sub(r"\D", "", candidate)
    if _SEARCH["date_or_times"].search(candidate) or len(digits) > 15:
        return None
    if candidate.lstrip("( ").startswith("+") or digits.startswith("00"):
        return match.span() if _dials("+" + digits.removeprefix("00"), None, "is_possible_number") else None
    called = _SEARCH["phone_word"].search(before) is not None
    plain = _SEARCH["three_three_four"].fullmatch(candidate) or (
        called and len(digits) <= 8 and re.fullmatch(r"\d{3,4}[ .-]?\d{4}", candidate)
    )
    grouped = len(digits) >= 9 and len(re.findall(r"\d[\s().\-/]+(?=\d)", candidate)) in (2, 3)
    national = called or grouped or (digits.startswith("0") and len(digits) >= 9)
    good = plain or (national and any(_dials(digits, region, "is_valid_number") for region in REGIONS))
    return match.span() if good else None


def _dials(digits: str, region: str | None, check: str) -> bool:
    """Whether a number can be read by a region's plan and passes a check of phonenumbers."""
    import phonenumbers

    try:
        return bool(getattr(phonenumbers, check)(phonenumbers.parse(digits, region)))
    except phonenumbers.NumberParseException:
        return False


def _part(match: re.Match[str]) -> Span:
    """What is personal of a match: the group that it filled, or all of it."""
    return next((match.span(i) for i, text in enumerate(match.groups(), 1) if text), match.span())


def _rare(match: re.Match[str]) -> Span | None:
    """The same, where it is no ordinary word."""
    start, end = _part(match)
    return None if match.string[start:end].lower().lstrip("@") in english_words() else (start, end)


def _unlisted(text: str) -> Iterator[Span]:
    """Names that no list holds, but for those that name a firm or a place anywhere in the text."""
    named = [(span, text[slice(*span)].split()[0]) for span in _people(text)]
    firms = {word for (_, end), word in named if _SEARCH["firm"].match(text, end)}
    return (span for span, word in named if word not in firms)


def _people(text: str) -> Iterator[Span]:
    """Names after what introduces one, before what only people do, signed, or a given name."""
    for kind in _CUES:
        for match in _SEARCH[kind].finditer(text):
            if end := _name_end(match, kind):
                yield match.start("name"), end
    yield from ((match.start(), match.end()) for match in _SEARCH["initials"].finditer(text) if _rare(match))
    for match in _SEARCH["capitalised"].finditer(text):
        words = list(_WORD.finditer(match.group()))
        given = [i for i, word in enumerate(words) if word.group().lower() in _GIVEN and not word.group().isupper()]
        if not given:
            continue
        rest = words[given[0] :]
        at = match.start() + rest[0].start()
        if text[at - 1 : at] != "-" and not _SEARCH["no_person"].search(text[max(0, at - 14) : at]):
            last = next((i for i, w in enumerate(rest) if i and _is_ordinary(w.group())), len(rest)) - 1
            yield at, match.start() + rest[last].end()


def _is_ordinary(word: str) -> bool:
    return (word.lower() in english_words() and word.lower() not in _GIVEN) or not word.strip("Xx")


def _name_end(match: re.Match[str], kind: str) -> int:
    """Where a name ends: at the first word that its cue does not bear out; 0: there is none."""
    end, given = 0, False
    for word in _WORD.finditer(match["name"]):
        letters, lower = word.group(), word.group().lower()
        if lower in _PARTICLES and end:
            continue
        rare = letters.isalpha() and not _is_ordinary(letters)
        capital = letters[0].isupper() and lower not in _NEVER and bool(letters.strip("Xx"))
        short = letters.isupper() and 1 < len(letters) < 6 and lower not in _GIVEN  # a company's, or a place's
        given = given or (lower in _GIVEN and (capital or lower not in english_words()))
        own = rare and (lower in _GIVEN or not lower.endswith(("ed", "ing")))  # but "my name is misspelled"
        sure = {"title": capital or rare, "signed": capital, "own": own or (capital and end > 0)}
        if not sure.get(kind, rare and ((capital and not short) or given)):
            break
        end = match.start("name") + word.end()
    whole = end == match.end("name")  # "Barclay Card" is nobody
    return end if {"greeted": given, "placed": whole, "acted": whole}.get(kind, True) else 0


def _find(name: str, text: str) -> Iterable[Span]:
    """The stretches of a pattern that pass its check."""
    return filter(None, map(_CHECKS.get(name, _part), _SEARCH[name].finditer(text)))


_CHECKS: dict[str, Check] = {
    "iban": _iban, "card": _card, "phone": _phone, "handle": _rare, "secret_word": _rare, "user": _rare,
}  # fmt: skip
_CUES = ("title", "own", "introduced", "signed", "greeted", "placed", "acted")


class _Names:
    """Known names, looked up word by word so that twenty thousand cost no more than twenty."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.whole, self.parts, self.unspaced = _index_names(names)

    def find(self, text: str) -> list[Span]:
        """Return spans of names in a folded text, left to right."""
        if not self.parts:
            return []
        spelt = ((match.span(), _letters(match.group())) for match in _SEARCH["spelt"].finditer(text))
        spans = [span for span, letters in spelt if letters in self.whole or letters in self.parts]
        words = [(match.group().lower(), *match.span()) for match in _WORD.finditer(text)]
        at = 0
        while at < len(words):
            used = self._joined(words, at) or int(self._alone(text, words[at]))
            if used:
                spans.append((words[at][1], words[at + used - 1][2]))
            at += used or 1
        if self.unspaced and any(character > "\u2e80" for character in text):
            spans += [match.span() for match in self.unspaced.finditer(text)]
        return _merge(spans)

    def _joined(self, words: list[tuple[str, int, int]], at: int) -> int:
        """Return how many words from `at` on make up one whole name when written together; 0 for none."""
        length, joined = 0, ""
        for count, (word, start, _) in enumerate(words[at : at + _LONGEST_NAME], 1):
            if count > 1 and start - words[at + count - 2][2] > 12:
                break
            joined += word
            if joined in self.whole and (count > 1 or joined not in english_words()):
                length = count
        return length

    def _alone(self, text: str, word: tuple[str, int, int]) -> bool:
        """Whether one word is part of a name; an ordinary word only where it stands capitalised as a name does."""
        letters, start, end = word
        if letters not in self.parts:
            return False
        ordinary, given = self.parts[letters]
        if not ordinary:
            return True
        before = text[max(0, start - 20) : start].rstrip()
        if not text[start].isupper() or text.isupper():
            return False
        if before and before[-1] not in ".!?:\n\"'":
            return True
        after_title = before[-5:].rstrip(".").rpartition(" ")[2].lower() in _TITLES
        return after_title or (given and _SEARCH["does"].match(text, end) is not None)


@lru_cache(maxsize=4)
def _index_names(
    names: tuple[str, ...],
) -> tuple[frozenset[str], dict[str, tuple[bool, bool]], re.Pattern[str] | None]:
    """Return whole names joined in both orders, the parts (ordinary word? given name?), and names without spaces."""
    whole: set[str] = set()
    parts: dict[str, tuple[bool, bool]] = {}
    unspaced: set[str] = set()
    for name in names:
        folded = name if name.isascii() else _fold(name)[0]
        words = [word for word in _WORD.findall(folded.lower()) if word not in _TITLES]
        joined = "".join(words)
        if len(joined) < 2 or joined.isdigit():
            continue
        if joined[0] > "\u2e80":
            unspaced.add(re.escape(joined))
        if len(words) == 1 or len(joined) >= 7:
            whole |= {joined, "".join(reversed(words))}
        for word in words:
            if len(words) > 1 and word in _PARTICLES:
                continue
            if len(word) > 2 or (len(words) == 1 and len(word) == 2):
                given = word == words[0] or parts.get(word, (False, False))[1]
                parts[word] = (word in english_words() or len(word) == 2, given)
    return frozenset(whole), parts, re.compile("|".join(sorted(unspaced))) if unspaced else None


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text)).lower()


def _merge(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1] + 1 and start >= merged[-1][0]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


@lru_cache(maxsize=64)
def _compile(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    try:
        return tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)
    except re.error as fault:
        raise ValueError(f"order number pattern {fault.pattern!r} is not a regular expression: {fault.msg}.") from fault
