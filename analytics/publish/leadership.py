"""The leadership report, one function per section: each takes the `Story`, returns what to show and its short answer.

Wording lives here and nowhere else; figures come from ``measures`` and ``contrast``. A section whose columns are missing
says so in one line instead of failing.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from analytics.contrast.signals import Signals, control_false_discoveries, detect_signals
from analytics.measures.estimate import ASSERTED, OBSERVED, SAID, Estimate
from analytics.measures.promises import score_promises
from analytics.measures.recovery import NO_PROBLEM, score_recovery
from analytics.publish import blocks, figures
from analytics.publish.blocks import Block
from analytics.publish.formats import write_interval
from analytics.publish.story import Score, Story
from analytics.tables.schema import NotMeasured


@dataclass(frozen=True)
class Section:
    """What a section shows, its answer for page one, and what it leaves unknown.

    Displays its blocks in order when it is the last line of a notebook cell.
    """

    blocks: list[Block]
    answer: Block
    unknowns: list[Block] = field(default_factory=list)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        for block in self.blocks:
            display(block)


def _section(make: Callable[..., Section]) -> Callable[..., Section]:
    """Turn 'not measured' into an honest line, so that a missing column never stops a report."""

    @functools.wraps(make)
    def made(*args: object) -> Section:
        try:
            return make(*args)
        except NotMeasured as lack:
            line = blocks.unknown(
                f"{str(lack)[:1].upper()}{str(lack)[1:]}.", settle="exporting it and naming it in the map"
            )
            return Section([line], line, [line])

    return made


@_section
def perceived(story: Story) -> Section:
    """What customers perceive: the leading score, its movement, who answered, and how far the silent could move it."""
    lead, series = story.scores[0], story.over_time(story.scores[0])
    signal = _judge(story, series)
    now = _estimate(series.iloc[-1])
    told = blocks.finding(
        f"{lead.name} {_was(now)} from {now.n:,} answers in {story.period.label}. {_movement(signal)}",
        [now],
        signal.word,
    )
    shown: list[Block] = [told, *_chart(lead, series, signal)]
    if len(story.scores) > 1:
        shown.append(_score_table(story))
    return Section(shown, told)


def _score_table(story: Story) -> Block:
    """All scores of the period with the word a rule allows about each."""
    rows = []
    for score in story.scores:
        series = story.over_time(score)
        rows.append(
            {"score": score.name, "meaning": score.meaning, **series.iloc[-1], "word": _judge(story, series).word}
        )
    frame = pd.DataFrame(rows)
    heads = {"score": "Score", "meaning": "What it is", "value": story.period.label, "n": "Answers", "word": "Movement"}
    return blocks.table(
        frame, caption="Every score customers gave.", source=SAID, n=int(frame["n"].max()), columns=heads,
        note="Movement is judged against the earlier periods (XmR rules); without a passed rule there is no word of change.",
    )  # fmt: skip


def _chart(score: Score, series: pd.DataFrame, signal: Signals) -> list[Block]:
    if len(series) < 2:
        return []
    limits = signal.points if signal.points["mean"].notna().any() else None
    fig = figures.plot_series(series, unit=str(series["unit"].iloc[-1]), label=score.name, limits=limits)
    last = series.iloc[-1]
    return [
        blocks.figure(
            fig,
            alt=f"{score.name} for {len(series)} periods up to {last['period']}; latest "
            f"{write_interval(last['value'], last['low'], last['high'], last['unit'])}.",
            caption=f"{score.name} by period: {_word_of(signal)} in the latest.",
            source=SAID,
            n=int(series["n"].sum()),
            note=f"{score.meaning[:1].upper()}{score.meaning[1:]}. The band is the 95 % interval; dashed lines, where "
            "shown, hold the usual movement from period to period.",
        )
    ]


def _judge(story: Story, series: pd.DataFrame) -> Signals:
    """The rule about a score's latest period, with sampling error and response rate taken into account."""
    indexed = series.set_index("period")
    z = 1.96 if story.confidence == 0.95 else float(_z(story.confidence))
    error = (indexed["high"] - indexed["low"]) / (2 * z)
    return detect_signals(
        indexed["value"], indexed["n"], se=error.where(error.notna()), scale=SCALES[indexed["unit"].iloc[-1]]
    )


def _z(confidence: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + confidence / 2))


SCALES = {"points": (-100.0, 100.0), "share": (0.0, 1.0), "score": (1.0, 7.0)}


def _estimate(row: pd.Series) -> Estimate:
    return Estimate(
        float(row["value"]), float(row["low"]), float(row["high"]), int(row["n"]), row["unit"], row["source"]
    )


def _figure(e: Estimate) -> str:
    return write_interval(e.value, e.low, e.high, e.unit)


def _was(e: Estimate) -> str:
    return f"was {_figure(e)}"


def _word_of(signal: Signals) -> str:
    return {"rose": "it rose", "fell": "it fell", "no change": "no change"}.get(signal.word, "we cannot tell yet")


def _movement(signal: Signals) -> str:
    """The movement in a sentence, with the reason of the rule."""
    if signal.word in ("rose", "fell"):
        return f"It {signal.word}: {signal.reason}."
    if signal.word == "no change":
        return "No change: it lies within its usual movement."
    return f"We cannot tell yet whether it moved: {signal.reason}."


