"""Entries as the UI message stream of the AI SDK."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from openai_scan.relay import StoredMessage
from openai_scan.relay.entries import Entry, EntryKind
from openai_scan.relay.ui_messages import UIMessages, ui_messages

HEAD = Entry(0, 1, "head", b'{"user":"alice","conversation":"c"}')


def entry(seq: int, kind: EntryKind, **data: Any) -> Entry:
    """Return an entry of the first epoch."""
    return Entry(1, seq, kind, json.dumps(data).encode())


def finished(**facts: Any) -> Entry:
    """Return the last entry."""
    return entry(9, "done", **{"status": "completed", "saved": True, "message": "s", **facts})


def parts_of(body: bytes) -> list[Any]:
    """Return the parts between the beginning and `[DONE]`."""
    *frames, last = [frame for frame in body.decode().split("\n\n") if frame]
    assert last == "data: [DONE]"
    first, second, *parts = [json.loads(frame.removeprefix("data: ")) for frame in frames]
    assert (first, second) == (
        {"type": "start", "messageId": "stream-0123456789"},
        {"type": "start-step"},
    )
    return parts


def told(*entries: Entry) -> list[Any]:
    """Return the parts that these entries become."""
    ui = UIMessages("stream-0123456789")
    return parts_of(ui.opening(()) + b"".join(ui.frames([each]) for each in entries))


def test_it_says_which_protocol_it_is() -> None:
    """The headers are those of every event stream, and one for the protocol."""
    headers = UIMessages("s").headers
    assert headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"


def test_text_and_reasoning() -> None:
    """A part is opened once, and closed when another kind begins."""
    usage = {"input": 1, "output": 2}
    assert told(
        HEAD,
        entry(0, "begin", job="1"),
        entry(1, "delta", reasoning="H"),
        entry(2, "delta", reasoning="m"),
        entry(3, "delta", pieces=[{"text": "Hel"}, {"text": "another", "choice": 1}]),
        entry(4, "delta", text="lo"),
        entry(5, "delta", refusal="No"),
        entry(6, "end", status="completed"),
        finished(finish_reason="content_filter", usage=usage),
    ) == [
        {"type": "reasoning-start", "id": "1"},
        {"type": "reasoning-delta", "id": "1", "delta": "H"},
        {"type": "reasoning-delta", "id": "1", "delta": "m"},
        {"type": "reasoning-end", "id": "1"},
        {"type": "text-start", "id": "2"},
        {"type": "text-delta", "id": "2", "delta": "Hel"},
        {"type": "text-delta", "id": "2", "delta": "lo"},
        {"type": "text-end", "id": "2"},
        {"type": "text-start", "id": "3"},
        {"type": "text-delta", "id": "3", "delta": "No"},
        {"type": "text-end", "id": "3"},
        {"type": "finish-step"},
        {
            "type": "finish",
            "finishReason": "content-filter",
            "messageMetadata": {"status": "completed", "usage": usage, "saved": True},
        },
    ]


def test_calls() -> None:
    """Arguments are sent as text first, and then as a value, if they are JSON."""
    calls = [
        {"id": "call_1", "name": "f", "arguments": '{"x":1}'},
        {"id": "call_2", "name": "g", "arguments": "{"},
        {"id": "", "name": "h", "arguments": ""},
    ]
    tool = {"toolName": "f", "toolCallId": "call_1", "dynamic": True}
    assert told(
        HEAD,
        entry(1, "delta", text="a"),
        entry(2, "delta", call="call_1", name="f", arguments=""),
        entry(3, "delta", call="call_1", name="f", arguments='{"x":1}'),
        entry(4, "delta", call="", name="h", arguments="{}"),
        finished(status="requires_action", calls=calls),
    ) == [
        {"type": "text-start", "id": "1"},
        {"type": "text-delta", "id": "1", "delta": "a"},
        {"type": "text-end", "id": "1"},
        {"type": "tool-input-start", **tool},
        {"type": "tool-input-delta", "toolCallId": "call_1", "inputTextDelta": '{"x":1}'},
        {"type": "tool-input-available", **tool, "input": {"x": 1}},
        {
            "type": "tool-input-error",
            "toolCallId": "call_2",
            "toolName": "g",
            "dynamic": True,
            "input": "{",
            "errorText": "The arguments are not JSON.",
        },
        {
            "type": "tool-input-available",
            "toolCallId": "relay_call_2",
            "toolName": "h",
            "dynamic": True,
            "input": {},
        },
        {"type": "finish-step"},
        {
            "type": "finish",
            "finishReason": "tool-calls",
            "messageMetadata": {"status": "requires_action", "saved": True},
        },
    ]


def test_text_that_continues_is_not_a_reset() -> None:
    """If the new text begins with the old one, the rest is sent."""
    assert told(
        HEAD,
        entry(1, "delta", text="Hel"),
        entry(2, "reset", text="Hel"),
        entry(3, "reset", text="Hello", refusal="No"),
        finished(),
    )[:5] == [
        {"type": "text-start", "id": "1"},
        {"type": "text-delta", "id": "1", "delta": "Hel"},
        {"type": "text-delta", "id": "1", "delta": "lo"},
        {"type": "text-end", "id": "1"},
        {"type": "text-start", "id": "2"},
    ]


def test_text_that_is_replaced() -> None:
    """`reset-step` removes all parts."""
    assert told(
        HEAD,
        entry(1, "delta", text="Hel"),
        entry(2, "delta", call="c", name="f", arguments="{"),
        entry(3, "reset", text="Bye"),
        entry(4, "reset"),
        entry(5, "delta", text="x"),
        finished(),
    )[4:-3] == [
        {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": "{"},
        {"type": "reset-step"},
        {"type": "text-start", "id": "2"},
        {"type": "text-delta", "id": "2", "delta": "Bye"},
        {"type": "reset-step"},
        {"type": "text-start", "id": "3"},
        {"type": "text-delta", "id": "3", "delta": "x"},
    ]


@pytest.mark.parametrize(
    ("facts", "last"),
    [
        ({"status": "cancelled"}, {"type": "abort"}),
        ({"status": "failed"}, {"type": "error", "errorText": "The answer has failed."}),
        ({"status": "incomplete"}, {"type": "error", "errorText": "The answer is incomplete."}),
    ],
)
def test_an_answer_that_is_not_whole(facts: dict[str, str], last: Any) -> None:
    """The text part is closed, and the error is a sentence of the relay's own."""
    parts = told(HEAD, entry(1, "delta", text="Hel"), finished(error="BadThing", **facts))
    assert parts[-2:] == [{"type": "text-end", "id": "1"}, last]


