"""What was known of each customer at a moment: the columns from which leaving is estimated.

Every figure counts only what had happened by the cut-off; whether it knows too much all the same is for ``leakage`` to
find out. The group of a column is the word before its first underscore: perception (what the customer told us),
operations (what we recorded of their contacts) and account (who they are).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analytics.measures.recovery import is_fixed
from analytics.tables.cases import SCORES, case_ids
from analytics.tables.schema import NotMeasured, Tables, require

GROUPS = ("perception", "operations", "account")
COUNTED, TIMED = ("transfers", "reopens", "abandoned"), ("handle_time_s", "wait_time_s")  # of a contact
KEYS = ("customer_id", "cutoff", "left_within")  # columns that are not features
YEAR, QUARTER = 365.0, 90.0  # days that the features look back: a year, and its last quarter
SETTLED_DAYS = 30.0  # a dispute and the customer's word on a fix carry no date: taken as known after a month
HORIZON_DAYS = 90
SECOND = 1 / 86_400  # in days: what rounding of stamps may hide
Features = dict[str, np.ndarray]  # by name, one value per customer
HISTORY_DAYS = 180.0  # the first cut-off has at least half a year of data behind it


def choose_cutoffs(tables: Tables, horizon_days: int = HORIZON_DAYS, until: object = None, most: int = 6) -> list:
    """List moments to look from, one horizon apart, the last with its horizon just over.

    Parameters
    ----------
    tables
        Their first and last stamps bound the list.
    horizon_days
        Days after a cut-off within which leaving counts.
    until
        End of what is known; the last stamp when left out.
    most
        Cut-offs at most, the latest ones.

    Returns
    -------
    list of Timestamp
        Oldest first, in UTC; empty where the data are too short.

    Examples
    --------
    >>> customers = pd.DataFrame({"customer_id": ["a"], "left_at": pd.to_datetime(["2025-12-31"])})
    >>> contacts = pd.DataFrame({"contact_id": ["1"], "customer_id": ["a"], "started_at": pd.to_datetime(["2025-01-01"])})
    >>> [f"{c:%Y-%m-%d}" for c in choose_cutoffs(Tables(contacts=contacts, customers=customers))]
    ['2025-07-04', '2025-10-02']
    """  # noqa: E501
    first, last = span_of(tables)
    end = last if until is None else float(_days([until])[0])
    times = end - horizon_days * np.arange(1, most + 1)
    days = times[times >= first + HISTORY_DAYS][::-1]
    return [moment(day) for day in days]


def build_customer_features(
    tables: Tables, cutoffs: Iterable[object], comments: pd.DataFrame | None = None, *,
    horizon_days: int = HORIZON_DAYS, until: object = None, further: Sequence[str] = (),
) -> pd.DataFrame:  # fmt: skip
    """Describe each customer as they were known at each cut-off, and say whether they left within the horizon.

    Parameters
    ----------
    tables
        Needs customers with `left_at`; every other table and column adds features where it is there. Stamps and
        cut-offs without a zone are read as UTC, unless the customers carry a zone for the cut-offs.
    cutoffs
        Moments to look from; a customer has a row at each at which they had joined and not left.
    comments
        Scored comments (`score_comments`); without them nothing is known of sentiment, themes and churn intent.
    horizon_days
        Days after the cut-off within which leaving counts.
    until
        End of what is known, by default the last stamp of the tables; `left_within` is missing where the horizon ends
        later.
    further
        Columns of customers to carry along as ``account_…``. They bear no date, so whoever names them vouches that they
        were so at the cut-off.

    Returns
    -------
    DataFrame
        customer_id, cutoff (UTC), one column per feature, left_within (boolean). Counts are 0 where the table is there
        and nothing happened; a score, mean or clock without a case behind it is NaN.

    Raises
    ------
    NotMeasured
        If it is not recorded who left.

    References
    ----------
    Kaufman et al. (2012), ACM TKDD 6(4), for cutting at a moment of prediction.

    Examples
    --------
    >>> customers = pd.DataFrame({"customer_id": ["a", "b"], "left_at": pd.to_datetime(["2025-03-01", None])})
    >>> complaints = pd.DataFrame({"complaint_id": ["1", "2"], "customer_id": ["a", "b"],
    ...                            "received_at": pd.to_datetime(["2025-01-05", "2025-05-01"])})
    >>> rows = build_customer_features(Tables(complaints=complaints, customers=customers), ["2025-01-31"])
    >>> rows[["customer_id", "perception_complaints", "left_within"]].values.tolist()
    [['a', 1.0, True], ['b', 0.0, False]]
    """
    people = require(tables.customers, ["customer_id", "left_at"], "who may leave")
    ids = pd.Index(people["customer_id"])
    left, joined = _days(people["left_at"]), _column(people, "joined_at")
    known_until = span_of(tables)[1] if until is None else float(_days([until])[0])
    sources = [_answers(tables, ids), _words(comments, ids), _complaints(tables, ids), _contacts(tables, ids)]
    zone = getattr(people["left_at"].dtype, "tz", None)
    parts = []
    for cutoff in cutoffs:
        at = pd.Timestamp(cutoff)  # type: ignore[arg-type]
        at = at.tz_localize(zone or "UTC") if at.tzinfo is None else at
        now = float(_days([at])[0])
        there = np.flatnonzero(~(joined > now) & ~(left <= now))
        columns: Features = {}
        for source, look in zip(sources, (_scored, _said, _complained, _handled), strict=True):
            if source is not None:
                columns |= look(source, now, len(ids))
        if "joined_at" in people:
            columns["account_tenure_days"] = now - joined
        part = pd.DataFrame({name: values[there] for name, values in columns.items()})
        for column in (c for c in ("segment", "value_per_year", *further) if c in people):
            part[f"account_{column}"] = people[column].array[there]
        part.insert(0, "customer_id", ids[there])
        part.insert(1, "cutoff", at.tz_convert("UTC").as_unit("us"))
        over = now + horizon_days <= known_until + SECOND
        part["left_within"] = pd.array(left[there] <= now + horizon_days if over else [pd.NA] * len(there), "boolean")
        parts.append(part)
    if not parts:
        raise NotMeasured("the data are too short for a cut-off with its horizon", needed_for="who may leave")
    return pd.concat(parts, ignore_index=True)


def feature_columns(features: pd.DataFrame, groups: Iterable[str] = GROUPS) -> list[str]:
    """Columns of some groups; one that names no group belongs to the account."""
    group_of = {c: str(c).split("_", 1)[0] for c in features.columns if c not in KEYS}
    return [c for c, group in group_of.items() if (group if group in GROUPS else "account") in set(groups)]


def _answers(tables: Tables, ids: pd.Index) -> pd.DataFrame | None:
    """Invitations by customer code with the day asked and the day answered, in order of the answer."""
    surveys = tables.surveys
    if surveys is None or "customer_id" not in surveys or not {"invited_at", "responded_at"} & set(surveys):
        return None
    invited, at = _column(surveys, "invited_at"), _column(surveys, "responded_at")
    frame = pd.DataFrame({"who": _code(ids, surveys), "invited": invited, "at": at})
    for score in (s for s in SCORES if s in surveys):
        frame[score] = surveys[score].to_numpy(float)
    if "responded_at" not in surveys:
        frame["at"] = frame["invited"].where(frame.reindex(columns=SCORES).notna().any(axis=1))
    return frame[frame["who"] >= 0].sort_values("at", kind="stable")


def _scored(answers: pd.DataFrame, now: float, n: int) -> Features:
    """The last score of the year, how it moved, and how often the customer was asked and answered."""
    features: Features = {}
    if answers["invited"].notna().any():
        features = _sum_up(_year(answers, now, "invited"), n, perception_invited=("who", "size"))
    scores = [s for s in SCORES if s in answers]
    ways = {f"perception_{s}": (s, "last") for s in scores}
    if scores:
        ways["earliest"] = (scores[0], "first")
    features |= _sum_up(_year(answers, now), n, perception_answered=("who", "size"), **ways)
    if scores:
        features["perception_trend"] = features[f"perception_{scores[0]}"] - features.pop("earliest")
    return features


def _words(comments: pd.DataFrame | None, ids: pd.Index) -> pd.DataFrame | None:
    if comments is None or comments.empty:
        return None
    readable = comments[comments["sentiment"].ne("unknown") & comments["at"].notna()]
    negative = readable["sentiment"].eq("negative").to_numpy()
    themes = readable["negative_themes"] if "negative_themes" in readable else readable["themes"].where(negative)
    frame = pd.DataFrame({"who": _code(ids, readable), "at": _days(readable["at"])})
    frame["valence"], frame["churn_intent"] = (readable[c].to_numpy(float) for c in ("valence", "churn_intent"))
    frame["negative"] = negative
    frame["themes"] = [float(len(names)) if isinstance(names, list) else 0.0 for names in themes]
    frame["promise"] = [isinstance(names, list) and "promise_broken" in names for names in themes]
    return frame[frame["who"] >= 0]


def _said(words: pd.DataFrame, now: float, n: int) -> Features:
    """What the customer's own words of the year say."""
    return _sum_up(
        _year(words, now), n, perception_comments=("who", "size"), perception_valence=("valence", "mean"),
        perception_negative_comments=("negative", "sum"), perception_churn_intent=("churn_intent", "max"),
        perception_themes=("themes", "sum"), perception_promise_broken=("promise", "sum"),
    )  # fmt: skip


