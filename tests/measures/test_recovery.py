"""Remedy and goodwill apart: a gesture is never a fix."""

import numpy as np
import pandas as pd
import pytest

from analytics.measures.recovery import is_fixed, score_recovery
from analytics.tables.schema import NotMeasured, Tables


def complaints(**columns):
    n = len(next(iter(columns.values())))
    base = {"complaint_id": [str(i) for i in range(n)], "received_at": pd.date_range("2026-01-05", periods=n, freq="D")}
    return pd.DataFrame(base | columns)


def test_a_gesture_without_a_fix_is_never_counted_as_resolved():
    frame = complaints(remedy=["none", "partial", "full"], goodwill_value=[50.0, 50.0, 0.0])
    assert is_fixed(frame).tolist() == [False, False, True]
    assert score_recovery(Tables(complaints=frame)).gesture_not_fixed.value == 1.0


def test_the_customers_word_outweighs_the_recorded_remedy():
    frame = complaints(remedy=["full", "none", "full"], confirmed_fixed=pd.array([False, True, None], dtype="boolean"))
    assert is_fixed(frame).tolist() == [False, True, True]


def test_a_complaint_without_any_record_of_a_fix_is_in_no_group():
    frame = complaints(remedy=["full", None], goodwill_value=[10.0, 10.0])
    recovery = score_recovery(Tables(complaints=frame))
    assert recovery.gesture_not_fixed.n == 1


def test_follow_up_counts_only_complaints_whose_window_is_over():
    frame = complaints(remedy=["none"] * 3, goodwill_value=[5.0] * 3, customer_id=["a", "b", "c"])
    frame["received_at"] = pd.to_datetime(["2025-01-01", "2025-01-02", "2025-12-01"])
    people = pd.DataFrame(
        {"customer_id": ["a", "b", "c"], "left_at": pd.to_datetime(["2025-03-01", "2025-12-01", None])}
    )
    recovery = score_recovery(Tables(complaints=frame, customers=people), until=pd.Timestamp("2025-12-31"))
    left = recovery.groups.query("outcome == 'left' and fixed == False and gesture == True").iloc[0]
    assert (left["value"], left["n"]) == (0.5, 2), "a left within 180 days, b later, c is not known yet"


def test_repeated_complaints_are_counted_once_their_window_is_over():
    frame = complaints(remedy=["none"] * 3, goodwill_value=[0.0] * 3, customer_id=["a", "a", "b"])
    frame["received_at"] = pd.to_datetime(["2025-01-01", "2025-02-01", "2025-01-15"])
    recovery = score_recovery(Tables(complaints=frame), until=pd.Timestamp("2025-12-31"))
    again = recovery.groups.query("outcome == 'repeated'").iloc[0]
    assert (again["value"], again["n"]) == (pytest.approx(1 / 3), 3)


def test_both_accounts_stand_side_by_side():
    frame = complaints(
        remedy=["full", "full", "none"],
        goodwill_value=[0.0, 0.0, 5.0],
        confirmed_fixed=pd.array([True, False, False], dtype="boolean"),
    )
    table = score_recovery(Tables(complaints=frame)).accounts
    assert table.values.tolist() == [
        ["full", "confirmed_fixed", True, 1, 1],
        ["full", "confirmed_fixed", False, 1, 1],
        ["none", "confirmed_fixed", False, 1, 1],
    ]


def test_without_a_record_of_gestures_only_the_fix_is_compared():
    frame = complaints(remedy=["none", "full", "none"], disputed=pd.array([True, False, False], dtype="boolean"))
    recovery = score_recovery(Tables(complaints=frame))
    assert recovery.gesture_not_fixed.n == 0
    assert recovery.groups["gesture"].isna().all()
    assert set(recovery.groups["fixed"].dropna()) == {False, True}
    assert recovery.accounts["n"].tolist() == [1, 1, 1]


def test_without_a_record_of_remedies_it_is_not_measured():
    with pytest.raises(NotMeasured, match="no column remedy or confirmed_fixed"):
        score_recovery(Tables(complaints=complaints(goodwill_value=[1.0])))


def test_the_input_is_left_unchanged():
    frame = complaints(remedy=["none", "full"], goodwill_value=[1.0, 0.0], customer_id=["a", "b"])
    before = frame.copy()
    score_recovery(Tables(complaints=frame))
    pd.testing.assert_frame_equal(frame, before)


def test_the_demo_gesture_without_a_fix_goes_with_more_leaving(demo):
    recovery = score_recovery(demo[0])
    left = recovery.groups.query("outcome == 'left'")
    broken_gesture, broken, fixed_gesture, fixed, never = (row for _, row in left.iterrows())
    assert broken_gesture["low"] > broken["value"]
    assert fixed_gesture["high"] > fixed["value"], "no such gap where it was fixed"
    assert never["high"] < broken["low"]
    assert recovery.fixed_source == "said by customers"


def test_two_reports_in_a_row_differ_by_nobody_or_by_a_whole_group():
    rng, n = np.random.default_rng(0), 500
    frame = complaints(
        remedy=rng.choice(["none", "full"], n), goodwill_value=rng.choice([0.0, 20.0], n),
        customer_id=[str(i) for i in range(n)], confirmed_fixed=pd.array(rng.random(n) < 0.5, dtype="boolean"),
    )  # fmt: skip
    customers = pd.DataFrame({"customer_id": frame["customer_id"], "left_at": pd.NaT})
    customers.loc[::3, "left_at"] = frame["received_at"][::3] + pd.Timedelta(days=40)
    reports = []
    for until in pd.date_range("2026-10-01", "2027-05-01", freq="MS"):
        known = frame[frame["received_at"] < until]
        gone = customers.assign(left_at=customers["left_at"].mask(customers["left_at"] >= until))
        recovery = score_recovery(Tables(complaints=known, customers=gone), until, step=10)
        cells = recovery.groups.query("outcome == 'left'").dropna(subset="fixed").set_index(["fixed", "gesture"])["n"]
        reports.append(pd.concat([cells, recovery.accounts.set_index(["remedy", "agrees"])["n"]]))
    counts = pd.DataFrame(reports).fillna(0)
    steps = counts.diff().dropna().to_numpy()
    assert (steps == 0).any() and steps.max() >= 10
    assert ((steps == 0) | (steps >= 10)).all()


def test_the_people_of_a_group_are_its_customers_not_its_complaints():
    frame = complaints(remedy=["none"] * 4, goodwill_value=[0.0] * 4, customer_id=["a", "a", "a", "b"])
    again = score_recovery(Tables(complaints=frame), until=pd.Timestamp("2026-12-31")).groups.query(
        "outcome == 'repeated'"
    )
    assert again[["n", "people"]].to_numpy().tolist() == [[4, 2]]
