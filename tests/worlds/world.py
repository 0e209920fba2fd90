"""Small operations in which nothing goes on or exactly one thing does, apart from the demo's, and what is true of them.

Whether a customer is glad, indifferent or cross is drawn for each case; every score and comment follows from that mood
alone. Whatever the operation records (times, transfers, teams) is drawn apart from it, unless the world says otherwise.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
import pandas as pd

BANK = tomllib.loads(Path(__file__).with_name("sentences.toml").read_text(encoding="utf-8"))
MOODS = np.array([0.50, 0.28, 0.22])  # glad, indifferent, cross
NPS = ([9, 10], [7, 8], [0, 1, 2, 3, 4, 5, 6])
CSAT = ([4, 5, 5], [3, 4, 4], [1, 1, 2, 3])  # drawn evenly, so that a repeated answer is the likelier one
CES = ([6, 7], [4, 5], [1, 2, 3])
SCALES = {"nps": NPS, "csat": CSAT, "ces": CES}
WRITES = (0.4, 0.4, 0.6)  # chance of a comment by mood
TEAMS = ("Billing", "Broadband", "Mobile", "Moves", "Northern", "Southern")
HELPED, HELPED_FOR = "Southern", 5  # team for which something is done, and for how many months by now
RATE, LEAVES = 0.5, 0.012  # of those asked answer; leave in a month
AFTER = 0.4  # of the comments go on about something that no theme covers
LAST_MONTH = 31 / 30.4  # ages of cases, in months
WITHIN_H = 72


@dataclass(frozen=True)
class World:
    """One operation; points are of the Net Promoter Score."""

    name: str
    monthly: int = 600  # answers a month
    months: int = 14
    fall: float = 0.0  # in the last month
    slow: float = 0.0  # over the last six months
    teams: tuple[tuple[str, float], ...] = ()  # teams whose customers are so many points less content
    missed: str = ""  # a team that misses its target of waiting
    cause: str = ""  # a recorded figure, with which customers are less content
    cause_points: float = 50.0
    resolved_only: bool = False  # open cases, whose customers are cross, are never asked
    faster: bool = False  # handle time and cost fall by a quarter
    theme: str = ""  # named twice as often in the last month
    helps: float = 0.0  # points by which customers of `HELPED` are more content since the action for them
    wobble: float = 0.0  # standard deviation of the usual movement from month to month
    leaving: bool = False  # a reopened case makes customers leave
    kept: float = 0.95  # of the cases are solved within the promised time
    repeats: bool = False  # customers answer several times, in one mood
    again: bool = False  # the month before is reported too
    seed: int = 0

    @property
    def null(self) -> bool:
        """Whether nothing goes on, beside the usual movement."""
        usual = {name: getattr(self, name) for name in ("wobble", "repeats", "again", "seed")}
        return World(self.name, self.monthly, self.months, **usual) == self


class Made(NamedTuple):
    """The four tables of a world, by name, and what is true of it.

    `moods` has the chance of each mood by answer and `named` the theme that a text blames, both by id.
    """

    tables: dict[str, pd.DataFrame]
    moods: pd.DataFrame
    named: pd.Series
    leaves: pd.Series


def make(world: World) -> Made:
    """The tables of a world."""
    rng = np.random.default_rng([world.seed, world.monthly, world.months, crc32(world.name.encode())])
    customers = _customers(world, rng)
    cases = _cases(world, customers, rng)
    customers = _make_leave(world, customers, cases, rng)
    left = cases["customer_id"].map(customers.set_index("customer_id")["left_at"])
    cases = cases[~(cases["started_at"] >= left)].reset_index(drop=True)
    moods = _moods(world, cases, rng)
    mood = (rng.random(len(cases))[:, None] > moods.cumsum(axis=1)).sum(axis=1)
    if world.repeats:  # one mood for each person, as the first case drew it
        mood = pd.Series(mood).groupby(cases["customer_id"].to_numpy()).transform("first").to_numpy()
    writer = _Writer(world, rng)
    surveys = _surveys(world, cases, mood, writer, rng)
    complaints = _complaints(cases, writer, rng)
    contacts = _contacts(cases).drop(columns=["age", "hours"])
    tables = {"contacts": contacts, "surveys": surveys, "complaints": complaints, "customers": customers}
    chances = pd.DataFrame(moods, "r" + cases["contact_id"], ["glad", "indifferent", "cross"])
    return Made(tables, chances, pd.Series(writer.named), pd.Series(writer.leaves))


def _end() -> pd.Timestamp:
    """The worlds end where October 2026 does."""
    return pd.Timestamp("2026-11-01", tz="UTC")


def helped_since() -> pd.Timestamp:
    """Since when something is done for one team, in every world."""
    return _end() - pd.DateOffset(months=HELPED_FOR)


def truths(chances: pd.DataFrame) -> dict[str, float]:
    """What the three scores of some answers are expected to be."""
    glad, indifferent, cross = chances.mean()
    kinds = list(zip((glad, indifferent, cross), CSAT, CES, strict=True))
    csat = sum(chance * np.mean([answer >= 4 for answer in answers]) for chance, answers, _ in kinds)
    return {"nps": 100 * (glad - cross), "csat": csat, "ces": sum(chance * np.mean(ease) for chance, _, ease in kinds)}


def _customers(world: World, rng: np.random.Generator) -> pd.DataFrame:
    n = max(400, int(world.monthly * (1 if world.repeats else 10)))
    end = _end()
    joined = end - pd.to_timedelta(rng.uniform(1, 2_500, n), unit="D")
    stays = pd.to_timedelta(rng.exponential(30 / LEAVES, n), unit="D")
    begin = end - pd.DateOffset(months=world.months)
    left = pd.Series(joined).clip(lower=begin) + stays
    return pd.DataFrame({
        "customer_id": [f"c{i}" for i in range(n)], "segment": rng.choice(["home", "business"], n), "joined_at": joined,
        "left_at": left.where(left < end), "value_per_year": rng.gamma(4, 60, n).round(2),
    })  # fmt: skip


def _cases(world: World, customers: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    end = _end()
    months = [end - pd.DateOffset(months=k) for k in range(world.months, -1, -1)]
    size = int(world.monthly / RATE * 1.1)  # a tenth are asked of the next month, or hit a customer who is none
    at = np.concatenate([rng.uniform(a.value, b.value, size) for a, b in zip(months, months[1:], strict=False)])
    started = pd.Series(pd.to_datetime(np.sort(at).astype("int64"), utc=True)).dt.floor("s")
    n, who = len(started), customers.iloc[rng.integers(len(customers), size=len(started))].reset_index(drop=True)
    solved = rng.random(n) < world.kept
    hours = np.where(solved, rng.uniform(1, WITHIN_H - 2, n), rng.uniform(WITHIN_H + 8, 240, n))
    resolved = started + pd.to_timedelta(hours, unit="h").floor("s")
    open_still = rng.random(n) < (0.2 if world.resolved_only else 0.0)
    resolved = resolved.mask(open_still | (resolved >= end))
    confirmed = (resolved + pd.to_timedelta(rng.uniform(0.1, 1.9, n), unit="h").floor("s")).where(rng.random(n) < 0.6)
    age = ((end - started) / pd.Timedelta(days=30.4)).to_numpy()
    team = rng.choice(TEAMS, n)
    wait = rng.exponential(np.where(team == world.missed, 150, 57), n).round()
    quick = 1 - 0.25 * np.clip(1 - age / 24, 0, 1) if world.faster else 1
    cases = pd.DataFrame({
        "contact_id": [f"k{i}" for i in range(n)], "customer_id": who["customer_id"], "started_at": started,
        "channel": rng.choice(["phone", "chat", "email"], n, p=[0.5, 0.3, 0.2]),
        "reason": rng.choice(["bill", "fault", "order"], n), "team": team, "resolved_at": resolved,
        "first_response_at": started + pd.to_timedelta(wait, unit="s"),
        "confirmed_at": confirmed.mask(confirmed >= end), "handle_time_s": (rng.gamma(4, 110, n) * quick).round(),
        "hold_time_s": rng.exponential(60, n).round(), "wait_time_s": wait, "transfers": rng.poisson(0.3, n),
        "reopened": (rng.random(n) < 0.1).astype(int), "cost": (rng.gamma(3, 2, n) * quick).round(2),
        "callback_late_h": np.where(rng.random(n) < 0.2, np.where(rng.random(n) < 0.97, -1.0, 5.0), np.nan),
        "age": age, "hours": hours, "case_id": [f"k{i}" for i in range(n)],
    })  # fmt: skip
    active = (cases["started_at"] >= who["joined_at"]) & ~(cases["started_at"] >= who["left_at"])
    return cases[active].reset_index(drop=True)


def _make_leave(world: World, customers: pd.DataFrame, cases: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Customers whose case came back leave soon, where that is what goes on."""
    if not world.leaving:
        return customers
    goes = cases[(cases["reopened"] > 0) & (rng.random(len(cases)) < 0.4)]
    soon = goes["started_at"] + pd.to_timedelta(rng.uniform(5, 80, len(goes)), unit="D")
    first = soon.groupby(goes["customer_id"]).min().reindex(customers["customer_id"]).reset_index(drop=True)
    left = customers["left_at"].fillna(first).where(~(first < customers["left_at"]), first)
    return customers.assign(left_at=left.where(left < _end()))


