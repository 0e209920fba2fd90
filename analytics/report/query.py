"""The customers' texts behind a figure: what is asked for, and the redacted texts that answer it.

How they are shown, corrected and kept is ``explorer``; texts are read and counted as the report's sections count them.
"""

import json
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import get_args

import numpy as np
import pandas as pd

from analytics.measures.leaving.churn_views import INTENT
from analytics.publish.blocks import Block, tagged
from analytics.report.facts import once, voices
from analytics.report.story import Story
from analytics.report.texts import RECENT
from analytics.report.where import select
from analytics.report.words import name_blamed, name_thanked
from analytics.tables.parts import MOST, PERSONS
from analytics.tables.schema import NotMeasured
from analytics.text.clean import normalise
from analytics.text.comments import TEXTS, thanked_for
from analytics.text.encoder import unit_rows
from analytics.text.linear import CLASSES
from analytics.text.read_sets import COMPLAINT, LEAVING
from analytics.text.thread import Kind

DOWNLOADS = "comments"  # in the derived data: what analysts kept
POOLS: dict[str, Callable[[Story], pd.DataFrame]] = {
    "critical": lambda story: story.critical,
    "written": lambda story: story.written,
    "voices": voices,
}  # the texts that sections count, by the names under which a story keeps them
MOODS = (*CLASSES, "unknown")
KINDS: tuple[str, ...] = get_args(Kind)  # of others' words
WORDS = {text for _, _, text in TEXTS.values()}
NAMED = {"": "themes", "negative": "blamed", "positive": "thanked"}  # polarity -> column of themes
_TERM = re.compile(r'"([^"]+)"|(\S+)')


