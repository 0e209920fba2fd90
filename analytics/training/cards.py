"""Model cards: the templates of ``data/`` filled with figures as measured, so that none is typed by hand.

``python -m analytics.training.cards`` writes all four, and needs the evaluation sets.
"""

import argparse
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold

from analytics.tables.demo.comments import BANK
from analytics.text.accurate import FAST_SHARE
from analytics.text.churn_intent import ChurnIntentModel, load_churn_intent_model
from analytics.text.encoder import Encoder
from analytics.text.linear import CLASSES, MODELS, PROBABILITIES, logs, read_card
from analytics.text.scored import score_texts
from analytics.text.sentiment import load_sentiment_model
from analytics.text.themes import KINDS, THEMES, is_complaint, load_heads, tag_themes
from analytics.training.churn import fit_churn_intent, fit_lines, reading_lines, training_lines
from analytics.training.evaluate import SentimentModel, compare, load_zero_shot_sets, speed, vader_score
from analytics.training.heads import NHS, choose_cut, f1_of, phrase_lines, read_problems, theme_lines
from analytics.training.places import DATASETS, REMARKS
from analytics.training.read_sets import leaving_model
from analytics.training.real import BRANDS, FILES, MAY_TRAIN, load_readings

SURE = (0.5, 0.6, 0.7)  # certainties of the card
FEWEST_UNSURE = 5  # texts from which on a share of them is given
HARD = Path(__file__).parents[2] / "tests/text"  # lines written to be hard, that trained nothing


def fill(template: str, figures: dict[str, str]) -> str:
    """Text of a template with its figures.

    Raises
    ------
    ValueError
        If a place of the template has no figure.
    """
    text = (files("analytics.training") / "templates" / template).read_text(encoding="utf-8")
    lacking = {*re.findall(r"\{(\w+)\}", text)} - figures.keys()
    if lacking:
        raise ValueError(f"{template}: no figure for {', '.join(sorted(lacking))}.")
    return re.sub(r"\{(\w+)\}", lambda place: figures[place[1]], text)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows as a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def judged(rows: pd.DataFrame) -> str:
    """Table of the rows of `evaluate.compare`, intervals in brackets."""
    cells = [
        [row["set"], f"{row['n']:,}", row["model"], *(_figure(row, name) for name in ("auc", "accuracy"))]
        for row in rows.to_dict("records")
    ]
    return table(["set", "texts", "model", "AUC", "accuracy"], cells)


def confusion(counts: Sequence[Sequence[int]]) -> str:
    """Table of an error matrix."""
    return table([r"true \ predicted", *CLASSES], [[name, *row] for name, row in zip(CLASSES, counts, strict=True)])


def fast_card(card: Mapping[str, Any]) -> str:
    """Card of the fast model, from what training wrote down."""
    figures = {"sets": judged(pd.DataFrame(card["sets"])), "errors": confusion(card["errors"])}
    figures |= {"texts": f"{card['training_texts']:,}", "calibration": f"{card['calibration_error']:.3f}"}
    return fill("fast_card.md", figures | {"version": str(card["version"])})


