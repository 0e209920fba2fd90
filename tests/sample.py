"""Renew the sample that the README shows: ``python tests/sample.py [FOLDER]`` builds what a new user gets.

The demo of seed 0 and two months of its leadership report go through the command line in an empty folder; the later
report, its first page as an image, and what both say are written to FOLDER, by default ``reports/sample``.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pypdf
import typst

ROOT = Path(__file__).resolve().parents[1]
PERIODS = ("2026-09", "2026-10")  # the second one tests again what the first one said
PIXELS_PER_INCH = 110
FIRST_PAGE = '#set page(width: auto, height: auto, margin: 0pt)\n#image("report.pdf", page: 1)\n'


def build(folder: Path, periods: Sequence[str] = PERIODS) -> Path:
    """Make the demo and its reports in an empty folder by the command line; returns the last report."""
    shutil.copy(ROOT / "perception.toml", folder)
    for command in (["demo"], *(["report", "leadership", "--period", period] for period in periods)):
        subprocess.run([sys.executable, "-m", "analytics", *command], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return report_of(folder, periods[-1])


def report_of(folder: Path, period: str) -> Path:
    """Where the report of a period lies."""
    return folder / "reports" / "leadership" / period / "report.pdf"


def read_page_one(pdf: Path) -> list[str]:
    """Lines of the first page."""
    lines = pypdf.PdfReader(pdf).pages[0].extract_text().splitlines()
    return [line.strip() for line in lines if line.strip()]


def describe(folder: Path) -> dict[str, object]:
    """What the files of a sample are: their hashes, and the lines of page one."""
    digests = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("report.pdf", "page-one.png")
    }
    return {**digests, "lines": read_page_one(folder / "report.pdf")}


def renew(folder: Path) -> None:
    """Write report.pdf, page-one.png and page-one.json."""
    with tempfile.TemporaryDirectory() as empty:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(build(Path(empty)), folder / "report.pdf")
        (Path(empty) / "page.typ").write_text(FIRST_PAGE, encoding="utf-8")
        shutil.copy(folder / "report.pdf", empty)
        image = typst.compile(str(Path(empty) / "page.typ"), format="png", ppi=PIXELS_PER_INCH)
    (folder / "page-one.png").write_bytes(image)
    text = json.dumps(describe(folder), indent=1, ensure_ascii=False)
    (folder / "page-one.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    renew(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "reports" / "sample")
