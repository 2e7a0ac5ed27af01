"""What a process knows of a log, and which readers it wakes."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar
from unittest import mock

import pytest
import trio
import uvloop
from server import PATIENCE

from openai_scan.relay.entries import START, Entry, EntryKind
from openai_scan.relay.tail import Tail, Tails, _Waker

T = TypeVar("T")


class Run(Protocol):
    """Runs a coroutine in an event loop."""

    def __call__(self, main: Coroutine[Any, Any, T], /) -> T:
        """Return the coroutine's result."""


def entry(epoch: int, seq: int, kind: EntryKind = "delta") -> Entry:
    """Return an entry."""
    return Entry(epoch, seq, kind)


@pytest.fixture
def tail() -> Tail:
    """Make a tail with two entries."""
    tail = Tail("stream")
    tail.push([entry(1, 1), entry(1, 2)])
    return tail


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Return a function that runs coroutines, in either event loop."""
    loop = request.param()
    yield loop.run_until_complete
    loop.close()


async def until_waiting(tail: Tail, count: int = 1) -> None:
    """Let other tasks run until *count* of them wait for a tail."""
    while len(tail._waiting) < count:
        await asyncio.sleep(0)


class TestEntries:
    """Entries are added once, in order."""

    def test_what_is_new(self, tail: Tail) -> None:
        """Entries that are repeated, or older than a takeover, are left out."""
        tail.push([entry(1, 2), entry(1, 3), entry(2, 0), entry(1, 9), entry(2, 1)])
        places = [each.place for each in tail.entries]
        assert places == [(1, 1), (1, 2), (1, 3), (2, 0), (2, 1)]
        assert not tail.is_over

    def test_done(self, tail: Tail) -> None:
        """It is the last entry, whatever a process writes that takes over later."""
        tail.push([entry(1, 3, "done"), entry(2, 0, "begin")])
        tail.push([entry(2, 1, "done")])
        assert tail.entries[-1] == entry(1, 3, "done")
        assert tail.is_whole
        assert tail.is_over

    def test_the_log_cannot_be_read_any_more(self, tail: Tail) -> None:
        """The tail is over, although it is not whole."""
        tail.end()
        assert tail.is_over
        assert not tail.is_whole
        assert not Tail("empty").is_whole

    @pytest.mark.parametrize(
        ("place", "position"),
        [(START, 0), ((0, 9), 0), ((1, 0), 0), ((1, 1), 1), ((1, 2), 2), ((1, 3), 0), ((2, 0), 0)],
    )
    def test_cursors(self, tail: Tail, place: tuple[int, int], position: int) -> None:
        """A known place is found; one that is ahead of all entries means the beginning."""
        assert tail.position_of(place) == position

    def test_a_cursor_in_an_earlier_epoch(self, tail: Tail) -> None:
        """The next entry is from the later epoch."""
        tail.push([entry(3, 0)])
        assert tail.position_of((1, 2)) == 2
        assert tail.position_of((2, 7)) == 2
        assert Tail("empty").position_of((1, 1)) == 0


class TestThreads:
    """A thread waits for entries."""

    def test_there_are_some(self, tail: Tail) -> None:
        """If there are entries already, it does not wait."""
        assert tail.wait(1) == [entry(1, 2)]

    def test_in_time(self, tail: Tail) -> None:
        """If none arrives in time, the result is empty."""
        assert tail.wait(2, 0.0) == []

    @pytest.mark.parametrize("end", [Tail.end, lambda tail: tail.push([entry(1, 3)])])
    def test_waking(self, tail: Tail, end: Callable[[Tail], None]) -> None:
        """Waiting threads continue when entries arrive or the tail ends."""
        with ThreadPoolExecutor(3) as threads:
            waits = [threads.submit(tail.wait, 2) for _ in range(3)]
            end(tail)
            found = [wait.result(PATIENCE) for wait in waits]
        assert found == [tail.entries[2:]] * 3


class TestTasks:
    """A task waits for entries, on any event loop."""

    def test_there_are_some(self, tail: Tail, run: Run) -> None:
        """If there are entries already, it does not wait."""
        assert run(tail.wait_async(1)) == [entry(1, 2)]

    def test_in_time(self, tail: Tail, run: Run) -> None:
        """If none arrives in time, the result is empty, and nothing remains of the wait."""
        assert run(tail.wait_async(2, 0.0)) == []
        assert tail._waiting == []

    @pytest.mark.parametrize("end", [Tail.end, lambda tail: tail.push([entry(1, 3)])])
    def test_waking(self, tail: Tail, run: Run, end: Callable[[Tail], None]) -> None:
        """Another thread wakes all tasks."""

        async def main() -> list[Sequence[Entry]]:
            waits = [asyncio.ensure_future(tail.wait_async(2, PATIENCE)) for _ in range(3)]
            await until_waiting(tail, 3)
            await asyncio.to_thread(end, tail)
            return await asyncio.gather(*waits)

        assert run(main()) == [tail.entries[2:]] * 3
        assert tail._waiting == []

    def test_one_call_wakes_many(
        self, tail: Tail, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One call into an event loop wakes all tasks that are due in one of its turns."""
        calls: list[int] = []
        wake = _Waker._run

        def counted(waker: _Waker, loop: asyncio.AbstractEventLoop) -> None:
            calls.append(1)
            wake(waker, loop)

        monkeypatch.setattr(_Waker, "_run", counted)

        async def main() -> None:
            tails = [Tail("a"), Tail("b"), tail]
            waits = [asyncio.ensure_future(each.wait_async(2, PATIENCE)) for each in tails]
            for each in tails:
                await until_waiting(each)
            for each in tails:  # the loop has no turn in between
                each.end()
            await asyncio.gather(*waits)

        run(main())
        assert calls == [1]

    def test_a_loop_that_has_just_been_woken(self) -> None:
        """Tasks that are due shortly afterwards are woken together, a moment later."""
        loop = mock.Mock()
        waker, woken = _Waker(), [mock.Mock() for _ in range(3)]
        for future in woken:
            future.get_loop.return_value = loop
            future.done.return_value = False
        for time, number in ((10.0, 0), (10.001, 1), (10.002, 2)):
            loop.time.return_value = time
            waker.wake(woken[number])
            if loop.call_soon_threadsafe.call_args is not None:
                come, *arguments = loop.call_soon_threadsafe.call_args.args
                loop.call_soon_threadsafe.call_args = None
                come(*arguments)
        assert [len(each.set_result.mock_calls) for each in woken] == [1, 0, 0]
        ((seconds, run, *arguments), _) = loop.call_later.call_args
        assert seconds == pytest.approx(0.009)
        run(*arguments)
        assert [len(each.set_result.mock_calls) for each in woken] == [1, 1, 1]
        assert loop.call_later.call_count == 1

    def test_a_task_that_is_cancelled(self, tail: Tail, run: Run) -> None:
        """Nothing remains of its wait, and a wake-up that comes too late does nothing."""

        async def main() -> None:
            first, second = (asyncio.ensure_future(tail.wait_async(2, PATIENCE)) for _ in range(2))
            await until_waiting(tail, 2)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert len(tail._waiting) == 1
            tail.end()
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second

        run(main())
        assert tail._waiting == []

    def test_many_loops(self, tail: Tail) -> None:
        """Tasks of several loops are each woken in their own loop."""
        waiting = threading.Barrier(4, timeout=PATIENCE)

        async def main() -> Sequence[Entry]:
            wait = asyncio.ensure_future(tail.wait_async(2, PATIENCE))
            await asyncio.sleep(0)
            waiting.wait()
            return await wait

        with ThreadPoolExecutor(3) as threads:
            runs = [threads.submit(asyncio.run, main()) for _ in range(3)]
            waiting.wait()
            tail.push([entry(1, 3)])
            assert [run.result(PATIENCE) for run in runs] == [[entry(1, 3)]] * 3

    def test_a_loop_that_is_closed(self, tail: Tail) -> None:
        """Its tasks are not woken, nothing keeps the loop alive, and other loops can still wait."""
        loop = asyncio.new_event_loop()
        gone = weakref.ref(loop)
        task = loop.create_task(tail.wait_async(2))
        loop.run_until_complete(asyncio.sleep(0))
        waker = _Waker.of(loop)
        loop.close()
        tail.push([entry(1, 3)])
        tail.push([entry(1, 4)])
        assert not waker._due
        task._log_destroy_pending = False  # type: ignore[attr-defined] # as intended
        del task, loop, waker
        gc.collect()
        assert gone() is None
        assert asyncio.run(tail.wait_async(2)) == [entry(1, 3), entry(1, 4)]

    def test_trio(self, tail: Tail) -> None:
        """With trio, the error says what to do instead."""
        with pytest.raises(RuntimeError, match="with `for` in a thread"):
            trio.run(tail.wait_async, 1)


class TestTails:
    """A process has a tail for each stream that is read."""

    def test_readers_share_it(self) -> None:
        """All readers of a stream have the same one."""
        tails = Tails()
        tail = tails.open("a")
        assert tails.open("a") is tail
        assert tails.get("a") is tail
        assert tails.open("b") is not tail
        assert tail.stream == "a"

    def test_it_goes_with_its_readers(self) -> None:
        """A tail exists as long as a reader has it."""
        tails = Tails()
        first = second = tails.open("a")
        del first
        assert tails.get("a") is second
        del second
        assert tails.get("a") is None
        assert tails.unfinished() == []

    def test_unfinished_ones(self) -> None:
        """Tails that are over are not among them."""
        tails = Tails()
        going, whole, ended = (tails.open(stream) for stream in "abc")
        whole.push([entry(1, 1, "done")])
        ended.end()
        assert tails.unfinished() == [going]

    def test_a_log_that_can_be_read_again(self) -> None:
        """A tail that was ended is replaced, but not one that is whole."""
        tails = Tails()
        ended, whole = tails.open("a"), tails.open("b")
        ended.end()
        whole.push([entry(1, 1, "done")])
        assert tails.open("a") is not ended
        assert tails.open("b") is whole
