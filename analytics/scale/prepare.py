"""The sources of a configuration made ready by partition: checked, scored and redacted tables, cases and a summary.

What is computed belongs to `scale` and to the functions it calls; here is only the order of the steps.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analytics.config import Config, Source
from analytics.measures.scores import customer_effort, net_promoter_score, net_sentiment, top_box_share
from analytics.scale import partitions
from analytics.scale.cases import write_cases
from analytics.scale.partitions import KEPT, read_parts, write_parts
from analytics.tables.check import Piece, check_table
from analytics.tables.maps import ExportMap, TableMap, apply_map
from analytics.tables.meaning import plain_map
from analytics.tables.periods import period_of
from analytics.tables.read import open_layout, write_quarantine
from analytics.tables.schema import DTYPES, FIELDS, Tables
from analytics.tables.sources import Raw, find_files
from analytics.text.comments import NAME_COLUMNS, TEXTS, collect_comments
from analytics.text.own_themes import BESIDE, fit_themes

if TYPE_CHECKING:
    import dask.dataframe as dd

OWN = pd.DataFrame({"at": pd.Series(dtype="datetime64[ns, UTC]"), "text": pd.Series(dtype="str")})
MEASURES = {"nps": net_promoter_score, "csat": top_box_share, "ces": customer_effort, "sentiment": net_sentiment}


def prepare(config: Config, output: Path, until: pd.Timestamp) -> list[Path]:
    """Check, score and redact every source by partition, then build cases and a summary from what was written.

    Needs a client (see `workers`). Sources are files or folders of Parquet or CSV; each partition is checked like a
    table of its own, what is set aside goes to ``<output>/quarantine``. Repeated ids are found within a partition, and
    between partitions where they meet in a case.

    Parameters
    ----------
    config
        Sources, maps, brands, order numbers, text model ('auto' is 'fast' here), office hours.
    output
        Gets a folder of Parquet for each table and for cases, each a source for reports, and summary.csv: scores by
        table and period.
    until
        The moment of looking for the cases.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    ValueError
        If a source is a query, is absent, or its columns cannot be read.

    References
    ----------
    METHODS.md, "Past one machine".
    """
    typed = {str(table): _open(table, source, config, output) for table, source in config.sources.items()}
    organisation, model = config.organisation, "accurate" if config.text.model == "accurate" else "fast"
    options: dict[str, Any] = {"brands": organisation.brands, "patterns": organisation.order_number_patterns}
    options |= {"names": partitions.collect_names(list(typed.values())), "model": model}
    options |= {"themes": fit_themes(config, earliest(typed))}
    for table, frame in typed.items():
        text = TEXTS[table][2] if table in TEXTS else None
        if text is not None and text in frame.columns:
            frame = partitions.score_parts(frame, text, **options)
        private = [c for c in NAME_COLUMNS if c in frame.columns and c not in KEPT]
        write_parts(frame.drop(columns=private), output / table)
    ready = {table: read_parts([output / table]) for table in typed}
    written = [output / table for table in typed]
    if {"contacts", "complaints"} & {*ready}:
        hours, zone = organisation.office_hours, organisation.timezone
        write_cases(ready, output / "cases", until, office_hours=hours, timezone=zone)
        written.append(output / "cases")
    summary = _summarise(ready, config)
    if len(summary):
        summary.to_csv(output / "summary.csv", index=False)
        written.append(output / "summary.csv")
    return written


def earliest(tables: "dict[str, dd.DataFrame]") -> Iterator[str]:
    """The customers' own words in all partitions, the earliest first, as many as own themes are fitted beside."""
    import dask.dataframe as dd

    written = [(table, frame) for table, frame in tables.items() if table in TEXTS and TEXTS[table][2] in frame]
    if written:
        parts = [frame.map_partitions(_own_words, table, meta=OWN) for table, frame in written]
        yield from dd.concat(parts).reduction(_first, meta=OWN, split_every=8).compute()["text"]


def _own_words(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    tables: dict[str, Any] = {table: frame}
    texts = collect_comments(Tables(**tables))[[*OWN]]
    return texts.assign(at=pd.to_datetime(texts["at"], utc=True))


def _first(texts: pd.DataFrame) -> pd.DataFrame:
    """Twice as many as a head is fitted beside, as some differ in nothing but their writing."""
    return texts.sort_values([*OWN], kind="stable").drop_duplicates("text").head(2 * BESIDE)


def _open(table: str, source: Source, config: Config, output: Path) -> "dd.DataFrame":
    """A source as partitions that keep the table's contract."""
    if source.path is None:
        raise ValueError(f"sources.{table}: is a query. Export it as a folder of Parquet files, and give its path.")
    layout = open_layout(config, table, source)
    frame = read_parts(find_files(source.path, config.root))
    name = str(source.path)
    head = Raw(name, frame.get_partition(0).compute(), "")  # of one part, so that all parts are read alike
    table_map = layout.tables[table] if layout is not None else plain_map(table, head)
    zone = config.organisation.timezone
    meta = _shape(table, apply_map(head, table_map, partial=True).frame.columns, table_map, zone)
    settings = (table, table_map, layout, zone, output / "quarantine" / table, name, meta)
    return frame.map_partitions(_check, settings, meta=meta)


def _shape(table: str, columns: Iterable[str], table_map: TableMap, zone: str) -> pd.DataFrame:
    kinds = {spec.name: spec.kind for spec in FIELDS[table]}
    rules = table_map.rules
    dtypes = {c: DTYPES.get(kinds.get(c) or rules[c].kind or "category") for c in columns}
    return pd.DataFrame({c: pd.Series(dtype=dtype or pd.DatetimeTZDtype("us", zone)) for c, dtype in dtypes.items()})


def _check(
    frame: pd.DataFrame,
    settings: tuple[str, TableMap, ExportMap | None, str, Path, str, pd.DataFrame],
    partition_info: Any = None,  # noqa: ANN401
) -> pd.DataFrame:
    table, table_map, layout, zone, quarantine, name, meta = settings
    if frame.empty:
        return meta
    number = partition_info["number"] if partition_info else 0
    raw = Raw(f"{name}, part {number}", frame.set_axis(range(1, len(frame) + 1), axis=0), "")
    checked = check_table(table, [Piece(raw, table_map, layout)], zone, partial=True)
    write_quarantine(checked.faults, quarantine / f"part.{number}.csv")
    return checked.frame[meta.columns].astype(meta.dtypes.to_dict())


def _summarise(tables: "dict[str, dd.DataFrame]", config: Config) -> pd.DataFrame:
    """Every score of every table, by the period of the customer's stamp."""
    summaries = []
    for table, (_, stamp, _) in TEXTS.items():
        frame = tables.get(table)
        columns = [c for c in MEASURES if frame is not None and c in frame.columns]
        if frame is None or not columns or stamp not in frame.columns:
            continue
        dated = frame.dropna(subset=[stamp]).map_partitions(_with_period, stamp, config.report.frequency, columns)
        for column in columns:
            confidence = config.report.confidence
            rows = partitions.summarise_by_partition(dated, MEASURES[column], ["period"], column, confidence)
            rows.insert(0, "table", table)
            summaries.append(rows)
    return pd.concat(summaries, ignore_index=True) if summaries else pd.DataFrame()


def _with_period(frame: pd.DataFrame, stamp: str, frequency: Any, columns: list[str]) -> pd.DataFrame:  # noqa: ANN401
    return frame[columns].assign(period=period_of(frame[stamp], frequency).astype("str"))
