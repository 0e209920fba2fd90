import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.measures.suppress import TOTAL, Withheld, suppress


def table(counts, names="abcdefgh"):
    return pd.DataFrame(
        {"team": list(names[: len(counts)]), "people": counts, "value": np.linspace(0.1, 0.9, len(counts))}
    )


def hidden(shown, key="team"):
    return set(shown.loc[shown["withheld"] != "", key])


def grid(counts):
    rows = [(f"r{i}", f"c{j}", c) for (i, j), c in np.ndenumerate(np.asarray(counts))]
    return pd.DataFrame(rows, columns=["team", "month", "people"]).assign(value=0.5)


def can_be_worked_out(shown, people, by):
    """Hidden cells that follow from the shown ones and every total along a column: an attacker's linear algebra."""
    cells = np.flatnonzero(shown["withheld"] != "")
    equations = []
    for column in by:
        others = [c for c in by if c != column]
        groups = shown.groupby(others).indices.values() if others else [np.arange(len(shown))]
        equations += [np.isin(cells, rows).astype(float) for rows in groups]
    equations = np.array(equations)
    rank = np.linalg.matrix_rank(equations)
    return [
        i for j, i in enumerate(cells) if np.linalg.matrix_rank(np.vstack([equations, np.eye(len(cells))[j]])) == rank
    ]


def test_a_small_group_and_the_smallest_other_are_withheld():
    shown = suppress(table([40, 25, 4]), by=["team"])
    assert shown["withheld"].to_list() == ["", Withheld.PARTNER, Withheld.FEW]
    assert shown["value"].isna().to_list() == [False, True, True]
    assert shown["people"].isna().to_list() == [False, True, True]


def test_two_small_groups_that_add_up_protect_one_another():
    assert hidden(suppress(table([40, 25, 6, 7]), by=["team"])) == {"c", "d"}


def test_two_small_groups_that_add_up_to_too_few_take_a_third():
    assert hidden(suppress(table([40, 25, 2, 3]), by=["team"])) == {"b", "c", "d"}


def test_enough_people_everywhere_withholds_nothing():
    frame = table([10, 11, 200])
    shown = suppress(frame, by=["team"])
    assert (shown["withheld"] == "").all()
    pd.testing.assert_frame_equal(shown.drop(columns="withheld"), frame.astype({"people": float}))


def test_an_empty_group_stays():
    shown = suppress(table([40, 30, 0]), by=["team"])
    assert hidden(shown) == set()


def test_a_withheld_total_needs_no_partner():
    frame = table([4, 3, 7])
    frame["team"] = ["a", "b", TOTAL]
    assert hidden(suppress(frame, by=["team"])) == {"a", "b", TOTAL}


def test_a_shown_total_row_counts_as_known():
    frame = table([4, 30, 34])
    frame["team"] = ["a", "b", TOTAL]
    assert hidden(suppress(frame, by=["team"])) == {"a", "b"}


def test_one_small_cell_of_a_cross_table_takes_a_rectangle():
    shown = suppress(grid([[5, 30, 40], [20, 50, 60], [70, 80, 90]]), by=["team", "month"])
    found = set(map(tuple, shown.loc[shown["withheld"] != "", ["team", "month"]].to_numpy()))
    assert found == {("r0", "c0"), ("r0", "c1"), ("r1", "c0"), ("r1", "c1")}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 60), min_size=3, max_size=3), min_size=3, max_size=5), st.integers(2, 15))
def test_no_withheld_cell_follows_from_totals(counts, k):
    frame = grid(counts)
    shown = suppress(frame, k, by=["team", "month"])
    people = frame["people"].to_numpy()
    assert shown.loc[(people > 0) & (people < k), "value"].isna().all()
    for cell in can_be_worked_out(shown, people, ["team", "month"]):
        # only where its row or column has nothing left to hide behind: the total itself is then the cell
        row, column = shown.loc[cell, ["team", "month"]]
        lines = [(shown["team"] == row), (shown["month"] == column)]
        assert any((shown.loc[line & (people > 0), "withheld"] != "").all() for line in lines)


def test_subtraction_from_totals_never_reveals_a_group_by_brute_force():
    for counts in itertools.product([3, 12, 25], repeat=4):
        shown = suppress(table(list(counts)), by=["team"])
        missing = sum(counts) - shown["people"].sum()
        withheld = shown["people"].isna().sum()
        assert withheld == 0 or missing >= 10 or withheld == 4
        assert withheld != 1


def test_no_group_column_judges_the_single_row():
    single = pd.DataFrame({"people": [4], "value": [0.5]})
    assert suppress(single, by=[])["value"].isna().all()


def test_a_large_table_takes_no_time():
    rng = np.random.default_rng(0)
    shown = suppress(grid(rng.integers(0, 80, (60, 12))), by=["team", "month"])
    assert shown["withheld"].ne("").any()


def test_faulty_tables_are_refused():
    with pytest.raises(ValueError, match="k is 1"):
        suppress(table([4, 5]), 1, by=["team"])
    with pytest.raises(ValueError, match=r"needs columns \['people'\]"):
        suppress(table([4, 5]).drop(columns="people"), by=["team"])
    with pytest.raises(ValueError, match="missing counts"):
        suppress(table([4, np.nan]), by=["team"])
    with pytest.raises(ValueError, match="occur more than once"):
        suppress(pd.concat([table([4, 5])] * 2), by=["team"])


def test_the_input_stays_unchanged():
    frame = table([40, 25, 4])
    before = frame.copy()
    suppress(frame, by=["team"])
    pd.testing.assert_frame_equal(frame, before)


def test_a_group_column_called_reason_keeps_its_values():
    table = pd.DataFrame({"reason": ["billing", "fault", "other"], "people": [40, 25, 4]})
    assert suppress(table, k=10, by=["reason"])["reason"].to_list() == ["billing", "fault", "other"]
