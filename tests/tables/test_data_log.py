"""The data log keeps up with the schema and with what a map may hold."""

import re
import textwrap
import tomllib
from pathlib import Path

from analytics.tables.maps import ExportMap, Rule, parse_map
from analytics.tables.schema import FIELDS

LOG = (Path(__file__).resolve().parents[2] / "data" / "README.md").read_text(encoding="utf-8")


def test_every_column_of_every_table_is_documented_and_no_other():
    for table, fields in FIELDS.items():
        section = LOG.split(f"| {table} | unit | meaning |")[1].split("\n\n")[0]
        names = [name for row in section.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])]
        assert sorted(names) == sorted(spec.name for spec in fields)
        starred = re.findall(r"`(\w+)`\*", section)
        assert starred == [spec.name for spec in fields if spec.required]


def test_every_key_of_a_map_is_documented():
    for key in [*Rule.model_fields, *(name for name in ExportMap.model_fields if name != "tables")]:
        assert f"`{key}`" in LOG


def test_the_example_of_a_map_is_a_valid_map():
    example = LOG.split("```toml\n")[1].split("```")[0]
    assert set(parse_map(tomllib.loads(example), "README").tables) == {"surveys"}


def test_the_map_in_the_readme_is_one_that_can_be_read():
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    examples = [textwrap.dedent(block) for block in re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)]
    maps = [tomllib.loads(example) for example in examples if "response_id" in example]
    assert [set(parse_map(example, "README").tables) for example in maps] == [{"surveys"}]
