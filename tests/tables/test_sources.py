"""Files as they come: encodings, separators, header rows, broken rows, Parquet and Excel."""

import codecs
import json
import subprocess
import sys
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.tables.sources import find_files, read_file, read_query, read_raw
from tests.fuzz import fuzzed

TEXT = "id,comment\n1,café – “late”\n007,ok\n"


def write(folder, data, name="export.csv"):
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode("utf-8"),
        codecs.BOM_UTF8 + TEXT.encode("utf-8"),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        TEXT.encode("cp1252"),
        TEXT.replace("\n", "\r\n").encode(),
    ],
    ids=["utf-8", "utf-8 bom", "utf-16", "utf-16be bom", "utf-16le", "utf-16be", "utf-32", "cp1252", "crlf"],
)
def test_the_same_text_comes_out_of_every_encoding(tmp_path, data):
    frame = read_file(write(tmp_path, data))
    assert frame.to_dict("list") == {"id": ["1", "007"], "comment": ["café – “late”", "ok"]}


def test_latin_1_is_read_with_a_warning_that_names_the_guess(tmp_path):
    raw = read_raw(write(tmp_path, "id,city\n1,Zürich\n".encode("latin-1")), "export.csv")
    assert raw.frame["city"].tolist() == ["Zürich"]
    assert raw.warnings[0].startswith("export.csv is not UTF-8 and was read as Windows-1252")


def test_a_stated_encoding_is_taken_and_a_wrong_or_unknown_one_refused(tmp_path):
    path = write(tmp_path, "id,city\n1,Łódź\n".encode("cp1250"))
    assert read_raw(path, "e", encoding="cp1250").frame["city"].tolist() == ["Łódź"]
    with pytest.raises(ValueError, match="e: is not text in utf-8 .* Leave the encoding out"):
        read_raw(path, "e", encoding="utf-8")
    with pytest.raises(ValueError, match="encoding 'utf8x' is not known"):
        read_raw(path, "e", encoding="utf8x")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_in_the_header_even_beside_others(tmp_path, separator):
    text = separator.join(["id", '"when, exactly"', "note"]) + "\n" + separator.join(["1", '"x,y;z|t"', "a"]) + "\n"
    frame = read_file(write(tmp_path, text))
    assert list(frame) == ["id", "when, exactly", "note"]
    assert frame.iloc[0, 1] == "x,y;z|t"


def test_a_stated_separator_that_the_header_lacks_is_refused_with_the_right_one(tmp_path):
    path = write(tmp_path, "id;note;city\n1;a;b\n")
    with pytest.raises(ValueError, match=r"the header holds no ',' but 2 ';'\. Say separator = ';'"):
        read_raw(path, "export.csv", separator=",")


def test_an_empty_file_and_a_file_of_blanks_are_refused(tmp_path):
    for data in (b"", b" \n\r\n", codecs.BOM_UTF8, "\n".encode("utf-16")):
        with pytest.raises(ValueError, match=r"export\.csv: is empty\. Export it again"):
            read_raw(write(tmp_path, data), "export.csv")


def test_a_missing_file_is_named_with_its_neighbours(tmp_path):
    write(tmp_path, TEXT, "contacts.csv")
    with pytest.raises(ValueError, match=r"No such file: contact\.csv\. That folder holds: contacts\.csv"):
        find_files("contact.csv", tmp_path)
    with pytest.raises(ValueError, match="no such file"):
        read_file(tmp_path / "nothing.parquet")


def test_a_pattern_finds_its_files_in_order_and_says_when_it_finds_none(tmp_path):
    for name in ("b.csv", "a.csv", "c.txt"):
        write(tmp_path, TEXT, name)
    assert [p.name for p in find_files("*.csv", tmp_path)] == ["a.csv", "b.csv"]
    with pytest.raises(ValueError, match=r"No file fits the pattern \*\.xlsx"):
        find_files("*.xlsx", tmp_path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK\x03\x04rest", "zip archive or an Excel workbook"),
        (b"\xd0\xcf\x11\xe0rest", "old Excel workbook"),
        (b"PAR1rest", "Parquet file"),
        (b"\x1f\x8brest", "compressed"),
        (b"%PDF-1.7", "is a PDF"),
        (b"id,a\n1,\0\0\0", "is not a text file"),
    ],
)
def test_a_file_of_another_kind_says_what_it_is(tmp_path, data, reason):
    with pytest.raises(ValueError, match=reason):
        read_file(write(tmp_path, data))


def test_quoted_cells_keep_line_breaks_quotes_and_separators(tmp_path):
    frame = read_file(write(tmp_path, 'id,note\n1,"two\nlines, ""quoted"""\n2,plain\n'))
    assert frame["note"].tolist() == ['two\nlines, "quoted"', "plain"]


def test_rows_with_a_wrong_number_of_fields_are_set_apart_with_their_row_number(tmp_path):
    raw = read_raw(write(tmp_path, "id,a\n" + "".join(f"{i},x\n" for i in range(1, 9)) + "9,x,y\n10,x\n"), "e")
    assert raw.frame.index.tolist() == [*range(1, 9), 10]
    assert raw.broken == (
        (9, "9,x,y", "has 3 fields where the header has 2: text that holds the separator needs quotes"),
    )


