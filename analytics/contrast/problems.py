"""Which problems customers name in a period, how often, and whether that moved."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analytics.contrast.signals import detect_group_signals
from analytics.measures.estimate import SAID, Estimate
from analytics.measures.intervals import wilson_bounds
from analytics.measures.shares import corrected_share

TOLD_APART = 0.4  # rate of tags where a theme is named less the rate elsewhere: below it a share is mostly guesswork
OPEN_SHARE = 0.02  # open: the whole interval lies above this share of those who wrote
NAMED, OTHER = "named", "other"


def measure_problems(
    now: pd.DataFrame, comments: pd.DataFrame, history: Sequence[str], errors: Mapping[str, pd.DataFrame],
    confidence: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """Share of a period's comments that name each theme as a problem, the classifier's error taken out.

    Movement is judged on the counted labels, of which the corrected share is a linear function, over all themes
    together (`detect_group_signals`). A share is not known where the classifier told too few of the theme's lines
    from the others in its test, or where it tags more of the comments than its test allows even if all named the
    theme: its error rates are then not those of these comments.

    Parameters
    ----------
    now
        The period's scored comments with `negative_themes` (a list per row), unreadable ones left out.
    comments
        Those of the period and of the ones before it, with `period`, all read by one model: for movement.
    history
        Names of the periods in order, the period reported last.
    errors
        Theme -> held-out counts of the classifier that read `now`, rows true, columns predicted, 'named' and 'other'.
    confidence
        Level of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row per theme, most named first: theme, value, low, high (shares 0 to 1; NaN where not known), n (people),
        unit, source, counted (the share of labels as they stand), word and rule of its movement (of labels of one
        model for all periods: latest, low limit, high limit), and open (the whole interval above 2 %).

    Raises
    ------
    ValueError
        If the period has no comment.

    References
    ----------
    Forman (2008), Data Mining and Knowledge Discovery 17, for correcting counts of labels.

    Examples
    --------
    >>> comments = pd.DataFrame({"period": "2026-10", "negative_themes": [["waiting"]] * 20 + [[]] * 20})
    >>> errors = {"waiting": pd.DataFrame([[90, 10], [5, 95]], [NAMED, OTHER], [NAMED, OTHER])}
    >>> table = measure_problems(comments, comments, ["2026-10"], errors)
    >>> table[["theme", "counted", "word", "open"]].values.tolist()
    [['waiting', 0.5, 'cannot tell yet', True]]
    """
    if now.empty:
        raise ValueError(f"{history[-1]}: no comment to read problems from.")
    rows = []
    for theme, held_out in errors.items():
        named = now["negative_themes"].map(lambda themes, t=theme: t in themes)
        labels = pd.Series(np.where(named, NAMED, OTHER), now.index)
        counted, share = float(labels.eq(NAMED).mean()), Estimate(np.nan, np.nan, np.nan, len(labels), "share", SAID)
        if _fits(counted, len(labels), held_out, confidence):
            share = corrected_share(
                labels, held_out, label=NAMED, clusters=now.get("customer_id"), confidence=confidence
            )
        rows.append({"theme": theme, **vars(share), "counted": counted})
    table = pd.DataFrame(rows).merge(_movement(comments, history, list(errors)), on="theme", how="left", validate="1:1")
    table["open"] = table["low"] > OPEN_SHARE
    return table.sort_values("value", key=lambda v: -v.round(9), kind="stable", ignore_index=True)


def _fits(counted: float, n: int, held_out: pd.DataFrame, confidence: float) -> bool:
    """Whether the classifier's error rates can be those of n comments of which this share is tagged."""
    tested = held_out.sum(axis=1)
    rates = held_out[NAMED] / tested
    if rates[NAMED] - rates[OTHER] < TOLD_APART:
        return False
    lowest, _ = wilson_bounds(counted, n, confidence)
    _, highest = wilson_bounds(float(rates[NAMED]), int(tested[NAMED]), confidence)
    return bool(lowest <= highest)


def _movement(comments: pd.DataFrame, history: Sequence[str], themes: Sequence[str]) -> pd.DataFrame:
    """The word about each theme's latest share of labels, with one false-discovery rate for all themes."""
    per_period = comments["period"].value_counts().reindex(list(history)).fillna(0)
    per_period = per_period.iloc[per_period.gt(0).to_numpy().argmax() :]
    themes_named = comments[["period", "negative_themes"]].explode("negative_themes")
    counts = pd.crosstab(themes_named["period"], themes_named["negative_themes"])
    counts = counts.reindex(index=per_period.index, columns=pd.Index(themes), fill_value=0)
    shares = counts.div(per_period.where(per_period > 0), axis=0)
    tidy = shares.rename_axis("period").reset_index().melt("period", var_name="theme", value_name="value")
    tidy["n"] = tidy["period"].map(per_period)
    tidy["low"], tidy["high"] = wilson_bounds(tidy["value"], tidy["n"].where(tidy["n"] > 0))
    return detect_group_signals(tidy, ["theme"]).drop(columns="p_value")
