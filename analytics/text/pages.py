"""Numbers that models read off texts, kept in files so that no text is read twice; the texts are not kept.

A page holds rows of one model's numbers by key. Its file is named by the checksum of its bytes: a page that was damaged
no longer fits its name, is removed, and what it held is read again. Pages of a model's earlier versions go when newer
ones are written.
"""

import hashlib
import os
import shutil
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from analytics.files import LARGEST, refuse_endless

PAGES = "scores"  # in the derived data
ROWS = 2_048  # of a page: what one damaged byte costs to read again


class Part(NamedTuple):
    """What a page is about: a name, the models' version, how many numbers a text has, and their kind."""

    name: str
    version: str
    width: int
    kind: str = "<f8"


class Pages:
    """Pages of a folder, read when first asked for and held in memory by this object.

    Parameters
    ----------
    folder
        Made when the first page is written. Several processes may share it.
    watch
        Told before each page of a reading, and at its end, how many texts were read and of how many.
    """

    def __init__(self, folder: Path, watch: Callable[[int, int], None] = lambda done, of: None) -> None:
        self.folder, self.watch = folder, watch
        self._rows: dict[Part, dict[bytes, np.ndarray]] = {}

    def missing(self, part: Part, keys: Sequence[bytes]) -> list[int]:
        """Places of the keys that no page holds."""
        rows = self._load(part)
        return [place for place, key in enumerate(keys) if key not in rows]

    def fill(self, part: Part, keys: Sequence[bytes], read: Callable[[list[int]], np.ndarray]) -> np.ndarray:
        """Numbers of every key, shape (n, width); `read` gives those of the places that no page holds.

        They are read and written page by page: a reading that is stopped goes on from where it was.
        """
        new, rows = self.missing(part, keys), self._load(part)
        for start in range(0, len(new), ROWS):
            self.watch(start, len(new))
            chosen = new[start : start + ROWS]
            fresh = {keys[place]: row for place, row in zip(chosen, read(chosen), strict=True)}
            self._write(part, fresh)
            rows |= fresh
        self.watch(len(new), len(new))
        return np.array([rows[key] for key in keys], dtype=part.kind).reshape(len(keys), part.width)

    def forget(self, keys: Sequence[bytes]) -> int:
        """Remove every page, of any part and version, that holds one of the keys; the rest of it is read again."""
        held = [file for file in sorted(self.folder.glob("*/*/*.page")) if _holds(file, keys)]
        for file in held:
            file.unlink()
        self._rows.clear()
        return len(held)

    def _home(self, part: Part) -> Path:
        return self.folder / part.name / _digest(part.version.encode())

    def _load(self, part: Part) -> dict[bytes, np.ndarray]:
        if part not in self._rows:
            pages = (_read_page(file, part) for file in sorted(self._home(part).glob("*.page")))
            self._rows[part] = {key: row for page in pages for key, row in zip(*page, strict=True)}
        return self._rows[part]

    def _write(self, part: Part, rows: dict[bytes, np.ndarray]) -> None:
        """Write rows as one further page, in one step, and drop those of other versions."""
        home = self._home(part)
        home.mkdir(parents=True, exist_ok=True)
        data = zlib.compress(b"".join(key + np.asarray(row, part.kind).tobytes() for key, row in rows.items()), 1)
        draft = home / f"{os.getpid()}.part"
        draft.write_bytes(data)
        draft.replace(home / f"{_digest(data)}.page")
        for other in home.parent.iterdir():
            if other != home:
                shutil.rmtree(other, ignore_errors=True)


def key_of(salt: str, text: str) -> bytes:
    """Sixteen bytes that stand for a text read under some circumstances, such as the brands asked about."""
    return hashlib.blake2b(f"{salt}\0{text}".encode("utf-8", "replace"), digest_size=16).digest()


def _read_page(file: Path, part: Part) -> tuple[list[bytes], np.ndarray]:
    """Keys and rows of a page; none of one that is damaged, which is removed."""
    row = np.dtype([("key", "V16"), ("numbers", part.kind, (part.width,))])
    data = _unpack(file)
    if data is None or len(data) % row.itemsize:
        with suppress(OSError):
            file.unlink()
        return [], np.empty((0, part.width))
    table = np.frombuffer(data, row)
    return [key.tobytes() for key in table["key"]], table["numbers"]


def _unpack(file: Path) -> bytes | None:
    """What a page holds; None of one that is damaged, or larger than any page."""
    try:
        refuse_endless(file)
        data, reader = file.read_bytes(), zlib.decompressobj()
        whole = reader.decompress(data, LARGEST) if _digest(data) == file.stem else None
    except (OSError, zlib.error):
        return None
    return whole if reader.eof else None


def _holds(file: Path, keys: Sequence[bytes]) -> bool:
    """Whether a page holds one of the keys, or cannot be read."""
    table = _unpack(file)
    return table is None or any(key in table for key in keys)


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
