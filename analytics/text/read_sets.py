"""What readers found in texts of several organisations, beside what the shipped models said: counts only."""

import json
from functools import lru_cache
from typing import Any, Literal

import pandas as pd

from analytics.text.linear import MODELS

FILE = "readings_errors.json"
LEAVING, COMPLAINT = "leaving", "complaint"  # labels beside the themes and the three of sentiment


@lru_cache(maxsize=2)
def load_read_sets(model: Literal["accurate", "fast"]) -> pd.DataFrame:
    """Counts of labels in sets of short texts that people read.

    Texts on which another careful reader might differ are counted as not named, and apart as `maybe`.

    Parameters
    ----------
    model
        Which of the shipped models read them.

    Returns
    -------
    pandas.DataFrame
        A row per set and label (the themes as problems, 'leaving', 'complaint', and the classes of sentiment): set,
        label, named, read, maybe (texts), found and false (texts with the model's label that readers did and did not
        give it), counted (share of the model's labels among all texts of the set, 0 to 1), texts.

    References
    ----------
    The data log, ``data/README.md``, on who read what.

    Examples
    --------
    >>> sets = load_read_sets("fast")
    >>> bool((sets["found"] <= sets["named"]).all()), sets["set"].nunique() >= 6
    (True, True)
    """
    card = _counts()
    return pd.DataFrame(card["rows"][model], columns=card["columns"])


def load_set_lines(model: Literal["accurate", "fast"], label: str) -> dict[str, Any]:
    """The lines of a label, by what they predict: intercept, slope, and shift, variance and freedom of each label."""
    groups: list[dict[str, Any]] = _counts()["lines"][model]
    return next(group for group in groups if label in group["counted"][2])


def _counts() -> dict[str, Any]:
    counts: dict[str, Any] = json.loads((MODELS / FILE).read_text(encoding="utf-8"))
    return counts
