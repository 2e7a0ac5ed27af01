"""A text is read as one, in whatever form a server of Responses sends it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from readings import event, read

from openai_scan.events import decode
from openai_scan.sse import RawEvent


def end(*output: Any) -> str:
    """Return the event with the whole response."""
    response = {"id": "r", "object": "response", "status": "completed", "output": output}
    return event({"type": "response.completed", "response": response})


def message(content: Any) -> dict[str, Any]:
    """Return a message of the output."""
    return {"type": "message", "id": "m", "role": "assistant", "content": content}


CONTENTS = [
    "Hi",
    ["Hi"],
    ["H", {"type": "text", "text": "i"}],
    {"type": "output_text", "text": "Hi"},
    [{"type": "text", "text": "Hi"}],
    [{"text": "Hi"}],
    [{"type": "output_text", "text": {"value": "Hi"}}],
]


@pytest.mark.parametrize("content", CONTENTS, ids=repr)
def test_content_of_a_message(content: Any) -> None:
    """Its text is read in a whole response, in an item, after its deltas, and in a body."""
    item = message(content)
    done = event({"type": "response.output_item.done", "output_index": 0, "item": item})
    deltas = [event({"type": "response.output_text.delta", "delta": text}) for text in "Hi"]
    body = {"id": "r", "object": "response", "status": "completed", "output": [item]}
    for told in (
        read(end(item)),
        read(done, end()),
        read(done, end(item)),
        read(*deltas, end(item)),
        read(json.dumps(body)),
    ):
        assert (told.text, told.answer.text, told.outcome) == ("Hi", "Hi", "completed")
        assert "text_differs" not in told.notes


@pytest.mark.parametrize("content", ["", None, []])
def test_content_without_anything(content: Any) -> None:
    """Empty content at the end takes nothing back."""
    delta = event({"type": "response.output_text.delta", "delta": "Hi"})
    told = read(delta, end(message(content)))
    assert (told.text, told.answer.text, told.outcome) == ("Hi", "Hi", "completed")


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "response.output_text.delta", "delta": {"text": "Hi"}},
        {"type": "response.output_text.done", "text": {"text": "Hi"}},
        {"type": "response.content_part.done", "part": "Hi"},
        {"type": "response.content_part.done", "part": {"type": "text", "text": "Hi"}},
    ],
    ids=repr,
)
def test_text_in_an_event(payload: Any) -> None:
    """A text may be an object with the text in it."""
    told = read(event(payload), end())
    assert (told.text, told.answer.text, told.outcome) == ("Hi", "Hi", "completed")


def test_what_is_not_text_stays_as_it_is() -> None:
    """Arguments are an object, parts of other types are theirs, and the raw event is the server's.

    The payload is not changed.
    """
    item = {"type": "function_call", "call_id": "c", "name": "f"}
    told = read(
        event({"type": "response.output_item.added", "output_index": 0, "item": item}),
        event({"type": "response.function_call_arguments.delta", "delta": {"text": "x"}}),
        end(message([{"type": "image", "url": "x"}, {"type": ["text"], "text": "x"}])),
    )
    assert [call.arguments for call in told.answer.calls] == ['{"text": "x"}']
    assert told.text == ""
    raw = RawEvent("message", json.dumps({"type": "response.content_part.done", "part": "Hi"}))
    assert decode(raw).raw == raw
    assert decode(RawEvent("response.created", "5")).type == "response.created"


def test_input_of_a_custom_tool_may_be_an_object() -> None:
    """The input is then its JSON text, as with arguments."""
    told = read(end({"type": "custom_tool_call", "call_id": "c", "name": "f", "input": {"a": 1}}))
    assert [call.arguments for call in told.answer.calls] == ['{"a": 1}']
