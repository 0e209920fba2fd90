"""Letters over SMTP, always encrypted: the server's address and password come from the environment and never show."""

import hashlib
import os
import re
import smtplib
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from threading import Timer
from typing import Any, Literal
from urllib.parse import quote, unquote, urlsplit

FORMS = "'smtp+starttls://user:password@host:587' or 'smtps://user:password@host:465'"
PORTS = {"smtp+starttls": 587, "smtps": 465}
PATIENCE = 30  # seconds for the server to answer
LONGEST = 1_200  # seconds of a session
LAST_PATIENCE = 600  # seconds for it to say that it has a letter: RFC 5321, section 4.5.3.2.6


@dataclass(frozen=True)
class MailServer:
    """Where letters go out; user and password stay out of every representation and message."""

    scheme: str
    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def without_secrets(self, text: str) -> str:
        """A message, such as one from the server, without the user's name and password however they are written."""
        secrets = [secret for secret in (self.password, self.user) if len(secret) > 2]
        encoded = [f"\0{self.user}\0{self.password}", *secrets]  # the first as AUTH PLAIN sends it
        written = [b64encode(secret.encode()).decode().rstrip("=") for secret in encoded if len(secret) > 2]
        for secret in (*secrets, *map(quote, secrets), *(quote(secret, safe="") for secret in secrets), *written):
            text = re.sub(re.escape(secret), "…", text, flags=re.IGNORECASE)
            if secret.lower() in re.sub(r"[\r\n]", "", text).lower():  # cut over lines
                return "…"
        return text


@dataclass(frozen=True)
class Miss:
    """Why a letter did not arrive; 'unknown' when the server had all of it and no reply came: it may have arrived."""

    word: Literal["failed", "unknown"]
    why: str


class LostReplyError(OSError):
    """The server has had the whole letter, and did not say what became of it."""


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
            message.add_alternative(self.html, subtype="html")
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
    server: MailServer, letters: Mapping[str, Letter], pauses: Sequence[float], note: Callable[[str], None]
) -> dict[str, Miss]:
    """Send letters, each over a connection of its own, again after each pause where a fault may pass.

    Parameters
    ----------
    server
        As `mail_server` returns it.
    letters
        By address.
    pauses
        See `with_retries`.
    note
        Called with each address as soon as the server has taken its letter.

    Returns
    -------
    dict
        Why each address did not get its letter, or may not have; empty when all did. No secret stands in it.
    """
    waiting = dict(letters)
    misses: dict[str, Miss] = {}

    def send_waiting() -> bool:
        for to, letter in list(waiting.items()):
            connected = False
            try:
                with _session(server) as session:
                    connected = True
                    session.send_message(letter.as_message())
            except (OSError, smtplib.SMTPException, ValueError) as fault:
                word: Literal["failed", "unknown"] = "unknown" if isinstance(fault, LostReplyError) else "failed"
                touched = [to] if connected else list(waiting)  # a server that lets nobody in is asked once a round
                misses.update(dict.fromkeys(touched, Miss(word, _why(server, fault))))
                for address in touched if is_lasting(fault) else ():
                    del waiting[address]
                if not connected:
                    break
            else:
                del waiting[to]
                misses.pop(to, None)
                note(to)
        return bool(waiting)

    with_retries(send_waiting, pauses)
    return misses


def with_retries(act: Callable[[], object], pauses: Sequence[float]) -> None:
    """Call a function until it says that nothing is left to do, or raises a fault for good.

    Parameters
    ----------
    act
        True where another call may help; a fault that it raises may pass unless `is_lasting`.
    pauses
        Seconds to wait before each call; their number is that of the calls.

    Raises
    ------
    Exception
        The fault of the last call.
    """
    from tenacity import Retrying, retry_if_exception, retry_if_result, stop_after_attempt, wait_chain, wait_fixed

    again = retry_if_result(bool) | retry_if_exception(lambda fault: not is_lasting(fault))
    waits = wait_chain(*map(wait_fixed, [*pauses[1:], 0]))
    time.sleep(pauses[0])
    stop = stop_after_attempt(len(pauses))
    last: Callable[[Any], object] = lambda state: state.outcome.result()  # noqa: E731  raises where the call did
    Retrying(retry=again, wait=waits, stop=stop, retry_error_callback=last)(act)


class _LastReply(smtplib.SMTP):
    """A session that tells a letter refused from one whose last reply never came, and that ends after `LONGEST`."""

    def connect(self, *place: Any, **options: Any) -> tuple[int, bytes]:  # noqa: ANN401
        self._end = Timer(LONGEST, self._leave)
        self._end.daemon = True
        self._end.start()
        return super().connect(*place, **options)

    def close(self) -> None:
        self._end.cancel()
        super().close()

    def _leave(self) -> None:
        """Wake whoever waits for the server: one that sends a sign now and then keeps its patience from ending."""
        if self.sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def data(self, msg: Any) -> tuple[int, bytes]:  # noqa: ANN401  text or bytes
        code, reply = self.docmd("data")
        if code != 354:
            raise smtplib.SMTPDataError(code, reply)
        body = msg if isinstance(msg, bytes) else re.sub(r"\r\n|\r|\n", "\r\n", msg).encode("ascii")
        body = re.sub(rb"(?m)^\.", b"..", body)
        self._wait(LAST_PATIENCE)
        self.send(body if body.endswith(b"\r\n") else body + b"\r\n")
        try:
            self.send(b".\r\n")
            last = self.getreply()
        except (OSError, smtplib.SMTPServerDisconnected) as fault:
            raise LostReplyError(f"the server has the whole letter and sent no reply ({fault})") from fault
        self._wait(PATIENCE)
        return last

    def _wait(self, seconds: float) -> None:
        if self.sock is not None:
            self.sock.settimeout(seconds)


class _EncryptedLastReply(_LastReply, smtplib.SMTP_SSL):
    """The same over a line that is encrypted from the first byte."""


@contextmanager
def _session(server: MailServer) -> Iterator[smtplib.SMTP]:
    """A connection that is encrypted with a certificate that holds, or none."""
    trust = ssl.create_default_context()
    if server.scheme == "smtps":
        session: smtplib.SMTP = _EncryptedLastReply(server.host, server.port, timeout=PATIENCE, context=trust)
    else:
        session = _LastReply(server.host, server.port, timeout=PATIENCE)
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


def is_lasting(fault: BaseException) -> bool:
    """Whether trying again is no use or may send twice: a refusal for good, a wrong setting, a lost last reply."""
    settings = ValueError | PermissionError | FileExistsError | NotADirectoryError
    if isinstance(fault, settings | ssl.SSLCertVerificationError | smtplib.SMTPNotSupportedError | LostReplyError):
        return True
    if isinstance(fault, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in fault.recipients.values())
    return isinstance(fault, smtplib.SMTPResponseException) and fault.smtp_code >= 500


def _why(server: MailServer, fault: Exception) -> str:
    """The cause in words, without a secret."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"{server.host}: its certificate does not hold ({fault.verify_message}). Nothing was sent."
    if isinstance(fault, smtplib.SMTPAuthenticationError):
        return f"{server.host} answered {fault.smtp_code}: it does not accept this user and password."
    if isinstance(fault, smtplib.SMTPRecipientsRefused):
        code, reply = next(iter(fault.recipients.values()))
    elif isinstance(fault, smtplib.SMTPResponseException):
        code, reply = fault.smtp_code, fault.smtp_error  # type: ignore[assignment]
    else:
        return server.without_secrets(f"{server.host}:{server.port}: {fault or type(fault).__name__}")
    words = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
    return server.without_secrets(f"{server.host} answered {code} {words}")
