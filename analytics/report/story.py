"""What a report is about: one period of one organisation, loaded once and cut off at the period's end.

Every section reads from the `Story`; nothing here draws or words anything.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd

from analytics.config import Config, load_config
from analytics.contrast.problems import measure_problems
from analytics.measures.read_shares import CheckedShare
from analytics.measures.summarise import summarise
from analytics.measures.suppress import names_people
from analytics.report.checked import check_share
from analytics.report.cutoff import Coverage, days_covered, refuse_empty, refuse_unfinished, since, spanning, tables_at
from analytics.report.score import DISPUTED, SCORES, Score, repeated_scores
from analytics.tables.cases import build_cases
from analytics.tables.parts import only_part
from analytics.tables.periods import Period, parse_period, period_of
from analytics.tables.read import read_tables
from analytics.tables.schema import STAMPS, NotMeasured, ReadLog, Tables, find_rows
from analytics.text.clean import normalise
from analytics.text.comments import collect_comments, complained_about, redact_comments, score_comments
from analytics.text.mood import heed_mood
from analytics.text.pages import PAGES, Pages
from analytics.text.readings import find_readings, find_store
from analytics.text.scored import Reader

HISTORY = 24  # periods before the report's own that trends and limits look at
RECENT = 6  # periods that comparisons of groups and diagnoses look at, the report's own included


class Unread(NamedTuple):
    """How many of the period's texts no model could read, and of how many."""

    unread: int
    total: int


