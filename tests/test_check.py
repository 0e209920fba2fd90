"""`perception check`: what came in, on the terminal and as a page; what cannot make a report is a fault."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.config import load_config
from analytics.report.incoming import describe_incoming, write_page
from analytics.tables.schema import ReadLog, Tables
from tests.fuzz import fuzzed

SETTINGS = '[organisation]\nname = "Acme <b>"\n[sources.surveys]\npath = "answers*.csv"\nmap = "map.toml"\n'
MAP = """
[surveys]
response_id = "id"
responded_at = "day"
nps = "nps"
comment = "words"
customer_id = { column = "customer", optional = true }
weight = { column = "wieght", optional = true }
[surveys.extra]
shop = "shop"
"""
NOW = pd.Timestamp("2026-11-15", tz="UTC")


def answers(start: str, rows: int = 60) -> pd.DataFrame:
    days = pd.date_range(start, periods=rows, freq="12h").strftime("%Y-%m-%d")
    return pd.DataFrame(
        {
            "id": [f"{start}-{i}" for i in range(rows)], "day": days, "nps": [i % 11 for i in range(rows)],
            "words": [f"<script>Call me on 020 7946 0958, mail jo{i}@example.com" for i in range(rows)],
            "weight of it": 1, "shop": ["North"] * (rows - 3) + ["Jo Smith's"] * 3,
        }
    )  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answers("2026-08-01").to_csv("answers_1.csv", index=False)
    answers("2026-09-01").to_csv("answers_2.csv", index=False)
    Path("perception.toml").write_text(SETTINGS)
    Path("map.toml").write_text(MAP)
    return tmp_path


def test_the_terminal_and_the_page_tell_the_same(here, perception):
    code, out, _ = perception("check")
    assert code == 0
    page = Path("data/derived/check.html").read_text()
    for fact in (
        "rows set aside", "answers_1.csv", "2026-08-01", "2026-08-30", "answers_2.csv", "2026-09-30",
        "weight", "What the report will not show",
        "Who left without a word", "a list of all customers, with the day on which each one left",
    ):  # fmt: skip
        assert fact in out
        assert fact in page
    assert "perception report --config perception.toml --period 2026-09" in out


def test_scores_are_drawn_as_blocks_and_a_dot_where_nobody_gave_one(here):
    scores = pd.DataFrame({"response_id": list("abcdefgh"), "csat": [1.0, 5, 5, 5, 5, 5, 5, 5]})
    incoming = describe_incoming(Tables(surveys=scores, log=ReadLog()), load_config("perception.toml"), NOW)
    drawn = incoming.columns.set_index("column").loc["csat", "distribution"]
    assert drawn == "1 ▂···█ 5"


def test_examples_name_nobody(here, perception):
    _, out, _ = perception("check")
    page = Path("data/derived/check.html").read_text()
    for text in (out, page):
        assert "020 7946" not in text
        assert "@example.com" not in text
        assert "Jo Smith" not in text
        assert "2026-08-01-1" not in text


def test_customer_text_on_the_page_is_never_markup(here, perception):
    perception("check")
    page = Path("data/derived/check.html").read_text()
    assert "<script>" not in page
    assert "Acme &lt;b&gt;" in page


def test_an_optional_column_that_was_not_found_stands_with_the_nearest_header(here, perception):
    _, out, _ = perception("check")
    line = next(line for line in out.splitlines() if "wieght" in line)
    assert "weight of it" in line


def test_a_map_that_brings_no_score_and_no_words_is_a_fault(here, perception):
    Path("perception.toml").write_text('[organisation]\nname = "Acme"\n[sources.customers]\npath = "people.csv"\n')
    Path("people.csv").write_text("customer_id,segment\n" + "\n".join(f"c{i},A" for i in range(30)))
    code, out, err = perception("check")
    assert code == 2
    assert "no score and no words of a customer" in err
    assert "ready" not in out


def test_an_open_question_in_the_settings_is_a_fault_on_one_line(here, perception):
    Path("perception.toml").write_text("# QUESTION: organisation.timezone, zone: which?\n" + SETTINGS)
    code, _, err = perception("check")
    assert code == 2
    assert "QUESTION: organisation.timezone, zone: which? Answer it and delete its line." in err


def test_a_page_of_an_earlier_run_does_not_outlive_a_fault(here, perception):
    assert perception("check")[0] == 0
    Path("map.toml").write_text(MAP.replace('"nps"', '"nsp"'))
    assert perception("check")[0] == 2
    assert not Path("data/derived/check.html").exists()


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_changes_nothing(here, seed):
    frame = answers("2026-08-01").rename(columns={"id": "response_id", "words": "comment", "day": "responded_at"})
    frame["responded_at"] = pd.to_datetime(frame["responded_at"]).dt.tz_localize("UTC")
    mixed = frame.sample(frac=1, random_state=np.random.default_rng(seed))
    config = load_config("perception.toml")
    one, other = (describe_incoming(Tables(surveys=f, log=ReadLog()), config, NOW) for f in (frame, mixed))
    pd.testing.assert_frame_equal(one.columns, other.columns)
    assert one.next_period == other.next_period == "2026-08"


@fuzzed(40)
@given(
    st.lists(
        st.tuples(st.text(max_size=20), st.one_of(st.none(), st.integers(0, 10)), st.text(max_size=30)), max_size=15
    )
)
def test_whatever_customers_write_the_page_is_made(tmp_path, rows):
    (tmp_path / "perception.toml").write_text(SETTINGS)
    frame = pd.DataFrame(rows, columns=["shop", "nps", "comment"]).astype({"shop": "str", "comment": "str"})
    frame = frame.assign(nps=frame["nps"].astype("float64"), response_id=[f"r{i}" for i in range(len(frame))])
    config = load_config(tmp_path / "perception.toml")
    incoming = describe_incoming(Tables(surveys=frame, log=ReadLog()), config, NOW)
    page = write_page(incoming, config, NOW).read_text()
    assert page.rstrip().endswith("</html>")
    assert len(incoming.columns) == 4
