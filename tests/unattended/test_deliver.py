import asyncio
import base64
import email
import email.policy
import errno
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import quote

import fsspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from analytics.__main__ import main
from analytics.publish import versions
from analytics.publish.run import FILES, build_report
from analytics.publish.versions import version_of
from analytics.unattended import mail
from analytics.unattended.catchup import catch_up
from analytics.unattended.deliver import deliver, headlines, tell_operators

PASSWORD = "s3cret/word"
TWICE = (0.0, 0.0)
APRIL = datetime(2025, 4, 2, tzinfo=UTC)

pytestmark = [
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),  # the line is encrypted all the same
]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate of localhost."""
    folder = tmp_path_factory.mktemp("tls")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    made += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subprocess.run(made, check=True, capture_output=True)
    return folder


class Postman:
    """Keeps what it is handed; refuses some addresses for good, and the first few letters for now.

    `mute` are addresses whose letters it takes without ever a reply, 'hang' or 'close'; `refusal` is what it answers to
    each address.
    """

    def __init__(self):
        self.letters, self.busy, self.tried, self.mute, self.refusal, self.reply = [], 0, 0, {}, "", "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.tried += 1
        if self.refusal:
            return self.refusal
        if address.startswith("fatal@"):
            server.transport.close()
            return "421 4.3.2 gone"
        if address.startswith("nobody@"):
            return "550 5.1.1 no such mailbox"
        if self.busy:
            self.busy -= 1
            return "450 4.2.0 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.letters.append((envelope.rcpt_tos, message, server.transport.get_extra_info("cipher") is not None))
        for address in envelope.rcpt_tos:
            if self.mute.get(address) == "hang":
                await asyncio.sleep(3)
            elif self.mute.get(address) == "close":
                server.transport.close()
        return self.reply


def authenticate(server, session, envelope, mechanism, data):
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"reports", PASSWORD.encode())
    return AuthResult(success=known, handled=False)


def greet(port, trusted):
    """The server's own first call to itself, which by default would not trust the certificate."""
    with socket.create_connection(("localhost", port)) as line:
        ssl.create_default_context(cafile=trusted).wrap_socket(line, server_hostname="localhost").recv(100)


@pytest.fixture
def post(certificate, monkeypatch):
    """Start a mail server and name it in the environment; gives what it receives."""
    running = []

    def start(scheme="smtp+starttls", password="s3cret%2Fword", trusted=True, variable="PERCEPTION_SMTP"):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate / "cert", certificate / "key")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        tls = {"ssl_context": context} if scheme == "smtps" else {"tls_context": context, "require_starttls": True}
        postman = Postman()
        login = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": scheme != "smtps"}
        running.append(Controller(postman, hostname="localhost", port=port, **tls, **login))
        if scheme == "smtps":
            running[-1]._trigger_server = lambda: greet(port, certificate / "cert")
        running[-1].start()
        monkeypatch.setenv(variable, f"{scheme}://reports:{password}@localhost:{port}")
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert"))
        return postman

    yield start
    for controller in running:
        controller.stop()


def organisation(config, recipients=("anna@example.org", "ben@example.org"), more=""):
    names = ", ".join(f'"{r}"' for r in recipients)
    settings = f'\n[delivery]\nsender = "Reports <reports@example.org>"\noperators = ["ops@example.org"]\n{more}'
    config.write_text(config.read_text() + settings + f"[delivery.recipients]\nsmall = [{names}]\n")
    return config


@pytest.fixture
def built(small, in_process):
    build_report("small", "2025-03", small)
    return small


@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
def test_each_recipient_gets_headlines_and_pdf_over_an_encrypted_line(built, post, scheme):
    postman = post(scheme)
    sent = deliver("small", organisation(built), pauses=TWICE)
    assert [(s.period, s.version, s.to, s.word) for s in sent] == [
        ("2025-03", 1, "anna@example.org", "sent"),
        ("2025-03", 1, "ben@example.org", "sent"),
    ]
    assert [(to, encrypted) for to, _, encrypted in postman.letters] == [
        (["anna@example.org"], True), (["ben@example.org"], True),
    ]  # fmt: skip
    letter = postman.letters[0][1]
    assert letter["Subject"] == "How customers see us · Acme Telecom · March 2025"
    assert letter["From"] == "Reports <reports@example.org>"
    text = letter.get_body(("plain",)).get_content()
    assert [line for line in text.splitlines() if line.startswith("- ")] == [
        "- 75 % of the customers who answered are satisfied.",
        "- What hurts most is <b>not</b> measured.",
        "- Who may leave is not measured.",
    ]
    page = letter.get_body(("html",)).get_content()
    assert "What hurts most is &lt;b&gt;not&lt;/b&gt; measured." in page
    assert "<b>" not in page
    pdf = next(letter.iter_attachments())
    assert pdf.get_filename() == "small-2025-03-v1.pdf"
    assert pdf.get_content() == (built.parent / "reports/small/2025-03/report.pdf").read_bytes()


