"""What the four tables hold: column names, contracts, and the errors that say what is missing or wrong.

Reading and repairing belong to `read`; nothing here touches a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

CONTACT_ID = "contact_id"
CUSTOMER_ID = "customer_id"
CASE_ID = "case_id"
STARTED_AT = "started_at"
CHANNEL = "channel"
REASON = "reason"
TEAM = "team"
AGENT_ID = "agent_id"
FIRST_RESPONSE_AT = "first_response_at"
RESOLVED_AT = "resolved_at"
CONFIRMED_AT = "confirmed_at"
ABANDONED = "abandoned"
HANDLE_TIME_S = "handle_time_s"
HOLD_TIME_S = "hold_time_s"
WAIT_TIME_S = "wait_time_s"
TRANSFERS = "transfers"
REOPENED = "reopened"
COST = "cost"
TEXT = "text"

RESPONSE_ID = "response_id"
INVITED_AT = "invited_at"
RESPONDED_AT = "responded_at"
NPS = "nps"
CSAT = "csat"
CES = "ces"
COMMENT = "comment"
WEIGHT = "weight"

COMPLAINT_ID = "complaint_id"
RECEIVED_AT = "received_at"
CATEGORY = "category"
TIMELY = "timely"
REMEDY = "remedy"
REMEDIED_AT = "remedied_at"
GOODWILL_VALUE = "goodwill_value"
DISPUTED = "disputed"
CONFIRMED_FIXED = "confirmed_fixed"

SEGMENT = "segment"
JOINED_AT = "joined_at"
LEFT_AT = "left_at"
VALUE_PER_YEAR = "value_per_year"

# What `score` adds beside a text: read back as it is, and never an attribute of a case.
TEXT_SCORES = (
    "row", "sentiment", "unknown_because", "valence", "p_negative", "p_neutral", "p_positive", "churn_intent", "themes",
    "model", "negative_themes",
)  # fmt: skip
TABLE_NAMES = ("contacts", "surveys", "complaints", "customers")
REMEDIES = ("none", "partial", "full")
FAILURE_COLUMNS = ("table", "column", "row", "value", "reason")

Kind = Literal["id", "time", "number", "flag", "category", "text"]


@dataclass(frozen=True)
class Field:
    """One column of a table: what it holds, in which unit, and which values are possible.

    The first field of a table is its primary id. `low`, `high` and `allowed` bound the values, `whole` says that
    they count in steps of one; a missing value is allowed unless `required`.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    required: bool = False
    low: float | None = None
    high: float | None = None
    whole: bool = False
    allowed: tuple[str, ...] = ()


FIELDS: dict[str, tuple[Field, ...]] = {
    "contacts": (
        Field(CONTACT_ID, "id", "one contact", required=True),
        Field(CUSTOMER_ID, "id", "who made it", required=True),
        Field(STARTED_AT, "time", "when the customer began", "time", required=True),
        Field(CASE_ID, "id", "the customer's issue; without the column each contact is its own case"),
        Field(CHANNEL, "category", "phone, chat, e-mail, branch and so on"),
        Field(REASON, "category", "why, as recorded by the company"),
        Field(TEAM, "category", "who handled it"),
        Field(AGENT_ID, "id", "who handled it, one person"),
        Field(FIRST_RESPONSE_AT, "time", "first answer by a person", "time"),
        Field(RESOLVED_AT, "time", "the company says it is solved", "time"),
        Field(CONFIRMED_AT, "time", "the customer says it is solved", "time"),
        Field(ABANDONED, "flag", "the customer gave up before an answer", "yes/no"),
        Field(HANDLE_TIME_S, "number", "agent's working time", "seconds", low=0),
        Field(HOLD_TIME_S, "number", "customer on hold", "seconds", low=0),
        Field(WAIT_TIME_S, "number", "customer waiting for a first answer", "seconds", low=0),
        Field(TRANSFERS, "number", "times passed on", "count", low=0, whole=True),
        Field(REOPENED, "number", "times opened again", "count", low=0, whole=True),
        Field(COST, "number", "cost to the company", "currency", low=0),
        Field(TEXT, "text", "what the customer wrote or said"),
    ),
    "surveys": (
        Field(RESPONSE_ID, "id", "one invitation", required=True),
        Field(CUSTOMER_ID, "id", "who was asked"),
        Field(CONTACT_ID, "id", "about which contact"),
        Field(INVITED_AT, "time", "when asked", "time"),
        Field(RESPONDED_AT, "time", "when answered; empty means silent", "time"),
        Field(NPS, "number", "likely to recommend", "0 to 10", low=0, high=10, whole=True),
        Field(CSAT, "number", "satisfied", "1 to 5", low=1, high=5),
        Field(CES, "number", "easy to get it solved", "1 to 7", low=1, high=7),
        Field(COMMENT, "text", "what the customer wrote"),
        Field(WEIGHT, "number", "design weight of the answer", "weight", low=0),
    ),
    "complaints": (
        Field(COMPLAINT_ID, "id", "one complaint", required=True),
        Field(RECEIVED_AT, "time", "when it came in", "time", required=True),
        Field(TEXT, "text", "what the customer wrote"),
        Field(CUSTOMER_ID, "id", "who complained"),
        Field(CASE_ID, "id", "the customer's issue"),
        Field(CATEGORY, "category", "what about, as recorded by the company"),
        Field(TIMELY, "flag", "answered in the company's time limit", "yes/no"),
        Field(REMEDY, "category", "was the problem itself put right", allowed=REMEDIES),
        Field(REMEDIED_AT, "time", "when it was put right", "time"),
        Field(GOODWILL_VALUE, "number", "gesture made, whether or not the problem was fixed", "currency", low=0),
        Field(DISPUTED, "flag", "the customer did not accept the answer", "yes/no"),
        Field(CONFIRMED_FIXED, "flag", "the customer says it is fixed", "yes/no"),
    ),
    "customers": (
        Field(CUSTOMER_ID, "id", "one customer", required=True),
        Field(SEGMENT, "category", "kind of customer"),
        Field(JOINED_AT, "time", "customer since", "time"),
        Field(LEFT_AT, "time", "left; empty means still a customer", "time"),
        Field(VALUE_PER_YEAR, "number", "worth to the company", "currency per year"),
    ),
}

