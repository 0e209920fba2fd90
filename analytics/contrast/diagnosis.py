"""The diagnosis gate: internal figures enter only to explain a problem that customers named and that is open now.

The comparison is between cases that have the problem and comparable ones that do not; it says what differs, never what
causes it. Nothing else in the package sets an internal figure beside what customers say, except the tests of
targets (``watermelon``) and of slow decline (``drift``).
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from analytics.contrast.groups import WITHIN, number_strata
from analytics.measures.discoveries import discovery_threshold, mark_differences
from analytics.measures.estimate import OBSERVED, SAID, Estimate
from analytics.measures.intervals import difference_bounds, number_clusters, wilson_bounds, z_score
from analytics.measures.suppress import count_people
from analytics.tables.schema import NotMeasured, require

PER_CONTACT = ("handle_time_s", "hold_time_s", "wait_time_s")  # more contacts are a measure of their own
COUNTS = ("transfers", "reopens", "contacts", "channels", "abandoned", "timely")
MEASURES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))  # column: name, unit
# What customers feel, who they are, and figures derived from another: never an internal explanation.
NOT_INTERNAL = {
    "nps", "csat", "ces", "complaints", "disputed", "confirmed", "confirmed_fixed", "goodwill_value", "gap_h",
    "customer_clock_h", "company_wall_h", "tenure_days", "value_per_year", "weight",
}  # fmt: skip
FRAME = [
    "measure", "name", "alike", "unit", "with_problem", "without", "superiority", "low", "high", "n_with", "n_without",
    "people", "p_value", "differs", "apart", "apart_low", "apart_high", "apart_p", "lack",
]  # fmt: skip
APART = {"superiority": "apart", "low": "apart_low", "high": "apart_high", "p_value": "apart_p"}
ALIKE = 0.6  # rank correlation from which two figures say the same thing and are compared once
LEVELS = 12  # values up to which a column of words is compared, each against the others
NO_COLUMN, FEW, CONSTANT = "no column", "few", "constant"  # why a measure cannot be compared


@dataclass(frozen=True)
class Problem:
    """A problem in the customers' words, and which cases have it.

    Parameters
    ----------
    name
        As customers name it, such as a theme.
    has
        Boolean by `case_id`: True where the customer named the problem, False where the customer spoke and did not;
        cases of customers who said nothing are missing or absent, for nobody knows about them.
    evidence
        How many name it now: an `Estimate` said by customers.
    is_open
        Whether it is open now.
    key
        A name that stays when wordings change: a theme, or the column that records it, such as 'disputed'.
    critical
        Boolean by `case_id`: True where the customer criticised anything at all; None where that is not known.

    Examples
    --------
    >>> named = pd.Series({"x": True, "y": False})
    >>> Problem("waiting", named, Estimate(0.5, 0.1, 0.9, 2, "share", SAID)).is_open
    True
    """

    name: str
    has: pd.Series
    evidence: Estimate
    is_open: bool = True
    key: str = ""
    critical: pd.Series | None = None


@dataclass(frozen=True)
class Account:
    """The operations' own account of the cases with a problem, beside what their customers confirm.

    Parameters
    ----------
    solved
        Share that the company's stamps call solved.
    hours
        Median of its own clock among these.
    confirmed
        Share whose customers have confirmed an end.

    Examples
    --------
    >>> Account(solved=0.9, hours=4.0, confirmed=0.3).confirmed
    0.3
    """

    solved: float
    hours: float
    confirmed: float


@dataclass(frozen=True)
class Diagnosis:
    """What differs between cases with an open problem and comparable ones without.

    Parameters
    ----------
    problem
        The problem that was asked about.
    frame
        One row per internal measure, figures that say the same thing once (`alike` lists the others): its typical value
        with and without the problem (mean of counts and flags, median of the rest), `superiority` (chance that a case
        with the problem has the higher value than a comparable one without, ties shared; 0.5 is no difference) with its
        interval, n, `people` (customers on the smaller side), `p_value`, `differs` after Benjamini-Hochberg, `apart`
        (the superiority over cases whose customers criticised something else) with its interval and p-value, and `lack`
        where it cannot be compared: 'no column', 'few' (measured for too few customers), 'constant' (the same in every
        case), else ''.
    n
        Cases with the problem.
    compared, others
        How many of them, and of the cases without, are of a kind that occurs on both sides.
    by
        Columns that say which cases are of one kind.
    account
        The operations' own account of the n cases; None where it is not measured.
    """

    problem: Problem
    frame: pd.DataFrame
    n: int
    compared: int
    others: int
    by: tuple[str, ...]
    account: Account | None


def diagnose(
    problem: Problem, cases: pd.DataFrame, measures: Sequence[str] | None = None, by: Sequence[str] = WITHIN,
    k: int = 10, confidence: float = 0.95, *, names: Mapping[str, str] | None = None, cut: float | None = None,
) -> Diagnosis:  # fmt: skip
    """Ask which internal figures differ between cases with an open, customer-named problem and comparable ones.

    Within each stratum of `by`, every case with the problem is compared with every one without: the share of
    pairs in which the former has the higher value, ties shared. Strata are weighted by m n / (m + n); the p-value is
    van Elteren's stratified rank test, or that of a variance that allows for several cases of one customer where it is
    larger; the interval comes from the placements of the cases on the logit scale, of flags from Wilson's bounds.
    Benjamini-Hochberg controls the measures together, those against customers who criticised something else included.

    Parameters
    ----------
    problem
        Named by customers and open now; anything else is refused.
    cases
        From `build_cases`.
    measures
        Columns of the cases; None takes every internal measure, and further numeric columns of the operation. Times
        of handling, hold and waiting are taken per contact; each value of a column of words is a flag.
    by
        Columns that make cases comparable; those absent are left out, a missing value is a stratum of its own.
    k
        Fewest customers on either side, with the measure, to say anything.
    confidence
        1 - confidence is the rate of false findings; intervals have the level at which findings stand.
    names
        What columns are called, instead of the usual name or one made of the column's.
    cut
        Largest p-value that stands, where more tests than these are controlled together.

    Returns
    -------
    Diagnosis
        The comparison; no causes.

    Raises
    ------
    ValueError
        If the problem is not said by customers, rests on nobody, or is not open.
    NotMeasured
        If fewer than k customers have it, or fewer than k comparable ones do not.

    References
    ----------
    van Elteren (1960), Bulletin of the ISI 37, 351-361. DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44,
    837-845, for placements. Yan & Su (2010), Statistics in Biopharmaceutical Research 2, 329-335, for flags in strata.
    Benjamini & Hochberg (1995), JRSS B 57, 289-300.

    Examples
    --------
    >>> cases = pd.DataFrame({"case_id": range(40), "reopens": [2.0] * 20 + [0.0] * 20, "contacts": 1})
    >>> cases["customer_clock_h"], cases["ended"] = 5.0, "confirmed"
    >>> named = pd.Series([True] * 20 + [False] * 20)
    >>> frame = diagnose(Problem("unresolved", named, Estimate(0.5, 0.3, 0.7, 40, "share", SAID)), cases).frame
    >>> frame.loc[frame["differs"], "measure"].tolist()
    ['reopens']
    """
    _check(problem)
    require(cases, ["case_id"], f"the diagnosis of {problem.name!r}")
    cases = cases.reset_index(drop=True)
    has = cases["case_id"].map(problem.has.astype("boolean"))
    heard = cases[has.notna()].assign(_has=has[has.notna()].astype(bool))
    heard["_stratum"], present = number_strata(heard, by)
    comparable = heard[heard.groupby("_stratum")["_has"].transform("nunique").eq(2)]
    people = [count_people(comparable[comparable["_has"].eq(side)]) for side in (True, False)]
    if min(people) < k:
        raise NotMeasured(
            f"{people[0]} customers with the problem {problem.name!r} and {people[1]} comparable ones "
            f"without; at least {k} of each are needed for a diagnosis"
        )
    clusters = alike_measures(comparable, list(measures) if measures is not None else internal_measures(cases))
    flags = [(name, *flag) for name in clusters for flag in _values(comparable, name)]
    called = [(name, *_name(name, level, names or {})) for name, level, _ in flags]
    head = pd.DataFrame(called, columns=["measure", "name", "unit"])
    head["alike"] = [[_name(other, None, names or {})[0] for other in clusters[name]] for name, _, _ in flags]
    critical = problem.critical if problem.critical is not None else pd.Series(dtype="boolean")
    spoke = comparable["case_id"].map(critical.astype("boolean")).eq(True).fillna(False).astype(bool)

    def compare(level: float) -> pd.DataFrame:
        rows = [_contrast(comparable, name, values, k, level) for name, _, values in flags]
        others = comparable[comparable["_has"] | spoke]
        apart = [_contrast(others, name, values, k, level) if spoke.any() else {} for name, _, values in flags]
        beside = pd.DataFrame(apart, head.index).reindex(columns=[*APART]).rename(columns=APART)
        return pd.concat([head, pd.DataFrame(rows), beside], axis=1).reindex(columns=FRAME)

    if cut is None:
        first = compare(confidence)
        cut = discovery_threshold([*first["p_value"], *first["apart_p"]], 1 - confidence)
    frame = mark_differences(compare(1 - cut), cut, same=0.5)
    mine, paired = heard[heard["_has"]], int(comparable["_has"].sum())
    return Diagnosis(problem, frame, len(mine), paired, len(comparable) - paired, tuple(present), _own_account(mine, k))


def _check(problem: Problem) -> None:
    """Refuse anything but an open problem that customers named."""
    e, name = problem.evidence, problem.name
    if e.source != SAID:
        raise ValueError(
            f"diagnose starts from what customers say; the evidence for {name!r} is {e.source!r}. Give an Estimate "
            "from surveys, complaints or comments."
        )
    if e.n == 0 or not e.value > 0:
        raise ValueError(f"no customer names {name!r} (value {e.value}, n = {e.n}): there is nothing to diagnose.")
    if not problem.is_open:
        raise ValueError(f"{name!r} is not open now; an internal figure would explain a problem that nobody has.")


def internal_measures(cases: pd.DataFrame) -> list[str]:
    """The usual internal measures, then further numeric columns that a map or the operation brought."""
    numeric = cases.select_dtypes("number").dropna(axis=1, how="all").columns
    further = numeric.difference([*MEASURES, *NOT_INTERNAL], sort=False)
    return [*MEASURES, *(str(c) for c in further if not str(c).endswith("_id") and not str(c).startswith("_"))]


def alike_measures(cases: pd.DataFrame, measures: Sequence[str]) -> dict[str, list[str]]:
    """Measures that speak for themselves, in order, each with the later ones that say the same thing as it."""
    numeric = [c for c in measures if c in cases and not _is_words(cases[c]) and cases[c].notna().any()]
    ranks = pd.DataFrame({c: measured_values(cases, c) for c in numeric}).corr("spearman").abs().round(9)
    clusters: dict[str, list[str]] = {}
    for name in measures:
        own = next((c for c in clusters if c in ranks and name in ranks and float(ranks[c][name]) >= ALIKE), None)
        clusters[own].append(name) if own else clusters.setdefault(name, [])
    return clusters


def name_measure(column: str, names: Mapping[str, str]) -> tuple[str, str]:
    """Name and unit of a recorded figure: as the organisation calls it, else ours, else the column's own words.

    Examples
    --------
    >>> name_measure("callback_late_h", {}), name_measure("updates", {"updates": "messages sent unasked"})
    (('callback late', 'hours'), ('messages sent unasked', ''))
    """
    unit = {"_h": "hours", "_s": "seconds"}.get(column[-2:], "")
    name, unit = MEASURES.get(column) or ((column[:-2] if unit else column).replace("_", " "), unit)
    return names.get(column, name), unit


def _name(column: str, level: object, names: Mapping[str, str]) -> tuple[str, str]:
    name, unit = name_measure(column, names)
    return (name, unit) if level is None else (f"{name} “{level}”", "share")


def _is_words(column: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(column)


def _values(cases: pd.DataFrame, measure: str) -> list[tuple[object, pd.Series | None]]:
    """A measure's values, or a flag for each value of a column of words: of two values for the rarer one alone."""
    if measure not in cases or cases[measure].isna().all():
        return [(None, None)]
    column = cases[measure]
    if not _is_words(column):
        return [(None, measured_values(cases, measure))]
    levels = column.astype(str).where(column.notna()).value_counts().sort_index().sort_values(kind="stable").index
    levels = levels[:1] if len(levels) == 2 else levels[-LEVELS:]
    return [(level, column.astype(str).eq(level).astype(float).where(column.notna())) for level in levels]