def test_a_file_of_mostly_ragged_rows_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"4 of 6 rows do not have the header's 2 fields \(row 3 has 3\)"):
        read_file(write(tmp_path, "id,a\n1,x\n2,x\n" + "3,x,y\n" * 4))


def test_a_quote_that_never_closes_is_refused_rather_than_swallowing_rows(tmp_path):
    for row in ('3,"open\n', '"3,open\n'):
        text = "id,a\n1,x\n2,x\n" + row + "".join(f"{i},x\n" for i in range(4, 9))
        with pytest.raises(ValueError, match=r"the quote opened in row 3 is never closed and swallows \d lines"):
            read_file(write(tmp_path, text))


def test_a_cell_of_twenty_megabytes_is_read(tmp_path):
    frame = read_file(write(tmp_path, "id,a\n1," + "x" * 20_000_000 + "\n2,y\n"))
    assert frame["a"].str.len().tolist() == [20_000_000, 1]


def test_columns_are_named_by_the_first_header_row_and_answer_to_both(tmp_path):
    text = '"Respondent ID","How was it?",,Other\n,Speed,Tone,\n1,4,5,x\n'
    raw = read_raw(write(tmp_path, text), "e", header_rows=2)
    assert list(raw.frame) == ["Respondent ID", "How was it?", "How was it? / Tone", "Other"]
    assert raw.aliases["How was it? / Speed"] == "How was it?"
    assert raw.frame.iloc[0].tolist() == ["1", "4", "5", "x"]


def test_three_header_rows_with_line_breaks_are_skipped(tmp_path):
    text = 'ResponseId,Q1\n"Response\nID","How likely, ""really""?"\n"{""ImportId"":""_recordId""}","{}"\nR_1,9\n'
    raw = read_raw(write(tmp_path, text), "e", header_rows=3)
    assert raw.frame.to_dict("list") == {"ResponseId": ["R_1"], "Q1": ["9"]}
    assert raw.frame.index.tolist() == [1]


def test_too_few_header_rows_are_refused(tmp_path):
    with pytest.raises(ValueError, match="has 1 of the 3 header rows that its map announces"):
        read_raw(write(tmp_path, "id,a\n"), "e", header_rows=3)


def test_headers_that_stand_twice_are_told_apart(tmp_path):
    assert list(read_file(write(tmp_path, "a,a,,a\n1,2,3,4\n"))) == ["a", "a (2)", "column 3", "a (3)"]


def test_excel_keeps_text_and_dates_and_names_its_sheets(tmp_path):
    path = tmp_path / "book.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"x": [1]}).to_excel(book, sheet_name="Cover", index=False)
        data = {"id": ["007", "8"], "at": pd.to_datetime(["2025-03-01 10:00", None]), "n": [1.5, 2], "t": ["NA", None]}
        pd.DataFrame(data).to_excel(book, sheet_name="Data", index=False)
    frame = read_raw(path, "book.xlsx", sheet="Data").frame
    assert frame.to_dict("list") == {
        "id": ["007", "8"],
        "at": ["2025-03-01 10:00:00", ""],
        "n": ["1.5", "2"],
        "t": ["NA", ""],
    }
    assert frame.index.tolist() == [1, 2]
    assert "has 2 sheets; 'Data' was read" in read_raw(path, "book.xlsx").warnings[0]
    with pytest.raises(ValueError, match=r"has no sheet 'Dta'\. Found: 'Cover', 'Data'"):
        read_raw(path, "book.xlsx", sheet="Dta")


def test_an_error_in_a_cell_of_a_workbook_is_a_blank(tmp_path):
    book = openpyxl.Workbook()
    for row in (["id", "nps"], ["007", "#N/A"], ["008", "#DIV/0!"], ["009", 9]):
        book.active.append(row)
    book.active["B2"].data_type = book.active["B3"].data_type = "e"
    book.save(tmp_path / "book.xlsx")
    frame = read_file(tmp_path / "book.xlsx")
    assert frame.to_dict("list") == {"id": ["007", "008", "009"], "nps": ["", "", "9"]}


def test_a_broken_workbook_or_parquet_file_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="is not an Excel workbook that can be read"):
        read_file(write(tmp_path, b"PK\x03\x04 nonsense", "a.xlsx"))
    with pytest.raises(ValueError, match="cannot be read as Parquet"):
        read_file(write(tmp_path, b"nonsense", "a.parquet"))


