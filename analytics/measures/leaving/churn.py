"""Who may leave next: a calibrated risk per customer, learnt from earlier cut-offs and judged on the last.

What is known of a customer is built in ``features``, columns that know too much are found in ``leakage``; what the
risks mean for people and money is in ``churn_views``.
"""

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from analytics.files import read_text
from analytics.measures.estimate import Estimate
from analytics.measures.leaving.discrimination import DECIMALS, calibration_table, evaluate_risk
from analytics.measures.leaving.features import GROUPS, HORIZON_DAYS, feature_columns
from analytics.measures.leaving.leakage import LeakageError, leakage_report, moments_of
from analytics.tables.schema import NotMeasured, plain

__all__ = ["ChurnRiskModel", "LeakageError", "TooFewLeaversError", "leakage_report"]

LEAVERS_NEEDED = 50  # fewer, and no model: ten or so per effect that it can tell (Peduzzi et al. 1996), five effects
LEAVERS_PER_PART = 10  # to calibrate and to judge: with fewer, neither means anything
CALIBRATED = 0.05  # largest mean difference of predicted and observed shares; beyond it the model only ranks
RIDGE = 0.1  # inverse strength of the penalty on standardised columns
LEVEL_ROWS, LEVELS = 50, 20  # a word becomes a column from this many rows on; this many words at most
TENURE = "account_tenure_days"
MISSING = "missing"
PARTS = ("training", "calibration", "test")
FORMAT = 2  # of a stored model, and all that stands in it
STORED = ("horizon_days", "groups", "confidence", "columns_", "levels_", "blank_", "typical_", "weights_", "intercept_",
          "cutoffs_", "counts_", "evaluation_", "baseline_", "calibrated_")  # fmt: skip


class TooFewLeaversError(NotMeasured):
    """Too few customers left for a model: `left` of the `needed`."""

    def __init__(self, left: int, needed: int, where: str) -> None:
        self.left, self.needed = left, needed
        super().__init__(
            f"no model of leaving: {left:,} customers left {where}, and at least {needed} are needed. Wait for "
            f"{needed - left} more leavers, or look further back."
        )


