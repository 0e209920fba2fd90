"""Remedy and goodwill kept apart: was the problem fixed, was a gesture made, and what happened next.

A gesture without a fix is never a resolution. What each group did afterwards is observed, not caused: who got a
gesture was the company's choice.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.measures.estimate import ASSERTED, OBSERVED, SAID, Estimate
from analytics.measures.intervals import compare_shares, difference_bounds, estimate_share
from analytics.measures.scores import mean_score
from analytics.measures.suppress import count_people
from analytics.tables.schema import NotMeasured, Tables, require

REPEAT_DAYS = 90  # a complaint by the same customer within three months counts as a repeat
LEAVE_DAYS = 180  # leaving within half a year of the complaint
MONTH_DAYS = 30.4
SPOKEN = 0.1  # share of complaints from which on the customers' word alone says what was fixed
FIXED, NEVER = "fixed", "never complained"  # with whom customers given a gesture without a fix are compared
NEXT_SCORE, REPEATED, LEFT = "next_score", "repeated", "left"  # what became of a complaint's customer


@dataclass(frozen=True)
class Comparison:
    """How often customers left after a gesture without a fix, beside others: those it was fixed for, or unharmed ones.

    `difference`, `low` and `high` are shares, the gesture's less the others'; `p_value` is Fisher's exact test.
    """

    against: str
    gesture: Estimate
    others: Estimate
    difference: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Recovery:
    """Remedy and gesture of every complaint, and what became of their customers.

    Attributes
    ----------
    gesture_not_fixed
        Share of gestures made where the problem was not fixed, of those where `fixed_source` says whether it was; n = 0
        where no gesture is recorded.
    groups
        One row per fixed, gesture (missing where none is recorded) and outcome ('next_score' and 'repeated' by
        complaint; 'left' by customer, each counted once, at the first complaint): value, low, high, n, unit, and
        `people`, the distinct customers of the n; both fixed and gesture are missing for customers who never
        complained, the comparison.
    leaving
        Leaving after a gesture without a fix, compared with 'fixed' and with 'never complained', in this order; without
        those that are not measured.
    a_month
        Customers a month who were given a gesture without a fix, over the time in which complaints came in.
    alone
        Ids of those of them who complained in the last half year.
    complainants
        Customers who complained, those of unknown fix and of too short a follow-up included.
    accounts
        Both accounts side by side: remedy recorded, whether the customer agrees (column `account`: 'confirmed_fixed',
        or 'disputed', with `agrees` true where it is not disputed), n, people.
    fixed_source
        Who says what was fixed, in every figure but the accounts: 'said by customers' where `confirmed_fixed` is known
        of a tenth of the complaints or more, else 'asserted by company' (a full remedy); never a mixture.
    """

    gesture_not_fixed: Estimate
    groups: pd.DataFrame
    leaving: list[Comparison]
    a_month: float
    alone: frozenset[str]
    complainants: int
    accounts: pd.DataFrame
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


def _fixed_by(complaints: pd.DataFrame) -> tuple[pd.Series, str]:
    """Whether each problem was fixed, and who says so: customers alone where enough of them do, else our records."""
    recorded = is_fixed(complaints.drop(columns="confirmed_fixed", errors="ignore"))
    if "confirmed_fixed" in complaints:
        word = complaints["confirmed_fixed"].astype("boolean")
        if word.notna().any() and word.notna().sum() >= SPOKEN * (word.notna() | recorded.notna()).sum():
            return word, SAID
    return recorded, ASSERTED


def score_recovery(
    tables: Tables, until: pd.Timestamp | None = None, confidence: float = 0.95, step: int = 1
) -> Recovery:
    """Compare what happened after a complaint by whether the problem was fixed and whether a gesture was made.

    For each of the four groups: the next satisfaction or recommendation score, a repeat complaint within 90 days, and
    leaving within 180 days; only complaints whose whole follow-up lies before `until` count for the last two.
    Customers who never complained are shown beside them, followed from the middle of the complaints' time span. None of
    it is the effect of a gesture: who got one was the company's choice.

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
            "no column remedy or confirmed_fixed (table complaints)", table="complaints",
            columns=["remedy", "confirmed_fixed"], needed_for="remedy and goodwill",
        )  # fmt: skip
    if complaints.empty:
        raise NotMeasured("no complaint is recorded", table="complaints", needed_for="remedy and goodwill")
    until = complaints["received_at"].max() if until is None else until
    fixed, source = _fixed_by(complaints)
    complaints = complaints.assign(fixed=fixed, gesture=_gestures_made(complaints))
    complaints = complaints.sort_values("received_at", kind="stable")
    given = complaints[complaints["fixed"].notna() & complaints["gesture"].fillna(False)]
    followed = _follow_up(complaints, tables, until)
    gesture_alone = _whole(given, "fixed", step)["fixed"].eq(False)
    groups = _groups(followed, tables, until, confidence, step)
    span = (until - complaints["received_at"].min()).total_seconds() / 86_400
    alone = given[given["fixed"].eq(False)]
    a_month = count_people(alone) * MONTH_DAYS / max(span, MONTH_DAYS)
    lately = alone[alone["received_at"] > until - pd.Timedelta(days=LEAVE_DAYS)]
    ids = frozenset(lately["customer_id"].dropna().astype(str)) if "customer_id" in lately else frozenset()
    return Recovery(
        _share(gesture_alone, source, confidence), groups, _compare_leaving(groups, confidence), a_month, ids,
        count_people(complaints), _accounts(complaints, step), source,
    )  # fmt: skip


