"""What the analysts' notebooks show beyond the leadership report: one function per question.

Like the report's sections they take a `Story` and return a `Section`; a column that is missing becomes one honest line.
"""

import numpy as np
import pandas as pd

from analytics.contrast.groups import contrast_groups
from analytics.measures.estimate import OBSERVED, SAID, Estimate
from analytics.measures.invitations import audit_invitations
from analytics.measures.response import weight_responses
from analytics.measures.shares import corrected_share
from analytics.measures.summarise import summarise
from analytics.measures.suppress import suppress
from analytics.publish import blocks, figures
from analytics.publish.blocks import Block
from analytics.report.perception import judge, score_chart
from analytics.report.story import RECENT, Story
from analytics.report.words import (
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
from analytics.text.phrases import distinctive_phrases
from analytics.text.quotes import pick_quotes

GROUPS = ("segment", "channel", "team", "site", "reason", "loyalty", "shift", "tenure_band")
LOW = {"nps": 6.0, "csat": 2.0, "ces": 3.0}  # at or below: an unhappy answer


@section
def show_data_quality(story: Story) -> Section:
    """What came in, what was set aside and why."""
    rows, faults = story.log.rows, story.log.faults
    read = int(rows["read"].sum())
    shown: list[Block] = [
        blocks.finding(f"{read:,} rows were read; {int(rows['quarantined'].sum()):,} were set aside and "
                       f"{int(rows['cells'].sum()):,} faulty cells set to missing."),
        blocks.table(rows, caption="Rows by table.", source=OBSERVED, n=read),
    ]  # fmt: skip
    if len(faults):
        shown.append(
            blocks.table(faults, caption="Faults and what was done.", source=OBSERVED, n=int(faults["n"].sum()))
        )
    shown += [blocks.unknown(warning) for warning in story.log.warnings]
    return Section(shown, shown[0])


@section
def show_asked(story: Story) -> Section:
    """Who was eligible, invited and answered, by outcome, channel, team and agent."""
    audit = audit_invitations(story.tables_now, confidence=story.confidence)
    steps = {f"{step}_{end}": f"{step}_share_{end}" for step in ("invited", "answered") for end in ("low", "high")}
    groups = audit.table[audit.table["by"] != "agent_id"].groupby("by", sort=False)
    table = pd.concat([suppress(part, story.k, by=["group"], count="eligible") for _, part in groups])
    table = table.rename(columns=steps).dropna(subset="eligible")
    heads = {
        "by": "By",
        "group": "Group",
        "eligible": "Cases",
        "invited_share": "Invited",
        "answered_share": "Answered",
    }
    shown = [
        blocks.prose("\n".join(f"- {sentence}" for sentence in audit.sentences)),
        blocks.table(
            table, caption="From cases to invitations to answers.", source=OBSERVED, n=int(table["eligible"].max()),
            columns=heads, formats={"invited_share": "share", "answered_share": "share"},
            note="Answered is the share of those invited.",
        ),
    ]  # fmt: skip
    return Section(shown, shown[0])


@section
def show_weighted(story: Story) -> Section:
    """The leading score as answered, raked, and by inverse propensity, with what each assumes."""
    lead, invited = story.survey_lead, story.invitations
    columns = [c for c in ("segment", "channel", "team", "survey") if c in _with_case(story, invited)]
    if not columns:
        raise NotMeasured(
            "not measured: nothing is known of those asked (segment, channel, team), needed for weighting"
        )
    frame = _with_case(story, invited)
    rows = [{"method": "as answered", **vars(lead.measure(invited[lead.column].dropna()))}]
    notes = []
    for method in ("raking", "propensity"):
        found = weight_responses(frame, columns, method=method)
        weights = found.weights.reindex(frame.index)
        use = frame[lead.column].notna() & weights.notna()
        rows.append({"method": method} | vars(lead.measure(frame.loc[use, lead.column], weights=weights[use])))
        notes.append(f"{capital(method)}: {found.assumption} Design effect {found.design_effect:.2f}.")
    table = pd.DataFrame(rows)
    told = blocks.finding(
        f"{lead.name} as answered: {figure_of(estimate_of(table.iloc[0]))}.", [estimate_of(table.iloc[0])]
    )
    shown = blocks.table(
        table, caption=f"{lead.name}, weighted to those asked.", source=SAID, n=int(table["n"].max()),
        columns={"method": "Weights", "value": lead.name, "n": "Answers"}, note=" ".join(notes),
    )  # fmt: skip
    warning = blocks.unknown(
        "Weighting cannot correct for unhappy customers who answer less often than happy ones of the same kind.",
        settle="reaching some of the silent by another way",
    )
    return Section([told, shown, warning], told, [warning])


def _with_case(story: Story, invited: pd.DataFrame) -> pd.DataFrame:
    """Invitations with what is known of their customer and contact."""
    frame = invited
    for table, key, columns in (
        (story.tables.customers, "customer_id", ["segment"]),
        (story.tables.contacts, "contact_id", ["channel", "team"]),
    ):
        found = [c for c in columns if table is not None and c in table and key in frame and c not in frame]
        if table is not None and found:
            known = table.drop_duplicates(key).set_index(key)[found]
            frame = frame.join(known, on=key)
    return frame


@section
def show_over_time(story: Story) -> Section:
    """The scores beside the leading one by period, with the limits of their usual movement."""
    shown: list[Block] = []
    for score in story.scores[1:] or story.scores:
        series = story.over_time(score)
        shown += score_chart(story, score, series, judge(story, series))
    return Section(shown, shown[0])


@section
def show_by_group(story: Story) -> Section:
    """The leading score by segment, channel, team and so on, perception first, small groups withheld."""
    return Section(*_with_answer(gather(*[lambda g=g: _group(story, g) for g in _groups(story)])))


def _groups(story: Story) -> list[str]:
    cases = story.cases_recent
    return [g for g in GROUPS if g in cases and 1 < cases[g].nunique() <= 30]


def _group(story: Story, by: str) -> list[Block]:
    lead = story.scores[0]
    groups = contrast_groups(story.cases_recent, lead.column, by, minimum=story.k, confidence=story.confidence)
    rows = groups.dropna(subset="value")
    if rows.empty:
        return []
    name = "group" if "group" in rows else by
    fig = figures.plot_intervals(rows.assign(n=rows["n"].astype(int)), by=name, label=lead.name)
    evidence = [estimate_of(row) for _, row in rows.iterrows()]
    lines = [f"- {capital(sentence)}" for sentence in contrast_sentences(groups, by)]
    shown: list[Block] = [blocks.prose("\n".join(lines), evidence)]
    shown.append(
        blocks.figure(
            fig, alt=f"{lead.name} by {by}, {len(rows)} groups with intervals.", caption=f"{lead.name} by {by}.",
            source=SAID, n=int(rows["n"].sum()),
            note=f"Cases of the last {RECENT} periods; groups under {story.k} customers withheld.",
        )
    )  # fmt: skip
    return shown


def _with_answer(found: tuple[list[Block], list[Block]]) -> tuple[list[Block], Block, list[Block]]:
    shown, unknowns = found
    if not shown:
        raise NotMeasured("not measured: no column that groups the cases (segment, channel, team), needed for groups")
    return shown, shown[0], unknowns


@section
def show_sentiment(story: Story) -> Section:
    """Shares of sentiment with the classifier's error taken out, beside its error matrix."""
    from analytics.text.sentiment import load_sentiment_model

    written, names = story.written, ["negative", "neutral", "positive"]
    errors = pd.DataFrame(load_sentiment_model(story.sentiment_model).errors, names, names)
    rows = []
    for label in names:
        share = corrected_share(written["sentiment"], errors, label, confidence=story.confidence)
        rows.append({"sentiment": label, **vars(share), "counted": float(written["sentiment"].eq(label).mean())})
    table = pd.DataFrame(rows)
    negative = estimate_of(table.iloc[0])
    told = blocks.finding(f"{figure_of(negative)} of {negative.n:,} comments are negative.", [negative], better="lower")
    matrix = errors.rename_axis("true").reset_index()
    return Section(
        [
            told,
            blocks.figure(
                figures.plot_shares(table, by="sentiment", label="share of comments", highlight="negative"),
                alt=f"Shares of sentiment; negative {figure_of(negative)}.",
                caption=f"{figure_of(negative)} of comments are negative.", source=SAID, n=negative.n,
                note=f"The classifier's error taken out; labels as counted: {table['counted'].iloc[0]:.0%} negative. "
                + unread_sentence(story.unread),
            ),
            blocks.table(
                matrix, caption="How often the classifier was right on texts it had not seen.", source=OBSERVED,
                n=int(errors.to_numpy().sum()), note="Rows are what the text says, columns what the classifier said.",
            ),
        ],
        told,
    )  # fmt: skip


@section
def show_themes(story: Story) -> Section:
    """Each theme by what is said about it."""
    written = story.written
    tags = pd.DataFrame(
        [(str(tag), tag.polarity) for found in written["themes"] for tag in found], columns=["theme", "polarity"]
    )
    if tags.empty:
        raise NotMeasured("not measured: no theme was found in the period's comments")
    table = pd.crosstab(tags["theme"], tags["polarity"]).reindex(
        columns=["negative", "neutral", "positive"], fill_value=0
    )
    table = table[(table.sum(axis=1) >= story.k)].sort_values("negative", ascending=False)
    table = table.where(table.eq(0) | table.ge(story.k)).reset_index()
    table["theme"] = table["theme"].map(THEME_WORDS)
    told = blocks.finding(f"{len(table)} themes are named by {story.k} customers or more.")
    counts = blocks.table(
        table, caption="Themes by what is said about them, labels as counted.", source=SAID, n=len(written),
        note=f"Counts under {story.k} are not shown. Counts misstate shares; the report's have the classifier's error "
        "taken out.",
    )  # fmt: skip
    return Section([told, counts], told)


@section
def show_mismatches(story: Story) -> Section:
    """Polite words with an unhappy score: a finding about the customers, not a fault of the classifier alone."""
    lead = story.survey_lead
    scores = story.answers.drop_duplicates("response_id").set_index("response_id")[lead.column]
    written = story.written.assign(score=story.written["comment_id"].map(scores)).dropna(subset="score")
    unhappy = written[written["score"] <= LOW[lead.column]]
    if len(unhappy) < story.k:
        raise NotMeasured(f"not measured: fewer than {story.k} unhappy customers wrote in {story.period.label}")
    polite = unhappy[unhappy["sentiment"] == "positive"]
    low, high = _wilson(len(polite), len(unhappy), story.confidence)
    e = Estimate(len(polite) / len(unhappy), low, high, len(unhappy), "share", SAID)
    told = blocks.finding(
        f"Of {e.n:,} customers with an unhappy {lead.name}, {figure_of(e)} wrote words read as positive.", [e]
    )
    shown = [told]
    if len(polite) >= story.k:
        shown.append(
            blocks.quotes(pick_quotes(polite["text"], 3), caption="Polite words, unhappy score", n=len(polite))
        )
    return Section(shown, told)


def _wilson(hits: int, n: int, confidence: float) -> tuple[float, float]:
    from analytics.measures.intervals import wilson_bounds

    low, high = wilson_bounds(hits / n, n, confidence)
    return float(low), float(high)


@section
def show_phrases(story: Story) -> Section:
    """Phrases that unhappy customers use more than the others, groups taken from their scores."""
    lead = story.survey_lead
    scores = story.answers.drop_duplicates("response_id").set_index("response_id")[lead.column]
    recent = story.comments_recent
    score = recent["comment_id"].map(scores)
    table = distinctive_phrases(recent["text"], (score <= LOW[lead.column]).where(score.notna()).astype("boolean"))
    if table.empty:
        raise NotMeasured("not measured: no phrase sets unhappy customers apart beyond chance")
    told = blocks.finding(f"{int((table['z'] > 0).sum())} phrases set the unhappy customers apart.")
    listing = blocks.table(
        table.assign(side=np.where(table["z"] > 0, "unhappy", "the others")), caption="Phrases by who uses them more.",
        source=SAID, n=int(score.notna().sum()), formats={"z": "number1"},
        columns={"side": "Used more by", "phrase": "Phrase", "z": "z", "n_true": "Unhappy", "n_false": "Others"},
        note=f"Groups by {lead.name}, not by the classifier. Weighted log-odds; |z| above 1.96.",
    )  # fmt: skip
    return Section([told, listing], told)


@section
def show_by_segment(story: Story) -> Section:
    """The leading score of each segment in the period."""
    lead = story.survey_lead
    answers = _with_case(story, story.answers[story.answers["period"] == story.period.name])
    if "segment" not in answers:
        raise NotMeasured("not measured: no column segment (table customers), needed for scores by segment")
    table = summarise(
        answers, lead.measure, by=["segment"], column=lead.column, minimum=story.k, confidence=story.confidence
    )
    told = blocks.finding(f"{lead.name} of {len(table)} segments in {story.period.label}.")
    fig = figures.plot_intervals(table, by="segment", label=lead.name)
    chart = blocks.figure(
        fig, alt=f"{lead.name} by segment.", caption=f"{lead.name} by segment.", source=SAID, n=int(table["n"].sum())
    )
    return Section([told, chart], told)
