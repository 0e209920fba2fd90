"""Remedy and goodwill apart: gestures without a fix, what each group did next, and what complaints asked for."""

import pandas as pd

from analytics.contrast.problems import NAMED, OTHER
from analytics.measures.estimate import ASSERTED, OBSERVED, SAID
from analytics.measures.recovery import LEAVE_DAYS, LEFT, MANY, NEXT_SCORE, REPEAT_DAYS, REPEATED, score_recovery
from analytics.measures.shares import corrected_share
from analytics.measures.suppress import count_people, suppress
from analytics.publish import blocks
from analytics.report.limits import refuse_long
from analytics.report.story import Story
from analytics.report.words import Section, capital, figure_of, gather, not_known, section, word_withheld
from analytics.tables.schema import NotMeasured
from analytics.text.clean import normalise

OUTCOMES = {  # heading of the column, and caption of the table
    LEFT: ("Left", f"Leaving within {LEAVE_DAYS} days of the complaint, by fix and gesture."),
    REPEATED: ("Complained again", f"Complaining again within {REPEAT_DAYS} days."),
    NEXT_SCORE: ("Next score", "The next score these customers gave."),
}
NO_PROBLEM = "never complained"
AGREES = {  # what the customer says of our answer
    ("confirmed_fixed", True): "says it is fixed", ("confirmed_fixed", False): "says it is not fixed",
    ("disputed", True): "does not dispute it", ("disputed", False): "disputes the answer",
}  # fmt: skip


@section
def show_recovery(story: Story) -> Section:
    """Remedy and goodwill apart: gestures without a fix, what each group did next, and what complaints asked for."""
    recovery = score_recovery(story.tables, story.period.end, story.confidence, step=story.k)
    e = recovery.gesture_not_fixed
    tables = [*_outcome_tables(recovery.groups, story), *_accounts_table(recovery.accounts, story)]
    complaints, unknowns = gather(lambda: _asked_for(story))
    if e.n < story.k:
        line = _no_gestures(story)
        return Section([line, *tables, *complaints], line, [line, *unknowns])
    gestures = blocks.finding(
        f"Of {e.n:,} gestures recorded up to {story.period.label}, {figure_of(e)} went to customers whose problem was "
        f"not fixed ({recovery.fixed_source}).", [e], better="lower",
    )  # fmt: skip
    return Section([gestures, *complaints, *tables], gestures, unknowns)


def _asked_for(story: Story) -> list[blocks.Block]:
    """How many complaints say that a promise was broken, and how many want what was never offered."""
    from analytics.text.themes import theme_errors

    if not story.has_texts:
        return []
    now = story.current[story.current["source"].eq("complaints") & story.current["sentiment"].ne("unknown")]
    texts, people = now["text"], count_people(now)
    if people < story.k:
        return []
    refuse_long(texts, "what complaints ask for")
    kinds = pd.Series(story.reader.kinds(texts.map(normalise).tolist()))
    shares = []
    for kind, head in (("promise_broken", "wants_promised"), ("not_offered", "wants_unoffered")):
        labels = kinds.eq(kind).map({True: NAMED, False: OTHER})
        errors = pd.DataFrame(theme_errors(head), [OTHER, NAMED], [OTHER, NAMED])
        shares.append(corrected_share(labels, errors, label=NAMED, confidence=story.confidence))
    broken, wished = map(figure_of, shares)
    sentence = (
        f"Of {len(texts):,} complaints of {story.period.label}, {broken} say that a promise was broken, {wished} want "
        "what was never offered."
    )
    return [blocks.finding(sentence, shares, key="complaints:promise", better="lower", people=people)]


def _no_gestures(story: Story) -> blocks.Block:
    """Why nothing can be said of gestures."""
    complaints = story.tables.complaints
    if complaints is not None and "goodwill_value" not in complaints:
        return not_known(NotMeasured(table="complaints", columns=["goodwill_value"], needed_for="goodwill")).answer
    few = f"Fewer than {story.k} gestures are recorded with a known outcome."
    return blocks.unknown(few, settle="recording remedy and goodwill apart")


def _outcome_tables(groups: pd.DataFrame, story: Story) -> list[blocks.Block]:
    """What became of each group's customers, a table for each outcome that enough of them reached."""
    tables = []
    for outcome, (head, caption) in OUTCOMES.items():
        part = groups[groups["outcome"].eq(outcome) & groups["n"].gt(0)]
        if part.empty or part["people"].max() < story.k:
            continue
        part = part.assign(group=[_name_group(row) for _, row in part.iterrows()])
        compared = f" “{capital(NO_PROBLEM)}” is the comparison." if outcome == LEFT else ""
        tables.append(blocks.table(
            suppress(part.drop(columns=["fixed", "gesture"]), story.k, by=["group"]), caption=caption,
            source=SAID if outcome == NEXT_SCORE else OBSERVED, n=int(part["n"].sum()), people="people",
            columns={"group": "Problem and gesture", "value": head, "n": "Customers"},
            note=f"Observed, not caused: who got a gesture was our choice.{compared}",
        ))  # fmt: skip
    return tables


def _name_group(row: pd.Series) -> str:
    """'not fixed, gesture'; the gesture left out where none is recorded."""
    if pd.isna(row["fixed"]):
        return NO_PROBLEM
    gesture = "" if pd.isna(row["gesture"]) else ", gesture" if row["gesture"] else ", no gesture"
    return f"{'fixed' if row['fixed'] else 'not fixed'}{gesture}"


def _accounts_table(accounts: pd.DataFrame, story: Story) -> list[blocks.Block]:
    """What we recorded beside what the customer says, groups of too few left out."""
    words = accounts.assign(
        company=accounts["remedy"].replace("none", "no") + " remedy",
        customer=[AGREES[row["account"], row["agrees"]] for _, row in accounts.iterrows()],
    )[["company", "customer", "n", "people"]]
    rows = suppress(words, story.k, by=["company", "customer"]).dropna(subset="n")
    if rows.empty:
        return []
    return [blocks.table(
        rows, caption="Both accounts: what we recorded, what the customer says.", source=[ASSERTED, SAID],
        n=int(rows["n"].sum()), people="people",
        columns={"company": "We recorded", "customer": "The customer", "n": "Complaints"},
    )]  # fmt: skip


@section
def show_repeated_gestures(story: Story) -> Section:
    """Leaving after the last gesture, by how many a customer was given."""
    gestures = score_recovery(story.tables, until=story.period.end, confidence=story.confidence).gestures
    if gestures.empty or gestures["n"].sum() == 0:
        raise NotMeasured("no gesture is half a year old (goodwill_value, left_at)", needed_for="leaving")
    numbers = gestures["gestures"].map(lambda number: f"{number} or more" if number == MANY else str(number))
    rows = suppress(gestures.assign(gestures=numbers), story.k, by=["gestures"])
    table = blocks.table(
        rows.assign(withheld=word_withheld(rows["withheld"], story.k)),
        caption=f"Customers who left within {LEAVE_DAYS} days of the last gesture, by how many they were given.",
        source=OBSERVED, n=int(gestures["n"].sum()), formats={"n": "count"}, people="people",
        columns={"gestures": "Gestures", "value": "Left", "n": "Customers", "withheld": "Note"},
        note="Observed, not caused: whoever was given several had several problems.",
    )  # fmt: skip
    return Section([table], table)
