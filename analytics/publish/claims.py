"""The claim guard: a sentence that praises, blames or reports a change must rest on evidence from customers.

The words stand in claim_words.toml by what must carry them; this module finds them in prose and asks the evidence.
It reads sentences, not meaning: its precision and recall on hand-written sentences stand in METHODS.md.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from analytics.measures.estimate import SAID, Estimate
from analytics.publish.cells import read_estimate
from analytics.publish.format import write_interval
from analytics.text.regexes import Patterns, read_patterns

MINIMUM_N = 30  # answers below which no level is claimed: a Wilson interval is then wider than 30 points
NEUTRAL = {"points": 0.0, "share": 0.5, "score": None}  # the middle of a scale whose ends are known
KINDS = ("certain", "cause", "rank", "good", "bad", "better", "worse", "up", "down", "same")
OPPOSITE = {"rose": "fell", "fell": "rose"}
WANTED = {"better": "rose", "worse": "fell", "up": "rose", "down": "fell", "same": "no change"}
SIGNALS = ("rose", "fell", "no change", "cannot tell yet")


@dataclass(frozen=True)
class Evidence:
    """Something a sentence may rest on.

    Parameters
    ----------
    estimate
        A figure with interval and n; only those said by customers are evidence of quality.
    signal
        The word of a passed rule about its latest period: 'rose', 'fell', 'no change', 'cannot tell yet'.
    better
        Which way is good for customers; None where the figure has no good side.
    """

    estimate: Estimate | None = None
    signal: str | None = None
    better: Literal["higher", "lower"] | None = "higher"


@dataclass(frozen=True)
class Fault:
    """A sentence that may not be published: why not, and what could be said instead."""

    sentence: str
    reason: str
    alternative: str

    def __str__(self) -> str:
        return f'"{self.sentence}" {self.reason} {self.alternative}'


class ClaimError(ValueError):
    """A text claims what no evidence carries; the faults are in `faults`."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__(
            "Not published: the report says or shows what it may not.\n" + "\n".join(f"  {fault}" for fault in faults)
        )


def check_claims(text: str, evidence: Iterable[object] = ()) -> list[Fault]:
    """Find sentences that claim more than the evidence shows.

    A sentence that calls service good or bad needs an `Estimate` said by customers, with n of at least 30, whose whole
    interval lies on that side of the scale's middle. A word of change needs a signal whose rule passed in that
    direction, that nothing changed a rule that saw no change; 'significant' and its like need one too. Words of cause
    and of rank are never carried: figures here are observed, not tried out, and of one's own customers. Internal
    measures are evidence of nothing about quality. What a share of customers said needs an estimate of theirs.
    Questions, negations, hedges, aims and customers' words in quotation marks claim nothing.

    Parameters
    ----------
    text
        Prose; Markdown marks are ignored.
    evidence
        `Estimate`, `Evidence`, a signal word, an object with ``.word`` (as `detect_signals` returns), or a
        mapping of an Estimate's fields; what carries one sentence of the text may carry all of it.

    Returns
    -------
    list of Fault
        sentence, reason, honest alternative; empty means that the text may be published.

    Raises
    ------
    TypeError
        If something else is handed in as evidence.

    References
    ----------
    The lexicon and its rules are this project's own (METHODS.md, "Claim guard").

    Examples
    --------
    >>> [fault.reason for fault in check_claims("Customers love our service.")]
    ['says "love", but no customer evidence is cited for it.']
    >>> check_claims("Customers love our service.", [Estimate(0.82, 0.79, 0.85, 640, "share", SAID)])
    []
    >>> len(check_claims("Satisfaction improved.", ["no change"]))
    1
    """
    pieces = [_as_evidence(item) for item in evidence]
    faults = []
    for sentence in sentences(text):
        for kind, word in claim_words(sentence):
            if reason := _objection(kind, pieces):
                faults.append(Fault(sentence, f'says "{word}", but {reason}', _alternative(kind, pieces)))
                break  # one reason is enough to hold a sentence back
    return faults


def sentences(text: str) -> list[str]:
    r"""Split prose into sentences, Markdown marks and customers' quoted words taken out.

    Examples
    --------
    >>> sentences("## Scores\n**NPS** was 31. Did it move? They wrote “great service”.")
    ['Scores', 'NPS was 31.', 'Did it move?', 'They wrote “…”.']
    """
    text = re.sub(r"“[^”]*”|\"[^\"]*\"|`[^`]*`", "“…”", text)
    text = re.sub(r"^\s*(?:[#>]+|[-*+]|\d+\.)\s+", "\n\n", text, flags=re.MULTILINE)
    text = re.sub(r"[*_]{1,3}(?=\S)|(?<=\S)[*_]{1,3}", "", text)
    parts = re.split(r"\n\s*\n|(?<=[.!?])\s+(?=[A-Z0-9“])|\n(?=[A-Z])", text)
    return [re.sub(r"\s+", " ", part).strip() for part in parts if part.strip()]


