import errno
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import nbformat
import pytest
from filelock import FileLock

from analytics.config import load_config
from analytics.publish import kernel, run
from analytics.publish.blocks import MIME, finding
from analytics.publish.claims import ClaimError
from analytics.publish.collect import ReportError, collect, refuse_unfounded
from analytics.publish.run import FILES, build_report, check_parameters


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def copy(tmp_path, published, organise):
    """The organisation with its report already published, and the kernel replaced by the executed notebook."""
    root = tmp_path / "acme"
    config = organise(root)
    shutil.copytree(published.folder, root / "reports" / "ok" / "2025-03")
    return config


@pytest.fixture
def no_kernel(monkeypatch, published):
    executed = nbformat.read(published.folder / "notebook.ipynb", as_version=4)

    def execute(notebook, values, root, cell_limit):
        return nbformat.from_dict(executed)

    monkeypatch.setattr(run, "execute", execute)


CELL = {"cell_type": "code", "id": "a", "metadata": {"tags": ["parameters"]}, "outputs": [], "execution_count": None}
CELL |= {"source": "config: str = ''\nperiod: str = ''"}
NOTEBOOK = {"cells": [CELL], "metadata": {"kernelspec": {"name": "python3", "language": "python"}}}
NOTEBOOK |= {"nbformat": 4, "nbformat_minor": 5}
ODD = [
    [], 3, None, "x", {}, NOTEBOOK | {"cells": 3}, NOTEBOOK | {"cells": [1]}, NOTEBOOK | {"metadata": []},
    NOTEBOOK | {"nbformat": 99}, NOTEBOOK | {"nbformat": 3}, NOTEBOOK | {"nbformat_minor": "5"},
    NOTEBOOK | {"metadata": {"kernelspec": 3}}, NOTEBOOK | {"metadata": {"kernelspec": {"name": [], "language": 3}}},
    *(NOTEBOOK | {"cells": [CELL | odd]} for odd in ({"metadata": {"tags": 3}}, {"source": 3}, {"outputs": None})),
]  # fmt: skip


@pytest.mark.parametrize("text", [*map(json.dumps, ODD), "[" * 100_000, "", "\xff"])
def test_a_file_that_is_no_notebook_is_named_with_what_to_do(text, small, perception):
    (small.parent / "notebooks/report_small.ipynb").write_text(text, encoding="latin-1")
    code, _, err = perception("report", "small", "--period", "2025-03", "--config", str(small))
    assert (code, "report_small.ipynb is no notebook that can be run" in err) == (2, True)


def test_a_report_is_published_complete(published):
    assert published.folder.parts[-3:] == ("reports", "ok", "2025-03")
    assert sorted(p.name for p in published.folder.iterdir()) == sorted(FILES)
    assert published.pdf.read_bytes().startswith(b"%PDF")
    assert [p.name for p in published.folder.parent.iterdir() if p.is_dir()] == ["2025-03"]


def test_the_manifest_says_what_the_report_was_made_from(published):
    manifest = json.loads((published.folder / "manifest.json").read_text())
    assert manifest == published.manifest
    assert manifest["parameters"] == {"config": "perception.toml", "period": "2025-03"}
    assert manifest["inputs"] == [{"table": "surveys", "source": "perception.toml", "sha256": "ab" * 32, "rows": 1204}]
    assert manifest["title"] == "How customers see us"
    assert manifest["seconds"] > 0
    assert "pandas" in manifest["versions"]
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((published.folder / name).read_bytes()).hexdigest() == digest


def test_claims_keep_every_finding_with_its_evidence(published):
    claims = json.loads((published.folder / "claims.json").read_text())
    assert claims["period"] == "2025-03"
    sections = [c["section"] for c in claims["claims"]]
    assert sections == ["What customers perceive"] + ["Page one"] * 5
    assert claims["claims"][0]["evidence"][0]["value"] == 0.62
    assert claims["claims"][0]["signal"] == "no change"


def test_files_are_not_open_to_everybody(published):
    assert published.folder.stat().st_mode & 0o777 == 0o750
    assert {p.stat().st_mode & 0o777 for p in published.folder.iterdir()} == {0o640}


def test_no_published_file_names_a_folder_a_user_or_a_host_of_this_machine(config, published):
    secrets = [str(config.parent), str(Path.home()), os.uname().nodename, str(Path(run.__file__).parent), sys.prefix]
    for file in published.folder.iterdir():
        parts = [file.read_bytes()]
        if file.suffix == ".xlsx":
            parts = [zipfile.ZipFile(file).read(name) for name in zipfile.ZipFile(file).namelist()]
        assert not [secret for secret in secrets for part in parts if len(secret) > 5 and secret.encode() in part], file


