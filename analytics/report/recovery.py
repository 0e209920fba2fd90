"""Remedy and goodwill apart: gestures without a fix, what each group did next, and what complaints asked for."""

import pandas as pd

from analytics.contrast.problems import NAMED, OTHER
from analytics.measures.estimate import ASSERTED, OBSERVED, SAID
from analytics.measures.recovery import FIXED, LEAVE_DAYS, LEFT, NEXT_SCORE, REPEAT_DAYS, REPEATED, Comparison, Recovery
from analytics.measures.shares import corrected_share
from analytics.measures.suppress import count_people, suppress
from analytics.publish import blocks
from analytics.report import tested
from analytics.report.limits import refuse_long
from analytics.report.story import Story
from analytics.report.words import Section, Stake, figure_of, gather, section, section_of
from analytics.tables.schema import NotMeasured
from analytics.text.clean import normalise

OUTCOMES = {  # heading of the column, and caption of the table
    LEFT: ("Left", f"Leaving within {LEAVE_DAYS} days of the first complaint, by fix and gesture."),
    REPEATED: ("Complained again", f"Complaining again within {REPEAT_DAYS} days, by fix and gesture."),
    NEXT_SCORE: ("Next score", "The next score these customers gave, by fix and gesture."),
}
WHO_SAYS = {SAID: "said by customers", ASSERTED: "by our records"}  # what was fixed
SETTLED_BY = "recording for each complaint, apart, whether it was put right and what was given"
CHOSEN = "Observed, not caused: who got a gesture was our choice."
LEFT_OUT = "are left out: it is not known whether it was fixed, or half a year is not over."
NO_PROBLEM = "never complained"
AGREES = {  # what the customer says of our answer
    ("confirmed_fixed", True): "says it is fixed", ("confirmed_fixed", False): "says it is not fixed",
    ("disputed", True): "does not dispute it", ("disputed", False): "disputes the answer",
}  # fmt: skip


@section
def show_recovery(story: Story) -> Section:
    """Remedy and goodwill apart: gestures without a fix, who left after one, and what complaints asked for."""
    try:
        recovery = tested.recovery(story)
    except NotMeasured:
        line = blocks.unknown("We do not know whether complaints were put right: it is not recorded.", SETTLED_BY)
        return Section([line], line, [line])
    stakes = [_after_gesture(compared, recovery, story) for compared in recovery.leaving[:1]]
    findings = [stake.finding for stake in stakes]
    e, unknowns = recovery.gesture_not_fixed, []
    if e.n < story.k:
        few = f"We do not know where gestures went: fewer than {story.k} are recorded beside whether it was fixed."
        findings = unknowns = [blocks.unknown(few, SETTLED_BY)]
    else:
        findings.append(blocks.finding(
            f"Of {e.n:,} gestures recorded up to {story.period.label}, {figure_of(e)} went to customers whose problem "
            f"was not fixed ({WHO_SAYS[recovery.fixed_source]}).", [e], better="lower",
        ))  # fmt: skip
    complaints, more = gather(lambda: _asked_for(story))
    content = [*findings, *complaints, *_outcome_tables(recovery, story, [LEFT])]
    stakes = [stake for stake in stakes if stake.low > 0 and stake.p_value <= tested.cut(story)]
    return Section(content, findings[0], [*unknowns, *more], stakes=stakes)


def _after_gesture(compared: Comparison, recovery: Recovery, story: Story) -> Stake:
    """How many left after a gesture without a fix, against whom: a difference only where its test stands."""
    mine, others = compared.gesture, compared.others
    who = "where it was fixed" if compared.against == FIXED else "of those who never complained"
    sentence = (
        f"Of customers given a gesture but no fix, {figure_of(mine)} left within half a year, against "
        f"{figure_of(others)} {who}"
    )
    if compared.p_value > tested.cut(story):
        low, high = (100 * bound for bound in (compared.low, compared.high))
        sentence += f": no difference is shown, it lies between {low:+.0f} and {high:+.0f} points"
    told = blocks.finding(
        f"{sentence}.", [mine, others], better="lower", key="recovery:gesture_alone", people=min(mine.n, others.n)
    )
    month = recovery.a_month
    return Stake(told, month * compared.difference, month * compared.low, month, compared.p_value)


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


def _outcome_tables(recovery: Recovery, story: Story, outcomes: list[str]) -> list[blocks.Block]:
    """What became of each group's customers, a table for each outcome that enough of them reached."""
    tables = []
    for outcome in outcomes:
        head, caption = OUTCOMES[outcome]
        part = recovery.groups[recovery.groups["outcome"].eq(outcome) & recovery.groups["n"].gt(0)]
        if part.empty or part["people"].max() < story.k:
            continue
        part = part.assign(group=[_name_group(row) for _, row in part.iterrows()])
        rows = suppress(part.drop(columns=["fixed", "gesture"]), story.k, by=["group"])
        note, counted = f"Fixed: {WHO_SAYS[recovery.fixed_source]}. {CHOSEN}", "Complaints"
        if outcome == LEFT:
            left_out = recovery.complainants - int(rows.loc[part["fixed"].notna(), "n"].sum())
            note, counted = f"{note} {left_out:,} of {recovery.complainants:,} who complained {LEFT_OUT}", "Customers"
        tables.append(blocks.table(
            rows, caption=caption, source=SAID if outcome == NEXT_SCORE else OBSERVED, n=int(rows["n"].sum()),
            columns={"group": "Problem and gesture", "value": head, "n": counted},
            people="people", note=note,
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
def show_aftermath(story: Story) -> Section:
    """What else followed a complaint, by fix and gesture, and both accounts of what was put right."""
    recovery = tested.recovery(story)
    tables = [*_outcome_tables(recovery, story, [REPEATED, NEXT_SCORE]), *_accounts_table(recovery.accounts, story)]
    if not tables:
        raise NotMeasured("too few complaints were followed", needed_for="what followed")
    return section_of(tables)
