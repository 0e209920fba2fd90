"""What explains each open problem: the one place of the report where internal figures stand, beside what customers say.

What goes with a low score, diagnosis of each open problem, watermelons, both clocks, and cost against perception; never
without a problem that customers named. Every difference told stands under the one control of the report (`tested`).
"""

import functools
import math
from typing import Any

import pandas as pd

from analytics.contrast.clocks import compare_clocks
from analytics.contrast.diagnosis import CONSTANT, COUNTS, Diagnosis, name_measure
from analytics.contrast.drift import CANNOT_TELL, PERCEPTION_FELL, PERCEPTION_ROSE, RACE, SHORTEST, Drift
from analytics.contrast.groups import PERCEIVED
from analytics.contrast.signals import FELL, ROSE
from analytics.contrast.signals import NO_CHANGE as UNMOVED
from analytics.contrast.watermelon import WATERMELON
from analytics.measures.estimate import SAID, Estimate, span
from analytics.measures.suppress import count_people
from analytics.publish import blocks
from analytics.publish.format import write_interval
from analytics.report import tested, words
from analytics.report.bands import TOLD, tell_bands, write_gap
from analytics.report.facts import people_of
from analytics.report.query import blaming, opened
from analytics.report.score import DISPUTED
from analytics.report.section import Section, Stake, gather, not_known, section, section_of, weigh
from analytics.report.story import Story
from analytics.report.words import WORDS, capital, counted, estimate_of, figure_of, listed, say, share_of
from analytics.tables.schema import NotMeasured

UNITS = {"hours": " h", "seconds": " s"}
MOVED = {RACE: FELL, PERCEPTION_FELL: FELL, PERCEPTION_ROSE: ROSE}  # the word of change that a drift allows


@section
def show_explanation(story: Story) -> Section:
    """What goes with a low score, what differs inside for each open problem, watermelons, and cost and perception."""
    stakes: list[Stake] = []
    earlier: list[str] = []  # figures of which it is told that they explain nothing
    keys, lacks = tested.problem_keys(story), tested.lack_of_themes(story)
    untold = not_known(lacks).blocks if lacks else []
    if not keys:
        return section_of(untold or [blocks.finding(say("explanation.none_open"))], untold)
    parts, unknowns = gather(
        *([lambda: tell_bands(story, stakes)] if tested.LOW_SCORE in keys else []),
        *(functools.partial(_diagnosis, story, key, earlier) for key in keys if key != tested.LOW_SCORE),
        *([lambda: _relief(story, stakes)] if DISPUTED.column in keys else []),
        lambda: _watermelons(story, stakes),
        lambda: _clocks(story),
        lambda: _drift(story),
    )
    answer = next((b for b in parts if b.kind == "finding"), parts[0])
    return Section([*untold, *parts], answer, [*untold, *unknowns], stakes=stakes)


def _diagnosis(story: Story, key: str, earlier: list[str]) -> list[blocks.Block]:
    """One open problem: what customers say, what the operation recorded, what differs; one line where nothing does."""
    diagnosis = tested.diagnosis(story, key, tested.cut(story))
    problem, frame = diagnosis.problem, diagnosis.frame
    disputed = problem.key == DISPUTED.column
    name = "answers that customers dispute" if disputed else words.name_blamed(story.themes)[problem.key]
    like = f" of the same {listed(list(diagnosis.by))}" if diagnosis.by else ""
    part = f"all {diagnosis.n:,}" if diagnosis.compared == diagnosis.n else f"{diagnosis.compared:,} of {diagnosis.n:,}"
    marked = say("explanation.disputed_so" if disputed else "explanation.read_so")
    facts = {"part": part, "marked": marked, "like": like, "company": _company_says(diagnosis)}
    compared = say("explanation.compared", span=story.span, x=diagnosis, **facts)
    lines = [compared, *_differences(frame)]
    if disputed and frame.loc[frame["measure"].eq("timely"), "p_value"].notna().any():
        lines.append(words.UNTIMELY)
    evidence, alike = [problem.evidence], {} if disputed or frame["differs"].any() else _alike(frame)
    sentence = say("explanation.named", name=name, figure=problem.evidence, period=story.period.label)
    if alike:
        sentence += f" {say('explanation.either', **alike) if alike['names'] in earlier else _unexplained(alike)}"
        earlier.append(alike["names"])
    head, account = blocks.prose(f"### {capital(name)}"), "\n".join(f"- {line}" for line in lines)
    people = people_of(story, problem)
    told = blocks.finding(sentence, evidence, people=people)
    told = opened(told, blaming(problem.key)) if problem.key in story.themes.names else told
    return [head, told, blocks.tagged(blocks.prose(account, evidence), appendix=bool(alike))]


