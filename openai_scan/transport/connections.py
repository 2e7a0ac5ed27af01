"""Connections that know whom they carry, can be woken up, and notice a dead peer."""

from __future__ import annotations

import http.cookiejar
import socket
import threading
from typing import Any, Protocol

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

# TCP probes tell a dead peer from a silent one, and keep address translators from forgetting the
# connection: AWS forgets after 350 s, Google after 120 s.
_KEEPALIVE_SECONDS = 60
_KEEPALIVE_PROBES = 5

# What is shorter is a stand-in for a key, and stands in ordinary words too.
_SHORTEST_SECRET = 8


class Carried(Protocol):
    """What a connection carries: one request and its answer."""

    def attach(self, connection: WatchedConnection) -> None:
        """Take note of the connection, whose socket is open."""


class _Current(threading.local):
    """What the current thread is sending, for the connection that gets to carry it."""

    carried: Carried


current = _Current()

# Guards whom a connection carries: a late cancel() must not hit the next one.
ownership = threading.Lock()


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
        """Return *text* without the key."""
        return text.replace(self._key, "[key]") if len(self._key) >= _SHORTEST_SECRET else text


class WatchedConnection(HTTPConnection):
    """A connection that tells whoever uses it which socket that is."""

    owner: object = None
    """A token of whoever it carries; no reference, which would keep a dropped stream alive."""

    def connect(self) -> None:
        """Connect, then say so."""
        super().connect()
        self._attach()

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Say who is carried, then send the request."""
        if self.sock is not None:  # kept open by an earlier request
            self._attach()
        super().request(*args, **kwargs)

    def _attach(self) -> None:
        current.carried.attach(self)


class _WatchedTLSConnection(WatchedConnection, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = WatchedConnection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLSConnection


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
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> urllib3.ProxyManager:
        manager: urllib3.ProxyManager
        manager = super().proxy_manager_for(proxy, socket_options=_socket_options(), **kwargs)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
        return manager


def new_session() -> requests.Session:
    """Return a session for many threads, without cookies."""
    session = requests.Session()
    session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
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
