"""Every test whose result a report may tell, made once, under one rate of false findings.

Facts only: the sections read them here and word them. A test that is told without standing here is a fault. A fact
takes the `level` at which its findings stand and its intervals are drawn: first an arbitrary one, for the p-values that
`cut` counts, then `cut` itself.

Figures held against a declared bound (`LEVELS`) are counted apart: most of them are true findings in any report, and
would let the same share of false ones in among the differences and movements, also where nothing goes on.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from analytics.contrast.bands import Bands, contrast_bands
from analytics.contrast.diagnosis import Diagnosis, Problem, alike_measures, diagnose, internal_measures
from analytics.contrast.drift import Drift, find_drift
from analytics.contrast.groups import PERCEPTIONS, contrast_groups
from analytics.contrast.problems import OPEN_SHARE
from analytics.contrast.signals import CHANCE, NO_CHANGE, Change, Signals
from analytics.contrast.strategy import ARCHETYPES, UNKNOWN, judge_strategy
from analytics.contrast.watermelon import find_watermelons
from analytics.measures.actions import score_actions
from analytics.measures.discoveries import ALIKE, discovery_threshold, shrink
from analytics.measures.estimate import SAID
from analytics.measures.intervals import estimate_share
from analytics.measures.invitations import MATERIAL, STEPS
from analytics.measures.leaving import leavers
from analytics.measures.leaving.features import HORIZON_DAYS
from analytics.measures.promises import BROKEN, KEPT, Verdict, judge_promise, score_promises
from analytics.measures.recovery import Recovery, score_recovery
from analytics.measures.suppress import count_people
from analytics.report import movement
from analytics.report.facts import RATE, asked, blame, categories, once, people_of, thanks_by_team
from analytics.report.retest import figures_of, last_claims, retest
from analytics.report.score import DISPUTED, Score
from analytics.report.story import Story
from analytics.report.study import Study, study_leaving
from analytics.report.words import EXPLAINED, estimate_of
from analytics.tables.parts import group_columns
from analytics.tables.schema import FIELDS, NotMeasured, require

COMPLAINTS = "complaints"  # the number of them, among the series that may move
RECORDED = 0.5  # share of cases that must carry cost before it may speak for them
SCORED = 100  # answers from which recorded figures are set beside a score
LOW_SCORE = "low score"  # key of the problem that answers in numbers name
ROOM = 10  # tests as which all groups of new texts count, however many there are


@once
def cut(story: Story) -> float:
    """Largest p-value that stands when all tests of a difference or movement are counted (Benjamini-Hochberg).

    Of each kind three findings count towards the others. Where none stands it is the smallest threshold: no test
    reaches it, and intervals at its level hold no difference.
    """
    every = _every(story)
    return discovery_threshold(every, RATE, every.index.get_level_values(0).tolist())


@once
def level_cut(story: Story) -> float:
    """As `cut`, for the figures that are held against a declared bound."""
    return discovery_threshold(_together(story, LEVELS), RATE)


def bar(story: Story) -> float:
    """The p-value that one finding more would need to stand."""
    every = _every(story)
    standing = every[every <= cut(story)].groupby(level=0).size().clip(upper=ALIKE).sum()
    return RATE * (int(standing) + 1) / max(len(every), 1)


def likely(story: Story, rows: pd.DataFrame, of: str) -> pd.DataFrame:
    """Rows with sizes `of` differences as they are told where their tests stand: shrunk, inside their intervals."""
    p_value = rows[f"{of}_p" if f"{of}_p" in rows else "p_value"]
    told = np.clip(shrink(rows[of], p_value, _every(story)), rows[f"{of}_low"], rows[f"{of}_high"])
    return rows.assign(**{of: told})


@once
def _every(story: Story) -> pd.Series:
    """P-values of all tests of a difference or movement, by kind."""
    return _together(story, TESTS)


def _together(story: Story, tests: "Tests") -> pd.Series:
    together: pd.Series = pd.concat([_p_values(story, test) for test in tests], keys=range(len(tests)))
    return together


def _p_values(story: Story, test: Callable[[Story], Iterable[float]]) -> pd.Series:
    try:
        return pd.Series(list(test(story)), dtype=object).dropna().astype(float)
    except NotMeasured:
        return pd.Series(dtype=float)


# What explains an open problem


def perceived(story: Story) -> str:
    """The score that recorded figures and targets are set beside: the first that enough cases carry, else any."""
    counts = {c: int(story.cases_recent[c].notna().sum()) for c in PERCEPTIONS if c in story.cases_recent}
    given = [c for c in counts if counts[c] >= SCORED] or [c for c in counts if counts[c]]
    if not given:
        raise NotMeasured("no case with a score (nps, csat, ces)", needed_for="what goes with the score")
    return given[0]


@once
def low_score(story: Story) -> Problem:
    """Low marks as a problem that customers named, open where more than a few gave them."""
    column = perceived(story)
    now = story.answers[story.answers["period"] == story.period.name][column].dropna()
    unhappy = now.le(story.asked[column].unhappy)
    evidence = estimate_share(float(unhappy.sum()), len(unhappy), SAID, story.confidence)
    return Problem(column, unhappy, evidence, bool(evidence.low > OPEN_SHARE), key=LOW_SCORE)


@once
def open_problems(story: Story) -> list[Problem]:
    """The open themes, the most named first."""
    table, critical = story.problem_table, story.naming()
    rows = [row for _, row in table[table["open"]].head(EXPLAINED).iterrows()]
    named = ((story.naming(row["theme"]), row) for row in rows)
    return [Problem(row["theme"], has, estimate_of(row), True, row["theme"], critical) for has, row in named]


@once
def disputes(story: Story) -> Problem | None:
    """Our answers that customers dispute, as a problem that they named; None where that is not recorded or too rare."""
    complaints, column = story.tables_now.complaints, DISPUTED.column
    if complaints is None or column not in complaints:
        return None
    answers = complaints[column].dropna()
    if count_people(complaints.loc[answers.index[answers.astype(bool)]]) < story.k:
        return None
    evidence = DISPUTED.measure(answers, confidence=story.confidence)
    return Problem(column, story.cases_recent.set_index("case_id")[column], evidence, key=column)


def recorded(story: Story) -> list[str]:
    """Figures of the operation, and columns of words that its contacts carry, persons left out."""
    contacts = story.tables.contacts
    ours = {field.name for field in FIELDS["contacts"]}
    groups = [] if contacts is None else [c for c in group_columns(contacts, "contacts") if c not in ours]
    return [*internal_measures(story.cases_recent), *(c for c in groups if c in story.cases_recent)]


@once
def diagnosis(story: Story, key: str, level: float = RATE) -> Diagnosis:
    """What differs inside for one open problem, by its key."""
    if level != RATE:
        usual: Diagnosis = diagnosis(story, key)
        return usual.at(level)
    among = [disputes(story)] if key == DISPUTED.column else open_problems(story)
    problem = next((p for p in among if p is not None and p.key == key), None)
    if problem is None or people_of(story, problem) < story.k:
        raise NotMeasured(f"fewer than {story.k} customers", needed_for="what explains an open problem")
    return diagnose(problem, story.cases_recent, recorded(story), k=story.k, names=story.config.names, cut=RATE)


@once
def bands(story: Story, level: float = RATE) -> list[Bands]:
    """What customers say beside each recorded figure, the strongest trend first, while low marks are a problem."""
    problem, cases = low_score(story), story.cases_recent
    scored = cases[cases[problem.name].notna()]
    if not problem.is_open or len(scored) < SCORED:
        return []
    tables: list[Bands] = []
    options: dict[str, Any] = {"confidence": story.confidence, "minimum": story.k, "cut": level}
    for measure in alike_measures(scored, internal_measures(scored)):
        with suppress(NotMeasured):
            tables.append(contrast_bands(scored, measure, problem.name, **options))
    return sorted(tables, key=lambda b: (round(b.p_value, 12), -round(abs(b.difference / b.seen), 9)))


@once
def watermelons(story: Story, level: float = RATE) -> pd.DataFrame:
    """The targets of each group beside what customers say there."""
    return find_watermelons(
        story.cases_recent, story.config.targets, perceived(story), contacts=story.recent.contacts,
        confidence=story.confidence, minimum=story.k, cut=level,
    )  # fmt: skip


@once
def relief(story: Story, level: float = RATE) -> pd.DataFrame:
    """Answers disputed by what was done for the customer."""
    cases = require(story.cases_recent, [DISPUTED.column, "remedy"], "disputes by kind of relief")
    if not cases[[DISPUTED.column, "remedy"]].notna().all(axis=1).any():
        raise NotMeasured(table="complaints", columns=[DISPUTED.column], needed_for="disputes by kind of relief")
    return contrast_groups(cases, DISPUTED.column, "remedy", minimum=story.k, confidence=story.confidence, cut=level)


@once
def drift(story: Story, level: float = RATE) -> tuple[str, Drift]:
    """Cost against perception over the history, and which column cost is."""
    cases = story.cases
    cost = next((c for c in ("cost", "handle_time_s") if c in cases and cases[c].notna().mean() >= RECORDED), None)
    if cost is None:
        raise NotMeasured(table="contacts", columns=["cost"], needed_for="cost against perception")
    return cost, find_drift(cases, cost, perceived(story), story.period.frequency, confidence=1 - level)


def _of_diagnoses(story: Story) -> list[float]:
    p: list[float] = []
    for key in problem_keys(story):
        with suppress(NotMeasured):
            p += diagnosis(story, key).frame[["p_value", "apart_p"]].to_numpy(float).ravel().tolist()
    return p


def problem_keys(story: Story) -> list[str]:
    """Keys of the open problems: a low score beside which figures are recorded, themes, and disputed answers."""
    keys = [] if lack_of_themes(story) else [problem.key for problem in open_problems(story)]
    with suppress(NotMeasured):
        keys = [LOW_SCORE] * bool(bands(story)) + keys
    return [*keys, DISPUTED.column] if disputes(story) else keys


def lack_of_themes(story: Story) -> NotMeasured | None:
    """Why no open theme can be told; None where it can."""
    try:
        open_problems(story)
    except NotMeasured as lack:
        return lack
    return None


@once
def groupings(story: Story, level: float = RATE) -> dict[str, pd.DataFrame]:
    """The leading score of the period by team, and by every further column of its answers and of their contacts."""
    answers, columns = answers_now(story)
    lead, level_of = story.scores[0].column, {"confidence": story.confidence, "cut": level}
    return {by: contrast_groups(answers, lead, by, within=(), minimum=story.k, **level_of) for by in columns}


@once
def answers_now(story: Story) -> tuple[pd.DataFrame, list[str]]:
    """The period's answers with the further columns of their own table, and the team and those of their contact."""
    lead = story.scores[0].column
    answers = story.answers[story.answers["period"] == story.period.name].drop(columns="period")
    answers = answers[answers[lead].notna()]
    contacts = story.tables.contacts
    if contacts is not None and "contact_id" in answers:
        ours = {*answers.columns, *(field.name for field in FIELDS["surveys"])}
        further = ["team", *group_columns(contacts, "contacts")]
        further = [c for c in further if c in contacts and c not in ours]
        answers = answers.join(contacts.drop_duplicates("contact_id").set_index("contact_id")[further], on="contact_id")
    return answers, group_columns(answers, "complaints" if lead == DISPUTED.column else "surveys")


