"""Which family an event belongs to: `decode()` is the only list of wire names by family.

A family is imported when a stream first shows one of its events, and never otherwise.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from openai_scan import bounded_json
from openai_scan.errors import DecodeError
from openai_scan.events.base import DONE, DoneEvent, ErrorEvent, Event, UnknownEvent
from openai_scan.events.decoding.parse import parse
from openai_scan.events.error import read_error
from openai_scan.sse import RawEvent

if TYPE_CHECKING:
    from openai_scan.events.decoding.structure import Structurer

# The first words of the wire names whose data must be JSON. An event without a name is a "message".
_JSON_NAMES = frozenset({"message", "response", "thread"})

# The prefixes of the class names of each family's events.
_PREFIXES = {
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

    It never raises: an event that is unknown, or does not match its class, is an `UnknownEvent`.

    Args:
        raw: The raw event.
        structure: What builds objects from payloads; a tolerant one by default. Events of the same
            stream should share one, which makes repeated events cheaper.
    """
    if structure is None:
        from openai_scan.events.decoding.structure import Structurer

        structure = Structurer()
    event = structure.repeats.event(raw)
    if event is None:
        event = _decode(raw, structure)
        structure.repeats.learn(raw, event, _decode_strictly)
    return event


def _decode_strictly(raw: RawEvent) -> Event:
    from openai_scan.events.decoding.structure import Structurer

    return _decode(raw, Structurer(strict=True))


def _decode(raw: RawEvent, structure: Structurer) -> Event:
    """Decode *raw*, independently of the events before it."""
    if raw.type == "done" or raw.data.strip() == DONE:
        return DoneEvent(raw=raw)
    try:
        bounded_json.check(raw.data)
        payload = parse(raw.data)
    except (ValueError, RecursionError, MemoryError) as error:
        return _not_json(raw, error)
    name, payload = _identify(raw.type, payload)
    try:
        event = _decode_payload(name, payload, raw, structure)
    except (DecodeError, RecursionError, MemoryError) as error:
        fault = DecodeError(f"{name}: {error}")
        fault.__cause__ = error
        return UnknownEvent(payload, name=name, error=fault, raw=raw)
    return event or UnknownEvent(payload, name=name, raw=raw)


def _decode_payload(name: str, payload: Any, raw: RawEvent, structure: Structurer) -> Event | None:
    """Pick the family by the first word of the wire name; the family picks the class."""
    match name.partition(".")[0]:
        case "chat":
            from openai_scan.events import chat

            return chat.decode(name, payload, raw, structure)
        case "response":
            from openai_scan.events import responses

            return responses.decode(name, payload, raw, structure)
        case "thread":
            from openai_scan.events import assistants

            return assistants.decode(name, payload, raw, structure)
        case "text_completion":
            from openai_scan.events import completions

            return completions.decode(name, payload, raw, structure)
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


def _identify(name: str, payload: Any) -> tuple[str, Any]:
    """Return the wire name of an event and its payload, without an envelope around it."""
    if name != "message" or not isinstance(payload, dict):
        return name, payload
    # Not a `match` over the payload, since each of its patterns would repeat the lookups.
    envelope, error, kind, tag = map(payload.get, ("event", "error", "object", "type"))
    if isinstance(envelope, str) and isinstance(inner := payload.get("data"), dict):
        return envelope, inner  # as in LiteLLM's Assistants streams
    if error or kind == "error":  # vLLM and FastChat send the latter, with the error's own `type`
        return "error", payload
    if isinstance(kind, str) and kind.partition(".")[0] == "thread":
        from openai_scan.events.assistants import name_of

        return name_of(payload), payload
    for named in (tag, kind):
        if isinstance(named, str) and named:
            return named, payload
    if "choices" in payload:  # Azure's content filter sends an empty `object`
        return "chat.completion.chunk", payload
    return "message", payload


def _not_json(raw: RawEvent, error: Exception) -> Event:
    """Return the event for data that are not JSON, which only an unknown event may have."""
    if raw.type == "error":
        return ErrorEvent(read_error(raw.data), raw=raw)
    fault = None
    if isinstance(error, bounded_json.UnboundedJSONError):
        fault = DecodeError(f"{raw.type}: the data are not read: {error}")
        fault.__cause__ = error
    elif raw.type.partition(".")[0] in _JSON_NAMES:
        fault = DecodeError(f"{raw.type}: the data are not JSON: {error}")
        fault.__cause__ = error
    return UnknownEvent(raw.data, error=fault, raw=raw)


def event_class(name: str) -> Any | None:
    """Return the class of a family's event by its *name*, or None if no family can have it."""
    for prefix, family in _PREFIXES.items():
        if name.startswith(prefix):
            return getattr(importlib.import_module(f"{__package__}.{family}"), name, None)
    return None
