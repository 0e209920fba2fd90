"""Which rows an analyst asks for: `segment = business and channel = phone`, parsed as data and never run as code."""

import ast
import re
from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import pandas as pd
from pandas.api import types

from analytics.config import suggest
from analytics.measures.suppress import count_people
from analytics.tables.parts import link_columns
from analytics.tables.schema import STAMPS, TABLE_NAMES, Tables

TOKEN = re.compile(
    r"""\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<sign>[!<>=]=|[<>=(),])|(?P<word>[^\s()<>=!,"'][^\s()<>=!,]*))"""
)
SIGNS: dict[type[ast.cmpop], str] = {  # and the method of a Series that compares so
    ast.Eq: "eq", ast.In: "eq", ast.NotIn: "eq", ast.NotEq: "ne",
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge",
}  # fmt: skip
SAME = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
NEEDS = {"words": "=, !=, in or not in", "flags": "=, !=, in or not in", "times": "<, <=, > or >="}
KEYWORDS = ("and", "or", "not", "in")
FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def select(frame: pd.DataFrame, where: str) -> pd.Series:
    """Tell which rows an expression asks for.

    A comparison is a column, a sign (=, !=, <, <=, >, >=, in, not in) and a value, or several in parentheses; and, or,
    not and parentheses join comparisons. Words that hold a sign, a comma or one of these keywords are quoted.

    Parameters
    ----------
    frame
        Columns of words, numbers, flags (true or false) or times (2026-10-31).
    where
        The expression; '' asks for every row.

    Returns
    -------
    Series
        True or False, on the index of `frame`; False where a missing value leaves it open.

    Raises
    ------
    ValueError
        If the expression cannot be read, names an unknown column, or a value that occurs nowhere in its column.

    References
    ----------
    Kleene (1952), section 64, for what is known of "and", "or" and "not" where a value is missing.

    Examples
    --------
    >>> frame = pd.DataFrame({"segment": ["business", "private", None], "nps": [9.0, 3.0, 10.0]})
    >>> select(frame, "segment = business or nps > 9").tolist()
    [True, False, True]
    >>> select(frame, "segment = busines")
    Traceback (most recent call last):
    ...
    ValueError: where: segment = 'busines' is not known here. Did you mean 'business'?
    """
    Rows(where).check([frame])
    return Rows(where).judge(frame).fillna(False).astype(bool)


class Rows:
    """An expression that was parsed: what it asks for, of which columns.

    Parameters
    ----------
    where
        See `select`.

    Raises
    ------
    ValueError
        If it cannot be read.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self._tree = _parse(where) if where.strip() else None
        self._comparisons = _comparisons(self._tree) if self._tree else []

    @property
    def columns(self) -> list[str]:
        """The columns that it names, each once."""
        return list(dict.fromkeys(column for column, _, _ in self._comparisons))

    def check(self, frames: Sequence[pd.DataFrame]) -> None:
        """Refuse a column that no frame has, and a value of a column of words that occurs in none of them."""
        for column, sign, wanted in self._comparisons:
            held = [frame[column] for frame in frames if column in frame]
            if not held:
                names = (str(name) for frame in frames for name in frame)
                raise ValueError(f"where: column {column!r} {suggest(column, names)}")
            if not isinstance(sign, SAME) or any(_kind(values) != "words" for values in held):
                continue
            known = {str(value) for values in held for value in values.dropna().unique()}
            for value in wanted:
                if value not in known:
                    raise ValueError(f"where: {column} = {value!r} {suggest(value, sorted(known))}")

    def judge(self, frame: pd.DataFrame) -> pd.Series:
        """Whether it asks for each row: True, False, or missing where a value that it needs is not known."""
        if self._tree is None:
            return pd.Series(True, frame.index, dtype="boolean")
        return self._judge(self._tree, frame)

    def _judge(self, node: ast.expr, frame: pd.DataFrame) -> pd.Series:
        if isinstance(node, ast.BoolOp):
            parts = (self._judge(part, frame) for part in node.values)
            return reduce(lambda a, b: a & b if isinstance(node.op, ast.And) else a | b, parts)
        if isinstance(node, ast.UnaryOp):
            return ~self._judge(node.operand, frame)
        column, sign, wanted = _comparison(node)
        if column not in frame:
            return pd.Series(pd.NA, frame.index, dtype="boolean")
        return _compare(frame[column], sign, wanted)


class Narrowing(NamedTuple):
    """Which rows tables were narrowed to, the tables before, and by table its rows, those kept, and those not known."""

    rows: Rows
    whole: Tables
    counts: pd.DataFrame


def narrow(tables: Tables, where: str) -> tuple[Tables, Narrowing]:
    """The rows that an expression asks for, each judged by its own values, else its contact's, else its customer's.

    Where the customer records do not hold all columns, customers are those of the rows that stay. A table of which
    nothing is known is left out.
    """
    rows = Rows(where)
    frames = {name: frame for name in TABLE_NAMES if (frame := getattr(tables, name)) is not None}
    rows.check([*frames.values()])
    judged = {name: rows.judge(link_columns(frame, tables, rows.columns, name)) for name, frame in frames.items()}
    if "customers" in frames and not {*rows.columns} <= {*frames["customers"]}:
        theirs = (frames[name][judged[name]] for name in STAMPS if name in frames)
        ids = {i for frame in theirs if "customer_id" in frame for i in frame["customer_id"]}
        judged["customers"] = frames["customers"]["customer_id"].isin(ids).astype("boolean")
    parts = {name: frames[name][known] for name, known in judged.items() if known.notna().any()}
    sizes = [(name, len(frames[name]), int(known.sum()), int(known.isna().sum())) for name, known in judged.items()]
    counts = pd.DataFrame(sizes, columns=["table", "whole", "kept", "unknown"])
    return Tables(**parts, log=tables.log), Narrowing(rows, tables, counts)


def count_sides(kept: Tables, whole: Tables) -> tuple[int, int]:
    """People behind the rows that are kept, and behind those that are left out; customer records are no rows."""
    sides: dict[bool, list[pd.DataFrame]] = {True: [], False: []}
    for name in STAMPS:
        if (frame := getattr(whole, name)) is not None:
            part, people = getattr(kept, name), frame.reindex(columns=["customer_id"])
            inside = people.index.isin([] if part is None else part.index)
            sides[True].append(people[inside])
            sides[False].append(people[~inside])
    kept_people, others = (count_people(pd.concat(side)) for side in sides.values())
    return kept_people, others


class _Comparison(NamedTuple):
    column: str
    sign: ast.cmpop
    wanted: list[str]


def _parse(where: str) -> ast.expr:
    """The expression as a tree of Python's own syntax in which every name and value is a string; it is never run."""
    source, at, named = "", 0, False
    while rest := where[at:].strip():
        match = TOKEN.match(where, at)
        if match is None:
            raise ValueError(f"where: {rest!r} cannot be read. Put words that hold quotes or signs in quotes.")
        word, sign, at = match["word"], match["sign"], match.end()
        if sign or (word and word.lower() in KEYWORDS):
            source += "==" if sign == "=" else sign or f" {word.lower()} "
            named = False
        else:  # words side by side are one name, as Python joins strings
            text = next(part for part in match.groups() if part is not None)
            source, named = source + repr(f" {text}" if named else text), True
    try:
        tree = ast.parse(source.strip(), mode="eval").body
        _comparisons(tree)
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError(
            f"where: {where!r} cannot be read. Expected comparisons joined by and, or, not, such as "
            "segment = business and channel in (phone, chat)."
        ) from None
    return tree


