"""Exports as people have them, from the door to a table: read rightly, asked about, or refused with the reason."""

import pandas as pd
import pytest
import xlsxwriter

from analytics import report
from analytics.config import load_config
from analytics.report.starting import find_origins, start_report
from analytics.report.story import load_story
from analytics.tables.read import read_tables
from analytics.text.mood import heed_mood

N = 48
NPS = [(7 * i + i // 11) % 11 for i in range(N)]
CSAT = [1 + (3 * i + i // 5) % 5 for i in range(N)]
GOOD, BAD = "Quick and friendly help with order {}", "Nobody rang me back about bill {}, terrible"
WORDS = [(GOOD if score > 6 else BAD).format(i) for i, score in enumerate(NPS)]
KNOWN = [None if v == 3 else v for v in CSAT]
DAYS = [f"2026-05-{1 + i % 28:02d}" for i in range(N)]
LABELS = ["Very good", "Good", "Fair", "Poor", "Very poor", "Cannot say"]
IDS = [f"R{i}" for i in range(N)]
OPTIONS = [
    "Good value for money",
    "Close to my home",
    "Somebody told me",
    "The choice of food",
    "Opening hours",
    "Staff",
]
CHOSEN = [", ".join(option for k, option in enumerate(OPTIONS) if (i + 1) >> k & 1) for i in range(N)]


def start(folder, *exports, names=None, ask=None):
    """Start with some exports, frames or bytes; what is asked, and the tables where nothing is."""
    files = []
    for number, export in enumerate(exports, 1):
        file = folder / (names[number - 1] if names else f"export_{number}.csv")
        file.write_bytes(export if isinstance(export, bytes) else export.to_csv(index=False).encode())
        files.append(file)
    origins, _ = find_origins(files, folder)
    begun = start_report(origins, folder, "Acme", ask=ask)
    questions = [question for _, question in begun.questions]
    return questions, None if questions else heed_mood(read_tables(load_config(begun.files[0])))


def frame(**columns):
    return pd.DataFrame({"id": IDS, "date": DAYS} | columns)


@pytest.mark.parametrize(
    ("header", "values", "kind"),
    [
        ("Weiterempfehlung (0-10)", NPS, "nps"),
        ("Recommanderiez-vous notre société (0 à 10) ?", NPS, "nps"),
        ("¿Qué tan probable es que nos recomiende?", NPS, "nps"),
        ("Hoe waarschijnlijk is het dat u ons aanbeveelt?", NPS, "nps"),
        ("Soddisfazione (1-5)", CSAT, "csat"),
        ("Zufriedenheit", CSAT, "csat"),
        ("rating", [f"{score}.0 out of 5 stars" for score in CSAT], "csat"),
    ],
)
def test_a_score_asked_in_another_language_or_spelling_is_that_score(tmp_path, header, values, kind):
    asked, tables = start(tmp_path, frame(**{header: values, "comment": WORDS if kind == "nps" else ""}))
    assert asked == []
    assert tables.surveys[kind].tolist() == (NPS if kind == "nps" else CSAT)


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("Note (1 = sehr gut, 6 = ungenügend)", [1 + score % 6 for score in NPS]),
        ("Satisfaction %", [10 * score for score in NPS]),
        ("Average rating", [round(3 + score / 7, 2) for score in NPS]),
        ("How would you rate our service?", [["Poor", "Fair", "Good", "Excellent"][score % 4] for score in NPS]),
        ("Were you satisfied?", [["Yes", "No"][score % 2] for score in NPS]),
        ("Rating", [["👍", "👎"][score % 2] for score in NPS]),
        ("How was it?", ["😡😐😊"[score % 3] for score in NPS]),
        ("csat_score", [6, 6, *CSAT[2:]]),
        ("Feeling", [["sad", "neutral", "happy"][score % 3] for score in NPS]),
        ("NPS", [["Promoter", "Passive", "Detractor"][score % 3] for score in NPS]),
        ("NPS", [[100, 0, -100][score % 3] for score in NPS]),
        ("NPS", [99 if score == 4 else score for score in NPS]),
        ("CSAT", [0 if score == 4 else 1 + score % 5 for score in NPS]),
        ("CSAT", [0, 0, *CSAT[2:]]),
        ("Customer satisfaction (1-5)", [6, 6, *CSAT[2:]]),
        ("Stars", [0.5, 0.5, *CSAT[2:]]),
        ("NPS", [11, *NPS[1:]]),
        ("starRating", [["ONE", "TWO", "FIVE"][score % 3] for score in NPS]),
        ("Rating", [f"{score}/5" if i % 2 else f"{score}/10" for i, score in enumerate(CSAT)]),
        ("NPS Category", [["Promoters", "Passives", "Detractors"][score % 3] for score in NPS]),
        ("Schulnote", [1 + score % 6 for score in NPS]),
        ("Q7", [score % 10 for score in NPS]),
        ("Would you recommend us?", CSAT),
    ],
)
def test_a_column_called_a_score_is_never_left_out_in_silence(tmp_path, header, values):
    asked, _ = start(tmp_path, frame(**{header: values, "comment": WORDS}))
    assert any(header.partition(" (")[0] in question for question in asked)


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("Predicted CSAT", CSAT),
        ("csat_target", CSAT),
        ("lastNpsScore", NPS),
        ("Agent rating of customer (1-5)", CSAT),
        ("How likely are you to recommend us as a place to work?", NPS),
        ("How satisfied are you with your job?", CSAT),
        ("How important is satisfaction with the price?", CSAT),
        ("How likely are you to recommend our competitors?", NPS),
        ("Arbeitgeber: Weiterempfehlung", NPS),
        ("rating time", CSAT),
        ("quality_score", CSAT),
    ],
)
def test_a_score_that_may_be_no_customers_own_answer_is_asked_about(tmp_path, header, values):
    (asked,), _ = start(tmp_path, frame(**{header: values}))
    assert "is it what customers themselves answered, about your service?" in asked


