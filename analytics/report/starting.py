"""From exports to a first report: drafts of maps, their open questions asked, and the files that hold them written."""

import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from analytics.publish.template import render
from analytics.tables.parts import label_parts
from analytics.tables.propose import Draft
from analytics.tables.questions import Question
from analytics.tables.schema import FIELDS
from analytics.tables.score_columns import without_period
from analytics.tables.sources import Raw, find_files, read_query, read_raw
from analytics.tables.start import answer_question, dates_quarters, draft_map, has_clock, leave_table, tables_of
from analytics.tables.workbook import WORKBOOKS, find_sheets, sheet_names
from analytics.text.mood import doubt_checked

TEMPLATES = Path(__file__).parent / "templates"
HEADER_ROWS = (2, 3)  # with which an export is tried beside one
REPEATS = 0.5  # share of a sheet's rows in other sheets from which it is a copy of them
MOST_QUESTIONS = 20  # that are asked of one export, as an answer may open the next

Part = tuple[Path, str | None, Raw]  # a file, its sheet where it has several, and what they hold
Ask = Callable[[str, Sequence[str]], int | None]


@dataclass(frozen=True)
class Origin:
    """One export: files of one layout and their sheet, or a query and the variable that holds its address."""

    source: dict[str, str | list[str]]
    raw: Raw
    reread: dict[int, Raw]


@dataclass(frozen=True)
class Started:
    """What was written, what is still open: (file, question), and why some sheets fill no table."""

    files: tuple[Path, ...]
    questions: tuple[tuple[str, str], ...]
    skipped: tuple[str, ...] = ()


def start_report(
    origins: Sequence[Origin], folder: Path, name: str, timezone: str | None = None, ask: Ask | None = None
) -> Started:  # fmt: skip
    """Write my.toml and a map for each export.

    Parameters
    ----------
    origins
        Exports, each of a table or several that no other fills.
    folder
        Where the files go.
    name, timezone
        Of the organisation; without a zone UTC stands for it, and is asked where some stamps name theirs.
    ask
        Gets a question and its answers, and returns the number of one or None; without it questions stay open.

    Raises
    ------
    ValueError
        If two exports fill the same table, or one fills none.
    """
    drafts, skipped = _draft_all(origins)
    drafts, left_out = _share_tables(drafts)
    drafts = [(origin, draft if ask is None else _answer(draft, ask)) for origin, draft in drafts]
    sources: list[tuple[str, list[tuple[str, str | list[str]]]]] = []
    files, open_questions = [], []
    for number, (origin, draft) in enumerate(drafts, 1):
        file = folder / f"my_map{f'_{number}' if number > 1 else ''}.toml"
        sources.append((tables_of(draft)[0], [*origin.source.items(), ("map", file.name)]))
        file.write_text(write_map(draft), encoding="utf-8")
        files.append(file)
        open_questions += [(file.name, _one_line(f"{q.place}: {q.asks}")) for q in draft.questions]
    asked = [] if timezone else _ask_zone([draft for _, draft in drafts])
    settings = folder / "my.toml"
    values = {"organisation": name, "timezone": timezone or "UTC", "sources": sources, "questions": asked}
    quarterly = any(dates_quarters(draft) for _, draft in drafts)
    settings.write_text(render(TEMPLATES / "settings.toml.j2", quarterly=quarterly, **values), encoding="utf-8")
    open_questions += [(settings.name, question) for question in asked]
    return Started((settings, *files), tuple(open_questions), (*skipped, *left_out))


def refuse_existing(folder: Path, force: bool) -> None:
    """Stop before anything is read where a file of an earlier start would be written over."""
    earlier = sorted(file.name for file in (folder / "my.toml", *folder.glob("my_map*.toml")) if file.exists())
    if earlier and not force:
        raise ValueError(f"{folder}: holds {', '.join(earlier)} already. Say --force to write over, or --folder.")


def find_origins(files: Sequence[Path], folder: Path) -> tuple[list[Origin], list[str]]:
    """Exports that files hold, files and sheets of one layout together; and what was not read."""
    found: dict[tuple[str, ...], list[Part]] = {}
    skipped: list[str] = []
    for file in files:
        for sheet in _sheets(file):
            try:
                raw = read_raw(file, file.name, sheet=sheet)
            except ValueError as error:
                if sheet is None:
                    raise
                skipped.append(f"sheet {sheet!r}: {error}")
                continue
            found.setdefault((*sorted(map(str, raw.frame.columns)), str(sheet is None)), []).append((file, sheet, raw))
    origins = []
    for alike in (part for same in found.values() for part in _joinable(same)):
        path = _name_files(list(dict.fromkeys(file for file, _, _ in alike)), folder)
        sheets = _name_sheets(alike)
        source: dict[str, Any] = {"path": path} | ({"sheet": sheets} if sheets else {})
        parts, name = [(file, sheet) for file, sheet, _ in alike], path if isinstance(path, str) else ", ".join(path)
        whole = {n: _join([_reread(file, sheet, n) for file, sheet in parts], parts, name) for n in HEADER_ROWS}
        first = _join([raw for *_, raw in alike], parts, name)
        if first is not None:
            origins.append(Origin(source, first, {n: raw for n, raw in whole.items() if raw is not None}))
    return origins, skipped


