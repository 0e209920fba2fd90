"""What we said last time, tested on this period's data, and how often we were right so far.

Every keyed claim of a published report stands in its claims.json. The next report makes the same statement anew from
new data; the two figures decide whether the old one held.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analytics.measures.estimate import SAID, Estimate
from analytics.measures.intervals import difference_bounds
from analytics.publish import blocks
from analytics.publish.versions import read_json
from analytics.report.problems import name_problem
from analytics.report.story import Story
from analytics.report.words import Section, section, section_of
from analytics.tables.schema import NotMeasured

REPORT = "leadership"
ENDS = {"": "value", "_low": "low", "_high": "high"}
MINIMUM_N = 30  # answers below which a new figure settles nothing
OPPOSITE = {"rose": "fell", "fell": "rose"}


class Verdict(StrEnum):
    """What new data say of an earlier claim."""

    HELD = "held"
    DID_NOT = "did not hold"
    CANNOT_TELL = "cannot tell"


def read_claims(folder: Path, period: str) -> list[dict[str, Any]] | None:
    """The keyed claims of one published report; None where there is none, or its file cannot be read."""
    claims = (read_json(folder / period / "claims.json") or {}).get("claims")
    try:
        keyed = {claim["key"]: claim for claim in claims or () if claim.get("key") and claim["evidence"]}
        needed = {"value", "low", "high", "n", "unit"}
        whole = [claim for claim in keyed.values() if needed <= set(claim["evidence"][0])]
    except (KeyError, TypeError, AttributeError):  # whatever stands there is no claims.json
        return None
    return None if claims is None else whole


def retest(previous: Sequence[Mapping[str, Any]], current: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Judge each earlier claim by the same statement made on new data.

    A claim held when the difference of the two figures has an interval around zero, or when it was of a rise (fall) and
    the new figure lies further the same way. A claim of change also fails when the rule now says the opposite, a claim
    of no change when the rule now says rose or fell. Without a new figure, in another unit, or with fewer than 30
    answers, we cannot tell.

    Parameters
    ----------
    previous, current
        Claims with key, sentence, signal and evidence (value, low, high, n), as in claims.json.

    Returns
    -------
    pandas.DataFrame
        One row per earlier claim: key, said, then, then_low, then_high, now, now_low, now_high, unit, n, people,
        verdict (a `Verdict`); figures of now are missing where the statement is not made again.

    References
    ----------
    Zou and Donner (2008), Statistics in Medicine 27, 1693-1702, for the interval of a difference from two intervals.

    Examples
    --------
    >>> then = [{"key": "score:nps", "sentence": "NPS was +30.", "signal": "no change",
    ...          "evidence": [{"value": 30.0, "low": 25.0, "high": 35.0, "n": 600, "unit": "points"}]}]
    >>> now = [{**then[0], "evidence": [{"value": 12.0, "low": 7.0, "high": 17.0, "n": 610, "unit": "points"}]}]
    >>> retest(then, now)["verdict"].tolist()
    ['did not hold']
    """
    by_key = {claim["key"]: claim for claim in current}
    rows = []
    for claim in previous:
        old, again = claim["evidence"][0], by_key.get(claim["key"], {"evidence": ()})
        new: Mapping[str, Any] = next(iter(again["evidence"]), {})
        if new.get("unit", old["unit"]) != old["unit"]:  # the figure is reckoned another way by now
            new = {}
        rows.append(
            {"key": claim["key"], "said": claim["sentence"], "unit": old["unit"], "n": new.get("n", np.nan)}
            | {"people": again.get("people") or new.get("n", np.nan) if new else np.nan}
            | {f"then{end}": old[name] for end, name in ENDS.items()}
            | {f"now{end}": new.get(name, np.nan) for end, name in ENDS.items()}
            | {"verdict": _verdict(old, claim.get("signal"), new, again.get("signal"))}
        )
    columns = [f"{time}{end}" for time in ("then", "now") for end in ENDS]
    return pd.DataFrame(rows, columns=["key", "said", *columns, "unit", "n", "people", "verdict"])