def test_a_version_is_delivered_once(built, post):
    postman = post()
    organisation(built)
    deliver("small", built, pauses=TWICE)
    assert {s.word for s in deliver("small", built, pauses=TWICE)} == {"sent before"}
    build_report("small", "2025-03", built)  # the same PDF is the same version
    assert {s.word for s in deliver("small", built, "2025-03", pauses=TWICE)} == {"sent before"}
    assert len(postman.letters) == 2


def test_a_version_with_changed_figures_is_sent_again_and_says_what_changed(small, in_process, post):
    postman = post()
    config = organisation(small, ["anna@example.org"])
    list(catch_up("small", config, now=APRIL))
    for period in ("2025-02", "2025-03"):
        deliver("small", config, period, pauses=TWICE)
    with (config.parent / "surveys.csv").open("a") as file:
        file.writelines(f"late{i},late{i},2025-02-20,2025-02-21,1\n" for i in range(10))
    list(catch_up("small", config, now=APRIL))
    sent = deliver("small", config, pauses=TWICE)
    assert [(s.period, s.version, s.word) for s in sent] == [("2025-02", 2, "sent"), ("2025-03", 1, "sent before")]
    letter = postman.letters[-1][1]
    assert letter["Subject"].endswith("February 2025 (version 2)")
    text = letter.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert "What changed since version 1\n- score csat: 75 % (47–91), n 12 before, 41 % (23–61), n 22 now." in text
    assert len(postman.letters) == 3
    assert [s.word for s in deliver("small", config, pauses=TWICE)] == ["sent before"]


def test_a_busy_server_is_tried_again(built, post):
    postman = post()
    postman.busy = 1
    sent = deliver("small", organisation(built, ["anna@example.org"]), pauses=TWICE)
    assert [s.word for s in sent] == ["sent"]
    assert postman.tried == 2


def test_a_refused_address_keeps_nobody_else_from_the_report_and_is_told(built, post):
    postman = post()
    config = organisation(built, ["nobody@example.org", "ben@example.org"])
    sent = {s.to: s for s in deliver("small", config, pauses=(0.0,) * 4)}
    assert sent["ben@example.org"].word == "sent"
    assert sent["nobody@example.org"].word == "failed"
    assert "550 5.1.1 no such mailbox" in sent["nobody@example.org"].detail
    assert postman.tried == 2  # a refusal for good is not tried four times
    again = {s.to: s.word for s in deliver("small", config, pauses=TWICE)}
    assert again == {"ben@example.org": "sent before", "nobody@example.org": "failed"}


@pytest.mark.parametrize("silence", ["hang", "close"])
def test_a_lost_last_reply_is_unknown_and_the_letter_is_not_repeated_unasked(built, post, monkeypatch, silence):
    assert mail.LAST_PATIENCE >= 600  # RFC 5321, section 4.5.3.2.6
    monkeypatch.setattr(mail, "LAST_PATIENCE", 0.5)
    postman = post()
    postman.mute = {"anna@example.org": silence}
    config = organisation(built)
    words = {s.to: s.word for s in deliver("small", config, pauses=(0.0,) * 4)}
    assert words == {"anna@example.org": "unknown", "ben@example.org": "sent"}
    assert sorted(to[0] for to, _, _ in postman.letters) == ["anna@example.org", "ben@example.org"]
    again = {s.to: s for s in deliver("small", config, pauses=TWICE)}
    assert again["anna@example.org"].word == "unknown before"
    assert "--resend" in again["anna@example.org"].detail
    assert len(postman.letters) == 2
    postman.mute = {}
    words = {s.to: s.word for s in deliver("small", config, resend=True, pauses=TWICE)}
    assert words == {"anna@example.org": "sent", "ben@example.org": "sent before"}
    first, third = (postman.letters[i][1]["Message-ID"] for i in (0, 2))
    assert first == third  # so that a mailbox can tell the same letter


