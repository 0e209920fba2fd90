"""How often the demo's shares of problems hold what is planted: ``python tests/demo_shares.py [SEEDS]``, default 20."""

import sys
import tempfile
from pathlib import Path

import pandas as pd

from analytics.config import load_config
from analytics.report.story import Story, load_story
from analytics.tables.demo.simulate import Truth, write_demo
from analytics.text.demo_readings import write_readings
from analytics.text.themes import THEMES

ROOT = Path(__file__).resolve().parents[1]


def demo_story(seed: int, folder: Path, months: int = 3, model: str = "fast") -> tuple[Story, Truth]:
    """The last month of a demo with its readings, and the truth."""
    truth = write_demo(folder / "data/demo", seed=seed, months=months)
    write_readings(folder / "data/demo", truth)
    (folder / "perception.toml").write_text((ROOT / "perception.toml").read_text(encoding="utf-8"), encoding="utf-8")
    config = load_config(folder / "perception.toml")
    config = config.model_copy(update={"text": config.text.model_copy(update={"model": model})})
    return load_story(config, truth.until[:7]), truth


def compare(story: Story, truth: Truth) -> pd.DataFrame:
    """Each theme's share as told, and as planted among the same texts."""
    planted = pd.concat([truth.comments, truth.complaints]).reindex(story.critical["comment_id"])
    share = {t: sum(t in named for named in planted["blamed"]) / len(planted) for t in THEMES}
    table = story.problem_table.assign(planted=lambda rows: rows["theme"].map(share))
    return table.assign(holds=table["planted"].between(table["low"], table["high"]))


def main(seeds: int) -> None:
    """Print, over all themes and over the open ones, how often the interval holds the planted share."""
    tables = []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            tables.append(compare(*demo_story(seed, Path(folder))).assign(seed=seed))
    every = pd.concat(tables)
    opened = every[every["open"]]
    for name, rows in (("all", every), ("open", opened)):
        error = (rows["value"] - rows["planted"]).abs().mean()
        counted = (rows["counted"] - rows["planted"]).abs().mean()
        held = f"{rows['holds'].sum()} of {len(rows)} hold"
        sys.stdout.write(f"{name}: {held}; {error:.3f} off, the count {counted:.3f}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