def _contrast(
    cases: pd.DataFrame, measure: str, values: pd.Series | None, k: int, confidence: float
) -> dict[str, object]:
    """One measure between cases with and without the problem, like with like."""
    if values is None:
        return {"lack": NO_COLUMN, "n_with": 0, "n_without": 0}
    columns = {"value": values.reindex(cases.index), "has": cases["_has"], "stratum": cases["_stratum"]}
    table = pd.DataFrame(columns).dropna()
    sides = [cases.loc[table.index[table["has"].eq(side)]] for side in (True, False)]
    row: dict[str, Any] = {"n_with": len(sides[0]), "n_without": len(sides[1]), "people": min(map(count_people, sides))}
    if row["people"] < k or table["value"].nunique() == 1:
        return row | {"lack": FEW if row["people"] < k else CONSTANT}
    average = measure in COUNTS or _is_words(cases[measure])
    typical = table.groupby("has")["value"].agg("mean" if average else "median")
    row |= {"with_problem": float(typical[True]), "without": float(typical[False]), "lack": ""}
    people = cases.loc[table.index, "customer_id"] if "customer_id" in cases else None
    return row | compare_ranks(table["value"], table["has"], table["stratum"], confidence, people)


def measured_values(cases: pd.DataFrame, measure: str) -> pd.Series:
    """Values of an internal measure as floats; times of handling, hold and waiting per answered contact."""
    values = cases[measure].astype("Float64").astype("float64")
    if measure not in PER_CONTACT or "contacts" not in cases:
        return values
    answered = cases["contacts"] - cases["abandoned"].fillna(0) if "abandoned" in cases else cases["contacts"]
    return values / answered.clip(lower=1)


