"""Charts of the history: what a few late people said does not follow from two reports."""

import pandas as pd
import pytest

from analytics.config import Config
from analytics.publish.blocks import MIME
from analytics.publish.versions import digest, write_json
from analytics.report.cutoff import tables_at
from analytics.report.history import shown_over_time
from analytics.report.perception import score_chart
from analytics.report.score import SCORES
from analytics.report.story import Story
from analytics.tables.periods import parse_period
from analytics.tables.schema import ReadLog, Tables

CSAT = SCORES["csat"]


def story(root, late=0):
    """Forty answers a month from January to March 2025, half of them satisfied, and late ones to February."""
    days = [f"2025-0{month}-10" for month in (1, 2, 3) for _ in range(40)] + ["2025-02-11"] * late
    stamps, scores = pd.to_datetime(days, utc=True), ([1.0, 5.0] * 60 + [1.0] * late)
    names = [f"c{i}" for i in range(len(days))]
    frame = pd.DataFrame({"response_id": names, "customer_id": names, "invited_at": stamps, "responded_at": stamps})
    period = parse_period("2025-03").localise("UTC")
    tables = tables_at(Tables(surveys=frame.assign(csat=scores)), period.end)
    config = Config.model_validate(
        {"organisation": {"name": "N", "timezone": "UTC"}, "sources": {"surveys": {"path": "x.csv"}}, "root": root}
    )
    return Story(config, period, tables, ReadLog())


def publish(root, chart):
    folder = root / "reports/leadership/2025-03"
    folder.mkdir(parents=True)
    write_json(folder / "notebook.ipynb", {"cells": [{"outputs": [{"data": {MIME: chart}}]}]})
    write_json(folder / "manifest.json", {"files": {"notebook.ipynb": digest(folder / "notebook.ipynb")}})
    (folder / "report.pdf").write_text("")
    return folder / "notebook.ipynb"


@pytest.mark.parametrize(("late", "people"), [(0, 40), (3, 40), (9, 40), (10, 50)])
def test_an_earlier_point_stays_as_published_until_enough_came_late(tmp_path, late, people):
    publish(tmp_path, score_chart(story(tmp_path), CSAT)[0].as_json())
    february = shown_over_time(story(tmp_path, late), CSAT).set_index("period").loc["2025-02"]
    assert february["people"] == february["n"] == people
    assert february["value"] == (0.5 if people == 40 else 0.4)


def test_what_a_damaged_report_may_have_shown_is_not_shown_anew(tmp_path):
    publish(tmp_path, score_chart(story(tmp_path), CSAT)[0].as_json()).write_text('{"cells": 3}')
    series = shown_over_time(story(tmp_path, 3), CSAT).set_index("period")
    assert series["value"].notna().to_list() == [False, False, True]
