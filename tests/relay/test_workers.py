"""The threads of a relay, its leases, and how it is closed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

import pytest
from server import PATIENCE

from openai_scan import StreamerV2
from openai_scan.relay import (
    Job,
    MemoryLog,
    Question,
    Relay,
    StoredMessage,
    UnavailableError,
    workers,
)
from openai_scan.testing import chat_answer

from .logs import named
from .memory_store import MemoryStore
from .scripted_upstream import KINDS, ScriptedUpstream
from .shared_log import Server, SharedLog


class Held:
    """A source that waits halfway, as a live one may, until it is released or cancelled.

    Attributes:
        reached: Set when it waits.
        is_cancelled: Whether it was cancelled.
    """

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self.reached = threading.Event()
        self.is_cancelled = False
        self._chunks = chunks
        self._goes_on = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        half = len(self._chunks) // 2
        yield from self._chunks[:half]
        self.reached.set()
        assert self._goes_on.wait(PATIENCE)
        yield from self._chunks[half:]

    def release(self) -> None:
        """Let it continue."""
        self._goes_on.set()

    def cancel(self) -> None:
        """Wake the reader."""
        self.is_cancelled = True
        self._goes_on.set()

    def expire(self, seconds: float | None) -> None:
        """Never end by itself."""

    def heard(self) -> None:
        """Have no clock."""


class HeldUpstream(ScriptedUpstream):
    """An upstream whose first answers wait halfway."""

    def __init__(self, answer: Sequence[bytes], *, count: int = 1) -> None:
        super().__init__(answer)
        self.held = [Held(answer) for _ in range(count)]

    def ask(self, question: Question) -> StreamerV2[Any, Any]:
        """Return a stream that waits halfway."""
        self.asked.append(question)
        return StreamerV2(self.held[len(self.asked) - 1])

    def release(self) -> None:
        """Let all streams continue."""
        for held in self.held:
            held.release()


@pytest.fixture
def shared() -> Server:
    """Make the server that several processes share."""
    return Server()


@pytest.fixture
def store() -> MemoryStore:
    """Make a store."""
    return MemoryStore()


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """Check that a test leaves no threads of a relay behind."""
    before = relay_threads()
    yield
    assert [thread.name for thread in relay_threads() - before] == []


def relay_threads() -> set[threading.Thread]:
    """Return the threads of all relays."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("relay-")}


def ended(relay: Relay, stream: str) -> StoredMessage:
    """Wait for the end of an answer, and return the stored message."""
    assert b"event: done" in b"".join(relay.iter(stream))
    return relay.message(stream)


def join_new(before: set[threading.Thread]) -> None:
    """Wait for the relays' threads that were not there *before*, as `close()` did not."""
    for thread in relay_threads() - before:
        thread.join(PATIENCE)


def join(*streams: str) -> None:
    """Wait for the threads that work on these answers."""
    for thread in threading.enumerate():
        if thread.name.removeprefix("relay-") in streams:
            thread.join(PATIENCE)


