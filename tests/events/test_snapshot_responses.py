"""Whole answers of Responses, from streams that begin anywhere and servers that leave much out."""

from __future__ import annotations

from typing import Any

import pytest
from folding import answer, calls, read, texts

from openai_scan import ResponseAnswer, UnknownAnnotation, UnknownItem, UnknownObject, UnknownPart
from openai_scan.events.responses import (
    ApplyPatchCreateFileOperation,
    ApplyPatchDeleteFileOperation,
    ApplyPatchToolCall,
    ApplyPatchUpdateFileOperation,
    CodeInterpreterToolCall,
    CustomToolCall,
    FileSearchToolCall,
    FunctionShellAction,
    FunctionShellCall,
    FunctionShellCallOutput,
    FunctionShellCallOutputContent,
    FunctionToolCall,
    ImageGenToolCall,
    LogProb,
    MCPListTools,
    MCPToolCall,
    OutputMessage,
    OutputTextContent,
    ReasoningItem,
    ReasoningTextContent,
    RefusalContent,
    Response,
    ResponseUsage,
    SummaryTextContent,
    WebSearchToolCall,
)
from openai_scan.events.responses.heads import (
    call_id_of,
    id_of,
    item_text,
    name_of,
    new_item,
)


def event(name: str, /, **payload: Any) -> Any:
    """Return the event `response.<name>`."""
    return {"type": f"response.{name}", **payload}


def response(name: str, /, **payload: Any) -> Any:
    """Return an event with the response."""
    return event(name, response={"id": "r", "object": "response", **payload})


def text(delta: str, index: int | None = 0, **payload: Any) -> Any:
    """Return an event with a piece of text."""
    return event("output_text.delta", output_index=index, delta=delta, **payload)


def message(id: str, value: str = "", status: str = "completed") -> Any:
    """Return an output item."""
    content = [{"type": "output_text", "text": value}] if value else []
    return {"type": "message", "id": id, "role": "assistant", "status": status, "content": content}


def call(id: str, arguments: Any = "", status: str | None = "completed", name: str = "f") -> Any:
    """Return an output item that calls a function."""
    known = {"id": f"fc_{id}", "call_id": id, "name": name, "arguments": arguments}
    return {"type": "function_call", "status": status, **known}


def added(item: Any, index: int | None = 0) -> Any:
    """Return the event that announces *item*."""
    return event("output_item.added", output_index=index, item=item)


def done(item: Any, index: int | None = 0) -> Any:
    """Return the event with the whole *item*."""
    return event("output_item.done", output_index=index, item=item)


def items(*payloads: Any) -> Any:
    """Return the output after *payloads*."""
    return answer(*payloads).response.output


def test_whole_answer() -> None:
    """The response in the last event is the answer, usage included."""
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    found = answer(
        response("created", status="in_progress", model="m"),
        added(message("i", status="in_progress")),
        text("H"),
        text("i"),
        response(
            "completed", status="completed", model="m", output=[message("i", "Hi!")], usage=usage
        ),
    )
    assert found == ResponseAnswer(
        response=Response(
            id="r",
            model="m",
            status="completed",
            output=(
                OutputMessage(
                    id="i",
                    role="assistant",
                    status="completed",
                    content=(OutputTextContent(text="Hi!"),),
                ),
            ),
            usage=ResponseUsage(input_tokens=1, output_tokens=2, total_tokens=3),
        )
    )
    assert found.text == "Hi!"
    assert found.calls == ()
    assert found.usage == ResponseUsage(input_tokens=1, output_tokens=2, total_tokens=3)


WHOLE = [
    response("created", status="in_progress"),
    added(message("i", status="in_progress")),
    event(
        "content_part.added",
        output_index=0,
        content_index=0,
        part={"type": "output_text", "text": ""},
    ),
    text("a", content_index=0),
    text("b", content_index=0),
    event("output_text.done", output_index=0, content_index=0, text="ab"),
    event(
        "content_part.done",
        output_index=0,
        content_index=0,
        part={"type": "output_text", "text": "ab"},
    ),
    done(message("i", "ab")),
    response("completed", status="completed", output=[message("i", "ab")]),
]