def _complaints(tables: Tables, ids: pd.Index) -> pd.DataFrame | None:
    complaints = tables.complaints
    if complaints is None or "customer_id" not in complaints:
        return None
    frame = pd.DataFrame({"who": _code(ids, complaints), "at": _days(complaints["received_at"])})
    frame["settled"] = np.fmax(frame["at"] + SETTLED_DAYS, _column(complaints, "remedied_at"))
    if "disputed" in complaints:
        frame["perception_disputed"] = complaints["disputed"].fillna(False).to_numpy(bool)
    if "goodwill_value" in complaints:
        unfixed = is_fixed(complaints).eq(False).fillna(False).to_numpy(bool)
        frame["operations_gesture_without_fix"] = complaints["goodwill_value"].fillna(0).gt(0).to_numpy() & unfixed
    return frame[frame["who"] >= 0]


def _complained(complaints: pd.DataFrame, now: float, n: int) -> Features:
    """Complaints of the year; a dispute and a gesture without a fix count once they can be known."""
    year = _year(complaints, now)
    features = _sum_up_twice(year, now, n, perception_complaints=("who", "size"))
    settled = {c: (c, "sum") for c in ("perception_disputed", "operations_gesture_without_fix") if c in year}
    return features | _sum_up(year[year["settled"] <= now], n, **settled)


