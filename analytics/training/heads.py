"""Fitting of the heads for themes, complaints, promises and polarity, and of churn intent.

Belongs here: reading the labelled lines, the folds, and the command ``python -m analytics.training.heads``. The
heads follow the encoder: whenever ``encoder.onnx`` or ``fast.npz`` changes they must be fitted again. Not here: how
they are used (``themes.py``, ``churn_intent.py``).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analytics.text.clean import normalise
from analytics.text.encoder import Encoder
from analytics.text.linear import CLASSES, FOLDS, MODELS, fit_head, sigmoid, write_arrays
from analytics.text.themes import HEADS, KINDS, THEMES, Heads, best_said, read_texts, stems
from analytics.training.churn import train_churn_intent
from analytics.training.files import write_card
from analytics.training.places import DATASETS, LINES, REMARKS
from analytics.training.real import MAY_TRAIN, load_readings
from analytics.training.sets import held_out

# Sub-themes of the NHS comments that mean one of ours; the others have no counterpart.
NHS = {
    "waiting": (
        "Time spent waiting between appointments",
        "Time spent waiting for first appt/referral/service",
    ),
    "transferred": ("Consistency/Continuity of care", "Coordination/Integration Of Care"),
    "kept_informed": ("Amount/clarity of information", "Communication"),
    "courtesy": (
        "Attitude Of Staff",
        "Listening",
        "Dignity: General",
        "Emotional care",
        "Respect For Diversity/ Person-Centeredness",
    ),
    "competence": ("Professionalism/Competence Of Staff",),
    "product_delivery": ("Food", "Facilities/equipment"),
}
NHS_ROWS = 3000  # drawn from 8,764 distinct comments
NHS_WEIGHT = 0.5  # a comment has one label though it may name more, so it counts less than a hand-written line
PENALTY_NGRAMS, PENALTY_EMBEDDING = 0.1, 60.0  # inverse of scikit-learn's C; by cross-validation on the lines
# Told by more than our own writers' words: folds of our lines would choose less, lines of others more.
PENALTIES = {"complaint": (1.0, 600.0)}
CUTS = np.arange(0.2, 0.6, 0.01).round(2)


def theme_lines() -> pd.DataFrame:
    """Read the hand-written lines: `text`, and one column per head holding 1, 0, or NaN where nobody said.

    Those of ``themes.csv`` were written for the themes; those of ``remarks.csv`` as customers write.
    """
    written = pd.read_csv(LINES / "themes.csv", keep_default_na=False)
    remarks = pd.read_csv(REMARKS, keep_default_na=False)
    remarks["polarity"] = remarks["polarity"].where(remarks["themes"] != "", remarks["label"])
    lines = pd.concat([written, remarks], ignore_index=True)
    named = [
        dict(zip(themes.split("|"), polarities.split("|"), strict=True))
        for themes, polarities in zip(lines["themes"], lines["polarity"], strict=True)
    ]
    frame = pd.DataFrame({theme: [float(theme in tags) for tags in named] for theme in THEMES})
    frame["complaint"] = lines["kind"].eq("complaint").astype(float).where(lines["kind"].notna())
    frame["wants_promised"] = [float(tags.get("promise_broken") == "negative") for tags in named]
    frame["wants_unoffered"] = np.where(lines["kind"].isna(), 0.0, np.nan)
    for polarity in CLASSES:
        frame[polarity] = [float({polarity} == set(tags.values())) for tags in named]
    mixed = np.array([len(set(tags.values())) > 1 for tags in named])
    frame.loc[mixed, list(CLASSES)] = np.nan
    return frame.assign(text=lines["text"], weight=1.0)


def kind_lines() -> pd.DataFrame:
    """Read the hand-written complaints and what is none, as `theme_lines` does."""
    lines = pd.read_csv(LINES / "complaints.csv", keep_default_na=False)
    frame = pd.DataFrame(np.nan, index=lines.index, columns=list(HEADS))
    frame["complaint"] = (lines["kind"] == "complaint").astype(float)
    frame["wants_promised"] = (lines["promise"] == "promise_broken").astype(float)
    frame["wants_unoffered"] = (lines["promise"] == "not_offered").astype(float)
    frame["negative"] = lines["kind"].isin(["complaint", "negative"]).astype(float)
    frame["neutral"] = lines["kind"].isin(["request", "neutral"]).astype(float)
    frame["positive"] = (lines["kind"] == "praise").astype(float)
    return frame.assign(text=lines["text"], weight=1.0)


def phrase_lines() -> pd.DataFrame:
    """Read the hand-written phrases of the sentiment models, for polarity alone."""
    lines = pd.concat([pd.read_csv(LINES / name) for name in ("service_phrases.csv", "idioms_train.csv")])
    lines = lines.drop_duplicates("text", ignore_index=True)
    frame = pd.DataFrame(np.nan, index=lines.index, columns=list(HEADS))
    for polarity in CLASSES:
        frame[polarity] = (lines["label"] == polarity).astype(float)
    return frame.assign(text=lines["text"], weight=1.0)


def nhs_lines(datasets: Path) -> pd.DataFrame:
    """Read the NHS comments, one row per distinct text, with the themes that have a counterpart and complaints."""
    raw = pd.read_csv(datasets / "nhs-feedback" / "phase1_trusts.csv").dropna(subset=["feedback", "label"])
    raw = raw[raw["feedback"].str.len() > 3]
    texts = (
        raw.groupby("feedback")
        .agg(topics=("subcategory", lambda labels: set(labels.dropna())), criticality=("criticality", "mean"))
        .reset_index()
    )
    unseen = held_out(texts["feedback"])  # by the encoder
    others = texts[~unseen].sample(NHS_ROWS - int(unseen.sum()), random_state=0)
    texts = pd.concat([texts[unseen], others], ignore_index=True)
    frame = pd.DataFrame(np.nan, index=texts.index, columns=list(HEADS))
    for theme, labels in NHS.items():
        frame[theme] = [float(not topics.isdisjoint(labels)) for topics in texts["topics"]]
    criticality = texts["criticality"]
    clear = ((criticality <= -2) | (criticality >= 1)) & (texts.index % 2 == 0)  # half: fewer hand-written lines tell
    frame["complaint"] = (criticality <= -2).astype(float).where(clear)
    return frame.assign(text=texts["feedback"], weight=NHS_WEIGHT, unseen=texts.index < unseen.sum())


class _Bench:
    """Everything computed once about the lines, so that heads can be fitted many times.

    Parameters
    ----------
    frame
        Lines of all sources with a column per head, `text`, `weight` and `unseen`.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.labels = frame[list(HEADS)].to_numpy(float)
        self.weight = frame["weight"].to_numpy(float)
        self.unseen = frame["unseen"].eq(True).to_numpy()  # NHS comments that the encoder has not seen
        vectorizer = TfidfVectorizer(analyzer=lambda text: dict.fromkeys(stems(text)), min_df=2).fit(frame["text"])
        names = vectorizer.get_feature_names_out()
        none = np.zeros(0)
        self.blank = Heads({name: i for i, name in enumerate(names)}, vectorizer.idf_, none, none, {}, {})
        self.encoder = Encoder.load()
        self.ngrams, self.embeddings = self.read(list(frame["text"]))
        hand = self.weight == 1
        self.mean, self.spread = self.embeddings[hand].mean(axis=0), self.embeddings[hand].std(axis=0)

    def read(self, texts: list[str]) -> tuple[Any, np.ndarray]:
        """N-gram features and embedding of normalised texts."""
        return self.blank.features(texts), self.encoder.embed_layers(texts)

    def fit(self, rows: np.ndarray, weight: np.ndarray, names: Sequence[str] = HEADS) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients of the fast heads and of those on the embedding, from some rows."""
        scaled = (self.embeddings - self.mean) / self.spread
        fast, embedding = [], []
        for head, name in enumerate(names):
            used = rows[~np.isnan(self.labels[rows, head]) & (weight[rows] > 0)]
            labels, weights = self.labels[used, head], weight[used]
            columns = self.ngrams.shape[1] - (3 if name in THEMES else 1)  # a theme is named in praise and in blame
            of_ngrams, of_embedding = PENALTIES.get(name, (PENALTY_NGRAMS, PENALTY_EMBEDDING))
            weights_of = _regression(self.ngrams[used][:, :columns], labels, weights, of_ngrams)
            gap = np.zeros(self.ngrams.shape[1] - 1 - columns)
            fast.append(np.concatenate([weights_of[:-1], gap, weights_of[-1:]]))
            weights_of = _regression(scaled[used], labels, weights, of_embedding)
            slopes = weights_of[:-1] / self.spread
            embedding.append(np.append(slopes, weights_of[-1] - slopes @ self.mean))
        return np.column_stack(fast), np.column_stack(embedding)


def _regression(matrix: Any, labels: np.ndarray, weights: np.ndarray, penalty: float) -> np.ndarray:  # noqa: ANN401
    """Coefficients of a logistic regression, the constant last."""
    head = fit_head(matrix, labels, weights, strength=1 / penalty, tolerance=1e-4)
    return np.append(head.coefficients[0], head.intercepts[0])


def _scores(read: tuple[Any, np.ndarray], fast: np.ndarray, embedding: np.ndarray) -> np.ndarray:
    """Fast and embedding scores, shape (2, n, heads)."""
    return np.stack([read[0] @ fast, read[1] @ embedding[:-1] + embedding[-1]])


def _held_out(bench: _Bench, readings: tuple[Any, np.ndarray], owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores of lines, and of their readings, by heads fitted on the other folds."""
    from sklearn.model_selection import KFold

    n = len(bench.labels)
    lines, parts = np.empty((2, n, len(HEADS))), np.empty((2, len(owner), len(HEADS)))
    for train, test in KFold(FOLDS, shuffle=True, random_state=0).split(np.arange(n)):
        heads = bench.fit(train, bench.weight)
        lines[:, test] = _scores((bench.ngrams[test], bench.embeddings[test]), *heads)
        inside = np.flatnonzero(np.isin(owner, test))
        parts[:, inside] = _scores((readings[0][inside], readings[1][inside]), *heads)
    return lines, parts


