"""What a notebook cell can show in a report: numbers, findings, figures, tables, quotes, prose, page one, provenance.

A block displays as HTML in JupyterLab and carries its data, typed, under one MIME type; `run` collects these and
`pdf` lays them out. Text is only ever data here: nothing of it is markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from analytics.measures.estimate import SAID, SOURCES, Estimate
from analytics.measures.suppress import TOTAL
from analytics.publish.cells import column_cells, column_head, estimate_cell, interval_columns, json_cell
from analytics.publish.claims import SIGNALS
from analytics.publish.format import FORMATS, is_missing, visible, worded
from analytics.publish.html import block_html
from analytics.publish.people import RECORDS as RECORDS
from analytics.publish.people import People, column_names, count_people, mark_groups

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MIME = "application/vnd.perception.block+json"
ROWS_SHOWN = 200  # of a longer table; the rest stays in the data, and the note says so


@dataclass(frozen=True)
class Block:
    """One thing that a report shows.

    Parameters
    ----------
    kind
        Which function of this module made it.
    data
        What it shows: strings, numbers, None, lists and dicts only.
    """

    kind: str
    data: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The block as it travels in a notebook's output."""
        return {"kind": self.kind, **self.data}

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {"text/plain": f"<{self.kind} block>", "text/html": block_html(self.as_json()), MIME: self.as_json()}


Answer = Block | str | list[Block]


def kpis(numbers: Mapping[str, Estimate], notes: Mapping[str, str] | None = None) -> Block:
    """Up to four figures in a row, each with its interval drawn.

    Parameters
    ----------
    numbers
        Label -> `Estimate`.
    notes
        Label -> a few words under the figure, such as the signal word.

    Raises
    ------
    ValueError
        If there are none or more than four, or a note has no figure.

    Examples
    --------
    >>> kpis({"Satisfied": Estimate(0.62, 0.58, 0.66, 1204, "share", SAID)}).data["numbers"][0]["label"]
    'Satisfied'
    """
    notes = notes or {}
    if not 1 <= len(numbers) <= 4:
        raise ValueError(f"kpis takes one to four numbers, not {len(numbers)}. Put more in a table.")
    if stray := set(notes) - set(numbers):
        raise ValueError(f"kpis has notes for {sorted(stray)}, which are not among its numbers {list(numbers)}.")
    words = ({"label": visible(label), "note": visible(notes.get(label, ""))} for label in numbers)
    cells = map(estimate_cell, numbers.values())
    return Block("kpis", {"numbers": [word | cell for word, cell in zip(words, cells, strict=True)]})


def finding(
    sentence: str, evidence: Sequence[Estimate] = (), signal: object = None,
    level: Literal["finding", "unknown"] = "finding", settle: str = "",
    better: Literal["higher", "lower"] | None = None, key: str = "", people: int | str | None = None,
    of: Iterable[object] = (),
) -> Block:  # fmt: skip
    """One sentence that the report claims, with what carries it; both go to claims.json.

    Parameters
    ----------
    sentence
        Plain text; quote the figures that stand in `evidence`.
    evidence
        The estimates behind the sentence; the claim guard judges the sentence by them.
    signal
        'rose', 'fell', 'no change', 'cannot tell yet', or an object with such a ``word``; None without a series.
    level
        'unknown' for what we do not know.
    settle
        What would settle it, for level 'unknown'.
    better
        Which way is good for customers; None: lower for hours, higher for all else.
    key
        What the sentence is about, such as 'score:nps': the next report tests the same claim again by this name.
    people
        Distinct people behind the smallest group that the sentence tells of, or `RECORDS`; None: the smallest n of its
        evidence.
    of
        Which group or event each piece of evidence is about, where the key leaves that open: figures of different ones
        are never compared from report to report.

    Raises
    ------
    ValueError
        If the sentence is empty, or signal or level is not one of the known words.

    Examples
    --------
    >>> finding("62 % are satisfied.", [Estimate(0.62, 0.58, 0.66, 1204, "share", SAID)], "no change").data["signal"]
    'no change'
    """
    word = getattr(signal, "word", signal)
    if word is not None and word not in SIGNALS:
        raise ValueError(f"signal is {word!r}. Expected None or one of: {', '.join(SIGNALS)}.")
    if level not in ("finding", "unknown"):
        raise ValueError(f"level is {level!r}. Expected 'finding' or 'unknown'.")
    if not str(sentence).strip():
        raise ValueError("a finding needs a sentence: found an empty one.")
    cells, subjects = [estimate_cell(e) for e in evidence], [{"of": str(name)} for name in of]
    cells = [cell | subject for cell, subject in zip(cells, subjects, strict=True)] if subjects else cells
    data = {"sentence": worded(sentence), "evidence": cells, "signal": word}
    data |= {"level": level, "settle": worded(settle), "better": better, "key": key}
    return Block("finding", data if people is None else data | {"people": people if people == RECORDS else int(people)})


