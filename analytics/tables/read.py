"""The edge: every source of a configuration read, mapped and checked once, with what was set aside written down."""

import os
import tempfile
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd

from analytics.config import DERIVED, Config, Source
from analytics.tables.check import Checked, Piece, Stop, check_table, list_stops
from analytics.tables.layout import Place
from analytics.tables.maps import ExportMap, load_map
from analytics.tables.meaning import plain_map
from analytics.tables.parts import label_parts
from analytics.tables.schema import TABLE_NAMES, DataContractError, ReadLog, Tables, find_rows
from analytics.tables.sources import Raw, find_files, read_query, read_raw
from analytics.tables.workbook import find_sheets, name_sheet

QUARANTINE = "quarantine"  # in the derived data
_DEMO = tomllib.loads((Path(__file__).parent / "demo" / "declared.toml").read_text(encoding="utf-8"))
_LOGGED = ("rows", "inputs", "faults", "absent", "losses", "spans")
_LINKS = (
    ("surveys", "contact_id", "contacts"),
    ("surveys", "customer_id", "customers"),
    ("contacts", "customer_id", "customers"),
    ("complaints", "customer_id", "customers"),
)


def read_tables(config: Config) -> Tables:
    """Read, map, type and check every source of a configuration.

    A source fills its own table and every further table that its map has a section for, unless the configuration
    names another source for it. Naive stamps take the zone of the map or of the organisation; all stamps come back
    in the organisation's zone. Identical rows with one id are dropped and counted; contradicting ones are all set
    aside. Everything set aside stands in ``data/derived/quarantine/<table>.csv`` beside the configuration.

    Returns
    -------
    Tables
        With ``log``: rows read, left out by the map, kept, quarantined and dropped; SHA-256 of every input; faults
        by kind; warnings in sentences.

    Raises
    ------
    DataContractError
        If a source is absent, empty or unreadable, lacks a column that its map names, holds dates that can be read
        two ways, or has so many bad values in a column that the map must be wrong: all such faults at once.

    References
    ----------
    The contract of each table: ``analytics.tables.schema`` and data/README.md.

    Examples
    --------
    >>> from analytics.config import load_config
    >>> read_tables(load_config("perception.toml")).surveys.columns[:3].tolist()  # doctest: +SKIP
    ['response_id', 'customer_id', 'contact_id']
    """
    pieces, stops = _load(config)
    stops += _borrowed(config)
    checked: dict[str, Checked] = {}
    for table, found in pieces.items():
        try:
            checked[table] = check_table(table, found, config.organisation.timezone)
        except DataContractError as error:
            stops += error.failures.itertuples(index=False, name=None)
    if stops:
        raise DataContractError(list(dict.fromkeys(stops)))
    for table, result in checked.items():
        write_quarantine(result.faults, config.derived(f"{QUARANTINE}/{table}.csv"))
    frames: dict[str, pd.DataFrame] = {table: result.frame for table, result in checked.items()}
    return Tables(**frames, log=_build_log(pieces, checked))


