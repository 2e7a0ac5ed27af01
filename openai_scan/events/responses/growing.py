"""Output items that are still growing: the item that was announced and what other events add.

An end only adds: whatever an event leaves out stays as it came before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import attrs
from attrs import define, field

from openai_scan.events.base import Note
from openai_scan.events.responses.heads import (
    CALLS,
    UNDER_WAY,
    UNFINISHED,
    call_id_of,
    id_of,
    item_text,
    name_of,
    richer,
    status_of,
)
from openai_scan.events.responses.items import (
    Agent,
    ApplyPatchCreateFileOperation,
    ApplyPatchToolCall,
    ApplyPatchUpdateFileOperation,
    CodeInterpreterToolCall,
    CustomToolCall,
    FunctionShellCall,
    FunctionShellCallOutput,
    FunctionShellCallOutputContent,
    FunctionToolCall,
    ImageGenToolCall,
    MCPToolCall,
    OutputItem,
    OutputMessage,
    ReasoningItem,
)
from openai_scan.events.responses.objects import ShellCallOutputDelta
from openai_scan.events.responses.parts import Content, Parts, Said
from openai_scan.events.responses.texts import Arguments, Text
from openai_scan.events.snapshot import ByIndex, Pieces
from openai_scan.values import Piece, UnknownItem, UnknownObject

_CommandOutputs: TypeAlias = tuple[FunctionShellCallOutputContent, ...]


@define
class CommandOutput:
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
            stdout=str(self.stdout), stderr=str(self.stderr), outcome=UnknownObject.of({})
        )


class GrowingItem:
    """An output item as far as it has arrived.

    Attributes:
        place: The item's place in the output.
        head: The item in its last event, with what earlier events had and that one left out.
        kind: Its `type`.
        id: The item's id, or "".
        call_id: The id to answer the call with, or "".
        name: The name of what is called, or "".
        speaks: Whether all that comes of the call is handed out under its id and name.
        is_announced: Whether an event has brought the item, and not only something of it.
        is_announced_whole: Whether its announcement said that it is finished, and what it says.
        is_whole: Whether an event has brought all of it.
        is_closed: Whether it is whole and something came of it, so that nothing more is taken.
        is_finished: Whether the server has said that all of the call has come.
        is_repeated: Whether another item is the same call, which counts.
        is_absorbed: Whether it has turned out to be a part of another item.
        agent: The agent that it is from, or None if no event has named one.
        is_aside: Whether that is a subagent, so that its words are not part of the answer.
        text: The arguments, input, code or diff; None before the first of it.
        content: The parts of its content.
        summary: The parts of the summary.
        commands: The commands, by index.
        outputs: What the commands printed, by index.
        image: The image so far as base64, or None.
        status: The status in the last event that had only that, or None.
    """

    __slots__ = (
        "_announced",
        "_held",
        "_is_shown",
        "agent",
        "call_id",
        "commands",
        "content",
        "head",
        "id",
        "image",
        "is_absorbed",
        "is_announced",
        "is_announced_whole",
        "is_aside",
        "is_closed",
        "is_finished",
        "is_repeated",
        "is_whole",
        "kind",
        "name",
        "outputs",
        "place",
        "speaks",
        "status",
        "summary",
        "text",
    )

    def __init__(self, place: int, head: OutputItem, kind: str) -> None:
        self.place = place
        self.head = head
        self.kind = kind
        self.id = id_of(head)
        self.call_id = call_id_of(head)
        self.name = name_of(head)
        self.speaks = False
        self.is_announced = False
        self.is_announced_whole = False
        self.is_whole = False
        self.is_closed = False
        self.is_finished = False
        self.is_repeated = False
        self.is_absorbed = False
        self.agent: Agent | None = None
        self.is_aside = False
        self.text: Text | None = None
        self.content = Parts()
        self.summary = Parts()
        self.commands: ByIndex[Text] = ByIndex()
        self.outputs: ByIndex[CommandOutput | _CommandOutputs] = ByIndex()
        self.image: str | None = None
        self.status: str | None = None
        self._held: list[str] = []  # pieces of a call whose id is not known yet
        self._announced = ("", "")  # the id and name that have been handed out
        self._is_shown = False  # the image has been handed out

    @property
    def has_something(self) -> bool:
        """Whether more is known of it than that it has begun."""
        return bool(
            self.is_whole
            or self.call_id
            or self.text
            or self.content.has_text
            or self.summary.has_text
            or self.commands
            or self.outputs
            or self.image
        )

    def is_from(self, agent: Agent | None) -> bool:
        """Return whether nothing says that the item is from another agent than *agent*."""
        return agent is None or self.agent is None or self.agent == agent

    # What an event adds.

    def take(self, delta: str, note: Note) -> str:
        """Take a piece of the text that is all of the item; return what is new."""
        if self.text is None:
            self.text = self._new_text()
        return self.text.take(delta, note)

    def end_text(self, whole: str, note: Note) -> list[Piece]:
        """Take all of this text; return what is new."""
        if self.is_closed and not (self.text and self.text.missing(whole)):
            return []
        return self.pieces([("call", self._end(whole, note))])

    def _end(self, whole: str, note: Note) -> str:
        if self.text is None:
            self.text = self._new_text()
        return self.text.end(whole, note)

    def begin(self, item: OutputItem, note: Note) -> Said:
        """Take an item that is still being made; return what is new."""
        is_finished = status_of(item) == "completed"
        said = self._lay(item, note, is_whole=False, is_finished=is_finished)
        self.is_announced_whole = is_finished and self.has_something
        return said

    def finish(self, item: OutputItem, note: Note, *, is_over: bool = True) -> Said:
        """Take a whole item; return what is new.

        Args:
            item: The item.
            note: Counts what differs.
            is_over: Whether the item is finished unless its status says otherwise.
        """
        status = status_of(item)
        is_finished = status == "completed" or (is_over and status not in UNFINISHED)
        said = self._lay(item, note, is_whole=True, is_finished=is_finished)
        if self.text is not None and (rest := self.text.flush()):
            said.append(("call", rest))
        self.is_whole = True
        self.is_closed = bool(
            self.content.has_text or self.summary.has_text or (self.text and self.text.size)
        )
        return said

    def absorb(self, other: GrowingItem, note: Note) -> Said:
        """Take what came under another id; return what is new."""
        other.is_absorbed = True
        if other.text is None:
            return []
        return [("call", self._end(other.text.start(other.text.size), note))]

    def _lay(self, item: OutputItem, note: Note, *, is_whole: bool, is_finished: bool) -> Said:
        self.is_announced = True
        self.is_finished = self.is_finished or is_finished
        if status_of(item):
            self.status = None
        self.head = richer(item, self.head)
        self.id = id_of(self.head)
        self.call_id = call_id_of(self.head)
        self.name = name_of(self.head)
        self.speaks = False
        match item:
            case OutputMessage(content=parts):
                return self._lay_parts(self.content, parts, note, is_whole=is_whole)
            case ReasoningItem():
                return [
                    *self._lay_parts(self.summary, item.summary, note, is_whole=is_whole),
                    *self._lay_parts(self.content, item.content, note, is_whole=is_whole),
                ]
            case FunctionShellCall(action=action):
                for index, text in enumerate(action.commands):
                    command = self.command(index)
                    (command.end if is_whole else command.begin)(text, note)
            case ImageGenToolCall():
                if item.result:
                    self.image = item.result
                return self.show_image() if is_whole else []
            case _:
                return self._lay_text(item_text(item) or "", note, is_whole=is_whole)
        return []

    def _lay_parts(
        self, parts: Parts, contents: Sequence[Content], note: Note, *, is_whole: bool
    ) -> Said:
        return parts.finish_all(contents, note) if is_whole else parts.begin_all(contents, note)

    def _lay_text(self, text: str, note: Note, *, is_whole: bool) -> Said:
        if not text:
            return []
        if self.text is None:
            self.text = self._new_text()
        return [("call", self.text.end(text, note) if is_whole else self.text.begin(text, note))]

    def _new_text(self) -> Text:
        return Arguments() if self.kind in ("function_call", "mcp_call") else Text()

    def command(self, index: int | None) -> Text:
        """Return the command at *index*, or the last one."""
        if index is None:
            index = self.commands.last or 0
        if index not in self.commands:
            self.commands[index] = Text()
        return self.commands[index]

    def show_image(self) -> Said:
        """Return the image if it is new and all of it has come."""
        if self._is_shown or not self.image:
            return []
        self._is_shown = True
        return [("image", self.image)]

    # What is handed out of it.

    def pieces(self, said: Said) -> list[Piece]:
        """Return what is new as pieces. Those of a call wait until its id is known."""
        if self.kind not in CALLS:
            if self.is_aside:
                return []
            return [Piece(kind, text=text) for kind, text in said if text and kind != "call"]
        if self.is_repeated:
            return []
        pieces = [text for _, text in said if text]
        if not self.call_id:
            self._held += pieces
            return []
        call = self.call_id, self.name
        if call != self._announced:
            self._announced = call
            pieces = ["".join([*self._held, *pieces])]
            self._held = []
        self.speaks = True
        return [Piece("call", 0, text, *call) for text in pieces]

    def leave(self) -> list[Piece]:
        """Return the pieces that waited for another event, since there will be none.

        A finished call of a function that has no arguments has the empty object as them.
        """
        rest = "" if self.text is None else self.text.flush()
        if self.call_id:
            is_bare = not (str(self.text or "").strip() or rest)
            is_call = self.is_finished and self.name and isinstance(self.head, FunctionToolCall)
            rest = "{}" if is_bare and is_call else rest
            return self.pieces([("call", rest)])
        rest = "".join([*self._held, rest])
        self._held = []
        return [Piece("call", text=rest, name=self.name)] if rest else []

    # The item.

    def agrees(self, item: OutputItem) -> bool:
        """Return whether *item* can be this one, judged by its text."""
        match item:
            case OutputMessage(content=parts):
                return self.content.agrees(parts)
            case ReasoningItem():
                return self.content.agrees(item.content) and self.summary.agrees(item.summary)
            case _:
                text = item_text(item)
                return text is None or self.text is None or self.text.missing(text) is not None

    def is_like(self, item: OutputItem) -> bool:
        """Return whether *item* calls the same with the same arguments."""
        text, known = item_text(item) or "", self.text
        size = 0 if known is None else known.size
        same = size == len(text) and (known is None or known.missing(text) == "")
        return same and name_of(item) == self.name

    def value(self) -> OutputItem:
        """Return the item as far as it has arrived."""
        if isinstance(self.head, UnknownItem):
            return self.head
        changes = self._changes()
        status: str | None = self.status
        if not self.is_finished and isinstance(self.head, FunctionToolCall | CustomToolCall):
            status = self.head.status
            status = status if status in UNFINISHED else UNDER_WAY
        if status is not None and hasattr(self.head, "status"):
            changes["status"] = status
        return attrs.evolve(self.head, **changes) if changes else self.head

    def _changes(self) -> dict[str, Any]:
        """Return the fields of the head that other events have brought."""
        changes: dict[str, Any] = {}
        text = None if self.text is None else str(self.text)
        match self.head:
            case OutputMessage() if self.content:
                changes["content"] = self.content.values()
            case ReasoningItem():
                if self.content:
                    changes["content"] = self.content.values()
                if self.summary:
                    changes["summary"] = self.summary.values()
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
            case FunctionShellCallOutput(output=()) if self.outputs:
                changes["output"] = tuple(
                    content
                    for output in self.outputs.in_order()
                    for content in (output if isinstance(output, tuple) else (output.value(),))
                )
            case ImageGenToolCall() if self.image is not None:
                changes["result"] = self.image
        return changes
