"""Send one request with aiohttp, and wait for the response headers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import aiohttp

from openai_scan.aio.waking import Waker, Woken
from openai_scan.transport.aio_http.arrived import Arrived
from openai_scan.transport.aio_http.cancellation import Alarm, LoopCancellation
from openai_scan.transport.aio_http.lines import Lease, current, has_arrived
from openai_scan.transport.wire import Carried

# How much of a long body to send at a time.
PIECE_BYTES = 256 * 1024


async def in_pieces(data: bytes) -> AsyncIterator[bytes]:
    """Yield *data* piece by piece, unless there is an answer before all of it was sent.

    A server that rejects a request before it has read all of it answers and closes the connection.
    Whatever is sent after that causes a reset, and asyncio would drop the answer with the
    connection. So what has arrived is read before more is sent.
    """
    sock = current.get().socket
    for place in range(0, len(data), PIECE_BYTES):
        while has_arrived(sock):  # noqa: ASYNC110 - only the loop's next turn can read it
            await asyncio.sleep(0)
        yield data[place : place + PIECE_BYTES]


class SentRequest:
    """A request being sent; aiohttp's connector tells it which connection carries it."""

    def __init__(self, carried: Carried[LoopCancellation]) -> None:
        self._carried = carried
        self._waker = Waker()
        self._alarm = Alarm(asyncio.get_running_loop(), self._waker.wake)
        self._lease: Lease | None = None
        self._arrived: Arrived | None = None

    def carried_by(self, lease: Lease, *, reused: bool) -> None:
        """Note that *lease* now carries the request; the time for an answer begins.

        Raises:
            TimeoutError: There is no time left.
        """
        carried = self._carried
        self._lease = lease
        self._arrived = lease.line.receiver = Arrived(
            lease,
            clock=carried.clock,
            cancellation=carried.cancellation,
            alarm=self._alarm,
            interrupt=self._waker.wake,
        )
        carried.cancellation.hold(self._waker.wake, lease.line.socket)
        carried.connected(reused=reused)
        self._alarm.set(carried.clock.left())

    @property
    def socket(self) -> socket.socket | None:
        """The socket of the connection; None if the event loop does not expose it."""
        return cast("Lease", self._lease).line.socket

    async def answered(self, start: Callable[[], Awaitable[aiohttp.ClientResponse]]) -> Arrived:
        """Return what arrives, once the response headers have arrived.

        Args:
            start: Starts to send the request; its result is done when aiohttp believes that the
                answer is over, which is when the headers have arrived.

        Raises:
            TimeoutError: It took too long.
            OSError: The connection broke, or the exchange was cancelled.
            http.client.HTTPException: The response headers cannot be read.
            aiohttp.ClientError: There was no connection.
        """
        cancellation = self._carried.cancellation
        cancellation.hold(self._waker.wake, None)
        if cancellation.requested:
            self._waker.wake()
        self._alarm.set(self._carried.clock.left())
        token = current.set(self)
        failed: Exception | None = None
        try:
            await self._waker.wait(start())
        except Exception as error:  # noqa: BLE001 - raised below
            self._abort()
            failed = self._meaning(error)
        except BaseException:  # the caller's own
            self._abort()
            raise
        finally:
            current.reset(token)
        if failed is not None:  # raised here, so that the other one does not become its context
            raise failed
        arrived = cast("Arrived", self._arrived)
        self._alarm.rest()
        self._alarm.ring = arrived.wake
        cancellation.hold(arrived.wake_from_anywhere, self.socket)
        # The event loop keeps the context in which a connection was made as long as the connection.
        vars(self).clear()
        return arrived

    def _meaning(self, error: Exception) -> Exception:
        """Return what to raise for the error that ended the wait."""
        if self._carried.cancellation.requested:
            return OSError("cancelled")
        if self._arrived is not None and self._arrived.error is not None:
            return self._arrived.error
        return TimeoutError("nothing came") if isinstance(error, Woken) else error

    def _abort(self) -> None:
        self._alarm.stop()
        self._carried.cancellation.hang_up()
        self._carried.cancellation.let_go()
        if self._lease is not None:
            self._lease.abort()
