"""How the report says things: the words that a figure or a signal allows, and the sentences of `sentences.toml`."""

import math
import string
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from analytics.contrast.groups import PERCEIVED
from analytics.contrast.signals import RUN, SHORTEST, TREND, Change, Rule, Signals
from analytics.measures.estimate import OBSERVED, SAID, Estimate
from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.publish.format import factor_of, format_interval, write_interval
from analytics.publish.people import People
from analytics.report.cutoff import Coverage
from analytics.report.texts import Unread
from analytics.tables.periods import Period, parse_period
from analytics.text.own_themes import ThemeList

EXPLAINED = 3  # open problems that are quoted and diagnosed, the most named first
_THEMES, WORDS, LACK_WORDS, SENTENCES, TABLES = (
    tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))
    for name in ("theme_words", "words", "lack_words", "sentences", "tables")
)
THEME_WORDS, PRAISE_WORDS = _THEMES["blame"], _THEMES["thank"]  # a theme as it is blamed, and as it is thanked for
SCORE_WORDS, MIX_WORDS, CUT_WORDS = (WORDS[name] for name in ("score", "mix", "cut"))
UNTIMELY = SENTENCES["groups"]["untimely"]


class _Writer(string.Formatter):
    """Fills in sentences: an estimate is written with its interval, a list as names in a sentence."""

    def format_field(self, value: object, format_spec: str) -> str:
        if isinstance(value, Estimate):
            return figure_of(value)
        return listed([str(name) for name in value]) if isinstance(value, list) else format(value, format_spec)


def say(sentence: str, **facts: object) -> str:
    """One of `sentences.toml`, by 'table.name', its facts filled in."""
    table, name = sentence.split(".")
    return _fill(SENTENCES[table][name], facts)


def rate_of(period: Period) -> str:
    """How numbers of customers are told: 'a month', and of a whole file without it."""
    return "" if period.frequency == "all" else " a month"


def _fill(template: str, facts: Mapping[str, object]) -> str:
    return _Writer().vformat(template, (), facts)


def name_blamed(themes: ThemeList) -> dict[str, str]:
    """The organisation's themes as they are blamed: by its own label, else as shipped; then those it left out."""
    labels = {name: theme.label or THEME_WORDS[name] for name, theme in themes.settings.items()}
    return {name: labels.get(name) or THEME_WORDS[name] for name in dict.fromkeys((*themes.names, *THEME_WORDS))}


def name_thanked(themes: ThemeList) -> dict[str, str]:
    """The organisation's themes as they are thanked for."""
    thanks = {name: theme.thanks or PRAISE_WORDS.get(name) or theme.label for name, theme in themes.settings.items()}
    return {name: thanks.get(name) or PRAISE_WORDS[name] for name in themes.names}


def table_of(
    name: str, rows: pd.DataFrame, *, n: int, people: People, source: str | list[str] = OBSERVED,
    **facts: Any,  # noqa: ANN401
) -> Block:  # fmt: skip
    """One of `tables.toml`, its words filled in; its optional columns are shown where the rows have them."""
    spec = TABLES[name]
    optional = spec.get("optional", ())
    heads = {c: _fill(head, facts) for c, head in spec["columns"].items() if c in rows or c not in optional}
    formats = {c: style for c, style in spec.get("formats", {}).items() if c in heads}
    caption, note = (_fill(spec.get(words, ""), facts) for words in ("caption", "note"))
    return blocks.table(
        rows, caption=caption, source=source, n=n, columns=heads, formats=formats, note=note, people=people
    )  # fmt: skip


def estimate_of(row: pd.Series) -> Estimate:
    """A row of a tidy table (value, low, high, n, unit, source) as an `Estimate`."""
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    return Estimate(value, low, high, int(row["n"]), row["unit"], row["source"])


def estimates_of(table: pd.DataFrame) -> list[Estimate]:
    """The rows of a tidy table as estimates."""
    return [estimate_of(row) for _, row in table.iterrows()]


def finding_of(row: pd.Series, sentence: str, **marks: Any) -> Block:  # noqa: ANN401
    """A sentence whose evidence is a row of a tidy table that counts its people; the marks of `blocks.finding`."""
    return blocks.finding(sentence, [estimate_of(row)], people=int(row["people"]), **marks)


def people_by(frame: pd.DataFrame, by: str | pd.Series) -> dict[object, int]:
    """Distinct people of each group of a frame."""
    groups = frame.groupby(by)
    if "customer_id" not in frame:
        return groups.size().to_dict()
    whose = groups["customer_id"]
    return (whose.nunique() + whose.size() - whose.count()).to_dict()  # who names nobody is a person of their own


