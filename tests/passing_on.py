"""What the tests of examples that pass an answer on to browsers share."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from async_sources import chat
from server import PATIENCE

EXAMPLES = Path(__file__).parents[1] / "docs/examples"

HI, THERE, *LAST = chat("Hi", " there")


def module_at(path: Path) -> Any:
    """Return the module in the file at *path*, imported again."""
    spec = importlib.util.spec_from_file_location(f"example_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def browser(port: int, path: str) -> Iterator[Any]:
    """Send a request, and give the file of what comes back."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(f"GET {path}?question=why HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        with connection.makefile("rb") as received:
            yield received


def read_until(received: Any, expected: bytes) -> None:
    """Read until *expected* has come."""
    seen = b""
    while expected not in seen:
        byte = received.read(1)
        assert byte, seen
        seen += byte
