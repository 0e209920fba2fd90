"""Two periods, or two groups of rows, side by side: what differs, how far, and what could not have been seen."""

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr
from scipy.stats import false_discovery_control, t

from analytics.contrast.clocks import CLOCKS, summarise_clock
from analytics.measures.discoveries import detectable, discovery_threshold, mark_differences
from analytics.measures.estimate import OBSERVED, SAID, Estimate
from analytics.measures.intervals import Sample, difference_bounds, z_score
from analytics.measures.scores import perceived_points
from analytics.measures.suppress import count_people
from analytics.publish import blocks
from analytics.publish.format import NOT_KNOWN, write_interval
from analytics.report.checked import flag_texts
from analytics.report.cutoff import EmptyPeriodError
from analytics.report.exploring import word_label
from analytics.report.facts import RATE
from analytics.report.query import labelled, opened
from analytics.report.section import Section, section, section_of
from analytics.report.story import Story, narrow_story, story_at
from analytics.report.words import TABLES, counted, estimate_of, least_seen, say, table_of
from analytics.tables.schema import NotMeasured
from analytics.text.linear import CLASSES
from analytics.text.read_sets import COMPLAINT, LEAVING

MOODS = (*CLASSES, LEAVING, COMPLAINT)


class _Figure(NamedTuple):
    """One figure of one side, with the points of each row whose mean it is, or goes with."""

    name: str
    estimate: Estimate
    points: pd.Series
    rows: pd.DataFrame


@section
def compare(story: Story, a: str = "", b: str = "") -> Section:
    """Set two periods ('2026-09', '2026-10') or two groups ('segment = business', 'segment = private') side by side.

    Parameters
    ----------
    story
        What is known; periods end with its own at the latest, groups are of its own period.
    a, b
        Names of periods, or expressions as of `select`; '' for the period before the story's, and for the story's own.

    Returns
    -------
    Section
        Scores, shares of what texts say, and clocks: both figures, b less a, and the least difference seen in four of
        five cases. Figures differ where they do under one rate of false findings over the whole table.

    Raises
    ------
    ValueError
        If a side is faulty, too small, or later than the story's period, or both are the same.

    References
    ----------
    Benjamini & Hochberg (1995), JRSS B 57(1), 289-300. Zou & Donner (2008), Statistics in Medicine 27, 1693-1702, for
    the difference of two figures with people in common.

    Examples
    --------
    ``compare(load_story("perception.toml", "2026-10"), "2026-09", "2026-10")``
    """
    if story.period.frequency == "all" and not (a and b):
        raise NotMeasured("a whole file has no period before it: name two groups", needed_for="a comparison")
    a, b = a or story.period.previous().name, b or story.period.name
    table = set_side_by_side(story, a, b)
    nowhere = table[["a", "b"]].isna().all(axis=1)
    rows, facts = table[~nowhere], {"a": a, "b": b, "compared": int(table["p_value"].notna().sum())}
    apart = rows[rows["differs"]]
    names = [_name(name, story) for name in apart["name"]]
    sentence = say("compare.apart" if len(apart) else "compare.none", names=names, **facts)
    evidence = [_estimate(row, side) for _, row in apart.iterrows() for side in "ab"]
    people = apart["people"].min() if len(apart) else blocks.RECORDS
    sides, texts = [f"report.side_of(story, {json.dumps(side)})" for side in (a, b)], (*story.themes.names, *MOODS)
    queries = [labelled(name) for name in apart["name"] if name in texts]
    content = [opened(blocks.finding(sentence, evidence, people=people), *queries, of=sides)]
    if len(rows):
        cells = pd.DataFrame([_cells(row, story) for _, row in rows.iterrows()], rows.index)
        cells["q_value"] = rows["q_value"]
        n, people = int(rows[["a_n", "b_n"]].to_numpy().max()), rows["people"].tolist()
        listing = table_of("compare", cells, source=[SAID, OBSERVED], n=n, people=people, **facts)
        content.append(opened(listing, *[labelled(name) for name in rows["name"] if name in texts][:1], of=sides))
    if nowhere.any():
        names = [_name(name, story) for name in table.loc[nowhere, "name"]]
        content.append(blocks.unknown(say("compare.unknown", names=names)))
    return section_of(content)


def set_side_by_side(story: Story, a: str, b: str) -> pd.DataFrame:
    """Facts of `compare`, a row per figure that both sides have.

    Returns
    -------
    DataFrame
        name (a score, a label or a clock), unit, source, a and b with their _low, _high and _n, people (of the smaller
        side), difference (b less a) with low and high, p_value, q_value, differs, and unseen: the least difference that
        would have been seen four times in five. All figures are missing where fewer than `minimum_group` people stand
        behind a side, and the difference where a figure is not known.
    """
    if a.strip() == b.strip():
        raise ValueError(f"compare: both sides are {a!r}. Name two periods or two groups of rows.")
    first, second = (_figures(side_of(story, side)) for side in (a, b))
    rows = [_row(first[name], second[name], story) for name in first if name in second]
    if not rows:
        raise NotMeasured("no score, text or clock on both sides", needed_for="a comparison")
    table = pd.DataFrame(rows)
    tested, cut = table["p_value"].notna(), discovery_threshold(table["p_value"], RATE)
    table["unseen"] = detectable(table.pop("error"), cut)
    table["q_value"] = np.nan
    table.loc[tested, "q_value"] = false_discovery_control(table.loc[tested, "p_value"])
    return mark_differences(table, cut)


