"""Customers who left without a word: how many, as far as the data can tell.

Who says that they are leaving is read in `text`; who may leave next is in `churn`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.measures.estimate import Estimate
from analytics.measures.intervals import compare_shares
from analytics.measures.leaving.discrimination import share_of
from analytics.measures.leaving.features import HORIZON_DAYS, moment, span_of
from analytics.tables.schema import NotMeasured, Tables, find_rows, require

LOOK_BACK = pd.Timedelta(days=365)  # before leaving, in which a word counts
SPOKEN = {"received_at": "complaints", "responded_at": "answers to surveys"}  # in what customers speak, by its stamp
QUIET_DAYS = 7  # a record may begin this much later than the look-back: quiet ones do


@dataclass(frozen=True)
class SilentLeavers:
    """Leavers of a window who had not spoken in the twelve months before they left.

    Parameters
    ----------
    start, end
        The window, its end not included.
    share
        Share of leavers with neither a complaint nor an answered survey in the twelve months before they left.
    low
        The share if as many complaints and answers without a name as possible were theirs.
    left, silent, nameless
        Leavers, those of them who said nothing, complaints and answers without a name.
    rate_silent, rate_spoke
        Share that left within the window of the customers who said nothing, and of those who spoke.
    p_value
        Of no difference between the two (Fisher's exact test).
    """

    start: pd.Timestamp
    end: pd.Timestamp
    share: Estimate
    low: float
    left: int
    silent: int
    nameless: int
    rate_silent: Estimate
    rate_spoke: Estimate
    p_value: float


class NobodyLeftError(NotMeasured):
    """No customer left in the window."""


def estimate_silent_leavers(
    tables: Tables, *, start: pd.Timestamp | None = None, end: pd.Timestamp | None = None
) -> SilentLeavers:
    """Count the customers who left in a window without having told anybody in the twelve months before.

    Parameters
    ----------
    tables
        Needs customers with `left_at`; complaints and surveys with `customer_id` where there are any.
    start, end
        Leavers from `start` up to but not including `end`; by default the last 90 days of the data.

    Returns
    -------
    SilentLeavers
        With an interval for chance and bounds for complaints and answers that carry no name.

    Raises
    ------
    NotMeasured
        If leaving dates are not in the data, neither complaints nor surveys name the customer, or these do not reach
        back twelve months before the window.
    NobodyLeftError
        If nobody left in the window.
    ValueError
        If a customer stands on more than one row.

    References
    ----------
    Hirschman (1970), Exit, Voice, and Loyalty. Wilson (1927), JASA 22, 209-212, for the intervals.

    Examples
    --------
    >>> customers = pd.DataFrame({"customer_id": ["a", "b", "c"],
    ...                           "left_at": pd.to_datetime(["2025-03-01", "2025-03-09", None])})
    >>> complaints = pd.DataFrame({"complaint_id": ["1", "2"], "customer_id": ["c", "a"],
    ...                            "received_at": pd.to_datetime(["2023-12-01", "2025-02-01"])})
    >>> estimate_silent_leavers(Tables(customers=customers, complaints=complaints)).share.value
    0.5
    """
    people = require(tables.customers, ["customer_id", "left_at"], "silent leavers")
    if people["customer_id"].duplicated().any():
        raise ValueError("customers: a customer_id stands on more than one row. Keep one row for each customer.")
    people = people.set_index("customer_id")
    left = pd.to_datetime(people["left_at"], utc=True)
    words = _words(tables)
    end = moment(span_of(tables)[1]) + pd.Timedelta(seconds=1) if end is None else _zoned(end)
    start = end - pd.Timedelta(days=HORIZON_DAYS) if start is None else _zoned(start)
    _refuse_short(words, start - LOOK_BACK)
    leavers = (left.ge(start) & left.lt(end)).to_numpy(bool)
    if not leavers.any():
        raise NobodyLeftError("no customer left in this window: there are no leavers to describe.")
    row = pd.Series(find_rows(words["customer_id"], people.index.to_series()), words.index)  # of the customer
    departure = left.iloc[row].set_axis(words.index).where(row >= 0)
    departure = departure.where(departure.lt(end), end)  # until now, of who stayed
    recent = words["at"].le(departure) & words["at"].gt(departure - LOOK_BACK)
    spoke = np.isin(np.arange(len(people)), row[recent & row.ge(0)])
    share, here = share_of(~spoke, leavers), leavers | ~left.lt(end).to_numpy(bool)
    silent, nameless = int((leavers & ~spoke).sum()), int((recent & words["customer_id"].isna()).sum())
    low = max(silent - nameless, 0) / share.n
    quiet, heard = (share_of(leavers, here & side) for side in (~spoke, spoke))
    p_value = compare_shares(quiet, heard)
    return SilentLeavers(start, end, share, low, share.n, silent, nameless, quiet, heard, p_value)


def _words(tables: Tables) -> pd.DataFrame:
    """When each customer spoke (complaint or answered survey), with the table; nobody's words have no customer."""
    parts = []
    for table, stamp in ((tables.complaints, "received_at"), (tables.surveys, "responded_at")):
        if table is not None and {"customer_id", stamp} <= set(table.columns):
            part = table.loc[table[stamp].notna(), ["customer_id", stamp]].rename(columns={stamp: "at"})
            parts.append(part.assign(at=pd.to_datetime(part["at"], utc=True), table=stamp))
    if not parts:
        raise NotMeasured("neither complaints nor surveys name the customer", needed_for="silent leavers")
    return pd.concat(parts, ignore_index=True)


def _zoned(when: pd.Timestamp) -> pd.Timestamp:
    """A moment in its own zone, whose days are told; UTC where it has none."""
    return when.tz_localize("UTC") if when.tzinfo is None else when


def _refuse_short(words: pd.DataFrame, needed: pd.Timestamp) -> None:
    """Stop where a record of words begins too late: its length, not the customers' silence, would be measured."""
    for table, at in words.groupby("table")["at"]:
        usual_gap = (at.max() - at.min()) / len(at)
        if at.min() > needed + max(pd.Timedelta(days=QUIET_DAYS), 3 * usual_gap):
            raise NotMeasured(
                f"{SPOKEN[str(table)]} are on record from {at.min().tz_convert(needed.tz):%-d %B %Y} on, and the "
                f"twelve months before those who left begin on {needed:%-d %B %Y}",
                needed_for="silent leavers",
            )
