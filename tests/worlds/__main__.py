"""Run every world and print, per kind of sentence, how often it is right: ``python -m tests.worlds [--methods]``."""

import json
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.worlds.table import METHODS, summarise, write_methods
from tests.worlds.worlds import whole


def run_one(world: Any, scores: str) -> dict[str, Any]:
    """One world's report, judged."""
    from tests.worlds.contradictions import contradictions
    from tests.worlds.judge import assertions, expected, intervals, is_told
    from tests.worlds.publishing import publish

    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = publish(world, Path(folder), Path(scores))
        every = list(assertions(report)) if not report.fault else []
        return {
            "world": asdict(world), "null": world.null, "fault": report.fault, "seconds": time.monotonic() - started,
            "assertions": [a._asdict() for a in every],
            "contradictions": contradictions(report.blocks, report.claims, report.drawn),
            "expected": [[kind, subject, is_told(kind, subject, every)] for kind, subject in expected(report)],
            "intervals": [i._asdict() for i in intervals(report)] if not report.fault else [],
        }  # fmt: skip


def main() -> None:
    """Run, print, and with --methods write the table where METHODS.md has it."""
    only = [word for word in sys.argv[1:] if not word.startswith("-")]
    worlds = [world for world in whole() if not only or any(world.name.startswith(name) for name in only)]
    with tempfile.TemporaryDirectory() as scores, ProcessPoolExecutor(2) as pool:
        jobs = [pool.submit(run_one, world, scores) for world in worlds]
        results = [job.result() for job in jobs]
    if out := next((word.removeprefix("--json=") for word in sys.argv if word.startswith("--json=")), ""):
        Path(out).write_text("\n".join(map(json.dumps, results)) + "\n", encoding="utf-8")
    tables = summarise(results)
    sys.stdout.write(tables + "\n")
    if "--methods" in sys.argv:
        write_methods(METHODS, tables)


if __name__ == "__main__":
    main()
