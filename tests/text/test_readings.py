import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest

from analytics.config import load_config
from analytics.report.labelling import _Panel, show_agreement, show_learning_curve
from analytics.report.story import load_story
from analytics.tables.schema import NotMeasured
from analytics.text.adapt import rate_sentiment
from analytics.text.learning_curve import _gain_weights, _macro_f1, fit_curve, measure_learning_curve
from analytics.text.readings import (
    COLUMNS,
    LabellingSession,
    LabelStore,
    agreed_labels,
    draw_texts,
    find_labels,
    measure_agreement,
    open_session,
    read_pool,
    text_hash,
)

PERIOD = "2025-03"
HOSTILE = [
    '=HYPERLINK("http://x")',
    '"quoted", and, commas',
    "@someone",
    "tab\tline\nbreak",
    "ünï 😀 \u202e",
    "NA",
    "-5",
    "''",
]


def row(text, label="negative", labeller="Ann", period=PERIOD, drawn="random"):
    values = (text_hash(text), text, label, labeller, "2025-04-01T09:00:00+00:00", drawn, period)
    return dict(zip(COLUMNS, values, strict=True))


def drawn(*texts):
    return pd.DataFrame({"text_hash": [text_hash(text) for text in texts], "text": texts, "drawn": "random"})


def labelled_twice(table):
    """Rows of a store in which two people labelled texts as a table of counts says."""
    names = ["negative", "neutral", "positive"]
    pairs = [(i, j) for i, counts in enumerate(table) for j, n in enumerate(counts) for _ in range(n)]
    texts = [f"text {k}" for k in range(len(pairs))]
    first = [row(text, names[i], "Ann") for text, (i, _) in zip(texts, pairs, strict=True)]
    return pd.DataFrame(first + [row(text, names[j], "Ben") for text, (_, j) in zip(texts, pairs, strict=True)])


def words_of(block):
    return block.data["text"]


def agreement_of(labels):
    return words_of(show_agreement(labels))


# keeping labels


def test_labels_come_back_as_they_were_given_whatever_the_text(tmp_path):
    store = LabelStore(tmp_path / "labels" / "a.csv")
    for text in HOSTILE:
        store.add(row(text, labeller="@nn"))
    again = LabelStore(store.path).read()
    assert again["text"].tolist() == HOSTILE
    assert set(again["labeller"]) == {"@nn"}
    assert again["text_hash"].tolist() == [text_hash(text) for text in HOSTILE]


def test_a_spreadsheet_sees_no_formula_in_the_file(tmp_path):
    store = LabelStore(tmp_path / "a.csv")
    store.add(row("=1+1"))
    assert "'=1+1" in store.path.read_text(encoding="utf-8")


def test_a_labeller_who_changes_their_mind_has_one_label_per_text(tmp_path):
    store = LabelStore(tmp_path / "a.csv")
    store.add(row("slow", "negative"))
    store.add(row("slow", "neutral", "Ben"))
    store.add(row("slow", "positive"))
    assert store.read()[["labeller", "label"]].values.tolist() == [["Ben", "neutral"], ["Ann", "positive"]]


def test_undo_takes_back_only_the_labellers_own_latest_label(tmp_path):
    store = LabelStore(tmp_path / "a.csv")
    for text, who in (("one", "Ann"), ("two", "Ann"), ("three", "Ben")):
        store.add(row(text, labeller=who))
    assert store.undo("Ann", PERIOD)["text"] == "two"
    assert store.undo("Ann", "2025-04") is None
    assert store.read()["text"].tolist() == ["one", "three"]


def test_two_labellers_at_once_lose_no_click(tmp_path):
    def click(who):
        for k in range(15):
            LabelStore(tmp_path / "a.csv").add(row(f"text {k}", labeller=who))

    threads = [threading.Thread(target=click, args=(who,)) for who in ("Ann", "Ben")]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert LabelStore(tmp_path / "a.csv").read()["labeller"].value_counts().to_dict() == {"Ann": 15, "Ben": 15}


