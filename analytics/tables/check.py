"""One table from raw columns to checked ones, and a record of every value and row that did not pass.

A row is set aside only if its id or another required value is missing or bad, or if it contradicts another row with
the same id, of which nothing says that it is the later one. A bad optional value is set to missing. What was found is
returned, never only dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from analytics.tables.asked import part_asked
from analytics.tables.convert import convert
from analytics.tables.doubles import Settled, settle_doubles
from analytics.tables.headers import nearest, question_of
from analytics.tables.loss import TEXTS, Loss, compare_loss
from analytics.tables.maps import SCALES, ExportMap, Mapped, Rule, TableMap, apply_map
from analytics.tables.meaning import REASONS, SLIPS, check_meaning, doubt_outside
from analytics.tables.schema import FIELDS, ORDERED_TIMES, STAMPS, DataContractError, Field, ReadLog, contract, frame_of
from analytics.tables.sources import Raw
from analytics.tables.spelling import Reading
from analytics.tables.workbook import WORKBOOKS

SUSPECT_SHARE, SUSPECT_COUNT = 0.2, 5  # a larger share of at least so many values is bad: the map is wrong
SHOWN = 200  # characters of a bad value that are repeated
ROW_OUT, CELL_OUT, REPAIRED = "row set aside", "value set to missing", "row repaired"
# Stamps that follow the start of a contact or complaint: the company's own records are reported, never repaired.
_FOLLOWING = {
    "contacts": ("started_at", ("first_response_at", "resolved_at", "confirmed_at")),
    "complaints": ("received_at", ("remedied_at",)),
}

Stop = tuple[str, str, str]  # table, column, reason: a fault of the whole source


@dataclass(frozen=True)
class Piece:
    """One source of one table, with the map that reads it; `layout` is None where there is no map file."""

    raw: Raw
    table_map: TableMap
    layout: ExportMap | None = None


@dataclass(frozen=True)
class Checked:
    """A table that keeps its contract, its faults (source, row, column, value, reason, effect), and its log."""

    frame: pd.DataFrame
    faults: pd.DataFrame
    log: ReadLog


def list_stops(table: str, error: ValueError, column: str = "") -> list[Stop]:
    """The sentences of an error as faults of a whole source."""
    return [(table, column, line) for line in str(error).splitlines()]


@dataclass
class _Sources:
    """The sources of one table as read and typed, one after the other, with what that has turned up."""

    table: str
    zone: str
    partial: bool
    frames: list[pd.DataFrame] = field(default_factory=list)
    origins: list[pd.DataFrame] = field(default_factory=list)
    updated: list[pd.Series] = field(default_factory=list)
    left_out: list[pd.DataFrame] = field(default_factory=list)
    sources: list[Mapped] = field(default_factory=list)
    rows: int = 0
    faults: list[pd.DataFrame] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)


def check_table(table: str, pieces: Sequence[Piece], zone: str, *, partial: bool = False) -> Checked:
    """Type and check one table; each row read is kept, left out by the map, set aside, or stands in another row.

    A `partial` table is one part of several: nothing is concluded from what it as a whole holds or lacks.

    Raises
    ------
    DataContractError
        If a map names absent columns or finds nothing, a filter does not know a value, a column's dates can be read
        two ways or its values speak against its map, an id is no row's, or no row is left.
    """
    every = _Sources(table, zone, partial)
    _read_pieces(pieces, every)
    if not every.frames:
        raise DataContractError(every.stops)
    primary = FIELDS[table][0].name
    frame, origin = pd.concat(every.frames), pd.concat(every.origins)
    if not partial:
        doubts = check_meaning(table, frame, every.sources)
        every.stops += [(table, doubt.column, str(doubt)) for doubt in doubts]
    if not {spec.name for spec in FIELDS[table] if spec.required} <= {*frame}:
        raise DataContractError(every.stops)  # a required column could not be read at all
    frame = _blank_reversed(table, frame, every.faults)
    sound = _sound_rows(table, frame, every.faults)
    updated = pd.concat(every.updated) if every.updated else None
    settled = settle_doubles(table, frame if sound.all() else frame[sound], origin, every.sources, updated)
    if settled.doubt and not partial:
        every.stops.append((table, primary, settled.doubt))
    if every.stops:
        raise DataContractError(every.stops)
    contradicting = frame.loc[settled.fates.index[settled.fates == "contradicting"], primary]
    every.faults.append(_fault(primary, contradicting, "stands on several rows that contradict one another"))
    kept = _blank_out_of_range(table, settled.frame, zone, every.faults)
    faults = pd.concat(every.faults)
    _refuse_suspects(table, faults, kept, every.rows)
    faults = faults.drop(index=settled.dropped, errors="ignore")
    faults["effect"] = pd.Series(CELL_OUT, faults.index).where(faults.index.isin(kept.index), ROW_OUT)
    faults = pd.concat([faults.join(origin), _broken_rows(pieces)])
    faults = faults.sort_values(["source", "row"], kind="stable", ignore_index=True)
    aside = frame.drop(kept.index.union(settled.dropped))
    every.warnings += [*_told_doubles(table, settled, every.rows), *_disorder(table, kept)]
    losses = compare_loss(table, kept, aside, "set aside")
    losses += compare_loss(table, kept, pd.concat(every.left_out), "left out")
    counts = _count(every, pieces, settled, kept, faults)
    log = _write_log(every, counts, pieces, faults, losses, _spans(table, kept, origin))
    return Checked(_turn_round(kept, every.sources, origin).reset_index(drop=True), faults, log)


def _write_log(
    every: _Sources, counts: pd.DataFrame, pieces: Sequence[Piece], faults: pd.DataFrame, losses: list[Loss],
    spans: pd.DataFrame,
) -> ReadLog:  # fmt: skip
    """What a table adds to the log."""
    table = every.table
    scores = [(n, rule) for s in every.sources for n, rule in s.table_map.columns.items() if n in SCALES]
    kinds = faults.assign(table=table).groupby(["table", "column", "reason", "effect"], sort=False).size()
    inputs = [(table, p.raw.name, p.raw.sha256, len(p.raw.frame) + len(p.raw.broken)) for p in pieces]
    absent = [(table, s.raw.name, a.column, ", ".join(a.wanted), a.nearest) for s in every.sources for a in s.absent]
    return ReadLog(
        rows=counts,
        inputs=frame_of("table source sha256 rows", inputs),
        faults=kinds.rename("n").reset_index()[["table", "column", "reason", "n", "effect"]],
        warnings=tuple(every.warnings),
        absent=frame_of("table source column wanted nearest", absent),
        losses=frame_of(" ".join((*Loss._fields, "matters")), [(*loss, loss.matters) for loss in losses]),
        scales={n: rule.scale for n, rule in scores if rule.scale in SCALES[n][1:] and rule.scale},
        spans=spans,
        about=_find_parts(every.sources),
        directed=frozenset(n for n, rule in scores if rule.reverse is not None or rule.values),
    )


def _find_parts(sources: Sequence[Mapped]) -> dict[str, str]:
    """The part of the service that each score was asked of, in all sources alike."""
    parts: dict[str, set[str]] = {}
    for source in sources:
        for name in [name for name in SCALES if name in source.headers]:
            stated = source.table_map.columns[name].about
            question = question_of(source.raw, source.headers[name])
            parts.setdefault(name, set()).add(part_asked(name, question) if stated is None else stated)
    return {name: next(iter(part)) for name, part in parts.items() if len(part) == 1 and part != {""}}


def _read_pieces(pieces: Sequence[Piece], every: _Sources) -> None:
    """Map and type every source of a table."""
    earlier = 0
    for piece in pieces:
        try:
            mapped = apply_map(piece.raw, piece.table_map, earlier, partial=every.partial)
        except ValueError as error:
            every.stops += list_stops(every.table, error)
            continue
        earlier += len(piece.raw.frame) + len(piece.raw.broken)
        rows = pd.RangeIndex(every.rows, every.rows + len(mapped.frame))
        every.rows += len(rows)
        every.origins.append(pd.DataFrame({"source": piece.raw.name, "row": mapped.frame.index}, index=rows))
        every.frames.append(_type(mapped.frame.set_axis(rows, axis=0), piece, every))
        every.left_out.append(_type_lost(mapped.left_out, piece, every))
        every.sources.append(mapped)
        if mapped.updated is not None and piece.table_map.updated_at is not None:  # what is no time is the earliest
            stamps = mapped.updated.loc[mapped.frame.index].set_axis(rows, axis=0)
            reading = _how_to_read(piece.table_map.updated_at, piece, every)
            every.updated.append(convert(stamps, Field("updated_at", "time", ""), reading).values)
        every.warnings += [f"{piece.raw.name}, {note}" for note in mapped.notes]
        if not every.partial:
            every.stops += [(every.table, "", why) for why in _refuse_empty(every.table, every.sources[-1])]


def _count(
    every: _Sources, pieces: Sequence[Piece], settled: Settled, kept: pd.DataFrame, faults: pd.DataFrame
) -> pd.DataFrame:
    """What became of the rows read: left out, kept, set aside, or standing in another row."""
    broken = sum(len(piece.raw.broken) for piece in pieces)
    left_out = sum(len(source.left_out) for source in every.sources)
    total, doubles = every.rows + left_out + broken, len(settled.dropped)
    aside, cells = total - left_out - len(kept) - doubles, int((faults["effect"] == CELL_OUT).sum())
    counts = (every.table, total, left_out, len(kept), aside, doubles, cells)
    return frame_of("table read left_out kept quarantined duplicates cells", [counts])


def _type_lost(left_out: pd.DataFrame, piece: Piece, every: _Sources) -> pd.DataFrame:
    """What a comparison needs of the rows that a filter left out, typed; what cannot be typed is not compared."""
    compared = {*SCALES, *TEXTS, *STAMPS.get(every.table, ())} & {*left_out}
    columns = {name: rule for name, rule in piece.table_map.columns.items() if name in compared}
    if left_out.empty or not columns:
        return pd.DataFrame()
    some = Piece(piece.raw, TableMap(columns=columns), piece.layout)
    return _type(left_out, some, _Sources(every.table, every.zone, every.partial))


def _refuse_empty(table: str, source: Mapped) -> list[str]:
    """Why nothing of a source could be reported: no score and no text, or nothing optional that its map names."""
    surveys, absent = table == "surveys", {lack.column: lack.nearest for lack in source.absent}
    optional = [name for name, rule in source.table_map.columns.items() if rule.optional]
    wanted = [*SCALES, "comment"] if surveys else [*absent]
    present = any(name in source.frame for name in (wanted if surveys else optional))
    if present or (not surveys and len(optional) < 2):
        return []
    near = {n: absent[n] if n in absent else next(iter(nearest(source.raw, [n])), "") for n in wanted}
    hints = [f"{name} (nearest: {header!r})" if header else name for name, header in near.items()]
    found = ", ".join(map(repr, source.raw.frame.columns[:40]))
    lack = "no score and no comment is found" if surveys else "the map finds none of its optional columns"
    return [
        f"{source.raw.name}: {lack}: {', '.join(hints)}. The file has: {found}. Map the headers that hold them, such "
        f'as {wanted[0]} = "…".'
    ]


def _spans(table: str, kept: pd.DataFrame, origin: pd.DataFrame) -> pd.DataFrame:
    """Rows kept of each source, and the first and last of the stamps that date them."""
    stamps = [kept[c] for c in reversed(STAMPS.get(table, ())) if c in kept]
    days = pd.Series(pd.NaT, index=kept.index) if not stamps else stamps[0].fillna(stamps[-1])
    spans = days.groupby(origin["source"].reindex(kept.index), sort=False).agg(["size", "min", "max"]).reset_index()
    spans.insert(0, "table", table)
    return spans.set_axis(["table", "source", "kept", "first", "last"], axis=1)


def _turn_round(kept: pd.DataFrame, sources: Sequence[Mapped], origin: pd.DataFrame) -> pd.DataFrame:
    """Scores of which the map says that 1 is the best, the other way round."""
    for name, source in ((name, source) for name in SCALES if name in kept for source in sources):
        rule = source.table_map.columns.get(name)
        if rule is not None and rule.reverse:
            low, high = rule.scale if rule.scale in SCALES[name] else SCALES[name][0]
            here = origin["source"].reindex(kept.index).eq(source.raw.name)
            kept = kept.assign(**{name: kept[name].where(~here, low + high - kept[name])})
    return kept


def _told_doubles(table: str, settled: Settled, read: int) -> list[str]:
    """Warnings on rows whose content stands in another row."""
    counts = {fate: int((settled.fates == fate).sum()) for fate in ("superseded", "joined", "double", "resent")}
    return [REASONS[fate].format(table=table, n=n, read=read) for fate, n in counts.items() if n]


def _type(mapped: pd.DataFrame, piece: Piece, every: _Sources) -> pd.DataFrame:
    """The columns of one source with their types; what cannot be typed goes to the faults, or to the stops."""
    ours = {spec.name: spec for spec in FIELDS[every.table]}
    typed: dict[str, pd.Series] = {}
    moved = 0
    for name, rule in piece.table_map.rules.items():
        if name not in mapped:
            continue
        spec = ours.get(name) or Field(name, rule.kind or "category", "extra")
        values = mapped[name]
        try:
            read = convert(values, spec, _how_to_read(rule, piece, every))
        except ValueError as error:
            every.stops += list_stops(every.table, ValueError(f"{piece.raw.name}, column {name}: {error}"), name)
            continue
        typed[name] = read.values
        if read.bad.any():
            every.faults.append(_fault(name, values[read.bad], read.reasons[read.bad]))
        every.warnings += [f"{piece.raw.name}, column {name}: {note}." for note in read.notes]
        moved += read.moved
        if name in SCALES and rule.scale in SCALES[name][1:]:
            low, high = rule.scale or SCALES[name][0]
            outside = read.values.notna() & ~read.values.between(low, high)
            doubt = doubt_outside(name, read.values.dropna(), read.values[~outside].dropna(), f"{low:g} to {high:g}")
            every.stops += [(every.table, name, str(doubt))] if doubt and not every.partial else []
            every.faults.append(_fault(name, values[outside], f"is not from {low:g} to {high:g}"))
            typed[name] = read.values.mask(outside)
    if moved:
        every.warnings.append(
            f"{piece.raw.name}: {moved:,} stamps without an offset fall into an hour in which clocks change; a "
            "repeated hour was read as the first one, a skipped one as the next moment."
        )
    for name, rule in piece.table_map.columns.items():
        if rule.only_with and name in typed:
            filled = [ours[other].holds(typed[other]) for other in rule.only_with if other in typed]
            any_filled = pd.concat(filled, axis=1).any(axis=1) if filled else pd.Series(False, index=mapped.index)
            typed[name] = typed[name].where(any_filled)
    return pd.DataFrame(typed, index=mapped.index)


def _how_to_read(rule: Rule, piece: Piece, every: _Sources) -> Reading:
    """How the cells of a column are to be read, as its rule, its map and the kind of its source say."""
    layout = piece.layout or ExportMap(tables={})
    source = piece.raw.name.lower()
    database = source.endswith((".parquet", ".pq")) or ": " in source  # a query is called by its address and its text
    return Reading(
        zone_in=rule.zone or layout.zone or piece.raw.zone or every.zone,
        zone_out=every.zone,
        day_first=layout.day_first,
        formats=rule.formats,
        decimal=layout.decimal or ("." if database else None),
        multiply=rule.multiply,
        epoch=rule.epoch,
        excel_serial=rule.excel_serial,
        workbook=source.endswith(WORKBOOKS),
        read_on=layout.read_on,
        periods=every.table != "contacts",  # whose stamps are a clock
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


def _sound_rows(table: str, frame: pd.DataFrame, found: list[pd.DataFrame]) -> pd.Series:
    """Which rows have all that is required."""
    keep = pd.Series(True, index=frame.index)
    for spec in FIELDS[table]:
        if not spec.required:
            continue
        missing = frame.index[frame[spec.name].isna()]
        unsaid = missing
        for faults in found:
            unsaid = unsaid.difference(faults.index[faults["column"] == spec.name])
        found.append(_fault(spec.name, pd.Series("", index=unsaid), "is required but missing"))
        keep[missing] = False
    return keep


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
        often = filled >= SUSPECT_COUNT and len(group) > SUSPECT_SHARE * filled
        if often or _holds_label(str(column), group["value"]):
            sample = ", ".join(map(repr, dict.fromkeys(group["value"].head(100))))[:80]
            text = f"column {column}: {len(group):,} of {filled:,} values: {reason}, such as {sample}. Correct the map"
            stops.append((table, str(column), f"{text} (another column, values, blank or formats)."))
    if not stops and read and kept.empty:
        reasons = (faults["column"] + " " + faults["reason"]).value_counts().index[:3]
        stops.append((table, "", f"none of {read:,} rows can be used: {'; '.join(reasons)}."))
    if stops:
        raise DataContractError(stops)


def _holds_label(column: str, bad: pd.Series) -> bool:
    """Whether a score's bad values repeat a word, which then is an answer that the map does not know, and no slip."""
    words = bad[pd.to_numeric(bad, errors="coerce").isna() & bad.ne("")] if column in SCALES else bad[:0]
    return bool(words.value_counts().gt(SLIPS).any())


