"""Structured output is read from the final answer; what a model says on the way to it is text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from openai_scan import DecodeError, StreamerV2

ANSWER = '{"city": "Oslo"}'


@attrs.frozen
class City:
    """A city."""

    city: str


def item(number: int, text: str, phase: str | None, **more: Any) -> dict[str, Any]:
    """Return a message, without a phase if that is None."""
    content = [{"type": "output_text", "text": text, "annotations": []}] if text else []
    said = {"type": "message", "id": f"m{number}", "role": "assistant", "content": content}
    return {**said, **({} if phase is None else {"phase": phase}), **more}


def added(number: int, phase: str | None) -> dict[str, Any]:
    """Return the event that announces a message."""
    announced = item(number, "", phase, status="in_progress")
    return {"type": "response.output_item.added", "output_index": number, "item": announced}


def deltas(number: int, text: str, *names: str) -> list[dict[str, Any]]:
    """Return the deltas of a text, one for each character, which take the short way."""
    place = {"output_index": number, "item_id": f"m{number}", "content_index": 0}
    kept = {name: place[name] for name in names or place}
    return [{"type": "response.output_text.delta", **kept, "delta": letter} for letter in text]


def done(number: int, text: str, phase: str | None) -> dict[str, Any]:
    """Return the event that ends a message."""
    ended = item(number, text, phase)
    return {"type": "response.output_item.done", "output_index": number, "item": ended}


def completed(*output: dict[str, Any]) -> dict[str, Any]:
    """Return the event that ends a response."""
    response = {"id": "r", "object": "response", "status": "completed", "output": [*output]}
    return {"type": "response.completed", "response": response}


DRAFTS = ("Let me look.", '{"city": "Draft"}')


def announced(draft: str) -> list[dict[str, Any]]:
    """Return a response whose phases come first."""
    return [
        added(0, "commentary"),
        *deltas(0, draft),
        done(0, draft, "commentary"),
        added(1, "final_answer"),
        *deltas(1, ANSWER),
        done(1, ANSWER, "final_answer"),
        completed(item(0, draft, "commentary"), item(1, ANSWER, "final_answer")),
    ]


def by_index(draft: str) -> list[dict[str, Any]]:
    """Return a response whose deltas have indexes only."""
    return [
        added(0, "commentary"),
        *deltas(0, draft, "output_index"),
        added(1, None),
        *deltas(1, ANSWER, "output_index"),
        completed(),
    ]


def by_id(draft: str) -> list[dict[str, Any]]:
    """Return a response whose deltas have item ids, and no indexes."""
    events = [
        added(0, "commentary"),
        *deltas(0, draft, "item_id"),
        done(0, draft, None),
        added(1, "final_answer"),
        *deltas(1, ANSWER, "item_id"),
        done(1, ANSWER, None),
        completed(),
    ]
    return [{key: value for key, value in e.items() if key != "output_index"} for e in events]


def told_late(draft: str) -> list[dict[str, Any]]:
    """Return a response that reports the phase of an item after its text."""
    return [
        added(0, None),
        *deltas(0, draft),
        done(0, draft, "commentary"),
        added(1, None),
        *deltas(1, ANSWER),
        done(1, ANSWER, "final_answer"),
        completed(),
    ]


def told_last(draft: str) -> list[dict[str, Any]]:
    """Return a response that reports the phases in its last event only."""
    return [
        *deltas(0, draft),
        *deltas(1, ANSWER),
        completed(item(0, draft, "commentary"), item(1, ANSWER, "final_answer")),
    ]


def answered_first(draft: str) -> list[dict[str, Any]]:
    """Return a response with a comment after the answer."""
    return [
        added(0, None),
        *deltas(0, ANSWER),
        added(1, "commentary"),
        *deltas(1, draft),
        completed(),
    ]


def an_index_twice(draft: str) -> list[dict[str, Any]]:
    """Return a response of a server that gives two items one index."""
    second = {**added(1, "final_answer"), "output_index": 0}
    return [
        added(0, "commentary"),
        *deltas(0, draft),
        done(0, draft, "commentary"),
        second,
        *({**delta, "output_index": 0} for delta in deltas(1, ANSWER)),
        completed(item(0, draft, "commentary"), item(1, ANSWER, "final_answer")),
    ]


def only_the_answer_named(draft: str, phase: str | None = None) -> list[dict[str, Any]]:
    """Return a response whose comment says nothing about its phase, or has a phase of its own."""
    return [
        added(0, phase),
        *deltas(0, draft),
        done(0, draft, phase),
        added(1, "final_answer"),
        *deltas(1, ANSWER),
        *deltas(0, "?", "item_id"),
        done(1, ANSWER, "final_answer"),
        completed(item(0, draft, phase), item(1, ANSWER, "final_answer")),
    ]


def another_phase(draft: str) -> list[dict[str, Any]]:
    """Return a response with an unknown phase."""
    return only_the_answer_named(draft, "analysis")


def whole(draft: str) -> list[dict[str, Any]]:
    """Return a response that comes whole, in one event."""
    return [completed(item(0, draft, "commentary"), item(1, ANSWER, None))]


def not_streamed(draft: str) -> list[dict[str, Any]]:
    """Return a response that is not a stream."""
    response: dict[str, Any] = whole(draft)[0]["response"]
    return [response]


FORMS = [
    announced,
    by_index,
    by_id,
    told_late,
    told_last,
    answered_first,
    an_index_twice,
    only_the_answer_named,
    another_phase,
    whole,
    not_streamed,
]


def stream_of(payloads: list[dict[str, Any]]) -> StreamerV2:
    """Return a stream of *payloads*."""
    return StreamerV2([b"data: %b\n\n" % json.dumps(payload).encode() for payload in payloads])


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("form", FORMS)
def test_the_answer_is_read(form: Callable[[str], list[dict[str, Any]]], draft: str) -> None:
    """However the response reports its phases; the text still has the commentary as well."""
    s = stream_of(form(draft))
    while s.next():
        pass
    assert s.err() is None
    assert s.final_as(City) == City("Oslo")
    assert draft in s.final().text
    assert s.partial() == {"city": "Oslo"}


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("form", FORMS)
def test_the_answer_grows(form: Callable[[str], list[dict[str, Any]]], draft: str) -> None:
    """At every step; a comment that is known as one from its start is never shown."""
    s = stream_of(form(draft))
    seen = []
    while s.next():
        seen.append(json.dumps(s.partial()))
    assert s.err() is None
    assert s.partial() == {"city": "Oslo"}
    if form in (announced, by_index, by_id, answered_first, an_index_twice, whole):
        assert not any("Draft" in one or "Dr" in one for one in seen)


def test_asking_late_is_asking() -> None:
    """The answer can be asked for even while a later comment arrives."""
    s = stream_of(answered_first(DRAFTS[1]))
    for _ in range(25):
        assert s.next()
    assert s.partial() == {"city": "Oslo"}
    while s.next():
        assert s.partial() == {"city": "Oslo"}


def test_comments_alone_are_no_answer() -> None:
    """A comment is not the answer, even if it is JSON."""
    s = stream_of([completed(item(0, ANSWER, "commentary"))])
    while s.next():
        pass
    with pytest.raises(DecodeError, match="is not JSON"):
        s.final_as(City)


def test_messages_without_phases_are_one_answer() -> None:
    """Their texts together are the answer."""
    s = stream_of([completed(item(0, '{"city": ', None), item(1, '"Oslo"}', None))])
    while s.next():
        pass
    assert s.final_as(City) == City("Oslo")


def test_a_number_that_only_python_knows_is_not_an_answer() -> None:
    """JSON has neither NaN nor Infinity."""
    s = stream_of([completed(item(0, '{"city": NaN}', None))])
    while s.next():
        pass
    with pytest.raises(
        DecodeError, match=r"is not JSON \(outcome: completed\): NaN is not a JSON value"
    ):
        s.final_as(City)
