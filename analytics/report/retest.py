"""What earlier reports claimed, beside the same figures made anew: facts, without a word.

Every keyed claim of a published report stands in its claims.json. What it said of its own period is reckoned again with
all that has come in since; whether it still holds is decided by the figures of the new period.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from analytics.measures.discoveries import detectable
from analytics.measures.estimate import SAID, Estimate
from analytics.measures.intervals import difference_bounds, z_score
from analytics.publish.cells import estimate_cell
from analytics.publish.versions import Claim, by_key, read_claims
from analytics.report.movement import shown_scores
from analytics.report.story import Story
from analytics.report.words import estimate_of
from analytics.tables.schema import NotMeasured

REPORT, RECORD = "leadership", "record"
ENDS = {"": "value", "_low": "low", "_high": "high"}
MINIMUM_N = 30  # answers below which a new figure settles nothing
OPPOSITE = {"rose": "fell", "fell": "rose"}
ALIKE = {"share": 0.05, "points": 10.0, "score": 0.5}  # figures that surely lie no further apart still hold
LEAVERS = ("leaving:silent", "leaving:auc", "leaving:listening", "leaving:oftener", "leaving:after")
OVERLAPPING = (*LEAVERS, "recovery:", "band", "target:", "disputes:", "action:")  # of six periods or more: hardly new


class Verdict(StrEnum):
    """What new data say of an earlier claim."""

    HELD = "still holds"
    DID_NOT = "no longer holds"
    CANNOT_TELL = "cannot tell"


def last_claims(story: Story) -> tuple[int, list[Claim], dict[Verdict, int]] | None:
    """The latest readable report before this one: how many periods back, its claims, and its record of earlier ones.

    None for a narrowed story, whose figures are of other people.
    """
    if story.narrowing:
        return None
    folder = story.config.report_folder(REPORT, story.part)
    for back, period in enumerate(reversed(story.history[:-1]), start=1):
        if (claims := read_claims(folder / period)) is not None:
            keyed = by_key(claims)
            counts = keyed.pop(RECORD)["evidence"] if RECORD in keyed else []
            record = {verdict: int(e["value"]) for verdict, e in zip(Verdict, counts, strict=False)}
            return back, list(keyed.values()), record
    return None


def figures_of(story: Story, back: int = 0) -> list[dict[str, Any]]:
    """The scores of this period or of one before it, and the problems of this one, with all that is known now."""
    figures: dict[str, pd.Series] = {}
    then = story.history[-1 - back]
    with suppress(NotMeasured):
        for score in shown_scores(story):
            rows = story.over_time(score)
            figures |= {f"score:{score.column}": row for _, row in rows[rows["period"] == then].iterrows()}
    with suppress(NotMeasured):
        named = story.problem_table.dropna(subset="value")
        figures |= {f"problem:{row['theme']}": row for _, row in named.iterrows() if not back}
    estimates = {key: estimate_of(row) for key, row in figures.items() if row["n"] >= story.k}
    return [{"key": key, "evidence": [estimate_cell(e)]} for key, e in estimates.items()]


def retest(
    previous: Sequence[Mapping[str, Any]], current: Sequence[Mapping[str, Any]],
    again: Sequence[Mapping[str, Any]] = (), *, chance: float = 0.05,
) -> pd.DataFrame:  # fmt: skip
    """Judge each earlier claim by the same statement made on new data.

    A claim no longer holds when the two figures differ by more than chance allows, unless it was of a rise (fall) that
    went further; a claim of change also when the rule now says the opposite, a claim of no change when the rule now
    says rose or fell. It still holds when it went further the same way, or when the whole 95 % interval of the
    difference lies within 5 percentage points, 10 points or half a score: that no difference is shown is not enough.
    Else, without a new figure, in another unit, with fewer than 30 answers, and where most of the data are the same,
    we cannot tell.

    Parameters
    ----------
    previous, current
        Claims with key, sentence, signal and evidence (value, low, high, n), as in claims.json.
    again
        The figures of the earlier period as they are known now.
    chance
        Largest p-value of a difference that is told.

    Returns
    -------
    pandas.DataFrame
        One row per earlier claim: key, said, then, now and again with their bounds, unit, source, n, people, old (most
        of the data are the same), p_value, unseen (a difference of less would have been missed more than once in five),
        right (whether the figure said holds what is known now; missing where that is not reckoned again) and verdict (a
        `Verdict`). Figures of now are missing where the statement is not made again.

    References
    ----------
    Zou and Donner (2008), Statistics in Medicine 27, 1693-1702, for the interval of a difference from two intervals.
    Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15, 657-680, for equality that is tested.

    Examples
    --------
    >>> then = [{"key": "score:nps", "sentence": "NPS was +30.", "signal": "no change",
    ...          "evidence": [{"value": 30.0, "low": 25.0, "high": 35.0, "n": 600, "unit": "points"}]}]
    >>> now = [{**then[0], "evidence": [{"value": 12.0, "low": 7.0, "high": 17.0, "n": 610, "unit": "points"}]}]
    >>> retest(then, now)["verdict"].tolist()
    ['no longer holds']
    """
    figures, later = ({c["key"]: c for c in claims} for claims in (current, again))
    rows = [_row(claim, figures.get(claim["key"], {}), later.get(claim["key"], {}), chance) for claim in previous]
    bounds = [f"{time}{end}" for time in ("then", "now", "again") for end in ENDS]
    tests = ["unit", "source", "n", "people", "old", "p_value", "unseen", "right", "verdict"]
    return pd.DataFrame(rows, columns=["key", "said", *bounds, *tests])


def _row(claim: Mapping[str, Any], new: Mapping[str, Any], known: Mapping[str, Any], chance: float) -> dict[str, Any]:
    first = claim["evidence"][0]
    then, now, again = (_figure(made, first) for made in (claim, new, known))
    unit = first["unit"]
    gap, low, high = difference_bounds(now, then)
    error = (high - low) / (2 * z_score(0.95))
    old = claim["key"].startswith(OVERLAPPING)
    tested = now.n >= MINIMUM_N and np.isfinite(error) and not old
    p = float(2 * ndtr(-abs(gap) / error)) if tested and error > 0 else np.nan
    row = {"key": claim["key"], "said": claim["sentence"], "unit": unit, "source": first.get("source", SAID)}
    row |= {"p_value": p, "old": old}
    for time, e in (("then", then), ("now", now), ("again", again)):
        row |= {f"{time}{end}": getattr(e, name) for end, name in ENDS.items()}
    row |= {"n": now.n or np.nan, "people": (new.get("people") or now.n) or np.nan}
    row["unseen"] = detectable(error, chance) if tested else np.nan
    row["right"] = not then.excludes(again.value) if np.isfinite(again.value) else None
    row["verdict"] = _verdict(claim.get("signal"), new.get("signal"), (gap, low, high), p, unit, chance)
    return row


def _figure(claim: Mapping[str, Any], like: Mapping[str, Any]) -> Estimate:
    """The first figure of a claim in the unit, by the source and of the group of another; undefined without one."""
    same = ("unit", "source", "of")
    alike = [e for e in claim.get("evidence", ()) if all(e.get(name) == like.get(name) for name in same)]
    cell = next((e for e in alike if all(e.get(name) is not None for name in ENDS.values())), None)
    if cell is None:
        return Estimate(np.nan, np.nan, np.nan, 0, like["unit"], SAID)
    return Estimate(cell["value"], cell["low"], cell["high"], cell["n"], cell["unit"], cell.get("source", SAID))


def _verdict(
    word: str | None, word_now: str | None, difference: tuple[float, float, float], p: float, unit: str, chance: float
) -> Verdict:
    """Judge an earlier figure and its word of movement by the difference to the new figure, and the new word."""
    gap, low, high = difference
    if np.isnan(p):
        return Verdict.CANNOT_TELL
    if (word in OPPOSITE and word_now == OPPOSITE[word]) or (word == "no change" and word_now in OPPOSITE):
        return Verdict.DID_NOT
    if p <= chance:
        return Verdict.HELD if (word == "rose" and gap > 0) or (word == "fell" and gap < 0) else Verdict.DID_NOT
    within = ALIKE.get(unit, 0.0)
    return Verdict.HELD if -within < low and high < within else Verdict.CANNOT_TELL
