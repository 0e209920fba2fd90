"""Remedy and goodwill apart: a gesture is never a fix."""

import numpy as np
import pandas as pd
import pytest

from analytics.measures.estimate import ASSERTED, SAID
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


def test_what_was_fixed_rests_on_customers_alone_or_on_our_records_alone():
    word = pd.array([False, True, None, None], dtype="boolean")
    frame = complaints(remedy=["full", "none", "none", "none"], goodwill_value=[5.0] * 4, confirmed_fixed=word)
    recovery = score_recovery(Tables(complaints=frame))
    assert (recovery.fixed_source, recovery.gesture_not_fixed.value, recovery.gesture_not_fixed.n) == (SAID, 0.5, 2)
    few = pd.concat([frame, *[frame.assign(confirmed_fixed=pd.NA)] * 9], ignore_index=True)
    few["complaint_id"] = few.index.astype(str)
    recovery = score_recovery(Tables(complaints=few.astype({"confirmed_fixed": "boolean"})))
    assert (recovery.fixed_source, recovery.gesture_not_fixed.n) == (ASSERTED, 40)


def operation(seed, after_gesture, otherwise, n=800):
    """Complaints met at random, whose customers leave with one chance after a gesture alone and another else."""
    rng = np.random.default_rng(seed)
    frame = complaints(
        remedy=rng.choice(["none", "full"], n), goodwill_value=rng.choice([0.0, 20.0], n),
        customer_id=[f"c{i}" for i in range(n)],
    )  # fmt: skip
    frame["received_at"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(n) * 6, unit="h")
    alone = frame["remedy"].eq("none") & frame["goodwill_value"].gt(0)
    leaves = rng.random(n) < np.where(alone, after_gesture, otherwise)
    customers = pd.DataFrame({"customer_id": frame["customer_id"]})
    customers["left_at"] = (frame["received_at"] + pd.Timedelta(days=30)).where(leaves)
    quiet = pd.DataFrame({"customer_id": [f"q{i}" for i in range(n)], "left_at": pd.NaT})
    return Tables(complaints=frame, customers=pd.concat([customers, quiet.astype(customers.dtypes)], ignore_index=True))


@pytest.mark.parametrize("seed", range(5))
def test_leaving_after_a_gesture_without_a_fix_is_compared_with_both_others(seed):
    recovery = score_recovery(operation(seed, 0.5, 0.1), until=pd.Timestamp("2026-12-31"))
    fixed, never = recovery.leaving
    assert (fixed.against, never.against) == ("fixed", "never complained")
    assert fixed.low < 0.4 < fixed.high and fixed.low > 0.2 and max(fixed.p_value, never.p_value) < 1e-6
    assert never.others.value == 0 and 0 < recovery.a_month < 122
    null = score_recovery(operation(seed, 0.2, 0.2), until=pd.Timestamp("2026-12-31")).leaving[0]
    assert null.low < 0.07 and null.high > -0.07


def test_each_customer_leaves_once_and_one_who_complained_is_never_unharmed():
    frame = complaints(remedy=["none", "none", "full", None], goodwill_value=[5.0] * 4, customer_id=list("aabc"))
    people = pd.DataFrame({"customer_id": list("abcd"), "left_at": pd.to_datetime(["2026-03-01"] * 3 + [None])})
    recovery = score_recovery(Tables(complaints=frame, customers=people), until=pd.Timestamp("2026-12-31"))
    left = recovery.groups.query("outcome == 'left'")
    assert left[["n", "value"]].to_numpy().tolist() == [[1, 1.0], [1, 1.0], [1, 0.0]]
    assert recovery.complainants == 3, "of whom one is left out: nothing is known of the fix"


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
