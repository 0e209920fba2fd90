"""Which columns of an export are scores: those that show it, and a question for each that may be one."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import pandas as pd

from analytics.tables.asked import LONGEST_PART, asked_for, part_asked
from analytics.tables.convert import convert
from analytics.tables.headers import HELPERS, spell_out
from analytics.tables.labels import FACES, is_neither, is_strong, parse_label, pole
from analytics.tables.layout import tidy
from analytics.tables.maps import SCALES
from analytics.tables.meaning import ColumnProfile, are_means
from analytics.tables.numbers import SILENT
from analytics.tables.questions import Choice, Question, ask, name_all
from analytics.tables.schema import FIELDS, Field
from analytics.tables.spelling import LONGEST_FIGURE, WORDS, Reading, filled_cells, fold

MAPS = Path(__file__).parents[1] / "maps"  # a link to data/maps in a checkout, a folder of its own once installed
READABLE = 0.9  # share of a column's values that must read as what a header promises
MOST_ASKED = 8  # columns of one export that are asked about
SOME = 0.2  # share of texts that begin with a number, from which these may be scores
MOST_WORDS = 11  # of a scale in words
MOST_VALUES = 101  # different values of a score: more are a measure or a text
NO_ANSWER = {-1, -8, -9, 77, 88, 96, 97, 98, 99, 888, 997, 998, 999, -88, -97, -98, -99, -999}  # numbers for no answer

NPS_GROUPS = {"detractor": 0, "passive": 8, "neutral": 8, "promoter": 10}  # a number that falls into each

PROPOSED = tomllib.loads(Path(__file__).with_name("propose.toml").read_text(encoding="utf-8"))
HEADER = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in PROPOSED["headers"].items()}
_FIRST = r"^(10|\d)\s*[-–—:|]\s+[^\W\d]"  # a score before the words that go with it
_MONTHS = "|".join(sorted({name for names in WORDS["months"].values() for name in names.split()}, key=len)[::-1])
_PERIOD = re.compile(rf"\b(?:{_MONTHS}|q[1-4]|\d+)\b|(?<=\D)\d{{4}}\b")
_OF_ALL = ("score", "rated", "overall", "numbered", "unnamed")  # what a header says that names no part of the service
_SPECS = {spec.name: spec for spec in FIELDS["surveys"]}


def says(what: str, header: str) -> str:
    """What in a header or question says this of it, as it stands or with its words apart; '' where nothing does."""
    hits = (HEADER[what].search(text) for text in (header, spell_out(header)))
    return next((hit[0].strip() or header for hit in hits if hit), "")


def find_scores(
    profiles: Iterable[ColumnProfile], columns: Mapping[str, pd.Series]
) -> tuple[dict[str, ColumnProfile], dict[str, Question]]:
    """Columns that are a score by what they show, and by header a question for each that may be one.

    Where scores are plain only those are asked about that compete with one, or may be another kind.
    """
    profiles = list(profiles)
    scores: dict[str, ColumnProfile] = {}
    asked: dict[str, tuple[str, Question]] = {}
    rivals: dict[str, dict[str, object]] = {}
    typed = _stated_types(profiles, columns)
    for profile in profiles:
        values = columns[profile.header]
        if profile.role == "comment":
            profile, question = _begin_with_numbers(profile, values)
            asked |= {profile.header: ("", question)} if question else {}
        if profile.role in ("comment", "time", "empty") or profile.header.endswith(HELPERS):
            continue
        kind, words = _kind(profile, values, typed), scale_words(values)
        means = bool(says("averaged", profile.question)) or are_means(pd.to_numeric(values, errors="coerce"))
        if (
            kind
            and not means
            and not says("another", profile.question)
            and not profile.high <= sum(SCALES[kind][0]) / 2
            and not _runs_over(values, kind)
            and (profile.role == kind or words or reads_as(values, _SPECS[kind]))
        ):
            rule = {"column": profile.header, "values": words} if words else profile.header
            rivals.setdefault(kind, {})[profile.header] = rule
            scores.setdefault(kind, profile)
        elif _may_be_score(profile, values, kind):
            asks_for = kind or says("overall", profile.question) or _spanned(profile)
            asked[profile.header] = (asks_for, _which(profile, values, kind, means))
    if question := _in_columns([header for rules in rivals.values() for header in rules]):
        return scores, {question.place: question}
    second = {list(rules)[1]: _which_of(kind, rules) for kind, rules in rivals.items() if len(rules) > 1}
    if scores:
        return scores, second | {h: q for h, (kind, q) in asked.items() if kind and kind not in scores}
    return scores, {header: question for header, (_, question) in [*asked.items()][:MOST_ASKED]}


def _begin_with_numbers(profile: ColumnProfile, values: pd.Series) -> tuple[ColumnProfile, Question | None]:
    """A column of words as one of numbers where each cell begins with one: '9 - Great'; a question where some do."""
    codes = pd.to_numeric(filled_cells(values).str.extract(_FIRST)[0])
    share = float(codes.notna().mean())
    if share >= READABLE:
        return replace(profile, role="number", numbers=share, low=codes.min(), high=codes.max(), whole=True), None
    if share < SOME:
        return profile, None
    return profile, ask("begin", count=codes.count(), n=len(codes), header=profile.header)


def _in_columns(headers: Iterable[str]) -> Question | None:
    """The request for a row of each answer, where columns differ only in the month, quarter or year that they name."""
    series: dict[str, list[str]] = {}
    for header in headers:
        if (rest := without_period(header)) != header.casefold():
            series.setdefault(rest, []).append(header)
    longest = max(series.values(), key=len, default=[])
    return ask("periods", headers=name_all(longest[:3]), count=len(longest)) if len(longest) > 2 else None


def without_period(name: str) -> str:
    """A name in lower case without the months, quarters and numbers in it."""
    return _PERIOD.sub("", name.casefold())


def reads_as(values: pd.Series, spec: Field, workbook: bool = False) -> bool:
    """Whether nearly all filled values of a column read as a field asks, or could be read in two ways."""
    text = filled_cells(values).iloc[:1000]
    filled = values[text[~text.str[:LONGEST_FIGURE].map(fold).isin(SILENT)].index]
    try:
        read = convert(filled, spec, Reading("UTC", "UTC", workbook=workbook))
    except ValueError:
        return spec.kind == "time"
    return len(filled) > 0 and float(spec.holds(read.values).mean()) >= READABLE


def scale_words(values: pd.Series) -> dict[str, float]:
    """Numbers of a scale of satisfaction in words: those of the generic map, or five that say it in any language."""
    words = _spoken(values)
    if 1 < len(words) <= len(_known_words()) and all(word.casefold() in _known_words() for word in words):
        return {word: _known_words()[word.casefold()] for word in words}
    if len(words) != 5 or not all(is_neither(word) or asked_for(word) == ["csat"] for word in words):
        return {}
    numbers = _by_strength(words)
    return numbers if {*numbers.values()} == {1, 2, 3, 4, 5} else {}


def _spoken(values: pd.Series) -> list[str]:
    """The different answers of a column, without what says that there is none."""
    return [word for word in filled_cells(values).unique()[:MOST_VALUES] if fold(word) not in SILENT]


def _by_strength(words: Iterable[str]) -> dict[str, float]:
    """Words of a scale as numbers from 1 to 5: good, bad or neither, and of more than three how strongly."""
    words = list(words)
    return {word: 3.0 + pole(word) * (1 if len(words) > 3 and not is_strong(word) else 2) for word in words}


@cache
def _known_words() -> dict[str, float]:
    surveys = tomllib.loads((MAPS / "csat_generic.toml").read_text(encoding="utf-8"))["surveys"]
    known = {str(word).casefold(): float(n) for word, n in surveys["csat"].get("values", {}).items()}
    return known | {f"extremely {word[5:]}": n for word, n in known.items() if word.startswith("very ")}


def _stated_types(profiles: Iterable[ColumnProfile], columns: Mapping[str, pd.Series]) -> set[str]:
    """Scores that a column names as what every row answers."""
    pattern = WORDS["questions"]["type"]
    types = [p for p in profiles if p.role == "constant" and re.search(pattern, p.header, re.IGNORECASE)]
    return {str(columns[p.header].dropna().iloc[0]).strip().casefold() for p in types} & {*SCALES}


def _kind(profile: ColumnProfile, values: pd.Series, typed: set[str]) -> str:
    """The one score that a column's role, question, type or stars say it is, or ''."""
    kinds = [profile.role] if profile.role in SCALES else asked_for(profile.question)
    kinds = kinds or (sorted(typed) if re.search("score|answer|value", profile.header, re.IGNORECASE) else [])
    starred = says("stars", profile.question) and not profile.high > 5 and reads_as(values, _SPECS["csat"])
    return kinds[0] if len(kinds) == 1 else "csat" if not kinds and (scale_words(values) or starred) else ""


