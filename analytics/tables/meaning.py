"""What a column is, as its values, labels, neighbours and question show, and whether its map says the same.

A score has a scale and a direction. What contradicts the map, or would be too unlikely under it, is a doubt that stops
the run until the map settles it: `scale`, `reverse`, `values`, `blank`, or another column.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from analytics.tables.asked import asked_for
from analytics.tables.headers import question_of
from analytics.tables.labels import Label, find_labels, parse_label, pole
from analytics.tables.layout import tidy
from analytics.tables.maps import SCALES, Mapped, Rule, TableMap
from analytics.tables.numbers import SILENT
from analytics.tables.schema import FIELDS, Kind
from analytics.tables.sources import Raw
from analytics.tables.spelling import WORDS, filled_cells, fold

CHANCE = 0.01  # what would happen more rarely than this, were the map right, is doubted
SLIP = 0.05  # share of values that may be slips of the keyboard
SLIPS, REPEATED = 2, 0.01  # times, and share of the values, that one number outside a scale may be a slip
CERTAIN = 1e-4  # so unlikely must it be that slips alone explain the values outside a scale
LEFT_EMPTY = 5  # answers in words without a score from which a blank may stand for zero
CONFIRMED = 20  # confirmations that tell a system's from customers'
FEW = 5  # texts from which a column of numbers is told from comments
LABELS = 40  # a column with more distinct values than this has no labels

REASONS: Mapping[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_EFFORT, TYPE_HEADER = (WORDS["questions"][part] for part in ("effort", "type"))
_GROUPS = {"1": "detractor", "2": "passive", "3": "promoter"}
# The least share of answers that a scale in use gets in the part that never occurs: its upper end, and its top alone;
# and its lower part, below what only a choice of the best answers has.
_UNHAPPY = {"nps": (7, 0.03), "csat": (4, 0.03), "ces": (5, 0.03)}
_LEAST = {"nps": ((5, 0.15), (9, 0.08)), "csat": ((3, 0.1), (4, 0.08)), "ces": ((5, 0.1), (6, 0.05))}

Role = Literal["nps", "csat", "ces", "comment", "id", "time", "period", "category", "number", "constant", "empty"]


@dataclass(frozen=True)
class ColumnProfile:
    """What the values of a column are.

    Parameters
    ----------
    header, question
        What the source calls the column, and all that it says about it.
    n, filled, distinct
        Values that are not blank, their share of all rows (0 to 1), and how many different ones there are.
    low, high, whole
        Range of the numbers, NaN where there are none, and whether all of them are whole.
    numbers
        Share of the filled values that are numbers, a label's code included.
    labels
        Numbers with words, from the cells and the question, by their code.
    role, twin
        What the column most likely is, and the column beside it that shows it to be the NPS, or ''.
    """

    header: str
    question: str
    n: int
    filled: float
    distinct: int
    low: float
    high: float
    whole: bool
    numbers: float
    labels: tuple[Label, ...]
    role: Role
    twin: str = ""


@dataclass(frozen=True)
class Doubt:
    """Why a column may not mean what its map says: which column of ours, which aspect, and the reason in words."""

    column: str
    aspect: Literal["scale", "direction", "meaning"]
    reason: str

    def __str__(self) -> str:
        return f"column {self.column}, {self.aspect}: {self.reason}"


def doubt(column: str, aspect: Literal["scale", "direction", "meaning"], reason: str, **facts: object) -> Doubt:
    """A doubt for one of the reasons in `meaning.toml`, its facts filled in."""
    return Doubt(column, aspect, REASONS[reason].format(**facts))


def profile_column(
    values: pd.Series, header: str, question: str = "", neighbours: Mapping[str, pd.Series] | None = None
) -> ColumnProfile:
    """Say what a column of an export most likely is.

    Parameters
    ----------
    values
        The column as it was read, text or typed; blank or missing cells count as not filled.
    header, question
        Its header, and the text of its question where the source has one.
    neighbours
        The other columns of the source, by header.

    Returns
    -------
    ColumnProfile
        Facts on the values; the role is 'empty' where no cell is filled.

    Examples
    --------
    >>> profile = profile_column(pd.Series(["9", "10", "3", "0"]), "Q4", "How likely are you to recommend us?")
    >>> profile.role, profile.low, profile.high
    ('nps', 0.0, 10.0)
    """
    text = filled_cells(values)
    distinct = int(text.nunique())
    cells = {cell: parse_label(tidy(cell)) for cell in text.unique()} if distinct <= LABELS else {}
    words = {label for label in [*cells.values(), *find_labels(question or header)] if label}
    labels = tuple(sorted(words, key=lambda label: (label.code, label.words)))
    named = text.map({cell: label.code for cell, label in cells.items() if label}).astype("float64")
    codes = pd.to_numeric(text, errors="coerce").fillna(named).astype("float64")
    spoken = codes[~text.isin([cell for cell in cells if fold(cell) in SILENT])]
    low, high, share = float(codes.min()), float(codes.max()), float(spoken.notna().mean()) if len(spoken) else 0.0
    profile = ColumnProfile(
        header, question or header, len(text), len(text) / len(values) if len(values) else 0.0, distinct, low, high,
        bool((codes.dropna() % 1 == 0).all()), share, labels, "empty",
    )  # fmt: skip
    twin = f"{header}_NPS_GROUP"
    if twin in (neighbours or {}) and profile.numbers > 0.9 and profile.whole and 0 <= low <= high <= 10:
        return replace(profile, role="nps", twin=twin)
    return replace(profile, role=_role(text, profile))


def _role(text: pd.Series, facts: ColumnProfile) -> Role:
    """What the facts of a column speak for."""
    n, distinct = facts.n, facts.distinct
    if not n:
        return "empty"
    asked = asked_for(facts.question)
    if len(asked) == 1 and facts.numbers > 0.9 and facts.whole:
        lowest, highest = SCALES[asked[0]][0]
        if lowest <= facts.low <= facts.high <= highest:
            return asked[0]  # type: ignore[return-value]
    if distinct == 1 and n > 1:
        return "constant"
    if facts.numbers > 0.9:
        return "number"
    dated = text.str.match(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{4}-\d\d-\d\dT")
    if dated.mean() > 0.9:
        return "time"
    if distinct == n and not text.str.contains(" ").any():
        return "id"
    long = text[text.str.count(" ").ge(2)]
    return "comment" if len(long) > 0.3 * n and long.nunique() > min(LABELS, len(long) / 2) else "category"


def plain_map(table: str, raw: Raw) -> TableMap:
    """Build the map of a source that already has our column names; all its other columns come along as extras."""
    names = {name.casefold(): name for name in raw.frame.columns}
    columns = {
        spec.name: Rule(column=names.get(spec.name, spec.name))
        for spec in FIELDS[table]
        if spec.required or spec.name in names
    }
    taken = {rule.column for rule in columns.values()}
    extra = {name: Rule(column=name, kind=_guess(raw.frame[name])) for name in raw.frame.columns if name not in taken}
    return TableMap(columns=columns, extra=extra)


def _guess(values: pd.Series) -> Kind:
    """Kind of a column that nobody described: a time by its name, a number if all its values are, else a category."""
    if str(values.name).endswith("_at"):
        return "time"
    if pd.api.types.is_bool_dtype(values):
        return "flag"
    if pd.api.types.is_numeric_dtype(values):
        return "number"
    if not isinstance(values.dtype, pd.StringDtype):
        return "category"
    different = values.drop_duplicates()
    filled = different[different.str.strip() != ""].dropna()
    leading_zero = filled.str.match(r"[-+]?0\d")
    wordy = filled.empty or leading_zero.any() or pd.to_numeric(filled, errors="coerce").isna().any()
    return "category" if wordy else "number"


def check_meaning(table: str, frame: pd.DataFrame, sources: Sequence[Mapped]) -> list[Doubt]:
    """Doubt what the map of a table says of its scores and comments, where the data show something else.

    Parameters
    ----------
    table
        Name of the table.
    frame
        Its typed columns as mapped, not yet turned round, all sources together.
    sources
        What each source holds beside, with its map.

    Returns
    -------
    list of Doubt
        Each with the evidence and the key of the map that settles it; empty where nothing speaks against the map.
    """
    doubts: list[Doubt] = []
    for source in sources:
        for name, rule in source.table_map.columns.items():
            if name in SCALES and name in source.headers and len(source.frame):
                doubts += _doubt_source(name, rule, source)
    rules = {name: rule for source in reversed(sources) for name, rule in source.table_map.columns.items()}
    for name in SCALES:
        if name in frame and name in rules:
            doubts += _doubt_scale(name, rules[name], frame)
    if table == "surveys" and "comment" in frame:
        doubts += _doubt_comment(frame["comment"].dropna())
    if table == "contacts" and {"resolved_at", "confirmed_at"} <= {*frame}:
        doubts += _doubt_confirmed(frame["resolved_at"], frame["confirmed_at"])
    return list(dict.fromkeys(doubts))


def _doubt_source(name: str, rule: Rule, source: Mapped) -> list[Doubt]:
    """Doubts on one score from what stands in its cells' labels, its question, and the columns beside it."""
    header = source.headers[name]
    if header not in source.raw.frame:
        return []
    question = question_of(source.raw, header)
    values = source.values(header)
    asked = asked_for(question)
    other = doubt(name, "meaning", "asked", header=header, question=question[:120], kinds=" or ".join(asked))
    return [
        *([other] if asked and name not in asked and not rule.scale else []),
        *_doubt_group(name, rule, header, values, source),
        *_doubt_type(name, values, source),
        *_doubt_direction(name, rule, question, values, source.raw.remarks),
    ]


