"""Rows lost against rows kept: when a loss could move a score, and that it is said."""

import numpy as np
import pandas as pd
import pytest

from analytics.config import Config
from analytics.report.words import loss_sentences
from analytics.tables.loss import compare_loss
from analytics.tables.read import read_tables


def answers(seed, n, mean):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"nps": rng.normal(mean, 1.5, n).round().clip(0, 10), "comment": ["So it went"] * n})


@pytest.mark.parametrize("seed", range(5))
def test_a_loss_of_the_angry_matters(seed):
    losses = {
        loss.measure: loss for loss in compare_loss("surveys", answers(seed, 80, 8), answers(seed + 50, 20, 3), "x")
    }
    assert losses["nps"].matters
    assert losses["nps"].high < 0
    assert losses["nps"].shift == pytest.approx(losses["nps"].difference * 0.2 / 10)
    assert not losses["characters"].matters  # a length moves no score


def test_a_loss_that_is_alike_hardly_ever_matters():
    hits = sum(
        loss.matters
        for seed in range(60)
        for loss in compare_loss("surveys", answers(seed, 80, 7), answers(seed + 500, 20, 7), "x")
    )
    assert hits <= 9  # 5 % of 60 would be 3


def test_a_single_row_or_none_is_no_comparison():
    assert compare_loss("surveys", answers(0, 9, 7), answers(0, 0, 7), "x") == []
    (loss, _) = compare_loss("surveys", answers(0, 9, 7), answers(1, 1, 7), "x")
    assert np.isnan(loss.difference)
    assert not loss.matters


def read(tmp_path, table_map):
    rows = [
        f"r{i},2026-05-{1 + i % 28:02d},{1 + i % 3 if i % 4 == 0 else 9 + i % 2},{'web' if i % 4 == 0 else 'mail'}"
        for i in range(80)
    ]
    (tmp_path / "e.csv").write_text("Id,Day,Score,Kind\n" + "\n".join([*rows, "a,2026-05-01,0,mail"]) + "\n")
    (tmp_path / "m.toml").write_text(table_map)
    source = {"surveys": {"path": "e.csv", "map": "m.toml"}}
    return read_tables(Config(organisation={"name": "Acme"}, sources=source, root=tmp_path)).log


def test_what_a_filter_leaves_out_is_compared_and_said(tmp_path):
    columns = '[surveys]\nresponse_id = "Id"\nresponded_at = "Day"\nnps = "Score"\n'
    log = read(tmp_path, columns + '[surveys.where_not]\nKind = ["web"]\n')
    losses = log.losses.set_index("measure")
    assert losses.loc["nps", ["why", "lost", "kept", "matters"]].tolist() == ["left out", 20, 61, True]
    assert losses.loc["days", "lost"] == 20
    (sentence,) = loss_sentences(log.losses)
    assert sentence.startswith("20 answers were left out by a filter, on average 7.")
    assert "lower (likelihood to recommend) than the 61 kept" in sentence
    assert loss_sentences(read(tmp_path, columns).losses) == []
