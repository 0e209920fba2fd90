"""Which phrases set groups of texts apart."""

import math
import re
from typing import Any

import numpy as np
import pandas as pd

from analytics.text.clean import word_lists

RARE, RARE_IN_GROUP = 5, 3  # texts that must hold a phrase before it is listed
PRIOR = 0.1  # of a phrase's use in all texts, as pseudo-counts for both groups
LEAVES_CHANCE = 1.96  # z beyond which a phrase is listed
TOGETHER = 3.0  # times as often as by chance two words stand side by side before they are a phrase

_PLACEHOLDER = re.compile(r"\[[\w -]+\]")
_WORD = re.compile(r"(?<![\w'’-])[^\W\d_]{2,}(?:['’][^\W\d_]+)?(?![\w'’])|[.,;:!?()]|\S")  # no part of 5th or B2B
_EMPTY, _NEGATION = (word_lists("phrases")[name] for name in ("empty", "nothing"))


def distinctive_phrases(texts: pd.Series, group: pd.Series, count: int = 10) -> pd.DataFrame:
    """Words and pairs of words that one group of texts uses more than the other.

    Weighted log-odds ratio with an informative Dirichlet prior (the phrase's use in all texts). The groups must come
    from elsewhere than a text scorer, such as the customers' own scores. A text counts once per phrase. Two words are
    a phrase where they stand side by side more often than chance would set them; of phrases that share a word the
    strongest is listed.

    Parameters
    ----------
    texts
        Redacted texts; missing ones are left out.
    group
        Boolean on the same index; missing rows are left out.
    count
        Phrases per side.

    Returns
    -------
    pandas.DataFrame
        phrase, log_odds (positive: more in the True group), z, n_true and n_false (texts that hold it), strongest first
        on each side; only phrases in at least 5 texts and with |z| above 1.96.

    References
    ----------
    Monroe, Colaresi and Quinn (2008), Political Analysis 16(4), 372-403, section 3.5.

    Examples
    --------
    >>> texts = pd.Series(["late"] * 8 + ["kind"] * 8)
    >>> distinctive_phrases(texts, pd.Series([True] * 8 + [False] * 8), 1)["phrase"].tolist()
    ['late', 'kind']
    """
    grouped = texts.notna() & group.notna()
    side = group[grouped].astype(bool).to_numpy()
    phrases, holds = _count(texts[grouped])
    a, b = (np.asarray(holds[rows].sum(axis=0)).ravel() for rows in (side, ~side))
    table = pd.DataFrame({"phrase": phrases, **_weigh(a, b), "n_true": a, "n_false": b})
    more, less = (_strongest(table[table["z"] * sign > LEAVES_CHANCE], count) for sign in (1, -1))
    return pd.concat([more, less], ignore_index=True)


def name_groups(texts: pd.Series, groups: pd.Series, count: int = 3) -> dict[Any, list[str]]:
    """Phrases that each group of texts uses more than all others, the most distinctive first; at most `count` of each.

    `groups` has a label for each text, missing for those of none. See `distinctive_phrases`.
    """
    phrases, holds = _count(texts, RARE_IN_GROUP)
    every, names = np.asarray(holds.sum(axis=0)).ravel(), {}
    for label, rows in groups.reset_index(drop=True).groupby(groups.to_numpy()).groups.items():
        a = np.asarray(holds[rows].sum(axis=0)).ravel()
        table = pd.DataFrame({"phrase": phrases, **_weigh(a, every - a)})
        names[label] = _strongest(table[table["z"] > LEAVES_CHANCE], count)["phrase"].tolist()
    return names


def _weigh(a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    """Log-odds ratio of phrases that a and b texts hold, and its z."""
    prior = (a + b) * PRIOR
    n_a, n_b, n_0 = a.sum(), b.sum(), prior.sum()
    odds_a, odds_b = (  # where a side holds one phrase only nothing is left beside it
        np.log((side + prior) / np.maximum(n + n_0 - side - prior, PRIOR)) for side, n in ((a, n_a), (b, n_b))
    )
    return {"log_odds": odds_a - odds_b, "z": (odds_a - odds_b) / np.sqrt(1 / (a + prior) + 1 / (b + prior))}


def _strongest(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """Rows of the highest |z| of which no two share a word that means something."""
    kept, used = list[int](), set[str]()
    ordered = table.sort_values("z", key=lambda z: -z.abs().round(9), kind="stable")
    for row, phrase in enumerate(ordered["phrase"]):
        words = set(phrase.split())
        if len(kept) < count and not words & used:
            kept.append(row)
            used |= words
    return ordered.iloc[kept]


def _count(texts: pd.Series, rare: int = RARE) -> tuple[list[str], Any]:
    """Phrases that enough texts hold, in order, and which text holds which: shape (texts, phrases), 0 or 1."""
    from sklearn.feature_extraction.text import CountVectorizer

    if texts.empty:
        return [], np.empty((0, 0))
    words = CountVectorizer(analyzer=_phrases_of, binary=True)
    try:
        holds = words.fit_transform(texts).tocsc()
    except ValueError:  # nothing but empty words
        return [], np.empty((len(texts), 0))
    phrases, often = words.get_feature_names_out(), np.asarray(holds.sum(axis=0)).ravel()
    texts_with = dict(zip(phrases, often, strict=True))

    def is_phrase(phrase: str, n: int) -> bool:
        apart = math.prod(int(texts_with.get(word, n)) for word in phrase.split())
        return n >= rare and (" " not in phrase or n * len(texts) >= TOGETHER * apart)

    kept = [place for place, (phrase, n) in enumerate(texts_with.items()) if is_phrase(phrase, int(n))]
    return phrases[kept].tolist(), holds[:, kept].tocsr()


def _phrases_of(text: str) -> list[str]:
    """Words that mean something, and pairs that stand side by side, such as "not working"; nothing of placeholders."""
    words = _WORD.findall(_PLACEHOLDER.sub(" . ", text.lower()).replace("’", "'"))
    plain = [word if len(word) > 1 and word not in _EMPTY else "" for word in words]
    pairs = [f"{a} {b}" for a, b in zip(plain, plain[1:], strict=False) if a and b and b not in _NEGATION]
    return [word for word in plain if word and word not in _NEGATION] + pairs
