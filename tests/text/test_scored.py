import hashlib
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analytics.text import scored
from analytics.text.pages import Pages
from analytics.text.scored import COLUMNS, Reader, score_texts
from analytics.text.sentiment import load_sentiment_model
from analytics.text.themes import promise_kind_normalised
from analytics.training.evaluate import vader_score

HERE = Path(__file__).parent
SWAPPED = ("United", "Care", "Trust", "Best Buy", "Support")
SHIPPED = ["fast", "accurate"]


class Counting:
    """The fast model, and how many texts it was asked about."""

    def __init__(self) -> None:
        self.model, self.asked = load_sentiment_model("fast"), 0
        self.version, self.classes_ = "fast-counting", self.model.classes_

    def predict_proba(self, texts: Iterable[str]) -> np.ndarray:
        texts = list(texts)
        self.asked += len(texts)
        return self.model.predict_proba(texts)


def test_scores_keep_the_index_and_abstain_with_a_reason() -> None:
    texts = pd.Series(
        ["Excellent", "", None, "<br>", "...", "Ik wacht al drie weken op antwoord"], index=list("abcdef")
    )
    scores = score_texts(texts, model="fast")
    assert scores.index.tolist() == list("abcdef")
    assert scores.columns.tolist() == COLUMNS
    assert scores["sentiment"].tolist() == ["positive"] + ["unknown"] * 5
    assert scores["reason"].tolist() == ["", "empty", "empty", "markup only", "no words", "another language"]
    assert scores.loc["b":, ["valence", "p_negative", "p_neutral", "p_positive", "churn_intent"]].isna().all(axis=None)
    assert scores.loc["b":, "themes"].map(len).sum() == 0
    assert scores["model"].str.startswith("fast-").all()


def test_valence_is_the_gap_of_the_two_probabilities() -> None:
    scores = score_texts(["rubbish", "so helpful", "the third of May"], model="fast")
    assert scores["valence"].tolist() == pytest.approx((scores["p_positive"] - scores["p_negative"]).tolist())
    assert scores[["p_negative", "p_neutral", "p_positive"]].sum(axis=1).tolist() == pytest.approx([1] * 3)
    assert scores["valence"].between(-1, 1).all()


def test_no_texts_give_an_empty_frame_with_the_same_columns() -> None:
    assert score_texts([], model="fast").columns.tolist() == COLUMNS
    assert score_texts(pd.Series(dtype=str), model="fast").empty


def test_equal_texts_are_read_once_and_their_themes_are_not_shared() -> None:
    model = Counting()
    scores = score_texts(["Waiting for three weeks now"] * 50 + ["Good"], model=model)
    assert model.asked == 2
    scores["themes"].iloc[0].append("changed")
    assert "changed" not in scores["themes"].iloc[1]


def test_the_input_is_left_as_it_was() -> None:
    texts = pd.Series(["Good", None])
    score_texts(texts, model="fast")
    pd.testing.assert_series_equal(texts, pd.Series(["Good", None]))


def test_a_second_run_scores_only_what_is_new(tmp_path: Path) -> None:
    model = Counting()
    first = score_texts(["Waiting for three weeks now", "Good", ""], model=model, cache=tmp_path)
    again = score_texts(["Good", "Waiting for three weeks now", "Bad"], model=model, cache=tmp_path)
    assert model.asked == 3
    pd.testing.assert_frame_equal(again.iloc[[1, 0]].reset_index(drop=True), first.iloc[:2].reset_index(drop=True))
    assert [tag.polarity for tag in again["themes"].iloc[1]] == [tag.polarity for tag in first["themes"].iloc[0]]
    stored = b"".join(zlib.decompress(page.read_bytes()) for page in tmp_path.rglob("*.page"))
    assert stored and b"Good" not in stored


def test_another_version_or_brand_does_not_use_the_old_scores(tmp_path: Path) -> None:
    model = Counting()
    score_texts(["leaving Acme"], model=model, cache=tmp_path)
    model.version = "fast-newer"
    score_texts(["leaving Acme"], model=model, cache=tmp_path)
    score_texts(["leaving Acme"], brands=["Acme"], model=model, cache=tmp_path)
    assert model.asked == 3


