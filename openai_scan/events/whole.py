"""Turn a whole answer, as sent without `stream: true`, into the events of a stream.

Some servers ignore `stream: true` and respond with one JSON object. Turned into events, it is read
by the same loop. `encode_all(from_answer(payload))` is a source for a streamer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from openai_scan.sse import RawEvent

# The statuses that have an event of their own. A response with any other status is completed.
_STATUSES = ("completed", "incomplete", "failed", "queued", "in_progress")


def from_answer(answer: Any) -> list[RawEvent]:
    """Return the events of a stream with the same content as *answer*.

    Args:
        answer: A JSON value: a chat completion, a completion, a response, a run, or an error.

    Returns:
        The events, the terminal one included. Empty if *answer* is none of these.
    """
    try:
        return list(events_of(answer))
    except RecursionError:  # nested too deeply for json.dumps
        return []


def events_of(answer: Any) -> Iterator[RawEvent]:
    """Yield what `from_answer()` returns, each only when it is asked for.

    Raises:
        RecursionError: *answer* is nested too deeply, and was not read by `bounded_json`.
    """
    payloads: Iterable[Any]
    match answer:
        case {"error": error} if error:
            payloads = [answer]
        case {"object": "chat.completion", "choices": list(choices)}:
            chunks = [
                _chunk_choice(choice, place)
                for place, choice in enumerate(choices)
                if isinstance(choice, dict)
            ]
            payloads = [{**answer, "object": "chat.completion.chunk", "choices": chunks}]
        case {"object": "text_completion" | "thread.run"}:
            payloads = [answer]
        case {"object": "response"}:
            payloads = _response_events(answer)
        case _:
            return
    for payload in payloads:
        yield RawEvent("message", json.dumps(payload))
    if "choices" in answer:
        yield RawEvent("message", "[DONE]")


def _chunk_choice(choice: Mapping[str, Any], place: int) -> dict[str, Any]:
    """Return a choice of a whole chat completion as a choice of a chunk that says it is whole."""
    message = choice.get("message")
    delta = dict(message) if isinstance(message, dict) else {}
    calls = delta.get("tool_calls")
    if isinstance(calls, list):
        # A whole message has no indexes: the place in the list is the index.
        delta["tool_calls"] = [
            {"index": index, **call} for index, call in enumerate(calls) if isinstance(call, dict)
        ]
    return {"index": place, **choice, "delta": delta, "whole": True}


def _response_events(response: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the texts of the response, its items, and finally the response itself."""
    items = response.get("output")
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if not isinstance(item, dict):
            continue
        for key in ("summary", "content"):
            parts = item.get(key)
            for part in parts if isinstance(parts, list) else ():
                yield from _delta(part, index)
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
