"""The notebook on promises and recovery: both views apart and repeated gestures, small groups withheld."""

from datetime import date
from types import SimpleNamespace

import pandas as pd
import pytest

from analytics.config import Promise
from analytics.report.promises import show_views_apart
from analytics.report.recovery import show_repeated_gestures
from analytics.tables.schema import NotMeasured, Tables

DAY = pd.Timestamp("2026-01-10", tz="UTC")


class Wordless(SimpleNamespace):
    """A period in which nobody wrote."""

    has_texts = False

    @property
    def comments(self):
        raise NotMeasured("not measured: no text by a customer")


def story(cases=None, complaints=None, customers=None, kind=Wordless):
    vow = Promise(id="fast", text="Solved in a day.", made_on=date(2026, 1, 1), measure="company_clock_h", threshold=24)
    return kind(
        config=SimpleNamespace(promises=[vow]), tables=Tables(complaints=complaints, customers=customers),
        cases_now=cases, confidence=0.95, k=10, period=SimpleNamespace(end=pd.Timestamp("2027-01-01", tz="UTC")),
    )  # fmt: skip


def answered(happy, unhappy, segment):
    n = happy + unhappy
    frame = pd.DataFrame({"csat": [5.0] * happy + [None] * unhappy, "disputed": [False] * happy + [True] * unhappy})
    return frame.assign(segment=segment, started_at=DAY, company_clock_h=[2.0] * n)


def rows(section):
    (block,) = section.blocks
    return block.data["rows"]


def test_the_distance_is_records_less_view_by_hand():
    cases = pd.concat([answered(15, 5, "home"), answered(10, 10, "business")], ignore_index=True)
    cases = cases.assign(case_id=cases.index.astype(str))
    everyone, business, home = rows(show_views_apart(story(cases)))
    # every case within a day by our stamps; 25 of 40, 10 of 20 and 15 of 20 in the customers' view
    assert [round(row[2]["value"], 3) for row in (everyone, business, home)] == [0.375, 0.5, 0.25]
    assert [row[3] for row in (everyone, business, home)] == [40, 20, 20]


def test_a_segment_of_few_voices_is_withheld_with_its_partner():
    cases = pd.concat([answered(15, 5, "home"), answered(2, 2, "business")], ignore_index=True)
    everyone, business, home = rows(show_views_apart(story(cases.assign(case_id=cases.index.astype(str)))))
    assert everyone[3] == 24
    assert business[2]["value"] is home[2]["value"] is business[3] is home[3] is None
    assert (business[4], home[4]) == ("fewer than 10 people", "withheld so that a smaller group stays unknown")


def test_nobody_has_said_anything_is_an_honest_line():
    cases = answered(0, 5, "home").assign(disputed=pd.NA, case_id=list("abcde"))
    assert show_views_apart(story(cases)).answer.data["level"] == "unknown"


def test_leaving_is_counted_by_how_many_gestures_were_given():
    once, twice = [f"a{i}" for i in range(12)], [f"b{i}" for i in range(10)]
    complaints = pd.DataFrame({"customer_id": once + twice * 2, "goodwill_value": 10.0, "remedy": "none"})
    complaints["received_at"] = DAY + pd.to_timedelta(range(len(complaints)), unit="h")
    complaints["complaint_id"] = complaints.index.astype(str)
    left = [DAY + pd.Timedelta(days=30) if i < 3 or i >= 17 else pd.NaT for i in range(22)]  # 3 of 12, and 5 of 10
    customers = pd.DataFrame({"customer_id": once + twice, "left_at": left})
    first, second = rows(show_repeated_gestures(story(complaints=complaints, customers=customers)))
    assert (first[0], first[1]["value"], first[2]) == ("1", 0.25, 12)
    assert (second[0], second[1]["value"], second[2]) == ("2", 0.5, 10)


@pytest.mark.parametrize("complaints", [None, pd.DataFrame({"received_at": [DAY], "goodwill_value": [0.0]})])
def test_without_a_recorded_gesture_the_answer_is_unknown(complaints):
    assert show_repeated_gestures(story(complaints=complaints)).answer.data["level"] == "unknown"