@_section
def promises(story: Story) -> Section:
    """Each declared promise: kept by our records, kept in the customer's view, unknown."""
    if not story.config.promises:
        line = blocks.unknown("No promise is declared.", settle="declaring the published promises in perception.toml")
        return Section([line], line)
    comments = story.comments if _has_texts(story) else None
    scored = score_promises(story.config.promises, story.tables, story.cases_now, comments, story.confidence)
    overall = scored.drop_duplicates("promise")
    findings = [_promise(row) for _, row in overall.iterrows()]
    table = blocks.table(
        scored.assign(segment=scored["segment"].where(scored["segment"].ne("all"), "all customers")),
        caption="Promises by segment: our records beside the customer's view.",
        source=[SAID, ASSERTED],
        n=int(overall["n"].max()),
        columns={
            "text": "Promise", "segment": "Segment", "n": "Cases", "goal": "Promised to", "records": "Kept by our records",
            "view": "Kept in their view", "unknown": "They have not said",
        },
        formats={"goal": "share", "records": "share", "view": "share", "unknown": "share"},
        note="Their view rests on the cases whose customer said something about it.",
    )  # fmt: skip
    unknowns = [f for f in findings if f.data["level"] == "unknown"]
    return Section([*findings, table], findings[0], unknowns)


def _promise(row: pd.Series) -> Block:
    """One promise in a sentence, from both sides."""
    view = Estimate(row["view"], row["view_low"], row["view_high"], int(row["view_n"]), "share", SAID)
    records = Estimate(row["records"], row["records_low"], row["records_high"], int(row["n"]), "share", ASSERTED)
    if row["n"] == 0 or row["view_n"] == 0 or row["view_verdict"] == "we do not know":
        known = f" Of {view.n:,} who said, {_figure(view)} say so." if view.n else ""
        return blocks.unknown(f"We do not know whether “{row['text']}” is kept.{known}", settle=row["would_settle"])
    sentence = (
        f"“{row['text']}”: {row['view_verdict']} in the customers' view ({_figure(view)} of {view.n:,} who said, promised to "
        f"{row['goal']:.0%}); by our records {_figure(records)}."
    )
    return blocks.finding(sentence, [view, records])


@_section
def recovery(story: Story) -> Section:
    """Remedy and goodwill apart: gestures without a fix, and what each group did next."""
    found = score_recovery(story.tables, until=story.period.end, confidence=story.confidence)
    e = found.gesture_not_fixed
    if e.n == 0:
        line = blocks.unknown(
            "No gesture is recorded with a known outcome.", settle="recording remedy and goodwill apart"
        )
        return Section([line], line, [line])
    told = blocks.finding(
        f"Of {e.n:,} gestures made, {_figure(e)} went to customers whose problem was not fixed ({found.fixed_source}).",
        [e],
    )
    shown = [told, *_recovery_tables(found.groups, found.accounts, story)]
    return Section(shown, told)


def _recovery_tables(groups: pd.DataFrame, accounts: pd.DataFrame, story: Story) -> list[Block]:
    tables = []
    for outcome, source in (("left", OBSERVED), ("complained again", OBSERVED), ("next score", SAID)):
        part = groups[(groups["outcome"] == outcome) & (groups["n"] >= story.k)]
        if part.empty:
            continue
        caption = {
            "left": "Leaving within 180 days of the complaint, by fix and gesture.",
            "complained again": "Complaining again within 90 days.",
            "next score": "The next score these customers gave.",
        }[outcome]
        tables.append(
            blocks.table(
                part, caption=caption, source=source, n=int(part["n"].sum()),
                columns={"group": "Problem and gesture", "value": outcome.capitalize(), "n": "Customers"},
                note="Observed, not caused: who got a gesture was our choice."
                + (f" “{NO_PROBLEM.capitalize()}” is the comparison." if outcome == "left" else ""),
            )
        )  # fmt: skip
    shown = accounts[accounts["n"] >= story.k]
    if len(shown):
        tables.append(
            blocks.table(
                shown, caption="Both accounts: what we recorded, what the customer says.", source=[ASSERTED, SAID],
                n=int(shown["n"].sum()), columns={"company": "We recorded", "customer": "The customer", "n": "Complaints"},
            )
        )  # fmt: skip
    return tables


def unknown(story: Story, *sections: Section) -> Section:
    """Everything that the sections leave open, each with what would settle it."""
    open_ends = list({b.data["sentence"]: b for section in sections for b in section.unknowns}.values())
    open_ends += [blocks.unknown(warning) for warning in story.log.warnings]
    if not open_ends:
        line = blocks.finding("Every question of this report has an answer within its intervals.")
        return Section([line], line)
    return Section(open_ends, open_ends[0])


def provenance(story: Story) -> Section:
    """What the report was made from; the runner adds versions and times to manifest.json."""
    line = blocks.finding("Inputs, rows and faults are listed below; versions and times are in manifest.json.")
    return Section([blocks.provenance(story.log.inputs, story.log.rows, story.log.faults)], line)


def _has_texts(story: Story) -> bool:
    try:
        return not story.comments.empty
    except NotMeasured:
        return False


def page_one(story: Story, perceive: Section, hurts: Section, leaving: Section, unknowns: Section) -> Block:
    """The whole story on one page, from the sections' own answers."""
    numbers, notes = {}, {}
    for score in _scores_or_none(story)[:3]:
        series = story.over_time(score)
        numbers[score.name] = _estimate(series.iloc[-1])
        notes[score.name] = _word_of(_judge(story, series))
    return blocks.page_one(
        perceive.answer, numbers, notes=notes, perceive=perceive.answer, hurts=hurts.answer, leaving=leaving.answer,
        unknown=unknowns.answer,
    )  # fmt: skip


def _scores_or_none(story: Story) -> list[Score]:
    try:
        return story.scores
    except NotMeasured:
        return []
