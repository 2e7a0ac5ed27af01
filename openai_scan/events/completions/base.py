"""The base of the events of Completions: their answers to the questions of `Event`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from openai_scan.events.choices import HasChoices, joined, last_reason
from openai_scan.events.completions.objects import CompletionChoice, CompletionUsage
from openai_scan.values import Piece

_NO_USAGE = CompletionUsage()


class CompletionsBase(HasChoices):
    """The base of `Completion`."""

    family: ClassVar[str] = "completions"
    content_places: ClassVar[frozenset[str]] = frozenset({"$.choices", "$.choices[].text"})

    choices: tuple[CompletionChoice, ...]
    usage: CompletionUsage | None

    def has_content(self) -> bool:
        return any(choice.text or choice.finish_reason for choice in self.choices)

    def stream_goes_on(self) -> bool:
        return any(choice.text for choice in self.choices)

    @staticmethod
    def has_news(choice: CompletionChoice) -> bool:
        return bool(choice.text)

    def pieces(self) -> tuple[Piece, ...]:
        return tuple(
            Piece("text", choice.index, choice.text) for choice in self.choices if choice.text
        )

    @staticmethod
    def merged(pieces: Sequence[CompletionChoice]) -> CompletionChoice:
        return CompletionChoice(
            index=pieces[0].index,
            text=joined(piece.text for piece in pieces),
            finish_reason=last_reason(pieces),
        )

    def unwrap_text(self, choice: int = 0) -> str | None:
        piece = self.piece(choice)
        text: str | None = None if piece is None else piece.text
        return text

    def unwrap_usage(self) -> CompletionUsage | None:
        return None if self.usage == _NO_USAGE else self.usage
