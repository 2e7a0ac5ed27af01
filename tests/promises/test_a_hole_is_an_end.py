"""A hole is an end: an answer of which a part could not be read is never told as whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_scan import DecodeError, StreamerV2, UnknownEvent
from openai_scan.values import Call

DONE = b"data: [DONE]\n\n"


def block(payload: Any, name: str = "") -> bytes:
    """Return an event; text is its data as they are."""
    data = payload if isinstance(payload, str) else json.dumps(payload)
    return (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()


def chat(delta: Any, finish: str | None = None) -> dict[str, Any]:
    """Return a chat chunk."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"object": "chat.completion.chunk", "id": "c", "choices": [choice]}


def cut(payload: Any, at: float = 0.7) -> str:
    """Return the JSON of *payload* without its end."""
    text = json.dumps(payload)
    return text[: int(len(text) * at)]


def call(arguments: str, **more: Any) -> dict[str, Any]:
    """Return the delta of a call of `pay`."""
    return {"tool_calls": [{"index": 0, "function": {"arguments": arguments}, **more}]}


def delta(text: Any) -> dict[str, Any]:
    """Return the payload of a text delta of Responses."""
    return {"type": "response.output_text.delta", "output_index": 0, "delta": text}


STOP = chat({}, "stop")
COMPLETED = {"type": "response.completed", "response": {"id": "r", "status": "completed"}}
RUN = block({"id": "run_1", "object": "thread.run", "status": "completed"}, "thread.run.completed")


def part(text: Any) -> bytes:
    """Return a message delta of Assistants."""
    piece = {"index": 0, "type": "text", "text": text}
    payload = {"id": "m", "object": "thread.message.delta", "delta": {"content": [piece]}}
    return block(payload, "thread.message.delta")


CALL_ITEM = {"type": "function_call", "call_id": "c", "name": "pay", "arguments": "{}"}

