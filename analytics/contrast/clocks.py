"""How long customers wait for a solution, beside how long the company says it took.

The two clocks of one case are built in ``analytics.tables.cases``; here they are summed up over groups of cases, with
cases that no customer has confirmed counted as unfinished rather than left out.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import CensoredData, ecdf

from analytics.measures.estimate import ASSERTED, OBSERVED, SAID, Estimate
from analytics.measures.summarise import NOT_STATED
from analytics.measures.suppress import count_people, suppress
from analytics.tables.schema import require

CLOCKS = {"customer_clock_h": SAID, "company_clock_h": ASSERTED, "gap_h": OBSERVED}


def median_time(
    hours: pd.Series, finished: pd.Series, confidence: float = 0.95, source: str = SAID, share: float = 0.5
) -> Estimate:
    """Median time until an end that not every case has reached (Kaplan-Meier).

    The median is the first time at which the estimated share still unfinished falls below one half; its interval
    inverts the log-log test at every time (Brookmeyer & Crowley). A case without an end counts as unfinished up to its
    hours, then leaves: it is neither dropped nor taken as solved.

    Parameters
    ----------
    hours
        Time to the end, or for an unfinished case the time so far; missing is left out.
    finished
        Whether the end was reached, on the index of `hours`.
    confidence
        Level of the interval.
    source
        Who says so.
    share
        Share of cases to have ended, if another than half is asked for.

    Returns
    -------
    Estimate
        In hours; a bound that the data do not reach is NaN. When too few have finished so is `value`.

    Raises
    ------
    ValueError
        If no time is left.

    References
    ----------
    Kaplan & Meier (1958), JASA 53, 457-481. Brookmeyer & Crowley (1982), Biometrics 38, 29-41.

    Examples
    --------
    Taking the unfinished case at its hours so far would say 4, leaving it out would say 3:

    >>> hours, finished = pd.Series([1.0, 2, 4, 5, 6]), pd.Series([True, True, False, True, True])
    >>> median_time(hours, finished).value
    5.0
    """
    measured = hours.notna()
    if not measured.any():
        raise ValueError("median_time: every duration is missing; a median needs at least one case.")
    times, ends = hours[measured].to_numpy(dtype=float), finished[measured].to_numpy(dtype=bool)
    unfinished = ecdf(CensoredData.right_censored(times, ~ends)).sf
    with warnings.catch_warnings():  # no band where all or none are unfinished
        warnings.simplefilter("ignore", RuntimeWarning)
        band = unfinished.confidence_interval(confidence, method="log-log")
    open_share, rest = unfinished.probabilities, 1 - share
    reached = (open_share < rest - 1e-12, band.low.probabilities <= rest, band.high.probabilities < rest)
    value, low, high = (float(next(iter(unfinished.quantiles[(open_share == 0) | by]), np.nan)) for by in reached)
    return Estimate(value, min(low, value) if value == value else low, high, len(times), "hours", source)


def summarise_clock(
    cases: pd.DataFrame, by: Sequence[str] = (), clock: str = "customer_clock_h", confidence: float = 0.95,
    minimum: int | None = 10,
) -> pd.DataFrame:  # fmt: skip
    """Median of one clock in every group of cases, unconfirmed cases counted as unfinished.

    Parameters
    ----------
    cases
        From `build_cases`.
    by
        Group columns, such as team, channel or reason; none gives one row.
    clock
        'customer_clock_h', 'gap_h' (both unfinished until the customer confirms) or 'company_clock_h' (its own
        stamps; cases that it has not closed are left out, as its own reports do).
    confidence
        Level of the intervals.
    minimum
        Groups of fewer customers are suppressed, see `suppress`; None shows all.

    Returns
    -------
    DataFrame
        The columns of `by`, then measure, value, low, high, n, unit, source, `confirmed` (share of the group's cases),
        `quarter` (where fewer than half have confirmed an end and the median is not known, the hours by which a quarter
        had; missing if not even that), `people`, and with `minimum` also `withheld`, as of `suppress`.

    Raises
    ------
    NotMeasured
        If the clock has no value, or a group column is absent.

    References
    ----------
    Kaplan & Meier (1958), JASA 53, 457-481.

    Examples
    --------
    >>> cases = pd.DataFrame({"customer_clock_h": [1.0, 3, 9], "ended": ["confirmed", "censored", "censored"]})
    >>> summarise_clock(cases, minimum=None)[["value", "n", "quarter"]].to_numpy().tolist()
    [[nan, 3.0, 1.0]]
    """
    if clock not in CLOCKS:
        raise ValueError(f"clock {clock!r} is not known. Expected one of: {', '.join(CLOCKS)}.")
    by = list(by)
    require(cases, [clock, "ended", *by], "the clocks")
    confirmed = cases["ended"].eq("confirmed")
    ends = confirmed if clock != "company_clock_h" else pd.Series(True, index=cases.index)
    groups = cases.assign(_ends=ends, _confirmed=confirmed, **{column: name_groups(cases[column]) for column in by})
    rows = []
    for key, group in groups.groupby(by) if by else [((), groups)]:
        e = Estimate(np.nan, np.nan, np.nan, 0, "hours", CLOCKS[clock])
        if group[clock].notna().any():
            e = median_time(group[clock], group["_ends"], confidence, CLOCKS[clock])
        quarter, low = np.nan, e.low
        if e.n and np.isnan(e.value):
            # a lower bound would take "was never asked" for "still waiting": none is given with an unknown median
            quarter, low = median_time(group[clock], group["_ends"], share=0.25).value, np.nan
        row = {"measure": clock} | vars(e) | {"low": low, "confirmed": group["_confirmed"].mean(), "quarter": quarter}
        rows.append(dict(zip(by, key, strict=True)) | row | {"people": count_people(group)})
    table = pd.DataFrame(rows)
    return table if minimum is None else suppress(table, minimum, by=by)


def compare_clocks(
    cases: pd.DataFrame, by: Sequence[str] = (), confidence: float = 0.95, minimum: int | None = 10
) -> pd.DataFrame:
    """Set the customer's clock, the company's and the gap between them side by side, in medians.

    The median gap is the median over cases of their own gap, so it need not equal the difference of the two medians.

    Parameters
    ----------
    cases, by, confidence, minimum
        As for `summarise_clock`; a clock without any value is left out.

    Returns
    -------
    DataFrame
        The rows of `summarise_clock` for each clock in turn.

    Raises
    ------
    NotMeasured
        If the customer's clock has no value.

    References
    ----------
    Kaplan & Meier (1958), JASA 53, 457-481.

    Examples
    --------
    >>> cases = pd.DataFrame({"customer_clock_h": [64.0], "company_clock_h": [1.0], "gap_h": [63.0],
    ...                       "ended": ["confirmed"]})
    >>> compare_clocks(cases, minimum=None)[["measure", "value"]].to_numpy().tolist()
    [['customer_clock_h', 64.0], ['company_clock_h', 1.0], ['gap_h', 63.0]]
    """
    measured = [clock for clock in CLOCKS if clock in cases and cases[clock].notna().any()]
    if "customer_clock_h" not in measured:
        require(cases, ["customer_clock_h"], "the clocks")
    return pd.concat([summarise_clock(cases, by, clock, confidence, minimum) for clock in measured], ignore_index=True)


def name_groups(column: pd.Series) -> pd.Series:
    """Group names with the missing ones called 'not stated'."""
    return column if column.notna().all() else column.astype("object").where(column.notna(), NOT_STATED)
