from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analytics.text.adapt import AdaptationRefused, rate_sentiment, try_scores
from analytics.text.linear import CLASSES, PROBABILITIES, softmax
from analytics.text.scored import score_texts
from analytics.text.sentiment import load_sentiment_model

# An organisation whose customers praise with words the shipped models have never seen as praise.
PRAISE = ["The splork was on full beam", "Proper splorky visit", "Total splork from the desk", "They splorked it"]
BLAME = ["The grunkle came out", "Pure grunkle at the counter", "Grunkled again on Monday", "All grunkle today"]


def fast():
    return load_sentiment_model("fast")


def _rated(n: int) -> tuple[list[str], list[float]]:
    rng = np.random.default_rng(0)
    texts, ratings = [], []
    for i in range(n):
        good = rng.random() < 0.6
        texts.append(f"{rng.choice(PRAISE if good else BLAME)}, visit {i}")
        ratings.append(float(rng.choice([4, 5] if good else [1, 2])))
    return texts, ratings


def test_scales_are_read_as_their_makers_define_them() -> None:
    assert rate_sentiment([1, 2, 3, 4, 5]).tolist() == ["negative"] * 2 + ["neutral"] + ["positive"] * 2
    assert rate_sentiment(range(11)).tolist() == ["negative"] * 7 + ["neutral"] * 2 + ["positive"] * 2
    assert rate_sentiment([1, 4, 7]).tolist() == ["negative", "neutral", "positive"]
    assert rate_sentiment([1, 4, 5], scale="nps").tolist() == ["negative"] * 3
    assert rate_sentiment([None, 5]).tolist() == ["", "positive"]
    with pytest.raises(ValueError, match="2 ratings lie outside the csat scale 1-5, the first is 6"):
        rate_sentiment([6, 3, 9], scale="csat")
    with pytest.raises(ValueError, match="scale 'stars' is not known"):
        rate_sentiment([1], scale="stars")


def test_the_organisations_own_words_are_learnt() -> None:
    texts, ratings = _rated(200)
    shipped = fast()
    adapted = shipped.adapt(texts, ratings)
    assert adapted.predict(["What a splork", "What a grunkle"]).tolist() == ["positive", "negative"]
    assert adapted.card["log_loss"]["adapted"] < adapted.card["log_loss"]["shipped"]
    assert adapted.errors.sum() == 200
    np.testing.assert_allclose(adapted.predict_proba(["", "splork"]).sum(axis=1), 1)
    assert adapted.predict_proba([]).shape == (0, 3)


def test_score_texts_says_that_the_adapted_model_spoke() -> None:
    adapted = fast().adapt(*_rated(200))
    scores = score_texts(["What a splork"], model=adapted)
    assert scores["sentiment"].tolist() == ["positive"]
    assert scores["model"].iloc[0] == f"{load_sentiment_model('fast').version}+adapted-{adapted.version[-8:]}"


def test_ratings_that_do_not_follow_the_text_are_refused() -> None:
    texts, ratings = _rated(200)
    shuffled = np.random.default_rng(1).permutation(ratings)
    with pytest.raises(AdaptationRefused, match="does not clearly beat giving every comment the shares of the ratings"):
        fast().adapt(texts, shuffled)


def test_copies_of_one_text_or_one_customer_teach_nothing_by_heart() -> None:
    rng = np.random.default_rng(2)
    ratings = np.repeat(rng.choice([1.0, 5.0], 40), 5)
    copies = np.repeat([f"my ticket is zq{i}x and it is open" for i in range(40)], 5)
    with pytest.raises(AdaptationRefused, match="does not clearly beat"):
        fast().adapt(copies, ratings)
    marked = [f"my ticket is zq{i // 5}x and the number is {i}" for i in range(200)]
    with pytest.raises(AdaptationRefused, match="does not clearly beat"):
        fast().adapt(marked, ratings, groups=np.repeat(np.arange(40), 5))


def test_too_few_comments_are_refused_with_the_number() -> None:
    with pytest.raises(AdaptationRefused, match="49 rated comments that can be read: at least 50 are needed"):
        fast().adapt(*_rated(49))
    texts, _ = _rated(80)
    with pytest.raises(AdaptationRefused, match="0 negative comments: at least 10 are needed"):
        fast().adapt(texts, [5.0] * 80)
    with pytest.raises(AdaptationRefused, match="0 rated comments"):
        fast().adapt(["Das ist nicht gut und sehr teuer"] * 80, [1.0, 5.0] * 40)
    with pytest.raises(ValueError, match="2 texts but 1 ratings"):
        fast().adapt(["a", "b"], [1])


