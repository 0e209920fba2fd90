"""Cases: contacts, surveys and complaints joined into one row per customer issue, with two clocks.

The customer's clock belongs here, and the company's beside it; how groups of cases compare belongs to
``analytics.contrast``. Every duration is taken between instants, so a weekend in which the clocks change has the hours
that really passed.
"""

from collections.abc import Sequence
from datetime import tzinfo

import numpy as np
import pandas as pd

from analytics.config import WEEKDAYS, OfficeHours
from analytics.tables.schema import FIELDS, REMEDIES, TEXT_SCORES, NotMeasured, Tables, find_rows, require

SUMS = ("transfers", "handle_time_s", "hold_time_s", "wait_time_s", "cost")  # added up over a case's contacts
SCORES = ("nps", "csat", "ces")  # the last answer of a case counts
FIRST = ("customer_id", "channel", "reason", "agent_id")  # first known value of a case
FLAGS = ("disputed", "timely")
CONTACT_STAMPS = ("started_at", "first_response_at", "resolved_at", "confirmed_at")
ABANDONED_WINDOW = pd.Timedelta(hours=72)  # an abandoned attempt belongs to what the customer tries next within it
NO_ROWS = pd.DataFrame({"case": pd.Series(dtype="int64"), "at": pd.Series(dtype="datetime64[us]")})
Zone = str | tzinfo | None
NEW_DAYS = 365  # a customer of less than a year is 'new', then 'loyal'


