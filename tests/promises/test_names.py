"""What an event is: a name counts only if it is one of ours, and no name loses a payload."""

from __future__ import annotations

import json
from typing import Any

import pytest
from readings import DONE, chunk, event, read

from openai_scan import DoneEvent, ErrorEvent, UnknownEvent
from openai_scan.events import decode
from openai_scan.events.decoding.structure import Structurer
from openai_scan.sse import RawEvent

TEXT_DELTA = {"type": "response.output_text.delta", "delta": "a"}
MESSAGE_DELTA: dict[str, Any] = {"object": "thread.message.delta", "delta": {}}

FOREIGN_NAMES = ["chunk", "data", "delta", "message", "done", "completion", "", "add"]


@pytest.mark.parametrize("name", FOREIGN_NAMES)
def test_a_foreign_name_hides_no_chat_chunk(name: str) -> None:
    """The payload decides, also where the name is that of an end."""
    told = read(event(chunk("Hi"), name), event(chunk(" you", "stop"), name), DONE)
    assert (told.text, told.outcome, told.notes) == ("Hi you", "completed", {})


@pytest.mark.parametrize("name", FOREIGN_NAMES)
def test_a_foreign_name_hides_no_event_of_a_response(name: str) -> None:
    """Its `type` is its name."""
    told = read(
        event({"type": "response.output_text.delta", "delta": "Hi"}, name),
        event({"type": "response.completed", "response": {"status": "completed"}}, name),
    )
    assert told.events[:2] == ["ResponseOutputTextDelta", "ResponseCompleted"]
    assert (told.text, told.outcome) == ("Hi", "completed")


@pytest.mark.parametrize("name", FOREIGN_NAMES)
def test_a_foreign_name_hides_no_event_of_an_assistant(name: str) -> None:
    """Its `object` and `status` are its name."""
    part = {"index": 0, "type": "text", "text": {"value": "Hi"}}
    told = read(
        event({"object": "thread.message.delta", "delta": {"content": [part]}}, name),
        event({"id": "r", "object": "thread.run", "status": "completed"}, name),
    )
    assert told.events[:2] == ["ThreadMessageDelta", "ThreadRunCompleted"]
    assert (told.text, told.outcome) == ("Hi", "completed")


def test_an_event_named_done_ends_the_input_if_nothing_follows() -> None:
    """Its payload has content without an end of its own, which is read first."""
    told = read(event(chunk("Hi"), "chunk"), event(chunk(" you"), "done"))
    assert told.events == ["ChatCompletionChunk", "ChatCompletionChunk", "DoneEvent"]
    assert (told.text, told.outcome) == ("Hi you", "completed")


def test_an_event_named_done_does_not_end_the_input_if_more_follows() -> None:
    """A server that names each piece so is not done after the first."""
    told = read(event(chunk("a"), "done"), event(chunk("b"), "done"), event(chunk("c")))
    assert (told.text, told.outcome) == ("abc", "truncated")


@pytest.mark.parametrize("data", ["", "{}", "bye", "[DONE]", '{"reason": "over"}', "[1"])
def test_done_without_content_is_the_end(data: str) -> None:
    """Its payload has nothing of an answer."""
    assert type(decode(RawEvent("done", data))) is DoneEvent


@pytest.mark.parametrize("name", ["chunk", "done", "message", "chat.completion.chunk"])
def test_a_chunk_that_is_cut_is_malformed_under_any_name(name: str) -> None:
    """What only a piece of an answer has is not the text of an unknown event."""
    cut = decode(RawEvent(name, '{"object":"chat.completion.chunk","choices":[{"ind'))
    assert isinstance(cut, UnknownEvent)
    assert cut.error is not None


@pytest.mark.parametrize("kind", ["chat.completion", "server.own", "", None, "chat.completion.x"])
def test_what_has_a_delta_is_a_piece(kind: str | None) -> None:
    """A payload with a delta is a piece, whatever its `object` says."""
    pieces = [{**chunk("Hi"), "object": kind}, {**chunk(" you", "stop"), "object": kind}]
    told = read(*map(event, pieces), DONE)
    assert (told.text, told.outcome, told.notes) == ("Hi you", "completed", {})


@pytest.mark.parametrize(("finish", "outcome"), [("stop", "completed"), ("length", "incomplete")])
@pytest.mark.parametrize("end", [DONE, ""])
def test_the_last_chunk_may_be_called_done(finish: str, outcome: str, end: str) -> None:
    """It has the reason and the usage, and ends the stream."""
    last = {**chunk("", finish, usage={"total_tokens": 3}), "object": "chat.completion.done"}
    last["choices"][0]["message"] = {"role": "assistant", "content": "Hi"}
    told = read(event({**chunk("Hi"), "object": "chat.completion"}), event(last), end)
    assert (told.text, told.outcome, told.err) == ("Hi", outcome, None)
    assert told.answer.choices[0].finish_reason == finish
    assert told.answer.usage.total_tokens == 3


