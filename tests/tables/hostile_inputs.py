"""Read inputs that were made to hang, crash or fill the memory; run by test_sources under limits of memory and time.

Usage: hostile_inputs.py FOLDER. Prints one JSON object: the message of each kind, and the peak of memory in MiB.
"""

import io
import json
import os
import resource
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analytics.config import load_config
from analytics.tables.maps import load_map
from analytics.tables.sources import read_raw
from analytics.text.readings import LabelStore

GIB = 1 << 30
SECONDS = 60  # of a processor, for all of them
SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)
DEEP = "[" * 100_000
TABLES = "[surveys]\nresponse_id = "
CONFIG = '[organisation]\nname = "Acme"\norder_number_patterns = ["{}"]\n[sources.surveys]\npath = "x.csv"\n'


def workbook(file: Path, sheet: bytes) -> Path:
    """A small workbook with one cell, in which one sheet's part is replaced."""
    buffer = io.BytesIO()
    pd.DataFrame({"a": [1]}).to_excel(buffer, index=False)
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            new.writestr(part, sheet if part == "xl/worksheets/sheet1.xml" else old.read(part))
    return file


def write(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


def pipe(file: Path) -> Path:
    os.mkfifo(file)
    return file


def device(file: Path) -> Path:
    file.symlink_to("/dev/zero")
    return file


def bomb(file: Path) -> Path:
    """Over a billion zeros in two megabytes, as one cell."""
    head, tail = SHEET.format('<row r="1"><c r="A1" t="str"><v>|</v></c></row>').split("|")
    workbook(file, b"")
    with zipfile.ZipFile(file) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in parts.keys() - {"xl/worksheets/sheet1.xml"}:
            new.writestr(name, parts[name])
        with new.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as stream:
            stream.write(head.encode())
            for _ in range(72):
                stream.write(b"0" * (1 << 24))
            stream.write(tail.encode())
    return file


def far(file: Path) -> Path:
    cells = "".join(f'<row r="{r}"><c r="{c}{r}"><v>1</v></c></row>' for r, c in ((1, "A"), (1_048_576, "XFD")))
    return workbook(file, SHEET.format(cells).encode())


def nested(file: Path) -> Path:
    """A column of lists of lists, a thousand deep."""
    kind = pa.int64()
    for _ in range(1_000):
        kind = pa.list_(kind)
    pq.write_table(pa.table({"a": pa.array([None], kind)}), file)
    return file


def source(file: Path) -> object:
    return read_raw(file, file.name)


def mapping(file: Path) -> object:
    return load_map(file, file.name)


def readings(file: Path) -> object:
    return LabelStore(file).read()


def folder(path: Path) -> Path:
    path.mkdir()
    pipe(path / "part.parquet")
    return path


KINDS = {
    "pipe": (source, lambda root: pipe(root / "pipe.csv")),
    "device": (source, lambda root: device(root / "device.csv")),
    "pipe named Parquet": (source, lambda root: pipe(root / "pipe.parquet")),
    "pipe in a folder": (source, lambda root: folder(root / "folder")),
    "pipe of a map": (mapping, lambda root: pipe(root / "pipe.toml")),
    "device of settings": (load_config, lambda root: device(root / "device.toml")),
    "pipe of readings": (readings, lambda root: pipe(root / "readings.csv")),
    "folder of readings": (readings, lambda root: root),
    "header": (source, lambda root: write(root / "header.csv", ",".join(map(str, range(2_000_000))) + "\n1,2\n")),
    "quotes": (source, lambda root: write(root / "quotes.csv", "a,b\n" + '"' * (1 << 25) + "\n")),
    "far": (source, lambda root: far(root / "far.xlsx")),
    "bomb": (source, lambda root: bomb(root / "bomb.xlsx")),
    "nested Parquet": (source, lambda root: nested(root / "nested.parquet")),
    "nested map": (mapping, lambda root: write(root / "map.toml", TABLES + DEEP)),
    "nested tables": (mapping, lambda root: write(root / "keys.toml", "[surveys" + ".a" * 50_000 + "]\n")),
    "nested config": (load_config, lambda root: write(root / "deep.toml", "a = " + DEEP)),
    "pattern": (load_config, lambda root: write(root / "pattern.toml", CONFIG.format("(" * 50_000))),
}


def main(root: Path) -> None:
    """Make and read one of each kind."""
    resource.setrlimit(resource.RLIMIT_DATA, (2 * GIB, 2 * GIB))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    messages = {}
    for kind, (read, make) in KINDS.items():
        file = make(root)
        try:
            read(file)
            messages[kind] = "read"
        except ValueError as fault:
            messages[kind] = str(fault)
    status = Path("/proc/self/status").read_text()  # of this program alone; ru_maxrss begins with the parent's
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    sys.stdout.write(json.dumps({"messages": messages, "peak": round(peak)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
