"""Groups that a map named, companies, people and whole files: compared, counted and never averaged in silence."""

import json

import numpy as np
import pandas as pd
import pytest

from analytics import report
from analytics.config import load_config
from analytics.measures.suppress import names_people
from analytics.publish.collect import refuse_unfounded
from analytics.publish.run import build_reports, parts_to_report
from analytics.report.groups import compare_groups
from analytics.report.story import load_story
from analytics.tables.parts import group_columns, only_part, parts_of, several_brands
from analytics.tables.schema import Tables
from analytics.unattended.catchup import catch_up


def organise(folder, frame, extra=(), **settings):
    """Settings over surveys whose further columns the map keeps under `extra`."""
    frame.to_csv(folder / "surveys.csv", index=False)
    ours = [c for c in ("response_id", "customer_id", "responded_at", "nps", "comment") if c in frame]
    lines = ["[surveys]", *(f'{c} = "{c}"' for c in ours), "[surveys.extra]", *(f'{c} = "{c}"' for c in extra)]
    (folder / "map.toml").write_text("\n".join(lines), encoding="utf-8")
    lines = ['[organisation]\nname = "Acme"\n[sources.surveys]\npath = "surveys.csv"\nmap = "map.toml"\n[report]']
    lines += [f'{key} = "{value}"' for key, value in settings.items()]
    (folder / "perception.toml").write_text("\n".join(lines), encoding="utf-8")
    return folder / "perception.toml"


def answers(**groups):
    """Forty answers for each group of a column, with the share of promoters that it names; other answers are 3."""
    (column, shares), *_ = groups.items()
    rows = [(name, 10 if i < 40 * share else 3) for name, share in shares.items() for i in range(40)]
    frame = pd.DataFrame(rows, columns=[column, "nps"])
    frame["response_id"] = [f"r{i}" for i in frame.index]
    frame["customer_id"] = [f"c{i}" for i in frame.index]
    return frame.assign(responded_at=[f"2026-05-{i % 28 + 1:02d} 10:00" for i in frame.index])


def sentences(section):
    return [block.data["sentence"] for block in section.blocks if block.kind == "finding"]


def test_the_touchpoint_that_differs_is_told_and_reaches_page_one(tmp_path):
    frame = answers(touchpoint={"Dropped calls": 0.1, "Billing": 0.8, "Visit": 0.8})
    frame["shade"] = np.tile(["red", "blue"], 60)
    section = report.show_perception(load_story(organise(tmp_path, frame, ["touchpoint", "shade"]), "2026-05"))
    told = [sentence for sentence in sentences(section) if sentence.startswith("By touchpoint")]
    assert len(told) == 1
    assert told[0].startswith("By touchpoint: “Dropped calls” −80 (")
    assert section.answer.data["sentence"] == told[0]
    assert section.answer.data["key"] == "group:touchpoint"
    assert any("no difference is shown by shade; a gap of less than " in sentence for sentence in sentences(section))
    refuse_unfounded([block.as_json() for block in section.blocks])


def test_a_score_on_every_row_of_a_person_counts_once(tmp_path):
    frame = answers(touchpoint={"Repair": 0.5, "Billing": 0.5})
    twice = pd.concat([frame, frame.head(30).assign(response_id=[f"s{i}" for i in range(30)], comment="Late")])
    told = load_story(organise(tmp_path, twice.assign(comment="Late")), "2026-05").answers
    assert told["response_id"].tolist() == frame["response_id"].tolist()
    twice.iloc[-1, twice.columns.get_loc("nps")] = 7
    assert len(load_story(organise(tmp_path, twice), "2026-05").answers) == 110, "each row has an answer of its own"


def test_groups_alike_are_not_told_one_by_one(tmp_path):
    frame = answers(touchpoint={"Repair": 0.5, "Billing": 0.5})
    section = report.show_perception(load_story(organise(tmp_path, frame, ["touchpoint"]), "2026-05"))
    assert not [sentence for sentence in sentences(section) if sentence.startswith("By ")]


@pytest.mark.parametrize("seed", range(3))
def test_many_columns_of_chance_are_hardly_ever_told(tmp_path, seed):
    rng = np.random.default_rng(seed)
    frame = answers(touchpoint={"Repair": 0.5, "Billing": 0.5, "Visit": 0.5})
    names = [f"chance_{i}" for i in range(12)]
    for name in names:
        frame[name] = rng.choice(["x", "y", "z"], len(frame))
    story = load_story(organise(tmp_path, frame, names), "2026-05")
    assert sum(g.differs for g in compare_groups(story)) <= 1


def test_two_companies_are_set_side_by_side_and_the_pooled_figure_says_so(tmp_path):
    frame = answers(company={"North": 0.6, "South": 0.6})
    section = report.show_perception(load_story(organise(tmp_path, frame, ["company"]), "2026-05"))
    headline, *others = sentences(section)
    assert headline.endswith("The figure is of 2 companies together.")
    assert any(sentence.startswith("By company: ") for sentence in others), "told even where they are alike"


