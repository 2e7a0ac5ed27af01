"""What is special about a log in memory."""

from __future__ import annotations

import pytest

from openai_scan.relay import Job, LogLostError, MemoryLog

from .logs import HEAD, STREAM, delta, stops_of, taken


def test_it_is_not_shared() -> None:
    """No other process can take a job over, so none is lost."""
    log = MemoryLog()
    log.create(STREAM, HEAD)
    job = taken(log)
    assert not log.is_shared
    assert list(log.renew([job])) == []


def test_a_job_that_is_put_back() -> None:
    """It can be taken again, as by another process."""
    log = MemoryLog()
    log.create(STREAM, HEAD)
    log.hand_over([taken(log)])
    assert taken(log) == Job(STREAM, 2)


def test_stops_are_not_kept_forever() -> None:
    """Nor those of streams that there are not."""
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
    """Nothing can be appended to it, and there is nothing to read."""
    log = MemoryLog(keep=0.0)
    log.create(STREAM, HEAD)
    job = taken(log)
    log.finish(job)
    with pytest.raises(LogLostError):
        log.append(job, [delta(1, 1)])
    assert list(log.read(STREAM)) == []
    assert log.open(STREAM).is_over


def test_what_readers_keep() -> None:
    """A reader that has a stream has it to the end, although the log has forgotten it."""
    log = MemoryLog(keep=0.0)
    log.create(STREAM, HEAD)
    tail = log.open(STREAM)
    log.finish(taken(log))
    assert len(tail.entries) == 1
    assert not tail.is_over
