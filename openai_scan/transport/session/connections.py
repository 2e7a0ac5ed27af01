"""Connections that know which exchange they carry, keep to its clock, and detect a dead peer."""

from __future__ import annotations

import errno
import functools
import http.cookiejar
import os
import socket
import ssl
import traceback
from collections.abc import Mapping
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from openai_scan import waiting
from openai_scan.interruptions import carry
from openai_scan.transport import probes
from openai_scan.transport.session.clocked import ClockedResponse, current
from openai_scan.transport.session.dial import dial, system_error
from openai_scan.transport.session.sliced import secure_in_slices, send_in_slices
from openai_scan.transport.session.tunnels import TunnelAnswer

# What sending raises after the other side has closed the connection.
_CLOSED = (ConnectionError, ssl.SSLEOFError, ssl.SSLSyscallError, ssl.SSLZeroReturnError)


class WatchedConnection(HTTPConnection):
    """A connection that tells the exchange it carries which socket that is."""

    owner: object = None
    """The token of the exchange that it carries; see `SocketCancellation.token`."""

    _tunnel_headers: dict[str, str]  # of http.client, untyped there

    whole_request: bool = False
    """Whether the last request was sent to its end."""

    @property
    def response_class(self) -> Any:  # type: ignore[override] # read-only here
        """The class of answers, of the server or of a proxy."""
        kind = TunnelAnswer if current.carried.clock.connecting else ClockedResponse
        return functools.partial(kind, connection=self)

    def connect(self) -> None:
        """Connect, then notify the exchange."""
        cancellation = current.carried.cancellation
        connection: Any = self
        if waiting.sliced and hasattr(connection, "ssl_context"):
            secure_in_slices(connection)
        try:
            super().connect()
            _check_handshake(self.sock)
        except BaseException as error:  # Ctrl-C too
            _close_left_over(error)
            carry(error)
            raise
        finally:
            cancellation.let_go()
        self._attach(reused=False)

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Notify the exchange, then send the request."""
        if self.sock is not None:  # reused, or just connected over TLS
            self._attach(reused=self.owner is not current.carried.cancellation.token)
        self.whole_request = False
        try:
            super().request(*args, **kwargs)
        except Exception as error:
            carry(error)  # urllib3 would swallow some of them
            if not isinstance(error, _CLOSED):
                raise
            # A server may reject a long request and close the connection before it has read all of
            # it. urllib3 then reads the answer, but only after a BrokenPipeError; TLS and Windows
            # raise other errors.
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from error
        self.whole_request = True

    def send(self, data: Any) -> None:
        """Send *data*, after connecting if there is no connection."""
        if not waiting.sliced:
            super().send(data)
            return
        if self.sock is None:
            self.connect()
        send_in_slices(self.sock, data)

    def _tunnel(self) -> None:
        """Ask a proxy for a tunnel. Its first bytes must be those of the handshake.

        Raises:
            OSError: The proxy refused, or the end of its answer is in doubt.
        """
        try:
            super()._tunnel()
        except BaseException:  # Ctrl-C too
            self.close()
            raise
        if self.sock is None:  # closed at the end of the answer; see `ClockedResponse`
            raise OSError(errno.EPROTO, "it is unclear where the proxy's answer ends")

    def _attach(self, *, reused: bool) -> None:
        carried = current.carried
        carried.cancellation.attach(self)
        carried.connected(reused=reused)
        # urllib3 would limit sending the request to the time allowed for connecting.
        self.timeout = carried.clock.left()
        self.sock.settimeout(self.timeout)

    def _new_conn(self) -> socket.socket:
        try:
            return self._dial()
        except OSError as error:
            carry(error)
            if isinstance(error, socket.gaierror):
                raise NameResolutionError(self.host, self, error) from error
            failure = ConnectTimeoutError if isinstance(error, TimeoutError) else NewConnectionError
            raise failure(self, f"no connection to {self.host}: {error}") from error

    def _dial(self) -> socket.socket:
        carried = current.carried
        how: dict[str, Any] = {
            "options": self.socket_options or (),
            "clock": carried.clock,
            "cancellation": carried.cancellation,
        }
        if not hasattr(self, "_socks_options"):
            return dial(self._dns_host, self.port, **how)
        from openai_scan.transport.session.socks_dial import dial_through  # rarely needed

        return dial_through(self._socks_options, self.host, self.port, **how)


def _check_handshake(sock: socket.socket) -> None:
    """Reject a connection without encryption: ssl skips the handshake if the peer has gone."""
    if isinstance(sock, ssl.SSLSocket) and sock.version() is None:
        raise system_error(errno.ECONNRESET)


def _close_left_over(error: BaseException) -> None:
    """Close the socket whose handshake failed with *error*.

    Before Python 3.13 ssl leaves that to the garbage collector after Ctrl-C, or if the peer has
    already gone, and the connection stays open as long as the error is referenced.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        left_over = frame.f_locals.get("self")
        if isinstance(left_over, ssl.SSLSocket):
            left_over.close()


def _watched(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """Return a subclass of *pool*, of whatever kind, with `WatchedConnection`s."""
    if issubclass(pool.ConnectionCls, WatchedConnection):
        return pool
    connection = type("Watched", (WatchedConnection, pool.ConnectionCls), {})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


def _all_watched(manager: urllib3.PoolManager) -> None:
    pools: Mapping[str, type[HTTPConnectionPool]] = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _watched(pool) for scheme, pool in pools.items()}


class _Adapter(HTTPAdapter):
    """Creates connections that are watched and probed."""

    def close(self) -> None:
        """Close the connections that are not in use, instead of leaving them to the collector."""
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


class _Session(requests.Session):
    """A session that ignores redirects.

    Even without following one, requests reads all of its body and parses its target: the body may
    have no end, and the target may not be a URL.
    """

    def get_redirect_target(self, _: requests.Response) -> None:
        """Return None: there is no target."""


def new_session() -> requests.Session:
    """Return a session for many threads, without cookies."""
    session = _Session()
    session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
    # The variables that OpenSSL uses. Those of requests come first; requests reads them itself.
    session.verify = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR") or True
    # By default only ten connections are kept, however many streams were read in parallel.
    adapter = _Adapter(pool_connections=8, pool_maxsize=64)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _socket_options() -> list[tuple[int, int, int]]:
    return [*HTTPConnection.default_socket_options, *probes.options()]  # TCP_NODELAY, and probes
