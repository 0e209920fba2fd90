"""A map for an export that nobody has described: what columns hold and headers say, with the evidence of each line."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from analytics.tables.check import Checked
from analytics.tables.headers import question_of, spell_out
from analytics.tables.labels import pole
from analytics.tables.maps import SCALES
from analytics.tables.meaning import LABELS, ColumnProfile, Doubt, profile_column
from analytics.tables.parts import PARTS
from analytics.tables.questions import Choice, Question, ask, name_all
from analytics.tables.schema import FIELDS, Field
from analytics.tables.score_columns import NPS_GROUPS, PROPOSED, READABLE, find_scores, reads_as, says, scale_words
from analytics.tables.sources import Raw
from analytics.tables.spelling import LONGEST_FIGURE, filled_cells
from analytics.tables.times import SERIAL_RANGE, read_periods, steps_back
from analytics.tables.workbook import WORKBOOKS

LOOKED_AT, BEGINNING = 20_000, 1_000  # rows and characters that a column is profiled by; the checks then read all
FEW_GROUPS = 15  # a column of at most so many words may serve as a group
MOST_GROUPS = 8  # groups that a first map proposes
SHORT_COMMENT = 1.5  # spaces in a comment on average, where its header calls it one
FEWEST_PEOPLE = 4  # different ones in a column of ids, not of yes and no
REPEATS = 5  # answers for each different text, from which on few texts may be a list to choose from
FEW_REPEATS = 0.05  # share of rows that repeat another one with its words, which chance does not explain
RIVAL = 0.2  # of the answers in the fullest column of comments, from which another one counts as much
REPEATED = 0.5  # share of different ids from which an id that repeats may still be a row's own: versions, or halves
LONG = 7  # spaces in a text that hardly two customers write alike
_STAMP = Field("stamp", "time", "")
_JOINED = r"[,;|]"  # between answers chosen from a list


@dataclass(frozen=True)
class Draft:
    """A proposed map.

    `content` is what the file holds, `evidence` what speaks for a line, by table and column; `unused` are the columns
    that it leaves, `shipped` the shipped map that it is a copy of, or ''. `doubt` gets a checked table of surveys and
    returns what else speaks against its map.
    """

    raw: Raw
    content: dict[str, Any]
    evidence: Mapping[tuple[str, str], str] = field(default_factory=dict)
    unused: tuple[ColumnProfile, ...] = ()
    questions: tuple[Question, ...] = ()
    shipped: str = ""
    doubt: Callable[[Checked], list[Doubt]] = lambda checked: []


def propose(raw: Raw) -> Draft:
    """Propose a map from what the columns hold and what their headers say.

    Parameters
    ----------
    raw
        The export; its first rows show what the columns hold.

    Returns
    -------
    Draft
        Not yet checked; its questions ask which column is the score.

    Raises
    ------
    ValueError
        If no column looks like a score, a customer's words, or a record of a contact, complaint or customer.
    """
    looked = raw.frame.iloc[:LOOKED_AT]
    again = looked.astype("str").duplicated()
    looked = looked[~again]
    texts: pd.DataFrame = looked.select_dtypes("str").apply(lambda cells: cells.str.slice(0, BEGINNING))
    columns = {str(c): texts[c] if c in texts else looked[c] for c in looked.columns}
    workbook = raw.name.lower().endswith(WORKBOOKS)
    profiles = [profile_column(values, c, question_of(raw, c), columns) for c, values in columns.items()]
    profiles = [_look_again(profile, columns[profile.header], workbook) for profile in profiles]
    content: dict[str, Any] = {}
    evidence: dict[tuple[str, str], str] = {}
    questions: list[Question] = []
    scores, asked = find_scores(profiles, columns)
    tables = _choose_tables(profiles, bool(scores), bool(asked) or any(map(_tells_questions, profiles)))
    taken = {p.header for p in scores.values()} | {*asked}
    for table in tables:
        lines = _fill(table, profiles, taken)
        if table == "surveys":
            lines |= scores
            said = [p for p in profiles if "contacts" in tables and _tells_contact(p)]
            found, more = _read_answers(raw, profiles, columns, lines, said)
            lines |= found
            questions += [*asked.values(), *more]
            taken |= {lines["comment"].header} if "comment" in lines else set()
            if "comment" in lines and "response_id" not in lines:
                headers, texts = [p.header for p in lines.values()], lines["comment"].header
                questions += _ask_once(raw.frame.iloc[:LOOKED_AT], again, headers, texts)
        if table == "customers" and "left_at" not in lines:
            ends = [p.header for p in profiles if p.role == "time" and says("ended", p.header)][:1]
            questions += [ask("left", [((("customers", "left_at"), end),)], header=end) for end in ends]
        if "responded_at" in lines and lines["responded_at"].filled == 1:
            lines.pop("invited_at", None)  # an export of answers alone does not say who was asked
        section = {s.name: _rule_of(lines[s.name], columns, workbook) for s in FIELDS[table] if s.name in lines}
        primary = FIELDS[table][0].name
        if primary not in section and table in ("surveys", "complaints"):
            section = {primary: {"row_number": "row-"}} | section
            evidence[table, primary] = "no column tells every row from the others, so rows are numbered"
        content[table] = section
        evidence |= {(table, name): _evidence(profile) for name, profile in lines.items()}
    used = {header for section in content.values() for header in map(header_of, section.values())}
    first = next(iter(content))
    spare = [p for p in profiles if p.header not in used | {*asked}]
    ours = {spec.name for spec in FIELDS[first]}
    groups = {_key(p.header): p for p in [p for p in spare if _is_group(p, columns[p.header])][:MOST_GROUPS]}
    groups = {f"{key}_group" if key in ours else key: p for key, p in groups.items()}
    if groups:
        parts = {p.header: {"column": p.header, "optional": True} for p in groups.values() if p.header in PARTS}
        content[first]["extra"] = {key: parts.get(p.header, p.header) for key, p in groups.items()}
        evidence |= {(f"{first}.extra", key): _evidence(p) for key, p in groups.items()}
    unused = tuple(p for p in spare if p not in groups.values())
    return Draft(raw, content, evidence, unused, tuple(questions))


def _read_answers(
    raw: Raw, profiles: Sequence[ColumnProfile], columns: Mapping[str, pd.Series],
    lines: Mapping[str, ColumnProfile], said: Sequence[ColumnProfile],
) -> tuple[dict[str, ColumnProfile], list[Question]]:  # fmt: skip
    """What words and dates answers have beside their scores and ids, and what is open; `said` are texts of contacts."""
    questions = [*_ask_whose(raw, profiles, columns), *_ask_rows(profiles, columns), *_ask_who(profiles)]
    rated, found = lines.get("response_id"), dict[str, ColumnProfile]()
    if rated and "contact_id" not in lines and re.search(PROPOSED["contact"], rated.question, re.IGNORECASE):
        found["contact_id"] = rated  # an answer for each contact
    for find in (_find_words, _find_date):
        line, question = find([p for p in profiles if p not in said], {**lines, **found})
        found |= line
        questions += question
    return found, questions


def _rule_of(profile: ColumnProfile, columns: Mapping[str, pd.Series], workbook: bool) -> object:
    """What a map says of a column: its header, with what its values need to be read."""
    words = scale_words(columns[profile.header])
    if words:
        return {"column": profile.header, "values": dict(sorted(words.items(), key=lambda kv: kv[::-1]))}
    if profile.role == "time" and not workbook and SERIAL_RANGE[0] <= profile.low <= profile.high <= SERIAL_RANGE[1]:
        return {"column": profile.header, "excel_serial": True}
    return profile.header


def _look_again(profile: ColumnProfile, values: pd.Series, workbook: bool) -> ColumnProfile:
    """A column that is more than its values show: stamps in another spelling, and few or short comments."""
    if profile.role not in ("id", "category", "comment", "constant", "number"):
        return profile
    different = pd.Series(filled_cells(values).unique(), dtype="str")  # of a period few: the checks read them all
    if period := read_periods(different)[0]:
        return replace(profile, role="time" if period in ("week", "month") else "period")
    if different.str[:LONGEST_FIGURE].map(steps_back).notna().mean() > READABLE:
        return replace(profile, role="time")
    dated = says("dated", profile.header)
    if profile.role == "number":
        counted = SERIAL_RANGE[0] <= profile.low <= profile.high <= SERIAL_RANGE[1]
        return replace(profile, role="time") if dated and (counted or reads_as(values, _STAMP, workbook)) else profile
    spelt = values.astype("str").str.contains(r"\d\D+\d", na=False)
    if (dated or spelt.mean() > READABLE) and reads_as(values, _STAMP, workbook):
        return replace(profile, role="time")
    if profile.role == "constant" or pole(profile.header):
        return profile
    filled = pd.Series(values.dropna().astype("str").unique())
    asked = says("words", profile.question) and filled.str.count(" ").mean() >= SHORT_COMMENT
    if not (profile.role == "comment" or asked or says("comment", profile.header)):
        return profile
    chosen = filled_cells(values).str.split(_JOINED).explode().str.strip()
    if filled.str.contains(_JOINED).mean() > RIVAL and chosen.nunique() <= LABELS:  # several of a list in a cell
        profile = replace(profile, n=len(chosen), distinct=chosen.nunique())
    return replace(profile, role="comment")


def _find_words(
    profiles: Iterable[ColumnProfile], lines: Mapping[str, ColumnProfile]
) -> tuple[dict[str, ColumnProfile], list[Question]]:
    """The column of customers' own words; a question where several are, or none is called so."""
    taken = {p.header for name, p in lines.items() if name not in SCALES}
    texts = [p for p in profiles if p.role == "comment" and p.header not in taken]
    texts = [p for p in texts if not _is_wordless(p)]
    most = max((p.n for p in texts), default=0)
    texts = sorted((p for p in texts if p.n >= RIVAL * most), key=lambda p: -p.n)
    named = [p for p in texts if says("words", p.question)]
    if not texts or (len(named) == 1 and not _is_list(named[0])):
        return ({"comment": named[0]} if named else {}), []
    texts = named or texts
    headers = [p.header for p in texts[:4]]
    place = ("surveys", "comment")
    choices = [Choice(f"those in {header!r}", ((place, header),)) for header in headers]
    if len(headers) > 1:
        choices.append(Choice("those in all of them, one after the other", ((place, {"columns": headers}),)))
    hold = "may hold" if not named else "hold" if len(headers) > 1 else "holds"
    lists = [p for p in texts[:4] if _is_list(p)][:1]
    told = "".join(f" Only {p.distinct} different ones are among {p.n:,} in {p.header!r}." for p in lists)
    return {}, [ask("comment", choices=choices, headers=name_all(headers), hold=hold, lists=told)]


