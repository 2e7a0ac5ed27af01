"""A process of a relay, which sends itself a signal at a point of its work that a test has chosen.

The points are calls of the relay into its log and its store. Only these are wrapped, so the package
knows nothing of it.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Iterable, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, Literal, TypeAlias

import uvicorn
from attrs import field, frozen

from openai_scan import Client
from openai_scan.relay import (
    ChatUpstream,
    Job,
    Limits,
    Log,
    RedisLog,
    Relay,
    ResponsesUpstream,
    SqlLog,
    SqlStore,
    UnavailableError,
    asgi,
)
from openai_scan.relay.entries import Entry
from openai_scan.relay.store import Status
from relay.served import by_header

_log = logging.getLogger("openai_scan")

Api: TypeAlias = Literal["chat", "responses"]

Point: TypeAlias = Literal[
    "take", "begin", "ask", "mark", "delta", "end", "store", "done", "finish"
]
"""After which step of the work: each entry counts once it is written."""

# Longer than anything takes on a busy machine, in seconds.
_PATIENCE = 30.0

_FOR_EVER = 1000.0


@frozen
class Fault:
    """What the process does to itself.

    Attributes:
        at: At which point.
        count: At which time that it gets there, from 1.
        signal: Which signal it sends itself.
    """

    at: Point
    count: int = 1
    signal: int = signal.SIGKILL


@frozen(kw_only=True)
class Setup:
    """What a process has to know.

    Attributes:
        api: The API that is asked.
        base_url: Where it is.
        log: The URL of the log.
        prefix: What keys in Redis begin with.
        lease: The lease, in seconds.
        store: The URL of the store.
        journal: The file for what is logged.
        keeps: Whether it takes nothing over any more once it has a job, not even that job, which it
            would if a busy machine let it renew no lease for so long.
        produces: Whether it takes jobs.
        slots: How many it takes at a time.
        fault: What happens to it.
        is_task: Whether it serves nothing, and calls `run_one()` instead.
        sweeps_after: After how many seconds without a log an answer is given up; None for never.
    """

    api: Api
    base_url: str
    log: str
    prefix: str
    lease: float
    store: str
    journal: str
    keeps: bool
    produces: bool = True
    slots: int = 1000
    fault: Fault | None = None
    is_task: bool = False
    sweeps_after: float | None = None


class _Faults:
    """Waits for a point, tells the test that it is reached, and sends the signal."""

    def __init__(self, fault: Fault | None, reports: Connection) -> None:
        self._fault = fault
        self._left = 0 if fault is None else fault.count
        self._reports = reports
        # Held by what may hold a lock in the database: a process that is frozen would keep it.
        self.at_work = threading.Lock()

    def waits_for(self, point: str) -> bool:
        return self._fault is not None and self._fault.at == point and self._left > 0

    def reach(self, point: str) -> None:
        if self._fault is not None and self.waits_for(point):
            self._left -= 1
            if not self._left:
                with self.at_work:
                    self._reports.send(point)
                    # To this thread, which would continue until another one has got it.
                    signal.pthread_kill(threading.get_ident(), self._fault.signal)


class _Mortal(Log):
    """Announces the calls of a log."""

    faults: _Faults
    keeps: bool

    def take(self, limit: int, seconds: float = 1.0) -> Sequence[Job]:
        jobs = super().take(limit, seconds)  # type: ignore[safe-super] # the other base has it
        if jobs:
            if self.keeps:
                self.lease = _FOR_EVER
            self.faults.reach("take")
        return jobs

    def append(self, job: Job, entries: Sequence[Entry]) -> None:
        super().append(job, entries)  # type: ignore[safe-super]
        for entry in entries:
            if self.faults.waits_for(entry.kind):
                super().drain(job, _PATIENCE)  # type: ignore[safe-super]
                self.faults.reach(entry.kind)

    def renew(self, jobs: Iterable[Job]) -> Iterable[Job]:
        with self.faults.at_work:
            return super().renew(jobs)  # type: ignore[safe-super]

    def finish(self, job: Job) -> None:
        super().finish(job)  # type: ignore[safe-super]
        _log.info("%s is finished", job.stream)
        self.faults.reach("finish")


class _MortalRedisLog(_Mortal, RedisLog):
    """One on Redis."""


class _MortalSqlLog(_Mortal, SqlLog):
    """One in a database."""


class _MortalStore(SqlStore):
    """Announces that an end is stored."""

    faults: _Faults

    def finish(
        self, id: str, epoch: int, status: Status, text: str, facts: Mapping[str, Any]
    ) -> bool:
        is_stored = super().finish(id, epoch, status, text, facts)
        self.faults.reach("store")
        return is_stored


@frozen
class _Process:
    """What runs in the process."""

    setup: Setup
    reports: Connection
    ended: threading.Event = field(factory=threading.Event)

    def run(self) -> None:
        setup = self.setup
        faults = _Faults(setup.fault, self.reports)
        client = Client("sk-secret-key", setup.base_url)
        store = _MortalStore(setup.store)
        store.faults = faults
        log: _MortalRedisLog | _MortalSqlLog
        if setup.log.startswith("redis:"):
            log = _MortalRedisLog(setup.log, lease=setup.lease, prefix=setup.prefix)
        else:
            log = _MortalSqlLog(setup.log, lease=setup.lease)
        log.faults, log.keeps = faults, setup.keeps
        upstream = (ChatUpstream if setup.api == "chat" else ResponsesUpstream)(client, model="m")
        limits = Limits(running=1000, per_minute=100_000, answer=1 << 26)
        produces = setup.produces and not setup.is_task
        with (
            client,
            contextlib.closing(store),
            Relay(
                log,
                store,
                upstream,
                produce=produces,
                limits=limits,
                slots=setup.slots,
                heartbeat=0.5,
            ) as relay,
        ):
            if setup.sweeps_after is not None:
                threading.Thread(target=self._sweep, args=(relay,), daemon=True).start()
            if setup.is_task:
                self.reports.send(0)
                while not self.ended.is_set():
                    relay.run_one(1.0)
            else:
                self._serve(relay)
            self.ended.set()

    def _serve(self, relay: Relay) -> None:
        config = uvicorn.Config(asgi(relay, by_header, page=False), log_config=None)
        with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
            self.reports.send(listener.getsockname()[1])
            uvicorn.Server(config).run(sockets=[listener])

    def _sweep(self, relay: Relay) -> None:
        assert self.setup.sweeps_after is not None
        while not self.ended.wait(0.1):
            with contextlib.suppress(UnavailableError):
                relay.sweep(self.setup.sweeps_after)


def run(setup: Setup, reports: Connection) -> None:
    """Be a process of the relay, until a signal ends it.

    Args:
        setup: What to do.
        reports: Gets the port where it serves (0 if it does not), and then the point it has
            reached.
    """
    logging.basicConfig(filename=setup.journal, level=logging.INFO, force=True)
    threading.excepthook = _tell_of_error
    _Process(setup, reports).run()


def _tell_of_error(args: threading.ExceptHookArgs) -> None:
    assert args.exc_value is not None
    _log.error("a thread has failed", exc_info=args.exc_value)
