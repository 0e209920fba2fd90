"""Judge the reports of many worlds, and print per kind of sentence how often it is right.

``python -m tests.worlds`` runs all, ``python -m tests.worlds "quiet, 600" --seeds 2`` some.
"""

import argparse
import json
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


def main() -> None:
    """Run, print, and with --methods write the tables where METHODS.md has them."""
    parser = argparse.ArgumentParser(prog="python -m tests.worlds", description=__doc__)
    parser.add_argument("names", nargs="*", help="how the names of worlds begin; default: all")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="operations of each world at most")
    parser.add_argument("--json", type=Path, help="file for every result, one a line")
    parser.add_argument("--methods", action="store_true", help="renew the tables of METHODS.md")
    asked = parser.parse_args()
    worlds = [w for w in whole() if w.seed % 100 < asked.seeds and w.name.startswith(tuple(asked.names) or "")]
    with tempfile.TemporaryDirectory() as scores, ProcessPoolExecutor(2) as pool:
        results = list(pool.map(run_one, worlds, [scores] * len(worlds)))
    if asked.json:
        asked.json.write_text("\n".join(map(json.dumps, results)) + "\n", encoding="utf-8")
    tables = summarise(results)
    sys.stdout.write(tables + "\n")
    if asked.methods:
        write_methods(METHODS, tables)


if __name__ == "__main__":
    main()
