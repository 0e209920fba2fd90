"""The edge as a whole: a configuration in, checked tables and a full account of what was set aside out."""

import csv
import hashlib
import os
import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.config import Config, load_config
from analytics.tables import demo
from analytics.tables.read import defuse, read_tables, refuse_absent, write_whole
from analytics.tables.schema import DataContractError, contract
from tests.fuzz import fuzzed

CONTACTS = "contact_id,customer_id,started_at\nc1,k1,2025-03-01 09:00\nc2,k2,2025-03-02 09:00\n"


@pytest.fixture
def read(tmp_path):
    """Write the given files, then read the given sources of a configuration that lives beside them."""

    def run(files, zone="UTC", **sources):
        for name, content in files.items():
            path = tmp_path / name
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        settings = {table: {"path": s} if isinstance(s, str) else s for table, s in sources.items()}
        return read_tables(Config(organisation={"name": "Acme", "timezone": zone}, sources=settings, root=tmp_path))

    return run


def counts(tables, table):
    return tables.log.rows.set_index("table").loc[table].to_dict()


def quarantine(tmp_path, table):
    with (tmp_path / f"data/derived/quarantine/{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_tables_keep_their_contract_and_the_log_accounts_for_the_input(read, tmp_path):
    tables = read({"c.csv": CONTACTS}, zone="Europe/London", contacts="c.csv")
    assert contract("contacts", "Europe/London").validate(tables.contacts).equals(tables.contacts)
    assert counts(tables, "contacts") == {
        "read": 2, "left_out": 0, "kept": 2, "quarantined": 0, "duplicates": 0, "cells": 0,
    }  # fmt: skip
    digest = hashlib.sha256(CONTACTS.encode()).hexdigest()
    assert tables.log.inputs.to_dict("records") == [
        {"table": "contacts", "source": "c.csv", "sha256": digest, "rows": 2}
    ]
    assert tables.log.warnings == ()
    assert tables.surveys is None
    assert not any((tmp_path / "data/derived").iterdir())


def test_optional_columns_are_truly_optional(read):
    tables = read({"k.csv": "customer_id\nk1\n"}, customers="k.csv")
    assert list(tables.customers) == ["customer_id"]


def test_bad_optional_values_are_set_to_missing_and_written_down(read, tmp_path):
    text = "response_id,nps,csat,responded_at\nr1,11,5,2025-02-31\nr2,9,six,2025-03-01\nr3,10,3,\n"
    tables = read({"s.csv": text}, surveys="s.csv")
    assert tables.surveys["response_id"].tolist() == ["r1", "r2", "r3"]
    assert tables.surveys["nps"].isna().tolist() == [True, False, False]
    assert counts(tables, "surveys")["cells"] == 3
    assert [(row["row"], row["column"], row["value"], row["reason"]) for row in quarantine(tmp_path, "surveys")] == [
        ("1", "responded_at", "2025-02-31", "is not a time that exists"),
        ("1", "nps", "11", "is not a whole number from 0 to 10"),
        ("2", "csat", "six", "is not a number (1 to 5)"),
    ]
    assert {row["effect"] for row in quarantine(tmp_path, "surveys")} == {"value set to missing"}
    assert "surveys: 3 values that cannot be right were set to missing" in " ".join(tables.log.warnings)


def test_a_row_goes_to_quarantine_only_for_a_bad_required_value(read, tmp_path):
    text = CONTACTS + ",k3,2025-03-03\nc4,,2025-03-03\nc5,k5,31.02.2025\nc6,k6,2025-03-06\n"
    tables = read({"c.csv": text}, contacts="c.csv")
    assert tables.contacts["contact_id"].tolist() == ["c1", "c2", "c6"]
    assert counts(tables, "contacts")["quarantined"] == 3
    rows = quarantine(tmp_path, "contacts")
    assert [(r["source"], r["row"], r["column"], r["reason"], r["effect"]) for r in rows] == [
        ("c.csv", "3", "contact_id", "is required but missing", "row set aside"),
        ("c.csv", "4", "customer_id", "is required but missing", "row set aside"),
        ("c.csv", "5", "started_at", "is not a time that exists", "row set aside"),
    ]


def test_identical_doubles_are_dropped_and_contradictions_set_aside(read, tmp_path):
    text = CONTACTS + "c2,k2,2025-03-02 09:00\nc3,k3,2025-03-03\nc3,k9,2025-03-03\nc3,k3,2025-03-03\n"
    tables = read({"c.csv": text}, contacts="c.csv")
    assert tables.contacts["contact_id"].tolist() == ["c1", "c2"]
    assert counts(tables, "contacts") == {
        "read": 6, "left_out": 0, "kept": 2, "quarantined": 2, "duplicates": 2, "cells": 0,
    }  # fmt: skip
    rows = quarantine(tmp_path, "contacts")
    assert [r["row"] for r in rows] == ["4", "5"]
    assert {r["reason"] for r in rows} == {"stands on several rows that contradict one another"}


def test_orphans_are_kept_and_counted(read):
    surveys = "response_id,contact_id,customer_id,nps\nr1,c1,k1,\nr2,c9,k2,\nr3,,,\n"
    tables = read({"c.csv": CONTACTS, "s.csv": surveys}, contacts="c.csv", surveys="s.csv")
    assert len(tables.surveys) == 3
    assert tables.log.warnings == ("surveys: 1 of 2 contact_id are not in contacts; the rows are kept.",)


def test_an_answer_before_its_invitation_keeps_the_answer(read, tmp_path):
    text = (
        "response_id,invited_at,responded_at,nps\n"
        "r1,2025-03-05 10:00,2025-03-04 10:00,9\n"
        "r2,2025-03-05 10:00,2025-03-05,9\n"
        "r3,2025-03-05 10:00,2025-03-05 10:01,9\n"
    )
    tables = read({"s.csv": text}, surveys="s.csv")
    assert tables.surveys["invited_at"].isna().tolist() == [True, False, False]  # r2 has a date without a clock
    assert tables.surveys["responded_at"].notna().all()
    assert [(r["row"], r["column"], r["reason"]) for r in quarantine(tmp_path, "surveys")] == [
        ("1", "invited_at", "is later than responded_at")
    ]


def test_company_stamps_that_run_backwards_are_kept_and_counted(read):
    text = "contact_id,customer_id,started_at,resolved_at\nc1,k1,2025-03-02,2025-03-01\nc2,k1,2025-03-02,2025-03-02\n"
    tables = read({"c.csv": text}, contacts="c.csv")
    assert tables.contacts["resolved_at"].notna().all()
    assert tables.log.warnings == ("contacts: 1 of 2 stamps in resolved_at precede started_at; they are kept.",)


def test_days_without_a_clock_among_stamps_with_one_are_counted_as_impossible(read):
    text = (
        "contact_id,customer_id,started_at,first_response_at\nc1,k1,2025-03-02 09:00,2025-03-02 08:30\n"
        "c2,k1,2025-03-02 09:00,2025-03-02 00:00\nc3,k1,2025-03-02 09:00,2025-03-02 09:30\n"
    )
    tables = read({"c.csv": text}, contacts="c.csv")
    assert tables.log.warnings == (
        "contacts: 2 of 3 stamps in first_response_at precede started_at (1 of them days without a clock); "
        "they are kept.",
    )


def test_optional_columns_that_are_not_found_are_listed_with_the_nearest_header(read):
    table_map = '[surveys]\nresponse_id = "Id"\nnps = "NPS"\n'
    table_map += 'comment = { one_of = ["Reason", "Comments"], optional = true }\n'
    tables = read(
        {"e.csv": "Id,NPS,Comment\n1,9,fine\n", "m.toml": table_map}, surveys={"path": "e.csv", "map": "m.toml"}
    )
    assert tables.log.absent.to_dict("records") == [
        {"table": "surveys", "source": "e.csv", "column": "comment", "wanted": "Reason, Comments", "nearest": "Comment"}
    ]


DEMO = tomllib.loads((Path(__file__).resolve().parents[2] / "perception.toml").read_text(encoding="utf-8"))


def test_what_the_demo_declares_is_known():
    declared = tomllib.loads((Path(demo.__file__).parent / "declared.toml").read_text(encoding="utf-8"))
    assert declared["organisation"] == DEMO["organisation"]["name"]
    assert declared["promises"] == [promise["text"] for promise in DEMO["promises"]]
    assert declared["targets"] == [target["name"] for target in DEMO["targets"]]
    assert declared["actions"] == [action["what"] for action in DEMO["actions"]]


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("promises", "We call you back"),
        ("targets", "Answered within two minutes"),
        ("actions", "Appointments are confirmed by text"),
    ],
)
def test_promises_of_the_demo_under_another_name_stop_the_run_unless_they_are_own(tmp_path, kind, word):
    (tmp_path / "c.csv").write_text(CONTACTS)
    sources = {"contacts": {"path": "c.csv"}}

    def config(name, **more):
        declared = [{**each, **more} for each in DEMO[kind]]
        return Config(organisation={"name": name}, sources=sources, root=tmp_path, **{kind: declared})

    with pytest.raises(
        DataContractError, match=f"{kind}: '{word}.*declared by the demo, Northwind Broadband, not by Acme"
    ):
        read_tables(config("Acme"))
    with pytest.raises(DataContractError, match="declared by the demo"):
        refuse_absent(config("Acme"))
    assert len(read_tables(config("Acme", own=True)).contacts) == 2
    assert len(read_tables(config(DEMO["organisation"]["name"])).contacts) == 2


