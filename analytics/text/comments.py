"""Every text a customer wrote, in one tidy frame: collected, scored, and redacted before anything else sees it.

Scoring one text belongs to ``score``; this module only gathers texts from the tables and keeps who, when and where.
"""

import pandas as pd

from analytics.tables.cases import case_ids
from analytics.tables.schema import Tables

# table -> (id, stamp, text); survey comments carry their contact, whose case they belong to
TEXTS = {
    "surveys": ("response_id", "responded_at", "comment"),
    "complaints": ("complaint_id", "received_at", "text"),
    "contacts": ("contact_id", "started_at", "text"),
}
NAME_COLUMNS = ("agent_id", "agent_name", "customer_name", "name", "supervisor")
COLUMNS = ["comment_id", "source", "customer_id", "case_id", "at", "text"]


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
        stamp, missing where the export has none) and text as the customer wrote it.

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
        frame = frame[frame[text].notna() & frame[text].str.strip().ne("")]
        part = pd.DataFrame({"comment_id": frame[key], "source": table, "text": frame[text]})
        for column, origin in (("customer_id", "customer_id"), ("at", stamp)):
            part[column] = frame[origin] if origin in frame else None
        part["case_id"] = cases[table].loc[frame.index] if table in cases else None
        parts.append(part)
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def read_comments(
    tables: Tables,
    brands: list[str] | None = None,
    model: str = "auto",
    cache: str | None = None,
    patterns: list[str] | None = None,
    **options: int,
) -> pd.DataFrame:
    """Collect, score and redact all customer texts of some tables.

    Parameters
    ----------
    tables
        What came in; see `collect_comments`.
    brands
        The organisation's own names, masked before scoring and the target of churn intent.
    model, cache, **options
        Passed to `score_texts`.
    patterns
        Regular expressions of order and account numbers to redact.

    Returns
    -------
    pandas.DataFrame
        The columns of `collect_comments`, `text` redacted, joined by those of `score_texts` and by
        `negative_themes`, the themes about which something negative is said.

    References
    ----------
    See `score_texts` and `redact`.

    Examples
    --------
    >>> read_comments(Tables()).empty
    True
    """
    from analytics.text.redact import redact
    from analytics.text.score import score_texts

    comments = collect_comments(tables)
    if comments.empty:
        return comments
    scores = score_texts(comments["text"], brands=brands or [], model=model, cache=cache, **options)
    redacted = redact(comments["text"], names=_names(tables), patterns=patterns or [])
    scores["negative_themes"] = scores["themes"].map(
        lambda tags: [str(tag) for tag in tags if getattr(tag, "polarity", "negative") == "negative"]
    )
    return comments.assign(text=redacted).join(scores)


def _names(tables: Tables) -> list[str]:
    """Names of customers and agents found in name-like columns; bare codes such as 'A17' are left out."""
    names: set[str] = set()
    for table in (tables.contacts, tables.surveys, tables.complaints, tables.customers):
        for column in NAME_COLUMNS:
            if table is not None and column in table:
                names.update(table[column].dropna().unique())
    return sorted(name for name in names if sum(c.isalpha() for c in name) >= 3 and not any(c.isdigit() for c in name))
