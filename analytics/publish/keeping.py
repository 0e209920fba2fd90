"""What the notebook on promises and recovery shows beyond the report: both views apart, and repeated gestures."""

import pandas as pd

from analytics.measures.estimate import ASSERTED, OBSERVED, SAID
from analytics.measures.promises import score_promises
from analytics.measures.recovery import LEAVE_DAYS, score_recovery
from analytics.measures.suppress import suppress
from analytics.publish import blocks
from analytics.publish.story import Story
from analytics.publish.wording import Section, section
from analytics.tables.schema import NotMeasured


@section
def views_apart(story: Story) -> Section:
    """How far each promise's two views lie apart, by segment: kept by our records less kept in the customer's view."""
    try:
        comments = story.comments
    except NotMeasured:  # nobody wrote: the view rests on scores alone
        comments = None
    scored = score_promises(story.config.promises, story.tables, story.cases_now, comments, story.confidence)
    if scored["view_n"].sum() == 0:
        raise NotMeasured("not measured: no customer has said whether a promise was kept, needed for the two views")
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


@section
def repeated_gestures(story: Story) -> Section:
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
