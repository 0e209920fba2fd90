"""Who was asked: from eligible to invited to answered, by outcome of the case, channel, team and agent.

A survey can only speak for those it asked. What the answers are worth once asked is the subject of `response`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.measures.intervals import wilson_bounds
from analytics.tables.cases import case_ids
from analytics.tables.schema import NotMeasured, Tables, require

RESOLVED, REOPENED, UNRESOLVED = "closed by us", "reopened", "not closed"
SELDOM = 0.25  # asked less than a quarter as often as closed cases: "seldom"
MATERIAL = 0.9  # a group is named when its share is unusual and below nine tenths of what is expected
FALSE_ALARMS = 0.05


@dataclass(frozen=True)
class InvitationAudit:
    """What the invitations show.

    Parameters
    ----------
    table
        One row per by (outcome, channel, team, agent_id) and group: eligible, invited, answered; the shares invited
        (of eligible) and answered (of invited), each with low, high, the share expected among comparable cases,
        and `unusual`: whether the difference stands when all groups are counted.
    sentences
        The findings in plain words, the most important first.
    resolved_only
        Whether unresolved cases are never asked, or seldom (less than a quarter as often as closed ones).
    """

    table: pd.DataFrame
    sentences: tuple[str, ...]
    resolved_only: bool


def audit_invitations(tables: Tables, *, confidence: float = 0.95) -> InvitationAudit:
    """Follow every case from eligible to invited to answered, and name who is not asked.

    A case is eligible once; it is invited when a survey names one of its contacts. Outcomes and channels are compared
    with all other cases (Fisher's exact test); teams and agents with what cases of the same outcome and channel get
    elsewhere (binomial test). Differences are reported as unusual when they stand among all comparisons at a
    false-discovery rate of 5 % (Benjamini-Hochberg).

    Parameters
    ----------
    tables
        Needs contacts, and surveys with `contact_id`; outcome needs `resolved_at` (and uses `reopened`), the rest
        their own column. What is missing is said in `sentences`.
    confidence
        Level of the intervals.

    Returns
    -------
    InvitationAudit
        Table, sentences, and whether only resolved cases are asked.

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
    cases = _cases(contacts, surveys, case_ids(tables)["contacts"])
    notes = _limits(cases, surveys)
    parts = [_compare(cases, by, confidence) for by in ("outcome", "channel", "team", "agent_id") if by in cases]
    if not parts:
        raise NotMeasured("no column resolved_at, channel, team or agent_id", needed_for="who was asked")
    table = pd.concat(parts, ignore_index=True)
    p = table[["invited_p", "answered_p"]].to_numpy()
    stands = _false_discoveries(p.ravel()).reshape(p.shape)
    table = table.drop(columns=["invited_p", "answered_p"])
    table["invited_unusual"], table["answered_unusual"] = stands.T
    spared, outcome = _outcome_sentence(table)
    return InvitationAudit(table, tuple([*outcome, *_group_sentences(table), *notes]), spared)


def _cases(contacts: pd.DataFrame, surveys: pd.DataFrame, link: pd.Series) -> pd.DataFrame:
    """One row per case: outcome, channel, team and agent of its last contact, invited, answered."""
    order = pd.to_datetime(contacts["started_at"], utc=True).sort_values(kind="stable").index
    known = [c for c in ("channel", "team", "agent_id") if c in contacts and contacts[c].notna().any()]
    grouped = contacts.loc[order, known].groupby(link.loc[order], sort=False)
    cases = grouped.last() if known else pd.DataFrame(index=pd.Index(link.unique()))
    if "resolved_at" in contacts and contacts["resolved_at"].notna().any():
        closed = contacts["resolved_at"].notna().groupby(link).any().reindex(cases.index)
        again = contacts.get("reopened", pd.Series(0, index=contacts.index)).fillna(0).astype(float).groupby(link).max()
        outcome = np.where(again.reindex(cases.index) > 0, REOPENED, np.where(closed, RESOLVED, UNRESOLVED))
        cases.insert(0, "outcome", outcome)
    case_of = pd.Series(link.to_numpy(), index=contacts["contact_id"].to_numpy())
    asked = surveys["contact_id"].map(case_of)
    replied = surveys[_reply_columns(surveys)].notna().any(axis=1)
    cases["invited"] = cases.index.isin(asked.dropna())
    cases["answered"] = cases.index.isin(asked[replied].dropna())
    return cases


def _reply_columns(surveys: pd.DataFrame) -> list[str]:
    """Columns that are filled by an answer."""
    if "responded_at" in surveys:
        return ["responded_at"]
    return [c for c in ("nps", "csat", "ces", "comment") if c in surveys]


def _limits(cases: pd.DataFrame, surveys: pd.DataFrame) -> list[str]:
    """What the data cannot show."""
    notes = []
    unlinked = int(surveys["contact_id"].isna().sum())
    if unlinked:
        notes.append(f"{unlinked:,} of {len(surveys):,} surveys name no contact and are left out here.")
    if surveys[_reply_columns(surveys)].notna().any(axis=1).all():
        notes.append("The file holds answered surveys only: who was asked and stayed silent is not known.")
    if cases["invited"].all():
        notes.append("Every contact in the data has a survey: whom nobody asks cannot be seen from this export.")
    return notes


def _compare(cases: pd.DataFrame, by: str, confidence: float) -> pd.DataFrame:
    """Counts, shares, what comparable cases get, and p-values of the two steps, by group."""
    alike = [c for c in ("outcome", "channel") if c in cases] if by in ("team", "agent_id") else []
    known = cases[cases[by].notna()]
    table = pd.DataFrame(
        {"eligible": known.groupby(by).size(), **known.groupby(by)[["invited", "answered"]].sum().to_dict("series")}
    )
    for step, of in (("invited", "eligible"), ("answered", "invited")):
        pool = known if of == "eligible" else known[known["invited"]]
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

    n = pool.groupby(by).size().reindex(groups, fill_value=0).to_numpy()
    hits = pool.groupby(by)[step].sum().reindex(groups, fill_value=0).to_numpy()
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


def _false_discoveries(p: np.ndarray) -> np.ndarray:
    """Benjamini-Hochberg among the comparisons that could be made."""
    from scipy.stats import false_discovery_control

    stands, made = np.zeros(len(p), dtype=bool), np.isfinite(p)
    if made.any():
        stands[made] = false_discovery_control(p[made]) <= FALSE_ALARMS
    return stands


def _outcome_sentence(table: pd.DataFrame) -> tuple[bool, list[str]]:
    """Whether the unresolved are asked at all."""
    rows = table[table["by"] == "outcome"].set_index("group")
    if RESOLVED not in rows.index:
        return False, ["Whether unresolved cases are asked is not known: no case in the data has a closing stamp."]
    closed, said, spared = rows.loc[RESOLVED], [], False
    for outcome in (UNRESOLVED, REOPENED):
        if outcome not in rows.index:
            said.append(f"No case in the data is {outcome}: whether such cases would be asked cannot be seen.")
            continue
        row = pd.Series(rows.loc[outcome])
        share = f"{row['invited']:,} of {row['eligible']:,}, {_percent(row, 'invited')}"
        against = f"closed cases {closed['invited_share']:.0%}"
        rarely = row["invited_high"] < SELDOM * closed["invited_share"] or row["invited"] == 0
        if row["invited_unusual"] and row["invited_share"] < closed["invited_share"]:
            spared |= bool(rarely) and outcome == UNRESOLVED
            how = "are never asked" if row["invited"] == 0 else "are seldom asked" if rarely else "are asked less often"
            said.append(f"Cases {outcome} {how}: {share}, {against}. The score cannot speak for them.")
        else:
            said.append(f"Cases {outcome} were asked as often as chance allows: {share}, {against}.")
    return spared, said


def _group_sentences(table: pd.DataFrame) -> list[str]:
    """Channels, teams and agents that ask, or hear, fewer than comparable cases elsewhere."""
    said = []
    for by, noun in (("channel", "channels"), ("team", "teams"), ("agent_id", "agents")):
        rows = table[table["by"] == by]
        for step, verb in (("invited", "ask fewer customers"), ("answered", "hear from fewer of those asked")):
            low = rows[rows[f"{step}_unusual"] & (rows[f"{step}_share"] < MATERIAL * rows[f"{step}_expected"])]
            if low.empty:
                continue
            worst = low.assign(gap=low[f"{step}_share"] / low[f"{step}_expected"]).sort_values("gap").iloc[:3]
            named = "; ".join(
                f"{row['group']} {_percent(row, step)}, expected {row[f'{step}_expected']:.0%}"
                for _, row in worst.iterrows()
            )
            alike = "cases alike get elsewhere" if by != "channel" else "other channels do"
            said.append(f"{len(low)} of {len(rows)} {noun} {verb} than {alike}: {named}.")
            if by == "agent_id" and step == "invited":
                said.append(
                    "Agents who ask fewer may be choosing whom to ask; invitations sent by the system would settle it."
                )
    return said


def _percent(row: pd.Series, step: str) -> str:
    low, high = (f"{100 * row[f'{step}_{end}']:.0f}" for end in ("low", "high"))
    return f"{row[f'{step}_share']:.0%} ({low}–{high})"
