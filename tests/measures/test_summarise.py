from functools import partial

import numpy as np
import pandas as pd
import pytest

from analytics.measures.estimate import SAID, Estimate
from analytics.measures.scores import (
    customer_effort,
    mean_score,
    net_promoter_score,
    net_sentiment,
    response_rate,
    top_box_share,
)
from analytics.measures.summarise import summarise
from analytics.measures.suppress import Withheld


@pytest.fixture
def surveys():
    return pd.DataFrame(
        {
            "customer_id": ["1", "2", "3", "4", "5", "6"],
            "team": ["north", "north", "south", "south", None, "west"],
            "nps": [10, 9, 10, 0, 3, None],
            "csat": [5, 4, 2, None, 1, None],
            "w": [1.0, 1.0, 3.0, 1.0, 1.0, 1.0],
        }
    )


def test_one_row_per_group_in_the_tidy_shape(surveys):
    table = summarise(surveys, net_promoter_score, by=["team"])
    assert list(table.columns) == ["team", "measure", "value", "low", "high", "n", "unit", "source"]
    assert table.set_index("team")["value"].to_dict() == pytest.approx(
        {"north": 100, "south": 0, "west": np.nan, "not stated": -100}, nan_ok=True
    )
    assert set(table["measure"]) == {"net_promoter_score"}


def test_a_group_without_an_answer_is_unknown_with_n_zero(surveys):
    west = summarise(surveys, net_promoter_score, by=["team"]).set_index("team").loc["west"]
    assert np.isnan([west["value"], west["low"], west["high"]]).all()
    assert (west["n"], west["unit"], west["source"]) == (0, "points", SAID)


def test_an_empty_category_keeps_its_row(surveys):
    surveys["team"] = pd.Categorical(surveys["team"], categories=["north", "south", "west", "east"])
    table = summarise(surveys, net_promoter_score, by=["team"]).set_index("team")
    assert list(table.index) == ["north", "south", "west", "east", "not stated"]
    assert table.loc["east", "n"] == 0


def test_no_group_gives_one_row_for_everybody(surveys):
    assert summarise(surveys, top_box_share)[["value", "n"]].to_numpy().tolist() == [[0.5, 4]]


def test_an_empty_frame_gives_an_unknown_row(surveys):
    table = summarise(surveys.iloc[:0], net_promoter_score)
    assert table["n"].to_list() == [0]
    assert summarise(surveys.iloc[:0], net_promoter_score, by=["team"]).empty


def test_two_group_columns_and_order_of_rows_irrelevant(surveys):
    surveys["channel"] = ["phone", "chat", "phone", "phone", "chat", "chat"]
    table = summarise(surveys, net_promoter_score, by=["team", "channel"])
    other = summarise(surveys.iloc[::-1], net_promoter_score, by=["team", "channel"])
    pd.testing.assert_frame_equal(table, other)
    assert len(table) == 5


def test_weights_and_options_reach_the_measure(surveys):
    weighted = summarise(surveys, net_promoter_score, by=["team"], weights="w").set_index("team")
    assert weighted.loc["south", "value"] == pytest.approx(50)
    narrow = summarise(surveys, net_promoter_score, confidence=0.5)
    wide = summarise(surveys, net_promoter_score, confidence=0.99)
    assert narrow["low"][0] > wide["low"][0]


@pytest.mark.parametrize(
    ("measure", "values"),
    [
        (net_sentiment, ("sentiment", ["positive", "unknown"])),
        (response_rate, ("responded_at", pd.to_datetime(["2025-01-01", None]))),
        (customer_effort, ("ces", [7, 1])),
    ],
)
def test_known_measures_know_their_column(measure, values):
    assert len(summarise(pd.DataFrame({values[0]: values[1]}), measure)) == 1


def test_a_measure_of_ones_own_needs_its_column_only(surveys):
    def median(s):
        if s.isna().all():
            raise ValueError("nothing")
        return Estimate(s.median(), s.min(), s.max(), int(s.notna().sum()), "points", SAID)

    table = summarise(surveys, median, by=["team"], column="nps").set_index("team")
    assert table.loc["south", "value"] == 5
    assert table.loc["west", "n"] == 0
    with pytest.raises(ValueError, match=r"say column='…'"):
        summarise(surveys, median)


def test_a_partial_measure_keeps_its_name(surveys):
    table = summarise(surveys, partial(mean_score, scale=(0, 10)), column="nps")
    assert table["measure"][0] == "mean_score"


def test_a_refused_value_is_not_hidden_as_unknown(surveys):
    surveys.loc[0, "nps"] = 11
    with pytest.raises(ValueError, match="column 'nps' has 1 values outside 0-10: 11"):
        summarise(surveys, net_promoter_score, by=["team"])


def test_an_absent_column_is_named(surveys):
    with pytest.raises(ValueError, match=r"needs columns \['region'\]"):
        summarise(surveys, net_promoter_score, by=["region"])


def test_the_input_stays_unchanged(surveys):
    before = surveys.copy()
    summarise(surveys, net_promoter_score, by=["team"], minimum=2)
    pd.testing.assert_frame_equal(surveys, before)


def test_minimum_counts_people_who_answered_not_rows():
    frame = pd.DataFrame(
        {
            "customer_id": ["a"] * 12 + [str(i) for i in range(12)] + [f"x{i}" for i in range(20)],
            "team": ["one person"] * 12 + ["twelve"] * 12 + ["three answered"] * 20,
            "nps": [9.0] * 24 + [9.0] * 3 + [np.nan] * 17,
        }
    )
    table = summarise(frame, net_promoter_score, by=["team"], minimum=10).set_index("team")
    assert table.loc["one person", "withheld"] == Withheld.FEW
    assert table.loc["three answered", "withheld"] == Withheld.FEW
    assert np.isnan(table.loc["one person", "n"])
    assert table.loc["twelve", "withheld"] != Withheld.FEW


def test_several_answers_of_one_person_widen_the_interval_and_n_counts_people():
    frame = pd.DataFrame({"nps": [10, 10, 10, 0, 0, 9], "customer_id": ["a", "a", "a", "b", "b", "c"]})
    row = summarise(frame, net_promoter_score).iloc[0]
    loose = summarise(frame.drop(columns="customer_id"), net_promoter_score).iloc[0]
    assert (row["n"], loose["n"]) == (3, 6)
    assert row["high"] - row["low"] > loose["high"] - loose["low"]
    assert row["value"] == loose["value"]
