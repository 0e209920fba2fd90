"""What the analysts' notebooks show beyond the leadership report: one function per question.

Like the report's sections they take a `Story` and return a `Section`; a column that is missing becomes one honest line.
"""

import numpy as np
import pandas as pd

from analytics.contrast.groups import contrast_groups
from analytics.measures.estimate import OBSERVED, SAID
from analytics.measures.intervals import estimate_share
from analytics.measures.invitations import audit_invitations
from analytics.measures.response import Weighting, weight_responses
from analytics.measures.summarise import summarise
from analytics.measures.suppress import count_people, suppress
from analytics.publish import blocks, figures
from analytics.publish.blocks import Block
from analytics.report.answers import word_invitations
from analytics.report.checked import ALIKE, MONTHLY, READ_150, describe_check
from analytics.report.movement import shown_scores
from analytics.report.perception import name_score, score_chart
from analytics.report.provenance import table_cuts
from analytics.report.story import RECENT, Story
from analytics.report.words import (
    CUT_WORDS,
    THEME_WORDS,
    Section,
    capital,
    contrast_sentences,
    estimate_of,
    figure_of,
    gather,
    section,
    unread_sentence,
)
from analytics.tables.schema import NotMeasured
from analytics.text.comments import whole_texts
from analytics.text.phrases import distinctive_phrases
from analytics.text.quotes import pick_quotes
from analytics.text.read_sets import COMPLAINT, LEAVING
from analytics.text.readings import LABELS, OTHER, PRAISE
from analytics.text.themes import THEMES

EXAMPLES, LONGEST_EXAMPLE = 3, 400  # texts shown of each kind of cut, and characters of each
GROUPS = ("segment", "channel", "team", "site", "reason", "loyalty", "shift", "tenure_band")


@section
def show_data_quality(story: Story) -> Section:
    """What came in, what was set aside and why."""
    rows, faults = story.log.rows, story.log.faults
    read = int(rows["read"].sum())
    counts = f"{int(rows['quarantined'].sum()):,} were set aside and {int(rows['cells'].sum()):,} faulty cells"
    finding = blocks.finding(f"{read:,} rows were read; {counts} set to missing.")
    tables = [
        blocks.table(frame, caption=caption, source=OBSERVED, n=n, people=blocks.RECORDS)
        for frame, caption, n in (
            (rows, "Rows by table.", read), (faults, "Faults and what was done.", int(faults["n"].sum())),
        )
        if len(frame)
    ]  # fmt: skip
    return Section([finding, *tables, *[blocks.unknown(warning) for warning in story.log.warnings]], finding)


@section
def show_asked(story: Story) -> Section:
    """Who was eligible, invited and answered, by outcome, channel, team and agent."""
    audit = audit_invitations(story.tables_now, confidence=story.confidence)
    steps = {f"{step}_{end}": f"{step}_share_{end}" for step in ("invited", "answered") for end in ("low", "high")}
    groups = audit.table[audit.table["by"] != "agent_id"].groupby("by", sort=False)
    rows = pd.concat([suppress(part, story.k, by=["group"], count="customers") for _, part in groups])
    rows = rows.rename(columns=steps).dropna(subset="eligible")
    heads = {"by": "By", "group": "Group", "eligible": "Cases", "invited_share": "Invited",
             "answered_share": "Answered"}  # fmt: skip
    table = blocks.table(
        rows, caption="From cases to invitations to answers.", source=OBSERVED, n=int(rows["eligible"].max()),
        columns=heads, formats={"invited_share": "share", "answered_share": "share"}, people="customers",
        note="Answered is the share of those invited.",
    )  # fmt: skip
    prose = blocks.prose("\n".join(f"- {line.sentence}" for line in word_invitations(audit)))
    return Section([prose, table], prose)


@section
def show_weighted(story: Story) -> Section:
    """The leading score as answered, raked, and by inverse propensity, with what each assumes."""
    lead, invited = story.survey_lead, story.invitations
    columns = [c for c in ("segment", "channel", "team", "survey") if c in _with_case(story, invited)]
    if not columns:
        raise NotMeasured("nothing is known of those asked (segment, channel, team)", needed_for="weighting")
    frame = _with_case(story, invited)
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
        notes.append(f"{capital(method)}: {_assumption(weighting)} Design effect {weighting.design_effect:.2f}.")
    table, people = pd.DataFrame(rows), count_people(answers)
    unweighted = estimate_of(table.iloc[0])
    finding = blocks.finding(f"{lead.name} as answered: {figure_of(unweighted)}.", [unweighted], people=people)
    listing = blocks.table(
        table, caption=f"{lead.name}, weighted to those asked.", source=SAID, n=int(table["n"].max()),
        note=" ".join(notes), people=people,
        columns={"method": "Weights", "value": lead.name, "n": "Answers" if ids is None else "Customers"},
    )  # fmt: skip
    warning = blocks.unknown(
        "Weighting cannot correct for unhappy customers who answer less often than happy ones of the same kind.",
        settle="reaching some of the silent by another way",
    )
    return Section([finding, listing, warning], finding, [warning])


