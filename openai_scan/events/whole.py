"""Turn a whole answer into the events of a stream.

Some servers ignore `stream: true` and answer with one JSON object. As the events that a stream
would have brought it runs through the same loop, and a source can be made of it:
`encode_all(from_answer(payload))`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from openai_scan.sse import RawEvent

# The statuses of a response that an event is named after; any other ends it as well.
_STATUSES = ("completed", "incomplete", "failed", "queued", "in_progress")


def from_answer(answer: Any) -> list[RawEvent]:
    """Return the events that say the same as *answer*, a JSON value.

    Args:
        answer: A chat completion, a completion, a response, a run, or an error.

    Returns:
        The events, the terminal one included; none if it is no answer that this version knows.
    """
    match answer:
        case {"error": error} if error:
            payloads = [answer]
        case {"object": "chat.completion", "choices": list(choices)}:
            chunks = [_chunk_choice(choice) for choice in choices if isinstance(choice, dict)]
            payloads = [{**answer, "object": "chat.completion.chunk", "choices": chunks}]
        case {"object": "text_completion" | "thread.run"}:
            payloads = [answer]
        case {"object": "response"}:
            payloads = list(_response_events(answer))
        case _:
            return []
    try:
        events = [RawEvent("message", json.dumps(payload)) for payload in payloads]
    except RecursionError:  # nested deeper than it can be written
        return []
    if "choices" in answer:
        events.append(RawEvent("message", "[DONE]"))
    return events


def _chunk_choice(choice: Mapping[str, Any]) -> dict[str, Any]:
    """Return a choice of a whole chat completion as a choice of a chunk."""
    message = choice.get("message")
    delta = dict(message) if isinstance(message, dict) else {}
    calls = delta.get("tool_calls")
    if isinstance(calls, list):
        # In the whole message the place in the list is the index.
        delta["tool_calls"] = [
            {"index": index, **call} for index, call in enumerate(calls) if isinstance(call, dict)
        ]
    return {**choice, "delta": delta}


def _response_events(response: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what the response says, its items, and at last the response itself."""
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
    """Yield the delta that brings the text of *part*, if it has one."""
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
