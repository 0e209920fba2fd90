"""What the risk of leaving means: for those who said so and the silent, for listening, for calls, between segments.

The risk itself is learnt and judged in ``churn``.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analytics.config import Costs
from analytics.measures.estimate import OBSERVED, Estimate
from analytics.measures.intervals import wilson_bounds
from analytics.measures.leaving.churn import NAMES, ChurnRiskModel
from analytics.measures.leaving.discrimination import TOP, compare_auc
from analytics.tables.read import defuse
from analytics.tables.schema import NotMeasured

VALUE = "account_value_per_year"
SAID, OTHERWISE, SILENT = "said they are leaving, or complained", "spoke of something else", "never spoke"
INTENT = 0.5  # a comment says that its writer is leaving when this is more likely than not
REASONS_SHOWN = 3


@dataclass(frozen=True)
class Listening:
    """What customers' own words and scores add to internal figures.

    Attributes
    ----------
    internal, perception, both
        AUC of the same kind of model on operations and account, on perception, and on all.
    gain
        AUC of both less that of internal, for the same customers.
    heard
        Share of customers who had said anything (answer, comment, complaint) in the year before.
    sentence
        The sentence for leadership.
    """

    internal: Estimate
    perception: Estimate
    both: Estimate
    gain: Estimate
    heard: Estimate
    sentence: str


@dataclass(frozen=True)
class Reason:
    """Words that are true of a customer when the first column lies at or beyond a bound; the columns behind them."""

    words: str
    columns: tuple[str, ...]
    at_least: float = -np.inf
    at_most: float = np.inf


def _twice(name: str) -> tuple[str, str]:
    return name, f"{name}_90d"


REASONS = (
    Reason("said that they may leave", ("perception_churn_intent",), at_least=INTENT),
    Reason("complained in the past year", _twice("perception_complaints"), at_least=1),
    Reason("disputed our answer to a complaint", ("perception_disputed",), at_least=1),
    Reason("named a broken promise", ("perception_promise_broken",), at_least=1),
    Reason("wrote a negative comment", ("perception_negative_comments", "perception_valence", "perception_themes"), 1),
    Reason("would not recommend us (0 to 6)", ("perception_nps",), at_most=6),
    Reason("was dissatisfied (1 or 2 of 5)", ("perception_csat",), at_most=2),
    Reason("found it hard (1 to 3 of 7)", ("perception_ces",), at_most=3),
    Reason("scored us lower than before", ("perception_trend",), at_most=-1),
    Reason("was given something, the problem not fixed", ("operations_gesture_without_fix",), at_least=1),
    Reason("came back about a case we had closed", _twice("operations_reopens"), at_least=1),
    Reason("was passed on to somebody else", _twice("operations_transfers"), at_least=1),
    Reason("gave up before an answer", _twice("operations_abandoned"), at_least=1),
    Reason("has a case that we have not closed", ("operations_open_cases", "operations_company_clock_h"), at_least=1),
    Reason("never confirmed that a case is solved", _twice("operations_unconfirmed"), at_least=1),
    Reason(
        "had two cases or more in a year", (*_twice("operations_cases"), *_twice("operations_contacts")), at_least=2
    ),
    Reason("has been a customer for less than a year", ("account_tenure_days",), at_most=365),
)


def compare_listening(
    features: pd.DataFrame, left: ArrayLike | None = None, cutoff: ArrayLike | None = None,
    model: ChurnRiskModel | None = None,
) -> Listening:  # fmt: skip
    """Fit the same model with and without what customers told us, and compare on the same later customers.

    Parameters
    ----------
    features, left, cutoff
        As for `ChurnRiskModel.fit`.
    model
        One already fitted to them on all groups; None fits it.

    Returns
    -------
    Listening
        Gain with the interval of the paired difference, and the sentence it allows.

    Raises
    ------
    NotMeasured
        If there are no features of perception, or none of operations and account.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13, for the paired bootstrap.
    """
    both = ChurnRiskModel().fit(features, left, cutoff) if model is None else model
    for group in ("perception", "operations"):
        if not any(c.startswith(f"{group}_") for c in both.columns_):
            raise NotMeasured(f"no feature of {group}", needed_for="what listening adds")
    internal = both.fit_groups(("operations", "account"), features, left, cutoff)
    perception = both.fit_groups(("perception",), features, left, cutoff)
    truth = both.test_["left"].to_numpy()
    risks = [m.test_["risk"].to_numpy() for m in (both, internal)]
    gain = compare_auc(truth, risks[0], risks[1], both.confidence, both.seed)
    said = _spoke(features.loc[both.test_.index])
    heard = _share(int((said != SILENT).sum()), len(said), both.confidence)
    aucs = [m.evaluation_["auc"] for m in (internal, perception, both)]
    return Listening(aucs[0], aucs[1], aucs[2], gain, heard, _listening_sentence(aucs[0], aucs[2], gain, heard))


def _listening_sentence(internal: Estimate, both: Estimate, gain: Estimate, heard: Estimate) -> str:
    points = f"{100 * gain.value:+.1f} points ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
    scale = f"with what customers tell us the leaver is put first in {both.value:.1%} of pairs, without it in "
    scale += f"{internal.value:.1%}, {points.replace('-', '−')}"
    told = f"{heard.value:.0%} of customers had told us anything in the year before"
    if gain.low > 0:
        return f"Listening helps to find leavers: {scale}. {told}."
    if gain.high < 0:
        return f"Listening does not help this model to find leavers: {scale}. {told}."
    return f"We cannot tell that listening adds to what internal figures know of leaving: {scale}. Only {told}."


def said_and_silent(model: ChurnRiskModel, features: pd.DataFrame) -> pd.DataFrame:
    """Set those who said that they are leaving against those who never spoke: who left, at what cost, who was found.

    Spoken is what the year before the test cut-off holds: an answer, a comment, a complaint; said to leave is a
    complaint or a comment that more likely than not says so.

    Parameters
    ----------
    model
        Fitted on `features`; they are judged at its test cut-off.
    features
        With perception columns.

    Returns
    -------
    DataFrame
        One row per group: group, customers, left, stayed, value, low, high (share that left), expected (mean risk),
        value_left (a year's value of those who left), value_at_risk (risk times value, NaN where the model only ranks
        or no value is known), found, found_low, found_high (share of the group's leavers in the model's top tenth), n,
        unit, source.

    Raises
    ------
    NotMeasured
        If neither answers nor complaints of customers are recorded.

    References
    ----------
    Hirschman (1970), Exit, Voice, and Loyalty. Wilson (1927), JASA 22, for the intervals.
    """
    test = features.loc[model.test_.index].assign(**model.test_[["left", "risk"]])
    group, top = _spoke(test), _top(test["risk"])
    value = test[VALUE] if VALUE in test else pd.Series(np.nan, index=test.index)
    rows = []
    for name in (SAID, OTHERWISE, SILENT):
        here = (group == name).to_numpy()
        left = test["left"].to_numpy() & here
        n, gone = int(here.sum()), int(left.sum())
        share, found = _share(gone, n, model.confidence), _share(int((left & top).sum()), gone, model.confidence)
        at_risk = (test["risk"] * value)[here].sum(min_count=1) if model.calibrated_ else np.nan
        rows.append(
            {"group": name, "customers": n, "left": gone, "stayed": n - gone, "value": share.value, "low": share.low,
             "high": share.high, "expected": test["risk"][here].mean(), "value_left": value[left].sum(min_count=1),
             "value_at_risk": at_risk, "found": found.value, "found_low": found.low, "found_high": found.high, "n": n,
             "unit": "share", "source": OBSERVED}
        )  # fmt: skip
    return pd.DataFrame(rows)


def leaving_by_answer(model: ChurnRiskModel, features: pd.DataFrame) -> pd.DataFrame:
    """Share that left of customers who were never asked, asked and silent, and answered, in the year before.

    Parameters
    ----------
    model, features
        As for `said_and_silent`; needs dated invitations.

    Returns
    -------
    DataFrame
        group, value, low, high, n, unit, source.

    Raises
    ------
    NotMeasured
        If invitations are not recorded.
    """
    test = features.loc[model.test_.index]
    if "perception_invited" not in test:
        raise NotMeasured(table="surveys", columns=["invited_at"], needed_for="leaving by answer")
    asked, answered = test["perception_invited"] > 0, test["perception_answered"] > 0
    group = np.select([answered, asked], ["answered", "asked, silent"], "never asked")
    left = model.test_["left"].to_numpy()
    rows = [
        {"group": name, **vars(_share(int(left[group == name].sum()), int((group == name).sum()), model.confidence))}
        for name in ("answered", "asked, silent", "never asked")
    ]
    return pd.DataFrame(rows)


def rank_customers(
    model: ChurnRiskModel, features: pd.DataFrame, costs: Costs, k: int = 10, most: int = 500
) -> pd.DataFrame:
    """List whom to call, the most worthwhile first, and why in words.

    A call is worth it when risk × value per year × years kept × share saved exceeds its cost. Where the model only
    ranks, or no value is known, the tenth with the highest risk is listed instead. Reasons are what raises the model's
    risk most against a typical customer (the columns set to their typical value); one that fewer than k customers share
    is left out, as it could tell who they are.

    Parameters
    ----------
    model
        A fitted model.
    features
        Customers to rank, one row each (`build_customer_features` at one cut-off).
    costs
        Cost of a call, share of those called who stay, years of value kept.
    k
        Smallest number of customers who share a reason that is shown.
    most
        Rows at most.

    Returns
    -------
    DataFrame
        rank, customer_id, risk and expected_gain (money; both NaN where the model only ranks), reasons. No names, no
        texts.

    Raises
    ------
    ValueError
        If a customer occurs twice.

    References
    ----------
    Elkan (2001), The foundations of cost-sensitive learning, IJCAI, for the threshold. Štrumbelj and Kononenko (2014),
    Knowledge and Information Systems 41, for contributions by leaving values out.
    """
    if features["customer_id"].duplicated().any():
        raise ValueError("a customer occurs twice in the features: rank them at one cut-off.")
    risk = model.predict_proba(features)[:, 1]
    value = features[VALUE].to_numpy(float) if VALUE in features else np.full(len(features), np.nan)
    gain = risk * value * costs.years_kept * costs.share_saved - costs.retention_contact
    if model.calibrated_ and np.isfinite(value).any():
        chosen = np.flatnonzero(gain > 0)
        chosen = chosen[np.argsort(-gain[chosen], kind="stable")][:most]
    else:
        risk_known = np.flatnonzero(_top(pd.Series(risk)))
        chosen = risk_known[np.argsort(-risk[risk_known], kind="stable")][:most]
    shown = risk[chosen] if model.calibrated_ else np.nan
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(chosen) + 1),
            "customer_id": features["customer_id"].to_numpy()[chosen],
            "risk": shown,
            "expected_gain": gain[chosen] if model.calibrated_ else np.nan,
            "reasons": _explain(model, features, chosen, k),
        }
    )


def write_call_list(calls: pd.DataFrame, path: str | Path) -> None:
    """Write a list of `rank_customers` as CSV in which no cell can run as a formula."""
    defuse(calls).to_csv(path, index=False)


def fairness(
    model: ChurnRiskModel, features: pd.DataFrame, by: str = "account_segment", rate: float = 0.05
) -> pd.DataFrame:
    """Compare the model's errors between groups of customers, when the tenth with the highest risk is called.

    Parameters
    ----------
    model, features
        As for `said_and_silent`.
    by
        Column of the features that names the group.
    rate
        Share of false flags accepted among the flags (Benjamini-Hochberg).

    Returns
    -------
    DataFrame
        group, measure ('leavers missed', 'called in vain'), value, low, high, n, unit, source, differs (from all other
        groups together, Fisher's exact test).

    Raises
    ------
    NotMeasured
        If the features lack the column.

    References
    ----------
    Hardt, Price and Srebro (2016), Equality of opportunity in supervised learning. Benjamini and Hochberg (1995).
    """
    from scipy.stats import false_discovery_control, fisher_exact

    if by not in features:
        raise NotMeasured(table="customers", columns=[by.removeprefix("account_")], needed_for="fairness")
    group = features.loc[model.test_.index, by].astype("str").fillna("not stated")
    left, top = model.test_["left"].to_numpy(), _top(model.test_["risk"])
    rows, p_values = [], []
    for measure, base, wrong in (("leavers missed", left, ~top), ("called in vain", ~left, top)):
        for name in sorted(group.unique()):
            mine = (group == name).to_numpy()
            cells = [[int((base & side & w).sum()) for w in (wrong, ~wrong)] for side in (mine, ~mine)]
            rows.append(
                {"group": name, "measure": measure, **vars(_share(cells[0][0], sum(cells[0]), model.confidence))}
            )
            p_values.append(fisher_exact(cells).pvalue)
    return pd.DataFrame(rows).assign(differs=false_discovery_control(p_values) <= rate)


def describe_model(model: ChurnRiskModel) -> str:
    """Write the model card in Markdown, for whoever has to decide about the model's use."""
    figures = [
        f"| {name.replace('_', ' ')} | {e.value:.3f} | {e.low:.3f} to {e.high:.3f} | "
        + (f"{model.baseline_[name].value:.3f} |" if model.baseline_ else "– |")
        for name, e in model.evaluation_.items()
    ]
    parts = [f"| {part} | {row.customers:,} | {row.leavers:,} |" for part, row in model.counts_.iterrows()]
    return "\n".join(
        [
            f"# Who may leave within {model.horizon_days} days: {NAMES[model.chosen_]}",
            f"\n{model.sentence_}\n",
            "| cut-offs | customers | leavers |\n|---|---|---|",
            *parts,
            "\n| figure on the test cut-off | value | interval | tenure alone |\n|---|---|---|---|",
            *figures,
            f"\nTest cut-off: {model.cutoffs_['test']:%Y-%m-%d}. Features: {', '.join(model.columns_)}.\n",
            "Use it to decide whom to call, not to price, refuse or rank people otherwise, nor to explain: it finds "
            "what goes together with leaving, not what makes people leave. It speaks of customers like those it "
            "learnt from; fit it again every horizon.",
        ]
    )


def _spoke(features: pd.DataFrame) -> pd.Series:
    """What each customer had said in the year before the cut-off."""
    known = features.reindex(
        columns=[f"perception_{c}" for c in ("complaints", "churn_intent", "answered", "comments")]
    ).astype(float)
    if known.isna().all(axis=None):
        raise NotMeasured("neither complaints nor answers name the customer", needed_for="said and silent")
    complaints, intent, answered, comments = (known[c].fillna(0).to_numpy() for c in known)
    said, spoke = (complaints > 0) | (intent >= INTENT), (answered > 0) | (comments > 0)
    return pd.Series(np.select([said, spoke], [SAID, OTHERWISE], SILENT), index=features.index)


def _top(risk: pd.Series) -> np.ndarray:
    """The tenth of customers with the highest risk; ties in order of the rows."""
    chosen = np.zeros(len(risk), dtype=bool)
    chosen[np.argsort(-risk.to_numpy(), kind="stable")[: max(1, round(TOP * len(risk)))]] = True
    return chosen


def _explain(model: ChurnRiskModel, features: pd.DataFrame, chosen: np.ndarray, k: int) -> list[str]:
    """The reasons of some customers in words: those that hold and raise the model's risk most."""
    rows = features.iloc[chosen]
    if rows.empty:
        return []
    whole = _log_odds(model, rows)
    reasons = [r for r in REASONS if r.columns[0] in model.columns_]
    lifts = np.full((len(rows), len(reasons)), -np.inf)
    for j, reason in enumerate(reasons):
        first = features[reason.columns[0]].astype(float)
        holds = ((first >= reason.at_least) & (first <= reason.at_most)).to_numpy()
        if holds.sum() < k:
            continue
        without = rows.assign(**{c: model.typical_[c] for c in reason.columns if c in model.columns_})
        lifts[:, j] = np.where(holds[chosen], whole - _log_odds(model, without), -np.inf)
    order = np.argsort(-lifts, axis=1, kind="stable")[:, :REASONS_SHOWN]
    return ["; ".join(reasons[j].words for j in best if lift[j] > 0) for best, lift in zip(order, lifts, strict=True)]


def _log_odds(model: ChurnRiskModel, rows: pd.DataFrame) -> np.ndarray:
    from scipy.special import logit

    return np.asarray(logit(np.clip(model.predict_proba(rows)[:, 1], 1e-9, 1 - 1e-9)))


def _share(hits: int, n: int, confidence: float) -> Estimate:
    if not n:
        return Estimate(np.nan, np.nan, np.nan, 0, "share", OBSERVED)
    low, high = wilson_bounds(hits / n, n, confidence)
    return Estimate(hits / n, float(low), float(high), n, "share", OBSERVED)
