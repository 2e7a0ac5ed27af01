"""The Assistants family: every wire name, every field, every answer, and how its streams end."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from openai_scan import (
    APIError,
    DoneEvent,
    ErrorEvent,
    Event,
    RateLimitError,
    StreamerV2,
    ThreadCreated,
    ThreadMessageCompleted,
    ThreadMessageCreated,
    ThreadMessageDelta,
    ThreadMessageIncomplete,
    ThreadMessageInProgress,
    ThreadRunCancelled,
    ThreadRunCancelling,
    ThreadRunCompleted,
    ThreadRunCreated,
    ThreadRunExpired,
    ThreadRunFailed,
    ThreadRunIncomplete,
    ThreadRunInProgress,
    ThreadRunQueued,
    ThreadRunRequiresAction,
    ThreadRunStepCancelled,
    ThreadRunStepCompleted,
    ThreadRunStepCreated,
    ThreadRunStepDelta,
    ThreadRunStepExpired,
    ThreadRunStepFailed,
    ThreadRunStepInProgress,
    UnknownEvent,
    UnknownObject,
    UnknownPart,
    UnknownToolCall,
)
from openai_scan.events import Error, Outcome, assistants, decode
from openai_scan.events.assistants import (
    FileCitationDelta,
    FilePathDelta,
    FunctionCall,
    FunctionCallOutput,
    FunctionDelta,
    FunctionToolCall,
    FunctionToolCallDelta,
    ImageFile,
    ImageFilePartDelta,
    Message,
    MessageCreation,
    MessageCreationDetails,
    MessageDelta,
    NamedToolChoice,
    RefusalPartDelta,
    RequiredAction,
    Run,
    RunStep,
    RunToolCall,
    RunUsage,
    SubmitToolOutputs,
    Text,
    TextDelta,
    TextPart,
    TextPartDelta,
    Thread,
    ToolCallsDetails,
)
from openai_scan.sse import RawEvent

SPEC = Path(__file__).parents[1] / "spec" / "inventory.json"

# The 25 wire names of the schema, and a payload that each can have.
CLASSES: dict[str, type[Event]] = {
    "thread.created": ThreadCreated,
    "thread.run.created": ThreadRunCreated,
    "thread.run.queued": ThreadRunQueued,
    "thread.run.in_progress": ThreadRunInProgress,
    "thread.run.requires_action": ThreadRunRequiresAction,
    "thread.run.completed": ThreadRunCompleted,
    "thread.run.incomplete": ThreadRunIncomplete,
    "thread.run.failed": ThreadRunFailed,
    "thread.run.cancelling": ThreadRunCancelling,
    "thread.run.cancelled": ThreadRunCancelled,
    "thread.run.expired": ThreadRunExpired,
    "thread.run.step.created": ThreadRunStepCreated,
    "thread.run.step.in_progress": ThreadRunStepInProgress,
    "thread.run.step.delta": ThreadRunStepDelta,
    "thread.run.step.completed": ThreadRunStepCompleted,
    "thread.run.step.failed": ThreadRunStepFailed,
    "thread.run.step.cancelled": ThreadRunStepCancelled,
    "thread.run.step.expired": ThreadRunStepExpired,
    "thread.message.created": ThreadMessageCreated,
    "thread.message.in_progress": ThreadMessageInProgress,
    "thread.message.delta": ThreadMessageDelta,
    "thread.message.completed": ThreadMessageCompleted,
    "thread.message.incomplete": ThreadMessageIncomplete,
    "error": ErrorEvent,
    "done": DoneEvent,
}

# The class of each object schema of the family.
SCHEMAS: dict[str, type[attrs.AttrsInstance]] = {
    "AssistantToolsCode": assistants.CodeInterpreterTool,
    "AssistantToolsFileSearch": assistants.FileSearchTool,
    "AssistantToolsFileSearch.file_search": assistants.FileSearchOptions,
    "AssistantToolsFileSearchTypeOnly": assistants.FileSearchTool,
    "AssistantToolsFunction": assistants.FunctionTool,
    "AssistantsNamedToolChoice": assistants.NamedToolChoice,
    "AssistantsNamedToolChoice.function": assistants.FunctionName,
    "Error": Error,
    "FileSearchRankingOptions": assistants.RankingOptions,
    "FunctionObject": assistants.FunctionDefinition,
    "MessageContentImageFileObject": assistants.ImageFilePart,
    "MessageContentImageFileObject.image_file": assistants.ImageFile,
    "MessageContentImageUrlObject": assistants.ImageURLPart,
    "MessageContentImageUrlObject.image_url": assistants.ImageURL,
    "MessageContentRefusalObject": assistants.RefusalPart,
    "MessageContentTextAnnotationsFileCitationObject": assistants.FileCitation,
    "MessageContentTextAnnotationsFileCitationObject.file_citation": assistants.FileReference,
    "MessageContentTextAnnotationsFilePathObject": assistants.FilePath,
    "MessageContentTextAnnotationsFilePathObject.file_path": assistants.FileReference,
    "MessageContentTextObject": assistants.TextPart,
    "MessageContentTextObject.text": assistants.Text,
    "MessageDeltaContentImageFileObject": assistants.ImageFilePartDelta,
    "MessageDeltaContentImageFileObject.image_file": assistants.ImageFile,
    "MessageDeltaContentImageUrlObject": assistants.ImageURLPartDelta,
    "MessageDeltaContentImageUrlObject.image_url": assistants.ImageURL,
    "MessageDeltaContentRefusalObject": assistants.RefusalPartDelta,
    "MessageDeltaContentTextAnnotationsFileCitationObject": assistants.FileCitationDelta,
    "MessageDeltaContentTextAnnotationsFileCitationObject.file_citation": (
        assistants.FileReference
    ),
    "MessageDeltaContentTextAnnotationsFilePathObject": assistants.FilePathDelta,
    "MessageDeltaContentTextAnnotationsFilePathObject.file_path": assistants.FileReference,
    "MessageDeltaContentTextObject": assistants.TextPartDelta,
    "MessageDeltaContentTextObject.text": assistants.TextDelta,
    "MessageDeltaObject": ThreadMessageDelta,
    "MessageDeltaObject.delta": assistants.MessageDelta,
    "MessageObject": assistants.Message,
    "MessageObject.attachments[]": assistants.Attachment,
    "MessageObject.incomplete_details": assistants.IncompleteDetails,
    "ResponseFormatJsonObject": assistants.JSONObjectFormat,
    "ResponseFormatJsonSchema": assistants.JSONSchemaFormat,
    "ResponseFormatJsonSchema.json_schema": assistants.JSONSchema,
    "ResponseFormatText": assistants.TextFormat,
    "RunCompletionUsage": assistants.RunUsage,
    "RunObject": assistants.Run,
    "RunObject.incomplete_details": assistants.IncompleteDetails,
    "RunObject.last_error": assistants.LastError,
    "RunObject.required_action": assistants.RequiredAction,
    "RunObject.required_action.submit_tool_outputs": assistants.SubmitToolOutputs,
    "RunStepCompletionUsage": assistants.RunUsage,
    "RunStepDeltaObject": ThreadRunStepDelta,
    "RunStepDeltaObject.delta": assistants.RunStepDelta,
    "RunStepDeltaStepDetailsMessageCreationObject": assistants.MessageCreationDetailsDelta,
    "RunStepDeltaStepDetailsMessageCreationObject.message_creation": (
        assistants.MessageCreationDelta
    ),
    "RunStepDeltaStepDetailsToolCallsCodeObject": assistants.CodeInterpreterToolCallDelta,
    "RunStepDeltaStepDetailsToolCallsCodeObject.code_interpreter": (
        assistants.CodeInterpreterDelta
    ),
    "RunStepDeltaStepDetailsToolCallsCodeOutputImageObject": (assistants.CodeInterpreterImageDelta),
    "RunStepDeltaStepDetailsToolCallsCodeOutputImageObject.image": assistants.OutputImageDelta,
    "RunStepDeltaStepDetailsToolCallsCodeOutputLogsObject": assistants.CodeInterpreterLogsDelta,
    "RunStepDeltaStepDetailsToolCallsFileSearchObject": assistants.FileSearchToolCallDelta,
    "RunStepDeltaStepDetailsToolCallsFunctionObject": assistants.FunctionToolCallDelta,
    "RunStepDeltaStepDetailsToolCallsFunctionObject.function": assistants.FunctionDelta,
    "RunStepDeltaStepDetailsToolCallsObject": assistants.ToolCallsDetailsDelta,
    "RunStepDetailsMessageCreationObject": assistants.MessageCreationDetails,
    "RunStepDetailsMessageCreationObject.message_creation": assistants.MessageCreation,
    "RunStepDetailsToolCallsCodeObject": assistants.CodeInterpreterToolCall,
    "RunStepDetailsToolCallsCodeObject.code_interpreter": assistants.CodeInterpreter,
    "RunStepDetailsToolCallsCodeOutputImageObject": assistants.CodeInterpreterImage,
    "RunStepDetailsToolCallsCodeOutputImageObject.image": assistants.OutputImage,
    "RunStepDetailsToolCallsCodeOutputLogsObject": assistants.CodeInterpreterLogs,
    "RunStepDetailsToolCallsFileSearchObject": assistants.FileSearchToolCall,
    "RunStepDetailsToolCallsFileSearchObject.file_search": assistants.FileSearch,
    "RunStepDetailsToolCallsFileSearchRankingOptionsObject": assistants.RankingOptions,
    "RunStepDetailsToolCallsFileSearchResultObject": assistants.FileSearchResult,
    "RunStepDetailsToolCallsFileSearchResultObject.content[]": assistants.FileSearchContent,
    "RunStepDetailsToolCallsFunctionObject": assistants.FunctionToolCall,
    "RunStepDetailsToolCallsFunctionObject.function": assistants.FunctionCallOutput,
    "RunStepDetailsToolCallsObject": assistants.ToolCallsDetails,
    "RunStepObject": assistants.RunStep,
    "RunStepObject.last_error": assistants.LastError,
    "RunToolCallObject": assistants.RunToolCall,
    "RunToolCallObject.function": assistants.FunctionCall,
    "ThreadObject": assistants.Thread,
    "ThreadObject.tool_resources": assistants.ToolResources,
    "ThreadObject.tool_resources.code_interpreter": assistants.CodeInterpreterResources,
    "ThreadObject.tool_resources.file_search": assistants.FileSearchResources,
    "TruncationObject": assistants.TruncationStrategy,
}

# Fields without an attribute, and why.
LEFT_OUT = {
    ("MessageDeltaObject", "object"): "repeats the event's name",
    ("RunStepDeltaObject", "object"): "repeats the event's name",
}

USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
TYPED_USAGE = RunUsage(prompt_tokens=7, completion_tokens=2, total_tokens=9)

RUN_EVENTS = [name for name in CLASSES if name.startswith("thread.run.") and "step" not in name]
STEP_EVENTS = [
    name for name in CLASSES if name.startswith("thread.run.step.") and "delta" not in name
]
MESSAGE_EVENTS = [
    name for name in CLASSES if name.startswith("thread.message.") and "delta" not in name
]


@functools.cache
def inventory() -> Any:
    """Return the inventory of the schema's events and objects."""
    return json.loads(SPEC.read_text())


