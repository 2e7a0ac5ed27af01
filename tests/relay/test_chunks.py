"""Entries as chunks of Chat Completions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from openai_scan import APIError, StreamerV2
from openai_scan.relay import StoredMessage
from openai_scan.relay.chunks import Chunks
from openai_scan.relay.entries import Entry, EntryKind

HEAD = Entry(0, 1, "head", b'{"user":"alice","conversation":"c","model":"gpt"}')
BEGIN = Entry(1, 0, "begin", b'{"job":"1"}')
HEL = Entry(1, 1, "delta", b'{"text":"Hel","n":3}')
LO = Entry(1, 2, "delta", b'{"text":"lo"}')
END = Entry(1, 3, "end", b'{"status":"completed"}')


def entry(seq: int, kind: EntryKind, **data: Any) -> Entry:
    """Return an entry of the first epoch."""
    return Entry(1, seq, kind, json.dumps(data).encode())


def finished(**facts: Any) -> Entry:
    """Return the last entry."""
    return entry(9, "done", **{"status": "completed", "saved": True, "message": "s", **facts})


def written(
    entries: Sequence[Entry], before: Sequence[Entry] = (), *, has_part: bool = False
) -> bytes:
    """Return everything that a reader gets for these entries."""
    chunks = Chunks("stream-0123456789", has_part=has_part)
    return chunks.opening(before) + b"".join(chunks.frames([each]) for each in entries)


def payloads(body: bytes) -> list[Any]:
    """Return the parsed data of all events in a stream, without `[DONE]`."""
    lines = [line[6:] for line in body.decode().splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def deltas(body: bytes) -> list[Any]:
    """Return the deltas of choice 0."""
    return [chunk["choices"][0]["delta"] for chunk in payloads(body) if chunk["choices"]]


def test_a_chunk_has_all_that_clients_ask_for() -> None:
    """The chunk also has the cursor, which is the event's id."""
    body = written([HEAD, BEGIN, HEL])
    assert body.startswith(b"data: {")
    frame = body.split(b"\n\n")[1].decode()
    first, second = frame.splitlines()
    assert first == "id: 1-1"
    chunk = json.loads(second[6:])
    assert isinstance(chunk.pop("created"), int)
    assert chunk == {
        "id": "stream-0123456789",
        "object": "chat.completion.chunk",
        "model": "gpt",
        "choices": [{"index": 0, "delta": {"content": "Hel"}, "finish_reason": None}],
        "cursor": "1-1",
    }


