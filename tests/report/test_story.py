"""The story of a period: cut off at its end, and sections that say only what it knows."""

import ast
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analytics import report
from analytics.config import load_config
from analytics.contrast.signals import Rule
from analytics.publish.claims import ClaimError
from analytics.publish.collect import refuse_unfounded
from analytics.report import retest, tested
from analytics.report.cutoff import EmptyPeriodError
from analytics.report.page_one import rank_stakes
from analytics.report.story import load_story
from analytics.report.words import coverage_sentence, name_blamed, name_thanked
from analytics.tables.demo.simulate import write_demo
from analytics.tables.schema import DataContractError

SECTIONS = (
    report.show_perception,
    report.show_problems,
    report.show_explanation,
    report.show_leaving,
    report.show_promises,
    report.show_recovery,
    report.show_last_time,
)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def settings(demo_organisation):
    return demo_organisation


@pytest.fixture(scope="module")
def story(settings):
    return load_story(settings, "2026-10")


def surveys_only(folder, frame, **report):
    frame.to_csv(folder / "surveys.csv", index=False)
    lines = ['[organisation]\nname = "Acme"\n[sources.surveys]\npath = "surveys.csv"\n[report]\n']
    lines += [f'{key} = "{value}"\n' for key, value in report.items()]
    (folder / "perception.toml").write_text("".join(lines), encoding="utf-8")
    return folder / "perception.toml"


def monthly(months=12, per_month=60, seed=0):
    rng = np.random.default_rng(seed)
    starts = pd.date_range("2025-11-01", periods=months, freq="MS")
    invited = pd.DatetimeIndex([day + pd.Timedelta(hours=12 * i) for day in starts for i in range(per_month)])
    nps = rng.choice([10, 9, 8, 7, 6, 3], len(invited), p=[0.25, 0.2, 0.2, 0.1, 0.15, 0.1]).astype(float)
    ids = [f"r{i}" for i in range(len(invited))]
    frame = {"response_id": ids, "invited_at": invited, "responded_at": invited + pd.Timedelta(hours=5), "nps": nps}
    return pd.DataFrame(frame)


def sentences(section):
    return [block.data["sentence"] for block in section.blocks if block.kind == "finding"]


def test_what_happened_after_the_period_is_not_known_to_it(settings):
    past = load_story(settings, "2026-06")
    end = past.period.end
    assert past.tables.surveys["responded_at"].max() < end
    assert past.tables.contacts["started_at"].max() < end
    assert past.tables.contacts["confirmed_at"].max() < end
    late = past.tables.surveys[past.tables.surveys["responded_at"].isna()]
    assert late[["nps", "csat", "ces", "comment"]].isna().all(axis=None), "an answer given later is still silence"


def test_the_same_period_tells_the_same_story_whenever_it_is_built(settings, story):
    earlier = load_story(settings, "2026-09")
    later = story.over_time(story.scores[0]).set_index("period")["value"]
    assert earlier.over_time(earlier.scores[0]).set_index("period")["value"]["2026-09"] == later["2026-09"]


def test_an_empty_period_names_the_last_one_with_data(tmp_path):
    path = surveys_only(tmp_path, monthly())
    with pytest.raises(
        EmptyPeriodError, match="data of Acme run from 2025-11-01 to 2026-10-30; the last month with data is"
    ):
        load_story(path, "2024-01")


def test_a_period_that_is_not_over_is_refused(settings):
    with pytest.raises(ValueError, match="2150-01 is not over: its last day is 31 January 2150"):
        load_story(settings, "2150-01")


def test_a_leading_score_that_nobody_gave_is_not_measured(tmp_path):
    story = load_story(surveys_only(tmp_path, monthly(), score="csat"), "2026-10")
    assert "Not measured: no answer in column csat" in sentences(report.show_perception(story))[0]


def test_the_headline_says_who_answered_and_that_nothing_moved(story):
    first = sentences(report.show_perception(story))[0]
    assert first.startswith("Net Promoter Score was ") and "of the invitations sent then" in first
    assert re.search(r"No change is shown; a fall of less than \d+ points would not have been seen\.", first)