STREAMS = {
    "chat text": [block(chat({"content": "a"})), block(cut(chat({"content": "b"}))), block(STOP)],
    "chat text, the first": [block(cut(chat({"content": "b"}))), block(STOP)],
    "chat text, the last before the end": [block(cut(chat({}, "stop"))), DONE],
    "chat content of another type": [block(chat({"content": 5})), block(STOP), DONE],
    "chat refusal of another type": [block(chat({"refusal": True})), block(STOP)],
    "chat delta of another type": [block(chat(5)), block(STOP)],
    "chat choices of another type": [
        block({"object": "chat.completion.chunk", "choices": "b"}),
        block(STOP),
    ],
    "chat arguments of another type": [
        block(chat(call(5, id="call_1"))),  # type: ignore[arg-type]
        block(STOP),
    ],
    "completion": [
        block({"object": "text_completion", "choices": [{"index": 0, "text": 5}]}),
        block({"object": "text_completion", "choices": [{"text": "", "finish_reason": "stop"}]}),
    ],
    "response delta, cut": [block(cut(delta("a"))), block(COMPLETED)],
    "response delta, cut, named": [
        block(cut(delta("a")), "response.output_text.delta"),
        block(COMPLETED),
    ],
    "response delta of another type": [block(delta(5)), block(COMPLETED)],
    "response item of another type": [
        block({"type": "response.output_item.done", "item": 5}),
        block(COMPLETED),
    ],
    **{
        f"{key} of a response's call of another type": [
            block({"type": "response.output_item.done", "item": {**CALL_ITEM, key: 5}}),
            block(COMPLETED),
        ]
        for key in ("arguments", "name", "call_id")
    },
    "content of an item of another type": [
        block({"type": "response.output_item.done", "item": {"type": "message", "content": 5}}),
        block(COMPLETED),
    ],
    "message delta": [part({"value": 5}), RUN],
    "message delta, cut": [
        block(cut({"delta": {"content": []}}), "thread.message.delta"),
        RUN,
    ],
    "chat text, cut, under a name of the server's own": [
        block(cut(chat({"content": "b"})), "chunk"),
        block(STOP),
    ],
    "chat text, cut, under the name of a keep-alive": [
        block(cut(chat({"content": "b"})), "ping"),
        block(STOP),
    ],
    "input of a custom tool of another type": [
        block(chat({"tool_calls": [{"index": 0, "custom": {"name": "q", "input": 5}}]})),
        block(STOP),
    ],
    "whole response, cut": [block(cut(COMPLETED), "response.completed"), DONE],
    "whole response of another type": [
        block({"type": "response.completed", "response": 5}),
        DONE,
    ],
    "failure of a response, cut": [block(cut(COMPLETED), "response.failed"), DONE],
    "whole image, cut": [block('{"b64_json": "aGk', "image_generation.completed"), DONE],
    "whole edited image of another type": [
        block({"type": "image_edit.completed", "b64_json": 5}),
        DONE,
    ],
    "whole message, cut": [block('{"object": "thr', "thread.message.completed"), RUN],
    "whole run step, cut": [block('{"object": "thr', "thread.run.step.completed"), RUN],
    "run that waits, cut": [block('{"object": "thr', "thread.run.requires_action"), DONE],
    "run that has failed, cut": [block('{"object": "thr', "thread.run.failed"), DONE],
    "transcript": [
        block({"type": "transcript.text.delta", "delta": 5}),
        block({"type": "transcript.text.done", "text": "a"}),
    ],
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_part_that_cannot_be_read_fails_the_stream(name: str) -> None:
    """Every event is delivered, and the error says that the answer has a hole."""
    s = StreamerV2(STREAMS[name])
    events = []
    while s.next():
        events.append(s.event())
    assert len(events) == len(STREAMS[name])
    assert s.outcome == "failed"
    error = s.err()
    assert isinstance(error, DecodeError)
    assert str(error).startswith("the answer has a hole: ")
    assert error.events_read == len(events)
    with pytest.raises(DecodeError):
        s.final()


@pytest.mark.parametrize("name", STREAMS)
def test_strict_ends_there(name: str) -> None:
    """The stream ends at the first such event, which is not delivered."""
    s = StreamerV2(STREAMS[name], strict=True)
    while s.next():
        assert not isinstance(s.event(), UnknownEvent)
    assert isinstance(s.err(), DecodeError)


NO_HOLES = {
    "an unknown name": [block({"a": 1}, "response.brand_new.delta"), block(COMPLETED)],
    "too deep, of an unknown name": [block("[" * 1000, "odd"), block(STOP)],
    "text of an unknown name": [block("hello", "greeting"), block(STOP)],
    "a keep-alive": [block("ping"), block(" Heartbeat "), block(STOP), DONE],
    "a status that does not fit": [
        block({"type": "response.in_progress", "response": 5}),
        block(COMPLETED),
    ],
    "the status of a built-in tool, cut": [
        block('{"item_id": "w', "response.web_search_call.completed"),
        block(COMPLETED),
    ],
    "a keep-alive, cut": [block('{"type": "pi', "ping"), block(STOP), DONE],
    "after the end": [block(STOP), block(cut(chat({"content": "b"}))), DONE],
    "nothing in a field": [
        block(chat([])),
        block(chat({"content": False})),
        block(chat({"tool_calls": {}})),
        block(STOP),
    ],
    "a field that is no part of the answer": [
        block({**chat({"content": "a", "role": 5}), "created": "x"}),
        block(STOP),
    ],
}


@pytest.mark.parametrize("name", NO_HOLES)
def test_what_is_not_a_hole_is_noted_at_most(name: str) -> None:
    """The event had nothing of the answer, so the stream is completed."""
    s = StreamerV2(NO_HOLES[name])
    while s.next():
        pass
    assert (s.outcome, s.err()) == ("completed", None)


def calls_of(*chunks: bytes) -> tuple[Call, ...]:
    """Return the calls that are there at the end."""
    s = StreamerV2(chunks)
    while s.next():
        pass
    answer = s.snapshot()
    assert answer is not None
    return answer.calls


@pytest.mark.parametrize("key", ["arguments", "name"])
def test_a_call_of_a_whole_response_is_not_complete_without_a_part(key: str) -> None:
    """A field that is left out because of its type does not count as empty."""
    output = [{**CALL_ITEM, key: 5}, {**CALL_ITEM, "call_id": "d"}]
    response = {"id": "r", "status": "completed", "output": output}
    calls = calls_of(block({"type": "response.completed", "response": response}))
    assert [call.complete for call in calls] == [False, False]


def test_no_call_of_an_answer_with_a_hole_is_complete() -> None:
    """Its arguments are JSON, but without the hole they would be other arguments."""
    begins = chat(call('{"to":"bob","amount":1', id="call_1", type="function"))
    begins["choices"][0]["delta"]["tool_calls"][0]["function"]["name"] = "pay"
    ends = [block(chat(call("0}"))), block(chat({}, "tool_calls")), DONE]
    [whole] = calls_of(block(begins), block(chat(call("00"))), *ends)
    assert (whole.arguments, whole.complete) == ('{"to":"bob","amount":1000}', True)
    [holed] = calls_of(block(begins), block(cut(chat(call("00")))), *ends)
    assert (holed.arguments, holed.complete) == ('{"to":"bob","amount":10}', False)
    with pytest.raises(ValueError, match="not complete"):
        holed.parsed()


def test_an_error_of_the_server_comes_first() -> None:
    """An error of the server, or of the connection, explains the end better than a hole does."""
    s = StreamerV2([*STREAMS["chat text"][:2], block({"error": {"message": "too hot"}})])
    while s.next():
        pass
    assert "too hot" in str(s.err())
    s = StreamerV2(STREAMS["chat text"][:2])
    while s.next():
        pass
    assert s.outcome == "truncated"


def test_leaving_at_the_end_tells_of_the_hole() -> None:
    """The `with` block raises the error, as it does any error that was not checked."""
    with pytest.raises(DecodeError, match="the answer has a hole"):
        leave_at_the_end(StreamerV2(STREAMS["chat text"]))


def leave_at_the_end(stream: StreamerV2) -> None:
    """Read until the answer ends, in a `with` block."""
    with stream as s:
        while s.next() and s.finish_reason() is None:
            pass


def test_a_chained_stream_is_not_begun_after_a_hole() -> None:
    """What is chained would continue an answer that is not whole."""
    s = StreamerV2(STREAMS["chat text"])
    s.chain([block(chat({"content": "c"})), block(STOP)])
    while s.next():
        assert s.text() != "c"
    assert s.outcome == "failed"
