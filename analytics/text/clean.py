"""Cleaning customer text before a model reads it, and saying why a text cannot be read.

Holds normalising, masking of brands and the reasons to abstain. Removing personal data is `redact`'s job.
"""

import math
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from html import unescape
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np

from analytics.text.linear import read_arrays

BRAND = "brandname"
"""What a brand or an @handle becomes: a word that no lexicon knows and no model has a weight for."""

LONGEST = 100_000  # characters; a longer "comment" is a pasted log or an attachment, not an answer
LONG, STRETCHES = 10_000, 10  # characters that are read of a longer text, in so many stretches at even places
USUAL = 250  # characters that a text counts for at least
SHORT = 3  # words; word lists alone decide only about longer texts. Also letters: a shorter single word is no language
RANKS = 20_000  # words of a language whose frequency is known
COMMON, CUSTOMERS = 300, 5000  # rank of listed words of a language known by few, and of words of English customers
BORROWED, STRAY = 0.03, 0.003  # words of another language's texts that are English, and of English texts that are its
ENGLISH, UNCLEAR = -1.0, -2.5  # log odds from which words are English; where English has all, or none is listed
SPELLINGS = Path(__file__).parent / "data" / "letter_sequences.npz"
SEQUENCES, SPELT = (3, 4), 0.5  # letters by which a rare word is told, and their weight, as sequences overlap
_UNSEEN = math.log(6 * RANKS)  # logarithm of the rank of any other word

_QUOTES = dict.fromkeys(map(ord, "‘’‛`´ʼ′"), "'") | dict.fromkeys(map(ord, "“”„«»″"), '"') | {0x2026: "..."}

_LINK = re.compile(r"https?:/?/?\S+|www\.\S+|\b(?:http|https)://\S*|\burl_removed\b", re.IGNORECASE)
_TAG = re.compile(r"<[/!?]?[A-Za-z-][^<>]*>")
_HANDLE = re.compile(r"(?<![\w.@])@\w{1,40}")
_REPEAT = re.compile(r"(:[()] )(?:\1){2,}")
_LETTERS = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"[A-Za-zÀ-ɏḀ-ỿ]")
_FACE = re.compile(r"[:;=]'?-?[()DP]|<3")


@cache
def _characters() -> dict[int, str]:
    """Return the replacement of each character that is neither a letter nor ordinary punctuation."""
    faces = tomllib.loads(data_text("characters.toml"))
    table: dict[int, str] = {}
    for low, high in faces["pictures"]:
        table |= dict.fromkeys(range(low, high), " ")
    for low, high in faces["invisible"]:
        table |= dict.fromkeys(range(low, high), "")
    table |= dict.fromkeys(map(ord, faces["glad"]), " :) ") | dict.fromkeys(map(ord, faces["sad"]), " :( ")
    return table | _QUOTES | dict.fromkeys((*range(32), *range(127, 160)), " ")


def normalise(text: str) -> str:
    """Plain text of a comment: no markup, links, control or invisible characters; emoji as ``:)`` or ``:(``.

    Unicode compatibility forms are folded (NFKC), white space is collapsed, letter case is kept. Of a text of more
    than 10,000 characters ten stretches at even places are kept, 10,000 characters in all: enough to tell what it is
    about, and no text takes more time than that. What is normalised already stays as it is: functions whose names end
    in ``_normalised`` trust that it was done.

    Parameters
    ----------
    text
        One comment; may hold HTML, entities and emoji.

    Returns
    -------
    str
        The text, possibly empty.

    Examples
    --------
    >>> normalise("<p>Ｇｒｅａｔ &amp; fast 👍</p> https://x.example/a")
    'Great & fast :)'
    """
    if not isinstance(text, str):
        raise TypeError(f"a text is a str; found {type(text).__name__}. Leave missing ones out, or use `score_texts`.")
    if "&" in text:
        text = unescape(unescape(text))  # many exports escape what was escaped before
    if not text.isascii():
        text = unicodedata.normalize("NFKC", mend_surrogates(text).translate(_characters()))
        text = _REPEAT.sub(r"\1\1", text.replace("  ", " "))
    if "<" in text:
        text = _strip_markup(text)
    if "http" in text or "www." in text or "url_removed" in text:
        text = _LINK.sub(" ", text)
    text = " ".join(text.split())
    text = text if text.isprintable() else " ".join(text.translate(_characters()).split())
    return text if len(text) <= LONG else _even_places(text)