def unknown(sentence: str, settle: str = "") -> Block:
    """Something we do not know, said as plainly as a finding.

    Parameters
    ----------
    sentence
        What is not known, or not measured.
    settle
        What would settle it.

    Examples
    --------
    >>> unknown("Why chat users leave is not known.", settle="Ask them.").data["level"]
    'unknown'
    """
    return finding(sentence, level="unknown", settle=settle)


def page_one(
    headline: Block | str, numbers: Mapping[str, Estimate], answers: Mapping[str, Answer], *,
    notes: Mapping[str, str] | None = None, basis: str = "", trend: Block | None = None,
) -> Block:  # fmt: skip
    """Build the first page, which tells the whole story in sixty seconds and comes first wherever its cell stands.

    Parameters
    ----------
    headline
        One sentence, best as a `finding` with its evidence and signal.
    numbers, notes
        Up to three, as for `kpis`.
    answers
        Question -> answer: a `finding` or a sentence, or several, each with its own evidence and signal. The first
        question is what matters most, one line a finding; the others stand beside each other.
    basis
        What a reader must know of the data, in one line under the headline.
    trend
        A low `figure` (about 1.6 inches high) of the leading score over time.

    Raises
    ------
    ValueError
        If there are more than three numbers, or `trend` is not a figure.

    Examples
    --------
    >>> page = page_one("62 % are satisfied.", {}, {"Who may leave": "We do not know."})
    >>> [answer["question"] for answer in page.data["answers"]]
    ['Who may leave']
    """
    if len(numbers) > 3:
        raise ValueError(f"page one takes three numbers at most, not {len(numbers)}. Put the others in kpis.")
    if trend is not None and trend.kind != "figure":
        raise ValueError(f"trend is a {trend.kind} block: expected a figure.")
    told = [
        {"question": visible(question), **_sentence(answer).data}
        for question, given in answers.items()
        for answer in (given if isinstance(given, list) else [given])
    ]
    drawn = kpis(numbers, notes).data["numbers"] if numbers else []
    data = {"headline": _sentence(headline).data, "numbers": drawn, "answers": told, "basis": worded(basis)}
    return Block("page_one", data | {"trend": trend.data if trend else None})


def _sentence(answer: Block | str) -> Block:
    return answer if isinstance(answer, Block) else finding(answer)


def tagged(block: Block, **marks: object) -> Block:
    """The block with marks on how it stands in a report.

    Parameters
    ----------
    block
        Any block.
    marks
        ``anchor``: a section begins with it, by this name; ``places``: to which a sentence of page one points, the
        first that is there: the address of a finding, the name of a section;
        ``appendix``: it stands in the HTML copy and the workbook only; ``closing``: it is one of the list of what is
        not set up, which the PDF shows once, at its end; ``series``: the score that a chart shows over time; ``opens``:
        calls that open the texts behind it, in notebooks.
    """
    return Block(block.kind, block.data | marks)


