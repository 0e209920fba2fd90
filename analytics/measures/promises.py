"""Promises the organisation made, scored each period: kept by our records, kept in the customer's view, unknown.

What was promised stands in perception.toml; this module scores it and says how far the two views lie apart. A promise
that nobody can measure is listed with what would measure it, never dropped.
"""

from enum import StrEnum

import numpy as np
import pandas as pd

from analytics.config import Promise
from analytics.measures.estimate import ASSERTED, SAID, Estimate
from analytics.measures.intervals import difference_bounds, estimate_share
from analytics.measures.suppress import TOTAL, count_people
from analytics.tables.cases import case_ids
from analytics.tables.schema import Tables

SATISFIED = {"csat": 4.0, "nps": 7.0}  # at or above: the customer rated the whole case at least passive or satisfied
KEPT, BROKEN, UNKNOWN = "kept", "broken", "unknown"
COLUMNS = [
    "promise", "text", "segment", "goal", "n", "people",
    "records", "records_low", "records_high", "records_verdict",
    "view", "view_low", "view_high", "view_n", "view_people", "view_verdict",
    "unknown", "distance", "distance_low", "distance_high", "lack",
]  # fmt: skip


class Verdict(StrEnum):
    """Whether a promise is kept to the share promised: the whole interval reaches it, stays below, or neither."""

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
    confidence: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """Share of cases in which each promise was kept, by our records and in the customer's view.

    By our records a case keeps a promise when the company's own stamps stay within the threshold (for a solving time:
    from the first contact to the last "resolved"); no stamp is unknown. In the customer's view a solving time counts
    from the first attempt to the customer's confirmation; any other promise counts as broken where the customer says
    so, as kept where the customer answered, was content and named no broken promise, and otherwise as unknown.

    Parameters
    ----------
    promises
        As declared; one without a measure is listed as not measured.
    tables, cases
        The period's contacts and their cases (`build_cases`); a promise about a segment looks at its cases only.
    comments
        Scored comments (`read_comments`) with case_id and themes; None means that nobody can say "promise broken".
    confidence
        Level of the Wilson intervals.

    Returns
    -------
    pandas.DataFrame
        One row per promise (and one per segment where cases have segments and the promise names none): shares 0 to 1,
        `unknown` the share of cases in which the customer has not said, `distance` records minus view, `people` and
        `view_people` the distinct customers behind n and view_n, verdicts and `lack` as `Verdict` and `Lack`.
        Undefined is NaN with n 0.

    References
    ----------
    Wilson (1927) for the shares; Newcombe (1998), method 10, for the distance.

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
            rows.append(_row(promise, None, pd.DataFrame({"records": [], "view": []}), confidence))
            continue
        judged = judge_promise(promise, tables, cases, comments)
        rows.append(_row(promise, promise.segment, judged, confidence))
        if promise.segment is None and "segment" in judged:
            parts = judged.groupby("segment", observed=True)
            rows += [_row(promise, str(name), part, confidence) for name, part in parts]
    return pd.DataFrame(rows, columns=COLUMNS)


def in_segment(promise: Promise, cases: pd.DataFrame) -> pd.DataFrame:
    """The cases of the customers to whom a promise was made."""
    if promise.segment is None:
        return cases
    return cases[cases["segment"].eq(promise.segment)] if "segment" in cases else cases.head(0)


def judge_promise(
    promise: Promise, tables: Tables, cases: pd.DataFrame, comments: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Each case in a promise's scope with `records` and `view`: 'kept', 'broken' or 'unknown'.

    Cases that began before the promise was made, or of another segment, are out of scope; for a callback only cases
    in which one was promised are in it.
    """
    scope = in_segment(promise, cases)
    started = pd.to_datetime(scope["started_at"])
    scope = scope[started >= pd.Timestamp(promise.made_on, tz=started.dt.tz)]
    scope = _with_measure(promise, tables, scope)
    limit = float(promise.threshold if promise.threshold is not None else np.nan)
    recorded = scope["_recorded"]
    records = pd.Series(np.where(recorded <= limit, KEPT, BROKEN), index=scope.index).mask(recorded.isna(), UNKNOWN)
    view = _customers_view(scope, comments)
    if promise.measure == "customer_clock_h":
        confirmed, in_time = scope["ended"].eq("confirmed"), scope["customer_clock_h"].le(limit)
        words = np.select([confirmed & in_time, confirmed | view.eq(BROKEN)], [KEPT, BROKEN], UNKNOWN)
        view = pd.Series(words, index=scope.index)
    columns = [column for column in ("case_id", "customer_id", "segment") if column in scope]
    return scope[columns].assign(records=records, view=view)


