"""asyncio and Trio, as far as the tests of asynchronous streams need both."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias, TypeVar

import pytest
import trio

T = TypeVar("T")

# A test that would wait forever fails after so many seconds; it never waits that long.
PATIENCE = 30


class Flag(Protocol):
    """An event of either library."""

    def set(self) -> object:
        """Wake those who wait."""

    async def wait(self) -> object:
        """Wait until it is set."""


class Loop(Protocol):
    """An event loop, by what the tests do with it.

    Attributes:
        cancelled: What is raised in a task that is cancelled.
    """

    cancelled: type[BaseException]

    def run(self, main: Callable[[], Awaitable[T]]) -> T:
        """Run *main* in a loop of its own, and return what it returns."""

    def flag(self) -> Flag:
        """Return an event that is not set."""

    async def pause(self) -> None:
        """Let other tasks run."""

    async def together(self, *functions: Callable[[], Awaitable[object]]) -> None:
        """Run *functions* in a task each, until all have returned."""

    async def cancelling(
        self, function: Callable[[], Awaitable[object]], when: Flag
    ) -> BaseException:
        """Run *function* in a task, and cancel it *when* a flag is set.

        Returns:
            The exception that left *function*. It is not replaced by another one on its way.
        """


class When:
    """A flag that is set as soon as something is the case, which is looked at again and again."""

    def __init__(self, loop: Loop, happened: Callable[[], bool]) -> None:
        self._loop = loop
        self._happened = happened

    def set(self) -> None:
        """Nothing sets it by hand."""

    async def wait(self) -> None:
        """See `Flag`."""
        while not self._happened():
            await self._loop.pause()


def in_a_moment(loop: Loop) -> When:
    """Return a flag that is set when the other tasks have had many turns."""
    turns = iter([False] * 20)
    return When(loop, lambda: next(turns, True))


class Asyncio:
    """asyncio."""

    cancelled: type[BaseException] = asyncio.CancelledError

    def run(self, main: Callable[[], Awaitable[T]]) -> T:
        """See `Loop`."""

        async def patient() -> T:
            return await asyncio.wait_for(main(), PATIENCE)

        return asyncio.run(patient())

    def flag(self) -> Flag:
        """See `Loop`."""
        return asyncio.Event()

    async def pause(self) -> None:
        """See `Loop`. A future is waited for, as with a real source; `sleep(0)` has none."""
        loop = asyncio.get_running_loop()
        flag = asyncio.Event()
        loop.call_soon(flag.set)
        await flag.wait()

    async def together(self, *functions: Callable[[], Awaitable[object]]) -> None:
        """See `Loop`."""
        await asyncio.gather(*(function() for function in functions))

    async def cancelling(
        self, function: Callable[[], Awaitable[object]], when: Flag
    ) -> BaseException:
        """See `Loop`."""
        raised: list[BaseException] = []
        task = asyncio.create_task(_noting(function, raised))
        await when.wait()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        return raised[0]


class Trio:
    """Trio."""

    cancelled: type[BaseException] = trio.Cancelled

    def run(self, main: Callable[[], Awaitable[T]]) -> T:
        """See `Loop`."""

        async def patient() -> Any:
            with trio.fail_after(PATIENCE):
                return await main()

        result: T = trio.run(patient)
        return result

    def flag(self) -> Flag:
        """See `Loop`."""
        return trio.Event()

    async def pause(self) -> None:
        """See `Loop`."""
        await trio.lowlevel.checkpoint()

    async def together(self, *functions: Callable[[], Awaitable[object]]) -> None:
        """See `Loop`."""
        async with trio.open_nursery() as nursery:
            for function in functions:
                nursery.start_soon(function)

    async def cancelling(
        self, function: Callable[[], Awaitable[object]], when: Flag
    ) -> BaseException:
        """See `Loop`."""
        raised: list[BaseException] = []
        scope = trio.CancelScope()

        async def watched() -> None:
            with scope:
                await _noting(function, raised)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watched)
            await when.wait()
            scope.cancel()
        assert scope.cancelled_caught
        return raised[0]


async def _noting(function: Callable[[], Awaitable[object]], raised: list[BaseException]) -> None:
    """Call *function*, and add what it raises to *raised*."""
    try:
        await function()
    except BaseException as error:
        raised.append(error)
        raise


ASYNCIO, TRIO = Asyncio(), Trio()


Test: TypeAlias = Callable[..., Awaitable[None]]


def on_every_loop(test: Test) -> Callable[..., None]:
    """Run an asynchronous *test* once on each loop, which is its parameter `loop`."""

    @functools.wraps(test)
    def run(*of_class: object, loop: Loop, **parameters: Any) -> None:
        loop.run(functools.partial(test, *of_class, loop=loop, **parameters))

    on_each = pytest.mark.parametrize("loop", [ASYNCIO, TRIO], ids=["asyncio", "trio"])
    each: Callable[..., None] = on_each(run)
    return each


def on_asyncio(test: Test) -> Callable[..., None]:
    """Run an asynchronous *test* on asyncio."""

    @functools.wraps(test)
    def run(*of_class: object, **parameters: Any) -> None:
        ASYNCIO.run(functools.partial(test, *of_class, **parameters))

    return run


def on_trio(test: Test) -> Callable[..., None]:
    """Run an asynchronous *test* on Trio."""

    @functools.wraps(test)
    def run(*of_class: object, **parameters: Any) -> None:
        TRIO.run(functools.partial(test, *of_class, **parameters))

    return run