def problems(story: Story) -> pd.DataFrame:
    """`Story.problem_table` with the words of movement that stand when all tests of the report are counted."""
    return _standing_words(story, story.problem_table, "moved_p")


def category_words(story: Story) -> pd.DataFrame:
    """As `categories`, with the words that stand when all tests of the report are counted."""
    return _standing_words(story, categories(story), "p_value")


def _standing_words(story: Story, table: pd.DataFrame, p_value: str) -> pd.DataFrame:
    return table.assign(word=table["word"].mask(table[p_value] > cut(story), NO_CHANGE))


# What we changed, promised and put right, and who leaves


@once
def actions(story: Story, level: float = RATE) -> pd.DataFrame:
    """Every declared action with what became of it, as known at the period's end."""
    comments = story.comments if story.has_texts else None
    report = story.config.report.model_copy(update={"confidence": 1 - level})
    config = story.config.model_copy(update={"report": report})
    return score_actions(story.tables, config, comments, story.period.end)


@once
def promises(story: Story) -> pd.DataFrame:
    """Each promise as it came due in the period (`score_promises`), its verdicts not yet counted among all tests."""
    declared, since = story.config.promises, story.period.start
    if not declared:
        raise NotMeasured("no promise is declared", needed_for="promises")
    comments = story.comments if story.has_texts else None
    return score_promises(declared, story.tables, story.cases, comments, story.confidence, since)


