"""The whole answer of an Assistants run, over all the streams that it takes."""

from __future__ import annotations

from typing import Any

import attrs
from attrs import define, field, frozen

from openai_scan.errors import DecodeError
from openai_scan.events.assistants.events import (
    MessageEvent,
    RunEvent,
    RunStepEvent,
    ThreadCreated,
    ThreadMessageDelta,
    ThreadRunStepDelta,
)
from openai_scan.events.assistants.objects import (
    Annotation,
    AnnotationDelta,
    CodeInterpreter,
    CodeInterpreterDelta,
    CodeInterpreterImage,
    CodeInterpreterImageDelta,
    CodeInterpreterLogs,
    CodeInterpreterLogsDelta,
    CodeInterpreterOutput,
    CodeInterpreterToolCall,
    CodeInterpreterToolCallDelta,
    FileCitation,
    FileCitationDelta,
    FilePath,
    FilePathDelta,
    FileReference,
    FileSearchToolCall,
    FileSearchToolCallDelta,
    FunctionCallOutput,
    FunctionDelta,
    FunctionToolCall,
    FunctionToolCallDelta,
    ImageFilePart,
    ImageFilePartDelta,
    ImageURLPart,
    ImageURLPartDelta,
    Message,
    MessageCreation,
    MessageCreationDetails,
    MessageCreationDetailsDelta,
    MessagePart,
    MessagePartDelta,
    OutputImage,
    RefusalPart,
    RefusalPartDelta,
    Run,
    RunStep,
    RunUsage,
    StepDetails,
    StepDetailsDelta,
    Text,
    TextDelta,
    TextPart,
    TextPartDelta,
    Thread,
    ToolCall,
    ToolCallDelta,
    ToolCallsDetails,
    ToolCallsDetailsDelta,
)
from openai_scan.events.base import Append, Event, Fold, Note
from openai_scan.events.decoding.structure import Structurer
from openai_scan.events.snapshot import Pieces, parses
from openai_scan.surrogates import mend
from openai_scan.values import Call, Value

# The statuses that a run step or a message does not leave any more.
_FINAL = ("completed", "incomplete", "failed", "cancelled", "expired")

