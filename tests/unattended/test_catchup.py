import json
import shutil
from datetime import UTC, datetime

import nbformat
import pandas as pd
import pytest

from analytics.publish import run
from analytics.publish.collect import ReportError
from analytics.publish.run import FILES, build_report
from analytics.publish.versions import compare_claims, tell_changes, version_of
from analytics.tables.schema import Tables
from analytics.unattended import catchup
from analytics.unattended.catchup import catch_up, mark_periods

APRIL = datetime(2025, 4, 2, tzinfo=UTC)


def words(steps):
    return [(step.period, step.word) for step in steps]


def add_answers(config, count=10, name="late", score=1):
    """Answers of so many people that came after the report on February."""
    with (config.parent / "surveys.csv").open("a") as file:
        file.writelines(f"{name}{i},{name}{i},2025-02-20,2025-02-21,{score}\n" for i in range(count))


@pytest.fixture
def caught_up(small, in_process):
    assert words(catch_up("small", small, now=APRIL)) == [(f"2025-0{m}", "built") for m in (1, 2, 3)]
    return small


def test_every_missing_period_is_built_in_order_and_finished_ones_are_skipped(caught_up, monkeypatch):
    monkeypatch.setattr(catchup, "build_report", lambda *_, **__: pytest.fail("a finished report was built again"))
    assert words(catch_up("small", caught_up, now=APRIL)) == [(f"2025-0{m}", "finished") for m in (1, 2, 3)]


def test_only_what_is_missing_is_built(caught_up):
    shutil.rmtree(caught_up.parent / "reports/small/2025-02")
    assert words(catch_up("small", caught_up, now=APRIL)) == [
        ("2025-01", "finished"), ("2025-02", "built"), ("2025-03", "finished"),
    ]  # fmt: skip


def test_nothing_is_built_for_a_period_that_is_not_over(small, in_process):
    march = datetime(2025, 3, 31, 23, tzinfo=UTC)
    assert words(catch_up("small", small, now=march)) == [("2025-01", "built"), ("2025-02", "built")]


def test_late_data_make_a_new_version_that_says_what_changed_and_keep_the_old(caught_up):
    folder = caught_up.parent / "reports/small/2025-02"
    before = {name: (folder / name).read_bytes() for name in FILES}
    add_answers(caught_up)
    steps = list(catch_up("small", caught_up, now=APRIL))
    assert words(steps) == [("2025-01", "finished"), ("2025-02", "revised"), ("2025-03", "finished")]
    assert "version 2. score csat: 75 % (47–91), n 12 before, 41 % (23–61), n 22 now." in steps[1].detail
    changes = json.loads((folder / "changes.json").read_text())
    assert (changes["version"], changes["replaces"]) == (2, 1)
    change = changes["figures"][0]
    assert (change["key"], change["before"]["value"]) == ("score:csat", 0.75)
    assert change["after"]["value"] == pytest.approx(9 / 22)
    assert change["by"] == pytest.approx(9 / 22 - 0.75)
    assert {name: (folder / "versions/v1" / name).read_bytes() for name in FILES} == before
    assert (folder / "report.pdf").read_bytes() != before["report.pdf"]
    assert json.loads((folder / "manifest.json").read_text())["version"] == version_of(folder) == 2
    assert words(catch_up("small", caught_up, now=APRIL))[1] == ("2025-02", "finished")


def test_every_version_is_kept(caught_up):
    folder = caught_up.parent / "reports/small/2025-02"
    pdfs = [(folder / "report.pdf").read_bytes()]
    for number in (1, 2):
        add_answers(caught_up, name=f"late{number}-", score=number)
        list(catch_up("small", caught_up, now=APRIL))
        pdfs.append((folder / "report.pdf").read_bytes())
    assert version_of(folder) == 3
    assert [(folder / f"versions/v{v}/report.pdf").read_bytes() for v in (1, 2)] == pdfs[:2]
    assert (folder / "versions/v2/changes.json").exists()
    assert [p.name for p in folder.parent.iterdir() if p.is_dir() and p.name.startswith(".")] == []


