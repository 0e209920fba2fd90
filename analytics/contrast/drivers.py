"""Which drivers go with what customers say: importance with direction and interval, pooled only where segments agree.

Importance is association, not effect: nothing here says what would happen if a driver were changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import erfc, fdtrc, ndtri

from analytics.contrast.importance import EXACT, Groups, johnson_weights, lmg_shares, sample_orders, sequential_shares

LEVELS = 30  # values of a word driver that get a column each; the rarest others share one
FEW = 5  # rows from which a value of a word driver gets its own column, and missing numbers a flag
ORDINAL = 11  # whole-numbered outcomes with up to this many values (0-10, 1-5) are ranked before they are modelled
ROOM = 10  # rows needed beyond the number of columns
ORDERS = 50  # sampled orders, and their reverses, behind each bootstrap draw
TELLING = 0.5  # a pooled slope misleads when it is off the one within segments by half the larger of the two
SLIGHT = 0.05  # and by more than this, in standard deviations
POOLED = "all"
BETWEEN, WITHIN = "between segments", "pooled against within"  # tests of whether segments agree


@dataclass(frozen=True)
class _Design:
    """Columns ready for a linear model, centred and of unit variance, and which driver each belongs to."""

    x: np.ndarray
    y: np.ndarray
    names: list[str]
    groups: Groups  # one per driver, and one of flags of missing values where there are any
    single: np.ndarray  # drivers with one slope, whose direction has a meaning
    known: np.ndarray  # rows in which the driver has a value


def rank_drivers(
    frame: pd.DataFrame, outcome: str, drivers: Sequence[str], by: str | None = None, *, confidence: float = 0.95,
    bootstraps: int = 200, rng: np.random.Generator | int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Rank drivers by their share in explaining an outcome, with direction and an interval that can hold nothing.

    Shares of R2 are LMG (exact up to 20 drivers) and Johnson's relative weights. A row is left out only when its
    outcome is missing: a missing number is set to the mean, and its being missing is a flag in the model whose share
    is not the driver's; a missing word is a value. Words are dummy-coded and count as one driver; no driver is
    dropped for being rare. An ordinal outcome (whole numbers of at most 11 values) is replaced by its mid-ranks
    (ridits), so that only the order of its answers counts.

    With `by`, every segment is ranked for itself; the pooled ranking (segment 'all') is given only if segments agree:
    slopes are compared between segments (Welch's test) and pooled slopes with those within segments (which Simpson's
    paradox sets apart), all at one family-wise level of 5 % (Holm).

    Parameters
    ----------
    frame
        One row per answer.
    outcome
        Numeric column that customers gave.
    drivers
        Columns: numbers, flags, or words; other kinds are refused.
    by
        Segment column.
    confidence
        Level at which all intervals of one ranking hold together (Bonferroni).
    bootstraps
        Resamples (Poisson bootstrap) behind the intervals.
    rng
        Seed or generator of the bootstrap.

    Returns
    -------
    DataFrame
        Index driver (with `by`: segment and driver), most important first: lmg and johnson (shares of the outcome's
        variance, 0 to 1), sign (1, -1, or 0: no direction told apart, or a word driver), low and high (interval of
        lmg; low is 0 or less where the driver's effect beside the others could be nothing), n (rows in which the
        driver has a value). A driver with a single value is NaN. In ``attrs``: r2 (what the shares and `missing`, the
        share of flags, add up to), rows, outcome_scale, exact (all subsets visited, not sampled orders); with `by` also
        `disagreements`, one row per test: driver, kind ('between segments' or 'pooled against within'), p_value and
        stands. There is no pooled ranking where one stands.

    Raises
    ------
    ValueError
        If a column is absent, of another kind, or too few rows have an outcome.

    References
    ----------
    Gromping (2006), Journal of Statistical Software 17(1) (LMG). Johnson (2000), Multivariate Behavioral Research
    35(1). Agresti (2010), Analysis of Ordinal Categorical Data, 2nd ed., section 2.1 (ridits; their linear model is
    the score test of proportional odds). MacKinnon & White (1985), Journal of Econometrics 29 (HC3). Hanley &
    MacGibbon (2006), Computer Methods and Programs in Biomedicine 83 (Poisson bootstrap). Welch (1951), Biometrika
    38, 330-336. Holm (1979), Scandinavian Journal of Statistics 6.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> cases = pd.DataFrame({"reopened": rng.integers(0, 2, 300), "noise": rng.normal(size=300)})
    >>> cases["csat"] = 4.5 - 2 * cases["reopened"] + rng.normal(size=300)
    >>> rank_drivers(cases, "csat", ["noise", "reopened"])["sign"].to_dict()
    {'reopened': -1, 'noise': 0}
    """
    drivers = [drivers] if isinstance(drivers, str) else list(drivers)
    wanted = [outcome, *drivers, *([by] if by else [])]
    if absent := [c for c in wanted if c not in frame.columns]:
        raise ValueError(f"rank_drivers needs columns {absent}, which the frame lacks. Found: {list(frame.columns)}.")
    if len(set(wanted)) < len(wanted) or not drivers:
        raise ValueError(f"outcome, drivers and by must be different columns, at least one of them a driver: {wanted}.")
    rows = frame.loc[frame[outcome].notna(), wanted]
    score = pd.to_numeric(rows[outcome]).to_numpy(dtype=float)
    ordinal = len(np.unique(score)) <= ORDINAL and bool((score % 1 == 0).all())
    y = pd.Series(score).rank().to_numpy() / len(score) if ordinal else score
    design = _design(rows, drivers, y)
    options: dict[str, Any] = {"confidence": confidence, "bootstraps": bootstraps, "rng": np.random.default_rng(rng)}
    scale = "ranks" if ordinal else "as measured"
    if by is None:
        ranked = _rank(design, **options)
        ranked.attrs |= {"outcome_scale": scale}
        return ranked
    segments = rows[by].astype("object").where(rows[by].notna(), "not stated").to_numpy()
    tests = _disagreements(design, segments)
    parts: dict[object, _Design] = {} if tests["stands"].any() else {POOLED: design}
    for segment in pd.unique(segments):
        keep = segments == segment
        parts[segment] = replace(design, x=design.x[keep], y=design.y[keep], known=design.known[keep])
    parts = {s: part for s, part in parts.items() if len(part.y) >= part.x.shape[1] + ROOM}
    rankings = {s: _rank(part, **options) for s, part in parts.items()}
    index = pd.MultiIndex.from_arrays([[], []], names=[by, "driver"])  # no segment may have rows enough
    nothing = pd.DataFrame(columns=["lmg", "johnson", "sign", "low", "high", "n"], index=index)
    ranked = pd.concat(rankings, names=[by]) if rankings else nothing
    r2 = {s: ranking.attrs["r2"] for s, ranking in rankings.items()}
    ranked.attrs = {"outcome_scale": scale, "disagreements": tests, "r2": r2}
    return ranked


