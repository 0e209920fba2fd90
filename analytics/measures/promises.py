"""Promises the organisation made, scored each period: kept by our records, kept in the customer's view, unknown.

What was promised stands in perception.toml; this module scores it and says how far the two views lie apart. A promise
that nobody can measure is listed with what would measure it, never dropped.
"""

import numpy as np
import pandas as pd

from analytics.config import Promise
from analytics.measures.estimate import ASSERTED, SAID, Estimate
from analytics.measures.intervals import wilson_bounds
from analytics.tables.cases import case_ids
from analytics.tables.schema import Tables

SATISFIED = {"csat": 4.0, "nps": 7.0}  # at or above: the customer rated the whole case at least passive or satisfied
KEPT, BROKEN, UNKNOWN = "kept", "broken", "unknown"
COLUMNS = [
    "promise", "text", "segment", "goal", "n",
    "records", "records_low", "records_high", "records_verdict",
    "view", "view_low", "view_high", "view_n", "view_verdict",
    "unknown", "distance", "distance_low", "distance_high", "would_settle",
]  # fmt: skip


def score_promises(
    promises: list[Promise],
    tables: Tables,
    cases: pd.DataFrame,
    comments: pd.DataFrame | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Share of cases in which each promise was kept, by our records and in the customer's view.

    By our records a case keeps a promise when the company's own stamps stay within the threshold (for a solving time:
    from the first contact to the last "resolved"); no stamp is unknown. In the customer's view a solving time counts
    from the first attempt to the customer's confirmation; any other promise counts as broken where the customer says
    so, as kept where the customer answered, was content and named no broken promise, and otherwise as unknown. The
    verdict is 'kept' when the whole interval reaches the promised share, 'not kept' when it stays below, and 'we do
    not know' in between.

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
        `unknown` the share of cases in which the customer has not said, `distance` records minus view. Undefined is
        NaN with n 0.

    References
    ----------
    Wilson (1927) for the shares; Newcombe (1998), method 10, for the distance.

    Examples
    --------
    >>> from datetime import date
    >>> vow = Promise(id="respect", text="Always respect.", made_on=date(2026, 1, 1))
    >>> score_promises([vow], Tables(), pd.DataFrame())["would_settle"].tolist()
    ['a measure: declare which column or clock shows it, or ask customers whether it was kept']
    """
    rows = []
    for promise in promises:
        if promise.measure is None:
            settle = "a measure: declare which column or clock shows it, or ask customers whether it was kept"
            rows.append(_row(promise, None, pd.DataFrame({"records": [], "view": []}), confidence, settle))
            continue
        judged = judge_promise(promise, tables, cases, comments)
        if promise.segment is not None or "segment" not in judged:
            rows.append(_row(promise, promise.segment, judged, confidence))
            continue
        rows.append(_row(promise, None, judged, confidence))
        rows += [_row(promise, str(name), part, confidence) for name, part in judged.groupby("segment", observed=True)]
    return pd.DataFrame(rows, columns=COLUMNS)


def judge_promise(
    promise: Promise, tables: Tables, cases: pd.DataFrame, comments: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Each case in a promise's scope with `records` and `view`: 'kept', 'broken' or 'unknown'.

    Cases that began before the promise was made, or of another segment, are out of scope; for a callback only cases
    in which one was promised are in it.
    """
    scope = cases
    if promise.segment is not None:
        scope = scope[scope["segment"] == promise.segment] if "segment" in scope else scope.iloc[:0]
    started = pd.to_datetime(scope["started_at"])
    scope = scope[started >= pd.Timestamp(promise.made_on, tz=started.dt.tz)]
    scope = _with_measure(promise, tables, scope)
    limit = float(promise.threshold if promise.threshold is not None else np.nan)
    recorded = scope["_recorded"]
    records = pd.Series(np.where(recorded <= limit, KEPT, BROKEN), index=scope.index).mask(recorded.isna(), UNKNOWN)
    said = _said(scope, comments)
    if promise.measure == "customer_clock_h":
        confirmed, in_time = scope["ended"].eq("confirmed"), scope["customer_clock_h"].le(limit)
        words = np.select([confirmed & in_time, confirmed | said.eq(BROKEN)], [KEPT, BROKEN], UNKNOWN)
        view = pd.Series(words, index=scope.index)
    else:
        view = said
    keep = [column for column in ("case_id", "customer_id", "segment") if column in scope]
    return scope[keep].assign(records=records, view=view)


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


def _said(scope: pd.DataFrame, comments: pd.DataFrame | None) -> pd.Series:
    """What the customer of each case says of promises: broken, kept (content and no broken promise named), unknown."""
    said = pd.Series(UNKNOWN, index=scope.index)
    for score, satisfied in SATISFIED.items():
        if score in scope:
            said = said.mask(scope[score] >= satisfied, KEPT)
    for flag in ("disputed", "reopens"):
        if flag in scope:
            said = said.mask(scope[flag].astype("Float64").gt(0).fillna(value=False).astype(bool), BROKEN)
    if comments is not None and "negative_themes" in comments:
        named = comments["negative_themes"].map(lambda themes: "promise_broken" in themes)
        said = said.mask(scope["case_id"].isin(comments.loc[named, "case_id"].dropna()), BROKEN)
    return said


def _row(
    promise: Promise, segment: str | None, judged: pd.DataFrame, confidence: float, settle: str = ""
) -> dict[str, object]:
    records, view = (
        _kept_share(judged[column], source, confidence) for column, source in (("records", ASSERTED), ("view", SAID))
    )
    unknown = float(judged["view"].eq(UNKNOWN).mean()) if len(judged) else np.nan
    if not settle and len(judged) == 0:
        settle = f"records of '{promise.measure}': no case in this period carries it"
    elif not settle and verdict(view, promise.share) == "we do not know":
        settle = "asking the customers of these cases whether the promise was kept"
    distance = _difference(records, view)
    return dict(
        zip(
            COLUMNS,
            [
                promise.id, promise.text, segment or "all", promise.share, len(judged),
                records.value, records.low, records.high, verdict(records, promise.share),
                view.value, view.low, view.high, view.n, verdict(view, promise.share),
                unknown, *distance, settle,
            ],
            strict=True,
        )
    )  # fmt: skip


def _kept_share(words: pd.Series, source: str, confidence: float) -> Estimate:
    known = words[words.ne(UNKNOWN)]
    if known.empty:
        return Estimate(np.nan, np.nan, np.nan, 0, "share", source)
    value = float(known.eq(KEPT).mean())
    low, high = wilson_bounds(value, len(known), confidence)
    return Estimate(value, float(low), float(high), len(known), "share", source)


def verdict(kept: Estimate, goal: float) -> str:
    """'kept' when the interval reaches the goal, 'not kept' when all of it stays below, else 'we do not know'."""
    if kept.n == 0 or kept.low < goal <= kept.high:
        return "we do not know"
    return KEPT if kept.low >= goal else "not kept"


def _difference(first: Estimate, second: Estimate) -> tuple[float, float, float]:
    """First share minus second with Newcombe's hybrid interval; NaN where either is undefined."""
    gap = first.value - second.value
    low = gap - np.hypot(first.value - first.low, second.high - second.value)
    high = gap + np.hypot(first.high - first.value, second.value - second.low)
    return gap, low, high
