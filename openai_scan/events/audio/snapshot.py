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
from openai_scan.events.audio.text import TranscriptText
from openai_scan.events.base import Append, Event, Fold, Note
from openai_scan.events.binary import from_base64
from openai_scan.events.snapshot import WithoutCalls, WithoutText
from openai_scan.values import Counts, Piece, Value


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Transcript(WithoutCalls, Value):
    """A transcript, as far as it has arrived.

    Attributes:
        text: The text.
        segments: Who said what and when, if you asked for segments.
        languages: The languages that were heard, if the server reports them.
        logprobs: How likely each token was, if you asked for it.
        usage: The token counts; None if the server sent none.
    """

    text: str = ""
    segments: tuple[TranscriptTextSegment, ...] = ()
    languages: tuple[TranscriptionLanguage, ...] = ()
    logprobs: tuple[LogProb, ...] = ()
    usage: TranscriptUsage | None = None

    @property
    def counts(self) -> Counts | None:
        """The token counts in the words of `Counts`, or None."""
        return _counts(self.usage)

    @property
    def finish_reason(self) -> None:
        """Always None, since the server gives no reason for the end."""
        return


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Speech(WithoutText, Value):
    """Speech, as far as it has arrived.

    Attributes:
        audio: The audio, decoded; not shown in the `repr`.
        usage: The token counts; None if the server sent none.
    """

    audio: bytes = field(default=b"", repr=False)
    usage: SpeechUsage | None = None

    @property
    def counts(self) -> Counts | None:
        """The token counts in the words of `Counts`, or None."""
        return _counts(self.usage)

    @property
    def finish_reason(self) -> None:
        """Always None, since the server gives no reason for the end."""
        return


class AudioFold(Fold):
    """Collects a transcript or speech; a stream is one of the two.

    The pieces are the text of the transcript, or the sound, each piece of it base64 by itself.
    """

    family = "audio"

    def __init__(self) -> None:
        self._text = TranscriptText()
        self._segments: list[TranscriptTextSegment] = []
        self._logprobs: list[LogProb] = []
        self._transcript: TranscriptTextDone | None = None
        self._is_speech = False
        self._audio: list[str] = []  # base64, each piece encoded separately
        self._speech_usage: SpeechUsage | None = None

    def take(self, event: Event, note: Note) -> Sequence[Piece]:
        text = ""
        match event:
            case TranscriptTextDelta(delta=text, segment_id=segment_id):
                text = self._text.add(segment_id, text)
                self._logprobs += event.logprobs
            case SpeechAudioDelta(audio=audio):
                self._is_speech = True
                self._audio.append(audio)
                return event.pieces()
            case TranscriptTextSegment():
                self._segments.append(event)
                text = self._text.complete_segment(event.id, event.text, note)
            case TranscriptTextDone():
                self._transcript = event
                text = self._text.complete(event.text, note)
            case SpeechAudioDone(usage=usage):
                self._is_speech = True
                self._speech_usage = usage
        return (Piece("text", text=text),) if text else ()

    def appender(self, event: Event) -> Append | None:
        match event:
            case TranscriptTextDelta(logprobs=(), segment_id=None):
                return self._text.appender()
        return None

    def value(self) -> Transcript | Speech:
        if self._is_speech:
            audio = b"".join(from_base64(piece) or b"" for piece in self._audio)
            return Speech(audio=audio, usage=self._speech_usage)
        whole = self._transcript
        return Transcript(
            text=str(self._text),
            segments=tuple(self._segments),
            languages=() if whole is None else whole.languages,
            logprobs=(() if whole is None else whole.logprobs) or tuple(self._logprobs),
            usage=None if whole is None else whole.usage,
        )


def _counts(usage: TranscriptUsage | SpeechUsage | None) -> Counts | None:
    if usage is None:
        return None
    return Counts(input=usage.input_tokens, output=usage.output_tokens, total=usage.total_tokens)
