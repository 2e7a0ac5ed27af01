"""Endless brackets, in all places of untrusted data, on a thread with a small stack."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from openai_scan import (
    BadRequestError,
    Call,
    Client,
    DecodeError,
    PartialJSON,
    RecordingError,
    RetryPolicy,
    ScanError,
    StreamerV2,
    replay,
    run_tools,
)
from openai_scan.bounded_json import MAX_WRITTEN_NESTING
from openai_scan.cli import main
from openai_scan.events import from_answer
from openai_scan.testing import (
    FakeServer,
    Reply,
    SeenRequest,
    ToolCall,
    chat_answer,
    chat_calls,
    transcript_answer,
)
from openai_scan.transport import Request

DEEP = "[" * 100_000
CHUNK = '{"object":"chat.completion.chunk","created":%s,"choices":[{"delta":{"content":%s}}]}'
CALL = (
    '{"object":"chat.completion.chunk","choices":[{"delta":{"tool_calls":[{"index":0,"id":"c",'
    '"function":{"name":"f","arguments":%s}}]},"finish_reason":"tool_calls"}]}'
)


def on_a_small_stack(action: Callable[[], object]) -> None:
    """Do the *action* with a quarter of a megabyte of stack; raise what it raises."""
    raised: list[BaseException] = []

    def act() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - the other thread raises it
            raised.append(error)

    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=act)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    for error in raised:
        raise error


def wire(*events: str) -> bytes:
    """Return *events* as a server sends them."""
    return "".join(f"data: {event}\n\n" for event in events).encode()


TEXT = [CHUNK % (number, json.dumps(f"t{number}")) for number in range(4)]


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "events",
    [
        [DEEP],
        ['{"a":' * 100_000],
        [*TEXT, CHUNK % (4, DEEP)],
        [*TEXT, CHUNK % (DEEP, '"t"')],
        [*TEXT, CHUNK % (4, '"t"') + DEEP],
        ["{}" + DEEP],
        ['{"error":{"message":' + DEEP],
        ['{"object":"response","output":' + DEEP],
        [CALL % json.dumps(DEEP)],
    ],
    ids=lambda events: events[-1][:60],
)
def test_event_of_brackets_ends_nothing(events: list[str]) -> None:
    """The event is malformed, the text around it stays, and all of it can be shown."""

    def read() -> None:
        with StreamerV2([wire(*events, TEXT[0])], require_terminal=False) as s:
            count = 0
            while s.next():
                count += 1
                repr(s.event())
            s.err()
            assert count == len(events) + 1
            answer = s.snapshot()
            assert answer is not None
            assert answer.text == "".join(f"t{number}" for number in range(len(events) - 1)) + "t0"
            assert not any(call.complete for call in answer.calls)
            repr(answer)

    on_a_small_stack(read)


def test_answer_of_brackets_is_not_an_answer() -> None:
    """final_as() refuses it, and partial() shows no more than 128 levels."""

    def read() -> None:
        with StreamerV2([wire(CHUNK % (0, json.dumps(DEEP)), "[DONE]")]) as s:
            assert s.partial() is None
            while s.next():
                assert repr(s.partial()).count("[") == 128
            with pytest.raises(DecodeError, match="nested more than 128 levels deep"):
                s.final_as(int)
            s.err()

    on_a_small_stack(read)


def answered(body: str, *, status: int = 200) -> Exception:
    """Return the error of a call that is answered with *body*."""
    reply = Reply(status=status, body=body.encode(), headers={"Content-Type": "application/json"})
    once = RetryPolicy(attempts=1)
    with FakeServer(reply) as server, Client("k", server.base_url, retries=once) as client:
        with pytest.raises(ScanError) as caught:
            client.create_response(model="m", input="i")
        return caught.value


SHAPES = [DEEP, '{"a":' * 100_000, "[" * 1000 + "]" * 1000]


@pytest.mark.parametrize("deep", SHAPES, ids=["lists", "objects", "closed"])
def test_answer_to_a_call_ends_nothing(deep: str) -> None:
    """The call raises an error of the library; an error's other fields are still read."""

    def read() -> None:
        for body in (deep, f'{{"id": {deep}}}'):
            assert str(answered(body))
        error = answered(f'{{"error": {{"message": "words", "details": {deep}}}}}', status=400)
        assert isinstance(error, BadRequestError)
        assert "words" in str(error)

    on_a_small_stack(read)


HEAD = '{"format": "openai_scan recording", "version": 1, "request": %s}\n'
END = '{"t": 0, "end": "failed", "failure": {"error": "APIError", "message": "m", "body": %s}}\n'


