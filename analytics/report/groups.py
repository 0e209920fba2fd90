"""Groups that the organisation named beside its answers: touchpoint, product, company, and where they differ."""

from dataclasses import dataclass
from math import nan
from typing import Any

import pandas as pd

from analytics.measures.discoveries import detectable
from analytics.measures.summarise import NOT_STATED
from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.publish.format import write_interval
from analytics.report import tested
from analytics.report.bands import write_gap
from analytics.report.score import DISPUTED, Score
from analytics.report.section import Stake, weigh
from analytics.report.story import Story
from analytics.report.words import compare, estimate_of, estimates_of, figure_of, finding_of, least_seen, say
from analytics.tables.parts import BRANDS

QUESTIONNAIRES = {"survey", "survey_type", "survey_name", "questionnaire"}  # what was asked, not what happened
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


def compare_groups(story: Story) -> list[Grouping]:
    """The leading score of the period by every further column, the largest difference first.

    Companies and brands come first whether they differ or not.
    """
    groupings = [
        Grouping(by, rows, bool((rows["differs"] & rows[by].ne(NOT_STATED)).any()))
        for by, rows in tested.groupings(story, tested.cut(story)).items()
    ]
    largest = {g.column: round(float(g.rows["difference"].abs().max()), 9) for g in groupings}
    return sorted(groupings, key=lambda g: (g.column not in BRANDS, not g.differs, -largest[g.column], g.column))


def name_groups(story: Story, lead: Score) -> tuple[list[Block], list[Block]]:
    """Findings about the groups that differ, the strongest first, and what is shown under them."""
    groupings = [g for g in compare_groups(story) if g.rows["value"].notna().any()]
    told = [g for g in groupings if g.differs or g.column in BRANDS][:TOLD]
    findings = [_finding(story, lead, g) for g in told]
    note = "Groups of too few customers are withheld." if told and told[0].rows["value"].isna().any() else ""
    shown = [compare(g.rows.dropna(subset="value"), g.column, lead.name, by=g.name, note=note) for g in told[:1]]
    if further := [g.name for g in groupings if g.differs and g not in told]:
        shown.append(blocks.finding(say("groups.as_well", score=lead.name, names=further)))
    if alike := [g for g in groupings if not g.differs and g not in told and g.rows["error"].notna().any()]:
        least = max(float(detectable(g.rows["error"], tested.cut(story)).median()) for g in alike)
        seen = least_seen(least, alike[0].rows["unit"].iloc[0])
        shown.append(blocks.finding(say("groups.alike", score=lead.name, names=[g.name for g in alike], seen=seen)))
    return findings, shown


def group_stakes(story: Story, lead: Score) -> list[Stake]:
    """Groups whose customers are worse off than those of the others, the most of them first."""
    stakes, now, contacts = [], tested.answers_now(story)[0], story.tables_now.contacts
    worse = 1 if lead is DISPUTED else -1
    told = [g for g in compare_groups(story) if g.differs or g.column in BRANDS][:TOLD]
    for grouping in (g for g in told if g.differs and g.column not in QUESTIONNAIRES):
        by = grouping.column
        rows = grouping.rows[grouping.rows["differs"] & grouping.rows[by].ne(NOT_STATED)]
        rows = tested.likely(story, rows, "difference")
        for _, row in rows[rows["difference"] * worse > 0].iterrows():
            facts = {"subject": lead.subject, "figure": estimate_of(row), "column": grouping.name, "group": row[by]}
            sentence = say("groups.stake", gap=write_gap(row, "difference"), **facts)
            finding = finding_of(row, sentence, better=lead.better, key=f"group:{by}", of=[row[by]])
            inside = now[now[by].eq(row[by])]
            people = inside if contacts is None or by not in contacts else contacts[contacts[by].eq(row[by])]
            marks: dict[str, Any] = {"of": "difference", "people": people}
            stakes.append(weigh(story, finding, inside, lead.column, row, row["p_value"], **marks))
    return sorted((stake for stake in stakes if stake.low >= 1), key=lambda stake: -round(stake.low, 6))


def pooled_sentence(story: Story) -> str:
    """That the period's figure is of several companies or brands together; '' where it is of one."""
    rows = tested.answers_now(story)[0]
    counts = {many: rows[column].nunique() for column, many in BRANDS.items() if column in rows}
    return next((f" The figure is of {n} {many} together." for many, n in counts.items() if n > 1), "")


def _finding(story: Story, lead: Score, grouping: Grouping) -> Block:
    every = grouping.rows[grouping.rows["value"].notna() & grouping.rows[grouping.column].ne(NOT_STATED)]
    rows = every[every["differs"]] if grouping.differs and 2 * every["differs"].sum() < len(every) else every
    order = (-rows["difference"].abs().round(9)).sort_values(kind="stable").index
    named = rows.loc[order[:NAMED]]
    named = named.loc[named["value"].round(9).sort_values(kind="stable", ascending=lead is not DISPUTED).index]
    evidence = estimates_of(named)
    figures_named = [f"“{group}” {figure_of(e)}" for group, e in zip(named[grouping.column], evidence, strict=True)]
    further = f" and {len(rows) - len(named)} more" if len(rows) > len(named) else ""
    unweighted = ", not weighted" if story.weighted else ""
    others = _others(named.iloc[0]) if len(rows) < len(every) else ""
    sentence = f"By {grouping.name}{unweighted}: {', '.join(figures_named)}{further}{others}."
    people = int(named["people"].min())
    marks: dict[str, Any] = {"key": f"group:{grouping.column}", "people": people, "of": named[grouping.column]}
    return blocks.finding(sentence, evidence, better=lead.better, **marks)


def _others(row: pd.Series) -> str:
    """What the groups have that a group is compared with."""
    places = 1 if row["unit"] == "score" else 0
    return f", where others have {write_interval(row['value'] - row['difference'], nan, nan, row['unit'], places)}"
