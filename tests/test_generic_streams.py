"""Streams as classes of their events and of their answer, at run time."""

from __future__ import annotations

import importlib
import typing

import pytest

import openai_scan
from openai_scan import (
    Answer,
    AsyncStreamerV2,
    ChatCompletion,
    DoneEvent,
    ErrorEvent,
    Event,
    RawEvent,
    StreamerV2,
    UnknownEvent,
)


@pytest.mark.parametrize("streamer", [StreamerV2, AsyncStreamerV2])
def test_a_streamer_takes_the_classes_of_its_events_and_its_answer(streamer: typing.Any) -> None:
    """A program can make an alias; what is left out is an answer of any API."""
    assert typing.get_args(streamer[DoneEvent, ChatCompletion]) == (DoneEvent, ChatCompletion)
    assert typing.get_args(streamer[DoneEvent])[0] is DoneEvent  # Python 3.10 adds no default


def test_such_a_class_makes_a_stream_like_any_other() -> None:
    """The classes change nothing about what is read."""
    stream = StreamerV2[DoneEvent, Answer]([b"data: [DONE]\n\n"])
    assert type(stream) is StreamerV2
    assert [event.type for event in stream] == ["done"]


def test_an_event_of_no_family_brings_no_calls() -> None:
    """[DONE] has neither calls nor annotations."""
    stream = StreamerV2([b"data: [DONE]\n\n"])
    assert stream.next()
    assert (stream.tool_calls(), stream.annotations()) == (None, None)


@pytest.mark.parametrize("name", ["response.in_progress", "thread.message.created"])
def test_most_events_of_a_family_bring_no_calls(name: str) -> None:
    """What only reports a status has neither calls nor annotations."""
    stream = StreamerV2(
        [b'event: %b\ndata: {"id": "1", "response": {"id": "1"}}\n\n' % name.encode()]
    )
    assert stream.next()
    assert stream.event().type == name
    assert stream.event().family
    assert (stream.tool_calls(), stream.annotations()) == (None, None)


UNIONS = {
    "assistants": ["AssistantEvent"],
    "audio": ["SpeechEvent", "TranscriptEvent"],
    "chat": ["ChatEvent"],
    "completions": ["CompletionEvent"],
    "images": ["ImageEvent"],
    "responses": ["ResponseEvent"],
}


@pytest.mark.parametrize("family", UNIONS)
def test_the_unions_of_a_family_leave_no_event_out(family: str) -> None:
    """They have every event of the family and those of any stream, and nothing else."""
    module = importlib.import_module(f"openai_scan.events.{family}.events")
    of_any_stream = {DoneEvent, ErrorEvent, UnknownEvent}
    found = set()
    for name in UNIONS[family]:
        union = getattr(openai_scan, name)
        assert of_any_stream < set(typing.get_args(union))
        assert isinstance(DoneEvent(raw=RawEvent("done", "[DONE]")), union)
        found |= set(typing.get_args(union))
    defined = {
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Event) and each.wire_name
    }
    assert found == defined | of_any_stream