@pytest.mark.parametrize("source", ["source", "unit", "value", "measure", "n", "people"])
def test_a_group_called_as_a_figure_of_ours_is_shown_under_another_name(tmp_path, source):
    export = pd.concat([frame(nps=NPS, comment=WORDS)] * 4, ignore_index=True).assign(id=range(4 * N))
    _, tables = start(tmp_path, export.assign(**{source: ["shop", "web"] * 2 * N}))
    story = load_story(tmp_path / "my.toml", "2026-05")
    assert set(tables.surveys[f"{source}_group"]) == {"shop", "web"}
    assert any(
        source in block.data["sentence"] for block in report.show_perception(story).blocks if block.kind == "finding"
    )


@pytest.mark.parametrize(
    "header", ["scraped_at", "Exported on", "Last updated", "Booking date", "dateOfBirth", "Geburtsdatum"]
)
def test_a_stamp_of_something_else_dates_no_answer_unasked(tmp_path, header):
    (asked,), _ = start(tmp_path, frame(nps=NPS).rename(columns={"date": header}))
    assert "which column dates the answers?" in asked


@pytest.mark.parametrize(
    ("words", "header"),
    [
        ("Sehr unzufrieden|Unzufrieden|Weder noch|Zufrieden|Sehr zufrieden", "Wie zufrieden sind Sie?"),
        ("Très insatisfait|Insatisfait|Neutre|Satisfait|Très satisfait", "Êtes-vous satisfait ?"),
        ("Muy insatisfecho|Insatisfecho|Ni satisfecho ni insatisfecho|Satisfecho|Muy satisfecho", "¿Está satisfecho?"),
        ("Zeer ontevreden|Ontevreden|Neutraal|Tevreden|Zeer tevreden", "Hoe tevreden bent u?"),
    ],
)
def test_five_words_of_satisfaction_are_a_score_in_any_language(tmp_path, words, header):
    values = [words.split("|")[score - 1] for score in CSAT]
    asked, tables = start(tmp_path, frame(**{header: values}))
    assert (asked, tables.surveys["csat"].tolist()) == ([], CSAT)


@pytest.mark.parametrize("middle", ["Ist mir entfallen", "Weder noch"])
def test_words_beside_a_scale_are_no_middle_of_it(tmp_path, middle):
    words = ["Sehr unzufrieden", "Unzufrieden", middle, "Zufrieden", "Sehr zufrieden"]
    asked, _ = start(tmp_path, frame(**{"Wie zufrieden sind Sie?": [words[score - 1] for score in CSAT]}))
    assert bool(asked) == (middle == "Ist mir entfallen")


