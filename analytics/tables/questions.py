"""What the data of an export do not show: questions, and the keys of a map that each answer sets."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

_TEXTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

Edits = tuple[tuple[tuple[str, ...], object], ...]


@dataclass(frozen=True)
class Choice:
    """One answer to a question: what it means, and the keys of the map that say so (None takes a key away)."""

    means: str
    edits: Edits

    def edit(self, content: dict[str, Any]) -> dict[str, Any]:
        """A map with the keys of this answer set, or taken away, at any depth."""
        changed = dict(content)
        for (key, *rest), value in self.edits:
            if rest:
                changed[key] = Choice("", ((tuple(rest), value),)).edit(changed.get(key, {}))
            elif value is None:
                changed.pop(key, None)
            else:
                changed[key] = value
        return changed


@dataclass(frozen=True)
class Question:
    """What the data do not show: where ('surveys.csat'), what is asked, and the answers that a map can give.

    `proposed` are those that no check would raise again: they stay until they are answered.
    """

    place: str
    asks: str
    choices: tuple[Choice, ...] = ()
    proposed: bool = False


def ask(name: str, edits: Sequence[Edits] = (), choices: Sequence[Choice] = (), **facts: object) -> Question:
    """A question that no check would raise again, in the words of ``questions.toml``.

    `choices` come before its own answers, of which the first ones make `edits` and the others none; `facts` fill its
    words.
    """
    text = _TEXTS[name]
    answers = [Choice(means, edit or ()) for means, edit in zip_longest(text["answers"], edits)]
    return Question(text["place"], text["asks"].format(**facts), (*choices, *answers), proposed=True)


def name_all(headers: Sequence[str]) -> str:
    """Headers as a question names them.

    Examples
    --------
    >>> name_all(["Q1", "Q2"])
    "'Q1', 'Q2'"
    """
    return ", ".join(map(repr, headers))
