"""One way to draw: one face, one accent colour, greys for the rest, intervals always, labels on the data itself.

The helpers take tidy frames and return Matplotlib figures for `blocks.figure`; titles stand in the block's caption.
A figure keeps what it draws as ``drawn``, for the workbook beside the report.
"""

from __future__ import annotations

import io
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from analytics.publish.format import FONTS, WORDS, covered, decimals, factor_of, format_value, visible, write_estimate
from analytics.publish.html import ACCENT, INK, MUTED, RULE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 6.4  # inches: the text column of A4 and Letter alike, so that chart text keeps its size
LIGHT, MIDDLE, PALE = "#e9edef", "#98a2ab", "#c3cad0"
GREYS = {"LIGHT": LIGHT, "MIDDLE": MIDDLE, "PALE": PALE, "INK": INK, "MUTED": MUTED, "RULE": RULE}

ENDS = {"share": (0, 100), "points": (-100, 100)}  # beyond which no figure lies: an axis does not reach there


def _read_style() -> dict[str, Any]:
    text = (Path(__file__).parent / "chart_style.toml").read_text(encoding="utf-8")
    for name, colour in {"ACCENT": ACCENT, **GREYS}.items():
        text = text.replace(name, colour)
    return tomllib.loads(text)


STYLE: Any = _read_style()


def _register_fonts() -> None:
    """Make the vendored face known to Matplotlib, once."""
    from matplotlib.font_manager import fontManager

    registered = {entry.fname for entry in fontManager.ttflist}
    for path in sorted(map(str, FONTS.glob("*.ttf"))):
        if path not in registered:
            fontManager.addfont(path)


@contextmanager
def styled() -> Iterator[None]:
    """Draw within the report's style and leave Matplotlib's own settings as they were; decorates a function, too.

    Examples
    --------
    >>> import matplotlib
    >>> with styled():
    ...     matplotlib.rcParams["svg.fonttype"]
    'none'
    """
    import matplotlib

    _register_fonts()
    with matplotlib.rc_context(STYLE):
        yield


