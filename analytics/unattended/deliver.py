"""Send a published report to the people it is for: by e-mail, and as a copy to any address that fsspec knows.

What was sent stands in ``delivery.json`` beside the report, so that nobody gets the same version twice; a delivery that
fails leaves the report as it is and is tried again by the next call. A letter of which the server did not say that it
has it may have arrived: it is sent again only when asked for.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from analytics.config import Config, load_config
from analytics.publish import versions
from analytics.publish.run import alone, find_notebook, parts_to_report, report_name
from analytics.publish.template import render
from analytics.tables.periods import parse_period
from analytics.unattended.mail import Letter, Miss, mail_server, send_letters, with_retries

PAUSES = (0.0, 5.0, 30.0, 120.0)  # seconds before each try: long enough for a restarting server or a greylist's retry
HEADLINES = 3
TEMPLATES = Path(__file__).with_name("templates")
Note = Callable[[str], None]  # says to the log what was done

Word = Literal["sent", "sent before", "failed", "unknown", "unknown before"]


@dataclass(frozen=True)
class Delivered:
    """What became of one report for one address; 'unknown' when nobody can say whether the letter arrived."""

    period: str
    version: int
    to: str
    word: Word
    detail: str = ""


def deliver(
    name: str, config: str | Path = "perception.toml", period: str | None = None, *, resend: bool = False,
    pauses: Iterable[float] = PAUSES,
) -> list[Delivered]:  # fmt: skip
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
    resend
        Whether to send again what may have arrived already.
    pauses
        Seconds to wait before each try.

    Returns
    -------
    list of Delivered
        One per report and address; 'failed' and 'unknown' with the cause.

    Raises
    ------
    ValueError
        If nothing is published, or nobody is named who should get it.
    """
    settings = load_config(config)
    report = report_name(find_notebook(name, settings.root))
    sent: list[Delivered] = []
    for part in parts_to_report(settings):
        top = settings.report_folder(report, part)
        recipients, copy_to = settings.delivery.recipients.get(top.name, []), settings.delivery.copy_to
        if not recipients and copy_to is None:
            raise ValueError(f"nobody is to get {top.name}: name recipients or copy_to under [delivery] in {config}.")
        if period is not None and not versions.version_of(top / parse_period(period).name):
            raise ValueError(f"{top.name} of {period} is not published, so it cannot be delivered. Build it first.")
        folders = _due(top) if period is None else [top / period]
        if not folders:
            raise ValueError(f"no {top.name} is published in {top}. Build it first.")
        sent += [one for folder in folders for one in _deliver_one(settings, top.name, folder, resend, list(pauses))]
    return sent


