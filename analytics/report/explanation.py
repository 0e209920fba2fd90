"""What explains each open problem: the one place of the report where internal figures stand, beside what customers say.

What goes with a low score, diagnosis of each open problem, watermelons, both clocks, and cost against perception; never
without a problem that customers named. Every difference told stands under the one control of the report (`tested`).
"""

import functools
import math

import pandas as pd

from analytics.contrast.clocks import compare_clocks
from analytics.contrast.diagnosis import CONSTANT, COUNTS, Diagnosis, Problem, name_measure
from analytics.contrast.drift import CANNOT_TELL, PERCEPTION_FELL, PERCEPTION_ROSE, RACE, SHORTEST, Drift
from analytics.contrast.groups import PERCEIVED
from analytics.contrast.watermelon import WATERMELON
from analytics.measures.estimate import SAID, Estimate, span
from analytics.measures.suppress import count_people
from analytics.publish import blocks
from analytics.publish.format import write_interval
from analytics.report import tested, words
from analytics.report.bands import TOLD, tell_bands
from analytics.report.score import DISPUTED
from analytics.report.story import Story
from analytics.report.words import Section, Stake, capital, counted, estimate_of, figure_of, gather, listed, section
from analytics.tables.schema import NotMeasured

UNITS = {"hours": " h", "seconds": " s"}
FEEL = {  # how customers of a group are worse off
    "csat": "come away from {} dissatisfied", "nps": "leave {} less ready to recommend us",
    "ces": "find it harder at {}",
}  # fmt: skip
DISPUTES = "answers that customers dispute"


@section
def show_explanation(story: Story) -> Section:
    """What goes with a low score, what differs inside for each open problem, watermelons, and cost and perception."""
    stakes: list[Stake] = []
    keys, lacks = tested.problem_keys(story), tested.lack_of_themes(story)
    untold = words.not_known(lacks).blocks if lacks else []
    if not keys:
        if untold:
            return Section(untold, untold[0], untold)
        nothing = "No problem is shown to be open, so no internal figure stands here: they only explain problems."
        return words.section_of([blocks.finding(nothing)])
    parts, unknowns = gather(
        *([lambda: tell_bands(story, stakes)] if tested.LOW_SCORE in keys else []),
        *(functools.partial(_diagnosis, story, key) for key in keys if key != tested.LOW_SCORE),
        *([lambda: _relief(story, stakes)] if DISPUTED.column in keys else []),
        lambda: _watermelons(story, stakes),
        lambda: _clocks(story),
        lambda: _drift(story),
    )
    answer = next((b for b in parts if b.kind == "finding"), parts[0])
    return Section([*untold, *parts], answer, [*untold, *unknowns], stakes=stakes)


def _diagnosis(story: Story, key: str) -> list[blocks.Block]:
    """One open problem: what customers say, what the operation recorded, what differs."""
    diagnosis = tested.diagnosis(story, key, tested.cut(story))
    problem, frame = diagnosis.problem, diagnosis.frame
    name = name_problem(problem)
    like = f" of the same {listed(list(diagnosis.by))}" if diagnosis.by else ""
    part = "all" if diagnosis.compared == diagnosis.n else f"{diagnosis.compared:,} of"
    lines = [
        f"Over the {story.span}, {part} the {diagnosis.n:,} cases that have the problem are compared with "
        f"{diagnosis.others:,} cases{like} whose customers spoke and did not name it. {_company_says(diagnosis)}",
        *_differences(frame),
    ]
    if problem.key == DISPUTED.column and frame.loc[frame["measure"].eq("timely"), "p_value"].notna().any():
        lines.append(words.UNTIMELY)
    sentence = f"Customers say: {name}, {counted(problem.evidence)} in {story.period.label}."
    head, account = blocks.prose(f"### {capital(name)}"), "\n".join(f"- {line}" for line in lines)
    evidence, people = [problem.evidence], tested.people_of(story, problem)
    return [head, blocks.finding(sentence, evidence, people=people), blocks.prose(account, evidence)]


def name_problem(problem: Problem) -> str:
    """A problem as a reader knows it."""
    return DISPUTES if problem.key == DISPUTED.column else str(words.THEME_WORDS[problem.key])


def _company_says(diagnosis: Diagnosis) -> str:
    """The operations' own account of the cases with the problem, beside how many of their customers confirm it."""
    account = diagnosis.account
    if account is None:
        return "The operations' own account is not measured: no resolved_at."
    return (
        f"By the company's own stamps {account.solved:.0%} of them were solved, half of them within "
        f"{account.hours:,.1f} hours; their customers have confirmed {account.confirmed:.0%}."
    )


