"""Stamps: many spellings of one moment, orders of day and month, zones, counted stamps."""

from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.tables.convert import Reading, convert
from analytics.tables.schema import Field
from analytics.tables.times import read_periods
from tests.fuzz import fuzzed

LONDON = Reading("Europe/London", "Europe/London")
UTC = Reading("UTC", "UTC")
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
    with pytest.raises(
        ValueError, match="dates stand in two orders: 13/04/2025 can only begin with the day, 04/13/2025 only"
    ):
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


@fuzzed(30)
@given(st.datetimes(min_value=pd.Timestamp("1990-01-01"), max_value=pd.Timestamp("2068-12-31")))
def test_every_stamp_survives_being_written_and_read(moment):
    moment = moment.replace(microsecond=0)
    for shape in ("%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d.%m.%y %H:%M:%S", "%d %b %Y %I:%M:%S %p"):
        read = convert(pd.Series([moment.strftime(shape)]), TIME, DAY_FIRST)
        assert read.values[0] == pd.Timestamp(moment, tz="UTC")


@pytest.mark.parametrize(
    "text",
    [
        "Sat May 02 2026 15:04:05 GMT+0000 (Coordinated Universal Time)",
        "Sat May 02 2026 16:04:05 GMT+0100 (BST)",
        "Sat May  2 15:04:05 2026",
        "2026-05-02 3:04:05 PM",
        "2026/05/02 3:04:05 p.m.",
        "2026/05/02 3:04:05 PM GMT",
        "2026/05/02 8:34:05 PM GMT+5:30",
        "2026/05/02 11:04:05 AM EDT",
        "2026/05/02 12:04:05 PM GMT-3",
        "2026-05-02 17:04:05 CEST",
        "2026-05-02 17:04:05 Europe/Paris",
        "2026-05-02 17:04:05+0200",
        "2026-05-02 17:04:05 UTC+2",
        "2026.05.02 15:04:05",
        "2026年5月2日 15:04:05",
        "2026-May-02 15:04:05",
        "15:04:05 02/05/2026",
        "02.05.26 15:04:05",
        "02/05/2026, 15:04:05",
        "2/5/2026 3:04:05 p. m.",
        "2. Mai 2026, 15:04:05 Uhr",
        "Samstag, 2. Mai 2026 um 15:04:05",
        "sam. 2 mai 2026 à 15:04:05",
        "2 de mayo de 2026, 15:04:05",
        "sábado, 2 de maio de 2026 às 15:04:05",
        "sabato 2 maggio 2026 alle 15:04:05",
        "zaterdag 2 mei 2026 om 15:04:05",
        "lördag den 2 maj 2026 kl. 15:04:05",
        "2. toukokuuta 2026 klo 15.04.05",
        "May 2nd, 2026 at 3:04:05 PM",
        "２０２６/０５/０２ 15:04:05",
        "2026/05/02 3:04:05 午後",
        "2026/05/02 오후 3:04:05",
        "2026-05-02T17:04:05+02:00[Europe/Paris]",
    ],
)
def test_the_spellings_of_many_lands_and_programs_name_one_moment(text):
    assert times([text], DAY_FIRST) == ["2026-05-02 15:04:05+00:00"]


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("2 mai 2026 14h30", "14:30"),
        ("2 mai 2026 à 14 h", "14:00"),
        ("2 maj 2026 kl 14.30", "14:30"),
        ("2 May 2026 2 PM", "14:00"),
    ],
)
def test_clocks_are_read_as_people_write_them(text, clock):
    assert times([text], UTC) == [f"2026-05-02 {clock}:00+00:00"]


@pytest.mark.parametrize(
    ("number", "names"),
    [
        (1, "Januar Jänner janvier enero gennaio januari janeiro"),
        (3, "März mars marzo maart março Mrz."),
        (4, "Apr avril abril aprile"),
        (8, "August août agosto augustus aug."),
        (10, "Oktober octobre octubre ottobre outubro okt."),
        (12, "Dezember décembre diciembre dicembre december dezembro déc."),
    ],
)
def test_a_months_name_is_read_in_seven_languages(number, names):
    assert times([f"2 {name} 2026" for name in names.split()], UTC) == [f"2026-{number:02d}-02 00:00:00+00:00"] * len(
        names.split()
    )