def test_dropping_unhappy_answers_moves_the_headline_to_unknown_and_never_up(tmp_path):
    frame = monthly(months=12, per_month=60)
    last, unhappy = frame["invited_at"] >= "2026-10-01", frame["nps"] <= 6
    dropped = last & unhappy & (np.random.default_rng(1).random(len(frame)) < 0.9)
    frame.loc[dropped, ["responded_at", "nps"]] = None
    first = report.show_perception(load_story(surveys_only(tmp_path, frame), "2026-10")).blocks[0]
    assert first.data["signal"] != "rose"
    assert "We cannot tell whether it moved" in first.data["sentence"]


def test_a_real_fall_is_called_a_fall(tmp_path):
    frame = monthly(months=12, per_month=60)
    frame.loc[frame["invited_at"] >= "2026-10-01", "nps"] = 3.0
    perceived = report.show_perception(load_story(surveys_only(tmp_path, frame), "2026-10"))
    assert perceived.blocks[0].data["signal"] == "fell"
    assert re.search(
        r"It fell by \d+ points \(\d+–\d+\) against the months before\.", perceived.blocks[0].data["sentence"]
    )
    (stake,) = perceived.stakes
    assert 55 < stake.touched < 60 and 20 < stake.low < stake.more <= 60 and not stake.good  # all 60 are detractors now
    assert "fell" in stake.finding.data["sentence"] and stake.p_value < 0.001


def test_a_month_with_many_more_complaints_is_told_where_the_score_shows_nothing(tmp_path):
    path = surveys_only(tmp_path, monthly(months=12, per_month=60))
    stamps = [
        day + pd.Timedelta(hours=i) for day in pd.date_range("2025-11-01", periods=12, freq="MS") for i in range(40)
    ]
    stamps += list(pd.date_range("2026-10-05", periods=80, freq="h"))
    complaints = pd.DataFrame({"complaint_id": range(len(stamps)), "received_at": stamps, "text": "It is broken."})
    complaints.to_csv(tmp_path / "complaints.csv", index=False)
    path.write_text(path.read_text() + '\n[sources.complaints]\npath = "complaints.csv"\n', encoding="utf-8")
    perceived = report.show_perception(load_story(path, "2026-10"))
    assert perceived.blocks[0].data["signal"] == "no change"
    assert "Complaints rose to 120, where 40 would be usual." in sentences(perceived)
    refuse_unfounded([block.as_json() for block in perceived.blocks])


def test_missing_tables_become_honest_lines(tmp_path):
    story = load_story(surveys_only(tmp_path, monthly()), "2026-10")
    for make in (report.show_problems, report.show_explanation):
        assert any("not measured" in text.lower() for text in sentences(make(story))), make.__name__
    assert sentences(report.show_promises(story)) == ["Promises: not measured, no promise is declared."]
    assert sentences(report.show_recovery(story)) == [
        "Whether complaints were put right is not known: it is not recorded."
    ]


def test_cases_that_are_never_asked_stand_on_page_one(story):
    contacts, surveys = story.tables.contacts, story.tables.surveys
    still_open = contacts.loc[contacts["resolved_at"].isna(), "contact_id"]
    surveys = surveys[~surveys["contact_id"].isin(still_open)]
    story = replace(story, tables=replace(story.tables, surveys=surveys))
    perceived = report.show_perception(story)
    page = report.build_page_one(story, perceived, perceived, perceived, report.show_unknowns(story, perceived))
    unknowns = [answer for answer in page.data["answers"] if answer["question"] == "What we do not know"]
    assert any("Cases not closed are never asked" in answer["sentence"] for answer in unknowns)
    assert all(answer["level"] == "unknown" for answer in unknowns)


def test_promises_and_recovery_keep_the_planted_truths(story):
    promises, recovery = report.show_promises(story), report.show_recovery(story)
    solved = next(s for s in sentences(promises) if s.startswith("“Your problem is solved within three days”"))
    assert "by our records not kept" in solved and "in the customers' view undecided" in solved
    assert any("as a person, not a number” as kept" in s for s in sentences(promises))
    assert "went to customers whose problem was not fixed (said by customers)" in sentences(recovery)[1]
    assert {stake.finding.data["key"] for stake in [*promises.stakes, *recovery.stakes]} == {
        "promise:callback", "promise:solved_in_three_days", "recovery:gesture_alone",
    }  # fmt: skip
    assert all(stake.low > 0 or np.isnan(stake.low) for stake in promises.stakes), "an outcome weighs, or nothing does"


