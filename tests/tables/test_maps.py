"""Column maps: what an analyst may write, what is refused, and what the shipped ones say."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.tables.maps import Rule, apply_map, load_map, parse_map, translate
from analytics.tables.meaning import plain_map
from analytics.tables.sources import Raw
from tests.fuzz import fuzzed

MAPS = sorted((Path(__file__).resolve().parents[2] / "data" / "maps").glob("*.toml"))


def raw(aliases=None, **columns):
    frame = pd.DataFrame({name.replace("_", " "): values for name, values in columns.items()}, dtype="str")
    return Raw("export.csv", frame.set_axis(range(1, len(frame) + 1), axis=0), "0" * 64, aliases or {})


def surveys(section):
    return parse_map({"surveys": {"response_id": "Id", **section}}, "my.toml").tables["surveys"]


def test_a_map_renames_translates_and_adds_columns():
    source = raw(Id=["1", "2"], Happy=["Yes", "no"], Shop=["North", "South"], Q=["11.0", "9.0"])
    table_map = surveys(
        {
            "csat": {"column": "Happy", "values": {"Yes": 5, "No": 1}},
            "nps": {"column": "Q", "blank": [11]},
            "extra": {"shop": "Shop", "wave": {"constant": 3}},
        }
    )
    mapped = apply_map(source, table_map)
    frame = mapped.frame
    assert mapped.left_out.empty
    assert frame.drop(columns="nps").to_dict("list") == {
        "response_id": ["1", "2"],
        "csat": ["5", "1"],
        "shop": ["North", "South"],
        "wave": ["3", "3"],
    }
    assert frame["nps"].isna().tolist() == [True, False]


def test_headers_match_but_for_case_and_spaces_and_by_either_header_row():
    source = raw(Id=["1"], **{"How was it": ["4"]}, aliases={"How was it / Speed": "How was it"})
    frame = apply_map(source, surveys({"csat": "how  was IT", "ces": "How was it / speed"})).frame
    assert frame.loc[1, ["csat", "ces"]].tolist() == ["4", "4"]


def test_ids_can_be_composed_from_row_numbers_and_from_several_columns():
    source = raw(Day=["1/2/2025", "2/2/2025"], Hour=["10:00", "11:00"])
    table_map = parse_map(
        {"surveys": {"response_id": {"row_number": "r-"}, "responded_at": {"columns": ["Day", "Hour"]}}}, "m"
    ).tables["surveys"]
    frame = apply_map(source, table_map).frame
    assert frame["response_id"].tolist() == ["r-1", "r-2"]
    assert frame["responded_at"].tolist() == ["1/2/2025 10:00", "2/2/2025 11:00"]


def test_where_takes_rows_and_counts_those_it_leaves():
    source = raw(Id=["1", "2", "3"], Score=["Good", "not offered", "offered"])
    mapped = apply_map(
        source, surveys({"where": {"Score": ["good", "Offered"]}, "where_not": {"Score": ["Not Offered"]}})
    )
    assert mapped.frame.index.tolist() == [1, 3]
    assert mapped.left_out.index.tolist() == [2]
    mapped = apply_map(source, surveys({"where_not": {"Score": ["Not Offered"]}}))
    assert mapped.frame.index.tolist() == [1, 3]
    assert mapped.left_out.index.tolist() == [2]


def test_a_word_that_a_filter_does_not_know_is_a_fault_with_the_values_found():
    source = raw(Id=["1", "2", "3", "4"], Score=["Good", "Bad", "Meh", ""])
    with pytest.raises(
        ValueError, match=r"column 'Score', filter: holds 'Meh' \(1\), which neither where nor where_not"
    ):
        apply_map(source, surveys({"where": {"Score": ["Good", "Bad"]}}))
    mapped = apply_map(source, surveys({"where": {"Score": ["Good", "Bad"]}, "where_not": {"Score": ["Meh"]}}))
    assert mapped.frame.index.tolist() == [1, 2]  # a blank is no word


def test_a_filter_that_picks_one_value_knows_what_it_leaves_out():
    source = raw(Id=["1", "2", "3"], Firm=["Acme", "Other", "Third"])
    assert apply_map(source, surveys({"where": {"Firm": ["acme"]}})).frame.index.tolist() == [1]


def test_a_near_miss_of_what_a_filter_leaves_out_is_a_fault():
    source = raw(Id=["1", "2"], Status=["Survey Tests", "Real"])
    with pytest.raises(ValueError, match=r"column 'Status', filter: holds 'Survey Tests' \(1\)"):
        apply_map(source, surveys({"where_not": {"Status": ["Survey Test"]}}))
    assert len(apply_map(source, surveys({"where_not": {"Status": ["Spam"]}})).frame) == 2


def test_a_filter_that_lets_no_row_pass_says_what_its_columns_hold():
    source = raw(Id=["1", "2"], Status=["2", "2"])
    filters = surveys({"where_not": {"Status": [2]}})
    with pytest.raises(ValueError, match=r"all 2 rows are left out .* column 'Status' holds '2' \(2\)"):
        apply_map(source, filters)
    assert apply_map(source, filters, partial=True).frame.empty  # another part may hold rows


def test_a_number_that_is_no_score_passes_a_filter_of_scores_to_be_counted_as_bad():
    source = raw(Id=["1", "2", "3"], Score=["4", "383", "Offered"])
    table_map = surveys({"csat": {"column": "Score", "blank": ["Offered"]}, "where": {"Score": [4, 5, "Offered"]}})
    assert apply_map(source, table_map).frame["csat"].fillna("").tolist() == ["4", "383", ""]


def test_a_question_is_found_by_its_words_behind_markup_and_by_its_twin():
    rule = {"question": ["how likely .*recommend"], "optional": True}
    source = raw(Id=["1"], **{"<p>How likely are you to recommend us to a friend?</p>": ["9"]})
    assert apply_map(source, surveys({"nps": rule})).frame["nps"].tolist() == ["9"]
    aliased = Raw("e", pd.DataFrame({"Id": ["1"], "Q4": ["9"]}), "", {"Q4 / How likely are you to recommend us?": "Q4"})
    assert apply_map(aliased, surveys({"nps": rule})).frame["nps"].tolist() == ["9"]
    twins = raw(Id=["1"], Q1=["1"], Q4=["9"])
    twins.frame["Q4_NPS_GROUP"] = ["3"]
    mapped = apply_map(twins, surveys({"nps": {"twin": "_NPS_GROUP", "optional": True}}))
    assert mapped.headers["nps"] == "Q4"


def test_two_questions_that_fit_are_asked_about():
    source = raw(Id=["1"], **{"How likely will you recommend A": ["9"], "How likely will you recommend B": ["2"]})
    with pytest.raises(ValueError, match=r"column nps may be any of 'How likely will you recommend A', 'How .* B'"):
        apply_map(source, surveys({"nps": {"question": ["how likely .*recommend"], "optional": True}}))


def test_a_blank_can_be_translated():
    rule = Rule(column="x", values={"": 0})
    assert translate(pd.Series(["", "5", None, " "]), rule).tolist() == ["0", "5", "0", "0"]


def test_one_of_takes_the_first_header_there_is_and_optional_allows_none():
    source = raw(Id=["1"], Rating=["4"])
    mapped = apply_map(
        source, surveys({"csat": {"one_of": ["CSAT", "Rating"]}, "nps": {"column": "NPS", "optional": True}})
    )
    assert list(mapped.frame) == ["response_id", "csat"]
    assert mapped.headers == {"response_id": "Id", "csat": "Rating"}
    assert [(lack.column, lack.wanted) for lack in mapped.absent] == [("nps", ("NPS",))]


def test_absent_columns_are_all_named_with_the_nearest_there_are():
    source = raw(Id=["1"], Customer_Remarks=["x"], Score=["3"])
    with pytest.raises(ValueError, match="no column") as caught:
        apply_map(source, surveys({"comment": "Customer Remark", "csat": "Zzz", "where": {"Status": ["x"]}}))
    assert str(caught.value).splitlines() == [
        "export.csv: no column 'Customer Remark', which comment is to come from. Nearest: 'Customer Remarks'. "
        "Correct the map, or write one.",
        "export.csv: no column 'Zzz', which csat is to come from. Found: 'Id', 'Customer Remarks', 'Score'. "
        "Correct the map, or write one.",
        "export.csv: no column 'Status', which where is to come from. Found: 'Id', 'Customer Remarks', 'Score'. "
        "Correct the map, or write one.",
    ]


def test_a_header_in_one_piece_asks_about_the_separator():
    source = Raw("e.csv", pd.DataFrame({"Id^Score": ["1^3"]}), "")
    with pytest.raises(ValueError, match=r"The header reads as one column, 'Id\^Score': is the separator right\?"):
        apply_map(source, surveys({}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"surveys": {"respons_id": "Id"}},
            r"\[surveys\] 'respons_id' is not known here\. Did you mean 'response_id'\?",
        ),
        ({"surveys": {}}, r"\[surveys\] lacks response_id, which is required"),
        ({"survey": {"response_id": "Id"}}, r"'survey' is not known here\. Did you mean 'surveys'\?"),
        ({"about": "x"}, r"fills no table\. Add a section"),
        (
            {"surveys": {"response_id": {"colum": "Id"}}},
            "surveys.response_id: 'colum' is not known here. Did you mean 'column'",
        ),
        (
            {"surveys": {"response_id": {"column": "A", "constant": 1}}},
            "give exactly one of column, .* found column, constant",
        ),
        ({"surveys": {"response_id": 3}}, r"surveys\.response_id: .*found '3'"),
        ({"surveys": {"response_id": "A", "extra": {"nps": "B"}}}, r"\[surveys.extra\] 'nps' belongs directly under"),
        (
            {"surveys": {"response_id": "A", "extra": {"x": {"column": "B", "kind": "numbr"}}}},
            "Expected one of: id, time",
        ),
        ({"surveys": {"response_id": "A"}, "zone": "Europe/Lundon"}, "Did you mean 'Europe/London'"),
        ({"surveys": {"response_id": "A"}, "header_rows": 0}, "header_rows: .*greater than or equal to 1"),
        ({"surveys": {"response_id": "A"}, "decimal": ";"}, "decimal"),
        ({"surveys": "x"}, r"surveys must be a section: \[surveys\]"),
    ],
)
def test_a_fault_of_a_map_is_said_with_its_place_and_a_way_out(content, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse_map(content, "my.toml")
    assert all(line.startswith("map my.toml: ") for line in str(caught.value).splitlines())


def test_all_faults_of_a_map_are_listed_at_once():
    with pytest.raises(ValueError, match="map") as caught:
        parse_map({"surveys": {"npss": "A"}, "day_frist": True, "header_rows": "x"}, "my.toml")
    assert len(str(caught.value).splitlines()) == 4


def test_a_missing_map_names_those_there_are(tmp_path):
    (tmp_path / "zendesk.toml").write_text("")
    with pytest.raises(ValueError, match=r"map zendsk\.toml: cannot be read .* That folder holds: zendesk\.toml"):
        load_map(tmp_path / "zendsk.toml", "zendsk.toml")
    (tmp_path / "bad.toml").write_text("[surveys\nx")
    with pytest.raises(ValueError, match="map bad.toml: is not TOML"):
        load_map(tmp_path / "bad.toml", "bad.toml")


def test_translation_does_not_depend_on_how_a_number_was_written():
    rule = Rule(column="x", values={"1": "low"}, blank=["11"])
    assert translate(pd.Series([1.0, 11.0, 5.0]), rule).tolist()[0] == "low"
    assert translate(pd.Series(["1", "11.0", " 1.0 "]), rule).isna().tolist() == [False, True, False]


def test_a_source_with_our_names_needs_no_map_and_keeps_its_further_columns():
    frame = pd.DataFrame({"Response_ID": ["1", "2"], "nps": ["3", ""], "age": ["40", "50"], "zip": ["02139", "94105"]})
    source = Raw("e", frame.astype("str"), "")
    table_map = plain_map("surveys", source)
    assert table_map.columns["response_id"].column == "Response_ID"
    assert {name: rule.kind for name, rule in table_map.extra.items()} == {"age": "number", "zip": "category"}


def test_leading_zeros_that_come_late_in_a_column_are_kept():
    codes = [str(code) for code in range(10_000, 11_500)] + ["02139"]
    source = Raw("e", pd.DataFrame({"response_id": codes, "zip": codes}, dtype="str"), "")
    assert plain_map("surveys", source).extra["zip"].kind == "category"


@pytest.mark.parametrize("path", MAPS, ids=lambda p: p.stem)
def test_every_shipped_map_is_valid_and_says_what_it_reads(path):
    export = load_map(path, path.name)
    assert export.tables
    assert len(export.about) > 20


def test_the_maps_promised_are_shipped():
    assert {
        "cfpb", "zendesk", "zendesk_dlt", "qualtrics", "surveymonkey", "csat_generic", "freshdesk", "intercom",
        "delighted", "typeform", "google_forms", "google_play", "trustpilot", "nhs_fft", "salesforce_cases",
    } <= {path.stem for path in MAPS}  # fmt: skip


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.text(max_size=6)
    | st.sampled_from(["column", "surveys", "nps"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["column", "values", "extra", "where", "one_of", "nps", "response_id", "x"]), inner
        )
    ),
    max_leaves=12,
)


@fuzzed(200)
@given(
    st.dictionaries(st.sampled_from(["surveys", "contacts", "zone", "header_rows", "tables", "x"]), JSON, max_size=3)
)
def test_any_content_is_a_map_or_a_sentence(content):
    try:
        parse_map(content, "fuzz.toml")
    except ValueError as error:
        assert str(error).startswith("map fuzz.toml: ")
