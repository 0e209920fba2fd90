"""Which words the report may use about change over time: XmR rules, and one false-alarm rate for a whole report.

Why something changed is asked elsewhere (`drivers`, `diagnosis`); here it is only judged whether it did.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import factorial

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from analytics.measures.discoveries import control_false_discoveries
from analytics.measures.intervals import z_score

ROSE, FELL, NO_CHANGE, CANNOT_TELL = "rose", "fell", "no change", "cannot tell yet"
SHORTEST = 8  # measured periods before anything is said: with fewer, the limits below exceed five sigma
RUN = 8  # periods in a row on one side of the mean (Wheeler's third rule)
TREND = 7  # periods in a row each above, or each below, the one before (NHS "plot the dots")
SIGMAS = 3.0  # 3 sigma = 2.66 times the mean moving range
LIMITS = ["low limit", "high limit"]
TAIL = 0.01  # chance that a quiet period leaves the limits; decides their width while the baseline is short


class Rule(StrEnum):
    """What decided the word about the latest period."""

    OUTSIDE = "outside"  # beyond the limits
    SHIFT = "shift"  # `RUN` periods or more on one side of the mean
    TREND = "trend"  # `TREND` periods or more in one direction
    NONE = "none"  # no rule of change met
    SHORT = "short"  # fewer than `SHORTEST` periods measured
    UNMEASURED = "unmeasured"  # no value in the latest period


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
        for; missing where nothing can be told. For `control_false_discoveries`.
    points
        One row per period: value, mean, low limit, high limit, rule ('' where nothing was measured).
    measured
        Periods with a value.
    unweighed
        The word by the rule alone, where a change in who answers took it back; '' where it did not.
    answered
        Response of the latest period and the usual one, where they took the word back.

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
    unweighed: str = ""
    answered: tuple[float, float] | None = None


def detect_signals(
    series: pd.Series, n: pd.Series | None = None, *, se: pd.Series | None = None, answered: pd.Series | None = None,
    scale: tuple[float, float] = (-100, 100),
) -> Signals:  # fmt: skip
    """Judge the latest period of a series against the earlier ones with XmR rules.

    Mean and limits of a period rest on the earlier periods that broke no limit. Limits are the mean -+ 3 sigma, sigma
    being the mean moving range / 1.128, or the standard deviation where slow waves make that larger; while the
    baseline is short they are wider, at Student's 1 % points. A word of change needs one rule: a point outside the
    limits, 8 periods in a row on one side of the mean, or 7 in a row in one direction. On quiet series of 24 months
    it is spoken in about 1 % (about 3 % where months depend on each other or wobble with long tails); a jump of four
    sigma in the latest month is called in three cases of four.

    Parameters
    ----------
    series
        One value per period in order of time, the latest last; missing where nothing was measured.
    n
        Answers per period: a period with fewer than is usual gets wider limits, by the square root.
    se
        Standard error per period, where known; then limits are the wobble between periods plus this period's own.
    answered
        Response rate (or count of answers) per period. A change is called only if it would stand had the answers
        that are missing against the earlier rate all come from the lowest (or highest) end of the scale; no change is
        called only if unusually few answers could not hide one.
    scale
        Ends of the measure's scale, used with `answered`.

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
    Wheeler (1993), Understanding Variation; Wheeler (2000), Understanding Statistical Process Control, ch. 3. NHS
    England (2019), Making Data Count. Roes, Does & Schurink (1993), Journal of Quality Technology 25(3), 188-198,
    for limits from a short baseline.

    Examples
    --------
    >>> steady = pd.Series([30.0, 32, 31, 29, 30, 31, 30, 32, 31, 30, 29, 31])
    >>> detect_signals(steady).word
    'no change'
    >>> jump = detect_signals(pd.concat([steady, pd.Series([45.0])], ignore_index=True))
    >>> jump.word, str(jump.rule)
    ('rose', 'outside')
    """
    if series.empty:
        raise ValueError("detect_signals was given an empty series: expected one value per period, the latest last.")
    if not series.index.is_monotonic_increasing:
        raise ValueError("the periods are not in order of time: sort the series by its index, the latest last.")
    values = pd.to_numeric(series).to_numpy(dtype=float)
    at = np.flatnonzero(np.isfinite(values))
    error = np.full(len(at), np.nan) if se is None else _aligned(se, series)[at]
    size = np.full(len(at), np.nan) if n is None else _aligned(n, series)[at]
    lines, rules, p_value = _chart(values[at], size, error)
    points = pd.DataFrame(np.nan, index=series.index, columns=["value", "mean", *LIMITS])
    points.iloc[at] = np.column_stack([values[at], *lines])
    points["rule"] = ""
    points.iloc[at, -1] = rules
    unmeasured = not len(at) or at[-1] != len(values) - 1
    if unmeasured or len(at) < SHORTEST:
        return Signals(CANNOT_TELL, Rule.UNMEASURED if unmeasured else Rule.SHORT, np.nan, points, len(at))
    signal = Signals(_word(values[at], lines[0], rules[-1]), rules[-1], p_value, points, len(at))
    return signal if answered is None else _weigh_silence(signal, _aligned(answered, series)[at], scale)


def detect_group_signals(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Judge many groups at once, with one false-alarm rate for them all.

    Each group's series is judged by `detect_signals` (with its n and the standard error implied by its interval); a
    word of change survives only if Benjamini-Hochberg keeps it among all groups, at 5 % false alarms.

    Parameters
    ----------
    table
        A `summarise` table over `by` and period, which can be sorted: value, low, high, n.
    by
        Group columns, without the period.

    Returns
    -------
    DataFrame
        One row per group: word ('no change' also where the rule is not unusual among so many), rule, p_value, and the
        latest value with its low limit and high limit.

    Raises
    ------
    ValueError
        If a group has a period twice.

    References
    ----------
    Benjamini & Hochberg (1995), JRSS B 57(1), 289-300.

    Examples
    --------
    >>> table = pd.DataFrame({"team": "a", "period": [1, 2], "value": [30.0, 31], "low": 20, "high": 40, "n": 90})
    >>> detect_group_signals(table, ["team"])[["team", "word"]].to_numpy().tolist()
    [['a', 'cannot tell yet']]
    """
    if table.duplicated([*by, "period"]).any():
        raise ValueError(f"a group of {list(by)} has a period twice: give one row per group and period.")
    rows = []
    for key, group in table.groupby(list(by), dropna=False):
        series = group.set_index("period").sort_index()
        signal = detect_signals(series["value"], series["n"], se=(series["high"] - series["low"]) / (2 * z_score(0.95)))
        rows.append((*key, signal.word, signal.rule, signal.p_value, *signal.points[["value", *LIMITS]].iloc[-1]))
    judged = pd.DataFrame(rows, columns=[*by, "word", "rule", "p_value", "latest", *LIMITS])
    moved = judged["word"].isin([ROSE, FELL])
    judged.loc[moved & ~control_false_discoveries(judged["p_value"]), "word"] = NO_CHANGE
    return judged


