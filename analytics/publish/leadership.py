"""The leadership report's findings, one function per section: what customers perceive, name, suffer from and may do.

Each takes the `Story` and returns what to show and its short answer for page one. Wording lives here; figures come from
``measures`` and ``contrast``. Promises, recovery and the report's own record are in ``accountability``.
"""

import numpy as np
import pandas as pd

from analytics.contrast.diagnosis import Diagnosis, Problem, diagnose
from analytics.contrast.problems import OPEN_SHARE
from analytics.contrast.signals import Signals, detect_signals
from analytics.contrast.watermelon import find_watermelons
from analytics.measures.estimate import OBSERVED, SAID, Estimate
from analytics.measures.intervals import z_score
from analytics.measures.invitations import audit_invitations
from analytics.measures.leavers import estimate_silent_leavers
from analytics.measures.response import bound_score
from analytics.measures.scores import response_rate
from analytics.measures.shares import corrected_share
from analytics.publish import blocks, figures
from analytics.publish.blocks import Block
from analytics.publish.story import RECENT, Score, Story
from analytics.publish.wording import (
    THEME_WORDS,
    Section,
    estimate_of,
    figure_of,
    listed,
    movement_note,
    movement_sentence,
    not_known,
    section,
)
from analytics.tables.schema import NotMeasured
from analytics.text.quotes import pick_quotes

SCALE_ENDS = {"nps": (0.0, 10.0), "csat": (1.0, 5.0), "ces": (1.0, 7.0)}
VALUE_ENDS = {"points": (-100.0, 100.0), "share": (0.0, 1.0), "score": (1.0, 7.0)}
MIDDLE = {"nps": 0.0, "csat": 0.5, "ces": 4.0}  # the side of it decides what a headline says
EXPLAINED = 3  # open problems that are diagnosed, the most named first
QUOTED = 2  # quotes per open problem


@section
def perceived(story: Story) -> Section:
    """What customers perceive: the leading score, whether it moved, who answered, how far the silent could move it."""
    lead = story.scores[0]
    series = story.over_time(lead)
    signal = judge(story, series)
    now = estimate_of(series.iloc[-1])
    told = blocks.finding(
        f"{lead.name} was {figure_of(now)} among the {now.n:,} customers who answered{_of_those_asked(story)} in "
        f"{story.period.label}. {movement_sentence(signal)}{_side_open(now, lead)}",
        [now],
        signal.word,
        key=f"score:{lead.column}",
    )
    shown = [told, *_score_chart(story, lead, series, signal), _score_table(story)]
    answered, unknowns = _who_answered(story, lead)
    return Section([*shown, *answered], told, unknowns)


def _of_those_asked(story: Story) -> str:
    try:
        return f", {story.invitations['responded_at'].notna().mean():.0%} of those asked,"
    except NotMeasured:
        return ""


def _side_open(now: Estimate, lead: Score) -> str:
    """That the sign of a score is open, where its own interval leaves it so."""
    middle = MIDDLE[lead.column]
    if now.excludes(middle):
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


