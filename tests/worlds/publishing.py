"""The leadership report of a world as it would be published, without a kernel and without the PDF."""

import ast
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pandas as pd

from analytics.config import load_config
from analytics.publish import blocks, figures
from analytics.publish.blocks import Block
from analytics.publish.collect import collect, findings, refuse_unfounded
from analytics.publish.kernel import load_library
from analytics.publish.run import check_parameters, find_notebook
from analytics.report.story import Story
from analytics.tables.periods import parse_period
from tests.worlds.contradictions import Drawn
from tests.worlds.world import Made, World, make

nbformat = load_library("nbformat")
SETTINGS = Path(__file__).with_name("world.toml")
PERIODS = ("2026-09", "2026-10")


class Report(NamedTuple):
    """What was published of a world: its blocks and claims, or the fault that kept it back, and what is true."""

    world: World
    made: Made
    blocks: list[dict[str, Any]]
    claims: list[dict[str, Any]]
    story: Story | None = None
    drawn: tuple[Drawn, ...] = ()
    fault: str = ""


def execute(notebook: Path, values: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Run a notebook's cells in this process: the notebook with what they show, and the names they leave."""
    nb, names = nbformat.read(notebook, as_version=4), dict(values)
    for cell in nb.cells:
        if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", []):
            tree = ast.parse(cell.source)
            last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, notebook.name, "exec"), names)
            shown = eval(compile(ast.Expression(last.value), notebook.name, "eval"), names) if last else None
            parts = [block for block in getattr(shown, "blocks", [shown]) if isinstance(block, Block)]
            cell.outputs = [nbformat.v4.new_output("display_data", block._repr_mimebundle_()) for block in parts]
    return nb, names


def execute_here(notebook: Path, values: Mapping[str, Any], root: Path, cell_limit: float) -> Any:
    """In place of `kernel.execute`: a notebook run in this process, which costs seconds less."""
    with _inside(root):
        return execute(notebook, values)[0]


@contextmanager
def recorded() -> Iterator[list[Drawn]]:
    """Keep what charts of intervals draw, with the titles under which they are shown; nothing is drawn."""
    charts: list[Drawn] = []
    rows_of: dict[int, tuple[pd.DataFrame, float | None]] = {}
    plot, show = figures.plot_intervals, blocks.figure

    def plot_intervals(frame: pd.DataFrame, **options: Any) -> Any:
        fig = plot(frame, **options)
        rows_of[id(fig)] = frame.copy(), options.get("reference")
        return fig

    def figure(fig: Any, **options: Any) -> Block:
        if id(fig) in rows_of:
            charts.append(Drawn(options["caption"], *rows_of.pop(id(fig))))
        return show(fig, **options)

    drawing = patch.object(figures, "draw", lambda fig: ("<svg/>", "<svg/>"))
    with patch.object(figures, "plot_intervals", plot_intervals), patch.object(blocks, "figure", figure), drawing:
        yield charts


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def publish(world: World, folder: Path, scores: Path) -> Report:
    """Make a world in an empty folder and build its last report through the gates of publication.

    `scores` keeps the texts' scores from one world to the next.
    """
    made = make(world)
    (folder / "data" / "derived").mkdir(parents=True)
    (folder / "data" / "derived" / "scores").symlink_to(scores.resolve())
    (folder / "perception.toml").write_text(SETTINGS.read_text())
    for name, frame in made.tables.items():
        frame.to_parquet(folder / "data" / f"{name}.parquet", index=False)
    try:
        for period in PERIODS if world.again else PERIODS[1:]:
            report = _build(world, made, folder, period)
    except Exception as fault:  # whatever keeps a report back is a finding here
        return Report(world, made, [], [], fault=f"{type(fault).__name__}: {fault}")
    return report


def _build(world: World, made: Made, folder: Path, period: str) -> Report:
    config = load_config(folder / "perception.toml")
    notebook = find_notebook("leadership", config.root)
    values = check_parameters(notebook, {"config": "perception.toml", "period": period})
    with _inside(folder), recorded() as charts:
        nb, names = execute(notebook, values)
    shown = collect(nb)
    refuse_unfounded(shown, config.organisation.minimum_group, parse_period(period).localise("UTC"))
    claims = json.loads(json.dumps(list(findings(shown))))
    target = folder / "reports" / "leadership" / period
    target.mkdir(parents=True)
    (target / "claims.json").write_text(json.dumps({"report": "leadership", "period": period, "claims": claims}))
    return Report(world, made, shown, claims, names["story"], tuple(charts))


def rows(table: Mapping[str, Any]) -> pd.DataFrame:
    """A table block as a frame."""
    return pd.DataFrame(table["rows"], columns=[column["label"] for column in table["columns"]])
