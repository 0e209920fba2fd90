"""Brilliant or disgusting: what customers blame and what they thank for, recorded categories, and their own words."""

import json
from collections.abc import Sequence
from math import nan
from typing import Any, cast

import numpy as np
import pandas as pd

from analytics.contrast.problems import OPEN_SHARE
from analytics.contrast.signals import FELL, ROSE
from analytics.measures.estimate import SAID
from analytics.measures.intervals import estimate_share
from analytics.measures.suppress import count_people
from analytics.publish import blocks, figures
from analytics.publish.blocks import Block
from analytics.report import tested, words
from analytics.report.checked import READ_150, describe_check
from analytics.report.facts import blame, thanks_by_team, voices
from analytics.report.new_themes import name_new
from analytics.report.query import Query, blaming, opened, recorded_as, thanking
from analytics.report.section import Section, Stake, ids, not_known, section
from analytics.report.story import Story
from analytics.report.words import capital, estimate_of, estimates_of, figure_of, finding_of, listed, say
from analytics.tables.periods import parse_period
from analytics.tables.schema import NotMeasured
from analytics.text.clean import normalise
from analytics.text.quotes import pick_quotes
from analytics.text.readings import PRAISE

QUOTED = 2  # quotes of blame and of thanks, one for each of the leading traits
CHECKED = 40  # texts of a theme, the surest first, that are read again before one of them is quoted
QUOTABLE = 0.75  # probability of its theme, and of its polarity, below which a text is not quoted
CATEGORIES = 8  # recorded categories of complaints shown, the largest first
DRAWN = 10  # traits drawn, those blamed or thanked for most
DETAILED = 90  # characters from which praise may tell a story
THANKED = "praise:"  # keys of sentences that say what customers thank for


@section
def show_problems(story: Story) -> Section:
    """What customers blame and what they thank for, as readers would count it, and whether it moved.

    Where no text can be read for it, the categories under which complaints are recorded.
    """
    try:
        table = tested.problems(story)
        table = table.assign(blamed=table["theme"].map(words.name_blamed(story.themes)))
    except NotMeasured as lack:
        line, recorded = not_known(lack), _recorded(story)
        return Section([*recorded, *line.blocks], [*recorded, line.answer][0], line.unknowns)
    n, people = int(table["n"].max()), count_people(story.critical)
    if people < story.k:
        raise NotMeasured(f"fewer than {story.k} {words.name_writers(story.writers)} in {story.period.label}")
    named = table[table["open"]]
    largest, order = _blame(story, table, people)
    others = [name_problem(row) for _, row in named.iloc[1 : words.EXPLAINED].iterrows()]
    moved = [
        _judged(row, say("problems.moved", name=row["blamed"], x=row, usual=_usual(row)))
        for _, row in table[table["word"].isin([ROSE, FELL])].iterrows()
    ]
    praise = measure_praise(story)
    thanks = _thanks(story, praise)
    most = float(named.iloc[0]["counted"] if len(named) else table.iloc[0]["counted"])
    open_ends = _perhaps_larger(table, most)
    listing = blocks.tagged(_problem_table(table, n, story), appendix=True)
    chart, quoted = _chart(story, table, praise, n), _quotes(story, table, praise)
    new, weights = name_new(story)
    parts = [largest, *order, *others, *moved, *new, *thanks, chart, *quoted, *open_ends, listing]
    return Section(parts, largest, open_ends, order, [*_stakes(story, named), *weights])


