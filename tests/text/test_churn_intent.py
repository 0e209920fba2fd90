"""Churn intent as seen from the brand asked about: minimal pairs, adverts, threats, and a set it never saw."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analytics.text.churn_intent import load_churn_intent_model, mark
from analytics.training.churn import fit_churn_intent, reading_lines, train_churn_intent, training_lines
from analytics.training.places import LINES
from analytics.training.real import MAY_TRAIN, load_labels, load_readings


def leaving(text: str, *brands: str) -> float:
    return float(load_churn_intent_model().predict_proba([text], brands=brands)[0])


@pytest.mark.parametrize(
    ("text", "left", "joined"),
    [
        ("Switch from Ardent to Belfry", "Ardent", "Belfry"),
        ("Bye bye Ardent, hello Belfry!", "Ardent", "Belfry"),
        ("My company is moving from @ardent to @belfry next quarter", "Ardent", "Belfry"),
        ("I'm done with Ardent and have opened an account at Belfry.", "Ardent", "Belfry"),
        ("ditching comcast for verizon", "Comcast", "Verizon"),
        ("To Belfry from Ardent, finally", "Ardent", "Belfry"),
    ],
)
def test_a_switch_flips_with_the_brand_asked_about(text: str, left: str, joined: str) -> None:
    assert leaving(text, left) > 0.5 > leaving(text, joined)


@pytest.mark.parametrize(
    ("leaves", "stays"),
    [
        ("I'm leaving Ardent", "I'm not leaving Ardent"),
        ("We will cancel our Ardent subscription", "We won't cancel our Ardent subscription"),
        ("I want to quit Ardent", "I don't want to quit Ardent"),
        ("I won't stay with Ardent", "I will stay with Ardent"),
        ("close my Ardent account", "please do not close my Ardent account"),
    ],
)
def test_negation_flips(leaves: str, stays: str) -> None:
    assert leaving(leaves, "Ardent") > 0.5 > leaving(stays, "Ardent")


@pytest.mark.parametrize(
    "advert",
    [
        "Join Belfry now and save £90 a year. Offer ends Sunday!",
        "Fed up with Ardent? Belfry gives you 3 months free. Click to switch.",
        "Paying Ardent too much? Compare and save up to 30% at Belfry #ad",
    ],
)
def test_a_competitors_advert_is_not_a_leaving_customer(advert: str) -> None:
    assert leaving(advert, "Ardent") < 0.5


def test_a_conditional_threat_counts_but_for_less_than_a_decision() -> None:
    threat = leaving("If this happens again I'm gone", "Ardent")
    assert 0.5 < threat < leaving("I have had enough, I'm leaving Ardent tomorrow", "Ardent")


def test_customers_who_have_left_count_and_those_who_came_from_elsewhere_do_not() -> None:
    assert leaving("I left Ardent last month", "Ardent") > 0.5
    assert leaving("I moved from Belfry to Ardent and I love it", "Ardent") < 0.5


@pytest.mark.parametrize(
    "text",
    [
        "Terrible service, I waited an hour and nobody apologised",
        "My flight was cancelled without warning",
        "Please cancel my order from Tuesday",
        "I left my umbrella in your shop",
        "Which one is cheaper, Ardent or Belfry?",
        "Excellent",
        "How do I change my password?",
    ],
)
def test_complaining_asking_or_praising_is_not_leaving(text: str) -> None:
    assert leaving(text, "Ardent") < 0.5


def test_a_text_that_names_nobody_speaks_to_these_brands() -> None:
    assert leaving("I'm leaving you", "Ardent") > 0.5
    assert leaving("I want to cancel my subscription") > 0.5
    assert leaving("leaving Belfry tomorrow", "Ardent") < 0.5


def test_any_of_several_brand_names_is_the_target_in_any_written_form() -> None:
    names = ("Ardent", "Ardent Mobile")
    for text in ("leaving #ardent", "I'm leaving Ardent Mobile", "LEAVING ARDENT", "@ArdentHelp I'm leaving"):
        assert leaving(text, *names) > 0.5, text


def test_the_name_of_the_brand_does_not_matter() -> None:
    for name in ("United", "Care", "Trust", "Best Buy", "Support", "Xqzt"):
        assert leaving(f"I'm switching from {name} to Belfry", name) == leaving(
            "I'm switching from Ardent to Belfry", "Ardent"
        )


def test_names_unknown_to_the_model_are_marked() -> None:
    assert mark("moving from zzyzx to Ardent's", ["ardent"]) == ["moving", "from", "xother", "to", "xtarget"]


def test_a_text_without_words_has_no_figure_and_no_texts_give_no_figures() -> None:
    assert np.isnan(leaving("", "Ardent"))
    assert load_churn_intent_model().predict_proba([], brands=["Ardent"]).shape == (0,)


def test_long_and_hostile_text_is_scored_quickly_and_within_bounds() -> None:
    texts = ["leaving " * 20_000, "😀" * 10_000 + " bye", "<b>" * 5_000 + "cancel", "(" * 20_000]
    scores = load_churn_intent_model().predict_proba(texts, brands=["Ardent", "(", "C++"])
    assert np.all(np.isnan(scores) | ((scores >= 0) & (scores <= 1)))


def test_the_lines_cover_ten_industries_and_both_sides_of_a_switch() -> None:
    lines = pd.read_csv(LINES / "churn_intent.csv")
    assert len(lines) >= 640
    assert lines["industry"].nunique() == 10
    assert not lines.duplicated(["text", "brand"]).any()
    assert lines[lines["case"] == "switch"].groupby("text")["churn"].agg(["min", "max"]).eq([0, 1]).all(axis=None)


def test_training_again_gives_the_shipped_model(tmp_path: Path, datasets: Path) -> None:
    again = train_churn_intent(tmp_path, datasets)
    shipped = load_churn_intent_model()
    texts = ["I'm off to Belfry", "lovely service", "cancel my plan"]
    np.testing.assert_allclose(again.predict_proba(texts), shipped.predict_proba(texts), atol=1e-3)


@pytest.mark.parametrize(
    "pair",
    [
        ("We won't be back, ever.", "They never called me back."),
        ("Please close my account today.", "The bank closed my account without a word."),
        ("I cancelled my membership.", "The seller cancelled my order."),
        ("I asked the bank to close my account.", "The insurer cancelled my policy."),
        ("Moved all our savings to another bank.", "I was moved to another ward."),
        ("Uninstalled it for good.", "I uninstalled it and installed it again, and it works."),
        ("I shop elsewhere now.", "I left a message and nobody rang."),
    ],
)
def test_the_customer_who_goes_is_told_from_what_others_end_return_or_move(pair: tuple[str, str]) -> None:
    leaves, stays = load_churn_intent_model().predict_proba(pair)
    assert leaves > 0.5 > stays


def test_leaving_is_told_on_sets_that_no_training_saw(datasets: Path) -> None:
    from sklearn.metrics import roc_auc_score

    read = load_readings(datasets)
    read = read[~read["set"].isin(MAY_TRAIN) & read["leaving"].ne("maybe")]
    scores = load_churn_intent_model().predict_proba(read["text"])
    leaves = read["leaving"].eq("1").to_numpy()
    assert roc_auc_score(leaves, np.nan_to_num(scores)) > 0.88
    assert np.mean(scores[~leaves] > 0.5) < 0.04  # of those who stay; 5 % before real texts were learnt from


def test_only_sets_whose_licence_allows_it_are_learnt_from(datasets: Path) -> None:
    lines = reading_lines(datasets)
    assert set(lines["set"]) == {"amazon", "cfpb", "nhs", "uci"} and len(lines) > 1_400
    candidates = load_labels(datasets).query("drawn == 'leaving candidate'")
    assert len(candidates) >= 600


def evaluation(datasets: Path) -> pd.DataFrame:
    frame = pd.read_csv(datasets / "churn-intent" / "en_chatbot.csv")
    known = frame["brand"].notna() & (frame["brand"] != "no_brand")
    return frame.assign(
        names=[[brand] if is_known else [] for brand, is_known in zip(frame["brand"], known, strict=True)]
    )


def f1(truth: pd.Series, predicted: np.ndarray) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(truth, predicted))


def test_the_shipped_model_beats_keywords_and_sentiment_on_lines_it_never_saw(datasets: Path) -> None:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    frame, model = evaluation(datasets), load_churn_intent_model()
    pairs = zip(frame["text"], frame["names"], strict=True)
    scores = np.array([model.predict_proba([text], brands=names)[0] for text, names in pairs])
    keywords = frame["text"].str.contains(r"\b(?:leav|quit|cancel|terminat|switch|chang|mov|bye|goodbye)", case=False)
    vader = SentimentIntensityAnalyzer()
    negative = np.array([vader.polarity_scores(text)["compound"] < -0.05 for text in frame["text"]])
    assert f1(frame["churn"], scores > 0.5) >= 0.79
    assert f1(frame["churn"], scores > 0.5) > f1(frame["churn"], keywords) > f1(frame["churn"], negative)


def test_the_same_pipeline_learns_a_labelled_set_with_folds_grouped_by_text(datasets: Path) -> None:
    from sklearn.model_selection import GroupKFold

    frame = evaluation(datasets)
    groups, scores = pd.factorize(frame["text"].str.lower())[0], np.empty(len(frame))
    for train, test in GroupKFold(5).split(frame, groups=groups):
        learnt = frame.iloc[train]
        model, _ = fit_churn_intent(learnt["text"], list(learnt["names"]), learnt["churn"])
        for row in test:
            scores[row] = model.predict_proba([frame["text"].iloc[row]], brands=frame["names"].iloc[row])[0]
    assert f1(frame["churn"], scores > 0.5) >= 0.79


def test_industries_left_out_of_training_are_still_ranked() -> None:
    from sklearn.metrics import roc_auc_score

    lines = pd.read_csv(LINES / "churn_intent.csv", keep_default_na=False)
    unseen = lines["industry"].isin(["bank", "gym", "airline"])
    learnt, held_out = lines[~unseen], lines[unseen]
    model, _ = fit_churn_intent(learnt["text"], [[brand] for brand in learnt["brand"]], learnt["churn"])
    pairs = zip(held_out["text"], held_out["brand"], strict=True)
    scores = [model.predict_proba([text], brands=[brand])[0] for text, brand in pairs]
    assert roc_auc_score(held_out["churn"], scores) > 0.8


def test_remarks_that_stay_are_rarely_taken_for_leaving_and_the_errors_say_how_often() -> None:
    remarks = training_lines().query("case == 'remark'")
    (kept, wrong), (missed, found) = load_churn_intent_model().errors
    assert kept + wrong + missed + found == len(remarks) and missed + found == remarks["churn"].sum()
    assert wrong / (kept + wrong) <= 0.05
    assert found / (missed + found) >= 0.35
