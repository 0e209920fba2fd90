"""What explains each open problem: the one place of the report where internal figures stand, beside what customers say.

Diagnosis of each open problem, both clocks, drivers, watermelons, and cost against perception; never without a problem
that customers named.
"""

import functools
import math

import pandas as pd

from analytics.contrast.clocks import compare_clocks
from analytics.contrast.diagnosis import COUNTS, FEW, MEASURES, NO_COLUMN, Diagnosis, Problem, diagnose
from analytics.contrast.drift import CANNOT_TELL, PERCEPTION_FELL, PERCEPTION_ROSE, RACE, SHORTEST, Drift, find_drift
from analytics.contrast.drivers import BETWEEN, WITHIN, rank_drivers
from analytics.contrast.groups import PERCEIVED, PERCEPTIONS, contrast_groups
from analytics.contrast.watermelon import REVERSE, WATERMELON, find_watermelons
from analytics.measures.estimate import OBSERVED, SAID, Estimate, span
from analytics.measures.suppress import count_people
from analytics.publish import blocks, figures
from analytics.publish.format import write_interval
from analytics.report import words
from analytics.report.score import DISPUTED
from analytics.report.story import Story
from analytics.report.words import Section, capital, counted, estimate_of, figure_of, gather, listed, section
from analytics.tables.schema import NotMeasured, require

DRIVERS = ("first_response_h", "transfers", "reopens", "contacts", "handle_time_s", "hold_time_s", "wait_time_s")
RECORDED = 0.5  # share of cases that must carry a figure before it may speak for them
DRAWN = 8  # recorded figures drawn for a problem
NAMED_APART = 3  # figures that a chart's title names; of more it gives the number
RELIEF = {"none": "no relief", "partial": "partial relief", "full": "full relief"}
UNITS = {"hours": " h", "seconds": " s"}
FINDINGS = {WATERMELON: "customers worse off", REVERSE: "customers content", "": "–"}
DISAGREEMENTS = {BETWEEN: "slopes differ between segments", WITHIN: "the pooled slope is not the one within segments"}


@section
def show_explanation(story: Story) -> Section:
    """What differs inside between cases with an open problem and comparable ones; drivers, watermelons, drift."""
    problems, lacks = _open_problems(story)
    disputes = _disputes(story)
    problems += [disputes] if disputes else []
    if not problems:
        if lacks:
            return Section(lacks, lacks[0], lacks)
        nothing = "No problem is shown to be open, so no internal figure stands here: they only explain problems."
        return words.section_of([blocks.finding(nothing)])
    parts, unknowns = gather(
        *(functools.partial(_diagnosis, story, problem) for problem in problems),
        *([lambda: _relief(story)] if disputes else []),
        lambda: _clocks(story),
        lambda: _drivers(story),
        lambda: _watermelons(story),
        lambda: _drift(story),
    )
    answer = next((b for b in parts if b.kind == "finding"), parts[0])
    return Section([*lacks, *parts], answer, [*lacks, *unknowns])


def _open_problems(story: Story) -> tuple[list[Problem], list[blocks.Block]]:
    """The open themes, the most named first, or the one line that says why none can be told."""
    try:
        table = story.problem_table
    except NotMeasured as lack:
        return [], words.not_known(lack).blocks
    rows = {row["theme"]: row for _, row in table[table["open"]].head(words.EXPLAINED).iterrows()}
    return [Problem(words.THEME_WORDS[t], story.naming(t), estimate_of(row), key=t) for t, row in rows.items()], []


def _disputes(story: Story) -> Problem | None:
    """Our answers that customers dispute, as a problem that they named; None where that is not recorded or too rare."""
    complaints, column = story.tables_now.complaints, DISPUTED.column
    if complaints is None or column not in complaints:
        return None
    answers = complaints[column].dropna()
    if count_people(complaints.loc[answers.index[answers.astype(bool)]]) < story.k:
        return None
    evidence = DISPUTED.measure(answers, confidence=story.confidence)
    has = story.cases_recent.set_index("case_id")[column]
    return Problem("answers that customers dispute", has, evidence, key=column)


def _people(story: Story, problem: Problem) -> int:
    """How many people the share of a problem rests on."""
    complaints = story.tables_now.complaints
    if problem.key == DISPUTED.column and complaints is not None:
        return count_people(complaints.dropna(subset=DISPUTED.column))
    return count_people(story.critical)


