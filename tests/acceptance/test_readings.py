"""Real texts read by hand: the labels in the repository belong to the texts of the data sets, and two readers agree."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from analytics.text.themes import THEMES
from analytics.training.real import FILES, load_readings

FOLDER = Path(__file__).resolve().parents[2] / "data" / "training"


@pytest.fixture(scope="module")
def readings():
    return pd.read_csv(FOLDER / "readings.csv", dtype={"hash": str}, keep_default_na=False)


@pytest.fixture(scope="module")
def twice(readings):
    second = pd.read_csv(FOLDER / "readings_second.csv", dtype={"hash": str}, keep_default_na=False)
    return readings.merge(second, on=["set", "row_id", "hash"], suffixes=("", "_2"), validate="one_to_one")


def test_every_label_is_one_that_a_reader_may_give(readings):
    for column in ("themes", "maybe_themes", "praised"):
        assert {name for cell in readings[column] for name in cell.split("|") if name} <= set(THEMES)
    assert set(readings["sentiment"]) == {"negative", "positive", "neutral", "mixed", "unclear"}
    assert set(readings["leaving"]) == {"0", "1", "maybe"}
    assert not readings.duplicated(["set", "row_id"]).any()


def test_one_text_in_five_was_read_by_a_second_reader_who_agrees(readings, twice):
    assert len(twice) >= len(readings) // 5
    named = [[theme in cell.split("|") for cell in twice[c] for theme in THEMES] for c in ("themes", "themes_2")]
    assert cohen_kappa_score(*named) > 0.8
    for column in ("sentiment", "complaint", "leaving"):
        assert cohen_kappa_score(twice[column], twice[f"{column}_2"]) > 0.8, column


def test_labels_belong_to_the_texts_of_the_data_sets(datasets):
    mine = load_readings(datasets).dropna(subset="hash")
    hashes = [hashlib.sha256(text.encode()).hexdigest()[:16] for text in mine["text"]]
    assert hashes == mine["hash"].tolist() and set(mine["set"]) == set(FILES)
    assert not mine.duplicated(["set", "row_id"]).any()
