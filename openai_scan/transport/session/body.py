"""Read the body of an answer from its socket: one system call for everything that has arrived.

A model sends its tokens one by one, each in its own packet, so the cost of a read is the cost of a
token. Only this module and the framing of the body (see `unframing`) are between the socket and the
reader.

What limits a wait:

- The system, with the option SO_RCVTIMEO of a blocking socket, where it can.
- Python, with `settimeout()`, which waits in a separate system call before each read: 2 us more. It
  is used over TLS, which reads several times for one read of ours; if the socket is not the
  system's, as with gevent and eventlet; if the system does not wake waiting threads, as on Windows;
  and if signals may arrive repeatedly, because each restarts the system's limit. Handlers and
  timers are checked when a body begins.

Either limits one slice of a wait (see `waiting`); hardly any wait for a token is longer. The option
stays set on the socket but has no effect for its other users: they make it non-blocking.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # not in typeshed
import _socket
import signal
import socket
import struct
import sys

from openai_scan import waiting
from openai_scan.interruptions import carry, leave_with, pass_interruption
from openai_scan.transport.clock import Clock
from openai_scan.transport.session.cancellation import SocketCancellation
from openai_scan.transport.session.unframing import Frame

# The most that one read returns. It may contain many small chunks of a body.
READ_BYTES = 64 * 1024

# A C timeval consists of two longs on these systems, or has the same layout.
_SYSTEM_LIMITS_WAITS = sys.platform in ("linux", "darwin") and sys.maxsize > 2**32


class Body:
    """The body of one answer.

    Args:
        sock: The socket.
        frame: Finds the end.
        arrived: The part of it that has already arrived.
        clock: Limits each wait.
        cancellation: May end a wait.
    """

    def __init__(
        self,
        sock: socket.socket,
        frame: Frame,
        arrived: bytes,
        *,
        clock: Clock,
        cancellation: SocketCancellation,
    ) -> None:
        self._socket = sock
        self._receive = sock.recv
        self._cancellation = cancellation
        self._clock = clock
        self._left = clock.left
        self._arrived = arrived
        self._wait = 0.0  # the limit that is set for the next wait; 0 if none is set
        self._frame = frame
        self._take = frame.take
        self._by_system = _SYSTEM_LIMITS_WAITS and not waiting.sliced and _system_limits(sock)
        if self._by_system:
            sock.settimeout(None)

    def limit_by(self, clock: Clock) -> None:
        """Let *clock* limit each later wait."""
        self._clock = clock
        self._left = clock.left

    def read(self) -> bytes:
        """Return the content that has arrived; wait if nothing has.

        Returns:
            At least one byte, or `b""` at the end of the body and from then on.

        Raises:
            TimeoutError: The time is up.
            OSError: The connection broke.
            http.client.HTTPException: The framing is broken, or was cut off.
        """
        frame = self._frame
        while frame.open:
            if self._arrived:
                data, self._arrived = self._arrived, b""
            else:
                left = self._left()
                if left != self._wait:
                    self._limit(left)
                try:
                    data = self._receive(READ_BYTES) or b""  # TLS in TLS returns 0 at the end
                except Exception as error:  # noqa: BLE001 - raised again
                    data = self._receive_later(error, left)
            content = self._take(data)
            if content:
                return content
        if frame.error is not None:
            raise frame.error
        return b""

    @property
    def at_its_end(self) -> bool:
        """Whether the end of the body was found and no byte after it was read."""
        frame = self._frame
        return frame.found_end and not (frame.surplus or self._arrived)

    def _receive_later(self, error: Exception, seconds: float) -> bytes:
        """Receive in the rest of a wait of *seconds*, if *error* only ended a slice of it."""
        carry(error)
        left = seconds - waiting.slice_of(seconds)
        if isinstance(error, BlockingIOError):
            error = TimeoutError("nothing came")
        if (
            left <= 0
            or not isinstance(error, TimeoutError)
            or not waiting.ends_slice(error, self._clock.asked_at, seconds)
        ):
            leave_with(error)
        self._cancellation.check()
        self._wait = 0.0  # the last slice may have been shorter
        try:
            return waiting.in_slices(
                self._receive_once, self._limit_one, left, self._cancellation.check
            )
        except Exception as later:
            carry(later)
            raise

    def _receive_once(self) -> bytes:
        try:
            return self._receive(READ_BYTES) or b""
        except BlockingIOError as error:  # the system's limit has expired
            pass_interruption(error)
            raise TimeoutError("nothing came") from None

    def _limit(self, seconds: float) -> None:
        """Limit later waits to *seconds*."""
        self._limit_one(waiting.slice_of(seconds))
        self._wait = seconds

    def _limit_one(self, seconds: float) -> None:
        """Limit later calls of `_receive()` to *seconds*."""
        if self._by_system:
            whole = int(seconds)
            # Zero would mean no limit.
            limit = struct.pack("@ll", whole, int((seconds - whole) * 1_000_000) or not whole)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        else:
            self._socket.settimeout(seconds)


def _system_limits(sock: socket.socket) -> bool:
    """Return whether the system can limit the waits of *sock*; see the module."""
    return type(sock).recv is _socket.socket.recv and not signals_may_repeat()


def signals_may_repeat() -> bool:
    """Return whether signals may repeatedly interrupt the waits of this process.

    A handler may be called any number of times, and may set its alarm again each time; handlers for
    signals that ask a process to end are called once or twice. Handlers that are not Python's, such
    as those of a profiler, are invisible, so timers count too.
    """
    final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    timers = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
    # The function of the public module wraps each in an enum: 200 us instead of 1.
    return any(signal.getitimer(timer)[1] for timer in timers) or any(
        callable(_signal.getsignal(number)) and number not in final
        for number in range(1, signal.NSIG)
    )
