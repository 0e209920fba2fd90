"""The first draft of a map: a shipped one where the headers are its tool's, else a proposal; what is open is asked."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from analytics.tables.check import Checked, Piece, check_table
from analytics.tables.doubles import version_header
from analytics.tables.headers import find_column, find_described
from analytics.tables.maps import SCALES, ExportMap, parse_map, translate
from analytics.tables.meaning import TYPE_HEADER, Doubt
from analytics.tables.propose import LOOKED_AT, Draft, header_of, propose
from analytics.tables.questions import Choice, Edits, Question
from analytics.tables.schema import FIELDS, DataContractError
from analytics.tables.score_columns import MAPS, READABLE, as_scores
from analytics.tables.sources import Raw
from analytics.tables.spelling import filled_cells
from analytics.tables.times import all_steps_back

ROWS = "surveys, rows"  # of which several things are asked, each for itself
RECOGNISED = 3  # headers of a shipped map that must be there before an export counts as its tool's


def draft_map(
    raw: Raw, reread: Mapping[int, Raw] | None = None, maps: Path = MAPS,
    doubt: Callable[[Checked], list[Doubt]] = lambda checked: [],
) -> Draft:  # fmt: skip
    """Propose a map for one export.

    Parameters
    ----------
    raw
        The export with one header row.
    reread
        The same export by the number of its header rows, as far as it can be read with more than one.
    maps
        Folder of the shipped maps.
    doubt
        What else speaks against the map of a checked table of surveys, such as the words beside a score.

    Returns
    -------
    Draft
        Its questions are open: with one of them the map cannot be read.

    Raises
    ------
    ValueError
        If no column looks like a score, a customer's words, or a record of a contact, complaint or customer.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"Id": ["a", "b", "c"], "Date": ["2026-05-01"] * 3, "Stars": ["5", "1", "4"]})
    >>> draft = draft_map(Raw("reviews.csv", frame.set_axis([1, 2, 3]), ""))
    >>> draft.content["surveys"]
    {'response_id': 'Id', 'responded_at': 'Date', 'csat': 'Stars'}
    """
    shipped = _recognise({1: raw, **(reread or {})}, maps)
    if shipped is None:
        draft = propose(raw)
    elif _finds_score(shipped):
        draft = shipped
    else:
        try:
            draft = _prefer(shipped, _keep_filters(propose(shipped.raw), shipped))
        except ValueError:
            draft = shipped
    return _check(replace(draft, doubt=doubt))


def answer_question(draft: Draft, question: Question, choice: Choice) -> Draft:
    """The draft as an answer makes it, checked anew; it settles all that was asked of its place, but for rows."""
    settled = question.place if question.proposed and choice.edits and question.place != ROWS else None
    waiting = [q for q in draft.questions if q.proposed and q is not question and q.place != settled]
    return _check(replace(draft, content=choice.edit(draft.content), questions=tuple(waiting)))


def find_questions(draft: Draft) -> list[Question]:
    """What the checks of a read would refuse of a draft, each fault as a question with the answers there are."""
    try:
        layout = parse_map(draft.content, "proposed")
    except ValueError as error:
        return [Question("", line) for line in str(error).splitlines()]
    asked: list[Question] = []
    for table, table_map in layout.tables.items():
        try:
            checked = check_table(table, [Piece(draft.raw, table_map, layout)], layout.zone or "UTC")
            doubts = draft.doubt(checked) if table == "surveys" else []
            asked += [Question(f"{table}.{d.column}", str(d), _choices(draft, table, d.column)) for d in doubts]
        except DataContractError as error:
            for row in error.failures.itertuples(index=False):
                column = str(row.column)
                asked.append(Question(f"{table}.{column}", str(row.reason), _choices(draft, table, column)))
    return asked


def has_clock(draft: Draft) -> dict[str, bool]:
    """For each mapped stamp that shows a clock: whether it names its zone."""
    stamps = [
        find_column(draft.raw, header)
        for table in FIELDS
        for spec in FIELDS[table]
        if spec.kind == "time" and isinstance(header := header_of(draft.content.get(table, {}).get(spec.name)), str)
    ]
    texts = {c: draft.raw.frame[c].iloc[:LOOKED_AT].astype("str") for c in dict.fromkeys(filter(None, stamps))}
    clocks = {c: t[t.str.contains(r"\d:\d\d", na=False)] for c, t in texts.items()}
    zoned = r"(?:Z|UTC|GMT|[+-]\d\d:?\d\d)\b"
    return {c: bool(t.str.contains(zoned, na=False).mean() > READABLE) for c, t in clocks.items() if len(t)}


def dates_quarters(draft: Draft) -> bool:
    """Whether answers name no more of their day than its quarter or half a year; of any column if none is mapped."""
    dated = header_of(draft.content.get("surveys", {}).get("responded_at"))
    return any(column.role == "period" and dated in (None, column.header) for column in draft.unused)


def leave_table(draft: Draft, table: str) -> Draft:
    """The draft without one of its tables and what is asked of it, checked anew."""
    content = {key: value for key, value in draft.content.items() if key != table}
    rest = (q for q in draft.questions if q.proposed and not q.place.startswith(table))
    return _check(replace(draft, content=content, questions=tuple(rest)))


def tables_of(draft: Draft) -> list[str]:
    """The tables that a draft fills, in the order in which tables are read."""
    return [table for table in FIELDS if table in draft.content]


def _check(draft: Draft) -> Draft:
    """The draft with what a read would refuse; while a score is open a check says little of a whole table."""
    surveys, told = draft.content.get("surveys", {}), {"surveys, score", "surveys, comment"}
    silent = surveys and not {*SCALES, "comment"} & {*surveys} and not told & {q.place for q in draft.questions}
    if silent and len(tables_of(draft)) > 1:
        return leave_table(draft, "surveys")  # what may have been a score is none
    wrong = [q for q in find_questions(draft) if q.choices or not draft.questions]
    return replace(draft, questions=(*draft.questions, *wrong))


def _choices(draft: Draft, table: str, column: str) -> tuple[Choice, ...]:
    """What a map can say of a column that is in doubt."""
    content = draft.content
    rule = content.get(table, {}).get(column)
    spec = next((spec for spec in FIELDS[table] if spec.name == column), None)
    if rule is None or spec is None:
        return ()
    full = dict(rule) if isinstance(rule, dict) else {"column": rule}
    leave_out = Choice("leave this column out", (((table, column), None),))
    if column in SCALES:
        return (*_as_scores(draft, column, full), leave_out)
    if spec.kind == "time" and _counts_back(draft, rule):
        today = f"{pd.Timestamp.now():%Y-%m-%d}"
        return (Choice(f"they were read today, {today}", ((("read_on",), today),)), leave_out)
    if spec.kind == "time":
        day = Choice("the day comes first, 31/12", ((("day_first",), True),))
        month = Choice("the month comes first, 12/31", ((("day_first",), False),))
        return (day, month) if spec.required else (day, month, leave_out)
    if column == FIELDS[table][0].name:
        own = Choice(
            "each row stands for itself", (((table, column), {"row_number": "row-"}), *_keep_person(draft, rule))
        )
        stamp = version_header(map(str, draft.raw.frame.columns))
        by = (((table, "updated_at"), stamp),) if stamp else ()
        latest = Choice("of several rows the last counts", (((table, "keep"), "latest"), *by))
        return (own, latest) if table in ("surveys", "complaints") else (latest,)
    if spec.required and spec.kind == "id" and column != FIELDS[table][0].name:
        alone = content[table][FIELDS[table][0].name]
        return (Choice("take each row for one customer of its own", (((table, column), alone),)),)
    return () if spec.required else (leave_out,)


def _counts_back(draft: Draft, rule: object) -> bool:
    """Whether stamps of a column count back from a day that is not said."""
    header = header_of(rule)
    if "read_on" in draft.content or not isinstance(header, str) or header not in draft.raw.frame:
        return False
    return not all_steps_back(pd.Series(filled_cells(draft.raw.frame[header]).unique(), dtype="str")).empty


def _keep_person(draft: Draft, rule: object) -> Edits:
    """Whose the rows are where an id that repeats was a respondent's, so that people are counted and not answers."""
    named = isinstance(rule, str) and re.search("respond|person|participant", rule, re.IGNORECASE)
    return ((("surveys", "customer_id"), rule),) if named and "customer_id" not in draft.content["surveys"] else ()