def _blame(story: Story, table: pd.DataFrame, people: int) -> tuple[Block, list[Block]]:
    """The trait blamed most, and a line where the order does not hold; where none is open, what software counts."""
    facts = {"n": int(table["n"].max()), "who": words.name_writers(story.writers)}
    if not table["open"].any():
        return _counted(story, table, facts, people), [blocks.finding(say("problems.none", open=OPEN_SHARE))]
    top, leaders = table.iloc[0], table[table["leads"] & table["value"].notna()]
    ends = {end: np.round(top[end] * top["n"] / story.months) for end in ("low", "high")}  # people in each month
    facts |= {"name": capital(top["blamed"]), "checked": describe_check(top), "share": estimate_of(top)}
    facts |= {"rate": words.rate_of(story.period), **ends}
    largest = _judged(top, say("problems.largest", **facts), keyed=True)
    if len(leaders) < 2:
        return largest, []
    order = say("problems.order", n=len(leaders))
    return largest, [opened(blocks.finding(order, people=people), *map(blaming, leaders["theme"].head(2)))]


def _counted(story: Story, table: pd.DataFrame, facts: dict[str, Any], people: int) -> Block:
    """The traits that most texts are labelled with, each with its share where that is known."""
    texts = [story.critical[_naming(story.critical["negative_themes"], theme)] for theme in table["theme"]]
    enough = table[[count_people(rows) >= story.k for rows in texts]]
    top = enough.sort_values("counted", ascending=False, kind="stable").head(words.EXPLAINED)
    if top.empty:
        return blocks.finding(say("problems.few", k=story.k, **facts), people=people)
    ways = top["value"].isna().map({True: "unchecked", False: "known"})
    themes = [
        say(f"problems.{way}", theme=row["blamed"], share=estimate_of(row))
        for way, (_, row) in zip(ways, top.iterrows(), strict=True)
    ]
    sentence, known = say("problems.counted", themes=themes, **facts), top.dropna(subset="value")
    return opened(blocks.finding(sentence, estimates_of(known), people=people), *map(blaming, top["theme"].head(2)))


def name_problem(row: pd.Series) -> Block:
    """A row of `Story.problem_table` as a finding that the next report will know again."""
    return _judged(row, f"{capital(row['blamed'])} is named by {figure_of(estimate_of(row))}.", keyed=True)


def _usual(row: pd.Series) -> str:
    """Between which ends a share lies usually, or lay before it moved; '' where it is written as one of these."""
    low, high, latest = max(row["low limit"], 0), min(row["high limit"], 1), row["latest"]
    apart = round(latest, 2) < round(low, 2) or round(latest, 2) > round(high, 2)  # as they are written
    if not apart or not row["since"]:
        return say("problems.usual", low=low, high=high) if apart else ""
    facts = {"since": parse_period(row["since"]).label, "side": "up" if row["word"] == ROSE else "down"}
    return say("problems.usual_before", low=low, high=high, **facts)


def _judged(row: pd.Series, sentence: str, *, keyed: bool = False) -> Block:
    """What is said of a theme, with its share and the rule about its movement."""
    key = f"problem:{row['theme']}" if keyed else ""
    evidence = [] if pd.isna(row["value"]) else [estimate_of(row)]
    told = blocks.finding(sentence, evidence, row["word"], better="lower", key=key, people=int(row["n"]))
    return opened(told, blaming(row["theme"]))


def _thanks(story: Story, praise: pd.DataFrame) -> list[Block]:
    """What they thank for, the two traits named most, and the team that is thanked."""
    known = praise[praise["low"] > OPEN_SHARE]
    told = [row for _, row in known.head(2).iterrows() if row["people"] >= story.k]
    if praise["value"].isna().all():
        return [blocks.unknown("What they thank us for is not known: no such texts have been read.", settle=READ_150)]
    if not told:
        return [blocks.finding(f"Of no trait can we say that more than {OPEN_SHARE:.0%} thank us for it.")]
    evidence = [estimate_of(row) for row in told]
    traits = [f"{row['thanked']}, {figure_of(e)}," for row, e in zip(told, evidence, strict=True)]
    all_of_them = ", complaints included" if story.has_both else ""
    sentence = f"They thank us for {listed(traits)} of the {evidence[0].n:,} who wrote{all_of_them}."
    key, people = THANKED + told[0]["theme"], min(int(row["people"]) for row in told)
    thanks = blocks.finding(sentence, evidence, key=key, people=people)
    return [opened(thanks, *(thanking(row["theme"]) for row in told)), *_thanked_team(story)]


