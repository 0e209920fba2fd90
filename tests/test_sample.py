"""The sample report and the README's picture are what a new user gets today; ``make sample`` renews them."""

import json
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "reports" / "sample"


@pytest.fixture(scope="module")
def sample() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("sample.py"))))


def test_the_picture_in_the_readme_is_page_one_of_the_sample_report(sample):
    picture = re.search(r"!\[[^]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))[1]
    assert ROOT / picture == SAMPLE / "page-one.png"
    assert json.loads((SAMPLE / "page-one.json").read_text(encoding="utf-8")) == sample.describe(SAMPLE)


NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def test_page_one_of_the_sample_says_what_the_demo_of_today_says(sample, demo_report):
    pages = [sample.read_page_one(pdf) for pdf in (SAMPLE / "report.pdf", demo_report)]
    told, today = (  # pages shift by the report before, which this one lacks
        [re.sub(r"Page \d+(?: of \d+)?", "Page", line) for line in page] for page in pages
    )
    assert _words(told) == _words(today), "run make sample"
    # the accurate reader's kernels differ between processors by a rounding: one tag in some thousands may move
    assert _numbers(told) == pytest.approx(_numbers(today), rel=0.02, abs=1), "run make sample"


def _words(page: list[str]) -> list[str]:
    return [NUMBER.sub("#", line) for line in page]


def _numbers(page: list[str]) -> list[float]:
    return [float(number.replace(",", "")) for line in page for number in NUMBER.findall(line)]
