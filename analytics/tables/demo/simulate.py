"""The demo operation: a broadband company whose truths are planted, so that every analysis can be checked.

`simulate` returns the tables a real operation would export and, apart from them, the `Truth` nobody has in real
life. Nothing in the tables says what is true of the silent; labels of comments live in `Truth` only.

Columns beyond the schema
-------------------------
contacts
    ``site`` (in-house, outsourced), ``agent_name``, ``updates`` (progress messages and explanations given),
    ``qa_score`` (the company's own call score, 0-100, unrelated to perception), ``promised_callback_at`` and
    ``called_back_at`` (empty: never called), ``callback_late_h`` (hours after the promised moment, negative when
    early; a callback never made counts up to the end of the data). A contact with ``reopened`` 1 brought back a case
    that the company had closed; ``team`` is the queue; channel ``callback`` is the company ringing back after an
    abandoned call.
surveys
    ``survey``: 'contact' (after a case, on its last contact) or 'relationship' (a random 5 % a month, no contact).
complaints
    ``kind`` (promise_broken, not_offered, other; as filed by the handler), ``company_account`` (what the
    operation wrote about the incident).
customers
    ``name`` (invented), ``region`` (no effect on anything), ``account_status_code`` (a leak: frozen at leaving).
"""

import copy
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analytics.tables.demo import comments as demo_comments
from analytics.tables.demo import world
from analytics.tables.demo.world import PLANTED, Calendar
from analytics.tables.schema import Tables


@dataclass(frozen=True)
class Truth:
    """What is true in the demo operation, in numbers; shares are 0 to 1, effects are CSAT points.

    Parameters
    ----------
    seed, start, until
        What was asked for: first and last local day with data.
    handle_time_change, perception_change
        Relative change of handle time from the first to the last month; change of perceived quality (none).
    effects, segment_effects, no_effect
        Effect of one unit of each cause on perceived quality; the ones that differ by segment; columns that
        relate to nothing customers feel.
    watermelon_team, reverse_watermelon_team, sla
        The queue that is green inside and red to customers, the other way round, and the targets that say so
        (column or clock in office hours, at most, share).
    invited, cherry_picking_agents, answer_happy, answer_ratio
        Chance of an invitation by the state of the case and channel; agents who seldom invite the unhappy;
        chance that a satisfied customer answers and how many times that an unsatisfied one does.
    true_satisfied, invited_satisfied, observed_satisfied
        Share with a CSAT of 4 or 5: of all cases, of all invited (had they all answered), of those who answered.
    callback_broken, callback_broken_observed
        Planted and realised share of promised callbacks made late or never.
    unmeasurable_promise
        A promise for which the operation keeps no record.
    hazard
        Monthly hazard of leaving: its base and the log hazard ratios.
    left_share, silent_leaver_share
        Share of customers who left, and share of the leavers who neither complained nor answered a survey.
    leak_columns
        Columns of customers that know the outcome.
    event_month, event_theme, quiet
        The one month in which perception really moved (None: there is none), the theme that rose in it, and
        the first and last month of each stretch in which nothing happened.
    new_problem, new_problem_shares, new_problem_from
        A problem that no theme covers, the share of unhappy texts that names it in each of the last months, and the
        first of these (None: the period is too short).
    actions
        By id what was changed: the team that it was for, the day it began, and either the theme that the share of that
        team's unhappy named for want of it until then, or the effect on CSAT.
    often, repeat_answers
        The few customers who answer again and again (share of all, cases a month, how many times as often they answer),
        and the share of answers beyond a customer's first of the month.
    loyal_price_ratio
        What a customer of a year or more pays relative to a new one.
    months
        Per month: the three satisfied shares, cases, invited, answered, mean perceived quality.
    texts
        Per month, of the comments and complaints: how many, and as a reader would count them the shares that blame each
        theme, name the new problem, thank for a deed, say that they leave, and are mail around the text.
    cases, comments, complaints, customers
        Hidden labels by case_id, response_id, complaint_id and customer_id; of texts the fields of a
        `analytics.tables.demo.comments.Piece`.
    """

    seed: int
    start: str
    until: str
    handle_time_change: float
    perception_change: float
    effects: dict[str, float]
    segment_effects: dict[str, dict[str, float]]
    no_effect: tuple[str, ...]
    watermelon_team: str
    reverse_watermelon_team: str
    sla: dict[str, dict[str, float]]
    invited: dict[str, float]
    cherry_picking_agents: tuple[str, ...]
    answer_happy: float
    answer_ratio: float
    true_satisfied: float
    invited_satisfied: float
    observed_satisfied: float
    callback_broken: float
    callback_broken_observed: float
    unmeasurable_promise: str
    hazard: dict[str, float]
    left_share: float
    silent_leaver_share: float
    leak_columns: tuple[str, ...]
    event_month: str | None
    event_theme: str
    quiet: tuple[tuple[str, str], ...]
    new_problem: str
    new_problem_shares: tuple[float, ...]
    new_problem_from: str | None
    actions: dict[str, dict[str, str | float]]
    often: dict[str, float]
    repeat_answers: float
    loyal_price_ratio: float
    months: pd.DataFrame
    texts: pd.DataFrame
    cases: pd.DataFrame
    comments: pd.DataFrame
    complaints: pd.DataFrame
    customers: pd.DataFrame


