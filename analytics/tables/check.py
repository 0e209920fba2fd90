"""One table from raw columns to checked ones, and a record of every value and row that did not pass.

A row is set aside only if its id or another required value is missing or bad, or if it contradicts another row with
the same id. A bad optional value is set to missing. What was found is returned, never only dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from analytics.tables.convert import Reading, convert
from analytics.tables.maps import ExportMap, Rule, TableMap, apply_map
from analytics.tables.schema import FIELDS, ORDERED_TIMES, DataContractError, Field, contract
from analytics.tables.sources import Raw

SUSPECT_SHARE, SUSPECT_COUNT = 0.2, 5  # a larger share of at least so many values is bad: the map is wrong
SHOWN = 200  # characters of a bad value that are repeated
ROW_OUT, CELL_OUT, REPAIRED = "row set aside", "value set to missing", "row repaired"
# Stamps that follow the start of a contact or complaint: the company's own records are reported, never repaired.
_FOLLOWING = {
    "contacts": ("started_at", ("first_response_at", "resolved_at", "confirmed_at")),
    "complaints": ("received_at", ("remedied_at",)),
}

Stop = tuple[str, str, object, object, str]  # table, column, row, value, reason: a fault of the whole source


@dataclass(frozen=True)
class Piece:
    """One source of one table, with the map that reads it; `layout` is None where there is no map file."""

    raw: Raw
    table_map: TableMap
    layout: ExportMap | None = None


@dataclass(frozen=True)
class Checked:
    """A table that keeps its contract, its counts, and its faults (source, row, column, value, reason, effect)."""

    frame: pd.DataFrame
    counts: dict[str, str | int]
    faults: pd.DataFrame
    warnings: list[str]


class _Findings(NamedTuple):
    """What a table's reading has turned up so far."""

    faults: list[pd.DataFrame]
    warnings: list[str]
    stops: list[Stop]


def list_stops(table: str, error: ValueError, column: str = "") -> list[Stop]:
    """The sentences of an error as faults of a whole source."""
    return [(table, column, None, None, line) for line in str(error).splitlines()]


def check_table(table: str, pieces: Sequence[Piece], zone: str) -> Checked:
    """Type and check one table; each row read is kept, left out by the map, set aside, or an identical double.

    Raises
    ------
    DataContractError
        If a map names absent columns, a column's dates can be read two ways, more than a fifth of a column's values
        are bad, or no row is left.
    """
    found, warnings, stops = findings = _Findings([], [], [])
    frames, origins, left_out, start, earlier = [], [], 0, 0, 0
    for piece in pieces:
        try:
            mapped, omitted = apply_map(piece.raw, piece.table_map, earlier)
        except ValueError as error:
            stops += list_stops(table, error)
            continue
        earlier += len(piece.raw.frame) + len(piece.raw.broken)
        rows = pd.RangeIndex(start, start + len(mapped))
        origins.append(pd.DataFrame({"source": piece.raw.name, "row": mapped.index}, index=rows))
        left_out, start = left_out + omitted, start + len(mapped)
        frames.append(_type(table, mapped.set_axis(rows, axis=0), piece, zone, findings))
    if stops:
        raise DataContractError(stops)
    frame = pd.concat(frames)
    frame = _blank_reversed(table, frame, found)
    whole, doubles = _sound_rows(table, frame, found)
    kept = _blank_out_of_range(table, frame if whole.all() else frame[whole], zone, found)
    faults = pd.concat(found) if found else _fault("", pd.Series(dtype="str"), "")
    _refuse_suspects(table, faults, kept, start)
    faults = faults.drop(index=doubles, errors="ignore")
    faults["effect"] = pd.Series(CELL_OUT, faults.index).where(faults.index.isin(kept.index), ROW_OUT)
    faults = pd.concat([faults.join(pd.concat(origins)), _broken_rows(pieces)])
    faults = faults.sort_values(["source", "row"], kind="stable", ignore_index=True)
    broken = sum(len(piece.raw.broken) for piece in pieces)
    counts: dict[str, str | int] = {
        "table": table,
        "read": start + left_out + broken,
        "left_out": left_out,
        "kept": len(kept),
        "quarantined": start - len(kept) - len(doubles) + broken,
        "duplicates": len(doubles),
        "cells": int((faults["effect"] == CELL_OUT).sum()),
    }
    return Checked(kept.reset_index(drop=True), counts, faults, warnings + _disorder(table, kept))