def _doubt_group(name: str, rule: Rule, header: str, values: pd.Series, source: Mapped) -> list[Doubt]:
    """Doubts from the column that says who is a promoter: it stands beside an NPS question and no other."""
    twins = [str(c) for c in source.raw.frame.columns if str(c).endswith("_NPS_GROUP")]
    own = f"{header}_NPS_GROUP"
    if own not in twins:
        if name == "nps" and twins and not rule.values:
            other = twins[0].removesuffix("_NPS_GROUP")
            return [doubt(name, "meaning", "twin_beside", header=header, twin=twins[0], other=other)]
        return []
    if name != "nps":
        return [doubt(name, "meaning", "twin_own", header=header, twin=own)]
    if rule.values or rule.reverse:
        return []
    score = pd.to_numeric(values, errors="coerce")
    expected = pd.cut(score, [-1, 6, 8, 10], labels=["detractor", "passive", "promoter"]).astype("str")
    groups = source.values(own).astype("str").str.strip().str.casefold().str.removesuffix(".0").replace(_GROUPS)
    both = score.notna() & groups.isin(_GROUPS.values())
    wrong = int((expected[both] != groups[both]).sum())
    if wrong <= SLIP * int(both.sum()):
        return []
    return [doubt(name, "scale", "twin_wrong", wrong=wrong, n=int(both.sum()), twin=own)]