def compare_ranks(
    values: pd.Series, has: pd.Series, stratum: pd.Series, confidence: float = 0.95, people: pd.Series | None = None
) -> dict[str, float]:
    """Stratified probability of superiority, its interval, and van Elteren's p-value.

    Parameters
    ----------
    values
        The measure, without missing values.
    has
        Whether a case has the problem.
    stratum
        Kind of case; only cases of one kind are compared.
    confidence
        Level of the interval.
    people
        Whose case it is; None where each is of another customer.

    Returns
    -------
    dict
        superiority, low, high (0 to 1; 0.5 is no difference) and p_value; NaN when no stratum holds both sides.

    References
    ----------
    van Elteren (1960), Bulletin of the ISI 37, 351-361. DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44, 837-845.

    Examples
    --------
    >>> has = pd.Series([True, True, False, False])
    >>> compare_ranks(pd.Series([3.0, 2, 2, 1]), has, pd.Series([0, 0, 0, 0]))["superiority"]
    0.875
    """
    x, mine = np.asarray(values, dtype=float), np.asarray(has, dtype=bool)
    codes = pd.factorize(stratum, use_na_sentinel=False)[0]
    m, n = (np.bincount(codes, weights=side, minlength=codes.max(initial=-1) + 1)[codes] for side in (mine, ~mine))
    paired = (m > 0) & (n > 0)
    if not paired.any():
        return dict.fromkeys(("superiority", "low", "high", "p_value"), np.nan)
    x, mine, codes, m, n = (array[paired] for array in (x, mine, codes, m, n))
    data = pd.DataFrame({"x": x, "stratum": codes, "mine": mine})
    rank, own = (data.groupby(kind)["x"].rank().to_numpy() for kind in ("stratum", ["stratum", "mine"]))
    same, other = np.where(mine, m, n), np.where(mine, n, m)
    below = (rank - own) / other  # share of the other side below this case
    placement = np.where(mine, below, 1 - below)
    shares = m * n / (m + n) / same
    whole = float(shares[mine].sum())
    value = float((shares * placement)[mine].sum() / whole)
    whose = None if people is None else people.reset_index(drop=True)[paired]
    if np.isin(x, (0, 1)).all():
        low, high = _flag_interval(x, mine, shares / whole, value, confidence)
    else:
        scatter = shares * (placement - value)
        error = float(np.sqrt(max(_clustered_square(scatter, whose), (scatter**2).sum()))) / whole
        low, high = _logit_interval(value, error, len(x), confidence)
    p_value = stratified_trend(x, mine.astype(float), codes, whose)[2]
    return {"superiority": value, "low": low, "high": high, "p_value": p_value}


