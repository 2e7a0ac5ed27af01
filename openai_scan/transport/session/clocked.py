"""Read an answer within the clock of its exchange, and decide whether to keep the connection.

The rule, which is implemented only in `ClockedResponse._is_clean()`: a connection carries another
request only if

- the request was sent to its end, and was not cancelled,
- the headers left no doubt about where the answer ends (see `framing`),
- that end was read,
- and nothing follows it in any buffer: ours, that of TLS, or the system's.

Then the next byte can only belong to the next answer. In every other case the connection is closed.
"""

from __future__ import annotations

import functools
import http.client
import io
import socket
import threading
from typing import TYPE_CHECKING, Any, Protocol

from urllib3.util import wait_for_read

from openai_scan import waiting
from openai_scan.interruptions import carry
from openai_scan.transport.clock import Clock
from openai_scan.transport.session.body import Body
from openai_scan.transport.session.cancellation import SocketCancellation
from openai_scan.transport.session.framing import Framing, framing
from openai_scan.transport.session.head import (
    MAX_INFORMATIONAL,
    HeadLines,
    endless,
    read_first_line,
)
from openai_scan.transport.session.unframing import unframed
from openai_scan.transport.wire import Carried

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# The most of the headers that one read takes from a socket.
_BUFFER_BYTES = 64 * 1024


class _Current(threading.local):
    """The exchange that this thread is sending, for the connection that will carry it.

    Attributes:
        carried: The exchange.
        answered: The answer whose head arrived last.
    """

    carried: Carried[SocketCancellation]
    answered: ClockedResponse


current = _Current()


class Carrying(Protocol):
    """A connection that an answer arrives on."""

    whole_request: bool
    """Whether the request was sent to its end."""

    def close(self) -> None:
        """Close it. It opens another socket for the next request."""


class _ClockedReads(io.RawIOBase):
    """The bytes that arrive at a socket; each wait for them is as long as the clock allows.

    Attributes:
        waits: Whether to wait for bytes; if not, `readinto()` returns None.
        ended: Whether the other side has ended the connection.
    """

    waits: bool = True
    ended: bool = False

    def __init__(self, sock: socket.socket, clock: Clock, cancellation: SocketCancellation) -> None:
        self._socket = sock
        self._reads = sock.makefile("rb", buffering=0)
        self._clock = clock
        self._cancellation = cancellation

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        if not self.waits:
            return None
        left = self._clock.left()
        try:
            size = self._receive_into(buffer, left)
        except Exception as error:
            carry(error)
            raise
        self.ended = not size
        # While connecting, the bytes are a proxy's answer to the request for a tunnel.
        if size and not self._clock.connecting:
            self._clock.answering = True
        return size

    def _receive_into(self, buffer: WriteableBuffer, seconds: float) -> int:
        return waiting.in_slices(
            lambda: self._socket.recv_into(buffer),
            self._limit,
            seconds,
            self._cancellation.check,
        )

    def _limit(self, seconds: float) -> None:
        if seconds != self._socket.gettimeout():  # setting it costs a system call
            self._socket.settimeout(seconds)

    def more_has_come(self) -> bool:
        """Return, without waiting, whether there is anything left to read, or the end was read."""
        # In TLS inside TLS, urllib3 keeps a buffer of bytes that are still encrypted.
        tls = getattr(self._socket, "sslobj", self._socket)
        decrypted = getattr(tls, "pending", int)()
        encrypted = getattr(getattr(self._socket, "incoming", None), "pending", 0)
        bottom = getattr(self._socket, "socket", self._socket)
        return self.ended or bool(decrypted or encrypted) or wait_for_read(bottom, timeout=0)

    def close(self) -> None:
        """Release the socket: from now on no `cancel()` of this exchange affects it."""
        self._cancellation.release()
        self._reads.close()
        super().close()