def test_mixed_zones_and_a_change_of_clocks_meet_on_one_time_line(read):
    text = (
        "contact_id,customer_id,started_at\na,k,2025-03-30 00:30\nb,k,2025-03-30T01:30:00Z\n"
        "c,k,2025-03-30 10:00+09:00\nd,k,2025-03-30 01:30\n"
    )
    tables = read({"c.csv": text}, zone="Europe/London", contacts="c.csv")
    utc = tables.contacts["started_at"].dt.tz_convert("UTC").dt.strftime("%d %H:%M").tolist()
    assert utc == ["30 00:30", "30 01:30", "30 01:00", "30 01:00"]
    assert str(tables.contacts["started_at"].dt.tz) == "Europe/London"
    assert "1 stamps without an offset fall into an hour in which clocks change" in tables.log.warnings[0]


def test_a_cell_of_five_megabytes_is_set_to_missing(read, tmp_path):
    text = "response_id,comment\nr1," + "x" * 5_000_000 + "\nr2,fine\n"
    tables = read({"s.csv": text}, surveys="s.csv")
    assert tables.surveys["comment"].isna().tolist() == [True, False]
    (row,) = quarantine(tmp_path, "surveys")
    assert row["reason"] == "is longer than 1,000,000 characters"
    assert row["value"] == "x" * 200