def stratified_trend(
    x: np.ndarray, y: np.ndarray, strata: np.ndarray, people: pd.Series | None = None
) -> tuple[float, float, float]:
    """How much y grows from the lowest to the highest rank of x within strata, its standard error and p-value.

    Mantel's correlation test with modified ridits; of a y of two values it is van Elteren's. The larger of two
    variances counts: by permutation within strata, and between customers (`people`).

    References
    ----------
    Mantel (1963), JASA 58, 690-700. Landis, Heyman & Koch (1978), International Statistical Review 46, 237-254.

    Examples
    --------
    >>> stratified_trend(np.arange(4.0), np.array([0.0, 0, 1, 1]), np.zeros(4, int))[0] > 0
    True
    """
    data = pd.DataFrame({"x": x, "y": y}).groupby(np.asarray(strata))
    ridit = data["x"].rank().to_numpy() / (data["x"].transform("size").to_numpy(float) + 1) - 0.5
    residual = y - data["y"].transform("mean").to_numpy()
    score = ridit * residual
    sums = pd.DataFrame({"x": ridit**2, "y": residual**2}).groupby(np.asarray(strata)).sum()
    left = np.maximum(data.size().to_numpy() - 1, 1)
    variance = max(float((sums["x"] * sums["y"] / left).sum()), _clustered_square(score, people))
    reach = float(sums["x"].sum())
    if variance <= 0 or reach <= 0:
        return 0.0, 0.0, 1.0
    error, total = np.sqrt(variance), float(score.sum())
    return total / reach, float(error / reach), float(2 * NormalDist().cdf(-abs(total) / error))


