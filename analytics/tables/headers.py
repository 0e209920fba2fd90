"""Finding the column of a source that a map means: by header, by its twin, or by the text of its question."""

import difflib
import html
import re
from functools import lru_cache

from analytics.tables.layout import tidy, tidy_header
from analytics.tables.sources import Raw

ALIKE = 0.5  # likeness from which a header is named as the nearest
MANY = 2_000  # a source with more names than this has no header to guess at
HELPERS = ("_NPS_GROUP", "_TEXT", " - Group", " - Topics")  # endings of columns that a tool adds beside a question


def find_column(raw: Raw, header: str) -> str | None:
    """Column of the source that a header means: exactly, or but for case, spaces and markup."""
    exact, plain = _names(tuple(raw.frame.columns.tolist()), tuple(raw.aliases.items()))
    header = tidy_header(header)
    return exact.get(header) or plain.get(bare(header).casefold())


@lru_cache(maxsize=8)  # every rule of a map asks
def _names(columns: tuple[str, ...], aliases: tuple[tuple[str, str], ...]) -> tuple[dict[str, str], dict[str, str]]:
    """Columns by each of their names, as written and without case, spaces and markup; a name goes before an alias."""
    exact = {**dict(aliases), **{name: name for name in columns}}
    return exact, {bare(name).casefold(): column for name, column in exact.items()}


def nearest(raw: Raw, headers: list[str]) -> list[str]:
    """Names of the source that are most like these headers, at most three."""
    names = [*raw.frame.columns.tolist(), *raw.aliases]
    by_lower = {bare(name).casefold(): name for name in names} if len(names) <= MANY else {}
    close = [near for h in headers for near in difflib.get_close_matches(bare(h).casefold(), by_lower, 3, ALIKE)]
    return [by_lower[near] for near in dict.fromkeys(close)][:3]


def say_absent(raw: Raw, header: str, needed_for: str) -> str:
    """Sentence on a header that a source lacks: what needs it, the nearest there are, and what to do."""
    names = [*raw.frame.columns.tolist(), *raw.aliases]
    near = nearest(raw, [header])
    if near:
        hint = f"Nearest: {', '.join(map(repr, near))}."
    elif len(names) == 1:
        hint = f"The header reads as one column, {names[0][:80]!r}: is the separator right?"
    else:
        hint = f"Found: {', '.join(map(repr, names[:12]))}{' …' if len(names) > 12 else ''}."
    gap = f"{raw.name}: no column {header!r}, which {needed_for} is to come from."
    return f"{gap} {hint} Correct the map, or write one."


def find_described(raw: Raw, twin: str | None, patterns: list[str]) -> list[str]:
    """Columns that a twin beside them, or else the text of their question, shows to be what a rule looks for."""
    columns = [str(column) for column in raw.frame.columns]
    if twin:
        beside = [c for c in columns if c + twin in columns]
        if beside:
            return beside
    texts = [(column, column) for column in columns] + [(alias, column) for alias, column in raw.aliases.items()]
    fits = [
        column
        for text, column in texts
        if not text.endswith(HELPERS)
        and not column.endswith(HELPERS)
        and any(re.search(pattern, bare(text), re.IGNORECASE) for pattern in patterns)
    ]
    return list(dict.fromkeys(fits))


def question_of(raw: Raw, column: str) -> str:
    """All that the source says about a column: its header, and the text of its question where there is one."""
    return " / ".join([bare(column), *(bare(alias) for alias, name in raw.aliases.items() if name == column)])


def spell_out(header: str) -> str:
    """A header with spaces between its words.

    Examples
    --------
    >>> spell_out("ticket_text"), spell_out("NPSScoreLast")
    ('ticket text', 'NPS Score Last')
    """
    return re.sub(r"_|(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", header)


def bare(header: str) -> str:
    """A header without markup.

    Examples
    --------
    >>> bare("<p>How <b>likely</b> &amp; why?</p>")
    'How likely & why?'
    """
    return tidy(re.sub(r"<[^<>]+>", "", html.unescape(header)))
