"""What the methods of the Responses API take."""

# Annotations are not postponed: `TypedDict` would not see which keys are required.

from collections.abc import Mapping, Sequence

from openai_scan.client.params.base import Inclusion, JSONObject


class CreateResponse(Inclusion, total=False):
    """A new response.

    Attributes:
        input: What to answer: text, or a list of items such as messages and tool outputs.
        model: The name of the model, such as `"gpt-5"`; required unless *prompt* names one.
        access_programs: The access programs that the request is for, such as `{"cyber":
            "standard"}`.
        background: Whether the response continues if the client disconnects.
        background_options: How soon it must be done, such as `{"completion_window": "soonest"}`.
        context_management: When to summarise a conversation that becomes too long.
        conversation: The conversation to add input and output to, as its id or an object.
        image: How to treat images in the input, such as `{"context_compression": "auto"}`.
        instructions: The system prompt; it replaces that of the previous response.
        max_output_tokens: The maximum number of tokens to generate, reasoning included.
        max_tool_calls: The maximum number of calls of the server's own tools in total.
        metadata: Your own notes: at most 16 keys of 64 characters, with values of 512.
        moderation: How to check the request and the answer for harmful content.
        multi_agent: Whether the model may start other agents: `{"enabled": True}`; a beta of
            OpenAI's.
        parallel_tool_calls: Whether the model may call several tools at once; True by default.
        previous_response_id: The id of the response to continue; not together with
            *conversation*.
        prompt: A prompt stored on the server: its `id`, and values for its variables.
        prompt_cache_key: Requests with the same key are likelier to find their prompt in the cache.
        prompt_cache_options: How to cache the prompt, such as `{"ttl": "30m"}` for at least that
            long.
        prompt_cache_retention: The maximum time that the prompt stays in the cache, `"in_memory"`
            or `"24h"`; superseded by `prompt_cache_options`.
        reasoning: How the model reasons first, such as `{"effort": "low", "summary": "auto"}`.
        safety_identifier: An identifier of your user, such as a hash, to trace abuse.
        service_tier: How fast and how expensive: `"auto"` (the default), `"default"`, `"flex"` or
            `"priority"`.
        store: Whether the response can be retrieved and continued later; True by default.
        stream_options: `{"include_obfuscation": False}` omits the padding against eavesdroppers.
        temperature: 0 to 2; lower is more predictable. Set this or `top_p`, not both.
        text: The `format` of the text, such as JSON, and its `verbosity`; see `json_schema_format`.
        tool_choice: `"none"`, `"auto"` (the default), `"required"`, or the one tool to use.
        tools: The tools that the model may use: the server's and yours; see `tool_of`.
        top_logprobs: How many likely tokens to return for each token, 0 to 20.
        top_p: 0 to 1: choose only from the likeliest tokens that together have this probability.
        truncation: What to do if the input is too long: `"auto"` drops its oldest items; with
            `"disabled"` (the default) the request fails.
        user: Superseded by `safety_identifier` and `prompt_cache_key`.
    """

    input: str | Sequence[JSONObject] | None
    model: str | None
    access_programs: JSONObject | None
    background: bool | None
    background_options: JSONObject | None
    context_management: Sequence[JSONObject] | None
    conversation: str | JSONObject | None
    image: JSONObject | None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    metadata: Mapping[str, str] | None
    moderation: JSONObject | None
    multi_agent: JSONObject | None
    parallel_tool_calls: bool | None
    previous_response_id: str | None
    prompt: JSONObject | None
    prompt_cache_key: str | None
    prompt_cache_options: JSONObject | None
    prompt_cache_retention: str | None
    reasoning: JSONObject | None
    safety_identifier: str | None
    service_tier: str | None
    store: bool | None
    stream_options: JSONObject | None
    temperature: float | None
    text: JSONObject | None
    tool_choice: str | JSONObject | None
    tools: Sequence[JSONObject] | None
    top_logprobs: int | None
    top_p: float | None
    truncation: str | None
    user: str | None


class ResumeStream(Inclusion, total=False):
    """How to send the rest of a response's stream.

    Attributes:
        include_obfuscation: Whether to pad events against eavesdroppers; True by default.
    """

    include_obfuscation: bool | None


class RetrieveResponseStream(ResumeStream, total=False):
    """Which part of a response's stream to send again.

    Attributes:
        starting_after: The `sequence_number` of the last event that you have; None means to start
            at the beginning.
    """

    starting_after: int | None