def _relief(story: Story) -> list[blocks.Block]:
    """Whether customers dispute answers with relief less often than those without."""
    cases = require(story.cases_recent, [DISPUTED.column, "remedy"], "disputes by kind of relief")
    cases = cases.assign(relief=cases["remedy"].map(RELIEF))
    groups = contrast_groups(cases, DISPUTED.column, "relief", minimum=story.k, confidence=story.confidence)
    estimates = [estimate_of(row) for _, row in groups.dropna(subset="value").iterrows()]
    sentences = words.contrast_sentences(groups, "relief", before="")
    sentences = sentences[:1] if len(estimates) == 2 else sentences  # of two groups one is the other's mirror
    return [blocks.prose("\n".join(f"- {capital(sentence)}" for sentence in sentences), estimates)]


def _diagnosis(story: Story, problem: Problem) -> list[blocks.Block]:
    """One open problem: what customers say, what the operation recorded, what differs."""
    people = _people(story, problem)
    if people < story.k:
        raise NotMeasured(f"fewer than {story.k} customers", needed_for=f"what explains {problem.name}")
    diagnosis = diagnose(problem, story.cases_recent, k=story.k, confidence=story.confidence)
    frame, evidence = diagnosis.frame, [problem.evidence]
    like = f" of the same {listed(list(diagnosis.by))}" if diagnosis.by else ""
    part = "all" if diagnosis.compared == diagnosis.n else f"{diagnosis.compared:,} of"
    lines = [
        f"Over the {story.span}, {part} the {diagnosis.n:,} cases that have the problem are compared with "
        f"{diagnosis.others:,} cases{like} whose customers spoke and did not name it.",
        _company_says(diagnosis),
        *_differences(frame),
    ]
    if problem.key == DISPUTED.column and frame.loc[frame["measure"].eq("timely"), "p_value"].notna().any():
        lines.append(words.UNTIMELY)
    sentence = f"Customers say: {problem.name}, {counted(problem.evidence)} in {story.period.label}."
    head, account = blocks.prose(f"### {capital(problem.name)}"), "\n".join(f"- {line}" for line in lines)
    parts = [head, blocks.finding(sentence, evidence, people=people), blocks.prose(account, evidence)]
    return [*parts, _diagnosis_chart(diagnosis)] if frame["superiority"].notna().any() else parts


def _company_says(diagnosis: Diagnosis) -> str:
    """The operations' own account of the cases with the problem, beside how many of their customers confirm it."""
    account = diagnosis.account
    if account is None:
        return "The operations' own account is not measured: no resolved_at."
    return (
        f"By the company's own stamps {account.solved:.0%} of these cases were solved, half of them within "
        f"{account.hours:,.1f} hours; their customers have confirmed {account.confirmed:.0%} (n = {diagnosis.n:,})."
    )


def _differences(frame: pd.DataFrame) -> list[str]:
    """What differs, what does not, and what is not measured."""
    compared = frame[frame["p_value"].notna()]
    different = compared[compared["differs"]].sort_values("p_value", kind="stable")
    sentences = [_difference(row) for row in different.to_dict("records")]
    same = compared.loc[~compared["differs"], "name"].tolist()
    if not sentences:
        sentences = [f"No internal figure explains it: no difference is shown in {_some(same) or 'anything measured'}."]
    elif same:
        sentences.append(f"No difference is shown in {_some(same)}.")
    if lacking := frame.loc[frame["lack"].isin([NO_COLUMN, FEW]), "name"].tolist():
        sentences.append(f"Not measured: {_some(lacking)}.")
    return sentences


def _difference(row: dict) -> str:
    """How one measure differs between cases with and without the problem."""
    higher, low, high = (f"{row[column] * 100:.0f}" for column in ("superiority", "low", "high"))
    return (
        f"{row['name'].capitalize()} differs: {_typical(row, 'with_problem')} with the problem, "
        f"{_typical(row, 'without')} without; in {higher} of 100 comparable pairs the case with the problem has the "
        f"higher figure, ties shared ({span(low, high)})."
    )