def simulate(
    seed: int = 0, months: int = 24, customers: int = 20_000, until: str = "2026-10-31"
) -> tuple[Tables, Truth]:
    """Make the demo operation's tables and the truths planted in them.

    Customers have cases; what happens in a case (reopened, transferred, promised, fixed) moves how it is perceived;
    perception moves complaining, answering and, in later months, leaving. Handle time falls and moves nothing.

    Parameters
    ----------
    seed
        Same seed and arguments, same tables.
    months
        Whole calendar months before `until`, at least 3.
    customers
        At least 200; 20,000 make about 60,000 contacts, 330,000 about a million.
    until
        Last local day with data; the last month ends with it. Stamps that would fall later are missing.

    Returns
    -------
    tuple
        (Tables, Truth); stamps are in Europe/London.

    Raises
    ------
    ValueError
        If `months` or `customers` is too small for the truths to be planted, or `until` does not end a month.

    References
    ----------
    The directions of recovery follow Knox and van Oest (2014), Journal of Marketing 78(5); sizes are invented.

    Examples
    --------
    >>> tables, truth = simulate(seed=1, months=3, customers=200)
    >>> truth.start, truth.effects["handle_time_s"]
    ('2026-08-01', 0.0)
    """
    if months < 3 or customers < 200:
        raise ValueError(f"simulate needs at least 3 months and 200 customers; got {months} and {customers}.")
    rng = np.random.default_rng(seed)
    calendar = world.make_calendar(months, until)
    people = world.draw_people(rng, customers, calendar)
    cases = world.draw_cases(rng, people, calendar)
    complaints = world.draw_complaints(rng, cases, calendar)
    panel = world.let_leave(rng, people, cases, complaints, calendar)
    complaints = complaints[cases["kept"].to_numpy()[complaints["case"]]].reset_index(drop=True)
    contacts = world.draw_contacts(rng, cases, calendar)
    surveys = world.draw_surveys(rng, people, cases, contacts, panel, calendar)
    people["name"] = demo_comments.draw_names(rng, len(people))
    texts = demo_comments.write_texts(rng, people["name"], cases, surveys, complaints)
    tables = Tables(
        _contact_table(rng, people, cases, contacts, calendar),
        _survey_table(rng, surveys, people, texts["comments"], calendar),
        _complaint_table(complaints, people, cases, texts["complaints"], calendar),
        _customer_table(rng, people, calendar),
    )
    return tables, _truth(seed, tables, people, cases, surveys, complaints, texts, calendar)


