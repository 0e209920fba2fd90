"""Promises, and the declared strategy: kept by our records, kept in the customer's view, unknown."""

import pandas as pd

from analytics.contrast.problems import OPEN_SHARE
from analytics.contrast.strategy import CONGRUENT, NOT_CONGRUENT, UNKNOWN, judge_strategy
from analytics.measures.estimate import ASSERTED, SAID, Estimate
from analytics.measures.promises import Lack, Verdict, score_promises
from analytics.measures.suppress import TOTAL, suppress
from analytics.publish import blocks
from analytics.report import words
from analytics.report.story import Story
from analytics.report.words import Section, estimate_of, figure_of, listed, section
from analytics.tables.schema import NotMeasured

VERDICTS = {Verdict.KEPT: "kept", Verdict.NOT_KEPT: "not kept", Verdict.UNKNOWN: "we do not know"}
ASK = "asking the customers of these cases whether the promise was kept"
SETTLED_BY = {
    Lack.NOTHING: ASK,
    Lack.ANSWERS: ASK,
    Lack.MEASURE: "a measure: declare which column or clock shows it, or ask customers whether it was kept",
    Lack.CASES: "records of '{measure}': no case in this period carries it",
}


@section
def show_promises(story: Story) -> Section:
    """Each declared promise: kept by our records, kept in the customer's view, unknown."""
    if not story.config.promises:
        line = blocks.unknown("No promise is declared.", settle="declaring the published promises in perception.toml")
        return Section([line], line)
    scored = _scored(story)
    overall = scored.drop_duplicates("promise")
    measures = {promise.id: promise.measure for promise in story.config.promises}
    findings = [_promise(row, story.k, measures[row["promise"]]) for _, row in overall.iterrows()]
    rows = pd.concat([_withheld(part, story.k) for _, part in scored.groupby("promise", sort=False)])
    table = blocks.table(
        rows.assign(segment=rows["segment"].replace(TOTAL, "all customers")), source=[SAID, ASSERTED], people="people",
        caption="Promises by segment: our records beside the customer's view.", n=int(overall["n"].max()),
        columns={"text": "Promise", "segment": "Segment", "n": "Cases", "goal": "Promised to",
                 "records": "Kept by our records", "view": "Kept in their view", "unknown": "They have not said"},
        formats=dict.fromkeys(("goal", "records", "view", "unknown"), "share"),
        note="Their view rests on the cases whose customer said something about it.",
    )  # fmt: skip
    unknowns = [f for f in findings if f.data["level"] == "unknown"]
    return Section([*findings, table, *_strategy(story)], findings[0], unknowns)


def _scored(story: Story) -> pd.DataFrame:
    """Each promise by segment; without texts the customers' view rests on scores alone."""
    comments = story.comments if story.has_texts else None
    return score_promises(story.config.promises, story.tables, story.cases_now, comments, story.confidence)


def _strategy(story: Story) -> list[blocks.Block]:
    """The declared strategy against the themes it lives by."""
    declared = story.config.strategy
    if declared is None or not story.has_texts:
        return []
    name, meaning = declared.archetype.replace("_", " "), words.STRATEGY_WORDS[declared.archetype]
    judged = judge_strategy(declared.archetype, story.problem_table)
    themes = judged["theme"].map(words.THEME_WORDS).groupby(judged["verdict"]).agg(lambda names: listed(list(names)))
    evidence = [estimate_of(row) for _, row in judged.dropna(subset="value").iterrows()]
    lines = [blocks.prose(f"### The declared strategy: “{name}” ({meaning})")]
    if NOT_CONGRUENT in themes:
        sentence = f"Not congruent with it: customers name {themes[NOT_CONGRUENT]} as a problem."
        lines.append(blocks.finding(sentence, evidence))
    if CONGRUENT in themes:
        lines.append(blocks.finding(f"Congruent with it: hardly anyone names {themes[CONGRUENT]}.", evidence))
    if UNKNOWN in themes:
        sentence = f"Of {themes[UNKNOWN]} it is not known whether more than {OPEN_SHARE:.0%} name it as a problem."
        lines.append(blocks.unknown(sentence, "more comments"))
    return lines


def _withheld(part: pd.DataFrame, k: int) -> pd.DataFrame:
    """One promise by segment, a row blank where its customers, or those who spoke, are too few to show."""
    by_cases, by_views = (suppress(part, k, by=["segment"], count=count) for count in ("people", "view_people"))
    return by_cases.where(by_views["withheld"].eq(""), by_views)


def _promise(row: pd.Series, k: int, measure: str | None) -> blocks.Block:
    """One promise in a sentence, from both sides."""
    view = Estimate(row["view"], row["view_low"], row["view_high"], int(row["view_n"]), "share", SAID)
    records = Estimate(row["records"], row["records_low"], row["records_high"], int(row["n"]), "share", ASSERTED)
    enough, people = row["view_people"] >= k, int(row["view_people"])
    if not enough or row["view_verdict"] == Verdict.UNKNOWN:
        so_far = f" Of {view.n:,} who said, {figure_of(view)} say so." if enough else ""
        sentence = f"We do not know whether “{row['text']}” is kept.{so_far}"
        settle = SETTLED_BY[Lack(row["lack"])].format(measure=measure)
        evidence = [view] if enough else []
        return blocks.finding(sentence, evidence, level="unknown", settle=settle, people=people if enough else None)
    sentence = (
        f"“{row['text']}”: {VERDICTS[Verdict(row['view_verdict'])]} in the customers' view ({figure_of(view)} of "
        f"{view.n:,} who said, promised to {row['goal']:.0%}); by our records {figure_of(records)}."
    )
    return blocks.finding(sentence, [view, records], key=f"promise:{row['promise']}", people=people)


@section
def show_views_apart(story: Story) -> Section:
    """How far each promise's two views lie apart, by segment: kept by our records less kept in the customer's view."""
    scored = _scored(story)
    if scored["view_n"].sum() == 0:
        raise NotMeasured("no customer has said whether a promise was kept", needed_for="the two views")
    parts = [part for _, part in scored.groupby("promise", sort=False)]
    rows = pd.concat([suppress(part, story.k, by=["segment"], count="view_people") for part in parts])
    heads = {"text": "Promise", "segment": "Segment"}
    notes = words.word_withheld(rows["withheld"], story.k)
    table = blocks.table(
        rows.assign(segment=rows["segment"].replace(TOTAL, "all customers"), withheld=notes),
        caption="Kept by our records, less kept in the customer's view.", source=[SAID, ASSERTED],
        n=int(scored.drop_duplicates("promise")["view_n"].max()), formats={"distance": "share", "view_n": "count"},
        columns=heads | {"distance": "Distance", "view_n": "Customers", "withheld": "Note"}, people="view_people",
        note="Above zero: our records count more promises kept than customers do. Customers: those who have said so.",
    )  # fmt: skip
    return Section([table], table)