def test_the_accurate_model_learns_real_stars_from_a_few_hundred_reviews(datasets: Path) -> None:
    reviews = (
        pd.read_csv(datasets / "bank-app-reviews" / "reviews.csv").dropna(subset=["review"]).sample(500, random_state=0)
    )
    adapted = load_sentiment_model("accurate").adapt(reviews["review"], reviews["rating"])
    assert adapted.card["log_loss"]["adapted"] < adapted.card["log_loss"]["shipped"]
    assert adapted.version.startswith("accurate-")


def test_random_tickets_teach_nothing(datasets: Path) -> None:
    tickets = (
        pd.read_csv(datasets / "controls" / "support_tickets.csv")
        .dropna(subset=["Customer Satisfaction Rating"])
        .head(400)
    )
    with pytest.raises(AdaptationRefused):
        fast().adapt(tickets["Ticket Description"], tickets["Customer Satisfaction Rating"])


def _organisation(seed: int, n: int = 300, shift: float = 0.0) -> tuple[pd.DataFrame, pd.Series]:
    """Comments, the moods they are written in, and a model that takes them for better than they are by `shift`."""
    rng = np.random.default_rng(seed)
    mood = rng.choice(3, n, p=[0.4, 0.2, 0.4])
    odds = 3.0 * np.eye(3)[mood] + rng.normal(0, 1, (n, 3)) + [0, 0, shift]
    comments = pd.DataFrame(softmax(odds), columns=PROBABILITIES, index=range(1000, 1000 + n))
    comments["customer_id"] = [f"c{i // 2}" if i % 3 else None for i in range(n)]
    comments["text"] = [f"text {i}" for i in range(n)]
    return comments, pd.Series(np.array(CLASSES)[mood], comments.index)


def _scores(moods: pd.Series) -> pd.Series:
    return moods.map({"negative": 1.0, "neutral": 3.0, "positive": 5.0})


def test_scores_that_have_nothing_to_do_with_the_words_are_told_apart() -> None:
    better = []
    for seed in range(40):
        comments, moods = _organisation(seed)
        shuffled = pd.Series(np.random.default_rng(seed).permutation(_scores(moods)), comments.index)
        better.append(try_scores(comments, shuffled, "csat", moods[:100]).better)
    assert np.mean(better) <= 0.05


@pytest.mark.parametrize("seed", range(3))
def test_scores_set_the_mood_where_readers_agree_with_what_they_teach(seed: int) -> None:
    comments, moods = _organisation(seed, shift=2.0)
    trial = try_scores(comments, _scores(moods).mask(np.arange(300) % 4 == 0), "csat", moods[:120])
    assert (trial.scored, trial.read, trial.better, trial.speaks) == (225, 120, True, True)
    assert trial.agreeing > trial.shipped_agreeing + 5
    right = np.array(CLASSES)[trial.probabilities(comments).argmax(axis=1)] == moods
    assert right.mean() > (comments[PROBABILITIES].to_numpy().argmax(axis=1) == moods.map(CLASSES.index)).mean() + 0.05


@pytest.mark.parametrize("seed", range(3))
def test_scores_that_are_not_the_mood_of_the_words_do_not_set_it(seed: int) -> None:
    comments, moods = _organisation(seed)
    kind = moods.map({"negative": 3.0, "neutral": 5.0, "positive": 5.0})  # nobody here gives less than 3
    harsh = kind.mask(moods.eq("negative") & (np.arange(300) % 3 == 0), 1.0)
    trial = try_scores(comments, harsh, "csat", moods[:120])
    assert trial.better and trial.agreeing < trial.shipped_agreeing and not trial.speaks
    assert not try_scores(comments, harsh, "csat", moods[:0]).speaks  # nor where nobody has read


def test_nobody_s_own_score_sets_the_mood_of_their_words() -> None:
    comments, moods = _organisation(0, shift=2.0)
    scores = _scores(moods)
    own = comments["customer_id"].eq("c5")
    changed = scores.mask(own, 6 - scores)
    before, after = (try_scores(comments, each, "csat", moods).probabilities(comments) for each in (scores, changed))
    np.testing.assert_array_equal(before[own], after[own])
    assert np.abs(before - after).max() > 0
    turned = try_scores(comments[::-1], scores[::-1], "csat", moods).probabilities(comments)
    np.testing.assert_allclose(turned, before, atol=1e-3)  # whatever the order of rows
    with pytest.raises(AdaptationRefused, match="49 rated comments"):
        try_scores(comments, scores.where(np.arange(300) < 49), "csat", moods)
