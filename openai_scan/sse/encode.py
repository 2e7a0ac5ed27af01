"""Turn raw events back into event-stream bytes: the tokenizer's inverse."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from openai_scan.sse.event import RawEvent
from openai_scan.surrogates import utf8

_LINE_END = re.compile("\r\n|\r|\n")


def encode(event: RawEvent, *, last_event_id: str = "") -> bytes:
    r"""Return *event* as the bytes of an event stream, blank line included.

    Data stays data, whatever it contains: no text can forge a field or an event. The format cannot
    carry a carriage return, so CR and CRLF in the data become LF. JSON is not affected, because it
    writes them as ``\r`` and ``\n``.

    Args:
        event: The event. Type and ID may be any text without line breaks.
        last_event_id: The stream's last event ID so far. An `id` field is written only when the
            event's differs.

    Raises:
        ValueError: The type or the ID contains a line break, or the ID a NULL.
    """
    lines = []
    if event.last_event_id != last_event_id:
        if "\0" in event.last_event_id:  # a reader ignores such a field
            raise ValueError("last_event_id must not contain a NULL")
        lines.append(f"id: {_one_line('last_event_id', event.last_event_id)}")
    if event.type not in ("message", ""):
        lines.append(f"event: {_one_line('type', event.type)}")
    lines += [f"data: {line}" for line in _LINE_END.split(event.data)]
    return utf8("\n".join(lines) + "\n\n")


def encode_all(events: Iterable[RawEvent]) -> Iterator[bytes]:
    """Yield the bytes of each event of a stream, with an `id` field wherever the ID changes."""
    last_event_id = ""
    for event in events:
        yield encode(event, last_event_id=last_event_id)
        last_event_id = event.last_event_id


def _one_line(name: str, value: str) -> str:
    if _LINE_END.search(value):
        raise ValueError(f"{name} must not contain a line break")
    return value
