"""The leadership report's findings, one function per section: what customers perceive, name, suffer from and may do.

Each takes the `Story` and returns what to show and its short answer for page one. Wording lives here; figures come from
``measures`` and ``contrast``. Promises, recovery and the report's own record are in ``accountability``.
"""

import functools
from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd

from analytics.contrast.problems import OPEN_SHARE
from analytics.contrast.signals import Signals, detect_group_signals, detect_signals
from analytics.measures.estimate import OBSERVED, SAID, Estimate
from analytics.measures.intervals import z_score
from analytics.measures.invitations import InvitationAudit, audit_invitations
from analytics.measures.response import bound_score
from analytics.measures.scores import response_rate, share
from analytics.measures.summarise import summarise
from analytics.publish import blocks, figures
from analytics.publish.blocks import Block
from analytics.publish.story import DISPUTED, Score, Story
from analytics.publish.wording import (
    EXPLAINED,
    THEME_WORDS,
    Section,
    capital,
    estimate_of,
    figure_of,
    listed,
    movement_note,
    movement_sentence,
    not_known,
    section,
)
from analytics.tables.periods import period_of
from analytics.tables.schema import NotMeasured
from analytics.text.quotes import pick_quotes

SCALE_ENDS = {"nps": (0.0, 10.0), "csat": (1.0, 5.0), "ces": (1.0, 7.0)}
VALUE_ENDS = {"points": (-100.0, 100.0), "share": (0.0, 1.0), "score": (1.0, 7.0)}
MIDDLE = {"nps": 0.0, "csat": 0.5, "ces": 4.0}  # the side of it decides what a headline says; disputes have none
QUOTED = 2  # quotes per open problem
CHECKED = 40  # texts of a theme, the surest first, that are read again before one of them is quoted
QUOTABLE = 0.75  # probability of its theme, and of blame, below which a text is not quoted: a wrong quote costs more
CATEGORIES = 8  # recorded categories of complaints shown, the largest first


@section
def perceived(story: Story) -> Section:
    """What customers perceive: the leading score, whether it moved, who answered, how far the silent could move it."""
    lead = story.scores[0]
    series = story.over_time(lead)
    signal = judge(story, series)
    now = estimate_of(series.iloc[-1])
    if now.n < story.k:
        few = blocks.unknown(
            f"Fewer than {story.k} customers answered in {story.period.label}, too few to show.", settle="more answers"
        )
        return Section([few], few, [few])
    told = blocks.finding(
        f"{lead.subject} was {figure_of(now)} among the {now.n:,} {lead.who}{_of_those_asked(story)} in "
        f"{story.period.label}{', weighted as the survey was drawn' if story.weighted else ''}. "
        f"{movement_sentence(signal)}{_side_open(now, lead)}",
        [now],
        signal.word,
        better="lower" if lead is DISPUTED else "higher",
        key=f"score:{lead.column}",
    )
    shown = [told, *score_chart(story, lead, series, signal), _score_table(story)]
    answers, unknowns = _who_answered(story, lead)
    return Section([*shown, *answers], _other_scores(story) or answers[0], unknowns)


def _other_scores(story: Story) -> Block | None:
    """The scores beside the leading one in a sentence, for page one's short answer; None where there is no other."""
    rows = [(score, story.over_time(score)) for score in story.scores[1:]]
    shown = [(score, estimate_of(series.iloc[-1]), judge(story, series)) for score, series in rows]
    shown = [found for found in shown if found[1].n >= story.k]
    if not shown:
        return None
    parts = [f"{score.name}: {figure_of(e)}, {movement_note(signal)}" for score, e, signal in shown]
    words = {signal.word for _, _, signal in shown}
    return blocks.finding(f"{'; '.join(parts)}.", [e for _, e, _ in shown], words.pop() if len(words) == 1 else None)


def _of_those_asked(story: Story) -> str:
    try:
        return f", {story.invitations['responded_at'].notna().mean():.0%} of those asked,"
    except NotMeasured:
        return ""


def _side_open(now: Estimate, lead: Score) -> str:
    """That the sign of a score is open, where its own interval leaves it so."""
    middle = MIDDLE.get(lead.column)
    if middle is None or now.excludes(middle):
        return ""
    return f" Whether it lies above or below {middle:.0%} is not known." if now.unit == "share" else (
        f" Whether it lies above or below {middle:g} is not known.")  # fmt: skip


def judge(story: Story, series: pd.DataFrame) -> Signals:
    """The rule about a score's latest period, sampling error and response rate taken into account."""
    indexed = series.set_index("period")
    error = (indexed["high"] - indexed["low"]) / (2 * z_score(story.confidence))
    return detect_signals(
        indexed["value"],
        indexed["n"],
        se=error,
        answered=story.response_rates.reindex(indexed.index) if story.response_rates is not None else None,
        scale=VALUE_ENDS[indexed["unit"].iloc[-1]],
    )


