import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from analytics.text.fast import Vectoriser, lexicon, load_fast_model, tokenise
from analytics.text.linear import CLASSES, MODELS
from analytics.text.sentiment import SentimentClassifier, load_sentiment_model
from analytics.training.evaluate import load_zero_shot_sets, polarity, vader_score
from analytics.training.fast import train_fast
from analytics.training.files import save_fast

HERE = Path(__file__).parent
SMALL = ["never again", "love it", "no reply", "so helpful", "awful wait", "great team"] * 2
LABELS = ["bad", "good"] * 6
PROBES = (
    "You promised a callback by Friday. It is Tuesday.",
    "Great, another hour on hold. Thanks for nothing.",
    "waiting three weeks, nobody called back",
)
SHIPPED = ["fast", "accurate"]


def test_negation_reaches_four_words_and_stops_at_the_clause() -> None:
    words = ["!", ",", "a", "but", "good", "is", "not", "room", "so", "very"]
    vectoriser = Vectoriser(words, np.empty(0, np.int64))
    size = len(words) + 1

    def columns(text: str) -> set[str]:
        found = vectoriser.transform([text]).tocoo().col
        return {words[c % size] + ("*" if c >= size else "") for c in found if c < 2 * size and c % size < len(words)}

    assert columns("not a very good room") == {"not", "a*", "very*", "good*", "room*"}
    assert columns("not so, good") == {"not", "so*", "good"}
    assert columns("not so but good") == {"not", "so*", "but", "good"}
    assert columns("is not a very very very good") >= {"good"}


