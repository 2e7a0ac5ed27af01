"""A log on Redis (6.2 or later) or Valkey, for processes on several machines.

The log uses plain commands: no scripts, no locks, and no clock but the server's.

::

    a relay needs                    and Redis has
    that one process has a job       a consumer group, which delivers an entry to one consumer
    a lease that can be renewed      the time since the delivery, and XCLAIM … IDLE 0 JUSTID
    a takeover, and its epoch        XAUTOCLAIM, and the count of deliveries
    a fence                          explicit ids: a stream rejects one below its last

    key                 content
    P:jobs              a stream of jobs, with the group `workers`; jobs that are done are deleted
    P:log:STREAM        the entries of a stream; the id of each is its place
    P:stops             a stream of the streams that must stop, for the processes that run
    P:stop:STREAM       exists if a stream must stop, for a process that begins later
    P:wake:PROCESS      a stream that ends the wait of a process for news

The states of a job, and the commands that change them:

::

    created ──XREADGROUP──▶ taken in epoch 1 ──XACK, XDEL──▶ finished
                                   │       ◀──▶ XCLAIM … IDLE 0 (renewed)
                       the lease has expired, or XCLAIM … IDLE <a day> (handed over)
                                   │
                              XAUTOCLAIM ──▶ taken in epoch 2 ──▶ …

The rules:

1. One transaction creates a stream and its job, after a check that the stream does not exist. If
   two calls check at the same time, both add a job. But the stream accepts only one head, and its
   first `begin` names the job it belongs to. The other job is dropped: by `take()` if the stream
   has begun, or else when its own `begin` is rejected.
2. If the server rejects an entry, the writer reads what the stream has there. If that is the same
   entry, an earlier attempt has written it, and only the reply was lost. If not, another process
   has begun, and the job is fenced.
3. A process renews or hands over a job only if XPENDING names it as the consumer, with the count
   that is its epoch. XCLAIM then requires that the job is still idle for as long as XPENDING said,
   so it fails if another process has claimed the job in between.
4. Entries are only added to streams that exist, numbered without a gap, and name their writer. So
   writers notice that the server was emptied, and readers that it came back with an older state. A
   stream with a gap, or with two writers in one epoch, counts as lost.
5. Streams are never trimmed, because readers would not notice. They expire an hour after the last
   renewal, or `keep` seconds after the end.

What never happens: a reader gets a text with a gap, or one that two processes have mixed; an entry
is stored twice; a job is deleted before it is finished.

What can happen if the server forgets what it has confirmed, because a replica that lagged behind
takes over, or after a crash without an append-only file: a job is taken again in the same epoch,
and an answer is saved as `incomplete` although it could have been read to its end. So use an
append-only file, and a `maxmemory-policy` that does not evict the jobs: `noeviction` or one of
`volatile-…`. Redis Cluster is not supported, because the keys are in several slots.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

from redis.exceptions import ResponseError

from openai_scan.relay.entries import HEAD, Entry
from openai_scan.relay.errors import FencedError, UnavailableError
from openai_scan.relay.log import Job, Log
from openai_scan.relay.redis_entries import (
    BEFORE,
    Position,
    entry_of,
    fields_of,
    id_of,
    job_id,
)
from openai_scan.relay.redis_follower import Follower
from openai_scan.relay.redis_server import LONGEST_BLOCK, Keys, Server, is_refused
from openai_scan.relay.redis_writer import Writer
from openai_scan.relay.tail import Tail

_log = logging.getLogger("openai_scan")

_GROUP = "workers"

# The id at which to look for the first entry after `head`.
_BEHIND_HEAD = id_of((HEAD[0], HEAD[1] + 1))

# The consumer of the jobs that were handed over, and how long they then count as idle, in
# milliseconds: longer than any lease.
_HANDED_OVER_TO = b"handed-over"
_HANDED_OVER_IDLE = 24 * 60 * 60 * 1000

# How long the server keeps a stream after the last renewal, and a stop, in seconds.
_LIVE_SECONDS = 60 * 60

# How many stops the server keeps for processes that cannot reach it for a while.
_MAX_STOPS = 10_000

# After how long without a sign of life a consumer is removed, in milliseconds.
_DEAD = 24 * 60 * 60 * 1000


class RedisLog(Log):
    """A log on Redis or Valkey. It connects when it is first used.

    Args:
        url: The server: `redis://`, `rediss://` (TLS) or `unix://`, with redis-py's options after a
            "?", such as `?socket_timeout=2`. `valkey://` and `valkeys://` mean the same as the
            first two.
        lease: For how many seconds a job belongs to a process that does not renew it.
        keep: For how many seconds a stream can be read after its end.
        prefix: The prefix of all keys. Relays that share a server need different ones.
        options: More options for redis-py's connections, such as `credential_provider`.

    Raises:
        ConfigurationError: The URL or an option is malformed.
    """

    def __init__(
        self,
        url: str,
        *,
        lease: float = 15.0,
        keep: float = 600.0,
        prefix: str = "relay",
        **options: Any,
    ) -> None:
        super().__init__()
        self.lease = lease
        self._keep = keep
        self._me = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}".encode()
        self._keys = Keys(prefix)
        self._server = Server(url, **options)
        self._follower = Follower(self._server, self._keys, self.tails, self._tell_stop)
        self._writer = Writer(
            self._server,
            self._keys,
            on_fenced=self._drop_second,
            on_written=self._follower.feed,
        )
        self._closing = threading.Event()
        self._has_removed_dead = False

    def __repr__(self) -> str:
        return f"<RedisLog at {self._server.address}>"

    def _tell_stop(self, stream: str) -> None:
        try:
            self.on_stop(stream)  # looked up now: the relay sets it after this log is created
        except Exception:  # noqa: BLE001 - the thread must continue for all other streams
            _log.exception("%s could not be stopped", stream)

    # Jobs.

    def create(self, stream: str, head: bytes) -> bool:
        """Create a stream and its job, both or neither. Return False if the stream exists."""
        if self.exists(stream):
            return False
        key = self._keys.log(stream)
        with self._server.commands() as commands:
            pipeline = commands.pipeline(transaction=True)
            pipeline.xadd(key, fields_of("head", head), id=id_of(HEAD))
            pipeline.expire(key, _LIVE_SECONDS)
            pipeline.xadd(self._keys.jobs, {"stream": stream})
            created, *_ = pipeline.execute(raise_on_error=False)
            if isinstance(created, ResponseError) and not is_refused(created):
                raise created
        return not is_refused(created)  # refused if another call has created the stream

    def take(self, limit: int, seconds: float = 1.0) -> Sequence[Job]:
        """Take jobs whose lease has expired, or else new ones."""
        self._follower.start()
        until = time.monotonic() + seconds
        # Leases expire during the wait, and `close()` ends it.
        step = min(LONGEST_BLOCK / 2, self.lease / 2)
        while not self._closing.is_set():
            left = until - time.monotonic()
            jobs = self._jobs_of(self._find(limit, min(left, step)))
            if jobs or left <= 0:
                return jobs
        self._server.close()  # closes the connection of this wait too
        return ()

    def _find(self, limit: int, seconds: float) -> Sequence[Any]:
        """Return entries of the stream of jobs that are now delivered to this process."""
        try:
            with self._server.commands() as commands:
                overdue = self._overdue(commands, limit)
                self._remove_dead(commands)
            return overdue or self._new(limit, seconds)
        except UnavailableError as error:
            # There is no group yet, or the server was emptied, perhaps during the wait.
            if not str(error.__cause__).startswith(("NOGROUP", "UNBLOCKED")):
                raise
            self._create_group()
            return self._new(limit, 0)

    def _create_group(self) -> None:
        with self._server.commands() as commands:
            try:
                commands.xgroup_create(self._keys.jobs, _GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):  # another process was faster
                    raise

    def _remove_dead(self, commands: Any) -> None:
        """Remove the consumers of dead processes, once in the lifetime of this log.

        A consumer that has jobs stays until they are taken over: they would be removed with it.
        """
        if self._has_removed_dead:
            return
        for consumer in commands.xinfo_consumers(self._keys.jobs, _GROUP):
            is_dead = consumer["idle"] >= _DEAD and not consumer["pending"]
            if is_dead and consumer["name"] != _HANDED_OVER_TO:  # this one may get jobs at any time
                commands.xgroup_delconsumer(self._keys.jobs, _GROUP, consumer["name"])
        self._has_removed_dead = True

    def _overdue(self, commands: Any, limit: int) -> Sequence[Any]:
        """Claim jobs whose lease has expired."""
        start = b"0-0"
        while True:
            # The server examines ten times *limit* jobs, and returns where to continue.
            start, found, *_ = commands.xautoclaim(
                self._keys.jobs, _GROUP, self._me, int(1000 * self.lease), start, count=limit
            )
            if found or start == b"0-0":
                return [(id, fields) for id, fields in found if id is not None]

    def _new(self, limit: int, seconds: float) -> Sequence[Any]:
        """Return jobs that no process has had; wait for the first one."""
        milliseconds = int(1000 * seconds)
        with self._server.waiting() as waiting:
            reply = waiting.xreadgroup(
                _GROUP,
                self._me,
                {self._keys.jobs: ">"},
                count=limit,
                block=milliseconds if milliseconds > 0 else None,  # 0 would mean forever
            )
        return [job for _, jobs in reply for job in jobs]

    def _jobs_of(self, found: Sequence[Any]) -> Sequence[Job]:
        """Return the jobs that were found, except those whose stream belongs to another job."""
        if not found:
            return ()
        with self._server.commands() as commands:
            pipeline = commands.pipeline(transaction=False)
            for id, fields in found:
                pipeline.xpending_range(self._keys.jobs, _GROUP, id, id, 1)
                key = self._keys.log(fields[b"stream"].decode())
                pipeline.xrange(key, _BEHIND_HEAD, count=1)
            replies = pipeline.execute()
        jobs = []
        for (id, fields), pending, first in zip(found, replies[::2], replies[1::2], strict=True):
            if _begun_for(first) not in (None, id.decode()):
                self._drop(id.decode())
            elif pending and pending[0]["consumer"] == self._me:
                epoch = pending[0]["times_delivered"]
                writer = secrets.token_hex(2)
                jobs.append(Job(fields[b"stream"].decode(), epoch, job_id(id, writer)))
        return jobs

    def _drop_second(self, job: Job) -> None:
        """Drop a job that is fenced because its stream belongs to another one."""
        with self._server.commands() as commands:
            first = commands.xrange(self._keys.log(job.stream), _BEHIND_HEAD, count=1)
        id = entry_of(job.id)
        if _begun_for(first) not in (None, id):
            self._drop(id)

    def _drop(self, id: str) -> None:
        with self._server.commands() as commands:
            pipeline = commands.pipeline(transaction=True)
            self._remove(pipeline, id)
            pipeline.execute()

    def _remove(self, pipeline: Any, id: str) -> None:
        pipeline.xack(self._keys.jobs, _GROUP, id)
        pipeline.xdel(self._keys.jobs, id)

    def renew(self, jobs: Iterable[Job]) -> Iterable[Job]:
        """Renew the leases of *jobs*, and return those that other processes have taken."""
        ours, lost = self._whose(jobs)
        with self._server.commands() as commands:
            pipeline = commands.pipeline(transaction=False)
            for job, idle in ours:
                self._claim(pipeline, job, self._me, seen_idle=idle, idle=0)
                pipeline.expire(self._keys.log(job.stream), _LIVE_SECONDS)
            pipeline.execute()
        return lost

    def hand_over(self, jobs: Iterable[Job]) -> None:
        """End the leases of *jobs* now, so that other processes can take them at once."""
        ours, _ = self._whose(jobs)
        with self._server.commands() as commands:
            pipeline = commands.pipeline(transaction=False)
            for job, idle in ours:
                self._claim(pipeline, job, _HANDED_OVER_TO, seen_idle=idle, idle=_HANDED_OVER_IDLE)
            pipeline.execute()

    def _whose(self, jobs: Iterable[Job]) -> tuple[Sequence[tuple[Job, int]], Sequence[Job]]:
        """Return our *jobs*, each with its idle time, and those of other processes.

        A job that no process has is in neither: it is finished, or the server has lost it, which
        the writer will notice.
        """
        jobs = [*jobs]
        with self._server.commands() as commands:
            pipeline = commands.pipeline(transaction=False)
            for job in jobs:
                id = entry_of(job.id)
                pipeline.xpending_range(self._keys.jobs, _GROUP, id, id, 1)
            replies = pipeline.execute()
        ours, lost = [], []
        for job, pending in zip(jobs, replies, strict=True):
            for now in pending:
                if (now["consumer"], now["times_delivered"]) == (self._me, job.epoch):
                    # It is negative if the server's clock was set back.
                    ours.append((job, max(0, now["time_since_delivered"])))
                else:
                    self._writer.give_up(job, FencedError)
                    lost.append(job)
        return ours, lost

    def _claim(
        self, pipeline: Any, job: Job, consumer: bytes, *, seen_idle: int, idle: int
    ) -> None:
        """Give a job to a consumer, unless it was claimed since its idle time was read."""
        ids = [entry_of(job.id)]
        pipeline.xclaim(self._keys.jobs, _GROUP, consumer, seen_idle, ids, idle=idle, justid=True)

    def finish(self, job: Job) -> None:
        """Remove a job that is done, unless another process has taken it."""
        _, lost = self._whose([job])
        if lost:
            return
        with self._server.commands() as commands:
            pipeline = commands.pipeline(transaction=True)
            self._remove(pipeline, entry_of(job.id))
            pipeline.pexpire(self._keys.log(job.stream), int(1000 * self._keep))
            pipeline.execute()

    # Writing.

    def append(self, job: Job, entries: Sequence[Entry]) -> None:
        """Append to the stream of *job*, and return at once."""
        self._writer.append(job, entries)

    def drain(self, job: Job, seconds: float) -> bool:
        """Wait until everything appended is written. Return False if it takes longer."""
        return self._writer.drain(job, seconds)

    # Reading.

    def read(self, stream: str) -> Sequence[Entry]:
        """Return the entries of a stream; an empty list if it does not exist or has a gap."""
        entries, _ = self._read(stream)
        return entries

    def _read(self, stream: str) -> tuple[Sequence[Entry], Position]:
        with self._server.commands() as commands:
            reply = commands.xrange(self._keys.log(stream))
        try:
            return BEFORE.read_on(reply)
        except ValueError:
            _log.warning("the log has lost entries of %s", stream)
            return [], BEFORE

    def exists(self, stream: str) -> bool:
        """Return whether there is such a stream."""
        with self._server.commands() as commands:
            return bool(commands.exists(self._keys.log(stream)))

    def open(self, stream: str) -> Tail:
        """Return a tail with the entries of a stream, which also gets those to come."""
        tail = self.tails.open(stream)
        if not tail.entries:
            entries, position = self._read(stream)
            tail.push(entries)
            if not entries:
                tail.end()
            elif not tail.is_over:
                self._follower.follow(tail, position)
        return tail

    # Stop.

    def stop(self, stream: str) -> None:
        """Ask the process that works on a stream to stop, now or when it begins."""
        with self._server.commands() as commands:
            pipeline = commands.pipeline(transaction=True)
            pipeline.set(self._keys.stop(stream), 1, ex=_LIVE_SECONDS)
            pipeline.xadd(self._keys.stops, {"stream": stream}, maxlen=_MAX_STOPS)
            pipeline.expire(self._keys.stops, _LIVE_SECONDS)
            pipeline.execute()

    def is_stopped(self, stream: str) -> bool:
        """Return whether `stop()` has been called for a stream."""
        with self._server.commands() as commands:
            return bool(commands.exists(self._keys.stop(stream)))

    def close(self) -> None:
        """Write what is waiting, end the readers, and close the connections."""
        self._closing.set()
        self._writer.close()
        self._follower.close()
        self._server.close()


def _begun_for(first: Any) -> str | None:
    """Return the entry of the job that a stream belongs to; None if it has not begun.

    Args:
        first: The first entry after `head`, if there is one, as the server returns it.
    """
    for _, fields in first:
        (data,) = fields.values()
        return entry_of(json.loads(data).get("job", "")) or None
    return None
