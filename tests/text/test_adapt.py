from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analytics.text.adapt import AdaptationRefused, rate_sentiment
from analytics.text.scored import score_texts
from analytics.text.sentiment import accurate_is_at_hand, load_sentiment_model

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


@pytest.mark.skipif(not accurate_is_at_hand(), reason="the accurate model is not trained")
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