def reached(node: Any) -> set[str]:
    """Return the names of the schemas that *node* of the inventory refers to, directly or not."""
    names: set[str] = set()
    left = [node]
    while left:
        match left.pop():
            case {"kind": "ref", "ref": name} if name not in names:
                names.add(name)
                left.append(inventory()["schemas"][name])
            case dict() as parts:
                left += parts.values()
            case list() as parts:
                left += parts
    return names


def event_of(name: str, payload: Any) -> Event:
    """Return the event that *payload* makes under the wire name *name*."""
    return decode(RawEvent(name, json.dumps(payload)))


def message_delta(*parts: Any) -> Event:
    """Return a message delta of the content parts *parts*."""
    return event_of("thread.message.delta", {"id": "msg_1", "delta": {"content": parts}})


def text_part(value: str | None, **more: Any) -> dict[str, Any]:
    """Return a text part of a message delta, as it is sent."""
    return {"index": 0, "type": "text", "text": {"value": value, **more}}


def answers(event: Event) -> dict[str, Any]:
    """Return what *event* answers to all questions, without those it answers with None."""
    questions = [name for name in dir(Event) if name.startswith("unwrap_")]
    found = {name.removeprefix("unwrap_"): getattr(event, name)() for name in questions}
    return {name: answer for name, answer in found.items() if answer is not None}


