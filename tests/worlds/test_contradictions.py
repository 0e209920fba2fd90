"""The checker of contradictions finds each kind of them, and none in the demo's report."""

import json

import nbformat
import pandas as pd
import pytest

from analytics.publish.cells import json_cell
from analytics.publish.collect import collect
from tests.worlds.contradictions import Drawn, contradictions

E = {"value": 0.3, "low": 0.2, "high": 0.4, "n": 200, "unit": "share", "source": "said by customers"}


def claim(sentence: str, evidence: tuple = (E,), section: str = "Problems", key: str = "", signal: str | None = None):
    return {"sentence": sentence, "evidence": list(evidence), "section": section, "key": key, "signal": signal}


def page(*numbers: dict) -> dict:
    return {"kind": "page_one", "numbers": list(numbers)}


def claimed(*args, **options):
    return [], [WAITING, claim(*args, **options)], []


def drawn(title: str, low: float, **columns) -> list[Drawn]:
    return [Drawn(title, pd.DataFrame({"value": [0.6], "low": [low], "high": [0.7], **columns}), 0.5)]


WAITING = claim("Waiting is named by 30 % (20–40).", key="problem:waiting")
PAIRS = {"kind": "prose", "text": "- Waiting differs: in 52 of 100 pairs (47–57)."}
TABLE = {"kind": "table", "caption": "Themes named as a problem.", "rows": [["Waiting", {**E, "value": 0.25}]]}
CASES = {
    "a side that the interval leaves open": claimed("Moves: 3 points below the others (-8 to +2)."),
    "a difference whose pairs do not differ": ([PAIRS], [], []),
    "a value outside its interval": claimed("50 %.", ({**E, "value": 0.5},)),
    "page one alone": claimed("31 %.", ({**E, "value": 0.31},), section="Page one"),
    "a number of page one alone": ([page({**E, "label": "Satisfied", "value": 0.9})], [WAITING], []),
    "two figures under one key": claimed("Waiting: 20 %.", ({**E, "value": 0.2},), key="problem:waiting"),
    "two words of movement": claimed("Waiting rose.", key="problem:waiting", signal="rose"),
    "a record that does not add up": claimed("24 statements of May 2026: 21 still true, 2 cannot be told."),
    "a share that is no such part": claimed("28 of the 200 customers who wrote name it, 30 % (20–40)."),
    "a movement within the usual": claimed("“Waiting” rose to 9 %, where 4 % to 9 % is usual.", signal="rose"),
    "a word against the rule": claimed("The share is 30 % (20–40). It fell by 3 points.", signal="no change"),
    "a group denied": (
        [],
        [claim("By team.", key="group:team"), claim("No difference by shift and team is shown.")],
        [],
    ),
    "another figure in the table": ([TABLE], [WAITING], []),
    "a drawn difference without a word": ([], [], drawn("Waiting: no recorded figure differs.", 0.55)),
    "a word without a drawn difference": ([], [], drawn("Holds.", 0.45, differs=[True])),
}


def test_what_a_section_draws_may_stand_on_page_one() -> None:
    first = claim("33 %.", ({**E, "value": json_cell(1 / 3)},), section="Page one")
    chart = Drawn("By waiting time.", pd.DataFrame([{**E, "value": 1 / 3}]), None)
    assert contradictions([], [first]) != [] and contradictions([], [first], [chart]) == []


@pytest.mark.parametrize("name", CASES)
def test_a_contradiction_is_found(name) -> None:
    assert len(contradictions(*CASES[name])) >= 1


def test_a_sound_report_has_none() -> None:
    again = {**WAITING, "section": "Page one"}
    sound = [WAITING, again, claim("Moves: 5 points below the others (-8 to -2)."), claim("It may differ (-8 to +2).")]
    sound += [claim("The score fell to −3 (−17 to +11), by 31 points (16–45).")]
    sound += [claim("28 of the 200 who wrote name it, 14 % (10–19)."), claim("By team.", key="group:team")]
    sound += [claim("No difference by shift is shown."), claim("It fell by 3 points (2–4).", signal="fell")]
    charts = drawn("Waiting: holds differ.", 0.55, differs=[True])
    assert contradictions([page({**E, "label": "Waiting"})], sound, charts) == []


def test_the_report_of_the_demo_does_not_contradict_itself(demo_report) -> None:
    blocks = collect(nbformat.read(demo_report.with_name("notebook.ipynb"), as_version=4))
    claims = json.loads(demo_report.with_name("claims.json").read_text(encoding="utf-8"))["claims"]
    assert contradictions(blocks, claims) == []
