"""The report's section on who may leave: those who say so, the silent, who leaves oftener, and whom a call is worth.

The analysts' notebook adds how the model was judged, what listening adds, errors by segment, and the list of whom to
call, which a report never carries. What the measures' codes are called stands in ``leaving.toml``.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analytics.config import DERIVED
from analytics.measures.discoveries import detectable
from analytics.measures.estimate import OBSERVED
from analytics.measures.intervals import difference_bounds, z_score
from analytics.measures.leaving import churn_views as views
from analytics.measures.leaving.churn import ChurnRiskModel, TooFewLeaversError
from analytics.measures.leaving.features import HORIZON_DAYS
from analytics.measures.leaving.leakage import leakage_report
from analytics.measures.leaving.leavers import NobodyLeftError, SilentLeavers
from analytics.measures.leaving.ratios import MONTH_DAYS, happened
from analytics.measures.suppress import count_people, names_people, suppress
from analytics.publish import blocks, figures
from analytics.publish.format import format_interval, format_value
from analytics.report import tested
from analytics.report.checked import READ_150, describe_check
from analytics.report.query import Query, opened
from analytics.report.section import Section, Stake, gather, ids, not_known, open_question, section, section_of
from analytics.report.story import Story
from analytics.report.study import WORDS, leak_words
from analytics.report.words import capital, estimate_of, estimates_of, figure_of, finding_of, say, table_of
from analytics.tables.read import defuse
from analytics.tables.schema import FIELDS, NotMeasured

LISTED = 20  # customers shown of a call list
NAMED = 3  # things after which customers leave oftener, named in a sentence


@section
def show_leaving(story: Story) -> Section:
    """Who may leave: those who say so, the silent, who leaves oftener, and how many a call is worth; no line twice."""
    sections = [_in_words(part, story) for part in (_said, _silent, _oftener, _calls)]
    content = {block.data.get("sentence", id(block)): block for part in sections for block in part.blocks}
    unknowns = {block.data["sentence"]: block for part in sections for block in part.unknowns}
    shown = [*content.values()]
    answer = next((b for b in shown if b.kind == "finding" and b.data["level"] == "finding"), shown[0])
    return Section(shown, answer, [*unknowns.values()], stakes=[stake for part in sections for stake in part.stakes])


def _in_words(part: Callable[[Story], Section], story: Story) -> Section:
    """A part of the report; where a table or column is missing, one line that names neither."""
    try:
        return part(story)
    except NotMeasured as lack:
        name = "customers" if lack.table == "customers" else "words"
        told = [say(f"leaving.no_{name}{end}") for end in ("", "_settle", "_needs")]
        return open_question(*told) if lack.table else not_known(lack)


def _said(story: Story) -> Section:
    from analytics.text.read_sets import LEAVING

    if not story.has_texts:
        raise NotMeasured(table="surveys")
    written = story.written[story.written["churn_intent"].notna()]
    if written.empty:
        return open_question(say("leaving.none_read", period=story.period.label))
    people, named = count_people(written), names_people(written)
    if people < story.k:
        who = "customers wrote" if named else "texts came"
        few = say("leaving.few_wrote", k=story.k, period=story.period.label, who=who)
        return open_question(few, "more comments, or a longer period")
    check = story.shares_of([LEAVING], written)[LEAVING]
    share = check.estimate
    if math.isnan(share.value):
        counted = float((written["churn_intent"] >= views.INTENT).mean())
        return open_question(say("leaving.said_open", counted=counted, n=len(written)), READ_150)
    who = "customers who wrote" if named else "texts"
    aside = ", complaints aside," if story.has_both else ""
    they = "they" if named else "those who wrote them"
    facts = {"who": who, "they": they, "aside": aside, "period": story.period.label}
    sentence = say("leaving.said", share=share, checked=describe_check(check), **facts)
    line = blocks.finding(sentence, [share], key="leaving:said", better="lower", people=people)
    return section_of([opened(line, Query(leaving=True, among="written"))])


def _silent(story: Story) -> Section:
    try:
        leavers = tested.silent_leavers(story)
    except NobodyLeftError:
        return section_of([blocks.finding(say("leaving.nobody_left", days=HORIZON_DAYS))])
    if leavers.left < story.k:
        return open_question(say("leaving.few_left", k=story.k, days=HORIZON_DAYS))
    line = blocks.finding(silent_sentence(leavers), [leavers.share], key="leaving:silent", people=leavers.left)
    why = [blocks.unknown(say("leaving.silent_why"), settle=say("leaving.silent_settle"))] if leavers.silent else []
    more, low, _ = difference_bounds(leavers.rate_silent, leavers.rate_spoke)
    people = min(leavers.rate_silent.n, leavers.rate_spoke.n)
    if not (leavers.p_value <= tested.cut(story) and low > 0 and people >= story.k):
        return section_of([line], why)
    rates = [leavers.rate_silent, leavers.rate_spoke]
    told = say("leaving.silent_oftener", rates=rates, days=HORIZON_DAYS)
    oftener = blocks.finding(told, rates, key="leaving:silent_rate", people=people)
    a_month = leavers.rate_silent.n * MONTH_DAYS / HORIZON_DAYS
    stake = Stake(oftener, more * a_month, low * a_month, a_month, leavers.p_value, lost=True)
    return section_of([line, oftener], why, [stake])


def silent_sentence(leavers: SilentLeavers) -> str:
    """How many left in a window without a word, and how far words without a name could lower it."""
    nameless = say("leaving.nameless", x=leavers) if leavers.nameless else ""
    last, days = leavers.end - pd.Timedelta(days=1), (leavers.end - leavers.start).days
    return say("leaving.silent", x=leavers, days=days, last=last, share=leavers.share, nameless=nameless)


def _oftener(story: Story) -> Section:
    """After what customers leave oftener, the most leavers more first."""
    table = tested.leaving_ratios(story, tested.cut(story))
    table = table.assign(event=table["event"].map(WORDS["events"]), key=table["event"])
    apart = table[(table["p_value"] <= tested.cut(story)) & (table["value"] > 1)]
    if apart.empty:
        error = np.log(table["high"] / table["low"]) / (2 * z_score(1 - tested.cut(story)))
        seen = float(np.exp(detectable(error, tested.cut(story)).median()))
        return section_of([blocks.finding(say("leaving.no_event", n=len(table), seen=seen, days=HORIZON_DAYS))])
    apart = apart.sort_values("more_low", ascending=False, kind="stable")
    first = apart.head(NAMED)
    figures_of = (format_interval(row["value"], row["low"], row["high"], row["unit"]) for _, row in first.iterrows())
    named = [f"{event} ({x}, {span})" for event, (x, span) in zip(first["event"], figures_of, strict=True)]
    sentence = say("leaving.oftener", events=named, days=HORIZON_DAYS) + tested.leaving_study(story).drawn
    people = int(first["people"].min())
    line = blocks.finding(sentence, estimates_of(first), key="leaving:oftener", people=people)
    return section_of([line], stakes=[_stake(row, story) for _, row in apart.iterrows()])


def _stake(row: pd.Series, story: Story) -> Stake:
    sentence = say("leaving.stake", event=row["event"], ratio=estimate_of(row), days=HORIZON_DAYS)
    line = blocks.tagged(finding_of(row, sentence, key=f"leaving:after:{row['key']}"), places=["leaving-oftener"])
    now = tested.leaving_study(story).now
    people = ids(now[happened(now).get(row["key"], pd.Series(False, now.index))])
    figure, weight = row["key"].partition("_")[2], (row["more"], row["more_low"], row["touched"], row["p_value"])
    return Stake(line, *weight, people=people, lost=True, figure=figure)


def _calls(story: Story) -> Section:
    """For how many a call is worth its cost, where the model's risks can be relied on."""
    try:
        study = tested.leaving_study(story)
        model = study.model
    except TooFewLeaversError as few:
        return open_question(say("leaving.next_unknown", why=few.what), say("leaving.few_leavers_settle"))
    except NotMeasured as lack:
        if lack.table:
            raise
        return open_question(say("leaving.no_model_here"))
    now, costs = study.now, story.config.costs
    if model.evaluation_["auc"].low <= 0.5:
        return open_question(model_sentence(model), say("leaving.few_leavers_settle"))
    if not model.calibrated_ or views.VALUE not in now or now[views.VALUE].isna().all():
        return open_question(say("leaving.calls_unknown"), say("leaving.calls_settle"))
    calls, price = study.calls, say("leaving.price", money=costs.currency, costs=costs)
    if len(calls) < story.k:
        return section_of([blocks.finding(say("leaving.few_calls", price=price, k=story.k))])
    gain = format_value(float(f"{calls['expected_gain'].sum():.2g}"), "count")
    sentence = say("leaving.calls", price=price, n=len(calls), customers=len(now), money=costs.currency, gain=gain)
    return section_of([blocks.finding(sentence, people=len(calls))])


