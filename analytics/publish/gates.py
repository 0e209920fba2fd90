"""Gates that a report's blocks pass besides the claim guard: true figures, this period, large groups, fixes not gifts.

Each takes what it looks at and yields a `Fault`: the place, the reason, what could honestly stand there instead.
"""

import math
import re
from calendar import month_name
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from analytics.measures.estimate import SOURCES
from analytics.publish.claims import Fault, claim_words, patterns, sentences
from analytics.publish.format import format_interval, write_interval
from analytics.publish.people import check_counts, check_people, empty
from analytics.tables.periods import Period, parse_period

Json = dict[str, Any]


def check_finding(claim: Json) -> Iterator[Fault]:
    """A finding's written figures must be those of its evidence, and somebody must stand behind it."""
    sentence, evidence = claim["sentence"], claim["evidence"]
    if evidence and claim["level"] == "finding" and all(e["n"] == 0 for e in evidence):
        yield Fault(
            sentence, "states a figure, but nobody stands behind its evidence (n = 0): unknown is not zero.",
            'Make it unknown(…): "not known", with what would settle it.',
        )  # fmt: skip
    yield from _figures(sentence, evidence, claim["level"])


def _figures(sentence: str, evidence: Sequence[Json], level: str) -> Iterator[Fault]:
    """Figures in a sentence that no evidence of it carries."""
    known = [e for e in evidence if e["value"] is not None]
    cited = "; ".join(write_interval(e["value"], e["low"], e["high"], e["unit"]) for e in known)
    honest = f'Say what the evidence shows: "{cited}".' if cited else "Cite the estimate as evidence."
    reason = "writes {}, which is not the figure of any evidence cited for it."
    written = {_bracketed(e, places) for e in known for places in (0, 1, 2)}
    if known or level == "finding":  # an unknown may show figures of which it says that they settle nothing
        for found in patterns()["interval"].finditer(sentence):
            if _plain(found[0]) not in written:
                yield Fault(sentence, reason.format(found[0]), honest)
    for unit in ("share", "points"):
        values = [e for e in known if e["unit"] == unit]
        heads = {_alone(e["value"], unit, places) for e in values for places in (0, 1, 2)}
        for found in patterns()[unit].finditer(sentence):
            if heads and _plain(found[1]) not in {head.removesuffix("%") for head in heads}:
                yield Fault(sentence, reason.format(found[0]), honest)
    counts = {e["n"] for e in known}
    for found in patterns()["answered"].finditer(sentence):
        if counts and int(found[1].replace(",", "")) not in counts:
            yield Fault(sentence, reason.format(found[0]), f"The evidence rests on {' and '.join(map(str, counts))}.")


def _alone(value: float, unit: str, places: int) -> str:
    """A figure without its interval, with so many decimals."""
    return _plain(format_interval(value, math.nan, math.nan, unit, places)[0])


def _bracketed(e: Json, places: int) -> str:
    """A figure with its interval in brackets, with so many decimals even where they make the bounds look alike."""
    figure = _alone(e["value"], e["unit"], places)
    ends = [_alone(e[end], e["unit"], places) if e[end] is not None else "" for end in ("low", "high")]
    suffix = figure.lstrip("0123456789.,-")
    return f"{figure}({'–'.join(end.removesuffix(suffix) for end in ends)})" if all(ends) else figure


def _plain(text: str) -> str:
    """A written figure without the spaces, signs and dashes in which two writings of it may differ."""
    return re.sub(r"[\s+]", "", text).replace("−", "-").replace("to", "–")


def check_sentences(text: str, period: Period | None = None, k: int = 10) -> Iterator[Fault]:
    """Sentences that count fewer than k people, claim for another period, or count a gesture as a fix."""
    for sentence in sentences(text):
        yield from check_counts(sentence, k)
        if period is not None and (old := _other_period(sentence, period)) and any(claim_words(sentence)):
            yield Fault(
                sentence, f'claims something for "{old}", but this report is about {period.label}.',
                "Say what this period's figures show; what was said before stands under “What we said last time”.",
            )  # fmt: skip
        gesture = patterns()["gesture_as_fix"].search(sentence)
        if gesture and not sentence.endswith("?") and not patterns()["not_so"].search(sentence):
            yield Fault(
                sentence, f'counts a gesture as a fix ("{gesture[0]}"): goodwill solves no problem.',
                "Say both: how many problems were fixed, and how many customers got a gesture without a fix.",
            )  # fmt: skip


def _other_period(sentence: str, period: Period) -> str:
    """The period a sentence speaks of that shares no day with the report's own, unless it only compares with it."""
    old = ""
    for found in patterns()["period"].finditer(sentence):
        own = not found["last"] and _overlaps(found.groupdict(), period)
        if own:
            return ""
        if not patterns()["compared"].search(sentence[: found.start()]):
            old = old or found[0]
    return old


def _overlaps(named: Mapping[str, str | None], period: Period) -> bool:
    start, end = period.start.tz_localize(None), period.end.tz_localize(None)
    if named["bare"]:
        return any(day.month_name() == named["bare"] for day in pd.date_range(start, end, inclusive="left"))
    if named["only_year"]:
        return start.year <= int(named["only_year"]) <= end.year
    month, quarter = named["month"], named["q"] or named["n"]
    name = f"{named['year']}-{list(month_name).index(month):02d}" if month else named["name"] or ""
    name = f"{named['q_year'] or named['n_year']}-Q{quarter}" if quarter else name
    try:
        other = parse_period(name)
    except ValueError:  # such as a 53rd week that its year lacks: no period at all
        return True
    return bool(other.start < end and start < other.end)


def check_block(block: Json, k: int = 10) -> Iterator[Fault]:
    """The source label of a block, the people behind it, and figures of page one with nobody behind them."""
    for part in filter(None, (block, block.get("trend"), block.get("headline"), *block.get("answers", []))):
        if "caption" in part and not set(str(part.get("source") or "none").split(", ")) <= set(SOURCES):
            yield Fault(part["caption"], "has no source label.", f"Give source=: {', '.join(SOURCES)}.")
        yield from check_people(part, k)
    for number in block.get("numbers", []):
        if number["n"] == 0 and number["value"] is not None:
            yield empty(number["label"])