def measure_praise(story: Story) -> pd.DataFrame:
    """Share of all who wrote that readers would say give thanks for each theme; not known where nobody read.

    Returns
    -------
    pandas.DataFrame
        One row per theme, most thanked first: theme, thanked (its name as such), value, low, high (NaN where not
        known), n, unit, source and people (customers with such a label).
    """
    texts = voices(story)
    rows, names = [], words.name_thanked(story.themes)
    labels = [PRAISE + theme for theme in names]
    for label, told in story.shares_of(labels, texts).items():
        theme = label.removeprefix(PRAISE)
        people = count_people(texts[_naming(texts["praised"], theme)])
        rows.append({"theme": theme, "thanked": names[theme], **vars(told.estimate), "people": people})
    return pd.DataFrame(rows).sort_values("value", key=lambda v: -v.round(9), kind="stable", ignore_index=True)


def _thanked_team(story: Story) -> list[Block]:
    """The team whose customers thank more often than those of the others; none where that may be chance."""
    try:
        teams = thanks_by_team(story)
    except NotMeasured:
        return []
    teams = teams[(teams["p_value"] <= tested.cut(story)) & (teams["thanked"] >= story.k)]
    if teams.empty:
        return []
    team = teams.sort_values("p_value", kind="stable").iloc[0]
    thanked = estimate_share(team["thanked"], int(team["texts"]), SAID, story.confidence)
    elsewhere = team["others_thanked"] / team["others"]
    sentence = say("problems.team", team=team.name, share=thanked, elsewhere=elsewhere)
    told = blocks.finding(sentence, [thanked], key=f"thanked:{team.name}", people=int(team["people"]))
    texts = Query(polarity="positive", where=f"team = {json.dumps(team.name)}", among="voices")
    return [opened(told, texts)]


def _stakes(story: Story, named: pd.DataFrame) -> list[Stake]:
    """Open problems, by the customers a month who name them: how much worse off these are is not known."""
    if named.empty:
        return []
    who, stands = words.name_writers(story.writers), blame(story)["above"] <= tested.level_cut(story)
    stakes = []
    for _, row in named[named["theme"].map(stands)].iterrows():
        theme = row["theme"]
        texts = story.critical[_naming(story.critical["negative_themes"], theme)]
        sentence = say("problems.stake", theme=capital(row["blamed"]), share=estimate_of(row), x=row, who=who)
        finding = blocks.tagged(name_problem(row), sentence=blocks.finding(sentence).data["sentence"])
        touched = row["value"] * row["n"] / story.months
        stakes.append(Stake(finding, nan, nan, touched, 0.0, people=ids(texts)))
    return stakes


def _naming(names: pd.Series, theme: str) -> pd.Series:
    """Which texts name a theme."""
    return names.map(lambda themes: theme in themes)