def write_demo(
    folder: Path | str, seed: int = 0, months: int = 24, customers: int = 20_000, until: str = "2026-10-31"
) -> Truth:
    """Write the four tables as Parquet and the numbers of the truth as ``truth.json`` into `folder`.

    Parameters are those of `simulate`; same seed, same bytes.

    Returns
    -------
    Truth
        The truth whose numbers were written; its frames of hidden labels stay in memory.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tables, truth = simulate(seed, months, customers, until)
    for name in ("contacts", "surveys", "complaints", "customers"):
        getattr(tables, name).to_parquet(folder / f"{name}.parquet", index=False)
    hidden = ("cases", "comments", "complaints", "customers")
    numbers = {f.name: getattr(truth, f.name) for f in fields(truth) if f.name not in hidden}
    numbers |= {name: getattr(truth, name).to_dict("records") for name in ("months", "texts")}
    (folder / "truth.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    return truth


def _contact_table(
    rng: np.random.Generator, people: pd.DataFrame, cases: pd.DataFrame, rows: pd.DataFrame, calendar: Calendar
) -> pd.DataFrame:
    """Lay out the contacts as the company records them; working time falls, its own scores rise."""
    case = {name: column.to_numpy()[rows["case"]] for name, column in cases.items()}
    n, start, step = len(rows), rows["start"].to_numpy(), rows["step"].to_numpy()
    main, abandoned, email = step == 0, rows["abandoned"].to_numpy(), rows["channel"].to_numpy() == world.EMAIL
    progress = (start - calendar.bounds[0]) / (calendar.bounds[-1] - calendar.bounds[0])
    months = len(calendar.names)  # the middles of the first and last month are months - 1 steps apart
    trend = (1 + PLANTED["handle_time_change"]) ** ((progress * months - 0.5) / (months - 1))
    base = np.array([480.0, 620.0, 540.0, 480.0])[rows["channel"]]
    handle = np.where(abandoned, np.nan, base * trend * rng.lognormal(0, 0.45, n))
    wage = np.where(case["outsourced"], 17, 24)
    agent = np.where(abandoned, len(world.AGENT_IDS), case["agent"])
    due, called = case["due"], case["called"]
    late = (np.where(np.isnan(called), calendar.bounds[-1], called) - due) / world.HOUR
    columns = {
        "contact_id": _ids("T", n),
        "customer_id": _ids("C", len(people)).take(case["person"]),
        "started_at": _stamps(start, calendar),
        "case_id": _ids("K", len(cases)).take(rows["case"].to_numpy()),
        "channel": _words(world.CHANNELS, rows["channel"]),
        "reason": _words(world.REASONS, case["reason"]),
        "team": _words(world.TEAMS.index, case["team"]),
        "agent_id": _words([*world.AGENT_IDS, None], agent),
        "first_response_at": _stamps(rows["response"], calendar),
        "resolved_at": _stamps(rows["closed"], calendar),
        "confirmed_at": _stamps(rows["confirmed"], calendar),
        "abandoned": pd.array(abandoned, dtype="boolean"),
        "handle_time_s": np.round(handle),
        "hold_time_s": np.round(np.where(email, np.nan, handle * rng.uniform(0, 0.3, n))),
        "wait_time_s": np.round(rows["wait"]),
        "transfers": np.where(main, case["transfers"], 0).astype(float),
        "reopened": (step > 0).astype(float),
        "cost": np.round(np.where(abandoned, 0.3, 1.2 + handle / world.HOUR * wage), 2),
        "site": _words(("in-house", "outsourced", None), np.where(abandoned, 2, case["outsourced"])),
        "agent_name": _words([*demo_comments.AGENT_NAMES, None], agent),
        "updates": np.where(step < 0, np.nan, np.where(main, case["updates"], 0)),
        "promised_callback_at": _stamps(np.where(main, due, np.nan), calendar),
        "called_back_at": _stamps(np.where(main, called, np.nan), calendar),
        "callback_late_h": np.round(np.where(main, late, np.nan), 2),
        "qa_score": np.where(abandoned, np.nan, np.round(np.clip(rng.normal(86 + 3 * progress, 5, n), 40, 100))),
    }
    return pd.DataFrame(columns)


def _survey_table(
    rng: np.random.Generator, surveys: pd.DataFrame, people: pd.DataFrame, comments: pd.DataFrame, calendar: Calendar
) -> pd.DataFrame:
    """Lay out the invitations as a survey tool exports them: what the silent think is not in it."""
    contact_ids = _ids("T", int(surveys["contact"].max()) + 1).append(pd.Index([None], dtype="str"))  # -1: none
    columns = {
        "response_id": _ids("R", len(surveys)),
        "customer_id": _ids("C", len(people)).take(surveys["person"].to_numpy()),
        "contact_id": contact_ids.take(surveys["contact"].to_numpy()),
        "invited_at": _stamps(surveys["invited"], calendar),
        "responded_at": _stamps(surveys["responded"].where(surveys["answered"]), calendar),
    }
    table = pd.DataFrame(columns)
    for score in ("nps", "csat", "ces"):
        table[score] = surveys[score].where(surveys["answered"] & (rng.random(len(surveys)) < 0.96))
    table["comment"] = comments["text"].reindex(table.index).astype("str")
    return table.assign(survey=_words(("contact", "relationship"), (surveys["case"] < 0).astype(int)))


def _complaint_table(
    complaints: pd.DataFrame, people: pd.DataFrame, cases: pd.DataFrame, texts: pd.DataFrame, calendar: Calendar
) -> pd.DataFrame:
    about = cases.iloc[complaints["case"]].reset_index(drop=True)
    kind = np.select([about["broken_callback"], complaints["not_offered"]], ["promise_broken", "not_offered"], "other")
    remedied = complaints["remedied"].where(complaints["remedy"] > 0)
    columns = {
        "complaint_id": _ids("M", len(complaints)),
        "received_at": _stamps(complaints["received"], calendar),
        "text": texts["text"].astype("str"),
        "customer_id": _ids("C", len(people)).take(about["person"].to_numpy()),
        "case_id": _ids("K", len(cases)).take(complaints["case"].to_numpy()),
        "category": _words(world.REASONS, about["reason"]),
        "timely": complaints["timely"].astype("boolean"),
        "remedy": _words(("none", "partial", "full"), complaints["remedy"]),
        "remedied_at": _stamps(remedied, calendar),
        "goodwill_value": complaints["goodwill"],
        "disputed": complaints["disputed"].astype("boolean"),
        "confirmed_fixed": complaints["confirmed_fixed"].astype("boolean").where(complaints["asked"]),
        "kind": pd.Series(kind, dtype="str"),
        "company_account": texts["company_account"].astype("str"),
    }
    return pd.DataFrame(columns)


def _customer_table(rng: np.random.Generator, people: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    """Lay out the customer records; the status code of those who left was changed by their leaving."""
    n, left = len(people), people["left"].to_numpy()
    gone = np.isfinite(left)
    tenure = np.minimum(left, calendar.bounds[-1]) - people["joined"].to_numpy()
    dearer = np.where(tenure > PLANTED["loyal_years"] * 365 * world.DAY, PLANTED["loyal_price_ratio"], 1)
    value = np.where(people["business"], 780, 390) * rng.lognormal(0, 0.25, n) * dearer
    code = np.where(gone & (rng.random(n) < 0.97), 3, rng.integers(0, 3, n))
    columns = {
        "customer_id": _ids("C", n),
        "segment": _words(("home", "business"), people["business"].astype(int)),
        "joined_at": _stamps(people["joined"], calendar),
        "left_at": _stamps(np.where(gone, left, np.nan), calendar),
        "value_per_year": np.round(value, 2),
        "name": people["name"].astype("str"),
        "region": _words(("North", "Midlands", "South", "Wales", "Scotland"), rng.integers(0, 5, n)),
        "account_status_code": _words(("A1", "A2", "B1", "Z9"), code),
    }
    return pd.DataFrame(columns)


def _truth(
    seed: int, tables: Tables, people: pd.DataFrame, cases: pd.DataFrame, surveys: pd.DataFrame,
    complaints: pd.DataFrame, texts: dict[str, pd.DataFrame], calendar: Calendar,
) -> Truth:  # fmt: skip
    """Write down what was planted, and what it came to."""
    happy = surveys["csat"] >= 4
    hidden = cases[cases["kept"]].assign(case_id=_ids("K", len(cases))[cases["kept"].to_numpy()])
    hidden["customer_id"] = _ids("C", len(people)).take(hidden["person"].to_numpy())
    hidden["satisfied"] = hidden["perceived"].round() >= 4
    left = np.isfinite(people["left"].to_numpy())
    spoke = np.zeros(len(people), bool)
    spoke[surveys.loc[surveys["answered"], "person"]] = True
    spoke[cases["person"].to_numpy()[complaints["case"]]] = True
    due = cases["kept"] & cases["due"].notna()
    answers = surveys[surveys["answered"]]
    written = np.append(surveys.loc[surveys["writes"], "responded"], complaints["received"])
    repeats = answers.assign(month=calendar.month(answers["responded"].to_numpy())).duplicated(["person", "month"])
    event = calendar.names[calendar.event] if calendar.event >= 0 else None
    calm = [name for name in calendar.names if name != event]
    parts = [calm] if event is None else [calm[: calendar.event], calm[calendar.event :]]
    labels = ["case_id", "customer_id", "perceived", "satisfied", "fixed", "intends", "broken_callback",
              "loyal_on_price", "system_failure", "outsourced", "reopens", "transfers", "updates"]  # fmt: skip
    customers = pd.DataFrame({"mood": people["mood"], "left": left, "silent": ~spoke})
    truths = {name: table.drop(columns=["text", "company_account"], errors="ignore") for name, table in texts.items()}
    stated = {field.name: PLANTED[field.name] for field in fields(Truth) if field.name in PLANTED}
    planted: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else copy.deepcopy(v) for k, v in stated.items()}
    return Truth(
        **planted,
        seed=seed,
        start=f"{calendar.names[0]}-01",
        until=str((pd.Timestamp(calendar.bounds[-1] - 1, unit="s", tz="UTC").tz_convert(world.ZONE)).date()),
        true_satisfied=float(hidden["satisfied"].mean()),
        invited_satisfied=float(happy.mean()),
        observed_satisfied=float(happy[surveys["answered"]].mean()),
        callback_broken_observed=float(cases.loc[due, "broken_callback"].mean()),
        left_share=float(left.mean()),
        silent_leaver_share=float((~spoke)[left].mean()),
        event_month=event,
        quiet=tuple((names[0], names[-1]) for names in parts),
        new_problem_from=calendar.names[-len(world.NEW_PROBLEM)] if event else None,
        repeat_answers=float(repeats.mean()),
        months=_months(hidden, surveys, calendar),
        texts=_texts(pd.concat(texts.values()), written, calendar),
        cases=hidden.set_index("case_id")[labels[1:]],
        comments=truths["comments"].set_index(_ids("R", len(surveys))[surveys["writes"].to_numpy()]),
        complaints=truths["complaints"].set_index(_ids("M", len(complaints))),
        customers=customers.set_index(_ids("C", len(people))),
    )


def _months(cases: pd.DataFrame, surveys: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    """Satisfied shares, counts and mean perceived quality of each month, by start of case and by invitation."""
    index = range(len(calendar.names))
    invited = calendar.month(surveys["invited"].to_numpy())
    happy, answered = surveys["csat"] >= 4, surveys["answered"]
    by_case = cases.groupby("month")
    columns = {
        "month": calendar.names,
        "true_satisfied": by_case["satisfied"].mean().reindex(index).to_numpy(),
        "invited_satisfied": happy.groupby(invited).mean().reindex(index).to_numpy(),
        "observed_satisfied": happy[answered].groupby(invited[answered]).mean().reindex(index).to_numpy(),
        "perceived": by_case["perceived"].mean().reindex(index).to_numpy(),
        "cases": by_case.size().reindex(index, fill_value=0).to_numpy(),
        "invited": np.bincount(invited, minlength=len(index)),
        "answered": np.bincount(invited[answered], minlength=len(index)),
    }
    return pd.DataFrame(columns)


def _texts(labels: pd.DataFrame, seconds: np.ndarray, calendar: Calendar) -> pd.DataFrame:
    """Number of texts of each month, and the shares of what a reader would count in them."""
    month = np.array(calendar.names)[calendar.month(seconds)]
    counted = {theme: [theme in named for named in labels["blamed"]] for theme in demo_comments.THEMES}
    counted |= {name: labels[name].tolist() for name in ("new_problem", "deed", "leaving")}
    shares = pd.DataFrame(counted).assign(thread=labels["kind"].eq("thread").to_numpy()).groupby(month)
    return shares.mean().rename_axis("month").reset_index().assign(texts=shares.size().to_numpy())


def _ids(prefix: str, n: int) -> pd.Index:
    """Number ids from 1 with one width, so that they sort as they count."""
    return pd.Index(prefix + pd.Series(np.arange(1, n + 1)).astype("str").str.zfill(7))


def _words(words: Iterable[str | None], codes: ArrayLike) -> pd.api.extensions.ExtensionArray:
    return pd.array(list(words), dtype="str").take(np.asarray(codes))


def _stamps(seconds: ArrayLike, calendar: Calendar) -> pd.Series:
    """UTC seconds as local stamps; missing stays missing, and so does what lies after the end of the data."""
    whole = np.floor(np.asarray(seconds, dtype=float))
    known = whole < calendar.bounds[-1]
    stamps = np.full(len(whole), "NaT", dtype="M8[us]")
    stamps[known] = whole[known].astype("int64").view("M8[s]")
    return pd.Series(stamps).dt.tz_localize("UTC").dt.tz_convert(world.ZONE)
