"""A frame's columns and values as JSON can hold them: typed, missing values None, bounds beside their value."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from analytics.measures.estimate import Estimate
from analytics.publish.format import decimals, is_missing, stored, visible

if TYPE_CHECKING:
    import pandas as pd

Json = None | bool | int | float | str | dict[str, Any]


def estimate_cell(estimate: Estimate) -> dict[str, Any]:
    """An estimate as JSON can hold it; anything else is refused, for a bare number has no interval."""
    if not isinstance(estimate, Estimate):
        raise TypeError(f"expected an Estimate, found {type(estimate).__name__}. A figure needs its interval and n.")
    number = {key: json_cell(getattr(estimate, key)) for key in ("value", "low", "high")}
    return {**number, "n": int(estimate.n), "unit": estimate.unit, "source": estimate.source}


def read_estimate(cell: Mapping[str, Any]) -> Estimate:
    """The estimate that a cell made by `estimate_cell` holds."""
    numbers = {key: math.nan if cell[key] is None else cell[key] for key in ("value", "low", "high")}
    return Estimate(**numbers, n=cell["n"], unit=cell["unit"], source=cell["source"])


def interval_columns(frame: pd.DataFrame) -> dict[Any, tuple[Any, Any]]:
    """Columns that have bounds beside them -> the names of the bounds."""
    pairs = {c: (f"{c}_low", f"{c}_high") for c in frame if {f"{c}_low", f"{c}_high"} <= set(frame)}
    return pairs | ({"value": ("low", "high")} if {"value", "low", "high"} <= set(frame) else {})


def column_cells(
    frame: pd.DataFrame, column: Hashable, bounds: Mapping[Any, Any], formats: Mapping[Any, str]
) -> list[Any]:
    """A column's cells, typed; a value with bounds beside it becomes one cell."""
    if column not in bounds:
        return [json_cell(value) for value in frame[column]]
    low, high = bounds[column]
    style = formats.get(column, "number")
    plain = style.rstrip("0123456789").replace("number", "score")
    units = frame["unit"] if column == "value" and "unit" in frame and column not in formats else [plain] * len(frame)
    typical = float((frame[high] - frame[low]).median())  # one column, one number of decimals
    places = {unit: int(style[-1]) if style[-1].isdigit() else decimals(typical, unit) for unit in set(units)}
    numbers = (map(json_cell, frame[name]) for name in (column, low, high))
    return [
        {"value": value, "low": below, "high": above, "unit": visible(unit), "places": places[unit]}
        for value, below, above, unit in zip(*numbers, units, strict=True)
    ]


def column_head(
    frame: pd.DataFrame, column: Hashable, names: Mapping[Any, str], formats: Mapping[Any, str]
) -> dict[str, Any]:
    """Heading, format and alignment of a column."""
    from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_integer_dtype, is_numeric_dtype

    s = frame[column]
    numeric = is_numeric_dtype(s) and not is_bool_dtype(s)
    whole = numeric and (is_integer_dtype(s) or bool((s.dropna() % 1 == 0).all()))  # a count beside a blank is a float
    default = "count" if whole else "number" if numeric else "text"
    label = names.get(column) or str(column).replace("_", " ").capitalize()
    if column == "value" and column not in names and "measure" in frame and frame["measure"].nunique() == 1:
        label = str(frame["measure"].iloc[0]).replace("_", " ").capitalize()
    right = numeric or is_datetime64_any_dtype(s) or column in formats and formats[column] != "text"
    return {"label": visible(label), "format": formats.get(column, default), "right": bool(right)}


def json_cell(value: object) -> Json:
    """One value as JSON can hold it: None, bool, int, float, an estimate, or text."""
    if isinstance(value, Estimate):
        return estimate_cell(value)
    if is_missing(value):
        return None
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return stored(value) if math.isfinite(value) else visible("no limit")
    if isinstance(value, date):  # a datetime is a date too
        return value.isoformat()[:16].replace("T", " ").removesuffix(" 00:00")
    return visible(value)
