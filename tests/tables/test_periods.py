"""Periods: names, bounds, zones, what is over and what is not."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.tables.periods import last_complete_period, parse_period, period_of


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("2025-03", "2025-03-01", "2025-04-01"),
        ("2024-12", "2024-12-01", "2025-01-01"),
        ("2025-Q4", "2025-10-01", "2026-01-01"),
        ("2025-W01", "2024-12-30", "2025-01-06"),
        ("2020-W53", "2020-12-28", "2021-01-04"),
    ],
)
def test_a_period_starts_and_ends_where_the_calendar_says(name, start, end):
    period = parse_period(name)
    assert (period.start, period.end) == (pd.Timestamp(start), pd.Timestamp(end))
    assert period.name == name


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "2025-13",
        "2025-Q5",
        "2025-W54",
        "2025-W00",
        "2025-3",
        "last month",
        "",
        "2025-03\n",
        "２０２５-03",
    ],
)
def test_a_name_of_another_form_is_refused_with_the_accepted_forms(name):
    with pytest.raises(ValueError, match=r"is not a period\. Write it as '2025-03' \(month\), '2025-Q1'"):
        parse_period(name)


def test_a_53rd_week_is_refused_in_a_year_of_52():
    with pytest.raises(ValueError, match="'2025-W53' is not a period: 2025 has 52 ISO weeks"):
        parse_period("2025-W53")


def test_a_period_that_is_not_text_is_a_type_error():
    with pytest.raises(TypeError, match="A period is text, not int"):
        parse_period(202503)


@given(st.text(max_size=12))
def test_any_text_is_a_period_or_a_value_error_and_never_a_path(text):
    try:
        name = parse_period(text).name
    except ValueError:
        return
    assert name == text
    assert "/" not in name and "." not in name


def test_previous_crosses_years_in_every_frequency():
    assert parse_period("2025-01").previous().name == "2024-12"
    assert parse_period("2025-Q1").previous(5).name == "2023-Q4"
    assert parse_period("2021-W01").previous().name == "2020-W53"
    assert parse_period("2025-03").previous(-1).name == "2025-04"


def test_previous_keeps_the_zone():
    period = parse_period("2025-04").localise("Europe/London").previous()
    assert period.start == pd.Timestamp("2025-03-01", tz="Europe/London")
    assert period.end == pd.Timestamp("2025-04-01", tz="Europe/London")


def test_a_month_with_a_change_of_clocks_lasts_an_hour_less():
    march = parse_period("2025-03").localise("Europe/London")
    assert march.end - march.start == pd.Timedelta(days=31) - pd.Timedelta(hours=1)


def test_a_day_whose_midnight_does_not_exist_begins_at_one():
    period = parse_period("2018-11").localise("America/Sao_Paulo").previous(-1)
    assert period.name == "2018-12"
    week = parse_period("2024-W17").localise("Africa/Cairo")  # clocks jump at Friday's midnight; Monday is plain
    assert week.start.hour == 0
    assert parse_period("2017-W42").localise("America/Sao_Paulo").end == pd.Timestamp(
        "2017-10-23", tz="America/Sao_Paulo"
    )


def test_contains_takes_the_start_and_leaves_the_end():
    stamps = ["2025-02-28 23:59", "2025-03-01", "2025-03-31 23:59:59", "2025-04-01", None]
    times = pd.Series(pd.to_datetime(stamps, format="ISO8601"))
    expected = [False, True, True, False, False]
    assert parse_period("2025-03").contains(times).tolist() == expected
    local = parse_period("2025-03").localise("Asia/Tokyo")
    assert local.contains(times).tolist() == expected
    assert local.contains(times.dt.tz_localize("Asia/Tokyo").dt.tz_convert("UTC")).tolist() == expected
    assert parse_period("2025-03").contains(times.dt.tz_localize("Asia/Tokyo")).tolist() == expected


@pytest.mark.parametrize(
    ("now", "status"),
    [
        ("2025-02-28 23:59", "future"),
        ("2025-03-01", "running"),
        ("2025-03-31 23:59", "running"),
        ("2025-04-01", "complete"),
    ],
)
def test_status_tells_complete_from_running_and_future(now, status):
    assert parse_period("2025-03").status(pd.Timestamp(now)) == status
    zoned = parse_period("2025-03").localise("Europe/Paris")
    assert zoned.status(pd.Timestamp(now)) == status
    assert zoned.status(pd.Timestamp(now, tz="Europe/Paris").tz_convert("UTC")) == status


def test_the_last_complete_period_is_never_the_running_one():
    now = pd.Timestamp("2025-01-01 00:30", tz="Europe/London")
    assert [last_complete_period(f, now).name for f in ("week", "month", "quarter")] == [
        "2024-W52",
        "2024-12",
        "2024-Q4",
    ]


def test_an_unknown_frequency_is_refused():
    with pytest.raises(ValueError, match=r"frequency 'year' is not known\. Expected one of: week, month, quarter"):
        last_complete_period("year", pd.Timestamp("2025-01-01"))


def test_period_of_follows_the_local_clock():
    utc = pd.Series(pd.to_datetime(["2025-03-31 23:30Z", "2025-03-31 22:30Z"], utc=True), index=["a", "b"], name="at")
    names = period_of(utc.dt.tz_convert("Europe/London"), "month")  # summer time: 23:30 UTC is half past midnight
    assert names.to_dict() == {"a": "2025-04", "b": "2025-03"}
    assert names.name == "at"


@given(st.dates(min_value=pd.Timestamp("1970-01-01").date(), max_value=pd.Timestamp("2099-12-31").date()))
def test_every_day_lies_in_the_period_that_period_of_names(day):
    times = pd.Series([pd.Timestamp(day)])
    for frequency in ("week", "month", "quarter"):
        period = parse_period(period_of(times, frequency)[0])
        assert period.frequency == frequency
        assert period.contains(times)[0]


def test_labels_read_as_words():
    labels = [parse_period(name).label for name in ("2025-03", "2025-Q1", "2025-W07")]
    assert labels == ["March 2025", "quarter 1 of 2025", "week of 10 February 2025"]


def test_the_whole_file_holds_every_row_dated_or_not():
    whole = parse_period("all").localise("Europe/London")
    times = pd.Series(pd.to_datetime(["2020-01-01", None])).dt.tz_localize("UTC")
    assert whole.contains(times).all()
    assert period_of(times, "all").tolist() == ["all", "all"]
    assert (whole.label, whole.frequency, whole.status(pd.Timestamp("2026-01-01", tz="UTC"))) == (
        "the whole file", "all", "complete",
    )  # fmt: skip
    assert whole.previous().name != "all"
