"""Results of many worlds as the two tables of METHODS.md."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

METHODS = Path(__file__).parents[2] / "METHODS.md"
BEGIN, END = "<!-- worlds: written by make worlds -->", "<!-- end of worlds -->"
NOTHING = pd.DataFrame({"kind": [], "true": [], "world": []})


def summarise(results: Sequence[dict[str, Any]]) -> str:
    """Per kind of sentence and interval: how often it is right; what was told of what goes on."""
    published = [r for r in results if not r["fault"]]
    quiet = [r for r in published if r["null"]]
    wrong = [r for r in quiet if any(a["true"] is False for a in r["assertions"])]
    lines = [
        f"{len(results)} worlds, {len(results) - len(published)} of them not published. Of {len(quiet)} in which "
        f"nothing goes on, {len(wrong)} ({_percent(len(wrong), len(quiet))}) hold a false sentence. "
        f"Reports that contradict themselves: {sum(bool(r['contradictions']) for r in published)}.", "",
        "| sentence | said when true | said when false | reports with a false one |", "|---|---|---|---|",
    ]  # fmt: skip
    said = pd.DataFrame([a | {"report": i} for i, r in enumerate(published) for a in r["assertions"]])
    for kind, part in said[said["true"].notna()].groupby("kind") if len(said) else ():
        true = part["true"].astype(bool)
        reports = part.loc[~true, "report"].nunique()
        lines.append(f"| {kind} | {true.sum()} | {(~true).sum()} | {reports} ({_percent(reports, len(published))}) |")
    lines += ["", "| what goes on | told | not told |", "|---|---|---|"]
    due = pd.DataFrame(
        [(r["world"]["name"], *e) for r in published for e in r["expected"]],
        columns=["world", "kind", "subject", "told"],
    )
    for (world, kind), part in due.groupby(["world", "kind"], sort=False):
        lines.append(f"| {world}: {kind} | {part['told'].sum()} of {len(part)} | {(~part['told']).sum()} |")
    lines += ["", "| interval | holds the truth |", "|---|---|"]
    drawn = pd.DataFrame([i for r in published for i in r["intervals"]])
    for kind, part in drawn.groupby("kind") if len(drawn) else ():
        lines.append(f"| {kind} | {part['holds'].sum()} of {len(part)} ({_percent(part['holds'].sum(), len(part))}) |")
    return "\n".join(lines)


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def write_methods(file: Path, tables: str) -> None:
    """Put the tables between their two marks."""
    text = file.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    file.write_text(f"{before}{BEGIN}\n{tables}\n{END}{after}", encoding="utf-8")
