"""An end only adds: what came before stays, whatever the end leaves out."""

from __future__ import annotations

from typing import Any

import pytest
from response_forms import (
    added,
    call,
    custom,
    done,
    event,
    message,
    reasoning,
    response,
    tell,
)

from openai_scan import UnknownItem, UnknownPart

CITATION = {"type": "file_path", "file_id": "f", "index": 0}
PLACE = {"item_id": "i", "output_index": 0}
FIRST = {**PLACE, "content_index": 0}

# What brings text, reasoning and so on, and the ends that leave it out.
BEGINNINGS: dict[str, tuple[list[Any], list[Any]]] = {
    "text": (
        [added(message(id="i")), event("output_text.delta", delta="Hi", **FIRST)],
        [
            event("output_text.done", text="", **FIRST),
            event("output_text.done", text=None, **FIRST),
            event("output_text.done", **FIRST),
            event("output_text.done", text="H", **FIRST),
            event("content_part.done", part={"type": "output_text", "text": ""}, **FIRST),
            event("content_part.done", part={"type": "output_text", "text": None}, **FIRST),
            done(message(id="i")),
            done(message("", id="i")),
            done({"type": "message", "id": "i", "role": "assistant", "content": None}),
            response("completed", output=[message(id="i")]),
            response("completed", output=[message("", id="i")]),
        ],
    ),
    "refusal": (
        [added(message(id="i")), event("refusal.delta", delta="Hi", **FIRST)],
        [
            event("refusal.done", refusal="", **FIRST),
            event("refusal.done", refusal=None, **FIRST),
            event("content_part.done", part={"type": "refusal", "refusal": ""}, **FIRST),
            done(message({"type": "refusal", "refusal": None}, id="i")),
            done(message(id="i")),
        ],
    ),
    "reasoning": (
        [added(reasoning(id="i")), event("reasoning_text.delta", delta="Hi", **FIRST)],
        [
            event("reasoning_text.done", text="", **FIRST),
            event("content_part.done", part={"type": "reasoning_text", "text": ""}, **FIRST),
            done(reasoning(id="i")),
            done(reasoning("", id="i")),
        ],
    ),
    "summary": (
        [added(reasoning(id="i")), event("reasoning_summary_text.delta", delta="Hi", **PLACE)],
        [
            event("reasoning_summary_text.done", text="", **PLACE),
            event("reasoning_summary_text.done", text=None, **PLACE),
            event(
                "reasoning_summary_part.done", part={"type": "summary_text", "text": ""}, **PLACE
            ),
            done(reasoning(id="i")),
            done(reasoning(summary=[""], id="i")),
        ],
    ),
    "call": (
        [
            added(call("", id="i", status="in_progress")),
            event("function_call_arguments.delta", delta='{"x":1}', **PLACE),
        ],
        [
            event("function_call_arguments.done", arguments="", **PLACE),
            event("function_call_arguments.done", arguments=None, **PLACE),
            event("function_call_arguments.done", **PLACE),
            event("function_call_arguments.done", arguments="{ }", **PLACE),
            event("function_call_arguments.done", arguments={}, **PLACE),
            done(call("{}", id="i")),
            done(call("", id="i")),
            done(call(None, id="i")),
            done(call(None, id="i", name="")),
            done(call("", id="i", call_id="", name=None)),
            done({"type": "function_call", "id": "i", "arguments": []}),
        ],
    ),
    "custom tool": (
        [
            added(custom("", id="i", status="in_progress")),
            event("custom_tool_call_input.delta", delta="ls", **PLACE),
        ],
        [
            event("custom_tool_call_input.done", input="", **PLACE),
            event("custom_tool_call_input.done", input=None, **PLACE),
            done(custom("", id="i")),
            done(custom(None, id="i")),
            done({"type": "custom_tool_call", "id": "i"}),
        ],
    ),
}

# Ends of the whole response that do without any item.
NOTHING: list[list[Any]] = [
    [],
    [response("completed", output=[])],
    [response("completed", output=None)],
    [response("completed", output=[message("!", id="other")])],
    [response("completed", output=[]), response("completed", output=[])],
]


