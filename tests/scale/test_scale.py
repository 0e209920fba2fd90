import contextlib
import os
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import dask
import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics.config import load_config
from analytics.measures.scores import customer_effort, net_promoter_score, response_rate, top_box_share
from analytics.measures.summarise import summarise
from analytics.report.texts import Texts
from analytics.scale import partitions as scale
from analytics.scale.cases import write_cases
from analytics.scale.prepare import earliest, prepare
from analytics.tables.cases import build_cases
from analytics.tables.demo.simulate import simulate
from analytics.tables.read import read_tables
from analytics.tables.schema import TEXT_SCORES, Tables
from analytics.text.comments import NUMBERS, score_and_redact
from analytics.text.own_themes import draw_beside
from tests.text.reading import read_comments

UNTIL = pd.Timestamp("2026-10-20", tz="Europe/London")
PROBABILITIES = [c for c in NUMBERS if c in TEXT_SCORES]


def in_parts(frame: pd.DataFrame, folder: Path, parts: int) -> Path:
    folder.mkdir(parents=True)
    for i, rows in enumerate(np.array_split(np.arange(len(frame)), parts)):
        frame.iloc[rows].to_parquet(folder / f"{i:03}.parquet", index=False)
    return folder


@pytest.fixture(scope="module")
def tables():
    """Three months of the demo, hardened: cases shared by customers, contacts without a case, ties of time."""
    demo, _ = simulate(seed=3, months=3, customers=1_200)
    contacts = demo.contacts.copy()
    contacts.loc[::7, "case_id"] = None
    contacts.loc[5:400:9, "case_id"] = contacts["case_id"].dropna().iloc[0]  # one case of many customers
    contacts.loc[::11, "abandoned"] = True
    zone = contacts["started_at"].dt.tz
    contacts["started_at"] = contacts["started_at"].dt.tz_convert("UTC").dt.floor("h").dt.tz_convert(zone)
    surveys = demo.surveys.assign(csat=demo.surveys["csat"] + 0.5 * (demo.surveys["csat"] < 5))
    complaints = demo.complaints.copy()
    complaints.loc[::3, "case_id"] = None
    return Tables(contacts, surveys, complaints, demo.customers)


@pytest.fixture(scope="module")
def folders(tables, tmp_path_factory):
    root = tmp_path_factory.mktemp("parts")
    parts = {"contacts": 5, "surveys": 4, "complaints": 2, "customers": 3}
    return {name: in_parts(getattr(tables, name), root / name, n) for name, n in parts.items()}


@pytest.fixture(scope="module")
def client():
    with scale.workers(count=2, memory="1.5GiB") as client:
        yield client


def test_the_scheduler_of_this_machine_is_reached_from_this_machine_alone(client):
    assert client.scheduler.address.startswith("tcp://127.0.0.1:")


def opened(folders: dict[str, Path], *names: str) -> dict:
    return {name: scale.read_parts([folders[name]]) for name in names or folders}


def assert_scored_alike(found: pd.DataFrame, one: pd.DataFrame) -> None:
    exact = [c for c in one.columns if c not in PROBABILITIES]
    pd.testing.assert_frame_equal(found[exact], one[exact], check_exact=True)
    pd.testing.assert_frame_equal(found[PROBABILITIES], one[PROBABILITIES], rtol=1e-12, atol=1e-12)


# ---- equal to one machine --------------------------------------------------------------------------------------------


def test_scores_by_partition_are_those_of_one_machine(client, tables, folders, tmp_path):
    raw = opened(folders, "surveys")["surveys"]
    options = {"brands": ["Northwind"], "names": ["Ann Lee"]}
    scale.write_parts(scale.score_parts(scale.number_rows(raw), "comment", **options), tmp_path / "out")
    assert len(list((tmp_path / "out").glob("*.parquet"))) == 4
    found = pd.read_parquet(tmp_path / "out")
    one = score_and_redact(tables.surveys["comment"], model="fast", **options)
    assert_scored_alike(found[one.columns], one)
    assert found["row"].tolist() == list(range(1, len(one) + 1))
    pd.testing.assert_frame_equal(found[["response_id", "nps"]], tables.surveys[["response_id", "nps"]])


