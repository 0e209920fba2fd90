from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analytics.config import Config, Organisation, Promise, ReportSettings, Source
from analytics.publish.collect import refuse_unfounded
from analytics.report import tested
from analytics.report.operations import (
    measure_patience,
    show_beyond_patience,
    show_data_drift,
    show_promises_at_risk,
    show_silent_risk,
)
from analytics.report.story import Story
from analytics.tables.periods import parse_period
from analytics.tables.schema import NotMeasured, ReadLog, Tables

WEEK = parse_period("2025-W10").localise("UTC")  # 3 to 9 March


def story(contacts=None, promises=(), **tables):
    config = Config(
        organisation=Organisation(name="Acme"), sources={"contacts": Source(path="x.csv")},
        report=ReportSettings(frequency="week"), promises=list(promises),
    )  # fmt: skip
    return Story(config, WEEK, Tables(contacts=contacts, **tables), ReadLog())


def at(*times):
    return pd.to_datetime(list(times), utc=True)


@pytest.fixture
def contacts():
    """Forty cases with a second contact after 1 to 40 hours, of which ten are confirmed; ten new ones, all waiting."""
    start = pd.Timestamp("2025-03-03 08:00", tz="UTC")
    first = pd.DataFrame({"case_id": [f"c{i}" for i in range(40)], "started_at": start})
    second = first.assign(started_at=[start + pd.Timedelta(hours=i) for i in range(1, 41)])
    new = pd.DataFrame({"case_id": [f"n{i}" for i in range(10)], "started_at": at("2025-03-09 20:00")[0]})
    frame = pd.concat([first, second, new], ignore_index=True)
    frame.insert(0, "contact_id", [str(i) for i in range(len(frame))])
    frame["customer_id"] = frame["case_id"]
    done = frame.index.isin(range(40, 50))
    frame["confirmed_at"] = frame["started_at"].where(done) + pd.Timedelta(minutes=5)
    frame["resolved_at"] = frame["started_at"].where(frame["case_id"].isin([f"c{i}" for i in range(20)]))
    return frame.assign(team="North")


def test_patience_is_the_median_time_to_the_second_contact(contacts):
    patience = measure_patience(story(contacts))
    assert (patience.value, patience.n, patience.unit) == (21.0, 40, "hours")
    assert patience.low < 21 < patience.high


def test_patience_needs_thirty_customers_who_came_back(contacts):
    few = contacts[~contacts["case_id"].isin([f"c{i}" for i in range(11)])]
    with pytest.raises(NotMeasured, match="29 cases have a second contact, and 30 are needed"):
        measure_patience(story(few))
    shown = show_beyond_patience(story(few))
    assert shown.answer.data["level"] == "unknown"


def test_cases_are_beyond_patience_until_the_customer_says_that_they_are_solved(contacts):
    answer = show_beyond_patience(story(contacts)).answer.data
    share = answer["evidence"][0]
    assert (share["value"], share["n"]) == (30 / 50, 50)  # forty old cases less ten confirmed; the new wait four hours
    assert answer["sentence"].startswith(
        "20 open cases have waited longer than customers do. 10 more are closed by our"
    )
    assert "together 60 % (46–72) of the 50 cases of the latest week." in answer["sentence"]


def test_promises_count_open_cases_past_the_time_and_about_to_pass_it(contacts):
    vow = {"made_on": date(2025, 1, 1), "measure": "customer_clock_h"}
    promises = [
        Promise(id="fast", text="Solved in a day.", threshold=24, **vow),
        Promise(id="slow", text="Solved in a year.", threshold=8760, **vow),
        Promise(id="kind", text="Always kind.", made_on=date(2025, 1, 1)),
    ]
    shown = show_promises_at_risk(story(contacts, promises))
    rows = {row[0]: row[-2:] for row in shown.blocks[1].data["rows"]}
    assert rows == {"Solved in a day.": [30, 10], "Solved in a year.": [0, 0], "Always kind.": [None, None]}
    assert (
        "30 cases of the latest week are past the time of 1 of 3 promises without the customer's word"
        in shown.answer.data["sentence"]
    )
    assert show_promises_at_risk(story(contacts)).answer.data["level"] == "unknown"


