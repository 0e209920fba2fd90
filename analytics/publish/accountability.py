"""The leadership report's accounts: promises, remedy and goodwill, what we do not know, where it all comes from.

Like ``leadership``, one function per section; ``page_one`` puts the sections' answers on the first page.
"""

from typing import Any

import pandas as pd

from analytics.contrast.problems import NAMED, OTHER
from analytics.contrast.strategy import ARCHETYPES, CONGRUENT, NOT_CONGRUENT, UNKNOWN, judge_strategy
from analytics.measures.estimate import ASSERTED, OBSERVED, SAID, Estimate
from analytics.measures.promises import score_promises
from analytics.measures.recovery import NO_PROBLEM, score_recovery
from analytics.measures.shares import corrected_share
from analytics.measures.suppress import suppress
from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.publish.leadership import judge, name_problem, score_chart
from analytics.publish.record import CANNOT_TELL, DID_NOT, HELD, read_claims, retest, running_record
from analytics.publish.story import Score, Story, refuse_long
from analytics.publish.wording import (
    THEME_WORDS,
    Section,
    estimate_of,
    figure_of,
    gather,
    listed,
    movement_note,
    not_known,
    section,
)
from analytics.tables.schema import NotMeasured

REPORT = "leadership"


@section
def promises(story: Story) -> Section:
    """Each declared promise: kept by our records, kept in the customer's view, unknown."""
    if not story.config.promises:
        line = blocks.unknown("No promise is declared.", settle="declaring the published promises in perception.toml")
        return Section([line], line)
    comments = story.comments if _has_texts(story) else None
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
    if declared is None or not _has_texts(story):
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
def recovery(story: Story) -> Section:
    """Remedy and goodwill apart: gestures without a fix, what each group did next, and what complaints asked for."""
    found = score_recovery(story.tables, story.period.end, story.confidence, step=story.k)
    e = found.gesture_not_fixed
    if e.n < story.k:
        line = _no_gestures(story)
        rest, unknowns = gather(lambda: _asked_for(story))
        return Section([line, *_recovery_tables(found.groups, found.accounts, story), *rest], line, [line, *unknowns])
    told = blocks.finding(
        f"Of {e.n:,} gestures recorded up to {story.period.label}, {figure_of(e)} went to customers whose problem was "
        f"not fixed ({found.fixed_source}).",
        [e],
        better="lower",
    )
    rest, unknowns = gather(lambda: _asked_for(story))
    return Section([told, *rest, *_recovery_tables(found.groups, found.accounts, story)], told, unknowns)


def _asked_for(story: Story) -> list[Block]:
    """How many complaints say that a promise was broken, and how many want what was never offered."""
    from analytics.text.themes import promise_kind, theme_errors

    if not _has_texts(story):
        return []
    now = story.current[story.current["source"] == "complaints"]
    texts = now.loc[now["sentiment"] != "unknown", "text"]
    if len(texts) < story.k:
        return []
    refuse_long(texts, "what complaints ask for")
    kinds = pd.Series(promise_kind(texts, model="accurate"))
    broken, wished = (
        corrected_share(
            kinds.eq(kind).map({True: NAMED, False: OTHER}),
            pd.DataFrame(theme_errors(head), [OTHER, NAMED], [OTHER, NAMED]),
            label=NAMED,
            confidence=story.confidence,
        )
        for kind, head in (("promise_broken", "wants_promised"), ("not_offered", "wants_unoffered"))
    )
    return [
        blocks.finding(
            f"Of {len(texts):,} complaints of {story.period.label}, {figure_of(broken)} say that a promise was broken, "
            f"{figure_of(wished)} want what was never offered.",
            [broken, wished],
            key="complaints:promise",
            better="lower",
        )
    ]


def _no_gestures(story: Story) -> Block:
    """Why nothing can be said of gestures."""
    complaints = story.tables.complaints
    if complaints is not None and "goodwill_value" not in complaints:
        return not_known(
            NotMeasured("not measured: no column goodwill_value (table complaints), needed for goodwill")
        ).answer
    few = f"Fewer than {story.k} gestures are recorded with a known outcome."
    return blocks.unknown(few, settle="recording remedy and goodwill apart")


def _recovery_tables(groups: pd.DataFrame, accounts: pd.DataFrame, story: Story) -> list[Block]:
    tables = []
    for outcome, source in (("left", OBSERVED), ("complained again", OBSERVED), ("next score", SAID)):
        part = groups[groups["outcome"] == outcome]
        if part["n"].max() < story.k:
            continue
        part = suppress(part[part["n"] > 0], story.k, by=["group"], count="n")
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
    shown = suppress(accounts, story.k, by=["company", "customer"], count="n").dropna(subset="n")
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
    """Everything that the sections leave open, each with what would settle it; the first that page one does not say."""
    open_ends = list({b.data["sentence"]: b for section in sections for b in section.unknowns}.values())
    open_ends += [blocks.unknown(warning) for warning in (*filter(None, [story.caution]), *story.log.warnings)]
    if not open_ends:
        line = blocks.finding("Every question of this report has an answer within its intervals.")
        return Section([line], line)
    answered = {section.answer.data["sentence"] for section in sections}
    first, *second = [b for b in open_ends if b.data["sentence"] not in answered][:2] or open_ends[:1]
    told = " ".join(block.data["sentence"] for block in (first, *second))
    return Section(open_ends, blocks.unknown(told, first.data["settle"]))


