"""Expressions that ask for rows: what they mean, what a missing value leaves open, and what is refused."""

import operator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import report
from analytics.config import Config
from analytics.report.cutoff import EmptyPeriodError
from analytics.report.story import Story, narrow_story, story_at
from analytics.report.where import Rows, narrow, select
from analytics.tables.periods import parse_period
from analytics.tables.schema import ReadLog, Tables

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


def organisation(people=40, small=3):
    """Business and home customers in turn, who called and chatted and were surveyed; the last few are of a club."""
    ids = [f"c{i}" for i in range(people)]
    at = pd.Timestamp("2026-10-10", tz="UTC")
    segments = ["business" if i % 2 else "home" for i in range(people - small)] + ["club"] * small
    customers = pd.DataFrame({"customer_id": ids, "segment": segments})
    rows = [(f"{c}{channel[0]}", c, f"case {c}", channel) for c in ids for channel in ("phone", "chat")]
    contacts = pd.DataFrame(rows, columns=["contact_id", "customer_id", "case_id", "channel"])
    contacts["started_at"] = [at + pd.Timedelta(hours=i % 2) for i in range(len(rows))]
    contacts["confirmed_at"] = [at + pd.Timedelta(hours=9)] * len(rows)
    surveys = pd.DataFrame({"response_id": [f"r{c}" for c in ids], "contact_id": [f"{c}p" for c in ids]})
    surveys = surveys.assign(invited_at=at, responded_at=at, nps=[9.0, 3.0] * (people // 2), touchpoint="call")
    surveys.loc[0, "contact_id"] = None
    return Tables(contacts, surveys.assign(customer_id=[None, *ids[1:]]), None, customers)


def story_of(tables, period="2026-10", k=10):
    config = Config(organisation={"name": "Acme", "minimum_group": k}, sources={"surveys": {"path": "x.csv"}})
    return Story(config, parse_period(period).localise("UTC"), tables, ReadLog())


def test_every_table_is_narrowed_by_its_own_values_or_those_of_its_contact_and_customer():
    tables, narrowing = narrow(organisation(), "segment = business and channel = phone")
    assert set(tables.contacts["channel"]) == {"phone"}
    assert set(tables.surveys["contact_id"]) == set(tables.contacts["contact_id"])
    assert set(tables.customers["segment"]) == {"business"}
    counts = narrowing.counts.set_index("table")
    assert counts.loc["surveys", ["whole", "kept", "unknown"]].tolist() == [40, 18, 1]


def test_a_table_of_which_nothing_is_known_is_left_out_and_counted():
    tables, narrowing = narrow(organisation(), "touchpoint = call")
    assert tables.contacts is None
    assert narrowing.counts.set_index("table").loc["contacts", "unknown"] == 80


def test_cases_stay_whole_when_a_channel_is_asked_for():
    whole = story_of(organisation())
    calls = narrow_story(whole, "channel = phone")
    assert calls.cases["contacts"].tolist() == [2] * 40, "the customer's clock runs across channels"
    with pytest.raises(ValueError, match=r"holds 0 people"):
        narrow_story(calls, "channel = chat")


def test_fewer_than_k_people_are_refused_and_so_are_all_but_fewer_than_k():
    whole = story_of(organisation())
    with pytest.raises(ValueError, match=r"holds 3 people in October 2026\. Groups of fewer than 10 .* are not shown"):
        narrow_story(whole, "segment = club")
    with pytest.raises(ValueError, match="leaves out 4 people"):  # the club, and the answer of nobody known
        narrow_story(whole, "segment in (home, business)")
    assert (
        narrow_story(story_of(organisation(small=12)), "segment = club").tables.contacts["customer_id"].nunique() == 12
    )


def test_a_narrowed_story_says_so_and_an_earlier_period_of_it_is_narrowed_too():
    story = narrow_story(story_of(organisation()), "segment = business")
    captions = [block.data.get("caption") for block in report.show_provenance(story).blocks]
    assert "Only rows where segment = business." in captions
    assert story_at(story, "2026-W41").narrowing.rows.where == "segment = business"
    with pytest.raises(ValueError, match="ends later"):
        story_at(replace(story, period=parse_period("2026-09").localise("UTC")), "2026-10")
    with pytest.raises(EmptyPeriodError):
        story_at(story, "2026-03")


def test_names_of_people_outside_the_group_are_redacted_too():
    tables = organisation()
    surveys = tables.surveys.assign(comment="Rosalind Featherstone was rude to me on the phone again")
    contacts = tables.contacts.assign(agent_name=["Rosalind Featherstone"] * 2 + [None] * 78)
    story = narrow_story(story_of(replace(tables, surveys=surveys, contacts=contacts)), "segment = business")
    assert not story.texts_now["redacted"].str.contains("Featherstone").any()
