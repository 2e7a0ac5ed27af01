"""What this library knows about the event families beyond OpenAI's schema.

`generate_types.py` reads the shapes from the schema. The entries here are for what the schema does
not say, for what it gets wrong, and for names or numbers of classes that are hard to read. Each
entry is based on something seen on the wire; the comments say what. An entry that matches nothing
is an error, so that the list stays correct when the schema changes.

A place is written `Class.field`, with the name that the class has here; `*.field` is that field in
any class. A type is written as it appears in the generated code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import descriptions


@dataclass(frozen=True, kw_only=True)
class Family:
    """One family of events: where its schemas begin and what they do not say.

    Attributes:
        folder: The package under `openai_scan/events/`.
        title: What the family is, for docstrings.
        source: The reference page.
        roots: The schema of each stream: one event, or a union of them.
        objects: Schemas of what the endpoints return beside the objects in the events.
        newer: The JSON schemas of the same streams that are brought up to date oftener; what they
            have beyond the others is added.
        modules: Modules beside `objects`, each with the schemas that it starts from. Everything
            that such a schema needs goes into the same module.
        names: Schema to class, if the schema's own name (without a trailing `Param`, `Resource`
            or `Body`) is not good. An inline schema is written `Parent.field`, the items of a list
            `Parent.field[]`. Two schemas with the same name become one class.
        event_names: Wire name to class, if it is not the wire name in CamelCase.
        optional: Required by the schema, but left out or null on the wire.
        defaults: The value of a missing field, if not None, `""` or `()`.
        extra: On the wire, but not in the schema.
        loose: Fields with another type than in the schema, most often plain JSON.
        dropped: Fields in the schema or on the wire that the class does not have.
        renamed: Field to attribute, for a key that no attribute can be called, such as `async`. All
            other entries for the field have the key.
        hidden: Fields with parts of the prompt, which must not appear in a `repr()`.
        new_objects: Classes that the schema does not have, by their fields.
        new_unions: Unions that the schema does not have, by their classes; the class for unknown
            kinds is added.
        new_events: Events that the schema does not have, by their fields.
        bases: The bases of an event, from `base.py`.
        base: The base of all other events.
        unions: Names for the events that one stream can have, each with the beginning of their wire
            names. The events of any stream belong to each.
        frequent: The wire names that the match tries first, most frequent first.
        docs: Class to docstring; for an event without its wire name.
        attributes: What each attribute means, by field or place; see `descriptions.py`. The names
            are those of the attributes, not the keys in JSON.
        prepare: The module and the name of a function that turns what servers send in other forms
            into the form that the classes have. It gets the payload and the structurer.
        prepares: The same for single events, by their wire names. Each gets the payload alone.
        payloads: Of events that are sent in an envelope: the schemas of those payloads that are an
            object of their own in the event, each with the name of the field. A base in `bases` has
            the field already. The fields of any other payload are those of the event.
        by_hand: Classes and functions of modules written by hand that the package and its page of
            the reference have as well, by module.
    """

    folder: str
    title: str
    source: str
    roots: Sequence[str]
    objects: Sequence[str] = ()
    newer: Sequence[str] = ()
    modules: Mapping[str, Sequence[str]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    event_names: Mapping[str, str] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    defaults: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    loose: Mapping[str, str] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    new_objects: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    new_unions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    new_events: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    bases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    base: str = "Event"
    unions: Mapping[str, str] = field(default_factory=dict)
    frequent: Sequence[str] = ()
    docs: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    prepare: tuple[str, str] | None = None
    prepares: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    payloads: Mapping[str, str] = field(default_factory=dict)
    by_hand: Mapping[str, Sequence[str]] = field(default_factory=dict)


# The numbers of places and of events: some servers send them as text. Any integer field with one of
# these names gets the type `Index`.
INDEXES = frozenset(
    {
        "annotation_index",
        "command_index",
        "content_index",
        "index",
        "output_index",
        "partial_image_index",
        "sequence_number",
        "summary_index",
    }
)

# The class for the objects whose kind a union does not know, by the end of the union's name; the
# first that fits counts.
UNKNOWN = {
    "Annotation": "UnknownAnnotation",
    "Content": "UnknownPart",
    "Item": "UnknownItem",
    "Part": "UnknownPart",
    "Tool": "UnknownTool",
    "ToolCall": "UnknownToolCall",
    "": "UnknownObject",
}

JSON_OBJECT = "dict[str, Any] | None"
JSON_OBJECTS = "tuple[dict[str, Any], ...]"

# The token counts, which are the same in Chat Completions and Completions.
_USAGE_NAMES = {
    "CompletionUsage.completion_tokens_details": "CompletionTokensDetails",
    "CompletionUsage.prompt_tokens_details": "PromptTokensDetails",
}
_USAGE_OPTIONAL = frozenset(
    {
        # `"usage": {}` has been seen (zed-industries/zed#42893).
        "CompletionUsage.completion_tokens",
        "CompletionUsage.prompt_tokens",
        "CompletionUsage.total_tokens",
    }
)
# What other servers call the same counts.
_USAGE_EXTRA = {
    # Some gateways use the names of the Responses API.
    "CompletionUsage.input_tokens": "int | None",
    "CompletionUsage.output_tokens": "int | None",
    # Moonshot's Kimi; DeepSeek; gateways to Anthropic.
    "CompletionUsage.cached_tokens": "int | None",
    "CompletionUsage.prompt_cache_hit_tokens": "int | None",
    "CompletionUsage.cache_read_input_tokens": "int | None",
    # Perplexity and Cohere.
    "CompletionUsage.reasoning_tokens": "int | None",
}
_USAGE_DOCS = {
    "CompletionTokensDetails": "The tokens of the answer by kind.",
    "PromptTokensDetails": "The tokens of the prompt by kind.",
    "CompletionUsage": "How many tokens the request and the answer took.",
}

CHAT = Family(
    folder="chat",
    attributes=descriptions.CHAT,
    title="Chat Completions",
    source="https://platform.openai.com/docs/api-reference/chat-streaming",
    roots=["CreateChatCompletionStreamResponse"],
    newer=["chat"],
    names={
        "CreateChatCompletionStreamResponse.choices[]": "Choice",
        "CreateChatCompletionStreamResponse.choices[].logprobs": "ChoiceLogProbs",
        "ChatCompletionStreamResponseDelta": "ChoiceDelta",
        "ChoiceDeltaAudio": "AudioDelta",
        # The deprecated call is shaped like the function in a tool call.
        "ChatCompletionStreamResponseDelta.function_call": "FunctionDelta",
        "ChatCompletionMessageToolCallChunk": "ToolCallDelta",
        "ChatCompletionMessageToolCallChunk.function": "FunctionDelta",
        "ChatCompletionTokenLogprob": "TokenLogProb",
        "ChatCompletionTokenLogprob.top_logprobs[]": "TopLogProb",
        **_USAGE_NAMES,
    },
    event_names={"chat.completion.chunk": "ChatCompletionChunk"},
    optional=frozenset(
        {
            # Azure's first chunk has none of these, or empty ones; some servers leave them out.
            "ChatCompletionChunk.id",
            "ChatCompletionChunk.created",
            "ChatCompletionChunk.model",
            # LiteLLM and Hugging Face leave it out until the last chunk.
            "Choice.finish_reason",
            # Azure's asynchronous content filter sends choices without a delta.
            "Choice.delta",
            "Choice.index",
            # openai-mock-api sends whole tool calls without an index.
            "ToolCallDelta.index",
            # llama.cpp leaves out what the request did not ask for.
            "TokenLogProb.token",
            "TokenLogProb.logprob",
            "TopLogProb.token",
            "TopLogProb.logprob",
        }
    )
    | _USAGE_OPTIONAL,
    defaults={
        # So that `chunk.choices[0].delta.content` never raises.
        "Choice.delta": "ChoiceDelta()",
        "Choice.index": "0",
        "Choice.whole": "False",
        "Choice.from_message": "False",
        "ToolCallDelta.type": '"function"',
        # Some servers leave them out.
        "CitedPage.url": '""',
        "CitedPage.title": '""',
        "URLCitation.type": '"url_citation"',
    },
    extra={
        # The search models send citations here. The schema has them only in the whole message.
        "ChoiceDelta.annotations": "tuple[Annotation, ...]",
        # Three names for the same thing: DeepSeek, vLLM and most others; OpenRouter, and newer
        # vLLM; OpenRouter again, in the same chunk as the one before.
        "ChoiceDelta.reasoning_content": "str | None",
        "ChoiceDelta.reasoning": "str | None",
        "ChoiceDelta.reasoning_details": JSON_OBJECTS,
        # More names: Copilot and gateways to Bedrock; Ollama; LiteLLM.
        "ChoiceDelta.reasoning_text": "str | None",
        "ChoiceDelta.thinking": "str | None",
        "ChoiceDelta.thinking_blocks": JSON_OBJECTS,
        # The schema has custom tools only in the whole message.
        "ToolCallDelta.custom": "CustomDelta | None",
        # Set in the chunk that is made of an answer that came in one event; see events/whole.py.
        "Choice.whole": "bool",
        # See events/forms.py.
        "Choice.from_message": "bool",
        # Azure's content filter: on a choice, and on the first chunk for the prompt.
        "Choice.content_filter_results": JSON_OBJECT,
        "Choice.content_filter_offsets": JSON_OBJECT,
        "ChatCompletionChunk.prompt_filter_results": JSON_OBJECTS,
        **_USAGE_EXTRA,
    },
    loose={
        "ChatCompletionChunk.moderation": JSON_OBJECT,
        # Some servers send the object itself (InternLM/lmdeploy#3412 and others).
        "FunctionDelta.arguments": "JSONText | None",
        # "custom", too.
        "ToolCallDelta.type": "str",
    },
    # Meaningless padding, against eavesdroppers who measure the sizes of packets.
    dropped=frozenset({"ChatCompletionChunk.obfuscation"}),
    new_objects={
        "CustomDelta": {"name": "str | None", "input": "JSONText | None"},
        "URLCitation": {"url_citation": "CitedPage", "type": 'Literal["url_citation"]'},
        "CitedPage": {
            "url": "str",
            "title": "str",
            "start_index": "int | None",
            "end_index": "int | None",
            "content": "str | None",  # OpenRouter: an extract of the page
        },
    },
    new_unions={"Annotation": ["URLCitation"]},
    prepare=("openai_scan.events.chat.dialects", "in_one_form"),
    bases={"ChatCompletionChunk": ["ChatBase"]},
    unions={"ChatEvent": "chat."},
    docs={
        "ChatCompletionChunk": "pieces of one or more choices, or facts about all of them.",
        "Choice": "Pieces of one of the requested answers.",
        "ChoiceDelta": "What a chunk adds to a choice's message.",
        "AudioDelta": "What a chunk adds to the spoken answer.",
        "ToolCallDelta": "A piece of a tool call; *index* says of which call.",
        "CustomDelta": "A piece of the call of a custom tool; join *input* of all pieces.",
        "FunctionDelta": "A piece of a function call; *arguments* of all pieces, joined, are JSON.",
        "URLCitation": "The text cites a web page.",
        "CitedPage": "A page that the text cites, and where it does.",
        "ChoiceLogProbs": "How likely the tokens of a chunk were.",
        "TokenLogProb": "How likely a token was, and which other tokens were likely.",
        "TopLogProb": "How likely one of the most likely tokens was.",
        **_USAGE_DOCS,
    },
)

COMPLETIONS = Family(
    folder="completions",
    attributes=descriptions.COMPLETIONS,
    title="Completions",
    source="https://platform.openai.com/docs/api-reference/completions",
    roots=["CreateCompletionResponse"],
    newer=["completions"],
    names={
        "CreateCompletionResponse.choices[]": "CompletionChoice",
        "CreateCompletionResponse.choices[].logprobs": "CompletionLogProbs",
        **_USAGE_NAMES,
    },
    # The schema has one object for the chunk and for the whole answer.
    event_names={"text_completion": "Completion"},
    optional=frozenset(
        {
            "Completion.id",
            "Completion.created",
            "Completion.model",
            # null until the last chunk, also from OpenAI.
            "CompletionChoice.finish_reason",
            "CompletionChoice.index",
        }
    )
    | _USAGE_OPTIONAL,
    defaults={
        "CompletionChoice.index": "0",
        # LiteLLM leaves it out if there is no text.
        "CompletionChoice.text": "None",
    },
    extra=_USAGE_EXTRA,
    loose={
        # The first token of an echoed prompt has none.
        "CompletionLogProbs.token_logprobs": "tuple[float | None, ...]",
        # llama.cpp has the logprobs of Chat Completions here instead.
        "CompletionLogProbs.top_logprobs": "tuple[Any, ...]",
    },
    prepare=("openai_scan.events.choices", "with_usage"),
    bases={"Completion": ["CompletionsBase"]},
    unions={"CompletionEvent": "text_completion"},
    docs={
        "Completion": "pieces of one or more choices, or facts about all of them.",
        "CompletionChoice": "Pieces of one of the requested answers.",
        "CompletionLogProbs": "How likely the tokens were; each list has one item per token.",
        **_USAGE_DOCS,
    },
)

# Tools of the server that have no settings in a tool choice.
_TOOL_CHOICE_TYPES = (
    'Literal["file_search", "web_search_preview", "computer", "computer_use_preview",'
    ' "computer_use", "web_search_preview_2025_03_11", "image_generation", "code_interpreter"]'
)

RESPONSES = Family(
    folder="responses",
    attributes=descriptions.RESPONSES,
    title="Responses",
    source="https://platform.openai.com/docs/api-reference/responses-streaming",
    roots=["ResponseStreamEvent"],
    newer=["responses", "responses_beta"],
    prepare=("openai_scan.events.responses.dialects", "in_one_form"),
    modules={"items": ["OutputItem", "OutputContent"]},
    names={
        "Response.incomplete_details": "IncompleteDetails",
        "ResponseUsage.input_tokens_details": "InputTokensDetails",
        "ResponseUsage.output_tokens_details": "OutputTokensDetails",
        "UrlCitationBody": "URLCitation",
        "FileSearchToolCall.results[]": "FileSearchResult",
        "WebSearchToolCall.action": "WebSearchAction",
        "WebSearchActionSearch.sources[]": "WebSearchSource",
        "CodeInterpreterToolCall.outputs[]": "CodeInterpreterOutput",
        "FunctionShellCall.environment": "ShellEnvironment",
        "FunctionShellCallOutputContent.outcome": "ShellOutcome",
        "ApplyPatchToolCall.operation": "ApplyPatchOperation",
        "FunctionAndCustomToolCallOutput": "ToolOutputContent",
        "ComputerCallSafetyCheckParam": "ComputerSafetyCheck",
        # Nine actions in three styles of naming.
        "ClickParam": "ClickAction",
        "DragParam": "DragAction",
        "CoordParam": "Coordinate",
        "MoveParam": "MoveAction",
        "ScreenshotParam": "ScreenshotAction",
        "ScrollParam": "ScrollAction",
        "TypeParam": "TypeAction",
        "WaitParam": "WaitAction",
        # Events and items have the same log-probabilities on the wire, though not in the schema.
        "ResponseLogProb": "LogProb",
        "ResponseLogProb.top_logprobs[]": "TopLogProb",
        # The same with and without the place where it is.
        "AgentMessage.content[]": "AgentMessageContent",
        "AgentMessageContentText": "TextContent",
        "AgentMessageContentSummaryText": "SummaryTextContent",
        "AgentMessageContentReasoningText": "ReasoningTextContent",
        "AgentMessageContentComputerScreenshot": "ComputerScreenshotContent",
        "AgentMessageContentComputerScreenshotPromptCacheBreakpoint": "PromptCacheBreakpointConfig",
        "AgentMessageContentEncryptedContent": "EncryptedContent",
        "ImageGenerationCallError": "ImageGenError",
        "ImageGenerationCallErrorModerationDetails": "ImageGenModerationDetails",
        "ImageGenerationCallSvgUsage": "ImageGenSVGUsage",
        "InputTokensDetailsCacheWriteTokensDetails": "CacheWriteTokensDetails",
        "Response.prompt_cache_diagnostics": "PromptCacheDiagnostics",
        "PromptCacheDiagnosticsCacheMiss": "PromptCacheMiss",
        "PromptCacheDiagnosticsCacheHit": "PromptCacheHit",
        "PromptCacheDiagnosticsComparisonResponseNotFound": "PromptCacheResponseNotFound",
        "PromptCacheDiagnosticsUnavailable": "PromptCacheUnavailable",
        # The tools that the model may use, and the one that it must.
        "NamespaceToolParam.tools[]": "NamespacedTool",
        "ToolChoiceParam": "ToolChoice",
        "SpecificApplyPatchParam": "ToolChoiceApplyPatch",
        "SpecificFunctionShellParam": "ToolChoiceShell",
        "SpecificProgrammaticToolCallingParam": "ToolChoiceProgrammatic",
        # The part of an event is the part of the item.
        "ResponseReasoningSummaryPartAddedEvent.part": "SummaryTextContent",
        "ResponseReasoningSummaryPartDoneEvent.part": "SummaryTextContent",
    },
    optional=frozenset(
        {
            # LiteLLM, llama.cpp and aimock number neither events nor places, and an event can be
            # understood without these numbers.
            "*.sequence_number",
            "*.item_id",
            "*.output_index",
            "*.content_index",
            "*.summary_index",
            "*.annotation_index",
            "*.command_index",
            "ResponseImageGenerationCallPartialImage.partial_image_index",
            # No server sends it, OpenAI included.
            "ResponseFunctionCallArgumentsDone.name",
            # aimock's response has six fields; response.failed may come with an id and a status.
            "Response.id",
            "Response.created_at",
            "Response.model",
            "Response.parallel_tool_calls",
            "Response.tool_choice",
            "ResponseError.code",
            "ResponseError.message",
            "ResponseUsage.input_tokens",
            "ResponseUsage.input_tokens_details",
            "ResponseUsage.output_tokens",
            "ResponseUsage.output_tokens_details",
            "ResponseUsage.total_tokens",
            "InputTokensDetails.cached_tokens",
            "InputTokensDetails.cache_write_tokens",
            "OutputTokensDetails.reasoning_tokens",
            # Compatible servers send the items that they know with the fields that they know.
            "*.status",
            "OutputMessage.id",
            "FunctionToolCall.call_id",
            "FunctionToolCall.name",
            "OutputTextContent.text",
            "RefusalContent.refusal",
            "ReasoningTextContent.text",
            "SummaryTextContent.text",
            "ReasoningItem.id",
            "WebSearchToolCall.action",
            "FunctionShellCall.environment",
            "FileCitation.filename",
            "URLCitation.title",
            # Other servers may have an `agent` of another shape, which names no agent here.
            "Agent.agent_name",
            # Live data such as the weather have a name instead.
            "WebSearchSource.url",
            # Tools are an echo of the request, which some servers shorten or send in another shape.
            "ComputerUsePreviewTool.display_height",
            "ComputerUsePreviewTool.display_width",
            "ComputerUsePreviewTool.environment",
            "CustomTool.name",
            "FunctionTool.name",
            "MCPTool.server_label",
            "NamespaceTool.description",
            "NamespaceTool.name",
            "ToolChoiceAllowed.mode",
            "ToolChoiceCustom.name",
            "ToolChoiceFunction.name",
            "ToolChoiceMCP.server_label",
        }
    ),
    renamed={"*.async": "async_"},
    defaults={
        "WebSearchSource.type": '"url"',
        "WebSearchPreviewTool.type": '"web_search_preview"',
        "WebSearchTool.type": '"web_search"',
        # There is no other; a message without it would not be read as one.
        "OutputMessage.role": '"assistant"',
        # An end that leaves its text out, or has null, takes nothing back. A call without arguments
        # may have null.
        "FunctionToolCall.arguments": '""',
        "CustomToolCall.input": '""',
        "MCPToolCall.arguments": '""',
        "ResponseFunctionCallArgumentsDone.arguments": '""',
        "ResponseCustomToolCallInputDone.input": '""',
        "ResponseMcpCallArgumentsDone.arguments": '""',
        "ResponseCodeInterpreterCallCodeDone.code": '""',
        "ResponseOutputTextDone.text": '""',
        "ResponseRefusalDone.refusal": '""',
        "ResponseReasoningTextDone.text": '""',
        "ResponseReasoningSummaryTextDone.text": '""',
    },
    extra={
        "Response.store": "bool | None",
        "Response.frequency_penalty": "float | None",
        "Response.presence_penalty": "float | None",
        # Azure.
        "Response.content_filters": JSON_OBJECTS,
        # The source "api" has it in place of an address.
        "WebSearchSource.name": "str | None",
        # As in the requests of the images API.
        "ImageGenTool.n": "int | None",
        # The items of custom tools have it as those of functions do.
        "CustomToolCall.status": "str | None",
        # The schema lists them as required but does not describe them.
        "LocalShellToolCallOutput.call_id": "str | None",
        "MCPApprovalResponse.request_id": "str | None",
        "ResponseAudioDelta.response_id": "str | None",
        "ResponseAudioDone.response_id": "str | None",
        "ResponseAudioTranscriptDelta.response_id": "str | None",
        "ResponseAudioTranscriptDone.response_id": "str | None",
    },
    loose={
        # The schema says only that they are objects. They are the tools of the request.
        "ToolChoiceAllowed.tools": "tuple[Tool, ...]",
        # Echoes of the request. As plain JSON they save 50 classes and every ambiguous union of
        # the family.
        "Response.instructions": "str | tuple[Any, ...] | None",
        "Response.text": JSON_OBJECT,
        "Response.reasoning": JSON_OBJECT,
        "Response.prompt": JSON_OBJECT,
        "Response.moderation": JSON_OBJECT,
        "Response.conversation": JSON_OBJECT,
        "Response.prompt_cache_options": JSON_OBJECT,
        "Response.access_programs": JSON_OBJECT,
        "Response.image": JSON_OBJECT,
        "Response.tool_usage": JSON_OBJECT,
        # The settings of tools likewise; the tools themselves have classes.
        "CodeInterpreterTool.container": "str | dict[str, Any] | None",
        "CustomTool.format": JSON_OBJECT,
        "FileSearchTool.filters": JSON_OBJECT,
        "FileSearchTool.ranking_options": JSON_OBJECT,
        "FunctionShellTool.environment": JSON_OBJECT,
        "FunctionTool.parameters": JSON_OBJECT,
        "ImageGenTool.input_image_mask": JSON_OBJECT,
        "ImageGenTool.svg": JSON_OBJECT,
        "MCPTool.allowed_tools": "tuple[str, ...] | dict[str, Any] | None",
        "MCPTool.require_approval": "str | dict[str, Any] | None",
        "ToolSearchTool.parameters": JSON_OBJECT,
        "WebSearchPreviewTool.user_location": JSON_OBJECT,
        "WebSearchTool.filters": JSON_OBJECT,
        "WebSearchTool.user_location": JSON_OBJECT,
        # Classes with more than one kind.
        "ToolChoiceTypes.type": _TOOL_CHOICE_TYPES,
        "WebSearchPreviewTool.type": (
            'Literal["web_search_preview", "web_search_preview_2025_03_11"]'
        ),
        "WebSearchTool.type": 'Literal["web_search", "web_search_2025_08_26"]',
        # "api", too.
        "WebSearchSource.type": "str",
        # Some servers send the object itself.
        "FunctionToolCall.arguments": "JSONText",
        "CustomToolCall.input": "JSONText",
        "ResponseCustomToolCallInputDone.input": "JSONText",
        "ResponseFunctionCallArgumentsDelta.delta": "JSONText",
        "ResponseFunctionCallArgumentsDone.arguments": "JSONText",
        "ResponseMcpCallArgumentsDelta.delta": "JSONText",
        "ResponseMcpCallArgumentsDone.arguments": "JSONText",
        "MCPToolCall.arguments": "JSONText",
        "MCPApprovalRequest.arguments": "JSONText",
    },
    dropped=frozenset(
        {
            # openai-python computes it; it is never on the wire.
            "Response.output_text",
            # Meaningless padding, against eavesdroppers who measure the sizes of packets.
            "ResponseShellCallCommandDelta.obfuscation",
        }
    ),
    hidden=frozenset(
        {
            "Response.instructions",
            "Response.prompt",
            # These may have keys and passwords.
            "CodeInterpreterTool.container",
            "FunctionShellTool.environment",
            "MCPTool.authorization",
            "MCPTool.headers",
        }
    ),
    new_events={
        # Neither in the schema nor in the reference, but OpenAI and Azure send both.
        "response.apply_patch_call_operation_diff.delta": {
            "delta": "str",
            "item_id": "str",
            "output_index": "int | None",
            "sequence_number": "int | None",
            "agent": "Agent | None",
        },
        "response.apply_patch_call_operation_diff.done": {
            "diff": "str",
            "item_id": "str",
            "output_index": "int | None",
            "sequence_number": "int | None",
            "agent": "Agent | None",
        },
        # vLLM, in place of `response.content_part`.
        "response.reasoning_part.added": {
            "part": "OutputContent",
            "content_index": "int | None",
            "item_id": "str | None",
            "output_index": "int | None",
            "sequence_number": "int | None",
            "agent": "Agent | None",
        },
        "response.reasoning_part.done": {
            "part": "OutputContent",
            "content_index": "int | None",
            "item_id": "str | None",
            "output_index": "int | None",
            "sequence_number": "int | None",
            "agent": "Agent | None",
        },
    },
    bases={
        "ResponseOutputTextDelta": ["AddsText"],
        "ResponseAudioTranscriptDelta": ["AddsText"],
        "ResponseReasoningSummaryTextDelta": ["AddsReasoningText"],
        "ResponseReasoningTextDelta": ["AddsReasoningText"],
        "ResponseRefusalDelta": ["AddsRefusal"],
        "ResponseFunctionCallArgumentsDelta": ["AddsToCall"],
        "ResponseCustomToolCallInputDelta": ["AddsToCall"],
        "ResponseAudioDelta": ["AddsAudio"],
        "ResponseImageGenerationCallPartialImage": ["BringsPartialImage"],
        "ResponseOutputTextAnnotationAdded": ["AddsAnnotation"],
        "ResponseOutputItemAdded": ["AnnouncesItem"],
        "ResponseOutputItemDone": ["BringsItem"],
        "ResponseCreated": ["BringsResponse"],
        "ResponseQueued": ["BringsResponse"],
        "ResponseInProgress": ["BringsResponse"],
        "ResponseCompleted": ["BringsResponse"],
        "ResponseIncomplete": ["BringsResponse"],
        "ResponseFailed": ["BringsResponse"],
    },
    base="ResponsesBase",
    unions={"ResponseEvent": "response."},
    frequent=[
        "response.output_text.delta",
        "response.reasoning_summary_text.delta",
        "response.function_call_arguments.delta",
        "response.code_interpreter_call_code.delta",
        "response.reasoning_text.delta",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_text.done",
        "response.created",
        "response.in_progress",
        "response.completed",
    ],
    docs={
        # The response.
        "Response": "A response: its settings, its status and its output.",
        "ResponseError": "Why a response failed.",
        "IncompleteDetails": "Why a response ended early.",
        "Misalignment": "Why the server blocked what the model was about to do.",
        "MisalignmentSteer": "How to tell the model to go on.",
        "InputTransformation": "An item of the input that was left out, and why.",
        "PromptCacheMiss": "A part of the prompt was not in the cache; *reason* says why.",
        "PromptCacheHit": "The cache had the prompt.",
        "PromptCacheResponseNotFound": "The response to compare with was not found.",
        "PromptCacheUnavailable": "The server does not know how the cache was used.",
        "Agent": "The agent that an event or item is from: the root, or one of its subagents.",
        "ResponseUsage": "How many tokens the response took.",
        "CacheWriteTokensDetails": "The tokens written to the cache, by how long they are kept.",
        "InputTokensDetails": "The tokens of the request by kind.",
        "OutputTokensDetails": "The tokens of the answer by kind.",
        # The parts of a message.
        "OutputMessage": "A message of the model.",
        "OutputTextContent": "Text of the model, with annotations such as citations.",
        "RefusalContent": "Why the model does not answer, in its own words.",
        "ReasoningTextContent": "Reasoning of the model.",
        "SummaryTextContent": "A summary of the reasoning.",
        "FileCitation": "The text cites a file.",
        "URLCitation": "The text cites a web page.",
        "ContainerFileCitation": "The text cites a file in a container.",
        "FilePath": "The text names a file that the model made.",
        "LogProb": "How likely a token was, and which other tokens were likely.",
        "TopLogProb": "How likely one of the most likely tokens was.",
        "InputTextContent": "Text that a tool returned.",
        "InputImageContent": "An image that a tool returned.",
        "InputFileContent": "A file that a tool returned.",
        "PromptCacheBreakpointConfig": "The prompt up to here should be kept in the cache.",
        "TextContent": "Text that one agent sent another.",
        "ComputerScreenshotContent": "A screenshot that one agent sent another.",
        "EncryptedContent": "A part of a message that only OpenAI can read.",
        # The output items.
        "AgentMessage": "A message from one agent to another.",
        "MultiAgentCall": "An agent starts, asks or stops another; *arguments* are JSON.",
        "MultiAgentCallOutput": "The result when an agent starts, asks or stops another.",
        "FileSearchResult": "A piece of a file that was found.",
        "FileSearchToolCall": "The model searched files.",
        "DirectToolCallCaller": "The model itself called the tool.",
        "ProgramToolCallCaller": "A program of the model called the tool.",
        "FunctionToolCall": "The model calls one of your functions; *arguments* are JSON.",
        "FunctionToolCallOutput": "What one of your functions returned.",
        "WebSearchSource": "A page or another source that was searched.",
        "WebSearchActionSearch": "The model searched the web.",
        "WebSearchActionOpenPage": "The model opened a page.",
        "WebSearchActionFind": "The model searched a page.",
        "WebSearchToolCall": "The model used the web.",
        "ClickAction": "Click.",
        "DoubleClickAction": "Click twice.",
        "Coordinate": "A point on the screen.",
        "DragAction": "Drag along a path.",
        "KeyPressAction": "Press keys.",
        "MoveAction": "Move the pointer.",
        "ScreenshotAction": "Take a screenshot.",
        "ScrollAction": "Scroll.",
        "TypeAction": "Type a text.",
        "WaitAction": "Wait.",
        "FunctionTool": "One of your functions; *parameters* is a JSON schema.",
        "FileSearchTool": "The tool that searches files.",
        "ComputerTool": "The tool that uses a computer.",
        "ComputerUsePreviewTool": "The tool that uses a computer, in its preview version.",
        "WebSearchTool": "The tool that searches the web.",
        "WebSearchPreviewTool": "The tool that searches the web, in its preview version.",
        "MCPTool": "The tools of an MCP server.",
        "CodeInterpreterTool": "The tool that runs Python code.",
        "ProgrammaticToolCalling": "The model may write programs that call tools.",
        "ImageGenTool": "The tool that makes images.",
        "LocalShellTool": "Your shell, one command at a time.",
        "FunctionShellTool": "A shell, yours or one in a container.",
        "CustomTool": "One of your custom tools, which takes any text.",
        "NamespaceTool": "Several of your tools in one namespace.",
        "ToolSearchTool": "The tool that searches for other tools.",
        "ApplyPatchTool": "The tool that changes files.",
        "ToolChoiceAllowed": "The model may or must use one of these tools.",
        "ToolChoiceTypes": "The model must use this tool of the server.",
        "ToolChoiceFunction": "The model must call this function.",
        "ToolChoiceMCP": "The model must use this MCP server.",
        "ToolChoiceCustom": "The model must use this custom tool.",
        "ToolChoiceProgrammatic": "The model must write a program that calls tools.",
        "ToolChoiceApplyPatch": "The model must change files.",
        "ToolChoiceShell": "The model must use the shell.",
        "ComputerSafetyCheck": "A warning that must be acknowledged before the action is done.",
        "ComputerToolCall": "The model wants to use the computer.",
        "ComputerScreenshotImage": "A screenshot.",
        "ComputerToolCallOutput": "What the screen showed after an action.",
        "ReasoningItem": "The reasoning of the model.",
        "Program": "A program that the model wrote to call tools.",
        "ProgramOutput": "What a program of the model returned.",
        "ToolSearchCall": "The model searches for tools.",
        "ToolSearchOutput": "The tools that were found.",
        "AdditionalTools": "Tools that were added during the response.",
        "Compaction": "The conversation so far, summarised and encrypted.",
        "ImageGenError": "Why no image was made.",
        "ImageGenModerationDetails": "Why the moderation stopped an image.",
        "ImageGenSVGUsage": "How many tokens an SVG image took.",
        "ImageGenToolCall": "The model made an image; *result* is base64.",
        "CodeInterpreterOutputLogs": "What the code printed.",
        "CodeInterpreterOutputImage": "An image that the code made.",
        "CodeInterpreterToolCall": "The model ran code.",
        "LocalShellExecAction": "A command for your shell.",
        "LocalShellToolCall": "The model wants a command run in your shell.",
        "LocalShellToolCallOutput": "What the command printed.",
        "FunctionShellAction": "Commands for a shell.",
        "LocalEnvironment": "The shell is on your machine.",
        "ContainerReference": "The shell is in a container.",
        "FunctionShellCall": "The model runs commands in a shell.",
        "FunctionShellCallOutputTimeoutOutcome": "The command took too long.",
        "FunctionShellCallOutputExitOutcome": "The command ended normally.",
        "FunctionShellCallOutputContent": "What a command printed and how it ended.",
        "FunctionShellCallOutput": "What the commands printed.",
        "ApplyPatchCreateFileOperation": "Create a file.",
        "ApplyPatchDeleteFileOperation": "Delete a file.",
        "ApplyPatchUpdateFileOperation": "Change a file.",
        "ApplyPatchToolCall": "The model wants a file changed.",
        "ApplyPatchToolCallOutput": "The result of the change.",
        "MCPProtocolError": "The server broke the protocol.",
        "MCPToolExecutionError": "The tool failed.",
        "HTTPError": "The server could not be reached or refused.",
        "MCPToolCall": "The model called a tool of an MCP server.",
        "MCPListToolsTool": "A tool of an MCP server.",
        "MCPListTools": "The tools that an MCP server has.",
        "MCPApprovalRequest": "The model asks whether it may call a tool.",
        "MCPApprovalResponse": "Whether the model may call the tool.",
        "CustomToolCall": "The model calls one of your custom tools; *input* is any text.",
        "CustomToolCallOutput": "What one of your custom tools returned.",
        "ShellCallOutputDelta": "What a command printed since the last event.",
        # The events: the response.
        "ResponseCreated": "a new response.",
        "ResponseQueued": "the response is waiting to start.",
        "ResponseInProgress": "the model is working on the response.",
        "ResponseCompleted": "the whole response.",
        "ResponseIncomplete": "the response ended early; `incomplete_details` says why.",
        "ResponseFailed": "the response failed; `response.error` says why, and so does `err()`.",
        "ResponseCompactionCompacting": "the conversation so far is being summarised.",
        # The events: items and their parts.
        "ResponseOutputItemAdded": "a new item, still empty.",
        "ResponseOutputItemDone": "a whole item.",
        "ResponseContentPartAdded": "a new part of a message, still empty.",
        "ResponseContentPartDone": "a whole part of a message.",
        "ResponseOutputTextDelta": "a piece of text.",
        "ResponseOutputTextDone": "the whole text of a part.",
        "ResponseOutputTextAnnotationAdded": "a citation in the text.",
        "ResponseRefusalDelta": "a piece of a refusal.",
        "ResponseRefusalDone": "the whole refusal.",
        "ResponseReasoningPartAdded": "a new part of reasoning, still empty.",
        "ResponseReasoningPartDone": "a whole part of reasoning.",
        "ResponseReasoningTextDelta": "a piece of reasoning.",
        "ResponseReasoningTextDone": "the whole reasoning of a part.",
        "ResponseReasoningSummaryPartAdded": "a new part of the summary of reasoning.",
        "ResponseReasoningSummaryPartDone": "a whole part of the summary of reasoning.",
        "ResponseReasoningSummaryTextDelta": "a piece of the summary of reasoning.",
        "ResponseReasoningSummaryTextDone": "the whole text of a part of the summary.",
        # The events: speech.
        "ResponseAudioDelta": "a piece of speech; *delta* is base64.",
        "ResponseAudioDone": "the speech has ended.",
        "ResponseAudioTranscriptDelta": "a piece of the transcript of the speech.",
        "ResponseAudioTranscriptDone": "the transcript has ended.",
        # The events: your tools.
        "ResponseFunctionCallArgumentsDelta": "a piece of the arguments of a function call.",
        "ResponseFunctionCallArgumentsDone": "the whole arguments of a function call.",
        "ResponseCustomToolCallInputDelta": "a piece of the input of a custom tool.",
        "ResponseCustomToolCallInputDone": "the whole input of a custom tool.",
        "ResponseApplyPatchCallOperationDiffDelta": "a piece of a change to a file.",
        "ResponseApplyPatchCallOperationDiffDone": "the whole change to a file.",
        "ResponseShellCallCommandAdded": "a new command for a shell.",
        "ResponseShellCallCommandDelta": "a piece of a command.",
        "ResponseShellCallCommandDone": "the whole command.",
        "ResponseShellCallOutputContentDelta": "a piece of what a command prints.",
        "ResponseShellCallOutputContentDone": "everything that the commands printed.",
        # The events: tools of the server.
        "ResponseCodeInterpreterCallInProgress": "the code interpreter was called.",
        "ResponseCodeInterpreterCallInterpreting": "the code is running.",
        "ResponseCodeInterpreterCallCompleted": "the code has run.",
        "ResponseCodeInterpreterCallCodeDelta": "a piece of code.",
        "ResponseCodeInterpreterCallCodeDone": "the whole code.",
        "ResponseFileSearchCallInProgress": "file search was called.",
        "ResponseFileSearchCallSearching": "files are being searched.",
        "ResponseFileSearchCallCompleted": "files have been searched.",
        "ResponseWebSearchCallInProgress": "web search was called.",
        "ResponseWebSearchCallSearching": "the web is being searched.",
        "ResponseWebSearchCallCompleted": "the web has been searched.",
        "ResponseImageGenerationCallInProgress": "image generation was called.",
        "ResponseImageGenerationCallGenerating": "the image is being made.",
        "ResponseImageGenerationCallPartialImage": "the image so far, as base64.",
        "ResponseImageGenerationCallCompleted": "the image is finished; its item has it.",
        "ResponseMcpCallInProgress": "a tool of an MCP server was called.",
        "ResponseMcpCallArgumentsDelta": "a piece of the arguments for an MCP tool.",
        "ResponseMcpCallArgumentsDone": "the whole arguments for an MCP tool.",
        "ResponseMcpCallCompleted": "the MCP tool has returned.",
        "ResponseMcpCallFailed": "the MCP tool has failed.",
        "ResponseMcpListToolsInProgress": "an MCP server is asked for its tools.",
        "ResponseMcpListToolsCompleted": "the MCP server has listed its tools.",
        "ResponseMcpListToolsFailed": "the MCP server failed to list its tools.",
    },
)

AUDIO = Family(
    folder="audio",
    attributes=descriptions.AUDIO,
    title="transcription and speech",
    source="https://platform.openai.com/docs/api-reference/audio",
    roots=["CreateTranscriptionResponseStreamEvent", "CreateSpeechResponseStreamEvent"],
    newer=["audio"],
    names={
        "TranscriptTextDeltaEvent.logprobs[]": "LogProb",
        "TranscriptTextDoneEvent.logprobs[]": "LogProb",
        "TranscriptTextUsageTokens": "TranscriptUsage",
        "TranscriptTextUsageTokens.input_token_details": "InputTokenDetails",
        "SpeechAudioDoneEvent.usage": "SpeechUsage",
    },
    optional=frozenset(
        {
            "TranscriptTextSegment.id",
            "TranscriptTextSegment.start",
            "TranscriptTextSegment.end",
            "TranscriptTextSegment.speaker",
            # Servers that have sent all of it in deltas.
            "TranscriptTextDone.text",
            # Only gpt-4o models count tokens; others are billed by the minute.
            "TranscriptUsage.input_tokens",
            "TranscriptUsage.output_tokens",
            "TranscriptUsage.total_tokens",
            "SpeechAudioDone.usage",
            "SpeechUsage.input_tokens",
            "SpeechUsage.output_tokens",
            "SpeechUsage.total_tokens",
        }
    ),
    bases={
        "TranscriptTextDelta": ["AddsText"],
        "TranscriptTextSegment": ["AddsSegment"],
        "TranscriptTextDone": ["EndsAudio"],
        "SpeechAudioDelta": ["AddsAudio"],
        "SpeechAudioDone": ["EndsAudio"],
    },
    unions={"SpeechEvent": "speech.", "TranscriptEvent": "transcript."},
    frequent=["transcript.text.delta", "speech.audio.delta"],
    docs={
        "LogProb": "How likely a token was.",
        "TranscriptionLanguage": "A language that was heard.",
        "InputTokenDetails": "The tokens of the request by kind.",
        "TranscriptUsage": "How many tokens the transcription took.",
        "SpeechUsage": "How many tokens the speech took.",
        "TranscriptTextSegment": "what one speaker said.",
        "TranscriptTextDelta": "a piece of the transcript.",
        "TranscriptTextDone": "the whole transcript.",
        "SpeechAudioDelta": "a piece of speech; *audio* is base64.",
        "SpeechAudioDone": "the speech has ended.",
    },
)

_IMAGE_EVENTS = (
    "ImageGenerationPartialImage",
    "ImageGenerationCompleted",
    "ImageEditPartialImage",
    "ImageEditCompleted",
)

IMAGES = Family(
    folder="images",
    attributes=descriptions.IMAGES,
    title="image generation and edit",
    source="https://platform.openai.com/docs/api-reference/images-streaming",
    roots=["ImageGenStreamEvent", "ImageEditStreamEvent"],
    newer=["image_generation", "image_edit"],
    names={"ImagesUsage.input_tokens_details": "ImagesInputTokensDetails"},
    optional=frozenset(
        # OpenAI's own samples leave out everything but the image.
        {
            f"{event}.{name}"
            for event in _IMAGE_EVENTS
            for name in ("created_at", "size", "quality", "background", "output_format")
        }
    )
    | {
        "*.partial_image_index",
        "ImageGenerationCompleted.usage",
        "ImageEditCompleted.usage",
        "ImagesUsage.total_tokens",
        "ImagesUsage.input_tokens",
        "ImagesUsage.output_tokens",
        "ImagesUsage.input_tokens_details",
        "ImagesInputTokensDetails.text_tokens",
        "ImagesInputTokensDetails.image_tokens",
    },
    bases={
        "ImageGenerationPartialImage": ["BringsPartialImage"],
        "ImageGenerationCompleted": ["BringsImage"],
        "ImageEditPartialImage": ["BringsPartialImage"],
        "ImageEditCompleted": ["BringsImage"],
    },
    unions={"ImageEvent": "image_"},
    docs={
        "ImagesInputTokensDetails": "The tokens of the request by kind.",
        "ImagesUsage": "How many tokens the image took.",
        "ImageGenerationPartialImage": "the image so far; *b64_json* is base64.",
        "ImageGenerationCompleted": "the whole image; *b64_json* is base64.",
        "ImageEditPartialImage": "the edited image so far; *b64_json* is base64.",
        "ImageEditCompleted": "the whole edited image; *b64_json* is base64.",
    },
)

# How the long names of inline schemas of the Agents API begin.
_ACTION = "RequiredActionSessionRequiredActionResource"
_BROWSER = (
    f"{_ACTION}ComputerUseApprovalRequestRequestComputerUseApprovalRequestKindResourceBrowser"
)
_RESPONSE = (
    "ComputerUseApprovalRequestResultItemResourceResponseComputerUseApprovalResponseKindResource"
    "BrowserAuthentication"
)

# The Agents API, which is in no OpenAPI document. No server of it has been recorded: what an event
# can do without is optional here, so that a server that leaves it out can be read.
AGENTS = Family(
    folder="agents",
    attributes=descriptions.AGENTS,
    title="Agents",
    source="https://developers.openai.com/api/docs/guides/agents-api",
    roots=["agents"],
    modules={"items": ["SessionItem", "OutputItem"]},
    names={
        "AgentSessionEnvironmentState": "EnvironmentState",
        "Error": "EnvironmentStateError",
        "AgentText.format": "TextFormat",
        "TextFormatResourceText": "TextFormatText",
        "TextFormatResourceJSONSchema": "TextFormatJSONSchema",
        "Agent.tools[]": "AgentTool",
        "AgentToolResourceFunction": "FunctionTool",
        "AgentToolResourceProgrammaticToolCalling": "ProgrammaticToolCalling",
        "AgentToolResourceMcp": "MCPTool",
        "AgentToolResourceMcp.transport": "MCPTransport",
        "McpTransportResourceHTTP": "HTTPTransport",
        "McpTransportResourceStdio": "StdioTransport",
        "AgentToolResourceWebSearch": "WebSearchTool",
        "AgentToolResourceWebSearchLocation": "WebSearchLocation",
        "AgentToolResourceComputerUse": "ComputerUseTool",
        "AgentToolResourceAutomations": "AutomationsTool",
        "AgentSession.environment": "Environment",
        "EnvironmentResourceNone": "NoEnvironment",
        "EnvironmentResourceSelfHosted": "SelfHostedEnvironment",
        "EnvironmentResourceOpenAIHosted": "HostedEnvironment",
        "EnvironmentResourceOpenAIHostedNetwork": "HostedNetwork",
        "EnvironmentResourceOpenAIHostedPackages": "HostedPackages",
        "EnvironmentResourceOpenAIHostedDesktop": "HostedDesktop",
        "EnvironmentResourceOpenAIHosted.files[]": "HostedFile",
        "HostedEnvironmentFileID": "HostedFileID",
        "HostedEnvironmentFileResourceInline": "HostedFileInline",
        "EnvironmentResourceOpenAIHosted.skills[]": "HostedSkill",
        "HostedSkillResourceInline": "HostedSkillInline",
        "AgentSession.required_actions[]": "RequiredAction",
        f"{_ACTION}McpApprovalRequest": "MCPApprovalAction",
        f"{_ACTION}McpApprovalRequestRequest": "MCPApprovalRequest",
        f"{_ACTION}ComputerUseApprovalRequest": "ComputerUseApprovalAction",
        f"{_ACTION}ComputerUseApprovalRequest.request": "ComputerUseApprovalRequest",
        f"{_BROWSER}Authentication": "BrowserAuthentication",
        f"{_BROWSER}AuthenticationField": "BrowserAuthenticationField",
        f"{_BROWSER}AuthenticationOption": "BrowserAuthenticationOption",
        f"{_BROWSER}OriginAccess": "BrowserOriginAccess",
        f"{_ACTION}FunctionCall": "FunctionCallAction",
        f"{_ACTION}EnvironmentConnection": "EnvironmentConnectionAction",
        "openai__types__beta__agent_session__PromptCacheOptions": "PromptCacheOptions",
        "openai__types__beta__agents__sessions__turn__PromptCacheOptions": "PromptCacheOptions",
        "SessionTurnError": "TurnError",
        # The items.
        "AgentSessionTurnItemAddedEvent.item": "SessionItem",
        "AgentSessionTurnItemDoneEvent.item": "OutputItem",
        "AgentSessionMessage": "SessionMessage",
        "AgentSessionMessage.content[]": "MessageContent",
        "AgentSessionAssistantMessage": "AssistantMessage",
        "AgentReasoningItem": "ReasoningItem",
        "AgentFunctionCallItem": "FunctionCallItem",
        "FunctionCallOutputItemResource.output[]": "InputContent",
        "AgentMcpCallItem": "MCPCallItem",
        "AgentWebSearchCallItem": "WebSearchCallItem",
        "AgentWebSearchCallItem.action": "WebSearchAction",
        "WebSearchActionResourceSearch": "WebSearchActionSearch",
        "WebSearchActionResourceOpenPage": "WebSearchActionOpenPage",
        "WebSearchActionResourceFindInPage": "WebSearchActionFindInPage",
        "WebSearchActionResourceOther": "WebSearchActionOther",
        "AgentCommandExecutionItem": "CommandExecutionItem",
        "ComputerUseCallItemResourceOutput": "ComputerScreenshot",
        "BrowserAuthenticationRequestItemResourceRequest": "BrowserAuthentication",
        "BrowserAuthenticationRequestItemResourceRequestField": "BrowserAuthenticationField",
        "BrowserAuthenticationRequestItemResourceRequestOption": "BrowserAuthenticationOption",
        "ComputerUseApprovalRequestResultItemResource": "ComputerUseApprovalResultItem",
        # One class, since both have the same type and differ in what *action* says.
        f"{_RESPONSE}SubmitResource": "BrowserAuthenticationResponse",
        f"{_RESPONSE}CancelResource": "BrowserAuthenticationResponse",
        "AgentCreateSubagentCallItem": "CreateSubagentCallItem",
        "AgentSendSubagentInputCallItem": "SendSubagentInputCallItem",
        "AgentResumeSubagentCallItem": "ResumeSubagentCallItem",
        "AgentWaitForSubagentsCallItem": "WaitForSubagentsCallItem",
        "AgentInterruptSubagentCallItem": "InterruptSubagentCallItem",
        "AgentCloseSubagentCallItem": "CloseSubagentCallItem",
        # What agents say to each other is the same wherever it is.
        "AgentMessageItemResource.content[]": "AgentContent",
        "AgentCreateSubagentCallItem.content[]": "AgentContent",
        "AgentSendSubagentInputCallItem.content[]": "AgentContent",
        "Subagent.instructions[]": "AgentContent",
        # Three schemas for a text, two for an image.
        "MessageContentResourceInputText": "InputText",
        "InputContentResourceInputText": "InputText",
        "MessageContentResourceInputImage": "InputImage",
        "InputContentResourceInputImage": "InputImage",
        "MessageContentResourceOutputText": "OutputText",
    },
    optional=frozenset(
        {
            # Ids, places and times: an event can be understood without them.
            *("*.event_id", "*.session_id", "*.turn_id", "*.item_id", "*.agent_id", "*.id"),
            *("*.output_index", "*.content_index", "*.summary_index", "*.reset_count"),
            *("*.created_at", "*.opened_at", "*.last_active_at", "*.parent_agent_id"),
            *("*.sender_agent_id", "*.recipient_agent_id", "*.environment_id", "*.status"),
            # Echoes of the request.
            *("AgentSession.agent", "AgentSession.environment", "AgentSession.metadata"),
            *("Agent.model", "Agent.multi_agent", "Agent.reasoning", "Agent.service_tier"),
            *("Agent.text", "AgentText.format", "AgentText.verbosity"),
            *("FunctionTool.defer_loading", "FunctionTool.description", "FunctionTool.parameters"),
            *("MCPTool.connection_origin", "MCPTool.request_metadata", "MCPTool.required"),
            *("WebSearchTool.context_size", "WebSearchTool.mode"),
            "ComputerUseTool.include_screenshots",
            *("HostedEnvironment.network", "HostedEnvironment.packages"),
            *("SelfHostedEnvironment.remote_url", "SelfHostedEnvironment.workspace_directory"),
            *("StdioTransport.cwd", "StdioTransport.command", "HTTPTransport.server_url"),
            *("*.path", "*.size_bytes", "*.description", "HostedSkillReference.version"),
            # The counts that a server does not have.
            *("TokenUsage.input_tokens", "TokenUsage.input_tokens_details"),
            *("TokenUsage.output_tokens", "TokenUsage.output_tokens_details"),
            *("TokenUsage.total_tokens", "InputTokensDetails.cached_tokens"),
            "OutputTokensDetails.reasoning_tokens",
            # What is not known yet when an item is announced, and what explains something else.
            *("CommandExecutionItem.command", "TurnError.code", "TurnError.message"),
            *("EnvironmentStateError.code", "EnvironmentStateError.message"),
            *("EnvironmentStateError.type", "EnvironmentState.type"),
            *("MCPCallItem.name", "MCPCallItem.server_label", "MCPApprovalRequest.message"),
            *("MCPCallItem.arguments", "MCPCallItem.error", "MCPCallItem.output"),
            "MCPApprovalRequest.arguments",
            *("MCPApprovalRequest.server_label", "BrowserAuthenticationField.label"),
            *("BrowserAuthenticationField.required", "BrowserAuthenticationField.type"),
            "BrowserAuthenticationOption.label",
            # A text that is still empty.
            *("OutputText.text", "SummaryText.text"),
            *("FunctionCallItem.call_id", "FunctionCallItem.name"),
            *("FunctionCallAction.call_id", "FunctionCallAction.name"),
        }
    ),
    defaults={
        # A message that does not say who wrote it is the agent's.
        "SessionMessage.role": '"assistant"',
        "AssistantMessage.role": '"assistant"',
        "FunctionCallItem.arguments": '""',
        "FunctionCallAction.arguments": '""',
        # An end that leaves its text out takes nothing back.
        "AgentSessionTurnOutputTextDone.text": '""',
        "AgentSessionTurnReasoningSummaryTextDone.text": '""',
    },
    loose={
        # "The arguments supplied by the model": the object, or its JSON.
        "FunctionCallItem.arguments": "JSONText",
        "FunctionCallAction.arguments": "JSONText",
    },
    # Meaningless padding, against eavesdroppers who measure the sizes of packets.
    dropped=frozenset({"*.obfuscation"}),
    renamed={"*.async": "async_"},
    hidden=frozenset({"Agent.instructions", "Subagent.instructions"}),
    bases={
        "AgentSessionCreated": ["BringsSession"],
        "AgentSessionIdle": ["BringsSession"],
        "AgentSessionInProgress": ["BringsSession"],
        "AgentSessionRequiresAction": ["BringsSession"],
        "AgentSessionFailed": ["BringsSession"],
        "AgentSessionTurnCreated": ["BringsTurn"],
        "AgentSessionTurnInProgress": ["BringsTurn"],
        "AgentSessionTurnCompleted": ["BringsTurn"],
        "AgentSessionTurnFailed": ["BringsTurn"],
        "AgentSessionTurnCancelled": ["BringsTurn"],
        "AgentSessionTurnItemAdded": ["BringsItem"],
        "AgentSessionTurnItemDone": ["BringsItem"],
        "AgentSessionTurnContentPartAdded": ["BringsPart"],
        "AgentSessionTurnContentPartDone": ["BringsPart"],
        "AgentSessionTurnReasoningSummaryPartAdded": ["BringsPart"],
        "AgentSessionTurnReasoningSummaryPartDone": ["BringsPart"],
        "AgentSessionTurnOutputTextDelta": ["AddsText"],
        "AgentSessionTurnReasoningSummaryTextDelta": ["AddsReasoningText"],
        "AgentSessionSubagentCreated": ["BringsSubagent"],
        "AgentSessionSubagentActive": ["BringsSubagent"],
        "AgentSessionSubagentClosed": ["BringsSubagent"],
        "AgentSessionEnvironmentPending": ["BringsEnvironment"],
        "AgentSessionEnvironmentReady": ["BringsEnvironment"],
        "AgentSessionEnvironmentConnected": ["BringsEnvironment"],
        "AgentSessionEnvironmentDisconnected": ["BringsEnvironment"],
        "AgentSessionEnvironmentSuspended": ["BringsEnvironment"],
        "AgentSessionEnvironmentExpired": ["BringsEnvironment"],
        "AgentSessionEnvironmentFailed": ["BringsEnvironment"],
    },
    base="AgentsBase",
    unions={"AgentEvent": "agent."},
    frequent=[
        "agent.session.turn.output_text.delta",
        "agent.session.turn.reasoning_summary_text.delta",
        "agent.output.command_execution_output.delta",
    ],
    docs={
        # The session and what it is made of.
        "AgentSession": "A session: an agent, what it works in, and what has been said.",
        "Agent": "The agent of a session, with its settings.",
        "MultiAgentConfig": "Whether the agent may start subagents, and how many at once.",
        "AgentReasoning": "How much the agent reasons, and what of it is shown.",
        "AgentText": "The format and the length of the agent's text.",
        "TextFormatText": "The agent writes plain text.",
        "TextFormatJSONSchema": "The agent writes JSON that fits a schema.",
        "AgentCompaction": "How the session is shortened when it gets too long.",
        "AgentExperimental": "Settings that may change.",
        "PromptCacheOptions": "How long the prompt is cached.",
        "FunctionTool": "One of your functions.",
        "ProgrammaticToolCalling": "The agent may call tools from a program of its own.",
        "MCPTool": "The tools of an MCP server.",
        "HTTPTransport": "The MCP server is at a URL.",
        "StdioTransport": "The MCP server is a program in the environment.",
        "WebSearchTool": "The agent may search the web.",
        "WebSearchLocation": "From where the web is searched.",
        "ComputerUseTool": "The agent may use a computer.",
        "AutomationsTool": "The agent may start itself at set times.",
        "NoEnvironment": "The session has no environment to run commands in.",
        "HostedEnvironment": "The session runs commands in a container of OpenAI's.",
        "HostedNetwork": "What the container can reach.",
        "HostedPackages": "What is installed in the container.",
        "HostedDesktop": "Whether the container has a desktop.",
        "HostedFileID": "A file in the container that was uploaded before.",
        "HostedFileInline": "A file in the container that came with the request.",
        "HostedPlugin": "A plugin in the container.",
        "HostedSkillReference": "A skill in the container that was stored before.",
        "HostedSkillInline": "A skill in the container that came with the request.",
        "SelfHostedEnvironment": "The session runs commands on a machine of yours.",
        "EnvironmentState": "The state of a session's environment.",
        "EnvironmentStateError": "Why the environment failed.",
        "Subagent": "An agent that another one has started.",
        "Turn": "What an agent does about one input; of a subagent if it has a *subagent_id*.",
        "TurnError": "Why a turn failed.",
        "TokenUsage": "How many tokens a turn or a session took.",
        "InputTokensDetails": "The tokens of the request by kind.",
        "OutputTokensDetails": "The tokens of the answer by kind.",
        # What a session waits for.
        "FunctionCallAction": "Run one of your functions and send its output.",
        "MCPApprovalAction": "Say whether a tool of an MCP server may be called.",
        "MCPApprovalRequest": "The call of the MCP server's tool.",
        "ComputerUseApprovalAction": "Say whether the agent may do something on the computer.",
        "BrowserAuthentication": "A form to log in with; the user has to fill it in.",
        "BrowserAuthenticationField": "A field of the form.",
        "BrowserAuthenticationOption": "A way to log in, with the fields that it needs.",
        "BrowserOriginAccess": "A website that the agent wants to open.",
        "EnvironmentConnectionAction": "Connect your machine again.",
        # The items.
        "SessionMessage": "A message of the user or the agent.",
        "AssistantMessage": "A whole message of the agent.",
        "InputText": "Text of the user, or of a function.",
        "InputImage": "An image of the user, or of a function.",
        "OutputText": "Text of an agent.",
        "EncryptedContent": "A part of a message that only OpenAI can read.",
        "ReasoningItem": "The reasoning of an agent, as far as it is shown.",
        "SummaryText": "A part of the summary of reasoning.",
        "FunctionCallItem": "An agent calls one of your functions; *arguments* are JSON.",
        "FunctionCallOutputItem": "What one of your functions returned.",
        "AgentMessageItem": "A message from one agent to another.",
        "MCPCallItem": "An agent called a tool of an MCP server.",
        "ComputerUseCallItem": "An agent used the computer.",
        "ComputerScreenshot": "What the screen showed; *image_url* is a data URL.",
        "BrowserAuthenticationRequestItem": "The agent asks the user to log in.",
        "ComputerUseApprovalResultItem": "What the user did about such a request.",
        "BrowserAuthenticationResponse": "Whether the user logged in; *action* says it.",
        "WebSearchCallItem": "An agent used the web.",
        "WebSearchActionSearch": "The agent searched the web.",
        "WebSearchActionOpenPage": "The agent opened a page.",
        "WebSearchActionFindInPage": "The agent searched a page.",
        "WebSearchActionOther": "The agent did something else on the web.",
        "CommandExecutionItem": "An agent ran a command.",
        "CreateSubagentCallItem": "An agent started a subagent.",
        "SendSubagentInputCallItem": "An agent sent a subagent a message.",
        "ResumeSubagentCallItem": "An agent let a closed subagent go on.",
        "WaitForSubagentsCallItem": "An agent waits for subagents.",
        "InterruptSubagentCallItem": "An agent interrupted a subagent.",
        "CloseSubagentCallItem": "An agent closed a subagent.",
        # The events.
        "AgentSessionCreated": "a new session.",
        "AgentSessionIdle": "the session has no turn in progress.",
        "AgentSessionInProgress": "the session works on a turn.",
        "AgentSessionRequiresAction": "the session waits for `session.required_actions`.",
        "AgentSessionFailed": "the session failed; `session.error` says why, and so does `err()`.",
        "AgentSessionTurnCreated": "a new turn, of the agent or of a subagent.",
        "AgentSessionTurnInProgress": "a turn has started.",
        "AgentSessionTurnCompleted": "a turn has finished.",
        "AgentSessionTurnFailed": "a turn failed; `turn.error` says why.",
        "AgentSessionTurnCancelled": "a turn was cancelled.",
        "AgentSessionTurnItemAdded": "a new item; an item of the agent is still empty.",
        "AgentSessionTurnItemDone": "a whole item of an agent.",
        "AgentSessionTurnContentPartAdded": "a new part of a message, still empty.",
        "AgentSessionTurnContentPartDone": "a whole part of a message.",
        "AgentSessionTurnOutputTextDelta": "a piece of text.",
        "AgentSessionTurnOutputTextDone": "the whole text of a part.",
        "AgentSessionTurnReasoningSummaryPartAdded": "a new part of the summary of reasoning.",
        "AgentSessionTurnReasoningSummaryPartDone": "a whole part of the summary.",
        "AgentSessionTurnReasoningSummaryTextDelta": "a piece of the summary of reasoning.",
        "AgentSessionTurnReasoningSummaryTextDone": "the whole text of a part of the summary.",
        "AgentOutputCommandExecutionOutputDelta": "a piece of what a command prints.",
        "AgentSessionSubagentCreated": "an agent has started a subagent.",
        "AgentSessionSubagentActive": "a subagent works.",
        "AgentSessionSubagentClosed": "a subagent was closed.",
        "AgentSessionEnvironmentPending": "the environment is being made.",
        "AgentSessionEnvironmentReady": "the environment can be used.",
        "AgentSessionEnvironmentConnected": "your machine is connected.",
        "AgentSessionEnvironmentDisconnected": "your machine is not connected any more.",
        "AgentSessionEnvironmentSuspended": "the environment was suspended.",
        "AgentSessionEnvironmentExpired": "the environment has expired.",
        "AgentSessionEnvironmentFailed": "the environment failed; `environment.error` says why.",
        "AgentSessionEnvironmentReset": "the environment was reset.",
    },
)

# The pieces that say by an index where they belong.
_DELTAS = (
    *("CodeInterpreterImage", "CodeInterpreterLogs", "CodeInterpreterToolCall", "FileCitation"),
    *("FilePath", "FileSearchToolCall", "FunctionToolCall", "ImageFilePart", "ImageURLPart"),
    *("RefusalPart", "TextPart"),
)

_RUN_EVENTS = (
    *("Created", "Queued", "InProgress", "Completed", "Incomplete"),
    *("Failed", "Cancelling", "Cancelled", "Expired"),
)
_STEP_EVENTS = ("Created", "InProgress", "Completed", "Failed", "Cancelled", "Expired")
_MESSAGE_EVENTS = ("Created", "InProgress", "Completed", "Incomplete")

ASSISTANTS = Family(
    folder="assistants",
    attributes=descriptions.ASSISTANTS,
    title="Assistants",
    source="https://platform.openai.com/docs/api-reference/assistants-streaming",
    roots=["AssistantStreamEvent"],
    objects=["AssistantObject", "AssistantsNamedToolChoice", "DeleteAssistantResponse"],
    newer=["assistants"],
    names={
        "AssistantObject": "Assistant",
        "AssistantObject.tool_resources": "ToolResources",
        "AssistantObject.tool_resources.code_interpreter": "CodeInterpreterResources",
        "AssistantObject.tool_resources.file_search": "FileSearchResources",
        "AssistantObject.tools[]": "Tool",
        "AssistantToolsCode": "CodeInterpreterTool",
        "AssistantToolsFileSearch": "FileSearchTool",
        "AssistantToolsFileSearch.file_search": "FileSearchOptions",
        "AssistantToolsFunction": "FunctionTool",
        "AssistantsApiResponseFormatOption": "ResponseFormat",
        "AssistantsNamedToolChoice": "NamedToolChoice",
        "AssistantsNamedToolChoice.function": "FunctionName",
        "DeleteAssistantResponse": "Deleted",
        "FileSearchRankingOptions": "RankingOptions",
        "FunctionObject": "FunctionDefinition",
        "MessageContentImageFileObject": "ImageFilePart",
        "MessageContentImageFileObject.image_file": "ImageFile",
        "MessageContentImageUrlObject": "ImageURLPart",
        "MessageContentImageUrlObject.image_url": "ImageURL",
        "MessageContentRefusalObject": "RefusalPart",
        "MessageContentTextAnnotationsFileCitationObject": "FileCitation",
        "MessageContentTextAnnotationsFileCitationObject.file_citation": "FileReference",
        "MessageContentTextAnnotationsFilePathObject": "FilePath",
        "MessageContentTextAnnotationsFilePathObject.file_path": "FileReference",
        "MessageContentTextObject": "TextPart",
        "MessageContentTextObject.text": "Text",
        "MessageContentTextObject.text.annotations[]": "Annotation",
        "MessageDeltaContentImageFileObject": "ImageFilePartDelta",
        "MessageDeltaContentImageFileObject.image_file": "ImageFile",
        "MessageDeltaContentImageUrlObject": "ImageURLPartDelta",
        "MessageDeltaContentImageUrlObject.image_url": "ImageURL",
        "MessageDeltaContentRefusalObject": "RefusalPartDelta",
        "MessageDeltaContentTextAnnotationsFileCitationObject": "FileCitationDelta",
        "MessageDeltaContentTextAnnotationsFileCitationObject.file_citation": "FileReference",
        "MessageDeltaContentTextAnnotationsFilePathObject": "FilePathDelta",
        "MessageDeltaContentTextAnnotationsFilePathObject.file_path": "FileReference",
        "MessageDeltaContentTextObject": "TextPartDelta",
        "MessageDeltaContentTextObject.text": "TextDelta",
        "MessageDeltaContentTextObject.text.annotations[]": "AnnotationDelta",
        "MessageDeltaObject.delta": "MessageDelta",
        "MessageDeltaObject.delta.content[]": "MessagePartDelta",
        "MessageObject": "Message",
        "MessageObject.attachments[]": "Attachment",
        "MessageObject.content[]": "MessagePart",
        "MessageObject.incomplete_details": "IncompleteDetails",
        "ResponseFormatJsonObject": "JSONObjectFormat",
        "ResponseFormatJsonSchema": "JSONSchemaFormat",
        "ResponseFormatJsonSchema.json_schema": "JSONSchema",
        "ResponseFormatText": "TextFormat",
        "RunCompletionUsage": "RunUsage",
        "RunObject": "Run",
        "RunObject.incomplete_details": "IncompleteDetails",
        "RunObject.last_error": "LastError",
        "RunObject.required_action": "RequiredAction",
        "RunObject.required_action.submit_tool_outputs": "SubmitToolOutputs",
        "RunObject.tools[]": "Tool",
        "RunStepCompletionUsage": "RunUsage",
        "RunStepDeltaObject.delta": "RunStepDelta",
        "RunStepDeltaObject.delta.step_details": "StepDetailsDelta",
        "RunStepDeltaStepDetailsMessageCreationObject": "MessageCreationDetailsDelta",
        "RunStepDeltaStepDetailsMessageCreationObject.message_creation": "MessageCreationDelta",
        "RunStepDeltaStepDetailsToolCallsCodeObject": "CodeInterpreterToolCallDelta",
        "RunStepDeltaStepDetailsToolCallsCodeObject.code_interpreter": "CodeInterpreterDelta",
        "RunStepDeltaStepDetailsToolCallsCodeObject.code_interpreter.outputs[]": (
            "CodeInterpreterOutputDelta"
        ),
        "RunStepDeltaStepDetailsToolCallsCodeOutputImageObject": "CodeInterpreterImageDelta",
        "RunStepDeltaStepDetailsToolCallsCodeOutputImageObject.image": "OutputImageDelta",
        "RunStepDeltaStepDetailsToolCallsCodeOutputLogsObject": "CodeInterpreterLogsDelta",
        "RunStepDeltaStepDetailsToolCallsFileSearchObject": "FileSearchToolCallDelta",
        "RunStepDeltaStepDetailsToolCallsFunctionObject": "FunctionToolCallDelta",
        "RunStepDeltaStepDetailsToolCallsFunctionObject.function": "FunctionDelta",
        "RunStepDeltaStepDetailsToolCallsObject": "ToolCallsDetailsDelta",
        "RunStepDeltaStepDetailsToolCallsObject.tool_calls[]": "ToolCallDelta",
        "RunStepDetailsMessageCreationObject": "MessageCreationDetails",
        "RunStepDetailsMessageCreationObject.message_creation": "MessageCreation",
        "RunStepDetailsToolCallsCodeObject": "CodeInterpreterToolCall",
        "RunStepDetailsToolCallsCodeObject.code_interpreter": "CodeInterpreter",
        "RunStepDetailsToolCallsCodeObject.code_interpreter.outputs[]": "CodeInterpreterOutput",
        "RunStepDetailsToolCallsCodeOutputImageObject": "CodeInterpreterImage",
        "RunStepDetailsToolCallsCodeOutputImageObject.image": "OutputImage",
        "RunStepDetailsToolCallsCodeOutputLogsObject": "CodeInterpreterLogs",
        "RunStepDetailsToolCallsFileSearchObject": "FileSearchToolCall",
        "RunStepDetailsToolCallsFileSearchObject.file_search": "FileSearch",
        "RunStepDetailsToolCallsFileSearchRankingOptionsObject": "RankingOptions",
        "RunStepDetailsToolCallsFileSearchResultObject": "FileSearchResult",
        "RunStepDetailsToolCallsFileSearchResultObject.content[]": "FileSearchContent",
        "RunStepDetailsToolCallsFunctionObject": "FunctionToolCall",
        "RunStepDetailsToolCallsFunctionObject.function": "FunctionCallOutput",
        "RunStepDetailsToolCallsObject": "ToolCallsDetails",
        "RunStepDetailsToolCallsObject.tool_calls[]": "ToolCall",
        "RunStepObject": "RunStep",
        "RunStepObject.last_error": "LastError",
        "RunStepObject.step_details": "StepDetails",
        "RunToolCallObject": "RunToolCall",
        "RunToolCallObject.function": "FunctionCall",
        "ThreadObject": "Thread",
        "ThreadObject.tool_resources": "ToolResources",
        "ThreadObject.tool_resources.code_interpreter": "CodeInterpreterResources",
        "ThreadObject.tool_resources.file_search": "FileSearchResources",
        "TruncationObject": "TruncationStrategy",
    },
    optional=frozenset(
        {
            # Compatible servers send the objects with the fields that they know: an id at least.
            *("*.assistant_id", "*.created_at", "*.model", "*.run_id", "*.status", "*.thread_id"),
            *("Run.instructions", "Run.parallel_tool_calls", "Message.role"),
            *("RunStep.step_details", "RunStep.type"),
            *("LastError.code", "LastError.message", "FileReference.file_id"),
            # A call has its name before its arguments, and some servers send no id.
            *("FunctionCall.name", "FunctionCallOutput.name"),
            *("FunctionToolCall.id", "RunToolCall.id"),
            *("CodeInterpreter.input", "Text.value"),
            *("ThreadMessageDelta.id", "ThreadRunStepDelta.id"),
            "FileSearchToolCallDelta.file_search",
        }
    ),
    defaults={
        # Servers that stream one part at a time leave it out.
        **{f"{delta}Delta.index": "0" for delta in _DELTAS},
        "FunctionCall.arguments": '""',
        "FunctionCallOutput.arguments": '""',
        "FunctionToolCall.function": "FunctionCallOutput()",
        "RunToolCall.function": "FunctionCall()",
        "RunToolCall.type": '"function"',
        "RequiredAction.type": '"submit_tool_outputs"',
        "FileReference.file_id": "None",
        "LastError.code": "None",
        "Message.role": "None",
        "Message.status": "None",
        "Run.instructions": "None",
        # Other objects are deleted in the same way.
        "Deleted.object": '""',
    },
    extra={
        "Assistant.reasoning_effort": "str | None",
        "FileSearchResult.attributes": JSON_OBJECT,
        "RankingOptions.hybrid_search": JSON_OBJECT,
        "Run.reasoning_effort": "str | None",
        "Run.tool_resources": "ToolResources | None",
        "RunStep.expires_at": "int | None",
        "RunUsage.completion_tokens_details": "CompletionTokensDetails | None",
        "RunUsage.prompt_token_details": "PromptTokenDetails | None",
    },
    loose={
        # Attachments name the tools without their settings.
        "Attachment.tools": "tuple[Tool, ...]",
        "Run.tool_choice": "str | NamedToolChoice | UnknownObject | None",
        "NamedToolChoice.type": 'Literal["function", "code_interpreter", "file_search"]',
        # Servers send other words.
        "FileSearchContent.type": "str | None",
        "RequiredAction.type": "str",
        "RunToolCall.type": "str",
        # Some servers send the object itself.
        "FunctionCall.arguments": "JSONText",
        "FunctionCallOutput.arguments": "JSONText",
        "FunctionDelta.arguments": "JSONText | None",
        # Ranges.
        "FileSearchOptions.max_num_results": "int | None",
        "RankingOptions.score_threshold": "float | None",
        "TruncationStrategy.last_messages": "int | None",
    },
    dropped=frozenset({"ThreadMessageDelta.object", "ThreadRunStepDelta.object"}),
    # A message may be the prompt.
    hidden=frozenset({"Assistant.instructions", "Message.content", "Run.instructions"}),
    new_objects={
        "CompletionTokensDetails": {"reasoning_tokens": "int | None"},
        "PromptTokenDetails": {"cached_tokens": "int | None"},
    },
    docs={
        "RankingOptions": "How a file search ranks its results.",
        "FileSearchOptions": "The settings of a file search tool.",
        "FunctionDefinition": "A function that the model may call; *parameters* is a JSON schema.",
        "CodeInterpreterTool": "The tool that runs Python code.",
        "FileSearchTool": "The tool that searches files.",
        "FunctionTool": "One of your functions that the model may call.",
        "FunctionName": "The function that a tool choice names.",
        "NamedToolChoice": "The one tool that the model must call.",
        "JSONSchema": "The schema that an answer must follow.",
        "TextFormat": "The answer is text.",
        "JSONObjectFormat": "The answer is any JSON object.",
        "JSONSchemaFormat": "The answer is JSON that follows a schema.",
        "CodeInterpreterResources": "The files that the code interpreter may read.",
        "FileSearchResources": "The vector stores that file search looks into.",
        "ToolResources": "What the tools of an assistant or a thread may use.",
        "Assistant": "A model with its instructions and tools.",
        "Thread": "A conversation, which messages belong to.",
        "FunctionCall": "A function and its arguments.",
        "RunToolCall": "A call whose output the run waits for; send the output with its `id`.",
        "SubmitToolOutputs": "The calls whose outputs must be submitted.",
        "RequiredAction": "What must be done before the run goes on.",
        "LastError": "Why a run or a run step failed.",
        "IncompleteDetails": "Why a run or a message is incomplete.",
        "PromptTokenDetails": "The tokens of the prompt by kind.",
        "CompletionTokensDetails": "The tokens of the answer by kind.",
        "RunUsage": "How many tokens a run or a run step took.",
        "TruncationStrategy": "How a thread that is too long for the model is shortened.",
        "Run": "One execution of an assistant on a thread.",
        "MessageCreation": "The message that a run step writes.",
        "CodeInterpreterLogs": "What the code printed.",
        "OutputImage": "The file of an image that the code made.",
        "CodeInterpreterImage": "An image that the code made.",
        "CodeInterpreter": "The code that was run, and its outputs.",
        "CodeInterpreterToolCall": "A run step ran code.",
        "FileSearchContent": "A piece of a file that was found.",
        "FileSearchResult": "A file that was found.",
        "FileSearch": "How files were searched, and what was found.",
        "FileSearchToolCall": "A run step searched files.",
        "FunctionCallOutput": "A function, its arguments and the output that was submitted.",
        "FunctionToolCall": "A run step called a function.",
        "MessageCreationDetails": "The run step writes a message.",
        "ToolCallsDetails": "The run step calls tools.",
        "RunStep": "One step of a run.",
        "FileReference": "The file that a citation or a path points to.",
        "FileCitation": "The text between the two indexes (characters) cites a place in a file.",
        "FilePath": (
            "The text between the two indexes (characters) is the path of a generated file."
        ),
        "Text": "Text and its annotations.",
        "ImageFile": "An image in a file of the API.",
        "ImageURL": "An image on the web.",
        "TextPart": "A part of a message: text.",
        "ImageFilePart": "A part of a message: an image in a file.",
        "ImageURLPart": "A part of a message: an image on the web.",
        "RefusalPart": "A part of a message: why the model does not answer.",
        "Attachment": "A file of a message, and the tools that may read it.",
        "Message": "A message of a thread.",
        "Deleted": "The result of a delete request.",
        "FileCitationDelta": "A piece of a citation.",
        "FilePathDelta": "A piece of a file path.",
        "TextDelta": "Text to append, and annotations.",
        "TextPartDelta": "A piece of a text part.",
        "ImageFilePartDelta": "A piece of an image part, which arrives whole.",
        "ImageURLPartDelta": "A piece of an image part, which arrives whole.",
        "RefusalPartDelta": "A piece of a refusal.",
        "MessageDelta": "What an event adds to a message.",
        "MessageCreationDelta": "The message that a run step writes.",
        "CodeInterpreterLogsDelta": "A piece of what the code printed.",
        "OutputImageDelta": "The file of an image that the code made.",
        "CodeInterpreterImageDelta": "An image that the code made, which arrives whole.",
        "CodeInterpreterDelta": "A piece of code to append, and pieces of its outputs.",
        "CodeInterpreterToolCallDelta": "A piece of a code interpreter call.",
        "FileSearchToolCallDelta": "A piece of a file search call.",
        "FunctionDelta": (
            "A piece of a function call: the name arrives once, the arguments in pieces."
        ),
        "FunctionToolCallDelta": "A piece of a function call.",
        "MessageCreationDetailsDelta": "The run step writes a message.",
        "ToolCallsDetailsDelta": "Pieces of the run step's tool calls.",
        "RunStepDelta": "What an event adds to a run step.",
        "ThreadCreated": "a new thread.",
        "ThreadRunCreated": "a new run.",
        "ThreadRunQueued": "the run is waiting to start.",
        "ThreadRunInProgress": "the run is working.",
        "ThreadRunRequiresAction": "the run waits for the outputs of your functions.",
        "ThreadRunCompleted": "the run has finished.",
        "ThreadRunIncomplete": "the run ended early; `run.incomplete_details` says why.",
        "ThreadRunFailed": "the run failed; `run.last_error` says why, and so does `err()`.",
        "ThreadRunCancelling": "the run is being cancelled.",
        "ThreadRunCancelled": "the run was cancelled.",
        "ThreadRunExpired": "the run took too long; `err()` reports it.",
        "ThreadRunStepCreated": "a new run step.",
        "ThreadRunStepInProgress": "the run step is working.",
        "ThreadRunStepDelta": "pieces of the run step with this *id*.",
        "ThreadRunStepCompleted": "the run step has finished.",
        "ThreadRunStepFailed": "the run step failed; `run_step.last_error` says why.",
        "ThreadRunStepCancelled": "the run step was cancelled with its run.",
        "ThreadRunStepExpired": "the run step took too long.",
        "ThreadMessageCreated": "a new message.",
        "ThreadMessageInProgress": "the message is being written.",
        "ThreadMessageDelta": "pieces of the message with this *id*.",
        "ThreadMessageCompleted": "the whole message.",
        "ThreadMessageIncomplete": "what was written before its run ended early.",
    },
    payloads={
        "ThreadObject": "thread",
        "RunObject": "run",
        "RunStepObject": "run_step",
        "MessageObject": "message",
    },
    prepares={
        f"thread.message.{name}": ("openai_scan.events.assistants.parts", "with_parts")
        for name in ("created", "in_progress", "completed", "incomplete")
    }
    | {"thread.message.delta": ("openai_scan.events.assistants.parts", "with_parts_in_delta")},
    by_hand={
        "base": ["AssistantsBase", "MessageEvent", "RunEvent", "RunStepEvent"],
        "names": ["name_of"],
    },
    bases={
        **{f"ThreadRun{name}": ["RunEvent"] for name in _RUN_EVENTS},
        "ThreadRunRequiresAction": ["AsksForOutputs"],
        **{f"ThreadRunStep{name}": ["RunStepEvent"] for name in _STEP_EVENTS},
        "ThreadRunStepDelta": ["AddsToRunStep"],
        **{f"ThreadMessage{name}": ["MessageEvent"] for name in _MESSAGE_EVENTS},
        "ThreadMessageDelta": ["AddsToMessage"],
    },
    base="AssistantsBase",
    unions={"AssistantEvent": "thread."},
    frequent=["thread.message.delta", "thread.run.step.delta"],
)

FAMILIES = (CHAT, COMPLETIONS, RESPONSES, AUDIO, IMAGES, AGENTS, ASSISTANTS)
