"""Faults injected into the machinery that publishes: nothing is lost, nothing is half published, the cause is said."""

import ast
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pandas as pd
import pytest

import analytics
from analytics.publish.collect import InputError, ReportError
from analytics.publish.run import FILES, build_report, report_name
from analytics.publish.versions import version_of
from analytics.unattended.catchup import catch_up
from analytics.unattended.deliver import deliver

KILLS = int(os.environ.get("PERCEPTION_KILLS", "4"))  # 200 in `make kills`
PAIRS = int(os.environ.get("PERCEPTION_PAIRS", "2"))  # ten in `make kills`
APRIL = datetime(2025, 4, 2, tzinfo=UTC)


@pytest.fixture
def folder(small, in_process):
    """A published report."""
    return build_report("small", "2025-03", small).folder


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def add_answers(config, count=10):
    with (config.parent / "surveys.csv").open("a") as file:
        file.writelines(f"late{i},late{i},2025-03-20,2025-03-21,{1 if i % 10 else 5}\n" for i in range(count))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are listed under /proc on Linux only")
def test_a_kill_at_any_moment_leaves_the_old_or_the_new_report_whole(small):
    script = [sys.executable, str(Path(__file__).with_name("kills.py")), str(small.parent), str(KILLS), "0"]
    run = subprocess.run(script, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    sys.stdout.write(f"{found}\n")
    assert found["faults"] == []
    assert sum(found["killed"].values()) == KILLS
    assert found["last"] == 0  # the lock of a dead run keeps nobody out
    assert found["left"] == []  # nor does it leave anything behind for long
    assert found["orphans"] == []  # a kernel without its runner ends by itself


def test_two_reports_of_one_folder_made_at_once_are_both_whole(small):
    script = [sys.executable, str(Path(__file__).with_name("pairs.py")), str(small.parent), str(PAIRS)]
    run = subprocess.run(script, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {"pairs": PAIRS, "faults": [], "left": []}


def test_a_full_disk_leaves_the_old_report_and_says_so(small, in_process):
    disk = small.parent / "reports"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk; test_run fakes the errors instead")
    try:
        folder = build_report("small", "2025-03", small).folder
        before = contents(folder)
        add_answers(small)
        free = shutil.disk_usage(disk).free
        for left in (0, 4096, 20480):
            (disk / "filler").write_bytes(b"x" * (free - left))
            with pytest.raises(OSError, match="No space left on device.*is untouched"):
                build_report("small", "2025-03", small)
            assert contents(folder) == before
            assert [p.name for p in folder.parent.iterdir() if p.is_dir()] == ["2025-03"]
            (disk / "filler").unlink()
        assert build_report("small", "2025-03", small).manifest["version"] == 2
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("after", [0, 1])
def test_a_database_that_goes_away_leaves_the_report_and_shows_no_password(folder, small, monkeypatch, after):
    pytest.importorskip("psycopg", reason="the PostgreSQL driver is not installed")
    before = contents(folder)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=vanish, args=(server, after), daemon=True).start()
        port = server.getsockname()[1]
        monkeypatch.setenv("DATABASE", f"postgresql+psycopg://reader:pa55word@127.0.0.1:{port}/crm?sslmode=disable")
        query = 'url_env = "DATABASE"\nquery = "SELECT * FROM surveys"'
        small.write_text(small.read_text().replace('path = "surveys.csv"', query))
        with pytest.raises(ValueError, match="DATABASE") as caught:
            list(catch_up("small", small, now=APRIL))
    assert "pa55word" not in str(caught.value)
    assert contents(folder) == before


def test_a_database_lost_in_the_middle_of_a_report_leaves_the_old_one_and_shows_no_password(small, monkeypatch):
    pytest.importorskip("psycopg", reason="the PostgreSQL driver is not installed")
    folder = build_report("small", "2025-03", small).folder
    before = contents(folder)
    notebook = small.parent / "notebooks/report_small.ipynb"
    nb = nbformat.read(notebook, as_version=4)
    nb.cells[2].source = "from analytics.config import load_config\nfrom analytics.tables.read import read_tables\n"
    nb.cells[2].source += "answers = read_tables(load_config(config)).surveys"
    nbformat.write(nb, notebook)
    query = 'url_env = "DATABASE"\nquery = "SELECT * FROM surveys"'
    small.write_text(small.read_text().replace('path = "surveys.csv"', query))
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=vanish, args=(server, 1), daemon=True).start()
        address = f"127.0.0.1:{server.getsockname()[1]}/crm?sslmode=disable"
        monkeypatch.setenv("DATABASE", f"postgresql+psycopg://reader:pa55word@{address}")
        with pytest.raises(InputError, match="DATABASE: SELECT.*the database says") as caught:
            build_report("small", "2025-03", small)
    assert "pa55word" not in str(caught.value)
    assert contents(folder) == before


