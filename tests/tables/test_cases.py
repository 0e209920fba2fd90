"""Cases and their two clocks, on fixtures small enough to check by hand."""

from datetime import time as clock

import numpy as np
import pandas as pd
import pytest

from analytics.config import OfficeHours
from analytics.tables.cases import build_cases, case_ids
from analytics.tables.schema import NotMeasured, Tables

FRIDAY, MONDAY = "2024-05-03 17:00", "2024-05-06 09:00"


def contacts(*rows: dict, zone: str | None = None) -> pd.DataFrame:
    """Contacts of one customer, numbered from 1, in case 'x' unless the row says otherwise."""
    default = {"customer_id": "a", "case_id": "x"}
    frame = pd.DataFrame([{"contact_id": str(i), **default, **row} for i, row in enumerate(rows, start=1)])
    for stamp in [column for column in frame if column.endswith("_at")]:
        frame[stamp] = pd.to_datetime(frame[stamp])
        if zone:
            frame[stamp] = frame[stamp].dt.tz_localize(zone)
    return frame


def one_case(*rows: dict, zone: str | None = None, **how) -> pd.Series:
    cases = build_cases(Tables(contacts=contacts(*rows, zone=zone)), **how)
    assert len(cases) == 1
    return cases.iloc[0]


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Kolkata", "America/New_York"])
def test_friday_evening_to_monday_morning_is_64_hours(zone):
    case = one_case({"started_at": FRIDAY, "confirmed_at": MONDAY}, zone=zone)
    assert (case["customer_clock_h"], case["ended"]) == (64.0, "confirmed")


@pytest.mark.parametrize(
    ("friday", "monday", "hours"), [("2024-03-29", "2024-04-01", 63.0), ("2024-10-25", "2024-10-28", 65.0)]
)
def test_a_weekend_in_which_the_clocks_change_has_the_hours_that_passed(friday, monday, hours):
    row = {"started_at": f"{friday} 17:00", "resolved_at": f"{monday} 09:00", "confirmed_at": f"{monday} 09:00"}
    aware = one_case(row, zone="Europe/Amsterdam")
    naive = one_case(row, timezone="Europe/Amsterdam")
    wall = one_case(row)
    assert aware["customer_clock_h"] == naive["customer_clock_h"] == aware["company_wall_h"] == hours
    assert wall["customer_clock_h"] == 64.0
    assert str(aware["started_at"]) == str(naive["started_at"])


def test_stamps_of_several_zones_in_one_column_are_compared_as_instants():
    frame = contacts({"started_at": FRIDAY}).astype({"started_at": object})
    frame["started_at"] = ["2024-05-03T17:00:00+02:00"]
    frame["confirmed_at"] = pd.to_datetime(["2024-05-03T17:00:00+00:00"])
    assert build_cases(Tables(contacts=frame))["customer_clock_h"].tolist() == [2.0]


@pytest.mark.parametrize(
    "later",
    [
        pytest.param({"channel": "callback"}, id="abandoned call, then callback"),
        pytest.param({"reopened": 1.0}, id="reopened"),
        pytest.param({"channel": "chat"}, id="channel switch"),
        pytest.param({"transfers": 2.0}, id="transferred"),
        pytest.param({"reason": "waiting on third party"}, id="waiting on a third party"),
    ],
)
def test_the_customers_clock_starts_at_the_first_attempt_whatever_happens_between(later):
    first = {"started_at": FRIDAY, "abandoned": later.get("channel") == "callback", "channel": "phone"}
    case = one_case(first, {"started_at": "2024-05-06 08:00", "confirmed_at": MONDAY, **later})
    assert (case["customer_clock_h"], case["contacts"]) == (64.0, 2)


def test_an_abandoned_attempt_without_a_case_number_belongs_to_the_next_contact():
    rows = (
        {"started_at": FRIDAY, "abandoned": True, "case_id": None},
        {"started_at": "2024-05-03 18:00", "abandoned": True, "case_id": None},
        {"started_at": "2024-05-06 08:00", "abandoned": False, "confirmed_at": MONDAY},
        {"started_at": "2024-05-20 08:00", "abandoned": True, "case_id": None},
        {"started_at": "2024-05-24 08:00", "abandoned": False, "case_id": "y"},
    )
    cases = build_cases(Tables(contacts=contacts(*rows))).set_index("case_id")
    assert cases.loc["x", ["customer_clock_h", "contacts", "abandoned"]].tolist() == [64.0, 3, 2.0]
    assert cases.index.tolist() == ["x", "4", "y"]  # four days later is another matter