def test_a_kill_in_the_middle_of_saving_leaves_every_earlier_click_whole(tmp_path):
    path = tmp_path / "a.csv"
    code = (
        "import itertools, sys; sys.path.insert(0, sys.argv[2])\n"
        "from analytics.text.readings import LabelStore\n"
        "from test_readings import row\n"
        "store = LabelStore(sys.argv[1])\n"
        "for k in itertools.count():\n"
        "    store.add(row(f'text {k} ' + 'word ' * 5000)); print(k, flush=True)\n"
    )
    here = str(__file__).rsplit("/", 1)[0]
    child = subprocess.Popen([sys.executable, "-c", code, str(path), here], stdout=subprocess.PIPE, text=True)
    acknowledged = [int(child.stdout.readline()) for _ in range(20)]
    time.sleep(0.013)
    child.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in child.stdout.read().split()]
    child.wait()
    texts = LabelStore(path).read()["text"].tolist()
    assert len(texts) - len(acknowledged) in (0, 1)  # one may be saved but not yet acknowledged
    assert [text.split()[1] for text in texts] == [str(k) for k in range(len(texts))]
    LabelStore(path).add(row("after the kill"))
    assert LabelStore(path).read()["text"].tolist()[-1] == "after the kill"


def test_a_full_disk_keeps_the_old_file_and_the_text_on_show(tmp_path, monkeypatch):
    session = LabellingSession(LabelStore(tmp_path / "a.csv"), drawn("one", "two"), "Ann", PERIOD, 2)
    session.label("negative")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        session.label("positive")
    assert (session.text, session.done) == ("two", 1)
    assert session.store.read()["text"].tolist() == ["one"]


def test_a_file_that_was_spoilt_by_hand_is_refused_with_the_reason(tmp_path):
    path = tmp_path / "a.csv"
    pd.DataFrame([row("one", "Positive")]).to_csv(path, index=False)
    with pytest.raises(
        ValueError, match=r"a\.csv: label 'Positive' is not known\. Expected one of: negative, neutral,"
    ):
        LabelStore(path).read()
    pd.DataFrame([row("one")]).drop(columns="drawn").to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"a\.csv: no column drawn\. Restore"):
        LabelStore(path).read()


# a sitting


def test_a_sitting_goes_on_where_it_stopped(tmp_path):
    store = LabelStore(tmp_path / "a.csv")
    first = LabellingSession(store, drawn("one", "two", "three", "four"), "Ann", PERIOD, 3)
    first.label("negative")
    first.label("skipped")
    later = LabellingSession(LabelStore(store.path), drawn("four", "three", "two", "one"), " Ann ", PERIOD, 3)
    assert (later.done, later.left, later.text) == (2, 1, "four")
    later.label("positive")
    assert later.text is None
    with pytest.raises(ValueError, match="no text is left to label in 2025-03"):
        later.label("positive")
    assert store.read()["label"].tolist() == ["negative", "skipped", "positive"]


def test_undo_shows_the_text_again_and_reaches_into_an_earlier_sitting(tmp_path):
    store = LabelStore(tmp_path / "a.csv")
    LabellingSession(store, drawn("one", "two"), "Ann", PERIOD, 2).label("negative")
    later = LabellingSession(store, drawn("two"), "Ann", PERIOD, 2)
    assert later.undo() is True
    assert (later.text, later.done, later.left) == ("one", 0, 2)
    assert store.read().empty
    assert later.undo() is False


def test_a_second_labeller_first_gets_what_the_first_has_labelled_but_at_most_half(tmp_path):
    store = LabelStore(tmp_path / "a.csv")
    for text, how in (("a", "teaching"), ("b", "random"), ("c", "random"), ("d", "teaching")):
        store.add(row(text, drawn=how))
    session = LabellingSession(store, drawn("e", "f", "g", "h"), "Ben", PERIOD, 4)
    shown = []
    while session.text:
        shown.append(session.text)
        session.label("neutral")
    assert shown == ["b", "c", "e", "f"]
    session.become("Ann")
    assert (session.done, session.left) == (4, 0)


def test_a_label_needs_a_name_and_a_known_word(tmp_path):
    session = LabellingSession(LabelStore(tmp_path / "a.csv"), drawn("one"), "", PERIOD, 1)
    with pytest.raises(ValueError, match="enter your name first"):
        session.label("negative")
    session.become("Ann")
    with pytest.raises(ValueError, match="label 'bad' is not known"):
        session.label("bad")


# the buttons


def panel(tmp_path, *texts, labeller="Ann"):
    return _Panel(LabellingSession(LabelStore(tmp_path / "a.csv"), drawn(*texts), labeller, PERIOD, len(texts)))