def test_a_scale_of_other_words_is_offered_with_their_numbers(tmp_path):
    words = ["Muy deficiente", "Deficiente", "Regular", "Buena", "Muy buena"]
    values = [words[score - 1] for score in CSAT]
    asked, tables = start(tmp_path, frame(puntaje=values), ask=choose("csat (satisfied): "))
    assert (asked, tables.surveys["csat"].tolist()) == ([], CSAT)


def test_a_score_that_many_do_not_know_is_the_score_of_the_others(tmp_path):
    header, unsure = "How likely are you to recommend us?", [i % 3 == 0 for i in range(N)]
    values = [unsure[i] and "Don't know" or str(score) for i, score in enumerate(NPS)]
    asked, tables = start(tmp_path, frame(**{header: values, "comment": WORDS}))
    scores = [float("nan") if unsure[i] else score for i, score in enumerate(NPS)]
    assert asked == []
    pd.testing.assert_series_equal(tables.surveys["nps"], pd.Series(scores), check_names=False, check_dtype=False)


def test_groups_of_the_net_promoter_score_give_the_score_itself(tmp_path):
    values = [["Detractor", "Passive", "Promoter"][score % 3] for score in NPS]
    _, tables = start(tmp_path, frame(**{"NPS group": values}), ask=choose("'Promoter' is 10"))
    assert tables.surveys["nps"].tolist() == [[0, 8, 10][score % 3] for score in NPS]


QUESTIONS = ["How likely are you to recommend us?", "How satisfied are you?"]


@pytest.mark.parametrize(
    ("export", "asks"),
    [
        (frame(question=[QUESTIONS[i % 2] for i in range(N)], answer=NPS), "tells 2 questions apart"),
        (pd.DataFrame({f"{month} 2026 CSAT": CSAT for month in ("Jan", "Feb", "Mar")}), "hold one score of 3 periods"),
        (
            frame(NPS=NPS, Weight=[0.5 + i / N for i in range(N)]),
            "'Weight' (0.5 to 1.47917) may be the survey's own weights",
        ),
        (frame(NPS=NPS, comment=["test test", *WORDS[1:]]), "'comment' holds 'test test'"),
        (frame(NPS=NPS, **{"Respondent type": ["Internal", *["Customer"] * (N - 1)]}), "holds 'Internal'"),
        (frame(NPS=NPS, nps_imputed=[1, 1, 1, *[0] * (N - 3)]), "'nps_imputed' holds '1'"),
        (frame(NPS=NPS, **{"Reasons (select all that apply)": CHOSEN}), "Only 6 different ones are among"),
        (frame(csat=[round(3 + i / 30, 2) for i in range(N)]), "look like means or shares of several answers"),
        (
            frame(NPS=NPS, Feedback=["Staff was the topic", "The room itself", "Food and drinks"] * 16),
            "Only 3 different ones",
        ),
        (
            frame(NPS=NPS, comment=WORDS).loc[[*range(N), *range(9)]].drop(columns="id"),
            "9 of 57 rows repeat another one",
        ),
        (frame(**{"Rating": CSAT, "Overall experience": CSAT[::-1]}), "'Overall experience' holds"),
        (
            pd.concat([frame(nps=[9 + i % 2 for i in range(N)])] * 4).assign(id=range(4 * N)),
            "no answer below 9 among 192",
        ),
    ],
)
def test_what_else_a_row_may_be_is_asked(tmp_path, export, asks):
    asked, _ = start(tmp_path, export)
    assert any(asks in question for question in asked)


def test_of_rows_that_repeat_one_another_each_counts_once_where_the_answer_says_so(tmp_path):
    doubled = frame(NPS=NPS, comment=WORDS).loc[[*range(N), *range(9)]].drop(columns="id")
    asked, tables = start(tmp_path, doubled, ask=choose("each counts once"))
    assert (asked, tables.surveys["nps"].tolist()) == ([], NPS)


