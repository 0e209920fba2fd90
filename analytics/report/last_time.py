"""What we said last time, tested on this period's data."""

from typing import Any

import pandas as pd

from analytics.measures.estimate import SAID, Estimate
from analytics.publish import blocks
from analytics.report.problems import name_problem
from analytics.report.record import Verdict, read_claims, retest, running_record
from analytics.report.story import Story
from analytics.report.words import Section, section
from analytics.tables.schema import NotMeasured

REPORT = "leadership"


@section
def show_last_time(story: Story, *sections: Section) -> Section:
    """Each claim of the previous report, tested on this period's data, and the running record."""
    folder = story.config.report_folder(REPORT, story.part)
    previous = read_claims(folder, story.period.previous().name)
    if previous is None:
        line = blocks.unknown(
            f"No readable report of {story.period.previous().label} is published, so there is nothing to test again.",
            settle="building that report, then this one",
        )
        return Section([line], line)
    now = [block.data for part in sections for block in part.blocks if block.data.get("key")]
    table = retest(previous, [*_problems_now(story), *now])
    latest = table["verdict"].value_counts().reindex(list(Verdict), fill_value=0)
    record = running_record(folder, story.history[:-1]).add(latest)
    counted = blocks.finding(
        f"Of {len(table)} statements of {story.period.previous().label}: {_counted(latest)}. "
        f"Over all reports so far: {_counted(record)}."
    )
    if table.empty:
        return Section([counted], counted)
    figures = pd.Series([_restated(row) for _, row in table.iterrows()], index=table.index, dtype=object)
    listing = blocks.table(
        table.drop(columns=["now_low", "now_high"]).assign(now=figures),
        caption="What we said last time.",
        source=SAID,
        n=int(table["n"].fillna(0).max()),
        columns={"said": "What we said", "verdict": "On new data", "now": "Figure now", "n": "Answers"},
        formats={"n": "count"},
        note="Held: the difference of the two figures has an interval around zero, or it went further the same way.",
        people="people",
    )
    return Section([counted, listing], counted)


def _problems_now(story: Story) -> list[dict[str, Any]]:
    """Every problem's share, as one named last time may be no open problem now and have no sentence of its own."""
    try:
        table = story.problem_table
    except NotMeasured:
        return []
    named = table[table["n"] >= story.k].dropna(subset="value")
    return [name_problem(row).data for _, row in named.iterrows()]


def _counted(counts: pd.Series) -> str:
    return (
        f"{counts[Verdict.HELD]} held, {counts[Verdict.DID_NOT]} did not, {counts[Verdict.CANNOT_TELL]} cannot be told"
    )


def _restated(row: pd.Series) -> Estimate | None:
    if pd.isna(row["now"]):
        return None
    return Estimate(row["now"], row["now_low"], row["now_high"], int(row["n"]), row["unit"], SAID)
