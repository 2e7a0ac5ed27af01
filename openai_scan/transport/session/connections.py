"""Connections that know which exchange they carry, keep to its clock, and notice a dead peer."""

from __future__ import annotations

import errno
import http.client
import http.cookiejar
import io
import os
import re
import socket
import ssl
import threading
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from openai_scan.transport.clock import Clock
from openai_scan.transport.session.cancellation import SocketCancellation
from openai_scan.transport.session.dial import dial
from openai_scan.transport.wire import Carried

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# TCP probes tell a dead peer from a silent one, and keep address translators from forgetting the
# connection: AWS forgets after 350 s, Google after 120 s.
_KEEPALIVE_SECONDS = 60
_KEEPALIVE_PROBES = 5

# What separates two chunks: the line end after the first, and the size of the second.
_CHUNK_HEAD = re.compile(rb"\r\n([0-9A-Fa-f]{1,8})\r\n")

# The line with the size of a chunk, and what else it may hold: spaces, and extensions.
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;.*)?\r?\n", re.DOTALL)
_MAX_CHUNK_SIZE_LINE = 64 * 1024

# How much one read takes off a socket at most. It may hold many small chunks of a body.
_BUFFER_BYTES = 64 * 1024


class _Current(threading.local):
    """The exchange that this thread is sending, for the connection that gets to carry it."""

    carried: Carried[SocketCancellation]


current = _Current()


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
        self._clock.answering = bool(size) and not self._clock.connecting
        return size

    def close(self) -> None:
        """Let go of the socket; from now on the connection may carry another request.

        http.client calls it at the end of a body, which is the only place where a connection is
        kept for reuse, and before it closes a connection.
        """
        self._cancellation.release()
        self._reads.close()
        super().close()


class _ClockedResponse(http.client.HTTPResponse):
    """An answer, of the server or of a proxy, that keeps to the clock from its first byte on."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        carried = current.carried
        self._reads = _ClockedReads(sock, carried.clock, carried.cancellation)
        self.fp = io.BufferedReader(self._reads, _BUFFER_BYTES)

    def begin(self) -> None:
        """Read the head. Only a blank line ends it.

        Raises:
            http.client.IncompleteRead: The connection ended before that, which http.client takes
                for the end of the head.
        """
        super().begin()
        if self._reads.ended:
            raise http.client.IncompleteRead(b"")

    def read1(self, n: int = -1) -> bytes:
        """Return what has arrived, at most *n* bytes, and wait only if that is nothing.

        http.client returns one chunk of the transfer coding, at 15 us a call, and servers make a
        chunk of every event.
        """
        data = super().read1(n)
        # In the middle of a chunk, and at the end of the body, nothing more can be taken.
        return data + self._whole_chunks(n - len(data)) if self.chunk_left == 0 else data

    def _read_next_chunk_size(self) -> int:
        """Return the size of the next chunk.

        http.client accepts whatever is a number in Python, such as `-5` or `0x5`.

        Raises:
            http.client.IncompleteRead: The connection ended first.
            http.client.HTTPException: It is not a size, so nobody knows what the next bytes are.
        """
        line = self.fp.readline(_MAX_CHUNK_SIZE_LINE)
        if not line.endswith(b"\n") and len(line) < _MAX_CHUNK_SIZE_LINE:
            raise http.client.IncompleteRead(line)
        size = _CHUNK_SIZE.fullmatch(line)
        if size is None:
            raise http.client.HTTPException("a chunk has no size")
        return int(size[1], 16)

    def _whole_chunks(self, most: int) -> bytes:
        """Return the contents of the chunks that have arrived completely, at most *most* bytes.

        Anything special is left to http.client: the last chunk, a size in an unusual form.
        """
        self._reads.waits = False
        try:
            arrived = self.fp.peek()
        finally:
            self._reads.waits = True
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


class WatchedConnection(HTTPConnection):
    """A connection that tells the exchange it carries which socket that is."""

    response_class = _ClockedResponse

    owner: object = None
    """The token of the exchange that it carries, see `SocketCancellation.token`."""

    def connect(self) -> None:
        """Connect, then tell the exchange."""
        cancellation = current.carried.cancellation
        try:
            super().connect()
            _check_handshake(self.sock)
        except BaseException as error:  # Ctrl-C too
            _close_left_over(error)
            raise
        finally:
            cancellation.let_go()
        self._attach(reused=False)

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Tell the exchange, then send the request."""
        if self.sock is not None:  # kept from an earlier request, or just connected over TLS
            self._attach(reused=self.owner is not current.carried.cancellation.token)
        super().request(*args, **kwargs)

    def _attach(self, *, reused: bool) -> None:
        carried = current.carried
        carried.cancellation.attach(self)
        carried.connected(reused=reused)
        # urllib3 would limit the sending of the request to the time allowed for connecting.
        self.timeout = carried.clock.left()
        self.sock.settimeout(self.timeout)

    def _new_conn(self) -> socket.socket:
        try:
            return self._dial()
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"no connection to {self.host}: {error}") from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection to {self.host}: {error}") from error

    def _dial(self) -> socket.socket:
        carried = current.carried
        how: dict[str, Any] = {
            "options": self.socket_options or (),
            "clock": carried.clock,
            "cancellation": carried.cancellation,
        }
        if not hasattr(self, "_socks_options"):
            return dial(self._dns_host, self.port, **how)
        from openai_scan.transport.session.socks_dial import dial_through  # few need PySocks

        return dial_through(self._socks_options, self.host, self.port, **how)