class TestThreads:
    """A relay has a few threads, and one for each answer."""

    def test_their_names(self, store: MemoryStore) -> None:
        """A thread's name says what it does."""
        upstream = HeldUpstream(chat_answer("a b"))
        with Relay(MemoryLog(), store, upstream) as relay:
            stream = relay.start("Hi", user="alice").stream
            assert upstream.held[0].reached.wait(PATIENCE)
            names = {thread.name for thread in threading.enumerate()}
            assert {"relay-jobs", "relay-leases", "relay-sweeper", f"relay-{stream}"} <= names
            upstream.release()
            assert ended(relay, stream).status == "completed"

    def test_a_web_tier(self, shared: Server, store: MemoryStore) -> None:
        """A relay that does not produce leaves the answers to others."""
        upstream = ScriptedUpstream(chat_answer("a b"))
        before = relay_threads()
        with Relay(SharedLog(shared), store, upstream, produce=False) as serving:
            names = {thread.name for thread in relay_threads() - before}
            assert "relay-jobs" not in names
            stream = serving.start("Hi", user="alice").stream
            with Relay(SharedLog(shared), store, upstream):
                assert ended(serving, stream).status == "completed"

    def test_slots(self, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """No more answers are read at the same time than there are slots."""
        upstream = HeldUpstream(chat_answer("a b"), count=3)
        with Relay(MemoryLog(), store, upstream, slots=2) as relay:
            streams = [relay.start("Hi", user="alice").stream for _ in range(3)]
            first, second, third = upstream.held
            assert first.reached.wait(PATIENCE)
            assert second.reached.wait(PATIENCE)
            assert not third.reached.is_set()
            assert len(upstream.asked) == 2
            monkeypatch.setattr(workers, "_TAKE_SECONDS", 0.0)
            relay._workers._take_some()  # which takes none
            assert len(upstream.asked) == 2
            first.release()
            assert third.reached.wait(PATIENCE)
            upstream.release()
            assert {ended(relay, stream).status for stream in streams} == {"completed"}

    @pytest.mark.parametrize("failure", [UnavailableError("down"), OSError("disk"), KeyError()])
    def test_a_log_that_fails(
        self,
        shared: Server,
        store: MemoryStore,
        failure: Exception,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """The thread that takes jobs continues after an error."""
        log = SharedLog(shared)
        failures, take = iter([failure, failure]), log.take

        def failing(limit: int, seconds: float = 1.0) -> Sequence[Job]:
            for each in failures:
                raise each
            return take(limit, seconds)

        monkeypatch.setattr(log, "take", failing)
        monkeypatch.setattr(workers, "_TAKE_SECONDS", 0.01)
        with Relay(log, store, ScriptedUpstream(chat_answer("a b"))) as relay:
            assert ended(relay, relay.start("Hi", user="alice").stream).status == "completed"
        assert "the jobs of the relay are waiting" in caplog.text

    def test_a_system_without_threads(
        self,
        store: MemoryStore,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """The job is handed over, and taken again."""
        with Relay(MemoryLog(), store, ScriptedUpstream(chat_answer("a b"))) as relay:
            start, failures = threading.Thread.start, iter([RuntimeError("can't start new thread")])

            def failing(thread: threading.Thread) -> None:
                for failure in failures:
                    raise failure
                start(thread)

            monkeypatch.setattr(threading.Thread, "start", failing)
            assert ended(relay, relay.start("Hi", user="alice").stream).status == "completed"
        assert "can't start new thread" in caplog.text

    def test_work_that_fails(
        self, store: MemoryStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The error is logged, and the thread is free for other jobs."""
        log = MemoryLog()

        def failing(stream: str) -> Any:
            raise OSError(stream)

        monkeypatch.setattr(log, "read", failing)
        with Relay(log, store, ScriptedUpstream(chat_answer("a b")), produce=False) as relay:
            stream = relay.start("Hi", user="alice").stream
            assert relay.run_one() == stream
            assert not relay._workers.works_on(stream)
        assert f"the work on {stream} failed" in caplog.text

    def test_a_job_that_is_there_twice(self, shared: Server, store: MemoryStore) -> None:
        """The work on the first one continues: the log rejects what the second one writes."""
        upstream = HeldUpstream(KINDS["responses"].answer)
        with Relay(SharedLog(shared), store, upstream) as relay:
            stream = relay.start("Hi", user="alice").stream
            assert upstream.held[0].reached.wait(PATIENCE)
            second = relay._workers._add(Job(stream, 1, "other"))
            assert second is not None
            relay._workers._run(second)
            assert not upstream.held[0].is_cancelled
            upstream.release()
            assert ended(relay, stream).text == "one two three"
        assert len(upstream.asked) == 1


class TestRunOne:
    """`run_one()` works on one job, for a task of your own queue."""

    def test_one(self, shared: Server, store: MemoryStore) -> None:
        """It takes the oldest job, and returns None if there is none."""
        upstream = ScriptedUpstream(chat_answer("a b"))
        with Relay(SharedLog(shared), store, upstream, produce=False) as relay:
            first, second = (relay.start("Hi", user="alice").stream for _ in range(2))
            assert relay.run_one() == first
            assert relay.message(first).status == "completed"
            assert relay.message(second).status == "running"
            assert relay.run_one(PATIENCE) == second
            assert relay.run_one() is None

    def test_an_interruption(self, shared: Server, store: MemoryStore) -> None:
        """Another process can take the job at once."""

        class Interrupted(ScriptedUpstream):
            def ask(self, question: Question) -> StreamerV2[Any, Any]:
                raise KeyboardInterrupt

        with Relay(SharedLog(shared), store, Interrupted([]), produce=False) as relay:
            stream = relay.start("Hi", user="alice").stream
            with pytest.raises(KeyboardInterrupt):
                relay.run_one()
            assert shared.jobs[stream].is_free

    def test_a_relay_that_is_closed(self, shared: Server, store: MemoryStore) -> None:
        """The job is handed over."""
        log = SharedLog(shared)
        relay = Relay(log, store, ScriptedUpstream([]), produce=False)
        stream = relay.start("Hi", user="alice").stream
        log.close = lambda: None  # type: ignore[method-assign] # closed while it takes
        relay.close()
        assert relay.run_one() is None
        assert shared.jobs[stream].is_free

    def test_a_takeover(self, shared: Server, store: MemoryStore) -> None:
        """A process that has lost a job stops working on it, and does not cancel it upstream."""
        upstream = HeldUpstream(KINDS["responses"].answer)
        first = Relay(SharedLog(shared), store, upstream, slots=1)  # and so it takes no more
        second = Relay(SharedLog(shared), store, upstream, produce=False)
        with first, second:
            stream = first.start("Hi", user="alice").stream
            assert upstream.held[0].reached.wait(PATIENCE)
            shared.expire_leases()
            assert second.run_one(PATIENCE) == stream
            upstream.release()
            assert ended(second, stream).text == "one two three"
        assert upstream.cancelled == []


class TestLeases:
    """A process keeps its jobs as long as it lives."""

    def test_they_are_renewed(self, shared: Server, store: MemoryStore) -> None:
        """The process renews the leases of all jobs that it works on."""
        log = SharedLog(shared)
        log.lease = 0.0
        renewed: list[Job] = []
        any_renewed = threading.Event()

        def renew(jobs: Any) -> Sequence[Job]:
            renewed.extend(jobs)
            any_renewed.set()
            return ()

        log.renew = renew  # type: ignore[method-assign] # so that it tells
        upstream = HeldUpstream(chat_answer("a b"))
        with Relay(log, store, upstream) as relay:
            log.lease = 15.0  # it renews without a pause what does not run out
            stream = relay.start("Hi", user="alice").stream
            assert any_renewed.wait(PATIENCE)
            assert named(renewed[0]) == (stream, 1)
            upstream.release()
            ended(relay, stream)

    def test_a_job_that_is_lost(self, shared: Server, store: MemoryStore) -> None:
        """The process stops reading, writes nothing, and does not cancel upstream."""
        log = SharedLog(shared)
        log.lease = 0.0
        upstream = HeldUpstream(KINDS["responses"].answer)
        with Relay(log, store, upstream, slots=1) as relay:
            log.lease = 15.0
            stream = relay.start("Hi", user="alice").stream
            assert upstream.held[0].reached.wait(PATIENCE)
            entries = [*shared.streams[stream]]
            with shared.changed:
                shared.jobs[stream].epoch += 1
            join(stream)
            assert upstream.held[0].is_cancelled
            assert shared.streams[stream] == entries
        assert upstream.cancelled == []
        assert relay.message(stream).status == "running"

    def test_a_job_that_the_same_process_takes_again(
        self, shared: Server, store: MemoryStore
    ) -> None:
        """It was frozen for a lease: its earlier work ends, and the answer is complete."""
        upstream = HeldUpstream(KINDS["responses"].answer)
        with Relay(SharedLog(shared), store, upstream) as relay:
            stream = relay.start("Hi", user="alice").stream
            assert upstream.held[0].reached.wait(PATIENCE)
            shared.expire_leases()
            message = ended(relay, stream)
        assert (message.status, message.text) == ("completed", "one two three")
        assert (len(upstream.asked), len(upstream.resumed)) == (1, 1)
        assert shared.jobs == {}
        assert upstream.cancelled == []

    @pytest.mark.parametrize("is_late", [True, False])
    def test_a_process_that_was_frozen(self, shared: Server, is_late: bool) -> None:
        """If it wakes late, it renews its leases before it takes jobs, and so not its own."""
        log = SharedLog(shared)
        threads = workers.Workers(log, 2, lambda job: mock.Mock(job=job))
        log.create("a", b"{}")
        (job,) = log.take(1, PATIENCE)
        threads._add(job)
        if is_late:
            threads._renewed_at -= log.lease
        shared.expire_leases()
        assert threads.run_one(0.0) == (None if is_late else "a")
        assert shared.jobs["a"].epoch == (1 if is_late else 2)


class TestClosing:
    """A closed relay leaves nothing behind, and loses nothing."""

    def test_a_shared_log(self, shared: Server, store: MemoryStore) -> None:
        """Another process continues with the answer, and readers continue there."""
        upstream = HeldUpstream(KINDS["responses"].answer)
        relay = Relay(SharedLog(shared), store, upstream)
        stream = relay.start("Hi", user="alice").stream
        assert upstream.held[0].reached.wait(PATIENCE)
        reading = relay.iter(stream)
        relay.close()
        assert b"done" not in b"".join(reading)
        assert relay.message(stream).status == "running"
        with Relay(SharedLog(shared), store, upstream) as other:
            assert ended(other, stream).text == "one two three"
        assert (len(upstream.asked), len(upstream.resumed)) == (1, 1)

    def test_a_chat_on_a_shared_log(self, shared: Server, store: MemoryStore) -> None:
        """The text so far is saved at once, since no other process can continue a chat."""
        upstream = HeldUpstream(chat_answer("a b c d"))
        relay = Relay(SharedLog(shared), store, upstream)
        stream = relay.start("Hi", user="alice").stream
        assert upstream.held[0].reached.wait(PATIENCE)
        relay.close()
        assert relay.message(stream).status == "incomplete"
        assert relay.message(stream).facts == {"error": "Shutdown"}
        assert shared.jobs == {}

    def test_a_log_in_memory(self, store: MemoryStore) -> None:
        """Answers that have not been begun are saved too, and readers get the end."""
        upstream = HeldUpstream(KINDS["responses"].answer)
        relay = Relay(MemoryLog(), store, upstream, slots=1)
        begun, waiting = (relay.start("Hi", user="alice").stream for _ in range(2))
        assert upstream.held[0].reached.wait(PATIENCE)
        readings = [relay.iter(begun), relay.iter(waiting)]
        relay.close()
        for stream, reading in zip((begun, waiting), readings, strict=True):
            assert b"event: done" in b"".join(reading)
            assert relay.message(stream).status == "incomplete"
            assert relay.message(stream).facts == {"error": "Shutdown"}
        assert len(upstream.cancelled) == 1  # the one that was asked for continues upstream

    def test_a_log_in_memory_and_a_store_that_is_down(self, store: MemoryStore) -> None:
        """Closing does not wait for the store forever."""
        upstream = HeldUpstream(chat_answer("a b"))
        relay = Relay(MemoryLog(), store, upstream)
        stream = relay.start("Hi", user="alice").stream
        assert upstream.held[0].reached.wait(PATIENCE)
        store.is_down = True
        relay.close()
        store.is_down = False
        assert relay.message(stream).status == "running"

    def test_twice(self, shared: Server, store: MemoryStore) -> None:
        """The second call does nothing."""
        relay = Relay(SharedLog(shared), store, ScriptedUpstream([]))
        relay.close()
        relay.close()
        memory = Relay(MemoryLog(), store, ScriptedUpstream([]))
        memory.close()
        memory.close()

    def test_by_on_finish(self, store: MemoryStore) -> None:
        """One of the relay's own threads cannot close it, as a thread cannot wait for itself."""
        refused: list[str] = []

        def close(message: StoredMessage) -> None:
            with pytest.raises(RuntimeError, match="one of its own threads") as why:
                relay.close()
            refused.append(str(why.value))

        upstream = ScriptedUpstream(chat_answer("a b"))
        with Relay(MemoryLog(), store, upstream, on_finish=close) as relay:
            ended(relay, relay.start("Hi", user="alice").stream)
        assert len(refused) == 1

    def test_work_that_does_not_end(
        self,
        shared: Server,
        store: MemoryStore,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Its job is handed over after a timeout."""
        before = relay_threads()
        monkeypatch.setattr(workers, "_CLOSING_SECONDS", 0.01)
        entered, leaves = threading.Event(), threading.Event()

        class Stuck(ScriptedUpstream):
            def ask(self, question: Question) -> StreamerV2[Any, Any]:
                entered.set()
                assert leaves.wait(PATIENCE)
                return super().ask(question)

        relay = Relay(SharedLog(shared), store, Stuck(chat_answer("a b")))
        stream = relay.start("Hi", user="alice").stream
        assert entered.wait(PATIENCE)
        relay.close()
        assert shared.jobs[stream].is_free
        assert f"the work on {stream} did not end in time" in caplog.text
        leaves.set()
        join_new(before)

    def test_work_that_does_not_end_in_memory(
        self, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The job is not handed over, as no other process could take it; it ends later."""
        before = relay_threads()
        monkeypatch.setattr(workers, "_CLOSING_SECONDS", 0.01)
        entered, leaves = threading.Event(), threading.Event()

        def finish(message: StoredMessage) -> None:
            entered.set()
            assert leaves.wait(PATIENCE)

        upstream = ScriptedUpstream(chat_answer("a b"))
        log = MemoryLog()
        relay = Relay(log, store, upstream, on_finish=finish)
        stream = relay.start("Hi", user="alice").stream
        assert entered.wait(PATIENCE)
        relay.close()
        assert log.take(1, 0.0) == []
        leaves.set()
        join_new(before)
        assert relay.message(stream).status == "completed"

    def test_a_log_that_cannot_be_reached(
        self, shared: Server, store: MemoryStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The jobs are not handed over, so their leases have to expire."""
        upstream = HeldUpstream(KINDS["responses"].answer)
        relay = Relay(SharedLog(shared), store, upstream)
        stream = relay.start("Hi", user="alice").stream
        assert upstream.held[0].reached.wait(PATIENCE)
        shared.go_down()
        relay.close()
        assert not shared.jobs[stream].is_free
        assert f"{stream} could not be handed over" in caplog.text

    def test_a_job_that_is_taken_meanwhile(
        self, shared: Server, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A job taken while the relay is closing is handed over at once."""
        log = SharedLog(shared)
        taking, goes_on = threading.Event(), threading.Event()
        take: Callable[..., Sequence[Job]] = log.take

        def slow(limit: int, seconds: float = 1.0) -> Sequence[Job]:
            jobs = take(limit, 0.0)
            if jobs:
                taking.set()
                assert goes_on.wait(PATIENCE)
            return jobs

        monkeypatch.setattr(log, "take", slow)
        relay = Relay(log, store, ScriptedUpstream(chat_answer("a b")))
        stream = relay.start("Hi", user="alice").stream
        assert taking.wait(PATIENCE)
        closing = threading.Thread(target=relay.close)
        closing.start()
        while not relay._workers.is_closing:
            relay._workers._closing.wait(PATIENCE)
        goes_on.set()
        closing.join(PATIENCE)
        assert shared.jobs[stream].is_free
        assert [entry.kind for entry in shared.streams[stream]] == ["head"]
