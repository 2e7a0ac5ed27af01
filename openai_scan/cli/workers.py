"""Worker processes, each replaced when it ends, and signals that end a process.

SIGTERM raises `Terminated` in the main thread, as Ctrl-C raises KeyboardInterrupt. So `with` blocks
are left properly, whatever the process is waiting for.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import NoReturn, cast

from openai_scan import waiting
from openai_scan.cli.program import status_of
from openai_scan.cli.status import Status
from openai_scan.cli.writer import complain

# A worker that ends so soon after its start is replaced after a pause, both in seconds.
_SOON = 2.0
_PAUSE = 1.0

# How long workers may take to end, in seconds.
_PATIENCE = 10.0


class Terminated(BaseException):
    """The process received SIGTERM."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise `Terminated` in the block; the exception does not leave the block."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        with contextlib.suppress(Terminated):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(_: int, __: FrameType | None) -> NoReturn:
    raise Terminated


@contextlib.contextmanager
def noting_signals(note: Callable[[], object]) -> Iterator[None]:
    """Call *note* at SIGTERM and Ctrl-C, and raise what they raise only after the block.

    An event loop cannot handle an exception of a signal handler while it starts or stops.
    """
    came: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        came.append(number)
        note()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


def wait_for_signal() -> NoReturn:
    """Wait until a signal ends the process."""
    while True:
        waiting.wait(threading.Event())


def keep_running(work: Callable[..., object], arguments: tuple[object, ...], number: int) -> None:
    """Call *work* in *number* processes, and again in a new one for each that ends.

    It runs until an exception, such as that of a signal, and then terminates the processes.

    Args:
        work: A function that each process can import.
        arguments: Its arguments; a socket among them is shared.
        number: How many processes to keep running.
    """
    context = multiprocessing.get_context("spawn")
    workers: dict[BaseProcess, float] = {}
    try:
        while True:
            while len(workers) < number:
                started = context.Process(target=_run, args=(work, arguments))
                started.start()
                workers[started] = time.monotonic()
            connection.wait([worker.sentinel for worker in workers], waiting.slice_of(None))
            for worker, began in [*workers.items()]:
                if worker.exitcode is not None:
                    del workers[worker]
                    complain(f"a worker ended with status {worker.exitcode} and is being replaced")
                    if time.monotonic() - began < _SOON:
                        waiting.wait(threading.Event(), _PAUSE)
    finally:
        _end(workers)


def _end(workers: dict[BaseProcess, float]) -> None:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(_PATIENCE)
        worker.kill()


def _run(work: Callable[..., object], arguments: tuple[object, ...]) -> NoReturn:
    """Do the work in a worker process, which ends when its parent is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def do() -> Status:
        # At a terminal Ctrl-C reaches all processes. Only the parent reports it.
        with contextlib.suppress(KeyboardInterrupt), terminable():
            work(*arguments)
        return Status.WHOLE

    sys.exit(status_of(do))


def _end_with_parent() -> None:
    parent = cast("BaseProcess", multiprocessing.parent_process())
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
