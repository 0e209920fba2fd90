"""Who may leave next: a calibrated risk per customer, learnt from earlier cut-offs and judged on the last.

What is known of a customer is built in ``features``, columns that know too much are found in ``leakage``; what the
risks mean for people and money is in ``churn_views``.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from analytics.measures.estimate import Estimate
from analytics.measures.leaving.discrimination import DECIMALS, calibration_table, compare_auc, evaluate_risk
from analytics.measures.leaving.features import GROUPS, HORIZON_DAYS, feature_columns
from analytics.measures.leaving.leakage import LeakageError, leakage_report, moments_of
from analytics.tables.schema import NotMeasured

__all__ = ["ChurnRiskModel", "LeakageError", "TooFewLeaversError", "leakage_report"]

LEAVERS_NEEDED = 50  # fewer, and no model: ten or so per effect that it can tell (Peduzzi et al. 1996), five effects
LEAVERS_PER_PART = 10  # to calibrate and to judge: with fewer, neither means anything
CALIBRATED = 0.05  # largest calibration error of a probability; beyond it the model only ranks
ISOTONIC = 1_000  # leavers from which isotonic calibration is preferred to a sigmoid (scikit-learn's guide, 1.16.3)
LEVEL_ROWS, LEVELS = 50, 20  # a word becomes a column from this many rows on; this many words at most
TENURE = "account_tenure_days"
KINDS = ("logistic", "boosting")
PARTS = ("training", "calibration", "test")


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
    is over by then for choosing and calibrating, and all whose horizon is over by that one for learning. Boosting is
    chosen over logistic regression only if its AUC on the calibration cut-off is higher with its whole interval.

    Parameters
    ----------
    horizon_days
        Days after the cut-off within which leaving counts.
    groups
        Features to use: 'perception', 'operations', 'account' (see `build_customer_features`).
    kind
        'logistic', 'boosting', or 'auto' to choose.
    confidence
        Level of all intervals.
    seed
        Of boosting and bootstrap.

    Attributes
    ----------
    classes_
        False (stays), True (leaves).
    chosen_, model_
        Name of the kind, and the calibrated scikit-learn classifier.
    cutoffs_
        'training' (list), 'calibration', 'test'.
    counts_
        Customers (rows) and leavers in each of the three.
    evaluation_, baseline_
        Name -> `Estimate` on the test cut-off (see `evaluate_risk`), for the model and for tenure alone (empty where
        tenure is not recorded).
    calibrated_
        Calibration error at most .05 and at most half of the observed share; else the model only ranks.
    test_
        The test cut-off's customer_id, left and risk.

    References
    ----------
    Friedman (2001), Annals of Statistics 29, for boosting. Platt (1999) and Zadrozny and Elkan (2002), for calibration.
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
        self, horizon_days: int = HORIZON_DAYS, groups: Iterable[str] = GROUPS, kind: str = "auto",
        confidence: float = 0.95, seed: int = 0,
    ) -> None:  # fmt: skip
        self.horizon_days, self.groups, self.kind = horizon_days, groups, kind
        self.confidence, self.seed = confidence, seed

    def fit(self, features: pd.DataFrame, left: ArrayLike | None = None, cutoff: ArrayLike | None = None) -> Self:
        """Check for leaks, learn, choose, calibrate and judge, each on later customers than the one before.

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
        if self.kind not in ("auto", *KINDS):
            raise ValueError(f"kind is {self.kind!r}. Expected one of: auto, {', '.join(KINDS)}.")
        frame, y, moments = self._labelled(features, left, cutoff)
        columns = feature_columns(frame, self.groups)
        ids = [c for c in ("customer_id",) if c in frame]
        if y.any() and not y.all():
            suspects = leakage_report(frame[[*ids, *columns]], y, moments)
            if len(suspects):
                raise LeakageError(suspects)
        leavers = frame.loc[y, "customer_id"].nunique() if ids else int(y.sum())
        if leavers < LEAVERS_NEEDED:
            raise TooFewLeaversError(leavers, LEAVERS_NEEDED, f"within {self.horizon_days} days of a cut-off")
        self._judge(frame, y, self._fit_checked(frame, y, moments, columns))
        return self

    def risk_by(self, groups: Iterable[str], features: pd.DataFrame) -> np.ndarray:
        """Risk of the test cut-off's customers by another model of the chosen kind, fitted on some of the groups.

        Parameters
        ----------
        groups
            Some of this model's groups, which it has checked for leaks.
        features
            Those this model was fitted on, with `cutoff` and `left_within`.
        """
        other: ChurnRiskModel = clone(self).set_params(kind=self.chosen_)
        return other._fit_checked(*other._labelled(features, None, None), feature_columns(features, groups))

    def _labelled(
        self, features: pd.DataFrame, left: ArrayLike | None, cutoff: ArrayLike | None
    ) -> tuple[pd.DataFrame, np.ndarray, pd.Series]:
        """Rows whose outcome is known, with it and their cut-off."""
        if cutoff is None and "cutoff" not in features:
            raise ValueError("fit needs each row's cut-off, as cutoff= or a column 'cutoff': the split is by time.")
        moments = moments_of(features, "cutoff" if cutoff is None else cutoff)
        y = _outcome(features, left, moments, self.horizon_days)
        labelled = y.notna().to_numpy()
        return features[labelled], y[labelled].to_numpy(bool), moments[labelled]

    def _fit_checked(self, frame: pd.DataFrame, y: np.ndarray, moments: pd.Series, columns: list[str]) -> np.ndarray:
        """Split, learn, choose and calibrate, once no column knows the outcome; the test customers' risk."""
        self._split(moments, y)
        self._learn_columns(frame[self.part_ == "training"], columns)
        x = self._matrix(frame)
        self._fit_parts(x, y)
        return np.asarray(self.model_.predict_proba(x[self.part_ == "test"])[:, 1])

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
        return np.asarray(self.model_.predict_proba(self._matrix(features)))

    def typical_risks(self, features: pd.DataFrame, columns: Sequence[Collection[str]]) -> np.ndarray:
        """Risk of leaving with some columns at their typical value: one row per customer, one column per set of them.

        Parameters
        ----------
        features
            As for `predict_proba`.
        columns
            Sets of columns; names that the model did not learn from change nothing.
        """
        risks = np.empty((len(features), len(columns)))
        if risks.size:
            x, typical = self._matrix(features), self._matrix(pd.DataFrame([self.typical_]))
            width = [len(self.levels_[c]) if c in self.levels_ else 1 for c in self.columns_]
            names = np.repeat(self.columns_, width)
            for j, some in enumerate(columns):
                risks[:, j] = self.model_.predict_proba(np.where(np.isin(names, list(some)), typical, x))[:, 1]
        return risks

    def predict(self, features: pd.DataFrame) -> np.ndarray:
        """Whether a customer is more likely to leave than not; for calls use `rank_customers`."""
        return np.asarray(self.predict_proba(features)[:, 1] >= 0.5)

    def calibration(self) -> pd.DataFrame:
        """Predicted and observed shares in ten groups of the test cut-off (see `calibration_table`)."""
        return calibration_table(self.test_["left"].to_numpy(), self.test_["risk"].to_numpy(), self.confidence)

    def save(self, path: str | Path) -> None:
        """Write the model without pickle; the test cut-off's customers are not written."""
        from skops.io import dump

        state = {name: value for name, value in vars(self).items() if name not in ("model_", "part_", "test_")}
        dump({"model": self.model_, "state": json.dumps(state, default=_plain)}, path)

    @classmethod
    def load(cls, path: str | Path) -> "ChurnRiskModel":
        """Read a model that `save` wrote.

        Raises
        ------
        ValueError
            If the file holds anything but scikit-learn models, arrays and plain values.
        """
        from skops.io import get_untrusted_types, load

        types = get_untrusted_types(file=path)
        if foreign := [kind for kind in types if not kind.startswith(("sklearn.", "numpy.dtype"))]:
            raise ValueError(f"{path}: holds {', '.join(foreign)}, which a model of leaving does not. Do not load it.")
        stored = load(path, trusted=types)
        model, state = cls(), json.loads(stored["state"])
        for name in ("evaluation_", "baseline_"):
            state[name] = {key: Estimate(**fields) for key, fields in state[name].items()}
        model.__dict__.update(state, model_=stored["model"], counts_=pd.DataFrame(state["counts_"]))
        model.cutoffs_ = {key: pd.to_datetime(value) for key, value in state["cutoffs_"].items()}
        model.classes_ = np.array([False, True])
        return model

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
        self.typical_: dict[str, Any] = {}
        for name in columns:
            column = frame[name]
            if pd.api.types.is_datetime64_any_dtype(column):
                raise ValueError(f"column {name} holds stamps. Give the days between it and the cut-off instead.")
            if column.nunique(dropna=False) < 2:
                continue
            if pd.api.types.is_numeric_dtype(column):
                x = column.astype("Float64").to_numpy(float, na_value=np.nan)
                self.typical_[name] = float(np.nanmedian(x)) if np.isnan(x).mean() < 0.5 else np.nan
                continue
            counts = column.value_counts().head(LEVELS)
            self.levels_[name] = [str(word) for word in counts.index[counts >= LEVEL_ROWS]]
            self.typical_[name] = str(counts.index[0])
        self.columns_ = list(self.typical_)
        self.feature_names_in_ = np.array(self.columns_, dtype=object)
        self.n_features_in_ = len(self.columns_)

    def _matrix(self, features: pd.DataFrame) -> np.ndarray:
        """Numbers on a signed log scale (counts, hours and money are skewed), one column per word; missing is NaN."""
        if absent := [c for c in self.columns_ if c not in features]:
            raise ValueError(f"the features lack columns the model learnt from: {', '.join(absent)}.")
        parts = []
        for name in self.columns_:
            column = features[name]
            if name in self.levels_:
                parts += [column.eq(word).fillna(False).to_numpy(float) for word in self.levels_[name]]
            else:
                plain = column.dtype == "float64"
                x = column.to_numpy() if plain else column.astype("Float64").to_numpy(float, na_value=np.nan)
                parts.append(np.sign(x) * np.log1p(np.abs(x)))
        return np.column_stack(parts) if parts else np.zeros((len(features), 1))

    def _fit_parts(self, x: np.ndarray, y: np.ndarray) -> None:
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.frozen import FrozenEstimator
        from threadpoolctl import threadpool_limits

        train, hold = self.part_ == "training", self.part_ == "calibration"
        kinds = KINDS if self.kind == "auto" else (self.kind,)
        with threadpool_limits(1):  # on a busy machine, boosting's threads wait for each other ten times longer
            fitted = {kind: _estimator(kind, self.seed).fit(x[train], y[train]) for kind in kinds}
            self.chosen_ = kinds[0]
            if len(kinds) > 1:
                simple, boosted = (model.predict_proba(x[hold])[:, 1] for model in fitted.values())
                gain, _ = compare_auc(y[hold], boosted, simple, self.confidence, self.seed)
                self.chosen_ = "boosting" if round(gain.low, DECIMALS) > 0 else "logistic"
            method = "isotonic" if y[hold].sum() >= ISOTONIC else "sigmoid"
            calibrated = CalibratedClassifierCV(FrozenEstimator(fitted[self.chosen_]), method=method)
            self.model_ = calibrated.fit(x[hold], y[hold])
        self.classes_ = np.array([False, True])

    def _judge(self, frame: pd.DataFrame, y: np.ndarray, risk: np.ndarray) -> None:
        """Evaluate on the test cut-off, beside the share that left in each tenth of tenure (missing apart)."""
        train, test = self.part_ == "training", self.part_ == "test"
        self.test_ = frame.loc[test, frame.columns.intersection(["customer_id"])].assign(left=y[test], risk=risk)
        self.evaluation_ = evaluate_risk(y[test], risk, self.confidence, self.seed)
        error = round(self.evaluation_["calibration_error"].value, DECIMALS)
        self.calibrated_ = bool(error <= min(CALIBRATED, float(y[test].mean()) / 2))
        self.baseline_: dict[str, Estimate] = {}
        if TENURE in frame and frame[TENURE].notna().any():
            tenure = frame[TENURE].to_numpy(float)
            edges = np.unique(np.nanquantile(tenure[train], np.linspace(0, 1, 11)[1:-1]))
            group = np.where(np.isnan(tenure), 10, np.searchsorted(edges, tenure))
            n, hits = np.bincount(group[train], minlength=11), np.bincount(group[train], y[train], minlength=11)
            rate = (hits + y[train].mean()) / (n + 1)
            self.baseline_ = evaluate_risk(y[test], rate[group[test]], self.confidence, self.seed)