@pytest.mark.parametrize("end", range(len(NOTHING)))
@pytest.mark.parametrize("kind", BEGINNINGS)
def test_what_came_stays(kind: str, end: int) -> None:
    """Each end, and all of them, leave the answer as it was, and hand out nothing."""
    begun, ends = BEGINNINGS[kind]
    before = tell(*begun)
    for poorer in ([], *([one] for one in ends), ends):
        told = tell(*begun, *poorer, *NOTHING[end])
        [item, *_] = told.answer.response.output
        [known] = before.answer.response.output
        for name in ("content", "summary", "arguments", "input", "call_id", "name"):
            assert getattr(item, name, None) == getattr(known, name, None)
        more = "!" if end == 3 else ""
        assert told.text == told.answer.text == before.text + more
        assert (told.reasoning, told.refusal) == (before.reasoning, before.refusal)
        assert told.calls == before.calls
        assert not told.stream.notes["text_differs"]
        assert [one.complete for one in told.answer.calls if poorer or end] == (
            [True] * len(told.answer.calls) if poorer or end != 0 else []
        )


def test_an_end_with_a_part_of_text_beyond_ascii_adds_nothing() -> None:
    """Two halves of a character are compared as the whole character."""
    smile = "\N{GRINNING FACE}"
    came = [event("output_text.delta", delta=text, **FIRST) for text in ("a\ud83d", "\ude00b")]
    for end in ("a", "a\ud83d", f"a{smile}", f"a{smile}b"):
        told = tell(added(message(id="i")), *came, event("output_text.done", text=end, **FIRST))
        assert (told.text, told.answer.text) == (f"a{smile}b", f"a{smile}b")
        assert dict(told.stream.notes) == {}


def test_what_is_beside_the_text_stays() -> None:
    """Citations, log-probabilities, names and statuses that an end leaves out stay too."""
    probability = {"token": "a", "logprob": -0.5}
    rich = {
        "type": "output_text",
        "text": "a",
        "annotations": [CITATION],
        "logprobs": [probability],
    }
    poor = {"type": "output_text", "text": "a"}
    for events in (
        [event("content_part.added", part=rich, **FIRST)],
        [
            event("output_text.delta", delta="a", logprobs=[probability], **FIRST),
            event("output_text.annotation.added", annotation=CITATION, **FIRST),
        ],
        [
            event("output_text.done", text="a", logprobs=[probability], **FIRST),
            event("output_text.annotation.added", annotation=CITATION, **FIRST),
        ],
    ):
        for ends in (
            [event("content_part.done", part=poor, **FIRST)],
            [event("content_part.done", part=rich, **FIRST), done(message(rich, id="i"))],
            [done(message(poor, id="i"))],
        ):
            told = tell(*events, *ends, response("completed", output=[message(poor, id="i")]))
            [item] = told.answer.response.output
            [part] = item.content
            assert (part.text, len(part.annotations), len(part.logprobs)) == ("a", 1, 1)
    told = tell(
        done(message("a", id="i", phase="commentary")),
        response("completed", output=[message("a", id="i")]),
    )
    assert told.answer.response.output[0].phase == "commentary"


def test_items_without_a_class_of_their_own() -> None:
    """Such an item keeps what a later event leaves out; an item with a class replaces it."""
    odd = {"type": "telepathy", "id": "i", "thought": "deep", "status": "in_progress"}
    told = tell(added(odd), done({"type": "telepathy", "id": "i", "thought": "", "status": "ok"}))
    assert told.answer.response.output == (UnknownItem("telepathy", "i", {**odd, "status": "ok"}),)
    unfit = {"type": "custom_tool_call", "id": "i"}
    [one] = tell(added(unfit), done(custom("ls", id="i"))).answer.calls
    assert (one.arguments, one.complete) == ("ls", True)
    code = {"type": "code_interpreter_call", "id": "i", "container_id": "k", "code": "1"}
    told = tell(added(code), done({"type": "code_interpreter_call", "id": "i"}))
    assert told.answer.response.output[0].code == "1"
    part = {"type": "hologram", "depth": 3}
    told = tell(
        event("content_part.added", part=part, **FIRST),
        event("content_part.done", part=part, **FIRST),
        done(message(part, "a", id="i")),
    )
    unknown = UnknownPart("hologram", None, part)
    assert (told.answer.response.output[0].content[0], told.text) == (unknown, "a")


