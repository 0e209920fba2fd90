"""Send a published report to the people it is for: by e-mail, and as a copy to any address that fsspec knows.

What was sent stands in ``delivery.json`` beside the report, so that nobody gets the same version twice; a delivery that
fails leaves the report as it is and is tried again by the next call.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, Literal

from analytics.config import Config, load_config
from analytics.publish.run import alone, find_notebook, report_name
from analytics.publish.versions import CHANGES, DELIVERY, FILES, read_json, tell_changes, version_of, write_json
from analytics.tables.periods import parse_period
from analytics.unattended.mail import Letter, is_lasting, mail_server, send_letters

PAUSES = (0.0, 5.0, 30.0, 120.0)  # seconds before each try: long enough for a restarting server or a greylist's retry
HEADLINES = 3

Word = Literal["sent", "sent before", "failed"]


@dataclass(frozen=True)
class Delivered:
    """What became of one report for one address."""

    period: str
    version: int
    to: str
    word: Word
    detail: str = ""


def deliver(
    name: str, config: str | Path = "perception.toml", period: str | None = None, *, pauses: Iterable[float] = PAUSES
) -> list[Delivered]:
    """Send a report to its recipients and its copy to where copies go, each version once.

    Parameters
    ----------
    name
        As for `build_report`.
    config
        The configuration file; recipients, sender and `copy_to` stand under [delivery].
    period
        Which report; None: the latest one, and earlier ones whose delivery is not complete or whose figures changed
        after they were sent.
    pauses
        Seconds to wait before each try.

    Returns
    -------
    list of Delivered
        One per report and address; 'failed' with the cause.

    Raises
    ------
    ValueError
        If nothing is published, or nobody is named who should get it.
    """
    settings = load_config(config)
    report = report_name(find_notebook(name, settings.root))
    top = settings.resolve(settings.report.output) / report
    recipients, copy_to = settings.delivery.recipients.get(report, []), settings.delivery.copy_to
    if not recipients and copy_to is None:
        raise ValueError(f"nobody is to get {report}: name recipients or copy_to under [delivery] in {config}.")
    if period is not None and not version_of(top / parse_period(period).name):
        raise ValueError(f"{report} of {period} is not published, so it cannot be delivered. Build it first.")
    folders = _due(top) if period is None else [top / period]
    if not folders:
        raise ValueError(f"no {report} is published in {top}. Build it first.")
    return [sent for folder in folders for sent in _deliver_one(settings, report, folder, list(pauses))]


def tell_operators(config: str | Path, what: str, cause: str, *, pauses: Iterable[float] = PAUSES) -> str:
    """Write to the operators that something failed, and why; personal data in the cause are redacted.

    Parameters
    ----------
    config
        The configuration file; where it cannot be read, nobody can be written to.
    what
        What failed: 'leadership 2025-03'.
    cause
        The message of the fault.
    pauses
        Seconds to wait before each try.

    Returns
    -------
    str
        What became of the message, in a sentence; '' where no operator is named.
    """
    from analytics.text.redact import redact

    try:
        settings = load_config(config)
        operators = settings.delivery.operators
        if not operators:
            return ""
        server = mail_server(settings.delivery.smtp_env)
        cause = server.without_secrets(str(redact(cause, patterns=settings.organisation.order_number_patterns)))
        text = (
            f"{what} failed.\n\nCause: {cause}\n\nNothing that was published before has changed. The next scheduled "
            "run tries again; `perception check` lists faults of settings and data.\n"
        )
        subject = f"Failed: {what} · {settings.organisation.name}"
        letters = {to: Letter(_sender(settings), to, subject, text) for to in operators}
        failed = send_letters(server, letters, list(pauses), lambda to: None)
    except ValueError as fault:
        return f"The operators could not be told: {fault}"
    if failed:
        return f"The operators could not be told: {'; '.join(f'{to}: {why}' for to, why in failed.items())}"
    return "The operators were told."


def headlines(folder: Path) -> list[str]:
    """The first three sentences of page one of a published report."""
    claims = (read_json(folder / "claims.json") or {}).get("claims", [])
    sentences = [claim["sentence"] for claim in claims if claim["section"] == "Page one"]
    return list(dict.fromkeys(sentences))[:HEADLINES]


# ---- what is due -----------------------------------------------------------------------------------------------------


def _due(top: Path) -> list[Path]:
    """The latest report, and those before it that were sent in part, or in a version whose figures changed since."""
    published = sorted(folder for folder in top.glob("[12]*") if version_of(folder))
    return [folder for folder in published[:-1] if _is_owed(folder)] + published[-1:]


def _is_owed(folder: Path) -> bool:
    record = read_json(folder / DELIVERY) or {}
    if not record:
        return False
    if f"v{version_of(folder)}" in record:
        return bool(record[f"v{version_of(folder)}"].get("failed"))
    changes = read_json(folder / CHANGES) or {}
    return bool(changes.get("figures")) or changes.get("comparable") is False


# ---- one report ------------------------------------------------------------------------------------------------------


def _deliver_one(settings: Config, report: str, folder: Path, pauses: list[float]) -> list[Delivered]:
    """Send one report to every address that has not had this version, writing down each as it succeeds."""
    with alone(folder, wait=300):
        version = version_of(folder)
        record = read_json(folder / DELIVERY) or {}
        sent: dict[str, Any] = record.setdefault(f"v{version}", {}).setdefault("sent", {})

        def note(to: str) -> None:
            sent[to] = datetime.now(UTC).isoformat(timespec="seconds")
            write_json(folder / DELIVERY, record)

        addresses = dict.fromkeys(settings.delivery.recipients.get(report, []))
        before = [to for to in [*addresses, _copied(settings)] if to in sent]
        failed = _mail(settings, report, folder, version, [to for to in addresses if to not in sent], pauses, note)
        if settings.delivery.copy_to is not None and _copied(settings) not in sent:
            failed |= _copy(settings, f"{report}/{folder.name}/v{version}", folder, pauses, note)
        record[f"v{version}"]["failed"] = failed
        write_json(folder / DELIVERY, record)
    words: dict[str, tuple[Word, str]] = {to: ("sent", "") for to in sent} | {to: ("sent before", "") for to in before}
    words |= {to: ("failed", why) for to, why in failed.items()}
    return [Delivered(folder.name, version, to, word, why) for to, (word, why) in words.items()]


def _mail(
    settings: Config, report: str, folder: Path, version: int, to: list[str], pauses: list[float],
    note: Callable[[str], None],
) -> dict[str, str]:  # fmt: skip
    """Why each address did not get its letter; empty when all did."""
    if not to:
        return {}
    try:
        sender = _sender(settings)
        server = mail_server(settings.delivery.smtp_env)
    except ValueError as fault:
        return dict.fromkeys(to, str(fault))
    letters = {address: _letter(sender, address, report, folder, version) for address in to}
    return send_letters(server, letters, pauses, note)


def _sender(settings: Config) -> str:
    if settings.delivery.sender is None:
        raise ValueError("no sender is named: add 'sender' under [delivery].")
    return settings.delivery.sender


def _letter(sender: str, to: str, report: str, folder: Path, version: int) -> Letter:
    """The report as a letter: headlines, what changed in a later version, the PDF."""
    manifest: Mapping[str, Any] = read_json(folder / "manifest.json") or {}
    title, who = manifest.get("title", report), manifest.get("organisation", "")
    label = parse_period(folder.name).label
    changes = tell_changes(read_json(folder / CHANGES)) if version > 1 else []
    again = f" (version {version})" if version > 1 else ""
    parts = [("", headlines(folder)), (f"What changed since version {version - 1}", changes)]
    text, page = "", ""
    for heading, sentences in parts:
        if sentences:
            text += (f"{heading}\n" if heading else "") + "".join(f"- {s}\n" for s in sentences) + "\n"
            page += f"<h3>{escape(heading)}</h3>" if heading else ""
            page += f"<ul>{''.join(f'<li>{escape(s)}</li>' for s in sentences)}</ul>"
    close = "The report is attached. Every figure in it carries its interval and how many customers it rests on."
    return Letter(
        sender, to, f"{title} · {who} · {label}{again}", f"{title}, {label}{again}\n\n{text}{close}\n",
        f"<h2>{escape(f'{title}, {label}{again}')}</h2>{page}<p>{close}</p>",
        folder / "report.pdf", f"{report}-{folder.name}-v{version}.pdf", f"{report}/{folder.name}/v{version}",
    )  # fmt: skip


# ---- the copy --------------------------------------------------------------------------------------------------------


def _copied(settings: Config) -> str:
    """The address of the copies as it may be shown and written down: without a password."""
    return re.sub(r"//[^/@]*@", "//", f"copy to {settings.delivery.copy_to}")


def _copy(
    settings: Config, target: str, folder: Path, pauses: list[float], note: Callable[[str], None]
) -> dict[str, str]:
    """Why the copy failed; empty when it is complete."""
    why = ""
    for pause in pauses:
        time.sleep(pause)
        try:
            _put(settings, target, folder)
        except Exception as fault:  # whatever the storage's driver raises
            why = re.sub(r"//[^/@\s]*@", "//", f"{type(fault).__name__}: {fault}")
            if is_lasting(fault):
                break
        else:
            note(_copied(settings))
            return {}
    return {_copied(settings): why}


def _put(settings: Config, target: str, folder: Path) -> None:
    """Copy the files under another name, then give them the right one: the target is absent or whole."""
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise ValueError("copy_to needs the package fsspec. Install it: pip install fsspec.") from None
    address = str(settings.delivery.copy_to)
    storage, top = url_to_fs(address if "://" in address else str(settings.resolve(address)))
    whole, part = f"{top.rstrip('/')}/{target}", f"{top.rstrip('/')}/{target}.part"
    for left in (part, whole):  # of a run that was cut before it could write down that it was done
        if storage.exists(left):
            storage.rm(left, recursive=True)
    storage.makedirs(part)
    for name in FILES:
        storage.put_file(str(folder / name), f"{part}/{name}")
    storage.mv(part, whole, recursive=True)
