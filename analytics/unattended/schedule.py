"""Ready definitions that make a report every period: cron, systemd, Airflow, GitHub Actions.

All run one command, ``perception catch-up NAME --deliver``, a few mornings in a row after each period: a report that is
finished is skipped, so that a morning on which the machine or the database was down costs nothing. The definitions are
the files in ``templates``; here is only what each scheduler's signs ask of a path or a command.
"""

import shlex
from pathlib import Path

from analytics.config import load_config
from analytics.publish.run import find_notebook, report_name
from analytics.publish.template import render
from analytics.tables.periods import Frequency

KINDS = ("cron", "systemd", "airflow", "github")
TIMES = {  # of each frequency: five fields of cron, systemd's calendar, words
    "week": ("30 6 * * 1-3", "Mon..Wed *-*-* 06:30:00", "Monday to Wednesday"),
    "month": ("30 6 1-3 * *", "*-*-01..03 06:30:00", "the 1st to 3rd of each month"),
    "quarter": ("30 6 1-3 1,4,7,10 *", "*-01,04,07,10-01..03 06:30:00", "the 1st to 3rd of each quarter"),
}
ENVIRONMENT = "set -a; [ ! -r /etc/perception.env ] || . /etc/perception.env; set +a"


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
    settings, file = load_config(config), Path(config).resolve()
    report, frequency = report_name(find_notebook(name, settings.root)), frequency or settings.report.frequency
    words = [str(program), "catch-up", report, "--deliver", "--config", str(file), "--frequency", frequency]
    if any(sign in "".join(words) for sign in "\n\r\0"):
        raise ValueError(f"the path {str(file)!r} holds a line break, which no schedule can carry. Rename the folder.")
    urls = [source.url_env for source in settings.sources.values() if source.url_env]
    secrets = list(dict.fromkeys([settings.delivery.smtp_env, *urls]))
    cron, calendar, days = TIMES[frequency]
    shell = f"cd {shlex.quote(str(file.parent))} && {shlex.join(words)}"
    values = {
        "report": report, "unit": f"perception-{report.replace(' ', '-')}", "file": file.name, "secrets": secrets,
        "cron": cron, "calendar": calendar, "days": days, "timezone": settings.organisation.timezone,
        "assignments": ", ".join(f"{secret}='…'" for secret in secrets),
    }  # fmt: skip
    if kind == "cron":
        values["shell"] = f"{ENVIRONMENT}; {shell}".replace("%", r"\%")  # cron reads a bare % as the end of the line
    elif kind == "systemd":
        values |= {"folder": str(file.parent).replace("%", "%%"), "command": " ".join(map(_unit_word, words))}
    elif kind == "airflow":  # its templates must not find their signs in a path, nor a command's end be read as a file
        values |= {"dag": f"perception_{report.replace(' ', '_')}", "command": f"{{% raw %}}{shell} {{% endraw %}}"}
    else:
        command = f".venv/bin/perception {shlex.join([*words[1:5], file.name, *words[6:]])}"
        values |= {"name": f"Customer perception: {report}", "command": command}
    return render(Path(__file__).with_name("templates") / f"{kind}.j2", **values)


def _unit_word(word: str) -> str:
    """A word of ExecStart: quoted, and the signs that systemd would expand doubled."""
    safe = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{safe}"' if any(sign in word for sign in " \t'\"\\;") else safe