class ClockedResponse(http.client.HTTPResponse):
    """An answer, of the server or of a proxy, whose reads keep to the clock from the first byte."""

    _framing: Framing  # set when the headers have arrived
    _clear: bool = False  # whether the headers leave no doubt about their end and the body's
    _version_sent: str = ""
    _held: bytes = b""

    def __init__(
        self, sock: socket.socket, *args: Any, connection: Carrying, **kwargs: Any
    ) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        carried = current.carried
        self._socket = sock
        self._clock = carried.clock
        self._connection: Carrying | None = connection
        self._cancellation = carried.cancellation
        self._of_tunnel = carried.clock.connecting
        self._reads = _ClockedReads(sock, carried.clock, carried.cancellation)
        self.fp = io.BufferedReader(self._reads, _BUFFER_BYTES)
        self._head = HeadLines(self.fp)

    def begin(self, *args: Any, **kwargs: Any) -> None:
        """Read the headers. Only a blank line ends them.

        Raises:
            http.client.IncompleteRead: The connection ended before that. http.client would accept
                it as the end of the headers.
            http.client.HTTPException: They are too large, or do not say where the answer ends.
        """
        body = self.fp
        self.fp = self._head  # type: ignore[assignment] # http.client only reads lines of it
        try:
            super().begin(*args, **kwargs)
        finally:
            self.fp = body
        if self._reads.ended:
            raise http.client.IncompleteRead(b"")
        self._framing = framing(self._version_sent, self.status, self.headers)
        self._clear = self._head.clear and self._framing.clear
        current.answered = self

    @functools.cached_property
    def body(self) -> Body:
        """The reader of the body. After this is used, nothing else may be read here."""
        return Body(
            self._socket,
            unframed(self._framing),
            self._arrived(),
            clock=self._clock,
            cancellation=self._cancellation,
        )

    def limit_by(self, clock: Clock) -> None:
        """Let *clock* limit each later wait for the body."""
        self.body.limit_by(clock)

    def peek1(self) -> bytes:
        """Return what has arrived of the body, without consuming it; wait if nothing has.

        At the end of the body it returns `b""`.
        """
        self._held = self._held or self.body.read()
        return self._held

    def read1(self, n: int = -1) -> bytes:
        """Return what has arrived, at most *n* bytes; urllib3 calls it to decompress the body."""
        content = self._held or self.body.read()
        if n < 0:
            n = len(content)
        self._held = content[n:]
        return content[:n]

    def _read_status(self) -> tuple[str, int, str]:
        """Return the first line of the answer; skip informational answers before it.

        RFC 9110, section 15.2: a client must accept them, even if it does not expect any.
        """
        for _ in range(MAX_INFORMATIONAL + 1):
            version, status, reason = read_first_line(self._head.line())
            if status // 100 == 2 and self._of_tunnel:
                self.fp = self._head  # type: ignore[assignment] # no body follows
                return version, 200, reason  # http.client accepts no other status for a tunnel
            if status // 100 != 1:
                self._version_sent = version
                return version, status, reason
            self._head.skip()
        raise endless()

    def _arrived(self) -> bytes:
        """Return what is in our buffer."""
        self._reads.waits = False
        try:
            return self.fp.peek()
        finally:
            self._reads.waits = True

    def _close_conn(self) -> None:
        """Release the connection, and close it unless it can carry another request.

        http.client calls it at the end of a body, and before it gives an answer up. Afterwards
        urllib3 puts the connection back into its pool.
        """
        connection, self._connection = self._connection, None
        clean = connection is not None and self._is_clean(connection)
        super()._close_conn()  # type: ignore[misc] # undocumented
        # A cancellation up to here has shut the socket down; a later one does not affect it.
        if connection is not None and (not clean or self._cancellation.requested):
            connection.close()

    def _is_clean(self, connection: Carrying) -> bool:
        """Return whether the next byte on the connection can only belong to the next answer."""
        if self._of_tunnel:
            at_end = not self._arrived()
        else:
            at_end = self._clear and connection.whole_request and self.body.at_its_end
        return at_end and not self._reads.more_has_come()