def _score_chart(story: Story, score: Score, series: pd.DataFrame, signal: Signals) -> list[Block]:
    if len(series) < 2:
        return []
    limits = signal.points if signal.points["mean"].notna().any() else None
    last = estimate_of(series.iloc[-1])
    return [
        blocks.figure(
            figures.plot_series(series, unit=last.unit, label=score.name, limits=limits),
            alt=f"{score.name}, {len(series)} periods up to {story.period.label}; latest {figure_of(last)}.",
            caption=f"{score.name}, {movement_note(signal)} in {story.period.label}.",
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
    complainers = _complainers_answers(story, invited, lead)
    bounds = bound_score(
        invited[lead.column], lead.measure, scale=SCALE_ENDS[lead.column], against=MIDDLE[lead.column],
        complainers=complainers, confidence=story.confidence,
    )  # fmt: skip
    unit = bounds.observed.unit
    low, high, like = (
        figure_of(Estimate(v, np.nan, np.nan, 0, unit, SAID)) if np.isfinite(v) else ""
        for v in (bounds.low, bounds.high, bounds.like_complainers)
    )
    told = f"The silent could put the {lead.name} anywhere from {low} to {high}"
    told += f"; if they feel like those who complained, it is {like}." if like else "."
    if bounds.open:
        shown.append(
            blocks.unknown(
                f"{told} What all the customers asked think is not known.",
                settle=_follow_up(bounds.invited - bounds.answered),
            )
        )
        unknowns.append(shown[-1])
    else:
        shown.append(blocks.finding(told, [bounds.observed]))
    try:
        audit = audit_invitations(story.tables_now, confidence=story.confidence)
    except NotMeasured as lack:
        line = not_known(lack)
        return [*shown, *line.blocks], [*unknowns, *line.unknowns]
    asked = [
        blocks.unknown(sentence) if i == 0 and audit.resolved_only else blocks.finding(sentence)
        for i, sentence in enumerate(audit.sentences)
    ]
    return [*shown, *asked], [*unknowns, *(b for b in asked if b.data["level"] == "unknown")]


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
    return answers.loc[answers["customer_id"].isin(ids) & (answers["period"] == story.period.name), lead.column]


@section
def problems(story: Story) -> Section:
    """The problems that customers name, the classifier's error taken out, and whether they moved."""
    table = story.problem_table
    named = table[table["open"]]
    n = int(table["n"].max())
    if named.empty:
        told = blocks.finding(
            f"No theme is named as a problem by more than {OPEN_SHARE:.0%} of the {n:,} customers who wrote, "
            "as far as the intervals tell."
        )
        return Section([told, _problem_table(table, n, story)], told)
    top = named.iloc[0]
    first = estimate_of(top)
    others = listed([f"{THEME_WORDS[r['theme']]} ({figure_of(estimate_of(r))})" for _, r in named.iloc[1:3].iterrows()])
    theme = THEME_WORDS[top["theme"]]
    sentence = f"{_capital(theme)} is named as a problem by {figure_of(first)} of the {first.n:,} customers who wrote"
    told = blocks.finding(
        f"{sentence}{f', then {others}' if others else ''}.",
        [estimate_of(r) for _, r in named.head(3).iterrows()],
        key=f"problem:{top['theme']}",
    )
    moved = [
        blocks.finding(
            f"{_capital(THEME_WORDS[r['theme']])}: it {r['word']} against the earlier periods ({r['reason']}).",
            [estimate_of(r)],
            r["word"],
            better="lower",
        )
        for _, r in table[table["word"].isin(["rose", "fell"])].iterrows()
    ]
    chart = blocks.figure(
        figures.plot_shares(
            table.head(10).assign(theme=table["theme"].map(THEME_WORDS)),
            by="theme",
            label="share of customers who wrote",
        ),
        alt=f"Shares of customers who name each theme as a problem; the largest is {theme}, {figure_of(first)}.",
        caption=f"{_capital(THEME_WORDS[top['theme']])} is named most.",
        source=SAID,
        n=n,
        note="Shares have the classifier's own error taken out; bars carry their interval.",
    )
    quoted = [q for theme in named["theme"].head(EXPLAINED) for q in _quotes(story, theme)]
    return Section([told, *moved, chart, _problem_table(table, n, story), *quoted], told)


def _problem_table(table: pd.DataFrame, n: int, story: Story) -> Block:
    unscored = story.unscored
    shown = table.assign(theme=table["theme"].map(THEME_WORDS))
    return blocks.table(
        shown, caption="Themes named as a problem.", source=SAID, n=n,
        columns={"theme": "Theme", "value": "Named by", "counted": "Labels as counted", "word": "Movement"},
        formats={"counted": "share"},
        note=f"Named by: the classifier's error taken out. {unscored} Movement is judged over all themes together "
        f"(false discoveries at most {1 - story.confidence:.0%}). Model: {story.written['model'].iloc[0]}.",
    )  # fmt: skip


def _quotes(story: Story, theme: str) -> list[Block]:
    comments = story.written
    named = comments[comments["negative_themes"].map(lambda found: theme in found)]
    people = named["customer_id"].nunique() if named["customer_id"].notna().any() else len(named)
    if people < story.k:
        return []
    texts = pick_quotes(named["text"], QUOTED)
    return [blocks.quotes(texts, caption=f"In their words: {THEME_WORDS[theme]}", n=len(named))]


@section
def explained(story: Story) -> Section:
    """What differs inside between the cases with an open problem and comparable ones; both clocks; watermelons."""
    shown: list[Block] = []
    lacks: list[Block] = []
    table = story.problem_table
    for _, row in table[table["open"]].head(EXPLAINED).iterrows():
        try:
            shown += _diagnosis(story, row)
        except NotMeasured as lack:
            line = not_known(lack)
            shown += line.blocks
            lacks += line.unknowns
    try:
        melons = _watermelons(story)
        shown += melons
    except NotMeasured as lack:
        line = not_known(lack)
        shown, lacks = shown + line.blocks, lacks + line.unknowns
    if not shown:
        shown = [
            blocks.finding(
                "No problem is open, so no internal figure is shown: internal figures only explain problems."
            )
        ]
    return Section(shown, shown[0], lacks)


def _diagnosis(story: Story, row: pd.Series) -> list[Block]:
    """One open problem: what customers say, what the operation recorded, what differs."""
    problem = Problem(THEME_WORDS[row["theme"]], story.naming(row["theme"]), estimate_of(row))
    found = diagnose(problem, story.cases, k=story.k, confidence=story.confidence)
    shown: list[Block] = [blocks.prose(f"### {_capital(problem.name)}")]
    shown += [blocks.finding(sentence, [problem.evidence]) for sentence in found.sentences]
    differing = found.frame[found.frame["differs"]]
    if len(differing):
        shown.append(_diagnosis_chart(found, differing, story))
    return shown


def _diagnosis_chart(found: Diagnosis, differing: pd.DataFrame, story: Story) -> Block:
    rows = found.frame.dropna(subset=["superiority"]).assign(n=lambda f: f["n_with"] + f["n_without"])
    rows = rows.rename(columns={"superiority": "value"}).assign(unit="share")
    return blocks.figure(
        figures.plot_intervals(
            rows,
            by="name",
            unit="share",
            reference=0.5,
            label="chance that the case with the problem has the higher value",
        ),
        alt=f"Internal measures of cases with {found.problem.name} against comparable cases; "
        f"{len(differing)} of {len(rows)} differ.",
        caption=f"{_capital(found.problem.name)}: {listed(differing['name'].head(3).tolist())} differ.",
        source=OBSERVED,
        n=int(rows["n"].max()),
        note="50 % means no difference. Compared within reason, channel and segment; a difference is no cause.",
    )


def _watermelons(story: Story) -> list[Block]:
    """Targets met where customers are worse off, and missed where they are content."""
    if not story.config.targets:
        return []
    perception = next((c for c in ("csat", "nps", "ces") if c in story.cases and story.cases[c].notna().any()), "csat")
    table = find_watermelons(
        story.cases_recent,
        story.config.targets,
        perception,
        contacts=story.recent.contacts,
        confidence=story.confidence,
        minimum=story.k,
    )
    hits = table[table["finding"] != ""]
    alarms = float(table["false_alarms"].max())
    shown: list[Block] = [
        blocks.finding(
            row["sentence"], [Estimate(row["perceived"], row["low"], row["high"], int(row["n"]), "share", SAID)]
        )
        for _, row in hits.iterrows()
    ]
    if hits.empty:
        shown = [
            blocks.finding("No target is met where customers are worse off than others, as far as the intervals tell.")
        ]
    heads = {
        "target": "Target",
        "group": "Group",
        "goal": "Goal",
        "inside": "Met inside",
        "perceived": "Customers satisfied",
        "n": "Answers",
        "finding": "Finding",
    }
    shown.append(
        blocks.table(
            table.assign(finding=table["finding"].replace("", "–")),
            caption="Targets inside, and what customers say.",
            source=[SAID, OBSERVED],
            n=int(table["n"].sum()),
            columns=heads,
            formats={"goal": "share", "inside": "share", "perceived": "share"},
            note=f"The last {RECENT} {story.period.frequency}s. With answers shuffled between cases, this test raises "
            f"an alarm in {alarms:.0%} of tables.",
        )
    )
    return shown


@section
def leaving(story: Story) -> Section:
    """Who may leave: those who said so, and those who left without a word."""
    shown: list[Block] = []
    unknowns: list[Block] = []
    for part in (_said_leaving, _silent_leavers):
        try:
            shown += part(story)
        except NotMeasured as lack:
            line = not_known(lack)
            shown, unknowns = shown + line.blocks, unknowns + line.unknowns
    known = [b for b in shown if b.kind == "finding" and b.data["level"] == "finding"]
    return Section(shown, known[0] if known else shown[0], unknowns)


def _said_leaving(story: Story) -> list[Block]:
    from analytics.text.churn_intent import load_churn_intent_model

    comments = story.written
    intent = comments["churn_intent"].dropna()
    if intent.empty:
        raise NotMeasured("not measured: no comment could be read for leaving in this period")
    names = ["staying", "leaving"]
    labels = pd.Series(np.where(intent >= 0.5, names[1], names[0]), index=intent.index)
    errors = pd.DataFrame(load_churn_intent_model().errors, names, names)
    share = corrected_share(labels, errors, label="leaving", confidence=story.confidence)
    return [
        blocks.finding(
            f"{figure_of(share)} of the {share.n:,} customers who wrote say that they are leaving.",
            [share],
            key="leaving:said",
            better="lower",
        )
    ]


def _silent_leavers(story: Story) -> list[Block]:
    start = story.period.previous(11).start if story.period.frequency == "month" else story.period.start
    try:
        found = estimate_silent_leavers(story.tables, start=start, end=story.period.end)
    except NotMeasured:
        raise
    except ValueError as nobody:
        return [blocks.finding(f"{_capital(str(nobody))}")]
    return [blocks.finding(found.sentence, [found.share, found.rate_silent, found.rate_spoke])]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
