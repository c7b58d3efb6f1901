"""Work in several processes at once, each started clean: the test's own threads and connections stay out of them."""

import multiprocessing
import os
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any


def in_processes(work: Callable[..., object], rows: Sequence[Sequence[Any]], timeout_s: float = 30.0) -> list[Any]:
    """What *work* returned for each of *rows* of arguments, each in a process of its own, all at the same time.

    *work* is a function of a test module. Raises: AssertionError with the traceback, if one of them raised.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.store.processes", "flask_sentry_mcp.store.opening", work.__module__])
    gate = context.Barrier(len(rows))
    pipes, workers = [], []
    for row in rows:
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=_report, args=(theirs, gate, work, row), daemon=False)
        worker.start()
        theirs.close()
        pipes.append(ours)
        workers.append(worker)
    answers = [pipe.recv() if pipe.poll(timeout_s) else (False, "no answer") for pipe in pipes]
    for worker in workers:
        worker.join(timeout_s)
    assert [answer for is_fine, answer in answers if not is_fine] == []
    return [answer for _, answer in answers]


def forked(work: Callable[[], None]) -> bool:
    """Fork; *work* runs in the child. Whether it went well there."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - the child tells on stderr and ends, whatever it was
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) == 0


def _report(pipe: "Connection[Any, Any]", gate: Any, work: Callable[..., object], row: Sequence[Any]) -> None:
    try:
        gate.wait(20)
        pipe.send((True, work(*row)))
    except BaseException:  # noqa: BLE001 - told to the test, which fails with it
        pipe.send((False, traceback.format_exc()))