@pytest.mark.parametrize(
    "text", ["2 Foo 2026", "May 2026", "2026-05-02 15:04 IST", "2 mai 2026 25h", "2 May 2026 13:00 PM"]
)
def test_a_stamp_that_is_not_plain_is_bad(text):
    assert times([text], DAY_FIRST) == ["bad"]


def test_a_zone_name_of_several_places_is_read_where_the_column_stands_in_one_of_them():
    assert times(["2026-05-02 15:04 IST"], Reading("Asia/Kolkata", "UTC")) == ["2026-05-02 09:34:00+00:00"]
    assert times(["2026-05-02 15:04 IST"], Reading("Europe/Dublin", "UTC")) == ["2026-05-02 14:04:00+00:00"]


def test_dates_with_points_are_day_first():
    assert times(["02.05.26", "3.5.2026"], UTC) == ["2026-05-02 00:00:00+00:00", "2026-05-03 00:00:00+00:00"]


@pytest.mark.parametrize("day_first", [True, False, None])
@pytest.mark.parametrize("rows", [5, 100])
def test_two_orders_in_one_column_are_refused(day_first, rows):
    written = (["13/05/2026", "05/18/2026", "02/05/2026", "20/05/2026", "05/06/2026"] * 20)[:rows]
    with pytest.raises(
        ValueError, match="stand in two orders: 13/05/2026 can only begin with the day, 05/18/2026 only"
    ):
        times(written, Reading("UTC", "UTC", day_first=day_first))


def test_two_digit_years_that_may_stand_first_are_asked_about():
    with pytest.raises(ValueError, match=r"may begin with the year\. Say formats = \['%y-%m-%d'\]"):
        times([f"26-05-{day:02d}" for day in range(1, 31)], UTC)


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1000)])
def test_epoch_stamps_are_read_where_the_whole_column_is_plausible_and_that_is_said(unit, factor):
    values = [str((1_777_600_000 + 86_400 * i) * factor) for i in range(5)]
    read = convert(pd.Series(values), TIME, LONDON)
    assert str(read.values[0]) == "2026-05-01 02:46:40+01:00"
    assert f"epoch = '{unit}'" in read.notes[0]
    stated = convert(pd.Series(values), TIME, Reading("UTC", "UTC", epoch=unit))
    assert str(stated.values[0]) == "2026-05-01 01:46:40+00:00"
    assert stated.notes == ()
    assert times([*values, "5"], LONDON) == ["bad"] * 6
    assert convert(pd.Series(values).astype("int64"), TIME, LONDON).values.equals(read.values)


def test_whole_numbers_that_are_an_hour_or_an_epoch_are_asked_about():
    with pytest.raises(ValueError, match="can be read two ways. Say epoch or formats"):
        times(["2026050214", "2026050315"], UTC)


def test_a_spreadsheets_days_are_read_from_a_workbook_or_as_stated_and_otherwise_named():
    values = ["46143.5", "46144.627835648", ""]
    expected = ["2026-05-01 12:00:00+00:00", "2026-05-02 15:04:05+00:00", "NaT"]
    assert times(values, Reading("UTC", "UTC", excel_serial=True)) == expected
    book = convert(pd.Series(values), TIME, Reading("UTC", "UTC", workbook=True))
    assert [str(value) for value in book.values] == expected
    assert "excel_serial" in book.notes[0]
    plain = convert(pd.Series(values), TIME, UTC)
    assert plain.bad.tolist() == [True, True, False]
    assert "say excel_serial = true" in plain.reasons[0]


def test_a_map_that_states_the_wrong_order_is_refused_even_where_the_rows_run_in_time():
    american = [day.strftime("%m/%d/%Y") for day in pd.date_range("2026-04-20", periods=60)]
    with pytest.raises(ValueError, match="such as 04/20/2026 can only begin with the month, against day_first"):
        times(american, DAY_FIRST)
    assert times(american, UTC)[11] == "2026-05-01 00:00:00+00:00"
    with pytest.raises(ValueError, match="such as 05.18.2026 can only begin with the month, against their points"):
        times(["05.18.2026", "05.06.2026"], UTC)


