import json
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from analytics.measures.estimate import OBSERVED, SAID, Estimate
from analytics.publish.blocks import (
    MIME,
    RECORDS,
    ROWS_SHOWN,
    finding,
    kpis,
    page_one,
    prose,
    provenance,
    quotes,
    table,
    unknown,
)
from analytics.publish.cells import estimate_cell
from analytics.publish.format import LONGEST_TEXT, format_interval, format_value, visible, write_interval
from analytics.publish.html import block_html, cell_text

SHARE = Estimate(0.62, 0.58, 0.66, 1204, "share", SAID)
UNDEFINED = Estimate(float("nan"), float("nan"), float("nan"), 0, "share", SAID)


class Tags(HTMLParser):
    """Collects tags and what a reader would see."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.style = [], "", 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def bundle(block):
    return block._repr_mimebundle_()


@pytest.mark.parametrize(
    ("estimate", "written"),
    [
        ((0.62, 0.58, 0.66, "share"), "62 % (58–66)"),
        ((0.043, 0.038, 0.049, "share"), "4.3 % (3.8–4.9)"),
        ((0.0, 0.0, 0.03, "share"), "0 % (0–3)"),
        ((31.4, 24.2, 38.0, "points"), "+31 (+24 to +38)"),
        ((-4.0, -12.0, 3.0, "points"), "−4 (−12 to +3)"),
        ((0.2, -7.0, 7.0, "points"), "0 (−7 to +7)"),
        ((64.0, 51.0, 80.0, "hours"), "64 h (51–80)"),
        ((4.62, 4.51, 4.73, "score"), "4.6 (4.5–4.7)"),
        ((1.5, float("nan"), float("nan"), "score"), "1.5"),
        ((float("nan"), float("nan"), float("nan"), "share"), "not known"),
        ((1_250_000.0, 1e6, 1.5e6, "£"), "1,250,000 £ (1,000,000–1,500,000)"),
    ],
)
def test_an_estimate_is_written_with_its_interval(estimate, written):
    assert write_interval(*estimate) == written


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan, np.float32("nan"), pd.NA, pd.NaT])
def test_a_missing_value_is_never_written_as_nan(missing):
    assert format_value(missing, "share") == "not known"


@pytest.mark.parametrize(
    ("value", "style", "written"),
    [
        (0.617, "share", "62 %"),
        (0.0617, "share1", "6.2 %"),
        (1204, "count", "1,204"),
        (-0.04, "number1", "0.0"),
        (-3.2, "points", "−3"),
        (2.5, "hours", "2 h"),
        (True, "yes/no", "yes"),
        (float("inf"), "number", "no limit"),
        ("007", "text", "007"),
        ("2025-03-01 09:30", "date", "2025-03-01"),
    ],
)
def test_a_value_is_written_in_its_format(value, style, written):
    assert format_value(value, style) == written


def test_a_figure_without_bounds_has_none_written():
    assert format_interval(0.5, float("nan"), float("nan"), "share") == ("50 %", "")


def test_an_overlong_text_is_cut_with_a_note():
    assert visible("x" * (LONGEST_TEXT + 1204)).endswith("… (1,204 more characters)")


def test_numbers_stay_numbers_in_the_data_and_missing_ones_become_none():
    frame = pd.DataFrame({"team": ["a", None], "n": [1, 2], "share": [0.5, np.nan]})
    shown = table(frame, caption="c", source=SAID, n=3, people=RECORDS, formats={"share": "share"})
    assert shown.data["rows"] == [["a", 1, 0.5], [None, 2, None]]
    assert "50 %" in bundle(shown)["text/html"]
    assert "nan" not in bundle(shown)["text/html"].lower()


def test_the_bundle_is_strict_json_whatever_the_cells_hold():
    frame = pd.DataFrame(
        {
            "time": pd.to_datetime(["2025-03-01 00:00", "2025-03-02 09:30"]).tz_localize("Europe/London"),
            "flag": pd.array([True, pd.NA], dtype="boolean"),
            "whole": pd.array([1, pd.NA], dtype="Int64"),
            "far": [np.inf, -np.inf],
            "estimate": [SHARE, UNDEFINED],
            "kind": pd.Categorical(["x", "y"]),
        }
    )
    data = bundle(table(frame, caption="c", source=OBSERVED, n=2, people=RECORDS))[MIME]
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["rows"][0][0] == "2025-03-01"
    assert data["rows"][1][:3] == ["2025-03-02 09:30", None, None]


def test_a_tidy_frame_of_estimates_shows_one_column_with_one_number_of_decimals():
    frame = pd.DataFrame(
        {
            "team": ["a", "b", "c"], "measure": "net_promoter_score", "value": [4.0, 12.3, np.nan],
            "low": [-5.0, 11.9, np.nan], "high": [13.0, 12.6, np.nan], "n": [9, 90, 0], "unit": "points",
            "source": SAID,
        }
    )  # fmt: skip
    shown = table(frame, caption="c", source=SAID, n=99, people="n")
    assert [c["label"] for c in shown.data["columns"]] == ["Team", "Net promoter score", "N"]
    cells = [cell_text(row[1], "number") for row in shown.data["rows"]]
    assert cells == ["+4 (−5 to +13)", "+12 (+12 to +13)", "not known"]


def test_a_column_beside_its_bounds_swallows_them():
    frame = pd.DataFrame({"said": [0.043], "said_low": [0.03], "said_high": [0.06], "left": [3]})
    shown = table(frame, caption="c", source=SAID, n=3, people=RECORDS, formats={"said": "share1"})
    assert [c["label"] for c in shown.data["columns"]] == ["Said", "Left"]
    assert cell_text(shown.data["rows"][0][0], "share1") == "4.3 % (3.0–6.0)"


def test_a_long_table_says_how_many_rows_it_leaves_out():
    shown = table(pd.DataFrame({"row": range(10_000)}), caption="c", source=SAID, n=10_000, people=RECORDS)
    assert len(shown.data["rows"]) == ROWS_SHOWN
    assert shown.data["note"] == "The first 200 of 10,000 rows are shown."


def test_an_empty_table_still_has_its_headings():
    html = bundle(table(pd.DataFrame({"team": []}), caption="Nobody", source=SAID, n=0, people=[]))["text/html"]
    assert "Team" in Tags(html).text


def test_a_table_leaves_its_frame_unchanged():
    frame = pd.DataFrame({"team": ["a"], "value": [0.5], "low": [0.4], "high": [0.6], "unit": ["share"]})
    before = frame.copy()
    table(frame, caption="c", source=SAID, n=1, people=1)
    pd.testing.assert_frame_equal(frame, before)


def test_hostile_text_is_text_in_every_block(payloads):
    frame = pd.DataFrame({"text": pd.Series(payloads, dtype="object")})
    for text in payloads:
        blocks = [
            finding(text, [SHARE]),
            unknown(text, settle=text),
            kpis({text: SHARE}, {text: text}),
            page_one(text, {text: SHARE}, {text: [text, unknown(text, settle=text)]}, basis=text),
            prose(text),
        ]
        for block in blocks:
            check_harmless(bundle(block))
    check_harmless(bundle(quotes(payloads, caption="c", n=32, contexts=payloads)))
    check_harmless(bundle(table(frame, caption="c", source=SAID, n=32, people=32)))
    check_harmless(bundle(provenance(frame, frame, frame)))


def check_harmless(data):
    json.dumps(data).encode("utf-8")
    html = data["text/html"]
    assert html.encode("utf-8")
    assert "\x00" not in html
    assert "\u202e" not in html
    parsed = Tags(html)
    assert [tag for tag, _ in parsed.tags].count("style") == 1
    forbidden = {"script", "link", "iframe", "object", "embed", "form", "meta"}
    assert not {tag for tag, _ in parsed.tags} & forbidden
    for tag, attributes in parsed.tags:
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("href", "src"):
            assert not str(attributes.get(name) or "").startswith(("javascript", "file", "data:text"))


def test_customer_text_is_shown_whole_and_kept_from_mathjax(payloads):
    parsed = Tags(block_html(quotes([payloads[0], "costs $5 and $6"], caption="c", n=2).as_json()))
    assert "<b>bold</b> & <i>italic</i>" in parsed.text
    assert "costs $5 and $6" in parsed.text
    assert "tex2jax_ignore" in parsed.tags[0][1]["class"]


def test_a_finding_carries_its_evidence_and_signal():
    class Signals:
        word = "rose"

    data = finding("Waiting rose.", [SHARE, UNDEFINED], Signals(), better="lower").data
    assert data["signal"] == "rose"
    assert data["evidence"][0] == {
        "value": 0.62, "low": 0.58, "high": 0.66, "n": 1204, "unit": "share", "source": SAID,
    }  # fmt: skip
    assert data["evidence"][1]["value"] is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: finding(" "), "a finding needs a sentence"),
        (lambda: finding("x", signal="improved"), "signal is 'improved'. Expected None or one of: rose, fell"),
        (lambda: finding("x", level="guess"), "level is 'guess'"),
        (lambda: kpis({}), "one to four numbers, not 0"),
        (lambda: kpis({"a": SHARE}, {"b": "note"}), r"notes for \['b'\]"),
        (lambda: table(pd.DataFrame({"a": [1]}), caption="", source=SAID, n=1, people=1), "table needs caption="),
        (lambda: table(pd.DataFrame({"a": [1]}), caption="c", source="us", n=1, people=1), "source 'us' is not known"),
        (
            lambda: table(pd.DataFrame({"a": [1]}), caption="c", source=SAID, n=1, people=1, columns={"b": "B"}),
            "table has no column 'b' for columns. It has: a.",
        ),
        (
            lambda: table(pd.DataFrame({"a": [1]}), caption="c", source=SAID, n=1, people=1, formats={"a": "percent"}),
            "format a: 'percent' is not known. Expected one of: text, count",
        ),
        (lambda: quotes(["a"], caption="c", n=1, contexts=["b", "c"]), "1 texts but 2 contexts"),
        (
            lambda: page_one("x", dict.fromkeys("abcd", SHARE), {}),
            "page one takes three numbers at most, not 4",
        ),
    ],
)
def test_a_fault_is_refused_with_a_way_out(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_bare_number_is_no_evidence():
    with pytest.raises(TypeError, match="expected an Estimate, found float"):
        finding("x", [0.62])


def test_a_figure_at_the_edge_of_rounding_is_written_as_its_stored_value_is() -> None:
    for value in (0.125 + 1e-15, 0.125 - 1e-15, 0.005 + 1e-16, 0.995 - 1e-16):
        whole = Estimate(value, value - 0.001, value + 0.2, 300, "share", SAID)
        cell = estimate_cell(whole)
        again = write_interval(cell["value"], cell["low"], cell["high"], cell["unit"])
        assert write_interval(whole.value, whole.low, whole.high, whole.unit) == again


def test_a_table_is_sorted_by_a_click_on_a_column_without_a_script(browser, tmp_path):
    shares = [Estimate(value, value - 0.1, value + 0.1, 120, "share", SAID) for value in (0.62, 0.2, 0.8)]
    rows = pd.DataFrame({"team": ["Repair", "billing", "Visits"], "score": [3.0, None, 7.2], "share": shares})
    shown = table(rows, caption="Teams", source=SAID, n=360, people=[120, 120, 120])
    (tmp_path / "page.html").write_text("<!doctype html><meta charset='utf-8'>" + block_html(shown.as_json()))
    browser.open(f"file://{tmp_path}/page.html")
    seen = """return [...document.querySelectorAll('tbody tr')].map(row => row.cells[0])
        .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top).map(cell => cell.textContent)"""
    listed, by_team, by_number = (
        ["Repair", "billing", "Visits"],
        ["billing", "Repair", "Visits"],
        ["Visits", "Repair", "billing"],
    )
    assert browser.run(seen) == listed
    for column, order in ((1, by_team), (2, by_number), (3, by_number), (0, listed)):
        browser.run(f"document.querySelector('.by-{column}').parentElement.click()")
        assert browser.run(seen) == order
