"""The simulations behind figures of METHODS.md that need no report: ``python -m tests.simulations [NAME] [DRAWS]``.

Each prints what METHODS says of its method, from seeds that stay; whole reports are judged by ``tests.worlds``.
"""

import sys
from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
from scipy.stats import hypergeom, nct, norm, t

from analytics.config import Config, Organisation, Source
from analytics.contrast.bands import contrast_bands
from analytics.contrast.groups import contrast_groups
from analytics.contrast.ranks import superiority
from analytics.contrast.signals import CHANCE, detect_signals
from analytics.measures.actions import _step
from analytics.measures.discoveries import discovery_threshold, shrink
from analytics.measures.leaving.ratios import leaving_ratios
from analytics.measures.promises import score_promises
from analytics.tables.cases import build_cases
from analytics.unattended.watch import CHANCE as WATCHED
from analytics.unattended.watch import DAYS, WINDOWS
from tests.measures.test_promises import SOLVED, operation

LEVELS = (0.05, 0.005, 0.0005)
TESTS, TOLD = 150, 4  # tests of a report, and findings of its page one
CUT = 0.0005  # p-value at which findings of a report usually stand
SPREAD = 78  # standard deviation of an answer, in points of a Net Promoter Score


def tell(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def movement(draws: int) -> None:
    """False words and power against three others: who knows both variances, Student's test, and the best possible."""
    rng = np.random.default_rng(0)
    for n, before in product((600, 3_000), (3, 8, 14, 24)):
        sampling = SPREAD / np.sqrt(n)
        small = sampling * np.sqrt(1 + 1 / before) * (norm.isf(CHANCE / 2) + norm.isf(0.2))
        for wobble, fall in ((0.0, 0.0), (2.0, 0.0), (0.0, small), (0.0, 10.0), (2.0, 10.0)):
            said, quiet = 0, np.hypot(sampling, wobble)
            for _ in range(draws):
                level = 30 + rng.normal(0, quiet, before + 1) - fall * (np.arange(before + 1) == before)
                known = {"n": pd.Series(n, range(before + 1)), "se": pd.Series(sampling, range(before + 1))}
                said += detect_signals(pd.Series(level), **known).word in (["fell"] if fall else ["rose", "fell"])
            line = f"{n} answers, {before} months, movement {wobble:g}, fall of {fall:.1f}: {said / draws:.2%}"
            if fall:
                limits, error = (norm.isf(CHANCE / 2), t.isf(CHANCE / 2, before - 1)), quiet * np.sqrt(1 + 1 / before)
                student = nct.sf(limits[1], before - 1, fall / error)
                possible = _possible(rng, sampling, before, wobble, fall)
                line += f"; variances known {norm.sf(limits[0] - fall / error):.0%}, Student {student:.0%}, "
                line += f"possible {possible:.0%}"
            tell(line)


def _possible(rng: np.random.Generator, sampling: float, before: int, wobble: float, fall: float) -> float:
    """Power of the best test of the same months that keeps the chance of a false word at movements of 0, 1 and 2.

    It knows the size of the fall it looks for: a likelihood ratio against the mixture of quiet scores that is hardest
    to tell from it (Neyman and Pearson), whose weights are found by iteration.
    """
    spreads, draws, steps = np.hypot(sampling, [0.0, 1.0, 2.0, wobble]), 20_000, 250

    def density(step: np.ndarray, squares: np.ndarray, spread: float, size: float) -> np.ndarray:
        error = spread * np.sqrt(1 + 1 / before)
        near = np.logaddexp(*(-np.square((step + side * size) / error) / 2 for side in (-1, 1)))
        return near - before * np.log(spread) - squares / spread**2 / 2

    def sample(spread: float, moved: float) -> tuple[np.ndarray, np.ndarray]:
        step = rng.normal(-moved, spread * np.sqrt(1 + 1 / before), draws)
        months = step, spread**2 * rng.chisquare(before - 1, draws)
        return density(*months, spreads[3], fall), np.array([density(*months, s, 0.0) for s in spreads[:3]])

    quiet, fallen = [sample(spread, 0.0) for spread in spreads[:3]], sample(spreads[3], fall)
    weights = np.full(3, 2.0)
    for _ in range(steps):
        false = [(ratio > np.logaddexp.reduce(others + weights[:, None])).mean() for ratio, others in quiet]
        weights = np.maximum(weights + 0.3 * np.clip(np.log((np.array(false) + 2e-5) / CHANCE), -1, 1), -30)
    return float((fallen[0] > np.logaddexp.reduce(fallen[1] + weights[:, None])).mean())


def waves(draws: int) -> None:
    """How often a score that goes slowly up and down is said to have moved."""
    rng = np.random.default_rng(0)
    for n, before, (height, months) in product((600, 3_000), (8, 14, 24), ((2, 12), (3, 24))):
        known = {name: pd.Series(value, range(before + 1)) for name, value in (("n", n), ("se", SPREAD / np.sqrt(n)))}
        said = 0
        for start in rng.uniform(0, 2 * np.pi, draws):
            level = height * np.sin(2 * np.pi * np.arange(before + 1) / months + start)
            level += rng.normal(0, SPREAD / np.sqrt(n), before + 1)
            said += detect_signals(pd.Series(level), **known).word in ("rose", "fell")
        tell(f"{n} answers, {before} months, {height} points over {months} months: {said / draws:.1%}")


def picked(draws: int) -> None:
    """How much larger than it is an effect is told on page one: as measured, and as it is told (`shrink`)."""
    rng = np.random.default_rng(0)
    for name, effects in {
        "six of 2 to 7 standard errors": lambda: rng.uniform(2, 7, 6), "six of 4": lambda: np.full(6, 4.0),
        "ten of 3": lambda: np.full(10, 3.0), "one of 3.5": lambda: np.full(1, 3.5),
        "one of 5": lambda: np.full(1, 5.0), "forty small ones": lambda: abs(rng.normal(0, 1.5, 40)),
        "forty of 2": lambda: np.full(40, 2.0),
    }.items():  # fmt: skip
        rows = []
        for _ in range(draws):
            true = np.zeros(TESTS)
            true[: len(some)] = (some := effects())
            z = true + rng.normal(size=TESTS)
            p = 2 * norm.sf(abs(z))
            told = np.argsort(-abs(z))[: min(TOLD, int((p <= discovery_threshold(p)).sum()))]
            rows += zip(true[told] * np.sign(z[told]), abs(z[told]), abs(shrink(z[told], p[told], p)), strict=True)
        true, measured, likely = np.array(rows).sum(axis=0)
        tell(f"{name}: {len(rows) / draws:.1f} told, measured {measured / true:.2f}, told {likely / true:.2f} of it")


def tails(_: int) -> None:
    """How often p-values of rare flags and of small groups pass a level, as a part of it, where nothing goes on."""
    for cases, mine, share in ((600, 12, 0.02), (600, 12, 0.1), (600, 40, 0.02), (2_000, 60, 0.03)):
        has, p = pd.Series(np.arange(cases) < mine), []
        among = np.arange(min(mine, flags := int(cases * share)) + 1)
        for i in among:
            flag = np.r_[np.arange(mine) < i, np.arange(cases - mine) < flags - i].astype(float)
            p.append(superiority(pd.Series(flag), has, pd.Series(0, has.index), None)["p_value"])
        _passes(f"{mine} of {cases} cases, a flag of {share:.0%}", hypergeom.pmf(among, cases, flags, mine), p)
    for n, share in ((10, 0.75), (20, 0.95), (40, 0.9), (100, 0.95)):
        satisfied, p = int(600 * share), []
        for hits in range(n + 1):
            csat = np.r_[np.arange(n) < hits, np.arange(600 - n) < satisfied - hits] * 4.0 + 1
            frame = pd.DataFrame({"csat": csat, "team": np.where(np.arange(600) < n, "a", "b")})
            p.append(contrast_groups(frame, "csat", "team", cut=0.01)["p_value"].iloc[0])
        _passes(f"{n} of 600 answers, {share:.0%} satisfied", hypergeom.pmf(np.arange(n + 1), 600, satisfied, n), p)


def _passes(name: str, chances: np.ndarray, p_values: list[float]) -> None:
    parts = [f"{chances[np.array(p_values) <= level].sum() / level:.2f} of {level:g}" for level in LEVELS]
    tell(f"{name}: {', '.join(parts)}")


def leaving(draws: int) -> None:
    """P-values and intervals of what customers leave after, where leaving is chance and what happens is rare."""
    p, held = [], []
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        n = 12_000
        names = ["perception_complaints_90d", "operations_reopens_90d", "operations_transfers_90d"]
        frame = pd.DataFrame({name: rng.poisson(0.03, n).astype(float) for name in names})
        frame["customer_id"] = np.tile(np.arange(n // 3), 3).astype(str)
        frame["cutoff"] = np.repeat(pd.date_range("2026-01-01", periods=3, freq="90D", tz="UTC"), n // 3)
        table = leaving_ratios(frame.assign(left_within=rng.random(n) < 0.022))
        p += table["p_value"].tolist()
        held += (table["low"].le(1) & table["high"].ge(1)).tolist()
    _passes(f"{len(p)} tests, 95 % intervals hold {np.mean(held):.1%}", np.full(len(p), 1 / len(p)), p)


def steps(draws: int) -> None:
    """An action's step over months that depend on each other: coverage, false findings, and power in a report."""
    config = Config(organisation=Organisation(name="Acme"), sources={"surveys": Source(path="s.csv")})
    for (months, after), rho in product(((12, 3), (14, 5), (24, 6), (36, 12)), (0.0, 0.3, 0.6)):
        rng, post = np.random.default_rng(0), np.arange(months) >= months - after
        held, false, told = 0, np.zeros(len(LEVELS)), 0
        for _ in range(draws):
            series = [rng.normal()]
            while len(series) < months:
                series.append(rho * series[-1] + np.sqrt(1 - rho**2) * rng.normal())
            row, moved = (_step(np.array(series) + size * post, post, False, "up", config) for size in (0.0, 5.0))
            held += row["low"] <= 0 <= row["high"]
            false += row["p_value"] <= np.array(LEVELS)
            told += moved["p_value"] <= CUT
        passes = ", ".join(f"{share:.2%}" for share in false / draws)
        tell(f"{months} months, {after} after, dependence {rho}: held {held / draws:.1%}, false {passes} at "
             f"{LEVELS}, a step of five standard deviations of a month told in {told / draws:.0%}")  # fmt: skip


def promises(draws: int) -> None:
    """Coverage and verdicts where promises are kept, and where they are broken and customers come back."""
    for n, (kept, options) in product((150, 1_000), ((0.95, {}), (0.97, {"confirm": 0.9}), (0.7, {"back": 0.9}))):
        rows = []
        for seed in range(draws):
            tables = operation(seed, kept=kept, n=n, **options)
            vow = SOLVED.model_copy(update={"threshold": 48, "share": 0.9})
            rows.append(score_promises([vow], tables, build_cases(tables, until="2026-04-01")).iloc[0])
        table = pd.DataFrame(rows)
        ours, theirs = ((table[f"{s}_low"].le(kept) & table[f"{s}_high"].ge(kept)).mean() for s in ("records", "view"))
        broken = table["view_verdict"].eq("not kept").mean()
        tell(f"{n} cases, {kept:.0%} kept: records hold it {ours:.0%}, their view {theirs:.0%}, not kept {broken:.0%}")


def odd_team(draws: int) -> None:
    """How often one odd team stands, and how often another one does beside it, at the threshold that reports have."""
    for teams, odd in product((4, 6), (0.45, 0.95)):
        stands, others = 0, 0
        for seed in range(draws):
            rng = np.random.default_rng(seed)
            team = rng.integers(0, teams, 600)
            csat = np.where(rng.random(600) < np.where(team == 0, odd, 0.75), 5.0, 1.0)
            frame = contrast_groups(pd.DataFrame({"csat": csat, "team": team.astype(str)}), "csat", "team", cut=0.002)
            stands, others = stands + frame["differs"].iloc[0], others + frame["differs"].iloc[1:].any()
        tell(f"{teams} teams, one at {odd:.0%}: it stands in {stands / draws:.1%}, another in {others / draws:.1%}")


def explained(draws: int) -> None:
    """Power and coverage of bands and diagnoses: a figure that goes with the score, or with a problem of 60 of 600."""
    for fall in (0.0, 0.075, 0.15, 0.3):
        told, held, differs, inside = 0, 0, 0, 0
        for seed in range(draws):
            rng = np.random.default_rng(seed)
            wait = rng.exponential(1.0, 600)
            place = wait.argsort().argsort() / 600
            csat = np.where(rng.random(600) < 0.85 - fall * place, 5.0, 1.0)
            cases = pd.DataFrame({"first_response_h": wait, "csat": csat})
            bands = contrast_bands(cases, "first_response_h", cut=CUT)
            told += bands.differs
            true = -fall * (place[wait > np.quantile(wait, 0.95)].mean() - place[wait < np.quantile(wait, 0.2)].mean())
            held += bands.low <= true <= bands.high
            has = np.arange(600) < 60
            row = superiority(pd.Series(wait + fall * 3 * has), pd.Series(has), pd.Series(0, range(600)), None)
            low, high = row["interval"](0.95)
            differs += row["p_value"] <= CUT
            inside += low <= 1 - np.exp(-3 * fall) / 2 <= high
        tell(f"bands, {100 * fall:.0f} points: told in {told / draws:.0%}, the interval holds it in {held / draws:.1%}")
        chance = 1 - np.exp(-3 * fall) / 2
        tell(f"diagnosis, superiority {chance:.2f}: in {differs / draws:.0%}, holds in {inside / draws:.1%}")


def watch(draws: int) -> None:
    """False alarms a year of a score that `perception watch` looks at every day, told once a window as there."""
    window, years = DAYS["month"], draws / 40
    for n, wobble in ((300, 0.0), (300, 2.0), (2_000, 0.0), (2_000, 2.0)):
        rng = np.random.default_rng(0)
        days = int(365 * years) + window * WINDOWS
        level = rng.normal(0, wobble / 200, days // window + 1)[np.arange(days) // window]
        marks = np.column_stack([0.45 + level, 0.25 - level, np.full(days, 0.3)])
        counts = rng.multinomial(rng.poisson(n / window, days), marks).cumsum(axis=0)
        sums = np.vstack([np.zeros((1, 3), dtype=int), counts])
        ends = np.arange(window * WINDOWS, days)[:, None] - window * np.arange(WINDOWS)[::-1]
        windows = sums[ends] - sums[ends - window]  # looks, windows and marks
        size = windows.sum(axis=2)
        score, high, low = (
            100 * (windows[..., 0] - windows[..., 1]) / size,
            *((windows[..., i] + 0.75) / (size + 3) for i in (0, 1)),
        )
        error = 100 * np.sqrt((high + low - (high - low) ** 2) / (size + 3))
        looks = np.flatnonzero(_may_alarm(score, error))
        alarms, told = 0, {"rose": -window, "fell": -window}
        for look in looks:
            facts = {"n": pd.Series(size[look]), "se": pd.Series(error[look]), "chance": WATCHED}
            word = detect_signals(pd.Series(score[look]), **facts).word
            if word in told and look - told[word] >= window:
                alarms, told[word] = alarms + 1, look
        tell(f"{n} answers a month, movement {wobble:g}: {alarms / years:.2f} false alarms a year, {years:g} years")


def _may_alarm(score: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Looks that could raise an alarm: the latest, the last three or a line apart by the sampling error alone."""
    calm, line = error.mean(axis=1), np.arange(18) - 8.5
    last = (score[:, -1] - score[:, :-1].mean(axis=1)) / (calm * np.sqrt(1 + 1 / 24))
    three = (score[:, -3:].mean(axis=1) - score[:, :-3].mean(axis=1)) / (calm * np.sqrt(1 / 3 + 1 / 22))
    slope = score[:, -18:] @ line / (calm * np.sqrt((line**2).sum()))
    return np.abs(np.column_stack([last, three, slope])).max(axis=1) > 3


SIMULATIONS: tuple[Callable[[int], None], ...] = (
    movement,
    waves,
    picked,
    tails,
    leaving,
    steps,
    promises,
    odd_team,
    explained,
    watch,
)

if __name__ == "__main__":
    name, draws = [*sys.argv[1:], "", ""][:2]
    for simulate in (s for s in SIMULATIONS if name in ("", s.__name__)):
        tell(f"\n{simulate.__name__}: {simulate.__doc__}")
        simulate(int(draws or 400))