def read_all(s: StreamerV2) -> list[Event]:
    """Return the events that *s* steps to, and leave its error to be asked for."""
    events = []
    while s.next():
        events.append(s.event())
    return events


def scan(*events: tuple[str, Any]) -> StreamerV2:
    """Return a streamer that has read *events*, each a wire name and a payload, to the end."""
    s = StreamerV2(
        [f"event: {name}\ndata: {json.dumps(payload)}\n\n".encode() for name, payload in events]
    )
    read_all(s)
    return s


# Names and fields.


@pytest.mark.parametrize("name", CLASSES)
def test_wire_name_reaches_its_own_class(name: str) -> None:
    """Each of the 25 wire names becomes the class that is named like it, and keeps its name."""
    data = "[DONE]" if name == "done" else '{"id": "x", "delta": {}}'
    event = decode(RawEvent(name, data))
    assert type(event) is CLASSES[name]
    assert event.type == name
    assert event.raw == RawEvent(name, data)


def test_classes_are_named_like_the_wire() -> None:
    """A class of the family is its wire name in CamelCase, so you do not have to look it up."""
    for name, cls in CLASSES.items():
        if name.startswith("thread."):
            words = name.replace(".", "_").split("_")
            assert cls.__name__ == "".join(word.capitalize() for word in words)


