"""The command that counts the models' errors on texts read by people: ``python -m analytics.training.read_sets``.

Every set is counted twice: what readers said of a random sample of its texts that may name a problem, and what the
models say of all of these. It also prints how far shares predicted for a set left out are from what was read.
"""

import argparse
import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from analytics.text.churn_intent import ChurnIntentModel, load_churn_intent_model
from analytics.text.comments import complained_about
from analytics.text.linear import CLASSES, MODELS
from analytics.text.read_sets import COMPLAINT, FILE, LEAVING, load_read_sets
from analytics.text.scored import score_texts
from analytics.text.themes import THEMES, is_complaint
from analytics.training.churn import fit_lines
from analytics.training.files import models_version
from analytics.training.places import DATASETS
from analytics.training.real import BRANDS, FILES, MAY_TRAIN, load_labels
from analytics.training.set_errors import as_numbers, fit_set_errors

Which = Literal["fast", "accurate"]
BOTH: tuple[Which, ...] = ("fast", "accurate")
MOST = 1_600  # texts of a set that are counted: a larger month's comments
COLUMNS = ["set", "label", "named", "read", "maybe", "found", "false", "counted", "texts"]


POOLS = {  # sets of short texts: which may name a problem (complaints of a page are read, but not as well)
    "amazon": "mean_sentiment < 0",
    "bank-app": "rating < 5",
    "csat": "`CSAT Score` < 5",
    "ijcnlp": "tag.str.contains('complaint|request|bug')",
    "nhs": "criticality < 0",
    "uci": "label == 0",
}


def read_readings(datasets: Path = DATASETS) -> pd.DataFrame:
    """All readings of short texts drawn at random among those that may name a problem."""
    readings = load_labels(datasets)
    return readings[readings["drawn"].eq("critical") & readings["set"].isin(POOLS)]


def tag_pool(name: str, readings: pd.DataFrame, model: Which, datasets: Path) -> pd.DataFrame:
    """Labels of a set's texts by the shipped models, by row of its file: a column a label, and whether it is counted.

    At most `MOST` texts that may name a problem are counted; those read are tagged in any case. Leaving is told by a
    model that did not learn from the set.
    """
    file, column = FILES[name]
    frame = pd.read_csv(datasets / file).dropna(subset=column)
    drawn = frame.query(POOLS[name], engine="python").index.to_numpy()
    if len(drawn) > MOST:
        drawn = np.random.default_rng(0).choice(drawn, MOST, replace=False)
    rows = np.union1d(drawn, readings["row_id"])
    texts = frame.loc[rows, column].astype(str)
    scores = score_texts(texts, model=model, accurate_limit=len(texts))
    scores["churn_intent"] = leaving_model(name, datasets).predict_proba(texts, brands=BRANDS.get(name, ()))
    scores["complains"] = is_complaint(texts, model)
    scores["drawn"] = texts.index.isin(drawn)
    return labels_of(scores[scores["sentiment"] != "unknown"])


@cache
def leaving_model(name: str, datasets: Path = DATASETS) -> ChurnIntentModel:
    """The model of churn intent as it would be without a set's texts; the shipped one where it learnt from none."""
    return fit_lines(datasets, without=name)[0] if name in MAY_TRAIN else load_churn_intent_model()


def labels_of(scores: pd.DataFrame) -> pd.DataFrame:
    """Whether each text got each label, from the columns of `score_texts`, `complains` and `drawn`."""
    blamed = scores["themes"].map(complained_about)
    labels = {theme: blamed.map(lambda names, t=theme: t in names) for theme in THEMES}
    labels |= {LEAVING: scores["churn_intent"] >= 0.5, COMPLAINT: scores["complains"] >= 0.5}
    labels |= {name: scores["sentiment"] == name for name in CLASSES}
    return pd.DataFrame(labels, dtype=bool).assign(drawn=scores["drawn"])


def count_set(name: str, readings: pd.DataFrame, labels: pd.DataFrame) -> list[list[Any]]:
    """Rows of the file of counts for one set."""
    readings = readings[readings["row_id"].isin(labels.index)]
    said = labels.loc[readings["row_id"]]
    rows = []
    for label in labels.columns.drop("drawn"):
        sure, maybe = _reading(readings, label)
        model = said[label].to_numpy()
        counts = (sure, np.full(len(sure), True), maybe, sure & model, ~sure & ~maybe & model)
        counted = labels.loc[labels["drawn"], label]
        rows.append([name, label, *(int(c.sum()) for c in counts), round(float(counted.mean()), 5), len(counted)])
    return rows


