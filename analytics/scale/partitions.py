"""Scores and summaries by partition on Dask: tables that no single machine holds, by the functions of one machine.

A partition is a file, or a row group of a large Parquet file. Every figure is made by `score_and_redact`, `build_cases`
and `summarise`; this module only brings together the rows that belong together. Equal to the single-machine path means:
cases, redacted texts, labels, themes, and summaries of labels and whole-number answers to the last digit; probabilities
and summaries of other answers to 1e-12, as sums run in another order. Raw text is read by a worker and never written:
workers do not spill to disk, and texts stay out of every shuffle.
"""

import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analytics.measures.estimate import Estimate
from analytics.measures.scores import response_rate
from analytics.measures.summarise import COLUMNS, Measure, summarise
from analytics.tables.schema import FIELDS, TEXT_SCORES, Tables
from analytics.tables.sources import read_file
from analytics.text.comments import NAME_COLUMNS, NUMBERS, find_names, score_and_redact
from analytics.text.own_themes import ThemeList

if TYPE_CHECKING:
    import dask.dataframe as dd
    from distributed import Client

BLOCK = 64 * 2**20  # bytes, before compression: row groups of a Parquet file are read together up to it
CONNECT = "10s"  # to a scheduler, before it counts as absent
FREE_TEXT = {field.name for fields in FIELDS.values() for field in fields if field.kind == "text"}
KEPT = {field.name for fields in FIELDS.values() for field in fields} - FREE_TEXT  # never names or free text


@contextmanager
def workers(scheduler: str | None = None, count: int | None = None, memory: str = "auto") -> "Iterator[Client]":
    """Connect to a running scheduler, or start worker processes on this machine for the time of a run.

    Parameters
    ----------
    scheduler
        Address such as 'tcp://10.0.0.5:8786'; its workers need this package and the same folders. None starts workers.
    count
        Worker processes to start, one thread each; default one per core.
    memory
        Most memory of each worker started, such as '2GiB'; 'auto' shares the machine's.

    Raises
    ------
    ValueError
        If Dask is not installed, or nothing answers at the address.
    ChildProcessError
        If workers died again and again on one partition.

    References
    ----------
    Rocklin (2015), Dask, Proceedings of the 14th Python in Science Conference, 126-132.
    """
    try:
        import dask
        from distributed import LocalCluster
        from distributed.scheduler import KilledWorker
    except ModuleNotFoundError as error:
        raise ValueError(
            f"Dask is not installed ({error.name}). Install it: pip install 'customer-perception-analytics[scale]'"
        ) from None
    # the scheduler is put back at the end, whatever became of the client
    settings: dict[str, Any] = {"scheduler": None, "dataframe.convert-string": False}
    limits = {"target": False, "spill": False, "pause": False, "terminate": 0.97}  # a paused worker may wait for ever
    settings |= {f"distributed.worker.memory.{name}": value for name, value in limits.items()}
    # faults are said in our messages
    settings["distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED"] = "critical"
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with dask.config.set(settings), ExitStack() as closing:
        to: Any = scheduler
        if scheduler is None:
            shape = {"n_workers": count, "threads_per_worker": 1, "memory_limit": memory}
            to = closing.enter_context(LocalCluster(**shape, host="127.0.0.1", dashboard_address="127.0.0.1:0"))
        try:
            client = closing.enter_context(_connect(to))
        except (OSError, ValueError) as error:
            raise ValueError(
                f"no Dask scheduler answers at {to!r} ({error}). Start one with 'dask scheduler' and give "
                "its address, such as tcp://10.0.0.5:8786, or leave --scheduler out to use this machine."
            ) from None
        try:
            yield client
        except KilledWorker as error:
            raise ChildProcessError(
                f"workers died again and again on one partition ({error.task}), most likely for want of memory. Give "
                "fewer workers, or write smaller files or row groups. Nothing was written."
            ) from None


def _connect(to: Any) -> "Client":  # noqa: ANN401  an address or a cluster
    from distributed import Client

    try:
        return Client(to, timeout=CONNECT)
    except AssertionError:  # its thread did not start within ten seconds, on a machine that stood still meanwhile
        return Client(to, timeout=CONNECT)


