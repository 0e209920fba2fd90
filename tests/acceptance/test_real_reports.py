"""The leadership report on real exports: a settings file and a shipped map each, no code."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from pypdf import PdfReader

from analytics.publish import run
from analytics.publish.run import build_report
from tests.plain import LONGEST, columns_named, said_twice, too_fine, typical_length
from tests.worlds.publishing import execute_here

MAPS = Path(__file__).resolve().parents[2] / "data" / "maps"
HEADINGS = (
    "What customers perceive", "Brilliant or disgusting", "What explains each open problem", "Who may leave",
    "Promises", "Remedy and goodwill", "What we changed", "What we said last time", "What we do not know", "Provenance",
)  # fmt: skip


@dataclass(frozen=True)
class Export:
    """A real export: where it lies, the map that reads it, and a period in which it holds data."""

    table: str
    path: str
    map: str
    zone: str
    period: str
    settings: str = ""


EXPORTS = {
    "contact centre": Export(
        "surveys", "csat-ecommerce/csat_2023-08-01_to_23.csv", "csat_ecommerce", "Asia/Kolkata", "2023-08",
        '[report]\nscore = "csat"\n[text]\nmodel = "fast"\n',
    ),
    "complaints": Export(
        "complaints", "cfpb/complaints_2019_2020.csv", "cfpb", "America/New_York", "2019-04",
        '[text]\nmodel = "fast"\n',
    ),
    "older complaints": Export(
        "complaints", "cfpb/complaints_2013_2017_no_narrative.csv", "cfpb_2013", "America/New_York", "2016-02"
    ),
    "passengers": Export(
        "surveys", "sfo-survey/fact_survey.csv", "sfo_survey", "America/Los_Angeles", "2017-05",
        '[report]\nscore = "nps"\n',
    ),
    "store reviews": Export(
        "surveys", "bank-app-reviews/reviews.csv", "bank_app_reviews", "Africa/Addis_Ababa", "2025-04",
        '[text]\nmodel = "fast"\n',
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Report:
    """What readers get: the text of the PDF, page by page, and the figures behind its sentences."""

    pages: list[str]
    claims: list[dict]
    manifest: dict

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.pages).split())

    def section(self, heading: str) -> str:
        """The text from one heading to the next, page one left out."""
        body = " ".join(" ".join(self.pages[1:]).split())
        start = body.index(heading)
        later = [body.index(h, start) for h in HEADINGS[HEADINGS.index(heading) + 1 :] if h in body[start:]]
        return body[start : min(later, default=len(body))]

    def evidence(self, key: str) -> dict:
        """The figure behind the sentence of a key, such as 'score:nps'."""
        return next(claim["evidence"][0] for claim in self.claims if claim.get("key") == key)


def write_settings(export: Export, datasets: Path, root: Path) -> Path:
    """The settings file of an export alone."""
    settings = root / "perception.toml"
    settings.write_text(
        f'[organisation]\nname = "Acme"\ntimezone = "{export.zone}"\n[sources.{export.table}]\n'
        f'path = "{datasets / export.path}"\nmap = "{MAPS / export.map}.toml"\n{export.settings}'
    )
    return settings


@pytest.fixture(scope="module")
def reports(datasets, tmp_path_factory):
    """Build each export's report once, when first asked for."""
    built: dict[str, Report] = {}

    def report(name: str) -> Report:
        if name not in built:
            settings = write_settings(EXPORTS[name], datasets, tmp_path_factory.mktemp("real"))
            with pytest.MonkeyPatch.context() as patch:  # kernels have tests of their own
                patch.setattr(run, "execute", execute_here)
                published = build_report("leadership", EXPORTS[name].period, settings)
            claims = json.loads((published.folder / "claims.json").read_text())["claims"]
            pages = [page.extract_text().replace("\u200b", "") for page in PdfReader(published.pdf).pages]
            built[name] = Report(pages, claims, published.manifest)
        return built[name]

    return report


@pytest.fixture(params=EXPORTS)
def report(request, reports):
    return reports(request.param)


def test_the_sections_that_have_something_to_say_stand_in_order(report):
    lines = [line.strip() for page in report.pages[1:] for line in page.splitlines()]
    places = [lines.index(heading) for heading in HEADINGS if heading in lines]
    assert places == sorted(places) and {"What we do not know", "Provenance"} <= {*lines}
    assert len(report.pages) <= 5


def test_page_one_answers_its_questions(report):
    for heading in ("What matters most", "Who may leave", "What we do not know"):
        assert heading in report.pages[0]


def test_nothing_of_the_machine_shows(report):
    assert not re.search(r"\bnan\b|\bNaT\b|Traceback|object at 0x|Timestamp\(|ThemeTag\(|Estimate\(", report.text)


def test_no_figure_behind_a_sentence_pretends_to_be_certain(report):
    figures = [figure for claim in report.claims for figure in claim["evidence"]]
    assert not [f for f in figures if f["unit"] in ("share", "points", "score") and not f["low"] < f["high"]]


def test_every_row_of_the_export_is_accounted_for(report):
    for row in report.manifest["rows"]:
        assert row["read"] == row["left_out"] + row["kept"] + row["quarantined"] + row["duplicates"]
        assert row["read"] > 1_900


@pytest.mark.parametrize(
    ("name", "lack"),
    [
        ("contact centre", "Who was asked: record the date of each invitation"),
        ("contact centre", "Remedy and goodwill: record for each complaint, apart, whether it was put right"),
        ("contact centre", "record the day on which customers left"),
        ("complaints", "What customers perceive: nobody gave a score in April 2019"),
        ("complaints", "labels are tried on short ones only"),
        ("complaints", "Where gestures went is not known"),
        ("older complaints", "What they say: record what customers wrote"),
        ("passengers", "What they say: record what customers wrote"),
        ("store reviews", "record the day on which customers left"),
    ],
)
def test_what_is_not_recorded_stands_in_the_closing_list_in_a_readers_words(reports, name, lack):
    assert lack in reports(name).section("What we do not know")


