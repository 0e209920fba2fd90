"""The problems they name: shares of themes, recorded categories, and customers' own words."""

import functools
from collections.abc import Sequence
from typing import cast

import pandas as pd

from analytics.contrast.problems import OPEN_SHARE
from analytics.contrast.signals import detect_group_signals
from analytics.measures.estimate import OBSERVED, SAID
from analytics.measures.scores import share
from analytics.measures.summarise import summarise
from analytics.measures.suppress import count_people
from analytics.publish import blocks, figures
from analytics.publish.blocks import Block
from analytics.report.checked import READ_150, describe_check
from analytics.report.story import Story
from analytics.report.words import (
    EXPLAINED,
    THEME_WORDS,
    Section,
    capital,
    estimate_of,
    figure_of,
    listed,
    name_writers,
    not_known,
    rule_of,
    section,
    unread_sentence,
)
from analytics.tables.periods import period_of
from analytics.tables.schema import NotMeasured
from analytics.text.clean import normalise
from analytics.text.quotes import pick_quotes

QUOTED = 2  # quotes per open problem
CHECKED = 40  # texts of a theme, the surest first, that are read again before one of them is quoted
QUOTABLE = 0.75  # probability of its theme, and of blame, below which a text is not quoted: a wrong quote costs more
CATEGORIES = 8  # recorded categories of complaints shown, the largest first


@section
def show_problems(story: Story) -> Section:
    """The problems that customers name, as readers would count them, and whether they moved.

    Where no text can be read for them, the categories under which complaints are recorded.
    """
    try:
        table = story.problem_table
    except NotMeasured as lack:
        line, recorded = not_known(lack), _recorded(story)
        return Section([*recorded, *line.blocks], [*recorded, line.answer][0], line.unknowns)
    named, n, people = table[table["open"]], int(table["n"].max()), count_people(story.critical)
    if people < story.k:
        raise NotMeasured(f"fewer than {story.k} {name_writers(story.writers)} in {story.period.label}")
    listing = _problem_table(table, n, story)
    leaders = table[table["leads"] & table["value"].notna()]
    if named.empty:
        most = table.iloc[0]
        none_open = blocks.finding(
            f"Of no theme can we say that more than {OPEN_SHARE:.0%} of the {n:,} {name_writers(story.writers)} name "
            f"it as a problem. {_name_leaders(leaders, figures=True)}, {describe_check(most)}{_not_counted(table)}.",
            [estimate_of(row) for _, row in leaders.head(2).iterrows()],
            people=people,
        )
        open_ends = _perhaps_larger(table, float(most["counted"]))
        return Section([none_open, listing, *open_ends], none_open, open_ends)
    top = named.iloc[0]
    first, theme = estimate_of(top), THEME_WORDS[top["theme"]]
    largest = _judged(
        top,
        f" is named as a problem by {figure_of(first)} of the {first.n:,} {name_writers(story.writers)}, "
        f"{describe_check(top)}.",
        keyed=True,
    )
    next_named = [name_problem(row) for _, row in named.iloc[1:EXPLAINED].iterrows()]
    moved = [
        _judged(
            row,
            f": it {row['word']} against the earlier periods "
            f"({rule_of(row['rule'], row['latest'], row['low limit'], row['high limit'])}).",
        )
        for _, row in table[table["word"].isin(["rose", "fell"])].iterrows()
    ]
    chart = blocks.figure(
        figures.plot_shares(
            table.dropna(subset="value").head(10).assign(theme=lambda rows: rows["theme"].map(THEME_WORDS)),
            by="theme",
            label=f"share of {name_writers(story.writers)}",
        ),
        alt=f"Shares of customers who name each theme as a problem; the largest is {theme}, {figure_of(first)}.",
        caption=f"{_name_leaders(leaders)}.",
        source=SAID,
        n=n,
        note="Shares as readers would count them; bars carry their interval.",
        people=people,
    )
    quoted = _quotes(story, named["theme"].head(EXPLAINED).tolist())
    open_ends = _perhaps_larger(table, float(top["counted"]))
    return Section([largest, *next_named, *moved, chart, listing, *open_ends, *quoted], largest, open_ends)


def name_problem(row: pd.Series) -> Block:
    """A row of `Story.problem_table` as a finding that the next report will know again."""
    return _judged(row, f" is named by {figure_of(estimate_of(row))}.", keyed=True)


def _judged(row: pd.Series, predicate: str, *, keyed: bool = False) -> Block:
    """What is said of a theme, with its share and the rule about its movement."""
    key = f"problem:{row['theme']}" if keyed else ""
    sentence = f"{capital(THEME_WORDS[row['theme']])}{predicate}"
    return blocks.finding(sentence, [estimate_of(row)], row["word"], better="lower", key=key)


def _perhaps_larger(table: pd.DataFrame, counted: float) -> list[Block]:
    """The themes that are tagged more often than the largest known one, but whose share is not known."""
    rows = table[table["value"].isna() & (table["counted"] > counted)]
    if rows.empty:
        return []
    tagged = listed([f"{THEME_WORDS[row['theme']]} ({row['counted']:.0%} of labels)" for _, row in rows.iterrows()])
    return [
        blocks.unknown(
            f"How many name {tagged} is not known: it may be more.",
            settle=READ_150,
        )
    ]


