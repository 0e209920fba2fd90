"""What the analysts' notebooks show beyond the leadership report: one function per question.

Like the report's sections they take a `Story` and return a `Section`; a column that is missing becomes one honest line.
"""

from typing import Any

import numpy as np
import pandas as pd

from analytics.contrast.clocks import compare_clocks
from analytics.contrast.diagnosis import alike_measures, name_measure
from analytics.contrast.drivers import rank_drivers
from analytics.contrast.groups import contrast_groups
from analytics.measures.estimate import OBSERVED, SAID
from analytics.measures.intervals import estimate_share
from analytics.measures.invitations import audit_invitations
from analytics.measures.response import Weighting, weight_responses
from analytics.measures.suppress import count_people, suppress
from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.report import tested, words
from analytics.report.answers import word_invitations
from analytics.report.checked import ALIKE, MONTHLY, READ_150, describe_check, refuse_long
from analytics.report.explanation import clock_cell
from analytics.report.movement import shown_scores
from analytics.report.perception import name_score, score_chart
from analytics.report.provenance import table_cuts
from analytics.report.query import Query, opened, scores_beside
from analytics.report.section import Section, gather, section, section_of
from analytics.report.story import Story
from analytics.report.words import capital, estimate_of, estimates_of, figure_of, listed, people_by, say, table_of
from analytics.tables.parts import link_columns
from analytics.tables.schema import NotMeasured
from analytics.text.phrases import distinctive_phrases
from analytics.text.read_sets import COMPLAINT, LEAVING
from analytics.text.readings import OTHER, PRAISE, labels_of

FEWEST = 50  # cases that must carry a figure before it is ranked
GROUPS = ("segment", "channel", "team", "site", "reason", "loyalty", "shift", "tenure_band")


@section
def show_data_quality(story: Story) -> Section:
    """How much came in and was set aside; the lists of it stand in `show_provenance`."""
    sums = story.log.rows[["read", "quarantined", "cells"]].sum().astype(int)
    return section_of([blocks.finding(say("exploring.rows", x=sums)), *map(blocks.unknown, story.log.warnings)])


@section
def show_asked(story: Story) -> Section:
    """Who was eligible, invited and answered, by outcome, channel, team and agent."""
    audit = audit_invitations(story.tables_now, confidence=story.confidence)
    steps = {f"{step}_{end}": f"{step}_share_{end}" for step in ("invited", "answered") for end in ("low", "high")}
    groups = audit.table[audit.table["by"] != "agent_id"].groupby("by", sort=False)
    rows = pd.concat([suppress(part, story.k, by=["group"], count="customers") for _, part in groups])
    rows = rows.rename(columns=steps).dropna(subset="eligible")
    table = table_of("asked", rows, n=int(rows["eligible"].max()), people="customers")
    prose = blocks.prose("\n".join(f"- {line.sentence}" for line in word_invitations(audit)))
    return section_of([prose, table])


@section
def show_weighted(story: Story) -> Section:
    """The leading score as answered, raked, and by inverse propensity, with what each assumes."""
    lead, invited = story.survey_lead, story.invitations
    linked = link_columns(invited, story.tables, ("segment", "channel", "team", "survey"))
    columns, frame = [*linked], invited.assign(**linked)
    if not columns:
        raise NotMeasured("nothing is known of those asked (segment, channel, team)", needed_for="weighting")
    answers = frame[frame[lead.column].notna()]
    ids = answers.get("customer_id")
    rows = [{"method": "as answered", **vars(lead.measure(answers[lead.column], clusters=ids))}]
    notes = []
    for method in ("raking", "propensity"):
        weighting = weight_responses(frame, columns, method=method)
        weights = weighting.weights.reindex(answers.index)
        use = weights.notna()
        theirs = None if ids is None else ids[use]
        score = lead.measure(answers.loc[use, lead.column], weights=weights[use], clusters=theirs)
        rows.append({"method": method} | vars(score))
        notes.append(f"{capital(method)}: {_assumption(weighting)}")
    table, people = pd.DataFrame(rows), count_people(answers)
    unweighted = estimate_of(table.iloc[0])
    finding = blocks.finding(f"{lead.name} as answered: {figure_of(unweighted)}.", [unweighted], people=people)
    facts = {"score": lead.name, "who": "Answers" if ids is None else "Customers", "notes": " ".join(notes)}
    listing = table_of("weighted", table, source=SAID, n=int(table["n"].max()), people=people, **facts)
    warning = blocks.unknown(say("weighting.cannot"), settle="reaching some of the silent by another way")
    return section_of([finding, listing, warning], [warning])


def _assumption(weighting: Weighting) -> str:
    """What a weighted figure believes of the silent, and what the weights cost."""
    unheard, unmet = ", ".join(map(" ".join, weighting.unheard)), ", ".join(weighting.unmet)
    facts = {"by": ", ".join(weighting.by), "n": int(weighting.weights.notna().sum()), "x": weighting}
    costs = {"trimmed": weighting.trimmed, "unheard": unheard, "unmet": unmet}
    told = [say(f"weighting.{cost}", **facts, **costs) for cost, value in costs.items() if value]
    return " ".join([say("weighting.assumes", **facts), *told])


