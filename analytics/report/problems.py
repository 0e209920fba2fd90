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
from analytics.publish import blocks, figures
from analytics.publish.blocks import Block
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
    """The problems that customers name, the classifier's error taken out, and whether they moved.

    Where no text can be read for them, the categories under which complaints are recorded.
    """
    try:
        table = story.problem_table
    except NotMeasured as lack:
        line, recorded = not_known(lack), _recorded(story)
        return Section([*recorded, *line.blocks], [*recorded, line.answer][0], line.unknowns)
    named, writers = table[table["open"]], name_writers(story.writers)
    n = int(table["n"].max())
    if n < story.k:
        raise NotMeasured(f"not measured: fewer than {story.k} {writers} in {story.period.label}")
    if named.empty:
        told = blocks.finding(
            f"No theme is named as a problem by more than {OPEN_SHARE:.0%} of the {n:,} {writers}, "
            f"as far as the intervals tell{_not_counted(table)}."
        )
        return Section([told, _problem_table(table, n, story)], told)
    top = named.iloc[0]
    first = estimate_of(top)
    theme = THEME_WORDS[top["theme"]]
    told = blocks.finding(
        f"{capital(theme)} is named as a problem by {figure_of(first)} of the {first.n:,} {writers}.",
        [first],
        top["word"],
        better="lower",
        key=f"problem:{top['theme']}",
    )
    next_named = [name_problem(row) for _, row in named.iloc[1:EXPLAINED].iterrows()]
    moved = [
        blocks.finding(
            f"{capital(THEME_WORDS[r['theme']])}: it {r['word']} against the earlier periods "
            f"({rule_of(r['rule'], r['latest'], r['low limit'], r['high limit'])}).",
            [estimate_of(r)],
            r["word"],
            better="lower",
        )
        for _, r in table[table["word"].isin(["rose", "fell"])].iterrows()
    ]
    chart = blocks.figure(
        figures.plot_shares(
            table.dropna(subset="value").head(10).assign(theme=lambda rows: rows["theme"].map(THEME_WORDS)),
            by="theme",
            label=f"share of {writers}",
        ),
        alt=f"Shares of customers who name each theme as a problem; the largest is {theme}, {figure_of(first)}.",
        caption=f"{capital(THEME_WORDS[top['theme']])} is named most.",
        source=SAID,
        n=n,
        note="Shares have the classifier's own error taken out; bars carry their interval.",
    )
    quoted = _quotes(story, named["theme"].head(EXPLAINED).tolist())
    open_ends = _perhaps_larger(table, float(top["counted"]))
    return Section(
        [told, *next_named, *moved, chart, _problem_table(table, n, story), *open_ends, *quoted], told, open_ends
    )


def name_problem(row: pd.Series) -> Block:
    """A row of `Story.problem_table` as a finding that the next report will know again."""
    share = estimate_of(row)
    told = f"{capital(THEME_WORDS[row['theme']])} is named by {figure_of(share)}."
    return blocks.finding(told, [share], row["word"], better="lower", key=f"problem:{row['theme']}")


def _perhaps_larger(table: pd.DataFrame, counted: float) -> list[Block]:
    """The themes that are tagged more often than the largest known one, but whose share is not known."""
    rows = table[table["value"].isna() & (table["counted"] > counted)]
    if rows.empty:
        return []
    tagged = listed([f"{THEME_WORDS[row['theme']]} ({row['counted']:.0%} of labels)" for _, row in rows.iterrows()])
    return [
        blocks.unknown(
            f"How many name {tagged} is not known: it may be more.",
            settle="the accurate model ([text] model), or labelling 300 comments in the notebook label_texts",
        )
    ]


def _not_counted(table: pd.DataFrame) -> str:
    unknown = int(table["value"].isna().sum())
    return f"; of {unknown} themes the share is not known" if unknown else ""


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
    now = now[now["value"] * now["n"] >= story.k].sort_values("value", ascending=False).head(CATEGORIES)
    if now.empty:
        return []
    first = estimate_of(now.iloc[0])
    told = blocks.finding(
        f"{n:,} complaints came in {story.period.label}; {figure_of(first)} are recorded under "
        f"“{now.iloc[0]['category']}”, more than under any other category.",
        [first],
        key="complaints:category",
    )
    shown = [told]
    if len(now) > 1:
        second = estimate_of(now.iloc[1])
        shown.append(blocks.finding(f"“{now.iloc[1]['category']}” follows with {figure_of(second)}.", [second]))
    listing = blocks.table(
        now, caption="Complaints by recorded category.", source=OBSERVED, n=n,
        columns={"category": "Category", "value": "Share of complaints", "word": "Movement"},
        note="As the category is recorded; what customers mean by it stands in their own words only.",
    )  # fmt: skip
    return [*shown, listing]


def _problem_table(table: pd.DataFrame, n: int, story: Story) -> Block:
    shown = table.assign(theme=table["theme"].map(THEME_WORDS))
    return blocks.table(
        shown, caption="Themes named as a problem.", source=SAID, n=n,
        columns={"theme": "Theme", "value": "Named by", "counted": "Labels as counted", "word": "Movement"},
        formats={"counted": "share"},
        note=f"Named by: the classifier's error taken out; not known where it finds the theme too seldom, or tags more "
        f"than its known errors allow. {unread_sentence(story.unread)} Movement is judged over all themes together "
        f"(false discoveries at most {1 - story.confidence:.0%}). Read by the {story.theme_model} theme heads.",
    )  # fmt: skip


def _quotes(story: Story, themes: Sequence[str]) -> list[Block]:
    """Quotes for each theme, no text twice, from those whose tag is surest; none under k people."""
    comments = story.critical
    shown: list[Block] = []
    used: list[str] = []
    for theme in themes:
        named = comments[comments["negative_themes"].map(lambda found, t=theme: t in found)]
        people = named["customer_id"].nunique() if named["customer_id"].notna().any() else len(named)
        if people < story.k:
            continue
        texts = pick_quotes(_surest(named, theme, story), QUOTED, used)
        used += texts
        shown += [blocks.quotes(texts, caption=f"In their words: {THEME_WORDS[theme]}", n=len(named))] if texts else []
    return shown


def _surest(named: pd.DataFrame, theme: str, story: Story) -> pd.Series:
    """Texts that may be quoted for a theme: the accurate models hold it likely, likelier than others, and a problem."""
    sure = named["themes"].map(
        lambda tags: max((getattr(tag, "probability", 1.0) for tag in tags if str(tag) == theme), default=0.0)
    )
    texts = named.loc[sure.sort_values(ascending=False, kind="stable").index[:CHECKED], "text"]
    plain = texts.map(normalise).tolist()
    blame = story.reader.sentiment(plain)[:, 0]
    agreed = [
        p >= QUOTABLE
        and any(tag == theme and tag.polarity == "negative" and tag.probability >= QUOTABLE for tag in tags[:1])
        for p, tags in zip(blame, story.reader.tags(plain), strict=True)
    ]
    return cast("pd.Series", texts[agreed])
