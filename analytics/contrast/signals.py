"""Which words the report may use about change over time: how far a period lies from others, sampling error known.

Why something changed is asked elsewhere (`drivers`, `diagnosis`); here it is only judged whether it did.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from analytics.measures.discoveries import POWER, shrink
from analytics.measures.intervals import z_score

ROSE, FELL, NO_CHANGE, CANNOT_TELL = "rose", "fell", "no change", "cannot tell yet"
SHORTEST = 4  # measured periods before anything is said, the latest included
FEWEST = 10  # of fewer a share is no part of what is usual: an export's first few rows are not its custom
RUN = 3  # latest periods that are set beside all earlier ones together
TREND = 18  # latest periods through which a straight line is laid, where there are as many
CHANCE = 0.005  # how often a quiet score may be said to have moved in a period, all rules together
LIMITS = ["low limit", "high limit"]
UNUSUAL = 3.0  # standard deviations below its mean at which a response rate is unusually low
WOBBLE = 0.0075  # true movement of a quiet score between periods, where it has any, as a share of its scale
GROUP_WOBBLE = 0.003  # that of the share of one group among many, most of them small
WOBBLES = np.r_[0.0, np.geomspace(0.05, 100, 40)]  # in typical ones
LIKELY = np.gradient(WOBBLES) * (1 + WOBBLES**2 / 4) ** -2.5  # their prior: Student's t with four degrees,
LIKELY = (LIKELY / LIKELY.sum() + (WOBBLES == 0)) / 2  # but as likely as not none at all


class Rule(StrEnum):
    """What decided the word about the latest period."""

    OUTSIDE = "outside"  # the period lies apart from the earlier ones
    SHIFT = "shift"  # the last `RUN` periods together do
    TREND = "trend"  # a straight line through the last periods has a slope
    NONE = "none"  # no rule of change met
    SHORT = "short"  # fewer than `SHORTEST` periods measured
    RENEWED = "renewed"  # fewer than that since the baseline was last moved
    UNMEASURED = "unmeasured"  # no value in the latest period


PARTS = {Rule.OUTSIDE: 0.8, Rule.SHIFT: 0.1, Rule.TREND: 0.1}  # of the chance of a false word


@dataclass(frozen=True)
class Change:
    """A change by its size, and its standard error under each possible size of the true movement between periods.

    Parameters
    ----------
    size
        In the series' unit; of a trend, from the first to the last period of its line.
    errors, weights
        Standard errors, and how likely each is.
    chance
        How often a quiet series may be said to have changed.
    among
        P-values of all tests that it was picked from; none: as many quiet ones as let one in twenty falsely in.
    """

    size: float
    errors: np.ndarray
    weights: np.ndarray
    chance: float = CHANCE
    among: Sequence[float] | pd.Series = ()

    @property
    def likely(self) -> float:
        """The size as it is told: shrunk, as it is told because its test stands."""
        quiet = [self.p_value, *np.arange(self.chance, 0.05, self.chance) / 0.05]
        return float(shrink(self.size, self.p_value, self.among if len(self.among) else quiet))

    @property
    def p_value(self) -> float:
        """How often a quiet series would show a change as large, both signs counted."""
        return float(min(self.weights @ (2 * ndtr(-abs(self.size) / self.errors)), 1.0)) if self.size else 1.0

    @property
    def bounds(self) -> tuple[float, float]:
        """The interval of the size at the level at which words of change stand, as only then it is told."""
        half = self.needed(self.chance)
        return self.size - half, self.size + half

    def needed(self, chance: float) -> float:
        """Smallest size that quiet series reach as rarely as this."""
        z = -float(ndtri(chance / 2))
        sizes = np.geomspace(z * self.errors.min() / 2, z * self.errors.max() * 2, 64)
        logs = np.log(np.maximum(2 * ndtr(-sizes[:, None] / self.errors) @ self.weights, 1e-300))
        return float(np.exp(np.interp(-np.log(chance), -logs, np.log(sizes))))

    def unseen(self, chance: float) -> float:
        """Smallest size that is seen four times of five, where a word needs this chance."""
        spread = float(np.sqrt(self.weights @ self.errors**2))
        return self.needed(chance) + float(ndtri(POWER)) * spread


@dataclass(frozen=True)
class Signals:
    """What may be said about the latest period, and the chart behind it.

    Parameters
    ----------
    word
        'rose', 'fell', 'no change' or 'cannot tell yet', about the latest period.
    rule
        The `Rule` behind the word.
    p_value
        How often a quiet series would look this unusual under the strongest rule, the choice among rules allowed
        for; missing where nothing can be told.
    points
        One row per period: value, mean, low limit, high limit, rule ('' where nothing was measured).
    measured
        Periods with a value, since the baseline was last moved.
    change
        By how much, under the rule, or against all earlier periods where no rule was met; None where nothing can be
        told.
    unseen
        A change of less than this would have been missed more than once in five; missing where nothing can be told.
    against
        The latest period less an earlier one, by how many periods earlier; those not measured are left out.
    answered
        Response of the latest period and the usual one, where they took the word of the rule back, or could be all of
        a fall.
    even
        Where the latest value would stand had the missing answers come from the other end of the scale.

    Examples
    --------
    >>> detect_signals(pd.Series([30.0, 32, 31])).word
    'cannot tell yet'
    """

    word: str
    rule: Rule
    p_value: float
    points: pd.DataFrame
    measured: int
    change: Change | None = None
    unseen: float = np.nan
    against: Mapping[int, Change] = field(default_factory=dict)
    answered: tuple[float, float] | None = None
    even: float = np.nan

    @property
    def since(self) -> object:
        """The first of the latest periods that all lie apart on one side of the same earlier ones; else the latest."""
        points = self.points[self.points["rule"].ne("")][::-1]
        apart = points["rule"].eq(Rule.OUTSIDE) & (points["value"] > points["mean"]).eq(self.word == ROSE)
        run = int(apart.cumprod().sum())
        return points.index[max(run - 1, 0)]


def detect_signals(
    series: pd.Series, n: pd.Series | None = None, *, se: pd.Series | None = None, answered: pd.Series | None = None,
    scale: tuple[float, float] = (-100, 100), wobble: float | None = None, back: Sequence[int] = (),
    chance: float = CHANCE, starts: Collection[object] = (),
) -> Signals:  # fmt: skip
    """Judge the latest period of a series against the earlier ones, sampling error and true movement told apart.

    A quiet period is the mean, plus the error of its sample, plus a true movement between periods. How large that is
    usually is not known: every size is weighed by a prior and by how well the earlier periods agree with it, and a
    change is unusual by the mean over all sizes. Three rules share the chance of a false word: the period apart from
    the earlier ones that were not apart themselves (four fifths of it); the last three periods together; a line
    through the last eighteen. Without standard errors the scatter of the series is all that is known, and
    limits are Student's. Fewer than four measured periods: cannot tell yet.

    Parameters
    ----------
    series
        One value per period in order of time, the latest last; missing where nothing was measured.
    n
        Answers per period. With `se`, the errors of all periods are pooled by it (as in a p chart); without, a period
        with fewer than is usual gets wider limits, by the square root.
    se
        Standard error per period, where known.
    answered
        Response rate (or count of answers) per period. A rise is called only if it would stand had the answers that
        are missing against the earlier rate all come from the lowest end of the scale; no change is called only if
        unusually few answers could not hide one. A fall is called, and what else it could be is said (`even`).
    scale
        Ends of the measure's scale.
    wobble
        Typical true movement between quiet periods, of which half the series are taken to have none; None takes
        0.75 % of the scale (1.5 points of a Net Promoter Score).
    back
        Earlier periods to compare the latest one with alone, such as 12 for the same month a year ago.
    chance
        How often a quiet series may be given a word of change.
    starts
        Periods with which a new baseline begins, such as those of a declared action: earlier ones count no more.

    Returns
    -------
    Signals
        With the word about the latest period.

    Raises
    ------
    ValueError
        If the series is empty, or its index is not in order of time.

    References
    ----------
    Laney (2002), Quality Engineering 14(4), 531-537, for limits from both sources of movement; Higgins, Thompson &
    Spiegelhalter (2009), JRSS A 172(1), 137-159, for predictions with the spread averaged over its posterior; Wheeler
    (2000), Understanding Statistical Process Control. Power and false alarms: METHODS.md, "Change over time".

    Examples
    --------
    >>> steady = pd.Series([30.0, 32, 31, 29, 30, 31, 30, 32, 31, 30, 29, 31])
    >>> detect_signals(steady).word
    'no change'
    >>> jump = detect_signals(pd.concat([steady, pd.Series([45.0])], ignore_index=True))
    >>> jump.word, str(jump.rule)
    ('rose', 'outside')
    """
    series = pd.Series(series)
    if not 0 < chance < 1 or min(back, default=1) < 1:
        raise ValueError(f"chance is {chance}, back {list(back)}: expected between 0 and 1, and 1 period or more.")
    if series.empty:
        raise ValueError("detect_signals was given an empty series: expected one value per period, the latest last.")
    if not series.index.is_monotonic_increasing:
        raise ValueError("the periods are not in order of time: sort the series by its index, the latest last.")
    values = pd.to_numeric(series).to_numpy(dtype=float)
    at = np.flatnonzero(np.isfinite(values))
    level = np.cumsum(series.index.isin(list(starts)))[at]
    chart = _Chart(at, values[at], *_errors(series, n, se, at), wobble or WOBBLE * (scale[1] - scale[0]), chance, level)
    points = pd.DataFrame(np.nan, index=series.index, columns=["value", "mean", *LIMITS])
    points["rule"] = ""
    calm, points.iloc[at, :4] = chart.walk()
    points.iloc[at, -1] = np.where(calm, Rule.NONE, Rule.OUTSIDE)
    if not len(at) or at[-1] != len(values) - 1:
        return Signals(CANNOT_TELL, Rule.UNMEASURED, np.nan, points, len(at))
    measured = int((level == level[-1]).sum())
    if measured < SHORTEST:
        return Signals(CANNOT_TELL, Rule.RENEWED if level[-1] else Rule.SHORT, np.nan, points, measured)
    changes = chart.rules(calm)
    odds = {rule: min(change.p_value / PARTS[rule], 1.0) for rule, change in changes.items()}
    best = min(odds, key=lambda rule: odds[rule])
    rule = best if odds[best] <= chance else Rule.NONE
    points.iloc[-1, -1] = rule
    change = changes[rule if rule in changes else Rule.OUTSIDE]
    word = NO_CHANGE if rule is Rule.NONE else ROSE if change.size > 0 else FELL
    unseen = changes[Rule.OUTSIDE].unseen(chance * PARTS[Rule.OUTSIDE])
    against = chart.against(calm, back)
    signal = Signals(word, rule, odds[best], points, measured, change, unseen, against)
    return signal if answered is None else _weigh_silence(signal, _aligned(answered, series)[at], scale)


def detect_group_signals(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Judge the shares of many groups at once; the caller counts their p-values with its other tests.

    Each group's series is judged by `detect_signals`, with its n and the standard error implied by its interval; a
    period with an n below ten counts as not measured.

    Parameters
    ----------
    table
        A `summarise` table of shares over `by` and period, which can be sorted: value, low, high, n.
    by
        Group columns, without the period.

    Returns
    -------
    DataFrame
        One row per group: word, rule, p_value, unseen, the latest value with its low limit and high limit, and since
        which earlier period it has stayed there ('' where it has not).

    Raises
    ------
    ValueError
        If a group has a period twice.

    Examples
    --------
    >>> table = pd.DataFrame({"team": "a", "period": [1, 2], "value": [0.3, 0.31], "low": 0.2, "high": 0.4, "n": 90})
    >>> detect_group_signals(table, ["team"])[["team", "word"]].to_numpy().tolist()
    [['a', 'cannot tell yet']]
    """
    if table.duplicated([*by, "period"]).any():
        raise ValueError(f"a group of {list(by)} has a period twice: give one row per group and period.")
    rows = []
    for key, group in table.groupby(list(by), dropna=False):
        series = group.set_index("period").sort_index()
        se = (series["high"] - series["low"]) / (2 * z_score(0.95))
        values = series["value"].where(series["n"] >= FEWEST)
        signal = detect_signals(values, series["n"], se=se, scale=(0, 1), wobble=GROUP_WOBBLE)
        latest = signal.points[["value", *LIMITS]].iloc[-1]
        since = signal.since if signal.word in (ROSE, FELL) and signal.since != latest.name else ""
        rows.append((*key, signal.word, signal.rule, signal.p_value, signal.unseen, *latest, since))
    return pd.DataFrame(rows, columns=[*by, "word", "rule", "p_value", "unseen", "latest", *LIMITS, "since"])


