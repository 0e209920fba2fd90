"""What the values of a column do to a run: read and said, set to missing, or refused with what to write in the map."""

import pandas as pd
import pytest

from analytics.config import Config
from analytics.tables.read import read_tables
from analytics.tables.schema import DataContractError


@pytest.fixture
def read(tmp_path):
    """Write a table of surveys and perhaps a map, then read them."""

    def run(content, layout="", name="s.csv"):
        if isinstance(content, pd.DataFrame):
            content.to_excel(tmp_path / name, index=False)
        else:
            (tmp_path / name).write_text(content, encoding="utf-8")
        source = {"path": name}
        if layout:
            (tmp_path / "map.toml").write_text(layout, encoding="utf-8")
            source["map"] = "map.toml"
        organisation = {"name": "Acme", "timezone": "UTC"}
        return read_tables(Config(organisation=organisation, sources={"surveys": source}, root=tmp_path))

    return run


def table(column, values):
    """A column of values beside an id, and beside a comment: a survey needs a score or words."""
    rows = [("response_id", column, "comment"), *((row, value, "Quick answer") for row, value in enumerate(values))]
    return "".join(";".join(map(str, row)) + "\n" for row in rows)


def test_a_fifth_of_bad_values_is_borne_and_more_is_refused_from_five_values_on(read):
    log = read(table("csat", [1, 2, 3, 4, 9])).log
    assert log.faults["n"].tolist() == [1]
    with pytest.raises(DataContractError, match="column csat: 2 of 5 values: is not from 1 to 5, such as '8', '9'"):
        read(table("csat", [1, 2, 3, 8, 9]))
    with pytest.raises(DataContractError, match="column csat: 2 of 5 values"):
        read(table("csat", [1, 2, 3, "80%", 9]))  # for two reasons
    assert read(table("csat", [1, 2, 9])).log.faults["n"].tolist() == [1]


def test_half_a_point_is_no_answer_on_a_scale_of_whole_numbers(read):
    tables = read(table("nps", [9, 10, 8, 9, 7.5]))
    assert tables.surveys["nps"].isna().tolist() == [False] * 4 + [True]
    assert tables.log.faults["reason"].tolist() == ["is not a whole number from 0 to 10"]


def test_what_the_column_settled_is_said_with_the_key_that_states_it(read):
    log = read(table("responded_at", [1777600000 + 86400 * day for day in range(5)])).log
    assert log.warnings == ("s.csv, column responded_at: numbers were read as seconds since 1970 (epoch = 's').",)


MAP = '[surveys]\nresponse_id = "response_id"\ncomment = "comment"\n'


def test_the_map_states_how_stamps_are_counted(read):
    seconds = read(
        table("at", [1777600000, 5]), MAP + 'responded_at = { column = "at", epoch = "s", optional = true }'
    ).surveys
    assert seconds["responded_at"].dt.year.tolist() == [2026, 1970]
    days = read(table("at", ["46143.5"]), MAP + 'responded_at = { column = "at", excel_serial = true }').surveys
    assert str(days["responded_at"][0]) == "2026-05-01 12:00:00+00:00"
    with pytest.raises(DataContractError, match=r"surveys.responded_at.epoch: .*'s' or 'ms'.*found 'days'"):
        read(table("at", [1]), MAP + 'responded_at = { column = "at", epoch = "days" }')


def test_the_map_states_the_decimal_sign_of_a_column_that_does_not_tell(read):
    values = table("weight", ["1,204", "1,310"])
    columns = MAP + 'weight = "weight"'
    with pytest.raises(DataContractError, match="numbers such as 1,204 can be read two ways"):
        read(values, columns)
    assert read(values, 'decimal = ","\n' + columns).surveys["weight"].tolist() == [1.204, 1.310]
    assert read(values, 'decimal = "."\n' + columns).surveys["weight"].tolist() == [1204, 1310]


def test_numbers_of_a_workbook_are_days_where_a_time_is_expected_and_damaged_where_a_long_id_is(read):
    days = pd.DataFrame({"response_id": ["a", "b"], "responded_at": [46143.5, 46144.5], "nps": 9})
    assert read(days, name="s.xlsx").surveys["responded_at"].dt.day.tolist() == [1, 2]
    ids = [float(28_390_897_499_752_848 + 4 * row) for row in range(6)]
    with pytest.raises(DataContractError, match=r"s.xlsx, column response_id: 6 of 6 ids are damaged, such as 2\.?839"):
        read(pd.DataFrame({"response_id": ids, "nps": 9}), name="s.xlsx")
    as_text = pd.DataFrame({"response_id": [str(28_390_897_499_752_841 + 3 * row) for row in range(6)], "nps": 9})
    assert read(as_text, name="s.xlsx").surveys["response_id"].tolist() == as_text["response_id"].tolist()