def _contacts(tables: Tables, ids: pd.Index) -> pd.DataFrame | None:
    """Contacts in order of time, with their customer's and case's code and the columns that are recorded."""
    contacts = tables.contacts
    if contacts is None:
        return None
    case = pd.factorize(case_ids(Tables(contacts=contacts))["contacts"])[0]
    frame = pd.DataFrame({"who": _code(ids, contacts), "case": case, "at": _days(contacts["started_at"])})
    for column in contacts.columns.intersection(["resolved_at", "confirmed_at"]):
        frame[column.removesuffix("_at")] = _days(contacts[column])
    contacts = contacts.rename(columns={"reopened": "reopens"})
    for column in contacts.columns.intersection([*COUNTED, *TIMED]):
        frame[column] = contacts[column].astype("Float64").to_numpy(float, na_value=np.nan)
    frame = frame[(frame["who"] >= 0) & frame["at"].notna()].sort_values("at", kind="stable")
    return frame.assign(begun=frame.groupby("case", sort=False)["at"].transform("first"))


def _handled(contacts: pd.DataFrame, now: float, n: int) -> Features:
    """What was recorded of the customer's contacts and cases of the year, as it stood at the cut-off."""
    year = _year(contacts, now)
    counts = {f"operations_{c}": (c, "sum") for c in COUNTED if c in year}
    means = {f"operations_{c}": (c, "mean") for c in TIMED if c in year}
    features = _sum_up_twice(year, now, n, operations_contacts=("who", "size"), **counts)
    features |= _sum_up(year, n, operations_days_since_contact=("at", "last"), **means)
    features["operations_days_since_contact"] = now - features["operations_days_since_contact"]
    return features | _clocks(year, now, n)


