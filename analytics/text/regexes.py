"""Regular expressions kept as data: TOML with parts, patterns built from them, and lists that are a choice of any."""

import re
import tomllib
from collections.abc import Mapping

Patterns = dict[str, re.Pattern[str]]


def read_patterns(text: str, more: Mapping[str, str] | None = None) -> Patterns:
    r"""Compile the patterns of a TOML text, its [parts] put in where their names stand in braces.

    Parameters
    ----------
    text
        Tables ``parts`` and ``patterns``; a line break in a pattern is none of it.
    more
        Further patterns by name.

    Examples
    --------
    >>> file = "[parts]\nWHO = ['we', 'you']\n[patterns]\ncall = '(?:{WHO}) call'"
    >>> read_patterns(file)["call"].pattern
    '(?:we|you) call'
    """
    file = tomllib.loads(text)
    parts, patterns = ({name: _joined(value) for name, value in file[table].items()} for table in ("parts", "patterns"))
    return {
        name: re.compile(re.sub(r"\{([A-Z_]+)\}", lambda place: parts[place[1]], pattern))
        for name, pattern in (patterns | dict(more or {})).items()
    }


def _joined(pattern: str | list[str]) -> str:
    return (pattern if isinstance(pattern, str) else "|".join(pattern)).replace("\n", "")
