"""What goes with a low score: recorded figures beside what customers say, in bands, worded for the explanation."""

import functools
import math
from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from analytics.contrast.bands import Bands
from analytics.contrast.diagnosis import COUNTS, measured_values, name_measure
from analytics.contrast.groups import PERCEIVED
from analytics.measures.estimate import OBSERVED, SAID
from analytics.measures.suppress import count_people
from analytics.publish import blocks
from analytics.publish.format import address, factor_of
from analytics.report import tested, words
from analytics.report.section import Stake, weigh
from analytics.report.story import Story
from analytics.report.words import WORDS, capital, estimate_of, finding_of, least_seen, listed, say

TOLD = 3  # figures told one by one, the surest first
PERIODS = ((24.0, "day"), (1.0, "hour"), (1 / 60, "minute"), (1 / 3600, "second"))  # hours, and what they are called


def tell_bands(story: Story, stakes: list[Stake]) -> list[blocks.Block]:
    """With which recorded figures a low score goes, the strongest drawn and weighed, and with which it does not."""
    every = tested.bands(story, tested.cut(story))
    if not every:
        return []
    tables = [replace(table, frame=tested.likely(story, table.frame, "adjusted")) for table in every]
    problem, differing = tested.low_score(story), [table for table in tables if table.differs]
    facts = {"score": words.SCORE_WORDS[problem.name], "unhappy": story.asked[problem.name].unhappy}
    low = say("bands.low", share=problem.evidence, period=story.period.label, **facts)
    people = count_people(story.answers.loc[problem.has.index])
    content = [blocks.prose("### What goes with a low score")]
    content += [blocks.finding(low, [problem.evidence], better="lower", people=people)]
    content += [_finding(story, table) for table in differing[:TOLD]]
    if differing:
        weighed = _stakes(story, differing[0])
        content += [_chart(story, differing[0])]
        stakes += weighed
    lines = _others(story, [table for table in tables if table not in differing[:TOLD]])
    return [*content, blocks.finding(" ".join(lines))] if lines else content


def _finding(story: Story, table: Bands) -> blocks.Block:
    """The score at both ends of a recorded figure, and how far apart they are among cases of the same kind."""
    ends = table.frame.iloc[0], table.frame.iloc[-1]
    best, worst = ends if table.difference < 0 else ends[::-1]
    told, by = write_gap(worst), listed(list(table.by))
    gap = say("bands.gap" if by else "bands.gap_of_all", gap=told, by=by) if told else ""
    figures = {"best": estimate_of(best), "worst": estimate_of(worst)}
    places = {"at_best": _where(story, table, best), "at_worst": _where(story, table, worst, "it")}
    sentence = say("bands.ends", score=capital(PERCEIVED[table.outcome][0]), gap=gap, n=table.n, **figures, **places)
    people = int(table.frame["people"].min())
    return blocks.finding(sentence, [*figures.values()], key=f"bands:{table.measure}", people=people)


def write_gap(row: pd.Series, of: str = "adjusted") -> str:
    """How far a row lies from those it is compared with: '30 points less (24–36)'; '' where that is not told apart."""
    gap, *ends = (row[f"{of}{end}"] for end in ("", "_low", "_high"))
    if not ends[0] * ends[1] > 0:
        return ""
    value, low, high = (_points(points, row["unit"]) for points in (gap, *sorted(ends, key=abs)))
    return f"{value} points {'less' if gap < 0 else 'more'} ({low}–{high})"


def _points(size: float, unit: str) -> str:
    """A size without its sign, as points are written."""
    return f"{abs(size) * factor_of(unit):.{int(unit == 'score')}f}"


def _called(story: Story, table: Bands) -> str:
    return name_measure(table.measure, story.config.names)[0]


