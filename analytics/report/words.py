"""How the report says things: a section with its answer, and the words that a figure or a signal allows."""

import functools
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import pandas as pd

from analytics.contrast.groups import ALONE, PERCEIVED, TURNS, VANISHES
from analytics.contrast.signals import LIMITS, NO_CHANGE, RUN, SHORTEST, TREND, Rule, Signals
from analytics.measures.estimate import Estimate
from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.publish.format import format_interval, write_interval
from analytics.report.cutoff import Coverage
from analytics.report.story import Unread
from analytics.tables.schema import NotMeasured

EXPLAINED = 3  # open problems that are quoted and diagnosed, the most named first
THEME_WORDS = {  # as a customer would put it: "… is named as a problem"
    "waiting": "waiting",
    "unresolved": "a problem not solved",
    "repeat_contact": "having to contact us again",
    "transferred": "being passed around",
    "policy_over_customer": "rules put before the customer",
    "empowered_staff": "staff who may not decide",
    "no_human": "no human to be reached",
    "system_failure": "systems that fail",
    "kept_informed": "being left in the dark",
    "courtesy": "how they were treated",
    "competence": "staff who did not know",
    "promise_broken": "a promise not kept",
    "billing_price": "bills and prices",
    "product_delivery": "the product or its delivery",
    "loyal_unfair": "new customers treated above loyal ones",
    "unwanted_selling": "selling they did not ask for",
}


@dataclass(frozen=True)
class Section:
    """What a section shows, its answer for page one, and what it leaves unknown.

    As the last line of a notebook cell it displays its blocks in order.
    """

    blocks: list[Block]
    answer: Block
    unknowns: list[Block] = field(default_factory=list)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        for block in self.blocks:
            display(block)


def section(make: Callable[..., Section]) -> Callable[..., Section]:
    """Turn 'not measured' into an honest line, so that a missing column never stops a report."""

    @functools.wraps(make)
    def made(*args: object) -> Section:
        try:
            return make(*args)
        except NotMeasured as lack:
            return not_known(lack)

    return made


def gather(*parts: Callable[[], list[Block]]) -> tuple[list[Block], list[Block]]:
    """What several parts show, in order, and what they leave unknown.

    Parts that are not measured come last, one line for each thing that is missing, with all that it was needed for.
    """
    shown: list[Block] = []
    lacks: dict[str, list[str]] = {}
    for part in parts:
        try:
            shown += part()
        except NotMeasured as lack:
            what, why = _parted(lack)
            lacks.setdefault(what, []).extend([why] if why and why not in lacks.get(what, []) else [])
    shown += [_lacking(what, whys) for what, whys in lacks.items()]
    return shown, [block for block in shown if block.data.get("level") == "unknown"]


def not_known(lack: NotMeasured) -> Section:
    """The section that only says what is not measured, and what would measure it."""
    what, why = _parted(lack)
    line = _lacking(what, [why] if why else [])
    return Section([line], line, [line])


def _parted(lack: NotMeasured) -> tuple[str, str]:
    """What is missing, and what it was needed for ('' where the message does not say)."""
    what, _, why = str(lack).removeprefix("not measured: ").rstrip(".").partition(", needed for ")
    return what, why


def _lacking(what: str, whys: list[str]) -> Block:
    """'Drivers: not measured, no table contacts.', with the table or column whose source would settle it."""
    tables = re.findall(r"no table (\w+)", what)
    columns = re.findall(r"no (?:value in )?columns? ((?:\w+, )*\w+)(?= \(table (\w+)\))", what)
    settle = f"a source for the table {listed(tables)} ([sources.{tables[0]}] in perception.toml)" if tables else ""
    if columns:
        settle = listed([f"a column of the export mapped to {names} in table {table}" for names, table in columns])
    head = f"{capital(listed(whys))}: not measured" if whys else "Not measured"
    return blocks.unknown(f"{head}{',' if whys else ':'} {what}.", settle)


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
    return {"rose": "it rose", "fell": "it fell", "no change": "no change"}.get(signal.word, "we cannot tell yet")


