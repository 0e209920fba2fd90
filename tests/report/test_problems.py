"""Where no theme is shown to be open, the section claims no more than the intervals carry."""

from types import SimpleNamespace

import pandas as pd

from analytics import report
from analytics.measures.estimate import Estimate
from analytics.report import facts
from analytics.report.texts import Unread
from analytics.text.own_themes import SHIPPED
from analytics.text.quotes import pick_quotes


def test_that_no_theme_is_open_is_told_with_the_most_named_one_and_with_those_not_known():
    nan = float("nan")
    rows = [
        ("billing_price", 0.07, 0.01, 0.18, 0.07),
        ("waiting", 0.01, 0.0, 0.05, 0.01),
        ("unresolved", nan, nan, nan, 0.14),
    ]
    table = pd.DataFrame(rows, columns=["theme", "value", "low", "high", "counted"])
    table = table.assign(n=200, unit="share", source="said by customers", word="no change", open=table["low"] > 0.02)
    table = table.assign(method="counted", read=0, periods="", alike=nan, leads=[True, False, True], moved_p=0.5)
    named = [["unresolved"]] * 28 + [["billing_price"]] * 14 + [["waiting"]] * 2 + [[]] * 156
    critical = pd.DataFrame({"customer_id": range(200), "negative_themes": named})
    unread = SimpleNamespace(estimate=Estimate(nan, nan, nan, 200, "share", "said by customers"))
    story = SimpleNamespace(
        problem_table=table, critical=critical, writers={"people", "surveys"}, k=10,
        period=SimpleNamespace(label="May 2026", frequency="month"), unread=Unread(0, 200), confidence=0.95,
        theme_model="fast",
        new_themes=pd.DataFrame({"p_value": [], "people": [], "praise": []}),
        facts={("cut",): 0.001}, themes=SHIPPED, months=2,
        shares_of=lambda labels, texts: dict.fromkeys(labels, unread),
    )  # fmt: skip
    wrote = pd.DataFrame({"customer_id": range(200), "praised": [[]] * 200, "text": "", "sentiment": "neutral"})
    story.facts[facts.voices.__name__,] = wrote
    section = report.show_problems(story)
    sentence = section.answer.data["sentence"]
    assert sentence == (
        "As software reads them, the 200 customers who wrote name most often: a problem not solved (how many name "
        "it is not known) and bills and prices, 7 % (1–18)."
    )
    assert "The counts are too rough to say of any problem that more than 2 % name it." in [
        block.data.get("sentence") for block in section.blocks
    ]
    assert not section.answer.data["key"], "what is not open is no problem that the next report judges again"
    (chart,) = (block.data for block in section.blocks if block.kind == "figure")
    assert chart["caption"] == "What they blame." and "thank" not in chart["note"], "nobody read what they thank for"
    assert "Not known: the share of a problem not solved." in chart["note"]
    (larger,) = section.unknowns
    assert "How many name a problem not solved is not known" in larger.data["sentence"] and larger.data["settle"]


def test_one_sentence_and_the_same_mistyped_are_no_two_quotes():
    slip = "Somebody I do not knowr ang me and had my number."
    texts = ["Somebody I do not know rang me and had my number.", slip, "They called about a contract I never signed."]
    first, second = pick_quotes(pd.Series(texts), 2)
    assert first.startswith("Somebody") and second.startswith("They")