def _broken_rows(pieces: Sequence[Piece]) -> pd.DataFrame:
    """Rows that are none of the table or could not be split into columns, and those that were repaired, as faults."""
    rows = [
        (piece.raw.name, row, "", text[:SHOWN], reason, effect)
        for piece in pieces
        for effect, listed in ((ROW_OUT, piece.raw.broken), (REPAIRED, piece.raw.repaired))
        for row, text, reason in listed
    ]
    return frame_of("source row column value reason effect", rows)


def _disorder(table: str, frame: pd.DataFrame) -> list[str]:
    """Warnings on stamps that precede the start of their row, days without a clock among stamps with one included."""
    start, following = _FOLLOWING.get(table, ("", ()))
    warnings = []
    for column in (c for c in following if c in frame):
        known = frame[column].dropna()
        clocked = bool((known != known.dt.normalize()).any())
        backwards = frame[column] < frame[start] if clocked else runs_backwards(frame[start], frame[column])
        days = int((backwards & ~runs_backwards(frame[start], frame[column])).sum())
        if backwards.any():
            without = f" ({days:,} of them days without a clock)" if days else ""
            warnings.append(
                f"{table}: {int(backwards.sum()):,} of {len(known):,} stamps in {column} precede {start}{without}; "
                "they are kept."
            )
    return warnings