def test_inventory_has_these_wire_names() -> None:
    """This file lists exactly the wire names of the schema."""
    assert [name for name, _ in inventory()["events"]["assistants"]] == list(CLASSES)


def test_every_schema_has_a_class() -> None:
    """Every object that the events of the schema can hold has a class."""
    reachable = reached(inventory()["events"]["assistants"])
    objects = {name for name in reachable if inventory()["schemas"][name]["kind"] == "object"}
    assert set(SCHEMAS) == objects


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_is_an_attribute(name: str) -> None:
    """Every field of a schema, and every one seen beyond it, is an attribute of its class."""
    schema = inventory()["schemas"][name]
    fields = {*schema["fields"], *schema.get("seen_extra", ())}
    left_out = {field for owner, field in LEFT_OUT if owner == name}
    assert fields - set(attrs.fields_dict(SCHEMAS[name])) == left_out


def test_events_match_by_position() -> None:
    """A pattern may name the payload by position, and the raw event stays out of it."""
    matched: list[Any] = []
    for event in (
        event_of("thread.run.completed", {"id": "run_1"}),
        message_delta(text_part("a")),
        event_of("thread.created", {"id": "thread_1"}),
    ):
        match event:
            case ThreadRunCompleted(run):
                matched.append(run)
            case ThreadMessageDelta(delta, id):
                matched += [delta.content, id]
            case other:
                matched.append(other.type)
    assert matched == [
        Run(id="run_1"),
        (TextPartDelta(text=TextDelta(value="a")),),
        "msg_1",
        "thread.created",
    ]


def test_raw_is_not_part_of_the_value() -> None:
    """Two events with the same payload are equal, and neither shows the prompt in its repr."""
    one = event_of("thread.run.created", {"id": "run_1", "instructions": "be brief"})
    two = event_of("thread.run.created", {"instructions": "be brief", "id": "run_1", "new": 1})
    assert one == two
    assert one.raw != two.raw
    assert "be brief" not in repr(one)


# Answers.


def test_thread_created_answers_nothing() -> None:
    """A new thread brings its payload and no answer to any question."""
    event = event_of("thread.created", {"id": "thread_1", "created_at": 1, "metadata": {}})
    assert event == ThreadCreated(Thread(id="thread_1", created_at=1, metadata={}), raw=event.raw)
    assert answers(event) == {}


@pytest.mark.parametrize("name", [name for name in RUN_EVENTS if "requires" not in name])
def test_run_event_answers(name: str) -> None:
    """A run event answers with its run and usage, but not with an action that was left in it."""
    calls = [{"id": "call_1", "function": {"name": "f", "arguments": "{}"}}]
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}
    event = event_of(name, {"id": "run_1", "usage": USAGE, "required_action": action})
    assert answers(event) == {
        "run": Run(
            id="run_1",
            usage=TYPED_USAGE,
            required_action=RequiredAction(
                submit_tool_outputs=SubmitToolOutputs(
                    tool_calls=(
                        RunToolCall(id="call_1", function=FunctionCall(name="f", arguments="{}")),
                    )
                )
            ),
        ),
        "usage": TYPED_USAGE,
    }
    assert answers(event_of(name, {"id": "run_1"})) == {"run": Run(id="run_1")}


