"""A client of httpx that gets a stream from memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def client(chunks: Iterable[bytes]) -> Any:
    """Return a client whose every request is answered with *chunks*, as an event stream."""
    import httpx

    def answer(request: httpx.Request) -> httpx.Response:
        headers = {"Content-Type": "text/event-stream"}
        return httpx.Response(200, headers=headers, content=iter(chunks))

    return httpx.Client(transport=httpx.MockTransport(answer))
