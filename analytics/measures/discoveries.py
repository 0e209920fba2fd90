"""One rate of false findings for all tests whose result may be told."""

from collections.abc import Mapping, Sequence

import pandas as pd


def control_false_discoveries(p_values: pd.Series | Mapping | Sequence[float], rate: float = 0.05) -> pd.Series:
    """Tell which findings of a report stand when all its comparisons are counted (Benjamini-Hochberg).

    With m p-values in order, the largest i with p(i) <= i / m * rate and all smaller ones stand.

    Parameters
    ----------
    p_values
        Every p-value of the report, missing where a comparison could not be made (it neither stands nor counts).
    rate
        Share of false findings accepted among those that stand.

    Returns
    -------
    Series
        True where the finding stands, on the index of `p_values`.

    Raises
    ------
    ValueError
        If a p-value lies outside 0 to 1.

    References
    ----------
    Benjamini & Hochberg (1995), JRSS B 57(1), 289-300, procedure (1).

    Examples
    --------
    >>> control_false_discoveries([0.001, 0.04, 0.02, 0.6]).to_list()
    [True, False, True, False]
    """
    from scipy.stats import false_discovery_control

    p = pd.Series(p_values, dtype="float64")
    if ((p < 0) | (p > 1)).any():
        raise ValueError(f"p-values lie between 0 and 1; found {p[(p < 0) | (p > 1)].to_list()[:5]}.")
    stands = pd.Series(False, index=p.index)
    if p.notna().any():
        stands[p.notna()] = false_discovery_control(p.dropna().to_numpy()) <= rate
    return stands