@dataclass(frozen=True)
class Story:
    """One period of one organisation, with what was known at its end.

    Attributes
    ----------
    config, period
        The settings, and the period in the organisation's zone.
    tables
        All rows up to the period's end; what happened later is not in them.
    log
        What was read, set aside and why.
    part
        Which value of the column `[report] by` the tables are of; '' for all.
    """

    config: Config
    period: Period
    tables: Tables
    log: ReadLog
    part: str = ""

    @property
    def k(self) -> int:
        """Smallest group of people that may be shown."""
        return self.config.organisation.minimum_group

    @property
    def confidence(self) -> float:
        """Level of every interval in the report."""
        return self.config.report.confidence

    @cached_property
    def history(self) -> list[str]:
        """Names of the periods that trends look at, oldest first, the report's own last; of a whole file that alone."""
        if self.period.frequency == "all":
            return [self.period.name]
        return [self.period.previous(k).name for k in range(HISTORY, -1, -1)]

    @cached_property
    def answers(self) -> pd.DataFrame:
        """Answered surveys with the `period` of the answer, those of the trend's periods only.

        Where no survey carries a score, complaints whose customer disputes our answer or does not, by `received_at`.
        Raises NotMeasured where there is neither, or none with a date.
        """
        surveys, complaints = self.tables.surveys, self.tables.complaints
        columns = [c for c in SCORES if surveys is not None and c in surveys and surveys[c].notna().any()]
        if surveys is not None and columns:
            stamp = next((c for c in ("responded_at", "invited_at") if c in surveys and surveys[c].notna().any()), None)
            if stamp is None and self.period.frequency != "all":
                raise NotMeasured(table="surveys", columns=["responded_at"], needed_for="scores over time")
            dated = self.period.frequency == "all" or surveys[stamp].notna()
            answered = surveys[surveys[columns].notna().any(axis=1) & dated]
        elif complaints is not None and DISPUTED.column in complaints and complaints[DISPUTED.column].notna().any():
            answered = complaints[complaints[DISPUTED.column].notna()].rename(columns={"complaint_id": "response_id"})
            stamp = STAMPS["complaints"][0]
        else:
            raise _no_scores() if surveys is not None else NotMeasured(table="surveys", needed_for="scores")
        times = answered[stamp] if stamp else pd.Series(pd.NaT, answered.index)
        answered = answered.assign(period=period_of(times, self.period.frequency))
        answered = answered[answered["period"].isin(self.history)]
        return answered[~repeated_scores(answered, stamp, columns)]

    @cached_property
    def weighted(self) -> bool:
        """Whether every answer carries the survey's own weight, which the scores then use."""
        return "weight" in self.answers and bool(self.answers["weight"].notna().all())

    @property
    def span(self) -> str:
        """What comparisons of groups look at, in words: 'last 6 months', 'whole file'."""
        return "whole file" if self.period.frequency == "all" else f"last {RECENT} {self.period.frequency}s"

    @property
    def coverage(self) -> Coverage:
        """Which days of the period the data cover, where they miss more than a tenth of it at an end."""
        return days_covered(self.tables, self.period)

    @cached_property
    def asked(self) -> dict[str, Score]:
        """What surveys may ask, each on the scale on which it was asked here."""
        scales = self.log.scales
        return {column: score.on(scales[column]) if column in scales else score for column, score in SCORES.items()}

    @cached_property
    def scores(self) -> list[Score]:
        """The scores that customers gave in the period, the leading one first."""
        now = self.answers[self.answers["period"] == self.period.name]
        every = (*self.asked.values(), DISPUTED)
        given = [score for score in every if score.column in now and now[score.column].notna().any()]
        lead = self.config.report.score
        if lead is not None and lead not in [score.column for score in given]:
            raise NotMeasured(f"no answer in column {lead} in {self.period.label}, the leading score")
        if not given:
            raise NotMeasured(f"nobody gave a score in {self.period.label}", needed_for="what customers perceive")
        return sorted(given, key=lambda score: score.column != lead)

    @property
    def survey_lead(self) -> Score:
        """The leading score where a survey asked for it; NotMeasured where complaints are all there is."""
        if self.scores[0] is DISPUTED:
            raise _no_scores()
        return self.scores[0]

    def over_time(self, score: Score) -> pd.DataFrame:
        """A score by period over the history: period, value, low, high, n; periods without an answer are NaN."""
        key = "over time", score.name
        if key not in self.facts:
            self.facts[key] = self._measure_over_time(score)
        frame: pd.DataFrame = self.facts[key].copy()
        return frame

    @cached_property
    def facts(self) -> dict[tuple[object, ...], Any]:
        """What sections have found so far, by name (`tested.once`)."""
        return {}

    def _measure_over_time(self, score: Score) -> pd.DataFrame:
        frame = self.answers.assign(period=pd.Categorical(self.answers["period"], self.history, ordered=True))
        weights = "weight" if self.weighted else None
        series = summarise(
            frame, score.measure, by=["period"], column=score.column, weights=weights, confidence=self.confidence
        )
        series["period"] = series["period"].astype(str)
        first = series["n"].gt(0).idxmax() if series["n"].gt(0).any() else len(series) - 1
        return series.loc[first:].reset_index(drop=True)

    @cached_property
    def invitations(self) -> pd.DataFrame:
        """Invitations sent in the period, answered or silent; NotMeasured where no invitation is dated."""
        surveys = self.tables.surveys
        if surveys is None or "invited_at" not in surveys or surveys["invited_at"].isna().all():
            raise NotMeasured(table="surveys", columns=["invited_at"], needed_for="who was asked")
        return surveys[self.period.contains(surveys["invited_at"])]

    def prepare(self) -> "Story":
        """Read, score and tag every text and build the cases, on two cores where there are two.

        Whatever is asked for without it is made then, one thing after the other, and is the same. Returns this story.
        """
        with suppress(NotMeasured), ThreadPoolExecutor(1) as aside:
            _ = self._texts, self._top_marks  # what both threads need
            closely = aside.submit(lambda: self.closely)
            _ = self.cases
            _ = self.comments
            closely.result()
        return self

    @cached_property
    def _pages(self) -> Pages:
        return Pages(self.config.derived(PAGES))

    @cached_property
    def _texts(self) -> pd.DataFrame:
        """Every text of the history as written, and `redacted` in the report's own period."""
        texts = collect_comments(self._history_tables)
        if texts.empty:
            raise NotMeasured("no text by a customer", table="surveys", columns=["comment"], needed_for="what they say")
        texts["period"] = period_of(texts["at"], self.config.report.frequency)
        return texts.assign(redacted=self.redact(texts, self.period.start))

    @property
    def texts_now(self) -> pd.DataFrame:
        """The period's texts, not scored: their customers' own words, what was cut, and `redacted`."""
        return self._texts[self._texts["period"] == self.period.name]

    def redact(self, texts: pd.DataFrame, start: pd.Timestamp) -> pd.Series:
        """Texts without personal data; missing before `start`."""
        return redact_comments(texts, self._history_tables, self.config.organisation.order_number_patterns, start)

    @cached_property
    def comments(self) -> pd.DataFrame:
        """Scored customer texts of the history, with their `period`; redacted and kept for the report's own period."""
        text = self.config.text
        options = {"model": text.model, "accurate_limit": text.accurate_limit, "cache": self._pages}
        brands = self.config.organisation.brands
        scores = score_comments(self._texts, self._history_tables, brands=brands, **options)
        return self._texts.assign(text=self._texts["redacted"]).drop(columns="redacted").join(scores)

    @cached_property
    def comments_recent(self) -> pd.DataFrame:
        """As `comments`, those of the recent periods, all redacted and kept."""
        recent = self.comments["period"].isin(self.history[-RECENT:])
        texts = self.redact(self._texts, self.period.previous(RECENT - 1).start)
        return self.comments.assign(text=texts)[recent]

    @cached_property
    def reader(self) -> Reader:
        """The accurate models, for texts that are counted or quoted one by one; on one core, for `prepare`."""
        return Reader.accurate(self._pages, self.config.organisation.brands, threads=1)

    @cached_property
    def closely(self) -> pd.Series:
        """Themes, by the accurate heads, of the period's texts, where these are few enough."""
        texts, limit = self._texts, self.config.text.accurate_limit
        now = texts[texts["period"] == self.period.name]
        if self.config.text.model != "auto" or not len(now) <= limit < len(texts):
            return pd.Series(dtype=object)
        self.reader.kinds(now.loc[now["source"] == "complaints", "redacted"].map(normalise).tolist())
        return self._tag(now["redacted"])

    def _tag(self, texts: pd.Series) -> pd.Series:
        return pd.Series(self.reader.tags(texts.map(normalise).tolist()), texts.index, dtype=object)

    @property
    def has_texts(self) -> bool:
        """Whether customers wrote anything in the history."""
        try:
            return not self._texts.empty
        except NotMeasured:
            return False

    @property
    def current(self) -> pd.DataFrame:
        """The period's own texts."""
        return self.comments[self.comments["period"] == self.period.name]

    @cached_property
    def written(self) -> pd.DataFrame:
        """The period's comments that could be read, from one source: surveys where they carry any, else complaints.

        One source only, so that a month with many complaints does not look like a month of worse answers.
        """
        now = self.current
        source = next((name for name in ("surveys", "complaints", "contacts") if (now["source"] == name).any()), None)
        if source is None:
            raise NotMeasured(f"no text by a customer in {self.period.label}")
        return now[(now["source"] == source) & (now["sentiment"] != "unknown")]

    @property
    def sentiment_model(self) -> Literal["fast", "accurate"]:
        """Which of the two shipped models read the history's comments."""
        return "fast" if self.comments["model"].iloc[0].startswith("fast") else "accurate"

    @cached_property
    def theme_model(self) -> Literal["fast", "accurate"]:
        """Which theme heads read the period's `critical` texts: the accurate ones where these are few enough."""
        few = len(self._without_top_marks(self.current)) <= self.config.text.accurate_limit
        return "accurate" if self.config.text.model == "auto" and few else self.sentiment_model

    @cached_property
    def unread(self) -> Unread:
        """How many comments of the period could not be read."""
        return Unread(int((self.current["sentiment"] == "unknown").sum()), len(self.current))

    @cached_property
    def problem_table(self) -> pd.DataFrame:
        """Each theme's share of the period's `critical` writers who name it as a problem, and its movement."""
        from analytics.text.themes import THEMES

        shares = self.shares_of(THEMES, self.critical)
        table = measure_problems(self.critical, self._without_top_marks(self.comments), self.history, shares)
        if table["value"].isna().all():
            raise NotMeasured("no theme's share can be told within 15 points", needed_for="shares of problems")
        return table

    def shares_of(self, labels: Sequence[str], texts: pd.DataFrame) -> dict[str, CheckedShare]:
        """Share of the period's `written` or `critical` texts that readers would give each of some `LABELS`."""
        same = self.comments["source"].isin(texts["source"].unique()) & self.comments["sentiment"].ne("unknown")
        past = self.comments[same].assign(words=self._texts["text"].str.count(r"\S+"))
        critical = self._without_top_marks(past)
        marked = not texts.index.isin(critical.index).all()
        past, model = (past, self.sentiment_model) if marked else (critical, self.theme_model)
        return {label: check_share(label, texts, past, self.readings, model, self.confidence) for label in labels}

    @cached_property
    def readings(self) -> pd.DataFrame:
        """What people read of texts drawn at random in the recent periods, by row of `comments` (`find_readings`)."""
        rows = find_store(self.config).read()
        rows = rows[rows["period"].isin(self.history[-RECENT:])]
        texts = self._texts[self._texts["period"].isin(rows["period"])]
        earlier = texts[texts["period"] != self.period.name]
        redacted = self.redact(earlier, self.period.previous(RECENT - 1).start).reindex(texts.index)
        return find_readings(rows, texts.assign(text=redacted.fillna(texts["redacted"])))

    @cached_property
    def critical(self) -> pd.DataFrame:
        """The period's readable texts that may name a problem: complaints, and comments without the top mark.

        A customer who gave 9 or 10 of 10, or 5 of 5, may mention a theme but holds nothing against anybody; where no
        score stands beside a comment it is kept. Texts of contacts count only where there are neither. Their themes are
        read by the heads of `theme_model`, even where the history was too much for those.
        """
        kept = self._without_top_marks(self.current)
        if kept.empty:
            raise NotMeasured(f"nobody complained, or commented without the top mark, in {self.period.label}")
        if self.theme_model == self.sentiment_model:
            return kept
        others = kept.loc[kept.index.difference(self.closely.index), "text"]
        themes = (pd.concat([self.closely, self._tag(others)]) if len(others) else self.closely)[kept.index]
        return kept.assign(themes=themes, negative_themes=themes.map(complained_about))

    def _without_top_marks(self, comments: pd.DataFrame) -> pd.DataFrame:
        sources = ["surveys", "complaints"] if self.comments["source"].ne("contacts").any() else ["contacts"]
        read = comments[comments["source"].isin(sources) & comments["sentiment"].ne("unknown")]
        return read[(read["source"] != "surveys") | (find_rows(read["comment_id"], self._top_marks) < 0)]

    @cached_property
    def _top_marks(self) -> pd.Series:
        """Ids of the responses that gave the top mark."""
        surveys = self.tables.surveys
        if surveys is None:
            return pd.Series(dtype="str")
        marks = [surveys[column].ge(score.top) for column, score in self.asked.items() if column in surveys]
        return surveys.loc[pd.concat(marks, axis=1).any(axis=1), "response_id"] if marks else pd.Series(dtype="str")

    @cached_property
    def writers(self) -> frozenset[str]:
        """Whom shares of problems are about: tables of their texts; 'people' if named; 'marks' if some gave the top."""
        named = {"people"} if names_people(self.critical) else set()
        return frozenset(self.critical["source"]) | named | ({"marks"} if len(self._top_marks) else set())

    def naming(self, theme: str = "") -> pd.Series:
        """Which cases name a theme (or any) as a problem: True or False by case_id, over recent cases of writers."""
        past = self.comments[self.comments["period"].isin(self.history[-RECENT:-1])]
        texts = pd.concat([self._without_top_marks(past), self.critical])
        texts = texts[texts["case_id"].notna()]
        if texts.empty:
            raise NotMeasured(
                "no comment can be tied to a case", table="surveys", columns=["contact_id"], needed_for="a diagnosis"
            )
        named = texts["negative_themes"].map(lambda themes: theme in themes if theme else bool(themes))
        return named.groupby(texts["case_id"]).any()

    @cached_property
    def response_rates(self) -> pd.Series | None:
        """Share of each period's invitations that were answered; None where invitations are not dated."""
        surveys = self.tables.surveys
        if surveys is None or not {"invited_at", "responded_at"} <= set(surveys) or surveys["invited_at"].isna().all():
            return None
        period = period_of(surveys["invited_at"], self.config.report.frequency)
        return surveys["responded_at"].notna().groupby(period).mean()

    def since(self, start: pd.Timestamp) -> Tables:
        """What came in from a moment on, customers whole."""
        return since(self.tables, start)

    @cached_property
    def tables_now(self) -> Tables:
        """What came in within the period."""
        return self.since(self.period.start)

    @cached_property
    def recent(self) -> Tables:
        """What came in within the last periods that a comparison of groups looks at."""
        return self.since(self.period.previous(RECENT - 1).start)

    @cached_property
    def cases_recent(self) -> pd.DataFrame:
        """The cases that began within the recent periods."""
        return self.cases[self.cases["started_at"] >= self.period.previous(RECENT - 1).start]

    @cached_property
    def _history_tables(self) -> Tables:
        return self.since(self.period.previous(HISTORY).start)

    @cached_property
    def cases(self) -> pd.DataFrame:
        """Every customer issue begun in the history, with both clocks up to the period's end."""
        hours = self.config.organisation.office_hours
        zone = self.config.organisation.zone
        return build_cases(self._history_tables, office_hours=hours, timezone=zone, until=self.period.end)

    @cached_property
    def cases_now(self) -> pd.DataFrame:
        """The cases that began in the period."""
        return self.cases[self.period.contains(self.cases["started_at"])]