def movement_sentence(signal: Signals) -> str:
    """The movement in a sentence, with the rule that allows it."""
    if signal.word in ("rose", "fell"):
        return f"It {signal.word}: {reason_of(signal)}."
    if signal.word == "no change":
        return "No change: it lies within its usual movement."
    return f"We cannot tell yet whether it moved: {reason_of(signal)}."


def coverage_sentence(coverage: Coverage, label: str) -> str:
    """That the data cover only a part of the period; '' where they reach to both its ends."""
    begin = f"begin on {coverage.first:%-d %B %Y}" if coverage.first is not None else ""
    end = f"end on {coverage.last:%-d %B %Y}" if coverage.last is not None else ""
    parts = " and ".join(filter(None, [begin, end]))
    return f"The data {parts}: they cover only a part of {label}." if parts else ""


def unread_sentence(texts: Unread) -> str:
    """How many texts no model could read."""
    return f"{texts.unread:,} of {texts.total:,} texts could not be read (empty, another language)."


def name_writers(sources: Collection[str]) -> str:
    """Whom shares of problems are about (`Story.writers`): 'customers who complained or wrote'."""
    wrote = "wrote and gave less than the top mark" if "marks" in sources else "wrote"
    words = {"complaints": "complained", "surveys": wrote, "contacts": "wrote to us"}
    return "customers who " + " or ".join(phrase for source, phrase in words.items() if source in sources)


def listed(names: list[str]) -> str:
    """Names in a sentence: 'a, b and c'."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def capital(text: str) -> str:
    """The text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]


RULE_WORDS = {
    Rule.OUTSIDE: "outside the limits",
    Rule.SHIFT: f"{RUN} or more on one side",
    Rule.TREND: f"{TREND} or more in one direction",
    Rule.NONE: "no rule met",
}
MIX_WORDS = {  # what becomes of a difference among cases of the same kind
    TURNS: "turns round among cases of the same kind: do not rank these groups on the pooled figure",
    VANISHES: "not seen among cases of the same kind",
    ALONE: "no cases of the same kind elsewhere to compare with",
}
UNTIMELY = (
    "Caution: an untimely case often cannot be disputed, so this comparison cannot show whether answering late "
    "leads to disputes."
)
STRATEGY_WORDS = {  # a declared strategy in one line
    "delight": "every contact leaves the customer better off",
    "keep_the_line_moving": "nobody waits, nobody calls twice",
    "avoid_contact": "things work, so nobody needs us",
    "expert_help": "whoever answers knows the answer",
    "open_dialogue": "customers hear the truth, early",
    "squeaky_wheel": "whoever complains gets it fixed",
    "best_customers_first": "the longer with us, the better",
}


def reason_of(signal: Signals) -> str:
    """Why the word about the latest period is what it is."""
    if signal.answered is not None:
        latest, usual = signal.answered
        if signal.unweighed == NO_CHANGE:
            return f"only {latest:.0%} answered where {usual:.0%} is usual, which could hide a change"
        return f"it {signal.unweighed}, but {latest:.3g} answered where {usual:.3g} is usual, which could be all of it"
    if signal.rule == Rule.UNMEASURED:
        return "nothing was measured in the latest period"
    if signal.rule == Rule.SHORT:
        return f"only {signal.measured} period{'s' * (signal.measured != 1)} measured, {SHORTEST} are needed"
    return rule_of(signal.rule, *signal.points[["value", *LIMITS]].iloc[-1])


def rule_of(rule: str, latest: float, low: float, high: float) -> str:
    """The rule of change that a period met, with its value and the limits."""
    return f"{RULE_WORDS[Rule(rule)]}: {latest:.3g} against {low:.3g} to {high:.3g}"


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
