"""Shares of sentiment: readings of the period's own texts speak where there are enough, else they are not known."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analytics.report.checked import FEWEST_READ, sentiment_shares
from analytics.text.readings import COLUMNS, LabelStore, find_labels, text_hash

PERIOD = "2026-10"


@pytest.fixture
def config(tmp_path):
    return SimpleNamespace(
        organisation=SimpleNamespace(name="Acme"), report=SimpleNamespace(confidence=0.95), resolve=tmp_path.joinpath
    )


def label(config, texts, truth, *, drawn="random", period=PERIOD):
    """Write labels of texts, as the labelling notebook does."""
    store = LabelStore(config.resolve("data/derived/labels/acme.csv"))
    rows = [(text_hash(t), t, name, "Ann", "2026-11-01", drawn, period) for t, name in zip(texts, truth, strict=True)]
    earlier = store.read()
    store.path.parent.mkdir(parents=True, exist_ok=True)
    pd.concat([earlier, pd.DataFrame(rows, columns=COLUMNS)]).to_csv(store.path, index=False)


def written(rng, share, n=600):
    """Texts of which a share is negative, with a model that misses half of these."""
    truth = np.where(rng.random(n) < share, "negative", "positive")
    seen = np.where((truth == "negative") & (rng.random(n) < 0.5), "positive", truth)
    return pd.DataFrame({"text": [f"text number {i}" for i in range(n)], "sentiment": seen, "truth": truth})


def test_without_readings_of_its_own_a_share_of_sentiment_is_not_known(config):
    shares = sentiment_shares(config, PERIOD, written(np.random.default_rng(0), 0.3), "fast")
    assert math.isnan(shares["negative"].estimate.value) and shares["negative"].read == 0


@pytest.mark.parametrize("seed", range(3))
def test_readings_of_its_own_texts_take_the_model_s_error_out(config, seed):
    texts = written(np.random.default_rng(seed), 0.5)
    label(config, texts["text"][:150], texts["truth"][:150])
    share, read = sentiment_shares(config, PERIOD, texts, "fast")["negative"]
    assert read == 150 == share.n
    assert share.low > texts["sentiment"].eq("negative").mean()  # about 25 %
    assert abs(share.value - 0.5) < 0.14


def test_only_random_readings_of_the_period_count(config):
    texts = written(np.random.default_rng(1), 0.3)
    label(config, texts["text"][:100], texts["truth"][:100], drawn="teaching")
    label(config, texts["text"][100:200], texts["truth"][100:200], period="2026-09")
    label(config, texts["text"][200:210], texts["truth"][200:210])
    labels = find_labels(config, PERIOD, texts["text"])
    assert labels.notna().sum() == 10 < FEWEST_READ
    assert labels[200:210].tolist() == texts["truth"][200:210].tolist()
    assert sentiment_shares(config, PERIOD, texts, "fast")["negative"].read == 0
