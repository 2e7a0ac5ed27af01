"""Events whose blank line is lost come apart, under any name and at the end of the input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from drivers import DRIVERS
from readings import DONE, chunk, event, read

from openai_scan import TruncatedStreamError
from openai_scan.events import unglue
from openai_scan.sse import RawEvent

RUN = {"id": "r", "object": "thread.run", "status": "requires_action"}


def block(*lines: Any) -> str:
    """Return one block; text is a line as it is, anything else a line of data."""
    return "".join(
        f"{line}\n" if isinstance(line, str) else f"data: {json.dumps(line)}\n" for line in lines
    )


@pytest.mark.parametrize("name", ["done", "error", "thread.run.requires_action", "x", "message"])
def test_a_run_glued_to_the_end_is_read(name: str) -> None:
    """It is read even if the block's last name, which the standard keeps, is that of the end."""
    told = read(block("event: thread.run.requires_action", RUN, f"event: {name}", "data: [DONE]\n"))
    assert "ThreadRunRequiresAction" in told.events
    assert told.outcome == ("failed" if name == "error" else "requires_action")
    assert told.notes == {"glued_events": 1}


@pytest.mark.parametrize("name", ["done", "error", "x"])
@pytest.mark.parametrize(
    "error", [{"error": {"message": "no"}}, {"message": "no"}, {"code": 500, "message": "no"}]
)
def test_an_error_glued_to_the_end_is_read(name: str, error: Any) -> None:
    """Its payload shows that it is an error, whatever the block is named."""
    told = read(
        event(chunk("Hi")), block("event: error", error, f"event: {name}", "data: [DONE]\n")
    )
    assert (told.text, told.outcome) == ("Hi", "failed")
    assert getattr(told.err, "message", None) == "no"


def test_the_name_error_is_of_what_has_no_name_of_its_own() -> None:
    """The name `error` belongs to the payload in the block that has no name of its own."""
    told = read(block("event: error", chunk("Hi"), {"reason": "gone"}, "data: [DONE]\n"))
    assert told.events == ["ChatCompletionChunk", "ErrorEvent", "DoneEvent"]
    assert str(told.err) == "gone"


def test_the_name_error_is_kept_if_all_have_names() -> None:
    """It is unknown which event the name belongs to, but the stream fails."""
    told = read(block("event: error", chunk("Hi"), chunk("", "stop"), "data: [DONE]\n"))
    assert (told.text, told.outcome) == ("Hi", "failed")


def test_a_name_of_ours_is_of_what_has_no_name_of_its_own() -> None:
    """A server that leaves out `object` may send two deltas in one block."""
    parts = [
        {"delta": {"content": [{"index": 0, "type": "text", "text": {"value": text}}]}}
        for text in "ab"
    ]
    told = read(
        block("event: thread.message.delta", *parts, ""),
        block("event: response.output_text.delta", {"delta": "c"}, {"delta": "d"}, ""),
    )
    assert told.text == "abcd"


@pytest.mark.parametrize("name", ["transcript.text.delta", "transcript.text.done", "x", "done"])
def test_a_glued_transcript_is_read(name: str) -> None:
    """It is read, whichever name the block keeps."""
    told = read(
        block(
            {"type": "transcript.text.delta", "delta": "Hi"},
            f"event: {name}",
            {"type": "transcript.text.done", "text": "Hi"},
            "",
        )
    )
    assert told.events[:2] == ["TranscriptTextDelta", "TranscriptTextDone"]
    assert (told.text, told.outcome) == ("Hi", "completed")


def test_events_in_a_list_are_events() -> None:
    """A list of anything else is not."""
    told = read(event([chunk("Hi"), chunk(" you", "stop")]), event([{"x": 1}]), event([1]), DONE)
    assert (told.text, told.outcome) == ("Hi you", "completed")
    assert told.notes == {"glued_events": 1, "unknown_event: message": 2}


def test_a_whole_answer_among_glued_events_loses_none_of_them() -> None:
    """The events that it consists of come before those that follow it."""
    message = {"content": "a"}
    whole = {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }
    other = {"index": 1, "delta": {"content": "b"}, "finish_reason": "stop"}
    rest = {"object": "chat.completion.chunk", "choices": [other]}
    told = read(block(chunk(), whole, rest, rest, "data: [DONE]\n"))
    assert [choice.message.content for choice in told.answer.choices] == ["a", "bb"]