def accurate_card(datasets: Path) -> str:
    """Card of the accurate model: measured now on the sets that never train, with what training wrote down."""
    card = read_card(MODELS / "accurate.json")
    tokenizer = json.loads((MODELS / "encoder_tokenizer.json").read_text(encoding="utf-8"))
    unseen = pd.DataFrame(card["unseen"])
    models: dict[str, SentimentModel] = {name: load_sentiment_model(name) for name in ("accurate", "fast")}
    sets = load_zero_shot_sets(datasets)
    zero = compare(models, sets)
    held = [
        [name, f"{row['n']:,}", _figure(row, "auc"), _figure(row, "accuracy")] for name, row in card["held_out"].items()
    ]
    three, every = _means(zero), _means(pd.concat([zero, unseen]))
    figures = {
        "version": card["version"],
        "size": f"{(MODELS / 'encoder.onnx').stat().st_size / 1e6:.1f}",
        "zero": judged(zero),
        "unseen": judged(unseen),
        "held": table(["set", "texts", "AUC", "accuracy"], held),
        "errors": confusion(card["errors"]),
        "calibration": f"{card['calibration_error']:.3f}",
        "gain": f"{three['accurate']['auc'] - three['vader']['auc']:.3f}",
        "accuracy": f"{three['accurate']['accuracy']:.3f}",
        "gain_all": f"{every['accurate']['auc'] - every['vader']['auc']:.3f}",
        "accuracy_all": f"{every['accurate']['accuracy']:.3f}",
        "accuracy_vader": f"{every['vader']['accuracy']:.3f}",
        "speed": f"{speed(models['accurate']):.0f}",
        "phrases": f"{len(phrase_lines()):,}",
        "remarks": f"{len(pd.read_csv(REMARKS)):,}",
        "share": f"{FAST_SHARE}",
        "vocabulary": f"{len(tokenizer['model']['vocab']):,}",
        "certainty": certainty(datasets),
    }
    for name, file in (("sarcasm", "sarcasm.csv"), ("idioms", "complaint_idioms.csv")):
        lines = pd.read_csv(HARD / file)
        label = lines["label"] if "label" in lines else "negative"
        right = np.array(CLASSES)[models["accurate"].predict_proba(lines["text"]).argmax(axis=1)] == label
        figures |= {name: _percent(right), f"{name.removesuffix('s')}_texts": str(len(lines))}
    return fill("accurate_card.md", figures | _taught(sets))


def certainty(datasets: Path) -> str:
    """Table of how sure the accurate model is of the mood of read texts, and how often the reader says the same."""
    read = load_readings(datasets).drop_duplicates(["set", "row_id"]).query("sentiment in @CLASSES").set_index("set")
    scores = score_texts(read["text"], model="accurate", accurate_limit=len(read))
    read = read.assign(said=scores["sentiment"], sure=scores[PROBABILITIES].max(axis=1)).query("said != 'unknown'")
    rows = []
    for name, part in [*read.groupby(level=0), ("all", read)]:
        right, row = part["said"].eq(part["sentiment"]), [str(name), f"{len(part):,}"]
        for cut in SURE:
            below = part["sure"] < cut
            row.append(f"{_percent(below)}, {_percent(right[below]) if below.sum() >= FEWEST_UNSURE else '–'}")
        rows.append([*row, _percent(right)])
    heads = [f"below {cut:g}: texts, of these right" for cut in SURE]
    return table(["set", "texts", *heads, "all right"], rows)


def themes_card(datasets: Path) -> str:
    """Card of the themes: figures of the heads as fitted, and what they make of texts that trained nothing."""
    card = read_card(MODELS / "themes.json")
    fast, accurate = card["fast"], card["accurate"]
    lines, remarks = theme_lines(), len(pd.read_csv(REMARKS))
    rows = [
        [
            f"`{theme}`",
            int(lines[theme].sum()),
            *(f"{of['auc'][theme]:.2f} / {of['f1'][theme]:.2f}" for of in (fast, accurate)),
            " ".join(map(str, np.ravel(accurate["errors"][theme]))),
        ]
        for theme in THEMES
    ]
    means = [_mean(of[name]) for of in (fast, accurate) for name in ("auc", "f1")]
    rows.append(["mean", "", f"{means[0]} / {means[1]}", f"{means[2]} / {means[3]}", ""])
    kinds = [[kind, *(f"{of['auc'][kind]:.2f} / {of['f1'][kind]:.2f}" for of in (fast, accurate))] for kind in KINDS]
    nhs = [
        [name, accurate["nhs"][name]["positives"], *(f"{of['nhs'][name]['auc']:.3f}" for of in (fast, accurate))]
        for name in NHS
    ]
    figures = {
        "written": f"{len(lines) - remarks:,}",
        "remarks": f"{remarks:,}",
        "fewest": str(int(lines[list(THEMES)].sum().min())),
        "nothing": f"{int((lines[list(THEMES)].sum(axis=1) == 0).sum()):,}",
        "phrases": f"{len(phrase_lines()):,}",
        "nhs_rows": f"{card['nhs']:,}",
        "themes": table(["theme", "lines", "fast AUC / F1", "accurate AUC / F1", "errors"], rows),
        "kinds": table(["question", "fast AUC / F1", "accurate AUC / F1"], kinds),
        "nhs": table(["theme", "positives", "fast AUC", "accurate AUC"], nhs),
    }
    figures |= _themes_read(datasets)
    return fill("themes_card.md", figures | _second_reading() | _complaints(datasets) | _bank() | _tagging_speed())


