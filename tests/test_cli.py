import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from pypdf import PdfReader

from analytics.publish.run import FILES

SAID = ("I waited an hour and nobody answered", "Friendly and quick", "Still not solved after three calls", "")
CONFIG = """
[organisation]
name = "Acme"
[sources.surveys]
path = "answers.csv"
[text]
model = "fast"
"""


def write_answers(path: Path, months: tuple[int, ...] = (2, 3)) -> None:
    """Sixty answers over some months of 2025, one of them with the impossible score 11."""
    rows = [
        f"r{i},c{i},2025-{months[i % len(months)]:02}-{1 + i % 27:02} 10:00,{(0, 3, 7, 9, 10)[i % 5]},{SAID[i % 4]}"
        for i in range(60)
    ]
    rows[7] = "r7,c7,2025-03-08 10:00,11,Eleven of ten"
    path.write_text("response_id,customer_id,responded_at,nps,comment\n" + "\n".join(rows) + "\n")


def organise(root: Path, config: str = CONFIG) -> Path:
    root.mkdir(exist_ok=True)
    write_answers(root / "answers.csv")
    (root / "perception.toml").write_text(config)
    return root


def files(root: Path) -> dict[Path, bytes]:
    return {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(organise(tmp_path / "acme"))
    return Path.cwd()


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """An organisation whose March 2025 was reported by the installed command; its folder and what was printed."""
    root = organise(tmp_path_factory.mktemp("cli") / "acme")
    words = [sys.executable, "-m", "analytics", "report", "--period", "2025-03"]
    done = subprocess.run(words, cwd=root, text=True, env=os.environ | {"COLUMNS": "200"}, capture_output=True)
    assert done.returncode == 0, done.stderr
    return root, done.stdout


# ---- help ------------------------------------------------------------------------------------------------------------


def test_help_teaches_the_commands_and_the_exit_codes(perception):
    code, out, _ = perception("--help")
    assert code == 0
    assert "Exit codes: 0 done; 2 settings, data or parameters are faulty; 3 the run failed" in " ".join(out.split())
    for command in ("report", "check", "demo", "score"):
        assert f" {command} " in out


@pytest.mark.parametrize(
    ("command", "taught"),
    [
        ("report", "Without --period it takes the last complete period"),
        ("check", "list everything wrong, run nothing"),
        ("demo", "Same seed, same bytes"),
        ("score", "redacted before they are written"),
    ],
)
def test_each_command_says_what_it_does(perception, command, taught):
    code, out, _ = perception(command, "--help")
    assert code == 0
    assert taught in " ".join(out.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("frobnicate",), "No such command 'frobnicate'"),
        (("report", "--perid", "2025-03"), "No such option: --perid (Possible options: --period)"),
        (("demo", "--months", "1"), "Invalid value for '--months'"),
    ],
)
def test_a_misspelt_command_or_option_is_named(perception, words, message):
    code, _, err = perception(*words)
    assert code == 2
    assert message in err


# ---- check -----------------------------------------------------------------------------------------------------------


def test_check_counts_rows_and_faults_and_publishes_nothing(perception, root):
    before = files(root)
    code, out, _ = perception("check")
    assert code == 0
    assert "ready" in out
    assert "is not a whole number from 0 to 10" in out
    assert not (root / "reports").exists()
    after = files(root)
    assert {path: after[path] for path in before} == before
    assert {path.as_posix() for path in after.keys() - before.keys()} == {
        "data/derived/check.html", "data/derived/quarantine/surveys.csv",
    }  # fmt: skip


def test_check_lists_every_fault_of_the_settings_at_once(perception, root):
    (root / "perception.toml").write_text(
        '[organisation]\nnam = "Acme"\ntimezone = "Europe/Lodon"\n[sources.surveys]\npath = "answers.csv"\n'
        '[report]\nfrequency = "yearly"\n'
    )
    before = files(root)
    code, _, err = perception("check")
    assert code == 2
    assert "4 faults" in err
    for fault in ("organisation.name: is required", "Did you mean 'name'?", "Did you mean 'Europe/London'?", "yearly"):
        assert fault in err
    assert files(root) == before


