"""Write to Redis: one thread writes the entries of all jobs of a process."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias
from weakref import WeakKeyDictionary

from attrs import define

from openai_scan.relay.entries import Entry
from openai_scan.relay.errors import FencedError, LogLostError, UnavailableError
from openai_scan.relay.log import Job
from openai_scan.relay.redis_entries import fields_of, id_of, writer_of
from openai_scan.relay.redis_server import Keys, Outage, Server, is_refused

# How long to wait for more entries after some were written, in seconds. An entry that comes after a
# silence is written at once. At 4,000 entries a second a transaction has about 160.
_GROUP_SECONDS = 0.04

# The maximum number of entries and of bytes in one transaction. The server does nothing else while
# it executes one.
_MAX_ENTRIES = 1000
_MAX_BYTES = 1 << 20

# How long closing may take, in seconds.
_LAST_SECONDS = 1.0


@define(eq=False)
class _State:
    """What is known of the entries of a job.

    Attributes:
        last: The number of its last entry, counting all entries that this process has appended.
        lost: Why no more entries are written, if so.
    """

    last: int = 0
    lost: type[FencedError | LogLostError] | None = None


_Waiting: TypeAlias = tuple[Job, _State, Entry]

_REASONS = {
    FencedError: "another process has taken over the job",
    LogLostError: "the log has lost the stream",
}


class Writer:
    """Writes entries in the order they are appended, and keeps them until they are written.

    Each batch is one transaction, so the server executes all of it or nothing. Otherwise it could
    reject an entry for lack of memory, and accept the next one.

    If the connection breaks before the reply, the batch is sent again. If the server then rejects
    an entry that it already has, with the same content, that entry counts as written.

    Args:
        server: The server.
        keys: Its keys.
        on_fenced: Called with a job that another process has begun, before it is fenced here.
        on_written: Called with a job, and with the entries that were written for it.
    """

    def __init__(
        self,
        server: Server,
        keys: Keys,
        *,
        on_fenced: Callable[[Job], None],
        on_written: Callable[[Job, Sequence[Entry]], None],
    ) -> None:
        self._server = server
        self._keys = keys
        self._on_fenced = on_fenced
        self._on_written = on_written
        # A job that the relay no longer refers to needs no state.
        self._states: WeakKeyDictionary[Job, _State] = WeakKeyDictionary()
        self._buffer: deque[_Waiting] = deque()  # entries not written yet
        self._appended = 0
        self._written = 0
        self._outage = Outage("entries wait for the log")
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._hurry = threading.Event()
        lock = threading.Lock()
        self._has_work = threading.Condition(lock)
        self._has_written = threading.Condition(lock)

    def append(self, job: Job, entries: Sequence[Entry]) -> None:
        """Queue entries to be written.

        Raises:
            FencedError: Another process is known to have taken over the job.
            LogLostError: The log is known to have lost the stream.
        """
        with self._has_work:
            state = self._states.setdefault(job, _State())
            _check(job, state)
            if not entries:
                return
            if not self._buffer:
                self._has_work.notify()
            self._buffer.extend((job, state, entry) for entry in entries)
            self._appended += len(entries)
            state.last = self._appended
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="relay-writer", daemon=True)
                self._thread.start()

    def drain(self, job: Job, seconds: float) -> bool:
        """Wait until the entries of a job are written. Return False if that takes longer.

        Raises:
            FencedError: Another process has taken over the job.
            LogLostError: The log has lost the stream.
        """
        self._hurry.set()
        with self._has_written:
            state = self._states.get(job, _State())
            self._has_written.wait_for(lambda: self._is_settled(state), seconds)
            _check(job, state)
            return self._is_settled(state)

    def _is_settled(self, state: _State) -> bool:
        return self._written >= state.last or state.lost is not None

    def give_up(self, job: Job, why: type[FencedError | LogLostError]) -> None:
        """Write no more entries of a job, not even those that are waiting."""
        with self._has_written:
            self._states.setdefault(job, _State()).lost = why
            self._has_written.notify_all()

    def close(self) -> None:
        """Write what is waiting if the server can be reached, and end the thread."""
        self._closing.set()
        self._hurry.set()
        with self._has_work:
            self._has_work.notify()
        if self._thread is not None:
            self._thread.join(_LAST_SECONDS)

    def _run(self) -> None:
        while self._step():
            pass

    def _step(self) -> bool:
        """Try to write a batch, and pause. Return False if the thread must end."""
        batch = self._next_batch()
        if not batch:
            return False
        try:
            self._write([each for each in batch if each[1].lost is None])
        except UnavailableError as error:
            if self._closing.is_set():
                return False
            self._closing.wait(self._outage.failed(error))
            return True
        self._outage.is_over()
        with self._has_written:
            for _ in batch:
                self._buffer.popleft()
            self._written += len(batch)
            self._has_written.notify_all()
        self._hurry.wait(_GROUP_SECONDS)
        return True

    def _next_batch(self) -> list[_Waiting]:
        """Wait for entries, and return the next ones; an empty list if the log is closed."""
        with self._has_work:
            self._has_work.wait_for(lambda: self._buffer or self._closing.is_set())
            self._hurry.clear()
            batch: list[_Waiting] = []
            size = 0
            for each in self._buffer:
                if size > _MAX_BYTES or len(batch) == _MAX_ENTRIES:
                    break
                batch.append(each)
                size += len(each[2].data)
            return batch

    def _write(self, batch: list[_Waiting]) -> None:
        """Write entries, and give up the jobs whose entries the server has rejected.

        Raises:
            UnavailableError: No entry was written, or it is unknown whether any was.
        """
        with self._server.commands() as commands:
            pipeline = commands.pipeline(transaction=True)
            for job, _, entry in batch:
                pipeline.xadd(
                    self._keys.log(job.stream),
                    _fields(job, entry),
                    id=id_of(entry.place),
                    nomkstream=True,
                )
            replies = pipeline.execute(raise_on_error=False)
        written: dict[Job, list[Entry]] = {}
        refused = []
        for each, reply in zip(batch, replies, strict=True):
            job, _, entry = each
            if isinstance(reply, bytes):
                written.setdefault(job, []).append(entry)
            elif is_refused(reply):
                refused.append(each)
            else:  # None, or an error: the key is not a stream
                self.give_up(job, LogLostError)
        for job, entries in written.items():
            self._on_written(job, entries)
        for job in dict.fromkeys(self._fenced(refused) if refused else ()):
            self._on_fenced(job)
            self.give_up(job, FencedError)

    def _fenced(self, refused: list[_Waiting]) -> list[Job]:
        """Return the jobs of rejected entries, except those that were written before."""
        with self._server.commands() as commands:
            pipeline = commands.pipeline(transaction=False)
            for job, _, entry in refused:
                id = id_of(entry.place)
                pipeline.xrange(self._keys.log(job.stream), id, id)
            replies = pipeline.execute()
        return [
            job
            for (job, _, entry), reply in zip(refused, replies, strict=True)
            if [fields for _, fields in reply] != [_fields(job, entry)]
        ]


def _fields(job: Job, entry: Entry) -> dict[bytes, bytes]:
    return fields_of(entry.kind, entry.data, writer_of(job))


def _check(job: Job, state: _State) -> None:
    if state.lost is not None:
        raise state.lost(f"{job.stream}: {_REASONS[state.lost]}")
