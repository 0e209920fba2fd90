"""Customers who left without a word: how many, as far as the data can tell.

Who says that they are leaving is read in `text`; who may leave next is in `churn`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.measures.estimate import Estimate
from analytics.measures.leaving.discrimination import share_of
from analytics.tables.schema import NotMeasured, Tables, find_rows, require


@dataclass(frozen=True)
class SilentLeavers:
    """Leavers who never spoke.

    Parameters
    ----------
    share
        Share of leavers with neither a complaint nor an answered survey before they left.
    low, high
        The share if as many complaints and answers without a name as possible were theirs, and as it stands.
    left, silent, nameless
        Leavers, those of them who said nothing, complaints and answers without a name.
    rate_silent, rate_spoke
        Share that left of the customers who said nothing, and of those who spoke.
    """

    share: Estimate
    low: float
    high: float
    left: int
    silent: int
    nameless: int
    rate_silent: Estimate
    rate_spoke: Estimate


class NobodyLeftError(ValueError):
    """No customer left in the window."""


def estimate_silent_leavers(
    tables: Tables, *, start: pd.Timestamp | None = None, end: pd.Timestamp | None = None
) -> SilentLeavers:
    """Count the customers who left without having told anybody.

    Parameters
    ----------
    tables
        Needs customers with `left_at`; complaints and surveys with `customer_id` where there are any.
    start, end
        Leavers from `start` up to but not including `end`; all of them when left out.

    Returns
    -------
    SilentLeavers
        With an interval for chance and bounds for complaints and answers that carry no name.

    Raises
    ------
    NotMeasured
        If leaving dates are not in the data, or neither complaints nor surveys name the customer.
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
    >>> complaints = pd.DataFrame({"complaint_id": ["1"], "customer_id": ["a"],
    ...                            "received_at": pd.to_datetime(["2025-02-01"])})
    >>> estimate_silent_leavers(Tables(customers=customers, complaints=complaints)).share.value
    0.5
    """
    people = require(tables.customers, ["customer_id", "left_at"], "silent leavers")
    if people["customer_id"].duplicated().any():
        raise ValueError("customers: a customer_id stands on more than one row. Keep one row for each customer.")
    people = people.set_index("customer_id")
    left = pd.to_datetime(people["left_at"], utc=True)
    words, nameless = _words(tables)
    inside = left.notna()
    inside &= left.ge(pd.to_datetime(start, utc=True)) if start is not None else True
    inside &= left.lt(pd.to_datetime(end, utc=True)) if end is not None else True
    if not inside.any():
        raise NobodyLeftError("no customer left in this window: there are no leavers to describe.")
    row = pd.Series(find_rows(words["customer_id"], people.index.to_series()), words.index)  # of the customer
    departure = left.iloc[row].set_axis(words.index).where(row >= 0)
    voices = words[row.ge(0) & ~(words["at"] > departure)]
    spoke = np.isin(np.arange(len(people)), row[voices.index])
    leavers = inside.to_numpy(bool)
    share, here = share_of(~spoke, leavers), leavers | left.isna().to_numpy()
    silent = int((leavers & ~spoke).sum())
    low = max(silent - nameless, 0) / share.n
    rates = [share_of(leavers, here & side) for side in (~spoke, spoke)]
    return SilentLeavers(share, low, share.value, share.n, silent, nameless, *rates)


def _words(tables: Tables) -> tuple[pd.DataFrame, int]:
    """When each customer spoke (complaint or answered survey), and how many words carry no name."""
    parts = []
    for table, stamp in ((tables.complaints, "received_at"), (tables.surveys, "responded_at")):
        if table is not None and {"customer_id", stamp} <= set(table.columns):
            part = table.loc[table[stamp].notna(), ["customer_id", stamp]].rename(columns={stamp: "at"})
            parts.append(part.assign(at=pd.to_datetime(part["at"], utc=True)))
    if not parts:
        raise NotMeasured("neither complaints nor surveys name the customer", needed_for="silent leavers")
    words = pd.concat(parts, ignore_index=True)
    return words[words["customer_id"].notna()], int(words["customer_id"].isna().sum())