def test_fewer_late_people_than_may_be_shown_wait_until_they_are_enough(caught_up):
    folder = caught_up.parent / "reports/small/2025-02"
    add_answers(caught_up, 9)
    step = list(catch_up("small", caught_up, now=APRIL))[1]
    assert (step.word, version_of(folder)) == ("finished", 1)
    assert "fewer than 10 people came or went behind a figure since version 1" in step.detail
    with pytest.raises(ReportError, match="two versions would tell what they said"):
        build_report("small", "2025-02", caught_up)
    assert not (folder / "changes.json").exists()
    add_answers(caught_up, 1, "tenth")
    assert list(catch_up("small", caught_up, now=APRIL))[1].word == "revised"


def test_a_person_who_was_forgotten_does_not_follow_from_two_versions(caught_up):
    file = caught_up.parent / "surveys.csv"
    file.write_text("\n".join(line for line in file.read_text().splitlines() if "a215" not in line) + "\n")
    assert [s.word for s in catch_up("small", caught_up, now=APRIL)] == ["finished"] * 3
    assert version_of(caught_up.parent / "reports/small/2025-02") == 1


def test_late_data_that_change_no_page_make_no_version(caught_up):
    file = caught_up.parent / "surveys.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0] + ",ces", *(f"{line},7" for line in lines[1:]), ""]))
    steps = list(catch_up("small", caught_up, now=APRIL))
    assert {step.word for step in steps} == {"finished"}
    assert "late data change nothing" in steps[0].detail
    assert not (caught_up.parent / "reports/small/2025-01/versions").exists()


def test_rows_in_another_order_and_later_rows_are_not_late_data(caught_up):
    file = caught_up.parent / "surveys.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], *reversed(lines[1:]), "new,c,2025-04-03,2025-04-03,2", ""]))
    assert {step.word for step in catch_up("small", caught_up, now=APRIL)} == {"finished"}


def test_an_answer_after_the_end_of_the_period_is_not_yet_known_in_it():
    surveys = pd.DataFrame(
        {
            "response_id": ["1"],
            "invited_at": pd.to_datetime(["2025-01-30"], utc=True),
            "responded_at": pd.to_datetime(["2025-02-02"], utc=True),
            "csat": [5.0],
        }
    )
    silent = surveys.assign(responded_at=pd.to_datetime([None], utc=True), csat=float("nan"))
    marks = [mark_periods(Tables(surveys=s), "month", None, APRIL)["2025-01"] for s in (surveys, silent)]
    assert marks[0] == marks[1] != ""
    assert mark_periods(Tables(surveys=surveys), "month", None, APRIL)["2025-02"] != ""


def test_a_failed_period_is_told_and_does_not_stop_the_others(caught_up, monkeypatch):
    shutil.rmtree(caught_up.parent / "reports/small")

    def build(name, period, *args, **kwargs):
        if period == "2025-01":
            raise ReportError("the kernel died")
        return build_report(name, period, *args, **kwargs)

    monkeypatch.setattr(catchup, "build_report", build)
    steps = list(catch_up("small", caught_up, now=APRIL))
    assert words(steps) == [("2025-01", "failed"), ("2025-02", "built"), ("2025-03", "built")]
    assert steps[0].detail == "the kernel died"


def test_a_fault_of_any_kind_in_one_period_is_told_and_does_not_stop_the_others(small, in_process, monkeypatch):
    execute = run.execute

    def fail(notebook, values, root, cell_limit):
        if values["period"] == "2025-02":
            raise KeyError("nobody thought of this")
        return execute(notebook, values, root, cell_limit)

    monkeypatch.setattr(run, "execute", fail)
    steps = list(catch_up("small", small, now=APRIL))
    assert words(steps) == [("2025-01", "built"), ("2025-02", "failed"), ("2025-03", "built")]
    assert "KeyError: 'nobody thought of this'" in steps[1].detail


