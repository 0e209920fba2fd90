"""Numbers as people write them: scores, money, durations, and which sign stands before decimals."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.tables.convert import Reading, convert
from analytics.tables.schema import Field
from tests.fuzz import fuzzed

LONDON = Reading("Europe/London", "Europe/London")
COMMA = Reading("UTC", "UTC", decimal=",")
POINT = Reading("UTC", "UTC", decimal=".")
NPS = Field("nps", "number", "", "0 to 10", low=0, high=10, whole=True)
CSAT = Field("csat", "number", "", "1 to 5", low=1, high=5)
MONEY = Field("cost", "number", "", "currency")
DURATION = Field("handle_time_s", "number", "", "seconds")
WEIGHT = Field("weight", "number", "", "weight")
COUNT = Field("transfers", "number", "", "count", whole=True)


def read(values, spec, reading=LONDON):
    return convert(pd.Series(values), spec, reading)


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


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("9/10", 9),
        ("9 / 10", 9),
        ("9 out of 10", 9),
        ("9 von 10", 9),
        ("9 sur 10", 9),
        ("9 de 10", 9),
        ("Extremely likely (10)", 10),
        ("10 - Extremely likely", 10),
        ("10 Extremely likely", 10),
        ("10: sehr wahrscheinlich", 10),
        ("[0] not at all", 0),
        ("'9", 9),
        ("8\u200b", 8),
        ("８", 8),
        ("9,0", 9),
        ("8.0", 8),
        ("Not at all likely - 0", 0),
        ("\u0669", 9),
    ],
)
def test_spellings_of_a_score_from_zero_to_ten(text, score):
    assert read([text], NPS).values.tolist() == [score]


@pytest.mark.parametrize(
    "text",
    [
        "★★★★☆",
        "⭐⭐⭐⭐",
        "⭐️⭐️⭐️⭐️☆",
        "4 stars",
        "4-star",
        "4 Sterne",
        "4 étoiles",
        "4/5",
        "4 (good)",
        "4/5 stars",
        "4 out of 5 stars",
        "4 Sterne von 5",
        "4 ★",
    ],
)
def test_spellings_of_four_out_of_five(text):
    assert read([text], CSAT).values.tolist() == [4]


@pytest.mark.parametrize(
    "text",
    [
        "Don't know (6)",
        "6 - Don’t know",
        "Prefer not to say",
        "N/A",
        "No answer",
        "Keine Angabe",
        "weiß nicht",
        "ne sait pas",
        "no sé",
        "(n/a)",
        "6 - Don't know",
        "Not sure.",
        "Don’t know",
        "Does not apply",
        "99 - Not asked",
    ],
)
def test_no_answer_is_missing_and_not_bad(text):
    result = read([text, "3"], CSAT)
    assert result.values.isna().tolist() == [True, False]
    assert not result.bad.any()


@pytest.mark.parametrize(
    ("text", "spec", "reason"),
    [
        ("80 %", CSAT, "is a percentage, not 1 to 5"),
        ("8/10", CSAT, "is out of 10, not 1 to 5"),
        ("★★★★☆", NPS, "counts stars, not 0 to 10"),
        ("4 stars", NPS, "counts stars, not 0 to 10"),
        ("3 weeks", CSAT, "is not a number (1 to 5)"),
        ("9 to 10", NPS, "is not a number (0 to 10)"),
        ("I do not know what to say", NPS, "is not a number (0 to 10)"),
    ],
)
def test_a_score_of_another_scale_is_never_rescaled(text, spec, reason):
    assert read([text], spec).reasons.tolist() == [reason]


def test_a_column_that_mixes_scales_is_refused():
    with pytest.raises(ValueError, match="mixes scales: '4/5', '9/10'"):
        read(["4/5", "9/10"], CSAT)


def test_one_word_with_several_numbers_is_no_label():
    assert read(["Option 3", "Option (3)", "Option (4)", "2 visits", "3 visits"], CSAT).bad.all()


def test_points_under_a_declared_comma_are_bad_and_so_is_what_they_make_doubtful():
    result = read(["612,5", "1.024", "88.5", "95,0", "120"], DURATION, COMMA)
    assert result.bad.tolist() == [False, True, True, False, False]
    assert read(["1.024", "2.310,5", "120"], DURATION, COMMA).values.tolist() == [1024, 2310.5, 120]


def test_commas_that_can_be_read_two_ways_are_asked_about_and_settled():
    for values in (["612,504", "88,125"], ["612,504", "100"], ["1.024", "120"], ["1.024", "2.500"]):
        with pytest.raises(ValueError, match="can be read two ways .*; the column does not tell. Say decimal"):
            read(values, DURATION)
    assert read(["612,504"], DURATION, POINT).values.tolist() == [612504]
    assert read(["612,504"], DURATION, COMMA).values.tolist() == [612.504]
    assert read(["612,504", "88,5"], DURATION).values.tolist() == [612.504, 88.5]
    assert read(["612,504", "88.5"], DURATION).values.tolist() == [612504, 88.5]
    assert read(["612,504,000", "1,000"], DURATION).values.tolist() == [612504000, 1000]
    assert read(["0.875", "1.250"], WEIGHT).values.tolist() == [0.875, 1.25]


assert read(["1.204", "1.250"], Field("x", "number", "")).values.tolist() == [1.204, 1.25]  # as programs write


def test_a_count_and_a_price_in_pounds_settle_the_comma():
    assert read(["1,024", "3"], COUNT).values.tolist() == [1024, 3]
    assert read(["£1,234", "£950"], MONEY).values.tolist() == [1234, 950]


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1.234,50 €", 1234.5),
        ("USD 12", 12),
        ("12 EUR", 12),
        ("£1,234.50", 1234.5),
        ("(12.50)", -12.5),
        ("-£5.25", -5.25),
        ("£-5.25", -5.25),
        ("12.50-", -12.5),
        ("1 234.50", 1234.5),
        ("1'234.50", 1234.5),
        ("CHF 12.-", 12),
        ("12,-", 12),
        ("kr 99,50", 99.5),
        ("1\u202f234,50 €", 1234.5),
        ("($5.25)", -5.25),
        ("−7.5", -7.5),
    ],
)
def test_spellings_of_money(text, amount):
    assert read([text], MONEY).values.tolist() == [amount]


def test_two_currencies_are_refused():
    with pytest.raises(ValueError, match="holds several currencies"):
        read(["£12.50", "12,50 €"], MONEY)


@pytest.mark.parametrize(
    "text",
    [
        "1h 5m",
        "1h05",
        "1h 05m",
        "65 min",
        "65 minutes",
        "1:05:00",
        "01:05:00",
        "0 days 01:05:00",
        "PT1H5M",
        "PT65M",
        "1 hour and 5 minutes",
        "1 Std. 5 Min.",
        "1 heure 5 minutes",
        "1 hora y 5 minutos",
        "3900 s",
        "3900",
        "1 h, 5 min",
    ],
)
def test_spellings_of_a_duration(text):
    assert read([text], DURATION).values.tolist() == [3900]


def test_durations_of_days_and_other_units_of_the_field():
    assert read(["2 days 3 h", "2d 3h", "P2DT3H", "2 days 03:00:00"], DURATION).values.tolist() == [183600] * 4
    assert read(["90 min", "1,5 h", "PT1H30M"], Field("x", "number", "", "hours")).values.tolist() == [1.5] * 3
    minutes = Reading("UTC", "UTC", multiply=60)
    assert read(["2", "2 min", "0:02:00"], DURATION, minutes).values.tolist() == [120] * 3  # a stated unit stands


@pytest.mark.parametrize("text", ["5 min 1 h", "1h 5", "3 bananas", "1 h 2 h", "two hours", "PT", "P", "min"])
def test_what_is_no_duration_is_bad(text):
    assert read([text], DURATION).bad.all()


def test_a_clock_of_two_parts_is_asked_about_and_settled_by_the_map():
    with pytest.raises(ValueError, match=r"such as 12:30 can be read two ways. Say formats = \['%H:%M'\]"):
        read(["12:30", "00:12:30"], DURATION)
    for shape, seconds in (("%M:%S", 750), ("%H:%M", 45000)):
        assert read(["12:30"], DURATION, Reading("UTC", "UTC", formats=[shape])).values.tolist() == [seconds]


STYLES = [(",", "."), (".", ","), (" ", ","), ("'", "."), ("", "."), ("", ",")]


@fuzzed(150)
@given(
    st.lists(st.integers(0, 10**10), min_size=1, max_size=6),
    st.sampled_from([0, 1, 2, 3]),
    st.booleans(),
    st.sampled_from(STYLES),
    st.sampled_from([DURATION, MONEY, WEIGHT]),
)
def test_a_column_written_in_any_one_style_is_read_right_or_asked_about(digits, places, trim, style, spec):
    numbers = [number % 10 ** (places + 7) / 10**places for number in digits]
    written = []
    for number in numbers:
        text = f"{number:,.{places}f}"
        text = text.rstrip("0").rstrip(".") if trim and places else text
        written.append(text.translate({44: style[0], 46: style[1]}))
    try:
        result = read(written, spec)
    except ValueError as question:
        assert "can be read two ways" in str(question)
        assert read(written, spec, COMMA if style[1] == "," else POINT).values.tolist() == pytest.approx(numbers)
        return
    assert result.values.tolist() == pytest.approx(numbers), written
