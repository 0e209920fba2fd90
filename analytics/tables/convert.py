"""Text to typed values: ids, flags, categories and texts here, numbers in `numbers`, stamps in `times`.

Every function works on the distinct values of a column and never guesses where two readings are possible.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.tables.numbers import read_numbers
from analytics.tables.schema import Field
from analytics.tables.spelling import NO_ID, NO_VALUE, WORDS, Reading, as_text, fold, is_one_of
from analytics.tables.times import read_times

LONGEST_CELL = 1_000_000  # characters; a longer cell is an export gone wrong, not an answer
TRUE = {"yes", "y", "true", "t", "1", "1.0"}
FALSE = {"no", "n", "false", "f", "0", "0.0"}
EXACT = 2**53  # above it a float holds only some whole numbers
CHANCE = {"text": 1e-3, "workbook": 0.1}  # that all of so many sound ids look rounded; a workbook holds floats
DAMAGED_SHARE = 0.2  # more damaged ids than this and the column is refused
_NOBODY = {*NO_VALUE, *WORDS["no_answer"], *WORDS["no_person"]}  # an id that stands for people of whom none is known
DAMAGED = "is a damaged id: a spreadsheet or a float rounded it"
_SCIENTIFIC = r"[-+]?\d(?:[.,]\d+)?[eE]\+\d+|[-+]?\d[.,]\d+[eE]\d+"


@dataclass(frozen=True)
class Converted:
    """Typed values, missing where the text was blank or bad; `reasons` says why a cell is bad and is missing elsewhere.

    `moved` counts stamps in an hour that clocks repeat (read as the first) or skip (read as the next moment); `notes`
    says what the column itself settled and no map stated.
    """

    values: pd.Series
    reasons: pd.Series
    moved: int = 0
    notes: tuple[str, ...] = ()

    @property
    def bad(self) -> pd.Series:
        """Which cells could not be understood."""
        return self.reasons.notna()


def convert(values: pd.Series, spec: Field, reading: Reading) -> Converted:
    """Give a column the type that its field asks for.

    Raises
    ------
    ValueError
        If the column can be read in two ways, or holds ids that a spreadsheet or a float has rounded.

    Examples
    --------
    >>> reading = Reading("UTC", "UTC")
    >>> convert(pd.Series(["9", "", "ten"]), Field("nps", "number", ""), reading).bad.tolist()
    [False, False, True]
    """
    codes, uniques = _distinct(values)
    moved = 0
    notes: tuple[str, ...] = ()
    if spec.kind == "number":
        read, reasons, note = read_numbers(uniques, spec, reading)
        notes = (note,) if note else ()
    elif spec.kind == "flag":
        read, reasons = _flags(uniques)
    elif spec.kind == "time":
        times, reasons, shifted, notes = read_times(uniques, reading)
        read, moved = times.dt.tz_convert(reading.zone_out), int(shifted[codes[codes >= 0]].sum())
    elif spec.kind == "id":
        read, reasons = _ids(uniques, codes, reading.workbook)
    else:
        read, reasons = _texts(uniques, spec.kind)
        read = read.str.lower() if spec.allowed else read
    if len(codes) != len(uniques) or (codes < 0).any():
        read, reasons = read.reindex(codes), reasons.reindex(codes)
    read, reasons = (column.set_axis(values.index, axis=0).rename(spec.name) for column in (read, reasons))
    return Converted(read, reasons, moved, notes)


def _distinct(values: pd.Series) -> tuple[np.ndarray, pd.Series]:
    """Position of each value among the distinct ones; where a sample hardly repeats itself, all count as distinct."""
    sample = values.iloc[:: max(1, len(values) // 5000)]
    if sample.nunique() > len(sample) / 2:
        return np.arange(len(values)), values.reset_index(drop=True)
    codes, distinct = pd.factorize(values)
    return codes, pd.Series(distinct)


def _say(reason: str, bad: pd.Series) -> pd.Series:
    return pd.Series(reason, index=bad.index, dtype="str").where(bad.fillna(False).astype(bool))


def _texts(uniques: pd.Series, kind: str) -> tuple[pd.Series, pd.Series]:
    text = uniques.astype("str") if kind == "text" else as_text(uniques)
    bad = text.str.len() > LONGEST_CELL
    blank = text.str.strip() == "" if kind == "text" else is_one_of(text, NO_ID)
    return text.mask(bad | blank), _say(f"is longer than {LONGEST_CELL:,} characters", bad)


def _ids(uniques: pd.Series, codes: np.ndarray, workbook: bool) -> tuple[pd.Series, pd.Series]:
    """Ids as text; a damaged one stands for several, so it is none.

    Raises
    ------
    ValueError
        If more than a fifth of the column is damaged.
    """
    damaged = pd.Series(False, index=uniques.index)
    if pd.api.types.is_float_dtype(uniques):
        damaged |= uniques.abs() >= EXACT
        uniques = uniques.mask(damaged)
    text, reasons = _texts(uniques, "id")
    text = text.mask(text.map(fold, na_action="ignore").isin(_NOBODY))
    damaged |= text.str.fullmatch(_SCIENTIFIC).fillna(False) | _is_rounded(text, workbook)
    if text.str.endswith(".0").any() and text.dropna().str.fullmatch(r"\d+\.0").all():
        text = text.str.removesuffix(".0")  # whole numbers that a missing value elsewhere turned into decimals
    rows = codes[codes >= 0]
    count, filled = int(damaged.to_numpy()[rows].sum()), int((text.notna() | damaged).to_numpy()[rows].sum())
    if count > DAMAGED_SHARE * filled:
        sample = str(text[damaged & text.notna()].iloc[0]) if (damaged & text.notna()).any() else "above 2**53"
        raise ValueError(
            f"{count:,} of {filled:,} ids are damaged, such as {sample}: a spreadsheet or a float rounded them, so one "
            "may stand for several customers or answers. Export the column as text (never by way of a spreadsheet), or "
            "take another column, or leave it out of the map."
        )
    return text.mask(damaged), reasons.mask(damaged, DAMAGED)


def _is_rounded(text: pd.Series, workbook: bool) -> pd.Series:
    """Which whole numbers lost their last digits to a float: more of them look rounded than chance allows."""
    nothing = pd.Series(False, index=text.index)
    long = text[text.str.fullmatch(r"\d{16,40}(?:\.0)?").fillna(False)]
    if long.empty or not (long.str.endswith(".0").any() or _looks_rounded(long.iloc[:100])):
        return nothing
    numbers = [int(cell.removesuffix(".0")) for cell in long]
    decimal = long.str.endswith(".0").to_numpy()  # only a float writes the digits of a large whole number so
    zeros = np.array([number >= EXACT and set(str(number)[15:]) == {"0"} for number in numbers])
    binary = np.array([number >= EXACT and int(float(number)) == number for number in numbers])
    odds_of_zeros = np.array([10.0 ** (15 - len(str(number))) for number in numbers])
    odds_of_binary = np.array([0.5 ** max(number.bit_length() - 53, 0) for number in numbers])
    rounded = decimal & np.array([number >= EXACT for number in numbers])
    if zeros.all() and odds_of_zeros.prod() < CHANCE["text"]:
        rounded |= zeros
    if workbook and (zeros | binary).all() and odds_of_binary.prod() < CHANCE["workbook"]:
        rounded |= True
    return nothing.mask(nothing.index.isin(long.index[rounded]), True)


def _looks_rounded(long: pd.Series) -> bool:
    """Whether all of some whole numbers may have lost their last digits."""
    return all(set(cell[15:]) == {"0"} or int(float(cell)) == int(cell) for cell in long)


def _flags(uniques: pd.Series) -> tuple[pd.Series, pd.Series]:
    text = as_text(uniques).str.lower()
    read = pd.Series(pd.NA, index=text.index, dtype="boolean")
    read[text.isin(TRUE)] = True
    read[text.isin(FALSE)] = False
    return read, _say("is neither yes nor no", read.isna() & text.notna() & ~is_one_of(text, NO_VALUE))