def test_requires_action_answers() -> None:
    """Only `thread.run.requires_action` answers with the action and the calls in it."""
    calls = [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}
    event = event_of("thread.run.requires_action", {"id": "run_1", "required_action": action})
    typed_call = RunToolCall(id="call_1", function=FunctionCall(name="f", arguments="{}"))
    typed_action = RequiredAction(
        submit_tool_outputs=SubmitToolOutputs(tool_calls=(typed_call,)), type="submit_tool_outputs"
    )
    assert answers(event) == {
        "run": Run(id="run_1", required_action=typed_action),
        "required_action": typed_action,
        "tool_calls": (typed_call,),
    }


def test_requires_action_without_an_action_answers_none() -> None:
    """If the server leaves the action out, the answer is None rather than an exception."""
    event = event_of("thread.run.requires_action", {"id": "run_1", "required_action": None})
    assert answers(event) == {"run": Run(id="run_1")}


@pytest.mark.parametrize("name", STEP_EVENTS)
def test_run_step_event_answers(name: str) -> None:
    """A run step event answers with the step, its usage and its tool calls, if it has those."""
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    details: dict[str, Any] = {"type": "tool_calls", "tool_calls": [call]}
    typed_call = FunctionToolCall(
        id="call_1", function=FunctionCallOutput(name="f", arguments="{}")
    )
    event = event_of(name, {"id": "step_1", "step_details": details, "usage": USAGE})
    assert answers(event) == {
        "run_step": RunStep(
            id="step_1",
            step_details=ToolCallsDetails(tool_calls=(typed_call,)),
            usage=TYPED_USAGE,
        ),
        "tool_calls": (typed_call,),
        "usage": TYPED_USAGE,
    }
    details = {"type": "message_creation", "message_creation": {"message_id": "msg_1"}}
    event = event_of(name, {"id": "step_1", "step_details": details})
    assert answers(event) == {
        "run_step": RunStep(
            id="step_1",
            step_details=MessageCreationDetails(
                message_creation=MessageCreation(message_id="msg_1")
            ),
        )
    }


def test_run_step_delta_answers() -> None:
    """A run step delta answers with the pieces of its tool calls, and with nothing else."""
    piece = {"index": 1, "type": "function", "function": {"arguments": '{"ci'}}
    details: dict[str, Any] = {"type": "tool_calls", "tool_calls": [piece]}
    event = event_of("thread.run.step.delta", {"id": "s", "delta": {"step_details": details}})
    assert answers(event) == {
        "tool_calls": (FunctionToolCallDelta(index=1, function=FunctionDelta(arguments='{"ci')),)
    }
    details = {"type": "message_creation", "message_creation": {"message_id": "m"}}
    event = event_of("thread.run.step.delta", {"id": "s", "delta": {"step_details": details}})
    assert answers(event) == {}
    assert answers(event_of("thread.run.step.delta", {"id": "s", "delta": {}})) == {}


@pytest.mark.parametrize("name", MESSAGE_EVENTS)
def test_message_event_answers(name: str) -> None:
    """A message event answers with its message only: the whole text is not a delta."""
    content = [{"type": "text", "text": {"value": "hello", "annotations": []}}]
    event = event_of(name, {"id": "msg_1", "role": "assistant", "content": content})
    assert answers(event) == {
        "message": Message(
            id="msg_1", role="assistant", content=(TextPart(text=Text(value="hello")),)
        )
    }


def test_message_delta_answers_with_its_text() -> None:
    """The text of a message delta is that of all its text parts, in their order."""
    event = message_delta(text_part("one "), {"index": 1, "type": "refusal"}, text_part("two"))
    assert answers(event) == {"text": "one two", "message_delta_text": "one two"}
    assert answers(message_delta(text_part(""))) == {"text": "", "message_delta_text": ""}


def test_message_delta_answers_with_its_refusal() -> None:
    """The refusal is joined from all refusal parts; a null adds nothing."""
    event = message_delta(
        {"index": 0, "type": "refusal", "refusal": "I "},
        {"index": 1, "type": "refusal", "refusal": None},
        {"index": 2, "type": "refusal", "refusal": "cannot"},
    )
    assert answers(event) == {"refusal": "I cannot"}
    assert event.unwrap_refusal(1) is None


