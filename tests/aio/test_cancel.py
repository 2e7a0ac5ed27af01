"""AsyncStreamerV2: how a stream is cancelled, and what becomes of one whose task is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
import threading
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
import trio
from async_sources import BUSY, Live, Renewable, Source, Watcher, chat, read_all
from loops import ASYNCIO, PATIENCE, TRIO, Loop, on_asyncio, on_every_loop, on_trio

from openai_scan import (
    Observer,
    Outcome,
    StreamCancelledError,
)
from openai_scan.aio import AsyncStreamerV2

# cancel().


@on_every_loop
async def test_cancel_before_the_first_event(loop: Loop) -> None:
    """A stream that is cancelled before it began does not touch its source."""
    source = Source(loop, *chat("a"))
    s = AsyncStreamerV2(source)
    s.cancel()
    assert not await s.next()
    assert (type(s.err()), s.outcome) == (StreamCancelledError, "cancelled")
    assert (source.left, source.closed) == ([], 1)


@on_every_loop
async def test_cancel_between_chunks(loop: Loop) -> None:
    """After cancel() not even events that had arrived are delivered."""
    s = AsyncStreamerV2(Source(loop, b"".join(chat("a", "b"))))
    assert await s.next()
    s.cancel()
    assert not await s.next()
    assert type(s.err()) is StreamCancelledError
    s = AsyncStreamerV2(Source(loop, *chat("a")))
    await read_all(s)
    s.cancel()
    assert (s.outcome, s.err()) == ("completed", None)


@on_every_loop
async def test_cancel_from_another_task(loop: Loop) -> None:
    """A reader that waits for its source returns at once, with the source's clean-up done."""
    source = Source(loop, *chat("a", finish=None), hold=True)
    s = AsyncStreamerV2(source)

    async def reader() -> None:
        assert await read_all(s) == ["a"]
        assert (type(s.err()), s.outcome) == (StreamCancelledError, "cancelled")
        assert [type(error) for error in source.left] == [loop.cancelled]
        assert source.closed == 1

    async def other() -> None:
        await source.waits.wait()
        await loop.pause()
        s.cancel()
        s.cancel()

    await loop.together(reader, other)
    s.cancel()  # no one waits
    assert s.outcome == "cancelled"


@on_every_loop
async def test_cancel_from_a_thread(loop: Loop) -> None:
    """Another thread can cancel a stream while its reader waits."""
    source = Source(loop, *chat("a", finish=None), hold=True)
    waits = threading.Event()
    s = AsyncStreamerV2(source)

    def other() -> None:
        assert waits.wait(PATIENCE)
        s.cancel()

    async def tell() -> None:
        await source.waits.wait()
        await loop.pause()
        waits.set()

    thread = threading.Thread(target=other)
    thread.start()
    await loop.together(functools.partial(read_all, s), tell)
    thread.join()
    assert type(s.err()) is StreamCancelledError


@on_every_loop
async def test_a_generator_that_another_task_reads_is_woken(loop: Loop) -> None:
    """It cannot be closed from outside, so close() interrupts its wait, and it cleans up."""
    steps: list[str] = []
    waits = loop.flag()

    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield chat("a")[0]
            waits.set()
            await loop.flag().wait()
        finally:
            steps.append("cleaned up")

    s = AsyncStreamerV2(chunks())

    async def read() -> None:
        assert await read_all(s) == ["a"]

    async def close() -> None:
        await waits.wait()
        await s.close()

    await loop.together(read, close)
    assert (s.outcome, s.err(), steps) == ("cancelled", None, ["cleaned up"])


@on_every_loop
async def test_cancel_just_before_the_wait(loop: Loop) -> None:
    """The wait that begins after cancel() is interrupted as well."""

    class Unlucky(Source):
        """A source whose stream another thread cancels just before the wait begins."""

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self

        def __anext__(self) -> Awaitable[Any]:
            s.cancel()
            return loop.flag().wait()

    s = AsyncStreamerV2(Unlucky(loop))
    assert await read_all(s) == []
    assert type(s.err()) is StreamCancelledError


