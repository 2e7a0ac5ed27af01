"""Events and answers of Responses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from openai_scan.testing.chat import ToolCall, halves
from openai_scan.testing.steps import event, pieces_of

_RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "test-model",
    "instructions": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "error": None,
    "incomplete_details": None,
}
_USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 15,
}


def response_event(name: str, number: int, /, **facts: Any) -> bytes:
    """Return an event of a response.

    Args:
        name: The part of its name after `response.`, such as `"in_progress"`.
        number: Its place in the stream, from 0; a client resumes after this number.
        facts: Its fields.
    """
    wire_name = f"response.{name}"
    return event(wire_name, {"type": wire_name, "sequence_number": number, **facts})


def response_status(status: str, number: int, *, name: str | None = None, **facts: Any) -> bytes:
    """Return the event of a response that has reached a status.

    Args:
        status: Such as `"completed"` for the event `response.completed`.
        number: Its place in the stream.
        name: The part of the event's name after `response.`, if it is not the status.
        facts: More fields of the response, such as `output` or `error`.
    """
    response = {**_RESPONSE, "status": status, "output": [], "usage": None, **facts}
    return response_event(name or status, number, response=response)


def response_text_delta(text: str, number: int = 0, *, output_index: int = 0) -> bytes:
    """Return the event that adds *text* to a response.

    Args:
        text: The text to add.
        number: Its place in the stream.
        output_index: The index of the message among the output items.
    """
    place = {"item_id": "msg_1", "output_index": output_index, "content_index": 0}
    return response_event("output_text.delta", number, **place, delta=text, logprobs=[])


def response_answer(text: str | Iterable[str], *, background: bool = False) -> list[bytes]:
    """Return the events of a whole response that says *text*.

    Args:
        text: A string, which is sent word by word, or the pieces to send.
        background: Whether the stream can be resumed if it breaks off.
    """
    pieces = pieces_of(text)
    place = {"output_index": 0}
    part = {**place, "item_id": "msg_1", "content_index": 0}
    said = {"type": "output_text", "text": "".join(pieces), "annotations": [], "logprobs": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant"}
    begun = {**item, "status": "in_progress", "content": []}
    whole = {**item, "status": "completed", "content": [said]}
    deltas = [("output_text.delta", {**part, "delta": piece, "logprobs": []}) for piece in pieces]
    return _response(
        [
            ("output_item.added", {**place, "item": begun}),
            ("content_part.added", {**part, "part": {**said, "text": ""}}),
            *deltas,
            ("output_text.done", {**part, "text": said["text"], "logprobs": []}),
            ("content_part.done", {**part, "part": said}),
            ("output_item.done", {**place, "item": whole}),
        ],
        output=[whole],
        background=background,
    )


def response_calls(*calls: ToolCall) -> list[bytes]:
    """Return the events of a whole response that calls functions."""
    events: list[tuple[str, Mapping[str, Any]]] = []
    output = []
    for index, call in enumerate(calls):
        item_id = f"fc_{index + 1}"
        item = {"type": "function_call", "id": item_id, "call_id": call.named(index)}
        item["name"] = call.name
        whole = {**item, "arguments": call.text, "status": "completed"}
        place = {"output_index": index}
        part = {**place, "item_id": item_id}
        begun = {**item, "arguments": "", "status": "in_progress"}
        done = {**part, "name": call.name, "arguments": call.text}
        events += [
            ("output_item.added", {**place, "item": begun}),
            *(
                ("function_call_arguments.delta", {**part, "delta": piece})
                for piece in halves(call.text)
            ),
            ("function_call_arguments.done", done),
            ("output_item.done", {**place, "item": whole}),
        ]
        output.append(whole)
    return _response(events, output=output)


def response_failure(code: str = "server_error", message: str = "this is a test") -> list[bytes]:
    """Return the events of a response that fails.

    Args:
        code: Such as `"rate_limit_exceeded"`.
        message: The error message.
    """
    error = {"code": code, "message": message}
    return [*_begun({}), response_status("failed", 2, error=error)]


def _response(
    events: Iterable[tuple[str, Mapping[str, Any]]], *, output: list[Any], background: bool = False
) -> list[bytes]:
    """Return the events of a whole response, with their numbers."""
    facts: dict[str, Any] = {"background": True} if background else {}
    stream = _begun(facts)
    for name, payload in events:
        stream.append(response_event(name, len(stream), **payload))
    facts |= {"output": output, "usage": _USAGE, "completed_at": 1}
    return [*stream, response_status("completed", len(stream), **facts)]


def _begun(facts: Mapping[str, Any]) -> list[bytes]:
    return [
        response_status("in_progress", 0, name="created", **facts),
        response_status("in_progress", 1, **facts),
    ]
