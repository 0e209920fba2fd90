"""Column maps: a small TOML file that says which column of an export is which column of our tables.

A map has a section per table, so one export can fill several. It renames, translates and composes; what the values
then mean is for `convert`, and files are read by `sources`.
"""

import difflib
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
from pydantic import Field, ValidationError, field_validator, model_validator

from analytics.config import Patterns, Section, Zone, open_questions, suggest
from analytics.files import read_text
from analytics.tables.headers import find_column, find_described, nearest, say_absent
from analytics.tables.layout import tidy
from analytics.tables.parts import PARTS
from analytics.tables.schema import FIELDS, RESULTS, Kind
from analytics.tables.sources import Raw
from analytics.tables.spelling import NO_VALUE

Scalar = str | int | float | bool
_ORIGINS = ("column", "columns", "one_of", "constant", "row_number")
SCALES = {"nps": ((0.0, 10.0),), "csat": ((1.0, 5.0),), "ces": ((1.0, 7.0), (1.0, 5.0))}  # the first unless stated
_SETTINGS = ("extra", "where", "where_not", "keep", "updated_at")  # keys of a section that are no columns
_FEW_WORDS = 30  # a filter's column with more distinct values is no list of known words
_CLOSE = 0.8  # likeness from which a listed value may be another spelling of one that occurs


class Rule(Section):
    """Where one column of ours comes from, and how its values are to be read.

    Exactly one origin: `column` (a header), `columns` (several, joined by a space, such as a date and a time),
    `one_of` (the first header that exists), `constant`, or `row_number` (a prefix: row-1, row-2 …). Where no header
    of `one_of` exists, or alone: `twin` (the one column beside which another has its name and this ending) and
    `question` (the one column whose header or question text fits one of these patterns).
    `about` names the part of the service that a score was asked of, where its question does not, or '' for all of it.
    `values` translates, `blank` lists values that mean "no answer", `multiply` changes the unit. `scale` and `reverse`
    state what a score's numbers mean; `only_with` names columns of ours, one of which must be filled in the row.
    `note` is told to the reader wherever the rule finds its column. `epoch` and `excel_serial` say that
    stamps are counted: in seconds or milliseconds since 1970, or in a spreadsheet's days.
    """

    column: str | None = None
    columns: list[str] | None = Field(default=None, min_length=2)
    one_of: list[str] | None = Field(default=None, min_length=1)
    constant: Scalar | None = None
    row_number: str | None = None
    optional: bool = False
    values: dict[str, Scalar] = {}
    blank: list[Scalar] = []
    multiply: float | None = None
    formats: list[str] = []
    epoch: Literal["s", "ms"] | None = None
    excel_serial: bool = False
    zone: Zone | None = None
    kind: Kind | None = None
    scale: tuple[float, float] | None = None
    reverse: bool | None = None
    about: str | None = Field(default=None, max_length=60)
    twin: str | None = None
    question: Patterns = []
    only_with: list[str] = []
    note: str = ""

    @property
    def headers(self) -> list[str]:
        """Headers that the rule names, in order of preference."""
        return self.columns or self.one_of or ([self.column] if self.column else [])

    @model_validator(mode="after")
    def _one_origin(self) -> "Rule":
        given = [name for name in _ORIGINS if getattr(self, name) is not None]
        if len(given) > 1 or (not given and not self.question and not self.twin):
            raise ValueError(f"give exactly one of {', '.join(_ORIGINS)}; found {', '.join(given) or 'none'}")
        return self