def promise_verdicts(story: Story) -> pd.DataFrame:
    """As `promises`, with the verdicts that stand when all figures held against a bound are counted."""
    scored: pd.DataFrame = promises(story)
    standing = {
        f"{side}_verdict": scored[f"{side}_verdict"].where(scored[f"{side}_p"] <= level_cut(story), Verdict.UNKNOWN)
        for side in ("records", "view")
    }
    return scored.assign(**standing)


@once
def promise_gaps(story: Story, level: float = RATE) -> pd.DataFrame:
    """What customers say where each `promise` was broken, beside cases alike in which it was kept."""
    options: dict[str, Any] = {"minimum": story.k, "confidence": story.confidence, "cut": level}
    sides = {id_: contrast_groups(cases, perceived(story), "met", **options) for id_, cases in _judged(story).items()}
    if not sides:
        raise NotMeasured("no promise with a measure is declared", needed_for="promises")
    return pd.concat([side[side["met"].eq(BROKEN)].assign(promise=id_) for id_, side in sides.items()])


@once
def _judged(story: Story) -> dict[str, pd.DataFrame]:
    """The recent cases in which each promise with a measure was kept or broken, by its id."""
    comments, cases = story.comments if story.has_texts else None, story.cases_recent
    vows = (promise for promise in story.config.promises if promise.measure is not None)
    met = {vow.id: judge_promise(vow, story.tables, cases, comments)["met"] for vow in vows}
    return {id_: cases.loc[each.index].assign(met=each)[each.isin([KEPT, BROKEN])] for id_, each in met.items()}


