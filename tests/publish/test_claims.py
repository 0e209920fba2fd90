"""The claim guard on prose: what it holds back, what it lets pass, and what it says instead."""

from pathlib import Path

import pandas as pd
import pytest

from analytics.contrast.signals import detect_signals
from analytics.measures.estimate import ASSERTED, OBSERVED, SAID, Estimate
from analytics.publish.claims import Evidence, check_claims

SENTENCES = pd.read_csv(Path(__file__).parent / "claim_sentences.csv")
LATER = pd.read_csv(Path(__file__).parent / "claim_sentences_heldout.csv")  # written before the lexicon was read
LIKED = Estimate(0.82, 0.79, 0.85, 640, "share", SAID)
OPEN = Estimate(0.52, 0.46, 0.58, 280, "share", SAID)
FEW = Estimate(0.95, 0.76, 0.99, 20, "share", SAID)
AUDIT = Estimate(0.97, 0.95, 0.99, 900, "share", ASSERTED)
SLA = Estimate(0.97, 0.95, 0.99, 900, "share", OBSERVED)


def test_precision_and_recall_on_two_hundred_sentences_stay_above_what_methods_states():
    held = SENTENCES["sentence"].map(lambda sentence: bool(check_claims(sentence)))
    claim = SENTENCES["claim"].eq(1)
    assert len(SENTENCES) == 200
    assert (held & claim).sum() / held.sum() >= 0.97, SENTENCES[held & ~claim]["sentence"].tolist()
    assert (held & claim).sum() / claim.sum() >= 0.97, SENTENCES[~held & claim]["sentence"].tolist()


@pytest.mark.parametrize(("written", "size"), [("first", 120), ("second", 80)])
def test_sentences_in_the_style_of_board_reports_stay_above_what_methods_states(written, size):
    sentences = LATER[LATER["round"] == written]
    held = sentences["sentence"].map(lambda sentence: bool(check_claims(sentence)))
    claim = sentences["claim"].eq(1)
    assert len(sentences) == size
    assert (held & claim).sum() / held.sum() >= 0.95, sentences[held & ~claim]["sentence"].tolist()
    assert (held & claim).sum() / claim.sum() >= 0.95, sentences[~held & claim]["sentence"].tolist()


def test_a_rank_among_others_is_never_carried_by_one_s_own_figures():
    (fault,) = check_claims("Our service is the best.", [LIKED, "rose"])
    assert fault.reason == 'says "best", but nothing cited compares us with others.'


def test_what_a_share_of_customers_said_needs_their_estimate_only():
    sentence = "14 % of customers called the service excellent."
    assert check_claims(sentence, [Estimate(0.14, 0.11, 0.18, 411, "share", SAID)]) == []
    assert "no customer evidence is cited for that count" in check_claims(sentence)[0].reason


@pytest.mark.parametrize(
    "sentence", ["They were let down by the courier.", "Great Western was asked.", "A budget for better articles."]
)
def test_plain_phrases_with_a_claim_word_in_them_claim_nothing(sentence):
    assert check_claims(sentence) == []


@pytest.mark.parametrize(
    "sentence",
    ["In May the service was excellent.", "Without doubt customers are happy.", "Customers say it is great."],
)
def test_a_month_a_phrase_and_reported_speech_are_no_hedges(sentence):
    assert check_claims(sentence)


def test_praise_without_evidence_is_held_back_with_an_honest_alternative():
    (fault,) = check_claims("We provide great service.")
    assert fault.sentence == "We provide great service."
    assert fault.reason == 'says "great", but no customer evidence is cited for it.'
    assert "we do not know" in fault.alternative


def test_praise_that_customers_carry_may_be_published():
    assert check_claims("Customers are happy with the service.", [LIKED]) == []


@pytest.mark.parametrize("evidence", [[AUDIT], [SLA], [AUDIT, SLA]])
def test_internal_figures_are_never_evidence_of_quality(evidence):
    (fault,) = check_claims("Great service.", evidence)
    assert "only; quality is what customers say it is" in fault.reason


@pytest.mark.parametrize(
    ("evidence", "reason"), [(OPEN, "does not lie wholly on that side"), (FEW, "only 20 customers")]
)
def test_an_open_interval_or_few_answers_do_not_carry_praise(evidence, reason):
    (fault,) = check_claims("Excellent service.", [evidence])
    assert reason in fault.reason


def test_blame_needs_evidence_on_the_other_side():
    assert check_claims("Service is terrible.", [LIKED])
    assert check_claims("Service is terrible.", [Estimate(-31.0, -38.0, -24.0, 400, "points", SAID)]) == []


@pytest.mark.parametrize(
    ("sentence", "word", "may"),
    [
        ("Satisfaction rose.", "rose", True),
        ("Satisfaction rose.", "fell", False),
        ("Satisfaction rose.", "no change", False),
        ("Satisfaction improved.", "rose", True),
        ("Satisfaction improved.", "cannot tell yet", False),
        ("Satisfaction got worse.", "fell", True),
        ("Satisfaction has not changed.", "no change", True),
        ("Satisfaction has not changed.", "cannot tell yet", False),
        ("The score remained stable.", "fell", False),
        ("The change is significant.", "fell", True),
        ("The change is significant.", "no change", False),
    ],
)
def test_a_word_of_change_needs_a_rule_that_passed_in_its_direction(sentence, word, may):
    assert (check_claims(sentence, [LIKED, word]) == []) is may


@pytest.mark.parametrize("sentence", ["No change is shown.", "The score held steady.", "It didn't move."])
def test_that_nothing_changed_needs_a_rule_as_a_change_does(sentence):
    assert "no rule of change is cited" in check_claims(sentence, [LIKED])[0].reason


def test_a_fall_of_what_should_be_low_is_an_improvement():
    fewer = Evidence(Estimate(0.1, 0.08, 0.12, 400, "share", SAID), signal="fell", better="lower")
    assert check_claims("Waiting improved.", [fewer]) == []
    assert check_claims("Waiting got worse.", [fewer])


def test_a_detected_signal_is_evidence_as_it_comes():
    series = pd.Series([30.0, 32, 31, 29, 30, 31, 30, 32, 31, 30, 29, 45])
    assert check_claims("The score rose.", [detect_signals(series)]) == []


def test_a_cause_is_never_carried():
    (fault,) = check_claims("The new script drives loyalty.", [LIKED, "rose"])
    assert "do not show a cause" in fault.reason


@pytest.mark.parametrize(
    "sentence",
    ["Did service improve?", "Service did not improve.", "We aim to be the best.", "“Great service”, one wrote."],
)
def test_questions_negations_aims_and_quotations_claim_nothing(sentence):
    assert check_claims(sentence) == []


def test_a_hedge_in_one_clause_does_not_cover_another():
    assert check_claims("Chat is not measured, but phone service is excellent.")


def test_each_sentence_is_reported_once_and_markdown_is_no_hiding_place():
    faults = check_claims("## A *great* month\n\n- **Customers love** the excellent app.\n- n was 40.")
    assert [fault.sentence for fault in faults] == ["A great month", "Customers love the excellent app."]


def test_unknown_evidence_is_refused():
    with pytest.raises(TypeError, match="'up' is no evidence"):
        check_claims("It rose.", ["up"])
