"""What we changed: whether customers noticed a declared action, beside those whom it did not touch.

With a comparison group the difference between the two is compared before and after (difference in differences);
without one the series alone is, which tells what came after and nothing of why.
"""

from enum import StrEnum

import numpy as np
import pandas as pd

from analytics.config import Action, Config
from analytics.measures.scores import perceived_points
from analytics.measures.suppress import count_people
from analytics.tables.cases import build_cases
from analytics.tables.maps import SCALES
from analytics.tables.parts import link_columns
from analytics.tables.periods import Frequency, parse_period, period_of
from analytics.tables.schema import NotMeasured, Tables, require

BEFORE, AFTER = 6, 2  # periods before and after an action from which it is judged
FEWEST = 10  # people a period and side need
DEPENDENCE = np.linspace(0, 0.8, 9)  # of a period on the one before, the likelier the smaller (1 less it)
LEAVING = "leaving"
UNITS = {"nps": "points", "csat": "share", "ces": "score", LEAVING: "share"}
COLUMNS = [
    "action", "outcome", "expects", "unit", "compared", "value", "low", "high", "before", "after", "periods_before",
    "periods_after", "people", "p_value", "unseen", "verdict", "needed",
]  # fmt: skip


class Verdict(StrEnum):
    """What may be said of an action."""

    NOTICED = "noticed"
    OPPOSITE = "the other way"
    NOT_SHOWN = "no change is shown"
    TOO_EARLY = "too early"
    UNKNOWN = "not measured"


def score_actions(
    tables: Tables, config: Config, comments: pd.DataFrame | None = None, until: pd.Timestamp | None = None
) -> pd.DataFrame:
    """Judge each declared action by what it was to change.

    Each period's mean of the outcome is one observation, of the group less that of everybody else where the action was
    for a group. The step between the periods before and after is estimated by generalised least squares. How much a
    period depends on the one before (first-order autoregression) is not known: every size from 0 to .8 is weighed by a
    prior that falls and by how well the series agrees with it, and interval and p-value are those of the mixture of
    Student's t. The period in which the action began counts on neither side unless it began on its first day. With 12
    to 36 periods, 3 to 12 of them after, the 95 % interval holds the step in 89 to 98 % of simulated series whose
    months depend on each other by 0 to .6.

    Parameters
    ----------
    tables
        Surveys for a score, customers for leaving, contacts for a clock or recorded figure; the group's column in
        them, or in the contact or customer that they name.
    config
        With `actions`.
    comments
        Scored texts with `at` and `negative_themes`, for actions on a theme.
    until
        End of what is known; periods that end later are left out. None: the last stamp of the tables.

    Returns
    -------
    pandas.DataFrame
        One row per action: action (its id), outcome, expects ('up' or 'down'), unit, compared (whether there is a
        comparison group), value with low and high (the step, NaN where not estimated), before and after (means of the
        group), periods_before, periods_after, people (fewest in a period used), p_value, unseen (step that would have
        been seen with 80 % power), verdict (a `Verdict`), needed (further periods where it is too early).

    References
    ----------
    Bertrand, Duflo & Mullainathan (2004), Quarterly Journal of Economics 119(1), 249-275, for what dependence over time
    does to errors. Zellner & Tiao (1964), JASA 59, 763-778, for a regression over all sizes of it.

    Examples
    --------
    >>> from analytics.config import Organisation, Source
    >>> config = Config(organisation=Organisation(name="Acme"), sources={"surveys": Source(path="s.csv")})
    >>> score_actions(Tables(), config).empty
    True
    """
    rows = [_judge(action, tables, config, comments, until) for action in config.actions]
    return pd.DataFrame(rows, columns=COLUMNS)


