"""Labels of a scale: numbers with words, in cells and in questions, and which end of the scale the words call good."""

import re
from dataclasses import dataclass

from analytics.tables.headers import bare
from analytics.tables.spelling import WORDS

_POLES = WORDS["poles"]
_FACES = f"[{''.join(WORDS['faces'].values())}]"
FACES = rf"(?:\s*{_FACES}[\ufe0f\U0001f3fb-\U0001f3ff]?)+\s*"  # a cell of nothing else
LONGEST = 6  # words of a label; more are a numbered question
_TOKEN = re.compile(rf"[^\W\d_]+|{_FACES}")
_GOOD, _BAD, _NEITHER = ([*_POLES[side], *WORDS["faces"][side]] for side in ("good", "bad", "neither"))
_CODE_FIRST = re.compile(r"^(\d{1,2})(?:\.0)?\s*[-–—:=.(]+\s*([^\W\d].*?)\)?$")
_CODE_LAST = re.compile(r"^([^\W\d][^\d]*?)\s*[-–—:=(]+\s*(\d{1,2})\)?$")
_IN_QUESTION = re.compile(
    r"(?<![\w#])(\d{1,2})\s*(?:=|:|\(|[-–—]\s|\bis\b|\bmeans\b|\bbeing\b)\s*([^\W\d][^\d,;()/=]{2,40})"
)


@dataclass(frozen=True)
class Label:
    """A number of a scale with its words, and whether they are good (1), bad (-1) or neither (0)."""

    code: float
    words: str
    pole: int


def pole(words: str) -> int:
    """Whether the words of a label are good (1), bad (-1) or neither (0).

    Examples
    --------
    >>> [pole(words) for words in ("Very good", "Not at all likely", "Neither easy nor difficult", "Blue", "😡")]
    [1, -1, 0, 0, -1]
    """
    tokens = _TOKEN.findall(words.casefold())
    if is_neither(words):
        return 0
    sides = [(i, 1 if t in _GOOD else -1) for i, t in enumerate(tokens) if t in _GOOD + _BAD]
    if not sides:
        return 0
    last, side = sides[-1]
    return -side if {*tokens[:last]} & {*_POLES["negation"]} else side


def is_neither(words: str) -> bool:
    """Whether the words of a label say the middle of a scale: 'Neither easy nor difficult'."""
    return bool({*_TOKEN.findall(words.casefold())} & {*_NEITHER})


def is_strong(words: str) -> bool:
    """Whether the words of a label say the end of a scale: 'Very good', 'Muy insatisfecho'."""
    return bool({*_TOKEN.findall(words.casefold())} & {*_POLES["strong"]})


def parse_label(value: str) -> Label | None:
    """A cell such as '1 - Very easy' or 'Extremely likely (10)' as a label."""
    first, last = _CODE_FIRST.match(value), _CODE_LAST.match(value)
    if first:
        return Label(float(first[1]), first[2], pole(first[2]))
    return Label(float(last[2]), last[1], pole(last[1])) if last else None


def find_labels(question: str) -> list[Label]:
    """Labels in the text of a question: '1 = very good', 'from 0 (not at all likely) to 10 (extremely likely)'."""
    labels = [Label(float(code), words.strip(), pole(words)) for code, words in _IN_QUESTION.findall(bare(question))]
    return [label for label in labels if label.pole and label.words.count(" ") < LONGEST]