@section
def show_leaks(story: Story) -> Section:
    """Columns of the customer records that know who left and therefore stay out of the model."""
    customers = story.tables.customers
    fields = {field.name for field in FIELDS["customers"]}
    extra = [c for c in customers if c not in fields] if customers is not None and "left_at" in customers else []
    if not extra or customers is None or customers["left_at"].nunique() < 1 or customers["left_at"].notna().all():
        raise NotMeasured("no further column of customers, or nobody left", needed_for="a look at leaks")
    leaks = leak_words(leakage_report(customers[extra], customers["left_at"]))
    named = [f"{column} ({reason})" for column, reason in leaks.items()]
    sentence = say("leaving.leak" if leaks else "leaving.no_leak", leaks=named, n=len(extra))
    return section_of([blocks.finding(sentence, people=len(customers))])


@section
def show_risk(story: Story) -> Section:
    """Whether a model can tell who leaves, against tenure alone and a coin, and whether its probabilities fit."""
    study = tested.leaving_study(story)
    model = study.model
    evidence = [model.evaluation_["auc"], *([model.baseline_["auc"]] if model.baseline_ else [])]
    sentence, n = f"{model_sentence(model)}{study.drawn}", evidence[0].n
    rows = [
        {"figure": capital(name.replace("_", " ")).replace("Auc", "AUC"), **vars(e)}
        | {"tenure": figure_of(model.baseline_[name]) if model.baseline_ else None}
        for name, e in model.evaluation_.items()
    ]
    parts = "; ".join(f"{part}: {row.leavers:,} of {row.customers:,} left" for part, row in model.counts_.iterrows())
    error = replace(model.evaluation_["calibration_error"], unit="points")
    error = replace(error, **{name: 100 * getattr(error, name) for name in ("value", "low", "high")})
    fit = say("leaving.calibrated" if model.calibrated_ else "leaving.uncalibrated", e=error)
    unfit = blocks.unknown(fit, say("leaving.few_leavers_settle"))
    calibrated = blocks.finding(fit, [error], people=n) if model.calibrated_ else unfit
    ranked = blocks.finding(sentence, evidence, key="leaving:auc", people=n)
    facts: dict[str, Any] = {"n": n, "date": _judged_on(story, model), "parts": capital(parts)}
    listing = table_of("model", pd.DataFrame(rows), people=n, **facts)
    return section_of([ranked, listing, calibrated, table_of("calibration", model.calibration(), people="n", **facts)])


