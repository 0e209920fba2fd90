"""The report's section on who may leave: those who say so, the silent, what a model finds, and what listening adds.

The analysts' notebook shows the same findings one by one, with the list of whom to call, which a report never carries.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analytics.measures.estimate import OBSERVED, Estimate
from analytics.measures.leaving.churn_views import (
    SAID,
    SILENT,
    VALUE,
    describe_model,
    fairness,
    leaving_by_answer,
    said_and_silent,
    write_call_list,
)
from analytics.measures.leaving.leakage import leakage_report
from analytics.measures.leaving.leavers import estimate_silent_leavers
from analytics.measures.leaving.survival import hazard_ratios, leaving_after_complaint
from analytics.measures.shares import corrected_share
from analytics.measures.suppress import suppress
from analytics.publish import blocks, figures
from analytics.publish.blocks import Block
from analytics.publish.format import format_value
from analytics.publish.html import ACCENT
from analytics.report.story import Story, refuse_long
from analytics.report.study import Study
from analytics.report.words import Section, capital, estimate_of, figure_of, gather, listed, section
from analytics.tables.schema import FIELDS, NotMeasured

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LISTED = 20  # customers shown of a call list


@section
def show_leaving(story: Story) -> Section:
    """Who may leave: said, silent, what a model finds of each, what listening adds, and how far to trust it."""
    study = Study(story)
    shown, unknowns = gather(
        lambda: _said(story), lambda: _silent(story), lambda: _risk(study), lambda: _groups(study),
        lambda: _listening(study), lambda: _calibration(study), lambda: _calls(study), lambda: _fairness(study),
    )  # fmt: skip
    unknowns = list({b.data["sentence"]: b for b in unknowns}.values())
    repeated = {id(b) for b in shown if b.data.get("level") == "unknown"} - {id(b) for b in unknowns}
    shown = [b for b in shown if id(b) not in repeated]
    told = [b for b in shown if b.kind == "finding" and b.data["level"] == "finding"]
    return Section(shown, told[0] if told else shown[0], unknowns)


@section
def show_said_and_silent(story: Story) -> Section:
    """Those who say that they are leaving, and those who left without a word."""
    shown, unknowns = gather(lambda: _said(story), lambda: _silent(story))
    return Section(shown, shown[0], unknowns)


@section
def show_leaks(story: Story) -> Section:
    """Columns of the customer records that know who left and therefore stay out of the model."""
    shown = _leaks(story)
    return Section(shown, shown[0])


@section
def show_risk(study: Study) -> Section:
    """Whether a model can tell who leaves, against tenure alone and a coin, and whether its probabilities fit."""
    shown = [*_risk(study), *_figures_table(study), *_calibration(study)]
    return Section(shown, shown[0])


@section
def show_said_against_silent(study: Study) -> Section:
    """Who left of those who said so and of those who never spoke, what it was worth, and whom the model found."""
    shown = _groups(study)
    return Section(shown, shown[0])


@section
def show_listening(study: Study) -> Section:
    """What customers' words and scores add to internal figures."""
    shown = _listening(study)
    return Section(shown, shown[0])


@section
def show_time_to_leaving(study: Study) -> Section:
    """What goes together with leaving sooner, and what became of those who complained."""
    shown, unknowns = gather(lambda: _hazards(study), lambda: _after_complaint(study.story))
    return Section(shown, shown[0], unknowns)


@section
def show_call_list(study: Study) -> Section:
    """Whom to call and why: ids and reasons, for the team that calls."""
    calls = study.calls
    shown = _calls(study)
    if len(calls):
        heads = {"rank": "Rank", "customer_id": "Customer", "risk": "Risk", "expected_gain": "Expected gain",
                 "reasons": "What raises the risk"}  # fmt: skip
        shown.append(
            blocks.table(
                calls.head(LISTED), caption=f"The first {min(LISTED, len(calls))} to call.", source=OBSERVED,
                n=len(calls),
                columns=heads, formats={"risk": "share", "expected_gain": "count"},
                note=f"In {study.story.config.costs.currency}. A reason shared by fewer than {study.story.k} customers "
                "is left out.",
            )
        )  # fmt: skip
    return Section(shown, shown[0])