def test_check_lists_the_faults_of_every_source_at_once(perception, root):
    (root / "perception.toml").write_text(
        CONFIG + '[sources.contacts]\npath = "calls.csv"\n[sources.complaints]\npath = "empty.csv"\n'
        '[sources.customers]\npath = "people.csv"\nmap = "people.toml"\n'
    )
    (root / "empty.csv").touch()
    (root / "people.csv").write_text("Client,Since\n1,2020-01-01\n")
    (root / "people.toml").write_text('[customers]\ncustomer_id = "Cliant"\n')
    code, _, err = perception("check")
    assert code == 2
    assert "contacts: No such file: calls.csv" in err
    assert "complaints: empty.csv: is empty" in err
    assert "people.csv: no column 'Cliant', which customer_id is to come from. Nearest: 'Client'" in err


def test_check_never_prints_a_database_address(perception, root, monkeypatch):
    (root / "perception.toml").write_text(
        '[organisation]\nname = "Acme"\n[sources.surveys]\nurl_env = "ACME_URL"\nquery = "select 1"\n'
    )
    code, _, err = perception("check")
    assert code == 2
    assert "the environment variable ACME_URL is not set" in err
    monkeypatch.setenv("ACME_URL", "postgresql://reader:s3cr3t-word@127.0.0.1:9/acme")
    code, out, err = perception("check")
    assert code == 2
    assert "s3cr3t-word" not in out + err


def test_check_says_that_undated_surveys_make_no_report_of_a_period(perception, root):
    (root / "answers.csv").write_text("response_id,nps\nr1,9\nr2,11\nr3,10\n")
    code, out, _ = perception("check")
    assert code == 0
    assert "no report of a period can be made from them. Map the column that holds the day" in out
    assert "ready" not in out
    assert "rows set aside" in out
    assert "values set to missing" in out
    assert "quarantined" not in out


# ---- demo ------------------------------------------------------------------------------------------------------------


def test_demo_writes_four_tables_and_their_truth(perception, root):
    code, out, _ = perception("demo", "--folder", "small", "--months", "3", "--customers", "1000")
    assert code == 0
    assert out.startswith("small: contacts, surveys, complaints, customers")
    assert {
        "contacts.parquet",
        "surveys.parquet",
        "complaints.parquet",
        "customers.parquet",
        "truth.json",
        "readings.csv",
    } <= {path.name for path in (root / "small").iterdir()}


def test_a_demo_that_nobody_has_read_has_no_readings(perception, root):
    code, out, _ = perception("demo", "--folder", "unread", "--months", "3", "--customers", "1000", "--read", "0")
    assert code == 0 and "readings.csv: 0 of their texts" in out
    assert len((root / "unread" / "readings.csv").read_text().splitlines()) == 1  # the heading alone


def test_demo_on_a_place_that_is_no_folder_says_so(perception, root):
    code, _, err = perception("demo", "--folder", "answers.csv", "--months", "3", "--customers", "1000")
    assert code == 3
    assert "answers.csv" in err


# ---- score -----------------------------------------------------------------------------------------------------------

HOSTILE = [
    "=cmd|' /C calc'!A0", "@SUM(1)", "-2 stars, never solved", " =1+1 it is slow", "\t=HYPERLINK(1)",
    "line one\n=1+2", "mail me at jo@example.com", "", "😡😡", "<script>alert(1)</script>", "Not solved. " * 20_000,
]  # fmt: skip


def test_score_redacts_defuses_and_keeps_every_row(perception, root):
    pd.DataFrame({"id": range(len(HOSTILE)), "words": HOSTILE}).to_csv("hostile.csv", index=False)
    code, out, _ = perception("score", "hostile.csv", "--column", "words", "--model", "fast")
    assert (code, out.strip()) == (0, "hostile.scored.csv")
    scored = pd.read_csv("hostile.scored.csv", keep_default_na=False)
    assert len(scored) == len(HOSTILE)
    written = scored["words"].str.strip("\t ")
    assert not written.str.startswith(("=", "@", "+", "-")).any()
    assert written[6] == "mail me at [e-mail]"
    assert scored["sentiment"].tolist()[7:10] == ["unknown", "negative", "unknown"]
    assert "jo@example" not in Path("hostile.scored.csv").read_text()


