"""From a raw event to a typed one: any name and any data give an event."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import openai_scan.events
from openai_scan import (
    DecodeError,
    DoneEvent,
    ErrorEvent,
    Event,
    ThreadMessageDelta,
    ThreadRunCreated,
    UnknownEvent,
)
from openai_scan.events import decode, unglue
from openai_scan.sse import RawEvent


@pytest.mark.parametrize(
    "raw",
    [
        RawEvent("done", "[DONE]"),
        RawEvent("message", "[DONE]"),
        RawEvent("message", "[DONE] "),
        RawEvent("message", "  [DONE]\n"),
        RawEvent("thread.run.completed", "[DONE]"),
        RawEvent("error", "[DONE]"),
        RawEvent("done", ""),
        RawEvent("done", "{}"),
        RawEvent("done", "bye"),
    ],
    ids=repr,
)
def test_done_is_recognized_by_its_name_or_its_data(raw: RawEvent) -> None:
    """B27: an event named `done`, or data of `[DONE]` with any space around, is the end."""
    event = decode(raw)
    assert event == DoneEvent(raw=raw)
    assert event.type == "done"
    assert event.raw is raw


@pytest.mark.parametrize("data", ['"[DONE]"', "[done]", "[DONE]x", "DONE", "[ DONE ]"])
def test_what_only_looks_like_done_is_not_the_end(data: str) -> None:
    """Other data do not end a stream, however much they look like `[DONE]`."""
    assert type(decode(RawEvent("message", data))) is UnknownEvent


def test_text_that_contains_done_is_text() -> None:
    """B27: an answer that speaks of `[DONE]` is an answer."""
    part = {"index": 0, "type": "text", "text": {"value": "[DONE]"}}
    event = decode(
        RawEvent("thread.message.delta", json.dumps({"id": "m", "delta": {"content": [part]}}))
    )
    assert isinstance(event, ThreadMessageDelta)
    assert event.unwrap_text() == "[DONE]"


@pytest.mark.parametrize("name", ["message", "thread.run.created", "thread.brand.new"])
@pytest.mark.parametrize("data", ["hello", "{", '{"id": "r"', "nul", "{'id': 1}", "\ufeff{}"])
def test_data_that_are_no_json_are_malformed(name: str, data: str) -> None:
    """Data that should be JSON and are not give an unknown event with the text and an error."""
    event = decode(RawEvent(name, data))
    assert isinstance(event, UnknownEvent)
    assert event.type == name
    assert event.payload == data
    assert isinstance(event.error, DecodeError)
    assert str(event.error).startswith(f"{name}: the data are not JSON: ")
    assert isinstance(event.error.__cause__, ValueError)


@pytest.mark.parametrize("data", ["hello", "pong", "{"])
def test_unknown_event_may_carry_any_text(data: str) -> None:
    """The data of an unknown event need not be JSON: it is unknown, not malformed."""
    event = decode(RawEvent("ping", data))
    assert event == UnknownEvent(data, raw=event.raw)
    assert isinstance(event, UnknownEvent)
    assert event.error is None
    assert event.type == "ping"


@pytest.mark.parametrize(
    ("name", "data", "type"),
    [
        ("message", '{"type": "ping"}', "ping"),
        ("message", '{"object": "dream"}', "dream"),
        ("message", '{"object": "dream", "type": "nightmare"}', "nightmare"),
        ("message", '{"type": 5, "object": "dream"}', "dream"),
        ("message", '{"type": 5}', "message"),
        ("message", '{"id": "z"}', "message"),
        ("message", "{}", "message"),
        ("message", "[]", "message"),
        ("message", "5", "message"),
        ("message", "null", "message"),
        ("keepalive", '{"type": "keepalive", "sequence_number": 3}', "keepalive"),
        ("keepalive", '{"type": "ping"}', "keepalive"),
        ("thread.brand.new", '{"id": "z", "object": "thread.run"}', "thread.brand.new"),
        ("threads", "{}", "threads"),
        ("", "{}", ""),
    ],
)
def test_unknown_event_keeps_name_and_payload(name: str, data: str, type: str) -> None:
    """B24: an event without a class is named by the wire, or else by its payload."""
    event = decode(RawEvent(name, data))
    assert isinstance(event, UnknownEvent)
    assert event.type == type
    assert event.payload == json.loads(data)
    assert event.error is None
    assert event.raw == RawEvent(name, data)


@pytest.mark.parametrize(
    "data",
    [
        '{"event": "thread.run.created", "data": "[DONE]"}',
        '{"event": "thread.run.created"}',
        '{"event": 5, "data": {"id": "r"}}',
    ],
)
def test_what_only_looks_like_an_envelope_is_unknown(data: str) -> None:
    """An envelope has a name and an object; anything less is an unknown event."""
    assert type(decode(RawEvent("message", data))) is UnknownEvent


def test_named_event_is_not_looked_into() -> None:
    """The wire name takes precedence over what the payload says."""
    event = decode(RawEvent("thread.run.created", '{"id": "r", "object": "error", "error": "no"}'))
    assert type(event) is ThreadRunCreated


def test_huge_number_is_a_malformed_event() -> None:
    """A number with more digits than Python parses does not crash the decoder."""
    event = decode(RawEvent("thread.run.created", '{"id": "r", "created_at": ' + "9" * 5000 + "}"))
    assert event.type == "thread.run.created"


def test_event_without_a_class_answers_nothing() -> None:
    """An unknown event has no answer to any question."""
    event = decode(RawEvent("message", '{"id": "z", "usage": {"total_tokens": 1}}'))
    questions = [name for name in dir(Event) if name.startswith("unwrap_")]
    assert len(questions) >= 10
    assert [getattr(event, question)() for question in questions] == [None] * len(questions)
    assert event.stream_parts() == ()
    assert event.stream_error() is None


@settings(deadline=None)
@given(
    st.text()
    | st.sampled_from(
        [
            "message",
            "error",
            "done",
            "thread.created",
            "thread.run.created",
            "thread.run.step.delta",
            "thread.message.delta",
        ]
    ),
    st.text()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "object", "type", "event", "data", "error", "delta"])
                | st.text(),
                inner | st.sampled_from(["thread", "thread.run", "thread.message.delta"]),
                max_size=4,
            )
        ),
        max_leaves=10,
    ).map(json.dumps),
)
def test_any_raw_event_is_an_event(name: str, data: str) -> None:
    """`decode()` never raises, and the event always has its raw event."""
    raw = RawEvent(name, data)
    event = decode(raw)
    assert event.raw is raw
    assert isinstance(event.type, str)
    assert isinstance(event, DoneEvent | ErrorEvent | UnknownEvent) or event.type.startswith(
        "thread."
    )


# Modules.


def test_event_classes_are_found_in_events() -> None:
    """`openai_scan.events` has the event classes of the families, and raises for other names."""
    assert openai_scan.events.ThreadMessageDelta is ThreadMessageDelta
    for name in ("ThreadNonsense", "nonsense"):
        with pytest.raises(AttributeError, match=name):
            getattr(openai_scan.events, name)


def test_family_that_no_stream_has_shown_is_not_imported() -> None:
    """A family is imported with its first event, so unused families cost nothing."""
    script = """
import sys
from openai_scan.events import decode
from openai_scan.sse import RawEvent

def loaded():
    return "openai_scan.events.assistants" in sys.modules

decode(RawEvent("message", "[DONE]"))
decode(RawEvent("error", "{}"))
decode(RawEvent("message", '{"type": "ping"}'))
print(loaded())
decode(RawEvent("thread.created", '{"id": "t"}'))
print(loaded())
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True"]


@pytest.mark.parametrize(
    ("data", "pieces"),
    [
        ('{"a":1}{"b":2}', ['{"a":1}', '{"b":2}']),
        ('{"a":1}\ndata: [DONE]', ['{"a":1}', "[DONE]"]),
        ('{"a":1}', []),
        ("[DONE]", []),
        ("", []),
        ('{"a":1}{', []),
        ('{"a":1} x', []),
        ("{}" * 10_001, []),
        ('{"a":' * 1000, []),
    ],
    ids=lambda value: str(value)[:20],
)
def test_glued_events_are_taken_apart(data: str, pieces: list[str]) -> None:
    """Objects and [DONE] in a row are split, but at most 10,000 of them."""
    found = unglue(RawEvent("chunk", data, "7"))
    assert found == [RawEvent("message", piece, "7") for piece in pieces]
