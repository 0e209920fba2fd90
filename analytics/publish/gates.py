"""Gates that a report's blocks pass besides the claim guard: true figures, this period, large groups, fixes not gifts.

Each takes what it looks at and yields a `Fault`: the place, the reason, what could honestly stand there instead.
"""

import re
from calendar import month_name
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import pandas as pd

from analytics.measures.estimate import SOURCES
from analytics.publish.claims import Fault, claim_words, patterns, sentences
from analytics.publish.format import format_interval, write_estimate
from analytics.publish.people import check_counts, check_people, empty
from analytics.tables.periods import Period, parse_period

Json = dict[str, Any]


def check_finding(claim: Json) -> Iterator[Fault]:
    """A finding's written figures must be those of its evidence, and somebody must stand behind it."""
    sentence, evidence = claim["sentence"], claim["evidence"]
    if evidence and claim["level"] == "finding" and all(e["n"] == 0 for e in evidence):
        reason = "states a figure, but nobody stands behind its evidence (n = 0): unknown is not zero."
        yield Fault(sentence, reason, 'Make it unknown(…): "not known", with what would settle it.')
    yield from _figures(sentence, evidence, claim["level"])


def _figures(sentence: str, evidence: Sequence[Json], level: str) -> Iterator[Fault]:
    """Figures in a sentence that no evidence of it carries."""
    defined = [e for e in evidence if e["value"] is not None]
    writings: dict[str, set[str]] = {unit: set() for unit in ("", "share", "points", *(e["unit"] for e in defined))}
    for e, places in product(defined, (0, 1, 2)):
        figure, bounds = format_interval(e["value"], e["low"], e["high"], e["unit"], places, exact=True)
        writings[""].add(_plain(f"{figure} ({bounds})" if bounds else figure))
        writings[e["unit"]].add(_plain(figure).removesuffix("%"))
    wrong = []
    if defined or level == "finding":  # an unknown may show figures of which it says that they settle nothing
        wrong = [m[0] for m in patterns()["interval"].finditer(sentence) if _plain(m[0]) not in writings[""]]
    for unit in ("share", "points"):
        matches = patterns()[unit].finditer(sentence) if writings[unit] else ()
        wrong += [m[0] for m in matches if _plain(m[1]) not in writings[unit]]
    cited = "; ".join(map(write_estimate, defined))
    honest = f'Say what the evidence shows: "{cited}".' if cited else "Cite the estimate as evidence."
    counts = {e["n"] for e in defined}
    faults = dict.fromkeys(wrong, honest)
    for match in patterns()["answered"].finditer(sentence) if counts else ():
        if int(match[1].replace(",", "")) not in counts:
            faults[match[0]] = f"The evidence rests on {' and '.join(map(str, counts))}."
    for figure, alternative in faults.items():
        yield Fault(sentence, f"writes {figure}, which is not the figure of any evidence cited for it.", alternative)


def _plain(text: str) -> str:
    """A written figure without the spaces, signs and dashes in which two writings of it may differ."""
    return re.sub(r"[\s+]", "", text).replace("−", "-").replace("to", "–")


def check_sentences(text: str, period: Period | None = None, k: int = 10) -> Iterator[Fault]:
    """Sentences that count fewer than k people, claim for another period, or count a gesture as a fix."""
    for sentence in sentences(text):
        yield from check_counts(sentence, k)
        if period is not None and (old := _other_period(sentence, period)) and any(claim_words(sentence)):
            instead = "Say what this period's figures show; what was said before stands under “What we said last time”."
            yield Fault(sentence, f'claims something for "{old}", but this report is about {period.label}.', instead)
        gesture = patterns()["gesture_as_fix"].search(sentence)
        if gesture and not sentence.endswith("?") and not patterns()["not_so"].search(sentence):
            instead = "Say both: how many problems were fixed, and how many customers got a gesture without a fix."
            yield Fault(sentence, f'counts a gesture as a fix ("{gesture[0]}"): goodwill solves no problem.', instead)


def _other_period(sentence: str, period: Period) -> str:
    """The period a sentence speaks of that shares no day with the report's own, unless it only compares with it."""
    others = []
    for name in patterns()["period"].finditer(sentence):
        if not name["last"] and _overlaps(name.groupdict(), period):
            return ""
        if not patterns()["compared"].search(sentence[: name.start()]):
            others.append(name[0])
    return next(iter(others), "")


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
