"""What explains each open problem: the one place of the report where internal figures stand, beside what customers say.

Diagnosis of each open problem, both clocks, drivers, watermelons, and cost against perception; never without a problem
that customers named.
"""

import functools

import pandas as pd

from analytics.contrast.clocks import compare_clocks
from analytics.contrast.diagnosis import MEASURES, Diagnosis, Problem, diagnose
from analytics.contrast.drift import find_drift
from analytics.contrast.drivers import rank_drivers
from analytics.contrast.groups import contrast_groups
from analytics.contrast.watermelon import find_watermelons
from analytics.measures.estimate import OBSERVED, SAID, Estimate
from analytics.publish import blocks, figures
from analytics.publish.blocks import Block
from analytics.report.story import DISPUTED, RECENT, SCORES, Story
from analytics.report.words import (
    EXPLAINED,
    THEME_WORDS,
    Section,
    capital,
    estimate_of,
    figure_of,
    gather,
    listed,
    not_known,
    section,
)
from analytics.tables.schema import NotMeasured, require

DRIVERS = ("first_response_h", "transfers", "reopens", "contacts", "handle_time_s", "hold_time_s", "wait_time_s")
KNOWN = 0.5  # share of cases that must carry a figure before it may speak for them
DRAWN = 8  # recorded figures drawn for a problem
NAMED_APART = 3  # figures that a chart's title names; of more it gives the number


@section
def show_explanation(story: Story) -> Section:
    """What differs inside between cases with an open problem and comparable ones; drivers, watermelons, drift."""
    named, lacks = _open_problems(story)
    disputes = _disputes(story)
    if not named and disputes is None:
        if lacks:
            return Section(lacks, lacks[0], lacks)
        told = blocks.finding("No problem is open, so no internal figure is shown: they only explain problems.")
        return Section([told], told)
    shown, unknowns = gather(
        *(functools.partial(_diagnosis, story, problem) for problem in [*named, *([disputes] if disputes else [])]),
        *([lambda: _relief(story)] if disputes else []),
        lambda: _clocks(story),
        lambda: _drivers(story),
        lambda: _watermelons(story),
        lambda: _drift(story),
    )
    answer = next((b for b in shown if b.kind == "finding"), shown[0])
    return Section([*lacks, *shown], answer, [*lacks, *unknowns])


def _open_problems(story: Story) -> tuple[list[Problem], list[Block]]:
    """The open themes, the most named first, or the one line that says why none can be told."""
    try:
        named = story.problem_table
        rows = [row for _, row in named[named["open"]].head(EXPLAINED).iterrows()]
        return [Problem(THEME_WORDS[row["theme"]], story.naming(row["theme"]), estimate_of(row)) for row in rows], []
    except NotMeasured as lack:
        return [], not_known(lack).blocks


def _disputes(story: Story) -> Problem | None:
    """Our answers that customers dispute, as a problem that they named; None where that is not recorded or too rare."""
    complaints = story.tables_now.complaints
    known = complaints[DISPUTED.column].dropna() if complaints is not None and DISPUTED.column in complaints else None
    if known is None or known.sum() < story.k:
        return None
    cases = story.cases_recent
    return Problem(
        "answers that customers dispute",
        cases.set_index("case_id")[DISPUTED.column],
        DISPUTED.measure(known, confidence=story.confidence),
    )


def _relief(story: Story) -> list[Block]:
    """Whether customers dispute answers with relief less often than those without."""
    words = {"none": "no relief", "partial": "partial relief", "full": "full relief"}
    cases = story.cases_recent
    require(cases, [DISPUTED.column, "remedy"], "disputes by kind of relief")
    cases = cases.assign(relief=cases["remedy"].map(words))
    found = contrast_groups(cases, DISPUTED.column, "relief", minimum=story.k, confidence=story.confidence)
    rows = found.frame.dropna(subset="value").assign(source=SAID)
    sentences = found.sentences[:1] if len(rows) == 2 else found.sentences  # of two groups one is the other's mirror
    return [
        blocks.prose(
            "\n".join(f"- {sentence.removeprefix('relief ').capitalize()}" for sentence in sentences),
            [estimate_of(row) for _, row in rows.iterrows()],
        )
    ]


def _diagnosis(story: Story, problem: Problem) -> list[Block]:
    """One open problem: what customers say, what the operation recorded, what differs."""
    found = diagnose(problem, story.cases_recent, k=story.k, confidence=story.confidence)
    shown: list[Block] = [blocks.prose(f"### {capital(problem.name)}")]
    customers, compared, *rest = found.sentences
    span = f"Over the last {RECENT} {story.period.frequency}s, {compared[:1].lower()}{compared[1:]}"
    shown.append(blocks.finding(f"{customers.rstrip('.')} in {story.period.label}.", [problem.evidence]))
    shown.append(blocks.prose("\n".join(f"- {sentence}" for sentence in [span, *rest]), [problem.evidence]))
    differing = found.frame[found.frame["differs"]]
    if found.frame["superiority"].notna().any():
        shown.append(_diagnosis_chart(found, differing, story))
    return shown