def _assumption(weighting: Weighting) -> str:
    """What a weighted figure believes of the silent, and what the weights cost."""
    unheard, unmet = ", ".join(map(" ".join, weighting.unheard)), ", ".join(weighting.unmet)
    return (
        f"Assumes that within the same {', '.join(weighting.by)} those who answered and the silent feel alike; design "
        f"effect {weighting.design_effect:.2f}: {weighting.weights.notna().sum():,} answers are worth "
        f"{weighting.effective_n:,.0f}."
        + (f" {weighting.trimmed:,} weights were trimmed." if weighting.trimmed else "")
        + (f" Nobody answered for {unheard}." if unheard else "")
        + (f" The weighted answers still differ from the target by {unmet}." if unmet else "")
    )


def _with_case(story: Story, invited: pd.DataFrame) -> pd.DataFrame:
    """Invitations with what is known of their customer and contact."""
    frame = invited
    for table, key, columns in (
        (story.tables.customers, "customer_id", ["segment"]),
        (story.tables.contacts, "contact_id", ["channel", "team"]),
    ):
        further = [c for c in columns if table is not None and c in table and key in frame and c not in frame]
        if table is not None and further:
            frame = frame.join(table.drop_duplicates(key).set_index(key)[further], on=key)
    return frame


@section
def show_over_time(story: Story) -> Section:
    """The scores beside the leading one by period, with the limits of their usual movement."""
    content: list[Block] = []
    for score in shown_scores(story)[1:] or shown_scores(story):
        content += [name_score(story, score), *score_chart(story, score)]
    if not content:
        raise NotMeasured(f"fewer than {story.k} customers gave a score in {story.period.label}")
    return Section(content, content[0])


@section
def show_by_group(story: Story) -> Section:
    """The leading score by segment, channel, team and so on, perception first, small groups withheld."""
    cases = story.cases_recent
    groups = [group for group in GROUPS if group in cases and 1 < cases[group].nunique() <= 30]
    content, unknowns = gather(*[lambda g=group: _group(story, g) for group in groups])
    if not content:
        raise NotMeasured("no column that groups the cases (segment, channel, team)", needed_for="groups")
    return Section(content, content[0], unknowns)


def _group(story: Story, by: str) -> list[Block]:
    lead = story.scores[0]
    groups = contrast_groups(story.cases_recent, lead.column, by, minimum=story.k, confidence=story.confidence)
    rows = groups.dropna(subset="value")
    if rows.empty:
        return []
    name = "group" if "group" in rows else by
    evidence = [estimate_of(row) for _, row in rows.iterrows()]
    answered = story.cases_recent[story.cases_recent[lead.column].notna()]
    people = {group: count_people(part) for group, part in answered.groupby(by)}
    fig = figures.plot_intervals(rows.assign(n=rows["n"].astype(int)), by=name, label=lead.name)
    return [
        blocks.prose("\n".join(f"- {capital(sentence)}" for sentence in contrast_sentences(groups, by)), evidence),
        blocks.figure(
            fig, alt=f"{lead.name} by {by}, {len(rows)} groups with intervals.", caption=f"{lead.name} by {by}.",
            source=SAID, n=int(rows["n"].sum()), people=[people.get(group, 0) for group in rows[name]],
            note=f"Cases of the last {RECENT} periods; groups under {story.k} customers withheld.",
        ),
    ]  # fmt: skip


@section
def show_own_words(story: Story) -> Section:
    """What was taken out of the texts as not the customers' own words: counts, and a few texts before and after."""
    counts = table_cuts(story)
    if not counts:
        finding = blocks.finding(f"All {len(story.texts_now):,} texts are their customers' own words.")
        return Section([finding], finding)
    cut = story.texts_now[story.texts_now["cut"].map(bool)]
    kinds = cut["cut"].map(lambda parts: CUT_WORDS[max(parts, key=parts.get)])
    rows = [cut[kinds == kind].head(EXAMPLES) for kind in kinds.unique()]
    finding = blocks.finding(
        f"{len(cut):,} of {len(story.texts_now):,} texts held words that were not their customers'."
    )
    if not rows or (people := count_people(cut)) < story.k:
        return Section([finding, *counts], finding)
    examples = pd.concat(rows)
    whole = examples.assign(text=whole_texts(examples, story.tables))
    own = "own words: " + examples["redacted"].str.slice(stop=LONGEST_EXAMPLE)
    quotes = blocks.quotes(
        story.redact(whole, story.period.start).str.slice(stop=LONGEST_EXAMPLE), contexts=own,
        caption="Texts as they came in", n=len(cut), people=people,
    )  # fmt: skip
    return Section([finding, *counts, quotes], finding)