@pytest.mark.parametrize("deep", SHAPES, ids=["lists", "objects", "closed"])
@pytest.mark.parametrize("lines", ["%s", HEAD, HEAD % 1 + END], ids=["line", "request", "error"])
def test_recording_of_brackets_is_none(lines: str, deep: str) -> None:
    """Whether they are a line, a request or an error."""

    def read() -> None:
        with pytest.raises(RecordingError):
            replay(io.BytesIO((lines % deep).encode() + b"\n"))

    on_a_small_stack(read)


@pytest.mark.parametrize("deep", SHAPES, ids=["lists", "objects", "closed"])
def test_text_of_brackets_is_a_value_error(deep: str) -> None:
    """Parsing raises: the arguments of a call, or the body that a fake server has received."""

    def read() -> None:
        call = Call(id="c", name="f", arguments=deep, complete=True)
        with pytest.raises(ValueError, match="nested more than 128 levels deep"):
            call.parsed()
        seen = SeenRequest(
            method="POST", path="/", target="/", query={}, headers={}, body=deep.encode()
        )
        with pytest.raises(ValueError, match="nested more than 128 levels deep"):
            assert seen.json
        growing = PartialJSON()
        growing.feed(deep)
        assert growing.broken
        assert repr(growing.value).count("{") + repr(growing.value).count("[") == 128

    on_a_small_stack(read)


def test_arguments_of_brackets_reach_no_function() -> None:
    """The model gets an error that says that they are not JSON."""

    def never(x: object) -> str:
        raise AssertionError

    def read() -> None:
        with FakeServer() as server, Client("k", server.base_url) as client:
            server.add(chat_calls(ToolCall("never", DEEP)), chat_answer("Hi"))
            stream = client.create_chat_completion_stream(model="m", messages=[])
            with run_tools(client, stream, [never]) as s:
                while s.next():
                    pass
                assert s.err() is None or len(server.requests) == 1

    on_a_small_stack(read)


@pytest.mark.parametrize(
    "arguments",
    [
        ["chat", "-p", f"x={DEEP}", "Hi"],
        ["record", "no-such-folder/a.jsonl", "--path", "/x", "--body", DEEP],
        ["record", "no-such-folder/a.jsonl", "--path", "/x", "--body", '{"a":' + "[" * 1000],
    ],
    ids=["parameter", "list", "object"],
)
def test_brackets_on_the_command_line_are_wrong_usage(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are said to be nested too deeply."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_MODEL", "m")
    statuses: list[int] = []
    on_a_small_stack(lambda: statuses.append(main(arguments)))
    assert statuses == [2]
    assert "nested more than 128 levels deep" in capsys.readouterr().err


def nested(depth: int) -> list[Any]:
    """Return a list that is nested *depth* levels deep."""
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


SENT: list[Callable[[Client, Any], object]] = [
    lambda c, deep: c.create_response_stream(model="m", input=deep).read(),
    lambda c, deep: c.create_transcription_stream(
        model="m", file=b"f", extra_body={"x": deep}
    ).read(),
    lambda c, deep: c.stream(Request(method="GET", path="/models", query={"x": deep})).read(),
]


@pytest.mark.parametrize("send", SENT, ids=["JSON", "form", "query"])
def test_what_is_sent_is_bounded_too(send: Callable[[Client, Any], object]) -> None:
    """A gateway forwards values that its own clients made. The deepest one allowed arrives."""

    def act() -> None:
        server = FakeServer(transcript_answer("Hi"), strict=False)
        with server, Client("k", server.base_url) as client:
            assert send(client, nested(MAX_WRITTEN_NESTING - 1)) == b"Hi"
            for depth in (MAX_WRITTEN_NESTING, 5000):
                with pytest.raises(ValueError, match="nested more than 120 levels deep"):
                    send(client, nested(depth))
            assert len(server.requests) == 1

    on_a_small_stack(act)


def test_result_of_a_function_is_bounded_too() -> None:
    """The model gets an error."""

    def deep() -> object:
        return nested(5000)

    def act() -> None:
        with FakeServer() as server, Client("k", server.base_url) as client:
            server.add(chat_calls(ToolCall("deep", "{}")), chat_answer("Hi"))
            stream = client.create_chat_completion_stream(model="m", messages=[])
            with run_tools(client, stream, [deep]) as s:
                assert s.read() == b"Hi"
            sent = server.requests[1].json["messages"][-1]["content"]
            assert sent == "Error: deep failed with UnboundedJSONError"

    on_a_small_stack(act)


def test_a_deep_value_is_not_an_answer() -> None:
    """`from_answer()` takes any value, and makes nothing of one that is nested too deeply."""
    answer = {"object": "text_completion", "choices": [{"text": "Hi"}]}
    found: list[object] = []
    on_a_small_stack(lambda: found.append(from_answer({**answer, "x": nested(5000)})))
    assert found == [[]]
    assert from_answer({**answer, "x": nested(MAX_WRITTEN_NESTING - 1)})
