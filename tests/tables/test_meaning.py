"""What a column is: doubts that must stop a run, and columns that must pass."""

import numpy as np
import pandas as pd
import pytest

from analytics.config import Config
from analytics.tables.asked import part_asked
from analytics.tables.labels import pole
from analytics.tables.meaning import profile_column
from analytics.tables.read import read_tables
from analytics.tables.schema import DataContractError

ID = '[surveys]\nresponse_id = "id"\n'


@pytest.fixture
def read(tmp_path):
    """Read a frame of text as surveys, through a map where one is given."""

    def run(frame, table_map=None, header_rows=None):
        header = [] if header_rows is None else [frame.columns.tolist(), *header_rows]
        text = "\n".join(",".join(map(str, row)) for row in header) + "\n" if header else ""
        text += frame.to_csv(index=False, header=header_rows is None)
        (tmp_path / "e.csv").write_text(text)
        source = {"path": "e.csv"}
        if table_map is not None:
            (tmp_path / "m.toml").write_text(table_map)
            source["map"] = "m.toml"
        return read_tables(Config(organisation={"name": "Acme"}, sources={"surveys": source}, root=tmp_path))

    return run


def answers(column, values, **others):
    ids = [f"r{i}" for i in range(len(values))]
    return pd.DataFrame({"response_id": ids, column: values, **others})


def draw(seed, low, high, n):
    return np.random.default_rng(seed).integers(low, high, n, endpoint=True)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("column", "low", "high", "words"),
    [
        ("nps", 1, 5, r"column nps, scale: no answer above 5 among 80: 6, 7, 8, 9, 10 never occur"),
        ("nps", 0, 9, r"column nps, scale: no answer above 9 among 80: 10 never occur"),
        ("csat", 1, 3, r"column csat, scale: no answer above 3 among 80: 4, 5 never occur"),
        ("csat", 1, 4, r"column csat, scale: no answer above 4 among 80: 5 never occur"),
        ("ces", 1, 5, r"column ces, scale: no answer above 5 among 80: 6, 7 never occur"),
        ("nps", 1, 100, r"column nps, scale: \d+ of 80 values: is not from 0 to 10, such as \d\d"),
        ("csat", 0, 10, r"column csat, scale: \d+ of 80 values: is not from 1 to 5, such as 0, 6"),
        ("csat", 3, 3, r"column csat, scale: all 80 answers are 3: is this a score at all\?"),
        ("nps", 1, 1, r"column nps, scale: all 80 answers are 1"),
    ],
)
def test_values_of_another_scale_stop_the_run(read, column, low, high, words, seed):
    with pytest.raises(DataContractError, match=words):
        read(answers(column, draw(seed, low, high, 80)))


@pytest.mark.parametrize(
    ("column", "scale", "values"),
    [
        ("nps", "[0, 10]", [0, 1, 2, 5] * 60),
        ("csat", "[1, 5]", [1, 2, 3] * 60),
        ("csat", "[1, 5]", [5] * 200),
        ("ces", "[1, 7]", [1, 2] * 60),
    ],
)
def test_a_terrible_or_perfect_service_passes_once_the_scale_is_stated(read, column, scale, values):
    with pytest.raises(DataContractError, match=f"column {column}, scale: .*Say scale = "):
        read(answers(column, values))
    table_map = f'[surveys]\nresponse_id = "response_id"\n{column} = {{ column = "{column}", scale = {scale} }}\n'
    assert read(answers(column, values), table_map).surveys[column].tolist() == values


@pytest.mark.parametrize("column", ["nps", "csat", "ces"])
@pytest.mark.parametrize("n", [1, 3, 8])
def test_a_few_low_answers_are_no_reason_to_doubt_a_scale(read, column, n):
    assert len(read(answers(column, [1, 2] * n)).surveys) == 2 * n


def test_one_slip_in_a_small_file_is_a_bad_value_but_most_of_them_are_another_scale(read):
    assert read(answers("csat", [5, 4, 3, 6])).surveys["csat"].isna().sum() == 1
    with pytest.raises(DataContractError, match=r"column csat, scale: 8 of 10 values"):
        read(answers("csat", [5, 4, 6, 7, 8, 9, 10, 9, 9, 10]))


