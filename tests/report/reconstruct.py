"""What somebody who holds every output of a report can work out: the counts that files and pages give away, solved.

Everything that reaches a reader is read as a reader would: text of the PDF and of the HTML copy, claims, changes, cells
of the workbook, blocks of the executed notebook. Nothing here uses the package's own suppression.
"""

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import openpyxl
import pandas as pd
from pypdf import PdfReader
from scipy.optimize import linprog

NUMBER = re.compile(r"(?<![\d.,–−+-])\d{1,3}(?:,\d{3})+(?![\d.,]\d)|(?<![\d.,–−+-])\d+(?![\d]|[.,]\d| ?%)")
# what a text says of a number of people
COUNTED = re.compile(r"n = (\d+)\b(?!,\d)|(?<![\d,.])(\d+) (?:customers|people|answers)\b")


class Seen(NamedTuple):
    """All whole numbers that outputs hold, those beside a name, and those that are said to count people."""

    numbers: set[int]
    beside: dict[str, set[int]]
    people: list[int]


def read_outputs(folder: Path, names: Iterable[str]) -> Seen:
    """What one published version shows anywhere, beside which of the names."""
    seen = Seen(set(), {name: set() for name in names}, [])
    for line in _lines(folder):
        _note(seen, line, [int(number.replace(",", "")) for number in NUMBER.findall(line)])
        seen.people.extend(int(a or b) for a, b in COUNTED.findall(line))
    for words, counts in [*_claims(folder), *_blocks(folder)]:
        _note(seen, words, counts)
        seen.people.extend(counts)
    return seen


def _note(seen: Seen, words: str, numbers: list[int]) -> None:
    seen.numbers.update(numbers)
    for name in (name for name in seen.beside if re.search(rf"\b{re.escape(name)}\b", words)):
        seen.beside[name].update(numbers)


def _lines(folder: Path) -> Iterator[str]:
    for page in PdfReader(folder / "report.pdf").pages:
        yield from page.extract_text().splitlines()
    page = re.sub(r"<(?:style|defs).*?</(?:style|defs)>", "", (folder / "report.html").read_text(), flags=re.DOTALL)
    yield from map(html.unescape, re.findall(r'\s(?:alt|title|aria-label|content|data-[\w-]+)="([^"]*)"', page))
    page = re.sub(r"</(?:tr|p|li|h\d|text|figcaption)>", "\n", page)
    yield from html.unescape(re.sub(r"<[^>]*>", "", page)).splitlines()
    for sheet in openpyxl.load_workbook(folder / "evidence.xlsx"):
        for row in sheet.iter_rows(values_only=True):
            yield " | ".join(str(cell) for cell in row if cell is not None)
    if (changes := folder / "changes.json").exists():
        yield from changes.read_text().splitlines()


def _claims(folder: Path) -> Iterator[tuple[str, list[int]]]:
    for claim in json.loads((folder / "claims.json").read_text())["claims"]:
        yield claim["sentence"], [figure["n"] for figure in claim["evidence"]]


def _blocks(folder: Path) -> Iterator[tuple[str, list[int]]]:
    cells = json.loads((folder / "notebook.ipynb").read_text())["cells"]
    data = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    typed = [value for bundle in data for kind, value in bundle.items() if kind.endswith("+json")]
    for block in [*typed, *(value["trend"] for value in typed if value.get("trend"))]:
        people = block.get("people")
        yield str(block.get("caption", "")), [block["n"]] if block.get("n") and people != "records" else []
        rows = block.get("drawn", block).get("rows", [])
        counts = people if isinstance(people, list) and len(people) == len(rows) else [None] * len(rows)
        for row, count in zip(rows, counts, strict=True):
            cells = [cell["n"] for cell in row if isinstance(cell, dict) and cell.get("n")]
            yield " ".join(cell for cell in row if isinstance(cell, str)), [*cells, *([count] if count else [])]


