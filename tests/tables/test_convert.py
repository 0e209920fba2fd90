"""Text to values: flags, ids, categories and texts, and that any text is a value, missing or bad."""

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.tables.convert import Reading, convert
from analytics.tables.schema import Field
from tests.fuzz import fuzzed

LONDON = Reading("Europe/London", "Europe/London")
DAY_FIRST = Reading("UTC", "UTC", day_first=True)
WORKBOOK = Reading("UTC", "UTC", workbook=True)


def test_flags_are_yes_or_no_or_missing():
    read = convert(pd.Series(["Yes", "FALSE", "1", "0.0", "", "perhaps"]), Field("disputed", "flag", ""), LONDON)
    assert read.values.tolist() == [True, False, True, False, pd.NA, pd.NA]
    assert read.bad.tolist() == [False] * 5 + [True]
    assert str(read.values.dtype) == "boolean"


def test_ids_stay_text_and_lose_only_a_decimal_that_never_was():
    key = Field("customer_id", "id", "")
    assert convert(pd.Series(["007", " 7 ", "null", "1.0"]), key, LONDON).values.tolist()[:2] == ["007", "7"]
    assert convert(pd.Series(["007", "null"]), key, LONDON).values.isna().tolist() == [False, True]
    assert convert(pd.Series(["12.0", "13.0"]), key, LONDON).values.tolist() == ["12", "13"]
    assert convert(pd.Series([12.0, None]), key, LONDON).values.tolist()[0] == "12"
    assert convert(pd.Series(["1.0", "1.1"]), key, LONDON).values.tolist() == ["1.0", "1.1"]  # version numbers stay


def test_the_answer_none_is_a_comment_and_a_remedy_but_not_a_number():
    values = pd.Series(["None", "NA"])
    assert convert(values, Field("comment", "text", ""), LONDON).values.tolist() == ["None", "NA"]
    assert convert(values, Field("remedy", "category", "", allowed=("none",)), LONDON).values.tolist() == ["none", "na"]
    assert convert(values, Field("csat", "number", ""), LONDON).bad.tolist() == [False, False]


def test_a_cell_of_five_megabytes_is_bad():
    read = convert(pd.Series(["x" * 5_000_000, "fine"]), Field("comment", "text", ""), LONDON)
    assert read.bad.tolist() == [True, False]
    assert read.reasons[0] == "is longer than 1,000,000 characters"


def test_a_long_column_that_repeats_itself_reads_like_a_short_one():
    values = pd.Series(["9", "x", ""] * 5000, index=range(100, 15100))
    read = convert(values, Field("nps", "number", ""), LONDON)
    assert read.values.sum() == 9 * 5000
    assert read.bad.sum() == 5000
    assert read.values.index.equals(values.index)


CELLS = st.text(max_size=20) | st.text("0123456789.,:/-+ ’'APMTZhmd%★☆()€", max_size=24)
UNITS = ("", "seconds", "currency", "0 to 10", "count", "hours")
FIELDS_OF_ALL_KINDS = [Field("x", kind, "") for kind in ("id", "time", "flag", "category", "text")] + [
    Field("x", "number", "", unit, high=10 if unit == "0 to 10" else None, whole=unit == "count") for unit in UNITS
]


@fuzzed(150)
@given(
    st.lists(CELLS, max_size=6), st.sampled_from(FIELDS_OF_ALL_KINDS), st.sampled_from([DAY_FIRST, LONDON, WORKBOOK])
)
def test_any_text_is_a_value_or_bad_or_missing_or_the_column_is_refused_with_a_sentence(values, spec, reading):
    try:
        read = convert(pd.Series(values, dtype="str"), spec, reading)
    except ValueError as refusal:
        assert re.search(r"[.]$", str(refusal))
        assert spec.kind in {"id", "time", "number"}
        return
    assert len(read.values) == len(read.bad) == len(values)
    assert read.values[read.bad].isna().all()
    if spec.kind in {"category", "text"}:
        assert not read.bad.any()


@pytest.mark.parametrize("spec", FIELDS_OF_ALL_KINDS, ids=lambda spec: spec.kind + spec.unit)
@pytest.mark.parametrize("cell", ["1 " * 200_000, "12:" * 100_000, "1,000" * 100_000, "May " * 100_000, "(" * 300_000])
def test_a_hostile_cell_is_bad_or_kept_and_costs_no_time(cell, spec):
    read = convert(pd.Series([cell, ""]), spec, LONDON)
    assert read.bad[0] == (spec.kind in {"time", "number", "flag"})


KEY = Field("customer_id", "id", "")


@pytest.mark.parametrize("damaged", ["2.80E+16", "1.15E+13", "1,2E+12", "4.17e+12", "1.234E13"])
def test_ids_in_scientific_notation_are_refused_with_what_to_do(damaged):
    with pytest.raises(ValueError, match=re.escape(f"2 of 4 ids are damaged, such as {damaged}: a spreadsheet")):
        convert(pd.Series([damaged, "4170000000000", damaged, "417"]), KEY, LONDON)
    few = convert(pd.Series([damaged] + [f"417{i}" for i in range(9)]), KEY, LONDON)
    assert few.reasons.notna().tolist() == [True] + [False] * 9
    assert few.values.isna().tolist() == [True] + [False] * 9


def test_sound_ids_that_only_look_a_little_like_numbers_are_kept():
    kept = ["12e4", "5E10", "1E5", "28390897499752851", "28390897499752853", "10000000000000000000000", "1.10"]
    assert convert(pd.Series(kept), KEY, LONDON).values.tolist() == kept


def test_long_ids_whose_last_digits_a_spreadsheet_made_zero_are_refused():
    rounded = [str(28_123_456_789_012_3 + i) + "00" for i in range(12)]
    with pytest.raises(ValueError, match="12 of 12 ids are damaged"):
        convert(pd.Series(rounded), KEY, LONDON)
    with pytest.raises(ValueError, match="are damaged"):
        convert(pd.Series([float(28_390_897_499_752_851 + 16 * i) for i in range(4)]), KEY, LONDON)
    with pytest.raises(ValueError, match="are damaged"):
        convert(pd.Series([f"{28_390_897_499_752_848 + 4 * i}.0" for i in range(4)]), KEY, LONDON)


def test_long_ids_of_a_workbook_that_are_all_floats_are_refused_and_text_ids_are_not():
    sound = [str(28_390_897_499_752_841 + 3 * i) for i in range(12)]
    assert convert(pd.Series(sound), KEY, WORKBOOK).values.tolist() == sound
    with pytest.raises(ValueError, match="damaged"):
        convert(pd.Series([str(int(float(number))) for number in sound]), KEY, WORKBOOK)
    whole = pd.Series([2**60 + 1, 2**60 + 3, 2**60 + 5])  # typed whole numbers lost nothing
    assert convert(whole, KEY, LONDON).values.tolist() == [str(number) for number in whole]
