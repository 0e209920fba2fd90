"""The world behind the demo operation: what happens to its customers, in UTC seconds and codes.

How the planted truths of ``world.toml`` work on people and cases; `simulate` lays out the tables that a real
operation would export and writes down the truth. Frames of this module are hidden: a case has causes and a perceived
quality (CSAT points before rounding), a silent customer has an answer nobody got.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analytics.tables.demo.comments import AGENT_NAMES

ZONE = "Europe/London"
HOUR, DAY = 3600.0, 86400.0

PLANTED = tomllib.loads(Path(__file__).with_name("world.toml").read_text(encoding="utf-8"))
REASONS, CHANNELS, EFFECTS, HAZARD, OFTEN, NEW_PROBLEM = (
    PLANTED[name] for name in ("reasons", "channels", "effects", "hazard", "often", "new_problem_shares")
)
WORKED = PLANTED["actions"]["appointment_texts"]
TEAMS = pd.DataFrame.from_dict(PLANTED["teams"], orient="index")
EMAIL = CHANNELS.index("email")
AGENTS_PER_TEAM, IN_HOUSE_PER_TEAM = 12, 7
AGENT_IDS = tuple(f"A{number:03d}" for number in range(1, len(AGENT_NAMES) + 1))


@dataclass(frozen=True)
class Calendar:
    """Months of the simulation as UTC seconds; local midnights, so daylight saving is kept."""

    bounds: np.ndarray  # months + 1 local month starts
    names: tuple[str, ...]
    event: int  # index of the event month, -1 when the period is too short to have one

    def month(self, seconds: np.ndarray) -> np.ndarray:
        """Index of the month that each moment lies in."""
        return np.searchsorted(self.bounds, seconds, side="right") - 1


def make_calendar(months: int, until: str) -> Calendar:
    """Lay out the months up to and including the one that `until` ends."""
    end = pd.Timestamp(until) + pd.Timedelta(days=1)
    if end.day != 1:
        raise ValueError(f"until is {until!r}: it has to be the last day of a month, such as '2026-10-31'.")
    starts = pd.date_range(end=end, periods=months + 1, freq="MS").tz_localize(ZONE)
    bounds = starts.as_unit("s").asi8.astype(float)
    return Calendar(bounds, tuple(starts[:-1].strftime("%Y-%m")), months - 7 if months >= 12 else -1)


def draw_people(rng: np.random.Generator, n: int, calendar: Calendar) -> pd.DataFrame:
    """Draw customers: four in five were there at the start, the others join evenly over the period."""
    old = rng.random(n) < 0.8
    tenure = np.minimum(rng.exponential(4 * 365 * DAY, n), 12 * 365 * DAY)
    joined = np.where(old, calendar.bounds[0] - tenure, rng.uniform(calendar.bounds[0], calendar.bounds[-1] - DAY, n))
    columns = {
        "joined": joined,
        "business": rng.random(n) < 0.25,
        "mood": rng.normal(0, 0.25, n).round(9),  # how kindly this customer judges anything
        "rate": rng.gamma(1.2, 0.14 / 1.2, n),  # cases a month
        "often": rng.random(n) < OFTEN["share"],
    }
    people = pd.DataFrame(columns)
    return people.assign(rate=people["rate"].mask(people["often"], OFTEN["cases"]))


def draw_cases(rng: np.random.Generator, people: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    """Draw every case a customer would have, what happens in it, and how it is perceived."""
    since = np.maximum(people["joined"].to_numpy(), calendar.bounds[0])
    counts = rng.poisson(people["rate"] * (calendar.bounds[-1] - since) / (30.4 * DAY))
    person = np.repeat(np.arange(len(people)), counts)
    t0 = np.floor(rng.uniform(since[person], calendar.bounds[-1]) / DAY) * DAY
    weekend = (t0 // DAY + 3) % 7 >= 5  # 1970-01-01 was a Thursday
    keep = ~(weekend & (rng.random(len(person)) < 0.45)) & (t0 >= since[person])
    person, t0 = person[keep], t0[keep]
    n = len(person)
    reason = rng.choice(len(REASONS), n, p=[reason["share"] for reason in REASONS.values()])
    team = np.array([TEAMS.index.get_loc(reason["team"]) for reason in REASONS.values()])[reason]
    channel = rng.choice(3, n, p=[0.60, 0.23, 0.17])
    t0 = _local(t0 + _time_of_day(rng, channel))
    drawn = pd.DataFrame({"person": person, "t0": t0, "reason": reason, "team": team, "channel": channel})
    inside = (t0 < calendar.bounds[-1]) & (t0 > people["joined"].to_numpy()[person])
    cases: pd.DataFrame = drawn[inside].sort_values("t0", kind="stable", ignore_index=True)
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


def _handle(rng: np.random.Generator, cases: pd.DataFrame, calendar: Calendar) -> None:
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
    promised = (phone | cases["switched"]) & (rng.random(n) < PLANTED["callback_promised"])
    promised &= due < calendar.bounds[-1]
    cases["due"] = due.where(promised)
    cases["broken_callback"] = promised & (rng.random(n) < PLANTED["callback_broken"])
    called = due + np.where(cases["broken_callback"], rng.uniform(3, 72, n), -rng.uniform(0, 6, n)) * HOUR
    never = cases["broken_callback"] & (rng.random(n) < 0.5)
    cases["called"] = called.where(promised & ~never & (called < calendar.bounds[-1]))


def _perceive(rng: np.random.Generator, cases: pd.DataFrame, people: pd.DataFrame, calendar: Calendar) -> None:
    """Add how the customer perceives the case (CSAT points, unrounded) and whether they decide to leave."""
    n, person = len(cases), cases["person"].to_numpy()
    business = people["business"].to_numpy()[person]
    tenure = cases["t0"].to_numpy() - people["joined"].to_numpy()[person]
    names = np.array(list(REASONS))[cases["reason"]]
    cases["month"] = calendar.month(cases["t0"].to_numpy())
    about_price = np.isin(names, ["bill query", "contract renewal"])
    cases["loyal_on_price"] = (tenure > PLANTED["loyal_years"] * 365 * DAY) & about_price
    cases["system_failure"] = (cases["month"] == calendar.event) & (rng.random(n) < 0.6)
    waits = cases["wait_attempt"] * (cases["abandoned"] | cases["switched"]) + cases["wait_0"]
    waits += sum(cases[f"wait_{k}"] * (cases["reopens"] >= k) for k in (1, 2, 3))
    waited = np.where(cases["channel"] == 2, 0.0, np.minimum(waits / 60, 5))
    by_segment = pd.DataFrame(PLANTED["segment_effects"]).T.loc[np.where(business, "business", "home")]
    perceived = 4.35 + people["mood"].to_numpy()[person] + rng.normal(0, 0.7, n) + 0.3 * business
    for cause in ("reopens", "transfers", "broken_callback", "outsourced", "loyal_on_price", "system_failure"):
        perceived += EFFECTS[cause] * cases[cause].to_numpy()
    perceived += EFFECTS["not_fixed"] * ~cases["fixed"].to_numpy()
    perceived += by_segment["wait_min"].to_numpy() * waited
    perceived += by_segment["updates"].to_numpy() * (cases["updates"].to_numpy() - 1.5)
    cases["perceived"] = perceived.round(9)
    chance = np.select([perceived < 2.0, perceived < 3.0, perceived < 3.5], [0.22, 0.10, 0.03], 0.004)
    cases["intends"] = rng.random(n) < chance
    began = pd.Timestamp(WORKED["on"]).tz_localize(ZONE).timestamp()
    of_team = cases["team"].to_numpy() == TEAMS.index.get_loc(WORKED["team"])
    cases["untold"] = of_team & (cases["t0"].to_numpy() < began) & (rng.random(n) < WORKED["share"])


def draw_complaints(rng: np.random.Generator, cases: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
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
    frame["new_problem"] = _draw_new_problem(rng, received, calendar)
    frame = pd.DataFrame(frame[frame["received"] < calendar.bounds[-1]])
    return frame.sort_values("received", kind="stable", ignore_index=True)


def _draw_new_problem(rng: np.random.Generator, seconds: np.ndarray, calendar: Calendar) -> np.ndarray:
    """Whether a text of each moment names the problem that no theme covers, where its writer is unhappy."""
    shares = np.zeros(len(calendar.names) + 1)  # the last one: after the end
    if calendar.event >= 0:
        shares[-1 - len(NEW_PROBLEM) : -1] = NEW_PROBLEM
    drawn: np.ndarray = rng.random(len(seconds)) < shares[calendar.month(seconds)]
    return drawn


def let_leave(
    rng: np.random.Generator, people: pd.DataFrame, cases: pd.DataFrame, complaints: pd.DataFrame, calendar: Calendar
) -> pd.DataFrame:
    """Let customers leave month by month (``left`` of people, ``kept`` of cases); returns relationship invitations."""
    n = len(people)
    person, month = cases["person"].to_numpy(), cases["month"].to_numpy()
    felt = np.maximum(4 - cases["perceived"].to_numpy(), 0)
    gesture = complaints[~complaints["confirmed_fixed"] & (complaints["goodwill"] > 0)]
    gesture_person, gesture_month = person[gesture["case"]], calendar.month(gesture["received"].to_numpy())
    left = np.full(n, np.inf)
    load = np.where(rng.random(n) < 0.2, rng.exponential(1.6, n), 0.0)  # what was felt before the first month
    last = {cause: np.full(n, -99) for cause in ("not_fixed", "intends", "gesture_without_fix")}
    memory = {"not_fixed": 4, "intends": 3, "gesture_without_fix": 4}
    mobile = ~people["often"].to_numpy()
    joined, mood, panel = people["joined"].to_numpy(), people["mood"].to_numpy(), []
    for m in range(len(calendar.names)):
        begin, end = calendar.bounds[m], calendar.bounds[m + 1]
        active = (joined < begin) & np.isinf(left)
        log_ratio = HAZARD["felt"] * load
        for cause, months in memory.items():
            log_ratio += HAZARD[cause] * (m - last[cause] <= months)
        leaves = active & mobile & (rng.random(n) < np.minimum(HAZARD["base"] * np.exp(log_ratio), 0.6))
        left[leaves] = rng.uniform(begin, end, int(leaves.sum()))
        asked = np.flatnonzero(active & (rng.random(n) < PLANTED["relationship_share"]))
        perceived = 4.15 + mood[asked] - 0.4 * load[asked] + rng.normal(0, 0.7, len(asked))
        at = rng.uniform(begin, end, len(asked))
        panel.append(pd.DataFrame({"person": asked, "invited": at, "perceived": perceived})[at < left[asked]])
        now = month == m
        load = 0.75 * load + np.bincount(person[now], felt[now], n)
        last["not_fixed"][person[now & ~cases["fixed"].to_numpy()]] = m
        last["intends"][person[now & cases["intends"].to_numpy()]] = m
        last["gesture_without_fix"][gesture_person[gesture_month == m]] = m
    people["left"] = left
    cases["kept"] = cases["t0"].to_numpy() < left[person]
    return pd.concat(panel, ignore_index=True)


def _contact_rows(cases: pd.DataFrame) -> pd.DataFrame:
    """One row per contact: its case, step (-1 a first attempt, 0 the main one, then reopens), start and closing."""
    kept, channel = cases["kept"], cases["channel"]
    later = channel.mask(cases["switched"], 0).mask(cases["rung_back"], 3)
    none = pd.Series(np.nan, index=cases.index)
    parts = [(-1, cases["abandoned"] | cases["switched"], cases["t0"], channel, none)]
    parts += [(0, kept, cases["main"], later, cases["closed0"])]
    parts += [(k, cases["reopens"].ge(k), cases[f"start{k}"], later, cases[f"closed{k}"]) for k in (1, 2, 3)]
    rows = [
        pd.DataFrame({"case": cases.index, "step": step, "start": start, "channel": via, "closed": closed})[kept & mask]
        for step, mask, start, via, closed in parts
    ]
    return pd.concat(rows).sort_values(["start", "case"], kind="stable", ignore_index=True)


def draw_contacts(rng: np.random.Generator, cases: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    """Lay out the contacts of every case: waits, stamps, and whether the customer confirmed that it is solved."""
    rows = _contact_rows(cases)
    case = {name: column.to_numpy()[rows["case"]] for name, column in cases.items()}
    n, start, step = len(rows), rows["start"].to_numpy(), rows["step"].to_numpy()
    wait = np.select([step == k for k in range(-1, 4)], [case[f"wait_{k}"] for k in ("attempt", "0", "1", "2", "3")])
    rows["wait"] = np.where(rows["channel"] == EMAIL, np.nan, wait)
    rows["abandoned"], rows["final"] = (step < 0) & case["abandoned"], step == case["reopens"]
    response = start + np.where(rows["channel"] == EMAIL, rng.lognormal(np.log(2 * HOUR), 0.7, n), wait)
    closed = rows["closed"].where(~rows["final"] | case["closed"]).to_numpy()
    closed = np.where(closed < response + 60, response + rng.uniform(60, 3600, n), closed)
    rows["closed"] = np.where(closed < calendar.bounds[-1], closed, np.nan)
    rows["response"] = np.where(rows["abandoned"], np.nan, response)
    confirms = rows["final"] & case["fixed"] & rows["closed"].notna() & (rng.random(n) < PLANTED["confirmed"])
    rows["confirmed"] = (closed + rng.exponential(20 * HOUR, n) + 120) * np.where(confirms, 1, np.nan)
    return rows


def draw_surveys(
    rng: np.random.Generator, people: pd.DataFrame, cases: pd.DataFrame, contacts: pd.DataFrame, panel: pd.DataFrame,
    calendar: Calendar,
) -> pd.DataFrame:  # fmt: skip
    """Draw who is invited and who answers; the answers of the silent are those they would have given."""
    about = contacts[contacts["final"]]
    case = about["case"].to_numpy()
    closed, phone = about["closed"].notna().to_numpy(), (about["channel"] == 0).to_numpy()
    state = np.select([closed & phone, closed, phone], [0, 1, 2], 3)
    perceived = cases["perceived"].to_numpy()[case]
    choosy = np.isin(np.array(AGENT_IDS)[cases["agent"].to_numpy()[case]], PLANTED["cherry_picking_agents"])
    chance = np.array(list(PLANTED["invited"].values()))[state]
    invited = rng.random(len(case)) < chance * np.where(choosy & (perceived < 3.5), PLANTED["cherry_ratio"], 1)
    at = about["closed"].fillna(about["start"] + DAY) + rng.uniform(0.5, 5, len(case)) * HOUR
    after = pd.DataFrame({"person": cases["person"].to_numpy()[case], "invited": at, "perceived": perceived})
    after = after.assign(case=case, contact=about.index)[invited]
    frame = pd.concat([after, panel.assign(case=-1, contact=-1)])
    frame = frame.sort_values("invited", kind="stable", ignore_index=True)
    frame = pd.DataFrame(frame[frame["invited"] < calendar.bounds[-1]])
    n, raw = len(frame), frame["perceived"]
    frame["csat"] = raw.round().clip(1, 5)
    frame["nps"] = (2.2 * raw - 1.2 + rng.normal(0, 0.9, n)).round().clip(0, 10)
    frame["ces"] = (1.5 * raw - 0.6 + rng.normal(0, 0.8, n)).round().clip(1, 7)
    frame["responded"] = frame["invited"] + rng.exponential(14 * HOUR, n) + 60
    chance = PLANTED["answer_happy"] * np.where(frame["csat"] >= 4, 1, PLANTED["answer_ratio"])
    chance *= np.where(people["often"].to_numpy()[frame["person"]], OFTEN["answers"], 1)
    frame["answered"] = (rng.random(n) < chance) & (frame["responded"] < calendar.bounds[-1])
    frame["writes"] = frame["answered"] & (rng.random(n) < 0.52)
    frame["new_problem"] = _draw_new_problem(rng, frame["responded"].to_numpy(), calendar)
    return frame