def _aligned(other: pd.Series, series: pd.Series) -> np.ndarray:
    """Values of a companion series, refused when it belongs to other periods."""
    if not pd.Index(other.index).equals(series.index):
        raise ValueError("n, se and answered must cover the same periods as the series, in the same order.")
    return pd.to_numeric(other).to_numpy(dtype=float)


def _chart(values: np.ndarray, n: np.ndarray, se: np.ndarray) -> tuple[list[np.ndarray], list[Rule], float]:
    """Walk through the periods: mean, low limit, high limit and rule of each; the p-value of the last."""
    mean, half = np.full((2, len(values)), np.nan)
    rules, calm, p = [Rule.NONE] * len(values), np.ones(len(values), dtype=bool), 1.0
    for t in range(SHORTEST - 1, len(values)):
        base = np.flatnonzero(calm[:t])
        mean[t] = values[base].mean()
        spread = _spread(values, base, t, n, se)
        degrees = 0.62 * (len(base) - 1)  # of the mean moving range (Roes, Does & Schurink 1993)
        half[t] = spread * max(SIGMAS, stdtrit(degrees, 1 - TAIL / 2) * np.sqrt(1 + 1 / len(base)))
        gap = values[t] - mean[t]
        if abs(gap) > half[t] + 1e-9 * abs(mean[t]):
            rules[t], calm[t] = Rule.OUTSIDE, False
        centre = values[: t + 1][calm[: t + 1]].mean()
        run, climb = (_run(np.sign(gaps.round(9))) for gaps in (values[: t + 1] - centre, np.diff(values[: t + 1])))
        if rules[t] == Rule.NONE:
            rules[t] = Rule.SHIFT if run >= RUN else Rule.TREND if climb >= TREND - 1 else Rule.NONE
        if t == len(values) - 1:
            p = _p_value(gap, spread, len(base), degrees, run, climb)
    return [mean, mean - half, mean + half], rules, p


