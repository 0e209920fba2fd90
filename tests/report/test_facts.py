"""Sentences say no more than the counts behind them: who is counted, over which time, against whom."""

import numpy as np
import pandas as pd
import pytest

from analytics import report
from analytics.config import Config, Organisation, Source
from analytics.measures.estimate import SAID, Estimate
from analytics.measures.leaving.leavers import estimate_silent_leavers
from analytics.publish.collect import refuse_unfounded
from analytics.publish.format import format_interval
from analytics.report.answers import who_answered
from analytics.report.leaving import silent_sentence
from analytics.report.story import Story
from analytics.report.words import say
from analytics.tables.periods import parse_period
from analytics.tables.schema import ReadLog, Tables

MONTH = parse_period("2026-10").localise("UTC")
DAY = pd.Timestamp("2026-10-05", tz="UTC")


def story(**tables: pd.DataFrame) -> Story:
    config = Config(organisation=Organisation(name="Acme"), sources={"surveys": Source(path="x.csv")})
    return Story(config, MONTH, Tables(**tables), ReadLog())


def sentences(blocks) -> list[str]:
    return [block.data["sentence"] for block in blocks if "sentence" in block.data]


def test_the_silent_are_people_who_said_nothing_and_not_invitations():
    """Sixty customers are asked twice each; twenty of them answer once."""
    asked = pd.DataFrame({"customer_id": [f"c{i % 60}" for i in range(120)], "invited_at": DAY})
    asked["response_id"] = [str(i) for i in range(120)]
    asked["nps"] = np.where(np.arange(120) < 20, 9.0, np.nan)
    asked["responded_at"] = asked["invited_at"].where(asked["nps"].notna()) + pd.Timedelta(days=1)
    made = story(surveys=asked)
    findings, _ = who_answered(made, made.scores[0])
    settle = next(block.data["settle"] for block in findings if block.data["settle"])
    assert "reaching 40 of the 40 silent" in settle
    asked = "60 customers were asked 120 times in October 2026; 17 % (11–24) of the times they answered."
    assert sentences(findings)[0] == asked


@pytest.mark.parametrize(
    ("begun", "span"),
    [
        (["2026-10-02", "2026-10-20"], "latest month"),
        (["2026-09-20", "2026-10-20"], "last 2 months"),
        (["2025-01-01", "2026-05-01"], "last 6 months"),
    ],
)
def test_a_comparison_names_the_months_that_the_cases_cover(begun, span):
    contacts = pd.DataFrame(
        {"contact_id": ["1", "2"], "customer_id": "a", "started_at": pd.to_datetime(begun, utc=True)}
    )
    assert story(contacts=contacts.assign(case_id=contacts["contact_id"])).span == span


@pytest.mark.parametrize(
    ("figures", "written"),
    [
        ((1.34, 1.013, 2.44), "1.01–2.44"),
        ((0.7, 0.5, 0.997), "0.500–0.997"),
        ((2.37, 1.52, 3.63), "1.5–3.6"),
        ((30.0, 17.3, 58.0), "17–58"),
        ((1.2, 0.9, 1.6), "0.9–1.6"),
    ],
)
def test_a_bound_apart_from_once_as_often_is_never_written_as_it(figures, written):
    assert format_interval(*figures, "times")[1] == written


def complained(n: int = 240, gesture: bool = True) -> pd.DataFrame:
    """Complaints of which every second tells whether it was fixed; a gesture goes to all of them."""
    frame = pd.DataFrame({"complaint_id": [str(i) for i in range(n)], "customer_id": [f"c{i}" for i in range(n)]})
    frame["received_at"] = DAY - pd.to_timedelta(np.arange(n), unit="D")
    frame["remedy"] = "none"
    frame["confirmed_fixed"] = pd.array([None if i % 2 else i % 4 == 0 for i in range(n)], dtype="boolean")
    return frame.assign(goodwill_value=10.0) if gesture else frame


def test_gestures_are_counted_where_their_outcome_is_known_and_the_sentence_says_so():
    told = sentences(report.show_recovery(story(complaints=complained(n=250))).blocks)
    assert any(
        text.startswith("Of the first 120 gestures up to October 2026 with a known outcome, 50 %") for text in told
    )


def test_where_no_gesture_is_recorded_nothing_is_said_of_fixes_that_are_recorded():
    section = report.show_recovery(story(complaints=complained(gesture=False)))
    assert sentences(section.blocks)[0].startswith(
        "Where gestures went is not known: fewer than 10 gestures are recorded"
    )
    refuse_unfounded([block.as_json() for block in section.blocks])


