"""What the data of an export do not show: questions, and the keys of a map that each answer sets."""

from dataclasses import dataclass
from typing import Any

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
