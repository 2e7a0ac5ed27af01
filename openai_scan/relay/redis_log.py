"""A log on Redis (6.2 or later) or Valkey, for the processes of several machines.

Redis is used as it is: no script, no lock, no clock of ours. Four of its habits are enough.

::

    what the relay needs             what Redis has
    a job has one process            a consumer group: an entry is delivered to one consumer
    a lease, and its renewal         how long an entry is idle; XCLAIM … JUSTID IDLE 0
    the takeover, and its epoch      XAUTOCLAIM; how often the entry was delivered
    the fence                        explicit ids: a stream takes none below its last

    key                 what it is
    P:jobs              a stream of jobs, with the group `workers`; a job that is done is deleted
    P:log:STREAM        a stream of entries, each with its place as its id
    P:stops             a stream of the streams that are to stop, for the processes of now
    P:stop:STREAM       there if a stream is to stop, for a process that begins later
    P:wake:PROCESS      a stream that wakes the follower of a process

A job goes through these states:

::

    waiting ──XREADGROUP──▶ taken, epoch 1 ◀──XCLAIM IDLE 0── (renewed)
                              │       │
                   lease over │       │ XACK, XDEL
                 or XCLAIM    ▼       ▼
              IDLE <a day>  XAUTOCLAIM  gone
                              │
                              └──▶ taken, epoch 2 …

The rules:

1. A stream and its job are created in one transaction, after a look whether the stream exists. Two
   calls that look at the same time both add a job. The stream takes one head, and then the `begin`
   of one job, which has the job's id: `take()` drops the other job as soon as it sees that.
2. An entry that the server refuses is compared with the one that is there. If they are the same, it
   is ours: it had been written, and only the reply was lost. If not, another process has begun.
3. A job is renewed or handed over only if it is still ours, by consumer and count, and by having
   been idle for as long as we saw: between our look and our claim nobody else has claimed it.
4. Entries are appended to streams that exist only, and numbered without a gap. So a log that was
   lost, or came back with an older state, is noticed, by those who write and by those who read.
5. Streams are never trimmed, since readers would not notice. They expire: an hour after the last
   renewal, or `keep` seconds after the end.

What never happens: that a reader gets entries of two processes that both think the job is theirs,
or a text with a hole; that an entry is stored twice; that a job is gone before it is finished. What
may happen, if Redis forgets what it had confirmed (a replica that lagged behind takes over; a crash
without an append-only file): a job is taken a second time in its first epoch. So use an append-only
file, and `maxmemory-policy noeviction` or `volatile-…`. Redis Cluster is not supported.
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
from openai_scan.relay.redis_follower import Follower
from openai_scan.relay.redis_server import (
    BEFORE,
    LONGEST_BLOCK,
    GapError,
    Keys,
    Position,
    Server,
    id_of,
)
from openai_scan.relay.redis_writer import Writer, is_too_small
from openai_scan.relay.tail import Tail

_log = logging.getLogger("openai_scan")

_GROUP = "workers"

# Whom a job belongs to that was handed over, and how idle it is, in milliseconds: more than any
# lease.
_HANDED_OVER_TO = b"handed-over"
_HANDED_OVER = 24 * 60 * 60 * 1000

# How long a stream is kept that is neither renewed nor finished, and a stop, in seconds.
_LIVE_SECONDS = 60 * 60

# How many stops are kept for a process that could not be reached for a while.
_MAX_STOPS = 10_000

# How long a process has not been seen that is forgotten, in milliseconds.
_DEAD = 24 * 60 * 60 * 1000


class RedisLog(Log):
    """A log on Redis or Valkey. It connects when it is first used.

    Args:
        url: Where the server is: `redis://`, `rediss://` (TLS) or `unix://`, with the options of
            redis-py behind a "?", such as `?socket_timeout=2`.
        lease: For how many seconds a job belongs to a process that does not renew it.
        keep: For how many seconds a stream can be read after its end.
        prefix: What all keys begin with.
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
        self._me = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._keys = Keys(prefix)
        self._server = Server(url, **options)
        self._writer = Writer(self._server, self._keys)
        self._follower = Follower(
            self._server,
            self._keys,
            self.tails,
            self._tell_stop,
        )
        self._closing = threading.Event()
        self._has_looked_for_dead = False

    def __repr__(self) -> str:
        return f"<RedisLog at {self._server.address}>"

    def _tell_stop(self, stream: str) -> None:
        self.on_stop(stream)  # as the relay has set it since

    # Jobs.

    def create(self, stream: str, head: bytes) -> bool:
        """Create a stream and its job, both or neither. Return False if the stream exists."""
        if self.exists(stream):
            return False
        key = self._keys.log(stream)
        with self._server.errors():
            pipeline = self._server.commands.pipeline(transaction=True)
            pipeline.xadd(key, {"head": head}, id=id_of(HEAD))
            pipeline.expire(key, _LIVE_SECONDS)
            pipeline.xadd(self._keys.jobs, {"stream": stream})
            created, *_ = pipeline.execute(raise_on_error=False)
            if isinstance(created, ResponseError):
                if not is_too_small(created):
                    raise created
                return False  # by another call, since we looked
        return True

    def take(self, limit: int, seconds: float = 1.0) -> Sequence[Job]:
        """Take jobs: those whose lease has run out, else new ones."""
        self._follower.start()
        until = time.monotonic() + seconds
        # Leases run out while it waits.
        longest = min(LONGEST_BLOCK / 2, self.lease / 2)
        while not self._closing.is_set():
            left = until - time.monotonic()
            try:
                jobs = self._taken(self._found(limit, min(left, longest)))
            except UnavailableError:
                if self._closing.is_set():
                    break
                raise
            if jobs or left <= 0:
                return jobs
        return ()

    def _found(self, limit: int, seconds: float) -> Sequence[Any]:
        """Return what is in the stream of jobs for this process, as ids and fields."""
        with self._server.errors():
            try:
                overdue = self._overdue(limit)
                self._forget_dead()
                return overdue or self._new(limit, seconds)
            except ResponseError as error:
                # It is the first time, or Redis has been emptied, maybe while we waited.
                if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                    raise
                self._make_group()
                return self._new(limit, 0)

    def _forget_dead(self) -> None:
        """Remove the processes from the group that are gone, once. They have no jobs any more."""
        if self._has_looked_for_dead:
            return
        for consumer in self._server.commands.xinfo_consumers(self._keys.jobs, _GROUP):
            is_dead = consumer["idle"] >= _DEAD and not consumer["pending"]
            if is_dead and consumer["name"] != _HANDED_OVER_TO:  # which gets jobs at any time
                self._server.commands.xgroup_delconsumer(self._keys.jobs, _GROUP, consumer["name"])
        self._has_looked_for_dead = True

    def _overdue(self, limit: int) -> Sequence[Any]:
        """Claim the jobs whose lease has run out."""
        start = b"0-0"
        while True:
            # It looks at ten times *limit* jobs, and returns where to look on.
            start, found, *_ = self._server.commands.xautoclaim(
                self._keys.jobs, _GROUP, self._me, int(1000 * self.lease), start, count=limit
            )
            if found or start == b"0-0":
                return [(id, fields) for id, fields in found if id is not None]

    def _new(self, limit: int, seconds: float) -> Sequence[Any]:
        """Return jobs that no process has had, after some time if there are none."""
        milliseconds = int(1000 * seconds)
        reply = self._server.waiting.xreadgroup(
            _GROUP,
            self._me,
            {self._keys.jobs: ">"},
            count=limit,
            block=milliseconds if milliseconds > 0 else None,  # 0 is for ever
        )
        return [job for _, jobs in reply for job in jobs]

    def _make_group(self) -> None:
        try:
            self._server.commands.xgroup_create(self._keys.jobs, _GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):  # another process has been faster
                raise

    def _taken(self, found: Sequence[Any]) -> Sequence[Job]:
        """Return the jobs of what was found; drop those whose stream is that of another job."""
        if not found:
            return ()
        with self._server.errors():
            pipeline = self._server.commands.pipeline(transaction=False)
            for id, fields in found:
                stream = fields[b"stream"].decode()
                pipeline.xpending_range(self._keys.jobs, _GROUP, id, id, 1)
                pipeline.xrange(self._keys.log(stream), id_of((0, HEAD[1] + 1)), count=1)
            replies = pipeline.execute()
        jobs = []
        for (id, fields), pending, first in zip(found, replies[::2], replies[1::2], strict=True):
            if _begun_by(first) not in (None, id.decode()):
                self._drop(id)
            elif pending and pending[0]["consumer"] == self._me.encode():
                taken_id = f"{id.decode()}/{secrets.token_hex(2)}"
                epoch = pending[0]["times_delivered"]
                jobs.append(Job(fields[b"stream"].decode(), epoch, taken_id))
        return jobs

    def _drop(self, id: bytes) -> None:
        with self._server.errors():
            pipeline = self._server.commands.pipeline(transaction=True)
            pipeline.xack(self._keys.jobs, _GROUP, id)
            pipeline.xdel(self._keys.jobs, id)
            pipeline.execute()

    def renew(self, jobs: Iterable[Job]) -> Iterable[Job]:
        """Begin the leases of *jobs* anew, and return those that are other processes' now."""
        ours, lost = self._still_ours(jobs)
        with self._server.errors():
            pipeline = self._server.commands.pipeline(transaction=False)
            for job, idle in ours:
                self._claim(pipeline, job, self._me, seen_idle=idle, idle=0)
                pipeline.expire(self._keys.log(job.stream), _LIVE_SECONDS)
            pipeline.execute()
        return lost

    def hand_over(self, jobs: Iterable[Job]) -> None:
        """End the leases of *jobs* now, so that other processes can take them at once."""
        ours, _ = self._still_ours(jobs)
        with self._server.errors():
            pipeline = self._server.commands.pipeline(transaction=False)
            for job, idle in ours:
                self._claim(pipeline, job, _HANDED_OVER_TO, seen_idle=idle, idle=_HANDED_OVER)
            pipeline.execute()

    def _claim(
        self, pipeline: Any, job: Job, whose: str | bytes, *, seen_idle: int, idle: int
    ) -> None:
        """Make a job *whose*, so idle, unless another process has claimed it since it was seen."""
        ids = [_entry_of(job)]
        pipeline.xclaim(self._keys.jobs, _GROUP, whose, seen_idle, ids, idle=idle, justid=True)

    def _still_ours(self, jobs: Iterable[Job]) -> tuple[Sequence[tuple[Job, int]], Sequence[Job]]:
        """Return the *jobs* that no other process has, and how long each was idle; and the rest."""
        jobs = [*jobs]
        with self._server.errors():
            pipeline = self._server.commands.pipeline(transaction=False)
            for job in jobs:
                id = _entry_of(job)
                pipeline.xpending_range(self._keys.jobs, _GROUP, id, id, 1)
            replies = pipeline.execute()
        ours, lost = [], []
        for job, pending in zip(jobs, replies, strict=True):
            if not pending:  # it is finished, or Redis has lost it: the writer finds out
                continue
            now = pending[0]
            if (now["consumer"], now["times_delivered"]) == (self._me.encode(), job.epoch):
                ours.append((job, max(0, now["time_since_delivered"])))  # if its clock was set
            else:
                self._writer.give_up(job, FencedError)
                lost.append(job)
        return ours, lost

    def finish(self, job: Job) -> None:
        """Remove a job that is done, unless it is another process's now."""
        _, lost = self._still_ours([job])
        if lost:  # the process that has it finds it done
            return
        with self._server.errors():
            pipeline = self._server.commands.pipeline(transaction=True)
            pipeline.xack(self._keys.jobs, _GROUP, _entry_of(job))
            pipeline.xdel(self._keys.jobs, _entry_of(job))
            pipeline.pexpire(self._keys.log(job.stream), int(1000 * self._keep))
            pipeline.execute()

    # Writing.

    def append(self, job: Job, entries: Sequence[Entry]) -> None:
        """Append to the stream of *job*, and return at once."""
        self._writer.append(job, entries)

    def drain(self, job: Job, seconds: float) -> bool:
        """Wait until all that has been appended is written. Return False if it takes longer."""
        return self._writer.drain(job, seconds)

    # Reading.

    def read(self, stream: str) -> Sequence[Entry]:
        """Return the entries of a stream; none if there is no such stream, or not all of it."""
        entries, _ = self._read(stream)
        return entries

    def _read(self, stream: str) -> tuple[Sequence[Entry], Position]:
        with self._server.errors():
            reply = self._server.commands.xrange(self._keys.log(stream))
        try:
            return BEFORE.read_on(reply)
        except GapError:
            _log.warning("the log has lost entries of %s", stream)
            return [], BEFORE

    def exists(self, stream: str) -> bool:
        """Return whether there is such a stream."""
        with self._server.errors():
            return bool(self._server.commands.exists(self._keys.log(stream)))

    def open(self, stream: str) -> Tail:
        """Return a tail that has the entries of a stream, and gets those to come."""
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
        with self._server.errors():
            pipeline = self._server.commands.pipeline(transaction=True)
            pipeline.set(self._keys.stop(stream), 1, ex=_LIVE_SECONDS)
            pipeline.xadd(self._keys.stops, {"stream": stream}, maxlen=_MAX_STOPS)
            pipeline.expire(self._keys.stops, _LIVE_SECONDS)
            pipeline.execute()

    def is_stopped(self, stream: str) -> bool:
        """Return whether `stop()` has been called for a stream."""
        with self._server.errors():
            return bool(self._server.commands.exists(self._keys.stop(stream)))

    def close(self) -> None:
        """Write what waits, let readers go, and close the connections."""
        self._closing.set()
        self._writer.close()
        self._follower.close()
        self._server.close()


def _entry_of(job: Job) -> str:
    """Return the id that a job has in the stream of jobs."""
    return job.id.partition("/")[0]


def _begun_by(first: Any) -> str | None:
    """Return the id of the job that has begun a stream, by its first entry after the head."""
    for _, fields in first:
        ((_, data),) = fields.items()
        job: str = json.loads(data).get("job", "")
        return job.partition("/")[0] or None
    return None
