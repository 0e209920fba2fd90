"""Remedy and goodwill apart: gestures without a fix, what each group did next, and what complaints asked for."""

import pandas as pd

from analytics.contrast.problems import NAMED, OTHER
from analytics.measures.estimate import ASSERTED, OBSERVED, SAID
from analytics.measures.recovery import LEAVE_DAYS, NO_PROBLEM, score_recovery
from analytics.measures.shares import corrected_share
from analytics.measures.suppress import suppress
from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.report.story import Story, has_texts, refuse_long
from analytics.report.words import (
    Section,
    figure_of,
    gather,
    not_known,
    section,
)
from analytics.tables.schema import NotMeasured
from analytics.text.clean import normalise


@section
def show_recovery(story: Story) -> Section:
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
    from analytics.text.themes import theme_errors

    if not has_texts(story):
        return []
    now = story.current[story.current["source"] == "complaints"]
    texts = now.loc[now["sentiment"] != "unknown", "text"]
    if len(texts) < story.k:
        return []
    refuse_long(texts, "what complaints ask for")
    kinds = pd.Series(story.reader.kinds(texts.map(normalise).tolist()))
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


@section
def show_repeated_gestures(story: Story) -> Section:
    """Leaving after the last gesture, by how many a customer was given."""
    found = score_recovery(story.tables, until=story.period.end, confidence=story.confidence).gestures
    if found.empty or found["n"].sum() == 0:
        raise NotMeasured("not measured: no gesture is half a year old (goodwill_value, left_at), needed for leaving")
    table = blocks.table(
        suppress(found.assign(unit="share"), story.k, by=["gestures"], count="n"),
        caption=f"Customers who left within {LEAVE_DAYS} days of the last gesture, by how many they were given.",
        source=OBSERVED, n=int(found["n"].sum()), formats={"n": "count"},
        columns={"gestures": "Gestures", "value": "Left", "n": "Customers", "reason": "Note"},
        note="Observed, not caused: whoever was given several had several problems.",
    )  # fmt: skip
    return Section([table], table)
