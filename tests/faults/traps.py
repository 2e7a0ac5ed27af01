"""Byte sequences that break other clients, and what must happen; written out as data.

Their numbers are those of the project's list of traps. Those that are about the stream itself are
here and are played in every framing and byte by byte; `SHOWN_BY` says where the others are.
"""

from __future__ import annotations

import json
from typing import Any

from attrs import field, frozen

from openai_scan.sse import RawEvent, encode


@frozen(kw_only=True)
class Trap:
    """A body, and what a client must make of it.

    Attributes:
        number: Its number in the list, and which of several it is.
        error: The class of `err()`, by its name; None for a clean end.
        facts: Attributes of the error.
        text: All the text, which is also that of the snapshot.
        data: The data of the events, where they matter.
        choices: The text of each choice, where there are several.
        calls: The calls of the snapshot, all of them complete: id, name, arguments.
        usage: The counts of the snapshot's usage.
        events: The classes of the events, where they matter.
        notes: The notes, by name.
    """

    number: str
    body: bytes
    outcome: str = "completed"
    error: str | None = None
    facts: dict[str, Any] = field(factory=dict)
    text: str = ""
    data: tuple[str, ...] | None = None
    choices: tuple[str, ...] | None = None
    calls: tuple[tuple[str, str, str], ...] = ()
    usage: tuple[int, int, int] | None = None
    events: tuple[str, ...] | None = None
    notes: dict[str, int] = field(factory=dict)


def _event(payload: Any, name: str = "") -> bytes:
    return encode(RawEvent(name or "message", json.dumps(payload)))


def _choice(delta: Any, index: int = 0, finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "finish_reason": finish_reason}


def _chat(*choices: Any, **more: Any) -> bytes:
    payload = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return _event({**payload, "choices": list(choices), **more})


def _says(text: str, index: int = 0) -> bytes:
    return _chat(_choice({"content": text}, index))


def _calls(*pieces: Any) -> bytes:
    return _chat(_choice({"tool_calls": list(pieces)}))


F = _chat(_choice({}, finish_reason="stop"))
D = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
_CALLED = _chat(_choice({}, finish_reason="tool_calls"))
_FAILED_RUN = {
    "id": "run_1",
    "object": "thread.run",
    "status": "failed",
    "last_error": {"code": "rate_limit_exceeded", "message": "x"},
}


def _message(delta: Any) -> bytes:
    payload = {"id": "m", "object": "thread.message.delta", "delta": delta}
    return _event(payload, "thread.message.delta")


_ENDS = (
    Trap(
        number="B1, B2: no end at all",
        body=_says("par"),
        outcome="truncated",
        error="TruncatedStreamError",
        facts={"events_read": 1},
        text="par",
    ),
    Trap(number="B4: no [DONE]", body=_says("ok") + F, text="ok", notes={"missing_done": 1}),
    Trap(
        number="B5: an error before [DONE]",
        body=_says("a")
        + _event({"error": {"message": "overloaded", "type": "server_error", "code": "503"}})
        + D,
        outcome="failed",
        error="InternalServerError",
        facts={"retryable": True, "code": "503", "events_read": 3},
        text="a",
    ),
    Trap(
        number="B6: an error in a field named error",
        body=_says("a")
        + b'error: {"code":400,"message":"the request exceeds the available context size",'
        + b'"type":"invalid_request_error"}\n\n'
        + D,
        outcome="failed",
        error="BadRequestError",
        facts={"retryable": False, "type": "invalid_request_error"},
        text="a",
    ),
    Trap(
        number="B7: an error that is not nested",
        body=_event(
            {
                "type": "error",
                "code": "rate_limit_exceeded",
                "message": "slow down",
                "param": None,
                "sequence_number": 3,
            },
            "error",
        ),
        outcome="failed",
        error="RateLimitError",
        facts={"code": "rate_limit_exceeded", "retryable": True},
    ),
    Trap(
        number="B9: a failed response without a reason",
        body=_event(
            {
                "type": "response.failed",
                "sequence_number": 9,
                "response": {"id": "resp_1", "status": "failed", "error": None},
            },
            "response.failed",
        ),
        outcome="failed",
        error="APIError",
        events=("ResponseFailed",),
    ),
    Trap(
        number="B9: a failed run, and then done",
        body=_event(_FAILED_RUN, "thread.run.failed") + encode(RawEvent("done", "[DONE]")),
        outcome="failed",
        error="RateLimitError",
        facts={"code": "rate_limit_exceeded", "message": "x"},
        events=("ThreadRunFailed", "DoneEvent"),
    ),
    *(
        Trap(number=f"B27: [DONE] as {done!r}", body=_says("a") + F + done, text="a", notes=notes)
        for done, notes in (
            (b"data: [DONE] \n\n", {}),
            (b"data:[DONE]\n\n", {}),
            (b"data: [DONE]", {"unterminated_event": 1}),
        )
    ),
    Trap(
        number="B27: text that contains [DONE]",
        body=_says("say [DONE]") + _says(" twice") + F + D,
        text="say [DONE] twice",
    ),
)