# What a run keeps all its life.
_LASTING = ("thread_id", "assistant_id", "created_at", "model", "instructions", "tools", "metadata")


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class AssistantsAnswer(Value):
    """What a run has said and done as far as it is known; messages and steps in their order."""

    thread: Thread | None = None
    run: Run | None = None
    messages: tuple[Message, ...] = ()
    run_steps: tuple[RunStep, ...] = ()
    usage: RunUsage | None = None

    @property
    def text(self) -> str:
        """The text of all messages, as `text_deltas()` yields it."""
        return mend(
            "".join(
                part.text.value
                for message in self.messages
                for part in message.content
                if isinstance(part, TextPart)
            )
        )

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls that the run waits for; until it does, those that are being written."""
        run = self.run
        if run is not None and run.status == "requires_action":
            action = run.required_action
            return tuple(
                Call(
                    id=call.id,
                    name=call.function.name,
                    arguments=call.function.arguments,
                    complete=parses(call.function.arguments),
                )
                for call in (() if action is None else action.submit_tool_outputs.tool_calls)
            )
        return tuple(
            Call(
                id=call.id,
                name=call.function.name,
                arguments=call.function.arguments,
                complete=False,
            )
            for step in self.run_steps
            if step.status not in _FINAL and isinstance(step.step_details, ToolCallsDetails)
            for call in step.step_details.tool_calls
            if isinstance(call, FunctionToolCall) and call.function.output is None
        )


class AssistantsFold(Fold):
    """Puts the answer of a run together.

    It goes on in the next stream of a chain: a step that calls functions is completed there.
    """

    family = "assistants"
    spans_streams = True

    def __init__(self) -> None:
        self._thread: Thread | None = None
        self._run: Run | None = None
        self._usage: RunUsage | None = None
        self._messages: dict[str, _Message] = {}
        self._steps: dict[str, _Step] = {}

    def take(self, event: Event, note: Note) -> None:
        match event:
            case ThreadMessageDelta(delta=message_delta, id=id):
                self._message(id, message_delta.role).add(message_delta.content, note)
            case ThreadRunStepDelta(delta=step_delta, id=id):
                self._step(id).add(step_delta.step_details, note)
            case MessageEvent(message=message):
                # open-assistant-api sends the usage as a message that belongs to no thread.
                if message.thread_id or message.content or message.id in self._messages:
                    self._message(message.id, message.role).set_head(message)
            case RunStepEvent(run_step=step):
                self._step(step.id).set_head(step)
                self._usage = step.usage or self._usage
            case RunEvent(run=run):
                self._run = _filled(run, self._run, event.type)
                self._usage = run.usage or self._usage
            case ThreadCreated(thread=thread):
                self._thread = thread

    def appender(self, event: Event) -> Append | None:
        match event:
            case ThreadMessageDelta(delta=delta, id=id):
                return self._message(id, delta.role).appender(delta.content)
        return None

    def _message(self, id: str, role: str | None) -> _Message:
        message = self._messages.get(id)
        if message is None:
            message = self._messages[id] = _Message(
                Message(id=id, role=role or "assistant", status="in_progress")
            )
        return message

    def _step(self, id: str) -> _Step:
        step = self._steps.get(id)
        if step is None:
            step = self._steps[id] = _Step(RunStep(id=id, status="in_progress"))
        return step

    def value(self) -> AssistantsAnswer:
        return AssistantsAnswer(
            thread=self._thread,
            run=self._run,
            messages=tuple(message.value() for message in self._messages.values()),
            run_steps=tuple(step.value() for step in self._steps.values()),
            usage=self._usage,
        )


class _Message:
    """What has come of a message: the message itself, or its parts, or both."""

    def __init__(self, head: Message) -> None:
        self._head = head
        self._parts: dict[int, _Part] = {}

    def set_head(self, head: Message) -> None:
        """Take the message as it is now; what deltas built goes when it is whole."""
        if head.content and head.status in _FINAL:
            self._parts.clear()
        self._head = head

    def add(self, content: tuple[MessagePartDelta, ...], note: Note) -> None:
        for piece in content:
            index = _index(piece)
            part = self._parts.get(index)
            if part is None:
                content_so_far = self._head.content
                known = content_so_far[index] if 0 <= index < len(content_so_far) else None
                part = self._parts[index] = _Part(known)
            part.add(piece, note)

    def appender(self, content: tuple[MessagePartDelta, ...]) -> Append | None:
        """Return what takes in the text of such content, or None if it brings more than text."""
        match content:
            case [TextPartDelta(text=TextDelta(annotations=()), index=index)]:
                return self._parts[index].text.add
        return None

    def value(self) -> Message:
        if not self._parts:
            return self._head
        parts: dict[int, MessagePart] = dict(enumerate(self._head.content))
        parts |= {index: part.value() for index, part in self._parts.items()}
        return attrs.evolve(self._head, content=tuple(part for _, part in sorted(parts.items())))


class _Part:
    """What has come of a part of a message."""

    def __init__(self, known: MessagePart | None) -> None:
        self._whole = known
        self._type = "text"
        self.text = Pieces()
        self._annotations: list[AnnotationDelta] = []
        self._known_annotations: tuple[Annotation, ...] = ()
        match known:
            case TextPart(text=text):
                self.text.add(text.value)
                self._known_annotations = text.annotations
                self._whole = None
            case RefusalPart(refusal=refusal):
                self._type = "refusal"
                self.text.add(refusal)
                self._whole = None

    def add(self, piece: MessagePartDelta, note: Note) -> None:
        match piece:
            case TextPartDelta(text=text):
                if text is not None:
                    self.text.add(text.value or "")
                    self._annotations += text.annotations  # each comes whole
            case RefusalPartDelta(refusal=refusal):
                self._type = "refusal"
                self.text.add(refusal or "")
            case ImageFilePartDelta(image_file=image_file):
                if image_file is not None:
                    self._whole = ImageFilePart(image_file=image_file)
            case ImageURLPartDelta(image_url=image_url):
                if image_url is not None:
                    self._whole = ImageURLPart(image_url=image_url)
            case _:
                note("unknown_message_part")
                self._whole = piece

    def value(self) -> MessagePart:
        if self._whole is not None:
            return self._whole
        if self._type == "refusal":
            return RefusalPart(refusal=str(self.text))
        annotations = tuple(map(_annotation, self._annotations))
        return TextPart(
            text=Text(value=str(self.text), annotations=self._known_annotations + annotations)
        )


class _Step:
    """What has come of a run step: the step itself, or its tool calls, or both."""

    def __init__(self, head: RunStep) -> None:
        self._head = head
        self._calls: dict[int, _ToolCall] = {}
        self._details: StepDetails | None = None  # of a delta, where they are no tool calls

    def set_head(self, head: RunStep) -> None:
        """Take the step as it is now; what deltas built goes when it is whole."""
        details = head.step_details
        if head.status in _FINAL and isinstance(details, ToolCallsDetails) and details.tool_calls:
            self._calls.clear()
        self._head = head

    def add(self, details: StepDetailsDelta | None, note: Note) -> None:
        match details:
            case ToolCallsDetailsDelta(tool_calls=calls):
                for piece in calls:
                    # supercompat has a new id in each piece, so the index alone says which.
                    index = _index(piece)
                    if index not in self._calls:
                        self._calls[index] = _ToolCall()
                    self._calls[index].add(piece, note)
            case MessageCreationDetailsDelta(message_creation=creation):
                if creation is not None and creation.message_id is not None:
                    self._details = MessageCreationDetails(
                        message_creation=MessageCreation(message_id=creation.message_id)
                    )
            case dict():
                note("unknown_step_details")
                self._details = details

    def value(self) -> RunStep:
        head = self._head
        details = head.step_details or self._details
        if self._calls:
            known = details.tool_calls if isinstance(details, ToolCallsDetails) else ()
            calls: dict[int, ToolCall] = dict(enumerate(known))
            calls |= {index: call.value() for index, call in self._calls.items()}
            details = ToolCallsDetails(tool_calls=tuple(call for _, call in sorted(calls.items())))
        if details is None or details is head.step_details:
            return head
        kind = details.get("type", "") if isinstance(details, dict) else details.type
        return attrs.evolve(head, step_details=details, type=head.type or kind)


@define
class _ToolCall:
    """What has come of a tool call of a run step."""

    id: str = ""
    whole: dict[str, Any] | None = None  # of a kind that this version does not know
    function: FunctionDelta | None = None
    code: bool = False
    search: dict[str, Any] | None = None
    name: str = ""
    output: str | None = None
    text: Pieces = field(factory=Pieces)  # the arguments, or the code
    outputs: dict[int, _Output] = field(factory=dict)

    def add(self, piece: ToolCallDelta, note: Note) -> None:
        match piece:
            case FunctionToolCallDelta(function=function, id=id):
                self.id = self.id or id or ""
                if function is not None:
                    self.name = self.name or function.name or ""
                    self.text.add(function.arguments or "")
                    self.output = function.output if self.output is None else self.output
            case CodeInterpreterToolCallDelta(code_interpreter=interpreter, id=id):
                self.id = self.id or id or ""
                self.code = True
                if interpreter is not None:
                    self._add_code(interpreter)
            case FileSearchToolCallDelta(file_search=search, id=id):
                self.id = self.id or id or ""
                self.search = {**(self.search or {}), **(search or {})}
            case _:
                note("unknown_tool_call")
                self.whole = {**(self.whole or {}), **piece}

    def _add_code(self, piece: CodeInterpreterDelta) -> None:
        self.text.add(piece.input or "")
        for output in piece.outputs:
            index = _index(output)
            if index not in self.outputs:
                self.outputs[index] = _Output()
            match output:
                case CodeInterpreterLogsDelta(logs=logs):
                    self.outputs[index].logs.add(logs or "")
                case CodeInterpreterImageDelta(image=image):
                    file_id = "" if image is None else image.file_id or ""
                    self.outputs[index].whole = CodeInterpreterImage(
                        image=OutputImage(file_id=file_id)
                    )
                case _:
                    self.outputs[index].whole = output

    def value(self) -> ToolCall:
        if self.whole is not None:
            return self.whole
        if self.code:
            outputs = tuple(output.value() for _, output in sorted(self.outputs.items()))
            return CodeInterpreterToolCall(
                id=self.id, code_interpreter=CodeInterpreter(input=str(self.text), outputs=outputs)
            )
        if self.search is not None:
            call = {"id": self.id, "type": "file_search", "file_search": self.search}
            try:
                return Structurer(strict=True)(call, FileSearchToolCall)
            except DecodeError:  # the API leaves its shape open
                return call
        return FunctionToolCall(
            id=self.id,
            function=FunctionCallOutput(
                name=self.name, arguments=str(self.text), output=self.output
            ),
        )


@define
class _Output:
    """What has come of an output of code."""

    logs: Pieces = field(factory=Pieces)
    whole: CodeInterpreterOutput | None = None

    def value(self) -> CodeInterpreterOutput:
        return self.whole or CodeInterpreterLogs(logs=str(self.logs))


def _index(piece: Any) -> int:
    """Return the place that *piece* names; of a kind that is not known it is a plain dict."""
    index = piece.get("index", 0) if isinstance(piece, dict) else piece.index
    return index if isinstance(index, int) else 0


def _annotation(piece: AnnotationDelta) -> Annotation:
    """Return the annotation that *piece* brings, which is all of it."""
    match piece:
        case FileCitationDelta():
            return FileCitation(
                text=piece.text or "",
                file_citation=piece.file_citation or FileReference(),
                start_index=piece.start_index or 0,
                end_index=piece.end_index or 0,
            )
        case FilePathDelta():
            return FilePath(
                text=piece.text or "",
                file_path=piece.file_path or FileReference(),
                start_index=piece.start_index or 0,
                end_index=piece.end_index or 0,
            )
        case _:
            return piece


def _filled(run: Run, known: Run | None, wire_name: str) -> Run:
    """Return *run* with what the server has left out this time, as supercompat does."""
    missing: dict[str, Any] = {}
    if not run.status:
        missing["status"] = wire_name.rpartition(".")[2]
    if known is not None and known.id == run.id and not run.thread_id:
        missing |= {name: getattr(run, name) or getattr(known, name) for name in _LASTING}
    return attrs.evolve(run, **missing) if missing else run