def _chart(story: Story, table: pd.DataFrame, praise: pd.DataFrame, n: int) -> Block:
    """Each trait with who blames and who thanks for it, those named most."""
    both = table.merge(praise, on="theme", suffixes=("", "_thank"))
    rank = both[["value", "value_thank"]].fillna(0).max(axis=1).round(9)
    drawn = both.loc[(-rank).sort_values(kind="stable").index[:DRAWN]]
    drawn = drawn.sort_values("value", ascending=False, kind="stable", na_position="last")
    drawn = drawn.rename(columns={"blamed": "blame", "thanked": "thank"})
    columns = ["blame", "value", "low", "high", "n", "thank", "value_thank", "low_thank", "high_thank", "n_thank"]
    wrote, facts = int(praise["n"].max()), {"who": words.name_writers(story.writers), "level": story.confidence}
    unknown = table.loc[table["value"].isna(), "blamed"].tolist()
    facts["unknown"] = say("problems.not_drawn", names=unknown) if unknown else ""
    facts["top"] = say("problems.top", marks=_top_marks(story)) if "marks" in story.writers else ""
    alt = f"Largest known share of blame: {drawn.iloc[0]['blame']}."
    marks: dict[str, Any] = {"source": SAID, "people": min(n, wrote), "alt": alt}
    if praise["value"].isna().all():
        drawing = figures.plot_intervals(drawn, by="blame", unit="share", label="share who blame", ordered=True)
        chart = blocks.figure(drawing, caption="What they blame.", n=n, note=say("problems.blamed", **facts), **marks)
        return opened(chart, blaming(drawn["theme"].iloc[0]))
    best = drawn.sort_values("value_thank", kind="stable").iloc[-1]
    marks["alt"] += f" Largest share of thanks: {best['thank']}."
    drawing = figures.plot_sides(drawn[columns], heads=(f"blame, % of {n:,}", f"thanks, % of {wrote:,}"))
    caption, note = "What they blame, and what they thank us for.", say("problems.chart", **facts)
    chart = blocks.figure(drawing, caption=caption, n=wrote, note=note, **marks)
    return opened(chart, blaming(drawn["theme"].iloc[0]), thanking(best["theme"]))


def _top_marks(story: Story) -> list[str]:
    """From which answer on a score is a top mark: '9 or more of 10', '5 of 5'."""
    shown = ((score.top, score.ends[1]) for column, score in story.asked.items() if column in story.answers)
    return [f"{top:g} {'or more ' if top < best else ''}of {best:g}" for top, best in shown]


def _perhaps_larger(table: pd.DataFrame, counted: float) -> list[Block]:
    """The themes that are tagged more often than the largest known one, but whose share is not known."""
    rows = table[table["value"].isna() & (table["counted"] > counted)]
    if rows.empty:
        return []
    line = blocks.unknown(say("problems.perhaps", themes=rows["blamed"].tolist()), settle=READ_150)
    return [opened(line, *map(blaming, rows["theme"]))]


def _recorded(story: Story) -> list[Block]:
    """The period's complaints by recorded category, and whether the shares moved; nothing without categories."""
    try:
        table = tested.category_words(story)
    except NotMeasured:
        return []
    now = table[table["people"] >= story.k].sort_values("value", ascending=False, kind="stable").head(CATEGORIES)
    if now.empty:
        return []
    n = int(table["n"].max())
    first, moved = now.iloc[0], now["word"].isin([ROSE, FELL])
    rose = say("problems.category_first", x=first, usual=_usual(first)) if moved.iloc[0] else ""
    facts = {"n": n, "period": story.period.label, "share": estimate_of(first), "moved": rose}
    sentence, signal = say("problems.category", x=first, **facts), first["word"] if rose else None
    findings = [finding_of(first, sentence, key="complaints:category", signal=signal)]
    names = [first["category"]]
    for _, row in now.iloc[1:][moved.iloc[1:]].iterrows():
        sentence = say("problems.category_moved", share=estimate_of(row), x=row, usual=_usual(row))
        findings.append(finding_of(row, sentence, signal=row["word"]))
        names.append(row["category"])
    content = [*findings, words.table_of("categories", now, n=n, people="people")]
    marked = zip(content, [*names, first["category"]], strict=True)
    return [opened(block, *recorded_as(story, name)) for block, name in marked]


def _problem_table(table: pd.DataFrame, n: int, story: Story) -> Block:
    rows, checked = table.assign(theme=table["blamed"]), describe_check(table.iloc[0])
    facts = {"checked": checked, "model": story.theme_model}
    people, unread = count_people(story.critical), words.unread_sentence(story.unread)
    listing = words.table_of("problems", rows, source=SAID, n=n, people=people, unread=unread, **facts)
    return opened(listing, blaming(table["theme"].iloc[0]), Query(mood="unknown"))