def test_current_at_every_step() -> None:
    """A snapshot has the text that has arrived, none of it twice."""
    assert texts(*WHOLE) == ["", "", "", "a", "ab", "ab", "ab", "ab", "ab"]


@pytest.mark.parametrize("missing", range(1, len(WHOLE)))
def test_begun_anywhere(missing: int) -> None:
    """Wherever the stream begins, its end has the whole answer."""
    found = answer(*WHOLE[missing:])
    assert (found.text, found.response.status, found.response.id) == ("ab", "completed", "r")


def test_response_is_in_progress_until_it_says_otherwise() -> None:
    """This holds even before any event of the response itself."""
    assert answer(text("a")).response.status == "in_progress"


@pytest.mark.parametrize(
    "kind",
    [
        "message",
        "reasoning",
        "function_call",
        "custom_tool_call",
        "mcp_call",
        "mcp_list_tools",
        "code_interpreter_call",
        "file_search_call",
        "web_search_call",
        "image_generation_call",
        "shell_call",
        "shell_call_output",
        "apply_patch_call",
    ],
)
def test_item_that_was_not_announced_is_under_way(kind: str) -> None:
    """A new item has its kind and its id; its texts are empty."""
    found = new_item(kind, "i")
    assert (found.type, id_of(found)) == (kind, "i")
    assert getattr(found, "status", None) in (
        (None,) if kind in ("custom_tool_call", "mcp_list_tools") else ("in_progress",)
    )
    assert (item_text(found) or "", call_id_of(found), name_of(found)) == ("", "", "")


def test_patch_continues_in_its_item() -> None:
    """The diff is added to the announced patch, which is found by kind and index."""
    operation = {"type": "create_file", "path": "p", "diff": ""}
    patch = {"type": "apply_patch_call", "id": "i", "call_id": "c", "operation": operation}
    [found] = items(
        added({**patch, "status": "in_progress"}),
        event("apply_patch_call_operation_diff.delta", output_index=0, item_id="i", delta="+a"),
    )
    assert found.operation == ApplyPatchCreateFileOperation(path="p", diff="+a")


def test_commands_continue_from_those_that_were_announced() -> None:
    """Each delta is added to the command at its index."""
    shell = {"type": "shell_call", "id": "i", "call_id": "c", "status": "in_progress"}
    place = {"output_index": 0, "command_index": 1}
    [found] = items(
        added({**shell, "action": {"commands": ["ls", "cat"]}}),
        event("shell_call_command.delta", delta="cat", **place),
        event("shell_call_command.delta", delta=" x", **place),
    )
    assert found.action.commands == ("ls", "cat x")


def test_citation_before_its_text() -> None:
    """Both end up in the same part."""
    star = {"type": "star"}
    place = {"output_index": 0, "content_index": 0}
    [found] = items(
        event("output_text.annotation.added", annotation=star, **place),
        event("output_text.delta", delta="a", **place),
    )
    assert found.content == (
        OutputTextContent(text="a", annotations=(UnknownAnnotation.of(star),)),
    )


def test_odd_parts_of_one_index() -> None:
    """Two kinds at one index are two parts, even if both are unknown."""
    odd = [{"type": "hologram", "x": 1}, {"type": "smell", "x": 2}]
    place = {"output_index": 0, "content_index": 0}
    [found] = items(*(event("content_part.added", part=one, **place) for one in odd))
    assert list(found.content) == [UnknownPart.of(one) for one in odd]


def test_begun_in_the_middle_with_what_there_is() -> None:
    """Items in a running response are kept, and a later response does not replace them."""
    events = [
        response("in_progress", status="in_progress", output=[message("i", "a", "in_progress")]),
        response("in_progress", status="in_progress", output=[message("i", "?", "in_progress")]),
        response("created", status="in_progress", output=[]),
    ]
    assert texts(*events) == ["a", "a", "a"]


