"""A score over the periods as charts may show it: nothing of few people, nor of the few who came late to a period."""

import pandas as pd

from analytics.publish.versions import VERSIONS, is_whole, read_blocks
from analytics.report.facts import once
from analytics.report.movement import people_over_time
from analytics.report.retest import REPORT
from analytics.report.score import Score
from analytics.report.story import Story

REPORTS = (REPORT, "operations")
POINT = ("value", "low", "high", "n", "people")
NOTHING = dict(zip(POINT, (*[float("nan")] * 3, 0, 0), strict=True))


def shown_over_time(story: Story, score: Score) -> pd.DataFrame:
    """A score by period (period, value, low, high, n, people), without a figure where fewer than k people stand.

    An earlier period stays as the last report published it while 1 to k - 1 people came or went since any that did:
    two reports in hand would tell what these few said. So does every point that a report may have shown which is no
    longer as it was published; one that no other report shows has no figure.
    """
    series = story.over_time(score)
    series = series.assign(people=series["period"].map(people_over_time(story, score)))
    published, damaged = published_points(story)
    for place, row in series[series["period"] != story.period.name].iterrows():
        points = published.get((score.column, row["period"]), [])
        gaps = [abs(point["people"] - row["people"]) for point in points]
        if row["period"] <= damaged or (gaps and 0 < min(gaps) < story.k):
            series.loc[place, list(POINT)] = list((points or [NOTHING])[-1].values())
    series.loc[series["people"] < story.k, ["value", "low", "high"]] = float("nan")
    return series


@once
def published_points(story: Story) -> tuple[dict[tuple[str, str], list[dict[str, float]]], str]:
    """Points of scores over time in published reports, by score and period, that of the latest report last.

    And the last period of which a version is damaged, '' for none.
    """
    points: dict[tuple[str, str], list[dict[str, float]]] = {}
    damaged = ""
    folders = [story.config.report_folder(report, story.part) for report in REPORTS]
    for place in (folder / period for period in story.history for folder in folders):
        for version in [*sorted((place / VERSIONS).glob("v*")), place]:
            if not is_whole(version, "notebook.ipynb"):
                damaged = max(damaged, place.name if (version / "report.pdf").exists() else "")
                continue
            for block in (b for b in read_blocks(version) if "series" in b):
                drawn = [row for row in block["drawn"]["rows"] if row[1] is not None]
                for (period, *figure), people in zip(drawn, block["people"], strict=True):
                    point = dict(zip(POINT, (*figure, people, people), strict=True))
                    points.setdefault((block["series"], period), []).append(point)
    return points, damaged
