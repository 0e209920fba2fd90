"""Bytes to UTF-8: marks, stated encodings, and a guess with a warning where neither is there."""

import codecs
import re

MAGIC = {
    b"PK\x03\x04": "is a zip archive or an Excel workbook: unpack it, or give it the ending .xlsx",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook (.xls): save it as .xlsx or CSV",
    b"\x1f\x8b": "is compressed (gzip): unpack it first",
    b"PAR1": "is a Parquet file: give it the ending .parquet",
    b"%PDF": "is a PDF: export the data as CSV instead",
}
_PAGE = rb"<(?:!doctype|html|table|\?xml|meta|style|head)\b"
_MARKUP = re.compile(rb"[\xef\xbb\xbf\s]*(?:(" + _PAGE + rb")|[\[{]\s*[\[{\"])", re.IGNORECASE)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BLOCK = 1 << 23
_BROKEN_SHARE = 0.2  # of the letters beyond ASCII; with fewer that are no UTF-8 a file is UTF-8 with damage
_EIGHT_BIT = {"cp1252": "Windows-1252 (Latin-1)", "mac_roman": "Mac Roman"}


def to_utf8(data: bytes, name: str, encoding: str | None) -> tuple[bytes, tuple[str, ...]]:
    """The bytes as UTF-8 without a byte order mark, and a warning where the encoding had to be guessed.

    Raises
    ------
    ValueError
        If the bytes are no text, or not text in the stated encoding.
    """
    for magic, reason in MAGIC.items():
        if data.startswith(magic):
            raise ValueError(f"{name}: {reason}.")
    if markup := _MARKUP.match(data[:4096]):
        kind = "a web page or XML" if markup[1] else "JSON"
        raise ValueError(f"{name}: is {kind}, not a table. Export the data as CSV, Excel or Parquet.")
    for mark, marked in _BOMS:
        if data.startswith(mark):
            return _recode(data[len(mark) :], name, marked), ()
    if encoding is not None:
        return _recode(data, name, encoding), ()
    if b"\0" in data[:4096]:
        if b"\0" not in data[:2]:
            raise ValueError(f"{name}: is not a text file (it holds zero bytes). Export the data as CSV.")
        return _recode(data, name, "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"), ()
    return (data, ()) if _is_utf8(data) else _guess(data, name)


def _is_utf8(data: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), _BLOCK):
            decoder.decode(data[start : start + _BLOCK])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _guess(data: bytes, name: str) -> tuple[bytes, tuple[str, ...]]:
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    beyond = sum(map(len, re.findall(r"[^\x00-\x7f]+", text)))
    if broken <= _BROKEN_SHARE * beyond:
        warning = f"{name} is UTF-8 but for {broken:,} damaged letters, which were read as \ufffd. Export it again."
        return text.encode(), (warning,)
    encoding = _guess_eight_bit(data)
    warning = f"{name} is not UTF-8 and was read as {_EIGHT_BIT[encoding]}; if letters look wrong, say encoding."
    try:
        return _recode(data, name, encoding), (warning,)
    except ValueError:
        return _recode(data, name, "latin-1"), (warning,)


def _guess_eight_bit(data: bytes) -> str:
    """Which encoding of a byte a letter makes more small letters and apostrophes out of what follows a small letter."""
    pairs = [pair[1:] for pair in re.findall(rb"[a-z][\x80-\xff]", data[:_BLOCK])]
    letters = {code: [byte.decode(code, "replace") for byte in pairs] for code in _EIGHT_BIT}
    likely = {code: sum(c.islower() or c in "’”…" for c in decoded) for code, decoded in letters.items()}
    old_mac = b"\r" in data and b"\n" not in data
    return "mac_roman" if likely["mac_roman"] + old_mac > likely["cp1252"] else "cp1252"


def _recode(data: bytes, name: str, encoding: str) -> bytes:
    try:
        return data.decode(encoding).encode("utf-8", "replace")
    except LookupError:
        raise ValueError(f"{name}: encoding {encoding!r} is not known. Try utf-8, utf-16, cp1252 or latin-1.") from None
    except UnicodeError as error:
        raise ValueError(
            f"{name}: is not text in {encoding} ({first_line(error)}). Leave the encoding out to have it found, or "
            "export the file as UTF-8."
        ) from None


def first_line(error: object) -> str:
    """The first line that an error says, or the name of its kind."""
    lines = (line.strip() for line in str(error).splitlines())
    return next((line.rstrip(".") for line in lines if line), type(error).__name__)[:300]
