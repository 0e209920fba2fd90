"""Time to leaving, with those who have not left yet counted as long as they were seen.

Hazard ratios say what goes together with leaving sooner; nobody was assigned to anything, so they are no causes.
"""

import numpy as np
import pandas as pd

from analytics.measures.estimate import OBSERVED
from analytics.measures.leaving.churn_views import INTENT
from analytics.measures.leaving.features import HORIZON_DAYS
from analytics.measures.recovery import is_fixed
from analytics.tables.schema import NotMeasured, Tables, require

ROWS = 100_000  # more are cut down to a random sample of customers
FOLLOWED_DAYS = 180
MOST = 3  # three of a kind or more count as three
GROUPS = {  # remedy and gesture -> what the group is called; the first is compared with the others
    (False, False): "not fixed, no gesture",
    (False, True): "gesture, not fixed",
    (True, False): "fixed, no gesture",
    (True, True): "fixed, gesture",
}
COUNTED = {  # words -> features, counted
    "complained in the last quarter": "perception_complaints_90d",
    "wrote a negative comment": "perception_negative_comments",
    "came back about a closed case": "operations_reopens_90d",
    "was passed on": "operations_transfers_90d",
    "never confirmed a solution": "operations_unconfirmed_90d",
    "has an open case": "operations_open_cases",
    "had a case in the last quarter": "operations_cases_90d",
}
LOW_SCORES = {"perception_nps": 6, "perception_csat": 2, "perception_ces": 3}
HANDLE_TIME = "longer handle time (by one standard deviation)"