def _runs_over(values: pd.Series, kind: str) -> bool:
    """Whether numbers lie just beyond a score's scale: a longer scale or a code, where setting them aside may bias."""
    numbers = pd.to_numeric(values, errors="coerce")
    low, high = SCALES[kind][0]
    return bool((numbers.between(low - 1, high + 1) & ~numbers.between(low, high)).any())


def _may_be_score(profile: ColumnProfile, values: pd.Series, kind: str) -> bool:
    """Whether a column that is none for sure holds answers of a scale, or is called a score."""
    named = bool(kind or says("score", profile.question))
    scaled = profile.numbers > READABLE and profile.whole and 0 <= profile.low <= profile.high <= 10
    numbered = profile.distinct > 2 and says("numbered", profile.header)
    if profile.distinct > 1 and ((scaled and (named or numbered or _spanned(profile))) or _is_worded(values, named)):
        return True
    called = (kind or says("rated", profile.question)) and not says("other", profile.question)
    few = profile.distinct <= min(MOST_VALUES, profile.n - 1)
    return (
        bool(called)
        and profile.distinct > 1
        and (few or bool(kind and profile.numbers > READABLE and not profile.whole))
    )


def _spanned(profile: ColumnProfile) -> str:
    """The score whose scale a column's numbers span from end to end, or ''."""
    spans = (name for name, scales in SCALES.items() for scale in scales if scale == (profile.low, profile.high))
    return next(spans, "")


