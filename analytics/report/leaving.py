"""The report's section on who may leave: those who say so, the silent, what a model finds, and what listening adds.

The analysts' notebook shows the same findings one by one, with the list of whom to call, which a report never carries.
What the measures' codes are called stands in ``leaving.toml``, the model's card in ``model_card.md``.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from analytics.measures.estimate import OBSERVED, Estimate
from analytics.measures.leaving import churn_views as views
from analytics.measures.leaving.churn import ChurnRiskModel
from analytics.measures.leaving.leakage import leakage_report
from analytics.measures.leaving.leavers import NobodyLeftError, SilentLeavers, estimate_silent_leavers
from analytics.measures.leaving.survival import hazard_ratios, leaving_after_complaint
from analytics.measures.suppress import count_people, names_people, suppress
from analytics.publish import blocks, figures
from analytics.publish.format import format_value
from analytics.publish.html import ACCENT
from analytics.report.checked import label_errors
from analytics.report.limits import refuse_long
from analytics.report.story import Story
from analytics.report.study import WORDS, Study, leak_words, say
from analytics.report.words import Section, capital, estimate_of, figure_of, gather, listed, section, section_of
from analytics.tables.read import defuse
from analytics.tables.schema import FIELDS, NotMeasured

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LISTED = 20  # customers shown of a call list


@section
def show_leaving(story: Story) -> Section:
    """Who may leave: said, silent, what a model finds of each, what listening adds, and how far to trust it."""
    study = Study(story)
    parts, unknowns = gather(
        lambda: _said(story), lambda: _silent(story), lambda: _risk(study), lambda: _groups(study),
        lambda: _by_answer(study), lambda: _listening(study), lambda: _calibration(study), lambda: _calls(study),
        lambda: _fairness(study),
    )  # fmt: skip
    answer = next((b for b in parts if b.kind == "finding" and b.data["level"] == "finding"), parts[0])
    return Section(parts, answer, [*unknowns, *_why_silent(parts)])


@section
def show_said_and_silent(story: Story) -> Section:
    """Those who say that they are leaving, and those who left without a word."""
    return section_of(*gather(lambda: _said(story), lambda: _silent(story)))


@section
def show_leaks(story: Story) -> Section:
    """Columns of the customer records that know who left and therefore stay out of the model."""
    return section_of(_leaks(story))


@section
def show_risk(study: Study) -> Section:
    """Whether a model can tell who leaves, against tenure alone and a coin, and whether its probabilities fit."""
    return section_of([*_risk(study), *_figures_table(study), *_calibration(study)])


@section
def show_said_against_silent(study: Study) -> Section:
    """Who left of those who said so and of those who never spoke, what it was worth, and whom the model found."""
    return section_of(*gather(lambda: _groups(study), lambda: _by_answer(study)))


@section
def show_listening(study: Study) -> Section:
    """What customers' words and scores add to internal figures."""
    return section_of(_listening(study))


@section
def show_time_to_leaving(study: Study) -> Section:
    """What goes together with leaving sooner, and what became of those who complained."""
    return section_of(*gather(lambda: _hazards(study), lambda: _after_complaint(study.story)))


@section
def show_call_list(study: Study) -> Section:
    """Whom to call and why: ids and reasons, for the team that calls."""
    calls, money = _calls_in_words(study), study.story.config.costs.currency
    parts = _calls(study)
    if len(calls):
        parts.append(blocks.table(
            calls.head(LISTED), caption=f"The first {min(LISTED, len(calls))} to call.", source=OBSERVED,
            n=len(calls), people=1, columns=WORDS["call_heads"], formats={"risk": "share", "expected_gain": "count"},
            note=f"In {money}. A reason shared by fewer than {study.story.k} customers is left out.",
        ))  # fmt: skip
    return section_of(parts)


@section
def show_fairness(study: Study) -> Section:
    """Whether the model errs more often for some segments."""
    return section_of(_fairness(study))


@section
def keep_call_list(study: Study) -> Section:
    """Write the call list, the model and its card into data/derived/leaving/<period>, which no report carries."""
    folder = f"data/derived/leaving/{study.story.period.name}"
    target = study.story.config.resolve(folder)
    model, calls = study.model, _calls_in_words(study)  # NotMeasured before a folder is made
    target.mkdir(parents=True, exist_ok=True)
    defuse(calls).to_csv(target / "call_list.csv", index=False)
    model.save(target / "model.skops")
    (target / "model_card.md").write_text(describe_model(model), encoding="utf-8")
    return section_of([blocks.finding(say("kept", folder=folder, n=len(calls)))])


