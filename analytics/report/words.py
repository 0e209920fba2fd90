"""How the report says things: a section with its answer, and the words that a figure or a signal allows."""

import functools
import math
import tomllib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from analytics.contrast.groups import PERCEIVED
from analytics.contrast.signals import RUN, SHORTEST, TREND, Change, Rule, Signals
from analytics.measures.estimate import Estimate
from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.publish.format import format_interval, write_interval
from analytics.report.cutoff import Coverage
from analytics.report.story import Unread
from analytics.tables.schema import NotMeasured

EXPLAINED = 3  # open problems that are quoted and diagnosed, the most named first
_THEMES, _TABLES, LACK_WORDS = (
    tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))
    for name in ("theme_words", "words", "lack_words")
)
THEME_WORDS, PRAISE_WORDS = _THEMES["blame"], _THEMES["thank"]  # a theme as it is blamed, and as it is thanked for
SCORE_WORDS, WITHHELD, MIX_WORDS = (_TABLES[name] for name in ("score", "withheld", "mix"))
AGAINST, CUT_WORDS, STRATEGY_WORDS = (_TABLES[name] for name in ("against", "cut", "strategy"))


@dataclass(frozen=True)
class Stake:
    """What a finding weighs: whom it touches, and how many of them are worse off than comparable customers.

    All findings of a report are counted in this one currency, so that page one can tell the largest.

    Attributes
    ----------
    finding
        One short sentence with its evidence and key, as page one may tell it.
    more
        Customers a month who come away worse (better, where `good`) than comparable customers would.
    low
        Lower bound of `more` at the report's level, 0 or above.
    touched
        People a month whom it touches.
    p_value
        Of the test behind it.
    good
        Whether customers are better off.
    people
        Ids of the customers behind it, where known: two findings about the same people are told once.
    """

    finding: Block
    more: float
    low: float
    touched: float
    p_value: float
    good: bool = False
    people: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Section:
    """What a section shows, its answer for page one with any further sentences of it, and what it leaves unknown.

    As the last line of a notebook cell it displays its blocks in order; `place` is its name, to which page one points.
    """

    blocks: list[Block]
    answer: Block
    unknowns: list[Block] = field(default_factory=list)
    further: list[Block] = field(default_factory=list)
    stakes: list[Stake] = field(default_factory=list)
    place: str = ""

    @property
    def answers(self) -> list[Block]:
        """The whole answer, each sentence with its own evidence."""
        return [self.answer, *self.further]

    def _ipython_display_(self) -> None:
        from IPython.display import display

        for number, block in enumerate(self.blocks):
            display(block if number or not self.place else blocks.tagged(block, anchor=self.place))


def section(make: Callable[..., Section]) -> Callable[..., Section]:
    """Turn 'not measured' into an honest line, so that a missing column never stops a report."""

    @functools.wraps(make)
    def made(*args: object) -> Section:
        try:
            part = make(*args)
        except NotMeasured as lack:
            part = not_known(lack)
        return replace(part, place=make.__name__.removeprefix("show_"))

    return made


def gather(*parts: Callable[[], list[Block]]) -> tuple[list[Block], list[Block]]:
    """What several parts show, in order, and what they leave unknown.

    Parts that are not measured come last, one line for each thing that is missing, with all that it was needed for.
    """
    content: list[Block] = []
    lacks: dict[str, list[NotMeasured]] = {}
    for part in parts:
        try:
            content += part()
        except NotMeasured as lack:
            lacks.setdefault(lack.what, []).append(lack)
    content += [_lacking(*same) for same in lacks.values()]
    return content, [block for block in content if block.data.get("level") == "unknown"]


def placed(found: Sequence[Block], part: Section) -> list[Block]:
    """Sentences of a section for page one, with the place to which it points."""
    return [blocks.tagged(block, place=part.place) if part.place else block for block in found]


def not_known(lack: NotMeasured) -> Section:
    """The section that only says what is not measured, and what would measure it."""
    line = _lacking(lack)
    return Section([line], line, [line])


def _lacking(lack: NotMeasured, *more: NotMeasured) -> Block:
    """'Drivers: not measured, no table contacts.', and what would settle it as a reader would say it.

    The report's closing list says the same in a reader's words (`lack`), so the PDF leaves this line out.
    """
    needs = [need for need in dict.fromkeys(each.needed_for for each in (lack, *more)) if need]
    head = f"{capital(listed(needs))}: not measured," if needs else "Not measured:"
    line = blocks.unknown(f"{head} {lack.what}.", say_lack(lack.table, lack.columns))
    plain = lack.what if not (lack.table or lack.columns) else ""
    return blocks.tagged(line, appendix=True, lack={"needs": needs, "why": plain, "settle": line.data["settle"]})


def say_lack(table: str, columns: Collection[str]) -> str:
    """What to record, in a reader's words, where a table or columns of it are lacking; '' where neither is named."""
    named = [LACK_WORDS[name] for name in columns if name in LACK_WORDS] or [LACK_WORDS.get(table, "")] * bool(table)
    return listed(list(dict.fromkeys(filter(None, named))))


def estimate_of(row: pd.Series) -> Estimate:
    """A row of a tidy table (value, low, high, n, unit, source) as an `Estimate`."""
    return Estimate(
        float(row["value"]), float(row["low"]), float(row["high"]), int(row["n"]), row["unit"], row["source"]
    )


def figure_of(e: Estimate) -> str:
    """An estimate in words: '62 % (58–66)'."""
    return write_interval(e.value, e.low, e.high, e.unit)


