"""What the events of a Chat Completions stream answer: each of their choices for itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from openai_scan.errors import APIError
from openai_scan.events.base import Event, Outcome, StreamPart, api_error, from_base64
from openai_scan.events.chat.objects import Choice, ChoiceDelta, CompletionUsage, ToolCallDelta

if TYPE_CHECKING:
    from openai_scan.events.snapshot import Fold, Note

# The finish reasons that are no completion. OpenAI knows the first two; vLLM says "abort", and
# OpenRouter "error". To ask for a function is to complete the answer.
_OUTCOMES: Mapping[str, Outcome] = {
    "length": "incomplete",
    "content_filter": "incomplete",
    "abort": "cancelled",
    "error": "failed",
}

_EMPTY = ChoiceDelta()
_NO_USAGE = CompletionUsage()


class ChunkAnswers(Event):
    """Answers for `ChatCompletionChunk`."""

    __slots__ = ()

    ends_with_done: ClassVar[bool] = True

    choices: tuple[Choice, ...]
    usage: CompletionUsage | None

    def has_content(self) -> bool:
        return any(
            choice.finish_reason
            or attrs.evolve(choice.delta, role=None, content=choice.delta.content or None) != _EMPTY
            for choice in self.choices
        )

    def stream_parts(self) -> tuple[StreamPart, ...]:
        # A choice that ended is named again in LiteLLM's usage chunk and by Azure's content
        # filter: without a delta it is not under way again.
        return tuple(
            (choice.index, _OUTCOMES.get(choice.finish_reason, "completed"))
            if choice.finish_reason
            else (choice.index, None)
            for choice in self.choices
            if choice.finish_reason or choice.delta != _EMPTY
        )

    def stream_error(self) -> APIError | None:
        if not any(choice.finish_reason == "error" for choice in self.choices):
            return None
        return api_error(
            "the server ended the answer with an error, and did not say which", body=self.raw.data
        )

    def fold(self, state: Fold | None, note: Note) -> Fold:
        if state is None or state.over or state.family != "chat":
            from openai_scan.events.chat.snapshot import ChatFold

            state = ChatFold()
        state.take(self, note)
        return state

    def unwrap_text(self, choice: int = 0) -> str | None:
        for delta in self._deltas(choice):
            if delta.content is not None:
                return delta.content
            if delta.audio is not None:  # what is said is the answer, and there is no other text
                return delta.audio.transcript
        return None

    def unwrap_reasoning_text(self, choice: int = 0) -> str | None:
        return next((reasoning_of(delta) for delta in self._deltas(choice)), None)

    def unwrap_refusal(self, choice: int = 0) -> str | None:
        return next((delta.refusal for delta in self._deltas(choice)), None)

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[ToolCallDelta, ...] | None:
        return next((delta.tool_calls or None for delta in self._deltas(choice)), None)

    def unwrap_finish_reason(self, choice: int = 0) -> str | None:
        return next(
            (one.finish_reason or None for one in self.choices if one.index == choice), None
        )

    def unwrap_usage(self) -> CompletionUsage | None:
        return None if self.usage == _NO_USAGE else self.usage

    def unwrap_annotations(self, choice: int = 0) -> tuple[dict[str, Any], ...] | None:
        return next((delta.annotations or None for delta in self._deltas(choice)), None)

    def unwrap_audio(self, choice: int = 0) -> bytes | None:
        for delta in self._deltas(choice):
            return None if delta.audio is None else from_base64(delta.audio.data)
        return None

    def _deltas(self, choice: int) -> Iterator[ChoiceDelta]:
        return (one.delta for one in self.choices if one.index == choice)


def reasoning_of(delta: ChoiceDelta) -> str | None:
    """Return the text that *delta* adds to the reasoning, or None."""
    # Who sends it under several names sends the same text.
    text = delta.reasoning_content or delta.reasoning
    if text or not delta.reasoning_details:
        return text or None
    return "".join(_detail_text(detail) for detail in delta.reasoning_details) or None


def _detail_text(detail: dict[str, Any]) -> str:
    """Return the text of one of OpenRouter's reasoning details; an encrypted one has none."""
    text = detail.get("text") or detail.get("summary")
    return text if isinstance(text, str) else ""
