"""What every log of a relay does."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from server import PATIENCE

from openai_scan.relay import FencedError, Job, Log, LogLostError
from openai_scan.relay.entries import Entry, encode_json

from .conftest import MakeLog
from .logs import (
    HEAD,
    STREAM,
    append,
    begin,
    delta,
    kinds,
    named,
    started,
    stops_of,
    taken,
    wait_for,
)


class TestJobs:
    """A stream has one job, which belongs to one process at a time."""

    def test_a_stream_is_created_once(self, make_log: MakeLog) -> None:
        """The second call returns False and changes nothing."""
        log = make_log()
        assert log.create(STREAM, HEAD)
        assert not log.create(STREAM, b'{"user":"bob"}')
        assert log.read(STREAM) == [Entry(0, 1, "head", HEAD)]
        assert [job.stream for job in log.take(5, PATIENCE)] == [STREAM]
        assert not log.take(5, 0)

    def test_a_stream_that_exists(self, make_log: MakeLog) -> None:
        """A stream exists once it has been created."""
        log = make_log()
        log.create(STREAM, HEAD)
        assert log.exists(STREAM)
        assert not log.exists("another-0123456789")
        assert list(log.read("another-0123456789")) == []

    def test_the_first_to_take_a_job_has_epoch_1(self, make_log: MakeLog) -> None:
        """Epochs are counted from 1."""
        log = make_log()
        log.create(STREAM, HEAD)
        assert named(taken(log)) == (STREAM, 1)

    def test_as_many_jobs_are_taken_as_are_wanted(self, make_log: MakeLog) -> None:
        """The oldest jobs are taken first, each of them once."""
        log = make_log()
        streams = [f"stream-012345678{number}" for number in range(5)]
        for stream in streams:
            log.create(stream, HEAD)
        first, rest = log.take(2, PATIENCE), log.take(10, PATIENCE)
        assert [job.stream for job in (*first, *rest)] == streams

    def test_no_job(self, make_log: MakeLog) -> None:
        """`take()` waits as long as it may, and returns nothing."""
        assert list(make_log().take(1, 0.01)) == []
        assert list(make_log().take(1, 0)) == []

    def test_a_new_job_ends_the_wait(self, make_log: MakeLog) -> None:
        """A thread that waits for a job takes the new one."""
        log = make_log()
        found: list[Job] = []
        thread = threading.Thread(target=lambda: found.extend(log.take(1, PATIENCE)))
        thread.start()
        log.create(STREAM, HEAD)
        thread.join(PATIENCE)
        assert [named(job) for job in found] == [(STREAM, 1)]

    def test_closing_ends_the_wait(self, make_log: MakeLog) -> None:
        """The waiting thread gets no job."""
        log = make_log()
        found: list[Sequence[Job]] = []
        thread = threading.Thread(target=lambda: found.append(log.take(1, PATIENCE)))
        thread.start()
        log.close()
        thread.join(PATIENCE)
        assert [list(jobs) for jobs in found] == [[]]

    def test_a_job_that_is_done(self, make_log: MakeLog) -> None:
        """The job is gone, but its stream can still be read."""
        log = make_log()
        job = started(log)
        append(log, job, Entry(1, 1, "done"))
        log.finish(job)
        assert not log.take(1, 0)
        assert kinds(log.read(STREAM)) == ["head", "begin", "done"]
        assert not log.create(STREAM, HEAD)


class TestEntries:
    """Entries are read exactly as they were appended."""

    def test_order(self, make_log: MakeLog) -> None:
        """A thousand entries, appended in small groups, are read in order and unchanged."""
        log = make_log()
        job = started(log)
        entries = [delta(1, seq, f"{seq} ä \U0001f600 \\n\n") for seq in range(1, 1001)]
        for at in range(0, len(entries), 7):
            log.append(job, entries[at : at + 7])
        assert log.drain(job, PATIENCE)
        assert list(log.read(STREAM))[2:] == entries

    @pytest.mark.unmeasured
    def test_a_large_one(self, make_log: MakeLog) -> None:
        """An entry of a megabyte is read unchanged, whatever bytes it has."""
        log = make_log()
        job = started(log)
        large = Entry(1, 1, "delta", encode_json({"text": "ä\0\x7f" * 300_000}))
        append(log, job, large)
        assert list(log.read(STREAM))[2:] == [large]

    def test_nothing_to_append(self, make_log: MakeLog) -> None:
        """Appending nothing is how a process checks that it still owns the job."""
        log = make_log()
        job = started(log)
        append(log, job)
        assert kinds(log.read(STREAM)) == ["head", "begin"]

    def test_streams_are_apart(self, make_log: MakeLog) -> None:
        """An entry of one stream is not in another."""
        log = make_log()
        one, other = started(log, "one-012345678901234"), started(log, "other-0123456789012")
        log.append(one, [delta(1, 1, "one")])
        append(log, other, delta(1, 1, "other"))
        assert log.drain(one, PATIENCE)
        assert list(log.read(one.stream))[2:] == [delta(1, 1, "one")]
        assert list(log.read(other.stream))[2:] == [delta(1, 1, "other")]

    def test_a_stream_that_the_log_does_not_have(self, make_log: MakeLog) -> None:
        """Appending raises LogLostError, and creates nothing."""
        log = make_log()
        job = Job("another-0123456789", 1)
        with pytest.raises(LogLostError):
            append(log, job, Entry(1, 0, "begin"))
        assert not log.exists(job.stream)


class TestTails:
    """A tail has all entries of a stream, and gets the new ones."""

    def test_before_and_after(self, make_log: MakeLog) -> None:
        """A tail has the entries written before it was opened, and then gets the rest."""
        log = make_log()
        job = started(log)
        tail = log.open(STREAM)
        assert kinds(tail.entries) == ["head", "begin"]
        log.append(job, [delta(1, 1)])
        wait_for(tail, 3)
        log.append(job, [delta(1, 2), Entry(1, 3, "done")])
        wait_for(tail, 5)
        assert tail.is_whole
        assert tail.is_over
        assert list(tail.entries) == list(log.read(STREAM))

    def test_a_stream_that_has_ended(self, make_log: MakeLog) -> None:
        """The tail has all entries at once."""
        log = make_log()
        append(log, started(log), Entry(1, 1, "done"))
        tail = log.open(STREAM)
        assert kinds(tail.entries) == ["head", "begin", "done"]
        assert tail.is_over

    def test_no_such_stream(self, make_log: MakeLog) -> None:
        """The tail is empty, and over."""
        log = make_log()
        tail = log.open("another-0123456789")
        assert list(tail.wait(0, PATIENCE)) == []
        assert tail.is_over

    def test_many_tails(self, make_log: MakeLog) -> None:
        """Each tail gets the entries of its own stream."""
        log = make_log()
        jobs = [started(log, f"stream-{number:016}") for number in range(5)]
        tails = [log.open(job.stream) for job in jobs for _ in range(3)]
        for job in jobs:
            log.append(job, [delta(1, 1, job.stream)])
        for tail in tails:
            assert wait_for(tail, 3)[2] == delta(1, 1, tail.stream)

    def test_opened_again(self, make_log: MakeLog) -> None:
        """The new tail has the entries that were written while none was open."""
        log = make_log()
        job = started(log)
        log.open(STREAM)
        append(log, job, delta(1, 1))
        tail = log.open(STREAM)
        assert kinds(wait_for(tail, 3)) == ["head", "begin", "delta"]
        log.append(job, [delta(1, 2)])
        wait_for(tail, 4)

    def test_closing_lets_readers_go(self, make_log: MakeLog) -> None:
        """A thread that waits for entries stops waiting."""
        log = make_log()
        started(log)
        tail = log.open(STREAM)
        thread = threading.Thread(target=tail.wait, args=(2,))
        thread.start()
        log.close()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert tail.is_over


class TestStop:
    """A stream can be stopped, and the log remembers it."""

    def test_the_process_that_works_on_it_is_notified(self, make_log: MakeLog) -> None:
        """The log calls `on_stop` with the stream's id."""
        log = make_log()
        stops = stops_of(log)
        started(log)
        log.stop(STREAM)
        assert stops.get(timeout=PATIENCE) == STREAM

    def test_it_is_remembered(self, make_log: MakeLog) -> None:
        """A process that begins later can ask for it."""
        log = make_log()
        log.create(STREAM, HEAD)
        assert not log.is_stopped(STREAM)
        log.stop(STREAM)
        assert log.is_stopped(STREAM)
        assert not log.is_stopped("another-0123456789")