_CHUNKS = (
    Trap(
        number="B10: chunks without choices",
        body=_event({"choices": [], "id": "", "object": "", "prompt_filter_results": []})
        + _event(
            {
                "id": "",
                "object": "",
                "created": 0,
                "model": "",
                "choices": [{"index": 0, "finish_reason": None, "content_filter_results": {}}],
            }
        )
        + _event({"id": "c", "choices": None})
        + _event({"id": "c", "choices": [], "usage": USAGE})
        + _event({"id": "c", "choices": [], "usage": None})
        + D,
        usage=(1, 2, 3),
        events=(*("ChatCompletionChunk",) * 5, "DoneEvent"),
    ),
    Trap(
        number="B12: a call in three pieces, two of them in one event",
        body=_calls(
            {
                "index": 0,
                "id": "t1",
                "type": "function",
                "function": {"name": "w", "arguments": ""},
            },
            {"index": 0, "function": {"arguments": '{"ci'}},
        )
        + _calls({"index": 0, "function": {"arguments": 'ty":1}'}})
        + _CALLED
        + D,
        calls=(("t1", "w", '{"city":1}'),),
    ),
    Trap(
        number="B13: the first call has index 1",
        body=_calls({"index": 1, "id": "t1", "function": {"name": "w", "arguments": "{}"}})
        + _CALLED
        + D,
        calls=(("t1", "w", "{}"),),
    ),
    Trap(
        number="B15: nulls, an empty name, and a repeated name",
        body=_calls({"index": 0, "id": "t1", "function": {"name": "w", "arguments": "{"}})
        + _calls(
            {
                "index": 0,
                "id": None,
                "type": None,
                "function": {"name": None, "arguments": '"a":'},
            }
        )
        + _calls({"index": 0, "function": {"name": "", "arguments": "1"}})
        + _calls({"index": 0, "id": "t1", "function": {"name": "w", "arguments": "}"}})
        + _CALLED
        + D,
        calls=(("t1", "w", '{"a":1}'),),
    ),
    Trap(
        number="B21: usage, and then null",
        body=_says("a")
        + _chat(_choice({}, finish_reason="stop"), usage=USAGE)
        + _chat(usage=None)
        + _chat(usage={})
        + D,
        text="a",
        usage=(1, 2, 3),
    ),
    Trap(
        number="B32: choices out of order",
        body=_says("b", 1)
        + _says("a", 0)
        + _says("B", 1)
        + _chat(_choice({}, 0, "stop"))
        + _chat(_choice({}, 1, "stop"))
        + D,
        text="a",
        choices=("a", "bB"),
    ),
)