def test_an_id_called_by_a_score_is_an_id(tmp_path):
    asked, tables = start(tmp_path, frame(nps=NPS, comment=WORDS).rename(columns={"id": "NPS_ID"}))
    assert (asked, tables.surveys["response_id"].tolist()) == ([], IDS)
    numbered = frame(nps=NPS, comment=WORDS).assign(id=range(101, 101 + N)).rename(columns={"id": "NPS_ID"})
    assert start(tmp_path, numbered)[0] == []


def test_a_question_whose_answer_is_testing_is_no_test(tmp_path):
    topics = {"Which other topics would you like us to cover in the next lesson?": ["Testing", *WORDS[1:]]}
    assert start(tmp_path, frame(nps=NPS, comment=WORDS, **topics))[0] == []


def test_an_export_cut_off_within_a_cell_is_refused(tmp_path):
    rows = frame(nps=NPS, comment=[f"{words}, and more" for words in WORDS]).to_csv(index=False).encode()
    with pytest.raises(ValueError, match="row 48 is never closed: the file was cut off there"):
        start(tmp_path, rows[:-9])


def test_lines_that_an_editor_quoted_whole_are_read_as_cells(tmp_path):
    rows = [
        f'{i},{day},{score},"{words}, and more"'
        for i, (day, score, words) in enumerate(zip(DAYS, NPS, WORDS, strict=True))
    ]
    lines = ["id,date,nps,comment", *rows]
    text = "\r\n".join('"' + line.replace('"', '""') + '"' for line in lines)
    asked, tables = start(tmp_path, text.encode())
    assert (asked, tables.surveys["nps"].tolist()) == ([], NPS)
    assert tables.surveys["comment"].str.endswith(", and more").all()


def test_the_words_of_tickets_without_scores_are_contacts(tmp_path):
    tickets = pd.DataFrame({"ticket_id": IDS, "client_id": IDS, "ticket_created_at": DAYS, "ticket_text": WORDS})
    asked, tables = start(tmp_path, tickets)
    assert (asked, tables.contacts["text"].tolist()) == ([], WORDS)


def test_a_numbered_question_is_no_label_of_its_number(tmp_path):
    asked, tables = start(tmp_path, frame(**{"Q#1: How likely are you to recommend us to a good friend?": NPS}))
    assert (asked, tables.surveys["nps"].tolist()) == ([], NPS)


def test_a_number_for_no_answer_is_offered_as_a_blank(tmp_path):
    start(tmp_path, frame(NPS=[99 if score == 4 else score for score in NPS]))
    assert "blank = [99]" in (tmp_path / "my_map.toml").read_text(encoding="utf-8")


def choose(*wanted):
    """An analyst who takes of each question the first answer that says one of these words."""

    def ask(question, answers):
        return next((i for words in wanted for i, answer in enumerate(answers) if words in answer), None)

    return ask


@pytest.mark.parametrize(
    ("header", "values", "answer", "score", "right"),
    [
        ("Mood", ["😡😐😊"[v % 3] for v in NPS], "csat", "csat", [1 + 2 * (v % 3) for v in NPS]),
        ("Rating", [["👎", "👍"][v % 2] for v in NPS], "csat", "csat", [1 + 4 * (v % 2) for v in NPS]),
        ("nps", CSAT, "csat (satisfied), 1 to 5, 5 is best", "csat", CSAT),
        ("ces", CSAT, "1 to 5, 5 is best", "ces", CSAT),
        ("Stars", [v - 0.5 for v in CSAT], "0.5 counts as 1, 5 is best", "csat", [max(1, v - 0.5) for v in CSAT]),
        ("CSAT", [3.47 if v == 3 else v for v in CSAT], "3.47 is no answer, 5 is best", "csat", KNOWN),
        ("nps", [v if v > 2 else None for v in NPS], "a blank is 0", "nps", [v if v > 2 else 0 for v in NPS]),
        (
            "Rate us",
            [f"{v} - {LABELS[v - 1]}" for v in [*CSAT[4:], 6, 6, 6, 6]],
            "csat (satisfied), 1 to 5, 6 is no answer, 1 is best",
            "csat",
            [*[6 - v for v in CSAT[4:]], None, None, None, None],
        ),
    ],
)  # fmt: skip
def test_an_answer_that_the_question_offers_makes_the_score_right(tmp_path, header, values, answer, score, right):
    asked, tables = start(
        tmp_path, frame(**{header: values, "comment": WORDS if score == "nps" else ""}), ask=choose(answer)
    )
    assert asked == []
    assert tables.surveys[score].astype(object).where(tables.surveys[score].notna(), None).tolist() == right