def test_a_recipient_that_breaks_the_connection_keeps_nobody_else_from_the_report(built, post):
    postman = post()
    config = organisation(built, ["fatal@example.org", "ben@example.org"])
    words = {s.to: s.word for s in deliver("small", config, pauses=TWICE)}
    assert words == {"fatal@example.org": "failed", "ben@example.org": "sent"}
    assert [to for to, _, _ in postman.letters] == [["ben@example.org"]]


@pytest.mark.parametrize(("reply", "tries"), [("552 5.3.4 too large", 1), ("451 4.3.0 try later", 2)])
def test_a_letter_that_the_server_has_and_refuses_has_failed_and_is_tried_again_if_it_says_so(
    built, post, reply, tries
):
    postman = post()
    postman.reply = reply
    config = organisation(built, ["anna@example.org"])
    (sent,) = deliver("small", config, pauses=TWICE)
    assert (sent.word, len(postman.letters)) == ("failed", tries)
    assert reply in sent.detail
    postman.reply = "250 OK"
    assert [s.word for s in deliver("small", config, pauses=TWICE)] == ["sent"]


def test_addresses_of_any_script_are_written_to_and_no_name_adds_a_header(built, post):
    postman = post()
    config = organisation(built, ["jürgen@example.org", "anna@bücher.example"])
    text = config.read_text()
    config.write_text(re.sub(r"(?m)^name = .*$", r'name = "Acme\\r\\nBcc: eve@example.org\\u0000"', text, count=1))
    build_report("small", "2025-03", config)
    assert [s.word for s in deliver("small", config, pauses=TWICE)] == ["sent", "sent"]
    for message in (message for _, message, _ in postman.letters):
        assert message["Bcc"] is None and "eve@example.org" in message["Subject"]


def test_a_server_that_answers_a_sign_at_a_time_is_left(monkeypatch):
    monkeypatch.setattr(mail, "LONGEST", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip():
            line, _ = listener.accept()
            with line, suppress(OSError):
                while True:
                    line.sendall(b"2")
                    time.sleep(0.2)

        threading.Thread(target=drip, daemon=True).start()
        server = mail.MailServer("smtp+starttls", "127.0.0.1", listener.getsockname()[1])
        letter = mail.Letter("a@example.org", "b@example.org", "s", "t")
        assert mail.send_letters(server, {"b@example.org": letter}, [0.0], print)["b@example.org"].word == "failed"


def test_no_secret_is_written_down_though_the_server_repeats_it(built, post):
    postman = post()
    plain = base64.b64encode(f"\0reports\0{PASSWORD}".encode()).decode()
    password = base64.b64encode(PASSWORD.encode()).decode()
    postman.refusal = f"550 5.7.1 not by {plain} or {password} or {PASSWORD} or {quote(PASSWORD, safe='')}"
    config = organisation(built, ["anna@example.org"])
    sent = deliver("small", config, pauses=TWICE)
    record = (built.parent / "reports/small/2025-03/delivery.json").read_text()
    assert "550 5.7.1 not by" in record
    for secret in (plain, password, PASSWORD, quote(PASSWORD, safe="")):
        assert secret.rstrip("=") not in record + repr(sent)


def test_a_secret_cut_over_lines_is_not_repeated_either(monkeypatch):
    monkeypatch.setenv("X", "smtps://user:pa55word@mail.example")
    assert mail.mail_server("X").without_secrets("535 no pa55\nword") == "…"


@pytest.mark.parametrize("record", ["[]", '{"v1": 5}', '{"v1": {"sent": []}}', '{"v1": {"failed": "x"}, "w": {}}'])
def test_a_record_of_no_known_form_stops_no_delivery(built, post, record):
    post()
    (built.parent / "reports/small/2025-03/delivery.json").write_text(record)
    assert [s.word for s in deliver("small", organisation(built, ["a@b.org"]), pauses=TWICE)] == ["sent"]


def test_check_names_every_address_that_is_none(built, monkeypatch, capsys):
    config = organisation(built, ["anna@example..org"], "")
    config.write_text(config.read_text().replace("ops@example.org", "ops"))
    monkeypatch.setattr(sys, "argv", ["perception", "check", "--config", str(config)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    printed = capsys.readouterr().err
    assert "delivery.operators.1: 'ops' is not an e-mail address" in printed
    assert "delivery.recipients.small.1: 'anna@example..org' is not an e-mail address" in printed


def test_a_failed_delivery_leaves_the_report_and_is_made_up_for_later(built, post, monkeypatch):
    config = organisation(built, ["anna@example.org"])
    folder = built.parent / "reports/small/2025-03"
    before = {name: (folder / name).read_bytes() for name in FILES}
    monkeypatch.setenv("PERCEPTION_SMTP", f"smtps://reports:{PASSWORD.replace('/', '%2F')}@localhost:1")
    failed = deliver("small", config, pauses=TWICE)
    assert [s.word for s in failed] == ["failed"]
    assert "localhost:1" in failed[0].detail
    assert {name: (folder / name).read_bytes() for name in FILES} == before
    postman = post()
    assert [s.word for s in deliver("small", config, pauses=TWICE)] == ["sent"]
    assert len(postman.letters) == 1


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"password": "wrong-s3cret"}, "535"),
        ({"trusted": False}, "certificate does not hold"),
    ],
)
def test_a_wrong_password_or_certificate_is_named_at_once_and_no_secret_shows(built, post, settings, cause, capsys):
    post(**settings)
    config = organisation(built, ["anna@example.org"])
    sent = deliver("small", config, pauses=(0.0, 60.0))
    assert [s.word for s in sent] == ["failed"]
    assert cause in sent[0].detail
    everything = repr(sent) + "".join(capsys.readouterr())
    everything += (built.parent / "reports/small/2025-03/delivery.json").read_text()
    assert "s3cret" not in everything


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "the environment variable PERCEPTION_SMTP is not set"),
        ("smtp://u:pa55word@mail.example", "not the address of an encrypted server"),
        ("smtps://u:pa55#word@mail.example:x", "not the address of an encrypted server"),
        ("smtps://u:pa55/word@mail.example:465", "not the address of an encrypted server"),
        ("smtps://u:pa[55word@mail.example", "not the address of an encrypted server"),
    ],
)
def test_an_address_that_is_not_encrypted_is_refused_and_never_quoted(built, monkeypatch, address, message):
    monkeypatch.setenv("PERCEPTION_SMTP", address)
    sent = deliver("small", organisation(built, ["anna@example.org"]), pauses=TWICE)
    assert message in sent[0].detail
    assert "pa55" not in sent[0].detail


