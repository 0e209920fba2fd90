"""Small groups across a report and against the last one: what an attacker with both in hand can work out."""

import itertools

import numpy as np
import pandas as pd
import pytest

from analytics.measures.estimate import SAID
from analytics.measures.suppress import TOTAL, suppress
from analytics.publish.blocks import table
from analytics.publish.claims import ClaimError
from analytics.publish.collect import refuse_unfounded

TEAMS, SEGMENTS = ["North", "South", "East"], ["home", "business"]


def nested(counts):
    """One table by team and segment with every total: what two tables and a headline of one report show together."""
    cells = pd.DataFrame(counts, TEAMS, SEGMENTS)
    cells.loc[TOTAL] = cells.sum()
    cells[TOTAL] = cells.sum(axis=1)
    tidy = cells.rename_axis("team").reset_index().melt("team", var_name="segment", value_name="people")
    return tidy.assign(value=0.5)


def worked_out(shown, truth):
    """People in hidden cells that the shown ones and the totals determine: linear algebra, no luck."""
    cells = list(itertools.product([*TEAMS, TOTAL], [*SEGMENTS, TOTAL]))
    place = {cell: i for i, cell in enumerate(cells)}
    equations = []
    for team in [*TEAMS, TOTAL]:
        equations.append({place[team, segment]: 1 for segment in SEGMENTS} | {place[team, TOTAL]: -1})
    for segment in [*SEGMENTS, TOTAL]:
        equations.append({place[team, segment]: 1 for team in TEAMS} | {place[TOTAL, segment]: -1})
    hidden = shown["withheld"].ne("").set_axis(pd.MultiIndex.from_frame(shown[["team", "segment"]]))
    unknown = [i for i, cell in enumerate(cells) if hidden[cell]]
    matrix = np.array([[row.get(i, 0) for i in unknown] for row in equations], dtype=float)
    if not unknown:
        return []
    rank = np.linalg.matrix_rank(matrix)
    known = [
        i for j, i in enumerate(unknown) if np.linalg.matrix_rank(np.vstack([matrix, np.eye(len(unknown))[j]])) == rank
    ]
    people = truth.set_index(["team", "segment"])["people"]
    return [people[cells[i]] for i in known]


def shows(frame, **words):
    block = table(frame, **({"caption": "Customers by group.", "source": SAID, "n": 300} | words)).as_json()
    refuse_unfounded([block], 10)


def test_tables_of_one_report_suppressed_together_give_no_small_group_away():
    rng = np.random.default_rng(2)
    for _ in range(40):
        truth = nested(rng.integers(0, 40, (3, 2)))
        shown = suppress(truth, by=["team", "segment"])
        assert not [people for people in worked_out(shown, truth) if 0 < people < 10]


def test_what_suppress_leaves_passes_the_gate_and_one_cell_more_does_not():
    truth = nested([[40, 31], [25, 28], [30, 4]])
    shown = suppress(truth, by=["team", "segment"])
    shows(shown)
    teams = suppress(truth[truth["segment"] == "business"].drop(columns="segment"), by=["team"])
    shows(teams)
    exposed = teams.assign(people=teams["people"].mask(teams["team"] == "South", 28.0))
    with pytest.raises(ClaimError, match="'all' less the other rows"):
        shows(exposed)


def test_a_small_row_that_was_never_suppressed_is_stopped():
    with pytest.raises(ClaimError, match="rests on 4 people"):
        shows(nested([[40, 31], [25, 28], [30, 4]]))


def test_no_group_of_newcomers_shows_in_a_year_of_rolling_reports():
    rng = np.random.default_rng(3)
    before = pd.DataFrame({"team": list("abcdef"), "people": rng.integers(10, 80, 6), "value": 0.5})
    last = suppress(before, by=["team"])
    for _ in range(12):
        now = before.assign(people=(before["people"] + rng.integers(-12, 25, 6)).clip(lower=0))
        shown = suppress(now, by=["team"], previous=before)
        moved = (shown["people"] - last["people"]).abs().dropna()
        assert not ((moved > 0) & (moved < 10)).any()
        before, last = now, shown


def test_newcomers_do_not_follow_from_two_totals_either():
    before = pd.DataFrame({"team": ["a", "b", TOTAL], "people": [40, 50, 90], "value": 0.5})
    now = before.assign(people=[43, 70, 113])  # a gained 3; b and the total gained 20 and 23, so a would follow
    shown = suppress(now, by=["team"], previous=before).set_index("team")
    assert shown["people"].isna().to_dict() == {"a": True, "b": True, TOTAL: False}


def test_the_same_people_as_last_time_are_shown_again():
    before = pd.DataFrame({"team": ["a", "b"], "people": [40, 50], "value": 0.5})
    assert suppress(before, by=["team"], previous=before)["withheld"].eq("").all()
