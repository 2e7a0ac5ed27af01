"""Interrupt what a task awaits, from any thread, on asyncio and Trio alike.

Cancelling the task would do, but the task is not ours: whoever cancels it wants it to stop, and
may count the cancellations (`asyncio.timeout`). So only the wait for the next chunk is interrupted:

- On asyncio a task waits for a future, which every `await` down to the source passes up to the
  event loop. `_pass_on()` stands in between and remembers the future. Cancelling that raises
  `CancelledError` inside the source, as cancelling the task would, but leaves the task alone.
- On Trio a cancel scope around the wait does the same.

An interruption is delivered once: a source that awaits something while it cleans up is not
disturbed again.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Generator
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Woken(Exception):  # noqa: N818 - it reports no error
    """The wait was interrupted by `Waker.wake()`."""


class Waker:
    """Lets any thread interrupt what one task awaits."""

    def __init__(self) -> None:
        self._woken = False
        self._delivered = False
        self._interrupt: Callable[[], object] | None = None  # ends the wait that is under way

    def wake(self) -> None:
        """Interrupt the wait that is under way, or else the next one. Any thread may call this."""
        self._woken = True  # before the wait is looked up: one may begin just now
        interrupt = self._interrupt
        if interrupt is not None:
            with contextlib.suppress(RuntimeError):  # the event loop has ended meanwhile
                interrupt()

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Return what *awaitable* returns.

        Raises:
            Woken: `wake()` was called, before or meanwhile.
        """
        trio = _running_trio()
        if trio is not None:
            return await self._wait_on_trio(trio, awaitable)
        before = _cancellations()
        try:
            return await self._pass_on(awaitable)
        except asyncio.CancelledError:
            # If the task has been cancelled as well, that matters more.
            if self._delivered and _cancellations() == before:
                raise Woken from None
            raise

    @coroutine
    def _pass_on(self, awaitable: Awaitable[T]) -> Generator[Any, None, T]:
        """Await *awaitable*, and know which future the event loop waits for."""
        steps: Any = awaitable.__await__()
        try:
            waiting = next(steps)
            while True:
                if hasattr(waiting, "get_loop"):  # None stands for a pause of one round
                    self._interrupt = _interruption_by(self._cancel, waiting)
                    if self._woken:
                        self._cancel(waiting)
                try:
                    yield waiting
                except BaseException as error:  # noqa: BLE001 - it belongs to the source
                    self._interrupt = None
                    waiting = steps.throw(error)
                else:
                    self._interrupt = None
                    waiting = next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            self._interrupt = None

    def _cancel(self, future: asyncio.Future[Any]) -> None:
        if not self._delivered:
            self._delivered = future.cancel()

    async def _wait_on_trio(self, trio: Any, awaitable: Awaitable[T]) -> T:
        token = trio.lowlevel.current_trio_token()
        with trio.CancelScope() as scope:
            self._interrupt = lambda: token.run_sync_soon(scope.cancel)
            if self._woken:
                scope.cancel()
            try:
                return await awaitable
            finally:
                self._interrupt = None
        raise Woken


def _interruption_by(
    cancel: Callable[[asyncio.Future[Any]], None], future: asyncio.Future[Any]
) -> Callable[[], object]:
    return lambda: future.get_loop().call_soon_threadsafe(cancel, future)


def _running_trio() -> Any | None:
    """Return Trio if the caller runs on it, without importing it for those who do not."""
    trio = sys.modules.get("trio")
    if trio is not None:
        with contextlib.suppress(RuntimeError):
            trio.lowlevel.current_task()
            return trio
    return None


def _cancellations() -> int:
    """Return how often the current task has been asked to stop; 0 where asyncio does not count."""
    count = getattr(asyncio.current_task(), "cancelling", None)  # since Python 3.11
    return 0 if count is None else count()