def sheets(folder, **contents):
    """A workbook with a sheet for each frame."""
    with pd.ExcelWriter(folder / "export.xlsx", engine="xlsxwriter") as book:
        for name, content in contents.items():
            content.to_excel(book, sheet_name=name, index=False)
    return (folder / "export.xlsx").read_bytes()


def test_sheets_of_one_layout_are_one_export(tmp_path):
    whole = frame(nps=NPS, comment=WORDS)
    book = sheets(tmp_path, **{"Q1 April": whole[:20], "Q1 May": whole[20:], "Notes": pd.DataFrame({"Read me": ["-"]})})
    asked, tables = start(tmp_path, book, names=["export.xlsx"])
    assert asked == []
    assert tables.surveys["nps"].tolist() == NPS


def test_a_sheet_that_repeats_another_one_is_not_counted_twice(tmp_path):
    whole = frame(nps=NPS, comment=WORDS).drop(columns="id")
    with pytest.raises(ValueError, match="fills surveys as another export does"):
        start(tmp_path, sheets(tmp_path, All=whole, May=whole[20:]), names=["export.xlsx"])


def test_the_times_of_a_form_are_no_customers(tmp_path):
    form = {"Start time": DAYS, "Completion time": DAYS, "Your trade": ["Joiner", "Tiler"] * (N // 2)}
    with pytest.raises(ValueError, match="no column looks like"):
        start(tmp_path, pd.DataFrame({"Id": range(1, N + 1)} | form))


@pytest.mark.parametrize("place", ["above", "below"])
def test_a_remark_above_or_below_the_table_says_which_end_is_good(tmp_path, place):
    table, remark = frame(csat=CSAT, note="").to_csv(index=False), '"* 1 = very satisfied, 5 = very dissatisfied"\n'
    asked, _ = start(tmp_path, (remark + "\n" + table if place == "above" else table + remark).encode())
    assert asked == [
        "surveys.csat: column csat, direction: 1 is 'very satisfied' and 5 is 'very dissatisfied'. "
        "Say reverse = true for this column in its map."
    ]


def test_a_column_of_texts_that_ends_in_text_is_a_comment_where_no_question_is_numbered(tmp_path):
    asked, tables = start(tmp_path, frame(csat=CSAT, review_text=WORDS))
    assert asked == []
    assert tables.surveys["comment"].tolist() == WORDS


@pytest.mark.parametrize("header", ["Count", "Number of responses", "Anzahl"])
def test_rows_that_may_each_stand_for_several_answers_are_asked_about(tmp_path, header):
    asked, _ = start(tmp_path, frame(Stars=CSAT, **{header: [3 + score for score in NPS]}))
    assert any(header in question and "count" in question for question in asked)


def test_means_in_a_mapped_score_are_doubted(tmp_path):
    asked, _ = start(tmp_path, frame(csat=[1 + score * 0.37 for score in NPS]))
    assert any("means" in question for question in asked)


def test_rows_of_a_test_are_asked_about(tmp_path):
    asked, _ = start(tmp_path, frame(nps=NPS, comment=WORDS, Status=["Test", *["Complete"] * (N - 1)]))
    assert asked == ["surveys, rows: 'Status' holds 'Test'. Are these answers of customers?"]


def test_words_that_run_against_the_score_ask_which_end_is_good(tmp_path):
    asked, _ = start(tmp_path, frame(nps=[10 - score for score in NPS], comment=WORDS))
    assert len(asked) == 1
    assert "reverse = true" in asked[0]


@pytest.mark.parametrize("header", ["Resolution notes", "Agent reply", "Developer response", "Product"])
def test_what_the_company_wrote_is_no_comment(tmp_path, header):
    asked, tables = start(tmp_path, frame(csat=CSAT, **{header: WORDS}))
    assert asked == []
    assert "comment" not in tables.surveys


def test_words_under_a_header_that_says_nothing_and_two_columns_of_words_are_asked_about(tmp_path):
    for columns in ({"Q9": WORDS}, {"What did you like?": WORDS, "What could we improve?": WORDS[::-1]}):
        asked, _ = start(tmp_path, frame(csat=CSAT, **columns))
        assert len(asked) == 1
        assert "which words are the customer's own?" in asked[0]
        (tmp_path / "my.toml").unlink()


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("created_at", [1_777_593_600_000 + i % 28 * 86_400_000 for i in range(N)]),
        ("Submitted", [46_143.5 + i % 28 for i in range(N)]),
        ("Abgeschickt am", [f"{1 + i % 28}. Mai 2026, 14:05 Uhr" for i in range(N)]),
        ("Wave", [f"{1 + i % 28} May 2026" for i in range(N)]),
    ],
)
def test_the_one_stamp_of_an_answer_dates_it_however_it_is_written(tmp_path, header, values):
    asked, tables = start(tmp_path, pd.DataFrame({"id": IDS, header: values, "nps": NPS, "comment": WORDS}))
    assert asked == []
    assert tables.surveys["responded_at"].dt.strftime("%Y-%m-%d").tolist() == DAYS


