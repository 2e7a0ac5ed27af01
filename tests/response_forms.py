"""Whole responses, and the many ways in which a server can send one."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs
from folding import wire
from hypothesis import strategies as st

from openai_scan import StreamerV2

Draw = Callable[..., Any]

USAGE = {
    "input_tokens": 5,
    "input_tokens_details": {"cached_tokens": 2},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 12,
}


def event(name: str, /, **payload: Any) -> dict[str, Any]:
    """Return the event `response.<name>`."""
    return {"type": f"response.{name}", **payload}


def response(name: str, /, **payload: Any) -> dict[str, Any]:
    """Return an event with the response."""
    return event(name, response={"id": "r", "object": "response", "status": name, **payload})


def message(*texts: Any, id: str = "m", **fields: Any) -> dict[str, Any]:
    """Return a message: each text is a part, a dict is a part as it is."""
    content = [
        text if isinstance(text, dict) else {"type": "output_text", "text": text} for text in texts
    ]
    return {"type": "message", "role": "assistant", "id": id, "content": content, **fields}


def reasoning(*texts: str, summary: Sequence[str] = (), id: str = "rs") -> dict[str, Any]:
    """Return an item of reasoning."""
    return {
        "type": "reasoning",
        "id": id,
        "summary": [{"type": "summary_text", "text": text} for text in summary],
        "content": [{"type": "reasoning_text", "text": text} for text in texts],
    }


def call(arguments: Any = "{}", call_id: str = "c", **fields: Any) -> dict[str, Any]:
    """Return a function call."""
    known = {"type": "function_call", "id": "fc", "call_id": call_id, "name": "f"}
    return {**known, "arguments": arguments, "status": "completed", **fields}


def custom(input: Any = "x", call_id: str = "c", **fields: Any) -> dict[str, Any]:
    """Return a call of a custom tool."""
    known = {"type": "custom_tool_call", "id": "ct", "call_id": call_id, "name": "g"}
    return {**known, "input": input, "status": "completed", **fields}


def added(item: Any, index: int | None = 0, **fields: Any) -> dict[str, Any]:
    """Return the event that announces *item*."""
    return event("output_item.added", output_index=index, item=item, **fields)


def done(item: Any, index: int | None = 0, **fields: Any) -> dict[str, Any]:
    """Return the event that brings the whole *item*."""
    return event("output_item.done", output_index=index, item=item, **fields)


@attrs.frozen
class Told:
    """What a reader was told by a stream.

    Attributes:
        stream: The stream, after its end.
        text: What `text()` handed out, likewise *reasoning* and *refusal*.
        calls: The text of the pieces of each call, by id and name.
        images: The images.
        events: The joined pieces of each event.
    """

    stream: StreamerV2
    text: str
    reasoning: str
    refusal: str
    calls: dict[tuple[str, str], str]
    images: list[str]
    events: list[str]

    @property
    def answer(self) -> Any:
        """The answer."""
        return self.stream.snapshot()


def tell(*payloads: Any) -> Told:
    """Read the events *payloads*."""
    stream = StreamerV2(wire(*payloads), require_terminal=False)
    said: dict[str, str] = defaultdict(str)
    asked: dict[str, str] = defaultdict(str)
    calls: dict[tuple[str, str], str] = defaultdict(str)
    images: list[str] = []
    events: list[str] = []
    while stream.next():
        asked["text"] += stream.text() or ""
        asked["reasoning"] += stream.reasoning_text() or ""
        asked["refusal"] += stream.refusal() or ""
        events.append("".join(piece.text for piece in stream.pieces()))
        for piece in stream.pieces():
            if piece.kind == "call":
                calls[piece.call_id, piece.name] += piece.text
            elif piece.kind == "image":
                images.append(piece.text)
            else:
                said[piece.kind] += piece.text
    assert {kind: text for kind, text in asked.items() if text} == {
        kind: text for kind, text in said.items() if text and kind in asked
    }
    return Told(
        stream, asked["text"], asked["reasoning"], asked["refusal"], dict(calls), images, events
    )


# Any response.

_words = st.text("ab ☃\U0001f600", min_size=1, max_size=6)

_arguments = st.dictionaries(st.sampled_from("xy"), _words | st.integers(0, 99)).map(json.dumps)

_part = _words | _words.map(lambda text: {"type": "refusal", "refusal": text})

_item = st.one_of(
    st.lists(_part, min_size=1, max_size=3).map(lambda parts: message(*parts)),
    st.builds(
        lambda texts, summary: reasoning(*texts, summary=summary),
        st.lists(_words, max_size=2),
        st.lists(_words, max_size=2),
    ),
    _arguments.map(call),
    _words.map(custom),
)


def _numbered(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return *items* with ids of their own."""
    return [
        {**item, "id": f"i{number}"}
        | ({"call_id": f"c{number}"} if "call_id" in item else {})
        | ({"status": "completed"} if item["type"] == "message" else {})
        for number, item in enumerate(items)
    ]