@once
def recovery(story: Story) -> Recovery:
    """Remedy, gestures and what followed, in whole steps of the smallest group."""
    return score_recovery(story.tables, story.period.end, story.confidence, step=story.k)


@once
def leaving_study(story: Story) -> Study:
    """What is known of customers at past cut-offs, and the model of leaving."""
    return study_leaving(story)


@once
def leaving_ratios(story: Story, level: float = RATE) -> pd.DataFrame:
    """How many times as often customers leave after each thing that happened to `k` people or more."""
    every = leaving_study(story).ratios.at(1 - level)
    table: pd.DataFrame = every[every["people"] >= story.k].reset_index(drop=True)
    if level != RATE:
        told = np.exp(shrink(np.log(table["value"]), table["p_value"], _every(story)))
        table["value"] = table["value"].where(table["p_value"] > level, np.clip(told, table["low"], table["high"]))
    if table.empty:
        raise NotMeasured("nothing recorded of enough customers", needed_for="leaving after something")
    return table


@once
def silent_leavers(story: Story) -> leavers.SilentLeavers:
    """Leavers of the last 90 days who had not spoken in the year before they left."""
    end = story.period.end
    return leavers.estimate_silent_leavers(story.tables, start=end - pd.Timedelta(days=HORIZON_DAYS), end=end)


@once
def movements(story: Story) -> dict[str, Signals]:
    """Whether each score, the share of unhappy answers and the number of complaints moved, before other tests count."""
    scores = movement.shown_scores(story)
    watched = [*scores, *(movement.not_unhappy(lead) for lead in scores[:1] if lead is not DISPUTED)]
    signals = {score.name: movement.measure_movement(story, score) for score in watched}
    return signals | ({COMPLAINTS: counts} if (counts := movement.count_complaints(story)) is not None else {})


@once
def moved(story: Story, score: Score) -> Signals:
    """What may be said about a score's movement when all tests of the report are counted."""
    signal = movement.measure_movement(story, score, min(CHANCE, bar(story)))
    return replace(signal, change=None if signal.change is None else replace(signal.change, among=_every(story)))