def test_a_stamp_of_something_else_is_asked_about(tmp_path):
    asked, _ = start(tmp_path, pd.DataFrame({"id": IDS, "Purchase date": DAYS, "nps": NPS}))
    assert asked == ["surveys, date: which column dates the answers? There is 'Purchase date'."]


def test_parts_of_one_delivery_may_order_their_columns_as_they_like_and_overlap(tmp_path):
    whole = frame(nps=NPS, comment=WORDS)
    asked, tables = start(tmp_path, whole.iloc[:30], whole[["nps", "comment", "date", "id"]].iloc[20:])
    assert asked == []
    assert tables.surveys["nps"].tolist() == NPS


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'[{"id": 1, "nps": 9}]', "is JSON"),
        (b'{"id": 1, "nps": 9}\n{"id": 2, "nps": 3}\n', "is JSON"),
        (b"<html><table><tr><th>id</th><th>nps</th></tr></table></html>", "is a web page"),
        (b"R1,2026-05-01,9,Fine\nR2,2026-05-02,3,Slow\nR3,2026-05-03,8,Good\n", "row 1 reads as data"),
    ],
)
def test_what_is_no_table_is_refused_with_what_it_is(tmp_path, content, sentence):
    with pytest.raises(ValueError, match=sentence):
        start(tmp_path, content)


def test_sheets_that_hold_no_answers_do_not_keep_a_workbook_out(tmp_path):
    with xlsxwriter.Workbook(str(tmp_path / "export.xlsx")) as book:
        for name, rows in {
            "Read me": [["Ask the survey team."]],
            "By team": [["Team", "NPS"], ["North", 12.5], ["South", 31.5], ["West", 17.5]],
            "Answers": [["id", "date", "nps", "comment"], *zip(IDS, DAYS, NPS, WORDS, strict=True)],
        }.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    origins, _ = find_origins([tmp_path / "export.xlsx"], tmp_path)
    begun = start_report(origins, tmp_path, "Acme")
    assert begun.questions == ()
    assert read_tables(load_config(begun.files[0])).surveys["nps"].tolist() == NPS


def test_the_zone_that_a_qualtrics_header_names_is_that_of_its_stamps(tmp_path):
    (tmp_path / "q.csv").write_text(
        "EndDate,ResponseId,Status,NPS\nEnd Date,Response ID,Response Type,How likely are you to recommend us?\n"
        '"{""ImportId"":""endDate"",""timeZone"":""America/Denver""}","{""ImportId"":""_recordId""}",'
        '"{""ImportId"":""status""}","{""ImportId"":""QID1""}"\n'
        + "".join(f"2026-05-{1 + i % 28:02d} 20:00:00,R_{i},0,{NPS[i]}\n" for i in range(N))
    )
    origins, _ = find_origins([tmp_path / "q.csv"], tmp_path)
    begun = start_report(origins, tmp_path, "Acme", "UTC")
    assert read_tables(load_config(begun.files[0])).surveys["responded_at"].dt.hour.unique().tolist() == [2]