class TestSeveralProcesses:
    """A job that its process loses is taken by another one, and the log is fenced."""

    @pytest.mark.unmeasured
    def test_a_job_is_taken_by_one(self, make_shared_log: MakeLog) -> None:
        """If four processes take jobs at the same time, each job is taken once."""
        logs = [make_shared_log() for _ in range(4)]
        streams = {f"stream-{number:016}" for number in range(40)}
        for stream in streams:
            logs[0].create(stream, HEAD)
        found: list[Job] = []

        def take(log: Log) -> None:
            while jobs := log.take(3, 0):
                found.extend(jobs)

        threads = [threading.Thread(target=take, args=(log,)) for log in logs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert len(found) == 40
        assert {job.stream for job in found} == streams
        assert {job.epoch for job in found} == {1}

    def test_entries_reach_the_others(self, make_shared_log: MakeLog) -> None:
        """A tail in another process gets them."""
        log, other = make_shared_log(), make_shared_log()
        job = started(log)
        tail = other.open(STREAM)
        log.append(job, [delta(1, 1), Entry(1, 2, "done")])
        assert kinds(wait_for(tail, 4)) == ["head", "begin", "delta", "done"]

    def test_stop_reaches_the_others(self, make_shared_log: MakeLog) -> None:
        """The process that works on the stream is notified."""
        log, other = make_shared_log(), make_shared_log()
        stops = stops_of(log)
        started(log)
        other.stop(STREAM)
        assert stops.get(timeout=PATIENCE) == STREAM
        assert log.is_stopped(STREAM)

    def test_a_job_that_is_handed_over(self, make_shared_log: MakeLog) -> None:
        """Another process can take it at once, in the next epoch."""
        log, other = make_shared_log(), make_shared_log()
        log.create(STREAM, HEAD)
        job = taken(log)
        assert not other.take(1, 0)
        log.hand_over([job])
        assert named(taken(other)) == (STREAM, 2)

    def test_a_lease_that_runs_out(self, make_shared_log: MakeLog) -> None:
        """Another process that waits for a job takes it over."""
        log, other = make_shared_log(lease=0.2), make_shared_log(lease=0.2)
        log.create(STREAM, HEAD)
        assert named(taken(log)) == (STREAM, 1)
        assert named(taken(other)) == (STREAM, 2)

    def test_a_zombie_writes_nothing(self, make_shared_log: MakeLog) -> None:
        """Once the next process has begun, the log rejects what the earlier one appends."""
        log, other = make_shared_log(), make_shared_log()
        job = started(log)
        append(log, job, delta(1, 1))
        log.hand_over([job])
        begin(other, taken(other))
        with pytest.raises(FencedError):
            append(log, job, delta(1, 2))
        with pytest.raises(FencedError):
            log.append(job, [])
        with pytest.raises(FencedError):
            log.drain(job, 0)
        assert kinds(other.read(STREAM)) == ["head", "begin", "delta", "begin"]

    def test_a_zombie_that_renews(self, make_shared_log: MakeLog) -> None:
        """`renew()` returns the jobs that are lost, and the next process keeps them."""
        log, other = make_shared_log(), make_shared_log()
        job, mine = started(log), started(log, "mine-01234567890123")
        log.hand_over([job])
        taken(other)
        assert list(log.renew([job, mine])) == [job]
        log.hand_over([job])
        with pytest.raises(FencedError):
            log.append(job, [])
        append(log, mine, delta(1, 1))
        assert not log.take(1, 0)

    def test_a_zombie_that_finishes(self, make_shared_log: MakeLog) -> None:
        """The next process keeps the job, and finishes it."""
        log, other = make_shared_log(), make_shared_log()
        job = started(log)
        log.hand_over([job])
        theirs = taken(other)
        log.finish(job)
        assert list(other.renew([theirs])) == []
        other.hand_over([theirs])
        again = taken(log)
        assert named(again) == (STREAM, 3)
        log.finish(again)
        log.finish(again)
        assert list(log.renew([again])) == []
        assert not other.take(1, 0)

    def test_a_process_that_takes_its_own_job(self, make_shared_log: MakeLog) -> None:
        """It was frozen for longer than the lease: what its earlier work writes is rejected."""
        log = make_shared_log()
        job = started(log)
        log.hand_over([job])
        again = taken(log)
        assert named(again) == (STREAM, 2)
        begin(log, again)
        with pytest.raises(FencedError):
            append(log, job, delta(1, 1))
        append(log, again, delta(2, 1))
        assert list(log.renew([job, again])) == [job]
        assert kinds(log.read(STREAM)) == ["head", "begin", "begin", "delta"]

    def test_a_job_that_is_renewed(self, make_shared_log: MakeLog) -> None:
        """No other process can take it."""
        log, other = make_shared_log(), make_shared_log()
        job = started(log)
        assert list(log.renew([job])) == []
        append(log, job, delta(1, 1))
        assert not other.take(1, 0)

    def test_what_comes_before_closing(self, make_shared_log: MakeLog) -> None:
        """Entries appended before `close()` are written, so the next process has them."""
        log, other = make_shared_log(), make_shared_log()
        job = started(log)
        log.append(job, [delta(1, 1)])
        log.close()
        assert kinds(other.read(STREAM)) == ["head", "begin", "delta"]