def _type(table: str, mapped: pd.DataFrame, piece: Piece, zone: str, findings: _Findings) -> pd.DataFrame:
    """The columns of one source with their types; what cannot be typed goes to the faults, or to the stops."""
    ours = {spec.name: spec for spec in FIELDS[table]}
    typed: dict[str, pd.Series] = {}
    moved = 0
    for name, rule in piece.table_map.rules.items():
        if name not in mapped:
            continue
        spec = ours.get(name) or Field(name, rule.kind or "category", "extra")
        reading = _how_to_read(rule, piece, zone)
        try:
            read = convert(mapped[name], spec, reading)
        except ValueError as error:
            findings.stops.extend(list_stops(table, ValueError(f"{piece.raw.name}, column {name}: {error}"), name))
            continue
        typed[name] = read.values
        if read.bad.any():
            findings.faults.append(_fault(name, mapped[name][read.bad], read.reasons[read.bad]))
        findings.warnings.extend(f"{piece.raw.name}, column {name}: {note}." for note in read.notes)
        moved += read.moved
    if moved:
        findings.warnings.append(
            f"{piece.raw.name}: {moved:,} stamps without an offset fall into an hour in which clocks change; a "
            "repeated hour was read as the first one, a skipped one as the next moment."
        )
    return pd.DataFrame(typed, index=mapped.index)


def _how_to_read(rule: Rule, piece: Piece, zone: str) -> Reading:
    """How the cells of a column are to be read, as its rule, its map and the kind of its source say."""
    layout = piece.layout or ExportMap(tables={})
    source = piece.raw.name.lower()
    database = source.endswith((".parquet", ".pq")) or ": " in source  # a query is called by its address and its text
    return Reading(
        zone_in=rule.zone or layout.zone or zone,
        zone_out=zone,
        day_first=layout.day_first,
        formats=rule.formats,
        decimal=layout.decimal or ("." if database else None),
        multiply=rule.multiply,
        epoch=rule.epoch,
        excel_serial=rule.excel_serial,
        workbook=source.endswith((".xlsx", ".xlsm")),
    )


def _fault(column: str, values: pd.Series, reason: str | pd.Series) -> pd.DataFrame:
    shown = values.astype("str").str.slice(0, SHOWN)
    return pd.DataFrame({"column": column, "value": shown, "reason": reason}, index=values.index)


def runs_backwards(earlier: pd.Series, later: pd.Series) -> pd.Series:
    """Whether the later stamp precedes the earlier one; a date without a clock on the same day does not."""
    backwards: pd.Series = later < earlier
    suspects = later[backwards]
    same_day = suspects.dt.normalize() == earlier[backwards].dt.normalize()
    backwards[suspects.index[same_day & (suspects == suspects.dt.normalize())]] = False
    return backwards


def _blank_reversed(table: str, frame: pd.DataFrame, found: list[pd.DataFrame]) -> pd.DataFrame:
    """Where a pair of stamps runs backwards, forget the earlier one: the later says that something happened."""
    for earlier, later in ORDERED_TIMES.get(table, ()):
        if {earlier, later} <= {*frame}:
            wrong = runs_backwards(frame[earlier], frame[later])
            if wrong.any():
                found.append(_fault(earlier, frame.loc[wrong, earlier], f"is later than {later}"))
                frame = frame.assign(**{earlier: frame[earlier].mask(wrong)})
    return frame


