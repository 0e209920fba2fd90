"""Fixtures shared by all tests: an organisation with small notebooks, one report published from it, real data."""

import ast
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from analytics.publish import run
from analytics.publish.run import Published, build_report

PUBLISH = Path(__file__).parent / "publish"


@pytest.fixture(scope="session")
def datasets() -> Path:
    """Folder of real exports kept beside the repository; tests that need it skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "datasets"
    if not folder.is_dir():
        pytest.skip("real data sets are not at hand: no folder ../shared/datasets beside the repository")
    return folder


@pytest.fixture(scope="session")
def payloads() -> list[str]:
    return json.loads((PUBLISH / "hostile.json").read_text())


@pytest.fixture(scope="session")
def organise() -> Callable[..., Path]:
    """Make a folder with perception.toml, the test notebooks and the hostile texts."""
    return _organise


def _organise(root: Path, paper: str = "a4") -> Path:
    shutil.copytree(PUBLISH / "notebooks", root / "notebooks")
    shutil.copy(PUBLISH / "hostile.json", root)
    config = root / "perception.toml"
    config.write_text(
        f'[organisation]\nname = "Acme Telecom"\n[report]\npaper = "{paper}"\n[sources.surveys]\npath = "surveys.csv"\n'
    )
    return config


@pytest.fixture(scope="session")
def config(tmp_path_factory) -> Path:
    return _organise(tmp_path_factory.mktemp("acme"))


@pytest.fixture(scope="session")
def published(config) -> Published:
    return build_report("ok", "2025-03", config)


@pytest.fixture(scope="session")
def hostile(tmp_path_factory) -> Published:
    return build_report("hostile", "2025-03", _organise(tmp_path_factory.mktemp("hostile"), "us-letter"))


@pytest.fixture
def small(tmp_path, organise) -> Path:
    """An organisation with twelve answers in each of January, February and March 2025, and report_small for them."""
    config = organise(tmp_path / "small")
    lines = [
        f"{month}-{day},a{month}{day},2025-0{month}-{day},2025-0{month}-{day},{score}"
        for month in (1, 2, 3)
        for day, score in enumerate([5] * 9 + [1] * 3, start=10)
    ]
    header = "response_id,customer_id,invited_at,responded_at,csat"
    (config.parent / "surveys.csv").write_text("\n".join([header, *lines, ""]))
    return config


@pytest.fixture
def in_process(monkeypatch) -> None:
    """Run notebooks' cells in this process: a kernel costs seconds, and few tests are about it."""

    def execute(notebook, values, root, cell_limit):
        monkeypatch.chdir(root)
        nb = nbformat.read(notebook, as_version=4)
        names = dict(values)
        for cell in nb.cells:
            if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", []):
                tree = ast.parse(cell.source)
                last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
                exec(compile(tree, notebook.name, "exec"), names)
                shown = eval(compile(ast.Expression(last.value), notebook.name, "eval"), names) if last else None
                if shown is not None:
                    cell.outputs = [nbformat.v4.new_output("display_data", shown._repr_mimebundle_())]
        return nb

    monkeypatch.setattr(run, "execute", execute)
