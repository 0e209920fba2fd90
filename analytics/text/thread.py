"""Whose words a text holds: the customer's own new ones, apart from quoted mail, signatures, notices, agents' turns.

Mail programs, help desks and text-message surveys put other people's words into the same cell. What stands here takes
them out, says how much of what kind, and names texts that are no answer at all. Cues by language: ``data/thread.toml``.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from analytics.text.clean import LONGEST, SHORT, abstain_reason, all_foreign, mend_surrogates

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

Kind = Literal["quoted", "signature", "notice", "markup", "other speaker", "another language"]
Reason = Literal["", "opt-out", "non-answer", "automatic reply", "nothing of their own"]
GAP = r"[^\n]{1,120}(?:\n[^\n]{0,80})?"  # a mail program may break its line once
HTML_QUOTES = "blockquote, .gmail_quote, .yahoo_quoted, .moz-cite-prefix, #divRplyFwdMsg, #appendonsend"
LONGEST_ANSWER = 60  # characters; a longer text is no non-answer and no opt-out
LONGEST_AUTOMATIC = 800  # characters; a longer text tells of automatic replies rather than being one
BLOCK, WIDE = 9, 80  # lines of a signature and characters of each, at most, where only a closing marks it
TURNS = 2  # labelled lines that make a transcript
_SENTENCE = re.compile(r"[^.!?…\n]+[.!?…\n]*\s*|[.!?…\n]+\s*")
_MASHED = re.compile(r"(\w)\1{2,}|(?:asdf?|sdf|dfg|fgh|h?jkl|qwer?t?[yz]?)+\w{0,2}")
_CLOCK = r"(?:\[?\(?\d{1,2}:\d\d(?::\d\d)?(?: ?[ap]m)?\)?\]?[ ,-]*)?"
_HTML = re.compile(r"<(?:html|body|div|p|br|blockquote|table|style)\b", re.IGNORECASE)
_PICTURE, _LINK = re.compile(r"!\[[^\]]*\]\([^)\s]*\)"), re.compile(r"\[[^\]]*\]\(https?://[^)\s]*\)")


@dataclass(frozen=True)
class OwnWords:
    """What of a text its customer wrote.

    Attributes
    ----------
    text
        The customer's own words, possibly empty.
    cut
        Kind of other people's words -> characters that were taken out.
    reason
        '' where the words can be read; 'opt-out', 'non-answer', 'automatic reply', or 'nothing of their own' where only
        others' words stood in the text.
    """

    text: str
    cut: Mapping[Kind, int]
    reason: Reason = ""


def own_words(text: str) -> OwnWords:
    r"""Take out of a text what its customer did not write just now.

    Parameters
    ----------
    text
        One comment, complaint, mail or transcript, as it came in; may hold HTML.

    Returns
    -------
    OwnWords
        Quoted mail (reply lines and header blocks in English, German, French, Spanish, Dutch, Portuguese and Italian,
        ``>`` lines, HTML quotes), signatures, confidentiality notices, pictures and links of banners, and other
        speakers' turns of a transcript are taken out and counted. A text without any of them comes back as it is.

    References
    ----------
    RFC 3676, section 4.3, for the signature's delimiter, and section 4.5 for quoted lines.

    Examples
    --------
    >>> own_words("Still broken.\n\nOn Tue, 5 May 2026 at 08:12, Care wrote:\n> So happy to help!").text
    'Still broken.'
    >>> own_words("Agent: So sorry!\nCustomer: fixed within the hour, thank you").text
    'fixed within the hour, thank you'
    >>> own_words("STOP").reason, own_words("n/a").reason
    ('opt-out', 'non-answer')
    """
    cut: dict[Kind, int] = {}
    own = text
    for kind, take in _STEPS:
        left = take(own)
        if left != own:
            cut[kind] = cut.get(kind, 0) + max(len(own) - len(left), 0)
            own = left
    own = own.strip() if cut else text
    if re.search(r"\w", own) or not cut:
        return OwnWords(own, cut, _reason(own))
    if set(cut) == {"markup"}:  # empty markup holds nobody's words
        return OwnWords(text, {})
    return OwnWords(own, cut, "nothing of their own")


def read_own_words(texts: pd.Series) -> pd.DataFrame:
    r"""Own words of a column of texts, each different text read once.

    Parameters
    ----------
    texts
        Texts as they came in; missing ones are ''. Longer ones than any answer are left as they are.

    Returns
    -------
    pandas.DataFrame
        Index as the input: ``text``, ``no_answer`` (`OwnWords.reason`) and ``cut`` (kind -> characters taken out).

    References
    ----------
    See `own_words`.

    Examples
    --------
    >>> read_own_words(pd.Series(["Late again\n> So sorry!", "n/a", None]))[["text", "no_answer"]].values.tolist()
    [['Late again', ''], ['n/a', 'non-answer'], ['', '']]
    """
    whole = [mend_surrogates(str(text)) for text in texts.fillna("")]
    codes, different = pd.factorize(pd.Series(whole, dtype="str"), use_na_sentinel=False)
    own = [own_words(text) if len(text) <= LONGEST else OwnWords(text, {}) for text in different]
    columns = {"text": [o.text for o in own], "no_answer": [o.reason for o in own]}
    frame = pd.DataFrame(columns, dtype="str")
    frame["cut"] = pd.Series([o.cut for o in own], dtype=object)
    return frame.take(codes).set_axis(texts.index)


def by_customers(authors: pd.Series) -> pd.Series:
    """Which rows their customers wrote, by a label of the author; where some are labelled so, all others are not.

    Examples
    --------
    >>> by_customers(pd.Series(["Agent", "Customer", "Jo from billing", None])).tolist()
    [False, True, False, True]
    """
    sides = [_pattern("speaker", whole=True).fullmatch(f"{label}: ") for label in authors.fillna("customer")]
    customers = pd.Series([side is not None and side["customer"] is not None for side in sides], authors.index)
    labelled = (customers & authors.notna()).any()
    no_other = [side is None or bool(side["customer"]) for side in sides]
    return customers if labelled else pd.Series(no_other, authors.index)


def count_cuts(own: pd.DataFrame) -> pd.DataFrame:
    r"""What was taken out of texts, and which texts are no answer, by kind: what, texts, characters (0 for the latter).

    Examples
    --------
    >>> count_cuts(read_own_words(pd.Series(["Late again\n> So sorry!", "n/a"]))).values.tolist()
    [['quoted', 1, 12], ['non-answer', 1, 0]]
    """
    parts = pd.DataFrame([item for cut in own["cut"] for item in cut.items()], columns=["what", "characters"])
    cuts = parts.groupby("what", sort=False)["characters"].agg(["size", "sum"])
    texts = own.loc[own["no_answer"] != "", "no_answer"].value_counts(sort=False)
    rows = [*cuts.itertuples(name=None), *((why, n, 0) for why, n in texts.items())]
    return pd.DataFrame(rows, columns=["what", "texts", "characters"])


def _reason(text: str) -> Reason:
    """Why words that stand for themselves are no answer; '' where they may be one."""
    if len(text) <= LONGEST_ANSWER:
        if _pattern("opt_out", whole=True).fullmatch(text.strip(" \n\t.!")):
            return "opt-out"
        plain = " ".join(re.sub(r"[^\w\s]", "", text.lower().replace("/", " ").replace("’", "'")).split())
        if plain and (plain in _non_answers() or (" " not in plain and _MASHED.fullmatch(plain))):
            return "non-answer"
    machine = len(text) <= LONGEST_AUTOMATIC and _pattern("automatic").search(text)
    return "automatic reply" if machine else ""


def _without_html_quotes(text: str) -> str:
    """An HTML mail without what its programs mark as quoted; other text as it is."""
    if "<" not in text or not _HTML.search(text):
        return text
    page = _parse(text)
    quotes = page.css(HTML_QUOTES)
    for node in quotes:
        node.decompose()
    return page.html or "" if quotes else text


def _without_html(text: str) -> str:
    """The words of an HTML mail, lines kept, without style and scripts; other text as it is."""
    if "<" not in text or not _HTML.search(text):
        return text
    page = _parse(text)
    for node in page.css("style, script, head"):
        node.decompose()
    for node in page.css("br, p, div, li, tr"):
        node.insert_before("\n")
    return (page.body.text() if page.body else "").strip()


def _parse(text: str) -> "LexborHTMLParser":
    from selectolax.lexbor import LexborHTMLParser

    return LexborHTMLParser(text)


def _without_quotes(text: str) -> str:
    """Text up to the first reply line or header block, without lines that begin with '>'."""
    begun = _pattern("quote").search(text)
    if begun:
        text = text[: begun.start()]
    if ">" not in text:
        return text
    return "\n".join(line for line in text.split("\n") if not line.lstrip().startswith(">"))


def _without_notices(text: str) -> str:
    """Text without the paragraphs that a company's mail server adds."""
    if not _pattern("notice").search(text):
        return text
    return "\n\n".join(part for part in re.split(r"\n\s*\n", text) if not _pattern("notice").search(part))