def _find_date(
    profiles: Iterable[ColumnProfile], lines: Mapping[str, ColumnProfile]
) -> tuple[dict[str, ColumnProfile], list[Question]]:
    """The column that dates answers, where its header does not say so; a question where it may be of something else."""
    if {"responded_at", "invited_at"} & {*lines}:
        return {}, []
    stamps = [p for p in profiles if p.role == "time"]
    if len(stamps) == 1 and not says("undated", stamps[0].question):
        return {"responded_at": stamps[0]}, []
    vague = [p for p in profiles if says("period", p.header) and p.role in ("category", "number", "constant")]
    stamps += [p for p in profiles if p.role == "period"]
    if not stamps and not vague:
        return {}, []
    first = ", by the first day of each quarter or half a year, for reports of quarters"
    means = {p.header: f"{p.header!r}{first if p.role == 'period' else ''}" for p in stamps[:4]}
    choices = [Choice(text, ((("surveys", "responded_at"), header),)) for header, text in means.items()]
    headers = name_all([p.header for p in [*stamps, *vague][:4]])
    return {}, [
        ask("date", choices=choices, headers=headers, none="." if stamps else ", which no day can be read from.")
    ]


def _ask_whose(raw: Raw, profiles: Iterable[ColumnProfile], columns: Mapping[str, pd.Series]) -> list[Question]:
    """The question whether people of another kind answered, where a name speaks of them and none of customers."""
    header = next((name for name in PARTS if name in columns), "")
    parts = [str(part) for part in columns[header].unique()] if header else []
    names = [*parts, *(p.header for p in profiles), raw.name, *raw.remarks]
    others = next((name for name in names if says("others", name)), "")
    if not others or (others not in parts and any(says("customers", name) for name in names)):
        return []
    out = ((("surveys", "where_not", header), [others]),)
    choices = [Choice(f"all but those in {others!r}", out)] if others in parts else []
    return [ask("whose", choices=choices, others=others, of=says("others", others))]