def test_quarantined_text_cannot_run_as_a_formula(read, tmp_path):
    text = 'response_id,csat\nr1,"=HYPERLINK(""http://x"")"\nr2,-3\nr3,@SUM(A1)\nr4,4\n'
    read({"s.csv": text}, surveys="s.csv")
    values = [row["value"] for row in quarantine(tmp_path, "surveys")]
    assert values == ['\'=HYPERLINK("http://x")', "-3", "'@SUM(A1)"]


def test_defuse_leaves_numbers_and_its_argument_alone():
    frame = pd.DataFrame({"text": ["=1", "\t=1", " +x", "-1.5", "ok", None], "n": [1, 2, 3, 4, 5, -6]})
    safe = defuse(frame)
    assert safe["text"].tolist()[:5] == ["'=1", "'\t=1", "' +x", "-1.5", "ok"]
    assert safe["n"].tolist() == frame["n"].tolist()
    assert frame["text"][0] == "=1"


def test_ragged_rows_are_counted_and_written_down(read, tmp_path):
    text = CONTACTS + "".join(f"d{i},k,2025-03-03\n" for i in range(8)) + "c9,k9,2025-03-03,more\n"
    tables = read({"c.csv": text}, contacts="c.csv")
    assert counts(tables, "contacts")["read"] == 11
    assert counts(tables, "contacts")["quarantined"] == 1
    assert quarantine(tmp_path, "contacts")[0]["row"] == "11"


def test_a_clean_run_removes_the_quarantine_of_the_last_one(read, tmp_path):
    read({"c.csv": CONTACTS + ",k,2025-03-01\n"}, contacts="c.csv")
    assert quarantine(tmp_path, "contacts")
    read({"c.csv": CONTACTS}, contacts="c.csv")
    assert not list((tmp_path / "data/derived/quarantine").iterdir())


def test_every_structural_fault_is_reported_at_once(read):
    with pytest.raises(DataContractError, match="The data cannot be used as they are") as caught:
        read(
            {"empty.csv": "", "s.csv": "id;nps\n1;9\n", "m.toml": '[surveys]\nresponse_id = "Ref"\nnps = "NPS"\n'},
            contacts="nowhere.csv",
            complaints="empty.csv",
            surveys={"path": "s.csv", "map": "m.toml"},
            customers={"path": "s.csv", "separator": ","},
        )
    failures = caught.value.failures
    assert failures["table"].tolist() == ["contacts", "complaints", "customers", "surveys"]
    for table, words in {
        "contacts": "No such file: nowhere.csv",
        "complaints": "empty.csv: is empty",
        "customers": "the header holds no ','",
        "surveys": "no column 'Ref', which response_id is to come from",
    }.items():
        assert words in failures.set_index("table")["reason"][table]
        assert words in str(caught.value)


