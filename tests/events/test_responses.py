"""Responses: every event and item, what they answer, and how the streams end."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from openai_scan import (
    APIError,
    Event,
    RateLimitError,
    ResponseApplyPatchCallOperationDiffDelta,
    ResponseCompleted,
    ResponseFunctionCallArgumentsDelta,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    StreamerV2,
    UnknownAnnotation,
    UnknownEvent,
    UnknownItem,
    UnknownPart,
)
from openai_scan.events import Outcome, decode
from openai_scan.events.responses import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionTool,
    FunctionToolCall,
    FunctionToolCallOutput,
    InputTextContent,
    InputTokensDetails,
    LogProb,
    OutputMessage,
    OutputTextContent,
    OutputTokensDetails,
    Response,
    ResponseUsage,
    ToolChoiceFunction,
    TopLogProb,
    URLCitation,
)
from openai_scan.sse import RawEvent


def event_of(name: str, /, **payload: Any) -> Event:
    """Return the event for a payload with its type in it, as llama.cpp or LiteLLM send it."""
    return decode(RawEvent("message", json.dumps({"type": name, **payload})))


# What a tool is doing, for most of the tools.
PROGRESS = {
    "code_interpreter_call": ["in_progress", "interpreting", "completed"],
    "file_search_call": ["in_progress", "searching", "completed"],
    "image_generation_call": ["in_progress", "generating", "completed"],
    "mcp_call": ["in_progress", "completed", "failed"],
    "mcp_list_tools": ["in_progress", "completed", "failed"],
    "web_search_call": ["in_progress", "searching", "completed"],
}


@pytest.mark.parametrize(
    "name", [f"response.{tool}.{state}" for tool, states in PROGRESS.items() for state in states]
)
def test_the_progress_of_a_tool_has_a_class_for_each_step(name: str) -> None:
    """The class is the wire name in CamelCase; the event adds no text."""
    event = event_of(name, item_id="i_1", output_index=2, sequence_number=3)
    assert type(event).__name__ == "".join(map(str.title, re.split(r"[._]", name)))
    assert event.type == name
    assert event.stream_position() == 3
    assert event.unwrap_text() is None


def stream(*payloads: dict[str, Any]) -> StreamerV2:
    """Return a stream of these payloads."""
    return StreamerV2([f"data: {json.dumps(payload)}\n\n".encode() for payload in payloads])


def drained(*payloads: dict[str, Any]) -> StreamerV2:
    """Return a stream of these payloads, read to its end."""
    read = stream(*payloads)
    while read.next():
        pass
    return read


@pytest.mark.parametrize("name", ["message", "response.output_text.delta"])
def test_event_is_recognized_by_its_name_or_its_payload(name: str) -> None:
    """Some servers send the `event:` line, and some do not."""
    payload = {
        "type": "response.output_text.delta",
        "item_id": "msg_1",
        "output_index": 0,
        "content_index": 1,
        "sequence_number": 5,
        "delta": "Hi",
        "logprobs": [
            {
                "token": "Hi",
                "logprob": -1,
                "bytes": [72, 105],
                "top_logprobs": [{"token": "Hi", "logprob": -1, "bytes": [72, 105]}],
            }
        ],
        "obfuscation": "xxxx",
    }
    event = decode(RawEvent(name, json.dumps(payload)))
    top = TopLogProb(token="Hi", logprob=-1.0, bytes=(72, 105))
    assert event == ResponseOutputTextDelta(
        item_id="msg_1",
        output_index=0,
        content_index=1,
        sequence_number=5,
        delta="Hi",
        logprobs=(LogProb(token="Hi", logprob=-1.0, bytes=(72, 105), top_logprobs=(top,)),),
        raw=event.raw,
    )
    assert event.type == "response.output_text.delta"


def test_event_needs_no_more_than_its_payload() -> None:
    """llama.cpp numbers nothing: neither events nor items nor parts."""
    event = event_of("response.output_text.delta", delta="Hi")
    assert event == ResponseOutputTextDelta(delta="Hi", raw=event.raw)


def test_event_without_its_payload_is_unknown() -> None:
    """A delta event without a delta is unknown, and its error says what is missing."""
    event = event_of("response.output_text.delta")
    assert isinstance(event, UnknownEvent)
    assert str(event.error) == "response.output_text.delta: required field missing @ $.delta"


def test_undocumented_events_are_known() -> None:
    """Servers send two events that are in no schema."""
    event = event_of("response.apply_patch_call_operation_diff.delta", delta="+a", item_id="i")
    assert event == ResponseApplyPatchCallOperationDiffDelta(delta="+a", item_id="i", raw=event.raw)


def test_new_events_are_unknown() -> None:
    """A name that this version does not know is not an error."""
    event = event_of("response.brand_new")
    assert type(event) is UnknownEvent
    assert event.type == "response.brand_new"
    assert event.error is None


def test_response_is_structured_and_its_echoes_as_far_as_they_have_kinds() -> None:
    """Output, tools and usage are typed; the prompt stays JSON and is not in repr()."""
    event = event_of(
        "response.completed",
        sequence_number=9,
        response={
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "completed_at": 2.5,
            "status": "completed",
            "model": "gpt-5",
            "instructions": "Keep this secret.",
            "tools": [{"type": "function", "name": "w"}],
            "tool_choice": {"type": "function", "name": "w"},
            "user": None,
            "metadata": {},
            "output": [
                {
                    "type": "message",
                    "id": "msg_1",
                    "role": "assistant",
                    "status": "completed",
                    "content": [
                        {
                            "type": "output_text",
                            "text": "Hi",
                            "annotations": [
                                {
                                    "type": "url_citation",
                                    "url": "https://example.org",
                                    "start_index": 0,
                                    "end_index": 2,
                                    "title": "Example",
                                }
                            ],
                        },
                        {"type": "brand_new", "x": 1},
                    ],
                },
                {"type": "brand_new", "y": 2},
            ],
            "usage": {
                "input_tokens": 1,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": 2,
                "output_tokens_details": {"reasoning_tokens": 1},
                "total_tokens": 3,
            },
        },
    )
    usage = ResponseUsage(
        input_tokens=1,
        input_tokens_details=InputTokensDetails(cached_tokens=0),
        output_tokens=2,
        output_tokens_details=OutputTokensDetails(reasoning_tokens=1),
        total_tokens=3,
    )
    citation = URLCitation(url="https://example.org", start_index=0, end_index=2, title="Example")
    message = OutputMessage(
        id="msg_1",
        role="assistant",
        status="completed",
        content=(
            OutputTextContent(text="Hi", annotations=(citation,)),
            UnknownPart("brand_new", None, {"type": "brand_new", "x": 1}),
        ),
    )
    assert event == ResponseCompleted(
        sequence_number=9,
        response=Response(
            id="resp_1",
            created_at=1.0,
            completed_at=2.5,
            status="completed",
            model="gpt-5",
            instructions="Keep this secret.",
            tools=(FunctionTool(name="w"),),
            tool_choice=ToolChoiceFunction(name="w"),
            metadata={},
            output=(message, UnknownItem("brand_new", None, {"type": "brand_new", "y": 2})),
            usage=usage,
        ),
        raw=event.raw,
    )
    assert event.unwrap_usage() == usage
    assert "secret" not in repr(event)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            {"type": "function_call_output", "id": "i", "output": "sunny", "status": "completed"},
            FunctionToolCallOutput(id="i", output="sunny", status="completed"),
        ),
        (
            {
                "type": "custom_tool_call_output",
                "id": "i",
                "call_id": "c",
                "output": [{"type": "input_text", "text": "sunny"}, {"type": "new"}],
            },
            CustomToolCallOutput(
                id="i",
                call_id="c",
                output=(InputTextContent(text="sunny"), UnknownPart("new", None, {"type": "new"})),
            ),
        ),
        (
            {"type": "file_search_call"},
            UnknownItem("file_search_call", None, {"type": "file_search_call"}),
        ),
        (
            {"type": "custom_tool_call", "id": 5},
            UnknownItem("custom_tool_call", None, {"type": "custom_tool_call", "id": 5}),
        ),
    ],
)
def test_items_are_structured_as_far_as_they_fit(item: Any, expected: Any) -> None:
    """An item that lacks a required field stays as it was sent, and the event is not lost."""
    event = event_of("response.output_item.done", item=item)
    assert isinstance(event, ResponseOutputItemDone)
    assert event.item == expected


@pytest.mark.parametrize(
    "payload",
    [{}, {"item": 5}, {"item": None}, {"item": "text"}, {"item": []}],
    ids=repr,
)
def test_item_that_is_not_an_object_makes_an_unknown_event(payload: dict[str, Any]) -> None:
    """Without an item there is nothing to deliver."""
    event = event_of("response.output_item.done", **payload)
    assert isinstance(event, UnknownEvent)
    assert event.error is not None


def answers(event: Event, choice: int = 0) -> dict[str, Any]:
    """Return what *event* answers, without what it does not."""
    found = {
        "text": event.unwrap_text(choice),
        "reasoning_text": event.unwrap_reasoning_text(choice),
        "refusal": event.unwrap_refusal(choice),
        "tool_calls": event.unwrap_tool_calls(choice),
        "finish_reason": event.unwrap_finish_reason(choice),
        "annotations": event.unwrap_annotations(choice),
        "audio": event.unwrap_audio(choice),
    }
    return {question: answer for question, answer in found.items() if answer is not None}


@pytest.mark.parametrize(
    ("name", "payload", "expected"),
    [
        ("output_text.delta", {"delta": "Hi"}, {"text": "Hi"}),
        ("output_text.done", {"text": "Hi"}, {}),
        ("audio.transcript.delta", {"delta": "Hi"}, {"text": "Hi"}),
        ("audio.delta", {"delta": "AAE="}, {"audio": b"\x00\x01"}),
        ("audio.delta", {"delta": "?"}, {}),
        ("reasoning_summary_text.delta", {"delta": "Hm"}, {"reasoning_text": "Hm"}),
        ("reasoning_text.delta", {"delta": "Hm"}, {"reasoning_text": "Hm"}),
        ("reasoning_text.done", {"text": "Hm"}, {}),
        ("refusal.delta", {"delta": "No."}, {"refusal": "No."}),
        ("refusal.done", {"refusal": "No."}, {}),
        ("output_item.added", {"item": {"type": "message", "role": "assistant"}}, {}),
        ("output_item.done", {"item": {"type": "brand_new"}}, {}),
        (
            "output_item.added",
            {"item": {"type": "function_call", "call_id": "c", "name": "w", "arguments": ""}},
            {"tool_calls": (FunctionToolCall(call_id="c", name="w", arguments=""),)},
        ),
        (
            "output_item.done",
            {"item": {"type": "custom_tool_call", "call_id": "c", "name": "w", "input": "x"}},
            {"tool_calls": (CustomToolCall(call_id="c", name="w", input="x"),)},
        ),
        (
            "output_text.annotation.added",
            {"annotation": {"type": "brand_new"}},
            {"annotations": (UnknownAnnotation("brand_new", None, {"type": "brand_new"}),)},
        ),
        ("output_text.annotation.added", {"annotation": None}, {}),
        ("created", {"response": {"id": "r", "status": "in_progress"}}, {}),
        ("completed", {"response": {"id": "r"}}, {"finish_reason": "completed"}),
        (
            "incomplete",
            {"response": {"id": "r", "incomplete_details": {"reason": "max_output_tokens"}}},
            {"finish_reason": "max_output_tokens"},
        ),
        (
            "incomplete",
            {"response": {"id": "r", "incomplete_details": {"reason": None}}},
            {"finish_reason": "incomplete"},
        ),
    ],
)
def test_event_answers(name: str, payload: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each event answers its own question only; an event with the whole text adds no text."""
    event = event_of(f"response.{name}", **payload)
    assert type(event) is not UnknownEvent
    assert answers(event) == expected
    assert answers(event, choice=1) == {}