@pytest.mark.parametrize(
    "names",
    [("contacts", "surveys", "complaints", "customers"), ("contacts",), ("complaints", "customers")],
    ids=["all tables", "contacts alone", "complaints without contacts"],
)
def test_cases_by_partition_are_those_of_one_machine_to_the_last_digit(client, tables, folders, tmp_path, names):
    write_cases(opened(folders, *names), tmp_path / "cases", UNTIL)
    assert [path.name for path in tmp_path.iterdir()] == ["cases"]
    found = pd.read_parquet(tmp_path / "cases").sort_values(["started_at", "case_id"], ignore_index=True)
    one = build_cases(Tables(**{name: getattr(tables, name) for name in names}), until=UNTIL)
    pd.testing.assert_frame_equal(found, one, check_exact=True)


@pytest.mark.parametrize("by", [[], ["survey"]], ids=["everybody", "by group"])
@pytest.mark.parametrize("measure", [net_promoter_score, customer_effort, response_rate])
def test_summaries_of_whole_answers_are_those_of_one_machine_to_the_last_digit(client, tables, folders, measure, by):
    found = scale.summarise_by_partition(opened(folders, "surveys")["surveys"], measure, by)
    pd.testing.assert_frame_equal(found, summarise(tables.surveys, measure, by, people=""), check_exact=True)


def test_summaries_name_missing_groups_and_keep_groups_without_an_answer(client, tables, folders, tmp_path):
    surveys = tables.surveys.assign(team=(["a", None, "b"] * len(tables.surveys))[: len(tables.surveys)])
    surveys.loc[surveys["team"] == "b", "csat"] = np.nan
    frame = scale.read_parts([in_parts(surveys, tmp_path / "teams", 3)])
    found = scale.summarise_by_partition(frame, top_box_share, ["team"], confidence=0.9)
    pd.testing.assert_frame_equal(
        found, summarise(surveys, top_box_share, ["team"], confidence=0.9, people=""), rtol=1e-12
    )
    assert found["team"].tolist() == ["a", "b", "not stated"]
    assert found["n"].tolist()[1] == 0


def test_a_report_reads_prepared_tables_as_if_it_had_scored_them(client, tables, folders, tmp_path):
    lines = [f'[sources.{name}]\npath = "{folder}"' for name, folder in folders.items()]
    settings = '[organisation]\nname = "Northwind"\nbrands = ["Northwind"]\ntimezone = "Europe/London"\n'
    (tmp_path / "raw.toml").write_text(settings + "\n".join(lines))
    written = prepare(load_config(tmp_path / "raw.toml"), tmp_path / "out", UNTIL)
    assert [path.name for path in written] == [*folders, "cases", "summary.csv"]
    lines = [f'[sources.{name}]\npath = "out/{name}"' for name in folders]
    (tmp_path / "ready.toml").write_text(settings + "\n".join(lines))
    raw, ready = (read_tables(load_config(tmp_path / f"{name}.toml")) for name in ("raw", "ready"))
    one = read_comments(raw, brands=["Northwind"], model="fast")
    one["themes"] = [[str(tag) for tag in tags] for tags in one["themes"]]
    found = read_comments(ready, brands=["Northwind"], model="accurate")  # not asked: the scores are there
    found, one = (frame.drop(columns="cut") for frame in (found, one))  # what was cut is not kept with the scores
    pd.testing.assert_frame_equal(found, one, check_dtype=False, rtol=1e-12)
    assert build_cases(ready, until=UNTIL).columns.intersection(TEXT_SCORES).empty
    assert "agent_name" not in ready.contacts
    summary = pd.read_csv(tmp_path / "out/summary.csv")
    answered = raw.surveys[raw.surveys["responded_at"].notna()]
    assert summary.loc[summary["measure"] == "net_promoter_score", "n"].sum() == answered["nps"].notna().sum()