def test_the_first_report_says_that_there_is_nothing_to_test_again(story):
    assert "no report of an earlier period is published" in sentences(report.show_last_time(story))[0]


def test_a_problem_named_last_time_is_tested_again_even_where_it_is_no_open_problem_now(story, monkeypatch):
    quiet = story.problem_table[~story.problem_table["open"]].dropna(subset="value").iloc[0]
    said = {"value": quiet["value"], "low": quiet["low"], "high": quiet["high"], "n": 300, "unit": "share"}
    said["source"] = quiet["source"]
    claim = {"key": f"problem:{quiet['theme']}", "sentence": "It is named.", "signal": "no change", "evidence": [said]}
    monkeypatch.setattr(retest, "read_claims", lambda folder: [claim])
    shown = report.show_last_time(story, report.show_problems(story)).blocks
    assert "1 statement of September 2026" in shown[0].data["sentence"]
    assert shown[-1].data["rows"][0][2]["value"] == pytest.approx(quiet["value"])


def test_a_problem_of_too_few_is_not_shown_by_testing_it_again(story, monkeypatch):
    table = story.problem_table
    few = table.assign(n=story.k - 1)
    monkeypatch.setitem(story.__dict__, "problem_table", few)
    known = few.dropna(subset="value").iloc[0]
    said = {"value": known["value"], "low": known["low"], "high": known["high"], "n": 300, "unit": "share"}
    claim = {"key": f"problem:{known['theme']}", "sentence": "It is named.", "signal": "no change", "evidence": [said]}
    monkeypatch.setattr(retest, "read_claims", lambda folder: [claim])
    (told,) = report.show_last_time(story).blocks
    assert ": 1 cannot be told." in told.data["sentence"]


def test_every_sentence_of_the_sections_passes_the_claim_guard(story):
    for make in (
        report.show_perception,
        report.show_answers,
        report.show_recovery,
        report.show_over_time,
        report.show_by_group,
    ):
        refuse_unfounded([block.as_json() for block in make(story).blocks])


def test_every_section_of_a_small_organisation_passes_the_gates(tmp_path):
    write_demo(tmp_path / "data" / "demo", seed=0, months=24, customers=1_000)
    path = tmp_path / "perception.toml"
    path.write_text((ROOT / "perception.toml").read_text().replace("[text]", '[text]\nmodel = "fast"'))
    small = load_story(path, "2026-10")
    for make in SECTIONS:
        refuse_unfounded([block.as_json() for block in make(small).blocks], k=small.k, period=small.period)


ENDS = {"fell": {"nps": [0, 6], "csat": [1, 2], "ces": [1, 2]}, "rose": {"nps": [9, 10], "csat": [5, 5], "ces": [7, 7]}}


def moved(story, words, seed):
    """The same month, but that nine answers in ten of these scores lie at one end of the scale."""
    rng, surveys = np.random.default_rng(seed), story.tables.surveys.copy()
    now = story.period.contains(surveys["responded_at"])
    for score, word in words.items():
        answered = surveys.index[now & surveys[score].notna() & (rng.random(len(surveys)) < 0.9)]
        surveys.loc[answered, score] = rng.choice(ENDS[word][score], len(answered)).astype(float)
    month = replace(story, tables=replace(story.tables, surveys=surveys))
    for name in ("comments", "_texts", "new_themes"):  # the texts are the same: they need not be read again
        month.__dict__[name] = getattr(story, name)
    tested.leaving_ratios(story), tested.actions(story)
    kept = ("leaving_study", "leaving_ratios", "actions", "silent_leavers")  # nor who left in the months before
    month.facts.update({key: fact for key, fact in story.facts.items() if key[0] in kept})
    return month


def run_report(name, story):
    """The blocks of a report's notebook, its cells run in this process on a story."""
    blocks, names = [], {"story": story, "report": report}
    for cell in json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            blocks.append({"kind": "markdown", "text": text})
        elif text.startswith("from"):
            continue
        elif text.startswith("period"):
            exec(text, names)  # the parameters as they are when nobody sets them
        else:
            *steps, last = ast.parse(text).body
            exec(compile(ast.Module(steps, []), name, "exec"), names)
            shown = eval(compile(ast.Expression(last.value), name, "eval"), names)
            blocks += [block.as_json() for block in getattr(shown, "blocks", [shown])]
    return blocks