def _said(story: Story) -> list[blocks.Block]:
    from analytics.text.read_sets import LEAVING

    refuse_long(story.written["text"], "who says that they are leaving")
    written = story.written[story.written["churn_intent"].notna()]
    if written.empty:
        raise NotMeasured("no comment could be read for leaving in this period")
    people, named = count_people(written), names_people(written)
    if people < story.k:
        few = say("few_wrote", k=story.k, period=story.period.label, who="customers wrote" if named else "texts came")
        return [blocks.unknown(few, settle="more comments, or a longer period")]
    counted = float((written["churn_intent"] >= 0.5).mean())
    share, _ = label_errors(story.sentiment_model).share(counted, people, LEAVING, story.confidence)
    if math.isnan(share.value):
        return [blocks.unknown(say("said_open", counted=counted, n=len(written)), settle=say("said_settle"))]
    who = "customers who wrote" if named else "texts"
    sentence = f"{figure_of(share)} of the {share.n:,} {who} say that they are leaving"
    sentence += "." if share.value else ": no more than the classifier's own error explains."
    return [blocks.finding(sentence, [share], key="leaving:said", better="lower", people=people)]


def _silent(story: Story) -> list[blocks.Block]:
    monthly = story.period.frequency == "month"
    start = story.period.previous(11).start if monthly else story.period.start
    try:
        leavers = estimate_silent_leavers(story.tables, start=start, end=story.period.end)
    except NobodyLeftError:
        return [blocks.finding(say("nobody_left"))]
    if leavers.left < story.k:
        return [blocks.unknown(say("few_left", k=story.k))]
    sentence = silent_sentence(leavers, f"the 12 months to {story.period.label}" if monthly else story.period.label)
    return [blocks.finding(sentence, [leavers.share], key="leaving:silent", people=leavers.left)]


def _why_silent(parts: list[blocks.Block]) -> list[blocks.Block]:
    """What leavers without a word leave open; it stands once, among what the report does not know."""
    silent = [block for block in parts if block.data.get("key") == "leaving:silent"]
    some = any(block.data["evidence"][0]["value"] > 0 for block in silent)
    return [blocks.unknown(say("silent_why"), settle=say("silent_settle"))] if some else []


def silent_sentence(leavers: SilentLeavers, window: str) -> str:
    """How many left in a window without a word, and how far words without a name could lower it."""
    nameless = say("nameless", x=leavers) if leavers.nameless else ""
    low, high = 100 * leavers.share.low, 100 * leavers.share.high
    return say("silent", x=leavers, low=low, high=high, nameless=nameless, window=window)


def _leaks(story: Story) -> list[blocks.Block]:
    customers = story.tables.customers
    fields = {field.name for field in FIELDS["customers"]}
    extra = [c for c in customers if c not in fields] if customers is not None and "left_at" in customers else []
    if not extra or customers is None or customers["left_at"].nunique() < 1 or customers["left_at"].notna().all():
        raise NotMeasured("no further column of customers, or nobody left", needed_for="a look at leaks")
    leaks = leak_words(leakage_report(customers[extra], customers["left_at"]))
    named = listed([f"{column} ({reason})" for column, reason in leaks.items()])
    sentence = say("leak", leaks=named) if leaks else say("no_leak", n=len(extra))
    return [blocks.finding(sentence, people=len(customers))]


def _risk(study: Study) -> list[blocks.Block]:
    model = study.model
    evidence = [model.evaluation_["auc"], *([model.baseline_["auc"]] if model.baseline_ else [])]
    sentence = f"{model_sentence(model)}{study.drawn}"
    return [blocks.finding(sentence, evidence, key="leaving:auc", people=evidence[0].n)]


def model_sentence(model: ChurnRiskModel) -> str:
    """What the evaluation allows to say."""
    auc, days = model.evaluation_["auc"], model.horizon_days
    pairs = say("pairs", auc=auc, low=100 * auc.low, high=100 * auc.high)
    if auc.low <= 0.5:
        return say("chance", days=days, pairs=pairs)
    tenure = say("tenure", auc=model.baseline_["auc"]) if model.baseline_ else ""
    level, leavers = "" if model.calibrated_ else say("only_ranks"), model.counts_["leavers"]["test"]
    return say("better", days=days, pairs=pairs, tenure=tenure, level=level, leavers=leavers)


