"""Which event a payload is: the one rule for all the names that an event can have.

An event can be named by the wire (`event: ...`), by its payload (`type`, `object`), and by an
envelope around its payload (`{"event": ..., "data": {...}}`).

1. A name counts only if it is one of ours: its first word is that of a family, or it is `error`.
2. Of two that count, that of the payload does, because it came with what it names: servers that
   put several events into one block leave the wrong name on it.
3. If no name counts, the shape decides: `choices`, a `response`, a message's or run step's `delta`.
4. If it is not one of these, it may still be an error, see `error.is_error`.

`done` is a name for an event without a payload. With a payload, only the payload decides, and
`families.decode()` takes it for the end if it is nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openai_scan import bounded_json
from openai_scan.events.base import FIRST_WORDS, first_word
from openai_scan.events.error import is_error, reports_error
from openai_scan.events.forms import CHAT, COMPLETIONS, form_of

# The families whose payloads have their wire name as `type`.
_TYPED = frozenset({"agent", "image_edit", "image_generation", "response", "speech", "transcript"})

# The names of an event that is an error and nothing else.
_ERRORS = frozenset({"error", "response.error"})

# The statuses that have an event of their own. A response without one is still being made.
_STATUSES = frozenset({"completed", "incomplete", "failed", "queued", "in_progress"})

# What an Assistants payload can be, so that a wire name for another of these is wrong.
_OBJECTS = frozenset(
    {
        *("thread", "thread.message", "thread.message.delta"),
        *("thread.run", "thread.run.step", "thread.run.step.delta"),
    }
)

# A value that is not there, other than null.
_NONE = object()

# Envelopes around envelopes have not been seen.
_MAX_ENVELOPES = 2


def identify(
    name: str, payload: Any, choices_name: str | None = None, envelopes: int = 0
) -> tuple[str, Any]:
    """Return the likeliest name of an event, and its payload without an envelope around it.

    Args:
        name: The name that the wire gives it; `"message"` if it gives none.
        payload: The JSON value of its data.
        choices_name: What earlier events with choices were, which decides if this one does not
            show it.
        envelopes: How many have been taken off.
    """
    if not isinstance(payload, dict):
        return ("error" if name == "message" and is_error(payload) else name), payload
    if name in _ERRORS:
        return "error", payload
    if name != "message" and first_word(name) in FIRST_WORDS:
        return own_name(payload, name) or name, payload
    # Not a `match` over the payload, since each of its patterns would repeat the lookups.
    envelope, kind, choices = map(payload.get, ("event", "object", "choices"), (None, None, _NONE))
    if isinstance(envelope, str) and envelopes < _MAX_ENVELOPES:
        inner = _content_of(payload)
        if inner is not None:  # as in LiteLLM's Assistants streams
            return identify(envelope, inner, choices_name, envelopes + 1)
    if reports_error(payload) or kind == "error":  # vLLM and FastChat send the latter
        return "error", payload
    own = own_name(payload)
    if own is None or own in (CHAT, COMPLETIONS):
        own = form_of(choices, kind, choices_name) if choices is not _NONE else own
    if own is not None:
        return own, payload
    if (shape := _name_of_shape(payload)) is not None:
        return shape, payload
    if is_error(payload, named=_is_named(name)):
        return "error", payload
    return _foreign_name(name, payload), payload


def others(name: str, payload: Any, first: str) -> Iterator[str]:
    """Yield the names that an event may also have if *first*, from `identify()`, is not it.

    Args:
        name: The name that the wire, or the envelope, gives it.
        payload: Its payload.
        first: The name that no class has, or whose class does not fit.
    """
    if isinstance(payload, dict):
        candidates = [name, _name_of_shape(payload)]
        if payload.get("choices"):
            candidates.append(form_of(payload["choices"], payload.get("object"), None))
        # `identify()` has asked this of all others.
        if first_word(first) in FIRST_WORDS and is_error(payload, named=True):
            candidates.append("error")
        for one in dict.fromkeys(candidates):
            if one is not None and one not in (first, "message"):
                yield one


def own_name(payload: Mapping[str, Any], wire: str | None = None) -> str | None:
    """Return the name that a payload gives itself, or None if that is not one of ours.

    Args:
        payload: The payload.
        wire: The name on the wire. An Assistants payload says only what it is an object of, so
            that its wire name counts unless it is that of another object.
    """
    tag = payload.get("type")
    if isinstance(tag, str) and tag != wire:
        if tag in _ERRORS:
            return "error"
        if first_word(tag) in _TYPED:
            return tag
    if tag == wire and wire is not None:
        return None
    kind = payload.get("object")
    if not isinstance(kind, str):
        return None
    match first_word(kind):
        case "thread":
            named = wire if wire is None or wire in _OBJECTS else wire.rpartition(".")[0]
            if named == kind or (wire is not None and not {named, kind} <= _OBJECTS):
                return None
            from openai_scan.events.assistants import name_of

            return name_of(payload)
        case "chat" | "text_completion" if kind in (CHAT, COMPLETIONS):
            return None if wire == kind else kind
        case _:
            return None


def _name_of_shape(payload: Mapping[str, Any]) -> str | None:
    """Return the name of an event that shows what it is only by its members, or None."""
    response, delta = payload.get("response"), payload.get("delta")
    if isinstance(response, dict) and (
        "output" in response or response.get("object") == "response"
    ):
        status = response.get("status")
        return f"response.{status if status in _STATUSES else 'in_progress'}"
    if isinstance(delta, dict):
        if isinstance(delta.get("content"), list):
            return "thread.message.delta"
        if isinstance(delta.get("step_details"), dict):
            return "thread.run.step.delta"
    return None


def _content_of(envelope: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the payload in an envelope, which may be JSON text, or None if it is no envelope."""
    data = envelope.get("data")
    if isinstance(data, str) and data.lstrip().startswith("{"):
        data = bounded_json.value_or(data)
    return data if isinstance(data, dict) else None


def _is_named(name: str) -> bool:
    """Return whether an event has a name, other than one of a server's own for errors."""
    return name != "message" and "error" not in name.lower()


def _foreign_name(name: str, payload: Mapping[str, Any]) -> str:
    """Return what to call an event without a class of ours."""
    if name == "message":
        for key in ("type", "object"):
            if isinstance(named := payload.get(key), str) and named:
                return named
    return name
