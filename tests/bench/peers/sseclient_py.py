"""sseclient-py: raw events of anything that yields bytes and can be closed."""

from __future__ import annotations

from collections.abc import Iterable


def raw(chunks: Iterable[bytes], family: str) -> tuple[int, int]:
    """Read the raw events of a stream; the family makes no difference."""
    from sseclient import SSEClient

    events = characters = 0
    for event in SSEClient(iter(chunks)).events():
        events += 1
        characters += len(event.data)
    return events, characters