def read_parts(paths: Sequence[Path]) -> "dd.DataFrame":
    """Open files, or folders of them, as one partitioned frame, in order of their names; nothing is read yet.

    Raises
    ------
    ValueError
        If there is no file to read, Parquet is mixed with other files, or the columns of CSV files differ.
    """
    import dask.dataframe as dd

    files = [f for path in paths for f in (sorted(path.rglob("*.*")) if path.is_dir() else [path]) if f.is_file()]
    parquet = [file for file in files if file.suffix.lower() in {".parquet", ".pq"}]
    if not files or (parquet and len(parquet) < len(files)):
        content = "both Parquet and other files" if parquet else "no files"
        raise ValueError(f"{', '.join(map(str, paths))}: holds {content}. Give a folder of Parquet or of CSV files.")
    parts = [part for file in files for part in (_row_groups(file) if parquet else [(file, None)])]
    meta = _read_part((files[0], [] if parquet else None)).iloc[:0]
    return dd.from_map(_read_part, parts, like=list(meta.columns), meta=meta)


def _row_groups(file: Path) -> list[tuple[Path, list[int]]]:
    """Cut a Parquet file into runs of row groups of at most `BLOCK` bytes in memory."""
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        metadata = ParquetFile(file).metadata
    except (ArrowException, OSError) as error:
        raise ValueError(f"{file}: cannot be read as Parquet ({str(error).splitlines()[0]}).") from None
    runs: list[list[int]] = [[]]
    sizes = [metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)]
    for group in range(len(sizes)):
        if runs[-1] and sum(sizes[runs[-1][0] : group + 1]) > BLOCK:
            runs.append([])
        runs[-1].append(group)
    return [(file, run) for run in runs]


def score_parts(
    frame: "dd.DataFrame",
    column: str,
    *,
    model: str = "fast",
    themes: ThemeList | None = None,
    **options: Sequence[str],
) -> "dd.DataFrame":
    """Score and redact one column of texts; every other column comes along, but an earlier score is replaced.

    Parameters
    ----------
    frame
        Partitioned, as `read_parts` opens it.
    column
        The texts.
    model
        'fast' or 'accurate': one for all partitions.
    themes, **options
        brands, names, patterns: see `score_and_redact`.
    """
    kept = frame.drop(columns=[c for c in TEXT_SCORES[1:] if c in frame.columns and c != column])
    settings = {"model": model, "themes": themes, **{name: tuple(values) for name, values in options.items()}}
    return kept.map_partitions(_score, column, settings, meta=_score(kept._meta, column, settings))


def score_folder(file: Path, output: Path, column: str, brands: Sequence[str], model: str) -> None:
    """Score a file or folder of texts into a folder; ids, times and categories come along, no name or other text.

    Raises
    ------
    ValueError
        If there is no such column, or see `read_parts` and `write_parts`.
    """
    raw = read_parts([file])
    require_column(file, column, raw.columns)
    kept = raw[[c for c in raw.columns if c == column or c in KEPT]]
    names = collect_names([raw])
    write_parts(score_parts(number_rows(kept), column, brands=brands, names=names, model=model), output)


def require_column(file: Path, column: str, columns: Iterable[object]) -> None:
    """Refuse a file without the column of texts, naming those that it has."""
    if column not in columns:
        raise ValueError(f"{file}: no column {column!r}. Found: {', '.join(map(str, columns))}. Use --column.")


def collect_names(frames: "Sequence[dd.DataFrame]") -> list[str]:
    """List the names of customers and agents in the name-like columns of some tables, for redaction."""
    columns = [frame[c] for frame in frames for c in NAME_COLUMNS if c in frame.columns]
    names = {str(name) for column in columns for name in column.dropna().unique().compute()}
    return find_names(Tables(customers=pd.DataFrame({"name": pd.Series(sorted(names), dtype="str")})))


def number_rows(frame: "dd.DataFrame") -> "dd.DataFrame":
    """Put the number of each row in its table first, counted from 1 over all partitions, as `row`."""
    lengths = frame[[frame.columns[0]]].map_partitions(len).compute()
    starts = np.concatenate([[1], 1 + np.cumsum(lengths)]).astype("int64").tolist()
    frame = frame.drop(columns="row", errors="ignore")
    return frame.map_partitions(number_part, starts, "row", meta=number_part(frame._meta, starts, "row"))