# A pair of stamps that cannot run backwards: (earlier, later). Company stamps are only reported, never repaired.
ORDERED_TIMES = {"surveys": ((INVITED_AT, RESPONDED_AT),), "customers": ((JOINED_AT, LEFT_AT),)}

DTYPES = {"id": "str", "category": "str", "text": "str", "number": "float64", "flag": "boolean"}


class NotMeasured(ValueError):
    """An analysis lacks a column or a table; a report turns this into an honest line instead of failing.

    Parameters
    ----------
    what
        What is missing, in words; '' to word it from `table` and `columns`.
    table, columns
        Which table, or which columns of it, would settle it; empty where no single one would.
    needed_for
        What cannot be said without it.
    blank
        Whether the columns are there but hold no value.

    Examples
    --------
    >>> str(NotMeasured(table="contacts", columns=["transfers"], needed_for="transfers per case"))
    'not measured: no column transfers (table contacts), needed for transfers per case'
    """

    def __init__(
        self, what: str = "", *, table: str = "", columns: Iterable[str] = (), needed_for: str = "", blank: bool = False
    ) -> None:
        self.table, self.columns, self.needed_for = table, tuple(columns), needed_for
        noun = ("no value in column" if blank else "no column") + ("s" if len(self.columns) > 1 else "")
        missing = f"{noun} {', '.join(self.columns)} (table {table})" if self.columns else f"no table {table}"
        self.what = what.removeprefix("not measured: ").rstrip(".") or missing
        super().__init__(self.what)

    def __str__(self) -> str:
        return f"not measured: {self.what}" + (f", needed for {self.needed_for}" if self.needed_for else "")


class DataContractError(ValueError):
    """The data break the contract; every fault is in `.failures`, not only the first.

    Parameters
    ----------
    failures
        Frame, or rows, of table, column, row (in the source, counted from 1 below the header), value, reason.
    """

    failures: pd.DataFrame

    def __init__(self, failures: pd.DataFrame | Sequence[Sequence[object]], shown: int = 20) -> None:
        self.failures = pd.DataFrame(failures, columns=list(FAILURE_COLUMNS)).reset_index(drop=True)
        lines = (self.failures["table"].astype(str) + ": " + self.failures["reason"].astype(str)).tolist()
        count = len(lines)
        more = [f"… and {count - shown} more, all in .failures"] if count > shown else []
        heading = "The data cannot be used as they are" + (f" ({count} faults)" if count > 1 else "")
        super().__init__("\n- ".join([f"{heading}:", *lines[:shown], *more]))

    def __reduce__(self) -> tuple[type[DataContractError], tuple[pd.DataFrame]]:
        return type(self), (self.failures,)


def _empty(*columns: str) -> pd.DataFrame:
    return pd.DataFrame({column: pd.Series(dtype="object") for column in columns})


