"""Small groups across a report and against the last one: what an attacker with both in hand can work out."""

import itertools
from contextlib import suppress as suppress_errors

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from analytics.measures.estimate import SAID, Estimate
from analytics.measures.suppress import TOTAL, suppress
from analytics.publish.blocks import MIME, RECORDS, figure, finding, kpis, page_one, quotes, table
from analytics.publish.claims import ClaimError
from analytics.publish.collect import refuse_unfounded
from analytics.publish.figures import plot_intervals
from analytics.publish.versions import HeldBackError, digest, keep_version, write_json

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
    words = {"caption": "Customers by group.", "source": SAID, "n": 300, "people": "people"} | words
    refuse_unfounded([table(frame, **words).as_json()], 10)


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


# ---- the gate on typed counts of people ------------------------------------------------------------------------------

THREE = pd.DataFrame({"team": ["North", "South", "East"], "replies": [40, 25, 3], "mood": ["fell", "rose", "fell"]})
SCORES = {"value": [0.8, 0.7, 0.6], "low": 0.4, "high": 0.9, "unit": "share"}
CHART = plot_intervals(THREE.assign(**SCORES, n=30), by="team", unit="share")
SHARE = Estimate(0.62, 0.58, 0.66, 1204, "share", SAID)


@pytest.mark.parametrize("heading", ["Replies", "Answers", "Antworten", "Q7", "Total"])
def test_three_people_are_stopped_whatever_their_column_is_called(heading):
    for people in ("replies", THREE["replies"], [40, 25, 3]):
        with pytest.raises(ClaimError, match="rests on 3 people"):
            shows(THREE, columns={"team": "Team", "replies": heading}, people=people)


def test_a_table_or_chart_that_does_not_say_who_stands_behind_it_is_refused():
    with pytest.raises(ValueError, match="table needs people=: how many distinct people"):
        table(THREE, caption="Replies.", source=SAID, n=68)
    with pytest.raises(ValueError, match="figure needs people=: how many distinct people"):
        figure(CHART, alt="Shares.", caption="Shares.", source=SAID, n=300)
    block = table(THREE, caption="Replies.", source=SAID, n=68, people=RECORDS).as_json()
    with pytest.raises(ClaimError, match="does not say how many people"):
        refuse_unfounded([{key: value for key, value in block.items() if key != "people"}], 10)


def test_the_smallest_of_several_counts_decides():
    left = pd.DataFrame({"team": ["North", "South"], "customers": [400, 300], "left": [40, 4]})
    shows(left, people="customers")
    with pytest.raises(ClaimError, match="rests on 4 people"):
        shows(left, people=["customers", "left"])
    shows(left.assign(left=[40, 0]), people=["customers", "left"])


def test_rows_of_data_tell_of_nobody():
    shows(pd.DataFrame({"table": ["surveys", "contacts"], "faults": [3, 4]}), people=RECORDS, n=7)


@pytest.mark.parametrize("cell", ["fell", "Nobody called Mrs Jones back.", 0.25, True])
def test_a_withheld_row_shows_neither_figures_nor_words(cell):
    frame = pd.DataFrame(
        {"team": ["North", "South", "East"], "people": [40, np.nan, np.nan], "what": ["fell", cell, None]}
    )
    with pytest.raises(ClaimError, match="South.*withheld"):
        shows(frame.astype({"what": object}))
    shows(frame.assign(what=["fell", None, None]))


def test_a_withheld_row_may_say_why():
    shows(suppress(THREE, by=["team"], count="replies").drop(columns="mood"), people="replies")


def test_a_withheld_row_keeps_all_its_group_labels_and_no_other_text():
    frame = pd.DataFrame(
        {"promise": "Call back", "segment": ["home", "trade", "farm"], "people": [40, np.nan, np.nan], "cases": 50}
    ).assign(cases=[50, np.nan, np.nan])
    shows(frame)
    with pytest.raises(ClaimError, match="withheld"):
        shows(frame.assign(promise=["a", "b", "c"]), by=["segment"])


def test_a_number_in_the_first_column_labels_its_row():
    frame = pd.DataFrame({"gestures": [1, 2, 3], "value": [0.1, 0.2, 0.3], "people": [90, 40, 6]})
    shows(suppress(frame, by=["gestures"]), n=0)
    with pytest.raises(ClaimError, match="withheld"):
        shows(pd.DataFrame({"share": [SHARE, SHARE], "people": [90, np.nan]}), n=0)