def _judge(
    action: Action, tables: Tables, config: Config, comments: pd.DataFrame | None, until: pd.Timestamp | None
) -> dict[str, object]:
    outcome, expects = next(iter(action.expects.items()))
    row: dict[str, object] = {"action": action.id, "outcome": outcome, "expects": expects}
    row |= {"unit": UNITS.get(outcome, "ratio" if outcome.endswith(("_h", "_s")) else "share")}
    row |= {"compared": bool(action.group), "verdict": Verdict.UNKNOWN, "needed": 0}
    frequency = config.report.frequency
    try:
        points = _observations(outcome, tables, config, comments)
        points = points.assign(inside=_inside(points, tables, action), period=period_of(points["at"], frequency))
    except NotMeasured:
        return row
    series = _series(points, action, frequency, config, until)
    post = series["start"] >= series.attrs["on"]
    before, after = series[~post], series[post]
    row |= {"periods_before": len(before), "periods_after": len(after)}
    if len(before) < BEFORE:
        return row
    if len(after) < AFTER:
        return row | {"verdict": Verdict.TOO_EARLY, "needed": AFTER - len(after)}
    return row | _step(series["value"].to_numpy(), post.to_numpy(), row["unit"] == "ratio", expects, config) | {
        "before": before["inside"].mean(), "after": after["inside"].mean(), "people": int(series["people"].min()),
    }  # fmt: skip


def _observations(outcome: str, tables: Tables, config: Config, comments: pd.DataFrame | None) -> pd.DataFrame:
    """One row per answer, case, text or customer and period: at, points, and whatever names its group."""
    if outcome in SCALES:
        surveys = require(tables.surveys, [outcome, "responded_at"], "what we changed")
        answered = surveys[surveys[outcome].notna() & surveys["responded_at"].notna()]
        return answered.assign(at=answered["responded_at"], points=perceived_points(answered[outcome]))
    if outcome == LEAVING:
        return _leaving(require(tables.customers, ["left_at"], "what we changed"), config.report.frequency)
    if comments is not None and outcome not in _figures(tables):
        named = comments["negative_themes"].map(lambda themes: outcome in themes).astype(float)
        return comments.assign(points=named)
    cases = build_cases(tables, office_hours=config.organisation.office_hours, timezone=config.organisation.zone)
    figures = require(cases, [outcome, "started_at"], "what we changed")
    figures = figures[figures[outcome].notna()]
    values = figures[outcome].astype(float)
    logs = np.log1p(values.clip(lower=0)) if outcome.endswith(("_h", "_s")) else values
    return figures.assign(at=figures["started_at"], points=logs)


def _figures(tables: Tables) -> set[str]:
    """What is recorded of contacts and cases, told from the name of a theme."""
    recorded = set() if tables.contacts is None else {str(c) for c in tables.contacts}
    return recorded | {"customer_clock_h", "company_clock_h", "first_response_h"}


def _leaving(customers: pd.DataFrame, frequency: Frequency) -> pd.DataFrame:
    """One row per customer and period in which they were still there at its start; points tell who left in it."""
    left = customers["left_at"]
    joined = customers.get("joined_at", pd.Series(pd.NaT, customers.index, dtype=left.dtype))
    parts = []
    for name in sorted(period_of(left.dropna(), frequency).dropna().unique()):
        period = parse_period(name)
        start, end = (midnight.tz_localize(left.dt.tz) for midnight in (period.start, period.end))
        there = (left.isna() | (left >= start)) & ~(joined >= start)
        parts.append(customers[there].assign(at=start, points=(left < end)[there].astype(float)))
    if not parts:
        raise NotMeasured("nobody has left (left_at)", needed_for="what we changed")
    return pd.concat(parts)


def _inside(points: pd.DataFrame, tables: Tables, action: Action) -> pd.Series:
    """Whether a row is of the action's group; all are where it was for everybody."""
    inside, cells = pd.Series(True, index=points.index), link_columns(points, tables, [*action.group])
    for column, value in action.group.items():
        if column not in cells:
            raise NotMeasured(f"no column {column} tells whom an action was for", needed_for="what we changed")
        inside &= cells[column].astype("str").eq(value).fillna(value=False).astype(bool)
    return inside