@pytest.fixture(scope="module")
def leaving(story):
    """What does not hang on the scores of one month, made once."""
    return {name: getattr(report, name)(story) for name in ("show_leaving", "show_silent_risk")}


def test_each_score_that_moved_is_told_with_its_own_rule_and_published(story, leaving):
    for words in ({"csat": "rose"}, dict.fromkeys(("nps", "csat", "ces"), "fell")):
        month = moved(story, words, seed=0)
        perceived = report.show_perception(month)
        signals = {block.data["sentence"].split(":")[0]: block.data["signal"] for block in perceived.answers}
        expected = {"Satisfied customers": "csat", "Ease (of 7)": "ces"}
        assert signals == {name: words.get(score, "no change") for name, score in expected.items()}
        unknown = report.show_unknowns(month, perceived)
        page = report.build_page_one(month, perceived, perceived, leaving["show_leaving"], unknown)
        shown = [*perceived.blocks, *report.show_over_time(month).blocks, page]
        refuse_unfounded([block.as_json() for block in shown], month.k, month.period)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("report_leadership", {"csat": "fell"}),
        ("report_leadership", {"nps": "fell", "ces": "rose"}),
        ("report_operations", dict.fromkeys(("nps", "csat", "ces"), "rose")),
    ],
)
def test_a_whole_report_of_a_month_that_moved_is_published(story, leaving, monkeypatch, name, words):
    month = moved(story, words, seed=0)
    for section, made in leaving.items():
        monkeypatch.setattr(report, section, lambda story, made=made: made)
    named = month.problem_table.dropna(subset="value").head(3)
    table = month.problem_table.copy()
    table.loc[named.index, "open"] = True
    table.loc[named.index, "word"] = ["rose", "fell", "no change"]
    table.loc[named.index, "rule"], table.loc[named.index, "moved_p"] = Rule.OUTSIDE, 0.0
    table.loc[named.index, ["latest", "low limit", "high limit"]] = [0.3, 0.1, 0.2]
    month.__dict__["problem_table"] = table
    blocks = run_report(name, month)
    sentences = [block["sentence"] for block in blocks if block["kind"] == "finding"]
    told = [
        s
        for s in sentences
        if s.startswith("The share of texts labelled “") and s.endswith(" to 30 %, where 10 % to 20 % is usual.")
    ]
    assert {s.split("” ")[1].split()[0] for s in told} == {"rose", "fell"}
    refuse_unfounded(blocks, month.k, month.period)
    assert not without_call(blocks, month)


@pytest.mark.parametrize("name", ["who_answered", "what_they_perceive", "what_they_said", "promises_and_recovery"])
def test_an_analysts_notebook_passes_the_gates_and_says_how_many_people_stand_behind_each_row(story, name):
    blocks = run_report(name, story)
    refuse_unfounded(blocks, story.k, story.period)
    drawn = [block for block in blocks if block["kind"] in ("table", "figure")]
    explained = ("what explains", "Cases ")
    assert drawn and all("people" in block or block["caption"].startswith(explained) for block in drawn)
    assert not without_call(blocks, story)


def without_call(blocks, story):
    """Figures about what texts say, by their words, that name no call which opens the texts."""
    names = {*name_blamed(story.themes).values(), *name_thanked(story.themes).values()}
    lines = []
    for block in blocks:
        cells = [str(row[0]) for row in block.get("rows", ())]
        line = " ".join([block.get("sentence") or block.get("caption") or "", *cells])
        told = block["kind"] in ("finding", "table", "figure") and block.get("level") != "unknown"
        if block["kind"] == "quotes" or (told and any(name in line for name in names)):
            lines += [] if block.get("opens") else [line]
    return lines


def test_scores_that_moved_apart_in_one_claim_would_be_refused(story):
    perceived = report.show_perception(moved(story, {"csat": "fell"}, seed=0))
    both = [block.data for block in perceived.answers]
    joined = both[0] | {"sentence": " ".join(b["sentence"] for b in both), "signal": None}
    with pytest.raises(ClaimError, match='says "fell"'):
        refuse_unfounded([replace(perceived.answer, data=joined).as_json()])


