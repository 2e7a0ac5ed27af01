"""The base of the events of Chat Completions: their answers to the questions of `Event`."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, ClassVar

import attrs

from openai_scan.events.binary import from_base64
from openai_scan.events.chat.dialects import text_of
from openai_scan.events.chat.objects import (
    Annotation,
    AudioDelta,
    Choice,
    ChoiceDelta,
    CompletionUsage,
    ToolCallDelta,
)
from openai_scan.events.choices import HasChoices, joined, last_reason
from openai_scan.values import Piece, PieceKind

_EMPTY = ChoiceDelta()
_NO_USAGE = CompletionUsage()


class ChatBase(HasChoices):
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
            "$.choices[].delta.tool_calls[].custom",
            "$.choices[].delta.tool_calls[].custom.input",
            "$.choices[].delta.tool_calls[].custom.name",
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

    @staticmethod
    def merged(pieces: Sequence[Choice]) -> Choice:
        deltas = [piece.delta for piece in pieces]
        sounds = [from_base64(delta.audio.data) for delta in deltas if delta.audio is not None]
        sound = b"".join(filter(None, sounds))
        delta = ChoiceDelta(
            content=joined(map(text_of_delta, deltas)),
            reasoning_content=joined(map(reasoning_of, deltas)),
            refusal=joined(delta.refusal for delta in deltas),
            tool_calls=tuple(call for delta in deltas for call in delta.tool_calls),
            annotations=tuple(each for delta in deltas for each in delta.annotations),
            audio=AudioDelta(data=base64.b64encode(sound).decode()) if sound else None,
        )
        return Choice(index=pieces[0].index, delta=delta, finish_reason=last_reason(pieces))

    def unwrap_text(self, choice: int = 0) -> str | None:
        return text_of_delta(self._delta(choice))

    def unwrap_reasoning_text(self, choice: int = 0) -> str | None:
        return reasoning_of(self._delta(choice))

    def unwrap_refusal(self, choice: int = 0) -> str | None:
        return self._delta(choice).refusal

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[ToolCallDelta, ...] | None:
        return self._delta(choice).tool_calls or None

    def unwrap_usage(self) -> CompletionUsage | None:
        return None if self.usage == _NO_USAGE else self.usage

    def unwrap_annotations(self, choice: int = 0) -> tuple[Annotation, ...] | None:
        return self._delta(choice).annotations or None

    def unwrap_audio(self, choice: int = 0) -> bytes | None:
        audio = self._delta(choice).audio
        return None if audio is None else from_base64(audio.data)

    def _delta(self, choice: int) -> ChoiceDelta:
        """Return what is added to the choice with this number, which may be nothing."""
        piece = self.piece(choice)
        delta: ChoiceDelta = _EMPTY if piece is None else piece.delta
        return delta


def text_of_delta(delta: ChoiceDelta) -> str | None:
    """Return the text that *delta* adds: a spoken answer has only its transcript."""
    if not delta.content and delta.audio is not None:
        return delta.content if delta.audio.transcript is None else delta.audio.transcript
    return delta.content


def reasoning_of(delta: ChoiceDelta) -> str | None:
    """Return the text that *delta* adds to the reasoning, or None."""
    # A server that sends several of these fields sends the same text in each.
    text = delta.reasoning_content or delta.reasoning or delta.reasoning_text or delta.thinking
    details = delta.reasoning_details or delta.thinking_blocks
    if text or not details:
        return text or None
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
