"""A whole answer that comes in place of a stream, and the events that are made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_scan.sse import RawEvent
from openai_scan.transport.whole_answers import as_stream

DONE = RawEvent("message", "[DONE]")


def events(payload: Any) -> list[tuple[str, Any]]:
    """Return the names of the events of *payload*, and what their data say."""
    found = as_stream(json.dumps(payload).encode())
    return [(one.type, one.data if one == DONE else json.loads(one.data)) for one in found]


def test_a_transcription_is_one_event_and_an_end() -> None:
    """The event has the whole answer, and its name as the type."""
    assert events({"text": "Hi", "usage": {"seconds": 1}}) == [
        (
            "transcript.text.done",
            {"text": "Hi", "usage": {"seconds": 1}, "type": "transcript.text.done"},
        ),
        ("message", "[DONE]"),
    ]


def test_each_image_has_what_was_said_once_for_all() -> None:
    """Each event has the facts about all images; those of the image itself count more."""
    facts = {
        "size": "1x1",
        "quality": "low",
        "background": "opaque",
        "output_format": "png",
        "usage": {"total_tokens": 3},
    }
    images = [{"b64_json": "YQ=="}, {"b64_json": "Yg==", "size": "2x2"}]
    assert events({"created": 7, "data": images, **facts}) == [
        (
            "image_generation.completed",
            {**facts, **image, "type": "image_generation.completed"},
        )
        for image in images
    ]


def test_any_other_answer_has_the_events_of_its_family() -> None:
    """A chat completion becomes the events of a chat stream."""
    message = {"role": "assistant", "content": "Hi"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {"id": "c", "object": "chat.completion", "choices": [choice]}
    found = events(answer)
    assert found[-1] == ("message", "[DONE]")
    assert {data["object"] for _, data in found[:-1]} == {"chat.completion.chunk"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"\\xff",
        b"[" * 200 + b"]" * 200,
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"text": 1}',
        b'{"object": "text", "text": "a"}',
        b'{"error": {"message": "no"}, "text": "Hi"}',
        b'{"error": "no", "data": [{"b64_json": "YQ=="}]}',
        b'{"data": []}',
        b'{"data": [{"url": "https://a"}]}',
        b'{"data": {"b64_json": "YQ=="}}',
        b'{"data": [{"b64_json": 1}]}',
    ],
)
def test_what_is_unknown_or_an_error_has_no_events(body: bytes) -> None:
    """There are no events, and the exchange reports what it is."""
    assert as_stream(body) == []


@pytest.mark.parametrize("nothing", [None, "", {}, False])
def test_an_error_that_says_nothing_is_none(nothing: Any) -> None:
    """An empty `error` is ignored, as some servers always send the field."""
    assert [name for name, _ in events({"error": nothing, "text": "Hi"})] == [
        "transcript.text.done",
        "message",
    ]