@on_every_loop
async def test_cancel_while_chunks_come_without_a_wait(loop: Loop) -> None:
    """A source that never waits is read no further after cancel()."""

    async def chunks() -> AsyncIterator[bytes]:
        yield chat("a")[0]
        s.cancel()
        yield b": ping\n\n"

    async with AsyncStreamerV2(chunks()) as s:
        assert await read_all(s) == ["a"]
        assert type(s.err()) is StreamCancelledError


@on_every_loop
async def test_cancel_lets_the_source_clean_up(loop: Loop) -> None:
    """A source that awaits something in its clean-up is interrupted once only."""
    steps = []
    waits = loop.flag()

    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield chat("a")[0]
            waits.set()
            await loop.flag().wait()
        finally:
            steps.append("began")
            with _shielded(loop):
                for _ in range(3):
                    await loop.pause()
            steps.append("done")

    s = AsyncStreamerV2(chunks())

    async def other() -> None:
        await waits.wait()
        for _ in range(3):
            s.cancel()
            await loop.pause()

    await loop.together(functools.partial(read_all, s), other)
    assert steps == ["began", "done"]
    assert type(s.err()) is StreamCancelledError


def _shielded(loop: Loop) -> contextlib.AbstractContextManager[object]:
    """Return what protects a clean-up that awaits: on Trio, a cancelled scope stays cancelled."""
    return trio.CancelScope(shield=True) if loop is TRIO else contextlib.nullcontext()


@pytest.mark.parametrize("after", [None, OSError("it was shut down")], ids=["nothing", "OSError"])
@on_every_loop
async def test_cancel_of_a_source_that_swallows_the_interruption(
    after: Exception | None, loop: Loop
) -> None:
    """The stream is cancelled however the source reacts, and what it yields then is dropped."""
    waits = loop.flag()

    async def chunks() -> AsyncIterator[bytes]:
        yield chat("a")[0]
        waits.set()
        with contextlib.suppress(loop.cancelled):
            await loop.flag().wait()
        if after is not None:
            raise after
        yield chat("b")[0]

    s = AsyncStreamerV2(chunks())

    async def other() -> None:
        await waits.wait()
        await loop.pause()
        s.cancel()

    async def reader() -> None:
        async with s:
            assert await read_all(s) == ["a"]
            error = s.err()
            assert isinstance(error, StreamCancelledError)
            assert (error.__cause__ is None) == (after is None)

    await loop.together(reader, other)


@on_every_loop
async def test_cancel_of_a_live_source_is_its_own_affair(loop: Loop) -> None:
    """A live source is told, and wakes its reader itself: its read is not interrupted."""

    class Slow(Live):
        """It needs time to say goodbye to its server."""

        def cancel(self) -> None:
            self.told.append("cancel")

    source = Slow(loop, *chat("a", finish=None))
    s = AsyncStreamerV2(source)

    async def other() -> None:
        await source.waits.wait()
        s.cancel()
        for _ in range(3):
            await loop.pause()
        assert source.left == []
        source.woken.set()

    async def reader() -> None:
        assert await read_all(s) == ["a"]

    await loop.together(reader, other)
    assert type(s.err()) is StreamCancelledError
    assert (source.told, source.left) == (["heard", "cancel"], ["woken"])


@on_every_loop
async def test_cancel_wakes_a_live_source(loop: Loop) -> None:
    """It may wake its reader at once."""
    source = Live(loop, *chat("a", finish=None))
    s = AsyncStreamerV2(source)

    async def other() -> None:
        await source.waits.wait()
        s.cancel()

    await loop.together(functools.partial(read_all, s), other)
    assert type(s.err()) is StreamCancelledError
    assert (source.told, source.left) == (["heard", "cancel"], ["woken"])