def test_ease_asked_from_1_to_5_keeps_its_scale_and_says_so(read):
    table_map = '[surveys]\nresponse_id = "response_id"\nces = { column = "ces", scale = [1, 5] }\n'
    tables = read(answers("ces", [1, 5, 4, 6]), table_map)
    assert tables.surveys["ces"].fillna(0).tolist() == [1, 5, 4, 0]
    assert tables.log.scales == {"ces": (1.0, 5.0)}
    with pytest.raises(
        ValueError, match=r"column csat, scale: \[0, 10\] is stated, but csat takes scale \[1, 5\]; trans"
    ):
        read(
            answers("csat", [1]),
            '[surveys]\nresponse_id = "response_id"\ncsat = { column = "csat", scale = [0, 10] }\n',
        )


@pytest.mark.parametrize(
    "cells",
    [
        ["1 - Very good", "2 - Good", "4 - Poor", "5 - Very poor"],
        ["1 (very good)", "2 (good)", "5 (very poor)", "3 (neither good nor poor)"],
        ["1 = sehr gut", "5 = schlecht", "2 = gut", "1 = sehr gut"],
        ["Very satisfied (1)", "Very dissatisfied (5)", "Satisfied (2)", "Dissatisfied (4)"],
    ],
)
def test_labels_that_call_1_the_best_ask_for_reverse(read, cells):
    turned = '[surveys]\nresponse_id = "response_id"\ncsat = { column = "csat", reverse = true, values = {VALUES} }\n'
    with pytest.raises(DataContractError, match=r"column csat, direction: 1 is '.*'.* Say reverse = true"):
        read(answers("csat", cells))
    codes = {cell: next(c for c in cell if c.isdigit()) for cell in cells}
    values = "{ " + ", ".join(f'"{cell}" = {code}' for cell, code in codes.items()) + " }"
    table_map = turned.replace("{VALUES}", values)
    assert read(answers("csat", cells), table_map).surveys["csat"].tolist() == [6 - int(codes[cell]) for cell in cells]


def test_reverse_is_refused_where_the_labels_say_that_5_is_the_best(read):
    table_map = '[surveys]\nresponse_id = "response_id"\ncsat = { column = "csat", reverse = true }\n'
    with pytest.raises(DataContractError, match=r"column csat, direction: 5 is 'very good' .*Say reverse = false"):
        read(answers("csat", ["5 - very good", "1 - very poor"]), table_map)


@pytest.mark.parametrize(
    "question", ["How was it? 1 = very good; 5 = very poor", "Rate us from 1 (excellent) to 5 (terrible)"]
)
def test_labels_in_the_header_ask_for_reverse(read, question):
    frame = answers("csat", ["1", "2", "5"]).rename(columns={"csat": question})
    table_map = f'[surveys]\nresponse_id = "response_id"\ncsat = "{question}"\n'
    with pytest.raises(DataContractError, match=r"column csat, direction: 1 is '(?:very good|excellent)"):
        read(frame, table_map)


def test_effort_asked_as_how_much_leaves_the_direction_open(read):
    frame = answers("x", ["1", "7", "3"]).rename(columns={"x": "How much effort did you have to put in?"})
    table_map = (
        '[surveys]\nresponse_id = "response_id"\nces = { column = "How much effort did you have to put in?"MORE }\n'
    )
    with pytest.raises(DataContractError, match=r"column ces, direction: .*Say reverse = true or false"):
        read(frame, table_map.replace("MORE", ""))
    assert read(frame, table_map.replace("MORE", ", reverse = true")).surveys["ces"].tolist() == [7, 1, 5]
    assert read(frame, table_map.replace("MORE", ", reverse = false")).surveys["ces"].tolist() == [1, 7, 3]


def test_answers_without_an_opinion_are_missing_and_no_fault(read):
    tables = read(answers("csat", ["5 - Very good", "1 - Very poor", "6 - Don't know", "Not applicable"]))
    assert tables.surveys["csat"].isna().tolist() == [False, False, True, True]
    assert tables.log.faults.empty