@pytest.mark.parametrize("damage", [b"", b"not a page", b"\x00" * 100], ids=["empty", "cut", "zeros"])
def test_a_damaged_cache_is_rebuilt(tmp_path: Path, damage: bytes) -> None:
    model = Counting()
    before = score_texts(["Good"], model=model, cache=tmp_path)
    for page in tmp_path.rglob("*.page"):
        page.write_bytes(damage)
    for _ in range(2):
        pd.testing.assert_frame_equal(score_texts(["Good"], model=model, cache=tmp_path), before)
    assert model.asked == 2
    assert not list(tmp_path.rglob("*.part"))


def test_a_page_made_to_fit_its_name_is_no_page_unless_it_holds_whole_rows(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(1 << 27))
    for crafted in (b"not zlib", zlib.compress(b"1" * 10), bomb, zlib.compress(b"1" * 40)[:-3]):
        before = score_texts(["Good"], model=Counting(), cache=tmp_path)
        for page in tmp_path.rglob("*.page"):
            page.unlink()
            (page.parent / f"{hashlib.blake2b(crafted, digest_size=16).hexdigest()}.page").write_bytes(crafted)
        pd.testing.assert_frame_equal(score_texts(["Good"], model=Counting(), cache=tmp_path), before)


def test_a_flipped_bit_is_noticed_and_its_page_rebuilt(tmp_path: Path) -> None:
    texts = [
        f"Waiting for {days} days now, and the {thing} is broken" for days in range(20) for thing in ("app", "van")
    ]
    model, rng = Counting(), np.random.default_rng(0)
    before = score_texts(texts, model=model, cache=tmp_path)
    for _ in range(150):
        pages = sorted(tmp_path.rglob("*.page"))
        page = pages[rng.integers(len(pages))]
        data = bytearray(page.read_bytes())
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        page.write_bytes(data)
        model.asked = 0
        after = score_texts(texts, model=model, cache=tmp_path)
        pd.testing.assert_frame_equal(after, before)
        assert (model.asked > 0) == page.match("sentiment-*/*/*")
        assert [tag.polarity for tags in after["themes"] for tag in tags] == [
            tag.polarity for tags in before["themes"] for tag in tags
        ]


def test_pages_of_an_old_version_are_removed_when_a_newer_one_is_written(tmp_path: Path) -> None:
    model = Counting()
    score_texts(["Good"], model=model, cache=tmp_path)
    old = set(tmp_path.glob("sentiment-*/*"))
    model.version = "fast-newer"
    score_texts(["Good"], model=model, cache=tmp_path)
    new = set(tmp_path.glob("sentiment-*/*"))
    assert len(old) == len(new) == 1 and not old & new


def test_both_theme_heads_keep_what_they_read_beside_each_other(tmp_path: Path) -> None:
    texts = pd.Series(["Waiting for three weeks now", "Good"])
    fast = score_texts(texts, model="fast", cache=tmp_path)
    reader = Reader.accurate(Pages(tmp_path))
    tags, blame = reader.tags(texts.tolist()), reader.sentiment(texts.tolist())[:, 0]
    assert len(list(tmp_path.glob("themes-*"))) == 2
    accurate = score_texts(texts, model="accurate", cache=tmp_path)
    assert accurate["p_negative"].tolist() == blame.tolist()
    assert accurate["themes"].tolist() == tags
    assert fast["themes"].map(bool).tolist() == [bool(each) for each in tags] == [True, False]


def test_what_complaints_ask_for_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["You promised a refund by Friday and it never came.", "Lovely staff."]
    first = Reader.accurate(Pages(tmp_path)).kinds(texts)
    assert first == promise_kind_normalised(texts, model="accurate") == ["promise_broken", ""]
    monkeypatch.setattr("analytics.text.themes.promise_kind_normalised", lambda *_, **__: pytest.fail("read again"))
    assert Reader.accurate(Pages(tmp_path)).kinds(texts) == first


