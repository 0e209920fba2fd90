"""What is not recorded stands in one list, in a reader's words; what is open stands once, with what would settle it."""

import re
from types import SimpleNamespace

import pytest

from analytics import report
from analytics.publish.blocks import unknown
from analytics.report.cutoff import Coverage
from analytics.report.section import Section, not_known
from analytics.report.words import LACK_WORDS
from analytics.tables.schema import FIELDS, NotMeasured, ReadLog


def unknowns(*lacks, others=()):
    story = SimpleNamespace(coverage=Coverage(None, None), period=SimpleNamespace(label="May 2026"), log=ReadLog())
    sections = [not_known(lack) for lack in lacks] + [Section([block], block, [block]) for block in others]
    return report.show_unknowns(story, *sections)


def closing_list(section):
    (block,) = [block for block in section.blocks if block.kind == "prose"]
    head, *lines = block.data["text"].splitlines()
    assert head == "### Not set up, or not recorded"
    return lines


def test_what_one_record_would_tell_stands_in_one_line_without_the_name_of_a_column():
    lacks = [
        NotMeasured(table="surveys", columns=["invited_at"], needed_for=need) for need in ("who was asked", "bounds")
    ]
    lines = closing_list(unknowns(*lacks, NotMeasured(table="complaints", needed_for="goodwill")))
    assert lines == [
        "- Who was asked and bounds: record the date of each invitation, answered or not.",
        "- Goodwill: record complaints.",
    ]
    assert not re.search(r"[a-z]_[a-z]", "".join(lines))


def test_the_line_in_its_own_section_names_the_column_for_analysts_and_stays_out_of_the_pages():
    (line,) = not_known(NotMeasured(table="surveys", columns=["invited_at"], needed_for="who was asked")).blocks
    assert "no column invited_at" in line.data["sentence"]
    assert line.data["appendix"] is True


def test_a_reason_that_no_record_would_mend_is_said_as_it_is():
    lines = closing_list(unknowns(NotMeasured("fewer than 10 customers wrote", needed_for="shares of problems")))
    assert lines == ["- Shares of problems: fewer than 10 customers wrote."]


def test_an_open_end_of_two_sections_is_told_once_and_reaches_page_one():
    open_end = unknown("Why they left is not known.", settle="asking them")
    section = unknowns(NotMeasured(table="complaints", needed_for="goodwill"), others=[open_end, open_end])
    assert [b.data["sentence"] for b in section.blocks if b.kind == "finding"] == ["Why they left is not known."]
    assert section.answer.data["settle"] == "asking them"


@pytest.mark.parametrize("table", FIELDS)
def test_every_table_and_column_of_the_contract_has_a_readers_words(table):
    assert {table, *(field.name for field in FIELDS[table])} - set(LACK_WORDS) <= {"weight", "abandoned"} | {
        name for name in (field.name for field in FIELDS[table]) if name.endswith("_id")
    }