def compare(
    rows: pd.DataFrame, group: str, score: str, *, by: str, source: str | list[str] = SAID, n: int = 0, note: str = "",
    ordered: bool = False,
) -> Block:  # fmt: skip
    """A score by group as intervals; the table's column `people` counts those behind each."""
    from analytics.publish import figures

    title, counts = f"{capital(score)} by {by}", rows["n"].fillna(0).astype(int)
    return blocks.figure(
        figures.plot_intervals(rows.assign(n=counts), by=group, label=score, ordered=ordered), caption=f"{title}.",
        alt=f"{title}, {len(rows)} groups with intervals.", source=source, n=n or int(counts.sum()), note=note,
        people=rows.loc[rows["value"].notna(), "people"].tolist(),
    )  # fmt: skip


def figure_of(e: Estimate) -> str:
    """An estimate in words: '62 % (58–66)'."""
    return write_interval(e.value, e.low, e.high, e.unit)


def share_of(value: float) -> str:
    """A share without an interval in words, never rounded up to all or down to none.

    Examples
    --------
    >>> share_of(0.998), share_of(0.004), share_of(1.0), share_of(0.62)
    ('over 99%', 'under 1%', '100%', '62%')
    """
    if 0.99 < value < 1 or 0 < value < 0.01:
        return "over 99%" if value > 0.5 else "under 1%"
    return f"{value:.0%}"


def movement_note(signal: Signals) -> str:
    """The movement in two or three words, for beside a number."""
    if signal.word in ("rose", "fell") and _stays(signal):
        return f"{'up' if signal.word == 'rose' else 'down'} since {parse_period(str(signal.since)).label}"
    notes = {"rose": "it rose", "fell": "it fell", "no change": "no change is shown"}
    return notes.get(signal.word, "we cannot tell yet")


def movement_sentence(signal: Signals, unit: str, span: str = "month", *, worse: str = "fall") -> str:
    """The movement in a sentence: by how much, or what would not have been seen; `worse` is the way that hurts."""
    if signal.word in ("rose", "fell") and signal.change is not None:
        stays = _stays(signal)
        words = {"span": span, "run": RUN, "line": min(TREND, signal.measured)}
        if stays:
            words |= {"since": parse_period(str(signal.since)).label, "side": "up" if signal.word == "rose" else "down"}
        against = WORDS["against"]["stays" if stays else signal.rule].format(**words)
        return f"It {signal.word} by {size_of(signal.change, unit)} {against}.{_perhaps_silence(signal, unit)}"
    if signal.word == "no change":
        return f"No change is shown; a {worse} of less than {least_seen(signal.unseen, unit)} would not have been seen."
    if signal.answered is not None:
        open_to = "hide a change" if signal.rule == Rule.NONE else "be all of a rise"
        return f"We cannot tell whether it moved: {_who_answered(signal)}, which could {open_to}."
    if signal.rule == Rule.UNMEASURED:
        return f"We cannot tell yet whether it moved: nothing was measured in the latest {span}."
    since = " since what we changed" if signal.rule == Rule.RENEWED else ""
    measured = f"{signal.measured} {'is' if signal.measured == 1 else 'are'} measured{since}"
    return f"We cannot tell yet whether it moved: that takes {SHORTEST} {span}s, and {measured}."


def _stays(signal: Signals) -> bool:
    """Whether the latest period is not the first that lies outside what was usual."""
    return signal.rule == Rule.OUTSIDE and signal.since != signal.points.index[-1]


def size_of(change: Change, unit: str) -> str:
    """A change without its sign: '12 points (5–19)'."""
    return write_step(unit, change.likely, *change.bounds)


def write_step(unit: str, size: float, *bounds: float) -> str:
    """A size without its sign, with its bounds where they are given: '9 points (7–11)'; shares in percentage points."""
    scale = factor_of(unit)
    low, high = sorted(abs(bound) * scale for bound in bounds) or (math.nan, math.nan)
    figure, within = format_interval(abs(size) * scale, low, high, "score" if unit == "score" else "")
    return f"{figure} points{f' ({within})' if within else ''}"


def least_seen(size: float, unit: str) -> str:
    """The smallest change that would have been seen, rounded up: '14 points'."""
    finest, name = 10 if unit == "score" else 1, "hours" if unit == "hours" else "points"
    return f"{math.ceil(size * factor_of(unit) * finest - 1e-6) / finest:g} {name}"


def _who_answered(signal: Signals) -> str:
    latest, usual = signal.answered or (math.nan, math.nan)
    return f"{latest:.0%} answered where {usual:.0%} is usual"