def query_origin(url_env: str, query: str) -> Origin:
    """An export that a database holds."""
    return Origin({"url_env": url_env, "query": query}, read_query(url_env, query), {})


def write_map(draft: Draft) -> str:
    """A draft as the text of a map file; each open question is a comment that keeps it from being read."""
    sections: list[tuple[str, list[tuple[str, str]]]] = []
    for table in (t for t in FIELDS if t in draft.content):
        section = draft.content[table]
        inner = {k: v for k, v in section.items() if k in ("extra", "where", "where_not")}
        sections.append((f"[{table}]", _lines({k: v for k, v in section.items() if k not in inner}, table, draft)))
        sections += [(f"[{table}.{k}]", _lines(v, f"{table}.{k}", draft)) for k, v in inner.items() if v]
    return render(
        TEMPLATES / "map.toml.j2", name=_one_line(draft.raw.name), shipped=draft.shipped, sections=sections,
        questions=[_written(question) for question in draft.questions],
        settings=_lines({k: v for k, v in draft.content.items() if k not in FIELDS}, "", draft),
        unused=[_one_line(f"{c.header[:80]} ({c.role}, {c.distinct:,} different)") for c in draft.unused[:40]],
    )  # fmt: skip


def toml_value(value: object) -> str:
    """A value as TOML writes it on one line.

    Examples
    --------
    >>> toml_value({"column": "How likely?", "scale": [0, 10], "reverse": True})
    '{ column = "How likely?", scale = [0, 10], reverse = true }'
    """
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml_key(k)} = {toml_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml_value(key)


def _lines(section: dict[str, Any], place: str, draft: Draft) -> list[tuple[str, str]]:
    """Lines of a section, each with what speaks for it as a comment."""
    why = {key: draft.evidence.get((place, key), "") for key in section}
    return [
        (f"{_toml_key(k)} = {toml_value(v)}", f"  # {_one_line(why[k])}" * bool(why[k])) for k, v in section.items()
    ]


def _written(question: Question) -> tuple[str, list[tuple[str, str]]]:
    choices = []
    for choice in question.choices:
        told = [
            f"take {'.'.join(path)} away" if value is None
            else f"{f'under [{path[0]}]: ' if len(path) > 1 else ''}{_toml_key(path[-1])} = {toml_value(value)}"
            for path, value in choice.edits
        ]  # fmt: skip
        choices.append((choice.means, _one_line("; ".join(told) or "delete these lines")))
    return _one_line(f"{question.place}: {question.asks}"), choices


def _one_line(text: str) -> str:
    """A text as a comment can hold it."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _called(origin: Origin) -> str:
    sheet = origin.source.get("sheet")
    return f"{f'sheet {sheet!r} of ' if sheet else ''}{origin.raw.name}"


def _draft_all(origins: Sequence[Origin]) -> tuple[list[tuple[Origin, Draft]], list[str]]:
    """The draft of each export, and why sheets of a workbook fill no table where another one does."""
    drafts: list[tuple[Origin, Draft]] = []
    faults: list[str] = []
    for origin in origins:
        try:
            drafts.append((origin, draft_map(origin.raw, origin.reread, doubt=doubt_checked)))
        except ValueError as error:
            faults.append(f"{_called(origin)}: {error}")
            if "sheet" not in origin.source:
                raise ValueError(faults[-1]) from None
    if not drafts:
        raise ValueError("\n".join(faults))
    return drafts, faults


def _share_tables(drafts: list[tuple[Origin, Draft]]) -> tuple[list[tuple[Origin, Draft]], list[str]]:
    """Each draft without the tables that another export is there for, and what is not read so.

    An export that fills one table goes first, then one of more rows; one that fills several is the source of the first
    that is left. A sheet about which questions are open gives way to a longer one.
    """
    owners: dict[str, Origin] = {}
    for origin, draft in sorted(drafts, key=lambda each: (len(tables_of(each[1])), -len(each[0].raw.frame))):
        free = [table for table in tables_of(draft) if table not in owners]
        if free:
            owners[free[0]] = origin
        elif "sheet" not in origin.source or not draft.questions:
            both = ", ".join(tables_of(draft))
            raise ValueError(f"{_called(origin)}: fills {both} as another export does. Start with one of the two.")
    shared, left_out = [], []
    for origin, draft in drafts:
        for table in [t for t in tables_of(draft) if owners.get(t, origin) is not origin]:
            left_out.append(f"{_called(origin)}: {table} are read from {_called(owners[table])} alone.")
            draft = leave_table(draft, table)
        shared += [(origin, draft)] if tables_of(draft) else []
    return shared, left_out


def _answer(draft: Draft, ask: Ask) -> Draft:
    """Ask what a draft leaves open, as far as a choice would settle it."""
    passed: set[str] = set()
    for _ in range(MOST_QUESTIONS):
        question = next((q for q in draft.questions if q.choices and q.place + q.asks not in passed), None)
        if question is None:
            break
        passed.add(question.place + question.asks)
        number = ask(_one_line(f"{question.place}: {question.asks}"), [choice.means for choice in question.choices])
        if number is not None:
            draft = answer_question(draft, question, question.choices[number])
    return draft


def _ask_zone(drafts: Sequence[Draft]) -> list[str]:
    """The question which zone stamps without one are in, where others name theirs."""
    clocks = {column: zoned for draft in drafts for column, zoned in has_clock(draft).items()}
    naive = [column for column, zoned in clocks.items() if not zoned]
    if not naive or len(naive) == len(clocks):
        return []
    named = ", ".join(map(repr, naive))
    return [_one_line(f"organisation.timezone, zone: {named} name none, other stamps do. Which zone are they in?")]


def _sheets(file: Path) -> list[str | None]:
    """Sheets of a workbook that has several; else None, the file as it is."""
    if file.suffix.lower() not in WORKBOOKS:
        return [None]
    try:
        read_raw(file, file.name)  # the one that holds a table, if only one does
        return [None]
    except ValueError:
        sheets = sheet_names(file)
        return [*sheets] if len(sheets) > 1 else [None]


def _joinable(alike: list[Part]) -> list[list[Part]]:
    """Files and sheets of one layout as one export, where no sheet repeats the others."""
    sheets = {sheet for _, sheet, _ in alike if sheet is not None}
    return (
        [alike] if len(sheets) < 2 or (_repeated([raw for *_, raw in alike]) < REPEATS).all() else [[o] for o in alike]
    )


def _repeated(raws: Sequence[Raw]) -> pd.Series:
    """The share of each part's different rows that stand in another one."""
    texts = [raw.frame[list(raws[0].frame)].astype("str") for raw in raws]
    rows = pd.concat({n: pd.util.hash_pandas_object(t, index=False).drop_duplicates() for n, t in enumerate(texts)})
    return rows.duplicated(keep=False).groupby(level=0).mean()


def _name_sheets(alike: Sequence[Part]) -> str | list[str] | None:
    """The sheet as a settings file names it, or the pattern or else the list of several."""
    sheets = list(dict.fromkeys(sheet for _, sheet, _ in alike if sheet is not None))
    pattern = _fitting(sheets)
    meant = {(file, sheet) for file, *_ in alike for sheet in find_sheets(file, pattern)}
    return pattern if meant == {(file, sheet) for file, sheet, _ in alike} else sheets or None


def _fitting(names: Sequence[str]) -> str | None:
    """The one name, or the pattern of several that differ in nothing but a period or number; else None."""
    different = list(dict.fromkeys(names))
    if len({*map(_undated, different)}) != 1 or len(different) == 1:
        return different[0] if len(different) == 1 else None
    start = os.path.commonprefix(different)
    return f"{start}*{os.path.commonprefix([name[len(start) :][::-1] for name in different])[::-1]}"


def _undated(name: str) -> str:
    """A name without the periods and numbers in it."""
    return re.sub(r"[\W\d_]+", " ", without_period(name.replace("_", " ")))


def _reread(file: Path, sheet: str | None, header_rows: int) -> Raw | None:
    try:
        return read_raw(file, file.name, sheet=sheet, header_rows=header_rows)
    except ValueError:
        return None


def _join(raws: Sequence[Raw | None], parts: Sequence[tuple[Path, str | None]], name: str) -> Raw | None:
    """Files of one layout as one export, each row with its part where these are no periods; None where one fails."""
    whole = [raw for raw in raws if raw is not None]
    if not whole or len(whole) < len(raws) or any({*raw.frame} != {*whole[0].frame} for raw in whole):
        return None
    if len(whole) == 1:
        return replace(whole[0], name=name)
    kinds = {_undated(sheet or file.stem) for file, sheet in parts}
    labelled = label_parts(whole, parts) if len(kinds) > 1 and not _repeated(whole).any() else whole
    frame = pd.concat([raw.frame for raw in labelled])
    return replace(whole[0], name=name, frame=frame.set_axis(range(1, len(frame) + 1)))


def _name_files(files: Sequence[Path], folder: Path) -> str | list[str]:
    """The path of one file as a settings file in a folder names it, or the pattern or else the list of several."""
    paths = [os.path.relpath(file.absolute(), folder.absolute()) for file in files]
    pattern = _fitting(paths)
    if pattern is None or len(files) == 1:
        return pattern or paths
    return pattern if {*map(Path.resolve, find_files(pattern, folder))} == {*map(Path.resolve, files)} else paths