def model_sentence(model: ChurnRiskModel) -> str:
    """What the evaluation allows to say."""
    auc, days = model.evaluation_["auc"], model.horizon_days
    pairs = say("leaving.pairs", auc=auc, low=100 * auc.low, high=100 * auc.high)
    if auc.low <= 0.5:
        return say("leaving.chance", days=days, pairs=pairs)
    tenure = say("leaving.tenure", auc=model.baseline_["auc"]) if model.baseline_ else ""
    level, leavers = "" if model.calibrated_ else say("leaving.only_ranks"), model.counts_["leavers"]["test"]
    return say("leaving.better", days=days, pairs=pairs, tenure=tenure, level=level, leavers=leavers)


def describe_model(model: ChurnRiskModel) -> str:
    """Write the model card in Markdown, for whoever has to decide about the model's use."""
    figures_of = {"model": model.evaluation_, "tenure alone": model.baseline_}
    rows = {(who, name): vars(e) for who, figures in figures_of.items() for name, e in figures.items()}
    figures_table = pd.DataFrame.from_dict(rows, orient="index")[["value", "low", "high"]].round(3).to_string()
    return Path(__file__).with_name("model_card.md").read_text(encoding="utf-8").format(
        days=model.horizon_days, sentence=model_sentence(model), parts=model.counts_.to_string(),
        figures=figures_table, test=model.cutoffs_["test"], features=", ".join(model.columns_),
    )  # fmt: skip


@section
def show_said_against_silent(story: Story) -> Section:
    """Who left of those who said so and of those who never spoke, what it was worth, and whom the model found."""
    return section_of(*gather(lambda: _groups(story, "words"), lambda: _groups(story, "answers")))


def _judged_on(story: Story, model: ChurnRiskModel) -> pd.Timestamp:
    """The day on whose customers a model is judged, in the organisation's zone."""
    return pd.Timestamp(model.cutoffs_["test"]).tz_convert(story.period.end.tz)


def _groups(story: Story, by: str) -> list[blocks.Block]:
    """Groups of customers by what they had said, or by what had become of our surveys, set against each other."""
    study, silent = tested.leaving_study(story), tested.silent_leavers(story)
    model = study.model
    table = views.leaving_by(model, study.features, by).assign(label=lambda t: t["group"].map(WORDS[by]))
    shown = suppress(table, story.k, by=["group"], count="left").dropna(axis="columns", how="all")
    facts: dict[str, Any] = {"head": WORDS["label_heads"][by], "days": model.horizon_days}
    facts |= {"date": _judged_on(story, model), "money": story.config.costs.currency}
    facts |= {"silent": silent.silent, "drawn": study.drawn}
    n = int(table["customers"].sum())
    return [table_of("leaving", shown, n=n, people=["customers", "left"], **facts)]


