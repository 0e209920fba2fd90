"""Whether the words beside a score are in its mood: those who gave the worst mark do not write praise."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from analytics.tables.check import Checked
from analytics.tables.maps import SCALES
from analytics.tables.meaning import Doubt
from analytics.tables.schema import DataContractError, ReadLog, Tables
from analytics.text.scored import clean_own
from analytics.text.sentiment import load_sentiment_model
from analytics.text.thread import read_own_words

FEWEST = 8  # texts at each end of the scale from which their moods are compared
MOST = 200  # texts of each end that are read
CHANCE = 0.001  # chance of so clear a contradiction were words and score unrelated


def doubt_mood(surveys: pd.DataFrame, scales: Mapping[str, tuple[float, float]] | None = None) -> list[Doubt]:
    """Doubt the direction of each score at whose bad end customers write better of us than at its good end.

    Parameters
    ----------
    surveys
        As read, turned round where the map says so.
    scales
        Ends of the scores that are on another scale than the usual one.

    Returns
    -------
    list of Doubt
        At most one per score; none where fewer than 8 texts at either end can be read.

    References
    ----------
    Mann and Whitney (1947) for the comparison of the two ends' valences.

    Examples
    --------
    >>> words = ["Great service, very friendly staff."] * 8 + ["Terrible, rude and slow."] * 8
    >>> [d.aspect for d in doubt_mood(pd.DataFrame({"csat": [1.0] * 8 + [5.0] * 8, "comment": words}))]
    ['direction']
    """
    from scipy.stats import mannwhitneyu

    ends: dict[str, list[pd.Series]] = {}
    for name in (name for name in SCALES if {name, "comment"} <= {*surveys}):
        low, high = (scales or {}).get(name, SCALES[name][0])
        place = (surveys[name].astype("float64") - low) / (high - low)
        words = surveys["comment"].dropna()
        sides = [words[side.reindex(words.index)].head(MOST) for side in (place <= 1 / 3, place >= 2 / 3)]
        if min(map(len, sides)) >= FEWEST:
            ends[name] = sides
    texts = pd.unique(pd.concat([side for sides in ends.values() for side in sides])) if ends else []
    valence = _valence(pd.Series(texts, dtype=object))
    doubts = []
    for name, sides in ends.items():
        low, high = (scales or {}).get(name, SCALES[name][0])
        below, above = (side.map(valence).dropna() for side in sides)
        if min(len(below), len(above)) < FEWEST or below.mean() <= above.mean():
            continue
        if mannwhitneyu(below, above, alternative="greater").pvalue < CHANCE:
            doubts.append(Doubt(name, "direction", (
                f"those who gave {low:g} to {low + (high - low) / 3:.3g} write better of you than those who gave "
                f"{high - (high - low) / 3:.3g} to {high:g} ({len(below):,} and {len(above):,} comments). Say "
                "reverse = true if the low end is the good one, reverse = false if it is not."
            )))  # fmt: skip
    return doubts


def _valence(texts: pd.Series) -> pd.Series:
    """How well each distinct text speaks, -1 to 1, by the fast model; missing where it cannot be read."""
    own = read_own_words(texts)
    plain, reasons = clean_own(own["text"].tolist(), own["no_answer"].tolist())
    probabilities = load_sentiment_model("fast").predict_proba(plain) if plain else np.empty((0, 3))
    valence = pd.Series((probabilities[:, 2] - probabilities[:, 0]).round(9), texts.to_numpy())
    return valence.where(np.array([not reason for reason in reasons], dtype=bool))


def doubt_checked(checked: Checked) -> list[Doubt]:
    """The doubts on a checked table of surveys, of scores whose direction its map does not state."""
    doubts = doubt_mood(checked.frame, checked.log.scales)
    return [doubt for doubt in doubts if doubt.column not in checked.log.directed]


def heed_mood(tables: Tables) -> Tables:
    """The tables, with a warning for each score whose stated direction the words beside it contradict.

    Raises
    ------
    DataContractError
        If words contradict a score of which no map states the direction.
    """
    log = tables.log or ReadLog()
    doubts = doubt_mood(tables.surveys, log.scales) if tables.surveys is not None else []
    open_ends = [d for d in doubts if d.column not in log.directed]
    if open_ends:
        raise DataContractError([("surveys", d.column, str(d)) for d in open_ends])
    if not doubts:
        return tables
    return replace(tables, log=replace(log, warnings=(*log.warnings, *(f"surveys, {d}" for d in doubts))))
