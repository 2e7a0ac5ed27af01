"""StreamerV2: what it promises, step by step, and what it does with bad input."""

from __future__ import annotations

import gc
import io
import json
import operator
import shutil
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from drivers import DRIVERS
from hypothesis import given, settings
from hypothesis import strategies as st

from openai_scan import (
    APIError,
    BadRequestError,
    DecodeError,
    DoneEvent,
    ErrorEvent,
    Event,
    EventTooLargeError,
    InternalServerError,
    NotAnEventStreamError,
    Observer,
    RateLimitError,
    ScanError,
    StreamCancelledError,
    StreamerV2,
    StreamTimeoutError,
    ThreadCreated,
    ThreadMessageDelta,
    ThreadRunCompleted,
    ThreadRunCreated,
    ThreadRunFailed,
    ThreadRunRequiresAction,
    TransportError,
    TruncatedStreamError,
    UnknownEvent,
)
from openai_scan.events.assistants import (
    FileCitationDelta,
    FunctionCall,
    ImageFile,
    Message,
    RequiredAction,
    Run,
    RunStep,
    RunToolCall,
    RunUsage,
    SubmitToolOutputs,
)
from openai_scan.stream.ends import GRACE_SECONDS

# A test that waits for a thread gives up after so many seconds; it never waits that long.
PATIENCE = 30


@pytest.fixture(autouse=True, params=DRIVERS)
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test with both drivers."""
    monkeypatch.setitem(globals(), "StreamerV2", DRIVERS[request.param])


def event(name: str, payload: Any) -> bytes:
    """Return the bytes of an event."""
    return f"event: {name}\ndata: {json.dumps(payload)}\n\n".encode()


def run(status: str, **more: Any) -> bytes:
    """Return the event of a run that has this *status*."""
    return event(f"thread.run.{status}", {"id": "run_1", "status": status, **more})


def delta(text: str) -> bytes:
    """Return a message delta that adds *text*."""
    part = {"index": 0, "type": "text", "text": {"value": text}}
    return event("thread.message.delta", {"id": "msg_1", "delta": {"content": [part]}})


def error_event(message: str, **more: Any) -> bytes:
    """Return an unnamed event that reports an error."""
    return f"data: {json.dumps({'error': {'message': message, **more}})}\n\n".encode()


DONE = b"event: done\ndata: [DONE]\n\n"
ANSWER = run("queued") + delta("Hel") + delta("lo") + run("completed") + DONE

SPLITS: dict[str, Callable[[bytes], list[bytes]]] = {
    "whole": lambda data: [data],
    "byte by byte": lambda data: [data[at : at + 1] for at in range(len(data))],
    "in twos": lambda data: [data[at : at + 2] for at in range(0, len(data), 2)],
    "with gaps": lambda data: [b"", data[:7], b"", data[7:], b""],
}


@pytest.fixture(params=SPLITS)
def split(request: pytest.FixtureRequest) -> Callable[[bytes], list[bytes]]:
    """Return a way to break a stream into chunks."""
    return SPLITS[request.param]


def read_all(s: StreamerV2) -> list[Event]:
    """Return all events of *s*, without checking its error."""
    events = []
    while s.next():
        events.append(s.event())
    return events


def types(s: StreamerV2) -> list[str]:
    """Return the wire names of all events of *s*."""
    return [event.type for event in read_all(s)]


class Breaking:
    """A source that breaks with *error* after its chunks."""

    def __init__(self, *chunks: bytes, error: BaseException) -> None:
        self.chunks = chunks
        self.error = error

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks
        raise self.error


class Closeable:
    """A source that counts how often it is closed."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.chunks)

    def close(self) -> None:
        """Count the call."""
        self.closed += 1


class Live(Closeable):
    """A connection that stays open: it ends only when it is told to.

    Args:
        chunks: What it hands over before it waits.
        error: What the reader gets when it is woken by `cancel()`; a clean end by default.
    """

    def __init__(self, *chunks: bytes, error: Exception | None = None) -> None:
        super().__init__(*chunks)
        self.error = error
        self.expiries: list[float | None] = []
        self.waits = threading.Event()
        self.woken = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks
        self.waits.set()
        if not self.expiries:
            assert self.woken.wait(PATIENCE)
            if self.error is not None:
                raise self.error

    def cancel(self) -> None:
        """Wake the reader."""
        self.woken.set()

    def expire(self, seconds: float | None) -> None:
        """End the input, in no time: the test does not wait."""
        self.expiries.append(seconds)

    def heard(self) -> None:
        """Take no note: the test asks for no silence."""


# next(), event(), err().


def test_steps_through_the_events(split: Callable[[bytes], list[bytes]]) -> None:
    """next() steps to each event in turn, and is False at the end, without an error."""
    s = StreamerV2(split(ANSWER))
    assert s.next()
    first = s.event()
    assert isinstance(first, Event)
    assert first.type == "thread.run.queued"
    assert s.event() is first
    assert types(s) == [
        "thread.message.delta",
        "thread.message.delta",
        "thread.run.completed",
        "done",
    ]
    assert s.err() is None
    assert s.outcome == "completed"
    assert s.notes == {}


def test_nothing_counts_after_done(split: Callable[[bytes], list[bytes]]) -> None:
    """`[DONE]` ends the stream at once, whatever follows it."""
    for tail in (b"x", error_event("no"), run("failed"), b"data: {", b"\xff\xff\n\n", b"\n\n"):
        s = StreamerV2(split(ANSWER + tail))
        assert types(s)[-1] == "done"
        assert (s.outcome, s.err(), dict(s.notes)) == ("completed", None, {})


def test_source_is_not_read_ahead() -> None:
    """An event is delivered when its chunk has come: the next chunk is not asked for."""
    chunks = iter([run("queued"), delta("a"), DONE])
    s = StreamerV2(chunks)
    for left in (2, 1, 0):
        assert s.next()
        assert operator.length_hint(chunks) == left


def test_file_is_a_source() -> None:
    """A binary file, buffered or raw, is read as it is."""
    assert types(StreamerV2(io.BytesIO(ANSWER)))[-1] == "done"
    assert types(StreamerV2(io.BufferedReader(io.BytesIO(ANSWER))))[-1] == "done"


def test_no_event_before_the_first_next() -> None:
    """event() before next() is a mistake, and says so."""
    s = StreamerV2([ANSWER])
    with pytest.raises(RuntimeError, match="call event\\(\\) only after next\\(\\)"):
        s.event()
    assert s.outcome is None
    assert s.err() is None


def test_no_event_after_the_end() -> None:
    """After a False the last event is gone, and asking for it is a mistake."""
    s = StreamerV2([ANSWER])
    read_all(s)
    with pytest.raises(RuntimeError):
        s.event()