@section
def show_fairness(study: Study) -> Section:
    """Whether the model errs more often for some segments."""
    shown = _fairness(study)
    return Section(shown, shown[0])


@section
def keep_call_list(study: Study) -> Section:
    """Write the call list, the model and its card into data/derived/leaving/<period>, which no report carries."""
    folder = f"data/derived/leaving/{study.story.period.name}"
    target = study.story.config.resolve(folder)
    model, calls = study.model, study.calls  # NotMeasured before a folder is made
    target.mkdir(parents=True, exist_ok=True)
    write_call_list(calls, target / "call_list.csv")
    model.save(target / "model.skops")
    (target / "model_card.md").write_text(describe_model(model) + "\n", encoding="utf-8")
    told = blocks.finding(f"Written to {folder}: call_list.csv ({len(calls):,} rows), model.skops and model_card.md.")
    return Section([told], told)


def _said(story: Story) -> list[Block]:
    from analytics.text.churn_intent import load_churn_intent_model

    refuse_long(story.written["text"], "who says that they are leaving")
    intent = story.written["churn_intent"].dropna()
    if intent.empty:
        raise NotMeasured("no comment could be read for leaving in this period")
    if len(intent) < story.k:
        return [
            blocks.unknown(
                f"How many say that they are leaving is not shown: fewer than {story.k} customers wrote in "
                f"{story.period.label}.",
                settle="more comments, or a longer period",
            )
        ]
    names = ["staying", "leaving"]
    labels = pd.Series(np.where(intent >= 0.5, names[1], names[0]), index=intent.index)
    errors = pd.DataFrame(load_churn_intent_model().errors, names, names)
    share = corrected_share(labels, errors, label="leaving", confidence=story.confidence)
    sentence = f"{figure_of(share)} of the {share.n:,} customers who wrote say that they are leaving."
    if share.value == 0:
        sentence = sentence.rstrip(".") + ": no more than the classifier's own error explains."
    return [blocks.finding(sentence, [share], key="leaving:said", better="lower")]


def _silent(story: Story) -> list[Block]:
    start = story.period.previous(11).start if story.period.frequency == "month" else story.period.start
    try:
        found = estimate_silent_leavers(story.tables, start=start, end=story.period.end)
    except NotMeasured:
        raise
    except ValueError as nobody:
        return [blocks.finding(capital(str(nobody)))]
    if found.left < story.k:
        return [blocks.unknown(f"Fewer than {story.k} customers left: how many of them were silent is not shown.")]
    rates = [rate for rate in (found.rate_silent, found.rate_spoke) if rate.n >= story.k]
    return [blocks.finding(found.sentence, [found.share, *rates], key="leaving:silent")]


def _leaks(story: Story) -> list[Block]:
    customers = story.tables.customers
    known = {field.name for field in FIELDS["customers"]}
    extra = [c for c in customers if c not in known] if customers is not None and "left_at" in customers else []
    if not extra or customers is None or customers["left_at"].nunique() < 1 or customers["left_at"].notna().all():
        raise NotMeasured("no further column of customers, or nobody left", needed_for="a look at leaks")
    report = leakage_report(customers[extra], customers["left_at"])
    if report.empty:
        return [blocks.finding(f"None of {len(extra)} further columns of the customer records knows who left.")]
    named = listed([f"{row.column} ({row.reason})" for row in report.itertuples()])
    return [blocks.finding(f"Kept out of the model, as the column knows who left: {named}.")]


def _risk(study: Study) -> list[Block]:
    model = study.model
    evidence = [model.evaluation_["auc"], *([model.baseline_["auc"]] if model.baseline_ else [])]
    return [blocks.finding(f"{model.sentence_}{study.drawn}", evidence, key="leaving:auc")]


def _figures_table(study: Study) -> list[Block]:
    model = study.model
    rows = [
        {"figure": capital(name.replace("_", " ")).replace("Auc", "AUC"), **vars(e)}
        | {"tenure": figure_of(model.baseline_[name]) if model.baseline_ else None}
        for name, e in model.evaluation_.items()
    ]
    counts = "; ".join(f"{part}: {row.leavers:,} of {row.customers:,} left" for part, row in model.counts_.iterrows())
    return [
        blocks.table(
            pd.DataFrame(rows), caption=f"The model on customers of {model.cutoffs_['test']:%-d %B %Y}.",
            source=OBSERVED, n=model.evaluation_["auc"].n,
            columns={"figure": "Figure", "value": "Model", "tenure": "Tenure alone"},
            note=f"{capital(model.chosen_)}. {capital(counts)}.",
        )
    ]  # fmt: skip


