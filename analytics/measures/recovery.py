"""Remedy and goodwill kept apart: was the problem fixed, was a gesture made, and what happened next.

A gesture without a fix is never a resolution. What each group did afterwards is observed, not caused: who got a
gesture was the company's choice.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.measures.estimate import ASSERTED, OBSERVED, SAID, Estimate
from analytics.measures.intervals import wilson_bounds
from analytics.measures.scores import NoAnswersError, mean_score
from analytics.tables.schema import NotMeasured, Tables, require

REPEAT_DAYS = 90  # a complaint by the same customer within three months counts as a repeat
LEAVE_DAYS = 180  # leaving within half a year of the complaint
NO_PROBLEM = "never complained"


@dataclass(frozen=True)
class Recovery:
    """What `score_recovery` found.

    Attributes
    ----------
    gesture_not_fixed
        Share of gestures made where the problem was not fixed; n = 0 where no gesture is recorded.
    groups
        fixed × gesture (fixed alone without `goodwill_value`): outcome, value, low, high, n, unit; `never complained`
        is the comparison group.
    accounts
        Both accounts side by side: what the company recorded against what the customer said, counts.
    gestures
        Customers by number of gestures received (1, 2, 3 or more) with the share that left.
    fixed_source
        'said by customers' where `confirmed_fixed` is recorded, else 'asserted by company'.
    """

    gesture_not_fixed: Estimate
    groups: pd.DataFrame
    accounts: pd.DataFrame
    gestures: pd.DataFrame
    fixed_source: str


def is_fixed(complaints: pd.DataFrame) -> pd.Series:
    """Whether each complaint's problem was fixed: the customer's word where known, else a full remedy.

    Missing where neither is recorded; a partial remedy and a gesture are not a fix.
    """
    fixed = pd.Series(pd.NA, index=complaints.index, dtype="boolean")
    if "remedy" in complaints:
        fixed = complaints["remedy"].eq("full").astype("boolean").mask(complaints["remedy"].isna())
    if "confirmed_fixed" in complaints:
        fixed = complaints["confirmed_fixed"].astype("boolean").fillna(fixed)
    return fixed


def score_recovery(
    tables: Tables, until: pd.Timestamp | None = None, confidence: float = 0.95, step: int = 1
) -> Recovery:
    """Compare what happened after a complaint by whether the problem was fixed and whether a gesture was made.

    For each of the four groups: the next satisfaction or recommendation score, a repeat complaint within 90 days, and
    leaving within 180 days; only complaints whose whole follow-up lies before `until` count for the last two.
    Customers who never complained are shown beside them, followed from the middle of the complaints' time span.

    Parameters
    ----------
    tables
        complaints with remedy or confirmed_fixed, best with goodwill_value; surveys and customers where there are any.
    until
        End of what is known; the last stamp of the complaints by default.
    confidence
        Level of the intervals.
    step
        Every figure counts its complaints in order of their date up to the last whole multiple of this many, so that
        two reports in a row differ by nobody or by at least as many: a smaller group cannot be had by subtraction.

    Returns
    -------
    Recovery
        Undefined figures are NaN with n = 0.

    Raises
    ------
    NotMeasured
        If no complaint or no remedy is recorded.

    References
    ----------
    Smith and Bolton (1998) for the comparison with unharmed customers; de Matos, Henrique and Rossi (2007), Journal of
    Service Research 10(1), for why a "recovery paradox" must not be assumed. Wilson (1927) for the intervals.

    Examples
    --------
    >>> complaints = pd.DataFrame({
    ...     "complaint_id": ["1", "2", "3"], "received_at": pd.to_datetime(["2026-01-05", "2026-01-06", "2026-01-07"]),
    ...     "remedy": ["none", "full", "none"], "goodwill_value": [20.0, 10.0, 0.0]})
    >>> score_recovery(Tables(complaints=complaints)).gesture_not_fixed.value
    0.5
    """
    complaints = require(tables.complaints, ["received_at"], "remedy and goodwill")
    if not {"remedy", "confirmed_fixed"} & set(complaints):
        raise NotMeasured(
            "no column remedy or confirmed_fixed (table complaints)",
            table="complaints",
            columns=["remedy", "confirmed_fixed"],
            needed_for="remedy and goodwill",
        )
    until = complaints["received_at"].max() if until is None else until
    complaints = complaints.assign(fixed=is_fixed(complaints), gesture=_gestures_made(complaints))
    complaints = complaints.sort_values("received_at", kind="stable")
    given = complaints[complaints["fixed"].notna() & complaints["gesture"].fillna(False)]
    source = SAID if "confirmed_fixed" in complaints and complaints["confirmed_fixed"].notna().any() else ASSERTED
    followed = _follow_up(complaints, tables, until)
    return Recovery(
        gesture_not_fixed=_share(_whole(~given["fixed"].astype(bool), step), source, confidence),
        groups=_groups(followed, tables, until, confidence, step),
        accounts=_accounts(complaints, step),
        gestures=_gestures(followed, confidence, step),
        fixed_source=source,
    )


def _gestures_made(complaints: pd.DataFrame) -> pd.Series:
    """Whether each complaint got a gesture; missing everywhere where the company does not record them."""
    if "goodwill_value" not in complaints or complaints["goodwill_value"].isna().all():
        return pd.Series(pd.NA, index=complaints.index, dtype="boolean")
    return complaints["goodwill_value"].fillna(0).gt(0).astype("boolean")


def _follow_up(complaints: pd.DataFrame, tables: Tables, until: pd.Timestamp) -> pd.DataFrame:
    """Complaints with `repeated`, `left` (missing until the follow-up is over) and `next_score`."""
    at = complaints["received_at"]
    if "customer_id" not in complaints:
        unknown = pd.Series(pd.NA, index=complaints.index, dtype="boolean")
        return complaints.assign(repeated=unknown, left=unknown, next_score=np.nan)
    following = complaints.groupby("customer_id")["received_at"].shift(-1)
    repeated = (following - at).le(pd.Timedelta(days=REPEAT_DAYS)).astype("boolean")
    repeated = repeated.mask(at > until - pd.Timedelta(days=REPEAT_DAYS))
    left = pd.Series(pd.NA, index=complaints.index, dtype="boolean")
    if tables.customers is not None and "left_at" in tables.customers:
        gone = complaints["customer_id"].map(tables.customers.set_index("customer_id")["left_at"])
        left = ((gone > at) & (gone - at).le(pd.Timedelta(days=LEAVE_DAYS))).astype("boolean")
        left = left.mask((at > until - pd.Timedelta(days=LEAVE_DAYS)) | gone.le(at))
    return complaints.assign(repeated=repeated, left=left, next_score=_next_score(complaints, tables.surveys))


def _next_score(complaints: pd.DataFrame, surveys: pd.DataFrame | None) -> pd.Series:
    """The customer's first score after the complaint, within the leaving window; missing where none was given."""
    nothing = pd.Series(np.nan, index=complaints.index)
    if surveys is None or not {"customer_id", "responded_at"} <= set(surveys):
        return nothing
    score = next((c for c in ("csat", "nps") if c in surveys), None)
    if score is None:
        return nothing
    answers = surveys.loc[
        surveys["responded_at"].notna() & surveys[score].notna(), ["customer_id", "responded_at", score]
    ]
    if answers.empty:
        return nothing
    asked = complaints[["customer_id", "received_at"]].dropna().rename_axis("row").reset_index()
    found = pd.merge_asof(
        asked.sort_values("received_at"),
        answers.sort_values("responded_at").rename(columns={score: "score"}),
        left_on="received_at",
        right_on="responded_at",
        by="customer_id",
        direction="forward",
        tolerance=pd.Timedelta(days=LEAVE_DAYS),
        allow_exact_matches=False,
    )
    return found.set_index("row")["score"].reindex(complaints.index)