@dataclass(frozen=True)
class ReadLog:
    """What was read, what was set aside and why: the provenance of a report.

    Parameters
    ----------
    rows
        One row per table: table, read, kept, quarantined, duplicates (identical, dropped), cells (bad optional
        values set to missing).
    inputs
        One row per file or query: table, source, sha256, rows.
    faults
        One row per kind of fault: table, column, reason, n, effect ('row set aside', 'value set to missing').
    warnings
        Sentences a reader of the report should see.
    """

    rows: pd.DataFrame = field(
        default_factory=lambda: _empty("table", "read", "kept", "quarantined", "duplicates", "cells")
    )
    inputs: pd.DataFrame = field(default_factory=lambda: _empty("table", "source", "sha256", "rows"))
    faults: pd.DataFrame = field(default_factory=lambda: _empty("table", "column", "reason", "n", "effect"))
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tables:
    """The tables an analysis may use; each may be absent, and so may every column that is not required.

    Examples
    --------
    >>> Tables(surveys=pd.DataFrame({"response_id": ["a"], "nps": [9.0]})).contacts is None
    True
    """

    contacts: pd.DataFrame | None = None
    surveys: pd.DataFrame | None = None
    complaints: pd.DataFrame | None = None
    customers: pd.DataFrame | None = None
    log: ReadLog | None = None


def find_rows(ids: pd.Series, keys: pd.Series) -> np.ndarray:
    """Position in `keys`, which do not repeat, of each id; -1 where it is missing or not among them.

    Examples
    --------
    >>> find_rows(pd.Series(["b", "x", None]), pd.Series(["a", "b"])).tolist()
    [1, -1, -1]
    """
    both = pd.concat([keys, ids], ignore_index=True)
    codes = pd.factorize(both, use_na_sentinel=False)[0][len(keys) :]  # numbered as they appear: the keys come first
    return np.where((codes < len(keys)) & ids.notna(), codes, -1)


def require(frame: pd.DataFrame | None, columns: Iterable[str], analysis: str) -> pd.DataFrame:
    """Return the frame if it measures these columns; otherwise say what is not measured.

    A column that holds no value at all counts as not measured; a frame without rows does not.

    Raises
    ------
    NotMeasured
        If the table, or one of the columns, is absent or entirely empty.

    Examples
    --------
    >>> require(pd.DataFrame({"contact_id": ["a"], "team": ["North"]}), ["transfers"], "transfers per case")
    Traceback (most recent call last):
    ...
    analytics.tables.schema.NotMeasured: not measured: no column transfers (table contacts), needed for transfers per case
    """  # noqa: E501
    wanted = list(columns)
    if frame is None:
        raise NotMeasured(table=_likely_table(wanted), needed_for=analysis)
    table = _likely_table(frame.columns)
    if absent := [column for column in wanted if column not in frame.columns]:
        raise NotMeasured(table=table, columns=absent, needed_for=analysis)
    if blank := [column for column in wanted if len(frame) and frame[column].isna().all()]:
        raise NotMeasured(table=table, columns=blank, needed_for=analysis, blank=True)
    return frame


def _likely_table(columns: Iterable[str]) -> str:
    """Name of the table that holds most of these columns; the primary id decides where it is present."""
    names = set(columns)
    if "customer_clock_h" in names:
        return "cases"
    for table in TABLE_NAMES[:3]:
        primary = FIELDS[table][0].name
        if primary in names and not (table == "contacts" and RESPONSE_ID in names):
            return table
    return max(TABLE_NAMES, key=lambda table: len(names & {f.name for f in FIELDS[table]}))


def contract(table: str, timezone: str) -> DataFrameSchema:
    """Pandera schema of a table once read: exact types, ranges and a unique id; further columns are free.

    Parameters
    ----------
    table
        One of contacts, surveys, complaints, customers.
    timezone
        Zone that every time of the table is expressed in, such as 'Europe/London'.
    """
    from pandera.pandas import Check, Column, DataFrameSchema

    columns = {}
    for spec in FIELDS[table]:
        checks = []
        if spec.low is not None:
            checks.append(Check.ge(spec.low))
        if spec.high is not None:
            checks.append(Check.le(spec.high))
        if spec.allowed:
            checks.append(Check.isin(spec.allowed))
        dtype = pd.DatetimeTZDtype("us", timezone) if spec.kind == "time" else DTYPES[spec.kind]
        columns[spec.name] = Column(dtype, checks, nullable=not spec.required, required=spec.required)
    return DataFrameSchema(columns, unique=[FIELDS[table][0].name], name=table)