def hazard_ratios(
    features: pd.DataFrame, tables: Tables, horizon_days: int = HORIZON_DAYS, confidence: float = 0.95
) -> pd.DataFrame:
    """How many times as fast customers leave with one more of each thing that happened to them, the others equal.

    Cox's proportional hazards over the horizon after each cut-off, customers compared at the same cut-off only; those
    who did not leave within it are censored at its end.

    Parameters
    ----------
    features
        As `build_customer_features` returns; rows whose horizon is not over are left out.
    tables
        For `left_at`.
    horizon_days
        That of the features.
    confidence
        Level of the intervals.

    Returns
    -------
    DataFrame
        cause, value (hazard ratio), low, high, z, n (rows in which it occurred), unit, source; largest |z| first.

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
    gone = pd.to_datetime(rows["customer_id"].map(customers["left_at"]), utc=True)
    days = (gone - rows["cutoff"]).dt.total_seconds() / 86_400
    left = rows["left_within"].to_numpy(bool)
    causes = _causes(rows)
    if causes.empty or not left.any():
        raise NotMeasured("nothing recorded of customers, or no leaver", needed_for="time to leaving")
    found = _cox(np.where(left, days, horizon_days), left, causes, pd.factorize(rows["cutoff"])[0], confidence)
    return found.sort_values("z", key=abs, ascending=False, ignore_index=True)


def _causes(rows: pd.DataFrame) -> pd.DataFrame:
    """What happened to each customer as numbers; what varies in no customer is left out."""
    causes = {
        words: rows[column].fillna(0).astype(float).clip(upper=MOST)
        for words, column in COUNTED.items()
        if column in rows
    }
    if scores := [c for c in LOW_SCORES if c in rows]:
        low = np.column_stack([rows[c].le(LOW_SCORES[c]) for c in scores]).any(axis=1)
        causes["gave a low score"] = pd.Series(low.astype(float), index=rows.index)
    if "perception_churn_intent" in rows:
        causes["wrote that they may leave"] = rows["perception_churn_intent"].ge(INTENT).astype(float)
    if "operations_handle_time_s" in rows:
        time = np.log(rows["operations_handle_time_s"].clip(lower=1))
        causes[HANDLE_TIME] = ((time - time.mean()) / time.std()).fillna(0)
    frame = pd.DataFrame(causes, index=rows.index)
    return frame.loc[:, frame.nunique() > 1]


def leaving_after_complaint(
    tables: Tables, until: pd.Timestamp | None = None, days: int = FOLLOWED_DAYS, confidence: float = 0.95
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Follow customers from a complaint: who stays how long, by whether it was fixed and whether a gesture was made.

    Parameters
    ----------
    tables
        Complaints with `remedy` or `confirmed_fixed`, and `goodwill_value`; customers with `left_at`.
    until
        End of what is known; the last stamp of complaints and leaving by default.
    days
        How long each complaint is followed; the customer's next complaint ends it.
    confidence
        Level of the intervals.

    Returns
    -------
    tuple of DataFrame
        Kaplan-Meier curves (group, day, value = share still customers, low, high, n at risk) and Cox hazard ratios
        against 'not fixed, no gesture' (cause, value, low, high, z, n, unit, source).

    Raises
    ------
    NotMeasured
        If remedy, gesture or leaving is not recorded.

    References
    ----------
    Kaplan and Meier (1958), JASA 53. Cox (1972), JRSS B 34.
    """
    complaints = require(
        tables.complaints, ["customer_id", "received_at", "goodwill_value"], "leaving after a complaint"
    )
    customers = require(tables.customers, ["customer_id", "left_at"], "leaving after a complaint").set_index(
        "customer_id"
    )
    fixed = is_fixed(complaints)
    if fixed.isna().all():
        raise NotMeasured(table="complaints", columns=["remedy"], needed_for="leaving after a complaint")
    began = pd.to_datetime(complaints["received_at"], utc=True)
    gone = pd.to_datetime(complaints["customer_id"].map(customers["left_at"]), utc=True)
    end = pd.Timestamp(max(began.max(), gone.max())) if until is None else pd.Timestamp(until)
    end = end.tz_localize("UTC") if end.tzinfo is None else end
    order = began.sort_values(kind="stable").index
    following = began[order].groupby(complaints["customer_id"][order]).shift(-1).reindex(began.index)
    followed = ((following.fillna(end) - began).dt.total_seconds() / 86_400).clip(upper=days)
    lived = (gone - began).dt.total_seconds() / 86_400
    left = (lived <= followed).to_numpy()
    lasted = lived.where(left, followed)
    kept = (lasted > 0) & fixed.notna() & complaints["customer_id"].isin(customers.index)
    if not left[kept].any():
        raise NotMeasured("nobody who complained left", needed_for="leaving after a complaint")
    pairs = zip(fixed[kept].astype(bool), complaints.loc[kept, "goodwill_value"].fillna(0).gt(0), strict=True)
    group = pd.Series([GROUPS[pair] for pair in pairs], index=lasted[kept].index)
    curves = _curves(lasted[kept], left[kept], group, confidence)
    others = [name for name in GROUPS.values() if name in set(group)][1:]
    dummies = pd.DataFrame({name: group.eq(name).astype(float) for name in others})
    ratios = _cox(lasted[kept].to_numpy(), left[kept], dummies, np.zeros(len(group), int), confidence)
    return curves, ratios


def _curves(lasted: pd.Series, left: np.ndarray, group: pd.Series, confidence: float) -> pd.DataFrame:
    """Kaplan-Meier per group, with log-log intervals that stay between 0 and 1."""
    from scipy.special import ndtri
    from statsmodels.duration.survfunc import SurvfuncRight

    z, parts = float(ndtri(0.5 + confidence / 2)), []
    for name in group.unique():
        here = (group == name).to_numpy()
        curve = SurvfuncRight(lasted[here], left[here].astype(int))
        share, inner = curve.surv_prob, (curve.surv_prob > 0) & (curve.surv_prob < 1)
        spread = np.zeros(len(share))
        spread[inner] = z * curve.surv_prob_se[inner] / (share[inner] * np.abs(np.log(share[inner])))
        low, high = share ** np.exp(spread), share ** np.exp(-spread)
        parts.append(
            pd.DataFrame(
                {"group": name, "day": curve.surv_times, "value": share, "low": low, "high": high, "n": curve.n_risk}
            )
        )
    return pd.concat(parts, ignore_index=True)


def _cox(
    lasted: np.ndarray, left: np.ndarray, causes: pd.DataFrame, strata: np.ndarray, confidence: float
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
    return pd.DataFrame(
        {
            "cause": causes.columns,
            "value": np.exp(fit.params / scale),
            "low": low,
            "high": high,
            "z": fit.tvalues,
            "n": causes.ne(0).sum().to_numpy(),
            "unit": "times",
            "source": OBSERVED,
        }
    )