def _clustered_square(scores: np.ndarray, people: pd.Series | None) -> float:
    """Sum of the squares of each customer's summed scores; 0 where nobody has several."""
    clusters = None if people is None else number_clusters(people)
    return 0.0 if clusters is None else float((np.bincount(clusters, weights=scores) ** 2).sum())


def _logit_interval(value: float, error: float, n: int, confidence: float) -> tuple[float, float]:
    """Interval on the logit scale, so that it stays between 0 and 1 (pulled half a case inwards at the ends)."""
    inner = min(max(value, 0.5 / n), 1 - 0.5 / n)
    reach = z_score(confidence) * max(error, 0.5 / n) / (inner * (1 - inner))
    low, high = expit(logit(inner) + reach * np.array([-1, 1]))
    return float(min(low, value)), float(max(high, value))


def _flag_interval(
    flag: np.ndarray, mine: np.ndarray, shares: np.ndarray, value: float, confidence: float
) -> tuple[float, float]:
    """Interval of the superiority of a flag, half of a difference of shares, from Wilson's bounds of both."""
    rates = []
    for side in (mine, ~mine):
        rate, worth = min(float(shares[side] @ flag[side]), 1.0), 1 / float(shares[side] @ shares[side])
        low, high = wilson_bounds(rate, worth, confidence)
        rates.append(Estimate(rate, float(low), float(high), len(flag), "share", OBSERVED))
    gap, lowest, highest = difference_bounds(*rates)
    return max(value - (gap - lowest) / 2, 0.0), min(value + (highest - gap) / 2, 1.0)


def _own_account(mine: pd.DataFrame, k: int) -> Account | None:
    """What the company's stamps say of the cases with the problem, and what their customers have confirmed."""
    if "company_clock_h" not in mine or mine["company_clock_h"].notna().sum() < k or "ended" not in mine:
        return None
    hours = mine["company_clock_h"].dropna()
    return Account(len(hours) / len(mine), float(hours.median()), mine["ended"].eq("confirmed").mean())
