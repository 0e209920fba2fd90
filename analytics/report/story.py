"""What a report is about: one period of one organisation, loaded once and cut off at the period's end.

Every section reads from the `Story`; nothing here draws or words anything.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from analytics.config import Config, load_config
from analytics.measures.summarise import summarise
from analytics.report.cutoff import Coverage, days_covered, refuse_empty, refuse_unfinished, since, spanning, tables_at
from analytics.report.score import DISPUTED, SCORES, Score, repeated_scores
from analytics.report.texts import RECENT, Texts
from analytics.report.where import count_sides, narrow
from analytics.tables.cases import build_cases
from analytics.tables.parts import only_part
from analytics.tables.periods import Period, parse_period, period_of
from analytics.tables.read import read_tables
from analytics.tables.schema import STAMPS, NotMeasured, ReadLog, Tables
from analytics.text.mood import heed_mood


class Story(Texts):
    """One period of one organisation: what customers answered and wrote, and its cases, as known at its end."""

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
        """What comparisons of groups look at, in words: 'last 6 months', 'whole file'; fewer if cases begin later."""
        if (frequency := self.period.frequency) == "all":
            return "whole file"
        began = period_of(self.cases_recent["started_at"], frequency).min()
        periods = sum(period >= began for period in self.history[-RECENT:])
        return f"last {periods} {frequency}s" if periods > 1 else f"latest {frequency}"

    @property
    def coverage(self) -> Coverage:
        """Which days of the period the data cover, where they miss more than a tenth of it at an end."""
        return days_covered(self.tables, self.period)

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
            frame = self.answers.assign(period=pd.Categorical(self.answers["period"], self.history, ordered=True))
            weights, level = "weight" if self.weighted else None, self.confidence
            every = summarise(frame, score.measure, ["period"], column=score.column, weights=weights, confidence=level)
            every["period"] = every["period"].astype(str)
            first = every["n"].gt(0).idxmax() if every["n"].gt(0).any() else len(every) - 1
            self.facts[key] = every.loc[first:].reset_index(drop=True)
        series: pd.DataFrame = self.facts[key].copy()
        return series

    @cached_property
    def facts(self) -> dict[tuple[object, ...], Any]:
        """What sections have found so far, by name (`facts.once`)."""
        return {}

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
            _ = self._texts, self._top_marks, self.taught  # what both threads need
            closely = aside.submit(lambda: self.closely)
            _ = self.cases
            _ = self.comments
            closely.result()
        return self

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
    def cases(self) -> pd.DataFrame:
        """Every customer issue begun in the history, with both clocks up to the period's end.

        In a narrowed story those whose own columns are as asked for, whole: the customer's clock runs across channels.
        """
        hours = self.config.organisation.office_hours
        zone = self.config.organisation.zone
        tables = self._since_history(self.whole)
        cases = build_cases(tables, office_hours=hours, timezone=zone, until=self.period.end)
        return cases[self.narrowing.rows.judge(cases)] if self.narrowing else cases

    @cached_property
    def cases_now(self) -> pd.DataFrame:
        """The cases that began in the period."""
        return self.cases[self.period.contains(self.cases["started_at"])]


def load_story(config: str | Path | Config, period: str, part: str = "", where: str = "") -> Story:
    """Read everything one report needs and cut it off at the period's end.

    Parameters
    ----------
    config
        perception.toml, or its loaded form.
    period
        '2026-10', '2026-Q3' or '2026-W41', which must be over, or 'all' for the whole file, dated or not.
    part
        The value of the column `[report] by` to report, such as one company; '' where none is set.
    where
        Which rows, such as 'segment = business and channel = phone' (see `select`); '' for all.

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
    return narrow_story(_story(config, when, tables, part), where)


def story_at(story: Story, period: str) -> Story:
    """The story of an earlier period, or of a part of this one, narrowed as this one is.

    Raises
    ------
    ValueError
        If the name is no period, the period ends later than the story's, or nothing lies in it.
    """
    when = parse_period(period).localise(story.config.organisation.timezone)
    if when.end > story.period.end:
        raise ValueError(f"{period} ends later than {story.period.label}, the latest that this story knows.")
    refuse_empty(story.whole, when, story.config.organisation.name)
    earlier = _story(story.config, when, story.whole, story.part)
    return narrow_story(earlier, story.narrowing.rows.where) if story.narrowing else earlier


def _story(config: Config, when: Period, tables: Tables, part: str) -> Story:
    """Everything as it was known at a period's end."""
    config = config.model_copy(update={"report": config.report.model_copy(update={"frequency": when.frequency})})
    return Story(config, when, tables_at(tables, when.end), tables.log or ReadLog(), part)


def narrow_story(story: Story, where: str) -> Story:
    """The story of the rows that an expression asks for.

    Raises
    ------
    ValueError
        If the expression is faulty, or fewer than `minimum_group` people stand behind the period's rows that it asks
        for, or behind those that it leaves out, whose figures would follow by subtraction.
    """
    if not where.strip():
        return story
    if story.narrowing:
        where = f"({story.narrowing.rows.where}) and ({where})"
    tables, narrowing = narrow(story.whole, where)
    sides = count_sides(since(tables, story.period.start), since(story.whole, story.period.start))
    for people, verb in zip(sides, ("holds", "leaves out"), strict=True):
        if people < story.k and (people or verb == "holds"):
            raise ValueError(
                f"where: {where!r} {verb} {people} people in {story.period.label}. Groups of fewer than {story.k} "
                "(minimum_group) are not shown. Ask for more."
            )
    return replace(story, tables=tables, narrowing=narrowing)


def _no_scores() -> NotMeasured:
    """That surveys carry none of the scores, any of which would do."""
    names = ", ".join(SCORES)
    return NotMeasured(f"no column {names} (table surveys)", table="surveys", columns=SCORES, needed_for="scores")
