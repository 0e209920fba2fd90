"""Small files that people or reports keep beside the data: settings, maps, examples, readings, records."""

import errno
from pathlib import Path

LARGEST = 64 * 2**20  # bytes; a larger file is something else


def read_text(path: Path) -> str:
    """Text of a file in UTF-8, with a byte order mark or without; line ends stay as they are.

    Raises
    ------
    OSError
        If it cannot be read, is larger than `LARGEST`, or is a pipe or a device, on which a reader waits for ever.
    UnicodeDecodeError
        If it is not UTF-8.
    """
    refuse_endless(path)
    if path.stat().st_size > LARGEST:
        raise OSError(errno.EFBIG, f"larger than {LARGEST // 2**20} MiB", str(path))
    return path.read_bytes().decode("utf-8-sig")


def refuse_endless(path: Path) -> None:
    """Raise OSError for what is there and neither a file nor a folder."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "a pipe or a device, not a file", str(path))