def score_chart(story: Story, score: Score, series: pd.DataFrame, signal: Signals, height: float = 2.6) -> list[Block]:
    """A score over time with its limits; nothing where there is only one period."""
    if len(series) < 2:
        return []
    limits = signal.points if signal.points["mean"].notna().any() else None
    last = estimate_of(series.iloc[-1])
    return [
        blocks.figure(
            figures.plot_series(series, unit=last.unit, label=score.name, limits=limits, height=height),
            alt=f"{score.name}, {len(series)} periods up to {story.period.label}; latest {figure_of(last)}.",
            caption=f"{score.name}: {movement_note(signal)} in {story.period.label}.",
            source=SAID,
            n=int(series["n"].sum()),
            note=f"{score.meaning[:1].upper()}{score.meaning[1:]}. The band is the {story.confidence:.0%} interval"
            + ("; dashed lines hold the usual movement." if limits is not None else "."),
        )
    ]


def _score_table(story: Story) -> Block:
    rows = []
    for score in story.scores:
        series = story.over_time(score)
        if series["n"].iloc[-1] < story.k:
            continue
        rows.append({"score": score.name, "meaning": score.meaning} | series.iloc[-1].to_dict())
        rows[-1]["word"] = judge(story, series).word
    frame = pd.DataFrame(rows)
    heads = {"score": "Score", "meaning": "What it is", "value": story.period.label, "n": "Answers", "word": "Movement"}
    note = "A word of change needs a passed rule (XmR) against the earlier periods."
    return blocks.table(
        frame,
        caption="Every score that customers gave.",
        source=SAID,
        n=int(frame["n"].max()),
        columns=heads,
        note=note,
    )


@section
def answered(story: Story) -> Section:
    """Who was asked, who answered, and how far the silent could move the leading score."""
    shown, unknowns = _who_answered(story, story.scores[0])
    return Section(shown, shown[0], unknowns)


def _who_answered(story: Story, lead: Score) -> tuple[list[Block], list[Block]]:
    """Who was asked and who answered, and what the silent could change; what is not recorded is said."""
    try:
        invited = story.invitations
    except NotMeasured as lack:
        line = not_known(lack)
        return line.blocks, line.unknowns
    rate = response_rate(invited["responded_at"], confidence=story.confidence)
    shown = [
        blocks.finding(
            f"{len(invited):,} customers were asked in {story.period.label}; {figure_of(rate)} answered.",
            [rate],
            key="response",
        )
    ]
    unknowns = []
    if lead is not DISPUTED:
        shown.append(_bounded(story, invited, lead))
        unknowns += [block for block in shown[-1:] if block.data["level"] == "unknown"]
    try:
        audit = audit_invitations(story.tables_now, confidence=story.confidence)
    except NotMeasured as lack:
        line = not_known(lack)
        return [*shown, *line.blocks], [*unknowns, *line.unknowns]
    said = [sentence for sentence in audit.sentences if "agent" not in sentence.lower()]
    head, *rest = [s for s in said if all(e.n >= story.k for e in _cited(audit, s))] or [
        f"Whether open cases are asked is not shown: they are fewer than {story.k}."
    ]
    spared = audit.resolved_only and head == said[0]
    asked = blocks.finding(head, _cited(audit, head), level="unknown" if spared else "finding")
    text = "\n".join(f"- {sentence}" for sentence in rest)
    more = [blocks.prose(text, _cited(audit, text))] if rest else []
    return [*shown, asked, *more], [*unknowns, *([asked] if spared else [])]


def _cited(audit: InvitationAudit, text: str) -> list[Estimate]:
    """The audit's shares that a text states."""
    table = audit.table
    shares = [
        Estimate(row[f"{step}_share"], row[f"{step}_low"], row[f"{step}_high"], int(row[people]), "share", OBSERVED)
        for step, people in (("invited", "eligible"), ("answered", "invited"))
        for _, row in table[table[people] > 0].iterrows()
    ]
    return [e for e in shares if f"{e.value:.0%} ({100 * e.low:.0f}–{100 * e.high:.0f})" in text]


