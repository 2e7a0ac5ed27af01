"""Serve the page on this machine, along with a model that needs no key."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import Self

from openai_scan.testing import (
    FakeServer,
    Reply,
    SeenRequest,
    Step,
    chat_answer,
    delay,
    error,
    json_answer,
)

_MODELS = ("parrot", "parrot-busy")

# The pause between two tokens, in seconds; about as fast as people read.
_PACE = 0.04

_SAYS = (
    "You said: {question}\n\nI am not a model but a parrot, and I live on this machine. Each word"
    " of mine travels by itself, and this page shows it as soon as it is here. Python reads the"
    " stream, in your browser, and no other program is between the two of us.\n<b>This is text</b>,"
    " so it is shown as text. Press Stop, or the Escape key, to interrupt me."
)


class PageServer:
    """Serves the files of a folder.

    Args:
        folder: The folder.
        port: The port on this machine; 0 for any free port.

    Raises:
        OSError: The port is in use.
    """

    def __init__(self, folder: str, port: int) -> None:
        handler = functools.partial(_Files, directory=folder)
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """The URL of the page."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def join(self) -> None:
        """Wait until the server ends."""
        self._thread.join()


class _Files(SimpleHTTPRequestHandler):
    """Serves files with the media types that browsers require."""

    extensions_map = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextlib.contextmanager
def serving(folder: str, *, port: int, api_port: int) -> Iterator[tuple[PageServer, FakeServer]]:
    """Serve the page in *folder*, and a model for it, while the block runs.

    Raises:
        OSError: A port is in use.
    """
    api = FakeServer(answer, port=api_port, strict=False, pages="*")
    with api, PageServer(folder, port) as page:
        yield page, api


def answer(request: SeenRequest) -> Reply:
    """Answer like a model that repeats its prompt. The key `wrong` is rejected."""
    if request.key == "wrong":
        return error(401, "the key is not valid", code="invalid_api_key")
    if request.path == "/models":
        about = {"object": "model", "created": 1, "owned_by": "you"}
        models = [{"id": name, **about} for name in _MODELS]
        return json_answer({"object": "list", "data": models})
    body: Any = request.json
    if body["model"] == "parrot-busy":
        return error(429, "come back later", retry_after=3600)
    question = body["messages"][-1]["content"]
    return Reply(steps=_paced(chat_answer(_SAYS.format(question=question))))


def _paced(events: list[bytes]) -> Iterator[Step]:
    for event in events:
        yield delay(_PACE)
        yield event