def test_response_once_more() -> None:
    """llama.cpp repeats the response before each delta, and sends no indexes."""
    again = [response("created", status="in_progress"), response("in_progress")]
    events = [
        *again,
        event("output_item.added", item=message("i", status="in_progress")),
        event("content_part.added", item_id="i", part={"type": "output_text", "text": ""}),
        event("output_text.delta", item_id="i", delta="a"),
        *again,
        event("output_text.delta", item_id="i", delta="b"),
        event("output_text.done", item_id="i", text="ab"),
        event("content_part.done", item_id="i", part={"type": "output_text", "text": "ab"}),
    ]
    assert texts(*events)[-1] == "ab"
    [found] = items(*events)
    assert found == OutputMessage(
        id="i", role="assistant", status="in_progress", content=(OutputTextContent(text="ab"),)
    )


def test_neither_index_nor_id() -> None:
    """A delta without a place continues the last item if that is of its kind and unfinished."""
    found = items(
        event("output_text.delta", delta="a"),
        event("output_text.delta", delta="b"),
        event("function_call_arguments.delta", delta="{"),
        event("function_call_arguments.delta", delta="}"),
        event("output_item.done", item=call("c", "{}")),
        event("function_call_arguments.delta", delta="["),
    )
    assert [one.type for one in found] == ["message", "function_call", "function_call"]
    assert found[0].content == (OutputTextContent(text="ab"),)
    assert [one.arguments for one in found[1:]] == ["{}", "["]


def test_id_late() -> None:
    """An item that began without an id is the one whose last event has an id."""
    assert items(
        event("function_call_arguments.delta", delta="{"),
        event("output_item.done", item=call("c", "{}")),
    ) == (FunctionToolCall(id="fc_c", call_id="c", name="f", arguments="{}", status="completed"),)


def test_output_index_is_not_a_position() -> None:
    """Items are in the order of their indexes, whichever comes first."""
    assert [one.id for one in items(added(message("b"), 3), added(message("a"), 1))] == ["a", "b"]


def test_output_index_reused() -> None:
    """Another id at the same index is another item, which is noted."""
    events = [
        added(call("a", status="in_progress")),
        done(call("a", "{}")),
        added(call("b", status="in_progress")),
        done(call("b", "[]")),
    ]
    streamer = read(*events)
    found = streamer.snapshot()
    assert found is not None
    assert calls(found) == [("a", "f", "{}", True), ("b", "f", "[]", True)]
    assert streamer.notes["item_index_reused"] == 1


def test_whole_item_stays() -> None:
    """Events for an item after its end do not change it."""
    assert items(done(message("i", "ab")), text("c"), added(message("i"))) == items(
        done(message("i", "ab"))
    )


def test_part_index_is_not_a_position() -> None:
    """Parts are in the order of their indexes; without an index, a new kind is a new part."""
    [found] = items(
        text("b", content_index=2),
        text("a", content_index=1),
        event("refusal.delta", output_index=0, delta="n"),
        event("refusal.delta", output_index=0, delta="o"),
    )
    assert found.content == (
        OutputTextContent(text="a"),
        OutputTextContent(text="b"),
        RefusalContent(refusal="no"),
    )