def _some(names: list[str]) -> str:
    """Three names at most, handle time among them, and how many more there are."""
    first = sorted(names, key=lambda name: not name.startswith("handle time"))[:3]
    more = len(names) - len(first)
    return ", ".join(first) + (f" and {more} other recorded figure{'s' if more > 1 else ''}" if more else "")


def _typical(row: dict, side: str) -> str:
    """The typical value of a measure on one side of the comparison."""
    if row["unit"] == "share":
        return f"{row[side]:.0%}"
    digits = 0 if abs(row[side]) >= 100 else 1 if abs(row[side]) >= 10 else 2
    average = "on average" if row["measure"] in COUNTS else "typically"
    return f"{average} {row[side]:,.{digits}f}{UNITS.get(row['unit'], '')}"


def _diagnosis_chart(diagnosis: Diagnosis) -> blocks.Block:
    """The chance that a case with the problem has the higher figure, for the figures furthest apart."""
    rows = diagnosis.frame.dropna(subset=["superiority"]).assign(n=lambda f: f["n_with"] + f["n_without"])
    rows = rows.rename(columns={"superiority": "value"}).assign(unit="share")
    names = rows.loc[rows["differs"], "name"].tolist()
    apart = listed(names) if len(names) <= NAMED_APART else f"{len(names)} of {len(rows)} recorded figures"
    verdict = f"{apart or 'no recorded figure'} {'differ' if len(names) > 1 else 'differs'}"
    away = (rows["value"] - 0.5).abs().where(~rows["differs"], 1.0)  # those that differ first
    drawn = rows.loc[away.round(9).sort_values(ascending=False, kind="stable").index[:DRAWN]]
    rest = f" Drawn: the {len(drawn)} of {len(rows)} figures furthest apart." if len(drawn) < len(rows) else ""
    alike = f" Compared within {listed(list(diagnosis.by))}." if diagnosis.by else ""
    label, problem = "chance that the case with the problem has the higher value", diagnosis.problem.name
    return blocks.figure(
        figures.plot_intervals(drawn, by="name", unit="share", reference=0.5, label=label),
        alt=f"Internal measures of cases with {problem} against comparable cases; {len(names)} of {len(rows)} differ.",
        caption=f"{capital(problem)}: {verdict}.", source=OBSERVED, n=int(rows["n"].max()), people=drawn["people"],
        note=f"50 % means no difference.{alike} A difference is no cause.{rest}",
    )  # fmt: skip


def _watermelons(story: Story) -> list[blocks.Block]:
    """Targets met where customers are worse off, and missed where they are content."""
    if not story.config.targets:
        return []
    perception = _first(story.cases) or PERCEPTIONS[0]
    table = find_watermelons(
        story.cases_recent, story.config.targets, perception, contacts=story.recent.contacts,
        confidence=story.confidence, minimum=story.k,
    )  # fmt: skip
    alarms, score = float(table["false_alarms"].max()), story.asked[perception]
    unit = {"csat": "share", "nps": "points", "ces": "score"}[perception]
    findings = [
        _watermelon(group, perception, unit)
        for _, group in table[table["finding"] != ""].groupby(["by", "group", "finding"], sort=False)
    ] or [blocks.finding("No target is met where customers are worse off than others, as far as the intervals tell.")]
    heads = {
        "target": "Target", "group": "Group", "goal": "Goal", "inside": "Met inside", "perceived": score.name,
        "n": "Answers", "finding": "Finding",
    }  # fmt: skip
    listing = blocks.table(
        table.assign(finding=table["finding"].map(FINDINGS)), caption="Targets inside, and what customers say.",
        source=[SAID, OBSERVED], n=int(table["n"].sum()), people="people", columns=heads,
        formats={"goal": "share", "inside": "share"} | ({"perceived": "share"} if unit == "share" else {}),
        note=f"The {story.span}. With answers shuffled between cases, this test raises "
        f"an alarm in {alarms:.0%} of tables.",
    )  # fmt: skip
    return [blocks.prose("### Targets and what customers say"), *findings, listing]