def test_auto_takes_the_accurate_model_for_few_new_texts(tmp_path: Path) -> None:
    texts = ["Good", "Bad", "Waiting for three weeks"]
    assert score_texts(texts)["model"].str.startswith("accurate").all()
    assert score_texts(texts, accurate_limit=2)["model"].str.startswith("fast").all()
    score_texts(texts[:2], cache=tmp_path)
    assert score_texts(texts, cache=tmp_path, accurate_limit=2)["model"].str.startswith("accurate").all()


def test_a_long_text_counts_once_for_every_ninety_words() -> None:
    assert score_texts(["I waited. " * 90], accurate_limit=2)["model"].str.startswith("fast").all()
    assert score_texts(["I waited. " * 40], accurate_limit=2)["model"].str.startswith("accurate").all()


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ValueError, match="no sentiment model 'vader'"):
        score_texts(["Good"], model="vader")


def test_churn_intent_is_about_the_brands_given() -> None:
    text = ["I am switching from Alba to Brio."]
    assert (
        score_texts(text, ["Alba"], "fast")["churn_intent"].iloc[0]
        > score_texts(text, ["Brio"], "fast")["churn_intent"].iloc[0]
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_swapping_the_brand_changes_no_label(name: str) -> None:
    lines = pd.concat([pd.read_csv(HERE / f)["text"] for f in ("complaint_idioms.csv", "sarcasm.csv")])
    named = ["Acme: " + line for line in lines[::4]] + [line + " That is Acme for you." for line in lines[1::4]]
    before = score_texts(named, brands=["Acme"], model=name)["sentiment"]
    for brand in SWAPPED:
        after = score_texts([text.replace("Acme", brand) for text in named], brands=[brand], model=name)["sentiment"]
        assert (after == before).mean() >= 0.99, brand


def test_stock_vader_fails_the_brand_swap() -> None:
    lines = pd.read_csv(HERE / "complaint_idioms.csv")["text"]
    sign = [np.sign(vader_score((brand + ": " + lines).tolist()).round(2)) for brand in ("Acme", "Care")]
    assert (sign[0] == sign[1]).mean() < 0.8


def test_long_and_hostile_texts_are_scored_or_abstained_from() -> None:
    texts = [" ".join(f"word{i}x" for i in range(30_000)), "😀" * 10_000, "Bad service. " * 3_000]
    for text in texts:
        scores = score_texts([text], model="fast")
        assert (scores["sentiment"].iloc[0] == "unknown") == (scores["reason"].iloc[0] != "")


def test_long_texts_are_read_a_few_at_a_time_and_score_as_alone(monkeypatch) -> None:
    texts = [f"Waiting {days} days for the van. " * (days * 40) for days in range(1, 12)]
    together = score_texts(texts, model="fast")
    read, score = [], Reader.score

    def watched(self, plain, reasons):
        read.append(sum(map(len, plain)))
        return score(self, plain, reasons)

    monkeypatch.setattr(scored, "ROUND", 20_000)
    monkeypatch.setattr(Reader, "score", watched)
    pd.testing.assert_frame_equal(score_texts(texts, model="fast"), together)
    assert len(read) > 3 and max(read) < 40_000
    assert score_texts([], model="fast").empty


def test_one_brand_may_be_given_as_a_string() -> None:
    texts = ["I am leaving Acme for good"]
    listed, alone = (score_texts(texts, brands=brands, model="fast") for brands in (["Acme"], "Acme"))
    pd.testing.assert_frame_equal(listed, alone)
    with pytest.raises(TypeError, match="found one str"):
        score_texts(texts[0])


def test_halves_of_a_character_are_read_like_any_text() -> None:
    scores = score_texts(["\ud83d Awful service, never again", "Awful service, never again"], model="fast")
    assert scores["sentiment"].tolist() == ["negative", "negative"]
