"""The bases of the events of transcription and speech: their answers to `Event`'s questions."""

from __future__ import annotations

from typing import Any, ClassVar

from openai_scan.events.audio.objects import SpeechUsage, TranscriptUsage
from openai_scan.events.base import Event, StreamPart
from openai_scan.events.binary import from_base64
from openai_scan.values import Piece


class AudioBase(Event):
    """The base of all events of transcription and speech."""

    family: ClassVar[str] = "audio"
    ends_with_done: ClassVar[bool] = True


class AddsText(AudioBase):
    """The base of an event with a piece of the transcript."""

    delta: str
    segment_id: str | None

    def unwrap_text(self, choice: int = 0) -> str | None:
        # The event of its segment brings the same text again, and that text is final.
        return None if choice or self.segment_id is not None else self.delta


class AddsSegment(AudioBase):
    """The base of an event with what one speaker said."""

    text: str

    def unwrap_text(self, choice: int = 0) -> str | None:
        return None if choice else self.text


class AddsAudio(AudioBase):
    """The base of an event with a piece of speech."""

    audio: str

    def pieces(self) -> tuple[Piece, ...]:
        return (Piece("audio", text=self.audio),) if self.unwrap_audio() else ()

    def unwrap_audio(self, choice: int = 0) -> bytes | None:
        return None if choice else from_base64(self.audio)


class EndsAudio(AudioBase):
    """The base of the last event of a transcript or of speech."""

    usage: TranscriptUsage | SpeechUsage | None

    def stream_parts(self) -> tuple[StreamPart, ...]:
        return (("audio", "completed"),)

    def unwrap_usage(self) -> Any | None:
        return self.usage
