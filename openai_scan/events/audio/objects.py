"""The objects of transcription and speech.

Made by tools/generate_types.py from OpenAI's schema and tools/overrides.py; change those.

Source: https://platform.openai.com/docs/api-reference/audio
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from openai_scan.values import Value


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class LogProb(Value):
    """How likely a token was."""

    token: str | None = None
    logprob: float | None = None
    bytes: tuple[int, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class TranscriptionLanguage(Value):
    """A language that was heard."""

    code: str


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class InputTokenDetails(Value):
    """What the tokens of the input were."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class TranscriptUsage(Value):
    """How many tokens the transcription took."""

    input_tokens: int | None = None
    input_token_details: InputTokenDetails | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    type: Literal["tokens"] = "tokens"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class SpeechUsage(Value):
    """How many tokens the speech took."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
