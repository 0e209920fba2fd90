"""Promises the organisation made, scored each period: kept by our records, kept in the customer's view, unknown.

What was promised stands in perception.toml; this module scores it and says how far the two views lie apart. A promise
that nobody can measure is listed with what would measure it, never dropped.
"""

from enum import StrEnum

import numpy as np
import pandas as pd

from analytics.config import Promise
from analytics.measures.estimate import ASSERTED, SAID, Estimate
from analytics.measures.intervals import estimate_share
from analytics.measures.scores import share
from analytics.measures.suppress import TOTAL, count_people
from analytics.tables.cases import case_ids
from analytics.tables.schema import Tables

KEPT, BROKEN, UNKNOWN = "kept", "broken", "unknown"
SOLVING, REPLYING = ("customer_clock_h", "company_clock_h"), "first_response_h"  # measures that are a time


class Verdict(StrEnum):
    """Whether a promise is kept to the share promised: all that is possible reaches it, stays below, or neither."""

    KEPT = "kept"
    NOT_KEPT = "not kept"
    UNKNOWN = "unknown"


class Lack(StrEnum):
    """What stands in the way of a verdict in the customers' view."""

    NOTHING = ""
    MEASURE = "no measure is declared"
    CASES = "no case carries the measure"
    ANSWERS = "too few customers have said"