def test_message_delta_answers_with_its_image() -> None:
    """The image file of a message delta is that of the first image part that has one."""
    event = message_delta(
        {"index": 0, "type": "image_file", "image_file": None},
        {"index": 1, "type": "image_file", "image_file": {"file_id": "file_1"}},
        {"index": 2, "type": "image_file", "image_file": {"file_id": "file_2"}},
    )
    assert answers(event) == {"image_file": ImageFile(file_id="file_1")}


def test_message_delta_answers_with_its_annotations() -> None:
    """The annotations of a message delta are those of all its text parts."""
    event = message_delta(
        text_part("a", annotations=[{"index": 0, "type": "file_citation", "start_index": 3}]),
        text_part(None, annotations=[{"index": 1, "type": "file_path"}]),
    )
    assert answers(event) == {
        "text": "a",
        "message_delta_text": "a",
        "annotations": (FileCitationDelta(start_index=3), FilePathDelta(index=1)),
    }


@pytest.mark.parametrize(
    "delta",
    [
        {"content": [{"index": 0, "type": "image_file", "image_file": {"file_id": "f"}}]},
        {},
        {"content": None},
        {"content": [{"index": 0, "type": "text"}]},
        {
            "content": [
                {
                    "index": 0,
                    "type": "text",
                    "text": {
                        "value": None,
                        "annotations": [
                            {"index": 0, "type": "file_citation", "text": "【4:0†source】"}
                        ],
                    },
                }
            ]
        },
    ],
    ids=["image", "empty", "null", "no text", "annotation only"],
)
def test_message_delta_without_text_answers_none(delta: Any) -> None:
    """B25: a message delta without text has no text, rather than an empty one."""
    event = event_of("thread.message.delta", {"id": "m", "delta": delta})
    assert type(event) is ThreadMessageDelta
    assert event.unwrap_text() is None
    assert event.unwrap_message_delta_text() is None


def test_error_and_done_answer_nothing() -> None:
    """The events `error` and `done` have no answer to any question."""
    assert answers(event_of("error", {"message": "no"})) == {}
    assert answers(decode(RawEvent("done", "[DONE]"))) == {}


# What servers do.


def test_unknown_kinds_of_parts_keep_their_payloads() -> None:
    """Content parts, tool calls and steps of new kinds keep everything that the server sent."""
    part = {"index": 1, "type": "hologram", "hologram": {"x": 1}}
    event = message_delta(text_part("a"), part)
    assert isinstance(event, ThreadMessageDelta)
    assert event.delta.content[1] == UnknownPart("hologram", None, part)
    assert event.unwrap_text() == "a"
    call = {"id": "c", "type": "browser", "url": "u"}
    details = {"type": "tool_calls", "tool_calls": [call]}
    event = event_of("thread.run.step.created", {"id": "s", "step_details": details})
    assert event.unwrap_tool_calls() == (UnknownToolCall("browser", "c", call),)
    event = event_of("thread.run.step.created", {"id": "s", "step_details": {"type": "dream"}})
    unknown = UnknownObject("dream", None, {"type": "dream"})
    assert answers(event) == {"run_step": RunStep(id="s", step_details=unknown)}


def test_parts_of_each_known_kind_become_their_class() -> None:
    """The kinds of content parts that a delta can have become the classes for them."""
    event = message_delta(
        {"index": 0, "type": "image_file", "image_file": {"file_id": "f", "detail": "low"}},
        {"index": 1, "type": "image_url", "image_url": {"url": "https://example.org/x.png"}},
        {"index": 2, "type": "refusal", "refusal": "I can't"},
    )
    assert isinstance(event, ThreadMessageDelta)
    assert event.delta == MessageDelta(
        content=(
            ImageFilePartDelta(image_file=ImageFile(file_id="f", detail="low")),
            assistants.ImageURLPartDelta(
                index=1, image_url=assistants.ImageURL(url="https://example.org/x.png")
            ),
            RefusalPartDelta(index=2, refusal="I can't"),
        )
    )


@pytest.mark.parametrize(
    ("sent", "typed"),
    [
        ("auto", "auto"),
        (None, None),
        (
            {"type": "function", "function": {"name": "f"}},
            NamedToolChoice(type="function", function=assistants.FunctionName(name="f")),
        ),
        ({"type": "file_search"}, NamedToolChoice(type="file_search")),
        ({"type": "telepathy"}, UnknownObject("telepathy", None, {"type": "telepathy"})),
    ],
    ids=["word", "null", "function", "file search", "unknown"],
)
def test_tool_choice_is_a_word_or_an_object(sent: Any, typed: Any) -> None:
    """The tool choice of a run is a word or names the tool; an unknown kind has its payload."""
    event = event_of("thread.run.created", {"id": "run_1", "tool_choice": sent})
    assert answers(event) == {"run": Run(id="run_1", tool_choice=typed)}


