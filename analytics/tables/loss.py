"""Rows that a run does not use, compared with those it uses: what they scored, how much they wrote, and when."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from analytics.tables.schema import FIELDS, STAMPS

TEXTS = ("comment", "text")
DAY = 86_400.0
STEP = 1 / 12  # variance of an answer within its step, so that a few equal answers are not certainty
MOVED = 0.01  # share of its scale by which the rows lost would have to move a score's mean to matter


class Loss(NamedTuple):
    """One comparison of rows lost with rows kept.

    `why` is 'left out' (by a filter) or 'set aside'; `measure` is a score of the table, 'characters' written or 'days'
    (when). `difference` is the mean of the lost less that of the kept, NaN with its interval where fewer than two of
    either carry the measure; `shift` is how far the lost would move a score's mean as a share of its scale, else NaN.
    """

    table: str
    why: str
    measure: str
    lost: int
    kept: int
    difference: float
    low: float
    high: float
    shift: float

    @property
    def matters(self) -> bool:
        """Whether the loss could move a score: the difference is beyond chance, and large enough."""
        beyond = self.low > 0 or self.high < 0
        return bool(beyond and abs(self.shift) >= MOVED)


def compare_loss(table: str, kept: pd.DataFrame, lost: pd.DataFrame, why: str) -> list[Loss]:
    """Compare rows lost with rows kept, by each score, by the length of their texts and by their day.

    Parameters
    ----------
    table
        Name of the table.
    kept, lost
        Typed rows; columns that either lacks are not compared.
    why
        'left out' or 'set aside'.

    Returns
    -------
    list of Loss
        One per measure that both carry, with the 95 % interval of Welch's t; empty where no row was lost.

    References
    ----------
    Welch (1947), Biometrika 34, 28-35.

    Examples
    --------
    >>> kept, lost = pd.DataFrame({"nps": [9.0, 10.0] * 20}), pd.DataFrame({"nps": [0.0, 1.0] * 5})
    >>> [(loss.measure, loss.difference, loss.matters) for loss in compare_loss("surveys", kept, lost, "set aside")]
    [('nps', -9.0, True)]
    """
    if lost.empty:
        return []
    both = {*kept} & {*lost}
    scores = [spec for spec in FIELDS[table] if spec.high is not None and spec.name in both]
    widths = {spec.name: (spec.high or 0) - (spec.low or 0) for spec in scores}
    losses = [_compare(table, why, name, kept[name], lost[name], width=width) for name, width in widths.items()]
    lengths = [[frame[c].dropna().str.len() for frame in (kept, lost)] for c in TEXTS if c in both]
    days = [[_days(frame[c]) for frame in (kept, lost)] for c in STAMPS.get(table, ())[-1:] if c in both]
    losses += [_compare(table, why, "characters", *sides) for sides in lengths]
    return losses + [_compare(table, why, "days", *sides) for sides in days]


def _days(stamps: pd.Series) -> pd.Series:
    return stamps.dropna().astype("datetime64[s, UTC]").astype("int64") / DAY


def _compare(table: str, why: str, measure: str, kept: pd.Series, lost: pd.Series, *, width: float = np.nan) -> Loss:
    """One comparison; the interval is that of Welch's t."""
    from scipy.stats import t

    kept, lost = kept.dropna().astype("float64"), lost.dropna().astype("float64")
    if min(len(kept), len(lost)) < 2:
        return Loss(table, why, measure, len(lost), len(kept), *[np.nan] * 4)
    difference = float(lost.mean() - kept.mean())
    parts = [(side.var() + STEP) / len(side) for side in (lost, kept)]
    spread = float(sum(parts))
    squares = sum(part**2 / (len(side) - 1) for part, side in zip(parts, (lost, kept), strict=True))
    reach = float(t.ppf(0.975, spread**2 / squares)) * spread**0.5
    shift = difference * len(lost) / (len(lost) + len(kept)) / width
    return Loss(table, why, measure, len(lost), len(kept), difference, difference - reach, difference + reach, shift)
