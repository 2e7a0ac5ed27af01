"""What the tests of whole answers need: payloads in, a streamer over them out."""

from __future__ import annotations

import json
from typing import Any

from openai_scan import StreamerV2
from openai_scan.values import Answer, Piece


def wire(*payloads: Any) -> list[bytes]:
    """Return the events of *payloads*: a str is data as they are, a pair has a name."""
    chunks = []
    for payload in payloads:
        name, data = payload if isinstance(payload, tuple) else ("", payload)
        text = data if isinstance(data, str) else json.dumps(data)
        chunks.append((f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode())
    return chunks


def read(*payloads: Any) -> StreamerV2:
    """Return a streamer that has read *payloads* to their end."""
    streamer = StreamerV2(wire(*payloads), require_terminal=False)
    while streamer.next():
        pass
    return streamer


def answer(*payloads: Any) -> Any:
    """Return the snapshot after *payloads*."""
    return read(*payloads).snapshot()


def texts(*payloads: Any) -> list[str]:
    """Return the text of the snapshot after each of *payloads*."""
    streamer = StreamerV2(wire(*payloads), require_terminal=False)
    found = []
    while streamer.next():
        snapshot = streamer.snapshot()
        assert snapshot is not None
        found.append(snapshot.text)
    return found


def pieces(*payloads: Any) -> list[Piece]:
    """Return all pieces in the events of *payloads*."""
    streamer = StreamerV2(wire(*payloads), require_terminal=False)
    return [piece for _ in iter(streamer.next, False) for piece in streamer.pieces()]


def calls(snapshot: Answer) -> list[tuple[str, str, str, bool]]:
    """Return id, name, arguments and completeness of each call."""
    return [(call.id, call.name, call.arguments, call.complete) for call in snapshot.calls]
