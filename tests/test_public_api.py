"""What the project promises about itself: names, docs, versions, environment, notebooks."""

import inspect
import json
import re
import tomllib
from pathlib import Path

import pytest

import analytics
from analytics.measures import recovery, response, scores, shares

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("name", analytics.__all__)
def test_each_public_name_exists_and_is_documented(name):
    doc = inspect.getdoc(getattr(analytics, name))
    assert doc, f"{name} has no docstring"
    first = doc.splitlines()[0]
    assert first.endswith("."), f"{name}: the first line of its docstring is not a sentence: {first!r}"


@pytest.mark.parametrize("name", [n for n in analytics.__all__ if n[0].islower()])
def test_each_public_function_cites_and_shows_an_example(name):
    doc = inspect.getdoc(getattr(analytics, name))
    for heading in ("Examples", "References"):
        assert re.search(rf"^{heading}\n-+$", doc, re.MULTILINE), f"{name} has no {heading} section"


def test_an_unknown_public_name_lists_the_known_ones():
    with pytest.raises(AttributeError, match="It has: .*load_config"):
        analytics.no_such_name  # noqa: B018


def test_version_equals_the_newest_changelog_heading():
    headings = re.findall(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert analytics.__version__ == PROJECT["version"] == headings[0]


def test_every_measure_has_an_entry_in_methods():
    methods = (ROOT / "METHODS.md").read_text(encoding="utf-8")
    measures = [
        name
        for module in (scores, shares, response, recovery)
        for name, f in vars(module).items()
        if inspect.isfunction(f) and f.__module__ == module.__name__ and not name.startswith("_")
    ]
    assert [name for name in measures if f"`{name}`" not in methods] == []


def test_conda_environment_equals_pyproject():
    listed = set(re.findall(r'^      - "(.+)"$', (ROOT / "environment.yml").read_text(encoding="utf-8"), re.MULTILINE))
    extras = PROJECT["optional-dependencies"]
    wanted = {d for d in PROJECT["dependencies"] + extras["postgres"] + extras["scale"] + extras["dev"]}
    assert listed == {d for d in wanted if not d.startswith(PROJECT["name"])}


def test_every_dependency_is_pinned_with_a_hash_and_has_its_line_in_contributing():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    extras = PROJECT["optional-dependencies"]
    direct = PROJECT["dependencies"] + extras["postgres"] + extras["scale"] + extras["dev"]
    names = {re.match(r"[A-Za-z0-9-]+", d)[0] for d in direct} - {PROJECT["name"]}
    for name in sorted(names):
        assert re.search(rf"^{name}(\[[^\]]*\])?==\S+.*\\\n    --hash=sha256:", lock, re.MULTILINE | re.IGNORECASE), (
            name
        )
        assert f"`{name}`" in contributing, f"CONTRIBUTING.md does not say what {name} saves us"


def test_bare_make_lists_every_target_it_documents():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[0].split())
    assert targets == set(re.findall(r"^([a-z]+):.*##", makefile, re.MULTILINE))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_notebook_is_thin_and_stripped(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [c for c in cells if c["cell_type"] == "code"]
    tagged = [c for c in code if "parameters" in c["metadata"].get("tags", [])]
    assert len(tagged) == 1, "exactly one cell carries the tag 'parameters'"
    for cell in code:
        source = "".join(cell["source"])
        assert not cell["outputs"] and cell["execution_count"] is None, "outputs are committed"
        assert not re.search(r"^\s*(def|class|for|while) ", source, re.MULTILINE), (
            f"logic belongs in analytics/: {source}"
        )
        assert len(source.splitlines()) <= 8, f"too long for a notebook cell: {source}"


def test_text_of_the_project_holds_no_pickle():
    files = [*(ROOT / "analytics").rglob("*.py"), *NOTEBOOKS]
    words = re.compile(
        r"^\s*(import|from) (pickle|joblib|dill|cloudpickle)\b|\.to_pickle|read_pickle|allow_pickle=True", re.MULTILINE
    )
    assert [str(f) for f in files if words.search(f.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_imports_from_the_public_rooms_only(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert set(re.findall(r"^(?:from|import) (analytics[\w.]*)", code, re.MULTILINE)) <= {
        "analytics",
        "analytics.report",
    }
