"""Between reports: whether a score has moved by now, on windows as long as a period that end with yesterday.

A run a day looks at nearly the same window thirty times, so that each look is allowed far less chance than a report.
"""

import json
import os
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from analytics.config import Config
from analytics.contrast.signals import FELL, ROSE, detect_signals
from analytics.measures.intervals import z_score
from analytics.measures.summarise import summarise
from analytics.measures.suppress import count_people
from analytics.publish.versions import read_json
from analytics.report.movement import scale_of
from analytics.report.score import Score, asked_scores
from analytics.report.words import estimate_of, say, size_of
from analytics.tables.read import read_tables, write_whole
from analytics.tables.schema import ReadLog, require
from analytics.text.mood import heed_mood
from analytics.unattended.deliver import PAUSES
from analytics.unattended.mail import with_retries

DAYS = {"week": 7, "month": 30, "quarter": 91}
WINDOWS = 25  # that are looked back on
CHANCE = 0.0005  # of a false word at one look
FALSE_ALARMS = 0.2  # false alarms a year of one score looked at every day, at most: METHODS.md, "Change over time"
STATE = "watch.json"  # what was told last, beside the other derived data
TIMEOUT = 20  # seconds for a webhook to answer


@dataclass(frozen=True)
class Alarm:
    """A score that moved: its column, 'rose' or 'fell', and the sentence that says so."""

    score: str
    word: str
    sentence: str


def find_alarms(config: Config, now: datetime) -> list[Alarm]:
    """Test each score's latest window, ending with yesterday, against the windows before it.

    Parameters
    ----------
    config
        Settings; the window is 7, 30 or 91 days by the report's frequency.
    now
        The moment of the run; its day has not ended and does not count.

    Returns
    -------
    list of Alarm
        Scores that rose or fell, windows of fewer people than `minimum_group` left out.

    Raises
    ------
    NotMeasured
        If no dated answer is read.
    """
    tables = heed_mood(read_tables(config))
    surveys = require(tables.surveys, ["responded_at"], "a watch between reports")
    log, days = tables.log or ReadLog(), DAYS[config.report.frequency]
    today = pd.Timestamp(now).tz_convert(config.organisation.zone).normalize()
    back = (today - surveys["responded_at"]).dt.total_seconds() / 86_400 // days
    recent = surveys.assign(window=-back)[back.between(0, WINDOWS - 1)]
    scores = [score for name, score in asked_scores(log).items() if name in recent]
    judged = [_judge(score, recent, config, f"{today - pd.Timedelta(days=1):%-d %B %Y}", days) for score in scores]
    return [alarm for alarm in judged if alarm is not None]


def _judge(score: Score, recent: pd.DataFrame, config: Config, last: str, days: int) -> Alarm | None:
    """What the latest window says of one score."""
    answered = recent[recent[score.column].notna()]
    now = answered[answered["window"].eq(0)]
    if count_people(now) < config.organisation.minimum_group:
        return None
    series = summarise(answered, score.measure, by=["window"], column=score.column, confidence=0.95)
    series, unit = series.set_index("window").sort_index(), series["unit"].iloc[-1]
    error = (series["high"] - series["low"]) / (2 * z_score(0.95))
    signal = detect_signals(series["value"], series["n"], se=error, scale=scale_of(series, score), chance=CHANCE)
    if signal.word not in (ROSE, FELL) or signal.change is None:
        return None
    size, latest = size_of(signal.change, unit), estimate_of(series.iloc[-1])
    facts = {"score": score.name, "word": signal.word, "size": size, "latest": latest, "days": days, "last": last}
    return Alarm(score.column, signal.word, say("watch.alarm", **facts))


def keep_new(alarms: Iterable[Alarm], config: Config, now: datetime) -> list[Alarm]:
    """The alarms that were not told within the last window, or by a clock since set back, and a note that they are."""
    file = config.derived(STATE)
    told = read_json(file) or {}
    since = (now - pd.Timedelta(days=DAYS[config.report.frequency])).isoformat()
    fresh = [a for a in alarms if not since <= str(told.get(f"{a.score}:{a.word}", "")) <= now.isoformat()]
    if fresh:
        told |= {f"{alarm.score}:{alarm.word}": now.isoformat() for alarm in fresh}
        write_whole(file, json.dumps(told, indent=1) + "\n")
    return fresh


def post_text(text: str, config: Config, pauses: Iterable[float] = PAUSES) -> None:
    """Post a text as JSON, {"text": …}, to the address that an environment variable names.

    Raises
    ------
    ValueError
        If the variable is not set, is no https address (http on this machine alone), or nobody there takes it.
    """
    address = os.environ.get(config.delivery.webhook_env or "", "")
    if not address.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise ValueError(f"the environment variable {config.delivery.webhook_env} holds no https:// address.")
    body = json.dumps({"text": text}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})  # noqa: S310

    def send() -> None:
        with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310  the operator's own address
            pass

    try:
        with_retries(send, list(pauses))
    except OSError as fault:
        why = type(fault).__name__
        raise ValueError(f"the webhook of {config.delivery.webhook_env} did not take it: {why}.") from None