def _doubt_type(name: str, values: pd.Series, source: Mapped) -> list[Doubt]:
    """Doubts from a column that says of each row what kind of survey it answers."""
    doubts = []
    for header in source.raw.frame.columns:
        if not re.match(TYPE_HEADER, str(header), re.IGNORECASE):
            continue
        answered = values.astype("str").str.strip().fillna("").ne("")
        kinds = source.values(header)[answered].astype("str").str.strip().str.casefold().value_counts()
        others = [kind for kind in kinds.index if kind in SCALES and kind != name]
        if others:
            counts = ", ".join(f"{kind} ({kinds[kind]:,})" for kind in kinds.index)
            doubts.append(doubt(name, "scale", "typed", header=header, kinds=counts))
    return doubts


def _doubt_direction(name: str, rule: Rule, question: str, values: pd.Series, remarks: Sequence[str]) -> list[Doubt]:
    """Doubts on which end of a scale is the good one, from its labels, remarks beside the table and how it is asked."""
    low, high = rule.scale or SCALES[name][0]
    labels = _read_labels(rule, values, " ".join([question, *remarks]))
    best, worst = ([label for label in labels if label.pole == side] for side in (1, -1))
    middle = (low + high) / 2
    ends = [pd.Series([one.code for one in side], dtype="float64").mean() if side else middle for side in (best, worst)]
    if (best or worst) and ends[0] != ends[1]:
        downwards = bool(ends[0] < ends[1])
        if downwards != bool(rule.reverse):
            words = " and ".join(f"{label.code:g} is {label.words!r}" for label in [*best[:1], *worst[-1:]])
            settle = "reverse = true" if downwards else "reverse = false, or leave it out"
            return [doubt(name, "direction", "labels", words=words, settle=settle)]
        return []
    if rule.reverse is None and re.search(_EFFORT, question, re.IGNORECASE):
        return [doubt(name, "direction", "effort", question=question[:120])]
    return []


