"""What arrives for one exchange: the headers, which are parsed at once, and then the body."""

from __future__ import annotations

import asyncio
import http.client
import threading
from collections.abc import Callable

from openai_scan.transport.aio_http.cancellation import Alarm, LoopCancellation
from openai_scan.transport.aio_http.lines import Lease, has_arrived
from openai_scan.transport.clock import Clock
from openai_scan.transport.session.arriving import ArrivingHead
from openai_scan.transport.session.unframing import Frame, unframed

# How much of a body to buffer until the caller reads it. The rest stays with the server.
_KEPT_BYTES = 256 * 1024


class Arrived:
    """The bytes of an answer, and the waits for more. It is the receiver of its line.

    Args:
        lease: The connection.
        clock: Limits each wait.
        cancellation: May end a wait.
        alarm: Wakes a wait that takes too long.
        interrupt: Ends the sending of the request if there will be no answer.

    Attributes:
        head: The response headers, and the informational ones before them.
        frame: Removes the framing of the body; None before the headers are complete.
        error: Why no more will arrive, or None.
    """

    frame: Frame | None = None
    error: Exception | None = None

    def __init__(
        self,
        lease: Lease,
        *,
        clock: Clock,
        cancellation: LoopCancellation,
        alarm: Alarm,
        interrupt: Callable[[], object],
    ) -> None:
        self.head = ArrivingHead()
        self._lease = lease
        self._clock = clock
        self._cancellation = cancellation
        self._alarm = alarm
        self._interrupt = interrupt
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._pieces: list[bytes] = []
        self._size = 0
        self._paused = False
        self._over = False  # the connection has ended
        self._waiter: asyncio.Future[None] | None = None

    # Called by the line.

    def received(self, data: bytes) -> None:
        """Process *data*, which has arrived."""
        if self.frame is None:
            self._take_head(data)
            return
        self._pieces.append(data)
        self._size += len(data)
        self.wake()
        if self._size > _KEPT_BYTES and not self._paused:
            self._paused = True
            self._lease.line.transport.pause_reading()

    def ended(self, error: Exception | None) -> None:
        """Note that no more will arrive."""
        if self._over:
            return
        self._over = True
        if self.frame is not None:
            self.error = error
            self.wake()
        elif self.error is None:
            self.error = error or self.head.cut()
            self._interrupt()

    def _take_head(self, data: bytes) -> None:
        self._clock.answering = True
        if self.error is not None:  # in the headers; the request will soon notice
            return
        try:
            rest = self.head.take(data)
        except http.client.HTTPException as error:
            self.error = error
            self._interrupt()
            return
        if rest is None:
            return
        self.frame = unframed(self.head.framing)
        if rest:
            self._pieces.append(rest)
            self._size = len(rest)
        self._lease.line.over()

    # Called by the exchange.

    async def more(self) -> bytes:
        """Return what has arrived; wait if nothing has.

        Returns:
            At least one byte, or `b""` at the end of the connection.

        Raises:
            TimeoutError: The time is up.
            OSError: The connection broke, the exchange was cancelled or closed, or another task is
                waiting, for instance if one task closes what another one reads.
        """
        self._cancellation.check()
        left = self._clock.left()
        if self._waiter is not None:
            raise OSError("another task is waiting")
        if not (self._pieces or self._over):
            self._waiter = waiter = self._loop.create_future()
            self._alarm.set(left)
            try:
                await waiter
            finally:
                self._waiter = None
                self._alarm.rest()
            self._cancellation.check()
        pieces = self._pieces
        if pieces:
            self._pieces = []
            self._size = 0
            if self._paused:
                self._paused = False
                self._lease.line.transport.resume_reading()
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if not self._over:
            raise TimeoutError("nothing came")
        if self.error is not None:
            raise self.error
        return b""

    def check(self) -> None:
        """Check that waiting for more makes sense; see `more()` for what it raises."""
        self._cancellation.check()
        self._clock.left()

    def wake(self) -> None:
        """End the current wait, if there is one."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def wake_from_anywhere(self) -> None:
        """End the wait; any thread may call it."""
        self._call(self.wake)

    def finish(self) -> None:
        """Release the connection; keep it if its next byte can only belong to the next answer."""
        self._alarm.stop()
        self._cancellation.let_go()
        if self._is_clean():
            self._lease.give_back()
        else:
            self._lease.abort()

    def close(self) -> None:
        """Close the connection, unless it was released. Any thread may call it."""
        self._call(self._close)

    def _is_clean(self) -> bool:
        frame, line = self.frame, self._lease.line
        return (
            frame is not None
            and frame.found_end
            and not (frame.surplus or self._pieces or self._over)
            and self.head.framing.clear
            and self._lease.whole_request
            and not self._cancellation.requested
            and not (line.transport.is_closing() or has_arrived(line.socket))
        )

    def _close(self) -> None:
        self._alarm.stop()
        self._cancellation.let_go()
        self._lease.abort()
        if self._waiter is not None:  # of another task; the line no longer notifies this receiver
            self.ended(OSError("closed by another task"))

    def _call(self, function: Callable[[], object]) -> None:
        """Call *function* in the thread of the event loop, later if this is another thread."""
        if threading.get_ident() == self._thread and not self._loop.is_closed():
            function()
            return
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop has ended, and its connections with it
            self._alarm.stop()