def _perhaps_silence(signal: Signals, unit: str) -> str:
    """How far a fall may be one of who answers; '' where that could not be all of it."""
    if signal.answered is None:
        return ""
    latest, usual = signal.answered
    fewer = "had the missing all given the top mark" if latest < usual else "without the lowest of the further ones"
    even = write_interval(signal.even, math.nan, math.nan, unit)
    return f" But {_who_answered(signal)}: {fewer}, it would be {even}."


def loss_sentences(losses: pd.DataFrame) -> list[str]:
    """That rows which a report does not use answered otherwise than those it uses; takes the read log's losses."""
    sentences = []
    for _, loss in losses[losses["matters"].astype(bool)].iterrows():
        side = "lower" if loss["difference"] < 0 else "higher"
        near, far = sorted((abs(loss["low"]), abs(loss["high"])))
        gap = write_interval(abs(loss["difference"]), near, far, "score")
        why, score = WORDS["lost"][loss["why"]], SCORE_WORDS[loss["measure"]]
        sentences.append(say("loss.matters", x=loss, why=why, gap=gap, side=side, score=score))
    return sentences


def word_withheld(reasons: pd.Series, k: int) -> pd.Series:
    """Why rows of a table of groups are blank, for a column of notes; '' where they are not."""
    return reasons.map(lambda reason: WORDS["withheld"][reason].format(k=k) if reason else "")


def coverage_sentence(coverage: Coverage, label: str) -> str:
    """That the data cover only a part of the period; '' where they reach to both its ends."""
    begin = f"begin on {coverage.first:%-d %B %Y}" if coverage.first is not None else ""
    end = f"end on {coverage.last:%-d %B %Y}" if coverage.last is not None else ""
    parts = " and ".join(filter(None, [begin, end]))
    return f"The data {parts}: they cover only a part of {label}." if parts else ""


def unread_sentence(texts: Unread) -> str:
    """How many texts no model could read."""
    return f"{texts.unread:,} of {texts.total:,} texts could not be read (empty, no answer, another language)."


def name_writers(sources: Collection[str]) -> str:
    """Whom shares of problems are about (`Story.writers`): 'customers who complained or wrote', or their texts."""
    wrote = "wrote and gave no top mark" if "marks" in sources else "wrote"
    words = {"complaints": "complained", "surveys": wrote, "contacts": "wrote to us"}
    who = "customers" if "people" in sources else "texts of customers"
    return f"{who} who " + " or ".join(phrase for source, phrase in words.items() if source in sources)


def listed(names: list[str]) -> str:
    """Names in a sentence: 'a, b and c'."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def capital(text: str) -> str:
    """The text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]


def counted(e: Estimate, places: int | None = None) -> str:
    """An estimate with its n: '62 % (58–66, n = 1,204)'."""
    figure, bounds = format_interval(e.value, e.low, e.high, e.unit, places)
    return f"{figure} ({bounds}, n = {e.n:,})"


def contrast_sentences(groups: pd.DataFrame, by: str, before: str | None = None) -> list[str]:
    """What `contrast_groups` shows, cautions included, no causes; `before` stands before a group's name, else `by`."""
    measure = groups["measure"].iloc[0]
    named = groups.assign(name=(f"{by} " if before is None else before) + groups[by].astype(str))
    sentences = [_difference(row) for _, row in named[named["differs"]].iterrows()]
    if not sentences:
        sentences = [f"No difference in {PERCEIVED[measure][0]} between groups of {by} is shown."]
    cautions = named[~named["differs"] & named["mix"].ne("")]
    sentences += [f"{row['name']}: {MIX_WORDS[row['mix']]}." for _, row in cautions.iterrows()]
    if hidden := int(groups["withheld"].ne("").sum()):
        sentences.append(f"{hidden} of {len(groups)} groups are too small to show.")
    return [*sentences, UNTIMELY] if (measure, by) == ("disputed", "timely") else sentences


def _difference(row: pd.Series) -> str:
    """How far a group's figure lies from that of all others."""
    scale = factor_of(row["unit"])
    low, high = (row[bound] * scale for bound in ("difference_low", "difference_high"))
    figure = counted(estimate_of(row), places=1 if row["unit"] == "score" else 0)
    apart = f"{abs(row['difference']) * scale:.0f} points {'above' if row['difference'] > 0 else 'below'} the others"
    head = f"{row['name']}: {PERCEIVED[row['measure']][0]} {figure}, {apart} ({low:+.0f} to {high:+.0f})"
    return f"{head}{'; ' if row['mix'] else ''}{MIX_WORDS.get(row['mix'], '')}."