@on_every_loop
async def test_live_source_is_notified_of_the_grace(loop: Loop) -> None:
    """After a terminal event without `[DONE]` a live source is told how long it may continue."""
    source = Live(loop, *chat("a")[:-1])
    s = AsyncStreamerV2(source)
    assert await read_all(s) == ["a", None]
    assert (s.outcome, source.told) == ("completed", ["heard", 2.0, "heard"])


# Cancelled tasks.


@on_every_loop
async def test_cancelled_task_leaves_the_source_closed(loop: Loop) -> None:
    """The exception leaves next() as it is; the source is closed, and the stream is cancelled."""
    source = Source(loop, *chat("a", finish=None), hold=True)
    s = AsyncStreamerV2(source)
    watcher = Watcher()
    s.observe(watcher)
    caught: list[BaseException] = []

    async def reader() -> None:
        try:
            await read_all(s)
        except BaseException as error:
            caught.append(error)
            raise

    raised = await loop.cancelling(reader, source.waits)
    assert caught == [raised]
    assert type(raised) is loop.cancelled
    assert source.left == [raised]
    assert source.closed == 1
    assert (s.outcome, s.err(), await s.next()) == ("cancelled", None, False)
    assert watcher.told == ["began", "a", "cancelled"]


@on_every_loop
async def test_exception_of_a_cancelled_task_is_the_same_object(loop: Loop) -> None:
    """What the source saw is what leaves next(), not a copy."""
    source = Source(loop, hold=True)
    s = AsyncStreamerV2(source)
    raised = await loop.cancelling(s.next, source.waits)
    assert len(source.left) == 1
    assert source.left[0] is raised


@pytest.mark.parametrize("with_block", [False, True], ids=["bare", "async with"])
@on_every_loop
async def test_nothing_replaces_the_exception_of_a_cancelled_task(
    with_block: bool, loop: Loop
) -> None:
    """What closing the source or an observer raises does not hide that the task was cancelled."""

    class Broken(Source, Observer):
        """Nothing can be ended."""

        async def aclose(self) -> None:
            self.closed += 1
            raise OSError("it is stuck")

        def ended(self, *_: object) -> None:
            raise LookupError("mine")

    source, chained = Broken(loop, hold=True), Broken(loop)
    s = AsyncStreamerV2(source)
    s.chain(chained)
    s.observe(source)

    async def reader() -> None:
        if with_block:
            async with s:
                await s.next()
        await s.next()

    raised = await loop.cancelling(reader, source.waits)
    assert type(raised) is loop.cancelled
    assert source.closed > 0
    assert chained.closed == 1


@on_every_loop
async def test_task_is_cancelled_while_it_closes(loop: Loop) -> None:
    """A source that takes its time to close is left, and everything else is closed none the less.

    That is so between two streams, too, where the next one has not been read yet.
    """

    class Slow(Renewable):
        """A source that is never done with closing."""

        async def aclose(self) -> None:
            self.closed += 1
            self.waits.set()
            await loop.flag().wait()

        async def after_the_chunks(self) -> None:
            """End at once."""

    first, second, third = Slow(loop), Source(loop, *chat("a")), Source(loop)
    s = AsyncStreamerV2(first)
    s.chain(second)
    raised = await loop.cancelling(s.close, first.waits)
    assert type(raised) is loop.cancelled
    assert (first.closed, second.closed) == (1, 1)

    first = Slow(loop, BUSY)
    first.retries = second = Source(loop, *chat("a"))
    s = AsyncStreamerV2(first)
    s.chain(third)

    async def reader() -> None:
        async with s:
            await s.next()

    raised = await loop.cancelling(reader, first.waits)
    assert type(raised) is loop.cancelled
    assert first.closed == 1
    assert second.closed > 0
    assert third.closed == 1
    assert (s.outcome, s.err()) == ("cancelled", None)


