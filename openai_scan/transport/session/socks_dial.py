"""Connect through a SOCKS proxy within one time limit, so that it can be cancelled."""

from __future__ import annotations

import errno
import functools
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import socks

from openai_scan import waiting
from openai_scan.transport.clock import Clock
from openai_scan.transport.session.cancellation import SocketCancellation
from openai_scan.transport.session.dial import closing_on_error, dial, resolve


class _Connected(socket.socket):
    """A socket that is already connected to the proxy, and whose reads keep to the clock."""

    clock: Clock
    cancellation: SocketCancellation

    def connect(self, address: object, /) -> None:
        """Do nothing. PySocks would connect here, and could not be cancelled."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        # The answer may arrive byte by byte; one limit applies to all of it.
        left = self.clock.left()
        plain: Any = super()  # PySocks overrides settimeout()
        step: Callable[[], int] = functools.partial(plain.recv_into, *args, **kwargs)
        return waiting.in_slices(step, plain.settimeout, left, self.cancellation.check)


class _Negotiating(socks.socksocket, _Connected):  # type: ignore[misc] # untyped
    """A socket that asks the proxy for a connection, which PySocks calls `connect()`."""


def dial_through(
    proxy: Mapping[str, Any],
    host: str,
    port: int,
    *,
    options: Iterable[tuple[int, int, int | bytes]],
    clock: Clock,
    cancellation: SocketCancellation,
) -> socket.socket:
    """Return a socket that *proxy*, described as in urllib3, has connected to *host*.

    Raises:
        socket.gaierror: The name of the proxy is unknown, or that of the host if we resolve it.
        TimeoutError: It took too long.
        OSError: The proxy cannot be reached, or refuses, or the exchange was cancelled.
    """
    kind = proxy["socks_version"]
    if not proxy["rdns"]:  # PySocks would resolve the name without a limit
        found = resolve(host, port, clock=clock, cancellation=cancellation)
        only_ipv4 = kind == socks.PROXY_TYPE_SOCKS4
        host = min(found, key=lambda one: only_ipv4 and one[0] != socket.AF_INET)[4][0]
    place = proxy["proxy_host"], int(proxy["proxy_port"] or socks.DEFAULT_PORTS[kind])
    # The cancellation holds a copy of the socket until the connection is attached.
    dialled = dial(*place, options=options, clock=clock, cancellation=cancellation)
    family, protocol = dialled.family, dialled.proto
    negotiating = _Negotiating(family, socket.SOCK_STREAM, protocol, dialled.detach())
    with closing_on_error(negotiating):
        negotiating.clock, negotiating.cancellation = clock, cancellation
        negotiating.set_proxy(kind, *place, proxy["rdns"], proxy["username"], proxy["password"])
        _negotiate(negotiating, host, port)
        connected = socket.socket(fileno=negotiating.detach())
    connected.settimeout(clock.left())
    return connected


def _negotiate(negotiating: _Negotiating, host: str, port: int) -> None:
    try:
        negotiating.connect((host, port))
    except socks.ProxyError as error:
        inner = error.socket_err or error
        if isinstance(inner, socks.ProxyError):
            raise OSError(errno.EPROTO, f"the SOCKS proxy did not connect: {inner}") from error
        raise inner from error
