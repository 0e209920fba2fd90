"""Run a report notebook and publish what it shows, whole or not at all.

Everything is written beside the published folder first and swapped in at the end; any fault leaves the report
published before as it was.
"""

from __future__ import annotations

import ast
import ctypes
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analytics.config import Config, load_config
from analytics.publish.blocks import MIME
from analytics.publish.collect import ReportError, collect, findings, refuse_unfounded, title_of
from analytics.publish.kernel import execute, load_library
from analytics.publish.template import render
from analytics.publish.versions import FILES, digest, keep_version, write_json
from analytics.publish.workbook import write_workbook
from analytics.tables.parts import parts_of
from analytics.tables.periods import parse_period

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from analytics.tables.schema import Tables


@dataclass(frozen=True)
class Published:
    """A finished report: its folder, its PDF, and what manifest.json says."""

    folder: Path
    pdf: Path
    manifest: dict[str, Any]


def build_report(
    name: str, period: str, config: str | Path | Config = "perception.toml",
    parameters: Mapping[str, Any] | None = None, *, wait: float = 300.0, cell_limit: float = 3600.0,
    data_mark: str | None = None,
    part: str = "",
) -> Published:  # fmt: skip
    """Run the notebook ``report_<name>.ipynb`` for a period and publish PDF, HTML, notebook and their evidence.

    Parameters
    ----------
    name
        'leadership' for notebooks/report_leadership.ipynb, or the path of a notebook.
    period
        Such as '2025-03', '2025-Q1' or '2025-W07'.
    config
        The configuration file; its folder is where the notebook runs.
    parameters
        Further parameters of the notebook; text stays text ('007' is not 7).
    wait
        Seconds to wait for another run of the same report and period.
    cell_limit
        Seconds one cell may take.
    data_mark
        Kept in the manifest, so that `catch_up` knows the period's data again.
    part
        Which value of the column `[report] by` it is about; '' where none is set (see `build_reports`).

    Returns
    -------
    Published
        In <output>/<name>/<period>/ (of a part in <output>/<name>-<part>/<period>/), swapped in at once when complete;
        an earlier version with another PDF is kept in its folder ``versions``.

    Raises
    ------
    ValueError
        If there is no such notebook, the period has not begun, or a parameter is unknown, missing or of the wrong type.
    ClaimError
        If a sentence claims what no evidence carries (a ValueError).
    ReportError
        If a cell fails, the kernel dies, nothing is shown, or another run holds the lock.
    OSError
        If the report cannot be written. In every case the report published before is untouched.

    References
    ----------
    papermill (nteract) runs the notebook; what is published and when: METHODS.md, "From notebook to PDF".

    Examples
    --------
    >>> build_report("no such report", "2026-10")
    Traceback (most recent call last):
    ...
    ValueError: there is no report 'no such report'. Known: leadership, operations.
    """
    started, nbformat = time.monotonic(), load_library("nbformat")
    config, file = _configuration(config)
    notebook = find_notebook(name, config.root)
    report = report_name(notebook)
    span = parse_period(period).localise(config.organisation.timezone)
    status = span.status(datetime.now(UTC))
    if status == "future":
        raise ValueError(f"the period {period} has not begun: there is nothing to report yet.")
    values = check_parameters(
        notebook, {"config": file.name, "period": period, **({"part": part} if part else {}), **(parameters or {})}
    )
    folder = config.report_folder(report, part) / period
    with _reasons(folder), alone(folder, wait), _staging(folder) as staged:
        nb = execute(notebook, values, config.root, cell_limit)
        blocks = collect(nb)
        _keep_blocks(nb)
        (staged / "notebook.ipynb").write_text(nbformat.writes(nb), encoding="utf-8")
        refuse_unfounded(blocks, config.organisation.minimum_group, span)
        title = title_of(blocks, report.replace("_", " ").capitalize())
        _write_pages(staged, nb, blocks, title, span.label + (" so far" if status == "running" else ""), config, part)
        write_workbook(blocks, staged / "evidence.xlsx")
        write_json(staged / "claims.json", {"report": report, "period": period, "claims": list(findings(blocks))})
        manifest = {
            "report": report,
            "version": keep_version(staged, folder, config.organisation.minimum_group),
            "data_mark": data_mark,
            "title": title,
            "period": period,
            "organisation": config.organisation.name,
            "part": part,
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "parameters": values,
            "config_sha256": digest(file),
            "notebook_sha256": digest(notebook),
            **_provenance(blocks),
            "versions": _versions(),
            "seconds": round(time.monotonic() - started, 1),
            "files": {path: digest(staged / path) for path in FILES if path != "manifest.json"},
        }
        write_json(staged / "manifest.json", manifest)
        _publish(staged, folder)
    return Published(folder, folder / "report.pdf", manifest)