def test_end_is_for_good(split: Callable[[bytes], list[bytes]]) -> None:
    """After a False next() stays False, and err() stays the same."""
    s = StreamerV2(split(run("queued")))
    assert types(s) == ["thread.run.queued"]
    error = s.err()
    assert isinstance(error, TruncatedStreamError)
    for _ in range(3):
        assert not s.next()
        assert s.err() is error
        assert s.outcome == "truncated"


def test_error_is_for_good_although_the_source_continues() -> None:
    """B36: a source that ends cleanly after it had broken does not clear the error."""

    class Fickle:
        """Breaks once, then looks as if it had ended."""

        reads = 0

        def read(self, _size: int) -> bytes:
            self.reads += 1
            if self.reads == 2:
                raise OSError("reset")
            return delta("a") if self.reads == 1 else b""

    source = Fickle()
    s = StreamerV2(source)
    assert types(s) == ["thread.message.delta"]
    error = s.err()
    assert isinstance(error, TransportError)
    assert not s.next()
    assert s.err() is error
    assert source.reads == 2


def test_failed_step_leaves_no_event_behind() -> None:
    """A step that ends in an error forgets the event before it: no delta comes twice."""
    s = StreamerV2(Breaking(delta("a"), error=OSError("reset")))
    assert s.next()
    assert s.text() == "a"
    assert not s.next()
    assert s.text() is None


@pytest.mark.parametrize(
    "source", ["text", b"bytes", bytearray(b"x"), memoryview(b"x"), 5, None, io.StringIO("x")]
)
def test_what_is_not_a_source_is_refused_at_once(source: Any) -> None:
    """Text, one bytes object or None, for example, is a TypeError as soon as you pass it."""
    with pytest.raises(TypeError):
        StreamerV2(source)
    with pytest.raises(TypeError):
        StreamerV2([]).chain(source)


def test_limit_below_one_is_refused() -> None:
    """A limit that no event could keep is a ValueError at once."""
    with pytest.raises(ValueError, match="max_event_bytes"):
        StreamerV2([], max_event_bytes=0)


def test_chunk_of_text_is_refused() -> None:
    """A source that yields text is a mistake of the caller, not an error of the stream."""
    source: Any = ["data: 1\n\n"]
    s = StreamerV2(source)
    with pytest.raises(TypeError, match="a source must yield bytes, not str"):
        s.next()


# How it ended.

ENDS: dict[str, tuple[Iterable[bytes], list[str], str, type[ScanError] | None]] = {
    "completed": ([ANSWER], ["queued", "delta", "delta", "completed", "done"], "completed", None),
    "without done": ([run("queued"), run("completed")], ["queued", "completed"], "completed", None),
    "only done": ([DONE], ["done"], "completed", None),
    "incomplete": ([run("incomplete"), DONE], ["incomplete", "done"], "incomplete", None),
    "requires action": (
        [run("requires_action"), DONE],
        ["requires_action", "done"],
        "requires_action",
        None,
    ),
    "cancelled run": ([run("cancelled"), DONE], ["cancelled", "done"], "cancelled", None),
    "failed run": ([run("failed"), DONE], ["failed", "done"], "failed", APIError),
    "expired run": ([run("expired"), DONE], ["expired", "done"], "failed", APIError),
    "error event": ([error_event("no"), DONE], ["error", "done"], "failed", APIError),
    "empty": ([], [], "truncated", TruncatedStreamError),
    "only empty chunks": ([b"", b""], [], "truncated", TruncatedStreamError),
    "no stream at all": ([b"<html>login</html>"], [], "failed", NotAnEventStreamError),
    "B1: part of an answer": ([delta("par")], ["delta"], "truncated", TruncatedStreamError),
    "cut in an event": (
        [run("queued"), delta("a")[:-9]],
        ["queued"],
        "truncated",
        TruncatedStreamError,
    ),
    "broken": (
        Breaking(run("queued"), error=OSError("reset")),
        ["queued"],
        "failed",
        TransportError,
    ),
    "timed out": (
        Breaking(run("queued"), error=StreamTimeoutError("late")),
        ["queued"],
        "timed_out",
        StreamTimeoutError,
    ),
    "too large": (
        [run("queued"), delta("x" * 1000)],
        ["queued"],
        "failed",
        EventTooLargeError,
    ),
}


@pytest.mark.parametrize("row", ENDS)
def test_outcome_and_error_agree(row: str) -> None:
    """Each way to end has its outcome, and an error exactly where the table says so."""
    source, names, outcome, error = ENDS[row]
    s = StreamerV2(source, max_event_bytes=500)
    assert [name.rpartition(".")[2] for name in types(s)] == names
    assert s.outcome == outcome
    assert type(s.err()) is (error or type(None))


def test_error_tells_how_far_it_came(split: Callable[[bytes], list[bytes]]) -> None:
    """An error knows how many events had been delivered and how many bytes read."""
    data = run("queued") + delta("par")
    s = StreamerV2(split(data))
    read_all(s)
    error = s.err()
    assert error is not None
    assert (error.events_read, error.bytes_read) == (2, len(data))
    assert (s.events_read, s.bytes_read) == (2, len(data))


def test_foreign_exception_of_the_source_is_translated() -> None:
    """B3: whatever a source breaks with becomes a TransportError that has it as its cause."""
    reset = ConnectionResetError("peer reset")
    s = StreamerV2(Breaking(b'data: {"id":', error=reset))
    assert not s.next()
    error = s.err()
    assert type(error) is TransportError
    assert str(error) == "the source broke off: ConnectionResetError: peer reset"
    assert error.__cause__ is reset
    assert (error.events_read, error.bytes_read) == (0, 12)


def test_error_of_ours_from_the_source_is_kept() -> None:
    """A ScanError that the source raises is `err()` itself, not wrapped once more."""
    late = StreamTimeoutError("late")
    s = StreamerV2(Breaking(error=late))
    assert not s.next()
    assert s.err() is late


def test_interrupt_is_not_swallowed() -> None:
    """Ctrl-C while waiting for the source is raised, and not taken for an error of the stream."""
    with pytest.raises(KeyboardInterrupt):
        StreamerV2(Breaking(error=KeyboardInterrupt())).next()


def test_break_after_the_end_is_noted() -> None:
    """A connection that breaks when the answer is whole did no harm, and leaves a note."""
    s = StreamerV2(Breaking(run("completed"), error=OSError("reset")))
    assert types(s) == ["thread.run.completed"]
    assert (s.outcome, s.err()) == ("completed", None)
    assert s.notes == {"broken_end": 1, "missing_done": 1}


def test_break_inside_an_event_after_the_end_is_noted() -> None:
    """What broke off after the whole answer did no harm either."""
    s = StreamerV2(Breaking(run("completed"), b"data: {", error=OSError("reset")))
    assert types(s) == ["thread.run.completed"]
    assert (s.outcome, s.err()) == ("completed", None)
    assert s.notes == {"broken_end": 1, "missing_done": 1}