def mend_surrogates(text: str) -> str:
    r"""Halves of a character put together, a lone one replaced: no encoder takes them, and some exports hold them.

    Examples
    --------
    >>> mend_surrogates("\ud83d\ude00 \ud83d") == "\N{GRINNING FACE} \N{REPLACEMENT CHARACTER}"
    True
    """
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def one_or_more(names: str | Iterable[str]) -> tuple[str, ...]:
    """Names as a tuple; a single string is one name, not its letters.

    Examples
    --------
    >>> one_or_more("Acme"), one_or_more(["Acme", "Brio"])
    (('Acme',), ('Acme', 'Brio'))
    """
    return (names,) if isinstance(names, str) else tuple(name for name in names if isinstance(name, str))


def _even_places(text: str) -> str:
    """Stretches of a long text, whole words each, its beginning and its end among them."""
    size = LONG // STRETCHES - len(" ... ")
    starts = ((len(text) - size) * turn // (STRETCHES - 1) for turn in range(STRETCHES))
    first, *others = (text[start : start + size].strip().rpartition(" ") for start in starts)
    parts = [before.partition(" ")[2] or before or last for before, _, last in others]
    return " ... ".join([first[0] or first[2], *parts])


def rounds(texts: Sequence[str], characters: int) -> list[slice]:
    """Which texts to read at once so that memory stays bounded: about so many characters of them; one round at least.

    Examples
    --------
    >>> rounds(["a", "b" * 400, "c"], 500), rounds([], 500)
    ([slice(0, 1, None), slice(1, 3, None)], [slice(0, 0, None)])
    """
    turns = np.cumsum([max(len(text), USUAL) for text in texts]) // characters
    edges = [0, *(np.flatnonzero(np.diff(turns)) + 1).tolist(), len(texts)]
    return [slice(start, end) for start, end in pairwise(edges)]


def _strip_markup(text: str) -> str:
    """Drop tags, and the content of script and style elements."""
    first, *rest = re.split(r"<(?:script|style)\b", text, flags=re.IGNORECASE)
    scripts = (re.split(r"</(?:script|style)\s*>", part, maxsplit=1, flags=re.IGNORECASE)[-1] for part in rest)
    return _TAG.sub(" ", " ".join([first, *scripts]))


def mask_brands(text: str, brands: Iterable[str]) -> str:
    """Replace brand names and @handles by `BRAND`, so that a name never carries valence.

    A brand is found in any case, joined ("BestBuy"), as a handle or hashtag, and with 's. A one-word brand that is
    an ordinary English word ("Care") is taken for the brand in lower case only where it stands as a name does
    ("leaving care"; in a text without capitals also "at care").

    Parameters
    ----------
    text
        One comment.
    brands
        The organisation's names, and those of any other company that should carry no valence.

    Returns
    -------
    str
        The text with names masked.

    Examples
    --------
    >>> mask_brands("@united lost my bag, United does not care. Take care!", ["United", "Care"])
    'brandname lost my bag, brandname does not care. Take care!'
    """
    if "@" in text:
        text = _HANDLE.sub(BRAND, text)
    if not brands:
        return text
    always, ordinary = _brand_patterns(one_or_more(brands))
    if always:
        text = always.sub(BRAND, text)
    if ordinary:
        text = ordinary[text == text.lower()].sub(rf"\g<before>{BRAND}", text)
    return text


@lru_cache(maxsize=64)
def _brand_patterns(brands: tuple[str, ...]) -> tuple[re.Pattern[str] | None, tuple[re.Pattern[str], ...]]:
    """Patterns for names found in any case, and for names that are ordinary words (normal and lower-case text)."""
    names = sorted({" ".join(name.split()) for name in brands if name.strip()}, key=len, reverse=True)
    words = [name for name in names if name.lower() in english_words()]
    names = [name for name in names if name not in words]
    always = None
    if names:
        forms = "|".join(r"[\s_-]*".join(map(re.escape, name.split())) for name in names)
        always = re.compile(rf"(?<!\w)#?(?:{forms})(?!\w)", re.IGNORECASE)
    if not words:
        return always, ()
    lower = "|".join(re.escape(word.lower()) for word in words)
    cased = "|".join(re.escape(form) for word in words for form in (word.capitalize(), word.upper(), word))
    named = r"hey|dear|leav(?:e|ing)|left|quit(?:ting)?|joined|joining|dumping|ditching|switch(?:ing|ed)? (?:from|to)"
    tag = rf"|(?<!\w)#(?:{lower})(?!\w)"
    patterns = (
        rf"(?P<before>\b(?i:{named}) )(?:{lower})(?!\w)|(?<!\w)#?(?:{cased})(?!\w){tag}",
        rf"(?P<before>\b(?:{named}|at|with|from|by|hi|using|than) |^)(?:{lower})(?!\w){tag}",
    )
    return always, tuple(map(re.compile, patterns))


def abstain_reason(text: str) -> str:
    """Why a text should not be scored: '' where it can be.

    Parameters
    ----------
    text
        One comment as it came in.

    Returns
    -------
    str
        '', 'empty', 'markup only', 'no words', 'another language' or 'too long'.

    Notes
    -----
    English is told by common English words and the absence of other languages' words; where these are few, by how
    frequent the words are in English, German, French, Spanish, Dutch, Portuguese and Italian, and how they are spelt.

    Examples
    --------
    >>> [abstain_reason(text) for text in ("rubbish", "", "<br/>", "...!?", "Ik wacht al drie weken op mijn geld")]
    ['', 'empty', 'markup only', 'no words', 'another language']
    """
    return reason_to_abstain(text, normalise(text) if len(text) <= LONGEST else text)


def reason_to_abstain(text: str, plain: str) -> str:
    """As `abstain_reason`, for a caller that has the normalised text at hand."""
    if len(text) > LONGEST:
        return "too long"
    lists, lower = word_lists("clean"), plain.lower()
    if not plain and ("<" in text or "&" in text):
        return "markup only"
    if not plain or lower in lists["not_answered"]:
        return "no words" if not plain and any(map(str.isprintable, text.strip())) else "empty"
    said = lower.split()
    if len(said) > SHORT and not lists["clear_english"].isdisjoint(said) and all_foreign().isdisjoint(said):
        return ""
    words = _LETTERS.findall(_HANDLE.sub("", lower.replace("'", "")))
    letters = sum(map(len, words))
    if not letters:
        return "" if _FACE.search(plain) else "no words"
    another_script = not plain.isascii() and len(_LATIN.findall(plain)) < letters / 2
    return "another language" if another_script or _is_foreign(words) else ""


def _is_foreign(words: Sequence[str]) -> bool:
    """Whether words are another language's: by lists and accents, else by how frequent and how spelt they are."""
    sample = [word for word in words[:400] if len(word) > 1 or not word.isascii()]
    if not sample or (len(words) == 1 and len(words[0]) <= SHORT and words[0].isascii()):
        return False
    english = sum(word in _customers_english() for word in sample)
    if english == len(sample):
        return False
    accented = sum(not word.isascii() for word in sample)
    if len(words) > SHORT and english < len(sample) / 7 and (len(sample) >= 6 or 3 * accented >= len(sample)):
        return True
    odds = np.sum([_log_odds(word) for word in sample], axis=0)
    lists = list(log_ranks().values())
    unclear = all(w in lists[0] for w in sample) or not any(w in ranks for ranks in lists for w in sample)
    return bool(odds[0] - odds[1:].max() < (UNCLEAR if unclear else ENGLISH))


@lru_cache(maxsize=100_000)
def _log_odds(word: str) -> np.ndarray:
    """Log probability of a word in a text of each language, English first, up to a constant.

    That of its rank where it is listed, else that of its spelling. Any text may hold a few words of another language,
    so one word that is English, or is not, settles little.
    """
    spelling = _spell(word)
    known = np.array([ranks.get(word, np.inf) for ranks in log_ranks().values()])
    if np.isfinite(known).any():
        spelling = np.minimum(spelling, 0.0)
    own = np.where(np.isfinite(known), -known, spelling - _UNSEEN)
    english, others = own[0], own[1:]
    mixed = np.logaddexp(others + math.log(1 - BORROWED), english + math.log(BORROWED))
    return np.array([np.logaddexp(english + math.log(1 - STRAY), others.max() + math.log(STRAY)), *mixed])


def _spell(word: str) -> np.ndarray:
    """Log odds of a word's spelling, language by language; 0 for those known by few words."""
    rows, counts, sizes = _sequences()
    seen = counts[[rows.get(sequence, -1) for sequence in sequences_of(word)]]
    odds = SPELT * (np.log(seen + 0.5) - np.log(sizes / sizes.mean())).sum(axis=0)
    odds += math.log(len(sizes)) - np.logaddexp.reduce(odds)
    return np.append(odds, np.zeros(len(log_ranks()) - len(sizes)))


def sequences_of(word: str) -> list[str]:
    """Return the sequences of letters of a word, with its ends."""
    whole = f"^{word}$"
    return [whole[i : i + n] for n in SEQUENCES for i in range(len(whole) - n + 1)]


@cache
def _sequences() -> tuple[dict[str, int], np.ndarray, np.ndarray]:
    """Row of each sequence, the last of any other, how often words of each language hold it, and the sum over all.

    Cavnar, Trenkle (1994), SDAIR, 161-175; written by `analytics.training.words`.
    """
    stored = read_arrays(SPELLINGS)
    counts = np.vstack([stored["counts"], np.zeros(stored["counts"].shape[1])])
    return {sequence: row for row, sequence in enumerate(stored["sequences"])}, counts, counts.sum(axis=0)


@cache
def log_ranks() -> dict[str, dict[str, float]]:
    """Return the logarithm of each frequent word's rank, English first: by Zipf's law the less its log probability."""
    lines = (line.split(": ") for line in data_text("frequent_words.txt").splitlines())
    ranks = {code: {w: math.log(10 + rank) for rank, w in enumerate(words.split())} for code, words in lines}
    least = math.log(CUSTOMERS)
    ranks["en"] |= {word: min(least, ranks["en"].get(word, least)) for word in _customers_english()}
    few = (line.split(":") for line in data_text("languages.txt").splitlines())
    return ranks | {code: dict.fromkeys(words.replace("'", "").split(), math.log(COMMON)) for code, words in few}


@cache
def english_words() -> frozenset[str]:
    """Return common English words: frequent in English customer text and not a word of a listed other language."""
    return frozenset(data_text("english.txt").split())


@cache
def _customers_english() -> frozenset[str]:
    """Words of English customers, those that only tell a language included."""
    return english_words() | word_lists("clean")["more_english"]


@cache
def all_foreign() -> frozenset[str]:
    """Return common words of other languages that are not frequent English ones."""
    english, *others = log_ranks().values()
    common = {word for ranks in others for word, rank in ranks.items() if rank <= math.log(COMMON)}
    return frozenset(common - english.keys())


@cache
def word_lists(room: str) -> dict[str, frozenset[str]]:
    """Return the word lists of one table of ``data/words.toml``, by name."""
    lists = tomllib.loads(data_text("words.toml"))[room]
    return {name: frozenset(words.split()) for name, words in lists.items()}


def choice_of(room: str, name: str) -> str:
    """Return the regular expression that matches any of a list in ``data/patterns.toml``, without a group."""
    return "|".join(tomllib.loads(data_text("patterns.toml"))[room][name])


def data_text(name: str) -> str:
    """Return a file of the folder ``data``."""
    return (files("analytics.text") / "data" / name).read_text(encoding="utf-8")
