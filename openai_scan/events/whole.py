"""Turn a whole answer, as sent without `stream: true`, into the events of a stream.

Some servers ignore `stream: true` and respond with one JSON object. Turned into events, it is read
by the same loop. `encode_all(from_answer(payload))` is a source for a streamer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from openai_scan import bounded_json
from openai_scan.events.base import DONE
from openai_scan.events.error import is_error
from openai_scan.events.forms import CHAT, delta_of, is_whole_chat
from openai_scan.sse import RawEvent

# The statuses that have an event of their own. A response with any other status is completed.
_STATUSES = ("completed", "incomplete", "failed", "queued", "in_progress")

# What an answer states once for all its images, and a stream in the event of each.
_IMAGE_FACTS = ("size", "quality", "background", "output_format", "usage")


def from_answer(answer: Any) -> list[RawEvent]:
    """Return the events of a stream with the same content as *answer*.

    Args:
        answer: A JSON value: a chat completion, a completion, a response, a run, or an error.

    Returns:
        The events, the terminal one included. Empty if *answer* is none of these, or is nested too
        deeply.
    """
    try:
        bounded_json.check_value(answer)
        if is_error(answer):
            return [RawEvent("message", json.dumps(answer))]
        events = list(events_of(answer))
    except (bounded_json.UnboundedJSONError, RecursionError):
        return []
    if events and "choices" in answer:
        events.append(RawEvent("message", DONE))
    return events


def from_body(answer: Any) -> list[RawEvent]:
    """Return what `from_answer()` does, also for transcripts and images.

    As the body of an answer they are told by their shape, which is too common in an event.
    """
    match answer:
        case {"text": str()} if "object" not in answer:  # whisper-1 does not stream
            return [_typed("transcript.text.done", answer), RawEvent("message", DONE)]
        case {"data": [{"b64_json": str()}, *_] as images}:
            facts = {name: answer[name] for name in _IMAGE_FACTS if name in answer}
            return [_typed("image_generation.completed", {**facts, **image}) for image in images]
        case _:
            return from_answer(answer)


def events_of(answer: Any) -> Iterator[RawEvent]:
    """Yield the events of an answer, each only when it is asked for, without a final `[DONE]`.

    Args:
        answer: A value that `bounded_json` has read or checked.
    """
    payloads: Iterable[Any]
    match answer:
        case {"object": str(kind), "choices": list(choices)} if is_whole_chat(kind):
            payloads = [_chunk(answer, choices)]
        case {"choices": [{"message": dict()}, *_] as choices}:  # without its `object`
            payloads = [_chunk(answer, choices)]
        case {"object": "text_completion" | "thread.run"} | {"choices": [{"text": str()}, *_]}:
            payloads = [answer]
        case {"object": "response"}:
            payloads = _response_events(answer)
        case _:
            return
    for payload in payloads:
        yield RawEvent("message", json.dumps(payload))


def _chunk(answer: Mapping[str, Any], choices: list[Any]) -> dict[str, Any]:
    """Return a whole chat completion as a chunk. Each choice keeps its `message`, too."""
    known = [choice for choice in choices if isinstance(choice, dict)]
    chunks = [_chunk_choice(choice, place) for place, choice in enumerate(known)]
    return {**answer, "object": CHAT, "choices": chunks}


def _chunk_choice(choice: Mapping[str, Any], place: int) -> dict[str, Any]:
    """Return a choice of a whole chat completion as a choice of a chunk that says it is whole."""
    message, delta = choice.get("message"), choice.get("delta")
    if isinstance(message, dict):
        delta = delta_of(message)
    return {
        "index": place,
        **choice,
        "delta": delta if isinstance(delta, dict) else {},
        "whole": True,
    }


def _typed(name: str, payload: Mapping[str, Any]) -> RawEvent:
    return RawEvent(name, json.dumps({**payload, "type": name}))


def _response_events(response: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the texts of the response, its items, and finally the response itself."""
    items = response.get("output")
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if not isinstance(item, dict):
            continue
        place = {"item_id": item["id"]} if isinstance(item.get("id"), str) else {}
        for key in ("summary", "content"):
            parts = item.get(key)
            for number, part in enumerate(parts if isinstance(parts, list) else ()):
                for delta in _delta(part, index):
                    yield {**delta, **place, f"{key}_index": number}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    status = response.get("status")
    name = status if status in _STATUSES else "completed"
    yield {"type": f"response.{name}", "response": response}


def _delta(part: Any, output_index: int) -> Iterator[dict[str, Any]]:
    """Yield the delta for the text of *part*, if it has one."""
    match part:
        case {"type": "output_text", "text": str(text)}:
            name = "output_text"
        case {"type": "refusal", "refusal": str(text)}:
            name = "refusal"
        case {"type": "reasoning_text", "text": str(text)}:
            name = "reasoning_text"
        case {"type": "summary_text", "text": str(text)}:
            name = "reasoning_summary_text"
        case _:
            return
    yield {"type": f"response.{name}.delta", "output_index": output_index, "delta": text}