def draw(fig: Figure) -> tuple[str, str]:
    """Write a figure as SVG, the same bytes each time.

    Parameters
    ----------
    fig
        Any Matplotlib figure.

    Returns
    -------
    tuple of str
        Two SVG documents without a date: one with its letters as text, for a page that has the report's face, and
        one with its letters as shapes, for a page that has not.
    """
    import matplotlib

    drawings, layout = [], fig.get_layout_engine()
    for letters in ("none", "path"):
        target = io.StringIO()
        with styled(), matplotlib.rc_context({"svg.fonttype": letters}):
            fig.savefig(target, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
        fig.set_layout_engine(None)  # the second drawing keeps the places of the first, and tries no layout
        drawings.append(_numbered(target.getvalue()))
    fig.set_layout_engine(layout)
    return drawings[0], drawings[1]


def _numbered(svg: str) -> str:
    """A drawing with its inner names counted: Matplotlib hashes the last bits of places, which machines differ in."""
    for number, name in enumerate(dict.fromkeys(re.findall(r'id="([a-z][0-9a-f]{10})"', svg))):
        svg = svg.replace(name, f"{name[0]}{number}")
    return svg


@styled()
def plot_series(
    points: pd.DataFrame, *, unit: str = "points", label: str = "", limits: pd.DataFrame | None = None,
    height: float = 2.6, marks: Mapping[str, str] | None = None,
) -> Figure:  # fmt: skip
    """Plot a figure over time with its interval, the latest value written at its end.

    Parameters
    ----------
    points
        One row per period in order: period (text), value, low, high; a missing value leaves a gap.
    unit
        As in `Estimate`: 'points', 'share', 'hours', 'score'.
    label
        What the value axis measures.
    limits
        Process limits (XmR) in the same order: 'mean', 'low limit', 'high limit', as ``Signals.points`` has them.
    height
        In inches; 1.6 suits page one.
    marks
        Period -> what was done in it, drawn as a line before it; '' draws none.

    Returns
    -------
    Figure
        For `blocks.figure`.
    """
    fig, ax = _axes(height)
    fig.drawn = points[["period", "value", "low", "high"]]  # type: ignore[attr-defined]
    x = np.arange(len(points))
    value, low, high = _scaled(points, unit)
    if limits is not None:
        usual = _scaled(limits, unit, ("mean", "low limit", "high limit"))
        mean, below, above = (line.clip(*ENDS.get(unit, (-np.inf, np.inf))) for line in usual)
        ax.plot(x, mean, color=MIDDLE, linewidth=0.8)
        for bound in (below, above):
            ax.plot(x, bound, color=MIDDLE, linewidth=0.8, linestyle=(0, (4, 3)))
        _write(ax, x[-1], above[-1], WORDS["limits"], MUTED, offset=(8, 0), size=7.5)
    ax.fill_between(x, low, high, color=ACCENT, alpha=0.14, linewidth=0)
    ax.plot(x, value, color=ACCENT, marker="o", markersize=2.6)
    if (defined := np.flatnonzero(~np.isnan(value))).size:
        last = defined[-1]
        ax.plot(x[last], value[last], "o", color=ACCENT, markersize=6)
        text = write_estimate(points[["value", "low", "high"]].iloc[last].to_dict() | {"unit": unit})
        _write(ax, x[last], value[last], text, ACCENT, offset=(8, 0), weight="semibold")
    for i, period in enumerate(points["period"]):
        if what := (marks or {}).get(period):
            ax.axvline(i - 0.5, color=INK, linewidth=0.8)
            inwards = "left" if i < len(x) / 2 else "right"
            place: Any = {"transform": ax.get_xaxis_transform(), "ha": inwards, "va": "bottom"}
            ax.text(i - 0.5, 1, _clip(what, 60), color=INK, fontsize=7.5, **place)
    ax.set_xlim(-0.4, len(x) - 0.6 if len(x) > 1 else 0.6)
    ticks = x[:: -max(1, -(-len(x) // 9))][::-1]
    ax.set_xticks(ticks, [_clip(points["period"].iloc[i]) for i in ticks])
    _value_axis(ax, "y", unit, label)
    ax.grid(axis="y")
    return fig


@styled()
def plot_intervals(
    frame: pd.DataFrame, *, by: str, unit: str | None = None, label: str = "", reference: float | None = None,
    ordered: bool = False,
) -> Figure:  # fmt: skip
    """Compare groups as dots with their intervals, largest on top.

    Parameters
    ----------
    frame
        One row per group: `by`, value, low, high, n (and unit), as `summarise` returns; undefined groups are named and
        left empty.
    by
        Column that names the group.
    unit
        As in `Estimate`; without it the frame's own.
    label
        What the value axis measures.
    reference
        A value to compare with, such as the whole organisation's, drawn as a line.
    ordered
        Keep the frame's order from top to bottom, as of bands.

    Returns
    -------
    Figure
        For `blocks.figure`.
    """
    unit = unit or str(frame["unit"].iloc[0])
    rows = frame[::-1] if ordered else frame.sort_values("value", na_position="first", kind="stable")
    rows, (value, low, high) = rows.reset_index(drop=True), _scaled(rows, unit)
    fig, ax = _axes(0.62 + 0.27 * len(rows))
    fig.drawn = frame[[by, "value", "low", "high", "n"]]  # type: ignore[attr-defined]
    ax.set_yticks(np.arange(len(rows)), [_clip(name) for name in rows[by]], color=INK)
    if reference is not None:
        level = reference * factor_of(unit)
        ax.axvline(level, color=MIDDLE, linewidth=0.9, zorder=1)
        whole = write_estimate({"value": reference, "low": None, "high": None, "unit": unit})
        _write(ax, level, len(rows) - 0.4, f"{WORDS['whole']}: {whole}", MUTED, offset=(4, 0), size=7.5)
    y = np.arange(len(rows))
    ax.hlines(y, low, high, color=ACCENT, alpha=0.4, linewidth=4.5)
    ax.scatter(value, y, color=ACCENT, s=30, zorder=3)
    style = {"unit": unit, "places": decimals(float((rows["high"] - rows["low"]).median()), unit)}
    figures: Any = rows.to_dict("records")
    for i, row in enumerate(figures):
        _write(ax, 1, i, write_estimate(row | style), INK if row["n"] else MUTED, offset=(10, 0), beside=True)
        _write(ax, 1, i, f"n = {row['n']:,}", MUTED, offset=(134, 0), beside=True, ha="right")
    ax.set_ylim(-0.6, len(rows) - 0.2 if reference is not None else len(rows) - 0.4)
    _value_axis(ax, "x", unit, label)
    ax.grid(axis="x")
    return fig


@styled()
def plot_sides(frame: pd.DataFrame, *, heads: tuple[str, str]) -> Figure:
    """Set two shares of each trait back to back: who blames it to the left, who thanks for it to the right.

    Parameters
    ----------
    frame
        One row per trait, from top to bottom: blame and thank (its names on either side), value, low, high (share who
        blame, 0 to 1) and value_thank, low_thank, high_thank; a missing value is written 'not known'.
    heads
        What stands above the two sides.

    Returns
    -------
    Figure
        For `blocks.figure`.
    """
    rows = frame.iloc[::-1].reset_index(drop=True)
    fig, ax = _axes(0.8 + 0.25 * len(rows))
    y = np.arange(len(rows))
    ax.axvline(0, color=MIDDLE, linewidth=0.8)
    ax.set_yticks(y, [_clip(name, 32) for name in rows["blame"]], color=INK)
    right = ax.secondary_yaxis("right")
    right.set_yticks(y, [_clip(name, 32) for name in rows["thank"]], color=ACCENT)
    right.spines["right"].set_visible(False)
    for sign, suffix, colour, axis in ((-1, "", INK, ax), (1, "_thank", ACCENT, right)):
        columns, ha = [f"{name}{suffix}" for name in ("value", "low", "high")], "left" if sign > 0 else "right"
        value, low, high = (sign * side for side in _scaled(rows, "share", columns))
        ax.hlines(y, low, high, color=colour, alpha=0.35, linewidth=4.5)
        ax.scatter(value, y, color=colour, s=26, zorder=3)
        for i, figures in enumerate(rows[columns].to_numpy()):
            text = write_estimate({"unit": "share", **dict(zip(("value", "low", "high"), figures, strict=True))})
            _write(ax, sign > 0, i, text, colour, offset=(5 * sign, 0), beside=True, ha=ha)
        _write(ax, 0, len(rows) - 0.2, heads[sign > 0], colour, offset=(8 * sign, 0), weight="semibold", ha=ha)
        axis.tick_params(axis="y", length=0, pad=58)  # points: the figures stand between the names and the axis
    ends = [np.nanmax([0.05, *rows[f"high{side}"].astype(float)]) * 105 for side in ("", "_thank")]
    ax.set(ylim=(-0.6, len(rows) + 0.3), xlim=(-max(ends), max(ends)))
    _value_axis(ax, "x", "share", "")
    ax.xaxis.set_major_formatter(lambda value, _: _tick(abs(value), "share"))
    ax.grid(axis="x")
    fig.drawn = frame  # type: ignore[attr-defined]
    return fig


def _scaled(frame: pd.DataFrame, unit: str, columns: Sequence[str] = ("value", "low", "high")) -> list[np.ndarray]:
    """Columns as the axis shows them: shares in percent."""
    return [frame[c].astype(float).to_numpy() * factor_of(unit) for c in columns]


def _axes(height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    fig = Figure(figsize=(WIDTH, height), layout="constrained")
    return fig, fig.subplots()


def _value_axis(ax: Axes, side: Literal["x", "y"], unit: str, label: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axis = ax.xaxis if side == "x" else ax.yaxis
    axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(lambda value, _: _tick(value, unit))
    axis.set_label_text(label)
    ax.spines["left"].set_visible(False)


def _tick(value: float, unit: str) -> str:
    places = "" if float(value).is_integer() else "1"
    suffix = {"share": " %", "hours": " h"}.get(unit, "")
    return format_value(value, "points" if unit == "points" and not places else f"number{places or 0}") + suffix


def _clip(name: object, longest: int = 44) -> str:
    text = covered(visible(name))
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _write(
    ax: Axes, x: float, y: float, text: str, color: str, *, offset: tuple[float, float],
    size: float = 8.5, weight: str = "normal", beside: bool = False, ha: str = "left",
) -> None:  # fmt: skip
    """A label near a point, or `beside` the axes on the height of a point; it may leave the axes."""
    face: Any = {} if weight == "normal" else {"fontfamily": "Fira Sans"}  # the fallback face has no such weight
    ax.annotate(
        text, (x, y), xycoords=("axes fraction", "data") if beside else "data", xytext=offset, fontsize=size,
        textcoords="offset points", va="center", ha=ha, color=color, fontweight=weight, annotation_clip=False, **face,
    )  # fmt: skip
