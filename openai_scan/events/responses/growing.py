"""Output items that are still growing: the item announced plus what deltas add."""

from __future__ import annotations

from typing import Any

import attrs
from attrs import define, field

from openai_scan.events.responses.items import (
    Annotation,
    ApplyPatchCreateFileOperation,
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
    OutputContent,
    OutputItem,
    OutputMessage,
    OutputTextContent,
    ReasoningItem,
    ReasoningTextContent,
    RefusalContent,
    SummaryTextContent,
    WebSearchToolCall,
)
from openai_scan.events.responses.objects import ShellCallOutputDelta
from openai_scan.events.snapshot import ByIndex, Pieces

UNDER_WAY = "in_progress"


def new_item(kind: str, id: str) -> OutputItem:
    """Return an item that is empty except for its kind and its id, which may be ""."""
    match kind:
        case "message":
            return OutputMessage(id=id, role="assistant", status=UNDER_WAY)
        case "reasoning":
            return ReasoningItem(id=id, status=UNDER_WAY)
        case "function_call":
            return FunctionToolCall(id=id, name="", arguments="", status=UNDER_WAY)
        case "custom_tool_call":
            return CustomToolCall(id=id, call_id="", name="", input="")
        case "mcp_call":
            return MCPToolCall(id=id, server_label="", name="", arguments="", status=UNDER_WAY)
        case "mcp_list_tools":
            return MCPListTools(id=id, server_label="")
        case "code_interpreter_call":
            return CodeInterpreterToolCall(id=id, container_id="", status=UNDER_WAY)
        case "file_search_call":
            return FileSearchToolCall(id=id, status=UNDER_WAY)
        case "web_search_call":
            return WebSearchToolCall(id=id, status=UNDER_WAY)
        case "image_generation_call":
            return ImageGenToolCall(id=id, status=UNDER_WAY)
        case "shell_call":
            action = FunctionShellAction()
            return FunctionShellCall(id=id, call_id="", action=action, status=UNDER_WAY)
        case "shell_call_output":
            return FunctionShellCallOutput(id=id, call_id="", status=UNDER_WAY)
        case _:  # an apply_patch_call, the only other kind that has deltas
            operation = ApplyPatchUpdateFileOperation(path="", diff="")
            return ApplyPatchToolCall(id=id, call_id="", operation=operation, status=UNDER_WAY)


def kind_of(item: OutputItem) -> str:
    """Return the kind of *item*, which is its `type`."""
    return str(item.get("type", "")) if isinstance(item, dict) else item.type


def id_of(item: OutputItem) -> str:
    """Return the id of *item*, or "" if it has none."""
    return str((item.get("id") if isinstance(item, dict) else item.id) or "")


@define
class Part:
    """A part of a message or of reasoning as far as it has arrived."""

    known: OutputContent
    whole: bool = False
    text: Pieces | None = None  # None before the first delta
    annotations: list[Annotation] = field(factory=list)
    logprobs: list[LogProb] = field(factory=list)

    def value(self) -> OutputContent:
        """Return the part as far as it has arrived."""
        if self.whole:
            return self.known
        match self.known:
            case OutputTextContent() as known:
                return attrs.evolve(
                    known,
                    text=known.text if self.text is None else str(self.text),
                    annotations=known.annotations + tuple(self.annotations),
                    logprobs=known.logprobs + tuple(self.logprobs),
                )
            case RefusalContent() if self.text is not None:
                return RefusalContent(refusal=str(self.text))
            case ReasoningTextContent() if self.text is not None:
                return ReasoningTextContent(text=str(self.text))
        return self.known


@define
class Output:
    """What a command has printed so far."""

    stdout: Pieces = field(factory=Pieces)
    stderr: Pieces = field(factory=Pieces)

    def add(self, piece: ShellCallOutputDelta) -> None:
        """Add what the command has printed since."""
        self.stdout.add(piece.stdout or "")
        self.stderr.add(piece.stderr or "")

    def value(self) -> FunctionShellCallOutputContent:
        """Return what the command has printed so far; its outcome is not known yet."""
        return FunctionShellCallOutputContent(
            stdout=str(self.stdout), stderr=str(self.stderr), outcome={}
        )


@define
class GrowingItem:
    """An output item as far as it has arrived.

    Attributes:
        place: The item's place in the output.
        head: The item as it was announced, or the finished item if it is *whole*.
        text: The arguments, input, code or diff; None before the first delta.
        parts: The content, by index.
        summary: The parts of the summary, by index.
        commands: The commands, by index.
        outputs: What the commands printed, by index.
        image: The unfinished image as base64.
        status: The status in the last event about it, or None.
    """

    place: int
    head: OutputItem
    whole: bool = False
    text: Pieces | None = None
    parts: ByIndex[Part] = field(factory=ByIndex)
    summary: ByIndex[Pieces] = field(factory=ByIndex)
    commands: ByIndex[Pieces] = field(factory=ByIndex)
    outputs: ByIndex[Output | tuple[FunctionShellCallOutputContent, ...]] = field(factory=ByIndex)
    image: str | None = None
    status: str | None = None

    def part(self, index: int | None, known: OutputContent) -> Part:
        """Return the part at *index*, or a new part that starts with *known*.

        Without an index it is the last part if that has the same kind and is not whole.
        """
        if index is None:
            index = -1 if self.parts.last is None else self.parts.last
            last = self.parts.get(index)
            if last is None or last.whole or type(last.known) is not type(known):
                index += 1
        part = self.parts.get(index)
        if part is None:
            part = self.parts[index] = Part(known)
        return part

    def set_text(self, text: str) -> None:
        """Replace the pieces by the whole text."""
        self.text = Pieces(text)

    def value(self) -> OutputItem:
        """Return the item as far as it has arrived."""
        if self.whole or isinstance(self.head, dict):
            return self.head
        changes = self._changes()
        if self.status is not None and hasattr(self.head, "status"):
            changes["status"] = self.status
        return attrs.evolve(self.head, **changes) if changes else self.head

    def _changes(self) -> dict[str, Any]:
        """Return the fields of the head that deltas have changed."""
        changes: dict[str, Any] = {}
        text = None if self.text is None else str(self.text)
        match self.head:
            case OutputMessage() if self.parts:
                changes["content"] = self._content()
            case ReasoningItem():
                if self.parts:
                    changes["content"] = self._content()
                if self.summary:
                    changes["summary"] = tuple(
                        SummaryTextContent(text=str(pieces)) for pieces in self.summary.in_order()
                    )
            case FunctionToolCall() | MCPToolCall() if text is not None:
                changes["arguments"] = text
            case CustomToolCall() if text is not None:
                changes["input"] = text
            case CodeInterpreterToolCall() if text is not None:
                changes["code"] = text
            case ApplyPatchToolCall(
                operation=(
                    ApplyPatchCreateFileOperation() | ApplyPatchUpdateFileOperation()
                ) as known
            ) if text is not None:
                changes["operation"] = attrs.evolve(known, diff=text)
            case FunctionShellCall(action=action) if self.commands:
                commands = tuple(str(pieces) for pieces in self.commands.in_order())
                changes["action"] = attrs.evolve(action, commands=commands)
            case FunctionShellCallOutput() if self.outputs:
                changes["output"] = tuple(
                    content
                    for output in self.outputs.in_order()
                    for content in (output if isinstance(output, tuple) else (output.value(),))
                )
            case ImageGenToolCall() if self.image is not None:
                changes["result"] = self.image
        return changes

    def _content(self) -> tuple[OutputContent, ...]:
        return tuple(part.value() for part in self.parts.in_order())