@pytest.mark.parametrize("mapped", ["nps", "csat"])
def test_a_column_of_groups_shows_which_question_is_the_nps(read, mapped):
    frame = answers("Q1", [1, 2, 3], Q4=[9, 3, 7], Q4_NPS_GROUP=[3, 1, 2])
    wrong = "Q1" if mapped == "nps" else "Q4"
    with pytest.raises(
        DataContractError, match=rf"column {mapped}, meaning: is read from '{wrong}', but 'Q4_NPS_GROUP'"
    ):
        read(frame, f'[surveys]\nresponse_id = "response_id"\n{mapped} = "{wrong}"\n')
    assert read(frame, '[surveys]\nresponse_id = "response_id"\nnps = "Q4"\n').surveys["nps"].tolist() == [9, 3, 7]
    shifted = frame.assign(Q4=[8, 2, 6])
    with pytest.raises(DataContractError, match=r"column nps, scale: 2 of 3 values disagree with 'Q4_NPS_GROUP'"):
        read(shifted, '[surveys]\nresponse_id = "response_id"\nnps = "Q4"\n')


def test_a_question_that_asks_something_else_stops_the_run(read):
    frame = answers("How satisfied are you?", [1, 2, 5])
    with pytest.raises(DataContractError, match=r"column nps, meaning: 'How satisfied are you\?' asks .*which is csat"):
        read(frame, '[surveys]\nresponse_id = "response_id"\nnps = "How satisfied are you?"\n')


def test_a_survey_type_beside_the_score_must_be_that_of_the_map(read):
    frame = answers("Score", [5, 4, 9], **{"Survey type": ["csat", "csat", "nps"]})
    table_map = '[surveys]\nresponse_id = "response_id"\ncsat = "Score"\n'
    with pytest.raises(
        DataContractError, match=r"column csat, scale: the column 'Survey type' .* says csat \(2\), nps \(1\)"
    ):
        read(frame, table_map)
    chosen = read(frame, table_map + '[surveys.where]\n"Survey type" = ["csat"]\n')
    assert chosen.surveys["csat"].tolist() == [5, 4]


def zeros_as_blanks():
    scores = ["10", "9", "7", "3"] * 10 + [""] * 6
    return answers("nps", scores, responded_at="2026-05-01", comment=["fine"] * 40 + ["Nobody rang back"] * 6)


def test_blank_scores_beside_words_are_asked_about_where_0_never_occurs(read):
    frame = zeros_as_blanks()
    with pytest.raises(
        DataContractError, match=r"column nps, scale: 6 wrote and gave no score, and 0 never occurs among 40"
    ):
        read(frame)
    rule = '[surveys]\nresponse_id = "response_id"\nresponded_at = "responded_at"\ncomment = "comment"\nnps = '
    assert read(frame, rule + '{ column = "nps", blank = [""] }\n').surveys["nps"].isna().sum() == 6
    assert read(frame, rule + '{ column = "nps", values = { "" = 0 } }\n').surveys["nps"].eq(0).sum() == 6
    frame.loc[0, "nps"] = "0"
    assert read(frame).surveys["nps"].isna().sum() == 6


def test_a_comment_column_of_numbers_stops_the_run(read):
    with pytest.raises(DataContractError, match=r"column comment, meaning: 6 of 7 texts are numbers, such as '1', '2'"):
        read(answers("nps", ["9"] * 7, comment=["1", "2", "3", "1", "2", "3", "fine"]))
    assert len(read(answers("nps", ["9"] * 3, comment=["1", "fine", "5 stars"])).surveys) == 3


def test_a_file_without_any_score_or_comment_names_the_nearest_headers(read):
    table_map = '[surveys]\nresponse_id = "response_id"\nnps = { column = "NPS score", optional = true }\n'
    with pytest.raises(DataContractError, match=r"no score and no comment is found: nps \(nearest: 'NPS scores'\)"):
        read(answers("NPS scores", [9]), table_map)
    with pytest.raises(DataContractError, match="no score and no comment is found"):
        read(answers("colour", ["red"]))


