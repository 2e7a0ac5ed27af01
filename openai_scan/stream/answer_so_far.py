"""The answer that the events of a stream build up, and the short way for most of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from openai_scan.events import Event, fold
from openai_scan.stream.text import Halves
from openai_scan.values import Piece

if TYPE_CHECKING:
    from openai_scan.events.base import Append, Fold, Note
    from openai_scan.events.decoding.repeats import Make, Repeats
    from openai_scan.partial_json import PartialJSON
    from openai_scan.values import Answer, PieceKind


class AnswerSoFar:
    """What has come of an answer.

    Most events of a stream add text and nothing else. Once such an event has come, `again` makes
    the next one like it from its raw event, and `add_text()` takes its text; all other decisions
    about the event are those about the first. Both hold until another kind of event comes.

    Attributes:
        again: Makes the next event if it only adds text, or returns None; None if unknown.
        json: The answer's text, parsed as JSON while it arrives; None until it is asked for.
    """

    def __init__(self) -> None:
        self.again: Make | None = None
        self._has_content = False
        self.json: PartialJSON | None = None
        self._append: Append = str  # takes the text of an event that `again` made
        self._fold: Fold | None = None
        self._has_hole = False
        self._halves = Halves()
        self._added: str | Sequence[Piece] = ()  # by the last event; text of choice 0 if it is text

    def take(self, event: Event, note: Note) -> None:
        """Take any event; *note* counts what had to be repaired."""
        before, self._fold = self._fold, fold(event, self._fold, note)
        if self._fold is None:
            self._added = ()
            return
        if self._fold is not before:
            self._halves = Halves()
            if self.json is not None:
                self.json = type(self.json)()
        self._fold.hole = self._has_hole
        self._added = self._halves.join(self._fold.added)
        if not self._has_content:
            self._has_content = any(piece.kind != "reasoning" for piece in self._added)
        if self.json is not None:
            self.json.feed(self.text("text", 0) or "")

    def add_text(self, text: str) -> None:
        """Take the text of an event that `again` made."""
        self._append(text)
        if self._halves.waiting or not text.isascii():
            text = self._halves.join_text(text)
        self._added = text
        if self.json is not None:
            self.json.feed(text)

    def expect_text(self, event: Event, repeats: Repeats) -> None:
        """Prepare for events that differ from *event*, the last one, only in the text they add."""
        repeat = repeats.last
        if repeat is not None and repeat.adds_text and self._fold is not None:
            append = self._fold.appender(event)
            if append is not None:
                self.again, self._append = repeat.make, append
                self._has_content = True

    def text(self, kind: PieceKind, choice: int) -> str | None:
        """Return what the last event added to a text of the answer, or None if nothing."""
        added = self._added
        if isinstance(added, str):
            return added if kind == "text" and not choice else None
        pieces = [piece.text for piece in added if piece.kind == kind and piece.choice == choice]
        return "".join(pieces) if pieces else None

    def pieces(self) -> tuple[Piece, ...]:
        """Return what the last event added to the answer."""
        added = self._added
        if isinstance(added, str):
            return (Piece("text", text=added),) if added else ()
        return tuple(added)

    def leave_hole(self) -> None:
        """Record that a part of the answer could not be read, in the event that comes next."""
        self._has_hole = True

    @property
    def is_empty(self) -> bool:
        """Whether nothing but reasoning has come of an answer that has text or calls."""
        return self._fold is not None and self._fold.needs_content and not self._has_content

    def flush(self) -> str:
        """Return what is left of the text at its end: U+FFFD for half a character, else nothing."""
        return self._halves.flush()

    def end_of_stream(self) -> None:
        """Let the next event begin a new answer, unless the family's answers span streams."""
        self._has_hole = False
        self._has_content = False
        if self._fold is not None:
            self._fold.over = True

    def value(self) -> Answer | None:
        """Return the answer so far, or None before its first event."""
        return None if self._fold is None else self._fold.value()

    def resumable_id(self) -> str | None:
        """Return the server's name for the answer if its stream can be resumed, else None."""
        return None if self._fold is None else self._fold.resumable_id()

    def partial(self, *, is_over: bool) -> Any:
        """Return the JSON value of the text so far, or None; see `StreamView.partial`."""
        if self.json is None:
            from openai_scan.partial_json import PartialJSON

            self.json = PartialJSON()
            answer = self.value()
            if answer is not None:
                self.json.feed(answer.text)
        if is_over:
            self.json.finish()
        return self.json.value
