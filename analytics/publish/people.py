"""Who stands behind what a block shows: distinct people by row, point, sentence or quote, and the gate on small groups.

`count_people` puts the counts into a block, typed; `check_people` refuses what fewer than k people carry, in one place
for every kind of block. Nothing here reads a heading.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analytics.measures.suppress import TOTAL
from analytics.publish.claims import Fault, patterns
from analytics.publish.format import NOTHING, is_missing

if TYPE_CHECKING:
    import pandas as pd

Json = dict[str, Any]
People = int | str | Collection[Any] | None
RECORDS = "records"  # instead of a number of people: rows of data or settings, which tell of nobody
REASONS = ("reason", "withheld")  # columns in which `suppress` and its like say why a row is withheld


def count_people(people: People, frame: pd.DataFrame | None = None) -> Json:
    """The people behind each row of a frame, or each point of a chart, as a block carries them.

    Parameters
    ----------
    people
        One number, numbers by row or point (missing: withheld), `RECORDS`, or names of columns of the frame that hold
        such numbers: the smallest that is not 0 decides.
    frame
        What a table shows; None for all else.

    Returns
    -------
    dict
        ``{'people': 'records' or a list of int and None}``; empty where `people` is None.

    Raises
    ------
    ValueError
        If there is not one number for each row.

    Examples
    --------
    >>> count_people([12, float("nan")]), count_people(RECORDS)
    ({'people': [12, None]}, {'people': 'records'})
    """
    if people is None:
        return {}
    if isinstance(people, str) and people == RECORDS:
        return {"people": RECORDS}
    counts: list[Any] = list(people) if isinstance(people, Collection) else [people]
    if frame is not None:
        if names := column_names(people):
            counts = [smallest(row) for row in frame[names].itertuples(index=False, name=None)]
        elif not isinstance(people, Collection):
            counts *= len(frame)
        if len(counts) != len(frame):
            raise ValueError(f"people has {len(counts)} values for {len(frame)} rows: give one for each.")
    return {"people": [None if is_missing(count) else int(count) for count in counts]}


def column_names(people: People) -> list[str]:
    """The columns that `people` names, if it names any."""
    names = [people] if isinstance(people, str) else list(people) if isinstance(people, Collection) else []
    return names if RECORDS not in names and all(isinstance(name, str) for name in names) else []


def smallest(counts: Iterable[Any]) -> Any:  # noqa: ANN401
    """The smallest count that is not 0, for an empty group tells of nobody; None where one is withheld.

    Examples
    --------
    >>> smallest([40, 4]), smallest([40, 0]), smallest([0, 0]), smallest([40, None])
    (4, 40, 0, None)
    """
    counts = list(counts)
    return None if any(map(is_missing, counts)) else min(filter(None, counts), default=0)


def mark_groups(frame: pd.DataFrame, heads: Sequence[Json], columns: Sequence[Any], by: Sequence[Any]) -> Json:
    """Which cells a withheld row may keep, and which rows add up the others in which of their labels.

    Parameters
    ----------
    frame
        What a table shows; the row that adds up the others carries `TOTAL`, as for `suppress`.
    heads, columns
        Headings and names of the columns shown.
    by
        Columns that label a row; without them the first, and the texts beside it left of the first figure.

    Returns
    -------
    dict
        ``labels`` and ``reasons``: positions of columns; ``totals``: pairs of row and column.
    """
    figures = [i for i, head in enumerate(heads) if head["right"]]
    labels = [columns.index(c) for c in by if c in columns] if by else list(range(max(1, min(figures, default=1))))
    marked = [(frame[columns[i]].astype(object) == TOTAL).to_numpy() for i in labels]
    totals = [[row, i] for i, column in zip(labels, marked, strict=True) for row in column.nonzero()[0].tolist()]
    return {"labels": labels, "reasons": [i for i, c in enumerate(columns) if c in REASONS], "totals": totals}


def check_people(block: Mapping[str, Any], k: int = 10) -> Iterator[Fault]:
    """What a block shows of fewer than k people: by its n, its rows or points, its evidence, or by subtraction.

    Parameters
    ----------
    block
        As ``Block.as_json`` returns it, or a part of it: a finding or the trend of page one.
    k
        Smallest group of people that may be shown.

    Yields
    ------
    Fault
        One for each row, figure, sentence or set of quotes.
    """
    counts, place = block.get("people"), block.get("caption") or block.get("sentence") or ""
    if counts == RECORDS:
        return
    for number in block.get("numbers", []):
        yield from _few(number["label"], number["n"], k)
    for estimate in block.get("evidence", []):
        yield from _few(place, estimate["n"], k)
    yield from _few(place, block.get("n", 0), k)
    if counts is None and block.get("kind", "figure") in ("figure", "table") and "caption" in block:
        yield Fault(place, "does not say how many people stand behind what it shows.", "Give people=.")
    elif "rows" in block and "columns" in block:
        yield from _check_rows(block, counts or [], k)
    else:
        yield from _few(place, counts if isinstance(counts, int) else smallest(filter(None, counts or [])), k)


def check_counts(sentence: str, k: int = 10) -> Iterator[Fault]:
    """A number of customers, or an n, below k that a caption, note, label or sentence writes out.

    Examples
    --------
    >>> [fault.reason for fault in check_counts("Of 7 customers all wrote.")]
    ['rests on 7 people: groups of fewer than 10 are never shown.']
    """
    for count in patterns()["count"].finditer(sentence):
        yield from _few(sentence, int((count["n"] or count["people"]).replace(",", "")), k)


def _few(place: str, n: int, k: int) -> Iterator[Fault]:
    if 0 < n < k:
        instead = f'Say "fewer than {k} people answered, so no figure is shown".'
        yield Fault(place, f"rests on {n} people: groups of fewer than {k} are never shown.", instead)


def _check_rows(table: Mapping[str, Any], counts: Sequence[int | None], k: int) -> Iterator[Fault]:
    """Rows of too few people, withheld rows that show something, figures of nobody, and what follows by subtraction."""
    kept = {*table.get("labels", [0]), *table.get("reasons", [])}
    for row, n in zip(table["rows"], counts, strict=True):
        place, figures = _place(table, row), [cell for cell in row if isinstance(cell, dict)]
        yield from _few(place, n or 0, k)
        for cell in figures:
            yield from _few(place, cell.get("n", 0), k)
        if n == 0 and any(map(_shows, figures)):
            yield empty(place)
        if n is None and any(_shows(cell) for i, cell in enumerate(row) if i not in kept or isinstance(cell, dict)):
            instead = "Blank every cell but its label: suppress(…) does so for figures."
            yield Fault(place, "shows figures or words of a group whose people are withheld.", instead)
    yield from _check_subtraction(table, counts, k)


def add_up(table: Mapping[str, Any]) -> Iterator[tuple[list[int], int | None]]:
    """Rows that add up to something, and the row that this is; None where no row is marked and it is n at most."""
    rows, labels, totals = table["rows"], table.get("labels", [0]), table.get("totals", [])
    for total, column in totals:
        line = [i for i, row in enumerate(rows) if all(row[j] == rows[total][j] for j in labels if j != column)]
        yield [i for i in line if i != total], total
    if not totals:
        yield list(range(len(rows))), None


def _check_subtraction(table: Mapping[str, Any], counts: Sequence[int | None], k: int) -> Iterator[Fault]:
    """The one withheld row of a line whose total is shown, as marked; or, unmarked, where it comes out below k."""
    rows, present = table["rows"], [n for n in counts if n is not None]
    places = dict(table.get("totals", []))
    marked = [(line, total) for line, total in add_up(table) if total is not None and counts[total] is not None]
    lines = [(line, repr(rows[total][places[total]])) for line, total in marked]
    largest = max(present, default=0)
    for remainder, name in ((table["n"] - sum(present), "n"), (2 * largest - sum(present), "the largest row")):
        if 0 < remainder < k:
            lines.append((list(range(len(rows))), name))
    for line, name in lines:
        withheld = [i for i in line if counts[i] is None]
        if len(withheld) == 1 < len(line):
            reason = f"is blank, yet follows from {name} less the other rows."
            instead = "Use suppress(…), which withholds a second group, or leave the total out."
            yield Fault(_place(table, rows[withheld[0]]), reason, instead)


def empty(place: str) -> Fault:
    """The fault of a figure with nobody behind it."""
    return Fault(place, "shows a figure with nobody behind it: unknown is not zero.", 'Show "not known" (NaN).')


def _place(table: Mapping[str, Any], row: Sequence[Any]) -> str:
    return f"{table['caption']} Row {', '.join(cell for cell in row if isinstance(cell, str))}"


def _shows(cell: object) -> bool:
    """Whether a cell shows anything: a figure, an estimate that is known, a flag, or words."""
    if isinstance(cell, dict):
        return cell["value"] is not None
    return cell is not None and cell not in NOTHING