def vanish(server, after):
    """Speak just enough of PostgreSQL's protocol to be let in, then hang up: at once, or at the first query."""
    while True:
        try:
            line = server.accept()[0]
        except OSError:
            return
        with line:
            line.recv(4096)
            if after:
                line.sendall(b"R\0\0\0\x08\0\0\0\0" + b"Z\0\0\0\x05I")
                line.recv(4096)


@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "bytes"])
def test_a_damaged_input_is_named_and_the_report_stays(folder, small, damage):
    before = contents(folder)
    frame, file = pd.read_csv(small.parent / "surveys.csv"), small.parent / "surveys.csv"
    if damage == "cut":
        small.write_text(small.read_text().replace("surveys.csv", "surveys.parquet"))
        file = small.parent / "surveys.parquet"
        frame.to_parquet(file)
        file.write_bytes(file.read_bytes()[:-200])
    elif damage == "gone":
        file.unlink()
    else:
        file.write_bytes({"empty": b"", "bytes": os.urandom(4096)}[damage])
    with pytest.raises(ValueError, match=file.name):
        list(catch_up("small", small, now=APRIL))
    assert contents(folder) == before


def test_an_export_without_a_row_is_a_fault_and_the_report_stays(folder, small):
    before = contents(folder)
    (small.parent / "surveys.csv").write_text("response_id,invited_at,csat\n")
    steps = list(catch_up("small", small, now=APRIL))
    assert [(s.period, s.word) for s in steps] == [("2025-03", "failed")]
    assert steps[0].detail == "no survey, complaint or contact is later than any period"
    assert contents(folder) == before


def test_a_clock_that_jumped_back_builds_and_harms_nothing(folder, small):
    before = contents(folder)
    steps = list(catch_up("small", small, now=datetime(2025, 2, 3, tzinfo=UTC)))
    assert [(s.period, s.word) for s in steps] == [("2025-01", "built")]
    assert contents(folder) == before


def test_the_lock_of_a_dead_process_keeps_nobody_out(folder, small):
    folder.with_name(".2025-03.lock").write_text("4194304\nanother-host\n")
    add_answers(small)
    assert build_report("small", "2025-03", small, wait=0).manifest["version"] == 2


COMPARED = ("notebook.ipynb", "claims.json", "manifest.json")  # by what a version shows, and whether it is whole


@pytest.mark.parametrize("damaged", [*sorted({*FILES} - {*COMPARED}), "changes.json", "delivery.json", "versions"])
def test_damaged_files_that_nothing_is_compared_by_do_not_stop_the_next_version(folder, small, damaged):
    (folder / damaged).unlink(missing_ok=True)
    (folder / damaged).write_bytes(b"\xff{[")
    add_answers(small)
    steps = {step.period: step.word for step in catch_up("small", small, now=APRIL)}
    assert steps["2025-03"] == "revised"
    assert version_of(folder) == 2
    assert (folder / "versions/v1").is_dir()


FIGURE = {"value": 0.75, "low": 0.5, "high": 0.9, "n": 12, "unit": "share"}
ODD = [{"n": "many"}, {"value": "0.75"}, {"low": [0]}, {"unit": None}, {"unit": ["share"]}, {"n": None}]
CLAIM = {"key": "score:csat", "sentence": "75 %.", "signal": None}
DAMAGE = [
    b"",
    b"\xff{[",
    b'{"cells": 3, "claims": 3, "files": 3}',
    b'{"cells": [], "claims": [], "files": {}}',
    b"[" * 100_000,
]
ODD_CLAIMS = [json.dumps({"claims": [CLAIM | {"evidence": [FIGURE | odd]}]}).encode() for odd in ODD]


@pytest.mark.parametrize("damaged", COMPARED)
def test_a_version_that_cannot_be_compared_stops_the_next_until_it_is_moved_away(small, in_process, damaged):
    folder = build_report("small", "2025-03", small).folder
    whole = contents(folder)
    add_answers(small)
    for damage in (None, *DAMAGE, *(ODD_CLAIMS if damaged == "claims.json" else ())):
        (folder / damaged).unlink() if damage is None else (folder / damaged).write_bytes(damage)
        before = contents(folder)
        step = list(catch_up("small", small, since="2025-03", now=APRIL))[0]
        assert (step.word, contents(folder)) == ("failed", before)
        assert f"Put a whole copy back; without one, and if you answer for that, move {folder} away" in step.detail
    (folder / damaged).write_bytes(whole[Path(damaged)])
    assert build_report("small", "2025-03", small).manifest["version"] == 2
    (folder / "versions/v1" / damaged).write_bytes(b"")
    add_answers(small, 30)
    with pytest.raises(ReportError, match=r"2025-03/versions/v1 is gone, damaged, or was changed"):
        build_report("small", "2025-03", small)
    folder.rename(folder.with_name("aside"))
    assert build_report("small", "2025-03", small).manifest["version"] == 1


