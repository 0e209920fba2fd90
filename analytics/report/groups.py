"""Groups that the organisation named beside its answers: touchpoint, product, company, and where they differ."""

from dataclasses import dataclass
from functools import partial

import pandas as pd

from analytics.contrast.groups import contrast_groups
from analytics.measures.discoveries import control_false_discoveries
from analytics.measures.estimate import SAID
from analytics.publish import blocks, figures
from analytics.publish.blocks import Block
from analytics.report.score import DISPUTED, Score
from analytics.report.story import Story
from analytics.report.words import estimate_of, figure_of, listed
from analytics.tables.parts import BRANDS, brand_columns, group_columns
from analytics.tables.schema import FIELDS

NAMED, TOLD = 4, 3  # groups named in a sentence, and columns told of one by one


@dataclass(frozen=True)
class Grouping:
    """The leading score by one column: the table of `contrast_groups`, and whether any group differs."""

    column: str
    rows: pd.DataFrame
    differs: bool

    @property
    def name(self) -> str:
        """The column as a reader's word."""
        return self.column.replace("_", " ")


def compare_groups(story: Story, lead: Score) -> list[Grouping]:
    """The leading score of the period by every further column, the largest difference first.

    One false-discovery rate holds for all of them. Companies and brands come first whether they differ or not.
    """
    answers, columns = _grouped(story, lead)
    compare = partial(contrast_groups, answers, lead.column, minimum=story.k, confidence=story.confidence, within=())
    tables = {by: compare(by) for by in columns}
    if not tables:
        return []
    every = pd.concat(tables)
    differs = pd.Series(control_false_discoveries(every["p_value"], 1 - story.confidence), every.index)
    groupings = []
    for by, rows in tables.items():
        judged = rows.assign(differs=differs[by].to_numpy())
        groupings.append(Grouping(by, judged, bool(judged["differs"].any())))
    largest = {g.column: round(float(g.rows["difference"].abs().max()), 9) for g in groupings}
    return sorted(groupings, key=lambda g: (g.column not in BRANDS, not g.differs, -largest[g.column], g.column))


def _grouped(story: Story, lead: Score) -> tuple[pd.DataFrame, list[str]]:
    """The period's answers with the further columns of their own table and of the contact they are about."""
    table = "complaints" if lead is DISPUTED else "surveys"
    answers = story.answers[story.answers["period"] == story.period.name].drop(columns="period")
    answers = answers[answers[lead.column].notna()]
    contacts = story.tables.contacts
    if contacts is not None and "contact_id" in answers:
        ours = {*answers.columns, *(field.name for field in FIELDS["surveys"])}
        further = [c for c in group_columns(contacts, "contacts") if c not in ours]
        answers = answers.join(contacts.drop_duplicates("contact_id").set_index("contact_id")[further], on="contact_id")
    return answers, group_columns(answers, table)


def name_groups(story: Story, lead: Score) -> tuple[list[Block], list[Block]]:
    """Findings about the groups that differ, the strongest first, and what is shown under them."""
    groupings = [g for g in compare_groups(story, lead) if g.rows["value"].notna().any()]
    told = [g for g in groupings if g.differs or g.column in BRANDS][:TOLD]
    findings = [_finding(story, lead, g) for g in told]
    shown = [_chart(lead, told[0])] if told else []
    alike = [g.name for g in groupings if not g.differs and g not in told]
    if alike:
        shown.append(blocks.finding(f"No difference by {listed(alike)} is shown."))
    return findings, shown


def pooled_sentence(story: Story) -> str:
    """That a figure is of several companies or brands together; '' where it is of one."""
    for column, names in brand_columns(story.tables).items():
        return f" The figure is of {len(names)} {BRANDS[column]} together."
    return ""


def _finding(story: Story, lead: Score, grouping: Grouping) -> Block:
    rows = grouping.rows.dropna(subset="value")
    order = (-rows["difference"].abs().round(9)).sort_values(kind="stable").index
    named = rows.loc[order[:NAMED]]
    named = named.loc[named["value"].round(9).sort_values(kind="stable", ascending=lead is not DISPUTED).index]
    evidence = [estimate_of(row) for _, row in named.iterrows()]
    figures_named = [f"“{group}” {figure_of(e)}" for group, e in zip(named[grouping.column], evidence, strict=True)]
    further = f" and {len(rows) - len(named)} more" if len(rows) > len(named) else ""
    unweighted = ", not weighted" if story.weighted else ""
    return blocks.finding(
        f"By {grouping.name}{unweighted}: {', '.join(figures_named)}{further}.", evidence,
        better="lower" if lead is DISPUTED else "higher", key=f"group:{grouping.column}",
        people=int(named["people"].min()),
    )  # fmt: skip


def _chart(lead: Score, grouping: Grouping) -> Block:
    rows = grouping.rows.dropna(subset="value")
    return blocks.figure(
        figures.plot_intervals(rows.assign(n=rows["n"].astype(int)), by=grouping.column, label=lead.name),
        alt=f"{lead.name} by {grouping.name}, {len(rows)} groups with intervals.",
        caption=f"{lead.name} by {grouping.name}.", source=SAID, n=int(rows["n"].sum()),
        people=rows["people"].tolist(), note="Groups of too few customers are withheld.",
    )  # fmt: skip