def _is_worded(values: pd.Series, named: bool) -> bool:
    """Whether a column is a scale in words or faces: a few answers, good and bad ones where it is not called so."""
    words = filled_cells(values).unique()
    if len(words) > 1 and {str(w).casefold().removesuffix("s") for w in words} <= {*NPS_GROUPS}:
        return True
    poles = [pole(str(w)) for w in words] if 2 <= len(words) <= MOST_WORDS else []
    lone = all(w.isalpha() or re.fullmatch(FACES, w) for w in words) and {*poles} >= {1, -1}
    return sum(map(bool, poles)) > len(poles) / 2 and (named or lone)


def _which(profile: ColumnProfile, values: pd.Series, kind: str, means: bool) -> Question:
    """The question whether a column is a score, and which, with what its numbers may be."""
    other = says("another", profile.question)
    doubt = f" The header says {other!r}: is it what customers themselves answered, about your service?" * bool(other)
    facts = vars(profile) | {"doubt": doubt}
    if profile.numbers <= READABLE:
        common = name_all(filled_cells(values).value_counts().index[:5].tolist())
        return ask("words", choices=_by_pole(profile.header, values, kind), common=common, **facts)
    numbers = f"{'whole ' * profile.whole}numbers {profile.low:g} to {profile.high:g}"
    rule = {"column": profile.header}
    if not kind and not profile.question.endswith("?") and not any(says(w, profile.question) for w in _OF_ALL):
        rule["about"] = profile.header[:LONGEST_PART]  # such as 'Cabin staff': no more than that was judged
    choices = as_scores(rule, values, kind)
    return ask("means" if means else "scale", choices=choices, **facts | {"numbers": numbers})


