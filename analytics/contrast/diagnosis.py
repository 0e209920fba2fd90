"""The diagnosis gate: internal figures enter only to explain a problem that customers named and that is open now.

The comparison is between cases that have the problem and comparable ones that do not; it says what differs, never what
causes it. Nothing else in the package sets an internal figure beside what customers say, except the tests of
targets (``watermelon``) and of slow decline (``drift``).
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from analytics.contrast.groups import WITHIN, number_strata
from analytics.measures.discoveries import control_false_discoveries
from analytics.measures.estimate import SAID, Estimate
from analytics.measures.intervals import z_score
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
    "measure", "name", "unit", "with_problem", "without", "superiority", "low", "high", "n_with", "n_without",
    "people", "p_value", "differs", "lack",
]  # fmt: skip
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
        One row per internal measure: its typical value with and without the problem (mean of counts, median of the
        rest), `superiority` (chance that a case with the problem has the higher value than a comparable one without,
        ties shared; 0.5 is no difference) with its interval, n, `people` (customers on the smaller side), `p_value`,
        `differs` after Benjamini-Hochberg, and `lack` where it cannot be compared: 'no column', 'few' (measured for
        too few customers), 'constant' (the same in every case), else ''.
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
    k: int = 10, confidence: float = 0.95,
) -> Diagnosis:  # fmt: skip
    """Ask which internal figures differ between cases with an open, customer-named problem and comparable ones.

    Within each stratum of `by`, every case with the problem is compared with every one without: the share of
    pairs in which the former has the higher value, ties shared. Strata are weighted by m n / (m + n); the p-value is
    van Elteren's stratified rank test, the interval comes from the placements of the cases on the logit scale.
    Benjamini-Hochberg controls the measures together.

    Parameters
    ----------
    problem
        Named by customers and open now; anything else is refused.
    cases
        From `build_cases`.
    measures
        Numeric columns of the cases; None takes every internal measure, and further numeric columns of the operation.
        Times of handling, hold and waiting are taken per contact.
    by
        Columns that make cases comparable; those absent are left out, a missing value is a stratum of its own.
    k
        Fewest customers on either side, with the measure, to say anything.
    confidence
        Level of the intervals; 1 - confidence is the rate of false findings.

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
    837-845, for placements. Benjamini & Hochberg (1995), JRSS B 57, 289-300.

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
    names = list(measures) if measures is not None else _internal(cases)
    frame = pd.DataFrame([_contrast(comparable, name, k, confidence) for name in names], columns=FRAME)
    frame["differs"] = control_false_discoveries(frame["p_value"], 1 - confidence)
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


def _internal(cases: pd.DataFrame) -> list[str]:
    """The usual internal measures, then further numeric columns that a map or the operation brought."""
    numeric = cases.select_dtypes("number").dropna(axis=1, how="all").columns
    further = numeric.difference([*MEASURES, *NOT_INTERNAL], sort=False)
    return [*MEASURES, *(column for column in further if not str(column).endswith("_id"))]


def _name_further(column: str) -> tuple[str, str]:
    """Name and unit of a column that the operation brought: 'callback_late_h' is callback late, in hours."""
    unit = {"_h": "hours", "_s": "seconds"}.get(column[-2:], "")
    return (column[:-2] if unit else column).replace("_", " "), unit


def _contrast(cases: pd.DataFrame, measure: str, k: int, confidence: float) -> dict[str, object]:
    """One measure between cases with and without the problem, like with like."""
    name, unit = MEASURES.get(measure) or _name_further(measure)
    row: dict[str, Any] = {"measure": measure, "name": name, "unit": unit, "lack": "", "n_with": 0, "n_without": 0}
    if measure not in cases or cases[measure].isna().all():
        return row | {"lack": NO_COLUMN}
    values = measured_values(cases, measure)
    table = pd.DataFrame({"value": values, "has": cases["_has"], "stratum": cases["_stratum"]}).dropna()
    sides = [cases.loc[table.index[table["has"].eq(side)]] for side in (True, False)]
    row |= {"n_with": len(sides[0]), "n_without": len(sides[1]), "people": min(map(count_people, sides))}
    if row["people"] < k or table["value"].nunique() == 1:
        return row | {"lack": FEW if row["people"] < k else CONSTANT}
    typical = table.groupby("has")["value"].agg("mean" if measure in COUNTS else "median")
    row |= {"with_problem": float(typical[True]), "without": float(typical[False])}
    return row | compare_ranks(table["value"], table["has"], table["stratum"], confidence)


def measured_values(cases: pd.DataFrame, measure: str) -> pd.Series:
    """Values of an internal measure as floats; times of handling, hold and waiting per answered contact."""
    values = cases[measure].astype("Float64").astype("float64")
    if measure not in PER_CONTACT or "contacts" not in cases:
        return values
    answered = cases["contacts"] - cases["abandoned"].fillna(0) if "abandoned" in cases else cases["contacts"]
    return values / answered.clip(lower=1)


def compare_ranks(values: pd.Series, has: pd.Series, stratum: pd.Series, confidence: float = 0.95) -> dict[str, float]:
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
    ties = data.groupby(["stratum", "x"])["x"].transform("size").to_numpy(float)
    size, same, other = m + n, np.where(mine, m, n), np.where(mine, n, m)
    below = (rank - own) / other  # share of the other side below this case
    placement = np.where(mine, below, 1 - below)
    shares = m * n / size / same
    whole = float(shares[mine].sum())
    value = float((shares * placement)[mine].sum() / whole)
    error = float(np.sqrt(((shares * (placement - value)) ** 2).sum())) / whole
    low, high = _logit_interval(value, error, len(x), confidence)
    tied = 1 - np.bincount(codes, weights=(ties**2 - 1) / (size * (size**2 - 1)))[codes]
    head = np.unique(codes, return_index=True)[1]
    variance = float((m * n * (size + 1) / 12 * tied / (size + 1) ** 2)[head].sum())
    excess = float(((rank - (size + 1) / 2) / (size + 1))[mine].sum())
    p_value = 2 * NormalDist().cdf(-abs(excess) / np.sqrt(variance)) if variance > 0 else 1.0
    return {"superiority": value, "low": low, "high": high, "p_value": p_value}


def _logit_interval(value: float, error: float, n: int, confidence: float) -> tuple[float, float]:
    """Interval on the logit scale, so that it stays between 0 and 1 (pulled half a case inwards at the ends)."""
    inner = min(max(value, 0.5 / n), 1 - 0.5 / n)
    reach = z_score(confidence) * max(error, 0.5 / n) / (inner * (1 - inner))
    low, high = (1 / (1 + np.exp(-(np.log(inner / (1 - inner)) + side))) for side in (-reach, reach))
    return float(min(low, value)), float(max(high, value))


def _own_account(mine: pd.DataFrame, k: int) -> Account | None:
    """What the company's stamps say of the cases with the problem, and what their customers have confirmed."""
    if "company_clock_h" not in mine or mine["company_clock_h"].notna().sum() < k or "ended" not in mine:
        return None
    hours = mine["company_clock_h"].dropna()
    return Account(len(hours) / len(mine), float(hours.median()), mine["ended"].eq("confirmed").mean())