def _company_says(diagnosis: Diagnosis) -> str:
    """The operations' own account of the cases with the problem, beside how many of their customers confirm it."""
    account = diagnosis.account
    if account is None:
        return say("explanation.no_account")
    solved, confirmed = share_of(account.solved), share_of(account.confirmed)
    return say("explanation.account", solved=solved, hours=account.hours, confirmed=confirmed)


def _differences(frame: pd.DataFrame) -> list[str]:
    """What differs, the surest first, and in one line what does not, with what would have been seen."""
    compared = frame[frame["p_value"].notna()]
    different = compared[compared["differs"]].sort_values("p_value", kind="stable")
    sentences = [_difference(row) for row in different.head(TOLD).to_dict("records")]
    if further := different["name"].tolist()[TOLD:]:
        sentences.append(f"So do {listed(further)}.")
    if alike := _alike(frame):
        sentences.append(capital(say("explanation.seen", **alike)) if sentences else _unexplained(alike))
    lacking = frame.loc[frame["p_value"].isna() & frame["lack"].ne(CONSTANT), "name"].tolist()
    return [*sentences, f"Not measured: {_some(lacking)}."] if lacking else sentences


def _unexplained(alike: dict[str, Any]) -> str:
    return say("explanation.unexplained", seen=say("explanation.seen", **alike))


def _alike(frame: pd.DataFrame) -> dict[str, Any]:
    """What does not differ, and what would have been seen; nothing where all does."""
    same = frame[frame["p_value"].notna() & ~frame["differs"]]
    if same.empty:
        return {}
    largest = math.ceil(50 + 100 * float((same["high"] - same["low"]).max()) / 2)
    return {"names": _some(same["name"].tolist()), "largest": min(largest, 100)}


def _difference(row: dict) -> str:
    """How one measure differs between cases with and without the problem, and with another problem."""
    higher, low, high = (f"{row[column] * 100:.0f}" for column in ("superiority", "low", "high"))
    alike = f" (and with it {listed(row['alike'])})" if row["alike"] else ""
    beside = ""
    if not math.isnan(row["apart"]):
        apart = (row["apart_low"] > 0.5) if row["superiority"] > 0.5 else (row["apart_high"] < 0.5)
        beside = say("explanation.apart" if apart else "explanation.not_apart")
    sides = {side: _typical(row, side) for side in ("with_problem", "without")}
    name, bounds = capital(row["name"]), span(low, high)
    return say("explanation.differs", name=name, alike=alike, higher=higher, bounds=bounds, beside=beside, **sides)


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
    groups = groups.assign(relief=groups["remedy"].map(WORDS["relief"]).fillna(groups["remedy"]))
    shown = tested.likely(story, groups.dropna(subset="value"), "adjusted")
    sentences = words.contrast_sentences(groups, "relief", before="")
    sentences = sentences[:1] if len(shown) == 2 else sentences  # of two groups one is the other's mirror
    for _, row in shown[shown["differs"] & (shown["adjusted_low"] > 0)].iterrows():
        now = story.cases_now[story.cases_now["remedy"].eq(row["remedy"]) & story.cases_now[DISPUTED.column].notna()]
        gap = write_gap(row)
        sentence = say("explanation.relief", figure=estimate_of(row), relief=row["relief"], gap=gap)
        finding = words.finding_of(row, sentence, better="lower", key="disputes:relief")
        stakes.append(weigh(story, finding, now, DISPUTED.column, row, row["p_value"]))
    return [blocks.prose("\n".join(f"- {capital(sentence)}" for sentence in sentences), words.estimates_of(shown))]


def _watermelons(story: Story, stakes: list[Stake]) -> list[blocks.Block]:
    """Targets met where customers are worse off, and missed where they are no less content."""
    if not story.config.targets:
        return []
    table, perception = tested.watermelons(story, tested.cut(story)), tested.perceived(story)
    table = table.sort_values("gap", kind="stable")
    content = [blocks.prose("### Targets and what customers say")]
    for _, targets in table[table["finding"] != ""].groupby(["by", "group", "finding"], sort=False):
        content.append(_watermelon(targets, perception))
        first = targets.iloc[0]
        if first["finding"] == WATERMELON:
            every = table[table["by"].eq(first["by"]) & table["group"].eq(first["group"])]
            stakes.append(_watermelon_stake(story, every, perception))
    return content if len(content) > 1 else [*content, blocks.finding(say("explanation.no_watermelon"))]


