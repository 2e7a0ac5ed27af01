"""Read an answer within the clock of its exchange, and decide what becomes of the connection.

The rule, which `ClockedResponse._is_clean()` states and nothing else: a connection carries another
request only if

- the request was sent to its end, and nobody has cancelled it,
- the head left no doubt about where the answer ends, see `framing`,
- that end was read,
- and nothing lies behind it, in no buffer: neither ours, nor that of TLS, nor the system's.

Then the next byte can only be the next answer's. In every other case the connection is closed.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import threading
from typing import TYPE_CHECKING, Any, Protocol

from urllib3.util import wait_for_read

from openai_scan.transport.clock import Clock
from openai_scan.transport.session.cancellation import SocketCancellation
from openai_scan.transport.session.framing import Framing, framing
from openai_scan.transport.session.head import MAX_LINE, HeadLines
from openai_scan.transport.wire import Carried

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# What separates two chunks: the line end after the first, and the size of the second.
_CHUNK_HEAD = re.compile(rb"\r\n([0-9A-Fa-f]{1,8})\r\n")

# The line with the size of a chunk, and what else it may hold: spaces, and extensions.
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;.*)?\r?\n", re.DOTALL)

# The first line of an answer. Python's int() would also accept a status such as `+20`.
_STATUS_LINE = re.compile(r"(HTTP/[0-9.]+)[ \t]+([1-9][0-9]{2})(?:[ \t]+(.*?))?[ \t]*\r?\n?")

# Before one answer. HTTP sets no limit; a server that goes on will not come to an end.
_MAX_INFORMATIONAL = 20

# How much one read takes off a socket at most. It may hold many small chunks of a body.
_BUFFER_BYTES = 64 * 1024

_SWITCHING_PROTOCOLS = 101


class _Current(threading.local):
    """The exchange that this thread is sending, for the connection that gets to carry it."""

    carried: Carried[SocketCancellation]


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
        ended: Whether the other side has said that nothing more follows.
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
        if left != self._socket.gettimeout():  # setting it is a system call
            self._socket.settimeout(left)
        size = self._reads.readinto(buffer)
        self.ended = not size
        # While connecting, the bytes are a proxy's answer to the request for a tunnel.
        if size and not self._clock.connecting:
            self._clock.answering = True
        return size

    def more_has_come(self) -> bool:
        """Return whether anything is left to read, or the end was; without waiting."""
        # In TLS inside TLS urllib3 keeps a buffer of what is still encrypted.
        tls = getattr(self._socket, "sslobj", self._socket)
        decrypted = getattr(tls, "pending", int)()
        encrypted = getattr(getattr(self._socket, "incoming", None), "pending", 0)
        bottom = getattr(self._socket, "socket", self._socket)
        return self.ended or bool(decrypted or encrypted) or wait_for_read(bottom, timeout=0)

    def close(self) -> None:
        """Let go of the socket: from now on no `cancel()` of this exchange touches it."""
        self._cancellation.release()
        self._reads.close()
        super().close()


class ClockedResponse(http.client.HTTPResponse):
    """An answer, of the server or of a proxy, that keeps to the clock from its first byte on."""

    _framing: Framing | None = None  # until the head has arrived
    _read_last_chunk: bool = False
    _version_sent: str = ""

    def __init__(
        self, sock: socket.socket, *args: Any, connection: Carrying, **kwargs: Any
    ) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        carried = current.carried
        self._connection: Carrying | None = connection
        self._cancellation = carried.cancellation
        self._of_tunnel = carried.clock.connecting
        self._reads = _ClockedReads(sock, carried.clock, carried.cancellation)
        self.fp = io.BufferedReader(self._reads, _BUFFER_BYTES)
        self._head = HeadLines(self.fp)

    def begin(self, *args: Any, **kwargs: Any) -> None:
        """Read the head. Only a blank line ends it.

        Raises:
            http.client.IncompleteRead: The connection ended before that, which http.client takes
                for the end of the head.
            http.client.HTTPException: The head is too large, or does not say where the answer ends.
        """
        body = self.fp
        self.fp = self._head  # type: ignore[assignment] # of a head it reads nothing but lines
        try:
            super().begin(*args, **kwargs)
        finally:
            self.fp = body
        if self._reads.ended:
            raise http.client.IncompleteRead(b"")
        found = framing(self._version_sent, self.status, self.headers)
        self.length, self.chunked = found.length, found.chunked
        self._framing = found if self._head.clear else None

    def read1(self, n: int = -1) -> bytes:
        """Return what has arrived, at most *n* bytes, and wait only if that is nothing.

        http.client returns one chunk of the transfer coding, at 15 us a call, and servers make a
        chunk of every event.
        """
        data = super().read1(n)
        # In the middle of a chunk, and at the end of the body, nothing more can be taken.
        return data + self._whole_chunks(n - len(data)) if self.chunk_left == 0 else data

    def _read_status(self) -> tuple[str, int, str]:
        """Return the first line of the answer, and read past informational answers before it.

        RFC 9110, section 15.2: a client has to accept them, also if it expects none.
        """
        for _ in range(_MAX_INFORMATIONAL + 1):
            version, status, reason = self._read_status_line()
            if status == _SWITCHING_PROTOCOLS:
                raise http.client.HTTPException("it switches to a protocol that was not asked for")
            if status // 100 == 2 and self._of_tunnel:
                self.fp = self._head  # type: ignore[assignment] # there is no body behind it
                return version, 200, reason  # http.client takes no other for a tunnel
            if status // 100 != 1:
                self._version_sent = version
                return version, status, reason
            self._head.skip()
        raise http.client.HTTPException("there is no end to its informational answers")

    def _read_status_line(self) -> tuple[str, int, str]:
        line = str(self._head.line(), "latin-1")
        if not line:
            raise http.client.RemoteDisconnected("the server closed the connection")
        found = _STATUS_LINE.fullmatch(line)
        if found is None:
            raise http.client.BadStatusLine(line)
        return found[1], int(found[2]), found[3] or ""

    def _get_chunk_left(self) -> int | None:
        """Return how much is left of the current chunk or the next one; None at the end.

        http.client skips two bytes after a chunk, whatever they are.
        """
        if self.chunk_left == 0:
            line_end = self.fp.read(2)
            if not b"\r\n".startswith(line_end):
                raise http.client.HTTPException("a chunk is longer than its size")
            if len(line_end) < 2:
                raise http.client.IncompleteRead(line_end)
            self.chunk_left = None
        left: int | None = super()._get_chunk_left()  # type: ignore[misc] # it is undocumented
        return left

    def _read_next_chunk_size(self) -> int:
        """Return the size of the next chunk.

        http.client accepts whatever is a number in Python, such as `-5` or `0x5`.

        Raises:
            http.client.IncompleteRead: The connection ended first.
            http.client.HTTPException: It is not a size, so nobody knows what the next bytes are.
        """
        line = self.fp.readline(MAX_LINE)
        if not line.endswith(b"\n") and len(line) < MAX_LINE:
            raise http.client.IncompleteRead(line)
        size = _CHUNK_SIZE.fullmatch(line)
        if size is None:
            raise http.client.HTTPException("a chunk has no size")
        return int(size[1], 16)

    def _read_and_discard_trailer(self) -> None:
        """Read to the blank line that ends the body.

        All content has arrived by then, so a connection that ends here is only not used again.
        """
        try:
            HeadLines(self.fp).skip()
        except http.client.IncompleteRead:
            return
        self._read_last_chunk = True

    def _whole_chunks(self, most: int) -> bytes:
        """Return the contents of the chunks that have arrived completely, at most *most* bytes.

        Anything special is left to http.client: the last chunk, a size in an unusual form.
        """
        arrived = self._arrived()
        chunks = []
        taken = 0
        while head := _CHUNK_HEAD.match(arrived, taken):
            size = int(head[1], 16)
            end = head.end() + size
            most -= size
            if size == 0 or most < 0 or end > len(arrived):
                break
            chunks.append(arrived[head.end() : end])
            taken = end
        self.fp.read(taken)
        return b"".join(chunks)

    def _arrived(self) -> bytes:
        """Return what lies in our buffer."""
        self._reads.waits = False
        try:
            return self.fp.peek()
        finally:
            self._reads.waits = True

    def _close_conn(self) -> None:
        """Let go of the connection, and close it unless it can carry another request.

        http.client calls it at the end of a body, and before it gives an answer up; urllib3 puts
        connections back into its pool after it.
        """
        connection, self._connection = self._connection, None
        clean = connection is not None and self._is_clean(connection)
        super()._close_conn()  # type: ignore[misc] # it is undocumented
        # A cancellation up to here has shut the socket down; a later one does not touch it.
        if connection is not None and (not clean or self._cancellation.requested):
            connection.close()

    def _is_clean(self, connection: Carrying) -> bool:
        """Return whether the next byte on the connection can only be the next answer's."""
        if not self._of_tunnel:
            if self._framing is None or not self._framing.clear or not connection.whole_request:
                return False
            if not (self._read_last_chunk if self._framing.chunked else self.length == 0):
                return False
        return not self._arrived() and not self._reads.more_has_come()