def test_a_rise_that_the_silent_could_explain_is_told_as_not_known(tmp_path):
    for seed in range(3):
        frame = monthly(months=12, per_month=200, seed=seed)
        last, unhappy = frame["invited_at"] >= "2026-10-01", frame["nps"] <= 8
        frame.loc[last & unhappy, ["responded_at", "nps"]] = None
        perceived = report.show_perception(load_story(surveys_only(tmp_path, frame), "2026-10"))
        assert "could be all of a rise" in perceived.blocks[0].data["sentence"]
        refuse_unfounded([block.as_json() for block in perceived.blocks])


def test_twelve_answers_of_one_customer_are_one_person(tmp_path):
    frame = monthly(months=12, per_month=60).assign(customer_id=lambda rows: rows["response_id"])
    last = frame["invited_at"] >= "2026-10-01"
    frame.loc[last, "customer_id"] = "c" + (frame.index[last] % 5).astype(str)
    perceived = report.show_perception(load_story(surveys_only(tmp_path, frame), "2026-10"))
    assert sentences(perceived) == ["Fewer than 10 customers answered in October 2026, too few to show."]


def test_few_answers_that_name_nobody_are_answers_and_not_customers(tmp_path):
    few = monthly(months=12, per_month=60).assign(comment="Nobody rang back").query("invited_at < '2026-10-03'")
    story = load_story(surveys_only(tmp_path, few), "2026-10")
    assert sentences(report.show_perception(story)) == ["Fewer than 10 answers came in October 2026, too few to show."]
    assert "fewer than 10 texts came in October 2026." in " ".join(sentences(report.show_leaving(story)))


def test_where_everybody_answered_no_silence_can_move_the_score(tmp_path):
    perceived = report.show_perception(load_story(surveys_only(tmp_path, monthly()), "2026-10"))
    assert not [sentence for sentence in sentences(perceived) if "silent" in sentence]


def test_a_period_of_too_few_people_is_left_out_of_the_chart(tmp_path):
    frame = monthly(months=12, per_month=60)
    few = frame[(frame["invited_at"] >= "2025-12-01") | (frame.index < 4)]
    perceived = report.show_perception(load_story(surveys_only(tmp_path, few), "2026-10"))
    chart = next(block for block in perceived.blocks if block.kind == "figure")
    assert len(chart.data["people"]) == 11 and min(chart.data["people"]) > 10


def test_the_guard_would_stop_a_section_that_praises(story):
    praised = report.show_perception(story).blocks[0]
    wrong = replace(praised, data=praised.data | {"sentence": "Service is excellent.", "evidence": []})
    with pytest.raises(ClaimError):
        refuse_unfounded([wrong.as_json()])


def test_scores_are_weighted_by_design_weights_where_every_answer_has_one(tmp_path):
    frame = monthly(months=1, per_month=40).assign(weight=lambda f: np.where(f["nps"] >= 9, 3.0, 1.0))
    story = load_story(surveys_only(tmp_path, frame), "2025-11")
    value = story.over_time(story.scores[0])["value"].iloc[-1]
    w, s = frame["weight"], frame["nps"]
    assert value == pytest.approx(100 * (w[s >= 9].sum() - w[s <= 6].sum()) / w.sum())


def test_settings_of_the_frequency_follow_the_period(settings):
    quarter = load_story(settings, "2026-Q3")
    assert quarter.history[-2:] == ["2026-Q2", "2026-Q3"]
    assert load_config(settings).report.frequency == "month"


def complaints_only(folder, months=10, per_month=80, seed=0):
    rng = np.random.default_rng(seed)
    starts = pd.date_range("2026-01-01", periods=months, freq="MS")
    days = pd.DatetimeIndex([day + pd.Timedelta(hours=8 * i) for day in starts for i in range(per_month)])
    remedy = rng.choice(["none", "full"], len(days))
    frame = pd.DataFrame({"complaint_id": [f"k{i}" for i in range(len(days))], "received_at": days, "remedy": remedy})
    frame["disputed"] = rng.random(len(days)) < np.where(remedy == "none", 0.5, 0.1)
    frame["category"] = np.where(np.arange(len(days)) % 4 == 0, "billing", "repairs")
    frame.to_csv(folder / "complaints.csv", index=False)
    (folder / "perception.toml").write_text(
        '[organisation]\nname = "Acme"\n[sources.complaints]\npath = "complaints.csv"\n', encoding="utf-8"
    )
    return frame, load_story(folder / "perception.toml", "2026-10")


