"""Where a table stands in its file: titles, header rows, notes, totals, cut rows, sheets, and files out of bounds."""

import json
import os
import random
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.config import Config
from analytics.publish.claims import check_claims
from analytics.tables import sources, workbook
from analytics.tables.check import REPAIRED
from analytics.tables.maps import parse_map
from analytics.tables.read import read_tables
from analytics.tables.sources import find_files, read_raw
from tests.fuzz import fuzzed

HEADER = ["case", "customer", "answered", "csat", "remark"]
WORDS = ["", "Fine", "Late", "Never again", "Kind staff"]


def answers(n, seed=0):
    draw = random.Random(seed)
    days = [f"2026-05-{i % 28 + 1:02} 10:00" for i in range(n)]
    return [[f"A-{i}", f"k{i}", days[i], str(draw.randint(1, 5)), draw.choice(WORDS)] for i in range(n)]


def text(rows, separator=","):
    return "".join(separator.join(row) + "\n" for row in rows)


def read(folder, content, name="export.csv", **settings_):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_raw(path, name, **settings_)


def book(folder, sheets, name="book.xlsx"):
    out = openpyxl.Workbook()
    out.remove(out.active)
    for title, rows in sheets.items():
        sheet = out.create_sheet(title)
        for row in rows:
            sheet.append(row)
    out.save(folder / name)
    return folder / name


def reasons(raw):
    return [reason for _, _, reason in raw.broken]


@pytest.mark.parametrize(
    "titles",
    [
        ["Closed cases\n", "\n"],
        ["Closed cases\n", "Run on,2026-05-31\n", "Filter,Status = Closed\n", "\n"],
        ["Closed cases,,,,\n", "Run on,2026-05-31,,,\n", ",,,,\n"],
        ["\n", "Run on,2026-05-31,by A\n"],
        ["Satisfaction improved\n", "\n"],
    ],
)
def test_title_rows_above_the_header_are_passed_over_and_named(tmp_path, titles):
    rows = answers(9)
    raw = read(tmp_path, "".join(titles) + text([HEADER, *rows]))
    assert raw.frame.to_numpy().tolist() == rows
    assert list(raw.frame) == HEADER
    assert f"the header was taken from row {len(titles) + 1}" in raw.warnings[0]
    assert not check_claims(raw.warnings[0]), "a title is quoted, not claimed"


def test_a_map_can_say_where_the_header_stands(tmp_path):
    content = "a,b,c\nd,e,f\nid,day,nps\n1,2026-05-01,9\n"
    for keys in ({"header_row": 3}, {"skip_rows": 2}):
        assert list(read(tmp_path, content, **keys).frame) == ["id", "day", "nps"]
    with pytest.raises(ValueError, match="header_row = 9 is a blank row or beyond the end"):
        read(tmp_path, content, header_row=9)
    assert parse_map({"header_row": 3, "surveys": {"response_id": "id"}}, "m").header_row == 3
    assert parse_map({"skip_rows": 2, "surveys": {"response_id": "id"}}, "m").skip_rows == 2