def test_an_item_that_is_done_too_early() -> None:
    """An empty end of an empty item does not keep out what follows."""
    told = tell(
        added(message(id="i")),
        done(message(id="i")),
        event("output_text.delta", delta="Hi", **FIRST),
        response("completed", output=[]),
    )
    assert told.text == told.answer.text == "Hi"
    told = tell(
        added(call("", id="i", status="in_progress")),
        done(call("", id="i")),
        event("function_call_arguments.delta", delta='{"x":1}', **PLACE),
    )
    assert told.answer.calls[0].parsed() == {"x": 1}
    image = {"type": "image_generation_call", "id": "i", "status": "completed"}
    draft = event("image_generation_call.partial_image", partial_image_b64="QQ==", **PLACE)
    told = tell(done(image), draft, event("image_generation_call.generating", **PLACE))
    assert told.answer.response.output[0].status == "completed"


@pytest.mark.parametrize("left", [(), ("a",), ("ab",), ("a", "b")])
def test_an_item_that_ends_with_fewer_parts(left: tuple[str, ...]) -> None:
    """The item keeps the text of all its parts."""
    told = tell(
        event("output_text.delta", delta="ab", **PLACE, content_index=0),
        event("output_text.delta", delta="b", **PLACE, content_index=1),
        done(message(*left, id="i")),
        response("completed", output=[]),
    )
    assert told.text == told.answer.text == "abb"


def test_an_item_that_ends_with_another_text() -> None:
    """Nothing is taken back, and nothing is handed out twice; what the end says is the answer."""
    told = tell(
        event("output_text.delta", delta="a", **PLACE, content_index=0),
        event("output_text.delta", delta="b", **PLACE, content_index=1),
        done(message("c", id="i")),
    )
    assert (told.text, told.answer.text, told.stream.notes["text_differs"]) == ("ab", "cb", 1)


def test_an_end_that_is_poorer_than_the_one_after_it() -> None:
    """A later end may continue the text of an item that has ended; others are ignored."""
    told = tell(
        event("output_text.delta", delta="a", **FIRST),
        done(message(id="i")),
        event("output_text.done", text="ab", **FIRST),
        event("content_part.done", part={"type": "output_text", "text": "abc"}, **FIRST),
        event("output_text.done", text="d", **{**FIRST, "content_index": 1}),
        event("output_text.done", text="late", **FIRST),
        event("output_text.done", text="abcd", item_id="i", output_index=0),
        event("refusal.done", refusal="", **{**FIRST, "content_index": 2}),
    )
    assert told.events == ["a", "", "b", "c", "d", "", "", ""]
    assert told.text == told.answer.text == "abcd"
    assert len(told.answer.response.output[0].content) == 2
    told = tell(
        added(call("", id="i", status="in_progress")),
        event("function_call_arguments.delta", delta='{"x":', **PLACE),
        done(call("", id="i")),
        event("function_call_arguments.done", arguments='{"x":1}', **PLACE),
        event("function_call_arguments.done", arguments='{"x":2}', **PLACE),
    )
    assert told.calls == {("c", "f"): '{"x":1}'}
    assert told.answer.calls[0].parsed() == {"x": 1}


def test_commands_and_their_output_stay() -> None:
    """A shell call keeps the commands that its end leaves out."""
    shell = {"type": "shell_call", "id": "i", "call_id": "c", "action": {"commands": ["ls"]}}
    empty = {**shell, "action": {"commands": []}}
    told = tell(
        added(shell),
        event("shell_call_command.delta", output_index=0, command_index=0, delta="ls"),
        event("shell_call_command.delta", output_index=0, command_index=1, delta="pw"),
        done(empty),
    )
    assert told.answer.response.output[0].action.commands == ("ls", "pw")
    told = tell(added(empty), done({**shell, "action": {"commands": ["ls", "pwd"]}}))
    assert told.answer.response.output[0].action.commands == ("ls", "pwd")
    contents = [{"stdout": "x", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]
    output = {"type": "shell_call_output", "id": "o", "call_id": "c", "output": []}
    told = tell(
        event("shell_call_output_content.done", item_id="o", command_index=0, output=contents),
        done(output, None),
    )
    assert [one.stdout for one in told.answer.response.output[0].output] == ["x"]
    told = tell(done({**output, "output": contents}, None))
    assert [one.stdout for one in told.answer.response.output[0].output] == ["x"]
    patch = {"type": "apply_patch_call", "id": "i", "call_id": "c"}
    operation = {"type": "update_file", "path": "p", "diff": "+a"}
    told = tell(
        added({**patch, "operation": operation}),
        done({**patch, "operation": {**operation, "diff": ""}}),
    )
    assert told.answer.response.output[0].operation.diff == "+a"