@pytest.mark.parametrize(
    ("sent", "typed"),
    [
        ("auto", "auto"),
        ({"type": "text"}, assistants.TextFormat()),
        ({"type": "json_object"}, assistants.JSONObjectFormat()),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"a": 1}}},
            assistants.JSONSchemaFormat(
                json_schema=assistants.JSONSchema(name="n", schema={"a": 1})
            ),
        ),
        ({"type": "grammar"}, UnknownObject("grammar", None, {"type": "grammar"})),
    ],
    ids=["word", "text", "object", "schema", "unknown"],
)
def test_response_format_is_a_word_or_an_object(sent: Any, typed: Any) -> None:
    """The response format of a run is a word or a format; an unknown one has all that was sent."""
    event = event_of("thread.run.created", {"id": "run_1", "response_format": sent})
    assert answers(event) == {"run": Run(id="run_1", response_format=typed)}


def test_litellm_envelope_is_opened() -> None:
    """LiteLLM sends name and payload inside an unnamed event; they count like the wire's."""
    data = '{"data": {"id": "run_1", "status": "queued"}, "event": "thread.run.created"}'
    event = decode(RawEvent("message", data))
    assert event == ThreadRunCreated(Run(id="run_1", status="queued"), raw=event.raw)
    assert event.type == "thread.run.created"
    assert event.raw.data == data


@pytest.mark.parametrize(
    ("inner", "error"),
    [
        ('{"event": "thread.brand.new", "data": {"id": "z"}}', None),
        (
            '{"event": "thread.brand.new", "data": {"type": "tool_calls", "object": "thread"}}',
            None,
        ),
        (
            '{"event": "thread.run.step.created", "data": {"type": "tool_calls"}}',
            "thread.run.step.created: required field missing @ $.id",
        ),
    ],
    ids=["unknown", "unknown with a type", "malformed"],
)
def test_unknown_event_in_an_envelope_keeps_its_name(inner: str, error: str | None) -> None:
    """The envelope's name counts even if the payload looks like another event."""
    event = decode(RawEvent("message", inner))
    assert isinstance(event, UnknownEvent)
    assert event.type == json.loads(inner)["event"]
    assert event.payload == json.loads(inner)["data"]
    assert (event.error and str(event.error)) == error


