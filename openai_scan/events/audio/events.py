"""The events of transcription and speech: one class per wire name, and the match that picks it.

Made by tools/generate_types.py from OpenAI's schema and tools/overrides.py; change those.
Their bases are in base.py.

Source: https://platform.openai.com/docs/api-reference/audio
"""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import frozen

from openai_scan.events.audio.base import AddsAudio, AddsSegment, AddsText, EndsAudio
from openai_scan.events.audio.objects import (
    LogProb,
    SpeechUsage,
    TranscriptionLanguage,
    TranscriptUsage,
)
from openai_scan.events.base import Event
from openai_scan.events.decoding.structure import Structurer
from openai_scan.sse import RawEvent


@frozen(slots=False, eq=False, repr=False)
class TranscriptTextSegment(AddsSegment):
    """`transcript.text.segment`: what one speaker said, *start* to *end* in seconds."""

    wire_name: ClassVar[str] = "transcript.text.segment"

    text: str
    id: str = ""
    start: float | None = None
    end: float | None = None
    speaker: str = ""


@frozen(slots=False, eq=False, repr=False)
class TranscriptTextDelta(AddsText):
    """`transcript.text.delta`: a piece of the transcript."""

    wire_name: ClassVar[str] = "transcript.text.delta"

    delta: str
    logprobs: tuple[LogProb, ...] = ()
    segment_id: str | None = None


@frozen(slots=False, eq=False, repr=False)
class TranscriptTextDone(EndsAudio):
    """`transcript.text.done`: the whole transcript."""

    wire_name: ClassVar[str] = "transcript.text.done"

    text: str
    languages: tuple[TranscriptionLanguage, ...] = ()
    logprobs: tuple[LogProb, ...] = ()
    usage: TranscriptUsage | None = None


@frozen(slots=False, eq=False, repr=False)
class SpeechAudioDelta(AddsAudio):
    """`speech.audio.delta`: a piece of speech; *audio* is base64."""

    wire_name: ClassVar[str] = "speech.audio.delta"

    audio: str


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class SpeechAudioDone(EndsAudio):
    """`speech.audio.done`: the speech has ended."""

    wire_name: ClassVar[str] = "speech.audio.done"

    usage: SpeechUsage | None = None


def decode(name: str, payload: Any, raw: RawEvent, structure: Structurer) -> Event | None:
    """Return the event that *name* stands for, or None if this version does not know it.

    Raises:
        DecodeError: The payload does not fit the event's class.
    """
    event_class: type[Event]
    match name:
        case "transcript.text.delta":
            event_class = TranscriptTextDelta
        case "speech.audio.delta":
            event_class = SpeechAudioDelta
        case "transcript.text.segment":
            event_class = TranscriptTextSegment
        case "transcript.text.done":
            event_class = TranscriptTextDone
        case "speech.audio.done":
            event_class = SpeechAudioDone
        case _:
            return None
    return structure.event(payload, event_class, raw)