def _calibrate(bench: _Bench, lines: np.ndarray) -> dict[str, np.ndarray]:
    """Platt calibration on hand-written lines held out, the same for all themes: weights of both scores, constant."""
    result = {model: np.zeros((3, len(HEADS))) for model in ("fast", "accurate")}
    for head in range(len(HEADS)):
        used = (bench.weight == 1) & ~np.isnan(bench.labels[:, head])
        labels, ones = bench.labels[used, head], np.ones(used.sum())
        result["fast"][[0, 2], head] = _regression(lines[:1, used, head].T, labels, ones, 0.1)
        both = _regression(lines[:, used, head].T, labels, ones, 0.1)
        if both[0] < 0:  # the n-grams add nothing to the embedding
            both = np.append(0, _regression(lines[1:, used, head].T, labels, ones, 0.1))
        result["accurate"][:, head] = both
    for weights in result.values():  # one for all themes: how often lines name each says nothing about other texts
        weights[:, : len(THEMES)] = np.median(weights[:, : len(THEMES)], axis=1, keepdims=True)
    return result


def _probabilities(scores: np.ndarray, calibration: np.ndarray) -> np.ndarray:
    return sigmoid(np.einsum("snh,sh->nh", scores, calibration[:2]) + calibration[2])


def _measure(truth: np.ndarray, probability: np.ndarray, threshold: float | None = None) -> dict[str, Any]:
    """What a threshold gets right and wrong; if not given, the one with as many tags as there are true ones."""
    from sklearn.metrics import f1_score, roc_auc_score

    if threshold is None:
        ranked, positives = np.sort(probability)[::-1], int(truth.sum())
        threshold = float(ranked[positives - 1 : positives + 1].mean())
    tagged = probability >= threshold
    counts = np.bincount(2 * truth.astype(int) + tagged, minlength=4).reshape(2, 2)
    auc, f1 = float(roc_auc_score(truth, probability)), float(f1_score(truth, tagged))
    return {"thresholds": round(threshold, 4), "errors": counts.tolist(), "auc": round(auc, 3), "f1": round(f1, 3)}