def _watermelon(targets: pd.DataFrame, perception: str) -> blocks.Block:
    """One finding for a group that one or more targets call green, or red, alike."""
    row = targets.iloc[0]
    felt = _felt(row, perception)
    kind, word = ("watermelon", "met") if row["finding"] == WATERMELON else ("reverse", "missed")
    rows = [t | {"is": word, "in": share_of(t["inside"])} for t in targets.to_dict("records")]
    met = [say("explanation.target", x=t) for t in rows]
    sentence = say(
        f"explanation.{kind}",
        by=row["by"].capitalize(), group=row["group"], targets="; ".join(met),
        felt=f"{capital(PERCEIVED[perception][0])}: {counted(felt, int(felt.unit == 'score'))}",
        against=_against(row, felt),
        mix=f" {capital(words.MIX_WORDS[row['mix']])}." if row["mix"] else "",
    )  # fmt: skip
    return blocks.finding(sentence, [felt], key=f"target:{row['group']}", people=int(row["people"]))


def _against(row: pd.Series, felt: Estimate) -> str:
    """What a group is held against: 'in other teams that do not stand out 81 %', 'the declared goal is 85 %'."""
    other = write_interval(row["against"], math.nan, math.nan, felt.unit, int(felt.unit == "score"))
    held = "the declared goal is" if row["declared"] else f"in other {row['by']}s that do not stand out"
    return f"{held} {other}"


def _felt(row: pd.Series, perception: str) -> Estimate:
    unit = {"csat": "share", "nps": "points", "ces": "score"}[perception]
    return Estimate(row["perceived"], row["low"], row["high"], int(row["n"]), unit, SAID)


def _watermelon_stake(story: Story, targets: pd.DataFrame, perception: str) -> Stake:
    """How many customers a month come away worse from a group than comparable ones elsewhere."""
    row = targets[targets["finding"] == WATERMELON].iloc[0]
    now, felt = story.cases_now[story.cases_now[row["by"]].eq(row["group"])], _felt(row, perception)
    met = "every target there is met" if targets["inside_verdict"].eq("green").all() else "a target there is met"
    facts = {"feel": WORDS["worse"][perception].format(row["group"]), "perceived": PERCEIVED[perception][0]}
    sentence = say("explanation.worse_off", against=_against(row, felt), felt=felt, met=met, **facts)
    finding = blocks.finding(sentence, [felt], key=f"target:{row['group']}", people=int(row["people"]))
    return weigh(story, finding, now, perception, row, row["p_value"], of="gap")


def _clocks(story: Story) -> list[blocks.Block]:
    """The customer's clock beside the company's, in one sentence; by team in the analyst's notebook."""
    cases = story.cases_recent
    if not cases["ended"].eq("confirmed").any():
        raise NotMeasured(table="contacts", columns=["confirmed_at"], needed_for="the clocks")
    clocks = {row["measure"]: row for _, row in compare_clocks(cases, [], story.confidence, story.k).iterrows()}
    if "company_clock_h" not in clocks or pd.isna(clocks["company_clock_h"]["n"]):
        return []
    company, customer = estimate_of(clocks["company_clock_h"]), clocks["customer_clock_h"]
    sentence = say("explanation.clocks", company=company, customer=clock_cell(customer), span=story.span)
    evidence = [company] if pd.isna(customer["value"]) else [company, estimate_of(customer)]
    return [blocks.finding(sentence, evidence, people=int(clocks["company_clock_h"]["people"]))]


def clock_cell(row: pd.Series) -> str:
    """A clock's median with its interval, or the time by which a quarter had confirmed."""
    if pd.isna(row["n"]):
        return "too few"
    if pd.notna(row["quarter"]):
        return f"a quarter within {row['quarter']:,.0f} h, half not known"
    return figure_of(estimate_of(row))


def _drift(story: Story) -> list[blocks.Block]:
    """Cost against perception over the history, in one sentence."""
    cost, drift = tested.drift(story, tested.cut(story))
    perception, name = tested.perceived(story), name_measure(cost, story.config.names)[0]
    sentence = _drift_sentence(drift, PERCEIVED[perception][0], name, story.period.frequency)
    if drift.word == CANNOT_TELL:
        return [blocks.unknown(sentence)]
    people = count_people(story.cases[story.cases[perception].notna()])
    evidence, signal = [drift.perception_change, drift.cost_change], MOVED.get(drift.word, UNMOVED)
    return [blocks.finding(sentence, evidence, signal, people=people)]


def _drift_sentence(drift: Drift, score: str, cost: str, frequency: str) -> str:
    """Perception first, then cost."""
    felt, spent = drift.perception_change, drift.cost_change
    facts = {"cost": cost, "frequency": frequency, "felt": felt, "spent": spent}
    if drift.word == CANNOT_TELL:
        return say("explanation.no_drift", score=score, needed=SHORTEST, measured=spent.n, **facts)
    verdict = MOVED.get(drift.word, "no change is shown")
    unit, race = "" if felt.unit == "score" else " points", say("explanation.race") if drift.word == RACE else ""
    return say("explanation.drift", score=capital(score), verdict=verdict, unit=unit, race=race, **facts)
