"""Whether the words beside a score are in its mood: a scale the other way round stops the run."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analytics.tables.check import Piece, check_table
from analytics.tables.maps import parse_map
from analytics.tables.schema import DataContractError, ReadLog, Tables
from analytics.tables.sources import read_raw
from analytics.tables.start import answer_question, draft_map
from analytics.text.mood import doubt_checked, doubt_mood, heed_mood

PRAISE = [
    "Lovely staff and quick help.",
    "Very happy with the repair.",
    "Great, thank you so much!",
    "Excellent advice.",
]
BLAME = ["Nobody rang me back, awful.", "Rude and slow.", "Terrible, still broken.", "Worst company I ever met."]


def _surveys(seed: int, flip: bool, n: int = 60) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    content = draw.random(n) < 0.5
    words = [str(draw.choice(PRAISE if good else BLAME)) for good in content]
    score = np.where(content, draw.integers(4, 6, n), draw.integers(1, 3, n)).astype(float)
    days = pd.date_range("2026-05-01", periods=n, freq="h", tz="UTC")
    ids = [f"r{i}" for i in range(n)]
    return pd.DataFrame(
        {"response_id": ids, "responded_at": days, "csat": 6 - score if flip else score, "comment": words}
    )


@pytest.mark.parametrize("seed", range(3))
def test_praise_beside_the_worst_mark_is_a_doubt_and_praise_beside_the_best_is_none(seed):
    assert [d.aspect for d in doubt_mood(_surveys(seed, flip=True))] == ["direction"]
    assert doubt_mood(_surveys(seed, flip=False)) == []


@pytest.mark.parametrize("n", [12, 16, 25])
def test_a_few_people_whose_words_contradict_their_scores_are_noticed(n):
    turned = sum(bool(doubt_mood(_surveys(seed, flip=True, n=n))) for seed in range(10))
    right = sum(bool(doubt_mood(_surveys(seed, flip=False, n=n))) for seed in range(10))
    assert turned >= 8
    assert right == 0


def test_words_that_have_nothing_to_do_with_the_score_raise_no_doubt():
    for seed in range(10):
        surveys = _surveys(seed, flip=False)
        mixed = surveys["csat"].sample(frac=1, random_state=seed).to_numpy()
        assert doubt_mood(surveys.assign(csat=mixed)) == []


@pytest.mark.parametrize("each", [2, 6, 12])
def test_many_equal_answers_of_one_person_count_once(each):
    """Unrelated words and scores, each given several times: as many doubts as chance allows, not one in ten."""
    doubts = 0
    for seed in range(60):
        people = _surveys(seed, flip=False, n=60)
        mixed = people.assign(csat=people["csat"].sample(frac=1, random_state=seed).to_numpy())
        answers = mixed.assign(customer_id=people["response_id"]).loc[mixed.index.repeat(each)]
        doubts += len(doubt_mood(answers.reset_index(drop=True)))
    assert doubts <= 2


@pytest.mark.parametrize("each", [2, 4])
def test_a_turned_scale_is_noticed_where_people_answer_several_times(each):
    people = _surveys(0, flip=True, n=100 // each)
    answers = people.assign(customer_id=people["response_id"]).loc[people.index.repeat(each)].reset_index(drop=True)
    assert [d.aspect for d in doubt_mood(answers)] == ["direction"]


@pytest.mark.parametrize("seed", range(3))
def test_a_scale_turned_round_for_one_group_alone_is_noticed(seed):
    right, turned = _surveys(seed, flip=False, n=200), _surveys(seed + 9, flip=True, n=60)
    both = pd.concat([right.assign(channel="Phone"), turned.assign(channel="Web")], ignore_index=True)
    (doubt,) = doubt_mood(both)
    assert doubt.reason.startswith("where channel is 'Web', the lower the score")
    assert doubt_mood(right.assign(channel=["Phone", "Web"] * 100)) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_lowest_mark_that_stands_for_no_answer_is_noticed(seed):
    surveys = _surveys(seed, flip=False, n=300)
    nps = (surveys["csat"] - 1) * 2.5  # 0, 2.5, 7.5 and 10
    filled = surveys.assign(nps=nps.where(surveys.index % 3 > 0, 0.0)).drop(columns="csat")
    assert [doubt.reason.partition(",")[0] for doubt in doubt_mood(filled)] == ["where the score is 'below 5'"]
    assert doubt_mood(filled.assign(nps=nps)) == []


def test_a_contradicted_score_stops_the_run_and_a_stated_one_is_warned_of():
    tables = Tables(surveys=_surveys(0, flip=True))
    with pytest.raises(DataContractError, match="column csat, direction"):
        heed_mood(tables)
    stated = heed_mood(Tables(surveys=tables.surveys, log=ReadLog(directed=frozenset({"csat"}))))
    assert "csat" in stated.log.warnings[-1]


def test_a_draft_asks_which_end_is_good_and_the_answer_settles_it(tmp_path: Path):
    file = tmp_path / "answers.csv"
    frame = _surveys(0, flip=True).rename(columns={"csat": "Satisfaction", "comment": "Why?", "responded_at": "Date"})
    frame["Why?"] += [f" I called on day {day}." for day in range(len(frame))]  # hardly anybody writes the same words
    frame.to_csv(file, index=False)
    draft = draft_map(read_raw(file, file.name), doubt=doubt_checked)
    question = next(q for q in draft.questions if q.place == "surveys.csat")
    turned = next(c for c in question.choices if "1 is best" in c.means)
    settled = answer_question(draft, question, turned)
    assert settled.questions == ()
    layout = parse_map(settled.content, "answered")
    read = check_table("surveys", [Piece(settled.raw, layout.tables["surveys"], layout)], "UTC").frame
    assert read.loc[read["comment"].str.startswith(tuple(PRAISE)), "csat"].min() >= 4