def _contacts(cases: pd.DataFrame) -> pd.DataFrame:
    """Each case's contacts: one, and where the case came back a second, to which the end of the case belongs."""
    back = cases[cases["reopened"] > 0]
    hours = pd.to_timedelta(back["hours"], unit="h")
    again = back["started_at"] + (hours * 0.6).dt.floor("s")
    second = back.assign(contact_id=back["contact_id"] + "b", started_at=again, reopened=0)
    second["first_response_at"] = again + pd.to_timedelta(back["wait_time_s"], unit="s")
    first = back.assign(resolved_at=back["started_at"] + (hours * 0.4).dt.floor("s"), confirmed_at=pd.NaT)
    contacts = pd.concat([cases.drop(back.index), first, second], ignore_index=True)
    contacts = contacts[contacts["started_at"] < _end()].sort_values("started_at", kind="stable", ignore_index=True)
    late = contacts[["resolved_at", "first_response_at"]] >= _end()
    return contacts.assign(**{c: contacts[c].mask(late[c]) for c in late})


def _moods(world: World, cases: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Chance of each mood by case: points of the score are customers who turn from glad to cross, or back."""
    points = np.where(cases["age"] < LAST_MONTH, world.fall, 0.0)
    points = points + world.slow * np.clip(1 - cases["age"] / 6, 0, 1)
    for team, gap in world.teams:
        points = points + np.where(cases["team"] == team, gap, 0.0)
    points = points - np.where((cases["team"] == HELPED) & (cases["started_at"] >= helped_since()), world.helps, 0.0)
    month = cases["started_at"].dt.month + 12 * cases["started_at"].dt.year
    points = points + rng.normal(0, world.wobble, int(month.max()) + 1)[month] if world.wobble else points
    if world.cause:
        points = points + np.where(cases[world.cause] > cases[world.cause].quantile(0.8), world.cause_points, 0)
    if world.resolved_only:
        points = points + np.where(cases["resolved_at"].isna(), 60.0, 0.0)
    moved = np.clip(np.asarray(points) / 200, -MOODS[2], MOODS[0])
    return np.column_stack([MOODS[0] - moved, np.full(len(cases), MOODS[1]), MOODS[2] + moved])


class _Writer:
    """Draws comments, each theme's sentences by weights of the world's own, and keeps which theme each one blames."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self.world, self.rng = world, rng
        self.named: dict[str, str] = {}
        self.leaves: dict[str, bool] = {}
        self.weights = {
            (k, t): rng.dirichlet(np.full(len(s), 4.0)) for k in ("blame", "praise") for t, s in BANK[k].items()
        }
        self.blamed = dict(zip(BANK["blame"], np.r_[4.0, 3.5, 3, 2.5, 2, 2, 2, 2, np.full(8, 1.0)], strict=True))

    def write(self, key: str, mood: int, last: bool) -> str:
        """One comment."""
        rng, theme = self.rng, ""
        leaving = mood == 2 and rng.random() < 0.06
        if mood == 1 and rng.random() < 0.5:
            text = str(rng.choice(BANK["neutral"]))
        else:
            kind = "praise" if mood == 0 else "blame"
            theme = self._theme(last) if kind == "blame" else str(rng.choice(list(BANK["praise"])))
            text = str(rng.choice(BANK[kind][theme], p=self.weights[kind, theme]))
            text += " " + str(rng.choice(BANK["after"])) if rng.random() < AFTER else ""
            theme = theme if kind == "blame" else ""
        if leaving:
            text += " " + str(rng.choice(BANK["leaving"]))
        self.named[key], self.leaves[key] = theme, leaving
        return text

    def _theme(self, last: bool) -> str:
        p = pd.Series(self.blamed) / sum(self.blamed.values())
        if last and self.world.theme:
            p[self.world.theme] *= 2 * (1 - p[self.world.theme]) / (1 - 2 * p[self.world.theme])  # then twice its share
        return str(self.rng.choice(list(p.index), p=p / p.sum()))


def _surveys(
    world: World, cases: pd.DataFrame, mood: np.ndarray, writer: _Writer, rng: np.random.Generator
) -> pd.DataFrame:
    asked = cases.assign(mood=mood)
    asked = asked[asked["resolved_at"].notna()] if world.resolved_only else asked
    invited = asked["started_at"] + pd.Timedelta(hours=1)
    answers = rng.random(len(asked)) < RATE
    keys = "r" + asked["contact_id"]
    drawn = {name: _draw(scale, asked["mood"].to_numpy(), rng) for name, scale in SCALES.items()}
    writes = answers & (rng.random(len(asked)) < np.array(WRITES)[asked["mood"]])
    last = (asked["age"] < LAST_MONTH).to_numpy()
    rows = zip(keys, asked["mood"], last, writes, strict=True)
    comments = [writer.write(key, m, is_last) if wrote else None for key, m, is_last, wrote in rows]
    frame = pd.DataFrame({"response_id": keys, "customer_id": asked["customer_id"], "contact_id": asked["contact_id"],
                          "invited_at": invited, "responded_at": (invited + pd.Timedelta(hours=3)).where(answers),
                          **drawn, "comment": comments})  # fmt: skip
    return frame.assign(**{c: frame[c].astype(float).where(answers) for c in SCALES}).reset_index(drop=True)


def _draw(scale: tuple[list[int], ...], mood: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An answer on a scale for each customer, by mood."""
    return np.choose(mood, [rng.choice(answers, len(mood)) for answers in scale])


def _complaints(cases: pd.DataFrame, writer: _Writer, rng: np.random.Generator) -> pd.DataFrame:
    some = cases[rng.random(len(cases)) < 0.04]
    n, keys = len(some), [f"p{i}" for i in range(len(some))]
    says = np.where(rng.random(n) < 0.5, rng.random(n) < 0.6, None)
    whose = some[["started_at", "customer_id", "case_id"]].rename(columns={"started_at": "received_at"})
    return whose.reset_index(drop=True).assign(**{
        "complaint_id": keys, "category": rng.choice(["service", "billing", "product"], n),
        "text": [writer.write(key, 2, age < LAST_MONTH) for key, age in zip(keys, some["age"], strict=True)],
        "remedy": rng.choice(["none", "partial", "full"], n, p=[0.4, 0.2, 0.4]), "disputed": rng.random(n) < 0.2,
        "goodwill_value": np.where(rng.random(n) < 0.3, 20.0, 0.0), "confirmed_fixed": pd.array(says, "boolean"),
    })  # fmt: skip
