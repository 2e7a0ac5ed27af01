"""Replaying: the same bytes, the same end, and a clear word on what is not a recording."""

from __future__ import annotations

import io
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from clocks import Now
from hypothesis import given
from hypothesis import strategies as st
from server import CHUNKED, END, FIN, RST, Script, ch, json_answer, serving

from openai_scan import (
    Client,
    NotAnEventStreamError,
    RateLimitError,
    RecordingError,
    RetryPolicy,
    StreamCancelledError,
    StreamerV2,
    StreamTimeoutError,
    Timeout,
    TransportError,
    TruncatedStreamError,
    record,
    replay,
    waiting,
)
from openai_scan._version import __version__
from openai_scan.errors import APIError
from openai_scan.recording import (
    End,
    Failure,
    Head,
    Read,
    Section,
    exchanges_of,
    read_recording,
)
from openai_scan.sources import AnsweredSource, RenewableSource, RequestedSource
from openai_scan.sse import EventScanner, LiveSource

pytestmark = pytest.mark.usefixtures("wire")

HEAD = b'{"format": "openai_scan recording", "version": 1}\n'
READ = b'{"t": 0, "text": "data: 1\\n\\n"}\n'
CLEAN = b'{"t": 0, "end": "clean"}\n'


def chat(text: str, finish: str | None = None) -> bytes:
    """Return a chunk of a chat completion."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    chunk = {"id": "c", "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


def numbered(number: int, name: str, **facts: Any) -> bytes:
    """Return an event of a response, with its number."""
    payload = {"type": f"response.{name}", "sequence_number": number, **facts}
    return f"event: response.{name}\ndata: {json.dumps(payload)}\n\n".encode()


def response(status: str) -> dict[str, Any]:
    """Return a response that can be resumed."""
    return {
        "response": {"id": "resp_1", "object": "response", "background": True, "status": status}
    }


def delta(number: int, text: str) -> bytes:
    """Return the event that adds *text* to a response."""
    place = {"item_id": "m", "output_index": 0, "content_index": 0}
    return numbered(number, "output_text.delta", **place, delta=text)


DONE = b"data: [DONE]\n\n"
HELLO = chat("Hé")
WHOLE = HELLO + chat("", "stop") + DONE

BUSY = json_answer({"error": {"message": "busy"}}, status="503 No", headers="retry-after: 0\r\n")
FULL = json_answer(
    {"error": {"message": "full", "type": "t", "code": "c", "param": "p"}},
    status="429 No",
    headers="x-request-id: req_1\r\nx-should-retry: false\r\nretry-after: 7\r\n",
)
PAGE = [b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nHi"]

BROKEN_OFF = CHUNKED + ch(
    numbered(0, "created", **response("in_progress")) + delta(1, "Hé") + delta(2, "llo")[:9]
)
REST = CHUNKED + ch(delta(2, "llo") + numbered(3, "completed", **response("completed"))) + END

# How one or more requests are answered, and in how many sections that is recorded.
ANSWERS: dict[str, tuple[list[Script], int]] = {
    "whole": ([[CHUNKED + ch(WHOLE) + END]], 1),
    "in pieces": ([[CHUNKED + ch(WHOLE[:90]), ch(WHOLE[90:100]), ch(WHOLE[100:]) + END]], 1),
    "ends early": ([[CHUNKED + ch(HELLO) + END]], 1),
    "cut": ([[CHUNKED + ch(HELLO), FIN]], 1),
    "reset": ([[CHUNKED + ch(HELLO), RST]], 1),
    "timeout": ([[CHUNKED + ch(HELLO), threading.Event()]], 1),
    "refused": ([[FULL]], 1),
    "a page": ([PAGE], 1),
    "sent again": ([[BUSY], [CHUNKED + ch(WHOLE) + END]], 2),
    "error event": (
        [[CHUNKED + ch(b'data: {"error": {"message": "x", "code": "c"}}\n\n') + END]],
        1,
    ),
    "error event, sent again": (
        [
            [CHUNKED + ch(b'data: {"error": {"message": "x", "code": "server_error"}}\n\n') + END],
            [CHUNKED + ch(WHOLE) + END],
        ],
        2,
    ),
    "taken up again": ([[BROKEN_OFF, FIN], [REST]], 2),
    "refused, then taken up again": ([[BUSY], [BROKEN_OFF, FIN], [BUSY], [REST]], 4),
}


def all_of(s: StreamerV2) -> dict[str, Any]:
    """Read a stream and return everything that can be observed."""
    with s:
        texts = [s.text() for _ in iter(s.next, False)]
        error = s.err()
    source = s.source
    assert isinstance(source, RequestedSource)
    assert isinstance(source, AnsweredSource)
    facts: dict[str, Any] = {
        "texts": texts,
        "outcome": s.outcome,
        "error": (type(error), str(error)),
        "notes": dict(s.notes),
        "bytes": s.bytes_read,
        "id": (source.request_id, source.status, source.method, source.url),
    }
    if isinstance(error, APIError):
        names = ("type", "code", "param", "request_id", "retry_after", "retryable", "body")
        facts["error facts"] = [getattr(error, name) for name in names]
    if isinstance(error, StreamTimeoutError):
        facts["error facts"] = [error.limit]
    if isinstance(error, NotAnEventStreamError):
        facts["error facts"] = [error.body]
    return facts


@pytest.mark.parametrize("name", ANSWERS)
def test_a_replay_is_what_the_stream_was(tmp_path: Path, name: str) -> None:
    """The events, the outcome, the error and all it says, the notes: at any speed and split."""
    scripts, sections = ANSWERS[name]
    path = tmp_path / "a.jsonl"
    at_once = RetryPolicy(wait_initial=0.001)
    s: StreamerV2
    with (
        serving(*scripts) as server,
        Client("key-of-mine", server.base_url, retries=at_once) as client,
    ):
        if "taken up" in name:
            s = client.create_response_stream(model="m", input="x", background=True, record=path)
        else:
            s = client.create_chat_completion_stream(
                model="m",
                messages=[],
                record=path,
                timeout=Timeout(idle=0.2) if name == "timeout" else None,
            )
        original = all_of(s)
        for step in scripts[0]:
            if isinstance(step, threading.Event):
                step.set()
    assert len(read_recording(path)) == sections
    for settings in ({}, {"speed": 1.0}, {"speed": 1000.0, "resplit": 7}, {"resplit": 1}):
        assert all_of(StreamerV2(replay(path, **settings))) == original


@given(
    chunks=st.lists(st.binary(max_size=40), max_size=6),
    seed=st.none() | st.integers(),
)
def test_any_bytes_come_back_as_they_were(chunks: list[bytes], seed: int | None) -> None:
    """The chunks are the same; split at random, their bytes are."""
    file = io.BytesIO()
    recorded = record(chunks, file)
    assert list(recorded) == chunks
    recorded.close()
    played = list(replay(io.BytesIO(file.getvalue()), resplit=seed))
    assert b"".join(played) == b"".join(chunks)
    if seed is None:
        assert played == chunks
    else:
        assert played == list(replay(io.BytesIO(file.getvalue()), resplit=seed))


class TestPace:
    """A replay waits for each read until its time."""

    @pytest.fixture
    def waits(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """Return how long each wait is; the time passes with them."""
        waits: list[float] = []
        now = Now()

        def wait(event: threading.Event, seconds: float) -> bool:
            waits.append(round(seconds, 6))
            now.seconds += seconds
            return event.is_set()

        monkeypatch.setattr(time, "monotonic", now)
        monkeypatch.setattr(threading.Event, "wait", wait)
        return waits

    def test_it_is_that_of_the_recording(self, waits: list[float]) -> None:
        """The times of the recording are divided by the speed."""
        head = HEAD.replace(b"}", b', "t": 1}')
        read = READ.replace(b"0", b"2.5")
        end = CLEAN.replace(b"0", b"4")
        assert list(replay(io.BytesIO(head + read + end), speed=2)) == [b"data: 1\n\n"]
        assert waits == [0.5, 0.75, 0.75]

    @pytest.mark.parametrize(
        ("sliced", "expected"), [(True, [0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.05]), (False, [1.0, 0.25])]
    )
    def test_long_waits_are_cut_into_slices(
        self,
        waits: list[float],
        sliced: bool,
        expected: list[float],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The pace is the same, and a cancellation is noticed after one slice."""
        monkeypatch.setattr(waiting, "sliced", sliced)
        played = replay(
            io.BytesIO(HEAD + READ.replace(b"0", b"1.25") + CLEAN.replace(b"0", b"9")), speed=1
        )
        chunks = iter(played)
        assert next(chunks) == b"data: 1\n\n"
        assert waits == [0, *expected]
        played.cancel()
        with pytest.raises(StreamCancelledError, match="the replay was cancelled"):
            next(chunks)
        assert waits[1 + len(expected) :] == [expected[0]]


