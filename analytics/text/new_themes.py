"""What is named now that no theme covers: clauses that say alike, grouped, and set against their own history.

Belongs here: the groups and their facts. Not here: which texts may name a problem, and what a report says of a group.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import hypergeom, t

from analytics.text.clean import normalise
from analytics.text.encoder import Encoder, unit_rows
from analytics.text.linear import read_kept, write_arrays
from analytics.text.phrases import name_groups
from analytics.text.redact import redact
from analytics.text.themes import own_clauses, tag_themes_normalised

LATEST, EARLIER = 2_000, 3  # texts of the latest period, and of all before for each of those, that are looked at
CLAUSES = 6_000  # of one look: time and memory grow with their square
SHORTEST, LONGEST = 3, 60  # words of a clause that names one thing
DIMENSIONS = 100  # of the embeddings, scaled to vary alike: else mood and style, which vary most, decide what is alike
ALIKE = 0.2  # mean cosine between the clauses of two groups from which they are one
SAME = 0.6  # cosine between centres from which a group is that of an earlier look
TAGGED = 40  # clauses of a group, the most typical, that are tagged to see whether a theme covers it
EXAMPLES = 12  # clauses given of a group
TELLING = 4  # periods before the latest from which the spread between them counts
GROUPS = "groups"  # in the derived data: centres of earlier looks
_WORD = re.compile(r"\w+")

COLUMNS = ["group", "phrases", "examples", "n", "people", "writers", "share_now", "share_before", "first_period",
           "p_value", "members", "centre"]  # fmt: skip

Embed = Callable[[list[str]], np.ndarray]
Tag = Callable[[list[str]], Sequence[Sequence[str]]]


def find_new_themes(
    texts: Iterable[str | None],
    periods: Iterable[str],
    people: Iterable[Any] | None = None,
    *,
    names: Iterable[str] = (),
    patterns: Iterable[str] = (),
    earlier: Mapping[str, np.ndarray] | None = None,
    minimum: int = 10,
    embed: Embed | None = None,
    tag: Tag | None = None,
) -> pd.DataFrame:
    """Group what no theme covers, and test whether each group is named more in the latest period than before.

    Texts are read clause by clause, those before the latest period as a sample. Clauses are grouped by what they say,
    blind to their periods, and a group of which half names one theme is left out. Then the people who name a
    group are counted, now and before.

    Parameters
    ----------
    texts
        As customers wrote them; missing ones are left out.
    periods
        Name of each text's period, such as 2026-10: names sort as time goes, and the last one is looked at.
    people
        Who wrote each text; if not given, every text is somebody else's.
    names, patterns
        As for `redact`: examples and phrases hold no personal data.
    earlier
        Centres of groups by id, as in column ``centre`` of earlier answers: a group near one keeps its id.
    minimum
        People below which a group is none, over all periods.
    embed, tag
        What embeds and what tags normalised clauses; the shipped encoder and themes if not given.

    Returns
    -------
    pandas.DataFrame
        A row for each group, the likeliest new first: ``group`` (id: an earlier one, or the latest period and a
        number), ``phrases`` (list, most distinctive first), ``examples`` (list of at most 12 redacted clauses, most
        typical first), ``n`` (texts) and ``people`` of the latest period that name it, ``writers`` (people of that
        period), ``share_now`` and ``share_before`` (of people who wrote, 0 to 1; before: NaN without a history),
        ``first_period`` (since when its share has been above its average), ``p_value`` (one-sided, before the number
        of groups is counted; NaN without a history), ``members`` (positions of the period's texts that name it, the
        most typical first), ``centre`` (mean embedding, less that of all).

    Raises
    ------
    ValueError
        If texts, periods and people are not of one length.

    References
    ----------
    Average linkage: Sokal and Michener (1958). Fisher's exact test; where shares of earlier periods spread more than
    chance would have them, a t-test with that spread instead.

    Examples
    --------
    >>> find_new_themes([None, "Thank you"], ["2026-09", "2026-10"]).empty
    True
    """
    frame, clauses = _sample(_frame(texts, periods, people))
    if clauses["clause"].nunique() < minimum:
        return pd.DataFrame(columns=COLUMNS)
    clauses, centres = _group(clauses, embed or Encoder.load().embed_normalised)
    table, latest = _history(frame, clauses).assign(centre=centres), frame["period"].max()
    large = clauses[clauses["label"].isin(table.index[table["ever"] >= minimum])]
    table = table.loc[_uncovered(large, tag or tag_themes_normalised)]
    table = _describe(table, large[large["label"].isin(table.index)], latest, names, patterns)
    order = ["p_value", "people", "first_example"]
    table = table.sort_values(order, ascending=[True, False, True], kind="stable", ignore_index=True)
    return _identify(table, latest, earlier or {})[COLUMNS]


def _frame(texts: Iterable[str | None], periods: Iterable[str], people: Iterable[Any] | None) -> pd.DataFrame:
    """One row a text with its position and the hash that puts rows in an order of their own."""
    columns: dict[str, list[Any]] = {"text": list(texts), "period": list(periods)}
    columns["person"] = list(range(len(columns["text"]))) if people is None else list(people)
    if len(set(map(len, columns.values()))) > 1:
        lengths = ", ".join(f"{len(values):,} for {name}" for name, values in columns.items())
        raise ValueError(f"texts, periods and people differ in length: {lengths}. Expected one of each for every text.")
    frame = pd.DataFrame(columns, dtype=object).rename_axis("position").reset_index()
    alone = frame["person"].isna()
    frame["person"] = frame["person"].astype("str").where(~alone, "text " + frame["position"].astype("str"))
    frame = frame[frame["text"].notna() & frame["period"].notna()]
    frame = frame.sort_values("person", kind="stable")
    again = frame.groupby(["text", "period"]).cumcount()  # what many write word for word is looked at like all else
    said = frame["text"].astype("str") + "|" + frame["period"].astype("str") + "|" + again.astype("str")
    keys = [hashlib.blake2b(row.encode("utf-8", "replace")).hexdigest() for row in said]
    return frame.assign(key=keys).sort_values(["key", "period"], kind="stable")


def _sample(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The texts that are looked at, and their different clauses that are long enough to name something."""
    is_now = frame["period"] == frame["period"].max()
    now = _read(frame[is_now].head(LATEST))
    before = _read(frame[~is_now].head(EARLIER * min(int(is_now.sum()), LATEST)))
    room = max(CLAUSES // 2, CLAUSES - sum(map(len, before["clauses"])))  # half and half tells a difference best
    now = _first(now, room)
    texts = pd.concat([now, _first(before, CLAUSES - sum(map(len, now["clauses"])))])
    clauses = texts.explode("clauses").dropna(subset="clauses").sort_values("key", kind="stable")
    return texts, clauses[["position", "period", "person", "clauses", "text"]].rename(columns={"clauses": "clause"})


def _read(texts: pd.DataFrame) -> pd.DataFrame:
    """Texts with their different clauses that are long enough to name something."""
    each = (dict.fromkeys(own_clauses(normalise(text))) for text in texts["text"])
    long_enough = [[c for c in of_one if SHORTEST <= len(c.split()) <= LONGEST] for of_one in each]
    return texts.assign(clauses=pd.Series(long_enough, texts.index, dtype=object))


def _first(texts: pd.DataFrame, room: int) -> pd.DataFrame:
    """The first texts that together have no more clauses than there is room for."""
    return texts[texts["clauses"].map(len).cumsum() <= room]


def _group(clauses: pd.DataFrame, embed: Embed) -> tuple[pd.DataFrame, pd.Series]:
    """Clauses with the label of their group, the most typical first, and the centre of each group."""
    distinct, rows = np.unique(clauses["clause"].to_numpy(str), return_inverse=True)
    vectors = unit_rows(np.asarray(embed(distinct.tolist()), dtype=float))
    vectors -= vectors.mean(axis=0)
    labels = _link(vectors)[rows]
    centres = pd.DataFrame(vectors[rows]).groupby(labels).mean()
    nearness = (unit_rows(vectors)[rows] * centres.loc[labels].to_numpy()).sum(axis=1).round(6)
    clauses = clauses.assign(label=labels).iloc[np.lexsort((rows, -nearness))]
    return clauses, pd.Series(list(centres.to_numpy()), centres.index)


def _link(vectors: np.ndarray) -> np.ndarray:
    """Labels of groups by average linkage, every direction of the embeddings made to vary alike."""
    from scipy.cluster.hierarchy import fcluster, linkage

    variances, directions = np.linalg.eigh(vectors.T @ vectors / len(vectors))
    kept = slice(-min(DIMENSIONS, max(len(vectors) // 4, 2)), None)  # they come in order, the largest last
    even = unit_rows((vectors @ directions[:, kept]) / np.sqrt(np.maximum(variances[kept], 1e-9)))
    labels: np.ndarray = fcluster(linkage(even.round(5) + 1e-9, "average", "cosine"), 1 - ALIKE, "distance")
    return labels


def _history(frame: pd.DataFrame, clauses: pd.DataFrame) -> pd.DataFrame:
    """How many people name each group now and before, since when, and how likely that is chance; index label."""
    latest = frame["period"].max()
    wrote = frame.groupby("period")["person"].nunique().astype(float)
    different = clauses.drop_duplicates(["label", "period", "person"])
    named = different.groupby(["label", "period"]).size().unstack(fill_value=0)
    named = named.reindex(columns=wrote.index, fill_value=0).astype(float)
    above = (named / wrote).gt(named.sum(axis=1) / wrote.sum(), axis=0)
    run = above.loc[:, ::-1].cumprod(axis=1).sum(axis=1).clip(lower=1)  # periods in a row, the latest last
    past = wrote.drop(latest)
    return pd.DataFrame({
        "people": named[latest].astype(int),
        "writers": int(wrote[latest]),
        "ever": different.groupby("label")["person"].nunique(),
        "share_now": named[latest] / wrote[latest],
        "share_before": named[past.index].sum(axis=1) / past.sum() if len(past) else np.nan,
        "first_period": wrote.index.to_numpy()[-run.to_numpy(int)],
        "p_value": [_p_value(row[-1], wrote[latest], row[:-1], past.to_numpy()) for row in named.to_numpy()],
    })  # fmt: skip


def _p_value(now: float, writers: float, before: np.ndarray, wrote: np.ndarray) -> float:
    """Chance of so many now, were they no more than before; the latter two by period."""
    if not len(wrote):
        return float("nan")
    past, named = wrote.sum(), now + before.sum()
    exact = float(hypergeom.sf(now - 1, past + writers, named, writers))
    share, freedom = before.sum() / past, len(wrote) - 1
    if len(wrote) < TELLING or not 0 < share < 1:
        return exact
    spread = ((before - share * wrote) ** 2 / wrote).sum() / (share * (1 - share)) / freedom
    pooled = named / (past + writers)
    error = np.sqrt(spread * pooled * (1 - pooled) * (1 / writers + 1 / past))
    return max(exact, float(t.sf((now / writers - share) / error, freedom))) if spread > 1 else exact


def _uncovered(clauses: pd.DataFrame, tag: Tag) -> list[int]:
    """Labels of groups of whose most typical clauses no one theme is named by half."""
    typical = clauses.groupby("label").head(TAGGED)
    tags = pd.Series([[*map(str, tags)] for tags in tag(typical["clause"].tolist())], typical["label"], dtype=object)
    named = tags.explode().groupby(level=0).value_counts().groupby(level=0).max()
    size = typical.groupby("label").size()
    return list(size.index[named.reindex(size.index, fill_value=0) < size / 2])


def _describe(
    table: pd.DataFrame, clauses: pd.DataFrame, latest: str, names: Iterable[str], patterns: Iterable[str]
) -> pd.DataFrame:
    """Groups with their texts of the latest period, and their phrases and examples, redacted."""
    distinct = clauses.drop_duplicates("clause").set_index("clause")["text"]
    texts = pd.Series({text: redact(normalise(text), names, patterns) for text in distinct.unique()}, dtype=object)
    pairs = zip(distinct.index, redact(distinct.index.tolist(), names, patterns), distinct.map(texts), strict=True)
    redacted = clauses["clause"].map({clause: _in_context(clause, one, text) for clause, one, text in pairs})
    alike = redacted.str.lower().str.replace(r"\W+", " ", regex=True).str.strip()
    different = clauses.assign(redacted=redacted, alike=alike).drop_duplicates(["label", "alike"])
    by_label = name_groups(different["redacted"], different["label"])
    examples = _lists(different.groupby("label").head(EXAMPLES), "redacted", table.index)
    named = clauses[clauses["period"] == latest].drop_duplicates(["label", "position"])
    members = _lists(named, "position", table.index)
    phrases = pd.Series([by_label.get(label, []) for label in table.index], table.index, dtype=object)
    facts = {"phrases": phrases, "examples": examples, "first_example": examples.str[0]}
    return table.assign(**facts, members=members, n=members.map(len))


def _in_context(clause: str, redacted: str, text: str) -> str:
    """A redacted clause without the words that are gone from its redacted text: "Mr." may end the clause before."""
    gone = {*_WORD.findall(clause)} - {*_WORD.findall(text)}
    return _WORD.sub(lambda word: "[name]" if word.group() in gone else word.group(), redacted)


def _lists(clauses: pd.DataFrame, column: str, labels: pd.Index) -> pd.Series:
    """Values of a column by group, as a list for each of the labels."""
    by_label = {label: rows[column].tolist() for label, rows in clauses.groupby("label")}
    return pd.Series([by_label.get(label, []) for label in labels], labels, dtype=object)


def _identify(table: pd.DataFrame, period: str, earlier: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Groups with their ids: the nearest earlier one's that no nearer group takes, else a new one."""
    ids: dict[int, str] = {}
    if earlier and len(table):
        rows = (table["centre"].tolist(), list(earlier.values()))
        now, then = (unit_rows(np.stack(centres).astype(float)) for centres in rows)
        near = now @ then.T
        for place in (-near).round(6).ravel().argsort(kind="stable"):
            row, other = divmod(int(place), len(earlier))
            name = list(earlier)[other]
            if near[row, other] >= SAME and row not in ids and name not in ids.values():
                ids[row] = name
    free = (f"{period}.{number}" for number in count(1) if f"{period}.{number}" not in ids.values())
    return table.assign(group=[ids[row] if row in ids else next(free) for row in table.index])


def read_centres(folder: Path, before: str) -> dict[str, np.ndarray]:
    """Centres of the groups of the last look before a period, by id; none where there was no look."""
    files = [file for file in sorted(folder.glob("*.npz")) if file.stem < before]
    stored = (read_kept(files[-1]) if files else None) or {"ids": [], "centres": []}
    return dict(zip(stored["ids"], stored["centres"], strict=True))


def keep_centres(folder: Path, period: str, groups: pd.DataFrame, earlier: Mapping[str, np.ndarray]) -> None:
    """Write the centres of a look, and those of earlier groups that were not seen in it, for looks to come."""
    centres = {**earlier, **dict(zip(groups["group"], groups["centre"], strict=True))}
    if centres:
        folder.mkdir(parents=True, exist_ok=True)
        rows = np.stack(list(centres.values())).astype(np.float16)
        write_arrays(folder / f"{period}.npz", {"ids": list(centres), "centres": rows})
