"""An own theme stands in the report wherever a shipped one does, and its share follows the rules of true shares."""

import json

import pandas as pd
import pytest

from analytics import report
from analytics.report.labelling import _Panel
from analytics.report.story import load_story
from analytics.text.readings import Reading, open_session

PERIOD = "2025-03"
LATE = [
    f"{who} {what} {where}"
    for who in ("The engineer", "Your technician", "The fitter")
    for what in ("never came, awful,", "was hours late, rude,", "did not turn up, terrible,")
    for where in ("to install the router", "to connect our line", "for the installation")
]
OTHERS = [
    f"{what} is {how}"
    for what in ("The bill", "Your website", "My refund", "The app", "The price", "Your letter", "The shop")
    for how in ("wrong again", "very slow", "far too much trouble", "still a mess", "not what I expected")
]
THEMES = f"""
[themes.late_engineer]
label = "engineers who come late"
thanks = "engineers who come on time"
examples = {json.dumps(LATE[::2][:12])}
[themes.waiting]
label = "delays"
[themes.chasing]
label = "chasing you"
join = ["transferred", "repeat_contact"]
[themes.loyal_unfair]
off = true
"""


@pytest.fixture
def config(tmp_path):
    """An organisation whose customers, one in eight of them, write of late engineers."""
    rows = [
        (f"r{month}{i}", f"c{month}{i}", f"2025-0{month}-{1 + i % 27:02} 10:00", texts[i * 7 // 8 % len(texts)])
        for month in (1, 2, 3)
        for i, texts in enumerate([LATE, *[OTHERS] * 7] * 30)
    ]
    frame = pd.DataFrame(rows, columns=["response_id", "customer_id", "responded_at", "comment"])
    frame["comment"] += [f" ({row})." for row in range(len(frame))]  # no two texts are alike
    frame.to_csv(tmp_path / "answers.csv", index=False)
    settings = '[organisation]\nname = "Acme"\n[sources.surveys]\npath = "answers.csv"\n[text]\nmodel = "fast"\n'
    (tmp_path / "perception.toml").write_text(settings + THEMES)
    return tmp_path / "perception.toml"


def read_texts(config, count: int) -> None:
    session = open_session(config, PERIOD, "Ann", count)
    while session.text:
        blame = (
            ("late_engineer",) if "router" in session.text or "line" in session.text or "inst" in session.text else ()
        )
        session.keep(Reading("negative", blame, complaint=True))


def test_the_share_of_an_own_theme_waits_for_readings_and_is_then_told_by_its_own_label(config):
    table = load_story(config, PERIOD).problem_table.set_index("theme")
    assert {"late_engineer", "chasing", "waiting"} <= {*table.index}
    assert not {"transferred", "repeat_contact", "loyal_unfair"} & {*table.index}
    assert table.loc["late_engineer", "method"] == "not known" and table.loc["late_engineer", "counted"] > 0.05
    read_texts(config, 100)
    story = load_story(config, PERIOD)
    late = story.problem_table.set_index("theme").loc["late_engineer"]
    assert late["method"] == "read" and late["low"] <= 0.125 <= late["high"] and late["open"]
    told = [block.data.get("sentence", "") for block in report.show_problems(story).blocks]
    assert any("ngineers who come late" in words for words in told)
    assert not any("late_engineer" in words for words in told)


def test_the_labelling_buttons_are_the_organisation_s_themes(config):
    panel = _Panel(open_session(config, PERIOD, "Ann", 5))
    assert "engineers who come late" in panel.chips["late_engineer"].description
    assert "delays" in panel.chips["waiting"].description and not {"transferred", "loyal_unfair"} & {*panel.chips}
    panel.chips["late_engineer"].click()
    panel.shown_at = 0.0
    panel.buttons[0].click()
    (saved,) = panel.session.store.read().to_dict("records")
    assert saved["blame"] == "late_engineer" and "late_engineer" in saved["offered"].split("|")


def test_perception_themes_tells_of_each_theme_how_well_it_is_read(config, perception):
    code, out, _ = perception("themes", "--config", str(config), "--period", PERIOD)
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert code == 0 and {"late_engineer", "waiting", "chasing"} <= {*lines} and "transferred" not in lines
    assert "examples held out" in lines["late_engineer"] and "readings elsewhere" in lines["waiting"]
    assert "enough" in lines["late_engineer"] or "twenty more would help" in lines["late_engineer"]
    assert "are tagged with no theme as a problem" in out
    read_texts(config, 100)
    code, out, _ = perception("themes", "--config", str(config), "--period", PERIOD)
    late = next(line for line in out.splitlines() if "late_engineer" in line)
    assert "100 readings" in late


@pytest.mark.parametrize(
    ("change", "words"), [(("2025-03", "2031-01"), "2031"), (("off = true", "of = true"), "Did you mean 'off'?")]
)
def test_perception_themes_refuses_faulty_settings_and_periods_with_code_two(config, perception, change, words):
    period = PERIOD.replace(*change)
    config.write_text(config.read_text().replace(*change))
    code, _, err = perception("themes", "--config", str(config), "--period", period)
    assert code == 2 and words in err