def _themes_read(datasets: Path) -> dict[str, str]:
    """F1 on texts that people read, by set and by theme, each set with the cut that the others ask for."""
    heads = load_heads()
    by_set: dict[str, list[str]] = {}
    by_theme: dict[str, list[Any]] = {}
    for model in ("accurate", "fast"):
        problems = read_problems(heads, model, datasets)
        train = problems["set"].isin(MAY_TRAIN)
        cuts = {name: choose_cut(problems[train & (problems["set"] != name)]) for name in FILES}
        tagged = problems["blame"] >= problems["set"].map(cuts)
        problems = problems.assign(blame=tagged.astype(float))
        parts = {**dict(tuple(problems.groupby("set"))), "all": problems}
        parts["all but cfpb"] = problems[problems["set"] != "cfpb"]
        for name, part in parts.items():
            figures = [f1_of(part, 0.5), f1_of(part[~part["maybe"]], 0.5)]
            by_set.setdefault(str(name), []).extend(f"{figure:.2f}" for figure in figures)
        for theme, part in problems.groupby("theme", sort=False):
            row = by_theme.setdefault(str(theme), [int(part["named"].sum())])
            row.append(f"{f1_of(part, 0.5):.2f}" if row[0] else "")
    head = ["set", *(f"{model}, {kind}" for model in ("accurate", "fast") for kind in ("strict", "maybes left out"))]
    sets = table(head, [[name, *cells] for name, cells in by_set.items()])
    themes = table(["theme", "named", "accurate", "fast"], [[f"`{name}`", *row] for name, row in by_theme.items()])
    cut = {f"cut_{model}": f"{heads.card[model]['cut']:.2f}" for model in ("accurate", "fast")}
    return {"read_sets": sets, "read_themes": themes, "read": f"{len(problems) // len(THEMES):,}", **cut}


def churn_card(datasets: Path) -> str:
    """Card of churn intent: its own lines in folds, read texts by set left out, and a set that never trains."""
    lines, shipped = (
        pd.concat([training_lines(), reading_lines(datasets)], ignore_index=True),
        load_churn_intent_model(),
    )
    _, held_out = fit_lines(datasets)
    remark, reading = ((lines["case"] == case).to_numpy() for case in ("remark", "reading"))
    written = ~remark & ~reading
    own = lines[written]
    strange = np.empty(len(own))
    for industry in own["industry"].unique():
        out = (own["industry"] == industry).to_numpy()
        strange[out] = _taught_churn(lines[lines["industry"] != industry], own[out])
    seen = pd.read_csv(datasets / "churn-intent/en_chatbot.csv")
    seen["brand"] = seen["brand"].where(seen["brand"] != "no_brand").fillna("")
    folds = np.empty(len(seen))
    for train, test in GroupKFold(5).split(seen, groups=pd.factorize(seen["text"].str.lower())[0]):
        learnt = seen.iloc[train].assign(share=seen["churn"].astype(float), weight=1.0)
        folds[test] = _taught_churn(learnt, seen.iloc[test])
    words = r"\b(?:leav|quit|cancel|terminat|switch|chang|mov|bye|goodbye)"
    truth = seen["churn"].to_numpy()
    (kept, wrong), (missed, caught) = shipped.errors
    rows = [
        ["own lines, five folds grouped by text", *_leaving(own["churn"].to_numpy(), held_out[written])],
        ["own lines, one industry left out at a time", *_leaving(own["churn"].to_numpy(), strange)],
        ["remarks, five folds", *_leaving(lines["churn"][remark].to_numpy(), held_out[remark])],
        ["`churn-intent`, shipped model, nothing of it used in training", *_leaving(truth, _asked(shipped, seen))],
        ["`churn-intent`, same pipeline trained on it, five folds grouped by text", *_leaving(truth, folds)],
        [
            "baseline on `churn-intent`: keywords",
            *_leaving(truth, seen["text"].str.contains(words, case=False).to_numpy()),
        ],
        ["baseline on `churn-intent`: VADER negative", *_leaving(truth, vader_score(seen["text"]) < -0.05)],
    ]
    figures = {
        "lines": f"{len(own):,}",
        "remarks": f"{int(remark.sum()):,}",
        "leavers": f"{missed + caught:,}",
        "set": f"{len(seen):,}",
        **_leaving_read(datasets),
        "figures": table(["evaluated on", "F1", "precision", "recall", "AUC"], rows),
        "errors": f"[[{kept}, {wrong}], [{missed}, {caught}]]",
        "wrong": f"{wrong / (kept + wrong):.1%}".replace("%", " %"),
        "recall": f"{caught / (missed + caught):.0%}".replace("%", " %"),
    }
    return fill("churn_card.md", figures)


