"""Themes, what is said about them, complaints and promises, on sentences the heads were not fitted on."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analytics.text.clean import normalise
from analytics.text.comments import complained_about
from analytics.text.encoder import Encoder
from analytics.text.linear import MODELS
from analytics.text.themes import (
    THEMES,
    ThemeTag,
    is_complaint,
    load_heads,
    promise_kind_normalised,
    read_texts,
    split_clauses,
    tag_themes,
    theme_errors,
)
from analytics.training.heads import NHS, f1_of, kind_lines, read_problems, theme_lines

# theme, a sentence that blames, a sentence that praises; none is in data/themes.csv
SENTENCES = {
    "waiting": ("We queued for ninety minutes to hand back the car.", "My call was answered within seconds."),
    "unresolved": ("Three visits and the dishwasher is still broken.", "They fixed the fault for good."),
    "repeat_contact": (
        "I have called five times about this and explain it again every time.",
        "It was sorted in one call.",
    ),
    "transferred": (
        "I was transferred to four departments and each sent me to another.",
        "One person handled my case from start to finish.",
    ),
    "policy_over_customer": (
        "They refused because of some rule in the small print.",
        "No red tape, they were flexible about the rules.",
    ),
    "empowered_staff": (
        "The agent said there was nothing she could do, she was not authorised.",
        "He made an exception for us on the spot.",
    ),
    "no_human": (
        "I cannot reach a human, only a chatbot and menus.",
        "A real person picked up the phone.",
    ),
    "system_failure": ("The app crashes whenever I log in.", "The website works perfectly and never crashes."),
    "kept_informed": ("Nobody told us why or when, we got no updates.", "They kept us informed at every stage."),
    "courtesy": ("The receptionist was rude to my wife.", "Everyone was polite and friendly."),
    "competence": (
        "The adviser had no idea and gave me the wrong information.",
        "The technician was very knowledgeable and professional.",
    ),
    "promise_broken": ("They promised to call me back and never did.", "They did exactly what they promised."),
    "billing_price": ("I was overcharged and my bill is wrong.", "Fair price and great value for money."),
    "product_delivery": ("The parcel arrived late and the lamp was broken.", "The food was delicious."),
    "loyal_unfair": (
        "New customers pay less than those of us who have been loyal for years.",
        "They rewarded me for being a loyal customer for ten years.",
    ),
    "unwanted_selling": (
        "They keep ringing to sell me upgrades I do not want.",
        "No hard sell and no pressure to buy.",
    ),
}


def names(text: str, model: str = "accurate") -> list[str]:
    return [str(tag) for tag in tag_themes([text], model=model)[0]]


def test_the_list_of_themes_is_closed_and_every_theme_has_lines_for_and_against() -> None:
    lines = theme_lines()
    assert tuple(SENTENCES) == THEMES
    for theme in THEMES:
        named = lines[lines[theme] == 1]
        assert len(named) >= 32
        assert (named["positive"] == 1).sum() >= 8 and (named["negative"] == 1).sum() >= 15, theme
    assert len(lines) >= 670 and (lines[list(THEMES)].sum(axis=1) == 0).sum() >= 140
    assert len(kind_lines()) >= 300


@pytest.mark.parametrize("model", ["accurate", "fast"])
def test_themes_are_found_in_blame_and_in_praise(model: str) -> None:
    lines = set(theme_lines()["text"])
    texts = [text for pair in SENTENCES.values() for text in pair]
    assert lines.isdisjoint(texts)
    tags = tag_themes(texts, model=model)
    wanted = [theme for theme in THEMES for _ in range(2)]
    assert np.mean([theme in found for theme, found in zip(wanted, tags, strict=True)]) >= 0.85


def test_what_is_said_about_a_theme_follows_the_sentence() -> None:
    right = []
    for theme, pair in SENTENCES.items():
        for tags, polarity in zip(tag_themes(pair, model="accurate"), ("negative", "positive"), strict=True):
            right += [tag.polarity == polarity for tag in tags if tag == theme]
    assert np.mean(right) >= 0.85


def test_each_clause_speaks_for_its_own_theme() -> None:
    tags = {
        str(tag): tag.polarity
        for tag in tag_themes(["The nurses were kind and friendly, but I waited four hours."], model="accurate")[0]
    }
    assert tags["courtesy"] == "positive"
    assert tags["waiting"] == "negative"


@pytest.mark.parametrize("model", ["accurate", "fast"])
@pytest.mark.parametrize("text", ["", "Excellent", "ok", "rubbish", "I was there in May", "😀😀"])
def test_texts_that_name_nothing_have_no_tags(text: str, model: str) -> None:
    assert names(text, model) == []


def test_a_tag_is_its_themes_name_with_polarity_and_probability() -> None:
    tag = tag_themes(["I was on hold for an hour"], model="accurate")[0][0]
    assert tag == "waiting" and isinstance(tag, ThemeTag) and tag.theme == "waiting"
    assert tag.polarity == "negative" and 0.5 < tag.probability <= 1


def test_a_texts_tags_do_not_depend_on_the_texts_beside_it() -> None:
    text = "Rude driver. The parcel was wet, and nobody replied to my e-mails."
    alone = tag_themes([text], model="accurate")[0]
    beside = tag_themes(["Hello", text, "x" * 500], model="accurate")[1]
    assert [str(tag) for tag in alone] == [str(tag) for tag in beside]


def test_no_texts_give_no_tags() -> None:
    assert tag_themes([]) == [] and promise_kind_normalised([]) == [] and is_complaint([]).shape == (0,)


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(ValueError, match="no model of themes called 'quick'. Expected 'auto', 'accurate' or 'fast'"):
        tag_themes(["hello"], model="quick")  # type: ignore[arg-type]


def test_complaints_ask_for_something_and_mere_negativity_does_not() -> None:
    grievances = [
        "I was billed twice in April and would like the second payment returned.",
        "The tap in our room dripped all night and reception did nothing about it.",
        "Although I understand you are busy, my letter of 2 May has not been answered.",
        "The handle came off after two days, please replace it.",
    ]
    others = ["Horrible.", "I don't like this brand.", "Lovely breakfast and kind staff.", "What time do you open?"]
    assert is_complaint(grievances, model="accurate").min() > is_complaint(others, model="accurate").max()


def test_a_broken_promise_is_told_from_what_was_never_offered() -> None:
    broken = [
        "You said the refund would be here by Monday and it is Thursday.",
        "I was promised free delivery and charged for it.",
        "They guaranteed a sea view and we faced the car park.",
    ]
    wished = [
        "I wish you had a vegetarian menu.",
        "It would be nice to have a pool.",
        "You should add a night bus option.",
    ]
    plain = ["Thank you for your help.", "The soup was cold.", "How do I reset my password?"]
    assert promise_kind_normalised(broken, model="accurate") == ["promise_broken"] * 3
    assert promise_kind_normalised(wished, model="accurate") == ["not_offered"] * 3
    assert promise_kind_normalised(plain, model="accurate") == [""] * 3


@pytest.mark.parametrize(
    ("text", "theme", "other"),
    [
        ("The installation was two weeks late.", "waiting", "system_failure"),
        ("They said the fitter would come on Monday and nobody came.", "promise_broken", "billing_price"),
        ("The man at the desk was very rude.", "courtesy", "competence"),
        ("Please refund my order.", "", "billing_price"),
        ("I have been a customer for fifteen years.", "", "loyal_unfair"),
    ],
)
def test_problems_are_told_apart_as_readers_tell_them(text: str, theme: str, other: str) -> None:
    problems = complained_about(tag_themes([text], model="accurate")[0])
    assert other not in problems
    assert not theme or theme in problems


def test_themes_are_found_on_sets_that_no_head_learnt_from(datasets: Path) -> None:
    problems = read_problems(load_heads(), "fast", datasets)
    unseen = problems[problems["set"].isin({"bank-app", "csat", "ijcnlp"})]
    assert f1_of(unseen, load_heads().card["fast"]["cut"]) > 0.5


def test_clauses_are_cut_at_sentences_and_at_but() -> None:
    assert split_clauses("Good food. Slow, though.") == ["Good food.", "Slow, though."]
    assert split_clauses("Great crew but late") == ["Great crew", "late"]
    readings, owner = read_texts(["a b. c d", "e"])
    assert readings == ["a b.", "c d", "a b. c d", "e"]
    assert owner.tolist() == [0, 0, 0, 1]


def test_the_heads_were_fitted_on_the_encoder_that_ships() -> None:
    assert load_heads().card["encoder"] == Encoder.load().version


@pytest.mark.parametrize("model", ["accurate", "fast"])
def test_held_out_figures_are_stored_for_every_theme(model: str) -> None:
    card = json.loads((MODELS / "themes.json").read_text(encoding="utf-8"))[model]
    for figure in ("errors", "auc", "f1"):
        assert set(THEMES) <= set(card[figure]), figure
    for theme in THEMES:
        counts = theme_errors(theme, model)
        assert counts.sum() == len(theme_lines()) and counts[1].sum() == theme_lines()[theme].sum()
        assert counts[1, 1] / counts[1].sum() > counts[0, 1] / counts[0].sum()  # else a share cannot be corrected
    assert np.mean(list(card["auc"].values())) > 0.8


def test_long_and_hostile_texts_are_read_in_bounded_time() -> None:
    texts = ["waited " * 8_000, "<script>alert(1)</script>" * 200, "😡" * 10_000, "((((" * 5_000]
    assert len(tag_themes(texts, model="fast")) == 4


def test_complaints_are_told_from_comments_in_feedback_never_trained_on(datasets: Path) -> None:
    from sklearn.metrics import roc_auc_score

    frame = pd.read_csv(datasets / "ijcnlp-feedback" / "en.csv")
    frame = frame[frame["tag"] != "undetermined"].sample(900, random_state=0)
    truth = frame["tag"].str.contains("complaint")
    fitted_on_the_set_itself = 0.837  # TF-IDF and logistic regression, folds grouped by text
    assert roc_auc_score(truth, is_complaint(frame["text"], model="accurate")) > fitted_on_the_set_itself
    assert roc_auc_score(truth, is_complaint(frame["text"], model="fast")) > 0.77


def test_mapped_nhs_themes_are_ranked_on_folds_not_trained_on(datasets: Path) -> None:
    assert (datasets / "nhs-feedback" / "phase1_trusts.csv").is_file()
    for model in ("accurate", "fast"):
        found = load_heads().card[model]["nhs"]
        auc = [figures["auc"] for figures in found.values()]
        assert set(found) == set(NHS) and min(auc) > 0.75 and np.mean(auc) > 0.85


def test_texts_are_normalised_before_they_are_read() -> None:
    text = "<p>I was on hold&nbsp;for an hour</p>"
    assert names(text) == names(normalise(text)) != []
