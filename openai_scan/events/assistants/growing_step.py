"""Run steps while they arrive: the announced object plus what deltas add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
from attrs import define, field

from openai_scan.errors import DecodeError
from openai_scan.events.assistants.arguments import Arguments
from openai_scan.events.assistants.objects import (
    CodeInterpreter,
    CodeInterpreterDelta,
    CodeInterpreterImage,
    CodeInterpreterImageDelta,
    CodeInterpreterLogs,
    CodeInterpreterLogsDelta,
    CodeInterpreterOutput,
    CodeInterpreterToolCall,
    CodeInterpreterToolCallDelta,
    FileSearchToolCall,
    FileSearchToolCallDelta,
    FunctionCallOutput,
    FunctionDelta,
    FunctionToolCall,
    FunctionToolCallDelta,
    MessageCreation,
    MessageCreationDetails,
    MessageCreationDetailsDelta,
    OutputImage,
    RunStep,
    StepDetails,
    StepDetailsDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallsDetails,
    ToolCallsDetailsDelta,
)
from openai_scan.events.base import Note
from openai_scan.events.decoding.structure import Structurer
from openai_scan.events.snapshot import Pieces
from openai_scan.values import Piece, UnknownObject, UnknownToolCall

FINAL_STATUSES = ("completed", "incomplete", "failed", "cancelled", "expired")
"""The statuses that a run step or a message never leaves."""


class GrowingRunStep:
    """A run step as far as it has arrived: the object itself, its tool calls, or both.

    Args:
        head: The run step as the server sent it, or began it.
        asked: The calls that the run has asked for already, by their ids.
    """

    def __init__(self, head: RunStep, asked: Mapping[str, GrowingCall]) -> None:
        self.head = head
        self._asked = asked
        self._calls: list[GrowingCall] = []
        self._at: dict[int, GrowingCall] = {}  # the latest call with each index
        self._highest = -1  # of the indexes
        self._by_id: dict[str, GrowingCall] = {}
        self._details: StepDetails | None = None  # of a delta that has no tool calls

    def set_head(self, head: RunStep, note: Note) -> Iterator[Piece]:
        """Take the step as the server sent it; yield what is new of it."""
        self.head = head
        final = head.status in FINAL_STATUSES
        if isinstance(head.step_details, ToolCallsDetails):
            for index, whole in enumerate(head.step_details.tool_calls):
                yield from self._call_of(index, whole).complete(whole, note, final=final)

    def add(self, details: StepDetailsDelta | None, note: Note) -> Iterator[Piece]:
        """Add the details of a delta; yield what is new of them."""
        match details:
            case ToolCallsDetailsDelta(tool_calls=calls):
                for piece in calls:
                    yield from self._call_for(piece).add(piece, note)
            case MessageCreationDetailsDelta(message_creation=creation):
                if creation is not None and creation.message_id is not None:
                    self._details = MessageCreationDetails(
                        message_creation=MessageCreation(message_id=creation.message_id)
                    )
            case UnknownObject():
                note("unknown_step_details")
                self._details = details

    def waiting(self) -> Iterator[GrowingCall]:
        """Yield the calls of your functions that have no output yet.

        Some servers end the step before they ask for the outputs.
        """
        for call in self._calls:
            if call.kind == "function" and call.output is None and not call.is_answered:
                yield call

    def value(self) -> RunStep:
        """Return the run step as far as it has arrived."""
        head = self.head
        details = self._details if _is_blank(head.step_details) else head.step_details
        if self._calls:
            calls = sorted(self._calls, key=_index_of_call)
            details = ToolCallsDetails(tool_calls=tuple(call.value() for call in calls))
        if details is None or details == head.step_details:
            return head
        return attrs.evolve(head, step_details=details, type=head.type or details.type)

    def _call_for(self, piece: ToolCallDelta) -> GrowingCall:
        """Return the call that *piece* belongs to."""
        # supercompat sends a new id with each piece, so go by the index.
        index = index_of(piece)
        call = self._at.get(index)
        if call is None or call.is_followed_by(piece):
            call = self._at[index] = self._new(index, piece.id or "")
        return call

    def _call_of(self, index: int, whole: ToolCall) -> GrowingCall:
        """Return the call that *whole* is, at *index* in the list of all calls."""
        id = whole.id or ""
        call = self._by_id.get(id) or self._at.get(index)
        if call is None or not call.may_be(whole):
            call = self._new(index, id)
            self._at.setdefault(index, call)
        if id:
            self._by_id[id] = call
        return call

    def _new(self, index: int, id: str) -> GrowingCall:
        """Return a new call, after all others if one already has this *index*."""
        index = self._highest + 1 if index in self._at else index
        self._highest = max(index, self._highest)
        call = self._asked.get(id)
        if call is None or call.by_id is not None:
            call = GrowingCall()
        call.index, call.by_id = index, self._by_id
        self._calls.append(call)
        return call


@define(eq=False)
class GrowingCall:
    """A tool call of a run step as far as it has arrived.

    Attributes:
        index: Its place among the calls of the step.
        by_id: The calls of the step by their ids, where it enters itself; None if it is in none.
        id: The id that the server used first, or that of the finished call.
        kind: The `type` of the call; "" until it is known.
        name: The name of the function.
        arguments: The arguments of the function.
        output: The output of the function, once it has been submitted.
        is_answered: Whether the run has gone on after asking for the output.
    """

    index: int = 0
    by_id: dict[str, GrowingCall] | None = None
    id: str = ""
    kind: str = ""
    name: str = ""
    arguments: Arguments = field(factory=Arguments)
    output: str | None = None
    is_answered: bool = False
    _told: tuple[str, str] | None = None  # the id and the name that were handed out
    _whole: bool = False  # the call itself came last, and no delta
    _code: Pieces = field(factory=Pieces)
    _outputs: dict[int, _Output] = field(factory=dict)
    _search: dict[str, Any] = field(factory=dict)
    _found: FileSearchToolCall | None = None
    _other: dict[str, Any] = field(factory=dict)  # of a kind that has no class here

    def add(self, piece: ToolCallDelta, note: Note) -> Sequence[Piece]:
        """Add a piece; return what is new of it."""
        begun_anew, self._whole = self._whole, False
        match piece:
            case FunctionToolCallDelta(function=function, id=id):
                self._begin("function", id)
                return self._add_function(function or FunctionDelta(), note)
            case CodeInterpreterToolCallDelta(code_interpreter=interpreter, id=id):
                self._begin("code_interpreter", id)
                if begun_anew:  # open-assistant-api announces a call with all of it
                    self._code, self._outputs = Pieces(), {}
                if interpreter is not None:
                    self._add_code(interpreter)
            case FileSearchToolCallDelta(file_search=search, id=id):
                self._begin("file_search", id)
                self._search.update(search or {})
            case _:
                note("unknown_tool_call")
                self._begin(piece.type, None)
                self._other.update(piece.payload)
        return ()

    def complete(self, whole: ToolCall, note: Note, *, final: bool) -> Sequence[Piece]:
        """Take the call as the server sent it; return what is new of it."""
        id = whole.id or ""
        if final:
            self.id = id or self.id
        self._whole = True
        match whole:
            case FunctionToolCall(function=function):
                self._begin("function", id)
                self.name = self.name or function.name
                is_history = self._told is None and function.output is not None
                self.output = self.output if function.output is None else function.output
                text = self.arguments.complete(function.arguments, note, final=final)
                return () if is_history else self._pieces(text)
            case CodeInterpreterToolCall(code_interpreter=interpreter):
                self._begin("code_interpreter", id)
                self._code.complete(interpreter.input, note)
                for index, output in enumerate(interpreter.outputs):
                    self._output(index).complete(output, note)
            case FileSearchToolCall():
                self._begin("file_search", id)
                self._found = whole
            case _:
                self._begin(whole.type, None)
                self._other.update(whole.payload)
        return ()

    def settle(self, note: Note) -> Sequence[Piece]:
        """Note that the run waits for the output of this function; return what is new."""
        return self._pieces(self.arguments.settle(note))

    def is_followed_by(self, piece: ToolCallDelta) -> bool:
        """Return whether *piece* begins another call, from a server that does not count them."""
        if self.kind != "function" or not isinstance(piece, FunctionToolCallDelta):
            return False
        name = "" if piece.function is None else piece.function.name
        return bool(name and self.name and name != self.name and piece.id != self.id)

    def may_be(self, whole: ToolCall) -> bool:
        """Return whether *whole* can be this call."""
        match whole:
            case FunctionToolCall(function=function, id=id):
                if function.name and self.name and function.name != self.name:
                    return False
                others = bool(id and self.id and id != self.id)
                return self.kind == "function" and not (
                    others and not self.arguments.agree(function.arguments)
                )
            case _:
                return self.kind == whole.type

    def value(self) -> ToolCall:
        """Return the call as far as it has arrived."""
        match self.kind:
            case "function":
                return FunctionToolCall(
                    id=self.id,
                    function=FunctionCallOutput(
                        name=self.name, arguments=str(self.arguments), output=self.output
                    ),
                )
            case "code_interpreter":
                outputs = tuple(output.value() for _, output in sorted(self._outputs.items()))
                return CodeInterpreterToolCall(
                    id=self.id,
                    code_interpreter=CodeInterpreter(input=str(self._code), outputs=outputs),
                )
            case "file_search":
                return self._found or self._search_call()
            case _:
                return UnknownToolCall.of(dict(self._other))

    def _begin(self, kind: str, id: str | None) -> None:
        self.kind = self.kind or kind
        if id and not self.id:
            self.id = id
        if self.id and self.by_id is not None:
            self.by_id.setdefault(self.id, self)

    def _add_function(self, function: FunctionDelta, note: Note) -> Sequence[Piece]:
        self.name = self.name or function.name or ""
        self.output = function.output if self.output is None else self.output
        return self._pieces(self.arguments.add(function.arguments or "", note))

    def _pieces(self, text: str) -> Sequence[Piece]:
        known = self._told or ("", "")
        told = (known[0] or self.id, known[1] or self.name)
        if not text and told == self._told:
            return ()
        self._told = told
        return (Piece("call", text=text, call_id=told[0], name=told[1]),)

    def _add_code(self, piece: CodeInterpreterDelta) -> None:
        self._code.add(piece.input or "")
        for output in piece.outputs:
            self._output(index_of(output)).add(output)

    def _output(self, index: int) -> _Output:
        output = self._outputs.get(index)
        if output is None:
            output = self._outputs[index] = _Output()
        return output

    def _search_call(self) -> ToolCall:
        call = {"id": self.id, "type": "file_search", "file_search": dict(self._search)}
        try:
            return Structurer(strict=True)(call, FileSearchToolCall)
        except DecodeError:  # the schema does not say what its results look like
            return UnknownToolCall.of(call)


@define
class _Output:
    """An output of code as far as it has arrived."""

    _logs: Pieces = field(factory=Pieces)
    _whole: CodeInterpreterOutput | None = None

    def add(self, piece: Any) -> None:
        """Add a piece of it."""
        match piece:
            case CodeInterpreterLogsDelta(logs=logs):
                self._logs.add(logs or "")
            case CodeInterpreterImageDelta(image=image):
                file_id = "" if image is None else image.file_id or ""
                self._whole = CodeInterpreterImage(image=OutputImage(file_id=file_id))
            case _:
                self._whole = piece

    def complete(self, whole: CodeInterpreterOutput, note: Note) -> None:
        """Take all of it."""
        match whole:
            case CodeInterpreterLogs(logs=logs):
                self._logs.complete(logs, note)
            case _:
                self._whole = whole

    def value(self) -> CodeInterpreterOutput:
        return self._whole or CodeInterpreterLogs(logs=str(self._logs))


def index_of(piece: Any) -> int:
    """Return the index of *piece*, which is in its payload if its kind has no class here."""
    index = piece.payload.get("index", 0) if isinstance(piece, UnknownObject) else piece.index
    return index if isinstance(index, int) else 0


def _is_blank(details: StepDetails | None) -> bool:
    return details is None or (isinstance(details, UnknownObject) and not details.payload)


def _index_of_call(call: GrowingCall) -> int:
    return call.index