def side_of(story: Story, side: str) -> Story:
    """The story of one side of `compare`: of a period, or where it compares a column, of a group of its rows.

    Parameters
    ----------
    story, side
        As for `compare`.

    Returns
    -------
    Story
        What ``explore`` opens behind a figure of that side.

    Raises
    ------
    ValueError
        If the side is faulty, too small, or later than the story's period.
    NotMeasured
        If nothing lies in the period.
    """
    try:
        other = narrow_story(story, side) if re.search(r"[=<>]|\bin\b", side) else story_at(story, side)
    except EmptyPeriodError as empty:
        raise NotMeasured(str(empty), needed_for="a comparison") from None
    other.__dict__["mood_trial"] = story.mood_trial  # both sides are read alike
    return other


def _figures(side: Story) -> dict[str, _Figure]:
    parts = (
        lambda: _scores(side), lambda: _shares(side, MOODS, side.written),
        lambda: _shares(side, side.themes.names, side.critical),
        *(lambda clock=clock: _clock(side, clock) for clock in ("customer_clock_h", "company_clock_h")),
    )  # fmt: skip
    figures: list[_Figure] = []
    for part in parts:
        with suppress(NotMeasured):
            figures += part()
    return {figure.name: figure for figure in figures}


def _scores(side: Story) -> Iterator[_Figure]:
    for score in side.scores:
        rows = side.answers[side.answers["period"].eq(side.period.name) & side.answers[score.column].notna()]
        options = {"weights": rows["weight"]} if side.weighted else {}
        answers = rows[score.column]
        estimate = score.measure(answers, clusters=rows.get("customer_id"), confidence=side.confidence, **options)
        yield _Figure(score.name, estimate, perceived_points(answers), rows)


def _shares(side: Story, labels: tuple[str, ...] | list[str], texts: pd.DataFrame) -> Iterator[_Figure]:
    for label, share in side.shares_of(labels, texts).items():
        yield _Figure(label, share.estimate, flag_texts(texts, label), texts)


def _clock(side: Story, clock: str) -> Iterator[_Figure]:
    cases = side.cases_now
    e = estimate_of(summarise_clock(cases, (), clock, side.confidence, None).iloc[0])
    longer = cases[clock].gt(e.value).astype(float)
    sample = Sample.of(np.ones(len(cases)), cases.get("customer_id"))
    wider = math.sqrt(len(cases) / sample.size(longer.to_numpy(), side.confidence))  # a customer's cases are alike
    few = t.ppf((1 + side.confidence) / 2, max(count_people(cases) - 1, 1)) / z_score(side.confidence)
    low, high = (e.value + (bound - e.value) * wider * few for bound in (e.low, e.high))
    yield _Figure(clock, replace(e, low=max(low, 0.0) if low == low else low, high=high), longer, cases)


def _row(first: _Figure, second: _Figure, story: Story) -> dict[str, Any]:
    a, b = first.estimate, second.estimate
    people = min(count_people(figure.rows) for figure in (first, second))
    if people < story.k:
        a, b = (Estimate(np.nan, np.nan, np.nan, 0, e.unit, e.source) for e in (a, b))
    together = _correlation(first, second)
    if first.name in (*story.themes.names, *MOODS, *CLOCKS):  # no mean of points: nothing is gained by it
        together = min(together, 0.0)
    gap, low, high = difference_bounds(b, a, together=together)
    z = z_score(story.confidence)
    nearer = (gap - low if gap > 0 else high - gap) / z
    p = float(2 * ndtr(-abs(gap) / nearer)) if nearer > 0 else np.nan
    row: dict[str, Any] = {"name": first.name, "unit": a.unit, "source": a.source}
    for side, e in (("a", a), ("b", b)):
        row |= {side: e.value, f"{side}_low": e.low, f"{side}_high": e.high, f"{side}_n": e.n}
    row |= {"people": people if people >= story.k else np.nan, "difference": gap, "low": low, "high": high}
    return row | {"p_value": p, "error": (high - low) / (2 * z)}


def _correlation(first: _Figure, second: _Figure) -> float:
    """Correlation of two means by the people, or rows of nobody known, that stand behind both."""
    sums = []
    for figure in (first, second):
        rows = next(figure.rows[key] for key in ("comment_id", "response_id", "case_id") if key in figure.rows)
        who = figure.rows["customer_id"].fillna(rows) if "customer_id" in figure.rows else rows
        sums.append((figure.points - figure.points.mean()).groupby(who).sum())
    shared = sums[0].index.intersection(sums[1].index)
    spread = float(np.sqrt((sums[0] ** 2).sum() * (sums[1] ** 2).sum()))
    return float((sums[0][shared] * sums[1][shared]).sum()) / spread if spread > 0 else 0.0


def _estimate(row: pd.Series, side: str) -> Estimate:
    value, low, high = (float(row[f"{side}{end}"]) for end in ("", "_low", "_high"))
    return Estimate(value, low, high, int(row[f"{side}_n"]), row["unit"], row["source"])


def _name(name: str, story: Story) -> str:
    return str(TABLES["clocks"]["columns"].get(name) or word_label(name, story))


def _cells(row: pd.Series, story: Story) -> dict[str, str]:
    """A row in words, its figures with their intervals."""
    unit, scale = ("points", 100) if row["unit"] == "share" else (row["unit"], 1)
    gap, low, high = (float(row[name]) * scale for name in ("difference", "low", "high"))
    sides = {side: NOT_KNOWN if np.isnan(row[side]) else counted(_estimate(row, side)) for side in "ab"}
    known = not np.isnan(gap)
    return {"name": _name(row["name"], story), **sides} | {
        "difference": write_interval(gap, low, high, unit) if known else NOT_KNOWN,
        "differs": "yes" if row["differs"] else "not shown" if known else NOT_KNOWN,
        "unseen": least_seen(row["unseen"], row["unit"]) if known else NOT_KNOWN,
    }
