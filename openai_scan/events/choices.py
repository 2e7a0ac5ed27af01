"""The base of the events of Chat Completions and of Completions, which have choices."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

from openai_scan.errors import APIError
from openai_scan.events.base import Event, Outcome, StreamPart, api_error

# The outcome for each finish reason other than "completed". The first two are OpenAI's; vLLM sends
# "abort" and OpenRouter "error". An answer that calls a function is complete.
_OUTCOMES: Mapping[str, Outcome] = {
    "length": "incomplete",
    "content_filter": "incomplete",
    "abort": "cancelled",
    "error": "failed",
}


# Fewer choices than this are searched faster than they are put into a dict.
_FEW = 8


class HasChoices(Event):
    """The base of an event with pieces of one or more choices, each of which ends by itself."""

    ends_with_done: ClassVar[bool] = True

    choices: tuple[Any, ...]

    @staticmethod
    @abstractmethod
    def has_news(choice: Any) -> bool:
        """Return whether *choice*, a piece without a finish reason, adds anything to the choice."""

    def stream_parts(self) -> tuple[StreamPart, ...]:
        # LiteLLM's usage chunk and Azure's content filter name a choice again after its end. It is
        # in progress again only if they add something to it.
        parts: list[StreamPart] = []
        for choice in self.choices:
            if choice.finish_reason:
                outcome = _OUTCOMES.get(choice.finish_reason, "completed")
                parts.append((choice.index, outcome))
            elif self.has_news(choice):
                parts.append((choice.index, None))
        return tuple(parts)

    def stream_error(self) -> APIError | None:
        for choice in self.choices:
            if choice.finish_reason == "error":
                return api_error(
                    "the server ended the answer with an error, and did not say which",
                    body=self.raw.data,
                )
        return None

    def unwrap_finish_reason(self, choice: int = 0) -> str | None:
        one = self.piece(choice)
        return None if one is None else one.finish_reason or None

    def piece(self, number: int) -> Any | None:
        """Return the first piece of the choice with this *number*, or None."""
        choices = self.choices
        if len(choices) < _FEW:
            for one in choices:
                if one.index == number:
                    return one
            return None
        return self._by_index.get(number)

    @cached_property
    def _by_index(self) -> dict[int, Any]:
        """The first piece of each choice. Without it, asking about each choice is quadratic."""
        return {one.index: one for one in reversed(self.choices)}
