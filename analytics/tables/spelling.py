"""What the readers of cells share: text without invisible differences, words for "nothing", and the lists of names."""

import tomllib
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pandas as pd

LONGEST_FIGURE = 100  # characters; nothing longer is a number or a time, so no pattern is tried on it
NO_ID = ["", "nan", "null", "<na>", "nat", "#n/a", r"\n"]  # how exports write "nothing" where 'none' could be a word
NO_VALUE = [*NO_ID, "none", "na", "n/a", "-", "--", "."]

WORDS: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("spellings.toml").read_text(encoding="utf-8"))
_INVISIBLE = dict.fromkeys([*range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xAD, 0xFE0E, 0xFE0F, 0xFEFF])
_ALIKE = _INVISIBLE | {0x2212: "-", 0x2019: "'", 0x2018: "'", 0x2B50: "★", 0x2010: "-", 0x2011: "-"}


@dataclass(frozen=True)
class Reading:
    """How the cells of a column are to be read; see the keys of a column map.

    `decimal` and `day_first` are None where no map states them. `workbook` says that a spreadsheet wrote the cells,
    `periods` that the first day may stand for a week, month, quarter or half a year. A cell such
    as "2 days ago" counts back from `read_on`.
    """

    zone_in: str
    zone_out: str
    day_first: bool | None = None
    formats: Sequence[str] = ()
    decimal: str | None = None
    multiply: float | None = None
    epoch: Literal["s", "ms"] | None = None
    excel_serial: bool = False
    workbook: bool = False
    periods: bool = False
    read_on: date | None = None


def invert(names: Mapping[str, str]) -> dict[str, str]:
    """The key of each name, where every key lists its names in one line.

    Examples
    --------
    >>> invert({"5": "may mai"})["mai"]
    '5'
    """
    return {name: key for key, line in names.items() for name in line.split()}


def as_text(cells: pd.Series) -> pd.Series:
    """Cells as text without surrounding space; whole floats lose their '.0'."""
    if pd.api.types.is_float_dtype(cells) and (cells.dropna() % 1 == 0).all() and (cells.dropna().abs() < 2**63).all():
        cells = cells.astype("Int64")
    return cells.astype("str").str.strip()


def filled_cells(cells: pd.Series) -> pd.Series:
    """Cells that hold something, as text without surrounding space."""
    text = cells.astype("str").str.strip()
    return text[text.notna() & text.ne("")]


def is_one_of(text: pd.Series, words: Collection[str]) -> pd.Series:
    """Whether a text is one of some short words, in capitals or not."""
    return text.str.lower().isin(words)


def unify(text: pd.Series) -> pd.Series:
    r"""Short texts with plain digits, signs and spaces, without invisible characters and a spreadsheet's apostrophe.

    Texts too long for a figure become missing.

    Examples
    --------
    >>> unify(pd.Series(["'9", "８", "3:04\u202fPM"])).tolist()
    ['9', '8', '3:04 PM']
    """
    return text.where(text.str.len() <= LONGEST_FIGURE).map(_unify, na_action="ignore").astype("str")


def _unify(cell: str) -> str:
    if not cell.isascii():
        cell = unicodedata.normalize("NFKC", cell.translate(_ALIKE)).translate(_ALIKE)
        cell = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in cell)
    return " ".join(cell.split()).removeprefix("'")


def fold(cell: str) -> str:
    """A word in lower case without accents, as the lists of names hold it.

    Examples
    --------
    >>> fold("Août"), fold("Weiß nicht")
    ('aout', 'weiss nicht')
    """
    return "".join(c for c in unicodedata.normalize("NFKD", cell.casefold()) if not unicodedata.combining(c))
