"""Exports whose score, people, leaving or tables may be taken for others: read rightly, asked about, or refused."""

import pandas as pd
import pytest

from analytics.config import load_config
from analytics.report.story import load_story
from tests.test_start_kinds import CSAT, DAYS, IDS, NPS, WORDS, N, choose, frame, sheets, start


def many(**columns):
    """Four times as many answers, of as many days, in which a business is seen over time."""
    days = pd.date_range("2026-01-01", periods=4 * N, freq="D").strftime("%Y-%m-%d")
    return pd.DataFrame({"id": range(4 * N), "date": days} | columns)


@pytest.mark.parametrize("late", [True, False])
def test_a_scale_that_changes_within_its_column_is_asked_about(tmp_path, late):
    short, long = [1 + i % 5 for i in range(2 * N)], NPS * 2
    asked, _ = start(tmp_path, many(nps=[*long, *short] if late else [*short, *long]))
    day = "from 6 April 2026" if late else "until 7 April 2026"
    assert [q for q in asked if f"no answer above 5 among 97 {day}" in q], asked
    assert start(tmp_path, many(nps=NPS * 4))[0] == []


@pytest.mark.parametrize("left", [[0, 1, 2, 3], [1, 1], [1, 1, 1, 5]])
def test_customers_who_all_turn_away_are_no_other_scale(tmp_path, left):
    assert start(tmp_path, many(nps=[*NPS * 2, *(left * N)[: 2 * N]]))[0] == []


def test_words_in_another_language_alone_leave_the_scores_to_be_told(tmp_path):
    words = [f"Die Lieferung kam {i} Tage zu spät und niemand hat sich gemeldet" for i in range(N)]
    start(tmp_path, frame(csat=CSAT, comment=words))
    assert load_story(tmp_path / "my.toml", "2026-05").mood_trial is None