def test_held_connection_after_the_end_is_noted() -> None:
    """If a server keeps the connection open after the end, a note of its own says so."""
    s = StreamerV2(Breaking(run("completed"), error=StreamTimeoutError("grace")))
    assert types(s) == ["thread.run.completed"]
    assert (s.outcome, s.err()) == ("completed", None)
    assert s.notes == {"held_open": 1, "missing_done": 1}


def test_without_require_terminal_the_end_of_input_is_enough() -> None:
    """`require_terminal=False` takes an end without a terminal event, but not a cut event."""
    s = StreamerV2([run("queued"), delta("a")], require_terminal=False)
    assert len(read_all(s)) == 2
    assert (s.outcome, s.err()) == ("completed", None)
    s = StreamerV2([run("queued"), delta("a")[:-9]], require_terminal=False)
    assert len(read_all(s)) == 1
    assert s.outcome == "truncated"


def test_grace_begins_at_the_terminal_event() -> None:
    """When the answer is whole, the source is notified how long it may stay open."""
    source = Live(run("queued"), run("completed"), event("usage", {}))
    s = StreamerV2(source)
    assert s.next()
    assert source.expiries == []
    assert s.next()
    assert source.expiries == [GRACE_SECONDS]
    assert types(s) == ["usage"]
    assert source.expiries == [GRACE_SECONDS]
    assert s.outcome == "completed"


def chunk(index: int, reason: str | None, text: str = "a") -> bytes:
    """Return a piece of a choice."""
    choice = {
        "index": index,
        "delta": {"role": "assistant", "content": text},
        "finish_reason": reason,
    }
    payload = {"object": "chat.completion.chunk", "choices": [choice]}
    return b"data: %b\n\n" % json.dumps(payload).encode()


def completion(reason: str, text: str = "a") -> bytes:
    """Return the end of a completion."""
    choice = {"index": 0, "text": text, "finish_reason": reason}
    return b"data: %b\n\n" % json.dumps({"object": "text_completion", "choices": [choice]}).encode()


@pytest.mark.parametrize(
    ("events", "times"),
    [
        pytest.param([run("completed"), run("completed")], 1, id="a run"),
        pytest.param([chunk(0, "stop"), *[chunk(0, "stop", "")] * 3], 1, id="a choice"),
        pytest.param([chunk(0, "stop"), chunk(0, "length", "")], 1, id="in other words"),
        pytest.param([chunk(0, "stop"), chunk(0, "stop")], 2, id="with more text"),
        pytest.param([chunk(0, "stop"), chunk(1, "stop", "")], 2, id="of another choice"),
        pytest.param([completion("stop"), completion("stop", "")], 1, id="a completion"),
        pytest.param([completion("stop"), completion("stop")], 2, id="a completion with more text"),
        pytest.param([error_event("busy"), run("completed")], 2, id="behind an error"),
        pytest.param([run("queued"), error_event("busy"), run("failed")], 2, id="a run in error"),
    ],
)
def test_grace_begins_again_with_what_is_new(events: list[bytes], times: int) -> None:
    """A server that only repeats the end, forever, does not hold the reader up."""
    source = Live(*events)
    assert len(read_all(StreamerV2(source))) == len(events)
    assert source.expiries == [GRACE_SECONDS] * times


def test_grace_is_taken_back_when_another_part_begins() -> None:
    """The second choice may come after the first has ended, and take its time."""
    source = Live(chunk(0, "stop"), chunk(1, None), chunk(1, None), chunk(1, "stop"))
    s = StreamerV2(source)
    assert len(read_all(s)) == 4
    assert source.expiries == [GRACE_SECONDS, None, GRACE_SECONDS]
    assert s.outcome == "completed"


def test_done_does_not_wait_for_the_end_of_input() -> None:
    """B11: after `[DONE]` nothing is read: a socket held open does not hang the caller."""
    source = Live(ANSWER)
    s = StreamerV2(source)
    assert types(s)[-1] == "done"
    assert not source.waits.is_set()
    assert s.outcome == "completed"


# Errors in the stream.


def test_error_event_is_delivered_and_is_the_error(split: Callable[[bytes], list[bytes]]) -> None:
    """B5: an error is an event, and `err()` in the end; `[DONE]` does not clear it."""
    s = StreamerV2(
        split(delta("a") + error_event("overloaded", type="server_error", code="503") + DONE)
    )
    events = read_all(s)
    assert [type(event) for event in events] == [ThreadMessageDelta, ErrorEvent, DoneEvent]
    error = s.err()
    assert type(error) is InternalServerError
    assert (error.message, error.type, error.code) == ("overloaded", "server_error", "503")
    assert error.retryable
    assert (error.events_read, s.outcome) == (3, "failed")


def test_error_field_is_an_error(split: Callable[[bytes], list[bytes]]) -> None:
    """B6: llama.cpp's `error:` field is an error event."""
    line = (
        b'error: {"code":400,"message":"the request exceeds the available context size",'
        b'"type":"invalid_request_error"}\n\n'
    )
    s = StreamerV2(split(delta("a") + line + DONE))
    assert types(s) == ["thread.message.delta", "error", "done"]
    error = s.err()
    assert type(error) is BadRequestError
    assert str(error) == "the request exceeds the available context size (code 400)"
    assert not error.retryable


def test_flat_error_event_is_an_error(split: Callable[[bytes], list[bytes]]) -> None:
    """B7: the flat shape of the Responses API is an error event."""
    s = StreamerV2(
        split(
            b'event: error\ndata: {"type":"error","code":"rate_limit_exceeded",'
            b'"message":"slow down","param":null,"sequence_number":3}\n\n'
        )
    )
    assert s.next()
    reported = s.event()
    assert isinstance(reported, ErrorEvent)
    assert reported.error.sequence_number == 3
    assert s.err() is None
    assert not s.next()
    assert type(s.err()) is RateLimitError


def test_reading_continues_after_an_error_event() -> None:
    """Servers may send more after an error, so it is read, but the first error stays the error."""
    s = StreamerV2([error_event("first"), delta("a"), error_event("second"), run("completed")])
    assert types(s) == ["error", "thread.message.delta", "error", "thread.run.completed"]
    assert str(s.err()) == "first"


def test_error_without_data_is_not_lost() -> None:
    """An event named `error` that has no data still is an error."""
    s = StreamerV2([b"event: error\ndata:\n\n"])
    assert types(s) == ["error"]
    assert str(s.err()) == "the server reported an error and did not say which"


