"""Run two reports of one folder at the same moment, again and again; run by test_faults.

Usage: pairs.py FOLDER PAIRS. Prints one JSON object: how many pairs, and every run that did not publish a whole report.
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # beside it, wherever it is started
from kills import PERIOD, part_fault, start  # noqa: E402

NAMES = ("small", "ok")


def main(root: Path, pairs: int) -> None:
    faults = []
    for number in range(pairs):
        runners = {start(root, name): name for name in NAMES}
        for runner, name in runners.items():
            code = os.waitstatus_to_exitcode(os.waitpid(runner, 0)[1])
            fault = f"exit code {code}" if code else part_fault(root / "reports" / name / PERIOD)
            if fault:
                faults.append(f"pair {number}, {name}: {fault}")
    sys.stdout.write(json.dumps({"pairs": pairs, "faults": faults, "left": [p.name for p in root.glob("kernel*")]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