def test_score_reads_another_encoding_and_separator(perception, root):
    Path("latin.csv").write_bytes("Comment;id\nthe café never answered;1\n".encode("latin-1"))
    code, _, _ = perception("score", "latin.csv", "--column", "Comment", "--model", "fast", "--output", "out.csv")
    assert code == 0
    assert pd.read_csv("out.csv")["Comment"].tolist() == ["the café never answered"]


def test_score_can_be_joined_back_by_row_and_names_themes_in_words(perception, root):
    texts = ["Waited for three hours", "", "Lovely and quick, thank you"]
    pd.DataFrame({"name": ["Ann Lee"] * 3, "comment": texts}).to_csv("named.csv", index=False)
    assert perception("score", "named.csv", "--model", "fast")[0] == 0
    scored = pd.read_csv("named.scored.csv", keep_default_na=False)
    assert scored["row"].tolist() == [1, 2, 3]
    assert all("waiting" in scored.loc[0, column].split("; ") for column in ("themes", "negative_themes"))
    assert scored.loc[1, ["sentiment", "unknown_because", "themes"]].tolist() == ["unknown", "empty", ""]
    assert "name" not in scored
    assert "ThemeTag" not in Path("named.scored.csv").read_text()


def test_score_never_overwrites_its_input(perception, root):
    before = Path("answers.csv").read_bytes()
    Path("link.csv").symlink_to("answers.csv")
    for output in ("answers.csv", "link.csv", "../acme/answers.csv"):
        code, _, err = perception("score", "answers.csv", "--model", "fast", "--output", output)
        assert code == 2
        assert "is the input itself, which is never overwritten. Name another file as --output" in err
    assert Path("answers.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("answers.csv", "--column", "text"), 2, "answers.csv: no column 'text'. Found: response_id, customer_id,"),
        (("absent.csv",), 2, "absent.csv: no such file"),
        (("answers.csv", "--model", "best"), 2, "no sentiment model 'best'"),
        (("empty.csv",), 2, "empty.csv: is empty"),
        (("book.xlsx",), 2, "book.xlsx: is not an Excel workbook that can be read"),
        (("answers.csv", "--model", "fast", "--output", "nowhere/out.csv"), 3, "nowhere"),
    ],
)
def test_score_says_what_is_wrong_with_its_file(perception, root, words, code, message):
    (root / "empty.csv").touch()
    (root / "book.xlsx").write_text("not a workbook")
    found, _, err = perception("score", *words)
    assert found == code
    assert message in err


def test_score_on_dask_makes_of_a_folder_a_source_that_reports_read(perception, root):
    answers = pd.read_csv("answers.csv", dtype=str).assign(agent_name="Tom Becker", note="ring me at home")
    answers["comment"] = answers["comment"].fillna("") + " said Tom Becker"
    (root / "big").mkdir()
    for i in range(3):
        answers.iloc[i::3].to_parquet(f"big/{i}.parquet", index=False)
    code, out, _ = perception("score", "big", "--engine", "dask", "--workers", "1", "--output", "scored")
    assert (code, out.strip()) == (0, "scored")
    scored = pd.read_parquet("scored")
    assert {"response_id", "responded_at", "nps", "sentiment", "negative_themes"} <= {*scored}
    assert not {"agent_name", "note"} & {*scored}
    assert scored["row"].tolist() == list(range(1, 61))
    assert scored["comment"].str.endswith("said [name]").all()
    (root / "perception.toml").write_text(CONFIG.replace("answers.csv", "scored"))
    code, out, _ = perception("check")
    assert code == 0
    assert "60" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("score", "big", "--engine", "dask", "--workers", "1"),
            "big: holds no files. Give a folder of Parquet or of CSV",
        ),
        (
            ("score", "answers.csv", "--engine", "dask", "--scheduler", "banana"),
            "no Dask scheduler answers at 'banana'",
        ),
        (("prepare", "--scheduler", "tcp://127.0.0.1:9"), "no Dask scheduler answers at 'tcp://127.0.0.1:9'"),
        (("prepare", "--config", "absent.toml"), "absent.toml: 1 fault"),
    ],
)
def test_dask_that_cannot_run_says_why(perception, root, monkeypatch, words, message):
    monkeypatch.setattr("analytics.scale.partitions.CONNECT", "1s")
    (root / "big").mkdir()
    code, out, err = perception(*words)
    assert (code, out) == (2, "")
    assert message in err


