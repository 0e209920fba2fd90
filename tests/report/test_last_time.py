"""What we said last time: verdicts worked by hand, files that cannot be read, and the record over several periods."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from analytics.measures.estimate import SAID, Estimate
from analytics.publish.blocks import finding, page_one, unknown
from analytics.publish.collect import findings, refuse_unfounded
from analytics.publish.versions import by_key, read_claims
from analytics.report.last_time import show_last_time
from analytics.report.perception import show_perception
from analytics.report.retest import RECORD, Verdict, last_claims, retest
from analytics.report.story import load_story


def claim(value, low, high, n=600, signal="no change", key="score:nps", unit="points"):
    figure = {"value": value, "low": low, "high": high, "n": n, "unit": unit, "source": SAID}
    return {"key": key, "sentence": f"It was {value}.", "signal": signal, "evidence": [figure]}


def publish(folder, period, claims):
    (folder / period).mkdir(parents=True)
    text = (
        claims if isinstance(claims, str) else json.dumps({"report": "leadership", "period": period, "claims": claims})
    )
    (folder / period / "claims.json").write_text(text, encoding="utf-8")


HELD, DID_NOT, CANNOT_TELL = Verdict
THEN = claim(30.0, 25.0, 35.0)


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        # gap −7, bounds −7 ± √(5² + 5²) = −14.07 to +0.07: zero lies within, ten points off as well
        (claim(23.0, 18.0, 28.0), CANNOT_TELL),
        # gap −8: −15.07 to −0.93, zero lies outside
        (claim(22.0, 17.0, 27.0), DID_NOT),
        (claim(38.0, 33.0, 43.0), DID_NOT),  # better than said is not what was said either
        # gap +1, bounds −6.07 to +8.07: surely within ten points
        (claim(31.0, 26.0, 36.0), HELD),
        (claim(30.0, 10.0, 50.0), CANNOT_TELL),  # the same figure, but 20 points either way would not be seen
        (claim(30.0, 25.0, 35.0, n=29), CANNOT_TELL),
        (claim(None, None, None, n=0), CANNOT_TELL),
        (claim(31.0, 26.0, 36.0, signal="rose"), DID_NOT),  # said: no change; the rule now finds one
    ],
)
def test_a_claim_of_no_change_still_holds_only_where_the_two_figures_are_surely_alike(now, verdict):
    assert retest([THEN], [now])["verdict"].tolist() == [verdict]


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (claim(45.0, 40.0, 50.0, signal="rose"), HELD),  # further the same way
        (claim(45.0, 40.0, 50.0, signal="no change"), HELD),
        (claim(28.0, 23.0, 33.0, signal="no change"), HELD),  # back by less than ten points, surely
        (claim(23.0, 18.0, 28.0, signal="no change"), CANNOT_TELL),
        (claim(15.0, 10.0, 20.0, signal="no change"), DID_NOT),
        (claim(29.0, 24.0, 34.0, signal="fell"), DID_NOT),  # the rule says the opposite
    ],
)
def test_a_claim_of_a_rise_holds_when_it_went_further_or_stayed(now, verdict):
    assert retest([THEN | {"signal": "rose"}], [now])["verdict"].tolist() == [verdict]


def about(group, value, unit="points"):
    made = claim(value, value - 5, value + 5, key="group:team", unit=unit)
    return made | {"evidence": [made["evidence"][0] | {"of": group}]}


def test_a_figure_of_one_group_is_never_set_beside_that_of_another():
    north, south = about("North", 30.0), about("South", 60.0)
    assert retest([north], [south])["now"].isna().all()
    both = south | {"evidence": [*south["evidence"], *about("North", 31.0)["evidence"]]}
    row = retest([north], [both]).iloc[0]
    assert (row["now"], row["verdict"]) == (31.0, HELD)


def test_a_wide_interval_proves_little_and_says_what_it_would_have_seen():
    shares = [claim(value, value - 0.09, value + 0.09, unit="share") for value in (0.12, 0.13)]
    row = retest(shares[:1], shares[1:]).iloc[0]
    assert row["verdict"] == CANNOT_TELL
    error = 0.09 * 2**0.5 / 1.96
    assert row["unseen"] == pytest.approx((1.96 + 0.84) * error, rel=0.01)  # 80 % power at the 5 % level
    assert retest(shares[:1], shares[1:], chance=0.001)["unseen"].iloc[0] > 1.4 * row["unseen"]


@pytest.mark.parametrize("key", ["leaving:silent", "leaving:oftener", "recovery:gesture_alone", "target:Billing"])
def test_figures_of_many_months_are_not_new_after_a_month(key):
    year = claim(0.4, 0.38, 0.42, unit="share", key=key)
    row = retest([year], [year]).iloc[0]
    assert row["verdict"] == CANNOT_TELL and pd.isna(row["p_value"])


@pytest.mark.parametrize(("late", "right"), [(33.0, True), (40.0, False)])
def test_whether_it_was_true_then_is_judged_by_what_is_known_now_apart_from_whether_it_still_holds(late, right):
    again = claim(late, late - 4, late + 4)
    row = retest([THEN], [claim(12.0, 7.0, 17.0)], [again]).iloc[0]
    assert (row["again"], row["right"], row["verdict"]) == (late, right, DID_NOT)
    assert pd.isna(retest([THEN], [THEN])["right"].iloc[0])


def test_a_claim_that_is_not_made_again_cannot_be_told():
    table = retest([THEN], [claim(30.0, 25.0, 35.0, key="score:csat")])
    assert table["verdict"].tolist() == [CANNOT_TELL]
    assert table[["now", "n"]].isna().all(axis=None)


def test_a_claim_made_again_without_a_figure_cannot_be_told():
    assert retest([THEN], [THEN | {"evidence": []}])["verdict"].tolist() == [CANNOT_TELL]


def test_the_table_shows_both_figures_beside_the_sentence():
    row = retest([THEN], [claim(12.0, 7.0, 17.0, n=610)]).iloc[0]
    assert row[["said", "then", "now", "now_low", "now_high", "n", "unit"]].tolist() == [
        "It was 30.0.", 30.0, 12.0, 7.0, 17.0, 610, "points",
    ]  # fmt: skip


def test_no_earlier_claim_gives_an_empty_table_with_its_columns():
    table = retest([], [THEN])
    assert table.empty
    assert table.columns[-1] == "verdict"


@pytest.mark.parametrize(
    "text",
    ["", "not json", "[]", "null", '{"claims": ["said"]}', '{"claims": 3}', '{"other": []}', '{"claims": [{}]}'[:-1]],
)
def test_a_file_that_is_no_claims_json_counts_as_no_report(tmp_path, text):
    publish(tmp_path, "2026-09", text)
    assert read_claims(tmp_path / "2026-09") is None


def test_a_period_without_a_report_has_no_claims(tmp_path):
    assert read_claims(tmp_path / "2026-09") is None


def test_only_claims_with_a_key_and_a_figure_are_tested_again(tmp_path):
    kept = [
        THEN,
        claim(1, 0, 2, key=""),
        THEN | {"key": "none", "evidence": []},
        {"key": "x", "evidence": [{"value": 1}]},
    ]
    publish(tmp_path, "2026-09", kept)
    assert [*by_key(read_claims(tmp_path / "2026-09"))] == ["score:nps"]


def test_a_statement_made_twice_in_a_report_is_tested_once(tmp_path):
    publish(tmp_path, "2026-09", [THEN, THEN])
    assert len(by_key(read_claims(tmp_path / "2026-09"))) == 1


def test_what_a_report_shows_is_what_the_next_one_reads(tmp_path):
    told = finding(
        "NPS was +30 (+25 to +35).", [Estimate(30, 25, 35, 600, "points", SAID)], "no change", key="score:nps"
    )
    page = page_one(told, {}, {"What matters most": told, "What we do not know": unknown("Not known.")})
    publish(tmp_path, "2026-09", list(findings([told.as_json(), page.as_json()])))
    (found,) = by_key(read_claims(tmp_path / "2026-09")).values()
    assert (found["sentence"], found["signal"], found["evidence"][0]["n"]) == (
        "NPS was +30 (+25 to +35).",
        "no change",
        600,
    )


@pytest.fixture
def asked_monthly(tmp_path):
    """A survey of six months in which nothing happens."""
    rng = np.random.default_rng(4)
    months = pd.date_range("2026-05-01", periods=6, freq="MS")
    stamps = pd.DatetimeIndex([day + pd.Timedelta(hours=4 * i) for day in months for i in range(150)])
    answers = {"nps": rng.integers(0, 11, len(stamps)), "csat": rng.integers(1, 6, len(stamps))}
    ids = {"response_id": range(len(stamps)), "responded_at": stamps, "invited_at": stamps}
    pd.DataFrame(ids | answers).to_csv(tmp_path / "surveys.csv", index=False)
    lines = '[organisation]\nname = "Acme"\n[sources.surveys]\npath = "surveys.csv"\n'
    (tmp_path / "perception.toml").write_text(lines, encoding="utf-8")
    return tmp_path


def test_every_statement_is_counted_once_and_the_record_adds_up(asked_monthly):
    folder, told = asked_monthly / "reports" / "leadership", 0
    for period in ("2026-07", "2026-08", "2026-10"):  # none of September: August is tested by October
        story = load_story(asked_monthly / "perception.toml", period)
        perceived = show_perception(story)
        last = last_claims(story)
        shown = show_last_time(story, perceived)
        if last is None:
            assert "no report of an earlier period" in shown.answer.data["sentence"]
        else:
            told += len(last[1])
            first, _, every = shown.answer.data["sentence"].partition(" in all reports so far: ")
            latest, total = (
                sum(map(int, re.findall(r"(\d+) (?:still true|no longer|cannot be told)", part)))
                for part in (first, every or first)
            )
            assert latest == len(last[1]) > 0
            assert total == told == sum(e["value"] for e in shown.answer.data["evidence"])
        blocks = [block.as_json() for block in (*perceived.blocks, *shown.blocks)]
        refuse_unfounded(blocks, story.k, story.period)
        publish(folder, period, list(findings(blocks)))
    assert told > 4
    assert [claim["key"] for claim in read_claims(folder / "2026-10")].count(RECORD) == 1


def test_late_answers_show_that_a_level_was_not_true_then(asked_monthly):
    publish(asked_monthly / "reports" / "leadership", "2026-09", [claim(-28.0, -60.0, 0.0)])
    story = load_story(asked_monthly / "perception.toml", "2026-10")
    sentences = [block.data.get("sentence", "") for block in show_last_time(story).blocks]
    assert "With the answers that came since, levels reckoned again: 1, true then: 1." in sentences
