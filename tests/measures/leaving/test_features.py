"""What was known at a cut-off, worked out by hand for a handful of customers."""

import numpy as np
import pandas as pd
import pytest

from analytics.measures.leaving.features import build_customer_features, choose_cutoffs, feature_columns
from analytics.tables.schema import NotMeasured, Tables

CUTOFF = "2025-06-30"


def stamps(*values):
    return pd.to_datetime(pd.Series(values, dtype="object"), format="ISO8601")


@pytest.fixture
def tables() -> Tables:
    """Ann has two cases and an old one, Bob complained and left, Cy left before, Dee joins later, Eve is silent."""
    customers = pd.DataFrame(
        {
            "customer_id": ["ann", "bob", "cy", "dee", "eve"],
            "segment": ["home", "home", "business", "home", None],
            "joined_at": stamps("2024-06-30", "2020-01-01", "2020-01-01", "2025-07-15", None),
            "left_at": stamps(None, "2025-08-01", "2025-05-01", None, "2025-12-31"),
            "value_per_year": [400.0, 500.0, 600.0, 700.0, np.nan],
        }
    )
    contacts = pd.DataFrame(
        {
            "contact_id": list("123456"),
            "customer_id": ["ann", "ann", "ann", "ann", "bob", "ann"],
            "case_id": ["k1", "k1", "k2", "k0", "k3", "k4"],
            "started_at": stamps("2025-06-01", "2025-06-03", "2025-06-20", "2024-01-01", "2025-02-01", "2025-07-01"),
            "resolved_at": stamps("2025-06-02", "2025-06-04", None, "2024-01-02", "2025-02-01 06:00", "2025-07-02"),
            "confirmed_at": stamps(None, "2025-06-05", None, None, "2025-07-02", None),
            "transfers": [1.0, 0.0, 2.0, 9.0, np.nan, 9.0],
            "reopened": [0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
            "abandoned": pd.array([False, False, False, False, False, False], "boolean"),
            "handle_time_s": [100.0, 200.0, 600.0, 900.0, 50.0, 900.0],
        }
    )
    surveys = pd.DataFrame(
        {
            "response_id": list("abcde"),
            "customer_id": ["ann", "ann", "bob", "ann", "stranger"],
            "invited_at": stamps("2025-03-01", "2025-06-04", "2025-02-02", "2025-06-29", "2025-06-01"),
            "responded_at": stamps("2025-03-02", "2025-06-05", None, "2025-07-01", "2025-06-02"),
            "nps": [9.0, 4.0, np.nan, 0.0, 3.0],
        }
    )
    complaints = pd.DataFrame(
        {
            "complaint_id": ["m1", "m2"],
            "customer_id": ["bob", "bob"],
            "received_at": stamps("2025-01-10", "2025-06-20"),
            "remedy": ["none", "none"],
            "goodwill_value": [20.0, 20.0],
            "disputed": pd.array([True, True], "boolean"),
        }
    )
    return Tables(contacts=contacts, surveys=surveys, complaints=complaints, customers=customers)


@pytest.fixture
def comments() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": ["ann", "ann", "ann", "bob"],
            "at": stamps("2025-06-05", "2025-03-02", "2025-07-01", "2025-06-20"),
            "sentiment": ["negative", "positive", "negative", "unknown"],
            "valence": [-0.8, 0.4, -1.0, np.nan],
            "churn_intent": [0.7, 0.1, 0.9, np.nan],
            "themes": [["waiting", "promise_broken"], ["courtesy"], ["waiting"], []],
            "negative_themes": [["waiting", "promise_broken"], [], ["waiting"], []],
        }
    )


@pytest.fixture
def rows(tables, comments) -> pd.DataFrame:
    return build_customer_features(tables, [CUTOFF], comments, until="2026-01-31").set_index("customer_id")


def test_only_customers_who_had_joined_and_not_left_have_a_row(rows):
    assert rows.index.tolist() == ["ann", "bob", "eve"]


def test_the_label_is_leaving_within_the_horizon(rows):
    assert rows["left_within"].tolist() == [False, True, False]


def test_a_label_whose_horizon_is_not_over_is_missing(tables):
    rows = build_customer_features(tables, [CUTOFF], until="2025-08-31")
    assert rows["left_within"].isna().all()