def test_a_case_that_waits_for_two_promises_is_one_case(contacts):
    vow = {"made_on": date(2025, 1, 1), "measure": "customer_clock_h"}
    twice = [Promise(id=name, text=f"Solved {name}.", threshold=hours, **vow) for name, hours in (("a", 24), ("b", 30))]
    shown = show_promises_at_risk(story(contacts, twice))
    assert [row[-2:] for row in shown.blocks[1].data["rows"]] == [[30, 10], [30, 10]]
    assert shown.answer.data["sentence"].startswith("30 cases of the latest week are past the time of 2 of 2 promises")
    assert "and 10 more will be" in shown.answer.data["sentence"]


def test_the_silent_list_gives_its_size_and_no_customer(monkeypatch, contacts):
    now = pd.DataFrame({"customer_id": [f"c{i}" for i in range(40)], "perception_answered": [0.0] * 10 + [1.0] * 30})
    monkeypatch.setattr(tested, "leaving_study", lambda story: SimpleNamespace(calls=now.head(20), now=now))
    shown = show_silent_risk(story(contacts))
    assert shown.answer.data["sentence"].startswith("20 customers are worth a call; 10 of them, 50 %")
    assert "c0" not in str([block.data for block in shown.blocks])
    monkeypatch.setattr(tested, "leaving_study", lambda story: SimpleNamespace(calls=now.head(3), now=now))
    assert show_silent_risk(story(contacts)).answer.data["sentence"] == ("Fewer than 10 customers are worth a call.")


def surveys(missing_now):
    days = pd.date_range("2024-12-30", "2025-03-09", freq="3h", tz="UTC")
    frame = pd.DataFrame(
        {"response_id": [str(i) for i in range(len(days))], "invited_at": days, "csat": 5.0, "nps": 9.0}
    )
    frame["responded_at"] = frame["invited_at"] + pd.Timedelta(hours=1)
    last = frame["invited_at"] >= WEEK.start
    return frame.assign(nps=frame["nps"].mask(last & (np.arange(len(frame)) % 10 < missing_now)))


def test_a_column_that_dries_up_is_named_and_a_steady_one_is_not():
    shown = show_data_drift(story(surveys=surveys(missing_now=6)))
    table = shown.blocks[-1].data
    assert [row[:2] for row in table["rows"]] == [["surveys", "nps"]]
    assert "1 of 4 columns differ from the week before; most: nps (surveys)." in shown.blocks[-2].data["sentence"]
    steady = show_data_drift(story(surveys=surveys(missing_now=0))).blocks[-1].data
    assert steady["sentence"].startswith("Missing values: 0 of 4 columns differ")


def test_stamps_still_to_come_are_no_drift():
    frame = surveys(missing_now=0)
    late = frame["invited_at"].dt.day_of_week >= 4  # weekend's answers come a week later, this week's after its end
    frame["responded_at"] = frame["responded_at"].mask(late, frame["invited_at"] + pd.Timedelta("7D"))
    silent = frame["responded_at"] >= WEEK.end
    frame[["responded_at", "csat", "nps"]] = frame[["responded_at", "csat", "nps"]].mask(silent)
    shown = show_data_drift(story(surveys=frame)).blocks[-1].data
    assert shown["sentence"].startswith("Missing values: 0 of 4 columns differ")


def test_rows_are_set_beside_their_usual_number():
    frame = surveys(missing_now=0)
    halved = frame[(frame["invited_at"] < WEEK.start) | (np.arange(len(frame)) % 4 == 0)]
    shown = show_data_drift(story(surveys=halved))
    assert shown.answer.data["sentence"] == "Rows in week of 3 March 2025: surveys 13 (usually 56; unusually few)."
    refuse_unfounded([block.as_json() for block in shown.blocks])
