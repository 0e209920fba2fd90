"""Facts kept with their story, some of them made by a process beside this one."""

import ctypes
import os
import pickle
import signal
import sys
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from functools import cached_property
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from analytics.tables.schema import NotMeasured

Facts = dict[Hashable, Any]


class Work:
    """A forked process that makes facts; its facts, or its fault, come back with the first that is asked for."""

    def __init__(self, facts: Facts, makes: Sequence[Callable[[], object]]) -> None:
        fork = get_context("fork")
        self._answer, theirs = fork.Pipe(duplex=False)
        self._process = fork.Process(target=_work, args=(facts, makes, theirs, os.getpid()), daemon=True)
        self._process.start()
        theirs.close()

    @cached_property
    def _result(self) -> Facts | Exception:
        try:
            result: Facts | Exception = self._answer.recv()
        except EOFError:
            result = RuntimeError("a process that made figures for this report ended (killed, or out of memory)")
        self._process.join()
        self._answer.close()
        return result

    def join(self) -> Facts:
        """Every fact that was made; what went wrong is raised as if it had gone wrong here."""
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


def begin(facts: Facts, makes: dict[str, Callable[[], object]]) -> None:
    """Have facts made beside this process, by name, where it may use a second core; else they are made when asked for.

    Each `make` keeps its fact, and those it needs, in `facts`.
    """
    if sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1:
        facts |= dict.fromkeys([(name,) for name in makes], Work(facts, list(makes.values())))


def keep(facts: Facts, key: Hashable, make: Callable[[], Any]) -> Any:  # noqa: ANN401
    """A fact, made where it is not there yet; that it is not measured is kept too."""
    if isinstance(work := facts.get(key), Work):
        facts |= {name: fact for name, fact in work.join().items() if isinstance(facts.get(name, work), Work)}
        if facts[key] is work:
            del facts[key]
    if key not in facts:
        try:
            facts[key] = make()
        except NotMeasured as lack:
            facts[key] = lack
    if isinstance(facts[key], NotMeasured):
        raise facts[key]
    return facts[key]


def _work(facts: Facts, makes: Sequence[Callable[[], object]], answer: Connection, parent: int) -> None:
    """Make facts and send those that are new, or the fault; end with the process that asked."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        return
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # it would warn of the fork
    for key in [key for key, fact in facts.items() if isinstance(fact, Work)]:
        del facts[key]  # another's, to whom this one cannot listen
    there = set(facts)
    try:
        for make in makes:
            with suppress(NotMeasured):
                make()
        result = pickle.dumps({key: fact for key, fact in facts.items() if key not in there})
    except Exception as fault:  # noqa: BLE001  raised again where it is asked for
        result = pickle.dumps(RuntimeError(f"{type(fault).__name__}: {fault}"))
    answer.send_bytes(result)
