"""The base of the events of Chat Completions and of Completions, which have choices."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from openai_scan.errors import APIError
from openai_scan.events.base import Event, Outcome, StreamPart, api_error
from openai_scan.values import Counts

if TYPE_CHECKING:
    from openai_scan.events.decoding.structure import Structurer

# The outcome for each finish reason other than "completed". The first two are OpenAI's; vLLM sends
# "abort" and OpenRouter "error". An answer that calls a function is complete.
_OUTCOMES: Mapping[str, Outcome] = {
    "length": "incomplete",
    "content_filter": "incomplete",
    "abort": "cancelled",
    "error": "failed",
}


class HasChoices(Event):
    """The base of an event with pieces of one or more choices, each of which ends by itself."""

    ends_with_done: ClassVar[bool] = True

    choices: tuple[Any, ...]

    @staticmethod
    def is_whole(choice: Any) -> bool:  # noqa: ARG004 - for the family that can tell
        """Return whether *choice* says that it is the whole choice and not a piece of it."""
        return False

    @staticmethod
    @abstractmethod
    def has_news(choice: Any) -> bool:
        """Return whether *choice*, a piece without a finish reason, adds anything to the choice."""

    def stream_parts(self) -> tuple[StreamPart, ...]:
        # LiteLLM's usage chunk and Azure's content filter name a choice again after its end. It is
        # in progress again only if they add something to it. Within one event the end counts,
        # wherever it is.
        parts: dict[int, Outcome | None] = {}
        for choice in self.choices:
            if choice.finish_reason:
                parts[choice.index] = _OUTCOMES.get(choice.finish_reason, "completed")
            elif self.is_whole(choice):
                parts[choice.index] = parts.get(choice.index) or "completed"
            elif self.has_news(choice):
                parts.setdefault(choice.index, None)
        return tuple(parts.items())

    def stream_error(self) -> APIError | None:
        for choice in self.choices:
            if choice.finish_reason == "error":
                return api_error(
                    None,
                    otherwise="the server ended the answer with an error, and did not say which",
                    body=self.raw.data,
                )
        return None

    def unwrap_finish_reason(self, choice: int = 0) -> str | None:
        one = self.piece(choice)
        return None if one is None else one.finish_reason or None

    @staticmethod
    @abstractmethod
    def merged(pieces: Sequence[Any]) -> Any:
        """Return several pieces of one choice as one."""

    def piece(self, number: int) -> Any | None:
        """Return all that the event brings of the choice with this *number*, or None."""
        choices = self.choices
        if len(choices) == 1:
            return choices[0] if choices[0].index == number else None
        return self._by_index.get(number)

    @cached_property
    def _by_index(self) -> dict[int, Any]:
        """What the event brings of each choice; looking each one up would be quadratic."""
        found: dict[int, list[Any]] = {}
        for choice in self.choices:
            found.setdefault(choice.index, []).append(choice)
        return {
            index: pieces[0] if len(pieces) == 1 else self.merged(pieces)
            for index, pieces in found.items()
        }


def last_reason(pieces: Sequence[Any]) -> Any:
    """Return the last finish reason of several *pieces* of one choice, or the first of none."""
    reasons = [piece.finish_reason for piece in pieces]
    return next(filter(None, reversed(reasons)), reasons[0])


def joined(texts: Iterable[str | None]) -> str | None:
    """Return *texts* joined, without those that are None; None if all of them are."""
    found = [text for text in texts if text is not None]
    return "".join(found) if found else None


def with_usage(payload: Any, _: Structurer) -> Any:
    """Return *payload* with its usage where OpenAI has it, if it is elsewhere.

    Moonshot's Kimi has it in a choice, and Groq in `x_groq`.
    """
    if type(payload) is not dict or payload.get("usage"):
        return payload
    usage = _usage_in(payload["x_groq"]) if "x_groq" in payload else None
    choices = payload.get("choices")
    if type(choices) is list:
        for choice in choices:
            usage = _usage_in(choice) or usage
    return {**payload, "usage": usage} if usage else payload


def _usage_in(place: Any) -> Any:
    return place.get("usage") if type(place) is dict else None


def counts_of(usage: Any | None) -> Counts | None:
    """Return the token counts of a `CompletionUsage`, whatever their server calls them."""
    if usage is None:
        return None
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    return Counts(
        input=_first(usage.prompt_tokens, usage.input_tokens),
        output=_first(usage.completion_tokens, usage.output_tokens),
        total=usage.total_tokens,
        cached=_first(
            prompt and prompt.cached_tokens,
            usage.cached_tokens,
            usage.prompt_cache_hit_tokens,
            usage.cache_read_input_tokens,
        ),
        reasoning=_first(completion and completion.reasoning_tokens, usage.reasoning_tokens),
    )


def _first(*counts: int | None) -> int | None:
    """Return the first count that is not 0; 0 if all are, and None if there is none."""
    known = [count for count in counts if count is not None]
    return next(filter(None, known), 0 if known else None)