class Known(NamedTuple):
    """True counts of people by name of group in one population, at one time; some of them late."""

    what: str
    counts: Mapping[str, int]
    total: int


def leaks(versions: list[tuple[Seen, list[Known]]], k: int = 10) -> list[str]:
    """Groups of 1 to k - 1 people, and 1 to k - 1 late comers, that one or two versions of a report pin down.

    The attacker knows which number counts what, that the groups add up to the total, that each which is not shown has
    somebody, and that late data only add.
    """
    found = [f"{n} people" for seen, _ in versions for n in seen.people if 0 < n < k]
    for truths in zip(*(known for _, known in versions), strict=True):
        names = [name for name in truths[0].counts if any(known.counts[name] for known in truths)]
        shown = [
            {name: known.counts[name] >= k and known.counts[name] in seen.beside[name] for name in names}
            | {"": known.total in seen.numbers}
            for (seen, _), known in zip(versions, truths, strict=True)
        ]
        found += [f"{truths[0].what}: {leak}" for leak in _solve(names, truths, shown, k)]
    return found


def _solve(names: list[str], truths: tuple[Known, ...], shown: list[dict[str, bool]], k: int) -> Iterator[str]:
    """Minimise and maximise every small count, and the sum of what one version does not show."""
    wide, times = len(names), range(len(truths))
    counts = np.array([[known.counts[name] for name in names] for known in truths], dtype=float)
    open_cells = [(v, i) for v in times for i, name in enumerate(names) if not shown[v][name]]
    bounds: list[tuple[float, float | None]] = [(count, count) for count in counts.ravel()]
    for v, i in open_cells:
        bounds[v * wide + i] = (min(counts[v][i], 1), None)
    sums = [v for v in times if shown[v][""] and truths[v].total == counts[v].sum()]
    one = np.eye(counts.size).reshape(*counts.shape, counts.size)  # the cell of a version and a group
    equations = one[sums].sum(axis=1)
    growth = one[0] - one[-1] if len(times) == 2 else np.zeros((0, counts.size))
    goals = {f"{name}, version {v + 1}": one[v][i] for v in times for i, name in enumerate(names)}
    for v in times:
        goals[f"the rest, version {v + 1}"] = sum((one[at] for at in open_cells if at[0] == v), np.zeros(counts.size))
    goals |= {f"late in {name}": -row for name, row in zip(names, growth, strict=False)}
    goals |= {"late in all": -growth.sum(axis=0)}
    for what, goal in goals.items():
        people = float(goal @ counts.ravel())
        if not 0 < people < k:
            continue
        ends = [
            linprog(sign * goal, A_ub=growth, b_ub=np.zeros(len(growth)), A_eq=equations,
                    b_eq=counts[sums].sum(axis=1), bounds=bounds)
            for sign in (1, -1)
        ]  # fmt: skip
        if all(end.status == 0 for end in ends) and np.ceil(ends[0].fun - 1e-6) == np.floor(-ends[1].fun + 1e-6):
            yield f"{people:.0f} people: {what}"


def populations(frame: pd.DataFrame, columns: Iterable[str], what: str) -> Iterator[Known]:
    """Who stands in some rows, by each of the columns: distinct customers, and rows."""
    for column in columns:
        stated = frame[column].fillna("not stated").astype(str)
        people = frame.groupby(stated)["customer_id"].nunique()
        yield Known(f"customers of {what} by {column}", people.to_dict(), int(frame["customer_id"].nunique()))
        yield Known(f"{what} by {column}", stated.value_counts().to_dict(), len(frame))


def aligned(known: Iterable[Known], others: Iterable[Known]) -> Iterator[tuple[Known, Known]]:
    """The same populations at two times, a group that is in one alone with nobody in the other."""
    for a, b in zip(known, others, strict=True):
        names = {**a.counts, **b.counts}
        yield tuple(one._replace(counts={name: one.counts.get(name, 0) for name in names}) for one in (a, b))
