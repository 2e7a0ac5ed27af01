"""A log in a database, with SQLAlchemy Core."""

from __future__ import annotations

import functools
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from openai_scan.relay.database import Database
from openai_scan.relay.entries import HEAD, Entry, Place
from openai_scan.relay.errors import FencedError, LogLostError, RelayError, UnavailableError
from openai_scan.relay.log import Job, Log
from openai_scan.relay.sql_rows import Rows
from openai_scan.relay.sql_writing import Writer
from openai_scan.relay.tables import LogTables
from openai_scan.relay.tail import Tail

_log = logging.getLogger("openai_scan")

# How often to query the database, in seconds: for entries that readers wait for; for jobs and for
# streams that must stop; for jobs whose lease has expired; and for lost streams.
_TAIL_SECONDS = 0.025
_PAUSE_SECONDS = 0.2
_OVERDUE_SECONDS = 1.0
_LOSS_SECONDS = 1.0

# How often to delete expired streams, at most, in seconds.
_EXPIRY_SECONDS = 60.0

# For how long the database may be unreachable before readers end, in seconds.
_PATIENCE_SECONDS = 5.0

# How long closing may take to write what has been appended, in seconds.
_CLOSING_SECONDS = 1.0


class SqlLog(Log):
    """A log in two tables of SQLite or PostgreSQL, for all processes that can reach the database.

    ::

        SqlLog("sqlite:///relay.db")
        SqlLog("postgresql://user:password@host/name")

    It may share the database with a `SqlStore`. A SQLite file is for the processes of one machine,
    and must be on a local disk.

    Entries are written in groups, about every 20 milliseconds, and shown to readers after they are
    written. Other processes query them about every 25 milliseconds. While the database cannot be
    reached, entries are kept in memory.

    Leases are measured by the clock of the server with PostgreSQL, and of the machine with SQLite.
    If it is set back, a job whose process has died waits that much longer.

    Args:
        url: `sqlite:///` and a path, or `postgresql://` with what libpq understands; the driver is
            psycopg.
        lease: For how many seconds a job belongs to a process that does not renew it.
        keep: For how many seconds a stream can be read after its end.
        prefix: The prefix of the table names.
        schema: The schema of the tables, which must exist; None for the default one.
        connections: The maximum number of connections to the database.

    Raises:
        ConfigurationError: The URL or the file cannot be used, a library is missing, or tables
            with the same names but other columns exist.
        UnavailableError: The database cannot be reached or is locked.
    """

    def __init__(
        self,
        url: str,
        *,
        lease: float = 15.0,
        keep: float = 600.0,
        prefix: str = "relay_",
        schema: str | None = None,
        connections: int = 10,
    ) -> None:
        super().__init__()
        self.lease = lease
        self._keep = keep
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._database = Database(url, connections=connections)
        tables = LogTables.of(sa.MetaData(), prefix, schema)
        self._database.prepare(tables.streams, tables.events)
        self._rows = Rows(self._database, tables)
        # The jobs of this process, each with the time until which it renews the lease while
        # working.
        self._jobs: dict[Job, float] = {}
        self._told_to_stop: set[str] = set()
        # The streams whose tails may lack entries that this process has written.
        self._behind: set[str] = set()
        # Counts the reasons to look for jobs.
        self._hints = 0
        # Whether something may have changed since the last look for jobs.
        self._has_news = True
        self._due: dict[str, float] = {}
        self._is_reachable = True
        self._reached_at = time.monotonic()
        self._is_closed = False
        self._changed = threading.Condition()
        self._writer = Writer(self._rows, on_written=self._feed, on_lost=self._lose)
        self._watcher = threading.Thread(target=self._watch, name="relay-sql-watcher", daemon=True)
        self._watcher.start()

    def __repr__(self) -> str:
        return f"SqlLog({self._database.name!r})"

    # Jobs.

    def create(self, stream: str, head: bytes) -> bool:
        """Create a stream and its job, both or neither. Return False if the stream exists."""
        is_new = self._rows.create(stream, head)
        self._look_for_jobs()
        return is_new

    def _look_for_jobs(self) -> None:
        """Make a waiting `take()` look for jobs."""
        with self._changed:
            self._hints += 1
            self._changed.notify_all()

    def take(self, limit: int, seconds: float = 1.0) -> Sequence[Job]:
        """Take jobs that belong to no process, the oldest first."""
        until = time.monotonic() + seconds
        pause = min(_OVERDUE_SECONDS, self.lease / 5)
        while True:
            hints = self._hints
            jobs = [] if self._is_closed else self._take(limit)
            left = until - time.monotonic()
            with self._changed:
                if jobs or self._is_closed or left <= 0:
                    return jobs
                self._changed.wait_for(functools.partial(self._may_take, hints), min(left, pause))

    def _may_take(self, hints: int) -> bool:
        return self._is_closed or self._hints != hints

    def _take(self, limit: int) -> Sequence[Job]:
        # After an outage, processes that are still working renew their leases first.
        is_well = self._database.well_for() > self.lease / 2
        try:
            jobs = self._rows.take(limit, owner=self._owner, lease=self.lease, with_overdue=is_well)
        except UnavailableError:
            if self._is_closed:
                return []
            raise
        with self._changed:
            self._jobs.update(dict.fromkeys(jobs, self._at_work_until()))
        return jobs

    def renew(self, jobs: Iterable[Job]) -> Iterable[Job]:
        """Renew the leases of *jobs*, and return those that other processes have."""
        jobs = list(jobs)
        until = self._at_work_until()
        with self._changed:  # even if the database cannot be reached
            self._jobs.update((job, until) for job in jobs if job in self._jobs)
        lost = self._rows.renew(jobs, self.lease)
        for job, epoch in lost.items():
            error = FencedError if epoch else LogLostError
            self._writer.refuse(job, error)
            self._lose(job, error)
        return lost

    def _at_work_until(self) -> float:
        return time.monotonic() + 2 * self.lease

    def hand_over(self, jobs: Iterable[Job]) -> None:
        """End the leases of *jobs* now, so that other processes can take them at once."""
        jobs = list(jobs)
        self._rows.hand_over(jobs)
        self._let_go(jobs)

    def finish(self, job: Job) -> None:
        """Remove a job that is done. Its stream can still be read for some minutes."""
        self._rows.finish(job, self._keep)
        self._let_go([job])
        self._writer.forget(job)

    def _let_go(self, jobs: Iterable[Job]) -> None:
        with self._changed:
            for job in jobs:
                self._jobs.pop(job, None)
                self._told_to_stop.discard(job.stream)
                # Another process may have written since this one lost the job.
                self._behind.add(job.stream)
            self._changed.notify_all()

    # Writing.

    def append(self, job: Job, entries: Sequence[Entry]) -> None:
        """Append to the stream of *job*, and return without waiting for the database."""
        self._writer.append(job, entries)

    def drain(self, job: Job, seconds: float) -> bool:
        """Wait until everything appended is written. Return False if it takes longer."""
        return self._writer.drain(job, seconds)

    def _feed(self, job: Job, entries: Sequence[Entry]) -> None:
        """Show readers in this process what was written, if nothing before it is missing."""
        tail = self.tails.get(job.stream)
        if tail is None or not tail.entries:  # open() will catch up
            return
        if tail.entries[-1].place == _before(entries[0]):
            tail.push(entries)
        else:
            self._catch_up(job.stream)

    def _lose(self, job: Job, error: type[RelayError]) -> None:
        """Handle a job that another process has taken over, or that the log has lost."""
        self._let_go([job])
        tail = self.tails.get(job.stream)
        if tail is not None and error is LogLostError:
            tail.end()

    # Reading.

    def read(self, stream: str) -> Sequence[Entry]:
        """Return the entries of a stream; an empty list if there is no such stream."""
        return self._rows.read(stream)

    def exists(self, stream: str) -> bool:
        """Return whether there is such a stream."""
        return bool(self._rows.existing([stream]))

    def open(self, stream: str) -> Tail:
        """Return a tail with the entries of a stream, which also gets those to come."""
        tail = self.tails.open(stream)
        if not tail.entries:
            tail.push(self._rows.read(stream))
            self._catch_up(stream)  # entries written before it had its first ones
        if not tail.entries:
            tail.end()
        return tail

    def _catch_up(self, stream: str) -> None:
        with self._changed:
            self._behind.add(stream)
            self._changed.notify_all()

    # Stop.

    def stop(self, stream: str) -> None:
        """Ask the process that works on a stream to stop, now or when it begins."""
        self._rows.stop(stream)
        self.on_stop(stream)

    def is_stopped(self, stream: str) -> bool:
        """Return whether `stop()` has been called for a stream."""
        return self._rows.is_stopped(stream)

    def close(self) -> None:
        """Write what has been appended, end the readers, and close the connections."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._writer.close(_CLOSING_SECONDS)
        self._watcher.join(_CLOSING_SECONDS)
        for tail in self.tails.unfinished():
            tail.end()
        self._database.close()

    # The thread that watches.

    def _watch(self) -> None:
        """Look repeatedly for what other processes have done."""
        while not self._is_closed:
            try:
                self._look()
            except UnavailableError as error:
                if self._is_reachable:
                    _log.warning("the log cannot be read: %s", error)
                self._is_reachable = False
                self._let_readers_go()
            else:
                self._is_reachable = True
                self._reached_at = time.monotonic()
            with self._changed:
                seconds = _TAIL_SECONDS if self.tails.unfinished() else _PAUSE_SECONDS
                self._changed.wait_for(self._may_look, seconds)

    def _may_look(self) -> bool:
        return self._is_closed or (bool(self._behind) and self._is_reachable)

    def _let_readers_go(self) -> None:
        """End all tails, if the database has been unreachable for long."""
        if time.monotonic() - self._reached_at > _PATIENCE_SECONDS:
            for tail in self.tails.unfinished():
                tail.end()

    def _look(self) -> None:
        has_changed = self._database.has_changed()
        self._has_news |= has_changed
        self._show_news(has_changed=has_changed)
        if self._is_due("jobs", _PAUSE_SECONDS):
            self._look_after_jobs()
        if self._is_due("loss", _LOSS_SECONDS):
            self._end_lost_tails()
        if self._is_due("expiry", min(self._keep / 10, _EXPIRY_SECONDS)):
            self._rows.forget()

    def _is_due(self, task: str, seconds: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(task, now):
            return False
        self._due[task] = now + seconds
        return True

    def _show_news(self, *, has_changed: bool) -> None:
        """Show readers what other processes have written."""
        with self._changed:
            behind, self._behind = self._behind, set()
            own = {job.stream for job in self._jobs} - behind
        tails = {
            tail.stream: tail
            for tail in self.tails.unfinished()
            if tail.entries and tail.stream not in own
        }
        if not tails or not (has_changed or behind):
            return
        places = {stream: tail.entries[-1].place for stream, tail in tails.items()}
        try:
            found = self._rows.after(places)
        except UnavailableError:
            with self._changed:
                self._behind.update(places)
            raise
        for stream, entries in found.items():
            tails[stream].push(entries)

    def _look_after_jobs(self) -> None:
        """Report streams that must stop; release jobs that this process does not work on."""
        with self._changed:
            now = time.monotonic()
            left = [job for job, until in self._jobs.items() if until < now]
            waiting = {job.stream for job in self._jobs} - self._told_to_stop
        if left:
            self.hand_over(left)
        if not self._has_news:
            return
        for stream in waiting.intersection(self._rows.stopped() if waiting else ()):
            self._told_to_stop.add(stream)
            self.on_stop(stream)
        self._look_for_jobs()
        self._has_news = False

    def _end_lost_tails(self) -> None:
        """End the tails of streams that no longer exist."""
        tails = [tail for tail in self.tails.unfinished() if tail.entries]
        existing = self._rows.existing([tail.stream for tail in tails]) if tails else ()
        for tail in tails:
            if tail.stream not in existing:
                tail.end()


def _before(entry: Entry) -> Place | None:
    """Return the place before that of *entry*; None if only the log knows it."""
    if entry.seq > 0:
        return entry.epoch, entry.seq - 1
    return HEAD if entry.epoch == 1 else None
