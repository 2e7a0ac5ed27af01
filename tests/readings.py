"""What is read of a stream, by every driver and however its bytes are cut."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from attrs import frozen
from drivers import DRIVERS

from openai_scan import ScanError

DONE = "data: [DONE]\n\n"


def event(payload: Any, name: str = "") -> str:
    """Return an event; text is its data as they are, anything else is written as JSON."""
    data = payload if isinstance(payload, str) else json.dumps(payload)
    return (f"event: {name}\n" if name else "") + f"data: {data}\n\n"


def chunk(text: str = "", finish: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a chat chunk that adds *text* to choice 0, or ends it."""
    delta = {"content": text} if text else {}
    piece = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"object": "chat.completion.chunk", "choices": [piece], **more}


@frozen
class Reading:
    """What is read of a stream.

    Attributes:
        text: The pieces of text, joined.
        events: The names of the classes of the events.
        outcome: How the stream ended.
        err: What it ended with.
        notes: What was tolerated.
        answer: The answer as far as it came.
    """

    text: str
    events: Sequence[str]
    outcome: str | None
    err: ScanError | None
    notes: dict[str, int]
    answer: Any

    @property
    def story(self) -> tuple[Any, ...]:
        """Everything that has to be the same for all drivers and cuts."""
        words = None if self.err is None else (type(self.err), str(self.err))
        return self.text, self.events, self.outcome, words, self.notes


def read(*parts: str, **settings: Any) -> Reading:
    """Return what is read of a stream of *parts*, which is the same in any way of reading it."""
    data = "".join(parts).encode()
    cuts = [[data], [data[place : place + 1] for place in range(len(data))]]
    readings = [_read(driver, chunks, settings) for driver in DRIVERS.values() for chunks in cuts]
    for one in readings[1:]:
        assert one.story == readings[0].story
    return readings[0]


def _read(driver: Any, chunks: list[bytes], settings: dict[str, Any]) -> Reading:
    stream = driver(chunks, **settings)
    text, events = "", []
    while stream.next():
        text += stream.text() or ""
        events.append(type(stream.event()).__name__)
    err, notes = stream.err(), dict(stream.notes)
    return Reading(text, events, stream.outcome, err, notes, stream.snapshot())
