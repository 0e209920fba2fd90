"""Reading a file or a query as it is: bytes to a frame of text, whatever the encoding, separator or database.

Nothing is interpreted here: a CSV or Excel cell stays the text it was, so '007' keeps its zeros. Parquet and SQL
keep the types they carry. What the columns mean is for `maps`, what the values mean for `convert`.
"""

import csv
import glob
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pandas as pd

from analytics.files import refuse_endless
from analytics.tables.asides import NOTE, find_asides
from analytics.tables.encoding import first_line, to_utf8
from analytics.tables.layout import LOOKED_AT, MAX_COLUMNS, Header, Place, extent, find_header, name_columns, tidy
from analytics.tables.ragged import repair_rows
from analytics.tables.workbook import WORKBOOKS, read_sheet

SEPARATORS = (",", ";", "\t", "|")
RAGGED_SHARE = 0.2  # above this share of rows with a wrong number of fields the file is not what it seems
_TOP = 1 << 20  # bytes from the top that show how a text file is laid out; more where its first line is longer
_LONGEST_HEADER = 1 << 25
_ONE_CELL = re.compile(rb'"(?:[^"]|"")*"\s*')
_LINE_END = re.compile(rb"\r\n|\r|\n")
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
MOST_BYTES = 1 << 31  # of a Parquet file in memory, unless the file itself is of that size
_INFLATED = 100  # cells of a Parquet file for a byte of it, beyond which it is no honest file


