"""What a part of the report is made of: its blocks, its answer, what it leaves open, and what its findings weigh."""

import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from html import escape

import pandas as pd

from analytics.measures.suppress import count_people
from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.publish.format import address
from analytics.report.story import Story
from analytics.report.words import LACK_WORDS, capital, listed, say
from analytics.tables.schema import NotMeasured

CLOSING = "unknowns"  # place of the section that closes a report


@dataclass(frozen=True)
class Stake:
    """What a finding weighs: whom it touches, and how many of them are worse off than comparable customers.

    All findings of a report are counted in this one currency, so that page one can tell the largest. What touches
    customers of whom no outcome is shown to be another than that of comparable ones has no weight in it: NaN.

    Attributes
    ----------
    finding
        One short sentence with its evidence and key, as page one may tell it.
    more
        Customers a month who come away worse (better, where `good`) than comparable customers would, or NaN.
    low
        Lower bound of `more` at the report's level, 0 or above, or NaN.
    touched
        People a month whom it touches.
    p_value
        Of the test of a difference behind it; 0 of a figure that stands against its bound (`tested.level_cut`).
    good
        Whether customers are better off.
    people
        Ids of the customers behind it, where known: two findings about the same people are told once.
    lost
        Whether these customers leave: each counts as `[report] leaver_counts_as` of those who come away worse.
    figure
        The one recorded figure that it is about, such as 'reopens': what goes with it is told once.
    """

    finding: Block
    more: float
    low: float
    touched: float
    p_value: float
    good: bool = False
    people: frozenset[str] = frozenset()
    lost: bool = False
    figure: str = ""


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
        from IPython.display import HTML, display

        first = next(iter(_standing(self.blocks)), None)
        for block in self.blocks:
            display(blocks.tagged(block, anchor=self.place) if block is first and self.place else block)
            if calls := "<br>".join(f"<code>{escape(call)}</code>" for call in block.data.get("opens", ())):
                display(HTML(f"<small>{say('explorer.open')} {calls}</small>"))


def weigh(
    story: Story, finding: Block, rows: pd.DataFrame, score: str, contrast: pd.Series, p_value: float, *,
    of: str = "adjusted", people: pd.DataFrame | None = None, figure: str = "",
) -> Stake:  # fmt: skip
    """The stake of those in the rows, worse off by the points `of` a contrast of a score; `people` says who they are.

    One customer can move by the whole range of a score, so that points over the range are the least share of them.
    """
    touched = count_people(rows) / story.months
    whole = story.asked[score].range if score in story.asked else 1.0
    near, far = contrast[f"{of}_low"], contrast[f"{of}_high"]
    least = min(abs(near), abs(far)) if near * far > 0 else 0.0
    whose = ids(rows if people is None else people)
    more, low = (touched * points / whole for points in (abs(contrast[of]), least))
    return Stake(finding, more, low, touched, p_value, people=whose, figure=figure)


def ids(rows: pd.DataFrame) -> frozenset[str]:
    """Whose rows these are; without customers' numbers, which answers, complaints or cases, which are no customers."""
    columns = ("customer_id", "response_id", "complaint_id", "case_id")
    column = next((c for c in columns if c in rows and rows[c].notna().any()), None)
    kind = "" if column == "customer_id" else "row "
    return frozenset(kind + rows[column].dropna().astype(str)) if column else frozenset()


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


def section_of(parts: list[Block], unknowns: Sequence[Block] = (), stakes: Sequence[Stake] = ()) -> Section:
    """A section whose first block is its answer."""
    return Section(parts, parts[0], [*unknowns], stakes=[*stakes])


def open_question(sentence: str, settle: str = "", needs: str = "") -> Section:
    """The section that only says what is not known, and what would settle it; `needs`: what for, where not recorded."""
    line = blocks.unknown(sentence, settle)
    if needs:
        line = blocks.tagged(line, appendix=True, lack={"needs": [needs], "why": "", "settle": settle})
    return section_of([line], [line])


def not_known(lack: NotMeasured) -> Section:
    """The section that only says what is not measured, and what would measure it."""
    line = _lacking(lack)
    return section_of([line], [line])


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
    return content, unknowns_of(content)


def unknowns_of(content: Sequence[Block]) -> list[Block]:
    """Those blocks that say that something is not known."""
    return [block for block in content if block.data.get("level") == "unknown"]


def findings_of(content: Sequence[Block]) -> list[Block]:
    """Those blocks that say what is known."""
    return [block for block in content if block.kind == "finding" and block.data["level"] == "finding"]


def placed(sentences: Sequence[Block], part: Section) -> list[Block]:
    """Sentences of a section for page one, each with where it stands: its own finding, or the section, or the end."""
    standing = _standing(part.blocks)
    there = {address(block.data) for block in standing if block.kind == "finding"} | {part.place if standing else ""}
    ways = [(*block.data.get("places", [address(block.data)]), part.place) for block in sentences]
    places = ([place for place in way if place in there - {""}] or [CLOSING] for way in ways)
    return [blocks.tagged(block, places=way) for block, way in zip(sentences, places, strict=True)]


def _standing(content: Sequence[Block]) -> list[Block]:
    """Blocks that stand where they are made; what is not set up stands in one list at the report's end."""
    return [block for block in content if "lack" not in block.data]


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
