"""Letters over SMTP, always encrypted: the server's address and password come from the environment and never show."""

import hashlib
import os
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote, urlsplit

FORMS = "'smtp+starttls://user:password@host:587' or 'smtps://user:password@host:465'"
PORTS = {"smtp+starttls": 587, "smtps": 465}
PATIENCE = 30  # seconds for the server to answer


@dataclass(frozen=True)
class MailServer:
    """Where letters go out; user and password stay out of every representation and message."""

    scheme: str
    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def without_secrets(self, text: str) -> str:
        """A message, such as one from the server, without the user's name and password."""
        for secret in (self.password, self.user):
            text = text.replace(secret, "…") if len(secret) > 2 else text
        return text


@dataclass(frozen=True)
class Letter:
    """One letter to one address; `about` makes its number, so that the same letter twice can be told."""

    sender: str
    to: str
    subject: str
    text: str
    html: str = ""
    pdf: Path | None = None
    pdf_name: str = ""
    about: str = ""

    def as_message(self) -> EmailMessage:
        """The letter as it travels."""
        message = EmailMessage()
        message["Subject"], message["From"], message["To"] = " ".join(self.subject.split()), self.sender, self.to
        message["Date"] = formatdate(localtime=True)
        number = hashlib.sha256(f"{self.about or time.time_ns()} {self.subject} {self.to}".encode()).hexdigest()[:32]
        message["Message-ID"] = f"<{number}@{self.sender.rpartition('@')[2].rstrip('>')}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.text)
        if self.html:
            message.add_alternative(f'<!doctype html><html lang="en"><body>{self.html}</body></html>', subtype="html")
        if self.pdf is not None:
            message.add_attachment(self.pdf.read_bytes(), maintype="application", subtype="pdf", filename=self.pdf_name)
        return message


def mail_server(variable: str) -> MailServer:
    """Read the mail server's address from an environment variable.

    Parameters
    ----------
    variable
        Its value is 'smtp+starttls://user:password@host:587' or 'smtps://user:password@host:465'; signs that an address
        cannot hold are written as percent and two digits. A private certificate authority is named by SSL_CERT_FILE.

    Returns
    -------
    MailServer
        User and password empty where the server asks for none.

    Raises
    ------
    ValueError
        If the variable is not set, or would send letters or a password unencrypted; its value is never quoted.
    """
    address = os.environ.get(variable, "")
    if not address:
        raise ValueError(f"the environment variable {variable} is not set. Set it to {FORMS}.")
    try:
        parts = urlsplit(address)
        port, host = parts.port, parts.hostname
    except ValueError:
        port, host, parts = None, None, urlsplit("")
    if parts.scheme not in PORTS or not host:
        raise ValueError(f"the environment variable {variable} is not the address of an encrypted server: {FORMS}.")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return MailServer(parts.scheme, host, port or PORTS[parts.scheme], user, password)


def send_letters(
    server: MailServer, letters: Mapping[str, Letter], pauses: list[float], note: Callable[[str], None]
) -> dict[str, str]:
    """Send letters, again after each pause where a fault may pass.

    Parameters
    ----------
    server
        As `mail_server` returns it.
    letters
        By address.
    pauses
        Seconds to wait before each try; their number is that of the tries.
    note
        Called with each address as soon as the server has taken its letter.

    Returns
    -------
    dict
        Why each address did not get its letter; empty when all did. No secret stands in it.
    """
    waiting, failed = dict(letters), {}
    for pause in pauses:
        time.sleep(pause)
        try:
            with _session(server) as session:
                for to, letter in list(waiting.items()):
                    try:
                        session.send_message(letter.as_message())
                    except (
                        smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused, smtplib.SMTPNotSupportedError,
                    ) as fault:  # fmt: skip
                        failed[to] = _why(server, fault)
                        if is_lasting(fault):
                            del waiting[to]
                        continue
                    del waiting[to]
                    failed.pop(to, None)
                    note(to)
        except (OSError, smtplib.SMTPException) as fault:
            failed |= dict.fromkeys(waiting, _why(server, fault))
            if is_lasting(fault):
                break
        if not waiting:
            break
    return failed


@contextmanager
def _session(server: MailServer) -> Iterator[smtplib.SMTP]:
    """A connection that is encrypted with a certificate that holds, or none."""
    trust = ssl.create_default_context()
    if server.scheme == "smtps":
        session: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=PATIENCE, context=trust)
    else:
        session = smtplib.SMTP(server.host, server.port, timeout=PATIENCE)
    try:
        if server.scheme == "smtp+starttls":
            session.starttls(context=trust)
        if server.user:
            session.login(server.user, server.password)
        yield session
    finally:
        with suppress(OSError, smtplib.SMTPException):
            session.quit()
        session.close()


def is_lasting(fault: Exception) -> bool:
    """Whether trying again is no use: a certificate that does not hold, a refusal for good, a wrong setting."""
    if isinstance(fault, ssl.SSLCertVerificationError | smtplib.SMTPNotSupportedError | ValueError | PermissionError):
        return True
    if isinstance(fault, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in fault.recipients.values())
    return isinstance(fault, smtplib.SMTPResponseException) and fault.smtp_code >= 500


def _why(server: MailServer, fault: Exception) -> str:
    """The cause in words, without a secret."""
    said: bytes | str
    if isinstance(fault, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(fault.recipients.values()))
    elif isinstance(fault, smtplib.SMTPResponseException):
        code, said = fault.smtp_code, fault.smtp_error
    elif isinstance(fault, ssl.SSLCertVerificationError):
        return f"{server.host}: its certificate does not hold ({fault.verify_message}). Nothing was sent."
    else:
        return server.without_secrets(f"{server.host}:{server.port}: {fault or type(fault).__name__}")
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return server.without_secrets(f"{server.host} answered {code} {words}")
