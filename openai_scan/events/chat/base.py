"""The base of the events of Chat Completions: their answers to the questions of `Event`."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs

from openai_scan.events.base import from_base64
from openai_scan.events.chat.objects import Choice, ChoiceDelta, CompletionUsage, ToolCallDelta
from openai_scan.events.choices import HasChoices
from openai_scan.values import Piece

_EMPTY = ChoiceDelta()
_NO_USAGE = CompletionUsage()


class ChatEvent(HasChoices):
    """The base of `ChatCompletionChunk`."""

    family: ClassVar[str] = "chat"
    content_places: ClassVar[frozenset[str]] = frozenset(
        {
            "$.choices",
            "$.choices[].delta",
            "$.choices[].delta.audio",
            "$.choices[].delta.audio.data",
            "$.choices[].delta.audio.transcript",
            "$.choices[].delta.content",
            "$.choices[].delta.function_call",
            "$.choices[].delta.function_call.arguments",
            "$.choices[].delta.function_call.name",
            "$.choices[].delta.refusal",
            "$.choices[].delta.tool_calls",
            "$.choices[].delta.tool_calls[]",
            "$.choices[].delta.tool_calls[].function",
            "$.choices[].delta.tool_calls[].function.arguments",
            "$.choices[].delta.tool_calls[].function.name",
        }
    )

    choices: tuple[Choice, ...]
    usage: CompletionUsage | None

    def has_content(self) -> bool:
        return any(choice.finish_reason for choice in self.choices) or self.stream_goes_on()

    def stream_goes_on(self) -> bool:
        return any(
            attrs.evolve(choice.delta, role=None, content=choice.delta.content or None) != _EMPTY
            for choice in self.choices
        )

    @staticmethod
    def has_news(choice: Choice) -> bool:
        # Nearly every piece brings text, and comparing deltas is the slowest step here.
        return bool(choice.delta.content) or choice.delta != _EMPTY

    def pieces(self) -> tuple[Piece, ...]:
        found: list[Piece] = []
        for choice in self.choices:
            if reasoning := reasoning_of(choice.delta):
                found.append(Piece("reasoning", choice.index, reasoning))
            if text := self.unwrap_text(choice.index):
                found.append(Piece("text", choice.index, text))
            if refusal := choice.delta.refusal:
                found.append(Piece("refusal", choice.index, refusal))
        return tuple(found)

    def unwrap_text(self, choice: int = 0) -> str | None:
        delta = self._delta(choice)
        if delta.content is None and delta.audio is not None:
            return delta.audio.transcript  # a spoken answer has no other text
        return delta.content

    def unwrap_reasoning_text(self, choice: int = 0) -> str | None:
        return reasoning_of(self._delta(choice))

    def unwrap_refusal(self, choice: int = 0) -> str | None:
        return self._delta(choice).refusal

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[ToolCallDelta, ...] | None:
        return self._delta(choice).tool_calls or None

    def unwrap_usage(self) -> CompletionUsage | None:
        return None if self.usage == _NO_USAGE else self.usage

    def unwrap_annotations(self, choice: int = 0) -> tuple[dict[str, Any], ...] | None:
        return self._delta(choice).annotations or None

    def unwrap_audio(self, choice: int = 0) -> bytes | None:
        audio = self._delta(choice).audio
        return None if audio is None else from_base64(audio.data)

    def _delta(self, choice: int) -> ChoiceDelta:
        """Return what is added to the choice with this number, which may be nothing."""
        piece = self.piece(choice)
        delta: ChoiceDelta = _EMPTY if piece is None else piece.delta
        return delta


def reasoning_of(delta: ChoiceDelta) -> str | None:
    """Return the text that *delta* adds to the reasoning, or None."""
    # A server that sends several of these fields sends the same text in each.
    text = delta.reasoning_content or delta.reasoning
    if text or not delta.reasoning_details:
        return text or None
    return "".join(_detail_text(detail) for detail in delta.reasoning_details) or None


def _detail_text(detail: dict[str, Any]) -> str:
    """Return the text of one of OpenRouter's reasoning details; "" if it is encrypted."""
    text = detail.get("text") or detail.get("summary")
    return text if isinstance(text, str) else ""
