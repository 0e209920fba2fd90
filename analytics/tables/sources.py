"""Reading a file or a query as it is: bytes to a frame of text, whatever the encoding, separator or database.

Nothing is interpreted here: a CSV or Excel cell stays the text it was, so '007' keeps its zeros. Parquet and SQL
keep the types they carry. What the columns mean is for `maps`, what the values mean for `convert`.
"""

import codecs
import csv
import glob
import hashlib
import io
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import pandas as pd

SEPARATORS = (",", ";", "\t", "|")
RAGGED_SHARE = 0.2  # above this share of rows with a wrong number of fields the file is not what it seems

_MAGIC = {
    b"PK\x03\x04": "is a zip archive or an Excel workbook: unpack it, or give it the ending .xlsx",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook (.xls): save it as .xlsx or CSV",
    b"\x1f\x8b": "is compressed (gzip): unpack it first",
    b"PAR1": "is a Parquet file: give it the ending .parquet",
    b"%PDF": "is a PDF: export the data as CSV instead",
}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class Raw:
    """A source as it was read: values, where they came from, and the rows that could not be split into columns.

    The frame's index is the row in the source, counted from 1 below the header. `aliases` are further names that a
    column answers to, where an export has several header rows. `broken` holds (row, text, reason).
    """

    name: str
    frame: pd.DataFrame
    sha256: str
    aliases: dict[str, str] = field(default_factory=dict)
    broken: tuple[tuple[int, str, str], ...] = ()
    warnings: tuple[str, ...] = ()


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


def find_files(pattern: str, root: Path) -> list[Path]:
    """Files that a path or a glob pattern names, in alphabetical order; a folder stands for itself."""
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
    path: Path,
    name: str,
    encoding: str | None = None,
    separator: str | None = None,
    sheet: str | None = None,
    header_rows: int = 1,
) -> Raw:
    """Read one file or Parquet folder; `name` is what messages call it. See `read_file`."""
    if path.is_dir() or path.suffix.lower() in {".parquet", ".pq"}:
        return _read_parquet(path, name)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{name}: no such file. Correct the path.") from None
    except OSError as error:
        raise ValueError(f"{name}: cannot be read ({error.strerror}). Check its permissions.") from None
    blank = b" \t\r\n\0\xef\xbb\xbf\xff\xfe"
    if not data[:4096].strip(blank) and not data.strip(blank):
        raise ValueError(f"{name}: is empty. Export it again, or leave the source out.")
    if path.suffix.lower() in {".xlsx", ".xlsm"}:
        return _read_excel(data, name, sheet, header_rows)
    return _read_text(data, name, encoding, separator, header_rows)


def _read_text(data: bytes, name: str, encoding: str | None, separator: str | None, header_rows: int) -> Raw:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    digest = hashlib.sha256(data).hexdigest()
    data, warnings = _to_utf8(data, name, encoding)
    header, skip, separator = _read_header(data, name, separator, header_rows)
    names, aliases = _name_columns(header)
    plain = [f"c{i}" for i in range(len(names))]
    ragged: list[tuple[int, int, str]] = []

    def set_aside(row: arrow_csv.InvalidRow) -> str:
        ragged.append((row.number - skip, row.actual_columns, row.text))
        return "skip"

    data = data if data.endswith(b"\n") else data + b"\n"  # Arrow skips header rows only as whole lines
    # On all cores first; then on one, which knows the numbers of rows that do not fit; then for cells beyond a block.
    for threads, block in ((True, 1 << 24), (False, 1 << 24), (False, (1 << 31) - 1)):
        ragged.clear()
        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(data),
                arrow_csv.ReadOptions(
                    use_threads=threads, block_size=block, column_names=plain, skip_rows_after_names=skip
                ),
                arrow_csv.ParseOptions(
                    delimiter=separator,
                    newlines_in_values=True,
                    invalid_row_handler=None if threads else set_aside,
                ),
                arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(plain, pa.large_string()), strings_can_be_null=False
                ),
            )
            break
        except pa.ArrowInvalid as error:
            if not threads and ("straddling" not in str(error) or block > 1 << 24):
                raise ValueError(f"{name}: cannot be split into rows and columns ({_first_line(error)}).") from None
    total = table.num_rows + len(ragged)
    if len(ragged) > max(1, RAGGED_SHARE * total):
        raise ValueError(
            f"{name}: {len(ragged)} of {total} rows do not have the header's {len(names)} fields (row {ragged[0][0]} "
            f"has {ragged[0][1]}). Is the separator {separator!r}, and is text that holds it quoted?"
        )
    frame = table.to_pandas().set_axis(names, axis=1)
    broken = {number: (fields, text) for number, fields, text in ragged}
    frame.index = pd.Index([i for i in range(1, total + 1) if i not in broken] if broken else range(1, total + 1))
    last = broken[total][1] if total in broken else str(frame.iloc[-1, -1]) if total else ""
    _refuse_open_quote(data, last, f"{name}: the quote opened in row {total}")
    reason = f"fields where the header has {len(names)}: text that holds the separator needs quotes"
    set_apart = tuple((number, text, f"has {fields} {reason}") for number, (fields, text) in broken.items())
    return Raw(name, frame, digest, aliases, set_apart, warnings)


