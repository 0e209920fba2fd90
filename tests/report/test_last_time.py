"""What we said last time: verdicts worked by hand, files that cannot be read, and the record over several periods."""

import json

import pandas as pd
import pytest

from analytics.measures.estimate import SAID, Estimate
from analytics.publish.blocks import finding, page_one, unknown
from analytics.publish.collect import findings
from analytics.report.last_time import Verdict, read_claims, retest, running_record


def claim(value, low, high, n=600, signal="no change", key="score:nps", unit="points"):
    figure = {"value": value, "low": low, "high": high, "n": n, "unit": unit}
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
        # gap −7, bounds −7 ± √(5² + 5²) = −14.07 to +0.07: zero lies within
        (claim(23.0, 18.0, 28.0), HELD),
        # gap −8: −15.07 to −0.93, zero lies outside
        (claim(22.0, 17.0, 27.0), DID_NOT),
        (claim(38.0, 33.0, 43.0), DID_NOT),  # better than said is not what was said either
        (claim(30.0, 10.0, 50.0, n=29), CANNOT_TELL),
        (claim(30.0, 10.0, 50.0, n=30), HELD),
        (claim(None, None, None, n=0), CANNOT_TELL),
        (claim(31.0, 26.0, 36.0, signal="rose"), DID_NOT),  # said: no change; the rule now finds one
    ],
)
def test_a_claim_of_no_change_is_judged_by_the_difference_of_the_two_figures(now, verdict):
    assert retest([THEN], [now])["verdict"].tolist() == [verdict]


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (claim(45.0, 40.0, 50.0, signal="rose"), HELD),  # further the same way
        (claim(45.0, 40.0, 50.0, signal="no change"), HELD),
        (claim(28.0, 23.0, 33.0, signal="no change"), HELD),  # back by less than its interval
        (claim(15.0, 10.0, 20.0, signal="no change"), DID_NOT),
        (claim(29.0, 24.0, 34.0, signal="fell"), DID_NOT),  # the rule says the opposite
    ],
)
def test_a_claim_of_a_rise_holds_when_it_went_further_or_stayed(now, verdict):
    assert retest([THEN | {"signal": "rose"}], [now])["verdict"].tolist() == [verdict]


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
    assert read_claims(tmp_path, "2026-09") is None


def test_a_period_without_a_report_has_no_claims(tmp_path):
    assert read_claims(tmp_path, "2026-09") is None


def test_only_claims_with_a_key_and_a_figure_are_tested_again(tmp_path):
    kept = [
        THEN,
        claim(1, 0, 2, key=""),
        THEN | {"key": "none", "evidence": []},
        {"key": "x", "evidence": [{"value": 1}]},
    ]
    publish(tmp_path, "2026-09", kept)
    assert [found["key"] for found in read_claims(tmp_path, "2026-09")] == ["score:nps"]


def test_a_statement_made_twice_in_a_report_is_tested_once(tmp_path):
    publish(tmp_path, "2026-09", [THEN, THEN])
    assert len(read_claims(tmp_path, "2026-09")) == 1


def test_what_a_report_shows_is_what_the_next_one_reads(tmp_path):
    told = finding(
        "NPS was +30 (+25 to +35).", [Estimate(30, 25, 35, 600, "points", SAID)], "no change", key="score:nps"
    )
    page = page_one(told, {}, perceive=told, hurts=unknown("Not known."), leaving="…", unknown="…")
    publish(tmp_path, "2026-09", list(findings([told.as_json(), page.as_json()])))
    (found,) = read_claims(tmp_path, "2026-09")
    assert (found["sentence"], found["signal"], found["evidence"][0]["n"]) == (
        "NPS was +30 (+25 to +35).",
        "no change",
        600,
    )


def test_the_record_counts_each_pair_of_successive_reports(tmp_path):
    publish(tmp_path, "2026-06", [THEN, claim(5, 4, 6, key="gone")])
    publish(tmp_path, "2026-07", [claim(31.0, 26.0, 36.0)])  # held; "gone" cannot be told
    publish(tmp_path, "2026-08", "broken")  # passed over: July is tested by September
    publish(tmp_path, "2026-09", [claim(10.0, 5.0, 15.0)])  # did not hold
    record = running_record(tmp_path, ["2026-05", "2026-06", "2026-07", "2026-08", "2026-09"])
    pd.testing.assert_series_equal(record, pd.Series({HELD: 1, DID_NOT: 1, CANNOT_TELL: 1}))


def test_a_first_report_has_an_empty_record(tmp_path):
    publish(tmp_path, "2026-09", [THEN])
    assert running_record(tmp_path, ["2026-09"]).tolist() == [0, 0, 0]
