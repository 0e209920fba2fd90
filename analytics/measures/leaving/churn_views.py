"""What the risk of leaving means: for those who said so and the silent, for listening, for calls, between segments.

The risk itself is learnt and judged in ``churn``.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone

from analytics.config import Costs
from analytics.measures.discoveries import control_false_discoveries
from analytics.measures.estimate import Estimate
from analytics.measures.intervals import compare_shares
from analytics.measures.leaving.churn import ChurnRiskModel
from analytics.measures.leaving.discrimination import DECIMALS, TOP, compare_auc, share_of
from analytics.tables.schema import NotMeasured

VALUE = "account_value_per_year"
SAID, OTHERWISE, SILENT = "said", "otherwise", "silent"  # leaving, or a complaint; something else; nothing
GROUPED = {"words": (SAID, OTHERWISE, SILENT), "answers": ("answered", "asked_silent", "never_asked")}
ERRORS = ("missed", "in_vain")  # leavers outside the tenth with the highest risk, stayers in it
INTENT = 0.5  # a comment says that its writer is leaving when this is more likely than not
REASONS_NAMED = 3
REASONS = tomllib.loads(Path(__file__).with_name("reasons.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Listening:
    """What customers' own words and scores add to internal figures.

    Attributes
    ----------
    internal, both
        AUC of the same kind of model on operations and account, and on all.
    gain
        AUC of both less that of internal, for the same customers.
    heard
        Share of customers who had said anything (answer, comment, complaint) in the year before.
    """

    internal: Estimate
    both: Estimate
    gain: Estimate
    heard: Estimate


def compare_listening(model: ChurnRiskModel, features: pd.DataFrame) -> Listening:
    """Fit the same model without what customers told us, and compare on the same later customers.

    Parameters
    ----------
    model
        Fitted on `features` with all groups.
    features
        With `cutoff` and `left_within`.

    Returns
    -------
    Listening
        Gain with the interval of the paired difference.

    Raises
    ------
    NotMeasured
        If there are no features of perception, or none of operations.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13, for the paired bootstrap.
    """
    for group in ("perception", "operations"):
        if not any(c.startswith(f"{group}_") for c in model.columns_):
            raise NotMeasured(f"no feature of {group}", needed_for="what listening adds")
    other = clone(model).set_params(groups=("operations", "account")).fit(features)
    gain, internal = compare_auc(model.test_["left"], model.test_["risk"], other.test_["risk"], model.confidence)
    spoke = _words(features.loc[model.test_.index]) != SILENT
    heard = share_of(spoke, np.ones(len(spoke), bool), model.confidence)
    return Listening(internal, model.evaluation_["auc"], gain, heard)


def leaving_by(model: ChurnRiskModel, features: pd.DataFrame, by: str = "words") -> pd.DataFrame:
    """Set groups of customers against each other: who left, at what cost, who was found.

    By words: said to leave (a complaint, or a comment that more likely than not says so), spoke otherwise, never spoke
    (no answer, comment or complaint). By answers: answered, asked but silent, never asked. Both in the year before the
    test cut-off: what a customer said after it, before leaving, does not count.

    Parameters
    ----------
    model
        Fitted on `features`; they are judged at its test cut-off.
    features
        With perception columns.
    by
        'words' or 'answers'.

    Returns
    -------
    DataFrame
        One row per group of `GROUPED`: group, customers, left, value, low, high (share that left within the horizon),
        expected (mean risk), value_left (a year's value of those who left), value_at_risk (risk times value, NaN where
        the model only ranks or no value is known), found, found_low, found_high (share of the group's leavers in the
        model's top tenth), n, unit, source.

    Raises
    ------
    NotMeasured
        If neither answers nor complaints of customers, or no dated invitations, are recorded.

    References
    ----------
    Hirschman (1970), Exit, Voice, and Loyalty. Wilson (1927), JASA 22, for the intervals.
    """
    test, here_now = model.test_, features.loc[model.test_.index]
    group = _words(here_now) if by == "words" else _answers(here_now)
    top = _top(test["risk"].to_numpy())
    value = here_now[VALUE] if VALUE in features else pd.Series(np.nan, test.index)
    rows = []
    for name in GROUPED[by]:
        here = group == name
        left = test["left"].to_numpy() & here
        share, top_share = share_of(left, here, model.confidence), share_of(top, left, model.confidence)
        rows.append(
            {"group": name, "customers": share.n, "left": top_share.n, **vars(share),
             "expected": test["risk"][here].mean(), "value_left": value[left].sum(min_count=1),
             "value_at_risk": (test["risk"] * value)[here].sum(min_count=1) if model.calibrated_ else np.nan,
             "found": top_share.value, "found_low": top_share.low, "found_high": top_share.high}
        )  # fmt: skip
    return pd.DataFrame(rows)


def worth_calling(model: ChurnRiskModel, features: pd.DataFrame, costs: Costs) -> pd.DataFrame:
    """List whom to call, the most worthwhile first.

    A call is worth it when risk × value per year × years kept × share saved exceeds its cost. Where the model only
    ranks, or no value is known, the tenth with the highest risk is listed instead.

    Parameters
    ----------
    model
        A fitted model.
    features
        Customers to rank, one row each (`build_customer_features` at one cut-off).
    costs
        Cost of a call, share of those called who stay, years of value kept.

    Returns
    -------
    DataFrame
        rank, customer_id, risk and expected_gain (money; both NaN where the model only ranks), on the index of
        `features`.

    Raises
    ------
    ValueError
        If a customer occurs twice.

    References
    ----------
    Elkan (2001), The foundations of cost-sensitive learning, IJCAI, for the threshold.
    """
    if features["customer_id"].duplicated().any():
        raise ValueError("a customer occurs twice in the features: rank them at one cut-off.")
    risk = model.predict_proba(features)[:, 1]
    value = features[VALUE].to_numpy(float) if VALUE in features else np.full(len(features), np.nan)
    gain = risk * value * costs.years_kept * costs.share_saved - costs.retention_contact
    by_risk = not model.calibrated_ or np.isnan(value).all()
    worth = risk if by_risk else gain
    chosen = np.flatnonzero(_top(risk) if by_risk else gain.round(DECIMALS) > 0)
    chosen = chosen[np.argsort(-worth[chosen].round(DECIMALS), kind="stable")]
    level, net = (figure[chosen] if model.calibrated_ else np.nan for figure in (risk, gain))
    ids = features["customer_id"].iloc[chosen]
    return pd.DataFrame({"rank": np.arange(1, len(ids) + 1), "customer_id": ids, "risk": level, "expected_gain": net})


def rank_customers(model: ChurnRiskModel, features: pd.DataFrame, costs: Costs, k: int = 10) -> pd.DataFrame:
    """List whom to call as `worth_calling` does, and why.

    Reasons are what raises the model's log odds most above a typical customer's; one that fewer than k customers share
    is left out, as it could tell who they are.

    Parameters
    ----------
    model, features, costs
        As for `worth_calling`.
    k
        Smallest number of customers who share a reason that is named.

    Returns
    -------
    DataFrame
        As `worth_calling`, with reasons (up to three names of `REASONS`, a tuple). No names of people, no texts.

    References
    ----------
    Štrumbelj and Kononenko (2014), Knowledge and Information Systems 41: contributions in a model that adds them up.
    """
    calls = worth_calling(model, features, costs)
    return calls.assign(reasons=pd.Series(_reasons(model, features, calls.index, k), calls.index, dtype=object))


def fairness(model: ChurnRiskModel, features: pd.DataFrame, by: str = "account_segment") -> pd.DataFrame:
    """Compare the model's errors between groups of customers, when the tenth with the highest risk is called.

    Parameters
    ----------
    model, features
        As for `worth_calling`.
    by
        Column of the features that names the group.

    Returns
    -------
    DataFrame
        group, measure ('missed': leavers not called; 'in_vain': stayers called), value, low, high, n, unit, source,
        differs (from all other groups together, Fisher's exact test, 5 % false flags by Benjamini-Hochberg).

    Raises
    ------
    NotMeasured
        If the features lack the column.

    References
    ----------
    Hardt, Price and Srebro (2016), Equality of opportunity in supervised learning. Benjamini and Hochberg (1995).
    """
    if by not in features:
        raise NotMeasured(table="customers", columns=[by.removeprefix("account_")], needed_for="fairness")
    group = features.loc[model.test_.index, by].astype("str").fillna("not stated")
    left, top = model.test_["left"].to_numpy(), _top(model.test_["risk"].to_numpy())
    rows, p_values = [], []
    for measure, base, wrong in zip(ERRORS, (left, ~left), (~top, top), strict=True):
        for name in sorted(group.unique()):
            mine = (group == name).to_numpy()
            share, others = (share_of(wrong, base & side, model.confidence) for side in (mine, ~mine))
            rows.append({"group": name, "measure": measure, **vars(share)})
            p_values.append(compare_shares(share, others))
    return pd.DataFrame(rows).assign(differs=control_false_discoveries(p_values))


def _words(features: pd.DataFrame) -> np.ndarray:
    """What each customer had said in the year before the cut-off."""
    columns = [f"perception_{c}" for c in ("complaints", "churn_intent", "answered", "comments")]
    spoken = features.reindex(columns=columns).astype(float)
    if spoken.isna().all(axis=None):
        raise NotMeasured("neither complaints nor answers name the customer", needed_for="said and silent")
    complaints, intent, answered, comments = spoken.fillna(0).to_numpy().T
    sides = [(complaints > 0) | (intent >= INTENT), (answered > 0) | (comments > 0)]
    return np.select(sides, [SAID, OTHERWISE], SILENT)


def _answers(features: pd.DataFrame) -> np.ndarray:
    """What had become of the surveys of each customer in the year before the cut-off."""
    if "perception_invited" not in features:
        raise NotMeasured(table="surveys", columns=["invited_at"], needed_for="leaving by answer")
    sides = [features["perception_answered"] > 0, features["perception_invited"] > 0]
    return np.select(sides, GROUPED["answers"][:2], GROUPED["answers"][2])


def _top(risk: np.ndarray) -> np.ndarray:
    """The tenth of customers with the highest risk; ties in order of the rows."""
    chosen = np.zeros(len(risk), dtype=bool)
    chosen[np.argsort(-risk.round(DECIMALS), kind="stable")[: max(1, round(TOP * len(risk)))]] = True
    return chosen


def _reasons(model: ChurnRiskModel, features: pd.DataFrame, calls: pd.Index, k: int) -> list[tuple[str, ...]]:
    """The reasons of some customers: those that hold and raise the model's risk most."""
    reasons = {name: reason for name, reason in REASONS.items() if name in model.columns_}
    names, first = list(reasons), features[list(reasons)].astype(float)
    holds = first.ge([reason.get("at_least", -np.inf) for reason in reasons.values()])
    holds &= first.le([reason.get("at_most", np.inf) for reason in reasons.values()])
    raised = model.contributions(features.loc[calls])
    whole = [raised[raised.columns.intersection(reason["columns"])].sum(axis=1) for reason in reasons.values()]
    lifts = np.where(holds.loc[calls] & (holds.sum() >= k), np.column_stack(whole), 0.0).round(DECIMALS)
    best = np.argsort(-lifts, axis=1, kind="stable")[:, :REASONS_NAMED]
    return [tuple(names[j] for j in order if lift[j] > 0) for order, lift in zip(best, lifts, strict=True)]
