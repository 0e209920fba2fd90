import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from analytics.text.accurate import FAST_SHARE, AccurateModel, blend
from analytics.text.clean import mask_brands
from analytics.text.linear import MODELS, PROBABILITIES, softmax
from analytics.training.evaluate import load_zero_shot_sets, polarity, vader_score
from analytics.training.fast import JUDGED_SETS

# Complaints without a word of sentiment, none of them in the training file.
IDIOMS = """I am still without hot water after three visits.
It took four calls to reach somebody.
The courier says he rang the bell. I was at home all day.
I was put through to a voicemail box that is full.
Two months later the credit has not appeared.
Nobody replied to my e-mail of the 9th.
My order has been 'preparing' since Easter.
They told me to wait in all day and then did not come.
I have now written to you six times.
The lights on the modem have been red since Monday.
You have taken the payment but the ticket never arrived.
I had to repeat my story to every person who picked up.
Sat in the corridor from seven until one.
The gate was changed and no one said a word.
Your colleague said yes, you say no.
The form wants a number that is not on the card.
We had booked a cot. There was no cot.
It froze halfway through the transfer.
Every time I ask I get a different date.
I was told this was included.
The part was ordered in January and it is May.
My mother was discharged without her medication.
They cut me off before I could finish.
Paid for next day delivery, came the week after.
The letter went to my old address again.
I can't get past the robot on the phone line.
They want a fee to correct their own error.
You have put my price up twice this year.
The wardrobe came with one door.
The bus was full and went past us again.
I asked for a call back and I am asking again.
Three engineers, three opinions, no broadband.
I have to drive to another town to pay in a cheque now.
The branch shut at three although the door says five.
I have been sent from desk to desk all morning.
They closed the complaint and never told me.""".splitlines()


@pytest.fixture(scope="module")
def model():
    return AccurateModel.load()


def test_probabilities_sum_to_one_in_the_order_of_the_classes(model):
    found = model.predict_proba(["Rubbish service, never again", "I paid the bill on the third of May.", "Superb!"])
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert model.classes_.tolist() == ["negative", "neutral", "positive"]
    assert found.argmax(axis=1).tolist() == [0, 1, 2]


def test_probes_that_a_lexicon_gets_wrong_come_out_right(model):
    probes = [
        "You promised a callback by Friday. It is Tuesday.",
        "Great, another hour on hold. Thanks for nothing.",
        "waiting three weeks, nobody called back",
    ]
    assert (vader_score(probes) >= 0).all()  # the baseline calls none of them negative
    assert model.predict(probes).tolist() == ["negative"] * 3


def test_complaints_without_sentiment_words_are_heard(model):
    assert (model.predict(IDIOMS) == "negative").mean() >= 0.8


def test_negation_flips_the_sign(model):
    pairs = [
        ("The staff were helpful", "The staff were not helpful"),
        ("I would recommend them", "I would not recommend them"),
        ("The new app is easy to use", "The new app isn't easy to use"),
        ("My issue was resolved", "My issue was never resolved"),
    ]
    score = polarity(model)
    for plain, negated in pairs:
        high, low = score(pd.Series([plain, negated]))
        assert high > 0 > low, (plain, negated)
    assert score(pd.Series(["I have no complaints at all"]))[0] > 0


def test_the_brand_never_changes_the_label(model):
    brands = ["United", "Care", "Trust", "Best Buy", "Support"]
    texts = [f"{{}}: {text}" for text in IDIOMS[:20]] + [f"{text} That is {{}} for you." for text in IDIOMS[20:]]
    reference = model.predict([mask_brands(text.format("Zenda"), ["Zenda"]) for text in texts])
    for brand in brands:
        swapped = model.predict([mask_brands(text.format(brand), [brand]) for text in texts])
        assert (swapped == reference).mean() >= 0.99


def test_a_long_text_is_read_to_its_end(model):
    start = "I opened the account in May and chose the monthly plan with the paper statement. " * 12
    end = "It was a terrible experience, they were rude and I will never come back. " * 12
    assert polarity(model)(pd.Series([start + end]))[0] < polarity(model)(pd.Series([start]))[0] - 0.3