@pytest.mark.parametrize("announced", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_people_are_never_taken_for_header_rows(tmp_path, announced, seed):
    rows = answers(30, seed)
    for drop in (None, 2):  # with stamps and without
        cut = [[cell for c, cell in enumerate(row) if c != drop] for row in [HEADER, *rows]]
        raw = read(tmp_path, text(cut), header_rows=announced)
        assert len(raw.frame) == 30
        assert f"1 header row found where {announced} were expected" in raw.warnings[0]


def test_a_row_of_import_ids_ends_the_header_whatever_the_map_announces(tmp_path):
    ids = ",".join(f'"{{""ImportId"":""Q{i}""}}"' for i in range(2))
    content = f"ResponseId,Q4\nResponse ID,How likely?\n{ids}\nR_1,9\n"
    for announced in (1, 2, 3):
        raw = read(tmp_path, content, header_rows=announced)
        assert raw.frame.to_dict("list") == {"ResponseId": ["R_1"], "Q4": ["9"]}
        assert raw.aliases["How likely?"] == "Q4"


def test_boxes_to_tick_named_by_their_answer_stay_a_header_row(tmp_path):
    rows = [["#", "Mac", "Linux", "Sent"], *([str(i), "Mac" * (i % 2), "Linux", "2026-05-01"] for i in range(20))]
    raw = read(tmp_path, ",Which systems?,,\n" + text(rows), header_rows=2)
    assert len(raw.frame) == 20
    assert raw.aliases["Linux"] == "Which systems? / Linux"


def test_tags_entities_and_invisible_characters_are_no_part_of_a_header(tmp_path):
    header = '\ufeffid,<p>How likely&nbsp;<br/>are you?</p>,"Why\n so?\u200b",Wait <5 min\n'
    raw = read(tmp_path, header + "1,9,ok,3\n")
    assert list(raw.frame) == ["id", "How likely are you?", "Why so?", "Wait <5 min"]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_header_that_comes_again_is_set_aside(tmp_path, mark):
    rows = answers(6)
    raw = read(tmp_path, text([HEADER, *rows[:3]]) + mark + text([HEADER, *rows[3:]]))
    assert raw.frame.to_numpy().tolist() == rows
    assert reasons(raw) == ["repeats the header"]


@pytest.mark.parametrize("n", [3, 6, 200])
@pytest.mark.parametrize(
    "notes",
    [
        ['"Confidential - Do Not Distribute"', '"Copyright (c) 2026 Example"', '"Generated by: A 5/31/2026"', "Acme"],
        ["Generated on,2026-05-31,,,", "Total: 24 rows,,,,"],
        ["Généré le 31.05.2026"],
    ],
)
def test_notes_under_a_table_are_set_aside_however_small_it_is(tmp_path, n, notes):
    rows = answers(n)
    raw = read(tmp_path, text([HEADER, *rows]) + "\n" + "\n".join(notes) + "\n")
    assert raw.frame.to_numpy().tolist() == rows
    assert len(raw.broken) == len(notes)


def test_silent_people_at_the_end_are_no_notes(tmp_path):
    rows = [*answers(8), ["A-8", "", "", "", ""], ["A-9", "", "", "", ""]]
    raw = read(tmp_path, text([HEADER, *rows]))
    assert len(raw.frame) == 10 and not raw.broken


@pytest.mark.parametrize("label", ["Total", "Average", "Gesamt", "Summe", "Total général", "Grand total (24 records)"])
@pytest.mark.parametrize("stamp", ["", "2026-05-31 00:00"])
def test_totals_and_averages_are_no_customers(tmp_path, label, stamp):
    rows = answers(24)
    raw = read(tmp_path, text([HEADER, *rows, [label, "", stamp, "4", ""]]))
    assert raw.frame.to_numpy().tolist() == rows
    assert reasons(raw) == [f"sums up other rows: its label is {label!r}"]


def test_subtotals_among_the_rows_are_found_by_their_sum_where_no_id_is_missing(tmp_path):
    header = ["team", "day", "calls"]
    rows = [[f"T{i % 3}", f"2026-05-{i + 1:02}", str(i + 2)] for i in range(9)]
    block = [*rows[:4], ["Subtotal", "2026-05-31", "14"], *rows[4:], ["Subtotal", "2026-05-31", "40"]]
    raw = read(tmp_path, text([header, *block]))
    assert raw.frame.to_numpy().tolist() == rows


def test_people_whose_words_sound_like_totals_are_kept(tmp_path):
    rows = answers(20)
    for row, words in zip(rows, ["Average", "Total", "total rubbish", "Sum total: bad", "Average"], strict=False):
        row[4] = words
    raw = read(tmp_path, text([HEADER, *rows]))
    assert raw.frame.to_numpy().tolist() == rows
    reviews = read(tmp_path, "review,stars\nAverage,3\nTotal,1\nTotal waste,1\nGood,5\nKind people,4\nFine,4\n")
    assert len(reviews.frame) == 6


@pytest.mark.parametrize("position", range(5))
def test_a_text_cut_up_by_its_commas_is_joined_where_the_other_columns_show_how(tmp_path, position):
    def move(row):
        rest = row[:4]
        return [*rest[:position], row[4], *rest[position:]]

    rows = answers(60)
    for row in rows[::3]:
        row[4] = "Late, again, and nobody answers"
    raw = read(tmp_path, text([move(HEADER), *map(move, rows)]))
    assert raw.frame.to_numpy().tolist() == [move(row) for row in rows]
    assert len(raw.repaired) == 20 and not raw.broken
    assert "20 rows had too many fields and were put together again" in raw.warnings[0]


def test_a_column_that_takes_one_of_a_list_beside_the_text_decides_where_it_was_cut(tmp_path):
    rows = [[f"r{i}", ["Phone", "Mail"][i % 2], "ok then", str(i % 10)] for i in range(20)]
    raw = read(tmp_path, text([["id", "channel", "why", "nps"], *rows]) + "r20,Mail,late, rude, never,1\n")
    assert raw.frame.iloc[-1].tolist() == ["r20", "Mail", "late, rude, never", "1"]
    other = read(tmp_path, text([["id", "channel", "why", "nps"], *rows]) + "r20,Tele,phone,late,1\n")
    assert len(other.frame) == 20 and len(other.broken) == 1


def test_a_cut_row_that_can_be_joined_two_ways_is_set_aside(tmp_path):
    rows = [[f"r{i}", f"good {i} so", f"bad {i} so"] for i in range(20)]
    raw = read(tmp_path, text([["id", "good", "bad"], *rows]) + "r20,kind, quick,slow\n")
    assert len(raw.frame) == 20
    assert reasons(raw) == ["has 4 fields where the header has 3: text that holds the separator needs quotes"]


def test_repaired_rows_are_counted_and_listed(tmp_path):
    rows = [*answers(20), ["A-20", "k20", "2026-05-30 10:00", "1", "late, rude"]]
    header = ["response_id", "customer_id", "responded_at", "csat", "comment"]
    (tmp_path / "s.csv").write_text(text([header, *rows]))
    tables = read_tables(Config(organisation={"name": "Acme"}, sources={"surveys": {"path": "s.csv"}}, root=tmp_path))
    assert len(tables.surveys) == 21
    assert tables.log.faults["effect"].tolist() == [REPAIRED]
    assert REPAIRED in (tmp_path / "data/derived/quarantine/surveys.csv").read_text()


def test_separators_at_the_end_of_every_row_are_no_fields(tmp_path):
    rows = answers(9)
    raw = read(tmp_path, text([HEADER, *([*row, ""] for row in rows)]))
    assert raw.frame.iloc[:, :5].to_numpy().tolist() == rows


@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman"])
def test_the_two_old_encodings_of_western_letters_are_told_apart(tmp_path, encoding):
    words = ["Très cher", "não é café", "für später", "don’t come"]
    raw = read(tmp_path, text([["id", "why"], *([str(i), word] for i, word in enumerate(words))]).encode(encoding))
    assert raw.frame["why"].tolist() == words
    assert "if letters look wrong, say encoding" in raw.warnings[0]


def test_utf_8_with_a_few_damaged_letters_is_read_as_utf_8(tmp_path):
    raw = read(tmp_path, "id,why\n1,Très cher, é\n".replace(", é", " été à la").encode() + b"2,caf\xe9\n")
    assert raw.frame["why"].tolist() == ["Très cher été à la", "caf\ufffd"]
    assert "UTF-8 but for 1 damaged letters" in raw.warnings[0]


def test_quotes_exported_as_entities_are_put_back_and_the_damage_said(tmp_path):
    header = "id,&quot;Which, or what?&quot;,,Gender,Income,,\r"
    rows = [f"{i},yes,,{'MF'[i % 2]},&quot;$150,000+&quot;\r" for i in range(4)] + ["5,no,,M,none,\r"] * 4
    raw = read(tmp_path, header + "".join(rows))
    assert raw.frame["Gender"].isin(["M", "F"]).all()
    assert raw.frame["Income"].iloc[0] == "$150,000+"
    assert "&quot; stands where quotes should" in " ".join(raw.warnings)


def test_the_sheet_that_holds_a_table_is_read(tmp_path):
    rows = [["id", "nps", "day"], ["r1", 9, "2026-05-01"], ["r2", 8, "2026-05-02"]]
    cover = [["How to read this"], [], ["Period", "May 2026"]]
    raw = read_raw(book(tmp_path, {"About": cover, "Answers": rows}), "b")
    assert raw.frame["nps"].tolist() == ["9", "8"]
    assert "'Answers' was read" in raw.warnings[0]
    with pytest.raises(ValueError, match=r"the sheets 'May', 'June' each hold a table\. Say sheet = 'May'"):
        read_raw(book(tmp_path, {"May": rows, "June": rows}), "b")


def test_merged_group_headers_under_a_title_name_the_columns(tmp_path):
    top = [["Satisfaction, May"], [], ["Person", None, "Scores", None], ["ID", "Date", "NPS", "CSAT"]]
    rows = [[i, "2026-05-01", 9, 5] for i in range(5)]
    raw = read_raw(book(tmp_path, {"A": [*top, *rows]}), "b", header_rows=2)
    assert len(raw.frame) == 5
    assert {"Scores / NPS", "Person / Date", "CSAT"} <= {*raw.frame, *raw.aliases}


def test_errors_are_blank_and_counted_and_long_ids_are_kept_as_far_as_the_workbook_has_them(tmp_path):
    path = book(tmp_path, {"A": [["id", "n", "nps"], ["12345678901234567", 12345678901234567, "#N/A"], ["7", 7, 9]]})
    out = openpyxl.load_workbook(path)
    out["A"]["C2"].data_type = "e"
    out.save(path)
    raw = read_raw(path, "b")
    assert raw.frame["id"].tolist() == ["12345678901234567", "7"]
    assert raw.frame["nps"].tolist() == ["", "9"]
    assert raw.frame["n"].str.contains("e+16", regex=False).tolist() == [True, False]  # as the lost digits show
    assert "1 cells hold an error" in raw.warnings[0]


def test_a_far_cell_is_refused_with_what_to_do(tmp_path):
    path = book(tmp_path, {"A": [["id", "nps"], *([f"r{i}", i % 11] for i in range(20))]})
    out = openpyxl.load_workbook(path)
    out["A"]["XFD1048576"] = "x"
    out.save(path)
    with pytest.raises(ValueError, match="reaches over 17,179,869,184 cells. Delete what stands far from its table"):
        read_raw(path, "b")


def test_a_workbook_that_unpacks_beyond_bounds_or_lies_about_it_is_refused(tmp_path, monkeypatch):
    path = book(tmp_path, {"A": [["id", "nps"], *([f"r{i}", i % 11] for i in range(2000))]})
    monkeypatch.setattr(workbook, "UNPACKED", 20_000)
    with pytest.raises(ValueError, match=r"b: unpacks to .* Save the sheet as CSV"):
        read_raw(path, "b")
    monkeypatch.setattr(workbook, "MOST_CELLS", 1_000)
    monkeypatch.setattr(workbook, "UNPACKED", 1 << 30)
    with pytest.raises(ValueError, match="a sheet reaches over 4,002 cells"):
        read_raw(path, "b")
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        sheet = archive.getinfo("xl/worksheets/sheet1.xml")
    place = data.rfind(sheet.filename.encode()) - 46 + 24  # the stated size in the archive's directory
    data[place : place + 4] = (500).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(ValueError, match="is not an Excel workbook that can be read"):
        read_raw(path, "b")


def test_nested_and_binary_values_of_parquet_come_as_text(tmp_path):
    frame = pd.DataFrame({"id": ["a", "b"], "tags": [["x", "é"], []], "by": [{"n": 1}, None], "raw": [b"ok", None]})
    frame.to_parquet(tmp_path / "n.parquet")
    read_back = read_raw(tmp_path / "n.parquet", "n").frame
    assert [json.loads(value) for value in read_back["tags"]] == [["x", "é"], []]
    assert json.loads(read_back["by"].iloc[0]) == {"n": 1}
    assert read_back["raw"].iloc[0] == "ok"
    assert read_back["by"].isna().tolist() == read_back["raw"].isna().tolist() == [False, True]


def test_a_small_parquet_file_of_endless_rows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MOST_BYTES", 1 << 20)
    column = pa.array(np.zeros(1_000_000, dtype="int8"))
    pq.write_table(pa.table(dict.fromkeys("abcde", column)), tmp_path / "b.parquet", compression="zstd")
    with pytest.raises(ValueError, match="1,000,000 rows of 5 columns are more than is read at once"):
        read_raw(tmp_path / "b.parquet", "b")


def test_a_table_on_its_side_is_refused_and_a_wide_one_read(tmp_path):
    for width, fits in ((3_000, True), (100_000, False)):
        content = text([[f"c{i}" for i in range(width)], ["1"] * width])
        if fits:
            assert read(tmp_path, content).frame.shape == (1, width)
        else:
            with pytest.raises(ValueError, match="has 100,000 columns; at most 20,000 are read"):
                read(tmp_path, content)


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", "/dev/zero"):
        with pytest.raises(ValueError, match="is a pipe or a device, not a file"):
            read_raw(tmp_path / path, "p")


def test_files_of_a_pattern_may_order_their_columns_differently(tmp_path):
    (tmp_path / "a.csv").write_text("response_id,nps,comment\n1,9,ok\n")
    (tmp_path / "b.csv").write_text("comment;response_id;nps\nbad;2;1\n")
    assert len(find_files("*.csv", tmp_path)) == 2
    tables = read_tables(Config(organisation={"name": "Acme"}, sources={"surveys": {"path": "*.csv"}}, root=tmp_path))
    assert tables.surveys[["response_id", "nps", "comment"]].to_numpy().tolist() == [["1", 9, "ok"], ["2", 1, "bad"]]


CELL = st.sampled_from(
    ["", "id", "Total", "Average", "Total: 3 rows", "9", "4,5", "2026-05-01", "Late, rude", "<p>x</p>", '"', "&quot;a",
     '{"ImportId":"Q1"}', "Generated on", "\ufeff", "é", "a\nb", "1e16", " "]
)  # fmt: skip


@fuzzed(300)
@given(
    st.lists(st.lists(CELL, min_size=1, max_size=6), max_size=12),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 3),
)
def test_any_layout_gives_a_frame_that_accounts_for_its_rows_or_a_sentence(tmp_path, rows, separator, end, announced):
    content = "".join(separator.join(row) + end for row in rows)
    try:
        raw = read(tmp_path, content, "fuzz.csv", header_rows=announced)
    except ValueError as error:
        assert str(error).startswith("fuzz.csv: ")
        return
    assert raw.frame.columns.is_unique and raw.frame.index.is_unique
    numbers = [*raw.frame.index, *(number for number, _, _ in raw.broken)]
    assert sorted(numbers) == [*range(1, len(numbers) + 1)]
    assert {number for number, _, _ in raw.repaired} <= {*raw.frame.index}


@fuzzed(60)
@given(st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), min_size=1, max_size=20))
def test_a_workbook_with_any_bytes_changed_gives_a_frame_or_a_sentence(tmp_path, changes):
    data = bytearray(book(tmp_path, {"A": [["id", "nps"], ["r1", 9], ["r2", 8]], "B": [["Note"]]}).read_bytes())
    for place, byte in changes:
        data[place % len(data)] = byte
    try:
        assert read(tmp_path, bytes(data), "fuzz.xlsx").frame.columns.is_unique
    except ValueError as error:
        assert str(error).startswith("fuzz.xlsx: ")
