"""The family of Completions: everything that changes when that API changes.

Made by tools/generate_types.py from OpenAI's schema and tools/overrides.py; change those.
"""

from openai_scan.events.completions.events import Completion, decode
from openai_scan.events.completions.objects import (
    CompletionChoice,
    CompletionLogProbs,
    CompletionTokensDetails,
    CompletionUsage,
    PromptTokensDetails,
)

__all__ = [
    "Completion",
    "CompletionChoice",
    "CompletionLogProbs",
    "CompletionTokensDetails",
    "CompletionUsage",
    "PromptTokensDetails",
    "decode",
]
