"""The report for the people who run the service: what to act on before customers have to say it again.

Open problems and promises come from the leadership report's own sections; here is what only operations can act on:
cases beyond the customer's patience, promises about to break, whom to call, and data that are drying up.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, fisher_exact

from analytics.config import Promise
from analytics.contrast.clocks import median_time, name_groups
from analytics.contrast.signals import FELL, ROSE, detect_signals
from analytics.measures.estimate import OBSERVED, Estimate
from analytics.measures.promises import Verdict, in_segment
from analytics.measures.scores import share
from analytics.measures.summarise import summarise
from analytics.measures.suppress import count_people
from analytics.publish import blocks
from analytics.report import tested
from analytics.report.cutoff import known_at
from analytics.report.page_one import trend_of
from analytics.report.promises import VERDICTS
from analytics.report.section import Section, findings_of, gather, placed, section, section_of
from analytics.report.story import Story
from analytics.report.words import estimates_of, listed, people_by, say, table_of
from analytics.tables.cases import case_ids
from analytics.tables.periods import period_of
from analytics.tables.schema import STAMPS, NotMeasured, Tables

RETURNED = 30  # cases with a second contact below which patience is not told
CLOCKS = ("customer_clock_h", "company_clock_h")
SPOKE = ("perception_answered", "perception_comments", "perception_complaints")


def measure_patience(story: Story) -> Estimate:
    """Hours after which half of the customers who contacted us again about the same case had done so.

    Observed, not asked: a customer who comes back has run out of patience; how long the others would have waited is not
    known, so it is an upper limit for nobody and a sign for all.

    Parameters
    ----------
    story
        Its recent contacts are looked at.

    Returns
    -------
    Estimate
        Median hours from the first to the second contact of a case.

    Raises
    ------
    NotMeasured
        If fewer than 30 cases have a second contact.

    References
    ----------
    Brookmeyer & Crowley (1982), Biometrics 38, 29-41, for the interval.
    """
    contacts = story.recent.contacts
    if contacts is None:
        raise NotMeasured(table="contacts", needed_for="the customer's patience")
    attempts = contacts[["started_at"]].assign(case=case_ids(story.recent)["contacts"]).dropna()
    by_case = attempts.sort_values("started_at", kind="stable").groupby("case")
    hours = by_case["started_at"].diff()[by_case.cumcount() == 1].dt.total_seconds() / 3600
    if len(hours) < RETURNED:
        raise NotMeasured(say("operations.few_returned", n=len(hours), needed=RETURNED))
    return median_time(hours, pd.Series(True, hours.index), story.confidence, source=OBSERVED)


@section
def show_beyond_patience(story: Story) -> Section:
    """Recent cases that have run longer than customers wait, without the customer's word that they are solved."""
    patience, cases = measure_patience(story), story.cases_recent
    waiting = cases["ended"].eq("censored") & cases["customer_clock_h"].gt(patience.value)
    closed = waiting & cases["company_clock_h"].notna()
    sides = {"open": waiting & ~closed, "closed": closed}
    late = share(waiting, source=OBSERVED, confidence=story.confidence)
    counts = {side: int(rows.sum()) for side, rows in sides.items()}
    sentence, key = say("operations.waiting", share=late, span=story.span, **counts), "operations:beyond_patience"
    answer = blocks.finding(sentence, [late], better="lower", key=key, people=count_people(cases))
    basis = blocks.finding(say("operations.patience", patience=patience), [patience])
    by = next((c for c in ("team", "channel", "reason") if c in cases and cases[c].notna().any()), None)
    if by is None:
        return section_of([answer, basis])
    table = summarise(
        cases.assign(late=waiting), partial(share, source=OBSERVED), by=[by], column="late",
        minimum=story.k, confidence=story.confidence,
    )  # fmt: skip
    groups = name_groups(cases[by])
    counted = {side: table[by].map(rows.groupby(groups).sum()) for side, rows in sides.items()}
    counted |= {"people": table[by].map(people_by(cases, groups))}
    table = table.assign(**{name: n.where(table["n"].notna()).astype("Int64") for name, n in counted.items()})
    table = table.rename(columns={by: "group"}).sort_values("open", ascending=False, kind="stable")
    listing = table_of("beyond_patience", table, n=late.n, head=by.capitalize(), by=by, people="people")
    return section_of([answer, basis, listing])


