"""The objects of the Assistants API: threads, runs, run steps, messages, and their deltas.

A field is required only if OpenAI's schema requires it and every recorded server sends it. A text
that the schema requires but some compatible server leaves out is `""` if missing; everything else
is None. Lists are tuples, empty if the server sends null. Times are Unix seconds.

Enumerations are plain `str`, since servers send other values too. A union ends in `UnknownPart` or
a similar class, for the kinds that are not known yet.

Source: https://platform.openai.com/docs/api-reference/assistants
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from openai_scan.events.decoding.hooks import Index, JSONText
from openai_scan.values import (
    UnknownAnnotation,
    UnknownObject,
    UnknownPart,
    UnknownTool,
    UnknownToolCall,
    Value,
)

# Tools: what an assistant may use, and what a run was given.


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class RankingOptions(Value):
    """How a file search ranks its results."""

    ranker: str | None = None
    score_threshold: float | None = None  # 0 to 1
    hybrid_search: dict[str, Any] | None = None  # sent, but not in the schema


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FileSearchOptions(Value):
    """The settings of a file search tool."""

    max_num_results: int | None = None  # 1 to 50
    ranking_options: RankingOptions | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FunctionDefinition(Value):
    """A function that the model may call; *parameters* is a JSON schema."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CodeInterpreterTool(Value):
    """The tool that runs Python code."""

    type: Literal["code_interpreter"] = "code_interpreter"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FileSearchTool(Value):
    """The tool that searches files."""

    file_search: FileSearchOptions | None = None
    type: Literal["file_search"] = "file_search"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FunctionTool(Value):
    """One of your functions that the model may call."""

    function: FunctionDefinition
    type: Literal["function"] = "function"


Tool: TypeAlias = CodeInterpreterTool | FileSearchTool | FunctionTool | UnknownTool


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FunctionName(Value):
    """The function that a tool choice names."""

    name: str


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class NamedToolChoice(Value):
    """The one tool that the model must call."""

    type: Literal["function", "code_interpreter", "file_search"]
    function: FunctionName | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class JSONSchema(Value):
    """The schema that an answer must follow."""

    name: str
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class TextFormat(Value):
    """The answer is text."""

    type: Literal["text"] = "text"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class JSONObjectFormat(Value):
    """The answer is any JSON object."""

    type: Literal["json_object"] = "json_object"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class JSONSchemaFormat(Value):
    """The answer is JSON that follows a schema."""

    json_schema: JSONSchema
    type: Literal["json_schema"] = "json_schema"


ResponseFormat: TypeAlias = str | TextFormat | JSONObjectFormat | JSONSchemaFormat | UnknownObject


