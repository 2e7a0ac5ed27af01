"""Whole answers of Assistants runs, across all streams of a run."""

from __future__ import annotations

from typing import Any

import pytest
from folding import answer, calls, read, texts, wire

from openai_scan import (
    AssistantsAnswer,
    StreamerV2,
    UnknownAnnotation,
    UnknownObject,
    UnknownPart,
    UnknownToolCall,
)
from openai_scan.events.assistants import (
    CodeInterpreter,
    CodeInterpreterImage,
    CodeInterpreterLogs,
    CodeInterpreterToolCall,
    FileCitation,
    FilePath,
    FileReference,
    FileSearch,
    FileSearchResult,
    FileSearchToolCall,
    FunctionCallOutput,
    FunctionToolCall,
    ImageFile,
    ImageFilePart,
    ImageURL,
    ImageURLPart,
    LastError,
    Message,
    MessageCreation,
    MessageCreationDetails,
    OutputImage,
    RefusalPart,
    Run,
    RunStep,
    RunUsage,
    Text,
    TextPart,
    Thread,
    ToolCallsDetails,
)


def message(name: str, *content: Any, id: str = "m", **rest: Any) -> Any:
    """Return an event with a message."""
    payload = {"id": id, "thread_id": "t", "role": "assistant", "status": name, **rest}
    return (f"thread.message.{name}", {**payload, "content": list(content)})


def delta(*content: Any, id: str = "m", **rest: Any) -> Any:
    """Return an event with deltas of a message's content."""
    return ("thread.message.delta", {"id": id, "delta": {"content": list(content), **rest}})


def text(value: str | None, index: int = 0, *annotations: Any) -> Any:
    """Return a text part, or a delta of one."""
    known = {"value": value, "annotations": list(annotations)}
    return {"index": index, "type": "text", "text": known}


def step(name: str, *tool_calls: Any, id: str = "s", **rest: Any) -> Any:
    """Return an event with a run step that calls tools."""
    details = {"type": "tool_calls", "tool_calls": list(tool_calls)}
    status = "in_progress" if name == "created" else name
    payload = {"id": id, "type": "tool_calls", "status": status, "step_details": details, **rest}
    return (f"thread.run.step.{name}", payload)


def step_delta(*tool_calls: Any, id: str = "s") -> Any:
    """Return an event with pieces of tool calls."""
    details = {"type": "tool_calls", "tool_calls": list(tool_calls)}
    return ("thread.run.step.delta", {"id": id, "delta": {"step_details": details}})


def function(name: str | None, arguments: str, id: str | None = None, index: int = 0) -> Any:
    """Return a piece of a function call."""
    known = {"name": name, "arguments": arguments}
    return {"index": index, "id": id, "type": "function", "function": known}


def run(name: str, **rest: Any) -> Any:
    """Return an event with the run."""
    return (f"thread.run.{name}", {"id": "r", "thread_id": "t", "status": name, **rest})


def parts(*payloads: Any) -> Any:
    """Return the parts of the one message after *payloads*."""
    [found] = answer(*payloads).messages
    return found.content


def tool_calls(*payloads: Any) -> Any:
    """Return the tool calls of the one run step after *payloads*."""
    [found] = answer(*payloads).run_steps
    return found.step_details.tool_calls


def test_whole_answer() -> None:
    """Thread, run, messages, run steps and usage are in the answer."""
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    creation = {"type": "message_creation", "message_creation": {"message_id": "m"}}
    found = answer(
        ("thread.created", {"id": "t"}),
        run("queued"),
        ("thread.run.step.created", {"id": "s", "step_details": creation, "usage": usage}),
        message("created"),
        delta(text("Hi")),
        message("completed", text("Hi")),
        run("completed", usage=None),
        ("done", "[DONE]"),
    )
    assert found == AssistantsAnswer(
        thread=Thread(id="t"),
        run=Run(id="r", thread_id="t", status="completed"),
        messages=(
            Message(
                id="m",
                thread_id="t",
                role="assistant",
                status="completed",
                content=(TextPart(text=Text(value="Hi")),),
            ),
        ),
        run_steps=(
            RunStep(
                id="s",
                step_details=MessageCreationDetails(
                    message_creation=MessageCreation(message_id="m")
                ),
                usage=RunUsage(prompt_tokens=1, completion_tokens=2, total_tokens=3),
            ),
        ),
        usage=RunUsage(prompt_tokens=1, completion_tokens=2, total_tokens=3),
    )
    assert found.text == "Hi"
    assert found.calls == ()