@dataclass(frozen=True)
class Query:
    """Which texts are asked for; every part that is given narrows the choice.

    Parameters
    ----------
    theme
        Name of one of the organisation's themes, such as 'waiting'.
    polarity
        'negative' (blamed), 'positive' (thanked for), or '' for named at all.
    mood
        'negative', 'neutral', 'positive', or 'unknown' for texts that could not be read.
    score
        The leading score beside the text: '<= 6', '= 10'.
    leaving
        Whether the writer leaves, as the classifier has it.
    words
        Beginnings of words that must all occur; a phrase in double quotes stands as it is.
    like
        A text: those that mean alike come first.
    where
        An expression over what is known of a text, its row, case and customer: 'segment = business and team != North'.
    among
        '' for all texts; 'critical' for those that may name a problem, 'written' for the readable comments that shares
        are about, 'voices' for those of all who wrote. The last three are of the report's own period.
    period
        A period of the history, 'recent' for the last six, 'all' for the history; '' for the report's own.
    group
        Id of a group of what is new, such as '2026-10.1'.
    """

    theme: str = ""
    polarity: str = ""
    mood: str = ""
    score: str = ""
    leaving: bool | None = None
    words: str = ""
    like: str = ""
    where: str = ""
    among: str = ""
    period: str = ""
    group: str = ""

    @property
    def call(self) -> str:
        """What to type to open these texts."""
        return self.call_on("story")

    def call_on(self, story: str) -> str:
        """What to type to open them of another story, such as one side of a comparison."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        given = (f"{k}={json.dumps(v, ensure_ascii=False) if isinstance(v, str) else v}" for k, v in values.items())
        return f"report.explore({', '.join([story, *given])})"

    def find(self, story: Story) -> pd.DataFrame:
        """The texts, the latest first, or those nearest in meaning.

        Returns
        -------
        pandas.DataFrame
            Rows of `searchable`.

        Raises
        ------
        ValueError
            If a word is not known, or an expression cannot be read.
        NotMeasured
            If the period holds no text.
        """
        rows: pd.DataFrame = searchable(story, self.among, self.period)
        rows = rows[self._select(rows, story)]
        return rows.iloc[_nearest(story, self, rows)] if self.like else rows

    def _select(self, rows: pd.DataFrame, story: Story) -> pd.Series:
        keep, themes = select(rows, self.where), story.themes.names
        if self.group:
            members = story.new_themes.set_index("group")["members"]
            keep &= rows.index.isin(members[_known("group", self.group, members.index)])
        if self.theme or self.polarity:
            named = rows[NAMED[_known("polarity", self.polarity, NAMED)]]
            sought = f"|{_known('theme', self.theme, themes)}|" if self.theme else "|"
            keep &= named.str.contains(sought, regex=False)
        if self.mood:
            keep &= rows["mood"].eq(_known("mood", self.mood, MOODS))
        if self.score:
            keep &= select(rows[["score"]], f"score {self.score}")
        if self.leaving is not None:
            keep &= rows["leaving"].eq(self.leaving).fillna(False).astype(bool)
        for phrase, word in _TERM.findall(self.words):
            sought, end = phrase or word, r"(?:\W|$)" if phrase else ""
            keep &= rows["text"].str.contains(sought, case=False, regex=False)  # at once; the few left are looked at
            keep[keep] = rows.loc[keep, "text"].str.contains(rf"(?:^|\W){re.escape(sought)}{end}", case=False)
        return keep


def opened(block: Block, *queries: Query, of: Sequence[str] = ("story",)) -> Block:
    """A block with the calls that open the texts behind it, of each of some stories."""
    return tagged(block, opens=[query.call_on(story) for query in queries for story in of])


def labelled(label: str) -> Query:
    """The texts counted for a label: a theme as a problem, a mood, leaving; of other labels those that are read."""
    if label in (*CLASSES, LEAVING, COMPLAINT):
        return Query(mood=label if label in CLASSES else "", leaving=label == LEAVING or None, among="written")
    return blaming(label)


def blaming(theme: str) -> Query:
    """The texts counted for a theme as a problem."""
    return Query(theme, "negative", among="critical")


def thanking(theme: str) -> Query:
    """The texts counted as thanks for a theme."""
    return Query(theme, "positive", among="voices")


def recorded_as(story: Story, category: str) -> list[Query]:
    """The period's complaints recorded under a category; none where nobody wrote a word in one."""
    complaints = story.tables_now.complaints
    if complaints is None or "text" not in complaints:
        return []
    written = complaints.loc[complaints["category"].eq(category).fillna(value=False), "text"].notna().any()
    return [Query(where=f"source = complaints and category = {json.dumps(category)}")] if written else []


@once
def searchable(story: Story, among: str = "", period: str = "") -> pd.DataFrame:
    """Redacted texts with all that can be asked of them, the latest first.

    Returns
    -------
    pandas.DataFrame
        Index of `Story.comments`; comment_id, customer_id, source, at, period, text, mood, leaving (missing where
        unread), score (the leading one, of the same answer), themes, blamed and thanked ('|waiting|courtesy|'), thanks
        (how many), length (characters), cut (whether others' words were taken out), one column for each kind of them,
        no_answer, and the columns that group the text's own row, its case and its customer.
    """
    texts = _pool(story, among, period).sort_values("at", ascending=False, kind="stable")
    tags = texts["themes"]
    thanked = tags.map(thanked_for)
    lists = {"themes": tags, "blamed": texts["negative_themes"], "thanked": thanked}
    frame = texts[["comment_id", "customer_id", "case_id", "source", "at", "period"]].assign(
        text=texts["text"].fillna("").astype("str"), mood=texts["sentiment"].astype("str"),
        score=scores_beside(story, texts),
        leaving=texts["churn_intent"].ge(INTENT).astype("boolean").where(texts["churn_intent"].notna()),
        thanks=thanked.map(len), no_answer=texts["no_answer"], cut=texts["cut"].map(bool),
        **{kind: texts["cut"].map(lambda cut, kind=kind: kind in cut) for kind in KINDS},
        **{name: names.map(lambda names: "".join(f"|{n}" for n in names) + "|" * bool(names)).astype("str")
           for name, names in lists.items()},
    )  # fmt: skip
    return frame.assign(length=frame["text"].str.len()).join(_groups(story, frame))