@pytest.mark.parametrize("name", ["function_call_arguments", "custom_tool_call_input"])
def test_piece_of_a_call_is_the_event_itself(name: str) -> None:
    """The event answers with itself: it has both the item's id and the piece."""
    event = event_of(f"response.{name}.delta", item_id="fc_1", delta='{"ci')
    assert event.unwrap_tool_calls() == (event,)
    assert event.unwrap_tool_calls(1) is None


def test_partial_image_is_reported() -> None:
    """An event with a partial image answers with its bytes."""
    event = event_of("response.image_generation_call.partial_image", partial_image_b64="AAE=")
    assert event.unwrap_partial_image() == b"\x00\x01"


@pytest.mark.parametrize(
    ("name", "status", "outcome"),
    [
        ("created", "in_progress", None),
        ("queued", "queued", None),
        ("in_progress", None, None),
        ("completed", "completed", "completed"),
        ("completed", None, "completed"),
        ("completed", "in_progress", "completed"),
        ("completed", "incomplete", "incomplete"),
        ("completed", "cancelled", "cancelled"),
        ("completed", "failed", "failed"),
        ("incomplete", "incomplete", "incomplete"),
        ("failed", "failed", "failed"),
        ("failed", None, "failed"),
    ],
)
def test_status_decides_and_the_name_helps(
    name: str, status: str | None, outcome: Outcome | None
) -> None:
    """A `completed` response may be incomplete; some servers send an old status or none."""
    payload = {"type": f"response.{name}", "response": {"id": "r", "status": status}}
    event = decode(RawEvent("message", json.dumps(payload)))
    assert event.stream_parts() == (("response", outcome),)
    assert (event.stream_error() is not None) == (outcome == "failed")
    assert drained(payload).outcome == (outcome or "truncated")


