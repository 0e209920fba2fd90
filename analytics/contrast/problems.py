"""Which problems customers name in a period, how often, and whether that moved."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analytics.contrast.signals import detect_group_signals
from analytics.measures.intervals import wilson_bounds
from analytics.measures.read_shares import CheckedShare

OPEN_SHARE = 0.02  # open: the whole interval lies above this share of those who wrote
NAMED, OTHER = "named", "other"  # labels of a share of one thing


def measure_problems(
    now: pd.DataFrame, comments: pd.DataFrame, history: Sequence[str], shares: Mapping[str, CheckedShare]
) -> pd.DataFrame:
    """Each theme's share of a period's comments that name it as a problem, its place, and whether it moved.

    Movement is judged on the counted labels (`detect_group_signals`), before other tests count.

    Parameters
    ----------
    now
        The period's scored comments with `negative_themes` (a list per row), unreadable ones left out.
    comments
        Those of the period and of the ones before it, with `period`, all read by one model: for movement.
    history
        Names of the periods in order, the period reported last.
    shares
        Of each theme, as readers would count it.

    Returns
    -------
    pandas.DataFrame
        One row per theme, most named first: theme, value, low, high (shares 0 to 1; NaN where not known), n (people),
        unit, source, method, read, periods and alike (see `CheckedShare`), counted (the share of labels as they stand),
        word, rule and moved_p of its movement (of labels of one model for all periods: latest, low limit, high limit),
        open (the whole interval above 2 %), and leads (no other theme is shown to be named more; see `leading`).

    Raises
    ------
    ValueError
        If the period has no comment.

    References
    ----------
    See `share_with_readings` and `SetErrors`.

    Examples
    --------
    >>> from analytics.measures.estimate import Estimate
    >>> comments = pd.DataFrame({"period": "2026-10", "negative_themes": [["waiting"]] * 20 + [[]] * 60})
    >>> share = CheckedShare(Estimate(0.25, 0.17, 0.36, 80, "share", "said by customers"), "read", 80)
    >>> table = measure_problems(comments, comments, ["2026-10"], {"waiting": share})
    >>> table[["theme", "counted", "method", "word", "open", "leads"]].values.tolist()
    [['waiting', 0.25, 'read', 'cannot tell yet', True, True]]
    """
    if now.empty:
        raise ValueError(f"{history[-1]}: no comment to read problems from.")
    rows = []
    for theme, share in shares.items():
        counted = float(now["negative_themes"].map(lambda names, t=theme: t in names).mean())
        rows.append({"theme": theme, **vars(share.estimate), **share._asdict(), "counted": counted})
    table = pd.DataFrame(rows).drop(columns="estimate")
    table = table.merge(_movement(comments, history, [*shares]), on="theme", how="left", validate="1:1")
    table["open"] = table["low"] > OPEN_SHARE
    table["leads"] = leading(table)
    return table.sort_values("value", key=lambda v: -v.round(9), kind="stable", ignore_index=True)


def leading(table: pd.DataFrame) -> pd.Series:
    """Which themes may be the one named most: no other is shown to be named by more.

    The difference of two shares has the interval that follows from theirs and from the least favourable dependence:
    that nobody names both. A theme whose share is not known may lead where its labels are at least as many as those of
    the largest known share.

    References
    ----------
    Zou & Donner (2008), Statistics in Medicine 27, 1693-1702 (MOVER), with the correlation of Zou (2007).
    """
    value, low, high = (table[column].to_numpy(float) for column in ("value", "low", "high"))
    odds = np.sqrt(value / (1 - np.minimum(value, 1 - 1e-9)))
    together = -np.clip(np.outer(odds, odds), 0, 1)  # [other, own]
    above, below = (value - low)[:, None], (high - value)[None, :]
    least = value[:, None] - value[None, :] - np.sqrt(above**2 + below**2 - 2 * together * above * below)
    beaten = (least > 0).any(axis=0)
    counted, unknown = table["counted"].to_numpy(float), np.isnan(value)
    largest = 0.0 if unknown.all() else counted[int(np.nanargmax(value))]
    return pd.Series(np.where(unknown, counted >= largest, ~beaten), table.index)


def _movement(comments: pd.DataFrame, history: Sequence[str], themes: Sequence[str]) -> pd.DataFrame:
    """The word about each theme's latest share of labels, with its p-value."""
    per_period = comments["period"].value_counts().reindex(list(history)).fillna(0)
    per_period = per_period.iloc[per_period.gt(0).to_numpy().argmax() :]
    themes_named = comments[["period", "negative_themes"]].explode("negative_themes")
    counts = pd.crosstab(themes_named["period"], themes_named["negative_themes"])
    counts = counts.reindex(index=per_period.index, columns=pd.Index(themes), fill_value=0)
    shares = counts.div(per_period.where(per_period > 0), axis=0)
    tidy = shares.rename_axis("period").reset_index().melt("period", var_name="theme", value_name="value")
    tidy["n"] = tidy["period"].map(per_period)
    tidy["low"], tidy["high"] = wilson_bounds(tidy["value"], tidy["n"].where(tidy["n"] > 0))
    return detect_group_signals(tidy, ["theme"]).rename(columns={"p_value": "moved_p"})
