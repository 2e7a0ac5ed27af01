"""What the methods of the audio API take."""

# Annotations are not postponed: `TypedDict` would not see which keys are required.

from collections.abc import Sequence

from typing_extensions import Required

from openai_scan.client.files import File
from openai_scan.client.params.base import Extras, Inclusion, JSONObject


class CreateTranscription(Inclusion, total=False):
    """A new transcription. Its `include` takes `"logprobs"`."""

    file: Required[File]
    model: Required[str]
    chunking_strategy: str | JSONObject | None  # "auto", or how to detect pauses
    keywords: Sequence[str] | None
    known_speaker_names: Sequence[str] | None
    known_speaker_references: Sequence[str] | None  # samples of their voices, as data URLs
    language: str | None  # ISO 639-1, such as "en"
    languages: Sequence[str] | None
    prompt: str | None  # in the language of the audio
    response_format: str | None  # such as "json", "diarized_json"
    temperature: float | None  # 0 to 1
    timestamp_granularities: Sequence[str] | None  # "word", "segment"


class CreateSpeech(Extras, total=False):
    """New speech."""

    input: Required[str]
    model: Required[str]
    voice: Required[str | JSONObject]
    instructions: str | None  # how to speak
    response_format: str | None  # "mp3", "opus", "aac", "flac", "wav" or "pcm"
    speed: float | None  # 0.25 to 4