def stored(message: StoredMessage) -> bytes:
    """Return what a reader gets for a message whose log is gone."""
    return UIMessages(message.id).stored(message)


def of(status: Any, text: str = "", **facts: Any) -> StoredMessage:
    """Return a message."""
    return StoredMessage("stream-0123456789", "c", "alice", "assistant", text, status, facts)


def test_a_stored_answer() -> None:
    """It is sent whole, reasoning first."""
    message = of("completed", "Hello", reasoning="Hm", usage={"input": 1})
    assert parts_of(stored(message)) == [
        {"type": "reasoning-start", "id": "1"},
        {"type": "reasoning-delta", "id": "1", "delta": "Hm"},
        {"type": "reasoning-end", "id": "1"},
        {"type": "text-start", "id": "2"},
        {"type": "text-delta", "id": "2", "delta": "Hello"},
        {"type": "text-end", "id": "2"},
        {"type": "finish-step"},
        {
            "type": "finish",
            "finishReason": "stop",
            "messageMetadata": {"status": "completed", "usage": {"input": 1}, "saved": True},
        },
    ]


def test_an_answer_that_is_running_without_a_log() -> None:
    """The reader gets an error that says to retry later."""
    assert stored(of("running")) == (
        b'data: {"type":"error","errorText":"The answer cannot be read now: retry later."}\n\n'
        b"data: [DONE]\n\n"
    )


def test_a_message_to_begin_with() -> None:
    """It has the parts that a stream would have made; a message without parts is left out."""
    calls = [{"id": "c", "name": "f", "arguments": "{}"}, {"id": "", "name": "g", "arguments": "{"}]
    message = of("requires_action", "Hello", reasoning="Hm", calls=calls, usage={"input": 1})
    assert ui_messages([message, of("running"), of("failed", error="Broken")]) == [
        {
            "id": "stream-0123456789",
            "role": "assistant",
            "metadata": {"status": "requires_action", "usage": {"input": 1}, "saved": True},
            "parts": [
                {"type": "reasoning", "text": "Hm", "state": "done"},
                {"type": "text", "text": "Hello", "state": "done"},
                {
                    "type": "dynamic-tool",
                    "state": "input-available",
                    "toolCallId": "c",
                    "toolName": "f",
                    "input": {},
                },
                {
                    "type": "dynamic-tool",
                    "state": "output-error",
                    "toolCallId": "relay_call_1",
                    "toolName": "g",
                    "input": "{",
                    "errorText": "The arguments are not JSON.",
                },
            ],
        }
    ]


def _all(entries: Sequence[Entry]) -> bytes:
    ui = UIMessages("stream-0123456789")
    return ui.opening(()) + ui.frames(entries)


def test_several_entries_at_once_are_the_same() -> None:
    """The parts do not depend on how many entries arrive together."""
    entries = [HEAD, entry(1, "delta", text="a"), entry(2, "delta", text="b"), finished()]
    assert parts_of(_all(entries)) == told(*entries)
