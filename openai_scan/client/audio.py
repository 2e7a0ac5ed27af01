"""The audio API: transcription and speech.

Source: https://platform.openai.com/docs/api-reference/audio
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import Unpack

from openai_scan.client.base import BaseClient
from openai_scan.client.params import CreateSpeech, CreateTranscription
from openai_scan.streamer import StreamerV2

if TYPE_CHECKING:
    from openai_scan.events.audio import SpeechEvent, TranscriptEvent
    from openai_scan.events.audio.snapshot import Speech, Transcript


class AudioMethods(BaseClient):
    """The methods of `Client` for the audio API."""

    def create_transcription_stream(
        self, **params: Unpack[CreateTranscription]
    ) -> StreamerV2[TranscriptEvent, Transcript]:
        """Transcribe an audio file and stream the text.

        Raises:
            OSError: The file cannot be read.
        """
        path = "/audio/transcriptions"
        return self._stream(path, CreateTranscription, params, files=["file"], stream=True)

    def create_speech_stream(
        self, **params: Unpack[CreateSpeech]
    ) -> StreamerV2[SpeechEvent, Speech]:
        """Turn a text into speech and stream the audio, which `s.audio()` decodes."""
        return self._stream("/audio/speech", CreateSpeech, params, stream_format="sse")