def test_own_themes_are_taught_beside_the_same_texts_as_on_one_machine(tmp_path):
    rng, n = np.random.default_rng(0), 2_600
    at = pd.Timestamp("2026-01-01", tz="Europe/London") + pd.to_timedelta(rng.integers(0, 300, n), unit="D")
    comment = [f"{rng.choice(['', '> quoted', 'Hi. '])}text {word}" for word in rng.integers(0, 1_500, n).astype(str)]
    surveys = pd.DataFrame({"response_id": np.arange(n).astype(str), "responded_at": at, "comment": comment})
    surveys.loc[::50, "responded_at"] = pd.NaT
    complaints = pd.DataFrame({"complaint_id": ["a", "b"], "received_at": at[:2], "text": ["Hi. text 5", "another"]})
    story = SimpleNamespace(whole=Tables(surveys=surveys, complaints=complaints))
    folders = {
        "surveys": in_parts(surveys, tmp_path / "surveys", 7),
        "complaints": in_parts(complaints, tmp_path / "c", 1),
    }
    with dask.config.set(scheduler="sync"):
        texts = [*earliest(opened(folders))]
    assert draw_beside(texts) == draw_beside(Texts.earliest(story))


def test_csv_files_are_partitions_too_and_must_have_the_same_columns(client, tables, tmp_path):
    texts = tables.surveys["comment"].dropna().head(60)
    for i in range(3):
        texts.iloc[i * 20 : i * 20 + 20].to_frame("Remarks").assign(Id="007").to_csv(tmp_path / f"{i}.csv", index=False)
    frame = scale.read_parts([tmp_path])
    found = scale.score_parts(frame, "Remarks").compute().reset_index(drop=True)
    assert_scored_alike(
        found.drop(columns="Id"), score_and_redact(texts.reset_index(drop=True).rename("Remarks"), model="fast")
    )
    assert found["Id"].unique().tolist() == ["007"]
    (tmp_path / "3.csv").write_text("Remarks\nlate\n")
    with pytest.raises(ValueError, match=r"3\.csv: has columns \['Remarks'\], the first file has \['Remarks', 'Id'\]"):
        scale.read_parts([tmp_path]).compute()


# ---- workers that die, memory that is short --------------------------------------------------------------------------


def test_a_worker_killed_in_the_middle_of_scoring_loses_nothing(tables, tmp_path):
    texts = pd.concat([tables.surveys["comment"].dropna()] * 2, ignore_index=True)
    texts = (texts + " " + pd.Series(range(len(texts))).astype("str")).rename("comment").head(2_000)
    folder = in_parts(texts.to_frame(), tmp_path / "in", 20)
    killed = []

    def kill_one(pids: list[int]) -> None:
        staged = tmp_path / ".out.part"
        while len(list(staged.glob("*.parquet"))) < 4:
            time.sleep(0.01)
        os.kill(pids[0], signal.SIGKILL)
        killed.append(len(list(staged.glob("*.parquet"))))

    with scale.workers(count=2, memory="1.5GiB") as client:
        pids = list(client.run(os.getpid).values())
        assert len(set(pids)) == 2
        killer = threading.Thread(target=kill_one, args=(pids,), daemon=True)
        killer.start()
        scale.write_parts(scale.score_parts(scale.read_parts([folder]), "comment"), tmp_path / "out")
        killer.join(timeout=10)
    assert killed
    assert killed[0] < 16  # the middle
    assert_scored_alike(pd.read_parquet(tmp_path / "out"), score_and_redact(texts, model="fast"))
    assert not (tmp_path / ".out.part").exists()


