"""Forty reports made wrong on purpose, each stopped for its reason, and twenty honest ones, none of them stopped."""

import re

import pandas as pd
import pytest

from analytics.measures.estimate import ASSERTED, OBSERVED, SAID, Estimate
from analytics.measures.suppress import suppress
from analytics.publish.blocks import RECORDS, finding, kpis, page_one, prose, quotes, table, unknown
from analytics.publish.claims import ClaimError
from analytics.publish.collect import refuse_unfounded
from analytics.tables.periods import parse_period

PERIOD = parse_period("2026-10").localise("Europe/London")
LIKED = Estimate(0.62, 0.58, 0.66, 1204, "share", SAID)
OPEN = Estimate(0.52, 0.46, 0.58, 280, "share", SAID)
FEW = Estimate(0.9, 0.6, 0.98, 12, "share", SAID)
SEVEN = Estimate(0.71, 0.36, 0.92, 7, "share", SAID)
NPS = Estimate(31.4, 24.2, 38.0, 611, "points", SAID)
WAITING = Estimate(0.18, 0.15, 0.21, 611, "share", SAID)
AUDIT = Estimate(0.97, 0.95, 0.99, 900, "share", ASSERTED)
SLA = Estimate(0.97, 0.95, 0.99, 900, "share", OBSERVED)
NOBODY = Estimate(float("nan"), float("nan"), float("nan"), 0, "share", SAID)
TEAMS = pd.DataFrame(
    {"team": ["North", "South", "East"], "value": [0.8, 0.7, 0.6], "low": 0.4, "high": 0.9, "people": [40, 25, 30]}
).assign(unit="share")
LEAKED = TEAMS.assign(people=[40, 25, 4])
TOTAL = pd.DataFrame({"team": ["North", "South", "East", "all"], "people": [40.0, 25.0, None, 69.0]})


def heading(text):
    return {"kind": "markdown", "text": text}


def chart(**changes):
    data = {
        "kind": "figure",
        "alt": "Scores by month.",
        "caption": "Net Promoter Score by month.",
        "svg": "",
        "note": "",
    }
    return data | {"outlined": "", "source": SAID, "n": 611, "people": [40]} | changes


def first_page(headline="What customers said in October 2026.", matters="…"):
    return page_one(headline, {"NPS": NPS}, {"What matters most": [matters, "…"], "Who may leave": "…"})


def listing(frame, **words):
    words = {"caption": "Satisfied customers by team.", "source": SAID, "n": 95, "people": "people"} | words
    return table(frame, **words)


WRONG = {
    "praise-in-prose": (prose("Customers love the new app."), '"love", but no customer evidence'),
    "praise-in-heading": (heading("## Another great month"), '"great", but no customer evidence'),
    "praise-on-page-one": (first_page(matters="Our service is excellent."), '"excellent", but no customer evidence'),
    "praise-in-headline": (
        first_page(headline="A fantastic October for customers"),
        '"fantastic", but no customer evidence',
    ),
    "superlative-in-caption": (listing(TEAMS, caption="North gives the best service."), '"best", but nothing cited'),
    "superlative-in-note": (
        listing(TEAMS, note="All teams deliver outstanding service."),
        '"outstanding", but no customer evidence',
    ),
    "superlative-in-chart-caption": (
        chart(caption="A superb score, month after month."),
        '"superb", but no customer evidence',
    ),
    "superlative-in-alt-text": (
        chart(alt="Scores by month, all of them excellent."),
        '"excellent", but no customer evidence',
    ),
    "superlative-in-number-note": (
        kpis({"Satisfied": LIKED}, {"Satisfied": "best ever"}),
        '"best", but nothing cited',
    ),
    "superlative-in-number-label": (kpis({"Happy customers who love us": OPEN}), '"Happy", but no customer evidence'),
    "praise-by-reported-speech": (
        prose("Customers say that our service is excellent."),
        '"excellent", but no customer evidence',
    ),
    "praise-in-the-month-of-may": (prose("In May the service was excellent."), '"excellent", but no customer evidence'),
    "praise-for-an-open-interval": (
        finding("Customers are satisfied with the service.", [OPEN]),
        "does not lie wholly on that side",
    ),
    "praise-on-few-answers": (finding("Chat is excellent.", [FEW]), "only 12 customers"),
    "praise-by-audit-score": (finding("Our advisers give excellent service.", [AUDIT]), "asserted by company only"),
    "praise-by-service-level": (
        finding("Service was outstanding: 97 % of calls were answered in time.", [SLA]),
        "observed only",
    ),
    "blame-against-evidence": (finding("The service is dreadful.", [LIKED]), "does not lie wholly on that side"),
    "guess-beside-praise": (
        finding("Whether it lasts is not known, but the service is brilliant.", [OPEN]),
        "does not lie wholly on that side",
    ),
    "change-without-rule": (finding("Satisfaction improved to 62 % (58–66).", [LIKED]), "no rule of change"),
    "change-against-rule": (finding("Satisfaction fell to 62 % (58–66).", [LIKED], "rose"), 'the rule says "rose"'),
    "change-while-quiet": (
        finding("The score climbed to +31 (+24 to +38).", [NPS], "no change"),
        'the rule says "no change"',
    ),
    "change-too-early-to-tell": (
        finding("Satisfaction is up on last quarter.", [LIKED], "cannot tell yet"),
        'the rule says "cannot tell yet"',
    ),
    "handle-time-as-perception": (finding("Handle time fell, so customers are happy.", [SLA], "fell"), "observed only"),
    "significance-without-rule": (finding("The gap to last year is significant.", [NPS]), "no rule is cited"),
    "cause-of-a-rise": (
        finding("The new script led to 62 % (58–66) satisfied customers.", [LIKED], "rose"),
        "do not show a cause",
    ),
    "gain-if-fixed": (prose("Fixing waiting will raise NPS by five points."), "do not show a cause"),
    "false-interval": (finding("72 % (68–76) are satisfied.", [LIKED]), "not the figure of any evidence"),
    "false-share": (finding("82 % of customers are satisfied.", [LIKED]), "not the figure of any evidence"),
    "false-score": (finding("NPS was +45.", [NPS]), "not the figure of any evidence"),
    "false-number-of-answers": (
        finding("NPS was +31 (+24 to +38) among the 6,110 customers who answered.", [NPS]),
        "not the figure of any evidence",
    ),
    "interval-from-nowhere": (finding("62 % (58–66) are satisfied."), "not the figure of any evidence"),
    "stale-claim-by-month": (
        finding("In August 2026 satisfaction rose.", [LIKED], "rose"),
        "report is about October 2026",
    ),
    "stale-claim-by-quarter": (prose("Service improved in Q1 2026.", [LIKED]), "report is about October 2026"),
    "stale-praise": (finding("Last month customers were happy with us.", [LIKED]), "report is about October 2026"),
    "leaked-row": (listing(LEAKED), "rests on 4 people"),
    "leaked-quotes": (quotes(["Nobody called back."], caption="On waiting", n=3), "rests on 3 people"),
    "leaked-number": (kpis({"Satisfied": SEVEN}), "rests on 7 people"),
    "leak-by-subtraction": (listing(TOTAL, caption="Customers by team."), "follows from 'all' less the other rows"),
    "goodwill-as-fix": (prose("Most complaints were resolved with a £20 voucher."), "goodwill solves no problem"),
    "unknown-as-zero": (finding("0 % of chat customers are leaving.", [NOBODY]), "unknown is not zero"),
}