def test_a_total_is_known_by_its_mark_and_not_by_its_word():
    frame = pd.DataFrame({"team": ["North", "South", "East", TOTAL], "people": [40, 25, np.nan, 95]})
    with pytest.raises(ClaimError, match="'jeder' less the other rows"):
        shows(frame, total="jeder", n=95)
    shows(frame.assign(people=[40, np.nan, np.nan, 95]), total="jeder", n=95)


@pytest.mark.parametrize("label", ["Insgesamt", "Everyone", "x"])
def test_a_total_without_a_mark_gives_no_small_group_away_either(label):
    frame = pd.DataFrame({"team": ["North", "South", "East", label], "people": [40, 25, np.nan, 69]})
    with pytest.raises(ClaimError, match="follows from"):
        shows(frame, n=0)


def test_the_n_under_a_table_gives_no_small_group_away():
    frame = pd.DataFrame({"team": ["North", "South", "East"], "people": [40, 25, np.nan]})
    with pytest.raises(ClaimError, match="follows from"):
        shows(frame, n=69)
    shows(frame.assign(people=[40, np.nan, np.nan]), n=69)


def test_a_chart_is_stopped_for_its_smallest_point():
    words = {"alt": "Shares by team.", "caption": "Shares by team.", "source": SAID, "n": 300}
    for people in ([40, 25, 3], 3):
        with pytest.raises(ClaimError, match="rests on 3 people"):
            refuse_unfounded([figure(CHART, people=people, **words).as_json()], 10)
    drawn = figure(CHART, people=[40, 25, np.nan], **words)
    refuse_unfounded([drawn.as_json()], 10)
    trend = figure(CHART, people=[40, 3], **words)
    page = page_one("October.", {"Satisfied": SHARE}, {"Who may leave": "…"}, trend=trend)
    with pytest.raises(ClaimError, match="rests on 3 people"):
        refuse_unfounded([page.as_json()], 10)


def test_sentences_and_quotes_are_stopped_for_their_smallest_group():
    with pytest.raises(ClaimError, match="rests on 3 people"):
        refuse_unfounded([finding("62 % (58–66) are satisfied.", [SHARE], people=3).as_json()], 10)
    with pytest.raises(ClaimError, match="rests on 3 people"):
        refuse_unfounded([quotes(["Nobody called."], caption="Waiting", n=40, people=3).as_json()], 10)


SMALL = ["Of 7 customers who left, all wrote.", "Satisfied customers (n = 7).", "Only 3 people answered by chat."]
LARGE = [
    "Groups of fewer than 10 customers are left out.",
    "1 in 5 customers wrote.",
    "Q3 customers wrote as often.",
    "17 customers of 4 teams; n = 120.",
]


@pytest.mark.parametrize(("sentences", "stopped"), [(SMALL, True), (LARGE, False)])
def test_captions_notes_labels_and_sentences_count_no_small_group(sentences, stopped):
    frame = pd.DataFrame({"team": ["North"], "people": [300]})
    for text in sentences:
        words = {"source": SAID, "n": 300, "people": "people"}
        for block in (
            table(frame, caption=text, **words),
            table(frame, caption="Teams.", note=text, **words),
            kpis({"Satisfied": SHARE}, {"Satisfied": text}),
            finding(text),
        ):
            if stopped:
                with pytest.raises(ClaimError, match="never shown"):
                    refuse_unfounded([block.as_json()], 10)
            else:
                refuse_unfounded([block.as_json()], 10)


def test_the_counts_of_a_table_are_refused_where_they_do_not_fit_it():
    with pytest.raises(ValueError, match="people has 2 values for 3 rows"):
        table(THREE, caption="c", source=SAID, n=3, people=[1, 2])
    with pytest.raises(ValueError, match="no column 'folk' for people"):
        table(THREE, caption="c", source=SAID, n=3, people="folk")
    with pytest.raises(ValueError, match="no column 'folk' for by"):
        table(THREE, caption="c", source=SAID, n=3, people="replies", by=["folk"])


# ---- reconstruction: linear programming over two months and two versions ---------------------------------------------

MONTHS = ["2025-03", "2025-04"]