class ChurnRiskModel(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn carries no types
    """Probability that a customer leaves within the horizon, with its evaluation on a later cut-off.

    Columns that know the outcome stop the fit first. Of the cut-offs, the last is for judging, the latest whose horizon
    is over by then for calibrating, and all whose horizon is over by that one for learning a ridge-penalised logistic
    regression.

    Parameters
    ----------
    horizon_days
        Days after the cut-off within which leaving counts.
    groups
        Features to use: 'perception', 'operations', 'account' (see `build_customer_features`).
    confidence
        Level of all intervals.

    Attributes
    ----------
    weights_, intercept_
        Per feature and part of it ('' for its number, a word, or 'missing'): weight in log odds and mean; and the log
        odds of a customer who is average in all. Calibrated.
    cutoffs_
        'training' (list), 'calibration', 'test'.
    counts_
        Customers (rows) and leavers in each of the three.
    evaluation_, baseline_
        Name -> `Estimate` on the test cut-off (see `evaluate_risk`), for the model and for tenure alone (empty where
        tenure is not recorded).
    calibrated_
        Mean difference of predicted and observed share over ten groups, chance included, at most .05 and at most half
        of the observed share; else the model only ranks.
    test_
        The test cut-off's customer_id, left and risk.

    References
    ----------
    Platt (1999) and Zadrozny and Elkan (2002), for calibration.
    Neslin et al. (2006), Journal of Marketing Research 43, for judging churn models on later data.

    Examples
    --------
    >>> import pandas as pd
    >>> features = pd.DataFrame({"cutoff": "2025-01-01", "tenure": [1.0, 2, 3] * 40, "left": [0, 0, 1] * 40})
    >>> ChurnRiskModel().fit(features, features["left"], features["cutoff"])
    Traceback (most recent call last):
    ...
    analytics.measures.leaving.leakage.LeakageError: 2 columns know who left. Remove before a model is fitted:
    - tenure: tells by itself, 1.000
    - left: tells by itself, 1.000
    """

    def __init__(
        self, horizon_days: int = HORIZON_DAYS, groups: Iterable[str] = GROUPS, confidence: float = 0.95
    ) -> None:
        self.horizon_days, self.groups, self.confidence = horizon_days, groups, confidence

    def fit(self, features: pd.DataFrame, left: ArrayLike | None = None, cutoff: ArrayLike | None = None) -> Self:
        """Check for leaks, learn, calibrate and judge, each on later customers than the one before.

        Parameters
        ----------
        features
            One row per customer and cut-off, as `build_customer_features` returns. Without a known group in its name
            a column belongs to the account; customer_id, cutoff and left_within are never features.
        left
            Whether each row's customer left within the horizon, or when they left; by default `left_within`. Rows
            where it is not known yet are left out.
        cutoff
            Moment of each row; by default the column.

        Returns
        -------
        ChurnRiskModel
            Itself.

        Raises
        ------
        LeakageError
            If columns know the outcome; all of them are named.
        TooFewLeaversError
            If fewer than 50 customers left, or fewer than 10 in the calibration or test cut-off.
        NotMeasured
            If the cut-offs do not allow a split by time.
        ValueError
            If a column holds stamps, or the outcome is not one.
        """
        if cutoff is None and "cutoff" not in features:
            raise ValueError("fit needs each row's cut-off, as cutoff= or a column 'cutoff': the split is by time.")
        features = plain(features)
        moments = moments_of(features, "cutoff" if cutoff is None else cutoff)
        outcome = _outcome(features, left, moments, self.horizon_days)
        labelled = outcome.notna().to_numpy()
        frame, y, moments = features[labelled], outcome[labelled].to_numpy(bool), moments[labelled]
        columns = feature_columns(frame, self.groups)
        ids = [c for c in ("customer_id",) if c in frame]
        if y.any() and not y.all():
            suspects = leakage_report(frame[[*ids, *columns]], y, moments)
            if len(suspects):
                raise LeakageError(suspects)
        leavers = frame.loc[y, "customer_id"].nunique() if ids else int(y.sum())
        if leavers < LEAVERS_NEEDED:
            raise TooFewLeaversError(leavers, LEAVERS_NEEDED, f"within {self.horizon_days} days of a cut-off")
        self._split(moments, y)
        self._learn_columns(frame[self.part_ == "training"], columns)
        self._fit_parts(self._matrix(frame), y)
        self._judge(frame, y, self.predict_proba(frame[self.part_ == "test"])[:, 1])
        return self

    def predict_proba(self, features: pd.DataFrame) -> np.ndarray:
        """Probability of staying and of leaving within the horizon, shape (n, 2).

        Where `calibrated_` is False the second column orders customers, but its level must not be relied on.

        Parameters
        ----------
        features
            With the columns that the model learnt from; others are ignored.

        Returns
        -------
        ndarray
            Rows in the order of `features`; each sums to 1.
        """
        risk = expit(self._weighed(features).sum(axis=1).to_numpy() + self.intercept_)
        return np.column_stack([1 - risk, risk])

    def contributions(self, features: pd.DataFrame) -> pd.DataFrame:
        """By how much each column raises a customer's log odds of leaving above those of a typical customer.

        Parameters
        ----------
        features
            As for `predict_proba`.

        Returns
        -------
        DataFrame
            One row per customer, one column per feature the model learnt from.
        """
        typical = self._weighed(pd.DataFrame([self.typical_])).iloc[0]
        return (self._weighed(features) - typical).T.groupby(level=0, sort=False).sum().T

    def predict(self, features: pd.DataFrame) -> np.ndarray:
        """Whether a customer is more likely to leave than not; for calls use `rank_customers`."""
        return np.asarray(self.predict_proba(features)[:, 1] >= 0.5)

    def calibration(self) -> pd.DataFrame:
        """Predicted and observed shares in ten groups of the test cut-off (see `calibration_table`)."""
        return calibration_table(self.test_["left"].to_numpy(), self.test_["risk"].to_numpy(), self.confidence)

    def save(self, path: str | Path) -> None:
        """Write the model as JSON, with its format and a hash; the test cut-off's customers are not written."""
        state = json.dumps({name: getattr(self, name) for name in STORED}, default=_plain)
        Path(path).write_text(json.dumps(_stamp(state) | {"state": state}), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "ChurnRiskModel":
        """Read a model that `save` wrote: numbers and words only, so that no file can run anything.

        Raises
        ------
        ValueError
            If the file is damaged, of another format, or anything else than a model of leaving.
        """
        model = cls()
        try:
            file = json.loads(read_text(Path(path)))
            state = json.loads(file["state"])
            if file != _stamp(file["state"]) | {"state": file["state"]} or set(state) != set(STORED):
                raise ValueError("format, hash or names differ")
            for name in ("evaluation_", "baseline_"):
                state[name] = {key: Estimate(**fields) for key, fields in state[name].items()}
            state["cutoffs_"] = {key: pd.to_datetime(value) for key, value in state["cutoffs_"].items()}
            state["counts_"] = pd.DataFrame(state["counts_"])
            state["weights_"] = pd.DataFrame(state["weights_"]).set_index(["feature", "part"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as fault:
            raise ValueError(
                f"{path}: not a whole model of leaving, format {FORMAT}. Fit it again and save it."
            ) from fault
        model.__dict__.update(state)
        return model

    @property
    def classes_(self) -> np.ndarray:
        """False (stays), True (leaves)."""
        return np.array([False, True])

    def _split(self, moments: pd.Series, y: np.ndarray) -> None:
        """Give each row its part: training, calibration, test or none, by time alone."""
        times = sorted(moments.unique())
        over = pd.Timedelta(days=self.horizon_days) - pd.Timedelta(seconds=1)
        calibrate = max((t for t in times if t + over <= times[-1]), default=None)
        training = [t for t in times if calibrate is not None and t + over <= calibrate]
        if not training:
            dates = ", ".join(f"{t:%Y-%m-%d}" for t in times[:8])
            raise NotMeasured(
                f"no model of leaving: no split by time: three cut-offs at least {self.horizon_days} days apart are "
                f"needed, to learn, to calibrate and to judge. Found: {dates}."
            )
        self.cutoffs_ = {"training": training, "calibration": calibrate, "test": times[-1]}
        inside = [moments.isin(training), moments == calibrate, moments == times[-1]]
        self.part_ = np.select(inside, PARTS, "none")
        rows = {part: (int(rows.sum()), int(y[rows].sum())) for part, rows in zip(PARTS, inside, strict=True)}
        self.counts_ = pd.DataFrame.from_dict(rows, orient="index", columns=["customers", "leavers"])
        for name, count in self.counts_["leavers"].items():
            if count < LEAVERS_PER_PART:
                raise TooFewLeaversError(int(count), LEAVERS_PER_PART, f"after the {name} cut-offs")

    def _learn_columns(self, frame: pd.DataFrame, columns: list[str]) -> None:
        """Keep what varies in training, with the words that become columns and each feature's typical value."""
        self.levels_: dict[str, list[str]] = {}
        self.blank_: list[str] = []
        self.typical_: dict[str, Any] = {}
        for name in columns:
            column = frame[name]
            if pd.api.types.is_datetime64_any_dtype(column):
                raise ValueError(f"column {name} holds stamps. Give the days between it and the cut-off instead.")
            if column.nunique(dropna=False) < 2:
                continue
            if pd.api.types.is_numeric_dtype(column):
                if column.isna().any():
                    self.blank_.append(name)
                x = column.astype("Float64").to_numpy(float, na_value=np.nan)
                self.typical_[name] = float(np.nanmedian(x)) if np.isnan(x).mean() < 0.5 else np.nan
                continue
            counts = column.value_counts().head(LEVELS)
            self.levels_[name] = [str(word) for word in counts.index[counts >= LEVEL_ROWS]]
            self.typical_[name] = str(counts.index[0])
        self.columns_ = list(self.typical_)

    def _matrix(self, features: pd.DataFrame) -> pd.DataFrame:
        """Numbers on a signed log scale (counts, hours and money are skewed), words and what is missing as 0 and 1."""
        if absent := [c for c in self.columns_ if c not in features]:
            raise ValueError(f"the features lack columns the model learnt from: {', '.join(absent)}.")
        parts: dict[tuple[str, str], np.ndarray] = {}
        for name in self.columns_:
            column = features[name]
            if name in self.levels_:
                parts |= {(name, word): column.eq(word).fillna(False).to_numpy(float) for word in self.levels_[name]}
                continue
            x = column.astype("Float64").to_numpy(float, na_value=np.nan)
            parts[name, ""] = np.sign(x) * np.log1p(np.abs(x))
            if name in self.blank_:
                parts[name, MISSING] = np.isnan(x).astype(float)
        return pd.DataFrame(parts, index=features.index)

    def _weighed(self, features: pd.DataFrame) -> pd.DataFrame:
        """What each part of each feature adds to the log odds of an average customer; a missing number adds nothing."""
        check_is_fitted(self)
        return ((self._matrix(features) - self.weights_["mean"]) * self.weights_["weight"]).fillna(0.0)

    def _fit_parts(self, matrix: pd.DataFrame, y: np.ndarray) -> None:
        """Learn on the training part, then fit level and slope on the calibration part (Platt)."""
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        train, hold = self.part_ == "training", self.part_ == "calibration"
        mean, scale = matrix[train].mean(), matrix[train].std(ddof=0).replace(0, np.nan)
        x = ((matrix - mean) / scale).fillna(0.0).to_numpy()
        with threadpool_limits(1):  # on a busy machine, threads wait for each other ten times longer
            weights = LogisticRegression(C=RIDGE, solver="newton-cholesky").fit(x[train], y[train]).coef_[0]
            score = (x @ weights)[:, None]
            platt = LogisticRegression(C=np.inf, solver="newton-cholesky").fit(score[hold], y[hold])
        self.intercept_ = float(platt.intercept_[0])
        weight = (platt.coef_[0, 0] * weights / scale).fillna(0.0)
        self.weights_ = pd.DataFrame({"weight": weight, "mean": mean.fillna(0.0)}).rename_axis(["feature", "part"])

    def _judge(self, frame: pd.DataFrame, y: np.ndarray, risk: np.ndarray) -> None:
        """Evaluate on the test cut-off, beside the share that left in each tenth of tenure (missing apart)."""
        train, test = self.part_ == "training", self.part_ == "test"
        self.test_ = frame.loc[test, frame.columns.intersection(["customer_id"])].assign(left=y[test], risk=risk)
        self.evaluation_ = evaluate_risk(y[test], risk, self.confidence)
        table = self.calibration()
        gap = np.average((table["value"] - table["predicted"]).abs(), weights=table["n"])
        self.calibrated_ = bool(round(float(gap), DECIMALS) <= min(CALIBRATED, float(y[test].mean()) / 2))
        self.baseline_: dict[str, Estimate] = {}
        if TENURE in frame and frame[TENURE].notna().any():
            tenure = frame[TENURE].to_numpy(float)
            edges = np.unique(np.nanquantile(tenure[train], np.linspace(0, 1, 11)[1:-1]))
            group = np.where(np.isnan(tenure), 10, np.searchsorted(edges, tenure))
            n, hits = np.bincount(group[train], minlength=11), np.bincount(group[train], y[train], minlength=11)
            rate = (hits + y[train].mean()) / (n + 1)
            self.baseline_ = evaluate_risk(y[test], rate[group[test]], self.confidence)


def _outcome(features: pd.DataFrame, left: ArrayLike | None, moments: pd.Series, days: int) -> pd.Series:
    """Whether each row's customer left within the horizon: True, False or missing."""
    if left is None and "left_within" not in features:
        raise ValueError("fit needs to know who left, as left= or a column 'left_within'.")
    given = pd.DataFrame({"left": features["left_within"] if left is None else pd.Series(left).to_numpy()})
    values = plain(given)["left"].set_axis(features.index)
    if pd.api.types.is_datetime64_any_dtype(values):
        gone = pd.to_datetime(values, utc=True)
        values = (gone > moments) & (gone <= moments + pd.Timedelta(days=days))
    if not pd.api.types.is_numeric_dtype(values) or not values.dropna().isin([0, 1]).all():
        strange = list(values.dropna().unique()[:5])
        raise ValueError(f"left holds {strange}: expected True and False, 1 and 0, or stamps.")
    return values.astype("boolean")


def _stamp(state: str) -> dict[str, object]:
    return {"format": FORMAT, "sha256": sha256(state.encode()).hexdigest()}


def _plain(value: Any) -> Any:  # noqa: ANN401  whatever an attribute holds
    """What JSON cannot write as plain values."""
    if isinstance(value, pd.DataFrame):
        return (value.reset_index() if value.index.nlevels > 1 else value).to_dict()
    return vars(value) if isinstance(value, Estimate) else value.isoformat()