def _bounded(story: Story, invited: pd.DataFrame, lead: Score) -> Block:
    """How far those who were asked and stayed silent could move the score."""
    bounds = bound_score(
        invited[lead.column], lead.measure, scale=SCALE_ENDS[lead.column], against=MIDDLE[lead.column],
        complainers=_complainers_answers(story, invited, lead), confidence=story.confidence,
    )  # fmt: skip
    unit = bounds.observed.unit
    low, high, like = (
        figure_of(Estimate(v, np.nan, np.nan, 0, unit, SAID)) if np.isfinite(v) else ""
        for v in (bounds.low, bounds.high, bounds.like_complainers)
    )
    told = f"The silent could put the {lead.name} anywhere from {low} to {high}"
    told += f"; if they feel like those who complained, it is {like}." if like else "."
    if not bounds.open:
        return blocks.finding(told, [bounds.observed])
    settle = _follow_up(bounds.invited - bounds.answered)
    return blocks.unknown(f"{told} What all the customers asked think is not known.", settle=settle)


def _follow_up(silent: int) -> str:
    """How many of the silent to ask again: 96 answers give a margin of ten points for a share."""
    return f"reaching {min(silent, 96):,} of the {silent:,} silent by another way (a margin of ten points either side)"


def _complainers_answers(story: Story, invited: pd.DataFrame, lead: Score) -> pd.Series | None:
    complaints = story.tables.complaints
    if complaints is None or "customer_id" not in complaints or "customer_id" not in invited:
        return None
    since = story.period.previous(11).start
    ids = complaints.loc[complaints["received_at"] >= since, "customer_id"]
    answers = story.answers
    theirs = answers.loc[answers["customer_id"].isin(ids) & (answers["period"] == story.period.name), lead.column]
    return theirs if theirs.notna().sum() >= story.k else None


@section
def problems(story: Story) -> Section:
    """The problems that customers name, the classifier's error taken out, and whether they moved.

    Where no text can be read for them, the categories under which complaints are recorded.
    """
    try:
        table = story.problem_table
    except NotMeasured as lack:
        line, recorded = not_known(lack), _recorded(story)
        return Section([*recorded, *line.blocks], [*recorded, line.answer][0], line.unknowns)
    named = table[table["open"]]
    n = int(table["n"].max())
    if n < story.k:
        raise NotMeasured(f"not measured: fewer than {story.k} {story.writers} in {story.period.label}")
    if named.empty:
        told = blocks.finding(
            f"No theme is named as a problem by more than {OPEN_SHARE:.0%} of the {n:,} {story.writers}, "
            f"as far as the intervals tell{_not_counted(table)}."
        )
        return Section([told, _problem_table(table, n, story)], told)
    top = named.iloc[0]
    first = estimate_of(top)
    theme = THEME_WORDS[top["theme"]]
    told = blocks.finding(
        f"{capital(theme)} is named as a problem by {figure_of(first)} of the {first.n:,} {story.writers}.",
        [first],
        top["word"],
        better="lower",
        key=f"problem:{top['theme']}",
    )
    next_named = [name_problem(row) for _, row in named.iloc[1:EXPLAINED].iterrows()]
    moved = [
        blocks.finding(
            f"{capital(THEME_WORDS[r['theme']])}: it {r['word']} against the earlier periods ({r['reason']}).",
            [estimate_of(r)],
            r["word"],
            better="lower",
        )
        for _, r in table[table["word"].isin(["rose", "fell"])].iterrows()
    ]
    chart = blocks.figure(
        figures.plot_shares(
            table.dropna(subset="value").head(10).assign(theme=lambda rows: rows["theme"].map(THEME_WORDS)),
            by="theme",
            label=f"share of {story.writers}",
        ),
        alt=f"Shares of customers who name each theme as a problem; the largest is {theme}, {figure_of(first)}.",
        caption=f"{capital(THEME_WORDS[top['theme']])} is named most.",
        source=SAID,
        n=n,
        note="Shares have the classifier's own error taken out; bars carry their interval.",
    )
    quoted = _quotes(story, named["theme"].head(EXPLAINED).tolist())
    open_ends = _perhaps_larger(table, float(top["counted"]))
    return Section(
        [told, *next_named, *moved, chart, _problem_table(table, n, story), *open_ends, *quoted], told, open_ends
    )


def name_problem(row: pd.Series) -> Block:
    """A row of `Story.problem_table` as a finding that the next report will know again."""
    share = estimate_of(row)
    told = f"{capital(THEME_WORDS[row['theme']])} is named by {figure_of(share)}."
    return blocks.finding(told, [share], row["word"], better="lower", key=f"problem:{row['theme']}")


def _perhaps_larger(table: pd.DataFrame, counted: float) -> list[Block]:
    """The themes that are tagged more often than the largest known one, but whose share is not known."""
    rows = table[table["value"].isna() & (table["counted"] > counted)]
    if rows.empty:
        return []
    tagged = listed([f"{THEME_WORDS[row['theme']]} ({row['counted']:.0%} of labels)" for _, row in rows.iterrows()])
    return [
        blocks.unknown(
            f"How many name {tagged} is not known: it may be more.",
            settle="the accurate model ([text] model), or labelling 300 comments in the notebook label_texts",
        )
    ]


