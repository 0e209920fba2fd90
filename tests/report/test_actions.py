"""What we changed, as the report tells it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analytics.publish.claims import check_claims
from analytics.report.actions import show_actions
from analytics.report.movement import declared_changes, measure_movement
from analytics.report.perception import score_chart
from analytics.report.story import load_story

SETTINGS = """
[organisation]
name = "Acme"
[sources.surveys]
path = "surveys.csv"
[[actions]]
id = "slots"
what = "Great booked call-back slots"
on = 2025-11-01
{group}
expects = {{ csat = "up" }}
"""


def _write(
    folder: Path, step: float, months: int = 18, group: str = 'for = { team = "Billing" }', seed: int = 0
) -> Path:
    draw = np.random.default_rng(seed)
    n = months * 400
    month = np.arange(n) % months
    days = pd.Timestamp("2025-01-02") + pd.to_timedelta(np.array([30.4 * m for m in month]), "D")
    team = np.where(np.arange(n) // months % 2 == 0, "Billing", "Repair")
    happy = draw.random(n) < 0.6 + step * ((month >= 10) & (team == "Billing"))
    rows = pd.DataFrame({"response_id": range(n), "responded_at": days, "team": team, "csat": np.where(happy, 5, 2)})
    rows.to_csv(folder / "surveys.csv", index=False)
    mapped = 'response_id = "response_id"\nresponded_at = "responded_at"\ncsat = { column = "csat", scale = [1, 5] }\n'
    (folder / "map.toml").write_text(f"[surveys]\n{mapped}[surveys.extra]\nteam = 'team'\n")
    settings = SETTINGS.format(group=group).replace('"surveys.csv"', '"surveys.csv"\nmap = "map.toml"')
    (folder / "my.toml").write_text(settings)
    return folder / "my.toml"


def _told(folder: Path, period: str = "2026-05", **world: object) -> dict:
    section = show_actions(load_story(_write(folder, **world), period))
    data = section.answer.data
    evidence = [*data["evidence"], *filter(None, [data["signal"]])]
    assert check_claims(data["sentence"], evidence) == []
    return data


def test_a_step_beside_a_comparison_group_is_told_without_a_cause(tmp_path):
    data = _told(tmp_path, step=0.25)
    assert (data["signal"], data["key"]) == ("rose", "action:slots")
    assert "set against where it was not done" in data["sentence"] and "because" not in data["sentence"]


def test_without_a_comparison_group_what_else_changed_is_said_to_be_unknown(tmp_path):
    data = _told(tmp_path, step=0.3, group="")
    assert data["signal"] == "rose" and "What else changed then is not known" in data["sentence"]


def test_no_step_says_what_would_not_have_been_seen(tmp_path):
    data = _told(tmp_path, step=0.0)
    assert data["signal"] == "no change" and "would not have been seen" in data["sentence"]


def test_too_early_says_how_long_to_wait(tmp_path):
    data = _told(tmp_path, step=0.3, months=11, period="2025-11")
    assert data["level"] == "unknown" and "1 more month" in data["settle"]


@pytest.mark.parametrize("group", ['for = { site = "Leeds" }'])
def test_a_group_that_nothing_records_is_not_known(tmp_path, group):
    assert _told(tmp_path, step=0.3, group=group)["level"] == "unknown"


@pytest.mark.parametrize(("group", "expects", "moves"), [
    ("", "csat", True), ('for = { team = "Billing" }', "csat", False), ("", "waiting", False),
])  # fmt: skip
def test_only_what_was_done_for_everybody_and_for_this_score_moves_its_baseline(tmp_path, group, expects, moves):
    path = _write(tmp_path, step=0.0, group=group)
    settings = path.read_text().replace('csat = "up"', f'{expects} = "up"').replace("2025-11-01", "2025-11-12")
    path.write_text(settings)
    story = load_story(path, "2026-05")
    (score,) = story.scores
    assert declared_changes(story, score) == (
        {"2025-11": "Great booked call-back slots", "2025-12": ""} if moves else {}
    )
    (chart,) = score_chart(story, score)
    assert ("anew at what we changed" in chart.data["note"]) is moves
    assert ("Great booked" in chart.data["svg"]) is moves


def test_a_fall_that_an_action_explains_away_is_only_that_of_its_own_period(tmp_path):
    story = load_story(_write(tmp_path, step=-0.5, group=""), "2026-05")
    assert measure_movement(story, story.scores[0]).word == "no change"
    ungrouped = load_story(_write(tmp_path, step=-0.5), "2025-12")
    assert measure_movement(ungrouped, ungrouped.scores[0]).word == "fell"
