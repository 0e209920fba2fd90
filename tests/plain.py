"""What makes a report's sentences plain: short, no more digits than known, nothing said twice, no name of a column."""

import re
from itertools import combinations
from statistics import median

from analytics.publish.cells import read_estimate
from analytics.publish.claims import patterns, sentences
from analytics.publish.format import write_interval
from analytics.tables.schema import FIELDS

LONGEST = 22  # words of a typical sentence
ALIKE = 0.8  # share of their words from which on two sentences say the same
COLUMN = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
OURS = {field.name for fields in FIELDS.values() for field in fields if "_" in field.name}


def typical_length(claims: list[dict]) -> float:
    """Words of a typical sentence."""
    return median(len(s.split()) for claim in claims for s in sentences(claim["sentence"]))


def too_fine(claims: list[dict]) -> list[str]:
    """Sentences with a figure of more digits than an interval behind it carries."""
    faults = []
    for claim in claims:
        figures = [read_estimate(cell) for cell in claim["evidence"]]
        allowed = {write_interval(e.value, e.low, e.high, e.unit).replace(" ", "") for e in figures}
        finest = max((_digits(text) for text in allowed), default=0)
        matches = patterns()["interval"].finditer(claim["sentence"])
        faults += [claim["sentence"] for match in matches if _digits(match[0]) > finest]
    return faults


def _digits(figure: str) -> int:
    """Decimals of the first number of a written figure."""
    number = re.search(r"\d(?:\.(\d+))?", figure)
    return len((number and number[1]) or "")


def said_twice(claims: list[dict], pages: list[str]) -> list[tuple[str, str]]:
    """Pairs of sentences of the pages after the first that say the same."""
    told = " ".join(" ".join(pages[1:]).replace("\u200b", "").split())
    once = dict.fromkeys(c["sentence"] for c in claims if not c["page_one"] and " ".join(c["sentence"].split()) in told)
    words = {sentence: set(sentence.lower().split()) for sentence in once}
    pairs = ((a, b, words[a], words[b]) for a, b in combinations(once, 2))
    return [(a, b) for a, b, one, other in pairs if len(one & other) > ALIKE * len(one | other)]


def columns_named(pages: list[str]) -> set[str]:
    """Names of our columns that reach a reader."""
    return {word for page in pages for word in COLUMN.findall(page)} & OURS
