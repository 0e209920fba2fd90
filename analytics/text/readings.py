"""Labels given by people: which texts to show to whom, a file that keeps every click, and whether two people agree.

Only redacted text comes in here, so only redacted text is shown and stored. What more labels would add is
``learning_curve``; the buttons, and what is said about labels, are ``report.labelling``.
"""

import hashlib
import math
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analytics.config import Config, load_config
from analytics.tables.periods import parse_period
from analytics.tables.read import defuse, read_tables
from analytics.tables.schema import NotMeasured
from analytics.text.accurate import AccurateModel
from analytics.text.clean import normalise, reason_to_abstain
from analytics.text.comments import collect_comments, find_names
from analytics.text.linear import CLASSES
from analytics.text.redact import redact

FOLDER = "data/derived/labels"  # beside the configuration
COLUMNS = ["text_hash", "text", "label", "labeller", "labelled_at", "drawn", "period"]
SKIPPED = "skipped"
LABELS = (*CLASSES, SKIPPED)
RANDOM, TEACHING = "random", "teaching"
RATINGS = dict(zip(CLASSES, (1, 3, 5), strict=True))  # the CSAT answers that `adapt` reads as the same sentiment
POOL = 1_000  # texts the model looks at before it chooses: some ten seconds
CLOSEST = 5  # texts per text to be chosen that clustering looks at, the most uncertain first
SHARED = 50  # texts a second labeller gets of those the first has labelled, enough for an interval of kappa
PATIENCE = 10  # seconds to wait for another labeller's click to be saved


def text_hash(text: str) -> str:
    """Return a text's identity: equal for texts that differ only in case, white space or markup.

    Examples
    --------
    >>> text_hash("Thank  you!") == text_hash("thank you!")
    True
    """
    return hashlib.blake2b(normalise(text).casefold().encode(), digest_size=12).hexdigest()


class LabelStore:
    """A CSV file of labels, one row per text and labeller; each click is on the disk before the next text shows.

    Every change writes a new file beside the old one and puts it in its place in one step, under a lock: whoever is
    killed or runs out of disk leaves the file as it was after the click before.

    Parameters
    ----------
    path
        The file; made with the first label.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def read(self) -> pd.DataFrame:
        """All rows, oldest first: text_hash, text, label, labeller, labelled_at (UTC), drawn, period.

        Raises
        ------
        ValueError
            If the file lacks a column or holds a label that is not known.
        """
        if not self.path.exists():
            return pd.DataFrame(columns=COLUMNS, dtype="str")
        rows = pd.read_csv(self.path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
        if absent := [column for column in COLUMNS if column not in rows]:
            message = f"{self.path}: no column {', '.join(absent)}. Restore the file from a copy, or move it away."
            raise ValueError(message)
        if stray := sorted(set(rows["label"]) - set(LABELS)):
            raise ValueError(f"{self.path}: label {stray[0]!r} is not known. Expected one of: {', '.join(LABELS)}.")
        for column in ("text", "labeller"):  # what `defuse` did
            rows[column] = rows[column].str.replace(r"^'(?=\s*[=+\-@|])", "", regex=True)
        return rows[COLUMNS]

    def add(self, row: dict[str, str]) -> None:
        """Keep one label; the same labeller's earlier one for the same text gives way."""
        with self._lock():
            rows = self.read()
            same = rows["text_hash"].eq(row["text_hash"]) & rows["labeller"].eq(row["labeller"])
            new = pd.DataFrame([row], columns=COLUMNS, dtype="str")
            self._write(pd.concat([rows[~same], new], ignore_index=True))

    def undo(self, labeller: str, period: str) -> dict[str, str] | None:
        """Take back this labeller's latest label of the period and return its row; None where there is none."""
        with self._lock():
            rows = self.read()
            own = rows.index[rows["labeller"].eq(labeller) & rows["period"].eq(period)]
            if own.empty:
                return None
            self._write(rows.drop(own[-1]))
            return {str(column): str(value) for column, value in rows.loc[own[-1]].items()}

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


