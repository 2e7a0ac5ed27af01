"""What the methods of the Chat Completions API and of its predecessor take."""

# Annotations are not postponed: `TypedDict` would not see which keys are required.

from collections.abc import Mapping, Sequence

from typing_extensions import Required

from openai_scan.client.params.base import Extras, JSONObject


class _Sampling(Extras, total=False):
    """How both of them choose their words."""

    model: Required[str]
    frequency_penalty: float | None  # -2 to 2
    presence_penalty: float | None  # -2 to 2
    logit_bias: Mapping[str, int] | None  # by token, -100 to 100
    max_tokens: int | None  # superseded in chat by max_completion_tokens, which older servers lack
    n: int | None  # how many choices
    seed: int | None
    stop: str | Sequence[str] | None  # 4 at most
    stream_options: JSONObject | None  # {"include_usage": True} for a count of tokens at the end
    temperature: float | None  # 0 to 2
    top_p: float | None  # 0 to 1
    user: str | None


class CreateChatCompletion(_Sampling, total=False):
    """A new chat completion."""

    messages: Required[Sequence[JSONObject]]
    audio: JSONObject | None  # voice and format of a spoken answer
    function_call: str | JSONObject | None  # superseded by tool_choice
    functions: Sequence[JSONObject] | None  # superseded by tools
    logprobs: bool | None
    max_completion_tokens: int | None  # reasoning included
    metadata: Mapping[str, str] | None  # 16 pairs at most
    modalities: Sequence[str] | None  # "text", "audio"
    moderation: JSONObject | None
    parallel_tool_calls: bool | None
    prediction: JSONObject | None  # what much of the answer is known to be
    prompt_cache_key: str | None
    prompt_cache_options: JSONObject | None
    prompt_cache_retention: str | None
    reasoning_effort: str | None  # such as "none", "low", "high"
    response_format: JSONObject | None
    safety_identifier: str | None
    service_tier: str | None
    store: bool | None
    tool_choice: str | JSONObject | None  # "none", "auto", "required", or one of the tools
    tools: Sequence[JSONObject] | None
    top_logprobs: int | None  # 0 to 20
    verbosity: str | None  # "low", "medium" or "high"
    web_search_options: JSONObject | None


class CreateCompletion(_Sampling, total=False):
    """A new completion."""

    prompt: Required[str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]]
    best_of: int | None
    echo: bool | None  # whether to repeat the prompt
    logprobs: int | None  # 0 to 5
    suffix: str | None  # what comes after the text to be inserted
