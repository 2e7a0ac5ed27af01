"""The items of Responses.

Made by tools/generate_types.py from OpenAI's schema and tools/overrides.py; change those.

Source: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from attrs import frozen

from openai_scan.events.decoding.hooks import JSONText
from openai_scan.values import Value


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FileCitation(Value):
    """The text cites a file; *index* is its place in the list of files."""

    file_id: str
    index: int
    filename: str = ""
    type: Literal["file_citation"] = "file_citation"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class URLCitation(Value):
    """The text from *start_index* to *end_index* cites a web page."""

    url: str
    start_index: int
    end_index: int
    title: str = ""
    type: Literal["url_citation"] = "url_citation"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ContainerFileCitation(Value):
    """The text cites a file in a container."""

    container_id: str
    file_id: str
    start_index: int
    end_index: int
    filename: str
    type: Literal["container_file_citation"] = "container_file_citation"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FilePath(Value):
    """The text names a file that the model made."""

    file_id: str
    index: int
    type: Literal["file_path"] = "file_path"


Annotation: TypeAlias = (
    FileCitation | URLCitation | ContainerFileCitation | FilePath | dict[str, Any]
)


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class TopLogProb(Value):
    """How likely one of the most likely tokens was."""

    token: str = ""
    logprob: float | None = None
    bytes: tuple[int, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class LogProb(Value):
    """How likely a token was, and what else could have stood there."""

    token: str
    logprob: float
    bytes: tuple[int, ...] = ()
    top_logprobs: tuple[TopLogProb, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class OutputTextContent(Value):
    """Text of the model, with its citations."""

    text: str
    annotations: tuple[Annotation, ...] = ()
    logprobs: tuple[LogProb, ...] = ()
    type: Literal["output_text"] = "output_text"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class RefusalContent(Value):
    """Why the model does not answer, in its own words."""

    refusal: str
    type: Literal["refusal"] = "refusal"


OutputMessageContent: TypeAlias = OutputTextContent | RefusalContent | dict[str, Any]


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class OutputMessage(Value):
    """A message of the model."""

    role: str
    id: str = ""
    content: tuple[OutputMessageContent, ...] = ()
    phase: str | None = None
    status: str = ""
    type: Literal["message"] = "message"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FileSearchResult(Value):
    """A piece of a file that was found."""

    file_id: str | None = None
    text: str | None = None
    filename: str | None = None
    attributes: dict[str, Any] | None = None
    score: float | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FileSearchToolCall(Value):
    """The model searched files."""

    id: str
    status: str = ""
    queries: tuple[str, ...] = ()
    results: tuple[FileSearchResult, ...] = ()
    type: Literal["file_search_call"] = "file_search_call"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class DirectToolCallCaller(Value):
    """The model itself called the tool."""

    type: Literal["direct"] = "direct"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ProgramToolCallCaller(Value):
    """A program of the model called the tool."""

    caller_id: str
    type: Literal["program"] = "program"


ToolCallCaller: TypeAlias = DirectToolCallCaller | ProgramToolCallCaller | dict[str, Any]


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FunctionToolCall(Value):
    """The model calls a function of yours; *arguments* are JSON."""

    name: str
    arguments: JSONText
    id: str | None = None
    call_id: str = ""
    caller: ToolCallCaller | None = None
    namespace: str | None = None
    status: str | None = None
    type: Literal["function_call"] = "function_call"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class PromptCacheBreakpointConfig(Value):
    """The prompt up to here is worth keeping in the cache."""

    mode: str


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class InputTextContent(Value):
    """Text that a tool returned."""

    text: str
    prompt_cache_breakpoint: PromptCacheBreakpointConfig | None = None
    type: Literal["input_text"] = "input_text"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class InputImageContent(Value):
    """An image that a tool returned."""

    detail: str
    image_url: str | None = None
    file_id: str | None = None
    prompt_cache_breakpoint: PromptCacheBreakpointConfig | None = None
    type: Literal["input_image"] = "input_image"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class InputFileContent(Value):
    """A file that a tool returned."""

    file_id: str | None = None
    filename: str | None = None
    file_data: str | None = None
    prompt_cache_breakpoint: PromptCacheBreakpointConfig | None = None
    file_url: str | None = None
    detail: str | None = None
    type: Literal["input_file"] = "input_file"


ToolOutputContent: TypeAlias = (
    InputTextContent | InputImageContent | InputFileContent | dict[str, Any]
)


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FunctionToolCallOutput(Value):
    """What a function of yours returned."""

    id: str
    output: str | tuple[ToolOutputContent, ...]
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    caller: ToolCallCaller | None = None
    status: str = ""
    created_by: str | None = None
    type: Literal["function_call_output"] = "function_call_output"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class WebSearchSource(Value):
    """A page that was searched."""

    url: str
    type: Literal["url"] = "url"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class WebSearchActionSearch(Value):
    """The model searched the web."""

    query: str | None = None
    queries: tuple[str, ...] = ()
    sources: tuple[WebSearchSource, ...] = ()
    type: Literal["search"] = "search"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class WebSearchActionOpenPage(Value):
    """The model opened a page."""

    url: str | None = None
    type: Literal["open_page"] = "open_page"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class WebSearchActionFind(Value):
    """The model searched a page."""

    url: str
    pattern: str
    type: Literal["find_in_page"] = "find_in_page"


WebSearchAction: TypeAlias = (
    WebSearchActionSearch | WebSearchActionOpenPage | WebSearchActionFind | dict[str, Any]
)


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class WebSearchToolCall(Value):
    """The model used the web."""

    id: str
    status: str = ""
    action: WebSearchAction | None = None
    type: Literal["web_search_call"] = "web_search_call"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ClickAction(Value):
    """Click."""

    button: str
    x: int
    y: int
    keys: tuple[str, ...] = ()
    type: Literal["click"] = "click"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class DoubleClickAction(Value):
    """Click twice."""

    x: int
    y: int
    keys: tuple[str, ...] = ()
    type: Literal["double_click"] = "double_click"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Coordinate(Value):
    """A point on the screen."""

    x: int
    y: int


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class DragAction(Value):
    """Drag along a path."""

    path: tuple[Coordinate, ...] = ()
    keys: tuple[str, ...] = ()
    type: Literal["drag"] = "drag"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class KeyPressAction(Value):
    """Press keys."""

    keys: tuple[str, ...] = ()
    type: Literal["keypress"] = "keypress"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class MoveAction(Value):
    """Move the pointer."""

    x: int
    y: int
    keys: tuple[str, ...] = ()
    type: Literal["move"] = "move"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ScreenshotAction(Value):
    """Take a screenshot."""

    type: Literal["screenshot"] = "screenshot"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ScrollAction(Value):
    """Scroll."""

    x: int
    y: int
    scroll_x: int
    scroll_y: int
    keys: tuple[str, ...] = ()
    type: Literal["scroll"] = "scroll"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class TypeAction(Value):
    """Type a text."""

    text: str
    type: Literal["type"] = "type"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class WaitAction(Value):
    """Wait."""

    type: Literal["wait"] = "wait"


ComputerAction: TypeAlias = (
    ClickAction
    | DoubleClickAction
    | DragAction
    | KeyPressAction
    | MoveAction
    | ScreenshotAction
    | ScrollAction
    | TypeAction
    | WaitAction
    | dict[str, Any]
)


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ComputerSafetyCheck(Value):
    """A doubt that has to be cleared before the action is done."""

    id: str
    code: str | None = None
    message: str | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ComputerToolCall(Value):
    """The model wants to use the computer."""

    id: str
    call_id: str
    action: ComputerAction | None = None
    actions: tuple[ComputerAction, ...] = ()
    pending_safety_checks: tuple[ComputerSafetyCheck, ...] = ()
    status: str = ""
    type: Literal["computer_call"] = "computer_call"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ComputerScreenshotImage(Value):
    """A screenshot."""

    image_url: str | None = None
    file_id: str | None = None
    type: Literal["computer_screenshot"] = "computer_screenshot"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ComputerToolCallOutput(Value):
    """What the screen showed after an action."""

    id: str
    call_id: str
    output: ComputerScreenshotImage
    acknowledged_safety_checks: tuple[ComputerSafetyCheck, ...] = ()
    status: str = ""
    created_by: str | None = None
    type: Literal["computer_call_output"] = "computer_call_output"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class SummaryTextContent(Value):
    """Reasoning of the model, summed up."""

    text: str
    type: Literal["summary_text"] = "summary_text"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ReasoningTextContent(Value):
    """Reasoning of the model."""

    text: str
    type: Literal["reasoning_text"] = "reasoning_text"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ReasoningItem(Value):
    """What the model thought before it went on."""

    id: str = ""
    encrypted_content: str | None = None
    summary: tuple[SummaryTextContent, ...] = ()
    content: tuple[ReasoningTextContent, ...] = ()
    status: str | None = None
    type: Literal["reasoning"] = "reasoning"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Program(Value):
    """A program that the model wrote to call tools."""

    id: str
    call_id: str
    code: str
    fingerprint: str
    type: Literal["program"] = "program"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ProgramOutput(Value):
    """What the program returned."""

    id: str
    call_id: str
    result: str
    status: str = ""
    type: Literal["program_output"] = "program_output"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ToolSearchCall(Value):
    """The model searches for tools."""

    id: str
    execution: str
    arguments: Any
    call_id: str | None = None
    status: str = ""
    created_by: str | None = None
    type: Literal["tool_search_call"] = "tool_search_call"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ToolSearchOutput(Value):
    """The tools that were found."""

    id: str
    execution: str
    call_id: str | None = None
    tools: tuple[dict[str, Any], ...] = ()
    status: str = ""
    created_by: str | None = None
    type: Literal["tool_search_output"] = "tool_search_output"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class AdditionalTools(Value):
    """Tools that were added on the way."""

    id: str
    role: str
    tools: tuple[dict[str, Any], ...] = ()
    type: Literal["additional_tools"] = "additional_tools"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Compaction(Value):
    """The conversation so far, in short and encrypted."""

    id: str
    encrypted_content: str
    created_by: str | None = None
    type: Literal["compaction"] = "compaction"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ImageGenToolCall(Value):
    """The model made an image; *result* is base64."""

    id: str
    status: str = ""
    result: str | None = None
    size: str | None = None  # sent, but not in the schema
    quality: str | None = None  # sent, but not in the schema
    background: str | None = None  # sent, but not in the schema
    output_format: str | None = None  # sent, but not in the schema
    revised_prompt: str | None = None  # sent, but not in the schema
    type: Literal["image_generation_call"] = "image_generation_call"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CodeInterpreterOutputLogs(Value):
    """What the code printed."""

    logs: str
    type: Literal["logs"] = "logs"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CodeInterpreterOutputImage(Value):
    """An image that the code made."""

    url: str
    type: Literal["image"] = "image"


CodeInterpreterOutput: TypeAlias = (
    CodeInterpreterOutputLogs | CodeInterpreterOutputImage | dict[str, Any]
)


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CodeInterpreterToolCall(Value):
    """The model ran code."""

    id: str
    container_id: str
    status: str = ""
    code: str | None = None
    outputs: tuple[CodeInterpreterOutput, ...] = ()
    type: Literal["code_interpreter_call"] = "code_interpreter_call"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class LocalShellExecAction(Value):
    """A command for your shell."""

    env: dict[str, str]
    command: tuple[str, ...] = ()
    timeout_ms: int | None = None
    working_directory: str | None = None
    user: str | None = None
    type: Literal["exec"] = "exec"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class LocalShellToolCall(Value):
    """The model wants a command run in your shell."""

    id: str
    call_id: str
    action: LocalShellExecAction
    status: str = ""
    type: Literal["local_shell_call"] = "local_shell_call"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class LocalShellToolCallOutput(Value):
    """What the command printed."""

    id: str
    output: str
    status: str | None = None
    call_id: str | None = None  # sent, but not in the schema
    type: Literal["local_shell_call_output"] = "local_shell_call_output"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FunctionShellAction(Value):
    """Commands for a shell."""

    commands: tuple[str, ...] = ()
    timeout_ms: int | None = None
    max_output_length: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class LocalEnvironment(Value):
    """The shell is yours."""

    type: Literal["local"] = "local"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ContainerReference(Value):
    """The shell is in a container."""

    container_id: str
    type: Literal["container_reference"] = "container_reference"


ShellEnvironment: TypeAlias = LocalEnvironment | ContainerReference | dict[str, Any]


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FunctionShellCall(Value):
    """The model runs commands in a shell."""

    id: str
    call_id: str
    action: FunctionShellAction
    caller: ToolCallCaller | None = None
    status: str = ""
    environment: ShellEnvironment | None = None
    created_by: str | None = None
    type: Literal["shell_call"] = "shell_call"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FunctionShellCallOutputTimeoutOutcome(Value):
    """The command took too long."""

    type: Literal["timeout"] = "timeout"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FunctionShellCallOutputExitOutcome(Value):
    """The command ended by itself."""

    exit_code: int
    type: Literal["exit"] = "exit"


ShellOutcome: TypeAlias = (
    FunctionShellCallOutputTimeoutOutcome | FunctionShellCallOutputExitOutcome | dict[str, Any]
)


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FunctionShellCallOutputContent(Value):
    """What a command printed and how it ended."""

    stdout: str
    stderr: str
    outcome: ShellOutcome
    created_by: str | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FunctionShellCallOutput(Value):
    """What the commands printed."""

    id: str
    call_id: str
    caller: ToolCallCaller | None = None
    status: str = ""
    output: tuple[FunctionShellCallOutputContent, ...] = ()
    max_output_length: int | None = None
    created_by: str | None = None
    type: Literal["shell_call_output"] = "shell_call_output"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ApplyPatchCreateFileOperation(Value):
    """Make a file."""

    path: str
    diff: str
    type: Literal["create_file"] = "create_file"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ApplyPatchDeleteFileOperation(Value):
    """Delete a file."""

    path: str
    type: Literal["delete_file"] = "delete_file"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ApplyPatchUpdateFileOperation(Value):
    """Change a file."""

    path: str
    diff: str
    type: Literal["update_file"] = "update_file"


ApplyPatchOperation: TypeAlias = (
    ApplyPatchCreateFileOperation
    | ApplyPatchDeleteFileOperation
    | ApplyPatchUpdateFileOperation
    | dict[str, Any]
)


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ApplyPatchToolCall(Value):
    """The model wants a file changed."""

    id: str
    call_id: str
    operation: ApplyPatchOperation
    caller: ToolCallCaller | None = None
    status: str = ""
    created_by: str | None = None
    type: Literal["apply_patch_call"] = "apply_patch_call"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ApplyPatchToolCallOutput(Value):
    """What came of the change."""

    id: str
    call_id: str
    caller: ToolCallCaller | None = None
    status: str = ""
    output: str | None = None
    created_by: str | None = None
    type: Literal["apply_patch_call_output"] = "apply_patch_call_output"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class MCPProtocolError(Value):
    """The server broke the protocol."""

    code: int
    message: str
    type: Literal["mcp_protocol_error"] = "mcp_protocol_error"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class MCPToolExecutionError(Value):
    """The tool failed."""

    content: Any
    type: Literal["mcp_tool_execution_error"] = "mcp_tool_execution_error"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class HTTPError(Value):
    """The server could not be reached or refused."""

    code: int
    message: str
    type: Literal["http_error"] = "http_error"


MCPToolCallError: TypeAlias = MCPProtocolError | MCPToolExecutionError | HTTPError | dict[str, Any]


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class MCPToolCall(Value):
    """The model called a tool of an MCP server."""

    id: str
    server_label: str
    name: str
    arguments: str
    output: str | None = None
    error: MCPToolCallError | None = None
    status: str | None = None
    approval_request_id: str | None = None
    type: Literal["mcp_call"] = "mcp_call"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class MCPListToolsTool(Value):
    """A tool of an MCP server."""

    name: str
    input_schema: dict[str, Any]
    description: str | None = None
    annotations: dict[str, Any] | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class MCPListTools(Value):
    """The tools that an MCP server has."""

    id: str
    server_label: str
    tools: tuple[MCPListToolsTool, ...] = ()
    error: str | None = None
    type: Literal["mcp_list_tools"] = "mcp_list_tools"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class MCPApprovalRequest(Value):
    """The model asks whether it may call a tool."""

    id: str
    server_label: str
    name: str
    arguments: str
    type: Literal["mcp_approval_request"] = "mcp_approval_request"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class MCPApprovalResponse(Value):
    """Whether it may."""

    id: str
    approval_request_id: str
    approve: bool
    reason: str | None = None
    request_id: str | None = None  # sent, but not in the schema
    type: Literal["mcp_approval_response"] = "mcp_approval_response"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CustomToolCall(Value):
    """The model calls a custom tool of yours; *input* is any text."""

    call_id: str
    name: str
    input: str
    id: str | None = None
    caller: ToolCallCaller | None = None
    namespace: str | None = None
    type: Literal["custom_tool_call"] = "custom_tool_call"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CustomToolCallOutput(Value):
    """What a custom tool of yours returned."""

    id: str
    call_id: str
    output: str | tuple[ToolOutputContent, ...]
    caller: ToolCallCaller | None = None
    status: str = ""
    created_by: str | None = None
    type: Literal["custom_tool_call_output"] = "custom_tool_call_output"


OutputItem: TypeAlias = (
    OutputMessage
    | FileSearchToolCall
    | FunctionToolCall
    | FunctionToolCallOutput
    | WebSearchToolCall
    | ComputerToolCall
    | ComputerToolCallOutput
    | ReasoningItem
    | Program
    | ProgramOutput
    | ToolSearchCall
    | ToolSearchOutput
    | AdditionalTools
    | Compaction
    | ImageGenToolCall
    | CodeInterpreterToolCall
    | LocalShellToolCall
    | LocalShellToolCallOutput
    | FunctionShellCall
    | FunctionShellCallOutput
    | ApplyPatchToolCall
    | ApplyPatchToolCallOutput
    | MCPToolCall
    | MCPListTools
    | MCPApprovalRequest
    | MCPApprovalResponse
    | CustomToolCall
    | CustomToolCallOutput
    | dict[str, Any]
)


OutputContent: TypeAlias = (
    OutputTextContent | RefusalContent | ReasoningTextContent | dict[str, Any]
)
