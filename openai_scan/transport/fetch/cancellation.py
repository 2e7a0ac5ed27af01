"""What ends a wait: a timeout, or `cancel()`, which the page calls while Python waits."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

from openai_scan.errors import ConfigurationError
from openai_scan.transport.fetch.engine import ffi, js, why_not_suspend
from openai_scan.transport.fetch.failures import failure_of


class FetchCancellation:
    """Aborts the request of one exchange, and ends its pause.

    The engine aborts the request: it closes the connection at once and rejects the promise that
    Python waits for.

    Args:
        blocking: Whether to wait by suspending the WebAssembly stack instead of with `await`.

    Attributes:
        requested: Whether `request()` has been called.
        inherited: False: processes are not forked here.
        signal: The AbortSignal for the request.
    """

    requested: bool = False
    inherited: bool = False

    def __init__(self, *, blocking: bool) -> None:
        self._blocking = blocking
        controller = js().AbortController.new()
        self.signal: Any = controller.signal
        # A JavaScript function, which a timer can call without a proxy that must be destroyed.
        self._abort: Callable[[], object] = controller.abort.bind(controller)
        self._pause: asyncio.Future[None] | None = None

    def request(self) -> None:
        """End the current wait and every later one."""
        self.requested = True
        self._abort()
        self._end_pause()

    def hang_up(self) -> None:
        """Make the engine close the connection. No-op without one."""
        self._abort()

    async def pause(self, seconds: float) -> None:
        """Wait *seconds*, less if `request()` is called. The page stays responsive."""
        if self.requested or self._why_not() is not None:
            return  # the request after the pause says why not
        loop = asyncio.get_event_loop()
        self._pause = loop.create_future()
        timer = loop.call_later(seconds, self._end_pause)
        try:
            await self._settled(self._pause)
        finally:
            timer.cancel()
            self._pause = None

    async def wait(self, start: Callable[[], Any], seconds: float) -> Any:
        """Return the result of the promise that *start* returns.

        Args:
            start: Starts something that the signal aborts.
            seconds: How long it may take.

        Raises:
            TimeoutError: It took longer, and was aborted.
            OSError: It was cancelled, or it failed.
            ConfigurationError: Python cannot wait here. Nothing was started.
        """
        why_not = self._why_not()
        if why_not is not None:
            raise ConfigurationError(why_not)
        # Rounded up: when the timer fires, the limit must have expired.
        timer = js().setTimeout(self._abort, math.ceil(seconds * 1000))
        try:
            return await self._settled(start())
        except ffi().JsException as error:
            failure = self._meaning(error)
        except BaseException:  # such as the cancellation of the task
            self._abort()
            raise
        finally:
            js().clearTimeout(timer)
        raise failure  # raised here, so that no JavaScript object is its context

    def _meaning(self, error: Any) -> OSError:
        """Return the error that a rejected promise means."""
        if self.requested:
            return OSError("cancelled")
        if self.signal.aborted:  # by the timer; nothing else aborts it during a wait
            return TimeoutError("the time is over")
        return failure_of(error)

    def _why_not(self) -> str | None:
        return why_not_suspend() if self._blocking else None

    async def _settled(self, promise: Any) -> Any:
        # A blocking wire's coroutines never suspend: the stack below them does.
        return ffi().run_sync(promise) if self._blocking else await promise

    def _end_pause(self) -> None:
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(None)