outputs = st.lists(_item, min_size=1, max_size=4).map(_numbered)
"""The output of a response."""


def facts(output: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what a reader of *output* has to be told."""
    parts = [
        part for item in output for key in ("summary", "content") for part in item.get(key, ())
    ]
    joined = {
        kind: "".join(
            part.get("text", part.get("refusal", "")) for part in parts if part["type"] in types
        )
        for kind, types in (
            ("text", ["output_text"]),
            ("refusal", ["refusal"]),
            ("reasoning", ["summary_text", "reasoning_text"]),
        )
    }
    calls = {
        (item["call_id"], item["name"]): item.get("arguments", item.get("input"))
        for item in output
        if "call_id" in item
    }
    return {**joined, "calls": calls}


# Any form of it.

# How an item is sent: announced empty, then in its parts, then whole; only announced, whole; only
# whole at its end; both; or announced whole, then in its parts, then whole.
_FORMS = ["parts", "added", "done", "both", "all"]

_NAMES = {
    "output_text": "output_text",
    "refusal": "refusal",
    "reasoning_text": "reasoning_text",
    "summary_text": "reasoning_summary_text",
    "function_call": "function_call_arguments",
    "custom_tool_call": "custom_tool_call_input",
}


@st.composite
def forms(draw: Draw, output: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return events that are all of *output*, in one of the forms that servers use."""
    is_indexed, has_ids = draw(st.booleans()), draw(st.booleans())
    events = [response("created", status="in_progress", output=[])] * draw(st.integers(0, 1))
    # Without either, you cannot tell which announcement belongs to an end.
    choices = [_FORMS] if is_indexed or has_ids else [["parts", "both", "all"], ["added"], ["done"]]
    allowed = draw(st.sampled_from(choices))
    is_told = draw(st.booleans())  # by more than the response at the end
    for index, item in enumerate(output if is_told else ()):
        place = {"output_index": index} if is_indexed else {}
        sent = item if has_ids else {key: value for key, value in item.items() if key != "id"}
        form = draw(st.sampled_from(allowed))
        events += _item_events(draw, form, sent, place, {"item_id": item["id"]} if has_ids else {})
    last = draw(st.sampled_from(["whole", "empty", "less"])) if is_told else "whole"
    ending = {"whole": list(output), "empty": [], "less": [_emptied(item) for item in output]}
    events.append(response("completed", output=ending[last], usage=USAGE))
    return events


def _item_events(
    draw: Draw, form: str, item: dict[str, Any], place: dict[str, Any], ids: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the events of an item."""
    if form != "done":
        whole = form in ("added", "both", "all")
        yield event(
            "output_item.added", item=item if whole else _emptied(item, "in_progress"), **place
        )
    if form in ("parts", "all"):
        yield from _text_events(draw, item, {**place, **ids})
    if form != "added":
        poor = form != "done" and draw(st.booleans())
        yield event("output_item.done", item=_emptied(item) if poor else item, **place)


def _text_events(
    draw: Draw, item: dict[str, Any], place: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the events of the texts of an item that has been announced."""
    if "call_id" in item:
        key = "arguments" if item["type"] == "function_call" else "input"
        yield from _play(draw, item["type"], key, item[key], place)
        return
    is_numbered = draw(st.booleans())
    for key, number in (("summary", "summary_index"), ("content", "content_index")):
        for index, part in enumerate(item.get(key, ())):
            at = {**place, number: index} if is_numbered else place
            name = "reasoning_summary_part" if key == "summary" else "content_part"
            text_key = "refusal" if part["type"] == "refusal" else "text"
            form = draw(st.sampled_from(["texts", "added", "done", "all"]))
            yield event(
                f"{name}.added", part={**part, text_key: ""} if form != "added" else part, **at
            )
            if form in ("texts", "all"):
                yield from _play(draw, part["type"], text_key, part[text_key], at)
            poor = form != "done" and draw(st.booleans())
            yield event(f"{name}.done", part={**part, text_key: ""} if poor else part, **at)


def _play(
    draw: Draw, kind: str, key: str, text: str, place: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield deltas, split anywhere, and the end, or only one of both, or deltas without a tail."""
    name = _NAMES[kind]
    sent = draw(st.integers(0, len(text)))
    ends = sent < len(text) or draw(st.booleans())
    for piece in _split(draw, text[:sent]):
        yield event(f"{name}.delta", delta=piece, **place)
    if ends:
        yield event(f"{name}.done", **{key: text}, **place)


def _split(draw: Draw, text: str) -> list[str]:
    """Return *text* in pieces."""
    if not text:
        return []
    cuts = sorted(draw(st.sets(st.integers(1, len(text)), max_size=3)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _emptied(item: dict[str, Any], status: str = "completed") -> dict[str, Any]:
    """Return *item* without what its own events bring."""
    empty = {
        "arguments": "",
        "input": "",
        "content": [],
        "summary": [],
        "status": status,
    }
    return {key: empty.get(key, value) for key, value in item.items()}