def _diagnosis_chart(found: Diagnosis, differing: pd.DataFrame, story: Story) -> Block:
    rows = found.frame.dropna(subset=["superiority"]).assign(n=lambda f: f["n_with"] + f["n_without"])
    rows = rows.rename(columns={"superiority": "value"}).assign(unit="share")
    names = differing["name"].tolist()
    verdict = f"{listed(names)} {'differs' if len(names) == 1 else 'differ'}" if names else "no recorded figure differs"
    if len(names) > NAMED_APART:
        verdict = f"{len(names)} of {len(rows)} recorded figures differ"
    away = (rows["value"] - 0.5).abs().where(~rows["differs"], 1.0)  # those that differ first
    shown = rows.loc[away.sort_values(ascending=False, kind="stable").index[:DRAWN]]
    left = f" Drawn: the {len(shown)} of {len(rows)} figures furthest apart." if len(shown) < len(rows) else ""
    return blocks.figure(
        figures.plot_intervals(
            shown,
            by="name",
            unit="share",
            reference=0.5,
            label="chance that the case with the problem has the higher value",
        ),
        alt=f"Internal measures of cases with {found.problem.name} against comparable cases; "
        f"{len(differing)} of {len(rows)} differ.",
        caption=f"{capital(found.problem.name)}: {verdict}.",
        source=OBSERVED,
        n=int(rows["n"].max()),
        note=f"50 % means no difference. Compared within reason, channel and segment; a difference is no cause.{left}",
    )


def _watermelons(story: Story) -> list[Block]:
    """Targets met where customers are worse off, and missed where they are content."""
    if not story.config.targets:
        return []
    perception = next((c for c in ("csat", "nps", "ces") if c in story.cases and story.cases[c].notna().any()), "csat")
    table = find_watermelons(
        story.cases_recent,
        story.config.targets,
        perception,
        contacts=story.recent.contacts,
        confidence=story.confidence,
        minimum=story.k,
    )
    alarms, score = float(table["false_alarms"].max()), SCORES[perception]
    unit = {"csat": "share", "nps": "points", "ces": "score"}[perception]
    shown = [
        blocks.finding(_joined(group), [_perceived(group.iloc[0], unit)])
        for _, group in table[table["finding"] != ""].groupby(["by", "group", "finding"], sort=False)
    ] or [blocks.finding("No target is met where customers are worse off than others, as far as the intervals tell.")]
    heads = {
        "target": "Target", "group": "Group", "goal": "Goal", "inside": "Met inside", "perceived": score.name,
        "n": "Answers", "finding": "Finding",
    }  # fmt: skip
    shown.append(
        blocks.table(
            table.assign(finding=table["finding"].replace("", "–")),
            caption="Targets inside, and what customers say.",
            source=[SAID, OBSERVED],
            n=int(table["n"].sum()),
            columns=heads,
            formats={"goal": "share", "inside": "share"} | ({"perceived": "share"} if unit == "share" else {}),
            note=f"The last {RECENT} {story.period.frequency}s. With answers shuffled between cases, this test raises "
            f"an alarm in {alarms:.0%} of tables.",
        )
    )
    return [blocks.prose("### Targets and what customers say"), *shown]


def _perceived(row: pd.Series, unit: str) -> Estimate:
    """What the customers of a row's group say."""
    return Estimate(row["perceived"], row["low"], row["high"], int(row["n"]), unit, SAID)


def _joined(group: pd.DataFrame) -> str:
    """One sentence for a group that several targets call green or red alike."""
    first, *others = group["sentence"]
    return "; ".join([first.rstrip("."), *(one.rstrip(".").rsplit("; ", 1)[1] for one in others)]) + "."