def _quotes(story: Story, table: pd.DataFrame, praise: pd.DataFrame) -> list[Block]:
    """Two quotes of blame and two of thanks, one for each leading trait, and praise that tells a story."""
    blamed = table.loc[table["open"], "theme"]
    thanked = praise.loc[praise["low"] > OPEN_SHARE, "theme"]
    texts, used = cast("pd.DataFrame", voices(story)), list[str]()
    against, in_favour = story.critical["negative_themes"], texts["praised"]
    return [
        *_quote_traits(story, blamed, story.critical.assign(named=against), "negative", used),
        *_quote_traits(story, thanked, texts.assign(named=in_favour), "positive", used),
        *_told_deed(story, texts, used),
    ]


def _quote_traits(story: Story, themes: pd.Series, texts: pd.DataFrame, polarity: str, used: list[str]) -> list[Block]:
    """A quote for each of the first traits that enough people `named` with this polarity; no text twice."""
    names, verb = (words.name_blamed, "blame") if polarity == "negative" else (words.name_thanked, "thank for")
    chosen: list[tuple[str, str, pd.DataFrame]] = []  # a quote, its theme, and the texts that it stands for
    for theme in themes:
        named = texts[_naming(texts["named"], theme)]
        if count_people(named) >= story.k and len(chosen) < QUOTED:
            chosen += [(text, theme, named) for text in pick_quotes(_surest(named, theme, polarity, story), 1, used)]
            used += [text for text, *_ in chosen]
    if not chosen:
        return []
    quoted, traits, groups = zip(*chosen, strict=True)
    facts: dict[str, Any] = {"n": sum(map(len, groups)), "people": min(map(count_people, groups))}
    contexts, caption = [names(story.themes)[trait] for trait in traits], f"In their words: what they {verb}"
    opens = [blaming(trait) if polarity == "negative" else thanking(trait) for trait in traits]
    return [opened(blocks.quotes(quoted, contexts=contexts, caption=caption, **facts), *opens)]


def _told_deed(story: Story, texts: pd.DataFrame, used: Sequence[str]) -> list[Block]:
    """One deed that customers praise in detail, typical of such praise: worth telling to staff."""
    telling = texts["praised"].map(len).ge(2) & texts["text"].str.len().ge(DETAILED)
    detailed = texts[telling & texts["sentiment"].eq("positive")]
    if count_people(detailed) < story.k:
        return []
    glad = story.reader.sentiment(detailed["text"].map(normalise).tolist())[:, 2] >= QUOTABLE
    chosen = pick_quotes(detailed.loc[glad, "text"], 1, used)
    if not chosen:
        return []
    quote = blocks.quotes(chosen, caption="A story worth telling", n=len(detailed), people=count_people(detailed))
    return [opened(quote, Query(mood="positive", where=f"thanks >= 2 and length >= {DETAILED}", among="voices"))]


def _surest(named: pd.DataFrame, theme: str, polarity: str, story: Story) -> pd.Series:
    """Texts that may be quoted for a theme: the accurate models hold it likely, likelier than others, and so meant."""
    sure = named["themes"].map(
        lambda tags: max((getattr(tag, "probability", 1.0) for tag in tags if str(tag) == theme), default=0.0)
    )
    texts = named.loc[sure.round(6).sort_values(ascending=False, kind="stable").index[:CHECKED], "text"]
    plain = texts.map(normalise).tolist()
    mood = story.reader.sentiment(plain)[:, 0 if polarity == "negative" else 2]
    readings = zip(mood, story.reader.tags(plain), strict=True)
    agreed = [
        p >= QUOTABLE and any(t == theme and t.polarity == polarity and t.probability >= QUOTABLE for t in tags[:1])
        for p, tags in readings
    ]
    return cast("pd.Series", texts[agreed])