_WIRE = (
    Trap(
        number="B18: characters that end lines elsewhere",
        body='data: {"t":"a\u2028b\u2029c\x85d"}\n\n'.encode() + b"data: e\x0bf\x0cg\x1ch\n\n",
        outcome="truncated",
        error="TruncatedStreamError",
        data=('{"t":"a\u2028b\u2029c\x85d"}', "e\x0bf\x0cg\x1ch"),
        notes={"unknown_event: message": 1, "malformed_event": 1},
    ),
    Trap(
        number="B18: a byte order mark",
        body=b"\xef\xbb\xbf" + b"data: 1\n\ndata: 2\n\n",
        outcome="truncated",
        error="TruncatedStreamError",
        data=("1", "2"),
        notes={"unknown_event: message": 2},
    ),
    Trap(
        number="B18: three kinds of line ends in one event",
        body=b"data: A\r\ndata: B\rdata: C\r\n\n",
        outcome="truncated",
        error="TruncatedStreamError",
        data=("A\nB\nC",),
        notes={"malformed_event": 1},
    ),
    Trap(
        number="B18: carriage returns only",
        body=b"data: 1\r\rdata: 2\r\r",
        outcome="truncated",
        error="TruncatedStreamError",
        data=("1", "2"),
        notes={"unknown_event: message": 2},
    ),
    Trap(
        number="B23: comments, one of them inside an event",
        body=b": OPENROUTER PROCESSING\n\n:\n\ndata: : OPENROUTER PROCESSING\n\n"
        b": x-cost=1\ndata: [DONE]\n\n",
        events=("DoneEvent",),
        notes={"comment": 3, "empty_event": 1},
    ),
    Trap(
        number="B24: empty events, pings, and an unknown event",
        body=b"data:\n\ndata\n\nevent: x\n\n"
        + _event({"type": "ping"})
        + _event({"type": "keepalive", "sequence_number": 3}, "keepalive")
        + _event({"id": "z"}, "thread.brand.new")
        + D,
        events=("UnknownEvent", "UnknownEvent", "UnknownEvent", "DoneEvent"),
        notes={
            "empty_event": 2,
            "unknown_event: ping": 1,
            "unknown_event: keepalive": 1,
            "unknown_event: thread.brand.new": 1,
        },
    ),
    Trap(
        number="B25: message deltas without text",
        body=_message(
            {"content": [{"index": 0, "type": "image_file", "image_file": {"file_id": "f"}}]}
        )
        + _message({})
        + _message(
            {
                "content": [
                    {
                        "index": 0,
                        "type": "text",
                        "text": {
                            "value": None,
                            "annotations": [
                                {"index": 0, "type": "file_citation", "text": "【4:0†source】"}
                            ],
                        },
                    }
                ]
            }
        )
        + encode(RawEvent("done", "[DONE]")),
        events=(*("ThreadMessageDelta",) * 3, "DoneEvent"),
    ),
    Trap(
        number="B35: text that imitates an event",
        body=encode(RawEvent("message", "  one\n\nevent: done\ndata: x\u2028y")) + D,
        outcome="failed",
        error="DecodeError",  # it is not JSON, so its content is unknown
        data=("  one\n\nevent: done\ndata: x\u2028y", "[DONE]"),
        notes={"malformed_event": 1},
    ),
)

TRAPS = (*_ENDS, *_CHUNKS, *_WIRE)

SHOWN_BY: dict[str, tuple[str, ...]] = {
    "B3": ("test_transport.py::test_a_connection_that_breaks_is_a_transport_error",),
    "B11": (
        "test_transport.py::test_five_streams_take_one_connection",
        "test_transport.py::test_an_end_that_comes_a_little_later_is_waited_for",
        "test_transport.py::test_a_server_that_holds_the_connection_open_is_left",
    ),
    "B17": (
        "test_transport.py::test_a_waiting_reader_returns",
        "faults/test_table.py::test_a_cell_is_as_written",
    ),
    "B18": (
        "sse/test_tokenizer.py::test_no_other_character_ends_a_line",
        "sse/test_tokenizer.py::test_a_byte_order_mark_at_the_start_is_ignored",
        "sse/test_tokenizer.py::test_line_ends_may_be_mixed",
    ),
    "B19": ("test_transport.py::test_an_event_is_here_before_the_next_is_sent",),
    "B22": (
        "sse/test_tokenizer.py::test_work_is_linear_in_the_input",
        "sse/test_tokenizer.py::test_memory_is_bounded_by_the_limit",
        "test_streamer.py::test_event_that_grows_too_large_ends_the_stream",
        "test_streamer.py::test_event_of_many_chunks_is_one_event",
        "faults/test_compression.py::test_a_bomb_is_bounded_by_the_limit_of_an_event",
    ),
    "B24": ("test_trust.py::test_what_keeps_the_connection_alive_is_silence_of_events",),
    "B25": ("events/test_assistants.py::test_message_delta_without_text_answers_none",),
    "B26": (
        "test_transport.py::test_a_refusal_has_its_class_and_its_text",
        "test_transport.py::test_a_stream_under_another_name_is_read",
        "test_client_apis.py::test_a_chat_completion_runs_through_the_same_loop",
    ),
    "B30": (
        "test_transport.py::test_a_compressed_stream_is_read_live",
        "faults/test_compression.py::test_what_cannot_be_decoded_is_an_error",
    ),
    "B34": ("faults/test_routes.py::test_a_redirect_is_not_followed",),
    "B35": ("sse/test_encode.py::test_no_text_can_forge_a_field",),
    "B36": (
        "test_transport.py::test_a_connection_that_breaks_is_a_transport_error",
        "faults/test_table.py::test_a_cell_is_as_written",
    ),
}
