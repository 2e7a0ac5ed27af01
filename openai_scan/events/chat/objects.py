"""The objects of Chat Completions.

Made by tools/generate_types.py from OpenAI's schema and tools/overrides.py; change those.

Source: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

from typing import Any, Literal

from attrs import frozen

from openai_scan.events.decoding.hooks import JSONText
from openai_scan.values import Value


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FunctionDelta(Value):
    """Pieces of a function call; *arguments* are to be joined to JSON."""

    arguments: JSONText | None = None
    name: str | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ToolCallDelta(Value):
    """Pieces of a tool call; *index* says of which, and *id* comes once."""

    index: int | None = None
    id: str | None = None
    function: FunctionDelta | None = None
    type: Literal["function"] = "function"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class AudioDelta(Value):
    """What a chunk adds to the spoken answer; *data* is base64."""

    id: str | None = None
    data: str | None = None
    transcript: str | None = None
    expires_at: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChoiceDelta(Value):
    """What a chunk adds to a choice's message."""

    content: str | None = None
    function_call: FunctionDelta | None = None
    tool_calls: tuple[ToolCallDelta, ...] = ()
    role: str | None = None
    refusal: str | None = None
    audio: AudioDelta | None = None  # sent, but not in the schema
    annotations: tuple[dict[str, Any], ...] = ()  # sent, but not in the schema
    reasoning_content: str | None = None  # sent, but not in the schema
    reasoning: str | None = None  # sent, but not in the schema
    reasoning_details: tuple[dict[str, Any], ...] = ()  # sent, but not in the schema


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class TopLogProb(Value):
    """How likely one of the most likely tokens was."""

    token: str = ""
    logprob: float | None = None
    bytes: tuple[int, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class TokenLogProb(Value):
    """How likely a token was, and what else could have stood there."""

    token: str = ""
    logprob: float | None = None
    bytes: tuple[int, ...] = ()
    top_logprobs: tuple[TopLogProb, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChoiceLogProbs(Value):
    """How likely the tokens of a chunk were."""

    content: tuple[TokenLogProb, ...] = ()
    refusal: tuple[TokenLogProb, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Choice(Value):
    """Pieces of one of the answers that were asked for."""

    delta: ChoiceDelta = ChoiceDelta()
    logprobs: ChoiceLogProbs | None = None
    finish_reason: str | None = None
    index: int = 0
    content_filter_results: dict[str, Any] | None = None  # sent, but not in the schema
    content_filter_offsets: dict[str, Any] | None = None  # sent, but not in the schema


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