def test_where_no_survey_asks_disputed_answers_are_what_customers_perceive(tmp_path):
    frame, story = complaints_only(tmp_path)
    perceived = report.show_perception(story)
    now = frame[frame["received_at"].dt.month == 10]
    assert perceived.blocks[0].data["evidence"][0]["value"] == pytest.approx(now["disputed"].mean())
    assert perceived.blocks[0].data["better"] == "lower"
    explained = report.show_explanation(story)
    lines = "\n".join(b.data.get("text", b.data.get("sentence", "")) for b in explained.blocks)
    assert "Answers that customers dispute" in lines and "No relief: answers disputed" not in lines
    assert "Full relief: answers disputed" in lines and "points below the others" in lines
    sections = [perceived, report.show_problems(story), explained, report.show_recovery(story)]
    refuse_unfounded([b.as_json() for part in sections for b in part.blocks], story.k, story.period)


def test_answers_that_one_column_calls_without_relief_and_another_by_their_letter_are_one_finding(tmp_path):
    frame, story = complaints_only(tmp_path)
    response = frame["remedy"].map({"none": "Closed with explanation", "full": "Closed with relief"})
    complaints = story.tables.complaints.assign(response=response)
    story = replace(story, tables=replace(story.tables, complaints=complaints))
    parts = [report.show_perception(story), report.show_explanation(story)]
    keys = {stake.finding.data["key"] for part in parts for stake in part.stakes}
    assert {"group:response", "disputes:relief"} <= keys
    stakes = rank_stakes([stake for part in parts for stake in part.stakes], cut=0.01)
    assert len(stakes) == 1


def test_without_texts_complaints_are_shown_by_recorded_category(tmp_path):
    _, story = complaints_only(tmp_path)
    problems = report.show_problems(story)
    assert "80 complaints came in October 2026; 75 %" in problems.answer.data["sentence"]
    assert "recorded under “repairs”" in problems.answer.data["sentence"]
    assert [b.data["level"] for b in problems.unknowns] == ["unknown"]
    assert [row[0] for row in problems.blocks[1].data["rows"]] == ["repairs", "billing"]


def test_recorded_categories_that_moved_stand_on_page_one(tmp_path):
    _, story = complaints_only(tmp_path)
    rows = story.tables.complaints.drop(columns="disputed")
    repairs = np.where(rows["received_at"].dt.month == 10, 1, 3)  # of four complaints
    rows["category"] = np.where(np.arange(len(rows)) % 4 < repairs, "repairs", "bills")
    story = replace(story, tables=replace(story.tables, complaints=rows))
    told = [report.show_perception(story), report.show_problems(story), report.show_leaving(story)]
    page = report.build_page_one(story, *told, report.show_unknowns(story, *told))
    moved = {answer["sentence"]: answer["signal"] for answer in page.data["answers"] if answer["signal"]}
    share = "The share of complaints under “repairs” fell to 25 %"
    assert [signal for text, signal in moved.items() if share in text] == ["fell"]
    assert any("Beside this, nothing stands out" in answer["sentence"] for answer in page.data["answers"])
    refuse_unfounded([b.as_json() for b in [page, *told[1].blocks]], story.k, story.period)


def test_page_one_never_says_its_headline_twice(tmp_path):
    _, story = complaints_only(tmp_path)
    story = replace(story, tables=replace(story.tables, complaints=story.tables.complaints.drop(columns="disputed")))
    told = [report.show_perception(story), report.show_problems(story), report.show_leaving(story)]
    page = report.build_page_one(story, *told, report.show_unknowns(story, *told))
    headline = page.data["headline"]["sentence"]
    assert "recorded under" in headline
    assert headline not in [answer["sentence"] for answer in page.data["answers"]]


def test_a_survey_without_scores_names_the_columns_it_lacks(tmp_path):
    frame = monthly().drop(columns="nps")
    with pytest.raises(DataContractError, match="no score and no comment is found: nps, csat, ces, comment"):
        load_story(surveys_only(tmp_path, frame), "2026-10")


