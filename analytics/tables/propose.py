"""A map for an export that nobody has described: what columns hold and headers say, with the evidence of each line."""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from analytics.tables.check import Checked
from analytics.tables.convert import convert
from analytics.tables.headers import question_of
from analytics.tables.labels import pole
from analytics.tables.maps import SCALES
from analytics.tables.meaning import ColumnProfile, Doubt, asked_for, profile_column
from analytics.tables.schema import FIELDS, Field
from analytics.tables.sources import Raw
from analytics.tables.spelling import Reading

MAPS = Path(__file__).parents[2] / "data" / "maps"
LOOKED_AT = 20_000  # rows that a column is profiled by; the checks then read all
FEW_GROUPS = 15  # a column of at most so many words may serve as a group
MOST_ASKED = 8  # columns of one export that are asked about
MOST_GROUPS = 8  # groups that a first map proposes
SHORT_COMMENT = 1.5  # spaces in a comment on average, where its header calls it one
READABLE = 0.9  # share of a column's values that must read as what a header promises

_WORDS = tomllib.loads(Path(__file__).with_name("propose.toml").read_text(encoding="utf-8"))
_NEEDS: dict[str, list[str]] = _WORDS.pop("needs")
_ROLES: dict[str, list[str]] = _WORDS.pop("roles")
_HEADER = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _WORDS.pop("headers").items()}

SCORE = "surveys, score"  # the place of a question which column is the score
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
    """What the data do not show: where ('surveys.csat'), what is asked, and the answers that a map can give."""

    place: str
    asks: str
    choices: tuple[Choice, ...] = ()


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
    columns = {str(c): looked[c] for c in looked.columns}
    profiles = [profile_column(values, c, question_of(raw, c), columns) for c, values in columns.items()]
    profiles = [_look_again(profile, columns[profile.header]) for profile in profiles]
    content: dict[str, Any] = {}
    evidence: dict[tuple[str, str], str] = {}
    questions: list[Question] = []
    scores, asked = _find_scores(profiles, columns)
    for table in _choose_tables(profiles, bool(scores or asked)):
        lines = _fill(table, profiles, {p.header for p in scores.values()} | {q.place for q in asked})
        if table == "surveys":
            lines |= scores
            questions += [replace(q, place=SCORE) for q in asked]
        if "responded_at" in lines and lines["responded_at"].filled == 1:
            lines.pop("invited_at", None)  # an export of answers alone does not say who was asked
        section: dict[str, Any] = {s.name: lines[s.name].header for s in FIELDS[table] if s.name in lines}
        primary = FIELDS[table][0].name
        if primary not in section and table in ("surveys", "complaints"):
            section = {primary: {"row_number": "row-"}} | section
            evidence[table, primary] = "no column tells every row from the others, so rows are numbered"
        content[table] = section
        evidence |= {(table, name): _evidence(profile) for name, profile in lines.items()}
    if {"surveys", "contacts"} <= {*content} and content["surveys"].get("comment") == content["contacts"].get("text"):
        content["surveys"].pop("comment", None)  # what a ticket says is no answer to a survey
    _add_values(content, columns)
    used = {header for section in content.values() for header in map(header_of, section.values())}
    first = next(iter(content))
    asked_of = {question.place for question in asked}
    spare = [p for p in profiles if p.header not in used | asked_of]
    ours = {spec.name for spec in FIELDS[first]}
    groups = {_key(p.header): p for p in [p for p in spare if _is_group(p)][:MOST_GROUPS]}
    groups = {f"{key}_group" if key in ours else key: p for key, p in groups.items()}
    if groups:
        content[first]["extra"] = {key: p.header for key, p in groups.items()}
        evidence |= {(f"{first}.extra", key): _evidence(p) for key, p in groups.items()}
    unused = tuple(p for p in spare if p not in groups.values())
    return Draft(raw, content, evidence, unused, tuple(questions))


def _look_again(profile: ColumnProfile, values: pd.Series) -> ColumnProfile:
    """A column whose header tells more than its values: stamps in another spelling, and few or short comments."""
    if profile.role not in ("id", "category", "comment", "constant"):
        return profile
    if _HEADER["dated"].search(profile.header) and _reads(values, Field("t", "time", "")):
        return replace(profile, role="time")
    if profile.role == "constant":
        return profile
    words = pd.Series(values.dropna().astype("str").unique()).str.count(" ").mean()
    asked = re.search(_WORDS["surveys"]["comment"][0], profile.question, re.IGNORECASE)
    return (
        replace(profile, role="comment") if asked and words >= SHORT_COMMENT and not pole(profile.header) else profile
    )