def _design(rows: pd.DataFrame, drivers: list[str], y: np.ndarray) -> _Design:
    """Every driver as columns without a missing value."""
    columns = [rows[driver].infer_objects() for driver in drivers]
    blocks = [_columns(values) for values in columns]
    known = np.column_stack([values.notna().to_numpy() for values in columns])
    single = np.array([not _is_words(values) for values in columns])
    flags = ~known[:, single & ((~known).sum(axis=0) >= FEW) & known.any(axis=0)]
    flags = np.unique(flags, axis=1) if flags.size else flags  # drivers often miss the same rows
    blocks += [flags.astype(float)] if flags.size else []
    x = np.concatenate(blocks, axis=1)
    groups = _numbered([block.shape[1] for block in blocks])
    if len(y) < x.shape[1] + ROOM:
        raise ValueError(
            f"{len(y)} rows have an outcome; {len(drivers)} drivers in {x.shape[1]} columns need {x.shape[1] + ROOM}. "
            "Name fewer drivers, or take a longer period."
        )
    return _Design(x, y, drivers, groups, single, known)


def _is_words(s: pd.Series) -> bool:
    """Whether a driver is dummy-coded: words, or categories without an order."""
    return isinstance(s.dtype, pd.CategoricalDtype) and not s.cat.ordered or pd.api.types.is_string_dtype(s.dtype)