def _read_labels(rule: Rule, values: pd.Series, question: str) -> list[Label]:
    """Labels of a score's cells and question, with the numbers that the map's values give them."""
    translated = {tidy(key).casefold().removesuffix(".0"): float(v) for key, v in rule.values.items() if _is_number(v)}
    distinct = values.dropna().unique()
    cells = [tidy(value) for value in distinct] if len(distinct) <= LABELS else []
    labels = [Label(translated[cell.casefold()], cell, pole(cell)) for cell in cells if cell.casefold() in translated]
    parsed = [parse_label(cell) for cell in cells if cell.casefold() not in translated]
    for label in [*filter(None, parsed), *find_labels(question)]:
        labels.append(Label(translated.get(f"{label.code:g}", label.code), label.words, label.pole))
    return sorted({label for label in labels if label.pole}, key=lambda label: (label.code, label.words))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and value.replace(".", "", 1).isdigit())


def _doubt_scale(name: str, rule: Rule, frame: pd.DataFrame) -> list[Doubt]:
    """Doubts on a score from its values alone: outside, never at the upper end, always the same, blank for zero."""
    low, high = rule.scale if rule.scale in SCALES[name] else SCALES[name][0]
    values = frame[name].dropna()
    inside = values[values.between(low, high)]
    scale = f"{low:g} to {high:g}"
    if outside := doubt_outside(name, values, inside, scale):
        return [outside]
    doubts = _doubt_zero(rule, frame) if name == "nps" else []
    if (rule.scale is None or rule.reverse is None) and (changed := _doubt_change(name, frame, inside)):
        doubts.append(changed)
    if rule.scale or rule.values or inside.empty:
        return doubts
    if are_means(inside):
        return [*doubts, doubt(name, "meaning", "means", low=low, high=high)]
    n, highest = len(inside), float(inside.max())
    settle = REASONS["settle"].format(low=low, high=high, scale=scale)
    facts = {"n": n, "highest": highest, "lowest": inside.min(), "scale": scale, "settle": settle}
    if inside.nunique() == 1:
        least = 0.05 if highest == high else 0.2
        if _never(n, least):
            doubts.append(doubt(name, "scale", "constant", **facts))
        return doubts
    for above, least in _LEAST[name]:
        if highest <= above and _never(n, least):
            gap = ", ".join(map(str, range(int(highest) + 1, int(high) + 1)))
            return [*doubts, doubt(name, "scale", "never_high", gap=gap, **facts)]
    least_happy, least = _UNHAPPY[name]
    if inside.min() >= least_happy and _never(n, least):
        doubts.append(doubt(name, "scale", "never_low", **facts))
    return doubts


