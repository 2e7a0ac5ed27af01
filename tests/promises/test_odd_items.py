"""One odd item in a list costs that item, and a number that came as text is a number."""

from __future__ import annotations

import json
from typing import Any

import pytest
from readings import DONE, chunk, event, read

from openai_scan import (
    ChatCompletionChunk,
    Completion,
    Event,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    UnknownEvent,
)
from openai_scan.events import decode
from openai_scan.events.decoding.structure import Structurer
from openai_scan.sse import RawEvent

CALL = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}


def decoded(payload: Any, *, strict: bool = False) -> Event:
    """Return the event of *payload*."""
    return decode(RawEvent("message", json.dumps(payload)), Structurer(strict=strict))


@pytest.mark.parametrize("odd", [None, 5, "x", [], True])
@pytest.mark.parametrize("first", [True, False])
def test_an_odd_item_goes_alone(odd: Any, *, first: bool) -> None:
    """The call and the choice beside the odd items stay, and both odd items are noted."""
    calls = [odd, CALL] if first else [CALL, odd]
    choice = {"index": 0, "delta": {"tool_calls": calls}, "finish_reason": "tool_calls"}
    choices = [odd, choice] if first else [choice, odd]
    told = read(event({"object": "chat.completion.chunk", "choices": choices}), DONE)
    assert [call.id for call in told.answer.choices[0].message.tool_calls] == ["c"]
    assert told.notes == {
        "skipped_field: ChatCompletionChunk $.choices[]": 1,
        "skipped_field: ChatCompletionChunk $.choices[].delta.tool_calls[]": 1,
    }


@pytest.mark.parametrize("odd", [None, 5, "x"])
def test_an_odd_choice_of_a_whole_answer_has_no_number(odd: Any) -> None:
    """The choice after it is choice 0, as it would be in a stream."""
    answer = {"object": "chat.completion", "choices": [odd, {"message": {"content": "Hi"}}]}
    assert read(event(answer), DONE).text == read(json.dumps(answer)).text == "Hi"


@pytest.mark.parametrize("odd", [None, 5, "https://b"])
def test_an_odd_source_goes_alone(odd: Any) -> None:
    """The sources of a web search that can be read are kept."""
    sources = [odd, {"type": "url", "url": "https://a"}]
    action = {"type": "search", "query": "q", "sources": sources}
    item = {"type": "web_search_call", "id": "w", "status": "completed", "action": action}
    found = decoded({"type": "response.output_item.done", "item": item})
    assert isinstance(found, ResponseOutputItemDone)
    assert [one.url for one in found.item.action.sources] == ["https://a"]  # type: ignore[union-attr]


def test_an_odd_value_that_is_needed_is_refused() -> None:
    """There is no list that it could be left out of, so the event is unknown."""
    found = decoded({"type": "response.output_item.done", "item": 5})
    assert isinstance(found, UnknownEvent)
    assert found.error is not None


def test_a_log_probability_may_be_null() -> None:
    """That of the first token of an echoed prompt is null, and keeps its place."""
    logprobs = {"tokens": ["a", "b"], "token_logprobs": [None, -2.5], "text_offset": [0, 1]}
    payload = {"object": "text_completion", "choices": [{"text": "ab", "logprobs": logprobs}]}
    found = decoded(payload, strict=True)
    assert isinstance(found, Completion)
    assert found.choices[0].logprobs is not None
    assert found.choices[0].logprobs.token_logprobs == (None, -2.5)


def test_too_many_odd_items_are_one_fault() -> None:
    """With more than 100 of them, the whole list is left out."""
    found = decoded({"choices": [1] * 101 + [{"index": 0}]})
    assert isinstance(found, ChatCompletionChunk)
    assert found.choices == ()
    found = decoded({"choices": [1] * 100 + [{"index": 0}]})
    assert isinstance(found, ChatCompletionChunk)
    assert len(found.choices) == 1


# Numbers.


@pytest.mark.parametrize("zero", [0, "0", 0.0])
def test_indexes_may_be_text(zero: Any) -> None:
    """They tell the choices and calls apart all the same, strictly too."""
    one = type(zero)(1)
    calls = [
        {"index": zero, "id": "a", "function": {"name": "f", "arguments": "{}"}},
        {"index": one, "id": "b", "function": {"name": "g", "arguments": "{}"}},
    ]
    payload = {
        "object": "chat.completion.chunk",
        "choices": [
            {"index": one, "delta": {"content": "b"}, "finish_reason": "stop"},
            {
                "index": zero,
                "delta": {"content": "a", "tool_calls": calls},
                "finish_reason": "stop",
            },
        ],
    }
    told = read(event(payload), DONE, strict=True)
    assert [choice.message.content for choice in told.answer.choices] == ["a", "b"]
    assert [call.id for call in told.answer.choices[0].message.tool_calls] == ["a", "b"]
    assert told.notes == {}


@pytest.mark.parametrize("index", ["", "-1", "x", "1.0", "²", "9" * 19, None, 0.5, True, [0]])
def test_what_is_not_an_index_is_none(index: Any) -> None:
    """It is left out and noted; null is only left out."""
    told = read(event({"type": "response.output_text.delta", "delta": "a", "output_index": index}))
    assert told.text == "a"
    assert len(told.notes) == (index is not None)


def test_numbers_of_events_may_be_text() -> None:
    """Also in events that repeat each other, which are decoded in another way."""
    for number in range(1, 9):
        payload = {
            "type": "response.output_text.delta",
            "delta": f"a{number}",
            "output_index": "0",
            "content_index": "1",
            "sequence_number": str(number),
        }
        found = decoded(payload)
        assert isinstance(found, ResponseOutputTextDelta)
        assert (found.output_index, found.content_index, found.sequence_number) == (0, 1, number)


def test_repeated_events_with_text_as_index_are_the_same() -> None:
    """Decoded with what was learned, they are the same as without, at whatever index."""
    structure = Structurer()
    for number in range(20):
        payload = chunk(f"a{number}")
        payload["choices"][0]["index"] = str(number // 5)
        raw = RawEvent("message", json.dumps(payload))
        assert decode(raw, structure) == decode(raw)
        assert type(decode(raw).choices[0].index) is int  # type: ignore[attr-defined]


def test_created_is_not_an_index() -> None:
    """Numbers other than indexes are what they are in JSON."""
    assert isinstance(decoded({**chunk("a"), "created": "1"}, strict=True), UnknownEvent)


@pytest.mark.parametrize("arguments", [{"to": "bob"}, '{"to": "bob"}'])
def test_arguments_may_be_an_object(arguments: Any) -> None:
    """It becomes its JSON text, in a delta and at the end."""
    delta = decoded({"type": "response.function_call_arguments.delta", "delta": arguments})
    assert isinstance(delta, ResponseFunctionCallArgumentsDelta)
    assert delta.delta == '{"to": "bob"}'
    done = decoded({"type": "response.function_call_arguments.done", "arguments": arguments})
    assert isinstance(done, ResponseFunctionCallArgumentsDone)
    assert done.arguments == '{"to": "bob"}'
