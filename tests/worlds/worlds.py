"""The worlds that are run: all of them, and the ten of the suite."""

from collections.abc import Iterator
from dataclasses import replace

from tests.worlds.world import World

STRONG = (  # what a report has to tell
    World("fall of 25 at 600", fall=25),
    World("one bad team at 600", teams=(("Moves", 30.0),)),
    World("resolved only", resolved_only=True),
    World("theme doubles", monthly=2_200, theme="system_failure"),  # about 600 critical texts, one in fourteen
    World("leaving by one cause", months=26, leaving=True),
    World("promise broken", kept=0.6),
    World("cause: reopened", cause="reopened"),
    World("cause: waiting", cause="wait_time_s"),
    World("action works", 900, helps=40),
)
OTHERS = (
    World("fall of 10 at 600", fall=10), World("fall of 15 at 600", fall=15),
    World("fall of 25 at 150", monthly=150, fall=25),
    World("fall of 25 at 60", monthly=60, fall=25), World("fall of 15 at 3,000", monthly=3_000, months=8, fall=15),
    World("slow fall", slow=25), World("cheaper and worse", months=26, slow=40, faster=True),
    World("one good team", teams=(("Northern", -40.0),)), World("one slow team, content", missed="Mobile"),
    World("handle time falls", months=26, faster=True), World("rare theme doubles", 1_800, theme="billing_price"),
)  # fmt: skip
QUIET = ((60, 3), (60, 14), (60, 36), (150, 5), (150, 14), (150, 26), (600, 3), (600, 8), (600, 14), (600, 26))
SEEDS = 12


def whole() -> Iterator[World]:
    """Every world, about 300."""
    for monthly, months in QUIET:
        for seed in range(SEEDS):
            name = f"quiet, {monthly} answers, {months} months"
            yield World(name, monthly, months, repeats=seed % 3 == 2, again=seed % 4 == 0, seed=seed)
    for seed in range(SEEDS):
        yield World("usual movement of 2 points", (600, 1_500)[seed % 2], (9, 14, 26)[seed % 3], wobble=2, seed=seed)
    for seed in range(3):
        yield World("quiet, 3,000 answers, 14 months", 3_000, 14, again=True, seed=seed)
        yield World("quiet, 1,500 answers, 36 months", 1_500, 36, seed=seed)
    for world in (*STRONG, *OTHERS):
        for seed in range(SEEDS if world in STRONG else SEEDS // 2):
            yield replace(world, seed=100 + seed)


def short() -> Iterator[World]:
    """Ten worlds for the suite, small and quick."""
    for seed, (monthly, months) in enumerate([(60, 14), (150, 14), (150, 5), (300, 10)]):
        yield World(f"quiet, {monthly}, {months}", monthly, months, repeats=seed == 1, again=seed == 2, seed=seed)
    for world in (
        World("fall", monthly=300, fall=40), World("bad team", 500, 8, teams=(("Moves", 60.0),)),
        World("resolved only", 300, 8, resolved_only=True), World("promise broken", 300, 8, kept=0.4),
        World("cause", 500, 8, cause="reopened", cause_points=90), World("handle time falls", 150, 24, faster=True),
    ):  # fmt: skip
        yield replace(world, seed=7)
