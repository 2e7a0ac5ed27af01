"""Messages and run steps that are still growing: the object announced plus what deltas add."""

from __future__ import annotations

from typing import Any

import attrs
from attrs import define, field

from openai_scan.errors import DecodeError
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
    RunStep,
    StepDetails,
    StepDetailsDelta,
    Text,
    TextDelta,
    TextPart,
    TextPartDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallsDetails,
    ToolCallsDetailsDelta,
)
from openai_scan.events.base import Append, Note
from openai_scan.events.decoding.structure import Structurer
from openai_scan.events.snapshot import Pieces

FINAL_STATUSES = ("completed", "incomplete", "failed", "cancelled", "expired")
"""The statuses that a run step or a message never leaves."""


class GrowingMessage:
    """A message as far as it has arrived: the object itself, its parts, or both."""

    def __init__(self, head: Message) -> None:
        self._head = head
        self._parts: dict[int, _Part] = {}

    def set_head(self, head: Message) -> None:
        """Take the message as the server sent it; a whole one replaces what deltas built."""
        if head.content and head.status in FINAL_STATUSES:
            self._parts.clear()
        self._head = head

    def add(self, content: tuple[MessagePartDelta, ...], note: Note) -> None:
        """Add the content of a delta."""
        for piece in content:
            index = _index(piece)
            part = self._parts.get(index)
            if part is None:
                content_so_far = self._head.content
                known = content_so_far[index] if 0 <= index < len(content_so_far) else None
                part = self._parts[index] = _Part(known)
            part.add(piece, note)

    def appender(self, content: tuple[MessagePartDelta, ...]) -> Append | None:
        """Return what adds the text of such content, or None if it has more than text."""
        match content:
            case [TextPartDelta(text=TextDelta(annotations=()), index=index)]:
                return self._parts[index].text.add
        return None

    def value(self) -> Message:
        """Return the message as far as it has arrived."""
        if not self._parts:
            return self._head
        parts: dict[int, MessagePart] = dict(enumerate(self._head.content))
        parts |= {index: part.value() for index, part in self._parts.items()}
        return attrs.evolve(self._head, content=tuple(part for _, part in sorted(parts.items())))


class _Part:
    """A part of a message as far as it has arrived."""

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
                    self._annotations += text.annotations  # an annotation always arrives whole
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


class GrowingRunStep:
    """A run step as far as it has arrived: the object itself, its tool calls, or both."""

    def __init__(self, head: RunStep) -> None:
        self._head = head
        self._calls: dict[int, _ToolCall] = {}
        self._details: StepDetails | None = None  # of a delta that has no tool calls

    def set_head(self, head: RunStep) -> None:
        """Take the step as the server sent it; whole tool calls replace what deltas built."""
        details = head.step_details
        is_whole = head.status in FINAL_STATUSES
        if is_whole and isinstance(details, ToolCallsDetails) and details.tool_calls:
            self._calls.clear()
        self._head = head

    def add(self, details: StepDetailsDelta | None, note: Note) -> None:
        """Add the details of a delta."""
        match details:
            case ToolCallsDetailsDelta(tool_calls=calls):
                for piece in calls:
                    # supercompat sends a new id with each piece, so go by the index.
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
        """Return the run step as far as it has arrived."""
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
    """A tool call of a run step as far as it has arrived."""

    id: str = ""
    whole: dict[str, Any] | None = None  # of a kind that has no class here
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
                self.search = {} if self.search is None else self.search
                self.search.update(search or {})
            case _:
                note("unknown_tool_call")
                self.whole = {} if self.whole is None else self.whole
                self.whole.update(piece)

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
            return dict(self.whole)
        if self.code:
            outputs = tuple(output.value() for _, output in sorted(self.outputs.items()))
            return CodeInterpreterToolCall(
                id=self.id, code_interpreter=CodeInterpreter(input=str(self.text), outputs=outputs)
            )
        if self.search is not None:
            call = {"id": self.id, "type": "file_search", "file_search": dict(self.search)}
            try:
                return Structurer(strict=True)(call, FileSearchToolCall)
            except DecodeError:  # the schema does not say what its results look like
                return call
        return FunctionToolCall(
            id=self.id,
            function=FunctionCallOutput(
                name=self.name, arguments=str(self.text), output=self.output
            ),
        )


@define
class _Output:
    """An output of code as far as it has arrived."""

    logs: Pieces = field(factory=Pieces)
    whole: CodeInterpreterOutput | None = None

    def value(self) -> CodeInterpreterOutput:
        return self.whole or CodeInterpreterLogs(logs=str(self.logs))


def _index(piece: Any) -> int:
    """Return the index of *piece*, which is a plain dict if its kind has no class here."""
    index = piece.get("index", 0) if isinstance(piece, dict) else piece.index
    return index if isinstance(index, int) else 0


def _annotation(piece: AnnotationDelta) -> Annotation:
    """Return the annotation that *piece* brings; it always arrives whole."""
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