def test_message_parts() -> None:
    """Text, citations, log-probabilities and refusals are built; their last events replace them."""
    star = {"type": "star"}
    probability = {"token": "a", "logprob": -0.5}
    place = {"output_index": 0, "content_index": 0}
    refusal = {"output_index": 0, "content_index": 1}
    odd = {"type": "hologram"}
    found = items(
        text("a", content_index=0, logprobs=[probability]),
        event("output_text.annotation.added", annotation=star, **place),
        event("output_text.annotation.added", **place),
        event("content_part.added", part={"type": "refusal", "refusal": "n"}, **refusal),
        event("content_part.added", part=odd, output_index=0, content_index=2),
    )
    log_prob = LogProb(token="a", logprob=-0.5)
    part = OutputTextContent(
        text="a", annotations=(UnknownAnnotation.of(star),), logprobs=(log_prob,)
    )
    assert found[0].content == (part, RefusalContent(refusal="n"), UnknownPart.of(odd))
    [found] = items(
        text("a", content_index=0),
        event("output_text.done", text="A", logprobs=[probability], **place),
        event("refusal.done", refusal="no", **refusal),
    )
    assert found.content == (
        OutputTextContent(text="A", logprobs=(log_prob,)),
        RefusalContent(refusal="no"),
    )


def test_reasoning() -> None:
    """Reasoning and its summary are built part by part; their last events replace them."""
    place = {"output_index": 0, "item_id": "i"}
    part = {"type": "reasoning_text", "text": ""}
    [found] = items(
        event("content_part.added", part=part, content_index=0, **place),
        event("reasoning_text.delta", delta="h", content_index=0, **place),
        event("reasoning_text.delta", delta="m", content_index=0, **place),
        event("reasoning_text.done", text="ok", content_index=1, **place),
        event("content_part.added", part={**part, "text": "x"}, content_index=2, **place),
        event("reasoning_summary_part.added", part={"type": "summary_text", "text": ""}, **place),
        event("reasoning_summary_text.delta", delta="s", **place),
        event("reasoning_summary_text.delta", delta="t", **place),
        event("reasoning_summary_text.done", text="s1", **place),
        event("reasoning_summary_part.added", part={"type": "summary_text", "text": ""}, **place),
        event("reasoning_summary_text.delta", delta="s", **place),
        event("reasoning_summary_part.done", part={"type": "summary_text", "text": "s2"}, **place),
    )
    assert found == ReasoningItem(
        id="i",
        status="in_progress",
        content=(
            ReasoningTextContent(text="hm"),
            ReasoningTextContent(text="ok"),
            ReasoningTextContent(text="x"),
        ),
        summary=(SummaryTextContent(text="s1"), SummaryTextContent(text="s2")),
    )
    [found] = items(event("reasoning_summary_text.delta", delta="s", summary_index=0, **place))
    assert (found.content, found.summary) == ((), (SummaryTextContent(text="s"),))
    [found] = items(event("reasoning_text.delta", delta="h", content_index=0, **place))
    assert (found.content, found.summary) == ((ReasoningTextContent(text="h"),), ())


