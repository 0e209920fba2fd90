import numpy as np
import pandas as pd
import pytest

from analytics.tables.schema import Tables
from analytics.text.comments import STORED, score_and_redact
from tests.text.reading import read_comments

SURVEYS = pd.DataFrame(
    {
        "response_id": ["a", "b", "c", "d"],
        "agent_name": ["Tom Becker", None, "Tom Becker", None],
        "comment": ["Waited for hours, Tom Becker said sorry", None, "Kind, and it was billed twice", "12345"],
    }
)
COMPLAINTS = pd.DataFrame(
    {"complaint_id": ["x"], "received_at": pd.to_datetime(["2025-03-01"]), "text": ["I cancelled, mail jo@example.com"]}
)


def stored(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    scored = score_and_redact(frame[column], names=["Tom Becker"], model="fast")
    return frame.drop(columns=column).join(scored)


def test_texts_scored_before_read_as_if_they_were_scored_now(monkeypatch):
    fresh = read_comments(Tables(surveys=SURVEYS, complaints=COMPLAINTS), model="fast")
    tables = Tables(surveys=stored(SURVEYS, "comment"), complaints=stored(COMPLAINTS, "text"))
    monkeypatch.setattr(
        "analytics.text.scored.Reader.sentiment",
        lambda _, texts: pytest.fail("scored again") if texts else np.empty((0, 3)),
    )
    again = read_comments(tables, model="fast")
    fresh["themes"] = [[str(tag) for tag in tags] for tags in fresh["themes"]]
    pd.testing.assert_frame_equal(again, fresh, check_dtype=False)


def test_a_scored_table_beside_a_raw_one_keeps_its_scores_and_the_raw_one_is_redacted():
    surveys = stored(SURVEYS, "comment").assign(model="fast of last year")
    both = read_comments(Tables(surveys=surveys, complaints=COMPLAINTS), model="fast")
    assert both["model"].str.contains("last year").tolist() == [True, True, True, False]
    assert both["text"].tolist()[-1] == "I cancelled, mail [e-mail]"
    assert both["text"].tolist()[0] == "Waited for hours, [name] said sorry"
    assert both["sentiment"].tolist()[2] == "unknown"


def test_stored_scores_are_flat_and_never_take_the_name_of_a_score():
    scored = score_and_redact(pd.Series(["Waited for hours"], name="themes"), model="fast")
    assert scored.columns.tolist() == ["text", *STORED]
    assert not scored.map(lambda cell: isinstance(cell, list)).any(axis=None)


def test_only_the_customers_own_words_are_collected_scored_and_kept():
    texts = ["Cold again.\n\nOn Tue, 5 May 2026 at 08:12, Care wrote:\n> So happy to help!", "STOP"]
    surveys = pd.DataFrame({"response_id": ["a", "b"], "comment": texts, "author": ["Customer", None]})
    agent = surveys.tail(1).assign(response_id="c", comment="Wonderful, my pleasure!", author="Agent")
    read = read_comments(Tables(surveys=pd.concat([surveys, agent], ignore_index=True)), model="fast")
    assert read["text"].tolist() == ["Cold again.", "STOP"]
    assert read["reason"].tolist() == ["", "opt-out"]
    assert read["churn_intent"].isna().tolist() == [False, True]
    assert score_and_redact(surveys["comment"], model="fast")["comment"].tolist() == ["Cold again.", "STOP"]