def test_solved_without_the_customers_word_is_censored_at_the_datas_end():
    rows = {"started_at": FRIDAY, "resolved_at": "2024-05-03 18:00"}, {"started_at": MONDAY, "case_id": "y"}
    cases = build_cases(Tables(contacts=contacts(*rows))).set_index("case_id")
    assert cases["ended"].tolist() == ["censored", "censored"]
    assert cases["customer_clock_h"].tolist() == [64.0, 0.0]
    assert cases["ended_at"].isna().all()
    assert cases.loc["x", ["company_clock_h", "gap_h"]].tolist() == [1.0, 63.0]
    assert np.isnan(cases.loc["y", "company_clock_h"])


def test_until_hides_what_was_not_yet_known():
    rows = {"started_at": FRIDAY, "confirmed_at": MONDAY}, {"started_at": MONDAY, "case_id": "y"}
    cases = build_cases(Tables(contacts=contacts(*rows)), until="2024-05-04 17:00")
    assert cases[["case_id", "ended", "customer_clock_h"]].to_numpy().tolist() == [["x", "censored", 24.0]]


def test_a_confirmation_that_an_attempt_followed_does_not_stand():
    first = {"started_at": FRIDAY, "confirmed_at": "2024-05-03 18:00"}
    assert one_case(first, {"started_at": MONDAY, "reopened": 1.0})["ended"] == "censored"
    again = one_case(first, {"started_at": "2024-05-05 09:00", "confirmed_at": MONDAY})
    assert (again["ended"], again["customer_clock_h"]) == ("confirmed", 64.0)


def test_a_confirmation_before_the_start_is_no_end_and_a_backward_resolution_no_duration():
    case = one_case({"started_at": FRIDAY, "confirmed_at": "2024-05-02", "resolved_at": "2024-05-02"})
    assert case["ended"] == "censored"
    assert np.isnan(case["company_clock_h"])


def test_the_companys_clock_counts_office_hours_and_the_gap_is_the_rest():
    row = {"started_at": FRIDAY, "resolved_at": "2024-05-06 10:00", "confirmed_at": "2024-05-06 11:00"}
    office = OfficeHours(days=["mon", "tue", "wed", "thu", "fri"], opens=clock(9), closes=clock(17, 30))
    case = one_case(row, zone="Europe/London", office_hours=office)
    assert case["company_clock_h"] == pytest.approx(0.5 + 1.0)
    assert case["company_wall_h"] == pytest.approx(65.0)
    assert case["gap_h"] == pytest.approx(66.0 - 1.5)


def test_office_hours_are_those_of_the_named_zone():
    row = {"started_at": "2024-05-03 07:30", "resolved_at": "2024-05-03 08:30"}
    frame = contacts(row, zone="UTC")  # 09:30 to 10:30 in Amsterdam
    office = OfficeHours(opens=clock(10), closes=clock(17))
    assert build_cases(Tables(contacts=frame), office, "Europe/Amsterdam")["company_clock_h"].tolist() == [0.5]
    assert build_cases(Tables(contacts=frame), office)["company_clock_h"].tolist() == [0.0]


def test_the_companys_clock_counts_overlapping_contacts_once_and_leaves_abandoned_ones_out():
    case = one_case(
        {"started_at": "2024-05-03 06:00", "abandoned": True},
        {"started_at": "2024-05-03 08:00", "resolved_at": "2024-05-03 10:00"},
        {"started_at": "2024-05-03 09:00", "resolved_at": "2024-05-03 11:00"},
        {"started_at": "2024-05-03 14:00"},
        {"started_at": "2024-05-03 15:00", "resolved_at": "2024-05-03 16:00"},
    )
    assert case["company_clock_h"] == pytest.approx(3.0 + 2.0)


