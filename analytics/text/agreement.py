"""Whether two people who read the same texts read them alike."""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from analytics.text.read_sets import COMPLAINT, LEAVING
from analytics.text.readings import CORRECTED, FURTHER, SKIPPED, all_offered, flag_labels


@dataclass(frozen=True)
class Agreement:
    """How far two people read the same texts alike, beyond what chance would do.

    Parameters
    ----------
    first, second
        The readers.
    about
        'sentiment', 'themes' (each text with each theme counts once), 'leaving' or 'complaint'.
    kappa, low, high
        Cohen's kappa, -1 to 1, and its 95 % interval; NaN where it is undefined.
    n, same
        Texts both read (texts times themes for 'themes'), skipped ones left out, and how many they read alike.
    """

    first: str
    second: str
    about: str
    kappa: float
    low: float
    high: float
    n: int
    same: int


def measure_agreement(labels: pd.DataFrame) -> list[Agreement]:
    """Cohen's kappa of every two readers, over the texts that both of them read.

    kappa = (po - pe) / (1 - pe), po the share of equal answers, pe the share that chance would give with the same use
    of each answer. The interval is the large-sample one.

    Parameters
    ----------
    labels
        Rows of a `LabelStore`.

    Returns
    -------
    list of Agreement
        One for every two readers, in order of name, and thing that both were asked; none with fewer than two readers.

    References
    ----------
    Cohen 1960, Educational and Psychological Measurement 20, 37-46; Fleiss, Cohen & Everitt 1969, Psychological
    Bulletin 72, 323-327, for the standard error.

    Examples
    --------
    >>> labels = pd.DataFrame({"text_hash": list("wxyz") * 2, "labeller": ["Ann"] * 4 + ["Ben"] * 4, "drawn": "random"})
    >>> labels["sentiment"] = [{"n": "negative", "p": "positive"}[letter] for letter in "nppn" + "npnn"]
    >>> labels[["blame", "praise", "other", "leaving", "complaint", "offered"]] = ""
    >>> [(pair.n, pair.kappa) for pair in measure_agreement(labels)]  # po = 3/4, pe = 1/2 * 3/4 + 1/2 * 1/4
    [(4, 0.5)]
    """
    rows = labels[labels["sentiment"].ne(SKIPPED) & labels["drawn"].ne(CORRECTED)]
    rows = rows.drop_duplicates(["text_hash", "labeller"], keep="last").set_index("text_hash")
    answers = {
        "sentiment": rows[["sentiment"]], "themes": flag_labels(rows, all_offered(rows)).drop(columns=[*FURTHER]),
        **{name: rows[[name]].replace("", np.nan) for name in (LEAVING, COMPLAINT)},
    }  # fmt: skip
    agreements = []
    for first, second in combinations(sorted(rows["labeller"].unique()), 2):
        for about, frame in answers.items():
            one, two = (frame[rows["labeller"] == who] for who in (first, second))
            both = one.index.intersection(two.index)
            pairs = pd.DataFrame({0: one.loc[both].stack(), 1: two.loc[both].stack()}).dropna()
            if len(pairs) or about == "sentiment":
                agreements.append(_agreement(pairs, first, second, about))
    return agreements


def _agreement(both: pd.DataFrame, first: str, second: str, about: str) -> Agreement:
    used = sorted({*both[0], *both[1]})
    table = pd.crosstab(both[0], both[1]).reindex(index=used, columns=used, fill_value=0).to_numpy()
    same = int(np.trace(table))
    if len(used) < 2:
        return Agreement(first, second, about, math.nan, math.nan, math.nan, len(both), same)
    from statsmodels.stats.inter_rater import cohens_kappa

    estimate = cohens_kappa(table)
    low, high = max(-1.0, float(estimate.kappa_low)), min(1.0, float(estimate.kappa_upp))
    return Agreement(first, second, about, float(estimate.kappa), low, high, len(both), same)