def test_the_operations_report_of_answers_alone_is_published_too(datasets, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "execute", execute_here)
    settings = write_settings(EXPORTS["passengers"], datasets, tmp_path)
    published = build_report("operations", EXPORTS["passengers"].period, settings)
    claims = json.loads((published.folder / "claims.json").read_text())["claims"]
    pages = [page.extract_text() for page in PdfReader(published.pdf).pages]
    assert "record when customers came and left" in " ".join(" ".join(pages).split())
    assert typical_length(claims) <= LONGEST and not said_twice(claims, pages) and not columns_named(pages)


def test_the_sentences_are_plain(report):
    assert typical_length(report.claims) <= LONGEST
    assert not too_fine(report.claims)
    assert not said_twice(report.claims, report.pages)
    assert not columns_named(report.pages)


def test_the_contact_centre_is_told_that_slow_answers_go_with_low_scores(reports):
    section = reports("contact centre").section("What explains each open problem")
    assert re.search(r"89 % \(\d+–\d+\) where time to the first answer is up to 2 minutes, 56 %", section)
    assert "time to the first answer" in reports("contact centre").pages[0]


def test_the_contact_centre_score_is_the_share_of_fours_and_fives(reports, datasets):
    report = reports("contact centre")
    scores = pd.read_csv(datasets / EXPORTS["contact centre"].path)["CSAT Score"]
    evidence = report.evidence("score:csat")
    assert evidence["value"] == pytest.approx(scores.ge(4).mean(), abs=1e-12)
    assert evidence["n"] == len(scores) == 12_413
    assert f"{scores.ge(4).mean():.1%}".replace("%", " %") in report.pages[0]


def test_handle_time_known_for_46_contacts_of_12_413_explains_nothing(reports):
    section = reports("contact centre").section("What explains each open problem")
    assert not re.search(r"handle time per contact (\d|differs)", section)


def test_the_store_reviews_score_is_that_of_its_month(reports, datasets):
    reviews = pd.read_csv(datasets / EXPORTS["store reviews"].path)
    month = reviews.loc[reviews["date"].str.startswith("2025-04"), "rating"]
    evidence = reports("store reviews").evidence("score:csat")
    assert evidence["value"] == pytest.approx(month.ge(4).mean(), abs=1e-12)
    assert evidence["n"] == len(month)


def test_the_passengers_score_takes_the_design_weight_and_11_as_blank(reports, datasets):
    answers = pd.read_csv(datasets / EXPORTS["passengers"].path)
    may = answers[answers["inferred_date"].str.startswith("2017-05") & answers["NETPRO"].le(10)]
    share = may["WEIGHT"] / may["WEIGHT"].sum()
    weighted = 100 * (share[may["NETPRO"] >= 9].sum() - share[may["NETPRO"] <= 6].sum())
    plain = 100 * (may["NETPRO"].ge(9).mean() - may["NETPRO"].le(6).mean())
    evidence = reports("passengers").evidence("score:nps")
    assert evidence["value"] == pytest.approx(weighted, abs=1e-9)
    assert abs(weighted - plain) > 0.5  # points: the weights matter here
    assert evidence["n"] == len(may)
    # a weighted score is known less well than the same number of equal answers
    values = 100 * (may["NETPRO"].ge(9).astype(float) - may["NETPRO"].le(6))
    kish = share.pow(2).sum()
    spread = ((values - weighted).pow(2) * share).sum() ** 0.5
    assert evidence["high"] - evidence["low"] == pytest.approx(2 * 1.96 * spread * kish**0.5, rel=0.05)


def test_long_narratives_are_not_turned_into_shares_of_problems(reports, datasets):
    complaints = pd.read_csv(datasets / EXPORTS["complaints"].path, dtype=str)
    april = complaints[complaints["Date received"].str.startswith("2019/4/")]
    words = april["Consumer complaint narrative"].dropna().str.split().str.len().median()
    section = reports("complaints").section("Brilliant or disgusting")
    refusal = re.search(r"half of these texts have ([\d,]+) words", reports("complaints").text)
    assert int(refusal[1]) == round(words) > 100
    assert "is named as a problem" not in reports("complaints").text
    largest = april["Product"].value_counts(normalize=True)
    assert f"{len(april):,} complaints came in April 2019; {largest.iloc[0]:.0%}".replace("%", " %") in section
    assert f"recorded under “{largest.index[0]}”" in section


def test_disputed_answers_are_what_complainers_perceive(reports, datasets):
    complaints = pd.read_csv(datasets / EXPORTS["older complaints"].path)
    month = complaints[pd.to_datetime(complaints["Date received"]).dt.strftime("%Y-%m").eq("2016-02")]
    disputed = month["Consumer disputed?"].dropna().eq("Yes")
    evidence = reports("older complaints").evidence("score:disputed")
    assert evidence["value"] == pytest.approx(disputed.mean(), abs=1e-12)
    assert evidence["n"] == len(disputed)


def test_relief_separates_disputed_answers_and_timeliness_does_not(reports):
    section = reports("older complaints").section("What explains each open problem")
    assert "no difference is shown in share answered in the company's time limit" in section
    assert "Caution: an untimely case often cannot be disputed" in section
    assert re.search(r"No relief: answers disputed \d+ % .* points above the others", section)


def test_a_month_that_the_export_holds_in_part_carries_a_caution_on_page_one(reports):
    assert "The data end on 23 August 2023" in reports("contact centre").pages[0]
    assert "they cover only a part" not in reports("store reviews").text
