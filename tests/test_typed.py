"""The public names as a user's type checker sees them: with their types, not as objects."""

import re
import subprocess
import sys
from pathlib import Path

import analytics
from analytics import report

ROOT = Path(__file__).resolve().parents[1]
USE = """
import pandas as pd
from analytics import Estimate, Problem, build_cases, load_config, net_promoter_score, simulate
from analytics.report import load_story, show_problems

estimate: Estimate = net_promoter_score(pd.Series([9, 10, 3]))
width: float = estimate.high - estimate.low
tables, truth = simulate(seed=0)
cases: pd.DataFrame = build_cases(tables)
story = load_story(load_config("perception.toml"), "2026-10")
show_problems(story)
load_story(3, "2026-10")
estimate.hihg
"""


def test_a_users_checker_knows_every_public_name_and_finds_their_mistakes(tmp_path):
    names = "\n".join(
        f"reveal_type({package.__name__}.{name})" for package in (analytics, report) for name in package.__all__
    )
    (tmp_path / "use.py").write_text(USE + "\nimport analytics\nimport analytics.report\n" + names + "\n")
    call = [sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", "--follow-imports=silent", "use.py"]
    done = subprocess.run(
        [*call, "--cache-dir", ROOT / ".mypy_cache"], cwd=tmp_path, capture_output=True, text=True,
        env={"MYPYPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    revealed = re.findall(r'Revealed type is "(.*)"', done.stdout)
    assert len(revealed) == len(analytics.__all__) + len(report.__all__), done.stdout + done.stderr
    assert not [text for text in revealed if text in ("object", "builtins.object", "Any")]
    faults = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(faults) == 2, faults
    assert 'Argument 1 to "load_story" has incompatible type "int"' in faults[0] and "hihg" in faults[1]
