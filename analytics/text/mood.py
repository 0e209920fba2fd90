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

FEWEST, FEW = 10, 50  # people with texts beside a score from which the two are compared, and whose words say much
MOST, BEGINNING = 400, 1_000  # texts that are read, evenly over the file, and characters of each
CHANCE, CHANCE_OF_FEW = 0.005, 0.05  # chance of so clear a contradiction were words and score unrelated


def doubt_mood(surveys: pd.DataFrame, scales: Mapping[str, tuple[float, float]] | None = None) -> list[Doubt]:
    """Doubt the direction of each score that falls as what customers write beside it gets better.

    Parameters
    ----------
    surveys
        As read, turned round where the map says so.
    scales
        Ends of the scores that are on another scale than the usual one.

    Returns
    -------
    list of Doubt
        At most one per score, from the mean of each person's answers; none where texts of fewer than 10 can be read.

    References
    ----------
    Spearman (1904), American Journal of Psychology 15, 72-101.

    Examples
    --------
    >>> words = ["Great service, very friendly staff."] * 8 + ["Terrible, rude and slow."] * 8
    >>> [d.aspect for d in doubt_mood(pd.DataFrame({"csat": [1.0] * 8 + [5.0] * 8, "comment": words}))]
    ['direction']
    """
    from scipy.stats import spearmanr

    scored = [name for name in SCALES if {name, "comment"} <= {*surveys}]
    beside = surveys[surveys["comment"].notna() & surveys[scored].notna().any(axis=1)] if scored else surveys.iloc[:0]
    beside = beside.iloc[:: max(1, len(beside) // MOST)]
    if len(beside) < FEWEST:
        return []
    words = beside["comment"].astype("str").str.slice(0, BEGINNING)
    mood = words.map(_valence(pd.Series(words.unique(), dtype=object)))  # each is read once
    rows = "row " + beside.index.to_series().astype("str")
    people = beside["customer_id"].fillna(rows) if "customer_id" in beside else rows
    doubts = []
    for name in scored:
        both = pd.concat([beside[name].astype("float64"), mood], axis=1).dropna()
        both = both.groupby(people.reindex(both.index), sort=False).mean()
        if len(both) < FEWEST or (both.nunique() < 2).any():
            continue
        chance = CHANCE if len(both) >= FEW else CHANCE_OF_FEW
        if spearmanr(both.iloc[:, 0], both.iloc[:, 1], alternative="less").pvalue < chance:
            low, high = (scales or {}).get(name, SCALES[name][0])
            doubts.append(Doubt(name, "direction", (
                f"the lower the score, the better customers write of you ({len(both):,} who wrote, {low:g} to "
                f"{high:g}). Say reverse = true if the low end is the good one, reverse = false if it is not."
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
    if open_ends := [("surveys", d.column, str(d)) for d in doubts if d.column not in log.directed]:
        raise DataContractError(open_ends)
    return replace(tables, log=replace(log, warnings=(*log.warnings, *(f"surveys, {d}" for d in doubts))))
