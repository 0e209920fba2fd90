"""Which problems customers name in a period, how often, and whether that moved."""

from collections.abc import Sequence

import pandas as pd

from analytics.contrast.signals import detect_group_signals
from analytics.measures.intervals import wilson_bounds
from analytics.measures.read_shares import SetErrors
from analytics.measures.suppress import count_people

OPEN_SHARE = 0.02  # open: the whole interval lies above this share of those who wrote
NAMED, OTHER = "named", "other"  # labels of a share of one thing


def measure_problems(
    now: pd.DataFrame, comments: pd.DataFrame, history: Sequence[str], themes: Sequence[str], errors: SetErrors,
    confidence: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """Share of a period's comments that name each theme as a problem, as readers would count it.

    The count of labels is corrected by what readers found in other organisations' texts, or stands with the margin
    that these show, and the interval holds the spread between them (`SetErrors`). A share that this leaves open by
    more than 15 points is not known. Movement is judged on the counted labels over all themes together
    (`detect_group_signals`).

    Parameters
    ----------
    now
        The period's scored comments with `negative_themes` (a list per row), unreadable ones left out.
    comments
        Those of the period and of the ones before it, with `period`, all read by one model: for movement.
    history
        Names of the periods in order, the period reported last.
    themes
        Names of the themes.
    errors
        Of the classifier that read `now`, fitted on each theme.
    confidence
        Level of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row per theme, most named first: theme, value, low, high (shares 0 to 1; NaN where not known), n (people),
        unit, source, counted (the share of labels as they stand), method ('corrected', 'counted' or 'not known'), word
        and rule of its movement (of labels of one model for all periods: latest, low limit, high limit), and open (the
        whole interval above 2 %).

    Raises
    ------
    ValueError
        If the period has no comment.

    References
    ----------
    See `SetErrors`.

    Examples
    --------
    >>> comments = pd.DataFrame({"period": "2026-10", "negative_themes": [["waiting"]] * 20 + [[]] * 60})
    >>> sets = [(name, "waiting", 30, 100, 0.3) for name in "abcdef"]
    >>> errors = SetErrors.fit(pd.DataFrame(sets, columns=["set", "label", "named", "read", "counted"]))
    >>> table = measure_problems(comments, comments, ["2026-10"], ["waiting"], errors)
    >>> table[["theme", "counted", "method", "word", "open"]].values.tolist()
    [['waiting', 0.25, 'counted', 'cannot tell yet', True]]
    """
    if now.empty:
        raise ValueError(f"{history[-1]}: no comment to read problems from.")
    rows = []
    n = count_people(now)
    for theme in themes:
        counted = float(now["negative_themes"].map(lambda names, t=theme: t in names).mean())
        share, method = errors.share(counted, n, theme, confidence)
        rows.append({"theme": theme, **vars(share), "counted": counted, "method": method})
    table = pd.DataFrame(rows).merge(_movement(comments, history, themes), on="theme", how="left", validate="1:1")
    table["open"] = table["low"] > OPEN_SHARE
    return table.sort_values("value", key=lambda v: -v.round(9), kind="stable", ignore_index=True)


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
