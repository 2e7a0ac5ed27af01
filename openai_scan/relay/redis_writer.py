"""What the processes of a relay write to Redis: one thread for all streams of a process."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import TypeAlias
from weakref import WeakKeyDictionary

from attrs import define
from redis.exceptions import ResponseError

from openai_scan.relay.entries import Entry
from openai_scan.relay.errors import FencedError, LogLostError, UnavailableError
from openai_scan.relay.log import Job
from openai_scan.relay.redis_server import Keys, Server, fields_of, id_of

_log = logging.getLogger("openai_scan")

# After entries have been written, so long is waited for more, in seconds: twenty answers at a time
# cost a third then.
_GROUP_SECONDS = 0.005

# How much is sent at once: a transaction occupies the server alone.
_MAX_ENTRIES = 1000
_MAX_BYTES = 1 << 20

# Between two tries to reach the server: the first pause, and the longest, in seconds.
_PAUSES = (0.05, 1.0)

# How long closing may take, in seconds.
_LAST_SECONDS = 1.0


@define(eq=False)
class _State:
    """How far the entries of a job have come.

    Attributes:
        last: The number of the last one among all that were appended.
        lost: Why no more are taken, if so.
    """

    last: int = 0
    lost: type[FencedError | LogLostError] | None = None


_Written: TypeAlias = tuple[Job, _State, Entry]


class Writer:
    """Writes entries in the order in which they were appended.

    A batch is one transaction, so the server takes all of it or nothing: it cannot refuse one entry
    for lack of memory, and take the next. If it is not known whether a batch was written, it is
    sent again. Then the server refuses all of it, and what is there in the same words is ours.

    Args:
        server: The server.
        keys: Its keys.
    """

    def __init__(self, server: Server, keys: Keys) -> None:
        self._server = server
        self._keys = keys
        self._states: WeakKeyDictionary[Job, _State] = WeakKeyDictionary()
        self._buffer: deque[_Written] = deque()  # with the batch that is being written
        self._appended = 0
        self._written = 0
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._hurry = threading.Event()
        lock = threading.Lock()
        self._has_work = threading.Condition(lock)
        self._has_written = threading.Condition(lock)

    def append(self, job: Job, entries: Sequence[Entry]) -> None:
        """Have entries be written soon.

        Raises:
            FencedError: Another process has taken over the job.
            LogLostError: The log has lost the stream.
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
        """Wait until the entries of a job are written. Return False if it takes longer.

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
        """Take no more entries of a job, and drop those that wait."""
        with self._has_written:
            self._states.setdefault(job, _State()).lost = why
            self._has_written.notify_all()

    def close(self) -> None:
        """Write what waits, if the server takes it now, and end the thread."""
        self._closing.set()
        self._hurry.set()
        with self._has_work:
            self._has_work.notify()
        if self._thread is not None:
            self._thread.join(_LAST_SECONDS)

    def _run(self) -> None:
        pause: float | None = 0.0
        while pause is not None:
            pause = self._pause_after_step(pause)

    def _pause_after_step(self, pause: float) -> float | None:
        """Write a batch, and pause. Return how long the pause was if that failed; None at the end.

        Args:
            pause: How long it was before, if the step before has failed, else 0.
        """
        batch = self._next()
        if not batch:
            return None
        try:
            self._write([each for each in batch if each[1].lost is None])
        except UnavailableError as error:
            if self._closing.is_set():
                return None
            if not pause:
                _log.warning("entries wait for the log: %s", error)
            pause = min(2 * pause, _PAUSES[1]) or _PAUSES[0]
            self._closing.wait(pause)
            return pause
        with self._has_written:
            for _ in batch:
                self._buffer.popleft()
            self._written += len(batch)
            self._has_written.notify_all()
        self._hurry.wait(_GROUP_SECONDS)
        return 0.0

    def _next(self) -> list[_Written]:
        """Return what to write next, once there is something; nothing when it is over."""
        with self._has_work:
            self._has_work.wait_for(lambda: self._buffer or self._closing.is_set())
            self._hurry.clear()
            batch: list[_Written] = []
            size = 0
            for each in self._buffer:
                if size > _MAX_BYTES or len(batch) == _MAX_ENTRIES:
                    break
                batch.append(each)
                size += len(each[2].data)
            return batch

    def _write(self, batch: list[_Written]) -> None:
        """Write entries, and give up the jobs that are not ours or whose stream is lost.

        Raises:
            UnavailableError: They are not written, or that is not known.
        """
        with self._server.errors():
            pipeline = self._server.commands.pipeline(transaction=True)
            for job, _, entry in batch:
                pipeline.xadd(
                    self._keys.log(job.stream),
                    fields_of(job, entry),
                    id=id_of(entry.place),
                    nomkstream=True,
                )
            replies = pipeline.execute(raise_on_error=False)
        refused = []
        for each, reply in zip(batch, replies, strict=True):
            if isinstance(reply, ResponseError) and is_too_small(reply):
                refused.append(each)
            elif not isinstance(reply, bytes):  # there is no such stream
                self.give_up(each[0], LogLostError)
        for job in self._not_ours(refused):
            self.give_up(job, FencedError)

    def _not_ours(self, refused: list[_Written]) -> list[Job]:
        """Return the jobs of entries that were refused, and had not been written before."""
        with self._server.errors():
            pipeline = self._server.commands.pipeline(transaction=False)
            for job, _, entry in refused:
                id = id_of(entry.place)
                pipeline.xrange(self._keys.log(job.stream), id, id)
            replies = pipeline.execute()
        return [
            job
            for (job, _, entry), reply in zip(refused, replies, strict=True)
            if [fields for _, fields in reply] != [_as_replied(fields_of(job, entry))]
        ]


def _as_replied(fields: dict[str, bytes]) -> dict[bytes, bytes]:
    return {name.encode(): data for name, data in fields.items()}


def is_too_small(error: ResponseError) -> bool:
    """Return whether a stream has taken no entry because it has it or a later one."""
    return "equal or smaller" in str(error)


_REASONS = {
    FencedError: "another process has taken over the job",
    LogLostError: "the log has lost the stream",
}


def _check(job: Job, state: _State) -> None:
    if state.lost is not None:
        raise state.lost(f"{job.stream}: {_REASONS[state.lost]}")
