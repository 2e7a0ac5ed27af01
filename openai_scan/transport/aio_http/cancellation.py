"""End the waits of a task from outside: from any thread, or when the time is up."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import socket
import time
from collections.abc import Callable
from typing import TypeVar

from openai_scan.aio.waking import Waker, Woken

T = TypeVar("T")


class LoopCancellation:
    """Ends the waits of one exchange on an event loop.

    Attributes:
        requested: Whether `request()` has been called.
    """

    requested: bool = False

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._interrupt: Callable[[], object] | None = None  # ends the current wait
        self._socket: socket.socket | None = None

    @property
    def inherited(self) -> bool:
        """Whether a parent process created it, so that this process must not end the connection."""
        return self._pid != os.getpid()

    def request(self) -> None:
        """End the current wait and every later one. Any thread may call it."""
        self.requested = True  # set before looking for a wait: one may begin just now
        interrupt = self._interrupt
        if interrupt is not None:
            interrupt()

    def check(self) -> None:
        """Raise an error if `request()` has been called.

        Raises:
            OSError: It has been called.
        """
        if self.requested:
            raise OSError("cancelled")

    def hold(self, interrupt: Callable[[], object], connected: socket.socket | None) -> None:
        """Register the connection that carries the exchange.

        Args:
            interrupt: Ends its waits. Any thread may call it.
            connected: Its socket; None if the event loop does not expose it.
        """
        self._interrupt, self._socket = interrupt, connected

    def let_go(self) -> None:
        """Unregister the connection: the next answer may be another exchange's."""
        self._interrupt = self._socket = None

    def hang_up(self) -> None:
        """Shut the connection down, so that the server notices at once, even if no loop runs."""
        held = self._socket
        if held is not None and not self.inherited:
            # It may already be closed, and some event loops expose sockets that cannot do it. Then
            # the server notices when the connection is closed.
            with contextlib.suppress(OSError, TypeError, AttributeError):
                held.shutdown(socket.SHUT_RDWR)

    async def pause(self, seconds: float) -> None:
        """Wait *seconds*, less if `request()` is called."""
        waker = Waker()
        self._interrupt = waker.wake
        if self.requested:
            return
        with contextlib.suppress(Woken):
            await waker.wait(asyncio.sleep(seconds))


class Alarm:
    """Calls a function when a wait has taken too long.

    Every token is waited for, and setting a timer would cost half as much as that wait. So a timer
    is set only if none is due early enough; a timer that fires early checks the time and is set
    again.

    Args:
        loop: The event loop.
        ring: The function to call.

    Attributes:
        ring: The function to call; it may be replaced.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], object]) -> None:
        self.ring = ring
        self._loop = loop
        self._due = math.inf  # when the wait is up; infinite between two waits
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = math.inf

    def set(self, seconds: float) -> None:
        """Note that a wait of at most *seconds* begins."""
        self._due = due = time.monotonic() + seconds
        if due < self._timer_due:
            self._set_timer(due, seconds)

    def rest(self) -> None:
        """Note that the wait is over."""
        self._due = math.inf

    def stop(self) -> None:
        """Note that no other wait follows."""
        self._due = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, due: float, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        """Ring, or wait for the rest of the time."""
        self._timer, self._timer_due = None, math.inf
        left = self._due - time.monotonic()
        if left <= 0:
            self.ring()
        elif left < math.inf:
            self._set_timer(self._due, left)
