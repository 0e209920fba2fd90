"""Text to values: dates in many forms, zones, numbers, flags, ids."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.tables.convert import Reading, convert
from analytics.tables.schema import Field

LONDON = Reading("Europe/London", "Europe/London")
DAY_FIRST = Reading("UTC", "UTC", day_first=True)
TIME = Field("at", "time", "")


def times(values, reading):
    read = convert(pd.Series(values), TIME, reading)
    return [str(v) if b is False else "bad" for v, b in zip(read.values, read.bad.tolist(), strict=True)]


@pytest.mark.parametrize(
    "text",
    [
        "2025-03-07 16:05",
        "2025-03-07T16:05:00",
        "2025/3/7 16:05",
        "2025-03-07 16:05:00Z",
        "2025-03-07 16:05 UTC",
        "2025-03-07T17:05:00+01:00",
        "07/03/2025 16:05",
        "7.3.2025 16:05:00",
        "07-03-25 4:05 PM",
        "7 March 2025 16:05",
        "07-Mar-25 16:05",
        "Mar 7, 2025 4:05 pm",
        "Fri, 7 Mar 2025 11:05:00 -0500",
    ],
)
def test_one_moment_written_in_many_ways_reads_the_same(text):
    assert times([text], DAY_FIRST) == ["2025-03-07 16:05:00+00:00"]


def test_three_formats_in_one_column_are_read_together():
    assert times(["2025-03-07", "07/03/2025", "7-Mar-2025"], DAY_FIRST) == ["2025-03-07 00:00:00+00:00"] * 3


@pytest.mark.parametrize(
    "text",
    ["2025-02-31", "31/02/2025", "31 Feb 2025", "2025-13-01", "0025-01-01", "2025", "5", "soon", "1/1/2025 25:00"],
)
def test_a_time_that_does_not_exist_is_bad_rather_than_moved(text):
    assert times([text], DAY_FIRST) == ["bad"]


def test_blank_stamps_are_missing_and_not_bad():
    assert times(["", "  ", None, "N/A", "NULL", "-"], DAY_FIRST) == ["NaT"] * 6


def test_dates_that_can_be_read_two_ways_stop_unless_the_column_or_the_map_decides():
    with pytest.raises(
        ValueError, match=r"dates such as 03/04/2025 can be read two ways; the column does not tell\. Say"
    ):
        times(["03/04/2025", "05/06/2025"], LONDON)
    with pytest.raises(ValueError, match="the column holds both"):
        times(["13/04/2025", "04/13/2025"], LONDON)
    assert times(["03/04/2025", "03/13/2025"], LONDON)[0].startswith("2025-03-04")
    assert times(["03/04/2025", "13/03/2025"], LONDON)[0].startswith("2025-04-03")
    assert times(["03/04/2025"], DAY_FIRST) == ["2025-04-03 00:00:00+00:00"]


def test_a_month_first_stamp_in_a_day_first_column_is_bad():
    assert times(["01/26/2025"], DAY_FIRST) == ["bad"]


def test_stated_formats_come_first_and_iso_still_reads():
    reading = Reading("UTC", "UTC", formats=["%Y%d%m", "%H:%M on %d.%m.%y"])
    expected = ["2025-03-07 00:00:00+00:00", "2025-03-07 16:05:00+00:00", "2025-03-08 00:00:00+00:00"]
    assert times(["20250703", "16:05 on 07.03.25", "2025-03-08"], reading) == expected


def test_naive_stamps_take_the_zone_of_the_column_and_come_back_in_ours():
    reading = Reading("America/New_York", "Europe/London")
    assert times(["2025-07-01 12:00", "2025-07-01 12:00Z"], reading) == [
        "2025-07-01 17:00:00+01:00",
        "2025-07-01 13:00:00+01:00",
    ]


def test_the_hours_in_which_clocks_change_are_read_by_rule_and_counted():
    values = ["2025-10-26 01:30", "2025-03-30 01:30", "2025-10-26 01:30+00:00", "2025-06-01 01:30", "2025-10-26 01:30"]
    read = convert(pd.Series(values), TIME, LONDON)
    first, skipped, stated = (str(read.values[i]) for i in range(3))
    assert first == "2025-10-26 01:30:00+01:00"  # the first of the two half past ones
    assert skipped == "2025-03-30 02:00:00+01:00"  # half past one never was
    assert stated == "2025-10-26 01:30:00+00:00"
    assert read.moved == 3


def test_stamps_that_are_already_typed_keep_their_moment():
    naive = pd.Series(pd.to_datetime(["2025-07-01 12:00", None]))
    assert str(convert(naive, TIME, LONDON).values[0]) == "2025-07-01 12:00:00+01:00"
    assert str(convert(naive.dt.tz_localize("UTC"), TIME, LONDON).values[0]) == "2025-07-01 13:00:00+01:00"
    assert not convert(naive, TIME, LONDON).bad.any()


def test_numbers_are_read_as_people_write_them():
    score = Field("nps", "number", "", "0 to 10", high=10)
    read = convert(pd.Series(["9", " 7.0 ", "10 - Extremely likely", "0 (not at all)", "", "n/a"]), score, LONDON)
    assert read.values.tolist()[:4] == [9, 7, 10, 0]
    assert not read.bad.any()
    money = Field("cost", "number", "", "currency")
    assert convert(pd.Series(["£1,234.50", "12 £", "-3"]), money, LONDON).values.tolist() == [1234.5, 12, -3]
    comma = Reading("UTC", "UTC", decimal=",")
    assert convert(pd.Series(["1.234,50", "0,5"]), money, comma).values.tolist() == [1234.5, 0.5]


def test_what_is_not_a_number_is_bad_and_not_guessed():
    values = pd.Series(["ten", "inf", "1e999", "9/10", "0x10", "1_000", "8 9"])
    assert convert(values, Field("weight", "number", "", "weight"), LONDON).bad.all()


def test_durations_may_be_written_by_the_clock_and_in_other_units():
    duration = Field("handle_time_s", "number", "", "seconds")
    assert convert(pd.Series(["0:12:30", "1:00:00.5", "90"]), duration, LONDON).values.tolist() == [750, 3600.5, 90]
    minutes = Reading("UTC", "UTC", multiply=60)
    assert convert(pd.Series(["1.5"]), duration, minutes).values.tolist() == [90]
    assert convert(pd.Series(pd.to_timedelta(["90s"])), duration, LONDON).values.tolist() == [90]


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


@settings(deadline=None)
@given(
    st.lists(st.text(max_size=20), max_size=6), st.sampled_from(["id", "time", "number", "flag", "category", "text"])
)
def test_any_text_is_a_value_or_bad_or_missing(values, kind):
    read = convert(pd.Series(values, dtype="str"), Field("x", kind, ""), DAY_FIRST)
    assert len(read.values) == len(read.bad) == len(values)
    assert read.values[read.bad].isna().all()
    if kind in {"id", "category", "text"}:
        assert not read.bad.any()


@settings(max_examples=30, deadline=None)
@given(st.datetimes(min_value=pd.Timestamp("1990-01-01"), max_value=pd.Timestamp("2068-12-31")))
def test_every_stamp_survives_being_written_and_read(moment):
    moment = moment.replace(microsecond=0)
    for shape in ("%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d.%m.%y %H:%M:%S", "%d %b %Y %I:%M:%S %p"):
        read = convert(pd.Series([moment.strftime(shape)]), TIME, DAY_FIRST)
        assert read.values[0] == pd.Timestamp(moment, tz="UTC")
