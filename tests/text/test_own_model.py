"""A model of one's own: what it must answer, when it speaks, and what leaves the house on the way to an endpoint."""

import contextlib
import json
import random
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from analytics.text import endpoint
from analytics.text.endpoint import EndpointModel, NoAnswerError
from analytics.text.own_model import OwnModel, load_own_model
from analytics.text.scored import score_texts
from analytics.text_settings import Endpoint, TextSettings
from tests.text.planted import FILE, _fill

TEXTS = ["Terrible, nobody came", "It arrived on Monday", "Great team, thank you"] * 8
MOODS = ["negative", "neutral", "positive"] * 8


def classifier(moods=MOODS):
    return make_pipeline(CountVectorizer(), LogisticRegression(C=50)).fit(TEXTS, moods)


@pytest.fixture
def module(monkeypatch):
    """A module of the organisation's own, with whatever it is given."""

    def make(**names):
        monkeypatch.setitem(sys.modules, "acme_models", type(sys)("acme_models"))
        for name, value in names.items():
            setattr(sys.modules["acme_models"], name, value)

    return make


@pytest.fixture
def server():
    """A local endpoint: it keeps what it was asked and answers with what `answers` says, the last one for ever."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.asked.append((self.path, dict(self.headers), body))
            status, content = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            text = content if isinstance(content, str) else json.dumps(content)
            self.wfile.write(json.dumps({"choices": [{"message": {"content": text}}]}).encode())

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.answers = [], [(200, {"negative": 0.7, "neutral": 0.2, "positive": 0.1})]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Waiting between attempts takes no time here."""
    monkeypatch.setattr(endpoint._ask.retry, "sleep", lambda seconds: None)


def settings(server, **keys):
    return Endpoint(url=f"http://127.0.0.1:{server.server_port}/v1", model="small", **keys)


def test_a_classifier_of_ones_own_speaks_and_themes_are_read_as_before(module):
    module(mood=classifier(), make=classifier)
    model = load_own_model(TextSettings(model="acme_models:mood"))
    scores = score_texts(["Terrible, nobody came", "Great team, thank you", ""], model=model)
    assert scores["sentiment"].tolist() == ["negative", "positive", "unknown"]
    assert scores["model"].str.contains("+own-acme_models:mood", regex=False).all()
    assert (
        scores["themes"].tolist()
        == score_texts(["Terrible, nobody came", "Great team, thank you", ""])["themes"].tolist()
    )
    assert load_own_model(TextSettings(model="acme_models:make")).predict_proba(TEXTS[:3]).argmax(axis=1).tolist() == [
        0,
        1,
        2,
    ]


def test_columns_follow_the_classes_whatever_their_order():
    class Other:
        classes_ = np.array(["positive", "negative", "neutral"])

        def predict_proba(self, texts):
            return np.array([[0.5, 0.3, 0.2]] * len(texts))

    assert OwnModel(Other(), "x").predict_proba(["a"]).tolist() == [[0.3, 0.2, 0.5]]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.ones((2, 2)) / 2, "shape"),
        (np.ones((3, 3)) / 3, "shape"),
        ([[np.nan, 0.5, 0.5]] * 2, "not finite"),
        ([[1.2, -0.1, -0.1]] * 2, "do not add up"),
        ([[0.5, 0.1, 0.1]] * 2, "do not add up"),
    ],
)
def test_an_answer_that_is_none_is_refused(answer, message):
    model = type("Odd", (), {"classes_": MOODS[:3], "predict_proba": lambda self, texts: answer})()
    with pytest.raises(ValueError, match=message):
        OwnModel(model, "odd").predict_proba(["a", "b"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("acme_models:absent", "has no attribute 'absent'.*Install the package"),
        ("no_such_package.models:mood", "No module named 'no_such_package'"),
        ("acme_models:unfitted", "expected a fitted classifier"),
        ("acme_models:others", r"Found the classes \['bad', 'good'\]"),
    ],
)
def test_what_is_no_classifier_of_the_three_classes_is_refused(module, name, message):
    module(unfitted=LogisticRegression(), others=classifier(["bad", "good"] * 12))
    with pytest.raises(ValueError, match=message):
        load_own_model(TextSettings(model=name))


def test_settings_take_no_path_no_password_and_no_half_name():
    for name in ("models/mood.py", "mood", "os.system('id'):x", "a:b:c"):
        with pytest.raises(ValidationError):
            TextSettings(model=name)
    with pytest.raises(ValidationError):
        Endpoint(url="http://user:secret@host/v1", model="m")


def test_another_state_of_the_model_reads_every_text_again(module, tmp_path):
    module(mood=classifier())
    first = load_own_model(TextSettings(model="acme_models:mood"))
    module(mood=classifier(["positive", "neutral", "negative"] * 8))
    second = load_own_model(TextSettings(model="acme_models:mood"))
    assert first.identity != second.identity
    module(mood=classifier())
    assert load_own_model(TextSettings(model="acme_models:mood")).identity == first.identity
    moods = [score_texts(TEXTS[:1], model=model, cache=tmp_path)["sentiment"][0] for model in (first, second, first)]
    assert moods == ["negative", "positive", "negative"]


