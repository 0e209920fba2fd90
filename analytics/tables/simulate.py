"""The demo operation: a broadband company whose truths are planted, so that every analysis can be checked.

`simulate` returns the tables a real operation would export and, apart from them, the `Truth` nobody has in real
life. Nothing in the tables says what is true of the silent; labels of comments live in `Truth` only.

Columns beyond the schema
-------------------------
contacts
    ``site`` (in-house, outsourced), ``agent_name``, ``updates`` (progress messages and explanations given),
    ``qa_score`` (the company's own call score, 0-100, unrelated to perception), ``promised_callback_at`` and
    ``called_back_at`` (empty: never called). A contact with ``reopened`` 1 brought back a case that the company
    had closed; ``team`` is the queue; channel ``callback`` is the company ringing back after an abandoned call.
surveys
    ``survey``: 'contact' (after a case, on its last contact) or 'relationship' (a random 5 % a month, no contact).
complaints
    ``kind`` (promise_broken, not_offered, other; as filed by the handler), ``company_account`` (what the
    operation wrote about the incident).
customers
    ``name`` (invented), ``region`` (no effect on anything), ``account_status_code`` (a leak: frozen at leaving).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analytics.tables import demo_comments
from analytics.tables.schema import Tables

ZONE = "Europe/London"
BRANDS = ("Northwind",)
HOUR, DAY = 3600.0, 86400.0

REASONS = {  # reason: (team that is its queue, share of cases)
    "no connection": ("Faults", 0.20),
    "slow speed": ("Faults", 0.16),
    "bill query": ("Billing", 0.22),
    "new installation": ("Orders", 0.10),
    "moving home": ("Orders", 0.08),
    "contract renewal": ("Accounts", 0.14),
    "router": ("Equipment", 0.10),
}
TEAMS = pd.DataFrame(
    {  # share not fixed at first, share with 1 and 2+ transfers, median wait (s), median hours to close
        "unfixed": [0.14, 0.50, 0.14, 0.14, 0.03],
        "one": [0.18, 0.18, 0.18, 0.18, 0.05],
        "two": [0.07, 0.07, 0.07, 0.07, 0.01],
        "wait": [60.0, 30.0, 60.0, 60.0, 180.0],
        "close": [4.0, 1.5, 5.0, 3.0, 72.0],
    },
    index=["Faults", "Billing", "Orders", "Accounts", "Equipment"],
)
CHANNELS = ("phone", "chat", "email", "callback")
AGENTS_PER_TEAM, IN_HOUSE_PER_TEAM = 12, 7
CHERRY_PICKERS = ("A004", "A017", "A041")
_AGENTS = pd.DataFrame({"agent_name": demo_comments.AGENT_NAMES}).assign(
    agent_id=[f"A{number:03d}" for number in range(1, len(demo_comments.AGENT_NAMES) + 1)]
)

# Effects on perceived quality in CSAT points, before rounding to 1-5 (a case's `perceived`).
EFFECTS = {
    "reopens": -0.9,
    "transfers": -0.5,
    "not_fixed": -1.0,
    "broken_callback": -1.0,
    "outsourced": -0.25,
    "loyal_on_price": -0.6,  # a year or more with us, about a bill or a renewal
    "system_failure": -1.1,  # cases hit by the failure of the event month
    "equipment_care": 0.35,  # slow by the clock, careful with people
    "handle_time_s": 0.0,
    "qa_score": 0.0,
    "region": 0.0,
}
SEGMENT_EFFECTS = {  # per minute of waiting (up to five) and per update given
    "home": {"wait_min": 0.0, "updates": 0.25},
    "business": {"wait_min": -0.25, "updates": -0.25},
}
HAZARD = {  # monthly: base, then log hazard ratios
    "base": 0.0062,
    "felt": 0.42,  # per CSAT point below 4, all cases summed, fading by a quarter each month
    "not_fixed": 0.6,  # a case never fixed in the last four months
    "intends": 1.3,  # made up their mind in the last three months
    "gesture_without_fix": 0.9,  # complaint in the last four months: money, problem not fixed
    "handle_time_s": 0.0,
}
INVITED = {"closed phone": 0.88, "closed other": 0.40, "open phone": 0.10, "open other": 0.05}
RELATIONSHIP_SHARE, ANSWER_HAPPY, ANSWER_RATIO = 0.05, 0.37, 0.4
CALLBACK_PROMISED, CALLBACK_BROKEN = 0.16, 0.30
HANDLE_TIME_CHANGE, LOYAL_PRICE_RATIO, LOYAL_YEARS = -0.15, 1.18, 1


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
        (column or clock, at most, share).
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
    loyal_price_ratio
        What a customer of a year or more pays relative to a new one.
    months
        Per month: the three satisfied shares, cases, invited, answered, mean perceived quality.
    cases, comments, complaints, customers
        Hidden labels by case_id, response_id, complaint_id and customer_id.
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
    loyal_price_ratio: float
    months: pd.DataFrame
    cases: pd.DataFrame
    comments: pd.DataFrame
    complaints: pd.DataFrame
    customers: pd.DataFrame


@dataclass(frozen=True)
class _Calendar:
    """Months of the simulation as UTC seconds; local midnights, so daylight saving is kept."""

    bounds: np.ndarray  # months + 1 local month starts
    names: tuple[str, ...]
    event: int  # index of the event month, -1 when the period is too short to have one

    def month(self, seconds: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.bounds, seconds, side="right") - 1


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

    Examples
    --------
    >>> tables, truth = simulate(seed=1, months=3, customers=200)
    >>> truth.start, truth.effects["handle_time_s"]
    ('2026-08-01', 0.0)
    """
    if months < 3 or customers < 200:
        raise ValueError(f"simulate needs at least 3 months and 200 customers; got {months} and {customers}.")
    rng = np.random.default_rng(seed)
    calendar = _calendar(months, until)
    people = _people(rng, customers, calendar)
    cases = _cases(rng, people, calendar)
    complaints = _complaints(rng, cases, calendar)
    panel = _leave(rng, people, cases, complaints, calendar)
    cases["kept"] = cases["t0"].to_numpy() < people["left"].to_numpy()[cases["person"]]
    complaints = complaints[cases["kept"].to_numpy()[complaints["case"]]].reset_index(drop=True)
    contacts, last = _contacts(rng, people, cases, calendar)
    surveys = _surveys(rng, cases, panel, contacts, last, calendar)
    people["name"] = demo_comments.draw_names(rng, len(people))
    texts = demo_comments.write_texts(rng, people["name"], cases, surveys, complaints)
    tables = Tables(
        contacts=contacts,
        surveys=_survey_table(rng, surveys, people, texts["comments"], calendar),
        complaints=_complaint_table(complaints, people, cases, texts["complaints"], calendar),
        customers=_customer_table(rng, people, calendar),
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
    numbers["months"] = truth.months.to_dict("records")
    (folder / "truth.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    return truth


def _calendar(months: int, until: str) -> _Calendar:
    end = pd.Timestamp(until) + pd.Timedelta(days=1)
    if end.day != 1:
        raise ValueError(f"until is {until!r}: it has to be the last day of a month, such as '2026-10-31'.")
    starts = pd.date_range(end=end, periods=months + 1, freq="MS").tz_localize(ZONE)
    bounds = starts.as_unit("s").asi8.astype(float)
    return _Calendar(bounds, tuple(starts[:-1].strftime("%Y-%m")), months - 7 if months >= 12 else -1)


def _people(rng: np.random.Generator, n: int, calendar: _Calendar) -> pd.DataFrame:
    """Draw customers: four in five were there at the start, the others join evenly over the period."""
    old = rng.random(n) < 0.8
    tenure = np.minimum(rng.exponential(4 * 365 * DAY, n), 12 * 365 * DAY)
    joined = np.where(old, calendar.bounds[0] - tenure, rng.uniform(calendar.bounds[0], calendar.bounds[-1] - DAY, n))
    return pd.DataFrame(
        {
            "joined": joined,
            "business": rng.random(n) < 0.25,
            "mood": rng.normal(0, 0.25, n),  # how kindly this customer judges anything
            "rate": rng.gamma(1.2, 0.145 / 1.2, n),  # cases a month
        }
    )


def _cases(rng: np.random.Generator, people: pd.DataFrame, calendar: _Calendar) -> pd.DataFrame:
    """Draw every case a customer would have, what happens in it, and how it is perceived."""
    since = np.maximum(people["joined"].to_numpy(), calendar.bounds[0])
    counts = rng.poisson(people["rate"] * (calendar.bounds[-1] - since) / (30.4 * DAY))
    person = np.repeat(np.arange(len(people)), counts)
    t0 = np.floor(rng.uniform(since[person], calendar.bounds[-1]) / DAY) * DAY
    weekend = (t0 // DAY + 3) % 7 >= 5  # 1970-01-01 was a Thursday
    keep = ~(weekend & (rng.random(len(person)) < 0.45)) & (t0 >= since[person])
    person, t0 = person[keep], t0[keep]
    n = len(person)
    reason = rng.choice(len(REASONS), n, p=[share for _, share in REASONS.values()])
    team = TEAMS.index.get_indexer([team for team, _ in REASONS.values()])[reason]
    channel = rng.choice(3, n, p=[0.60, 0.23, 0.17])
    t0 = _local(t0 + _time_of_day(rng, channel))
    cases = pd.DataFrame({"person": person, "t0": t0, "reason": reason, "team": team, "channel": channel})
    cases = cases[(t0 < calendar.bounds[-1]) & (t0 > people["joined"].to_numpy()[person])]
    cases = cases.sort_values("t0", ignore_index=True)
    _handle(rng, cases, calendar)
    _perceive(rng, cases, people, calendar)
    return cases


def _time_of_day(rng: np.random.Generator, channel: np.ndarray) -> np.ndarray:
    """Draw seconds after midnight: calls from 8 to 21, messages at any hour."""
    day = (8 + 13 * rng.beta(1.6, 2.0, len(channel))) * HOUR
    return np.where((channel > 0) & (rng.random(len(channel)) < 0.25), rng.uniform(0, DAY - 1, len(channel)), day)


def _local(wall: np.ndarray) -> np.ndarray:
    """Turn local wall seconds into UTC seconds."""
    stamps = pd.DatetimeIndex(wall.astype("int64").view("M8[s]"))
    zoned = stamps.tz_localize(ZONE, ambiguous=np.zeros(len(stamps), bool), nonexistent="shift_forward")
    return zoned.as_unit("s").asi8.astype(float)


def _handle(rng: np.random.Generator, cases: pd.DataFrame, calendar: _Calendar) -> None:
    """Add what the operation does: attempts, waiting, closing, reopening, promises."""
    n, team, t0 = len(cases), cases["team"].to_numpy(), cases["t0"].to_numpy()
    traits = TEAMS.iloc[team].reset_index(drop=True)
    phone = cases["channel"].to_numpy() == 0
    cases["abandoned"] = phone & (rng.random(n) < 0.12)
    cases["rung_back"] = cases["abandoned"] & (rng.random(n) < 0.4)
    cases["switched"] = ~phone & (rng.random(n) < 0.15)
    lag = np.where(cases["abandoned"], rng.exponential(5 * HOUR, n) + 300, 0.0)
    lag += np.where(cases["switched"], rng.exponential(20 * HOUR, n) + 900, 0.0)
    cases["main"] = np.minimum(t0 + lag, calendar.bounds[-1] - 1)
    for attempt in ("attempt", "0", "1", "2", "3"):
        cases[f"wait_{attempt}"] = traits["wait"] * rng.lognormal(0, 0.7, n)
    cases["agent"] = team * AGENTS_PER_TEAM + rng.integers(0, AGENTS_PER_TEAM, n)
    cases["outsourced"] = cases["agent"] % AGENTS_PER_TEAM >= IN_HOUSE_PER_TEAM
    draw = rng.random(n)
    cases["careful"] = team == TEAMS.index.get_loc("Equipment")
    cases["transfers"] = (draw < traits["one"] + traits["two"]).astype(int) + (draw < traits["two"])
    cases["updates"] = np.minimum(rng.poisson(1.5, n), 5)
    # One attempt after another: not fixed, the customer comes back or gives up.
    cases["closed0"] = cases["main"] + traits["close"] * HOUR * rng.lognormal(0, 0.6, n)
    broken = rng.random(n) < traits["unfixed"]
    reopens = np.zeros(n, int)
    for k in (1, 2, 3):
        start = cases[f"closed{k - 1}"] + 40 * HOUR * rng.lognormal(0, 0.8, n)
        back = broken & (reopens == k - 1) & (rng.random(n) < 0.75) & (start < calendar.bounds[-1])
        reopens += back
        cases[f"start{k}"] = start
        cases[f"closed{k}"] = start + traits["close"] * HOUR * rng.lognormal(0, 0.6, n)
        broken &= ~(back & (rng.random(n) < 0.65))
    cases["reopens"], cases["fixed"] = reopens, ~broken
    quick = traits["close"].to_numpy() < 2  # the team that closes whatever happens
    cases["closed"] = rng.random(n) < np.where(cases["fixed"], 0.97, np.where(quick, 0.9, 0.4))
    due = cases["main"] + rng.uniform(20, 48, n) * HOUR
    promised = (phone | cases["switched"]) & (rng.random(n) < CALLBACK_PROMISED) & (due < calendar.bounds[-1])
    cases["due"] = due.where(promised)
    cases["broken_callback"] = promised & (rng.random(n) < CALLBACK_BROKEN)
    called = due + np.where(cases["broken_callback"], rng.uniform(3, 72, n), -rng.uniform(0, 6, n)) * HOUR
    never = cases["broken_callback"] & (rng.random(n) < 0.5)
    cases["called"] = called.where(promised & ~never & (called < calendar.bounds[-1]))


def _perceive(rng: np.random.Generator, cases: pd.DataFrame, people: pd.DataFrame, calendar: _Calendar) -> None:
    """Add how the customer perceives the case (CSAT points, unrounded) and whether they decide to leave."""
    n, person = len(cases), cases["person"].to_numpy()
    business = people["business"].to_numpy()[person]
    tenure = cases["t0"].to_numpy() - people["joined"].to_numpy()[person]
    names = np.array(list(REASONS))[cases["reason"]]
    cases["month"] = calendar.month(cases["t0"].to_numpy())
    cases["loyal_on_price"] = (tenure > LOYAL_YEARS * 365 * DAY) & np.isin(names, ["bill query", "contract renewal"])
    cases["system_failure"] = (cases["month"] == calendar.event) & (rng.random(n) < 0.5)
    waits = cases["wait_attempt"] * (cases["abandoned"] | cases["switched"]) + cases["wait_0"]
    waits += sum(cases[f"wait_{k}"] * (cases["reopens"] >= k) for k in (1, 2, 3))
    waited = np.where(cases["channel"] == 2, 0.0, np.minimum(waits / 60, 5))
    by_segment = pd.DataFrame(SEGMENT_EFFECTS).T.loc[np.where(business, "business", "home")]
    perceived = 4.35 + people["mood"].to_numpy()[person] + rng.normal(0, 0.7, n) + 0.3 * business
    for cause in ("reopens", "transfers", "broken_callback", "outsourced", "loyal_on_price", "system_failure"):
        perceived += EFFECTS[cause] * cases[cause].to_numpy()
    perceived += EFFECTS["not_fixed"] * ~cases["fixed"].to_numpy()
    perceived += EFFECTS["equipment_care"] * cases["careful"].to_numpy()
    perceived += by_segment["wait_min"].to_numpy() * waited
    perceived += by_segment["updates"].to_numpy() * (cases["updates"].to_numpy() - 1.5)
    cases["perceived"] = perceived
    chance = np.select([perceived < 2.0, perceived < 3.0, perceived < 3.5], [0.22, 0.10, 0.03], 0.004)
    cases["intends"] = rng.random(n) < chance


def _complaints(rng: np.random.Generator, cases: pd.DataFrame, calendar: _Calendar) -> pd.DataFrame:
    """Draw complaints, what was done about them, and the gesture, which is drawn apart from the remedy."""
    perceived = cases["perceived"].to_numpy()
    chance = np.select([perceived < 2, perceived < 3, perceived < 4], [0.30, 0.14, 0.02], 0.003)
    case = np.flatnonzero(rng.random(len(cases)) < chance)
    n = len(case)
    received = cases["main"].to_numpy()[case] + rng.exponential(5 * DAY, n) + 6 * HOUR
    remedy = rng.choice(3, n, p=[0.44, 0.18, 0.38])  # none, partial, full
    frame = pd.DataFrame({"case": case, "received": received, "remedy": remedy})
    frame["goodwill"] = np.where(rng.random(n) < 0.5, rng.choice([10.0, 15.0, 20.0, 25.0, 50.0], n), 0.0)
    frame["remedied"] = received + rng.exponential(9 * DAY, n) + DAY
    frame["timely"] = rng.random(n) < 0.92
    frame["disputed"] = rng.random(n) < np.array([0.36, 0.20, 0.08])[remedy]
    frame["asked"] = rng.random(n) < 0.55
    frame["confirmed_fixed"] = rng.random(n) < np.array([0.05, 0.40, 0.92])[remedy]
    frame["not_offered"] = ~cases["broken_callback"].to_numpy()[case] & (rng.random(n) < 0.12)
    return frame[received < calendar.bounds[-1]].sort_values("received", ignore_index=True)


def _leave(
    rng: np.random.Generator, people: pd.DataFrame, cases: pd.DataFrame, complaints: pd.DataFrame, calendar: _Calendar
) -> pd.DataFrame:
    """Let customers leave month by month (adds ``left`` to `people`); returns the relationship invitations."""
    n = len(people)
    person, month = cases["person"].to_numpy(), cases["month"].to_numpy()
    felt = np.maximum(4 - cases["perceived"].to_numpy(), 0)
    gesture = complaints[~complaints["confirmed_fixed"] & (complaints["goodwill"] > 0)]
    gesture_person, gesture_month = person[gesture["case"]], calendar.month(gesture["received"].to_numpy())
    left, load = np.full(n, np.inf), np.zeros(n)
    last = {cause: np.full(n, -99) for cause in ("not_fixed", "intends", "gesture_without_fix")}
    memory = {"not_fixed": 4, "intends": 3, "gesture_without_fix": 4}
    joined, mood, panel = people["joined"].to_numpy(), people["mood"].to_numpy(), []
    for m in range(len(calendar.names)):
        begin, end = calendar.bounds[m], calendar.bounds[m + 1]
        active = (joined < begin) & np.isinf(left)
        log_ratio = HAZARD["felt"] * load
        for cause, months in memory.items():
            log_ratio += HAZARD[cause] * (m - last[cause] <= months)
        leaves = active & (rng.random(n) < np.minimum(HAZARD["base"] * np.exp(log_ratio), 0.6))
        left[leaves] = rng.uniform(begin, end, int(leaves.sum()))
        asked = np.flatnonzero(active & (rng.random(n) < RELATIONSHIP_SHARE))
        perceived = 4.15 + mood[asked] - 0.4 * load[asked] + rng.normal(0, 0.7, len(asked))
        at = rng.uniform(begin, end, len(asked))
        panel.append(pd.DataFrame({"person": asked, "invited": at, "perceived": perceived})[at < left[asked]])
        now = month == m
        load = 0.75 * load + np.bincount(person[now], felt[now], n)
        last["not_fixed"][person[now & ~cases["fixed"].to_numpy()]] = m
        last["intends"][person[now & cases["intends"].to_numpy()]] = m
        last["gesture_without_fix"][gesture_person[gesture_month == m]] = m
    people["left"] = left
    return pd.concat(panel, ignore_index=True)


def _contacts(
    rng: np.random.Generator, people: pd.DataFrame, cases: pd.DataFrame, calendar: _Calendar
) -> tuple[pd.DataFrame, np.ndarray]:
    """Lay out the contacts of every case; returns the table and the case whose last contact each row is, or -1."""
    rows = _contact_rows(cases)
    case = {name: column.to_numpy()[rows["case"]] for name, column in cases.items()}
    n, start, step = len(rows), rows["start"].to_numpy(), rows["step"].to_numpy()
    main, attempt = step == 0, step < 0
    abandoned, final = attempt & case["abandoned"], step == case["reopens"]
    email = rows["channel"].to_numpy() == 2
    wait = np.select([step == k for k in range(-1, 4)], [case[f"wait_{k}"] for k in ("attempt", "0", "1", "2", "3")])
    response = start + np.where(email, rng.lognormal(np.log(2 * HOUR), 0.7, n), wait)
    closed = rows["closed"].where(~final | case["closed"]).to_numpy()
    closed = np.where(closed < response + 60, response + rng.uniform(60, 3600, n), closed)
    confirmed = final & case["fixed"] & ~np.isnan(closed) & (rng.random(n) < 0.45)
    progress = (start - calendar.bounds[0]) / (calendar.bounds[-1] - calendar.bounds[0])
    months = len(calendar.names)  # month means run from progress 0.5 / months to 1 - 0.5 / months
    trend = (1 + HANDLE_TIME_CHANGE) ** ((progress * months - 0.5) / (months - 1))
    base = np.array([480.0, 620.0, 540.0, 480.0])[rows["channel"]]
    handle = np.where(abandoned, np.nan, base * trend * rng.lognormal(0, 0.45, n))
    agent = np.where(abandoned, len(_AGENTS), case["agent"])
    agents = pd.concat([_AGENTS, pd.DataFrame({"agent_id": [None], "agent_name": [None]})])
    table = pd.DataFrame(
        {
            "contact_id": _ids("T", n),
            "customer_id": _ids("C", len(people)).take(case["person"]),
            "started_at": _stamps(start, calendar),
            "case_id": _ids("K", len(cases)).take(rows["case"]),
            "channel": _words(CHANNELS, rows["channel"]),
            "reason": _words(REASONS, case["reason"]),
            "team": _words(TEAMS.index, case["team"]),
            "agent_id": _words(agents["agent_id"], agent),
            "first_response_at": _stamps(np.where(abandoned, np.nan, response), calendar),
            "resolved_at": _stamps(closed, calendar),
            "confirmed_at": _stamps(
                np.where(confirmed, closed + rng.exponential(20 * HOUR, n) + 120, np.nan), calendar
            ),
            "abandoned": pd.array(abandoned, dtype="boolean"),
            "handle_time_s": np.round(handle),
            "hold_time_s": np.round(np.where(email, np.nan, handle * rng.uniform(0, 0.3, n))),
            "wait_time_s": np.round(np.where(email, np.nan, wait)),
            "transfers": np.where(main, case["transfers"], 0).astype(float),
            "reopened": (step > 0).astype(float),
            "cost": np.round(np.where(abandoned, 0.3, 1.2 + handle / HOUR * np.where(case["outsourced"], 17, 24)), 2),
            "site": _words(("in-house", "outsourced", None), np.where(abandoned, 2, case["outsourced"])),
            "agent_name": _words(agents["agent_name"], agent),
            "updates": np.where(attempt, np.nan, np.where(main, case["updates"], 0)),
            "promised_callback_at": _stamps(np.where(main, case["due"], np.nan), calendar),
            "called_back_at": _stamps(np.where(main, case["called"], np.nan), calendar),
            "qa_score": np.where(abandoned, np.nan, np.round(np.clip(rng.normal(86 + 3 * progress, 5, n), 40, 100))),
        }
    )
    return table, np.where(final, rows["case"], -1)


def _contact_rows(cases: pd.DataFrame) -> pd.DataFrame:
    """One row per contact: its case, step (-1 a first attempt, 0 the main one, then reopens), start and closing."""
    kept, channel = cases["kept"], cases["channel"]
    later = channel.mask(cases["switched"], 0).mask(cases["rung_back"], 3)
    parts = [(-1, cases["abandoned"] | cases["switched"], cases["t0"], channel, np.nan)]
    parts += [(0, kept, cases["main"], later, cases["closed0"])]
    parts += [(k, cases["reopens"] >= k, cases[f"start{k}"], later, cases[f"closed{k}"]) for k in (1, 2, 3)]
    rows = [
        pd.DataFrame({"case": cases.index, "step": step, "start": start, "channel": via, "closed": closed})[kept & mask]
        for step, mask, start, via, closed in parts
    ]
    return pd.concat(rows).sort_values(["start", "case"], ignore_index=True)


def _surveys(
    rng: np.random.Generator, cases: pd.DataFrame, panel: pd.DataFrame, contacts: pd.DataFrame, last: np.ndarray,
    calendar: _Calendar,
) -> pd.DataFrame:  # fmt: skip
    """Draw who is invited and who answers; what the silent would have said stays in this hidden frame."""
    contact, case = contacts[last >= 0], last[last >= 0]
    closed, phone = contact["resolved_at"].notna().to_numpy(), (contact["channel"] == "phone").to_numpy()
    state = np.select([closed & phone, closed, phone], [0, 1, 2], 3)
    perceived = cases["perceived"].to_numpy()[case]
    picky = contact["agent_id"].isin(CHERRY_PICKERS).to_numpy() & (perceived < 3.5)
    invited = rng.random(len(case)) < np.array(list(INVITED.values()))[state] * np.where(picky, 0.3, 1)
    ended = contact["resolved_at"].fillna(contact["started_at"] + pd.Timedelta(days=1))
    at = ended.dt.as_unit("s").astype("int64").to_numpy() + rng.uniform(0.5, 5, len(case)) * HOUR
    after = pd.DataFrame({"person": cases["person"].to_numpy()[case], "invited": at, "perceived": perceived})
    after = after.assign(case=case, contact_id=contact["contact_id"].array)[invited]
    frame = pd.concat([after, panel.assign(case=-1)]).sort_values("invited", ignore_index=True)
    frame = frame[frame["invited"] < calendar.bounds[-1]]
    n, raw = len(frame), frame["perceived"]
    frame["csat"] = raw.round().clip(1, 5)
    frame["nps"] = (2.2 * raw - 1.2 + rng.normal(0, 0.9, n)).round().clip(0, 10)
    frame["ces"] = (1.5 * raw - 0.6 + rng.normal(0, 0.8, n)).round().clip(1, 7)
    frame["responded"] = frame["invited"] + rng.exponential(14 * HOUR, n) + 60
    chance = ANSWER_HAPPY * np.where(frame["csat"] >= 4, 1, ANSWER_RATIO)
    frame["answered"] = (rng.random(n) < chance) & (frame["responded"] < calendar.bounds[-1])
    frame["writes"] = frame["answered"] & (rng.random(n) < 0.52)
    return frame


def _survey_table(
    rng: np.random.Generator, surveys: pd.DataFrame, people: pd.DataFrame, comments: pd.DataFrame, calendar: _Calendar
) -> pd.DataFrame:
    """Lay out the invitations as a survey tool exports them: what the silent think is not in it."""
    table = pd.DataFrame(
        {
            "response_id": _ids("R", len(surveys)),
            "customer_id": _ids("C", len(people)).take(surveys["person"]),
            "contact_id": surveys["contact_id"].astype("str"),
            "invited_at": _stamps(surveys["invited"], calendar),
            "responded_at": _stamps(surveys["responded"].where(surveys["answered"]), calendar),
        }
    )
    for score in ("nps", "csat", "ces"):
        table[score] = surveys[score].where(surveys["answered"] & (rng.random(len(surveys)) < 0.96))
    table["comment"] = comments["text"].reindex(table.index).astype("str")
    return table.assign(survey=_words(("contact", "relationship"), (surveys["case"] < 0).astype(int)))


def _complaint_table(
    complaints: pd.DataFrame, people: pd.DataFrame, cases: pd.DataFrame, texts: pd.DataFrame, calendar: _Calendar
) -> pd.DataFrame:
    about = cases.iloc[complaints["case"]].reset_index(drop=True)
    kind = np.select([about["broken_callback"], complaints["not_offered"]], ["promise_broken", "not_offered"], "other")
    remedied = complaints["remedied"].where(complaints["remedy"] > 0)
    return pd.DataFrame(
        {
            "complaint_id": _ids("M", len(complaints)),
            "received_at": _stamps(complaints["received"], calendar),
            "text": texts["text"].astype("str"),
            "customer_id": _ids("C", len(people)).take(about["person"]),
            "case_id": _ids("K", len(cases)).take(complaints["case"]),
            "category": _words(REASONS, about["reason"]),
            "timely": complaints["timely"].astype("boolean"),
            "remedy": _words(("none", "partial", "full"), complaints["remedy"]),
            "remedied_at": _stamps(remedied, calendar),
            "goodwill_value": complaints["goodwill"],
            "disputed": complaints["disputed"].astype("boolean"),
            "confirmed_fixed": complaints["confirmed_fixed"].astype("boolean").where(complaints["asked"]),
            "kind": pd.Series(kind, dtype="str"),
            "company_account": texts["company_account"].astype("str"),
        }
    )


def _customer_table(rng: np.random.Generator, people: pd.DataFrame, calendar: _Calendar) -> pd.DataFrame:
    """Lay out the customer records; the status code of those who left was changed by their leaving."""
    n, left = len(people), people["left"].to_numpy()
    gone = np.isfinite(left)
    loyal = np.minimum(left, calendar.bounds[-1]) - people["joined"].to_numpy() > LOYAL_YEARS * 365 * DAY
    value = np.where(people["business"], 780, 390) * rng.lognormal(0, 0.25, n) * np.where(loyal, LOYAL_PRICE_RATIO, 1)
    code = np.where(gone & (rng.random(n) < 0.97), 3, rng.integers(0, 3, n))
    return pd.DataFrame(
        {
            "customer_id": _ids("C", n),
            "segment": _words(("home", "business"), people["business"].astype(int)),
            "joined_at": _stamps(people["joined"], calendar),
            "left_at": _stamps(np.where(gone, left, np.nan), calendar),
            "value_per_year": np.round(value, 2),
            "name": people["name"].astype("str"),
            "region": _words(("North", "Midlands", "South", "Wales", "Scotland"), rng.integers(0, 5, n)),
            "account_status_code": _words(("A1", "A2", "B1", "Z9"), code),
        }
    )


def _truth(
    seed: int, tables: Tables, people: pd.DataFrame, cases: pd.DataFrame, surveys: pd.DataFrame,
    complaints: pd.DataFrame, texts: dict[str, pd.DataFrame], calendar: _Calendar,
) -> Truth:  # fmt: skip
    """Write down what was planted, and what it came to."""
    happy = surveys["csat"] >= 4
    hidden = cases[cases["kept"]].assign(case_id=_ids("K", len(cases))[cases["kept"].to_numpy()])
    hidden["customer_id"] = _ids("C", len(people)).take(hidden["person"])
    hidden["satisfied"] = hidden["perceived"].round() >= 4
    left = np.isfinite(people["left"].to_numpy())
    spoke = np.zeros(len(people), bool)
    spoke[surveys.loc[surveys["answered"], "person"]] = True
    spoke[cases["person"].to_numpy()[complaints["case"]]] = True
    due = cases["kept"] & cases["due"].notna()
    event = calendar.names[calendar.event] if calendar.event >= 0 else None
    quiet = (
        [calendar.names] if event is None else [calendar.names[: calendar.event], calendar.names[calendar.event + 1 :]]
    )
    labels = ["case_id", "customer_id", "perceived", "satisfied", "fixed", "intends", "broken_callback",
              "loyal_on_price", "system_failure", "outsourced", "reopens", "transfers", "updates"]  # fmt: skip
    customers = pd.DataFrame({"mood": people["mood"], "left": left, "silent": ~spoke})
    return Truth(
        seed=seed,
        start=f"{calendar.names[0]}-01",
        until=str((pd.Timestamp(calendar.bounds[-1] - 1, unit="s", tz="UTC").tz_convert(ZONE)).date()),
        handle_time_change=HANDLE_TIME_CHANGE,
        perception_change=0.0,
        effects=dict(EFFECTS),
        segment_effects={segment: dict(effects) for segment, effects in SEGMENT_EFFECTS.items()},
        no_effect=("handle_time_s", "hold_time_s", "qa_score", "region", "timely"),
        watermelon_team="Billing",
        reverse_watermelon_team="Equipment",
        sla={"wait_time_s": {"at_most": 120.0, "share": 0.8}, "company_clock_h": {"at_most": 24.0, "share": 0.9}},
        invited=dict(INVITED),
        cherry_picking_agents=CHERRY_PICKERS,
        answer_happy=ANSWER_HAPPY,
        answer_ratio=ANSWER_RATIO,
        true_satisfied=float(hidden["satisfied"].mean()),
        invited_satisfied=float(happy.mean()),
        observed_satisfied=float(happy[surveys["answered"]].mean()),
        callback_broken=CALLBACK_BROKEN,
        callback_broken_observed=float(cases.loc[due, "broken_callback"].mean()),
        unmeasurable_promise="We treat every customer as a person, not a number.",
        hazard=dict(HAZARD),
        left_share=float(left.mean()),
        silent_leaver_share=float((~spoke)[left].mean()),
        leak_columns=("account_status_code",),
        event_month=event,
        event_theme="system_failure",
        quiet=tuple((names[0], names[-1]) for names in quiet),
        loyal_price_ratio=LOYAL_PRICE_RATIO,
        months=_months(hidden, surveys, calendar),
        cases=hidden.set_index("case_id")[labels[1:]],
        comments=texts["comments"]
        .drop(columns="text")
        .set_index(_ids("R", len(surveys))[surveys["writes"].to_numpy()]),
        complaints=texts["complaints"].drop(columns=["text", "company_account"]).set_index(_ids("M", len(complaints))),
        customers=customers.set_index(_ids("C", len(people))),
    )


def _months(cases: pd.DataFrame, surveys: pd.DataFrame, calendar: _Calendar) -> pd.DataFrame:
    """Satisfied shares, counts and mean perceived quality of each month, by start of case and by invitation."""
    index = range(len(calendar.names))
    invited = calendar.month(surveys["invited"].to_numpy())
    happy, answered = surveys["csat"] >= 4, surveys["answered"]
    by_case = cases.groupby("month")
    return pd.DataFrame(
        {
            "month": calendar.names,
            "true_satisfied": by_case["satisfied"].mean().reindex(index).to_numpy(),
            "invited_satisfied": happy.groupby(invited).mean().reindex(index).to_numpy(),
            "observed_satisfied": happy[answered].groupby(invited[answered]).mean().reindex(index).to_numpy(),
            "perceived": by_case["perceived"].mean().reindex(index).to_numpy(),
            "cases": by_case.size().reindex(index, fill_value=0).to_numpy(),
            "invited": np.bincount(invited, minlength=len(index)),
            "answered": np.bincount(invited[answered], minlength=len(index)),
        }
    )


def _ids(prefix: str, n: int) -> pd.Index:
    """Number ids from 1 with one width, so that they sort as they count."""
    return pd.Index(prefix + pd.Series(np.arange(1, n + 1)).astype("str").str.zfill(7))


def _words(words: Iterable[str | None], codes: ArrayLike) -> pd.api.extensions.ExtensionArray:
    return pd.array(list(words), dtype="str").take(np.asarray(codes))


def _stamps(seconds: ArrayLike, calendar: _Calendar) -> pd.Series:
    """UTC seconds as local stamps; missing stays missing, and so does what lies after the end of the data."""
    whole = np.floor(np.asarray(seconds, dtype=float))
    known = whole < calendar.bounds[-1]
    stamps = np.full(len(whole), "NaT", dtype="M8[us]")
    stamps[known] = whole[known].astype("int64").view("M8[s]")
    return pd.Series(stamps).dt.tz_localize("UTC").dt.tz_convert(ZONE)
