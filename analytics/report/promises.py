"""Promises, and the declared strategy: kept by our records, kept in the customer's view, unknown."""

from contextlib import suppress as suppressed
from math import nan

import pandas as pd

from analytics.contrast.groups import PERCEIVED
from analytics.contrast.problems import OPEN_SHARE
from analytics.contrast.strategy import CONGRUENT, NOT_CONGRUENT, UNKNOWN
from analytics.measures.estimate import ASSERTED, SAID, Estimate
from analytics.measures.promises import Lack, Verdict
from analytics.measures.suppress import TOTAL, count_people, suppress
from analytics.publish import blocks
from analytics.publish.format import NOT_KNOWN, worded
from analytics.report import tested
from analytics.report.bands import write_gap
from analytics.report.query import Query, blaming, opened
from analytics.report.section import Section, Stake, ids, section, section_of, weigh
from analytics.report.story import Story
from analytics.report.words import WORDS, estimates_of, figure_of, name_blamed, say, table_of, word_withheld
from analytics.tables.schema import NotMeasured
from analytics.theme_settings import KEPT

VERDICTS = WORDS["verdict"]
VIEW = ["view", "view_low", "view_high", "view_n", "view_people", "view_broken", "distance_low", "distance_high"]
BROKEN = Query(KEPT, "negative", period="recent")  # texts that say that a promise was broken
CONGRUENCE = {NOT_CONGRUENT: "against", CONGRUENT: "congruent", UNKNOWN: "open"}


@section
def show_promises(story: Story) -> Section:
    """Each declared promise: kept by our records, kept in the customer's view, unknown."""
    overall = _scored(story).drop_duplicates("promise")
    due = overall[overall["n"] > 0].sort_values("broken", ascending=False, kind="stable")
    gaps = _gaps(story)
    findings = [_promise(row, gaps.get(row["promise"])) for _, row in due.iterrows()]
    unseen = overall.loc[overall["view_verdict"].eq(Verdict.UNKNOWN)].groupby("lack", sort=False)["quoted"]
    settles = WORDS["promise_lack"]
    unknowns = [blocks.unknown(say("promises.unseen", texts=[*texts]), settles[lack]) for lack, texts in unseen]
    table = [blocks.tagged(_table("promises", due), appendix=True)] if findings else []
    content = [*findings, *table, *unknowns, *_strategy(story)]
    stakes = [_stake(row, gaps.get(row["promise"]), story) for _, row in due[due["broken"]].iterrows()]
    return section_of(content, unknowns, stakes)


def _scored(story: Story) -> pd.DataFrame:
    """Each promise by segment, small groups blank; a verdict stands where its figure and its test do."""
    parts = tested.promise_verdicts(story).groupby("promise", sort=False)
    scored = pd.concat([_withhold(part, story.k) for _, part in parts])
    for side in ("records", "view"):
        scored[f"{side}_verdict"] = scored[f"{side}_verdict"].where(scored[f"{side}_low"].notna(), Verdict.UNKNOWN)
    few = scored["withheld"].ne("") & scored["lack"].ne(Lack.MEASURE)
    return scored.assign(
        lack=scored["lack"].replace(Lack.NOTHING, Lack.ANSWERS).mask(few, Lack.CASES),
        broken=scored["records_verdict"].eq(Verdict.NOT_KEPT) | scored["view_verdict"].eq(Verdict.NOT_KEPT),
        quoted="“" + scored["text"].str.rstrip(".") + "”",
        between=[_between(*bounds) for bounds in zip(scored["view_low"], scored["view_high"], strict=True)],
        apart=[_between(*bounds, "+") for bounds in zip(scored["distance_low"], scored["distance_high"], strict=True)],
        promised=[f"{100 * goal:g} %" for goal in scored["goal"]],
    )  # fmt: skip


def _withhold(part: pd.DataFrame, k: int) -> pd.DataFrame:
    """One promise by segment: blank where few were due, and without the customers' view where few spoke."""
    by_cases, by_views = (suppress(part, k, by=["segment"], count=count) for count in ("people", "view_people"))
    return by_cases.assign(**by_views[VIEW].where(by_cases["withheld"].eq("")))


def _between(low: float, high: float, sign: str = "") -> str:
    """Both ends of what is possible."""
    return NOT_KNOWN if pd.isna(low) else worded(f"{low:{sign}.0%} to {high:{sign}.0%}")