def test_a_whole_answer() -> None:
    """It has the role, the text, the finish reason and the usage."""
    usage = {"input": 2, "output": 3, "total": 5, "cached": 1, "reasoning": 0}
    body = written([HEAD, BEGIN, HEL, LO, END, finished(finish_reason="stop", usage=usage)])
    assert deltas(body) == [
        {"role": "assistant", "content": ""},
        {"content": "Hel"},
        {"content": "lo"},
        {},
    ]
    *_, end, last = payloads(body)
    assert end["choices"][0]["finish_reason"] == "stop"
    assert (last["choices"], last["usage"]) == (
        [],
        {
            "prompt_tokens": 2,
            "completion_tokens": 3,
            "total_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 1},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    )
    assert body.endswith(b"id: 1-9-end\ndata: [DONE]\n\n")


@pytest.mark.parametrize("usage", [{}, {"input": 2}, {"output": 3}])
def test_too_little_usage_is_none(usage: dict[str, int]) -> None:
    """Clients require both counts, so the usage is left out."""
    assert "usage" not in payloads(written([HEAD, HEL, finished(usage=usage)]))[-1]


def test_a_total_is_added_up() -> None:
    """The relay adds it up if the server has not sent it."""
    last = payloads(written([HEAD, HEL, finished(usage={"input": 2, "output": 3})]))[-1]
    assert last["usage"] == {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}


def test_our_streamer_reads_it() -> None:
    """It gets the reasoning, a refusal, calls and another choice."""
    body = written(
        [
            HEAD,
            entry(1, "delta", reasoning="Hm"),
            entry(2, "delta", pieces=[{"text": "a"}, {"text": "b", "choice": 1}, {"text": "c"}]),
            entry(3, "delta", refusal="No"),
            entry(4, "delta", call="call_1", name="f", arguments='{"x"'),
            entry(5, "delta", pieces=[{"call": "call_1", "name": "f", "arguments": ":1}"}]),
            entry(6, "delta", call="call_2", name="g", arguments="{}"),
            finished(status="requires_action"),
        ]
    )
    with StreamerV2([body]) as stream:
        while stream.next():
            pass
        assert stream.err() is None
        assert stream.outcome == "completed"
        answer: Any = stream.snapshot()
    assert answer.text == "ac"
    assert answer.choices[1].message.content == "b"
    assert answer.choices[0].message.refusal == "No"
    assert [(call.id, call.name, call.arguments) for call in answer.calls] == [
        ("call_1", "f", '{"x":1}'),
        ("call_2", "g", "{}"),
    ]
    assert deltas(body)[1] == {"reasoning_content": "Hm"}


def test_a_reader_that_comes_back_gets_the_rest() -> None:
    """It does not get the role again, and calls keep their indexes."""
    call = entry(3, "delta", call="call_1", name="f", arguments="{")
    rest = entry(4, "delta", call="call_1", name="f", arguments="}")
    other = entry(5, "delta", call="call_2", name="g", arguments="{}")
    body = written([rest, other, finished()], before=[HEAD, BEGIN, call])
    assert body.startswith(b":\nid: 1-4\n")
    assert deltas(body)[:2] == [
        {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]},
        {
            "tool_calls": [
                {
                    "index": 1,
                    "id": "call_2",
                    "type": "function",
                    "function": {"name": "g", "arguments": "{}"},
                }
            ]
        },
    ]
    assert payloads(body)[0]["model"] == "gpt"


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([], id="none"),
        pytest.param(
            [
                {"call": "", "name": "f", "arguments": "{"},
                {"call": "c", "name": "f", "arguments": "}"},
            ],
            id="without an id at first",
        ),
        pytest.param([{"call": "c", "name": "", "arguments": "{}"}], id="without a name at first"),
    ],
)
def test_a_call_that_was_not_told_comes_whole_at_the_end(pieces: list[Any]) -> None:
    """Pieces of a call whose id or name is not known yet are held back."""
    told = [entry(1 + number, "delta", **piece) for number, piece in enumerate(pieces)]
    calls = [{"id": "c", "name": "f", "arguments": "{}"}, {"id": "", "name": "g", "arguments": ""}]
    body = written([HEAD, *told, finished(status="requires_action", calls=calls)])
    assert deltas(body) == [
        {"role": "assistant", "content": ""},
        {
            "tool_calls": [
                {
                    "index": 0,
                    "id": "c",
                    "type": "function",
                    "function": {"name": "f", "arguments": "{}"},
                },
                {
                    "index": 1,
                    "id": "relay_call_1",
                    "type": "function",
                    "function": {"name": "g", "arguments": ""},
                },
            ]
        },
        {},
    ]
    assert payloads(body)[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({}, "stop"),
        ({"finish_reason": "completed"}, "stop"),
        ({"finish_reason": "function_call"}, "tool_calls"),
        ({"status": "incomplete", "finish_reason": "length"}, "length"),
        ({"status": "incomplete", "finish_reason": "max_output_tokens"}, "length"),
        ({"status": "incomplete", "finish_reason": "content_filter"}, "content_filter"),
        ({"status": "requires_action"}, "tool_calls"),
    ],
)
def test_why_it_ended(facts: dict[str, str], reason: str) -> None:
    """The finish reason is one of Chat Completions."""
    end = payloads(written([HEAD, HEL, finished(**facts)]))[-1]
    assert end["choices"] == [{"index": 0, "delta": {}, "finish_reason": reason}]


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        (
            {"status": "failed", "error": "RateLimitError"},
            ("The answer has failed.", "RateLimitError"),
        ),
        (
            {"status": "incomplete", "error": "WorkerLost"},
            ("The answer is incomplete.", "WorkerLost"),
        ),
        (
            {"status": "incomplete", "finish_reason": "length", "error": "TooLong"},
            ("The answer is incomplete.", "TooLong"),
        ),
        (
            {"status": "cancelled", "error": "StreamCancelledError"},
            ("The answer was stopped.", "cancelled"),
        ),
        ({"status": "incomplete"}, ("The answer is incomplete.", "unknown")),
    ],
)
def test_an_answer_that_is_not_whole_is_an_error(
    facts: dict[str, str], error: tuple[str, str]
) -> None:
    """The message is the relay's own; a client does not mistake the text for all of it."""
    body = written([HEAD, HEL, finished(**facts)])
    message, code = error
    assert payloads(body)[-1] == {
        "error": {"message": message, "type": "relay_error", "code": code}
    }
    with StreamerV2([body]) as stream:
        while stream.next():
            pass
        failure = stream.err()
        assert isinstance(failure, APIError)
        assert (failure.code, stream.outcome) == (code, "failed")