def test_office_hours_arithmetic_equals_counting_minutes():
    rng = np.random.default_rng(1)
    begin = pd.Timestamp("2024-03-25", tz="Europe/London") + pd.to_timedelta(rng.integers(0, 14 * 1440, 40), unit="min")
    end = begin + pd.to_timedelta(rng.integers(0, 6 * 1440, 40), unit="min")
    frame = pd.DataFrame({"contact_id": range(40), "customer_id": range(40), "started_at": begin, "resolved_at": end})
    found = build_cases(Tables(contacts=frame), OfficeHours()).set_index("case_id")["company_clock_h"]
    for row in frame.itertuples():
        minutes = pd.date_range(row.started_at, row.resolved_at, freq="min", inclusive="left")
        open_now = (minutes.day_of_week < 5) & (minutes.hour >= 9) & (minutes.hour < 17)
        assert found[row.contact_id] == pytest.approx(open_now.sum() / 60)


def test_three_columns_are_enough_and_every_column_is_there():
    frame = pd.DataFrame({"contact_id": [1, 2], "customer_id": [7, 7], "started_at": pd.to_datetime([FRIDAY, MONDAY])})
    cases = build_cases(Tables(contacts=frame))
    assert cases["case_id"].tolist() == [1, 2]
    assert {"customer_clock_h", "company_clock_h", "gap_h", "transfers", "csat", "segment", "disputed"} <= {*cases}
    assert cases[["handle_time_s", "reopens", "company_clock_h"]].isna().all(axis=None)


def test_sums_are_over_the_case_and_nothing_measured_is_not_zero():
    case = one_case(
        {"started_at": FRIDAY, "handle_time_s": 60.0, "team": "north", "channel": "phone", "transfers": None},
        {"started_at": MONDAY, "handle_time_s": 30.0, "team": "south", "channel": "chat", "transfers": None},
    )
    assert case[["handle_time_s", "team", "channel", "channels"]].tolist() == [90.0, "south", "phone", 2]
    assert np.isnan(case["transfers"])


def test_the_last_answer_of_a_case_counts_and_orphan_surveys_are_left_aside():
    frame = contacts({"started_at": FRIDAY}, {"started_at": MONDAY})
    surveys = pd.DataFrame(
        {"contact_id": ["2", "1", "99", None], "csat": [2.0, 5.0, 1.0, 1.0], "nps": [np.nan, 9, 0, 0]}
    )
    surveys["responded_at"] = pd.to_datetime(["2024-05-07", "2024-05-04", "2024-05-08", "2024-05-08"])
    tables = Tables(contacts=frame, surveys=surveys)
    assert build_cases(tables)[["csat", "nps"]].to_numpy().tolist() == [[2.0, 9.0]]
    assert case_ids(tables)["surveys"].tolist()[:2] == ["x", "x"]
    assert case_ids(tables)["surveys"].isna().tolist() == [False, False, True, True]


def test_a_complaint_belongs_to_its_case_and_confirmed_fixed_ends_it_at_the_remedy():
    complaint = {"complaint_id": ["1"], "case_id": ["x"], "received_at": pd.to_datetime(["2024-05-04 17:00"])}
    answer = {"remedied_at": pd.to_datetime([MONDAY]), "remedy": ["partial"], "goodwill_value": [5.0]}
    frame = contacts({"started_at": FRIDAY})
    fixed = pd.DataFrame(complaint | answer | {"confirmed_fixed": pd.array([True], dtype="boolean")})
    case = build_cases(Tables(contacts=frame, complaints=fixed)).iloc[0]
    assert case[["ended", "customer_clock_h", "remedy", "goodwill_value"]].tolist() == ["confirmed", 64.0, "partial", 5]
    denied = build_cases(Tables(contacts=frame, complaints=fixed.assign(confirmed_fixed=False))).iloc[0]
    assert denied["ended"] == "censored"  # a remedy and a gesture are not the customer's word
    untimed = build_cases(Tables(contacts=frame, complaints=fixed.drop(columns="remedied_at"))).iloc[0]
    assert untimed["ended"] == "confirmed"
    assert np.isnan(untimed["customer_clock_h"])  # fixed, but nobody knows when


def test_complaints_alone_are_cases_and_one_without_a_case_stands_beside_the_contacts():
    complaints = pd.DataFrame({"complaint_id": ["1"], "received_at": pd.to_datetime([FRIDAY]), "category": ["billing"]})
    complaints["disputed"] = pd.array([True], dtype="boolean")
    alone = build_cases(Tables(complaints=complaints))
    assert alone[["case_id", "contacts", "reason", "disputed"]].to_numpy().tolist() == [["1", 0, "billing", True]]
    both = build_cases(Tables(contacts=contacts({"started_at": MONDAY, "case_id": None}), complaints=complaints))
    assert both["case_id"].tolist() == ["complaint 1", "1"]