def test_two_digit_years_of_first_days_of_a_month_are_no_years_in_front():
    values = [f"01.05.{year}" for year in range(15, 27)]
    assert times(values, DAY_FIRST)[-1] == "2026-05-01 00:00:00+00:00"


@fuzzed(40)
@given(
    st.lists(
        st.dates(min_value=pd.Timestamp("2020-01-01").date(), max_value=pd.Timestamp("2026-12-31").date()), max_size=40
    ),
    st.data(),
)
def test_a_column_of_two_orders_is_read_right_or_refused_and_never_in_part(days, data):
    american = data.draw(st.lists(st.booleans(), min_size=len(days), max_size=len(days)))
    days = sorted(days) if data.draw(st.booleans()) else days
    written = [day.strftime("%m/%d/%Y" if us else "%d/%m/%Y") for day, us in zip(days, american, strict=True)]
    certain = [day.day > 12 for day in days]
    if not any(c and us for c, us in zip(certain, american, strict=True)):
        return  # nothing shows the second order
    try:
        read = times(written, DAY_FIRST)
    except ValueError:
        return
    wrong = [w for w, r, day in zip(written, read, days, strict=True) if r != f"{day} 00:00:00+00:00" and r != "bad"]
    assert not wrong


@pytest.mark.parametrize(
    ("cells", "first"),
    [
        (["2026-W05", "W17 2026", "KW 9/2026"], "2026-01-26"),
        (["Sep 2026", "oktober 2026", "2026-11", "12/2026", "2026年1月"], "2026-09-01"),
        (["2026 Q2", "Q3/2026", "1. Quartal 2026", "T4 2026"], "2026-04-01"),
        (["2026 H2", "H1 2026"], "2026-07-01"),
    ],
    ids=["weeks", "months", "quarters", "halves"],
)
def test_a_period_is_read_as_its_first_day_and_it_is_said(cells, first):
    read = convert(pd.Series(cells), TIME, Reading("UTC", "UTC", periods=True))
    assert not read.bad.any()
    assert str(read.values.iloc[0].date()) == first
    assert "first day" in read.notes[0]


@pytest.mark.parametrize("cells", [["2026 Q1", "next spring"], ["2026 Q5"], ["2026-W54"], ["Foo 2026"], []])
def test_what_names_no_period_in_every_cell_is_not_read_as_one(cells):
    assert read_periods(pd.Series(cells, dtype="str"))[0] == ""


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("today", "2026-05-31"),
        ("yesterday", "2026-05-30"),
        ("5 hours ago", "2026-05-31"),
        ("a day ago", "2026-05-30"),
        ("2 weeks ago", "2026-05-17"),
        ("3 months ago", "2026-02-28"),
        ("a year ago", "2025-05-31"),
        ("vor 3 Tagen", "2026-05-28"),
        ("vor einem Monat", "2026-04-30"),
        ("il y a 2 semaines", "2026-05-17"),
        ("hace un año", "2025-05-31"),
        ("2 settimane fa", "2026-05-17"),
        ("3 dagen geleden", "2026-05-28"),
        ("há 4 dias", "2026-05-27"),
    ],
)
def test_a_stamp_that_counts_back_is_read_from_the_day_that_the_map_states(written, day):
    stated = Reading("UTC", "UTC", read_on=date(2026, 5, 31))
    assert times([written], stated) == [f"{day} 00:00:00+00:00"]
    with pytest.raises(ValueError, match="Say read_on"):
        times([written], UTC)


def test_a_stamp_that_counts_back_by_no_number_or_unit_that_is_known_is_bad():
    stated = Reading("UTC", "UTC", read_on=date(2026, 5, 31))
    assert times(["some days ago", "vor kurzem", "2 moons ago", "2 days ago"], stated)[:3] == ["bad"] * 3