def _columns(s: pd.Series) -> np.ndarray:
    """Numeric columns of one driver: its values, the missing ones set to the mean; or dummies."""
    if _is_words(s):
        words = s.astype("object").where(s.notna(), "not stated").astype(str)
        counts = words.value_counts()
        common = counts.index[:LEVELS][counts.iloc[:LEVELS] >= FEW]
        codes = pd.Categorical(words.where(words.isin(common), "other value"))
        return pd.get_dummies(codes, drop_first=len(codes.categories) > 1, dtype=float).to_numpy()
    if isinstance(s.dtype, pd.CategoricalDtype):
        s = s.cat.codes.astype(float).where(s.notna())
    if not pd.api.types.is_numeric_dtype(s):
        raise ValueError(f"driver {s.name!r} holds {s.dtype}: expected numbers, flags or words.")
    values = s.astype("float64").to_numpy(dtype=float, na_value=np.nan)
    missing = ~np.isfinite(values)
    mean = values[~missing].mean() if not missing.all() else 0.0
    return np.where(missing, mean, values)[:, None]


def _standard(values: np.ndarray) -> np.ndarray:
    """Centre and scale; a column without variance becomes zero."""
    centred = values - values.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    alive = spread > 1e-12 * (1 + np.abs(values).max(axis=0, initial=0))
    return np.where(alive, centred / np.where(alive, spread, 1), 0.0)


def _rank(design: _Design, *, confidence: float, bootstraps: int, rng: np.random.Generator) -> pd.DataFrame:
    """Importance, direction and interval of every driver of one design."""
    data = np.column_stack([_standard(design.x), _standard(design.y[:, None])])
    data = data[np.lexsort(data.T)]  # the bootstrap draws row by row: no order of theirs may move it
    correlation = data.T @ data / len(data)
    flat = np.diag(correlation) == 0
    alive = np.array([not flat[columns].all() for columns in design.groups])
    live = [columns for columns, lives in zip(design.groups, alive, strict=True) if lives]
    lmg, johnson, low, high, slopes = np.full((5, len(alive)), np.nan)
    k = len(design.names)
    if live and not flat[-1]:
        used = np.concatenate([*live, [len(flat) - 1]])
        groups = _numbered([len(columns) for columns in live])
        here = correlation[used[:, None], used]
        share = lmg_shares(here, groups, rng)
        lmg[alive], johnson[alive] = share, johnson_weights(here, groups)
        level = (1 - confidence) / max(alive[:k].sum(), 1)
        slopes[alive], p = _wald(data[:, used], groups)
        bounds = _interval(data[:, used], groups, share, level, bootstraps, rng)
        low[alive], high[alive] = np.where(p <= level, bounds[0], np.minimum(bounds[0], 0)), bounds[1]
    sign = np.where(design.single & (low[:k] > 0), np.sign(np.nan_to_num(slopes[:k])), 0).astype(int)
    columns = {"lmg": lmg[:k], "johnson": johnson[:k], "sign": sign, "low": low[:k], "high": high[:k]}
    table = pd.DataFrame(columns | {"n": design.known.sum(axis=0)}, index=pd.Index(design.names, name="driver"))
    table = table.sort_values("lmg", key=lambda lmg: -lmg.round(9), kind="stable")
    missing = float(np.nan_to_num(lmg[k:]).sum())
    table.attrs = {"r2": float(np.nansum(lmg)), "missing": missing, "rows": len(data), "exact": len(live) <= EXACT}
    return table


def _numbered(widths: list[int]) -> Groups:
    """Places of columns that stand side by side, group by group."""
    ends = np.cumsum(widths)
    return [np.arange(end - width, end) for end, width in zip(ends, widths, strict=True)]


def _wald(data: np.ndarray, groups: Groups) -> tuple[np.ndarray, np.ndarray]:
    """First slope of each driver beside all others, and the p-value of all its slopes.

    The larger of two p-values counts: HC3, for scores that scatter unevenly, and the classical one, because HC3 takes
    a value that few rows hold for certain.
    """
    x, slopes, error, bread = _least_squares(data)
    leverage = np.minimum(((x @ bread) * x).sum(axis=1) + 1 / len(x), 0.99)
    free = len(x) - x.shape[1] - 1
    robust = bread @ ((x * ((error / (1 - leverage)) ** 2)[:, None]).T @ x) @ bread
    covers = (robust, bread * (error @ error) / free)

    def p_value(columns: np.ndarray, cover: np.ndarray) -> float:
        block, b = cover[np.ix_(columns, columns)], slopes[columns]
        rank = np.linalg.matrix_rank(block, hermitian=True)
        return float(fdtrc(rank, free, max(b @ np.linalg.pinv(block, hermitian=True) @ b / rank, 0))) if rank else 1.0

    p = np.array([max(p_value(columns, cover) for cover in covers) for columns in groups])
    return slopes[[columns[0] for columns in groups]], p