def describe_model(model: ChurnRiskModel) -> str:
    """Write the model card in Markdown, for whoever has to decide about the model's use."""
    tenure = {name: f"{estimate.value:.3f}" for name, estimate in model.baseline_.items()}
    rows = [
        f"| {name.replace('_', ' ')} | {e.value:.3f} | {e.low:.3f} to {e.high:.3f} | {tenure.get(name, '–')} |"
        for name, e in model.evaluation_.items()
    ]
    parts = [f"| {part} | {row.customers:,} | {row.leavers:,} |" for part, row in model.counts_.iterrows()]
    return Path(__file__).with_name("model_card.md").read_text(encoding="utf-8").format(
        days=model.horizon_days, kind=WORDS["kinds"][model.chosen_], sentence=model_sentence(model),
        parts="\n".join(parts), figures="\n".join(rows), test=model.cutoffs_["test"],
        features=", ".join(model.columns_),
    )  # fmt: skip


def _figures_table(study: Study) -> list[blocks.Block]:
    model = study.model
    rows = [
        {"figure": capital(name.replace("_", " ")).replace("Auc", "AUC"), **vars(e)}
        | {"tenure": figure_of(model.baseline_[name]) if model.baseline_ else None}
        for name, e in model.evaluation_.items()
    ]
    counts = "; ".join(f"{part}: {row.leavers:,} of {row.customers:,} left" for part, row in model.counts_.iterrows())
    return [blocks.table(
        pd.DataFrame(rows), caption=f"The model on customers of {model.cutoffs_['test']:%-d %B %Y}.",
        source=OBSERVED, n=model.evaluation_["auc"].n, people=model.evaluation_["auc"].n,
        columns={"figure": "Figure", "value": "Model", "tenure": "Tenure alone"},
        note=f"{capital(model.chosen_)}. {capital(counts)}.",
    )]  # fmt: skip


def _groups(study: Study) -> list[blocks.Block]:
    """The two ways of leaving, set against each other."""
    story, model, money = study.story, study.model, study.story.config.costs.currency
    table = views.said_and_silent(model, study.features)
    table = table.assign(label=table["group"].map(WORDS["groups"]))
    two = table[table["group"].isin([views.SAID, views.SILENT])]
    rates = _estimates(two)
    top = _estimates(two.assign(value=two["found"], low=two["found_low"], high=two["found_high"], n=two["left"]))
    parts: list[blocks.Block] = []
    if (people := min(e.n for e in top)) >= story.k:
        sentence = say(
            "groups", who=two["label"].tolist(), rates=[figure_of(e) for e in rates],
            top=[figure_of(e) for e in top], days=model.horizon_days, n=top[1].n, leavers=table["left"].sum(),
        )  # fmt: skip
        parts = [blocks.finding(sentence, [*rates, *top], people=people)]
    heads = {c: head.format(money=money) for c, head in WORDS["group_heads"].items() if table[c].notna().any()}
    return [*parts, blocks.table(
        suppress(table, story.k, by=["group"], count="left"), source=OBSERVED, n=int(table["customers"].sum()),
        caption=f"Who left within {model.horizon_days} days of {model.cutoffs_['test']:%-d %B %Y}.", columns=heads,
        formats={"expected": "share1", "value_left": "count", "value_at_risk": "count", "found": "share"},
        note="Leavers found: those among the tenth with the highest risk. Value at risk: risk times value."
        + study.drawn, people=["customers", "left"],
    )]  # fmt: skip


def _estimates(table: pd.DataFrame) -> list[Estimate]:
    return [estimate_of(row) for _, row in table.iterrows()]


def _compared(sentence: str, table: pd.DataFrame, names: pd.Series, **facts: object) -> list[blocks.Block]:
    """A sentence that lists the rows of a tidy table, each with its name; none where there are none."""
    estimates = _estimates(table)
    listing = listed([f"{name} {figure_of(e)}" for name, e in zip(names, estimates, strict=True)])
    people = int(table["people" if "people" in table else "n"].min()) if estimates else 0
    return [blocks.finding(say(sentence, rows=listing, **facts), estimates, people=people)] if estimates else []


def _by_answer(study: Study) -> list[blocks.Block]:
    table = views.leaving_by_answer(study.model, study.features)
    table = table[table["n"] >= study.story.k]
    return _compared("by_answer", table, table["group"].map(WORDS["answers"]), days=study.model.horizon_days)


def _listening(study: Study) -> list[blocks.Block]:
    listening, gain = study.listening, study.listening.gain
    points = replace(gain, value=100 * gain.value, low=100 * gain.low, high=100 * gain.high, unit="points")
    evidence = [points, listening.both, listening.internal, listening.heard]
    return [blocks.finding(listening_sentence(listening), evidence, key="leaving:listening", people=gain.n)]


