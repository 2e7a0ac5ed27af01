"""The base of the events of Chat Completions: their answers to the questions of `Event`."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs

from openai_scan.events.base import from_base64
from openai_scan.events.chat.dialects import text_of
from openai_scan.events.chat.objects import Choice, ChoiceDelta, CompletionUsage, ToolCallDelta
from openai_scan.events.choices import HasChoices, joined
from openai_scan.values import Piece, PieceKind

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
    def is_whole(choice: Choice) -> bool:
        return choice.whole

    @staticmethod
    def has_news(choice: Choice) -> bool:
        # Nearly every piece brings text, and comparing deltas is the slowest step here.
        return bool(choice.delta.content) or choice.delta != _EMPTY

    def pieces(self) -> tuple[Piece, ...]:
        found: list[Piece] = []
        for choice in self.choices:
            delta, index = choice.delta, choice.index
            texts: tuple[tuple[PieceKind, str | None], ...] = (
                ("reasoning", reasoning_of(delta)),
                ("text", text_of_delta(delta)),
                ("refusal", delta.refusal),
                ("audio", None if delta.audio is None else delta.audio.data),
            )
            found += [Piece(kind, index, text) for kind, text in texts if text]
            found += [_piece_of_call(call, index) for call in delta.tool_calls]
            if delta.function_call is not None and not delta.tool_calls:
                call = ToolCallDelta(function=delta.function_call)
                found.append(_piece_of_call(call, index))
        return tuple(found)

    def unwrap_text(self, choice: int = 0) -> str | None:
        choices = self.choices
        if len(choices) == 1 and choices[0].index == choice:  # nearly always, and for each event
            return text_of_delta(choices[0].delta)
        return joined(text_of_delta(one.delta) for one in self.entries(choice))

    def unwrap_reasoning_text(self, choice: int = 0) -> str | None:
        return joined(reasoning_of(one.delta) for one in self.entries(choice))

    def unwrap_refusal(self, choice: int = 0) -> str | None:
        return joined(one.delta.refusal for one in self.entries(choice))

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[ToolCallDelta, ...] | None:
        calls = [call for one in self.entries(choice) for call in one.delta.tool_calls]
        return tuple(calls) or None

    def unwrap_usage(self) -> CompletionUsage | None:
        return None if self.usage == _NO_USAGE else self.usage

    def unwrap_annotations(self, choice: int = 0) -> tuple[dict[str, Any], ...] | None:
        found = [each for one in self.entries(choice) for each in one.delta.annotations]
        return tuple(found) or None

    def unwrap_audio(self, choice: int = 0) -> bytes | None:
        sounds = [one.delta.audio.data for one in self.entries(choice) if one.delta.audio]
        found = [sound for data in sounds if (sound := from_base64(data)) is not None]
        return b"".join(found) if found else None


def text_of_delta(delta: ChoiceDelta) -> str | None:
    """Return the text that *delta* adds: a spoken answer has only its transcript."""
    if not delta.content and delta.audio is not None:
        return delta.content if delta.audio.transcript is None else delta.audio.transcript
    return delta.content


def reasoning_of(delta: ChoiceDelta) -> str | None:
    """Return the text that *delta* adds to the reasoning, or None."""
    # A server that sends several of these fields sends the same text in each.
    text = delta.reasoning_content or delta.reasoning or delta.reasoning_text or delta.thinking
    if text:
        return text
    details = delta.reasoning_details or delta.thinking_blocks
    return "".join(_detail_text(detail) for detail in details) or None


def _detail_text(detail: dict[str, Any]) -> str:
    """Return the text of one of OpenRouter's or LiteLLM's details; "" if it is encrypted."""
    keys = ("text", "summary", "thinking")
    return next((text for key in keys if (text := text_of(detail.get(key)))), "")


def _piece_of_call(call: ToolCallDelta, choice: int) -> Piece:
    if call.custom is not None:
        name, text = call.custom.name, call.custom.input
    elif call.function is not None:
        name, text = call.function.name, call.function.arguments
    else:
        name = text = None
    return Piece("call", choice, text or "", call.id or "", name or "")
