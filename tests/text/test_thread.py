"""Whose words a text holds: quoted mail, signatures, notices, other speakers and texts that are no answer."""

import pandas as pd
import pytest

from analytics.text.thread import OwnWords, by_customers, count_cuts, own_words, read_own_words

OWN = "The kettle leaked on day two and nobody has rung me back."
THEIRS = "Dear customer, we are delighted to help. Everything is perfect now. Warm regards, your happy team"

REPLY_LINES = [
    "On Wed, 3 June 2026 at 10:02, Kettle Co <help@kettle.example> wrote:",
    "On 03/06/2026 10:02, Kettle Co wrote:",
    "Am Mi., 3. Juni 2026 um 10:02 Uhr schrieb Kettle Co <help@kettle.example>:",
    "Am 03.06.2026 um 10:02 schrieb Kettle Co:",
    "Le mer. 3 juin 2026 à 10:02, Kettle Co <help@kettle.example> a écrit :",
    "El mié, 3 jun 2026 a las 10:02, Kettle Co (<help@kettle.example>) escribió:",
    "Op wo 3 jun. 2026 om 10:02 schreef Kettle Co <help@kettle.example>:",
    "Em qua., 3 de jun. de 2026 às 10:02, Kettle Co <help@kettle.example> escreveu:",
    "Il giorno mer 3 giu 2026 alle ore 10:02 Kettle Co <help@kettle.example> ha scritto:",
    "On Wed, 3 June 2026 at 10:02, The Kettle Company of Great Yarmouth\n<help@kettle.example> wrote:",
    "-----Original Message-----",
    "-------- Weitergeleitete Nachricht --------",
    "From: Kettle Co\nSent: Wednesday, June 3, 2026 10:02\nTo: Me\nSubject: Kettle",
    "Von: Kettle Co\nGesendet: Mittwoch, 3. Juni 2026 10:02\nAn: Ich\nBetreff: Kessel",
    "De : Kettle Co\nEnvoyé : mercredi 3 juin 2026 10:02\nÀ : Moi\nObjet : Bouilloire",
    "Van: Kettle Co\nVerzonden: woensdag 3 juni 2026\nAan: Ik\nOnderwerp: Ketel",
    "##- Please type your reply above this line -##",
]


@pytest.mark.parametrize("line", REPLY_LINES)
@pytest.mark.parametrize("mark", ["", "> "])
def test_what_stands_above_quoted_mail_is_the_customers_own(line, mark):
    quoted = "\n".join(mark + part for part in f"{line}\n\n{THEIRS}".split("\n"))
    words = own_words(f"{OWN}\n\n{quoted}")
    assert words.text == OWN
    assert words.cut["quoted"] > len(THEIRS)


def test_a_thread_whose_line_ends_were_lost_is_cut_too():
    flat = f"{OWN} On Wed, 3 June 2026 at 10:02, Kettle Co <help@kettle.example> wrote: > {THEIRS}"
    assert own_words(flat).text == OWN


def test_an_answer_below_the_quotation_is_kept():
    assert own_words(f"> {THEIRS}\n> and more\n\n{OWN}").text == OWN


@pytest.mark.parametrize(
    "tail",
    [
        "--\nJo Poe | Chief of Joy\nBest shop in town, we love you!",
        "Sent from my telephone",
        "Kind regards,\nJo Poe\nDirector of Delight",
        "Mit freundlichen Grüßen\nJo Poe",
        "\nThis e-mail and any files are confidential and intended solely for the addressee. Thank you for your help.",
        "\nIf you have received this message in error, please delete it. Please consider the environment.",
        "![sale](https://x.example/happy.png)",
        "[Excellent](https://x.example/5) [Good](https://x.example/4)",
    ],
)
def test_signatures_notices_and_banners_are_not_the_customers_words(tail):
    words = own_words(f"{OWN}\n{tail}")
    assert words.text == OWN
    assert words.cut


@pytest.mark.parametrize(
    "quote",
    [
        '<div class="gmail_quote">{}</div>',
        '<blockquote type="cite">{}</blockquote>',
        "<style>.great{{color:red}}</style>",
        '<div id="divRplyFwdMsg">{}</div>',
    ],
)  # fmt: skip
def test_quotes_and_styles_of_an_html_mail_go_and_its_own_words_stay(quote):
    assert own_words(f"<html><body><p>{OWN}</p>{quote.format(THEIRS)}</body></html>").text == OWN


