"""The writing thread of a `SqlLog`: the entries of all streams, many in one transaction.

A transaction costs as much as writing a hundred entries. So entries that arrive together are
written together. Entries that cannot be written now are kept and written later, in order, once.
After a failure it is unknown whether the transaction was committed, and whether the database has
come back without its last transactions. So before more is written to a stream, the log is asked for
its last entry.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from attrs import define, field
from sqlalchemy.exc import IntegrityError

from openai_scan.relay.entries import Entry
from openai_scan.relay.errors import FencedError, LogLostError, RelayError, UnavailableError
from openai_scan.relay.log import Job
from openai_scan.relay.sql_rows import Rows

_log = logging.getLogger("openai_scan")

# How long to collect entries after a transaction: at least this many seconds, and this many times
# as long as the transaction took, so that other processes can also use a busy file.
_COLLECTING_SECONDS = 0.02
_COLLECTING_TIMES = 2

# How much to write in one transaction. Other processes wait for that long to write to SQLite.
_MAX_ENTRIES = 2_000
_MAX_BYTES = 4 * 1024 * 1024

# Between two attempts: the first pause, and the longest, in seconds.
_PAUSES = (0.05, 1.0)

# How many lost jobs to remember, so that they are rejected without a query.
_MAX_LOST = 1_000


@define(eq=False)
class _Lane:
    """What is to be written for one job.

    Attributes:
        job: The job.
        last: The number of the last entry that was written; -1 if none was.
        waiting: How many entries are waiting or being written.
        is_sure: Whether the last entry in the log is known to be `last`.
        error: The class of error that rejects the job, if it is rejected.
    """

    job: Job
    last: int = -1
    waiting: int = 0
    is_sure: bool = True
    error: type[RelayError] | None = None

    def check(self) -> None:
        """Raise the error if the job is rejected."""
        if self.error is FencedError:
            raise FencedError(f"another process has taken over {self.job.stream}")
        if self.error is not None:
            raise self.error(f"the log has lost {self.job.stream}")


@define
class _Batch:
    """What to write in one transaction: the entries of each job, in order."""

    entries: dict[_Lane, list[Entry]] = field(factory=dict)
    count: int = 0
    size: int = 0

    @property
    def is_full(self) -> bool:
        return self.count >= _MAX_ENTRIES or self.size >= _MAX_BYTES

    def add(self, lane: _Lane, entry: Entry) -> None:
        self.entries.setdefault(lane, []).append(entry)
        self.count += 1
        self.size += len(entry.data)


class Writer:
    """Writes entries in a thread of its own.

    Args:
        rows: The tables.
        on_written: Called in that thread with a job and what was written for it.
        on_lost: Called in that thread with a job that is rejected, and the class of error.
    """

    def __init__(
        self,
        rows: Rows,
        *,
        on_written: Callable[[Job, Sequence[Entry]], None],
        on_lost: Callable[[Job, type[RelayError]], None],
    ) -> None:
        self._rows = rows
        self._on_written = on_written
        self._on_lost = on_lost
        self._lanes: dict[Job, _Lane] = {}
        self._lost: deque[Job] = deque()
        self._waiting: deque[tuple[_Lane, Entry]] = deque()
        self._drains = 0
        self._closes_at: float | None = None
        self._lock = threading.Lock()
        self._has_work = threading.Condition(self._lock)
        self._is_urgent = threading.Condition(self._lock)
        self._is_written = threading.Condition(self._lock)
        self._thread = threading.Thread(target=self._run, name="relay-sql-writer", daemon=True)
        self._thread.start()

    def append(self, job: Job, entries: Sequence[Entry]) -> None:
        """Queue *entries* to be written.

        Raises:
            FencedError: Another process is known to have taken over the job.
            LogLostError: The log is known to have lost the stream.
        """
        with self._lock:
            lane = self._lane(job)
            lane.check()
            lane.waiting += len(entries)
            self._waiting.extend((lane, entry) for entry in entries)
            self._has_work.notify()
            if len(self._waiting) >= _MAX_ENTRIES:
                self._is_urgent.notify()

    def drain(self, job: Job, seconds: float) -> bool:
        """Wait until all entries of a job are written. Return False if it takes longer.

        Raises:
            FencedError: Another process has taken over the job.
            LogLostError: The log has lost the stream.
        """
        with self._lock:
            lane = self._lane(job)
            self._drains += 1
            self._is_urgent.notify()
            try:
                self._is_written.wait_for(lambda: lane.error or not lane.waiting, seconds)
            finally:
                self._drains -= 1
            lane.check()
            return not lane.waiting

    def refuse(self, job: Job, error: type[RelayError]) -> None:
        """Accept no more entries of a job, and drop those that are waiting."""
        with self._lock:
            self._lane(job).error = error
            self._lost.append(job)
            if len(self._lost) > _MAX_LOST:
                self._lanes.pop(self._lost.popleft(), None)
            self._is_written.notify_all()

    def forget(self, job: Job) -> None:
        """Forget a finished job."""
        with self._lock:
            self._lanes.pop(job, None)

    def close(self, seconds: float) -> None:
        """Write what is waiting, if that takes no longer than *seconds*, and end the thread."""
        with self._lock:
            self._closes_at = time.monotonic() + seconds
            self._has_work.notify()
            self._is_urgent.notify()
        self._thread.join(seconds + _PAUSES[0])

    def _lane(self, job: Job) -> _Lane:
        lane = self._lanes.get(job)
        if lane is None:
            lane = self._lanes[job] = _Lane(job)
        return lane

    # The thread.

    def _run(self) -> None:
        while True:
            with self._lock:
                self._has_work.wait_for(lambda: self._waiting or self._closes_at is not None)
                batch = self._next_batch()
            began = time.monotonic()
            if batch.count:
                self._write(batch)
            pause = max(_COLLECTING_SECONDS, _COLLECTING_TIMES * (time.monotonic() - began))
            with self._lock:
                if self._closes_at is not None and (not self._waiting or self._has_given_up()):
                    return
                self._is_urgent.wait_for(self._is_in_a_hurry, pause)

    def _is_in_a_hurry(self) -> bool:
        is_asked = self._drains > 0 or self._closes_at is not None
        return len(self._waiting) >= _MAX_ENTRIES or (is_asked and bool(self._waiting))

    def _has_given_up(self) -> bool:
        return self._closes_at is not None and time.monotonic() >= self._closes_at

    def _next_batch(self) -> _Batch:
        batch = _Batch()
        while self._waiting and not batch.is_full:
            lane, entry = self._waiting.popleft()
            if lane.error is None:
                batch.add(lane, entry)
        return batch

    def _write(self, batch: _Batch) -> None:
        """Write a batch, as soon as that is possible."""
        pause, longest = _PAUSES
        while True:
            try:
                lost = self._lost_of(batch)
                break
            except (UnavailableError, IntegrityError) as error:
                _log.warning("entries of %d streams are waiting: %s", len(batch.entries), error)
            with self._lock:
                for lane in self._lanes.values():
                    lane.is_sure = False
                if self._closes_at is None:
                    self._is_urgent.wait_for(lambda: self._closes_at is not None, pause)
                else:
                    self._is_urgent.wait(_PAUSES[0])
                if self._has_given_up():
                    return
            pause = min(2 * pause, longest)
        for lane, entries in batch.entries.items():
            if lane.job in lost:
                self.refuse(lane.job, lost[lane.job])
                self._on_lost(lane.job, lost[lane.job])
            else:
                self._on_written(lane.job, entries)
        with self._lock:
            for lane, entries in batch.entries.items():
                lane.last = entries[-1].seq
                lane.waiting -= len(entries)
            self._is_written.notify_all()

    def _lost_of(self, batch: _Batch) -> Mapping[Job, type[RelayError]]:
        """Write a batch, and return its rejected jobs."""
        lost: dict[Job, type[RelayError]] = {}
        rest: dict[Job, Sequence[Entry]] = {}
        for lane, entries in batch.entries.items():
            last = lane.last if lane.is_sure else self._rows.last(lane.job)
            if last < lane.last:
                lost[lane.job] = LogLostError
            else:
                rest[lane.job] = [entry for entry in entries if lane.is_sure or entry.seq > last]
        for job, epoch in self._rows.write(rest).items():
            lost[job] = FencedError if epoch else LogLostError
        with self._lock:
            for lane in batch.entries:
                lane.is_sure = True
        return lost
