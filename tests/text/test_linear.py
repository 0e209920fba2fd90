"""What the linear heads share: classes never seen, files without pickle, and texts that are normalised once."""

import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import score_texts
from analytics.text import scored
from analytics.text.churn_intent import load_churn_intent_model
from analytics.text.clean import data_text, mask_brands, normalise
from analytics.text.linear import fit_classes, read_arrays, softmax, split_folds, write_arrays
from analytics.text.sentiment import load_sentiment_model
from analytics.text.themes import tag_themes, tag_themes_normalised
from analytics.training.files import digest

ESCAPED = [
    "It&rsquo;s &amp;#39;fine&amp;#39; &#128077;",
    "<p>You promised a refund &amp; it never came</p>",
    "@acme bye",
]


@pytest.mark.parametrize("present", [[1], [0, 2], [0, 1, 2]])
def test_a_class_that_was_never_seen_has_probability_nought(present):
    rng = np.random.default_rng(0)
    codes = rng.choice(present, 200)
    head = fit_classes(rng.normal(size=(200, 4)) + codes[:, None], codes, 3)
    probabilities = softmax(head.scores(rng.normal(size=(50, 4))))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert sorted(set(np.flatnonzero(probabilities.any(axis=0)))) == present


def test_folds_keep_groups_together_and_test_every_row_once():
    rng = np.random.default_rng(1)
    codes, groups = rng.integers(3, size=300), rng.integers(60, size=300)
    tested = np.zeros(300, int)
    for train, test in split_folds(codes, groups):
        assert not set(groups[train]) & set(groups[test])
        tested[test] += 1
    assert (tested == 1).all()


def test_arrays_and_names_come_back_as_they_were_written(tmp_path):
    arrays = {"weights": np.arange(6, dtype=np.float16).reshape(2, 3), "names": ["naïve", "so so", "£"]}
    write_arrays(tmp_path / "head.npz", arrays)
    again = read_arrays(tmp_path / "head.npz")
    assert again["names"] == arrays["names"]
    np.testing.assert_array_equal(again["weights"], arrays["weights"])
    numbers = {"weights": arrays["weights"]}
    assert digest(numbers) != digest({"weights": arrays["weights"] + 1})


@given(st.text(alphabet="ab<>&;amp#39lt @:/()'👍\u200b\n“", max_size=40).filter(lambda text: text.count("&") < 2))
def test_what_is_normalised_stays_as_it_is(text):
    once = normalise(text)
    if "<" not in once and "&" not in once:
        assert normalise(once) == once


@pytest.mark.parametrize("text", ESCAPED)
def test_text_that_was_escaped_twice_reads_as_it_was_meant(text):
    assert normalise(normalise(text)) == normalise(text)
    assert "&#" not in normalise(text) and ";" not in normalise(text)


def test_inner_forms_read_normalised_texts_as_the_public_ones_read_raw_texts():
    plain = [normalise(text) for text in ESCAPED]
    model, churn = load_sentiment_model("fast"), load_churn_intent_model()
    masked = [mask_brands(text, ()) for text in plain]
    np.testing.assert_array_equal(model.predict_proba(ESCAPED), model.predict_proba_normalised(masked))
    np.testing.assert_array_equal(
        churn.predict_proba(ESCAPED, brands=["Acme"]), churn.predict_proba_normalised(plain, brands=["Acme"])
    )
    assert tag_themes(ESCAPED, model="fast") == tag_themes_normalised(plain, model="fast")


@pytest.mark.parametrize("model", ["fast", "accurate"])
def test_scoring_normalises_each_text_once(model, monkeypatch):
    read = []

    def counting(text):
        read.append(text)
        return normalise(text)

    rooms = ("accurate", "adapt", "churn_intent", "clean", "encoder", "fast", "sentiment", "themes")
    for module in (scored, *(sys.modules[f"analytics.text.{room}"] for room in rooms)):
        if hasattr(module, "normalise"):
            monkeypatch.setattr(module, "normalise", counting)
    texts = ["Waited an hour, but the nurse was kind.", "I am leaving Acme", "never again"]
    score_texts([*texts, texts[0]], brands=["Acme"], model=model)
    assert sorted(read) == sorted(texts)


def test_the_lexicon_is_vaders_own_and_reading_texts_needs_neither_its_package_nor_training():
    assert data_text("vader_lexicon.txt") == (files("vaderSentiment") / "vader_lexicon.txt").read_text(encoding="utf-8")
    assert "MIT License" in data_text("vader_lexicon_LICENSE.txt")
    code = (
        "import sys\nfrom analytics import score_texts\nscore_texts(['slow', 'kind'], model='fast')\n"
        "sys.exit(any(name.startswith(('vaderSentiment', 'analytics.training')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
