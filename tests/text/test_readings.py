import pathlib
import signal
import subprocess
import sys
import threading
import time

import pandas as pd
import pytest

from analytics.config import load_config
from analytics.report.labelling import _Panel, show_agreement
from analytics.report.story import load_story
from analytics.tables.demo.simulate import write_demo
from analytics.tables.periods import parse_period
from analytics.tables.schema import NotMeasured, Tables
from analytics.text.agreement import measure_agreement
from analytics.text.demo_readings import ORDERS, write_readings
from analytics.text.readings import (
    COLUMNS,
    CORRECTED,
    PRAISE,
    LabellingSession,
    LabelStore,
    Reading,
    draw_pool,
    find_readings,
    open_session,
    read_pool,
    text_hash,
)

PERIOD = "2025-03"
OLD = ["text_hash", "text", "label", "labeller", "labelled_at", "drawn", "period"]


def row(text, sentiment="negative", labeller="Ann", period=PERIOD, drawn="random", **about):
    values = (text_hash(text), labeller, "2025-04-01T09:00:00+00:00", drawn, period)
    return dict(zip(COLUMNS, values, strict=False)) | Reading(sentiment, **about).as_row()


def pool(*texts):
    return pd.DataFrame({"text_hash": [text_hash(text) for text in texts], "text": texts})


def hashes(*texts):
    return [text_hash(text) for text in texts]


def labelled_twice(table):
    """Rows of a store in which two people read texts as a table of counts says."""
    names = ["negative", "neutral", "positive"]
    pairs = [(i, j) for i, counts in enumerate(table) for j, n in enumerate(counts) for _ in range(n)]
    texts = [f"text {k}" for k in range(len(pairs))]
    first = [row(text, names[i], "Ann") for text, (i, _) in zip(texts, pairs, strict=True)]
    return pd.DataFrame(first + [row(text, names[j], "Ben") for text, (_, j) in zip(texts, pairs, strict=True)])


def moods(labels):
    return next(pair for pair in measure_agreement(labels) if pair.about == "sentiment")


def words_of(block):
    return block.data["text"]


def agreement_of(labels):
    return words_of(show_agreement(labels))


# keeping readings


def test_readings_come_back_as_they_were_given_and_no_text_is_kept(tmp_path):
    store = LabelStore(tmp_path / "labels" / "a.csv")
    store.add(row("slow to call back", blame=("waiting", "courtesy"), praise=("competence",), other=True, leaving=True))
    store.add(row("=1+1", "positive", "@nn"))
    again = LabelStore(store.path).read()
    assert again["text_hash"].tolist() == hashes("slow to call back", "=1+1")
    assert again.loc[0, ["blame", "praise", "other", "leaving", "complaint"]].tolist() == [
        "waiting|courtesy", "competence", "1", "1", "0",
    ]  # fmt: skip
    assert again["labeller"].tolist() == ["Ann", "@nn"]
    content = store.path.read_text(encoding="utf-8")
    assert "'@nn" in content and "1+1" not in content and "slow" not in content


def test_a_file_of_moods_from_earlier_versions_is_read_and_loses_its_texts_with_the_next_click(tmp_path):
    store = LabelStore(tmp_path / "a.csv")
    old = (text_hash("slow"), "slow", "negative", "Ann", "2025-04-01", "random", PERIOD)
    pd.DataFrame([old], columns=OLD).to_csv(store.path, index=False)
    assert store.read()[["sentiment", "blame", "complaint"]].values.tolist() == [["negative", "", ""]]
    texts = pd.DataFrame({"comment_id": ["a"], "period": [PERIOD], "text": ["slow"]})
    labels = find_readings(store.read(), texts)
    assert labels.loc[0, ["negative", "positive"]].tolist() == [1, 0]
    assert labels.loc[0, ["waiting", "leaving", "complaint"]].isna().all()  # nobody was asked
    store.add(row("new"))
    assert "slow" not in store.path.read_text(encoding="utf-8") and len(store.read()) == 2