def summarise_by_partition(
    frame: "dd.DataFrame", measure: Measure, by: Sequence[str] = (), column: str | None = None, confidence: float = 0.95
) -> pd.DataFrame:
    """Apply a measure to every group of a partitioned frame: see `summarise`, whose rows these are.

    Each partition counts how often each answer occurs in each group; the counts are added up and the same measure reads
    the answers they stand for, one group at a time. Weights, and the suppression of small groups, need the rows
    themselves: take `summarise` for what is to be published.

    Parameters
    ----------
    frame
        Partitioned; one row per answer.
    measure, by, column, confidence
        See `summarise`.

    Returns
    -------
    pandas.DataFrame
        The columns of `by`, then measure, value, low, high, n, unit, source.

    Raises
    ------
    ValueError
        If a column is absent, or the measure refuses a value.

    References
    ----------
    Answers on a scale are sufficiently described by how often each occurs (Fisher 1922).

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> from analytics.measures.scores import net_promoter_score
    >>> answers = dd.from_pandas(pd.DataFrame({"nps": [10, 3, 9, 9]}), npartitions=2)
    >>> summarise_by_partition(answers, net_promoter_score)[["value", "n"]].values.tolist()
    [[50.0, 4.0]]
    """
    by = [by] if isinstance(by, str) else list(by)
    named: Any = getattr(measure, "func", measure)
    column = column or COLUMNS.get(named.__name__, "")
    summarise(frame._meta, measure, by, column=column or None)  # says which column is absent or unknown
    flags = named is response_rate
    counts = frame[[*by, column]].map_partitions(_count, by, column, flags, meta=_count(frame._meta, by, column, flags))
    answers = counts.compute().groupby([*by, column], dropna=False, observed=True).sum().reset_index()

    @wraps(named)
    def on_answers(s: pd.Series, **options: float) -> Estimate:
        return measure(s.repeat(answers.loc[s.index, "n"]).reset_index(drop=True), **options)

    return summarise(answers, on_answers, by, column=column, confidence=confidence)


def write_parts(frame: "dd.DataFrame", output: Path) -> None:
    """Write a partitioned frame as a folder of Parquet files, put in place whole when the last one is written.

    Raises
    ------
    ValueError
        If the folder exists and holds anything but such files, which a new run may replace.
    """
    if output.exists() and (not output.is_dir() or any(not f.match("part.*.parquet") for f in output.iterdir())):
        raise ValueError(f"{output}: exists and is not a folder this command wrote. Name another as --output.")
    staged = output.with_name(f".{output.name}.part")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True, mode=0o750)
    try:
        frame.to_parquet(str(staged), write_index=False, name_function="part.{:06}.parquet".format)
        shutil.rmtree(output, ignore_errors=True)
        staged.rename(output)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


# ---- what runs on a worker -------------------------------------------------------------------------------------------


def _read_part(part: tuple[Path, list[int] | None], like: list[str] | None = None) -> pd.DataFrame:
    from pyarrow.parquet import ParquetFile

    file, groups = part
    frame = read_file(file) if groups is None else ParquetFile(file).read_row_groups(groups).to_pandas()
    if like is not None and list(frame.columns) != like:
        raise ValueError(f"{file}: has columns {list(frame.columns)}, the first file has {like}. Make them alike.")
    return frame.reset_index(drop=True)


def _score(frame: pd.DataFrame, column: str, options: dict[str, Any]) -> pd.DataFrame:
    scores = score_and_redact(frame[column].astype("str"), **options)
    scores = scores.astype({c: "float64" if c in NUMBERS else "str" for c in scores.columns})
    return frame.drop(columns=column).join(scores)


def number_part(
    frame: pd.DataFrame, starts: list[int], name: str, partition_info: dict[str, Any] | None = None
) -> pd.DataFrame:
    """Put a column of whole numbers first, counted on from the start of this partition, which Dask tells."""
    start = starts[partition_info["number"] if partition_info else 0]
    numbered = frame.copy()
    numbered.insert(0, name, np.arange(start, start + len(frame), dtype="int64"))
    return numbered


def _count(frame: pd.DataFrame, by: list[str], column: str, flags: bool) -> pd.DataFrame:
    frame = frame.assign(**{column: frame[column].notna()}) if flags else frame
    counts: pd.Series = frame.groupby([*by, column], dropna=False, observed=True).size()
    return counts.rename("n").reset_index()
