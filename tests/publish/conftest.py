"""An organisation with small notebooks, and one report published from it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from analytics.publish.run import Published, build_report

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def payloads() -> list[str]:
    return json.loads((HERE / "hostile.json").read_text())


@pytest.fixture(scope="session")
def organise() -> Callable[..., Path]:
    """Make a folder with perception.toml, the test notebooks and the hostile texts."""
    return _organise


def _organise(root: Path, paper: str = "a4") -> Path:
    shutil.copytree(HERE / "notebooks", root / "notebooks")
    shutil.copy(HERE / "hostile.json", root)
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
