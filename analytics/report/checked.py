"""Shares of labels as readers would count them: by readings of these texts, else with what other sets showed."""

from functools import lru_cache
from typing import Literal, NamedTuple

import pandas as pd

from analytics.config import Config
from analytics.measures.estimate import Estimate
from analytics.measures.read_shares import SetErrors, share_with_readings
from analytics.text.linear import CLASSES
from analytics.text.read_sets import LEAVING, load_read_sets
from analytics.text.readings import find_labels

FEWEST_READ = 50  # random readings from which on the interval's coverage was tested


class SentimentShare(NamedTuple):
    """A share, NaN where not known, and how many of these texts people read for it (0: only texts elsewhere)."""

    estimate: Estimate
    read: int


@lru_cache(maxsize=2)
def label_errors(model: Literal["accurate", "fast"]) -> SetErrors:
    """How far counts of themes, and of those who say that they leave, were from what readers found elsewhere."""
    from analytics.text.themes import THEMES

    sets = load_read_sets(model)
    return SetErrors.fit(sets[sets["label"].isin([*THEMES, LEAVING])])


def sentiment_shares(
    config: Config, period: str, written: pd.DataFrame, model: Literal["accurate", "fast"]
) -> dict[str, SentimentShare]:
    """Share of each sentiment among scored texts with `text` and `sentiment`, by class.

    Readings of the period's own texts speak where there are 50 or more; those of other organisations otherwise.
    """
    labels = find_labels(config, period, written["text"]).dropna()
    own = len(labels) >= FEWEST_READ
    sets, shares = load_read_sets(model), {}
    for name in CLASSES:
        predicted = written["sentiment"].eq(name)
        if own:
            share = share_with_readings(predicted, labels.eq(name), confidence=config.report.confidence)
        else:
            errors = SetErrors.fit(sets[sets["label"] == name])
            share = errors.share(float(predicted.mean()), len(predicted), name, config.report.confidence).estimate
        shares[name] = SentimentShare(share, len(labels) if own else 0)
    return shares