CHOICES: dict[str, tuple[Any, str]] = {
    "message": ({"message": {"role": "assistant", "content": "Hi"}}, "Hi"),
    "message and null": ({"message": {"content": "Hi"}, "delta": None}, "Hi"),
    "message as text": ({"message": "Hi"}, "Hi"),
    "text": ({"text": "Hi"}, "Hi"),
    "text and empty delta": ({"text": "Hi", "delta": {}}, "Hi"),
    "text twice": ({"text": "Hi", "delta": {"content": "Hi"}}, "Hi"),
    "delta as text": ({"delta": "Hi"}, "Hi"),
    "delta and whole message": ({"delta": {"content": "Hi"}, "message": {"content": "Hi!"}}, "Hi"),
    "nothing": ({}, ""),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_a_chat_chunk_has_its_text_in_any_form(choice: str) -> None:
    """Each form is read as the text that it plainly has."""
    sent, text = CHOICES[choice]
    payload = {"object": "chat.completion.chunk", "choices": [None, {"index": 0, **sent}]}
    told = read(event(payload), event(chunk("", "stop")), DONE)
    assert (told.text, told.outcome) == (text, "completed")


@pytest.mark.parametrize(
    "texts", [["a", "b", "c", "", "d"], ["a", "b", "", "c", "d"], ["", "a", "b", "c", ""]]
)
@pytest.mark.parametrize("delta", [{}, None, {"content": "x"}, {"content": ""}, {"content": None}])
def test_repeated_chunks_of_another_form_are_the_same(texts: list[str], delta: Any) -> None:
    """Decoded with what was learned from the chunks before, they are the same as without."""
    structure = Structurer()
    for text in texts:
        choice = {"index": 0, "delta": delta, "text": text}
        payload = {"object": "chat.completion.chunk", "choices": [choice]}
        raw = RawEvent("message", json.dumps(payload))
        assert decode(raw, structure) == decode(raw)


def test_calls_in_a_message_get_their_indexes() -> None:
    """A chunk with a whole message has them in order, and what is not a call is left out."""
    calls = [{"id": "a", "function": {"name": "f", "arguments": "{}"}}, None, {"id": "b"}]
    message = {"message": {"tool_calls": calls}, "finish_reason": "tool_calls"}
    told = read(event({"object": "chat.completion.chunk", "choices": [message]}), DONE)
    assert [call.id for call in told.answer.choices[0].message.tool_calls] == ["a", "b"]


def test_a_chat_stream_may_call_itself_a_completion() -> None:
    """Chunks that do not show what they are belong to the same answer."""
    kind = "text_completion"
    told = read(
        event({**chunk("Hi"), "object": kind}),
        event({"object": kind, "choices": [{"index": 0, "finish_reason": "stop"}]}),
        event({"object": kind, "choices": [], "usage": {"total_tokens": 3}}),
        DONE,
    )
    assert set(told.events) == {"ChatCompletionChunk", "DoneEvent"}
    assert (told.text, told.outcome) == ("Hi", "completed")
    assert told.answer.usage.total_tokens == 3


def test_a_completion_without_its_object_is_one() -> None:
    """Its choices have text; the chunk with the usage belongs to it."""
    told = read(
        event({"choices": [{"index": 0, "text": "Hi", "finish_reason": "stop"}]}),
        event({"choices": [], "usage": {"total_tokens": 3}}),
        DONE,
    )
    assert told.events == ["Completion", "Completion", "DoneEvent"]
    assert told.answer.usage.total_tokens == 3


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"response": {"object": "response", "status": "completed"}}, "ResponseCompleted"),
        ({"response": {"output": [], "status": "odd"}}, "ResponseInProgress"),
        ({"delta": {"content": []}}, "ThreadMessageDelta"),
        ({"delta": {"step_details": {"type": "tool_calls"}}}, "ThreadRunStepDelta"),
        ({"response": "Hi"}, "UnknownEvent"),
        ({"delta": {"x": 1}}, "UnknownEvent"),
        ({"delta": "Hi"}, "UnknownEvent"),
        ({"response": {"x": 1}}, "UnknownEvent"),
    ],
)
def test_the_shape_decides_if_nothing_names_it(payload: Any, expected: str) -> None:
    """An event whose members do not show what it is stays unknown."""
    assert type(decode(RawEvent("piece", json.dumps(payload)))).__name__ == expected