def _where(story: Story, table: Bands, row: pd.Series, called: str = "") -> str:
    """Which cases a band is of: 'waiting time is up to 3 minutes', 'cases were reopened once'."""
    if table.measure not in WORDS["cases"] or table.measure in story.config.names:
        return f"{called or _called(story, table)} is {_band(story, table, row)}"
    some, none, noun = map(str, WORDS["cases"][table.measure])
    return none if row["upto"] == 0 else some.format(_ends(row, functools.partial(_times, noun=noun), whole=True))


def _band(story: Story, table: Bands, row: pd.Series) -> str:
    """A band by the values in it: 'up to 3 minutes', '2'."""
    unit = name_measure(table.measure, story.config.names)[1]
    return _ends(row, functools.partial(_amount, unit=unit), table.measure in COUNTS)


def _ends(row: pd.Series, write: Callable[[float], str], whole: bool) -> str:
    """The ends of a band in words: 'up to 3 minutes', 'more than 1 day', 'at least twice'."""
    low, high = row["above"], row["upto"]
    if math.isinf(high):
        return f"at least {write(low + 1)}" if whole else f"more than {write(low)}"
    if math.isinf(low):
        return f"{('' if whole else 'at most ') if high == 0 else 'up to '}{write(high)}"
    return write(high) if whole and high == low + 1 else f"{write(low)} to {write(high)}"


def _times(value: float, noun: str) -> str:
    """A count with what it counts: 'once', '3 times', '1 contact'."""
    often = {1.0: "once", 2.0: "twice"} if noun == "time" else {}
    return often.get(value, f"{value:g} {noun}{'s' if value != 1 else ''}")


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
    within = f" The test compares cases of the same {listed(list(table.by))}." if table.by else ""
    return words.compare(
        rows, "band", PERCEIVED[table.outcome][0], by=_called(story, table), source=[SAID, OBSERVED], n=table.n,
        ordered=True, note=f"The {story.span}.{within} It goes with the score; no cause is shown.",
    )  # fmt: skip


def _others(story: Story, tables: list[Bands]) -> list[str]:
    """In one line each: what else goes with the score, what does so in some segments, and what does not."""
    kinds: dict[str, list[str]] = {"as_well": [], "opposed": [], "alike": [], "unclear": []}
    unseen = [table.seen for table in tables if not (table.opposed or table.differs or table.alike)]
    for table in tables:
        name, seen = _called(story, table), f"{_points(table.seen, table.frame['unit'].iloc[0])} points"
        if table.opposed or table.differs:
            kinds["opposed" if table.opposed else "as_well"].append(name)
        elif table.alike:
            kinds["alike"].append(f"{name} ({seen} would have been seen)")
        else:
            kinds["unclear"].append(name)
    facts = {"seen": least_seen(max(unseen, default=0.0), tables[0].frame["unit"].iloc[0]) if tables else ""}
    return [say(f"bands.{kind}", names=names, **facts) for kind, names in kinds.items() if names]


def _stakes(story: Story, table: Bands) -> list[Stake]:
    """The band in which most customers are worse off than comparable ones at the better end."""
    values, stakes = measured_values(story.cases_now, table.measure), []
    best = _where(story, table, table.frame.loc[table.frame["adjusted"].isna()].iloc[0], "it")
    for _, row in table.frame[table.frame["adjusted_high"] < 0].iterrows():
        inside = story.cases_now[values.gt(row["above"]) & values.le(row["upto"])]
        facts = {"inside": _where(story, table, row), "best": best, "gap": write_gap(row)}
        sentence = say("bands.stake", score=PERCEIVED[table.outcome][0], figure=estimate_of(row), **facts)
        finding = finding_of(row, sentence, key=f"band:{table.measure}")
        finding = blocks.tagged(finding, places=[address({"key": f"bands:{table.measure}"})])
        stakes.append(weigh(story, finding, inside, table.outcome, row, table.p_value, figure=table.measure))
    return sorted((stake for stake in stakes if stake.low >= 1), key=lambda stake: -round(stake.low, 6))[:1]