def by_month(counts):
    """One table by team and month with every total, as two monthly reports and the one of both show together."""
    cells = pd.DataFrame(counts, TEAMS, MONTHS)
    cells.loc[TOTAL] = cells.sum()
    cells[TOTAL] = cells.sum(axis=1)
    return cells.rename_axis("team").reset_index().melt("team", var_name="month", value_name="people").assign(value=0.5)


def sums_of(cells):
    """Equations: the cells of each line add up to its total."""
    place = {cell: i for i, cell in enumerate(cells)}
    for axis, names in enumerate((TEAMS, MONTHS)):
        for other in dict.fromkeys(cell[1 - axis] for cell in cells):
            row = np.zeros(len(cells))
            for name in [*names, TOTAL]:
                row[place[(name, other) if axis == 0 else (other, name)]] = -1 if name == TOTAL else 1
            yield row


def leaks(versions, truths, k=10):
    """Small groups, and small numbers of late comers, that all versions of a table pin down to one whole number.

    The attacker knows every total's equation, that a hidden group has somebody, and that late data only add.
    """
    cells = list(versions[0][["team", "month"]].itertuples(index=False, name=None))
    n, shown = len(cells), [version["people"].to_numpy() for version in versions]
    sums = np.array(list(sums_of(cells)))
    equations = np.kron(np.eye(len(versions)), sums)
    bounds = [(1, None) if np.isnan(people) else (people, people) for version in shown for people in version]
    last = len(versions) - 1  # late comers: a cell of the last version less the same one of the first
    growth = np.hstack([np.eye(n), -np.eye(n)]) if last else np.zeros((0, n))
    goals = [*np.eye(len(bounds)), *(-growth)]
    counts = [*np.concatenate(truths), *(truths[last] - truths[0])]
    found = []
    for goal, people in zip(goals, counts[: len(goals)], strict=True):
        if not 0 < people < k:
            continue
        ends = [
            linprog(sign * goal, A_ub=growth, b_ub=np.zeros(len(growth)), A_eq=equations,
                    b_eq=np.zeros(len(equations)), bounds=bounds).fun
            for sign in (1, -1)
        ]  # fmt: skip
        if None not in ends and np.ceil(ends[0] - 1e-6) == np.floor(-ends[1] + 1e-6):
            found.append(people)
    return found


def publish(frame, folder):
    """A folder as a report leaves it that shows the one table."""
    n = int(frame["people"].max()) if frame["people"].notna().any() else 0
    shown = table(frame, caption="Customers.", source=SAID, n=n, people="people", by=["team", "month"]).as_json()
    folder.mkdir(parents=True)
    (folder / "report.pdf").write_text(frame.to_csv())
    write_json(folder / "claims.json", {"claims": []})
    write_json(folder / "notebook.ipynb", {"cells": [{"outputs": [{"data": {MIME: shown}}]}]})
    listed = {name: digest(folder / name) for name in ("claims.json", "notebook.ipynb")}
    write_json(folder / "manifest.json", {"version": 1, "files": listed})


@pytest.mark.parametrize("seed", range(4))
def test_no_small_group_and_no_few_newcomers_follow_from_two_months_and_two_versions(seed, tmp_path):
    rng, published = np.random.default_rng(seed), 0
    for number in range(50):
        first = rng.integers(0, 40, (3, 2))
        late = rng.choice([0, 4, 30], (3, 2), p=[0.6, 0.05, 0.35])
        truths = [by_month(first), by_month(first + late)]
        versions = [suppress(truth, by=["team", "month"]) for truth in truths]
        counts = [truth["people"].to_numpy() for truth in truths]
        folders = [tmp_path / str(number) / name for name in ("before", "now")]
        for frame, folder in zip(versions, folders, strict=True):
            publish(frame, folder)
        with suppress_errors(HeldBackError):
            keep_version(folders[1], folders[0])
            assert leaks(versions, counts) == []
            published += 1
        assert leaks(versions[:1], counts[:1]) == []
    assert published > 5


def test_the_attack_finds_what_an_unprotected_table_gives_away():
    before = by_month([[40, 31], [25, 28], [30, 14]])
    now = by_month([[40, 31], [25, 28], [33, 14]])
    truths = [table["people"].to_numpy() for table in (before, now)]
    assert leaks([before, now], truths)
    small = by_month([[40, 31], [25, 28], [30, 4]])
    hidden = small.assign(people=small["people"].where(small["people"] != 4))
    assert leaks([hidden], [small["people"].to_numpy()]) == [4]