def _aligned(other: pd.Series, series: pd.Series) -> np.ndarray:
    """Values of a companion series, refused when it belongs to other periods."""
    if not pd.Index(other.index).equals(series.index):
        raise ValueError("n, se and answered must cover the same periods as the series, in the same order.")
    values = pd.to_numeric(other).to_numpy(dtype=float)
    if (values < 0).any():
        raise ValueError("n, se and answered are zero or more.")
    return values


def _errors(
    series: pd.Series, n: pd.Series | None, se: pd.Series | None, at: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray]:
    """Sampling error of each measured period, pooled where n is known, and by how much a small one widens limits."""
    error = None if se is None else _aligned(se, series)[at]
    size = np.full(len(at), np.nan) if n is None else np.maximum(_aligned(n, series)[at], 1)
    sized = len(at) > 0 and bool(np.isfinite(size).all())
    if error is not None and np.isfinite(error).all():
        return np.sqrt((error**2 * size).mean() / size) if sized else error, np.ones(len(at))
    return None, np.maximum(np.sqrt(1 / (size * (1 / size).mean())), 1) if sized else np.ones(len(at))


@dataclass(frozen=True)
class _Chart:
    """The measured periods: their places in the series, values, sampling errors (None: not known), and the prior."""

    at: np.ndarray
    values: np.ndarray
    error: np.ndarray | None
    widen: np.ndarray
    wobble: float
    chance: float
    level: np.ndarray  # which baseline each belongs to

    def walk(self) -> tuple[np.ndarray, np.ndarray]:
        """Which periods did not lie apart from the calm ones before; value, mean, low and high limit of each."""
        calm = np.ones(len(self.values), dtype=bool)
        lines = np.column_stack([self.values, np.full((len(self.values), 3), np.nan)])
        for t in range(len(calm)):
            if (self.level[: t + 1] == self.level[t]).sum() < SHORTEST:
                continue
            change = self.latest(calm, t)
            half = change.needed(self.chance * PARTS[Rule.OUTSIDE])
            calm[t] = change.p_value > self.chance * PARTS[Rule.OUTSIDE]
            lines[t, 1:] = self.values[t] - change.size + np.array([0, -half, half])
        return calm, lines

    def latest(self, calm: np.ndarray, t: int) -> Change:
        """A period against the calm ones before it."""
        rows = self._baseline(calm, t)
        return self._fit(rows, rows == t)

    def _baseline(self, calm: np.ndarray, t: int) -> np.ndarray:
        """The calm periods before one that share its baseline, and itself."""
        return np.append(np.flatnonzero(calm[:t] & (self.level[:t] == self.level[t])), t)

    def rules(self, calm: np.ndarray) -> dict[Rule, Change]:
        """The change that each rule looks at, where there are periods enough for it."""
        last = len(calm) - 1
        rows = self._baseline(calm, last)
        line = rows[-TREND:]
        way = (self.at[line] - self.at[line[0]]) / np.ptp(self.at[line])  # from its first period to its last
        changes = {Rule.OUTSIDE: self.latest(calm, last), Rule.TREND: self._fit(line, way)}
        if len(rows) >= 2 * RUN:
            changes[Rule.SHIFT] = self._fit(rows, rows >= rows[-RUN])
        return changes

    def against(self, calm: np.ndarray, back: Sequence[int]) -> dict[int, Change]:
        """The latest period less others, by how many periods earlier."""
        last = len(calm) - 1
        changes = {}
        for step in back:
            place = np.flatnonzero(self.at == self.at[last] - step)
            if len(place):
                rows = np.union1d(np.flatnonzero(calm), [*place, last])
                changes[step] = self._fit(rows, (rows == place) | (rows == last), rows == last)
        return changes

    def _fit(self, rows: np.ndarray, *regressors: np.ndarray) -> Change:
        """The last regressor's coefficient, the true movement between periods averaged over its posterior."""
        y, widen = self.values[rows], self.widen[rows]
        x = np.column_stack([np.ones(len(rows)), *regressors]).astype(float)
        if self.error is None:  # the scatter alone: a flat prior of the logarithm, which gives Student's t
            rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
            scatter = np.sqrt(max(float(rest @ rest) / (len(y) - x.shape[1]), 1e-18 * float(y @ y), 1e-300))
            wobble, prior, error = scatter * np.geomspace(0.1, 300, 80), np.ones(80), 0.0
        else:
            wobble, prior, error = self.wobble * WOBBLES, LIKELY, self.error[rows]
        variance = error**2 + np.square(wobble[:, None] * widen)
        weighted = x.T / variance[:, None, :]
        squares = weighted @ x
        inverse = np.linalg.inv(squares)
        sizes = (inverse @ (weighted @ y)[:, :, None])[:, :, 0]
        rest = np.square(y - sizes @ x.T) / variance
        fit = -0.5 * (np.log(variance).sum(axis=1) + np.linalg.slogdet(squares)[1] + rest.sum(axis=1))
        weights = np.exp(fit - fit.max()) * prior
        weights /= weights.sum()
        size = float((weights @ sizes[:, -1]).round(12))
        return Change(size, np.sqrt(inverse[:, -1, -1]), weights, self.chance)