def brief(part: Section) -> Section:
    """A section of the leadership report as operations read it: sentences and quotes; the rest in the HTML copy."""
    kept = ("finding", "quotes")
    shown = [block if block.kind in kept else blocks.tagged(block, appendix=True) for block in part.blocks]
    return replace(part, blocks=shown)


@section
def show_promises_at_risk(story: Story) -> Section:
    """Promises that are not kept, and open cases that have passed a promised time or will within the next period."""
    scored = tested.promise_verdicts(story)
    open_now = story.cases_recent[story.cases_recent["ended"] == "censored"]
    ahead = (story.period.end - story.period.start).total_seconds() / 3600
    pairs = zip(story.config.promises, scored.drop_duplicates("promise").iterrows(), strict=True)
    rows = [_at_risk(promise, row, open_now, ahead, story.k) for promise, (_, row) in pairs]
    over, ending = (frozenset().union(*(row[name] or () for row in rows)) for name in ("passed", "soon"))
    counts = {"passed": len(over), "soon": len(ending - over)}  # a case that waits for two promises is one case
    risky = sum(bool(row["passed"] or row["soon"]) for row in rows)
    facts = {"frequency": story.period.frequency, "risky": risky, "of": len(rows), "span": story.span}
    answer = blocks.finding(say("operations.at_risk", **facts, **counts))
    table = pd.DataFrame(rows)
    table[["passed", "soon"]] = table[["passed", "soon"]].map(len, na_action="ignore").astype("Int64")
    listing = table_of("at_risk", table, n=len(open_now), people="people", frequency=story.period.frequency)
    return section_of([answer, listing])


def _at_risk(promise: Promise, scored: pd.Series, open_now: pd.DataFrame, ahead: float, k: int) -> dict[str, Any]:
    """One promise: both verdicts, and its open cases past the time or soon to be; nothing that rests on few people."""
    scope = in_segment(promise, open_now)
    groups = {"view": int(scored["view_n"]), "records": int(scored["n"]), "open": count_people(scope)}
    row: dict[str, Any] = {"promise": promise.text, "passed": None, "soon": None}
    for kind in ("view", "records"):
        row[kind] = VERDICTS[scored[f"{kind}_verdict"] if groups[kind] >= k else Verdict.UNKNOWN]
    if promise.measure in CLOCKS and promise.threshold is not None and groups["open"] >= k:
        hours = scope["customer_clock_h"]
        passed = hours > promise.threshold
        soon = ~passed & (hours > promise.threshold - ahead)
        row |= {"passed": {*scope.index[passed]}, "soon": {*scope.index[soon]}}
    return row | {"people": min((people for people in groups.values() if people >= k), default=None)}


@section
def show_silent_risk(story: Story) -> Section:
    """How many customers are worth a call, and how many of them never spoke: the size of the list, not the list."""
    study = tested.leaving_study(story)
    calls, now = study.calls, study.now
    spoke = [c for c in SPOKE if c in now]
    if not spoke:
        raise NotMeasured("neither answers nor complaints name the customer", needed_for="silent customers")
    if len(calls) < story.k:
        return section_of([blocks.finding(say("operations.few_calls", k=story.k))])
    silent = now.loc[now[spoke].fillna(0).sum(axis=1) == 0, "customer_id"]
    quiet = share(calls["customer_id"].isin(silent), source=OBSERVED, confidence=story.confidence)
    sentence = say("operations.calls", n=len(calls), quiet=round(quiet.value * quiet.n), share=quiet)
    key = "operations:silent_risk"
    return section_of([blocks.finding(sentence, [quiet], key=key, better="lower", people=len(calls))])


@section
def show_data_drift(story: Story) -> Section:
    """Whether the data still come in as they did: rows per table, and missing values per column since last period."""
    return section_of(*gather(lambda: _row_counts(story), lambda: _missing_values(story)))