def test_failed_run_is_delivered_under_its_class(split: Callable[[bytes], list[bytes]]) -> None:
    """B9: a failed run is an event of its own and sets `err()` too."""
    s = StreamerV2(split(run("failed", last_error={"code": "server_error", "message": "x"}) + DONE))
    assert s.next()
    assert isinstance(s.event(), ThreadRunFailed)
    assert types(s) == ["done"]
    assert type(s.err()) is InternalServerError


# What is tolerated.


def test_keep_alive_comments_are_no_events(split: Callable[[bytes], list[bytes]]) -> None:
    """B23: comments are counted and skipped, also where a server sends them as data."""
    s = StreamerV2(
        split(
            b": OPENROUTER PROCESSING\n\n:\n\ndata: : OPENROUTER PROCESSING\n\n"
            b": x-cost=1\ndata: [DONE]\n\n"
        )
    )
    assert types(s) == ["done"]
    assert s.outcome == "completed"
    assert s.notes == {"comment": 3, "empty_event": 1}


def test_blocks_without_a_payload_are_no_errors(split: Callable[[bytes], list[bytes]]) -> None:
    """B24: empty data, no data, pings and unknown names end no stream and match no known event."""
    s = StreamerV2(
        split(
            b"data:\n\ndata\n\nevent: x\n\n"
            b'data: {"type":"ping"}\n\n'
            b'event: keepalive\ndata: {"type":"keepalive","sequence_number":3}\n\n'
            b'event: thread.brand.new\ndata: {"id":"z"}\n\n'
            b"event: thread.run.completed\ndata:\n\n" + DONE
        )
    )
    events = read_all(s)
    assert [type(event) for event in events] == [UnknownEvent] * 3 + [DoneEvent]
    assert [event.type for event in events] == ["ping", "keepalive", "thread.brand.new", "done"]
    assert s.err() is None
    assert s.notes == {
        "empty_event": 3,
        "unknown_event: ping": 1,
        "unknown_event: keepalive": 1,
        "unknown_event: thread.brand.new": 1,
    }


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "end",
    [
        b"data: [DONE]\n\n",
        b"data: [DONE] \n\n",
        b"data:[DONE]\n\n",
        b"data: [DONE]\r\r",
        b"data: [DONE]\r\n\r\n",
        b"event: done\ndata: [DONE]\n\n",
        b"event: done\ndata:\n\n",
        b"event: done\ndata: {}\n\n",
    ],
    ids=repr,
)
def test_done_in_all_its_spellings(end: bytes, split: Callable[[bytes], list[bytes]]) -> None:
    """B27: `[DONE]` is the end with or without a space, a name, or JSON beside the name."""
    s = StreamerV2(split(delta("[DONE]") + end))
    assert [type(event) for event in read_all(s)] == [ThreadMessageDelta, DoneEvent]
    assert (s.outcome, s.err(), dict(s.notes)) == ("completed", None, {})


def test_malformed_event_does_not_end_the_stream(split: Callable[[bytes], list[bytes]]) -> None:
    """An event that cannot be read is delivered as unknown, with the reason, and counted.

    If a part of the answer may have been in it, the stream fails at its end.
    """
    s = StreamerV2(split(event("thread.created", {"id": None}) + b"data: {oops\n\n" + ANSWER))
    events = read_all(s)
    assert [type(event) for event in events[:2]] == [UnknownEvent, UnknownEvent]
    faults = [str(event.error) for event in events if isinstance(event, UnknownEvent)]
    assert faults[0] == "thread.created: invalid value for type, expected str @ $.id"
    assert faults[1].startswith("the answer has a hole: message: the data are not JSON: ")
    assert (s.outcome, str(s.err()), dict(s.notes)) == ("failed", faults[1], {"malformed_event": 2})


def test_strict_ends_at_a_malformed_event(split: Callable[[bytes], list[bytes]]) -> None:
    """With `strict=True` an event that does not fit is `err()`, and is not delivered."""
    data = run("queued") + run("in_progress", model=5) + ANSWER
    s = StreamerV2(split(data), strict=True)
    assert types(s) == ["thread.run.queued"]
    error = s.err()
    assert isinstance(error, DecodeError)
    assert str(error) == "thread.run.in_progress: invalid value for type, expected str @ $.model"
    assert error.events_read == 1
    assert s.outcome == "failed"


def test_strict_takes_unknown_names_and_keys() -> None:
    """Strict is about types: names and keys that came later are fine."""
    s = StreamerV2([event("thread.brand.new", {}), run("completed", new=1), DONE], strict=True)
    assert types(s) == ["thread.brand.new", "thread.run.completed", "done"]
    assert s.err() is None


def test_notes_are_the_readers_own_copy() -> None:
    """Changing the notes that were returned changes nothing in the stream."""
    s = StreamerV2([b": ping\n\n" + DONE])
    read_all(s)
    s.notes.clear()
    s.notes["mine"] += 1
    assert s.notes == {"comment": 1}


def test_bad_utf8_is_repaired_and_noted(split: Callable[[bytes], list[bytes]]) -> None:
    """Bytes that are not UTF-8 become U+FFFD, the stream continues, and a note counts the event."""
    s = StreamerV2(split(delta("aXb").replace(b"X", b"\xff") + DONE))
    assert s.next()
    assert s.text() == "a\ufffdb"
    assert types(s) == ["done"]
    assert s.notes == {"bad_utf8": 1}


def test_event_that_grows_too_large_ends_the_stream() -> None:
    """B22: one event above the limit is an error with the limit in it; those before it count."""
    large = delta("x" * 10_000)
    s = StreamerV2(
        [large[at : at + 1024] for at in range(0, len(large), 1024)], max_event_bytes=5000
    )
    assert not s.next()
    error = s.err()
    assert isinstance(error, EventTooLargeError)
    assert error.limit == 5000
    assert error.bytes_read < 6200


def test_event_of_many_chunks_is_one_event() -> None:
    """B22: an event of 4 MiB in chunks of 1 KiB comes out whole."""
    text = "x" * (4 * 1024 * 1024)
    data = delta(text)
    s = StreamerV2(data[at : at + 1024] for at in range(0, len(data), 1024))
    assert s.next()
    assert s.text() == text


