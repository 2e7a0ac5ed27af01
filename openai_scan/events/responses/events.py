"""The events of Responses: one class per wire name, and the match that picks it.

Made by tools/generate_types.py from OpenAI's schema and tools/overrides.py; change those.
Their bases are in base.py.

Source: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import frozen

from openai_scan.events.base import Event
from openai_scan.events.decoding.structure import Structurer
from openai_scan.events.responses.base import (
    AddsAnnotation,
    AddsAudio,
    AddsReasoningText,
    AddsRefusal,
    AddsText,
    AddsToCall,
    BringsItem,
    BringsPartialImage,
    BringsResponse,
    ResponsesEvent,
)
from openai_scan.events.responses.items import (
    Annotation,
    FunctionShellCallOutputContent,
    LogProb,
    OutputContent,
    OutputItem,
    SummaryTextContent,
)
from openai_scan.events.responses.objects import Response, ShellCallOutputDelta
from openai_scan.sse import RawEvent


@frozen(slots=False, eq=False, repr=False)
class ResponseAudioDelta(AddsAudio):
    """`response.audio.delta`: a piece of speech; *delta* is base64."""

    wire_name: ClassVar[str] = "response.audio.delta"

    delta: str
    sequence_number: int | None = None
    response_id: str | None = None  # sent, but not in the schema


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseAudioDone(ResponsesEvent):
    """`response.audio.done`: the speech has ended."""

    wire_name: ClassVar[str] = "response.audio.done"

    sequence_number: int | None = None
    response_id: str | None = None  # sent, but not in the schema


@frozen(slots=False, eq=False, repr=False)
class ResponseAudioTranscriptDelta(AddsText):
    """`response.audio.transcript.delta`: a piece of what is said."""

    wire_name: ClassVar[str] = "response.audio.transcript.delta"

    delta: str
    sequence_number: int | None = None
    response_id: str | None = None  # sent, but not in the schema


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseAudioTranscriptDone(ResponsesEvent):
    """`response.audio.transcript.done`: all has been said."""

    wire_name: ClassVar[str] = "response.audio.transcript.done"

    sequence_number: int | None = None
    response_id: str | None = None  # sent, but not in the schema


@frozen(slots=False, eq=False, repr=False)
class ResponseCodeInterpreterCallCodeDelta(ResponsesEvent):
    """`response.code_interpreter_call_code.delta`: a piece of code."""

    wire_name: ClassVar[str] = "response.code_interpreter_call_code.delta"

    delta: str
    output_index: int | None = None
    item_id: str = ""
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseCodeInterpreterCallCodeDone(ResponsesEvent):
    """`response.code_interpreter_call_code.done`: the whole code."""

    wire_name: ClassVar[str] = "response.code_interpreter_call_code.done"

    code: str
    output_index: int | None = None
    item_id: str = ""
    sequence_number: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseCodeInterpreterCallCompleted(ResponsesEvent):
    """`response.code_interpreter_call.completed`: the code has run."""

    wire_name: ClassVar[str] = "response.code_interpreter_call.completed"

    output_index: int | None = None
    item_id: str = ""
    sequence_number: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseCodeInterpreterCallInProgress(ResponsesEvent):
    """`response.code_interpreter_call.in_progress`: the code interpreter was called."""

    wire_name: ClassVar[str] = "response.code_interpreter_call.in_progress"

    output_index: int | None = None
    item_id: str = ""
    sequence_number: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseCodeInterpreterCallInterpreting(ResponsesEvent):
    """`response.code_interpreter_call.interpreting`: the code is running."""

    wire_name: ClassVar[str] = "response.code_interpreter_call.interpreting"

    output_index: int | None = None
    item_id: str = ""
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseCompleted(BringsResponse):
    """`response.completed`: the whole response."""

    wire_name: ClassVar[str] = "response.completed"

    response: Response
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseContentPartAdded(ResponsesEvent):
    """`response.content_part.added`: a new part of a message, still to be filled."""

    wire_name: ClassVar[str] = "response.content_part.added"

    part: OutputContent
    item_id: str = ""
    output_index: int | None = None
    content_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseContentPartDone(ResponsesEvent):
    """`response.content_part.done`: a whole part of a message."""

    wire_name: ClassVar[str] = "response.content_part.done"

    part: OutputContent
    item_id: str = ""
    output_index: int | None = None
    content_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseCreated(BringsResponse):
    """`response.created`: a new response."""

    wire_name: ClassVar[str] = "response.created"

    response: Response
    sequence_number: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseFileSearchCallCompleted(ResponsesEvent):
    """`response.file_search_call.completed`: files have been searched."""

    wire_name: ClassVar[str] = "response.file_search_call.completed"

    output_index: int | None = None
    item_id: str = ""
    sequence_number: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseFileSearchCallInProgress(ResponsesEvent):
    """`response.file_search_call.in_progress`: file search was called."""

    wire_name: ClassVar[str] = "response.file_search_call.in_progress"

    output_index: int | None = None
    item_id: str = ""
    sequence_number: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseFileSearchCallSearching(ResponsesEvent):
    """`response.file_search_call.searching`: files are being searched."""

    wire_name: ClassVar[str] = "response.file_search_call.searching"

    output_index: int | None = None
    item_id: str = ""
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseFunctionCallArgumentsDelta(AddsToCall):
    """`response.function_call_arguments.delta`: a piece of the arguments of a function call."""

    wire_name: ClassVar[str] = "response.function_call_arguments.delta"

    delta: str
    item_id: str = ""
    output_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseFunctionCallArgumentsDone(ResponsesEvent):
    """`response.function_call_arguments.done`: the whole arguments of a function call."""

    wire_name: ClassVar[str] = "response.function_call_arguments.done"

    arguments: str
    item_id: str = ""
    name: str = ""
    output_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseShellCallCommandAdded(ResponsesEvent):
    """`response.shell_call_command.added`: a new command for a shell."""

    wire_name: ClassVar[str] = "response.shell_call_command.added"

    command: str
    sequence_number: int | None = None
    output_index: int | None = None
    command_index: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseShellCallCommandDelta(ResponsesEvent):
    """`response.shell_call_command.delta`: a piece of a command."""

    wire_name: ClassVar[str] = "response.shell_call_command.delta"

    delta: str
    sequence_number: int | None = None
    output_index: int | None = None
    command_index: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseShellCallCommandDone(ResponsesEvent):
    """`response.shell_call_command.done`: the whole command."""

    wire_name: ClassVar[str] = "response.shell_call_command.done"

    command: str
    sequence_number: int | None = None
    output_index: int | None = None
    command_index: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseShellCallOutputContentDelta(ResponsesEvent):
    """`response.shell_call_output_content.delta`: a piece of what a command prints."""

    wire_name: ClassVar[str] = "response.shell_call_output_content.delta"

    delta: ShellCallOutputDelta
    sequence_number: int | None = None
    item_id: str = ""
    output_index: int | None = None
    command_index: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseShellCallOutputContentDone(ResponsesEvent):
    """`response.shell_call_output_content.done`: all that the commands printed."""

    wire_name: ClassVar[str] = "response.shell_call_output_content.done"

    sequence_number: int | None = None
    item_id: str = ""
    output_index: int | None = None
    command_index: int | None = None
    output: tuple[FunctionShellCallOutputContent, ...] = ()


@frozen(slots=False, eq=False, repr=False)
class ResponseInProgress(BringsResponse):
    """`response.in_progress`: the response is at work."""

    wire_name: ClassVar[str] = "response.in_progress"

    response: Response
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseFailed(BringsResponse):
    """`response.failed`: the response failed; `response.error` says why, and so does `err()`."""

    wire_name: ClassVar[str] = "response.failed"

    response: Response
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseIncomplete(BringsResponse):
    """`response.incomplete`: the response ended early; `incomplete_details` says why."""

    wire_name: ClassVar[str] = "response.incomplete"

    response: Response
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseOutputItemAdded(BringsItem):
    """`response.output_item.added`: a new item, still to be filled."""

    wire_name: ClassVar[str] = "response.output_item.added"

    item: OutputItem
    output_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseOutputItemDone(BringsItem):
    """`response.output_item.done`: a whole item."""

    wire_name: ClassVar[str] = "response.output_item.done"

    item: OutputItem
    output_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseReasoningSummaryPartAdded(ResponsesEvent):
    """`response.reasoning_summary_part.added`: a new part of the summary of reasoning."""

    wire_name: ClassVar[str] = "response.reasoning_summary_part.added"

    part: SummaryTextContent
    item_id: str = ""
    output_index: int | None = None
    summary_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseReasoningSummaryPartDone(ResponsesEvent):
    """`response.reasoning_summary_part.done`: a whole part of the summary of reasoning."""

    wire_name: ClassVar[str] = "response.reasoning_summary_part.done"

    part: SummaryTextContent
    item_id: str = ""
    output_index: int | None = None
    summary_index: int | None = None
    status: str | None = None
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseReasoningSummaryTextDelta(AddsReasoningText):
    """`response.reasoning_summary_text.delta`: a piece of the summary of reasoning."""

    wire_name: ClassVar[str] = "response.reasoning_summary_text.delta"

    delta: str
    item_id: str = ""
    output_index: int | None = None
    summary_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseReasoningSummaryTextDone(ResponsesEvent):
    """`response.reasoning_summary_text.done`: the whole text of a part of the summary."""

    wire_name: ClassVar[str] = "response.reasoning_summary_text.done"

    text: str
    item_id: str = ""
    output_index: int | None = None
    summary_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseReasoningTextDelta(AddsReasoningText):
    """`response.reasoning_text.delta`: a piece of reasoning."""

    wire_name: ClassVar[str] = "response.reasoning_text.delta"

    delta: str
    item_id: str = ""
    output_index: int | None = None
    content_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseReasoningTextDone(ResponsesEvent):
    """`response.reasoning_text.done`: the whole reasoning of a part."""

    wire_name: ClassVar[str] = "response.reasoning_text.done"

    text: str
    item_id: str = ""
    output_index: int | None = None
    content_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseRefusalDelta(AddsRefusal):
    """`response.refusal.delta`: a piece of a refusal."""

    wire_name: ClassVar[str] = "response.refusal.delta"

    delta: str
    item_id: str = ""
    output_index: int | None = None
    content_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseRefusalDone(ResponsesEvent):
    """`response.refusal.done`: the whole refusal."""

    wire_name: ClassVar[str] = "response.refusal.done"

    refusal: str
    item_id: str = ""
    output_index: int | None = None
    content_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseOutputTextDelta(AddsText):
    """`response.output_text.delta`: a piece of text."""

    wire_name: ClassVar[str] = "response.output_text.delta"

    delta: str
    item_id: str = ""
    output_index: int | None = None
    content_index: int | None = None
    sequence_number: int | None = None
    logprobs: tuple[LogProb, ...] = ()


@frozen(slots=False, eq=False, repr=False)
class ResponseOutputTextDone(ResponsesEvent):
    """`response.output_text.done`: the whole text of a part."""

    wire_name: ClassVar[str] = "response.output_text.done"

    text: str
    item_id: str = ""
    output_index: int | None = None
    content_index: int | None = None
    sequence_number: int | None = None
    logprobs: tuple[LogProb, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseWebSearchCallCompleted(ResponsesEvent):
    """`response.web_search_call.completed`: the web has been searched."""

    wire_name: ClassVar[str] = "response.web_search_call.completed"

    output_index: int | None = None
    item_id: str = ""
    sequence_number: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseWebSearchCallInProgress(ResponsesEvent):
    """`response.web_search_call.in_progress`: web search was called."""

    wire_name: ClassVar[str] = "response.web_search_call.in_progress"

    output_index: int | None = None
    item_id: str = ""
    sequence_number: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseWebSearchCallSearching(ResponsesEvent):
    """`response.web_search_call.searching`: the web is being searched."""

    wire_name: ClassVar[str] = "response.web_search_call.searching"

    output_index: int | None = None
    item_id: str = ""
    sequence_number: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseImageGenerationCallCompleted(ResponsesEvent):
    """`response.image_generation_call.completed`: the image is made; its item brings it."""

    wire_name: ClassVar[str] = "response.image_generation_call.completed"

    output_index: int | None = None
    sequence_number: int | None = None
    item_id: str = ""


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseImageGenerationCallGenerating(ResponsesEvent):
    """`response.image_generation_call.generating`: the image is being made."""

    wire_name: ClassVar[str] = "response.image_generation_call.generating"

    output_index: int | None = None
    item_id: str = ""
    sequence_number: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseImageGenerationCallInProgress(ResponsesEvent):
    """`response.image_generation_call.in_progress`: an image was asked for."""

    wire_name: ClassVar[str] = "response.image_generation_call.in_progress"

    output_index: int | None = None
    item_id: str = ""
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseImageGenerationCallPartialImage(BringsPartialImage):
    """`response.image_generation_call.partial_image`: the image so far, as base64."""

    wire_name: ClassVar[str] = "response.image_generation_call.partial_image"

    partial_image_b64: str
    output_index: int | None = None
    item_id: str = ""
    sequence_number: int | None = None
    partial_image_index: int | None = None
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseMcpCallArgumentsDelta(ResponsesEvent):
    """`response.mcp_call_arguments.delta`: a piece of the arguments for an MCP tool."""

    wire_name: ClassVar[str] = "response.mcp_call_arguments.delta"

    delta: str
    output_index: int | None = None
    item_id: str = ""
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseMcpCallArgumentsDone(ResponsesEvent):
    """`response.mcp_call_arguments.done`: the whole arguments for an MCP tool."""

    wire_name: ClassVar[str] = "response.mcp_call_arguments.done"

    arguments: str
    output_index: int | None = None
    item_id: str = ""
    sequence_number: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseMcpCallCompleted(ResponsesEvent):
    """`response.mcp_call.completed`: the MCP tool has answered."""

    wire_name: ClassVar[str] = "response.mcp_call.completed"

    item_id: str = ""
    output_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseMcpCallFailed(ResponsesEvent):
    """`response.mcp_call.failed`: the MCP tool has failed."""

    wire_name: ClassVar[str] = "response.mcp_call.failed"

    item_id: str = ""
    output_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseMcpCallInProgress(ResponsesEvent):
    """`response.mcp_call.in_progress`: a tool of an MCP server was called."""

    wire_name: ClassVar[str] = "response.mcp_call.in_progress"

    sequence_number: int | None = None
    output_index: int | None = None
    item_id: str = ""


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseMcpListToolsCompleted(ResponsesEvent):
    """`response.mcp_list_tools.completed`: the MCP server has listed its tools."""

    wire_name: ClassVar[str] = "response.mcp_list_tools.completed"

    item_id: str = ""
    output_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseMcpListToolsFailed(ResponsesEvent):
    """`response.mcp_list_tools.failed`: the MCP server has not listed its tools."""

    wire_name: ClassVar[str] = "response.mcp_list_tools.failed"

    item_id: str = ""
    output_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseMcpListToolsInProgress(ResponsesEvent):
    """`response.mcp_list_tools.in_progress`: an MCP server is asked for its tools."""

    wire_name: ClassVar[str] = "response.mcp_list_tools.in_progress"

    item_id: str = ""
    output_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ResponseOutputTextAnnotationAdded(AddsAnnotation):
    """`response.output_text.annotation.added`: a citation in the text."""

    wire_name: ClassVar[str] = "response.output_text.annotation.added"

    item_id: str = ""
    output_index: int | None = None
    content_index: int | None = None
    annotation_index: int | None = None
    sequence_number: int | None = None
    annotation: Annotation | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseQueued(BringsResponse):
    """`response.queued`: the response waits for its turn."""

    wire_name: ClassVar[str] = "response.queued"

    response: Response
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseCustomToolCallInputDelta(AddsToCall):
    """`response.custom_tool_call_input.delta`: a piece of the input of a custom tool."""

    wire_name: ClassVar[str] = "response.custom_tool_call_input.delta"

    delta: str
    sequence_number: int | None = None
    output_index: int | None = None
    item_id: str = ""


@frozen(slots=False, eq=False, repr=False)
class ResponseCustomToolCallInputDone(ResponsesEvent):
    """`response.custom_tool_call_input.done`: the whole input of a custom tool."""

    wire_name: ClassVar[str] = "response.custom_tool_call_input.done"

    input: str
    sequence_number: int | None = None
    output_index: int | None = None
    item_id: str = ""


@frozen(slots=False, eq=False, repr=False)
class ResponseApplyPatchCallOperationDiffDelta(ResponsesEvent):
    """`response.apply_patch_call_operation_diff.delta`: a piece of a change to a file."""

    wire_name: ClassVar[str] = "response.apply_patch_call_operation_diff.delta"

    delta: str
    item_id: str
    output_index: int | None = None
    sequence_number: int | None = None


@frozen(slots=False, eq=False, repr=False)
class ResponseApplyPatchCallOperationDiffDone(ResponsesEvent):
    """`response.apply_patch_call_operation_diff.done`: the whole change to a file."""

    wire_name: ClassVar[str] = "response.apply_patch_call_operation_diff.done"

    diff: str
    item_id: str
    output_index: int | None = None
    sequence_number: int | None = None


def decode(name: str, payload: Any, raw: RawEvent, structure: Structurer) -> Event | None:
    """Return the event that *name* stands for, or None if this version does not know it.

    Raises:
        DecodeError: The payload does not fit the event's class.
    """
    event_class: type[Event]
    match name:
        case "response.output_text.delta":
            event_class = ResponseOutputTextDelta
        case "response.reasoning_summary_text.delta":
            event_class = ResponseReasoningSummaryTextDelta
        case "response.function_call_arguments.delta":
            event_class = ResponseFunctionCallArgumentsDelta
        case "response.code_interpreter_call_code.delta":
            event_class = ResponseCodeInterpreterCallCodeDelta
        case "response.reasoning_text.delta":
            event_class = ResponseReasoningTextDelta
        case "response.output_item.added":
            event_class = ResponseOutputItemAdded
        case "response.output_item.done":
            event_class = ResponseOutputItemDone
        case "response.content_part.added":
            event_class = ResponseContentPartAdded
        case "response.content_part.done":
            event_class = ResponseContentPartDone
        case "response.output_text.done":
            event_class = ResponseOutputTextDone
        case "response.created":
            event_class = ResponseCreated
        case "response.in_progress":
            event_class = ResponseInProgress
        case "response.completed":
            event_class = ResponseCompleted
        case "response.audio.delta":
            event_class = ResponseAudioDelta
        case "response.audio.done":
            event_class = ResponseAudioDone
        case "response.audio.transcript.delta":
            event_class = ResponseAudioTranscriptDelta
        case "response.audio.transcript.done":
            event_class = ResponseAudioTranscriptDone
        case "response.code_interpreter_call_code.done":
            event_class = ResponseCodeInterpreterCallCodeDone
        case "response.code_interpreter_call.completed":
            event_class = ResponseCodeInterpreterCallCompleted
        case "response.code_interpreter_call.in_progress":
            event_class = ResponseCodeInterpreterCallInProgress
        case "response.code_interpreter_call.interpreting":
            event_class = ResponseCodeInterpreterCallInterpreting
        case "response.file_search_call.completed":
            event_class = ResponseFileSearchCallCompleted
        case "response.file_search_call.in_progress":
            event_class = ResponseFileSearchCallInProgress
        case "response.file_search_call.searching":
            event_class = ResponseFileSearchCallSearching
        case "response.function_call_arguments.done":
            event_class = ResponseFunctionCallArgumentsDone
        case "response.shell_call_command.added":
            event_class = ResponseShellCallCommandAdded
        case "response.shell_call_command.delta":
            event_class = ResponseShellCallCommandDelta
        case "response.shell_call_command.done":
            event_class = ResponseShellCallCommandDone
        case "response.shell_call_output_content.delta":
            event_class = ResponseShellCallOutputContentDelta
        case "response.shell_call_output_content.done":
            event_class = ResponseShellCallOutputContentDone
        case "response.failed":
            event_class = ResponseFailed
        case "response.incomplete":
            event_class = ResponseIncomplete
        case "response.reasoning_summary_part.added":
            event_class = ResponseReasoningSummaryPartAdded
        case "response.reasoning_summary_part.done":
            event_class = ResponseReasoningSummaryPartDone
        case "response.reasoning_summary_text.done":
            event_class = ResponseReasoningSummaryTextDone
        case "response.reasoning_text.done":
            event_class = ResponseReasoningTextDone
        case "response.refusal.delta":
            event_class = ResponseRefusalDelta
        case "response.refusal.done":
            event_class = ResponseRefusalDone
        case "response.web_search_call.completed":
            event_class = ResponseWebSearchCallCompleted
        case "response.web_search_call.in_progress":
            event_class = ResponseWebSearchCallInProgress
        case "response.web_search_call.searching":
            event_class = ResponseWebSearchCallSearching
        case "response.image_generation_call.completed":
            event_class = ResponseImageGenerationCallCompleted
        case "response.image_generation_call.generating":
            event_class = ResponseImageGenerationCallGenerating
        case "response.image_generation_call.in_progress":
            event_class = ResponseImageGenerationCallInProgress
        case "response.image_generation_call.partial_image":
            event_class = ResponseImageGenerationCallPartialImage
        case "response.mcp_call_arguments.delta":
            event_class = ResponseMcpCallArgumentsDelta
        case "response.mcp_call_arguments.done":
            event_class = ResponseMcpCallArgumentsDone
        case "response.mcp_call.completed":
            event_class = ResponseMcpCallCompleted
        case "response.mcp_call.failed":
            event_class = ResponseMcpCallFailed
        case "response.mcp_call.in_progress":
            event_class = ResponseMcpCallInProgress
        case "response.mcp_list_tools.completed":
            event_class = ResponseMcpListToolsCompleted
        case "response.mcp_list_tools.failed":
            event_class = ResponseMcpListToolsFailed
        case "response.mcp_list_tools.in_progress":
            event_class = ResponseMcpListToolsInProgress
        case "response.output_text.annotation.added":
            event_class = ResponseOutputTextAnnotationAdded
        case "response.queued":
            event_class = ResponseQueued
        case "response.custom_tool_call_input.delta":
            event_class = ResponseCustomToolCallInputDelta
        case "response.custom_tool_call_input.done":
            event_class = ResponseCustomToolCallInputDone
        case "response.apply_patch_call_operation_diff.delta":
            event_class = ResponseApplyPatchCallOperationDiffDelta
        case "response.apply_patch_call_operation_diff.done":
            event_class = ResponseApplyPatchCallOperationDiffDone
        case _:
            return None
    return structure.event(payload, event_class, raw)
