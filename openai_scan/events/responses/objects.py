"""The objects of Responses.

Made by tools/generate_types.py from OpenAI's schema and tools/overrides.py; change those.

Source: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from openai_scan.events.responses.items import OutputItem
from openai_scan.values import Value


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseError(Value):
    """Why a response failed."""

    code: str = ""
    message: str = ""


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class IncompleteDetails(Value):
    """Why a response ended early."""

    reason: str | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class InputTokensDetails(Value):
    """What the tokens of the input were."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class OutputTokensDetails(Value):
    """What the tokens of the output were spent on."""

    reasoning_tokens: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseUsage(Value):
    """How many tokens the response took."""

    input_tokens: int | None = None
    input_tokens_details: InputTokensDetails | None = None
    output_tokens: int | None = None
    output_tokens_details: OutputTokensDetails | None = None
    total_tokens: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Response(Value):
    """A response: what was asked for, how it is going, and what came of it."""

    metadata: dict[str, str] | None = None
    top_logprobs: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    previous_response_id: str | None = None
    model: str = ""
    background: bool | None = None
    max_tool_calls: int | None = None
    text: dict[str, Any] | None = None
    tools: tuple[dict[str, Any], ...] = ()
    tool_choice: str | dict[str, Any] | None = None
    prompt: dict[str, Any] | None = field(default=None, repr=False)
    service_tier: str | None = None
    truncation: str | None = None
    id: str = ""
    object: str = "response"
    status: str | None = None
    created_at: float | None = None  # Unix seconds
    completed_at: float | None = None  # Unix seconds
    error: ResponseError | None = None
    incomplete_details: IncompleteDetails | None = None
    output: tuple[OutputItem, ...] = ()
    reasoning: dict[str, Any] | None = None
    instructions: str | tuple[Any, ...] | None = field(default=None, repr=False)
    usage: ResponseUsage | None = None
    prompt_cache_options: dict[str, Any] | None = None
    moderation: dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    conversation: dict[str, Any] | None = None
    max_output_tokens: int | None = None
    store: bool | None = None  # sent, but not in the schema
    frequency_penalty: float | None = None  # sent, but not in the schema
    presence_penalty: float | None = None  # sent, but not in the schema
    tool_usage: dict[str, Any] | None = None  # sent, but not in the schema
    content_filters: tuple[dict[str, Any], ...] = ()  # sent, but not in the schema


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ShellCallOutputDelta(Value):
    """What a command printed since the last event."""

    stdout: str | None = None
    stderr: str | None = None
