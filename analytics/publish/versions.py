"""Versions of a published report: nothing that readers may have seen is overwritten, and what changed is written down.

The folder of a period holds the latest version; ``versions/v1`` and so on hold the earlier ones, ``changes.json`` says
which figures the latest changed and by how much.
"""

import hashlib
import json
import math
import os
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict, cast

from analytics.files import read_text
from analytics.publish.blocks import MIME
from analytics.publish.collect import ReportError
from analytics.publish.format import write_interval
from analytics.publish.people import RECORDS, add_up
from analytics.tables.read import write_whole

FILES = ("report.pdf", "report.html", "notebook.ipynb", "manifest.json", "claims.json", "evidence.xlsx")
SAME = ("report.pdf", "claims.json", "evidence.xlsx")  # that are the same bytes when a report shows the same
COMPARED = ("claims.json", "notebook.ipynb")  # that tell who stands behind what a version shows
VERSIONS, CHANGES, DELIVERY = "versions", "changes.json", "delivery.json"
FIGURE = ("value", "low", "high", "n", "unit")

Json = dict[str, Any]


class Claim(TypedDict):
    """One sentence of a published report, as claims.json keeps it; a figure has value, low, high, n, unit, source."""

    section: str
    key: str
    sentence: str
    level: str
    signal: str | None
    evidence: list[Json]


@dataclass(frozen=True)
class DeliveryRecord:
    """What became of one version, by address: when it was sent, why it failed, why it is not known to have arrived."""

    sent: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON in one step: a reader, or a machine that stops, finds the old file or the new one."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(path, text.encode("utf-8", "replace").decode(), 0o640)


def read_json(path: Path) -> Json | None:
    """The object that a JSON file holds; None where there is none that can be read."""
    try:
        value = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read_claims(folder: Path) -> list[Claim] | None:
    """The claims of the report published in a folder; None where there is none, or its file is of no known form."""
    claims = (read_json(folder / "claims.json") or {}).get("claims")
    whole = [claim for claim in claims if _is_claim(claim)] if isinstance(claims, list) else None
    return None if claims and not whole else cast(list[Claim] | None, whole)


def _is_claim(claim: object) -> bool:
    if not (isinstance(claim, dict) and isinstance(claim.get("sentence"), str)):
        return False
    figures = claim.get("evidence")
    return isinstance(claim.get("key") or "", str) and isinstance(figures, list) and all(map(_is_figure, figures))


def _is_figure(figure: object) -> bool:
    if not (isinstance(figure, dict) and {*FIGURE} <= {*figure} and isinstance(figure["unit"], str)):
        return False
    numbers = [figure[name] for name in FIGURE[:3] if figure[name] is not None]
    return isinstance(figure["n"], int) and all(isinstance(number, int | float) for number in numbers)


def read_deliveries(folder: Path) -> dict[int, DeliveryRecord]:
    """What became of each version of a published report; what cannot be read of delivery.json is left out."""
    names = [part.name for part in fields(DeliveryRecord)]
    records = {}
    for version, parts in (read_json(folder / DELIVERY) or {}).items():
        if re.fullmatch(r"v\d+", version) and isinstance(parts, dict):
            known = {name: part for name in names if isinstance(part := parts.get(name), dict)}
            records[int(version[1:])] = DeliveryRecord(**known)
    return records


def write_deliveries(folder: Path, records: Mapping[int, DeliveryRecord]) -> None:
    """Write delivery.json as `read_deliveries` reads it."""
    write_json(folder / DELIVERY, {f"v{version}": asdict(record) for version, record in records.items()})


def version_of(folder: Path) -> int:
    """Version of the report published in a folder, 0 without one; a manifest that cannot be read still counts."""
    if not (folder / "report.pdf").is_file():
        return 0
    manifest = read_json(folder / "manifest.json") or {}
    kept = [int(path.name[1:]) for path in (folder / VERSIONS).glob("v*") if path.name[1:].isdigit()]
    number = manifest.get("version")
    return number if isinstance(number, int) and number > 0 else 1 + max(kept, default=0)


class HeldBackError(ReportError):
    """A version that together with the one before would give a few people's answers away."""


