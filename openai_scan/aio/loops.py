"""Detect the running event loop, and wait on it until another thread has done something.

asyncio and Trio are supported, and only three things are needed of them: which loop runs, a wait
that any thread can end, and a pause of one round. That is less code than a dependency on anyio
would be worth. A library is imported only if it is already running: importing asyncio takes longer
than importing the whole client.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

_Wake: TypeAlias = Callable[[], object]


def running_trio() -> Any | None:
    """Return Trio if the caller runs on it; never import it otherwise."""
    trio = sys.modules.get("trio")
    if trio is not None:
        with contextlib.suppress(RuntimeError):
            trio.lowlevel.current_task()
            return trio
    return None


def running_loop() -> object | None:
    """Return an object that identifies the caller's event loop, or None if there is none."""
    trio = running_trio()
    if trio is not None:
        token: object = trio.lowlevel.current_trio_token()
        return token
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None:
        with contextlib.suppress(RuntimeError):
            loop: object = asyncio.get_running_loop()
            return loop
    return None


async def pause() -> None:
    """Let the other tasks of the loop run once. The task may be cancelled here."""
    trio = running_trio()
    if trio is not None:
        await trio.lowlevel.checkpoint()
    else:
        import asyncio

        await asyncio.sleep(0)


async def in_thread(function: Callable[[], T]) -> T:
    """Run *function* in a thread, with the context of the task, and return its result.

    If the task is cancelled, it stops waiting, and the thread continues.
    """
    trio = running_trio()
    both = functools.partial(_both, function)
    if trio is not None:
        result, error = await trio.to_thread.run_sync(both, abandon_on_cancel=True)
    else:
        import asyncio

        result, error = await asyncio.to_thread(both)
    if error is not None:
        raise error
    return cast("T", result)


def _both(function: Callable[[], T]) -> tuple[T | None, Exception | None]:
    """Return what *function* returns, and what it raises.

    A thread cannot hand an awaitable over to Trio, or a StopIteration to asyncio.
    """
    try:
        return function(), None
    except StopIteration as error:  # a coroutine cannot raise it
        failure = RuntimeError("the function raised StopIteration")
        failure.__cause__ = error
        return None, failure
    except Exception as error:  # noqa: BLE001 - raised again by the caller of in_thread()
        return None, error


async def together(steps: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Run *steps* at the same time and return their results in order.

    If one raises an exception, the others are cancelled and awaited, and the exception is raised.
    The same happens if the caller's task is cancelled.
    """
    trio = running_trio()
    return await (_together_on_asyncio(steps) if trio is None else _together_on_trio(trio, steps))


async def _together_on_asyncio(steps: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    import asyncio

    tasks = [asyncio.ensure_future(step()) for step in steps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:  # prefer the first exception to a cancellation that it caused
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
    return [task.result() for task in tasks]


async def _together_on_trio(trio: Any, steps: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    results: dict[int, T] = {}
    errors: list[BaseException] = []

    async def run(place: int, step: Callable[[], Awaitable[T]]) -> None:
        try:
            results[place] = await step()
        except trio.Cancelled:
            raise
        except BaseException as error:  # noqa: BLE001 - raised below, without a group
            errors.append(error)
            nursery.cancel_scope.cancel()

    try:
        async with trio.open_nursery() as nursery:
            for place, step in enumerate(steps):
                nursery.start_soon(run, place, step)
    finally:
        await trio.lowlevel.checkpoint_if_cancelled()  # raises without the group of the nursery
    if errors:
        raise errors[0]
    return [results[place] for place in range(len(steps))]


class Bell:
    """Wakes, from any thread, the tasks of one event loop that wait for something."""

    def __init__(self) -> None:
        # Only the loop's thread replaces it; a thread that rings reads whatever tuple is current.
        self._waiting: tuple[_Wake, ...] = ()

    def ring(self) -> None:
        """Wake the waiting tasks because something has happened. Any thread may call this."""
        for wake in self._waiting:
            with contextlib.suppress(RuntimeError):  # the event loop has ended
                wake()

    async def wait(self, happened: Callable[[], bool], seconds: float) -> bool:
        """Wait until *happened* is true, at most *seconds*; return whether it is.

        Args:
            happened: What to wait for. Call `ring()` after making it true.
            seconds: The maximum time to wait.
        """
        trio = running_trio()
        end = time.monotonic() + seconds
        while True:
            if trio is not None:
                await self._wait_on_trio(trio, happened, seconds)
            else:
                await self._wait_on_asyncio(happened, seconds)
            if happened():
                return True
            seconds = end - time.monotonic()
            if seconds <= 0:
                return False

    async def _wait_on_asyncio(self, happened: Callable[[], bool], seconds: float) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        rung = loop.create_future()
        timer = loop.call_later(seconds, _resolve, rung)

        def wake() -> None:
            loop.call_soon_threadsafe(_resolve, rung)

        self._waiting = (*self._waiting, wake)
        try:
            if not happened():  # checked after the wake is registered, so that no ring is missed
                await rung
        finally:
            timer.cancel()
            self._forget(wake)

    async def _wait_on_trio(self, trio: Any, happened: Callable[[], bool], seconds: float) -> None:
        token, rung = trio.lowlevel.current_trio_token(), trio.Event()

        def wake() -> None:
            token.run_sync_soon(rung.set)

        self._waiting = (*self._waiting, wake)
        try:
            if not happened():
                with trio.move_on_after(seconds):
                    await rung.wait()
        finally:
            self._forget(wake)

    def _forget(self, wake: _Wake) -> None:
        self._waiting = tuple(one for one in self._waiting if one is not wake)


def _resolve(rung: asyncio.Future[None]) -> None:
    if not rung.done():
        rung.set_result(None)
