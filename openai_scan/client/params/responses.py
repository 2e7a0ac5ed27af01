"""What the methods of the Responses API take."""

# Annotations are not postponed: `TypedDict` would not see which keys are required.

from collections.abc import Mapping, Sequence

from openai_scan.client.params.base import Inclusion, JSONObject


class CreateResponse(Inclusion, total=False):
    """A new response."""

    input: str | Sequence[JSONObject] | None  # text, or items
    model: str | None  # needed unless the prompt names one
    access_programs: JSONObject | None  # such as {"cyber": "standard"}
    background: bool | None  # whether to keep running after the client disconnects
    background_options: JSONObject | None  # such as {"completion_window": "soonest"}
    context_management: Sequence[JSONObject] | None
    conversation: str | JSONObject | None  # the one that input and output are added to
    image: JSONObject | None  # such as {"context_compression": "auto"}
    instructions: str | None  # the system prompt
    max_output_tokens: int | None  # reasoning included
    max_tool_calls: int | None  # of the tools that the server runs
    metadata: Mapping[str, str] | None  # 16 pairs at most
    moderation: JSONObject | None
    multi_agent: JSONObject | None  # such as {"enabled": True}; a beta of OpenAI's
    parallel_tool_calls: bool | None
    previous_response_id: str | None  # the one to go on from; not along with conversation
    prompt: JSONObject | None  # a prompt kept on the server
    prompt_cache_key: str | None
    prompt_cache_options: JSONObject | None
    prompt_cache_retention: str | None
    reasoning: JSONObject | None  # such as {"effort": "low", "summary": "auto"}
    safety_identifier: str | None
    service_tier: str | None
    store: bool | None  # whether it can be retrieved, and gone on from; by default it can
    stream_options: JSONObject | None  # such as {"include_obfuscation": False}
    temperature: float | None  # 0 to 2
    text: JSONObject | None  # format and verbosity of the text
    tool_choice: str | JSONObject | None  # "none", "auto", "required", or one of the tools
    tools: Sequence[JSONObject] | None
    top_logprobs: int | None  # 0 to 20
    top_p: float | None  # 0 to 1
    truncation: str | None
    user: str | None


class ResumeStream(Inclusion, total=False):
    """How to send the rest of a response's stream."""

    include_obfuscation: bool | None


class RetrieveResponseStream(ResumeStream, total=False):
    """Which part of a response's stream to send again."""

    starting_after: int | None  # the sequence_number of the last event that you have