def figure(
    fig: Figure, *, alt: str, caption: str, source: str | Sequence[str], n: int, note: str = "", people: People = None
) -> Block:
    """Place a chart, drawn as vectors in the report's own face.

    Parameters
    ----------
    fig
        A Matplotlib figure, best from `analytics.publish.figures`; 6.4 inches wide fills the column.
    alt
        What a reader who cannot see it should know.
    caption
        The finding it shows, in one sentence: it stands above the chart as its title.
    source
        'said by customers', 'observed', 'asserted by company', or several of them.
    n
        Rows behind it.
    note
        What else a reader must know, such as how the limits were drawn.
    people
        Distinct people behind each drawn point, or behind each of them at least; `RECORDS` where it tells of nobody.

    Raises
    ------
    ValueError
        If alt or caption is empty, a source is not known, or `people` is missing.
    """
    from analytics.publish.figures import draw

    _need("figure", people, alt=alt, caption=caption)
    lettered, outlined = draw(fig)
    data = {"alt": visible(alt), "caption": worded(caption), "svg": lettered, "outlined": outlined}
    drawn = {"drawn": _plain(fig.drawn)} if hasattr(fig, "drawn") else {}
    return Block("figure", data | drawn | _origin(source, n, note) | count_people(people))


def table(
    frame: pd.DataFrame, *, caption: str, source: str | Sequence[str], n: int,
    columns: Mapping[str, str] | None = None, formats: Mapping[str, str] | None = None, note: str = "",
    people: People = None, by: Sequence[str] = (), total: str = TOTAL,
) -> Block:  # fmt: skip
    """Show a frame; numbers stay numbers until they are drawn.

    A tidy frame of estimates (value, low, high, unit, as `summarise` returns) shows one column '62 % (58–66)'. So
    does any column X that stands beside X_low and X_high, in the unit that `formats` gives it. A missing value is
    shown as 'not known'.

    Parameters
    ----------
    frame
        At most `ROWS_SHOWN` rows are shown; a note says how many there are. The index is not shown.
    caption
        The finding it shows.
    source, n, note
        As for `figure`.
    columns
        Column -> heading, in the order to show; without it all columns, their names as headings.
    formats
        Column -> one of 'text', 'count', 'number', 'number1', 'number2', 'share', 'share1', 'points', 'hours',
        'date', 'yes/no'.
    people
        Distinct people behind each row: the name of a column (or of several: the smallest count decides), values in
        the order of the rows, or one number for all; missing in a row that is withheld, as `suppress` leaves it.
        `RECORDS` where rows tell of data or settings and of nobody.
    by
        Columns that label a row, all that a withheld row shows; without them the texts left of the first figure.
    total
        What is written for `TOTAL`, the label by which `suppress` marks the row that adds up the others.

    Raises
    ------
    ValueError
        If a column or format is not known, the caption is empty, or `people` is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> teams = pd.DataFrame({"team": ["North"], "value": [0.62], "low": [0.58], "high": [0.66], "unit": ["share"]})
    >>> table(teams, caption="North leads.", source=SAID, n=1204, people=620).data["rows"]
    [['North', {'value': 0.62, 'low': 0.58, 'high': 0.66, 'unit': 'share', 'places': 0}]]
    """
    formats = dict(formats or {})
    _need("table", people, caption=caption)
    used = {"columns": columns or (), "formats": formats, "by": by, "people": column_names(people)}
    for what, given in used.items():
        if absent := [c for c in given if c not in frame]:
            raise ValueError(f"table has no column {absent[0]!r} for {what}. It has: {', '.join(map(str, frame))}.")
    if bad := [f"{c}: {f!r}" for c, f in formats.items() if f not in FORMATS]:
        raise ValueError(f"format {bad[0]} is not known. Expected one of: {', '.join(FORMATS)}.")
    bounds = interval_columns(frame)
    hidden = {side for pair in bounds.values() for side in pair}
    hidden |= {"unit", "measure", "source"} if "value" in bounds else set()
    names: list[Any] = list(columns or [c for c in frame if c not in hidden])
    heads = [column_head(frame, c, columns or {}, formats) for c in names]
    counts = count_people(people, frame)
    if len(frame) > ROWS_SHOWN:
        note = f"{note} The first {ROWS_SHOWN:,} of {len(frame):,} rows are shown.".strip()
        frame = frame.head(ROWS_SHOWN)
        counts = {key: rows if rows == RECORDS else rows[:ROWS_SHOWN] for key, rows in counts.items()}
    groups = mark_groups(frame, heads, names, by)
    rows = [list(row) for row in zip(*(column_cells(frame, c, bounds, formats) for c in names), strict=True)]
    for row, column in groups["totals"]:
        rows[row][column] = visible(total)
    data = {"caption": worded(caption), "columns": heads, "rows": rows}
    return Block("table", data | _origin(source, n, note) | counts | groups)


