"""What one reader gets."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeAlias

import pytest
from server import PATIENCE

from openai_scan.relay.entries import START, Entry, Place
from openai_scan.relay.frames import HEARTBEAT, Frames
from openai_scan.relay.reading import Reading
from openai_scan.relay.tail import Tail, Tails

Iterate: TypeAlias = Callable[[Reading], Iterator[bytes]]

BEGIN = b'retry: 1000\nevent: reset\ndata: {"text":""}\n\n'
AGAIN = b"retry: 1000\n:\n\n"
A = b'id: 1-1\nevent: delta\ndata: {"text":"a"}\n\n'
B = b'id: 1-2\nevent: delta\ndata: {"text":"b"}\n\n'
DONE = b"id: 1-4-end\nevent: done\ndata: {}\n\n"


@pytest.fixture
def tail() -> Tail:
    """Make a tail with one delta."""
    tail = Tail("stream")
    tail.push([Entry(1, 0, "begin"), Entry(1, 1, "delta", b'{"text":"a"}')])
    return tail


def more(tail: Tail) -> None:
    """Add the rest of an answer."""
    tail.push([Entry(1, 2, "delta", b'{"text":"b"}'), Entry(1, 3, "end"), Entry(1, 4, "done")])


def reading_of(tail: Tail, after: Place = START, heartbeat: float = PATIENCE) -> Reading:
    """Return a reading of a tail."""
    return Reading(Frames(), tail=tail, after=after, heartbeat=heartbeat)


def in_tasks(reading: Reading) -> Iterator[bytes]:
    """Iterate with `anext()`, in an event loop of its own for each step."""

    async def step() -> bytes | None:
        return await anext(reading, None)

    while (frames := asyncio.run(step())) is not None:
        yield frames


@pytest.fixture(params=[iter, in_tasks], ids=["for", "async for"])
def frames_of(request: pytest.FixtureRequest) -> Iterate:
    """Return a function that iterates over a reading."""
    iterate: Iterate = request.param
    return iterate


class TestFrames:
    """A reader gets what comes after its cursor."""

    def test_all(self, tail: Tail, frames_of: Iterate) -> None:
        """Each wait yields one piece, from the beginning to the end."""
        frames = frames_of(reading_of(tail))
        assert next(frames) == BEGIN
        assert next(frames) == A
        more(tail)
        assert next(frames) == B + DONE
        assert list(frames) == []

    def test_the_rest(self, tail: Tail, frames_of: Iterate) -> None:
        """A reader that reconnects gets what it has not received yet."""
        more(tail)
        assert list(frames_of(reading_of(tail, (1, 1)))) == [AGAIN, B + DONE]
        assert list(frames_of(reading_of(tail, (1, 3)))) == [AGAIN, DONE]

    def test_a_cursor_ahead(self, tail: Tail, frames_of: Iterate) -> None:
        """Such a cursor is from another log, so the answer starts over."""
        more(tail)
        assert list(frames_of(reading_of(tail, (7, 1)))) == [BEGIN, A + B + DONE]

    def test_what_readers_are_not_told(self, tail: Tail, frames_of: Iterate) -> None:
        """The reading skips entries without frames, and continues to wait."""
        tail.push([Entry(1, 2, "mark")])
        frames = frames_of(reading_of(tail, (1, 1), heartbeat=0.0))
        assert [next(frames), next(frames)] == [AGAIN, HEARTBEAT]

    def test_heartbeats(self, tail: Tail, frames_of: Iterate) -> None:
        """They are sent while there is nothing else to send."""
        frames = frames_of(reading_of(tail, (1, 1), heartbeat=0.0))
        assert [next(frames) for _ in range(3)] == [AGAIN, HEARTBEAT, HEARTBEAT]
        more(tail)
        assert list(frames) == [B + DONE]

    def test_the_log_cannot_be_read_any_more(self, tail: Tail, frames_of: Iterate) -> None:
        """The reader gets what there was, and the reading stops without an end."""
        frames = frames_of(reading_of(tail))
        assert [next(frames), next(frames)] == [BEGIN, A]
        tail.end()
        assert list(frames) == []
        assert list(frames_of(reading_of(tail))) == [BEGIN, A]

    def test_what_is_stored(self, frames_of: Iterate) -> None:
        """A stored answer is one piece, or nothing."""
        assert list(frames_of(Reading(Frames(), stored=b"all"))) == [b"all"]
        assert list(frames_of(Reading(Frames()))) == []

    def test_a_second_loop(self, tail: Tail, frames_of: Iterate) -> None:
        """It continues where the first loop stopped."""
        reading = reading_of(tail)
        assert next(frames_of(reading)) == BEGIN
        assert next(frames_of(reading)) == A
        more(tail)
        assert list(frames_of(reading)) == [B + DONE]
        assert list(frames_of(reading)) == []


class TestLettingGo:
    """A tail is kept as long as it has a reading."""

    def test_close(self, tail: Tail) -> None:
        """A closed reading yields nothing more."""
        with reading_of(tail) as reading:
            assert next(reading) == BEGIN
        reading.close()
        assert list(reading) == []
        stored = Reading(Frames(), stored=b"all")
        stored.close()
        assert list(stored) == []

    @pytest.mark.parametrize("steps", [0, 1, 2])
    def test_readings_that_are_dropped(self, steps: int) -> None:
        """A reading that is deleted without being closed releases its tail."""
        tails = Tails()
        tail = tails.open("stream")
        tail.push([Entry(1, 1, "delta", b"{}")])
        reading = reading_of(tail)
        del tail
        for _ in range(steps):
            next(reading)
        assert tails.get("stream") is not None
        del reading
        assert tails.get("stream") is None

    def test_the_end(self) -> None:
        """A finished reading releases its tail, although the reading itself still exists."""
        tails = Tails()
        tail = tails.open("stream")
        tail.push([Entry(1, 1, "done")])
        reading = reading_of(tail)
        del tail
        assert len(list(reading)) == 2
        assert tails.get("stream") is None

    def test_a_loop_that_is_left(self) -> None:
        """Leaving an `async for` loop releases the tail at once."""
        tails = Tails()

        async def main() -> None:
            tail = tails.open("stream")
            tail.push([Entry(1, 1, "delta", b"{}")])
            async for _ in reading_of(tail):
                break
            del tail
            assert tails.get("stream") is None

        asyncio.run(main())

    def test_a_task_that_is_cancelled(self) -> None:
        """If the task is cancelled while it waits, the tail is released."""
        tails = Tails()

        async def read(tail: Tail) -> None:
            async for _ in reading_of(tail):
                pass

        async def main() -> None:
            tail = tails.open("stream")
            task = asyncio.create_task(read(tail))
            while not tail._waiting:
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert tail._waiting == []

        asyncio.run(main())
        gc.collect()  # the error of the task refers to its frames
        assert tails.get("stream") is None

    def test_a_wait_that_takes_too_long(self, tail: Tail) -> None:
        """You can cancel a wait, and then continue to read."""

        async def main() -> bytes:
            reading = reading_of(tail, (1, 1))
            await anext(reading)
            wait = asyncio.ensure_future(anext(reading))
            while not tail._waiting:
                await asyncio.sleep(0)
            wait.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await wait
            more(tail)
            return await anext(reading)

        assert asyncio.run(main()) == B + DONE

    def test_closed_by_another_thread(self, tail: Tail) -> None:
        """The reading then ends instead of yielding another frame."""
        reading = reading_of(tail, (1, 1), heartbeat=0.0)
        next(reading)
        closed = threading.Thread(target=reading.close)
        closed.start()
        closed.join()
        assert list(reading) == []


def test_wrapping_in_a_generator(tail: Tail) -> None:
    """A reading is an iterator, so a server can use it directly or wrap it."""

    async def wrapped() -> AsyncIterator[bytes]:
        async for frames in reading_of(tail):
            yield frames

    async def main() -> list[bytes]:
        return [frames async for frames in wrapped()]

    more(tail)
    assert asyncio.run(main()) == [BEGIN, A + B + DONE]
    reading = reading_of(tail)
    assert iter(reading) is reading
    assert aiter(reading) is reading