def test_a_labeller_who_changes_their_mind_has_one_reading_per_text(tmp_path):
    store = LabelStore(tmp_path / "a.csv")
    store.add(row("slow", "negative"))
    store.add(row("slow", "neutral", "Ben"))
    store.add(row("slow", "positive"))
    assert store.read()[["labeller", "sentiment"]].values.tolist() == [["Ben", "neutral"], ["Ann", "positive"]]


def test_undo_takes_back_only_the_labellers_own_latest_reading(tmp_path):
    store = LabelStore(tmp_path / "a.csv")
    for text, who in (("one", "Ann"), ("two", "Ann"), ("three", "Ben")):
        store.add(row(text, labeller=who))
    every = hashes("one", "two", "three")
    assert store.undo("Ann", PERIOD, "random", every)["text_hash"] == text_hash("two")
    assert store.undo("Ann", "2025-04", "random", every) is None
    assert store.undo("Ann", PERIOD, CORRECTED, every) is None
    assert store.undo("Ann", PERIOD, "random", hashes("three")) is None
    assert store.read()["text_hash"].tolist() == hashes("one", "three")


def test_words_that_are_not_known_are_refused():
    with pytest.raises(ValueError, match="sentiment 'bad' is not known"):
        Reading("bad").as_row()
    with pytest.raises(ValueError, match="theme 'late' is not known"):
        Reading("negative", ("late",)).as_row()


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
        "    store.add(*(row(f'text {k} {part}', 'neutral', str(k)) for part in range(40))); print(k, flush=True)\n"
    )
    here = str(__file__).rsplit("/", 1)[0]
    child = subprocess.Popen([sys.executable, "-c", code, str(path), here], stdout=subprocess.PIPE, text=True)
    acknowledged = [int(child.stdout.readline()) for _ in range(20)]
    time.sleep(0.013)
    child.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in child.stdout.read().split()]
    child.wait()
    kept = LabelStore(path).read()["labeller"].astype(int)
    assert kept.max() + 1 - len(acknowledged) in (0, 1)  # one may be saved but not yet acknowledged
    assert kept.tolist() == sorted(40 * [*range(kept.max() + 1)])
    LabelStore(path).add(row("after the kill"))
    assert LabelStore(path).read()["text_hash"].tolist()[-1] == text_hash("after the kill")


def test_a_full_disk_keeps_the_old_file_and_the_text_on_show(tmp_path, monkeypatch):
    session = LabellingSession(LabelStore(tmp_path / "a.csv"), pool("one", "two"), "Ann", PERIOD, 2)
    session.keep(Reading("negative"))

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        session.keep(Reading("positive"))
    assert (session.text, session.done) == ("two", 1)
    assert session.store.read()["text_hash"].tolist() == hashes("one")


def test_a_file_that_was_spoilt_by_hand_is_refused_with_the_reason(tmp_path):
    path = tmp_path / "a.csv"
    pd.DataFrame([row("one") | {"sentiment": "Positive"}]).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"a\.csv: 'Positive' is not known\. Expected negative, neutral,"):
        LabelStore(path).read()
    pd.DataFrame([row("one") | {"blame": "waiting|late"}]).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"a\.csv: 'late' is not known"):
        LabelStore(path).read()
    pd.DataFrame([row("one")]).drop(columns="drawn").to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"a\.csv: no column drawn\. Restore"):
        LabelStore(path).read()
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"a\.csv: is no CSV in UTF-8"):
        LabelStore(path).read()


# a sitting


def test_a_sitting_goes_on_where_it_stopped(tmp_path):
    store = LabelStore(tmp_path / "a.csv")
    first = LabellingSession(store, pool("one", "two", "three", "four"), "Ann", PERIOD, 3)
    first.keep(Reading("negative"))
    first.keep(Reading("skipped"))
    later = LabellingSession(LabelStore(store.path), pool("four", "three", "two", "one"), " Ann ", PERIOD, 3)
    assert (later.done, later.left, later.text) == (2, 1, "four")
    later.keep(Reading("positive"))
    assert later.text is None
    with pytest.raises(ValueError, match="no text is left to read in 2025-03"):
        later.keep(Reading("positive"))
    assert store.read()["sentiment"].tolist() == ["negative", "skipped", "positive"]


