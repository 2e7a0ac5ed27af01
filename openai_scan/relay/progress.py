"""How far an answer has come: what a process learns from the log when it takes over a job."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import define, field

from openai_scan.relay.entries import TEXTS, Entry, pieces_of, storable
from openai_scan.values import Piece


@define
class Progress:
    """How far an answer has come: the fold of its log, entry by entry.

    The process that writes the entries keeps one too, so that it reads the log only once.

    Attributes:
        head: Who asked, and where; None if the log has lost the stream.
        attempts: How many processes have begun to work on the job, except those that have handed
            it over. If more than one, the others have died.
        is_asked: Whether upstream has been asked, or was about to be.
        mark: The bookmark after the last delta, if the answer can be resumed.
        size: The total size of the deltas in bytes.
        end: How the answer ended, if it has.
        done: What readers were told about the end, if they were.
    """

    head: dict[str, Any] | None = None
    attempts: int = 0
    is_asked: bool = False
    mark: dict[str, Any] | None = None
    size: int = 0
    end: dict[str, Any] | None = None
    done: dict[str, Any] | None = None
    _texts: dict[tuple[str, int], list[str]] = field(factory=dict)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Progress:
        """Return the progress of an answer from the *entries* of its log."""
        progress = cls()
        for entry in entries:
            progress.take(entry)
        return progress

    def take(self, entry: Entry) -> None:
        """Add the next entry. Unknown kinds, which a later version may have, are skipped."""
        data = json.loads(entry.data)
        match entry.kind:
            case "head":
                self.head = data
            case "begin":
                self.attempts += 1
            case "ask":
                self.is_asked = True
            case "delta":
                self.add(pieces_of(data), data.get("n"), len(entry.data))
            case "mark":
                self.mark = data
            case "reset":
                self.reset(data)
            case "leave":
                self.attempts -= 1
                if data.get("unasked"):
                    self.is_asked = False
            case "end":
                self.end = data
            case "done":
                self.done = data

    def add(self, pieces: Iterable[Piece], position: int | None, size: int) -> None:
        """Add what an event added.

        Args:
            pieces: Its pieces, as a delta has them.
            position: Where the answer can be resumed after it; None if it cannot.
            size: The size of the delta in bytes.
        """
        for piece in pieces:
            if piece.kind in TEXTS:
                self._texts.setdefault((piece.kind, piece.choice), []).append(storable(piece.text))
        if position is not None and self.mark is not None:
            self.mark = {**self.mark, "position": position}
        self.size += size

    def reset(self, texts: Mapping[str, str]) -> None:
        """Replace all texts with those of choice 0, by kind."""
        self._texts = {(kind, 0): [texts[kind]] for kind in TEXTS if texts.get(kind)}

    def text(self, kind: str = "text", choice: int = 0) -> str:
        """Return the text so far."""
        parts = self._texts.get((kind, choice))
        if not parts:
            return ""
        if len(parts) > 1:
            parts[:] = ["".join(parts)]
        return parts[0]

    def texts(self) -> dict[str, str]:
        """Return the non-empty texts of choice 0, by kind."""
        return {kind: text for kind in TEXTS if (text := self.text(kind))}