def read_problems(heads: Heads, model: str, datasets: Path = DATASETS) -> pd.DataFrame:
    """Every theme of every real text drawn at random among those that may name a problem, as read and as heard.

    Returns
    -------
    pandas.DataFrame
        A row a text and theme: set, theme, named (by the reader, for certain), maybe, blame (probability, 0 where the
        likeliest that is said of the theme is not negative).
    """
    texts = load_readings(datasets).query("drawn == 'critical'")
    clauses, owner = read_texts([normalise(text) for text in texts["text"]])
    said = best_said(heads.predict_proba_normalised(clauses, model), owner, len(texts)).round(6)
    blame = np.where(said.argmax(axis=2) == 0, said[:, :, 0], 0.0)
    named, maybe = (
        np.array([[theme in cell.split("|") for theme in THEMES] for cell in texts[column]])
        for column in ("themes", "maybe_themes")
    )
    rows = {"named": named.ravel(), "maybe": maybe.ravel(), "blame": blame.ravel()}
    return pd.DataFrame({"set": np.repeat(texts["set"], len(THEMES)), "theme": [*THEMES] * len(texts), **rows})


def f1_of(problems: pd.DataFrame, cut: float) -> float:
    """F1 over all texts and themes of `read_problems`; what a reader might have said counts as wrong."""
    tagged = problems["blame"] >= cut
    return 2 * float((tagged & problems["named"]).sum()) / float(tagged.sum() + problems["named"].sum())


