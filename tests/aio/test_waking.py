"""The waker, in cases that no test of a whole stream reaches."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Generator
from typing import Any

import pytest
import trio
from loops import ASYNCIO, TRIO

from openai_scan.aio.waking import Waker, Woken


class Waiting:
    """An awaitable that waits for *what* and returns what it is sent."""

    def __init__(self, what: Any) -> None:
        self.what = what

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield self.what)


def by_hand(waker: Waker, awaitable: Any) -> Generator[Any, Any, Any]:
    """Return the wait as what an event loop steps through."""
    return waker.wait(awaitable).__await__()


def test_what_is_awaited_is_passed_on() -> None:
    """The event loop gets to see what the source waits for, and the source what comes of it."""
    steps = by_hand(Waker(), Waiting("what"))
    assert next(steps) == "what"
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value is None
    steps = by_hand(Waker(), Waiting("what"))
    next(steps)
    with pytest.raises(KeyError, match="mine"):
        steps.throw(KeyError("mine"))


def test_wake_after_the_loop_has_ended() -> None:
    """No task waits any longer, so there is none to wake."""
    loop = asyncio.new_event_loop()
    waker = Waker()
    steps = by_hand(waker, loop.create_future())
    next(steps)
    loop.close()
    waker.wake()
    steps.close()


def test_wake_after_trio_has_ended() -> None:
    """Waking does nothing if Trio has ended after another thread looked up the wait."""
    waker = Waker()
    interrupts = []

    async def main() -> None:
        steps = by_hand(waker, trio.Event().wait())
        next(steps)
        interrupts.append(waker._interrupt)
        steps.close()

    TRIO.run(main)
    waker._interrupt = interrupts[0]
    waker.wake()


def test_wake_comes_too_late_for_a_future() -> None:
    """A future that is done is not cancelled, and the next one is."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        first, second = loop.create_future(), loop.create_future()

        async def source() -> None:
            await first
            await second

        waker = Waker()
        task = asyncio.create_task(_wait(waker, source()))
        await asyncio.sleep(0)
        first.set_result(None)
        waker.wake()
        with pytest.raises(Woken):
            await task
        assert second.cancelled()

    ASYNCIO.run(main)


def test_task_that_no_one_counts() -> None:
    """A coroutine that a callback steps through by hand, outside of any task, can be woken."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        waker = Waker()
        steps = by_hand(waker, future)
        loop.call_soon(next, steps)
        await asyncio.sleep(0)
        waker.wake()
        await asyncio.sleep(0)
        with pytest.raises(Woken):
            steps.throw(asyncio.CancelledError)

    ASYNCIO.run(main)


def test_trio_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Trio has not been imported, it is not looked for."""
    monkeypatch.delitem(sys.modules, "trio")

    async def main() -> None:
        waker = Waker()
        task = asyncio.create_task(_wait(waker, asyncio.Event().wait()))
        await asyncio.sleep(0)
        waker.wake()
        with pytest.raises(Woken):
            await task

    ASYNCIO.run(main)


async def _wait(waker: Waker, awaitable: Any) -> object:
    return await waker.wait(awaitable)