def _with_measure(promise: Promise, tables: Tables, scope: pd.DataFrame) -> pd.DataFrame:
    """The cases a promise is about, with `_recorded`: what our own stamps say of it, missing where they say nothing.

    A clock runs in every case; a column of contacts is about the cases that carry it.
    """
    measure, contacts = str(promise.measure), tables.contacts
    if measure in ("company_clock_h", "first_response_h"):
        return scope.assign(_recorded=scope[measure].astype(float))
    if contacts is None or contacts.empty:
        return scope.iloc[:0].assign(_recorded=pd.Series(dtype=float))
    case = case_ids(Tables(contacts=contacts))["contacts"]
    if measure == "customer_clock_h":
        if "resolved_at" not in contacts:
            return scope.assign(_recorded=np.nan)
        span = contacts["resolved_at"].groupby(case).max() - contacts["started_at"].groupby(case).min()
        return scope.assign(_recorded=scope["case_id"].map(span.dt.total_seconds() / 3600))
    if measure not in contacts:
        return scope.iloc[:0].assign(_recorded=pd.Series(dtype=float))
    worst = contacts[measure].astype(float).groupby(case).max().dropna()
    inside = scope[scope["case_id"].isin(worst.index)]
    return inside.assign(_recorded=inside["case_id"].map(worst))


def _customers_view(scope: pd.DataFrame, comments: pd.DataFrame | None) -> pd.Series:
    """What the customer of each case says of promises: broken, kept (content and no broken promise named), unknown."""
    view = pd.Series(UNKNOWN, index=scope.index)
    for score, satisfied in SATISFIED.items():
        if score in scope:
            view = view.mask(scope[score] >= satisfied, KEPT)
    for flag in ("disputed", "reopens"):
        if flag in scope:
            view = view.mask(scope[flag].astype("Float64").gt(0).fillna(value=False).astype(bool), BROKEN)
    if comments is not None and "negative_themes" in comments:
        named = comments["negative_themes"].map(lambda themes: "promise_broken" in themes)
        view = view.mask(scope["case_id"].isin(comments.loc[named, "case_id"].dropna()), BROKEN)
    return view


def _row(promise: Promise, segment: str | None, judged: pd.DataFrame, confidence: float) -> dict[str, object]:
    heard = {side: judged[judged[side].ne(UNKNOWN)] for side in ("records", "view")}
    records, view = (
        estimate_share(heard[side][side].eq(KEPT).sum(), len(heard[side]), source, confidence)
        for side, source in (("records", ASSERTED), ("view", SAID))
    )
    lack = Lack.ANSWERS if verdict(view, promise.share) == Verdict.UNKNOWN else Lack.NOTHING
    if len(judged) == 0:
        lack = Lack.MEASURE if promise.measure is None else Lack.CASES
    values = [
        promise.id, promise.text, segment or TOTAL, promise.share, len(judged), count_people(judged),
        records.value, records.low, records.high, verdict(records, promise.share),
        view.value, view.low, view.high, view.n, count_people(heard["view"]), verdict(view, promise.share),
        (len(judged) - view.n) / len(judged) if len(judged) else np.nan, *difference_bounds(records, view), lack,
    ]  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def verdict(share: Estimate, goal: float) -> Verdict:
    """'kept' when the interval reaches the goal, 'not kept' when all of it stays below, else 'unknown'."""
    if share.n == 0 or share.low < goal <= share.high:
        return Verdict.UNKNOWN
    return Verdict.KEPT if share.low >= goal else Verdict.NOT_KEPT