def test_the_published_notebook_keeps_what_passes_the_gates_and_no_print_frame_or_warning(copy, published, monkeypatch):
    nb = nbformat.read(published.folder / "notebook.ipynb", as_version=4)
    told = [nbformat.v4.new_output("stream", name=name, text="C0042 said no") for name in ("stdout", "stderr")]
    told += [nbformat.v4.new_output("execute_result", {"text/html": "<table>C0042</table>"}, execution_count=1)]
    nb.cells[-1].outputs += told
    nb.metadata["papermill"]["input_path"] = "/home/C0042/report.ipynb"
    monkeypatch.setattr(run, "execute", lambda *_: nb)
    folder = build_report("ok", "2025-03", copy).folder
    written = nbformat.read(folder / "notebook.ipynb", as_version=4)
    assert len(written.cells[-1].outputs) == 1 and "C0042" not in nbformat.writes(written)


def test_the_html_copy_hides_code_and_needs_nothing_from_outside(published):
    page = (published.folder / "report.html").read_text()
    assert page.index("62 % of customers are satisfied") < page.index("62 % are satisfied.")  # page one comes first
    assert "import pandas" not in page
    assert not re.search(r"<script|https?://", page)


def test_a_second_run_leaves_the_same_pdf_and_the_same_page(config, published):
    before = published.pdf.read_bytes(), (published.folder / "report.html").read_bytes()
    again = build_report("ok", "2025-03", load_config(config))
    assert (again.pdf.read_bytes(), (again.folder / "report.html").read_bytes()) == before


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("ok", {"perid": "2025-03"}, "report_ok has no parameter 'perid'. It takes: config, period."),
        ("no_parameters", {}, "report_no_parameters has no parameter 'config'. It takes: none."),
        ("typed", {}, "report_typed needs a value for parameter 'segment'"),
        ("typed", {"segment": 7}, r"report_typed: parameter 'segment' is 7 \(int\). Expected: str."),
        ("typed", {"segment": "x", "count": "3"}, r"'count' is '3' \(str\). Expected: int."),
        ("typed", {"segment": "x", "count": True}, r"'count' is True \(bool\). Expected: int."),
        ("absent", {}, "there is no report 'absent'. Known: .*broken, .*ok"),
        ("../report_ok", {}, "there is no report '../report_ok'"),
        ("no_such.ipynb", {}, "there is no notebook no_such.ipynb"),
    ],
)
def test_a_wrong_name_or_parameter_is_refused_before_anything_runs(config, monkeypatch, name, parameters, message):
    monkeypatch.setattr(run, "execute", lambda *_: pytest.fail("the notebook ran"))
    with pytest.raises(ValueError, match=message):
        build_report(name, "2025-03", config, parameters)


@pytest.mark.parametrize(
    ("period", "message"),
    [("2025-13", "2025-13"), ("../../etc", "etc"), ("2099-01", "2099-01 has not begun"), ("", "period")],
)
def test_a_period_that_is_none_or_to_come_is_refused(config, period, message):
    with pytest.raises(ValueError, match=message):
        build_report("ok", period, config)


def test_text_parameters_stay_text(config):
    notebook = config.parent / "notebooks" / "report_typed.ipynb"
    for text in ("007", "NO", "1e5", "null"):
        given = {"config": "c", "period": "2025-03", "segment": text}
        assert check_parameters(notebook, given)["segment"] == text
    published = build_report(str(notebook), "2025-03", config, {"segment": "007", "share": 1})
    nb = nbformat.read(published.folder / "notebook.ipynb", as_version=4)
    assert nb.metadata.papermill.parameters["segment"] == "007"
    assert "Segment 007, type str, 3, 1." in (published.folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "report_broken.ipynb, cell 3 failed, so nothing was published. KeyError: 'absent'"),
        ("tolerated", "ValueError: shown but tolerated"),
        ("empty", "shows no block"),
    ],
)
def test_a_failed_or_empty_notebook_publishes_nothing(config, name, message):
    with pytest.raises(ReportError, match=message):
        build_report(name, "2025-03", config)
    assert not (config.parent / "reports" / name / "2025-03").exists()