def _ask_rows(profiles: Iterable[ColumnProfile], columns: Mapping[str, pd.Series]) -> list[Question]:
    """Questions on rows that may be no answer of one customer: sums of several, and tests."""
    asked = []
    for p in profiles:
        if p.role == "number" and p.whole and p.high > 1 and says("counted", p.header):
            asked.append(ask("counted", **vars(p)))
        if p.role in ("number", "id") and says("weighted", p.header):
            asked.append(ask("weighted", [((("surveys", "weight"), p.header),)], **vars(p)))
        if _tells_questions(p):
            asked.append(ask("asked", **vars(p)))
        topic = p.question.endswith("?") and not says("words", p.question)  # where 'testing' is an answer
        said = "tried" if p.role == "comment" and not topic else ""
        kind = said or next((value for header, value in PROPOSED["spoilt"].items() if says(header, p.header)), "")
        if not kind or p.role in ("time", "id"):
            continue
        tests = sorted({v for v in filled_cells(columns[p.header]).unique() if len(v) < BEGINNING and says(kind, v)})
        if tests:
            out = ((("surveys", "where_not", p.header), tests),)
            asked.append(ask("tests", [out], header=p.header, tests=name_all(tests[:4])))
    return asked


def _ask_once(rows: pd.DataFrame, again: pd.Series, headers: list[str], texts: str) -> list[Question]:
    """The question whether rows that repeat another one, with all its words, count."""
    if again.mean() > FEW_REPEATS:
        once = ((("surveys", "response_id"), {"columns": [*rows.columns]}),)
        return [ask("repeated", [once], count=int(again.sum()), n=len(again))]
    long = rows.loc[rows[texts].astype("str").str.count(" ").ge(LONG), headers]
    count = int(long.astype("str").duplicated().sum())
    return [ask("joined", count=count, n=len(long))] if count > FEW_REPEATS * len(long) else []


