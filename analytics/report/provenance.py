"""What the report was made from, and what of its texts was not the customers' own words."""

from contextlib import suppress

from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.report.query import KINDS, Query, opened
from analytics.report.section import Section
from analytics.report.story import Story
from analytics.report.words import CUT_WORDS, people_by, say, table_of
from analytics.tables.schema import NotMeasured
from analytics.text.adapt import FEWEST
from analytics.text.clean import LONG
from analytics.text.own_model import FEWEST_READINGS
from analytics.text.thread import count_cuts


def show_provenance(story: Story) -> Section:
    """What the report was made from; the runner adds versions and times to manifest.json."""
    line = blocks.finding("Inputs, rows and faults are listed below; versions and times are in manifest.json.")
    parts = [blocks.provenance(story.log.inputs, story.log.rows, story.log.faults)]
    if story.config.text.own:
        facts = {"read": story.drawn_readings, "needed": FEWEST_READINGS}
        model = story.own_model
        speaker = say("provenance.own_model", x=model, **facts) if model else say("provenance.shipped_model", **facts)
        parts.append(blocks.prose(speaker))
    elif trial := story.mood_trial:
        against = "unread" if trial.read < FEWEST else "other"
        verdict = "set" if trial.speaks else against if trial.better else "shipped"
        parts.append(blocks.prose(say(f"provenance.mood_{verdict}", x=trial, needed=FEWEST)))
    if story.narrowing:
        where, counts = story.narrowing.rows.where, story.narrowing.counts
        parts.append(table_of("where", counts, n=int(counts["kept"].sum()), people=blocks.RECORDS, where=where))
    with suppress(NotMeasured):
        if story.texts_now["text"].str.len().gt(LONG).any():
            parts.append(blocks.prose(say("provenance.long", most=LONG)))
        parts += [blocks.tagged(table, appendix=True) for table in table_cuts(story)]
    return Section(parts, line)


def table_cuts(story: Story) -> list[Block]:
    """What was taken out of the texts of k people or more, or is no answer; nothing where all are their own words."""
    texts, cuts = story.texts_now, count_cuts(story.texts_now)
    kinds = texts["cut"].map(list) + texts["no_answer"].map(lambda why: [why])
    people = people_by(texts.assign(what=kinds).explode("what"), "what")
    cuts = cuts.assign(people=cuts["what"].map(people)).query("people >= @story.k")
    if cuts.empty:
        return []
    rows = cuts.replace({"what": CUT_WORDS})
    opens = [Query(where=f"{what} = yes" if what in KINDS else f'no_answer = "{what}"') for what in cuts["what"]]
    return [opened(table_of("cuts", rows, n=len(texts), people=rows["people"], k=story.k), *opens)]