def test_a_folder_without_its_pdf_is_not_taken_for_an_unpublished_period(small, in_process):
    folder = build_report("small", "2025-03", small).folder
    (folder / "report.pdf").unlink()
    before = contents(folder)
    with pytest.raises(ReportError, match="without report.pdf.*Put a whole copy back"):
        build_report("small", "2025-03", small)
    assert contents(folder) == before


def test_a_folder_that_is_a_link_is_replaced_and_what_it_leads_to_stays(small, in_process, tmp_path):
    folder, elsewhere = build_report("small", "2025-03", small).folder, tmp_path / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    before = contents(elsewhere)
    for version in (2, 3):
        add_answers(small, 10 * version)
        assert build_report("small", "2025-03", small).manifest["version"] == version
    assert contents(elsewhere) == before
    assert not [path for path in folder.parent.iterdir() if path.is_symlink()]


def test_what_others_put_beside_a_report_is_kept(folder, small):
    (folder / "notes").mkdir()
    for name in ("minutes.txt", "notes/meeting.txt"):
        (folder / name).write_text("ours")
    add_answers(small)
    assert build_report("small", "2025-03", small).manifest["version"] == 2
    assert [(folder / name).read_text() for name in ("minutes.txt", "notes/meeting.txt")] == ["ours"] * 2


def test_a_file_damaged_since_is_whole_again_when_the_same_report_is_made(small, in_process):
    folder = build_report("small", "2025-03", small).folder
    for damaged in ("report.pdf", "claims.json", "notebook.ipynb"):
        (folder / damaged).write_bytes(b"")
    assert build_report("small", "2025-03", small).manifest["version"] == 1
    assert all(contents(folder).values())


def test_ten_times_the_usual_data_are_published_like_any(folder, small):
    add_answers(small, 120)
    step = list(catch_up("small", small, since="2025-03", now=APRIL))[0]
    assert (step.word, version_of(folder)) == ("revised", 2)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_nothing_that_is_published_is_open_to_everybody_whatever_the_umask(small, in_process, umask):
    small.write_text(small.read_text() + '[delivery]\ncopy_to = "copies"\n')
    before = os.umask(umask)
    try:
        build_report("small", "2025-03", small)
        add_answers(small)
        folder = build_report("small", "2025-03", small).folder
        deliver("small", small, pauses=[0])
    finally:
        os.umask(before)
    found = {p.relative_to(folder): p.stat().st_mode & 0o777 for p in folder.rglob("*")}
    assert {mode for path, mode in found.items() if (folder / path).is_file()} == {0o640}
    assert {mode for path, mode in found.items() if (folder / path).is_dir()} == {0o750}
    assert {"changes.json", "delivery.json", "versions/v1/report.pdf"} <= {str(path) for path in found}
    copied = [*(small.parent / "copies").rglob("*")]
    assert {p.stat().st_mode & 0o777 for p in copied if p.is_file()} == {0o640}
    assert {p.stat().st_mode & 0o777 for p in copied if p.is_dir()} == {0o750}
    above = [folder.parent, folder.parent.parent, folder.with_name(".2025-03.lock")]
    assert above[-1].stat().st_mode & 0o777 == 0o640
    assert {p.stat().st_mode & 0o777 for p in above if p.is_dir()} == {0o750}


@pytest.mark.parametrize("name", ["...ipynb", "report_.ipynb", "a\nb.ipynb", "-x.ipynb", "a;b.ipynb"])
def test_a_notebook_whose_name_leads_elsewhere_names_no_report(name):
    with pytest.raises(ValueError, match="cannot name a report"):
        report_name(Path("/folder") / name)


@pytest.mark.parametrize("period", ["..", "2025-03/..", "/2025-03", "2025-03\0", "2025-03\n", "２０２５-03"])
def test_a_period_that_leads_elsewhere_is_refused_everywhere(folder, small, period):
    small.write_text(small.read_text() + '[delivery]\ncopy_to = "copies"\n')
    for call in (
        lambda: build_report("small", period, small),
        lambda: deliver("small", small, period),
        lambda: list(catch_up("small", small, since=period)),
    ):
        with pytest.raises(ValueError, match="is not a period"):
            call()


def test_no_module_unpickles_or_runs_text_as_code():
    forbidden = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
    for file in Path(analytics.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not forbidden & {name.split(".")[0] for name in names}, file
            if isinstance(node, ast.Call):
                called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                whole = ast.unparse(node.func)
                assert whole not in ("eval", "exec", "os.system", "yaml.load", "joblib.load", "pd.read_pickle"), file
                assert called not in ("read_pickle", "to_pickle"), file
                flags = {k.arg: k.value for k in node.keywords if k.arg in ("allow_pickle", "shell")}
                assert all(isinstance(v, ast.Constant) and v.value is False for v in flags.values()), file
