"""Real exports, and the layouts of common tools, through the maps that are shipped."""

from pathlib import Path

import pandas as pd
import pytest

from analytics.config import Config
from analytics.tables.read import read_tables

MAPS = Path(__file__).resolve().parents[2] / "data" / "maps"


def read(root, table, path, name, zone="UTC"):
    source = {table: {"path": str(path), "map": str(MAPS / f"{name}.toml")}}
    return read_tables(Config(organisation={"name": "Acme", "timezone": zone}, sources=source, root=root))


def kept(tables):
    assert (tables.log.rows["read"] == tables.log.rows["kept"] + tables.log.rows["left_out"]).all()
    return tables.log.rows.set_index("table")["kept"].to_dict()


def test_the_contact_centre_export_fills_contacts_and_surveys(datasets, tmp_path):
    path = datasets / "csat-ecommerce" / "csat_2023-08-01_to_23.csv"
    tables = read(tmp_path, "surveys", path, "csat_ecommerce", "Asia/Kolkata")
    assert kept(tables) == {"contacts": 12_413, "surveys": 12_413}
    assert tables.surveys["csat"].value_counts().sort_index().tolist() == [1730, 177, 382, 1601, 8523]
    assert tables.surveys["comment"].notna().sum() == 4_208 - (tables.surveys["comment"].str.strip() == "").sum()
    assert tables.contacts["handle_time_s"].notna().sum() == 42
    assert tables.contacts["started_at"].max() < pd.Timestamp("2023-08-24", tz="Asia/Kolkata")
    assert tables.contacts["shift"].nunique() == tables.contacts["tenure_band"].nunique() == 5


def test_the_complaint_export_with_narratives_reads(datasets, tmp_path):
    tables = read(tmp_path, "complaints", datasets / "cfpb" / "complaints_2019_2020.csv", "cfpb")
    assert kept(tables) == {"complaints": 6_623}
    complaints = tables.complaints
    assert complaints["text"].notna().sum() == 1_532
    assert complaints["remedy"].value_counts().to_dict() == {"none": 5_561, "partial": 990}
    assert (~complaints["timely"]).sum() == 94
    assert complaints["disputed"].notna().sum() == 32


def test_the_older_complaint_export_reads_with_numbered_rows(datasets, tmp_path):
    tables = read(tmp_path, "complaints", datasets / "cfpb" / "complaints_2013_2017_no_narrative.csv", "cfpb_2013")
    assert kept(tables) == {"complaints": 3_186}
    assert tables.complaints["disputed"].sum() == 595
    assert tables.complaints["complaint_id"].iloc[0] == "row-1"
    assert tables.complaints["received_at"].dt.year.between(2012, 2017).all()


def test_the_passenger_survey_reads_with_weights_and_11_as_blank(datasets, tmp_path):
    tables = read(tmp_path, "surveys", datasets / "sfo-survey" / "fact_survey.csv", "sfo_survey")
    assert kept(tables) == {"surveys": 2_831}
    surveys = tables.surveys
    assert surveys["nps"].max() == 10
    assert surveys["nps"].isna().sum() == 85
    assert surveys["weight"].notna().all()
    assert surveys["minutes_at_airport"].notna().sum() == 2_730
    assert tables.log.faults.empty


def test_the_store_reviews_read_with_numbered_rows(datasets, tmp_path):
    tables = read(tmp_path, "surveys", datasets / "bank-app-reviews" / "reviews.csv", "bank_app_reviews")
    assert kept(tables) == {"surveys": 1_997}
    assert tables.surveys["csat"].value_counts()[5.0] == 1_194
    assert tables.surveys["bank"].nunique() == 3


def test_a_satisfaction_export_without_a_map_of_its_own_reads_through_the_generic_one(datasets, tmp_path):
    tables = read(tmp_path, "surveys", datasets / "controls" / "support_tickets.csv", "csat_generic")
    assert kept(tables) == {"surveys": 8_469}
    assert tables.surveys["csat"].notna().sum() == 2_769


def test_the_generic_map_turns_words_into_scores(tmp_path):
    (tmp_path / "e.csv").write_text(
        "Survey ID;Rating;Feedback;Date\n1;Very Satisfied;ok;2025-03-01\n2;neutral;;2025-03-02\n"
    )
    tables = read(tmp_path, "surveys", "e.csv", "csat_generic")
    assert tables.surveys["csat"].tolist() == [5, 3]
    assert tables.surveys["comment"].isna().tolist() == [False, True]


