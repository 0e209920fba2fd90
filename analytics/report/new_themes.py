"""What is new: problems that no theme covers and that more customers name than before."""

from math import nan
from typing import Any

import pandas as pd

from analytics.measures.estimate import SAID, Estimate
from analytics.measures.intervals import estimate_share
from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.report import tested
from analytics.report.query import Query, opened
from analytics.report.section import Section, Stake, ids, section, section_of
from analytics.report.story import Story
from analytics.report.words import listed, name_writers, say, share_of, table_of
from analytics.tables.periods import parse_period
from analytics.tables.schema import NotMeasured
from analytics.text.quotes import pick_quotes
from analytics.theme_settings import write_theme

NEW = "new:"  # how the key of a new theme begins
TOLD, QUOTED = 2, 2  # new themes that a report tells, and quotes of each


def name_new(story: Story) -> tuple[list[Block], list[Stake]]:
    """Sentence and quotes of each new theme, and what it weighs; nothing where none stands."""
    try:
        groups = tested.new_themes(story).head(TOLD)
    except NotMeasured:
        return [], []
    content: list[Block] = []
    stakes: list[Stake] = []
    for _, group in groups.iterrows():
        share, facts = _share(story, group), _facts(story, group)
        marks: dict[str, Any] = {"better": "lower", "key": f"{NEW}{group['group']}", "people": int(group["people"])}
        texts = Query(group=group["group"])
        finding = opened(blocks.finding(say("new.found", share=share, **facts), [share], "rose", **marks), texts)
        caption = f"In their words: {_phrases(group)}"
        quoted, n = pick_quotes(pd.Series(group["examples"]), QUOTED), int(group["n"])
        quotes = blocks.quotes(quoted, caption=caption, n=n, people=int(group["people"]))
        content += [finding, opened(quotes, texts)]
        people, touched = ids(story.comments.loc[group["members"]]), share.value * group["writers"] / story.months
        stakes.append(Stake(finding, nan, nan, touched, group["p_value"], people=people))
    return content, stakes


def _share(story: Story, group: pd.Series) -> Estimate:
    return estimate_share(float(group["people"]), int(group["writers"]), SAID, story.confidence)


def _facts(story: Story, group: pd.Series) -> dict[str, object]:
    """What the sentences about a new theme are filled with."""
    since = parse_period(group["first_period"]).label
    lead = f"New this {story.period.frequency}" if group["first_period"] == story.period.name else f"New since {since}"
    before = share_of(group["share_before"]) if group["share_before"] else "nobody"
    return {
        "lead": lead, "phrases": _phrases(group), "before": before, "x": group,
        "who": name_writers(story.writers),
    }  # fmt: skip


def _phrases(group: pd.Series) -> str:
    """A group by its phrases, else by its most typical clause."""
    return listed([f"“{phrase}”" for phrase in group["phrases"] or group["examples"][:1]])


@section
def show_new_themes(story: Story) -> Section:
    """All groups of texts that no theme covers, and how to make a theme of the first."""
    every = story.new_themes
    shown = every[every["people"] >= story.k]
    told = len(tested.new_themes(story))
    content = [blocks.finding(say("new.counted", told=told, groups=len(every), k=story.k, shown=len(shown)))]
    if shown.empty:
        return section_of(content)
    shares = [vars(_share(story, group)) for _, group in shown.iterrows()]
    rows = pd.DataFrame(shares, shown.index).assign(
        group=shown["group"], phrases=shown.apply(_phrases, axis=1), people=shown["people"], p=shown["p_value"],
        before=shown["share_before"], since=shown["first_period"], quote=shown["examples"].str[0],
        praise=shown["praise"].map({True: "praise", False: "problem"}),
    )  # fmt: skip
    listing = table_of("new_themes", rows, source=SAID, n=int(shown["writers"].max()), people="people")
    first, texts = shown.iloc[0], Query(group=shown["group"].iloc[0])
    block = blocks.quotes([toml_of(first)], caption=say("new.toml"), n=int(first["n"]), people=int(first["people"]))
    return section_of([*content, opened(listing, texts), opened(block, texts)])


def toml_of(group: pd.Series) -> str:
    """The lines of perception.toml that turn a group into a theme of the organisation's own; the user names it."""
    label, examples = ", ".join(group["phrases"]) or group["examples"][0], group["examples"]
    name = "_".join(group["phrases"]) or f"group_{group['group']}"
    return write_theme(name, label, definition=examples[0], examples=examples)
