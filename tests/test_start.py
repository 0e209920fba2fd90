"""`perception start`: from exports that nobody has described to a map, with what they do not show left as questions."""

import io
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

from analytics.config import load_config
from analytics.report.incoming import describe_incoming, write_page
from analytics.report.starting import find_origins, start_report, toml_value
from analytics.tables.maps import load_map
from analytics.tables.read import read_tables
from analytics.tables.sources import read_file
from analytics.text.mood import heed_mood
from tests.fuzz import fuzzed

WORDS = (
    "Quick and friendly, thank you",
    "Nobody called me back for weeks",
    "It works as promised",
    "Charged twice again",
)


class Terminal(io.StringIO):
    """What somebody types, as a terminal gives it."""

    def isatty(self) -> bool:
        return True


def survey(rows: int = 120, seed: int = 0) -> pd.DataFrame:
    """An export with a score from 0 to 10 whose header says nothing, and words beside it."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2026-08-01", periods=rows, freq="12h")
    return pd.DataFrame(
        {
            "Entry": [f"e{i}" for i in range(rows)],
            "Day of answer, date": days.strftime("%Y-%m-%d"),
            "Points": rng.permutation(np.arange(rows) % 11),
            "Why?": [f"{WORDS[i % 4]} ({i})" for i in range(rows)],
            "Shop": rng.choice(["North", "South"], rows),
        }
    )


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def maps(folder: Path) -> dict[str, object]:
    return tomllib.loads((folder / "my_map.toml").read_text())


def test_a_plain_question_in_the_header_needs_no_word_from_anybody(here, perception):
    survey().rename(columns={"Points": "How likely are you to recommend us?"}).to_csv("export.csv", index=False)
    code, out, _ = perception("start", "export.csv", "--no-input")
    assert code == 0
    assert "QUESTION" not in out
    assert "perception check --config my.toml" in out
    assert maps(here)["surveys"] == {
        "response_id": "Entry", "responded_at": "Day of answer, date", "nps": "How likely are you to recommend us?",
        "comment": "Why?", "extra": {"shop": "Shop"},
    }  # fmt: skip
    assert "whole numbers 0 to 10" in (here / "my_map.toml").read_text()
    assert perception("check", "--config", "my.toml")[0] == 0


def test_what_the_data_do_not_show_is_a_question_that_no_report_passes(here, perception):
    survey().to_csv("export.csv", index=False)
    code, out, _ = perception("start", "export.csv", "--no-input")
    assert code == 0
    assert "QUESTION: surveys, score: 'Points' holds whole numbers 0 to 10" in out
    for command in (("check",), ("report", "--period", "2026-08")):
        code, _, err = perception(*command, "--config", "my.toml")
        assert code == 2
        line = next(line for line in err.splitlines() if "QUESTION" in line)
        assert "'Points'" in line
        assert "scale" in line
    assert not (here / "reports").exists()


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        ("1\n", {"column": "Points", "scale": [0, 10]}),
        ("2\n", {"column": "Points", "scale": [0, 10], "reverse": True}),
        ("3\n", None),
    ],
)
def test_an_answer_on_the_terminal_settles_a_question(here, perception, monkeypatch, typed, rule):
    survey().to_csv("export.csv", index=False)
    monkeypatch.setattr(sys, "stdin", Terminal(f"Europe/Madrid\n{typed}"))
    code, out, _ = perception("start", "export.csv", "--name", "Acme")
    assert code == 0
    assert "QUESTION" not in out
    assert maps(here)["surveys"].get("nps") == rule
    assert perception("check", "--config", "my.toml")[0] == 0


def test_a_real_terminal_is_asked(here):
    survey().to_csv("export.csv", index=False)
    ours, theirs = os.openpty()
    os.write(ours, b"Acme\n\n1\n")
    done = subprocess.run(
        [sys.executable, "-m", "analytics", "start", "export.csv"], stdin=theirs, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0, done.stderr
    assert "Which score is it" in done.stdout
    assert maps(here)["surveys"]["nps"] == {"column": "Points", "scale": [0, 10]}


def test_enter_leaves_a_question_open(here, perception, monkeypatch):
    survey().to_csv("export.csv", index=False)
    monkeypatch.setattr(sys, "stdin", Terminal("Acme\n\n\n"))
    code, out, _ = perception("start", "export.csv")
    assert code == 0
    assert "QUESTION" in out


def test_dates_that_read_two_ways_are_asked_about_and_the_answer_is_kept(here):
    frame = survey().rename(columns={"Points": "NPS"})
    frame["Day of answer, date"] = [f"{1 + i % 12:02}/{1 + i % 12:02}/2026" for i in range(len(frame))]
    frame.loc[0, "Day of answer, date"] = "03/04/2026"
    frame.to_csv("export.csv", index=False)
    asked: list[str] = []

    def ask(question: str, answers: list[str]) -> int:
        asked.append(question)
        return next(i for i, answer in enumerate(answers) if "day comes first" in answer)

    start_report(find_origins([Path("export.csv")], here)[0], here, "Acme", ask=ask)
    assert len(asked) == 1
    assert "responded_at" in asked[0]
    assert maps(here)["day_first"] is True


@pytest.mark.parametrize("high", [5, 7])
def test_words_of_a_label_that_speak_against_the_scale_are_asked_about(here, perception, high):
    frame = survey()
    frame["How easy was it?"] = [
        f"{1 + i % high} - {'Very easy' if i % high == 0 else 'Very difficult' if i % high == high - 1 else 'so so'}"
        for i in range(120)
    ]
    frame.drop(columns="Points").to_csv("export.csv", index=False)
    _, out, _ = perception("start", "export.csv", "--no-input")
    assert "QUESTION: surveys.ces: column ces, direction" in out or "QUESTION: surveys, score" in out


def test_a_shipped_map_is_known_by_its_headers(here, perception):
    days = pd.date_range("2026-08-01", periods=60, freq="D").strftime("%Y-%m-%d")
    frame = pd.DataFrame({"date": days, "rating": [1, 5, 4] * 20, "review": WORDS * 15, "bank": "B", "source": "store"})
    frame.to_csv("reviews.csv", index=False)
    code, out, _ = perception("start", "reviews.csv", "--no-input")
    assert code == 0
    assert "shipped map bank_app_reviews.toml" in (here / "my_map.toml").read_text()
    assert load_map(here / "my_map.toml", "my_map.toml").tables["surveys"].columns["csat"].column == "rating"


def test_files_of_one_layout_become_one_pattern_and_others_another_map(here, perception):
    frame = survey().rename(columns={"Points": "NPS"})
    frame.iloc[:60].to_csv("answers_1.csv", index=False)
    frame.iloc[60:].to_csv("answers_2.csv", index=False)
    joined = pd.DataFrame(
        {"Customer ID": [f"c{i}" for i in range(30)], "Joined": "2024-01-01", "Segment": ["A", "B"] * 15}
    )
    joined.to_csv("people.csv", index=False)
    code, _, err = perception("start", "answers_1.csv", "answers_2.csv", "people.csv", "--no-input")
    assert code == 0, err
    sources = tomllib.loads(Path("my.toml").read_text())["sources"]
    assert sources["surveys"] == {"path": "answers_*.csv", "map": "my_map.toml"}
    assert sources["customers"] == {"path": "people.csv", "map": "my_map_2.toml"}
    code, out, _ = perception("check", "--config", "my.toml")
    assert code == 0
    assert "answers_2.csv" in out


def test_each_sheet_of_a_workbook_is_an_export(here, perception):
    with pd.ExcelWriter("book.xlsx") as book:
        survey().rename(columns={"Points": "NPS"}).to_excel(book, sheet_name="Answers", index=False)
        people = {
            "Customer ID": [f"c{i}" for i in range(30)],
            "Joined": "2024-01-01",
            "Left": [""] * 20 + ["2026-01-01"] * 10,
        }
        pd.DataFrame(people).to_excel(book, sheet_name="People", index=False)
    code, _, err = perception("start", "book.xlsx", "--no-input")
    assert code == 0, err
    sources = tomllib.loads(Path("my.toml").read_text())["sources"]
    assert {name: source["sheet"] for name, source in sources.items()} == {"surveys": "Answers", "customers": "People"}
    assert perception("check", "--config", "my.toml")[0] == 0


def test_a_query_is_an_export_and_its_address_is_never_written(here, perception, monkeypatch):
    url = f"sqlite:///{here}/answers.db"
    survey().rename(columns={"Points": "NPS"}).to_sql("answers", create_engine(url), index=False)
    monkeypatch.setenv("ANSWERS_URL", url)
    words = ("start", "--url-env", "ANSWERS_URL", "--query", "select * from answers", "--no-input")
    assert perception(*words)[0] == 0
    assert "sqlite" not in Path("my.toml").read_text() + Path("my_map.toml").read_text()
    assert perception("check", "--config", "my.toml")[0] == 0


def test_nothing_is_written_over_without_force(here, perception):
    survey().to_csv("export.csv", index=False)
    Path("my_map.toml").write_text("mine")
    code, _, err = perception("start", "export.csv", "--no-input")
    assert code == 2
    assert "my_map.toml already" in err
    assert Path("my_map.toml").read_text() == "mine"
    assert perception("start", "export.csv", "--no-input", "--force")[0] == 0


def test_my_settings_hold_no_promise_and_no_target_of_the_demo(here, perception):
    survey().to_csv("export.csv", index=False)
    perception("start", "export.csv", "--no-input", "--name", 'Jo\'s "best" café', "--timezone", "Europe/Madrid")
    content = tomllib.loads(Path("my.toml").read_text())
    assert {*content} == {"organisation", "sources"}
    assert content["organisation"] == {"name": 'Jo\'s "best" café', "timezone": "Europe/Madrid"}


def test_stamps_with_and_without_a_zone_are_asked_about(here, perception):
    frame = survey().rename(columns={"Points": "NPS"})
    frame["Sent at"] = pd.date_range("2026-07-31", periods=len(frame), freq="12h", tz="UTC").strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
    frame["Day of answer, date"] = (frame["Day of answer, date"] + " 13:00").where(frame.index >= 5, "")
    frame.to_csv("export.csv", index=False)
    assert "QUESTION: organisation.timezone, zone" in perception("start", "export.csv", "--no-input")[1]
    assert "QUESTION" not in perception("start", "export.csv", "--no-input", "--force", "--timezone", "UTC")[1]


def test_an_export_of_answers_alone_does_not_say_who_was_asked(here, perception):
    frame = survey().rename(columns={"Points": "NPS"}).assign(**{"Sent on": "2026-07-31"})
    frame.to_csv("export.csv", index=False)
    perception("start", "export.csv", "--no-input")
    assert "invited_at" not in maps(here)["surveys"]
    frame["Day of answer, date"] = frame["Day of answer, date"].where(frame.index >= 5, "")
    frame.to_csv("export.csv", index=False)
    perception("start", "export.csv", "--no-input", "--force")
    assert maps(here)["surveys"]["invited_at"] == "Sent on"


def test_an_export_that_says_nothing_is_refused_with_its_headers(here, perception):
    pd.DataFrame({"a": ["x", "y"] * 20, "b": range(40)}).to_csv("export.csv", index=False)
    code, _, err = perception("start", "export.csv", "--no-input")
    assert code == 2
    assert "export.csv: no column looks like a score" in err
    assert "'a', 'b'" in err
    assert not Path("my.toml").exists()


CELLS = st.one_of(
    st.integers(-5, 12).map(str),
    st.text(max_size=12),
    st.sampled_from(["", "9/10", "★★★", "2026-05-01", "01/02/2026", "#N/A", *WORDS]),
)
COLUMNS = (  # what the cells of one column may be drawn from
    CELLS,
    st.integers(0, 10).map(str),
    st.integers(1, 5).map(str),
    st.integers(0, 10_000).map("C{}".format),
    st.integers(1, 28).map("2026-05-{:02d}".format),
    st.tuples(st.integers(1, 28), st.integers(1, 12)).map(lambda d: f"{d[0]:02d}/{d[1]:02d}/2026"),
    st.sampled_from(["2026 Q1", "2026 Q2", "Q3/2026"]),
    st.sampled_from(["Very good", "Good", "Neither", "Poor", "Very poor", "Don't know", ""]),
    st.tuples(st.integers(0, 11), st.sampled_from(WORDS)).map(lambda both: f"{both[0]} - {both[1]}"),
    st.sampled_from([*WORDS, "STOP", "n/a", "Très déçu, jamais livré"]),
    st.floats(0, 1e17).map(repr),
    st.sampled_from(["1777800000", "1777800000000", "46143.5", "1.234,5", "12:30"]),
)
HEADERS = st.one_of(
    st.sampled_from(
        ["Score", "NPS", "Rating", "Date", "Period", "Comment", "ID", "customer_id", "Ticket ID", "Status", "Created",
         "How likely are you to recommend us? (0-10)", "How satisfied are you?", "Updated at", "Agent", ""]
    ),
    st.text(max_size=8),
)  # fmt: skip


@fuzzed(40)
@given(st.lists(HEADERS, min_size=1, max_size=7), st.sampled_from([0, 1, 3, 12, 40]), st.data())
def test_whatever_a_file_holds_a_start_ends_in_tables_or_in_a_sentence(tmp_path, headers, rows, data):
    kinds = [data.draw(st.sampled_from(COLUMNS)) for _ in headers]
    cells = [data.draw(st.lists(kind, min_size=rows, max_size=rows)) for kind in kinds]
    file = tmp_path / "fuzz.csv"
    frame = pd.DataFrame(list(zip(*cells, strict=True)), columns=headers)
    frame.to_csv(file, index=False, encoding="utf-8", errors="replace")
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
    try:
        begun = start_report(find_origins([file], tmp_path)[0], tmp_path, "Acme", ask=lambda question, answers: 0)
    except ValueError as error:
        assert str(error)
        return
    tomllib.loads((tmp_path / "my.toml").read_text())
    tomllib.loads((tmp_path / "my_map.toml").read_text())
    if not begun.questions:
        config = load_config(tmp_path / "my.toml")
        tables = heed_mood(read_tables(config))
        now = pd.Timestamp("2026-06-01", tz="UTC")
        assert write_page(describe_incoming(tables, config, now), config, now).is_file()


@fuzzed(25)
@given(st.binary(max_size=400))
def test_whatever_bytes_a_file_holds_a_start_does_not_crash(tmp_path, content):
    file = tmp_path / "fuzz.csv"
    file.write_bytes(content)
    try:
        start_report(find_origins([file], tmp_path)[0], tmp_path, "Acme")
    except ValueError as error:
        assert str(error)


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5), st.one_of(st.text(max_size=8), st.booleans(), st.integers(-9, 9)), max_size=4
    )
)
def test_what_is_written_as_toml_reads_back(value):
    assert tomllib.loads(f"v = {toml_value(value)}")["v"] == value


def test_the_frame_itself_is_not_changed(here):
    survey().to_csv("export.csv", index=False)
    before = read_file("export.csv")
    find_origins([Path("export.csv")], here)
    pd.testing.assert_frame_equal(read_file("export.csv"), before)