@on_every_loop
async def test_task_is_cancelled_while_a_successor_decides(loop: Loop) -> None:
    """The stream has ended as it would have without the successor, and its source is closed."""
    source, waits = Source(loop, *chat("a")), loop.flag()

    async def successor(_s: AsyncStreamerV2, _outcome: Outcome) -> Any:
        waits.set()
        await loop.flag().wait()

    s = AsyncStreamerV2(source)
    s.chain_from(successor)
    await loop.cancelling(functools.partial(read_all, s), waits)
    assert (s.outcome, s.err(), await s.next()) == ("completed", None, False)
    assert source.closed == 1


@on_every_loop
async def test_task_is_cancelled_after_the_answer_was_whole(loop: Loop) -> None:
    """A stream that has shown its end is judged by what it said."""
    source = Source(loop, *chat("a")[:-1], hold=True)
    s = AsyncStreamerV2(source)
    await loop.cancelling(functools.partial(read_all, s), source.waits)
    assert (s.outcome, s.err(), (await s.final()).text) == ("completed", None, "a")


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("loop", [ASYNCIO, TRIO], ids=["asyncio", "trio"])
def test_interrupt_is_not_swallowed(loop: Loop, again: bool) -> None:
    """Ctrl-C in a source comes through, also while the source is being closed because of one."""

    class Interrupted(Source):
        """It is interrupted while it is closed, too."""

        async def aclose(self) -> None:
            await super().aclose()
            if again:
                raise KeyboardInterrupt("again")

    source = Interrupted(loop, *chat("a", finish=None), error=KeyboardInterrupt("once"))
    s = AsyncStreamerV2(source)
    with pytest.raises(KeyboardInterrupt, match="again" if again else "once"):
        loop.run(functools.partial(read_all, s))
    assert (source.closed, s.outcome) == (1, "cancelled")


@on_every_loop
async def test_coroutine_that_is_closed(loop: Loop) -> None:
    """If no task awaits next() any longer, the source can clean up; nothing is awaited."""
    source = Source(loop, *chat("a", finish=None), hold=True)
    s = AsyncStreamerV2(source)
    assert await s.next()
    step = s.next()
    step.send(None)
    step.close()
    assert [type(error) for error in source.left] == [GeneratorExit]
    assert source.closed == 0
    await s.close()
    assert (s.outcome, source.closed) == ("cancelled", 1)


@on_every_loop
async def test_only_one_task_may_read(loop: Loop) -> None:
    """A second reader is refused at once, and the first one is not disturbed."""
    source = Source(loop, *chat("a", finish=None), hold=True)
    s = AsyncStreamerV2(source)

    async def first() -> None:
        assert await read_all(s) == ["a"]
        assert type(s.err()) is StreamCancelledError

    async def second() -> None:
        await source.waits.wait()
        with pytest.raises(RuntimeError) as caught:
            await s.next()
        assert str(caught.value) == (
            "another task is reading this stream; only one may read at a time"
        )
        s.cancel()

    await loop.together(first, second)


# What only asyncio has.

since_3_11 = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="asyncio counts cancellations since Python 3.11"
)


@on_asyncio
async def test_wait_for_ends_the_stream() -> None:
    """A read that takes too long is a TimeoutError; the source is closed."""
    source = Source(ASYNCIO, *chat("a", finish=None), hold=True)
    s = AsyncStreamerV2(source)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(read_all(s), 0.001)
    assert (s.outcome, s.err(), source.closed) == ("cancelled", None, 1)


