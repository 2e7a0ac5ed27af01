"""Processes of a relay around one log and one store, and the check of what they have done."""

from __future__ import annotations

import contextlib
import itertools
import json
import multiprocessing
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import redis
import sqlalchemy as sa
from attrs import define, evolve, field
from typing_extensions import Self

from openai_scan.relay import Log, RedisLog, SqlLog, SqlStore, StoredMessage
from openai_scan.relay.entries import Entry
from openai_scan.relay.progress import Progress
from relay.served import Answer, Browser

from .cases import Case
from .model import Model
from .reader import PATIENCE, Reader
from .worker import Fault, Setup, run

# A process that has loaded all modules, and is forked for each worker. The others are those that
# are loaded when they are first needed, which takes longer than all that a worker does.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        run.__module__,
        "openai_scan.events.chat",
        "openai_scan.events.responses",
        "openai_scan.transport",
        "sqlalchemy.dialects.sqlite",
        "uvicorn.lifespan.on",
        "uvicorn.loops.auto",
        "uvicorn.protocols.http.auto",
    ]
)

# After how many pieces an answer is held back that is to have half come.
_HALF = 12

# How often the state of another process or of a database is looked up, in seconds.
_POLL = 0.02


def until(condition: Callable[[], object], what: object = "") -> None:
    """Wait for what only asking can tell: the state of a database, or of another process."""
    pause = threading.Event()
    for _ in range(int(PATIENCE / _POLL)):
        if condition():
            return
        pause.wait(_POLL)
    raise AssertionError(f"it has not come: {what() if callable(what) else what}")