def test_a_killed_kernel_leaves_the_old_report(copy):
    folder = copy.parent / "reports" / "slow" / "2025-03"
    shutil.copytree(copy.parent / "reports" / "ok" / "2025-03", folder)
    before = contents(folder)
    pid_file = copy.parent / "kernel.pid"

    def kill():
        deadline = time.monotonic() + 60
        while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < deadline:
            time.sleep(0.1)
        os.kill(int(pid_file.read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(ReportError, match="the kernel died"):
        build_report("slow", "2025-03", copy)
    killer.join()
    assert contents(folder) == before
    assert [p.name for p in folder.parent.iterdir() if p.is_dir()] == ["2025-03"]


def test_a_cell_that_takes_too_long_is_stopped(copy):
    with pytest.raises(ReportError, match="a cell took over 1 seconds"):
        build_report("slow", "2025-03", copy, cell_limit=1)


@pytest.mark.parametrize("code", ["import os; os._exit(0)", "raise SystemExit(0)", "raise KeyboardInterrupt"])
def test_whatever_ends_a_cell_publishes_nothing_and_is_said(copy, code):
    nb = nbformat.read(copy.parent / "notebooks/report_ok.ipynb", as_version=4)
    nb.cells.append(nbformat.v4.new_code_cell(code))
    nbformat.write(nb, copy.parent / "notebooks/report_odd.ipynb")
    with pytest.raises(ReportError, match="report_odd.ipynb.*nothing was published|a cell shows an error: SystemExit"):
        build_report("odd", "2025-03", copy)
    assert not (copy.parent / "reports/odd/2025-03").exists()


@pytest.mark.parametrize("block", [{"kind": "nonsense"}, {"kind": "finding"}, {"kind": "page_one", "headline": 1}, {}])
def test_a_block_of_no_known_form_publishes_nothing_and_is_a_fault_of_the_report(copy, monkeypatch, block):
    nb = nbformat.v4.new_notebook()
    output = nbformat.v4.new_output("display_data", {MIME: block})
    nb.cells = [nbformat.v4.new_code_cell("", outputs=[output])]
    monkeypatch.setattr(run, "execute", lambda *_: nb)
    before = contents(copy.parent / "reports/ok/2025-03")
    with pytest.raises((ReportError, ValueError)):
        build_report("ok", "2025-03", copy)
    assert contents(copy.parent / "reports/ok/2025-03") == before


def test_sockets_of_a_kernel_lie_in_a_private_folder_that_is_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(kernel, "LONGEST_BASE", 1000)  # however deep these tests lie
    with kernel.private_folder() as first, kernel.private_folder() as second:
        assert first != second
        assert {first.parent, second.parent} == {tmp_path}
        assert first.stat().st_mode & 0o777 == 0o700
        (first / "kernel-1").touch()
    assert list(tmp_path.iterdir()) == []


def test_the_next_run_removes_what_dead_runs_left_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(kernel, "LONGEST_BASE", 1000)  # however deep these tests lie
    dead, other = tmp_path / "perception-kernel-dead", tmp_path / "perception-kernel-mine"
    for folder, name in ((dead, "kernel.json"), (other, "notes.txt")):
        folder.mkdir()
        (folder / name).touch()
    (tmp_path / "perception-kernel-link").symlink_to(other)
    with kernel.private_folder() as live:
        (live / "kernel-1").touch()
        with kernel.private_folder():
            assert (live / "kernel-1").exists()
    assert not dead.exists()
    assert (other / "notes.txt").exists()


def test_a_long_folder_of_temporary_files_is_passed_over_as_sockets_have_short_addresses(tmp_path, monkeypatch):
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with kernel.private_folder() as folder:
        assert len(os.fsencode(folder / "kernel-9")) < 100


def test_a_configuration_folder_that_nobody_may_write_to_is_enough_where_output_is_elsewhere(tmp_path, organise):
    config = organise(tmp_path / "acme")
    config.write_text(config.read_text().replace("[report]", f'[report]\noutput = "{tmp_path}/out"'))
    if os.getuid():
        config.parent.chmod(0o500)
    else:  # nothing is closed to root but a disk mounted for reading
        mount = ["mount", "--bind", str(config.parent), str(config.parent)]
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("this machine lets nobody mount a folder for reading only")
        subprocess.run(["mount", "-o", "remount,bind,ro", str(config.parent)], check=True)
    try:
        assert build_report("ok", "2025-03", config).pdf.parent == tmp_path / "out/ok/2025-03"
    finally:
        if os.getuid():
            config.parent.chmod(0o700)
        else:
            subprocess.run(["umount", "-l", str(config.parent)], check=True)


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "No space left on device"), (errno.EACCES, "Permission denied")]
)
@pytest.mark.parametrize("where", ["write_bytes", "write_text", "chmod", "mkdir"])
def test_a_full_disk_or_missing_permission_leaves_the_old_report(copy, no_kernel, monkeypatch, number, words, where):
    folder = copy.parent / "reports" / "ok" / "2025-03"
    before = contents(folder)

    def fail(self, *args, **kwargs):
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, where, fail)
    with pytest.raises(OSError, match=f"{words}: .*Nothing was published; the report in .* is untouched"):
        build_report("ok", "2025-03", copy)
    monkeypatch.undo()
    assert contents(folder) == before
    assert [p.name for p in folder.parent.iterdir() if p.is_dir()] == ["2025-03"]


