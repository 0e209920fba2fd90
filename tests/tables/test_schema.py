"""The contract of the four tables and its errors."""

import pickle
from typing import get_args

import pandas as pd
import pytest
from pandera.errors import SchemaErrors

from analytics.config import TABLES
from analytics.tables import schema
from analytics.tables.schema import FIELDS, DataContractError, NotMeasured, Tables, contract, plain, require


def test_tables_are_those_of_the_configuration():
    assert tuple(FIELDS) == schema.TABLE_NAMES == TABLES


def test_every_field_has_a_kind_a_meaning_and_possible_values():
    for spec in (spec for fields in FIELDS.values() for spec in fields):
        assert spec.kind in get_args(schema.Kind) and spec.meaning, spec.name
        assert spec.low is None or spec.high is None or spec.low < spec.high, spec.name


def test_required_columns_are_those_of_the_design():
    required = {table: [spec.name for spec in fields if spec.required] for table, fields in FIELDS.items()}
    assert required == {
        "contacts": ["contact_id", "customer_id", "started_at"],
        "surveys": ["response_id"],
        "complaints": ["complaint_id", "received_at"],
        "customers": ["customer_id"],
    }


def test_require_names_column_table_and_analysis():
    frame = pd.DataFrame({"response_id": ["a"], "contact_id": ["c"], "nps": [9.0]})
    with pytest.raises(NotMeasured, match=r"^not measured: no column csat \(table surveys\), needed for satisfaction$"):
        require(frame, ["nps", "csat"], "satisfaction")
    assert require(frame, ["nps"], "recommendation") is frame


@pytest.mark.parametrize(
    ("columns", "table"),
    [
        (["contact_id", "customer_id", "started_at"], "contacts"),
        (["response_id", "contact_id", "customer_id"], "surveys"),
        (["complaint_id", "customer_id", "case_id"], "complaints"),
        (["customer_id", "segment"], "customers"),
        (["case_id", "customer_clock_h"], "cases"),
    ],
)
def test_require_knows_the_table_by_its_columns(columns, table):
    with pytest.raises(NotMeasured, match=rf"no column absent \(table {table}\)"):
        require(pd.DataFrame(columns=columns), ["absent"], "anything")


def test_a_column_without_any_value_is_not_measured_but_a_frame_without_rows_is():
    frame = pd.DataFrame({"response_id": ["a", "b"], "nps": [None, None]})
    with pytest.raises(NotMeasured, match=r"no value in column nps \(table surveys\)"):
        require(frame, ["nps"], "recommendation")
    assert len(require(frame.iloc[:0], ["nps"], "recommendation")) == 0


def test_an_absent_table_is_not_measured():
    with pytest.raises(NotMeasured, match="not measured: no table complaints, needed for remedy"):
        require(Tables().complaints, ["remedy", "goodwill_value"], "remedy and goodwill")


def test_a_contract_error_carries_all_faults_and_survives_pickling():
    error = DataContractError([("contacts", "x", "is wrong")] * 30)
    assert str(error).startswith("The data cannot be used as they are (30 faults):\n- contacts: is wrong")
    assert "… and 10 more, all in .failures" in str(error)
    assert list(error.failures.columns) == ["table", "column", "reason"]
    assert len(pickle.loads(pickle.dumps(error)).failures) == 30


def test_the_contract_finds_every_value_out_of_range():
    frame = pd.DataFrame(
        {"response_id": ["a", "b", "c"], "nps": [11.0, -1.0, 10.0], "csat": [0.0, 5.0, 6.0], "weight": [-1.0, 1.0, 0.0]}
    ).astype({"response_id": "str"})
    with pytest.raises(SchemaErrors) as caught:
        contract("surveys", "UTC").validate(frame, lazy=True)
    cases = caught.value.failure_cases
    assert sorted(zip(cases["column"], cases["index"], strict=True)) == [
        ("csat", 0),
        ("csat", 2),
        ("nps", 0),
        ("nps", 1),
        ("weight", 0),
    ]


def test_the_contract_lets_further_columns_pass_and_asks_for_required_ones():
    good = pd.DataFrame({"customer_id": ["a"], "shoe_size": [43]}).astype({"customer_id": "str"})
    assert list(contract("customers", "UTC").validate(good)) == ["customer_id", "shoe_size"]
    with pytest.raises(SchemaErrors, match="customer_id"):
        contract("customers", "UTC").validate(good.drop(columns="customer_id"), lazy=True)


def test_a_table_is_a_frame():
    with pytest.raises(TypeError, match="a table is a pandas DataFrame; found dict"):
        Tables(contacts={"contact_id": ["a"]})


def test_plain_columns_keep_their_values_and_plain_frames_are_left_alone():
    stamps = pd.to_datetime(["2026-03-29 00:30", None]).tz_localize("Europe/London")
    frame = pd.DataFrame({"id": [1, 2], "at": stamps, "flag": pd.array([True, None], dtype="boolean")})
    assert plain(frame) is frame
    odd = frame.convert_dtypes(dtype_backend="pyarrow").assign(word=pd.Categorical(["a", None]), mixed=["a", 1])
    wanted = frame.assign(word=pd.Series(["a", None], dtype="str"), mixed=pd.Series(["a", 1], dtype=object))
    pd.testing.assert_frame_equal(plain(odd), wanted)