def _clocks(story: Story) -> list[Block]:
    """The customer's clock beside the company's, by team."""
    cases = story.cases_recent
    if not cases["ended"].eq("confirmed").any():
        raise NotMeasured("no confirmation by a customer (confirmed_at)", needed_for="the clocks")
    by = next((c for c in ("team", "channel", "reason") if c in cases and 1 < cases[c].nunique() <= 12), None)
    table = compare_clocks(cases, [by] if by else [], story.confidence, story.k).assign(group="all cases")
    group = by or "group"
    cells = table.assign(cell=[_clock_cell(row) for _, row in table.iterrows()])
    shown = cells.pivot(index=group, columns="measure", values="cell").reset_index()
    asked = cells[cells["measure"] == "customer_clock_h"].set_index(group)
    shown["n"], shown["confirmed"] = shown[group].map(asked["n"]), shown[group].map(asked["confirmed"])
    heads = {
        group: group.capitalize(), "n": "Cases", "confirmed": "Confirmed", "customer_clock_h": "Customer's clock",
        "company_clock_h": "Company's clock", "gap_h": "Gap",
    }  # fmt: skip
    return [
        blocks.prose("### Two clocks"),
        blocks.table(
            shown,
            caption="Median hours from first attempt to the customer's own confirmation, and by the company's stamps.",
            source=[SAID, OBSERVED],
            n=int(asked["n"].sum()),
            columns={column: head for column, head in heads.items() if column in shown},
            formats={"confirmed": "share"},
            note=f"Cases of the last {RECENT} {story.period.frequency}s; those not confirmed count as unfinished. "
            "Where fewer than half have confirmed, the median is not known: the time by which a quarter had is given.",
        ),
    ]


def _clock_cell(row: pd.Series) -> str:
    """A clock's median with its interval, or the time by which a quarter had confirmed."""
    if pd.notna(row["value"]) or not row["note"]:
        return figure_of(estimate_of(row)) if pd.notna(row["n"]) else "too few"
    quarter = row["note"].rsplit("within ", 1)
    return f"not known; a quarter within {quarter[1]}" if len(quarter) == 2 else "not known"


def _drivers(story: Story) -> list[Block]:
    """Which recorded events go with the score, by segment where segments differ."""
    cases = story.cases_recent
    outcome = next((c for c in ("csat", "nps", "ces") if c in cases and cases[c].notna().any()), None)
    present = [c for c in DRIVERS if c in cases and cases[c].nunique() > 1 and cases[c].notna().mean() >= KNOWN]
    if outcome is None or not present or cases[outcome].notna().sum() < 100:
        raise NotMeasured("fewer than 100 scored cases with a recorded event", needed_for="drivers")
    by = "segment" if "segment" in cases and cases["segment"].nunique() > 1 else None
    if by:
        cases = cases[cases.groupby(by)[outcome].transform("count") >= story.k]
    ranked = rank_drivers(cases, outcome, present, by=by, confidence=story.confidence)
    refused = ranked.attrs.get("refused", "")
    if by and not refused:
        ranked = ranked.reset_index(by).query(f"{by} == 'all'").drop(columns=by)
        by = None
    table = ranked.reset_index(names=[by, "driver"] if by else ["driver"]).rename(columns={"lmg": "value"})
    table["driver"] = table["driver"].map(lambda c: MEASURES.get(c, (c,))[0])
    table["direction"] = table["sign"].map({1: "rated higher", -1: "rated lower", 0: "no direction told apart"})
    told = []
    if refused:
        why = refused.removeprefix("No pooled ranking, because ").rstrip(".")
        for column in present:
            why = why.replace(column, MEASURES.get(column, (column,))[0])
        told = [blocks.unknown(f"Which event goes most with the score is not known for the segments together: {why}.")]
    heads = {by: by.capitalize()} if by else {}
    return [
        blocks.prose("### What goes with the score"),
        *told,
        blocks.table(
            table.assign(unit="share"),
            caption=f"Share of the differences in {outcome.upper()} that goes with each recorded event.",
            source=[SAID, OBSERVED],
            n=int(cases[outcome].notna().sum()),
            columns=heads
            | {"driver": "Recorded event", "value": "Share of variance", "direction": "Cases with more of it are"},
            note="Shapley shares of R² (LMG) on ranks; an interval reaching zero may be nothing. No cause is shown.",
        ),
    ]


def _drift(story: Story) -> list[Block]:
    """Cost against perception over the history, in one sentence."""
    cases = story.cases
    cost = next((c for c in ("cost", "handle_time_s") if c in cases and cases[c].notna().mean() >= KNOWN), None)
    if cost is None:
        raise NotMeasured(
            f"neither cost nor handle_time_s (table contacts) is known for {KNOWN:.0%} of the cases",
            needed_for="cost against perception",
        )
    perception = next((c for c in ("csat", "nps", "ces") if c in cases and cases[c].notna().any()), "csat")
    found = find_drift(cases, cost, perception, story.period.frequency, confidence=story.confidence)
    evidence = [found.perception_change, found.cost_change]
    if found.word == "cannot tell":
        return [blocks.prose("### Cost against perception"), blocks.unknown(found.sentence)]
    return [blocks.prose("### Cost against perception"), blocks.finding(found.sentence, evidence)]