def _ask_who(profiles: Iterable[ColumnProfile]) -> list[Question]:
    """The question who is a customer, where an export names companies and their people."""
    ids = [p for p in profiles if p.role in ("id", "number", "category") and p.distinct > 1]
    who = [p for what in ("account", "member") for p in [p for p in ids if says(what, p.header)][:1]]
    if len(who) < 2 or who[0].distinct >= who[1].distinct:
        return []
    named = " and ".join(f"{p.header!r} ({p.distinct:,} different)" for p in who)
    choices = [Choice(f"each {p.header!r}", ((("surveys", "customer_id"), p.header),)) for p in who]
    return [ask("who", choices=choices, ids=named)]


def _choose_tables(profiles: Iterable[ColumnProfile], scored: bool, asked: bool) -> list[str]:
    """The tables that an export can fill, the one that it is about first."""
    profiles = list(profiles)
    fills = {table: _fill(table, profiles, set()) for table in FIELDS}
    complete = {table for table, needs in PROPOSED["needs"].items() if {*needs} <= {*fills[table]}}
    company = {"channel", "team", "agent_id", "resolved_at", "first_response_at"} & {*fills["contacts"]}
    tables = ["surveys"] if scored or asked else []
    counts = [p.header for p in profiles if p.role == "number" and not _is_key(p)]
    named = any("complain" in p.header.casefold() and p.header not in counts for p in profiles)
    if not tables and "complaints" in complete and named:
        return ["complaints"]
    about = fills["contacts"].get("contact_id")
    helped = not tables and about is not None and re.search(PROPOSED["contact"], about.question, re.IGNORECASE)
    if "contacts" in complete and (len(company) >= 2 or helped):
        return [*tables, "contacts"]
    words = [p for p in profiles if p.role == "comment" and not _is_wordless(p)]
    named = any(says("words", p.question) for p in words)
    people = fills["customers"] if "customers" in complete and not scored and not named else {}
    if people and (not asked or (_is_key(people["customer_id"]) and says("joined", people["joined_at"].header))):
        return ["customers", *tables]
    if not tables and words:
        return ["surveys"]
    if not tables:
        names = ", ".join(repr(p.header) for p in profiles[:20])
        raise ValueError(
            "no column looks like a score, a customer's own words, a contact, a complaint or a customer. "
            f"Found: {names}. Write the map by hand: data/README.md lists what it can say."
        )
    return tables


