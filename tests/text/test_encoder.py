import numpy as np
import pytest

from analytics.text.clean import BRAND
from analytics.text.encoder import MAX_WINDOWS, WINDOW, Encoder, Memory, split_windows
from analytics.text.linear import MODELS


@pytest.fixture(scope="module")
def encoder():
    return Encoder.load()


def test_one_row_per_text_in_the_order_given(encoder):
    texts = [
        "The parcel came late and the box was open, and nobody answered my three messages.",
        "Great.",
        "",
        "Slow app",
    ]
    rows = encoder.embed(texts)
    assert rows.shape == (4, encoder.width) and rows.dtype == np.float32 and np.isfinite(rows).all()
    np.testing.assert_allclose(encoder.embed(texts[::-1])[::-1], rows, atol=1e-4)


def test_no_texts_give_no_rows(encoder):
    assert encoder.embed([]).shape == (0, encoder.width)


def test_an_embedding_depends_neither_on_the_texts_beside_it_nor_on_the_cores(encoder):
    text = "I have been on hold for an hour, the parcel is late and nobody at the shop can tell me where it is"
    words = text.split()
    crowd = [*(" ".join(words[:n]) for n in range(1, len(words) + 1)), "!!!" * 50, "wonderful " * 200, "no"]
    together = encoder.embed_layers(crowd)
    alone = np.vstack([encoder.embed_layers([text]) for text in crowd])
    np.testing.assert_allclose(alone, together, atol=1e-4)
    np.testing.assert_array_equal(Encoder(threads=1).embed_layers(crowd), Encoder(threads=2).embed_layers(crowd))


def test_both_layers_come_with_the_last_one_behind(encoder):
    texts = ["Nobody called back.", "Great.", "Great."]
    both = encoder.embed_layers(texts)
    assert both.shape == (3, 2 * encoder.width)
    np.testing.assert_array_equal(both[:, encoder.width :], encoder.embed(texts))
    assert not np.allclose(both[:, : encoder.width], both[:, encoder.width :], atol=0.1)


def test_case_markup_and_handles_do_not_matter(encoder):
    plain, dressed = encoder.embed(
        [f"{BRAND} still no refund", "<p>@AcmeHelp STILL   no&nbsp;refund</p> https://x.example"]
    )
    np.testing.assert_allclose(plain, dressed, atol=1e-4)


def test_like_meanings_lie_closer_than_unlike_ones(encoder):
    rows = encoder.embed(["nobody called me back", "no one returned my call", "the hotel pool was warm and clean"])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    same, other = rows[0] @ rows[1], rows[0] @ rows[2]
    assert same > other + 0.2


def test_windows_cover_every_token_of_an_ordinary_text():
    for n in (1, WINDOW - 2, WINDOW - 1, 1000):
        windows = split_windows(list(range(n)))
        assert sum(windows, []) == list(range(n))
        assert max(map(len, windows)) <= WINDOW - 2


def test_a_very_long_text_is_read_from_its_beginning_to_its_end():
    windows = split_windows(list(range(60_000)))
    assert len(windows) == MAX_WINDOWS
    assert windows[0][0] == 0 and windows[-1][-1] == 59_999


def test_a_text_of_equal_windows_embeds_as_one_of_them(encoder):
    window = "the engineer never came and the line is still dead " * 12  # 120 tokens
    one, four = encoder.embed([window, window * 4])
    assert one @ four / np.linalg.norm(one) / np.linalg.norm(four) > 0.99


@pytest.mark.parametrize("text", ["".join(f"word{i} " for i in range(30_000)), "😡" * 10_000], ids=["300 KB", "emoji"])
def test_hostile_lengths_are_embedded_from_a_bounded_number_of_windows(encoder, text):
    assert np.isfinite(encoder.embed([text])).all()
    assert len(split_windows(encoder._tokenizer.encode(text).ids)) <= MAX_WINDOWS


def test_files_that_ship_stay_under_twenty_megabytes_and_hold_no_pickle():
    assert (MODELS / "encoder.onnx").stat().st_size < 20e6
    assert not [path for path in MODELS.iterdir() if path.suffix in {".pkl", ".pickle", ".joblib"}]


def test_the_version_names_the_graph_that_ships(encoder):
    import hashlib

    assert encoder.version == hashlib.sha256((MODELS / "encoder.onnx").read_bytes()).hexdigest()[:12]


def test_a_memory_embeds_each_text_once_and_alike(monkeypatch) -> None:
    texts = ["Nobody called back.", "Thank you, all sorted."]
    plain = Encoder.load().embed(texts)
    memory = Memory(Encoder.load())
    np.testing.assert_array_equal(memory.embed(texts), plain)
    monkeypatch.setattr(Encoder, "_embed", lambda self, new: pytest.fail("read again") if new else plain[:0])
    np.testing.assert_array_equal(memory.embed(texts[::-1]), plain[::-1])


def test_the_shipped_encoder_keeps_no_text_and_no_embedding(encoder) -> None:
    before = {name: id(value) for name, value in vars(encoder).items()}
    encoder.embed(["Nobody called back, not even once."])
    assert {name: id(value) for name, value in vars(encoder).items()} == before
