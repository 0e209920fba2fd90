"""Promises, and the declared strategy: kept by our records, kept in the customer's view, unknown."""

import pandas as pd

from analytics.contrast.strategy import ARCHETYPES, CONGRUENT, NOT_CONGRUENT, UNKNOWN, judge_strategy
from analytics.measures.estimate import ASSERTED, SAID, Estimate
from analytics.measures.promises import score_promises
from analytics.measures.suppress import suppress
from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.report.story import Story, has_texts
from analytics.report.words import (
    THEME_WORDS,
    Section,
    estimate_of,
    figure_of,
    listed,
    section,
)
from analytics.tables.schema import NotMeasured


@section
def show_promises(story: Story) -> Section:
    """Each declared promise: kept by our records, kept in the customer's view, unknown."""
    if not story.config.promises:
        line = blocks.unknown("No promise is declared.", settle="declaring the published promises in perception.toml")
        return Section([line], line)
    comments = story.comments if has_texts(story) else None
    scored = score_promises(story.config.promises, story.tables, story.cases_now, comments, story.confidence)
    overall = scored.drop_duplicates("promise")
    findings = [_promise(row, story.k) for _, row in overall.iterrows()]
    shown = pd.concat([_withheld(part, story.k) for _, part in scored.groupby("promise", sort=False)])
    table = blocks.table(
        shown.assign(segment=shown["segment"].replace("all", "all customers")),
        caption="Promises by segment: our records beside the customer's view.",
        source=[SAID, ASSERTED],
        n=int(overall["n"].max()),
        columns={
            "text": "Promise", "segment": "Segment", "n": "Cases", "goal": "Promised to",
            "records": "Kept by our records", "view": "Kept in their view", "unknown": "They have not said",
        },
        formats={"goal": "share", "records": "share", "view": "share", "unknown": "share"},
        note="Their view rests on the cases whose customer said something about it.",
    )  # fmt: skip
    unknowns = [f for f in findings if f.data["level"] == "unknown"]
    return Section([*findings, table, *_strategy(story)], findings[0], unknowns)


def _strategy(story: Story) -> list[Block]:
    """The declared strategy against the themes it lives by."""
    declared = story.config.strategy
    if declared is None or not has_texts(story):
        return []
    name, meaning = declared.archetype.replace("_", " "), ARCHETYPES[declared.archetype].meaning
    judged = judge_strategy(declared.archetype, story.problem_table)
    by_verdict = {
        verdict: listed([THEME_WORDS[theme] for theme in part["theme"]]) for verdict, part in judged.groupby("verdict")
    }
    evidence = [estimate_of(row) for _, row in judged.dropna(subset="value").iterrows()]
    shown = [blocks.prose(f"### The declared strategy: “{name}” ({meaning})")]
    if NOT_CONGRUENT in by_verdict:
        named = by_verdict[NOT_CONGRUENT]
        shown.append(blocks.finding(f"Not congruent with it: customers name {named} as a problem.", evidence))
    if CONGRUENT in by_verdict:
        shown.append(blocks.finding(f"Congruent with it: hardly anyone names {by_verdict[CONGRUENT]}.", evidence))
    if UNKNOWN in by_verdict:
        shown.append(
            blocks.unknown(f"We do not know about {by_verdict[UNKNOWN]}: the interval spans 2 %.", "more comments")
        )
    return shown


def _withheld(part: pd.DataFrame, k: int) -> pd.DataFrame:
    """One promise by segment, a row blank where its cases, or the customers who spoke, are too few to show."""
    by_cases, by_views = (suppress(part, k, by=["segment"], count=count) for count in ("n", "view_n"))
    return by_cases.where(by_views["reason"].eq(""), by_views)


def _promise(row: pd.Series, k: int) -> Block:
    """One promise in a sentence, from both sides."""
    view = Estimate(row["view"], row["view_low"], row["view_high"], int(row["view_n"]), "share", SAID)
    records = Estimate(row["records"], row["records_low"], row["records_high"], int(row["n"]), "share", ASSERTED)
    if view.n < k or row["view_verdict"] == "we do not know":
        known = f" Of {view.n:,} who said, {figure_of(view)} say so." if view.n >= k else ""
        sentence = f"We do not know whether “{row['text']}” is kept.{known}"
        settle = row["would_settle"] or "asking the customers of these cases whether the promise was kept"
        return blocks.finding(sentence, [view] if known else [], level="unknown", settle=settle)
    sentence = (
        f"“{row['text']}”: {row['view_verdict']} in the customers' view ({figure_of(view)} of {view.n:,} who said, "
        f"promised to {row['goal']:.0%}); by our records {figure_of(records)}."
    )
    return blocks.finding(sentence, [view, records], key=f"promise:{row['promise']}")


@section
def show_views_apart(story: Story) -> Section:
    """How far each promise's two views lie apart, by segment: kept by our records less kept in the customer's view."""
    comments = story.comments if has_texts(story) else None  # else the view rests on scores alone
    scored = score_promises(story.config.promises, story.tables, story.cases_now, comments, story.confidence)
    if scored["view_n"].sum() == 0:
        raise NotMeasured("no customer has said whether a promise was kept", needed_for="the two views")
    parts = [part for _, part in scored.groupby("promise", sort=False)]
    shown = pd.concat([suppress(part, story.k, by=["segment"], count="view_n") for part in parts])
    table = blocks.table(
        shown.assign(segment=shown["segment"].replace("all", "all customers")),
        caption="Kept by our records, less kept in the customer's view.", source=[SAID, ASSERTED],
        n=int(scored.drop_duplicates("promise")["view_n"].max()), formats={"distance": "share", "view_n": "count"},
        columns={
            "text": "Promise", "segment": "Segment", "distance": "Distance", "view_n": "Customers", "reason": "Note",
        },
        note="Above zero: our records count more promises kept than customers do. Customers: those who have said so.",
    )  # fmt: skip
    return Section([table], table)