def test_columns_of_persons_and_of_many_values_are_no_groups():
    frame = pd.DataFrame({"response_id": [*"abcd"], "agent_name": [*"xxyy"], "note": [*"pqrs"], "site": [*"uuvv"]})
    assert group_columns(frame, "surveys") == ["site"]


def test_each_company_gets_a_report_of_its_own(tmp_path):
    frame = answers(company={"Bank North": 0.9, "Bank South": 0.1})
    config = organise(tmp_path, frame, ["company"], by="company")
    with pytest.raises(ValueError, match="Say both or none"):
        load_story(config, "2026-05")
    built = list(build_reports("leadership", "2026-05", config))
    assert [one.folder.parent.name for one in built] == ["leadership-bank-north", "leadership-bank-south"]
    claims = json.loads((built[1].folder / "claims.json").read_text(encoding="utf-8"))["claims"]
    assert claims[0]["evidence"][0] | {"low": 0, "high": 0} == claims[0]["evidence"][0] | {"low": 0, "high": 0, "n": 40}
    assert not any("together" in claim["sentence"] for claim in claims)
    steps = list(catch_up("leadership", config, since="2026-05", now=pd.Timestamp("2026-06-02", tz="UTC")))
    assert [(step.label, step.word) for step in steps] == [
        ("2026-05 Bank North", "finished"), ("2026-05 Bank South", "finished"),
    ]  # fmt: skip


def test_parts_keep_their_rows_and_leave_out_tables_that_name_none():
    surveys = pd.DataFrame({"response_id": [*"ab"], "customer_id": ["k", "l"], "brand": ["X", "Y"]})
    customers = pd.DataFrame({"customer_id": ["k", "l"]})
    tables = Tables(surveys=surveys, contacts=pd.DataFrame({"contact_id": ["1"]}), customers=customers)
    part = only_part(tables, "brand", "Y")
    assert (part.surveys["response_id"].tolist(), part.customers["customer_id"].tolist()) == (["b"], ["l"])
    assert part.contacts is None
    assert "brand holds 2 brands: X, Y" in several_brands(tables, None)[0]
    assert several_brands(tables, "brand") == []
    with pytest.raises(ValueError, match="no survey, complaint or contact has a value"):
        parts_of(tables, "shop")
    with pytest.raises(ValueError, match="has no 'Z'. Found: X, Y"):
        only_part(tables, "brand", "Z")


def test_parts_that_would_share_a_folder_are_refused(tmp_path):
    config = organise(tmp_path, answers(company={"Bank A": 0.5, "bank-a": 0.5}), ["company"], by="company")
    with pytest.raises(ValueError, match="would share a folder"):
        parts_to_report(load_config(config))


def test_undated_answers_are_reported_as_a_whole_file_that_says_so(tmp_path):
    frame = answers(touchpoint={"Repair": 0.1, "Billing": 0.8}).drop(columns=["responded_at", "customer_id"])
    story = load_story(organise(tmp_path, frame, ["touchpoint"]), "all")
    headline = sentences(report.show_perception(story))[0]
    assert "among 80 answers in the whole file. Dates are not known: no change can be told." in headline
    assert not names_people(story.answers)


def test_people_and_their_answers_are_both_counted(tmp_path):
    frame = answers(touchpoint={"Repair": 0.5, "Billing": 0.5})
    frame["customer_id"] = [f"c{i // 2}" for i in frame.index]
    headline = sentences(report.show_perception(load_story(organise(tmp_path, frame), "2026-05")))[0]
    assert "among the 40 customers who gave 80 answers in May 2026" in headline


def test_what_was_not_the_customers_own_stands_in_provenance_and_can_be_seen(tmp_path):
    frame = answers(touchpoint={"Repair": 0.5, "Billing": 0.5})
    quoted = "Still cold, nobody came.\n\nOn Tue, 5 May 2026 at 08:12, Care wrote:\n> So happy to help!"
    frame["comment"] = [quoted if i % 2 else "STOP" for i in frame.index]
    frame.loc[frame.index[:9], "comment"] = "n/a"  # of too few people to be listed
    story = load_story(organise(tmp_path, frame), "2026-05")
    said = [block.data.get("text", "") for block in report.show_provenance(story).blocks]
    assert not [text for text in said if "stretches" in text]
    table = report.show_provenance(story).blocks[1]
    assert [row[:2] for row in table.data["rows"]] == [["quoted mail", 36], ["opt-outs such as STOP: no answer", 35]]
    finding, _ = report.show_own_words(story).blocks
    assert finding.data["sentence"].startswith("36 of 80 texts held words")
    assert story.written["text"].unique().tolist() == ["Still cold, nobody came."]


def test_that_very_long_texts_are_read_in_part_stands_in_provenance(tmp_path):
    frame = answers(touchpoint={"Repair": 0.5, "Billing": 0.5})
    frame["comment"] = ["The engineer never came, and nobody called. " * 300, *["He came."] * (len(frame) - 1)]
    blocks = report.show_provenance(load_story(organise(tmp_path, frame), "2026-05")).blocks
    said = " ".join(block.data.get("text", "") for block in blocks)
    assert "Of texts over 10,000 characters, stretches at even places were read" in said
