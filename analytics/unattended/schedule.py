"""Ready definitions that make a report every period: cron, systemd, Airflow, GitHub Actions.

All run one command, ``perception catch-up NAME --deliver``, a few mornings in a row after each period: a report that is
finished is skipped, so that a morning on which the machine or the database was down costs nothing.
"""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analytics.config import load_config
from analytics.publish.run import find_notebook, report_name
from analytics.tables.periods import Frequency

CRON = {"week": "30 6 * * 1-3", "month": "30 6 1-3 * *", "quarter": "30 6 1-3 1,4,7,10 *"}
CALENDAR = {
    "week": "Mon..Wed *-*-* 06:30:00",
    "month": "*-*-01..03 06:30:00",
    "quarter": "*-01,04,07,10-01..03 06:30:00",
}
WHEN = {
    "week": "Monday to Wednesday", "month": "the 1st to 3rd of each month", "quarter": "the 1st to 3rd of each quarter",
}  # fmt: skip
_ENVIRONMENT = "set -a; [ ! -r /etc/perception.env ] || . /etc/perception.env; set +a"


@dataclass(frozen=True)
class Job:
    """What is to be run, when, and from where."""

    report: str
    frequency: Frequency
    config: Path
    program: Path
    timezone: str
    smtp_env: str
    url_envs: tuple[str, ...]

    @property
    def command(self) -> list[str]:
        """The command line, word by word."""
        words = [str(self.program), "catch-up", self.report, "--deliver", "--config", str(self.config)]
        return [*words, "--frequency", self.frequency]

    @property
    def secrets(self) -> list[str]:
        """Names of the environment variables that the run reads."""
        return list(dict.fromkeys([self.smtp_env, *self.url_envs]))


def write_schedule(
    kind: str, name: str, config: str | Path = "perception.toml", frequency: Frequency | None = None,
    program: Path = Path("/usr/local/bin/perception"),
) -> str:  # fmt: skip
    """Write the definition that makes a report every period.

    Parameters
    ----------
    kind
        'cron', 'systemd', 'airflow' or 'github'.
    name
        As for `build_report`.
    config
        The configuration file; its folder is where the job runs.
    frequency
        'week', 'month' or 'quarter'; None: as configured.
    program
        The installed command `perception`.

    Returns
    -------
    str
        Text to save as it is; comments in it say where. Secrets are named, never written.

    Raises
    ------
    ValueError
        If the kind or the report is unknown, or a path holds a line break.
    """
    if kind not in KINDS:
        raise ValueError(f"no schedule is known for {kind!r}. Known: {', '.join(KINDS)}.")
    settings = load_config(config)
    file = Path(config).resolve()
    job = Job(
        report_name(find_notebook(name, settings.root)),
        frequency or settings.report.frequency,
        file,
        program,
        settings.organisation.timezone,
        settings.delivery.smtp_env,
        tuple(source.url_env for source in settings.sources.values() if source.url_env),
    )
    if any(sign in "".join(job.command) for sign in "\n\r\0"):
        raise ValueError(f"the path {str(file)!r} holds a line break, which no schedule can carry. Rename the folder.")
    return KINDS[kind](job)


def _cron(job: Job) -> str:
    run = f"{_ENVIRONMENT}; cd {shlex.quote(str(job.config.parent))} && {shlex.join(job.command)}"
    run = run.replace("%", r"\%")  # cron reads a bare % as the end of the line
    return f"""\
# The report {job.report}, at 06:30 by the server's clock, {WHEN[job.frequency]}. Add these lines with: crontab -e
# A finished report is skipped, so the later mornings only repeat what failed. Secrets stay out of this file: put
# {", ".join(f"{name}='…'" for name in job.secrets)}, one a line, in /etc/perception.env, readable by this user only.
# What the job prints on a fault is mailed to MAILTO.
MAILTO=root
{CRON[job.frequency]} {run} >/dev/null
"""