def _fill(table: str, profiles: Iterable[ColumnProfile], taken: set[str]) -> dict[str, ColumnProfile]:
    """The column of each field of a table, by header and by what it holds; a column serves one field."""
    taken, filled = set(taken), {}
    for spec in FIELDS[table]:
        patterns = PROPOSED[table].get(spec.name, [])
        primary = spec is FIELDS[table][0]
        fits = [p for p in profiles if p.header not in taken and _fits(p, spec, primary)]
        texts = [(p, text) for p in fits for text in dict.fromkeys([p.question, spell_out(p.question)])]
        match = next((p for pattern in patterns for p, t in texts if re.search(pattern, t, re.IGNORECASE)), None)
        if match is None and primary:  # one that repeats, for its rows are versions or halves of one another
            least = 0 if table == "customers" else REPEATED
            again = (p for p in profiles if p.header not in taken and p.filled == 1 and p.distinct >= least * p.n)
            again = (p for p in again if p.role in ("id", "number", "category") and not says("personal", p.header))
            match = next((p for p in again if re.search(patterns[0], p.question, re.IGNORECASE)), None)
        if match is not None:
            filled[spec.name] = match
            taken.add(match.header)
    return filled


def _fits(profile: ColumnProfile, spec: Field, primary: bool) -> bool:
    """Whether a column holds what a field asks for; a primary id tells every row from the others."""
    if spec.kind == "time":
        unlike = {"responded_at": "undated", "left_at": "another"}.get(spec.name, "")
        return profile.role == "time" and not (unlike and says(unlike, profile.header))
    if primary:
        return profile.role in ("id", "number") and _is_key(profile)
    wordless = _is_list(profile) or _is_wordless(profile)
    if spec.name == "customer_id" and profile.distinct < min(FEWEST_PEOPLE, profile.n / 2):
        return False
    return profile.role in PROPOSED["roles"].get(spec.kind, []) and not (spec.kind == "text" and wordless)


def _is_key(profile: ColumnProfile) -> bool:
    """Whether a column tells every row from the others."""
    return profile.distinct == profile.n and profile.filled == 1


def _is_wordless(profile: ColumnProfile) -> bool:
    """Whether the header of texts says that customers did not write them to the organisation."""
    return any(says(what, profile.question) for what in ("company", "other", "thing"))


def _tells_contact(profile: ColumnProfile) -> bool:
    """Whether a column holds what was said in a contact, rather than of it."""
    return profile.role == "comment" and bool(
        re.search(PROPOSED["contacts"]["text"][0], profile.question, re.IGNORECASE)
    )


def _tells_questions(profile: ColumnProfile) -> bool:
    """Whether each row answers one of several questions, which this column tells apart."""
    texts = profile.role in ("category", "comment") and 1 < profile.distinct < profile.n
    return texts and bool(says("asked", profile.header))


def _is_list(profile: ColumnProfile) -> bool:
    """Whether texts come again so often that they may have been chosen from a list."""
    return profile.distinct <= LABELS and profile.n >= REPEATS * profile.distinct


def _is_group(profile: ColumnProfile, values: pd.Series) -> bool:
    """Whether a column groups rows by something else than a person, a time or the score again."""
    groups = profile.role == "category" and 1 < profile.distinct <= FEW_GROUPS and profile.filled >= FEW_REPEATS
    no_group = ("personal", "restated")
    if not groups or says("period", profile.header) or any(says(what, profile.question) for what in no_group):
        return False
    return not {str(v).casefold().removesuffix("s") for v in filled_cells(values).unique()} <= {*NPS_GROUPS}


def _key(header: str) -> str:
    """A header as a bare key of a map; of a brand or company, the name under which a report compares them."""
    if says("brand", header) or says("company_name", header):
        return "brand" if says("brand", header) else "company"
    return re.sub(r"\W+", "_", header.casefold(), flags=re.ASCII).strip("_")[:40] or "column"


def _evidence(profile: ColumnProfile) -> str:
    """What speaks for a line, in a few words."""
    span = f"{'whole ' * profile.whole}numbers {profile.low:g} to {profile.high:g}"
    numbers = span if profile.numbers > READABLE else ""
    beside = [f"{profile.twin} beside it"] if profile.twin else []
    labels = [f"{label.code:g} = {label.words}" for label in profile.labels if label.pole][:2]
    asked = [f"question {profile.question[:90]!r}"] if profile.question != profile.header else []
    kind = profile.role if profile.role not in ("number", *SCALES) else ""
    better = "nothing says that lower is better" if 1 < profile.high <= 10 and profile.whole else ""
    facts = [f"{profile.distinct:,} different", f"{profile.filled:.0%} filled"]
    return ", ".join(filter(None, [numbers, kind, *facts, *beside, *labels, *asked, better]))


def header_of(rule: object) -> object:
    """The header that a rule of a map names, as text or under its key `column`; None where it names none."""
    return rule.get("column") if isinstance(rule, dict) else rule