def test_an_endpoint_gets_redacted_texts_alone_and_is_asked_once_for_each(server, tmp_path, monkeypatch):
    monkeypatch.setenv("ACME_KEY", "a secret")
    model = load_own_model(TextSettings(endpoint=settings(server, key_env="ACME_KEY")), names=["Rosalind Featherstone"])
    texts = [
        "Rosalind Featherstone was rude, mail me at jo.smith@example.com or 07700 900123",
        "The parcel came late again",
    ]
    scores = score_texts(texts, model=model, cache=tmp_path)
    assert scores["sentiment"].tolist() == ["negative", "negative"]
    assert len(server.asked) == 2
    for path, headers, body in server.asked:
        assert path == "/v1/chat/completions"
        assert headers["Authorization"] == "Bearer a secret"
        assert body["model"] == "small"
        for personal in ("featherstone", "jo.smith", "900123"):
            assert personal not in json.dumps(body).casefold()
    again = score_texts(
        texts, model=load_own_model(TextSettings(endpoint=settings(server, key_env="ACME_KEY"))), cache=tmp_path
    )
    pd.testing.assert_frame_equal(again, scores)
    assert len(server.asked) == 2, "what was read is kept"
    assert not any(b"a secret" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_no_planted_identifier_that_redaction_finds_reaches_an_endpoint(server):
    from analytics.text.redact import redact

    draw, kinds = random.Random(0), FILE["kinds"].values()
    texts = [prose["sentences"][0].format(_fill(prose["secrets"][0], draw)) for prose in kinds]
    EndpointModel(settings(server)).predict_proba(texts)
    assert sorted(body["messages"][1]["content"] for _, _, body in server.asked) == sorted(redact(texts))


def test_an_endpoint_that_stumbles_is_asked_again(server, monkeypatch):
    good = server.answers[0]
    server.answers = [
        (503, ""),
        (200, "I think it is negative"),
        (200, {"negative": 3, "neutral": 0, "positive": 0}),
        good,
    ]
    assert EndpointModel(settings(server)).predict_proba(["late again"]).argmax() == 0
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    "content",
    ["no", "[]", "[0.2, 0.3, 0.5]", {"negative": 1}, {"negative": 0.9, "neutral": 0.9, "positive": 0.9},
     {"negative": "NaN", "neutral": 0, "positive": 1}, {"negative": 1, "neutral": 0, "positive": 0, "other": 0}],
)  # fmt: skip
def test_an_answer_that_cannot_be_used_stops_the_reading_without_repeating_the_text(server, content):
    server.answers = [(200, content)]
    with pytest.raises(NoAnswerError) as fault:
        EndpointModel(settings(server)).predict_proba(["my private matter"])
    assert "private" not in str(fault.value)
    assert len(server.asked) == 6


BODY = b'{"choices": [{"message": {"content": "{\\"negative\\": 1, \\"neutral\\": 0, \\"positive\\": 0}"}}]}'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        [b"SSH-2.0-OpenSSH_9.6\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + BODY[:40]],
        [CHUNKED + b"ff\r\n" + BODY[:40]],
        [b"HTTP/1.1 200 OK\r\n\r\n", *(BODY[i : i + 1] for i in range(len(BODY)))],
        [],
    ],
    ids=["no HTTP", "half an answer", "half a chunk", "byte by byte", "nothing"],
)
def test_whatever_a_server_sends_ends_in_a_sentence_and_in_time(monkeypatch, sent):
    monkeypatch.setattr(endpoint, "SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=speak, args=(listener, sent), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        with pytest.raises(NoAnswerError, match="no usable answer"):
            EndpointModel(Endpoint(url=url, model="small")).predict_proba(["my secret"])


def speak(listener, sent):
    with contextlib.suppress(OSError):
        while True:
            caller, _ = listener.accept()
            caller.recv(65_536)
            for part in sent:
                caller.sendall(part)
                time.sleep(0.02 * (len(sent) > 1))
            caller.close()


def test_a_refusal_is_final_and_nobody_is_followed_elsewhere(server):
    for status in (401, 302, 307):
        server.answers, server.asked = [(status, "")], []
        with pytest.raises(ValueError, match=f"answered {status}"):
            EndpointModel(settings(server)).predict_proba(["late"])
        assert [path for path, _, _ in server.asked] == ["/v1/chat/completions"]


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8"])
def test_a_public_host_is_refused_unless_named_and_then_goes_by_https_alone(monkeypatch, address):
    monkeypatch.setattr(endpoint.socket, "getaddrinfo", lambda *args: [(0, 0, 0, "", (address, 443))])
    public = Endpoint(url="https://api.example.com/v1", model="m")
    with pytest.raises(ValueError, match="is a public host"):
        endpoint.refuse_public(public)
    assert endpoint.refuse_public(public.model_copy(update={"allow_host": "api.example.com"})) == []
    with pytest.raises(ValueError, match="by https only"):
        endpoint.refuse_public(Endpoint(url="http://api.example.com/v1", model="m", allow_host="api.example.com"))


def test_a_key_that_is_not_there_is_asked_for_by_name(server):
    with pytest.raises(ValueError, match="the environment has no ACME_KEY"):
        EndpointModel(settings(server, key_env="ACME_KEY")).predict_proba(["late"])
    assert not server.asked


def test_no_proxy_stands_before_a_host_of_this_network(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert EndpointModel(settings(server)).predict_proba(["late"]).shape == (1, 3)
