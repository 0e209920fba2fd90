"""Time to leaving, with those who have not left yet counted as long as they were seen.

Hazard ratios say what goes together with leaving sooner; nobody was assigned to anything, so they are no causes.
"""

import numpy as np
import pandas as pd

from analytics.measures.estimate import OBSERVED
from analytics.measures.leaving.churn_views import INTENT
from analytics.measures.leaving.discrimination import DECIMALS
from analytics.measures.leaving.features import HORIZON_DAYS
from analytics.measures.recovery import is_fixed
from analytics.tables.schema import NotMeasured, Tables, require

ROWS = 100_000  # more are cut down to a random sample of customers
FOLLOWED_DAYS = 180  # how long a complaint is followed; the customer's next complaint ends it
MOST = 3  # three of a kind or more count as three
LOW_SCORE = "low_score"  # cause: any of the scores at or below its bound
LOW_SCORES = {"perception_nps": 6, "perception_csat": 2, "perception_ces": 3}
HANDLE_TIME = "operations_handle_time_s"  # its logarithm, a step being one standard deviation
COUNTED = (
    "perception_complaints_90d", "perception_negative_comments", "operations_reopens_90d", "operations_transfers_90d",
    "operations_unconfirmed_90d", "operations_open_cases", "operations_cases_90d",
)  # fmt: skip
REMEDIES = {"gesture_only": (False, True), "fix_only": (True, False), "fix_and_gesture": (True, True)}  # fixed, gesture


def hazard_ratios(features: pd.DataFrame, tables: Tables, confidence: float = 0.95) -> pd.DataFrame:
    """How many times as fast customers leave with one more of each thing that happened to them, the others equal.

    Cox's proportional hazards over the horizon after each cut-off, customers compared at the same cut-off only; those
    who did not leave within it are censored at its end.

    Parameters
    ----------
    features
        As `build_customer_features` returns, with its usual horizon; rows whose horizon is not over are left out.
    tables
        For `left_at`.
    confidence
        Level of the intervals.

    Returns
    -------
    DataFrame
        cause (a feature, or 'low_score'), value (hazard ratio), low, high, z, n (rows in which it occurred),
        people (distinct customers among them), unit, source; the surest first.

    Raises
    ------
    NotMeasured
        If nothing that happened to customers is recorded, or nobody left.

    References
    ----------
    Cox (1972), Regression models and life-tables, JRSS B 34; stratified by cut-off as Kalbfleisch and Prentice (2002).
    """
    rows = features[features["left_within"].notna()]
    if len(rows) > ROWS:
        ids = rows["customer_id"].drop_duplicates()
        rows = rows[rows["customer_id"].isin(ids.sample(frac=ROWS / len(rows), random_state=0))]
    customers = require(tables.customers, ["customer_id", "left_at"], "time to leaving").set_index("customer_id")
    departure = pd.to_datetime(rows["customer_id"].map(customers["left_at"]), utc=True)
    days = (departure - rows["cutoff"]).dt.total_seconds() / 86_400
    left = rows["left_within"].to_numpy(bool)
    causes = _causes(rows)
    if causes.empty or not left.any():
        raise NotMeasured("nothing recorded of customers, or no leaver", needed_for="time to leaving")
    lasted, strata = np.where(left, days, HORIZON_DAYS), pd.factorize(rows["cutoff"])[0]
    table = _cox(lasted, left, causes, rows["customer_id"], strata, confidence)
    surest = np.argsort(-table["z"].abs().round(DECIMALS), kind="stable")
    return table.iloc[surest].reset_index(drop=True)


def _causes(rows: pd.DataFrame) -> pd.DataFrame:
    """What happened to each customer as numbers; what varies in no customer is left out."""
    causes = {c: rows[c].fillna(0).astype(float).clip(upper=MOST) for c in COUNTED if c in rows}
    if scores := [c for c in LOW_SCORES if c in rows]:
        low = np.column_stack([rows[c].le(LOW_SCORES[c]) for c in scores]).any(axis=1)
        causes[LOW_SCORE] = pd.Series(low.astype(float), index=rows.index)
    if "perception_churn_intent" in rows:
        causes["perception_churn_intent"] = rows["perception_churn_intent"].ge(INTENT).astype(float)
    if HANDLE_TIME in rows:
        time = np.log(rows[HANDLE_TIME].clip(lower=1))
        causes[HANDLE_TIME] = ((time - time.mean()) / time.std()).fillna(0)
    frame = pd.DataFrame(causes, index=rows.index)
    return frame.loc[:, frame.nunique() > 1]