def test_a_dataset_larger_than_the_memory_of_all_workers_is_scored(tmp_path):
    limit, parts, rows = 700 * 2**20, 24, 150_000
    line = "The engineer came late, nobody called me back and the line is still dead after three weeks of waiting. " * 2
    distinct = pa.array([f"{line}{i}" for i in range(8)])
    (tmp_path / "in").mkdir()
    size = 0
    for i in range(parts):
        codes = pa.array(np.arange(i, i + rows) % 8, pa.int32())
        column = pa.DictionaryArray.from_arrays(codes, distinct).cast(pa.large_string())
        size += column.nbytes
        pq.write_table(pa.table({"comment": column}), tmp_path / "in" / f"{i:03}.parquet")
    assert size > limit
    with scale.workers(count=1, memory=str(limit)) as client:
        frame = scale.read_parts([tmp_path / "in"])
        scale.write_parts(scale.score_parts(frame, "comment"), tmp_path / "out")
        restarts = client.run(lambda dask_worker: dask_worker.memory_manager.memory_limit)
    assert set(restarts.values()) == {limit}
    written = [pq.ParquetFile(file) for file in sorted((tmp_path / "out").glob("*.parquet"))]
    assert sum(file.metadata.num_rows for file in written) == parts * rows
    first = written[0].read_row_group(0, columns=["comment", "sentiment"]).slice(0, 8).to_pandas()
    assert first["sentiment"].unique().tolist() == ["negative"]


def test_a_worker_that_keeps_much_of_its_memory_goes_on(tmp_path):
    """It is as full at the second part as after the first: a worker told to wait for room would wait for ever."""
    for i in range(3):
        pq.write_table(pa.table({"a": [i]}), tmp_path / f"{i}.parquet")
    with scale.workers(count=1, memory=str(800 * 2**20)):
        kept = scale.read_parts([tmp_path]).map_partitions(keep_memory, 800 * 2**20, meta={"a": "int64"}).compute()
    assert kept["a"].tolist() == [0, 1, 2]


def keep_memory(frame: pd.DataFrame, limit: int) -> pd.DataFrame:
    """Fill this process up to nine tenths of its limit, and wait until its watch has seen that."""
    free = int(0.9 * limit) - psutil.Process().memory_info().rss
    if free > 0:
        KEPT.append(b"x" * free)
    time.sleep(0.5)
    return frame


KEPT: list[bytes] = []


def test_workers_that_always_die_end_in_a_sentence_and_write_nothing(tmp_path, folders):
    frame = opened(folders, "customers")["customers"].map_partitions(die, meta={"a": "int64"})
    once = dask.config.set({"distributed.scheduler.allowed-failures": 1})  # each death is the start of another worker
    with once, pytest.raises(ChildProcessError, match="fewer workers, or write smaller files"), scale.workers(count=1):
        scale.write_parts(frame, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def die(frame: pd.DataFrame) -> pd.DataFrame:
    with contextlib.suppress(ProcessLookupError):
        os.kill(os.getpid(), signal.SIGKILL)
    return frame


# ---- said before anything runs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "banana", "http://127.0.0.1:8786"])
def test_a_scheduler_that_does_not_answer_is_named(monkeypatch, address):
    monkeypatch.setattr(scale, "CONNECT", "1s")
    with pytest.raises(ValueError, match=f"no Dask scheduler answers at '{address}'"), scale.workers(address):
        pass


def test_a_folder_with_other_things_in_it_is_never_replaced(tmp_path, folders):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="exists and is not a folder this command wrote"):
        scale.write_parts(opened(folders, "customers")["customers"], tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no files. Give a folder"),
        ({"a.parquet": b"PAR1", "b.csv": b"a\n1\n"}, "holds both Parquet and other files"),
        ({"a.parquet": b"not one"}, "a.parquet: cannot be read as Parquet"),
    ],
)
def test_a_folder_that_cannot_be_read_says_why(tmp_path, files, message):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        scale.read_parts([tmp_path])
