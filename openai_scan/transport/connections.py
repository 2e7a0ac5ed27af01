"""Connections that know whom they carry, keep to its clock, and notice a dead peer."""

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
from typing import TYPE_CHECKING, Any, Protocol

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from openai_scan.transport.cancellation import Cancellation
from openai_scan.transport.clock import Clock
from openai_scan.transport.dial import dial

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# TCP probes tell a dead peer from a silent one, and keep address translators from forgetting the
# connection: AWS forgets after 350 s, Google after 120 s.
_KEEPALIVE_SECONDS = 60
_KEEPALIVE_PROBES = 5

# What is shorter is a stand-in for a key, and stands in ordinary words too.
_SHORTEST_SECRET = 8


# What stands between two chunks: the line end behind the one, and the size of the other.
_CHUNK_HEAD = re.compile(rb"\r\n([0-9A-Fa-f]{1,8})\r\n")

# The line with the size of a chunk, and what else may stand there: spaces, and extensions.
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;.*)?\r?\n", re.DOTALL)
_MAX_CHUNK_SIZE_LINE = 64 * 1024

# What one read takes off a socket at most; many small chunks of a body come with one.
_BUFFER_BYTES = 64 * 1024


class Carried(Protocol):
    """What a connection carries: one request and its answer."""

    clock: Clock
    cancellation: Cancellation

    def attach(self, connection: WatchedConnection, *, reused: bool) -> None:
        """Take note of the connection, whose socket is open."""


class _Current(threading.local):
    """What the current thread is sending, for the connection that gets to carry it."""

    carried: Carried


current = _Current()


class KeyAuth(AuthBase):
    """Puts the key into the head of a request, where no netrc file can replace it."""

    def __init__(self, key: str, header: str | None) -> None:
        self._key = key
        self._header = header

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the key to the head of *request*, or nothing if there is none."""
        if self._key and self._header is None:
            request.headers["Authorization"] = f"Bearer {self._key}"
        elif self._key and self._header is not None:
            request.headers[self._header] = self._key
        return request

    def redact(self, text: str) -> str:
        """Return *text* without the key, and without half a key where the text was cut off."""
        key = self._key
        if len(key) < _SHORTEST_SECRET:
            return text
        text = text.replace(key, "[key]")
        start = text.find(key[:_SHORTEST_SECRET], max(0, len(text) - len(key)))
        while start >= 0:
            if key.startswith(text[start:]):
                return text[:start] + "[key]"
            start = text.find(key[:_SHORTEST_SECRET], start + 1)
        return text


class _ClockedReads(io.RawIOBase):
    """What comes in over a socket; each wait for it is as long as the clock says.

    Attributes:
        waits: Whether to wait at all; otherwise nothing comes.
        ended: Whether the other side has said that nothing more comes.
    """

    waits: bool = True
    ended: bool = False

    def __init__(self, sock: socket.socket, clock: Clock, cancellation: Cancellation) -> None:
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
        if left != self._socket.gettimeout():  # to set it is a system call
            self._socket.settimeout(left)
        size = self._reads.readinto(buffer)
        self.ended = not size
        # What comes before is a proxy's answer, when it was asked for a tunnel.
        self._clock.answering = bool(size) and not self._clock.connecting
        return size

    def close(self) -> None:
        """Let go of the socket; from now on the connection may carry another request."""
        self._cancellation.release()
        self._reads.close()
        super().close()


class _ClockedResponse(http.client.HTTPResponse):
    """An answer, or a proxy's, that is read by the clock from its first byte on."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        carried = current.carried
        self._reads = _ClockedReads(sock, carried.clock, carried.cancellation)
        self.fp = io.BufferedReader(self._reads, _BUFFER_BYTES)

    def begin(self) -> None:
        """Read the head, which ends with a blank line and nothing else.

        Raises:
            http.client.IncompleteRead: The connection ended before; the library takes that for
                the end of the head.
        """
        super().begin()
        if self._reads.ended:
            raise http.client.IncompleteRead(b"")

    def read1(self, n: int = -1) -> bytes:
        """Return what has arrived, at most *n* bytes, and wait only if there is nothing.

        By itself http.client returns one chunk of the transfer coding, at 15 us a call, and a
        server makes a chunk of every event.
        """
        data = super().read1(n)
        # In the middle of a chunk, and at the end of the body, there is nothing more to take.
        return data + self._whole_chunks(n - len(data)) if self.chunk_left == 0 else data

    def _read_next_chunk_size(self) -> int:
        """Return the size of the next chunk.

        By itself http.client takes whatever Python takes for a number, such as `-5` or `0x5`.

        Raises:
            http.client.IncompleteRead: The connection ended before.
            http.client.HTTPException: It is no size; nobody knows what the next bytes are.
        """
        line = self.fp.readline(_MAX_CHUNK_SIZE_LINE)
        if not line.endswith(b"\n") and len(line) < _MAX_CHUNK_SIZE_LINE:
            raise http.client.IncompleteRead(line)
        size = _CHUNK_SIZE.fullmatch(line)
        if size is None:
            raise http.client.HTTPException("a chunk has no size")
        return int(size[1], 16)

    def _whole_chunks(self, most: int) -> bytes:
        """Return the chunks that have arrived as a whole.

        What is in any way special is left to http.client: the last one, an odd size.
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
    """A connection that tells whoever uses it which socket that is."""

    response_class = _ClockedResponse

    owner: object = None
    """A token of whoever it carries; no reference, which would keep a dropped stream alive."""

    def connect(self) -> None:
        """Connect, then say so."""
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
        """Say who is carried, then send the request."""
        if self.sock is not None:  # kept open by an earlier request, or just connected over TLS
            self._attach(reused=self.owner is not current.carried.cancellation.token)
        super().request(*args, **kwargs)

    def _attach(self, *, reused: bool) -> None:
        current.carried.attach(self, reused=reused)
        # urllib3 would give the sending of the request no longer than the connecting.
        self.timeout = current.carried.clock.left()
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
        from openai_scan.transport.socks_dial import dial_through  # hardly anybody needs it

        return dial_through(self._socks_options, self.host, self.port, **how)


def _check_handshake(sock: socket.socket) -> None:
    """Refuse a connection without keys: if the peer has gone already, ssl skips the handshake."""
    if isinstance(sock, ssl.SSLSocket) and sock.version() is None:
        raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))


def _close_left_over(error: BaseException) -> None:
    """Close the socket whose handshake failed with *error*.

    Before Python 3.13 ssl leaves it to the collector after Ctrl-C, or if the peer has gone already;
    and what keeps the error, keeps the connection.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        left_over = frame.f_locals.get("self")
        if isinstance(left_over, ssl.SSLSocket):
            left_over.close()


def _watched(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """Return *pool*, of whatever kind, with connections that are watched."""
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
        """Close the connections that are not in use, rather than leave them to the collector."""
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
    # What OpenSSL itself goes by; the variables of requests come first, and are looked up by it.
    session.verify = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR") or True
    # By default the eleventh of many parallel streams would lose its connection afterwards.
    adapter = _Adapter(pool_connections=8, pool_maxsize=64)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _socket_options() -> list[tuple[int, int, int]]:
    options = [
        *HTTPConnection.default_socket_options,  # these have TCP_NODELAY
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
