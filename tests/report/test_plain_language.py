"""The demo's report is short and plain: pages, sentences, digits, nothing said twice, no name of a column."""

import json
import re
from itertools import combinations
from statistics import median

import nbformat
import pytest
from pypdf import PdfReader

from analytics.publish.blocks import MIME
from analytics.publish.cells import read_estimate
from analytics.publish.claims import patterns, sentences
from analytics.publish.format import write_interval
from analytics.tables.schema import FIELDS

LONGEST = 22  # words of a typical sentence
ALIKE = 0.8  # share of their words from which on two sentences say the same


@pytest.fixture(scope="module")
def claims(demo_report):
    return json.loads((demo_report.parent / "claims.json").read_text(encoding="utf-8"))["claims"]


@pytest.fixture(scope="module")
def pages(demo_report):
    return [page.extract_text() for page in PdfReader(demo_report).pages]


def test_the_report_is_at_most_eight_pages(pages):
    assert len(pages) <= 8


def test_a_typical_sentence_has_no_more_than_22_words(claims):
    told = [sentence for claim in claims for sentence in sentences(claim["sentence"])]
    assert median(len(sentence.split()) for sentence in told) <= LONGEST


def test_no_figure_has_more_digits_than_its_interval_carries(claims):
    for claim in claims:
        figures = [read_estimate(cell) for cell in claim["evidence"]]
        allowed = {write_interval(e.value, e.low, e.high, e.unit).replace(" ", "") for e in figures}
        finest = {digits(text) for text in allowed}
        for match in patterns()["interval"].finditer(claim["sentence"]):
            assert digits(match[0]) <= max(finest, default=0), claim["sentence"]


def digits(figure):
    """Decimals of the first number of a written figure."""
    return len(re.search(r"\d(?:\.(\d+))?", figure)[1] or "")


def test_no_two_sentences_of_the_pages_say_the_same(claims):
    once = dict.fromkeys(claim["sentence"] for claim in claims if not claim["page_one"])  # as the pages tell them
    told = [set(sentence.lower().split()) for sentence in once]
    same = [(a, b) for a, b in combinations(told, 2) if len(a & b) > ALIKE * len(a | b)]
    assert not same


def test_no_name_of_a_column_reaches_a_reader(pages):
    named = {field.name for fields in FIELDS.values() for field in fields if "_" in field.name}
    assert not {word for page in pages for word in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", page)} & named


def test_page_one_marks_its_claims_and_points_to_pages_that_are_there(claims, pages):
    first = [claim for claim in claims if claim["page_one"]]
    assert first and all(claim["section"] == "Page one" for claim in first)
    text = " ".join(pages[0].split())
    for claim in first:
        assert " ".join(claim["sentence"].split())[:40] in text
    numbers = [int(n) for n in re.findall(r"\bPage (\d+)(?! of)\b", text)]
    assert numbers and max(numbers) <= len(pages)


def test_every_trait_has_its_share_of_blame_in_the_notebook(demo_report):
    nb = nbformat.read(demo_report.parent / "notebook.ipynb", as_version=4)
    shown = [out["data"][MIME] for cell in nb.cells for out in cell.get("outputs", []) if MIME in out.get("data", {})]
    (table,) = [b for b in shown if b["kind"] == "table" and "problem" in b["caption"]]
    assert len(table["rows"]) == 16
    for theme, share, counted, *_ in table["rows"]:
        assert isinstance(theme, str) and isinstance(counted, float)
        assert share is None or {"value", "low", "high"} <= set(share)