def _as_scores(draft: Draft, column: str, full: dict[str, Any]) -> list[Choice]:
    """What a mapped score may be, and a blank of it where the lowest answer never occurs."""
    rule = parse_map(draft.content, "proposed").tables["surveys"].columns[column]
    header = next(filter(None, (find_column(draft.raw, h) for h in rule.headers)), "")
    cells = draft.raw.frame[header] if header else pd.Series(dtype="str")
    values = translate(cells, rule).astype("str").str.strip()
    choices = as_scores(full, values, column)
    if column == "nps" and values.fillna("").eq("").any() and not values.eq("0").any():
        silent, zero = full | {"blank": ["", *rule.blank]}, full | {"values": {"": 0, **rule.values}}
        blanks = {"a blank is no answer": silent, "a blank is 0": zero}
        choices += [Choice(text, ((("surveys", column), stated),)) for text, stated in blanks.items()]
    for beside in (c for c in map(str, draft.raw.frame.columns) if re.match(TYPE_HEADER, c, re.IGNORECASE)):
        kinds = [k for k in filled_cells(draft.raw.frame[beside]).unique() if k.casefold() == column]
        where = ((("surveys", "where", beside), kinds),)
        choices += [Choice(f"this, of the rows whose {beside!r} is {kind!r}", where) for kind in kinds[:1]]
    return choices


