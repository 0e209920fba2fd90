"""Column maps: a small TOML file that says which column of an export is which column of our tables.

A map has a section per table, so one export can fill several. It renames, translates and composes; what the values
then mean is for `convert`, and files are read by `sources`.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
from pydantic import Field, ValidationError, model_validator

from analytics.config import Section, Zone, suggest
from analytics.tables.layout import tidy, tidy_header
from analytics.tables.schema import FIELDS, Kind
from analytics.tables.sources import Raw

Scalar = str | int | float | bool
_ORIGINS = ("column", "columns", "one_of", "constant", "row_number")


class Rule(Section):
    """Where one column of ours comes from, and how its values are to be read.

    Exactly one origin: `column` (a header), `columns` (several, joined by a space, such as a date and a time),
    `one_of` (the first header that exists), `constant`, or `row_number` (a prefix: row-1, row-2 …).
    `values` translates, `blank` lists values that mean "no answer", `multiply` changes the unit. `epoch` and
    `excel_serial` say that stamps are counted: in seconds or milliseconds since 1970, or in a spreadsheet's days.
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

    @model_validator(mode="after")
    def _one_origin(self) -> "Rule":
        given = [name for name in _ORIGINS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(_ORIGINS)}; found {', '.join(given) or 'none'}")
        return self