def _interval(
    data: np.ndarray, groups: Groups, lmg: np.ndarray, level: float, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of LMG from the bootstrap's spread on the square-root scale, where a weak driver is nearer to normal."""
    correlations = _resample(data, draws, rng)
    shares = sequential_shares(correlations, groups, sample_orders(len(groups), ORDERS, rng))
    roots = np.sqrt(np.maximum(shares, 0))
    half = -ndtri(level / 2) * roots.std(axis=0, ddof=1)
    centre = np.sqrt(np.maximum(lmg, 0))
    low, high = centre - half, centre + half
    return np.sign(low) * low**2, np.minimum(high**2, 1)


def _resample(data: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Correlation matrices of Poisson-bootstrapped rows."""
    weights = (rng.poisson(1.0, len(data)) for _ in range(draws))
    cover = np.stack([np.cov(data, rowvar=False, ddof=0, fweights=drawn) for drawn in weights])
    spread = np.sqrt(np.maximum(np.einsum("bii->bi", cover), 0))
    spread = np.where(spread > 1e-9, spread, np.inf)  # a rare value may be absent from a draw
    return np.asarray(cover / spread[:, :, None] / spread[:, None, :])


def _disagreements(design: _Design, segments: np.ndarray) -> pd.DataFrame:
    """Test each slope: do segments differ from one another, does the pooled slope differ from that within them."""
    data = np.column_stack([_standard(design.x), _standard(design.y[:, None])])
    lines = []
    for segment in pd.unique(segments):
        part = data[segments == segment]
        free = len(part) - data.shape[1]
        if free >= ROOM:
            _, slopes, error, bread = _least_squares(part - part.mean(axis=0))
            lines.append((slopes, np.sqrt(np.diag(bread) * (error @ error) / free), free))
    owner = np.repeat(np.arange(len(design.groups)), [len(columns) for columns in design.groups])
    rows = []
    p_gap, misleading = _pooled_against_within(data, segments)
    for column, driver in enumerate(owner):
        if driver == len(design.names):  # flags of missing values rank nothing
            continue
        usable = [(b[column], se[column], free) for b, se, free in lines if se[column] > 0]
        rows.append((design.names[driver], BETWEEN, _welch(usable)))
        rows.append((design.names[driver], WITHIN, p_gap[column] if misleading[column] else 1.0))
    table = pd.DataFrame(rows, columns=["driver", "kind", "p_value"])
    table = table.sort_values("p_value", kind="stable", ignore_index=True)
    stepped = table["p_value"] * np.arange(len(table), 0, -1)
    return table.assign(stands=(stepped.cummax() <= 0.05).to_numpy())


def _least_squares(data: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Columns, their slopes (zero where one does not vary), what they leave of the outcome, and the inverse of x'x."""
    x, y = data[:, :-1], data[:, -1]
    bread = np.linalg.pinv(x.T @ x, rcond=1e-10, hermitian=True)
    slopes = bread @ (x.T @ y)
    return x, slopes, y - x @ slopes, bread


def _welch(slopes: list[tuple[float, float, int]]) -> float:
    """P-value of Welch's test that slopes with unequal errors are one."""
    if len(slopes) < 2:
        return 1.0
    b, se, free = np.array(slopes).T
    k, w = len(b), 1 / se**2
    mean = w @ b / w.sum()
    loss = ((1 - w / w.sum()) ** 2 / free).sum()
    f = w @ (b - mean) ** 2 / (k - 1) / (1 + 2 * (k - 2) / (k**2 - 1) * loss)
    return float(fdtrc(k - 1, (k**2 - 1) / (3 * loss), f))


def _pooled_against_within(data: np.ndarray, segments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """P-value of the gap between pooled and within-segment slopes, and whether it is large enough to mislead."""
    means = pd.DataFrame(data).groupby(segments).transform("mean").to_numpy()
    (x, pooled, error, bread), (x_in, within, error_in, bread_in) = map(_least_squares, (data, data - means))
    gap, influence = pooled - within, (x * error[:, None]) @ bread - (x_in * error_in[:, None]) @ bread_in
    se = np.sqrt((influence**2).sum(axis=0))
    z = np.abs(gap) / np.where(se > 0, se, np.inf)
    largest = np.maximum(np.abs(pooled), np.abs(within))
    return erfc(z / np.sqrt(2)), np.abs(gap) > np.maximum(TELLING * largest, SLIGHT)