HONEST = {
    "level-with-interval": finding("62 % (58–66) are satisfied.", [LIKED], "no change"),
    "score-with-n": finding(
        "Net Promoter Score was +31 (+24 to +38) among the 611 customers who answered, 23 % of those asked, in "
        "October 2026. No change: it lies within its usual movement.",
        [NPS],
        "no change",
    ),
    "praise-that-customers-carry": finding("Customers are satisfied: 62 % (58–66).", [LIKED]),
    "rise-with-rule": finding("Satisfaction rose to 62 % (58–66).", [LIKED], "rose"),
    "fewer-who-leave": finding("Leaving improved: 18 % (15–21).", [WAITING], "fell", better="lower"),
    "compared-with-last-month": finding("Satisfaction rose against September 2026.", [LIKED], "rose"),
    "minority-who-praise": finding("18 % (15–21) of customers called it excellent.", [WAITING]),
    "problem-with-share": finding(
        "Waiting is named as a problem by 18 % (15–21) of the 611 customers who wrote.", [WAITING]
    ),
    "gesture-without-fix": finding(
        "Of 611 gestures, 18 % (15–21) went to customers whose problem was not fixed.", [WAITING]
    ),
    "fix-and-gesture-apart": prose("Whether the problem was fixed and whether a gesture was made are two questions."),
    "both-sides-of-a-promise": finding(
        "“Solved in three days”: not kept in the customers' view (18 % (15–21) of 611 who said, promised to 90 %); "
        "by our records 97 % (95–99).",
        [WAITING, AUDIT],
    ),
    "unknown-headline": first_page(matters=unknown("Whether customers are satisfied is not known.", "asking 96 more")),
    "nobody-answered": kpis({"Satisfied": NOBODY}, {"Satisfied": "not known"}),
    "aim-and-question": prose("## Did service improve?\n\nWe aim to be the best. The target is 80 %."),
    "customers-own-praise": quotes(["Best service ever!", "Great!"], caption="In their words: courtesy", n=214),
    "table-of-large-groups": listing(TEAMS),
    "table-suppressed": listing(suppress(LEAKED, by=["team"])),
    "total-with-two-blanks": listing(TOTAL.assign(people=[40.0, None, None, 69.0])),
    "earlier-statements-retold": prose("5 statements of September 2026: 3 still true, 1 no longer, 1 cannot be told."),
    "chart-without-claim": chart(note="Dashed lines hold the usual movement. A difference is no cause."),
}


def refuse(block):
    shown = block if isinstance(block, dict) else block.as_json()
    refuse_unfounded([heading("# How customers see us"), shown], 10, PERIOD)


def test_there_are_forty_wrong_reports_and_twenty_honest_ones():
    assert (len(WRONG), len(HONEST)) == (40, 20)


@pytest.mark.parametrize("name", WRONG)
def test_a_report_made_wrong_is_stopped_for_its_reason(name):
    block, reason = WRONG[name]
    with pytest.raises(ClaimError, match=re.escape(reason)):
        refuse(block)


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_report_is_published(name):
    refuse(HONEST[name])


def test_a_report_is_told_every_fault_at_once():
    with pytest.raises(ClaimError) as refused:
        refuse_unfounded([heading("## A great month"), listing(LEAKED).as_json()], 10, PERIOD)
    assert [fault.sentence for fault in refused.value.faults] == [
        "A great month",
        "Satisfied customers by team. Row East",
    ]


def test_a_figure_without_a_source_label_is_stopped():
    with pytest.raises(ClaimError, match="has no source label"):
        refuse(chart(source=""))


def test_the_smallest_group_is_the_organisation_s_own():
    refuse_unfounded([kpis({"Satisfied": SEVEN}).as_json()], 5, PERIOD)


def test_what_data_rows_were_set_aside_is_not_about_people():
    faults = pd.DataFrame({"table": ["surveys"], "n": [3]})
    refuse(table(faults, caption="Faults.", source=OBSERVED, n=3, people=RECORDS))