def _leaving_read(datasets: Path) -> dict[str, str]:
    """Figures on texts that people read, each set by a model that did not learn from it."""
    every = load_readings(datasets)
    candidates = f"{int(every['drawn'].eq('leaving candidate').sum()):,}"
    every = every[every["leaving"] != "maybe"].reset_index(drop=True)
    leaves, probability = (every["leaving"] == "1").to_numpy(), np.empty(len(every))
    rows = []
    for name, places in every.groupby("set").indices.items():
        texts, brands = every["text"].iloc[places], BRANDS.get(str(name), ())
        probability[places] = leaving_model(str(name), datasets).predict_proba(texts, brands=brands)
        tagged, truth = probability[places] > 0.5, leaves[places]
        rows.append([name, len(places), truth.sum(), (tagged & truth).sum(), (tagged & ~truth).sum()])
    figures = _leaving(leaves, probability)
    together = "F1 {}, precision {}, recall {}, AUC {}".format(*figures)
    head = ["set", "texts", "leave", "of these found", "others taken for leaving"]
    learnt = int(every["set"].isin(MAY_TRAIN).sum())
    return {"read": table(head, rows), "read_together": together, "candidates": candidates, "learnt": f"{learnt:,}"}


def _taught_churn(learnt: pd.DataFrame, asked: pd.DataFrame) -> np.ndarray:
    brands = [[brand] for brand in learnt["brand"]]
    model, _ = fit_churn_intent(learnt["text"], brands, learnt["share"], learnt["weight"].to_numpy())
    return _asked(model, asked)


def _asked(model: ChurnIntentModel, lines: pd.DataFrame) -> np.ndarray:
    pairs = zip(lines["text"], lines["brand"], strict=True)
    return np.array([model.predict_proba([text], brands=[brand])[0] for text, brand in pairs])


def _leaving(truth: np.ndarray, probability: np.ndarray) -> list[str]:
    """F1, precision and recall at one half, and AUC."""
    from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

    probability = np.nan_to_num(np.asarray(probability, dtype=float))
    precision, recall, f1, _ = precision_recall_fscore_support(truth, probability > 0.5, average="binary")
    return [f"{figure:.3f}" for figure in (f1, precision, recall, roc_auc_score(truth, probability))]


def _taught(sets: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Mean accuracy, in five folds, of models fitted on each set's own ratings: what its texts can tell of these."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    folds, rows = StratifiedKFold(5, shuffle=True, random_state=0), []
    words = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=5, max_iter=2000)
    )
    for data in sets.values():
        positive, texts = (data["label"] == "positive").to_numpy(), data["text"].tolist()
        read = logs(load_sentiment_model("fast").predict_proba(texts))
        both = np.column_stack([Encoder.load().embed(texts), read])
        scores = [
            cross_val_predict(model, features, positive, cv=folds, method="decision_function")
            for model, features in ((words, texts), (LogisticRegression(C=0.3, max_iter=3000), both))
        ]
        rows.append([((score > 0) == positive).mean() for score in (*scores, scores[0] + scores[1])])
    means = np.mean(rows, axis=0)
    return {f"taught_{name}": f"{mean:.2f}" for name, mean in zip(("words", "encoder", "all"), means, strict=True)}