def keep_version(staged: Path, folder: Path, k: int = 10) -> int:
    """Carry what was published before into a staged report, and return the staged report's version.

    The same pages, claims and tables again are the same version. Others are the next: the files before it move to
    ``versions/v<number>``, and ``changes.json`` compares the claims.

    Parameters
    ----------
    staged
        The new report, complete but for its manifest.
    folder
        Where it will be published.
    k
        Smallest group of people that may be shown.

    Returns
    -------
    int
        1 for a period published for the first time.

    Raises
    ------
    HeldBackError
        If 1 to k - 1 people came or went behind a figure: both versions in hand would tell what they said.
    ReportError
        If an earlier version is not whole, so that it cannot be compared.
    """
    before = version_of(folder)
    if before == 0:
        if left := [name for name in (*FILES, VERSIONS) if (folder / name).exists()]:
            raise _damaged(folder, f"{', '.join(left)} without report.pdf")
        return 1
    for kept in folder.iterdir():  # earlier versions, deliveries, and what others put there
        if kept.is_dir():
            shutil.copytree(kept, staged / kept.name, copy_function=_link)
        elif kept.is_file() and kept.name not in (*FILES, CHANGES, VERSIONS):
            _link(kept, staged / kept.name)
    listed = _listed(folder)
    if all(digest(staged / name) == listed.get(name) for name in SAME):
        _take(folder, staged, [CHANGES])
        return before
    counts = _counts(staged)
    for number in range(before, 0, -1):
        shown = folder if number == before else folder / VERSIONS / f"v{number}"
        if not is_whole(shown, *COMPARED):
            raise _damaged(folder, f"{shown} is gone, damaged, or was changed after it was published")
        if _tell_apart(_counts(shown), counts, k):
            raise HeldBackError(
                f"fewer than {k} people came or went behind a figure since version {number}, so that "
                f"version {before} stays: two versions would tell what they said. Wait until they are {k}; if it is "
                f"wrong, remove {folder} and build anew."
            )
    kept = staged / VERSIONS / f"v{before}"
    kept.mkdir(parents=True)
    for made in (kept.parent, kept):
        made.chmod(0o750)
    _take(folder, kept, [*FILES, CHANGES])
    changes = compare_claims(read_claims(folder) or [], read_claims(staged) or [])
    at = datetime.now(UTC).isoformat(timespec="seconds")
    write_json(staged / CHANGES, {"version": before + 1, "replaces": before, "at": at, **changes})
    return before + 1


def is_whole(folder: Path, *names: str) -> bool:
    """Whether files of a published version are those that its manifest lists; nothing can be said of any other."""
    listed = _listed(folder)
    return all((folder / name).is_file() and listed.get(name) == digest(folder / name) for name in names)


def _listed(folder: Path) -> Json:
    """Digests by file, as the manifest of a published version lists them."""
    files = (read_json(folder / "manifest.json") or {}).get("files")
    return files if isinstance(files, dict) else {}


def _damaged(folder: Path, what: str) -> ReportError:
    return ReportError(
        f"an earlier version cannot be compared: {what}. What few people said could follow from it and a new version. "
        f"Put a whole copy back; without one, and if you answer for that, move {folder} away and build anew."
    )


def read_blocks(folder: Path) -> list[Json]:
    """What the notebook of a published report shows, the parts of page one too; of one that `is_whole`."""
    cells = (read_json(folder / "notebook.ipynb") or {})["cells"]
    shown = [out.get("data", {}).get(MIME, {}) for cell in cells for out in cell.get("outputs", [])]
    return [part for block in shown for part in (block, block.get("trend")) if isinstance(part, dict)]


def _tell_apart(old: "Counts", new: "Counts", k: int) -> bool:
    """Whether two versions tell of 1 to k - 1 people: who came or went behind a claim, a row or a rest, or withheld."""
    for name in old.keys() & new.keys():
        then, now = old[name][0], new[name][0]
        if any((n is None) != (then[row] is None) for row, n in now.items() if row in then):
            return True  # what one version withholds, the other may bound
        gaps = {row: n - m for row, n in now.items() if n is not None and (m := then.get(row)) is not None}
        rests = [
            gaps[whole] - sum(gaps.get(row, 0) for row in line)
            for line, whole in new[name][1] if whole in gaps and not {*line} <= gaps.keys()
        ]  # fmt: skip
        if any(0 < abs(gap) < k for gap in (*gaps.values(), *rests)):
            return True
    return False


Row = tuple[str, ...]  # labels; that of n is empty
People = tuple[dict[Row, int | None], list[tuple[list[Row], Row]]]  # by row, and which rows add up to which
Counts = dict[Any, People]


