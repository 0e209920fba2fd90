"""Small groups in reports of the demo as they are published: all outputs of two months and two versions, attacked."""

import functools
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from analytics.measures.estimate import SAID
from analytics.publish import run
from analytics.publish.blocks import MIME, table
from analytics.publish.run import build_report
from analytics.tables.demo.simulate import simulate
from tests.conftest import write_organisation
from tests.report.reconstruct import aligned, leaks, populations, read_outputs
from tests.worlds.publishing import execute_here

BEFORE, NOW = "2026-09", "2026-10"
SCORES, GROUPS = ("nps", "csat", "ces"), ("team", "site", "channel", "reason", "segment")


@functools.cache
def demo():
    return simulate(seed=5, months=5, customers=4_000)[0]


def small_groups(late=0):
    """Five months of a demo of which some teams and a segment have few; late answers in its last two months."""
    tables = demo()
    rng = np.random.default_rng(5)
    customers, contacts, surveys = tables.customers.copy(), tables.contacts.copy(), tables.surveys.copy()
    customers["segment"] = customers["segment"].mask(rng.random(len(customers)) < 0.05, "farm")
    contacts["team"] = contacts["team"].mask(rng.random(len(contacts)) < 0.04, "Moves")
    silent = surveys[surveys["responded_at"].isna() & surveys["contact_id"].notna()]
    for month, share in ((BEFORE, 0.1), (NOW, 1.0)):
        rows = silent[silent["invited_at"].dt.strftime("%Y-%m").eq(month)].drop_duplicates("customer_id")
        rows = rows.head(round(late * share)).index
        surveys.loc[rows, "responded_at"] = surveys.loc[rows, "invited_at"]
        surveys.loc[rows, list(SCORES)] = [2.0, 1.0, 2.0]
    return tables.__class__(contacts, surveys, tables.complaints, customers)


def month_of(stamps):
    return stamps.dt.tz_convert("Europe/London").dt.strftime("%Y-%m")


def known(tables, period):
    """Who answered in a month, by every group, and how many in each month up to it."""
    surveys = tables.surveys.merge(tables.contacts[["contact_id", *GROUPS[:-1]]], on="contact_id", how="left")
    surveys = surveys.merge(tables.customers[["customer_id", "segment"]], on="customer_id", how="left")
    surveys = surveys.assign(month=month_of(surveys["responded_at"]))
    for score in SCORES:
        answered = surveys[surveys[score].notna() & surveys["month"].le(period)]
        yield from populations(answered[answered["month"].eq(period)], GROUPS, score)
        yield from populations(answered, ["month"], score)


def names_of(tables):
    columns = [*(tables.contacts[column] for column in GROUPS[:-1]), tables.customers["segment"]]
    columns.append(month_of(tables.surveys["responded_at"]))
    return {"not stated", *(str(name) for column in columns for name in column.dropna().unique())}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Reports of two months, a second version of the later one, and what is true of each."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("small_groups")
        patch.setattr(run, "execute", execute_here)
        reports = {}
        for name, period, late in (("before", BEFORE, 0), ("now", NOW, 0), ("revised", NOW, 40)):
            tables = small_groups(late)
            shutil.rmtree(root / "data", ignore_errors=True)
            config = write_organisation(root, tables)
            config.write_text(config.read_text().replace('readings = "data/demo/readings.csv"', 'model = "fast"'))
            patch.chdir(root)
            folder = build_report("leadership", period, config).folder
            shutil.copytree(folder, root / name)
            reports[name] = root / name, read_outputs(root / name, names_of(tables)), list(known(tables, period))
        return reports


def months_of(report):
    """A report with what is true of whole months alone: two months are of different people otherwise."""
    return (*report[:2], [one for one in report[2] if one.what.endswith("by month")])


def attack(*reports):
    seen, truths = [report[1] for report in reports], [report[2] for report in reports]
    if len(truths) == 2:
        truths = list(zip(*aligned(*truths), strict=True))
    return leaks(list(zip(seen, truths, strict=True)))


def test_no_small_group_follows_from_all_that_one_report_shows(published):
    assert {name: attack(published[name]) for name in ("before", "now", "revised")} == {
        "before": [], "now": [], "revised": [],
    }  # fmt: skip


def test_no_few_late_people_follow_from_two_versions_nor_from_two_months(published):
    assert json.loads((published["revised"][0] / "manifest.json").read_text())["version"] == 2
    assert attack(published["now"], published["revised"]) == []
    assert attack(*(months_of(published[name]) for name in ("before", "revised"))) == []


def with_rows(report, counts, folder):
    """The report with a table of such counts in it."""
    rows = pd.DataFrame(list(counts.items()), columns=["group", "people"])
    leak = table(rows, caption="Answers.", source=SAID, n=0, people="people").as_json()
    shutil.copytree(report[0], folder)
    notebook = json.loads((folder / "notebook.ipynb").read_text())
    notebook["cells"].append({"outputs": [{"data": {MIME: leak}}]})
    (folder / "notebook.ipynb").write_text(json.dumps(notebook))
    return folder, read_outputs(folder, {*counts, "farm"}), report[2]


def only(report, what):
    return (*report[:2], [one for one in report[2] if one.what == what])


def test_the_attack_finds_one_small_group_that_was_left_out_of_a_table(published, tmp_path):
    (segments,) = only(published["now"], "nps by segment")[2]
    assert 0 < segments.counts["farm"] < 10
    large = {name: n for name, n in segments.counts.items() if n >= 10}
    leaking = with_rows(published["now"], large, tmp_path / "leaking")
    assert f"nps by segment: {segments.counts['farm']} people: farm, version 1" in attack(only(leaking, segments.what))


def test_the_attack_finds_a_few_late_people_behind_a_month_shown_anew(published, tmp_path):
    what = "customers of nps by month"
    earlier, later = (only(published[name], what) for name in ("before", "revised"))
    assert later[2][0].counts[BEFORE] - earlier[2][0].counts[BEFORE] == 4
    reports = [with_rows(one, one[2][0].counts, tmp_path / str(i)) for i, one in enumerate((earlier, later))]
    assert f"{what}: 4 people: late in {BEFORE}" in attack(*reports)
