"""Send and do TLS handshakes in slices, if the system wakes no waiting threads; see `waiting`.

`clocked` reads in slices itself, and `dial` connects in slices.
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs

from openai_scan import waiting
from openai_scan.transport.session.clocked import current

T = TypeVar("T")


class Securing(Protocol):
    """A connection with TLS, to a server, a proxy or both. The names are those of urllib3."""

    ssl_context: ssl.SSLContext | None
    """The context for the server; None for the default."""

    proxy_config: Any
    """Its `ssl_context` is the context for the proxy; None if there is no proxy."""

    cert_reqs: Any
    ca_certs: Any
    ca_cert_dir: Any


class SlicedTLS(ssl.SSLSocket):
    """A TLS socket whose handshake waits in slices."""

    def do_handshake(self, *args: Any, **kwargs: Any) -> None:
        """Do the handshake."""
        _in_slices(functools.partial(super().do_handshake, *args, **kwargs), self)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Return what has arrived. urllib3's TLS inside TLS calls it, also in its handshake."""
        step = functools.partial(super().recv, buflen, flags)
        return _in_slices(step, self) if hasattr(current, "carried") else step()


def secure_in_slices(connection: Securing) -> None:
    """Make the TLS handshakes of *connection* wait in slices."""
    proxy = connection.proxy_config
    if connection.ssl_context is None:
        connection.ssl_context = _context(connection)
    if proxy is not None and proxy.ssl_context is None:
        connection.proxy_config = proxy._replace(ssl_context=_context(connection))


def _context(connection: Securing) -> ssl.SSLContext:
    """Return a context like urllib3's, except for the class of its sockets."""
    context = create_urllib3_context(cert_reqs=resolve_cert_reqs(connection.cert_reqs))
    context.sslsocket_class = SlicedTLS
    # requests always sets one of them.
    context.load_verify_locations(connection.ca_certs, connection.ca_cert_dir)
    return context


def send_in_slices(sock: Any, data: bytes) -> None:
    """Send all of *data*.

    Sends of urllib3's TLS inside TLS are not sliced: it encrypts before it waits, so the encrypted
    bytes would be lost.
    """
    if not hasattr(sock, "sslobj"):
        rest = memoryview(data)
        while rest:
            rest = rest[_in_slices(lambda: sock.send(rest), sock) :]  # noqa: B023 - called at once
        return
    sock.settimeout(current.carried.clock.left())
    sock.sendall(data)


def _in_slices(step: Callable[[], T], sock: Any) -> T:
    carried = current.carried
    return waiting.in_slices(
        step, sock.settimeout, carried.clock.left(), carried.cancellation.check
    )