def _second_reading() -> dict[str, str]:
    """Cohen's kappa of the remarks' labels with those of a reader who had not seen them."""
    from sklearn.metrics import cohen_kappa_score

    second = pd.read_csv(HARD / "second_reading.csv", keep_default_na=False)
    first = pd.read_csv(REMARKS, keep_default_na=False).set_index("text").loc[second["text"]].reset_index()
    named = [
        np.ravel([[theme in tags.split("|") for theme in THEMES] for tags in lines["themes"]])
        for lines in (first, second)
    ]
    kappas = {name: cohen_kappa_score(first[name], second[name]) for name in ("label", "kind", "leaving")}
    kappas["themes"] = cohen_kappa_score(*named)
    return {f"kappa_{name}": f"{kappa:.2f}" for name, kappa in kappas.items()} | {"read_twice": f"{len(second):,}"}


def _complaints(datasets: Path) -> dict[str, str]:
    """AUC of telling complaints from all other feedback of a set that trained nothing."""
    from sklearn.metrics import roc_auc_score

    data = pd.read_csv(datasets / "ijcnlp-feedback/en.csv").dropna(subset=["text", "tag"])
    truth, texts = data["tag"].str.split("|").map(lambda tags: "complaint" in tags), data["text"].tolist()
    scores = {name: is_complaint(texts, model=name) for name in ("fast", "accurate")}
    scores["vader"] = -vader_score(texts)
    read = ~np.isnan(scores["fast"])
    figures = {f"complaint_{name}": f"{roc_auc_score(truth[read], score[read]):.3f}" for name, score in scores.items()}
    return figures | {"complaint_texts": f"{int(read.sum()):,}"}


def _bank() -> dict[str, str]:
    """Tags of the demo's sentences, written apart from the lines the heads learnt from."""
    bank = pd.read_csv(BANK, keep_default_na=False)
    bank = bank[(bank["kind"] == "sentence") & (bank["theme"] != "")]
    texts = bank["text"].str.replace(r"\{(\w+)\}", r"\1", regex=True).tolist()
    figures = {"bank_texts": str(len(bank)), "bank_themes": str(len(bank) + int((bank["also"] != "").sum()))}
    for model in ("fast", "accurate"):
        tags = tag_themes(texts, model=model)
        named = zip(tags, bank["theme"], bank["also"], bank["polarity"], strict=True)
        hits = [
            (next((tag for tag in row if tag == theme), None), truth)
            for row, *themes, truth in named
            for theme in filter(None, themes)
        ]
        figures[f"bank_{model}"] = _percent(tag is not None for tag, _ in hits)
        figures[f"bank_tags_{model}"] = f"{np.mean([len(row) for row in tags]):.1f}"
        figures[f"bank_polarity_{model}"] = _percent(tag.polarity == truth for tag, truth in hits if tag is not None)
    return figures


def _tagging_speed() -> dict[str, str]:
    texts, figures = theme_lines()["text"].tolist(), {}
    for model in ("fast", "accurate"):
        start = perf_counter()
        tag_themes([f"{text} {model}" for text in texts], model=model)
        figures[f"speed_{model}"] = f"{len(texts) / (perf_counter() - start):,.0f}"
    return figures


def _figure(row: Mapping[Any, Any], name: str) -> str:
    return f"{row[name]:.3f} ({row[f'{name}_low']:.3f} to {row[f'{name}_high']:.3f})"


def _means(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Mean AUC and accuracy over the sets, by model."""
    figures = {name: rows.groupby("model")[name].mean() for name in ("auc", "accuracy")}
    return {model: {name: float(means[model]) for name, means in figures.items()} for model in set(rows["model"])}


def _percent(right: Iterable[bool]) -> str:
    every = list(right)
    return f"{sum(every) / len(every):.0%}".replace("%", " %")


def _mean(figures: dict[str, float]) -> str:
    return f"{np.mean([figures[theme] for theme in THEMES]):.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the shipped models and write their cards."""
    parser = argparse.ArgumentParser(prog="python -m analytics.training.cards", description="Write the model cards.")
    parser.add_argument("--datasets", type=Path, default=DATASETS, help="folder of the evaluation sets")
    datasets = parser.parse_args(arguments).datasets
    cards = {"fast": fast_card(read_card(MODELS / "fast.json"))}
    cards |= {
        "accurate": accurate_card(datasets),
        "themes": themes_card(datasets),
        "churn_intent": churn_card(datasets),
    }
    for name, text in cards.items():
        (MODELS / f"{name}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