def test_a_replay_that_waits_can_be_cancelled(tmp_path: Path) -> None:
    """`cancel()` from another thread wakes it, as it wakes a connection."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(HEAD + READ + READ.replace(b"0", b"86400") + CLEAN)
    with StreamerV2(replay(path, speed=1)) as s:
        assert s.next()
        canceller = threading.Thread(target=s.cancel)
        canceller.start()
        assert not s.next()
        canceller.join()
        assert isinstance(s.err(), StreamCancelledError)
    played = replay(path, speed=1)
    chunks = iter(played)
    assert next(chunks) == b"data: 1\n\n"
    played.cancel()
    with pytest.raises(StreamCancelledError, match="the replay was cancelled"):
        next(chunks)


def test_a_replay_is_not_waited_for_after_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server held open is left after the grace period, as a connection would be."""
    monkeypatch.setattr("openai_scan.stream.machine.GRACE_SECONDS", 0.05)
    lines = [
        {"t": 0, "text": chat("Hi", "stop").decode()},
        {"t": 86400, "end": "clean"},
    ]
    path = tmp_path / "a.jsonl"
    path.write_bytes(HEAD + b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    facts = all_of(StreamerV2(replay(path, speed=1)))
    assert facts["outcome"] == "completed"
    assert facts["notes"] == {"held_open": 1, "missing_done": 1}


def test_a_replay_can_do_what_a_connection_can() -> None:
    """It has everything that the streamer may ask an exchange for."""
    played = replay(io.BytesIO(HEAD.replace(b"}", b', "headers": {"a": "b"}}') + CLEAN))
    for protocol in (LiveSource, RequestedSource, RenewableSource, AnsweredSource):
        assert isinstance(played, protocol)
    assert played.headers == {"a": "b"}
    assert played.redact("text") == "text"
    played.expire(None)
    assert (played.sent_at, list(played)) == (None, [])
    assert isinstance(played.sent_at, float)


@pytest.mark.parametrize(
    ("tail", "text"),
    [
        (b"", "data: 1\n\n"),
        (b'{"t": 1, "te', "data: 1\n\n"),
        (b'{"t": 1, "text": "\xc3', "data: 1\n\n"),
    ],
)
def test_a_recording_that_was_cut_off_is_played_so_far(
    tmp_path: Path, tail: bytes, text: str
) -> None:
    """After a crash, the end or half a line is missing: an error says so, the rest is played."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(HEAD + READ + tail)
    scanner = EventScanner(replay(path))
    assert scanner.next()
    assert not scanner.next()
    error = scanner.err()
    assert isinstance(error, TruncatedStreamError)
    assert str(error) == f"the recording {path} breaks off before its end"
    assert scanner.notes == {"recording_truncated": 1}
    (section,) = read_recording(path)
    assert section == Section(
        Head(library=f"openai_scan {__version__}"), [Read(0.0, text.encode())], None
    )


def test_a_whole_answer_in_a_cut_recording_is_whole() -> None:
    """It is completed, although the line of its end is missing."""
    lines = HEAD + json.dumps({"t": 0, "text": WHOLE.decode()}).encode()
    s = StreamerV2(replay(io.BytesIO(lines)))
    assert s.read().decode() == "Hé"
    assert s.outcome == "completed"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: the file is empty"),
        (b"\n\n", "line 1: the file is empty"),
        (b"\x7fELF\x02\x01\x01\x00", "line 1: this is neither a recording (Expecting value"),
        (b"idle talk\n", "line 1: this is neither a recording (Expecting value"),
        (b"\xff\xfe\x00\n", "line 1: this is neither a recording ('utf-8' codec can't decode"),
        (b"[" * 100_000, "line 1: this is neither a recording (nested more than 128 levels"),
        (
            b'{"object": "chat.completion"}',
            "line 1: this is neither a recording (it is not a line of a recording)",
        ),
        (
            HEAD.replace(b"1}", b"2}"),
            "line 1: the recording has version 2, but this library reads only version 1: upgrade",
        ),
        (
            HEAD.replace(b"}", b', "status": "x"}'),
            "line 1: this is neither a recording (invalid value",
        ),
        (READ, "line 1: the first line of the recording is missing"),
        (HEAD + CLEAN + READ, "line 3: the first line of the recording is missing"),
        (HEAD + b"junk\n" + CLEAN, "line 2: the recording is damaged (Expecting value"),
        (
            HEAD + b"\n" + b"{}\n",
            "line 3: the recording is damaged (it is not a line of a recording)",
        ),
        (HEAD + READ.replace(b"0", b"-1"), "line 2: the recording is damaged (its time is invalid"),
        (
            HEAD + READ.replace(b"0", b"NaN"),
            "line 2: the recording is damaged (its time is invalid",
        ),
        (HEAD + READ.replace(b"0", b"null"), "line 2: the recording is damaged (invalid value"),
        (HEAD + b'{"t": 0, "base64": "?"}\n', "line 2: the recording is damaged ("),
        (HEAD + b'{"t": 0, "text": "\\ud800"}\n', "line 2: the recording is damaged ("),
        (HEAD + b'{"t": 0, "end": "bang"}\n', "line 2: the recording is damaged (invalid value"),
    ],
)
def test_what_is_not_a_recording_is_reported_with_its_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    """An error names the file, the line, and what is wrong, before anything is played."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(RecordingError) as caught:
        replay(path)
    assert str(caught.value).startswith(f"{path}, {message}")


def test_misuse_is_reported_at_once(tmp_path: Path) -> None:
    """A speed of 0, an exchange that does not exist, a missing file."""
    with pytest.raises(ValueError, match="speed must be above 0, not 0"):
        replay(io.BytesIO(HEAD), speed=0)
    with pytest.raises(ValueError, match="the file has no exchange 1: it has 1, from 0"):
        replay(io.BytesIO(HEAD), exchange=1)
    with pytest.raises(FileNotFoundError):
        replay(tmp_path / "a.jsonl")


def test_a_byte_order_mark_is_not_part_of_a_recording() -> None:
    """Editors on Windows add one, and end lines with CRLF."""
    file = io.BytesIO()
    list(record([WHOLE], file))
    edited = b"\xef\xbb\xbf" + file.getvalue().replace(b"\n", b"\r\n")
    assert list(replay(io.BytesIO(edited))) == [WHOLE]
    twice = io.BytesIO(edited + b"\xef\xbb\xbf\r\n" + edited)  # two files put together
    assert list(replay(twice, exchange=1)) == [WHOLE]


@pytest.mark.parametrize(
    "content",
    [WHOLE, b"\xef\xbb\xbf" + WHOLE, b"\r\n\n" + WHOLE, b"event\r" + WHOLE, b": hi\n" + WHOLE],
)
@pytest.mark.parametrize("settings", [{}, {"speed": 1, "resplit": 3}])
def test_a_plain_event_stream_is_played_too(
    tmp_path: Path, content: bytes, settings: dict[str, Any]
) -> None:
    """The content of the file decides, not its name."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with StreamerV2(replay(path, **settings)) as s:
        assert s.read().decode() == "Hé"
    assert s.bytes_read == len(content)


def test_a_pipe_is_played_as_it_comes() -> None:
    """An event of a plain stream is there before the pipe is closed."""

    class Pipe(io.RawIOBase):
        name = "<stdin>"
        lines = iter([HELLO, chat("llo")])

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            line = next(self.lines)
            buffer[: len(line)] = line
            return len(line)

    with StreamerV2(replay(io.BufferedReader(Pipe()))) as s:
        assert [s.next() and s.text() for _ in "12"] == ["Hé", "llo"]


def test_several_streams_in_one_file() -> None:
    """Each is played by its number; a retry belongs to the stream before it."""
    again = HEAD.replace(b"}", b', "again": "retry"}')
    other = READ.replace(b"1", b"2")
    content = HEAD + CLEAN + again + READ + CLEAN + HEAD + other + CLEAN
    assert list(replay(io.BytesIO(content), exchange=1)) == [b"data: 2\n\n"]
    exchanges = exchanges_of(read_recording(io.BytesIO(content)))
    assert [len(sections) for sections in exchanges] == [2, 1]
    assert [len(sections) for sections in exchanges_of(exchanges[0][1:])] == [1]


def test_a_section_is_asked_for_in_the_way_it_came() -> None:
    """What was resumed is returned by resume(), and not by retry()."""
    again = HEAD.replace(b"}", b', "again": "resume"}')
    played = replay(io.BytesIO(HEAD + CLEAN + again + READ + CLEAN))
    assert played.retry(TransportError("x")) is None
    onward = played.resume(TransportError("x"), "r", 1)
    assert onward is not None
    assert list(onward) == [b"data: 1\n\n"]


def test_an_error_of_a_later_version_is_an_error() -> None:
    """An unknown class counts as a broken connection."""
    failure = {"error": "error_class", "message": "odd"}
    end = json.dumps({"t": 0, "end": "failed", "failure": failure}).encode()
    scanner = EventScanner(replay(io.BytesIO(HEAD + end)))
    assert not scanner.next()
    assert type(scanner.err()) is TransportError
    assert str(scanner.err()) == "odd"


def test_a_recording_can_be_looked_at(tmp_path: Path) -> None:
    """The parts of a recording are plain values."""
    path = tmp_path / "a.jsonl"
    failure = {"error": "RateLimitError", "message": "no", "status": 429}
    end = {"t": 2.5, "end": "failed", "waited": 1, "failure": failure, "notes": {"x": 1}}
    head = HEAD.replace(b"}", b', "method": "GET", "request": {"a": 1}, "library": "l", "new": 1}')
    path.write_bytes(head + READ + json.dumps(end).encode())
    (section,) = read_recording(path)
    assert section == Section(
        Head(method="GET", request={"a": 1}, library="l"),
        [Read(0.0, b"data: 1\n\n")],
        End(
            t=2.5,
            end="failed",
            waited=1.0,
            failure=Failure(error="RateLimitError", message="no", status=429),
            notes={"x": 1},
        ),
    )


def test_a_replay_can_be_recorded(tmp_path: Path) -> None:
    """A recording of a replay has the same head, reads and end."""
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    with serving([FULL]) as server, Client("key-of-mine", server.base_url) as client:
        with client.create_chat_completion_stream(model="m", messages=[], record=first) as s:
            assert not s.next()
            assert isinstance(s.err(), RateLimitError)
    source = record(replay(first), second)
    with pytest.raises(RateLimitError):
        next(iter(source))
    source.close()
    one, other = read_recording(first)[0], read_recording(second)[0]
    assert (one.head.headers, one.head.url) == (other.head.headers, other.head.url)
    assert one.end is not None
    assert other.end is not None
    assert one.end.failure == other.end.failure
