"""Several rows of one id: the latest version, halves of one row, doubles, or rows that contradict one another."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from analytics.tables.maps import Mapped
from analytics.tables.meaning import REASONS
from analytics.tables.schema import FIELDS

DOUBTED_SHARE, DOUBTED_COUNT = 0.05, 4  # more rows than both that contradict one another: the id is no row's
UNREAD_SHARE = 0.01  # of rows that differ only in what the map does not read
RESENT_SECONDS = 10  # one person's same answer again so soon is the same answer
_BY_FILES = " (without updated_at the last row in the order of the files counts)"
_VERSION = r"updat|modif|chang|as of|snapshot|export|version"  # headers that may say which row is the latest


@dataclass(frozen=True)
class Settled:
    """Rows of a table after those of one id were settled; each that is not in `frame` is in `fates`, under its number.

    'superseded' was replaced by a later row, 'joined' went into another row of its id, 'double' repeats one, 'resent'
    is the same answer under a new id, 'contradicting' is set aside. `doubt` says why the id cannot be one.
    """

    frame: pd.DataFrame
    fates: pd.Series
    doubt: str = ""

    @property
    def dropped(self) -> pd.Index:
        """Rows whose content stands in another row."""
        return self.fates.index[self.fates != "contradicting"]


def settle_doubles(
    table: str, frame: pd.DataFrame, origins: pd.DataFrame, sources: Sequence[Mapped], updated: pd.Series | None
) -> Settled:
    """Settle rows that share their primary id, and answers that were sent again under a new one.

    Parameters
    ----------
    table
        Name of the table; its first field is the id.
    frame
        Typed rows with an id, in the order of the files.
    origins
        Source and row in it of each row of the frame, on the same index.
    sources
        What each source holds beside, with its map.
    updated
        When each row was last changed, where a map names a column for it.

    Returns
    -------
    Settled
        With the rows that stay, in their order.
    """
    primary = FIELDS[table][0].name
    repeats = frame[primary].duplicated(keep=False)
    shared, fates, doubt = frame[repeats], pd.Series(dtype="str"), ""
    if len(shared) and any(source.table_map.keep for source in sources):
        fates = pd.Series("superseded", _superseded(shared[primary], updated))
    elif len(shared):
        doubles = shared.index[shared.duplicated()]
        doubt = _unread(table, shared, origins, sources, len(frame))
        filled, joined, contradicting = _join(shared.drop(doubles), primary)
        frame = _replace(frame, filled)
        kinds = {"double": doubles, "joined": joined, "contradicting": contradicting}
        fates = pd.concat([pd.Series(fate, rows) for fate, rows in kinds.items() if len(rows)])
        if len(contradicting) >= DOUBTED_COUNT and len(contradicting) > DOUBTED_SHARE * len(frame):
            doubt = doubt or _contradiction(primary, len(contradicting), len(frame), sources)
    rest = frame.drop(fates.index)
    resent = _resent(rest) if table == "surveys" else rest.index[:0]
    return Settled(rest.drop(resent), pd.concat([fates, pd.Series("resent", resent)]) if len(resent) else fates, doubt)


def _superseded(ids: pd.Series, updated: pd.Series | None) -> pd.Index:
    """All rows of an id but the latest: by stamp, a missing one first, then by the order of the files."""
    if updated is not None:
        order = updated.reindex(ids.index).sort_values(kind="stable", na_position="first").index
        ids = ids.reindex(order)
    return ids.index[ids.duplicated(keep="last")].sort_values()


def _join(shared: pd.DataFrame, primary: str) -> tuple[pd.DataFrame, pd.Index, pd.Index]:
    """Rows made whole from halves that do not contradict, the rows that went into them, and those that contradict."""
    grouped = shared.groupby(primary, sort=False)
    several = shared[primary].duplicated(keep=False)
    agree = grouped.transform("nunique").le(1).all(axis=1)
    halves = shared[several & agree]
    filled = halves.groupby(primary, sort=False)[list(halves.columns.drop(primary))].transform("first")
    first = ~halves[primary].duplicated()
    return filled[first.reindex(filled.index)], halves.index[~first], shared.index[several & ~agree]


def _replace(frame: pd.DataFrame, filled: pd.DataFrame) -> pd.DataFrame:
    """The frame with some rows' cells in place of its own."""
    if filled.empty:
        return frame
    frame = frame.copy()
    for column in filled:
        frame.loc[filled.index, column] = filled[column].astype(frame[column].dtype)
    return frame


def _unread(table: str, shared: pd.DataFrame, origins: pd.DataFrame, sources: Sequence[Mapped], rows: int) -> str:
    """Why rows of one file are no doubles: they differ in columns that the map does not read; '' where they do not."""
    if table == "customers":
        return ""  # one row a customer, whatever else their rows hold
    primary = FIELDS[table][0].name
    again = shared.index[shared.duplicated()]
    count, header = 0, ""
    differing: list[str] = []
    for source in sources:
        here = origins.loc[shared.index]
        here = here[here["source"] == source.raw.name]
        raw = source.raw.frame.loc[here["row"]].astype("str").set_axis(here.index, axis=0)
        ids = shared.loc[here.index, primary]
        follows = ids.duplicated() & ids.index.isin(again)
        distinct = follows & ~raw.duplicated()
        count += int(distinct.sum())
        if distinct.any() and not differing:
            one = raw[ids == ids[distinct.idxmax()]]
            differing = [str(column) for column in one if one[column].nunique() > 1][:3]
            header = source.headers.get(primary, primary)
    if count <= UNREAD_SHARE * rows:
        return ""
    facts = {"primary": primary, "count": count, "rows": rows, "header": header}
    return str(REASONS["unread"]).format(columns=", ".join(map(repr, differing)), **facts)


def version_header(headers: Iterable[str]) -> str:
    """The first header that may say which of several rows is the latest, or ''."""
    return next((header for header in headers if re.search(_VERSION, header, re.IGNORECASE)), "")


def _contradiction(primary: str, count: int, rows: int, sources: Sequence[Mapped]) -> str:
    headers = [str(column) for source in sources for column in source.raw.frame.columns]
    stamp = version_header(headers)
    by = f' and updated_at = "{stamp}"' if stamp else _BY_FILES
    return str(REASONS["contradiction"]).format(primary=primary, count=count, rows=rows, by=by)


def _resent(surveys: pd.DataFrame) -> pd.Index:
    """Rows that repeat, within seconds and under a new id, an answer of the same person or about the same contact."""
    said = [c for c in ("nps", "csat", "ces", "comment") if c in surveys]
    who = [c for c in ("customer_id", "contact_id") if c in surveys]
    if "responded_at" not in surveys or not said or not who:
        return surveys.index[:0]
    clocked = surveys["responded_at"] != surveys["responded_at"].dt.normalize()
    known = surveys["responded_at"].notna() & surveys[who].notna().any(axis=1) & surveys[said].notna().any(axis=1)
    answers = surveys[clocked & known]
    answers = answers[answers.duplicated([*who, *said], keep=False)].sort_values("responded_at", kind="stable")
    gap = answers.groupby([*who, *said], sort=False, dropna=False)["responded_at"].diff()
    again: pd.Index = gap.index[gap.le(pd.Timedelta(seconds=RESENT_SECONDS))].sort_values()
    return again