# The last block, without its blank line.


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("last", "names", "outcome", "notes"),
    [
        (b"data: [DONE]", ["done"], "completed", {"unterminated_event": 1}),
        (b"event: done\ndata: [DONE]\n", ["done"], "completed", {"unterminated_event": 1}),
        (
            run("completed")[:-2],
            ["thread.run.completed"],
            "completed",
            {"unterminated_event": 1, "missing_done": 1},
        ),
        (
            run("completed")[:-1],
            ["thread.run.completed"],
            "completed",
            {"unterminated_event": 1, "missing_done": 1},
        ),
        (error_event("no")[:-2], ["error"], "failed", {"unterminated_event": 1}),
        (delta("a")[:-2], ["thread.message.delta"], "truncated", {"unterminated_event": 1}),
        (run("completed")[:-3], [], "truncated", {}),
        (b"data: {", [], "truncated", {}),
        (b"data: 12", [], "truncated", {}),
        (b"data: [1]", [], "truncated", {}),
        (b'data: "text"', [], "truncated", {}),
        (b"data: null", [], "truncated", {}),
        (b"data: [DON", [], "truncated", {}),
        (b"data: " + b"[" * 100_000, [], "truncated", {}),
        (b"data:", [], "truncated", {}),
        (b"event: thread.run.completed\n", [], "truncated", {}),
        (b"event: done\n", [], "truncated", {}),
        (b"dat", [], "truncated", {}),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, bytes) else "",
)
def test_last_block_without_a_blank_line(
    last: bytes,
    names: list[str],
    outcome: str,
    notes: dict[str, int],
    split: Callable[[bytes], list[bytes]],
) -> None:
    """The last block is taken without its blank line if it says itself that it is whole."""
    s = StreamerV2(split(last))
    assert types(s) == names
    assert (s.outcome, dict(s.notes)) == (outcome, notes)
    assert not s.next()


def test_cut_block_before_a_broken_end_is_not_taken() -> None:
    """If the network broke, a block without its blank line is not an event."""
    s = StreamerV2(Breaking(run("completed")[:-2], error=OSError("reset")))
    assert types(s) == []
    assert type(s.err()) is TransportError


def test_cut_block_that_was_an_event_still_counts_in_the_error() -> None:
    """A last block without its blank line counts as an event."""
    s = StreamerV2([delta("a")[:-2]])
    read_all(s)
    assert s.err() is not None
    assert s.events_read == 1
    assert str(s.err()) == "the stream ended before the answer did"


# for, with, close().


def test_for_yields_the_events() -> None:
    """A `for` loop gets each event, and ends when the stream does."""
    assert [event.type for event in StreamerV2([run("completed"), DONE])] == [
        "thread.run.completed",
        "done",
    ]


def test_for_raises_the_error_at_the_end() -> None:
    """A `for` loop over a bad stream gets all events first, then the error."""
    s = StreamerV2([delta("a")])
    events = iter(s)
    assert next(events).type == "thread.message.delta"
    with pytest.raises(TruncatedStreamError) as caught:
        next(events)
    assert s.err() is caught.value
    with pytest.raises(TruncatedStreamError):
        list(s)


def test_with_raises_the_error_that_was_not_checked() -> None:
    """Leaving a block raises the pending error: it cannot be lost by forgetting."""
    source = Closeable(delta("a"))
    with pytest.raises(TruncatedStreamError), StreamerV2(source) as s:
        assert len(read_all(s)) == 1
    assert source.closed


def test_with_does_not_raise_what_has_been_asked_for() -> None:
    """An error that the block has asked for, or has got from `for`, is not raised again."""
    with StreamerV2([delta("a")]) as s:
        read_all(s)
        assert s.err() is not None
    with StreamerV2([delta("a")]) as s, pytest.raises(TruncatedStreamError):
        list(s)
    with StreamerV2([delta("a")]) as s, pytest.raises(TruncatedStreamError):
        list(s.text_deltas())
    with StreamerV2([delta("a")]) as s, pytest.raises(TruncatedStreamError):
        s.read()


def test_asking_too_early_is_not_asking() -> None:
    """err() before the end says nothing, so the error stays pending."""

    def block() -> None:
        with StreamerV2([delta("a")]) as s:
            assert s.next()
            assert s.err() is None
            assert not s.next()

    with pytest.raises(TruncatedStreamError):
        block()


def test_with_does_not_mask_the_exception_of_the_block() -> None:
    """An exception of the block itself comes out as it is; the source is closed all the same."""
    source = Closeable(delta("a"))

    def block() -> None:
        with StreamerV2(source) as s:
            read_all(s)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        block()
    assert source.closed


def test_with_is_silent_after_a_clean_end() -> None:
    """A block around a good stream raises nothing."""
    with StreamerV2([ANSWER]) as s:
        read_all(s)
    assert s.outcome == "completed"


def test_leaving_early_is_not_an_error() -> None:
    """If you leave the loop early, the stream counts as cancelled, without an error."""
    source = Closeable(run("queued"), delta("a"), delta("b"))
    with StreamerV2(source) as s:
        assert next(iter(s)).type == "thread.run.queued"
    assert (s.outcome, s.err()) == ("cancelled", None)
    assert source.closed
    assert not s.next()
    with pytest.raises(RuntimeError):
        s.event()


def test_leaving_at_the_done_event_is_the_end() -> None:
    """If you leave the loop at the DoneEvent, the stream is judged as if you had read on."""

    def leave_at_done(*chunks: bytes, chained: bytes = b"") -> StreamerV2:
        with StreamerV2(chunks) as s:
            if chained:
                s.chain([chained])
            while s.next() and not isinstance(s.event(), DoneEvent):
                pass
        return s

    s = leave_at_done(run("incomplete"), DONE)
    assert (s.outcome, s.err()) == ("incomplete", None)
    with pytest.raises(APIError, match="the run failed"):
        leave_at_done(run("failed"), DONE)
    assert leave_at_done(run("requires_action"), DONE, chained=ANSWER).outcome == "cancelled"


def test_leaving_at_the_end_of_the_run_is_the_end() -> None:
    """If the stream has shown its end, close() judges it, even without a DoneEvent."""
    with StreamerV2([run("completed"), DONE]) as s:
        assert s.next()
    assert (s.outcome, s.err()) == ("completed", None)


def test_leaving_at_an_error_event_raises_it() -> None:
    """An error that an event reported is not lost by leaving the loop at that event."""
    with pytest.raises(APIError, match="slow down"), StreamerV2([error_event("slow down")]) as s:
        assert s.next()
    assert s.outcome == "failed"


def test_close_is_idempotent() -> None:
    """close() may be called at any time, any number of times; what has ended stays as it was."""
    s = StreamerV2([ANSWER])
    s.close()
    s.close()
    assert (s.outcome, s.err(), s.next()) == ("cancelled", None, False)
    s = StreamerV2([ANSWER])
    read_all(s)
    s.close()
    assert (s.outcome, s.err()) == ("completed", None)
    s = StreamerV2([delta("a")])
    read_all(s)
    s.close()
    assert s.outcome == "truncated"
    assert isinstance(s.err(), TruncatedStreamError)


def test_error_closes_the_source_at_once() -> None:
    """A stream that ended with an error needs its source no more."""
    source = Closeable(delta("a"))
    s = StreamerV2(source)
    read_all(s)
    assert source.closed


