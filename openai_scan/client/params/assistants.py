"""What the methods of the Assistants API take."""

# Annotations are not postponed: `TypedDict` would not see which keys are required.

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import Required, TypedDict

from openai_scan.client.params.base import Extras, Inclusion, JSONObject, ListPage


class ListMessages(ListPage, total=False):
    """Which messages to list.

    Attributes:
        run_id: Only the messages of this run.
    """

    run_id: str | None


class ListRunSteps(ListPage, Inclusion, total=False):
    """Which run steps to list."""


class ModifyMetadata(Extras, total=False):
    """What can be changed in a message or a run.

    Attributes:
        metadata: Your own notes: at most 16 keys of 64 characters, with values of 512.
    """

    metadata: Mapping[str, str] | None


class _AssistantSettings(Extras, total=False):
    """The settings of an assistant.

    Attributes:
        name: The assistant's name; at most 256 characters.
        description: What it is for; at most 512 characters.
        instructions: The system prompt.
        tools: The tools that it may use, at most 128.
        tool_resources: What the tools may use: `file_ids` of the code interpreter, and
            `vector_store_ids` of file search.
        metadata: Your own notes: at most 16 keys of 64 characters, with values of 512.
        temperature: 0 to 2; lower is more predictable. Set this or `top_p`, not both.
        top_p: 0 to 1: choose only from the likeliest tokens that together have this probability.
        reasoning_effort: How much the model reasons first, such as `"low"` or `"high"`.
        response_format: The format of the answer: `"auto"` (the default), or for instance JSON;
            see `json_schema_format`.
    """

    name: str | None
    description: str | None
    instructions: str | None
    tools: Sequence[JSONObject] | None
    tool_resources: JSONObject | None
    metadata: Mapping[str, str] | None
    temperature: float | None
    top_p: float | None
    reasoning_effort: str | None
    response_format: str | JSONObject | None


class CreateAssistant(_AssistantSettings, total=False):
    """A new assistant.

    Attributes:
        model: The name of the model.
    """

    model: Required[str]


class ModifyAssistant(_AssistantSettings, total=False):
    """Changes to an assistant.

    Attributes:
        model: The name of the model.
    """

    model: str | None


class MessageParam(TypedDict, total=False):
    """A message that a new thread or run starts with.

    Attributes:
        role: `"user"`, or `"assistant"` to put words into the assistant's mouth.
        content: Text, or a list of parts.
        attachments: Files, each with the tools that may read it.
        metadata: Your own notes: at most 16 keys of 64 characters, with values of 512.
    """

    role: Required[str]
    content: Required[str | Sequence[JSONObject]]
    attachments: Sequence[JSONObject] | None
    metadata: Mapping[str, str] | None


class CreateMessage(Extras, total=False):
    """A new message.

    Attributes:
        role: `"user"`, or `"assistant"` to put words into the assistant's mouth.
        content: Text, or a list of parts.
        attachments: Files, each with the tools that may read it.
        metadata: Your own notes: at most 16 keys of 64 characters, with values of 512.
    """

    role: Required[str]
    content: Required[str | Sequence[JSONObject]]
    attachments: Sequence[JSONObject] | None
    metadata: Mapping[str, str] | None


class ThreadParam(TypedDict, total=False):
    """The thread to create for a run.

    Attributes:
        messages: The messages that the thread starts with.
        tool_resources: What the tools may use: `file_ids` of the code interpreter, and
            `vector_store_ids` of file search.
        metadata: Your own notes: at most 16 keys of 64 characters, with values of 512.
    """

    messages: Sequence[MessageParam | Mapping[str, Any]] | None
    tool_resources: JSONObject | None
    metadata: Mapping[str, str] | None


class CreateThread(Extras, total=False):
    """A new thread.

    Attributes:
        messages: The messages that the thread starts with.
        tool_resources: What the tools may use: `file_ids` of the code interpreter, and
            `vector_store_ids` of file search.
        metadata: Your own notes: at most 16 keys of 64 characters, with values of 512.
    """

    messages: Sequence[MessageParam | Mapping[str, Any]] | None
    tool_resources: JSONObject | None
    metadata: Mapping[str, str] | None


class ModifyThread(Extras, total=False):
    """Changes to a thread.

    Attributes:
        tool_resources: What the tools may use: `file_ids` of the code interpreter, and
            `vector_store_ids` of file search.
        metadata: Your own notes: at most 16 keys of 64 characters, with values of 512.
    """

    tool_resources: JSONObject | None
    metadata: Mapping[str, str] | None


class _RunSettings(Extras, total=False):
    """How to run an assistant. Anything left out is as the assistant has it.

    Attributes:
        assistant_id: The assistant to run.
        model: A model to use instead of the assistant's.
        instructions: A system prompt to use instead of the assistant's.
        tools: Tools to use instead of the assistant's.
        metadata: Your own notes: at most 16 keys of 64 characters, with values of 512.
        temperature: 0 to 2; lower is more predictable. Set this or `top_p`, not both.
        top_p: 0 to 1: choose only from the likeliest tokens that together have this probability.
        max_prompt_tokens: The maximum number of input tokens in the whole run, which ends as
            incomplete after that.
        max_completion_tokens: The maximum number of output tokens in the whole run, which ends as
            incomplete after that.
        truncation_strategy: How to shorten a thread that is too long: `{"type": "auto"}`, or
            `{"type": "last_messages", "last_messages": 10}`.
        tool_choice: `"none"`, `"auto"` (the default), `"required"`, or the one tool to use.
        parallel_tool_calls: Whether the model may call several tools at once; True by default.
        response_format: The format of the answer: `"auto"`, or for instance JSON; see
            `json_schema_format`.
    """

    assistant_id: Required[str]
    model: str | None
    instructions: str | None
    tools: Sequence[JSONObject] | None
    metadata: Mapping[str, str] | None
    temperature: float | None
    top_p: float | None
    max_prompt_tokens: int | None
    max_completion_tokens: int | None
    truncation_strategy: JSONObject | None
    tool_choice: str | JSONObject | None
    parallel_tool_calls: bool | None
    response_format: str | JSONObject | None


class CreateRun(_RunSettings, Inclusion, total=False):
    """A new run.

    Attributes:
        additional_instructions: Text to append to the assistant's instructions in this run.
        additional_messages: Messages to add to the thread before the run.
        reasoning_effort: How much the model reasons first, such as `"low"` or `"high"`.
    """

    additional_instructions: str | None
    additional_messages: Sequence[MessageParam | Mapping[str, Any]] | None
    reasoning_effort: str | None


class CreateThreadAndRun(_RunSettings, total=False):
    """A new thread and a run on it.

    Attributes:
        thread: The thread to create; None means an empty one.
        tool_resources: What the tools may use in this run, instead of the assistant's: `file_ids`
            of the code interpreter, and `vector_store_ids` of file search.
    """

    thread: ThreadParam | Mapping[str, Any] | None
    tool_resources: JSONObject | None


class ToolOutput(TypedDict):
    """The output of one call.

    Attributes:
        tool_call_id: The id of the call.
        output: The result for the model; any text.
    """

    tool_call_id: str
    output: str