def test_zendesk_tickets_fill_contacts_and_only_offered_surveys(tmp_path):
    (tmp_path / "z.csv").write_text(
        '"Id","Requester id","Group","Via","Created at","Solved at","Satisfaction Score","Reopens",'
        '"First reply time in minutes"\n'
        "1,70,Billing,Mail,2025-03-03 09:12,2025-03-04 10:00,Good,0,12\n"
        "2,71,Billing,Web form,2025-03-03 10:12,,Not Offered,1,\n"
        "3,70,Returns,Mail,2025-03-05 09:12,2025-03-06 10:00,Bad,2,90\n"
        "4,72,Returns,Chat,2025-03-05 11:12,2025-03-06 10:00,Offered,0,1\n"
    )
    tables = read(tmp_path, "surveys", "z.csv", "zendesk", "Europe/Berlin")
    assert tables.surveys[["response_id", "csat"]].fillna(0).to_numpy().tolist() == [["1", 5], ["3", 1], ["4", 0]]
    assert tables.contacts["wait_time_s"].fillna(-1).tolist() == [720, -1, 5400, 60]
    assert tables.log.rows.set_index("table").loc["surveys", "left_out"] == 1


def test_qualtrics_with_three_header_rows_reads_without_previews(tmp_path):
    (tmp_path / "q.csv").write_text(
        "StartDate,EndDate,Status,Finished,RecordedDate,ResponseId,ExternalReference,Q1,Q3\n"
        '"Start\nDate",End Date,Response Type,Finished,Recorded Date,Response ID,External Data Reference,'
        '"How likely are you to recommend us, really?","Why, in your words?"\n'
        + ",".join('"{""ImportId"":""x' + str(i) + '""}"' for i in range(9))
        + "\n2025-03-01 10:00:00,2025-03-01 10:05:00,IP Address,True,2025-03-01 10:05:01,R_1,c7,10,"
        '"Fast,\nfriendly"\n'
        "2025-03-01 11:00:00,2025-03-01 11:05:00,Survey Preview,True,2025-03-01 11:05:01,R_2,,0,test\n"
        "2025-03-02 10:00:00,2025-03-02 10:05:00,IP Address,False,2025-03-09 10:05:01,R_3,c8,,\n"
    )
    tables = read(tmp_path, "surveys", "q.csv", "qualtrics")
    assert tables.surveys["response_id"].tolist() == ["R_1", "R_3"]
    assert tables.surveys["nps"].fillna(-1).tolist() == [10, -1]
    assert tables.surveys["comment"][0] == "Fast,\nfriendly"
    assert tables.log.rows["left_out"].tolist() == [1]


def test_surveymonkey_with_two_header_rows_reads(tmp_path):
    nps = "How likely is it that you would recommend this company to a friend or colleague?"
    csat = "Overall, how satisfied or dissatisfied are you with our company?"
    (tmp_path / "m.csv").write_text(
        f'Respondent ID,Collector ID,Start Date,End Date,Custom Data 1,{nps},"{csat}",'
        '"Do you have any other comments, questions, or concerns?"\n'
        ",,,,,,Response,Open-Ended Response\n"
        "114,9,03/13/2025 04:00:10 PM,03/13/2025 04:05:10 PM,c1,Extremely likely - 10,Very satisfied,Thanks\n"
        "115,9,03/14/2025 04:00:10 PM,03/14/2025 04:05:10 PM,c2,6,Somewhat dissatisfied,\n"
    )
    tables = read(tmp_path, "surveys", "m.csv", "surveymonkey")
    assert tables.surveys["nps"].tolist() == [10, 6]
    assert tables.surveys["csat"].tolist() == [5, 2]
    assert str(tables.surveys["responded_at"][0]) == "2025-03-13 16:05:10+00:00"


@pytest.mark.parametrize("name", ["zendesk", "qualtrics", "surveymonkey", "cfpb"])
def test_a_map_on_the_wrong_export_names_what_is_missing(tmp_path, name):
    (tmp_path / "e.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    table = "complaints" if name == "cfpb" else "surveys"
    with pytest.raises(ValueError, match=r"e\.csv: no column .* Found: 'a', 'b'"):
        read(tmp_path, table, "e.csv", name)