def test_tenure_is_taken_at_the_start_of_the_case():
    customers = pd.DataFrame({"customer_id": ["a"], "joined_at": pd.to_datetime(["2023-05-10"]), "segment": ["home"]})
    rows = {"started_at": "2024-05-03", "case_id": "x"}, {"started_at": "2024-05-20", "case_id": "y"}
    cases = build_cases(Tables(contacts=contacts(*rows), customers=customers))
    assert cases["loyalty"].tolist() == ["new", "loyal"]
    assert cases["tenure_days"].tolist() == [359.0, 376.0]
    assert cases["segment"].tolist() == ["home", "home"]


def test_further_columns_of_a_map_are_carried():
    case = one_case({"started_at": FRIDAY, "shift": None}, {"started_at": MONDAY, "shift": "night"})
    assert case["shift"] == "night"


def test_further_columns_of_a_later_contact_are_not_yet_known():
    rows = {"started_at": FRIDAY, "called_back_at": MONDAY, "shift": None}, {"started_at": MONDAY, "shift": "night"}
    case = one_case(*rows, until="2024-05-05")
    assert case[["shift", "called_back_at"]].isna().all()


def test_contacts_of_unknown_customers_are_not_taken_for_one_customer():
    rows = {"started_at": FRIDAY, "abandoned": True}, {"started_at": "2024-05-03 18:00", "abandoned": False}
    frame = contacts(*rows).assign(customer_id=None, case_id=None)
    assert build_cases(Tables(contacts=frame))["case_id"].tolist() == ["1", "2"]


def test_order_of_rows_is_irrelevant_and_arguments_stay_as_they_were():
    frame = contacts(
        {"started_at": FRIDAY, "channel": "phone"},
        {"started_at": MONDAY, "channel": "chat", "confirmed_at": "2024-05-07"},
        {"started_at": MONDAY, "case_id": "w", "channel": "chat"},
    )
    before = frame.copy(deep=True)
    forward, backward = (build_cases(Tables(contacts=f)) for f in (frame, frame.iloc[::-1]))
    pd.testing.assert_frame_equal(forward, backward)
    pd.testing.assert_frame_equal(frame, before)


def test_repeated_ids_are_refused_rather_than_multiplied():
    frame = contacts({"started_at": FRIDAY}, {"started_at": MONDAY})
    with pytest.raises(ValueError, match=r"contacts: 1 values of contact_id repeat \(such as '1'\)"):
        build_cases(Tables(contacts=frame.assign(contact_id="1")))
    with pytest.raises(ValueError, match="customers: 1 values of customer_id repeat"):
        build_cases(Tables(contacts=frame, customers=pd.DataFrame({"customer_id": ["a", "a"]})))


def test_nothing_to_build_from_is_not_measured():
    with pytest.raises(NotMeasured, match="no table contacts"):
        build_cases(Tables())
    with pytest.raises(NotMeasured, match="no contact with a known started_at"):
        build_cases(Tables(contacts=contacts({"started_at": FRIDAY})), until="2020-01-01")


def test_a_hundred_thousand_contacts_take_seconds():
    rng = np.random.default_rng(0)
    count = 100_000
    frame = pd.DataFrame({"contact_id": np.arange(count), "customer_id": rng.integers(0, count // 3, count)})
    frame["case_id"] = rng.integers(0, count // 2, count)
    frame["started_at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**7, count), unit="s")
    frame["resolved_at"] = frame["started_at"] + pd.Timedelta(hours=30)
    began = pd.Timestamp.now()
    cases = build_cases(Tables(contacts=frame), OfficeHours())
    assert (pd.Timestamp.now() - began).total_seconds() < 5  # about 0.5 s here; 1,000,000 in about 10 s
    assert cases["contacts"].sum() == count


def test_contacts_without_a_start_are_not_measured():
    with pytest.raises(NotMeasured, match="no column started_at"):
        build_cases(Tables(contacts=pd.DataFrame({"contact_id": ["1"], "customer_id": ["a"]})))