def test_current_at_every_step() -> None:
    """A snapshot has what has arrived; the completed message replaces what deltas built."""
    events = [
        message("created"),
        delta(text("a")),
        delta(text("b")),
        message("completed", text("c")),
    ]
    assert texts(*events) == ["", "a", "ab", "c"]


def test_begun_in_the_middle() -> None:
    """Deltas build a message and a run step that were never announced."""
    found = answer(delta(text("a"), role="assistant"), step_delta(function("f", "{", "c")))
    assert found.messages == (
        Message(
            id="m",
            role="assistant",
            status="in_progress",
            content=(TextPart(text=Text(value="a")),),
        ),
    )
    call = FunctionToolCall(id="c", function=FunctionCallOutput(name="f", arguments="{"))
    assert found.run_steps == (
        RunStep(
            id="s",
            status="in_progress",
            type="tool_calls",
            step_details=ToolCallsDetails(tool_calls=(call,)),
        ),
    )


def test_messages_interleave() -> None:
    """A delta goes to the message with its id; messages are in order of arrival."""
    found = answer(delta(text("b"), id="2"), delta(text("a"), id="1"), delta(text("B"), id="2"))
    assert [(one.id, one.content[0].text.value) for one in found.messages] == [
        ("2", "bB"),
        ("1", "a"),
    ]
    assert found.text == "bBa"


def test_part_index_is_not_a_position() -> None:
    """Parts are in the order of their indexes, whichever comes first."""
    assert [part.text.value for part in parts(delta(text("b", 3)), delta(text("a", 1)))] == [
        "a",
        "b",
    ]


def test_announced_text_is_kept() -> None:
    """Deltas continue the text that the message began with; later events do not clear it."""
    events = [
        message("created", text("a", 0, {"odd": 1}), {"type": "refusal", "refusal": "n"}),
        delta(text("b"), {"index": 1, "type": "refusal", "refusal": "o"}),
        message("in_progress", text("")),
    ]
    assert parts(*events) == (
        TextPart(text=Text(value="ab", annotations=(UnknownAnnotation("", None, {"odd": 1}),))),
        RefusalPart(refusal="no"),
    )


def test_completed_without_content() -> None:
    """A message that is completed without its content keeps what deltas built."""
    [found] = answer(delta(text("a")), message("completed")).messages
    assert (found.status, found.content[0].text.value) == ("completed", "a")


def test_all_parts_of_a_message() -> None:
    """Every kind of part is built, and one of an unknown kind keeps its payload."""
    image = {"type": "image_file", "image_file": {"file_id": "f"}}
    url = {"type": "image_url", "image_url": {"url": "u"}}
    pieces = [
        text(None, 0),
        {"index": 1, **image},
        {"index": 2, **url},
        {"index": 3, "type": "refusal", "refusal": None},
        {"index": "?", "type": "hologram"},
        {"index": 1, "type": "image_file"},
        {"index": 2, "type": "image_url"},
        {"index": 3, "type": "refusal", "refusal": "no"},
        {"index": 5, "type": "text"},
    ]
    assert parts(delta(*pieces[:4]), delta(*pieces[5:])) == (
        TextPart(text=Text(value="")),
        ImageFilePart(image_file=ImageFile(file_id="f")),
        ImageURLPart(image_url=ImageURL(url="u")),
        RefusalPart(refusal="no"),
        TextPart(text=Text(value="")),
    )
    streamer = read(delta(pieces[4]))
    unknown = UnknownPart("hologram", None, pieces[4])
    assert streamer.final().messages[0].content == (unknown,)  # type: ignore[attr-defined]
    assert streamer.notes["unknown_message_part"] == 1


def test_annotations() -> None:
    """Annotations are typed and keep their fields; missing fields get defaults."""
    place = {"text": "[1]", "start_index": 1, "end_index": 4}
    citation = {"type": "file_citation", "file_citation": {"file_id": "f", "quote": "q"}, **place}
    path = {"type": "file_path", "file_path": {"file_id": "p"}, **place}
    annotations = [
        citation,
        path,
        {"type": "file_citation"},
        {"type": "file_path"},
        {"type": "star"},
    ]
    [part] = parts(delta(text("a[1]", 0, *annotations[:2])), delta(text("", 0, *annotations[2:])))
    nothing = FileReference()
    assert part.text.annotations == (
        FileCitation(
            file_citation=FileReference(file_id="f", quote="q"),
            text="[1]",
            start_index=1,
            end_index=4,
        ),
        FilePath(file_path=FileReference(file_id="p"), text="[1]", start_index=1, end_index=4),
        FileCitation(file_citation=nothing, text="", start_index=0, end_index=0),
        FilePath(file_path=nothing, text="", start_index=0, end_index=0),
        UnknownAnnotation("star", None, {"type": "star"}),
    )


