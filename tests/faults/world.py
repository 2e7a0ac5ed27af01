"""The world that a client meets: a server, with or without TLS and a proxy before it."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import trustme
from attrs import frozen
from server import Script, ScriptedServer, reset

from faults.proxies import Proxy
from faults.table import Route

# What the environment says of proxies and certificates, which is not the tests' business.
_VARIABLES = (
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC"),
    "SSLKEYLOGFILE",
)


def clean(environment: pytest.MonkeyPatch) -> None:
    """Have the environment say nothing of proxies and certificates."""
    for name in _VARIABLES:
        environment.delenv(name, raising=False)


@frozen
class World:
    """What is there.

    Attributes:
        proxy: What the client goes through, or None.
        environment: The client's; undone at the end.
    """

    server: ScriptedServer
    proxy: Proxy | None
    environment: pytest.MonkeyPatch

    @property
    def entrance(self) -> ScriptedServer:
        """What the client's connections lead to."""
        return self.proxy or self.server


@functools.cache
def authority() -> trustme.CA:
    """Return the certificate authority that all clients of a world trust."""
    return trustme.CA()


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()  # which goes with the process


@functools.cache
def bundle() -> Path:
    """Return a file that says to trust the authority."""
    path = Path(_folder().name) / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    return path


@functools.cache
def certified(kind: str = "") -> ssl.SSLContext:
    """Return what a server needs to speak TLS as localhost, or to fail at it."""
    match kind:
        case "untrusted":
            certificate = trustme.CA().issue_cert("localhost")
        case "expired":
            long_ago = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
            certificate = authority().issue_cert("localhost", not_after=long_ago)
        case "for another name":
            certificate = authority().issue_cert("elsewhere.test")
        case _:
            certificate = authority().issue_cert("localhost", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@functools.cache
def resets_are_told() -> bool:
    """Tell whether this Python can tell a reset from an end in the middle of TLS (gh-115627)."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()

        def shake_and_reset() -> None:
            with certified().wrap_socket(accepted, server_side=True) as secure:
                reset(secure)

        server = threading.Thread(target=shake_and_reset)
        server.start()
        with context.wrap_socket(client, server_hostname="localhost") as secure:
            server.join()
            told = True
            with contextlib.suppress(ConnectionResetError):
                told = secure.recv(1) != b""
            return told


@contextlib.contextmanager
def world(
    route: Route,
    *scripts: Script,
    certificate: str = "",
    handshakes: Sequence[Script] = (),
    openings: Sequence[Script] = (),
    tunnels: Sequence[Script] = (),
    buffer: int | None = None,
) -> Iterator[World]:
    """Set a world up in which the client's requests take *route*.

    Args:
        route: What is between client and server.
        scripts: What the server answers to the requests.
        certificate: What is wrong with the server's certificate.
        handshakes: What the server's connections begin with, before TLS.
        openings: What they continue with.
        tunnels: What the proxy answers to CONNECT rather than to do it.
        buffer: How much may lie in a connection before the server takes it.
    """
    secure = route in (Route.TLS, Route.TUNNEL)
    tls = certified(certificate) if secure else None
    with contextlib.ExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        clean(environment)
        server = stack.enter_context(
            ScriptedServer(list(scripts), tls, list(handshakes), list(openings), buffer)
        )
        proxy = None
        if route in (Route.PROXY, Route.TUNNEL):
            proxy = stack.enter_context(Proxy(list(tunnels)))
            environment.setenv("http_proxy", proxy.url)
            environment.setenv("https_proxy", proxy.url)
        if secure:
            environment.setenv("REQUESTS_CA_BUNDLE", str(bundle()))
        yield World(server, proxy, environment)