def build_cases(
    tables: Tables, office_hours: OfficeHours | None = None, timezone: Zone = None,
    until: str | pd.Timestamp | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Join everything known about each customer issue and run both clocks over it.

    The customer's clock runs from the first attempt (abandoned calls, wrong channels and the complaint included) to the
    moment the customer confirms that it is solved, in calendar hours: nights, weekends, transfers, reopened and pending
    time all count. A case ends only by `confirmed_at` with no attempt after it, or by a complaint's `confirmed_fixed`
    (at `remedied_at`, not before the last attempt; without that stamp the duration is missing). The company's
    "resolved" never ends a case. A case without the customer's word is 'censored': its clock runs to `until` and is a
    lower bound. The company's clock is the time between its own stamps (`started_at` to `resolved_at`, overlaps once,
    abandoned attempts left out).

    Parameters
    ----------
    tables
        Only `contact_id`, `customer_id` and `started_at` of the contacts are needed (or complaints alone).
        A column that is absent gives a column of missing values. A contact without `case_id` is its own case,
        except that an abandoned one belongs to the case the customer opens next within 72 hours.
    office_hours
        When the company's own clock runs; None is calendar time.
    timezone
        Zone of naive stamps and of the office; default the zone of the contacts' own stamps.
    until
        The moment of looking: what was stamped later is not yet known. Default the last stamp of the tables.

    Returns
    -------
    DataFrame
        One row per case, in order of `started_at`: clocks, `first_response_h` and `gap_h` (customer's clock minus the
        company's) in hours, `contacts`, `transfers`, `reopens`, sums in seconds or money, the last `nps`, `csat` and
        `ces`, the complaint's flags, the customer's segment, tenure at the start and value, and further columns of
        the tables as first known in the case. A stamp that runs backwards gives a missing duration, never 0.

    Raises
    ------
    NotMeasured
        If there are neither contacts nor complaints, or none had started by `until`.
    ValueError
        If ids that must be unique repeat, which would multiply rows.

    References
    ----------
    The customer's clock is this project's own measure (METHODS.md, "Cases and the two clocks").

    Examples
    --------
    Friday 17:00 to Monday 09:00 is 64 hours to the customer, whatever the office's hours:

    >>> call = {"contact_id": ["1"], "customer_id": ["a"], "started_at": [pd.Timestamp("2024-05-03 17:00")]}
    >>> word = {"resolved_at": [pd.Timestamp("2024-05-03 18:00")], "confirmed_at": [pd.Timestamp("2024-05-06 09:00")]}
    >>> cases = build_cases(Tables(contacts=pd.DataFrame(call | word)))
    >>> cases[["customer_clock_h", "company_clock_h", "gap_h"]].to_numpy().tolist()
    [[64.0, 1.0, 63.0]]
    """
    links, names = _number_cases(case_ids(tables))
    zone = timezone or _zone_of(tables)
    events = _events(tables, links, zone)
    surveys = _surveys(tables.surveys, links.get("surveys"), zone)
    complaints = _complaints(tables.complaints, links.get("complaints"), zone)
    now = _moment(until, zone) if until is not None else _last_stamp(events, surveys, complaints)
    events = _known_by(events[events["at"].isna() | (events["at"] <= now)], now)
    if not events["at"].notna().any():
        raise NotMeasured("no contact with a known started_at (table contacts) yet", needed_for="cases")
    surveys, complaints = surveys[~(surveys["at"] > now)], complaints[~(complaints["at"] > now)]

    grouped = events.groupby("case")
    cases = _from_contacts(grouped).join(_perceived(surveys)).join(_from_complaints(complaints, now))
    cases = add_customers(cases, tables.customers, zone)
    cases = _add_customer_clock(cases, now).join(_company_clock(events, office_hours, zone))
    cases["gap_h"] = cases["customer_clock_h"] - cases["company_clock_h"]
    if len(cases) != grouped.ngroups:
        raise ValueError(f"cases: joining gave {len(cases)} rows for {grouped.ngroups} issues; ids must be unique.")
    for stamp in ("started_at", "ended_at"):
        cases[stamp] = _localise(cases[stamp], zone)
    sources = {"contacts": events[events["contact"].eq(1)], "surveys": surveys, "complaints": complaints}
    cases = _add_extras(cases.drop(columns=["last_event", "fixed_at"]), tables, sources, now, zone)
    cases.insert(0, "case_id", names.take(cases.index.to_numpy()))
    return cases.sort_values(["started_at", "case_id"], ignore_index=True)


def case_ids(tables: Tables) -> dict[str, pd.Series]:
    """Name the case of every row of contacts, surveys and complaints, aligned with each table's index.

    Parameters
    ----------
    tables
        Contacts without `case_id` are their own case (see `build_cases`). A survey takes the case of its contact; one
        whose contact is unknown has none. A complaint without `case_id` is an issue of its own.

    Returns
    -------
    dict of Series
        Keys 'contacts', 'surveys', 'complaints' for the tables present.

    Raises
    ------
    NotMeasured
        If there are neither contacts nor complaints.
    ValueError
        If `contact_id` repeats.

    Examples
    --------
    >>> contacts = pd.DataFrame({"contact_id": ["1", "2"], "customer_id": ["a", "a"], "case_id": ["x", None],
    ...                          "started_at": pd.to_datetime(["2024-05-03", "2024-06-03"])})
    >>> case_ids(Tables(contacts=contacts))["contacts"].tolist()
    ['x', '2']
    """
    contacts, surveys, complaints = tables.contacts, tables.surveys, tables.complaints
    if contacts is None and complaints is None:
        raise NotMeasured(table="contacts", needed_for="cases")
    for table, columns in ((contacts, ["contact_id", "started_at"]), (complaints, ["complaint_id", "received_at"])):
        require(pd.DataFrame(columns=columns) if table is None else table[:0], columns, "cases")
    links = {}
    if contacts is not None:
        _check_unique(contacts, "contact_id", "contacts")
        own = contacts["contact_id"]
        links["contacts"] = contacts["case_id"].fillna(own) if "case_id" in contacts else own.copy()
        if "abandoned" in contacts:
            links["contacts"] = _join_abandoned(contacts, links["contacts"])
        if surveys is not None:
            contact = surveys["contact_id"] if "contact_id" in surveys else pd.Series(index=surveys.index, dtype=object)
            row = find_rows(contact, contacts["contact_id"])
            links["surveys"] = links["contacts"].reset_index(drop=True).reindex(row).set_axis(surveys.index)
    if complaints is not None:
        own = complaints["complaint_id"]
        if contacts is not None:  # a complaint numbered like a contact is not that contact's case
            own = "complaint " + own.astype(str)
        links["complaints"] = complaints["case_id"].fillna(own) if "case_id" in complaints else own.copy()
    return links


def _join_abandoned(contacts: pd.DataFrame, case: pd.Series) -> pd.Series:
    """Give an abandoned attempt without a case number the case of the customer's next answered contact."""
    lost = _numbers(contacts["abandoned"]).eq(1)
    if "case_id" in contacts:
        lost &= contacts["case_id"].isna()
    if not lost.any():
        return case
    customer = pd.factorize(contacts["customer_id"])[0]  # -1 where unknown: nobody's next contact
    at = _instants(contacts["started_at"], None).to_numpy()
    table = pd.DataFrame({"customer": customer, "at": at})
    table["reached"] = np.where(lost, np.nan, np.arange(len(table)))
    table = table[table["customer"].isin(customer[lost & (customer >= 0)])]
    table = table.sort_values(["customer", "at"], kind="stable")
    following = table.groupby("customer", sort=False)["reached"].bfill()
    attempt = table[following.notna() & table["reached"].isna()].index
    next_row = following[attempt].astype("int64").to_numpy()
    near = at[next_row] - at[attempt] <= ABANDONED_WINDOW.to_timedelta64()
    joined = case.copy()
    joined.iloc[attempt[near]] = case.iloc[next_row[near]].array
    return joined


def _number_cases(links: dict[str, pd.Series]) -> tuple[dict[str, pd.Series], pd.Index]:
    """Cases as whole numbers, which group and join faster than their names; -1 where a survey has none."""
    attempts_first = sorted(links, key=("contacts", "complaints", "surveys").index)  # a survey opens no case
    codes, names = pd.factorize(pd.concat([links[table] for table in attempts_first], ignore_index=True))
    numbers, start = {}, 0
    for table in attempts_first:
        link = links[table]
        numbers[table] = pd.Series(codes[start : start + len(link)], index=link.index)
        start += len(link)
    return numbers, names


def _events(tables: Tables, links: dict[str, pd.Series], zone: Zone) -> pd.DataFrame:
    """Every attempt of the customer, contacts and complaints alike, in order of time within its case."""
    parts = []
    if tables.contacts is not None:
        columns = [*FIRST, "team", *CONTACT_STAMPS, *SUMS, "reopened", "abandoned"]
        part = _typed("contacts", tables.contacts, columns, zone).rename(columns={"started_at": "at"})
        parts.append(part.assign(case=links["contacts"], contact=1, row=np.arange(len(part))))
    if tables.complaints is not None:
        complaints = tables.complaints.drop(columns="reason", errors="ignore").rename(columns={"category": "reason"})
        part = _typed("complaints", complaints, ["received_at", *FIRST, "team"], zone)
        parts.append(part.rename(columns={"received_at": "at"}).assign(case=links["complaints"], contact=0))
    events = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    wanted = ["case", "contact", "row", "at", *FIRST, "team", *CONTACT_STAMPS[1:], *SUMS, "reopened", "abandoned"]
    events = events.reindex(columns=wanted).sort_values("at", kind="stable", na_position="first", ignore_index=True)
    kinds = dict.fromkeys(CONTACT_STAMPS[1:], "datetime64[us]")
    kinds |= dict.fromkeys((*SUMS, "reopened", "abandoned"), "float64")
    kinds |= {column: "str" for column in (*FIRST, "team") if events[column].isna().all()}
    return events.astype(kinds)


def _from_contacts(grouped: "pd.api.typing.DataFrameGroupBy") -> pd.DataFrame:
    cases = pd.DataFrame({"started_at": grouped["at"].min(), "last_event": grouped["at"].max()})
    cases = cases.join(grouped[[*FIRST]].first())
    cases["team"] = grouped["team"].last()
    cases["ended_at"] = grouped["confirmed_at"].max()
    cases["first_response_h"] = _positive_hours(grouped["first_response_at"].min() - cases["started_at"])
    cases["contacts"] = grouped["contact"].sum()
    cases["channels"] = grouped["channel"].nunique()
    sums = grouped[[*SUMS, "reopened", "abandoned"]].sum(min_count=1)
    return cases.join(sums.rename(columns={"reopened": "reopens"}))


def _add_customer_clock(cases: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """End each case at the customer's word; a word that an attempt followed does not stand."""
    stands = cases["ended_at"] >= cases["last_event"]
    fixed = cases["fixed_at"].notna() & ~stands
    later = cases[["fixed_at", "last_event"]].max(axis=1)  # said fixed: not before the customer's last attempt
    cases["ended_at"] = cases["ended_at"].where(stands).mask(fixed, later).astype("datetime64[us]")
    untimed = cases["confirmed_fixed"].eq(True).fillna(False).astype(bool) & cases["ended_at"].isna()
    cases["confirmed"] = cases["ended_at"].notna() | untimed
    cases["ended"] = np.where(cases["confirmed"], "confirmed", "censored")
    cases["customer_clock_h"] = _positive_hours(cases["ended_at"].fillna(now) - cases["started_at"]).mask(untimed)
    return cases


def _company_clock(events: pd.DataFrame, office_hours: OfficeHours | None, zone: Zone) -> pd.DataFrame:
    """Hours between the company's own stamps, in its office hours and by the calendar."""
    logged = events[events["contact"].eq(1) & ~events["abandoned"].eq(1) & events["at"].notna()]
    case, begin = logged["case"], logged["at"]
    end = logged["resolved_at"].where(logged["resolved_at"] >= begin).groupby(case).bfill()
    covered = end.groupby(case).cummax().groupby(case).shift()
    begin = begin.where(~(covered > begin), covered)
    wall = _hours(end - begin).clip(lower=0)
    clocks = pd.DataFrame({"company_clock_h": wall, "company_wall_h": wall})
    if office_hours is not None:
        open_hours = _office_hours_between(begin, end.where(end > begin, begin), office_hours, zone)
        clocks["company_clock_h"] = open_hours.where(wall.notna())
    return clocks.groupby(case).sum(min_count=1)


def _office_hours_between(begin: pd.Series, end: pd.Series, office: OfficeHours, zone: Zone) -> pd.Series:
    mask = [int(day in office.days) for day in WEEKDAYS]
    opens, closes = pd.to_timedelta([str(office.opens), str(office.closes)]).to_numpy("timedelta64[s]")

    def open_until(stamps: pd.Series) -> np.ndarray:
        """Office hours since 1970, by the clock on the wall."""
        wall = stamps if zone is None else stamps.dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
        known = wall.fillna(pd.Timestamp(0)).to_numpy("datetime64[us]")
        day = known.astype("datetime64[D]")
        today = np.clip(known - day, opens, closes) - opens
        full = np.busday_count("1970-01-01", day, weekmask=mask) * ((closes - opens) / np.timedelta64(1, "h"))
        return np.asarray(full + np.is_busday(day, weekmask=mask) * (today / np.timedelta64(1, "h")))

    return pd.Series(open_until(end) - open_until(begin), index=begin.index)


def _surveys(surveys: pd.DataFrame | None, case: pd.Series | None, zone: Zone) -> pd.DataFrame:
    """Answers that belong to a case, in order of time."""
    if surveys is None or case is None:
        return NO_ROWS
    answers = _typed("surveys", surveys, ["responded_at", "invited_at", *SCORES], zone)
    stamps = [answers.pop(column) for column in ("responded_at", "invited_at") if column in answers]
    at = stamps[0].fillna(stamps[-1]) if stamps else pd.Series(pd.NaT, answers.index, dtype="datetime64[us]")
    answers = answers.assign(case=case, row=np.arange(len(case)), at=at)
    return answers[case >= 0].sort_values("at", kind="stable", na_position="first")


def _perceived(answers: pd.DataFrame) -> pd.DataFrame:
    return answers.reindex(columns=["case", *SCORES]).groupby("case")[[*SCORES]].last().astype("float64")


def _complaints(complaints: pd.DataFrame | None, case: pd.Series | None, zone: Zone) -> pd.DataFrame:
    if complaints is None or case is None:
        return NO_ROWS
    columns = ["received_at", "remedied_at", *FLAGS, "confirmed_fixed", "goodwill_value"]
    rows = _typed("complaints", complaints, columns, zone).rename(columns={"received_at": "at"})
    if "remedy" in complaints:
        rows["remedy"] = complaints["remedy"].map(REMEDIES.index, na_action="ignore")
    rows = rows.assign(case=case, row=np.arange(len(case)))
    return rows.sort_values("at", kind="stable", na_position="first")


def _from_complaints(rows: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """Sum up a case's complaints: any disputed, all timely, the best remedy, gestures added up."""
    columns = ["case", "at", "remedied_at", *FLAGS, "confirmed_fixed", "goodwill_value", "remedy"]
    rows = rows.reindex(columns=columns).astype({"remedied_at": "datetime64[us]"})
    rows.loc[rows["remedied_at"] > now, ["remedied_at", "remedy", "goodwill_value", "confirmed_fixed"]] = None
    grouped = rows.groupby("case")
    disputed, timely, best = grouped["disputed"].max(), grouped["timely"].min(), grouped["remedy"].max()
    flags = pd.DataFrame({"complaints": grouped.size(), "disputed": disputed, "timely": timely})
    flags["remedy"] = best.astype("float64").map(dict(enumerate(REMEDIES)), na_action="ignore").astype("str")
    flags["goodwill_value"] = grouped["goodwill_value"].sum(min_count=1).astype("float64")
    last = rows.drop_duplicates("case", keep="last").set_index("case")
    flags["confirmed_fixed"] = last["confirmed_fixed"]
    flags["fixed_at"] = last["remedied_at"].astype("datetime64[us]").where(last["confirmed_fixed"].eq(1))
    kinds = dict.fromkeys((*FLAGS, "confirmed_fixed"), "Float64")
    return flags.astype(kinds).astype(dict.fromkeys(kinds, "boolean"))


def add_customers(cases: pd.DataFrame, customers: pd.DataFrame | None, zone: Zone) -> pd.DataFrame:
    """Segment and value of the customer, and tenure in days when the case started."""
    known = pd.DataFrame() if customers is None else customers
    if customers is not None:
        _check_unique(known, "customer_id", "customers")
        row = find_rows(cases["customer_id"], known["customer_id"])
        known = known.reset_index(drop=True).reindex(row).set_axis(cases.index)
    for column in ("segment", "value_per_year"):
        cases[column] = known[column] if column in known else np.nan
    cases["segment"] = cases["segment"].astype("str")
    cases["tenure_days"] = np.nan
    if "joined_at" in known:
        cases["tenure_days"] = _hours(cases["started_at"] - _instants(known["joined_at"], zone)) / 24
    loyalty = pd.Series(np.where(cases["tenure_days"] < NEW_DAYS, "new", "loyal"), index=cases.index, dtype="str")
    cases["loyalty"] = loyalty.where(cases["tenure_days"] >= 0)
    return cases


def _add_extras(
    cases: pd.DataFrame, tables: Tables, sources: dict[str, pd.DataFrame], now: pd.Timestamp, zone: Zone
) -> pd.DataFrame:
    """Carry further columns (those that a map named) as first known in the case by then."""
    for name, rows in sources.items():
        table = getattr(tables, name)
        known = {*cases.columns, *TEXT_SCORES, *(field.name for field in FIELDS[name])}
        extra = [] if table is None or "row" not in rows else [c for c in table.columns if c not in known]
        if not extra:
            continue
        values = table[extra].iloc[rows["row"].to_numpy("int64")].set_axis(rows.index)
        for column in values.select_dtypes(["datetime", "datetimetz"]):
            values[column] = values[column].where(_instants(values[column], zone) <= now)
        cases = cases.join(values.groupby(rows["case"]).first())
    return cases


def _known_by(rows: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    stamps = rows.select_dtypes("datetime").columns.difference(["at"])
    return rows.assign(**{column: rows[column].where(rows[column] <= now) for column in stamps})


def _last_stamp(*frames: pd.DataFrame) -> pd.Timestamp:
    stamps = [pd.Timestamp(stamp) for frame in frames for stamp in frame.select_dtypes("datetime").max()]
    return max((stamp for stamp in stamps if not pd.isna(stamp)), default=pd.Timestamp(0))


def _check_unique(frame: pd.DataFrame, column: str, table: str) -> None:
    repeated = frame.loc[frame[column].duplicated(), column].unique()
    if len(repeated):
        raise ValueError(
            f"{table}: {len(repeated)} values of {column} repeat (such as {repeated[0]!r}), so joining would multiply "
            "rows. Keep one row for each."
        )


def _zone_of(tables: Tables) -> tzinfo | None:
    for table, column in ((tables.contacts, "started_at"), (tables.complaints, "received_at")):
        kind = None if table is None else table[column].dtype
        if isinstance(kind, pd.DatetimeTZDtype):
            return kind.tz
    return None


def _typed(table: str, frame: pd.DataFrame, columns: Sequence[str], zone: Zone) -> pd.DataFrame:
    """Those of the columns that a table has: stamps as instants, numbers and flags as floats, all else as it is."""
    kinds = {field.name: field.kind for field in FIELDS[table]}
    values = {column: frame[column] for column in columns if column in frame}
    for column in values:
        if kinds.get(column) == "time":
            values[column] = _instants(values[column], zone)
        elif kinds.get(column) in ("number", "flag"):
            values[column] = _numbers(values[column])
    return pd.DataFrame(values, index=frame.index)


def _instants(stamps: pd.Series, zone: Zone) -> pd.Series:
    """Stamps as UTC without a zone; naive ones are read in `zone`, the earlier reading where the clock repeats."""
    if not pd.api.types.is_datetime64_any_dtype(stamps):
        try:
            stamps = pd.to_datetime(stamps)
        except ValueError:  # several zones in one column
            stamps = pd.to_datetime(stamps, utc=True)
    if stamps.dt.tz is None and zone is not None:
        first = np.ones(len(stamps), dtype=bool)
        stamps = stamps.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    return (stamps if stamps.dt.tz is None else stamps.dt.tz_convert(None)).astype("datetime64[us]")


def _moment(stamp: str | pd.Timestamp, zone: Zone) -> pd.Timestamp:
    return pd.Timestamp(_instants(pd.Series([pd.Timestamp(stamp)]), zone).iloc[0])


def _localise(instants: pd.Series, zone: Zone) -> pd.Series:
    return instants if zone is None else instants.dt.tz_localize("UTC").dt.tz_convert(zone)


def _numbers(values: pd.Series) -> pd.Series:
    """Numbers or flags as float, missing as NaN."""
    known = values.infer_objects()
    return (known.astype("boolean") if known.dtype == object else known).astype("Float64").astype("float64")


def _hours(span: pd.Series) -> pd.Series:
    hours: pd.Series = span.dt.total_seconds() / 3600
    return hours


def _positive_hours(span: pd.Series) -> pd.Series:
    hours = _hours(span)
    return hours.where(hours >= 0)
