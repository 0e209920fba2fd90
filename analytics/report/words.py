"""How the report says things: a section with its answer, and the words that a figure or a signal allows."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd

from analytics.contrast.signals import Signals
from analytics.measures.estimate import Estimate
from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.publish.format import write_interval
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
    lacks: dict[str, list[NotMeasured]] = {}
    for part in parts:
        try:
            shown += part()
        except NotMeasured as lack:
            lacks.setdefault(lack.what, []).append(lack)
    shown += [_lacking(*same) for same in lacks.values()]
    return shown, [block for block in shown if block.data.get("level") == "unknown"]


def not_known(lack: NotMeasured) -> Section:
    """The section that only says what is not measured, and what would measure it."""
    line = _lacking(lack)
    return Section([line], line, [line])


def _lacking(lack: NotMeasured, *more: NotMeasured) -> Block:
    """'Drivers: not measured, no table contacts.', with the table or column whose source would settle it."""
    needs = [need for need in dict.fromkeys(each.needed_for for each in (lack, *more)) if need]
    settle = f"a source for the table {lack.table} ([sources.{lack.table}] in perception.toml)" if lack.table else ""
    if lack.columns:
        settle = f"a column of the export mapped to {', '.join(lack.columns)} in table {lack.table}"
    head = f"{capital(listed(needs))}: not measured," if needs else "Not measured:"
    return blocks.unknown(f"{head} {lack.what}.", settle)


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
        return f"It {signal.word}: {signal.reason}."
    if signal.word == "no change":
        return "No change: it lies within its usual movement."
    return f"We cannot tell yet whether it moved: {signal.reason}."


def listed(names: list[str]) -> str:
    """Names in a sentence: 'a, b and c'."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def capital(text: str) -> str:
    """The text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]
