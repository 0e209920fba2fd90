"""The leadership report's accounts: promises, remedy and goodwill, what we do not know, where it all comes from.

Like ``leadership``, one function per section; ``page_one`` puts the sections' answers on the first page.
"""

import pandas as pd

from analytics.measures.estimate import ASSERTED, OBSERVED, SAID, Estimate
from analytics.measures.promises import score_promises
from analytics.measures.recovery import NO_PROBLEM, score_recovery
from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.publish.leadership import judge
from analytics.publish.story import Score, Story
from analytics.publish.wording import Section, estimate_of, figure_of, movement_note, section
from analytics.tables.schema import NotMeasured


@section
def promises(story: Story) -> Section:
    """Each declared promise: kept by our records, kept in the customer's view, unknown."""
    if not story.config.promises:
        line = blocks.unknown("No promise is declared.", settle="declaring the published promises in perception.toml")
        return Section([line], line)
    comments = story.comments if _has_texts(story) else None
    scored = score_promises(story.config.promises, story.tables, story.cases_now, comments, story.confidence)
    overall = scored.drop_duplicates("promise")
    findings = [_promise(row) for _, row in overall.iterrows()]
    table = blocks.table(
        scored.assign(segment=scored["segment"].where(scored["segment"].ne("all"), "all customers")),
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
    return Section([*findings, table], findings[0], unknowns)


def _promise(row: pd.Series) -> Block:
    """One promise in a sentence, from both sides."""
    view = Estimate(row["view"], row["view_low"], row["view_high"], int(row["view_n"]), "share", SAID)
    records = Estimate(row["records"], row["records_low"], row["records_high"], int(row["n"]), "share", ASSERTED)
    if row["n"] == 0 or row["view_n"] == 0 or row["view_verdict"] == "we do not know":
        known = f" Of {view.n:,} who said, {figure_of(view)} say so." if view.n else ""
        return blocks.unknown(f"We do not know whether “{row['text']}” is kept.{known}", settle=row["would_settle"])
    sentence = (
        f"“{row['text']}”: {row['view_verdict']} in the customers' view ({figure_of(view)} of {view.n:,} who said, "
        f"promised to {row['goal']:.0%}); by our records {figure_of(records)}."
    )
    return blocks.finding(sentence, [view, records])


@section
def recovery(story: Story) -> Section:
    """Remedy and goodwill apart: gestures without a fix, and what each group did next."""
    found = score_recovery(story.tables, until=story.period.end, confidence=story.confidence)
    e = found.gesture_not_fixed
    if e.n == 0:
        line = blocks.unknown(
            "No gesture is recorded with a known outcome.", settle="recording remedy and goodwill apart"
        )
        return Section([line], line, [line])
    told = blocks.finding(
        f"Of {e.n:,} gestures made, {figure_of(e)} went to customers whose problem was not fixed "
        f"({found.fixed_source}).",
        [e],
    )
    shown = [told, *_recovery_tables(found.groups, found.accounts, story)]
    return Section(shown, told)


def _recovery_tables(groups: pd.DataFrame, accounts: pd.DataFrame, story: Story) -> list[Block]:
    tables = []
    for outcome, source in (("left", OBSERVED), ("complained again", OBSERVED), ("next score", SAID)):
        part = groups[(groups["outcome"] == outcome) & (groups["n"] >= story.k)]
        if part.empty:
            continue
        caption = {
            "left": "Leaving within 180 days of the complaint, by fix and gesture.",
            "complained again": "Complaining again within 90 days.",
            "next score": "The next score these customers gave.",
        }[outcome]
        tables.append(
            blocks.table(
                part, caption=caption, source=source, n=int(part["n"].sum()),
                columns={"group": "Problem and gesture", "value": outcome.capitalize(), "n": "Customers"},
                note="Observed, not caused: who got a gesture was our choice."
                + (f" “{NO_PROBLEM.capitalize()}” is the comparison." if outcome == "left" else ""),
            )
        )  # fmt: skip
    shown = accounts[accounts["n"] >= story.k]
    if len(shown):
        tables.append(
            blocks.table(
                shown,
                caption="Both accounts: what we recorded, what the customer says.",
                source=[ASSERTED, SAID],
                n=int(shown["n"].sum()),
                columns={"company": "We recorded", "customer": "The customer", "n": "Complaints"},
            )
        )
    return tables


def unknown(story: Story, *sections: Section) -> Section:
    """Everything that the sections leave open, each with what would settle it."""
    open_ends = list({b.data["sentence"]: b for section in sections for b in section.unknowns}.values())
    open_ends += [blocks.unknown(warning) for warning in story.log.warnings]
    if not open_ends:
        line = blocks.finding("Every question of this report has an answer within its intervals.")
        return Section([line], line)
    return Section(open_ends, open_ends[0])


def provenance(story: Story) -> Section:
    """What the report was made from; the runner adds versions and times to manifest.json."""
    line = blocks.finding("Inputs, rows and faults are listed below; versions and times are in manifest.json.")
    return Section([blocks.provenance(story.log.inputs, story.log.rows, story.log.faults)], line)


def _has_texts(story: Story) -> bool:
    try:
        return not story.comments.empty
    except NotMeasured:
        return False


def page_one(story: Story, perceive: Section, hurts: Section, leaving: Section, unknowns: Section) -> Block:
    """The whole story on one page, from the sections' own answers."""
    numbers, notes = {}, {}
    for score in _scores_or_none(story)[:3]:
        series = story.over_time(score)
        numbers[score.name] = estimate_of(series.iloc[-1])
        notes[score.name] = movement_note(judge(story, series))
    return blocks.page_one(
        perceive.answer, numbers, notes=notes, perceive=perceive.answer, hurts=hurts.answer, leaving=leaving.answer,
        unknown=unknowns.answer,
    )  # fmt: skip


def _scores_or_none(story: Story) -> list[Score]:
    try:
        return story.scores
    except NotMeasured:
        return []