def _name_leaders(leaders: pd.DataFrame, *, figures: bool = False) -> str:
    """Which theme is named most, or between which that cannot be told."""
    names = [
        THEME_WORDS[row["theme"]] + (f", {figure_of(estimate_of(row))}" if figures else "")
        for _, row in leaders.head(2).iterrows()
    ]
    more = f" and {len(leaders) - 2} more" if len(leaders) > 2 else ""
    return f"Named most is {' or '.join(names)}{more}{', which we cannot order' if len(leaders) > 1 else ''}"


def _not_counted(table: pd.DataFrame) -> str:
    unknown = int(table["value"].isna().sum())
    return f"; of {unknown} {'theme' if unknown == 1 else 'themes'} the share is not known" if unknown else ""


def _recorded(story: Story) -> list[Block]:
    """The period's complaints by recorded category, and whether the shares moved; nothing without categories."""
    complaints = story.tables.complaints
    if complaints is None or "category" not in complaints or complaints["category"].nunique() < 2:
        return []
    rows = complaints.assign(period=period_of(complaints["received_at"], story.period.frequency))
    rows = rows[rows["period"].isin(story.history) & rows["category"].notna()]
    n = int((rows["period"] == story.period.name).sum())
    if n < story.k:
        return []
    shares = [
        summarise(
            rows.assign(inside=rows["category"].eq(name)), functools.partial(share, source=OBSERVED), by=["period"],
            column="inside", confidence=story.confidence,
        ).assign(category=name)
        for name in rows["category"].unique()
    ]  # fmt: skip
    words = detect_group_signals(pd.concat(shares), ["category"])[["category", "word"]]
    now = pd.concat(part[part["period"] == story.period.name] for part in shares).merge(words, on="category")
    people = {name: count_people(part) for name, part in rows[rows["period"] == story.period.name].groupby("category")}
    now = now.assign(people=now["category"].map(people).fillna(0))
    now = now[now["people"] >= story.k].sort_values("value", ascending=False, kind="stable").head(CATEGORIES)
    if now.empty:
        return []
    first, *others = [(row["category"], estimate_of(row), int(row["people"])) for _, row in now.iterrows()]
    findings = [
        blocks.finding(
            f"{n:,} complaints came in {story.period.label}; {figure_of(first[1])} are recorded under "
            f"“{first[0]}”, more than under any other category.",
            [first[1]],
            key="complaints:category",
            people=first[2],
        )
    ]
    for name, share_of, people_of in others[:1]:
        findings.append(blocks.finding(f"“{name}” follows with {figure_of(share_of)}.", [share_of], people=people_of))
    listing = blocks.table(
        now, caption="Complaints by recorded category.", source=OBSERVED, n=n, people="people",
        columns={"category": "Category", "value": "Share of complaints", "word": "Movement"},
        note="As the category is recorded; what customers mean by it stands in their own words only.",
    )  # fmt: skip
    return [*findings, listing]


def _problem_table(table: pd.DataFrame, n: int, story: Story) -> Block:
    return blocks.table(
        table.assign(theme=table["theme"].map(THEME_WORDS)), caption="Themes named as a problem.", source=SAID, n=n,
        columns={"theme": "Theme", "value": "Named by", "counted": "Labels as counted", "word": "Movement"},
        formats={"counted": "share"}, people=count_people(story.critical),
        note=f"Named by: as readers would count, {describe_check(table.iloc[0])}; not known where that leaves it open "
        f"by more than 15 points. {unread_sentence(story.unread)} Movement is judged over all "
        f"themes together (false discoveries at most {1 - story.confidence:.0%}). "
        f"Read by the {story.theme_model} theme heads.",
    )  # fmt: skip


def _quotes(story: Story, themes: Sequence[str]) -> list[Block]:
    """Quotes for each theme, no text twice, from those whose tag is surest; none under k people."""
    quoted: list[Block] = []
    used: list[str] = []
    for theme in themes:
        named = story.critical[story.critical["negative_themes"].map(lambda names, t=theme: t in names)]
        people = count_people(named)
        texts = pick_quotes(_surest(named, theme, story), QUOTED, used) if people >= story.k else []
        used += texts
        caption = f"In their words: {THEME_WORDS[theme]}"
        quoted += [blocks.quotes(texts, caption=caption, n=len(named), people=people)] if texts else []
    return quoted


def _surest(named: pd.DataFrame, theme: str, story: Story) -> pd.Series:
    """Texts that may be quoted for a theme: the accurate models hold it likely, likelier than others, and a problem."""
    sure = named["themes"].map(
        lambda tags: max((getattr(tag, "probability", 1.0) for tag in tags if str(tag) == theme), default=0.0)
    )
    texts = named.loc[sure.round(6).sort_values(ascending=False, kind="stable").index[:CHECKED], "text"]
    plain = texts.map(normalise).tolist()
    blame = story.reader.sentiment(plain)[:, 0]
    agreed = [
        p >= QUOTABLE
        and any(tag == theme and tag.polarity == "negative" and tag.probability >= QUOTABLE for tag in tags[:1])
        for p, tags in zip(blame, story.reader.tags(plain), strict=True)
    ]
    return cast("pd.Series", texts[agreed])