def test_glued_errors_with_content_keep_their_order() -> None:
    """The content beside each error stays in its place."""
    one = {**chunk("a"), "error": {"message": "no"}}
    told = read(block(one, chunk("b"), one, chunk("c", "stop"), ""))
    assert told.text == "abac"


# One line end only.


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_last_two_events_need_no_blank_line(end: str) -> None:
    """The end of the input ends them."""
    told = read(block(chunk("Hi", "stop")) + "data: [DONE]" + end)
    assert told.events == ["ChatCompletionChunk", "DoneEvent"]
    assert (told.text, told.outcome) == ("Hi", "completed")
    assert told.notes == {"glued_events": 1, "unterminated_event": 1}


def test_a_stream_without_blank_lines_is_read() -> None:
    """All of it is read, at the end of the input."""
    told = read(block(*map(chunk, "abc"), chunk("", "stop")))
    assert (told.text, told.outcome) == ("abc", "completed")


class _Broken:
    """A source of *lines* that breaks off."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines

    def __iter__(self) -> Iterator[bytes]:
        for line in self.lines:
            yield line.encode()
        raise ConnectionResetError


@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
def test_a_stream_without_blank_lines_that_breaks_off(driver: Any) -> None:
    """What came is read and judged as ever, but not a single event without its end."""
    a, b, stop = (
        f"data: {json.dumps(one)}\n" for one in (chunk("a"), chunk("b"), chunk("", "stop"))
    )
    for lines, text, outcome in (
        ([a, b], "ab", "failed"),
        ([a, b, 'data: {"object":'], "ab", "failed"),
        ([a, b, stop], "ab", "completed"),
        ([a, 'data: {"error": {"message": "W"}}\n'], "a", "failed"),
        ([a], "", "failed"),
        (["data: {}\n", "data: {}\n"], "", "failed"),
    ):
        s = driver(_Broken(*lines))
        found = "".join([s.text() or "" for _ in iter(s.next, False)])
        assert (found, s.outcome) == (text, outcome)
    s = driver(_Broken(a, b), strict=True)
    assert not s.next()


def test_a_stream_of_named_events_without_blank_lines_is_read() -> None:
    """The payloads say what they are."""
    told = read(
        block("event: thread.run.queued", {**RUN, "status": "queued"}),
        block("event: thread.run.completed", {**RUN, "status": "completed"}),
        block("event: done", "data: [DONE]"),
    )
    assert told.events == ["ThreadRunQueued", "ThreadRunCompleted", "DoneEvent"]


@pytest.mark.parametrize("name", ["", "done", "x"])
def test_the_last_event_needs_no_blank_line(name: str) -> None:
    """Its JSON shows where it ends."""
    told = read(event(chunk("a")), event(chunk("b", "stop"), name).rstrip())
    assert (told.text, told.outcome) == ("ab", "completed")
    assert told.notes.pop("unterminated_event") == 1


@pytest.mark.parametrize("count", [1, 2])
def test_a_piece_that_is_cut_is_truncated(count: int) -> None:
    """The events before it are read."""
    cut = "data: " + json.dumps(chunk("b", "stop"))[:-5]
    told = read(block(*[chunk("a")] * count) + cut)
    assert (told.text, told.outcome) == ("a" * count, "truncated")
    assert isinstance(told.err, TruncatedStreamError)


@pytest.mark.parametrize("data", ["{", "[DONE", "7", '{"x": 1}\ndata: {"y"', "text"])
def test_what_shows_no_event_is_not_read(data: str) -> None:
    """A strict stream does not take glued events apart at all."""
    told = read(event(chunk("a")), f"data: {data}")
    assert (told.text, told.outcome, told.notes) == ("a", "truncated", {})
    glued = read(block(chunk("a"), chunk("b", "stop")), strict=True)
    assert (glued.text, glued.outcome) == ("", "truncated")


@pytest.mark.parametrize(
    "data", ['{"choices":[]}{', '{"choices":[]}', "[DONE][1]", "[1]", "", "{}" * 20_000]
)
def test_unglue_is_all_or_nothing(data: str) -> None:
    """It returns nothing unless the data are several whole events."""
    assert unglue(RawEvent("x", data)) == []