def test_function_calls_join_by_index() -> None:
    """A new id in each piece is not a new call; id and name are taken once."""
    found = tool_calls(
        step("created"),
        step_delta(function("f", "{", "x1"), function("g", "[", "y1", index=1)),
        step_delta(function(None, "]", "y2", index=1), function("f", "}", "x2")),
        step_delta({"index": 0, "type": "function"}),
        step_delta({"index": 0, "type": "function", "function": {"output": "o"}}),
    )
    assert found == (
        FunctionToolCall(
            id="x1", function=FunctionCallOutput(name="f", arguments="{}", output="o")
        ),
        FunctionToolCall(id="y1", function=FunctionCallOutput(name="g", arguments="[]")),
    )


def test_code_interpreter_call() -> None:
    """Code and logs are joined from deltas; images and unknown outputs arrive whole."""
    kind = {"index": 0, "type": "code_interpreter"}
    logs = {"index": 0, "type": "logs"}
    first = {
        "input": "1+",
        "outputs": [
            {**logs, "logs": "a"},
            {"index": 1, "type": "image", "image": {"file_id": "f"}},
        ],
    }
    second = {
        "input": "1",
        "outputs": [{**logs, "logs": "b"}, {**logs, "logs": None}, {"index": 3, "type": "sound"}],
    }
    image = {"outputs": [{"index": 2, "type": "image"}]}
    found = tool_calls(
        step_delta({**kind, "id": "c", "code_interpreter": first}),
        step_delta({**kind, "code_interpreter": second}),
        step_delta({**kind, "code_interpreter": image}),
        step_delta(kind),
    )
    assert found == (
        CodeInterpreterToolCall(
            id="c",
            code_interpreter=CodeInterpreter(
                input="1+1",
                outputs=(
                    CodeInterpreterLogs(logs="ab"),
                    CodeInterpreterImage(image=OutputImage(file_id="f")),
                    CodeInterpreterImage(image=OutputImage(file_id="")),
                    UnknownObject("sound", None, {"index": 3, "type": "sound"}),
                ),
            ),
        ),
    )


def test_whole_code_interpreter_call_after_its_pieces() -> None:
    """The finished call replaces the logs, and adds an image that no delta had."""
    logs = {"type": "logs", "logs": "ab"}
    image = {"type": "image", "image": {"file_id": "f"}}
    first = {"input": "1", "outputs": [{"index": 0, **logs}]}
    [found] = tool_calls(
        step_delta({"index": 0, "id": "c", "type": "code_interpreter", "code_interpreter": first}),
        step(
            "completed",
            {
                "id": "c",
                "type": "code_interpreter",
                "code_interpreter": {"input": "1", "outputs": [{**logs, "logs": "abc"}, image]},
            },
        ),
    )
    assert found.code_interpreter == CodeInterpreter(
        input="1",
        outputs=(
            CodeInterpreterLogs(logs="abc"),
            CodeInterpreterImage(image=OutputImage(file_id="f")),
        ),
    )


def test_file_search_call() -> None:
    """A file search is built from a delta whose schema is open, or stays as it was sent."""
    kind = {"index": 0, "type": "file_search"}
    result = {"file_id": "f", "file_name": "n", "score": 1}
    found = tool_calls(
        step_delta({**kind, "id": "c"}), step_delta({**kind, "file_search": {"results": [result]}})
    )
    assert found == (
        FileSearchToolCall(
            id="c",
            file_search=FileSearch(
                results=(FileSearchResult(file_id="f", file_name="n", score=1.0),)
            ),
        ),
    )
    odd = {"results": [{"odd": 1}]}
    [call] = tool_calls(step_delta({**kind, "id": "c", "file_search": odd}))
    payload = {"id": "c", "type": "file_search", "file_search": odd}
    assert call == UnknownToolCall("file_search", "c", payload)


def test_unknown_kinds_stay_as_sent() -> None:
    """Tool calls and steps of kinds that this version does not know are kept."""
    call = {"index": 0, "type": "telepathy", "id": "c"}
    streamer = read(step_delta(call), step_delta({**call, "thought": 1}))
    unknown = UnknownToolCall("telepathy", "c", {**call, "thought": 1})
    assert streamer.snapshot().run_steps[0].step_details.tool_calls == (unknown,)  # type: ignore[union-attr]
    assert streamer.notes["unknown_tool_call"] == 2
    details = {"type": "dream"}
    [found] = answer(
        ("thread.run.step.delta", {"id": "s", "delta": {"step_details": details}})
    ).run_steps
    assert (found.type, found.step_details) == ("dream", UnknownObject("dream", None, details))