@pytest.mark.parametrize(
    ("payload", "cls"),
    [
        ({"id": "t", "object": "thread"}, ThreadCreated),
        ({"id": "r", "object": "thread.run", "status": "queued"}, ThreadRunQueued),
        ({"id": "r", "object": "thread.run", "status": "completed"}, ThreadRunCompleted),
        ({"id": "s", "object": "thread.run.step", "status": "failed"}, ThreadRunStepFailed),
        ({"id": "s", "object": "thread.run.step.delta", "delta": {}}, ThreadRunStepDelta),
        ({"id": "m", "object": "thread.message", "status": "completed"}, ThreadMessageCompleted),
        ({"id": "m", "object": "thread.message.delta", "delta": {}}, ThreadMessageDelta),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_unnamed_event_is_recognized_by_its_object(payload: Any, cls: type[Event]) -> None:
    """The `object` and `status` of a payload without a name tell its class."""
    assert type(event_of("message", payload)) is cls


@pytest.mark.parametrize("status", [None, 5, {"a": 1}, "dreaming"], ids=repr)
def test_unnamed_event_of_no_known_status_is_unknown(status: Any) -> None:
    """An unnamed object without a known status is an unknown event that keeps its payload."""
    payload = {"id": "r", "object": "thread.run", "status": status}
    event = event_of("message", payload)
    assert isinstance(event, UnknownEvent)
    assert event.error is None
    assert event.type == ("thread.run.dreaming" if status == "dreaming" else "thread.run")
    assert event.payload == payload


@pytest.mark.parametrize("name", ["thread", "thread.zzz", "thread.run", "thread.run.step.zzz"])
def test_unknown_name_is_not_the_next_best_class(name: str) -> None:
    """B24: a new name of the family is an unknown event, with its payload."""
    event = event_of(name, {"id": "z"})
    assert event == UnknownEvent({"id": "z"}, name=name, raw=event.raw)
    assert event.type == name


# Ends.


@pytest.mark.parametrize(
    ("name", "status", "outcome"),
    [
        ("created", "queued", None),
        ("queued", "queued", None),
        ("in_progress", "in_progress", None),
        ("cancelling", "cancelling", None),
        ("completed", "completed", "completed"),
        ("requires_action", "requires_action", "requires_action"),
        ("incomplete", "incomplete", "incomplete"),
        ("cancelled", "cancelled", "cancelled"),
        ("failed", "failed", "failed"),
        ("expired", "expired", "failed"),
        # open-assistant-api: the name of the event is wrong, the status is right.
        ("completed", "requires_action", "requires_action"),
        ("in_progress", "failed", "failed"),
        # supercompat: the status is out of date, or missing.
        ("failed", "in_progress", "failed"),
        ("failed", "", "failed"),
        ("completed", None, "completed"),
        ("requires_action", "queued", "requires_action"),
        ("in_progress", "", None),
        ("created", "somehow", None),
    ],
)
def test_run_status_decides_over_the_name(
    name: str, status: str | None, outcome: Outcome | None
) -> None:
    """The run's status decides; the event's name counts only if the status leaves it open."""
    event = event_of(f"thread.run.{name}", {"id": "run_1", "status": status})
    assert event.stream_parts() == (("run_1", outcome),)
    assert (event.stream_error() is not None) == (outcome == "failed")


def test_messages_and_steps_say_nothing_of_the_end() -> None:
    """Only runs are parts of a stream: a failed step or message does not end it."""
    for name in [*STEP_EVENTS, *MESSAGE_EVENTS, "thread.created"]:
        event = event_of(name, {"id": "x", "status": "failed"})
        assert event.stream_parts() == ()
        assert event.stream_error() is None


def test_completed_after_requires_action_still_requires_action() -> None:
    """Open-assistant-api sends `completed` after `requires_action`; the run still waits."""
    action = {"submit_tool_outputs": {"tool_calls": []}, "type": "submit_tool_outputs"}
    run = {"id": "r", "status": "requires_action", "required_action": action}
    s = scan(("thread.run.requires_action", run), ("thread.run.completed", run))
    assert s.outcome == "requires_action"
    assert s.err() is None
    assert s.notes == {"missing_done": 1}


def test_failed_run_with_hardly_a_field_is_an_error() -> None:
    """Supercompat sends a failed run with three fields and no status."""
    run = {"id": "r", "failed_at": 1, "last_error": {"code": "server_error", "message": "gone"}}
    s = scan(("thread.run.failed", run))
    assert s.outcome == "failed"
    error = s.err()
    assert isinstance(error, APIError)
    assert (error.message, error.code, error.retryable) == ("gone", "server_error", True)


def test_failed_run_sets_err_although_done_follows() -> None:
    """B9: a failed run is delivered under its class, and `err()` is its last error."""
    last_error = {"code": "rate_limit_exceeded", "message": "x"}
    run = {"id": "run_1", "object": "thread.run", "status": "failed", "last_error": last_error}
    data = json.dumps(run)
    s = StreamerV2(
        [f"event: thread.run.failed\ndata: {data}\n\nevent: done\ndata: [DONE]\n\n".encode()]
    )
    assert [type(event) for event in read_all(s)] == [ThreadRunFailed, DoneEvent]
    error = s.err()
    assert type(error) is RateLimitError
    assert str(error) == "x (code rate_limit_exceeded)"
    assert error.body == last_error
    assert s.outcome == "failed"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("failed", "the run failed, and the server did not say why (code run_failed)"),
        ("expired", "the run expired, and the server did not say why (code run_expired)"),
    ],
)
@pytest.mark.parametrize("last_error", [None, {}, {"code": None, "message": None}], ids=repr)
def test_failed_run_without_a_reason_is_an_error(name: str, message: str, last_error: Any) -> None:
    """B9: a run that failed or expired sets `err()` even if it does not say why."""
    run = {"id": "r", "status": name, "last_error": last_error}
    s = scan((f"thread.run.{name}", run))
    assert type(s.err()) is APIError
    assert str(s.err()) == message
