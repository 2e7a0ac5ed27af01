"""What http.client and ssl wait for, in slices: where the system wakes nobody, see `waiting`.

Answers are read in slices in `answers`, addresses are tried in slices in `dial`. What is left is
here: sending a request, and agreeing on keys.
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs

from openai_scan import waiting
from openai_scan.transport.session.answers import current

T = TypeVar("T")


class Securing(Protocol):
    """A connection that agrees on keys, with a server, a proxy or both; the names are urllib3's."""

    ssl_context: ssl.SSLContext | None
    """How to do so with a server; None for the default."""

    proxy_config: Any
    """Has another `ssl_context` for a proxy; None if there is no proxy."""

    cert_reqs: Any
    ca_certs: Any
    ca_cert_dir: Any


class SlicedTLS(ssl.SSLSocket):
    """TLS that is waited for in slices while it sets a connection up."""

    def do_handshake(self, *args: Any, **kwargs: Any) -> None:
        """Agree on keys."""
        _in_slices(functools.partial(super().do_handshake, *args, **kwargs), self)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Return what has come. Only urllib3's TLS inside TLS asks for it, in a handshake too."""
        step = functools.partial(super().recv, buflen, flags)
        return _in_slices(step, self) if hasattr(current, "carried") else step()


def secure_in_slices(connection: Securing) -> None:
    """Have *connection* agree on keys in slices."""
    proxy = connection.proxy_config
    if connection.ssl_context is None:
        connection.ssl_context = _context(connection)
    if proxy is not None and proxy.ssl_context is None:
        connection.proxy_config = proxy._replace(ssl_context=_context(connection))


def _context(connection: Securing) -> ssl.SSLContext:
    """Return what urllib3 would make, but for the class of the sockets."""
    context = create_urllib3_context(cert_reqs=resolve_cert_reqs(connection.cert_reqs))
    context.sslsocket_class = SlicedTLS
    # requests always names the authorities.
    context.load_verify_locations(connection.ca_certs, connection.ca_cert_dir)
    return context


def send_in_slices(sock: Any, data: bytes) -> None:
    """Send all of *data*.

    urllib3's TLS inside TLS encrypts what it sends before it waits, and would lose it: its sends
    are not cut into slices.
    """
    if not hasattr(sock, "sslobj"):
        rest = memoryview(data)
        while rest:
            rest = rest[_in_slices(lambda: sock.send(rest), sock) :]  # noqa: B023 - called at once
        return
    sock.settimeout(current.carried.clock.left())
    sock.sendall(data)


def _in_slices(step: Callable[[], T], sock: waiting.Timed) -> T:
    carried = current.carried
    return waiting.in_slices(step, sock, carried.clock.left(), carried.cancellation.check)