def test_undo_shows_the_text_again_and_reaches_into_an_earlier_sitting(tmp_path):
    store = LabelStore(tmp_path / "a.csv")
    LabellingSession(store, pool("one", "two"), "Ann", PERIOD, 2).keep(Reading("negative"))
    later = LabellingSession(store, pool("two", "one"), "Ann", PERIOD, 2)
    assert later.undo() is True
    assert (later.text, later.done, later.left) == ("one", 0, 2)
    assert store.read().empty
    assert later.undo() is False


def test_a_second_reader_first_gets_what_the_first_has_read_but_at_most_half(tmp_path):
    store = LabelStore(tmp_path / "a.csv")
    for text, how in (("a", "teaching"), ("b", "random"), ("c", "random"), ("d", "corrected")):
        store.add(row(text, drawn=how))
    session = LabellingSession(store, pool("e", "f", "b", "c", "g", "h"), "Ben", PERIOD, 4)
    shown = []
    while session.text:
        shown.append(session.text)
        session.keep(Reading("neutral"))
    assert shown == ["b", "c", "e", "f"]
    session.become("Ann")
    assert (session.done, session.left) == (2, 2)


def test_a_reading_needs_a_name(tmp_path):
    session = LabellingSession(LabelStore(tmp_path / "a.csv"), pool("one"), "", PERIOD, 1)
    with pytest.raises(ValueError, match="enter your name first"):
        session.keep(Reading("negative"))


# the buttons


def panel(tmp_path, *texts, labeller="Ann"):
    return _Panel(LabellingSession(LabelStore(tmp_path / "a.csv"), pool(*texts), labeller, PERIOD, len(texts)))


def press(shown, button):
    shown.shown_at = 0.0  # as if the text had been read
    button.click()


def test_the_mood_saves_what_the_chips_say_and_moves_on_and_markup_stays_text(tmp_path):
    shown = panel(tmp_path, "<script>x</script>", "two")
    assert "&lt;script&gt;x" in shown.text.value
    for label in ("waiting", "courtesy", "courtesy", "kept_informed", "kept_informed", "kept_informed", "complaint"):
        shown.chips[label].click()
    assert shown.chips["waiting"].description.startswith("− ") and shown.chips["courtesy"].description.startswith("+ ")
    press(shown, shown.buttons[2])
    assert ">two<" in shown.text.value
    assert shown.chips["waiting"].description == shown.names["waiting"]  # the next text starts blank
    assert "1 of 2, saved in a.csv" in shown.status.value
    saved = shown.session.store.read()
    about = ["sentiment", "blame", "praise", "other", "leaving", "complaint"]
    assert saved.loc[0, about].tolist() == ["positive", "waiting", "courtesy", "0", "0", "1"]
    press(shown, shown.undo)
    assert "&lt;script&gt;x" in shown.text.value
    assert shown.session.store.read().empty


def test_the_second_half_of_a_double_click_saves_nothing(tmp_path):
    shown = panel(tmp_path, "one", "two")
    press(shown, shown.buttons[0])
    shown.buttons[0].click()
    assert shown.session.store.read()["text_hash"].tolist() == hashes("one")


def test_buttons_wait_for_a_name_and_end_with_the_texts(tmp_path):
    shown = panel(tmp_path, "one", labeller="")
    assert all(button.disabled for button in (*shown.buttons, *shown.chips.values()))
    assert "Enter your name first." in shown.status.value
    shown.name.value = "Ben"
    press(shown, shown.buttons[3])
    assert shown.session.store.read()[["labeller", "sentiment"]].values.tolist() == [["Ben", "skipped"]]
    assert "All done" in shown.text.value
    assert [button.disabled for button in (*shown.buttons, shown.undo)] == [True] * 4 + [False]


def test_a_click_that_could_not_be_saved_says_so_and_keeps_the_text_and_its_chips(tmp_path, monkeypatch):
    shown = panel(tmp_path, "one", "two")
    shown.chips["waiting"].click()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    press(shown, shown.buttons[0])
    assert "Not saved: [Errno 28] No space left on device" in shown.status.value
    assert ">one<" in shown.text.value and shown.state["waiting"] == "blame"


# drawing


def written(*texts, day="2025-03-05"):
    return pd.DataFrame({"response_id": [f"r{k}" for k in range(len(texts))], "responded_at": pd.Timestamp(day),
                         "comment": texts})  # fmt: skip