@pytest.mark.parametrize(
    ("error", "cls", "message"),
    [
        (None, APIError, "the response failed, and the server did not say why"),
        ({}, APIError, "the response failed, and the server did not say why"),
        ({"code": "rate_limit_exceeded", "message": "slow down"}, RateLimitError, "slow down"),
    ],
)
def test_failed_response_is_an_error(error: Any, cls: type[APIError], message: str) -> None:
    """B9: `response.failed` is delivered, and err() reports it even if `error` is null."""
    failed = {
        "type": "response.failed",
        "sequence_number": 9,
        "response": {"id": "resp_1", "status": "failed", "error": error},
    }
    read = stream(failed)
    assert read.next()
    assert read.event().type == "response.failed"
    assert not read.next()
    found = read.err()
    assert type(found) is cls
    assert found.message == message
    assert json.loads(found.body) == failed


def test_error_event_comes_before_the_failed_response() -> None:
    """The error event decides what err() returns; the failed response is delivered as well."""
    read = stream(
        {"type": "error", "error": {"code": "insufficient_quota", "message": "no money"}},
        {"type": "response.failed", "response": {"id": "r", "status": "failed"}},
    )
    names = []
    while read.next():
        names.append(read.event().type)
    assert names == ["error", "response.failed"]
    assert str(read.err()) == "no money (code insufficient_quota)"


