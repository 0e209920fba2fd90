"""What came in, for `perception check`: the facts once, drawn on a terminal and as one HTML page."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analytics.config import Config
from analytics.publish.format import format_value, is_missing, visible
from analytics.publish.html import COLOURS
from analytics.publish.template import render
from analytics.tables.parts import several_brands
from analytics.tables.periods import last_complete_period, period_of
from analytics.tables.read import undated, write_whole
from analytics.tables.schema import FIELDS, STAMPS, TABLE_NAMES, Field, ReadLog, Tables
from analytics.text.comments import find_names
from analytics.text.redact import redact

PAGE = "check.html"  # in the derived data
BLOCKS = "▁▂▃▄▅▆▇█"
EXAMPLES, LONGEST = 3, 70  # examples of a column, and characters of each

_WORDS = tomllib.loads(Path(__file__).with_name("sections.toml").read_text(encoding="utf-8"))
_PARTS = _WORDS["part"]


@dataclass(frozen=True)
class Incoming:
    """What came in.

    Every frame may be empty: `rows` per table, `spans` (first and last day) per source, `faults` by kind, `columns`
    (filled, a line of blocks for scores, examples without personal data), `absent` optional columns, `losses` rows lost
    beside rows kept, and `empty` parts of a report with what would fill them. `fault` says why no report can be made.
    """

    rows: pd.DataFrame
    spans: pd.DataFrame
    faults: pd.DataFrame
    columns: pd.DataFrame
    absent: pd.DataFrame
    losses: pd.DataFrame
    empty: pd.DataFrame
    notes: tuple[str, ...]
    fault: str
    next_period: str

    @property
    def grids(self) -> Iterator[tuple[str, list[str], list[list[str]]]]:
        """Title, heads and written rows of each table to draw."""
        for name, title in _WORDS["titles"].items():
            frame: pd.DataFrame = getattr(self, name)
            heads = [_WORDS["heads"].get(str(column), str(column)) for column in frame.columns]
            rows = frame.to_numpy(dtype=object).tolist()
            yield title, heads, [[_write(v, str(c)) for v, c in zip(row, frame.columns, strict=True)] for row in rows]


def describe_incoming(tables: Tables, config: Config, now: pd.Timestamp) -> Incoming:
    """Gather what came in through the sources of a configuration.

    Parameters
    ----------
    tables
        As `read_tables` returns them, with their log.
    config
        The settings that they were read with.
    now
        The moment before which a period must be over to be reported.

    Returns
    -------
    Incoming
        Examples of texts are redacted, ids are shown by their shape, words of fewer rows than `minimum_group` not.
    """
    log = tables.log or ReadLog()
    frames = {name: frame for name in TABLE_NAMES if (frame := getattr(tables, name)) is not None}
    names = find_names(tables)
    columns = [
        (table, str(c), frame[c].notna().mean(), _blocks(frame[c], spec, log), _examples(frame[c], spec, config, names))
        for table, frame in frames.items()
        for c in frame.columns
        for spec in [_spec(table, str(c), frame[c])]
    ]
    filled = {f"{table}.{column}" for table, column, share, *_ in columns if share > 0}
    filled |= {"config.promises"} if config.promises else set()
    empty = [(part["heading"], part["fill"]) for part in _PARTS if not filled & {*part["needs"]}]
    lacks_all = not filled & {*_PARTS[0]["needs"], *_PARTS[3]["needs"]}
    days = pd.concat([f[c].dropna() for t, f in frames.items() for c in STAMPS.get(t, ()) if c in f] or [pd.Series()])
    later = int((days > now).sum())
    future = f"{later:,} of {len(days):,} stamps lie in the future: no report counts what they date until then."
    frequency = config.report.frequency
    counts = period_of(days, frequency).value_counts().sort_index() if len(days) else pd.Series(dtype="int64")
    enough = counts[counts >= config.organisation.minimum_group]
    period = str(max([*enough.index] or [*counts.index], default=""))
    return Incoming(
        log.rows,
        log.spans,
        log.faults,
        pd.DataFrame(columns, columns=["table", "column", "filled", "distribution", "examples"]),
        log.absent,
        log.losses[["table", "why", "measure", "lost", "kept", "difference", "low", "high"]],
        pd.DataFrame(empty, columns=["part", "fill"]),
        (*log.warnings, *undated(tables), *several_brands(tables, config.report.by), *[future][:later]),
        "no score and no words of a customer came in: map a score, a comment or a complaint's text." * lacks_all,
        min(period, last_complete_period(frequency, now).name) if period else "",
    )


def draw_terminal(incoming: Incoming, console: Console) -> None:
    """Print the facts as tables."""
    for title, heads, rows in incoming.grids:
        console.print(Text(title, style="bold"))
        if not rows:
            console.print("none")
            continue
        grid = Table(box=None, pad_edge=False, header_style="dim")
        for head in heads:
            grid.add_column(head, overflow="fold")
        for row in rows:
            grid.add_row(*map(Text, row))
        console.print(grid, soft_wrap=False)
    for note in incoming.notes:
        console.print(Text(f"Note: {visible(note)}", style="yellow"))


def write_page(incoming: Incoming, config: Config, moment: pd.Timestamp) -> Path:
    """Write the facts as one HTML page in the derived data, in one step; it repeats customer data and stays there."""
    path = config.derived(PAGE)
    page = render(
        Path(__file__).parent / "templates" / "check.html.j2", title=config.organisation.name,
        moment=f"{moment:%Y-%m-%d}", grids=list(incoming.grids), notes=incoming.notes, fault=incoming.fault,
        colours=COLOURS,
    )  # fmt: skip
    write_whole(path, page)
    return path


def _write(value: object, column: str) -> str:
    if is_missing(value):
        return ""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, float):
        return format_value(value, "share" if column == "filled" else "number2")
    return visible(f"{value:,}" if isinstance(value, int) else value)


def _spec(table: str, column: str, values: pd.Series) -> Field:
    """The field of a column; of an extra one its kind by its type."""
    ours = {spec.name: spec for spec in FIELDS[table]}
    if column in ours:
        return ours[column]
    is_time, is_number = pd.api.types.is_datetime64_any_dtype(values), pd.api.types.is_numeric_dtype(values)
    return Field(column, "time" if is_time else "number" if is_number else "category", "extra")


def _blocks(values: pd.Series, spec: Field, log: ReadLog) -> str:
    """How often each whole number of a score's scale occurs, as a line of blocks; a dot where it never does."""
    low, high = log.scales.get(spec.name, (spec.low, spec.high))
    if spec.kind != "number" or low is None or high is None or values.notna().sum() == 0:
        return ""
    counts = values.round().value_counts()
    heights = [counts.get(float(point), 0) / counts.max() for point in range(int(low), int(high) + 1)]
    return f"{low:g} " + "".join(BLOCKS[min(7, int(h * 8))] if h else "·" for h in heights) + f" {high:g}"


