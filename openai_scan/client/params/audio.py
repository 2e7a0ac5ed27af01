"""What the methods of the audio API take."""

# Annotations are not postponed: `TypedDict` would not see which keys are required.

from collections.abc import Sequence

from typing_extensions import Required

from openai_scan.client.files import File
from openai_scan.client.params.base import Extras, Inclusion, JSONObject


class CreateTranscription(Inclusion, total=False):
    """A new transcription.

    Attributes:
        file: The audio: a path, a file opened in mode "rb", bytes, or a tuple of a name and bytes.
        model: The name of the model, such as `"gpt-4o-transcribe"`.
        chunking_strategy: How to split the audio: `"auto"`, or how to detect pauses; None means
            that it is not split.
        include: `"logprobs"` for how likely each token was.
        keywords: Words that are likely to occur, such as names.
        known_speaker_names: The names of up to four speakers, in the order of their samples.
        known_speaker_references: Samples of the speakers' voices, as data URLs of 2 to 10 seconds.
        language: The spoken language in ISO 639-1, such as `"en"`; None means that the server
            detects it.
        languages: The languages that may be spoken, if there are several.
        prompt: What came before, or how to write; in the spoken language.
        response_format: Such as `"json"`, or `"diarized_json"` for a segment per speaker.
        temperature: 0 to 1; lower is more predictable.
        timestamp_granularities: What to time: `"word"` or `"segment"`; needs the format
            `"verbose_json"`.
    """

    file: Required[File]
    model: Required[str]
    chunking_strategy: str | JSONObject | None
    keywords: Sequence[str] | None
    known_speaker_names: Sequence[str] | None
    known_speaker_references: Sequence[str] | None
    language: str | None
    languages: Sequence[str] | None
    prompt: str | None
    response_format: str | None
    temperature: float | None
    timestamp_granularities: Sequence[str] | None


class CreateSpeech(Extras, total=False):
    """New speech.

    Attributes:
        input: The text to speak; at most 4096 characters.
        model: The name of the model, such as `"gpt-4o-mini-tts"`.
        voice: The name of the voice, such as `"alloy"`, or the id of one of your own.
        instructions: How to speak.
        response_format: `"mp3"` (the default), `"opus"`, `"aac"`, `"flac"`, `"wav"` or `"pcm"`.
        speed: The speed, 0.25 to 4; 1 by default.
    """

    input: Required[str]
    model: Required[str]
    voice: Required[str | JSONObject]
    instructions: str | None
    response_format: str | None
    speed: float | None