def _spread(values: np.ndarray, base: np.ndarray, t: int, n: np.ndarray, se: np.ndarray) -> float:
    """Sigma of period t: wobble of the baseline, wider where the period rests on fewer answers."""
    sigma: float = max(np.abs(np.diff(values[base])).mean() / 1.128, values[base].std(ddof=1))
    if np.isfinite(se[t]) and np.isfinite(se[base]).all():
        between = max(sigma**2 - (se[base] ** 2).mean(), 0.0)
        return float(np.sqrt(max(between + se[t] ** 2, 0.0)))
    if np.isfinite(n[t]) and n[t] > 0 and np.isfinite(n[base]).all():
        usual = 1 / np.mean(1 / np.maximum(n[base], 1))
        return float(sigma * max(1.0, np.sqrt(usual / n[t])))
    return float(sigma)


def _run(signs: np.ndarray) -> int:
    """Length of the run of equal, non-zero signs at the end."""
    if not len(signs) or signs[-1] == 0:
        return 0
    other = np.flatnonzero(signs != signs[-1])
    return len(signs) - (int(other[-1]) + 1 if len(other) else 0)


def _p_value(gap: float, spread: float, base: int, degrees: float, run: int, climb: int) -> float:
    """Give the two-sided chance under the strongest rule, times two for the two rules that carry the chance."""
    outside = 2 * stdtr(degrees, -abs(gap) / (spread * np.sqrt(1 + 1 / base))) if spread > 0 else float(gap == 0)
    chance = min(outside, 2.0 ** (1 - run) if run else 1.0, 2 / factorial(climb + 1))
    return float(min(1.0, 2 * chance))


def _word(values: np.ndarray, mean: np.ndarray, rule: Rule) -> str:
    """Choose the word about the latest period, from the rule it met."""
    if rule == Rule.NONE:
        return NO_CHANGE
    return ROSE if values[-1] > (values[-2] if rule == Rule.TREND else mean[-1]) else FELL


def _weigh_silence(signal: Signals, answered: np.ndarray, scale: tuple[float, float]) -> Signals:
    """Take a word back where a change in who answers could have made it, or could hide a change."""
    past, latest = answered[:-1], answered[-1]
    past = past[np.isfinite(past)]
    if not len(past) or not np.isfinite(latest) or latest <= 0:
        return signal
    usual = past.mean()
    value, mean, low, high = signal.points.iloc[-1, :4].astype(float)
    ratio = usual / latest  # answers expected for each answer that came
    if signal.word == NO_CHANGE:
        fewer = latest < usual - SIGMAS * past.std()
        ends = [(value + (ratio - 1) * end) / ratio for end in scale]
        stands = not fewer or (low <= ends[0] and ends[1] <= high)
    else:
        worse, better = scale if signal.word == ROSE else scale[::-1]
        even = (value + (ratio - 1) * worse) / ratio if ratio > 1 else (value - (1 - ratio) * better) / ratio
        outside = signal.rule == Rule.OUTSIDE
        stands = even > (high if outside else mean) if signal.word == ROSE else even < (low if outside else mean)
    if stands:
        return signal
    return replace(signal, word=CANNOT_TELL, unweighed=signal.word, answered=(float(latest), float(usual)))