def apart(story: Story, score: Score) -> dict[int, Change]:
    """The earlier periods, by how many back, from which a score's latest figure differs when all tests are counted."""
    against = movements(story)[score.name].against
    standing = {back: change for back, change in against.items() if change.p_value <= min(cut(story), CHANCE)}
    return {back: replace(change, among=_every(story)) for back, change in standing.items()}


def _of_movement(story: Story) -> list[float]:
    """P-values of each series against its past, and of each score against single earlier periods."""
    signals = movements(story).values()
    return [p for s in signals for p in (s.p_value, *(c.p_value for c in s.against.values()))]


def _of_last_claims(story: Story) -> Iterable[float]:
    """P-values of the last report's figures against this period's."""
    last = last_claims(story)
    return [] if last is None else retest(last[1], figures_of(story))["p_value"]


def congruence(story: Story, archetype: str) -> pd.DataFrame:
    """Verdicts on the declared strategy (`judge_strategy`) that stand when all figures held against a bound count."""
    judged = judge_strategy(archetype, story.problem_table)
    p_value = blame(story).reindex(judged["theme"]).min(axis=1).to_numpy()
    return judged.assign(verdict=judged["verdict"].where(p_value <= level_cut(story), UNKNOWN))


def _of_shares(story: Story) -> Iterable[float]:
    """P-values of themes that customers name, and of those by which the declared strategy lives."""
    p_values, strategy = blame(story), story.config.strategy
    lived = [] if strategy is None else [theme for theme in ARCHETYPES[strategy.archetype] if theme in p_values.index]
    return [*p_values["above"], *p_values.loc[lived, "below"]]


def _of_invitations(story: Story) -> Iterable[float]:
    """P-values of who is asked and answers, of groups that may be named; 1 of those that lack no material part."""
    named = asked(story).table.query("by != 'agent_id'")
    shares = ((named[f"{step}_p"], named[f"{step}_share"] / named[f"{step}_expected"]) for step, _ in STEPS)
    return [p for p_values, part in shares for p in p_values.mask(part >= MATERIAL, 1.0)]


def new_themes(story: Story) -> pd.DataFrame:
    """Groups of texts that no theme covers, of `k` people or more and no praise, that are named more than before."""
    every = story.new_themes
    more = _as_few(every["p_value"]) <= cut(story)
    standing: pd.DataFrame = every[more & (every["people"] >= story.k) & ~every["praise"]]
    return standing


def _as_few(p_values: pd.Series) -> pd.Series:
    """P-values of many tests as if they were `ROOM`: each has the same part of the weight of so many."""
    return (p_values.astype(float) * max(p_values.count() / ROOM, 1.0)).clip(upper=1.0)


Tests = tuple[Callable[[Story], Iterable[float]], ...]  # each gives the p-values of one kind of test, all of them
LEVELS: Tests = (
    lambda story: promises(story).drop_duplicates("promise")[["records_p", "view_p"]].to_numpy(float).ravel(),
    _of_shares,
)
TESTS: Tests = (  # what another process makes comes last
    _of_diagnoses,
    lambda story: story.problem_table["moved_p"],
    lambda story: promise_gaps(story)["p_value"],
    lambda story: thanks_by_team(story)["p_value"],
    _of_last_claims,
    _of_movement,
    lambda story: [table.p_value for table in bands(story)],
    lambda story: watermelons(story)["p_value"],
    lambda story: relief(story)["p_value"],
    lambda story: [drift(story)[1].p_value],
    lambda story: [p for rows in groupings(story).values() for p in rows["p_value"]],
    lambda story: categories(story)["p_value"],
    _of_invitations,
    lambda story: [s.p_value for s in [silent_leavers(story)] if s.rate_silent.value > s.rate_spoke.value],
    lambda story: leaving_ratios(story)["p_value"],
    lambda story: actions(story)["p_value"],
    lambda story: [compared.p_value for compared in recovery(story).leaving[:1]],
    lambda story: _as_few(story.new_themes["p_value"].mask(story.new_themes["praise"], 1.0)).nsmallest(ROOM),
)
