"""What tests of logs have in common."""

from __future__ import annotations

import queue
from collections.abc import Sequence

from server import PATIENCE

from openai_scan.relay import Job, Log
from openai_scan.relay.entries import Entry, encode_json
from openai_scan.relay.tail import Tail

STREAM = "stream-0123456789"
HEAD = b'{"user":"alice"}'


def begin(log: Log, job: Job) -> None:
    """Write the fence, as a process does that has taken a job."""
    append(log, job, fence(job))


def fence(job: Job) -> Entry:
    """Return the first entry that a process writes for a job."""
    return Entry(job.epoch, 0, "begin", encode_json({"job": job.id}))


def append(log: Log, job: Job, *entries: Entry) -> None:
    """Append entries, and wait until they are written."""
    log.append(job, entries)
    assert log.drain(job, PATIENCE)


def taken(log: Log, seconds: float = PATIENCE) -> Job:
    """Take the one job that there is."""
    (job,) = log.take(1, seconds)
    return job


def named(job: Job) -> tuple[str, int]:
    """Return what the job is in every log: its stream and its epoch."""
    return job.stream, job.epoch


def started(log: Log, stream: str = STREAM) -> Job:
    """Create a stream, take its job, and begin."""
    assert log.create(stream, HEAD)
    job = taken(log)
    begin(log, job)
    return job


def delta(epoch: int, seq: int, text: str = "a") -> Entry:
    """Return a delta."""
    return Entry(epoch, seq, "delta", encode_json({"text": text}))


def wait_for(tail: Tail, count: int) -> Sequence[Entry]:
    """Return the entries of a tail as soon as there are *count*."""
    while len(tail.entries) < count:
        assert tail.wait(len(tail.entries), PATIENCE), tail.entries
    return tail.entries


def stops_of(log: Log) -> queue.SimpleQueue[str]:
    """Return where the streams are put that the log says are to stop."""
    stops: queue.SimpleQueue[str] = queue.SimpleQueue()
    log.on_stop = stops.put
    return stops


def kinds(entries: Sequence[Entry]) -> list[str]:
    """Return what the entries are."""
    return [entry.kind for entry in entries]