@pytest.mark.parametrize("cells", [["2026-W05", "2026-W06"], ["Sep 2026", "Oct 2026"], ["2026年3月", "2026年4月"]])
def test_weeks_and_months_date_answers_by_their_first_day(tmp_path, cells):
    frame = pd.DataFrame({"id": IDS, "NPS": NPS, "comment": WORDS, "period": [cells[i % 2] for i in range(N)]})
    asked, tables = start(tmp_path, frame)
    assert asked == []
    assert tables.surveys["responded_at"].nunique() == 2
    assert any("first day" in warning for warning in tables.log.warnings)


@pytest.mark.parametrize(
    "cells", [["2026 Q1", "2026 Q2"], ["1. Quartal 2026", "2. Quartal 2026"], ["2026 H1", "2026 H2"]]
)
def test_a_quarter_dates_answers_only_if_asked_and_is_no_group(tmp_path, cells):
    frame = pd.DataFrame({"id": IDS, "NPS": NPS, "comment": WORDS, "when": [cells[i % 2] for i in range(N)]})
    asked, _ = start(tmp_path, frame)
    assert len(asked) == 1
    assert "which column dates the answers?" in asked[0]
    assert not any("extra" in file.read_text() for file in tmp_path.rglob("*_map.toml"))


@pytest.mark.parametrize("cells", [["March", "April"], ["FY26 Q1", "FY26 Q2"], ["Sep-26", "Oct-26"]])
def test_a_period_that_names_no_day_is_asked_about_and_is_no_group(tmp_path, cells):
    frame = pd.DataFrame({"id": IDS, "NPS": NPS, "comment": WORDS, "period": [cells[i % 2] for i in range(N)]})
    asked, _ = start(tmp_path, frame)
    assert len(asked) == 1
    assert "which column dates the answers?" in asked[0]


def test_a_score_before_the_words_of_every_cell_is_the_score_and_the_words_are_the_comment(tmp_path):
    cells = [f"{score} - {words}" for score, words in zip(NPS, WORDS, strict=True)]
    asked, tables = start(tmp_path, frame(**{"How likely are you to recommend us, and why?": cells}))
    assert asked == []
    assert tables.surveys["nps"].tolist() == NPS
    assert tables.surveys["comment"].tolist() == cells
    asked, _ = start(tmp_path, frame(feedback=cells))
    assert "whole numbers 0 to 10" in asked[0]


def test_numbers_before_some_texts_are_asked_about(tmp_path):
    cells = [f"{score} - {words}" if i % 2 else words for i, (score, words) in enumerate(zip(NPS, WORDS, strict=True))]
    asked, _ = start(tmp_path, frame(feedback=cells))
    assert "begin with a number" in asked[0]


def first_sentence(folder):
    """The headline on the score of May."""
    blocks = report.show_perception(load_story(folder / "my.toml", "2026-05")).blocks
    return next(block.data["sentence"] for block in blocks if block.kind == "finding")


@pytest.mark.parametrize(
    ("header", "values", "score", "subject"),
    [
        ("How satisfied are you with the price?", CSAT, "csat", "customers satisfied with “the price” was"),
        ("Wie zufrieden sind Sie mit dem Preis?", CSAT, "csat", "customers satisfied with “dem Preis” was"),
        ("delivery_rating", CSAT, "csat", "customers satisfied with “delivery” was"),
        ("How likely are you to recommend the Acme App to a friend?", NPS, "nps", "Score (“the Acme App”) was"),
        ("How easy was it to use our app?", [1 + score % 7 for score in NPS], "ces", "ease (“use our app”) was"),
        ("How satisfied are you with our service?", CSAT, "csat", "share of satisfied customers was"),
        ("How easy was it to get your issue resolved?", [1 + score % 7 for score in NPS], "ces", "rating of ease was"),
    ],
)
def test_a_score_asked_of_a_part_of_the_service_is_called_by_it(tmp_path, header, values, score, subject):
    asked, tables = start(tmp_path, frame(**{header: values}))
    assert asked == []
    assert score in tables.surveys
    assert subject in first_sentence(tmp_path)