@pytest.mark.parametrize(
    ("name", "payload", "expected"),
    [
        ("response.completed", TEXT_DELTA, "ResponseOutputTextDelta"),
        ("thread.run.completed", MESSAGE_DELTA, "ThreadMessageDelta"),
        ("thread.run.completed", {"id": "r", "object": "thread.run"}, "ThreadRunCompleted"),
        ("thread.message.delta", MESSAGE_DELTA, "ThreadMessageDelta"),
        ("thread.run.created", {"id": "r", "object": "x", "type": "y"}, "ThreadRunCreated"),
        ("response.output_text.delta", chunk("a"), "ChatCompletionChunk"),
        ("response.news", TEXT_DELTA, "ResponseOutputTextDelta"),
        ("response.failed", {"type": "error", "message": "no"}, "ErrorEvent"),
        ("response.failed", {"error": {"message": "no"}}, "ErrorEvent"),
        ("chat.completion.chunk", chunk("a"), "ChatCompletionChunk"),
        ("text_completion", {"object": "text_completion"}, "Completion"),
    ],
)
def test_the_payload_counts_more_than_the_wire(name: str, payload: Any, expected: str) -> None:
    """A name that does not fit the payload is ignored; one that the payload confirms counts."""
    assert type(decode(RawEvent(name, json.dumps(payload)))).__name__ == expected


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        ({"event": "chunk", "data": chunk("a")}, "ChatCompletionChunk"),
        ({"event": "chunk", "data": json.dumps(chunk("a"))}, "ChatCompletionChunk"),
        ({"event": "chunk", "data": {"event": "x", "data": chunk("a")}}, "ChatCompletionChunk"),
        ({"event": "error", "data": {"message": "no"}}, "ErrorEvent"),
        ({"event": "chunk", "data": "{"}, "UnknownEvent"),
        ({"event": "chunk", "data": "Hi"}, "UnknownEvent"),
        (
            {"event": "a", "data": {"event": "b", "data": {"event": "c", "data": chunk("a")}}},
            "UnknownEvent",
        ),
    ],
)
def test_an_envelope_is_opened_whatever_its_name(envelope: Any, expected: str) -> None:
    """The content decides; only so many envelopes inside envelopes are opened."""
    assert type(decode(RawEvent("message", json.dumps(envelope)))).__name__ == expected


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("response.news", {"type": "response.others"}),
        ("message", {"object": "chat.completion", "choices": []}),
        ("thread.news", {"id": "r", "object": "thread.run"}),
        ("chunk", {"type": "chunk", "object": "own"}),
    ],
)
def test_what_no_name_and_no_shape_tells_is_unknown(name: str, payload: Any) -> None:
    """It is not a hole in an answer."""
    found = decode(RawEvent(name, json.dumps(payload)))
    assert isinstance(found, UnknownEvent)
    assert found.error is None


@pytest.mark.parametrize("name", ["response.error", "error", "message"])
def test_an_error_of_responses_may_have_a_name_of_its_own(name: str) -> None:
    """The fields are the same as those of `error`."""
    payload = {"type": "response.error", "code": "c", "message": "no", "param": "p"}
    found = decode(RawEvent(name, json.dumps(payload)))
    assert isinstance(found, ErrorEvent)
    assert (found.error.message, found.error.code, found.error.param) == ("no", "c", "p")
    assert found.error.type is None


@pytest.mark.parametrize("name", ["done", "response", "x", ""])
def test_a_foreign_name_hides_no_whole_answer(name: str) -> None:
    """It is read, even if the name is that of an end."""
    part = {"type": "output_text", "text": "Hi", "annotations": []}
    item = {"type": "message", "role": "assistant", "content": [part]}
    choice = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}
    for answer in (
        {"object": "response", "status": "completed", "output": [item]},
        {"object": "chat.completion", "choices": [choice]},
    ):
        told = read(event(answer, name))
        assert (told.text, told.outcome) == ("Hi", "completed")
        assert told.notes["whole_answer"] == 1


def test_whole_answers_in_a_row_are_all_read() -> None:
    """The first of them does not end the stream."""
    whole = [
        {
            "object": "chat.completion",
            "choices": [{"index": index, "message": {"content": text}, "finish_reason": "stop"}],
        }
        for index, text in enumerate("ab")
    ]
    told = read(*map(event, whole))
    assert [choice.message.content for choice in told.answer.choices] == ["a", "b"]
    assert (told.outcome, told.notes) == ("completed", {"whole_answer": 2})


def test_an_end_loses_no_usage() -> None:
    """An end that has nothing but usage brings the usage, and is still the end."""
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    told = read(event(chunk("Hi")), event(chunk(finish="stop")), event({"usage": usage}, "done"))
    assert (told.text, told.outcome, told.answer.counts.total) == ("Hi", "completed", 3)
    assert told.events[-1] == "DoneEvent"
    told = read(event(chunk("Hi")), event({"bye": 1}, "done"))
    assert (told.outcome, told.answer.counts) == ("completed", None)