def _differences(frame: pd.DataFrame) -> list[str]:
    """What differs, the surest first, and in one line what does not, with what would have been seen."""
    compared = frame[frame["p_value"].notna()]
    different = compared[compared["differs"]].sort_values("p_value", kind="stable")
    sentences = [_difference(row) for row in different.head(TOLD).to_dict("records")]
    if further := different["name"].tolist()[TOLD:]:
        sentences.append(f"So do {listed(further)}.")
    same = compared[~compared["differs"]]
    if len(same):
        largest = math.ceil(50 + 100 * float((same["high"] - same["low"]).max()) / 2)
        seen = f"one as large as {min(largest, 100)} of 100 pairs would have been seen in each"
        none = "" if sentences else "No internal figure explains it: "
        line = f"no difference is shown in {_some(same['name'].tolist())} ({seen})."
        sentences.append(f"{none}{line if none else capital(line)}")
    lacking = frame.loc[frame["p_value"].isna() & frame["lack"].ne(CONSTANT), "name"].tolist()
    return [*sentences, f"Not measured: {_some(lacking)}."] if lacking else sentences


def _difference(row: dict) -> str:
    """How one measure differs between cases with and without the problem, and with another problem."""
    higher, low, high = (f"{row[column] * 100:.0f}" for column in ("superiority", "low", "high"))
    alike = f" (and with it {listed(row['alike'])})" if row["alike"] else ""
    beside = ""
    if not math.isnan(row["apart"]):
        apart = (row["apart_low"] > 0.5) if row["superiority"] > 0.5 else (row["apart_high"] < 0.5)
        same = (
            "It is not told apart from cases whose customers criticised something else: it may go with any criticism."
        )
        beside = " It differs from cases whose customers criticised something else, too." if apart else f" {same}"
    return (
        f"{capital(row['name'])}{alike} differs: {_typical(row, 'with_problem')} with the problem, "
        f"{_typical(row, 'without')} without; in {higher} of 100 comparable pairs the case with the problem has the "
        f"higher figure, ties shared ({span(low, high)}).{beside}"
    )  # fmt: skip


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


def _relief(story: Story, stakes: list[Stake]) -> list[blocks.Block]:
    """Whether customers dispute answers with relief less often than those without."""
    groups = tested.relief(story, tested.cut(story))
    groups = groups.assign(relief=groups["remedy"].map(words.RELIEF).fillna(groups["remedy"]))
    shown = groups.dropna(subset="value")
    sentences = words.contrast_sentences(groups, "relief", before="")
    sentences = sentences[:1] if len(shown) == 2 else sentences  # of two groups one is the other's mirror
    for _, row in shown[shown["differs"] & (shown["adjusted_low"] > 0)].iterrows():
        now = story.cases_now[story.cases_now["remedy"].eq(row["remedy"]) & story.cases_now[DISPUTED.column].notna()]
        low, more, touched = tested.at_stake(story, now, DISPUTED.column, row["adjusted_low"], row["adjusted"])
        finding = blocks.finding(
            f"Customers dispute {figure_of(estimate_of(row))} of answers with {row['relief']}, "
            f"{row['adjusted'] * 100:.0f} points more than others ({row['adjusted_low'] * 100:.0f}–"
            f"{row['adjusted_high'] * 100:.0f}).",
            [estimate_of(row)], better="lower", key="disputes:relief", people=int(row["people"]),
        )  # fmt: skip
        stakes.append(Stake(finding, more, low, touched, row["p_value"], people=tested.ids(now)))
    estimates = [estimate_of(row) for _, row in shown.iterrows()]
    return [blocks.prose("\n".join(f"- {capital(sentence)}" for sentence in sentences), estimates)]


def _watermelons(story: Story, stakes: list[Stake]) -> list[blocks.Block]:
    """Targets met where customers are worse off, and missed where they are no less content."""
    if not story.config.targets:
        return []
    table, perception = tested.watermelons(story, tested.cut(story)), tested.perceived(story)
    content = [blocks.prose("### Targets and what customers say")]
    for _, targets in table[table["finding"] != ""].groupby(["by", "group", "finding"], sort=False):
        content.append(_watermelon(targets, perception))
        first = targets.iloc[0]
        if first["finding"] == WATERMELON:
            every = table[table["by"].eq(first["by"]) & table["group"].eq(first["group"])]
            stakes += _watermelon_stake(story, every, perception)
    if len(content) == 1:
        nothing = "No target is met where customers are worse off, as far as the intervals tell."
        return [*content, blocks.finding(nothing)]
    return content


def _watermelon(targets: pd.DataFrame, perception: str) -> blocks.Block:
    """One finding for a group that one or more targets call green, or red, alike."""
    row = targets.iloc[0]
    felt = _felt(row, perception)
    places = 1 if felt.unit == "score" else 0
    other = write_interval(row["against"], math.nan, math.nan, felt.unit, places)
    against = f"the declared goal is {other}" if row["declared"] else f"elsewhere {other}"
    hit, verdict, advice = "met", "green inside, red to customers", ""
    if row["finding"] != WATERMELON:
        hit, verdict, advice = (
            "missed",
            "red inside, yet customers are no less content",
            " Ask whether it is the right target.",
        )
    met = [
        f"'{t['target']}' is {hit} ({t['inside']:.0%}, goal {t['goal']:.0%}, n = {t['inside_n']:,.0f})"
        for t in targets.to_dict("records")
    ]
    mix = f" {capital(words.MIX_WORDS[row['mix']])}." if row["mix"] and row["finding"] == WATERMELON else ""
    return blocks.finding(
        f"{row['by'].capitalize()} {row['group']}: {verdict}. {capital(PERCEIVED[perception][0])}: "
        f"{counted(felt, places)}, {against}; {'; '.join(met)}.{mix}{advice}", [felt],
        key=f"target:{row['group']}", people=int(row["people"]),
    )  # fmt: skip