def _clocks(year: pd.DataFrame, now: float, n: int) -> Features:
    """Both clocks, open and unconfirmed cases; a clock that has not stopped runs to the cut-off."""
    cases = year.drop_duplicates("case", keep="last").set_index("case")  # the last attempt of each
    features = _sum_up_twice(cases, now, n, operations_cases=("who", "size"))
    if "confirmed" in year:
        word = year["confirmed"].where(year["confirmed"] <= now).groupby(year["case"], sort=False).max()
        ended = word.reindex(cases.index)
        ended = ended.where(ended >= cases["at"])
        cases = cases.assign(hours=24 * (ended.fillna(now) - cases["begun"]), unconfirmed=ended.isna())
        features |= _sum_up(cases, n, operations_customer_clock_h=("hours", "mean"))
        features |= _sum_up_twice(cases, now, n, operations_unconfirmed=("unconfirmed", "sum"))
    if "resolved" in year:
        answered = year[~year["abandoned"].eq(1)] if "abandoned" in year else year
        closed = answered["resolved"].where(answered["resolved"] <= now)
        hours = 24 * (closed.fillna(now) - answered["at"]).clip(lower=0)
        features |= _sum_up(answered.assign(hours=hours), n, operations_company_clock_h=("hours", "mean"))
        still = closed.isna().groupby(answered["case"], sort=False).last().reindex(cases.index).fillna(True)
        features |= _sum_up(cases.assign(still=still.astype(float)), n, operations_open_cases=("still", "sum"))
    return features


def _code(ids: pd.Index, table: pd.DataFrame) -> np.ndarray:
    """Number of each row's customer, -1 for one who is not among the customers."""
    return np.asarray(ids.get_indexer(pd.Index(table["customer_id"])))


def _year(rows: pd.DataFrame, now: float, at: str = "at") -> pd.DataFrame:
    """The rows of the year before a moment."""
    return rows[(rows[at] <= now) & (rows[at] > now - YEAR)]


def _sum_up(rows: pd.DataFrame, n: int, **ways: tuple[str, str]) -> Features:
    """Features by name from a column and how it is summed up, per customer; sums of nothing are 0."""
    who = rows["who"].to_numpy()
    return {name: _per_customer(who, rows[column].to_numpy(float), how, n) for name, (column, how) in ways.items()}


def _per_customer(who: np.ndarray, values: np.ndarray, how: str, n: int) -> np.ndarray:
    """Values, missing ones left out, as size, sum, mean, max, first or last of each of `n` customers."""
    there = ~np.isnan(values)
    who, values = who[there], values[there]
    if how in ("size", "sum", "mean"):
        size, total = np.bincount(who, minlength=n).astype(float), np.bincount(who, values, n)
        return size if how == "size" else total if how == "sum" else total / np.where(size > 0, size, np.nan)
    summed = np.full(n, np.nan)
    if how == "max":
        np.fmax.at(summed, who, values)
    else:
        order = slice(None, None, -1 if how == "first" else 1)  # of several, the one written last stays
        summed[who[order]] = values[order]
    return summed


def _sum_up_twice(rows: pd.DataFrame, now: float, n: int, **ways: tuple[str, str]) -> Features:
    """Features of the year, and by the same name with '_90d' those of its last quarter."""
    latest = _sum_up(rows[rows["at"] > now - QUARTER], n, **ways)
    return _sum_up(rows, n, **ways) | {f"{name}_90d": values for name, values in latest.items()}


def span_of(tables: Tables) -> tuple[float, float]:
    """First and last moment at which anything happened, in days since 1970."""
    stamps = ((tables.contacts, "started_at"), (tables.surveys, "invited_at"), (tables.surveys, "responded_at"))
    days = [_column(table, c) for table, c in (*stamps, (tables.complaints, "received_at")) if table is not None]
    days = [d for d in days if np.isfinite(d).any()]
    if not days:
        raise NotMeasured("no dated contact, survey or complaint", needed_for="who may leave")
    last = [*days, _column(tables.customers, "left_at")] if tables.customers is not None else days
    return min(float(np.nanmin(d)) for d in days), max(float(np.nanmax(d)) for d in last if np.isfinite(d).any())


def moment(day: float) -> pd.Timestamp:
    """A moment given in days since 1970."""
    return pd.Timestamp(round(day * 86_400e6), unit="us", tz="UTC")


def _column(frame: pd.DataFrame, name: str) -> np.ndarray:
    return _days(frame[name]) if name in frame else np.full(len(frame), np.nan)


def _days(stamps: Any) -> np.ndarray:  # noqa: ANN401  a column, or a list of moments
    """Stamps as days since 1970 in UTC; missing is NaN."""
    utc = pd.to_datetime(pd.Series(stamps), utc=True).dt.tz_convert(None).to_numpy("datetime64[us]")
    return np.where(np.isnat(utc), np.nan, utc.astype("int64") / 86_400e6).astype(float)