def test_generator_is_closed() -> None:
    """A generator as source runs its clean-up when the stream is closed."""
    steps = []

    def chunks() -> Iterator[bytes]:
        try:
            yield run("queued")
        finally:
            steps.append("closed")

    with StreamerV2(chunks()) as s:
        assert s.next()
    assert steps == ["closed"]


# cancel().


@pytest.mark.parametrize("error", [None, OSError("shut down")], ids=repr)
def test_cancel_wakes_the_reader(error: Exception | None) -> None:
    """B17: cancel() from another thread ends the wait, however the connection takes it."""
    source = Live(delta("a"), error=error)
    s = StreamerV2(source)

    def cancel_when_it_waits() -> None:
        assert source.waits.wait(PATIENCE)
        s.cancel()

    other = threading.Thread(target=cancel_when_it_waits)
    other.start()
    assert types(s) == ["thread.message.delta"]
    other.join()
    assert isinstance(s.err(), StreamCancelledError)
    assert s.outcome == "cancelled"
    assert source.closed


def test_cancel_before_the_first_event() -> None:
    """A stream that is cancelled before it began delivers nothing."""
    s = StreamerV2([ANSWER])
    s.cancel()
    assert not s.next()
    assert (type(s.err()), s.outcome) == (StreamCancelledError, "cancelled")
    with pytest.raises(StreamCancelledError):
        list(s)


def test_cancel_drops_what_was_not_handed_out() -> None:
    """After cancel() not even events that had arrived are delivered."""
    s = StreamerV2([ANSWER])
    assert s.next()
    s.cancel()
    assert not s.next()
    assert type(s.err()) is StreamCancelledError


def test_cancel_after_the_end_changes_nothing() -> None:
    """A stream that had ended stays as it ended."""
    s = StreamerV2([ANSWER])
    read_all(s)
    s.cancel()
    assert (s.outcome, s.err(), s.next()) == ("completed", None, False)


def test_cancel_counts_for_chained_streams() -> None:
    """A cancelled stream does not continue with the next one of its chain."""
    first = Live(run("requires_action"))
    second = Live(ANSWER)
    s = StreamerV2(first)
    s.chain(second)
    assert s.next()
    s.cancel()
    assert not s.next()
    assert type(s.err()) is StreamCancelledError
    assert not second.waits.is_set()


def test_cancel_between_two_streams_of_a_chain() -> None:
    """A cancel() after the end of one stream and before the beginning of the next is not lost."""
    second = Live(ANSWER)

    class LastWord(Closeable):
        """Cancels the streamer when it is closed, which is between the two streams."""

        def close(self) -> None:
            s.cancel()

    s = StreamerV2(LastWord(run("requires_action"), DONE))
    s.chain(second)
    assert types(s) == ["thread.run.requires_action", "done"]
    assert type(s.err()) is StreamCancelledError
    assert second.woken.is_set()


# chain() and tee().


def test_chain_continues_in_the_same_loop(split: Callable[[bytes], list[bytes]]) -> None:
    """Streams that are chained in the loop follow one after the other, as if they were one."""
    s = StreamerV2(split(run("requires_action") + DONE))
    names = []
    while s.next():
        names.append(s.event().type)
        if isinstance(s.event(), ThreadRunRequiresAction):
            s.chain(split(delta("a") + run("completed") + DONE))
            s.chain(StreamerV2(split(delta("b") + run("incomplete") + DONE)))
    assert names == [
        "thread.run.requires_action",
        "done",
        "thread.message.delta",
        "thread.run.completed",
        "done",
        "thread.message.delta",
        "thread.run.incomplete",
        "done",
    ]
    assert (s.outcome, s.err()) == ("incomplete", None)


def test_chain_adds_up_counts_and_notes() -> None:
    """Events, bytes and notes of a chain are those of all its streams together."""
    first = b": ping\n\n" + run("requires_action")
    second = b": ping\n\n" + event("thread.new", {}) + delta("a")
    s = StreamerV2([first])
    s.chain([first])
    s.chain([second])
    read_all(s)
    error = s.err()
    assert error is not None
    size = 2 * len(first) + len(second)
    assert (error.events_read, error.bytes_read) == (4, size)
    assert (s.events_read, s.bytes_read) == (4, size)
    assert s.notes == {"comment": 3, "unknown_event: thread.new": 1, "missing_done": 2}


@pytest.mark.parametrize(
    "first",
    [[delta("a")], [run("failed"), DONE], [error_event("no"), DONE], [b"data: {"]],
    ids=["truncated", "failed run", "error event", "cut"],
)
def test_error_in_the_first_stream_ends_the_chain(first: list[bytes]) -> None:
    """A stream that ends with an error ends all: what was chained is not read."""
    second = Live(ANSWER)
    s = StreamerV2(first)
    s.chain(second)
    read_all(s)
    assert isinstance(s.err(), TruncatedStreamError | APIError)
    assert not second.waits.is_set()
    s.close()
    assert second.closed == 1


def test_each_stream_of_a_chain_is_judged_by_itself() -> None:
    """The end of one stream is not that of the next, which can be truncated, cut or whole."""
    s = StreamerV2([run("completed"), DONE])
    s.chain([delta("a")])
    read_all(s)
    assert s.outcome == "truncated"
    s = StreamerV2([b"data: [DONE]"])
    s.chain([b"data: [DONE]"])
    assert types(s) == ["done", "done"]
    assert (s.outcome, dict(s.notes)) == ("completed", {"unterminated_event": 2})


def test_chain_after_the_end_is_refused() -> None:
    """A stream that has ended cannot continue, and the other one stays usable."""
    s = StreamerV2([ANSWER])
    read_all(s)
    other = StreamerV2([ANSWER])
    message = r"^the stream has ended: call chain\(\) before its last event$"
    with pytest.raises(RuntimeError, match=message):
        s.chain(other)
    assert types(other)[-1] == "done"
    with pytest.raises(RuntimeError):
        s.chain([ANSWER])


def test_chain_takes_no_stream_twice() -> None:
    """A stream cannot continue with itself."""
    s = StreamerV2([DONE])
    with pytest.raises(ValueError, match=r"^a stream cannot be chained to itself$"):
        s.chain(s)
    assert types(s) == ["done"]


def test_chain_takes_no_streamer_in_use() -> None:
    """A streamer that was read from or handed over, or that something follows, is refused."""
    started = StreamerV2([ANSWER])
    started.next()
    handed_over = StreamerV2([ANSWER])
    StreamerV2([ANSWER]).chain(handed_over)
    chained_to = StreamerV2([ANSWER])
    chained_to.chain([ANSWER])
    followed = StreamerV2([ANSWER])
    followed.chain_from(lambda _, outcome: outcome)
    closed = StreamerV2([ANSWER])
    closed.close()
    for other in (started, handed_over, chained_to, followed, closed):
        with pytest.raises(RuntimeError) as caught:
            StreamerV2([ANSWER]).chain(other)
        assert str(caught.value) == (
            "chain() needs a streamer that has not been started and has nothing chained to it"
        )