# Assistants and threads.


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CodeInterpreterResources(Value):
    """The files that the code interpreter may read."""

    file_ids: tuple[str, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FileSearchResources(Value):
    """The vector stores that file search looks into."""

    vector_store_ids: tuple[str, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ToolResources(Value):
    """What the tools of an assistant or a thread may use."""

    code_interpreter: CodeInterpreterResources | None = None
    file_search: FileSearchResources | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Assistant(Value):
    """A model with its instructions and tools."""

    id: str
    created_at: int | None = None
    name: str | None = None
    description: str | None = None
    model: str = ""
    instructions: str | None = field(default=None, repr=False)  # the prompt
    tools: tuple[Tool, ...] = ()
    tool_resources: ToolResources | None = None
    metadata: dict[str, str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    reasoning_effort: str | None = None
    response_format: ResponseFormat | None = None
    object: str = "assistant"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Thread(Value):
    """A conversation, which messages belong to."""

    id: str
    created_at: int | None = None
    tool_resources: ToolResources | None = None
    metadata: dict[str, str] | None = None
    object: str = "thread"


# Runs.


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FunctionCall(Value):
    """A function and its arguments, which are JSON text as the model wrote it."""

    name: str = ""
    arguments: JSONText = ""


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class RunToolCall(Value):
    """A call whose output the run waits for; send the output with its `id`."""

    id: str = ""
    function: FunctionCall = FunctionCall()
    type: str = "function"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class SubmitToolOutputs(Value):
    """The calls whose outputs must be submitted."""

    tool_calls: tuple[RunToolCall, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class RequiredAction(Value):
    """What must be done before the run goes on."""

    submit_tool_outputs: SubmitToolOutputs
    type: str = "submit_tool_outputs"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class LastError(Value):
    """Why a run or a run step failed."""

    code: str | None = None
    message: str = ""


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class IncompleteDetails(Value):
    """Why a run or a message is incomplete."""

    reason: str | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class PromptTokenDetails(Value):
    """The kinds of tokens in the prompt; sent, but not in the schema."""

    cached_tokens: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CompletionTokensDetails(Value):
    """The kinds of tokens in the answer; sent, but not in the schema."""

    reasoning_tokens: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class RunUsage(Value):
    """How many tokens a run or a run step took."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_token_details: PromptTokenDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class TruncationStrategy(Value):
    """How a thread that is too long for the model is shortened."""

    type: str
    last_messages: int | None = None  # how many to keep


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Run(Value):
    """One execution of an assistant on a thread."""

    id: str
    thread_id: str = ""
    assistant_id: str = ""
    status: str = ""
    created_at: int | None = None
    expires_at: int | None = None
    started_at: int | None = None
    cancelled_at: int | None = None
    failed_at: int | None = None
    completed_at: int | None = None
    required_action: RequiredAction | None = None
    last_error: LastError | None = None
    incomplete_details: IncompleteDetails | None = None
    model: str = ""
    instructions: str | None = field(default=None, repr=False)  # the prompt
    tools: tuple[Tool, ...] = ()
    tool_resources: ToolResources | None = None  # sent, but not in the schema
    metadata: dict[str, str] | None = None
    usage: RunUsage | None = None
    temperature: float | None = None
    top_p: float | None = None
    reasoning_effort: str | None = None  # sent, but not in the schema
    max_prompt_tokens: int | None = None
    max_completion_tokens: int | None = None
    truncation_strategy: TruncationStrategy | None = None
    tool_choice: str | NamedToolChoice | UnknownObject | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    object: str = "thread.run"


# Run steps.


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class MessageCreation(Value):
    """The message that a run step writes."""

    message_id: str


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CodeInterpreterLogs(Value):
    """What the code printed."""

    logs: str
    type: Literal["logs"] = "logs"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class OutputImage(Value):
    """The file of an image that the code made."""

    file_id: str


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CodeInterpreterImage(Value):
    """An image that the code made."""

    image: OutputImage
    type: Literal["image"] = "image"


CodeInterpreterOutput: TypeAlias = CodeInterpreterLogs | CodeInterpreterImage | UnknownObject


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CodeInterpreter(Value):
    """The code that was run, and its outputs."""

    input: str = ""
    outputs: tuple[CodeInterpreterOutput, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CodeInterpreterToolCall(Value):
    """A run step ran code."""

    id: str
    code_interpreter: CodeInterpreter
    type: Literal["code_interpreter"] = "code_interpreter"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FileSearchContent(Value):
    """A piece of a file that was found."""

    text: str | None = None
    type: str | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FileSearchResult(Value):
    """A file that was found; *score* is 0 to 1."""

    file_id: str
    file_name: str
    score: float
    content: tuple[FileSearchContent, ...] = ()
    attributes: dict[str, Any] | None = None  # sent, but not in the schema


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FileSearch(Value):
    """How files were searched, and what was found."""

    ranking_options: RankingOptions | None = None
    results: tuple[FileSearchResult, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FileSearchToolCall(Value):
    """A run step searched files."""

    id: str
    file_search: FileSearch
    type: Literal["file_search"] = "file_search"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FunctionCallOutput(Value):
    """A function, its arguments as JSON text, and the output that was submitted, or None."""

    name: str = ""
    arguments: JSONText = ""
    output: str | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FunctionToolCall(Value):
    """A run step called a function."""

    id: str = ""
    function: FunctionCallOutput = FunctionCallOutput()
    type: Literal["function"] = "function"


ToolCall: TypeAlias = (
    CodeInterpreterToolCall | FileSearchToolCall | FunctionToolCall | UnknownToolCall
)


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class MessageCreationDetails(Value):
    """The run step writes a message."""

    message_creation: MessageCreation
    type: Literal["message_creation"] = "message_creation"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ToolCallsDetails(Value):
    """The run step calls tools."""

    tool_calls: tuple[ToolCall, ...] = ()
    type: Literal["tool_calls"] = "tool_calls"


StepDetails: TypeAlias = MessageCreationDetails | ToolCallsDetails | UnknownObject


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class RunStep(Value):
    """One step of a run."""

    id: str
    run_id: str = ""
    thread_id: str = ""
    assistant_id: str = ""
    status: str = ""
    type: str = ""
    step_details: StepDetails | None = None
    last_error: LastError | None = None
    created_at: int | None = None
    expires_at: int | None = None  # the wire's name for what the schema calls expired_at
    expired_at: int | None = None
    cancelled_at: int | None = None
    failed_at: int | None = None
    completed_at: int | None = None
    metadata: dict[str, str] | None = None
    usage: RunUsage | None = None
    object: str = "thread.run.step"


# Messages.


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FileReference(Value):
    """The file that a citation or a path points to; *quote* only while streaming."""

    file_id: str | None = None
    quote: str | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FileCitation(Value):
    """The text between the two indexes (characters) cites a place in a file."""

    text: str
    file_citation: FileReference
    start_index: int
    end_index: int
    type: Literal["file_citation"] = "file_citation"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FilePath(Value):
    """The text between the two indexes (characters) is the path of a generated file."""

    text: str
    file_path: FileReference
    start_index: int
    end_index: int
    type: Literal["file_path"] = "file_path"


Annotation: TypeAlias = FileCitation | FilePath | UnknownAnnotation


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Text(Value):
    """Text and its annotations."""

    value: str = ""
    annotations: tuple[Annotation, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ImageFile(Value):
    """An image in a file of the API; *detail* is auto, low or high."""

    file_id: str = ""
    detail: str | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ImageURL(Value):
    """An image on the web; *detail* is auto, low or high."""

    url: str = ""
    detail: str | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class TextPart(Value):
    """A part of a message: text."""

    text: Text
    type: Literal["text"] = "text"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ImageFilePart(Value):
    """A part of a message: an image in a file."""

    image_file: ImageFile
    type: Literal["image_file"] = "image_file"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ImageURLPart(Value):
    """A part of a message: an image on the web."""

    image_url: ImageURL
    type: Literal["image_url"] = "image_url"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class RefusalPart(Value):
    """A part of a message: why the model does not answer."""

    refusal: str
    type: Literal["refusal"] = "refusal"


MessagePart: TypeAlias = TextPart | ImageFilePart | ImageURLPart | RefusalPart | UnknownPart


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Attachment(Value):
    """A file of a message, and the tools that may read it."""

    file_id: str | None = None
    tools: tuple[Tool, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Message(Value):
    """A message of a thread."""

    id: str
    thread_id: str = ""
    role: str | None = None
    content: tuple[MessagePart, ...] = field(default=(), repr=False)  # may be the prompt
    status: str | None = None
    incomplete_details: IncompleteDetails | None = None
    created_at: int | None = None
    completed_at: int | None = None
    incomplete_at: int | None = None
    assistant_id: str | None = None
    run_id: str | None = None
    attachments: tuple[Attachment, ...] = ()
    metadata: dict[str, str] | None = None
    object: str = "thread.message"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Deleted(Value):
    """The result of a delete request."""

    id: str
    deleted: bool
    object: str = ""


# Deltas: what an event adds. An index says which part of the whole a piece belongs to; servers
# that stream one part at a time may leave it out.


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FileCitationDelta(Value):
    """A piece of a citation."""

    index: Index = 0
    text: str | None = None
    file_citation: FileReference | None = None
    start_index: int | None = None
    end_index: int | None = None
    type: Literal["file_citation"] = "file_citation"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FilePathDelta(Value):
    """A piece of a file path."""

    index: Index = 0
    text: str | None = None
    file_path: FileReference | None = None
    start_index: int | None = None
    end_index: int | None = None
    type: Literal["file_path"] = "file_path"


AnnotationDelta: TypeAlias = FileCitationDelta | FilePathDelta | UnknownAnnotation


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class TextDelta(Value):
    """Text to append, and annotations; `value` is None if there are only annotations."""

    value: str | None = None
    annotations: tuple[AnnotationDelta, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class TextPartDelta(Value):
    """A piece of a text part."""

    index: Index = 0
    text: TextDelta | None = None
    type: Literal["text"] = "text"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ImageFilePartDelta(Value):
    """A piece of an image part, which arrives whole."""

    index: Index = 0
    image_file: ImageFile | None = None
    type: Literal["image_file"] = "image_file"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ImageURLPartDelta(Value):
    """A piece of an image part, which arrives whole."""

    index: Index = 0
    image_url: ImageURL | None = None
    type: Literal["image_url"] = "image_url"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class RefusalPartDelta(Value):
    """A piece of a refusal."""

    index: Index = 0
    refusal: str | None = None
    type: Literal["refusal"] = "refusal"


MessagePartDelta: TypeAlias = (
    TextPartDelta | ImageFilePartDelta | ImageURLPartDelta | RefusalPartDelta | UnknownPart
)


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class MessageDelta(Value):
    """What an event adds to a message."""

    role: str | None = None
    content: tuple[MessagePartDelta, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class MessageCreationDelta(Value):
    """The message that a run step writes."""

    message_id: str | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CodeInterpreterLogsDelta(Value):
    """A piece of what the code printed."""

    index: Index = 0
    logs: str | None = None
    type: Literal["logs"] = "logs"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class OutputImageDelta(Value):
    """The file of an image that the code made."""

    file_id: str | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CodeInterpreterImageDelta(Value):
    """An image that the code made, which arrives whole."""

    index: Index = 0
    image: OutputImageDelta | None = None
    type: Literal["image"] = "image"


CodeInterpreterOutputDelta: TypeAlias = (
    CodeInterpreterLogsDelta | CodeInterpreterImageDelta | UnknownObject
)


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CodeInterpreterDelta(Value):
    """A piece of code to append, and pieces of its outputs."""

    input: str | None = None
    outputs: tuple[CodeInterpreterOutputDelta, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CodeInterpreterToolCallDelta(Value):
    """A piece of a code interpreter call."""

    index: Index = 0
    id: str | None = None
    code_interpreter: CodeInterpreterDelta | None = None
    type: Literal["code_interpreter"] = "code_interpreter"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FileSearchToolCallDelta(Value):
    """A piece of a file search call; the schema does not describe *file_search*."""

    index: Index = 0
    id: str | None = None
    file_search: dict[str, Any] | None = None
    type: Literal["file_search"] = "file_search"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FunctionDelta(Value):
    """A piece of a function call: the name arrives once, the arguments in pieces."""

    name: str | None = None
    arguments: JSONText | None = None
    output: str | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class FunctionToolCallDelta(Value):
    """A piece of a function call."""

    index: Index = 0
    id: str | None = None
    function: FunctionDelta | None = None
    type: Literal["function"] = "function"


ToolCallDelta: TypeAlias = (
    CodeInterpreterToolCallDelta | FileSearchToolCallDelta | FunctionToolCallDelta | UnknownToolCall
)


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class MessageCreationDetailsDelta(Value):
    """The run step writes a message."""

    message_creation: MessageCreationDelta | None = None
    type: Literal["message_creation"] = "message_creation"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ToolCallsDetailsDelta(Value):
    """Pieces of the run step's tool calls."""

    tool_calls: tuple[ToolCallDelta, ...] = ()
    type: Literal["tool_calls"] = "tool_calls"


StepDetailsDelta: TypeAlias = MessageCreationDetailsDelta | ToolCallsDetailsDelta | UnknownObject


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class RunStepDelta(Value):
    """What an event adds to a run step."""

    step_details: StepDetailsDelta | None = None
