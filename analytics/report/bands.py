"""What goes with a low score: recorded figures beside what customers say, in bands, worded for the explanation."""

import math

import pandas as pd

from analytics.contrast.bands import Bands
from analytics.contrast.diagnosis import COUNTS, measured_values, name_measure
from analytics.contrast.groups import PERCEIVED
from analytics.measures.estimate import OBSERVED, SAID
from analytics.measures.suppress import count_people
from analytics.publish import blocks, figures
from analytics.publish.format import write_interval
from analytics.report import tested, words
from analytics.report.story import Story
from analytics.report.words import Stake, capital, estimate_of, figure_of, listed

TOLD = 3  # figures told one by one, the surest first
PERIODS = ((24.0, "day"), (1.0, "hour"), (1 / 60, "minute"), (1 / 3600, "second"))  # hours, and what they are called
SCALES = {"csat": (100, 0), "nps": (1, 0), "ces": (1, 1)}  # points of a score as they are written, and decimals
SAYS = {"csat": "Satisfied customers: {}", "nps": "Net promoter score: {}", "ces": "Ease score: {}"}


def tell_bands(story: Story, stakes: list[Stake]) -> list[blocks.Block]:
    """With which recorded figures a low score goes, the strongest drawn and weighed, and with which it does not."""
    tables = tested.bands(story, tested.cut(story))
    if not tables:
        return []
    problem, differing = tested.low_score(story), [table for table in tables if table.differs]
    head = blocks.finding(
        f"Customers say: {figure_of(problem.evidence)} of {problem.evidence.n:,} answers on "
        f"{words.SCORE_WORDS[problem.name]} in {story.period.label} were {story.asked[problem.name].unhappy:g} or "
        "lower.",
        [problem.evidence], better="lower", people=count_people(story.answers.loc[problem.has.index]),
    )  # fmt: skip
    content = [blocks.prose("### What goes with a low score"), head]
    content += [_finding(story, table) for table in differing[:TOLD]]
    if differing:
        weighed = _stakes(story, differing[0])
        content += [_chart(story, differing[0]), *(stake.finding for stake in weighed)]
        stakes += weighed
    lines = _others(story, [table for table in tables if table not in differing[:TOLD]])
    return [*content, blocks.finding(" ".join(lines))] if lines else content


def _finding(story: Story, table: Bands) -> blocks.Block:
    """The score at both ends of a recorded figure, and how far apart they are among cases of the same kind."""
    first, last = table.frame.iloc[0], table.frame.iloc[-1]
    best, worst = (first, last) if table.difference < 0 else (last, first)
    alike = f" among cases of the same {listed(list(table.by))}" if table.by else ""
    gap = _gap(worst, table.outcome)
    return blocks.finding(
        f"{capital(PERCEIVED[table.outcome][0])}: {figure_of(estimate_of(best))} where {_called(story, table)} is "
        f"{_band(story, table, best)}, {figure_of(estimate_of(worst))} where it is {_band(story, table, worst)}"
        f"{f': {gap}{alike}' if gap else ''} (n = {table.n:,}).",
        [estimate_of(best), estimate_of(worst)], key=f"bands:{table.measure}", people=int(table.frame["people"].min()),
    )  # fmt: skip


def _gap(row: pd.Series, outcome: str) -> str:
    """How far a band lies below the better end: '30 points less (24–36)'; '' where that is not told apart."""
    if not row["adjusted_high"] < 0:
        return ""
    scale, places = SCALES[outcome]
    value, low, high = (f"{-row[c] * scale:.{places}f}" for c in ("adjusted", "adjusted_high", "adjusted_low"))
    return f"{value} points less ({low}–{high})"


def _called(story: Story, table: Bands) -> str:
    return name_measure(table.measure, story.config.names)[0]


def _band(story: Story, table: Bands, row: pd.Series) -> str:
    """The ends of a band in words: 'up to 3 minutes', 'more than 1 day', '2 minutes to 5 minutes'."""
    unit, whole = name_measure(table.measure, story.config.names)[1], table.measure in COUNTS
    low, high = row["above"], row["upto"]
    if math.isinf(high):
        return f"more than {_amount(low, unit)}"
    if math.isinf(low):
        return f"{'' if high == 0 else 'up to '}{_amount(high, unit)}"
    return _amount(high, unit) if whole and high == low + 1 else f"{_amount(low, unit)} to {_amount(high, unit)}"


