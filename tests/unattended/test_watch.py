"""A watch between reports: it tells a fall once, tells nothing of quiet scores, and reaches a webhook."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from analytics.__main__ import app
from analytics.config import Config, load_config
from analytics.tables.schema import NotMeasured
from analytics.unattended.watch import CHANCE, FALSE_ALARMS, find_alarms, keep_new, post_text

TODAY = pd.Timestamp("2026-11-20 09:00", tz="Europe/London")


def _config(folder: Path, seed: int = 0, fall: float = 0.0, a_day: int = 20, days: int = 400) -> Config:
    draw = np.random.default_rng(seed)
    n = a_day * days
    ago = draw.integers(1, days, n)
    happy = draw.random(n) < 0.8 - fall * (ago <= 30)
    at = TODAY.normalize() - pd.to_timedelta(ago, "D") + pd.Timedelta("10h")
    rows = {"response_id": range(n), "customer_id": range(n), "responded_at": at, "csat": np.where(happy, 5, 2)}
    pd.DataFrame(rows).to_csv(folder / "surveys.csv", index=False)
    (folder / "my.toml").write_text(
        '[organisation]\nname = "Acme"\ntimezone = "Europe/London"\n[sources.surveys]\npath = "surveys.csv"\n'
        '[delivery]\nwebhook_env = "ACME_HOOK"\n'
    )
    return load_config(folder / "my.toml")


@pytest.mark.parametrize("seed", range(3))
def test_a_fall_is_told_once_for_as_long_as_a_period_lasts(tmp_path, seed):
    config = _config(tmp_path, seed, fall=0.15)
    alarms = find_alarms(config, TODAY)
    assert [(alarm.score, alarm.word) for alarm in alarms] == [("csat", "fell")]
    assert "over the 30 days to 19 November 2026" in alarms[0].sentence
    assert keep_new(alarms, config, TODAY) == alarms
    assert keep_new(alarms, config, TODAY + pd.Timedelta("1D")) == []
    assert keep_new(alarms, config, TODAY + pd.Timedelta("31D")) == alarms
    assert keep_new(alarms, config, TODAY) == alarms  # told by a clock that was set back since


def test_quiet_scores_raise_no_alarm(tmp_path):
    """Twenty quiet operations at one look each: the chance of any is one in a hundred."""
    assert CHANCE * 20 <= 0.01 and FALSE_ALARMS <= 0.2
    assert [a for seed in range(20) for a in find_alarms(_config(tmp_path, seed, a_day=5), TODAY)] == []


def test_a_window_of_fewer_people_than_may_be_shown_is_not_judged(tmp_path):
    config = _config(tmp_path, fall=0.8, a_day=20)
    rows = pd.read_csv(tmp_path / "surveys.csv")
    late = pd.to_datetime(rows["responded_at"], utc=True) >= pd.Timestamp("2026-10-21", tz="UTC")
    rows = pd.concat([rows[~late], rows[late].head(9)])
    rows.to_csv(tmp_path / "surveys.csv", index=False)
    assert find_alarms(config, TODAY) == []


def test_without_dated_answers_it_says_so(tmp_path):
    config = _config(tmp_path)
    pd.read_csv(tmp_path / "surveys.csv").drop(columns="responded_at").to_csv(tmp_path / "surveys.csv", index=False)
    with pytest.raises(NotMeasured, match="responded_at"):
        find_alarms(config, TODAY)


@pytest.fixture
def hook(monkeypatch) -> Iterator[list[dict]]:
    taken: list[dict] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *given: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("ACME_HOOK", f"http://127.0.0.1:{server.server_port}/in")
    yield taken
    server.shutdown()


def test_a_webhook_gets_the_sentences_and_other_addresses_are_refused(tmp_path, hook, monkeypatch):
    config = _config(tmp_path, fall=0.2)
    alarms = find_alarms(config, TODAY)
    post_text(alarms[0].sentence, config, pauses=[0])
    assert [message["text"] for message in hook] == [alarms[0].sentence]
    monkeypatch.setenv("ACME_HOOK", "http://example.org/in")
    with pytest.raises(ValueError, match="ACME_HOOK holds no https"):
        post_text(alarms[0].sentence, config, pauses=[0])
    monkeypatch.setenv("ACME_HOOK", "http://127.0.0.1:9/in")
    with pytest.raises(ValueError, match="did not take it"):
        post_text(alarms[0].sentence, config, pauses=[0])


def test_the_command_prints_what_moved_and_writes_to_nobody_when_quiet(tmp_path, hook, monkeypatch):
    _config(tmp_path, fall=0.2)
    monkeypatch.setattr(pd.Timestamp, "now", classmethod(lambda cls, tz=None: TODAY))
    ran = CliRunner().invoke(app, ["watch", "--config", str(tmp_path / "my.toml"), "--quiet"])
    assert ran.exit_code == 0 and "Satisfied customers fell by" in " ".join(ran.output.split())
    assert hook == [] and not (tmp_path / "data/derived/watch.json").exists()