@section
def show_over_time(story: Story) -> Section:
    """The scores beside the leading one by period, with the limits of their usual movement."""
    content: list[Block] = []
    for score in shown_scores(story)[1:] or shown_scores(story):
        content += [name_score(story, score), *score_chart(story, score)]
    if not content:
        raise NotMeasured(f"fewer than {story.k} customers gave a score in {story.period.label}")
    return section_of(content)


@section
def show_by_group(story: Story) -> Section:
    """The leading score by segment, channel, team and so on, perception first, small groups withheld."""
    cases = story.cases_recent
    groups = [group for group in GROUPS if group in cases and 1 < cases[group].nunique() <= 30]
    content, unknowns = gather(*[lambda g=group: _group(story, g) for group in groups])
    if not content:
        raise NotMeasured("no column that groups the cases (segment, channel, team)", needed_for="groups")
    return section_of(content, unknowns)


def _group(story: Story, by: str) -> list[Block]:
    lead = story.scores[0]
    groups = contrast_groups(story.cases_recent, lead.column, by, minimum=story.k, confidence=story.confidence)
    rows = groups.dropna(subset="value")
    if rows.empty:
        return []
    answered = story.cases_recent[story.cases_recent[lead.column].notna()]
    rows = rows.assign(people=rows[by].map(people_by(answered, by)).fillna(0))
    note = f"Cases of the {story.span}; groups under {story.k} customers withheld."
    lines = "\n".join(f"- {capital(sentence)}" for sentence in words.contrast_sentences(groups, by))
    return [blocks.prose(lines, estimates_of(rows)), words.compare(rows, by, lead.name, by=by, note=note)]


@section
def show_own_words(story: Story) -> Section:
    """What was taken out of the texts as not the customers' own words; the explorer unfolds each text."""
    total, cut = len(story.texts_now), int(story.texts_now["cut"].map(bool).sum())
    if not cut:
        return section_of([blocks.finding(f"All {total:,} texts are their customers' own words."), *table_cuts(story)])
    line = blocks.finding(f"{cut:,} of {total:,} texts held words that were not their customers'.")
    return section_of([opened(line, Query(where="cut = yes")), *table_cuts(story)])


@section
def show_shares(story: Story) -> Section:
    """Shares of what texts say, as readers would count them, and whether more texts are to be read."""
    themes = story.themes.names
    shares = story.shares_of(labels_of(themes)[len(themes) :], story.written)
    shares |= story.shares_of(themes, story.critical)
    label, own = story.period.label, int(story.readings.index.isin(story.current.index).sum())
    state = f"{own:,} texts of {label} are read."
    state += say("exploring.monthly", n=MONTHLY) if own < MONTHLY else ""
    if too_old := [share for share in shares.values() if share.alike < ALIKE]:
        state += say("exploring.too_old", alike=too_old[0].alike, period=label)
    content = [blocks.finding(state)]
    rows = [
        {"label": word_label(name, story), **vars(share.estimate), "check": describe_check(share)}
        for name, share in shares.items() if share.method != "not known"
    ]  # fmt: skip
    if rows:
        unread, people = words.unread_sentence(story.unread), count_people(story.written)
        n, listing = len(story.written), pd.DataFrame(rows)
        table = table_of("shares", listing, source=SAID, n=n, people=people, unread=unread)
        content.append(opened(table, Query(among="written"), Query(among="critical"), Query(mood="unknown")))
    unknown = [word_label(name, story) for name, share in shares.items() if share.method == "not known"]
    if unknown:
        content.append(blocks.unknown(f"How many say this is not known: {', '.join(unknown)}.", settle=READ_150))
    return section_of(content)


def word_label(label: str, story: Story) -> str:
    """A label of what texts say, as a reader would name it."""
    theme = label.removeprefix(PRAISE)
    names = {OTHER: "a problem not in the list", LEAVING: "leaves", COMPLAINT: "complains"}
    names |= words.name_blamed(story.themes)
    return f"{names.get(theme, theme)}{': thanked for' if theme != label else ''}"


@section
def show_mismatches(story: Story) -> Section:
    """Polite words with an unhappy score: a finding about the customers, not a fault of the classifier alone."""
    lead = story.survey_lead
    written = story.written.assign(score=scores_beside(story, story.written)).dropna(subset="score")
    unhappy = written[written["score"] <= lead.unhappy]
    if count_people(unhappy) < story.k:
        raise NotMeasured(f"fewer than {story.k} unhappy customers wrote in {story.period.label}")
    refuse_long(unhappy["text"], "polite words beside unhappy scores")
    polite = unhappy[unhappy["sentiment"] == "positive"]
    e = estimate_share(len(polite), len(unhappy), SAID, story.confidence)
    sentence = f"Of {e.n:,} texts beside an unhappy {lead.name}, {figure_of(e)} have words read as positive."
    told = blocks.finding(sentence, [e], people=count_people(unhappy))
    return section_of([opened(told, Query(mood="positive", score=f"<= {lead.unhappy:g}", among="written"))])


