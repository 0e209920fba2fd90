"""Promises: what our records say, what customers say, and what nobody knows."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from analytics.config import Promise
from analytics.measures.estimate import SAID, Estimate
from analytics.measures.promises import Lack, Verdict, judge_promise, score_promises, verdict
from analytics.tables.cases import build_cases
from analytics.tables.schema import Tables

MADE = date(2026, 1, 1)
SOLVED = Promise(id="solved", text="Solved in a day.", made_on=MADE, measure="customer_clock_h", threshold=24)
CALLED = Promise(id="called", text="We call back.", made_on=MADE, measure="callback_late_h", threshold=0)


def stamp(text):
    return pd.Timestamp(text)


@pytest.fixture
def tables():
    contacts = pd.DataFrame(
        {
            "contact_id": ["1", "2", "3", "4"],
            "customer_id": ["a", "b", "c", "d"],
            "started_at": [stamp("2026-03-02 09:00")] * 4,
            "resolved_at": [stamp("2026-03-02 12:00"), stamp("2026-03-02 10:00"), stamp("2026-03-04 09:00"), pd.NaT],
            "confirmed_at": [stamp("2026-03-02 13:00"), stamp("2026-03-05 09:00"), pd.NaT, pd.NaT],
            "callback_late_h": [-1.0, 5.0, np.nan, np.nan],
        }
    )
    return Tables(contacts=contacts)


def test_a_solving_time_runs_to_the_customers_word_and_our_records_to_our_own(tables):
    judged = judge_promise(SOLVED, tables, build_cases(tables)).set_index("case_id")
    assert judged["records"].to_dict() == {"1": "kept", "2": "kept", "3": "broken", "4": "unknown"}
    assert judged["view"].to_dict() == {"1": "kept", "2": "broken", "3": "unknown", "4": "unknown"}


def test_only_cases_with_a_promised_callback_are_in_its_scope(tables):
    judged = judge_promise(CALLED, tables, build_cases(tables)).set_index("case_id")
    assert judged["records"].to_dict() == {"1": "kept", "2": "broken"}


def test_a_named_broken_promise_outweighs_a_content_score(tables):
    surveys = pd.DataFrame({"response_id": ["r", "s"], "contact_id": ["1", "2"], "csat": [5.0, 5.0]})
    both = Tables(contacts=tables.contacts, surveys=surveys)
    comments = pd.DataFrame({"case_id": ["2"], "negative_themes": [["promise_broken"]]})
    judged = judge_promise(CALLED, both, build_cases(both), comments).set_index("case_id")
    assert judged["view"].to_dict() == {"1": "kept", "2": "broken"}


def test_cases_before_the_promise_was_made_are_out_of_scope(tables):
    late = SOLVED.model_copy(update={"made_on": date(2026, 6, 1)})
    assert judge_promise(late, tables, build_cases(tables)).empty


def test_a_promise_of_another_segment_is_out_of_scope(tables):
    customers = pd.DataFrame({"customer_id": ["a", "b"], "segment": ["home", "business"]})
    both = Tables(contacts=tables.contacts, customers=customers)
    home = SOLVED.model_copy(update={"segment": "home"})
    assert judge_promise(home, both, build_cases(both))["case_id"].tolist() == ["1"]


def test_a_promise_nobody_can_measure_is_listed_with_what_would_measure_it(tables):
    vow = Promise(id="person", text="You are a person to us.", made_on=MADE)
    row = score_promises([vow, SOLVED], tables, build_cases(tables)).iloc[0]
    assert row["n"] == 0 and np.isnan(row["view"]) and row["view_verdict"] == Verdict.UNKNOWN
    assert row["lack"] == Lack.MEASURE


def test_a_column_that_no_case_carries_is_said_to_be_missing(tables):
    odd = CALLED.model_copy(update={"measure": "no_such_column"})
    row = score_promises([odd], tables, build_cases(tables)).iloc[0]
    assert row["lack"] == Lack.CASES


@pytest.mark.parametrize(
    ("low", "high", "word"), [(0.95, 0.99, Verdict.KEPT), (0.70, 0.89, Verdict.NOT_KEPT), (0.85, 0.95, Verdict.UNKNOWN)]
)
def test_the_verdict_needs_the_whole_interval(low, high, word):
    assert verdict(Estimate((low + high) / 2, low, high, 100, "share", SAID), 0.9) == word


def test_the_demo_callback_is_broken_three_times_in_ten(small_demo):
    tables, truth = small_demo
    made = CALLED.model_copy(update={"made_on": date(2024, 1, 1), "share": 0.95})
    row = score_promises([made], tables, build_cases(tables)).iloc[0]
    assert row["records_low"] <= 1 - truth.callback_broken_observed <= row["records_high"]
    assert row["records_verdict"] == Verdict.NOT_KEPT
    assert row["view"] < row["records"], "customers see it broken more often than we record"