def as_scores(rule: Mapping[str, object], values: pd.Series, mapped: str = "") -> list[Choice]:
    """What a column of numbers may be, as far as its range allows; a number just beyond a scale is no answer.

    Parameters
    ----------
    rule
        What a map says of the column.
    values
        Its cells, numbers or with a number in their label, as the map translates them.
    mapped
        The score that the map takes it for, which it may be whatever its range.
    """
    cells = pd.Series(filled_cells(values).map(tidy).unique(), dtype="str")
    labels = cells.map(parse_label)
    coded = pd.Series([label.code if label else None for label in labels], cells.index, dtype="float64")
    codes = pd.to_numeric(cells, errors="coerce").fillna(coded)
    choices = []
    scales = [(name, *scale) for name in sorted(SCALES, key=lambda name: name != mapped) for scale in SCALES[name]]
    for name, low, high in scales:
        half, beyond = codes[codes == low - 0.5], codes[~codes.between(low - 0.5, high)].dropna().sort_values()
        inside = codes[codes.between(low, high)]
        between = inside[inside * 2 % 1 != 0]
        if len(between) == 1:  # a mean that was filled in where no answer was
            beyond, inside = pd.concat([beyond, between]), inside.drop(between.index)
        allowed = {*beyond} <= NO_ANSWER | {low - 1, high + 1, *between}
        if name != mapped and (inside.empty or inside.max() <= high / 2 or not allowed):
            continue
        stated = {**rule, "scale": [low, high]} | ({"reverse": False} if name == mapped else {})
        text = f"{name} ({_SPECS[name].meaning}), {low:g} to {high:g}"
        if allowed and len(beyond):
            none = labels[beyond.index].isna()
            stated["blank"] = [*beyond[none], *cells[beyond.index][~none]]
            text += f", {', '.join(f'{b:g}' for b in beyond.unique())} is no answer"
        if len(half):
            stated["values"] = dict.fromkeys(cells[half.index], low)
            text += f", {low - 0.5:g} counts as {low:g}"
        away = ((("surveys", mapped), None),) if mapped not in ("", name) else ()
        choices.append(Choice(f"{text}, {high:g} is best", (*away, (("surveys", name), stated))))
        choices.append(Choice(f"{text}, {low:g} is best", (*away, (("surveys", name), stated | {"reverse": True}))))
    return choices


def _by_pole(header: str, values: pd.Series, kind: str) -> list[Choice]:
    """What a few words or faces are as a score, where each is good, bad or neither, and no two are so alike."""
    words = _spoken(values)
    name, numbers = "csat", _by_strength(words)
    if kind == "nps":
        groups = {word: word.casefold().removesuffix("s") for word in words}
        name, numbers = kind, {word: NPS_GROUPS[group] for word, group in groups.items() if group in NPS_GROUPS}
    if not 1 < len(words) == len({*numbers.values()}) or max(numbers.values()) - min(numbers.values()) < 4:
        return []
    numbers = dict(sorted(numbers.items(), key=lambda item: item[1]))
    text = ", ".join(f"{word!r} is {number:g}" for word, number in numbers.items())
    edits = ((("surveys", name), {"column": header, "values": numbers}),)
    return [Choice(f"{name} ({_SPECS[name].meaning}): {text}", edits)]


def _which_of(kind: str, rules: Mapping[str, object]) -> Question:
    """The question which of several columns is a score."""
    alike = set.intersection(*({*spell_out(header).casefold().split()} for header in rules))
    choices = []
    for header, rule in rules.items():
        own = " ".join(word for word in spell_out(header).split() if word.casefold() not in alike)[:LONGEST_PART]
        if kind != "csat" and own and not part_asked(kind, header) and not says("overall", own):
            rule = {**(rule if isinstance(rule, dict) else {"column": rule}), "about": own}
        choices.append(Choice(repr(header), ((("surveys", kind), rule),)))
    return ask("rivals", choices=choices[:MOST_ASKED], headers=name_all([*rules]), kind=kind)
