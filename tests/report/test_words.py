"""Sentences and tables stand as data: what is told is there, what is there is told, and counts read plainly."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analytics import report
from analytics.contrast.signals import detect_signals
from analytics.measures.estimate import SAID, Estimate
from analytics.publish.blocks import RECORDS
from analytics.publish.claims import check_claims
from analytics.report import bands, words
from analytics.report.words import LACK_WORDS, SENTENCES, TABLES, say, table_of

SOURCE = "\n".join(file.read_text(encoding="utf-8") for file in Path(report.__file__).parents[1].rglob("*.py"))


def test_every_sentence_named_in_the_code_stands_in_the_file():
    named = re.findall(r'say\("(\w+)\.(\w+)"', SOURCE)
    assert len(named) > 60
    assert not {f"{table}.{name}" for table, name in named if name not in SENTENCES.get(table, {})}


def test_no_sentence_of_the_file_is_left_untold():
    made = re.compile(
        r"groups\.untimely|asking\..*|leaving\.no_(words|customers)(_\w+)?|recovery\.(not_recorded|settle|needs)|labelling\.\w+_end|provenance\.mood_\w+"
    )  # named otherwise
    every = {(table, name) for table, sentences in SENTENCES.items() for name in sentences}
    untold = {f"{t}.{name}" for t, name in every if f"{t}.{name}" not in SOURCE and f'"{name}"' not in SOURCE}
    assert not {name for name in untold if not made.fullmatch(name)}


def test_every_table_of_the_file_is_shown():
    made = {"left", "repeated", "next_score"}  # named by the outcome itself
    assert not {name for name in TABLES if f'"{name}"' not in SOURCE} - made


def test_a_sentence_writes_an_estimate_with_its_interval_and_a_list_as_names():
    share = Estimate(0.62, 0.58, 0.66, 1204, "share", SAID)
    assert say("problems.team", team="North", share=share, elsewhere=0.5).startswith(
        "Team North is thanked most often: thanks stand in 62 % (58–66) of the 1,204 texts"
    )
    assert (
        say("bands.as_well", names=["cost", "waiting", "holds"]) == "The score also goes with cost, waiting and holds."
    )


def test_a_table_without_one_of_its_columns_is_refused_unless_that_one_is_optional():
    rows = pd.DataFrame({"category": ["Bills"], "value": [0.5]})
    with pytest.raises(ValueError, match="no column 'word'"):
        table_of("categories", rows, n=3, people=RECORDS)
    clocks = pd.DataFrame({"group": ["all"], "n": [30], "confirmed": [0.5]})
    block = table_of("clocks", clocks, n=30, people=30, by="Team", span="last 6 months")
    assert [head["label"] for head in block.data["columns"]] == ["Team", "Cases", "Confirmed"]


@pytest.mark.parametrize(
    ("measure", "above", "upto", "words"),
    [
        ("reopens", -np.inf, 0, "cases were not reopened"),
        ("reopens", 0, 1, "cases were reopened once"),
        ("reopens", 1, np.inf, "cases were reopened at least twice"),
        ("transfers", 2, 3, "cases were passed on 3 times"),
        ("contacts", -np.inf, 1, "cases needed up to 1 contact"),
        ("wait_time_s", -np.inf, 180, "waiting time per contact is up to 3 minutes"),
    ],
)
def test_a_band_of_a_count_says_what_happened_to_the_cases(measure, above, upto, words):
    table, row = SimpleNamespace(measure=measure), pd.Series({"above": above, "upto": upto})
    assert bands._where(SimpleNamespace(config=SimpleNamespace(names={})), table, row) == words


def test_a_figure_that_the_organisation_named_keeps_its_name():
    story = SimpleNamespace(config=SimpleNamespace(names={"reopens": "cases back on the desk"}))
    row = pd.Series({"above": 0, "upto": 1})
    assert bands._where(story, SimpleNamespace(measure="reopens"), row) == "cases back on the desk is 1"


def test_what_is_told_without_evidence_passes_the_gate_of_claims():
    facts = {"explanation.race", "actions.no_change"}  # these two carry a rule of change
    tables = {name: sentences for name, sentences in SENTENCES.items() if name not in ("labelling", "explorer")}
    told = {f"{table}.{name}": text for table, sentences in tables.items() for name, text in sentences.items()}
    told |= {f"lack.{name}": f"Who may leave: record {words}." for name, words in LACK_WORDS.items()}
    refused = {name for name, text in told.items() if check_claims(re.sub(r"{[^}]*}", "7", text))}
    assert refused <= facts


@pytest.mark.parametrize("answered", [(0.48, 0.49), (0.61, 0.49)])
def test_who_answered_beside_a_fall_is_said_in_words_that_may_be_published(answered):
    sentence = words._perhaps_silence(SimpleNamespace(answered=answered, even=17.0), "nps")
    assert "it would be" in sentence
    assert check_claims(sentence) == []


@pytest.mark.parametrize(("step", "month", "ending"), [
    (30, "2026-06", "against the months before June 2026, and has been up since."),
    (-30, "2026-06", "against the months before June 2026, and has been down since."),
    (-30, "2026-09", "against the months before."),
])  # fmt: skip
def test_a_step_of_earlier_months_is_dated_to_the_month_in_which_it_came(step, month, ending):
    months = pd.period_range("2025-10", "2026-09", freq="M").astype(str)
    level = pd.Series([20.0, 22, 19, 21, 20, 22, 21, 19, 20, 21, 20, 21], months)
    signal = detect_signals(level + np.where(months >= month, step, 0), se=pd.Series(2.0, months))
    assert words.movement_sentence(signal, "score").endswith(ending)