def _estimator(kind: str, seed: int) -> Any:  # noqa: ANN401  scikit-learn carries no types
    """One of the two kinds, plain: few shallow trees, or a ridge-penalised logistic regression."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if kind == "boosting":  # no early stopping: it would split at random
        return HistGradientBoostingClassifier(
            learning_rate=0.08, max_iter=60, max_leaf_nodes=8, min_samples_leaf=100, l2_regularization=5.0,
            early_stopping=False, random_state=seed,
        )  # fmt: skip
    impute = SimpleImputer(strategy="mean", add_indicator=True, keep_empty_features=True)
    return make_pipeline(impute, StandardScaler(), LogisticRegression(C=0.1, solver="newton-cholesky"))


def _outcome(features: pd.DataFrame, left: ArrayLike | None, moments: pd.Series, days: int) -> pd.Series:
    """Whether each row's customer left within the horizon: True, False or missing."""
    if left is None and "left_within" not in features:
        raise ValueError("fit needs to know who left, as left= or a column 'left_within'.")
    values = pd.Series(features["left_within"] if left is None else left).set_axis(features.index)
    if pd.api.types.is_datetime64_any_dtype(values):
        gone = pd.to_datetime(values, utc=True)
        values = (gone > moments) & (gone <= moments + pd.Timedelta(days=days))
    if not pd.api.types.is_numeric_dtype(values) or not values.dropna().isin([0, 1]).all():
        strange = list(values.dropna().unique()[:5])
        raise ValueError(f"left holds {strange}: expected True and False, 1 and 0, or stamps.")
    return values.astype("boolean")


def _plain(value: Any) -> Any:  # noqa: ANN401  whatever an attribute holds
    """What JSON cannot write as plain values."""
    if isinstance(value, pd.DataFrame):
        return value.to_dict()
    if isinstance(value, Estimate):
        return vars(value)
    return value.isoformat() if isinstance(value, pd.Timestamp) else value.tolist()
