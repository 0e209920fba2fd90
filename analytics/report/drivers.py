"""What the analyst's notebook shows beyond the report's explanation: shares of variance, and both clocks by team."""

import pandas as pd

from analytics.contrast.clocks import compare_clocks
from analytics.contrast.diagnosis import alike_measures, name_measure
from analytics.contrast.drivers import BETWEEN, WITHIN, rank_drivers
from analytics.measures.estimate import OBSERVED, SAID
from analytics.measures.suppress import count_people
from analytics.publish import blocks
from analytics.report import tested, words
from analytics.report.explanation import clock_cell
from analytics.report.story import Story
from analytics.report.words import Section, capital, listed, section
from analytics.tables.schema import NotMeasured

FEWEST = 50  # cases that must carry a figure before it is ranked
DISAGREEMENTS = {BETWEEN: "slopes differ between segments", WITHIN: "the pooled slope is not the one within segments"}


@section
def show_drivers(story: Story) -> Section:
    """Which recorded events go with the score, as shares of its variance; by segment where segments differ."""
    cases, outcome = story.cases_recent, tested.perceived(story)
    scored = cases[cases[outcome].notna()]
    present = [c for c in tested.recorded(story) if c in scored and scored[c].nunique() > 1]
    present = [c for c in alike_measures(scored, present) if scored[c].notna().sum() >= FEWEST]
    if not present or len(scored) < tested.SCORED:
        raise NotMeasured(f"fewer than {tested.SCORED} scored cases with a recorded event", needed_for="drivers")
    by = "segment" if "segment" in cases and cases["segment"].nunique() > 1 else None
    if by:
        people = scored.groupby(by)["case_id"].agg(lambda ids: count_people(scored.loc[ids.index]))
        scored = scored[scored[by].map(people) >= story.k]
    ranked = rank_drivers(scored, outcome, present, by=by, confidence=story.confidence)
    names = story.config.names
    refusal = _refusal(ranked.attrs["disagreements"], names) if by else ""
    if by and not refusal:
        ranked, by = ranked.reset_index(by).query(f"{by} == 'all'").drop(columns=by), None
    table = ranked.reset_index(names=[by, "driver"] if by else ["driver"]).rename(columns={"lmg": "value"})
    table["driver"] = table["driver"].map(lambda driver: name_measure(driver, names)[0])
    table["direction"] = table["sign"].map({1: "rated higher", -1: "rated lower", 0: "no direction told apart"})
    heads = {"driver": "Recorded event", "value": "Share of variance", "direction": "Cases with more of it are"}
    listing = blocks.table(
        table.assign(unit="share"), source=[SAID, OBSERVED], n=len(scored),
        caption=f"Share of the differences in {words.SCORE_WORDS[outcome]} that goes with each recorded event.",
        columns={by: by.capitalize(), **heads} if by else heads,
        people=table[by].map(people) if by else count_people(scored),
        note="Shapley shares of R² (LMG) on ranks; an interval reaching zero may be nothing. No cause is shown.",
    )  # fmt: skip
    unknowns = [blocks.unknown(refusal)] if refusal else []
    return Section([*unknowns, listing], [*unknowns, listing][0], unknowns)


def _refusal(disagreements: pd.DataFrame, names: dict[str, str]) -> str:
    """Why no ranking is given for the segments together; '' where they agree."""
    standing = disagreements[disagreements["stands"]]
    if standing.empty:
        return ""
    reasons = [
        f"{DISAGREEMENTS[str(kind)]} ({listed([name_measure(name, names)[0] for name in drivers])})"
        for kind, drivers in standing.groupby("kind", sort=False)["driver"].unique().items()
    ]
    unknown = "Which event goes most with the score is not known for the segments together"
    return f"{unknown}: {'; '.join(reasons)}."


@section
def show_clocks(story: Story) -> Section:
    """The customer's clock beside the company's, by team, channel or reason."""
    cases = story.cases_recent
    if not cases["ended"].eq("confirmed").any():
        raise NotMeasured(table="contacts", columns=["confirmed_at"], needed_for="the clocks")
    by = next((c for c in ("team", "channel", "reason") if c in cases and 1 < cases[c].nunique() <= 12), None)
    table = compare_clocks(cases, [by] if by else [], story.confidence, story.k).assign(group="all cases")
    group, cells = by or "group", table.assign(cell=[clock_cell(row) for _, row in table.iterrows()])
    counts = cells[cells["measure"] == "customer_clock_h"].set_index(group)[["n", "confirmed", "people"]]
    rows = cells.pivot(index=group, columns="measure", values="cell").join(counts).reset_index()
    heads = {
        group: capital(group), "n": "Cases", "confirmed": "Confirmed", "customer_clock_h": "Customer's clock",
        "company_clock_h": "Company's clock", "gap_h": "Gap",
    }  # fmt: skip
    listing = blocks.table(
        rows, source=[SAID, OBSERVED], n=int(counts["n"].sum()), formats={"confirmed": "share"}, people="people",
        caption="Median hours from first attempt to the customer's own confirmation, and by the company's stamps.",
        columns={column: head for column, head in heads.items() if column in rows},
        note=f"Cases of the {story.span}; those not confirmed count as unfinished. "
        "Where fewer than half have confirmed, the median is not known: the time by which a quarter had is given.",
    )  # fmt: skip
    return words.section_of([listing])