def choose_cut(problems: pd.DataFrame) -> float:
    """The one cut for all themes with the highest F1: a cut for each theme does not carry over to another set."""
    return float(max(CUTS, key=lambda cut: f1_of(problems, cut)))


def train_themes(datasets: Path = DATASETS, folder: Path = MODELS) -> Heads:
    """Fit and write all heads of `themes`, with cut, thresholds and held-out errors.

    Parameters
    ----------
    datasets
        Folder that holds ``nhs-feedback``.
    folder
        Where ``themes.npz`` and ``themes.json`` go.

    Returns
    -------
    Heads
        The fitted heads.
    """
    from threadpoolctl import threadpool_limits

    nhs = nhs_lines(datasets)
    frame = pd.concat([theme_lines(), kind_lines(), phrase_lines(), nhs], ignore_index=True)
    frame["text"] = frame["text"].map(normalise)
    bench = _Bench(frame)
    readings, owner = read_texts(list(frame.loc[frame["weight"] == 1, "text"]))
    read = bench.read(readings)
    with threadpool_limits(1):  # the fits are small: threads would wait for each other
        lines, parts = _held_out(bench, read, owner)
        calibration = _calibrate(bench, lines)
        card: dict[str, Any] = {"encoder": bench.encoder.version, "lines": len(theme_lines()), "nhs": len(nhs)}
        heads = Heads(
            bench.blank.vocabulary, bench.blank.idf, *bench.fit(np.arange(len(frame)), bench.weight), calibration, card
        )
        for model, values in calibration.items():
            problems = read_problems(heads, model, datasets)
            cut = choose_cut(problems[problems["set"].isin(MAY_TRAIN)])
            said = best_said(_probabilities(parts, values), owner, len(frame)).max(axis=2)
            card[model] = {"cut": cut, **_figures(bench, said, _probabilities(lines, values), cut)}
    arrays = {name: getattr(heads, name).astype(np.float32) for name in ("idf", "fast", "embedding")}
    arrays |= {f"calibration_{model}": weights for model, weights in calibration.items()}
    write_arrays(folder / "themes.npz", arrays | {"vocabulary": list(heads.vocabulary)})
    write_card(folder / "themes.json", card)
    return heads


def _figures(bench: _Bench, said: np.ndarray, whole: np.ndarray, cut: float) -> dict[str, Any]:
    """Held-out figures of one model: on hand-written lines for each head, and on unseen NHS comments where mapped."""
    hand = bench.weight == 1
    figures: dict[str, dict[str, Any]] = {}
    for head, name in enumerate(HEADS[: len(THEMES) + len(KINDS)]):
        used = hand & ~np.isnan(bench.labels[:, head])
        probability, threshold = (said, cut) if name in THEMES else (whole, None)
        for figure, value in _measure(bench.labels[used, head], probability[used, head], threshold).items():
            figures.setdefault(figure, {})[name] = value
    rows = np.flatnonzero(bench.unseen)
    figures["nhs"] = {}
    for theme in NHS:
        head = HEADS.index(theme)
        auc = _measure(bench.labels[rows, head], whole[rows, head])["auc"]
        figures["nhs"][theme] = {"positives": int(bench.labels[rows, head].sum()), "auc": auc}
    polarity = slice(-len(CLASSES), None)
    polar = hand & ~np.isnan(bench.labels[:, -1])
    right = whole[polar, polarity].argmax(axis=1) == bench.labels[polar, polarity].argmax(axis=1)
    return figures | {"polarity_accuracy": round(float(right.mean()), 3)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit and write the heads named: ``themes``, ``churn``, or both when none is named."""
    parser = argparse.ArgumentParser(prog="python -m analytics.training.heads", description="Fit the shipped heads.")
    parser.add_argument("heads", nargs="?", choices=["themes", "churn", "all"], default="all")
    parser.add_argument("--datasets", type=Path, default=DATASETS, help="folder of the training sets")
    chosen = parser.parse_args(arguments)
    if chosen.heads != "themes":
        train_churn_intent(datasets=chosen.datasets)
    if chosen.heads != "churn":
        train_themes(chosen.datasets)


if __name__ == "__main__":
    main()