@dataclass(frozen=True)
class Raw:
    """A source as it was read: values, where they came from, and the rows that could not be split into columns.

    The frame's index is the row in the source, counted from 1 below the header. `aliases` are further names that a
    column answers to, where an export has several header rows. `broken` holds (row, text, reason) of what is no row of
    the table, `repaired` the same of rows in the frame that had to be put together again; `zone` is the one that the
    header names, `remarks` are the lines above the header and under the table.
    """

    name: str
    frame: pd.DataFrame
    sha256: str
    aliases: dict[str, str] = field(default_factory=dict)
    broken: tuple[tuple[int, str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    repaired: tuple[tuple[int, str, str], ...] = ()
    zone: str | None = None
    remarks: tuple[str, ...] = ()


def read_file(path: str | Path) -> pd.DataFrame:
    """Read one CSV, Parquet or Excel file as it is; CSV and Excel cells stay text, an empty cell is ''.

    Parameters
    ----------
    path
        A file ending in .parquet or .xlsx, anything else for delimited text, or a folder of Parquet files.

    Raises
    ------
    ValueError
        If the file is absent, empty, not of its kind, or cannot be cut into columns.
    """
    return read_raw(Path(path), str(path)).frame


def find_files(pattern: str | Sequence[str], root: Path) -> list[Path]:
    """Files that paths or glob patterns name, those of a pattern in alphabetical order; a folder stands for itself."""
    if not isinstance(pattern, str):
        return list(dict.fromkeys(file for one in pattern for file in find_files(one, root)))
    path = root / pattern
    if path.exists():
        return [path]
    found = sorted(glob.glob(str(path), recursive=True)) if glob.has_magic(pattern) else []
    if not found:
        near = sorted(p.name for p in path.parent.glob("*"))[:8] if path.parent.is_dir() else []
        hint = f" That folder holds: {', '.join(near)}." if near else " Its folder does not exist either."
        kind = "No file fits the pattern" if glob.has_magic(pattern) else "No such file:"
        raise ValueError(f"{kind} {pattern}.{hint if not glob.has_magic(pattern) else ''} Correct the path.")
    return [Path(name) for name in found]


def read_raw(
    path: Path, name: str, encoding: str | None = None, separator: str | None = None, sheet: str | None = None,
    **place: Any,  # noqa: ANN401
) -> Raw:  # fmt: skip
    """Read one file or Parquet folder; `name` is what messages call it, `place` see `layout.Place`."""
    try:
        for file in path.rglob("*") if path.is_dir() else [path]:
            refuse_endless(file)
    except OSError as error:
        raise ValueError(f"{name}: is {error.strerror}. Save the export to a file first.") from None
    if path.is_dir() or path.suffix.lower() in {".parquet", ".pq"}:
        return _read_parquet(path, name)
    try:
        before, data, after = path.stat(), path.read_bytes(), path.stat()
        if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, len(data)):
            raise ValueError(f"{name}: changed while it was read. Wait until it is written, and read it again.")
    except FileNotFoundError:
        raise ValueError(f"{name}: no such file. Correct the path.") from None
    except OSError as error:
        raise ValueError(f"{name}: cannot be read ({error.strerror}). Check its permissions.") from None
    blank = b" \t\r\n\0\xef\xbb\xbf\xff\xfe"
    if not data[:4096].strip(blank) and not data.strip(blank):
        raise ValueError(f"{name}: is empty. Export it again, or leave the source out.")
    where = Place(**place)
    if path.suffix.lower() in WORKBOOKS:
        return _read_excel(data, name, sheet, where)
    return _read_text(data, name, encoding, separator, where)


def _read_excel(data: bytes, name: str, sheet: str | None, place: Place) -> Raw:
    rows, warnings = read_sheet(data, name, sheet)
    header = find_header(rows[: LOOKED_AT + place.skip_rows], name, place)
    width = max(map(len, rows))
    index = [i for i in range(header.end, len(rows)) if any(cell.strip() for cell in rows[i])]
    filled = [rows[i] + [""] * (width - len(rows[i])) for i in index]
    frame = pd.DataFrame(filled, index=[i + 1 - header.end for i in index], columns=range(width), dtype="str")
    digest = hashlib.sha256(data).hexdigest()
    return _settle(name, frame, [], header.pad(width), ",", digest, warnings)


def _read_text(data: bytes, name: str, encoding: str | None, separator: str | None, place: Place) -> Raw:
    digest = hashlib.sha256(data).hexdigest()
    data, warnings = to_utf8(data, name, encoding)
    if _is_quoted_whole(data):
        lines = (line.strip() for line in data.splitlines())
        data = b"\n".join(line[1:-1].replace(b'""', b'"') if _ONE_CELL.fullmatch(line) else line for line in lines)
        warnings += (f"{name}: every line stands in quotes as one cell; they were taken away.",)
    separator = _find_separator(data, name, separator)
    records, ends = _read_top(data, name, separator, place.skip_rows)
    header = find_header(records, name, place)
    aliases: dict[str, str] = {}
    damaged = [c for c, cell in enumerate(header.rows[0]) if cell.startswith("&quot;")]
    if damaged and b'"' not in data[:_TOP]:
        damage, data = header, _restore_quotes(data, separator)
        warnings += (
            f"{name}: &quot; stands where quotes should, from column {damaged[0] + 1} on, so that cells that hold the "
            "separator came apart; they were put together again. Export the file again if you can.",
        )
        records, ends = _read_top(data, name, separator, place.skip_rows)
        header = find_header(records, name, place)
        header = header.pad(max(map(extent, header.rows)))
        aliases = _old_names(damage, header, damaged[0])
    else:
        header = header.fit(records[header.end :])
    body = data[ends[header.end - 1] :]
    frame, ragged = _split(body, name, separator, len(header.rows[0]))
    raw = _settle(name, frame, ragged, header, separator, digest, warnings)
    return replace(raw, aliases=aliases | raw.aliases) if aliases else raw


def _is_quoted_whole(data: bytes) -> bool:
    """Whether each line is one quoted cell that holds as many separators as the first, or quotes of its own."""
    if not data.startswith(b'"'):
        return False
    lines = data[:_TOP].splitlines()[: -1 if len(data) > _TOP else None]
    marks = {s: lines[0].count(s.encode()) for s in SEPARATORS}
    most = max(marks, key=marks.__getitem__)
    return marks[most] > 0 and all(
        _ONE_CELL.fullmatch(line) and (b'""' in line or line.count(most.encode()) == marks[most]) for line in lines
    )


def _find_separator(data: bytes, name: str, stated: str | None) -> str:
    """The separator that cuts most of the first rows into equally many fields, two or more."""
    if stated is not None and len(stated) != 1:
        raise ValueError(f"{name}: separator {stated!r} must be one character, such as ',' or ';'.")
    ranks: dict[str, tuple[float, int]] = {}
    for separator in dict.fromkeys([*SEPARATORS, *([stated] if stated else [])]):
        try:
            records, _ = _read_top(data, name, separator)
        except ValueError:
            records = []
        widths = Counter(len(record) for record in records if any(record))
        width, rows = max(widths.items(), key=lambda item: (item[0] > 1, item[1], item[0]), default=(1, 0))
        ranks[separator] = (round(rows / widths.total(), 1), width) if width > 1 else (0.0, width)
    best = max(SEPARATORS, key=ranks.__getitem__)
    if stated is None:
        return best
    if ranks[stated][1] <= 1 < ranks[best][1]:
        count = ranks[best][1] - 1
        raise ValueError(f"{name}: the header holds no {stated!r} but {count} {best!r}. Say separator = {best!r}.")
    return stated


def _read_top(data: bytes, name: str, separator: str, skip_rows: int = 0) -> tuple[list[list[str]], list[int]]:
    """The first rows of a text as fields, and the byte at which each ends."""
    breaks = [match.end() for match in islice(_LINE_END.finditer(data, 0, _LONGEST_HEADER), 12 + skip_rows)]
    size = max(_TOP, breaks[-1] if breaks else _LONGEST_HEADER)
    consumed = 0

    def lines() -> Iterator[str]:
        nonlocal consumed
        for match in _LINE.finditer(data, 0, size):
            consumed = match.end()
            yield match[0].decode("utf-8", "replace")

    records: list[list[str]] = []
    ends: list[int] = []
    try:
        for record in islice(csv.reader(lines(), delimiter=separator), LOOKED_AT + skip_rows):
            records.append(record)
            ends.append(consumed)
    except (csv.Error, ValueError) as error:
        if not records:
            raise ValueError(f"{name}: the header cannot be read ({error}). Is this a delimited text file?") from None
    if len(data) > size and len(records) > 1 and consumed >= size:
        del records[-1], ends[-1]  # cut off
    return records, ends


def _restore_quotes(data: bytes, separator: str) -> bytes:
    """The text with quotes where their entities stand around a cell."""
    edge = re.escape(separator).encode()
    data = re.sub(rb"(^|[\r\n]|" + edge + rb")&quot;", rb'\1"', data)
    return re.sub(rb"&quot;(?=$|[\r\n]|" + edge + rb")", b'"', data)


def _old_names(damage: Header, header: Header, last: int) -> dict[str, str]:
    """Names that maps of the damaged file use, for the columns up to the first that fell apart."""
    names, _ = name_columns(header.rows)
    old, more = name_columns(damage.rows)
    places, last = {name: c for c, name in enumerate(old)}, min(last, len(names) - 1)
    full = {name: names[c] for name, c in places.items() if c <= last}
    return full | {alias: names[places[name]] for alias, name in more.items() if places[name] <= last}


def _split(body: bytes, name: str, separator: str, width: int) -> tuple[pd.DataFrame, list[tuple[int, int, str]]]:
    """Rows of text with the right number of fields, numbered from 1, and the others: number, fields, text."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    plain = [f"c{i}" for i in range(width)]
    ragged: list[tuple[int, int, str]] = []

    def set_aside(row: arrow_csv.InvalidRow) -> str:
        ragged.append((row.number, row.actual_columns, row.text))
        return "skip"

    body = body if body.endswith(b"\n") else body + b"\n"
    typing = arrow_csv.ConvertOptions(column_types=dict.fromkeys(plain, pa.large_string()), strings_can_be_null=False)
    # On all cores first; then on one, which knows the numbers of rows that do not fit; then for cells beyond a block.
    for threads, block in ((True, 1 << 24), (False, 1 << 24), (False, (1 << 31) - 1)):
        ragged.clear()
        try:
            reading = arrow_csv.ReadOptions(use_threads=threads, block_size=block, column_names=plain)
            handler = None if threads else set_aside
            cutting = arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=handler)
            table = arrow_csv.read_csv(pa.BufferReader(body), reading, cutting, typing)
            break
        except pa.ArrowInvalid as error:
            if not threads and ("straddling" not in str(error) or block > 1 << 24):
                raise ValueError(f"{name}: cannot be split into rows and columns ({first_line(error)}).") from None
    total = table.num_rows + len(ragged)
    frame = table.to_pandas().set_axis(range(width), axis=1)
    broken = {number: text for number, _, text in ragged}
    frame.index = pd.Index([i for i in range(1, total + 1) if i not in broken] if broken else range(1, total + 1))
    last = broken[total] if total in broken else str(frame.iloc[-1, -1]) if total else ""
    _refuse_open_quote(body, last, f"{name}: the quote opened in row {total}")
    return frame, ragged


def _settle(
    name: str, frame: pd.DataFrame, ragged: list[tuple[int, int, str]], header: Header, separator: str, digest: str,
    warnings: tuple[str, ...],
) -> Raw:  # fmt: skip
    """Name the columns, and tell the table's rows from what else the file holds."""
    names, aliases = name_columns(header.rows)
    reasons = find_asides(frame, header.rows, ragged)
    notes = {number: text for number, _, text in ragged if number in reasons}
    aside = frame.loc[frame.index.isin(list(reasons))] if reasons else frame.iloc[:0]
    notes |= {int(number): separator.join(row) for number, *row in aside.itertuples(name=None)}
    frame = frame.drop(index=aside.index) if len(aside) else frame
    rest = [row for row in ragged if row[0] not in reasons]
    repaired = repair_rows(frame, rest, separator)
    rest = [row for row in rest if row[0] not in repaired]
    total = len(frame) + len(rest) + len(repaired)
    if len(rest) > max(1, RAGGED_SHARE * total):
        raise ValueError(
            f"{name}: {len(rest)} of {total} rows do not have the header's {len(names)} fields (row {rest[0][0]} "
            f"has {rest[0][1]}). Is the separator {separator!r}, and is text that holds it quoted?"
        )
    broken = [(n, text, reasons[n]) for n, text in notes.items()]
    broken += [(number, text, _ragged_reason(fields, len(names))) for number, fields, text in rest]
    whole = [(n, text, _ragged_reason(fields, len(names))) for n, fields, text in ragged if repaired.get(n, ("", 0))[1]]
    if repaired:
        added = {number: fields for number, (fields, _) in repaired.items()}
        rows = pd.DataFrame.from_dict(added, orient="index", columns=frame.columns, dtype="str")
        frame = pd.concat([frame, rows]).sort_index()
    if whole:
        warnings += (f"{name}: {len(whole):,} rows had too many fields and were put together again.",)
    frame = frame.set_axis(names, axis=1)
    warnings += header.warnings
    remarks = (*header.above, *(text.strip('"') for number, text in notes.items() if reasons[number] == NOTE))
    return Raw(name, frame, digest, aliases, tuple(sorted(broken)), tuple(warnings), tuple(whole), header.zone, remarks)


def _ragged_reason(fields: int, width: int) -> str:
    cause = "text that holds the separator needs quotes" if fields > width else "fields are missing"
    return f"has {fields} fields where the header has {width}: {cause}"


def _refuse_open_quote(data: bytes, last: str, where: str) -> None:
    """Raise if the last row holds a quote that is never closed and so swallowed the lines after it."""
    if data.count(b'"') % 2 == 0 or data.rstrip().endswith(b'"'):
        return
    if lines := last.strip().count("\n"):
        raise ValueError(f"{where} is never closed and swallows {lines} lines. Close it, or export the file again.")
    if re.search(rb'[,;\t|]"(?:[^"]|"")*$', data.rstrip()[-4 * len(last) - 100 :]):
        raise ValueError(f"{where} is never closed: the file was cut off there. Export it again.")


def _read_parquet(path: Path, name: str) -> Raw:
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"{name}: is a folder without Parquet files. Give a file, or a pattern such as {name}/*.csv.")
    try:
        digest = _digest(path, files)
        for file in files:
            _refuse_inflated(file, name)
        frame = pd.read_parquet(path)
        same = _digest(path, files) == digest
    except FileNotFoundError:
        raise ValueError(f"{name}: no such file. Correct the path.") from None
    except (OSError, ValueError, NotImplementedError, MemoryError) as error:
        raise ValueError(f"{name}: cannot be read as Parquet ({first_line(error)}).") from None
    if not same:
        raise ValueError(f"{name}: changed while it was read. Wait until it is written, and read it again.")
    return Raw(name, _number_rows(_plain(frame)), digest)


