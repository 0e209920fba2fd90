import ast
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from analytics.unattended.schedule import KINDS, write_schedule

AWKWARD = "50% o'clock $HOME"  # signs that cron, systemd, a shell or a template would read as their own


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    """A command that writes down where it was called and with what."""
    file = tmp_path_factory.mktemp("bin") / "perception"
    file.write_text('#!/bin/sh\npwd > "$0.called"\nfor word in "$@"; do echo "$word" >> "$0.called"; done\n')
    file.chmod(0o755)
    return file


@pytest.fixture(scope="module")
def config(tmp_path_factory, organise) -> Path:
    return organise(tmp_path_factory.mktemp("acme") / AWKWARD)


def called(program):
    file = Path(f"{program}.called")
    lines = file.read_text().splitlines()
    file.unlink()
    return lines


def expected(config, frequency):
    words = ["catch-up", "small", "--deliver", "--config", str(config), "--frequency", frequency]
    return [str(config.parent), *words]


@pytest.mark.parametrize(
    ("frequency", "times"), [("week", "30 6 * * 1-3"), ("month", "30 6 1-3 * *"), ("quarter", "30 6 1-3 1,4,7,10 *")]
)
def test_the_cron_line_has_five_times_and_runs_the_command(config, program, frequency, times):
    lines = [x for x in write_schedule("cron", "small", config, frequency, program).splitlines() if x[:1] != "#"]
    assert lines[0] == "MAILTO=root"
    assert len(lines) == 2
    assert lines[1].startswith(times + " ")
    for field, (low, high) in zip(times.split(), [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)], strict=True):
        assert re.fullmatch(r"\*|\d+(-\d+)?(,\d+)*", field)
        assert all(low <= int(number) <= high for number in re.findall(r"\d+", field))
    command = lines[1].split(" ", 5)[5]
    assert not re.search(r"(?<!\\)%", command)  # a bare % would end cron's line
    subprocess.run(["sh", "-c", command.replace(r"\%", "%")], check=True)
    assert called(program) == expected(config, frequency)


@pytest.mark.skipif(shutil.which("crontab") is None, reason="crontab is not installed")
def test_crontab_accepts_the_line(config, program, tmp_path):
    file = tmp_path / "crontab"
    file.write_text(write_schedule("cron", "small", config, "month", program))
    found = subprocess.run(["crontab", "-T", str(file)], capture_output=True, text=True)
    if "invalid option" in found.stderr:
        pytest.skip("this crontab cannot check a file (-T)")
    assert found.returncode == 0, found.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("frequency", ["week", "month", "quarter"])
def test_systemd_accepts_service_and_timer(config, program, tmp_path, frequency):
    text = write_schedule("systemd", "small", config, frequency, program)
    parts = re.split(r"^# /etc/systemd/system/(\S+)$", text, flags=re.MULTILINE)[1:]
    files = [tmp_path / name for name in parts[::2]]
    assert [file.name for file in files] == ["perception-small.service", "perception-small.timer"]
    for file, part in zip(files, parts[1::2], strict=True):
        file.write_text(part)
    found = subprocess.run(["systemd-analyze", "verify", *map(str, files)], capture_output=True, text=True)
    complaints = [line for line in found.stderr.splitlines() if str(tmp_path) in line or "perception-small" in line]
    assert found.returncode == 0, found.stderr
    assert complaints == []
    when = re.search(r"OnCalendar=(.+)", text)[1]
    assert subprocess.run(["systemd-analyze", "calendar", when], capture_output=True).returncode == 0
    assert "Persistent=true" in text


def test_the_service_has_no_new_rights_a_tmp_of_its_own_and_a_system_it_cannot_write(config, program):
    lines = write_schedule("systemd", "small", config, "month", program).splitlines()
    assert {"NoNewPrivileges=true", "PrivateTmp=true", "ProtectSystem=full"} <= {*lines}


def test_systemd_gets_every_sign_of_a_path_as_it_is(config, program):
    line = re.search(r"^ExecStart=(.+)$", write_schedule("systemd", "small", config, "month", program), re.MULTILINE)[1]
    read = [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(line)]
    assert [str(config.parent), *read[1:]] == expected(config, "month")


def test_the_airflow_file_is_python_and_its_command_runs(config, program):
    text = write_schedule("airflow", "small", config, "month", program)
    tree = ast.parse(text)
    given = {k.arg: k.value for node in ast.walk(tree) if isinstance(node, ast.Call) for k in node.keywords}
    assert ast.literal_eval(given["schedule"]) == "30 6 1-3 * *"
    assert ast.literal_eval(given["catchup"]) is False
    command = ast.literal_eval(given["bash_command"])
    plain = command.removeprefix("{% raw %}").removesuffix("{% endraw %}")
    assert plain.endswith(" ")  # Airflow reads a command that ends in .sh as the name of a template
    subprocess.run(["bash", "-c", plain], check=True)
    assert called(program) == expected(config, "month")


@pytest.mark.skipif(importlib.util.find_spec("airflow") is None, reason="Airflow is not installed")
def test_airflow_imports_the_file(config, program, tmp_path):
    file = tmp_path / "perception_small.py"
    file.write_text(write_schedule("airflow", "small", config, "month", program))
    subprocess.run([sys.executable, str(file)], check=True, timeout=120)


def test_the_github_workflow_keeps_to_the_schema_and_names_every_secret(config):
    config = config.parent / "with_database.toml"
    text = (config.parent / "perception.toml").read_text()
    config.write_text(
        text.replace('path = "surveys.csv"', 'url_env = "DATABASE"\nquery = "SELECT * FROM surveys"')
        + '[delivery]\nsmtp_env = "MAIL"\n'
    )
    flow = yaml.load(write_schedule("github", "small", config, "quarter"), yaml.BaseLoader)
    assert set(flow) == {"name", "on", "permissions", "concurrency", "jobs"}
    assert flow["on"]["schedule"] == [{"cron": "30 6 1-3 1,4,7,10 *"}]
    job = flow["jobs"]["report"]
    assert set(job) <= {"runs-on", "timeout-minutes", "steps"}
    assert all(("uses" in step) != ("run" in step) for step in job["steps"])
    assert all(set(step) <= {"uses", "run", "name", "with", "env", "if"} for step in job["steps"])
    build = next(step for step in job["steps"] if step.get("name") == "Build and deliver")
    assert shlex.split(build["run"])[1:] == [
        "catch-up", "small", "--deliver", "--config", "with_database.toml", "--frequency", "quarter",
    ]  # fmt: skip
    assert build["env"] == {name: f"${{{{ secrets.{name} }}}}" for name in ("MAIL", "DATABASE")}


@pytest.mark.parametrize("kind", KINDS)
def test_no_definition_holds_a_secret(config, kind, monkeypatch):
    monkeypatch.setenv("PERCEPTION_SMTP", "smtps://user:hunter2@mail.example")
    text = write_schedule(kind, "small", config)
    assert "hunter2" not in text
    assert "PERCEPTION_SMTP" in text


def test_an_unknown_kind_or_report_is_refused(config):
    with pytest.raises(ValueError, match="no schedule is known for 'at'. Known: cron, systemd, airflow, github."):
        write_schedule("at", "small", config)
    with pytest.raises(ValueError, match="there is no report 'absent'"):
        write_schedule("cron", "absent", config)
