"""What we said last time: was it true then, does it still hold, and how often have we been right so far."""

import pandas as pd

from analytics.measures.estimate import OBSERVED, Estimate
from analytics.publish import blocks
from analytics.publish.blocks import Block
from analytics.report.facts import RATE
from analytics.report.query import blaming
from analytics.report.retest import RECORD, Verdict, figures_of, last_claims, retest
from analytics.report.section import Section, section, section_of
from analytics.report.story import Story
from analytics.report.tested import bar
from analytics.report.words import WORDS, least_seen, listed, say, table_of
from analytics.tables.schema import NotMeasured


@section
def show_last_time(story: Story, *sections: Section) -> Section:
    """Each claim of the previous report, tested on this period's data, and the running record."""
    last = last_claims(story)
    if last is None:
        raise NotMeasured("no report of an earlier period is published", needed_for="what we said last time")
    back, previous, record = last
    told = [block for part in sections for block in [*(stake.finding for stake in part.stakes), *part.blocks]]
    current = [block.data for block in told if block.data.get("key")]
    chance = min(bar(story), RATE / max(len(previous), 1))  # figures of other sections are not among the tests counted
    table = retest(previous, [*figures_of(story), *current], figures_of(story, back), chance=chance)
    verdicts = table["verdict"].value_counts()
    latest = {verdict: int(verdicts.get(verdict, 0)) for verdict in Verdict}
    content = [_counts(latest, record, len(table), story.period.previous(back).label), *_true_then(table)]
    texts = {f"problem:{theme}": [blaming(theme).call] for theme in story.themes.names}
    texts |= {claim["key"]: claim["opens"] for claim in current if "opens" in claim}
    table["opens"] = [texts.get(key, []) for key in table["key"]]
    tested = table[table["now"].notna() & ~table["old"]]
    fallen = tested[tested["verdict"].eq(Verdict.DID_NOT)]
    listings = [blocks.tagged(_listing(tested), appendix=True)] if len(tested) > len(fallen) else []
    return section_of([*content, *([_listing(fallen)] if len(fallen) else []), *listings])


def _counts(latest: dict[Verdict, int], record: dict[Verdict, int], n: int, label: str) -> Block:
    """How many statements hold; the sums over all reports travel to the next one as evidence of this finding."""
    total = {verdict: latest[verdict] + record.get(verdict, 0) for verdict in Verdict}
    every = sum(total.values())
    so_far = say("last_time.so_far", n=every, total=_counted(total)) if every > n else ""
    nan = float("nan")
    sums = [Estimate(float(count), nan, nan, every, "statements", OBSERVED) for count in total.values()]
    facts = {"n": n, "statements": "statement" if n == 1 else "statements", "period": label}
    sentence = say("last_time.counts", latest=_counted(latest), so_far=so_far, **facts)
    return blocks.finding(sentence, sums if every else (), key=RECORD, people=blocks.RECORDS)


def _counted(counts: dict[Verdict, int]) -> str:
    return listed([f"{n:,} {WORDS['statement'][verdict]}" for verdict, n in counts.items() if n]) or "none"


def _true_then(table: pd.DataFrame) -> list[Block]:
    """Whether what was said of that period was true of it, by all that came in since."""
    reckoned = table["right"].notna()
    if not reckoned.any():
        return []
    right = int(table.loc[reckoned, "right"].astype(bool).sum())
    return [blocks.finding(say("last_time.true_then", n=int(reckoned.sum()), right=right))]


def _listing(table: pd.DataFrame) -> Block:
    now = [Estimate(*figure) for figure in table[["now", "now_low", "now_high", "n", "unit", "source"]].to_numpy()]
    seen = [None if pd.isna(u) else least_seen(u, unit) for u, unit in zip(table["unseen"], table["unit"], strict=True)]
    shown = table[["said", "verdict", "n", "people"]].assign(**pd.DataFrame({"now": now, "seen": seen}, table.index))
    listing = table_of("last_time", shown, source=sorted({*table["source"]}), n=int(table["n"].max()), people="people")
    return blocks.tagged(listing, opens=[call for calls in table["opens"] for call in calls])
