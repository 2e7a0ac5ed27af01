"""What comes in place of events, at the beginning or later, is read as the body of an answer."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from costs import work
from readings import DONE, chunk, event, read

from openai_scan import APIError, NotAnEventStreamError, StreamerV2, TransportError
from openai_scan.recording import replay
from openai_scan.sse.beginnings import begins_as_events

WORDS = "the model is loading"
ERROR = {"error": {"message": WORDS, "code": 503}}
PAGE = "<!DOCTYPE html>\n<html>\n\n<head><title>502</title></head>\n<b>Bad Gateway</b></html>\n"
MESSAGE = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Hi"}],
}
ANSWERS: dict[str, Any] = {
    "chat": {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}],
    },
    "chat without object": {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]},
    "pieces": {"object": "chat.completion", "choices": [{"delta": {"content": "Hi"}}]},
    "completion": {
        "object": "text_completion",
        "choices": [{"text": "Hi", "finish_reason": "stop"}],
    },
    "completion without object": {"choices": [{"text": "Hi", "finish_reason": "stop"}]},
    "response": {"object": "response", "status": "completed", "output": [MESSAGE]},
}
LAYOUTS: dict[str, Any] = {"one line": None, "pretty": 2, "flat": 0}
BEFORE = ["", "\n", "\ufeff", "\ufeff\n", ": hello\n\n", "  ", event(chunk("Hi"))]
AFTER = ["", "\n", "\n\n", "\r\n\r\n"]


def test_a_page_ends_at_the_next_event_however_it_is_cut() -> None:
    """What comes after the event is not quoted."""
    text = "<b>Oops</b>\n\ndata: {\n\nmore\n\n"
    told = set()
    for parts in (list(text), [text], text.splitlines(keepends=True)):
        s = StreamerV2(part.encode() for part in parts)
        while s.next():
            pass
        told.add(str(s.err()))
    assert told == {"the server sent something other than events: Oops"}


@pytest.mark.parametrize("split", [list, lambda text: [text]], ids=["byte by byte", "whole"])
def test_bare_text_that_a_field_cuts_off(split: Callable[[str], Iterable[str]]) -> None:
    """It cannot be read as an error; it is noted, and the events after it are read."""
    text = '{"error": {"message": "Boom"\n' + event(chunk("a", "stop")) + DONE
    with StreamerV2(part.encode() for part in split(text)) as s:
        assert s.read() == b"a"
    assert (s.outcome, dict(s.notes)) == ("completed", {"unclaimed_line": 1})


@pytest.mark.unmeasured
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("after", AFTER)
def test_a_bare_error_is_read(layout: str, before: str, after: str) -> None:
    """The stream ends with the server's words, whatever came before."""
    told = read(before, json.dumps(ERROR, indent=LAYOUTS[layout]), after)
    assert (told.outcome, told.text) == ("failed", "Hi" if "Hi" in before else "")
    assert isinstance(told.err, APIError)
    assert (told.err.message, told.err.code) == (WORDS, "503")


@pytest.mark.unmeasured
@pytest.mark.parametrize("indent", [0, 2])
@pytest.mark.parametrize("before", ["", ": hello\n\n", event(chunk("Hi"))])
@pytest.mark.parametrize("after", ["", "\n", "\n\n", "\n\n" + DONE])
@pytest.mark.parametrize("error", [ERROR, [ERROR]])
def test_an_event_in_lines_without_a_field(
    indent: int, before: str, after: str, error: Any
) -> None:
    """JSON in several lines, of which only the first has `data:`, is the data of one event."""
    told = read(before, "data: ", json.dumps(error, indent=indent), after)
    assert (told.outcome, told.text) == ("failed", "Hi" if "Hi" in before else "")
    assert getattr(told.err, "message", None) == WORDS


def test_chunks_in_lines_without_a_field() -> None:
    """A large object is read too; what follows an object is ignored, and half of one is a hole."""
    lines = json.dumps(chunk("a"), indent=1)
    told = read(f"data: {lines}\n\n" * 3, f"data: {lines}\n}}\nodd\n\n", event(chunk("", "stop")))
    assert (told.text, told.outcome) == ("aaaa", "completed")
    large = json.dumps({**chunk("b" * 9000), "x": [*range(20)]}, indent=1)
    told = read(f"data: {large}\n\n", event(chunk("", "stop")), DONE)
    assert (len(told.text), told.outcome) == (9000, "completed")
    told = read(event(chunk("a")), f"data: {lines[:-5]}\n\n", event(chunk("", "stop")), DONE)
    assert "hole" in str(told.err)