def listening_sentence(listening: views.Listening) -> str:
    """What listening adds, claiming no more than the interval of the gain."""
    gain, heard = listening.gain, say("heard", x=listening)
    scale = say("gain", x=listening, value=100 * gain.value, low=100 * gain.low, high=100 * gain.high)
    return say("helps" if gain.low > 0 else "harms" if gain.high < 0 else "unclear", gain=scale, heard=heard)


def _calibration(study: Study) -> list[blocks.Block]:
    model = study.model
    table, error = model.calibration(), model.evaluation_["calibration_error"]
    gap = f"{100 * error.value:.1f} points ({100 * error.low:.1f}–{100 * error.high:.1f})"
    if not model.calibrated_:
        sentence = say("uncalibrated", error=gap)
        return [blocks.unknown(sentence, settle="fitting it again after the next horizon")]
    return [blocks.figure(
        _plot_calibration(table), caption=say("calibrated", error=gap),
        alt=f"Predicted against observed share of leavers in ten groups; mean difference {error.value:.1%}.",
        source=OBSERVED, n=error.n, people=table["n"],
        note="Ten groups of equal size by predicted risk; on the line, as many left as predicted.",
    )]  # fmt: skip


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
        ax.set(xlim=(0, None), ylim=(0, None), xlabel="predicted to leave, %", ylabel="left, %")
        ax.grid(axis="y")
    return fig


def _calls(study: Study) -> list[blocks.Block]:
    story, now = study.story, study.now
    costs, calls = story.config.costs, study.calls
    if not study.model.calibrated_ or views.VALUE not in now or now[views.VALUE].isna().all():
        settle = "recording value_per_year, and probabilities that fit what happens"
        return [blocks.unknown(say("calls_unknown"), settle)]
    price = say("price", money=costs.currency, costs=costs)
    if len(calls) < story.k:
        return [blocks.finding(say("few_calls", price=price, k=story.k))]
    gain = format_value(float(calls["expected_gain"].sum()), "count")
    sentence = say("calls", price=price, n=len(calls), customers=len(now), money=costs.currency, gain=gain)
    return [blocks.finding(sentence, people=len(calls))]


def _calls_in_words(study: Study) -> pd.DataFrame:
    """The call list with its reasons written out."""
    words = WORDS["reasons"]
    return study.calls.assign(reasons=["; ".join(words[name] for name in names) for names in study.calls["reasons"]])


def _fairness(study: Study) -> list[blocks.Block]:
    table = views.fairness(study.model, study.features)
    table = table[table["n"] >= study.story.k]
    missed = table[table["measure"] == "missed"]
    if len(missed) < 2:
        raise NotMeasured("fewer than two segments with enough leavers", needed_for="a look at fairness")
    apart = sorted(WORDS["errors"][name] for name in table.loc[table["differs"], "measure"].unique())
    verdict = say("unequal", errors=listed(apart)) if apart else say("equal")
    return _compared("fairness", missed, missed["group"], verdict=verdict)


def _hazards(study: Study) -> list[blocks.Block]:
    table = hazard_ratios(study.features, study.story.tables, confidence=study.story.confidence)
    table = table[table["people"] >= study.story.k].assign(cause=table["cause"].map(WORDS["causes"]))
    apart = table[(table["low"] > 1) | (table["high"] < 1)]
    first = apart.head(3)
    named = listed([f"{row.cause} ({row.value:.1f} times)" for row in first.itertuples()])
    sentence = say("sooner", causes=named) if named else say("no_cause")
    return [blocks.finding(sentence, _estimates(first), people=int(table["people"].min())), blocks.figure(
        figures.plot_intervals(table, by="cause", unit="times", reference=1.0, label="times as fast as without it"),
        alt=f"Hazard ratios of {len(table)} things that happened to customers; {len(apart)} differ from 1.",
        caption="How many times as fast customers leave with one more of each.", source=OBSERVED,
        n=int(study.features["left_within"].notna().sum()), people=table["people"],
        note="Cox's proportional hazards, the others held equal, at the same cut-off. Nobody was assigned to anything: "
        "no causes.",
    )]  # fmt: skip


def _after_complaint(story: Story) -> list[blocks.Block]:
    ratios = leaving_after_complaint(story.tables, until=story.period.end, confidence=story.confidence)
    ratios = ratios[ratios["people"] >= story.k]
    return _compared("after_complaint", ratios, ratios["cause"].map(WORDS["remedies"]))
