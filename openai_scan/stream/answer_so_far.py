"""The answer that the events of a stream build up, and the short way for most of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from openai_scan.events import Event, fold
from openai_scan.events.folds import kept
from openai_scan.stream.text import Halves
from openai_scan.values import Piece

if TYPE_CHECKING:
    from openai_scan.events.base import Append, Fold, Note
    from openai_scan.events.decoding.repeats import Make, Repeat
    from openai_scan.events.kept import Kept
    from openai_scan.partial_json import PartialJSON
    from openai_scan.stream.continuity import Continuity, EventIds
    from openai_scan.values import Answer, PieceKind

# This many pieces are searched faster than they are sorted.
_FEW = 8


class AnswerSoFar:
    """The answer as far as it has arrived.

    Most events of a stream only add text. After such an event, `again` creates the next one like it
    from its raw event, and `append` adds its text; all other decisions about the first event also
    apply to the next. Both hold until another kind of event arrives.

    Attributes:
        again: Creates the next event if it only adds text, or returns None; None if unknown.
        append: Adds the text of an event that `again` created.
        added: What the last event added; a plain string is text of choice 0.
        is_plain: Whether whole characters added by `append` are exactly what the event added. If
            not, `follow()` must be called with the text as well.
        json: The answer's text, parsed as JSON while it arrives; None until it is requested.
    """

    def __init__(self) -> None:
        self.again: Make | None = None
        self._has_content = False
        self.json: PartialJSON | None = None
        self.append: Append = str
        self.added: str | Sequence[Piece] = ()
        self._texts: dict[tuple[PieceKind, int], str] = {}  # cache for an event with many pieces
        self._texts_of: Sequence[Piece] = ()
        self.is_plain = True
        self._fold: Fold | None = None
        self._has_hole = False
        self._kept: Kept | None = None  # for the next request
        self._keeps = False  # `_kept` needs the next event too
        self._halves = Halves()

    def take(self, event: Event, note: Note, repeat: object = None) -> None:
        """Add any event.

        Args:
            event: The event.
            note: Counts what had to be repaired.
            repeat: What the event repeats (see `Repeats.last`), or None.
        """
        before = self._fold
        self._fold = now = fold(event, before, note)
        if now is None:
            self.added = ()
            return
        if now is not before:
            self._halves = Halves()
            self._kept = kept(now)
            if self.json is not None:
                self.json = type(self.json)()
        now.hole = self._has_hole
        self.added = added = now.added
        if added:
            self.added = self._halves.join(added)
            if not self._has_content:
                self._has_content = any(piece.kind != "reasoning" for piece in added)
        if self._kept is not None and event.family:
            self._keeps = self._kept.take(event, repeat)
            if self._kept.drafts_changed:
                self.json = None  # created again when it is requested
        if self.json is not None and not self._drafting:
            self.json.feed(self.text("text", 0) or "")

    def follow(self, text: str) -> None:
        """Process text added by `append`: join its halves, and pass it on to the JSON parser."""
        self.added = text = self._halves.join_text(text)
        if self.json is not None and not self._drafting:
            self.json.feed(text)
        self._look_around()

    def _look_around(self) -> None:
        """Check whether anything besides the fold needs the next text."""
        self.is_plain = self.json is None and not self._halves.waiting

    def expect_text(
        self, event: Event, repeat: Repeat, ids: EventIds, continuity: Continuity
    ) -> None:
        """Prepare for events that differ from *event*, the last one, only in the text they add.

        Args:
            event: The last event.
            repeat: What it repeats; it only adds text.
            ids: The ids of earlier events.
            continuity: Knows the session of the stream.
        """
        if self._fold is not None and not self._keeps:
            append = self._fold.appender(event)
            if append is not None:
                has_id = event.stream_event_id() is not None
                make = repeat.make
                self.again = ids.checked(make, continuity) if has_id else make
                self.append = append
                self._look_around()
                self._has_content = True

    @property
    def _drafting(self) -> bool:
        return self._kept is not None and self._kept.drafting

    def text(self, kind: PieceKind, choice: int) -> str | None:
        """Return what the last event added to a text of the answer, or None if nothing."""
        added = self.added
        if isinstance(added, str):
            return added if kind == "text" and not choice else None
        if len(added) > _FEW:
            return self._text_of_many(added).get((kind, choice))
        text = None
        for piece in added:
            if piece.kind == kind and piece.choice == choice:
                text = piece.text if text is None else text + piece.text
        return text

    def _text_of_many(self, added: Sequence[Piece]) -> dict[tuple[PieceKind, int], str]:
        """Return the texts of many pieces. Without it, asking for each choice is quadratic."""
        if self._texts_of is not added:
            found: dict[tuple[PieceKind, int], list[str]] = {}
            for piece in added:
                found.setdefault((piece.kind, piece.choice), []).append(piece.text)
            self._texts = {key: "".join(texts) for key, texts in found.items()}
            self._texts_of = added
        return self._texts

    def pieces(self) -> tuple[Piece, ...]:
        """Return what the last event added to the answer."""
        added = self.added
        if isinstance(added, str):
            return (Piece("text", text=added),) if added else ()
        # A text is empty if only half a character arrived; an empty call announces the call.
        return tuple(piece for piece in added if piece.text or piece.kind == "call")

    def leave_hole(self) -> None:
        """Note that part of the answer could not be read; it was in the next event."""
        self._has_hole = True

    @property
    def is_empty(self) -> bool:
        """Whether an answer that has text or calls consists of reasoning only."""
        return self._fold is not None and self._fold.needs_content and not self._has_content

    def flush(self) -> str:
        """Return the rest of the text at its end: U+FFFD for half a character, else nothing."""
        return self._halves.flush()

    def end_of_stream(self) -> None:
        """Let the next event begin a new answer, unless the family's answers span streams."""
        self._has_hole = False
        self._has_content = False
        if self._fold is not None:
            self._fold.over = True

    def settle(self) -> None:
        """Note that the current stream has ended without an error.

        If it had no answer, the answer of the previous stream does not count as its answer.
        """
        if self.is_over:
            self._fold = self._kept = self.json = None

    def value(self) -> Answer | None:
        """Return the answer so far, or None before its first event."""
        return None if self._fold is None else self._fold.value()

    @property
    def family(self) -> str:
        """The family of the answer, or `""` before its first event."""
        return "" if self._fold is None else self._fold.family

    @property
    def is_over(self) -> bool:
        """Whether the next stream of the chain has begun and has no answer yet."""
        fold = self._fold
        return fold is not None and fold.over and not fold.spans_streams

    def as_sent(self, choice: int) -> list[dict[str, Any]]:
        """Return the answer as the next request needs it; an empty list if it cannot be sent back.

        Raises:
            ValueError: The answer has no such choice.
        """
        answer = self.value()
        if answer is None or self._kept is None:
            return []
        return self._kept.as_sent(answer, choice)

    def final_text(self) -> str:
        """Return the text of the final answer, without what preceded it, such as commentary."""
        answer = self.value()
        if answer is None:
            return ""
        return answer.text if self._kept is None else self._kept.final_text(answer)

    def resumable_id(self) -> str | None:
        """Return the server's id of the answer if its stream can be resumed, else None."""
        return None if self._fold is None else self._fold.resumable_id()

    def partial(self, *, is_over: bool) -> Any:
        """Return the JSON value of the text so far, or None; see `StreamView.partial`."""
        if self.json is None:
            from openai_scan.partial_json import PartialJSON

            self.json = PartialJSON()
            self.json.feed(self.final_text())
            self._look_around()
        if is_over:
            self.json.finish()
        return self.json.value