def _pool(story: Story, among: str, period: str) -> pd.DataFrame:
    if among:
        if period not in ("", story.period.name):
            raise ValueError(f"among = {among!r} is of {story.period.name}: leave period out, or load another story.")
        return POOLS[_known("among", among, POOLS)](story)
    if period in ("", story.period.name):
        return story.current
    named = {"all": story.history, "recent": story.history[-RECENT:]}
    return story.comments_of(named.get(period) or [_known("period", period, [*named, *story.history])])


def scores_beside(story: Story, texts: pd.DataFrame) -> pd.Series:
    """The leading score that stands beside each comment, on a further row of the same answer too."""
    scores, surveys = pd.Series(dtype=float), story.tables.surveys
    with suppress(NotMeasured):
        if surveys is not None:
            scores = surveys.drop_duplicates("response_id").set_index("response_id")[story.survey_lead.column]
    return texts["comment_id"].where(texts["source"].eq("surveys")).map(scores).astype(float)


def _groups(story: Story, texts: pd.DataFrame) -> pd.DataFrame:
    """Columns of few values and numbers of each text's case, own row and customer; the first that has one speaks."""
    tables, parts = story.tables, list[tuple[pd.DataFrame, str, pd.Series]]()
    with suppress(NotMeasured):
        parts.append((story.cases, "case_id", texts["case_id"]))
    for name, (key, _, _) in TEXTS.items():
        if (frame := getattr(tables, name)) is not None:
            parts.append((frame, key, texts["comment_id"].where(texts["source"].eq(name))))
    if tables.customers is not None:
        parts.append((tables.customers, "customer_id", texts["customer_id"]))
    columns: dict[str, pd.Series] = {}
    for frame, key, ids in parts:
        rows = frame.drop_duplicates(key).set_index(key)
        for name in (str(c) for c in rows if c not in {*PERSONS, *WORDS, *texts} and _groups_rows(rows[c])):
            values = ids.map(rows[name])
            columns[name] = columns[name].combine_first(values) if name in columns else values
    return pd.DataFrame(columns, texts.index)


def _groups_rows(values: pd.Series) -> bool:
    """Whether a column can be asked about: numbers, flags, times, and words of few values, no id among them."""
    few = values.nunique() <= min(MOST, len(values) / 2) and not str(values.name).endswith("_id")
    return few or values.name == "category" or values.dtype.kind in "biufM"


def _known(what: str, word: str, words: Collection[str]) -> str:
    if word not in words:
        raise ValueError(f"{what} {word!r} is not known. Expected one of: {', '.join(filter(None, words))}.")
    return word


def find_theme(story: Story, name: str) -> str:
    """A theme's name, given by itself or by what the report calls it; any other word as it is."""
    both = (name_blamed(story.themes), name_thanked(story.themes))
    named = {words.casefold(): theme for words_of in both for theme, words in words_of.items()}
    return named.get(name.casefold(), name)


def _nearest(story: Story, query: Query, rows: pd.DataFrame) -> np.ndarray:
    """Places of rows, those nearest in meaning to a text first."""
    meanings = _meanings(story, query.among, query.period)
    own = _directions(story, [query.like])[0]
    places = searchable(story, query.among, query.period).index.get_indexer(rows.index)
    return np.argsort(-(meanings[places] @ own).round(4), kind="stable")


@once
def _meanings(story: Story, among: str, period: str) -> np.ndarray:
    return _directions(story, searchable(story, among, period)["text"].tolist())


def _directions(story: Story, texts: list[str]) -> np.ndarray:
    """What texts mean, as rows of unit length: near ones mean alike."""
    rows = replace(story.reader, threads=None).embed([normalise(text) for text in texts])
    return np.asarray(unit_rows(rows), np.float32)