def _verdict(old: Mapping[str, Any], word: str | None, new: Mapping[str, Any], word_now: str | None) -> Verdict:
    """Judge an earlier figure and its word of movement by the new figure and word."""
    figures = [figure.get(name) for figure in (old, new) for name in ENDS.values()]
    if any(f is None or not np.isfinite(f) for f in figures) or new.get("n", 0) < MINIMUM_N:
        return Verdict.CANNOT_TELL
    if (word in OPPOSITE and word_now == OPPOSITE[word]) or (word == "no change" and word_now in OPPOSITE):
        return Verdict.DID_NOT
    then, now = (Estimate(f["value"], f["low"], f["high"], f["n"], f["unit"], SAID) for f in (old, new))
    gap, low, high = difference_bounds(now, then)
    further = (word == "rose" and gap > 0) or (word == "fell" and gap < 0)
    return Verdict.HELD if further or low <= 0 <= high else Verdict.DID_NOT


def running_record(folder: Path, periods: Sequence[str]) -> pd.Series:
    """How many claims of earlier reports held, did not, or cannot be told, over each pair of successive reports.

    Parameters
    ----------
    folder
        Where a report's periods are published.
    periods
        Period names, oldest first; those without a readable report are passed over.

    Returns
    -------
    pandas.Series
        Counts by 'held', 'did not hold', 'cannot tell'.
    """
    counts = pd.Series(0, index=list(Verdict))
    published = [claims for period in periods if (claims := read_claims(folder, period)) is not None]
    for earlier, later in zip(published, published[1:], strict=False):
        counts += retest(earlier, later)["verdict"].value_counts().reindex(counts.index, fill_value=0)
    return counts


@section
def show_last_time(story: Story, *sections: Section) -> Section:
    """Each claim of the previous report, tested on this period's data, and the running record."""
    folder = story.config.report_folder(REPORT, story.part)
    previous = read_claims(folder, story.period.previous().name)
    if previous is None:
        last = story.period.previous().label
        nothing = f"No readable report of {last} is published, so there is nothing to test again."
        return section_of([blocks.unknown(nothing, settle="building that report, then this one")])
    now = [block.data for part in sections for block in part.blocks if block.data.get("key")]
    table = retest(previous, [*_problems_now(story), *now])
    latest = table["verdict"].value_counts().reindex(list(Verdict), fill_value=0)
    record = running_record(folder, story.history[:-1]).add(latest)
    so_far = "" if record.eq(latest).all() else f" Over all reports so far: {_counted(record)}."
    record_so_far = blocks.finding(
        f"Of {len(table)} statements of {story.period.previous().label}: {_counted(latest)}.{so_far}"
    )
    if table.empty:
        return section_of([record_so_far])
    figures = pd.Series([_restated(row) for _, row in table.iterrows()], index=table.index, dtype=object)
    listing = blocks.table(
        table.drop(columns=["now_low", "now_high"]).assign(now=figures), caption="What we said last time.", source=SAID,
        n=int(table["n"].fillna(0).max()), formats={"n": "count"}, people="people",
        columns={"said": "What we said", "verdict": "On new data", "now": "Figure now", "n": "Answers"},
        note="Held: the difference of the two figures has an interval around zero, or it went further the same way.",
    )  # fmt: skip
    return section_of([record_so_far, listing])


def _problems_now(story: Story) -> list[dict[str, Any]]:
    """Every problem's share, as one named last time may be no open problem now and have no sentence of its own."""
    try:
        table = story.problem_table
    except NotMeasured:
        return []
    named = table[table["n"] >= story.k].dropna(subset="value")
    return [name_problem(row).data for _, row in named.iterrows()]


def _counted(counts: pd.Series) -> str:
    held, failed, open_still = (counts[verdict] for verdict in (Verdict.HELD, Verdict.DID_NOT, Verdict.CANNOT_TELL))
    return f"{held} held, {failed} did not, {open_still} cannot be told"


def _restated(row: pd.Series) -> Estimate | None:
    if pd.isna(row["now"]):
        return None
    return Estimate(row["now"], row["now_low"], row["now_high"], int(row["n"]), row["unit"], SAID)
