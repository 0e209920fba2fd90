"""Any measure by any group, as one tidy frame."""

from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd

from analytics.measures.estimate import SAID, Estimate
from analytics.measures.scores import NoAnswersError
from analytics.measures.suppress import count_people, number_people, suppress

Measure = Callable[..., Estimate] | partial

COLUMNS = {
    "net_promoter_score": "nps", "top_box_share": "csat", "customer_effort": "ces", "net_sentiment": "sentiment",
    "response_rate": "responded_at",
}  # fmt: skip
NOT_STATED = "not stated"  # the group of rows whose group column is missing


def summarise(
    frame: pd.DataFrame, measure: Measure, by: Sequence[str] = (), *, column: str | None = None,
    weights: str | None = None, minimum: int | None = None, people: str = "customer_id",
    **options: Any,  # noqa: ANN401  the measure knows its own options
) -> pd.DataFrame:  # fmt: skip
    """Apply a measure to every group of a frame.

    Parameters
    ----------
    frame
        One row per answer (or per invitation).
    measure
        Takes a Series, returns an `Estimate`: one of this package's measures or your own.
    by
        Columns that define the groups; none gives one row for everybody. A missing group is 'not stated'.
    column
        Column to measure; may be left out for the package's own measures ('nps', 'csat', 'ces', …).
    weights
        Column of design weights, handed to the measure as ``weights=``.
    minimum
        Groups with fewer people than this are suppressed, complementary groups too (see `suppress`); None shows all.
    people
        Column that tells people apart; where the frame lacks it, rows count as people. A measure that takes
        ``clusters=`` gets it, so that intervals allow for several answers of one person and `n` counts people.
    **options
        Handed to the measure, such as ``confidence=0.9`` or ``top=5``.

    Returns
    -------
    DataFrame
        The columns of `by`, then measure, value, low, high, n, unit, source; with `minimum` also `withheld`. A group
        without an answer has NaN and n = 0.

    Raises
    ------
    ValueError
        If a column is absent, or the measure refuses a value.

    References
    ----------
    Wickham (2014), Tidy data, Journal of Statistical Software 59(10).

    Examples
    --------
    >>> from analytics.measures.scores import net_promoter_score
    >>> answers = pd.DataFrame({"team": ["a", "a", "b"], "nps": [10, 3, None]})
    >>> summarise(answers, net_promoter_score, by=["team"])[["team", "value", "n"]]
      team  value  n
    0    a    0.0  2
    1    b    NaN  0
    """
    by, frame = [by] if isinstance(by, str) else list(by), pd.DataFrame(frame).reset_index(drop=True)
    name = measure.func.__name__ if isinstance(measure, partial) else measure.__name__
    column = column or COLUMNS.get(name)
    if column is None:
        raise ValueError(f"summarise does not know which column {name} measures: say column='…'.")
    needed = [*by, column, *([weights] if weights else [])]
    if absent := [c for c in needed if c not in frame.columns]:
        raise ValueError(f"summarise needs columns {absent}, which the frame lacks. Found: {list(frame.columns)}.")
    frame = number_people(frame.filter([*dict.fromkeys([*needed, people])]), people)
    clustered = people in frame and "clusters" in signature(measure).parameters and "clusters" not in options
    rows, heads = [], []
    for key, group in _groups(frame, by):
        extra = {"weights": group[weights]} if weights is not None else {}
        extra |= {"clusters": group[people]} if clustered else {}
        e = _measured(measure, group[column], options | extra)
        rows.append((*key, name, *vars(e).values()))
        heads.append(min(e.n, count_people(group[group[column].notna()] if e.n < len(group) else group, people)))
    tidy = pd.DataFrame(rows, columns=[*by, "measure", "value", "low", "high", "n", "unit", "source"])
    if (tidy["n"] > 0).any():  # an empty group takes unit and source from the others
        tidy.loc[tidy["n"] == 0, ["unit", "source"]] = tidy.loc[tidy["n"] > 0, ["unit", "source"]].iloc[0].tolist()
    return tidy if minimum is None else suppress(tidy.assign(people=heads), minimum, by=by).drop(columns="people")


def _groups(frame: pd.DataFrame, by: list[str]) -> list[tuple[tuple, pd.DataFrame]]:
    """List groups in order, the missing ones named, empty categories kept."""
    if not by:
        return [((), frame)]
    named = frame.assign(**{c: _named(frame[c]) for c in by if frame[c].isna().any()})
    return list(named.groupby(by, dropna=False, observed=False, sort=True))


def _named(s: pd.Series) -> pd.Series:
    """Give a group column whose missing values carry a name."""
    if isinstance(s.dtype, pd.CategoricalDtype):
        return s.cat.add_categories([NOT_STATED]).fillna(NOT_STATED) if NOT_STATED not in s.cat.categories else s
    return s.fillna(NOT_STATED) if s.dtype in ("str", "object") else s.astype("object").where(s.notna(), NOT_STATED)


def _measured(measure: Measure, s: pd.Series, options: dict[str, Any]) -> Estimate:
    """Measure a group; NaN with n = 0 where it holds no answer at all."""
    try:
        if len(s):
            return measure(s, **options)
    except ValueError as refusal:  # a measure of the user's own may refuse an empty group in its own way
        if not isinstance(refusal, NoAnswersError) and s.notna().any():
            raise
    return Estimate(np.nan, np.nan, np.nan, 0, "", SAID)