def _examples(values: pd.Series, spec: Field, config: Config, names: Sequence[str]) -> str:
    """Three values that name nobody: texts redacted, ids by their shape, words that enough rows share."""
    filled = values.dropna()
    if filled.empty:
        return ""
    if spec.kind in ("time", "number"):
        middle = filled.sort_values(kind="stable").iloc[[0, len(filled) // 2, -1]]
        return " · ".join(f"{v:%Y-%m-%d}" if spec.kind == "time" else format_value(float(v), "number1") for v in middle)
    text = filled.astype("str")
    if spec.kind == "id":
        shapes = text.str.replace(r"\d", "9", regex=True).str.replace(r"[^\W\d_]", "a", regex=True).value_counts()
        return " · ".join(shapes.sort_index().sort_values(ascending=False, kind="stable").index[:EXAMPLES])[:LONGEST]
    if spec.kind == "text":
        texts = pd.Series(sorted(text.unique(), key=lambda t: (len(t), t)))
        chosen = texts.iloc[sorted({len(texts) * k // 4 for k in (1, 2, 3)})].str.slice(0, 4 * LONGEST).tolist()
        clean = redact(chosen, names=names, patterns=config.organisation.order_number_patterns)
        return " · ".join(
            t if len(t) <= LONGEST else f"{t[:LONGEST]}…" for t in (re.sub(r"\s+", " ", c) for c in clean)
        )
    counts = text.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    shared = counts[counts >= config.organisation.minimum_group].index[:EXAMPLES].tolist()
    return (
        " · ".join(redact(shared, names=names)) if shared else f"{len(counts):,} different, none in enough rows to show"
    )