def movement_note(signal: Signals) -> str:
    """The movement in two or three words, for beside a number."""
    notes = {"rose": "it rose", "fell": "it fell", "no change": "no change is shown"}
    return notes.get(signal.word, "we cannot tell yet")


def movement_sentence(signal: Signals, unit: str, span: str = "month", *, worse: str = "fall") -> str:
    """The movement in a sentence: by how much, or what would not have been seen; `worse` is the way that hurts."""
    if signal.word in ("rose", "fell") and signal.change is not None:
        against = AGAINST[signal.rule].format(span=span, run=RUN, line=min(TREND, signal.measured))
        return f"It {signal.word} by {size_of(signal.change, unit)} {against}.{_perhaps_silence(signal, unit)}"
    if signal.word == "no change":
        return f"No change is shown; a {worse} of less than {least_seen(signal.unseen, unit)} would not have been seen."
    if signal.answered is not None:
        open_to = "hide a change" if signal.rule == Rule.NONE else "be all of a rise"
        return f"We cannot tell whether it moved: {_who_answered(signal)}, which could {open_to}."
    if signal.rule == Rule.UNMEASURED:
        return f"We cannot tell yet whether it moved: nothing was measured in the latest {span}."
    measured = f"{signal.measured} {span}{'s' * (signal.measured != 1)}"
    return f"We cannot tell yet whether it moved: {measured} of {SHORTEST} needed are measured."


def size_of(change: Change, unit: str) -> str:
    """A change without its sign: '12 points (5–19)'; shares in percentage points."""
    scale = 100 if unit == "share" else 1
    low, high = sorted(abs(bound) * scale for bound in change.bounds)
    figure, bounds = format_interval(abs(change.size) * scale, low, high, "score" if unit == "score" else "")
    return f"{figure} points ({bounds})"


def least_seen(size: float, unit: str) -> str:
    """The smallest change that would have been seen, rounded up: '14 points'."""
    finest = 10 if unit == "score" else 1
    return f"{math.ceil(size * (100 if unit == 'share' else 1) * finest - 1e-6) / finest:g} points"


def _who_answered(signal: Signals) -> str:
    latest, usual = signal.answered or (math.nan, math.nan)
    return f"{latest:.0%} answered where {usual:.0%} is usual"


def _perhaps_silence(signal: Signals, unit: str) -> str:
    """How far a fall may be one of who answers; '' where that could not be all of it."""
    if signal.answered is None:
        return ""
    latest, usual = signal.answered
    fewer = "had the missing all given the best answer" if latest < usual else "without the worst of the further ones"
    even = write_interval(signal.even, math.nan, math.nan, unit)
    return f" But {_who_answered(signal)}: {fewer}, it would be {even}."


def loss_sentences(losses: pd.DataFrame) -> list[str]:
    """That rows which a report does not use answered otherwise than those it uses; takes the read log's losses."""
    sentences = []
    for _, loss in losses[losses["matters"].astype(bool)].iterrows():
        why = "left out by a filter" if loss["why"] == "left out" else "set aside as faulty"
        side = "lower" if loss["difference"] < 0 else "higher"
        nearer, further = sorted((abs(loss["low"]), abs(loss["high"])))
        gap = write_interval(abs(loss["difference"]), nearer, further, "score")
        sentences.append(
            f"{loss['lost']:,} answers were {why}, on average {gap} {side} ({SCORE_WORDS[loss['measure']]}) than the "
            f"{loss['kept']:,} kept: with them the score would be another."
        )
    return sentences


def word_withheld(reasons: pd.Series, k: int) -> pd.Series:
    """Why rows of a table of groups are blank, for a column of notes; '' where they are not."""
    return reasons.map(lambda reason: WITHHELD[reason].format(k=k) if reason else "")


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
    wrote = "wrote and gave less than the top mark" if "marks" in sources else "wrote"
    words = {"complaints": "complained", "surveys": wrote, "contacts": "wrote to us"}
    who = "customers who " if "people" in sources else "texts of customers who "
    return who + " or ".join(phrase for source, phrase in words.items() if source in sources)


def listed(names: list[str]) -> str:
    """Names in a sentence: 'a, b and c'."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def capital(text: str) -> str:
    """The text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]


UNTIMELY = (
    "Caution: an untimely case often cannot be disputed, so this comparison cannot show whether answering late "
    "leads to disputes."
)
RELIEF = {"none": "no relief", "partial": "partial relief", "full": "full relief"}


def rule_of(rule: str, latest: float, low: float, high: float) -> str:
    """What a group's latest figure is and where it usually lies."""
    return f"{latest:.0%} of labels where {max(low, 0):.0%} to {min(high, 1):.0%} is usual"


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
    scale = 100 if row["unit"] == "share" else 1
    low, high = (row[bound] * scale for bound in ("difference_low", "difference_high"))
    figure = counted(estimate_of(row), places=1 if row["unit"] == "score" else 0)
    return (
        f"{row['name']}: {PERCEIVED[row['measure']][0]} {figure}, "
        f"{abs(row['difference']) * scale:.0f} points {'above' if row['difference'] > 0 else 'below'} the others "
        f"({low:+.0f} to {high:+.0f}){'; ' if row['mix'] else ''}{MIX_WORDS.get(row['mix'], '')}."
    )


def section_of(parts: list[Block], unknowns: list[Block] | None = None) -> Section:
    """A section whose first block is its answer."""
    return Section(parts, parts[0], unknowns or [])
