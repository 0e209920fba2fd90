"""What customers wrote in one period and before it: read, scored and tagged once, with the shares that they name.

The texts of a `Story`; nothing here draws or words anything.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import pandas as pd

from analytics.config import Config
from analytics.contrast.problems import measure_problems
from analytics.measures.read_shares import CheckedShare
from analytics.measures.suppress import names_people
from analytics.report.checked import Speaker, check_share
from analytics.report.cutoff import since
from analytics.report.progress import Progress
from analytics.report.score import Score, asked_scores
from analytics.report.where import Narrowing
from analytics.tables.periods import Period, period_of
from analytics.tables.schema import NotMeasured, ReadLog, Tables, find_rows
from analytics.text.adapt import AdaptationRefused, MoodTrial, name_classes, try_scores
from analytics.text.clean import normalise
from analytics.text.comments import collect_comments, complained_about, find_names, redact_comments, score_comments
from analytics.text.linear import CLASSES, PROBABILITIES
from analytics.text.new_themes import GROUPS, find_new_themes, keep_centres, read_centres
from analytics.text.own_model import FEWEST_READINGS, OwnModel, load_own_model
from analytics.text.own_themes import ThemeList, fit_themes
from analytics.text.pages import PAGES, Pages
from analytics.text.readings import count_drawn, find_readings, find_store
from analytics.text.scored import Reader

HISTORY = 24  # periods before the report's own that trends and limits look at
MONTH = pd.Timedelta(days=365.25 / 12)
MOOD_SCORES = ("csat", "nps")  # that may teach the mood of what stands beside them; ease is another matter
RECENT = 6  # periods that comparisons of groups and diagnoses look at, the report's own included


class Unread(NamedTuple):
    """How many of the period's texts no model could read, and of how many."""

    unread: int
    total: int

    @property
    def every(self) -> bool:
        """Whether there are texts and none of them could be read."""
        return 0 < self.total == self.unread