def _refuse_open_quote(data: bytes, last: str, where: str) -> None:
    """Raise if the last row holds a quote that is never closed and so swallowed the lines after it."""
    if "\n" in last.strip() and data.count(b'"') % 2 and not data.rstrip().endswith(b'"'):
        lines = last.strip().count("\n")
        raise ValueError(f"{where} is never closed and swallows {lines} lines. Close it, or export the file again.")


def _to_utf8(data: bytes, name: str, encoding: str | None) -> tuple[bytes, tuple[str, ...]]:
    """The bytes as UTF-8 without a byte order mark, and a warning where the encoding had to be guessed."""
    for magic, reason in _MAGIC.items():
        if data.startswith(magic):
            raise ValueError(f"{name}: {reason}.")
    for mark, marked in _BOMS:
        if data.startswith(mark):
            return _recode(data[len(mark) :], name, marked), ()
    if encoding is not None:
        return _recode(data, name, encoding), ()
    if b"\0" in data[:4096]:
        if b"\0" not in data[:2]:
            raise ValueError(f"{name}: is not a text file (it holds zero bytes). Export the data as CSV.")
        return _recode(data, name, "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"), ()
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), 1 << 23):
            decoder.decode(data[start : start + (1 << 23)])
        decoder.decode(b"", final=True)
        return data, ()
    except UnicodeDecodeError:
        warning = f"{name} is not UTF-8 and was read as Windows-1252 (Latin-1); if letters look wrong, say encoding."
        try:
            return _recode(data, name, "cp1252"), (warning,)
        except ValueError:
            return _recode(data, name, "latin-1"), (warning,)


def _recode(data: bytes, name: str, encoding: str) -> bytes:
    try:
        return data.decode(encoding).encode("utf-8", "replace")
    except LookupError:
        raise ValueError(f"{name}: encoding {encoding!r} is not known. Try utf-8, utf-16, cp1252 or latin-1.") from None
    except UnicodeError as error:
        raise ValueError(
            f"{name}: is not text in {encoding} ({_first_line(error)}). Leave the encoding out to have it found, or "
            "export the file as UTF-8."
        ) from None


def _read_header(data: bytes, name: str, separator: str | None, rows: int) -> tuple[list[list[str]], int, str]:
    """Header rows, how many rows lie above the data, and the separator, found in the first header row."""
    text = data[: 1 << 20].decode("utf-8", "ignore")
    counts = Counter(re.sub(r'"[^"]*"', "", next((line for line in text.splitlines() if line.strip()), "")))
    best = max(SEPARATORS, key=lambda s: counts[s])
    if separator is None:
        separator = best
    elif len(separator) != 1:
        raise ValueError(f"{name}: separator {separator!r} must be one character, such as ',' or ';'.")
    elif not counts[separator] and counts[best]:
        raise ValueError(
            f"{name}: the header holds no {separator!r} but {counts[best]} {best!r}. Say separator = {best!r}."
        )
    header: list[list[str]] = []
    skip = 0
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            skip += 1
            if any(cell.strip() for cell in record):
                header.append(record)
            if len(header) == rows:
                return header, skip, separator
    except csv.Error as error:
        raise ValueError(f"{name}: the header cannot be read ({error}). Is this a delimited text file?") from None
    raise ValueError(f"{name}: has {len(header)} of the {rows} header rows that its map announces.")


def _name_columns(header: Sequence[Sequence[object]]) -> tuple[list[str], dict[str, str]]:
    """Name each column by its first header row; a blank one takes its neighbour's name with the second row's.

    Examples
    --------
    >>> _name_columns([["Id", "How was it?", ""], ["", "Speed", "Tone"]])
    (['Id', 'How was it?', 'How was it? / Tone'], {'How was it? / Speed': 'How was it?'})
    """
    first = [tidy(cell) for cell in header[0]]
    second = [tidy(cell) for cell in header[1]] if len(header) > 1 else []
    second += [""] * (len(first) - len(second))
    names: list[str] = []
    aliases: dict[str, str] = {}
    question = ""
    for position, (top, below) in enumerate(zip(first, second, strict=False)):
        question = top or question
        full = f"{question} / {below}" if question and below else top or below or f"column {position + 1}"
        name, twin = top or full, 2
        while name in names:
            name, twin = f"{top or full} ({twin})", twin + 1
        names.append(name)
        if full != name and full not in aliases:
            aliases[full] = name
    return names, aliases


def tidy(cell: object) -> str:
    """A header or value as one line without stray spaces; a missing one is ''."""
    return "" if cell is None or cell != cell else " ".join(str(cell).split())


