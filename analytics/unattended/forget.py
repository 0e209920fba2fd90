"""What was derived from one customer's rows, removed: files, scores, readings; and which reports counted them."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analytics.config import Config
from analytics.publish.versions import read_json
from analytics.report.incoming import PAGE
from analytics.report.query import DOWNLOADS
from analytics.tables.periods import parse_period
from analytics.tables.read import QUARANTINE, read_tables
from analytics.tables.schema import FIELDS, STAMPS, Tables
from analytics.text.clean import normalise
from analytics.text.comments import collect_comments, redact_comments
from analytics.text.own_themes import FOLDER
from analytics.text.pages import PAGES, Pages
from analytics.text.readings import find_store, text_hash
from analytics.text.scored import Reader
from analytics.text.themes import own_clauses

Ids = Mapping[str, set[str]]


@dataclass(frozen=True)
class Forgotten:
    """What was removed, and what was not.

    Parameters
    ----------
    in_sources
        Whether the sources held rows of the customer; without them nobody can tell which scores and readings are of
        their texts.
    files
        Rows removed from each file of the derived data.
    pages, readings
        Pages of scores, and readings, of texts such as theirs.
    reports
        Published reports, report/period, in whose period a row of theirs lies.
    """

    in_sources: bool
    files: dict[Path, int]
    pages: int
    readings: int
    reports: list[str]


def forget_customer(config: Config, customer: str) -> Forgotten:
    """Remove one customer's rows from all that was derived from the sources, which stay as they are.

    Quarantine, the texts that analysts kept and the page of `check` go whole: none of them names customers.

    Raises
    ------
    ValueError
        If nothing of this customer is to be found; a `DataContractError` if the sources cannot be read. Nothing is
        removed in either case.

    Examples
    --------
    >>> from analytics.config import load_config
    >>> forget_customer(load_config("perception.toml"), "C000017").reports  # doctest: +SKIP
    ['leadership/2026-09', 'leadership/2026-10']
    """
    tables = read_tables(config)
    frames = {name: getattr(tables, name) for name in FIELDS}
    own = {name: f[f["customer_id"].eq(customer)] for name, f in frames.items() if f is not None and "customer_id" in f}
    in_sources = any(map(len, own.values()))
    ids = {"customer_id": {customer}} | {
        FIELDS[name][0].name: {*frame[FIELDS[name][0].name]} for name, frame in own.items() if name != "customers"
    }
    files = _drop_rows(config.derived(), ids)
    if not in_sources and not files:
        raise ValueError(f"nothing of customer {customer!r} is in the sources or in {config.derived()}.")
    clean(config)
    shutil.rmtree(config.derived(FOLDER), ignore_errors=True)  # heads fitted beside their texts too: fitted again
    pages, readings = _forget_texts(config, tables, customer) if in_sources else (0, 0)
    return Forgotten(in_sources, files, pages, readings, _reports(config, own))


def clean(config: Config, scores: bool = False) -> None:
    """Remove quarantine, kept texts and the page of `check`, which repeat cells; with `scores` the scores too."""
    top = config.derived()
    for folder in [*top.rglob(QUARANTINE), top / DOWNLOADS, *([top / PAGES, top / FOLDER] if scores else [])]:
        shutil.rmtree(folder, ignore_errors=not folder.exists())
    (top / PAGE).unlink(missing_ok=True)


def _drop_rows(top: Path, ids: Ids) -> dict[Path, int]:
    """Rows with one of the ids, removed from every table under a folder, each in one step."""
    removed = {}
    for file in sorted([*top.rglob("*.csv"), *top.rglob("*.parquet")]):
        is_csv = file.suffix == ".csv"
        frame = pd.read_csv(file, dtype="str", keep_default_na=False) if is_csv else pd.read_parquet(file)
        theirs = pd.Series(False, frame.index)
        for column in ids.keys() & {*frame.columns}:
            values = frame[column].astype("str")
            theirs |= (values.str.removeprefix("'") if is_csv else values).isin(ids[column])  # see `defuse`
        if theirs.any():
            removed[file] = int(theirs.sum())
            handle, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
            os.close(handle)
            rest = frame[~theirs]
            rest.to_csv(draft, index=False) if is_csv else rest.to_parquet(draft, index=False)
            Path(draft).replace(file)
    return removed


def _forget_texts(config: Config, tables: Tables, customer: str) -> tuple[int, int]:
    """Pages and readings of the customer's texts, which both keep by hashes, as written and as redacted."""
    comments = collect_comments(tables)
    comments = comments[comments["customer_id"].eq(customer)]
    if comments.empty:
        return 0, 0
    redacted = redact_comments(comments, tables, config.organisation.order_number_patterns)
    plain = {text: None for texts in (comments["text"], redacted) for text in (*texts, *map(normalise, texts))}
    clauses = [clause for text in plain for clause in own_clauses(text)]
    keys = Reader(None, tuple(config.organisation.brands)).keys([*plain, *clauses])
    hashes = {text_hash(text) for text in redacted}
    return Pages(config.derived(PAGES)).forget(keys), find_store(config).forget(hashes)


def _reports(config: Config, own: Mapping[str, pd.DataFrame]) -> list[str]:
    """Published reports in whose period something of the customer happened, and of whose part they are."""
    by, counted = config.report.by, []
    for manifest in sorted(config.output.glob("*/*/manifest.json")):
        part = (read_json(manifest) or {}).get("part")
        rows = {n: f[f[by].eq(part)] for n, f in own.items() if by in f} if part and by else own  # as `only_part`
        try:
            period = parse_period(manifest.parent.name).localise(config.organisation.timezone)
        except ValueError:  # a folder of somebody else's
            continue
        stamps = [rows[n][c].dropna() for n in STAMPS if n in rows for c in STAMPS[n] if c in rows[n]]
        if any(period.contains(times).any() for times in stamps):
            counted.append("/".join(manifest.parent.parts[-2:]))
    return counted
