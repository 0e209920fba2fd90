"""Who was asked, who answered, and how far the silent could move the leading score."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.measures.estimate import OBSERVED, Estimate
from analytics.measures.invitations import RESOLVED, InvitationAudit
from analytics.measures.response import bound_score
from analytics.measures.scores import response_rate
from analytics.measures.suppress import count_people, names_people
from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.publish.format import write_interval
from analytics.report import tested
from analytics.report.facts import asked
from analytics.report.score import DISPUTED, Score
from analytics.report.section import Section, not_known, section, section_of, unknowns_of
from analytics.report.story import Story
from analytics.report.words import WORDS, figure_of, say, write_step
from analytics.tables.schema import NotMeasured

NAMED = 3  # groups that ask, or hear, the least: named in the sentence


@dataclass(frozen=True)
class Line:
    """A sentence about invitations, the shares it states, and the distinct people of the smallest group in it."""

    sentence: str
    evidence: tuple[Estimate, ...] = ()
    people: int | None = None


@section
def show_answers(story: Story) -> Section:
    """Who was asked, who answered, and how far the silent could move the leading score."""
    return section_of(*who_answered(story, story.scores[0]))


def who_answered(story: Story, lead: Score) -> tuple[list[Block], list[Block]]:
    """Who was asked and who answered, and what the silent could change; what is not recorded is said."""
    try:
        invited = story.invitations
    except NotMeasured as lack:
        line = not_known(lack)
        return line.blocks, line.unknowns
    rate = response_rate(invited["responded_at"], clusters=invited.get("customer_id"), confidence=story.confidence)
    people = count_people(invited)
    asked = f"{people:,} customers were asked" if names_people(invited) else f"{len(invited):,} invitations were sent"
    times = f" {len(invited):,} times" if people < len(invited) else ""
    of = " of the times they" if times else ""
    sentence = f"{asked}{times} in {story.period.label}; {figure_of(rate)}{of} answered."
    answers = [blocks.finding(sentence, [rate], key="response", people=people)]
    if lead is not DISPUTED and invited[lead.column].isna().any():
        answers.append(_bounded(story, invited, lead))
    try:
        answers += _who_was_asked(story)
    except NotMeasured as lack:
        answers += not_known(lack).blocks
    return answers, unknowns_of(answers)


def _who_was_asked(story: Story) -> list[Block]:
    """Whether open cases are asked, and which channels and teams ask few; never which agent."""
    audit = asked(story, tested.cut(story))
    every = list(word_invitations(audit, ("channel", "team")))
    lines = [line for line in every if line.people is None or line.people >= story.k]
    if not lines:
        return [blocks.finding(f"Whether open cases are asked is not shown: they are fewer than {story.k}.")]
    head, *rest = lines
    spared = audit.resolved_only and head is every[0]
    first = blocks.finding(head.sentence, head.evidence, level="unknown" if spared else "finding", people=head.people)
    text = "\n".join(f"- {line.sentence}" for line in rest)
    return [first, *([blocks.prose(text, [e for line in rest for e in line.evidence])] if rest else [])]


def word_invitations(audit: InvitationAudit, groups: tuple[str, ...] = tuple(WORDS["asking_groups"])) -> Iterator[Line]:
    """What the invitations show, the most important first."""
    rows = {row["group"]: row for _, row in audit.table[audit.table["by"] == "outcome"].iterrows()}
    for outcome, asking in audit.asking.items():
        if asking is None:
            yield Line(say("answers.no_case", outcome=outcome))
            continue
        e = _step_share(rows[outcome], "invited")
        facts = {"x": rows[outcome], "share": e, "outcome": outcome, "closed": rows[RESOLVED]["invited_share"]}
        yield Line(say(f"asking.{asking.name.lower()}", **facts), (e,), min(e.n, rows[outcome]["customers"]))
    if not audit.asking:
        yield Line(say("answers.no_stamp"))
    for by in groups:
        yield from _word_groups(audit.table[audit.table["by"] == by], by)
    if audit.unlinked:
        yield Line(say("answers.unlinked", x=audit))
    yield from (Line(say(f"answers.{lack}")) for lack in ("answered_only", "everyone") if getattr(audit, lack))


def _word_groups(rows: pd.DataFrame, by: str) -> Iterator[Line]:
    """Channels, teams or agents that ask, or hear, fewer than comparable cases elsewhere."""
    alike = "other channels do" if by == "channel" else "cases alike get elsewhere"
    for step, verb in (("invited", "ask fewer customers"), ("answered", "hear from fewer of those asked")):
        few = rows[rows[f"{step}_fewer"]]
        if few.empty:
            continue
        gap = (few[f"{step}_share"] / few[f"{step}_expected"]).sort_values(kind="stable")
        worst = [(few.loc[i], _step_share(few.loc[i], step)) for i in gap.index[:NAMED]]
        named = [f"{row['group']} {figure_of(e)}, expected {row[f'{step}_expected']:.0%}" for row, e in worst]
        facts = {"few": len(few), "of": len(rows), "groups": WORDS["asking_groups"][by], "verb": verb, "alike": alike}
        sentence = say("answers.fewer", worst="; ".join(named), **facts)
        yield Line(sentence, tuple(e for _, e in worst), min(min(e.n, row["customers"]) for row, e in worst))
        if by == "agent_id" and step == "invited":
            yield Line(say("answers.agents"))


def _step_share(row: pd.Series, step: str) -> Estimate:
    """Share invited of the eligible, or answered of the invited, of one group."""
    n = int(row["eligible" if step == "invited" else "invited"])
    return Estimate(row[f"{step}_share"], row[f"{step}_low"], row[f"{step}_high"], n, "share", OBSERVED)


def _bounded(story: Story, invited: pd.DataFrame, lead: Score) -> Block:
    """How far those who were asked and stayed silent could move the score."""
    bounds = bound_score(
        invited[lead.column], lead.measure, scale=lead.ends, against=lead.middle or 0.0,
        complainers=_complainers_answers(story, invited, lead), confidence=story.confidence,
    )  # fmt: skip
    unit, ends = bounds.observed.unit, (bounds.low, bounds.high, bounds.like_complainers)
    low, high, like = (write_interval(v, np.nan, np.nan, unit) if np.isfinite(v) else "" for v in ends)
    sentence = say("answers.silent", name=lead.name, low=low, high=high)
    sentence += f"; if they feel like those who complained, it is {like}." if like else "."
    if not bounds.open:
        return blocks.finding(sentence, [bounds.observed])
    silent = count_people(invited) - count_people(invited[invited[lead.column].notna()])
    margin = lead.range / 10  # of 96 answers, at most
    settle = say("answers.reach", some=min(silent, 96), silent=silent, margin=write_step(unit, margin))
    return blocks.unknown(f"{sentence} What all the customers asked think is not known.", settle)


def _complainers_answers(story: Story, invited: pd.DataFrame, lead: Score) -> pd.Series | None:
    """The period's answers of customers who complained within a year; None where they are too few to show."""
    complaints = story.tables.complaints
    if complaints is None or "customer_id" not in complaints or "customer_id" not in invited:
        return None
    ids = complaints.loc[complaints["received_at"] >= story.period.previous(11).start, "customer_id"]
    theirs = story.answers[story.answers["customer_id"].isin(ids) & (story.answers["period"] == story.period.name)]
    theirs = theirs[theirs[lead.column].notna()]
    return theirs[lead.column] if count_people(theirs) >= story.k else None
