"""One run of a notebook in a kernel of its own: where it talks, and what becomes of its faults."""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from analytics.publish.collect import InputError, ReportError

if TYPE_CHECKING:
    from nbformat import NotebookNode

# raised in a cell, made by settings or data
INPUT_FAULTS = ("EmptyPeriodError", "UnfinishedPeriodError", "DataContractError", "ConfigError")
FIRST = [  # what the kernel runs: rubbish is looked for more rarely, and small products wait for no thread
    "import gc, os",
    "gc.set_threshold(100_000, 50, 100)",
    "os.environ.setdefault('OPENBLAS_NUM_THREADS', '1');",
    "del gc, os",
]
START_LIMIT = 180  # seconds for a kernel to start: the usual 60 is too short on a busy machine
LONGEST_BASE = 70  # bytes of a folder of temporary files: an address of a socket in it may have about 100


def load_library(name: str) -> Any:  # noqa: ANN401
    """Papermill or nbformat, without the grammar of IRIs that jsonschema builds for a check no notebook asks for.

    It takes 1.7 seconds at import; where the module is absent, jsonschema leaves the check out.
    """
    begun = "jsonschema" in sys.modules
    if not begun:
        sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    try:
        return import_module(name)
    finally:
        if not begun:
            del sys.modules["rfc3987_syntax"]


def execute(notebook: Path, values: dict[str, Any], root: Path, cell_limit: float) -> NotebookNode:
    """The executed notebook, or the reason why there is none."""
    papermill = load_library("papermill")
    import traitlets.config
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    Thread(target=_load_writers, daemon=True).start()  # this process only waits until the kernel is done
    try:
        with private_folder() as private:
            sockets = {"transport": "ipc", "ip": f"{private}/kernel"}  # no port that others could listen to
            kernel = traitlets.config.Config({"KernelManager": sockets | {"connection_file": f"{private}/kernel.json"}})
            return papermill.execute_notebook(
                str(notebook), None, values, cwd=str(root), start_timeout=START_LIMIT, kernel_name="python3",
                execution_timeout=cell_limit, progress_bar=sys.stderr.isatty(), config=kernel,
                extra_arguments=["--IPKernelApp.log_level=50", f"--IPKernelApp.exec_lines={FIRST}"],
                shutdown_kernel="immediate",  # its work is done
            )  # fmt: skip
    except PapermillExecutionError as fault:  # cells count from 1 in the notebook as written, without the injected one
        if fault.ename in INPUT_FAULTS:
            raise InputError(f"{fault.evalue}\nNothing was published.") from None
        raise ReportError(
            f"{notebook.name}, cell {fault.cell_index} failed, so nothing was published. {fault.ename}: {fault.evalue}"
        ) from None
    except DeadKernelError:
        message = f"{notebook.name}: the kernel died (killed, or out of memory); nothing was published."
        raise ReportError(message) from None
    except CellTimeoutError:
        raise ReportError(f"{notebook.name}: a cell took over {cell_limit:g} seconds; nothing was published.") from None
    except RuntimeError as fault:  # it did not start, or answered with what is no answer
        raise ReportError(f"{notebook.name}: {fault}; nothing was published.") from fault


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder for the sockets of one kernel, under a lock that ends with this process; those of dead runs are removed.

    Only what a kernel leaves is removed, and only from folders that this user owns.
    """
    base = Path(tempfile.gettempdir())
    base = base if len(os.fsencode(base)) <= LONGEST_BASE else Path("/tmp")  # noqa: S108
    for left in base.glob("perception-kernel-*"):
        if (handle := _hold(left)) is not None:
            _remove(left, handle)
    handle = None
    while handle is None:  # another run may have taken it for a dead one's before it was locked
        folder = Path(tempfile.mkdtemp(prefix="perception-kernel-", dir=base))
        handle = _hold(folder)
    try:
        yield folder
    finally:
        _remove(folder, handle)


def _hold(folder: Path) -> int | None:
    """The descriptor of a folder of this user, locked; None where a live run holds it, or it is gone."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(handle).st_uid == os.getuid() and folder.exists():
            return handle
    except OSError:
        pass
    os.close(handle)
    return None


def _remove(folder: Path, handle: int) -> None:
    with suppress(OSError):
        for file in folder.glob("kernel*"):
            file.unlink()
        folder.rmdir()
    os.close(handle)


def _load_writers() -> None:
    """Import what writes the pages, and write an empty one; a fault of it shows where the pages are written."""
    with suppress(Exception):
        import matplotlib  # noqa: F401
        from nbconvert import HTMLExporter

        HTMLExporter(template_name="basic").from_notebook_node(load_library("nbformat").v4.new_notebook())