def _groups(study: Study) -> list[Block]:
    """The two ways of leaving, set against each other, and leaving by answer."""
    story, model = study.story, study.model
    table = said_and_silent(model, study.features)
    rows = [table[table["group"] == name].iloc[0] for name in (SAID, SILENT)]
    rates = [estimate_of(row) for row in rows]
    found = [Estimate(r["found"], r["found_low"], r["found_high"], int(r["left"]), "share", OBSERVED) for r in rows]
    shown: list[Block] = []
    if min(e.n for e in found) >= story.k:
        told = (
            f"Of those who {SAID}, {figure_of(rates[0])} left within {model.horizon_days} days; of those who {SILENT}, "
            f"{figure_of(rates[1])}, which is {found[1].n:,} of all {int(table['left'].sum()):,} leavers. The tenth "
            f"with the highest risk held {figure_of(found[0])} of the leavers who had said so and "
            f"{figure_of(found[1])} of the silent ones."
        )
        shown = [blocks.finding(told, [*rates, *found])]
    money = story.config.costs.currency
    heads = {"group": "In the year before", "customers": "Customers", "left": "Left", "value": "Share that left",
             "expected": "Expected", "value_left": f"Value lost a year ({money})",
             "value_at_risk": f"Value at risk ({money})", "found": "Leavers found"}  # fmt: skip
    heads = {column: head for column, head in heads.items() if table[column].notna().any()}
    shown.append(
        blocks.table(
            suppress(table, story.k, by=["group"], count="left"), source=OBSERVED, n=int(table["customers"].sum()),
            caption=f"Who left within {model.horizon_days} days of {model.cutoffs_['test']:%-d %B %Y}.", columns=heads,
            formats={"expected": "share1", "value_left": "count", "value_at_risk": "count", "found": "share"},
            note="Leavers found: those among the tenth with the highest risk. Value at risk: risk times value."
            + study.drawn,
        )
    )  # fmt: skip
    return [*shown, *gather(lambda: _by_answer(study))[0]]


def _by_answer(study: Study) -> list[Block]:
    table = leaving_by_answer(study.model, study.features)
    table = table[table["n"] >= study.story.k]
    named = listed([f"{row['group']} {figure_of(estimate_of(row))}" for _, row in table.iterrows()])
    days = study.model.horizon_days
    told = f"Share that left within {days} days, by what had become of our surveys in the year before: {named}."
    return [blocks.finding(told, [estimate_of(row) for _, row in table.iterrows()])]


def _listening(study: Study) -> list[Block]:
    found = study.listening
    value, low, high = (100 * v for v in (found.gain.value, found.gain.low, found.gain.high))
    gain = Estimate(value, low, high, found.gain.n, "points", found.gain.source)
    return [blocks.finding(found.sentence, [gain, found.both, found.internal, found.heard], key="leaving:listening")]


def _calibration(study: Study) -> list[Block]:
    model = study.model
    table, error = model.calibration(), model.evaluation_["calibration_error"]
    if not model.calibrated_:
        return [
            blocks.unknown(
                f"The chance that a customer leaves is not known: predicted and observed shares differ by "
                f"{figure_of(error)} on average, so the model only ranks.",
                settle="fitting it again after the next horizon",
            )
        ]
    return [
        blocks.figure(
            _plot_calibration(table),
            alt=f"Predicted against observed share of leavers in ten groups; mean difference {error.value:.1%}.",
            caption=f"Predicted and observed shares of leavers differ by {figure_of(error)} on average.",
            source=OBSERVED, n=error.n,
            note="Ten groups of equal size by predicted risk; on the line, as many left as predicted.",
        )
    ]  # fmt: skip