def _without_signature(text: str) -> str:
    """Text up to its signature: the delimiter, a line of the mail program, or a closing before a short block."""
    lines = text.split("\n")
    for at, line in enumerate(lines[1:], start=1):
        closing = len(lines) - at <= BLOCK and _pattern("closings").fullmatch(line.strip(" ,.!\t"))
        if _pattern("signature").match(line.strip()) or (closing and max(map(len, lines[at:])) <= WIDE):
            return "\n".join(lines[:at])
    return text


def _without_banners(text: str) -> str:
    """Text without pictures, and without lines that are nothing but links."""
    if "](" not in text:
        return text
    lines = _PICTURE.sub("", text).split("\n")
    return "\n".join(line for line in lines if not line.strip() or _LINK.sub("", line).strip())


def _without_other_speakers(text: str) -> str:
    """The customer's turns of a transcript; any other text as it is."""
    labels = list(_pattern("speaker").finditer(text))
    if labels and not text[: labels[0].start()].strip():  # it begins with a label: others may stand within lines
        labels = list(_pattern("speaker", whole=True).finditer(text))
    customers = [turn for turn in labels if turn["customer"]]
    if len(labels) < TURNS or not customers or len(customers) == len(labels):
        return text
    ends = [turn.start() for turn in labels[1:]] + [len(text)]
    turns = (text[turn.end() : end].strip() for turn, end in zip(labels, ends, strict=True) if turn["customer"])
    return "\n".join(turns)