def _recognise(raws: Mapping[int, Raw], maps: Path) -> Draft | None:
    """The shipped map of whose headers most are there, where every one that it must have is."""
    best, most = None, RECOGNISED - 1
    for file in sorted(maps.glob("*.toml")):
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        layout = parse_map(content, file.name)
        raw = raws.get(layout.header_rows)
        headers = _required_headers(layout, raw) if raw is not None else 0
        if raw is not None and headers > most:
            best, most = Draft(raw, content, shipped=file.name), headers
    return best


def _required_headers(layout: ExportMap, raw: Raw) -> int:
    """How many headers of a map a source has; none where it lacks one that the map needs, or needs only one."""
    rules = [rule for table in layout.tables.values() for rule in table.rules.values()]
    filters = [h for table in layout.tables.values() for h in (*table.where, *table.where_not)]
    present = {h for rule in rules for h in rule.headers if find_column(raw, h)}
    needed = [rule for rule in rules if not rule.optional and rule.headers]
    lacking = any(not present & {*rule.headers} for rule in needed) or any(not find_column(raw, h) for h in filters)
    return 0 if lacking or len(needed) + len(filters) < 2 else len(present)


def _prefer(shipped: Draft, proposed: Draft) -> Draft:
    """Of a tool's map without a score and a proposal: what finds a score, else what finds words or fills a table."""
    if {*SCALES} & {*proposed.content.get("surveys", {})} or _finds_score(proposed):
        return proposed
    return shipped if "surveys" not in shipped.content or _finds_score(shipped, "comment") else proposed


def _finds_score(draft: Draft, *names: str) -> bool:
    """Whether a map finds a score, or these columns of surveys, in its export."""
    surveys = parse_map(draft.content, draft.shipped).tables.get("surveys")
    rules = [rule for name, rule in surveys.columns.items() if name in (names or SCALES)] if surveys else []
    described = (find_described(draft.raw, rule.twin, rule.question) for rule in rules)
    return any(described) or any(find_column(draft.raw, header) for rule in rules for header in rule.headers)


def _keep_filters(draft: Draft, shipped: Draft) -> Draft:
    """A proposal with what a tool's map says of layout and of rows that do not count."""
    settings = {k: v for k, v in shipped.content.items() if k not in FIELDS and k != "about"}
    filters = {k: v for k, v in shipped.content.get("surveys", {}).items() if k in ("where", "where_not")}
    surveys = draft.content.get("surveys", {}) | filters
    return replace(draft, content=settings | draft.content | ({"surveys": surveys} if surveys else {}))