def test_many_lines_without_a_field_take_linear_time() -> None:
    """Also if they are mixed with fields."""

    def play(lines: int) -> Any:
        source = b"data: {" + b'\n"a": [\ndata: [' * lines + b"\n\n"
        return lambda: StreamerV2([source]).next()

    assert work(play(4000)) < 6 * work(play(1000))


@pytest.mark.parametrize("error", [{"detail": WORDS}, [ERROR], {"code": 5, "message": WORDS}])
def test_a_bare_error_may_have_any_shape(error: Any) -> None:
    """It may have any shape that an error in an event may have."""
    assert getattr(read(json.dumps(error)).err, "message", None) == WORDS


def test_a_bare_error_ends_with_the_next_field() -> None:
    """The events after it are read, and the stream fails with the error."""
    told = read(event(chunk("a")), '{"error":\n"no"}\n', event(chunk("b", "stop")), DONE)
    assert (told.text, told.outcome) == ("ab", "failed")
    assert getattr(told.err, "message", None) == "no"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_a_bare_answer_is_read(answer: str, layout: str) -> None:
    """The answer is whole, so the stream needs no other end."""
    told = read(json.dumps(ANSWERS[answer], indent=LAYOUTS[layout]))
    assert (told.text, told.outcome, told.err) == ("Hi", "completed", None)


def test_a_bare_transcript_and_a_bare_image_are_read() -> None:
    """They have the form of an answer that is not streamed."""
    assert read(json.dumps({"text": "Hi"})).answer.text == "Hi"
    told = read(json.dumps({"data": [{"b64_json": "aGk="}]}))
    assert told.events == ["ImageGenerationCompleted", "DoneEvent"]


def test_bare_chunks_are_events() -> None:
    """There is one in each line, as servers send them that do not know event streams."""
    told = read(json.dumps(chunk("a")) + "\n", json.dumps(chunk("b", "stop")) + "\n")
    assert (told.text, told.outcome) == ("ab", "completed")
    assert told.notes == {"bare_event": 2, "missing_done": 1}


@pytest.mark.parametrize("before", ["", event(chunk("Hi"))])
@pytest.mark.parametrize(
    ("page", "words"),
    [
        (PAGE, "502 Bad Gateway"),
        ("<html>login</html>", "login"),
        ('{"error": {"message": "cut', '{"error": {"message": "cut'),
        ('{"x": 1}', '{"x": 1}'),
        ('{"x": 1,\n"y": [2]}', '{"x": 1, "y": [2]}'),
    ],
)
def test_anything_else_is_not_an_event_stream(before: str, page: str, words: str) -> None:
    """The error quotes the beginning, and what came before it is read."""
    told = read(before, page)
    assert (told.outcome, told.text) == ("failed", "Hi" if before else "")
    assert isinstance(told.err, NotAnEventStreamError)
    assert str(told.err) == f"the server sent something other than events: {words}"
    assert told.notes == {"unclaimed_line": 1}


@pytest.mark.parametrize("page", [PAGE, '{"x": 1}', "sorry, this is all"])
def test_what_comes_after_the_end_is_not_an_error(page: str) -> None:
    """The answer was whole; what could not be read is noted."""
    told = read(event(chunk("Hi", "stop")), page)
    assert (told.text, told.outcome, told.err) == ("Hi", "completed", None)
    assert told.notes == {"unclaimed_line": 1, "missing_done": 1}


@pytest.mark.parametrize("line", ["Internal Server Error", "no healthy upstream\n", "a b: c\n"])
def test_a_plain_text_is_not_an_event_stream(line: str) -> None:
    """The error quotes it; after events, the stream is only truncated."""
    told = read(line)
    assert isinstance(told.err, NotAnEventStreamError)
    assert line.strip() in str(told.err)
    assert read(event(chunk("Hi")), line).outcome == "truncated"