def test_complaints_that_nobody_can_read_are_headed_by_what_is_not_known_and_not_called_none(tmp_path):
    frame, _ = complaints_only(tmp_path)
    unread = frame[["complaint_id", "received_at"]].assign(
        text="Le technicien n'est jamais venu et personne ne rappelle"
    )
    unread.to_csv(tmp_path / "complaints.csv", index=False)
    story = load_story(tmp_path / "perception.toml", "2026-10")
    parts = [report.show_perception(story), report.show_problems(story), report.show_leaving(story)]
    page = report.build_page_one(story, *parts, report.show_unknowns(story, *parts))
    assert page.data["headline"]["sentence"] == (
        "What customers perceive is not known: no score of theirs is recorded, "
        "and none of the 80 texts of October 2026 could be read."
    )
    assert page.data["answers"][0]["sentence"] == "Nothing could be compared."
    assert "none of the 80 texts" in parts[1].answer.data["sentence"]


def test_a_period_that_the_data_cover_in_part_carries_a_caution(tmp_path):
    frame = monthly(months=12, per_month=60)
    cut = frame[frame["invited_at"] < "2026-10-20"]
    story = load_story(surveys_only(tmp_path, cut), "2026-10")
    assert coverage_sentence(story.coverage, story.period.label) == (
        "The data end on 19 October 2026: they cover only a part of October 2026."
    )
    assert load_story(surveys_only(tmp_path, frame), "2026-09").coverage == (None, None)


def test_a_pause_that_the_data_often_take_is_no_end_of_them(tmp_path):
    frame = monthly(months=12, per_month=60)
    days = pd.to_datetime(frame["invited_at"]).dt.day
    story = load_story(surveys_only(tmp_path, frame[days <= 12]), "2026-09")
    assert story.coverage == (None, None)


def test_missing_things_are_named_once_with_all_they_are_needed_for(tmp_path):
    frame = monthly()
    unknowns = report.show_leaving(load_story(surveys_only(tmp_path, frame), "2026-10")).unknowns
    told = [b.data["sentence"] for b in unknowns]
    assert sum("when customers left is not recorded" in sentence for sentence in told) == 1


def test_complaints_about_a_broken_promise_are_told_from_wishes_for_what_was_never_offered(story):
    told = next(b.data for b in report.show_recovery(story).blocks if b.data.get("key") == "complaints:promise")
    complaints = story.tables_now.complaints
    shares = complaints["kind"].value_counts(normalize=True)
    broken, wished = told["evidence"]
    assert broken["low"] <= shares.get("promise_broken", 0.0) <= broken["high"]
    assert wished["low"] <= shares.get("not_offered", 0.0) <= wished["high"]
    assert 0 < wished["value"] < 0.5


def with_few_critical_texts(folder: Path) -> Path:
    """A history too long for the accurate models, of which the period's critical texts are few enough."""
    folder.mkdir()
    told = ["Nobody called me back about it.", "The app crashed again.", "Waited an hour, but kind staff.", "All fine."]
    frame = monthly(months=6, per_month=20)
    path = surveys_only(folder, frame.assign(comment=[f"{told[i % 4]} Visit {i}." for i in range(len(frame))]))
    path.write_text(path.read_text(encoding="utf-8") + "[text]\naccurate_limit = 25\n", encoding="utf-8")
    return path


def test_preparing_a_story_changes_no_figure_and_neither_does_the_order_of_asking(tmp_path):
    prepared = load_story(with_few_critical_texts(tmp_path / "prepared"), "2026-04").prepare()
    asked = load_story(with_few_critical_texts(tmp_path / "asked"), "2026-04")
    backwards = asked.critical, asked.comments  # the last thing first
    assert (prepared.sentiment_model, prepared.theme_model) == ("fast", "accurate")
    pd.testing.assert_frame_equal(prepared.critical, backwards[0])
    pd.testing.assert_frame_equal(prepared.comments, backwards[1])
    again = load_story(tmp_path / "prepared" / "perception.toml", "2026-04").prepare()  # from what was kept
    pd.testing.assert_frame_equal(again.critical, prepared.critical)
    pd.testing.assert_frame_equal(again.comments, prepared.comments)


def test_texts_kept_from_before_are_not_embedded_again(tmp_path, monkeypatch):
    path = with_few_critical_texts(tmp_path / "kept")
    load_story(path, "2026-04").prepare()
    monkeypatch.setattr("analytics.text.encoder.Encoder._embed", lambda *_: pytest.fail("read again"))
    story = load_story(path, "2026-04").prepare()
    assert len(story.critical) and story.theme_model == "accurate"


def test_preparing_a_story_without_texts_is_no_fault(tmp_path):
    story = load_story(surveys_only(tmp_path, monthly(months=2)), "2025-12").prepare()
    assert len(story.answers)