def test_two_runs_at_once_take_turns(copy, no_kernel, monkeypatch):
    inside, most, execute = [], [], run.execute

    def slow(*args):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.3)
        inside.pop()
        return execute(*args)

    monkeypatch.setattr(run, "execute", slow)
    faults = []

    def build():
        try:
            build_report("ok", "2025-03", copy)
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert most == [1, 1]
    names = {p.name for p in (copy.parent / "reports/ok/2025-03").iterdir()}
    assert names - {"changes.json", "versions"} == set(FILES)


def test_a_run_that_has_waited_long_enough_refuses(copy, no_kernel):
    with (
        FileLock(copy.parent / "reports" / "ok" / ".2025-03.lock"),
        pytest.raises(ReportError, match=r"another run is making .*2025-03, and did not finish in 0.1 seconds"),
    ):
        build_report("ok", "2025-03", copy, wait=0.1)


def test_readers_never_see_a_missing_or_half_written_report(copy, no_kernel):
    pdf, seen, done = copy.parent / "reports/ok/2025-03/report.pdf", [], threading.Event()

    def read():
        while not done.is_set():
            seen.append(pdf.read_bytes() if pdf.exists() else b"missing")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(2):
            build_report("ok", "2025-03", copy)
    finally:
        done.set()
        reader.join()
    assert len(seen) > 10
    assert len(set(seen)) == 1


def test_without_an_exchanging_rename_the_report_is_still_replaced(copy, no_kernel, monkeypatch):
    monkeypatch.setattr(run, "_exchange", lambda *_: False)
    build_report("ok", "2025-03", copy)
    assert [p.name for p in (copy.parent / "reports" / "ok").iterdir() if p.is_dir()] == ["2025-03"]


def test_what_a_killed_run_left_is_put_right(copy, no_kernel):
    folder = copy.parent / "reports" / "ok" / "2025-03"
    folder.rename(folder.with_name(".2025-03.old"))  # cut between two renames
    folder.with_name(".2025-03.abc123").mkdir()  # a half-written run
    with pytest.raises(ValueError, match="no parameter"):
        build_report("ok", "2025-03", copy, {"x": 1})
    build_report("ok", "2025-03", copy)
    assert [p.name for p in folder.parent.iterdir() if p.is_dir()] == ["2025-03"]


def test_a_configuration_object_that_is_not_its_file_is_refused(config):
    changed = load_config(config).model_copy(update={"promises": [], "root": config.parent / "notebooks"})
    with pytest.raises(ValueError, match="Give build_report the path of its file"):
        build_report("ok", "2025-03", changed)


def test_a_claim_without_evidence_stops_the_report():
    blocks = [
        {"kind": "markdown", "text": "## Our great service"},
        finding("Customers love us.").as_json(),
        finding("The score was 62 %.").as_json(),
    ]
    with pytest.raises(ClaimError, match="Customers love us") as caught:
        refuse_unfounded(blocks)
    assert [fault.sentence for fault in caught.value.faults] == ["Our great service", "Customers love us."]


def test_an_error_output_is_refused_even_if_its_cell_may_fail():
    nb = nbformat.v4.new_notebook()
    error = nbformat.v4.new_output("error", ename="KeyError", evalue="'x'", traceback=[])
    shown = nbformat.v4.new_output("display_data", {MIME: finding("x").as_json()})
    nb.cells = [nbformat.v4.new_code_cell("", outputs=[shown, error])]
    with pytest.raises(ReportError, match="a cell shows an error: KeyError: 'x'"):
        collect(nb)