def _sound_rows(table: str, frame: pd.DataFrame, found: list[pd.DataFrame]) -> tuple[pd.Series, pd.Index]:
    """Which rows to keep, and the index of identical doubles."""
    keep = pd.Series(True, index=frame.index)
    for spec in FIELDS[table]:
        if not spec.required:
            continue
        missing = frame.index[frame[spec.name].isna()]
        unsaid = missing
        for fault in found:
            unsaid = unsaid.difference(fault.index[fault["column"] == spec.name])
        if len(unsaid):
            found.append(_fault(spec.name, pd.Series("", index=unsaid), "is required but missing"))
        keep[missing] = False
    primary = FIELDS[table][0].name
    repeats = frame[primary].isin(frame.loc[frame[primary].duplicated(), primary].unique())
    if not repeats.any():
        return keep, frame.index[:0]
    shared = frame[keep & repeats]
    again = shared.duplicated()
    doubles = shared.index[again]
    rest = shared[~again]
    contradicting = rest[rest[primary].duplicated(keep=False)]
    found.append(_fault(primary, contradicting[primary], "stands on several rows that contradict one another"))
    keep[doubles.union(contradicting.index)] = False
    return keep, doubles


def _blank_out_of_range(table: str, frame: pd.DataFrame, zone: str, found: list[pd.DataFrame]) -> pd.DataFrame:
    """Set values that the contract does not allow to missing; anything else that it rejects is our own mistake."""
    from pandera.errors import SchemaErrors

    rules = contract(table, zone)
    rules.unique = None  # ids that repeat were set aside before; to look again costs a second in a million rows
    try:
        rules.validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        if cases["index"].isna().any():
            raise
        for spec in FIELDS[table]:
            rows = pd.Index(cases.loc[cases["column"] == spec.name, "index"].unique())
            if len(rows):
                values = frame.loc[rows, spec.name]
                shown = values.map("{:g}".format) if spec.kind == "number" else values
                found.append(_fault(spec.name, shown, _range(spec)))
                frame = frame.assign(**{spec.name: frame[spec.name].mask(frame.index.isin(rows))})
    return frame


def _range(spec: Field) -> str:
    if spec.allowed:
        return f"is not one of {', '.join(spec.allowed)}"
    if spec.high is None:
        return f"is not {'a count of' if spec.whole else ''} {spec.low:g} or more".replace("  ", " ")
    return f"is not {'a whole number ' if spec.whole else ''}from {spec.low:g} to {spec.high:g}"


def _refuse_suspects(table: str, faults: pd.DataFrame, kept: pd.DataFrame, read: int) -> None:
    """Stop where a column is bad so often that its map, not its values, must be wrong."""
    stops: list[Stop] = []
    own = faults[~faults["reason"].str.contains("contradict").astype(bool)]
    for column, group in own.groupby("column", sort=False):
        filled = len(group) + int(kept[column].notna().sum())
        reason = group["reason"].mode().iloc[0]
        if filled >= SUSPECT_COUNT and len(group) > SUSPECT_SHARE * filled:
            sample = ", ".join(map(repr, dict.fromkeys(group["value"].head(100))))[:80]
            text = f"column {column}: {len(group):,} of {filled:,} values: {reason}, such as {sample}. Correct the map"
            stops.append((table, str(column), None, None, f"{text} (another column, values, blank or formats)."))
    if not stops and read and kept.empty:
        reasons = (faults["column"] + " " + faults["reason"]).value_counts().index[:3]
        stops.append((table, "", None, None, f"none of {read:,} rows can be used: {'; '.join(reasons)}."))
    if stops:
        raise DataContractError(stops)


def _broken_rows(pieces: Sequence[Piece]) -> pd.DataFrame:
    """Rows that are none of the table or could not be split into columns, and those that were repaired, as faults."""
    rows = [
        (piece.raw.name, row, "", text[:SHOWN], reason, effect)
        for piece in pieces
        for effect, listed in ((ROW_OUT, piece.raw.broken), (REPAIRED, piece.raw.repaired))
        for row, text, reason in listed
    ]
    return pd.DataFrame(rows, columns=["source", "row", "column", "value", "reason", "effect"])


def _disorder(table: str, frame: pd.DataFrame) -> list[str]:
    """Warnings on stamps that precede the start of their row."""
    start, following = _FOLLOWING.get(table, ("", ()))
    counts = {c: int(runs_backwards(frame[start], frame[c]).sum()) for c in following if c in frame}
    return [
        f"{table}: {count:,} of {int(frame[column].notna().sum()):,} stamps in {column} precede {start}; they are kept."
        for column, count in counts.items()
        if count
    ]
