"""The connections that aiohttp makes and keeps, and who gets the bytes that arrive on them.

aiohttp takes a connection from `Connector.connect()` for each request, and releases it when it
believes that the answer is over. `Lease` replaces it, so that only the exchange decides what
happens to the connection. `Line` is between the connection and aiohttp's protocol, which is
notified of everything but the bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import select
import socket
import weakref
from collections.abc import Callable
from typing import Any, Protocol, cast

import aiohttp
from aiohttp.connector import Connection

from openai_scan.transport import probes
from openai_scan.transport.aio_http.resolver import Resolver

# All that aiohttp needs to know about an answer: that it is over.
_OVER = b"HTTP/1.1 204 No Content\r\n\r\n"

# How long to keep an idle connection. Many servers and gateways close it after a minute, and
# noticing that costs nothing.
_KEPT_SECONDS = 300.0

# How many unread bytes to read after a reset: the error response of a server, which is short.
_UNREAD_BYTES = 64 * 1024


class Receiver(Protocol):
    """Receives the bytes of a connection."""

    def received(self, data: bytes) -> None:
        """Process *data*, which has arrived."""

    def ended(self, error: Exception | None) -> None:
        """Note that no more will arrive, because of *error* or because the other side has ended.

        May be called twice; only the first call counts.
        """


class Sending(Protocol):
    """A request that waits for a connection."""

    def carried_by(self, lease: Lease, *, reused: bool) -> None:
        """Note that *lease* now carries the request."""

    @property
    def socket(self) -> socket.socket | None:
        """The socket of the connection; None if the event loop does not expose it."""


current: contextvars.ContextVar[Sending] = contextvars.ContextVar("openai_scan.sending")
"""The request that this task is sending."""


class Line(asyncio.Protocol):
    """A connection, from the side of the bytes that arrive on it.

    Args:
        protocol: aiohttp's end of it.

    Attributes:
        receiver: The exchange that it carries, or None.
        closed: Set when the connection is gone.
    """

    receiver: Receiver | None = None

    def __init__(self, protocol: asyncio.Protocol, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._protocol = protocol
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Pass *data* on, or abort an idle connection: no request is waiting for an answer."""
        if self.receiver is not None:
            self.receiver.received(data)
        else:
            self.abort()

    def eof_received(self) -> None:
        """Notify the receiver; the loop closes the connection."""
        if self.receiver is not None:
            self.receiver.ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Notify both, after reading the bytes that arrived before a reset."""
        if self.receiver is not None:
            if exc is not None and (rest := self._unread()):
                self.receiver.received(rest)
            self.receiver.ended(exc)
        self._protocol.connection_lost(exc)
        self.closed.set_result(None)

    def _unread(self) -> bytes:
        """Return the bytes that the system has received but the loop, whose write failed, has not.

        A server that rejects a request before it has read all of it answers before the reset. Over
        TLS that answer is lost, because the socket is already closed.
        """
        sock = self.socket
        if sock is None or self.transport.get_extra_info("sslcontext") is not None:
            return b""
        with contextlib.suppress(OSError), sock.dup() as copy:
            copy.setblocking(False)
            return copy.recv(_UNREAD_BYTES)
        return b""

    def pause_writing(self) -> None:
        """Notify aiohttp, which writes."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Notify aiohttp, which writes."""
        self._protocol.resume_writing()

    def abort(self) -> None:
        """Close the connection at once, unless it is gone: asyncio may raise an error then."""
        if not self.closed.done():
            self.transport.abort()

    def over(self) -> None:
        """Make aiohttp believe that the answer is over: it is read here instead."""
        self._protocol.data_received(_OVER)

    @property
    def socket(self) -> socket.socket | None:
        """The socket; None if the event loop does not expose it."""
        found: socket.socket | None = self.transport.get_extra_info("socket")
        return found

    @property
    def is_quiet(self) -> bool:
        """Whether it is open and nothing has arrived, not even its end."""
        return not (self.transport.is_closing() or has_arrived(self.socket))


