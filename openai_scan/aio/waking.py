"""Interrupt what a task awaits, from any thread, on asyncio and Trio alike.

Cancelling the task would also work, but the task belongs to the caller. A cancellation means that
it should stop, and some code counts cancellations (`asyncio.timeout`). So only the wait for the
next chunk is interrupted:

- On asyncio a task waits for a future, which every `await` down to the source passes up to the
  event loop. `Waker.wait()` is in between and remembers the future. Cancelling the future raises
  `CancelledError` inside the source, as cancelling the task would, but leaves the task alone.
  A source that pauses for one round of the loop waits for no future; it gets the same exception
  after the pause.
- On Trio a cancel scope around the wait has the same effect.

An interruption is delivered once, so a source that awaits something during its cleanup is not
interrupted again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Generator
from types import coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from openai_scan.aio.loops import running_trio

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")


class Woken(Exception):  # noqa: N818 - it is not an error
    """The wait was interrupted by `Waker.wake()`."""


class Waker:
    """Lets any thread interrupt what one task awaits."""

    _trio: Any = None  # the library, once the task is known to run on it

    def __init__(self) -> None:
        self._woken = False
        self._delivered = False
        self._interrupt: Callable[[], object] | None = None  # ends the current wait
        self._library_known = False

    def wake(self) -> None:
        """Interrupt the current wait or, if there is none, the next one. Any thread may call it."""
        self._woken = True  # set before looking for a wait: one may begin just now
        interrupt = self._interrupt
        if interrupt is not None:
            with contextlib.suppress(RuntimeError):  # the event loop has ended
                interrupt()

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Return what *awaitable* returns.

        Raises:
            Woken: `wake()` was called before or during the wait.
        """
        result: T
        rest, result = self.begin(awaitable)
        if rest is not None:
            result = await rest
        return result

    def begin(self, awaitable: Awaitable[T]) -> tuple[Awaitable[T] | None, Any]:
        """Begin to wait; return what to await for the result, or None and the result."""
        if not self._library_known:
            self._trio, self._library_known = running_trio(), True
        steps: Any = awaitable.__await__()
        if self._trio is not None:
            return self._wait_on_trio(steps), None
        try:
            future = next(steps)
        except StopIteration as end:
            return None, end.value
        return self._wait_on_asyncio(steps, future), None

    @coroutine
    def _wait_on_asyncio(self, steps: Any, future: Any) -> Generator[Any, None, Any]:
        """Pass on the futures that the source waits for, starting with *future*."""
        import asyncio  # a source that waits for a future has already imported it

        requests = _requests_to_stop()
        try:
            while True:
                can_be_cancelled = hasattr(future, "get_loop")  # None is a pause of one round
                if can_be_cancelled:
                    self._interrupt = _interruption(self._cancel, future)
                    if self._woken:
                        self._cancel(future)
                try:
                    yield future
                    self._interrupt = None
                    if self._woken and not (can_be_cancelled or self._delivered):
                        self._delivered = True
                        raise asyncio.CancelledError  # noqa: TRY301 - as if a future had raised it
                except BaseException as error:  # noqa: BLE001 - passed on to the source
                    self._interrupt = None
                    future = steps.throw(error)
                else:
                    future = next(steps)
        except StopIteration as end:
            return end.value
        except asyncio.CancelledError:
            # If the task was also asked to stop, that comes first.
            if self._delivered and _requests_to_stop() == requests:
                raise Woken from None
            raise

    def _cancel(self, future: asyncio.Future[Any]) -> None:
        if not self._delivered:
            self._delivered = future.cancel()

    @coroutine
    def _wait_on_trio(self, steps: Any) -> Generator[Any, Any, Any]:
        token = self._trio.lowlevel.current_trio_token()
        with self._trio.CancelScope() as scope:
            self._interrupt = lambda: token.run_sync_soon(scope.cancel)
            if self._woken:
                scope.cancel()
            try:
                return (yield from steps)
            finally:
                self._interrupt = None
        raise Woken


def _interruption(
    cancel: Callable[[asyncio.Future[Any]], None], future: asyncio.Future[Any]
) -> Callable[[], object]:
    return lambda: future.get_loop().call_soon_threadsafe(cancel, future)


def _requests_to_stop() -> int:
    """Return how often the current task has been cancelled; 0 if that is not counted."""
    import asyncio

    with contextlib.suppress(RuntimeError):  # an unknown event loop is running, not asyncio's
        count = getattr(asyncio.current_task(), "cancelling", None)  # since Python 3.11
        if count is not None:
            return int(count())
    return 0