def test_a_text_is_read_the_same_alone_and_in_company() -> None:
    model = load_sentiment_model("fast")
    texts = ["not", "good room", "", "no", "bad!", "never"]
    together = model.predict_proba(texts)
    alone = np.vstack([model.predict_proba([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_estimator_clones_and_works_in_pipelines_and_cross_validation() -> None:
    model = SentimentClassifier(penalty=3.0, brands=["Acme"])
    assert clone(model).get_params() == model.get_params()
    assert cross_val_predict(model, SMALL, LABELS, cv=3).tolist() == LABELS
    assert cross_val_predict(model, np.array(SMALL), LABELS, cv=3, method="predict_proba").shape == (12, 2)
    piped = make_pipeline(FunctionTransformer(list), model).fit(SMALL, LABELS)
    assert piped.score(SMALL, LABELS) == 1
    search = GridSearchCV(SentimentClassifier(), {"penalty": [0.1, 1.0]}, cv=2).fit(pd.Series(SMALL), pd.Series(LABELS))
    assert search.best_estimator_.classes_.tolist() == ["bad", "good"]


def test_three_labels_of_any_kind_and_twelve_texts_are_enough() -> None:
    labels = [1, 2, 3] * 4
    model = SentimentClassifier().fit(["bad", "so so", "good"] * 4, labels)
    assert model.classes_.tolist() == [1, 2, 3]
    assert model.predict(["good", "bad"]).tolist() == [3, 1]
    np.testing.assert_allclose(model.predict_proba(["", "unheard-of"]).sum(axis=1), 1)
    assert model.predict_proba([]).shape == (0, 3)


def test_faults_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"at least 2 classes, found 1: \['bad'\]"):
        SentimentClassifier().fit(["a", "b"], ["bad", "bad"])
    with pytest.raises(ValueError, match="2 texts but 1 labels"):
        SentimentClassifier().fit(["a", "b"], ["bad"])
    with pytest.raises(ValueError, match="not one string"):
        SentimentClassifier().fit("text", ["bad"])
    with pytest.raises(ValueError, match="no sentiment model 'best'. Expected 'accurate' or 'fast'"):
        load_sentiment_model("best")


def test_brands_given_to_the_estimator_carry_no_weight() -> None:
    texts = ["Acme late", "Acme lost it", "Bolt lovely", "Bolt quick"] * 3
    model = SentimentClassifier(brands=["Acme", "Bolt"]).fit(texts, [0, 0, 1, 1] * 3)
    np.testing.assert_allclose(model.predict_proba(["Acme"]), model.predict_proba(["Bolt"]))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_models_keep_the_contract(name: str) -> None:
    model = load_sentiment_model(name)
    probabilities = model.predict_proba(["good", "bad"])
    assert model.classes_.tolist() == list(CLASSES)
    assert probabilities.shape == (2, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert model.version.startswith(name)
    assert model.errors.shape == (3, 3)


@pytest.mark.parametrize("name", SHIPPED)
def test_probes_come_out_negative_where_vader_says_positive_or_nothing(name: str) -> None:
    assert load_sentiment_model(name).predict(PROBES).tolist() == ["negative"] * 3
    assert (vader_score(PROBES) >= 0).all()


@pytest.mark.parametrize("name", SHIPPED)
def test_complaints_without_sentiment_words_are_found(name: str) -> None:
    idioms = pd.read_csv(HERE / "complaint_idioms.csv")
    valence = lexicon()
    assert len(idioms) == 200
    assert (
        min(valence.get(word, 0) for text in idioms["text"] for word in tokenise(text) if word not in ("no", "alone"))
        > -1
    )
    assert (load_sentiment_model(name).predict(idioms["text"]) == "negative").mean() >= 0.8
    assert (vader_score(idioms["text"]) <= -0.05).mean() < 0.5


@pytest.mark.parametrize("name", SHIPPED)
def test_sarcasm_is_reported_and_sincere_thanks_are_not_taken_for_it(name: str, record_property) -> None:
    lines = pd.read_csv(HERE / "sarcasm.csv")
    predicted = load_sentiment_model(name).predict(lines["text"])
    negative = lines["label"] == "negative"
    record_property("sarcasm_recall", round(float((predicted[negative] == "negative").mean()), 3))
    assert (predicted[~negative] == "positive").mean() >= 0.8


@pytest.mark.parametrize("name", SHIPPED)
def test_one_word_answers(name: str) -> None:
    expected = {"Excellent": "positive", "rubbish": "negative", "Superb!": "positive", "useless": "negative"}
    assert dict(zip(expected, load_sentiment_model(name).predict(expected), strict=True)) == expected


def test_fast_beats_vader_on_organisations_it_never_read(datasets: Path) -> None:
    model = load_sentiment_model("fast")
    for name, data in load_zero_shot_sets(datasets).items():
        data = data[data["label"].isin(["negative", "positive"])]
        ours, vader = polarity(model)(data["text"]), vader_score(data["text"])
        gain = roc_auc_score(data["label"], ours) - roc_auc_score(data["label"], vader)
        assert gain >= 0.03, name  # 0.04 is the aim; one of these sets' AUCs is known to 0.03


@pytest.mark.parametrize("text", [" ".join(f"word{i}x" for i in range(40_000)), "😀" * 10_000], ids=["words", "emoji"])
def test_hostile_texts_have_probabilities_like_any_other(text: str) -> None:
    probabilities = load_sentiment_model("fast").predict_proba([text])
    assert probabilities.sum() == pytest.approx(1)


def test_a_model_reads_the_same_after_saving(tmp_path: Path) -> None:
    model = load_sentiment_model("fast")
    save_fast(model, tmp_path)
    loaded = load_fast_model(tmp_path)
    np.testing.assert_array_equal(loaded.predict_proba(PROBES), model.predict_proba(PROBES))
    again, shipped = (zipfile.ZipFile(folder / "fast.npz") for folder in (tmp_path, MODELS))
    assert {name: again.read(name) for name in again.namelist()} == {n: shipped.read(n) for n in shipped.namelist()}


def test_training_is_reproducible_and_its_card_quotes_its_figures(
    tmp_path: Path, datasets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from analytics.training import evaluate, fast
    from analytics.training.cards import fast_card
    from analytics.training.sets import load_training_sets

    sets = load_training_sets(datasets).groupby("source").head(80)
    monkeypatch.setattr(fast, "DATASETS", tmp_path)
    monkeypatch.setattr(evaluate, "REPLICATES", 5)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        train_fast(sets, tmp_path / folder)
    for name in ("fast.npz", "fast.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    card = json.loads((tmp_path / "a" / "fast.json").read_text())
    assert f"{card['sets'][0]['auc']:.3f}" in fast_card(card)
    assert sum(map(sum, card["errors"])) == 320


def test_an_estimator_that_learnt_nothing_says_so_and_a_missing_label_is_refused() -> None:
    with pytest.raises(NotFittedError):
        SentimentClassifier().predict(["late"])
    with pytest.raises(ValueError, match="a label is missing"):
        SentimentClassifier().fit(["a", "b", "c"], ["bad", "good", np.nan])