def leaving_after_complaint(
    tables: Tables, until: pd.Timestamp | None = None, confidence: float = 0.95
) -> pd.DataFrame:
    """Follow customers from a complaint: how fast they leave, by whether it was fixed and whether a gesture was made.

    Parameters
    ----------
    tables
        Complaints with `remedy` or `confirmed_fixed`, and `goodwill_value`; customers with `left_at`.
    until
        End of what is known; the last stamp of complaints and leaving by default.
    confidence
        Level of the intervals.

    Returns
    -------
    DataFrame
        Cox hazard ratios against complaints neither fixed nor met with a gesture: cause ('gesture_only', 'fix_only',
        'fix_and_gesture'), value, low, high, z, n (complaints), people (distinct customers), unit, source.

    Raises
    ------
    NotMeasured
        If remedy, gesture or leaving is not recorded, or nobody stands on one side of the comparison.

    References
    ----------
    Cox (1972), JRSS B 34.
    """
    analysis = "leaving after a complaint"
    complaints = require(tables.complaints, ["customer_id", "received_at", "goodwill_value"], analysis)
    customers = require(tables.customers, ["customer_id", "left_at"], analysis).set_index("customer_id")
    fixed = is_fixed(complaints)
    if fixed.isna().all():
        raise NotMeasured(table="complaints", columns=["remedy"], needed_for="leaving after a complaint")
    began = pd.to_datetime(complaints["received_at"], utc=True)
    departure = pd.to_datetime(complaints["customer_id"].map(customers["left_at"]), utc=True)
    end = pd.Timestamp(max(began.max(), departure.max())) if until is None else pd.Timestamp(until)
    end = end.tz_localize("UTC") if end.tzinfo is None else end
    order = began.sort_values(kind="stable").index
    following = began[order].groupby(complaints["customer_id"][order]).shift(-1).reindex(began.index)
    followed = ((following.fillna(end) - began).dt.total_seconds() / 86_400).clip(upper=FOLLOWED_DAYS)
    lived = (departure - began).dt.total_seconds() / 86_400
    left = (lived <= followed).to_numpy()
    lasted = lived.where(left, followed)
    inside = (lasted > 0) & fixed.notna() & complaints["customer_id"].isin(customers.index)
    if not left[inside].any():
        raise NotMeasured("nobody who complained left", needed_for="leaving after a complaint")
    gesture = complaints.loc[inside, "goodwill_value"].fillna(0).gt(0)
    groups = {name: fixed[inside].eq(f) & gesture.eq(g) for name, (f, g) in REMEDIES.items()}
    dummies = pd.DataFrame({name: group.astype(float) for name, group in groups.items() if group.any()})
    if dummies.empty or dummies.any(axis=1).all():
        raise NotMeasured("no complaints both met and not met", needed_for="leaving after a complaint")
    people = complaints.loc[inside, "customer_id"]
    return _cox(lasted[inside].to_numpy(), left[inside], dummies, people, np.zeros(len(people), int), confidence)


def _cox(
    lasted: np.ndarray, left: np.ndarray, causes: pd.DataFrame, who: pd.Series, strata: np.ndarray, confidence: float
) -> pd.DataFrame:
    """Hazard ratio of one step of each cause."""
    from sklearn.linear_model import LogisticRegression
    from statsmodels.duration.hazard_regression import PHReg

    centre, scale = causes.mean().to_numpy(), causes.std().to_numpy(dtype=float)
    x = (causes.to_numpy(dtype=float) - centre) / scale
    # Newton's method diverges from 0 where a cause is rare; the odds of leaving at all are a start close by.
    near = LogisticRegression(C=1.0, solver="newton-cholesky").fit(x, left).coef_[0]
    fit = PHReg(lasted, x, status=left.astype(int), strata=strata, ties="breslow").fit(start_params=near)
    low, high = np.exp(fit.conf_int(alpha=1 - confidence) / scale[:, None]).T
    occurred = causes.ne(0)
    people = [who[occurred[cause]].nunique() for cause in causes]
    return pd.DataFrame(
        {"cause": causes.columns, "value": np.exp(fit.params / scale), "low": low, "high": high, "z": fit.tvalues,
         "n": occurred.sum().to_numpy(), "people": people, "unit": "times", "source": OBSERVED}
    )  # fmt: skip