ITEMS: dict[str, tuple[list[Any], Any]] = {
    "function call": (
        [
            event("function_call_arguments.delta", item_id="i", delta="{"),
            event("function_call_arguments.done", item_id="i", arguments="{}", name="f"),
        ],
        FunctionToolCall(id="i", name="f", arguments="{}", status="completed"),
    ),
    "custom tool call": (
        [event("custom_tool_call_input.delta", item_id="i", delta="a")],
        CustomToolCall(id="i", call_id="", name="", input="a", status="in_progress"),
    ),
    "custom tool call, ended": (
        [event("custom_tool_call_input.done", item_id="i", input="ab")],
        CustomToolCall(id="i", call_id="", name="", input="ab", status="completed"),
    ),
    "MCP call": (
        [
            event("mcp_call.in_progress", item_id="i"),
            event("mcp_call_arguments.delta", item_id="i", delta="{"),
        ],
        MCPToolCall(id="i", server_label="", name="", arguments="{", status="in_progress"),
    ),
    "MCP call, ended": (
        [
            event("mcp_call_arguments.done", item_id="i", arguments="{}"),
            event("mcp_call.completed", item_id="i"),
        ],
        MCPToolCall(id="i", server_label="", name="", arguments="{}", status="completed"),
    ),
    "MCP tools": (
        [event("mcp_list_tools.completed", item_id="i")],
        MCPListTools(id="i", server_label=""),
    ),
    "code": (
        [
            event("code_interpreter_call_code.delta", item_id="i", delta="1"),
            event("code_interpreter_call.interpreting", item_id="i"),
        ],
        CodeInterpreterToolCall(id="i", container_id="", code="1", status="interpreting"),
    ),
    "code, ended": (
        [event("code_interpreter_call_code.done", item_id="i", code="1+1")],
        CodeInterpreterToolCall(id="i", container_id="", code="1+1", status="in_progress"),
    ),
    "file search": (
        [event("file_search_call.searching", item_id="i")],
        FileSearchToolCall(id="i", status="searching"),
    ),
    "web search": (
        [event("web_search_call.searching", item_id="i")],
        WebSearchToolCall(id="i", status="searching"),
    ),
    "image": (
        [
            event("image_generation_call.generating", item_id="i"),
            event("image_generation_call.partial_image", item_id="i", partial_image_b64="QQ=="),
        ],
        ImageGenToolCall(id="i", result="QQ==", status="generating"),
    ),
    "patch": (
        [
            event("apply_patch_call_operation_diff.delta", item_id="i", delta="+"),
            event("apply_patch_call_operation_diff.delta", item_id="i", delta="a"),
        ],
        ApplyPatchToolCall(
            id="i",
            call_id="",
            operation=ApplyPatchUpdateFileOperation(path="", diff="+a"),
            status="in_progress",
        ),
    ),
    "patch, announced and ended": (
        [
            event(
                "output_item.added",
                item={
                    "type": "apply_patch_call",
                    "id": "i",
                    "call_id": "c",
                    "operation": {"type": "create_file", "path": "p", "diff": ""},
                },
            ),
            event("apply_patch_call_operation_diff.done", item_id="i", diff="+a"),
        ],
        ApplyPatchToolCall(
            id="i", call_id="c", operation=ApplyPatchCreateFileOperation(path="p", diff="+a")
        ),
    ),
    "patch without a diff": (
        [
            event(
                "output_item.added",
                item={
                    "type": "apply_patch_call",
                    "id": "i",
                    "call_id": "c",
                    "operation": {"type": "delete_file", "path": "p"},
                },
            ),
            event("apply_patch_call_operation_diff.done", item_id="i", diff=""),
        ],
        ApplyPatchToolCall(id="i", call_id="c", operation=ApplyPatchDeleteFileOperation(path="p")),
    ),
    "shell": (
        [
            event("shell_call_command.added", output_index=0, command_index=0, command=""),
            event("shell_call_command.delta", output_index=0, command_index=0, delta="l"),
            event("shell_call_command.delta", output_index=0, delta="s"),
            event("shell_call_command.delta", output_index=0, command_index=1, delta="?"),
            event("shell_call_command.done", output_index=0, command_index=1, command="pwd"),
        ],
        FunctionShellCall(
            id="",
            call_id="",
            action=FunctionShellAction(commands=("ls", "pwd")),
            status="in_progress",
        ),
    ),
    "shell output": (
        [
            event(
                "shell_call_output_content.delta",
                item_id="i",
                command_index=1,
                delta={"stdout": "a"},
            ),
            event(
                "shell_call_output_content.delta",
                item_id="i",
                command_index=1,
                delta={"stderr": "b"},
            ),
            event(
                "shell_call_output_content.done",
                item_id="i",
                command_index=0,
                output=[{"stdout": "x", "stderr": "", "outcome": {"type": "odd"}}],
            ),
            event(
                "shell_call_output_content.delta",
                item_id="i",
                command_index=0,
                delta={"stdout": "late"},
            ),
        ],
        FunctionShellCallOutput(
            id="i",
            call_id="",
            status="in_progress",
            output=(
                FunctionShellCallOutputContent(
                    stdout="x", stderr="", outcome=UnknownObject("odd", None, {"type": "odd"})
                ),
                FunctionShellCallOutputContent(
                    stdout="a", stderr="b", outcome=UnknownObject.of({})
                ),
            ),
        ),
    ),
    "unknown": (
        [event("output_item.added", item={"type": "telepathy", "id": "i"})],
        UnknownItem("telepathy", "i", {"type": "telepathy", "id": "i"}),
    ),
}


