"""One customer forgotten: nothing of theirs stays in the derived data, and nothing of others' goes."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from analytics.config import load_config
from analytics.report.incoming import PAGE
from analytics.text.clean import normalise
from analytics.text.pages import PAGES, Pages
from analytics.text.readings import LabelStore, find_store, text_hash
from analytics.text.scored import Reader
from analytics.text.sentiment import load_sentiment_model
from analytics.unattended.forget import clean, forget_customer
from tests.test_cli import CONFIG as SETTINGS
from tests.text.reading import read_comments

TEXTS = ["Waited an hour and nobody answered me", "My own mail is jo@example.com, call me", "Friendly and quick"]


@pytest.fixture
def config(tmp_path):
    """Thirty customers with one answer each; the 17th has said what nobody else has, and a score of 11."""
    rows = [f"r{i},c{i},2025-0{2 + i % 2}-10,{11 if i == 17 else i % 11},{TEXTS[2 * (i % 2)]}" for i in range(30)]
    rows[17] = f'r17,c17,2025-03-10,11,"{TEXTS[1]}"'
    (tmp_path / "answers.csv").write_text("\n".join(["response_id,customer_id,responded_at,nps,comment", *rows, ""]))
    (tmp_path / "perception.toml").write_text(SETTINGS)
    for period in ("2025-02", "2025-03", "2025-04"):
        folder = tmp_path / "reports" / "leadership" / period
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps({"part": ""}))
    return load_config(tmp_path / "perception.toml")


def fill(config):
    """What reports, labelling, check, prepare and the call list leave behind."""
    from analytics.tables.read import read_tables

    tables = read_tables(config)
    comments = read_comments(tables, model="fast", cache=config.derived(PAGES))
    store = find_store(config)
    for text in comments["text"].unique():
        cells = dict.fromkeys(["blame", "praise", "other", "leaving", "complaint"], "")
        store.add({"text_hash": text_hash(text), "labeller": "Ann", "labelled_at": "2025-04-01", "drawn": "random",
                   "period": "2025-03", "sentiment": "negative", **cells})  # fmt: skip
    config.derived(PAGE).write_text("c17")
    calls = config.derived("leaving/2025-03/call_list.csv")
    calls.parent.mkdir(parents=True)
    pd.DataFrame({"rank": [1, 2], "customer_id": ["c17", "c3"]}).to_csv(calls, index=False)
    prepared = config.derived("prepared/surveys/part.0.parquet")
    prepared.parent.mkdir(parents=True)
    pd.DataFrame({"response_id": ["r17", "r3"], "nps": [1.0, 9.0]}).to_parquet(prepared, index=False)


def unread(config, texts):
    reader = Reader(Pages(config.derived(PAGES)), (), load_sentiment_model("fast"))
    return reader.unread([normalise(text) for text in texts])


def contents(config):
    return {path: path.read_bytes() for path in config.derived().rglob("*") if path.is_file()}


def test_nothing_of_the_customer_stays_and_nothing_of_others_goes(config):
    fill(config)
    assert unread(config, TEXTS) == []
    assert (config.derived("quarantine/surveys.csv")).is_file()
    gone = forget_customer(config, "c17")
    assert unread(config, TEXTS[1:2]) == [normalise(TEXTS[1])]
    assert {path.name: n for path, n in gone.files.items()} == {"call_list.csv": 1, "part.0.parquet": 1}
    assert (gone.in_sources, gone.readings, gone.reports) == (True, 1, ["leadership/2025-03"])
    assert gone.pages >= 1
    assert not [path for path, data in contents(config).items() if b"c17" in data or b"r17" in data]
    assert not config.derived("quarantine").exists()
    assert pd.read_csv(config.derived("leaving/2025-03/call_list.csv"))["customer_id"].to_list() == ["c3"]
    assert pd.read_parquet(config.derived("prepared/surveys/part.0.parquet"))["nps"].to_list() == [9.0]
    assert len(find_store(config).read()) == 2


def test_readings_in_a_place_of_their_own_are_forgotten_too(config, tmp_path):
    (tmp_path / "perception.toml").write_text(SETTINGS + 'readings = "elsewhere/ours.csv"\n')
    config = load_config(tmp_path / "perception.toml")
    fill(config)
    assert forget_customer(config, "c17").readings == 1
    assert len(LabelStore(tmp_path / "elsewhere/ours.csv").read()) == 2


def test_a_customer_whom_nobody_knows_is_refused_and_nothing_goes(config):
    fill(config)
    before = contents(config)
    with pytest.raises(ValueError, match="nothing of customer 'c71' is in the sources"):
        forget_customer(config, "c71")
    assert contents(config) == before


def test_a_customer_gone_from_the_sources_goes_from_the_tables_and_the_user_hears_what_cannot(config, perception):
    fill(config)
    source = Path(config.resolve("answers.csv"))
    source.write_text("\n".join(line for line in source.read_text().splitlines() if "c17" not in line) + "\n")
    code, out, err = perception("forget", "--customer", "c17", "--config", str(config.resolve("perception.toml")))
    assert (code, "call_list.csv: 1 row removed" in out) == (0, True)
    assert "perception clean --scores" in err
    assert not [path for path, data in contents(config).items() if b"c17" in data]
    clean(config, scores=True)
    assert unread(config, TEXTS) == [normalise(text) for text in TEXTS]


def test_the_reports_of_other_parts_did_not_count_them(config, tmp_path):
    rows = "r1,c1,2025-03-10,9,North\nr2,c2,2025-03-11,3,South\n"
    (tmp_path / "answers.csv").write_text("response_id,customer_id,responded_at,nps,company\n" + rows)
    (tmp_path / "map.toml").write_text(
        '[surveys]\nresponse_id = "response_id"\ncustomer_id = "customer_id"\nresponded_at = "responded_at"\n'
        'nps = "nps"\n[surveys.extra]\ncompany = "company"\n'
    )
    settings = SETTINGS.replace('path = "answers.csv"', 'path = "answers.csv"\nmap = "map.toml"')
    (tmp_path / "perception.toml").write_text(settings + '[report]\nby = "company"\n')
    for part in ("North", "South"):
        folder = tmp_path / "reports" / f"leadership-{part.lower()}" / "2025-03"
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps({"part": part}))
    gone = forget_customer(load_config(tmp_path / "perception.toml"), "c2")
    assert gone.reports == ["leadership/2025-03", "leadership-south/2025-03"]
    contacts = "contact_id,customer_id,started_at\nk1,c1,2025-03-10 09:00\n"  # of no company, so in no part's report
    (tmp_path / "contacts.csv").write_text(contacts)
    with (tmp_path / "perception.toml").open("a") as file:
        file.write('[sources.contacts]\npath = "contacts.csv"\n')
    gone = forget_customer(load_config(tmp_path / "perception.toml"), "c1")
    assert gone.reports == ["leadership/2025-03", "leadership-north/2025-03"]


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_what_is_of_customers_is_open_to_its_owner_alone(config, perception, umask):
    config.resolve("data/derived").mkdir(parents=True, mode=0o755)
    before = os.umask(umask)
    try:
        assert perception("check", "--config", str(config.resolve("perception.toml")))[0] == 0
        assert perception("score", str(config.resolve("answers.csv")), "--model", "fast")[0] == 0
    finally:
        os.umask(before)
    written = [*config.derived().rglob("*"), config.resolve("answers.scored.csv")]
    assert {"check.html", "surveys.csv"} <= {path.name for path in written}
    assert [path for path in [config.derived(), *written] if path.stat().st_mode & 0o077] == []