def test_a_month_without_a_row_is_passed_over_and_a_feed_that_stopped_is_a_fault(small, in_process):
    lines = [x for x in (small.parent / "surveys.csv").read_text().splitlines() if "2025-02" not in x]
    (small.parent / "surveys.csv").write_text("\n".join([*lines, ""]))
    june = datetime(2025, 6, 1, 12, tzinfo=UTC)
    steps = list(catch_up("small", small, now=june))
    assert words(steps) == [
        ("2025-01", "built"), ("2025-02", "no data"), ("2025-03", "built"), ("2025-05", "failed"),
    ]  # fmt: skip
    assert steps[-1].detail == "no survey, complaint or contact is later than 2025-03"


def test_a_clock_that_jumped_ahead_builds_nothing_that_has_no_data(caught_up):
    steps = list(catch_up("small", caught_up, now=datetime(2199, 1, 1, 12, tzinfo=UTC)))
    assert words(steps)[-1] == ("2198-12", "failed")
    assert len(steps) == 4


def test_a_report_made_before_its_period_was_over_is_built_again(caught_up):
    manifest = caught_up.parent / "reports/small/2025-03/manifest.json"
    early = json.loads(manifest.read_text()) | {"finished_at": "2025-03-20T12:00:00+00:00"}
    manifest.write_text(json.dumps(early))
    steps = list(catch_up("small", caught_up, since="2025-03", now=APRIL))
    assert [(s.period, s.word, s.detail) for s in steps] == [
        ("2025-03", "finished", "version 1; late data change nothing in it")
    ]
    assert json.loads(manifest.read_text())["finished_at"] > "2025-03-31"


def test_a_report_built_by_hand_counts_as_finished_only_if_it_lists_todays_inputs(small, in_process):
    published = build_report("small", "2025-03", small)
    assert published.manifest["data_mark"] is None
    assert words(catch_up("small", small, since="2025-03", now=APRIL)) == [("2025-03", "finished")]
    assert json.loads((published.folder / "manifest.json").read_text())["data_mark"]


@pytest.mark.parametrize(
    ("since", "message"),
    [("2025-Q1", "since is '2025-Q1', a quarter; reports are made by month"), ("../x", "is not a period")],
)
def test_a_wrong_start_is_refused(small, since, message):
    with pytest.raises(ValueError, match=message):
        list(catch_up("small", small, since=since, now=APRIL))


APPENDIX = """from analytics.publish.blocks import table, tagged
asked = (answers["invited_at"].dt.strftime("%Y-%m") == period).sum()
rows = pd.DataFrame({"group": ["asked"], "people": [asked]})
tagged(table(rows, caption="Asked.", source="observed", n=int(asked), people="people"), appendix=True)"""


def test_few_people_behind_a_table_that_no_page_shows_make_no_version_either(caught_up):
    """The pages stay the same; the workbook would not."""
    notebook = caught_up.parent / "notebooks/report_small.ipynb"
    nb = nbformat.read(notebook, as_version=4)
    nb.cells += [nbformat.v4.new_code_cell(APPENDIX)]
    nbformat.write(nb, notebook)
    build_report("small", "2025-03", caught_up)
    with (caught_up.parent / "surveys.csv").open("a") as more:
        more.write("silent,silent,2025-03-20,,\n")
    with pytest.raises(ReportError, match="two versions would tell what they said"):
        build_report("small", "2025-03", caught_up)


def test_changes_name_figures_that_came_and_went():
    figure = {"value": 1.0, "low": 0.5, "high": 2.0, "n": 9, "unit": "points"}
    old = {"key": "score:nps", "sentence": "Old.", "signal": None, "evidence": [figure]}
    new = {"key": "leaving:said", "sentence": "New.", "signal": "rose", "evidence": [figure]}
    plain = {"key": "", "sentence": "Plain.", "signal": None, "evidence": []}
    found = compare_claims([old, plain], [new])
    assert [(c["key"], c["before"] is None, c["after"] is None, c["by"]) for c in found["figures"]] == [
        ("score:nps", False, True, None),
        ("leaving:said", True, False, None),
    ]
    assert found["no_longer_said"] == ["Plain."]
    assert tell_changes(found)[1].startswith("leaving said: nothing before, ")
    assert compare_claims([old], [old])["figures"] == []