def _reads(values: pd.Series, spec: Field) -> bool:
    """Whether nearly all filled values of a column read as a field asks, or could be read in two ways."""
    filled = values[values.astype("str").str.strip().fillna("").ne("")].iloc[:1000]
    try:
        read = convert(filled, spec, Reading("UTC", "UTC"))
    except ValueError:
        return spec.kind == "time"
    return len(filled) > 0 and float(spec.holds(read.values).mean()) >= READABLE


def _find_scores(
    profiles: Iterable[ColumnProfile], columns: Mapping[str, pd.Series]
) -> tuple[dict[str, ColumnProfile], list[Question]]:
    """Columns that are a score by what they show, and a question for each that may be one; its place is the header."""
    scores: dict[str, ColumnProfile] = {}
    asked: list[Question] = []
    second: list[Question] = []
    specs = {spec.name: spec for spec in FIELDS["surveys"]}
    types = [
        p
        for p in profiles
        if p.role == "constant" and re.search(r"(survey|question|score)[ _]?type|metric", p.header, re.I)
    ]
    typed = {str(columns[p.header].dropna().iloc[0]).strip().casefold() for p in types} & {*SCALES}
    for profile in profiles:
        values = columns[profile.header]
        if profile.role in ("comment", "time", "empty") or profile.header.endswith(("_NPS_GROUP", "_TEXT")):
            continue
        kinds = [profile.role] if profile.role in SCALES else asked_for(profile.question)
        kinds = kinds or (sorted(typed) if re.search("score|answer|value", profile.header, re.I) else [])
        words = _scale_words(values)
        stars = _HEADER["stars"].search(profile.question) and profile.high <= 5 and _reads(values, specs["csat"])
        kind = kinds[0] if len(kinds) == 1 else "csat" if not kinds and (words or stars) else ""
        if kind and (profile.role == kind or words or _reads(values, specs[kind])):
            if kind in scores:
                second.append(_second(profile, kind, scores[kind], words))
            scores.setdefault(kind, profile)
        elif (kind or _HEADER["score"].search(profile.question) or _spans(profile)) and (
            _on_scale(profile) or _is_worded(values)
        ):
            asked.append(Question(profile.header, _which(profile), _as_scores(profile)))
    return scores, (second if scores else asked)[:MOST_ASKED]


def _spans(profile: ColumnProfile) -> bool:
    """Whether a column's numbers run from one end of a scale to the other."""
    return any(scale == (profile.low, profile.high) for scales in SCALES.values() for scale in scales)


def _on_scale(profile: ColumnProfile) -> bool:
    return (
        profile.numbers > READABLE and profile.whole and 0 <= profile.low <= profile.high <= 10 and profile.distinct > 1
    )


def _is_worded(values: pd.Series) -> bool:
    """Whether a column is a scale in words: a few answers, most of them good or bad."""
    words = values.dropna().astype("str").str.strip().loc[lambda s: s.ne("")].unique()
    return 2 <= len(words) <= 11 and sum(pole(str(w)) != 0 for w in words) > len(words) / 2


def _scale_words(values: pd.Series) -> dict[str, float]:
    """Numbers of a scale of satisfaction in words, where every answer is one of those that the generic map knows."""
    surveys = tomllib.loads((MAPS / "csat_generic.toml").read_text(encoding="utf-8"))["surveys"]
    known = {str(word).casefold(): float(n) for word, n in surveys["csat"].get("values", {}).items()}
    known |= {f"extremely {word[5:]}": n for word, n in known.items() if word.startswith("very ")}
    words = [str(w).strip() for w in values.dropna().unique() if str(w).strip()]
    fits = 1 < len(words) <= len(known) and all(word.casefold() in known for word in words)
    return {word: known[word.casefold()] for word in words} if fits else {}


def _add_values(content: dict[str, Any], columns: Mapping[str, pd.Series]) -> None:
    """Write the numbers of a scale in words into its rule."""
    section = content.get("surveys", {})
    for name in SCALES:
        words = _scale_words(columns[section[name]]) if name in section else {}
        if words:
            section[name] = {"column": section[name], "values": dict(sorted(words.items(), key=lambda kv: kv[::-1]))}


def _as_scores(profile: ColumnProfile) -> tuple[Choice, ...]:
    """What a column of numbers may be, as far as its range allows."""
    choices = []
    for name, ((low, high), *_) in SCALES.items():
        beyond = profile.high - high  # one more than the scale is how "do not know" is written
        if not (profile.numbers > READABLE and low <= profile.low and -high / 2 < beyond <= 1):
            continue
        meaning = next(spec.meaning for spec in FIELDS["surveys"] if spec.name == name)
        rule: dict[str, object] = {"column": profile.header, "scale": [low, high]}
        text = f"{name} ({meaning}), {low:g} to {high:g}"
        if beyond == 1:
            rule, text = rule | {"blank": [profile.high]}, f"{text}, {profile.high:g} is no answer"
        choices.append(Choice(f"{text}, {high:g} is best", ((("surveys", name), rule),)))
        choices.append(Choice(f"{text}, {low:g} is best", ((("surveys", name), rule | {"reverse": True}),)))
    return (*choices, Choice("no score: leave it out", ()))