def _row_counts(story: Story) -> list[blocks.Block]:
    rows = []
    for name, stamp, frame in _stamped(story.since(story.period.previous(len(story.history) - 1).start)):
        if frame[stamp].isna().all():
            continue
        counts = period_of(frame[stamp], story.period.frequency).value_counts().reindex(story.history)
        filled = counts.loc[counts.first_valid_index() :].fillna(0).astype(float)
        word = detect_signals(filled, scale=(0, float(filled.max() or 1))).word
        usual = filled.iloc[:-1].median() if len(filled) > 1 else np.nan
        moved = f"; unusually {'many' if word == ROSE else 'few'}" if word in (ROSE, FELL) else ""
        rows.append(f"{name} {filled.iloc[-1]:,.0f} (usually {usual:,.0f}{moved})")
    if not rows:
        raise NotMeasured("no table carries dates", needed_for="how the data come in")
    return [blocks.finding(f"Rows in {story.period.label}: {listed(rows)}.", key="operations:rows")]


def _missing_values(story: Story) -> list[blocks.Block]:
    """Columns whose share of missing values differs from last period's as it stood at that period's end."""
    rows = []
    for name, stamp, frame in _stamped(story.since(story.period.previous().start)):
        inside = story.period.contains(frame[stamp])
        now, then = frame[inside], known_at(frame[~inside], story.period.start)
        for column in frame.columns.drop(stamp) if min(len(now), len(then)) >= story.k else ():
            rows.append(_missing_row(name, str(column), now[column].isna(), then[column].isna(), story.confidence))
    if not rows:
        raise NotMeasured("too few rows in this or the last period", needed_for="missing values")
    table = pd.DataFrame(rows)
    changed = table[false_discovery_control(table["p"]) <= 1 - story.confidence]
    changed = changed.sort_values("value", ascending=False, kind="stable").drop(columns="p")
    facts: dict[str, Any] = {"n": len(changed), "frequency": story.period.frequency}
    head = say("operations.missing", of=len(table), **facts)
    if changed.empty:
        return [blocks.finding(f"{head}, as far as the counts tell.")]
    first, facts["n"] = changed.head(3), int(changed["n"].max())
    names = listed([f"{row['column']} ({row['table']})" for _, row in first.iterrows()])
    told = blocks.finding(f"{head}; most: {names}.", estimates_of(first))
    return [told, table_of("missing", changed, people=blocks.RECORDS, false=1 - story.confidence, **facts)]


def _stamped(tables: Tables) -> list[tuple[str, str, pd.DataFrame]]:
    """Each table that carries dates: its name, the column of dates, its rows."""
    frames = ((name, stamp, getattr(tables, name)) for name, (stamp, *_) in STAMPS.items())
    return [(name, stamp, frame) for name, stamp, frame in frames if frame is not None and stamp in frame]


def _missing_row(table: str, column: str, now: pd.Series, then: pd.Series, confidence: float) -> dict[str, object]:
    cells = [[int(rows.sum()), int((~rows).sum())] for rows in (now, then)]
    missing = vars(share(now, source=OBSERVED, confidence=confidence))
    return {"table": table, "column": column, **missing, "before": then.mean(), "p": fisher_exact(cells).pvalue}


def build_operations_page_one(
    story: Story, patience: Section, promises: Section, silent: Section, perceived: Section, problems: Section,
    unknowns: Section,
) -> blocks.Block:  # fmt: skip
    """The week on one page: what to act on now, what customers perceive and blame, what is not known."""
    evidence = patience.answer.data["evidence"]
    numbers = {"Waiting longer than customers do": Estimate(**evidence[0])} if evidence else {}
    act = [part for part in (promises, silent) if findings_of([part.answer])]
    answers: dict[str, blocks.Answer] = {
        "What to act on now": [b for part in act for b in placed([part.answer], part)] or [promises.answer],
        "What customers perceive": placed([b for b in perceived.blocks if b.kind == "finding"][:1], perceived),
        "What they blame": placed([problems.answer], problems),
        "What we do not know": placed(unknowns.answers, unknowns),
    }
    return blocks.page_one(patience.answer, numbers, answers, trend=trend_of(story))
