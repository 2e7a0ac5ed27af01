"""What the events of Chat Completions and of Completions have in common: their choices."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from openai_scan.errors import APIError
from openai_scan.events.base import Event, Outcome, StreamPart, api_error

# The finish reasons that are no completion. OpenAI knows the first two; vLLM says "abort", and
# OpenRouter "error". To ask for a function is to complete the answer.
_OUTCOMES: Mapping[str, Outcome] = {
    "length": "incomplete",
    "content_filter": "incomplete",
    "abort": "cancelled",
    "error": "failed",
}


class HasChoices(Event):
    """Answers for an event with pieces of one or more choices, each of which ends for itself."""

    ends_with_done: ClassVar[bool] = True

    choices: tuple[Any, ...]

    @staticmethod
    @abstractmethod
    def has_news(choice: Any) -> bool:
        """Tell whether a piece of a choice, without a finish reason, adds anything to it."""

    def stream_parts(self) -> tuple[StreamPart, ...]:
        # A choice that ended is named again in LiteLLM's usage chunk and by Azure's content
        # filter: without anything new it is not under way again.
        parts: tuple[StreamPart, ...] = ()
        for choice in self.choices:
            if choice.finish_reason:
                parts += ((choice.index, _OUTCOMES.get(choice.finish_reason, "completed")),)
            elif self.has_news(choice):
                parts += ((choice.index, None),)
        return parts

    def stream_error(self) -> APIError | None:
        for choice in self.choices:
            if choice.finish_reason == "error":
                return api_error(
                    "the server ended the answer with an error, and did not say which",
                    body=self.raw.data,
                )
        return None

    def unwrap_finish_reason(self, choice: int = 0) -> str | None:
        for one in self.choices:
            if one.index == choice:
                return one.finish_reason or None
        return None
