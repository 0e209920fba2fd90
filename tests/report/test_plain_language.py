"""The demo's report is short and plain: pages, sentences, digits, nothing said twice, no name of a column."""

import json
import re

import nbformat
import pytest
from pypdf import PdfReader

from analytics.publish.blocks import MIME
from tests.plain import LONGEST, columns_named, said_twice, too_fine, typical_length


@pytest.fixture(scope="module")
def claims(demo_report):
    return json.loads((demo_report.parent / "claims.json").read_text(encoding="utf-8"))["claims"]


@pytest.fixture(scope="module")
def pages(demo_report):
    return [page.extract_text() for page in PdfReader(demo_report).pages]


def test_the_report_is_at_most_eight_pages(pages):
    assert len(pages) <= 8


def test_a_typical_sentence_has_no_more_than_22_words(claims):
    assert typical_length(claims) <= LONGEST


def test_no_figure_has_more_digits_than_its_interval_carries(claims):
    assert not too_fine(claims)


def test_no_two_sentences_of_the_pages_say_the_same(claims, pages):
    assert not said_twice(claims, pages)


def test_no_name_of_a_column_reaches_a_reader(pages):
    assert not columns_named(pages)


def test_page_one_marks_its_claims_and_points_to_pages_that_are_there(claims, pages):
    first = [claim for claim in claims if claim["page_one"]]
    assert first and all(claim["section"] == "Page one" for claim in first)
    text = " ".join(pages[0].split())
    for claim in first:
        assert " ".join(claim["sentence"].split())[:40] in text
    numbers = [int(n) for n in re.findall(r"\bPage (\d+)(?! of)\b", text)]
    assert numbers and max(numbers) <= len(pages)


def test_every_link_of_the_html_copy_leads_to_a_place_in_it(demo_report):
    page = (demo_report.parent / "report.html").read_text(encoding="utf-8")
    places, links = ({*re.findall(rf'\b{mark}(at-[^"]+)"', page)} for mark in ('id="', 'href="#'))
    assert links and links <= places


def test_every_trait_has_its_share_of_blame_in_the_notebook(demo_report):
    nb = nbformat.read(demo_report.parent / "notebook.ipynb", as_version=4)
    shown = [out["data"][MIME] for cell in nb.cells for out in cell.get("outputs", []) if MIME in out.get("data", {})]
    (table,) = [b for b in shown if b["kind"] == "table" and "problem" in b["caption"]]
    assert len(table["rows"]) == 16
    for theme, share, counted, *_ in table["rows"]:
        assert isinstance(theme, str) and isinstance(counted, float)
        assert share is None or {"value", "low", "high"} <= set(share)