def _systemd(job: Job) -> str:
    command = " ".join(_unit_word(word) for word in job.command)
    folder = str(job.config.parent).replace("%", "%%")
    unit = f"perception-{job.report.replace(' ', '-')}"
    return f"""\
# /etc/systemd/system/{unit}.service
# Save the two parts as the two files named here, then: systemctl enable --now {unit}.timer
[Unit]
Description=Customer perception report: {job.report}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory={folder}
ExecStart={command}
# {", ".join(f"{name}='…'" for name in job.secrets)}, one a line; readable by root only. With '-' it may be absent.
EnvironmentFile=-/etc/perception.env
UMask=0027
TimeoutStartSec=6h
NoNewPrivileges=true
PrivateTmp=true
ProtectSystem=full

# /etc/systemd/system/{unit}.timer
[Unit]
Description=When the customer perception report {job.report} is made: {WHEN[job.frequency]}

[Timer]
OnCalendar={CALENDAR[job.frequency]} {job.timezone}
# After a time switched off, the missed run starts at once.
Persistent=true
RandomizedDelaySec=5min

[Install]
WantedBy=timers.target
"""


def _unit_word(word: str) -> str:
    """A word of ExecStart: quoted, and the signs that systemd would expand doubled."""
    safe = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{safe}"' if any(sign in word for sign in " \t'\"\\;") else safe


def _airflow(job: Job) -> str:
    plain = f"cd {shlex.quote(str(job.config.parent))} && {shlex.join(job.command)}"
    # a template must not find its own signs in a path; a trailing space keeps a command from being read as a file
    command = "{% raw %}" + plain + " {% endraw %}"
    return f"""\
# Save as dags/perception_{job.report.replace(" ", "_")}.py. 
# The worker needs {", ".join(job.secrets)} in its environment.
# The command skips what is finished, so retries and reruns are harmless; one run at a time is enough.
from datetime import timedelta

import pendulum
from airflow import DAG

try:
    from airflow.providers.standard.operators.bash import BashOperator
except ImportError:  # Airflow 2
    from airflow.operators.bash import BashOperator

with DAG(
    dag_id={json.dumps(f"perception_{job.report.replace(' ', '_')}")},
    schedule={json.dumps(CRON[job.frequency])},
    start_date=pendulum.datetime(2026, 1, 1, tz={json.dumps(job.timezone)}),
    catchup=False,  # the command catches up by itself, in order
    max_active_runs=1,
    default_args={{"retries": 2, "retry_delay": timedelta(minutes=30)}},
    tags=["customer perception"],
):
    BashOperator(
        task_id="catch_up",
        bash_command={command!r},
        execution_timeout=timedelta(hours=6),
        append_env=True,
    )
"""


def _github(job: Job) -> str:
    name = json.dumps(f"Customer perception: {job.report}")
    folder = job.config.name
    secrets = "".join(f"          {name}: ${{{{ secrets.{name} }}}}\n" for name in job.secrets)
    words = ["catch-up", job.report, "--deliver", "--config", folder, "--frequency", job.frequency]
    command = json.dumps(f".venv/bin/perception {shlex.join(words)}", ensure_ascii=False)
    return f"""\
# Save as .github/workflows/perception-{job.report.replace(" ", "-")}.yml of the private repository
# that has {folder} at its top.
# Add {", ".join(job.secrets)} under Settings, Secrets. Times are UTC.
# Reports hold figures about customers: they travel by [delivery], and between runs in the cache, never as artefacts.
name: {name}
on:
  schedule:
    - cron: "{CRON[job.frequency]}"
  workflow_dispatch: {{}}
permissions:
  contents: read
concurrency:
  group: perception-{job.report.replace(" ", "-")}
  cancel-in-progress: false
jobs:
  report:
    runs-on: ubuntu-latest
    timeout-minutes: 330
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.11"
      # What was published and scored before: without it every run starts from the first period again.
      - uses: actions/cache/restore@v4
        with:
          path: |
            reports
            data/derived
          key: perception-{job.report.replace(" ", "-")}-${{{{ github.run_id }}}}
          restore-keys: perception-{job.report.replace(" ", "-")}-
      - run: make .venv/.ready
      - name: Build and deliver
        run: {command}
        env:
{secrets}\
      - uses: actions/cache/save@v4
        if: always()
        with:
          path: |
            reports
            data/derived
          key: perception-{job.report.replace(" ", "-")}-${{{{ github.run_id }}}}
"""


KINDS: dict[str, Callable[[Job], str]] = {"cron": _cron, "systemd": _systemd, "airflow": _airflow, "github": _github}
