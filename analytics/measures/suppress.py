"""Small groups kept out of print, together with the cells from which they could be worked out."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import pandas as pd

TOTAL = "all"  # in a group column, the row that adds up the others


class Withheld(StrEnum):
    """Why a group is not shown."""

    NO = ""
    FEW = "few people"
    PARTNER = "so that a smaller group stays unknown"


def count_people(frame: pd.DataFrame, people: str = "customer_id") -> int:
    """Distinct people behind some rows; a row that names nobody counts as a person of its own.

    Examples
    --------
    >>> count_people(pd.DataFrame({"customer_id": ["a", "a", None]})), count_people(pd.DataFrame({"nps": [9, 3]}))
    (2, 2)
    """
    if people not in frame.columns:
        return len(frame)
    return int(frame[people].nunique() + frame[people].isna().sum())


def number_people(rows: pd.DataFrame, people: str = "customer_id") -> pd.DataFrame:
    """Rows with numbers for their people, which are faster to tell apart than words; missing ones stay so."""
    if people not in rows:
        return rows
    numbers = pd.Series(pd.factorize(rows[people])[0], rows.index)
    return rows.assign(**{people: numbers.where(numbers >= 0)})


def names_people(frame: pd.DataFrame, people: str = "customer_id") -> bool:
    """Whether rows say whose they are: then figures count customers, otherwise answers."""
    return people in frame.columns and bool(frame[people].notna().any())


def suppress(frame: pd.DataFrame, k: int = 10, *, by: Sequence[str], count: str = "people") -> pd.DataFrame:
    """Blank every group of fewer than k people, and every group that would give one away by subtraction.

    A cell is blanked when 1 to k - 1 people stand behind it. Then, since totals along each group column are taken as
    public unless they are blanked too, further cells are blanked, smallest first, until no blanked cell follows from
    what is shown, and those of one line together hold k people or more. Empty groups tell nothing about anybody and
    stay. A group of exactly one total is its total: publish neither. `withheld` is for the analyst: where readers are
    told which groups are small, a small one beside a partner of k may follow. What an earlier version of a report
    showed is compared where reports are published (`keep_version`).

    Parameters
    ----------
    frame
        One row per combination of groups; rows that are totals carry 'all' in the column they add up.
    k
        Smallest group that may be shown, in people.
    by
        The group columns.
    count
        Column of people (not rows) behind each cell.

    Returns
    -------
    DataFrame
        The frame with every numeric column outside `by` NaN in suppressed rows, and `withheld`: why, a `Withheld`.

    Raises
    ------
    ValueError
        If k is below 2, a column is absent, a count is missing, or a combination of groups occurs twice.

    References
    ----------
    Hundepool et al. (2012), Statistical Disclosure Control, Wiley, sections 4.2 to 4.4 (primary and secondary
    suppression). Sweeney (2002), k-anonymity, Int. J. of Uncertainty, Fuzziness and Knowledge-Based Systems 10(5).

    Examples
    --------
    >>> table = pd.DataFrame({"team": ["a", "b", "c"], "people": [40, 25, 4], "value": [0.8, 0.7, 0.1]})
    >>> suppress(table, k=10, by=["team"])["withheld"].to_list()
    ['', 'so that a smaller group stays unknown', 'few people']
    """
    by = list(by)
    _check(frame, k, by, count)
    people = frame[count].to_numpy(dtype=float)
    small = (people > 0) & (people < k)
    hidden = _complete(frame[by].astype(object), people, small, k)
    numeric = [c for c in frame.columns if c not in by and pd.api.types.is_numeric_dtype(frame[c])]
    blanked = frame[numeric].astype("float64").mask(pd.Series(hidden, index=frame.index), axis=0)
    withheld = np.select([small, hidden], [Withheld.FEW, Withheld.PARTNER], Withheld.NO)
    return frame.assign(**blanked, withheld=withheld)


def _check(frame: pd.DataFrame, k: int, by: list[str], count: str) -> None:
    """Refuse what cannot be protected."""
    if k < 2:
        raise ValueError(f"k is {k}: the smallest group to show must be 2 people or more.")
    if absent := [c for c in [*by, count] if c not in frame.columns]:
        raise ValueError(f"suppress needs columns {absent}, which the frame lacks. Found: {list(frame.columns)}.")
    if frame[count].isna().any():
        raise ValueError(f"column {count!r} has missing counts: a group of unknown size cannot be judged.")
    if by and frame.duplicated(by).any():
        raise ValueError(f"the groups {by} occur more than once: give one measure and one row per group.")


def _complete(groups: pd.DataFrame, people: np.ndarray, hidden: np.ndarray, k: int) -> np.ndarray:
    """Add the smallest cells until nothing hidden follows from what is shown."""
    lines = _lines(groups)
    hidden = hidden.copy()
    while True:
        for exposed in _exposed(lines, people, hidden, k):
            open_lines = ([i for i in cells if not hidden[i] and people[i] > 0] for cells in exposed)
            chosen = {min(cells, key=people.__getitem__) for cells in open_lines if cells}
            if chosen:
                hidden[list(chosen)] = True
                break
        else:  # nothing exposed, or nothing left to hide in those lines
            return hidden


def _lines(groups: pd.DataFrame) -> list[tuple[list[int], int | None]]:
    """List sets of cells that add up to a total: along each column, the others fixed. The total's row, or None."""
    lines = []
    for column in groups.columns:
        others = [c for c in groups.columns if c != column]
        keys = groups[others].apply(tuple, axis=1) if others else pd.Series([()] * len(groups), index=groups.index)
        is_total = (groups[column] == TOTAL).to_numpy()
        for members in pd.Series(range(len(groups))).groupby(pd.factorize(keys)[0]).agg(list):
            total = next((i for i in members if is_total[i]), None)
            lines.append(([i for i in members if not is_total[i]], total))
    return [line for line in lines if line[0]]


def _exposed(
    lines: list[tuple[list[int], int | None]], people: np.ndarray, hidden: np.ndarray, k: int
) -> tuple[list[list[int]], list[list[int]]]:
    """Lines (cells and total) that give something away: by themselves, or only together with other lines."""
    unknown: list[int] = np.flatnonzero(hidden).tolist()
    if not unknown:
        return [], []
    place = {cell: j for j, cell in enumerate(unknown)}
    equations = np.zeros((len(lines), len(unknown)))
    for row, (cells, total) in enumerate(lines):
        equations[row, [place[i] for i in cells if hidden[i]]] = 1
        if total is not None and hidden[total]:
            equations[row, place[total]] = -1
    _, singular, right = np.linalg.svd(equations, full_matrices=True)
    free = right[int((singular > 1e-9).sum()) :]  # null space: directions in which hidden cells may still vary
    solved = {unknown[j] for j in np.flatnonzero(np.abs(free).max(axis=0, initial=0) < 1e-9)}
    alone, together = [], []
    for cells, total in lines:
        whole = [*cells, *([total] if total is not None else [])]
        inside = [i for i in whole if hidden[i]]
        thin = inside and total not in inside and people[inside].sum() < k
        if thin or len(inside) == 1:
            alone.append(whole)
        elif solved & set(inside):
            together.append(whole)
    return alone, together
