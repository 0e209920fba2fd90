"""Promises and recovery in reports: what is told of each, what it weighs, and small groups withheld."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from analytics.config import Config, Organisation, Promise, ReportSettings, Source
from analytics.report.promises import show_promises, show_views_apart
from analytics.report.recovery import show_aftermath, show_recovery
from analytics.report.story import Story
from analytics.tables.periods import parse_period
from analytics.tables.schema import ReadLog, Tables

MONTH = parse_period("2026-01").localise("UTC")
DAY = pd.Timestamp("2026-01-10", tz="UTC")
MONTHS = 31 / (365.25 / 12)  # of January
FAST = Promise(
    id="fast", text="Solved in a day.", made_on=date(2026, 1, 1), measure="customer_clock_h", threshold=24, share=0.9
)
KIND = Promise(id="kind", text="Always kind.", made_on=date(2026, 1, 1))


def story(promises=(FAST,), **tables):
    config = Config(
        organisation=Organisation(name="Acme"), sources={"contacts": Source(path="x.csv")},
        report=ReportSettings(frequency="month"), promises=list(promises),
    )  # fmt: skip
    return Story(config, MONTH, Tables(**tables), ReadLog())


def solved(*segments, confirmed=0.5, returned=0.0):
    """Cases all closed within the hour; of each segment the first are confirmed then, the last brought back later."""
    names = [f"{segment}{i}" for segment, n in segments for i in range(n)]
    first = pd.DataFrame({"case_id": names, "customer_id": names, "started_at": DAY, "reopened": 0.0})
    place = np.concatenate([(np.arange(n) + 0.5) / n for _, n in segments])
    first["resolved_at"] = DAY + pd.Timedelta(hours=1)
    first["confirmed_at"] = first["resolved_at"].where(place < confirmed)
    back = first[place > 1 - returned].assign(started_at=DAY + pd.Timedelta(days=3), reopened=1.0)
    contacts = pd.concat([first, back], ignore_index=True).assign(contact_id=lambda rows: rows.index.astype(str))
    kinds = [segment for segment, n in segments for _ in range(n)]
    return {"contacts": contacts, "customers": pd.DataFrame({"customer_id": names, "segment": kinds})}


def rows(section, table=0):
    return [block for block in section.blocks if block.kind == "table"][table].data["rows"]


def sentences(section):
    return [block.data["sentence"] for block in section.blocks if block.kind == "finding"]


def test_the_views_lie_apart_by_records_less_the_bounds_of_the_view():
    everyone, business, home = rows(show_views_apart(story(**solved(("home", 40), ("business", 20), returned=0.25))))
    assert [row[2] for row in (everyone, business, home)] == [60, 20, 40]
    assert everyone[3]["value"] == 1.0
    assert everyone[4] == "38 % to 84 %" and everyone[5] == "+10 % to +62 %"  # Wilson on 30 and on 45 of 60


def test_a_segment_of_few_voices_is_withheld_with_its_partner():
    everyone, business, home = rows(show_views_apart(story(**solved(("home", 40), ("business", 4)))))
    assert everyone[2] == 44 and everyone[4] != "not known"
    assert business[2] is home[2] is None and business[4] == home[4] == "not known"
    assert (business[6], home[6]) == ("withheld: fewer than 10 people, or with such a group",) * 2


def test_nobody_has_said_anything_is_an_honest_line():
    silent = story(**solved(("home", 40), confirmed=0))
    assert show_views_apart(silent).answer.data["level"] == "unknown"
    (sentence, unknown) = sentences(show_promises(silent))
    assert sentence.startswith(
        "“Solved in a day”: by our records kept: it was in 100 % (91–100) of 40 cases due, where 90 %"
    )
    assert sentence.endswith("too few customers have said.") and unknown.startswith("Whether customers see")


def test_a_promise_that_customers_contradict_is_a_stake_without_a_weight_where_no_score_is_given():
    shown = show_promises(story((KIND, FAST), **solved(("home", 200), confirmed=0.3, returned=0.5)))
    (stake,) = shown.stakes
    assert "“Solved in a day” is kept in at most 57 % of cases" in stake.finding.data["sentence"]
    assert len(stake.finding.data["sentence"].split()) <= 25
    assert np.isnan(stake.low) and stake.touched == pytest.approx(100 / MONTHS) and len(stake.people) == 100
    assert "view not kept: it was in 24 % to 57 %" in shown.answer.data["sentence"], "the broken promise comes first"
    assert [unknown.data["sentence"] for unknown in shown.unknowns] == [
        "Whether customers see “Always kind” as kept is not known."
    ]
    (row,) = rows(shown)
    assert row[0] == "Solved in a day." and row[2] == "90 %", "nothing is promised to 100 % that nobody measures"


@pytest.mark.parametrize(("unhappy", "gap"), [(0.9, 0.8), (0.5, 0.4), (0.1, 0.0)])
def test_a_broken_promise_weighs_what_those_are_worse_off_to_whom_it_was(unhappy, gap):
    tables = solved(("home", 200), confirmed=0.3, returned=0.5)
    contacts = tables["contacts"].drop_duplicates("case_id")
    broken = tables["contacts"]["case_id"].duplicated(keep=False)[: len(contacts)].to_numpy()
    within = np.where(broken, np.cumsum(broken), np.cumsum(~broken)) % 10
    surveys = contacts[["contact_id", "customer_id"]].assign(
        response_id=contacts["contact_id"], responded_at=DAY + pd.Timedelta(days=1),
        csat=np.where(within < 10 * np.where(broken, unhappy, 0.1), 1.0, 5.0),
    )  # fmt: skip
    (stake,) = show_promises(story(**tables, surveys=surveys)).stakes
    if gap:
        assert stake.more == pytest.approx(gap * 100 / MONTHS, rel=0.15) and 0 < stake.low < stake.more
        assert "Where it was not, satisfied customers: " in stake.finding.data["sentence"]
    else:
        assert np.isnan(stake.low), "customers are no less satisfied where it was broken"


def test_a_promise_met_in_every_case_is_no_stake():
    assert show_promises(story(**solved(("home", 200), confirmed=0.97))).stakes == []


def complained(after_gesture, n=400, said=True):
    """Customers who complained a year ago, half of them fixed, half given a gesture, crosswise."""
    names = [f"c{i}" for i in range(n)]
    frame = pd.DataFrame(
        {"complaint_id": names, "customer_id": names, "goodwill_value": [10.0, 10.0, 0.0, 0.0] * (n // 4)}
    )
    frame["received_at"] = DAY - pd.Timedelta(days=365) + pd.to_timedelta(range(n), unit="h")
    frame["remedy"] = ["none", "full"] * (n // 2)
    if said:
        frame["confirmed_fixed"] = frame["remedy"].eq("full").astype("boolean")
    alone = frame["remedy"].eq("none") & frame["goodwill_value"].gt(0)
    leaves = np.where(alone, np.arange(n) % 40 < 40 * after_gesture, np.arange(n) % 40 < 4)
    left = (frame["received_at"] + pd.Timedelta(days=30)).where(leaves)
    return {"complaints": frame, "customers": pd.DataFrame({"customer_id": names, "left_at": left})}


@pytest.mark.parametrize(("said", "source"), [(True, "said by customers"), (False, "by our records")])
def test_a_gesture_without_a_fix_that_goes_with_leaving_is_a_stake(said, source):
    shown = show_recovery(story(promises=(), **complained(0.6, said=said)))
    (stake,) = shown.stakes
    assert "Of customers given a gesture but no fix, 60 % (50–69) left" in stake.finding.data["sentence"]
    assert len(stake.finding.data["sentence"].split()) <= 25 and 0 < stake.low < stake.more < stake.touched
    assert shown.blocks[0].data["sentence"] == stake.finding.data["sentence"]
    assert any(f"was not fixed ({source})" in sentence for sentence in sentences(shown))
    table = next(block.data for block in shown.blocks if block.kind == "table")
    assert table["n"] == sum(row[2] for row in table["rows"]) == 400
    assert "0 of 400 who complained are left out" in table["note"]


def test_where_gestures_go_with_no_more_leaving_no_difference_is_told():
    shown = show_recovery(story(**complained(0.1)))
    assert shown.stakes == [] and "no difference is shown, it lies between" in shown.answer.data["sentence"]


def test_what_is_not_set_up_takes_one_line_without_a_column():
    nothing = story(promises=(), complaints=pd.DataFrame({"complaint_id": ["1"], "received_at": [DAY]}))
    for shown in (show_promises(nothing), show_recovery(nothing)):
        (line,) = shown.blocks
        assert line.data["level"] == "unknown" and "_" not in line.data["sentence"] + line.data["settle"]


@pytest.mark.parametrize("complaints", [None, pd.DataFrame({"received_at": [DAY], "goodwill_value": [0.0]})])
def test_without_a_recorded_complaint_what_followed_is_unknown(complaints):
    assert show_aftermath(story(complaints=complaints)).answer.data["level"] == "unknown"
