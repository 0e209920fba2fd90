"""Promises: what our records say, what customers say, and what nobody knows."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from analytics.config import Promise
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
    assert judged["records"].to_dict() == {"1": "kept", "2": "kept", "3": "broken", "4": "broken"}
    assert judged["view"].to_dict() == {"1": "kept", "2": "unknown", "3": "unknown", "4": "unknown"}


def test_only_cases_with_a_promised_callback_are_in_its_scope(tables):
    judged = judge_promise(CALLED, tables, build_cases(tables)).set_index("case_id")
    assert judged["records"].to_dict() == {"1": "kept", "2": "broken"}


def test_satisfaction_is_no_promise_and_a_named_one_counts_where_our_records_do_not_say_kept(tables):
    surveys = pd.DataFrame({"response_id": ["r", "s"], "contact_id": ["1", "2"], "csat": [5.0, 5.0]})
    both = Tables(contacts=tables.contacts, surveys=surveys)
    comments = pd.DataFrame({"case_id": ["1", "2"], "negative_themes": [["promise_broken"]] * 2})
    judged = judge_promise(CALLED, both, build_cases(both), comments).set_index("case_id")
    assert judged["view"].to_dict() == {"1": "unknown", "2": "broken"}
    row = score_promises([CALLED], both, build_cases(both)).iloc[0]
    assert row["view_n"] == 0 and np.isnan(row["view_low"]) and np.isnan(row["distance_low"])


def test_a_case_that_was_never_closed_counts_once_its_time_is_over():
    opened = [stamp("2026-03-02 09:00")] * 3 + [stamp("2026-03-09 20:00")]
    closed = [stamp("2026-03-02 12:00"), pd.NaT, stamp("2026-03-05 09:00"), pd.NaT]
    contacts = pd.DataFrame({"contact_id": list("1234"), "customer_id": list("abcd"), "started_at": opened})
    tables = Tables(contacts=contacts.assign(resolved_at=closed, confirmed_at=pd.NaT))
    cases = build_cases(tables, until="2026-03-10 09:00")
    for measure in ("customer_clock_h", "company_clock_h"):
        judged = judge_promise(SOLVED.model_copy(update={"measure": measure}), tables, cases)
        assert judged.set_index("case_id")["records"].to_dict() == {"1": "kept", "2": "broken", "3": "broken"}
    assert judge_promise(SOLVED, tables, cases, since=stamp("2026-03-04")).empty, "all came due before"


def test_a_late_word_breaks_a_promise_only_where_our_records_do_not_say_that_it_was_kept(tables):
    contacts = tables.contacts.assign(confirmed_at=[stamp("2026-03-05 09:00")] * 3 + [pd.NaT])
    judged = judge_promise(SOLVED, Tables(contacts=contacts), build_cases(Tables(contacts=contacts)))
    assert judged["view"].tolist() == ["unknown", "unknown", "broken", "unknown"]


def test_coming_back_after_the_time_breaks_it_and_before_it_does_not(tables):
    again = tables.contacts.head(2).assign(contact_id=["5", "6"], reopened=1.0, confirmed_at=pd.NaT)
    again["started_at"] = [stamp("2026-03-02 20:00"), stamp("2026-03-06 09:00")]
    contacts = pd.concat([tables.contacts.assign(case_id=list("1234"), reopened=0.0), again.assign(case_id=list("12"))])
    both = Tables(contacts=contacts.reset_index(drop=True))
    judged = judge_promise(SOLVED, both, build_cases(both)).set_index("case_id")
    assert judged["view"].to_dict() == {"1": "unknown", "2": "broken", "3": "unknown", "4": "unknown"}


def operation(seed, kept, n=600, confirm=0.4, back=0.5, goodwill=0.1):
    """A month of cases solved within 48 hours in `kept` of them; customers confirm late, come back, or say nothing."""
    rng = np.random.default_rng(seed)
    start = stamp("2026-03-01") + pd.to_timedelta(np.sort(rng.uniform(0, 26 * 24, n)), unit="h")
    in_time = rng.random(n) < kept
    hours = np.where(in_time, rng.uniform(1, 47, n), 49 + rng.exponential(40, n))
    word = start + pd.to_timedelta(hours + rng.exponential(20, n), unit="h")
    rows = pd.DataFrame({"customer_id": [f"c{i}" for i in range(n)], "started_at": start, "reopened": 0.0})
    rows["case_id"] = rows["customer_id"]
    rows["resolved_at"] = start + pd.to_timedelta(hours, unit="h")
    rows["confirmed_at"] = word.where(rng.random(n) < confirm)
    returns = rng.random(n) < np.where(in_time, goodwill, back)
    first = np.where(in_time, 0, 48.5)
    again = start + pd.to_timedelta(first + (hours - first) * rng.random(n), unit="h")
    contacts = pd.concat([rows, rows.assign(started_at=again, reopened=1.0)[returns]], ignore_index=True)
    contacts["contact_id"] = contacts.index.astype(str)
    return Tables(contacts=contacts)


WORLDS = [dict(kept=0.95), dict(kept=0.97, confirm=0.9, back=1.0), dict(kept=0.96, confirm=0.1, goodwill=0.3)]


@pytest.mark.parametrize("measure", ["customer_clock_h", "company_clock_h", "first_response_h"])
@pytest.mark.parametrize("world", WORLDS)
def test_a_promise_that_is_met_is_never_called_not_kept_in_the_customers_view(world, measure):
    vow = SOLVED.model_copy(update={"threshold": 48, "share": 0.9, "measure": measure})
    for seed in range(4):
        tables = operation(seed, **world)
        row = score_promises([vow], tables, build_cases(tables, until="2026-04-01")).iloc[0]
        assert row["view_verdict"] != Verdict.NOT_KEPT
        assert np.isnan(row["view_low"]) or row["view_low"] < world["kept"] < row["view_high"]


@pytest.mark.parametrize("seed", range(3))
def test_a_promise_broken_in_a_third_is_not_kept_where_customers_say_so(seed):
    tables = operation(seed, kept=0.65, back=0.9, confirm=0.6)
    vow = SOLVED.model_copy(update={"threshold": 48, "share": 0.9})
    row = score_promises([vow], tables, build_cases(tables, until="2026-04-01")).iloc[0]
    assert row["records_verdict"] == row["view_verdict"] == Verdict.NOT_KEPT
    assert row["view_low"] < 0.65 < row["view_high"] < 0.9 and max(row["view_p"], row["records_p"]) < 1e-6


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
    assert row["n"] == 0 and row[["goal", "view_low"]].isna().all() and row["view_verdict"] == Verdict.UNKNOWN
    assert row["lack"] == Lack.MEASURE


def test_a_column_that_no_case_carries_is_said_to_be_missing(tables):
    odd = CALLED.model_copy(update={"measure": "no_such_column"})
    row = score_promises([odd], tables, build_cases(tables)).iloc[0]
    assert row["lack"] == Lack.CASES


@pytest.mark.parametrize(
    ("low", "high", "word"), [(0.95, 0.99, Verdict.KEPT), (0.70, 0.89, Verdict.NOT_KEPT), (0.85, 0.95, Verdict.UNKNOWN)]
)
def test_the_verdict_needs_all_that_is_possible(low, high, word):
    assert verdict(low, high, 0.9) == word


def test_the_demo_callback_is_broken_three_times_in_ten(small_demo):
    tables, truth = small_demo
    made = CALLED.model_copy(update={"made_on": date(2024, 1, 1), "share": 0.95})
    row = score_promises([made], tables, build_cases(tables)).iloc[0]
    assert row["records_low"] <= 1 - truth.callback_broken_observed <= row["records_high"]
    assert row["records_verdict"] == Verdict.NOT_KEPT and row["view_verdict"] == Verdict.UNKNOWN