def press(shown, button):
    shown.shown_at = 0.0  # as if the text had been read
    button.click()


def test_a_click_saves_and_moves_on_and_markup_stays_text(tmp_path):
    shown = panel(tmp_path, "<script>x</script>", "two")
    assert "&lt;script&gt;x" in shown.text.value
    press(shown, shown.buttons[2])
    assert ">two<" in shown.text.value
    assert "1 of 2, saved in a.csv" in shown.status.value
    press(shown, shown.undo)
    assert "&lt;script&gt;x" in shown.text.value
    assert shown.session.store.read().empty


def test_the_second_half_of_a_double_click_labels_nothing(tmp_path):
    shown = panel(tmp_path, "one", "two")
    press(shown, shown.buttons[0])
    shown.buttons[0].click()
    assert shown.session.store.read()["text"].tolist() == ["one"]


def test_buttons_wait_for_a_name_and_end_with_the_texts(tmp_path):
    shown = panel(tmp_path, "one", labeller="")
    assert all(button.disabled for button in shown.buttons)
    assert "Enter your name first." in shown.status.value
    shown.name.value = "Ben"
    press(shown, shown.buttons[3])
    assert shown.session.store.read()[["labeller", "label"]].values.tolist() == [["Ben", "skipped"]]
    assert "All done" in shown.text.value
    assert [button.disabled for button in (*shown.buttons, shown.undo)] == [True] * 4 + [False]


def test_a_click_that_could_not_be_saved_says_so_and_keeps_the_text(tmp_path, monkeypatch):
    shown = panel(tmp_path, "one", "two")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    press(shown, shown.buttons[0])
    assert "Not saved: [Errno 28] No space left on device" in shown.status.value
    assert ">one<" in shown.text.value


# drawing