def build_reports(
    name: str,
    period: str,
    config: str | Path | Config = "perception.toml",
    **options: Any,  # noqa: ANN401
) -> Iterator[Published | tuple[str, Exception]]:
    """As `build_report`, one for each part where `[report] by` names a column, else the one.

    A part that fails does not keep the others from being built: its name and fault are given instead of a report.

    Examples
    --------
    >>> next(build_reports("leadership", "2026-10", "no_such.toml"))
    Traceback (most recent call last):
    ...
    analytics.config.ConfigError: no_such.toml: 1 fault.
      No such file. Copy the perception.toml of this project and edit it.
    """
    settings, _ = _configuration(config)
    for part in parts_to_report(settings):
        try:
            yield build_report(name, period, config, part=part, **options)
        except (ReportError, OSError, ValueError) as fault:
            if not part:
                raise
            yield part, fault


def parts_to_report(settings: Config, tables: Tables | None = None) -> list[str]:
    """Values of the column `[report] by`, each with a folder of its own; [''] where none is set."""
    from analytics.tables.read import read_tables

    if settings.report.by is None:
        return [""]
    parts = parts_of(tables or read_tables(settings), settings.report.by)
    folders = [settings.report_folder("report", part) for part in parts]
    if twice := sorted(part for part, folder in zip(parts, folders, strict=True) if folders.count(folder) > 1):
        raise ValueError(f"[report] by = {settings.report.by!r}: {', '.join(twice)} would share a folder. Rename one.")
    return parts


def check_parameters(notebook: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Compare parameters with those the notebook declares, before anything runs.

    Parameters
    ----------
    notebook
        Its cell tagged 'parameters' declares ``name: type = default  # help``.
    given
        Values by name.

    Returns
    -------
    dict
        Every declared parameter with the value given, or its default.

    Raises
    ------
    ValueError
        If a parameter is unknown, has no value (its default is None), or is not of the declared type.
    """
    declared = _inspect(notebook)
    takes = ", ".join(declared) or "none"
    if unknown := [p for p in given if p not in declared]:
        raise ValueError(f"{notebook.stem} has no parameter {unknown[0]!r}. It takes: {takes}.")
    values = {p: given[p] if p in given else _literal(declared[p]["default"]) for p in declared}
    if missing := [p for p, value in values.items() if value is None]:
        raise ValueError(f"{notebook.stem} needs a value for parameter {missing[0]!r}. It takes: {takes}.")
    for p, value in values.items():
        wanted = declared[p]["inferred_type_name"].strip("'\"")
        if wanted == "None":
            wanted = type(_literal(declared[p]["default"])).__name__
        found = type(value).__name__
        if wanted in ("str", "int", "float", "bool") and found != wanted and (wanted, found) != ("float", "int"):
            raise ValueError(f"{notebook.stem}: parameter {p!r} is {value!r} ({found}). Expected: {wanted}.")
    return values


# ---- before the run --------------------------------------------------------------------------------------------------


def _configuration(config: str | Path | Config) -> tuple[Config, Path]:
    """The configuration and the file it came from, which the notebook reads again."""
    if not isinstance(config, Config):
        return load_config(config), Path(config).resolve()
    file = config.root / "perception.toml"
    if not file.is_file() or load_config(file) != config:
        raise ValueError(f"the configuration given is not that of {file}. Give build_report the path of its file.")
    return config, file


def find_notebook(name: str, root: Path) -> Path:
    """The notebook of a report: a path, or beside the configuration, or the package's own."""
    if name.endswith(".ipynb"):
        if not Path(name).is_file():
            raise ValueError(f"there is no notebook {name}.")
        return Path(name).resolve()
    folders = [root / "notebooks", Path(__file__).resolve().parents[2] / "notebooks"]
    for folder in folders:
        for file in (folder / f"report_{name}.ipynb", folder / f"{name}.ipynb"):
            if re.fullmatch(r"[\w-]+", name) and file.is_file():
                return file.resolve()
    known = sorted({p.stem.removeprefix("report_") for folder in folders for p in folder.glob("report_*.ipynb")})
    raise ValueError(f"there is no report {name!r}. Known: {', '.join(known) or 'none'}.")


def report_name(notebook: Path) -> str:
    """What a notebook's report is called, and its folder with it; a name that could lead elsewhere is refused."""
    name = notebook.stem.removeprefix("report_")
    if not re.fullmatch(r"\w[\w .-]*", name):
        raise ValueError(f"{notebook.name!r} cannot name a report. Use letters, digits, '-' and '_'.")
    return name


def _inspect(notebook: Path) -> dict[str, Any]:
    """The parameters that a notebook declares; whatever is wrong with its form is a fault of the file."""
    try:
        return dict(load_library("papermill").inspect_notebook(str(notebook)))
    except Exception as fault:
        raise ValueError(
            f"{notebook} is no notebook that can be run ({type(fault).__name__}: {fault}). Open it in JupyterLab, give "
            "it a kernel and save it, or put a whole copy back."
        ) from fault


def _literal(default: str) -> object:
    try:
        return ast.literal_eval(default)
    except (ValueError, SyntaxError):
        raise ValueError(f"the default {default!r} in a parameters cell is not a plain value.") from None


# ---- what is written -------------------------------------------------------------------------------------------------


def _write_pages(
    staged: Path, nb: NotebookNode, blocks: list[dict[str, Any]], title: str, period: str, config: Config, part: str
) -> None:
    from analytics.publish.pdf import Cover, compile_pdf

    name = " · ".join(filter(None, [config.organisation.name, part]))
    cover = Cover(title, name, period)
    with ThreadPoolExecutor(1) as aside:  # the compiler runs beside this interpreter
        pdf = aside.submit(compile_pdf, blocks, staged / "report.pdf", cover, paper=config.report.paper)
        page = _html(nb, f"{title} · {name} · {period}")
        pdf.result()
    (staged / "report.html").write_text(page, encoding="utf-8")


def _keep_blocks(nb: NotebookNode) -> None:
    """Leave in an executed notebook what passes the gates: no print, frame or warning, and no path of this machine."""
    nb.metadata["papermill"] = {"parameters": nb.metadata.get("papermill", {}).get("parameters", {})}
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if MIME in output.get("data", {})]


