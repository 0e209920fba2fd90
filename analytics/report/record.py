"""What we said last time, tested on this period's data, and how often we were right so far.

Every keyed claim of a published report stands in its claims.json. The next report makes the same statement anew from
new data; the two figures decide whether the old one held.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HELD, DID_NOT, CANNOT_TELL = "held", "did not hold", "cannot tell"
MINIMUM_N = 30  # answers below which a new figure settles nothing
OPPOSITE = {"rose": "fell", "fell": "rose"}


def read_claims(folder: Path, period: str) -> list[dict[str, Any]] | None:
    """The keyed claims of one published report; None where there is none, or its file cannot be read."""
    try:
        claims = json.loads((folder / period / "claims.json").read_text(encoding="utf-8"))["claims"]
        keyed = {claim["key"]: claim for claim in claims if claim.get("key") and claim["evidence"]}
        return [claim for claim in keyed.values() if {"value", "low", "high", "n", "unit"} <= set(claim["evidence"][0])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # whatever stands there is no claims.json
        return None


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
        One row per earlier claim: key, said, then, low, high, now, now_low, now_high, unit, n, verdict.

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
        old, again = claim["evidence"][0], by_key.get(claim["key"])
        if _figure(again).get("unit", old["unit"]) != old["unit"]:  # the figure is reckoned another way by now
            again = None
        new = _figure(again)
        known = {name: new.get(name, np.nan) for name in ("value", "low", "high", "n")}
        rows.append(
            {
                "key": claim["key"],
                "said": claim["sentence"],
                "then": old["value"],
                "then_low": old["low"],
                "then_high": old["high"],
                "now": known["value"],
                "now_low": known["low"],
                "now_high": known["high"],
                "unit": old["unit"],
                "n": known["n"],
                "verdict": _verdict(claim, again),
            }
        )
    columns = ["key", "said", "then", "then_low", "then_high", "now", "now_low", "now_high", "unit", "n", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def _verdict(claim: Mapping[str, Any], again: Mapping[str, Any] | None) -> str:
    old, new = claim["evidence"][0], _figure(again)
    figures = [old.get(k) for k in ("value", "low", "high")] + [new.get(k) for k in ("value", "low", "high")]
    if any(f is None or not np.isfinite(f) for f in figures) or new.get("n", 0) < MINIMUM_N or again is None:
        return CANNOT_TELL
    said, now = claim.get("signal"), again.get("signal")
    if said in OPPOSITE and now == OPPOSITE[said]:
        return DID_NOT
    if said == "no change" and now in OPPOSITE:
        return DID_NOT
    gap = new["value"] - old["value"]
    low = gap - np.hypot(new["value"] - new["low"], old["high"] - old["value"])
    high = gap + np.hypot(new["high"] - new["value"], old["value"] - old["low"])
    further = (said == "rose" and gap > 0) or (said == "fell" and gap < 0)
    return HELD if further or low <= 0 <= high else DID_NOT


def _figure(claim: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The figure a claim rests on first; nothing where there is no claim, or none behind it."""
    return claim["evidence"][0] if claim and claim["evidence"] else {}


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
    counts = pd.Series(0, index=[HELD, DID_NOT, CANNOT_TELL])
    published = [claims for period in periods if (claims := read_claims(folder, period)) is not None]
    for earlier, later in zip(published, published[1:], strict=False):
        counts += retest(earlier, later)["verdict"].value_counts().reindex(counts.index, fill_value=0)
    return counts