def test_half_is_drawn_at_random_and_the_rest_among_the_uncertain_from_each_corner():
    probabilities = np.array([[0.98, 0.01, 0.01]] * 180 + [[0.34, 0.33, 0.33]] * 20)
    embeddings = np.zeros((200, 2))
    embeddings[180:190], embeddings[190:] = (5, 0), (0, 5)
    at_random, teaching = draw_texts(probabilities, embeddings, 4, np.random.default_rng(1))
    assert len(at_random) == len(teaching) == 2
    assert sorted(teaching // 10) == [18, 19]


def test_the_random_half_is_not_drawn_to_the_uncertain():
    probabilities = np.array([[0.98, 0.01, 0.01]] * 50 + [[0.34, 0.33, 0.33]] * 50)
    rng, embeddings = np.random.default_rng(0), np.random.default_rng(0).normal(size=(100, 3))
    picked = np.concatenate([draw_texts(probabilities, embeddings, 20, rng)[0] for _ in range(100)])
    assert np.mean(picked >= 50) == pytest.approx(0.5, abs=0.06)  # 1,000 draws: standard error .016


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_fewer_texts_than_wanted_are_all_drawn_once():
    probabilities, embeddings = np.full((5, 3), 1 / 3), np.zeros((5, 2))  # equal embeddings: one centre serves for all
    for count in (5, 50):
        rows = np.concatenate(draw_texts(probabilities, embeddings, count, np.random.default_rng(0)))
        assert sorted(rows) == [0, 1, 2, 3, 4]


@pytest.fixture
def organisation(tmp_path):
    """A configuration whose March holds six comments, one with personal data, two alike, one in no language."""
    comments = ["Still waiting for my refund", "still  waiting for my refund", "Lovely staff, thank you", "!!!"]
    comments += ["Jane Doe rang me on +44 20 7946 0958 about NW-123456", "It arrived on Tuesday", "April is too late"]
    stamps = ["2025-03-05"] * 6 + ["2025-04-02"]
    frame = pd.DataFrame({"response_id": [f"r{k}" for k in range(7)], "responded_at": stamps, "comment": comments})
    frame["customer_id"], frame["nps"], frame["agent_name"] = "c1", 5, "Jane Doe"
    frame.to_csv(tmp_path / "surveys.csv", index=False)
    (tmp_path / "perception.toml").write_text(
        "[organisation]\nname = 'Acme & Co'\norder_number_patterns = ['NW-\\d+']\n"
        "[sources.surveys]\npath = 'surveys.csv'\n"
    )
    return tmp_path / "perception.toml"


def test_only_redacted_readable_texts_of_the_period_can_be_drawn(organisation):
    pool = read_pool(load_config(organisation), PERIOD)
    assert sorted(pool["text"].str.casefold()) == [
        "[name] rang me on [phone] about [number]",
        "it arrived on tuesday",
        "lovely staff, thank you",
        "still waiting for my refund",
    ]


def test_a_session_opens_on_the_shipped_model_and_saves_beside_the_configuration(organisation):
    session = open_session(organisation, PERIOD, "Ann", 3)
    assert session.left == 3
    while session.text:
        session.label("neutral")
    rows = pd.read_csv(organisation.parent / "data/derived/labels/acme-co.csv")
    assert sorted(rows["drawn"]) == ["random", "random", "teaching"]
    assert open_session(organisation, PERIOD, "Ann", 10).left == 1


def test_labels_are_found_again_beside_the_texts_of_the_report(organisation):
    session = open_session(organisation, PERIOD, "Ann", 4)
    while session.text:
        session.label("neutral")
    story = load_story(organisation, PERIOD)
    texts = story.current["text"]
    at_random = (pd.read_csv(organisation.parent / "data/derived/labels/acme-co.csv")["drawn"] == "random").sum()
    assert find_labels(story.config, PERIOD, texts).dropna().index.map(texts).str.casefold().nunique() >= at_random > 0


def test_an_empty_period_says_when_there_are_texts(organisation):
    with pytest.raises(ValueError, match=r"2024-01 holds no customer text .* from 2025-03-05 to 2025-04-02"):
        read_pool(load_config(organisation), "2024-01")
    with pytest.raises(ValueError, match="count is 0"):
        open_session(organisation, PERIOD, "Ann", 0)


def test_texts_without_a_date_are_not_measured(organisation):
    path = organisation.parent / "surveys.csv"
    pd.read_csv(path).drop(columns="responded_at").to_csv(path, index=False)
    with pytest.raises(NotMeasured, match="no customer text with a date"):
        read_pool(load_config(organisation), PERIOD)


# agreement


def test_kappa_of_cohens_example():
    """Cohen 1968, Psychological Bulletin 70, 213-220, table 1 (n = 200): unweighted kappa .492."""
    pair = measure_agreement(labelled_twice([[88, 14, 18], [10, 40, 10], [2, 6, 12]]))
    assert (pair[0].n, round(pair[0].kappa, 3)) == (200, 0.492)


def test_kappa_and_its_interval_as_published():
    """A SAS example (in statsmodels' tests), and ci.kappa(.05, 31, 12, 4, 58) in the manual of R's statpsych."""
    pair = measure_agreement(labelled_twice([[0, 4, 1], [0, 8, 0], [0, 1, 5]]))[0]
    assert [round(value, 4) for value in (pair.kappa, pair.low, pair.high)] == [0.4842, 0.2137, 0.7547]
    labels = labelled_twice([[31, 0, 12], [0, 0, 0], [4, 0, 58]])
    pair = measure_agreement(labels)[0]
    assert [round(value, 7) for value in (pair.kappa, pair.low, pair.high)] == [0.6756757, 0.5317210, 0.8196303]
    words = "Ann and Ben gave the same label to 89 of 105 texts. Cohen's kappa is .68 (.53 to .82)"
    assert words_of(show_agreement(labels)).startswith(words)


def test_kappa_leaves_out_skipped_texts_and_those_of_one_labeller():
    labels = labelled_twice([[2, 0, 0], [0, 0, 0], [0, 0, 2]])
    more = [row("text 0", "skipped", "Ben"), row("only Ann", "neutral")]
    labels = pd.concat([labels[labels["text"].ne("text 0") | labels["labeller"].ne("Ben")], pd.DataFrame(more)])
    assert [(pair.n, pair.kappa) for pair in measure_agreement(labels)] == [(3, 1.0)]


def test_agreement_that_cannot_be_told_says_so():
    assert agreement_of(pd.DataFrame([row("one")])).startswith("Agreement is not known: it takes two labellers")
    same = agreement_of(labelled_twice([[3, 0, 0], [0, 0, 0], [0, 0, 0]]))
    assert same == "Ann and Ben gave all 3 texts one and the same label: kappa is undefined."
    few = agreement_of(labelled_twice([[3, 1, 0], [0, 0, 0], [0, 0, 4]]))
    assert "7 of 8 texts. Cannot tell yet" in few
    apart = agreement_of(pd.DataFrame([row("one"), row("two", labeller="Ben")]))
    assert apart == "Ann and Ben have labelled no text in common: agreement is not known."


# what more labels would add


def test_labels_that_agree_become_the_ratings_of_the_same_sentiment():
    rows = [row("a", "negative"), row("b", "neutral"), row("c", "positive"), row("d", "skipped"), row("e", "negative")]
    agreed = agreed_labels(pd.DataFrame([*rows, row("e", "neutral", "Ben"), row("a", "negative", "Ben")]))
    assert agreed["text"].tolist() == ["a", "b", "c"]
    assert rate_sentiment(agreed["rating"], "csat").tolist() == agreed["label"].tolist()
    assert agreed_labels(pd.DataFrame(columns=COLUMNS)).empty


def test_macro_f1_worked_by_hand():
    """Class 0: 2 of 3 found, none false: F1 4/5. Class 2: 1 found, 1 false: F1 2/3."""
    table = np.array([[2, 0, 1], [0, 0, 0], [0, 0, 1]])
    assert _macro_f1(table, np.array([0, 2])) == pytest.approx((4 / 5 + 2 / 3) / 2)


def test_each_law_gives_the_gain_that_it_was_made_with():
    sizes = np.array([20, 40, 60, 80])
    laws = _gain_weights(sizes, 100)
    assert laws[0] @ (0.9 - 1 / np.sqrt(sizes)) == pytest.approx(1 / 10 - 1 / np.sqrt(200))
    assert laws[1] @ (0.1 + 0.05 * np.log(sizes)) == pytest.approx(0.05 * np.log(2))


@pytest.mark.parametrize(
    ("classes", "drawn_as", "needed"),
    [
        ({"negative": 10, "positive": 10}, "random", 80),  # never fewer than 80
        ({"negative": 30, "positive": 30}, "teaching", 2400),  # none to test on
        ({"negative": 100, "positive": 4}, "random", 210),  # 104 x 8/4 = 208
    ],
)
def test_with_too_few_labels_the_curve_says_how_many_it_takes(classes, drawn_as, needed):
    labels = [row(f"{name} {k}", name, drawn=drawn_as) for name, n in classes.items() for k in range(n)]
    curve = measure_learning_curve(pd.DataFrame(labels))
    assert (
        words_of(show_learning_curve(curve))
        == f"Cannot tell yet what more labels would add: label at least {needed} texts in all."
    )
    assert np.isnan([curve.gain, curve.low, curve.high]).all()


def synthetic(n, noise, rng):
    """Two classes a head can learn; the shipped model guesses."""
    codes = np.where(rng.random(n) < 0.5, 0, 2)
    features = rng.normal(size=(n, 40)) * noise + np.outer(codes - 1, np.ones(40))
    return features, np.full((n, 3), [0.6, 0.2, 0.2]), codes


def test_where_all_is_learnt_more_labels_are_hardly_worth_it():
    features, shipped, codes = synthetic(200, 1.0, np.random.default_rng(0))
    curve = fit_curve(features, shipped, codes, np.arange(200) < 100)
    assert curve.points["labels"].tolist() == [0, 40, 80, 120, 160]
    assert curve.points["macro_f1"].iloc[0] == pytest.approx(1 / 3, abs=0.03)  # all called negative
    assert curve.points["macro_f1"].iloc[-1] == 1
    assert words_of(show_learning_curve(curve)).endswith("100 more would add about .00 (.00 to .00): hardly worth it.")


def test_where_much_is_left_to_learn_the_gain_is_put_above_nought_with_its_interval():
    features, shipped, codes = synthetic(300, 7.0, np.random.default_rng(0))
    curve = fit_curve(features, shipped, codes, np.arange(300) < 150)
    assert 0 < curve.gain < 0.1
    assert curve.low <= curve.gain <= curve.high
    assert "100 more would add about" in words_of(show_learning_curve(curve))
    assert "hardly" not in words_of(show_learning_curve(curve))


def test_pure_noise_never_promises_a_gain():
    rng = np.random.default_rng(0)
    for _ in range(3):
        features, shipped, codes = synthetic(120, 1.0, rng)
        curve = fit_curve(features, shipped, rng.permutation(codes), np.arange(120) < 60)
        assert np.isnan(curve.gain) or curve.low == 0