def test_stream_without_its_end_is_truncated() -> None:
    """The end of the input alone is not an end, whether the response was announced or not."""
    delta = {"type": "response.output_text.delta", "delta": "Hi"}
    created = {"type": "response.created", "response": {"id": "r", "status": "in_progress"}}
    assert drained(delta).outcome == "truncated"
    assert drained(created, delta).outcome == "truncated"


def test_stream_needs_no_done() -> None:
    """OpenAI's streams end with the response, so a missing [DONE] is not noted."""
    read = drained({"type": "response.completed", "response": {"id": "r"}})
    assert read.outcome == "completed"
    assert "missing_done" not in read.notes


def test_call_is_followed_from_its_beginning_to_its_end() -> None:
    """`tool_calls()` shows a call when it begins, while it grows, and when it is whole."""
    call = {"type": "function_call", "id": "fc", "call_id": "c", "name": "w"}
    read = stream(
        {"type": "response.output_item.added", "item": {**call, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "item_id": "fc", "delta": "{}"},
        {"type": "response.function_call_arguments.done", "item_id": "fc", "arguments": "{}"},
        {"type": "response.output_item.done", "item": {**call, "arguments": "{}"}},
        {"type": "response.completed", "response": {"id": "r"}},
    )
    told = [read.tool_calls() for _ in read]
    assert [calls and type(calls[0]).__name__ for calls in told] == [
        "FunctionToolCall",
        "ResponseFunctionCallArgumentsDelta",
        None,
        "FunctionToolCall",
        None,
    ]


def test_added_and_done_items_are_events_of_their_own() -> None:
    """The event tells whether an item has just begun or is whole."""
    item = {"type": "message", "role": "assistant"}
    added = event_of("response.output_item.added", output_index=1, item=item)
    message = OutputMessage(role="assistant")
    assert added == ResponseOutputItemAdded(output_index=1, item=message, raw=added.raw)
    piece = event_of("response.function_call_arguments.delta", delta="x")
    assert isinstance(piece, ResponseFunctionCallArgumentsDelta)


def test_what_an_event_brings_can_be_matched_by_place() -> None:
    """`case ResponseOutputTextDelta(delta)` works as it does for Assistants."""
    raw = RawEvent("response.output_text.delta", '{"delta": "Hi"}')
    match decode(raw):
        case ResponseOutputTextDelta(delta):
            assert delta == "Hi"
        case other:
            pytest.fail(f"{other} did not match")


def test_a_response_that_failed_without_a_reason_has_a_code() -> None:
    """Such an error can always be recognized by its code."""
    read = drained({"type": "response.failed", "response": {"id": "r", "status": "failed"}})
    error = read.err()
    assert isinstance(error, APIError)
    assert error.code == "response_failed"
    assert error.message == "the response failed, and the server did not say why"