def _gestures_made(complaints: pd.DataFrame) -> pd.Series:
    """Whether each complaint got a gesture; missing everywhere where the company does not record them."""
    if "goodwill_value" not in complaints or complaints["goodwill_value"].isna().all():
        return pd.Series(pd.NA, index=complaints.index, dtype="boolean")
    return complaints["goodwill_value"].fillna(0).gt(0).astype("boolean")


def _follow_up(complaints: pd.DataFrame, tables: Tables, until: pd.Timestamp) -> pd.DataFrame:
    """Complaints with `repeated`, `left` (missing until the follow-up is over) and `next_score`."""
    at = complaints["received_at"]
    left = pd.Series(pd.NA, index=complaints.index, dtype="boolean")
    if "customer_id" not in complaints:
        return complaints.assign(repeated=left, left=left, next_score=np.nan)
    following = complaints.groupby("customer_id")["received_at"].shift(-1)
    repeated = (following - at).le(pd.Timedelta(days=REPEAT_DAYS)).astype("boolean")
    repeated = repeated.mask(at > until - pd.Timedelta(days=REPEAT_DAYS))
    if tables.customers is not None and "left_at" in tables.customers:
        gone = complaints["customer_id"].map(tables.customers.set_index("customer_id")["left_at"])
        left = ((gone > at) & (gone - at).le(pd.Timedelta(days=LEAVE_DAYS))).astype("boolean")
        left = left.mask((at > until - pd.Timedelta(days=LEAVE_DAYS)) | gone.le(at))
    return complaints.assign(repeated=repeated, left=left, next_score=_next_score(complaints, tables.surveys))


def _next_score(complaints: pd.DataFrame, surveys: pd.DataFrame | None) -> pd.Series:
    """The customer's first score after the complaint, within the leaving window; missing where none was given."""
    score = next((c for c in ("csat", "nps") if surveys is not None and c in surveys), None)
    columns = ["customer_id", "responded_at", score]
    if surveys is None or score is None or not set(columns) <= set(surveys) or surveys[columns[1:]].dropna().empty:
        return pd.Series(np.nan, index=complaints.index)
    answers = surveys[columns].dropna(subset=columns[1:]).sort_values("responded_at", kind="stable")
    asked = complaints[["customer_id", "received_at"]].dropna().rename_axis("row").reset_index()
    following = pd.merge_asof(
        asked.sort_values("received_at", kind="stable"), answers, left_on="received_at", right_on="responded_at",
        by="customer_id", direction="forward", tolerance=pd.Timedelta(days=LEAVE_DAYS), allow_exact_matches=False,
    )  # fmt: skip
    return following.set_index("row")[score].reindex(complaints.index)