def test_the_servers_representation_holds_no_secret(monkeypatch):
    monkeypatch.setenv("X", "smtps://user:pa55word@mail.example")
    server = mail.mail_server("X")
    assert (server.port, server.user, server.password) == (465, "user", "pa55word")
    assert "pa55word" not in repr(server)
    assert server.without_secrets("535 pa55word for user") == "535 … for …"


def test_a_copy_is_whole_in_a_folder_of_its_version(built):
    config = organisation(built, [], 'copy_to = "shared folder"\n')
    assert [(s.to, s.word) for s in deliver("small", config, pauses=TWICE)] == [("copy to shared folder", "sent")]
    copy = built.parent / "shared folder/small/2025-03"
    assert [p.name for p in copy.iterdir()] == ["v1"]
    for name in FILES:
        assert (copy / "v1" / name).read_bytes() == (built.parent / "reports/small/2025-03" / name).read_bytes()
    assert [s.word for s in deliver("small", config, pauses=TWICE)] == ["sent before"]


def test_a_copy_goes_to_any_storage_that_fsspec_knows(built):
    config = organisation(built, [], 'copy_to = "memory://bucket/reports"\n')
    assert [s.word for s in deliver("small", config, pauses=TWICE)] == ["sent"]
    found = fsspec.filesystem("memory").find("/bucket/reports/small")
    assert sorted(found) == sorted(f"/bucket/reports/small/2025-03/v1/{name}" for name in FILES)


def test_a_storage_that_fails_once_is_tried_again_and_one_that_fails_is_told(built, monkeypatch):
    config = organisation(built, [], 'copy_to = "memory://user:pa55word@bucket/again"\n')
    storage, tries = type(fsspec.filesystem("memory")), []
    put = storage.put_file

    def stumble(self, *args, **kwargs):
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("memory://user:pa55word@bucket is gone")
        return put(self, *args, **kwargs)

    monkeypatch.setattr(storage, "put_file", stumble)
    sent = deliver("small", config, pauses=TWICE)
    assert [s.word for s in sent] == ["failed"]
    assert sent[0].detail == "ConnectionError: memory://bucket is gone"
    assert "pa55word" not in sent[0].to
    assert [s.word for s in deliver("small", config, pauses=TWICE)] == ["sent"]