def _table(name: str, rows: pd.DataFrame) -> blocks.Block:
    n = int(rows.drop_duplicates("promise")["n"].sum())  # a segment's cases are among all customers'
    return table_of(name, rows, source=[SAID, ASSERTED], n=n, people="people")


def _estimate(row: pd.Series, side: str) -> Estimate:
    """A promise by our records, or in the customers' view: the share they confirm, between what is possible."""
    n = 0 if pd.isna(row[f"{side}_low"]) else int(row["n" if side == "view" else "records_n"])
    source = SAID if side == "view" else ASSERTED
    return Estimate(row[side], row[f"{side}_low"], row[f"{side}_high"], n, "share", source)


def _promise(row: pd.Series, gap: pd.Series | None) -> blocks.Block:
    """One promise in a sentence, from both sides."""
    records, view = (_estimate(row, side) for side in ("records", "view"))
    ours, theirs = (VERDICTS[Verdict(row[f"{side}_verdict"])] for side in ("records", "view"))
    of = f"of {row['n']:,.0f} cases due, where {row['promised']} is promised"
    ours = f"by our records {ours}: it was in {figure_of(records)}" if records.n else "our records say nothing"
    theirs = f"in the customers' view {theirs}: it was in {row['between']}" if view.n else "too few customers have said"
    evidence, key = [e for e in (view, records) if e.n], f"promise:{row['promise']}"
    sentence = f"{row['quoted']}: {ours} {of}; {theirs}.{_gap_sentence(gap)}"
    told = blocks.finding(sentence, evidence, key=key, people=int(row["people"]))
    return opened(told, BROKEN) if view.n else told


def _stake(row: pd.Series, gap: pd.Series | None, story: Story) -> Stake:
    """A broken promise: by how much those to whom it was are worse off; NaN where no outcome shows it."""
    viewed = row["view_verdict"] == Verdict.NOT_KEPT
    e = _estimate(row, "view" if viewed else "records")
    figure, whose = (f"at most {e.high:.0%}", "in the customers' view") if viewed else (figure_of(e), "by our records")
    sentence = say("promises.broken", whose=whose, x=row, figure=figure) + _gap_sentence(gap)
    told = blocks.finding(sentence, [e], key=f"promise:{row['promise']}", people=int(row["people"]))
    broken = story.cases[story.cases["case_id"].isin(row["harmed"])]
    if gap is None:
        return Stake(told, nan, nan, count_people(broken) / story.months, 0.0, people=ids(broken))
    return weigh(story, told, broken, gap["measure"], gap, gap["p_value"])


def _gaps(story: Story) -> dict[str, pd.Series]:
    """How much less customers say where each promise was broken, among cases alike; those only where that stands."""
    with suppressed(NotMeasured):
        gaps = tested.likely(story, tested.promise_gaps(story, tested.cut(story)), "adjusted")
        return {gap["promise"]: gap for _, gap in gaps[gaps["adjusted_high"] < 0].iterrows() if gap["differs"]}
    return {}


def _gap_sentence(gap: pd.Series | None) -> str:
    if gap is None:
        return ""
    return say("promises.gap", score=PERCEIVED[gap["measure"]][0], gap=write_gap(gap))


def _strategy(story: Story) -> list[blocks.Block]:
    """The declared strategy against the themes it lives by, in one sentence."""
    declared = story.config.strategy
    if declared is None or not story.has_texts:
        return []
    judged = tested.congruence(story, declared.archetype)
    themes = judged["theme"].map(name_blamed(story.themes)).groupby(judged["verdict"]).agg(list)
    told = [
        say(f"promises.{word}", themes=themes[verdict], share=OPEN_SHARE)
        for verdict, word in CONGRUENCE.items() if verdict in themes
    ]  # fmt: skip
    sentence = say("promises.strategy", strategy=WORDS["strategy"][declared.archetype], told="; ".join(told))
    if set(themes.index) == {UNKNOWN}:
        return [blocks.unknown(sentence, "more comments")]
    known = judged.dropna(subset="value")
    return [opened(blocks.finding(sentence, estimates_of(known)), *map(blaming, known["theme"]))]


@section
def show_views_apart(story: Story) -> Section:
    """Each promise by segment, and how far its two views lie apart: our records less the customers' view."""
    scored = _scored(story)
    if not scored["view_n"].sum():
        raise NotMeasured("it is not said whether a promise was kept", needed_for="the two views")
    names, notes = scored["segment"].replace(TOTAL, "all customers"), word_withheld(scored["withheld"], story.k)
    return section_of([_table("views_apart", scored.assign(segment=names, note=notes))])
