"""Judge the reports of many worlds, and print per kind of sentence how often it is right.

``python -m tests.worlds`` runs all, ``python -m tests.worlds "quiet, 600" --seeds 2`` some. With ``--json`` a run that
was broken off goes on where it stopped.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.worlds.contradictions import contradictions
from tests.worlds.judge import assertions, expected, intervals, is_told
from tests.worlds.publishing import publish
from tests.worlds.table import METHODS, summarise, write_methods
from tests.worlds.world import World
from tests.worlds.worlds import SEEDS, whole


def run_one(world: World, scores: str) -> dict[str, Any]:
    """One world's report, judged."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = publish(world, Path(folder), Path(scores))
    every = list(assertions(report)) if not report.fault else []
    return {
        "world": asdict(world), "null": world.null, "fault": report.fault, "seconds": time.monotonic() - started,
        "assertions": [a._asdict() for a in every],
        "expected": [[kind, subject, is_told(kind, subject, every)] for kind, subject in expected(report)],
        "intervals": [i._asdict() for i in intervals(report)] if not report.fault else [],
        "contradictions": contradictions(report.blocks, report.claims, report.drawn),
    }  # fmt: skip


def run(worlds: list[World], file: Path, scores: Path) -> list[dict[str, Any]]:
    """Results of some worlds, those read that stand in the file already, the others added to it as they come."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    results = {(r["world"]["name"], r["world"]["seed"]): r for r in map(json.loads, lines)}
    left = [world for world in worlds if (world.name, world.seed) not in results]
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as pool, file.open("a", encoding="utf-8") as out:
        for world, result in zip(left, pool.map(run_one, left, [str(scores)] * len(left)), strict=True):
            results[world.name, world.seed] = result
            out.write(json.dumps(result) + "\n")
            out.flush()
    return [results[world.name, world.seed] for world in worlds]


def main() -> None:
    """Run, print, and with --methods write the tables where METHODS.md has them."""
    parser = argparse.ArgumentParser(prog="python -m tests.worlds", description=__doc__)
    parser.add_argument("names", nargs="*", help="how the names of worlds begin; default: all")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="operations of each world at most")
    parser.add_argument("--json", type=Path, help="file for every result, one a line")
    parser.add_argument("--scores", type=Path, help="folder that keeps the texts' scores for the next run")
    parser.add_argument("--methods", action="store_true", help="renew the tables of METHODS.md")
    asked = parser.parse_args()
    if asked.scores:
        asked.scores.mkdir(parents=True, exist_ok=True)
    worlds = [w for w in whole() if w.seed % 100 < asked.seeds and w.name.startswith(tuple(asked.names) or "")]
    with tempfile.TemporaryDirectory() as scratch:
        tables = summarise(run(worlds, asked.json or Path(scratch, "results.jsonl"), asked.scores or Path(scratch)))
    sys.stdout.write(tables + "\n")
    if asked.methods:
        write_methods(METHODS, tables)


if __name__ == "__main__":
    main()
