"""Cases by partition on Dask: the rows of one case brought together, then `build_cases` on each partition.

Equal to the single-machine path to the last digit; only the order of rows holds within a partition alone.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analytics.config import OfficeHours
from analytics.scale.partitions import FREE_TEXT, number_part, read_parts, write_parts
from analytics.tables.cases import add_customers, build_cases, case_ids
from analytics.tables.schema import TEXT_SCORES, NotMeasured, Tables

if TYPE_CHECKING:
    import dask.dataframe as dd

ORDER, KEY, CASE = "_order", "_key", "_case"  # of a row: its place in its table, what it is dealt out by, its case
CUSTOMER = ["segment", "value_per_year", "tenure_days", "loyalty"]  # what a case takes from the customers table


def write_cases(
    tables: "Mapping[str, dd.DataFrame]", output: Path, until: pd.Timestamp, *,
    office_hours: OfficeHours | None = None, timezone: str | None = None,
) -> None:  # fmt: skip
    """Build cases from partitioned tables: contacts by customer, then all that belongs to one case in one partition.

    Each step is written beside `output` and read by the next, so that a worker holds a few partitions at a time,
    however large the tables are; texts are left out first.

    Parameters
    ----------
    tables
        Any of contacts, surveys, complaints, customers, typed as `read_tables` types them.
    output
        Folder of Parquet: the rows of `build_cases`, in order of `started_at` within a file.
    until
        The moment of looking; it must be said, as no partition knows the last stamp of the others.
    office_hours, timezone
        See `build_cases`.

    Raises
    ------
    NotMeasured
        If there are neither contacts nor complaints.
    ValueError
        If ids that must be unique repeat within a partition.

    References
    ----------
    See `build_cases`.
    """
    import dask.dataframe as dd

    slim = {name: _ordered(frame) for name, frame in tables.items() if name != "customers"}
    if not {"contacts", "complaints"} & {*slim}:
        raise NotMeasured(table="contacts", needed_for="cases")
    scratch = output.with_name(f".{output.name}.steps")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True, mode=0o750)
    try:
        linked = _link(slim, scratch)
        sample = {name: slim[name].head(50, npartitions=-1).drop(columns=ORDER) for name in linked}
        meta = build_cases(Tables(**sample), office_hours, timezone).iloc[:0]
        parts = max(frame.npartitions for frame in linked.values())
        _deal(linked, parts, scratch)
        settings = (scratch, tuple(linked), until, office_hours, timezone, meta)
        cases = dd.from_map(_build, range(parts), settings=settings, meta=meta)
        if tables.get("customers") is not None:
            columns = {"segment", "joined_at", "value_per_year"} & {*tables["customers"].columns}
            customers = tables["customers"][["customer_id", *sorted(columns)]]
            both = {"customers": _keyed(customers, "customer_id"), "cases": _keyed(cases, "customer_id")}
            _deal(both, parts, scratch)
            cases = dd.from_map(_add_customers_part, range(parts), settings=(scratch, timezone, meta), meta=meta)
        write_parts(cases, output)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _deal(frames: "dict[str, dd.DataFrame]", parts: int, scratch: Path) -> None:
    """Write each frame so that rows with one key lie in the file of one number."""
    for name, frame in frames.items():
        write_parts(frame.shuffle(KEY, npartitions=parts), scratch / name)


def _dealt(scratch: Path, name: str, number: int) -> pd.DataFrame:
    return pd.read_parquet(scratch / name / f"part.{number:06}.parquet")


def _ordered(frame: "dd.DataFrame") -> "dd.DataFrame":
    """A table without texts and their scores, each row with its place: the first and last of a case hang on it."""
    slim = frame.drop(columns=[c for c in frame.columns if c in {*FREE_TEXT, *TEXT_SCORES}])
    starts = [number << 32 for number in range(frame.npartitions)]
    return slim.map_partitions(number_part, starts, ORDER, meta=number_part(slim._meta, starts, ORDER))


def _link(tables: "dict[str, dd.DataFrame]", scratch: Path) -> "dict[str, dd.DataFrame]":
    """Give every row its case and the key by which cases are dealt out; rows without a case are left out."""
    linked, contacts = {}, tables.get("contacts")
    if contacts is not None:
        if "abandoned" in contacts.columns:  # joins the customer's next contact, wherever that row lies
            contacts = contacts.shuffle("customer_id")
        write_parts(contacts.map_partitions(_own_case, meta=_own_case(contacts._meta)), scratch / "linked")
        linked["contacts"] = read_parts([scratch / "linked"])
    if contacts is not None and "surveys" in tables and "contact_id" in tables["surveys"].columns:
        cases = linked["contacts"][["contact_id", CASE, KEY]]
        linked["surveys"] = tables["surveys"].dropna(subset=["contact_id"]).merge(cases, on="contact_id")
    if "complaints" in tables:
        frame, beside = tables["complaints"], contacts is not None
        meta = _own_case(frame._meta, "complaints", beside)
        linked["complaints"] = frame.map_partitions(_own_case, "complaints", beside, meta=meta)
    return linked


def _own_case(frame: pd.DataFrame, table: str = "contacts", beside_contacts: bool = True) -> pd.DataFrame:
    frame = frame.sort_values(ORDER, ignore_index=True)
    none = pd.DataFrame(columns=["contact_id", "started_at"], dtype="str") if beside_contacts else None
    case = case_ids(Tables(contacts=frame) if table == "contacts" else Tables(contacts=none, complaints=frame))[table]
    return _keyed(frame.assign(**{CASE: case.astype("str")}), CASE)  # type: ignore[no-any-return]


def _keyed(frame: Any, column: str) -> Any:  # noqa: ANN401  a pandas or a Dask frame
    """The frame with the hash of a column, the same for equal ids whatever the string type that holds them."""
    if isinstance(frame, pd.DataFrame):
        return frame.assign(**{KEY: pd.util.hash_array(frame[column].astype(object).to_numpy())})
    return frame.map_partitions(_keyed, column, meta=_keyed(frame._meta, column))


def _part(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    frame = frame.sort_values(ORDER, ignore_index=True)
    frame = frame if table == "surveys" else frame.assign(case_id=frame[CASE])
    return frame.drop(columns=[ORDER, KEY, CASE])


def _build(number: int, settings: tuple[Path, tuple[str, ...], pd.Timestamp, Any, str | None, pd.DataFrame]) -> Any:  # noqa: ANN401
    scratch, names, until, office_hours, zone, meta = settings
    parts = {name: _dealt(scratch, name, number) for name in names}
    frames = {name: _part(part, name) for name, part in parts.items() if len(part)}
    tables = Tables(frames.get("contacts"), frames.get("surveys"), frames.get("complaints"))
    try:
        cases = build_cases(tables, office_hours, zone, until)
    except NotMeasured:  # nothing of this partition had begun by then
        return meta
    return cases.reindex(columns=meta.columns).astype(meta.dtypes.to_dict())


def _add_customers_part(number: int, settings: tuple[Path, str | None, pd.DataFrame]) -> pd.DataFrame:
    scratch, zone, meta = settings
    cases, customers = (_dealt(scratch, name, number).drop(columns=KEY) for name in ("cases", "customers"))
    cases = cases.sort_values(["started_at", "case_id"], ignore_index=True)
    starts = cases["started_at"] if cases["started_at"].dt.tz is None else cases["started_at"].dt.tz_convert(None)
    joined = add_customers(cases.assign(started_at=starts), customers, zone)
    return cases.assign(**{c: joined[c] for c in CUSTOMER}).astype(meta.dtypes.to_dict())
