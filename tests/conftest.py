"""Fixtures shared by all tests: an organisation with small notebooks, one report published from it, real data.

`make test` deals the files of tests out to a process per core; what costs most to make is made once for all of them.
"""

import json
import os

if "PYTEST_XDIST_WORKER" in os.environ:  # a core for each process: threads of their own would only wait for each other
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import runpy
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock

from analytics.__main__ import err, main, out
from analytics.publish import run
from analytics.publish.run import Published, build_report
from analytics.tables.cases import build_cases
from analytics.tables.demo.simulate import Truth, simulate
from analytics.tables.schema import TABLE_NAMES, Tables
from tests.browsing import browser
from tests.worlds.publishing import execute_here

__all__ = ["browser"]  # a fixture
PUBLISH = Path(__file__).parent / "publish"


@pytest.fixture(scope="session")
def datasets() -> Path:
    """Folder of real exports kept beside the repository; tests that need it skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "datasets"
    if not folder.is_dir():
        pytest.skip("real data sets are not at hand: no folder ../shared/datasets beside the repository")
    return folder


LONGEST = (  # files that take longest, dealt out first, so that no process is left with one of them at the end
    "worlds/test_worlds.py", "report/test_story.py", "acceptance/test_real_reports.py", "report/test_plain_language.py",
    "test_cli.py", "test_same_everywhere.py", "scale/test_scale.py", "report/test_leaving.py", "publish/test_faults.py",
    "text/test_label_browser.py", "report/test_reconstruction.py", "tables/test_sources.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    root = Path(__file__).parent
    places = {root / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_addoption(parser) -> None:
    parser.addoption("--demo-seed", type=int, default=0, help="seed of the demo that tests of planted truths read")


@pytest.fixture(scope="session")
def demo(request) -> Iterator[tuple[Tables, Truth]]:
    """The demo operation; its planted truths hold for any seed: ``pytest --demo-seed 7``."""
    yield from _unchanged(simulate(seed=request.config.getoption("--demo-seed")))


@pytest.fixture(scope="session")
def small_demo(request) -> Iterator[tuple[Tables, Truth]]:
    """The demo with 6,000 customers, enough for a leaving model, for tests of what a report says."""
    yield from _unchanged(simulate(seed=request.config.getoption("--demo-seed"), customers=6_000))


def _unchanged(made: tuple[Tables, Truth]) -> Iterator[tuple[Tables, Truth]]:
    """Hand out the tables of a session, and fail at its end where a test has written into them."""
    before = [pd.util.hash_pandas_object(getattr(made[0], name)) for name in TABLE_NAMES]
    yield made
    for name, hashes in zip(TABLE_NAMES, before, strict=True):
        pd.testing.assert_series_equal(pd.util.hash_pandas_object(getattr(made[0], name)), hashes, obj=name)


@pytest.fixture(scope="session")
def demo_cases(demo) -> pd.DataFrame:
    return build_cases(demo[0])


@pytest.fixture(scope="session")
def demo_organisation(small_demo, tmp_path_factory) -> Path:
    """The configuration that ships, but that texts are read by the quick models, beside the files of the small demo."""
    config = write_organisation(tmp_path_factory.mktemp("organisation"), small_demo[0])
    config.write_text(config.read_text().replace("[text]", '[text]\nmodel = "fast"'))
    return config


@pytest.fixture(scope="session")
def demo_report(tmp_path_factory) -> Path:
    """The leadership report of the demo's last month as a new user gets it: made by the command line, once for all."""
    sample = runpy.run_path(str(PUBLISH.parent / "sample.py"))
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "new_user"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            folder.mkdir()
            sample["build"](folder, sample["PERIODS"][-1:])
    return sample["report_of"](folder, sample["PERIODS"][-1])


def write_organisation(root: Path, tables: Tables) -> Path:
    (root / "data" / "demo").mkdir(parents=True)
    for name in TABLE_NAMES:
        getattr(tables, name).to_parquet(root / "data" / "demo" / f"{name}.parquet", index=False)
    return Path(shutil.copy(PUBLISH.parents[1] / "perception.toml", root))


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

    monkeypatch.setattr(run, "execute", execute_here)


@pytest.fixture
def perception(monkeypatch, capsys):
    """Call the command line in this process: exit code, and what it printed on both streams."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["perception", *words])
        for console in (out, err):
            monkeypatch.setattr(console, "_width", 200)
        code, umask = 0, os.umask(0o022)
        os.umask(umask)
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        finally:
            os.umask(umask)
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err + printed.out
        return code, printed.out, printed.err

    return call
