"""Shares by readings: the period's own where there are enough, else earlier ones while they hold, else other sets."""

import math

import numpy as np
import pandas as pd
import pytest

from analytics import report
from analytics.report.checked import ALIKE, FEWEST_READ, check_share, describe_check, flag_texts
from analytics.report.story import load_story
from analytics.tables.schema import NotMeasured
from analytics.text.read_sets import COMPLAINT, LEAVING
from analytics.text.readings import OTHER, PRAISE, labels_of
from analytics.text.themes import THEMES, ThemeTag

NOW, BEFORE = "2026-10", "2026-07"
LABELS = labels_of(THEMES)


def scored(rng, share, n=500, period=NOW, start=0, words=12):
    """Texts of which a share blames waiting, by a model that misses half of these and names no other."""
    truth = rng.random(n) < share
    seen = truth & (rng.random(n) < 0.5)
    frame = pd.DataFrame({
        "period": period, "truth": truth.astype(float), "sentiment": np.where(truth, "negative", "positive"),
        "negative_themes": [["waiting"] if flag else [] for flag in seen], "churn_intent": 0.1,
        "text": "word " * words, "words": words,
    }, range(start, start + n))  # fmt: skip
    return frame.assign(themes=[[]] * n)


def read(*parts):
    """Readings of texts, of the theme of waiting alone."""
    rows = pd.concat(parts) if parts else pd.DataFrame({"truth": []})
    frame = pd.DataFrame(np.nan, rows.index, [*LABELS])
    return frame.assign(waiting=rows["truth"])


def share(now, readings, before=None, label="waiting", model="fast"):
    return check_share(label, now, now if before is None else pd.concat([before, now]), readings, model, 0.95)


@pytest.mark.parametrize("seed", range(3))
def test_readings_of_its_own_texts_take_the_model_s_error_out(seed):
    now = scored(np.random.default_rng(seed), 0.5)
    checked = share(now, read(now[:150]))
    assert (checked.method, checked.read, checked.periods) == ("read", 150, (NOW,))
    assert checked.estimate.n == 500 and math.isnan(checked.alike)
    assert checked.estimate.low > flag_texts(now, "waiting").mean()  # about 25 %
    assert abs(checked.estimate.value - 0.5) < 0.14
    assert describe_check(checked) == "checked by people who read 150 texts of October 2026"


def test_few_readings_of_its_own_leave_the_word_to_other_organisations():
    now = scored(np.random.default_rng(0), 0.1)
    checked = share(now, read(now[: FEWEST_READ - 1]))
    assert checked.method in ("corrected", "counted") and checked.read == 0
    assert describe_check(checked) == "by software checked on other organisations' texts, not on these"


def test_earlier_readings_speak_while_the_texts_are_like_those_read():
    rng = np.random.default_rng(1)
    before, now = scored(rng, 0.5, period=BEFORE, start=1000), scored(rng, 0.5)
    checked = share(now, read(before[:150], now[:20]), before, label="waiting")
    assert (checked.read, checked.periods) == (170, (BEFORE, NOW)) and checked.alike > 0.9
    words = (
        "checked by people who read 170 texts of July 2026 to October 2026: 100% of this period's texts are like those"
    )
    assert checked.alike < 1 or describe_check(checked) == words
    assert checked.estimate.low < 0.5 < checked.estimate.high


def test_earlier_readings_of_other_texts_are_too_old():
    rng = np.random.default_rng(2)
    before, now = scored(rng, 0.9, period=BEFORE, start=1000), scored(rng, 0.05)
    checked = share(now, read(before[:150]), before)
    assert checked.alike < ALIKE and checked.method != "read" and checked.read == 150
    assert "are too old: only" in describe_check(checked)


def test_long_texts_carry_no_share_of_any_label_until_texts_like_them_are_read():
    rng = np.random.default_rng(3)
    now = scored(rng, 0.3, words=200)
    for label in ("waiting", LEAVING, "negative", PRAISE + "waiting", COMPLAINT):
        with pytest.raises(NotMeasured, match="200 words or more.*reading 150 of these"):
            share(now, read(), label=label)
    assert share(now, read(now[:150])).method == "read"
    before = scored(rng, 0.3, period=BEFORE, start=1000, words=200)
    assert share(now, read(before[:400]), before).method == "read"
    short = scored(rng, 0.3, period=BEFORE, start=1000)
    with pytest.raises(NotMeasured):
        share(now, read(short[:400]), short)


def test_without_readings_what_no_model_marks_and_what_differs_too_much_are_not_known():
    now = scored(np.random.default_rng(4), 0.3)
    for label in ("negative", PRAISE + "courtesy", OTHER, COMPLAINT):
        assert share(now, read(), label=label).method == "not known", label


def test_what_no_model_marks_is_told_by_readings_alone():
    now = scored(np.random.default_rng(5), 0.3)
    readings = read(now[:150]).assign(complaint=now["truth"][:150])
    assert share(now, readings, label=COMPLAINT).estimate.value == pytest.approx(now["truth"][:150].mean())


def test_each_label_has_its_mark_on_a_scored_text():
    tags = [ThemeTag("waiting", "negative", 0.9), ThemeTag("courtesy", "positive", 0.9)]
    row = {"themes": tags, "negative_themes": ["waiting"], "sentiment": "negative", "churn_intent": 0.7}
    frame = pd.DataFrame([row])
    marked = {label for label in LABELS if flag_texts(frame, label)[0]}
    assert marked == {"waiting", PRAISE + "courtesy", "negative", LEAVING}
    assert {*THEMES} < {*LABELS}


def test_the_demo_without_its_readings_says_what_can_be_said_where_nobody_read(demo_organisation):
    story = load_story(demo_organisation, "2026-10")
    table = story.problem_table
    assert story.drawn_readings == 0 and not table["method"].eq("read").any()
    assert table["value"].isna().any() and (table["high"] - table["low"]).max() <= 0.3
    state, listing, *unknown = report.show_shares(story).blocks
    assert state.data["sentence"].startswith("0 texts of October 2026 are read.")
    assert unknown and "150" in unknown[0].data["settle"]
