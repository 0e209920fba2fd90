"""What the question of a column asks for: which scores it may be, and of which part of the service."""

import re
from textwrap import shorten

from analytics.tables.headers import spell_out
from analytics.tables.spelling import WORDS

LONGEST_PART = 60  # characters of what a question asks about

_ASKED = WORDS["questions"]["scores"]
_PART, _RATED = WORDS["questions"]["parts"], r"(?:satisfaction|csat|ratings?|scores?|stars)"
_NAMED = (
    rf"^({_PART}(?: {_PART})*)[ _:-]+{_RATED}\b",
    rf"^{_RATED}[ _:-]+(?:for |of |with )?(?:the )?({_PART}(?: {_PART})*)$",
)
_PLAIN = re.compile(r"^[\w '’&+-]*")  # as far as no mark ends it


def asked_for(question: str) -> list[str]:
    """Scores that the words of a question ask for."""
    return [role for role, pattern in _ASKED.items() if re.search(pattern, spell_out(question), re.IGNORECASE)]


def part_asked(score: str, question: str) -> str:
    """The part of the service that a score was asked of, as its question calls it; '' for the service as a whole.

    Examples
    --------
    >>> part_asked("csat", "How satisfied are you with the price? (1-5)"), part_asked("csat", "Satisfied with us?")
    ('the price', '')
    """
    patterns = (*WORDS["questions"]["of"][score], *(_NAMED if score == "csat" else ()))
    for text in map(spell_out, question.split(" / ")):
        hits = filter(None, (re.search(pattern, text, re.IGNORECASE) for pattern in patterns))
        part = next((_PLAIN.findall(hit[1])[0].strip(" '-") for hit in hits), "")
        part = shorten(part, LONGEST_PART, placeholder=" …")
        if part and not re.search(WORDS["questions"]["whole"], part, re.IGNORECASE):
            return part if score != "nps" or re.search(rf"\b{_PART}\b", part, re.IGNORECASE) else ""
    return ""
