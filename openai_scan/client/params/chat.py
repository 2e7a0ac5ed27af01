"""What the methods of the Chat Completions API and of its predecessor take."""

# Annotations are not postponed: `TypedDict` would not see which keys are required.

from collections.abc import Mapping, Sequence

from typing_extensions import Required

from openai_scan.client.params.base import Extras, JSONObject


class _Sampling(Extras, total=False):
    """How both of them choose tokens.

    Attributes:
        model: The name of the model, such as `"gpt-5"`; on Azure that of the deployment.
        frequency_penalty: -2 to 2; above 0 the model repeats itself less.
        presence_penalty: -2 to 2; above 0 the model moves to new topics more.
        logit_bias: How much likelier to make each token, by its id: -100 (never) to 100 (always).
        max_tokens: The maximum number of tokens to generate. Superseded in chat by
            `max_completion_tokens`, which older servers do not have.
        n: How many choices to generate; you pay for the tokens of each.
        seed: The same seed and request give mostly the same answer, if the server supports it.
        stop: Up to 4 texts at which to stop; they are not in the answer.
        stream_options: `{"include_usage": True}` for the token counts at the end.
        temperature: 0 to 2; lower is more predictable. Set this or `top_p`, not both.
        top_p: 0 to 1: choose only from the likeliest tokens that together have this probability.
        user: An identifier of your user, such as a hash, to trace abuse.
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
        audio: The `voice` and `format` of a spoken answer; needs `"audio"` in `modalities`.
        function_call: Superseded by `tool_choice`.
        functions: Superseded by `tools`.
        logprobs: Whether to return how likely each token of the answer was.
        max_completion_tokens: The maximum number of tokens to generate, reasoning included.
        metadata: Your own notes on a stored completion: at most 16 keys and values.
        modalities: What to answer with: `"text"`, and `"audio"` if the model can speak.
        moderation: How to check the request and the answer for harmful content.
        parallel_tool_calls: Whether the model may call several tools at once; True by default.
        prediction: Text that much of the answer will repeat, such as a file that changes little.
        prompt_cache_key: Requests with the same key are likelier to find their prompt in the cache.
        prompt_cache_options: How to cache the prompt, such as `{"ttl": "30m"}` for at least that
            long.
        prompt_cache_retention: The maximum time that the prompt stays in the cache, `"in_memory"`
            or `"24h"`; superseded by `prompt_cache_options`.
        reasoning_effort: How much the model reasons first, such as `"none"`, `"low"` or `"high"`.
        response_format: The format of the answer, such as JSON; see `json_schema_format`.
        safety_identifier: An identifier of your user, such as a hash, to trace abuse.
        service_tier: How fast and how expensive: `"auto"` (the default), `"default"`, `"flex"` or
            `"priority"`.
        store: Whether the server stores the completion, for its dashboard and for evaluations.
        tool_choice: `"none"`, `"auto"` (the default), `"required"`, or the one tool to call.
        tools: The tools that the model may call; see `tool_of`.
        top_logprobs: How many alternatives to return for each token, 0 to 20; needs `logprobs`.
        user: Superseded by `safety_identifier` and `prompt_cache_key`.
        verbosity: How long the answer is: `"low"`, `"medium"` (the default) or `"high"`.
        web_search_options: Where the user is, and how much of the web to read, for models that
            search.
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
        prompt: The text to continue, or several; as text or as token ids.
        best_of: How many answers the server generates to return the likeliest. More than 1
            cannot be streamed.
        echo: Whether the answer begins with the prompt.
        logprobs: How many likely tokens to return for each token, 0 to 5.
        suffix: The text after the insertion.
    """

    prompt: Required[str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]]
    best_of: int | None
    echo: bool | None
    logprobs: int | None
    suffix: str | None
