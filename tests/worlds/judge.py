"""What a published report asserts, held against what is true of its world."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analytics.report.words import THEME_WORDS
from analytics.tables.periods import period_of
from tests.worlds.publishing import PERIODS, Report, rows
from tests.worlds.world import HELPED, RATE, TEAMS, truths

PATTERNS = tomllib.loads(Path(__file__).with_name("patterns.toml").read_text(encoding="utf-8"))
SCORES = {"points": "nps", "share": "csat", "score": "ces"}
PROMISED = {"solved": 0.9, "callback": 0.9}
CALLBACKS = 0.97
MOVES = {"nps": 1.0, "csat": 0.5, "ces": 0.0225}  # of a score, in its points, with a point of the Net Promoter Score
CAUSES = {"reopened": ("reopen", "contacts", "back", "cost", "clock"), "wait_time_s": ("wait", "first")}


class Told(NamedTuple):
    """One sentence of a report."""

    text: str
    key: str = ""
    signal: str | None = None
    level: str = "finding"
    evidence: tuple[dict[str, Any], ...] = ()
    section: str = ""
    better: str | None = None


class Assertion(NamedTuple):
    """That something of a kind was told of a subject, and whether it is true; None where that is not judged."""

    kind: str
    subject: str
    true: bool | None
    sentence: str


class Interval(NamedTuple):
    """Whether an interval that was told holds the truth."""

    kind: str
    holds: bool
    sentence: str


def told(report: Report) -> list[Told]:
    """Every sentence once: findings, the lines of prose, and the titles of charts."""
    sentences = [
        Told(
            c["sentence"], c["key"] or "", c["signal"], c["level"], tuple(c["evidence"]), c["section"], c.get("better")
        )
        for c in report.claims
    ]
    lines = [line for block in report.blocks if block["kind"] == "prose" for line in block["text"].splitlines()]
    lines += [block["caption"] for block in report.blocks if block["kind"] == "figure"]
    sentences += [Told(line.lstrip("- "), section="prose") for line in lines if not line.startswith("#")]
    return list({sentence.text: sentence for sentence in reversed(sentences)}.values())[::-1]


def assertions(report: Report) -> Iterator[Assertion]:
    """Everything asserted of a kind that can be judged."""
    for sentence in told(report):
        yield from _patterns(report, sentence)
        if sentence.level == "finding":
            yield from _movement(report, sentence)
            yield from _keyed(report, sentence)
            yield from _teams(report, sentence)
    yield from _last_time(report)


def _movement(report: Report, told: Told) -> Iterator[Assertion]:
    world, word = report.world, told.signal
    if word not in ("rose", "fell", "no change") or re.search(PATTERNS["movement"]["years"], told.text):
        return
    if theme := told.key.removeprefix("problem:") if told.key.startswith("problem:") else _theme_in(told.text):
        quiet = not (world.fall or world.slow)
        if word != "no change":
            true = _theme_moved(world, theme, word) if quiet else None
            yield Assertion("theme moved", f"{theme} {word}", true, told.text)
        return
    if told.key.startswith(("action:", "new:", "thanked:")) or "complaints" in told.key:
        return
    score = SCORES.get(told.evidence[0]["unit"], "") if told.evidence else "complaints"
    fell, worse = world.fall + world.slow / 6, (word == "fell") == (told.better != "lower")
    if word != "no change":
        true = None if world.helps and not worse else bool(fell) and worse and score != "complaints"
        yield Assertion("score moved", score, true, told.text)
    elif score in MOVES and not (world.null or world.resolved_only):
        unseen = re.search(PATTERNS["movement"]["unseen"], told.text)
        bare = re.search(PATTERNS["movement"]["bare"], told.text) is None
        true = fell * MOVES[score] < float(unseen[1]) if unseen else not (bare and fell >= 5)
        yield Assertion("score did not move", score, true, told.text)


def _theme_moved(world: Any, theme: str, word: str) -> bool:
    """The doubled theme rose, and thereby every other fell a little."""
    return bool(world.theme) and (word == "rose") == (theme == world.theme)


def _keyed(report: Report, told: Told) -> Iterator[Assertion]:
    world = report.world
    if told.key.startswith("promise:"):
        promise = told.key.removeprefix("promise:")
        kept = _kept(report, promise) >= PROMISED[promise]
        for side, pattern in PATTERNS["promise"].items():
            for words in filter(None, (word for match in re.findall(pattern, told.text) for word in match)):
                kind = "promise kept" if words == "kept" else "promise not kept"
                yield Assertion(f"{kind}, {side}", promise, kept == (words == "kept"), told.text)
    if told.key.startswith("bands:"):
        true = None if world.faster and world.slow else any(word in told.key for word in CAUSES.get(world.cause, ()))
        yield Assertion("figure goes with the score", told.key, true, told.text)
    if told.key == "leaving:oftener":
        true = world.leaving and any(word in told.text for word in ("back", "reopened"))
        yield Assertion("leaving goes with", "", true, told.text)
    most = re.search(PATTERNS["theme"]["most"], told.text) and not re.search(PATTERNS["theme"]["open"], told.text)
    if most and (theme := _theme_in(told.text)):
        critical = _critical_named(report)
        top = critical[critical != ""].value_counts().idxmax()
        yield Assertion("named most", theme, bool(theme == top), told.text)
    if told.key.startswith("new:") and not (world.fall or world.slow):
        yield Assertion(
            "named anew", told.key, bool(world.theme) and world.theme in _themes_of(report, told.key), told.text
        )
    if told.key == "action:helped" and told.signal in ("rose", "fell"):
        yield Assertion("action noticed", "helped", bool(world.helps) and told.signal == "rose", told.text)
    if told.key.startswith("thanked:"):
        yield Assertion("team is thanked most", told.key, told.key.endswith(HELPED) and world.helps > 0, told.text)
    if told.key == "leaving:silent" and world.months < 15:
        yield Assertion("silent leavers without their year", "", False, told.text)


def _themes_of(report: Report, key: str) -> set[str]:
    """What half of the texts blame that a group of new ones holds."""
    groups = report.story.new_themes.set_index("group")
    ids = report.story.comments.loc[groups.at[key.removeprefix("new:"), "members"], "comment_id"]
    shares = report.made.named.reindex(ids).value_counts(normalize=True)
    return set(shares[shares >= 0.5].index)


def _teams(report: Report, told: Told) -> Iterator[Assertion]:
    world = report.world
    if told.key == "action:helped" or re.search(PATTERNS["group"]["excused"], told.text):
        return
    odd = {team for team, _ in world.teams} | {world.missed, HELPED if world.helps else ""}
    for team in TEAMS:
        if re.search(rf"\b{team}\b", told.text):
            yield Assertion("team differs", team, team in odd, told.text)


def _patterns(report: Report, told: Told) -> Iterator[Assertion]:
    world = report.world
    for kind, pattern in PATTERNS["sentence"].items():
        match = re.search(pattern, told.text)
        if not match or (kind in PATTERNS["not"] and re.search(PATTERNS["not"][kind], told.text)):
            continue
        subject = match[1]
        causes = (*CAUSES.get(world.cause, ()), *(("handle", "cost") if world.faster and world.slow else ()))
        true = {
            "asked": world.resolved_only and "closed" in subject,
            "model of leaving": world.leaving or None if world.repeats else world.leaving,
            "leaving goes with": world.leaving and any(word in subject for word in CAUSES["reopened"]),
            "no difference inside": not any(word in subject.lower() for word in causes),
            "cost and perception": world.slow > 0 and "fell" in told.text,
            "slow race": world.slow > 0 and world.faster,
        }.get(kind, any(word in subject.lower() for word in causes))
        if kind == "difference inside" and world.teams:
            true = None if "wait" in subject or "first answer" in subject else true
        yield Assertion(kind, subject, true, told.text)


def _last_time(report: Report) -> Iterator[Assertion]:
    """Earlier claims that are said not to hold any more; in these worlds only what moved last month does not."""
    for block in report.blocks:
        if block["kind"] == "table" and "said last time" in block["caption"].lower():
            frame = rows(block)
            for row in frame.map(str).to_numpy():
                if any(re.search(r"did not hold|does not hold", cell) for cell in row):
                    moved = bool(report.world.fall or report.world.theme)
                    yield Assertion("said last time, does not hold", "", moved or False, " | ".join(row[:1]))


# ---- what ought to be said -------------------------------------------------------------------------------------------


def expected(report: Report) -> Iterator[tuple[str, str]]:
    """Kind and subject of what goes on, which a reader ought to be told."""
    world = report.world
    if world.fall or world.slow:
        yield "score moved", "nps"
    if world.theme:
        yield "theme moved", f"{world.theme} rose"
    yield from (("team differs", team) for team, _ in world.teams)
    if world.helps:
        yield "action noticed", "helped"
    if world.cause:
        yield "difference inside or band", world.cause
    if world.resolved_only:
        yield "asked", "not closed"
    if world.leaving:
        yield "leaving goes with", ""
    if world.kept < PROMISED["solved"]:
        yield "promise not kept", "solved"
    if world.slow and world.faster:
        yield "slow race", ""


def is_told(kind: str, subject: str, every: list[Assertion]) -> bool:
    """Whether what goes on was told."""
    if kind == "difference inside or band":
        return any(a.true and a.kind in ("difference inside", "figure goes with the score") for a in every)
    loose = kind in ("asked", "leaving goes with", "slow race")
    return any(a.kind.split(",")[0] == kind and a.true and (loose or a.subject == subject) for a in every)


# ---- intervals -------------------------------------------------------------------------------------------------------


def intervals(report: Report) -> Iterator[Interval]:
    """Every interval that was told of a figure whose truth is known."""
    for sentence in told(report):
        for kind, estimate, truth in _truths(report, sentence):
            if estimate["value"] is not None:
                yield Interval(kind, _inside(estimate, truth), f"{sentence.text} (true: {truth:.3g})")


def _inside(estimate: dict[str, Any], truth: float) -> bool:
    return bool(estimate["low"] - 1e-9 <= truth <= estimate["high"] + 1e-9)


def _truths(report: Report, told: Told) -> Iterator[tuple[str, dict[str, Any], float]]:
    """Kind, estimate and truth of the figures of a sentence."""
    head, _, tail = told.key.partition(":")
    if not told.evidence:
        return
    first = told.evidence[0]
    if head == "score":
        yield "score", first, truths(_answered_now(report))[tail or SCORES[first["unit"]]]
    elif head == "problem":
        yield "problem", first, float((_critical_named(report) == tail).mean())
    elif told.key == "leaving:said":
        written = report.story.written["comment_id"]
        yield told.key, first, float(report.made.leaves.reindex(written).fillna(False).astype(bool).mean())
    elif head == "promise":
        for estimate in told.evidence:
            side = "records" if "company" in estimate["source"] else "their view"
            yield f"promise, {side}", estimate, _kept(report, tail)
    elif told.key == "response":
        yield told.key, first, RATE
    elif told.key == "leaving:silent" and report.world.months >= 15:
        yield told.key, first, _silent(report)


def _answered_now(report: Report) -> pd.DataFrame:
    surveys = report.made.tables["surveys"]
    now = surveys[period_of(surveys["responded_at"], "month") == PERIODS[-1]]
    return report.made.moods.reindex(now["response_id"])


def _critical_named(report: Report) -> pd.Series:
    """The theme that each of the texts blames which the report counts problems in; '' for none."""
    return report.made.named.reindex(report.story.critical["comment_id"]).fillna("")


def _kept(report: Report, promise: str) -> float:
    """Share of the month's cases in which a promise is kept; open cases of some worlds never are solved."""
    return CALLBACKS if promise == "callback" else report.world.kept * (0.8 if report.world.resolved_only else 1.0)


def _silent(report: Report) -> float:
    """Leavers of the last 90 days who neither complained nor answered in the twelve months before."""
    tables, end = report.made.tables, pd.Timestamp("2026-11-01", tz="UTC")
    left = tables["customers"].set_index("customer_id")["left_at"].dropna()
    left = left[left >= end - pd.Timedelta(days=90)]
    spoke = pd.concat([tables["surveys"].set_index("customer_id")["responded_at"].dropna(),
                       tables["complaints"].set_index("customer_id")["received_at"]])  # fmt: skip
    spoke = spoke[spoke.index.isin(left.index)]
    gone = left.reindex(spoke.index)
    heard = spoke.index[(spoke < gone) & (spoke > gone - pd.DateOffset(years=1))].unique()
    return float(1 - len(heard) / len(left)) if len(left) else np.nan


def _theme_in(text: str) -> str:
    """The theme with which a sentence begins, or whose label it tells of."""
    named = text.removeprefix("The share of texts labelled “").lower()
    return next((theme for theme, words in THEME_WORDS.items() if named.startswith(words.lower())), "")
