"""What is special about the log in memory."""

from __future__ import annotations

import pytest

from openai_scan.relay import Job, LogLostError, MemoryLog

from .logs import HEAD, STREAM, delta, stops_of, taken


def test_it_is_not_shared() -> None:
    """No other process can take a job over, so no job is ever lost."""
    log = MemoryLog()
    log.create(STREAM, HEAD)
    job = taken(log)
    assert not log.is_shared
    assert list(log.renew([job])) == []


def test_a_job_that_is_put_back() -> None:
    """It can be taken again, in the next epoch."""
    log = MemoryLog()
    log.create(STREAM, HEAD)
    log.hand_over([taken(log)])
    assert taken(log) == Job(STREAM, 2)


def test_stops_are_not_kept_forever() -> None:
    """A stop is forgotten with its stream, and that of an unknown stream is not kept at all."""
    log = MemoryLog(keep=0.0)
    stops = stops_of(log)
    log.create(STREAM, HEAD)
    log.stop(STREAM)
    log.stop("unknown-0123456789")
    assert log.is_stopped(STREAM)
    assert not log.is_stopped("unknown-0123456789")
    assert [stops.get(), stops.get()] == [STREAM, "unknown-0123456789"]
    log.finish(taken(log))
    assert not log.is_stopped(STREAM)


def test_a_stream_that_is_forgotten() -> None:
    """Appending raises LogLostError, and reading returns nothing."""
    log = MemoryLog(keep=0.0)
    log.create(STREAM, HEAD)
    job = taken(log)
    log.finish(job)
    with pytest.raises(LogLostError):
        log.append(job, [delta(1, 1)])
    assert list(log.read(STREAM)) == []
    assert log.open(STREAM).is_over


def test_what_readers_keep() -> None:
    """An open tail keeps its entries after the log has forgotten the stream."""
    log = MemoryLog(keep=0.0)
    log.create(STREAM, HEAD)
    tail = log.open(STREAM)
    log.finish(taken(log))
    assert len(tail.entries) == 1
    assert not tail.is_over
