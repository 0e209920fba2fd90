"""Expressions that ask for rows: what they mean, what a missing value leaves open, and what is refused."""

import operator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.report.where import Rows, select

FRAME = pd.DataFrame(
    {
        "segment": ["business", "private", "business", None],
        "channel": ["phone", "live chat", "phone", "phone"],
        "nps": [9.0, 3.0, None, 10.0],
        "reopened": pd.array([True, False, None, True], dtype="boolean"),
        "started_at": pd.to_datetime(["2026-09-30", "2026-10-01", "2026-10-02", None]).tz_localize("Europe/London"),
    }
)


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ("", [0, 1, 2, 3]),
        ("segment = business", [0, 2]),
        ("segment == 'business' AND channel = phone", [0, 2]),
        ("channel = live chat", [1]),
        ('channel in (phone, "live chat")', [0, 1, 2, 3]),
        ("channel not in (phone)", [1]),
        ("segment != business", [1]),
        ("not segment = business", [1]),
        ("nps >= 9", [0, 3]),
        ("nps < 9 or segment = business", [0, 1, 2]),
        ("segment = private or channel = phone and nps = 10", [1, 3]),
        ("(segment = private or channel = phone) and nps = 10", [3]),
        ("reopened = yes", [0, 3]),
        ("started_at >= 2026-10-01", [1, 2]),
    ],
)
def test_an_expression_asks_for_the_rows_it_says(where, rows):
    chosen = select(FRAME, where)
    assert np.flatnonzero(chosen).tolist() == rows
    assert chosen.dtype == bool
    assert chosen.index.equals(FRAME.index)


def test_a_missing_value_leaves_a_row_open_unless_the_rest_decides():
    assert Rows("segment = business").judge(FRAME).isna().tolist() == [False, False, False, True]
    assert Rows("segment = business or channel = phone").judge(FRAME).tolist()[3] is True
    assert Rows("segment = business and channel = live chat").judge(FRAME).tolist()[3] is False


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("segmnt = business", "column 'segmnt' is not known here. Did you mean 'segment'"),
        ("segment = BUSINESS", "segment = 'BUSINESS' is not known here. Did you mean 'business'"),
        ("channel in (phone, fax)", "channel = 'fax' is not known here. Known: live chat, phone"),
        ("nps = ten", "column nps holds numbers, and 'ten' is not a number"),
        ("segment > a", "column segment holds words: compare with =, !=, in or not in"),
        ("started_at = 2026-10-01", "column started_at holds times: compare with <, <=, > or >="),
        ("started_at > October the last", "is not a day such as 2026-10-31"),
        ("segment", "cannot be read. Expected comparisons"),
        ("segment = business channel = phone", "cannot be read"),
        ("3 < nps < 9", "cannot be read"),
        ("segment = (business", "cannot be read"),
        ("segment = 'business", "Put words that hold quotes or signs in quotes"),
        ("segment = business, private", "cannot be read"),
        ("(" * 500 + "segment = business" + ")" * 500, "cannot be read"),
        ("not " * 5000 + "segment = business", "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_is_nearest(where, message):
    with pytest.raises(ValueError, match="where: ") as fault:
        select(FRAME, where)
    assert message in str(fault.value)


@pytest.mark.parametrize("code", ["__import__('os').system('id')", "segment.str.len() > 1", "@pd.eval", "lambda: 1"])
def test_code_is_words_or_refused_and_never_run(code):
    for where in (code, f"segment = {code}", f"{code} = 1"):
        with pytest.raises(ValueError, match="where: "):
            select(FRAME, where)


words = st.text(min_size=1, max_size=8).filter(lambda text: '"' not in text)


@given(values=st.lists(words, min_size=1, max_size=6), pick=st.integers(0, 5))
def test_any_quoted_value_is_found_where_it_stands(values, pick):
    value = values[pick % len(values)]
    frame = pd.DataFrame({"a column": values}, dtype="object")
    assert select(frame, f'a column = "{value}"').tolist() == [each == value for each in values]


@given(values=st.lists(st.floats(-9, 9), min_size=1, max_size=6), limit=st.integers(-9, 9))
@pytest.mark.parametrize(("sign", "compare"), [("<", operator.lt), (">=", operator.ge), ("!=", operator.ne)])
def test_numbers_compare_as_numbers(values, limit, sign, compare):
    chosen = select(pd.DataFrame({"x": values}), f"x {sign} {limit}")
    assert chosen.tolist() == [compare(value, limit) for value in values]


@given(text=st.text(max_size=40))
def test_any_text_is_read_or_refused_in_words(text):
    try:
        select(FRAME, text)
    except ValueError as fault:
        assert str(fault).startswith("where: ")