@section
def show_listening(story: Story) -> Section:
    """What customers' words and scores add to internal figures."""
    study = tested.leaving_study(story)
    listening = views.compare_listening(study.model, study.features)
    gain = listening.gain
    points = replace(gain, value=100 * gain.value, low=100 * gain.low, high=100 * gain.high, unit="points")
    evidence = [points, listening.both, listening.internal, listening.heard]
    return section_of([blocks.finding(listening_sentence(listening), evidence, key="leaving:listening", people=gain.n)])


def listening_sentence(listening: views.Listening) -> str:
    """What listening adds, claiming no more than the interval of the gain."""
    gain, heard = listening.gain, say("leaving.heard", x=listening)
    scale = say("leaving.gain", x=listening, value=100 * gain.value, low=100 * gain.low, high=100 * gain.high)
    effect = "helps" if gain.low > 0 else "harms" if gain.high < 0 else "unclear"
    return say(f"leaving.{effect}", gain=scale, heard=heard)


@section
def show_leaving_after(story: Story) -> Section:
    """After what customers leave oftener, or seldom, all that is recorded in one chart."""
    table = tested.leaving_ratios(story, tested.cut(story))
    table = table.assign(event=table["event"].map(WORDS["events"]))
    apart = int((table["p_value"] <= tested.cut(story)).sum())
    rows = tested.leaving_study(story).features["left_within"].notna().sum()
    drawing = blocks.figure(
        figures.plot_intervals(table, by="event", unit="times", reference=1.0, label="times as often as without it"),
        alt=f"Ratios of leaving for {len(table)} things that happened to customers; {apart} stand.", source=OBSERVED,
        caption=f"How many times as often customers leave within {HORIZON_DAYS} days.", n=int(rows),
        people=table["people"], note=say("leaving.ratios_note"),
    )  # fmt: skip
    return section_of([drawing])


@section
def show_call_list(story: Story) -> Section:
    """Whom to call and why: ids and reasons, for the team that calls."""
    calls, money, parts = _call_list(story), story.config.costs.currency, _calls(story).blocks
    if len(calls):
        facts: dict[str, Any] = {"listed": min(LISTED, len(calls)), "money": money, "k": story.k}
        parts.append(table_of("call_list", calls.head(LISTED), n=len(calls), people=1, **facts))
    return section_of(parts)


def _call_list(story: Story) -> pd.DataFrame:
    """Whom a call is worth, with the reasons written out."""
    study, words = tested.leaving_study(story), WORDS["events"]
    calls = views.rank_customers(study.model, study.now, story.config.costs, story.k)
    return calls.assign(reasons=["; ".join(words[name] for name in names) for names in calls["reasons"]])


@section
def keep_call_list(story: Story) -> Section:
    """Write the call list, the model and its card into data/derived, by part and period; no report carries them."""
    if story.narrowing:
        raise NotMeasured("the call list is kept for all customers alone", needed_for="the files of leaving")
    part = f"{story.config.report_folder('leaving', story.part).name}/{story.period.name}"
    target = story.config.derived(part)
    model, calls = tested.leaving_study(story).model, _call_list(story)  # NotMeasured before a folder is made
    target.mkdir(parents=True, exist_ok=True)
    defuse(calls).to_csv(target / "call_list.csv", index=False)
    model.save(target / "model.json")
    (target / "model_card.md").write_text(describe_model(model), encoding="utf-8")
    return section_of([blocks.finding(say("leaving.kept", folder=f"{DERIVED}/{part}", n=len(calls)))])


@section
def show_fairness(story: Story) -> Section:
    """Whether the model errs more often for some segments: every error that differs, with its figures."""
    study = tested.leaving_study(story)
    table = views.fairness(study.model, study.features)
    table = table[table["n"] >= story.k]
    if (table["measure"] == views.ERRORS[0]).sum() < 2:
        raise NotMeasured("fewer than two segments with enough leavers", needed_for="a look at fairness")
    apart = [name for name in views.ERRORS if table.loc[table["measure"] == name, "differs"].any()]
    parts = []
    for name in apart or views.ERRORS[:1]:
        rows = table[table["measure"] == name]
        named = [f"{row['group']} {figure_of(estimate_of(row))}" for _, row in rows.iterrows()]
        verdict = say("leaving.unequal" if apart else "leaving.equal")
        sentence = say("leaving.fairness", error=WORDS["errors"][name], rows=named, verdict=verdict)
        parts.append(blocks.finding(sentence, estimates_of(rows), people=int(rows["n"].min())))
    return section_of(parts)