def test_every_text_is_as_likely_to_be_drawn_whatever_it_says_and_the_order_is_the_same_every_time():
    texts = [f"{'They never called back about' if k % 2 else 'Lovely staff solved'} order {k}" for k in range(600)]
    tables, period = Tables(surveys=written(*texts)), parse_period(PERIOD)
    drawn = draw_pool(tables, period)["text"]
    angry = drawn.str.startswith("They").to_numpy()
    assert abs(angry[:150].mean() - 0.5) < 0.14  # 150 draws: standard error .04
    assert drawn.tolist() == draw_pool(Tables(surveys=written(*texts).iloc[::-1]), period)["text"].tolist()


def test_a_text_that_many_wrote_counts_as_often_as_it_was_drawn():
    """Half of all texts are one and the same: of the rows drawn about half are, though it was read once."""
    texts = ["Good service all round"] * 300 + [f"Waited {k} days for the engineer" for k in range(300)]
    frame = pd.DataFrame({"comment_id": [f"r{k}" for k in range(600)], "period": PERIOD, "text": texts})
    drawn = draw_pool(Tables(surveys=written(*texts)), parse_period(PERIOD)).head(60)
    labels = find_readings(pd.DataFrame([row(text, "neutral") for text in drawn["text"]]), frame)
    share = labels.index.map(frame["text"]).str.startswith("Good").mean()
    assert 0.3 < share < 0.7 and 80 < len(labels) < 170


def test_only_random_readings_count_and_the_first_reader_s_where_two_differ(tmp_path):
    texts = pd.DataFrame({"comment_id": list("abcde"), "period": PERIOD, "text": [f"text {k}" for k in range(5)]})
    rows = [
        row("text 0", blame=("waiting",)), row("text 0", "positive", "Ben"), row("text 1", drawn="corrected"),
        row("text 2", drawn="teaching"), row("text 3", "skipped"), row("text 4", period="2025-02"),
        row("text 3", "neutral", "Ben", praise=("courtesy",)),
    ]  # fmt: skip
    labels = find_readings(pd.DataFrame(rows), texts)
    assert labels.index.tolist() == [0, 3]
    assert labels.loc[0, ["waiting", "negative", "positive", "courtesy"]].tolist() == [1, 1, 0, 0]
    assert labels.loc[3, ["neutral", PRAISE + "courtesy"]].tolist() == [1, 1]


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


def test_a_session_saves_beside_the_configuration_or_where_it_says(organisation):
    session = open_session(organisation, PERIOD, "Ann", 3)
    assert session.left == 3
    while session.text:
        session.keep(Reading("neutral"))
    assert len(pd.read_csv(organisation.parent / "data/derived/labels/acme-co.csv")) == 3
    assert open_session(organisation, PERIOD, "Ann", 10).left == 1
    organisation.write_text(organisation.read_text() + "[text]\nreadings = 'mine.csv'\n")
    assert open_session(organisation, PERIOD, "Ann", 3).store.path == organisation.parent / "mine.csv"


def test_readings_are_found_again_beside_the_texts_of_the_report(organisation):
    session = open_session(organisation, PERIOD, "Ann", 4)
    while session.text:
        session.keep(Reading("negative", ("waiting",)))
    story = load_story(organisation, PERIOD)
    assert (
        story.readings.index.map(story.current["text"]).map(text_hash).nunique() == 4
        and story.readings["waiting"].eq(1).all()
    )
    assert load_story(organisation, "2025-04").readings.index.size == len(story.readings)  # of the month before


def test_a_correction_is_kept_apart_and_leaves_the_random_reading(organisation):
    session = open_session(organisation, PERIOD, "Ann", 1)
    text = session.text
    session.keep(Reading("negative", ("waiting",)))
    pool = pd.DataFrame({"text_hash": [text_hash(text)], "text": [text]})
    LabellingSession(session.store, pool, "Ann", PERIOD, 1, drawn=CORRECTED).keep(Reading("negative", ("courtesy",)))
    rows = session.store.read()
    assert rows[["drawn", "blame"]].values.tolist() == [["random", "waiting"], ["corrected", "courtesy"]]
    assert rows["text_hash"].nunique() == 1
    assert open_session(organisation, PERIOD, "Ben", 2).left == 2


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
    pair = moods(labelled_twice([[88, 14, 18], [10, 40, 10], [2, 6, 12]]))
    assert (pair.n, round(pair.kappa, 3)) == (200, 0.492)


