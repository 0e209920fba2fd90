"""Readings: what people say that a text says. Which texts to show to whom, and a file that keeps every click.

Only redacted text is shown, and only its hash is kept. What readings make of a share is ``report.checked``; the
buttons, and what is said about agreement, are ``report.labelling``.
"""

import hashlib
import io
import os
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from analytics.config import Config, load_config
from analytics.files import read_text
from analytics.tables.periods import Period, parse_period
from analytics.tables.read import defuse, read_tables
from analytics.tables.schema import NotMeasured, Tables
from analytics.text.clean import normalise, reason_to_abstain
from analytics.text.comments import collect_comments, find_names
from analytics.text.linear import CLASSES
from analytics.text.own_themes import SHIPPED, ThemeList
from analytics.text.read_sets import COMPLAINT, LEAVING
from analytics.text.redact import redact
from analytics.text.themes import THEMES
from analytics.theme_settings import Theme

FOLDER = "labels"  # in the derived data, unless the configuration names a file
ABOUT = ["sentiment", "blame", "praise", "other", LEAVING, COMPLAINT]
OFFERED = "offered"  # names of the themes that the reader could give; '' for the shipped ones
COLUMNS = ["text_hash", "labeller", "labelled_at", "drawn", "period", *ABOUT, OFFERED]
SKIPPED = "skipped"
SENTIMENTS = (*CLASSES, SKIPPED)
RANDOM, CORRECTED = "random", "corrected"  # in order of a hash; where somebody saw a wrong label
PRAISE = "praise:"  # before a theme's name: it is thanked for
OTHER = "other"  # a problem that is none of the themes
FURTHER = (OTHER, LEAVING, COMPLAINT, *CLASSES)  # labels beside themes
POOL = 1_000  # texts of a period that may be shown
SHARED = 50  # texts a second reader gets of those the first has read, enough for an interval of kappa
PATIENCE = 10  # seconds to wait for another reader's click to be saved


@dataclass(frozen=True)
class Reading:
    """What a reader says of one text.

    Parameters
    ----------
    sentiment
        'negative', 'neutral', 'positive' (the mood in which it is written), or 'skipped': not to be told.
    blame, praise
        Themes named as a problem, and those thanked for.
    other
        Whether it names a problem that is none of the themes.
    leaving, complaint
        Whether its writer leaves, and whether it complains.
    """

    sentiment: str
    blame: tuple[str, ...] = ()
    praise: tuple[str, ...] = ()
    other: bool = False
    leaving: bool = False
    complaint: bool = False

    def as_row(self, themes: tuple[str, ...] = THEMES) -> dict[str, str]:
        """Cells of the file, these themes having been offered; ValueError where a word is not known."""
        if self.sentiment not in SENTIMENTS:
            raise ValueError(f"sentiment {self.sentiment!r} is not known. Expected one of: {', '.join(SENTIMENTS)}.")
        if stray := sorted({*self.blame, *self.praise} - {*themes}):
            raise ValueError(f"theme {stray[0]!r} is not known. Expected some of: {', '.join(themes)}.")
        flags = (str(int(flag)) for flag in (self.other, self.leaving, self.complaint))
        row = dict(zip(ABOUT, (self.sentiment, "|".join(self.blame), "|".join(self.praise), *flags), strict=True))
        return row | {OFFERED: "" if themes == THEMES else "|".join(themes)}


def text_hash(text: str) -> str:
    """Return a text's identity: equal for texts that differ only in case, white space, markup or invisible characters.

    Examples
    --------
    >>> text_hash("Thank  you!") == text_hash("thank you!")
    True
    """
    return hashlib.blake2b(normalise(printable(text)).casefold().encode(), digest_size=12).hexdigest()


