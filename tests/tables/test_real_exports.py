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


@pytest.fixture(scope="session")
def exports():
    """Folder of real and rebuilt exports of tools; tests that need it skip where it is absent."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "exports"
    if not folder.is_dir():
        pytest.skip("real exports are not at hand: no folder ../shared/exports beside the repository")
    return folder


def net_promoters(surveys):
    nps = surveys["nps"].dropna()
    return round(100 * float((nps >= 9).mean() - (nps <= 6).mean()), 1)


def test_a_qualtrics_export_with_a_group_column_finds_its_own_score_and_comment(exports, tmp_path):
    surveys = read(tmp_path, "surveys", exports / "qualtrics_nps_group.csv", "qualtrics", "America/Denver").surveys
    assert net_promoters(surveys) == 27.8
    assert (surveys["nps"].notna().sum(), surveys["comment"].notna().sum()) == (54, 50)


def test_zendesk_ratings_of_one_to_five_are_kept_and_a_shifted_row_is_not_one(exports, tmp_path):
    shipped = (MAPS / "zendesk.toml").read_text().replace('"Requester id"', '"Id"')  # these were rounded: 1.15E+13
    (tmp_path / "z.toml").write_text("day_first = true\n" + shipped)
    source = {"surveys": {"path": str(exports / "zendesk_tickets_one_to_five.csv"), "map": "z.toml"}}
    tables = read_tables(Config(organisation={"name": "Acme"}, sources=source, root=tmp_path))
    assert tables.surveys["csat"].dropna().tolist() == [4, 4, 1, 4]
    assert tables.surveys["responded_at"].notna().sum() == 4


def test_stars_of_the_play_console_read_from_utf_16(exports, tmp_path):
    surveys = read(tmp_path, "surveys", exports / "google_play_utf16.csv", "google_play").surveys
    assert (surveys["csat"].ge(4).sum(), len(surveys), surveys["comment"].notna().sum()) == (22, 40, 26)


def test_the_health_service_scores_are_turned_round(exports, tmp_path):
    surveys = read(tmp_path, "surveys", exports / "nhs_fft_two_comments_each.csv", "nhs_fft").surveys
    people = surveys.drop_duplicates("customer_id")
    assert (people["csat"].ge(4).sum(), len(people), len(surveys)) == (30, 39, 67)


@pytest.mark.parametrize(
    ("file", "name", "sentence"),
    [
        ("qualtrics_three_rows.csv", "qualtrics", "all 15 rows are left out .* column 'Status' holds '2'"),
        ("qualtrics_other_please_specify.csv", "qualtrics", "all 10 rows are left out"),
        ("qualtrics_german_one_answer.csv", "qualtrics", "no score and no comment is found"),
        ("qualtrics_legacy_two_rows.csv", "qualtrics", "all 15 rows are left out"),
        ("qualtrics_choice_text_one_row.csv", "qualtrics", "no score and no comment is found|header"),
        ("surveymonkey_two_rows.xlsx", "surveymonkey", "no score and no comment is found"),
        ("surveymonkey_starwars_cr.csv", "surveymonkey", "no column 'End Date'"),
        ("google_forms.csv", "google_forms", "column nps: 137 of 137 values: is not a number"),
        ("typeform_two_rows.csv", "typeform", "no score and no comment is found"),
        ("nhs_fft_two_comments_each.csv", "csat_generic", "no score and no comment is found"),
    ],
)
def test_an_export_that_cannot_be_read_rightly_stops_with_the_sentence(exports, tmp_path, file, name, sentence):
    with pytest.raises(ValueError, match=sentence):
        read(tmp_path, "surveys", exports / file, name)


# Inputs of our own, in the layout of each tool.
FRESHDESK = """Ticket ID,Subject,Status,Priority,Source,Type,Agent,Group,Created time,Resolved time,Closed time,\
Survey results,Contact ID
1,Parcel,Closed,Low,Email,Order,Ann,Ops,2026-05-01 10:00,2026-05-02 10:00,2026-05-02 11:00,Extremely Happy,k1
2,Parcel,Closed,Low,Email,Order,Ann,Ops,2026-05-01 10:00,2026-05-02 10:00,2026-05-02 11:00,Extremely Unhappy,k2
3,Parcel,Closed,Low,Email,Order,Ann,Ops,2026-05-01 10:00,2026-05-02 10:00,2026-05-02 11:00,,k3
"""
INTERCOM = """Conversation ID,Updated at (UTC),Conversation rating remark,Conversation rating,User name,Company name
1,2026-05-01 10:00,So quick,5,Ann,Firm
2,2026-05-02 10:00,Never answered,1,Bob,Firm
3,2026-05-03 10:00,,,Cid,Firm
"""
DELIGHTED = """ID,Name,Email,Score,Comment,Survey type,Created at,Updated at
1,,a@x.org,10,So quick,nps,2026-05-01 10:00:00 -0700,2026-05-01 10:00:00 -0700
1,,a@x.org,3,Now it broke,nps,2026-05-01 10:00:00 -0700,2026-05-04 10:00:00 -0700
2,,b@x.org,4,Fine,csat,2026-05-02 10:00:00 -0700,2026-05-02 10:00:00 -0700
"""
TYPEFORM = """#,How likely are you to recommend us to a friend?,What is the reason for your score?,Submit Date (UTC)
a,9,So quick,2026-05-01 10:00:00
b,2,Never answered,2026-05-02 10:00:00
"""
FORMS = """Timestamp,How likely are you to recommend us?,Any other comments
2026-05-01 10:00:00,9,So quick
2026-05-02 10:00:00,2,
"""
TRUSTPILOT = """Review Id,Review Created (UTC),Review Stars,Review Title,Review Content,Reference Id
a,2026-05-01 10:00:00,5,Good,So quick,k1
b,2026-05-02 10:00:00,1,Bad,Never answered,k2
"""
NHS = """Comment ID,Respondent ID,Date,FFT categorical answer,FFT question,FFT answer
1,7,13/05/2026,1,Why?,So kind
2,7,13/05/2026,1,What else?,Did not answer
3,8,14/05/2026,6,Why?,Who knows
4,9,14/05/2026,5,Why?,Nine hours of waiting
"""
PLAY = """Package Name,Reviewer Language,Device,Review Submit Date and Time,Star Rating,Review Text,Developer Reply Text
app,en,x,2026-05-01T10:00:00Z,5,So quick,Thank you
app,en,x,2026-05-02T10:00:00Z,1,,Sorry
"""
DLT = """id,requester_id,created_at,updated_at,satisfaction_rating__score,satisfaction_rating__comment,solved_at,reopens
1,k1,2026-05-01T10:00:00Z,2026-05-03T10:00:00Z,good,So quick,2026-05-02T10:00:00Z,0
2,k2,2026-05-01T10:00:00Z,2026-05-03T10:00:00Z,offered,,2026-05-02T10:00:00Z,1
3,k3,2026-05-01T10:00:00Z,2026-05-03T10:00:00Z,unoffered,,2026-05-02T10:00:00Z,0
2,k2,2026-05-01T10:00:00Z,2026-05-04T10:00:00Z,bad,Never answered,2026-05-02T10:00:00Z,1
"""


@pytest.mark.parametrize(
    ("name", "text", "column", "scores", "comments"),
    [
        ("freshdesk", FRESHDESK, "csat", [5, 1], None),
        ("intercom", INTERCOM, "csat", [5, 1], 2),
        ("delighted", DELIGHTED, "nps", [3], 1),
        ("typeform", TYPEFORM, "nps", [9, 2], 2),
        ("google_forms", FORMS, "nps", [9, 2], 1),
        ("trustpilot", TRUSTPILOT, "csat", [5, 1], 2),
        ("nhs_fft", NHS, "csat", [5, 5, -1, 1], 3),
        ("google_play", PLAY, "csat", [5, 1], 1),
        ("zendesk_dlt", DLT, "csat", [5, 1], 2),
    ],
)
def test_the_layout_of_each_tool_reads_through_its_map(tmp_path, name, text, column, scores, comments):
    (tmp_path / "e.csv").write_text(text)
    surveys = read(tmp_path, "surveys", "e.csv", name).surveys
    assert surveys[column].fillna(-1).tolist() == scores
    assert surveys["responded_at"].notna().all()
    assert comments is None or surveys["comment"].notna().sum() == comments


def test_cases_of_salesforce_fill_contacts(tmp_path):
    (tmp_path / "e.csv").write_text(
        "Case Number,Contact ID,Date/Time Opened,Date/Time Closed,Case Origin,Subject,Priority\n"
        "1,k1,2026-05-01 10:00,2026-05-02 10:00,Web,Parcel,Low\n"
    )
    contacts = read(tmp_path, "contacts", "e.csv", "salesforce_cases").contacts
    assert contacts[["contact_id", "channel", "text", "priority"]].to_numpy().tolist() == [
        ["1", "Web", "Parcel", "Low"]
    ]


ZENDESK = "Id,Requester id,Created at,Solved at,Satisfaction Score\n"


def zendesk(tmp_path, *ratings):
    rows = [f"{i},k{i},2026-05-01 09:00,2026-05-02 09:00,{rating}\n" for i, rating in enumerate(ratings)]
    (tmp_path / "z.csv").write_text(ZENDESK + "".join(rows))
    return read(tmp_path, "surveys", "z.csv", "zendesk")


@pytest.mark.parametrize(
    ("ratings", "scores"),
    [
        (["Good", "Good with comment", "Bad with comment", "Neutral"], [5, 5, 1, 3]),
        (["5", "3", "1", "4"], [5, 3, 1, 4]),
        (["Buena", "Mala"], [5, 1]),
        (["Gut", "Schlecht"], [5, 1]),
    ],
)
def test_zendesk_ratings_in_words_and_numbers(tmp_path, ratings, scores):
    tables = zendesk(tmp_path, *ratings, "Offered", "Not Offered", "")
    assert tables.surveys["csat"].fillna(-1).tolist() == [*scores, -1]
    assert tables.surveys["responded_at"].isna().tolist() == [*([False] * len(scores)), True]
    assert tables.surveys["invited_at"].notna().all()
    assert any("the export has no date of the rating" in warning for warning in tables.log.warnings)


def test_a_rating_in_a_word_that_the_map_does_not_know_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"column csat: 3 of 33 values: .*such as 'Dobrze'"):
        zendesk(tmp_path, *["Good"] * 30, *["Dobrze"] * 3)
    assert zendesk(tmp_path, *["Good"] * 30, "Goood").surveys["csat"].notna().sum() == 30


def test_a_consent_question_is_never_taken_for_the_score(tmp_path):
    header = "Status,RecordedDate,ResponseId,Q1,Q2,Q3_NPS_GROUP,Q3\n"
    texts = (
        'Response Type,Recorded Date,Response ID,I agree to take part,People at home,Recommend? - Group,"Recommend?"\n'
    )
    marks = ",".join('"{""ImportId"":""x' + str(i) + '""}"' for i in range(7)) + "\n"
    rows = "".join(
        f"0,2026-05-{i + 1:02d} 10:00:00,R{i},1,{i % 4 + 1},{1 + i % 3},{(3, 8, 10)[i % 3]}\n" for i in range(24)
    )
    (tmp_path / "q.csv").write_text(header + texts + marks + rows)
    surveys = read(tmp_path, "surveys", "q.csv", "qualtrics").surveys
    assert surveys["nps"].tolist() == [3, 8, 10] * 8
    assert "csat" not in surveys