def _counts(folder: Path) -> Counts:
    """People behind what a report shows, claim by claim and block by block."""
    counts: Counts = {}
    turns: Counter[Any] = Counter()
    for claim in read_claims(folder) or []:
        for place, figure in enumerate(claim["evidence"]):
            name = (claim.get("key") or claim.get("section"), place, figure["unit"])
            turns[name] += 1
            counts |= {(*name, turns[name]): ({(): figure["n"]}, [])} if figure["unit"] != "statements" else {}
    for block in read_blocks(folder):
        if block.get("kind", "figure") in ("table", "figure") and block.get("people") != RECORDS:
            heads = json.dumps(block.get("drawn", block).get("columns"))
            turns[heads] += 1
            counts[heads, turns[heads]] = _rows(block)
    return counts


def _rows(block: Json) -> People:
    rows, people = block.get("rows", []), block.get("people")
    if drawn := block.get("drawn"):  # a point that is withheld has no count
        rows = [row for row in drawn["rows"] if row[1] is not None]
    if not isinstance(people, list) or len(rows) != len(people):
        return {(): block.get("n")}, []
    names = [tuple(str(row[i]) for i in block.get("labels", [0])) for row in rows]
    lines = [
        ([names[i] for i in line], () if whole is None else names[whole])
        for line, whole in add_up({**block, "rows": rows})
    ]
    return {(): block.get("n"), **dict(zip(names, people, strict=True))}, lines


def compare_claims(before: Sequence[Claim], after: Sequence[Claim]) -> Json:
    """Say which published figures changed, and by how much.

    Parameters
    ----------
    before, after
        Claims as in claims.json.

    Returns
    -------
    dict
        `figures`: one entry per keyed claim whose figure, interval, n or word of movement changed (key,
        unit, before, after, by: the difference of the figures, None where one is missing); `no_longer_said` and
        `newly_said`: sentences of the other claims.

    Examples
    --------
    >>> then = {"key": "score:nps", "sentence": "+30.", "signal": None, "evidence": [
    ...     {"value": 30.0, "low": 25.0, "high": 35.0, "n": 600, "unit": "points"}]}
    >>> now = {**then, "sentence": "+28.", "evidence": [{**then["evidence"][0], "value": 28.0}]}
    >>> [(change["key"], change["by"]) for change in compare_claims([then], [now])["figures"]]
    [('score:nps', -2.0)]
    """
    old, new = by_key(before), by_key(after)
    changed = [key for key in {**old, **new} if _figure(old.get(key)) != _figure(new.get(key))]
    figures = [_change(key, _figure(old.get(key)), _figure(new.get(key))) for key in changed]
    said, says = ([c["sentence"] for c in claims if c.get("key") not in changed] for claims in (before, after))
    gone = [sentence for sentence in dict.fromkeys(said) if sentence not in says]
    come = [sentence for sentence in dict.fromkeys(says) if sentence not in said]
    return {"figures": figures, "no_longer_said": gone, "newly_said": come}


def tell_changes(changes: Json | None) -> list[str]:
    """What a changes.json says, one sentence per figure."""
    if changes is None:
        return []
    sentences = []
    try:
        for change in changes["figures"]:
            before, after = (_write(change[side]) for side in ("before", "after"))
            sentences.append(f"{change['key'].replace(':', ' ').replace('_', ' ')}: {before} before, {after} now.")
        others = len(changes["newly_said"])
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):  # damaged since
        return [f"{CHANGES} cannot be read, so what changed is not known."]
    if others:
        sentences.append(f"{others} further {'sentence reads' if others == 1 else 'sentences read'} differently.")
    return sentences


def _write(figure: Json | None) -> str:
    if figure is None:
        return "nothing"
    value, low, high = (math.nan if figure[k] is None else figure[k] for k in ("value", "low", "high"))
    moved = f", {figure['signal']}" if figure["signal"] else ""
    return f"{write_interval(value, low, high, figure['unit'])}{moved}, n {figure['n']:,}"


def by_key(claims: Sequence[Claim]) -> dict[str, Claim]:
    """The claims that have a key and a figure; of those told twice the last."""
    return {claim["key"]: claim for claim in claims if claim.get("key") and claim["evidence"]}


def _figure(claim: Claim | None) -> Json | None:
    if claim is None:
        return None
    figure = claim["evidence"][0]
    return {k: figure.get(k) for k in FIGURE} | {"signal": claim.get("signal")}


def _change(key: str, before: Json | None, after: Json | None) -> Json:
    then, now = (side["value"] if side else None for side in (before, after))
    by = None if then is None or now is None else now - then
    return {"key": key, "unit": (after or before or {})["unit"], "before": before, "after": after, "by": by}


def _take(source: Path, target: Path, names: Sequence[str]) -> None:
    for name in names:
        if (source / name).is_file():
            _link(source / name, target / name)


def _link(source: str | Path, target: str | Path) -> None:
    """The same file under a second name, or a copy where the disk knows no such names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
