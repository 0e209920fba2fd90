"""Kill the runner or its kernel at random moments and look at what is published; run by test_faults.

Usage: kills.py FOLDER TRIES SEED. Prints one JSON object: tries, how many ended with the new report, and every fault.
The processes are forks of this one, which has imported everything, so that a try costs little more than its kernel.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import nbconvert  # noqa: F401  imported once, before the forks
import papermill  # noqa: F401
import typst  # noqa: F401

from analytics.publish.run import build_report
from analytics.publish.versions import FILES, version_of

PERIOD = "2025-03"


def start(root: Path, name: str = "small") -> int:
    child = os.fork()
    if child == 0:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        code = 1
        try:
            build_report(name, PERIOD, root / "perception.toml")
            code = 0
        finally:
            os._exit(code)
    return child


def kernels(runner: int) -> list[int]:
    """Processes that the runner has started."""
    try:
        return [int(p) for t in Path(f"/proc/{runner}/task").iterdir() for p in (t / "children").read_text().split()]
    except OSError:
        return []


def lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def part_fault(folder: Path) -> str:
    """What is missing or not of one run in a published folder, '' for nothing."""
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        return f"missing: {missing}"
    manifest = json.loads((folder / "manifest.json").read_text())
    if wrong := [name for name, known in manifest["files"].items() if digest(folder / name) != known]:
        return f"not of one run: {wrong}"
    return ""


def fault_of(folder: Path, before: str, version: int) -> str:
    """What is wrong with the published folder, '' for nothing: it must hold the old or the new report, whole."""
    if fault := part_fault(folder):
        return fault
    if version_of(folder) == version:
        return "" if digest(folder / "report.pdf") == before else "the old version has another PDF"
    kept = folder / f"versions/v{version}/report.pdf"
    if version_of(folder) != version + 1 or not kept.is_file() or digest(kept) != before:
        return f"version {version_of(folder)} after {version}, without the one before"
    return ""


def main(root: Path, tries: int, seed: int) -> None:
    rng, folder = random.Random(seed), root / "reports" / "small" / PERIOD
    began = time.monotonic()
    os.waitpid(start(root), 0)
    usual, faults, new, seen, killed = time.monotonic() - began, [], 0, set(), {"runner": 0, "kernel": 0}
    for number in range(tries):
        with (root / "surveys.csv").open("a") as file:  # each try would publish another report
            rows = (f"k{number}-{i}" for i in range(10))  # as many people as make a version
            file.writelines(f"{row},{row},{PERIOD}-20,{PERIOD}-20,{1 + number % 5}\n" for row in rows)
        before, version = digest(folder / "report.pdf"), version_of(folder)
        runner = start(root)
        time.sleep(rng.uniform(0, 1.1 * usual))
        running = kernels(runner)
        seen.update(running)
        kernel = bool(running) and rng.random() < 0.5
        killed["kernel" if kernel else "runner"] += 1
        try:
            os.kill(running[0] if kernel else runner, signal.SIGKILL)
        except ProcessLookupError:
            pass
        done = os.waitstatus_to_exitcode(os.waitpid(runner, 0)[1]) == 0
        usual *= 0.9 if done else 1.03  # so that kills strike at every moment, and one in five comes too late
        new += version_of(folder) != version
        if fault := fault_of(folder, before, version):
            faults.append(f"try {number}: {fault}")
    code = os.waitstatus_to_exitcode(os.waitpid(start(root), 0)[1])
    left = [p.name for p in folder.parent.iterdir() if p.is_dir() and p.name != PERIOD]
    limit = time.monotonic() + 60
    while any(map(lives, seen)) and time.monotonic() < limit:
        time.sleep(0.5)
    orphans = [process for process in seen if lives(process)]
    found = {"tries": tries, "killed": killed, "new": new, "faults": faults, "last": code, "left": left}
    sys.stdout.write(json.dumps(found | {"orphans": orphans, "seconds": round(usual, 1)}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