def score_promises(
    promises: list[Promise], tables: Tables, cases: pd.DataFrame, comments: pd.DataFrame | None = None,
    confidence: float = 0.95, since: pd.Timestamp | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Share of the cases due in which each promise was kept, by our records and in the customer's view.

    A time promise is due once its time is over, any other where the contact carries its measure. By our records a case
    due keeps it when the company's own stamp stays within the time; without a stamp it does not. In the customer's
    view only what customers said counts: `view_low` takes all who said nothing for broken, `view_high` for kept, so
    that the truth lies between them, whoever keeps silent. With no case that is due cut off before its time, the share
    confirmed within it is Kaplan and Meier's.

    Parameters
    ----------
    promises
        As declared; one without a measure is listed as not measured.
    tables, cases
        The contacts and their cases (`build_cases`); a promise about a segment looks at its cases only.
    comments
        Scored comments (`score_comments`) with case_id and negative_themes; None where nobody wrote.
    confidence
        Level of the Wilson intervals, several cases of one customer counted as such.
    since
        Only what came due from this moment on; None is all.

    Returns
    -------
    pandas.DataFrame
        One row per promise (and one per segment where cases have segments and the promise names none). `n` cases due;
        `records` with `records_n` cases recorded; `view` the share whose customers confirmed, `view_broken` the cases
        whose customers said that it was broken, `view_n` both, `view_low` and `view_high` the bounds with their
        sampling error, `unknown` the share who have not said, `harmed`
        the ids of the cases in which it was. `records_p` and `view_p` test the share promised.
        `distance_low` and `distance_high` bound records less view. Undefined is NaN with n 0.

    References
    ----------
    Wilson (1927) for the shares; Manski (2003), chapter 1, for the bounds; Kaplan and Meier (1958), JASA 53.

    Examples
    --------
    >>> from datetime import date
    >>> vow = Promise(id="respect", text="Always respect.", made_on=date(2026, 1, 1))
    >>> score_promises([vow], Tables(), pd.DataFrame())["lack"].item()
    'no measure is declared'
    """
    rows = []
    for promise in promises:
        if promise.measure is None:
            rows.append(_row(promise, None, pd.DataFrame({"records": [], "view": [], "met": []}), confidence))
            continue
        judged = judge_promise(promise, tables, cases, comments, since)
        rows.append(_row(promise, promise.segment, judged, confidence))
        if promise.segment is None and "segment" in judged:
            parts = judged.groupby("segment", observed=True)
            rows += [_row(promise, str(name), part, confidence) for name, part in parts]
    return pd.DataFrame(rows)


def in_segment(promise: Promise, cases: pd.DataFrame) -> pd.DataFrame:
    """The cases of the customers to whom a promise was made."""
    if promise.segment is None:
        return cases
    return cases[cases["segment"].eq(promise.segment)] if "segment" in cases else cases.head(0)


def judge_promise(
    promise: Promise, tables: Tables, cases: pd.DataFrame, comments: pd.DataFrame | None = None,
    since: pd.Timestamp | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Each case in which a promise was due, with `records`, `view` and both, `met`: 'kept', 'broken' or 'unknown'.

    Cases that began before the promise was made, of another segment, or whose time is not over are not due; for a
    callback only cases in which one was promised are.
    """
    measure, limit = str(promise.measure), float(np.nan if promise.threshold is None else promise.threshold)
    timed, contacts = measure in (*SOLVING, REPLYING), _contacts(tables)
    scope = in_segment(promise, cases)
    started = pd.to_datetime(scope["started_at"])
    inside = started >= pd.Timestamp(promise.made_on, tz=started.dt.tz)
    due, hours = started, limit
    if timed:
        hours = _hours_until_due(measure, limit, cases)
        due = started + pd.Timedelta(hours=hours)
        looked = pd.to_datetime(cases["started_at"]) + pd.to_timedelta(cases["customer_clock_h"], unit="h")
        inside &= due <= looked.max()
    scope = _with_measure(measure, contacts, scope[inside if since is None else inside & (due >= since)])
    recorded = scope["_recorded"]
    missing = UNKNOWN if recorded.isna().all() else BROKEN  # where nothing is stamped, a missing stamp says nothing
    records = pd.Series(np.select([recorded <= limit, recorded > limit], [KEPT, BROKEN], missing), index=scope.index)
    in_time, broken = pd.Series(False, index=scope.index), _said_of_deed(scope, records, comments)
    if timed:
        in_time, broken = _said_of_time(measure, limit, scope, _came_back(contacts, hours), records)
    view = pd.Series(np.select([in_time, broken], [KEPT, BROKEN], UNKNOWN), index=scope.index)
    columns = [column for column in ("case_id", "customer_id", "segment") if column in scope]
    either = [records.eq(BROKEN) | view.eq(BROKEN), records.eq(KEPT) | view.eq(KEPT)]
    return scope[columns].assign(records=records, view=view, met=np.select(either, [BROKEN, KEPT], UNKNOWN))


def _hours_until_due(measure: str, limit: float, cases: pd.DataFrame) -> float:
    """Calendar hours until a time promise is surely over; office hours take as long as the longest case within them."""
    wall = cases["company_wall_h"] if measure == "company_clock_h" and "company_wall_h" in cases else None
    return limit if wall is None else float(np.fmax(limit, wall[cases[measure] <= limit].max()))


def _contacts(tables: Tables) -> pd.DataFrame:
    """The contacts with the name of their case."""
    if tables.contacts is None or tables.contacts.empty:
        return pd.DataFrame({"case": [], "started_at": pd.to_datetime([])})
    return tables.contacts.assign(case=case_ids(Tables(contacts=tables.contacts))["contacts"])


def _with_measure(measure: str, contacts: pd.DataFrame, scope: pd.DataFrame) -> pd.DataFrame:
    """The cases a promise is about, with `_recorded`: what our own stamps say of it, missing where they say nothing.

    A clock runs in every case; a column of contacts is about the cases that carry it.
    """
    if measure in ("company_clock_h", REPLYING):
        return scope.assign(_recorded=scope[measure].astype(float))
    by_case = contacts.groupby("case")
    if measure == "customer_clock_h":
        if "resolved_at" not in contacts:
            return scope.assign(_recorded=np.nan)
        span = by_case["resolved_at"].max() - by_case["started_at"].min()
        return scope.assign(_recorded=scope["case_id"].map(span.dt.total_seconds() / 3600))
    if measure not in contacts:
        return scope.iloc[:0].assign(_recorded=pd.Series(dtype=float))
    recorded = scope["case_id"].map(by_case[measure].max()).astype(float)
    return scope.assign(_recorded=recorded)[recorded.notna()]


def _came_back(contacts: pd.DataFrame, hours: float) -> pd.Series:
    """Cases that their customer brought back more than so many hours after the first attempt."""
    first = contacts.groupby("case")["started_at"].transform("min")
    late = contacts["started_at"] - first > pd.Timedelta(hours=hours)
    if "reopened" in contacts:
        late &= contacts["reopened"].astype(float).gt(0)
    return contacts.loc[late, "case"]


def _said_of_time(
    measure: str, limit: float, scope: pd.DataFrame, back: pd.Series, records: pd.Series
) -> tuple[pd.Series, pd.Series]:
    """Where the customer confirmed within the time, and where their word is that it was not kept.

    That is, for a solving time: they came back or say it is not fixed after it, or they confirmed after it and our
    records do not say that it was solved within it. A late word says that it is solved, not when.
    """
    confirmed, clock = scope["ended"].eq("confirmed"), scope["customer_clock_h"]
    broken = (confirmed & clock.gt(limit) & records.eq(BROKEN)) | scope["case_id"].isin(back)
    if "confirmed_fixed" in scope:
        broken |= scope["confirmed_fixed"].eq(False).fillna(False).astype(bool)
    return confirmed & clock.le(limit), broken & (measure != REPLYING)


def _said_of_deed(scope: pd.DataFrame, records: pd.Series, comments: pd.DataFrame | None) -> pd.Series:
    """Where the customer writes of a broken promise, and our records do not say that this one was kept."""
    if comments is None or "negative_themes" not in comments:
        return pd.Series(False, index=scope.index)
    named = comments["negative_themes"].map(lambda themes: "promise_broken" in themes).astype(bool)
    return scope["case_id"].isin(comments.loc[named, "case_id"].dropna()) & records.ne(KEPT)


def _row(promise: Promise, segment: str | None, judged: pd.DataFrame, confidence: float) -> dict[str, object]:
    """What a promise's cases come to."""
    n, goal = len(judged), promise.share
    recorded, heard = (judged[judged[side].ne(UNKNOWN)] for side in ("records", "view"))
    kept, broken = int(recorded["records"].eq(KEPT).sum()), int(judged["view"].eq(BROKEN).sum())
    records = _share(recorded, recorded["records"].eq(KEPT), ASSERTED, confidence)
    said = judged if len(heard) else heard
    ends = said["view"].eq(KEPT), said["view"].ne(BROKEN)
    confirmed, possible = (_share(said, flags, SAID, confidence) for flags in ends)
    view_verdict = verdict(confirmed.low, possible.high, goal)
    lack = Lack.ANSWERS if view_verdict == Verdict.UNKNOWN else Lack.NOTHING
    if n == 0:
        lack = Lack.MEASURE if promise.measure is None else Lack.CASES
    return {
        "promise": promise.id, "text": promise.text, "segment": segment or TOTAL,
        "goal": goal if promise.measure else np.nan, "n": n, "people": count_people(judged),
        "records": records.value, "records_low": records.low, "records_high": records.high,
        "records_n": len(recorded), "records_p": _p_value(kept, kept, len(recorded), goal),
        "records_verdict": verdict(records.low, records.high, goal),
        "view": confirmed.value, "view_low": confirmed.low, "view_high": possible.high, "view_n": len(heard),
        "view_people": count_people(heard), "view_broken": broken,
        "view_p": _p_value(len(heard) - broken, n - broken, len(said), goal), "view_verdict": view_verdict,
        "harmed": frozenset(judged.loc[judged["met"].eq(BROKEN), "case_id"]) if n else frozenset(),
        "unknown": 1 - len(heard) / n if n else np.nan, "distance_low": records.low - possible.high,
        "distance_high": records.high - confirmed.low, "lack": lack,
    }  # fmt: skip


def _share(rows: pd.DataFrame, flags: pd.Series, source: str, confidence: float) -> Estimate:
    """Share of some cases, several of one customer counted as such; undefined where there are none."""
    if rows.empty:
        return estimate_share(0, 0, source)
    return share(flags, source=source, clusters=rows.get("customer_id"), confidence=confidence)


def _p_value(least: int, most: int, n: int, goal: float) -> float:
    """Two-sided binomial test of the share promised, where between `least` and `most` of n were kept; NaN without n."""
    from scipy.stats import binom

    return float(min(2 * min(binom.sf(least - 1, n, goal), binom.cdf(most, n, goal)), 1)) if n else np.nan


def verdict(low: float, high: float, goal: float) -> Verdict:
    """'kept' when all of the interval reaches the goal, 'not kept' when all of it stays below, else 'unknown'."""
    return Verdict.KEPT if low >= goal else Verdict.NOT_KEPT if high < goal else Verdict.UNKNOWN
