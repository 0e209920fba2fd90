"""``[themes.…]`` of perception.toml: an organisation's own themes, and what becomes of the shipped ones.

Only the settings' meaning belongs here; what reads a theme off a text belongs to ``analytics.text.own_themes``.
"""

import csv
import io
import json
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from analytics.files import read_text

FEWEST = 10  # examples of an own theme
KEPT = "promise_broken"
RESERVED = ("other", "leaving", "complaint", "negative", "neutral", "positive", "skipped")  # other labels of readings


class Theme(BaseModel):
    """One theme as the organisation wants it.

    An own theme has `examples` (ten or more texts that name it) and may have `counter_examples` (near misses); either
    may be a CSV file whose first column holds texts. `join` makes one theme of several, `off` leaves a shipped one
    out. `label` is its name as a problem, `thanks` as what customers thank for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str | None = None
    thanks: str | None = None
    definition: str = ""
    examples: list[str] = []
    counter_examples: list[str] = []
    join: list[str] = []
    off: bool = False


@cache
def shipped_themes() -> dict[str, str]:
    """What each shipped theme is about, in the order of the heads that read them."""
    file = Path(__file__).parent / "text" / "data" / "themes.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def write_theme(words: str, label: str, **keys: str | list[str]) -> str:
    """The lines of perception.toml that make an own theme; its name comes of some words, and differs from shipped ones.

    Examples
    --------
    >>> print(write_theme("5th call", "calling again", examples=["My 5th call"]))
    [themes.own_5th_call]
    label = "calling again"
    examples = [
        "My 5th call",
    ]
    """
    name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    if not re.match("[a-z]", name) or name in RESERVED or name in shipped_themes():
        name = f"own_{name}"
    lines = [f"[themes.{name}]", f"label = {_quote(label)}"]
    for key, value in keys.items():
        if isinstance(value, str):
            lines.append(f"{key} = {_quote(value)}")
        else:
            lines += [f"{key} = [", *(f"    {_quote(text)}," for text in value), "]"]
    return "\n".join(lines)


def _quote(text: str) -> str:
    """A TOML string: JSON's escapes are TOML's, DEL aside."""
    return json.dumps(text.replace("\x7f", ""), ensure_ascii=False)


def _read_examples(themes: Any, info: ValidationInfo) -> Any:  # noqa: ANN401
    """Raw settings of themes with the texts of their files in place of the files' names."""
    if not isinstance(themes, dict):
        return themes
    root = info.data.get("root", Path())
    return {name: _with_texts(name, raw, root) if isinstance(raw, dict) else raw for name, raw in themes.items()}


def _with_texts(name: str, raw: Mapping[str, Any], root: Path) -> dict[str, Any]:
    files = {key: raw[key] for key in ("examples", "counter_examples") if isinstance(raw.get(key), str)}
    return {**raw, **{key: _read_texts(f"{name}.{key}", root / file) for key, file in files.items()}}


def _read_texts(where: str, path: Path) -> list[str]:
    try:
        cells = [row[0].strip() for row in csv.reader(io.StringIO(read_text(path), newline="")) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{where}: {path} cannot be read as CSV: {error}") from None
    return [cell for number, cell in enumerate(cells) if cell and not (number == 0 and cell.lower() == "text")]


def _agree(themes: dict[str, Theme]) -> dict[str, Theme]:
    """Refuse themes that contradict themselves or each other, every fault at once."""
    joined = [part for theme in themes.values() for part in theme.join]
    faults = [f"{part} is joined twice" for part in sorted({part for part in joined if joined.count(part) > 1})]
    for name, theme in themes.items():
        faults += [f"{name}: {fault}" for fault in _faults_of(name, theme, themes)]
    if {KEPT} & {*joined, *(name for name, theme in themes.items() if theme.off)}:
        faults.append(f"{KEPT} can be renamed only: whether promises were kept is judged by it")
    if faults:
        raise ValueError("; ".join(faults))
    return themes


def _faults_of(name: str, theme: Theme, themes: Mapping[str, Theme]) -> list[str]:
    taught = bool(theme.examples or theme.counter_examples or theme.definition)
    if name in shipped_themes():
        fault = "is a shipped theme: it can be renamed, joined or switched off. Give your own theme another name"
        return [fault] if taught or theme.join else []
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in RESERVED:
        return [f"cannot be a theme's name: small letters, digits and _ only, and none of {', '.join(RESERVED)}"]
    if theme.off or not theme.label:
        return ["only shipped themes can be switched off: remove this one" if theme.off else "needs a label"]
    return _faults_of_join(theme, themes) if theme.join else _faults_of_own(theme)


def _faults_of_join(theme: Theme, themes: Mapping[str, Theme]) -> list[str]:
    own = [name for name, each in themes.items() if each.examples]
    stray = [part for part in theme.join if part not in shipped_themes() and part not in own]
    off = [part for part in theme.join if part in themes and themes[part].off]
    faults = ["joins other themes, so that it takes no examples of its own"] if theme.examples else []
    faults += [f"joins {part}, which is no theme. Known: {', '.join([*shipped_themes(), *own])}" for part in stray]
    return faults + [f"joins {part}, which is switched off" for part in off]


def _faults_of_own(theme: Theme) -> list[str]:
    examples, counter = ({text.casefold() for text in texts} for texts in (theme.examples, theme.counter_examples))
    faults = [f"{text!r} is both an example and a counter-example" for text in sorted(examples & counter)]
    if len(examples) < FEWEST:
        faults.append(f"has {len(examples)} different examples. At least {FEWEST} texts that name it are needed")
    return faults


ThemeSettings = Annotated[dict[str, Theme], BeforeValidator(_read_examples), AfterValidator(_agree)]
