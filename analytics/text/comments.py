"""Every text a customer wrote, in one tidy frame: collected, scored, and redacted before anything else sees it.

Reading one text belongs to ``scored``; this module only gathers texts from the tables and keeps who, when and where.
"""

from collections.abc import Sequence
from typing import Any, get_args

import pandas as pd

from analytics.tables.cases import case_ids
from analytics.tables.schema import TEXT_SCORES, Tables
from analytics.text.linear import PROBABILITIES
from analytics.text.own_themes import ThemeList
from analytics.text.scored import score_own_words
from analytics.text.thread import Reason, by_customers, read_own_words

# table -> (id, stamp, text); survey comments carry their contact, whose case they belong to
TEXTS = {
    "surveys": ("response_id", "responded_at", "comment"),
    "complaints": ("complaint_id", "received_at", "text"),
    "contacts": ("contact_id", "started_at", "text"),
}
NAME_COLUMNS = ("agent_id", "agent_name", "customer_name", "name", "supervisor")
COLUMNS = ["comment_id", "source", "customer_id", "case_id", "at", "text", "no_answer", "cut"]
NUMBERS = ["valence", *PROBABILITIES, "churn_intent"]
LISTS = ["themes", "negative_themes"]
STORED = list(TEXT_SCORES[1:])


def collect_comments(tables: Tables) -> pd.DataFrame:
    """Gather survey comments, complaints and contact texts, one row each, blank ones left out.

    Parameters
    ----------
    tables
        Any of surveys, complaints, contacts; a table or text column that is absent adds no rows.

    Returns
    -------
    pandas.DataFrame
        comment_id, source (the table's name), customer_id, case_id (missing where unknown), at (the customer's
        stamp, missing where the export has none), and of their own words text, no_answer and cut (see
        `read_own_words`). Rows whose column `author` names somebody of the company are left out.

    References
    ----------
    The tables of METHODS.md, "What comes in".

    Examples
    --------
    >>> surveys = pd.DataFrame({"response_id": ["a", "b"], "comment": ["Thank you", None]})
    >>> collect_comments(Tables(surveys=surveys))[["comment_id", "source", "text"]].values.tolist()
    [['a', 'surveys', 'Thank you']]
    """
    parts = []
    cases = case_ids(tables) if tables.contacts is not None or tables.complaints is not None else {}
    for table, (key, stamp, text) in TEXTS.items():
        frame = getattr(tables, table)
        if frame is None or text not in frame:
            continue
        frame = _written(frame, text)
        part = pd.DataFrame({"comment_id": frame[key], "source": table}).join(_own_words(frame, text))
        for column, origin in (("customer_id", "customer_id"), ("at", stamp)):
            part[column] = frame[origin] if origin in frame else None
        part["case_id"] = cases[table].loc[frame.index] if table in cases else None
        parts.append(part)
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def score_comments(comments: pd.DataFrame, tables: Tables, **options: Any) -> pd.DataFrame:  # noqa: ANN401
    """Columns of `score_texts` for collected comments, and `negative_themes`: those of which something bad is said.

    A table whose texts were scored and redacted before (`score_and_redact`) is taken as it is. `options` are those of
    `score_texts`.
    """
    parts = comments.groupby("source", sort=False).groups.items()
    stored = pd.concat([_stored(tables, str(table), index) for table, index in parts])
    scores = score_own_words(comments.loc[comments.index.difference(stored.index)], **options)
    scores["negative_themes"] = scores["themes"].map(complained_about)
    return pd.concat([part for part in (stored, scores) if len(part)]).reindex(comments.index)


def redact_comments(
    comments: pd.DataFrame, tables: Tables, patterns: Sequence[str] = (), start: pd.Timestamp | None = None
) -> pd.Series:
    """Redacted texts of collected comments; missing before `start`, as redacting what nobody is shown takes time."""
    from analytics.text.redact import redact

    whole = start is None or comments["at"].isna().all()
    late = comments if whole or start is None else comments[~(pd.to_datetime(comments["at"]) < start)]
    texts = late["text"].copy()
    fresh = late.index[~late["source"].isin([name for name in TEXTS if _is_stored(getattr(tables, name))])]
    if len(fresh):
        texts[fresh] = redact(texts[fresh], names=find_names(tables), patterns=list(patterns))
    return texts.reindex(comments.index)