def _watermelon(targets: pd.DataFrame, perception: str, unit: str) -> blocks.Block:
    """One finding for a group that one or more targets call green, or red, alike."""
    row = targets.iloc[0]
    felt = Estimate(row["perceived"], row["low"], row["high"], int(row["n"]), unit, SAID)
    places = 1 if unit == "score" else 0
    elsewhere = write_interval(row["against"], math.nan, math.nan, unit, places)
    reverse = "red inside, yet customers are content"
    verdict = "green inside, red to customers" if row["finding"] == WATERMELON else reverse
    met = [
        f"'{t['target']}' is met in {t['inside']:.0%} (goal {t['goal']:.0%}, n = {t['inside_n']:,.0f})"
        for t in targets.to_dict("records")
    ]
    return blocks.finding(
        f"{row['by'].capitalize()} {row['group']}: {verdict}. {capital(PERCEIVED[perception][0])}: "
        f"{counted(felt, places)}, elsewhere {elsewhere}; {'; '.join(met)}.", [felt], people=int(row["people"]),
    )  # fmt: skip


def _clocks(story: Story) -> list[blocks.Block]:
    """The customer's clock beside the company's, by team."""
    cases = story.cases_recent
    if not cases["ended"].eq("confirmed").any():
        raise NotMeasured("no confirmation by a customer (confirmed_at)", needed_for="the clocks")
    by = next((c for c in ("team", "channel", "reason") if c in cases and 1 < cases[c].nunique() <= 12), None)
    table = compare_clocks(cases, [by] if by else [], story.confidence, story.k).assign(group="all cases")
    group, cells = by or "group", table.assign(cell=[_clock_cell(row) for _, row in table.iterrows()])
    counts = cells[cells["measure"] == "customer_clock_h"].set_index(group)[["n", "confirmed", "people"]]
    rows = cells.pivot(index=group, columns="measure", values="cell").join(counts).reset_index()
    heads = {
        group: group.capitalize(), "n": "Cases", "confirmed": "Confirmed", "customer_clock_h": "Customer's clock",
        "company_clock_h": "Company's clock", "gap_h": "Gap",
    }  # fmt: skip
    listing = blocks.table(
        rows, source=[SAID, OBSERVED], n=int(counts["n"].sum()), formats={"confirmed": "share"}, people="people",
        caption="Median hours from first attempt to the customer's own confirmation, and by the company's stamps.",
        columns={column: head for column, head in heads.items() if column in rows},
        note=f"Cases of the {story.span}; those not confirmed count as unfinished. "
        "Where fewer than half have confirmed, the median is not known: the time by which a quarter had is given.",
    )  # fmt: skip
    return [blocks.prose("### Two clocks"), listing]


def _clock_cell(row: pd.Series) -> str:
    """A clock's median with its interval, or the time by which a quarter had confirmed."""
    if pd.isna(row["n"]):
        return "too few"
    if pd.notna(row["quarter"]):
        return f"not known; a quarter within {row['quarter']:,.0f} h"
    return figure_of(estimate_of(row))


def _drivers(story: Story) -> list[blocks.Block]:
    """Which recorded events go with the score, by segment where segments differ."""
    cases = story.cases_recent
    outcome = _first(cases)
    present = [c for c in DRIVERS if c in cases and cases[c].nunique() > 1 and cases[c].notna().mean() >= RECORDED]
    if outcome is None or not present or cases[outcome].notna().sum() < 100:
        raise NotMeasured("fewer than 100 scored cases with a recorded event", needed_for="drivers")
    by = "segment" if "segment" in cases and cases["segment"].nunique() > 1 else None
    scored = cases[cases[outcome].notna()]
    if by:
        people = scored.groupby(by)["case_id"].agg(lambda ids: count_people(scored.loc[ids.index]))
        scored = scored[scored[by].map(people) >= story.k]
    ranked = rank_drivers(scored, outcome, present, by=by, confidence=story.confidence)
    refusal = _refusal(ranked.attrs["disagreements"]) if by else ""
    if by and not refusal:
        ranked, by = ranked.reset_index(by).query(f"{by} == 'all'").drop(columns=by), None
    table = ranked.reset_index(names=[by, "driver"] if by else ["driver"]).rename(columns={"lmg": "value"})
    table["driver"] = table["driver"].map(_name)
    table["direction"] = table["sign"].map({1: "rated higher", -1: "rated lower", 0: "no direction told apart"})
    heads = {"driver": "Recorded event", "value": "Share of variance", "direction": "Cases with more of it are"}
    listing = blocks.table(
        table.assign(unit="share"), source=[SAID, OBSERVED], n=len(scored),
        caption=f"Share of the differences in {words.SCORE_WORDS[outcome]} that goes with each recorded event.",
        columns={by: by.capitalize(), **heads} if by else heads,
        people=table[by].map(people) if by else count_people(scored),
        note="Shapley shares of R² (LMG) on ranks; an interval reaching zero may be nothing. No cause is shown.",
    )  # fmt: skip
    head = blocks.prose("### What goes with the score")
    return [head, blocks.unknown(refusal), listing] if refusal else [head, listing]