@pytest.mark.parametrize(
    ("words", "side"),
    [
        ("Extremely likely", 1), ("Not at all likely", -1), ("Not satisfied", -1), ("Very easy", 1),
        ("Strongly disagree", -1), ("Neither satisfied nor dissatisfied", 0), ("Stimme nicht zu", 0),
        ("Muy insatisfecho", -1), ("Blue", 0), ("", 0), ("Least satisfied", -1),
    ],
)  # fmt: skip
def test_the_words_of_a_label_say_which_end_they_are(words, side):
    assert pole(words) == side


@pytest.mark.parametrize(
    ("values", "header", "question", "role"),
    [
        (["0", "10", "7"], "Q4", "How likely are you to recommend us?", "nps"),
        (["1", "5", "3"], "Q2", "How satisfied are you?", "csat"),
        (["1", "7", "3"], "Q2", "It was easy to get help", "ces"),
        (["1", "1", "1"], "Q1", "I agree to take part", "constant"),
        (["2026-05-01", "2026-05-02"], "When", "", "time"),
        (["a1", "b2", "c3"], "Ref", "", "id"),
        (["12", "700", "3.5"], "Minutes", "", "number"),
        (["", None], "Empty", "", "empty"),
        (["North", "South", "North"], "Region", "", "category"),
        ([f"They came late and left again {i}" for i in range(30)], "Why", "", "comment"),
    ],
)
def test_a_profile_says_what_a_column_most_likely_is(values, header, question, role):
    profile = profile_column(pd.Series(values), header, question)
    assert profile.role == role
    assert 0 <= profile.filled <= 1
    assert profile.n == sum(bool(value) for value in values)


def test_the_twin_of_a_score_is_evidence_for_its_role():
    groups = pd.Series(["1", "3"])
    profile = profile_column(pd.Series(["3", "9"]), "Q9", "", {"Q9_NPS_GROUP": groups})
    assert (profile.role, profile.twin) == ("nps", "Q9_NPS_GROUP")


@pytest.mark.parametrize(("name", "low", "high"), [("csat", 1, 5), ("ces", 1, 5), ("nps", 0, 10)])
def test_one_number_beyond_the_scale_again_and_again_is_an_answer_and_no_slip(read, name, low, high):
    values = [low + i % (high - low + 1) for i in range(196)] + [high + 1] * 4
    with pytest.raises(DataContractError, match=f"column {name}, scale: 4 of 200 values: is not .* such as {high + 1}"):
        read(pd.DataFrame({"id": range(200), "Q": values}), f'{ID}{name} = {{ column = "Q", scale = [{low}, {high}] }}')


@pytest.mark.parametrize(
    "header",
    ["rating_value", "Overall rating", "Soddisfazione del cliente", "Satisfaction Rating", "Satisfied with us?"],
)
def test_a_score_of_the_service_as_a_whole_is_not_called_by_a_part(header):
    assert part_asked("csat", header) == ""


@pytest.mark.parametrize("hours", [0, 3])
def test_confirmations_that_bear_the_companys_own_stamp_are_no_customers(tmp_path, hours):
    start = pd.date_range("2026-05-01 09:00", periods=30, freq="h")
    solved = start + pd.Timedelta(hours=5)
    said = solved + pd.Timedelta(hours=hours)
    ids = [f"c{i}" for i in range(30)]
    contacts = pd.DataFrame({"contact_id": ids, "customer_id": ids, "started_at": start, "resolved_at": solved})
    contacts.assign(confirmed_at=said).to_csv(tmp_path / "c.csv", index=False)
    config = Config(organisation={"name": "Acme"}, sources={"contacts": {"path": "c.csv"}}, root=tmp_path)
    if hours:
        assert read_tables(config).contacts["confirmed_at"].notna().all()
        return
    with pytest.raises(DataContractError, match="column confirmed_at, meaning: 29 of 29 confirmations bear the stamp"):
        read_tables(config)
