"""How many times as often customers leave after something that happened to them, the other things being equal.

Nobody was assigned to anything: what goes together with leaving need not be its cause.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr

from analytics.measures.estimate import OBSERVED
from analytics.measures.intervals import z_score
from analytics.measures.leaving.churn_views import REASONS
from analytics.measures.leaving.features import HORIZON_DAYS
from analytics.tables.schema import NotMeasured

MONTH_DAYS = 365.25 / 12
EXPECTED = 5  # leavers that chance would put on the smaller side, among customers alike; fewer: it is not looked at
STEPS, CLOSE = 25, 1e-8  # of Newton's method
ENGAGED = ("operations_contacts", "perception_answered")  # in the year before: those without cannot have had the rest
SEGMENT, SEGMENTS = "account_segment", 20  # customers are compared within theirs, where there are at most so many
UNANSWERED, HANDLE_TIME = "asked_silent", "operations_handle_time_s"  # further things: no answer; longer than the half


def leaving_ratios(features: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Compare who left after each thing that happened with those to whom it did not, in a Poisson regression.

    What happened is every condition of `REASONS` (by its last 90 days where they are counted apart), a survey left
    without an answer, and contacts longer than half of customers had. Customers are compared at the same cut-off, in
    the same segment and alike in contacts and answers, with all other things equal. A ratio of 1 is no difference.

    Parameters
    ----------
    features
        As `build_customer_features` returns, with its usual horizon; rows whose horizon is not over are left out.
    confidence
        Level of the intervals.

    Returns
    -------
    DataFrame
        event, value (ratio of shares that left within 90 days), low, high, p_value (by the likelihood ratio, as few
        leavers make the error of a logarithm lopsided), n (rows in which it happened), people (distinct customers among
        them), left (of the rows), touched, more, more_low (customers a month to whom it happened; how many more of them
        left than would have without it, and the lower bound of that, 0 or above), unit, source; the surest first.

    Raises
    ------
    NotMeasured
        If nothing that happened to enough customers is recorded, or nobody left.

    References
    ----------
    Zou (2004), American Journal of Epidemiology 159, for risk ratios by Poisson regression; its own variance is kept,
    which is on the safe side. Firth (1993), Biometrika 80, which keeps a ratio finite where nobody left. Heinze &
    Schemper (2002), Statistics in Medicine 21, for profiles of its likelihood. Miettinen (1974), American Journal of
    Epidemiology 99, for the number more.
    """
    return fit_ratios(features).at(confidence)


def fit_ratios(features: pd.DataFrame) -> "Ratios":
    """The regression of `leaving_ratios`, for intervals of several levels."""
    rows = features[features["left_within"].notna()]
    left = rows["left_within"].to_numpy(bool)
    events = happened(rows)
    events = events.loc[:, _comparable(events, _strata(rows), float(left.mean()))]
    if events.empty or not left.any():
        raise NotMeasured("nothing recorded of enough customers, or no leaver", needed_for="leaving after something")
    fit = _fit(events, _strata(rows), left)
    months = rows["cutoff"].nunique() * HORIZON_DAYS / MONTH_DAYS
    gone = events[left].sum().to_numpy(float)
    table = pd.DataFrame(
        {"event": events.columns, "value": np.exp(fit.slope), "p_value": 2 * ndtr(-fit.apart),
         "n": events.sum().to_numpy(), "left": gone.astype(int), "touched": events.sum().to_numpy() / months,
         "people": [rows.loc[events[name], "customer_id"].nunique() for name in events],
         "more": gone * (1 - np.exp(-fit.slope)) / months, "unit": "times", "source": OBSERVED}
    )  # fmt: skip
    return Ratios(table, fit, months)


def _comparable(events: pd.DataFrame, strata: pd.DataFrame, rate: float) -> pd.Series:
    """Which events leave enough to compare: in a stratum, half the harmonic mean of who had it and who had not."""
    share = events.astype(float).groupby([strata[c] for c in strata]).transform("mean")
    return (share * (1 - share)).sum() * rate >= EXPECTED


def _strata(rows: pd.DataFrame) -> pd.DataFrame:
    """Within what customers are compared: the moment, the segment, whether they had a contact and gave an answer."""
    strata = {"cutoff": pd.factorize(rows["cutoff"])[0]}
    if SEGMENT in rows and rows[SEGMENT].nunique() <= SEGMENTS:
        strata["segment"] = pd.factorize(rows[SEGMENT])[0]
    strata |= {c: rows[c].gt(0).to_numpy().astype(int) for c in ENGAGED if c in rows}
    return pd.DataFrame(strata, index=rows.index)


