"""The family of Chat Completions: everything that changes when that API changes.

Made by tools/generate_types.py from OpenAI's schema and tools/overrides.py; change those.
"""

from openai_scan.events.chat.events import ChatCompletionChunk, decode
from openai_scan.events.chat.objects import (
    AudioDelta,
    Choice,
    ChoiceDelta,
    ChoiceLogProbs,
    CompletionTokensDetails,
    CompletionUsage,
    FunctionDelta,
    PromptTokensDetails,
    TokenLogProb,
    ToolCallDelta,
    TopLogProb,
)

__all__ = [
    "AudioDelta",
    "ChatCompletionChunk",
    "Choice",
    "ChoiceDelta",
    "ChoiceLogProbs",
    "CompletionTokensDetails",
    "CompletionUsage",
    "FunctionDelta",
    "PromptTokensDetails",
    "TokenLogProb",
    "ToolCallDelta",
    "TopLogProb",
    "decode",
]
