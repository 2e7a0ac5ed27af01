"""httpx-sse: raw events of an httpx response."""

from __future__ import annotations

from collections.abc import Iterable


def raw(chunks: Iterable[bytes], family: str) -> tuple[int, int]:
    """Read the raw events of a stream; the family makes no difference."""
    import httpx
    from httpx_sse import connect_sse

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, headers={"Content-Type": "text/event-stream"}, content=iter(chunks)
        )

    events = characters = 0
    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as client,
        connect_sse(client, "GET", "http://localhost/") as source,
    ):
        for event in source.iter_sse():
            events += 1
            characters += len(event.data)
    return events, characters