@pytest.mark.parametrize(
    ("column", "ann", "bob"),
    [
        ("perception_invited", 3, 1),
        ("perception_answered", 2, 0),
        ("perception_nps", 4, np.nan),
        ("perception_trend", 4 - 9, np.nan),
        ("perception_comments", 2, 0),
        ("perception_valence", -0.2, np.nan),
        ("perception_negative_comments", 1, 0),
        ("perception_churn_intent", 0.7, np.nan),
        ("perception_themes", 2, 0),
        ("perception_promise_broken", 1, 0),
        ("perception_complaints", 0, 2),
        ("perception_complaints_90d", 0, 1),
        ("perception_disputed", 0, 1),  # that of ten days ago cannot be known yet
        ("operations_gesture_without_fix", 0, 1),
        ("operations_contacts", 3, 1),
        ("operations_cases", 2, 1),
        ("operations_cases_90d", 2, 0),
        ("operations_transfers", 3, 0),
        ("operations_reopens", 1, 0),
        ("operations_handle_time_s", 300, 50),
        ("operations_days_since_contact", 10, 149),
        ("operations_unconfirmed", 1, 1),  # Bob's word came after the cut-off
        ("operations_open_cases", 1, 0),
        ("operations_customer_clock_h", 24 * (4 + 10) / 2, 24 * 149),
        ("operations_company_clock_h", 24 * (1 + 1 + 10) / 3, 6),
        ("account_tenure_days", 365, 2007),
        ("account_value_per_year", 400, 500),
    ],
)
def test_each_feature_by_hand(rows, column, ann, bob):
    assert rows.loc[["ann", "bob"], column].tolist() == pytest.approx([ann, bob], nan_ok=True)


def test_a_silent_customer_has_counts_of_nought_and_no_score(rows):
    eve = rows.loc["eve"]
    assert eve[["perception_answered", "operations_contacts", "perception_complaints"]].eq(0).all()
    assert eve[["perception_nps", "operations_handle_time_s", "account_tenure_days"]].isna().all()


def test_what_happens_after_the_cut_off_changes_nothing(tables, comments):
    """A record cut at the moment of looking gives the same features as the whole one: nothing comes from later."""
    later = pd.Timestamp(CUTOFF)
    known = {"contacts": "started_at", "surveys": "invited_at", "complaints": "received_at"}
    cut = {name: frame[frame[stamp] <= later] for name, stamp in known.items() for frame in [getattr(tables, name)]}
    for name, columns in (("contacts", ["resolved_at", "confirmed_at"]), ("surveys", ["responded_at"])):
        cut[name] = cut[name].assign(**{c: cut[name][c].where(cut[name][c] <= later) for c in columns})
    cut["surveys"] = cut["surveys"].assign(nps=cut["surveys"]["nps"].where(cut["surveys"]["responded_at"].notna()))
    whole, part = (
        build_customer_features(t, [CUTOFF], c, until="2026-01-31")
        for t, c in ((tables, comments), (Tables(customers=tables.customers, **cut), comments[comments["at"] <= later]))
    )
    pd.testing.assert_frame_equal(whole, part)


def test_zones_change_nothing_but_the_clock_on_the_wall(tables, comments):
    def zoned(frame):
        return frame.assign(**{c: frame[c].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
                               for c in frame.select_dtypes("datetime")})  # fmt: skip

    aware = Tables(**{n: zoned(getattr(tables, n)) for n in ("contacts", "surveys", "complaints", "customers")})
    one = build_customer_features(tables, [CUTOFF], comments, until="2026-01-31")
    two = build_customer_features(aware, [pd.Timestamp(CUTOFF, tz="UTC")], zoned(comments), until="2026-01-31")
    pd.testing.assert_frame_equal(one, two)


def test_missing_tables_and_columns_only_leave_features_out(tables):
    bare = Tables(contacts=tables.contacts[["contact_id", "customer_id", "started_at"]], customers=tables.customers)
    columns = set(build_customer_features(bare, [CUTOFF]).columns)
    assert "operations_cases" in columns
    assert not {c for c in columns if c.startswith("perception_")} | ({"operations_open_cases"} & columns)


def test_without_a_record_of_leaving_it_says_so(tables):
    with pytest.raises(NotMeasured, match=r"no column left_at \(table customers\), needed for who may leave"):
        build_customer_features(Tables(customers=tables.customers.drop(columns="left_at")), [CUTOFF])


def test_undated_columns_of_customers_come_only_when_asked_for(tables):
    marked = Tables(contacts=tables.contacts, customers=tables.customers.assign(code="Z"))
    assert "account_code" not in build_customer_features(marked, [CUTOFF])
    assert build_customer_features(marked, [CUTOFF], further=["code"])["account_code"].eq("Z").all()


def test_groups_are_told_by_the_first_word_and_anything_else_is_the_account():
    frame = pd.DataFrame(columns=["customer_id", "cutoff", "perception_nps", "operations_cases", "Age", "left_within"])
    assert feature_columns(frame, ["perception"]) == ["perception_nps"]
    assert feature_columns(frame, ["operations", "account"]) == ["operations_cases", "Age"]


def test_cut_offs_are_a_horizon_apart_and_leave_half_a_year_before(tables):
    cutoffs = choose_cutoffs(tables, 90, until="2025-12-31")
    assert [f"{c:%Y-%m-%d}" for c in cutoffs][-2:] == ["2025-07-04", "2025-10-02"]
    assert cutoffs[0] >= pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=180)
    assert choose_cutoffs(tables, 90, until="2024-07-01") == []


def test_arguments_are_left_unchanged(tables, comments):
    before = {n: getattr(tables, n).copy() for n in ("contacts", "surveys", "complaints", "customers")}
    build_customer_features(tables, [CUTOFF], comments)
    for name, frame in before.items():
        pd.testing.assert_frame_equal(getattr(tables, name), frame)
