"""The objects of Completions.

Made by tools/generate_types.py from OpenAI's schema and tools/overrides.py; change those.

Source: https://platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from openai_scan.values import Value


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CompletionLogProbs(Value):
    """How likely the tokens were; one item of each list a token."""

    text_offset: tuple[int, ...] = ()
    token_logprobs: tuple[float, ...] = ()
    tokens: tuple[str, ...] = ()
    top_logprobs: tuple[Any, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CompletionChoice(Value):
    """Pieces of one of the answers that were asked for."""

    finish_reason: str = ""
    index: int = 0
    logprobs: CompletionLogProbs | None = None
    text: str | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CompletionTokensDetails(Value):
    """What the tokens of the answer were spent on."""

    accepted_prediction_tokens: int | None = None
    audio_tokens: int | None = None
    reasoning_tokens: int | None = None
    text_tokens: int | None = None
    rejected_prediction_tokens: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class PromptTokensDetails(Value):
    """What the tokens of the prompt were."""

    audio_tokens: int | None = None
    cached_tokens: int | None = None
    text_tokens: int | None = None
    image_tokens: int | None = None
    cache_write_tokens: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CompletionUsage(Value):
    """How many tokens the request took."""

    completion_tokens: int | None = None
    prompt_tokens: int | None = None
    total_tokens: int | None = None
    completion_tokens_details: CompletionTokensDetails | None = None
    prompt_tokens_details: PromptTokensDetails | None = None
