"""Which phrases set two groups of texts apart."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pandas as pd

RARE = 5  # comments that must hold a phrase before it is listed
PRIOR = 0.1  # of a phrase's use in all texts, as pseudo-counts for both groups
LEAVES_CHANCE = 1.96  # z beyond which a phrase is listed


def distinctive_phrases(texts: pd.Series, group: pd.Series, count: int = 10) -> pd.DataFrame:
    """Words and pairs of words that one group of texts uses more than the other.

    Weighted log-odds ratio with an informative Dirichlet prior (the phrase's use in all texts). The groups must come
    from elsewhere than a text scorer, such as the customers' own scores. A text counts once per phrase.

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
    known = texts.notna() & group.notna()
    side = group[known].astype(bool)
    sides = [_count(texts[known][side]), _count(texts[known][~side])]
    phrases = sorted(p for p in set(sides[0]) | set(sides[1]) if sides[0][p] + sides[1][p] >= RARE)
    columns = ["phrase", "log_odds", "z", "n_true", "n_false"]
    if not phrases:
        return pd.DataFrame(columns=columns)
    a, b = (np.array([counter[p] for p in phrases], dtype=float) for counter in sides)
    prior = (a + b) * PRIOR
    n_a, n_b, n_0 = a.sum(), b.sum(), prior.sum()
    odds_a = np.log((a + prior) / (n_a + n_0 - a - prior))
    odds_b = np.log((b + prior) / (n_b + n_0 - b - prior))
    z = (odds_a - odds_b) / np.sqrt(1 / (a + prior) + 1 / (b + prior))
    table = pd.DataFrame(dict(zip(columns, (phrases, odds_a - odds_b, z, a.astype(int), b.astype(int)), strict=True)))
    table = table[table["z"].abs() > LEAVES_CHANCE].sort_values("z", key=lambda z: -z.round(9), kind="stable")
    more, less = table[table["z"] > 0].head(count), table[table["z"] < 0].tail(count)[::-1]
    return pd.concat([more, less], ignore_index=True)


def _count(texts: Iterable[str]) -> Counter[str]:
    """In how many texts each word and pair of words occurs; words that carry nothing alone only count in pairs."""
    from nltk.tokenize import RegexpTokenizer
    from nltk.util import ngrams
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    tokenizer = RegexpTokenizer(r"[^\W\d_]+(?:'[^\W\d_]+)?")
    counter: Counter[str] = Counter()
    for text in texts:
        words = tokenizer.tokenize(text.lower())
        alone = {word for word in words if word not in ENGLISH_STOP_WORDS}
        pairs = {" ".join(pair) for pair in ngrams(words, 2) if not set(pair) <= ENGLISH_STOP_WORDS}
        counter.update(alone | pairs)
    return counter