def _whole(known: pd.Series, step: int) -> pd.Series:
    """The known values up to the last whole multiple of `step`, in the order given."""
    known = known.dropna()
    return known.iloc[: len(known) // step * step]


def _groups(followed: pd.DataFrame, tables: Tables, until: pd.Timestamp, confidence: float, step: int) -> pd.DataFrame:
    rows = []
    told = followed["gesture"].map({True: ", gesture", False: ", no gesture"}).fillna("").astype(str)
    for (fixed, gesture), part in followed.groupby(["fixed", told]):
        name = f"{'fixed' if fixed else 'not fixed'}{gesture}"
        rows += [
            _outcome(name, "next score", _mean(_whole(part["next_score"], step), confidence), len(part)),
            _outcome(name, "complained again", _share(_whole(part["repeated"], step), OBSERVED, confidence), len(part)),
            _outcome(name, "left", _share(_whole(part["left"], step), OBSERVED, confidence), len(part)),
        ]
    rows.append(_outcome(NO_PROBLEM, "left", _share(_unharmed(followed, tables, until), OBSERVED, confidence), 0))
    return pd.DataFrame(rows)


def _unharmed(followed: pd.DataFrame, tables: Tables, until: pd.Timestamp) -> pd.Series:
    """Whether customers without a complaint left within the window that begins midway through the complaints."""
    customers = tables.customers
    if customers is None or "left_at" not in customers or "customer_id" not in followed or followed.empty:
        return pd.Series(dtype="boolean")
    seen = followed["received_at"]
    start = min(seen.min() + (seen.max() - seen.min()) / 2, until - pd.Timedelta(days=LEAVE_DAYS))
    there = customers[~customers["customer_id"].isin(followed["customer_id"])]
    if "joined_at" in there:
        there = there[there["joined_at"].isna() | (there["joined_at"] <= start)]
    there = there[there["left_at"].isna() | (there["left_at"] > start)]
    left: pd.Series = there["left_at"].le(start + pd.Timedelta(days=LEAVE_DAYS))
    return left


def _accounts(complaints: pd.DataFrame, step: int) -> pd.DataFrame:
    """Counts of the company's account against the customer's, where both are recorded."""
    said = next((c for c in ("confirmed_fixed", "disputed") if c in complaints and complaints[c].notna().any()), None)
    if said is None or "remedy" not in complaints:
        return pd.DataFrame(columns=["company", "customer", "n"])
    words = {"confirmed_fixed": {True: "says it is fixed", False: "says it is not fixed"},
             "disputed": {True: "disputes the answer", False: "does not dispute it"}}[said]  # fmt: skip
    both = complaints[complaints[said].notna() & complaints["remedy"].notna()]
    table = both.assign(
        company=both["remedy"].replace("none", "no") + " remedy", customer=both[said].astype(bool).map(words)
    )
    counts = table.groupby(["company", "customer"], observed=True).size() // step * step
    return counts[counts > 0].rename("n").reset_index()


def _gestures(followed: pd.DataFrame, confidence: float, step: int) -> pd.DataFrame:
    """Customers by how many gestures they got, and the share of them that left after the last one."""
    if "customer_id" not in followed:
        return pd.DataFrame(columns=["gestures", "value", "low", "high", "n"])
    given = followed[followed["gesture"].fillna(False)]
    last = given.drop_duplicates("customer_id", keep="last")
    count = last["customer_id"].map(given["customer_id"].value_counts()).clip(upper=3)
    rows = []
    for number, part in last.groupby(count):
        left = _share(_whole(part["left"], step), OBSERVED, confidence)
        name = "3 or more" if number == 3 else str(int(number))
        rows.append({"gestures": name, "value": left.value, "low": left.low, "high": left.high, "n": left.n})
    return pd.DataFrame(rows, columns=["gestures", "value", "low", "high", "n"])


def _outcome(group: str, outcome: str, estimate: Estimate, complaints: int) -> dict[str, object]:
    return {
        "group": group, "outcome": outcome, "complaints": complaints, "value": estimate.value, "low": estimate.low,
        "high": estimate.high, "n": estimate.n, "unit": estimate.unit,
    }  # fmt: skip


def _share(flags: pd.Series, source: str, confidence: float) -> Estimate:
    known = flags.dropna().astype(bool)
    if known.empty:
        return Estimate(np.nan, np.nan, np.nan, 0, "share", source)
    value = float(known.mean())
    low, high = wilson_bounds(value, len(known), confidence)
    return Estimate(value, float(low), float(high), len(known), "share", source)


def _mean(scores: pd.Series, confidence: float) -> Estimate:
    try:
        return mean_score(scores, scale=None, confidence=confidence)
    except NoAnswersError:
        return Estimate(np.nan, np.nan, np.nan, 0, "score", SAID)
