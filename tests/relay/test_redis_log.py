"""A log on Redis or Valkey: what is special about it, and what happens if the server fails."""

from __future__ import annotations

import contextlib
import gc
import logging
import queue
import secrets
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import redis
import trustme
from redis.backoff import NoBackoff
from redis.retry import Retry
from server import PATIENCE

from openai_scan.errors import ConfigurationError
from openai_scan.relay import (
    FencedError,
    Job,
    Log,
    LogLostError,
    RedisLog,
    UnavailableError,
    redis_follower,
    redis_log,
    redis_server,
    redis_writer,
)
from openai_scan.relay.entries import Entry
from openai_scan.relay.redis_entries import BEFORE, Position, id_of
from openai_scan.relay.redis_follower import Follower
from openai_scan.relay.tail import Tail

from . import valkey
from .logs import (
    HEAD,
    STREAM,
    append,
    begin,
    delta,
    fence,
    kinds,
    named,
    started,
    stops_of,
    taken,
    wait_for,
)
from .proxy import Proxy
from .valkey import Valkey

# A stream that only the test creates.
OTHER = "other-0123456789"


class Redis:
    """A server, with what the tests need to inspect and change it."""

    def __init__(self, server: Valkey) -> None:
        self.server = server
        self.prefix = f"test-{secrets.token_hex(4)}"
        self.logs: list[RedisLog] = []
        self.client: Any = redis.Redis(port=server.port, protocol=2)

    @property
    def jobs(self) -> str:
        """The key of the jobs."""
        return f"{self.prefix}:jobs"

    def key(self, stream: str = STREAM) -> str:
        """Return the key of the entries of a stream."""
        return f"{self.prefix}:log:{stream}"

    def log(self, port: int | None = None, **settings: Any) -> RedisLog:
        """Make a log; *port* may be that of a proxy."""
        url = f"redis://127.0.0.1:{port or self.server.port}"
        self.logs.append(RedisLog(url, prefix=self.prefix, **settings))
        return self.logs[-1]

    def client_settings(self, name: str) -> set[tuple[str, str]]:
        """Return the databases and protocols of the connections with that name."""
        clients = [each for each in self.client.client_list() if each["name"] == name]
        return {(each["db"], each.get("resp", "2")) for each in clients}

    def entry(self, job: Job) -> str:
        """Return the id that a job has in the stream of jobs."""
        return job.id.partition("/")[0]

    def pending(self) -> list[tuple[str, bytes]]:
        """Return the id and the process of each job that is taken."""
        found = self.client.xpending_range(self.jobs, "workers", "-", "+", 100)
        return [(each["message_id"].decode(), each["consumer"]) for each in found]

    def idle(self, job: Job) -> int:
        """Return for how many milliseconds a job has not been renewed."""
        id = self.entry(job)
        (found,) = self.client.xpending_range(self.jobs, "workers", id, id, 1)
        return int(found["time_since_delivered"])

    def age(self, job: Job, milliseconds: int) -> None:
        """Make a job look as if it had been idle for that long."""
        entry = self.entry(job)
        (whose,) = [consumer for id, consumer in self.pending() if id == entry]
        self.client.xclaim(self.jobs, "workers", whose, 0, [entry], idle=milliseconds, justid=True)

    def save_in_background(self, status: str) -> None:
        """Make the server save its data, and wait until the save has that status."""
        self.client.bgsave()
        while self.client.info("persistence")["rdb_last_bgsave_status"] != status:
            pass

    def wait_for_command(self, name: str) -> None:
        """Wait until a client blocks in a command."""
        for _ in range(100_000):
            if any(
                client["cmd"] == name and "b" in client["flags"]
                for client in self.client.client_list()
            ):
                return
        raise AssertionError(f"no client waits in {name}")

    def close(self) -> None:
        """Close all logs."""
        for log in self.logs:
            log.close()
        self.client.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    """Run a server that tests may configure and empty."""
    with valkey.running() as server:
        yield server


@pytest.fixture
def at(server: Valkey) -> Iterator[Redis]:
    """Return that server, for one test."""
    redis = Redis(server)
    yield redis
    redis.close()


@pytest.fixture
def proxy(server: Valkey) -> Iterator[Proxy]:
    """Run a proxy in front of that server."""
    with Proxy(server.port) as proxy:
        yield proxy


