"""perception.toml: every fault at once, with its key and the nearest known name."""

from pathlib import Path

import pytest

from analytics.config import ConfigError, load_config

ROOT = Path(__file__).resolve().parents[1]
GOOD = """
[organisation]
name = "Acme"
[sources.surveys]
path = "surveys.csv"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "perception.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(write(folder, text))
    return caught.value.faults


def test_the_shipped_configuration_is_valid():
    config = load_config(ROOT / "perception.toml")
    assert config.organisation.name == "Northwind Broadband"
    assert set(config.sources) == {"contacts", "surveys", "complaints", "customers"}


def test_what_is_left_out_takes_the_documented_default(tmp_path):
    config = load_config(write(tmp_path, GOOD))
    assert (config.report.frequency, config.report.paper, config.organisation.minimum_group) == ("month", "a4", 10)


def test_relative_paths_resolve_against_the_files_own_folder(tmp_path):
    config = load_config(write(tmp_path, GOOD))
    assert config.resolve("surveys.csv") == tmp_path / "surveys.csv"


def test_every_fault_is_listed_at_once_with_line_and_nearest_name(tmp_path):
    text = """[organisation]
name = "Acme"
timezone = "Europe/Londn"
[sources.survys]
path = "a.csv"
[sources.contacts]
maap = "b.toml"
path = "c.csv"
[report]
frequency = "daily"
[[promises]]
id = "one"
text = "First"
made_on = 2026-01-01
[[promises]]
id = "two"
text = "Second"
made_on = 2026-01-01
threshold = 3
"""
    assert faults(tmp_path, text) == [
        "organisation.timezone: 'Europe/Londn' is not a time zone. Did you mean 'Europe/London'?",
        "sources.survys: 'survys' is not known here. Did you mean 'surveys'?",
        "sources.contacts.maap: 'maap' is not known here. Did you mean 'map'?",
        "report.frequency: Input should be 'week', 'month' or 'quarter'. Found: 'daily'.",
        "promises.2: 'measure' and 'threshold' belong together.",
    ]


def test_an_unknown_section_names_the_nearest_one(tmp_path):
    assert faults(tmp_path, GOOD + "[reports]\n") == ["reports: 'reports' is not known here. Did you mean 'report'?"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[organisation\n", "Is not TOML"),
        ('root = "/"\n' + GOOD, "root: is set by the file's own place"),
        ('[organisation]\nname = "Acme"\n[sources]\n', "name at least one source"),
        (GOOD + 'url_env = "DB"\n', "give either 'path'"),
        ('[organisation]\nname="A"\n[sources.surveys]\nurl_env="DB"\n', "'url_env' and 'query' belong together"),
        (GOOD + '[delivery]\nrecipients = {leadership = ["nobody"]}\n', "'nobody' is not an e-mail address"),
        (GOOD + '[delivery]\nsender = "Reports <a@b..org>"\n', "'a@b..org' is not an e-mail address"),
        (GOOD.replace('"Acme"', '"Acme"\norder_number_patterns = ["("]'), "is not a regular expression"),
    ],
)
def test_a_faulty_file_says_what_is_wrong(tmp_path, text, message):
    assert any(message in fault for fault in faults(tmp_path, text))


@pytest.mark.parametrize(
    "address", ["a b@c.org", "a@b@c.org", "a@b..org", ".a@b.org", "a@-b.org", "a@b.org\\nBcc: x@y.org"]
)
def test_an_address_that_is_none_is_refused(tmp_path, address):
    for text in (f'operators = ["{address}"]', f'sender = "{address}"', f'sender = "Reports <{address}>"'):
        assert "is not an e-mail address" in faults(tmp_path, f"{GOOD}[delivery]\n{text}\n")[0]


def test_a_sender_may_be_named(tmp_path):
    config = load_config(write(tmp_path, GOOD + '[delivery]\nsender = "Reports <a@b.org>"\n'))
    assert config.delivery.sender == "Reports <a@b.org>"


def test_a_link_that_leads_to_itself_is_a_place_like_any(tmp_path):
    (tmp_path / "perception.toml").write_text(GOOD + '[report]\noutput = "loop"\n')
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert load_config(tmp_path / "perception.toml").resolve("loop") == tmp_path.resolve() / "loop"


def test_an_absent_file_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="No such file. Copy the perception.toml"):
        load_config(tmp_path / "none.toml")


def test_a_database_address_in_the_file_is_refused_without_repeating_it(tmp_path):
    secret = "postgresql://user:hunter2@host/db"
    text = f'[organisation]\nname="A"\n[sources.surveys]\nurl_env="{secret}"\nquery="select 1"\n'
    assert "hunter2" not in "".join(faults(tmp_path, text))