class LabelStore:
    """A CSV file of readings, one row per text and reader; each click is on the disk before the next text shows.

    Every change writes a new file beside the old one and puts it in its place in one step, under a lock: whoever is
    killed or runs out of disk leaves the file as it was after the click before. No text is kept. A file of earlier
    versions, which held texts and their sentiment, is read, and loses the texts with the next click.

    Parameters
    ----------
    path
        The file; made with the first reading.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def read(self) -> pd.DataFrame:
        """All rows, oldest first; '' where a reader was not asked.

        Raises
        ------
        ValueError
            If the file is no CSV in UTF-8, lacks a column or holds a value that is not known.
        """
        if not self.path.exists():
            return pd.DataFrame(columns=COLUMNS, dtype="str")
        try:
            rows = pd.read_csv(io.StringIO(read_text(self.path)), dtype="str", keep_default_na=False)
        except (OSError, ValueError) as error:
            message = f"{self.path}: is no CSV in UTF-8 ({error}). Restore the file from a copy, or move it away."
            raise ValueError(message) from None
        if "label" in rows:  # as written by earlier versions
            rows = rows.rename(columns={"label": "sentiment"}).assign(**dict.fromkeys(ABOUT[1:], ""))
        rows = rows if OFFERED in rows else rows.assign(**{OFFERED: ""})
        if absent := [column for column in COLUMNS if column not in rows]:
            message = f"{self.path}: no column {', '.join(absent)}. Restore the file from a copy, or move it away."
            raise ValueError(message)
        themes = {name for column in ("blame", "praise") for name in "|".join(rows[column]).split("|")} - {""}
        known, flags = {*_offered(rows)}, {*rows[ABOUT[3:]].to_numpy().ravel()} - {"", "0", "1"}
        stray = sorted({*rows["sentiment"]} - {*SENTIMENTS} | themes - known | flags)
        if stray:
            raise ValueError(
                f"{self.path}: {stray[0]!r} is not known. Expected {', '.join(SENTIMENTS)}, a theme, 0 or 1."
            )
        rows["labeller"] = rows["labeller"].str.replace(r"^'(?=\s*[=+\-@|])", "", regex=True)  # what `defuse` did
        return rows[COLUMNS]

    def add(self, *rows: dict[str, str]) -> None:
        """Keep readings; the same reader's earlier one of the same text, drawn likewise, gives way."""
        key = ["text_hash", "labeller", "drawn"]
        with self._lock():
            new = pd.DataFrame(rows, columns=COLUMNS, dtype="str")
            self._write(pd.concat([self.read(), new], ignore_index=True).drop_duplicates(key, keep="last"))

    def undo(self, labeller: str, period: str, drawn: str, among: Collection[str]) -> dict[str, str] | None:
        """Take back this reader's latest such reading of a text among some; None where there is none, else its row."""
        with self._lock():
            rows = self.read()
            mine = rows["labeller"].eq(labeller) & rows["period"].eq(period) & rows["drawn"].eq(drawn)
            own = rows.index[mine & rows["text_hash"].isin(among)]
            if own.empty:
                return None
            self._write(rows.drop(own[-1]))
            return {str(column): str(value) for column, value in rows.loc[own[-1]].items()}

    def forget(self, hashes: Collection[str]) -> int:
        """Drop every reading of some texts, whoever made it, and return how many there were."""
        if not self.path.exists():
            return 0
        with self._lock():
            rows = self.read()
            of_them = rows["text_hash"].isin(hashes)
            if of_them.any():
                self._write(rows[~of_them])
        return int(of_them.sum())

    def _lock(self) -> Any:  # noqa: ANN401
        from filelock import FileLock

        self.path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(f"{self.path}.lock", timeout=PATIENCE)

    def _write(self, rows: pd.DataFrame) -> None:
        part = self.path.with_suffix(".part")
        with part.open("w", encoding="utf-8", newline="") as file:
            defuse(rows).to_csv(file, index=False, lineterminator="\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)


class LabellingSession:
    """One reader's sitting: what to show next, and where each answer goes.

    Parameters
    ----------
    store
        Where readings are kept.
    pool
        The period's texts in the order in which they are drawn: text_hash, text.
    labeller
        Name of the one who reads; may be empty until `become`.
    period
        The period the texts come from.
    count
        Texts each reader is to see in this period, those of earlier sittings included.
    themes
        Those that the reader is offered.
    drawn
        'random'; or 'corrected' for a text whose labels somebody saw to be wrong. The latter is kept apart: texts that
        somebody picked are no random sample, so no share ever counts them.
    """

    def __init__(
        self, store: LabelStore, pool: pd.DataFrame, labeller: str, period: str, count: int,
        themes: ThemeList = SHIPPED, drawn: str = RANDOM,
    ) -> None:  # fmt: skip
        self.store, self.period, self.count, self.themes, self.drawn = store, period, count, themes, drawn
        self._texts: dict[str, str] = dict(zip(pool["text_hash"], pool["text"], strict=True))
        self.become(labeller)

    def become(self, labeller: str) -> None:
        """Go on as this reader: first up to 50 texts that others have read (at most half), then new ones."""
        self.labeller = " ".join(labeller.split())
        rows = self.store.read()
        rows = rows[rows["period"].eq(self.period) & rows["drawn"].eq(self.drawn)]
        mine = rows["labeller"] == self.labeller
        if self.drawn == CORRECTED:  # each corrects for themselves, a text at a time
            rows = rows[mine & rows["text_hash"].isin([*self._texts])]
            mine = rows["labeller"] == self.labeller
        own, others = {*rows.loc[mine, "text_hash"]}, {*rows.loc[~mine, "text_hash"]}
        self.done = len(own)
        shared = [text for text in self._texts if text in others - own]
        new = [text for text in self._texts if text not in others | own]
        wanted = max(0, min(SHARED, self.count // 2) - len(own & others))
        self._queue = [*shared[:wanted], *new][: max(0, self.count - self.done)]

    @property
    def text(self) -> str | None:
        """The text to read now; None when there is none left."""
        return self._texts[self._queue[0]] if self._queue else None

    @property
    def left(self) -> int:
        """Texts still to see."""
        return len(self._queue)

    def keep(self, reading: Reading) -> None:
        """Keep what the reader says of the present text and go to the next.

        Raises
        ------
        ValueError
            If a word is not known, nobody is named, or no text is left.
        """
        if not self.labeller:
            raise ValueError("a reading needs a reader: enter your name first.")
        if not self._queue:
            raise ValueError(f"no text is left to read in {self.period}.")
        self.store.add(_row(self._queue[0], reading, self.labeller, self.period, self.drawn, self.themes))
        self._queue.pop(0)
        self.done += 1

    def undo(self) -> bool:
        """Take back this reader's latest reading, of an earlier sitting too, and show its text again."""
        row = self.store.undo(self.labeller, self.period, self.drawn, [*self._texts])
        if row is None:
            return False
        self._queue.insert(0, row["text_hash"])
        self.done -= 1
        return True


def _row(text: str, reading: Reading, labeller: str, period: str, drawn: str, themes: ThemeList) -> dict[str, str]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return dict(zip(COLUMNS, (text, labeller, now, drawn, period), strict=False)) | reading.as_row(themes.names)


def open_session(config: str | Path | Config, period: str, labeller: str, count: int) -> LabellingSession:
    """Draw texts of one period and go on where this reader stopped.

    At most 1,000 distinct texts that a model can read, in the order of a hash of their ids: each is as likely as any
    other, and the order is the same every time.

    Parameters
    ----------
    config
        Settings or their file, which may name the file of readings (``[text] readings``); else they go to
        ``data/derived/labels`` beside it, one file per organisation.
    period
        Such as '2026-10'.
    labeller
        Who reads.
    count
        Texts this reader is to see in this period, those of earlier sittings included.

    Returns
    -------
    LabellingSession
        Holds redacted texts only.

    Raises
    ------
    ValueError
        If `count` is below 1, or the period holds no text that can be read.
    NotMeasured
        If no text has a date.

    References
    ----------
    See `share_with_readings` for what a random sample of readings is good for.

    Examples
    --------
    >>> open_session("perception.toml", "2026-10", "Ann", 0)
    Traceback (most recent call last):
    ValueError: count is 0: the number of texts to read must be 1 or more.
    """
    if count < 1:
        raise ValueError(f"count is {count}: the number of texts to read must be 1 or more.")
    settings = config if isinstance(config, Config) else load_config(config)
    pool, themes = read_pool(settings, period), ThemeList(settings.themes)
    return LabellingSession(find_store(settings), pool, labeller, period, count, themes)


def find_store(config: Config) -> LabelStore:
    """Return the store of an organisation's readings, whether or not it holds any."""
    name = re.sub(r"[^a-z0-9]+", "-", config.organisation.name.casefold()).strip("-") or "labels"
    own = config.text.readings
    return LabelStore(config.resolve(own) if own else config.derived(f"{FOLDER}/{name}.csv"))


def find_readings(rows: pd.DataFrame, texts: pd.DataFrame, themes: ThemeList = SHIPPED) -> pd.DataFrame:
    """What readers say of the texts that they drew at random, where of several readers the first one counts.

    Parameters
    ----------
    rows
        Of a `LabelStore`.
    texts
        comment_id, period and redacted text of all that could be drawn in these periods.
    themes
        Those of the organisation.

    Returns
    -------
    pandas.DataFrame
        A row a text that was drawn, index as `texts`; a column for each of `labels_of` the themes, 1, 0 or missing (not
        asked). A text that several customers wrote word for word counts as often as it was drawn.
    """
    rows = rows[rows["drawn"].eq(RANDOM) & rows["sentiment"].ne(SKIPPED)].drop_duplicates(["period", "text_hash"])
    texts = texts[texts["period"].isin(rows["period"]) & texts["text"].notna()]
    keys = pd.MultiIndex.from_arrays([texts["period"], texts["text"].map(text_hash)])
    labels = flag_labels(rows, themes).set_index(pd.MultiIndex.from_frame(rows[["period", "text_hash"]]))
    drawn = pd.DataFrame({"order": texts["comment_id"].map(_order), "read": keys.isin(labels.index)}, texts.index)
    drawn["first"] = drawn.groupby(keys)["order"].transform("min")
    last = drawn["first"].where(drawn["read"]).groupby(texts["period"]).transform("max")
    found = (drawn["read"] & (drawn["order"] <= last)).to_numpy()
    return labels.reindex(keys[found]).set_index(texts.index[found])


def count_drawn(rows: pd.DataFrame) -> int:
    """How many texts drawn at random have a reading, of the rows of a `LabelStore`."""
    return int(rows.loc[rows["drawn"].eq(RANDOM) & rows["sentiment"].ne(SKIPPED), "text_hash"].nunique())


def labels_of(names: Sequence[str]) -> tuple[str, ...]:
    """All labels of readings where these are the themes: each as a problem and as thanked for, and `FURTHER`."""
    return (*names, *(PRAISE + name for name in names), *FURTHER)


def flag_labels(rows: pd.DataFrame, themes: ThemeList = SHIPPED) -> pd.DataFrame:
    """Each label as 1 or 0, missing where the reader was not asked.

    A theme that joins others is named where one of these is, and was asked about where all of them were.
    """
    asked = rows[COMPLAINT].ne("")
    offered = rows[OFFERED].map(lambda names: {*names.split("|")} if names else {*THEMES})
    columns: dict[str, pd.Series] = {name: rows["sentiment"].eq(name) for name in CLASSES}
    for column, before in (("blame", ""), ("praise", PRAISE)):
        named = rows[column].str.split("|").map(set)
        for theme in themes.names:
            any_of = {theme, *themes.parts(theme)}
            flags = named.map(lambda names, any_of=any_of: bool(names & any_of)).astype(bool)
            of_all = offered.map(lambda names, t=theme: t in names or names.issuperset(themes.parts(t))).astype(bool)
            columns[before + theme] = flags.where(asked & (flags | of_all))
    columns |= {column: rows[column].eq("1").where(asked) for column in (OTHER, LEAVING, COMPLAINT)}
    return pd.DataFrame(columns, rows.index).astype(float)[[*labels_of(themes.names)]]


def _offered(rows: pd.DataFrame) -> tuple[str, ...]:
    """Names of all themes that some reader could give, shipped ones first."""
    further = {name for cell in rows[OFFERED].unique() for name in cell.split("|") if name} - {*THEMES}
    return (*THEMES, *sorted(further))


def all_offered(rows: pd.DataFrame) -> ThemeList:
    """The themes that readers were offered, whatever the organisation calls its themes now."""
    return ThemeList({name: Theme(label=name) for name in _offered(rows) if name not in THEMES})


def _order(comment_id: object) -> str:
    """Where a text stands in the order of drawing, which has nothing to do with what it says."""
    return hashlib.blake2b(f"drawn {comment_id}".encode(), digest_size=8).hexdigest()


def read_pool(config: Config, period: str) -> pd.DataFrame:
    """Redacted texts of a period in the order of drawing, at most 1,000, no two alike: text_hash, text, comment_id.

    Raises
    ------
    ValueError
        If the period holds no text that can be read.
    NotMeasured
        If no text has a date.
    """
    when = parse_period(period).localise(config.organisation.timezone)
    return draw_pool(read_tables(config), when, config.organisation.order_number_patterns)


def draw_pool(tables: Tables, period: Period, patterns: Iterable[str] = ()) -> pd.DataFrame:
    """As `read_pool`, from tables: texts of contacts only where there are no others."""
    comments = collect_comments(tables).dropna(subset=["at"])
    comments = comments[comments["no_answer"] == ""]
    if comments.empty:
        raise NotMeasured("no customer text with a date (comment, text), needed to draw texts to read")
    stamps = pd.to_datetime(comments["at"])
    texts = comments.loc[period.contains(stamps)].assign(plain=lambda rows: rows["text"].map(normalise))
    written = texts["source"] != "contacts"
    texts = texts[written] if written.any() else texts
    texts = texts.assign(order=texts["comment_id"].map(_order)).sort_values("order", kind="stable")
    texts = texts[~texts["plain"].str.casefold().duplicated()]
    readable = [not reason_to_abstain(*pair) for pair in zip(texts["text"], texts["plain"], strict=True)]
    texts = texts[readable].head(POOL)
    if texts.empty:
        dates = f"{stamps.min():%Y-%m-%d} to {stamps.max():%Y-%m-%d}"
        raise ValueError(f"{period.name} holds no customer text that can be read. There are texts from {dates}.")
    redacted = redact(texts["text"], names=find_names(tables), patterns=list(patterns))
    pool = pd.DataFrame({"text_hash": redacted.map(text_hash), "text": redacted.map(printable)})
    return pool.assign(comment_id=texts["comment_id"]).drop_duplicates("text_hash").reset_index(drop=True)


def printable(text: str) -> str:
    """Return a text on one line, without control and invisible characters."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())