def _not_counted(table: pd.DataFrame) -> str:
    unknown = int(table["value"].isna().sum())
    return f"; of {unknown} themes the share is not known" if unknown else ""


def _recorded(story: Story) -> list[Block]:
    """The period's complaints by recorded category, and whether the shares moved; nothing without categories."""
    complaints = story.tables.complaints
    if complaints is None or "category" not in complaints or complaints["category"].nunique() < 2:
        return []
    rows = complaints.assign(period=period_of(complaints["received_at"], story.period.frequency))
    rows = rows[rows["period"].isin(story.history) & rows["category"].notna()]
    n = int((rows["period"] == story.period.name).sum())
    if n < story.k:
        return []
    shares = [
        summarise(
            rows.assign(inside=rows["category"].eq(name)), functools.partial(share, source=OBSERVED), by=["period"],
            column="inside", confidence=story.confidence,
        ).assign(category=name)
        for name in rows["category"].unique()
    ]  # fmt: skip
    words = detect_group_signals(pd.concat(shares), ["category"])[["category", "word"]]
    now = pd.concat(part[part["period"] == story.period.name] for part in shares).merge(words, on="category")
    now = now[now["value"] * now["n"] >= story.k].sort_values("value", ascending=False).head(CATEGORIES)
    if now.empty:
        return []
    first = estimate_of(now.iloc[0])
    told = blocks.finding(
        f"{n:,} complaints came in {story.period.label}; {figure_of(first)} are recorded under "
        f"“{now.iloc[0]['category']}”, more than under any other category.",
        [first],
        key="complaints:category",
    )
    shown = [told]
    if len(now) > 1:
        second = estimate_of(now.iloc[1])
        shown.append(blocks.finding(f"“{now.iloc[1]['category']}” follows with {figure_of(second)}.", [second]))
    listing = blocks.table(
        now, caption="Complaints by recorded category.", source=OBSERVED, n=n,
        columns={"category": "Category", "value": "Share of complaints", "word": "Movement"},
        note="As the category is recorded; what customers mean by it stands in their own words only.",
    )  # fmt: skip
    return [*shown, listing]


def _problem_table(table: pd.DataFrame, n: int, story: Story) -> Block:
    unscored = story.unscored
    shown = table.assign(theme=table["theme"].map(THEME_WORDS))
    return blocks.table(
        shown, caption="Themes named as a problem.", source=SAID, n=n,
        columns={"theme": "Theme", "value": "Named by", "counted": "Labels as counted", "word": "Movement"},
        formats={"counted": "share"},
        note=f"Named by: the classifier's error taken out; not known where it finds the theme too seldom, or tags more "
        f"than its known errors allow. {unscored} Movement is judged over all themes together "
        f"(false discoveries at most {1 - story.confidence:.0%}). Read by the {story.named_by} theme heads.",
    )  # fmt: skip


def _quotes(story: Story, themes: Sequence[str]) -> list[Block]:
    """Quotes for each theme, no text twice, from those whose tag is surest; none under k people."""
    comments = story.critical
    shown: list[Block] = []
    used: list[str] = []
    for theme in themes:
        named = comments[comments["negative_themes"].map(lambda found, t=theme: t in found)]
        people = named["customer_id"].nunique() if named["customer_id"].notna().any() else len(named)
        if people < story.k:
            continue
        texts = pick_quotes(_surest(named, theme), QUOTED, used)
        used += texts
        shown += [blocks.quotes(texts, caption=f"In their words: {THEME_WORDS[theme]}", n=len(named))] if texts else []
    return shown


def _surest(named: pd.DataFrame, theme: str) -> pd.Series:
    """Texts that may be quoted for a theme: the accurate models hold it likely, likelier than others, and a problem."""
    from analytics.text.sentiment import load_sentiment_model
    from analytics.text.themes import tag_themes

    sure = named["themes"].map(
        lambda tags: max((getattr(tag, "probability", 1.0) for tag in tags if str(tag) == theme), default=0.0)
    )
    texts = named.loc[sure.sort_values(ascending=False, kind="stable").index[:CHECKED], "text"]
    blame = load_sentiment_model("accurate").predict_proba(texts.tolist())[:, 0]
    agreed = [
        p >= QUOTABLE
        and any(tag == theme and tag.polarity == "negative" and tag.probability >= QUOTABLE for tag in tags[:1])
        for p, tags in zip(blame, tag_themes(texts.tolist()), strict=True)
    ]
    return cast("pd.Series", texts[agreed])