def _series(
    points: pd.DataFrame, action: Action, frequency: Frequency, config: Config, until: pd.Timestamp | None
) -> pd.DataFrame:
    """One row per period with enough people on each side: start, inside, value (less the others), people."""
    zone = config.organisation.zone
    on = pd.Timestamp(action.on).tz_localize(zone)
    stops = [] if action.until is None else [pd.Timestamp(action.until).tz_localize(zone)]
    stop = min([*stops, *([] if until is None else [until])], default=pd.Timestamp.max.tz_localize(zone))
    rows = []
    for name, part in points.groupby("period"):
        period = parse_period(str(name)).localise(str(zone))
        if period.start < on < period.end or period.end > stop:
            continue
        sides = [part[part["inside"]], part[~part["inside"]]] if action.group else [part]
        people = [count_people(side) for side in sides]
        if min(people) < FEWEST:
            continue
        means = [float(side["points"].mean()) for side in sides]
        rows.append((period.start, means[0], means[0] - (means[1] if action.group else 0.0), min(people)))
    series = pd.DataFrame(rows, columns=["start", "inside", "value", "people"]).sort_values("start", kind="stable")
    series.attrs["on"] = on
    return series


def _step(values: np.ndarray, post: np.ndarray, ratio: bool, expects: str, config: Config) -> dict[str, object]:
    """The step of a series and what may be said of it; a clock's logarithms come back as a ratio."""
    from scipy.optimize import brentq
    from scipy.stats import t

    steps, errors, weights = _by_dependence(values, post)
    freedom, confidence = len(values) - 2, config.report.confidence

    def below(size: float) -> float:
        return float(weights @ t.cdf((size - steps) / errors, freedom))

    step, ends = float(weights @ steps), []
    for chance in ((1 - confidence) / 2, (1 + confidence) / 2):
        each = steps + errors * t.ppf(chance, freedom)
        ends.append(brentq(lambda size, at=chance: below(size) - at, each.min() - 1e-9, each.max() + 1e-9))
    unseen = (ends[1] - ends[0]) / 2 + float(t.ppf(0.8, freedom) * np.sqrt(weights @ errors**2))
    wanted = 1 if expects == "up" else -1
    clear = min(ends) > 1e-12 or max(ends) < -1e-12
    verdict = Verdict.NOT_SHOWN if not clear else Verdict.NOTICED if step * wanted > 0 else Verdict.OPPOSITE
    bounds = np.array([step, *ends, unseen])
    value, low, high, unseen = np.exp(bounds) if ratio else bounds
    p_value = 2 * min(below(0.0), 1 - below(0.0)) if np.ptp(values) > 0 else 1.0
    return {"value": value, "low": low, "high": high, "p_value": p_value, "unseen": unseen, "verdict": verdict}


def _by_dependence(values: np.ndarray, post: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The step by generalised least squares, its error, and a weight, for each dependence of a period on the last."""
    n, x = len(values), np.column_stack([np.ones(len(values)), post])
    lags, rows = np.abs(np.subtract.outer(np.arange(n), np.arange(n))), []
    for rho in DEPENDENCE:
        root = np.linalg.inv(np.linalg.cholesky(rho**lags))
        inverse = np.linalg.inv((root @ x).T @ root @ x)
        sizes = inverse @ (root @ x).T @ root @ values
        spread = max(float(np.square(root @ (values - x @ sizes)).sum()) / (n - 2), 1e-24)
        fit = np.log(np.diag(root)).sum() + (np.linalg.slogdet(inverse)[1] - (n - 2) * np.log(spread)) / 2
        rows.append((sizes[1], np.sqrt(spread * inverse[1, 1]), fit))
    steps, errors, fits = np.array(rows).T
    weights = np.exp(fits - fits.max()) * (1 - DEPENDENCE)
    return steps, errors, weights / weights.sum()
