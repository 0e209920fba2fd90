"""Who was asked, who answered, and how far the silent could move the leading score."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.measures.estimate import OBSERVED, SAID, Estimate
from analytics.measures.invitations import RESOLVED, Asking, InvitationAudit, audit_invitations
from analytics.measures.response import bound_score
from analytics.measures.scores import response_rate
from analytics.measures.suppress import count_people, names_people
from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.report.score import DISPUTED, Score
from analytics.report.story import Story
from analytics.report.words import Section, figure_of, not_known, section
from analytics.tables.schema import NotMeasured

GROUPS = {"channel": "channels", "team": "teams", "agent_id": "agents"}
NAMED = 3  # groups that ask, or hear, the least: named in the sentence
ASKING = {
    Asking.NEVER: "Cases {outcome} are never asked: {share}, {closed}. The score cannot speak for them.",
    Asking.SELDOM: "Cases {outcome} are seldom asked: {share}, {closed}. The score cannot speak for them.",
    Asking.LESS: "Cases {outcome} are asked less often: {share}, {closed}. The score cannot speak for them.",
    Asking.ALIKE: "Cases {outcome} were asked as often as chance allows: {share}, {closed}.",
    None: "No case in the data is {outcome}: whether such cases would be asked cannot be seen.",
}


@dataclass(frozen=True)
class Line:
    """A sentence about invitations, the shares it states, and the distinct people of the smallest group in it."""

    sentence: str
    evidence: tuple[Estimate, ...] = ()
    people: int | None = None


@section
def show_answers(story: Story) -> Section:
    """Who was asked, who answered, and how far the silent could move the leading score."""
    answers, unknowns = who_answered(story, story.scores[0])
    return Section(answers, answers[0], unknowns)


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
    sentence = f"{asked}{times} in {story.period.label}; {figure_of(rate)} answered."
    answers = [blocks.finding(sentence, [rate], key="response", people=people)]
    if lead is not DISPUTED and invited[lead.column].isna().any():
        answers.append(_bounded(story, invited, lead))
    try:
        answers += _who_was_asked(story)
    except NotMeasured as lack:
        answers += not_known(lack).blocks
    return answers, [block for block in answers if block.data.get("level") == "unknown"]


def _who_was_asked(story: Story) -> list[Block]:
    """Whether open cases are asked, and which channels and teams ask few; never which agent."""
    audit = audit_invitations(story.tables, since=story.period.start, confidence=story.confidence)
    every = list(word_invitations(audit, ("channel", "team")))
    lines = [line for line in every if line.people is None or line.people >= story.k]
    if not lines:
        return [blocks.finding(f"Whether open cases are asked is not shown: they are fewer than {story.k}.")]
    head, *rest = lines
    spared = audit.resolved_only and head is every[0]
    first = blocks.finding(head.sentence, head.evidence, level="unknown" if spared else "finding", people=head.people)
    text = "\n".join(f"- {line.sentence}" for line in rest)
    return [first, *([blocks.prose(text, [e for line in rest for e in line.evidence])] if rest else [])]


def word_invitations(audit: InvitationAudit, groups: tuple[str, ...] = tuple(GROUPS)) -> Iterator[Line]:
    """What the invitations show, the most important first."""
    rows = {row["group"]: row for _, row in audit.table[audit.table["by"] == "outcome"].iterrows()}
    for outcome, asking in audit.asking.items():
        if asking is None:
            yield Line(ASKING[None].format(outcome=outcome))
            continue
        e = _step_share(rows[outcome], "invited")
        share = f"{rows[outcome]['invited']:,} of {e.n:,}, {figure_of(e)}"
        closed = f"closed cases {rows[RESOLVED]['invited_share']:.0%}"
        sentence = ASKING[asking].format(outcome=outcome, share=share, closed=closed)
        yield Line(sentence, (e,), min(e.n, rows[outcome]["customers"]))
    if not audit.asking:
        yield Line("Whether unresolved cases are asked is not known: no case in the data has a closing stamp.")
    for by in groups:
        yield from _word_groups(audit.table[audit.table["by"] == by], by)
    if audit.unlinked:
        yield Line(f"{audit.unlinked:,} of {audit.surveys:,} surveys name no contact and are left out here.")
    if audit.answered_only:
        yield Line("The file holds answered surveys only: who was asked and stayed silent is not known.")
    if audit.everyone:
        yield Line("Every contact in the data has a survey: whom nobody asks cannot be seen from this export.")


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
        sentence = f"{len(few)} of {len(rows)} {GROUPS[by]} {verb} than {alike}: {'; '.join(named)}."
        yield Line(sentence, tuple(e for _, e in worst), min(min(e.n, row["customers"]) for row, e in worst))
        if by == "agent_id" and step == "invited":
            yield Line(
                "Agents who ask fewer may be choosing whom to ask; invitations sent by the system would settle it."
            )


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
    low, high, like = (
        figure_of(Estimate(v, np.nan, np.nan, 0, bounds.observed.unit, SAID)) if np.isfinite(v) else ""
        for v in (bounds.low, bounds.high, bounds.like_complainers)
    )
    sentence = f"The silent could put the {lead.name} anywhere from {low} to {high}"
    sentence += f"; if they feel like those who complained, it is {like}." if like else "."
    if not bounds.open:
        return blocks.finding(sentence, [bounds.observed])
    silent = bounds.invited - bounds.answered  # 96 answers give a margin of ten points for a share
    return blocks.unknown(
        f"{sentence} What all the customers asked think is not known.",
        f"reaching {min(silent, 96):,} of the {silent:,} silent by another way (a margin of ten points either side)",
    )


def _complainers_answers(story: Story, invited: pd.DataFrame, lead: Score) -> pd.Series | None:
    """The period's answers of customers who complained within a year; None where they are too few to show."""
    complaints = story.tables.complaints
    if complaints is None or "customer_id" not in complaints or "customer_id" not in invited:
        return None
    ids = complaints.loc[complaints["received_at"] >= story.period.previous(11).start, "customer_id"]
    theirs = story.answers[story.answers["customer_id"].isin(ids) & (story.answers["period"] == story.period.name)]
    theirs = theirs[theirs[lead.column].notna()]
    return theirs[lead.column] if count_people(theirs) >= story.k else None
