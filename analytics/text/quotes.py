"""Customers' own words, chosen to represent and not to entertain."""

from collections.abc import Sequence
from difflib import SequenceMatcher

import pandas as pd

SHORTEST, LONGEST = 25, 320  # characters: long enough to say something, short enough for a page
ALIKE = 0.8  # of two texts the same in the same order: one was copied or mistyped


def pick_quotes(texts: pd.Series, count: int = 2, used: Sequence[str] = ()) -> list[str]:
    """Pick the texts nearest to what all of them say together.

    Each text is a TF-IDF vector; the first pick is nearest to the centroid of all, each further one is nearest among
    those not about the same words as a pick before (cosine below one half), nor the same but for a slip of the
    pen. Texts of 25 to 320 characters come first; only when there are none are others taken, cut with an ellipsis.

    Parameters
    ----------
    texts
        Redacted texts about one theme; missing and repeated ones are left out.
    count
        How many to pick.
    used
        Quotes that stand elsewhere: neither they nor texts about the same words are picked again.

    Returns
    -------
    list of str
        At most `count`, nearest first; the same texts give the same quotes whatever their order.

    References
    ----------
    Salton and McGill (1983), Introduction to Modern Information Retrieval, for TF-IDF and the centroid.

    Examples
    --------
    >>> texts = pd.Series(["Nobody called me back about the refund.", "Nobody ever called back, still no refund here.",
    ...                    "The shop floor was painted green last week."])
    >>> pick_quotes(texts, 1)
    ['Nobody called me back about the refund.']
    """
    pool = texts.dropna().str.strip().drop_duplicates().sort_values(kind="stable")
    pool = pool[~pool.isin(list(used))]
    fitting = pool[pool.str.len().between(SHORTEST, LONGEST)]
    pool = fitting if len(fitting) else pool.map(lambda t: t if len(t) <= LONGEST else t[: LONGEST - 1] + "…")
    if len(pool) <= 1:
        return pool.tolist()[:count]
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(stop_words="english", sublinear_tf=True)
    try:
        vectors = words.fit_transform(pool)
    except ValueError:  # nothing but stop words
        return pool.tolist()[:count]
    if used:
        fresh = (vectors @ words.transform(list(used)).T).max(axis=1).toarray().ravel().round(9) < 0.5
        pool, vectors = pool[fresh], vectors[fresh]
        if not len(pool):
            return []
    nearness = vectors @ vectors.mean(axis=0).A1
    picked: list[int] = []
    for row in (-nearness).round(9).argsort(kind="stable"):
        if len(picked) == count:
            break
        if all(round((vectors[row] @ vectors[i].T).sum(), 9) < 0.5 and not _alike(pool, row, i) for i in picked):
            picked.append(int(row))
    return [pool.iloc[row] for row in picked]


def _alike(pool: pd.Series, row: int, other: int) -> bool:
    return SequenceMatcher(None, pool.iloc[row], pool.iloc[other], autojunk=False).ratio() > ALIKE
