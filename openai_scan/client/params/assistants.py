"""What the methods of the Assistants API take."""

# Annotations are not postponed: `TypedDict` would not see which keys are required.

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import Required, TypedDict

from openai_scan.client.params.base import Extras, Inclusion, JSONObject, ListPage


class ListMessages(ListPage, total=False):
    """Which messages to list."""

    run_id: str | None  # only those of one run


class ListRunSteps(ListPage, Inclusion, total=False):
    """Which run steps to list."""


class ModifyMetadata(Extras, total=False):
    """What of a message or a run can be modified."""

    metadata: Mapping[str, str] | None  # 16 pairs at most


class _AssistantSettings(Extras, total=False):
    """What an assistant is made of."""

    name: str | None
    description: str | None
    instructions: str | None  # the system prompt
    tools: Sequence[JSONObject] | None
    tool_resources: JSONObject | None
    metadata: Mapping[str, str] | None
    temperature: float | None  # 0 to 2
    top_p: float | None  # 0 to 1
    reasoning_effort: str | None
    response_format: str | JSONObject | None


class CreateAssistant(_AssistantSettings, total=False):
    """A new assistant."""

    model: Required[str]


class ModifyAssistant(_AssistantSettings, total=False):
    """Changes of an assistant."""

    model: str | None


class MessageParam(TypedDict, total=False):
    """A message that a new thread or run starts with."""

    role: Required[str]  # "user" or "assistant"
    content: Required[str | Sequence[JSONObject]]  # text, or parts
    attachments: Sequence[JSONObject] | None
    metadata: Mapping[str, str] | None


class CreateMessage(Extras, total=False):
    """A new message."""

    role: Required[str]  # "user" or "assistant"
    content: Required[str | Sequence[JSONObject]]  # text, or parts
    attachments: Sequence[JSONObject] | None
    metadata: Mapping[str, str] | None


class ThreadParam(TypedDict, total=False):
    """The thread that is made for a run."""

    messages: Sequence[MessageParam | Mapping[str, Any]] | None
    tool_resources: JSONObject | None
    metadata: Mapping[str, str] | None


class CreateThread(Extras, total=False):
    """A new thread."""

    messages: Sequence[MessageParam | Mapping[str, Any]] | None
    tool_resources: JSONObject | None
    metadata: Mapping[str, str] | None


class ModifyThread(Extras, total=False):
    """Changes of a thread."""

    tool_resources: JSONObject | None
    metadata: Mapping[str, str] | None


class _RunSettings(Extras, total=False):
    """How an assistant is to run; what is left out is as the assistant has it."""

    assistant_id: Required[str]
    model: str | None
    instructions: str | None  # instead of the assistant's own
    tools: Sequence[JSONObject] | None
    metadata: Mapping[str, str] | None
    temperature: float | None  # 0 to 2
    top_p: float | None  # 0 to 1
    max_prompt_tokens: int | None  # in the whole run
    max_completion_tokens: int | None  # in the whole run
    truncation_strategy: JSONObject | None
    tool_choice: str | JSONObject | None
    parallel_tool_calls: bool | None
    response_format: str | JSONObject | None


class CreateRun(_RunSettings, Inclusion, total=False):
    """A new run."""

    additional_instructions: str | None  # after the assistant's own
    additional_messages: Sequence[MessageParam | Mapping[str, Any]] | None  # before the run
    reasoning_effort: str | None


class CreateThreadAndRun(_RunSettings, total=False):
    """A new thread and a run on it."""

    thread: ThreadParam | Mapping[str, Any] | None
    tool_resources: JSONObject | None


class ToolOutput(TypedDict):
    """The output of one call."""

    tool_call_id: str
    output: str
