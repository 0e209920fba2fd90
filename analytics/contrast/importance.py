"""Arithmetic of driver importance on a correlation matrix: LMG (Shapley) shares and Johnson's relative weights.

Which columns make up a driver, and what may be said about the result, is decided in `drivers`.
"""

from itertools import permutations
from math import comb, factorial

import numpy as np

EXACT = 20  # drivers up to which all subsets are visited (a million); above, sampled orders
ORDERS = 1_000  # sampled orders, each also inside backwards: standard error about .01 of R2 at the most
FLAT = 1e-9  # a column with less of its variance left than this is a copy of the others and adds nothing

Groups = list[np.ndarray]


def lmg_shares(correlation: np.ndarray, groups: Groups, rng: np.random.Generator) -> np.ndarray:
    """Share of R2 of each driver, averaged over all orders in which drivers can enter (LMG, Shapley value).

    Parameters
    ----------
    correlation
        Correlations of all columns, the outcome last.
    groups
        The columns of each driver.
    rng
        Used above 20 drivers only, where 2,000 sampled orders stand for all.

    Returns
    -------
    ndarray
        One share per driver; they add up to R2.

    References
    ----------
    Lindeman, Merenda & Gold (1980), Introduction to Bivariate and Multivariate Analysis, p. 119. Gromping (2006),
    Journal of Statistical Software 17(1). Griffin & Tsatsomeros (2006), Linear Algebra Appl. 419, 107-124 (the
    recursion over all subsets).

    Examples
    --------
    >>> r = np.array([[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]])
    >>> lmg_shares(r, [np.array([0]), np.array([1])], np.random.default_rng(0)).round(4)
    array([0.1667, 0.1667])
    """
    if len(groups) > EXACT:
        orders = sample_orders(len(groups), ORDERS, rng)
        return np.asarray(sequential_shares(correlation[None], groups, orders)[0])
    unexplained = _unexplained(correlation, groups)
    k = len(groups)
    size = np.bitwise_count(np.arange(2**k))
    weight = np.array([1 / (k * comb(k - 1, s)) for s in range(k)])
    shares = np.empty(k)
    for j in range(k):
        split = unexplained.reshape(-1, 2, 2**j)  # bit j of the subset's number: without, with
        without = size.reshape(-1, 2, 2**j)[:, 0]
        shares[j] = (weight[without] * (split[:, 0] - split[:, 1])).sum()
    return shares


def sample_orders(k: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Random orders of k drivers and their reverses, or all orders where those are no more.

    Parameters
    ----------
    k, count
        Drivers, and orders to draw before reversing.
    rng
        Source of the orders.

    Returns
    -------
    ndarray
        One order per row, at most 2 count.

    References
    ----------
    Mitchell, Cooper, Frank & Holmes (2022), Journal of Machine Learning Research 23(43), for reversed orders.

    Examples
    --------
    >>> sample_orders(9, 4, np.random.default_rng(0)).shape
    (8, 9)
    >>> sample_orders(2, 4, np.random.default_rng(0)).tolist()
    [[0, 1], [1, 0]]
    """
    if factorial(k) <= 2 * count:
        return np.array(list(permutations(range(k))))
    orders = rng.permuted(np.tile(np.arange(k), (count, 1)), axis=1)
    return np.concatenate([orders, orders[:, ::-1]])


def sequential_shares(correlations: np.ndarray, groups: Groups, orders: np.ndarray) -> np.ndarray:
    """Mean gain in R2 of each driver over the given orders, for many correlation matrices at once.

    Parameters
    ----------
    correlations
        Shape (matrices, columns, columns), the outcome last.
    groups
        The columns of each driver.
    orders
        Orders of entry, shape (orders, drivers).

    Returns
    -------
    ndarray
        Shape (matrices, drivers); each row adds up to R2.

    References
    ----------
    Lindeman, Merenda & Gold (1980), p. 119.

    Examples
    --------
    >>> r = np.array([[[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]]])
    >>> sequential_shares(r, [np.array([0]), np.array([1])], np.array([[0, 1]])).round(4)
    array([[0.25  , 0.0833]])
    """
    total = np.zeros((len(correlations), len(groups)))
    for order in orders:
        arranged = np.concatenate([*(groups[j] for j in order), [correlations.shape[1] - 1]])
        rest = correlations[:, arranged[:, None], arranged]
        for j in np.repeat(order, [len(groups[j]) for j in order]):
            before = rest[:, -1, -1]
            rest = _absorb(rest)
            total[:, j] += before - rest[:, -1, -1]
    return total / len(orders)


def johnson_weights(correlation: np.ndarray, groups: Groups) -> np.ndarray:
    """Johnson's relative weights: R2 shared out through the orthogonal columns closest to the drivers.

    With correlations R = Q D Q', L = Q sqrt(D) Q' and b = L^-1 r, the weight of column j is sum_k L_jk^2 b_k^2.

    Parameters
    ----------
    correlation
        Correlations of all columns, the outcome last.
    groups
        The columns of each driver, whose weights are added.

    Returns
    -------
    ndarray
        One weight per driver; they add up to R2.

    References
    ----------
    Johnson (2000), Multivariate Behavioral Research 35(1), 1-19, equations 4 to 8.

    Examples
    --------
    >>> r = np.array([[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]])
    >>> johnson_weights(r, [np.array([0]), np.array([1])]).round(4)
    array([0.1667, 0.1667])
    """
    values, vectors = np.linalg.eigh(correlation[:-1, :-1])
    positive = values > FLAT
    roots, vectors = np.sqrt(values[positive]), vectors[:, positive]
    loadings = (vectors * roots) @ vectors.T
    beta = (vectors / roots) @ vectors.T @ correlation[:-1, -1]
    weights = loadings**2 @ beta**2
    return np.array([weights[columns].sum() for columns in groups])


def _unexplained(correlation: np.ndarray, groups: Groups) -> np.ndarray:
    """Share of the outcome's variance left by every subset of drivers; bit j of the place = driver j is in."""
    wide = sorted(range(len(groups)), key=lambda j: -len(groups[j]))  # widest first keeps the arrays small
    arranged = np.concatenate([*(groups[j] for j in wide), [len(correlation) - 1]])
    rest = correlation[arranged[:, None], arranged][None]
    place = np.zeros(1, dtype=np.int64)
    for j in wide:
        inside, width = rest, len(groups[j])
        for _ in range(width):
            inside = _absorb(inside)
        rest = np.concatenate([rest[:, width:, width:], inside])
        place = np.concatenate([place, place | (1 << j)])
    result = np.empty(len(place))
    result[place] = rest[:, 0, 0]
    return result


def _absorb(rest: np.ndarray) -> np.ndarray:
    """Take the first column of each matrix into the model: the Schur complement that is left."""
    pivot = rest[:, 0, 0]
    scale = np.where(pivot > FLAT, 1 / np.where(pivot > FLAT, pivot, 1), 0)
    lead = rest[:, 0, 1:]
    complement: np.ndarray = rest[:, 1:, 1:] - (lead * scale[:, None])[:, :, None] * lead[:, None, :]
    return complement
