"""The tests' own proxy, beyond what the table needs."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from faults.proxies import Proxy


def test_a_proxy_bears_a_client_that_says_nothing() -> None:
    """A client that connects and hangs up, as a cancelled one does, has sent no request."""
    with Proxy() as proxy:
        with socket.create_connection(("127.0.0.1", urlsplit(proxy.url).port or 0)) as client:
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""
        assert (proxy.connections, proxy.heads) == (1, [])