TICKETS = pd.DataFrame(
    {
        "ticket_id": IDS,
        "customer_id": IDS,
        "created_at": DAYS,
        "resolved_at": DAYS,
        "team": ["North", "South"] * (N // 2),
    }
)
PEOPLE = pd.DataFrame({"customer_id": IDS, "joined": "2024-01-01", "plan": ["Basic", "Plus"] * (N // 2)})


def test_an_answer_on_a_ticket_is_joined_to_it_and_its_words_count_once(tmp_path):
    asked, tables = start(tmp_path, TICKETS.assign(csat=CSAT, comment=WORDS))
    assert asked == []
    assert tables.surveys["contact_id"].tolist() == tables.contacts["contact_id"].tolist()
    assert "text" not in tables.contacts


def test_what_was_said_in_a_contact_is_not_asked_about_as_a_comment_of_its_survey(tmp_path):
    asked, tables = start(tmp_path, TICKETS.assign(csat=CSAT, description=WORDS))
    assert (asked, tables.contacts["text"].tolist()) == ([], WORDS)


@pytest.mark.parametrize("turned", [True, False])
def test_tickets_surveys_and_customers_each_fill_their_table_whatever_scores_they_carry(tmp_path, turned):
    exports = [
        TICKETS.assign(csat=CSAT),
        frame(nps=NPS, customer_id=IDS),
        PEOPLE.assign(health_score=[s * 10 for s in NPS]),
    ]
    asked, tables = start(tmp_path, *exports[:: -1 if turned else 1])
    assert asked == []
    assert (len(tables.contacts), len(tables.customers)) == (N, N)
    assert tables.surveys["nps"].tolist() == NPS
    assert "csat" not in tables.surveys


def test_customers_with_a_score_of_the_company_are_customers_once_it_is_left_out(tmp_path):
    asked, _ = start(tmp_path, PEOPLE.assign(health_score=[s % 6 for s in NPS]), ask=choose("no score"))
    assert asked == []
    assert list(load_config(tmp_path / "my.toml").sources) == ["customers"]


def test_a_contract_that_ends_or_a_forecast_is_no_leaving(tmp_path):
    people = PEOPLE.assign(**{"contract end": DAYS, "predicted churn date": DAYS})
    asked, _ = start(tmp_path, people)
    assert ["contract end" in question for question in asked] == [True]
    start(tmp_path, people, ask=choose("no: leave it out"))
    assert "left_at" not in (tmp_path / "my_map.toml").read_text(encoding="utf-8")


def test_companies_and_their_people_are_told_apart_by_whom_they_name(tmp_path):
    export = frame(
        **{"Account ID": ["A1", "A2", "A3"] * (N // 3), "Contact ID": [f"P{i % 20}" for i in range(N)]}, nps=NPS
    )
    assert any("which of the two is a customer" in question for question in start(tmp_path, export)[0])
    _, tables = start(tmp_path, export, ask=choose("each 'Contact ID'"))
    assert tables.surveys["customer_id"].nunique() == 20


@pytest.mark.parametrize("header", ["customer_id", "GuestID"])
def test_an_id_of_a_customer_is_no_id_of_an_answer(tmp_path, header):
    asked, tables = start(tmp_path, pd.DataFrame({header: IDS, "answered_at": DAYS, "nps": NPS}))
    assert asked == []
    assert tables.surveys["customer_id"].tolist() == IDS


def test_a_respondent_who_answers_in_waves_is_one_customer(tmp_path):
    waves = pd.DataFrame({"Respondent ID": IDS[:24] * 2, "date": DAYS, "CSAT": CSAT})
    asked, tables = start(tmp_path, waves, ask=choose("each row stands for itself"))
    assert (asked, len(tables.surveys), tables.surveys["customer_id"].nunique()) == ([], N, 24)


def test_rows_that_a_join_repeated_are_asked_about(tmp_path):
    words = [f"{text} and I would like somebody to look into it soon" for text in WORDS]
    shops = pd.DataFrame({"shop": [f"shop {i}" for i in range(3)]})
    joined = frame(csat=CSAT, comment=words).drop(columns="id").merge(shops, how="cross")
    asked, _ = start(tmp_path, joined)
    assert any("96 of 144 long texts repeat another one" in question for question in asked), asked


@pytest.mark.parametrize("header", ["What do you think of our service al cliente?", "Email consent", "Tipo de cliente"])
def test_few_answers_to_a_question_are_no_customers(tmp_path, header):
    _, tables = start(tmp_path, frame(nps=NPS, comment=WORDS, **{header: ["Yes", "No"] * (N // 2)}))
    assert "customer_id" not in tables.surveys


@pytest.mark.parametrize("header", ["Kundennummer", "id_cliente", "Klant", "Recipient ID", "Caller ID"])
def test_a_column_of_people_by_any_name_is_the_customer(tmp_path, header):
    _, tables = start(tmp_path, frame(nps=NPS, comment=WORDS, **{header: [f"K{i % 20}" for i in range(N)]}))
    assert tables.surveys["customer_id"].nunique() == 20


@pytest.mark.parametrize("word", ["Anonymous", "n/a", "Unbekannt", "-"])
def test_people_of_whom_nothing_is_known_are_not_one_customer(tmp_path, word):
    ids = [word if i % 3 == 0 else f"K{i}" for i in range(N)]
    _, tables = start(tmp_path, frame(nps=NPS, comment=WORDS, customer_id=ids))
    assert tables.surveys["customer_id"].isna().sum() == N // 3


def test_a_count_of_complaints_is_no_complaint(tmp_path):
    with pytest.raises(ValueError, match="no column looks like"):
        start(tmp_path, frame(complaints=[i % 4 for i in range(N)]).drop(columns="id"))


def test_of_several_net_promoter_scores_the_chosen_one_is_told_by_its_name(tmp_path):
    scores = {"Mobile NPS": NPS, "Broadband NPS": NPS[::-1]}
    _, tables = start(tmp_path, frame(**scores, comment=WORDS), ask=choose("'Mobile NPS'"))
    assert tables.log.about == {"nps": "Mobile"}


@pytest.mark.parametrize("answer", [None, "'Quarter'"])
def test_answers_of_quarters_are_reported_by_the_quarter(tmp_path, answer):
    quarters = [f"2026-Q{1 + i % 4}" for i in range(N)]
    export = frame(nps=NPS, comment=WORDS, Quarter=quarters).drop(columns="date")
    start(tmp_path, export, ask=choose(answer) if answer else None)
    assert 'frequency = "quarter"' in (tmp_path / "my.toml").read_text(encoding="utf-8")


def test_several_scores_of_one_kind_are_one_question(tmp_path):
    parts = {f"{part}_satisfaction": CSAT for part in ("room", "desk", "breakfast")}
    assert [q.count("_satisfaction'") for q in start(tmp_path, frame(**parts))[0]] == [3]
    _, tables = start(tmp_path, frame(**parts | {"desk_satisfaction": CSAT[::-1]}), ask=choose("'desk_satisfaction'"))
    assert tables.surveys["csat"].tolist() == CSAT[::-1]


def test_a_second_header_in_another_language_is_no_answer(tmp_path):
    rows = frame(csat=CSAT, comment=WORDS).to_csv(index=False, header=False)
    text = "id,date,csat,comment\nNo de réponse,Date de la réponse,Satisfaction (1 à 5),Commentaire\n" + rows
    asked, tables = start(tmp_path, text.encode())
    assert (asked, len(tables.surveys)) == ([], N)


@pytest.mark.parametrize("header", ["NPS category", "Sentiment", "Band"])
def test_a_group_that_says_the_score_again_is_none(tmp_path, header):
    values = [["Detractor", "Passive", "Promoter"][(s > 6) + (s > 8)] for s in NPS]
    _, tables = start(tmp_path, frame(nps=NPS, comment=WORDS, **{header: values}), ask=choose("leave it out"))
    assert not {"nps_category", "sentiment", "band"} & {*tables.surveys}


def test_words_under_a_header_that_says_nothing_are_asked_about_where_nothing_else_is_there(tmp_path):
    asked, _ = start(tmp_path, pd.DataFrame({"place": ["Leeds", "York"] * (N // 2), "content": WORDS}))
    assert [q for q in asked if "'content' may hold them" in q]


def test_a_scale_that_an_answer_states_is_doubted_all_the_same_until_it_is_stated_twice(tmp_path):
    export = many(Score=[*[1 + i % 5 for i in range(2 * N)], *NPS * 2])
    asked, _ = start(tmp_path, export, ask=choose("nps (likely to recommend), 0 to 10, 10 is best"))
    assert asked == []
    assert "reverse = false" in (tmp_path / "my_map.toml").read_text(encoding="utf-8")


def test_two_kinds_of_survey_in_one_column_are_told_apart_by_the_column_that_names_them(tmp_path):
    kinds = ["NPS", "CSAT"] * (N // 2)
    export = frame(**{"Survey type": kinds, "Score": [n if k == "NPS" else 5 for n, k in zip(NPS, kinds, strict=True)]})
    answers = choose("this, of the rows whose 'Survey type' is 'NPS'", "0 to 10, 10 is best")
    asked, tables = start(tmp_path, export, ask=answers)
    assert (asked, tables.surveys["nps"].tolist()) == ([], NPS[::2])


@pytest.mark.parametrize("words", [["rated good", "rated bad", "not rated"], ["😍", "🙂", "🙁", "😐", "😡"]])
def test_signs_of_a_mood_are_offered_as_a_scale_and_no_rating_as_none(tmp_path, words):
    values = [words[i % len(words)] for i in range(N)]
    asked, tables = start(tmp_path, frame(rate=values), ask=choose("csat"))
    right = {"rated good": 5, "rated bad": 1, "😍": 5, "🙂": 4, "😐": 3, "🙁": 2, "😡": 1}
    assert asked == []
    assert tables.surveys["csat"].fillna(0).tolist() == [right.get(value, 0) for value in values]


def test_a_sheet_of_sums_gives_way_to_the_answers_and_any_other_sheet_stops_the_start(tmp_path):
    answers = frame(**{"Customer rating": CSAT, "comment": WORDS})
    sums = pd.DataFrame({"Month": ["May", "June"] * 4, "Avg CSAT": [3.2, 3.4, 3.1, 3.3] * 2, "Responses": [20] * 8})
    asked, tables = start(tmp_path, sheets(tmp_path, Sums=sums, Answers=answers), names=["export.xlsx"])
    assert (asked, tables.surveys["csat"].tolist()) == ([], CSAT)
    labels = pd.DataFrame({"What they say in feedback": WORDS[:8], "till": range(30, 38)})
    with pytest.raises(ValueError, match="sheet 'Labels' of export.xlsx: fills surveys as another export does"):
        start(tmp_path, sheets(tmp_path, Labels=labels, Answers=answers), names=["export.xlsx"])


def test_an_answer_on_some_rows_leaves_what_else_is_asked_of_rows_open(tmp_path):
    export = frame(NPS=NPS, status=["Test", *["Live"] * (N - 1)], comment=WORDS).drop(columns="id")
    asked, _ = start(tmp_path, pd.concat([export, export[9:20]]), ask=choose("no: leave them out"))
    assert ["repeat another one cell for cell" in question for question in asked] == [True]
