"""What the four tables hold: column names, contracts, and the errors that say what is missing or wrong.

Reading and repairing belong to `read`; nothing here touches a file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

# What `score` adds beside a text: read back as it is, and never an attribute of a case.
TEXT_SCORES = (
    "row", "sentiment", "unknown_because", "valence", "p_negative", "p_neutral", "p_positive", "churn_intent", "themes",
    "model", "negative_themes",
)  # fmt: skip
# What tables of results call their figures: no column of an export keeps such a name.
RESULTS = {
    "measure", "value", "low", "high", "n", "unit", "source", "people", "difference", "error", "p_value", "differs",
    "adjusted", "mix", "withheld", "period",
}  # fmt: skip
TABLE_NAMES = ("contacts", "surveys", "complaints", "customers")
REMEDIES = ("none", "partial", "full")

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

    def holds(self, values: pd.Series) -> pd.Series:
        """Whether a value is there and, where the field has ends, lies between them."""
        return values.notna() if self.low is None or self.high is None else values.between(self.low, self.high)


def _read_fields() -> dict[str, tuple[Field, ...]]:
    """Fields of each table in order, as ``schema.csv`` lists them."""
    fields: dict[str, tuple[Field, ...]] = dict.fromkeys(TABLE_NAMES, ())
    with Path(__file__).with_name("schema.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            low, high = (float(row[end]) if row[end] else None for end in ("low", "high"))
            required, whole, allowed = row["required"] == "yes", row["whole"] == "yes", tuple(row["allowed"].split())
            spec = Field(row["name"], row["kind"], row["meaning"], row["unit"], required, low, high, whole, allowed)  # type: ignore[arg-type]
            fields[row["table"]] += (spec,)
    return fields


FIELDS = _read_fields()

# A pair of stamps that cannot run backwards: (earlier, later). Company stamps are only reported, never repaired.
ORDERED_TIMES = {"surveys": (("invited_at", "responded_at"),), "customers": (("joined_at", "left_at"),)}

# What dates a row: the first stamp that it has.
STAMPS = {"contacts": ("started_at",), "surveys": ("invited_at", "responded_at"), "complaints": ("received_at",)}
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
        Frame, or rows, of table, column ('' for the whole source) and reason.
    """

    failures: pd.DataFrame

    def __init__(self, failures: pd.DataFrame | Sequence[Sequence[object]], shown: int = 20) -> None:
        self.failures = frame_of("table column reason", failures)
        lines = (self.failures["table"].astype(str) + ": " + self.failures["reason"].astype(str)).tolist()
        count = len(lines)
        more = [f"… and {count - shown} more, all in .failures"] if count > shown else []
        heading = "The data cannot be used as they are" + (f" ({count} faults)" if count > 1 else "")
        super().__init__("\n- ".join([f"{heading}:", *lines[:shown], *more]))

    def __reduce__(self) -> tuple[type[DataContractError], tuple[pd.DataFrame]]:
        return type(self), (self.failures,)


def frame_of(columns: str, rows: pd.DataFrame | Sequence[Sequence[object]] = ()) -> pd.DataFrame:
    """A frame of some rows, its columns named in one line."""
    return pd.DataFrame(rows, columns=columns.split(), dtype=None if len(rows) else "object").reset_index(drop=True)


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
    absent
        One row per optional column of a map that a source lacks: table, source, column, wanted, nearest ('' for none).
    losses
        One row per comparison of rows lost with rows kept: table, why, measure, lost, kept, difference, low, high,
        shift, matters (see ``analytics.tables.loss``).
    scales
        Ends of each score whose map states another scale than the usual one.
    spans
        One row per table and source: table, source, kept (rows), first, last (the stamps that date them; NaT for none).
    directed
        Scores of which a map says which end of their scale is the good one.
    about
        The part of the service that a score was asked of, as its question calls it.
    """

    rows: pd.DataFrame = field(default_factory=frame_of("table read kept quarantined duplicates cells").copy)
    inputs: pd.DataFrame = field(default_factory=frame_of("table source sha256 rows").copy)
    faults: pd.DataFrame = field(default_factory=frame_of("table column reason n effect").copy)
    warnings: tuple[str, ...] = ()
    absent: pd.DataFrame = field(default_factory=frame_of("table source column wanted nearest").copy)
    losses: pd.DataFrame = field(
        default_factory=frame_of("table why measure lost kept difference low high shift matters").copy
    )
    scales: dict[str, tuple[float, float]] = field(default_factory=dict)
    spans: pd.DataFrame = field(default_factory=frame_of("table source kept first last").copy)
    directed: frozenset[str] = frozenset()
    about: dict[str, str] = field(default_factory=dict)


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

    def __post_init__(self) -> None:
        """Hold every table in plain types: an analysis meets what reading gives, whoever made the frame."""
        for name in TABLE_NAMES:
            if (frame := getattr(self, name)) is not None:
                object.__setattr__(self, name, plain(frame))


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its columns in pandas' default types: no pyarrow, nullable numbers, categories or bare objects.

    Raises
    ------
    TypeError
        If it is no DataFrame.

    Examples
    --------
    >>> plain(pd.DataFrame({"csat": pd.array([4, None], "int64[pyarrow]")})).dtypes.tolist()
    [dtype('float64')]
    """
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"a table is a pandas DataFrame; found {type(frame).__name__}.")
    usual = (np.dtype, pd.DatetimeTZDtype, pd.BooleanDtype)
    odd = [c for c, kind in frame.dtypes.items() if kind == "object" or not (isinstance(kind, usual) or kind == "str")]
    whole = frame.copy(deep=False) if odd else frame
    for column in odd:
        whole[column] = _plain(whole[column])
    return whole


def _plain(values: pd.Series) -> pd.Series:
    """A column in pandas' default type of what it holds; the contract's own for flags, which may be missing."""
    if pd.api.types.is_bool_dtype(values.dtype):
        return values.astype("boolean")
    return values.astype(object).where(values.notna(), None).infer_objects()


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
        if primary in names and not (table == "contacts" and "response_id" in names):
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
        bounds = ((Check.ge, spec.low), (Check.le, spec.high), (Check.isin, spec.allowed or None))
        checks = [check(bound) for check, bound in bounds if bound is not None]
        checks += [Check(lambda values: values % 1 == 0, error="whole")] if spec.whole else []
        dtype = pd.DatetimeTZDtype("us", timezone) if spec.kind == "time" else DTYPES[spec.kind]
        columns[spec.name] = Column(dtype, checks, nullable=not spec.required, required=spec.required)
    return DataFrameSchema(columns, unique=[FIELDS[table][0].name], name=table)
