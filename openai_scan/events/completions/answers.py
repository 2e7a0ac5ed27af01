"""What the events of a Completions stream answer: each of their choices for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from openai_scan.events.base import Event, Outcome, StreamPart
from openai_scan.events.completions.objects import CompletionChoice, CompletionUsage

if TYPE_CHECKING:
    from openai_scan.events.snapshot import Fold, Note

# The finish reasons that are no completion.
_OUTCOMES: Mapping[str, Outcome] = {
    "length": "incomplete",
    "content_filter": "incomplete",
    "abort": "cancelled",  # vLLM's
}

_NO_USAGE = CompletionUsage()


class CompletionAnswers(Event):
    """Answers for `Completion`."""

    __slots__ = ()

    ends_with_done: ClassVar[bool] = True

    choices: tuple[CompletionChoice, ...]
    usage: CompletionUsage | None

    def has_content(self) -> bool:
        return any(choice.text or choice.finish_reason for choice in self.choices)

    def stream_parts(self) -> tuple[StreamPart, ...]:
        # LiteLLM's usage chunk has a choice without text, which is not under way again.
        return tuple(
            (choice.index, _OUTCOMES.get(choice.finish_reason, "completed"))
            if choice.finish_reason
            else (choice.index, None)
            for choice in self.choices
            if choice.finish_reason or choice.text
        )

    def fold(self, state: Fold | None, note: Note) -> Fold:
        if state is None or state.over or state.family != "completions":
            from openai_scan.events.completions.snapshot import CompletionFold

            state = CompletionFold()
        state.take(self, note)
        return state

    def unwrap_text(self, choice: int = 0) -> str | None:
        return next((one.text for one in self.choices if one.index == choice), None)

    def unwrap_finish_reason(self, choice: int = 0) -> str | None:
        return next(
            (one.finish_reason or None for one in self.choices if one.index == choice), None
        )

    def unwrap_usage(self) -> CompletionUsage | None:
        return None if self.usage == _NO_USAGE else self.usage
