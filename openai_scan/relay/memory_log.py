"""A log in the memory of one process."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence

from openai_scan.relay.entries import HEAD, Entry
from openai_scan.relay.errors import LogLostError
from openai_scan.relay.log import Job, Log
from openai_scan.relay.tail import Tail


class MemoryLog(Log):
    """A log in memory: fast, and gone with the process.

    If the process ends while an answer is read, what has arrived is saved as `incomplete`.

    Args:
        keep: For how many seconds a stream can be read after its end. Meanwhile a token takes 130
            bytes. After that readers get the message from the store.
    """

    lease = 15.0
    is_shared = False

    def __init__(self, *, keep: float = 60.0) -> None:
        super().__init__()
        self._keep = keep
        self._streams: dict[str, Tail] = {}
        self._stopped: set[str] = set()
        self._jobs: deque[Job] = deque()
        self._ended: deque[tuple[float, str]] = deque()
        self._is_closed = False
        self._changed = threading.Condition()

    def create(self, stream: str, head: bytes) -> bool:
        """Create a stream and its job. Return False if the stream exists."""
        with self._changed:
            self._forget()
            if stream in self._streams:
                return False
            tail = self._streams[stream] = Tail(stream)
            tail.push([Entry(*HEAD, "head", head)])
            self._jobs.append(Job(stream, epoch=1))
            self._changed.notify()
            return True

    def take(self, limit: int, seconds: float = 1.0) -> Sequence[Job]:
        """Take jobs that are new or were put back."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._is_closed, seconds)
            return [self._jobs.popleft() for _ in range(min(limit, len(self._jobs)))]

    def renew(self, jobs: Iterable[Job]) -> Iterable[Job]:  # noqa: ARG002 - there are no leases
        """Return nothing: no other process can take over a job."""
        return ()

    def hand_over(self, jobs: Iterable[Job]) -> None:
        """Put *jobs* back: this process may take them again."""
        with self._changed:
            self._jobs.extend(Job(job.stream, epoch=job.epoch + 1) for job in jobs)
            self._changed.notify()

    def finish(self, job: Job) -> None:
        """Forget the stream after some minutes."""
        with self._changed:
            self._ended.append((time.monotonic() + self._keep, job.stream))
            self._forget()

    def append(self, job: Job, entries: Sequence[Entry]) -> None:
        """Append to the stream of *job*; readers have it at once."""
        tail = self._streams.get(job.stream)
        if tail is None:
            raise LogLostError(f"there is no stream {job.stream}")
        tail.push(entries)

    def drain(self, job: Job, seconds: float) -> bool:  # noqa: ARG002 - there is nothing to wait for
        """Return True: everything appended is written."""
        return True

    def read(self, stream: str) -> Sequence[Entry]:
        """Return the entries of a stream; an empty list if there is no such stream."""
        tail = self._streams.get(stream)
        return [] if tail is None else [*tail.entries]

    def exists(self, stream: str) -> bool:
        """Return whether there is such a stream."""
        return stream in self._streams

    def open(self, stream: str) -> Tail:
        """Return the tail of a stream; if there is no such stream, a tail that is over."""
        tail = self._streams.get(stream)
        if tail is None:
            tail = Tail(stream)
            tail.end()
        return tail

    def stop(self, stream: str) -> None:
        """Stop the work on a stream."""
        with self._changed:
            if stream in self._streams:
                self._stopped.add(stream)
        self.on_stop(stream)

    def is_stopped(self, stream: str) -> bool:
        """Return whether `stop()` has been called for a stream."""
        return stream in self._stopped

    def close(self) -> None:
        """End the readers."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for tail in [*self._streams.values()]:
            tail.end()

    def _forget(self) -> None:
        """Forget the streams that have been kept long enough."""
        while self._ended and self._ended[0][0] <= time.monotonic():
            _, stream = self._ended.popleft()
            self._streams.pop(stream, None)
            self._stopped.discard(stream)