def test_kappa_and_its_interval_as_published():
    """A SAS example (in statsmodels' tests), and ci.kappa(.05, 31, 12, 4, 58) in the manual of R's statpsych."""
    pair = moods(labelled_twice([[0, 4, 1], [0, 8, 0], [0, 1, 5]]))
    assert [round(value, 4) for value in (pair.kappa, pair.low, pair.high)] == [0.4842, 0.2137, 0.7547]
    labels = labelled_twice([[31, 0, 12], [0, 0, 0], [4, 0, 58]])
    pair = moods(labels)
    assert [round(value, 7) for value in (pair.kappa, pair.low, pair.high)] == [0.6756757, 0.5317210, 0.8196303]
    words = "Sentiment: Ann and Ben agree on 89 of 105. Cohen's kappa is .68 (.53 to .82)"
    assert words_of(show_agreement(labels)).startswith(words)


def test_kappa_leaves_out_skipped_texts_and_those_of_one_reader():
    labels = labelled_twice([[2, 0, 0], [0, 0, 0], [0, 0, 2]])
    more = [row("text 0", "skipped", "Ben"), row("only Ann", "neutral")]
    labels = pd.concat([labels[labels["text_hash"].ne(text_hash("text 0")) | labels["labeller"].ne("Ben")],
                        pd.DataFrame(more)])  # fmt: skip
    pair = moods(labels)
    assert (pair.n, pair.kappa) == (3, 1.0)


def test_agreement_on_themes_counts_each_text_with_each_theme():
    pairs = [(("waiting",), ("waiting",)), (("courtesy",), ()), ((), ())]
    rows = [
        row(f"text {k}", labeller=who, blame=blame)
        for k, both in enumerate(pairs) for who, blame in zip(("Ann", "Ben"), both, strict=True)
    ]  # fmt: skip
    themes = next(pair for pair in measure_agreement(pd.DataFrame(rows)) if pair.about == "themes")
    assert (themes.n, themes.same) == (3 * 32, 3 * 32 - 1)


def test_agreement_that_cannot_be_told_says_so():
    assert agreement_of(pd.DataFrame([row("one")])).startswith("Agreement is not known: it takes two readers")
    same = agreement_of(labelled_twice([[3, 0, 0], [0, 0, 0], [0, 0, 0]]))
    assert same.startswith("Sentiment: Ann and Ben gave all 3 the same answer, kappa is undefined.")
    few = agreement_of(labelled_twice([[3, 1, 0], [0, 0, 0], [0, 0, 4]]))
    assert "7 of 8. Cannot tell yet" in few
    apart = agreement_of(pd.DataFrame([row("one"), row("two", labeller="Ben")]))
    assert apart == "Ann and Ben have read no text in common: agreement is not known."


# the demo's own readings


def test_the_demo_has_read_its_own_texts_as_they_were_planted_but_for_a_reader_s_slips(tmp_path):
    truth = write_demo(tmp_path, seed=4, months=3, customers=20_000)
    path = write_readings(tmp_path, truth)
    first = path.read_bytes()
    rows = LabelStore(path).read()
    assert len(rows) == 150 and set(rows["period"]) == {"2026-10"} and set(rows["drawn"]) == {"random"}
    assert write_readings(tmp_path, truth).read_bytes() == first
    planted = pd.concat([truth.comments, truth.complaints])
    blamed = rows[rows["sentiment"] == "negative"]["blame"].str.split("|").str.len()
    expected = planted[planted["polarity"] == "negative"][["theme", "second_theme"]].ne("").sum(axis=1).mean()
    assert abs(blamed.mean() - expected) < 0.5


def test_what_the_demo_s_reader_saw_is_redacted_as_its_settings_say():
    settings = load_config(pathlib.Path(__file__).parents[2] / "perception.toml")
    assert settings.organisation.order_number_patterns == ORDERS
