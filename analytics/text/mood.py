"""Whether the words beside a score are in its mood: those who gave the worst mark do not write praise."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from analytics.tables.check import Checked
from analytics.tables.maps import SCALES
from analytics.tables.meaning import REASONS, Doubt, doubt
from analytics.tables.schema import FIELDS, DataContractError, ReadLog, Tables
from analytics.text.scored import clean_own
from analytics.text.sentiment import load_sentiment_model
from analytics.text.thread import read_own_words

FEWEST, FEW = 10, 50  # people with texts beside a score from which the two are compared, and whose words say much
MOST_GROUPS = 15  # different words of a column that groups answers
MOST, BEGINNING = 400, 1_000  # texts that are read, evenly over the file, and characters of each
CHANCE, CHANCE_OF_FEW = 0.005, 0.05  # chance of so clear a contradiction were words and score unrelated
CHANCE_OF_PARTS = 0.001  # and of one in any part of a table, of which there are many


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
    scored = [name for name in SCALES if {name, "comment"} <= {*surveys}]
    beside = surveys[surveys["comment"].notna() & surveys[scored].notna().any(axis=1)] if scored else surveys.iloc[:0]
    beside = beside.iloc[:: max(1, len(beside) // MOST)]
    if len(beside) < FEWEST:
        return []
    words = beside["comment"].astype("str").str.slice(0, BEGINNING)
    mood = words.map(_valence(pd.Series(words.unique(), dtype=object)))  # each is read once
    own = "row " + beside.index.to_series().astype("str")
    people = beside["customer_id"].fillna(own) if "customer_id" in beside else own
    doubts = []
    for name in scored:
        low, high = (scales or {}).get(name, SCALES[name][0])
        both = pd.DataFrame({"score": beside[name].astype("float64"), "mood": mood, "person": people}).dropna()
        parts = _parts(both["score"], beside, (low + high) / 2)
        wrong = [("", both)] if (whole := _contradicted(both)) else [
            (part, both[here]) for part, here in parts if _contradicted(both[here], len(parts))
        ]  # fmt: skip
        for part, rows in wrong[:1]:
            settle = "mood_whole" if whole else "mood_part"
            facts = {"part": part, "n": rows["person"].nunique(), "low": low, "high": high}
            doubts.append(doubt(name, "direction", "mood", **facts, settle=REASONS[settle]))
    return doubts


def _parts(scores: pd.Series, beside: pd.DataFrame, middle: float) -> list[tuple[str, pd.Series]]:
    """The parts of a table in which a score may be stored another way: either half of its scale, and each group."""
    ours = [spec.name for spec in FIELDS["surveys"]]
    groups = beside.drop(columns=ours, errors="ignore").reindex(scores.index)
    groups = groups.loc[:, groups.nunique().between(2, MOST_GROUPS)]
    groups = groups.assign(**{"the score": np.where(scores < middle, f"below {middle:g}", f"{middle:g} or more")})
    words = [(column, value) for column in groups for value in groups[column].dropna().unique()]
    return [(f"where {column} is {value!r}, ", groups[column] == value) for column, value in words]


def _contradicted(rows: pd.DataFrame, tests: int = 0) -> bool:
    """Whether people write the better, the lower they score: more clearly than by chance in one of some tests."""
    from scipy.stats import pearsonr, spearmanr

    both = rows.groupby("person", sort=False)[["score", "mood"]].mean()
    if len(both) < FEWEST or (both.nunique() < 2).any():
        return False
    chance = CHANCE_OF_PARTS / tests if tests else CHANCE if len(both) >= FEW else CHANCE_OF_FEW
    relation = pearsonr if tests else spearmanr  # a part holds few different scores, of which ranks say little
    return bool(relation(both["score"], both["mood"], alternative="less").pvalue < chance)


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
    return [d for d in doubts if d.column not in checked.log.directed]


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
