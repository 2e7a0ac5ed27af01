"""Whole answers to a request for a stream: the same loop reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_scan import (
    DoneEvent,
    RawEvent,
    StreamerV2,
    ThreadRunRequiresAction,
)
from openai_scan.events import from_answer
from openai_scan.events.chat import CompletionUsage, FunctionDelta, ToolCallDelta
from openai_scan.sse import encode_all


def stream(answer: Any) -> StreamerV2:
    """Return a stream with the content of *answer*."""
    return StreamerV2(encode_all(from_answer(answer)))


def test_chat_completion_is_one_chunk() -> None:
    """The message becomes the delta; each choice has its finish reason, and the usage is there."""
    read = stream(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "Hi", "reasoning": "Hm"},
                    "finish_reason": "stop",
                },
                {"index": 1, "message": None, "finish_reason": "length"},
                None,
            ],
            "usage": {"total_tokens": 3},
        }
    )
    assert read.next()
    assert read.event().type == "chat.completion.chunk"
    assert read.text() == "Hi"
    assert read.reasoning_text() == "Hm"
    assert read.finish_reason() == "stop"
    assert read.finish_reason(1) == "length"
    assert read.usage() == CompletionUsage(total_tokens=3)
    assert read.next()
    assert type(read.event()) is DoneEvent
    assert not read.next()
    assert read.outcome == "incomplete"
    assert read.notes == {}


def test_tool_calls_of_a_chat_completion_get_their_indexes() -> None:
    """In a whole message, a call's position in the list is its index."""
    calls = [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        "no call",
    ]
    message = {"role": "assistant", "tool_calls": calls}
    read = stream({"object": "chat.completion", "choices": [{"index": 0, "message": message}]})
    assert read.next()
    assert read.tool_calls() == (
        ToolCallDelta(index=0, id="a", function=FunctionDelta(name="f", arguments="{}")),
        ToolCallDelta(index=1, id="b", function=FunctionDelta(name="g", arguments="{}")),
    )


def test_completion_is_its_own_chunk() -> None:
    """A whole completion and a chunk of one have the same shape."""
    read = stream(
        {"object": "text_completion", "choices": [{"text": "Hi", "finish_reason": "stop"}]}
    )
    assert list(read.text_deltas()) == ["Hi"]
    assert read.outcome == "completed"


def test_response_is_its_texts_and_items_and_itself() -> None:
    """A text comes before its item, and the response comes last."""
    reasoning = {
        "type": "reasoning",
        "id": "rs",
        "summary": [{"type": "summary_text", "text": "Hm"}],
        "content": [{"type": "reasoning_text", "text": "Hm, hm"}],
    }
    message = {
        "type": "message",
        "role": "assistant",
        "content": [
            {"type": "output_text", "text": "Hi"},
            {"type": "refusal", "refusal": "No."},
            {"type": "brand_new"},
            None,
        ],
    }
    call = {"type": "function_call", "call_id": "c", "name": "w", "arguments": "{}"}
    read = stream(
        {"object": "response", "status": "completed", "output": [reasoning, message, call, 5]}
    )
    told = []
    while read.next():
        told.append((read.event().type, read.text() or read.reasoning_text() or read.refusal()))
    assert told == [
        ("response.reasoning_summary_text.delta", "Hm"),
        ("response.reasoning_text.delta", "Hm, hm"),
        ("response.output_item.done", None),
        ("response.output_text.delta", "Hi"),
        ("response.refusal.delta", "No."),
        ("response.output_item.done", None),
        ("response.output_item.done", None),
        ("response.completed", None),
    ]
    assert read.outcome == "completed"
    assert read.err() is None


@pytest.mark.parametrize(
    ("status", "name", "outcome"),
    [
        ("incomplete", "response.incomplete", "incomplete"),
        ("failed", "response.failed", "failed"),
        ("cancelled", "response.completed", "cancelled"),
        ("queued", "response.queued", "truncated"),
        (None, "response.completed", "completed"),
        ({}, "response.completed", "completed"),
    ],
)
def test_response_ends_as_it_says(status: Any, name: str, outcome: str) -> None:
    """The status names the event and decides how the stream ended."""
    read = stream({"object": "response", "status": status, "output": None})
    assert read.next()
    assert read.event().type == name
    assert not read.next()
    assert read.outcome == outcome


def test_run_is_the_event_of_its_status() -> None:
    """A whole run may wait for tool outputs as well."""
    read = stream({"object": "thread.run", "id": "run_1", "status": "requires_action"})
    assert read.next()
    assert type(read.event()) is ThreadRunRequiresAction
    assert not read.next()
    assert read.outcome == "requires_action"


def test_error_is_an_error() -> None:
    """An error with a successful HTTP status is still an error."""
    read = stream({"error": {"message": "no such model", "code": "404"}})
    assert read.next()
    assert not read.next()
    assert str(read.err()) == "no such model (code 404)"


@pytest.mark.parametrize(
    "answer",
    [None, 5, "text", [], {}, {"object": "list"}, {"object": "chat.completion"}, {"error": None}],
    ids=repr,
)
def test_what_is_not_an_answer_is_not_an_event(answer: Any) -> None:
    """Other values give no events."""
    events: list[RawEvent] = from_answer(answer)
    assert events == []


def test_answer_that_is_too_deep_is_not_an_event() -> None:
    """A value can be too deeply nested to be written as JSON again."""
    deep: Any = {}
    for _ in range(100_000):
        deep = {"x": deep}
    assert from_answer({"object": "response", "output": [deep]}) == []


MESSAGE = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Hi"}],
}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"object": "chat.completion", "choices": [{"message": {"content": "Hi"}}]}, "Hi"),
        ({"object": "response", "output": [MESSAGE]}, "Hi"),
    ],
)
def test_whole_answer_in_one_event_is_a_stream(answer: Any, text: str) -> None:
    """Some servers send the whole answer as the only event of a stream."""
    data = json.dumps(answer).encode()
    read = StreamerV2([b"data: ", data, b"\n\ndata: [DONE]\n\n"])
    assert list(read.text_deltas()) == [text]
    assert read.outcome == "completed"
    assert read.notes == {"whole_answer": 1}
