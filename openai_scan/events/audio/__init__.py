"""The family of transcription and speech: everything that changes when that API changes.

Made by tools/generate_types.py from OpenAI's schema and tools/overrides.py; change those.
"""

from openai_scan.events.audio.events import (
    SpeechAudioDelta,
    SpeechAudioDone,
    TranscriptTextDelta,
    TranscriptTextDone,
    TranscriptTextSegment,
    decode,
)
from openai_scan.events.audio.objects import (
    InputTokenDetails,
    LogProb,
    SpeechUsage,
    TranscriptionLanguage,
    TranscriptUsage,
)

__all__ = [
    "InputTokenDetails",
    "LogProb",
    "SpeechAudioDelta",
    "SpeechAudioDone",
    "SpeechUsage",
    "TranscriptTextDelta",
    "TranscriptTextDone",
    "TranscriptTextSegment",
    "TranscriptUsage",
    "TranscriptionLanguage",
    "decode",
]
