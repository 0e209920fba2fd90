"""The workbook beside a report holds what its blocks hold, as numbers and text, and nothing that could run."""

import json

import openpyxl
import pandas as pd

from analytics.measures.estimate import SAID, Estimate
from analytics.measures.suppress import suppress
from analytics.publish.blocks import figure, finding, page_one, table
from analytics.publish.collect import findings
from analytics.publish.figures import plot_intervals
from analytics.publish.versions import digest
from analytics.publish.workbook import write_workbook

SHARE = Estimate(0.6171, 0.58, 0.66, 1204, "share", SAID)
TEAMS = pd.DataFrame({"team": ["North", "South", "East", "West"], "value": [0.62, 0.5, 0.4, 0.3], "unit": "share"})
TEAMS = TEAMS.assign(low=TEAMS["value"] - 0.1, high=TEAMS["value"] + 0.1, n=[40, 30, 6, 20])


def sheets(tmp_path, *blocks):
    write_workbook([block.as_json() for block in blocks], tmp_path / "evidence.xlsx")
    book = openpyxl.load_workbook(tmp_path / "evidence.xlsx")
    return {sheet.title: [list(row) for row in sheet.values] for sheet in book}


def test_every_number_is_that_of_the_claims(tmp_path):
    told = finding("62 % (58–66) are satisfied.", [SHARE], "no change", key="score:csat")
    blocks = [page_one(told, {}, {"What matters most": told}), told]
    heads, *rows = sheets(tmp_path, *blocks)["Sentences"]
    claims = list(findings([block.as_json() for block in blocks]))
    assert len(rows) == len(claims) == 3
    for row, claim in zip(rows, claims, strict=True):
        cells = dict(zip(heads, row, strict=True))
        assert [cells["Value"], cells["Low"], cells["High"], cells["N"]] == [0.6171, 0.58, 0.66, 1204]
        assert (cells["Sentence"], cells["Page one"]) == (claim["sentence"], claim["page_one"])


def test_a_table_and_a_chart_have_their_source_n_and_bounds(tmp_path):
    words = {"source": SAID, "n": 96, "people": "n"}
    chart = figure(plot_intervals(TEAMS, by="team"), alt="Shares.", caption="Drawn.", source=SAID, n=96, people=20)
    both = sheets(tmp_path, table(TEAMS, caption="By team.", note="All of them.", **words), chart)
    assert [row[0] for row in both["1 table"][:3]] == ["By team.", "said by customers, n = 96", "All of them."]
    assert both["1 table"][4][:4] == ["Team", "Value", "Value, low", "Value, high"]
    assert both["1 table"][5][:4] == ["North", 0.62, 0.52, 0.72]
    assert both["2 figure"][5] == ["North", 0.62, 0.52, 0.72, 40]


def test_a_group_that_the_page_withholds_is_withheld_in_the_workbook_too(tmp_path):
    hidden = suppress(TEAMS.rename(columns={"n": "people"}), 10, by=["team"], count="people")
    rows = sheets(tmp_path, table(hidden, caption="By team.", source=SAID, n=96, people="people", by=["team"]))[
        "1 table"
    ]
    east = next(row for row in rows if row[0] == "East")
    assert set(east[1:4]) == {None}
    assert not [cell for row in rows for cell in row if cell == 6]


def test_no_cell_is_a_formula_or_an_address(tmp_path, payloads):
    texts = [*payloads, "=1+1", "+1", "-1", "@SUM(A1)", "{=1}", "http://example.org", "mailto:a@example.org"]
    frame = pd.DataFrame({"text": pd.Series(texts, dtype="object")})
    blocks = [finding(text) for text in texts] + [table(frame, caption="=2+2", source=SAID, n=50, people=50)]
    write_workbook([block.as_json() for block in blocks], tmp_path / "evidence.xlsx")
    for sheet in openpyxl.load_workbook(tmp_path / "evidence.xlsx"):
        assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f" or cell.hyperlink]


def test_the_same_blocks_give_the_same_bytes(tmp_path):
    digests = set()
    for name in ("a", "b"):
        write_workbook([finding("62 % (58–66).", [SHARE]).as_json()], tmp_path / name)
        digests.add(digest(tmp_path / name))
    assert len(digests) == 1


def test_a_published_report_has_its_workbook(published):
    assert {"evidence.xlsx"} <= set(published.manifest["files"])
    sentences = [claim["sentence"] for claim in json.loads((published.folder / "claims.json").read_text())["claims"]]
    book = openpyxl.load_workbook(published.folder / "evidence.xlsx")
    assert {row[2] for row in book["Sentences"].values} >= set(sentences)
