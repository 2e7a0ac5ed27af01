"""What the tests of examples that pass an answer on to browsers share."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from async_sources import chat
from server import CHUNKED, END, FIN, PATIENCE, Script, ScriptedServer, answer, ch

EXAMPLES = Path(__file__).parents[1] / "docs/examples"

HI, THERE, *LAST = chat("Hi", " there")


def example(path: str, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the module of an example, imported again, whose model is *server*."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("NO_PROXY", "*")
    return module_at(EXAMPLES / path)


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


def check_leaving(server: ScriptedServer, port: int, path: str, script: Script) -> None:
    """See that the model's server notices when a browser leaves.

    Args:
        server: The model's server.
        port: The port of the application.
        path: What the browser asks for.
        script: What the model's server does after the first piece.
    """
    server.scripts.append([CHUNKED + ch(HI), *script])
    with browser(port, path) as received:
        read_until(received, b"Hi")
        assert not server.hung_up.is_set()
    assert server.hung_up.wait(PATIENCE)


def check_outcomes(server: ScriptedServer, port: int) -> bytes:
    """See how a whole answer ends, one that breaks off, and none; return the body of the last."""
    server.scripts += [
        [CHUNKED + ch(HI) + ch(b"".join(LAST)) + END],
        [CHUNKED + ch(HI), FIN],
        [answer(b"", status="401 No")],
    ]
    for outcome in ("completed", "failed"):
        with browser(port, "/events") as received:
            body = received.read().partition(b"\r\n\r\n")[2]
        assert body == (
            b'data: {"kind": "text", "text": "Hi"}\n\n'
            b'data: {"outcome": "%b"}\n\n' % outcome.encode()
        )
    with browser(port, "/events") as received:
        refused: bytes = received.read()
    head, _, body = refused.partition(b"\r\n\r\n")
    assert b" 502 " in head.partition(b"\r\n")[0]
    return body