def test_handed_over_streamer_is_over() -> None:
    """A streamer whose source was taken over has ended, and closing it closes nothing."""
    source = Closeable(ANSWER)
    other = StreamerV2(source)
    s = StreamerV2([run("requires_action"), DONE])
    s.chain(other)
    assert (other.next(), other.outcome, other.err()) == (False, "completed", None)
    other.close()
    assert source.closed == 0
    assert types(s)[-1] == "done"
    s.close()
    assert source.closed == 1


def test_close_closes_the_whole_chain() -> None:
    """close() closes the current source and those that were never reached."""
    sources = [Closeable(ANSWER) for _ in range(3)]
    s = StreamerV2(sources[0])
    for source in sources[1:]:
        s.chain(source)
    s.close()
    assert [source.closed for source in sources] == [1, 1, 1]


def test_closing_continues_after_an_error() -> None:
    """A source that cannot be closed keeps none of the others open; its error comes out."""

    class Stubborn(Closeable):
        """A source that cannot be closed."""

        def close(self) -> None:
            super().close()
            raise OSError("it is stuck")

    sources = [Stubborn(ANSWER), Stubborn(ANSWER), Closeable(ANSWER)]
    s = StreamerV2(sources[0])
    for source in sources[1:]:
        s.chain(source)
    with pytest.raises(OSError, match="it is stuck"):
        s.close()
    assert [source.closed for source in sources] == [1, 1, 1]
    assert s.outcome == "cancelled"


def test_observer_that_raises_keeps_no_source_open() -> None:
    """What an observer raises at the end leaves close(), once the sources are closed."""

    class Broken(Observer):
        """An observer that raises an exception at the end."""

        def ended(self, *_: object) -> None:
            raise LookupError("mine")

    sources = [Closeable(ANSWER), Closeable(ANSWER)]
    s = StreamerV2(sources[0])
    s.chain(sources[1])
    s.observe(Broken())
    assert s.next()
    with pytest.raises(LookupError, match="mine"):
        s.close()
    assert [source.closed for source in sources] == [1, 1]
    assert s.outcome == "cancelled"


def test_going_on_closes_the_stream_before() -> None:
    """The source of a stream is closed when the next one of the chain begins."""
    first = Closeable(run("requires_action"), DONE)
    s = StreamerV2(first)
    s.chain([ANSWER])
    read_all(s)
    assert first.closed == 1


def test_tee_gets_every_byte(split: Callable[[bytes], list[bytes]]) -> None:
    """What is read goes to the file as well, chained streams included, byte for byte."""
    file = io.BytesIO()
    first = b": ping\r\n\r\n" + run("requires_action") + DONE
    s = StreamerV2(split(first))
    s.tee(file)
    s.chain(split(ANSWER))
    read_all(s)
    s.close()
    assert file.getvalue() == first + ANSWER


def test_tee_begins_where_it_is_called() -> None:
    """A tee that comes later gets what is read from then on."""
    file = io.BytesIO()
    s = StreamerV2([run("queued"), delta("a"), DONE])
    assert s.next()
    s.tee(file)
    read_all(s)
    assert file.getvalue() == delta("a") + DONE


def test_tee_that_fails_is_the_callers_own_error() -> None:
    """An error in writing is raised by next() as it is, and the events are not lost."""

    class Full:
        """A disk without room for the first chunk."""

        writes = 0

        def write(self, data: bytes) -> int:
            self.writes += 1
            if self.writes == 1:
                raise OSError("no space left")
            return len(data)

    s = StreamerV2([run("queued") + delta("a"), DONE])
    s.tee(Full())
    with pytest.raises(OSError, match="no space left"):
        s.next()
    assert types(s) == ["thread.run.queued", "thread.message.delta", "done"]
    assert s.err() is None


# The text.


@pytest.mark.unmeasured
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_read_by_size(size: int, split: Callable[[bytes], list[bytes]]) -> None:
    """read(size) hands out at most so many bytes, at least one, and none at the end only."""
    s = StreamerV2(split(run("queued") + delta("Grüß ") + delta("") + delta("Gott") + DONE))
    pieces = []
    while piece := s.read(size):
        assert len(piece) <= size
        pieces.append(piece)
    assert b"".join(pieces).decode() == "Grüß Gott"
    assert s.read(size) == b""
    assert s.outcome == "completed"


@pytest.mark.parametrize("size", [None, -1, -5])
def test_read_all(size: int | None, split: Callable[[bytes], list[bytes]]) -> None:
    """read() without a size is all the text there is to come."""
    s = StreamerV2(split(ANSWER))
    assert s.read(3) == b"Hel"
    assert s.read(size) == b"lo"
    assert s.read(size) == b""
    assert StreamerV2([ANSWER]).read() == b"Hello"


def test_read_nothing_reads_nothing() -> None:
    """read(0) is empty and does not touch the source."""
    s = StreamerV2(Breaking(error=AssertionError("it was read")))
    assert s.read(0) == b""
    assert s.outcome is None


def test_read_does_not_wait_for_more_than_there_is() -> None:
    """read(size) returns the text of one delta at once, however large the size is."""
    source = Live(delta("a"))
    s = StreamerV2(source)
    assert s.read(1000) == b"a"
    assert not source.waits.is_set()


def test_read_delivers_all_text_before_the_error() -> None:
    """read(size) returns all text first, and then raises the error at each call."""
    s = StreamerV2([delta("par")])
    assert s.read(2) == b"pa"
    assert s.read(2) == b"r"
    for _ in range(2):
        with pytest.raises(TruncatedStreamError):
            s.read(2)


def test_read_all_raises_then_hands_out_the_rest() -> None:
    """Without a size, the error comes first; the text that had arrived is the next call's."""
    s = StreamerV2([delta("par"), delta("t")])
    with pytest.raises(TruncatedStreamError):
        s.read()
    assert s.read() == b"part"
    with pytest.raises(TruncatedStreamError):
        s.read()


def test_read_of_a_large_text_in_small_steps() -> None:
    """A text of 8 MiB is handed out in small steps without being copied again for each."""
    s = StreamerV2([delta("x" * (8 * 1024 * 1024)) + DONE])
    assert sum(map(len, iter(lambda: s.read(1024), b""))) == 8 * 1024 * 1024


def test_copyfileobj_reads_a_streamer() -> None:
    """`shutil.copyfileobj(s, file)` works as `io.Copy(os.Stdout, s)` did."""
    file = io.BytesIO()
    shutil.copyfileobj(StreamerV2([ANSWER]), file)
    assert file.getvalue() == b"Hello"