def _html(nb: NotebookNode, title: str) -> str:
    """The notebook with its code hidden, only its blocks shown, page one first; nothing in it can run or be fetched.

    The same blocks give the same bytes: no cell keeps the number it was given by chance.
    """
    import nbformat
    from nbconvert import HTMLExporter

    page = nbformat.from_dict(nb)
    page.cells = [cell for cell in page.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    for number, cell in enumerate(page.cells):
        cell.id = f"cell-{number}"
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if "lack" not in out["data"][MIME]]  # the closing list has it
    page.cells[1:] = sorted(page.cells[1:], key=lambda cell: '"kind": "page_one"' not in json.dumps(cell))
    hidden = dict.fromkeys(("exclude_input", "exclude_input_prompt", "exclude_output_prompt"), True)
    body, _ = HTMLExporter(template_name="basic", **hidden).from_notebook_node(page)
    return render(Path(__file__).with_name("templates") / "page.html.j2", title=title, body=body)


def _provenance(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """Inputs, row counts and faults, as the notebook's provenance block gives them."""
    lists: dict[str, Any] = {name: {"columns": [], "rows": []} for name in ("inputs", "rows", "faults")}
    for block in blocks:
        lists |= {name: block[name] for name in lists if block["kind"] == "provenance" and name in block}
    return {name: [dict(zip(f["columns"], row, strict=True)) for row in f["rows"]] for name, f in lists.items()}


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, distribution, version

    package = distribution("customer-perception-analytics")
    versions = {"python": sys.version.split()[0], package.name: package.version}
    for line in package.requires or []:
        if "extra ==" not in line:
            name = re.split(r"[^\w.-]", line, maxsplit=1)[0]
            with suppress(PackageNotFoundError):
                versions[name] = version(name)
    return versions


# ---- publishing ------------------------------------------------------------------------------------------------------


@contextmanager
def _reasons(folder: Path) -> Iterator[None]:
    """Say of every fault what struck and where, and that nothing was harmed; none leaves as a kind of its own."""
    try:
        yield
    except OSError as fault:
        reason, where = fault.strerror or str(fault), fault.filename or folder
        raise OSError(
            fault.errno, f"{reason}: {where}. Nothing was published; the report in {folder}, if any, is untouched"
        ) from fault
    except (ReportError, ValueError):
        raise
    except Exception as fault:
        raise ReportError(f"{folder} was not published: {type(fault).__name__}: {fault}") from fault


@contextmanager
def alone(folder: Path, wait: float) -> Iterator[None]:
    """Hold the lock of one report and period."""
    from filelock import FileLock, Timeout

    for missing in [p for p in reversed(folder.parents) if not p.exists()]:
        missing.mkdir(exist_ok=True)
        missing.chmod(0o750)  # whatever the umask
    try:
        with FileLock(folder.with_name(f".{folder.name}.lock"), timeout=wait, mode=0o640):
            yield
    except Timeout:
        message = f"another run is making {folder}, and did not finish in {wait:g} seconds. Try again later."
        raise ReportError(message) from None


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A private folder on the same disk; what a killed run left behind is put right first."""
    backup = folder.with_name(f".{folder.name}.old")
    if backup.exists() and not folder.exists():
        backup.rename(folder)
    for left in folder.parent.glob(f".{folder.name}.*"):
        if left.is_symlink():  # the folder was one, and what it led to stays where it is
            left.unlink()
        elif left.is_dir():
            shutil.rmtree(left)
    staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _publish(staged: Path, folder: Path) -> None:
    """Put the complete folder in place of the old one: readers see one or the other."""
    for file in staged.iterdir():
        if file.is_file():
            file.chmod(0o640)
    staged.chmod(0o750)
    if not folder.exists():
        staged.rename(folder)
    elif not _exchange(staged, folder):  # a system without such a call: two steps, put right by the next run if cut
        backup = folder.with_name(f".{folder.name}.old")
        folder.rename(backup)
        staged.rename(folder)
        shutil.rmtree(backup, ignore_errors=True)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step (Linux renameat2); False where the system cannot."""
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    return bool(renameat2(here, os.fsencode(first), here, os.fsencode(second), swap) == 0)
