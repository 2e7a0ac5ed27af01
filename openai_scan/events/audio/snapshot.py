"""The whole answer of a transcription or speech stream."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen

from openai_scan.events.audio.events import (
    SpeechAudioDelta,
    SpeechAudioDone,
    TranscriptTextDelta,
    TranscriptTextDone,
    TranscriptTextSegment,
)
from openai_scan.events.audio.objects import (
    LogProb,
    SpeechUsage,
    TranscriptionLanguage,
    TranscriptUsage,
)
from openai_scan.events.base import Append, Event, Fold, Note, from_base64
from openai_scan.events.snapshot import Pieces, WithoutCalls, WithoutText
from openai_scan.surrogates import mend
from openai_scan.values import Piece, Value


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Transcript(WithoutCalls, Value):
    """A transcript as far as it has arrived; *segments* say who said what, if requested."""

    text: str = ""
    segments: tuple[TranscriptTextSegment, ...] = ()
    languages: tuple[TranscriptionLanguage, ...] = ()
    logprobs: tuple[LogProb, ...] = ()
    usage: TranscriptUsage | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Speech(WithoutText, Value):
    """Speech as far as it has arrived; *audio* is decoded."""

    audio: bytes = field(default=b"", repr=False)
    usage: SpeechUsage | None = None


class AudioFold(Fold):
    """Collects a transcript or speech; a stream is one of the two."""

    family = "audio"

    def __init__(self) -> None:
        self._text = Pieces()
        self._segments: list[TranscriptTextSegment] = []
        self._logprobs: list[LogProb] = []
        self._transcript: TranscriptTextDone | None = None
        self._is_speech = False
        self._audio: list[str] = []  # base64, each piece encoded separately
        self._speech_usage: SpeechUsage | None = None

    def take(self, event: Event, note: Note) -> Sequence[Piece]:  # noqa: ARG002 - there is nothing to mend
        match event:
            case TranscriptTextDelta():
                self._text.add(event.unwrap_text() or "")
                self._logprobs += event.logprobs
            case SpeechAudioDelta(audio=audio):
                self._is_speech = True
                self._audio.append(audio)
            case TranscriptTextSegment(text=text):
                self._text.add(text)
                self._segments.append(event)
            case TranscriptTextDone():
                self._transcript = event
            case SpeechAudioDone(usage=usage):
                self._is_speech = True
                self._speech_usage = usage
        return event.pieces()

    def appender(self, event: Event) -> Append | None:
        match event:
            case TranscriptTextDelta(logprobs=()):
                return self._text.add
        return None

    def value(self) -> Transcript | Speech:
        if self._is_speech:
            audio = b"".join(from_base64(piece) or b"" for piece in self._audio)
            return Speech(audio=audio, usage=self._speech_usage)
        whole = self._transcript
        return Transcript(
            text=str(self._text) if whole is None else mend(whole.text),
            segments=tuple(self._segments),
            languages=() if whole is None else whole.languages,
            logprobs=(() if whole is None else whole.logprobs) or tuple(self._logprobs),
            usage=None if whole is None else whole.usage,
        )