@dataclass(frozen=True)
class Texts:
    """One period of one organisation and the texts of its customers, as known at the period's end.

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
    narrowing
        Which rows of the tables an analyst asked for; None for all.
    """

    config: Config
    period: Period
    tables: Tables
    log: ReadLog
    part: str = ""
    narrowing: Narrowing | None = None

    @property
    def months(self) -> float:
        """Length of the period, a day at least; 1 of a whole file, where no month is told."""
        return (
            1.0 if self.period.frequency == "all" else float(max((self.period.end - self.period.start) / MONTH, 1 / 30))
        )

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
    def asked(self) -> dict[str, Score]:
        """What surveys may ask, each on the scale on which it was asked here."""
        return asked_scores(self.log)

    @cached_property
    def _pages(self) -> Pages:
        return Pages(self.config.derived(PAGES), Progress())

    @cached_property
    def _texts(self) -> pd.DataFrame:
        """Every text of the history as written, and `redacted` in the report's own period."""
        texts = collect_comments(self._history_tables)
        if texts.empty:
            raise NotMeasured("no text by a customer", table="surveys", columns=["comment"], needed_for="what they say")
        texts["period"] = period_of(texts["at"], self.config.report.frequency)
        return texts.assign(redacted=self.redact(texts, self.period.start))

    @cached_property
    def themes(self) -> ThemeList:
        """Which themes this organisation has, by name."""
        return ThemeList(self.config.themes)

    @cached_property
    def taught(self) -> ThemeList:
        """The same with heads that tag its own ones, fitted beside the earliest texts."""
        return fit_themes(self.config, self.earliest(), self.part)

    def earliest(self) -> Iterator[str]:
        """The customers' own words in all tables, narrowed or not, the earliest first."""
        texts = collect_comments(self.whole)
        yield from texts.assign(at=pd.to_datetime(texts["at"])).sort_values(["at", "text"], kind="stable")["text"]

    @property
    def texts_now(self) -> pd.DataFrame:
        """The period's texts, not scored: their customers' own words, what was cut, and `redacted`."""
        return self._texts[self._texts["period"] == self.period.name]

    def redact(self, texts: pd.DataFrame, start: pd.Timestamp | None = None) -> pd.Series:
        """Texts without personal data; missing before `start`. Names are looked for in all rows."""
        patterns, tables = self.config.organisation.order_number_patterns, self._since_history(self.whole)
        return redact_comments(texts, tables, patterns, start)

    @cached_property
    def drawn_readings(self) -> int:
        """How many texts drawn at random people have read, in any period."""
        return count_drawn(find_store(self.config).read())

    @cached_property
    def own_model(self) -> OwnModel | None:
        """The organisation's own model of sentiment, once enough readings tell its errors; None until then."""
        if not self.config.text.own or self.drawn_readings < FEWEST_READINGS:
            return None
        patterns = self.config.organisation.order_number_patterns
        return load_own_model(self.config.text, find_names(self.whole), patterns)

    @cached_property
    def _scored(self) -> pd.DataFrame:
        """As `comments`, the mood as the model says."""
        text = self.config.text
        model = self.own_model or ("auto" if text.own else text.model)
        options: dict[str, Any] = {"model": model, "accurate_limit": text.accurate_limit, "cache": self._pages}
        options["themes"] = self.taught
        brands = self.config.organisation.brands
        scores = score_comments(self._texts, self._history_tables, brands=brands, **options)
        return self._texts.assign(text=self._texts["redacted"]).drop(columns="redacted").join(scores)

    @cached_property
    def mood_trial(self) -> MoodTrial | None:
        """Whether the organisation's own scores set the mood of its texts better; None where too few score texts."""
        surveys = self.tables.surveys
        column = next((name for name in MOOD_SCORES if surveys is not None and name in surveys), None)
        if surveys is None or column is None or not self.has_texts or self.own_model:
            return None
        scored = self._scored[self._scored["sentiment"].ne("unknown")]
        given = surveys.drop_duplicates("response_id").set_index("response_id")[column]
        ratings = scored["comment_id"].map(given).where(scored["source"].eq("surveys"))
        read = self.readings[list(CLASSES)].reindex(scored.index).dropna()
        try:
            texts = scored.assign(text=self._texts["text"].loc[scored.index])
            return try_scores(texts, ratings, column, read.idxmax(axis=1))
        except AdaptationRefused:
            return None

    @cached_property
    def comments(self) -> pd.DataFrame:
        """Scored customer texts of the history, with their `period`; redacted and kept for the report's own period."""
        trial, scored = self.mood_trial, self._scored
        if not (trial and trial.speaks):
            return scored
        read = scored[scored["sentiment"].ne("unknown")]
        mapped = trial.probabilities(read.assign(text=self._texts["text"]))
        moods = pd.DataFrame(mapped, read.index, PROBABILITIES)
        moods["valence"] = mapped[:, 2] - mapped[:, 0]
        moods["sentiment"], moods["model"] = name_classes(mapped), read["model"] + "+scores"
        scored = scored.copy()
        scored.loc[read.index, [*moods]] = moods
        return scored

    @cached_property
    def comments_recent(self) -> pd.DataFrame:
        """As `comments`, those of the recent periods, all redacted and kept."""
        return self.comments_of(self.history[-RECENT:])

    def comments_of(self, periods: Sequence[str]) -> pd.DataFrame:
        """As `comments`, those of some periods of the history, all redacted and kept."""
        chosen = self.comments["period"].isin(periods)
        return self.comments[chosen].assign(text=self.redact(self._texts[chosen]))

    @cached_property
    def reader(self) -> Reader:
        """The accurate models, for texts that are counted or quoted one by one; on one core, for `prepare`."""
        return Reader.accurate(self._pages, self.config.organisation.brands, threads=1, themes=self.taught)

    @cached_property
    def closely(self) -> pd.Series:
        """Themes, by the accurate heads, of the period's texts, where these are few enough."""
        texts, limit = self._texts, self.config.text.accurate_limit
        now = texts[texts["period"] == self.period.name]
        if self.config.text.model in ("fast", "accurate") or not len(now) <= limit < len(texts):
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

    @property
    def has_both(self) -> bool:
        """Whether customers wrote both in surveys and in complaints, so that a figure has to say which it counts."""
        return {"surveys", "complaints"} <= set(self.current["source"])

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
        """Which of the two shipped models read the history's comments, or the themes beside a model of one's own."""
        return "fast" if self.comments["model"].iloc[0].startswith("fast") else "accurate"

    @cached_property
    def theme_model(self) -> Literal["fast", "accurate"]:
        """Which theme heads read the period's `critical` texts: the accurate ones where these are few enough."""
        few = len(self._without_top_marks(self.current)) <= self.config.text.accurate_limit
        return "accurate" if self.config.text.model not in ("fast", "accurate") and few else self.sentiment_model

    @cached_property
    def unread(self) -> Unread:
        """How many comments of the period could not be read."""
        return Unread(int((self.current["sentiment"] == "unknown").sum()), len(self.current))

    @cached_property
    def problem_table(self) -> pd.DataFrame:
        """Each theme's share of the period's `critical` writers who name it as a problem, and its movement."""
        shares = self.shares_of(self.themes.names, self.critical)
        table = measure_problems(self.critical, self._without_top_marks(self.comments), self.history, shares)
        if table["value"].isna().all():
            raise NotMeasured("no theme's share can be told within 15 points", needed_for="shares of problems")
        return table

    def shares_of(self, labels: Sequence[str], texts: pd.DataFrame) -> dict[str, CheckedShare]:
        """Share of the period's `written` or `critical` texts that readers would give each of some `labels_of`."""
        same = self.comments["source"].isin(texts["source"].unique()) & self.comments["sentiment"].ne("unknown")
        past = self.comments[same].assign(words=self._texts["text"].str.count(r"\S+"))
        critical = self._without_top_marks(past)
        marked = not texts.index.isin(critical.index).all()
        past, model = (past, self.sentiment_model) if marked else (critical, self.theme_model)
        own = self.own_model or (self.mood_trial and self.mood_trial.speaks)

        def share(label: str) -> CheckedShare:
            speaker: Speaker = "own" if own and label in CLASSES else model
            return check_share(label, texts, past, self.readings, speaker, self.confidence)

        return {label: share(label) for label in labels}

    @cached_property
    def readings(self) -> pd.DataFrame:
        """What people read of texts drawn at random in the recent periods, by row of `comments` (`find_readings`)."""
        rows = find_store(self.config).read()
        rows = rows[rows["period"].isin(self.history[-RECENT:])]
        texts = self._texts[self._texts["period"].isin(rows["period"])]
        earlier = texts[texts["period"] != self.period.name]
        redacted = self.redact(earlier, self.period.previous(RECENT - 1).start).reindex(texts.index)
        return find_readings(rows, texts.assign(text=redacted.fillna(texts["redacted"])), self.themes)

    @cached_property
    def new_themes(self) -> pd.DataFrame:
        """Groups of clauses that no theme covers, in texts that may name a problem (`find_new_themes`).

        With `praise`: half of a group's clauses, the most typical, are positive.
        """
        texts = self._without_top_marks(self.comments)
        if self.period.name not in set(texts["period"]):
            raise self._nothing_critical()
        folder = self.config.derived(GROUPS) / quote(self.part or "all", safe="") / self.period.frequency
        earlier = read_centres(folder, self.period.name)
        groups = find_new_themes(
            self._texts.loc[texts.index, "text"],
            texts["period"],
            texts["customer_id"],
            names=find_names(self._history_tables),
            patterns=self.config.organisation.order_number_patterns,
            earlier=earlier,
            minimum=self.k,
            embed=self.reader.embed,
            tag=self.reader.tags,
        )
        if self.narrowing is None:  # else these are groups of some rows only
            keep_centres(folder, self.period.name, groups, earlier)
        clauses = groups["examples"].explode().dropna().map(normalise)
        praise = pd.Series(self.reader.sentiment(clauses.tolist())[:, 2] > 1 / 2, clauses.index)
        groups["praise"] = praise.groupby(level=0).mean().reindex(groups.index).ge(1 / 2)
        return groups.assign(members=groups["members"].map(lambda places: texts.index[places]))

    @cached_property
    def critical(self) -> pd.DataFrame:
        """The period's readable texts that may name a problem: complaints, and comments without the top mark.

        A customer who gave 9 or 10 of 10, or 5 of 5, may mention a theme but holds nothing against anybody; where no
        score stands beside a comment it is kept. Texts of contacts count only where there are neither. Their themes are
        read by the heads of `theme_model`, even where the history was too much for those.
        """
        kept = self._without_top_marks(self.current)
        if kept.empty:
            raise self._nothing_critical()
        if self.theme_model == self.sentiment_model:
            return kept
        others = kept.loc[kept.index.difference(self.closely.index), "text"]
        themes = (pd.concat([self.closely, self._tag(others)]) if len(others) else self.closely)[kept.index]
        return kept.assign(themes=themes, negative_themes=themes.map(complained_about))

    def _nothing_critical(self) -> NotMeasured:
        if self.unread.every:
            return NotMeasured(f"none of the {self.unread.total:,} texts of {self.period.label} could be read")
        return NotMeasured(f"nobody complained, or commented without the top mark, in {self.period.label}")

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

    @property
    def whole(self) -> Tables:
        """The tables before they were narrowed."""
        return self.narrowing.whole if self.narrowing else self.tables

    @cached_property
    def _history_tables(self) -> Tables:
        return self._since_history(self.tables)

    def _since_history(self, tables: Tables) -> Tables:
        return since(tables, self.period.previous(HISTORY).start)