def test_a_required_column_without_a_map_is_asked_for_by_name(read):
    with pytest.raises(DataContractError, match=r"no column 'customer_id'.*Nearest: 'customer'.*or write one"):
        read({"c.csv": "contact_id,customer,started_at\nc1,k1,2025-03-01\n"}, contacts="c.csv")


def test_a_column_that_is_mostly_wrong_stops_the_run_instead_of_losing_it(read):
    scale = "response_id,csat\n" + "".join(f"r{i},{i % 10 + 1}\n" for i in range(100))
    with pytest.raises(
        DataContractError, match=r"column csat, scale: 50 of 100 values: is not from 1 to 5, such as 6, 7"
    ):
        read({"s.csv": scale}, surveys="s.csv")


def test_a_file_without_any_usable_row_stops_the_run(read):
    with pytest.raises(DataContractError, match="none of 2 rows can be used: contact_id is required but missing"):
        read({"c.csv": "contact_id,customer_id,started_at\n,k,2025-03-01\n,k,2025-03-02\n"}, contacts="c.csv")


def test_a_header_without_rows_is_an_empty_table_with_a_warning(read):
    tables = read({"s.csv": "response_id,nps,responded_at\n"}, surveys="s.csv")
    assert len(tables.surveys) == 0
    assert tables.surveys["nps"].dtype == "float64"
    assert str(tables.surveys["responded_at"].dt.tz) == "UTC"
    assert tables.log.warnings == ("s.csv: holds a header and no rows.",)


def test_dates_that_can_be_read_two_ways_stop_the_run_with_the_column(read):
    with pytest.raises(
        DataContractError, match="s.csv, column responded_at: dates such as 03/04/2025 can be read two ways"
    ):
        read({"s.csv": "response_id,responded_at\nr1,03/04/2025\n"}, surveys="s.csv")


MAP = """
day_first = true
[contacts]
contact_id = "Ref"
customer_id = "Who"
started_at = "Opened"
[surveys]
response_id = "Ref"
contact_id = "Ref"
csat = { column = "Rating", values = { "Good" = 5, "Bad" = 1 } }
[surveys.where]
Rating = ["Good", "Bad"]
"""
EXPORT = "Ref;Who;Opened;Rating\n1;ann;03/04/2025;Good\n2;bob;04/04/2025;none\n3;cat;05/04/2025;Bad\n"


def test_one_export_fills_every_table_its_map_has_a_section_for(read):
    tables = read({"e.csv": EXPORT, "m.toml": MAP}, surveys={"path": "e.csv", "map": "m.toml"})
    assert tables.contacts["started_at"].dt.month.tolist() == [4, 4, 4]
    assert tables.surveys[["contact_id", "csat"]].to_numpy().tolist() == [["1", 5.0], ["3", 1.0]]
    assert counts(tables, "surveys")["left_out"] == 1


def test_a_table_with_a_source_of_its_own_is_not_filled_by_another_map(read):
    tables = read(
        {"e.csv": EXPORT, "m.toml": MAP, "c.csv": CONTACTS},
        contacts="c.csv",
        surveys={"path": "e.csv", "map": "m.toml"},
    )
    assert tables.contacts["contact_id"].tolist() == ["c1", "c2"]
    with pytest.raises(
        DataContractError, match=r"map m\.toml: has no section \[complaints\]\. It has: contacts, surveys"
    ):
        read({}, complaints={"path": "e.csv", "map": "m.toml"})


def test_files_of_a_pattern_are_joined_and_keep_their_row_numbers(read, tmp_path):
    files = {
        "2025-01.csv": CONTACTS,
        "2025-02.csv": "customer_id,contact_id,started_at\nk3,c3,2025-03-03\nk4,c4,soon\n",
    }
    tables = read(files, contacts="2025-*.csv")
    assert tables.contacts["contact_id"].tolist() == ["c1", "c2", "c3"]
    assert tables.log.inputs["rows"].tolist() == [2, 2]
    assert [(r["source"], r["row"]) for r in quarantine(tmp_path, "contacts")] == [("2025-02.csv", "2")]


def test_row_numbers_as_ids_stay_unique_over_several_files(read):
    table_map = '[surveys]\nresponse_id = { row_number = "row-" }\ncsat = "csat"\n'
    files = {"a.csv": "csat\n1\n2\n", "b.csv": "csat\n3\n4\n", "m.toml": table_map}
    tables = read(files, surveys={"path": "?.csv", "map": "m.toml"})
    assert tables.surveys["csat"].tolist() == [1, 2, 3, 4]
    assert tables.surveys["response_id"].tolist() == ["row-1", "row-2", "row-3", "row-4"]