class TestJobsThatAreThereTwice:
    """If two calls create a stream at once, there are two jobs, of which one is worked on."""

    @pytest.fixture(autouse=True)
    def _two_jobs(self, at: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        log, other = at.log(), at.log()
        assert log.create(STREAM, HEAD)
        monkeypatch.setattr(other, "exists", lambda _: False)  # it has looked before
        assert not other.create(STREAM, b'{"user":"bob"}')
        assert at.client.xlen(at.jobs) == 2
        assert [entry.data for entry in log.read(STREAM)] == [HEAD]

    def test_the_second_is_dropped(self, at: Redis) -> None:
        """It is dropped when a process that takes it sees that the first one has begun."""
        log, other = at.logs
        job = taken(log)
        begin(log, job)
        assert not other.take(1, 0)
        assert at.client.xlen(at.jobs) == 1
        assert [id for id, _ in at.pending()] == [at.entry(job)]

    def test_both_begin_at_once(self, at: Redis) -> None:
        """The log rejects the process that comes second, and drops its job."""
        log, other = at.logs
        first, second = taken(log), taken(other)
        assert (first.epoch, second.epoch) == (1, 1)
        begin(log, first)
        with pytest.raises(FencedError):
            begin(other, second)
        assert at.client.xlen(at.jobs) == 1
        assert [id for id, _ in at.pending()] == [at.entry(first)]

    def test_one_process_has_both(self, at: Redis) -> None:
        """It begins both in one transaction: the first continues, and the second is dropped."""
        log = at.logs[0]
        first, second = log.take(2, PATIENCE)
        log.append(first, [fence(first)])
        log.append(second, [fence(second)])
        with pytest.raises(FencedError):
            log.drain(second, PATIENCE)
        append(log, first, delta(1, 1))
        assert kinds(log.read(STREAM)) == ["head", "begin", "delta"]
        assert [id for id, _ in at.pending()] == [at.entry(first)]

    def test_one_process_has_two_and_another_begins(self, at: Redis) -> None:
        """Both of the two are dropped."""
        log, other = at.logs
        ours = log.take(2, PATIENCE)
        at.client.xadd(at.jobs, {"stream": STREAM})
        theirs = taken(other)
        begin(other, theirs)
        for job in ours:
            log.append(job, [fence(job)])
        for job in ours:
            with pytest.raises(FencedError):
                log.drain(job, PATIENCE)
        assert [id for id, _ in at.pending()] == [at.entry(theirs)]

    def test_the_second_begins_first(self, at: Redis) -> None:
        """Then the first job is dropped."""
        log, other = at.logs
        first, second = taken(log), taken(other)
        begin(other, second)
        log.hand_over([first])
        assert not log.take(1, 0)
        assert [id for id, _ in at.pending()] == [at.entry(second)]

    def test_the_first_dies_before_it_begins(self, at: Redis) -> None:
        """The first process to begin, in any epoch, decides which job continues."""
        log, other = at.logs
        first, second = taken(log), taken(other)
        log.hand_over([first])
        first = taken(log)
        assert first.epoch == 2
        begin(log, first)
        other.hand_over([second])
        assert not other.take(1, 0)
        assert [id for id, _ in at.pending()] == [at.entry(first)]


class TestLeases:
    """The idle time of a job is its lease."""

    def test_the_last_of_many(self, at: Redis) -> None:
        """An expired job is found among many, although Redis scans only ten for each one."""
        log, other = at.log(), at.log()
        for number in range(30):
            log.create(f"stream-{number:016}", HEAD)
        jobs = log.take(30, PATIENCE)
        assert not other.take(1, 0)
        at.age(jobs[29], 15_001)
        assert named(taken(other, 0)) == (jobs[29].stream, 2)

    def test_renewing(self, at: Redis) -> None:
        """It extends the lease and the life of the stream."""
        log = at.log()
        job = started(log)
        at.age(job, 10_000)
        at.client.expire(at.key(), 10)
        log.renew([job])
        assert at.idle(job) < 10_000
        assert at.client.ttl(at.key()) > 3500

    def test_nothing_to_renew(self, at: Redis) -> None:
        """Without jobs, nothing is done."""
        log = at.log()
        log.renew([])
        log.hand_over([])
        assert not log.take(1, 0)

    def test_a_job_that_was_finished_elsewhere(self, at: Redis) -> None:
        """It does not count as lost, since there is nothing left to do."""
        log = at.log()
        job = started(log)
        log.finish(job)
        assert list(log.renew([job])) == []
        log.append(job, [])

    @pytest.mark.parametrize("method", ["renew", "hand_over"])
    def test_taken_between_look_and_claim(
        self, at: Redis, monkeypatch: pytest.MonkeyPatch, method: str
    ) -> None:
        """If another process takes the job over at that moment, it keeps it."""
        log, other = at.log(), at.log()
        job = started(log)
        at.age(job, 20_000)
        look = log._whose
        found: list[Job] = []

        def look_too_early(jobs: Any) -> Any:
            seen = look(jobs)
            found.append(taken(other))
            return seen

        monkeypatch.setattr(log, "_whose", look_too_early)
        getattr(log, method)([job])
        assert list(other.renew(found)) == []
        other.append(found[0], [])
        assert not log.take(1, 0)
        assert [consumer for _, consumer in at.pending()] == [other._me]

    def test_finished(self, at: Redis) -> None:
        """The job is gone, and the stream expires after `keep` seconds."""
        log = at.log(keep=100)
        log.finish(started(log))
        assert at.pending() == []
        assert at.client.xlen(at.jobs) == 0
        assert 90 < at.client.ttl(at.key()) <= 100

    def test_taken_from_us_while_we_look(self, at: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        """A job that another process claims before its epoch was read is not ours."""
        log, other = at.log(), at.log()
        log.create(STREAM, HEAD)
        find = log._find

        def find_and_wait(*arguments: Any) -> Any:
            found = find(*arguments)
            ((id, _),) = found
            at.age(Job(STREAM, 1, id.decode()), 20_000)
            assert named(taken(other)) == (STREAM, 2)
            return found

        monkeypatch.setattr(log, "_find", find_and_wait)
        assert not log.take(1, 0)

    def test_processes_that_are_gone(self, at: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        """They are removed from the group, unless they have a job."""
        idler, worker, finder = at.log(), at.log(), at.log()
        job = started(worker)
        worker.hand_over([job])
        job = taken(worker)
        assert not idler.take(1, 0)
        monkeypatch.setattr(redis_log, "_DEAD", 0)
        assert not finder.take(1, 0)
        left = {each["name"] for each in at.client.xinfo_consumers(at.jobs, "workers")}
        assert left - {finder._me} == {b"handed-over", worker._me}


class TestGroup:
    """The log creates the consumer group if it is missing."""

    def test_emptied_while_a_process_waits(self, at: Redis) -> None:
        """The process creates a new group, and continues to wait in it."""
        log = at.log()
        found: list[Job] = []
        thread = threading.Thread(target=lambda: found.extend(log.take(1, PATIENCE)))
        thread.start()
        at.wait_for_command("xreadgroup")
        at.client.flushall()
        log.create(STREAM, HEAD)
        thread.join()
        assert [named(job) for job in found] == [(STREAM, 1)]

    def test_two_processes_create_it(self, at: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        """The second process takes jobs as well."""
        log = at.log()
        log.create(STREAM, HEAD)
        at.client.xgroup_create(at.jobs, "workers", id="0")

        def too_early(*_: object, **__: object) -> None:
            raise redis.ResponseError("NOGROUP No such key")

        monkeypatch.setattr(log._server._commands, "xautoclaim", too_early)
        assert named(taken(log)) == (STREAM, 1)

    def test_a_user_who_may_not_create_it(self, at: Redis) -> None:
        """The error has the reason that Redis gives."""
        at.client.acl_setuser(
            "reader", enabled=True, nopass=True, keys="*", commands=["+@all", "-xgroup"]
        )
        log = at.log(username="reader", password="any")
        with pytest.raises(UnavailableError, match="has no permissions"):
            log.take(1, 0)

    def test_a_key_of_another_type(self, at: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        """A key that some other program uses is an error, and is left alone."""
        log = at.log()
        at.client.set(at.jobs, "x")
        at.client.set(at.key(), "x")
        with pytest.raises(UnavailableError, match="WRONGTYPE"):
            log.take(1, 0)
        monkeypatch.setattr(log, "exists", lambda _: False)
        with pytest.raises(UnavailableError, match="WRONGTYPE"):
            log.create(STREAM, HEAD)


class TestWriting:
    """Entries are written once and in order, whatever happens on the way."""

    def test_an_outage(self, at: Redis, proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
        """Entries appended meanwhile are kept and written later. The outage is logged once."""
        log = at.log(proxy.port)
        job = started(log)
        proxy.cut()
        for seq in range(1, 11):
            log.append(job, [delta(1, seq)])
            assert not log.drain(job, 0.02)
        proxy.restore()
        assert log.drain(job, PATIENCE)
        assert list(log.read(STREAM))[2:] == [delta(1, seq) for seq in range(1, 11)]
        assert caplog.text.count("entries wait for the log") == 1

    def test_a_reply_that_is_lost(self, at: Redis, proxy: Proxy) -> None:
        """The entries are sent again, but written once."""
        log = at.log(proxy.port)
        job = started(log)
        proxy.lose_replies(to=b"EXEC")  # the log's follower needs its own replies
        log.append(job, [delta(1, 1), delta(1, 2)])
        while at.client.xlen(at.key()) < 4:
            assert not log.drain(job, 0.001)
        log.append(job, [delta(1, 3)])
        proxy.restore()
        assert log.drain(job, PATIENCE)
        assert list(log.read(STREAM))[2:] == [delta(1, 1), delta(1, 2), delta(1, 3)]

    def test_small_batches(self, at: Redis, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
        """Many waiting entries are sent in several batches."""
        monkeypatch.setattr(redis_writer, "_MAX_ENTRIES", 7)
        monkeypatch.setattr(redis_writer, "_MAX_BYTES", 1000)
        log = at.log(proxy.port)
        job = started(log)
        proxy.cut()
        entries = [delta(1, seq, "x" * (seq * 10)) for seq in range(1, 61)]
        log.append(job, entries)
        assert not log.drain(job, 0)
        sizes: list[int] = []
        write = log._writer._write

        def measured(batch: Any) -> None:
            write(batch)
            sizes.append(len(batch))

        monkeypatch.setattr(log._writer, "_write", measured)
        proxy.restore()
        assert log.drain(job, PATIENCE)
        assert list(log.read(STREAM))[2:] == entries
        assert max(sizes) == 7
        assert sizes[-1] < 4

    def test_a_batch_is_a_transaction(self, at: Redis) -> None:
        """The server accepts all of a batch or nothing."""
        log = at.log()
        job = started(log)
        before = at.client.info("commandstats")
        append(log, job, *(delta(1, seq) for seq in range(1, 51)))
        after = at.client.info("commandstats")
        calls = [
            after[f"cmdstat_{name}"]["calls"] - before[f"cmdstat_{name}"]["calls"]
            for name in ("exec", "xadd")
        ]
        assert calls == [1, 50]

    def test_no_memory(self, at: Redis, caplog: pytest.LogCaptureFixture) -> None:
        """Entries wait until there is memory. Other calls raise the reason, without any text."""
        log = at.log()
        job = started(log)
        at.client.config_set("maxmemory", 1)
        try:
            log.append(job, [delta(1, 1, "secret"), delta(1, 2)])
            assert not log.drain(job, 0.02)
            with pytest.raises(UnavailableError, match="maxmemory") as caught:
                log.create(OTHER, b'{"user":"secret"}')
            assert "secret" not in f"{caught.value}{caught.value.__cause__}{caplog.text}"
        finally:
            at.client.config_set("maxmemory", 0)
        assert log.drain(job, PATIENCE)
        assert kinds(log.read(STREAM)) == ["head", "begin", "delta", "delta"]
        assert not log.exists(OTHER)

    def test_a_replica(self, at: Redis) -> None:
        """Entries wait while the server is a replica, as it may become the master again."""
        log = at.log()
        job = started(log)
        at.client.execute_command("REPLICAOF", "127.0.0.1", "1")
        try:
            log.append(job, [delta(1, 1)])
            assert not log.drain(job, 0.02)
            with pytest.raises(UnavailableError, match="read only replica"):
                log.stop(STREAM)
        finally:
            at.client.execute_command("REPLICAOF", "NO", "ONE")
        assert log.drain(job, PATIENCE)
        assert kinds(log.read(STREAM)) == ["head", "begin", "delta"]

    def test_no_disk(self) -> None:
        """Entries also wait while the server cannot save its data."""
        with valkey.running(save="3600 1", dbfilename="taken") as server:
            at = Redis(server)
            log = at.log()
            job = started(log)
            folder = server.folder / "taken"
            folder.mkdir()
            at.save_in_background("err")
            log.append(job, [delta(1, 1)])
            assert not log.drain(job, 0.02)
            with pytest.raises(UnavailableError, match="MISCONF"):
                log.finish(job)
            folder.rmdir()
            at.save_in_background("ok")
            assert log.drain(job, PATIENCE)
            at.close()

    def test_a_key_of_another_type(self, at: Redis) -> None:
        """If the stream's key has another type, the stream is lost."""
        log = at.log()
        job = started(log)
        at.client.set(at.key(), "x")
        with pytest.raises(LogLostError):
            append(log, job, delta(1, 1))

    def test_a_server_that_was_emptied(self, at: Redis) -> None:
        """The next entry reveals the loss of its stream; other streams continue."""
        log = at.log()
        job = started(log)
        at.client.flushall()
        other = started(log, OTHER)
        log.append(other, [delta(1, 1)])
        log.append(job, [delta(1, 1)])
        log.append(other, [delta(1, 2)])
        with pytest.raises(LogLostError):
            log.drain(job, PATIENCE)
        with pytest.raises(LogLostError):
            log.append(job, [delta(1, 2)])
        assert log.drain(other, PATIENCE)
        assert kinds(log.read(OTHER)) == ["head", "begin", "delta", "delta"]
        assert not log.exists(STREAM)
        assert list(log.renew([job, other])) == []

    def test_what_waits_of_a_job_that_is_lost(self, at: Redis, proxy: Proxy) -> None:
        """The waiting entries are dropped."""
        log, other = at.log(proxy.port), at.log()
        job = started(log)
        log.hand_over([job])
        taken(other)
        proxy.cut()
        log.append(job, [delta(1, 1)])
        proxy.restore()
        log.renew([job])
        with pytest.raises(FencedError):
            log.drain(job, PATIENCE)
        mine = started(log, OTHER)
        append(log, mine, delta(1, 1))
        assert kinds(log.read(OTHER)) == ["head", "begin", "delta"]

    def test_jobs_are_forgotten(self, at: Redis) -> None:
        """The log keeps nothing of a job that the relay has released."""
        log = at.log()
        job = started(log)
        log.finish(job)
        assert len(log._writer._states) == 1
        del job
        while log._writer._states:  # until the thread has released what it has written
            gc.collect()


class TestZombies:
    """A process that comes back after its lease finds its job taken."""

    def test_cut_off_for_longer_than_the_lease(self, at: Redis, proxy: Proxy) -> None:
        """What the process had sent arrives too late, and is rejected."""
        log, other = at.log(proxy.port, lease=0.2), at.log(lease=0.2)
        job = started(log)
        append(log, job, delta(1, 1, "first"))
        proxy.stop()
        proxy.arrived.clear()
        log.append(job, [delta(1, 2, "too late")])
        assert proxy.arrived.wait(PATIENCE)
        assert not log.drain(job, 0)
        theirs = taken(other)
        assert named(theirs) == (STREAM, 2)
        begin(other, theirs)
        proxy.restore()
        with pytest.raises(FencedError):
            log.drain(job, PATIENCE)
        append(other, theirs, delta(2, 1, "second"), Entry(2, 2, "done"))
        assert kinds(other.read(STREAM)) == ["head", "begin", "delta", "begin", "delta", "done"]
        assert b"too late" not in b"".join(entry.data for entry in other.read(STREAM))

    def test_several_jobs_at_once(self, at: Redis) -> None:
        """Only the jobs that were taken over are lost."""
        log, other = at.log(), at.log()
        jobs = [started(log, f"stream-{number:016}") for number in range(4)]
        log.hand_over(jobs[:2])
        for job in other.take(2, PATIENCE):
            begin(other, job)
        for seq in (1, 2):
            for job in jobs:
                log.append(job, [delta(1, seq)])
        for job in jobs[:2]:
            with pytest.raises(FencedError):
                log.drain(job, PATIENCE)
        for job in jobs[2:]:
            assert log.drain(job, PATIENCE)
        assert list(log.renew(jobs)) == jobs[:2]


class TestPositions:
    """Entries are read only if each follows the one before."""

    @pytest.mark.parametrize(
        ("ids", "is_whole"),
        [
            (["0-1@", "1-0@a", "1-1@a"], True),
            (["0-1@", "2-0@a", "5-0@b"], True),  # processes that died before they began
            (["0-1@", "1-0@a", "2-0@a"], True),
            (["1-0@a"], False),
            (["0-2@"], False),
            (["0-1@", "1-1@a"], False),
            (["0-1@", "1-0@a", "1-2@a"], False),
            (["0-1@", "1-0@a", "2-1@b"], False),
            (["0-1@", "1-0@a", "1-1@b"], False),
            (["0-1@", "1-0@a", "1-0@a"], False),
            (["0-1@", "2-0@a", "1-0@b"], False),
        ],
    )
    def test_what_follows(self, ids: list[str], is_whole: bool) -> None:
        """The result is the same in one reply or in several; what does not follow is refused."""
        reply = []
        for id in ids:
            place, _, writer = id.partition("@")
            reply.append((place.encode(), {f"delta@{writer}".encode(): b"{}"}))
        if not is_whole:
            with pytest.raises(ValueError, match="does not follow"):
                BEFORE.read_on(reply)
            return
        entries, position = BEFORE.read_on(reply)
        assert [id_of(entry.place) for entry in entries] == [id.partition("@")[0] for id in ids]
        one_by_one = BEFORE
        for each in reply:
            _, one_by_one = one_by_one.read_on([each])
        assert one_by_one == position

    @pytest.mark.parametrize(
        ("ids", "after"),
        [
            (["1-4@a", "1-5@a"], "1-5@a"),
            (["1-2@a", "1-3@a", "1-4@a"], "1-4@a"),  # some have been read already
            (["1-2@a", "1-3@a"], "1-3@a"),
            (["2-0@b"], "2-0@b"),
            (["1-5@a"], None),
            (["1-4@b"], None),
            (["2-1@b"], None),
        ],
    )
    def test_what_is_written(self, ids: list[str], after: str | None) -> None:
        """Written entries are passed on to readers if nothing is missing before them."""
        entries = []
        for id in ids:
            place, _, writer = id.partition("@")
            epoch, _, seq = place.partition("-")
            entries.append(delta(int(epoch), int(seq)))
        position = Position((1, 3), "a").after(entries, writer)
        assert (position and f"{id_of(position.place)}@{position.writer}") == after


class TestFeeding:
    """Readers get what their own process has written without asking the server."""

    @pytest.fixture(autouse=True)
    def no_thread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Keep the thread that reads from running."""
        monkeypatch.setattr(Follower, "start", lambda _: None)

    def test_passed_on(self, at: Redis) -> None:
        """Readers get an entry as soon as the server has it."""
        log = at.log()
        job = started(log)
        tail = log.open(STREAM)
        append(log, job, delta(1, 1), delta(1, 2))
        assert kinds(wait_for(tail, 4)) == ["head", "begin", "delta", "delta"]

    def test_not_read_as_well(self, at: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        """The server is asked for the stream only when the writer has been silent for a while."""
        log = at.log()
        job = started(log)
        tail = log.open(STREAM)
        asked: list[Any] = []

        @contextlib.contextmanager
        def waiting() -> Iterator[Any]:
            yield SimpleNamespace(xread=xread)

        def xread(streams: Any, **_: object) -> list[Any]:
            asked.append(streams)
            return []

        monkeypatch.setattr(log._server, "waiting", waiting)
        monkeypatch.setattr(redis_follower, "_FED_SECONDS", 1_000)
        append(log, job, delta(1, 1))
        wait_for(tail, 3)
        log._follower._read()
        monkeypatch.setattr(redis_follower, "_FED_SECONDS", 0)
        log._follower._read()
        assert [at.key() in streams for streams in asked] == [False, True]
        assert asked[1][at.key()] == "1-1"

    def test_something_between(self, at: Redis) -> None:
        """If entries are missing in between, the server is asked, and the order is kept."""
        log, other = at.log(), at.log()
        job = started(log)
        tail = log.open(STREAM)
        append(other, job, delta(1, 1))
        append(log, job, delta(1, 2))
        assert len(tail.entries) == 2
        log._follower._read()
        assert [entry.place for entry in tail.entries[2:]] == [(1, 1), (1, 2)]

    def test_both_at_once(self, at: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        """Entries passed on while the server answers are not lost."""
        log, other = at.log(), at.log()
        job = started(log)
        tail = log.open(STREAM)
        push = log._follower._push

        def push_late(*args: Any) -> None:
            log._follower.feed(job, [delta(1, 1), delta(1, 2)])
            push(*args)

        monkeypatch.setattr(log._follower, "_push", push_late)
        append(other, job, delta(1, 1))
        log._follower._read()
        append(log, job, delta(1, 3))
        assert [entry.place for entry in tail.entries[2:]] == [(1, 1), (1, 2), (1, 3)]


class TestFollowing:
    """One thread waits for new entries of all tails in one command."""

    def test_a_tail_that_is_opened_while_it_waits(
        self, at: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The command is interrupted, and asks for the new stream as well."""
        for module in (redis_follower, redis_server):
            monkeypatch.setattr(module, "LONGEST_BLOCK", 10 * PATIENCE)
        log, other = at.log(), at.log()
        jobs = [started(log), started(log, OTHER)]
        tails = [other.open(STREAM)]
        at.wait_for_command("xread")
        tails.append(other.open(OTHER))
        for job, tail in zip(reversed(jobs), reversed(tails), strict=True):  # the new one first
            log.append(job, [delta(1, 1)])
            wait_for(tail, 3)
        assert other.open(OTHER) is tails[1]

    @pytest.mark.unmeasured
    def test_a_thousand_tails(self, at: Redis) -> None:
        """All of them get their entries."""
        log, other = at.log(), at.log()
        for number in range(1000):
            log.create(f"stream-{number:016}", HEAD)
        jobs = list(log.take(1000, PATIENCE))
        for job in jobs:
            log.append(job, [Entry(1, 0, "begin")])
        assert log.drain(jobs[-1], PATIENCE)
        tails = [other.open(job.stream) for job in jobs]
        for job in jobs:
            log.append(job, [Entry(1, 1, "done")])
        for tail in tails:
            wait_for(tail, 3)

    def test_an_outage(self, at: Redis, proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
        """Tails end, and can be opened again afterwards. Stops sent meanwhile arrive too."""
        log, other = at.log(), at.log(proxy.port)
        stops = stops_of(other)
        job = started(log)
        tail = other.open(STREAM)
        proxy.cut()
        assert list(tail.wait(2, PATIENCE)) == []
        assert tail.is_over
        with pytest.raises(UnavailableError):
            other.open(STREAM)
        append(log, job, delta(1, 1))
        log.stop(STREAM)
        proxy.restore()
        assert stops.get(timeout=PATIENCE) == STREAM
        again = other.open(STREAM)
        assert kinds(again.entries) == ["head", "begin", "delta"]
        log.append(job, [Entry(1, 2, "done")])
        assert kinds(wait_for(again, 4))[3:] == ["done"]
        assert caplog.text.count("the log cannot be followed") == 1

    def test_a_server_that_says_nothing(self, at: Redis, proxy: Proxy) -> None:
        """A frozen server is noticed by the timeout."""
        log, other = at.log(), at.log(proxy.port, socket_timeout=0.1)
        started(log)
        tail = open_at_last(other)
        proxy.stop()
        assert list(tail.wait(2, PATIENCE)) == []
        with pytest.raises(UnavailableError, match="Timeout"):
            other.read(STREAM)

    def test_a_stream_that_is_lost(self, at: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its tail ends, but not that of another stream."""
        monkeypatch.setattr(redis_follower, "_CHECK_SECONDS", 0)
        monkeypatch.setattr(redis_follower, "LONGEST_BLOCK", 0.01)
        log, other = at.log(), at.log()
        started(log)
        job = started(log, OTHER)
        tail, left = other.open(STREAM), other.open(OTHER)
        at.client.delete(at.key())
        assert list(tail.wait(2, PATIENCE)) == []
        assert tail.is_over
        log.append(job, [delta(1, 1)])
        wait_for(left, 3)

    def test_a_hole(self, at: Redis, caplog: pytest.LogCaptureFixture) -> None:
        """A stream that lacks an entry is not read at all, and its tail ends."""
        log, other = at.log(), at.log()
        job = started(log)
        tail = other.open(STREAM)
        at.client.xadd(at.key(), {f"delta@{job.id[-4:]}": "{}"}, id="1-2")
        assert list(tail.wait(2, PATIENCE)) == []
        assert tail.is_over
        assert list(other.read(STREAM)) == []
        assert list(other.open(STREAM).entries) == []
        assert f"the log has lost entries of {STREAM}" in caplog.text

    def test_an_entry_of_something_else(self, at: Redis) -> None:
        """A stream with an entry that no relay has written is not read; others are followed."""
        log, other = at.log(), at.log()
        started(log)
        job = started(log, OTHER)
        tail, left = other.open(STREAM), other.open(OTHER)
        at.client.xadd(at.key(), {"a": 1, "b": 2}, id="1-1")
        assert list(tail.wait(2, PATIENCE)) == []
        assert list(other.read(STREAM)) == []
        log.append(job, [delta(1, 1)])
        wait_for(left, 3)

    def test_a_stop_that_fails(self, at: Redis, caplog: pytest.LogCaptureFixture) -> None:
        """The error is logged, and the next stop is still reported."""
        log = at.log()
        stops: queue.SimpleQueue[str] = queue.SimpleQueue()

        def stop(stream: str) -> None:
            stops.put(stream)
            if stream == STREAM:
                raise RuntimeError("not now")

        log.on_stop = stop
        assert not log.take(1, 0)
        log.stop(STREAM)
        log.stop(OTHER)
        assert [stops.get(timeout=PATIENCE) for _ in range(2)] == [STREAM, OTHER]
        assert f"{STREAM} could not be stopped" in caplog.text

    def test_two_writers(self, at: Redis) -> None:
        """A stream with entries of two processes in one epoch is not read at all."""
        log, other, third = at.log(), at.log(), at.log()
        job = started(log)
        tail = other.open(STREAM)
        at.client.xgroup_destroy(at.jobs, "workers")  # so that the server forgets who has the job
        twice = taken(third)
        assert named(twice) == named(job)
        append(third, twice, delta(1, 1))
        assert list(tail.wait(2, PATIENCE)) == []
        assert list(other.open(STREAM).entries) == []
        with pytest.raises(FencedError):
            append(log, job, delta(1, 1))

    def test_stops_that_were_lost(self, at: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        """Later stops are noticed even if their ids are smaller, as if the clock was set back."""
        monkeypatch.setattr(redis_follower, "_CHECK_SECONDS", 0)
        monkeypatch.setattr(redis_follower, "LONGEST_BLOCK", 0.01)
        log = at.log()
        stops = stops_of(log)
        assert not log.take(1, 0)
        stopped = f"{at.prefix}:stops"
        at.client.xadd(stopped, {"stream": "first"}, id="9999999999999-0")
        assert stops.get(timeout=PATIENCE) == "first"
        at.client.delete(stopped)
        at.client.xadd(stopped, {"stream": "second"}, id="1-0")
        assert stops.get(timeout=PATIENCE) == "second"

    def test_opened_twice_before_it_was_read(
        self, at: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two threads that open a tail at once both read the stream, but add each entry once."""
        log, other = at.log(), at.log()
        started(log)
        read = other._read
        tails = []

        def read_after_another(stream: str) -> Any:
            monkeypatch.setattr(other, "_read", read)
            tails.append(other.open(stream))
            return read(stream)

        monkeypatch.setattr(other, "_read", read_after_another)
        tails.append(other.open(STREAM))
        assert tails[0] is tails[1]
        assert kinds(tails[0].entries) == ["head", "begin"]


class TestRestarts:
    """A server that is started again."""

    def test_it_has_all(self) -> None:
        """With an append-only file nothing is lost: entries wait, and readers reconnect."""
        with valkey.running(appendonly="yes", appendfsync="always") as server:
            at = Redis(server)
            log, other = at.log(), at.log()
            job = started(log)
            tail = other.open(STREAM)
            server.stop()
            log.append(job, [delta(1, 1)])
            assert list(tail.wait(2, PATIENCE)) == []
            with pytest.raises(UnavailableError):
                log.take(1, 0)
            server.start()
            assert log.drain(job, PATIENCE)
            again = other.open(STREAM)
            assert kinds(again.entries) == ["head", "begin", "delta"]
            log.renew([job])
            log.hand_over([job])
            assert named(taken(other)) == (STREAM, 2)
            at.close()

    def test_it_has_an_older_state(self) -> None:
        """The process continues without noticing, but no reader gets a text with a hole."""
        with valkey.running() as server:
            at = Redis(server)
            log, other = at.log(), at.log()
            job = started(log)
            at.client.save()
            append(log, job, delta(1, 1), delta(1, 2))
            tail = other.open(STREAM)
            server.kill()
            assert list(tail.wait(4, PATIENCE)) == []
            server.start()
            append(log, job, delta(1, 3))
            assert at.client.xlen(at.key()) == 3
            assert list(other.read(STREAM)) == []
            assert list(other.open(STREAM).entries) == []
            at.close()

    def test_it_was_not_there(self, at: Redis) -> None:
        """A log can be made before its server runs."""
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        log = at.log(port)
        for call in (
            lambda: log.create(STREAM, HEAD),
            lambda: log.take(1, 0),
            lambda: log.renew([Job(STREAM, 1, "1-0")]),
            lambda: log.hand_over([Job(STREAM, 1, "1-0")]),
            lambda: log.finish(Job(STREAM, 1, "1-0")),
            lambda: log.read(STREAM),
            lambda: log.exists(STREAM),
            lambda: log.open(STREAM),
            lambda: log.stop(STREAM),
            lambda: log.is_stopped(STREAM),
        ):
            with pytest.raises(UnavailableError, match=f"Redis at 127.0.0.1:{port}: ") as caught:
                call()
            assert isinstance(caught.value.__cause__, redis.ConnectionError)


class TestManyFailures:
    """Readers get what was written, however the connections fail meanwhile."""

    @pytest.mark.parametrize("seed", range(4))
    def test_connections_that_break(
        self, at: Redis, monkeypatch: pytest.MonkeyPatch, seed: int
    ) -> None:
        """Connections of the writing and of a reading process break at random moments."""
        monkeypatch.setattr(redis_server, "_PAUSES", (0.001, 0.01))
        random = Random(seed)
        with Proxy(at.server.port) as writers, Proxy(at.server.port) as readers:
            log, other = at.log(writers.port), at.log(readers.port)
            job = started(log)
            found: list[Entry] = []
            reader = threading.Thread(target=read_to_the_end, args=(other, found))
            reader.start()
            entries = [delta(1, seq, "x" * random.randrange(200)) for seq in range(1, 400)]
            waiting = [*entries]
            while waiting:
                count = random.randrange(1, 10)
                log.append(job, waiting[:count])
                del waiting[:count]
                proxy = random.choice((writers, readers))
                random.choice((proxy.cut, proxy.lose_replies, proxy.restore, proxy.restore))()
                log.drain(job, random.choice((0, 0.001, 0.01)))
            writers.restore()
            readers.restore()
            append(log, job, Entry(1, 400, "done"))
            reader.join(PATIENCE)
            assert list(log.read(STREAM))[2:-1] == entries
            assert found[2:-1] == entries
            assert kinds(found[-1:]) == ["done"]


def open_at_last(log: Log) -> Tail:
    """Open a tail as soon as the server can be reached, which may take several attempts."""
    while True:
        with contextlib.suppress(UnavailableError):
            return log.open(STREAM)


def read_to_the_end(log: Log, found: list[Entry]) -> None:
    """Read a stream as a browser does that reconnects after each disconnect."""
    while kinds(found[-1:]) != ["done"]:
        tail = open_at_last(log)
        position = tail.position_of(found[-1].place) if found else 0
        while entries := tail.wait(position, PATIENCE):
            found += entries
            position += len(entries)


class TestClosing:
    """A log that is closed leaves nothing behind."""

    def test_threads_end(self, at: Redis) -> None:
        """Connections are closed too."""
        before = threading.active_count()
        log = at.log()
        job = started(log)
        log.open(STREAM)
        log.append(job, [delta(1, 1)])
        clients = len(at.client.client_list())
        assert threading.active_count() == before + 2
        log.close()
        assert threading.active_count() == before
        while len(at.client.client_list()) >= clients:
            pass
        assert not log.take(1, 1)
        log._follower.start()
        assert threading.active_count() == before

    def test_never_used(self, at: Redis) -> None:
        """Without threads, there is nothing to end."""
        before = threading.active_count()
        log = at.log()
        log.close()
        log.close()
        assert threading.active_count() == before

    def test_during_an_outage(self, at: Redis, proxy: Proxy) -> None:
        """Waiting entries are given up."""
        log = at.log(proxy.port)
        job = started(log)
        log.open(STREAM)
        proxy.cut()
        log.append(job, [delta(1, 1)])
        log.close()
        assert not log.drain(job, 0)
        assert kinds(at.log().read(STREAM)) == ["head", "begin"]

    def test_while_a_process_waits_for_a_job(self, at: Redis) -> None:
        """The process gets no job, and no error."""
        log = at.log()
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(log.take(1, PATIENCE)))
        thread.start()
        at.wait_for_command("xreadgroup")
        log.close()
        thread.join(PATIENCE)
        assert found == [()]


class TestAddresses:
    """Which URLs are accepted, and how they are shown."""

    @pytest.mark.parametrize(
        "url",
        [
            "http://:hunter2@127.0.0.1",
            "redis://:hunter2/a@127.0.0.1:6379",
            "redis://:hunter2@127.0.0.1?socket_timeout=hunter2",
            "redis://:hunter2@127.0.0.1?unknown=hunter2",
            "hunter2",
        ],
    )
    def test_malformed(self, url: str) -> None:
        """The URL is refused at once, and the error shows no part of it."""
        with pytest.raises(ConfigurationError, match="must look like redis://") as caught:
            RedisLog(url)
        assert "hunter2" not in f"{caught.value!r}{caught.value.__cause__!r}"  # which is None
        assert caught.value.__suppress_context__

    def test_the_password_is_not_shown(self, at: Redis, caplog: pytest.LogCaptureFixture) -> None:
        """It is neither in the log's repr nor in errors or log messages."""
        caplog.set_level(logging.DEBUG)
        log = RedisLog(f"redis://alice:hunter2@127.0.0.1:{at.server.port}")
        with pytest.raises(UnavailableError) as caught:
            log.take(1, 0)
        assert repr(log) == f"<RedisLog at 127.0.0.1:{at.server.port}>"
        log.close()
        assert "hunter2" not in f"{caught.value}{caught.value.__cause__}{caplog.text}"

    def test_time_to_wait(self) -> None:
        """The timeout of a command that blocks on the server is longer by the blocking time."""
        log = RedisLog("redis://", socket_timeout=0.2)
        pools = [each.connection_pool for each in (log._server._commands, log._server._waiting)]
        assert [pool.connection_kwargs["socket_timeout"] for pool in pools] == [
            0.2,
            0.2 + redis_server.LONGEST_BLOCK,
        ]

    def test_nothing_is_repeated(self, at: Redis, proxy: Proxy) -> None:
        """redis-py does not retry: a failed command is sent once, whatever the options say."""
        log = at.log(proxy.port, retry=Retry(NoBackoff(), 3))
        proxy.lose_replies()
        with pytest.raises(UnavailableError):
            log.stop(STREAM)
        assert proxy.connections == 1

    def test_too_many_at_once(self, at: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        """Threads wait for a free connection, but not forever."""
        monkeypatch.setattr(redis_server, "_MAX_CONNECTIONS", 2)
        log = at.log()
        with log._server.commands():
            assert not log.exists(STREAM)
            with log._server.commands():
                monkeypatch.setattr(redis_server, "_TIMEOUT", 0)
                with pytest.raises(UnavailableError, match="no connection became free in time"):
                    log.exists(STREAM)
        assert not log.exists(STREAM)

    def test_defaults(self) -> None:
        """You can leave out the port and the host."""
        assert repr(RedisLog("redis://")) == "<RedisLog at localhost:6379>"
        assert repr(RedisLog("redis://example.com/3")) == "<RedisLog at example.com:6379>"
        assert repr(RedisLog("valkey://example.com:1")) == "<RedisLog at example.com:1>"
        assert repr(RedisLog("valkeys://example.com:2")) == "<RedisLog at example.com:2>"

    def test_options(self, at: Redis) -> None:
        """Options work, in the URL or as arguments, except those that would change the replies."""
        url = f"redis://127.0.0.1:{at.server.port}/1?decode_responses=yes&protocol=3"
        log = RedisLog(
            url,
            prefix=at.prefix,
            client_name="relay",
            legacy_responses=False,
            socket_timeout=None,
            max_connections=5,
        )
        tail = None
        try:
            job = started(log)
            tail = log.open(STREAM)
            append(log, job, Entry(1, 1, "done"))
            assert kinds(wait_for(tail, 3)) == ["head", "begin", "done"]
            while at.client_settings("relay") != {("1", "2")}:
                pass  # a connection that is being made has a name before it has a database
        finally:
            log.close()

    def test_a_socket_in_the_file_system(self, tmp_path: Path) -> None:
        """A Unix socket works without a network."""
        path = tmp_path / "valkey.sock"
        with valkey.running(unixsocket=str(path)):
            log = RedisLog(f"unix://{path}")
            job = started(log)
            append(log, job, Entry(1, 1, "done"))
            assert kinds(log.read(STREAM)) == ["head", "begin", "done"]
            assert repr(log) == f"<RedisLog at {path}>"
            log.close()

    def test_tls(self, at: Redis, tmp_path: Path) -> None:
        """The log connects only if the server's certificate is trusted."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        with Proxy(at.server.port, context) as proxy:
            url = f"rediss://localhost:{proxy.port}"
            log = RedisLog(f"{url}?ssl_ca_certs={tmp_path / 'ca.pem'}", prefix=at.prefix)
            job = started(log)
            append(log, job, Entry(1, 1, "done"))
            assert kinds(log.read(STREAM)) == ["head", "begin", "done"]
            log.close()
            with pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
                RedisLog(url).read(STREAM)