def score_and_redact(
    texts: pd.Series, brands: Sequence[str] = (), names: Sequence[str] = (), patterns: Sequence[str] = (),
    model: str = "auto", themes: ThemeList | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Score texts for a file: the redacted text and flat columns of scores beside it, nothing else.

    Parameters
    ----------
    texts
        A column of texts; missing ones stay missing and are scored 'unknown'.
    brands, model, themes
        See `score_texts`.
    names, patterns
        See `redact`.

    Returns
    -------
    pandas.DataFrame
        Index as the input: the customer's own words, redacted, under the column's own name, then `STORED`: the columns
        of `score_texts` with `reason` called unknown_because, and themes and negative_themes as names joined by "; ".
        A table that holds these columns is not scored again by `score_comments`.

    References
    ----------
    See `score_texts` and `redact`.

    Examples
    --------
    >>> stored = score_and_redact(pd.Series(["Waited for hours, mail jo@example.com"], name="comment"), model="fast")
    >>> stored[["comment", "sentiment", "negative_themes"]].values.tolist()
    [['Waited for hours, mail [e-mail]', 'negative', 'waiting']]
    """
    from analytics.text.redact import redact

    codes, distinct = pd.factorize(texts, use_na_sentinel=False)  # equal texts are read once
    different = pd.Series(distinct, dtype="str")
    own = read_own_words(different)
    scores = score_own_words(own, brands, model, themes=themes).rename(columns={"reason": "unknown_because"})
    scores["negative_themes"] = scores["themes"].map(complained_about)
    for column in LISTS:
        scores[column] = scores[column].map("; ".join).astype("str")
    name = str(texts.name) if texts.name not in (None, "row", *scores) else "text"
    scores.insert(0, name, redact(own["text"].where(different.notna()), names=names, patterns=patterns))
    return scores[[name, *STORED]].take(codes).set_axis(texts.index)


def find_names(tables: Tables) -> list[str]:
    """Names of customers and agents found in name-like columns; bare codes such as 'A17' are left out."""
    names: set[str] = set()
    for table in (tables.contacts, tables.surveys, tables.complaints, tables.customers):
        for column in NAME_COLUMNS:
            if table is not None and column in table:
                names.update(map(str, table[column].dropna().unique()))
    return sorted(name for name in names if sum(c.isalpha() for c in name) >= 3 and not any(c.isdigit() for c in name))


def _written(frame: pd.DataFrame, text: str) -> pd.DataFrame:
    """Rows with a text by a customer."""
    written = frame[frame[text].notna() & frame[text].str.strip().ne("")]
    return written[by_customers(written["author"])] if "author" in written else written


def whole_texts(comments: pd.DataFrame, tables: Tables) -> pd.Series:
    """Collected texts as they came in, others' words included."""
    frames = ((getattr(tables, source), *TEXTS[source]) for source in comments["source"].unique())
    whole = pd.concat([frame.drop_duplicates(key).set_index(key)[text] for frame, key, _, text in frames])
    return comments["comment_id"].map(whole[~whole.index.duplicated()])


def _own_words(frame: pd.DataFrame, text: str) -> pd.DataFrame:
    """Own words of written texts; what was scored and redacted before is taken as it is."""
    if not _is_stored(frame):
        return read_own_words(frame[text])
    why = frame["unknown_because"].fillna("")
    own = pd.DataFrame({"text": frame[text], "no_answer": why.where(why.isin(get_args(Reason)), "")})
    return own.assign(cut=pd.Series([{}] * len(own), own.index, dtype=object))


def complained_about(tags: list[Any]) -> list[str]:
    """Names of the themes about which a text says something negative."""
    return [str(tag) for tag in tags if getattr(tag, "polarity", "negative") == "negative"]


def thanked_for(tags: list[Any]) -> list[str]:
    """Names of the themes for which a text gives thanks."""
    return [str(tag) for tag in tags if getattr(tag, "polarity", "") == "positive"]


def _stored(tables: Tables, table: str, index: pd.Index) -> pd.DataFrame:
    """Scores that a table holds beside its redacted texts (see `score_and_redact`), as `score_texts` gives them."""
    frame = _written(getattr(tables, table), TEXTS[table][2])
    if not _is_stored(frame):
        return pd.DataFrame(columns=STORED).rename(columns={"unknown_because": "reason"})
    scores = frame[STORED].set_axis(index).fillna({"unknown_because": ""}).rename(columns={"unknown_because": "reason"})
    split = {c: scores[c].fillna("").map(lambda names: [n for n in names.split("; ") if n]) for c in LISTS}
    return scores.assign(**split).astype(dict.fromkeys(NUMBERS, "float64"))


def _is_stored(frame: pd.DataFrame | None) -> bool:
    return frame is not None and {*STORED} <= {*frame.columns}