class Lease:
    """A connection while it carries one exchange; for aiohttp it is the `Connection`.

    Args:
        connection: The connection, as aiohttp's connector returns it.
        line: The same connection, from the side of the bytes that arrive.
        connector: The connector it belongs to.

    Attributes:
        whole_request: Whether aiohttp has finished with it and sent all of the request.
    """

    whole_request: bool = False

    def __init__(self, connection: Connection, line: Line, connector: Connector) -> None:
        self.line = line
        self._connection: Connection | None = connection
        self._connector_of = connector
        connector.in_use += 1

    def __getattr__(self, name: str) -> Any:
        """Return any other attribute that aiohttp needs."""
        return getattr(self._connection, name)

    # Called by aiohttp when it has finished. Nothing is closed or given to another request.

    def release(self) -> None:
        """Note that the request was sent."""
        self.whole_request = True

    def close(self) -> None:
        """Note that the request may not have been sent."""
        self.whole_request = False

    # Called by the exchange. Only the first call counts.

    def give_back(self) -> None:
        """Keep the connection for another request."""
        if (connection := self._taken()) is not None:
            connection.release()
            self._connector_of.ended()

    def abort(self) -> None:
        """Close the connection at once."""
        if (connection := self._taken()) is not None:
            self.line.abort()
            connection.close()
            self._connector_of.ended()

    def _taken(self) -> Connection | None:
        connection, self._connection = self._connection, None
        self.line.receiver = None
        return connection


class Connector(aiohttp.TCPConnector):
    """Makes and keeps the connections of one event loop.

    Their number is not limited: a request that waits for a connection would be a user's request,
    and its timeouts would expire without a word to the server. It is up to the caller not to start
    more streams than the server accepts. Name lookups are not shared, because a retry would wait
    for the lookup that made the first attempt fail.

    Attributes:
        in_use: How many connections carry an exchange.
        when_idle: What to call once no connection does, or None.
    """

    in_use: int = 0
    when_idle: Callable[[], object] | None = None

    def __init__(self) -> None:
        super().__init__(
            limit=0,
            keepalive_timeout=_KEPT_SECONDS,
            resolver=Resolver(),
            use_dns_cache=False,
            socket_factory=_probed_socket,
        )
        self._lines: weakref.WeakSet[Line] = weakref.WeakSet()

    async def connect(self, *args: Any, **kwargs: Any) -> Connection:
        """Return a connection on which nothing has arrived, and notify the waiting request."""
        while True:
            connection = await super().connect(*args, **kwargs)
            transport = cast("asyncio.Transport", connection.transport)
            line = transport.get_protocol()
            reused = isinstance(line, Line)
            if not isinstance(line, Line):
                line = Line(cast("asyncio.Protocol", connection.protocol), transport)
                self._lines.add(line)
                break
            if line.is_quiet:
                break
            line.abort()
            connection.close()
        lease = Lease(connection, line, self)
        current.get().carried_by(lease, reused=reused)
        return cast("Connection", lease)

    def ended(self) -> None:
        """Note that a connection no longer carries an exchange."""
        self.in_use -= 1
        if not self.in_use and self.when_idle is not None:
            self.when_idle()

    async def end_idle(self) -> None:
        """Close the connections that no exchange uses, and wait until they are closed."""
        idle = [line for line in self._lines if line.receiver is None]
        for line in idle:
            line.abort()
        if idle:
            await asyncio.wait([line.closed for line in idle])


def has_arrived(sock: socket.socket | None) -> bool:
    """Return, without waiting, whether anything is in the system's buffer of *sock*."""
    if sock is None or sock.fileno() < 0:
        return False
    if not hasattr(select, "poll"):
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _probed_socket(address: tuple[Any, ...]) -> socket.socket:
    """Return a socket for *address*, from `getaddrinfo()`, with keep-alive probes."""
    made = socket.socket(*address[:3])
    for option in probes.options():
        with contextlib.suppress(OSError):  # a connection also works without them
            made.setsockopt(*option)
    return made