def _digest(path: Path, files: list[Path]) -> str:
    """SHA-256 of a file, or of those of the files of a folder."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            one = hashlib.file_digest(opened, "sha256")
        if not path.is_dir():
            return one.hexdigest()
        digest.update(one.digest())
    return digest.hexdigest()


def _refuse_inflated(file: Path, name: str) -> None:
    """Raise if a small file holds so many rows of one value that they fill the memory."""
    import pyarrow.parquet as pq

    footer = pq.read_metadata(file)
    cells = footer.num_rows * footer.num_columns
    if 8 * cells > max(MOST_BYTES, _INFLATED * file.stat().st_size) or footer.num_columns > MAX_COLUMNS:
        raise ValueError(f"{footer.num_rows:,} rows of {footer.num_columns:,} columns are more than is read at once")


_READ_ONLY = {  # what makes a session or transaction unable to write, where the address or an option does not
    **dict.fromkeys(("mysql", "mariadb"), "SET SESSION TRANSACTION READ ONLY"),
    "oracle": "SET TRANSACTION READ ONLY", "sqlite": "PRAGMA query_only = ON",
}  # fmt: skip


def read_query(url_env: str, query: str) -> Raw:
    """Run one query against the database whose address stands in an environment variable; nothing can be written.

    The address never appears in a message. Values in the query are bound by the driver, not by text.

    Raises
    ------
    ValueError
        If the variable is not set, the database cannot be reached, or the query fails.
    """
    from sqlalchemy import create_engine, make_url, text
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    name = f"{url_env}: {tidy(query)[:60]}"
    url = os.environ.get(url_env)
    if not url:
        raise ValueError(f"{name}: the environment variable {url_env} is not set. Set it to the database's address.")
    try:
        # A plain postgresql:// would mean another driver than the one we install.
        address = make_url(re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url))
        if address.get_backend_name() == "sqlite" and address.database not in (None, "", ":memory:"):
            there = address.database
            file = there if there.startswith("file:") else f"file:{quote(there)}"
            address = address.set(database=file, query={**address.query, "mode": "ro", "uri": "true"})
        engine = create_engine(address, hide_parameters=True, poolclass=NullPool)
        with engine.connect() as connection:  # closed without a commit, which undoes whatever was written
            options = {"postgresql_readonly": True, "stream_results": True, "max_row_buffer": 50_000}
            connection = connection.execution_options(**options)
            if engine.dialect.name in _READ_ONLY:
                connection.execute(text(_READ_ONLY[engine.dialect.name]))
            chunks = [_plain(chunk) for chunk in pd.read_sql_query(text(query), connection, chunksize=50_000)]
    except ArgumentError:
        raise ValueError(
            f"{name}: {url_env} is no database address like postgresql+psycopg://user@host/name."
        ) from None
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise ValueError(f"{name}: the database driver is not installed ({first_line(error)}).") from None
    except (SQLAlchemyError, OSError) as error:
        cause = error.__cause__ or error  # pandas wraps SQLAlchemy's error, which wraps the driver's
        cause = getattr(cause, "orig", None) or cause
        raise ValueError(f"{name}: the database says: {_without_secrets(first_line(cause), url)}.") from None
    frame = _number_rows(pd.concat(chunks) if chunks else pd.DataFrame())
    hashed = pd.util.hash_pandas_object(frame.astype("str"), index=False).to_numpy().tobytes()
    return Raw(name, frame, hashlib.sha256(hashed).hexdigest())


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Decimals, dates, identifiers and nested values as text; numbers, flags and uniform stamps keep their type."""
    places = [c for c in range(frame.shape[1]) if pd.api.types.is_object_dtype(frame.dtypes.iloc[c])]
    columns = [frame.iloc[:, c] for c in range(frame.shape[1])]
    for c in places:
        columns[c] = columns[c].map(_value_text, na_action="ignore").astype("str")
    return pd.concat(columns, axis=1) if places else frame


def _value_text(value: object) -> str:
    if isinstance(value, (dict, list, tuple, np.ndarray)):
        return json.dumps(
            value, ensure_ascii=False, default=lambda v: v.tolist() if isinstance(v, np.ndarray) else str(v)
        )
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _without_secrets(message: str, url: str) -> str:
    secrets = [url, *re.findall(r"://([^@/]*)@", url), *re.findall(r"://[^:@/]*:([^@]*)@", url)]
    for secret in {part for s in secrets for part in (s, unquote(s)) if len(part) > 1}:
        message = message.replace(secret, "***")
    return message


def _number_rows(frame: pd.DataFrame) -> pd.DataFrame:
    names, _ = name_columns([[*map(str, frame.columns)]])
    return frame.set_axis(names, axis=1).set_axis(range(1, len(frame) + 1), axis=0)