# ---- report: refused before anything runs ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("ledership", "--period", "2025-03"), "there is no report 'ledership'. Known: leadership"),
        (("--period", "banana"), "'banana' is not a period. Write it as '2025-03' (month)"),
        (("--period", "2025-13"), "'2025-13' is not a period"),
        (("--period", ""), "'' is not a period. Write it as '2025-03' (month)"),
        (("--period", "2099-01"), "the period 2099-01 has not begun"),
        (("--config", "absent.toml"), "absent.toml: 1 fault.\n  No such file."),
        (("--config", "faulty.toml", "--period", "2025-03"), "Did you mean 'sources'?"),
        (("--config", "faulty.toml"), "Did you mean 'sources'?"),
    ],
)
def test_report_refuses_faulty_words_with_exit_code_2(perception, root, words, message):
    (root / "faulty.toml").write_text(CONFIG.replace("[sources", "[source"))
    code, out, err = perception("report", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert not (root / "reports").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            CONFIG.replace("answers.csv", "anwsers.csv"),
            "surveys: No such file: anwsers.csv. That folder holds: answers.csv",
        ),
        (CONFIG.replace("answers.csv", "*.parquet"), "surveys: No file fits the pattern *.parquet"),
        (
            CONFIG.replace('csv"', 'csv"\nmap = "mine.toml"'),
            "map mine.toml: cannot be read (No such file or directory)",
        ),
        (
            CONFIG.replace('csv"', 'csv"\nmap = "calls.toml"'),
            "map calls.toml: has no section [surveys]. It has: contacts",
        ),
        (
            '[organisation]\nname = "Acme"\n[sources.surveys]\nurl_env = "ACME_URL"\nquery = "select 1"\n',
            "the environment variable ACME_URL is not set",
        ),
    ],
)
def test_report_finds_absent_sources_and_maps_before_anything_runs(perception, root, monkeypatch, settings, message):
    (root / "calls.toml").write_text('[contacts]\ncontact_id = "a"\ncustomer_id = "b"\nstarted_at = "c"\n')
    (root / "perception.toml").write_text(settings)
    monkeypatch.setattr("analytics.publish.run.build_report", lambda *_: pytest.fail("the notebook was started"))
    code, out, err = perception("report", "--period", "2025-03")
    assert (code, out) == (2, "")
    assert message in err
    assert "Error" not in err


# ---- report: run for real --------------------------------------------------------------------------------------------


def test_report_prints_the_path_of_its_pdf_and_says_what_it_set_to_missing(published):
    root, out = published
    pdf = root / "reports" / "leadership" / "2025-03" / "report.pdf"
    assert out.strip() == str(pdf)
    assert set(FILES) <= {path.name for path in pdf.parent.iterdir()}
    text = " ".join(" ".join(page.extract_text() for page in PdfReader(pdf).pages).split())
    assert "Net Promoter Score was" in text
    assert "is not a whole number from 0 to 10" in text
    assert json.loads((pdf.parent / "manifest.json").read_text())["rows"][0]["read"] == 60


def test_a_run_on_an_empty_month_exits_with_2_and_leaves_the_old_report(published, perception, monkeypatch):
    root, _ = published
    monkeypatch.chdir(root)
    folder = root / "reports" / "leadership" / "2025-03"
    before = files(folder)
    answers = (root / "answers.csv").read_bytes()
    write_answers(root / "answers.csv", months=(1, 2))
    lines = (root / "answers.csv").read_text().splitlines(keepends=True)
    (root / "answers.csv").write_text("".join(line for line in lines if not line.startswith("r7,")))
    try:
        code, out, err = perception("report", "--period", "2025-03")
    finally:
        (root / "answers.csv").write_bytes(answers)
    assert (code, out) == (2, "")
    assert "Error" not in err
    assert "2025-03: no survey, complaint or contact lies in it." in err
    assert "the last month with data is 2025-02" in err
    assert files(folder) == before