def defuse(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with text that a spreadsheet would run as a formula made harmless by a leading apostrophe.

    Examples
    --------
    >>> defuse(pd.DataFrame({"a": ["=1+1", "-5", "+ok", "fine"]}))["a"].tolist()
    ["'=1+1", '-5', "'+ok", 'fine']
    """
    safe: dict[str, pd.Series] = {}
    for column in (c for c in frame if frame[c].dtype == object or isinstance(frame[c].dtype, pd.StringDtype)):
        values = frame[column].astype("str")
        risky = values.str.match(r"\s*[=+\-@|]|[\t\r]", na=False)
        plain = values.str.fullmatch(r"[-+]?\d+(?:\.\d+)?", na=False)
        safe[str(column)] = values.mask(risky & ~plain, "'" + values)
    return frame.assign(**safe)


def refuse_absent(config: Config) -> None:
    """Find at once, without reading any data, the sources that are absent or unreadable and the maps that are faulty.

    Raises
    ------
    DataContractError
        With all such faults.
    """
    stops = _borrowed(config)
    for table, source in config.sources.items():
        try:
            open_layout(config, table, source)
            if source.url_env is not None and not os.environ.get(source.url_env):
                raise ValueError(f"the environment variable {source.url_env} is not set.")
            for file in _find_inputs(config.root, config.output, source) if source.url_env is None else ():
                if file.is_file():
                    file.open("rb").close()
        except OSError as error:
            stops += list_stops(table, ValueError(f"{error.filename}: cannot be read ({error.strerror})."))
        except ValueError as error:
            stops += list_stops(table, error)
    if stops:
        raise DataContractError(stops)


def undated(tables: Tables) -> list[str]:
    """Say of surveys without any date that no report of a period can use them; other tables cannot lack theirs."""
    surveys = tables.surveys
    if surveys is None or any(c in surveys and surveys[c].notna().any() for c in ("responded_at", "invited_at")):
        return []
    return [
        "surveys: no date is known (responded_at, invited_at), so no report of a period can be made from them. "
        "Map the column that holds the day of the answer or of the invitation, or report the whole file: --period all."
    ]


def _borrowed(config: Config) -> list[Stop]:
    """Promises, targets and actions of the demo that stand in the configuration of another organisation."""
    if config.organisation.name == _DEMO["organisation"]:
        return []
    borrowed = {
        "promises": [p.text for p in config.promises if not p.own and p.text.strip() in _DEMO["promises"]],
        "targets": [t.name for t in config.targets if not t.own and t.name.strip() in _DEMO["targets"]],
        "actions": [a.what for a in config.actions if not a.own and a.what.strip() in _DEMO["actions"]],
    }
    demo, own = _DEMO["organisation"], config.organisation.name
    settle = "Remove them (and a strategy that is not yours), or say own = true where they are yours."
    return [
        (key, "", f"{', '.join(map(repr, names))}: declared by the demo, {demo}, not by {own}. {settle}")
        for key, names in borrowed.items()
        if names
    ]


def _load(config: Config) -> tuple[dict[str, list[Piece]], list[Stop]]:
    """Every source as read, by the table it fills, and what stops the run."""
    stops: list[Stop] = []
    pieces: dict[str, list[Piece]] = {}
    open_map, open_source = cache(load_map), cache(_open)
    for table, source in config.sources.items():
        try:
            layout = open_layout(config, table, source, open_map)
            stated = {key: getattr(source, key) or getattr(layout, key, None) for key in ("encoding", "separator")}
            origin = source.model_copy(update={**stated, "map": None})
            fills = [table, *(t for t in layout.tables if t not in config.sources)] if layout else [table]
            place = Place(layout.header_rows, layout.header_row, layout.skip_rows) if layout else Place()
            for raw in open_source(config.root, config.output, origin, place):
                for name in fills:
                    table_map = layout.tables[name] if layout else plain_map(name, raw)
                    pieces.setdefault(name, []).append(Piece(raw, table_map, layout))
        except ValueError as error:
            stops += list_stops(table, error)
    return {table: pieces[table] for table in TABLE_NAMES if table in pieces}, stops


def open_layout(
    config: Config, table: str, source: Source, open_map: Callable[[Path, str], ExportMap] = load_map
) -> ExportMap | None:
    """The map of a source, which must have a section for its table; None where columns have our names already."""
    layout = open_map(config.resolve(source.map), source.map) if source.map else None
    if layout is not None and table not in layout.tables:
        raise ValueError(f"map {source.map}: has no section [{table}]. It has: {', '.join(layout.tables)}.")
    return layout


def _find_inputs(root: Path, output: Path, source: Source) -> list[Path]:
    """Files that a source names; none of them a report, nor a folder that is read whole and holds reports."""
    files = find_files(source.path or [], root)
    reports = {lock.parent for lock in output.glob("*/.*.lock")}
    real = [Path(os.path.realpath(file)) for file in files]  # as `output` is
    if any(output.is_relative_to(file) or not reports.isdisjoint([file, *file.parents]) for file in real):
        raise ValueError(
            f"{source.path}: takes in {output}, so that reports would be read as data. Name another output under "
            "[report], or a narrower path."
        )
    return files


def _open(root: Path, output: Path, source: Source, place: Place) -> list[Raw]:
    """Everything that one source names: the rows of a query, or of each file and sheet that fit its patterns."""
    if source.url_env is not None and source.query is not None:
        return [read_query(source.url_env, source.query)]
    paths = _find_inputs(root, output, source)
    names = {f: f.relative_to(root).as_posix() if f.is_relative_to(root) else str(f) for f in paths}
    parts = [(file, name, sheet) for file, name in names.items() for sheet in find_sheets(file, source.sheet)]
    raws = [
        read_raw(f, name_sheet(name, s, source.sheet), source.encoding, source.separator, s, **place._asdict())
        for f, name, s in parts
    ]
    return label_parts(raws, [(file, sheet) for file, _, sheet in parts])


def _build_log(pieces: dict[str, list[Piece]], checked: dict[str, Checked]) -> ReadLog:
    """The logs of all tables as one."""
    logs = [result.log for result in checked.values()]
    frames = {name: [getattr(log, name) for log in logs] for name in _LOGGED}
    return ReadLog(
        **{name: pd.concat([f for f in parts if len(f)] or parts, ignore_index=True) for name, parts in frames.items()},
        warnings=tuple(dict.fromkeys([*_general_warnings(pieces, checked), *_orphan_warnings(checked)])),
        scales={name: scale for log in logs for name, scale in log.scales.items()},
        about={name: part for log in logs for name, part in log.about.items()},
        directed=frozenset(name for log in logs for name in log.directed),
    )


def _general_warnings(pieces: dict[str, list[Piece]], checked: dict[str, Checked]) -> list[str]:
    raws = [piece.raw for sources in pieces.values() for piece in sources]
    warnings = [warning for raw in raws for warning in raw.warnings]
    warnings += [f"{raw.name}: holds a header and no rows." for raw in raws if raw.frame.empty and not raw.broken]
    for table, result in checked.items():
        warnings += result.log.warnings
        n, where = result.log.rows.iloc[0], f"see {DERIVED}/{QUARANTINE}/{table}.csv"
        if n["left_out"]:
            warnings.append(f"{table}: {n['left_out']:,} of {n['read']:,} rows were left out as the map's where asks.")
        if n["quarantined"]:
            warnings.append(f"{table}: {n['quarantined']:,} of {n['read']:,} rows were set aside; {where}.")
        if n["cells"]:
            warnings.append(f"{table}: {n['cells']:,} values that cannot be right were set to missing; {where}.")
    return warnings


def _orphan_warnings(checked: dict[str, Checked]) -> list[str]:
    """Rows whose id leads to no row of the other table; they are kept."""
    warnings = []
    for table, column, other in _LINKS:
        if table in checked and other in checked and column in checked[table].frame:
            ids = checked[table].frame[column].dropna()
            count = int((find_rows(ids, checked[other].frame[column]) < 0).sum())
            if count:
                warnings.append(f"{table}: {count:,} of {len(ids):,} {column} are not in {other}; the rows are kept.")
    return warnings


def write_whole(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file in one step: a reader, or a machine that stops, finds the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException as fault:
        Path(name).unlink(missing_ok=True)
        if isinstance(fault, OSError):  # a full disk does not say which file it was
            raise OSError(fault.errno, fault.strerror, str(path)) from fault
        raise


def write_quarantine(faults: pd.DataFrame, path: Path) -> None:
    """Write the faults of one table, replacing those of the last run; no faults, no file."""
    try:
        if faults.empty:
            path.unlink(missing_ok=True)
        else:
            columns = ["source", "row", "column", "value", "reason", "effect"]
            write_whole(path, defuse(faults[columns]).to_csv(index=False))
    except OSError as error:
        raise ValueError(
            f"{path}: rows were set aside but cannot be written there ({error.strerror}). Make the folder writable."
        ) from None