def _whole(rows: pd.DataFrame, column: str, step: int) -> pd.DataFrame:
    """The rows that know the column, up to the last whole multiple of `step`, in the order given."""
    rows = rows[rows[column].notna()]
    return rows.iloc[: len(rows) // step * step]


def _groups(followed: pd.DataFrame, tables: Tables, until: pd.Timestamp, confidence: float, step: int) -> pd.DataFrame:
    """What became of each group's customers, and of those who never complained."""
    rows, settled = [], followed[followed["fixed"].notna()]
    if "customer_id" in settled:
        settled = settled.assign(left=settled[LEFT].mask(settled["customer_id"].duplicated()))
    for (fixed, gesture), part in settled.groupby(["fixed", "gesture"], dropna=False):
        for outcome in (NEXT_SCORE, REPEATED, LEFT):
            whole = _whole(part, outcome, step)
            e = (_mean if outcome == NEXT_SCORE else _share)(whole[outcome], confidence=confidence)
            group = {"fixed": fixed, "gesture": gesture, "outcome": outcome}
            rows.append(group | vars(e) | {"people": count_people(whole)})
    unharmed = _unharmed(followed, tables, until)
    never = vars(_share(unharmed[LEFT], confidence=confidence)) | {"people": count_people(unharmed)}
    rows.append({"fixed": pd.NA, "gesture": pd.NA, "outcome": LEFT} | never)
    table = pd.DataFrame(rows).astype({"fixed": "boolean", "gesture": "boolean"})
    return table.sort_values(["fixed", "gesture"], ascending=[True, False], kind="stable", ignore_index=True)


def _compare_leaving(groups: pd.DataFrame, confidence: float) -> list[Comparison]:
    """Leaving after a gesture without a fix against others; of whole groups, so that it tells no more than they do."""
    left = groups[groups["outcome"].eq(LEFT) & groups["n"].gt(0)]
    alone = left[~left["fixed"].fillna(True) & left["gesture"].fillna(False)]
    compared = []
    for against, others in ((FIXED, left[left["fixed"].fillna(False)]), (NEVER, left[left["fixed"].isna()])):
        counts = ((round((part["value"] * part["n"]).sum()), int(part["n"].sum())) for part in (alone, others))
        mine, theirs = (estimate_share(*count, OBSERVED, confidence) for count in counts)
        if mine.n and theirs.n:
            gap = difference_bounds(mine, theirs)
            compared.append(Comparison(against, mine, theirs, *gap, compare_shares(mine, theirs)))
    return compared


def _unharmed(followed: pd.DataFrame, tables: Tables, until: pd.Timestamp) -> pd.DataFrame:
    """Customers without a complaint, and whether they left in the window that begins midway through the complaints."""
    customers = tables.customers
    if customers is None or "left_at" not in customers or "customer_id" not in followed or followed.empty:
        return pd.DataFrame({LEFT: pd.Series(dtype="boolean")})
    seen = followed["received_at"]
    start = min(seen.min() + (seen.max() - seen.min()) / 2, until - pd.Timedelta(days=LEAVE_DAYS))
    there = customers[~customers["customer_id"].isin(followed["customer_id"])]
    if "joined_at" in there:
        there = there[there["joined_at"].isna() | (there["joined_at"] <= start)]
    there = there[there["left_at"].isna() | (there["left_at"] > start)]
    left = there["left_at"].le(start + pd.Timedelta(days=LEAVE_DAYS))
    return pd.DataFrame({"customer_id": there["customer_id"], LEFT: left})


def _accounts(complaints: pd.DataFrame, step: int) -> pd.DataFrame:
    """The company's account against the customer's, where both are recorded, in whole steps."""
    account = next((c for c in ("confirmed_fixed", "disputed") if c in complaints and complaints[c].notna().any()), "")
    rows = []
    if account and "remedy" in complaints:
        both = complaints[complaints[account].notna()]
        both = both.assign(agrees=both[account].astype(bool) == (account == "confirmed_fixed"))
        for (remedy, agrees), part in both.groupby(["remedy", "agrees"], observed=True):
            counted = _whole(part, "agrees", step)
            rows.append([remedy, account, agrees, len(counted), count_people(counted)])
    table = pd.DataFrame(rows, columns=["remedy", "account", "agrees", "n", "people"])
    order = [True, account == "disputed"]
    return table[table["n"] > 0].sort_values(["remedy", "agrees"], ascending=order, ignore_index=True)


def _share(flags: pd.Series, source: str = OBSERVED, confidence: float = 0.95) -> Estimate:
    return estimate_share(flags.astype(bool).sum(), len(flags), source, confidence)


def _mean(scores: pd.Series, confidence: float) -> Estimate:
    if scores.empty:
        return Estimate(np.nan, np.nan, np.nan, 0, "score", SAID)
    return mean_score(scores, scale=None, confidence=confidence)