def _plot_calibration(table: pd.DataFrame) -> "Figure":
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(figures.STYLE):
        fig = Figure(figsize=(figures.WIDTH, 2.6), layout="constrained")
        ax = fig.subplots()
        x, y, low, high = (100 * table[c].to_numpy(float) for c in ("predicted", "value", "low", "high"))
        ax.plot([0, x.max()], [0, x.max()], color=figures.MIDDLE, linewidth=0.9)
        ax.vlines(x, low, high, color=ACCENT, alpha=0.4, linewidth=3)
        ax.plot(x, y, "o", color=ACCENT, markersize=4.5)
        ax.set_xlim(0, None)
        ax.set_ylim(0, None)
        ax.set_xlabel("predicted to leave, %")
        ax.set_ylabel("left, %")
        ax.grid(axis="y")
    return fig


def _calls(study: Study) -> list[Block]:
    story, now = study.story, study.now
    costs, calls = story.config.costs, study.calls
    if not study.model.calibrated_ or VALUE not in now or now[VALUE].isna().all():
        told = "Which calls are worth their cost is not known: the model only ranks, or no value is recorded."
        return [blocks.unknown(told, settle="recording value_per_year, and probabilities that fit what happens")]
    price = f"At {costs.currency}{costs.retention_contact:g} a call, if {costs.share_saved:.0%} of those called stay"
    if len(calls) < story.k:
        return [blocks.finding(f"{price}, a call is worth its cost for fewer than {story.k} customers.")]
    gain = format_value(float(calls["expected_gain"].sum()), "count")
    told = (
        f"{price}, a call is worth its cost for {len(calls):,} of {len(now):,} customers; together "
        f"{costs.currency}{gain} beyond the calls, should that share hold, which nothing here has tested."
    )
    return [blocks.finding(told)]


def _fairness(study: Study) -> list[Block]:
    table = fairness(study.model, study.features)
    table = table[table["n"] >= study.story.k]
    missed = table[table["measure"] == "leavers missed"]
    if len(missed) < 2:
        raise NotMeasured("fewer than two segments with enough leavers", needed_for="a look at fairness")
    named = listed([f"{row['group']} {figure_of(estimate_of(row))}" for _, row in missed.iterrows()])
    flagged = table[table["differs"]]
    verdict = (
        f"They differ between segments: {listed(sorted(set(flagged['measure'])))}."
        if len(flagged)
        else "No difference between segments was found."
    )
    told = f"Leavers whom the tenth with the highest risk leaves out, by segment: {named}. {verdict}"
    return [blocks.finding(told, [estimate_of(row) for _, row in missed.iterrows()])]


def _hazards(study: Study) -> list[Block]:
    table = hazard_ratios(study.features, study.story.tables, confidence=study.story.confidence)
    table = table[table["n"] >= study.story.k]
    apart = table[(table["low"] > 1) | (table["high"] < 1)]
    named = listed([f"{row['cause']} ({row['value']:.1f} times)" for _, row in apart.head(3).iterrows()])
    told = (
        f"Leaving sooner goes together most with: {named}."
        if named
        else "Nothing recorded goes together with leaving sooner."
    )
    return [
        blocks.finding(told, [estimate_of(row) for _, row in apart.head(3).iterrows()]),
        blocks.figure(
            figures.plot_intervals(table, by="cause", unit="times", reference=1.0, label="times as fast as without it"),
            alt=f"Hazard ratios of {len(table)} things that happened to customers; {len(apart)} differ from 1.",
            caption="How many times as fast customers leave with one more of each.", source=OBSERVED,
            n=int(study.features["left_within"].notna().sum()),
            note="Cox's proportional hazards, the others held equal, at the same cut-off. Nobody was assigned to "
            "anything: no causes.",
        ),
    ]  # fmt: skip


def _after_complaint(story: Story) -> list[Block]:
    _, ratios = leaving_after_complaint(story.tables, until=story.period.end, confidence=story.confidence)
    ratios = ratios[ratios["n"] >= story.k]
    named = listed([f"{row['cause']} {figure_of(estimate_of(row))}" for _, row in ratios.iterrows()])
    told = f"After a complaint, leaving against those whose problem was not fixed and who got no gesture: {named}."
    return [blocks.finding(told, [estimate_of(row) for _, row in ratios.iterrows()])] if named else []