def test_text_deltas() -> None:
    """text_deltas() yields each delta's text as it comes, without empty ones."""
    s = StreamerV2([run("queued"), delta("Hel"), delta(""), delta("lo"), DONE])
    assert list(s.text_deltas()) == ["Hel", "lo"]


def test_text_deltas_raise_at_the_end() -> None:
    """A stream that ends with an error yields its text first."""
    deltas = StreamerV2([delta("a")]).text_deltas()
    assert next(deltas) == "a"
    with pytest.raises(TruncatedStreamError):
        next(deltas)


@pytest.mark.parametrize(
    ("sent", "deltas"),
    [
        (["\ud83d", "\ude00"], ["😀"]),
        (["a\ud83d", "\ude00b"], ["a", "😀b"]),
        (["\ud83d", "", "\ude00"], ["😀"]),
        (["\ud83d", "x"], ["\ufffdx"]),
        (["\ud83d"], ["\ufffd"]),
        (["a\ud83d"], ["a", "\ufffd"]),
        (["\ude00!"], ["\ufffd!"]),
        (["\ude00\ud83d", "\ud83d\ude00"], ["\ufffd", "\ufffd😀"]),
        (["\ud83d\ud83d", "\ude00"], ["\ufffd", "😀"]),
        (["é", "\u2028"], ["é", "\u2028"]),
    ],
    ids=ascii,
)
def test_halves_of_characters_are_joined(sent: list[str], deltas: list[str]) -> None:
    """A character that a server cut in two comes out whole, and half a one as U+FFFD."""
    data = b"".join(map(delta, sent)) + DONE
    assert list(StreamerV2([data]).text_deltas()) == deltas
    assert StreamerV2([data]).read().decode() == "".join(deltas)


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(codec="utf-8") | st.sampled_from("\ud83d\ude00")), max_size=5)
)
def test_any_text_can_be_read(sent: list[str]) -> None:
    """Whatever halves of characters the deltas have, the text is read whole, as UTF-8."""
    data = b"".join(map(delta, sent)) + DONE
    joined = "".join(sent).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert StreamerV2([data]).read().decode() == joined
    assert "".join(StreamerV2([data]).text_deltas()) == joined


# Unwrappers.


def test_unwrappers_ask_the_current_event() -> None:
    """Each unwrapper is the answer of the current event."""
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": [call]}}
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    citation = {"index": 0, "type": "file_citation"}
    text = {"index": 0, "type": "text", "text": {"value": "a", "annotations": [citation]}}
    image = {"index": 1, "type": "image_file", "image_file": {"file_id": "f"}}
    s = StreamerV2(
        [
            event("thread.message.delta", {"delta": {"content": [text, image]}}),
            event("thread.message.completed", {"id": "msg_1"}),
            event("thread.run.step.completed", {"id": "step_1"}),
            run("requires_action", required_action=action, usage=usage),
            DONE,
        ]
    )
    assert s.next()
    assert (s.text(), s.message_delta_text()) == ("a", "a")
    assert s.image_file() == ImageFile(file_id="f")
    assert s.annotations() == (FileCitationDelta(),)
    assert (s.message(), s.run(), s.run_step(), s.usage()) == (None, None, None, None)
    assert s.next()
    assert s.message() == Message(id="msg_1")
    assert (s.text(), s.message_delta_text(), s.image_file()) == (None, None, None)
    assert s.next()
    assert s.run_step() == RunStep(id="step_1")
    assert s.next()
    typed_call = RunToolCall(id="call_1", function=FunctionCall(name="f", arguments="{}"))
    typed_action = RequiredAction(submit_tool_outputs=SubmitToolOutputs(tool_calls=(typed_call,)))
    typed_usage = RunUsage(prompt_tokens=7, completion_tokens=2, total_tokens=9)
    assert s.required_action() == typed_action
    assert s.tool_calls() == (typed_call,)
    assert s.usage() == typed_usage
    assert s.run() == Run(
        id="run_1", status="requires_action", required_action=typed_action, usage=typed_usage
    )


def test_unwrappers_without_an_event_are_none() -> None:
    """Before the first event, after the end and after close() each answer is None."""

    def all_none(s: StreamerV2) -> bool:
        return (
            s.text() is None
            and s.message_delta_text() is None
            and s.image_file() is None
            and s.message() is None
            and s.run() is None
            and s.run_step() is None
            and s.required_action() is None
            and s.tool_calls() is None
            and s.usage() is None
            and s.annotations() is None
        )

    s = StreamerV2([delta("a"), delta("b")])
    assert all_none(s)
    assert s.next()
    assert not all_none(s)
    s.close()
    assert all_none(s)
    s = StreamerV2([ANSWER])
    read_all(s)
    assert all_none(s)


def test_match_tells_events_apart() -> None:
    """A match over the classes, as the README shows it, reaches the right arms."""
    s = StreamerV2([event("thread.created", {"id": "thread_1"}), ANSWER])
    seen = []
    while s.next():
        match s.event():
            case ThreadCreated(thread):
                seen.append(thread.id)
            case ThreadMessageDelta(delta=piece):
                seen.append(str(len(piece.content)))
            case ThreadRunCreated(run=created) | ThreadRunCompleted(run=created):
                seen.append(created.status)
            case DoneEvent():
                seen.append("done")
            case other:
                seen.append(other.type)
    assert seen == ["thread_1", "thread.run.queued", "1", "1", "completed", "done"]


# Whatever comes.


@settings(deadline=None)
@given(
    st.lists(
        st.binary(max_size=30)
        | st.sampled_from([run("queued"), delta("a"), run("completed"), DONE, error_event("no")]),
        max_size=8,
    )
)
def test_any_bytes_end_in_an_outcome(chunks: list[bytes]) -> None:
    """For no bytes does next() raise, and the chunks' borders change nothing."""
    data = b"".join(chunks)
    ends = []
    for source in (chunks, [data], SPLITS["byte by byte"](data)):
        s = StreamerV2(source)
        events = read_all(s)
        assert s.outcome is not None
        assert isinstance(s.err(), ScanError | None)
        assert not s.next()
        notes = s.notes
        del notes["comment"]  # a chunk may have some after [DONE], where reading stops
        ends.append(([event.raw for event in events], s.outcome, repr(s.err()), notes))
    assert ends[0] == ends[1] == ends[2]


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "payload",
    [
        b'{"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": []}]}',
        b'{"object": "thread.message.delta", "delta": {}}',
        b'{"type": "response.completed", "response": 1}',
        b"[1]",
        b"{",
    ],
)
def test_what_does_not_fit_leaves_nothing_behind(payload: bytes) -> None:
    """A stream without references is freed, whatever was wrong in it."""
    s = StreamerV2([b"data: %b\n\n" % payload] * 3)
    read_all(s)
    gone = weakref.ref(s)
    del s
    gc.collect()
    assert gone() is None