def test_parquet_extras_keep_their_types_and_their_zone(read, tmp_path):
    frame = pd.DataFrame(
        {
            "contact_id": ["a"], "customer_id": ["k"], "started_at": pd.to_datetime(["2025-07-01 12:00Z"]),
            "called_back_at": pd.to_datetime(["2025-07-01 14:00"]), "queue": ["x"], "score": [3], "vip": [True],
        }
    )  # fmt: skip
    frame.to_parquet(tmp_path / "c.parquet")
    contacts = read({}, zone="Europe/Paris", contacts="c.parquet").contacts
    assert str(contacts["started_at"][0]) == "2025-07-01 14:00:00+02:00"
    assert str(contacts["called_back_at"][0]) == "2025-07-01 14:00:00+02:00"
    assert contacts[["queue", "score", "vip"]].iloc[0].tolist() == ["x", 3.0, True]


def test_where_nothing_may_be_written_the_run_stops_before_losing_a_row(read, tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(ValueError, match="rows were set aside but cannot be written there .* Make the folder writable"):
        read({"c.csv": CONTACTS + ",k,2025-03-01\n"}, contacts="c.csv")


def test_reading_twice_gives_the_same_tables_and_the_same_bytes(read, tmp_path):
    text = CONTACTS + "c3,k3,soon\n"
    first = read({"c.csv": text}, contacts="c.csv")
    kept = (tmp_path / "data/derived/quarantine/contacts.csv").read_bytes()
    second = read({"c.csv": text}, contacts="c.csv")
    assert first.contacts.equals(second.contacts)
    assert (tmp_path / "data/derived/quarantine/contacts.csv").read_bytes() == kept
    assert os.listdir(tmp_path / "data/derived/quarantine") == ["contacts.csv"]


CELL = st.one_of(
    st.text(max_size=8), st.sampled_from(["1", "k", "2025-03-01", "31/02/2025", "11", "=1", "yes", "", '"', "\n"])
)


@fuzzed(25)
@given(st.lists(st.tuples(CELL, CELL, CELL, CELL, CELL, CELL), max_size=6))
def test_whatever_the_cells_no_row_is_lost_and_the_contract_holds(read, tmp_path, rows):
    with (tmp_path / "c.csv").open("w", newline="", encoding="utf-8", errors="replace") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["contact_id", "customer_id", "started_at", "abandoned", "transfers", "mood"])
        writer.writerows(rows)
    try:
        tables = read({}, contacts="c.csv")
    except DataContractError as error:
        assert error.failures["reason"].str.len().gt(10).all()
        return
    log = counts(tables, "contacts")
    assert log["read"] == len(rows)
    assert log["read"] == log["kept"] + log["quarantined"] + log["duplicates"]
    contract("contacts", "UTC").validate(tables.contacts)


@pytest.mark.parametrize(("path", "output"), [("in", "in/reports"), ("in", "in"), ("in/**/*", "in"), ("in/*", "in")])
def test_what_a_report_writes_is_never_read_as_data(tmp_path, path, output):
    folder = tmp_path / "in"
    folder.mkdir()
    pd.DataFrame({"response_id": ["a"], "csat": [5]}).to_parquet(folder / "surveys.parquet")
    file = tmp_path / "perception.toml"
    file.write_text(
        f'[organisation]\nname = "Acme"\n[sources.surveys]\npath = "{path}"\n[report]\noutput = "{output}"\n'
    )
    config = load_config(file)
    config.report_folder("leadership").mkdir(parents=True)
    (config.report_folder("leadership") / ".2026-10.lock").touch()
    for read in (refuse_absent, read_tables):
        with pytest.raises(DataContractError, match=f"{re.escape(path)}: takes in .*{output}, so that reports"):
            read(config)
    file.write_text(file.read_text().replace(f'path = "{path}"', 'path = "in/*.parquet"'))
    refuse_absent(load_config(file))
    assert len(read_tables(load_config(file)).surveys) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_disk_is_told_with_the_file_and_leaves_nothing_beside_the_old_one(tmp_path, monkeypatch):
    write_whole(tmp_path / "a.csv", "old")
    full = os.open("/dev/full", os.O_WRONLY)
    draft = tmp_path / ".a.csv.draft"
    draft.touch()
    monkeypatch.setattr("tempfile.mkstemp", lambda **_: (full, str(draft)))
    with pytest.raises(OSError, match="No space left on device: .*/a.csv"):
        write_whole(tmp_path / "a.csv", "new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.csv", "old")]