@since_3_11
@on_asyncio
async def test_timeout_ends_the_stream() -> None:
    """`asyncio.timeout` recognises its own cancellation, which has not been changed."""
    source = Source(ASYNCIO, *chat("a", finish=None), hold=True)
    s = AsyncStreamerV2(source)

    async def expire(limit: asyncio.Timeout) -> None:
        await source.waits.wait()
        limit.reschedule(0)

    async def read() -> None:
        async with asyncio.timeout(None) as limit:
            tasks.append(asyncio.create_task(expire(limit)))
            await read_all(s)

    tasks: list[asyncio.Task[None]] = []
    with pytest.raises(TimeoutError):
        await read()
    await tasks[0]
    assert (s.outcome, s.err(), source.closed) == ("cancelled", None, 1)
    assert _requests_to_stop() == 0


@since_3_11
@on_asyncio
async def test_task_group_ends_the_stream() -> None:
    """If another task of its group fails, the reader is cancelled."""
    source = Source(ASYNCIO, *chat("a", finish=None), hold=True)
    s = AsyncStreamerV2(source)

    async def fail() -> None:
        await source.waits.wait()
        raise ZeroDivisionError

    async def read() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(read_all(s))
            group.create_task(fail())

    with pytest.raises(Exception, match="unhandled errors") as caught:
        await read()
    assert _types_in(caught.value) == [ZeroDivisionError]
    assert (s.outcome, s.err(), source.closed) == ("cancelled", None, 1)


@since_3_11
@pytest.mark.parametrize("task_first", [True, False])
@on_asyncio
async def test_task_and_stream_are_cancelled_at_once(task_first: bool) -> None:
    """The cancellation of the task comes first, because the code that cancelled it relies on it."""
    source = Source(ASYNCIO, *chat("a", finish=None), hold=True)
    s = AsyncStreamerV2(source)
    task = asyncio.create_task(read_all(s))
    await source.waits.wait()
    await ASYNCIO.pause()
    if task_first:
        task.cancel()
        s.cancel()
    else:  # the source is interrupted, and the task has not run since
        s.cancel()
        asyncio.get_running_loop().call_soon(task.cancel)
    await asyncio.wait([task])
    assert task.cancelled()
    assert (s.outcome, s.err(), source.closed) == ("cancelled", None, 1)


@since_3_11
@on_asyncio
async def test_earlier_cancellations_of_the_task_do_not_matter() -> None:
    """A task that was cancelled and continued is distinguished from one cancelled now."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ASYNCIO.pause()
    source = Source(ASYNCIO, *chat("a", finish=None), hold=True)
    s = AsyncStreamerV2(source)

    async def cancel() -> None:
        await source.waits.wait()
        s.cancel()

    other = asyncio.create_task(cancel())
    assert await read_all(s) == ["a"]
    assert type(s.err()) is StreamCancelledError
    await other
    assert _requests_to_stop() == task.uncancel() + 1 == 1


@since_3_11
@on_asyncio
async def test_cancel_of_a_source_with_a_timeout_and_a_group() -> None:
    """A source may use what asyncio has for structure: it sees a cancellation like any other."""
    waits, steps = asyncio.Event(), []

    async def child() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            steps.append("child")

    async def chunks() -> AsyncIterator[bytes]:
        yield chat("a")[0]
        try:
            async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
                group.create_task(child())
                await asyncio.sleep(0)
                waits.set()
                await asyncio.Event().wait()
        finally:
            steps.append("source")

    s = AsyncStreamerV2(chunks())
    task = asyncio.create_task(read_all(s))
    await waits.wait()
    s.cancel()
    assert await task == ["a"]
    assert type(s.err()) is StreamCancelledError
    assert steps == ["child", "source"]
    assert task.cancelling() == 0


@on_asyncio
async def test_source_that_cancels_is_not_taken_for_cancel() -> None:
    """A CancelledError of the source's own tasks leaves next() like any other."""

    class Delegating(Source):
        """It awaits a task of its own, which is cancelled."""

        async def after_the_chunks(self) -> None:
            task = asyncio.create_task(asyncio.Event().wait())
            asyncio.get_running_loop().call_soon(task.cancel)
            await task

    s = AsyncStreamerV2(Delegating(ASYNCIO))
    with pytest.raises(asyncio.CancelledError):
        await s.next()
    assert (s.outcome, s.err()) == ("cancelled", None)


