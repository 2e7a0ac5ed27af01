"""What the methods of the Chat Completions API and of its predecessor take."""

# Annotations are not postponed: `TypedDict` would not see which keys are required.

from collections.abc import Mapping, Sequence

from typing_extensions import Required

from openai_scan.client.params.base import Extras, JSONObject


class _Sampling(Extras, total=False):
    """How both of them choose their words.

    Attributes:
        model: The name of the model, such as `"gpt-5"`; on Azure that of the deployment.
        frequency_penalty: -2 to 2; above 0 the model repeats the same words less.
        presence_penalty: -2 to 2; above 0 the model turns to new topics more.
        logit_bias: How much likelier each token is, -100 (never) to 100 (always), by the token's
            id.
        max_tokens: The most tokens to write. In chat `max_completion_tokens` has replaced it, which
            older servers lack.
        n: How many choices to write; each costs its own tokens.
        seed: The same seed and request give mostly the same answer, if the server supports it.
        stop: Where to stop writing: up to 4 texts, which are not in the answer.
        stream_options: `{"include_usage": True}` for the token counts at the end.
        temperature: 0 to 2; lower is more predictable. Set this or `top_p`, not both.
        top_p: 0 to 1: choose only from the likeliest tokens that together have this probability.
        user: A name for your user, such as a hash, by which abuse can be traced.
    """

    model: Required[str]
    frequency_penalty: float | None
    presence_penalty: float | None
    logit_bias: Mapping[str, int] | None
    max_tokens: int | None
    n: int | None
    seed: int | None
    stop: str | Sequence[str] | None
    stream_options: JSONObject | None
    temperature: float | None
    top_p: float | None
    user: str | None


class CreateChatCompletion(_Sampling, total=False):
    """A new chat completion.

    Attributes:
        messages: The conversation so far, oldest message first, each with a `role` and its
            `content`.
        audio: How a spoken answer sounds: its `voice` and `format`; with `"audio"` in `modalities`.
        function_call: Superseded by `tool_choice`.
        functions: Superseded by `tools`.
        logprobs: Whether to send how likely each token of the answer was.
        max_completion_tokens: The most tokens to write, reasoning included.
        metadata: Your own notes on a completion that is stored: at most 16 names and values.
        modalities: What to answer with: `"text"`, and `"audio"` if the model can speak.
        moderation: How to check the request and the answer for harmful content.
        parallel_tool_calls: Whether the model may call several tools at once; by default it may.
        prediction: What much of the answer is known to be, such as a file of which little changes.
        prompt_cache_key: Requests with the same key are likelier to find their prompt in the cache.
        prompt_cache_options: How the prompt is cached, such as `{"ttl": "30m"}` for how long at
            least.
        prompt_cache_retention: How long the prompt stays in the cache at most, `"in_memory"` or
            `"24h"`; `prompt_cache_options` has replaced it.
        reasoning_effort: How much the model thinks first, such as `"none"`, `"low"` or `"high"`.
        response_format: The form of the answer, such as JSON; see `json_schema_format`.
        safety_identifier: A name for your user, such as a hash, by which abuse can be traced.
        service_tier: How fast and how expensive: `"auto"` (the default), `"default"`, `"flex"` or
            `"priority"`.
        store: Whether the server keeps the completion, for its dashboard and for evaluations.
        tool_choice: `"none"`, `"auto"` (the default), `"required"`, or the one tool to call.
        tools: The tools that the model may call; see `tool_of`.
        top_logprobs: How many other likely tokens to send with each, 0 to 20; with `logprobs`.
        user: Superseded by `safety_identifier` and `prompt_cache_key`.
        verbosity: How wordy the answer is: `"low"`, `"medium"` (the default) or `"high"`.
        web_search_options: Where the user is, and how much of the web to read, for a model that
            searches.
    """

    messages: Required[Sequence[JSONObject]]
    audio: JSONObject | None
    function_call: str | JSONObject | None
    functions: Sequence[JSONObject] | None
    logprobs: bool | None
    max_completion_tokens: int | None
    metadata: Mapping[str, str] | None
    modalities: Sequence[str] | None
    moderation: JSONObject | None
    parallel_tool_calls: bool | None
    prediction: JSONObject | None
    prompt_cache_key: str | None
    prompt_cache_options: JSONObject | None
    prompt_cache_retention: str | None
    reasoning_effort: str | None
    response_format: JSONObject | None
    safety_identifier: str | None
    service_tier: str | None
    store: bool | None
    tool_choice: str | JSONObject | None
    tools: Sequence[JSONObject] | None
    top_logprobs: int | None
    verbosity: str | None
    web_search_options: JSONObject | None


class CreateCompletion(_Sampling, total=False):
    """A new completion.

    Attributes:
        prompt: The text to go on with, or several; as text or as the ids of tokens.
        best_of: How many answers the server writes, of which it sends the likeliest. More than 1
            cannot be streamed.
        echo: Whether the answer begins with the prompt.
        logprobs: How many likely tokens to send with each token, 0 to 5.
        suffix: The text that follows what is to be inserted.
    """

    prompt: Required[str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]]
    best_of: int | None
    echo: bool | None
    logprobs: int | None
    suffix: str | None
