"""httpx-sse: raw events of an httpx response."""

from __future__ import annotations

from collections.abc import Iterable

from bench.peers import over_httpx


def raw(chunks: Iterable[bytes], family: str) -> tuple[int, int]:
    """Read the raw events of a stream; the family makes no difference."""
    from httpx_sse import connect_sse

    events = characters = 0
    with (
        over_httpx.client(chunks) as client,
        connect_sse(client, "GET", "http://localhost/") as source,
    ):
        for event in source.iter_sse():
            events += 1
            characters += len(event.data)
    return events, characters