def tell_operators(
    config: str | Path, what: str, cause: str, *, letter: str = "failure", pauses: Iterable[float] = PAUSES
) -> str:
    """Write to the operators that something failed, and why; personal data in the cause are redacted.

    Parameters
    ----------
    config
        The configuration file; where it cannot be read, nobody can be written to.
    what
        What failed: 'leadership 2025-03'.
    cause
        The message of the fault.
    letter
        Which template: 'failure', or 'watch' for what moved between reports.
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
        text = render(TEMPLATES / f"{letter}.txt.j2", what=what, cause=cause)
        subject = f"{'Failed: ' if letter == 'failure' else ''}{what} · {settings.organisation.name}"
        letters = {to: Letter(_sender(settings), to, subject, text) for to in operators}
        misses = _post(settings, letters, list(pauses), lambda to: None)
    except ValueError as fault:
        return f"The operators could not be told: {fault}"
    if misses:
        return f"The operators could not be told: {'; '.join(f'{to}: {miss.why}' for to, miss in misses.items())}"
    return "The operators were told."


def headlines(folder: Path) -> list[str]:
    """The first three sentences of page one of a published report."""
    claims = versions.read_claims(folder) or []
    sentences = [claim["sentence"] for claim in claims if claim.get("section") == "Page one"]
    return list(dict.fromkeys(sentences))[:HEADLINES]


# ---- what is due -----------------------------------------------------------------------------------------------------


def _due(top: Path) -> list[Path]:
    """The latest report, and those before it that were sent in part, or in a version whose figures changed since."""
    published = sorted(folder for folder in top.glob("[12]*") if versions.version_of(folder))
    return [folder for folder in published[:-1] if _is_owed(folder)] + published[-1:]


def _is_owed(folder: Path) -> bool:
    records = versions.read_deliveries(folder)
    if not records:
        return False
    if record := records.get(versions.version_of(folder)):
        return bool(record.failed)
    changes = versions.read_json(folder / versions.CHANGES) or {}
    return bool(changes.get("figures"))


# ---- one report ------------------------------------------------------------------------------------------------------


def _deliver_one(settings: Config, report: str, folder: Path, resend: bool, pauses: list[float]) -> list[Delivered]:
    """Send one report to every address that has not had this version, writing down each as it succeeds."""
    addresses = dict.fromkeys(settings.delivery.recipients.get(report, []))
    with alone(folder, wait=300):
        version, records = versions.version_of(folder), versions.read_deliveries(folder)
        before = records.get(version, versions.DeliveryRecord())
        open_letters = {} if resend else before.unknown
        record = records[version] = replace(before, sent={**before.sent}, failed={}, unknown={**open_letters})

        def note(to: str) -> None:
            record.sent[to] = datetime.now(UTC).isoformat(timespec="seconds")
            versions.write_deliveries(folder, records)

        due = [to for to in addresses if to not in record.sent and to not in record.unknown]
        versions.write_deliveries(folder, records)  # a disk that is full is noticed before a letter leaves
        try:
            letters = {to: _letter(_sender(settings), to, report, folder, version) for to in due}
            misses = _post(settings, letters, pauses, note)
        except ValueError as fault:
            misses = dict.fromkeys(due, Miss("failed", str(fault)))
        if settings.delivery.copy_to is not None and _copied(settings) not in record.sent:
            misses |= _copy(settings, f"{report}/{folder.name}/v{version}", folder, pauses, note)
        for to, miss in misses.items():
            (record.failed if miss.word == "failed" else record.unknown)[to] = miss.why
        versions.write_deliveries(folder, records)
    words: dict[str, tuple[Word, str]] = {to: ("sent", "") for to in record.sent if to not in before.sent}
    words |= {to: ("sent before", "") for to in [*addresses, _copied(settings)] if to in before.sent}
    again = {to: f"{why}. Send again: --resend" for to, why in open_letters.items() if to in addresses}
    words |= {to: ("unknown before", why) for to, why in again.items()}
    words |= {to: (miss.word, miss.why) for to, miss in misses.items()}
    return [Delivered(folder.name, version, to, word, why) for to, (word, why) in words.items()]


def _post(settings: Config, letters: Mapping[str, Letter], pauses: list[float], note: Note) -> dict[str, Miss]:
    return send_letters(mail_server(settings.delivery.smtp_env), letters, pauses, note) if letters else {}


def _sender(settings: Config) -> str:
    if settings.delivery.sender is None:
        raise ValueError("no sender is named: add 'sender' under [delivery].")
    return settings.delivery.sender


def _letter(sender: str, to: str, report: str, folder: Path, version: int) -> Letter:
    """The report as a letter: headlines, what changed in a later version, the PDF."""
    manifest: Mapping[str, Any] = versions.read_json(folder / "manifest.json") or {}
    title, who = manifest.get("title", report), manifest.get("organisation", "")
    label = parse_period(folder.name).label + (f" (version {version})" if version > 1 else "")
    changes = versions.tell_changes(versions.read_json(folder / versions.CHANGES)) if version > 1 else []
    parts = [("", headlines(folder)), (f"What changed since version {version - 1}", changes)]
    words = {"title": title, "label": label, "parts": parts}
    text, page = (render(TEMPLATES / f"letter.{kind}.j2", **words) for kind in ("txt", "html"))
    name, about = f"{report}-{folder.name}-v{version}.pdf", f"{report}/{folder.name}/v{version}"
    return Letter(sender, to, f"{title} · {who} · {label}", text, page, folder / "report.pdf", name, about)


# ---- the copy --------------------------------------------------------------------------------------------------------


def _copied(settings: Config) -> str:
    """The address of the copies as it may be shown and written down: without a password."""
    return re.sub(r"//[^/@]*@", "//", f"copy to {settings.delivery.copy_to}")


def _copy(settings: Config, target: str, folder: Path, pauses: list[float], note: Note) -> dict[str, Miss]:
    """Why the copy failed; empty when it is complete."""
    umask = os.umask(0o027)  # in a folder of this machine the copy has the modes of the report
    try:
        with_retries(lambda: _put(settings, target, folder), pauses)
    except Exception as fault:  # whatever the storage's driver raises
        return {_copied(settings): Miss("failed", re.sub(r"//[^/@\s]*@", "//", f"{type(fault).__name__}: {fault}"))}
    finally:
        os.umask(umask)
    note(_copied(settings))
    return {}


def _put(settings: Config, target: str, folder: Path) -> None:
    """Copy the files under another name, then give them the right one: the target is absent or whole."""
    from fsspec.core import url_to_fs

    address = str(settings.delivery.copy_to)
    storage, top = url_to_fs(address if "://" in address else str(settings.resolve(address)))
    whole, part = f"{top.rstrip('/')}/{target}", f"{top.rstrip('/')}/{target}.part"
    for left in (part, whole):  # of a run that was cut before it could write down that it was done
        if storage.exists(left):
            storage.rm(left, recursive=True)
    storage.makedirs(part)
    for name in versions.FILES:
        storage.put_file(str(folder / name), f"{part}/{name}")
    storage.mv(part, whole, recursive=True)