@section
def show_phrases(story: Story) -> Section:
    """Phrases that unhappy customers use more than the others, groups taken from their scores."""
    lead = story.survey_lead
    recent = story.comments_recent
    recent = recent[recent["no_answer"] == ""]
    score = scores_beside(story, recent)
    table = distinctive_phrases(recent["text"], (score <= lead.unhappy).where(score.notna()).astype("boolean"))
    table = table.assign(people=table["n_true"] + table["n_false"])
    table = table[table["people"] >= story.k]
    if table.empty:
        raise NotMeasured("no phrase sets unhappy customers apart beyond chance")
    finding = blocks.finding(f"{int((table['z'] > 0).sum())} phrases set the unhappy customers apart.")
    sides, n = table.assign(side=np.where(table["z"] > 0, "unhappy", "the others")), int(score.notna().sum())
    listing = table_of("phrases", sides, source=SAID, n=n, people="people", score=lead.name)
    first = Query(words=f'"{table["phrase"].iloc[0]}"', where="score >= 0", period="recent")
    return section_of([finding, opened(listing, first)])


@section
def show_drivers(story: Story) -> Section:
    """Which recorded events go with the score, as shares of its variance; by segment where segments differ."""
    cases, outcome = story.cases_recent, tested.perceived(story)
    scored = cases[cases[outcome].notna()]
    present = [c for c in tested.recorded(story) if c in scored and scored[c].nunique() > 1]
    present = [c for c in alike_measures(scored, present) if scored[c].notna().sum() >= FEWEST]
    if not present or len(scored) < tested.SCORED:
        raise NotMeasured(f"fewer than {tested.SCORED} scored cases with a recorded event", needed_for="drivers")
    by = "segment" if "segment" in cases and cases["segment"].nunique() > 1 else None
    if by:
        people = people_by(scored, by)
        scored = scored[scored[by].map(people) >= story.k]
    ranked = rank_drivers(scored, outcome, present, by=by, confidence=story.confidence)
    names = story.config.names
    refusal = _refusal(ranked.attrs["disagreements"], names) if by else ""
    if by and not refusal:
        ranked, by = ranked.reset_index(by).query(f"{by} == 'all'").drop(columns=by), None
    table = ranked.reset_index(names=[by, "driver"] if by else ["driver"]).rename(columns={"lmg": "value"})
    table["driver"] = table["driver"].map(lambda driver: name_measure(driver, names)[0])
    table["direction"] = table["sign"].map({int(sign): word for sign, word in words.WORDS["direction"].items()})
    listing = table_of(
        "drivers", table.assign(unit="share"), source=[SAID, OBSERVED], n=len(scored), score=words.SCORE_WORDS[outcome],
        people=table[by].map(people) if by else count_people(scored),
    )  # fmt: skip
    unknowns = [blocks.unknown(refusal)] if refusal else []
    return section_of([*unknowns, listing], unknowns)


def _refusal(disagreements: pd.DataFrame, names: dict[str, str]) -> str:
    """Why no ranking is given for the segments together; '' where they agree."""
    standing = disagreements[disagreements["stands"]]
    if standing.empty:
        return ""
    kinds = standing.groupby("kind", sort=False)["driver"].unique().items()
    why = words.WORDS["disagreement"]
    reasons = [f"{why[kind]} ({listed([name_measure(name, names)[0] for name in drivers])})" for kind, drivers in kinds]
    return say("drivers.refusal", reasons="; ".join(reasons))


@section
def show_clocks(story: Story) -> Section:
    """The customer's clock beside the company's, by team, channel or reason."""
    cases = story.cases_recent
    if not cases["ended"].eq("confirmed").any():
        raise NotMeasured(table="contacts", columns=["confirmed_at"], needed_for="the clocks")
    by = next((c for c in ("team", "channel", "reason") if c in cases and 1 < cases[c].nunique() <= 12), None)
    table = compare_clocks(cases, [by] if by else [], story.confidence, story.k).assign(group="all cases")
    group, cells = by or "group", table.assign(cell=[clock_cell(row) for _, row in table.iterrows()])
    counts = cells[cells["measure"] == "customer_clock_h"].set_index(group)[["n", "confirmed", "people"]]
    rows = cells.pivot(index=group, columns="measure", values="cell").join(counts).reset_index(names="group")
    facts: dict[str, Any] = {"n": int(counts["n"].sum()), "people": "people", "by": capital(group), "span": story.span}
    listing = table_of("clocks", rows, source=[SAID, OBSERVED], **facts)
    return section_of([listing])
