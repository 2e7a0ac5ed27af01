"""What arrives for one exchange: the head, which is taken apart at once, and then the body."""

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

# How much of a body is buffered until the caller reads it. The rest stays with the server.
_KEPT_BYTES = 256 * 1024


class Arrived:
    """What has arrived of an answer, and the waits for more. It is the receiver of its line.

    Args:
        lease: The connection.
        clock: How long each wait may take.
        cancellation: What may end a wait.
        alarm: Wakes the wait that takes too long.
        interrupt: Ends the sending of the request, when there will be no answer.

    Attributes:
        head: The response headers, and the informational ones before them.
        frame: What takes the body out of its frame; None before the head is complete.
        error: Why there is nothing more to come, or None.
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

    # What the line calls.

    def received(self, data: bytes) -> None:
        """Take *data*, which has arrived."""
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
        """Note that no more arrives."""
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
        if self.error is not None:  # of the head; the request is about to notice
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

    # What the exchange calls.

    async def more(self) -> bytes:
        """Return what has arrived; wait if that is nothing.

        Returns:
            At least one byte, or `b""` at the end of the connection.

        Raises:
            TimeoutError: The time is up.
            OSError: The connection broke, the exchange was cancelled or closed, or another task is
                waiting, as when one task closes what another one reads.
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
        """Do nothing if more may be waited for; see `more()` for what it raises."""
        self._cancellation.check()
        self._clock.left()

    def wake(self) -> None:
        """End the wait that is under way, if there is one."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def wake_from_anywhere(self) -> None:
        """End the wait; any thread may call it."""
        self._call(self.wake)

    def finish(self) -> None:
        """Let go of the connection, and keep it if its next byte can only be the next answer's."""
        self._alarm.stop()
        self._cancellation.let_go()
        if self._is_clean():
            self._lease.give_back()
        else:
            self._lease.abort()

    def close(self) -> None:
        """Close the connection, unless it was let go of. Any thread may call it."""
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
        if self._waiter is not None:  # of another task; the line tells this receiver no more
            self.ended(OSError("closed by another task"))

    def _call(self, function: Callable[[], object]) -> None:
        """Call *function* in the thread of the event loop, soon if that is another one."""
        if threading.get_ident() == self._thread and not self._loop.is_closed():
            function()
            return
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop has ended, and its connections with it
            self._alarm.stop()