def test_the_errors_are_counts_of_held_out_texts_by_true_and_predicted_class(model):
    assert model.errors.shape == (3, 3) and (model.errors >= 0).all()
    assert model.errors.sum(axis=1).min() >= 100  # enough of every class to invert
    assert np.diag(model.errors).sum() / model.errors.sum() > 0.7
    assert model.card["calibration_error"] <= 0.06


def test_a_head_fitted_on_another_encoder_is_refused(tmp_path):
    for path in MODELS.iterdir():
        if path.name.startswith(("accurate", "encoder")):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with (tmp_path / "encoder.onnx").open("ab") as graph:
        graph.write(b"\0")
    with pytest.raises(ValueError, match="was fitted on encoder .* Run `make train` to write both together"):
        AccurateModel.load(tmp_path)


def test_it_beats_vader_on_organisations_it_never_saw(model, datasets):
    gains = {}
    for name, data in load_zero_shot_sets(datasets).items():
        sample = data.sample(800, random_state=0)
        auc = [roc_auc_score(sample["label"], score(sample["text"])) for score in (polarity(model), vader_score)]
        gains[name] = auc[0] - auc[1]
    assert min(gains.values()) > 0, gains
    assert np.mean(list(gains.values())) > 0.05, gains


def test_the_blend_lies_between_the_encoder_and_the_fast_model(model):
    texts = ["The queue was long but the nurse was kind"]
    encoder = softmax(model.head.scores(model.encoder.embed(texts)))
    fast = model.fast.predict_proba(texts)
    blended = blend(encoder, fast)
    odds = [np.log(p[0, 2] / p[0, 0]) for p in (encoder, blended, fast)]
    assert min(odds[0], odds[2]) <= odds[1] <= max(odds[0], odds[2])
    assert odds[1] == pytest.approx((1 - FAST_SHARE) * odds[0] + FAST_SHARE * odds[2], abs=1e-3)
    np.testing.assert_allclose(model.predict_proba(texts), blended, atol=1e-9)


def test_errors_are_of_whole_sets_that_trained_nothing(model):
    rows = pd.DataFrame(model.card["unseen"])
    ours = rows[rows["model"] == "accurate"].set_index("set")
    assert set(ours.index) == set(JUDGED_SETS)
    polar = model.errors[[0, 2]].sum()
    assert polar == ours["n"].sum()  # every polar text of the four sets, once
    assert (ours["auc"] > rows[rows["model"] == "fast"].set_index("set")["auc"]).all()
    assert model.card["calibration_error"] <= 0.06


def test_no_texts_give_no_probabilities(model):
    assert model.predict_proba([]).shape == (0, 3)


def test_the_shift_makes_praise_and_blame_err_alike():
    from analytics.training.finetune import even_shift, shifted

    rng = np.random.default_rng(0)
    label = np.array(["negative", "positive"])[(rng.random(4000) < 0.7).astype(int)]
    odds = np.where(label == "positive", 1.0, -1.0) + rng.normal(size=4000) - 0.8  # leans to blame by .8
    positive = 0.9 / (1 + np.exp(-odds))
    probabilities = np.column_stack([0.9 - positive, np.full(4000, 0.1), positive])
    unseen = pd.DataFrame(probabilities, columns=PROBABILITIES).assign(label=label, source=rng.choice(["a", "b"], 4000))
    by = even_shift(unseen)
    assert by == pytest.approx(0.8, abs=0.15)
    moved = shifted(probabilities, by)
    right = pd.Series((moved[:, 2] > moved[:, 0]) == (label == "positive")).groupby(label).mean()
    assert right["negative"] == pytest.approx(right["positive"], abs=0.02)
    np.testing.assert_allclose(moved.sum(axis=1), 1)
    np.testing.assert_allclose(np.log(moved[:, 2] / moved[:, 0]), odds + by, atol=1e-6)
