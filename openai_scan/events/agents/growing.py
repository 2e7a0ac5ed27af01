"""Items of a session while they arrive: the announced item plus what deltas add."""

from __future__ import annotations

from typing import Any

import attrs

from openai_scan.events.agents.items import (
    AssistantMessage,
    CommandExecutionItem,
    FunctionCallItem,
    OutputItem,
    OutputText,
    ReasoningItem,
    SessionItem,
    SessionMessage,
    SummaryText,
)
from openai_scan.events.base import Append, Note
from openai_scan.events.snapshot import ByIndex, Pieces
from openai_scan.values import Piece, PieceKind


class GrowingText:
    """A text that arrives in pieces and is repeated at its end."""

    def __init__(self) -> None:
        self._pieces = Pieces()
        self._is_whole = False

    def add(self, delta: str, note: Note) -> str:
        """Add a piece; return what is new of it: nothing if the text has ended."""
        if self._is_whole:
            note("delta_after_end")
            return ""
        self._pieces.add(delta)
        return delta

    def appender(self) -> Append | None:
        """Return what adds a piece; None if the text has ended."""
        return None if self._is_whole else self._pieces.add

    def begin(self, text: str, note: Note) -> str:
        """Take the text that an announcement has; return what is new of it."""
        return "" if self._is_whole else self._pieces.complete(text, note)

    def end(self, text: str, note: Note) -> str:
        """Take the whole text; return what is new of it."""
        self._is_whole = True
        return self._pieces.complete(text, note)

    def __str__(self) -> str:
        return str(self._pieces)


class Texts(ByIndex[GrowingText]):
    """The texts of the parts of an item, by their indexes."""

    def at(self, index: int | None) -> GrowingText:
        """Return the text at *index*, a new one if needed; the last one if there is no index."""
        place = (self.last or 0) if index is None else index
        if place not in self:
            self[place] = GrowingText()
        return self[place]


class GrowingItem:
    """An item as far as it has arrived.

    Attributes:
        head: The item as the server sent it last, or what it must be if it was not announced.
        id: Its id, or "" until the server has sent it.
        turn_id: The turn that it belongs to.
        parts: The texts of a message, or of the summary of reasoning.
        output: What a command has printed, or the arguments of a call.
    """

    def __init__(self, turn_id: str, head: SessionItem) -> None:
        self.turn_id = turn_id
        self.head = self._placed(head)
        self.id = ""
        self.parts = Texts()
        self.output = GrowingText()
        self._is_announced = False  # of a call

    def take(self, item: SessionItem | OutputItem, note: Note, *, is_whole: bool) -> list[Piece]:
        """Take the item as the server sent it; return what is new of it."""
        self.head = head = self._placed(in_one_form(item))
        match head:
            case SessionMessage(content=content) if head.role != "user":
                texts = [part.text if isinstance(part, OutputText) else "" for part in content]
                return self._take_texts("text", texts, note, is_whole=is_whole)
            case ReasoningItem(summary=summary):
                texts = [part.text for part in summary]
                return self._take_texts("reasoning", texts, note, is_whole=is_whole)
            case FunctionCallItem(arguments=arguments):
                return self.take_call(head, arguments, note, is_whole=is_whole)
            case CommandExecutionItem(output=output):
                self._take(self.output, output or "", note, is_whole=is_whole)
        return []

    def _placed(self, head: SessionItem) -> SessionItem:
        """Return *head* with its turn, which its event may have named instead."""
        if isinstance(turn_id := getattr(head, "turn_id", None), str):
            self.turn_id = turn_id or self.turn_id
            if not turn_id and self.turn_id:
                head = attrs.evolve(head, turn_id=self.turn_id)  # type: ignore[arg-type] # it has one
        return head

    def take_call(
        self, call: FunctionCallItem, arguments: str, note: Note, *, is_whole: bool
    ) -> list[Piece]:
        """Take the arguments of a call; return what is new of them, and of the call itself."""
        new = self._take(self.output, arguments, note, is_whole=is_whole)
        is_news, self._is_announced = bool(new) or not self._is_announced, True
        return [Piece("call", 0, new, call.call_id, call.name)] if is_news else []

    def _take_texts(
        self, kind: PieceKind, texts: list[str], note: Note, *, is_whole: bool
    ) -> list[Piece]:
        pieces = []
        for index, text in enumerate(texts):
            if new := self._take(self.parts.at(index), text, note, is_whole=is_whole):
                pieces.append(Piece(kind, 0, new))
        return pieces

    @staticmethod
    def _take(text: GrowingText, known: str, note: Note, *, is_whole: bool) -> str:
        return text.end(known, note) if is_whole else text.begin(known, note)

    def value(self) -> SessionItem:
        """Return the item as far as it has arrived."""
        match self.head:
            case SessionMessage() as message if message.role != "user":
                return attrs.evolve(message, content=self._content(message))
            case ReasoningItem() as reasoning:
                summary = tuple(SummaryText(text=str(text)) for text in self.parts.in_order())
                return attrs.evolve(reasoning, summary=summary)
            case CommandExecutionItem() as command:
                return attrs.evolve(command, output=str(self.output) or command.output)
            case FunctionCallItem() as call:
                return attrs.evolve(call, arguments=str(self.output))
        return self.head

    def _content(self, message: SessionMessage) -> tuple[Any, ...]:
        """Return the parts of a message; those other than text stay as they were sent."""
        content: list[Any] = list(message.content)
        content += [OutputText()] * (len(self.parts) - len(content))
        for place, index in enumerate(sorted(self.parts)):
            if isinstance(content[place], OutputText):
                content[place] = OutputText(text=str(self.parts[index]))
        return tuple(content)


def in_one_form(item: SessionItem | OutputItem) -> SessionItem:
    """Return *item* as an item of a session: whole messages of the agent have another class."""
    if not isinstance(item, AssistantMessage):
        return item
    return SessionMessage(
        id=item.id,
        content=item.content,
        phase=item.phase,
        role=item.role,
        status=item.status,
        turn_id=item.turn_id,
    )
