"""The base of the events of Completions: their answers to the questions of `Event`."""

from __future__ import annotations

from typing import ClassVar

from openai_scan.events.choices import HasChoices, joined
from openai_scan.events.completions.objects import CompletionChoice, CompletionUsage
from openai_scan.values import Piece

_NO_USAGE = CompletionUsage()


class CompletionsEvent(HasChoices):
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

    def unwrap_text(self, choice: int = 0) -> str | None:
        choices = self.choices
        if len(choices) == 1 and choices[0].index == choice:  # nearly always, and for each event
            text: str | None = choices[0].text
            return text
        return joined(one.text for one in self.entries(choice))

    def unwrap_usage(self) -> CompletionUsage | None:
        return None if self.usage == _NO_USAGE else self.usage