@section
def show_shares(story: Story) -> Section:
    """Shares of what texts say, as readers would count them, and whether more texts are to be read."""
    shares = story.shares_of([label for label in LABELS if label not in THEMES], story.written)
    shares |= story.shares_of(THEMES, story.critical)
    label, own = story.period.label, int(story.readings.index.isin(story.current.index).sum())
    state = f"{own:,} texts of {label} are read."
    if own < MONTHLY:
        state += f" Reading {MONTHLY} of each period's texts keeps the shares valid."
    if too_old := [share for share in shares.values() if share.alike < ALIKE]:
        state += f" Earlier readings are too old: {too_old[0].alike:.0%} of the texts of {label} are like those."
    content = [blocks.finding(state)]
    rows = [
        {"label": _word_label(name), **vars(share.estimate), "check": describe_check(share)}
        for name, share in shares.items() if share.method != "not known"
    ]  # fmt: skip
    if rows:
        content.append(blocks.table(
            pd.DataFrame(rows), caption="What texts say, as readers would count it.", source=SAID,
            n=len(story.written), people=count_people(story.written),
            columns={"label": "What is said", "value": "Share", "check": "Checked"},
            note=f"Problems: of those who may name one. All else: of all who wrote. {unread_sentence(story.unread)}",
        ))  # fmt: skip
    unknown = [_word_label(name) for name, share in shares.items() if share.method == "not known"]
    if unknown:
        content.append(blocks.unknown(f"How many say this is not known: {', '.join(unknown)}.", settle=READ_150))
    return Section(content, content[0])


def _word_label(label: str) -> str:
    theme = label.removeprefix(PRAISE)
    words = {OTHER: "a problem not in the list", LEAVING: "leaves", COMPLAINT: "complains"} | THEME_WORDS
    return f"{words.get(theme, theme)}{': thanked for' if theme != label else ''}"


@section
def show_mismatches(story: Story) -> Section:
    """Polite words with an unhappy score: a finding about the customers, not a fault of the classifier alone."""
    lead = story.survey_lead
    scores = story.answers.drop_duplicates("response_id").set_index("response_id")[lead.column]
    written = story.written.assign(score=story.written["comment_id"].map(scores)).dropna(subset="score")
    unhappy = written[written["score"] <= lead.unhappy]
    if count_people(unhappy) < story.k:
        raise NotMeasured(f"fewer than {story.k} unhappy customers wrote in {story.period.label}")
    polite = unhappy[unhappy["sentiment"] == "positive"]
    e = estimate_share(len(polite), len(unhappy), SAID, story.confidence)
    sentence = f"Of {e.n:,} customers with an unhappy {lead.name}, {figure_of(e)} wrote words read as positive."
    content = [blocks.finding(sentence, [e], people=count_people(unhappy))]
    if (people := count_people(polite)) >= story.k:
        texts = pick_quotes(polite["text"], 3)
        content.append(blocks.quotes(texts, caption="Polite words, unhappy score", n=len(polite), people=people))
    return Section(content, content[0])


@section
def show_phrases(story: Story) -> Section:
    """Phrases that unhappy customers use more than the others, groups taken from their scores."""
    lead = story.survey_lead
    scores = story.answers.drop_duplicates("response_id").set_index("response_id")[lead.column]
    recent = story.comments_recent
    recent = recent[recent["no_answer"] == ""]
    score = recent["comment_id"].map(scores)
    table = distinctive_phrases(recent["text"], (score <= lead.unhappy).where(score.notna()).astype("boolean"))
    table = table.assign(people=table["n_true"] + table["n_false"])
    table = table[table["people"] >= story.k]
    if table.empty:
        raise NotMeasured("no phrase sets unhappy customers apart beyond chance")
    finding = blocks.finding(f"{int((table['z'] > 0).sum())} phrases set the unhappy customers apart.")
    listing = blocks.table(
        table.assign(side=np.where(table["z"] > 0, "unhappy", "the others")), caption="Phrases by who uses them more.",
        source=SAID, n=int(score.notna().sum()), formats={"z": "number1"}, people="people",
        columns={"side": "Used more by", "phrase": "Phrase", "z": "z", "n_true": "Unhappy", "n_false": "Others"},
        note=f"Groups by {lead.name}, not by the classifier. Weighted log-odds; |z| above 1.96.",
    )  # fmt: skip
    return Section([finding, listing], finding)


@section
def show_by_segment(story: Story) -> Section:
    """The leading score of each segment in the period."""
    lead = story.survey_lead
    answers = _with_case(story, story.answers[story.answers["period"] == story.period.name])
    if "segment" not in answers:
        raise NotMeasured(table="customers", columns=["segment"], needed_for="scores by segment")
    table = summarise(
        answers, lead.measure, by=["segment"], column=lead.column, minimum=story.k, confidence=story.confidence
    )
    people = {name: count_people(part) for name, part in answers[answers[lead.column].notna()].groupby("segment")}
    chart = blocks.figure(
        figures.plot_intervals(table, by="segment", label=lead.name), alt=f"{lead.name} by segment.",
        caption=f"{lead.name} by segment.", source=SAID, n=int(table["n"].sum()),
        people=[people.get(name, 0) for name in table.loc[table["value"].notna(), "segment"]],
    )  # fmt: skip
    finding = blocks.finding(f"{lead.name} of {len(table)} segments in {story.period.label}.")
    return Section([finding, chart], finding)