def _read_excel(data: bytes, name: str, sheet: str | None, header_rows: int) -> Raw:
    try:
        book = pd.ExcelFile(io.BytesIO(data), engine="calamine")
    except Exception as error:  # the reader raises whatever the broken zip or XML inside raises
        raise ValueError(f"{name}: is not an Excel workbook that can be read ({_first_line(error)}).") from None
    sheets = [str(s) for s in book.sheet_names]
    if sheet is not None and sheet not in sheets:
        raise ValueError(f"{name}: has no sheet {sheet!r}. Found: {', '.join(map(repr, sheets))}.")
    cells = pd.read_excel(book, sheet or sheets[0], header=None, dtype=str, keep_default_na=False, na_filter=False)
    cells = cells.astype("str")
    filled = cells[(cells.map(str.strip) != "").any(axis=1)]
    if len(filled) < header_rows:
        raise ValueError(f"{name}: sheet {sheet or sheets[0]!r} is empty.")
    names, aliases = _name_columns(filled.iloc[:header_rows].to_numpy().tolist())
    frame = filled.iloc[header_rows:].set_axis(names, axis=1)
    frame.index = frame.index - filled.index[header_rows - 1]
    others = f"{name} has {len(sheets)} sheets; {sheets[0]!r} was read. Say sheet to take another."
    return Raw(
        name,
        frame,
        hashlib.sha256(data).hexdigest(),
        aliases,
        warnings=(others,) if sheet is None and len(sheets) > 1 else (),
    )


def _read_parquet(path: Path, name: str) -> Raw:
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"{name}: is a folder without Parquet files. Give a file, or a pattern such as {name}/*.csv.")
    digest = hashlib.sha256()
    try:
        for file in files:
            digest.update(hashlib.sha256(file.read_bytes()).digest() if path.is_dir() else file.read_bytes())
        frame = pd.read_parquet(path)
    except FileNotFoundError:
        raise ValueError(f"{name}: no such file. Correct the path.") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{name}: cannot be read as Parquet ({_first_line(error)}).") from None
    return Raw(name, _number_rows(frame), digest.hexdigest())


def read_query(url_env: str, query: str) -> Raw:
    """Run one query against the database whose address stands in an environment variable; nothing is written.

    The address never appears in a message. Values in the query are bound by the driver, not by text.

    Raises
    ------
    ValueError
        If the variable is not set, the database cannot be reached, or the query fails.
    """
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    name = f"{url_env}: {tidy(query)[:60]}"
    url = os.environ.get(url_env)
    if not url:
        raise ValueError(f"{name}: the environment variable {url_env} is not set. Set it to the database's address.")
    try:
        # A plain postgresql:// would mean another driver than the one we install.
        address = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)
        engine = create_engine(address, hide_parameters=True, poolclass=NullPool)
        with engine.connect() as connection:
            options = {"postgresql_readonly": True, "stream_results": True, "max_row_buffer": 50_000}
            connection = connection.execution_options(**options)
            chunks = [_plain(chunk) for chunk in pd.read_sql_query(text(query), connection, chunksize=50_000)]
    except ArgumentError:
        raise ValueError(
            f"{name}: {url_env} is not a database address such as postgresql+psycopg://user@host/name."
        ) from None
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise ValueError(f"{name}: the database driver is not installed ({_first_line(error)}).") from None
    except (SQLAlchemyError, OSError) as error:
        cause = error.__cause__ or error  # pandas wraps SQLAlchemy's error, which wraps the driver's
        cause = getattr(cause, "orig", None) or cause
        raise ValueError(f"{name}: the database says: {_without_secrets(_first_line(cause), url)}.") from None
    frame = _number_rows(pd.concat(chunks) if chunks else pd.DataFrame())
    hashed = pd.util.hash_pandas_object(frame.astype("str"), index=False).to_numpy().tobytes()
    return Raw(name, frame, hashlib.sha256(hashed).hexdigest())


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Database objects (decimals, dates, identifiers) as text; numbers, flags and uniform stamps keep their type."""
    objects = [column for column in frame if frame[column].dtype == object]
    text = {str(column): frame[column].map(str, na_action="ignore").astype("str") for column in objects}
    return frame.assign(**text)


def _without_secrets(message: str, url: str) -> str:
    secrets = [url, *re.findall(r"://([^@/]*)@", url), *re.findall(r"://[^:@/]*:([^@]*)@", url)]
    for secret in {part for s in secrets for part in (s, unquote(s)) if len(part) > 1}:
        message = message.replace(secret, "***")
    return message


def _number_rows(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_axis(range(1, len(frame) + 1), axis=0).set_axis([tidy(c) for c in frame.columns], axis=1)


def _first_line(error: object) -> str:
    lines: Iterator[str] = (line.strip() for line in str(error).splitlines())
    return next((line.rstrip(".") for line in lines if line), type(error).__name__)[:300]