def _check_handshake(sock: socket.socket) -> None:
    """Refuse a connection without encryption: ssl skips the handshake if the peer has gone."""
    if isinstance(sock, ssl.SSLSocket) and sock.version() is None:
        raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))


def _close_left_over(error: BaseException) -> None:
    """Close the socket whose handshake failed with *error*.

    Before Python 3.13 ssl leaves it to the garbage collector after Ctrl-C, or if the peer has gone
    already; and as long as the error is kept, so is the connection.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        left_over = frame.f_locals.get("self")
        if isinstance(left_over, ssl.SSLSocket):
            left_over.close()


def _watched(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """Return a class like *pool*, of whatever kind, with `WatchedConnection`s."""
    if issubclass(pool.ConnectionCls, WatchedConnection):
        return pool
    connection = type("Watched", (WatchedConnection, pool.ConnectionCls), {})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


def _all_watched(manager: urllib3.PoolManager) -> None:
    pools: Mapping[str, type[HTTPConnectionPool]] = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _watched(pool) for scheme, pool in pools.items()}


class _Adapter(HTTPAdapter):
    """Connections that are watched and probed."""

    def close(self) -> None:
        """Close the connections that are not in use, not leaving them to the garbage collector."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - it is not quite a dict
                manager.pools[key].close()
        super().close()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, socket_options=_socket_options(), **kwargs)
        _all_watched(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> urllib3.ProxyManager:
        manager: urllib3.ProxyManager
        manager = super().proxy_manager_for(proxy, socket_options=_socket_options(), **kwargs)
        _all_watched(manager)
        return manager


def new_session() -> requests.Session:
    """Return a session for many threads, without cookies."""
    session = requests.Session()
    session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
    # The variables that OpenSSL uses. Those of requests come first; requests reads them itself.
    session.verify = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR") or True
    # By default only ten connections are kept, however many streams were read in parallel.
    adapter = _Adapter(pool_connections=8, pool_maxsize=64)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _socket_options() -> list[tuple[int, int, int]]:
    options = [
        *HTTPConnection.default_socket_options,  # TCP_NODELAY
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ]
    for name, value in (
        ("TCP_KEEPIDLE", _KEEPALIVE_SECONDS),
        ("TCP_KEEPALIVE", _KEEPALIVE_SECONDS),  # what macOS calls it
        ("TCP_KEEPINTVL", _KEEPALIVE_SECONDS),
        ("TCP_KEEPCNT", _KEEPALIVE_PROBES),
    ):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options