def test_parquet_keeps_types_from_a_file_and_from_a_folder(tmp_path):
    frame = pd.DataFrame({"id": ["a", "b"], "n": [1, 2], "at": pd.to_datetime(["2025-01-01", "2025-01-02"])})
    (tmp_path / "parts").mkdir()
    frame.to_parquet(tmp_path / "one.parquet")
    frame[:1].to_parquet(tmp_path / "parts" / "0.parquet")
    frame[1:].to_parquet(tmp_path / "parts" / "1.parquet")
    for name in ("one.parquet", "parts"):
        read = read_file(tmp_path / name)
        assert read["n"].tolist() == [1, 2]
        assert read["at"].dtype.kind == "M"
    with pytest.raises(ValueError, match="is a folder without Parquet files"):
        (tmp_path / "none").mkdir()
        read_file(tmp_path / "none")


def test_the_hash_is_that_of_the_file(tmp_path):
    import hashlib

    path = write(tmp_path, TEXT)
    assert read_raw(path, "e").sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_database_without_an_address_names_the_variable(monkeypatch):
    monkeypatch.delenv("NO_SUCH_DB", raising=False)
    with pytest.raises(ValueError, match="the environment variable NO_SUCH_DB is not set"):
        read_query("NO_SUCH_DB", "select 1")


@pytest.mark.parametrize(
    "url", ["not an address s3cret", "nosuchdb://user:s3cret@host/x", "sqlite:////no/such/s3cret/db"]
)
def test_a_bad_address_never_appears_in_the_message(monkeypatch, url):
    monkeypatch.setenv("SOME_DB", url)
    with pytest.raises(ValueError, match="SOME_DB") as caught:
        read_query("SOME_DB", "select 1")
    assert url not in str(caught.value)
    assert "user:s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


@pytest.mark.parametrize("query", ["delete from answers", "drop table answers", "insert into answers values (3)"])
def test_no_query_can_write_to_a_database_in_a_file(monkeypatch, tmp_path, query):
    import sqlite3

    with sqlite3.connect(tmp_path / "a b.db") as made:
        made.execute("create table answers (id)")
        made.execute("insert into answers values (1), (2)")
    monkeypatch.setenv("SOME_DB", f"sqlite:///{tmp_path}/a b.db")
    with pytest.raises(ValueError, match="SOME_DB"):
        read_query("SOME_DB", query)
    assert read_query("SOME_DB", "select count(*) as n from answers").frame["n"].tolist() == [2]


def test_a_database_that_is_not_there_is_not_made(monkeypatch, tmp_path):
    monkeypatch.setenv("SOME_DB", f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(ValueError, match="the database says"):
        read_query("SOME_DB", "select 1")
    assert not (tmp_path / "none.db").exists()


@fuzzed(200)
@given(st.one_of(st.binary(max_size=200), st.text(alphabet="id,;\t\"\n\r'é\ufeff\0ab1", max_size=80).map(str.encode)))
def test_any_bytes_give_a_frame_or_a_sentence(tmp_path, data):
    try:
        raw = read_raw(write(tmp_path, data), "fuzz.csv")
    except ValueError as error:
        assert str(error).startswith("fuzz.csv: ")
        return
    assert len(raw.frame.columns) == raw.frame.columns.nunique()
    assert len(raw.frame) == raw.frame.index.nunique()


# ---- made to do harm -------------------------------------------------------------------------------------------------


def test_what_was_made_to_hang_crash_or_fill_the_memory_is_a_clear_fault(tmp_path):
    script = [sys.executable, str(Path(__file__).with_name("hostile_inputs.py")), str(tmp_path)]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    messages = result["messages"]
    wanted = {
        "pipe": "is a pipe or a device", "device": "is a pipe or a device", "header": "at most 20,000 are read",
        "bomb": "more than the 1 GiB that are read", "nested map": "is not TOML", "nested config": "Is not TOML",
        "nested tables": "is not known here", "pattern": "is not a regular expression", "far": "reaches over",
        "quotes": "read", "pipe named Parquet": "is a pipe or a device", "pipe in a folder": "is a pipe or a device",
        "pipe of a map": "a pipe or a device", "device of settings": "a pipe or a device",
        "pipe of readings": "a pipe or a device", "folder of readings": "is no CSV",
        "nested Parquet": "too deeply nested",
    }  # fmt: skip
    assert {kind: wanted[kind] in message for kind, message in messages.items()} == dict.fromkeys(wanted, True)
    assert result["peak"] < 2048


@pytest.mark.parametrize("kind", ["csv", "parquet", "folder"])
def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path, monkeypatch, kind):
    frame, path = pd.DataFrame({"a": ["1", "2"], "b": ["x", "y"]}), tmp_path / f"export.{kind}"
    file = path
    if kind == "folder":
        path.mkdir()
        file = path / "part.parquet"
    frame.to_csv(file, index=False) if kind == "csv" else frame.to_parquet(file)
    read_raw(path, "export")
    owner, name = (Path, "read_bytes") if kind == "csv" else (pd, "read_parquet")
    read = getattr(owner, name)

    def change(*words):
        result = read(*words)
        frame.assign(a="3").iloc[:1].to_csv(file) if kind == "csv" else frame.assign(a="3").to_parquet(file)
        return result

    monkeypatch.setattr(owner, name, change)
    with pytest.raises(ValueError, match="export: changed while it was read"):
        read_raw(path, "export")
