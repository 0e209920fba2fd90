"""Remedy and goodwill apart: gestures without a fix, what each group did next, and what complaints asked for."""

import pandas as pd

from analytics.contrast.problems import NAMED, OTHER
from analytics.measures.estimate import ASSERTED, OBSERVED, SAID
from analytics.measures.intervals import difference_bounds, estimate_share
from analytics.measures.recovery import FIXED, LEAVE_DAYS, LEFT, NEXT_SCORE, REPEAT_DAYS, REPEATED, Comparison, Recovery
from analytics.measures.shares import corrected_share
from analytics.measures.suppress import count_people, suppress
from analytics.publish import blocks
from analytics.report import tested
from analytics.report.checked import refuse_long
from analytics.report.query import Query, opened
from analytics.report.section import Section, Stake, gather, open_question, section, section_of
from analytics.report.story import Story
from analytics.report.words import WORDS, say, table_of
from analytics.tables.schema import NotMeasured
from analytics.text.clean import normalise

DAYS = {LEFT: LEAVE_DAYS, REPEATED: REPEAT_DAYS}


@section
def show_recovery(story: Story) -> Section:
    """Remedy and goodwill apart: gestures without a fix, who left after one, and what complaints asked for."""
    try:
        recovery = tested.recovery(story)
    except NotMeasured:
        return open_question(*(say(f"recovery.{part}") for part in ("not_recorded", "settle", "needs")))
    stakes = [_after_gesture(compared, recovery, story) for compared in recovery.leaving[:1]]
    findings = [stake.finding for stake in stakes]
    e, unknowns = recovery.gesture_not_fixed, []
    if e.n < story.k:
        findings = unknowns = [blocks.unknown(say("recovery.few", k=story.k), say("recovery.settle"))]
    else:
        who = WORDS["who_says"][recovery.fixed_source]
        sentence = say("recovery.gestures", share=e, period=story.period.label, who=who)
        findings.append(blocks.finding(sentence, [e], better="lower"))
    complaints, more = gather(lambda: _asked_for(story))
    content = [*findings, *complaints, *_outcome_tables(recovery, story, [LEFT])]
    stakes = [stake for stake in stakes if stake.low > 0 and stake.p_value <= tested.cut(story)]
    return section_of(content, [*unknowns, *more], stakes)


def _after_gesture(compared: Comparison, recovery: Recovery, story: Story) -> Stake:
    """How many left after a gesture without a fix, against whom: a difference only where its test stands."""
    mine, others = compared.gesture, compared.others
    who = "where it was fixed" if compared.against == FIXED else "of those who never complained"
    sentence = say("recovery.left", mine=mine, others=others, who=who)
    if compared.p_value > tested.cut(story):
        level = 1 - tested.cut(story)  # as the test: an interval of its own level would tell a difference
        _, low, high = difference_bounds(*(estimate_share(e.value * e.n, e.n, e.source, level) for e in (mine, others)))
        sentence += say("recovery.no_difference", low=min(100 * low, 0), high=max(100 * high, 0))
    key, people = "recovery:gesture_alone", min(mine.n, others.n)
    told = blocks.finding(f"{sentence}.", [mine, others], better="lower", key=key, people=people)
    month = recovery.a_month
    more, low = (month * share for share in (compared.difference, compared.low))
    return Stake(told, more, low, month, compared.p_value, people=recovery.alone, lost=True)


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
    sentence = say("recovery.asked_for", n=len(texts), period=story.period.label, shares=shares)
    told = blocks.finding(sentence, shares, key="complaints:promise", better="lower", people=people)
    return [opened(told, Query(where="source = complaints and mood != unknown"))]


def _outcome_tables(recovery: Recovery, story: Story, outcomes: list[str]) -> list[blocks.Block]:
    """What became of each group's customers, a table for each outcome that enough of them reached."""
    tables = []
    for outcome in outcomes:
        part = recovery.groups[recovery.groups["outcome"].eq(outcome) & recovery.groups["n"].gt(0)]
        if part.empty or part["people"].max() < story.k:
            continue
        part = part.assign(group=[_name_group(row) for _, row in part.iterrows()])
        rows = suppress(part.drop(columns=["fixed", "gesture"]), story.k, by=["group"])
        out = recovery.complainants - int(rows.loc[part["fixed"].notna(), "n"].sum())
        facts = {"who": WORDS["who_says"][recovery.fixed_source], "days": DAYS.get(outcome)}
        source, n = SAID if outcome == NEXT_SCORE else OBSERVED, int(rows["n"].sum())
        facts |= {"left_out": out, "all": recovery.complainants, "k": story.k}
        tables.append(table_of(outcome, rows, source=source, n=n, people="people", **facts))
    return tables


def _name_group(row: pd.Series) -> str:
    """'not fixed, gesture'; the gesture left out where none is recorded."""
    if pd.isna(row["fixed"]):
        return "never complained"
    gesture = "" if pd.isna(row["gesture"]) else ", gesture" if row["gesture"] else ", no gesture"
    return f"{'fixed' if row['fixed'] else 'not fixed'}{gesture}"


def _accounts_table(accounts: pd.DataFrame, story: Story) -> list[blocks.Block]:
    """What we recorded beside what the customer says, groups of too few left out."""
    customer = [WORDS["agrees"][row["account"]][not row["agrees"]] for _, row in accounts.iterrows()]
    words = accounts.assign(company=accounts["remedy"].replace("none", "no") + " remedy", customer=customer)
    words = words[["company", "customer", "n", "people"]]
    rows = suppress(words, story.k, by=["company", "customer"]).dropna(subset="n")
    if rows.empty:
        return []
    return [table_of("accounts", rows, source=[ASSERTED, SAID], n=int(rows["n"].sum()), people="people")]


@section
def show_aftermath(story: Story) -> Section:
    """What else followed a complaint, by fix and gesture, and both accounts of what was put right."""
    recovery = tested.recovery(story)
    tables = [*_outcome_tables(recovery, story, [REPEATED, NEXT_SCORE]), *_accounts_table(recovery.accounts, story)]
    if not tables:
        raise NotMeasured("too few complaints were followed", needed_for="what followed")
    return section_of(tables)