def _doubt_change(name: str, frame: pd.DataFrame, inside: pd.Series) -> Doubt | None:
    """The upper end of a scale unused up to some day or from it on: two scales in one column."""
    stamp = next((column for column in ("responded_at", "invited_at") if column in frame), None)
    if stamp is None:
        return None
    above, least = _LEAST[name][0]
    dated = frame.loc[inside.index].dropna(subset=[stamp]).sort_values(stamp, kind="stable")
    high = dated[name].gt(above).to_numpy().nonzero()[0]
    parts = ((dated[: high[0]], "until"), (dated[high[-1] + 1 :], "from")) if len(high) else ()
    for part, side in parts:
        if (1 - least) ** len(part) < CERTAIN and _fills(part[name], above):
            day = part[stamp].iloc[-1 if side == "until" else 0]
            facts = {"top": part[name].max(), "n": len(part), "high": dated[name].max()}
            return doubt(name, "scale", "changed", side=side, day=day, **facts)
    return None


def _fills(values: pd.Series, high: int) -> bool:
    """Whether answers are those of content customers from 1 to an end, not of ones who all turned away."""
    return bool(values.max() == high and values.quantile(0.05) >= 1 and values.median() >= (1 + high) / 2)


def are_means(numbers: pd.Series) -> bool:
    """Whether more numbers than slips explain lie between whole and half answers, as means of several do.

    Examples
    --------
    >>> are_means(pd.Series([4.31, 4.4, 4.07])), are_means(pd.Series([4.5, 4.0, 1.0]))
    (True, False)
    """
    return bool((numbers.dropna() * 2 % 1).ne(0).mean() > SLIP)


def _never(n: int, share: float) -> bool:
    """Whether n answers would hardly all miss what gets this share of them."""
    return bool((1 - share) ** n < CHANCE)


def doubt_outside(name: str, values: pd.Series, inside: pd.Series, scale: str) -> Doubt | None:
    """Values outside a scale that slips alone do not explain: too many, or one again and again, which is an answer."""
    from scipy.stats import binom

    outside = values.drop(inside.index)
    repeated = outside.value_counts().max() > max(SLIPS, REPEATED * len(values))
    if not repeated and (len(outside) < 2 or binom.sf(len(outside) - 1, len(values), SLIP) >= CERTAIN):
        return None
    sample = ", ".join(f"{value:g}" for value in sorted(outside.unique())[:6])
    return doubt(name, "scale", "outside", count=len(outside), n=len(values), scale=scale, sample=sample)


def _doubt_zero(rule: Rule, frame: pd.DataFrame) -> list[Doubt]:
    """A 0 that the export may have written as blank: nobody gave it, and several wrote without any score."""
    if "comment" not in frame or "" in rule.values or any(tidy(value) == "" for value in rule.blank):
        return []
    scores = [name for name in SCALES if name in frame]
    silent = frame[scores].isna().all(axis=1) & frame["comment"].notna()
    if "responded_at" in frame:
        silent &= frame["responded_at"].notna()
    n, blank = int(frame["nps"].notna().sum()), int(silent.sum())
    if blank < LEFT_EMPTY or n < LEFT_EMPTY or frame["nps"].eq(0).any():
        return []
    return [doubt("nps", "scale", "zero", blank=blank, n=n)]


def _doubt_comment(texts: pd.Series) -> list[Doubt]:
    numbers = int(pd.to_numeric(texts, errors="coerce").notna().sum())
    if len(texts) < FEW or numbers <= len(texts) / 2:
        return []
    sample = ", ".join(map(repr, texts.unique()[:3]))
    return [doubt("comment", "meaning", "numbers", count=numbers, n=len(texts), sample=sample)]


def _doubt_confirmed(resolved: pd.Series, confirmed: pd.Series) -> list[Doubt]:
    """A doubt that customers confirmed anything, where nearly every confirmation bears the company's own stamp."""
    clocked = confirmed[(confirmed != confirmed.dt.normalize()) & resolved.notna()].dropna()
    same = int(clocked.eq(resolved.reindex(clocked.index)).sum())
    if len(clocked) < CONFIRMED or same < (1 - SLIP) * len(clocked):
        return []
    return [doubt("confirmed_at", "meaning", "confirmed", same=same, n=len(clocked))]
