"""Which family an event belongs to: `decode()` is the only list of wire names by family.

A family is imported when a stream first shows one of its events, and never otherwise.
"""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

from openai_scan import bounded_json
from openai_scan.errors import DecodeError
from openai_scan.events.base import (
    DONE,
    FIRST_WORDS,
    DoneEvent,
    ErrorEvent,
    Event,
    UnknownEvent,
    first_word,
)
from openai_scan.events.decoding.parse import parse
from openai_scan.events.error import read_error
from openai_scan.events.forms import with_deltas
from openai_scan.events.names import identify, others
from openai_scan.interruptions import pass_interruption
from openai_scan.sse import RawEvent

if TYPE_CHECKING:
    from openai_scan.events.decoding.structure import Structurer

# What only the data of an event of ours have. Data that are not JSON are a part of the answer that
# is lost if they have it, whatever the name of the event.
_OURS = re.compile(r'"(?:choices|delta|object|response|output_index|sequence_number)"\s*:')

# The prefixes of the class names of each family's events.
_PREFIXES = {
    "Agent": "agents",
    "ChatCompletionChunk": "chat",
    "Completion": "completions",
    "Image": "images",
    "Response": "responses",
    "Speech": "audio",
    "Thread": "assistants",
    "Transcript": "audio",
}


def decode(raw: RawEvent, structure: Structurer | None = None) -> Event:
    """Return the typed event for *raw*.

    It never raises. An event that is unknown, or does not match its class, becomes an
    `UnknownEvent`.

    Args:
        raw: The raw event.
        structure: What builds objects from payloads; a tolerant one by default. Pass the same one
            for all events of a stream: repeated events are then decoded faster.
    """
    if structure is None:
        from openai_scan.events.decoding.structure import Structurer

        structure = Structurer()
    return structure.repeats.event(raw) or decode_anew(raw, structure)


def decode_anew(raw: RawEvent, structure: Structurer) -> Event:
    """Return what `decode()` returns for an event that repeats no earlier one."""
    event = _decode(raw, structure)
    structure.repeats.learn(raw, event, _decode_strictly)
    return event


def _decode_strictly(raw: RawEvent) -> Event:
    from openai_scan.events.decoding.structure import Structurer

    return _decode(raw, Structurer(strict=True))


def _decode(raw: RawEvent, structure: Structurer) -> Event:
    """Decode *raw*, independently of the events before it."""
    data = raw.data.strip()
    if data == DONE or (raw.type == "done" and not data.startswith(("{", "["))):
        return DoneEvent(raw=raw)
    try:
        bounded_json.check(raw.data)
        payload = parse(raw.data)
    except (ValueError, RecursionError, MemoryError) as error:
        pass_interruption(error)
        return _not_json(raw, error)
    name, payload = identify(raw.type, payload, structure.choices_name)
    event, fault = _try(name, payload, raw, structure)
    if event is None:
        for other in others(raw.type, payload, name):
            event, _ = _try(other, payload, raw, structure)
            if event is not None:
                return event
        if raw.type == "done" and fault is None:
            return DoneEvent(raw=raw)
        return UnknownEvent(payload, name=name, error=fault, raw=raw)
    return event


def _try(
    name: str, payload: Any, raw: RawEvent, structure: Structurer
) -> tuple[Event | None, DecodeError | None]:
    """Return the event of that *name*, or why its class does not fit; neither if there is none."""
    try:
        return _decode_payload(name, payload, raw, structure), None
    except (DecodeError, RecursionError, MemoryError, OSError) as error:  # a module cannot be read
        pass_interruption(error)
        fault = DecodeError(f"{name}: {error}")
        fault.__cause__ = error
        return None, fault


def _decode_payload(name: str, payload: Any, raw: RawEvent, structure: Structurer) -> Event | None:
    """Pick the family by the first word of the wire name; the family picks the class."""
    match name.partition(".")[0]:
        case "chat":
            from openai_scan.events import chat

            event = chat.decode(name, with_deltas(payload), raw, structure)
            structure.choices_name = name if event is not None else structure.choices_name
            return event
        case "response":
            from openai_scan.events import responses

            return responses.decode(name, payload, raw, structure)
        case "thread":
            from openai_scan.events import assistants

            return assistants.decode(name, payload, raw, structure)
        case "agent":
            from openai_scan.events import agents

            return agents.decode(name, payload, raw, structure)
        case "text_completion":
            from openai_scan.events import completions

            event = completions.decode(name, payload, raw, structure)
            structure.choices_name = name if event is not None else structure.choices_name
            return event
        case "transcript" | "speech":
            from openai_scan.events import audio

            return audio.decode(name, payload, raw, structure)
        case "image_generation" | "image_edit":
            from openai_scan.events import images

            return images.decode(name, payload, raw, structure)
        case "error":
            return ErrorEvent(read_error(payload), raw=raw)
        case _:
            return None


def _not_json(raw: RawEvent, error: Exception) -> Event:
    """Return the event for data that are not JSON, which only an unknown event may have."""
    if raw.type == "error":
        return ErrorEvent(read_error(raw.data), raw=raw)
    fault = None
    if isinstance(error, bounded_json.UnboundedJSONError):
        fault = DecodeError(f"{raw.type}: the data are not read: {error}")
        fault.__cause__ = error
    elif raw.type == "message" or first_word(raw.type) in FIRST_WORDS or _OURS.search(raw.data):
        fault = DecodeError(f"{raw.type}: the data are not JSON: {error}")
        fault.__cause__ = error
    elif raw.type == "done":
        return DoneEvent(raw=raw)
    return UnknownEvent(raw.data, error=fault, raw=raw)


def event_class(name: str) -> Any | None:
    """Return the class of a family's event by its *name*, or None if no family can have it."""
    for prefix, family in _PREFIXES.items():
        if name.startswith(prefix):
            return getattr(importlib.import_module(f"{__package__}.{family}"), name, None)
    return None