def test_a_category_whose_share_falls_while_its_number_rises_is_told_as_a_share():
    """Sixty complaints a month about repairs and forty about bills; in October 120 and 480."""
    months = pd.date_range("2026-01-01", periods=10, freq="MS", tz="UTC") + pd.Timedelta(days=4)
    counts = pd.DataFrame({"repairs": [60] * 9 + [120], "bills": [40] * 9 + [480]}, index=months).stack()
    rows = counts.index.repeat(counts).to_frame(index=False, name=["received_at", "category"])
    told = sentences(report.show_problems(story(complaints=rows.assign(complaint_id=rows.index.astype(str)))).blocks)
    assert any(text.startswith("The share of complaints under “repairs” fell to 20 %") for text in told)
    assert not any(text.startswith("Complaints under") for text in told)


def test_a_share_that_stays_where_it_moved_to_says_since_when():
    months = pd.date_range("2026-01-01", periods=10, freq="MS", tz="UTC") + pd.Timedelta(days=4)
    counts = pd.DataFrame({"repairs": [60] * 7 + [20] * 3, "bills": [40] * 7 + [180] * 3}, index=months).stack()
    rows = counts.index.repeat(counts).to_frame(index=False, name=["received_at", "category"])
    section = report.show_problems(story(complaints=rows.assign(complaint_id=rows.index.astype(str))))
    fell = next(text for text in sentences(section.blocks) if "“repairs” fell to 10 %" in text)
    assert ", and has been down since August 2026: before, " in fell and fell.endswith(" % was usual.")
    refuse_unfounded([block.as_json() for block in section.blocks], 10, MONTH)


def test_a_group_on_page_one_is_held_against_those_that_do_not_stand_out():
    share = Estimate(0.58, 0.47, 0.68, 168, "share", SAID)
    told = say("groups.stake", subject="NPS", figure=share, column="team", group="A", gap="9 points less (5–12)")
    assert told.endswith("than for others that do not stand out.")


def test_the_days_of_a_window_are_those_of_the_organisations_zone():
    """In summer time October begins at eleven at night, UTC."""
    left = pd.DataFrame({"customer_id": [f"c{i}" for i in range(40)]})
    left["left_at"] = pd.Series([pd.Timestamp("2026-09-10", tz="UTC")] * 20).reindex(range(40))
    spoke = pd.to_datetime(["2025-05-01", "2026-08-01"], utc=True)
    words = pd.DataFrame({"complaint_id": ["a", "b"], "customer_id": ["c1", "c30"], "received_at": spoke})
    end = pd.Timestamp("2026-10-01", tz="Europe/London")
    window = {"start": end - pd.Timedelta(days=90), "end": end}
    leavers = estimate_silent_leavers(Tables(customers=left, complaints=words), **window)
    assert "in the 90 days to 30 September 2026 had neither" in silent_sentence(leavers)


def test_a_figure_is_of_the_companies_that_the_period_holds_and_not_of_all_in_the_file():
    answered = pd.DataFrame({"response_id": [str(i) for i in range(90)], "csat": 5.0, "responded_at": DAY})
    answered["company"] = [f"maker {i % 3}" for i in range(90)]
    before = answered.assign(responded_at=DAY - pd.Timedelta(days=60), company=[f"maker {i}" for i in range(90)])
    before["response_id"] = "before " + before["response_id"]
    made = story(surveys=pd.concat([answered, before], ignore_index=True))
    assert report.show_perception(made).blocks[0].data["sentence"].endswith("The figure is of 3 companies together.")


def test_a_handful_of_early_answers_is_not_what_a_score_usually_is():
    """Three promoters a month at first, then sixty answers a month of which half are promoters."""
    months = pd.date_range("2025-09-01", periods=14, freq="MS", tz="UTC") + pd.Timedelta(days=4)
    sizes = [3] * 8 + [60] * 6
    rows = pd.DataFrame({"responded_at": months.repeat(sizes), "nps": 10.0})
    full = rows["responded_at"] >= months[8]
    rows["nps"] = rows["nps"].where(~full | (np.arange(len(rows)) % 2 == 0), 3.0)
    headline = report.show_perception(story(surveys=rows.assign(response_id=rows.index.astype(str)))).blocks[0]
    assert headline.data["signal"] == "no change"