def quotes(
    texts: Iterable[str], *, caption: str, n: int, contexts: Iterable[str] = (), people: int | None = None
) -> Block:
    """Customers' own words, already redacted.

    Parameters
    ----------
    texts
        A few representative texts, with identifiers removed by ``analytics.text.redact``.
    caption
        What they are about.
    n
        Texts from which these were picked.
    contexts
        One short label for each text, such as channel and score; none, or as many as texts.
    people
        Distinct people who wrote the n texts.

    Raises
    ------
    ValueError
        If contexts and texts differ in number.

    Examples
    --------
    >>> quotes(["Nobody called back."], caption="On waiting", n=214).data["quotes"][0]["text"]
    'Nobody called back.'
    """
    texts, contexts = [str(t) for t in texts if not is_missing(t)], list(contexts)
    if contexts and len(contexts) != len(texts):
        raise ValueError(f"quotes has {len(texts)} texts but {len(contexts)} contexts: give one for each, or none.")
    pairs = zip(texts, contexts or [""] * len(texts), strict=True)
    words = [{"text": visible(text), "context": visible(context)} for text, context in pairs]
    return Block("quotes", {"caption": worded(caption), "quotes": words} | _origin(SAID, n, "") | count_people(people))


def prose(text: str, evidence: Sequence[Estimate] = ()) -> Block:
    """Sentences of the author's own, in Markdown; HTML in them stays text.

    Parameters
    ----------
    text
        Markdown: paragraphs, lists, emphasis, headings from level 2 down. Never put a customer's text here.
    evidence
        Estimates that the claim guard may take into account.

    Examples
    --------
    >>> prose("Nothing *moved* this month.").kind
    'prose'
    """
    return Block("prose", {"text": worded(text), "evidence": [estimate_cell(e) for e in evidence]})


def provenance(inputs: pd.DataFrame, rows: pd.DataFrame | None = None, faults: pd.DataFrame | None = None) -> Block:
    """Say what the report was made from; the runner copies it into manifest.json.

    Parameters
    ----------
    inputs
        One row per file or query: table, source, sha256, rows (as in ``ReadLog.inputs``).
    rows
        One row per table: table, read, kept, quarantined and further counts (as in ``ReadLog.rows``).
    faults
        One row per kind of fault and why (as in ``ReadLog.faults``).

    Examples
    --------
    >>> import pandas as pd
    >>> provenance(pd.DataFrame({"table": ["surveys"], "rows": [2]})).data["inputs"]
    {'columns': ['table', 'rows'], 'rows': [['surveys', 2]]}
    """
    frames = {"inputs": inputs, "rows": rows, "faults": faults}
    return Block("provenance", {name: _plain(frame) for name, frame in frames.items() if frame is not None})


def _plain(frame: pd.DataFrame) -> dict[str, Any]:
    cells = [list(map(json_cell, row)) for row in frame.head(ROWS_SHOWN).itertuples(index=False, name=None)]
    return {"columns": list(map(visible, frame)), "rows": cells}


def _need(block: str, people: People, **texts: str) -> None:
    for name, text in texts.items():
        if not str(text).strip():
            raise ValueError(f"{block} needs {name}=: found an empty text. Say what the {block} shows.")
    if people is None:
        raise ValueError(
            f"{block} needs people=: how many distinct people stand behind each row or point, as a column, numbers, or "
            "RECORDS where they tell of data or settings and of nobody."
        )


def _origin(source: str | Sequence[str], n: int, note: str) -> dict[str, Any]:
    """Source label, n and note, as every figure, table and set of quotes carries them."""
    sources = [source] if isinstance(source, str) else list(source)
    if bad := [s for s in sources if s not in SOURCES]:
        raise ValueError(f"source {bad[0]!r} is not known. Expected one or more of: {', '.join(SOURCES)}.")
    if not sources or int(n) < 0:
        raise ValueError(f"a source and n of zero or more are required: found {sources} and {n}.")
    return {"source": ", ".join(sources), "n": int(n), "note": worded(note)}