def _weigh_silence(signal: Signals, answered: np.ndarray, scale: tuple[float, float]) -> Signals:
    """Take a rise back where a change in who answers could have made it, or no change where it could hide one."""
    past, latest = answered[:-1], answered[-1]
    past = past[np.isfinite(past)]
    if not len(past) or not np.isfinite(latest) or latest <= 0:
        return signal
    usual = past.mean()
    value, mean, low, high = signal.points.iloc[-1, :4].astype(float)
    ratio = usual / latest  # answers expected for each answer that came
    if signal.word == NO_CHANGE:
        ends = [(value + (ratio - 1) * end) / ratio for end in scale]
        if latest >= usual - UNUSUAL * past.std() or (low <= ends[0] and ends[1] <= high):
            return signal
        return replace(signal, word=CANNOT_TELL, answered=(float(latest), float(usual)))
    worse, better = scale if signal.word == ROSE else scale[::-1]
    even = (value + (ratio - 1) * worse) / ratio if ratio > 1 else (value - (1 - ratio) * better) / ratio
    beyond = (low, high) if signal.rule == Rule.OUTSIDE else (mean, mean)
    if even > beyond[1] if signal.word == ROSE else even < beyond[0]:
        return signal
    noted = replace(signal, answered=(float(latest), float(usual)), even=float(np.clip(even, *scale)))
    return noted if signal.word == FELL else replace(noted, word=CANNOT_TELL)
