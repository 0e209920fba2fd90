"""The diagnosis gate: internal figures enter only to explain a problem that customers named and that is open now.

The comparison is between cases that have the problem and comparable ones that do not; it says what differs, never what
causes it. Nothing else in the package sets an internal figure beside what customers say, except the tests of
targets (``watermelon``) and of slow decline (``drift``).
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analytics.contrast.groups import WITHIN, number_strata
from analytics.contrast.ranks import superiority
from analytics.measures.discoveries import discovery_threshold, mark_differences
from analytics.measures.estimate import SAID, Estimate
from analytics.measures.suppress import count_people, number_people
from analytics.tables.schema import NotMeasured, plain, require

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
    frame_at
        The frame by the largest p-value that stands.
    """

    problem: Problem
    frame: pd.DataFrame
    n: int
    compared: int
    others: int
    by: tuple[str, ...]
    account: Account | None
    frame_at: Callable[[float], pd.DataFrame] = field(repr=False, compare=False)

    def at(self, cut: float) -> "Diagnosis":
        """Return the same comparison with findings, and intervals, at another largest p-value."""
        return replace(self, frame=self.frame_at(cut))


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
    cases = plain(cases).reset_index(drop=True)
    has = cases["case_id"].map(problem.has.astype("boolean"))
    heard = cases[has.notna()].assign(_has=has[has.notna()].astype(bool))
    heard["_stratum"], present = number_strata(heard, by)
    heard = number_people(heard)
    comparable = heard[heard.groupby("_stratum")["_has"].transform("nunique").eq(2)]
    people = [count_people(comparable[comparable["_has"].eq(side)]) for side in (True, False)]
    if min(people) < k:
        raise NotMeasured(
            f"fewer than {k} customers with the problem {problem.name!r}, or comparable ones without it; "
            f"at least {k} of each are needed for a diagnosis"
        )
    clusters = alike_measures(comparable, list(measures) if measures is not None else internal_measures(cases))
    flags = [(name, *flag) for name in clusters for flag in _values(comparable, name)]
    called = [(name, *_name(name, level, names or {})) for name, level, _ in flags]
    head = pd.DataFrame(called, columns=["measure", "name", "unit"])
    head["alike"] = [[_name(other, None, names or {})[0] for other in clusters[name]] for name, _, _ in flags]
    critical = problem.critical if problem.critical is not None else pd.Series(dtype="boolean")
    spoke = comparable["case_id"].map(critical.astype("boolean")).eq(True).fillna(False).astype(bool)

    others = comparable[comparable["_has"] | spoke]
    rows = [_contrast(comparable, name, values, k) for name, _, values in flags]
    apart = [_contrast(others, name, values, k) if spoke.any() else {} for name, _, values in flags]

    def frame_at(cut: float) -> pd.DataFrame:
        beside = pd.DataFrame(_spread(apart, 1 - cut), head.index).reindex(columns=[*APART]).rename(columns=APART)
        frame = pd.concat([head, pd.DataFrame(_spread(rows, 1 - cut)), beside], axis=1).reindex(columns=FRAME)
        return mark_differences(frame, cut, same=0.5)

    p_values = [row.get("p_value", np.nan) for row in [*rows, *apart]]
    frame = frame_at(discovery_threshold(p_values, 1 - confidence) if cut is None else cut)
    mine, paired, account = heard[heard["_has"]], int(comparable["_has"].sum()), _own_account(heard[heard["_has"]], k)
    return Diagnosis(problem, frame, len(mine), paired, len(comparable) - paired, tuple(present), account, frame_at)


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
    if problem.has.index.has_duplicates:
        raise ValueError(f"{name!r} is given twice for one case_id: give each case one answer.")
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


def _contrast(cases: pd.DataFrame, measure: str, values: pd.Series | None, k: int) -> dict[str, Any]:
    """One measure between cases with and without the problem, like with like; `interval` is a function of the level."""
    if values is None:
        return {"lack": NO_COLUMN, "n_with": 0, "n_without": 0}
    columns = {"value": values.reindex(cases.index), "has": cases["_has"], "stratum": cases["_stratum"]}
    table = pd.DataFrame(columns).dropna()
    whose = cases.filter(["customer_id"]).loc[table.index]
    sides = [whose[table["has"].eq(side)] for side in (True, False)]
    row: dict[str, Any] = {"n_with": len(sides[0]), "n_without": len(sides[1]), "people": min(map(count_people, sides))}
    if row["people"] < k or table["value"].nunique() == 1:
        return row | {"lack": FEW if row["people"] < k else CONSTANT}
    average = measure in COUNTS or _is_words(cases[measure])
    typical = table.groupby("has")["value"].agg("mean" if average else "median")
    row |= {"with_problem": float(typical[True]), "without": float(typical[False]), "lack": ""}
    return row | superiority(table["value"], table["has"], table["stratum"], whose.get("customer_id"))


def _spread(rows: Sequence[dict[str, Any]], confidence: float) -> list[dict[str, Any]]:
    """Rows with the intervals of one level."""
    return [
        row | dict(zip(("low", "high"), row["interval"](confidence), strict=True)) if "interval" in row else row
        for row in rows
    ]


def measured_values(cases: pd.DataFrame, measure: str) -> pd.Series:
    """Values of an internal measure as floats; times of handling, hold and waiting per answered contact."""
    values = cases[measure].astype("Float64").astype("float64")
    if measure not in PER_CONTACT or "contacts" not in cases:
        return values
    answered = cases["contacts"] - cases["abandoned"].fillna(0) if "abandoned" in cases else cases["contacts"]
    return values / answered.clip(lower=1)


def _own_account(mine: pd.DataFrame, k: int) -> Account | None:
    """What the company's stamps say of the cases with the problem, and what their customers have confirmed."""
    if "company_clock_h" not in mine or mine["company_clock_h"].notna().sum() < k or "ended" not in mine:
        return None
    hours = mine["company_clock_h"].dropna()
    return Account(len(hours) / len(mine), float(hours.median()), mine["ended"].eq("confirmed").mean())
