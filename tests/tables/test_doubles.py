"""Several rows of one id: which of them count, and when the id cannot be a row's."""

import itertools

import pandas as pd
import pytest

from analytics.config import Config
from analytics.publish.claims import check_claims
from analytics.tables.read import read_tables
from analytics.tables.schema import DataContractError

TICKETS = '[surveys]\nresponse_id = "Id"\nresponded_at = { column = "Solved", optional = true }\ncsat = "Score"\n'
LATEST = TICKETS + 'keep = "latest"\nupdated_at = { column = "Changed", optional = true }\n'


@pytest.fixture
def read(tmp_path):
    """Read the given files as one table through a map."""

    def run(table_map, table="surveys", **files):
        for name, rows in files.items():
            (tmp_path / f"{name}.csv").write_text(rows)
        (tmp_path / "m.toml").write_text(table_map)
        source = {"path": "*.csv", "map": "m.toml"}
        return read_tables(Config(organisation={"name": "Acme"}, sources={table: source}, root=tmp_path))

    return run


def scores(tables):
    return tables.surveys.set_index("response_id")["csat"].to_dict()


def accounts(tables, table="surveys"):
    row = tables.log.rows.set_index("table").loc[table]
    assert row["read"] == row["kept"] + row["left_out"] + row["quarantined"] + row["duplicates"]
    return int(row["kept"]), int(row["duplicates"]), int(row["quarantined"])


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_latest_version_counts_whatever_the_order_of_rows(read, order):
    rows = ["1,2,2026-05-01", "1,5,2026-05-03", "1,3,2026-05-02"]
    tables = read(LATEST, a="Id,Score,Changed\n" + "\n".join(rows[i] for i in order) + "\n2,4,2026-05-01\n")
    assert scores(tables) == {"1": 5, "2": 4}
    assert accounts(tables) == (2, 2, 0)
    assert tables.log.warnings == ("surveys: 2 of 4 rows were replaced by a later row with their id.",)


def test_without_a_stamp_the_later_file_counts(read):
    tables = read(LATEST, w1="Id,Score\n1,2\n2,3\n", w2="Id,Score\n2,5\n3,4\n")
    assert scores(tables) == {"1": 2, "2": 5, "3": 4}


def test_a_version_without_a_stamp_is_older_than_any_with_one(read):
    assert scores(read(LATEST, a="Id,Score,Changed\n1,5,2026-05-01\n1,2,\n")) == {"1": 5}


def test_many_contradicting_rows_stop_the_run_and_propose_keep(read):
    rows = "".join(f"{i},{score},2026-05-0{score}\n" for i in range(5) for score in (2, 4))
    with pytest.raises(DataContractError, match=r"column response_id, duplicate: 10 of 10 .* updated_at = \"Changed\""):
        read(TICKETS, a="Id,Score,Changed\n" + rows)


def test_a_single_contradiction_is_set_aside(read):
    tables = read(TICKETS, a="Id,Score\n1,2\n1,4\n" + "".join(f"{i},5\n" for i in range(2, 60)))
    assert accounts(tables) == (58, 0, 2)


def test_halves_of_a_row_are_joined_in_any_order(read):
    table_map = '[surveys]\nresponse_id = "Id"\nnps = "Score"\ncomment = "Why"\n'
    for rows in (["1,9,", "1,,Kind"], ["1,,Kind", "1,9,"]):
        tables = read(table_map, a="Id,Score,Why\n" + "\n".join([*rows, "2,3,Late"]) + "\n")
        assert tables.surveys[["nps", "comment"]].to_numpy().tolist() == [[9, "Kind"], [3, "Late"]]
        assert accounts(tables) == (2, 1, 0)
    assert "1 of 3 rows are the other half of a row" in tables.log.warnings[0]


def test_snapshots_of_customers_keep_those_who_left(read):
    table_map = '[customers]\ncustomer_id = "Id"\nleft_at = "Left"\n'
    months = "".join(
        f"k{i},{'2026-04-15' if i < 3 and month else ''},{month}\n" for i in range(9) for month in range(3)
    )
    customers = read(table_map, "customers", a="Id,Left,Month\n" + months).customers
    assert len(customers) == 9
    assert customers["left_at"].notna().sum() == 3


def test_rows_that_differ_where_the_map_does_not_read_are_no_doubles(read):
    rows = "".join(f"p{i},4,{question}\n" for i in range(6) for question in ("Why?", "What else?"))
    with pytest.raises(
        DataContractError, match=r"column response_id, duplicate: 6 of 12 rows .*'Question'.*'Id' is a pers"
    ):
        read(TICKETS, a="Id,Score,Question\n" + rows)


def test_the_same_row_in_two_files_is_a_double_even_if_a_stamp_of_export_differs(read):
    tables = read(TICKETS, w1="Id,Score,Exported\n1,2,Monday\n", w2="Id,Score,Exported\n1,2,Tuesday\n2,3,Tuesday\n")
    assert accounts(tables) == (2, 1, 0)


SENT = '[surveys]\nresponse_id = "Id"\ncustomer_id = "Who"\nresponded_at = "When"\nnps = "Score"\ncomment = "Why"\n'
HEAD = "Id,Who,When,Score,Why\n"


def test_an_answer_sent_again_within_seconds_counts_once(read):
    rows = "1,k,2026-05-01 10:00:00,2,Late\n2,k,2026-05-01 10:00:01,2,Late\n3,k,2026-05-01 10:00:03,2,Late\n"
    tables = read(SENT, a=HEAD + rows)
    assert tables.surveys["response_id"].tolist() == ["1"]
    assert "2 of 3 rows repeat an answer within seconds under a new id" in tables.log.warnings[0]
    assert not check_claims(tables.log.warnings[0]), "a report prints it"


@pytest.mark.parametrize(
    "second",
    [
        "2,k,2026-05-01 10:05:00,2,Late",  # minutes later
        "2,m,2026-05-01 10:00:01,2,Late",  # another person
        "2,k,2026-05-01 10:00:01,3,Late",  # another score
        "2,k,2026-05-01 10:00:01,2,Again",  # other words
        "2,,2026-05-01 10:00:00,2,Late",  # nobody known
    ],
)
def test_answers_that_may_be_two_stay_two(read, second):
    assert len(read(SENT, a=HEAD + "1,k,2026-05-01 10:00:00,2,Late\n" + second + "\n").surveys) == 2


def test_days_without_a_clock_say_nothing_about_seconds(read):
    rows = "1,k,2026-05-01,2,Late\n2,k,2026-05-01,2,Late\n"
    assert len(read(SENT, a=HEAD + rows).surveys) == 2


def test_updated_at_alone_is_a_fault_of_the_map(read):
    with pytest.raises(ValueError, match=r'updated_at serves keep = "latest"'):
        read(TICKETS + 'updated_at = "Changed"\n', a="Id,Score,Changed\n1,2,2026-05-01\n")


def test_joining_leaves_types_alone(read):
    table_map = '[contacts]\ncontact_id = "Id"\ncustomer_id = "Who"\nstarted_at = "When"\nabandoned = "Gone"\n'
    table_map += 'handle_time_s = "Secs"\n'
    rows = "Id,Who,When,Gone,Secs\n1,k,2026-05-01,yes,\n1,k,2026-05-01,,30\n2,m,2026-05-02,no,5\n"
    contacts = read(table_map, "contacts", a=rows).contacts
    assert contacts["abandoned"].tolist() == [True, False]
    assert contacts["handle_time_s"].tolist() == [30, 5]
    assert isinstance(contacts["started_at"].dtype, pd.DatetimeTZDtype)