def _reading(readings: pd.DataFrame, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Which texts a reader gave the label for certain, and which perhaps."""
    if label in THEMES:
        sure, maybe = (
            readings[column].map(lambda cell: label in cell.split("|")).to_numpy()
            for column in ("themes", "maybe_themes")
        )
        return sure, maybe & ~sure
    if label in CLASSES:
        return readings["sentiment"].eq(label).to_numpy(), readings["sentiment"].isin(["mixed", "unclear"]).to_numpy()
    said = readings[label].astype(str)
    return said.eq("1").to_numpy(), said.eq("maybe").to_numpy()


def leave_out(sets: pd.DataFrame) -> pd.DataFrame:
    """Each set's shares as predicted from the other sets, beside those read.

    Parameters
    ----------
    sets
        Rows of `load_read_sets`, of labels that belong together.

    Returns
    -------
    pandas.DataFrame
        set, label, read_share, counted, value, low, high (NaN where not known), method.
    """
    rows = []
    for name in sets["set"].unique():
        errors = fit_set_errors(sets[sets["set"] != name])
        for row in sets[sets["set"] == name].to_dict("records"):
            share, method, *_ = errors.share(row["counted"], row["texts"], row["label"])
            read = row["named"] / row["read"]
            rows.append([name, row["label"], read, row["counted"], share.value, share.low, share.high, method])
    return pd.DataFrame(rows, columns=["set", "label", "read_share", "counted", "value", "low", "high", "method"])


def summarise_left_out(cells: pd.DataFrame) -> dict[str, float]:
    """How often shares of sets left out are told, hold what was read, and how far they and plain counts are from it."""
    told = cells[cells["value"].notna()]
    inside = told["low"].le(told["read_share"] + 1e-9) & told["high"].ge(told["read_share"] - 1e-9)
    return {
        "cells": len(cells),
        "told": len(told) / len(cells),
        "held": float(inside.mean()),
        "distance": float((told["value"] - told["read_share"]).abs().mean()),
        "distance of counts": float((told["counted"] - told["read_share"]).abs().mean()),
    }


def main(arguments: list[str] | None = None) -> None:
    """Count the models' errors by set, write them, and print how well they carry over."""
    parser = argparse.ArgumentParser(prog="python -m analytics.training.read_sets", description=main.__doc__)
    parser.add_argument("--datasets", type=Path, default=DATASETS, help="folder of the data sets")
    parser.add_argument("--only-print", action="store_true", help="print the table of the counts that ship")
    chosen = parser.parse_args(arguments)
    if not chosen.only_print:
        readings = read_readings(chosen.datasets)
        rows: dict[Which, list[list[Any]]] = {model: [] for model in BOTH}
        for model in BOTH:
            for name in POOLS:
                part = readings[readings["set"] == name]
                rows[model] += count_set(name, part, tag_pool(name, part, model, chosen.datasets))
        write_counts(rows)
    for model in BOTH:
        sets = load_read_sets(model)
        by_theme = leave_out(sets[sets["label"].isin([*THEMES, LEAVING])])
        parts = {"themes": by_theme[by_theme["label"] != LEAVING], LEAVING: by_theme[by_theme["label"] == LEAVING]}
        parts |= {label: leave_out(sets[sets["label"] == label]) for label in (COMPLAINT, CLASSES[0])}
        table = pd.DataFrame({name: summarise_left_out(cells) for name, cells in parts.items()}).T
        print(f"{model}\n{table.round(3).to_string()}")  # noqa: T201


def write_counts(rows: dict[Which, list[list[Any]]]) -> None:
    """Write the counts, a row a line, with the versions of the models that gave them and the lines fitted to them."""
    versions, fitted = {model: models_version(model) for model in BOTH}, dict[Which, list[Any]]()
    for model in BOTH:
        sets = pd.DataFrame(rows[model], columns=COLUMNS)
        groups = ([*THEMES, LEAVING], *([name] for name in CLASSES))
        fitted[model] = [as_numbers(fit_set_errors(sets[sets["label"].isin(group)])) for group in groups]
    lines = {model: ",\n".join(json.dumps(row) for row in counts) for model, counts in rows.items()}
    body = ",\n".join(f'"{model}": [\n{text}\n]' for model, text in lines.items())
    head = f'"versions": {json.dumps(versions)},\n"columns": {json.dumps(COLUMNS)},\n"lines": {json.dumps(fitted)}'
    (MODELS / FILE).write_text(f'{{{head},\n"rows": {{\n{body}\n}}}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