def _which(profile: ColumnProfile) -> str:
    if profile.numbers <= READABLE:
        return (
            f"{profile.header!r} holds {profile.distinct} answers in words. Is it a score, scale and direction? Say "
            'csat = { column = …, values = { "its words" = 1 to 5 } }, or leave it out.'
        )
    return (
        f"{profile.header!r} holds whole numbers {profile.low:g} to {profile.high:g} ({profile.n:,} answers). Which "
        "score is it, on which scale, in which direction?"
    )


def _second(profile: ColumnProfile, kind: str, first: ColumnProfile, words: dict[str, float]) -> Question:
    """The question which of two columns is a score."""
    rule = {"column": profile.header, "values": words} if words else profile.header
    asks = f"{profile.header!r} may be {kind} as well as {first.header!r}. Which of the two is the score?"
    choices = (Choice("the first of them", ()), Choice("this one", ((("surveys", kind), rule),)))
    return Question(profile.header, asks, choices)


def _choose_tables(profiles: Iterable[ColumnProfile], scored: bool) -> list[str]:
    """The tables that an export can fill, the one that it is about first."""
    profiles = list(profiles)
    fills = {table: _fill(table, profiles, set()) for table in FIELDS}
    complete = {table for table, needs in _NEEDS.items() if {*needs} <= {*fills[table]}}
    company = {"channel", "team", "agent_id", "resolved_at", "first_response_at"} & {*fills["contacts"]}
    tables = ["surveys"] if scored else []
    if not scored and "complaints" in complete and any("complain" in p.header.casefold() for p in profiles):
        return ["complaints"]
    if "contacts" in complete and len(company) >= 2:
        tables.append("contacts")
    if not tables and "comment" in fills["surveys"]:
        return ["surveys"]
    if not tables and "customers" in complete:
        return ["customers"]
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
        patterns = _WORDS[table].get(spec.name, [])
        fits = [p for p in profiles if p.header not in taken and _fits(p, spec, spec is FIELDS[table][0])]
        if spec.name == "comment":
            fits.sort(key=lambda p: (p.role != "comment", -p.n))
        match = next((p for pattern in patterns for p in fits if re.search(pattern, p.question, re.IGNORECASE)), None)
        if match is not None:
            filled[spec.name] = match
            taken.add(match.header)
    return filled


def _fits(profile: ColumnProfile, spec: Field, primary: bool) -> bool:
    """Whether a column holds what a field asks for; a primary id tells every row from the others."""
    if spec.kind == "time":
        return profile.role == "time"
    if primary:
        return profile.role in ("id", "number") and profile.distinct == profile.n and profile.filled == 1
    if spec.name == "comment":
        return profile.role == "comment" and not _HEADER["other"].search(profile.question)
    return profile.role in _ROLES.get(spec.kind, [])


def _is_group(profile: ColumnProfile) -> bool:
    return (
        profile.role == "category"
        and 1 < profile.distinct <= FEW_GROUPS
        and not _HEADER["personal"].search(profile.question)
    )


def _key(header: str) -> str:
    """A header as a bare key of a map."""
    return re.sub(r"\W+", "_", header.casefold(), flags=re.ASCII).strip("_")[:40] or "column"


def _evidence(profile: ColumnProfile) -> str:
    """What speaks for a line, in a few words."""
    numbers = (
        f"{'whole ' * profile.whole}numbers {profile.low:g} to {profile.high:g}" if profile.numbers > READABLE else ""
    )
    beside = [f"{e.detail} beside it" for e in profile.evidence if e.kind == "neighbour"]
    labels = [e.detail for e in profile.evidence if e.kind == "label"][:2]
    asked = [f"question {profile.question[:90]!r}"] if profile.question != profile.header else []
    kind = profile.role if profile.role not in ("number", *SCALES) else ""
    better = "nothing says that lower is better" if 1 < profile.high <= 10 and profile.whole else ""
    facts = [f"{profile.distinct:,} different", f"{profile.filled:.0%} filled"]
    return ", ".join(filter(None, [numbers, kind, *facts, *beside, *labels, *asked, better]))


def header_of(rule: object) -> object:
    """The header that a rule of a map names, as text or under its key `column`; None where it names none."""
    return rule.get("column") if isinstance(rule, dict) else rule
