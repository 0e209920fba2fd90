"""Who was asked: from eligible to invited to answered, by outcome of the case, channel, team and agent.

A survey can only speak for those it asked. What the answers are worth once asked is the subject of `response`.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from analytics.measures.discoveries import discovery_threshold
from analytics.measures.intervals import wilson_bounds
from analytics.tables.cases import SCORES, case_ids
from analytics.tables.schema import NotMeasured, Tables, require

RESOLVED, REOPENED, UNRESOLVED = "closed by us", "reopened", "not closed"
GROUPS = ("channel", "team", "agent_id")
STEPS = (("invited", "eligible"), ("answered", "invited"))  # each step, and of whom its share is taken
RARE = 0.5  # asked less than half as often as closed cases: "seldom", and page one says so
MATERIAL = 0.9  # a group is named when its share is unusual and below nine tenths of what is expected
FALSE_ALARMS = 0.05


class Asking(StrEnum):
    """How often cases of an outcome are asked, beside closed ones."""

    NEVER = "never"
    SELDOM = "seldom"
    LESS = "less often"
    ALIKE = "as often as chance allows"


@dataclass(frozen=True)
class InvitationAudit:
    """What the invitations show.

    Parameters
    ----------
    table
        One row per by (outcome, channel, team, agent_id) and group: eligible, invited, answered, and `customers`, the
        distinct people of the eligible cases; the shares invited (of eligible) and answered (of invited), each with
        low, high, the share expected among comparable cases, `p` of no departure from it, `unusual`: whether it stands
        when all groups are counted, and `fewer`: whether it is unusual and below nine tenths of what is expected.
    asking
        How often cases not closed, and cases reopened, are asked; None where the data hold no such case, and empty
        where no case has a closing stamp.
    surveys, unlinked
        Surveys in the data, and those of them that name no contact.
    answered_only
        Whether every survey was answered, so that the silent are not in the file.
    everyone
        Whether every case has a survey, so that whom nobody asks is not in the file.
    """

    table: pd.DataFrame
    asking: dict[str, Asking | None]
    surveys: int
    unlinked: int
    answered_only: bool
    everyone: bool

    @property
    def resolved_only(self) -> bool:
        """Whether unresolved cases are never asked, or less than a quarter as often as closed ones."""
        return self.asking.get(UNRESOLVED) in (Asking.NEVER, Asking.SELDOM)


def audit_invitations(
    tables: Tables, *, since: pd.Timestamp | None = None, confidence: float = 0.95, cut: float | None = None
) -> InvitationAudit:
    """Follow every case from eligible to invited to answered, and name who is not asked.

    A case is eligible once; it is invited when a survey names one of its contacts. Outcomes and channels are compared
    with all other cases (Fisher's exact test); teams and agents with what cases of the same outcome and channel get
    elsewhere (binomial test). Differences are reported as unusual when they stand among all comparisons at a
    false-discovery rate of 5 % (Benjamini-Hochberg).

    Parameters
    ----------
    tables
        Needs contacts, and surveys with `contact_id`; outcome needs `resolved_at` (and uses `reopened`), the rest
        their own column.
    since
        Cases are counted that began then or later, wherever in the data their invitation stands; None: all.
    confidence
        Level of the intervals.
    cut
        Largest p-value that stands, where more tests than these are controlled together.

    Returns
    -------
    InvitationAudit
        The table, how often each outcome is asked, and what the data cannot show.

    Raises
    ------
    NotMeasured
        If contacts or the link from surveys to contacts are not in the data.

    References
    ----------
    AAPOR (2023), Standard Definitions (eligible, invited, answered). Fisher (1935), The Design of Experiments.
    Benjamini & Hochberg (1995), JRSS B 57(1), 289-300.

    Examples
    --------
    >>> contacts = pd.DataFrame({"contact_id": ["1", "2"], "customer_id": ["a", "b"],
    ...     "started_at": pd.to_datetime(["2025-03-01", "2025-03-02"]), "resolved_at": pd.to_datetime(["2025-03-01", None])})
    >>> surveys = pd.DataFrame({"response_id": ["x"], "contact_id": ["1"], "responded_at": [pd.NaT]})
    >>> audit_invitations(Tables(contacts=contacts, surveys=surveys)).table[["group", "eligible", "invited"]]
              group  eligible  invited
    0  closed by us         1        1
    1    not closed         1        0
    """  # noqa: E501
    contacts = require(tables.contacts, ["contact_id", "started_at"], "who was asked")
    surveys = require(tables.surveys, ["contact_id"], "who was asked")
    link = case_ids(tables)["contacts"]
    if since is not None:
        began = contacts["started_at"].groupby(link).transform("min") >= since
        contacts, link = contacts[began], link[began]
    cases = _cases(contacts, surveys, link)
    parts = [_compare(cases, by, confidence) for by in ("outcome", *GROUPS) if by in cases]
    if not parts:
        raise NotMeasured("no column resolved_at, channel, team or agent_id", needed_for="who was asked")
    table = pd.concat(parts, ignore_index=True)
    if cut is None:
        cut = discovery_threshold([*table["invited_p"], *table["answered_p"]], FALSE_ALARMS)
    for step, _ in STEPS:
        table[f"{step}_unusual"] = table[f"{step}_p"] <= cut
        fewer = table[f"{step}_share"] < MATERIAL * table[f"{step}_expected"]
        table[f"{step}_fewer"] = table[f"{step}_unusual"] & fewer
    if since is not None and "invited_at" in surveys:
        surveys = surveys[surveys["invited_at"] >= since]
    asking, unlinked = _asking(table[table["by"] == "outcome"]), int(surveys["contact_id"].isna().sum())
    answered_only, everyone = bool(_replied(surveys).all()), bool(cases["invited"].all())
    return InvitationAudit(table, asking, len(surveys), unlinked, answered_only, everyone)


def _cases(contacts: pd.DataFrame, surveys: pd.DataFrame, link: pd.Series) -> pd.DataFrame:
    """One row per case: customer, outcome, channel, team and agent of its last contact, invited, answered."""
    order = pd.to_datetime(contacts["started_at"], utc=True).sort_values(kind="stable").index
    recorded = [c for c in ("customer_id", *GROUPS) if c in contacts and contacts[c].notna().any()]
    grouped = contacts.loc[order, recorded].groupby(link.loc[order], sort=False)
    cases = grouped.last() if recorded else pd.DataFrame(index=pd.Index(link.unique()))
    if "resolved_at" in contacts and contacts["resolved_at"].notna().any():
        closed = contacts["resolved_at"].notna().groupby(link).any().reindex(cases.index)
        again = contacts.get("reopened", pd.Series(0, index=contacts.index)).fillna(0).astype(float).groupby(link).max()
        cases["outcome"] = np.where(again.reindex(cases.index) > 0, REOPENED, np.where(closed, RESOLVED, UNRESOLVED))
    asked = surveys["contact_id"].map(pd.Series(link.to_numpy(), index=contacts["contact_id"].to_numpy()))
    cases["invited"] = cases.index.isin(asked.dropna())
    cases["answered"] = cases.index.isin(asked[_replied(surveys)].dropna())
    case = pd.Series(cases.index.astype(str), index=cases.index)
    return cases.assign(customer=cases["customer_id"].fillna(case) if "customer_id" in cases else case)


def _replied(surveys: pd.DataFrame) -> pd.Series:
    """Whether each survey was answered."""
    filled = ["responded_at"] if "responded_at" in surveys else surveys.columns.intersection([*SCORES, "comment"])
    return surveys[filled].notna().any(axis=1)


def _compare(cases: pd.DataFrame, by: str, confidence: float) -> pd.DataFrame:
    """Counts, shares, what comparable cases get, and p-values of the two steps, by group."""
    alike = [c for c in ("outcome", "channel") if c in cases] if by in ("team", "agent_id") else []
    recorded = cases[cases[by].notna()]
    groups = recorded.groupby(by)
    table = groups[["invited", "answered"]].sum().assign(eligible=groups.size(), customers=groups["customer"].nunique())
    for step, of in STEPS:
        pool = recorded if of == "eligible" else recorded[recorded["invited"]]
        tried, hits = table[of].to_numpy(dtype=float), table[step].to_numpy(dtype=float)
        with np.errstate(invalid="ignore"):
            table[f"{step}_share"] = hits / tried
        table[f"{step}_low"], table[f"{step}_high"] = wilson_bounds(table[f"{step}_share"], tried, confidence)
        table[f"{step}_expected"], table[f"{step}_p"] = _expected(pool, table.index, by, step, alike)
    table = table.rename_axis("group").reset_index()
    table.insert(0, "by", by)
    return table


def _expected(
    pool: pd.DataFrame, groups: pd.Index, by: str, step: str, alike: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Share expected of each group, and the two-sided p-value of its departure."""
    from scipy.stats import binom, hypergeom

    n, hits = pool.groupby(by)[step].agg(["size", "sum"]).reindex(groups, fill_value=0).to_numpy().T
    with np.errstate(invalid="ignore", divide="ignore"):
        if alike:
            usual = pool.groupby(alike, dropna=False)[step].transform("mean")
            expected = usual.groupby(pool[by]).mean().reindex(groups).to_numpy()
            law = binom(n, np.nan_to_num(expected))
        else:
            expected = (hits.sum() - hits) / (n.sum() - n)
            law = hypergeom(n.sum(), hits.sum(), n)
        p = np.minimum(1, 2 * np.minimum(law.cdf(hits), law.sf(hits - 1)))
    certain = pool[step].all() or not pool[step].any()  # nobody differs where everybody is the same
    return expected, np.where((n == 0) | (len(groups) < 2) | certain, np.nan, p)


def _asking(outcomes: pd.DataFrame) -> dict[str, Asking | None]:
    """How often cases that are not closed, or were reopened, are asked beside closed ones."""
    rows = {row["group"]: row for _, row in outcomes.iterrows()}
    if RESOLVED not in rows:
        return {}
    closed = rows[RESOLVED]["invited_share"]
    return {name: _how_often(rows[name], closed) if name in rows else None for name in (UNRESOLVED, REOPENED)}


def _how_often(row: pd.Series, closed: float) -> Asking:
    if not row["invited_unusual"] or row["invited_share"] >= MATERIAL * closed:
        return Asking.ALIKE
    if row["invited"] == 0:
        return Asking.NEVER
    return Asking.SELDOM if row["invited_high"] < RARE * closed else Asking.LESS
