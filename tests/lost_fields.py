"""Which fields of a payload cannot be found in the value that it became."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs

from openai_scan.events.decoding.records import KEY
from openai_scan.values import UnknownObject

# Fields of the wire, or places of them, that are no attributes; all stay readable in `event.raw`.
EXCEPTIONS = {
    "obfuscation": "padding against listeners who measure packets; it says nothing",
    "output_text": "of Response: computed by openai-python, and never on the wire",
    "input": "of Response: only in a hand-written sample of the schema",
    "reasoning_effort": "of Response: only in a hand-written sample of the schema",
    "updated_at": "of Response: only in a hand-written sample of the schema",
    "matched_stop": "of a choice: from one model on Azure, and null there",
    "reasoning_tokens": "of CompletionUsage: from one model on Azure; the details have it",
    "error.type": "repeats the event's name; the type of the error is in the nested shape",
    "error.error": "the nested shape: its fields are the error's",
    "thread.message.delta.object": "repeats the event's name",
    "thread.run.step.delta.object": "repeats the event's name",
}


LOST = object()


def lost(payload: Any, value: Any, place: str) -> Iterator[str]:
    """Yield the places in *payload* that have no counterpart in *value*."""
    if isinstance(value, UnknownObject):  # it has all of it, as it was sent
        yield from [] if value.payload == payload else [place]
    elif isinstance(payload, dict) and attrs.has(type(value)):
        kind: Any = type(value)
        fields: dict[str, Any] = {
            one.metadata.get(KEY, one.name): getattr(value, one.name) for one in attrs.fields(kind)
        }
        for key, inner in payload.items():
            if key in EXCEPTIONS or f"{place}.{key}" in EXCEPTIONS:
                continue
            found = fields.get(key, getattr(value, key, LOST))
            yield from lost(inner, found, f"{place}.{key}")
    elif isinstance(payload, list) and isinstance(value, tuple):
        assert len(payload) == len(value), place
        for number, inner in enumerate(payload):
            yield from lost(inner, value[number], f"{place}[{number}]")
    elif isinstance(payload, dict) and isinstance(value, str):  # a `JSONText`
        yield from [] if json.loads(value) == payload else [place]
    elif value is LOST or (payload is not None and payload != value):
        yield place