def _comparisons(node: ast.expr) -> list[_Comparison]:
    """All comparisons under a node; SyntaxError where anything but and, or, not joins them."""
    if isinstance(node, ast.BoolOp):
        return [comparison for part in node.values for comparison in _comparisons(part)]
    return _comparisons(node.operand) if isinstance(node, ast.UnaryOp) else [_comparison(node)]


def _comparison(node: ast.expr) -> _Comparison:
    if not isinstance(node, ast.Compare) or len(node.ops) > 1:
        raise SyntaxError
    right, several = node.comparators[0], isinstance(node.ops[0], ast.In | ast.NotIn)
    parts = [node.left, *(right.elts if several and isinstance(right, ast.Tuple) else [right])]
    names = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    if len(names) < max(len(parts), 2):
        raise SyntaxError
    return _Comparison(names[0], node.ops[0], names[1:])


def _compare(values: pd.Series, sign: ast.cmpop, wanted: list[str]) -> pd.Series:
    """Whether each value is as wanted; missing where it is."""
    kind = _kind(values)
    if kind in NEEDS and isinstance(sign, SAME) == (kind == "times"):
        raise ValueError(f"where: column {values.name} holds {kind}: compare with {NEEDS[kind]}.")
    cells = values.astype("str") if kind == "words" else values
    like = (getattr(cells, SIGNS[type(sign)])(_value(text, values)) for text in wanted)
    result: pd.Series = reduce(lambda a, b: a | b, like).astype("boolean").mask(values.isna())
    return ~result if isinstance(sign, ast.NotIn) else result


def _kind(values: pd.Series) -> str:
    """What a column holds: 'flags', 'numbers', 'times' or 'words'."""
    if types.is_bool_dtype(values):
        return "flags"
    if types.is_numeric_dtype(values):
        return "numbers"
    return "times" if types.is_datetime64_any_dtype(values) else "words"


def _value(text: str, values: pd.Series) -> object:
    """A value as its column holds them."""
    kind = _kind(values)
    try:
        if kind == "numbers":
            return float(text)
        if kind == "times":
            return pd.Timestamp(text).tz_localize(values.dt.tz)
        return FLAGS[text.lower()] if kind == "flags" else text
    except (ValueError, KeyError, TypeError):
        wanted = {"numbers": "a number", "times": "a day such as 2026-10-31", "flags": "true or false"}[kind]
        raise ValueError(f"where: column {values.name} holds {kind}, and {text!r} is not {wanted}.") from None