def test_message_creation() -> None:
    """A delta may name the message that a step writes, or say nothing."""
    creation = {"type": "message_creation", "message_creation": {"message_id": "m"}}
    deltas = [creation, {"type": "message_creation"}, None]
    events = [
        ("thread.run.step.delta", {"id": "s", "delta": {"step_details": one}}) for one in deltas
    ]
    [found] = answer(*events).run_steps
    expected = MessageCreationDetails(message_creation=MessageCreation(message_id="m"))
    assert (found.type, found.step_details) == ("message_creation", expected)


def test_announced_step_keeps_its_deltas() -> None:
    """A step sent again keeps the calls from deltas, unless it has calls itself."""
    pieces = step_delta(function("f", "{}", "c"))
    [call] = tool_calls(step("created"), pieces, step("in_progress"))
    assert call.id == "c"
    whole = {"id": "real", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    [call] = tool_calls(step("created"), pieces, step("completed", whole))
    assert call.id == "real"


ACTION = {
    "type": "submit_tool_outputs",
    "submit_tool_outputs": {
        "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "d", "type": "function", "function": {"name": "g", "arguments": "{"}},
        ]
    },
}


def test_calls() -> None:
    """The calls are those that the run waits for; before that, those still being written."""
    events = [run("created"), step("created"), step_delta(function("f", "{}", "c"))]
    assert calls(answer(*events)) == [("c", "f", "{}", False)]
    found = answer(*events, run("requires_action", required_action=ACTION))
    assert calls(found) == [("c", "f", "{}", True), ("d", "g", "{", False)]
    assert calls(answer(run("requires_action"))) == []
    whole = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert calls(answer(*events, step("completed", {**whole}), run("completed"))) == []


def test_chain_continues() -> None:
    """A step from the first stream is completed in the next one, in the same answer."""
    first = wire(
        run("created"),
        step("created"),
        step_delta(function("f", "{}", "c")),
        run("requires_action", required_action=ACTION),
        ("done", "[DONE]"),
    )
    whole = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": "{}", "output": "1"},
    }
    second = wire(
        run("queued"),
        step("completed", whole),
        delta(text("It is 1.")),
        run("completed"),
        ("done", "[DONE]"),
    )
    with StreamerV2(first) as streamer:
        streamer.chain(second)
        for _ in streamer:
            pass
    found: Any = streamer.final()
    assert found.text == "It is 1."
    assert [(one.id, one.status) for one in found.run_steps] == [("s", "completed")]
    assert found.run_steps[0].step_details.tool_calls[0].function.output == "1"
    assert found.run.status == "completed"


@pytest.mark.parametrize("left_out", [{}, {"status": "failed"}], ids=["status too", "all else"])
def test_run_that_leaves_things_out(left_out: dict[str, Any]) -> None:
    """A last event with few fields does not clear what was known of the run."""
    failed = {"id": "r", "last_error": {"code": "x", "message": "y"}, **left_out}
    found = answer(run("created", model="m", assistant_id="a"), ("thread.run.failed", failed))
    assert found.run == Run(
        id="r",
        thread_id="t",
        assistant_id="a",
        model="m",
        status="failed",
        last_error=LastError(code="x", message="y"),
    )


def test_another_run() -> None:
    """A new run inherits nothing from the previous one."""
    found = answer(
        run("created", model="m"), ("thread.run.created", {"id": "r2", "status": "queued"})
    )
    assert found.run == Run(id="r2", status="queued")


def test_message_that_is_none() -> None:
    """A message without a thread and without content is not part of the answer."""
    fake = ("thread.message.in_progress", {"id": "chatcmpl-1", "content": [], "thread_id": ""})
    assert answer(fake).messages == ()


def test_details_of_an_unknown_kind_are_noted() -> None:
    """A step of an unknown kind is in the answer as it was sent."""
    details = {"type": "new_kind", "x": 1}
    s = read(("thread.run.step.delta", {"id": "step_1", "delta": {"step_details": details}}))
    found = s.snapshot()
    assert isinstance(found, AssistantsAnswer)
    unknown = UnknownObject("new_kind", None, details)
    assert [step.step_details for step in found.run_steps] == [unknown]
    assert s.notes["unknown_step_details"] == 1
