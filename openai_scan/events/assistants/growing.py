"""Messages while they arrive: the announced object plus what deltas add."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import attrs

from openai_scan.events.assistants.growing_step import index_of
from openai_scan.events.assistants.objects import (
    Annotation,
    AnnotationDelta,
    FileCitation,
    FileCitationDelta,
    FilePath,
    FilePathDelta,
    FileReference,
    ImageFilePart,
    ImageFilePartDelta,
    ImageURLPart,
    ImageURLPartDelta,
    Message,
    MessagePart,
    MessagePartDelta,
    RefusalPart,
    RefusalPartDelta,
    Text,
    TextDelta,
    TextPart,
    TextPartDelta,
)
from openai_scan.events.base import Append, Note
from openai_scan.events.snapshot import Ahead, Pieces
from openai_scan.values import Piece, PieceKind

# How many parts are looked at to find the one that is missing at its place in a message.
_MOST_SKIPPED = 16

_MOST_INSERTED = 1 << 32

_Key: TypeAlias = "tuple[int, int]"
"""The place of a part: its index in deltas and 0; or of the part that it precedes, and less."""


class GrowingMessage:
    """A message as far as it has arrived: the object itself, its parts, or both.

    Attributes:
        head: The message as the server sent it last.
    """

    def __init__(self, head: Message) -> None:
        self.head = head
        self._parts: dict[_Key, _Part] = {}
        self._inserted = -_MOST_INSERTED

    @property
    def is_prompt(self) -> bool:
        """Whether the user wrote it, so that it is not part of the answer."""
        return self.head.role == "user"

    def set_head(self, head: Message, note: Note) -> list[Piece]:
        """Take the message as the server sent it; return what is new of it.

        What *head* leaves out stays.
        """
        self.head = head
        pieces: list[Piece] = []
        for key, part in self._places(head.content):
            known = self._parts.get(key)
            if known is None:
                known = self._parts[key] = _Part()
            pieces += known.complete(part, note)
        return pieces

    def add(self, content: tuple[MessagePartDelta, ...], note: Note) -> list[Piece]:
        """Add the content of a delta; return what is new of it."""
        pieces: list[Piece] = []
        for piece in content:
            key = (index_of(piece), 0)
            part = self._parts.get(key)
            if part is None:
                part = self._parts[key] = _Part()
            pieces += part.add(piece, note)
        return pieces

    def appender(self, content: tuple[MessagePartDelta, ...]) -> Append | None:
        """Return what adds the text of such content, or None if it has more than text."""
        match content:
            case [TextPartDelta(text=TextDelta(annotations=()), index=index)]:
                part = self._parts[index, 0]
                return None if part.ahead else part.text.add
        return None

    def value(self) -> Message:
        """Return the message as far as it has arrived."""
        content = tuple(part.value() for _, part in sorted(self._parts.items()))
        return (
            self.head if content == self.head.content else attrs.evolve(self.head, content=content)
        )

    def _places(self, content: tuple[MessagePart, ...]) -> Iterator[tuple[_Key, MessagePart]]:
        """Yield each part of the message with its key, known or new."""
        known = sorted(self._parts) if content else []
        behind = known[-1][0] + 1 if known else 0
        place, skipped = 0, 0
        for index, part in enumerate(content):
            more = len(content) - index
            while (  # the server has left a part out
                more < len(known) - place
                and skipped < _MOST_SKIPPED
                and not self._parts[known[place]].fits(part)
            ):
                place, skipped = place + 1, skipped + 1
            if place == len(known):
                yield (behind, 0), part
                behind += 1
                continue
            key = known[place]
            if not self._parts[key].fits(part) and (
                self._parts[key].kind != _kind_of(part)
                or (key[0] > index and more > len(known) - place)
            ):  # a part that had no deltas
                self._inserted += 1
                yield (key[0], self._inserted), part
            else:
                yield key, part
                place += 1


class _Part:
    """A part of a message as far as it has arrived."""

    def __init__(self) -> None:
        self._whole: MessagePart | None = None  # of a kind that is not text
        self._kind: PieceKind = "text"
        self.text = Pieces()
        self.ahead = Ahead()
        self._annotations: list[AnnotationDelta] = []
        self._known_annotations: tuple[Annotation, ...] = ()

    def add(self, piece: MessagePartDelta, note: Note) -> tuple[Piece, ...]:
        """Add a piece of it; return what is new."""
        match piece:
            case TextPartDelta(text=text):
                if text is not None:
                    self._annotations += text.annotations  # an annotation always arrives whole
                    return self._add(text.value)
            case RefusalPartDelta(refusal=refusal):
                self._kind = "refusal"
                return self._add(refusal)
            case ImageFilePartDelta(image_file=image_file):
                if image_file is not None:
                    self._whole = ImageFilePart(image_file=image_file)
            case ImageURLPartDelta(image_url=image_url):
                if image_url is not None:
                    self._whole = ImageURLPart(image_url=image_url)
            case _:
                note("unknown_message_part")
                self._whole = piece
        return ()

    def _add(self, text: str | None) -> tuple[Piece, ...]:
        new = self.ahead.new(text or "")
        self.text.add(new)
        return (Piece(self._kind, text=new),) if new else ()

    def complete(self, part: MessagePart, note: Note) -> tuple[Piece, ...]:
        """Take all of it; return what is new."""
        match part:
            case TextPart(text=text):
                self._whole, self._kind = None, "text"
                if text.annotations:
                    self._annotations.clear()
                    self._known_annotations = text.annotations
                missing = self.text.complete(text.value, note)
            case RefusalPart(refusal=refusal):
                self._whole, self._kind = None, "refusal"
                missing = self.text.complete(refusal, note)
            case _:
                self._whole = part
                return ()
        self.ahead.lead(missing)
        return (Piece(self._kind, text=missing),) if missing else ()

    @property
    def kind(self) -> str:
        """Text, refusal, or "" for any other."""
        return "" if self._whole is not None else self._kind

    def fits(self, part: MessagePart) -> bool:
        """Return whether *part* can be this one, as far as it has come."""
        text = str(self.text)
        if self._whole is not None or self.kind != _kind_of(part):
            return self._whole == part or not (text or self._whole)
        whole = part.text.value if isinstance(part, TextPart) else part.refusal  # type: ignore[union-attr] # its kind
        return whole.startswith(text) or text.startswith(whole)

    def value(self) -> MessagePart:
        """Return the part as far as it has arrived."""
        if self._whole is not None:
            return self._whole
        if self._kind == "refusal":
            return RefusalPart(refusal=str(self.text))
        annotations = tuple(map(_annotation, self._annotations))
        return TextPart(
            text=Text(value=str(self.text), annotations=self._known_annotations + annotations)
        )


def _kind_of(part: MessagePart) -> str:
    match part:
        case TextPart():
            return "text"
        case RefusalPart():
            return "refusal"
        case _:
            return ""


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