class TableMap(Section):
    """How one table is filled: `columns` of ours, `extra` columns beside them, and which rows count.

    A row counts if it has one of the values listed under `where`, and none of those under `where_not`, per header; a
    word that a filter's column holds and neither names is a fault. Of several rows with one id `keep` takes the latest
    by `updated_at`, or in the order of the files.
    """

    columns: dict[str, Rule]
    extra: dict[str, Rule] = {}
    where: dict[str, list[Scalar]] = {}
    where_not: dict[str, list[Scalar]] = {}
    keep: Literal["latest"] | None = None
    updated_at: Rule | None = None

    @field_validator("extra")
    @classmethod
    def _names_of_groups(cls, extra: dict[str, Rule]) -> dict[str, Rule]:
        return {f"{name}_group" if name in RESULTS else name: rule for name, rule in extra.items()}

    @property
    def rules(self) -> dict[str, Rule]:
        """Rules of all columns, ours first."""
        return self.columns | self.extra

    @model_validator(mode="after")
    def _stated_scales(self) -> "TableMap":
        for name, rule in self.columns.items():
            allowed = SCALES.get(name, ())
            if rule.scale and rule.scale not in allowed and not (allowed and rule.values):
                known = " or ".join(f"[{low:g}, {high:g}]" for low, high in allowed)
                hint = f"takes scale {known}; translate another one with values" if known else "is no score"
                ends = "[{:g}, {:g}]".format(*rule.scale)
                raise ValueError(f"column {name}, scale: {ends} is stated, but {name} {hint}")
            unknown = [other for other in rule.only_with if other not in self.columns]
            if unknown:
                raise ValueError(f"column {name}: only_with names {', '.join(unknown)}, which this section lacks")
        if self.updated_at and not self.keep:
            raise ValueError('updated_at serves keep = "latest": say that too')
        return self


@dataclass(frozen=True)
class Absent:
    """An optional column of a map that a source lacks, and the header of the source that is nearest, or ''."""

    column: str
    wanted: tuple[str, ...]
    nearest: str


@dataclass(frozen=True)
class Mapped:
    """Columns of ours as a source has them, still unread.

    `raw` and `table_map` are what was mapped, `frame` and `left_out` hold the rows that count and those that a filter
    left out, `headers` the source's header of each column, `updated` the stamps that say which of several rows is the
    latest, `notes` what to tell a reader.
    """

    raw: Raw
    table_map: TableMap
    frame: pd.DataFrame
    left_out: pd.DataFrame
    headers: dict[str, str]
    absent: tuple[Absent, ...] = ()
    updated: pd.Series | None = None
    notes: tuple[str, ...] = ()

    def values(self, header: str) -> pd.Series:
        """Values of a column of the source in the rows that count."""
        values: pd.Series = self.raw.frame.loc[self.frame.index, header]
        return values


class ExportMap(Section):
    """A whole map file: how the export is laid out, and the tables it fills."""

    tables: dict[str, TableMap]
    about: str = ""
    header_rows: int = Field(default=1, ge=1, le=10)
    header_row: int | None = Field(default=None, ge=1, le=1000)
    skip_rows: int = Field(default=0, ge=0, le=1000)
    encoding: str | None = None
    separator: str | None = None
    day_first: bool | None = None
    decimal: str | None = Field(default=None, pattern=r"^[.,]$")
    zone: Zone | None = None
    read_on: date | None = None