@section
def last_time(story: Story, *sections: Section) -> Section:
    """Each claim of the previous report, tested on this period's data, and the running record."""
    folder = story.config.resolve(story.config.report.output) / REPORT
    previous = read_claims(folder, story.period.previous().name)
    if previous is None:
        line = blocks.unknown(
            f"No readable report of {story.period.previous().label} is published, so there is nothing to test again.",
            settle="building that report, then this one",
        )
        return Section([line], line)
    now = [block.data for part in sections for block in part.blocks if block.data.get("key")]
    table = retest(previous, [*_problems_now(story), *now])
    latest = table["verdict"].value_counts().reindex([HELD, DID_NOT, CANNOT_TELL], fill_value=0)
    record = running_record(folder, story.history[:-1]).add(latest)
    told = blocks.finding(
        f"Of {len(table)} statements of {story.period.previous().label}: {_counted(latest)}. "
        f"Over all reports so far: {_counted(record)}."
    )
    if table.empty:
        return Section([told], told)
    shown = table.drop(columns=["now_low", "now_high"])
    columns = {"said": "What we said", "verdict": "On new data", "now": "Figure now", "n": "Answers"}
    figures = pd.Series([_restated(row) for _, row in table.iterrows()], index=shown.index, dtype=object)
    listing = blocks.table(
        shown.assign(now=figures),
        caption="What we said last time.",
        source=SAID,
        n=int(table["n"].fillna(0).max()),
        columns=columns,
        formats={"n": "count"},
        note="Held: the difference of the two figures has an interval around zero, or it went further the same way.",
    )
    return Section([told, listing], told)


def _problems_now(story: Story) -> list[dict[str, Any]]:
    """Every problem's share, as one named last time may be no open problem now and have no sentence of its own."""
    try:
        table = story.problem_table
    except NotMeasured:
        return []
    shown = table[table["n"] >= story.k].dropna(subset="value")
    return [name_problem(row).data for _, row in shown.iterrows()]


def _counted(counts: pd.Series) -> str:
    return f"{counts[HELD]} held, {counts[DID_NOT]} did not, {counts[CANNOT_TELL]} cannot be told"


def _restated(row: pd.Series) -> Estimate | None:
    if pd.isna(row["now"]):
        return None
    return Estimate(row["now"], row["now_low"], row["now_high"], int(row["n"]), row["unit"], SAID)


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
        if series["n"].iloc[-1] < story.k:
            continue
        numbers[score.name] = estimate_of(series.iloc[-1])
        notes[score.name] = movement_note(judge(story, series))
    known = [s.answer for s in (hurts, leaving) if s.answer.data["level"] == "finding"]
    scored = next(block for block in perceive.blocks if block.kind == "finding")
    headline = scored if scored.data["level"] == "finding" or not known else known[0]
    others = (b for b in hurts.blocks if b.kind == "finding" and b.data["level"] == "finding" and b is not headline)
    hurt = hurts.answer if headline is scored else next(others, hurts.answer)  # never the headline twice
    return blocks.page_one(
        headline, numbers, notes=notes, perceive=perceive.answer, hurts=hurt, leaving=_both(leaving),
        unknown=unknowns.answer, trend=_trend(story), basis=story.caution,
    )  # fmt: skip


def _both(leaving: Section) -> Block | str:
    """The said and the silent in one answer, where both are known."""
    known = [b.data for b in leaving.blocks if b.kind == "finding" and b.data["level"] == "finding"]
    if len(known) < 2:
        return leaving.answer
    first, second = known[0], known[1]
    joined = f"{first['sentence']} {second['sentence'].split('. ')[0].rstrip('.')}."
    return Block("finding", first | {"sentence": joined, "evidence": first["evidence"] + second["evidence"]})


def _trend(story: Story) -> Block | None:
    """The leading score over time, low enough for page one."""
    scores = _scores_or_none(story)
    if not scores:
        return None
    series = story.over_time(scores[0])
    charts = score_chart(story, scores[0], series, judge(story, series), height=1.6)
    return charts[0] if charts and series["n"].iloc[-1] >= story.k else None


def _scores_or_none(story: Story) -> list[Score]:
    try:
        return story.scores
    except NotMeasured:
        return []