@pytest.mark.parametrize(
    "transcript",
    [
        "[09:01] Customer: {own}\n[09:02] Agent: {theirs}",
        "Agent: {theirs}\nVisitor: {own}\nAgent: {theirs}",
        "10:04 Chatbot: {theirs}\n10:05 Guest: {own}",
        "Agent (Maria): {theirs} Customer: {own} Agent (Maria): {theirs}",
        "Berater: {theirs}\nKunde: {own}",
    ],
)
def test_only_the_customers_turns_of_a_transcript_count(transcript):
    words = own_words(transcript.format(own=OWN, theirs=THEIRS))
    assert words.text == OWN
    assert words.cut["other speaker"] >= len(THEIRS)


@pytest.mark.parametrize(
    "text", ["STOP", "stop.", "Stop texting me", "Unsubscribe", "Please remove me from your list", "STOP 62345"]
)
def test_no_more_messages_is_an_opt_out(text):
    assert own_words(text).reason == "opt-out"


@pytest.mark.parametrize(
    "text", ["n/a", "N.A.", "nil", "No comment!", "asdfasdf", "xxx", "Don’t know", "See above", "nichts", "-none-"]
)
def test_a_non_answer_says_nothing(text):
    assert own_words(text).reason == "non-answer"


@pytest.mark.parametrize(
    "text",
    [
        "Automatic reply: your survey",
        "I am out of the office until 3 June and will answer on my return.",
        "Thank you for your message. We are currently away.",
        "This inbox is not monitored.",
        "Undeliverable: your survey",
    ],
)
def test_what_a_machine_wrote_is_nobodys_answer(text):
    assert own_words(text).reason == "automatic reply"


def test_a_bare_quotation_leaves_nothing_of_their_own():
    assert (
        own_words(f"On Wed, 3 June 2026 at 10:02, Me <me@x.example> wrote:\n\n> {THEIRS}").reason
        == "nothing of their own"
    )


@pytest.mark.parametrize(
    "text",
    [
        OWN,
        "Excellent", "rubbish", "ok",
        "Stop overcharging me and cancel my contract.",
        "On Monday I rang and the agent wrote: all fine. It was not, and on Tuesday I wrote again.",
        "Agent was rude.\nCustomer service: useless.",
        "I asked the agent: why? She said: no idea.",
        "From: London to Leeds, two hours late.\nTo be honest I expected worse.",
        "Dear all,\nthe line is dead.\nRegards from a cold house, and I mean to complain again.",
        "Nothing works, and no comment from anybody.",
        "They said the mail was undeliverable, which is a lie.",
        "3 > 2 but your bill says otherwise",
        "- slow\n- rude\n- dear",
    ],
)  # fmt: skip
def test_ordinary_words_are_left_as_they_are(text):
    words = own_words(text)
    assert (words.text, words.cut, words.reason) == (text, {}, "")


@pytest.mark.parametrize("piece", ["> ", "<p>", "Agent: x\n", "[a](", "On 1 ", "From: x\n", "--\n", "wrote: "])
def test_long_texts_cost_time_in_proportion(piece):
    import time

    def seconds(n):
        begun = time.process_time()
        own_words(piece * n)
        return time.process_time() - begun

    seconds(1_000)
    assert seconds(40_000) < 40 * max(seconds(5_000), 0.02)  # linear would be 8


def test_a_text_of_two_languages_is_read_by_its_english_sentences():
    german = "Ich habe drei Wochen gewartet und niemand hat angerufen."
    words = own_words(f"The engineer was kind and quick. {german}")
    assert words.text == "The engineer was kind and quick."
    assert words.cut == {"another language": len(german)}
    assert own_words(german) == OwnWords(german, {})


def test_markup_alone_is_no_quotation():
    assert own_words("<p>Still<br>broken</p>").cut.keys() == {"markup"}
    assert own_words("<div><br></div>") == OwnWords("<div><br></div>", {})
    words = own_words("<div>Fine now</div><blockquote>worst company</blockquote>")
    assert (words.text, words.cut.keys()) == ("Fine now", {"quoted", "markup"})


def test_rows_of_an_agent_are_told_by_the_author():
    assert by_customers(pd.Series(["Agent", "bot", "Jo Doe", None])).tolist() == [False, False, True, True]
    assert by_customers(pd.Series(["Customer", "Jo Doe"])).tolist() == [True, False]


def test_what_was_cut_is_counted_by_kind():
    own = read_own_words(pd.Series(["Broken\n> so sorry", "Late\n> hello", "STOP", "stop", None]))
    assert count_cuts(own).values.tolist() == [["quoted", 2, 19], ["opt-out", 2, 0]]
