"""The one shape in which every figure of the package travels: a value with its interval, n, unit and source.

Measures live in their own modules; this one holds only the value object.
"""

from dataclasses import dataclass

SAID = "said by customers"
OBSERVED = "observed"
ASSERTED = "asserted by company"
SOURCES = (SAID, OBSERVED, ASSERTED)


@dataclass(frozen=True)
class Estimate:
    """A figure, how sure we are of it, and who says so.

    Parameters
    ----------
    value, low, high
        The figure and the bounds of its confidence interval, in `unit`; NaN when undefined (then n is 0).
    n
        People behind the figure where their ids are known, otherwise the rows used; missing values are left out.
    unit
        'points', 'share', 'hours' and so on: what one step of `value` is.
    source
        One of 'said by customers', 'observed', 'asserted by company'.

    Raises
    ------
    ValueError
        If `source` is not one of the three, if n is negative, or if low exceeds high.

    References
    ----------
    The named bounds follow ``scipy.stats.bootstrap``'s result object.

    Examples
    --------
    >>> Estimate(0.5, 0.24, 0.76, 10, "share", SAID).excludes(0.8)
    True
    """

    value: float
    low: float
    high: float
    n: int
    unit: str
    source: str

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise ValueError(f"source {self.source!r} is not known. Expected one of: {', '.join(SOURCES)}.")
        if self.n < 0:
            raise ValueError(f"n is {self.n}: a count of rows cannot be negative.")
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) exceeds high ({self.high}): the bounds are swapped.")

    def excludes(self, value: float) -> bool:
        """Whether `value` lies outside the interval; False when the interval is undefined."""
        return value < self.low or value > self.high


def span(low: str, high: str) -> str:
    """Write two bounds, a dash between them, or "to" where one has a sign that a dash would hide.

    Examples
    --------
    >>> span("58", "66"), span("−12", "+3")
    ('58–66', '−12 to +3')
    """
    return f"{low}{' to ' if set('+-−') & {low[0], high[0]} else '–'}{high}"