def draw_texts(
    probabilities: np.ndarray, embeddings: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the texts to label: half at random, half those that teach most.

    The random half measures (a text chosen because it is hard says nothing about texts in general). The other half is
    spread over the uncertain ones: of the texts with the highest entropy, five for each to be chosen, k-means weighted
    by entropy makes as many groups as are wanted, and the text nearest to each centre is taken.

    Parameters
    ----------
    probabilities
        The model's, shape (n, 3).
    embeddings
        Of the same texts, shape (n, width).
    count
        How many to choose; all where there are fewer.
    rng
        Source of randomness.

    Returns
    -------
    tuple of numpy.ndarray
        Row numbers of the random and of the teaching half, no row in both.

    References
    ----------
    Zhdanov 2019, Diverse mini-batch active learning, arXiv:1901.05954.

    Examples
    --------
    >>> sure, unsure = [0.98, 0.01, 0.01], [0.4, 0.2, 0.4]
    >>> at_random, teaching = draw_texts(np.array([sure] * 40 + [unsure] * 5), np.eye(45), 2, np.random.default_rng(0))
    >>> len(at_random), bool(teaching[0] >= 40)
    (1, True)
    """
    order = rng.permutation(len(probabilities))
    half = (count + 1) // 2
    at_random, rest = order[:half], order[half:]
    wanted = min(count - half, len(rest))
    if wanted < 1:
        return at_random, rest[:0]
    entropy = -(probabilities * np.log(np.clip(probabilities, 1e-12, 1))).sum(axis=1)
    uncertain = rest[np.argsort(-entropy[rest], kind="stable")][: CLOSEST * wanted]
    from sklearn.cluster import KMeans

    seed = int(rng.integers(2**31))
    groups = KMeans(wanted, n_init=1, random_state=seed).fit(embeddings[uncertain], sample_weight=entropy[uncertain])
    distance = groups.transform(embeddings[uncertain])
    chosen = {int(distance[:, centre].argmin()) for centre in range(wanted)}
    chosen |= set([place for place in range(len(uncertain)) if place not in chosen][: wanted - len(chosen)])
    return at_random, uncertain[sorted(chosen)]


class LabellingSession:
    """One labeller's sitting: what to show next, and where each answer goes.

    Parameters
    ----------
    store
        Where labels are kept.
    drawn
        Texts to label in this order: text_hash, text, drawn.
    labeller
        Name of the one who labels; may be empty until `become`.
    period
        The period the texts come from.
    count
        Texts each labeller is to see in this period, those of earlier sittings included.
    """

    def __init__(self, store: LabelStore, drawn: pd.DataFrame, labeller: str, period: str, count: int) -> None:
        self.store, self.drawn, self.period, self.count = store, drawn, period, count
        self.become(labeller)

    def become(self, labeller: str) -> None:
        """Go on as this labeller: first up to 50 texts that others have labelled (at most half), then new ones."""
        self.labeller = " ".join(labeller.split())
        rows = self.store.read()
        rows = rows[rows["period"] == self.period]
        own, others = rows[rows["labeller"] == self.labeller], rows[rows["labeller"] != self.labeller]
        self.done = len(own)
        shared = others[~others["text_hash"].isin(own["text_hash"])].drop_duplicates("text_hash")
        shared = shared.sort_values("drawn", key=lambda drawn: drawn != RANDOM, kind="stable")
        already = int(own["text_hash"].isin(others["text_hash"]).sum())
        new = self.drawn[~self.drawn["text_hash"].isin(rows["text_hash"])]
        queue = pd.concat([shared.head(max(0, min(SHARED, self.count // 2) - already)), new])
        queue = queue.head(max(0, self.count - self.done))[["text_hash", "text", "drawn"]]
        self._queue: list[dict[str, str]] = [{str(k): v for k, v in row.items()} for row in queue.to_dict("records")]

    @property
    def text(self) -> str | None:
        """The text to label now; None when there is none left."""
        return self._queue[0]["text"] if self._queue else None

    @property
    def left(self) -> int:
        """Texts still to see."""
        return len(self._queue)

    def label(self, label: str) -> None:
        """Keep a label ('negative', 'neutral', 'positive', 'skipped') for the present text and go to the next.

        Raises
        ------
        ValueError
            If the label is not known, nobody is named, or no text is left.
        """
        if label not in LABELS:
            raise ValueError(f"label {label!r} is not known. Expected one of: {', '.join(LABELS)}.")
        if not self.labeller:
            raise ValueError("a label needs a labeller: enter your name first.")
        if not self._queue:
            raise ValueError(f"no text is left to label in {self.period}.")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        who = {"labeller": self.labeller, "labelled_at": now, "period": self.period}
        self.store.add({**self._queue[0], "label": label, **who})
        self._queue.pop(0)
        self.done += 1

    def undo(self) -> bool:
        """Take back this labeller's latest label, of an earlier sitting too, and show its text again."""
        row = self.store.undo(self.labeller, self.period)
        if row is None:
            return False
        self._queue.insert(0, {column: row[column] for column in ("text_hash", "text", "drawn")})
        self.done -= 1
        return True


def open_session(config: str | Path | Config, period: str, labeller: str, count: int) -> LabellingSession:
    """Draw texts of one period and go on where this labeller stopped.

    At most 1,000 distinct texts that a model can read are looked at, chosen by chance, the same ones every time.

    Parameters
    ----------
    config
        Settings or their file; labels go to ``data/derived/labels`` beside it, one file per organisation.
    period
        Such as '2026-10'.
    labeller
        Who labels.
    count
        Texts this labeller is to see in this period, those of earlier sittings included.

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
    See `draw_texts`.

    Examples
    --------
    >>> open_session("perception.toml", "2026-10", "Ann", 0)
    Traceback (most recent call last):
    ValueError: count is 0: the number of texts to label must be 1 or more.
    """
    if count < 1:
        raise ValueError(f"count is {count}: the number of texts to label must be 1 or more.")
    settings = config if isinstance(config, Config) else load_config(config)
    store = find_store(settings)
    pool = read_pool(settings, period)
    pool = pool[~pool["text_hash"].isin(store.read()["text_hash"])].reset_index(drop=True)
    return LabellingSession(store, _draw(pool, count), labeller, period, count)


def find_store(config: Config) -> LabelStore:
    """Return the store of an organisation's labels, whether or not it holds any."""
    name = re.sub(r"[^a-z0-9]+", "-", config.organisation.name.casefold()).strip("-") or "labels"
    return LabelStore(config.resolve(f"{FOLDER}/{name}.csv"))


def find_labels(config: Config, period: str, texts: pd.Series) -> pd.Series:
    """Labels that people gave to texts drawn at random in a period, where all who read a text agree.

    Parameters
    ----------
    config
        The organisation's settings.
    period
        Such as '2026-10': labels of other periods say nothing about its texts.
    texts
        Redacted texts.

    Returns
    -------
    pandas.Series
        A label of `CLASSES` a text, index as `texts`; missing where it was not read. Equal texts share a label.
    """
    labels = find_store(config).read()
    agreed = agreed_labels(labels[labels["period"].eq(period) & labels["drawn"].eq(RANDOM)])
    known = agreed.set_index("text_hash")["label"]
    return (
        texts.map(_printable).map(text_hash).map(known) if len(known) else pd.Series(np.nan, texts.index, dtype=object)
    )


def read_pool(config: Config, period: str) -> pd.DataFrame:
    """Redacted texts of a period, at most 1,000, no two alike: text_hash, text.

    Raises
    ------
    ValueError
        If the period holds no text that can be read.
    NotMeasured
        If no text has a date.
    """
    tables = read_tables(config)
    comments = collect_comments(tables).dropna(subset=["at"])
    comments = comments[comments["no_answer"] == ""]
    if comments.empty:
        raise NotMeasured("no customer text with a date (comment, text), needed to draw texts to label")
    stamps = pd.to_datetime(comments["at"])
    inside = parse_period(period).localise(config.organisation.timezone).contains(stamps)
    texts = comments.loc[inside, ["text"]].assign(plain=lambda rows: rows["text"].map(normalise))
    texts = texts[~texts["plain"].str.casefold().duplicated()].sample(frac=1, random_state=0)
    readable = [not reason_to_abstain(*pair) for pair in zip(texts["text"], texts["plain"], strict=True)]
    texts = texts[readable].head(POOL)
    if texts.empty:
        dates = f"{stamps.min():%Y-%m-%d} to {stamps.max():%Y-%m-%d}"
        raise ValueError(f"{period} holds no customer text that can be read. There are texts from {dates}.")
    redacted = redact(texts["text"], names=find_names(tables), patterns=config.organisation.order_number_patterns)
    plain = redacted.map(_printable)
    pool = pd.DataFrame({"text_hash": plain.map(text_hash), "text": plain})
    return pool.drop_duplicates("text_hash").reset_index(drop=True)


def _draw(pool: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return the chosen texts with how each was drawn, both halves mixed so that a short sitting holds both."""
    model = AccurateModel.load()
    embeddings = model.encoder.embed(pool["text"].tolist())
    rng = np.random.default_rng(0)
    at_random, teaching = draw_texts(model.proba_of(embeddings), embeddings, count, rng)
    drawn = pool.iloc[[*at_random, *teaching]].assign(drawn=[RANDOM] * len(at_random) + [TEACHING] * len(teaching))
    return drawn.iloc[rng.permutation(len(drawn))].reset_index(drop=True)


def _printable(text: str) -> str:
    """Return a text on one line, without control and invisible characters."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def agreed_labels(labels: pd.DataFrame) -> pd.DataFrame:
    """One row per labelled text, as `adapt` and any other learner want it.

    Skipped texts, and texts that two labellers read differently, are left out.

    Parameters
    ----------
    labels
        Rows of a `LabelStore`.

    Returns
    -------
    pandas.DataFrame
        text_hash, text, label, drawn, and rating: the CSAT answer of the same meaning, so that
        ``adapt(agreed["text"], agreed["rating"], scale="csat")`` learns from the labels. Error rates for
        `corrected_share` must come from rows with ``drawn == "random"`` alone.

    References
    ----------
    See `measure_agreement` for how far labellers agree.

    Examples
    --------
    >>> rows = [("x", "slow", "negative", "Ann"), ("x", "slow", "neutral", "Ben"), ("y", "good", "positive", "Ann")]
    >>> labels = pd.DataFrame(rows, columns=["text_hash", "text", "label", "labeller"]).assign(drawn="random")
    >>> agreed_labels(labels)[["text", "rating"]].values.tolist()
    [['good', 5]]
    """
    rows = labels[labels["label"].isin(CLASSES)]
    voices = rows.groupby("text_hash")["label"].transform("nunique")
    agreed = rows[voices == 1].drop_duplicates("text_hash")[["text_hash", "text", "label", "drawn"]]
    return agreed.assign(rating=agreed["label"].map(RATINGS).astype(int)).reset_index(drop=True)


@dataclass(frozen=True)
class Agreement:
    """How far two people gave the same labels beyond what chance would do.

    Parameters
    ----------
    first, second
        The labellers.
    kappa, low, high
        Cohen's kappa, -1 to 1, and its 95 % interval; NaN where it is undefined.
    n, same
        Texts both labelled, skipped ones left out, and how many of them got the same label.
    """

    first: str
    second: str
    kappa: float
    low: float
    high: float
    n: int
    same: int


def measure_agreement(labels: pd.DataFrame) -> list[Agreement]:
    """Cohen's kappa of every two labellers, over the texts both of them labelled.

    kappa = (po - pe) / (1 - pe), po the share of texts with equal labels, pe the share that chance would give with the
    same use of each label. The interval is the large-sample one.

    Parameters
    ----------
    labels
        Rows of a `LabelStore`: text_hash, label, labeller.

    Returns
    -------
    list of Agreement
        One for every two labellers, in order of name; none with fewer than two labellers.

    References
    ----------
    Cohen 1960, Educational and Psychological Measurement 20, 37-46; Fleiss, Cohen & Everitt 1969, Psychological
    Bulletin 72, 323-327, for the standard error.

    Examples
    --------
    >>> labels = pd.DataFrame({"text_hash": list("wxyz") * 2, "labeller": ["Ann"] * 4 + ["Ben"] * 4})
    >>> labels["label"] = [{"n": "negative", "p": "positive"}[letter] for letter in "nppn" + "npnn"]
    >>> [(pair.n, pair.kappa) for pair in measure_agreement(labels)]  # po = 3/4, pe = 1/2 * 3/4 + 1/2 * 1/4
    [(4, 0.5)]
    """
    rows = labels[labels["label"].isin(CLASSES)]
    by_labeller = rows.pivot_table(index="text_hash", columns="labeller", values="label", aggfunc="last")
    pairs = combinations(sorted(by_labeller.columns), 2)
    return [_agreement(by_labeller[[*pair]].dropna(), *pair) for pair in pairs]


def _agreement(both: pd.DataFrame, first: str, second: str) -> Agreement:
    table = pd.crosstab(both[first], both[second]).reindex(index=CLASSES, columns=CLASSES, fill_value=0).to_numpy()
    used = np.flatnonzero(table.sum(axis=0) + table.sum(axis=1))
    same = int(np.trace(table))
    if len(used) < 2:
        return Agreement(first, second, math.nan, math.nan, math.nan, len(both), same)
    from statsmodels.stats.inter_rater import cohens_kappa

    estimate = cohens_kappa(table[np.ix_(used, used)])
    low, high = max(-1.0, float(estimate.kappa_low)), min(1.0, float(estimate.kappa_upp))
    return Agreement(first, second, float(estimate.kappa), low, high, len(both), same)