def test_text_that_continues_is_not_a_reset() -> None:
    """If the new text begins with the old one, the rest is sent."""
    reset = entry(3, "reset", text="Hello you")
    body = written([HEAD, HEL, LO, reset, finished()])
    assert deltas(body)[3] == {"content": " you"}
    assert b"id: 1-3\n" in body
    again = entry(4, "reset", text="Hello you there")
    assert deltas(written([again, finished()], before=[HEAD, HEL, reset]))[0] == {
        "content": " there"
    }


def test_so_is_what_is_beside_the_text() -> None:
    """Reasoning and refusals are continued too; reasoning is sent first, as models write it."""
    told = entry(2, "delta", reasoning="H")
    reset = entry(3, "reset", text="Hello", refusal="No", reasoning="Hm")
    assert deltas(written([HEAD, HEL, told, reset, finished()]))[3] == {
        "reasoning_content": "m",
        "content": "lo",
        "refusal": "No",
    }


def test_a_reset_to_the_same_says_nothing() -> None:
    """A reset that changes nothing sends no delta."""
    body = written([HEAD, HEL, entry(2, "reset", text="Hel"), finished()])
    assert len(deltas(body)) == 3


@pytest.mark.parametrize(
    "texts", [{"text": "Bye"}, {"text": "He"}, {"text": ""}, {"reasoning": "Hel"}, {}]
)
def test_text_that_is_replaced_is_an_error(texts: dict[str, str]) -> None:
    """Text that was sent cannot be taken back. Nothing follows the error."""
    body = written([HEAD, HEL, entry(2, "reset", **texts), LO, finished()])
    error = payloads(body)[-1]["error"]
    assert (error["code"], error["message"]) == (
        "replaced",
        "The text so far is replaced by another one: read the answer from its beginning.",
    )
    assert body.endswith(b"data: [DONE]\n\n")
    assert body.count(b"[DONE]") == 1


def test_a_reader_of_another_answer_is_notified() -> None:
    """The reader has a part of an answer that this process does not know, so it gets an error."""
    body = written([HEAD, HEL, finished()], has_part=True)
    assert [list(payload) for payload in payloads(body)] == [["error"]]


STORED = StoredMessage(
    "stream-0123456789",
    "c",
    "alice",
    "assistant",
    "Hello",
    "completed",
    {
        "reasoning": "Hm",
        "refusal": "No",
        "finish_reason": "stop",
        "usage": {"input": 1, "output": 2},
    },
)


def of_stored(message: StoredMessage, *, has_part: bool = False) -> bytes:
    """Return what a reader gets of a message whose log is gone."""
    return Chunks(message.id, has_part=has_part).stored(message)


def test_a_stored_answer() -> None:
    """The whole answer is sent."""
    body = of_stored(STORED)
    assert deltas(body) == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "Hm"},
        {"content": "Hello"},
        {"refusal": "No"},
        {},
    ]
    assert payloads(body)[-1]["usage"]["total_tokens"] == 3
    assert body.endswith(b"id: 0-0-end\ndata: [DONE]\n\n")


def test_a_stored_answer_for_a_reader_with_a_part() -> None:
    """The reader gets an error, because the relay does not know how much it already has."""
    assert [list(payload) for payload in payloads(of_stored(STORED, has_part=True))] == [["error"]]


def test_an_answer_that_is_running_without_a_log() -> None:
    """The reader gets an error that says to retry later."""
    running = StoredMessage("stream-0123456789", "c", "alice", "assistant", "", "running")
    assert payloads(of_stored(running)) == [
        {
            "error": {
                "message": "The answer cannot be read now: retry later.",
                "type": "relay_error",
                "code": "unavailable",
            }
        }
    ]


def _cuts(entries: Sequence[Entry]) -> Iterable[tuple[Sequence[Entry], Sequence[Entry]]]:
    return ((entries[:cut], entries[cut:]) for cut in range(1, len(entries)))


def test_whatever_was_read_before_the_rest_fits() -> None:
    """Cut after any entry, both parts together are the uninterrupted stream."""
    entries = [
        HEAD,
        BEGIN,
        HEL,
        entry(2, "delta", call="call_1", name="f", arguments="{"),
        entry(3, "reset", text="Hello"),
        entry(
            4, "delta", pieces=[{"call": "call_1", "name": "f", "arguments": "}"}, {"text": "!"}]
        ),
        entry(5, "delta", call="call_2", name="g", arguments="{}"),
        finished(status="requires_action"),
    ]
    whole = deltas(written(entries))
    for before, after in _cuts(entries):
        chunks = Chunks("stream-0123456789")
        first = chunks.opening(()) + chunks.frames(before) + b"data: [DONE]\n\n"
        rest = written(after, before=before)
        assert deltas(first) + deltas(rest) == whole