def load_story(config: str | Path | Config, period: str, part: str = "") -> Story:
    """Read everything one report needs and cut it off at the period's end.

    Parameters
    ----------
    config
        perception.toml, or its loaded form.
    period
        '2026-10', '2026-Q3' or '2026-W41', which must be over, or 'all' for the whole file, dated or not.
    part
        The value of the column `[report] by` to report, such as one company; '' where none is set.

    Returns
    -------
    Story
        What was known at the end of the period.

    Raises
    ------
    EmptyPeriodError
        If nothing of a customer lies in the period; the message says when data begin and end.
    UnfinishedPeriodError
        If the period is not over yet.
    ValueError
        If settings or data are faulty.

    References
    ----------
    The customer's clock and periods: METHODS.md, "Periods".

    Examples
    --------
    >>> load_story("no_such.toml", "2026-10")
    Traceback (most recent call last):
    ...
    analytics.config.ConfigError: no_such.toml: 1 fault.
      No such file. Copy the perception.toml of this project and edit it.
    """
    config = config if isinstance(config, Config) else load_config(config)
    when = parse_period(period).localise(config.organisation.timezone)
    refuse_unfinished(when, config.organisation.zone)
    tables = only_part(heed_mood(read_tables(config)), config.report.by, part)
    if when.frequency == "all":
        when = spanning(when, tables)
    else:
        refuse_empty(tables, when, config.organisation.name)
    config = config.model_copy(update={"report": config.report.model_copy(update={"frequency": when.frequency})})
    return Story(config, when, tables_at(tables, when.end), tables.log or ReadLog(), part)


def _no_scores() -> NotMeasured:
    """That surveys carry none of the scores, any of which would do."""
    names = ", ".join(SCORES)
    return NotMeasured(f"no column {names} (table surveys)", table="surveys", columns=SCORES, needed_for="scores")