@cache
def patterns() -> Patterns:
    """What is looked for in sentences: the patterns of patterns.toml, and one for each list of claim_words.toml."""
    own, lists = (Path(__file__).with_name(f"{name}.toml").read_text("utf-8") for name in ("patterns", "claim_words"))
    words = tomllib.loads(lists).items()
    return read_patterns(own, {kind: rf"(?i)(?<![\w-])(?:{'|'.join(choice)})(?![\w-])" for kind, choice in words})


def claim_words(sentence: str) -> Iterator[tuple[str, str]]:
    """Claim words of a sentence with their kind, those hedged, negated, asked, counted or innocent left out.

    Examples
    --------
    >>> list(claim_words("Service was excellent, but whether it improved is not known."))
    [('good', 'excellent')]
    """
    word = patterns()
    if sentence.endswith("?"):
        return
    plain = re.sub(r"(?i)n['’]t\b", " not", word["innocent"].sub(lambda match: "·" * len(match[0]), sentence))
    plain = re.sub(r" ?\((?:[\d\s.,+−–%-]|to)*\)", "", plain)  # an interval ends no clause
    for clause in re.split(r"[;:()–—]|,(?= )|\b(?:but|yet|although|though|while|whereas)\b", plain):
        hedge, counted = word["hedges"].search(clause), word["counted"].search(clause)
        for kind in KINDS:
            match = word[kind].search(clause)
            if match and (hedge is None or match.start() < hedge.end()):
                yield "counted" if counted and match.start() >= counted.end() else kind, match[0]


def good_side(estimate: Estimate) -> Literal["higher", "lower"]:
    """Which way is good for customers where nobody says: fewer hours, more of all else."""
    return "lower" if estimate.unit in ("hours", "seconds") else "higher"


def _as_evidence(item: object) -> Evidence:
    if isinstance(item, Evidence):
        return item
    if isinstance(item, dict) and item.keys() >= Estimate.__dataclass_fields__.keys():
        item = read_estimate(item)
    if isinstance(item, Estimate):
        return Evidence(item, better=good_side(item))
    word = getattr(item, "word", item)
    if word in SIGNALS:
        return Evidence(signal=str(word))
    raise TypeError(f"{item!r} is no evidence. Expected an Estimate, an Evidence, or a signal: {', '.join(SIGNALS)}.")


def _objection(kind: str, pieces: list[Evidence]) -> str:
    """Why the evidence does not carry a claim word, or nothing where it does."""
    if kind == "cause":
        return "nothing here was tried out: figures that move together do not show a cause."
    if kind == "rank":
        return "nothing cited compares us with others."
    sources = [p.estimate.source for p in pieces if p.estimate is not None]
    signals = [p for p in pieces if p.signal is not None]
    if sources and SAID not in sources and kind not in ("up", "down", "same"):
        return f"it cites {sources[0]} only; quality is what customers say it is."
    if kind == "counted":
        return "" if sources else "no customer evidence is cited for that count."
    if kind in ("good", "bad"):
        return _level_objection(kind, pieces)
    if not signals:
        return f"no {'rule of change' if kind != 'certain' else 'rule'} is cited for it."
    if kind == "certain":
        return "" if any(p.signal in OPPOSITE for p in signals) else "no rule found a change."
    if any(WANTED[kind] == (_felt(p) if kind in ("better", "worse") else p.signal) for p in signals):
        return ""
    return f'the rule says "{signals[0].signal}".'


def _level_objection(kind: str, pieces: list[Evidence]) -> str:
    voiced = [p for p in pieces if p.estimate is not None and p.estimate.source == SAID]
    if not voiced:
        return "no customer evidence is cited for it."
    if any(_side(piece) == kind for piece in voiced):
        return ""
    n = next(p.estimate.n for p in voiced if p.estimate is not None)
    if n < MINIMUM_N:
        return f"only {n} customers stand behind it; {MINIMUM_N} are needed."
    return "the interval of the cited figure does not lie wholly on that side."


def _side(piece: Evidence) -> str | None:
    """'good' or 'bad' where the whole interval lies on one side of the scale's middle."""
    e = piece.estimate
    middle = NEUTRAL.get(e.unit) if e is not None else None
    if e is None or middle is None or piece.better is None or e.n < MINIMUM_N:
        return None
    above, below = ("good", "bad") if piece.better == "higher" else ("bad", "good")
    return above if e.low > middle else below if e.high < middle else None


def _felt(piece: Evidence) -> str | None:
    """The signal as customers feel it: a figure that should be low and fell counts as a rise."""
    if piece.better is None or piece.signal is None:
        return None
    return piece.signal if piece.better == "higher" else OPPOSITE.get(piece.signal)


def _alternative(kind: str, pieces: list[Evidence]) -> str:
    """What could honestly be said instead."""
    if kind == "cause":
        return 'Say what differs or moved together, such as "cases with a transfer are rated lower".'
    if kind in WANTED or kind == "certain":
        return 'Say "we cannot tell yet", with the interval, or what the rule of change says.'
    for e in (p.estimate for p in pieces):
        if e is not None and e.source == SAID:
            return f'Say the figure: "{write_interval(e.value, e.low, e.high, e.unit)}, {e.n:,} customers".'
    return 'Say "we do not know how customers see this", or cite what they answered.'