def _without_other_languages(text: str) -> str:
    """The English sentences of a text that mixes languages; any other text as it is."""
    if all_foreign().isdisjoint(text.lower().split()):
        return text
    sentences = _SENTENCE.findall(text)
    long = [len(sentence.split()) > SHORT for sentence in sentences]
    foreign = [tell and bool(abstain_reason(s)) for s, tell in zip(sentences, long, strict=True)]
    if not any(foreign) or sum(foreign) == sum(long):
        return text
    return "".join(s for s, other in zip(sentences, foreign, strict=True) if not other)


_STEPS: tuple[tuple[Kind, Callable[[str], str]], ...] = (
    ("quoted", _without_html_quotes),
    ("markup", _without_html),
    ("markup", _without_banners),
    ("quoted", _without_quotes),
    ("notice", _without_notices),
    ("signature", _without_signature),
    ("other speaker", _without_other_speakers),
    ("another language", _without_other_languages),
)


@cache
def _cues() -> dict[str, dict[str, Any]]:
    return tomllib.loads((files("analytics.text") / "data" / "thread.toml").read_text(encoding="utf-8"))


@cache
def _non_answers() -> frozenset[str]:
    return frozenset(_cues()["non_answer"]["words"])


@cache
def _pattern(name: str, whole: bool = False) -> re.Pattern[str]:
    """The compiled cues of one kind."""
    cues = _cues()
    if name == "quote":
        wrote = [pattern.replace("{gap}", GAP) for pattern in cues["wrote"].values()]
        first, then = (_either(cues["header"][part]) for part in ("from", "next"))
        header = rf"\*?(?:{first}) ?:\*?[^\n]{{0,200}}?(?:\n[*> ]{{0,20}}| )(?:{then}) ?:"
        return re.compile(
            rf"(?m:^[> \t]{{0,20}}|(?<=[.!?…] ))(?:{_either([*wrote, header])}|{_either(cues['divider']['patterns'])})",
            re.IGNORECASE,
        )
    if name == "speaker":
        sides = {side: _either(cues["speakers"][side]) for side in ("customer", "company")}
        label = rf"{_CLOCK}(?:(?P<customer>{sides['customer']})|{sides['company']})(?: \d{{1,3}}| \([^)\n]{{1,40}}\))?"
        return re.compile((r"(?<!\S)" if whole else "(?m:^)") + label + r"\s?:\s", re.IGNORECASE)
    patterns = cues["signature"]["closings"] if name == "closings" else cues[name]["patterns"]
    return re.compile(_either(patterns), re.IGNORECASE | (0 if whole else re.MULTILINE))


def _either(patterns: Iterable[str]) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns)
