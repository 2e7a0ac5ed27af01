"""A log that several "processes" share in memory: what `Log` asks for, in as few lines as it takes.

A `Server` has what Redis or a database would have. Each `SharedLog` is what one process has of it.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from attrs import define
from server import PATIENCE

from openai_scan.relay import FencedError, Job, Log, LogLostError, UnavailableError
from openai_scan.relay.entries import HEAD, Entry
from openai_scan.relay.tail import Tail

_Key: TypeAlias = tuple[str, int]  # a job's id and epoch; a stream may have two by mistake


def _key(job: Job) -> _Key:
    return job.id, job.epoch


@define
class _Job:
    """A job on the server.

    Attributes:
        id: Its number.
        epoch: How many times it has been taken.
        expires: When it belongs to no process any more, in seconds of the monotonic clock.
    """

    id: str
    epoch: int = 0
    expires: float = 0.0

    @property
    def is_free(self) -> bool:
        """Whether it belongs to no process."""
        return self.expires <= time.monotonic()


class Server:
    """What the processes share.

    Attributes:
        streams: The entries of each stream.
        is_down: Whether it cannot be reached.
        changed: Notified after each change; holds the lock of everything.
    """

    def __init__(self) -> None:
        self.streams: dict[str, list[Entry]] = {}
        self.is_down = False
        self.changed = threading.Condition()
        self.jobs: dict[str, _Job] = {}
        self.stopped: set[str] = set()
        self.logs: list[SharedLog] = []
        self.numbers = itertools.count(1)

    def expire_leases(self) -> None:
        """Let the leases of all jobs run out."""
        with self.changed:
            for job in self.jobs.values():
                job.expires = 0.0
            self.changed.notify_all()

    def go_down(self) -> None:
        """Be unreachable, until `come_back()`."""
        with self.changed:
            self.is_down = True
            for log in self.logs:
                log.end_tails()

    def come_back(self) -> None:
        """Be reachable again. What was appended meanwhile is written."""
        with self.changed:
            self.is_down = False
            for log in self.logs:
                if not log.is_cut_off:
                    log.flush()
            self.changed.notify_all()

    def lose_everything(self) -> None:
        """Forget all, as a Redis that was emptied."""
        with self.changed:
            self.streams.clear()
            self.jobs.clear()
            self.stopped.clear()
            for log in self.logs:
                log.end_tails()

    def wait_for(self, happened: Callable[[], bool]) -> None:
        """Wait until something is the case."""
        with self.changed:
            assert self.changed.wait_for(happened, PATIENCE)

    def write(self, stream: str, entry: Entry) -> None:
        """Append an entry, unless one of a later epoch is there.

        Raises:
            FencedError: There is one, or another job for the same stream has taken its place.
            LogLostError: There is no such stream.
        """
        with self.changed:
            entries = self.streams.get(stream)
            if entries is None:
                raise LogLostError(f"there is no stream {stream}")
            if entry.place <= entries[-1].place:
                raise FencedError(f"{stream} has an entry at {entries[-1].place}")
            entries.append(entry)
            self.changed.notify_all()
            for log in self.logs:
                tail = log.tails.get(stream)
                if tail is not None:
                    tail.push([entry])


class SharedLog(Log):
    """What one process has of the log.

    Args:
        server: What it shares with the others.
        writes_at_once: Whether entries are written when they are appended. If not, they wait for
            `drain()`, as if the connection were slow.
        lease: See `Log`.

    Attributes:
        is_cut_off: Whether this process cannot reach the server, although others may.
    """

    def __init__(self, server: Server, *, writes_at_once: bool = True, lease: float = 15.0) -> None:
        super().__init__()
        self.lease = lease
        self.server = server
        self.writes_at_once = writes_at_once
        self.is_cut_off = False
        self._pending: dict[_Key, list[tuple[str, Entry]]] = {}
        self._broken: dict[_Key, FencedError | LogLostError] = {}
        self._is_closed = False
        server.logs.append(self)

    # Jobs.

    def create(self, stream: str, head: bytes) -> bool:
        """Create a stream and its job."""
        with self._reachable():
            if stream in self.server.streams:
                return False
            self.server.streams[stream] = [Entry(*HEAD, "head", head)]
            self.server.jobs[stream] = _Job(str(next(self.server.numbers)))
            self.server.changed.notify_all()
            return True

    def take(self, limit: int, seconds: float = 1.0) -> Sequence[Job]:
        """Take free jobs."""
        end = time.monotonic() + seconds
        with self._reachable():
            while not (self._is_closed or any(self._free())) and time.monotonic() < end:
                expiries = [job.expires for job in self.server.jobs.values()]
                self.server.changed.wait(min([end, *expiries]) - time.monotonic())
            if self._is_closed:
                return []
            taken = [*itertools.islice(self._free(), limit)]
            for _, job in taken:
                job.epoch += 1
                job.expires = time.monotonic() + self.lease
            return [Job(stream, job.epoch, job.id) for stream, job in taken]

    def renew(self, jobs: Iterable[Job]) -> Iterable[Job]:
        """Return the jobs that other processes have."""
        with self._reachable():
            lost = []
            for job in jobs:
                if self._is_held(job):
                    self.server.jobs[job.stream].expires = time.monotonic() + self.lease
                elif job.stream in self.server.jobs:
                    self._broken[_key(job)] = FencedError(f"{job.stream} has been taken over")
                    lost.append(job)
            return lost

    def hand_over(self, jobs: Iterable[Job]) -> None:
        """Free the jobs."""
        with self._reachable():
            for job in jobs:
                if self._is_held(job):
                    self.server.jobs[job.stream].expires = 0.0
            self.server.changed.notify_all()

    def finish(self, job: Job) -> None:
        """Remove a job."""
        with self._reachable():
            if self._is_held(job):
                del self.server.jobs[job.stream]
            self.server.changed.notify_all()

    # Writing.

    def append(self, job: Job, entries: Sequence[Entry]) -> None:
        """Append, now or with the next `drain()`."""
        with self.server.changed:
            key = _key(job)
            if key in self._broken:
                raise self._broken[key]
            self._pending.setdefault(key, []).extend((job.stream, entry) for entry in entries)
            if self.writes_at_once and self._is_reachable():
                self._flush(key)

    def drain(self, job: Job, seconds: float) -> bool:
        """Write what was appended, as soon as the server can be reached."""
        server = self.server
        with server.changed:
            if not server.changed.wait_for(self._is_reachable, seconds):
                return False
            self._flush(_key(job))
            return True

    def flush(self) -> None:
        """Write all that was appended."""
        with self.server.changed:
            for job in [*self._pending]:
                with contextlib.suppress(
                    FencedError, LogLostError
                ):  # it is told with the next call
                    self._flush(job)

    def _flush(self, key: _Key) -> None:
        """Write what waits, and raise what the server says to that."""
        while self._flush_one(key):
            pass

    def _flush_one(self, key: _Key) -> bool:
        """Write the entry that waits longest. Return False if there is none."""
        if key in self._broken:
            raise self._broken[key]
        pending = self._pending.get(key)
        if not pending:
            return False
        try:
            self.server.write(*pending[0])
        except (FencedError, LogLostError) as error:
            self._broken[key] = error
            raise
        del pending[0]
        return True

    # Reading.

    def read(self, stream: str) -> Sequence[Entry]:
        """Return the entries."""
        with self._reachable():
            return [*self.server.streams.get(stream, [])]

    def exists(self, stream: str) -> bool:
        """Return whether there is such a stream."""
        with self._reachable():
            return stream in self.server.streams

    def open(self, stream: str) -> Tail:
        """Return a tail."""
        with self._reachable():
            tail = self.tails.open(stream)
            entries = self.server.streams.get(stream)
            if entries is None:
                tail.end()
            else:
                tail.push(entries)
            return tail

    def end_tails(self) -> None:
        """Let all readers go."""
        for tail in self.tails.unfinished():
            tail.end()

    # Stop.

    def stop(self, stream: str) -> None:
        """Stop the work on a stream, in all processes."""
        with self._reachable():
            self.server.stopped.add(stream)
            logs = [*self.server.logs]
        for log in logs:
            log.on_stop(stream)

    def is_stopped(self, stream: str) -> bool:
        """Return whether `stop()` has been called."""
        with self._reachable():
            return stream in self.server.stopped

    def close(self) -> None:
        """Write what can be written, and let all readers go."""
        with self.server.changed:
            if self._is_reachable():
                self.flush()
            self._is_closed = True
            self.end_tails()
            if self in self.server.logs:
                self.server.logs.remove(self)
            self.server.changed.notify_all()

    def _reachable(self) -> threading.Condition:
        if not self._is_reachable():
            raise UnavailableError("the log cannot be reached")
        return self.server.changed

    def _is_reachable(self) -> bool:
        return not (self.server.is_down or self.is_cut_off)

    def _free(self) -> Iterable[tuple[str, _Job]]:
        return ((stream, job) for stream, job in self.server.jobs.items() if job.is_free)

    def _is_held(self, job: Job) -> bool:
        held = self.server.jobs.get(job.stream)
        return held is not None and (held.id, held.epoch) == (job.id, job.epoch)