@pytest.mark.parametrize("place", ["pipe", "pipe/below", "letter.txt"])
def test_a_copy_to_what_is_no_folder_fails_at_once(built, monkeypatch, place):
    os.mkfifo(built.parent / "pipe")
    (built.parent / "letter.txt").write_text("ours")
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("waits") if seconds else None)
    (sent,) = deliver("small", organisation(built, [], f'copy_to = "{place}"\n'), pauses=(0.0, 60.0))
    assert sent.word == "failed" and place.partition("/")[0] in sent.detail
    assert (built.parent / "letter.txt").read_text() == "ours"


def test_no_letter_leaves_that_cannot_be_written_down(built, post, monkeypatch):
    postman = post()

    def full(path, value):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(versions, "write_json", full)
    with pytest.raises(OSError, match="No space left"):
        deliver("small", organisation(built), pauses=TWICE)
    monkeypatch.undo()
    assert postman.letters == []


def test_operators_are_told_the_cause_without_personal_data_or_secrets(built, post):
    postman = post()
    config = organisation(built)
    cause = f"surveys.csv: row 7 holds jane.doe@example.com, and {PASSWORD} was refused"
    assert tell_operators(config, "small 2025-03", cause, pauses=TWICE) == "The operators were told."
    (to, letter, encrypted) = postman.letters[0]
    assert (to, encrypted) == (["ops@example.org"], True)
    assert letter["Subject"] == "Failed: small 2025-03 · Acme Telecom"
    text = letter.get_content()
    assert "Cause: surveys.csv: row 7 holds [e-mail], and … was refused" in text
    assert "Nothing that was published before has changed." in text


def test_operators_that_cannot_be_told_do_not_hide_the_fault(built, monkeypatch, tmp_path):
    config = organisation(built)
    monkeypatch.delenv("PERCEPTION_SMTP", raising=False)
    assert "PERCEPTION_SMTP is not set" in tell_operators(config, "small", "x", pauses=TWICE)
    assert "could not be told" in tell_operators(tmp_path / "absent.toml", "small", "x", pauses=TWICE)


def test_nobody_to_send_to_or_nothing_to_send_is_said(small, in_process):
    with pytest.raises(ValueError, match="nobody is to get small: name recipients or copy_to"):
        deliver("small", small)
    organisation(small)
    with pytest.raises(ValueError, match="no small is published"):
        deliver("small", small)
    with pytest.raises(ValueError, match="small of 2025-02 is not published"):
        deliver("small", small, "2025-02")
    with pytest.raises(ValueError, match="is not a period"):
        deliver("small", small, "../../etc")


def test_unreadable_claims_and_records_stop_no_delivery(built, post):
    post()
    folder = built.parent / "reports/small/2025-03"
    (folder / "claims.json").write_text("[")
    (folder / "delivery.json").write_text("{")
    assert headlines(folder) == []
    assert [s.word for s in deliver("small", organisation(built, ["a@b.org"]), pauses=TWICE)] == ["sent"]
    assert version_of(folder) == 1
    assert list(json.loads((folder / "delivery.json").read_text())["v1"]["sent"]) == ["a@b.org"]


def test_the_command_of_a_schedule_builds_delivers_and_tells_operators_of_faults(small, in_process, post, monkeypatch):
    postman = post()
    config = organisation(small, ["anna@example.org"])

    def run():
        monkeypatch.setattr(sys, "argv", ["perception", "catch-up", "small", "--deliver", "--config", str(config)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code

    assert run() == 3  # the data end in March 2025: that nothing has come since is a fault
    assert [letter["Subject"][:30] for _, letter, _ in postman.letters] == [
        "How customers see us · Acme Te", "Failed: small · Acme Telecom",
    ]  # fmt: skip
    assert "no survey, complaint or contact is later than 2025-03" in postman.letters[1][1].get_content()
    (config.parent / "surveys.csv").unlink()
    assert run() == 2
    assert "surveys.csv" in postman.letters[2][1].get_content()
    assert (config.parent / "reports/small/2025-03/report.pdf").exists()