class Worker:
    """A process of the relay.

    Attributes:
        port: Where it serves.
        journal: The file of what it has logged.
    """

    def __init__(self, setup: Setup) -> None:
        self.journal = Path(setup.journal)
        self._reports, theirs = _CONTEXT.Pipe(duplex=False)
        self._process = _CONTEXT.Process(target=run, args=(setup, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.port: int = self._report()

    def __repr__(self) -> str:
        said = self.journal.read_text() if self.journal.exists() else ""
        return f"<{self.journal.name}: {said}>"

    @property
    def browser(self) -> Browser:
        """Asks it."""
        return Browser(self.port)

    def until_reached(self, point: str | None) -> None:
        """Wait until it sends itself the signal at a point."""
        assert self._report() == point

    def until_dead(self) -> int | None:
        """Wait until the process has ended, and return how."""
        self._process.join(PATIENCE)
        assert self._process.exitcode is not None, self
        return self._process.exitcode

    def until_said(self, *words: str) -> None:
        """Wait until it has logged one of some words."""
        until(lambda: any(word in self.journal.read_text() for word in words), self)

    def until_frozen(self) -> None:
        """Wait until none of its threads runs."""
        stat = Path(f"/proc/{self._process.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", self)

    def send(self, number: int) -> None:
        """Send it a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it at once."""
        if self._process.is_alive():
            self.send(signal.SIGKILL)
        self.until_dead()

    def close(self) -> None:
        """End it, and release all that belongs to it."""
        self.kill()
        self._process.close()
        self._reports.close()

    def _report(self) -> Any:
        assert self._reports.poll(PATIENCE), self
        return self._reports.recv()


@define(kw_only=True, eq=False)
class Stand:
    """Everything that a test needs; a `with` block ends it.

    Attributes:
        case: What is tested.
        model: The server that answers.
        folder: For files.
        log_url: The URL of the log.
        store_url: The URL of the store.
        prefix: What keys in Redis begin with.
        lease: The lease of processes that are started, in seconds.
        store: The store, as this process asks it.
        figures: What was measured, in seconds, such as the longest gap of all readers: for the
            report of a run; nothing has to be so fast.
    """

    case: Case
    model: Model
    folder: Path
    log_url: str
    store_url: str
    prefix: str
    lease: float = 1.0
    store: SqlStore = field(init=False)
    figures: dict[str, float] = field(factory=dict)
    _workers: list[Worker] = field(factory=list)
    _readers: list[Reader] = field(factory=list)
    _prompts: dict[str, str] = field(factory=dict)
    _numbers: Iterator[int] = field(factory=itertools.count)
    _stack: contextlib.ExitStack = field(factory=contextlib.ExitStack)

    def __enter__(self) -> Self:
        self._stack.enter_context(self.model)
        self.store = self._stack.enter_context(contextlib.closing(SqlStore(self.store_url)))
        return self

    def __exit__(self, *exc: object) -> None:
        with self._stack:
            for worker in self._workers:
                worker.close()
            for reader in self._readers:
                reader.leave()

    @property
    def is_on_redis(self) -> bool:
        """Whether the log is."""
        return self.log_url.startswith("redis:")

    @property
    def redis(self) -> redis.Redis:
        """What asks Redis directly."""
        client: redis.Redis = redis.Redis.from_url(self.log_url)
        self._stack.callback(client.close)
        return client

    def worker(self, **changes: Any) -> Worker:
        """Start a process; arguments as for its `Setup`."""
        setup = Setup(
            api=self.case.api,
            base_url=self.model.server.base_url,
            log=self.log_url,
            prefix=self.prefix,
            lease=self.lease,
            store=self.store_url,
            # With Redis those who take over say how long a lease is, otherwise those who have it.
            keeps=self.is_on_redis,
            journal=str(self.folder / f"worker-{next(self._numbers)}.log"),
        )
        worker = Worker(evolve(setup, **changes))
        self._workers.append(worker)
        return worker

    def heir(self, **changes: Any) -> Worker:
        """Start a process that takes the one job over; arguments as for its `Setup`."""
        return self.worker(keeps=True, **changes)

    def mortal(self, number: int = signal.SIGKILL, count: int = 1) -> Worker:
        """Start a process that sends itself a signal at the point of the case."""
        assert self.case.point is not None
        return self.worker(fault=Fault(self.case.point, count, number))

    def ask(self, worker: Worker, prompt: str = "Hi") -> str:
        """Ask through a process, and return the id of the answer."""
        stream = f"{prompt}-{secrets.token_urlsafe(12)}"
        until(lambda: self.post(worker, stream, prompt).status == 202, worker)
        return stream

    @contextlib.contextmanager
    def measuring(self, name: str) -> Iterator[None]:
        """Measure how long the block takes."""
        began = time.monotonic()
        yield
        self.figures[name] = time.monotonic() - began

    def post(self, worker: Worker, stream: str, prompt: str = "Hi") -> Answer:
        """Ask through a process, with the id of the answer, and return what comes back."""
        self._prompts[stream] = prompt
        return worker.browser.post("/streams", {"prompt": prompt, "id": stream})

    def read(self, stream: str, *workers: Worker, cursor: str = "") -> Reader:
        """Let a browser follow an answer by these processes."""
        reader = Reader(stream, [worker.port for worker in workers], cursor)
        self._readers.append(reader)
        reader.start()
        return reader

    def begun(self) -> tuple[str, Worker, Reader]:
        """Return an answer that has half come, the process that reads it, and its reader."""
        self.model.gate_at = _HALF
        worker = self.worker()
        web = self.worker(produces=False)
        stream = self.ask(web)
        reader = self.read(stream, web)
        reader.until_shown(self.model.text("Hi", _HALF))
        return stream, worker, reader

    def begun_beside_readers(self) -> tuple[str, Worker]:
        """Return an answer that has half come, and the process that reads and serves it.

        It has one of two readers, who can come back to the other process.
        """
        self.model.gate_at = _HALF
        worker = self.worker()
        stream = self.ask(worker)
        reader = self.read(stream, worker, other := self.worker(produces=False))
        stayed = self.read(stream, other)
        reader.until_shown(self.model.text("Hi", _HALF))
        stayed.until_shown(self.model.text("Hi", _HALF))
        return stream, worker

    def end(self, worker: Worker) -> None:
        """Tell a process to end, and measure how long that takes."""
        with self.measuring("end"):
            worker.send(signal.SIGTERM)
            assert worker.until_dead() in (0, -signal.SIGTERM)

    def row(self, stream: str) -> StoredMessage:
        """Return an answer as it is stored."""
        message = self.store.message(stream)
        assert message is not None
        return message

    def entries(self, stream: str) -> Sequence[Entry]:
        """Return what is in the log."""
        log: Log
        if self.is_on_redis:
            log = RedisLog(self.log_url, prefix=self.prefix)
        else:
            log = SqlLog(self.log_url)
        with contextlib.closing(log):
            return log.read(stream)

    def until_done(self, stream: str) -> None:
        """Wait until readers are notified of the end, and no process has the job any more."""
        until(partial(self._is_over, stream), self._said)
        until(lambda: not self.jobs_left(), self._said)

    def jobs_left(self) -> int:
        """Return how many jobs there are."""
        if self.is_on_redis:
            with redis.Redis.from_url(self.log_url) as client:
                left: int = client.xlen(f"{self.prefix}:jobs")
                return left
        url = sa.make_url(self.log_url)
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            statement = "SELECT count(*) FROM relay_streams WHERE expires IS NULL"
            return int(connection.scalar(sa.text(statement)) or 0)

    def check(self, *streams: str, log: bool = True) -> None:
        """Check that readers, rows and logs agree on some answers, and are as the case says.

        Args:
            streams: The answers.
            log: Whether there is a log.
        """
        for stream in streams:
            until(partial(self._is_over, stream), self._said)
            self._check_row(self.row(stream))
        for reader in self._readers:
            self._check_reader(reader)
        if log:
            until(lambda: not self.jobs_left(), self._said)
            for stream in streams:
                self._check_log(self.entries(stream), self.row(stream))
        for worker in self._workers:
            assert "Traceback" not in worker.journal.read_text(), worker
        case, model = self.case, self.model
        prompts = {self._prompts[stream] for stream in streams}
        assert {*model.asked} <= prompts
        for prompt in prompts:
            asked = model.asked[prompt]
            assert asked in (0, 1) if case.asked is None else asked == case.asked
        assert bool(model.resumed) == case.resumed
        if case.cancelled:
            until(lambda: model.cancelled)
        assert model.cancelled == case.cancelled

    def _is_over(self, stream: str) -> bool:
        return self.row(stream).status != "running"

    def _said(self) -> object:
        return self._workers

    def _check_row(self, row: StoredMessage) -> None:
        case = self.case
        assert (row.status, row.facts.get("error")) == (case.status, case.error), self._workers
        whole = self.model.text(self._prompts[row.id])
        assert row.text == whole if case.is_complete else whole.startswith(row.text)

    def _check_reader(self, reader: Reader) -> None:
        row = self.row(reader.stream)
        end = reader.until_over()
        self.figures["gap"] = max(self.figures.get("gap", 0.0), reader.gap)
        assert reader.text == row.text
        assert (end["status"], end.get("error")) == (row.status, row.facts.get("error"))
        assert end["saved"] is self.case.saved
        assert len(reader.ends) == 1
        assert reader.refusals == []
        assert reader.resets == (self.case.reader == "loses it")
        assert reader.cursor.endswith("-end")
        assert (reader.cursor == "0-0-end") == (self.case.reader in ("from the row", "loses it"))

    def _check_log(self, entries: Sequence[Entry], row: StoredMessage) -> None:
        places = [entry.place for entry in entries]
        assert places == sorted(set(places))
        end = next(place for place, entry in enumerate(entries, 1) if entry.kind == "done")
        progress = Progress.of(entries[:end])
        assert progress.text() == row.text
        assert progress.done is not None
        assert progress.done["status"] == row.status
        asks = [entry for entry in entries if entry.kind == "ask"]
        assert len(asks) <= 1
        (begun, *_) = (entry for entry in entries if entry.kind == "begin")
        assert "job" in json.loads(begun.data)
