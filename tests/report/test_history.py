"""Charts of the history: what a few late people said does not follow from two reports."""

import pandas as pd
import pytest

from analytics.config import Config
from analytics.publish.blocks import MIME
from analytics.publish.versions import write_json
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


@pytest.mark.parametrize(("late", "people"), [(0, 40), (3, 40), (9, 40), (10, 50)])
def test_an_earlier_point_stays_as_published_until_enough_came_late(tmp_path, late, people):
    chart = score_chart(story(tmp_path), CSAT)[0].as_json()
    folder = tmp_path / "reports/leadership/2025-03"
    folder.mkdir(parents=True)
    write_json(folder / "notebook.ipynb", {"cells": [{"outputs": [{"data": {MIME: chart}}]}]})
    february = shown_over_time(story(tmp_path, late), CSAT).set_index("period").loc["2025-02"]
    assert february["people"] == february["n"] == people
    assert february["value"] == (0.5 if people == 40 else 0.4)