@pytest.mark.parametrize("line", ["x", "x: y\n\n", "foo\n", "longer-than-any-field: y"])
def test_an_unknown_field_is_not_plain_text(line: str) -> None:
    """The standard allows it, so the stream is only too short."""
    assert read(line).outcome == "truncated"


@pytest.mark.parametrize("start", [" ", "\t", "\ufeff", " \ufeff"])
def test_a_line_that_no_field_claims_is_noted(start: str) -> None:
    """The standard drops a line with blanks or a mark before its field, and the event with it."""
    told = read(event(chunk("a")), start + event(chunk("b")), event(chunk("c", "stop")), DONE)
    assert (told.text, told.outcome, told.notes) == ("ac", "completed", {"unclaimed_line": 1})


@pytest.mark.unmeasured
def test_lines_without_a_field_are_counted_in_any_place() -> None:
    """However long they are, and without a line end too; comments do not count as such."""
    long = "x" * 20_000
    told = read(f"foo: 1\nbar\n: hi\n{long}\n\n", event(chunk("a", "stop")), DONE)
    assert told.notes == {"unclaimed_line": 3, "comment": 1}
    assert read(event(chunk("a", "stop")), "b" * 9000).notes["unclaimed_line"] == 1


def test_bare_text_is_bounded() -> None:
    """Text above the limit is not kept whole; it is an error only if no event follows."""
    told = read('{"error":\n', *['"x",\n'] * 100, "}", max_event_bytes=100)
    assert isinstance(told.err, NotAnEventStreamError)
    told = read('{"error": "', "x" * 9000, '"}\n', event(chunk("a", "stop")), max_event_bytes=8000)
    assert (told.text, told.outcome) == ("a", "completed")


def test_a_connection_that_breaks_after_a_bare_error() -> None:
    """The words of the server say more than the broken connection."""

    def source() -> Any:
        yield json.dumps(ERROR).encode()
        raise TransportError("reset")

    stream = StreamerV2(source())
    assert [type(one).__name__ for one in iter_events(stream)] == ["ErrorEvent"]
    assert isinstance(stream.err(), APIError)


def iter_events(stream: StreamerV2) -> Any:
    """Yield the events and raise nothing."""
    while stream.next():
        yield stream.event()


def test_bare_text_is_found_whenever_the_stream_is_asked() -> None:
    """Asking about the stream looks at the unfinished block and loses none of it."""
    stream = StreamerV2([b'{"error":\n"no"}\nx', b"yz: 1\n", b"data: [DONE]\n\n"])
    assert stream.next()
    assert stream.notes == {"bare_event": 1}
    assert stream.next()
    assert not stream.next()


# How an event stream begins.


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"data: 1", True),
        (b"data\n", True),
        (b":", True),
        (b": hi", True),
        (b"event: x", True),
        (b"id: 1\n", True),
        (b"retry: 1", True),
        (b"error: {}", True),
        (b"event:", True),
        (b"data\r", True),
        (b"\xef\xbb\xbf\n\r\n  data: 1", True),
        (b"\n\xef\xbb\xbfdata: 1", True),
        (b"", None),
        (b"\xef\xbb\xbf\n", None),
        (b"dat", None),
        (b"{", False),
        (b"[", False),
        (b"<", False),
        (b"<html>", False),
        (b"database", False),
        (b"datum: 1", False),
        (b"datas\r", False),
        (b"Xdata: 1", False),
    ],
)
def test_one_function_knows_how_an_event_stream_begins(start: bytes, *, expected: bool) -> None:
    """It asks for more bytes if it cannot tell yet, unless there are no more."""
    assert begins_as_events(start) is expected
    assert begins_as_events(start, is_all=True) is (expected or False)


@pytest.mark.parametrize(
    "start", ["\ufeff\n", "\ufeff\r\n\r\n", "\n\n", "\n\ufeff\n", "error: no\n\n"]
)
def test_a_plain_stream_is_replayed_however_it_begins(start: str) -> None:
    """A replay reads it as the streamer does."""
    data = (start + event(chunk("Hi", "stop")) + DONE).encode()
    stream = StreamerV2(replay(io.BytesIO(data)))
    assert [stream.text() for _ in iter_events(stream)].count("Hi") == 1
