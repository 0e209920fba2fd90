"""What we said last time, tested on this period's data."""

from typing import Any

import pandas as pd

from analytics.measures.estimate import SAID, Estimate
from analytics.publish import blocks
from analytics.report.problems import name_problem
from analytics.report.record import Verdict, read_claims, retest, running_record
from analytics.report.story import Story
from analytics.report.words import Section, section, section_of
from analytics.tables.schema import NotMeasured

REPORT = "leadership"


@section
def show_last_time(story: Story, *sections: Section) -> Section:
    """Each claim of the previous report, tested on this period's data, and the running record."""
    folder = story.config.resolve(story.config.report.output) / REPORT
    previous = read_claims(folder, story.period.previous().name)
    if previous is None:
        last = story.period.previous().label
        nothing = f"No readable report of {last} is published, so there is nothing to test again."
        line = blocks.unknown(nothing, settle="building that report, then this one")
        return Section([line], line)
    now = [block.data for part in sections for block in part.blocks if block.data.get("key")]
    table = retest(previous, [*_problems_now(story), *now])
    latest = table["verdict"].value_counts().reindex(list(Verdict), fill_value=0)
    record = running_record(folder, story.history[:-1]).add(latest)
    record_so_far = blocks.finding(
        f"Of {len(table)} statements of {story.period.previous().label}: {_counted(latest)}. "
        f"Over all reports so far: {_counted(record)}."
    )
    if table.empty:
        return section_of([record_so_far])
    figures = pd.Series([_restated(row) for _, row in table.iterrows()], index=table.index, dtype=object)
    listing = blocks.table(
        table.drop(columns=["now_low", "now_high"]).assign(now=figures), caption="What we said last time.", source=SAID,
        n=int(table["n"].fillna(0).max()), formats={"n": "count"}, people="people",
        columns={"said": "What we said", "verdict": "On new data", "now": "Figure now", "n": "Answers"},
        note="Held: the difference of the two figures has an interval around zero, or it went further the same way.",
    )  # fmt: skip
    return section_of([record_so_far, listing])


def _problems_now(story: Story) -> list[dict[str, Any]]:
    """Every problem's share, as one named last time may be no open problem now and have no sentence of its own."""
    try:
        table = story.problem_table
    except NotMeasured:
        return []
    named = table[table["n"] >= story.k].dropna(subset="value")
    return [name_problem(row).data for _, row in named.iterrows()]


def _counted(counts: pd.Series) -> str:
    held, failed, open_still = (counts[verdict] for verdict in (Verdict.HELD, Verdict.DID_NOT, Verdict.CANNOT_TELL))
    return f"{held} held, {failed} did not, {open_still} cannot be told"


def _restated(row: pd.Series) -> Estimate | None:
    if pd.isna(row["now"]):
        return None
    return Estimate(row["now"], row["now_low"], row["now_high"], int(row["n"]), row["unit"], SAID)
