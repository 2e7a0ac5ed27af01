"""What an agent says and does is told once and whole, in whatever form its session sends it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from agent_events import (
    ROOT_TURN,
    begun,
    call,
    ended,
    event,
    item,
    message,
    part,
    session,
    summary,
    told,
    turn,
    waiting,
)
from folding import answer, pieces, read, wire
from hypothesis import given
from hypothesis import strategies as st

from openai_scan import APIError, StreamerV2
from openai_scan.events.agents import (
    CommandExecutionItem,
    FunctionCallItem,
    OutputText,
    ReasoningItem,
    SessionMessage,
)
from openai_scan.values import Piece

USERS = {"type": "message", "role": "user", "id": "u", "turn_id": ROOT_TURN}


def reasoning(id: str, *texts: str, **facts: Any) -> Any:
    """Return an item of reasoning."""
    parts = [{"type": "summary_text", "text": text} for text in texts]
    known = {"type": "reasoning", "id": id, "turn_id": ROOT_TURN, "status": "completed"}
    return {**known, "summary": parts, **facts}


def said(id: str, *texts: str, **facts: Any) -> Any:
    """Return a message with several parts."""
    parts = [{"type": "output_text", "text": text} for text in texts]
    return message(id, **{"status": "completed", "content": parts, **facts})


def command(id: str, output: str | None, **facts: Any) -> Any:
    """Return a command with what it has printed."""
    known = {"type": "command_execution", "id": id, "command": "ls", "turn_id": ROOT_TURN}
    return {**known, "status": "completed", "output": output, **facts}


def printed(id: str, text: str, **facts: Any) -> Any:
    """Return an event with a piece of what a command prints."""
    known = {**event(""), "type": "agent.output.command_execution_output.delta"}
    return {**known, "item_id": id, "delta": text, **facts}


# One item, in one form.


@pytest.mark.parametrize("name", ["added", "done"])
def test_an_item_that_comes_as_a_whole_is_told(name: str) -> None:
    """All parts of it are, of what is announced as well as of what has ended."""
    events = [item(name, said("m", "a", "b")), item(name, reasoning("r", "c", "d"), index=1)]
    stream: Any = read(*begun(), *events, *ended())
    assert pieces(*begun(), *events, *ended()) == [
        Piece("text", text="a"),
        Piece("text", text="b"),
        Piece("reasoning", text="c"),
        Piece("reasoning", text="d"),
    ]
    assert stream.final().text == "ab"
    assert stream.notes == {}


def test_what_only_deltas_bring_is_in_the_answer() -> None:
    """Of items that the server does not announce, and of those that it announces empty."""
    events = [
        part("output_text.delta", "m", delta="a"),
        summary("reasoning_summary_text.delta", "r", delta="b", output_index=1),
        printed("x", "c", output_index=2),
        item("added", call("1", arguments=""), index=3),
    ]
    text, thought, ran, called = answer(*begun(), *events).items
    assert isinstance(text, SessionMessage)
    assert (text.status, text.role, text.turn_id) == ("in_progress", "assistant", ROOT_TURN)
    assert isinstance(thought, ReasoningItem)
    assert (thought.status, [one.text for one in thought.summary]) == ("in_progress", ["b"])
    assert isinstance(ran, CommandExecutionItem)
    assert (ran.status, ran.output) == ("in_progress", "c")
    assert isinstance(called, FunctionCallItem)
    assert (called.call_id, called.arguments) == ("1", "")


def test_what_only_the_ends_of_texts_bring_is_in_the_answer() -> None:
    """The items are in progress, because nothing says that they have ended."""
    events = [
        part("output_text.done", "m", text="a"),
        summary("reasoning_summary_text.done", "r", text="b", output_index=1),
    ]
    text, thought = answer(*begun(), *events).items
    assert (text.status, text.content) == ("in_progress", (OutputText(text="a"),))
    assert (thought.status, [one.text for one in thought.summary]) == ("in_progress", ["b"])


@pytest.mark.parametrize(
    ("whole", "poor"),
    [
        (said("i", "a"), said("i")),
        (reasoning("i", "a"), reasoning("i")),
        (command("i", "a"), command("i", None)),
        (call("i", '{"a":1}'), call("i", "")),
    ],
    ids=["message", "reasoning", "command", "call"],
)
def test_a_poorer_end_takes_nothing_back(whole: Any, poor: Any) -> None:
    """What was announced stays, with the status of the end."""
    announced = {**whole, "status": "in_progress"}
    events = [item("added", announced), item("done", {**poor, "status": "completed"})]
    [found] = answer(*begun(), *events).items
    [rich] = answer(*begun(), item("done", {**whole, "status": "completed"})).items
    assert found == rich


@pytest.mark.parametrize(
    ("end", "delta"),
    [
        (part("output_text.done", "i", text="b"), part("output_text.delta", "i", delta="a")),
        (
            part("content_part.done", "i", part={"type": "output_text", "text": "b"}),
            part("output_text.delta", "i", delta="a"),
        ),
        (
            part("content_part.added", "i", part={"type": "output_text", "text": "b"}),
            part("output_text.delta", "i", delta="a"),
        ),
        *(
            (
                summary(name, "i", text="b", part={"type": "summary_text", "text": "b"}),
                summary("reasoning_summary_text.delta", "i", delta="a"),
            )
            for name in (
                "reasoning_summary_text.done",
                "reasoning_summary_part.done",
                "reasoning_summary_part.added",
            )
        ),
    ],
    ids=lambda one: one["type"].removeprefix("agent.session.turn."),
)
def test_a_text_that_differs_is_noted(delta: Any, end: Any) -> None:
    """Whichever event has the whole text."""
    assert read(*begun(), delta, end).notes["text_differs"] == 1


@pytest.mark.parametrize(
    ("delta", "whole", "name"),
    [
        (part("output_text.delta", "i", delta="a"), said("i", "b"), "text"),
        (summary("reasoning_summary_text.delta", "i", delta="a"), reasoning("i", "b"), "summary"),
        (printed("i", "a", output_index=0), command("i", "b"), "output"),
        (item("added", call("i", '{"a":1}')), call("i", '{"b":1}'), "arguments"),
    ],
    ids=["message", "reasoning", "command", "call"],
)
@pytest.mark.parametrize("status", ["added", "done"])
def test_an_item_that_differs_is_noted(delta: Any, whole: Any, name: str, status: str) -> None:
    """The item counts; what its pieces brought is noted to differ."""
    stream: Any = read(*begun(), delta, item(status, whole))
    assert stream.notes["text_differs"] == 1
    assert "b" in str(stream.snapshot().items[0]), name


def test_what_a_command_prints_after_its_end_is_noted() -> None:
    """The output stays as it was at the end."""
    late = printed("x", "?", output_index=0)
    stream: Any = read(*begun(), item("done", command("x", "a")), late)
    assert stream.notes["delta_after_end"] == 1
    assert stream.snapshot().items[0].output == "a"


def test_words_after_the_end_of_their_message_are_noted() -> None:
    """They add nothing to it, although no event has ended the text itself."""
    late = part("output_text.delta", "m", delta="?")
    stream: Any = read(*begun(), item("done", said("m", "a")), late)
    assert stream.notes["delta_after_end"] == 1
    assert stream.snapshot().text == "a"


def test_thoughts_after_their_end_are_noted() -> None:
    """They add nothing to the summary."""
    late = summary("reasoning_summary_text.delta", "r", delta="?")
    stream: Any = read(*begun(), item("done", reasoning("r", "a")), late)
    assert stream.notes["delta_after_end"] == 1
    assert [one.text for one in stream.snapshot().items[0].summary] == ["a"]


def test_a_call_is_told_once() -> None:
    """When it is announced, with its name; then only what it lacked."""
    empty, whole = call("1", arguments=""), call("1", '{"a":1}')
    events = [
        item("added", empty),
        item("added", empty),
        item("done", whole),
        waiting(whole),
        waiting(whole),
    ]
    assert pieces(*begun(), *events) == [
        Piece("call", 0, text, "1", "look") for text in ("", '{"a":1}')
    ]


def test_calls_that_only_the_session_shows() -> None:
    """They are told and are items, all of them, with what the session says of them."""
    shown = waiting(call("1", '{"a":1}'), call("2", '{"b":2}', turn_id="t2"))
    assert pieces(*begun(), shown) == [
        Piece("call", 0, '{"a":1}', "1", "look"),
        Piece("call", 0, '{"b":2}', "2", "look"),
    ]
    stream: Any = read(*begun(), shown)
    known: dict[str, Any] = {"name": "look", "status": "in_progress"}
    assert stream.snapshot().items == (
        FunctionCallItem(call_id="1", arguments='{"a":1}', turn_id=ROOT_TURN, **known),
        FunctionCallItem(call_id="2", arguments='{"b":2}', turn_id="t2", **known),
    )


def test_a_call_that_the_session_shows_with_other_arguments() -> None:
    """Those of the session count, because it waits for the output of that call."""
    events = [item("added", call("1", '{"a":1}')), waiting(call("1", '{"a":2}'))]
    stream: Any = read(*begun(), *events)
    assert stream.notes["text_differs"] == 1
    assert [one.arguments for one in stream.snapshot().items] == ['{"a":2}']
    assert [one.arguments for one in stream.snapshot().calls] == ['{"a":2}']


def test_what_the_user_says_is_told_by_no_event() -> None:
    """Whichever event brings the message, and whatever its parts are called."""
    words = {**USERS, "content": [{"type": "output_text", "text": "Why?"}]}
    events = [item("added", words), item("done", words), *told("m", "So.")]
    assert pieces(*begun(), *events) == [Piece("text", text="So.")]
    found = answer(*begun(), *events, *ended())
    assert found.text == "So."
    assert found.items[0].content[0].text == "Why?"
    assert found.items[0].role == "user"


def test_parts_without_text_are_no_text() -> None:
    """They keep their places between the texts."""
    shown = {"type": "input_image", "image_url": "data:"}
    whole = said("m", content=[shown, {"type": "output_text", "text": "a"}])
    events = [*begun(), item("added", whole), *ended()]
    assert pieces(*events) == [Piece("text", text="a")]
    found = answer(*events)
    assert found.text == "a"
    assert [one.type for one in found.items[0].content] == ["input_image", "output_text"]


def test_an_item_has_the_turn_of_its_event() -> None:
    """If it names none; its own counts otherwise."""
    mine, its_own = said("a", "x", turn_id=""), said("b", "y", turn_id="t2")
    events = [turn("created", "t2"), item("done", mine), item("done", its_own, index=1)]
    found = answer(*begun(), *events).items
    assert [one.turn_id for one in found] == [ROOT_TURN, "t2"]


def test_whole_messages_keep_what_they_say_of_themselves() -> None:
    """Role, phase, status and turn are those that the server sent."""
    whole = said("m", "Hm", phase="commentary", status="incomplete")
    [found] = answer(*begun(), item("done", whole)).items
    assert isinstance(found, SessionMessage)
    assert (found.id, found.role, found.phase, found.status, found.turn_id) == (
        "m",
        "assistant",
        "commentary",
        "incomplete",
        ROOT_TURN,
    )


# What an event says by itself.


@pytest.mark.parametrize(
    ("payload", "brought"),
    [
        (part("output_text.delta", "m", delta="a"), (Piece("text", text="a"),)),
        (part("output_text.delta", "m", delta=""), ()),
        (part("output_text.done", "m", text="a"), ()),
        (
            summary("reasoning_summary_text.delta", "r", delta="b"),
            (Piece("reasoning", text="b"),),
        ),
        (summary("reasoning_summary_text.delta", "r", delta=""), ()),
        (item("done", said("m", "a")), ()),
        (printed("x", "c"), ()),
    ],
)
def test_the_pieces_of_an_event(payload: Any, brought: tuple[Piece, ...]) -> None:
    """An event by itself adds its delta."""
    stream = StreamerV2(wire(payload), require_terminal=False)
    assert stream.next()
    assert stream.event().pieces() == brought


# The errors.


def test_an_error_has_what_the_server_said() -> None:
    """Its body is the event of the turn; of a session, whose event shows the prompt, its words."""
    fails = turn("failed", error={"code": "c", "message": "too hot"})
    error = read(*begun(), fails).err()
    assert isinstance(error, APIError)
    assert error.body == json.dumps(fails)
    stream = read(*begun(), session("failed", error="too cold"))
    error = stream.err()
    assert isinstance(error, APIError)
    assert error.body == "too cold"


def test_why_it_ends_is_in_the_event() -> None:
    """Of a session that fails or waits, and for the first choice only."""
    for name in ("failed", "requires_action", "idle"):
        stream = StreamerV2(wire(session(name)), require_terminal=False)
        assert stream.next()
        assert stream.finish_reason() == (None if name == "idle" else name)
        assert stream.finish_reason(choice=1) is None


# Drafts.


def test_a_draft_is_no_value() -> None:
    """Not even before there is an answer."""
    events = [
        item("added", message("d", phase="commentary")),
        part("output_text.delta", "d", delta="[1]"),
        item("added", message("a", phase="final_answer"), index=1),
        part("output_text.delta", "a", delta="[2]", output_index=1),
    ]
    stream = StreamerV2(wire(*begun(), *events, *ended()))
    values = [stream.partial() for _ in iter(stream.next, False)]
    assert values[: len(begun()) + 3] == [None] * (len(begun()) + 3)
    assert values[-1] == [2]


@pytest.mark.parametrize("draft", ["[1]", "words"])
def test_a_draft_between_the_pieces_of_an_answer(draft: str) -> None:
    """Each message is told from the others by its id, however the two take turns."""
    events = [
        item("added", message("a", phase="final_answer")),
        item("added", message("d", phase="commentary"), index=1),
        part("output_text.delta", "a", delta='{"a"'),
        part("output_text.delta", "d", delta=draft, output_index=1),
        part("output_text.delta", "a", delta=": 1}"),
    ]
    stream = StreamerV2(wire(*begun(), *events, *ended()))
    values = [stream.partial() for _ in iter(stream.next, False)]
    assert values[-1] == stream.final_as(dict) == {"a": 1}


# Any turn in any form.

words = st.text("ab \U0001f600", min_size=1, max_size=6)
texts = st.lists(words, min_size=1, max_size=3)
kinds = st.sampled_from(["message", "reasoning", "command", "call"])


def split(draw: Any, text: str) -> list[str]:
    """Return *text* in pieces."""
    cuts = sorted(draw(st.sets(st.integers(1, len(text)), max_size=2)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def item_of(kind: str, id: str, parts: list[str]) -> Any:
    """Return a whole item of a kind."""
    match kind:
        case "message":
            return said(id, *parts)
        case "reasoning":
            return reasoning(id, *parts)
        case "command":
            return command(id, "".join(parts))
    return call(id, json.dumps({"x": parts}), id=id)


def emptied(kind: str, whole: Any) -> Any:
    """Return the item as it is announced before anything of it has come."""
    empty: Any = {"message": ("content", []), "reasoning": ("summary", [])}
    name, nothing = empty.get(kind, ("output" if kind == "command" else "arguments", ""))
    return {**whole, name: nothing, "status": "in_progress"}


def texts_of(draw: Any, kind: str, id: str, index: int, parts: list[str]) -> Iterator[Any]:
    """Yield the events of the texts of an item, with all of their ends or with none."""
    place = {"output_index": index}
    if kind == "command":
        for piece in split(draw, "".join(parts)):
            yield printed(id, piece, **place)
        return
    make, number, names, type = {
        "message": (part, "content_index", ("output_text", "content_part"), "output_text"),
        "reasoning": (
            summary,
            "summary_index",
            ("reasoning_summary_text", "reasoning_summary_part"),
            "summary_text",
        ),
    }[kind]
    for at, text in enumerate(parts):
        here: dict[str, Any] = {**place, number: at}
        form = draw(st.sampled_from(["deltas", "ends", "text", "part", "announced"]))
        known = {"type": type, "text": text if form == "announced" else ""}
        yield make(f"{names[1]}.added", id, part=known, **here)
        if form in ("deltas", "ends"):
            for piece in split(draw, text):
                yield make(f"{names[0]}.delta", id, delta=piece, **here)
        if form in ("ends", "text"):
            yield make(f"{names[0]}.done", id, text=text, **here)
        if form in ("ends", "part"):
            yield make(f"{names[1]}.done", id, part={"type": type, "text": text}, **here)


@st.composite
def turns(draw: Any) -> tuple[list[tuple[str, list[str]]], list[Any]]:
    """Draw the items of a turn, and their events in one of the forms that a server may choose."""
    items = draw(st.lists(st.tuples(kinds, texts), min_size=1, max_size=4))
    events: list[Any] = []
    for index, (kind, parts) in enumerate(items):
        id = f"i{index}"
        whole = item_of(kind, id, parts)
        forms = ["announced", "whole", "both"]
        form = draw(st.sampled_from(forms if kind == "call" else [*forms, "texts", "all"]))
        if form != "whole":
            known = whole if form in ("announced", "both") else emptied(kind, whole)
            events.append(item("added", known, index=index))
        if form in ("texts", "all"):
            events += texts_of(draw, kind, id, index, parts)
        if form not in ("announced", "texts"):
            events.append(item("done", whole, index=index))
    return items, events


@given(turns())
def test_a_turn_in_any_form(drawn: tuple[list[tuple[str, list[str]]], list[Any]]) -> None:
    """Pieces and answer have all of it, once, in the order of the items."""
    items, events = drawn
    stream = StreamerV2(wire(*begun(), *events, *ended()))
    heard: dict[str, str] = {}
    while stream.next():
        for piece in stream.pieces():
            key = piece.call_id or piece.kind
            heard[key] = heard.get(key, "") + piece.text
        assert (stream.text() or "") == "".join(
            piece.text for piece in stream.pieces() if piece.kind == "text"
        )
    whole: Any = stream.final()
    expected: dict[str, str] = {}
    for (kind, parts), found in zip(items, whole.items, strict=True):
        match found:
            case SessionMessage():
                assert found.content == tuple(OutputText(text=one) for one in parts)
                expected["text"] = expected.get("text", "") + "".join(parts)
            case ReasoningItem():
                assert [one.text for one in found.summary] == parts
                expected["reasoning"] = expected.get("reasoning", "") + "".join(parts)
            case CommandExecutionItem():
                assert found.output == "".join(parts)
            case FunctionCallItem():
                assert found.arguments == json.dumps({"x": parts})
                expected[found.call_id] = found.arguments
            case _:
                raise AssertionError(kind)
    assert heard == expected
    assert whole.text == expected.get("text", "")
    assert stream.notes == {}