def load_map(path: Path, name: str) -> ExportMap:
    """Read a column map; every fault of the file is listed at once.

    Parameters
    ----------
    path
        A TOML file as the shipped ones in data/maps.
    name
        What messages call the file.

    Raises
    ------
    ValueError
        If the file is absent, is not TOML, has an open question, or holds what a map cannot hold.
    """
    try:
        text = read_text(path)
        raw = tomllib.loads(text)
    except OSError as error:
        near = sorted(p.name for p in path.parent.glob("*.toml"))
        hint = f" That folder holds: {', '.join(near)}." if near else ""
        raise ValueError(f"map {name}: cannot be read ({error.strerror}).{hint}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:  # nested too deeply
        raise ValueError(f"map {name}: is not TOML ({error}).") from None
    if asked := open_questions(text):
        raise ValueError("\n".join(f"map {name}: {question} Answer it and delete its line." for question in asked))
    return parse_map(raw, name)


def parse_map(raw: dict[str, Any], name: str) -> ExportMap:
    """Turn the content of a map file into an `ExportMap`; see `load_map`."""
    sections = {key: raw[key] for key in FIELDS if key in raw}
    settings = {key: value for key, value in raw.items() if key not in FIELDS}
    known = [*(f for f in ExportMap.model_fields if f != "tables"), *FIELDS]
    faults = [f"'{key}' {suggest(key, known)}" for key in settings if key not in known or key == "tables"]
    if not sections:
        faults.append(f"fills no table. Add a section, one of: {', '.join(f'[{t}]' for t in FIELDS)}")
    tables: dict[str, Any] = {}
    for table, section in sections.items():
        if not isinstance(section, dict):
            faults.append(f"{table} must be a section: [{table}]")
            continue
        tables[table], more = _section(table, section)
        faults += more
    try:
        checked = ExportMap(tables=tables, **{k: v for k, v in settings.items() if k in known})
    except ValidationError as error:
        faults += [_sentence(fault) for fault in error.errors()]
    if faults:
        raise ValueError("\n".join(f"map {name}: {fault}." for fault in faults).replace("?.", "?").replace("..", "."))
    return checked


def _section(table: str, section: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """One section as the fields of a `TableMap`, and what is wrong with its names."""
    ours = {spec.name: spec for spec in FIELDS[table]}
    columns = {key: value for key, value in section.items() if key not in _SETTINGS}
    extra = section.get("extra", {})
    faults = [
        f"[{table}] '{key}' {suggest(key, ours)} Further columns go under [{table}.extra]"
        for key in columns
        if key not in ours
    ]
    faults += [
        f"[{table}] lacks {spec.name}, which is required ({spec.meaning})"
        for spec in ours.values()
        if spec.required and spec.name not in columns
    ]
    if isinstance(extra, dict):
        faults += [f"[{table}.extra] '{key}' belongs directly under [{table}]" for key in extra if key in ours]
        extra = {key: _rule(value) for key, value in extra.items()}
    rules = {key: _rule(value) for key, value in columns.items() if key in ours}
    filters: dict[str, Any] = {key: section[key] for key in ("where", "where_not", "keep") if key in section}
    if "updated_at" in section:
        filters["updated_at"] = _rule(section["updated_at"])
    return {"columns": rules, "extra": extra, **filters}, faults


def _rule(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


def _sentence(fault: Any) -> str:  # noqa: ANN401
    """One pydantic fault as a sentence that names the place as it stands in the file."""
    place = [str(key) for key in fault["loc"] if key not in {"tables", "columns"} or key == fault["loc"][-1]]
    where = ".".join(place)
    if fault["type"] == "extra_forbidden":
        return f"{'.'.join(place[:-1])}: '{place[-1]}' {suggest(place[-1], Rule.model_fields)}"
    if fault["type"] == "literal_error" and place[-1] == "kind":
        return f"{where}: {fault['input']!r} is not known. Expected one of: {', '.join(get_args(Kind))}"
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}; found {str(fault['input'])[:60]!r}"


def apply_map(raw: Raw, table_map: TableMap, earlier: int = 0, *, partial: bool = False) -> Mapped:
    """Columns of ours as the source has them, still unread, in the rows that `where` and `where_not` let pass.

    Row numbers that serve as ids go on from the `earlier` rows of the files before this one; of a `partial` source all
    rows may be left out.

    Raises
    ------
    ValueError
        If the map names columns that the source lacks (all of them, each with the nearest names there are), if a
        filter's column holds words that the filter does not know, or if no row is left.
    """
    faults: list[str] = []
    headers = {name: _headers(raw, name, rule, faults) for name, rule in table_map.rules.items()}
    taken = {name: _take(raw, rule, headers[name], earlier) for name, rule in table_map.rules.items()}
    frame = pd.DataFrame({name: values for name, values in taken.items() if values is not None}, raw.frame.index)
    keep = _filter(raw, table_map, faults, partial)
    updated = None
    if table_map.updated_at is not None:
        header = _headers(raw, "updated_at", table_map.updated_at, faults)
        updated = _take(raw, table_map.updated_at, header, earlier)
    if faults:
        raise ValueError("\n".join(faults))
    absent = tuple(
        Absent(name, tuple(rule.headers), next(iter(nearest(raw, rule.headers)), ""))
        for name, rule in table_map.rules.items()
        if name not in frame
    )
    noted = [(name, rule) for name, rule in table_map.rules.items() if rule.note and headers[name]]
    notes = [f"{name} from {headers[name][0]!r}: {rule.note}" for name, rule in noted]
    used = {name: " ".join(columns) for name, columns in headers.items() if columns}
    kept = frame if keep.all() else frame[keep]
    return Mapped(raw, table_map, kept, frame[~keep], used, absent, updated, tuple(notes))


def _filter(raw: Raw, table_map: TableMap, faults: list[str], partial: bool) -> pd.Series:
    """Which rows count; faults where a filter does not know a word of its column, or lets no row pass."""
    keep = pd.Series(True, index=raw.frame.index)
    present: list[str] = []
    for header in dict.fromkeys([*table_map.where, *table_map.where_not]):
        wanted, unwanted = table_map.where.get(header), table_map.where_not.get(header)
        column = find_column(raw, header)
        if column is None:
            faults.append(say_absent(raw, header, "where_not" if wanted is None else "where"))
            continue
        keys = _keys(raw.frame[column])
        if wanted is not None:
            keep &= keys.isin([_key(value) for value in wanted])
        if unwanted is not None:
            keep &= ~keys.isin([_key(value) for value in unwanted])
        counts = raw.frame[column].groupby(keys.to_numpy(), sort=False).agg(["first", "size"])
        counts = counts.drop(index=NO_VALUE, errors="ignore").sort_values("size", ascending=False, kind="stable")
        present.append(f"column {column!r} holds {_counted(counts)}")
        readers = {name: r for name, r in table_map.rules.items() if column in [find_column(raw, h) for h in r.headers]}
        translated = {_key(value) for rule in readers.values() for value in [*rule.values, *rule.blank]}
        strange = _strange(counts, wanted, unwanted, translated)
        if SCALES.keys() & readers.keys():
            slips = strange.index[pd.to_numeric(strange.index.to_series(), errors="coerce").notna()]
            keep |= keys.isin(slips)  # a number that is no score is judged, and counted, where scores are
            strange = strange.drop(slips)
        if len(strange):
            faults.append(
                f"{raw.name}: column {column!r}, filter: holds {_counted(strange)}, which neither where nor where_not "
                f"names. Add each to one of the two, as rows of which nobody says whether they count would be lost."
            )
    whole = not partial and not {*PARTS} & {*table_map.where, *table_map.where_not}
    if present and whole and len(keep) and not keep.any() and not faults:
        faults.append(
            f"{raw.name}: all {len(keep):,} rows are left out by where and where_not: {'; '.join(present)}. "
            "Correct the filter, or give another file."
        )
    return keep


def _strange(
    counts: pd.DataFrame, wanted: list[Scalar] | None, unwanted: list[Scalar] | None, translated: set[str]
) -> pd.DataFrame:
    """Values of a filter's column that it must know and does not.

    A filter that names several words, or what counts and what does not, is a list of known words. One that picks a
    single value, or only leaves values out, is not: there only a near miss of a listed value, where none occurs, is
    strange.
    """
    listed = {_key(value) for value in [*(wanted or []), *(unwanted or [])]}
    unknown = counts[~counts.index.isin(listed)]
    closed = wanted is not None and (unwanted is not None or len(wanted) > 1)
    if closed and len(counts) <= _FEW_WORDS:
        return unknown
    unknown = unknown[~unknown.index.isin(translated)]
    missed = sorted(listed) if len(unknown) and not counts.index.isin(listed).any() else []
    close = [near for value in missed for near in difflib.get_close_matches(value, unknown.index, 3, _CLOSE)]
    return unknown[unknown.index.isin(close)]


def _counted(counts: pd.DataFrame) -> str:
    """Values with how often they occur: 'Good' (12), 'Bad' (3)."""
    words = [f"{tidy(row['first'])[:40]!r} ({row['size']:,})" for _, row in counts.head(8).iterrows()]
    return (", ".join(words) or "nothing") + (" …" if len(counts) > len(words) else "")


def _headers(raw: Raw, name: str, rule: Rule, faults: list[str]) -> list[str]:
    """Columns of the source that a rule means; none, and a fault unless it is optional, where there is none."""
    if rule.constant is not None or rule.row_number is not None:
        return []
    found = [find_column(raw, header) for header in rule.headers]
    present = [column for column in found if column is not None]
    if not present and (rule.twin or rule.question):
        present = find_described(raw, rule.twin, rule.question)
        if len(present) > 1:
            faults.append(
                f"{raw.name}: column {name} may be any of {', '.join(map(repr, present))}: all of them are asked like "
                f'it. Say which one in a map of your own: {name} = "…".'
            )
            return present
    if not present or (rule.columns and len(present) < len(rule.headers)):
        if not rule.optional:
            missing = [header for header, column in zip(rule.headers, found, strict=True) if column is None]
            faults.extend(say_absent(raw, header, name) for header in missing[: 1 if rule.one_of else None] or [name])
        return []
    return present if rule.columns else present[:1]


def _take(raw: Raw, rule: Rule, headers: list[str], earlier: int) -> pd.Series | None:
    """Values of one column, translated; None where the source lacks it."""
    index = raw.frame.index
    if rule.constant is not None:
        return pd.Series(str(rule.constant), index=index, dtype="str")
    if rule.row_number is not None:
        return rule.row_number + pd.Series(index + earlier, index=index).astype("str")
    if not headers:
        return None
    if rule.columns:
        parts = raw.frame[headers].astype("str").fillna("")
        return translate(parts.agg(" ".join, axis=1).str.strip(), rule)
    return translate(raw.frame[headers[0]], rule)


def translate(values: pd.Series, rule: Rule) -> pd.Series:
    """Apply a rule's `values` and `blank`; a value that neither names stays as it is.

    Case, spaces around the value and a trailing '.0' make no difference, so 11, '11' and '11.0' are the same.

    Examples
    --------
    >>> rule = Rule(column="Q1", values={"Yes": 1, "No": 0}, blank=[11])
    >>> translate(pd.Series(["yes", "No ", "11.0", "maybe"]), rule).tolist()
    ['1', '0', nan, 'maybe']
    """
    if not rule.values and not rule.blank:
        return values
    codes, uniques = pd.factorize(values)
    text = pd.Series(uniques).astype("str")
    keys = _keys(text)
    meaning = {_key(found): str(meant) for found, meant in rule.values.items()}
    translated = keys.map(meaning).astype("str").fillna(text)
    translated = translated.mask(keys.isin([_key(value) for value in rule.blank]))
    whole = pd.Series(translated.reindex(codes).to_numpy(), index=values.index, dtype="str", name=values.name)
    return whole.mask(values.isna(), meaning[""]) if "" in meaning else whole


def _key(value: object) -> str:
    return tidy(value).casefold().removesuffix(".0")


def _keys(values: pd.Series) -> pd.Series:
    codes, uniques = pd.factorize(values)
    keys = pd.Series([_key(value) for value in uniques], dtype="str")
    return pd.Series(keys.reindex(codes).fillna("").to_numpy(), index=values.index, dtype="str")
