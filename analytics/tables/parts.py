"""Parts of a file that are compared and never averaged in silence: columns that group its rows, companies, brands."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from analytics.tables.schema import FIELDS, TEXT_SCORES, Tables
from analytics.tables.sources import Raw

BRANDS = {"company": "companies", "brand": "brands", "organisation": "organisations", "organization": "organizations"}
PERSONS = {"agent", "agent_name", "customer_name", "name", "supervisor", "manager", "author"}  # no group names a person
MOST = 30  # values of a column that still groups
LINKS = (("contacts", "contact_id"), ("contacts", "case_id"), ("customers", "customer_id"))  # whose columns rows share
PARTS = ("sheet", "file")  # columns that name the part of a source that a row stands in
DATED = ("surveys", "complaints", "contacts")


def group_columns(frame: pd.DataFrame, table: str) -> list[str]:
    """Further columns of a table (those that its map named under `extra`) that group its rows.

    Examples
    --------
    >>> frame = pd.DataFrame({"response_id": list("abcd"), "touchpoint": ["Repair", "Billing", "Repair", "Repair"]})
    >>> group_columns(frame, "surveys")
    ['touchpoint']
    """
    ours = {*TEXT_SCORES, *PERSONS, *(field.name for field in FIELDS[table])}
    further = frame[[c for c in frame if c not in ours]].select_dtypes(["str", "object", "category", "bool"])
    return [str(c) for c in further if 1 < further[c].nunique() <= min(MOST, len(frame) / 2)]


def brand_columns(tables: Tables) -> dict[str, list[str]]:
    """Columns that name companies or brands, with the values of those that hold several."""
    values = {column: _values(tables, column) for column in BRANDS}
    return {column: names for column, names in values.items() if len(names) > 1}


def _values(tables: Tables, column: str) -> list[str]:
    """What a column of any table holds, in order."""
    frames = [f for name in DATED if (f := getattr(tables, name)) is not None and column in f]
    return sorted({str(value) for frame in frames for value in frame[column].dropna()})


def several_brands(tables: Tables, by: str | None) -> list[str]:
    """Say of a file that holds several companies or brands how they are reported."""
    return [
        f"{column} holds {len(names)} {BRANDS[column]}: {', '.join(names[:5])}{', …' * (len(names) > 5)}. A report "
        f'sets them side by side; [report] by = "{column}" makes one report each.'
        for column, names in brand_columns(tables).items()
        if column != by
    ]


def parts_of(tables: Tables, by: str) -> list[str]:
    """Values of the column that `[report] by` names, in order.

    Raises
    ------
    ValueError
        If no table has the column, or it is empty.
    """
    values = _values(tables, by)
    if not values:
        raise ValueError(
            f"[report] by = {by!r}: no survey, complaint or contact has a value there. Name a column that a map keeps, "
            f"such as [surveys.extra] {by} = '…'."
        )
    return values


def only_part(tables: Tables, by: str | None, value: str) -> Tables:
    """The rows of one part; a table without the column is left out, as nobody can say whose its rows are.

    Customers are those of the rows that stay. Without `by` and `value` the tables come back whole. Raises ValueError
    where one of the two is missing, or `value` is no part.
    """
    if by is None or not value:
        if by or value:
            raise ValueError(f"[report] by = {by!r} and part = {value!r}: one report is of one part. Say both or none.")
        return tables
    if value not in (values := parts_of(tables, by)):
        raise ValueError(f"[report] by = {by!r} has no {value!r}. Found: {', '.join(values)}.")
    kept = {name: frame for name in DATED if (frame := getattr(tables, name)) is not None and by in frame}
    kept = {name: frame[frame[by].astype("str") == value] for name, frame in kept.items()}
    customers = tables.customers
    if customers is not None:
        ids = {i for frame in kept.values() if "customer_id" in frame for i in frame["customer_id"].dropna()}
        customers = customers[customers["customer_id"].isin(ids)] if ids else None
    return Tables(**kept, customers=customers, log=tables.log)


def link_columns(frame: pd.DataFrame, tables: Tables, columns: Sequence[str], table: str = "") -> pd.DataFrame:
    """Columns of some rows (of `table`), where a value is missing that of their contact, then of their customer.

    A column that is nowhere is left out.
    """
    cells = {column: frame[column] for column in columns if column in frame}
    for source, key in LINKS:
        other = getattr(tables, source)
        if source == table or other is None or key not in other or key not in frame:
            continue
        first = other.dropna(subset=[key]).drop_duplicates(key).set_index(key)
        for column in first.columns.intersection(columns):
            values = first[column].reindex(frame[key]).set_axis(frame.index)
            cells[column] = cells[column].fillna(values) if column in cells else values
    return pd.DataFrame(cells, index=frame.index)


def label_parts(raws: Sequence[Raw], parts: Sequence[tuple[Path, str | None]]) -> list[Raw]:
    """Several sources of one table, each with the name of its sheet, or else of its file, in a column of its own."""
    header = PARTS[0] if any(sheet for _, sheet in parts) else PARTS[1]
    if len(raws) < 2 or any(header in raw.frame for raw in raws):
        return list(raws)
    labels = [sheet or file.stem for file, sheet in parts]
    return [replace(r, frame=r.frame.assign(**{header: n})) for r, n in zip(raws, labels, strict=True)]