def _refusal(disagreements: pd.DataFrame) -> str:
    """Why no ranking is given for the segments together; '' where they agree."""
    standing = disagreements[disagreements["stands"]]
    if standing.empty:
        return ""
    drivers = standing.groupby("kind", sort=False)["driver"].unique()
    reasons = [f"{DISAGREEMENTS[str(kind)]} ({listed([*map(_name, names)])})" for kind, names in drivers.items()]
    unknown = "Which event goes most with the score is not known for the segments together"
    return f"{unknown}: {'; '.join(reasons)}."


def _name(measure: str) -> str:
    return str(MEASURES.get(measure, (measure,))[0])


def _first(cases: pd.DataFrame) -> str | None:
    """The first score that any case carries."""
    return next((score for score in PERCEPTIONS if score in cases and cases[score].notna().any()), None)


def _drift(story: Story) -> list[blocks.Block]:
    """Cost against perception over the history, in one sentence."""
    cases = story.cases
    cost = next((c for c in ("cost", "handle_time_s") if c in cases and cases[c].notna().mean() >= RECORDED), None)
    if cost is None:
        lack = f"neither cost nor handle_time_s (table contacts) is known for {RECORDED:.0%} of the cases"
        raise NotMeasured(lack, needed_for="cost against perception")
    perception = _first(cases) or PERCEPTIONS[0]
    drift = find_drift(cases, cost, perception, story.period.frequency, confidence=story.confidence)
    sentence = _drift_sentence(drift, PERCEIVED[perception][0], _name(cost), story.period.frequency)
    head = blocks.prose("### Cost against perception")
    if drift.word == CANNOT_TELL:
        return [head, blocks.unknown(sentence)]
    people = count_people(cases[cases[perception].notna()])
    return [head, blocks.finding(sentence, [drift.perception_change, drift.cost_change], people=people)]


def _drift_sentence(drift: Drift, score: str, cost: str, frequency: str) -> str:
    """Perception first, then cost, then whether one follows the other."""
    felt, spent = drift.perception_change, drift.cost_change
    if drift.word == CANNOT_TELL:
        need = f"{SHORTEST} {frequency}s are needed, measured so far: {spent.n}"
        return f"Cannot tell how {score} and {cost} move: {need}."
    verdict = {RACE: "fell", PERCEPTION_FELL: "fell", PERCEPTION_ROSE: "rose"}.get(drift.word, "no change is shown")
    unit = "" if felt.unit == "score" else " points"
    race = " Both fell together: this is what a slow race to the bottom looks like." if drift.word == RACE else ""
    return (
        f"{capital(score)}: {verdict}, {felt.value:+.1f}{unit} ({felt.low:+.1f} to {felt.high:+.1f}) over {spent.n} "
        f"{frequency}s, while {cost} changed by {spent.value:+.0%} ({spent.low:+.0%} to {spent.high:+.0%}).{race} "
        f"{_lag_sentence(drift.lags, frequency)}"
    )


def _lag_sentence(lags: pd.DataFrame, frequency: str) -> str:
    """After how long perception follows cost, where a lag stands out."""
    clear = lags[(lags["low"] > 0) | (lags["high"] < 0)]
    if clear.empty:
        return "Whether perception follows it later cannot be told: no lag stands out."
    row = clear.iloc[int(clear["correlation"].abs().round(9).argmax())]
    side = "with" if row["correlation"] > 0 else "against"
    return (
        f"Perception moved {side} it {int(row['lag'])} {frequency}s later (correlation {row['correlation']:.2f}, "
        f"{row['low']:.2f} to {row['high']:.2f})."
    )