class TableMap(Section):
    """How one table is filled: `columns` of ours, `extra` columns beside them, and which rows count.

    A row counts if it has one of the values listed under `where`, and none of those under `where_not`, per header.
    """

    columns: dict[str, Rule]
    extra: dict[str, Rule] = {}
    where: dict[str, list[Scalar]] = {}
    where_not: dict[str, list[Scalar]] = {}

    @property
    def rules(self) -> dict[str, Rule]:
        """Rules of all columns, ours first."""
        return self.columns | self.extra


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
        If the file is absent or is not TOML, or holds a key, column or value that a map cannot hold.
    """
    try:
        raw = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        near = sorted(p.name for p in path.parent.glob("*.toml"))
        hint = f" That folder holds: {', '.join(near)}." if near else ""
        raise ValueError(f"map {name}: cannot be read ({error.strerror}).{hint}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"map {name}: is not TOML ({error}).") from None
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
    columns = {key: value for key, value in section.items() if key not in {"extra", "where", "where_not"}}
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
    filters: dict[str, Any] = {key: section[key] for key in ("where", "where_not") if key in section}
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


def plain_map(table: str, raw: Raw) -> TableMap:
    """Build the map of a source that already has our column names; all its other columns come along as extras."""
    names = {name.casefold(): name for name in raw.frame.columns}
    columns = {
        spec.name: Rule(column=names.get(spec.name, spec.name))
        for spec in FIELDS[table]
        if spec.required or spec.name in names
    }
    taken = {rule.column for rule in columns.values()}
    extra = {name: Rule(column=name, kind=_guess(raw.frame[name])) for name in raw.frame.columns if name not in taken}
    return TableMap(columns=columns, extra=extra)


def _guess(values: pd.Series) -> Kind:
    """Kind of a column that nobody described: a time by its name, a number if all its values are, else a category."""
    if str(values.name).endswith("_at"):
        return "time"
    if pd.api.types.is_bool_dtype(values):
        return "flag"
    if pd.api.types.is_numeric_dtype(values):
        return "number"
    if not isinstance(values.dtype, pd.StringDtype):
        return "category"
    filled = values.iloc[:1000][values.iloc[:1000].str.strip() != ""].dropna()
    leading_zero = filled.str.match(r"[-+]?0\d")
    if filled.empty or leading_zero.any() or pd.to_numeric(filled, errors="coerce").isna().any():
        return "category"
    rest = values[values.str.strip() != ""].dropna()
    return "category" if pd.to_numeric(rest, errors="coerce").isna().any() else "number"


def apply_map(raw: Raw, table_map: TableMap, earlier: int = 0) -> tuple[pd.DataFrame, int]:
    """Columns of ours as the source has them, still unread, and how many rows `where` and `where_not` left out.

    Row numbers that serve as ids go on from the `earlier` rows of the files before this one.

    Raises
    ------
    ValueError
        If the map names columns that the source lacks: all of them, each with the nearest names there are.
    """
    faults: list[str] = []
    taken = {name: _take(raw, name, rule, faults, earlier) for name, rule in table_map.rules.items()}
    keep = pd.Series(True, index=raw.frame.index)
    for wanted, conditions in ((True, table_map.where), (False, table_map.where_not)):
        for header, listed in conditions.items():
            column = _find(raw, header)
            if column is None:
                faults.append(_absent(raw, header, "where" if wanted else "where_not"))
            else:
                keep &= _keys(raw.frame[column]).isin([_key(value) for value in listed]) == wanted
    if faults:
        raise ValueError("\n".join(faults))
    frame = pd.DataFrame({name: values for name, values in taken.items() if values is not None}, raw.frame.index)
    return frame if keep.all() else frame[keep], int((~keep).sum())


def _take(raw: Raw, name: str, rule: Rule, faults: list[str], earlier: int) -> pd.Series | None:
    """Values of one column, translated; None, and a fault unless the rule is optional, where a header is absent."""
    index = raw.frame.index
    if rule.constant is not None:
        return pd.Series(str(rule.constant), index=index, dtype="str")
    if rule.row_number is not None:
        return rule.row_number + pd.Series(index + earlier, index=index).astype("str")
    wanted = rule.columns or rule.one_of or [str(rule.column)]
    found = [_find(raw, header) for header in wanted]
    present = [column for column in found if column is not None]
    if not present or (rule.columns and len(present) < len(wanted)):
        if not rule.optional:
            missing = [header for header, column in zip(wanted, found, strict=True) if column is None]
            faults.extend(_absent(raw, header, name) for header in missing[: 1 if rule.one_of else None])
        return None
    if rule.columns:
        parts = raw.frame[present].astype("str").fillna("")
        return translate(parts.agg(" ".join, axis=1).str.strip(), rule)
    return translate(raw.frame[present[0]], rule)


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
    return pd.Series(translated.reindex(codes).to_numpy(), index=values.index, dtype="str", name=values.name)


def _key(value: object) -> str:
    return tidy(value).casefold().removesuffix(".0")


def _keys(values: pd.Series) -> pd.Series:
    codes, uniques = pd.factorize(values)
    keys = pd.Series([_key(value) for value in uniques], dtype="str")
    return pd.Series(keys.reindex(codes).fillna("").to_numpy(), index=values.index, dtype="str")


def _find(raw: Raw, header: str) -> str | None:
    """Column of the source that a header means: exactly, or but for case and spaces."""
    header = tidy_header(header)
    names = {**{alias: name for alias, name in raw.aliases.items()}, **{name: name for name in raw.frame.columns}}
    if header in names:
        return names[header]
    return {alias.casefold(): name for alias, name in names.items()}.get(header.casefold())


def _absent(raw: Raw, header: str, needed_for: str) -> str:
    names = [*raw.frame.columns, *raw.aliases]
    by_lower = {name.casefold(): name for name in names}
    near = [by_lower[n] for n in difflib.get_close_matches(header.casefold(), by_lower, 3, cutoff=0.5)]
    if near:
        hint = f"Nearest: {', '.join(map(repr, near))}."
    elif len(names) == 1:
        hint = f"The header reads as one column, {names[0][:80]!r}: is the separator right?"
    else:
        hint = f"Found: {', '.join(map(repr, names[:12]))}{' …' if len(names) > 12 else ''}."
    return (
        f"{raw.name}: no column {header!r}, which {needed_for} is to come from. {hint} Correct the map, or write one."
    )
