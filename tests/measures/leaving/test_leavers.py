"""Silent leavers: by hand, and the same figure however much history an export happens to hold."""

from dataclasses import replace

import pandas as pd
import pytest

from analytics.measures.leaving.leavers import NobodyLeftError, estimate_silent_leavers
from analytics.tables.demo.simulate import simulate
from analytics.tables.schema import STAMPS, NotMeasured, Tables

MARCH = {"start": pd.Timestamp("2025-03-01"), "end": pd.Timestamp("2025-04-01")}


@pytest.fixture
def leavers() -> Tables:
    customers = pd.DataFrame(
        {
            "customer_id": list("abcdefg"),
            "left_at": pd.to_datetime(
                ["2025-03-01", "2025-03-05", "2025-03-09", "2025-06-01", None, None, "2025-03-20"]
            ),
        }
    )
    complaints = pd.DataFrame(
        {
            "complaint_id": list("12345"),
            "customer_id": ["e", "a", "b", "e", "g"],
            "received_at": pd.to_datetime(["2024-02-20", "2024-06-01", "2025-03-07", "2025-01-01", "2024-03-02"]),
        }
    )
    surveys = pd.DataFrame(
        {
            "response_id": ["1", "2", "3", "4"],
            "customer_id": ["c", "f", None, "f"],
            "responded_at": pd.to_datetime([None, None, "2025-02-01", "2024-02-20"]),
        }
    )
    return Tables(customers=customers, complaints=complaints, surveys=surveys)


def test_silent_leavers_of_a_window_by_hand(leavers):
    """a complained in time, b only after leaving, c was asked and stayed silent, g complained too long ago."""
    march = estimate_silent_leavers(leavers, **MARCH)
    assert (march.silent, march.left, march.nameless, march.share.value) == (3, 4, 1, 0.75)
    assert (march.low, march.share.value) == (0.5, 0.75)
    assert march.rate_silent.value == pytest.approx(3 / 5)  # d and f stayed and said nothing in the year to April
    assert march.rate_spoke.value == pytest.approx(1 / 2)  # e stayed
    with pytest.raises(NobodyLeftError, match="no customer left in this window"):
        estimate_silent_leavers(leavers, start=pd.Timestamp("2026-01-01"), end=pd.Timestamp("2026-02-01"))


def test_the_window_is_the_last_ninety_days_unless_one_is_named(leavers):
    spring = estimate_silent_leavers(leavers)
    assert f"{spring.start:%Y-%m-%d}" == "2025-03-03" and spring.left == 4


def test_without_dates_names_or_a_customer_on_one_row_it_is_not_measured(leavers):
    with pytest.raises(NotMeasured, match="left_at"):
        estimate_silent_leavers(replace(leavers, customers=leavers.customers.drop(columns="left_at")))
    with pytest.raises(NotMeasured, match="neither complaints nor surveys name the customer"):
        estimate_silent_leavers(Tables(customers=leavers.customers))
    twice = pd.concat([leavers.customers, leavers.customers.head(1)])
    with pytest.raises(ValueError, match="on more than one row"):
        estimate_silent_leavers(replace(leavers, customers=twice))


def cut(tables: Tables, months: int) -> Tables:
    """The export of a shorter time: the last months of every table, all customers."""
    start = pd.Timestamp("2026-11-01", tz="UTC") - pd.DateOffset(months=months)
    parts = {}
    for name, (stamp, *_) in STAMPS.items():
        frame = getattr(tables, name)
        parts[name] = frame[pd.to_datetime(frame[stamp], utc=True) >= start]
    return replace(tables, **parts)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_length_of_the_export_does_not_move_the_figure(seed):
    tables = simulate(seed=seed, months=36, customers=5_000)[0]
    whole = estimate_silent_leavers(tables)
    for months in (24, 16):
        part = estimate_silent_leavers(cut(tables, months))
        assert part.left == whole.left
        assert whole.share.low <= part.share.value <= whole.share.high, months
        assert abs(part.silent - whole.silent) <= 1  # who was asked before the cut, and answered after it
    for months in (12, 3):
        with pytest.raises(NotMeasured, match="complaints are on record from"):
            estimate_silent_leavers(cut(tables, months))


def test_a_quiet_record_is_no_short_one(leavers):
    """Three complaints in two years: the first may well come late."""
    quiet = leavers.complaints.iloc[[0, 1, 3]].assign(
        received_at=pd.to_datetime(["2024-06-01", "2024-12-01", "2025-03-30"])
    )
    assert estimate_silent_leavers(replace(leavers, complaints=quiet), **MARCH).left == 4