def _felt(row: pd.Series, perception: str) -> Estimate:
    unit = {"csat": "share", "nps": "points", "ces": "score"}[perception]
    return Estimate(row["perceived"], row["low"], row["high"], int(row["n"]), unit, SAID)


def _watermelon_stake(story: Story, targets: pd.DataFrame, perception: str) -> list[Stake]:
    """How many customers a month come away worse from a group than comparable ones elsewhere; few are no stake."""
    row = targets[targets["finding"] == WATERMELON].iloc[0]
    now, felt = story.cases_now[story.cases_now[row["by"]].eq(row["group"])], _felt(row, perception)
    low, more, touched = tested.at_stake(story, now, perception, -row["gap_high"], -row["gap"])
    met = "every target there is met" if targets["inside_verdict"].eq("green").all() else "a target there is met"
    finding = blocks.finding(
        f"At least {low:,.0f} customers a month {FEEL[perception].format(row['group'])} where "
        f"{'the goal says' if row['declared'] else 'elsewhere'} they would not: {PERCEIVED[perception][0]} "
        f"{figure_of(felt)}; {met}.", [felt], key=f"target:{row['group']}", people=int(row["people"]),
    )  # fmt: skip
    return [Stake(finding, more, low, touched, row["p_value"], people=tested.ids(now))] if low >= 1 else []


def _clocks(story: Story) -> list[blocks.Block]:
    """The customer's clock beside the company's, in one sentence; by team in the analyst's notebook."""
    cases = story.cases_recent
    if not cases["ended"].eq("confirmed").any():
        raise NotMeasured(table="contacts", columns=["confirmed_at"], needed_for="the clocks")
    clocks = {row["measure"]: row for _, row in compare_clocks(cases, [], story.confidence, story.k).iterrows()}
    if "company_clock_h" not in clocks or pd.isna(clocks["company_clock_h"]["n"]):
        return []
    company, felt = estimate_of(clocks["company_clock_h"]), estimate_of(clocks["customer_clock_h"])
    evidence = [company] if math.isnan(felt.value) else [company, felt]
    return [blocks.finding(
        f"Half of the {company.n:,} cases that the company closed took {figure_of(company)} by its own clock. By the "
        f"customer's clock, until they confirm: {clock_cell(clocks['customer_clock_h'])}.", evidence,
        people=int(clocks["company_clock_h"]["people"]),
    )]  # fmt: skip


def clock_cell(row: pd.Series) -> str:
    """A clock's median with its interval, or the time by which a quarter had confirmed."""
    if pd.isna(row["n"]):
        return "too few"
    if pd.notna(row["quarter"]):
        return f"not known; a quarter within {row['quarter']:,.0f} h"
    return figure_of(estimate_of(row))


def _drift(story: Story) -> list[blocks.Block]:
    """Cost against perception over the history, in one sentence."""
    cost, drift = tested.drift(story, tested.cut(story))
    perception, frequency = tested.perceived(story), story.period.frequency
    name = name_measure(cost, story.config.names)[0]
    sentence = _drift_sentence(drift, PERCEIVED[perception][0], name, frequency)
    if drift.word == CANNOT_TELL:
        return [blocks.unknown(sentence)]
    people = count_people(story.cases[story.cases[perception].notna()])
    return [blocks.finding(sentence, [drift.perception_change, drift.cost_change], people=people)]


def _drift_sentence(drift: Drift, score: str, cost: str, frequency: str) -> str:
    """Perception first, then cost."""
    felt, spent = drift.perception_change, drift.cost_change
    if drift.word == CANNOT_TELL:
        need = f"{SHORTEST} {frequency}s are needed, measured so far: {spent.n}"
        return f"Cannot tell how {score} and {cost} move: {need}."
    verdict = {RACE: "fell", PERCEPTION_FELL: "fell", PERCEPTION_ROSE: "rose"}.get(drift.word, "no change is shown")
    unit = "" if felt.unit == "score" else " points"
    race = " Both fell together: this is what a slow race to the bottom looks like." if drift.word == RACE else ""
    return (
        f"{capital(score)}: {verdict}, {felt.value:+.1f}{unit} ({felt.low:+.1f} to {felt.high:+.1f}) over {spent.n} "
        f"{frequency}s, while {cost} changed by {spent.value:+.0%} ({spent.low:+.0%} to {spent.high:+.0%}).{race}"
    )
