"""What the events of a Completions stream answer: each of their choices for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openai_scan.events.choices import HasChoices
from openai_scan.events.completions.objects import CompletionChoice, CompletionUsage

if TYPE_CHECKING:
    from openai_scan.events.snapshot import Fold, Note

_NO_USAGE = CompletionUsage()


class CompletionAnswers(HasChoices):
    """Answers for `Completion`."""

    choices: tuple[CompletionChoice, ...]
    usage: CompletionUsage | None

    def has_content(self) -> bool:
        return any(choice.text or choice.finish_reason for choice in self.choices)

    def stream_goes_on(self) -> bool:
        return any(choice.text for choice in self.choices)

    @staticmethod
    def has_news(choice: CompletionChoice) -> bool:
        return bool(choice.text)

    def fold(self, state: Fold | None, note: Note) -> Fold:
        if state is None or state.over or state.family != "completions":
            from openai_scan.events.completions.snapshot import CompletionFold

            state = CompletionFold()
        state.take(self, note)
        return state

    def unwrap_text(self, choice: int = 0) -> str | None:
        for one in self.choices:
            if one.index == choice:
                return one.text
        return None

    def unwrap_usage(self) -> CompletionUsage | None:
        return None if self.usage == _NO_USAGE else self.usage