@pytest.mark.parametrize(
    ("header", "about"), [("Cabin Staff", {"csat": "Cabin Staff"}), ("Q7", {}), ("How was it?", {}), ("Overall", {})]
)
def test_a_column_taken_for_a_score_is_told_by_its_header_where_that_names_a_part(tmp_path, header, about):
    _, tables = start(tmp_path, frame(**{header: CSAT}), ask=choose("csat (satisfied), 1 to 5, 5 is best"))
    assert tables.log.about == about


def test_a_map_says_what_a_score_was_asked_of_where_its_header_does_not(tmp_path):
    start(tmp_path, frame(csat=CSAT))
    file = tmp_path / "my_map.toml"
    file.write_text(file.read_text().replace('csat = "csat"', 'csat = { column = "csat", about = "the repair" }'))
    assert "satisfied with “the repair” was" in first_sentence(tmp_path)


def test_sheets_of_one_layout_under_any_names_are_one_export_with_the_name_as_a_group(tmp_path):
    whole = frame(nps=NPS, comment=WORDS)
    book = sheets(tmp_path, North=whole[:20], South=whole[20:], Notes=pd.DataFrame({"Read me": ["-"]}))
    asked, tables = start(tmp_path, book, names=["export.xlsx"])
    assert asked == []
    assert tables.surveys["nps"].tolist() == NPS
    assert tables.surveys["sheet"].tolist() == ["North"] * 20 + ["South"] * 28


def test_files_of_one_layout_are_one_export_whatever_else_lies_beside_them(tmp_path):
    (tmp_path / "west_old.csv").write_text("id\n1\n")
    whole = frame(nps=NPS, comment=WORDS)
    asked, tables = start(tmp_path, whole[:20], whole[20:], names=["west.csv", "west_branch.csv"])
    assert asked == []
    assert tables.surveys.groupby("file")["nps"].count().to_dict() == {"west": 20, "west_branch": 28}
    assert 'path = ["west.csv", "west_branch.csv"]' in (tmp_path / "my.toml").read_text()


def test_ids_that_contradict_one_another_across_sheets_are_asked_about(tmp_path):
    whole = frame(nps=NPS, comment=WORDS).rename(columns={"id": "response_id"})
    book = sheets(tmp_path, North=whole[:30], South=whole[20:].assign(nps=NPS[:28]))
    asked, _ = start(tmp_path, book, names=["export.xlsx"])
    assert any("share an id with a row that contradicts them" in question for question in asked)


@pytest.mark.parametrize("sign", ["Employee ID", "Line manager", "Course", "video_id"])
def test_answers_of_people_who_may_be_no_customers_are_asked_about(tmp_path, sign):
    (asked,), _ = start(tmp_path, frame(nps=NPS, comment=WORDS, **{sign: ["a", "b"] * (N // 2)}))
    assert "Are these answers of your customers?" in asked
    (tmp_path / "my.toml").unlink()
    export = frame(nps=NPS, comment=WORDS, customer_id=IDS, **{sign: ["a", "b"] * (N // 2)})
    assert start(tmp_path, export)[0] == []


def test_a_sheet_of_employees_beside_one_of_customers_is_asked_about_and_left_out(tmp_path):
    whole = frame(nps=NPS, comment=WORDS)
    book = sheets(tmp_path, Customers=whole[:20], Employees=whole[20:])
    asked, tables = start(tmp_path, book, names=["export.xlsx"], ask=choose("all but those in"))
    assert asked == []
    assert tables.surveys["nps"].tolist() == NPS[:20]


@pytest.mark.parametrize("header", ["date", "published", "Wann"])
def test_stamps_that_count_back_ask_for_the_day_they_were_read(tmp_path, header):
    ages = [f"{1 + i % 6} months ago" if i % 2 else "a week ago" for i in range(N)]
    (asked,), _ = start(tmp_path, pd.DataFrame({"id": IDS, header: ages, "csat": CSAT}))
    assert "Say read_on" in asked
    (tmp_path / "my.toml").unlink()
    asked, tables = start(tmp_path, pd.DataFrame({"id": IDS, header: ages, "csat": CSAT}), ask=choose("read today"))
    assert asked == []
    assert tables.surveys["responded_at"].notna().all()