def _amount(value: float, unit: str) -> str:
    """A value in its largest whole unit: '3 minutes', '1 day', '2'."""
    hours = {"hours": value, "seconds": value / 3600}.get(unit)
    if hours is None or value == 0:
        return f"{value:.0%}" if unit == "share" else f"{value:,.{0 if abs(value) >= 100 or value % 1 == 0 else 2}f}"
    size, name = next((period for period in PERIODS if hours >= period[0] * 0.999), PERIODS[-1])
    return f"{round(hours / size, 1):g} {name}{'' if round(hours / size, 1) == 1 else 's'}"


def _chart(story: Story, table: Bands) -> blocks.Block:
    """The shape of a trend, its bands in order."""
    rows = table.frame.assign(band=[_band(story, table, row) for _, row in table.frame.iterrows()])
    name, score = _called(story, table), PERCEIVED[table.outcome][0]
    within = f" The test compares cases of the same {listed(list(table.by))}." if table.by else ""
    return blocks.figure(
        figures.plot_intervals(rows, by="band", label=score, ordered=True),
        alt=f"{capital(score)} by {name} in {len(rows)} bands, lowest first.", caption=f"{capital(score)} by {name}.",
        source=[SAID, OBSERVED], n=table.n, people=rows["people"].tolist(),
        note=f"The {story.span}.{within} It goes with the score; no cause is shown.",
    )  # fmt: skip


def _others(story: Story, tables: list[Bands]) -> list[str]:
    """In one line each: what else goes with the score, what does so in some segments, and what does not."""
    kinds: dict[str, list[str]] = {"as well": [], "opposed": [], "alike": [], "unclear": []}
    for table in tables:
        scale, places = SCALES[table.outcome]
        name, seen = _called(story, table), f"{table.seen * scale:.{places}f} points"
        unit, values = table.frame["unit"].iloc[0], sorted(table.frame["value"])
        ends = [write_interval(value, math.nan, math.nan, unit) for value in (values[0], values[-1])]
        if table.opposed:
            kinds["opposed"].append(name)
        elif table.differs:
            kinds["as well"].append(name)
        elif table.alike:
            kinds["alike"].append(f"{name} ({ends[0]} to {ends[1]} in every band; {seen} would have been seen)")
        else:
            kinds["unclear"].append(f"{name} ({seen})")
    parts = {
        "as well": "It goes with {} as well.",
        "opposed": "On {} segments may disagree: no figure of all together is told.",
        "alike": "The score is the same over the range of {}.",
        "unclear": "No difference is shown by {}: one smaller than in brackets may not have been seen.",
    }  # fmt: skip
    return [parts[kind].format(listed(names)) for kind, names in kinds.items() if names]


def _stakes(story: Story, table: Bands) -> list[Stake]:
    """The band in which most customers are worse off than comparable ones at the better end."""
    values, stakes = measured_values(story.cases_now, table.measure), []
    best = _band(story, table, table.frame.loc[table.frame["adjusted"].isna()].iloc[0])
    for _, row in table.frame.dropna(subset="adjusted").iterrows():
        inside = story.cases_now[values.gt(row["above"]) & values.le(row["upto"])]
        low, more, touched = tested.at_stake(story, inside, table.outcome, -row["adjusted_high"], -row["adjusted"])
        finding = blocks.finding(
            f"{SAYS[table.outcome].format(figure_of(estimate_of(row)))} where {_called(story, table)} is "
            f"{_band(story, table, row)}: {_gap(row, table.outcome)} than where it is {best}.",
            [estimate_of(row)], key=f"band:{table.measure}", people=int(row["people"]),
        )  # fmt: skip
        stakes += [Stake(finding, more, low, touched, table.p_value, people=tested.ids(inside))] if low >= 1 else []
    return sorted(stakes, key=lambda stake: -round(stake.low, 6))[:1]