@pytest.mark.parametrize("kind", ITEMS)
def test_items(kind: str) -> None:
    """Each kind of item is built from its own events, even if it was never announced."""
    events, expected = ITEMS[kind]
    assert items(*events) == (expected,)


def test_an_index_of_another_kind() -> None:
    """Arguments at the index of a message belong to a separate call."""
    found = items(
        added(message("i")), event("function_call_arguments.delta", output_index=0, delta="{")
    )
    assert found == (
        OutputMessage(id="i", role="assistant", status="completed"),
        FunctionToolCall(id="", name="", arguments="{", status="in_progress"),
    )


def test_calls_are_complete_only_after_their_end() -> None:
    """Arguments that parse are not complete while more of them may come."""
    events = [
        added(call("c", status="in_progress")),
        event("function_call_arguments.delta", output_index=0, delta="{}"),
        event("function_call_arguments.done", output_index=0, arguments="{}", name="g"),
    ]
    assert calls(answer(*events[:2])) == [("c", "f", "{}", False)]
    assert calls(answer(*events)) == [("c", "f", "{}", True)]
    assert calls(answer(*events[:2], done(call("c", "{}")))) == [("c", "f", "{}", True)]
    assert calls(answer(done(call("c", "{", status=None)))) == [("c", "f", "{", False)]
    assert calls(answer(done(call("c", "{}", status="incomplete")))) == [("c", "f", "{}", False)]


def test_arguments_as_an_object() -> None:
    """Arguments that are sent as an object become JSON text."""
    item = call("c", {"x": 1})
    assert calls(answer(done(item))) == [("c", "f", '{"x": 1}', True)]


def test_end_without_output() -> None:
    """If the last event leaves the output out, the items before it are kept."""
    found = answer(done(message("i", "ab")), response("completed", status="completed", output=[]))
    assert found.text == "ab"


def test_end_that_leaves_things_out() -> None:
    """A last event with few fields clears nothing that was known, and its name is the status."""
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    found = answer(
        response("created", status="in_progress", model="m", created_at=7, usage=usage),
        {"type": "response.incomplete", "response": {}},
        response("in_progress", status="in_progress"),
    )
    assert found.response == Response(
        id="r",
        model="m",
        created_at=7.0,
        status="incomplete",
        usage=ResponseUsage(input_tokens=1, output_tokens=2, total_tokens=3),
    )


def test_speech() -> None:
    """The sound is decoded, and the transcript is the text."""
    found = answer(
        event("audio.transcript.delta", delta="H"),
        event("audio.delta", delta="QQ=="),
        event("audio.transcript.delta", delta="i"),
        event("audio.delta", delta="?"),
        event("audio.delta", delta="Qg=="),
        event("audio.transcript.done"),
        event("audio.done"),
    )
    assert (found.audio, found.transcript, found.text) == (b"AB", "Hi", "Hi")


def test_parts_without_an_index_after_one_with_it() -> None:
    """They continue after the highest index, even if that is negative."""
    parts = [
        event("content_part.done", output_index=0, content_index=index, part=part)
        for index, part in (
            (7, {"type": "output_text", "text": "b"}),
            (2, {"type": "output_text", "text": "a"}),
            (None, {"type": "output_text", "text": "c"}),
        )
    ]
    assert answer(*parts).text == "abc"
    assert answer(parts[0], text("d"), text("e")).text == "bde"
    low = event("shell_call_command.added", output_index=0, command_index=-3, command="l")
    more = event("shell_call_command.delta", output_index=0, delta="s")
    [item] = answer(low, more).response.output
    assert item.action.commands == ("ls",)