class _Fit(NamedTuple):
    """Logarithms of the ratios, and how far the likelihood falls on the way to other ones.

    `rate` has the leavers expected of each cell of customers alike, and `towards` by how much the logarithm of each
    rate grows with that of a ratio, all else following: along this line the fall is the profile's to the third order.
    """

    slope: np.ndarray
    rate: np.ndarray
    towards: np.ndarray

    @property
    def apart(self) -> np.ndarray:
        """How far each ratio lies from 1, in standard normal deviates."""
        return np.asarray(np.sqrt(self.deviance(-self.slope)))

    def deviance(self, move: np.ndarray) -> np.ndarray:
        """Twice the fall of the log likelihood where each logarithm is so much more than its estimate."""
        way = move * self.towards
        return np.asarray(2 * self.rate @ (np.expm1(way) - way))

    def reach(self, z: float) -> np.ndarray:
        """How far a bound lies from each estimate, on the side of z's sign (Newton's method on a convex curve)."""
        move = z / np.sqrt(self.rate @ self.towards**2)
        for _ in range(STEPS):
            steep = 2 * self.rate @ (self.towards * np.expm1(move * self.towards))
            move = move - (self.deviance(move) - z**2) / steep
        return np.asarray(move)


class Ratios(NamedTuple):
    """The table of `leaving_ratios` without its bounds, the fit that they come from, and the months that it covers."""

    table: pd.DataFrame
    fit: _Fit
    months: float

    def at(self, confidence: float) -> pd.DataFrame:
        """The table with the bounds of one level of confidence."""
        reaches = (self.fit.reach(side * z_score(confidence)) for side in (-1, 1))
        low, high = (np.exp(self.fit.slope + reach) for reach in reaches)
        more_low = np.maximum(self.table["left"] * (1 - 1 / low), 0) / self.months
        order = np.argsort(-self.fit.apart.round(8), kind="stable")
        return self.table.assign(low=low, high=high, more_low=more_low).iloc[order].reset_index(drop=True)


def _fit(events: pd.DataFrame, strata: pd.DataFrame, left: np.ndarray) -> _Fit:
    """The regression by Newton's method on cells of customers alike, after Firth."""
    cells = events.join(strata).assign(left=left).groupby([*events, *strata])["left"].agg(["sum", "size"]).reset_index()
    dummies = pd.get_dummies(cells[[*strata]].astype(str), drop_first=True, dtype=float)
    x = np.column_stack([np.ones(len(cells)), cells[[*events]], dummies]).astype(float)
    gone, n = cells["sum"].to_numpy(float), cells["size"].to_numpy(float)
    slope = np.zeros(x.shape[1])
    slope[0] = np.log(left.mean())
    for _ in range(STEPS):
        rate = n * np.exp(x @ slope)
        spread = np.linalg.pinv(x.T @ (rate[:, None] * x), hermitian=True)
        hat = rate * np.einsum("ij,jk,ik->i", x, spread, x)
        step = spread @ (x.T @ (gone + hat / 2 - rate))
        slope += step
        if np.abs(step).max() < CLOSE:
            break
    these = slice(1, 1 + events.shape[1])
    return _Fit(slope[these], rate, x @ spread[:, these] / np.diag(spread)[these])


def happened(rows: pd.DataFrame) -> pd.DataFrame:
    """Whether each thing happened to each customer: a column each; takes rows of `build_customer_features`."""
    events = {}
    for name, reason in REASONS.items():
        recent = f"{name}_90d" if f"{name}_90d" in rows else name
        if recent in rows:
            values = rows[recent].to_numpy(float, na_value=np.nan)
            events[name] = (values >= reason.get("at_least", -np.inf)) & (values <= reason.get("at_most", np.inf))
    if "perception_invited" in rows:
        events[UNANSWERED] = (rows["perception_invited"].gt(0) & rows["perception_answered"].eq(0)).to_numpy()
    if HANDLE_TIME in rows:
        events[HANDLE_TIME] = rows[HANDLE_TIME].gt(rows[HANDLE_TIME].median()).to_numpy()
    return pd.DataFrame(events, index=rows.index)