@on_asyncio
async def test_cancel_of_a_source_that_only_pauses() -> None:
    """A source that waits for no future but looks again and again is interrupted as well."""

    class Polling:
        """It looks for news in every round of the event loop."""

        rounds = 0
        left_in: tuple[int, ...] = ()

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self

        async def __anext__(self) -> bytes:
            try:
                while True:
                    self.rounds += 1
                    await asyncio.sleep(0)
                    seen.set()
            except asyncio.CancelledError:
                self.left_in = (self.rounds,)
                await asyncio.sleep(0)  # it is not interrupted again
                self.left_in = (*self.left_in, self.rounds)
            raise StopAsyncIteration

    seen, source = asyncio.Event(), Polling()
    s = AsyncStreamerV2(source)
    task = asyncio.create_task(s.next())
    await seen.wait()
    s.cancel()
    assert not await task
    assert type(s.err()) is StreamCancelledError
    assert source.left_in == (source.rounds, source.rounds)


# What only Trio has.


@on_trio
async def test_deadline_ends_the_stream() -> None:
    """A read that takes too long is cut off by its cancel scope; the source is closed."""
    source = Source(TRIO, *chat("a", finish=None), hold=True)
    s = AsyncStreamerV2(source)
    with trio.move_on_after(0.001) as scope:
        await read_all(s)
    assert scope.cancelled_caught
    assert (s.outcome, s.err(), source.closed) == ("cancelled", None, 1)


@on_trio
async def test_nursery_ends_the_stream() -> None:
    """If another task of its nursery fails, the reader is cancelled."""
    source = Source(TRIO, *chat("a", finish=None), hold=True)
    s = AsyncStreamerV2(source)

    async def fail() -> None:
        await source.waits.wait()
        raise ZeroDivisionError

    with pytest.raises(Exception, match="nursery") as caught:
        await TRIO.together(functools.partial(read_all, s), fail)
    assert _types_in(caught.value) == [ZeroDivisionError]
    assert (s.outcome, s.err(), source.closed) == ("cancelled", None, 1)


@pytest.mark.parametrize("task_first", [True, False])
@on_trio
async def test_scope_and_stream_are_cancelled_at_once(task_first: bool) -> None:
    """The cancellation of the task comes first, as on asyncio."""
    source = Source(TRIO, *chat("a", finish=None), hold=True)
    s = AsyncStreamerV2(source)
    scope = trio.CancelScope()

    async def reader() -> None:
        with scope:
            await read_all(s)

    async def other() -> None:
        await source.waits.wait()
        if task_first:
            scope.cancel()
        s.cancel()
        if not task_first:
            scope.cancel()

    await TRIO.together(reader, other)
    assert scope.cancelled_caught
    assert (s.outcome, s.err(), source.closed) == ("cancelled", None, 1)


@on_trio
async def test_cancel_of_a_source_with_a_nursery() -> None:
    """A source may use nurseries around what it waits for."""
    waits, steps = trio.Event(), []

    async def child() -> None:
        try:
            await trio.sleep_forever()
        finally:
            steps.append("child")

    async def chunks() -> AsyncIterator[bytes]:
        yield chat("a")[0]
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(child)
                waits.set()
                await trio.sleep_forever()
        finally:
            steps.append("source")

    s = AsyncStreamerV2(chunks())

    async def other() -> None:
        await waits.wait()
        s.cancel()

    await TRIO.together(functools.partial(read_all, s), other)
    assert type(s.err()) is StreamCancelledError
    assert steps == ["child", "source"]


def _types_in(group: Any) -> list[type[BaseException]]:
    """Return the classes of the errors in an exception group, of any version of Python."""
    return [type(error) for error in group.exceptions]


def _requests_to_stop() -> int:
    """Return how often the current task has been cancelled."""
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()
